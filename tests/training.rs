//! Training: the same for any number of threads, and after an interruption.

#![cfg(feature = "train")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use melu::data::{Cells, ColumnTable, Dataset, Feedback, OpenOptions, SynthOptions, World};
use melu::eval::{EvalOptions, Given, Predictor, evaluate};
use melu::model::config::{GradientSteps, Local};
use melu::model::loss::Loss;
use melu::train::{DerivativeOrder, Outcome, Progress, Solver, TrainOptions, Trainer};
use melu::{Error, Model, Scratch};

fn world(options: &SynthOptions) -> Dataset {
    World::generate(options).unwrap().dataset().unwrap()
}

fn small_world() -> Dataset {
    world(&SynthOptions { users: 120, items: 60, ratings_per_user: 25, ..Default::default() })
}

/// A head of three layers, all of which adapt.
fn small_options() -> TrainOptions {
    TrainOptions {
        embedding_dim: 6,
        embed_all: true,
        factors: 0,
        body: Vec::new(),
        hidden: vec![8, 5],
        solver: Solver::Gradient,
        local_rate: Some(0.01),
        epochs: 3,
        batch: 7,
        ..Default::default()
    }
}

/// Item vectors, a body, and a head that adapts by this solver.
fn small_vectors(solver: Solver) -> TrainOptions {
    TrainOptions {
        embedding_dim: 3,
        factors: 4,
        body: vec![8, 5],
        solver,
        epochs: 3,
        batch: 7,
        ..Default::default()
    }
}

fn bytes(trainer: Trainer) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    Model::from_contents(trainer.finish().unwrap()).unwrap().save(&path).unwrap();
    fs::read(path).unwrap()
}

fn train(dataset: &Dataset, options: &TrainOptions, threads: usize) -> Vec<u8> {
    let mut trainer = Trainer::new(dataset, options, threads).unwrap();
    let outcome = trainer.run(|_| ControlFlow::Continue(())).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    bytes(trainer)
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let dataset = small_world();
    for options in [
        small_options(),
        small_vectors(Solver::Ridge),
        small_vectors(Solver::Gradient),
        TrainOptions { epochs: 3, ..TrainOptions::paper() },
    ] {
        let one = train(&dataset, &options, 1);
        assert_eq!(one, train(&dataset, &options, 2));
        assert_eq!(one, train(&dataset, &options, 5));
        let other = TrainOptions { seed: 1, ..options };
        assert_ne!(one, train(&dataset, &other, 1));
    }
}

#[test]
fn a_training_that_was_stopped_anywhere_resumes_to_the_same_bytes() {
    let dataset = small_world();
    let options = small_options();
    let whole = train(&dataset, &options, 2);
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    // In the first epoch, at an epoch's end, and in the last.
    for stop in [1, 13, 30] {
        let mut trainer = Trainer::new(&dataset, &options, 2).unwrap();
        let mut calls = 0;
        let outcome = trainer.run(|_| {
            calls += 1;
            if calls == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(outcome.unwrap(), Outcome::Stopped, "stop {stop}");
        trainer.save(&checkpoint).unwrap();
        let mut resumed = Trainer::new(&dataset, &options, 1).unwrap();
        resumed.resume(&checkpoint).unwrap();
        resumed.run(|_| ControlFlow::Continue(())).unwrap();
        assert!(bytes(resumed) == whole, "stopped after {stop} calls");
    }
}

#[test]
fn a_training_that_was_stopped_early_leaves_the_best_so_far() {
    let dataset = small_world();
    // Training it to its end, or once more by squared errors, would take hours.
    let options = TrainOptions { epochs: 100_000, ..TrainOptions::default() };
    for epochs in 0..3 {
        let mut trainer = Trainer::new(&dataset, &options, 2).unwrap();
        let outcome = trainer.run(|progress| match progress {
            Progress::Chosen { .. } if epochs == 0 => ControlFlow::Break(()),
            Progress::Epoch { epoch, .. } if epoch >= epochs => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert_eq!(outcome.unwrap(), Outcome::Stopped);
        let model = Model::from_contents(trainer.finish().unwrap()).unwrap();
        assert!(model.has_ratings() && model.choice().is_some());
    }
}

#[test]
fn checkpoints_of_other_trainings_are_refused() {
    let dataset = small_world();
    let options = small_options();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let refused = |dataset: &Dataset, options: &TrainOptions, checkpoint: &Path| {
        let mut trainer = Trainer::new(dataset, options, 1).unwrap();
        let error = trainer.resume(checkpoint).unwrap_err();
        assert!(error.to_string().contains("checkpoint"), "{error}");
    };
    refused(&dataset, &options, &checkpoint);
    Trainer::new(&dataset, &options, 1).unwrap().save(&checkpoint).unwrap();
    Trainer::new(&dataset, &options, 1).unwrap().resume(&checkpoint).unwrap();
    refused(&dataset, &TrainOptions { batch: 8, ..options.clone() }, &checkpoint);
    let mut other = small_world();
    other.ratings[5].value += 1.0;
    refused(&other, &options, &checkpoint);
    let mut damaged = fs::read(&checkpoint).unwrap();
    damaged.truncate(damaged.len() - 1);
    fs::write(&checkpoint, damaged).unwrap();
    refused(&dataset, &options, &checkpoint);
}

/// People who rate 20 items, of which the first two have these genres.
fn world_with_genres(genres: [&str; 2], titles: [&str; 2]) -> Dataset {
    let settings = r#"
        name = "small"
        [items]
        file = "items"
        id = "id"
        title = "title"
        fields = [{ name = "genres", kind = "multi" }]
        [ratings]
        file = "ratings"
        user = "user"
        item = "item"
        value = "value"
    "#;
    let ids: Vec<i64> = (0..20).collect();
    let others = (2..20).map(|place| if place % 2 == 0 { "War" } else { "Action" });
    let all_genres: Vec<&str> = genres.into_iter().chain(others).collect();
    let all_titles: Vec<&str> = titles.into_iter().chain([""; 18]).collect();
    let pairs = || (0..40_i64).flat_map(|user| (0..20_i64).map(move |item| (user, item)));
    let users: Vec<i64> = pairs().map(|(user, _)| user).collect();
    let items: Vec<i64> = pairs().map(|(_, item)| item).collect();
    let values: Vec<i64> = pairs().map(|(user, item)| 1 + (user * item) % 5).collect();
    let columns: Vec<(&str, &dyn Cells)> =
        vec![("id", &ids), ("genres", &all_genres), ("title", &all_titles)];
    let of_items = ColumnTable { name: "items", columns };
    let columns: Vec<(&str, &dyn Cells)> =
        vec![("user", &users), ("item", &items), ("value", &values)];
    let ratings = ColumnTable { name: "ratings", columns };
    Dataset::from_columns(settings, &[of_items, ratings], &OpenOptions::default()).unwrap()
}

#[test]
fn checkpoints_of_other_data_are_refused_whatever_differs() {
    let options = small_options();
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let (genres, titles) = (["Action|Drama", ""], ["One", "Two"]);
    let dataset = || world_with_genres(genres, titles);
    let trainer = |dataset: &Dataset| Trainer::new(dataset, &options, 1).unwrap();
    trainer(&dataset()).save(&checkpoint).unwrap();
    trainer(&dataset()).resume(&checkpoint).unwrap();
    let (mut with_other_tasks, mut with_other_likes) = (dataset(), dataset());
    with_other_tasks.rules.query -= 1;
    with_other_likes.feedback = Feedback::Ratings { liked: 5.0 };
    for (what, other) in [
        // The same values one after another, and the same indices of values.
        ("rows of a field", world_with_genres(["Action", "Drama"], titles)),
        ("a value's name", world_with_genres(["Action|Crime", ""], titles)),
        ("titles", world_with_genres(genres, ["On", "eTwo"])),
        ("tasks", with_other_tasks),
        ("likes", with_other_likes),
    ] {
        let error = trainer(&other).resume(&checkpoint).expect_err(what);
        assert!(error.to_string().contains("other data"), "{what}: {error}");
    }
}

/// Errors on new users after adapting and before, beside item mean + user bias.
fn errors(dataset: &Dataset, options: &TrainOptions) -> [f64; 5] {
    let mut trainer = Trainer::new(dataset, options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    let model = Model::from_contents(trainer.finish().unwrap()).unwrap();
    let options = EvalOptions { draws: 1, ..EvalOptions::default() };
    let evaluation = evaluate(&model, dataset, &options, |_, _| ControlFlow::Continue(())).unwrap();
    let rows = &evaluation.scenarios[1].rows;
    let mae = |predictor, given| {
        rows.iter().find(|row| (row.predictor, row.given) == (predictor, given)).unwrap().mae
    };
    [
        mae(Predictor::Melu, Given::All),
        mae(Predictor::Melu, Given::First(10)),
        mae(Predictor::Melu, Given::First(0)),
        mae(Predictor::MeluUnadapted, Given::All),
        mae(Predictor::ItemMeanUserBias, Given::All),
    ]
}

#[test]
fn adapting_pays_on_people_whom_training_never_saw() {
    let dataset = world(&SynthOptions { users: 800, items: 300, ..Default::default() });
    for options in [
        TrainOptions::default(),
        TrainOptions { solver: Solver::Gradient, ..TrainOptions::default() },
        TrainOptions { embedding_dim: 16, hidden: vec![64, 64], epochs: 10, ..small_options() },
    ] {
        let [all, ten, none, unadapted, simple] = errors(&dataset, &options);
        assert!(all < 0.95 * unadapted && all < simple, "{all} {unadapted} {simple}: {options:?}");
        assert!(all < ten && ten < none, "{all} {ten} {none}: {options:?}");
    }
}

#[test]
fn the_loss_falls() {
    let dataset = world(&SynthOptions { users: 800, items: 300, ..Default::default() });
    let options = TrainOptions { hidden: vec![64, 64], epochs: 10, ..small_options() };
    let mut losses = Vec::new();
    Trainer::new(&dataset, &options, 0)
        .unwrap()
        .run(|progress| {
            if let Progress::Epoch { loss, .. } = progress {
                losses.push(loss);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(losses[9] < 0.9 * losses[0], "{losses:?}");
}

#[test]
fn first_order_and_fixed_rates_train_too() {
    let dataset = small_world();
    let base = small_options();
    let options = TrainOptions {
        order: DerivativeOrder::First,
        learn_solver: false,
        local_pull: 0.0,
        ..base
    };
    let model = Model::from_bytes(train(&dataset, &options, 0)).unwrap();
    let rates = vec![0.01; 6];
    let expected = GradientSteps { steps: options.local_steps, rates, pull: 0.0 };
    assert_eq!(model.config().local, Local::Gradient(expected));
}

#[test]
fn clicks_train_and_ratings_are_refused_as_clicks() {
    let mut dataset = small_world();
    let options = TrainOptions { loss: Some(Loss::Bce), ..small_options() };
    let error = Trainer::new(&dataset, &options, 0).unwrap_err();
    assert!(matches!(error, Error::Rating { .. }), "{error}");
    for rating in &mut dataset.ratings {
        rating.value = f32::from(u8::from(rating.value >= 3.5));
    }
    let model = Model::from_bytes(train(&dataset, &options, 0)).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let mut user = melu::User::new(&catalog, &[]).unwrap();
    user.adapt(&[0, 1], &[1.0, 0.0], &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let mut scores = vec![0.0; catalog.len()];
    user.score_all(&mut scores, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
}

#[test]
fn ratings_that_hardly_differ_train_too() {
    let smallest = f32::from_bits(1);
    for (usual, rare) in [(4.1, 4.1), (0.0, smallest), (5e-3, 6e-3)] {
        let mut dataset = small_world();
        for (place, rating) in dataset.ratings.iter_mut().enumerate() {
            rating.value = if place % 10 == 0 { rare } else { usual };
        }
        for solver in [Solver::Ridge, Solver::Gradient] {
            let model = Model::from_bytes(train(&dataset, &small_vectors(solver), 0)).unwrap();
            let catalog = model.catalog().unwrap().unwrap();
            let mut user = melu::User::new(&catalog, &[]).unwrap();
            user.adapt(&[0, 1], &[usual, rare], &mut Scratch::new(user.catalog()).unwrap())
                .unwrap();
            let items: Vec<u32> = (0..catalog.len() as u32).collect();
            let mut ratings = vec![0.0; items.len()];
            user.predict(&items, &mut ratings, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
            let near = |rating: &f32| (rating - usual).abs() < 2e-3;
            assert!(ratings.iter().all(near), "{usual} {rare}: {ratings:?}");
        }
    }
}

#[test]
fn options_and_data_that_cannot_be_are_refused_by_name() {
    let dataset = small_world();
    let refused = |options: TrainOptions, name: &str| {
        let error = Trainer::new(&dataset, &options, 0).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
    };
    let base = small_options();
    refused(TrainOptions { batch: 0, ..base.clone() }, "batch");
    refused(TrainOptions { hidden: vec![0], ..base.clone() }, "hidden");
    refused(TrainOptions { learning_rate: f32::NAN, ..base.clone() }, "learning_rate");
    refused(TrainOptions { validation: 0.9, ..base.clone() }, "validation");
    refused(TrainOptions { local_steps: 1_000_000, ..base.clone() }, "steps");
    let mut empty = small_world();
    empty.ratings.retain(|rating| rating.user == 0);
    empty.ratings.truncate(1);
    let error = Trainer::new(&empty, &base, 0).unwrap_err().to_string();
    assert!(error.contains("min_ratings") || error.contains("enough ratings"), "{error}");
}

/// The rate of the other losses took squared error to 1e22 at once.
#[test]
fn the_local_rate_suits_the_loss() {
    let dataset = small_world();
    for (loss, expected) in [(Loss::Mse, 0.1), (Loss::SmoothL1, 0.7)] {
        let options = TrainOptions {
            loss: Some(loss),
            local_rate: None,
            learn_solver: false,
            epochs: 1,
            ..small_options()
        };
        let model = Model::from_bytes(train(&dataset, &options, 0)).unwrap();
        let Local::Gradient(GradientSteps { rates, .. }) = &model.config().local else { panic!() };
        // The file keeps what their logarithms give back.
        assert!(rates.iter().all(|rate: &f32| (rate - expected).abs() < 1e-6), "{rates:?}");
        let catalog = model.catalog().unwrap().unwrap();
        let mut user = melu::User::new(&catalog, &[]).unwrap();
        user.adapt(
            &[0, 1, 2, 3, 4, 5, 6, 7],
            &[1.0, 5.0, 4.0, 2.0, 3.0, 5.0, 1.0, 4.0],
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap();
        let mut ratings = [0.0; 8];
        user.predict(
            &[0, 1, 2, 3, 4, 5, 6, 7],
            &mut ratings,
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap();
        assert!(ratings.iter().all(|rating| rating.abs() < 20.0), "{loss:?}: {ratings:?}");
    }
}

#[test]
fn a_rate_that_is_far_too_large_is_reported() {
    let dataset = small_world();
    let options = TrainOptions { local_rate: Some(1e6), longest_gradient: None, ..small_options() };
    let mut trainer = Trainer::new(&dataset, &options, 0).unwrap();
    let error = trainer.run(|_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
}
