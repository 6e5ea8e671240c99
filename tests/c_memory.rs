//! What the C functions allocate, and what they do when memory runs out.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::cell::Cell;
use std::ptr::{null, null_mut};

use c::handles::{Handles, NOTHING, bits, ok, outcome, text};
use common::allocations::{Watching, allocations, limited};
use common::choosing::{positive_only, with_ratings};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::*;

#[global_allocator]
static WATCHING: Watching = Watching;

/// Puts the user into the catalogue in f16.
fn halved(handles: &mut Handles) {
    let mut half = null_mut();
    // SAFETY: what is freed is not used again.
    unsafe {
        ok(|e| melu_catalog_convert(handles.catalog, MELU_DATA_TYPE_F16, &mut half, e));
        melu_catalog_free(handles.catalog);
        melu_user_free(handles.user);
        handles.catalog = half;
        ok(|e| melu_user_new(half, null(), 0, &mut handles.user, null_mut(), e));
    }
}

/// A catalogue of so many items, made of the sample's.
fn larger(handles: &mut Handles, items: usize) {
    let ids: Vec<String> = (3..items).map(|index| format!("new {index}")).collect();
    let items: Vec<melu_item> = ids
        .iter()
        .map(|id| melu_item { id: text(id), values: null(), values_len: 0, title: text("") })
        .collect();
    let mut extended = null_mut();
    // SAFETY: the lists are as long as they say, and what is freed is not used again.
    unsafe {
        let (list, len) = (items.as_ptr(), items.len());
        ok(|e| melu_catalog_extend(handles.catalog, list, len, &mut extended, null_mut(), e));
        melu_catalog_free(handles.catalog);
        melu_user_free(handles.user);
        handles.catalog = extended;
        ok(|e| melu_user_new(extended, null(), 0, &mut handles.user, null_mut(), e));
    }
}

fn options(threads: u32) -> melu_recommend_options {
    melu_recommend_options { threads, ..melu_recommend_options::default() }
}

/// What makes handles of a catalogue of so many items, and what the model predicts: nothing,
/// ratings, or deviations too.
type Make = fn(usize) -> Handles;

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Predicts {
    Nothing,
    Ratings,
    Deviations,
}

fn sample_of(items: usize) -> Handles {
    let mut handles = Handles::new(&bytes(&sample()));
    larger(&mut handles, items);
    handles
}

fn vectors_of(items: usize) -> Handles {
    let mut handles = Handles::new(&bytes(&sample_with_vectors()));
    larger(&mut handles, items);
    handles
}

const KINDS: [(Make, Predicts); 4] = [
    (sample_of, Predicts::Ratings),
    (vectors_of, Predicts::Deviations),
    (|items| Handles::new(&bytes(&with_ratings(items))), Predicts::Deviations),
    (|items| Handles::new(&bytes(&positive_only(items))), Predicts::Nothing),
];

#[test]
fn adapting_scoring_and_recommending_allocate_nothing() {
    for (make, predicts) in KINDS {
        for (items, half) in
            [3, 64, 65, 1000, 20_000].into_iter().flat_map(|items| [(items, false), (items, true)])
        {
            let mut handles = make(items);
            if half {
                halved(&mut handles);
            }
            allocates_nothing(handles.user, items, predicts);
        }
    }
}

fn allocates_nothing(user: *mut melu_user, items: usize, predicts: Predicts) {
    let all: Vec<u32> = (0..items as u32).collect();
    let ratings: Vec<f32> = all.iter().map(|item| (item % 5) as f32 + 1.0).collect();
    let (mut numbers, mut deviations) = (vec![0.0f32; items], vec![0.0f32; items]);
    let mut best = vec![NOTHING; items];
    let mut len = 0;
    let counted = |what: &str, call: &mut dyn FnMut() -> melu_status| {
        let count = allocations(|| assert_eq!(call(), melu_status::Ok, "{what}, {items} items"));
        assert_eq!(count, 0, "{what}, {items} items");
    };
    let none = null_mut();
    // The first call of all silences panics, for good.
    // SAFETY: the lists are as long as they say.
    unsafe {
        // And the first with so many ratings and items makes a scratch and lists so large.
        let most = items.min(2000);
        ok(|e| melu_user_adapt(user, all.as_ptr(), ratings.as_ptr(), most, e));
        ok(|e| melu_user_recommend(user, null(), best.as_mut_ptr(), items, &mut len, e));
        for rated in [0, 1, 20, 64, 65, 2000].into_iter().filter(|rated| *rated <= items) {
            counted(&format!("adapt to {rated}"), &mut || {
                melu_user_adapt(user, all.as_ptr(), ratings.as_ptr(), rated, none)
            });
        }
        for listed in [0, 1, 64, items, MELU_ALL_ITEMS] {
            if listed != MELU_ALL_ITEMS && listed > items {
                continue;
            }
            let (list, out) = (all.as_ptr(), numbers.as_mut_ptr());
            counted("score", &mut || {
                melu_user_score(user, list, listed, out, items, &mut len, null_mut())
            });
            if predicts >= Predicts::Ratings {
                counted("predict", &mut || {
                    melu_user_predict(user, list, listed, out, null_mut(), items, &mut len, none)
                });
            }
            if predicts == Predicts::Deviations {
                let beside = deviations.as_mut_ptr();
                counted("predict with deviations", &mut || {
                    melu_user_predict(user, list, listed, out, beside, items, &mut len, none)
                });
            }
        }
        let order = match predicts {
            Predicts::Nothing => MELU_ORDER_SCORE,
            _ => MELU_ORDER_RATING,
        };
        let defaults = melu_recommend_options::default();
        let half = items / 2;
        let wishes = [
            defaults,
            melu_recommend_options { leave_out_len: half, threads: 1, ..defaults },
            melu_recommend_options { leave_out_len: items, ..defaults },
            melu_recommend_options { among: all.as_ptr(), among_len: half, ..defaults },
            melu_recommend_options {
                among: all.as_ptr(),
                among_len: 1,
                add_neighbours: 1,
                keep_rated: 1,
                ..defaults
            },
            melu_recommend_options {
                order,
                min_raters: 1,
                popularity_discount: 0.5,
                new_items: 2,
                ..defaults
            },
        ];
        for options in wishes {
            let options = melu_recommend_options { leave_out: all.as_ptr(), ..options };
            let out = best.as_mut_ptr();
            // Room for new items is made once.
            ok(|e| melu_user_recommend(user, &options, out, items, &mut len, e));
            for capacity in [0, 1, 10.min(items), items] {
                counted("recommend", &mut || {
                    melu_user_recommend(user, &options, out, capacity, &mut len, null_mut())
                });
            }
        }
        let mut vector = [0.0; 64];
        allocations(|| _ = melu_user_vector(user, vector.as_mut_ptr(), 64, &mut len, null_mut()));
        counted("reset", &mut || melu_user_reset(user, null_mut()));
    }
}

#[test]
fn a_batch_allocates_nothing_for_any_number_of_users() {
    for (make, _) in KINDS {
        a_batch_of(make(500));
    }
}

fn a_batch_of(handles: Handles) {
    for count in [1, 10, 100] {
        let mut users = vec![null_mut(); count];
        for user in &mut users {
            // SAFETY: the handles are not freed.
            unsafe { ok(|e| melu_user_new(handles.catalog, null(), 0, user, null_mut(), e)) };
        }
        let offsets: Vec<usize> = (0..=count).map(|user| 5 * user).collect();
        let items: Vec<u32> = (0..5 * count as u32).collect();
        let ratings = vec![4.0; 5 * count];
        let mut best = vec![NOTHING; 20 * count];
        let mut lens = vec![0; count];
        let options = options(1);
        // The catalogue's first scratch.
        // SAFETY: the user is not freed, and nothing is written.
        unsafe { ok(|e| melu_user_score(handles.user, null(), 0, null_mut(), 0, null_mut(), e)) };
        let allocated = allocations(|| {
            // SAFETY: the lists are as long as they say.
            let status = unsafe {
                melu_recommend_batch(
                    users.as_ptr(),
                    count,
                    offsets.as_ptr(),
                    items.as_ptr(),
                    ratings.as_ptr(),
                    ratings.len(),
                    &options,
                    best.as_mut_ptr(),
                    20,
                    lens.as_mut_ptr(),
                    null_mut(),
                )
            };
            assert_eq!(status, melu_status::Ok);
        });
        assert_eq!(allocated, 0, "{count} users");
        assert_eq!(lens, vec![20; count]);
        // SAFETY: they are not used any more.
        users.iter().for_each(|user| unsafe { melu_user_free(*user) });
    }
}

#[test]
fn asking_allocates_nothing() {
    asking_a_user_of(|_| ());
    asking_a_user_of(halved);
}

fn asking_a_user_of(change: impl Fn(&mut Handles)) {
    let mut handles = Handles::new(&bytes(&sample_with_vectors()));
    larger(&mut handles, 1000);
    change(&mut handles);
    let mut questions = null_mut();
    let mut question = melu_question { item: 0, known: 0.0, reduction: 0.0 };
    // SAFETY: the handles are not freed meanwhile.
    unsafe {
        ok(|e| melu_questions_new(handles.catalog, &mut questions, e));
        for _ in 0..3 {
            let count = allocations(|| {
                let user = handles.user;
                let status =
                    melu_user_next_question(user, questions, null(), &mut question, null_mut());
                assert_eq!(status, melu_status::Ok);
            });
            assert_eq!(count, 0);
        }
        melu_questions_free(questions);
    }
}

#[test]
fn more_ratings_than_there_is_room_for_allocate_once() {
    let mut handles = Handles::new(&bytes(&sample()));
    larger(&mut handles, 500);
    let items: Vec<u32> = (0..500).collect();
    let ratings = vec![3.0; 500];
    let adapt = || {
        // SAFETY: the lists are as long as they say.
        let status = unsafe {
            melu_user_adapt(handles.user, items.as_ptr(), ratings.as_ptr(), 500, null_mut())
        };
        assert_eq!(status, melu_status::Ok);
    };
    assert!(allocations(adapt) > 0);
    assert_eq!(allocations(adapt), 0);
}

/// Where there is no memory for the rows as they are, there is for half of them.
#[test]
fn f16_takes_half_the_memory() {
    let mut handles = Handles::new(&bytes(&sample()));
    larger(&mut handles, 20_000);
    let rows = 20_000 * 15;
    let convert = |catalog: *mut melu_catalog, data_type, limit| {
        let mut made = null_mut();
        let (status, _) = limited(limit, || {
            // SAFETY: the handles are not freed.
            outcome(|e| unsafe { melu_catalog_convert(catalog, data_type, &mut made, e) })
        });
        (status, made)
    };
    let half = MELU_DATA_TYPE_F16;
    assert_eq!(convert(handles.catalog, half, 2 * rows).0, melu_status::OutOfMemory);
    halved(&mut handles);
    let back = convert(handles.catalog, MELU_DATA_TYPE_F32, 2 * rows + 1);
    assert_eq!(back, (melu_status::OutOfMemory, null_mut()));
    let (status, back) = convert(handles.catalog, MELU_DATA_TYPE_F32, 4 * rows + 1);
    assert_eq!(status, melu_status::Ok);
    let (status, again) = convert(back, half, 2 * rows + 1);
    assert_eq!(status, melu_status::Ok);
    for made in [back, again] {
        // SAFETY: they are not used any more.
        unsafe { melu_catalog_free(made) };
    }
}

/// Memory for what grows with a list, a catalogue or a file's bytes may be refused.
#[test]
fn out_of_memory_is_a_status_and_leaves_the_handle_usable() {
    let file = bytes(&sample());
    let mut handles = Handles::new(&file);
    larger(&mut handles, 2000);
    let expected = handles.scores();
    let refused = |limit: usize, call: &dyn Fn(*mut melu_error) -> melu_status| {
        let (status, message) = limited(limit, || outcome(call));
        assert_eq!(status, melu_status::OutOfMemory, "{message}");
        assert!(message.contains("memory"), "{message}");
        assert_eq!(handles.scores(), expected);
        ok(call);
    };
    let ids: Vec<String> = (0..2000).map(|index| format!("more {index}")).collect();
    let values = vec![c::handles::named("genres", "war"); 500];
    let item = |id| melu_item { id: text(id), values: null(), values_len: 0, title: text("") };
    let items: Vec<melu_item> = ids.iter().map(|id| item(id)).collect();
    let many_values = melu_item {
        id: text("many"),
        values: values.as_ptr(),
        values_len: values.len(),
        title: text(""),
    };
    let rated: Vec<u32> = (0..2000).collect();
    let ratings = vec![3.0; 2000];
    let (out, made) = (Cell::new(null_mut::<melu_catalog>()), Cell::new(null_mut::<melu_model>()));
    let free = || {
        // SAFETY: it is not used any more.
        unsafe { melu_catalog_free(out.replace(null_mut())) };
    };
    // SAFETY: the lists are as long as they say.
    unsafe {
        refused(file.len(), &|e| {
            let data = file.as_ptr().cast();
            melu_model_open_bytes(data, file.len(), null(), made.as_ptr(), e)
        });
        melu_model_free(made.get());
        // The list of items, their values, and the catalogue's rows.
        for limit in [2000 * 15 * 4, 2000 * size_of::<melu_item>()] {
            refused(limit, &|e| {
                melu_catalog_new(handles.model, items.as_ptr(), 2000, out.as_ptr(), null_mut(), e)
            });
            free();
        }
        refused(500 * size_of::<melu_value>() / 2, &|e| {
            melu_catalog_new(handles.model, &many_values, 1, out.as_ptr(), null_mut(), e)
        });
        free();
        refused(4000 * 15 * 4, &|e| {
            let (items, len) = (items.as_ptr(), items.len());
            melu_catalog_extend(handles.catalog, items, len, out.as_ptr(), null_mut(), e)
        });
        free();
        // A user whose ratings find no room is as before.
        let (mut user, mut len) = (null_mut(), 0);
        ok(|e| melu_user_new(handles.catalog, null(), 0, &mut user, null_mut(), e));
        ok(|e| melu_user_adapt(user, [5].as_ptr(), [1.0].as_ptr(), 1, e));
        let mut before = [NOTHING; 3];
        ok(|e| melu_user_recommend(user, null(), before.as_mut_ptr(), 3, &mut len, e));
        let (items, numbers) = (rated.as_ptr(), ratings.as_ptr());
        let (status, message) =
            limited(4000, || outcome(|e| melu_user_adapt(user, items, numbers, 2000, e)));
        assert_eq!(status, melu_status::OutOfMemory, "{message}");
        let mut after = [NOTHING; 3];
        ok(|e| melu_user_recommend(user, null(), after.as_mut_ptr(), 3, &mut len, e));
        assert_eq!(bits(&before), bits(&after));
        melu_user_free(user);
    }
}

/// A thread for which there is no memory is done without.
#[test]
fn threads_without_memory_are_not_missed() {
    let mut handles = Handles::new(&bytes(&sample()));
    larger(&mut handles, 2000);
    let recommend = |threads| {
        let (options, mut len) = (options(threads), 0);
        let mut best = vec![NOTHING; 2000];
        let out = best.as_mut_ptr();
        // SAFETY: there is room for all.
        unsafe { ok(|e| melu_user_recommend(handles.user, &options, out, 2000, &mut len, e)) };
        assert_eq!(len, 2000);
        bits(&best)
    };
    let alone = recommend(1);
    let room = 2 * 2000 * size_of::<melu_recommendation>();
    assert_eq!(limited(room, || recommend(3)), alone);
    assert_eq!(recommend(3), alone);

    let users = vec![null_mut(); 1000];
    let (options, mut lens, offsets) = (options(2), vec![99; 1000], vec![0; 1001]);
    let batch = |error| {
        let (users, out, len) = (users.as_ptr(), null_mut(), lens.as_mut_ptr());
        // SAFETY: the lists are as long as they say, and no recommendation is asked for.
        unsafe {
            let (offsets, none) = (offsets.as_ptr(), (null(), null()));
            melu_recommend_batch(
                users, 1000, offsets, none.0, none.1, 0, &options, out, 0, len, error,
            )
        }
    };
    let (status, message) = limited(1000 * size_of::<usize>(), || outcome(batch));
    assert_eq!(status, melu_status::OutOfMemory, "{message}");
    assert_eq!(lens, vec![0; 1000]);
}
