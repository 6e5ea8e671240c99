//! The default recipe's own paths: item vectors, a body that makes features, and a
//! head in closed form.
//!
//! An item is described by 53 numbers, of which the body makes 32 features; with the
//! item's vector, 25 wide, the head sees 57, and has w = 58 numbers. Scoring an item
//! takes 2 (53 x 32 + 57) = 3,506 operations in single precision. Adapting to n ratings
//! scores n items, and takes in double precision, which is half as fast, n w (w + 1)
//! operations for the precision, w^3 / 3 for its factor, and 2 w^2 to solve by it. With
//! n < w the work is in fact less, for the rows' products with each other do; goals and
//! shares of the peak are those of the precision all the same.
//!
//! | work | single | double | at the peak | goal |
//! | --- | --- | --- | --- | --- |
//! | adapt to 5 ratings | 18 k | 89 k | 0.9 us | 2.3 us |
//! | adapt to 20 | 70 k | 140 k | 1.6 us | 3.7 us |
//! | adapt to 80 | 280 k | 345 k | 4.5 us | 9.5 us |
//! | score an item | 3.5 k | | 16.2 ns | 70 % of the peak, 23.1 ns |
//! | adapt to 20, best 20 of 3,706 | 13.1 M | 140 k | 61.5 us | 90 us |
//!
//! The peak is 217 Gflop/s. Adapting may take twice what it would at the peak, as with
//! gradient steps, and half a microsecond for the factor's roots and divisions, 58 that
//! wait for each other. Scoring also writes 57 numbers an item and reads them again,
//! some 15 % of its instructions: hence less than the paper's model is asked for.

mod common;

use std::cell::LazyCell;

use common::measure::{Goal, Work, criterion, measure, sized};
use common::work::{adapt_operations, item_operations, rated};
use common::{models, models::FILMS};
use melu::Filter;

fn main() {
    let mut criterion = criterion();
    let model = LazyCell::new(models::default_recipe);
    for (count, goal) in [(5, 2.3), (20, 3.7), (80, 9.5)] {
        let mut group = criterion.benchmark_group("default recipe");
        let operations = adapt_operations(&model, count);
        let work = Work { elements: count, operations, goal: Goal::Microseconds(goal) };
        measure(&mut group, format!("adapt {count} ratings"), work, || {
            let catalog = models::catalog(&model, FILMS);
            let mut user = models::user(&catalog, 0);
            let (rated, ratings) = rated(&model, catalog.len(), count);
            move || user.adapt(&rated, &ratings).expect("the ratings fit")
        });
        group.finish();
    }
    for items in [FILMS, 100_000] {
        let items = sized(items);
        let mut group = criterion.benchmark_group("default recipe");
        let operations = f64::from(items) * item_operations(&model);
        let work = Work { elements: items as usize, operations, goal: Goal::ShareOfPeak(0.7) };
        measure(&mut group, format!("score {items}"), work, || {
            let mut user = models::user(&models::catalog(&model, items), 0);
            let mut scores = vec![0.0; items as usize];
            move || user.score_all(&mut scores).expect("the scores fit")
        });
        group.finish();
    }
    let items = sized(FILMS);
    let mut group = criterion.benchmark_group("default recipe");
    let operations = f64::from(items) * item_operations(&model) + adapt_operations(&model, 20);
    let work = Work { elements: 1, operations, goal: Goal::Microseconds(90.0) };
    measure(&mut group, format!("adapt 20 ratings, best 20 of {items}"), work, || {
        let catalog = models::catalog(&model, items);
        let mut user = models::user(&catalog, 0);
        let (rated, ratings) = rated(&model, catalog.len(), 20);
        let mut best = Vec::with_capacity(20);
        move || {
            user.adapt(&rated, &ratings).expect("the ratings fit");
            user.recommend(20, Filter::default(), &mut best).expect("nothing is left out");
        }
    });
    group.finish();
    criterion.final_summary();
}
