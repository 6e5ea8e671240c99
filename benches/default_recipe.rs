//! The default recipe's own paths: items' features, computed when the catalogue is made,
//! and a head in closed form.
//!
//! An item has 57 features: its vector, 25 wide, and what the body made of 32. The head has
//! w = 58 numbers. Scoring an item takes 2 x 57 = 114 operations in f32, and
//! waits for its 228 bytes: 3,706 items are 845 KB, which come from the second cache.
//! Adapting to n ratings scores n items, and takes in double precision, which is half as
//! fast, n w (w + 1) operations for the precision, w^3 / 3 for its factor, and 2 w^2 to solve
//! by it. With n < w the work is in fact less, for the rows' products with each other do;
//! goals and shares of the peak are those of the precision all the same.
//!
//! | work | single | double | at the peak | goal |
//! | --- | --- | --- | --- | --- |
//! | adapt to 5 ratings | 0.6 k | 89 k | 0.8 us | 2.3 us |
//! | adapt to 20 | 2.3 k | 140 k | 1.3 us | 3.7 us |
//! | adapt to 80 | 9.1 k | 345 k | 3.2 us | 9.5 us |
//! | score 3,706 items | 422 k | | 1.9 us | 40 us |
//! | score 100,000 items | 11.4 M | | 53 us | memory |
//! | adapt to 20, best 20 of 3,706 | 425 k | 140 k | 3.2 us | 45 us |
//!
//! The peak is 217 Gflop/s. Adapting may take twice what it would at the peak, as with
//! gradient steps, and half a microsecond for the factor's roots and divisions, 58 that
//! wait for each other.

mod common;

use std::cell::LazyCell;

use common::measure::{Goal, Work, criterion, measure, sized};
use common::work::{adapt_operations, item_operations, rated};
use common::{models, models::FILMS};
use melu::RecommendOptions;

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
            let mut scratch = models::scratch(&catalog);
            let (rated, ratings) = rated(&model, catalog.len(), count);
            move || user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit")
        });
        group.finish();
    }
    for items in [FILMS, 100_000] {
        let items = sized(items);
        let mut group = criterion.benchmark_group("default recipe");
        let operations = f64::from(items) * item_operations(&model);
        let goal = if items == FILMS { Goal::Microseconds(40.0) } else { Goal::Comparison };
        let work = Work { elements: items as usize, operations, goal };
        measure(&mut group, format!("score {items}"), work, || {
            let catalog = models::catalog(&model, items);
            let user = models::user(&catalog, 0);
            let mut scratch = models::scratch(&catalog);
            let mut scores = vec![0.0; items as usize];
            move || user.score_all(&mut scores, &mut scratch).expect("the scores fit")
        });
        group.finish();
    }
    let items = sized(FILMS);
    let mut group = criterion.benchmark_group("default recipe");
    let operations = f64::from(items) * item_operations(&model) + adapt_operations(&model, 20);
    let work = Work { elements: 1, operations, goal: Goal::Microseconds(45.0) };
    measure(&mut group, format!("adapt 20 ratings, best 20 of {items}"), work, || {
        let catalog = models::catalog(&model, items);
        let mut user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        let (rated, ratings) = rated(&model, catalog.len(), 20);
        let mut best = Vec::with_capacity(20);
        move || {
            user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit");
            user.recommend(20, &RecommendOptions::default(), &mut best, &mut scratch)
                .expect("nothing is left out");
        }
    });
    group.finish();
    criterion.final_summary();
}
