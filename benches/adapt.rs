//! Adapting the paper's model (128 floats an item, hidden 64-64-1) by gradient steps.
//!
//! A step takes 57,728 operations a rating; the user's half of the first layer, which is
//! the same for all of them, is a part of its bias.

mod common;

use common::baseline::{Baseline, by_matrixmultiply, by_ndarray};
use common::batch::Batch;
use common::measure::{Goal, Work, compare, criterion, measure};
use common::work::{adapt_operations, rated};
use common::{models, models::FILMS};
use melu::model::config::Local;
use melu::{Scratch, User};

fn main() {
    let mut criterion = criterion();
    for steps in [1, 5] {
        let model = models::paper(steps);
        let catalog = models::catalog(&model, FILMS);
        for count in [5, 20, 80] {
            let goal = match (count, steps) {
                (5, 1) => Goal::Microseconds(3.5),
                (20, 1) => Goal::Microseconds(10.0),
                (20, 5) => Goal::Microseconds(38.0),
                _ => Goal::Comparison,
            };
            let mut group =
                criterion.benchmark_group(format!("adapt {count} ratings {steps} steps"));
            let operations = adapt_operations(&model, count);
            let work = |goal| Work { elements: count, operations, goal };
            let (rated, ratings) = rated(&model, catalog.len(), count);
            let adapted = |user: &mut User, scratch: &mut Scratch| {
                user.adapt(&rated, &ratings, scratch).expect("the ratings fit")
            };
            let melu = measure(&mut group, "melu", work(goal), || {
                let mut user = models::user(&catalog, 0);
                let mut scratch = models::scratch(&catalog);
                move || adapted(&mut user, &mut scratch)
            });
            for (name, product) in
                [("matrixmultiply", by_matrixmultiply as _), ("ndarray", by_ndarray as _)]
            {
                let found = measure(&mut group, name, work(Goal::Comparison), || {
                    let (network, row) = (model.head_network(), models::user_row(&model, 0));
                    let mut baseline = Baseline::new(product, network, model.head(), &row);
                    let rows = models::item_rows(&catalog, &rated);
                    let output = model.config().output;
                    let targets: Vec<f32> =
                        ratings.iter().map(|&rating| output.target(rating)).collect();
                    let Local::Gradient(local) = &model.config().local else {
                        unreachable!("the paper's model takes gradient steps")
                    };
                    let rate = local.rates[0];
                    let mut user = models::user(&catalog, 0);
                    adapted(&mut user, &mut models::scratch(&catalog));
                    baseline.adapt(&rows, &targets, steps, rate);
                    for (found, expected) in baseline.head.iter().zip(user.head().unwrap()) {
                        assert!(
                            (found - expected).abs() <= 1e-4,
                            "{name}: {found}, not {expected}"
                        );
                    }
                    move || baseline.adapt(&rows, &targets, steps, rate)
                });
                compare(name, found, melu);
            }
            group.finish();
        }
    }
    many_users(&mut criterion);
    criterion.final_summary();
}

/// Users with 13 to 90 ratings each: in one call, with heads of their own that stay
/// adapted; in a call each; or one after another with the same memory.
fn many_users(criterion: &mut criterion::Criterion) {
    const USERS: usize = 256;
    let model = models::paper(1);
    let catalog = models::catalog(&model, FILMS);
    let count = |user: usize| 13 + user * 37 % 78;
    let operations = (0..USERS).map(|user| adapt_operations(&model, count(user))).sum();
    let sets: Vec<_> = (0..USERS).map(|user| rated(&model, catalog.len(), count(user))).collect();
    let mut group = criterion.benchmark_group("adapt 256 users 13 to 90 ratings 1 step");
    let work = |goal| Work { elements: USERS, operations, goal };
    measure(&mut group, "one call", work(Goal::PerSecond(50_000.0)), || {
        Batch::new(&catalog, USERS, 0).adapted(&sets).by(1)
    });
    measure(&mut group, "a call each", work(Goal::Comparison), || {
        let mut users: Vec<User> =
            (0..USERS).map(|user| models::user(&catalog, user as u32)).collect();
        let mut scratch = models::scratch(&catalog);
        let sets = &sets;
        move || {
            for (user, (rated, ratings)) in users.iter_mut().zip(sets) {
                user.adapt(rated, ratings, &mut scratch).expect("the ratings fit");
            }
        }
    });
    measure(&mut group, "one head", work(Goal::Comparison), || {
        let mut user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        let sets = &sets;
        move || {
            for (rated, ratings) in sets {
                user.adapt(rated, ratings, &mut scratch).expect("the ratings fit");
            }
        }
    });
    group.finish();
}
