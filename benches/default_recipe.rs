//! The default recipe's lists: both heads adapt in closed form, and the best items are found by
//! bounds from rows in 8 bits, with neighbours and predicted ratings.
//!
//! A row for choosing is 64 numbers: 72 bytes of bounds an item, so that 3,706 items are 267 KB,
//! which stay in the second cache, and no product is needed in f32 but for some hundred items. The
//! goals are for a core that does 118 Gflop/s, and are stretched for others. `benches/peers`
//! compares with other libraries.
//!
//! | work | goal |
//! | --- | --- |
//! | adapt to 5 / 20 / 80 ratings, both heads | 1.4 / 4.0 / 16 us |
//! | best 20 of 3,706, with neighbours and predicted ratings | 22 us |
//! | adapt to 20, best 20 of 3,706 | 26 us |
//! | the same for each of 256 users in one call | 12 us |

mod common;

use common::measure::{Goal, Work, criterion, measure};
use common::models;
use common::work::{adapt_operations, rated};
use melu::{Answers, Batch, RecommendOptions, User};

/// The peak, in 1e9 operations, of the core that the goals are for, as a share of the one that
/// [`Goal::Microseconds`] is for.
const CORE: f64 = 118.0 / 217.0;

fn main() {
    let mut criterion = criterion();
    let catalog = models::films();
    let model = catalog.model().clone();
    let mut group = criterion.benchmark_group("default recipe");
    let goal = |time: f64| Goal::Microseconds(time * CORE);
    for (count, time) in [(5, 1.4), (20, 4.0), (80, 16.0)] {
        let operations = adapt_operations(&model, count);
        let work = Work { elements: count, operations, goal: goal(time) };
        measure(&mut group, format!("adapt {count} ratings"), work, || {
            let mut user = models::user(&catalog, 0);
            let mut scratch = models::scratch(&catalog);
            let (rated, ratings) = rated(&model, catalog.len(), count);
            move || user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit")
        });
    }
    let items = catalog.len();
    let (answers, ratings) = rated(&model, items, 20);
    let options = RecommendOptions::default();
    let work = |elements, time| Work { elements, operations: 0.0, goal: goal(time) };
    measure(&mut group, format!("best 20 of {items}"), work(1, 22.0), || {
        let mut user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        user.adapt(&answers, &ratings, &mut scratch).expect("the ratings fit");
        let mut best = Vec::with_capacity(20);
        move || user.recommend(20, &options, &mut best, &mut scratch).expect("the options fit")
    });
    measure(&mut group, format!("adapt 20 ratings, best 20 of {items}"), work(1, 26.0), || {
        let mut user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        let mut best = Vec::with_capacity(20);
        let (answers, ratings) = (&answers, &ratings);
        move || {
            user.adapt(answers, ratings, &mut scratch).expect("the ratings fit");
            user.recommend(20, &options, &mut best, &mut scratch).expect("the options fit");
        }
    });
    let name = format!("adapt 20 ratings, best 20 of {items}, batch of 256 users");
    measure(&mut group, name, work(256, 256.0 * 12.0), || {
        let mut users: Vec<User> = (0..256).map(|user| models::user(&catalog, user)).collect();
        let mut batch = Batch::new(&catalog, 1).expect("there is memory");
        let mut lists = Vec::new();
        let answers = [Answers { items: &answers, ratings: &ratings }; 256];
        move || {
            let served = batch.adapt_and_recommend(&mut users, &answers, 20, &options, &mut lists);
            served.expect("the ratings and options fit");
        }
    });
    group.finish();
    criterion.final_summary();
}
