//! What training computes, with the paper's model: the second-order gradient of
//! tasks with 30 ratings given and 10 asked for, and evidence norms.
//!
//! A step takes some 172,000 operations a given rating, there and back; an asked one
//! takes 74,000.

mod common;

use common::measure::{Goal, Work, criterion, measure};
use common::task::Task;
use common::work::{item_operations, rated};
use common::{models, models::FILMS};
use melu::train::DerivativeOrder;

const GIVEN: usize = 30;
const ASKED: usize = 10;

fn main() {
    let mut criterion = criterion();
    for (order, steps, goal) in [
        (DerivativeOrder::Second, 1, Goal::PerSecond(12_000.0)),
        (DerivativeOrder::Second, 5, Goal::PerSecond(3_000.0)),
        (DerivativeOrder::First, 1, Goal::Comparison),
        (DerivativeOrder::First, 5, Goal::Comparison),
    ] {
        let mut group = criterion.benchmark_group("meta-gradient");
        let (there, back) = match order {
            DerivativeOrder::Second => (172e3, 74e3),
            DerivativeOrder::First => (58e3, 74e3),
        };
        let operations = (steps * GIVEN) as f64 * there + ASKED as f64 * back;
        let name = format!("{order:?} order, {steps} steps");
        measure(&mut group, name, Work { elements: 1, operations, goal }, || {
            let mut task = Task::new(steps, order, GIVEN, ASKED);
            move || task.compute()
        });
        group.finish();
    }
    evidence(&mut criterion);
    criterion.final_summary();
}

fn evidence(criterion: &mut criterion::Criterion) {
    const PAIRS: usize = 960;
    let model = models::paper(1);
    let mut group = criterion.benchmark_group("evidence");
    // Forward, and back to the first layer's sums.
    let back = 2 * 64 * 64 + 2 * 64;
    let operations = PAIRS as f64 * (item_operations(&model) + f64::from(back));
    let work = Work { elements: PAIRS, operations, goal: Goal::PerSecond(3e6) };
    measure(&mut group, format!("norms of {PAIRS} pairs"), work, || {
        let catalog = models::catalog(&model, FILMS);
        let user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        let (rated, ratings) = rated(&model, catalog.len(), PAIRS);
        let mut norms = vec![0.0; PAIRS];
        move || {
            user.gradient_norms(&rated, &ratings, &mut norms, &mut scratch)
                .expect("the ratings fit")
        }
    });
    group.finish();
}
