//! What is promised of the arithmetic: no allocation once a user exists, and the
//! same numbers from each level of instructions.

#![cfg(feature = "train")]

mod common;

use std::ops::ControlFlow;

use common::allocations::{Watching, allocations, bytes_of};
use common::{Tensors, this_test, unit};
use melu::data::{SynthOptions, World};
use melu::model::config::{Config, DataType};
use melu::model::schema::Value;
use melu::train::{Solver, TrainOptions, Trainer};
use melu::{Catalog, Model, NewItem, RecommendOptions, Scratch, User, kernel_name, kernel_names};

#[global_allocator]
static WATCHING: Watching = Watching;

fn trained(options: &TrainOptions) -> Model {
    let world = SynthOptions { users: 80, items: 120, ratings_per_user: 30, ..Default::default() };
    let dataset = World::generate(&world).unwrap().dataset().unwrap();
    let options = TrainOptions { epochs: 1, ..options.clone() };
    let mut trainer = Trainer::new(&dataset, &options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    Model::from_contents(trainer.finish().unwrap()).unwrap()
}

#[test]
fn nothing_is_allocated_once_there_are_a_user_and_a_scratch() {
    assert!(allocations(|| drop(std::hint::black_box(vec![0u8; 9]))) > 0, "nothing is counted");
    let gradient = TrainOptions { solver: Solver::Gradient, ..TrainOptions::default() };
    for (options, precision) in [
        (TrainOptions::default(), DataType::F32),
        (TrainOptions::default(), DataType::F16),
        (gradient, DataType::F16),
        (TrainOptions::paper(), DataType::F32),
        (TrainOptions::paper(), DataType::F16),
    ] {
        let model = trained(&options);
        let catalog = model.catalog().unwrap().unwrap().convert(precision).unwrap();
        let mut user = User::new(&catalog, &[("age", Value::Name("25-34"))]).unwrap();
        let mut scratch = Scratch::new(&catalog).unwrap();
        let items: Vec<u32> = (0..40).collect();
        let ratings: Vec<f32> = (0..40).map(|item| (item % 5) as f32 + 0.5).collect();
        let mut scores = vec![0.0; catalog.len()];
        let mut best = Vec::with_capacity(20);
        let count = allocations(|| {
            for count in [5, 40, 1, 20] {
                user.adapt(&items[..count], &ratings[..count], &mut scratch).unwrap();
                user.score_all(&mut scores, &mut scratch).unwrap();
                user.score(&items, &mut scores[..40], &mut scratch).unwrap();
                let options = RecommendOptions { leave_out: &items[..7], ..Default::default() };
                user.recommend(20, &options, &mut best, &mut scratch).unwrap();
                user.reset();
                user.recommend(3, &RecommendOptions::default(), &mut best, &mut scratch).unwrap();
            }
        });
        assert_eq!(count, 0, "{precision:?}, {:?}", model.config().local);
    }
}

/// Whoever keeps many users in memory keeps what is known of them, and nothing else.
#[test]
fn ten_thousand_users_of_the_default_recipe_weigh_under_4_kilobytes_each() {
    const USERS: usize = 10_000;
    let catalog = trained(&TrainOptions::default()).catalog().unwrap().unwrap();
    let mut scratch = Scratch::new(&catalog).unwrap();
    let mut best = Vec::with_capacity(20);
    let (users, bytes) = bytes_of(|| {
        let mut users = Vec::with_capacity(USERS);
        for number in 0..USERS as u32 {
            let mut user = User::new(&catalog, &[("age", Value::Name("25-34"))]).unwrap();
            let items: Vec<u32> = (0..20).map(|place| (number + 7 * place) % 120).collect();
            let ratings = [4.0; 20];
            user.adapt(&items, &ratings, &mut scratch).unwrap();
            user.recommend(20, &RecommendOptions::default(), &mut best, &mut scratch).unwrap();
            users.push(user);
        }
        users
    });
    let each = bytes as f64 / users.len() as f64;
    println!("{each:.0} bytes a user");
    assert!(each < 4096.0, "{each:.0} bytes a user");
}

/// Heads and scores of a generated model, computed with this process's level.
fn numbers() -> Vec<f32> {
    let json = r#"{
        "item_fields": [{"name": "kind", "kind": "one", "size": 300},
                        {"name": "year", "kind": "one", "size": 9}],
        "user_fields": [{"name": "region", "kind": "one", "size": 3}],
        "embedding_dim": 19, "hidden": [70, 33], "loss": "mse",
        "output": {"scale": 1.0, "offset": 3.0}, "local": {"steps": 3, "rate": 0.01}
    }"#;
    let config = Config::from_json(json).unwrap();
    let tensors = Tensors::generate(&config, 5, |tensor| if tensor < 3 { 1.0 } else { 0.3 });
    let model = Model::from_contents(tensors.contents(&config)).unwrap();
    let values: Vec<[(&str, Value); 2]> = (0..300)
        .map(|item| [("kind", Value::Index(item)), ("year", Value::Index(item % 9))])
        .collect();
    let ids: Vec<String> = (0..300).map(|item| item.to_string()).collect();
    let items = ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values });
    let catalog = Catalog::new(&model, &items.collect::<Vec<_>>()).unwrap();
    let half = catalog.convert(DataType::F16).unwrap();
    [catalog, half].iter().flat_map(numbers_of).collect()
}

fn numbers_of(catalog: &Catalog) -> Vec<f32> {
    let mut user = User::new(catalog, &[("region", Value::Index(1))]).unwrap();
    let mut scratch = Scratch::new(catalog).unwrap();
    let rated: Vec<u32> = (0..23).map(|item| item * 13).collect();
    let ratings: Vec<f32> = (0..23).map(|i| 3.0 + 2.0 * unit(9, 0, i) as f32).collect();
    user.adapt(&rated, &ratings, &mut scratch).unwrap();
    let mut scores = vec![0.0; 300];
    user.score_all(&mut scores, &mut scratch).unwrap();
    scores.extend_from_slice(&user.head().unwrap());
    scores
}

/// Not a test by itself: what the one below runs for each level.
#[test]
#[ignore = "prints numbers for another test"]
fn print_numbers() {
    println!("level {}", kernel_name());
    numbers().iter().for_each(|number| println!("number {}", number.to_bits()));
}

#[test]
fn the_levels_agree() {
    let expected = numbers();
    for level in kernel_names() {
        let output = this_test("print_numbers").env("MELU_KERNEL", level).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().any(|line| line.ends_with(&format!("level {level}"))), "{text}");
        let found: Vec<f32> = text
            .lines()
            .filter_map(|line| line.strip_prefix("number "))
            .map(|bits| f32::from_bits(bits.parse().unwrap()))
            .collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let allowed = 1e-5 * expected.abs().max(1.0);
            assert!((found - expected).abs() <= allowed, "{level}: {found} {expected}");
        }
    }
}

#[test]
fn a_level_that_there_is_not_is_refused() {
    let output = this_test("print_numbers").env("MELU_KERNEL", "mmx").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("MELU_KERNEL") && text.contains("mmx"), "{text}");
}
