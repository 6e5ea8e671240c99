//! Users as bytes: back into the same model, into another, and bytes that are none.

mod common;

use common::choosing::{positive_only, with_ratings};
use common::estimator::Case;
use common::files::{sample, sample_with_vectors};
use melu::model::schema::Value;
use melu::{Catalog, Error, Loaded, Model, NewItem, Scratch, User};
use proptest::prelude::*;
use xxhash_rust::xxh64::xxh64;

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

fn scores(user: &mut User) -> Vec<u32> {
    let mut scores = vec![0.0; user.catalog().len()];
    user.score_all(&mut scores, &mut common::scratch(user)).unwrap();
    bits(&scores)
}

fn deviations(user: &mut User) -> Vec<u32> {
    let items: Vec<u32> = (0..user.catalog().len() as u32).collect();
    let (mut scores, mut deviations) = (vec![0.0; items.len()], vec![0.0; items.len()]);
    user.predict_with_deviations(&items, &mut scores, &mut deviations, &mut common::scratch(user))
        .unwrap();
    bits(&deviations)
}

/// A sample model's user, who rated two of its three items.
fn sample_user(model: &Model) -> User {
    let catalog = model.catalog().unwrap().unwrap();
    let mut user = User::new(&catalog, &[("region", Value::Name("e"))]).unwrap();
    user.adapt(&[2, 0], &[4.5, 2.0], &mut common::scratch(&user)).unwrap();
    user
}

/// The bytes with their checksum made right again.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let content = bytes.len() - 8;
    let checksum = xxh64(&bytes[..content], 0);
    bytes[content..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Loads a user in a scratch that served nobody.
fn load(catalog: &Catalog, bytes: &[u8]) -> melu::Result<Loaded> {
    User::load(catalog, bytes, &mut Scratch::new(catalog)?)
}

#[test]
fn the_same_model_scores_the_same_bits() {
    for contents in [sample(), sample_with_vectors()] {
        let model = Model::from_contents(contents.clone()).unwrap();
        let mut user = sample_user(&model);
        let bytes = user.save().unwrap();
        // Opened anew, it is the same model.
        let model = Model::from_bytes(common::files::bytes(&contents)).unwrap();
        let catalog = model.catalog().unwrap().unwrap();
        let Loaded { user: mut loaded, adapted_anew, missing_items } =
            load(&catalog, &bytes).unwrap();
        assert!(!adapted_anew);
        assert_eq!(missing_items, 0);
        assert_eq!(loaded.rated(), [2, 0]);
        assert_eq!(loaded.ratings(), [4.5, 2.0]);
        assert_eq!(bits(&loaded.head().unwrap()), bits(&user.head().unwrap()));
        assert_eq!(scores(&mut loaded), scores(&mut user));
        if model.has_deviations() {
            assert_eq!(deviations(&mut loaded), deviations(&mut user));
        }
        assert_eq!(loaded.save().unwrap(), bytes);
    }
}

#[test]
fn every_kind_of_model_comes_back() {
    for case in Case::all() {
        let model = Model::from_contents(case.contents.clone()).unwrap();
        let Some(catalog) = model.catalog().unwrap() else { continue };
        let known = |item: &&u32| (**item as usize) < catalog.len();
        let items: Vec<u32> = case.support.items.iter().filter(known).copied().collect();
        let mut user = User::new(&catalog, &[]).unwrap();
        user.adapt(&items, &case.support.ratings[..items.len()], &mut common::scratch(&user))
            .unwrap();
        let mut loaded = load(&catalog, &user.save().unwrap()).unwrap().user;
        assert_eq!(scores(&mut loaded), scores(&mut user));
    }
}

#[test]
fn another_model_adapts_anew_and_says_so() {
    let old = Model::from_contents(sample()).unwrap();
    let new = Model::from_contents(sample_with_vectors()).unwrap();
    assert_ne!(old.fingerprint(), new.fingerprint());
    let loaded =
        load(&new.catalog().unwrap().unwrap(), &sample_user(&old).save().unwrap()).unwrap();
    assert!(loaded.adapted_anew);
    assert_eq!(scores(&mut loaded.user.clone()), scores(&mut sample_user(&new)));

    // One weight is enough to be another model.
    let mut contents = sample();
    contents.head[0] += 1e-6;
    assert_ne!(Model::from_contents(contents).unwrap().fingerprint(), old.fingerprint());
    // What nothing is computed from is not.
    let unused = sample();
    let table = melu::model::file::CatalogTable { titles: None, ..unused.catalog.clone().unwrap() };
    let contents = melu::model::file::Contents {
        catalog: Some(table),
        evidence: None,
        familiarity: None,
        training: None,
        ..unused
    };
    assert_eq!(Model::from_contents(contents).unwrap().fingerprint(), old.fingerprint());
}

#[test]
fn ratings_of_items_that_are_missing_are_counted_and_kept() {
    let model = Model::from_contents(sample()).unwrap();
    let mut user = sample_user(&model);
    let item = |id| NewItem { id, title: None, values: &[] };
    let smaller = Catalog::new(&model, &[item("one"), item("four")]).unwrap();
    let loaded = load(&smaller, &user.save().unwrap()).unwrap();
    assert!(!loaded.adapted_anew);
    assert_eq!(loaded.missing_items, 1);
    assert_eq!(loaded.user.rated(), [0]);
    // The head is the same, for the ratings were not forgotten.
    assert_eq!(bits(&loaded.user.head().unwrap()), bits(&user.head().unwrap()));

    let whole = model.catalog().unwrap().unwrap();
    let mut back = load(&whole, &loaded.user.save().unwrap()).unwrap();
    assert_eq!(back.missing_items, 0);
    let mut rated: Vec<u32> = back.user.rated().to_vec();
    rated.sort_unstable();
    assert_eq!(rated, [0, 2]);
    assert_eq!(scores(&mut back.user), scores(&mut user));

    let mut reset = loaded.user.clone();
    reset.reset();
    assert!(load(&whole, &reset.save().unwrap()).unwrap().user.rated().is_empty());
}

/// A user who was adapted without an item of theirs is adapted with all of them again where the
/// catalogue has it.
#[test]
fn a_rating_in_a_catalogue_that_lacks_items_forgets_none() {
    for contents in [sample(), sample_with_vectors(), with_ratings(150), positive_only(150)] {
        let model = Model::from_contents(contents).unwrap();
        let whole = model.catalog().unwrap().unwrap();
        let most = model.config().output.range.map_or(1.0, |[_, most]| most);
        let ratings = |count: usize| vec![most; count];
        let mut user = User::new(&whole, &[]).unwrap();
        user.adapt(&[0, 2], &ratings(2), &mut common::scratch(&user)).unwrap();
        let smaller = whole.remove(&[2]).unwrap();
        let mut loaded = load(&smaller, &user.save().unwrap()).unwrap().user;
        loaded.rate(1, most, &mut common::scratch(&loaded)).unwrap();
        let Loaded { user: mut back, adapted_anew, missing_items } =
            load(&whole, &loaded.save().unwrap()).unwrap();
        assert_eq!((adapted_anew, missing_items), (true, 0));
        assert_eq!(back.rated(), [0, 1, 2]);
        user.adapt(&[0, 1, 2], &ratings(3), &mut common::scratch(&user)).unwrap();
        assert_eq!(scores(&mut back), scores(&mut user));
        assert_eq!(bits(&back.head().unwrap()), bits(&user.head().unwrap()));

        // Loaded where the item is still missing, and rated again.
        let mut again = load(&smaller, &loaded.save().unwrap()).unwrap().user;
        assert_eq!(scores(&mut again), scores(&mut loaded));
        again.withdraw(1, &mut common::scratch(&again)).unwrap();
        let mut back = load(&whole, &again.save().unwrap()).unwrap().user;
        user.adapt(&[0, 2], &ratings(2), &mut common::scratch(&user)).unwrap();
        assert_eq!(scores(&mut back), scores(&mut user));
    }
}

#[test]
fn what_another_model_has_no_use_for_counts_as_unknown() {
    let old = Model::from_contents(sample_with_vectors()).unwrap();
    let catalog = old.catalog().unwrap().unwrap();
    let profile = [("region", Value::Name("e")), ("age", Value::Index(1))];
    let user = User::new(&catalog, &profile).unwrap();
    let new = Model::from_contents(sample()).unwrap().catalog().unwrap().unwrap();
    let loaded = load(&new, &user.save().unwrap()).unwrap().user;
    assert_eq!(loaded.unknown_values(), 1);
    // It is not lost, for the case that the user comes back.
    let back = load(&catalog, &loaded.save().unwrap()).unwrap().user;
    assert_eq!(back.unknown_values(), 0);
    assert_eq!(bits(&back.head().unwrap()), bits(&user.head().unwrap()));
}

#[test]
fn ratings_that_another_model_cannot_have_are_refused() {
    let user = sample_user(&Model::from_contents(sample()).unwrap());
    let mut contents = sample();
    contents.config.output = melu::model::loss::Output {
        loss: melu::model::loss::Loss::Bce,
        scale: 1.0,
        offset: 0.0,
        range: None,
    };
    let clicks = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
    let error = load(&clicks, &user.save().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Rating { position: 0, .. }), "{error}");
}

#[test]
fn bytes_that_are_cut_or_changed_are_refused() {
    let model = Model::from_contents(sample()).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let bytes = sample_user(&model).save().unwrap();
    for len in 0..bytes.len() {
        let error = load(&catalog, &bytes[..len]).unwrap_err();
        assert!(matches!(error, Error::SavedUser { .. }), "{len}: {error}");
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        let error = load(&catalog, &changed).unwrap_err();
        assert!(matches!(error, Error::SavedUser { .. }), "{place}: {error}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(load(&catalog, &longer).is_err());
}

#[test]
fn wrong_numbers_under_a_right_checksum_are_refused() {
    let model = Model::from_contents(sample()).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let bytes = sample_user(&model).save().unwrap();
    let refused = |change: &dyn Fn(&mut Vec<u8>), named: &str| {
        let mut changed = bytes.clone();
        change(&mut changed);
        let error = load(&catalog, &sealed(changed)).unwrap_err();
        assert!(matches!(error, Error::SavedUser { .. }), "{error}");
        assert!(error.to_string().contains(named), "{named}: {error}");
    };
    let end = bytes.len() - 8;
    refused(&|bytes| bytes[8] = 2, "version 2");
    refused(&|bytes| bytes[20..24].fill(0xff), "");
    refused(&|bytes| bytes[end - 4..end].copy_from_slice(&f32::NAN.to_le_bytes()), "NaN");
    refused(&|bytes| bytes.splice(end..end, [0; 4]).for_each(drop), "4 bytes more");
    // A head of another size, under this model's fingerprint.
    let network = model.head_network();
    let count = model.head().len() - network.layers()[0].outputs * network.user_width();
    let shorter = |bytes: &mut Vec<u8>| {
        let fewer = count as u32 - 1;
        bytes[end - 4 * (count + 1)..][..4].copy_from_slice(&fewer.to_le_bytes());
        bytes.drain(end - 4..end);
    };
    refused(&shorter, "head");
}

/// What an earlier version saved stays readable.
#[test]
fn the_first_version_stays_readable() {
    let golden = include_bytes!("golden/user-1.bin");
    let model = Model::from_contents(sample()).unwrap();
    let loaded = load(&model.catalog().unwrap().unwrap(), golden).unwrap();
    assert!(!loaded.adapted_anew, "the fingerprint has changed");
    assert_eq!(loaded.user.rated(), [2, 0]);
    assert_eq!(loaded.user.ratings(), [4.5, 2.0]);
    assert_eq!(loaded.user.save().unwrap(), golden);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(
        changes in prop::collection::vec((0usize..10_000, any::<u8>()), 1..8),
    ) {
        let model = Model::from_contents(sample_with_vectors()).unwrap();
        let catalog = model.catalog().unwrap().unwrap();
        let mut bytes = sample_user(&model).save().unwrap();
        for (place, byte) in changes {
            let place = 20 + place % (bytes.len() - 28);
            bytes[place] = byte;
        }
        if let Ok(mut loaded) = load(&catalog, &sealed(bytes)) {
            scores(&mut loaded.user);
        }
    }
}
