//! Threads that share the work of one call: the same results, and what goes wrong.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::thread;

use c::handles::{Handles, NOTHING, fails, named, ok, text};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::melu_status::*;
use melu::ffi::*;

const COUNTS: [u32; 6] = [0, 2, 3, 7, 300, u32::MAX];

/// Items and the bits of their scores.
type Best = Vec<(u32, u32)>;

/// Handles of a catalogue of so many items, some of which score the same.
fn sized(file: &[u8], items: usize) -> Handles {
    let mut handles = Handles::new(file);
    let ids: Vec<String> = (0..items).map(|index| format!("id {index}")).collect();
    let values: Vec<[melu_value; 2]> = (0..items)
        .map(|index| {
            let year = named("year", "");
            let number = 1950.0 + (index * 37 % 89) as f32;
            [
                melu_value { kind: MELU_VALUE_NUMBER, number, ..year },
                named("studio", ["a", "b", "c"][index * 7 % 3]),
            ]
        })
        .collect();
    let items: Vec<melu_item> = ids
        .iter()
        .zip(&values)
        .map(|(id, values)| melu_item {
            id: text(id),
            values: values.as_ptr(),
            values_len: 2,
            title: text(""),
        })
        .collect();
    // SAFETY: the lists are as long as they say, and what is freed is not used again.
    unsafe {
        melu_catalog_free(handles.catalog);
        let (list, len, out) = (items.as_ptr(), items.len(), &mut handles.catalog);
        ok(|e| melu_catalog_new(handles.model, list, len, out, null_mut(), e));
        melu_user_free(handles.user);
        handles.user = user(handles.catalog, 0);
    }
    handles
}

fn user(catalog: *const melu_catalog, number: usize) -> *mut melu_user {
    let (profile, mut user) = (named("region", ["n", "e", "s", "w"][number % 4]), null_mut());
    // SAFETY: the catalogue is not freed meanwhile.
    unsafe { ok(|e| melu_user_new(catalog, &profile, 1, &mut user, null_mut(), e)) };
    user
}

fn options(leave_out: &[u32], keep_rated: u32, threads: u32) -> melu_recommend_options {
    melu_recommend_options {
        leave_out: leave_out.as_ptr(),
        leave_out_len: leave_out.len(),
        keep_rated,
        threads,
        ..melu_recommend_options::default()
    }
}

fn bits(best: &[melu_recommendation]) -> Best {
    best.iter().map(|best| (best.item, best.score.to_bits())).collect()
}

fn recommend(user: *mut melu_user, options: &melu_recommend_options, capacity: usize) -> Best {
    let mut best = vec![NOTHING; capacity];
    let (out, mut len) = (best.as_mut_ptr(), 99);
    // SAFETY: the user is not used meanwhile, and there is room.
    unsafe { ok(|e| melu_user_recommend(user, options, out, capacity, &mut len, e)) };
    bits(&best[..len])
}

#[test]
fn any_number_of_threads_recommends_the_same_bits() {
    for file in [bytes(&sample()), bytes(&sample_with_vectors())] {
        for items in [1, 95, 96, 97, 193, 1000, 5003] {
            let handles = sized(&file, items);
            let rated: Vec<u32> = (0..items as u32).step_by(11).take(20).collect();
            let ratings: Vec<f32> = rated.iter().map(|item| (item % 5) as f32 + 1.0).collect();
            let (list, numbers, len) = (rated.as_ptr(), ratings.as_ptr(), rated.len());
            // SAFETY: the lists are as long as they say.
            unsafe { ok(|e| melu_user_adapt(handles.user, list, numbers, len, e)) };
            let scores = handles.scores();
            let left_out: Vec<u32> = (0..items as u32).filter(|item| item % 3 == 1).collect();
            for (leave_out, keep_rated) in [(&[][..], 0), (&left_out, 1), (&left_out, 0)] {
                let mut expected: Vec<u32> = (0..items as u32)
                    .filter(|item| !leave_out.contains(item))
                    .filter(|item| keep_rated == 1 || !rated.contains(item))
                    .collect();
                let score = |item: u32| scores[item as usize];
                expected.sort_by(|a, b| score(*b).partial_cmp(&score(*a)).unwrap().then(a.cmp(b)));
                let expected: Best =
                    expected.into_iter().map(|item| (item, score(item).to_bits())).collect();
                for capacity in [0, 1, 10, items] {
                    let expected = &expected[..expected.len().min(capacity)];
                    for threads in [1].into_iter().chain(COUNTS) {
                        let options = options(leave_out, keep_rated, threads);
                        let found = recommend(handles.user, &options, capacity);
                        assert_eq!(found, expected, "{items} items, {threads} threads");
                    }
                }
            }
        }
    }
}

/// Users of two catalogues in turn, and what each of them rates.
struct Crowd {
    handles: [Handles; 2],
    users: Vec<*mut melu_user>,
    offsets: Vec<usize>,
    items: Vec<u32>,
    ratings: Vec<f32>,
}

impl Crowd {
    fn new(count: usize) -> Self {
        let handles = [sized(&bytes(&sample()), 300), sized(&bytes(&sample_with_vectors()), 250)];
        let users = (0..count).map(|number| user(handles[number % 2].catalog, number)).collect();
        let (mut offsets, mut items, mut ratings) = (vec![0], Vec::new(), Vec::new());
        for number in 0..count {
            for rated in 0..number * 7 % 10 {
                items.push(((number * 31 + rated * 17) % 250) as u32);
                ratings.push(((number + rated) % 5) as f32 + 1.0);
            }
            offsets.push(items.len());
        }
        Self { handles, users, offsets, items, ratings }
    }

    /// Three for each, or as many as there were before something went wrong; and the
    /// status, and the user that it is about.
    fn batch(&self, threads: u32) -> (Vec<Best>, melu_status, u32) {
        let count = self.users.len();
        let mut best = vec![NOTHING; 3 * count];
        let mut lens = vec![99; count];
        let options = options(&[5, 2], 0, threads);
        let mut error = MaybeUninit::<melu_error>::uninit();
        // SAFETY: the lists are as long as they say, and the error is written.
        let (status, error) = unsafe {
            let status = melu_recommend_batch(
                self.users.as_ptr(),
                count,
                self.offsets.as_ptr(),
                self.items.as_ptr(),
                self.ratings.as_ptr(),
                self.ratings.len(),
                &options,
                best.as_mut_ptr(),
                3,
                lens.as_mut_ptr(),
                error.as_mut_ptr(),
            );
            (status, error.assume_init())
        };
        assert_eq!(error.status, status);
        let best = best.chunks(3).zip(&lens).map(|(best, len)| bits(&best[..*len]));
        (best.collect(), status, error.user)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // SAFETY: they are not used any more.
        self.users.iter().for_each(|user| unsafe { melu_user_free(*user) });
    }
}

#[test]
fn any_number_of_threads_serves_a_batch_alike() {
    for count in [0, 1, 2, 5, 64] {
        let crowd = Crowd::new(count);
        let expected = crowd.batch(1);
        assert_eq!((expected.1, expected.2), (Ok, MELU_NO_USER));
        for (place, found) in expected.0.iter().enumerate() {
            let alone = user(crowd.handles[place % 2].catalog, place);
            let range = crowd.offsets[place]..crowd.offsets[place + 1];
            let (items, ratings) = (&crowd.items[range.clone()], &crowd.ratings[range]);
            let (list, numbers, len) = (items.as_ptr(), ratings.as_ptr(), items.len());
            // SAFETY: the lists are as long as they say.
            unsafe { ok(|e| melu_user_adapt(alone, list, numbers, len, e)) };
            assert_eq!(*found, recommend(alone, &options(&[5, 2], 0, 1), 3));
            // SAFETY: it is not used any more.
            unsafe { melu_user_free(alone) };
        }
        for threads in COUNTS {
            assert_eq!(crowd.batch(threads), expected, "{count} users, {threads} threads");
        }
    }
}

#[test]
fn the_first_wrong_user_is_told_and_those_before_are_done() {
    let mut crowd = Crowd::new(64);
    let expected = crowd.batch(1).0;
    let ratings = crowd.ratings.clone();
    for wrong in [&[0usize][..], &[63], &[20, 9, 31], &[1, 2, 3, 4, 5, 6]] {
        crowd.ratings.copy_from_slice(&ratings);
        let place = *wrong.iter().find(|place| **place % 10 != 0).unwrap_or(&1);
        let mut first = usize::MAX;
        for &wrong in wrong {
            // Who rates nothing can do no wrong.
            let wrong =
                if crowd.offsets[wrong] == crowd.offsets[wrong + 1] { place } else { wrong };
            crowd.ratings[crowd.offsets[wrong]] = f32::NAN;
            first = first.min(wrong);
        }
        for round in 0..20 {
            for threads in [1].into_iter().chain(COUNTS) {
                let (found, status, user) = crowd.batch(threads);
                assert_eq!((status, user), (Rating, first as u32), "round {round}");
                assert_eq!(found[..first], expected[..first]);
                assert!(found[first..].iter().all(Vec::is_empty));
            }
        }
    }
    // They are usable.
    crowd.ratings = ratings;
    assert_eq!(crowd.batch(3).0, expected);
}

#[test]
fn threads_share_no_user() {
    let mut crowd = Crowd::new(5);
    let (first, third) = (crowd.users[1], crowd.users[3]);
    crowd.users[3] = first;
    assert_eq!(crowd.batch(0).1, Ok);
    assert_eq!(crowd.batch(1).1, Ok);
    for threads in [2, 3, 7, u32::MAX] {
        let (found, status, user) = crowd.batch(threads);
        assert_eq!((status, user), (InvalidArgument, 3));
        assert!(found.iter().all(Vec::is_empty));
    }
    let again = [first, third, first, third];
    let options = options(&[], 0, 2);
    // SAFETY: no recommendation is asked for.
    unsafe {
        let (users, mut lens, none) = (again.as_ptr(), [99; 4], (null(), null()));
        let lens = lens.as_mut_ptr();
        let batch = |offsets, e| {
            let out = null_mut();
            melu_recommend_batch(users, 4, offsets, none.0, none.1, 0, &options, out, 0, lens, e)
        };
        let nothing = [0; 5];
        fails(InvalidArgument, "users[2]: it is users[0] again", |e| batch(nothing.as_ptr(), e));
        // Who is not adapted is only read.
        ok(|e| batch(null(), e));
    }
    // NULL is no user, wherever it stands.
    let last = std::mem::replace(&mut crowd.users[4], null_mut());
    crowd.users[3] = null_mut();
    for threads in [1, 2, 7] {
        let (found, status, user) = crowd.batch(threads);
        assert_eq!((status, user), (InvalidArgument, 3));
        assert_eq!(found.iter().filter(|found| !found.is_empty()).count(), 3);
    }
    (crowd.users[3], crowd.users[4]) = (third, last);
}

#[test]
fn calls_at_once_have_threads_of_their_own() {
    let expected = Crowd::new(9).batch(1);
    thread::scope(|scope| {
        for threads in 1..5 {
            let expected = &expected;
            scope.spawn(move || {
                let crowd = Crowd::new(9);
                (0..50).for_each(|_| assert_eq!(crowd.batch(threads), *expected));
            });
        }
    });
}

/// Runs the test below again, where the system starts no thread: none has a stack as
/// large as that.
#[test]
fn threads_that_do_not_start_are_not_missed() {
    let mut again = common::this_test("where_no_thread_starts");
    let again = again.env("RUST_MIN_STACK", (1u64 << 46).to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "threads_that_do_not_start_are_not_missed runs it"]
fn where_no_thread_starts() {
    assert!(thread::Builder::new().spawn(|| ()).is_err());
    let crowd = Crowd::new(9);
    let expected = crowd.batch(1);
    assert_eq!(crowd.batch(4), expected);
    let user = crowd.users[0];
    let alone = recommend(user, &options(&[], 0, 1), 10);
    assert_eq!(recommend(user, &options(&[], 0, 4), 10), alone);
}
