//! Catalogues in f16: how near their scores come, what decides about them,
//! and what they refuse.

#![cfg(feature = "train")]

mod common;

use std::ops::ControlFlow;

use common::estimator::Case;
use common::files::{bytes, refused, sample, sample_with_vectors, use_all, with_header};
use common::{Tensors, unit};
use half::f16;
use melu::data::{SynthOptions, World};
use melu::model::config::{Config, DataType};
use melu::model::file::Contents;
use melu::model::schema::Value;
use melu::train::{TrainOptions, Trainer};
use melu::{Catalog, Error, Loaded, Model, NewItem, Scratch, User};
use serde_json::Value as Json;

const ITEMS: usize = 700;

fn scores(user: &mut User) -> Vec<f32> {
    let mut scores = vec![0.0; user.catalog().len()];
    user.score_all(&mut scores, &mut common::scratch(user)).unwrap();
    scores
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// A model of two fields without vectors, a deep head and random weights.
fn deep(embedding_dim: usize, hidden: &[usize], catalog: &str, seed: u64) -> Contents {
    let config = format!(
        r#"{{"item_fields": [{{"name": "kind", "kind": "one", "size": {ITEMS}}},
                             {{"name": "year", "kind": "one", "size": 9}}],
            "user_fields": [{{"name": "region", "kind": "one", "size": 3}}],
            "embedding_dim": {embedding_dim}, "hidden": {hidden:?}, "loss": "mse",
            "output": {{"scale": 1.0, "offset": 3.0}},
            "catalog": "{catalog}", "local": {{"steps": 3, "rate": 0.01}}}}"#
    );
    let config = Config::from_json(&config).unwrap();
    let widths = config.head_network().unwrap();
    let scale = |tensor: usize| match tensor.checked_sub(3) {
        None => 1.0,
        Some(tensor) => (3.0 / widths.layers()[tensor / 2].inputs as f64).sqrt(),
    };
    Tensors::generate(&config, seed, scale).contents(&config)
}

/// All kinds of items of such a model.
fn items_of(model: &Model) -> Catalog {
    let values: Vec<[(&str, Value); 2]> = (0..ITEMS as u32)
        .map(|item| [("kind", Value::Index(item)), ("year", Value::Index(item % 9))])
        .collect();
    let ids: Vec<String> = (0..ITEMS).map(|item| item.to_string()).collect();
    let items = ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values });
    Catalog::new(model, &items.collect::<Vec<_>>()).unwrap()
}

fn adapted(catalog: &Catalog, seed: u64) -> User {
    let mut user = User::new(catalog, &[]).unwrap();
    let items: Vec<u32> = (0..20.min(catalog.len() as u32)).collect();
    let ratings: Vec<f32> =
        items.iter().map(|item| 3.0 + 2.0 * unit(seed, 0, u64::from(*item)) as f32).collect();
    user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
    user
}

/// The largest difference of two lists, in standard deviations of the second.
fn difference(found: &[f32], expected: &[f32]) -> f64 {
    let count = expected.len() as f64;
    let mean = expected.iter().map(|score| f64::from(*score)).sum::<f64>() / count;
    let squares = expected.iter().map(|score| (f64::from(*score) - mean).powi(2));
    let spread = (squares.sum::<f64>() / count).sqrt();
    let differences = found.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs()));
    differences.fold(0.0, f64::max) / spread
}

/// Scores before and after adapting, with the catalogue in both data types.
fn near(catalog: &Catalog, what: &str) {
    let half = catalog.convert(DataType::F16).unwrap();
    assert_eq!((catalog.data_type(), half.data_type()), (DataType::F32, DataType::F16));
    let start = |catalog| scores(&mut User::new(catalog, &[]).unwrap());
    let begin = difference(&start(&half), &start(catalog));
    assert!(begin > 0.0 && begin < 2e-3, "{what}: {begin}");
    let adapted = |catalog, seed| scores(&mut adapted(catalog, seed));
    let differences = (0..9).map(|seed| difference(&adapted(&half, seed), &adapted(catalog, seed)));
    let mut differences: Vec<f64> = differences.collect();
    differences.sort_by(f64::total_cmp);
    println!("{what}: {begin:.5} standard deviations; adapted {differences:.5?}");
    // A hidden unit that rounding opens or shuts for a rated item is another gradient, as
    // it would be for any other rounding; so with hidden layers most users count.
    let most = match catalog.model().config().hidden.len() {
        0 => differences.len() - 1,
        _ => differences.len() / 2,
    };
    assert!(differences[most] < 2e-3, "{what}: {differences:?}");
}

#[test]
fn scores_come_near_those_of_f32() {
    for (seed, (dim, hidden)) in
        [(64, &[64, 64][..]), (19, &[70, 33]), (5, &[16]), (32, &[]), (16, &[48, 48, 48])]
            .into_iter()
            .enumerate()
    {
        let model = Model::from_contents(deep(dim, hidden, "f32", seed as u64)).unwrap();
        near(&items_of(&model), &format!("{dim}, {hidden:?}"));
    }
}

fn trained(options: &TrainOptions) -> Model {
    let world = SynthOptions { users: 150, items: 200, ..SynthOptions::default() };
    let dataset = World::generate(&world).unwrap().dataset().unwrap();
    let mut trainer = Trainer::new(&dataset, options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    Model::from_contents(trainer.finish().unwrap()).unwrap()
}

#[test]
fn so_do_those_of_trained_models() {
    let default = TrainOptions { epochs: 2, ..TrainOptions::default() };
    let paper = TrainOptions { epochs: 2, ..TrainOptions::paper() };
    for (options, what) in [(&default, "default"), (&paper, "paper")] {
        near(&trained(options).catalog().unwrap().unwrap(), what);
    }
    // And one that was validated, calibrated and asked of so.
    let half = trained(&TrainOptions { catalog: DataType::F16, ..default });
    assert_eq!(half.config().catalog, DataType::F16);
    assert_eq!(half.catalog().unwrap().unwrap().data_type(), DataType::F16);
    let file = bytes(half.contents());
    assert_eq!(Model::from_bytes(file).unwrap().fingerprint(), half.fingerprint());
}

/// What another implementation rounds is what a catalogue holds: to the bit.
#[test]
fn scores_are_those_of_rounded_embeddings() {
    let rounded = |number: &f32| f16::from_f32_const(*number).to_f32_const();
    for (seed, hidden) in [&[9, 5][..], &[33], &[]].into_iter().enumerate() {
        let contents = deep(13, hidden, "f16", seed as u64);
        let mut expected = deep(13, hidden, "f32", seed as u64);
        for table in &mut expected.item_embeddings {
            *table = table.iter().map(rounded).collect::<Vec<f32>>().into();
        }
        assert_ne!(expected.item_embeddings, contents.item_embeddings);
        let catalog = items_of(&Model::from_contents(contents).unwrap());
        let expected = items_of(&Model::from_contents(expected).unwrap());
        assert_eq!(catalog.data_type(), DataType::F16);
        let (found, expected) = (adapted(&catalog, 1), adapted(&expected, 1));
        assert_eq!(bits(&found.head().unwrap()), bits(&expected.head().unwrap()));
        assert_eq!(bits(&scores(&mut { found })), bits(&scores(&mut { expected })));
    }
}

#[test]
fn an_item_has_the_same_bits_wherever_it_stands() {
    let deep = items_of(&Model::from_contents(deep(19, &[20], "f16", 3)).unwrap());
    let vectors = Model::from_contents(sample_with_vectors()).unwrap();
    let ids: Vec<String> = (0..ITEMS).map(|item| format!("new {item}")).collect();
    let genres = [Value::Name("war"), Value::Name("comedy"), Value::Name("drama")];
    let values: Vec<_> = (0..ITEMS)
        .map(|i| [("genres", genres[i % 3]), ("year", Value::Number(1900.0 + i as f32))])
        .collect();
    let items: Vec<NewItem> =
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values }).collect();
    let single = vectors.catalog().unwrap().unwrap().extend(&items).unwrap();
    let vectors = single.convert(DataType::F16).unwrap();
    for catalog in [deep, vectors] {
        let mut user = adapted(&catalog, 2);
        let all = scores(&mut user);
        let count = catalog.len() as u32;
        let order: Vec<u32> = (0..3 * count).map(|i| (i * 7_919 + i / 3) % count).collect();
        for len in [1, 2, 5, 95, 96, 97, order.len()] {
            for items in order.chunks(len) {
                let mut listed = vec![0.0; items.len()];
                user.score(items, &mut listed, &mut common::scratch(&user)).unwrap();
                let expected = items.iter().map(|&item| all[item as usize].to_bits());
                assert_eq!(bits(&listed), expected.collect::<Vec<_>>());
            }
        }
        let mut best = Vec::new();
        user.recommend(20, &Default::default(), &mut best, &mut common::scratch(&user)).unwrap();
        for found in best {
            assert_eq!(found.score.to_bits(), all[found.item as usize].to_bits());
        }
    }
}

#[test]
fn an_extended_catalogue_keeps_its_data_type() {
    for case in Case::all() {
        let model = Model::from_contents(case.contents.clone()).unwrap();
        let Some(catalog) = model.catalog().unwrap() else { continue };
        let new = [NewItem { id: "brand new", title: None, values: &[] }];
        let half = catalog.convert(DataType::F16).unwrap();
        let extended = half.extend(&new).unwrap();
        assert_eq!(extended.data_type(), DataType::F16);
        let expected = catalog.extend(&new).unwrap().convert(DataType::F16).unwrap();
        let of = |catalog| bits(&scores(&mut User::new(catalog, &[]).unwrap()));
        assert_eq!(of(&extended), of(&expected));
        // And back, which brings the same bits as before.
        let single = extended.convert(DataType::F32).unwrap();
        assert_eq!(of(&single), of(&catalog.extend(&new).unwrap()));
        assert_eq!(extended.unknown_values(), single.unknown_values());
    }
}

fn with_catalog(file: &[u8], catalog: &Json) -> Vec<u8> {
    with_header(file, |header| {
        let metadata = &mut header["__metadata__"];
        let mut config: Json =
            serde_json::from_str(metadata["melu.config"].as_str().unwrap()).unwrap();
        config["catalog"] = catalog.clone();
        metadata["melu.config"] = config.to_string().into();
    })
}

#[test]
fn the_file_chooses() {
    for contents in [sample(), sample_with_vectors()] {
        let file = bytes(&contents);
        let plain = Model::from_bytes(file.clone()).unwrap();
        let single = Model::from_bytes(with_catalog(&file, &"f32".into())).unwrap();
        let half = Model::from_bytes(with_catalog(&file, &"f16".into())).unwrap();
        assert_eq!(single.config(), plain.config());
        assert_eq!(single.fingerprint(), plain.fingerprint());
        assert_ne!(half.fingerprint(), plain.fingerprint());
        assert_eq!(bytes(single.contents()), file);
        assert_eq!(
            Model::from_bytes(bytes(half.contents())).unwrap().config().catalog,
            DataType::F16
        );
        use_all(&half);
        let new = [NewItem { id: "new", title: None, values: &[] }];
        for (model, data_type) in [(&single, DataType::F32), (&half, DataType::F16)] {
            let own = model.catalog().unwrap().unwrap();
            assert_eq!(own.data_type(), data_type);
            assert_eq!(Catalog::new(model, &new).unwrap().data_type(), data_type);
            let table = own.table().clone();
            assert_eq!(Catalog::from_table(model, table).unwrap().data_type(), data_type);
        }
        for wrong in ["f64", "F16", "half", "", "bf16"] {
            let refused = refused(with_catalog(&file, &wrong.into()));
            assert!(refused.contains("melu.config") && refused.contains("f16"), "{refused}");
        }
        for wrong in [Json::Null, 16.into(), true.into(), vec!["f16"].into()] {
            assert!(refused(with_catalog(&file, &wrong)).contains("catalog"), "{wrong}");
        }
    }
}

#[test]
fn saved_users_are_adapted_anew_in_another_data_type() {
    for contents in [sample(), sample_with_vectors()] {
        let file = bytes(&contents);
        let model = Model::from_bytes(file.clone()).unwrap();
        let single = model.catalog().unwrap().unwrap();
        let half = single.convert(DataType::F16).unwrap();
        let by_file = Model::from_bytes(with_catalog(&file, &"f16".into())).unwrap();
        let by_file = by_file.catalog().unwrap().unwrap();
        let saved = |catalog| {
            let mut user = User::new(catalog, &[]).unwrap();
            user.adapt(&[2, 0], &[4.5, 2.0], &mut common::scratch(&user)).unwrap();
            (user.save().unwrap(), scores(&mut user))
        };
        for (from, into, anew) in [
            (&single, &single, false),
            (&half, &half, false),
            (&half, &by_file, false),
            (&by_file, &half, false),
            (&single, &half, true),
            (&half, &single, true),
            (&by_file, &single, true),
        ] {
            let Loaded { mut user, adapted_anew, .. } = {
                let mut scratch = Scratch::new(into).unwrap();
                User::load(into, &saved(from).0, &mut scratch).unwrap()
            };
            assert_eq!(adapted_anew, anew);
            assert_eq!(bits(&scores(&mut user)), bits(&saved(into).1));
        }
    }
}

#[test]
fn numbers_beyond_f16_are_refused() {
    for (number, fits) in
        [(65_504.0, true), (-65_519.0, true), (65_520.0, false), (-1e9, false), (f32::MAX, false)]
    {
        let change = |catalog| {
            let mut contents = deep(3, &[4], catalog, 1);
            let mut table = contents.item_embeddings[0].to_vec();
            table[3 * 41 + 2] = number;
            contents.item_embeddings[0] = table.into();
            Model::from_contents(contents).unwrap()
        };
        let single = items_of(&change("f32"));
        assert_eq!(single.convert(DataType::F16).is_ok(), fits);
        let model = change("f16");
        let values = [("kind", Value::Index(41))];
        let found = Catalog::new(&model, &[NewItem { id: "large", title: None, values: &values }]);
        let others = Catalog::new(&model, &[NewItem { id: "others", title: None, values: &[] }]);
        assert!(fits || number.abs() > 1e8 || others.is_ok());
        match found {
            Ok(_) => assert!(fits),
            Err(error) => {
                let text = error.to_string();
                assert!(matches!(error, Error::Argument { .. }) && !fits, "{text}");
                for word in ["\"large\"", &number.to_string(), "65504", "f32"] {
                    assert!(text.contains(word), "{word}: {text}");
                }
            }
        }
    }
    // A file with such an item is sound, but for its catalogue.
    let mut contents = sample_with_vectors();
    contents.config.catalog = DataType::F16;
    let vectors = contents.catalog.as_mut().unwrap().vectors.as_mut().unwrap();
    vectors.vectors = vec![0.5, 0.5, 0.5, 0.5, 90_000.0, 0.5, 0.5, 0.5, 0.5].into();
    let error = Model::from_bytes(bytes(&contents)).unwrap().catalog().unwrap_err();
    assert!(error.to_string().contains("\"two\""), "{error}");
}
