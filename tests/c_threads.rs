//! The thread rules of the header, a test for each.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::ptr::{null, null_mut};
use std::sync::RwLock;
use std::thread;

use c::handles::{Handles, named, ok, text};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::*;

const THREADS: usize = 8;
const ROUNDS: usize = 200;

/// A handle on its way to other threads.
struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: that they may be shared, or handed over, is what is tested here.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn get(self) -> *mut T {
        self.0
    }
}

fn score(user: *mut melu_user) -> Vec<u32> {
    let mut scores = [0.0f32; 3];
    // SAFETY: no other thread uses the user.
    unsafe {
        let out = scores.as_mut_ptr();
        ok(|e| melu_user_score(user, null(), MELU_ALL_ITEMS, out, 3, null_mut(), e));
    }
    scores.iter().map(|score| score.to_bits()).collect()
}

#[test]
fn a_const_model_is_used_by_any_number_of_threads() {
    let handles = Handles::new(&bytes(&sample()));
    let model = Shared(handles.model);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let (mut catalog, mut len) = (null_mut(), 0);
                    let mut best = [melu_evidence {
                        item: 0,
                        score: 0.0,
                        gradient_norm: 0.0,
                        popularity: 0.0,
                    }; 2];
                    // SAFETY: the model is not freed meanwhile.
                    unsafe {
                        ok(|e| melu_model_catalog(model.get(), &mut catalog, e));
                        ok(|e| melu_model_evidence(model.get(), best.as_mut_ptr(), 2, &mut len, e));
                        melu_catalog_free(catalog);
                    }
                    assert_eq!((len, best[0].item), (2, 2));
                }
            });
        }
    });
}

#[test]
fn a_const_catalogue_is_used_by_any_number_of_threads() {
    let handles = Handles::new(&bytes(&sample_with_vectors()));
    let catalog = Shared(handles.catalog);
    let expected = score(handles.user);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let (mut user, mut item) = (null_mut(), 0);
                    // SAFETY: the catalogue is not freed meanwhile.
                    unsafe {
                        ok(|e| melu_catalog_find(catalog.get(), text("two"), &mut item, e));
                        ok(|e| melu_user_new(catalog.get(), null(), 0, &mut user, null_mut(), e));
                        assert_eq!(score(user), expected);
                        melu_user_free(user);
                    }
                    assert_eq!(item, 1);
                }
            });
        }
    });
}

#[test]
fn a_const_user_is_saved_by_any_number_of_threads() {
    let handles = Handles::new(&bytes(&sample_with_vectors()));
    let user = Shared(handles.user);
    let save = || {
        let (mut saved, mut len) = ([0u8; 4096], 0);
        // SAFETY: the user is not changed meanwhile.
        unsafe { ok(|e| melu_user_save(user.get(), saved.as_mut_ptr(), 4096, &mut len, e)) };
        saved[..len].to_vec()
    };
    let expected = save();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..ROUNDS).for_each(|_| assert_eq!(save(), expected)));
        }
    });
}

#[test]
fn a_user_moves_between_threads_one_at_a_time() {
    let handles = Handles::new(&bytes(&sample()));
    let user = Shared(handles.user);
    let expected = score(handles.user);
    let mut adapted = Vec::new();
    for _ in 0..THREADS {
        let scores = thread::spawn(move || {
            // SAFETY: the other threads are done.
            unsafe { ok(|e| melu_user_adapt(user.get(), [1].as_ptr(), [5.0].as_ptr(), 1, e)) };
            score(user.get())
        });
        adapted.push(scores.join().unwrap());
        assert_eq!(score(handles.user), adapted[0]);
        // SAFETY: the thread is done.
        unsafe { ok(|e| melu_user_reset(handles.user, e)) };
        assert_eq!(score(handles.user), expected);
    }
    assert!(adapted.iter().all(|scores| *scores == adapted[0]));
    assert_ne!(adapted[0], expected);
}

#[test]
fn many_users_of_one_catalogue_score_at_once() {
    let handles = Handles::new(&bytes(&sample()));
    let catalog = Shared(handles.catalog);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let mut user = null_mut();
                let region = named("region", ["n", "e", "s", "w"][thread % 4]);
                let rating = [(thread % 5) as f32 + 1.0];
                // SAFETY: the user is of this thread alone.
                unsafe {
                    ok(|e| melu_user_new(catalog.get(), &region, 1, &mut user, null_mut(), e));
                    ok(|e| melu_user_adapt(user, [2].as_ptr(), rating.as_ptr(), 1, e));
                    let expected = score(user);
                    (0..ROUNDS).for_each(|_| assert_eq!(score(user), expected));
                    melu_user_free(user);
                }
            });
        }
    });
}

#[test]
fn questions_serve_one_user_after_another_and_move_between_threads() {
    let handles = Handles::new(&bytes(&sample_with_vectors()));
    let catalog = Shared(handles.catalog);
    let mut questions = null_mut();
    // SAFETY: the handles are not freed meanwhile.
    unsafe { ok(|e| melu_questions_new(handles.catalog, &mut questions, e)) };
    let questions = Shared(questions);
    let ask = move || {
        let (mut user, mut question) =
            (null_mut(), melu_question { item: 9, known: 9.0, reduction: 9.0 });
        // SAFETY: the threads ask one after another.
        unsafe {
            ok(|e| melu_user_new(catalog.get(), null(), 0, &mut user, null_mut(), e));
            ok(|e| melu_user_next_question(user, questions.get(), null(), &mut question, e));
            melu_user_free(user);
        }
        question
    };
    let expected = ask();
    for _ in 0..THREADS {
        assert_eq!(thread::spawn(ask).join().unwrap(), expected);
    }
    // SAFETY: the threads are done.
    unsafe { melu_questions_free(questions.get()) };
}

#[test]
fn handles_are_freed_in_any_order_by_any_thread() {
    let file = bytes(&sample());
    for order in 0..6 {
        let mut handles = Handles::new(&file);
        let expected = score(handles.user);
        let (model, catalog) = (Shared(handles.model), Shared(handles.catalog));
        (handles.model, handles.catalog) = (null_mut(), null_mut());
        thread::scope(|scope| {
            // SAFETY: each is freed once, and not used after.
            scope.spawn(move || unsafe {
                if order % 2 == 0 {
                    melu_model_free(model.get());
                    melu_catalog_free(catalog.get());
                } else {
                    melu_catalog_free(catalog.get());
                    melu_model_free(model.get());
                }
            });
            assert_eq!(score(handles.user), expected);
        });
    }
}

#[test]
fn a_service_swaps_model_and_catalogue_while_threads_score() {
    let files = [bytes(&sample()), bytes(&sample_with_vectors())];
    let open = |round: usize| {
        let mut handles = Handles::new(&files[round % 2]);
        // The service keeps the catalogue alone.
        // SAFETY: they are not used any more.
        unsafe {
            melu_user_free(handles.user);
            melu_model_free(handles.model);
        }
        (handles.user, handles.model) = (null_mut(), null_mut());
        let catalog = Shared(handles.catalog);
        handles.catalog = null_mut();
        catalog
    };
    let expected: Vec<Vec<u32>> = files.iter().map(|file| score(Handles::new(file).user)).collect();
    let current = RwLock::new(open(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut user = null_mut();
                    // The lock is held while the user is made, not while it scores.
                    let catalog = current.read().unwrap();
                    // SAFETY: the catalogue is not freed while the lock is held.
                    unsafe {
                        ok(|e| melu_user_new(catalog.get(), null(), 0, &mut user, null_mut(), e));
                    }
                    drop(catalog);
                    assert!(expected.contains(&score(user)));
                    // SAFETY: it is of this thread alone.
                    unsafe { melu_user_free(user) };
                }
            });
        }
        for round in 1..50 {
            let new = open(round);
            let old = std::mem::replace(&mut *current.write().unwrap(), new);
            // SAFETY: whoever made a user of it has done so.
            unsafe { melu_catalog_free(old.get()) };
        }
    });
    // SAFETY: the threads are done.
    unsafe { melu_catalog_free(current.read().unwrap().get()) };
}
