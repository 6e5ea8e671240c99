//! Made-up models with a head for choosing, of any number of items.

use melu::model::config::{Config, DataType};
use melu::model::file::{CatalogTable, ChoiceItems, ChoicePriors, Contents};
use melu::model::prior::{Input, Prior, Term};
use melu::model::schema::{Column, Strings};
use melu::model::{ChoiceHead, Curve};

use super::{Tensors, unit};

const CONFIG: &str = r#"{
    "item_fields": [{"name": "genres", "kind": "multi", "size": 6}],
    "user_fields": [{"name": "region", "kind": "one", "size": 3}],
    "embedding_dim": 4, "hidden": [], "loss": "mse",
    "output": {"scale": 1.5, "offset": 3.0},
    "local": {"solver": "ridge", "noise": 0.75, "item_variance": 0.5}
}"#;

/// A model trained on a small made-up world, with ratings or without.
#[cfg(feature = "train")]
pub fn trained(positive_only: bool) -> Contents {
    use std::ops::ControlFlow;

    use melu::data::{SynthOptions, World};
    use melu::train::{TrainOptions, Trainer};

    let options = SynthOptions {
        users: 300,
        items: 200,
        ratings_per_user: 25,
        positive_only,
        ..SynthOptions::default()
    };
    let dataset = World::generate(&options).unwrap().dataset().unwrap();
    let options = TrainOptions { epochs: 2, ..TrainOptions::default() };
    let mut trainer = Trainer::new(&dataset, &options, 1).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    trainer.finish().unwrap()
}

/// Numbers of a vector, without its bias and mark.
const WIDTH: usize = 5;
/// Neighbours of an item.
const NEIGHBOURS: usize = 4;

fn numbers(tensor: u64, len: usize) -> Vec<f32> {
    (0..len as u64).map(|place| unit(23, tensor, place) as f32).collect()
}

fn positive(tensor: u64, len: usize) -> Vec<f32> {
    numbers(tensor, len).iter().map(|number| number.abs() + 0.05).collect()
}

/// A head for choosing beside one for ratings, which count in the score.
pub fn with_ratings(items: usize) -> Contents {
    let config = Config::from_json(CONFIG).unwrap();
    let contents = Tensors::generate(&config, 19, |_| 0.8).contents(&config);
    let head_scale = positive(30, contents.head.len());
    let targets = Curve(vec![[1.0, -0.5], [3.0, 0.2], [5.0, 1.0]]);
    let strengths = Curve(vec![[2.0, -0.3], [4.0, 1.0]]);
    let head = ChoiceHead { rating: 0.2, rating_range: [1.0, 5.0], ..head(targets, strengths) };
    with_choice(Contents { head_scale, ..contents }, head, items)
}

/// A head for choosing alone, of data without ratings.
pub fn positive_only(items: usize) -> Contents {
    let config = Config::from_json(CONFIG).unwrap();
    let (item_fields, user_fields) = (config.item_fields, config.user_fields);
    let config = Config::without_ratings(item_fields, user_fields, None, DataType::F32);
    let contents = Contents {
        config,
        item_embeddings: vec![Vec::new().into()],
        user_embeddings: vec![Vec::new().into()],
        body: Vec::new(),
        head: vec![0.0],
        head_scale: vec![0.0],
        item_prior: None,
        user_prior: None,
        choice: None,
        item_vocabularies: vec![None],
        user_vocabularies: vec![None],
        catalog: None,
        evidence: None,
        familiarity: None,
        training: None,
    };
    with_choice(contents, head(Curve::constant(1.0), Curve::constant(1.0)), items)
}

fn head(targets: Curve, strengths: Curve) -> ChoiceHead {
    ChoiceHead {
        precision: positive(31, WIDTH),
        precision_per_answer: positive(32, WIDTH),
        half_start: 4.0,
        scale: 0.8,
        popularity: 0.3,
        new_items: -0.2,
        starts_by_vector: true,
        neighbours: 0.7,
        targets,
        strengths,
        exposure: 0.25,
        rating: 0.0,
        rating_range: [0.0, 0.0],
    }
}

fn with_choice(contents: Contents, head: ChoiceHead, items: usize) -> Contents {
    let config = Config { choice: Some(head), ..contents.config.clone() };
    let prior = |fields, tensor, width: usize, rows: usize| {
        let term = Term {
            input: Input::Values { field: 0 },
            weights: numbers(tensor + 1, rows * width).into(),
        };
        Prior::new(fields, numbers(tensor, width).into(), vec![term]).unwrap()
    };
    // A categorical field has one row of weights more than values, where there are many.
    let genres = |item: usize| (0..6).filter(move |genre| (item % 63 + 1) >> genre & 1 == 1);
    let mut offsets = vec![0u64];
    let mut values = Vec::new();
    for item in 0..items {
        values.extend(genres(item).map(|genre| genre as u32));
        offsets.push(values.len() as u64);
    }
    // Every ninth item is new: nobody chose it.
    let raters: Vec<u32> =
        (0..items as u32).map(|i| if i % 9 == 8 { 0 } else { i % 13 + 1 }).collect();
    let row = |item: usize| {
        let mut row = numbers(100 + item as u64, WIDTH + 1);
        row.push(if raters[item] == 0 { 1.0 } else { 0.0 });
        row
    };
    let each = NEIGHBOURS.min(items.saturating_sub(1));
    let neighbours =
        |item: usize| (1..=each).map(move |step| ((item + step * step * 7 + step) % items) as u32);
    let table = CatalogTable {
        ids: (0..items)
            .map(|item| format!("item {item}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Strings>(),
        titles: None,
        columns: vec![Column::values(offsets.into(), values.into(), 6).unwrap()],
        vectors: None,
        choice: Some(ChoiceItems {
            rows: (0..items).flat_map(row).collect::<Vec<f32>>().into(),
            raters: raters.clone().into(),
            neighbours: (0..items).flat_map(neighbours).collect::<Vec<u32>>().into(),
            weights: positive(33, items * each).into(),
        }),
    };
    Contents {
        choice: Some(ChoicePriors {
            user: prior(&config.user_fields, 40, WIDTH, 3),
            item: prior(&config.item_fields, 42, WIDTH + 1, 7),
        }),
        catalog: Some(table),
        config,
        ..contents
    }
}
