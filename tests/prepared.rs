//! What a weight file keeps of its catalogue, so that opening computes nothing: the same bits as
//! when it is computed, whole lists from bounds in 8 bits, and no harm from a damaged file.

mod common;

use common::choosing::{positive_only, with_ratings};
use common::files::bytes;
use melu::model::config::DataType;
use melu::model::file::Contents;
use melu::model::schema::Value;
use melu::{
    Catalog, Error, Filter, Model, NewItem, Order, Question, QuestionOptions, Questions,
    RecommendOptions, Recommendation, Scratch, User,
};
use proptest::prelude::*;
use safetensors::SafeTensors;

/// The file with all that its catalogue computes.
fn saved(contents: &Contents) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    Model::from_contents(contents.clone()).unwrap().save(&path).unwrap();
    std::fs::read(path).unwrap()
}

fn catalog(file: Vec<u8>) -> Catalog {
    Model::from_bytes(file).unwrap().catalog().unwrap().unwrap()
}

fn answers(items: usize, count: usize, salt: usize) -> (Vec<u32>, Vec<f32>) {
    (0..count).map(|n| (((n * 37 + salt) % items) as u32, (1 + (n + salt) % 5) as f32)).unzip()
}

fn user(catalog: &Catalog, count: usize, salt: usize) -> User {
    let (items, mut ratings) = answers(catalog.len(), count, salt);
    if !catalog.model().has_ratings() {
        ratings.fill(1.0);
    }
    let mut user = User::new(catalog, &[]).unwrap();
    user.adapt(&items, &ratings, &mut Scratch::new(catalog).unwrap()).unwrap();
    user
}

fn exactly(list: &[Recommendation]) -> Vec<(u32, [u32; 3])> {
    let bits =
        |found: &Recommendation| [found.score, found.rating, found.deviation].map(f32::to_bits);
    list.iter().map(|found| (found.item, bits(found))).collect()
}

fn best(user: &User, k: usize, options: &RecommendOptions) -> Vec<Recommendation> {
    let mut best = Vec::new();
    let mut scratch = Scratch::new(user.catalog()).unwrap();
    user.recommend(k, options, &mut best, &mut scratch).unwrap();
    best
}

#[test]
fn a_catalogue_from_a_file_is_the_one_that_is_computed() {
    for data_type in [DataType::F32, DataType::F16] {
        for mut contents in [with_ratings(413), positive_only(413)] {
            contents.config.catalog = data_type;
            let both = [catalog(bytes(&contents)), catalog(saved(&contents))];
            assert_eq!(both[0].model().fingerprint(), both[1].model().fingerprint());
            let new = [("new", 2), ("item 5000", 4)]
                .map(|(id, genre)| (id, [("genres", Value::Index(genre))]));
            let new: Vec<NewItem> =
                new.iter().map(|(id, values)| NewItem { id, title: None, values }).collect();
            let longer = [0, 1].map(|place: usize| both[place].extend(&new).unwrap());
            let shorter = [0, 1].map(|place: usize| longer[place].remove(&[3, 17]).unwrap());
            for [computed, kept] in [both, longer, shorter] {
                assert_eq!((computed.len(), computed.data_type()), (kept.len(), kept.data_type()));
                for item in 0..computed.len() as u32 {
                    assert_eq!(computed.find(computed.id(item).unwrap()), Some(item));
                    assert_eq!(kept.find(computed.id(item).unwrap()), Some(item));
                }
                assert_eq!((kept.find("item"), kept.find("zzz")), (None, None));
                for count in [0, 1, 20] {
                    let options = RecommendOptions::default();
                    let [first, second] = [&computed, &kept]
                        .map(|catalog| exactly(&best(&user(catalog, count, 3), 500, &options)));
                    assert_eq!(first, second);
                }
            }
        }
    }
}

/// The list by sorting all scores.
fn sorted(user: &User, k: usize, may: impl Fn(u32) -> bool) -> Vec<(u32, u32)> {
    let mut scores = vec![0.0; user.catalog().len()];
    user.score_all(&mut scores, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let mut all: Vec<Recommendation> = (0..)
        .zip(scores)
        .filter(|(item, _)| may(*item))
        .map(|(item, score)| Recommendation::new(item, score))
        .collect();
    all.sort();
    all.iter().take(k).map(|found| (found.item, found.score.to_bits())).collect()
}

fn places(list: &[Recommendation]) -> Vec<(u32, u32)> {
    list.iter().map(|found| (found.item, found.score.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_list_from_bounds_is_the_best_of_all_scores(
        // Fewer than a chunk, several, and more than there are dense sums for.
        items in prop_oneof![2usize..600, 3_900usize..13_000, Just(66_000usize)],
        count in 0usize..30,
        k in prop_oneof![1usize..25, 200usize..700],
        salt in 0usize..1000,
        threads in 1usize..4,
        exposure in prop_oneof![Just(1.0f32), -1f32..2.0],
        min_raters in prop_oneof![Just(0u32), 1u32..9],
        with in any::<bool>(),
    ) {
        let contents = if with { with_ratings(items) } else { positive_only(items) };
        let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
        let user = user(&catalog, count, salt);
        let may = |item: u32| {
            !user.rated().contains(&item) && catalog.raters(item).unwrap() >= min_raters
        };
        let options = RecommendOptions { min_raters, ..RecommendOptions::default() };
        prop_assert_eq!(places(&best(&user, k, &options)), sorted(&user, k, may));

        let mut scratch = Scratch::new(&catalog).unwrap();
        let odd = |item: u32| item % 2 == 1;
        let filter = Some(Filter(&odd));
        let options = RecommendOptions { filter, ..options };
        let mut list = vec![Recommendation::new(0, 0.0); k];
        let found =
            user.recommend_by_threads(threads, &options, &mut list, &mut scratch).unwrap();
        let expected = sorted(&user, k, |item| may(item) && odd(item));
        prop_assert_eq!(places(&list[..found]), expected);

        // Places for new items, and another exposure: against the same list from all items.
        let options = RecommendOptions { new_items: k / 3, exposure, ..RecommendOptions::default() };
        let all: Vec<u32> = (0..items as u32).collect();
        let among = RecommendOptions { among: Some(&all), ..options };
        prop_assert_eq!(exactly(&best(&user, k, &options)), exactly(&best(&user, k, &among)));
    }
}

/// Changes the numbers of a tensor.
fn damage(file: &mut [u8], name: &str, change: impl Fn(usize, &mut [u8])) -> bool {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let Ok(tensor) = tensors.tensor(name) else { return false };
    let begin = tensor.data().as_ptr().addr() - file.as_ptr().addr();
    let end = begin + tensor.data().len();
    for (place, number) in file[begin..end].chunks_mut(4).enumerate() {
        change(place, number);
    }
    true
}

/// Calls whatever reads the catalogue; a refusal is as good as an answer.
fn use_all(catalog: &Catalog) -> Result<(), Error> {
    let mut scratch = Scratch::new(catalog)?;
    let mut user = User::new(catalog, &[])?;
    let (items, ratings) = answers(catalog.len(), 20, 1);
    for count in [0, 3, 20] {
        let adapted = user.adapt(&items[..count], &ratings[..count], &mut scratch);
        for order in [Order::Score, Order::Rating] {
            let mut best = Vec::new();
            let options = RecommendOptions { order, ..RecommendOptions::default() };
            if user.recommend(20, &options, &mut best, &mut scratch).is_ok() {
                assert!(best.iter().all(|found| found.score.is_finite()));
            }
        }
        let mut scores = vec![0.0; catalog.len()];
        if user.score_all(&mut scores, &mut scratch).is_ok() {
            assert!(scores.iter().all(|score| score.is_finite()));
        }
        let ratings = &mut scores[..items.len()];
        if user.predict(&items, ratings, &mut scratch).is_ok() {
            assert!(ratings.iter().all(|rating| rating.is_finite()));
        }
        if adapted.is_ok() {
            let mut questions = Questions::new(catalog)?;
            let question = user.next_question(&mut questions, QuestionOptions::default());
            if let Ok(Some(Question { known, reduction, .. })) = question {
                assert!(known.is_finite() && reduction.is_finite());
            }
        }
        adapted?;
    }
    for item in 0..catalog.len() as u32 {
        catalog.find(catalog.id(item).unwrap());
    }
    let values = [("genres", Value::Index(1))];
    let longer = catalog.extend(&[NewItem { id: "new", title: None, values: &values }])?;
    User::new(&longer, &[])?.adapt(&items, &ratings, &mut Scratch::new(&longer)?)?;
    let table = catalog.table().clone();
    Catalog::from_table(catalog.model(), table)?.remove(&[2])?;
    Ok(())
}

#[test]
fn a_damaged_file_is_refused_or_gives_finite_scores() {
    let good = saved(&with_ratings(300));
    let names: Vec<String> = {
        let tensors = SafeTensors::deserialize(&good).unwrap();
        tensors
            .names()
            .into_iter()
            .filter(|name| name.starts_with("catalog."))
            .map(String::from)
            .collect()
    };
    for name in ["order", "features", "rounded", "choice.rows", "neighbours.items"] {
        assert!(names.contains(&format!("catalog.{name}")), "{name}");
    }
    use_all(&catalog(good.clone())).unwrap();
    let patterns: [&dyn Fn(usize) -> u32; 7] = [
        &|_| f32::NAN.to_bits(),
        &|_| f32::INFINITY.to_bits(),
        &|_| f32::MAX.to_bits(),
        &|_| 0,
        &|_| u32::MAX,
        &|place| (place as u32).wrapping_mul(2_654_435_761),
        &|place| if place % 7 == 3 { f32::NEG_INFINITY.to_bits() } else { 0x3f00_0000 },
    ];
    for name in &names {
        for pattern in patterns {
            for every in [1, 13] {
                let mut file = good.clone();
                assert!(damage(&mut file, name, |place, number| {
                    if place % every == 0 {
                        let bytes = pattern(place).to_le_bytes();
                        number.copy_from_slice(&bytes[..number.len()]);
                    }
                }));
                let Ok(model) = Model::from_bytes(file) else { continue };
                let Ok(Some(catalog)) = model.catalog() else { continue };
                let _ = use_all(&catalog);
            }
        }
    }
}

/// Otherwise an interview would end without a word.
#[test]
fn a_question_from_no_number_is_an_error() {
    for pattern in [f32::NAN, f32::INFINITY] {
        let mut file = saved(&with_ratings(300));
        damage(&mut file, "catalog.choice.rows", |place, number| {
            if place == 7 * 150 {
                number.copy_from_slice(&pattern.to_le_bytes());
            }
        });
        let catalog = catalog(file);
        let mut questions = Questions::new(&catalog).unwrap();
        let user = User::new(&catalog, &[]).unwrap();
        let error = user.next_question(&mut questions, QuestionOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
    }
}

#[test]
fn a_score_beyond_floats_is_an_error_that_names_the_item() {
    let mut file = saved(&with_ratings(300));
    damage(&mut file, "catalog.choice.rows", |place, number| {
        if place == 7 * 150 {
            number.copy_from_slice(&f32::INFINITY.to_le_bytes());
        }
    });
    // What is bounded no longer fits, so that the item is looked at with any bound.
    damage(&mut file, "catalog.rounded", |_, number| number.fill(0x7c));
    let catalog = catalog(file);
    let user = user(&catalog, 3, 0);
    let mut scratch = Scratch::new(&catalog).unwrap();
    let all: Vec<u32> = (0..300).collect();
    for error in [
        user.recommend(300, &RecommendOptions::default(), &mut Vec::new(), &mut scratch)
            .unwrap_err(),
        user.score(&all, &mut vec![0.0; 300], &mut scratch).unwrap_err(),
    ] {
        let message = error.to_string();
        assert!(matches!(error, Error::Diverged { .. }), "{message}");
        assert!(message.contains("item 150") && message.contains("melu verify"), "{message}");
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    use std::collections::HashMap;

    use safetensors::tensor::TensorView;
    let good = saved(&with_ratings(40));
    let without = |left_out: &str| {
        let tensors = SafeTensors::deserialize(&good).unwrap();
        let (_, header) = SafeTensors::read_metadata(&good).unwrap();
        let kept: Vec<(String, TensorView)> =
            tensors.tensors().into_iter().filter(|(name, _)| name != left_out).collect();
        let metadata: Option<HashMap<String, String>> = header.metadata().clone();
        Model::from_bytes(safetensors::serialize(kept, metadata).unwrap())
    };
    for name in ["catalog.features", "catalog.rounded", "catalog.order"] {
        let error = without(name).unwrap_err().to_string();
        assert!(error.contains("catalog."), "{name}: {error}");
    }
    assert!(without("").is_ok());
}
