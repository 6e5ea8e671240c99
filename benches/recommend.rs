//! The best of a catalogue, with the paper's model.

mod common;

use common::measure::{Goal, Work, criterion, measure, measure_beside, sized};
use common::work::{adapt_operations, item_operations, rated};
use common::{models, models::FILMS};
use criterion::SamplingMode;
use melu::{Filter, Recommendation};

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
        let (rated, ratings) = rated(&model, items, 20);
        let mut best = Vec::with_capacity(BEST);
        move || {
            user.adapt(&rated, &ratings).expect("the ratings fit");
            user.recommend(BEST, Filter::default(), &mut best).expect("nothing is left out");
        }
    });

    let items = sized(1_000_000) as usize;
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let operations = items as f64 * item_operations(&model);
    let work = Work { elements: items, operations, goal: Goal::ShareOfPeak(0.75) };
    let name = format!("best {BEST} of {items}");
    let best = measure_beside(&mut group, name, work, || {
        let catalog = models::catalog(&model, items as u32);
        let mut user = models::user(&catalog, 0);
        let mut scoring = user.clone();
        let mut scores = vec![0.0; items];
        let mut best = Vec::with_capacity(BEST);
        let recommend = move || {
            user.recommend(BEST, Filter::default(), &mut best).expect("nothing is left out");
        };
        (recommend, move || scoring.score_all(&mut scores).expect("the scores fit"))
    });
    if let Some((recommending, scoring)) = best {
        let more = 100.0 * (recommending / scoring - 1.0);
        let verdict = if more < 5.0 { "met" } else { "MISSED" };
        println!("{:24}{more:+.1} % beside scoring alone; goal below 5 %: {verdict}", "");
    }

    // After a coarse pass, beside none.
    let items = sized(100_000) as usize;
    let catalogs = [(); 2].map(|()| models::catalog(&model, items as u32));
    let name = format!("best {BEST} of {items}, coarse pass first");
    if catalogs[1].prepare_coarse_pass().expect("there is memory") {
        let operations = items as f64 * item_operations(&model);
        let work = Work { elements: items, operations, goal: Goal::Comparison };
        let times = measure_beside(&mut group, name, work, || {
            let recommend = |catalog| {
                let mut user = models::user(catalog, 0);
                let mut best = Vec::with_capacity(BEST);
                move || {
                    user.recommend(BEST, Filter::default(), &mut best).expect("nothing is left out")
                }
            };
            (recommend(&catalogs[1]), recommend(&catalogs[0]))
        });
        if let Some((coarse, exact)) = times {
            let gain = exact / coarse;
            let verdict = if gain >= 3.0 { "met" } else { "MISSED" };
            println!("{:24}{gain:.2} times as fast; goal 3: {verdict}", "");
        }
    } else {
        println!("{name}: skipped, the processor has no AMX");
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
            let mut user = models::user(&catalog, 0);
            let mut best = [Recommendation { item: 0, score: 0.0 }; BEST];
            move || {
                let found = user.recommend_by_threads(threads, Filter::default(), &mut best);
                assert_eq!(found.expect("nothing is left out"), BEST);
            }
        };
        (recommend(2), recommend(1))
    });
    say_gain(times);
    let users = sized(64) as usize;
    let name = format!("best {BEST} of {items}, batch of {users} users, two threads");
    let times = measure_beside(&mut group, name, work(users), || {
        (batch::Batch::new(&catalog, users).by(2), batch::Batch::new(&catalog, users).by(1))
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

/// A batch, which only C has.
mod batch {
    use std::ptr::{null, null_mut};

    use melu::Catalog;
    use melu::ffi::*;
    use melu::file::{self, Contents};

    use super::BEST;

    pub struct Batch {
        users: Vec<*mut melu_user>,
        best: Vec<melu_recommendation>,
        lens: Vec<usize>,
    }

    impl Batch {
        pub fn new(catalog: &Catalog, count: usize) -> Self {
            let table = Some(catalog.table().clone());
            let contents = Contents { catalog: table, ..catalog.model().contents().clone() };
            let folder = tempfile::tempdir().expect("a folder for the weight file");
            let path = folder.path().join("model.melu");
            file::write(&path, &contents).expect("the folder can be written to");
            let path = path.to_str().expect("a temporary folder's name is UTF-8");
            let path = melu_str { data: path.as_ptr().cast(), len: path.len() };
            let (mut model, mut catalog) = (null_mut(), null_mut());
            let mut users = vec![null_mut(); count];
            // SAFETY: the handles are written, and freed once.
            unsafe {
                assert_eq!(melu_model_open(path, &mut model, null_mut()), melu_status::Ok);
                let status = melu_model_catalog(model, &mut catalog, null_mut());
                assert_eq!(status, melu_status::Ok);
                for user in &mut users {
                    let status = melu_user_new(catalog, null(), 0, user, null_mut(), null_mut());
                    assert_eq!(status, melu_status::Ok);
                }
                melu_catalog_free(catalog);
                melu_model_free(model);
            }
            let best = vec![melu_recommendation { item: 0, score: 0.0 }; BEST * count];
            Self { users, best, lens: vec![0; count] }
        }

        /// What recommends to all of them, by so many threads.
        pub fn by(mut self, threads: u32) -> impl FnMut() {
            move || {
                let options = melu_recommend_options {
                    struct_size: size_of::<melu_recommend_options>(),
                    leave_out: null(),
                    leave_out_len: 0,
                    keep_rated: 0,
                    threads,
                };
                let Self { users, best, lens } = &mut self;
                // SAFETY: the lists are as long as they say.
                let status = unsafe {
                    melu_recommend_batch(
                        users.as_ptr(),
                        users.len(),
                        null(),
                        null(),
                        null(),
                        0,
                        &options,
                        best.as_mut_ptr(),
                        BEST,
                        lens.as_mut_ptr(),
                        null_mut(),
                    )
                };
                assert_eq!(status, melu_status::Ok);
            }
        }
    }

    impl Drop for Batch {
        fn drop(&mut self) {
            // SAFETY: nobody uses them any more.
            self.users.iter().for_each(|user| unsafe { melu_user_free(*user) });
        }
    }
}
