//! The factor model, from outside.

#![cfg(feature = "train")]

use melu::Error;
use melu::data::{Dataset, Rated, Scenario, SynthOptions, Task, World, tasks};
use melu::eval::{Baselines, mean_absolute_error};
use melu::model::schema::Entity;
use melu::train::{FactorOptions, Factors};
use proptest::prelude::*;

fn world(options: &SynthOptions) -> Dataset {
    World::generate(options).unwrap().dataset().unwrap()
}

fn small_world() -> Dataset {
    world(&SynthOptions { users: 150, items: 80, ratings_per_user: 25, ..Default::default() })
}

fn small_options() -> FactorOptions {
    FactorOptions { factors: 5, rounds: 4, ..Default::default() }
}

fn tasks_of(dataset: &Dataset, scenario: Scenario) -> Vec<Task> {
    tasks(&dataset.scenario(scenario), &dataset.rules, 0, 0)
}

/// Mean absolute error over users of what `predict` says of support and items.
fn error(tasks: &[Task], mut predict: impl FnMut(&Task, &[u32]) -> Vec<f32>) -> f64 {
    let errors = tasks.iter().map(|task| {
        let (items, ratings): (Vec<u32>, Vec<f32>) =
            task.query.iter().map(|rated| (rated.item, rated.value)).unzip();
        mean_absolute_error(&predict(task, &items), &ratings)
    });
    errors.sum::<f64>() / tasks.len() as f64
}

fn factors_error(factors: &Factors, tasks: &[Task], given: usize) -> f64 {
    error(tasks, |task, items| {
        let mut out = vec![0.0; items.len()];
        let support = &task.support[..given.min(task.support.len())];
        factors.predict(task.user, support, items, &mut out).unwrap();
        out
    })
}

#[test]
fn the_same_seed_gives_the_same_factors_for_any_number_of_threads() {
    let dataset = small_world();
    let one = Factors::fit(&dataset, &small_options(), 1).unwrap();
    for threads in [2, 5] {
        assert!(one == Factors::fit(&dataset, &small_options(), threads).unwrap());
    }
    let other = FactorOptions { seed: 1, ..small_options() };
    assert!(one != Factors::fit(&dataset, &other, 1).unwrap());
}

#[test]
fn people_and_items_nobody_knows_are_predicted_better_than_by_means() {
    let dataset = world(&SynthOptions { users: 1000, items: 300, ..Default::default() });
    let factors = Factors::fit(&dataset, &FactorOptions::default(), 0).unwrap();
    let baselines = Baselines::new(&dataset);
    for (scenario, share) in
        [(Scenario::NewUsers, 0.85), (Scenario::NewItems, 0.95), (Scenario::NewUsersNewItems, 0.95)]
    {
        // New items are few, and so are the ratings of them.
        let rules = melu::data::TaskRules { min_ratings: 6, query: 4, ..dataset.rules };
        let tasks = tasks(&dataset.scenario(scenario), &rules, 0, 0);
        assert!(tasks.len() > 50, "{} tasks", tasks.len());
        let by_means = error(&tasks, |task, items| {
            let predict = |item: &u32| baselines.item_mean_user_bias(&task.support, *item);
            items.iter().map(|item| baselines.clip(predict(item))).collect()
        });
        let all = factors_error(&factors, &tasks, usize::MAX);
        assert!(all < share * by_means, "{scenario:?}: {all} against {by_means}");
        let (none, one) = (factors_error(&factors, &tasks, 0), factors_error(&factors, &tasks, 1));
        assert!(all < one && one < none + 0.003, "{scenario:?}: {none}, {one}, {all}");
    }
}

#[test]
fn new_items_are_their_prior_and_users_start_from_theirs() {
    let dataset = small_world();
    let factors = Factors::fit(&dataset, &small_options(), 0).unwrap();
    let check = |entity,
                 prior: &melu::model::prior::Prior,
                 rows: &[usize],
                 expected: &dyn Fn(usize) -> Vec<f32>| {
        let (table, new) = match entity {
            Entity::Item => (&dataset.items, &dataset.new_items),
            Entity::User => (&dataset.users, &dataset.new_users),
        };
        let (fields, vocabularies) = table.training_fields(|row| !new[row]);
        let columns = table.encode(entity, &fields, &vocabularies).unwrap().columns;
        let mut found = vec![0.0; prior.width()];
        for &row in rows {
            prior.write_row(&fields, &columns, row, &mut found);
            assert_eq!(found, expected(row), "{entity} {row}");
        }
    };
    let width = factors.width;
    assert_eq!((width, factors.item_prior.width(), factors.user_prior.width()), (6, 7, 6));
    let new: Vec<usize> = (0..80).filter(|&item| dataset.new_items[item]).collect();
    check(Entity::Item, &factors.item_prior, &new, &|item| {
        assert_eq!(
            (factors.raters[item], factors.uncertainties[item]),
            (0, factors.unrated_uncertainty)
        );
        [&[factors.biases[item]], &factors.vectors[item * width..][..width]].concat()
    });
    let all: Vec<usize> = (0..150).collect();
    check(Entity::User, &factors.user_prior, &all, &|user| {
        factors.starts[user * width..][..width].to_vec()
    });
    // What raters taught makes an item surer.
    for item in (0..80).filter(|&item| factors.raters[item] > 0) {
        assert!(factors.uncertainties[item] < factors.unrated_uncertainty);
    }
}

/// The posterior mean by an n x n system, n ratings: phi A^T (A A^T + N)^-1 y.
fn by_ratings(factors: &Factors, user: u32, support: &[Rated], item: u32) -> f64 {
    let width = factors.width;
    let vector = |item: u32| &factors.vectors[item as usize * width..][..width];
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let start = &factors.starts[user as usize * width..][..width];
    let score = |item: u32| f64::from(factors.biases[item as usize]) + dot(vector(item), start);
    let scaled = |value: f32| f64::from(value - factors.mean) / f64::from(factors.scale);
    let n = support.len();
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let noise = factors.noise + factors.uncertainties[support[i].item as usize];
            let mut row: Vec<f64> =
                (0..n).map(|j| dot(vector(support[i].item), vector(support[j].item))).collect();
            row[i] += f64::from(noise);
            row.push(scaled(support[i].value) - score(support[i].item));
            row
        })
        .collect();
    for k in 0..n {
        let pivot = rows[k].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != k) {
            let scale = row[k] / pivot[k];
            row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= scale * p);
        }
    }
    let learned: f64 =
        (0..n).map(|i| rows[i][n] / rows[i][i] * dot(vector(item), vector(support[i].item))).sum();
    let rating = f64::from(factors.mean) + f64::from(factors.scale) * (score(item) + learned);
    rating.clamp(factors.range.0.into(), factors.range.1.into())
}

#[test]
fn predictions_are_the_exact_posterior() {
    let dataset = small_world();
    let factors = Factors::fit(&dataset, &small_options(), 0).unwrap();
    let tasks = tasks_of(&dataset, Scenario::NewUsers);
    for task in tasks.iter().take(10) {
        for given in [0, 1, 4, 100] {
            let support = &task.support[..given.min(task.support.len())];
            let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
            let mut found = vec![0.0; items.len()];
            factors.predict(task.user, support, &items, &mut found).unwrap();
            for (item, found) in items.iter().zip(found) {
                let expected = by_ratings(&factors, task.user, support, *item);
                assert!((f64::from(found) - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }
}

#[test]
fn another_rating_scale_makes_no_difference() {
    let mut dataset = small_world();
    let plain = Factors::fit(&dataset, &small_options(), 0).unwrap();
    for rating in &mut dataset.ratings {
        rating.value = 20.0 * rating.value - 7.0;
    }
    let scaled = Factors::fit(&dataset, &small_options(), 0).unwrap();
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
    assert!((scaled.scale - 20.0 * plain.scale).abs() < 1e-3);
    assert!(near(&scaled.vectors, &plain.vectors) && near(&scaled.biases, &plain.biases));
    assert!(near(&scaled.uncertainties, &plain.uncertainties));
}

/// Three users, the last one new, and three items, without a field.
fn bare(ratings: &str) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    write(
        "dataset.toml",
        "name = \"x\"\n[users]\nfile = \"users.csv\"\nid = \"id\"\n\
         [items]\nfile = \"items.csv\"\nid = \"id\"\n\
         [ratings]\nfile = \"ratings.csv\"\nuser = \"u\"\nitem = \"i\"\nvalue = \"r\"\n\
         [split]\nnew_users = { file = \"new\" }\n",
    );
    write("users.csv", "id\n0\n1\n2\n");
    write("items.csv", "id\n0\n1\n2\n");
    write("new", "2\n");
    write("ratings.csv", &format!("u,i,r\n{ratings}"));
    Dataset::open(folder.path()).unwrap()
}

#[test]
fn a_handful_of_ratings_without_any_field_is_enough() {
    for ratings in ["0,0,3\n", "0,0,3\n0,1,3\n1,1,3\n", "0,0,1\n0,1,5\n1,0,2\n1,1,4\n"] {
        let dataset = bare(ratings);
        let factors = Factors::fit(&dataset, &FactorOptions::default(), 0).unwrap();
        let mut out = [f32::NAN; 3];
        let support = [Rated { item: 0, value: 5.0 }];
        factors.predict(2, &support, &[0, 1, 2], &mut out).unwrap();
        let (low, high) = factors.range;
        assert!(out.iter().all(|rating| (low..=high).contains(rating)), "{out:?}");
    }
}

/// Ratings that follow exactly from users and items leave no noise to be found: people who
/// are asked twice differ by more, and without a floor few answers would be taken too literally.
#[test]
fn the_noise_has_a_floor() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "name = \"x\"\n[ratings]\nfile = \"ratings.csv\"\nuser = \"u\"\nitem = \"i\"\n\
                    value = \"r\"\n";
    let row = |user: usize, item: usize| format!("{user},{item},{}\n", 1 + user % 3 + item % 3);
    let rows = (0..80).flat_map(|user| (0..60).map(move |item| (user, item)));
    let rows: String = rows.map(|(user, item)| row(user, item)).collect();
    std::fs::write(folder.path().join("dataset.toml"), settings).unwrap();
    std::fs::write(folder.path().join("ratings.csv"), format!("u,i,r\n{rows}")).unwrap();
    let dataset = Dataset::open(folder.path()).unwrap();
    let factors = Factors::fit(&dataset, &FactorOptions::default(), 0).unwrap();
    assert!((factors.noise - 0.16).abs() < 1e-6, "{}", factors.noise);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let dataset = small_world();
    let refused = |dataset: &Dataset, options: FactorOptions, name: &str| {
        let error = Factors::fit(dataset, &options, 1).unwrap_err().to_string();
        assert!(error.contains(name), "{name}: {error}");
    };
    refused(&dataset, FactorOptions { factors: 0, ..small_options() }, "factors");
    refused(&dataset, FactorOptions { factors: 1000, ..small_options() }, "factors");
    refused(&dataset, FactorOptions { rounds: 2, ..small_options() }, "rounds");
    refused(&bare("2,0,3\n"), small_options(), "ratings");
    let factors = Factors::fit(&dataset, &small_options(), 1).unwrap();
    let predict = |user, support: &[Rated], items: &[u32], places: usize| {
        factors.predict(user, support, items, &mut vec![0.0; places]).unwrap_err()
    };
    assert!(matches!(predict(150, &[], &[0], 1), Error::Argument { argument: "user", .. }));
    assert!(matches!(predict(u32::MAX, &[], &[0], 1), Error::Argument { .. }));
    assert!(matches!(predict(0, &[], &[0], 2), Error::Argument { argument: "out", .. }));
    assert!(matches!(predict(0, &[], &[0, 80], 2), Error::ItemIndex { position: 1, .. }));
    let rated = |item, value| [Rated { item, value }];
    assert!(matches!(predict(0, &rated(90, 1.0), &[0], 1), Error::ItemIndex { index: 90, .. }));
    assert!(matches!(predict(0, &rated(0, f32::NAN), &[0], 1), Error::Rating { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_world_can_be_fitted(
        users in 1usize..60,
        items in 1usize..40,
        share in 0.0f64..1.0,
        factors in 1usize..30,
        seed: u64,
    ) {
        let ratings_per_user = 1 + (share * (items - 1) as f64) as usize;
        let dataset = world(&SynthOptions { users, items, ratings_per_user, seed, ..Default::default() });
        let options = FactorOptions { factors, rounds: 4, seed };
        match Factors::fit(&dataset, &options, 1) {
            Ok(factors) => prop_assert!(factors.noise > 0.0),
            Err(error) => prop_assert!(matches!(error, Error::Argument { .. }), "{error}"),
        }
    }
}
