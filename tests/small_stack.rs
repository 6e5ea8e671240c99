//! Calls on threads with small stacks, as some servers and virtual machines have them.

#![cfg(all(feature = "capi", feature = "train"))]

mod c;
mod common;

use std::ptr::{null, null_mut};
use std::thread;

use c::handles::ok;
use common::choosing::{trained, with_ratings};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::*;
use melu::model::file::Contents;

/// What the limits promise to threads that serve users and to threads that open models; another
/// number by the environment, to find out what is needed.
const LIMITS: &str = "A thread that serves users needs 32 KB of stack, and one that opens models \
                      128 KB.";

/// A thread with so little stack.
fn small(kilobytes: usize) -> thread::Builder {
    let kilobytes = std::env::var("MELU_STACK_KB").map_or(kilobytes, |text| text.parse().unwrap());
    thread::Builder::new().stack_size(kilobytes * 1024)
}

/// A catalogue on its way to another thread.
struct Sent(*mut melu_catalog);

// SAFETY: the thread that made it does nothing with it meanwhile.
unsafe impl Send for Sent {}

/// Serves a user on a small stack: a new one, their answers, scores, lists, a batch of them,
/// questions, and what is saved of them.
fn serve(contents: &Contents) {
    let bytes = bytes(contents);
    let open = move || {
        let (mut model, mut catalog) = (null_mut(), null_mut());
        // SAFETY: all pointers lead to what the header asks for.
        unsafe {
            let data = bytes.as_ptr().cast();
            ok(|e| melu_model_open_bytes(data, bytes.len(), null(), &mut model, e));
            ok(|e| melu_model_catalog(model, &mut catalog, e));
            melu_model_free(model);
        }
        Sent(catalog)
    };
    let sent = small(128).spawn(open).unwrap().join().unwrap();
    let thread = small(32).spawn(move || {
        let Sent(catalog) = { sent };
        // SAFETY: as before.
        unsafe {
            let (mut user, mut loaded, mut questions) = (null_mut(), null_mut(), null_mut());
            ok(|e| melu_user_new(catalog, null(), 0, &mut user, null_mut(), e));
            // Some models cannot choose questions.
            melu_questions_new(catalog, &mut questions, null_mut());
            let len = melu_catalog_len(catalog);
            for count in [1, 3, 40, 120] {
                let count = count.min(len);
                let items: Vec<u32> = (0..count as u32).collect();
                let ratings: Vec<f32> = items.iter().map(|item| 1.0 + (item % 4) as f32).collect();
                let ones = vec![1.0; count];
                let adapt = |ratings: &[f32]| {
                    melu_user_adapt(user, items.as_ptr(), ratings.as_ptr(), count, null_mut())
                };
                // A model without ratings takes ones.
                if adapt(&ratings) != melu_status::Ok {
                    assert_eq!(adapt(&ones), melu_status::Ok);
                }
                let mut scores = vec![0.0; len];
                let out = scores.as_mut_ptr();
                ok(|e| melu_user_score(user, null(), MELU_ALL_ITEMS, out, len, null_mut(), e));
                let mut found = 0;
                let mut best =
                    vec![
                        melu_recommendation { item: 0, score: 0.0, rating: 0.0, deviation: 0.0 };
                        20
                    ];
                let out = best.as_mut_ptr();
                ok(|e| melu_user_recommend(user, null(), out, 20, &mut found, e));
                let (users, mut lens) = ([user as *mut _; 9], [0; 9]);
                let mut lists = vec![best[0]; 9 * 20];
                let (out, lens) = (lists.as_mut_ptr(), lens.as_mut_ptr());
                ok(|e| {
                    let (none, options) = (null(), null());
                    let users = users.as_ptr();
                    melu_recommend_batch(
                        users,
                        9,
                        none,
                        null(),
                        null(),
                        0,
                        options,
                        out,
                        20,
                        lens,
                        e,
                    )
                });
                let mut question = melu_question { item: 0, known: 0.0, reduction: 0.0 };
                if !questions.is_null() {
                    let status =
                        melu_user_next_question(user, questions, null(), &mut question, null_mut());
                    // All have been asked about.
                    let none = status == melu_status::NotFound && count == len;
                    assert!(status == melu_status::Ok || none, "{status:?}");
                }
            }
            let mut saved = vec![0; 1 << 16];
            let mut size = 0;
            ok(|e| melu_user_save(user, saved.as_mut_ptr(), saved.len(), &mut size, e));
            ok(|e| melu_user_load(catalog, saved.as_ptr(), size, &mut loaded, null_mut(), e));
            melu_questions_free(questions);
            melu_user_free(loaded);
            melu_user_free(user);
            melu_catalog_free(catalog);
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn users_are_served_on_a_stack_of_32_kilobytes() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/limits.md");
    assert!(std::fs::read_to_string(page).unwrap().contains(LIMITS));
    serve(&trained(false));
    serve(&trained(true));
    serve(&with_ratings(150));
    // So large that a batch serves users side by side.
    serve(&with_ratings(5_000));
    serve(&sample());
    serve(&sample_with_vectors());
}
