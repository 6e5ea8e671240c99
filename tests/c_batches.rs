//! The C function for many users, with catalogues so large that users are served side by side.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::ptr::{null, null_mut};

use c::handles::{Handles, NOTHING, bits, fails, ok};
use common::choosing::{positive_only, with_ratings};
use common::files::bytes;
use melu::ffi::melu_status::*;
use melu::ffi::*;

const ITEMS: usize = 5_000;
const BEST: usize = 12;

/// A batch's lists, to the bit.
struct Lists {
    best: Vec<melu_recommendation>,
    lens: Vec<usize>,
}

impl Lists {
    fn new(users: usize) -> Self {
        Self { best: vec![NOTHING; users * BEST], lens: vec![99; users] }
    }

    fn of(&self, user: usize) -> Vec<[u32; 4]> {
        bits(&self.best[user * BEST..][..self.lens[user]])
    }

    /// Calls the function with these users, and five answers each if `seed` is given.
    fn call(
        &mut self,
        users: &[*mut melu_user],
        answers: Option<&[(u32, f32)]>,
        threads: u32,
        error: *mut melu_error,
    ) -> melu_status {
        let options = melu_recommend_options { threads, ..melu_recommend_options::default() };
        let (items, ratings): (Vec<u32>, Vec<f32>) = answers.unwrap_or(&[]).iter().copied().unzip();
        let each = items.len() / users.len().max(1);
        let offsets: Vec<usize> = (0..=users.len()).map(|user| user * each).collect();
        let offsets = if answers.is_some() { offsets.as_ptr() } else { null() };
        let (best, lens) = (self.best.as_mut_ptr(), self.lens.as_mut_ptr());
        // SAFETY: the lists are as long as they say, and the users are alive.
        unsafe {
            melu_recommend_batch(
                users.as_ptr(),
                users.len(),
                offsets,
                items.as_ptr(),
                ratings.as_ptr(),
                items.len(),
                &options,
                best,
                BEST,
                lens,
                error,
            )
        }
    }
}

/// Five answers of each user.
fn answers(users: usize, seed: u32) -> Vec<(u32, f32)> {
    let answer = |place: u32| ((place * 7_919 + seed * 131) % ITEMS as u32, (place % 5 + 1) as f32);
    (0..5 * users as u32).map(answer).collect()
}

/// One user's list after these answers.
fn alone(user: *mut melu_user, answers: &[(u32, f32)]) -> Vec<[u32; 4]> {
    let (items, ratings): (Vec<u32>, Vec<f32>) = answers.iter().copied().unzip();
    let (mut best, mut len) = (vec![NOTHING; BEST], 0);
    // SAFETY: the lists are as long as they say, and the user is alive.
    unsafe {
        let (items, ratings, count) = (items.as_ptr(), ratings.as_ptr(), items.len());
        ok(|e| melu_user_adapt(user, items, ratings, count, e));
        ok(|e| melu_user_recommend(user, null(), best.as_mut_ptr(), BEST, &mut len, e));
    }
    bits(&best[..len])
}

/// Users of one catalogue, which their handles keep alive, and one of another between them.
struct Users {
    users: Vec<*mut melu_user>,
    _catalogs: [Handles; 2],
}

impl Users {
    fn new(count: usize, other: usize) -> Self {
        let catalogs = [with_ratings(ITEMS), with_ratings(ITEMS - 700)];
        let catalogs = catalogs.map(|contents| Handles::new(&bytes(&contents)));
        let user = |place: usize| {
            let catalog = catalogs[usize::from(place == other)].catalog;
            let (mut user, unknown) = (null_mut(), null_mut());
            // SAFETY: the catalogue is alive, and a profile may be empty.
            unsafe { ok(|e| melu_user_new(catalog, null(), 0, &mut user, unknown, e)) };
            user
        };
        Self { users: (0..count).map(user).collect(), _catalogs: catalogs }
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        // SAFETY: each user is freed once.
        self.users.iter().for_each(|user| unsafe { melu_user_free(*user) });
    }
}

#[test]
fn users_side_by_side_are_served_as_alone() {
    // Without another catalogue's user, with one in the first and in the last eight users.
    for other in [99, 3, 18] {
        let (batch, single) = (Users::new(19, other), Users::new(19, other));
        for threads in [1, 2, 5] {
            let answers = answers(19, threads);
            let answers: Vec<_> = answers.into_iter().map(|(i, r)| (i % 4_000, r)).collect();
            let mut lists = Lists::new(19);
            ok(|e| lists.call(&batch.users, Some(&answers), threads, e));
            let mut again = Lists::new(19);
            ok(|e| again.call(&batch.users, None, threads, e));
            for (user, (single, answers)) in single.users.iter().zip(answers.chunks(5)).enumerate()
            {
                let expected = alone(*single, answers);
                assert_eq!(expected.len(), BEST);
                assert_eq!(lists.of(user), expected, "user {user}");
                assert_eq!(again.of(user), expected, "user {user} again");
            }
        }
    }
}

#[test]
fn a_user_who_is_there_twice_has_the_list_of_each_time() {
    let (batch, single) = (Users::new(3, 99), Users::new(3, 99));
    let [a, b, c] = batch.users[..] else { unreachable!() };
    let (users, places) = ([a, b, a, c, b], [0, 1, 0, 2, 1]);
    let answers = answers(5, 4);
    let mut lists = Lists::new(5);
    ok(|e| lists.call(&users, Some(&answers), 1, e));
    for (place, (user, answers)) in places.into_iter().zip(answers.chunks(5)).enumerate() {
        assert_eq!(lists.of(place), alone(single.users[user], answers));
    }
}

#[test]
fn the_first_user_that_fails_is_named_and_those_before_are_done() {
    for threads in [1, 3] {
        for place in [0, 5, 8, 12] {
            let (batch, single) = (Users::new(13, 99), Users::new(13, 99));
            let mut wrong = answers(13, 9);
            wrong[5 * place + 2].0 = ITEMS as u32;
            let mut lists = Lists::new(13);
            let words = format!("users[{place}]: ");
            fails(ItemIndex, &words, |e| lists.call(&batch.users, Some(&wrong), threads, e));
            let check = |lists: &Lists, answers: &[(u32, f32)]| {
                let before = single.users[..place].iter().zip(answers.chunks(5));
                for (user, (single, answers)) in before.enumerate() {
                    assert_eq!(lists.of(user), alone(*single, answers), "user {user}");
                }
                assert!(lists.lens[place..].iter().all(|len| *len == 0), "{:?}", lists.lens);
            };
            check(&lists, &wrong);

            let answers = answers(13, 2);
            let mut holes = batch.users.clone();
            holes[place] = null_mut();
            for answers in [Some(&answers[..]), None] {
                let mut lists = Lists::new(13);
                let words = format!("users[{place}]: user is NULL");
                fails(InvalidArgument, &words, |e| lists.call(&holes, answers, threads, e));
                let answers = answers.unwrap_or(&self::answers(13, 2)).to_vec();
                check(&lists, &answers);
            }
        }
    }
}

#[test]
fn models_without_ratings_are_served_side_by_side() {
    let handles = Handles::new(&bytes(&positive_only(ITEMS)));
    let answers: Vec<(u32, f32)> = answers(1, 1).into_iter().map(|(item, _)| (item, 1.0)).collect();
    let expected = alone(handles.user, &answers);
    let mut lists = Lists::new(9);
    ok(|e| lists.call(&[handles.user; 9], None, 1, e));
    assert!((0..9).all(|user| lists.of(user) == expected));
}
