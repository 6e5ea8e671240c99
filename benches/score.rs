//! Scoring a whole catalogue with the paper's model (128 floats an item, hidden
//! 64-64-1), in f32 and f16, and what a Rust programmer has without melu.
//!
//! 24,704 operations an item: 114 ns where the peak is 217 Gflop/s.

mod common;

use std::cell::LazyCell;

use common::baseline::{Baseline, by_matrixmultiply, by_ndarray};
use common::measure::{Goal, Work, compare, criterion, measure, measure_beside, sized};
use common::work::{item_operations, rated};
use common::{models, models::FILMS};
use criterion::SamplingMode;
use melu::Catalog;
use melu::model::config::DataType;

fn main() {
    let mut criterion = criterion();
    let model = models::paper(1);
    for (items, goal) in [(FILMS, 0.8), (100_000, 0.8), (1_000_000, 0.75)] {
        let items = sized(items);
        let catalog = LazyCell::new(|| models::catalog(&model, items));
        let mut group = criterion.benchmark_group(format!("score {items}"));
        if items > FILMS {
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
        }
        let operations = f64::from(items) * item_operations(&model);
        let work = |goal| Work { elements: items as usize, operations, goal };
        let melu = measure(&mut group, "melu", work(Goal::ShareOfPeak(goal)), || {
            let mut user = models::user(&catalog, 0);
            let mut scratch = models::scratch(&catalog);
            let (rated, ratings) = rated(&model, items as usize, 20);
            user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit");
            let mut scores = vec![0.0; items as usize];
            move || user.score_all(&mut scores, &mut scratch).expect("the scores fit")
        });
        let half = measure_beside(&mut group, "f16", work(Goal::Comparison), || {
            let single = &*catalog;
            let half = single.convert(DataType::F16).expect("the weights are small");
            let of = |catalog: &Catalog| {
                let mut user = models::user(catalog, 0);
                let mut scratch = models::scratch(catalog);
                let (rated, ratings) = rated(&model, items as usize, 20);
                user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit");
                let mut scores = vec![0.0; items as usize];
                move || user.score_all(&mut scores, &mut scratch).expect("the scores fit")
            };
            (of(&half), of(single))
        });
        compare("f16", half.map(|best| best.0), half.map(|best| best.1));
        for (name, product) in
            [("matrixmultiply", by_matrixmultiply as _), ("ndarray", by_ndarray as _)]
        {
            let found = measure(&mut group, name, work(Goal::Comparison), || {
                let (network, row) = (model.head_network(), models::user_row(&model, 0));
                let mut baseline = Baseline::new(product, network, model.head(), &row);
                let all: Vec<u32> = (0..items).collect();
                let rows = models::item_rows(&catalog, &all);
                let mut scores = vec![0.0; items as usize];
                let mut expected = scores.clone();
                let mut scratch = models::scratch(&catalog);
                models::user(&catalog, 0)
                    .score_all(&mut expected, &mut scratch)
                    .expect("the scores fit");
                baseline.score(&rows, &mut scores);
                for (score, expected) in scores.iter().zip(expected) {
                    let score = model.config().output.score(*score);
                    assert!((score - expected).abs() <= 1e-4, "{name}: {score}, not {expected}");
                }
                move || baseline.score(&rows, &mut scores)
            });
            compare(name, found, melu);
        }
        group.finish();
    }
    criterion.final_summary();
}
