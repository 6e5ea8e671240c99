//! The best of a catalogue, with the paper's model.

mod common;

use common::batch::Batch;
use common::measure::{Goal, Work, criterion, measure, measure_beside, sized};
use common::work::{adapt_operations, item_operations, rated};
use common::{models, models::FILMS};
use criterion::SamplingMode;
use melu::{RecommendOptions, Recommendation};

/// How many items a recommendation has.
const BEST: usize = 20;

fn main() {
    let mut criterion = criterion();
    let model = models::paper(1);

    let items = sized(FILMS) as usize;
    let mut group = criterion.benchmark_group("recommend");
    let operations = items as f64 * item_operations(&model) + adapt_operations(&model, 20);
    let work = Work { elements: 1, operations, goal: Goal::Microseconds(560.0) };
    measure(&mut group, format!("adapt 20 ratings, best {BEST} of {items}"), work, || {
        let catalog = models::catalog(&model, items as u32);
        let mut user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        let (rated, ratings) = rated(&model, items, 20);
        let mut best = Vec::with_capacity(BEST);
        move || {
            user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit");
            user.recommend(BEST, &RecommendOptions::default(), &mut best, &mut scratch)
                .expect("nothing is left out");
        }
    });

    let items = sized(1_000_000) as usize;
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let operations = items as f64 * item_operations(&model);
    let work = Work { elements: items, operations, goal: Goal::ShareOfPeak(0.75) };
    let name = format!("best {BEST} of {items}");
    let best = measure_beside(&mut group, name, work, || {
        let catalog = models::catalog(&model, items as u32);
        let user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        let (scoring, mut of_scoring) = (user.clone(), scratch.clone());
        let mut scores = vec![0.0; items];
        let mut best = Vec::with_capacity(BEST);
        let recommend = move || {
            user.recommend(BEST, &RecommendOptions::default(), &mut best, &mut scratch)
                .expect("nothing is left out");
        };
        (recommend, move || {
            scoring.score_all(&mut scores, &mut of_scoring).expect("the scores fit")
        })
    });
    if let Some((recommending, scoring)) = best {
        let more = 100.0 * (recommending / scoring - 1.0);
        let verdict = if more < 5.0 { "met" } else { "MISSED" };
        println!("{:24}{more:+.1} % beside scoring alone; goal below 5 %: {verdict}", "");
    }

    // Two threads beside one.
    let items = sized(100_000) as usize;
    let work = |users: usize| {
        let operations = (users * items) as f64 * item_operations(&model);
        Work { elements: users * items, operations, goal: Goal::Comparison }
    };
    let catalog = models::catalog(&model, items as u32);
    let name = format!("best {BEST} of {items}, two threads");
    let times = measure_beside(&mut group, name, work(1), || {
        let recommend = |threads| {
            let user = models::user(&catalog, 0);
            let mut scratch = models::scratch(&catalog);
            let mut best = [Recommendation::new(0, 0.0); BEST];
            move || {
                let found = user.recommend_by_threads(
                    threads,
                    &RecommendOptions::default(),
                    &mut best,
                    &mut scratch,
                );
                assert_eq!(found.expect("nothing is left out"), BEST);
            }
        };
        (recommend(2), recommend(1))
    });
    say_gain(times);
    let users = sized(64) as usize;
    let name = format!("best {BEST} of {items}, batch of {users} users, two threads");
    let times = measure_beside(&mut group, name, work(users), || {
        (Batch::new(&catalog, users, BEST).by(2), Batch::new(&catalog, users, BEST).by(1))
    });
    say_gain(times);
    group.finish();
    criterion.final_summary();
}

/// Says how much faster two threads are than one.
fn say_gain(times: Option<(f64, f64)>) {
    if let Some((two, one)) = times {
        let verdict = if one / two >= 1.8 { "met" } else { "MISSED" };
        println!("{:24}{:.3} times as fast as one; goal 1.8: {verdict}", "", one / two);
    }
}
