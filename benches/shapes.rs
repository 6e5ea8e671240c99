//! Scoring and adapting with other widths and depths than the paper's.

mod common;

use std::cell::LazyCell;

use common::measure::{Goal, Work, criterion, measure, sized};
use common::models;
use common::work::{adapt_operations, item_operations, rated};

/// Width of each of the four item fields, and the hidden layers.
const SHAPES: [(usize, &[usize]); 10] = [
    (8, &[64, 64]),
    (16, &[64, 64]),
    (48, &[64, 64]),
    (32, &[16, 16]),
    (32, &[100, 100]),
    (32, &[256, 256]),
    (32, &[64]),
    (32, &[64, 64, 64]),
    (8, &[16]),
    (48, &[256, 256, 256]),
];

fn main() {
    let mut criterion = criterion();
    let items = sized(10_000);
    for (embedding_dim, hidden) in SHAPES {
        let model = models::shaped(embedding_dim, hidden);
        let catalog = LazyCell::new(|| models::catalog(&model, items));
        let name = format!("shape {} {hidden:?}", 4 * embedding_dim);
        let mut group = criterion.benchmark_group(name);
        let operations = f64::from(items) * item_operations(&model);
        let work = Work { elements: items as usize, operations, goal: Goal::ShareOfPeak(0.6) };
        measure(&mut group, format!("score {items}"), work, || {
            let user = models::user(&catalog, 0);
            let mut scratch = models::scratch(&catalog);
            let mut scores = vec![0.0; items as usize];
            move || user.score_all(&mut scores, &mut scratch).expect("the scores fit")
        });
        let operations = adapt_operations(&model, 80);
        // Smaller ones are over before their memory is warm.
        let goal = if operations < 2e6 { Goal::Comparison } else { Goal::ShareOfPeak(0.6) };
        measure(&mut group, "adapt 80 ratings", Work { elements: 80, operations, goal }, || {
            let mut user = models::user(&catalog, 0);
            let mut scratch = models::scratch(&catalog);
            let (rated, ratings) = rated(&model, items as usize, 80);
            move || user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit")
        });
        group.finish();
    }
    criterion.final_summary();
}
