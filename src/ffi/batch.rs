//! Many users in one call.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::arguments::{slice, slice_mut};
use super::call::{call, catch};
use super::error::Failure;
use super::handle::Handle;
use super::recommendation::{read_options, recommend, recommendations};
use super::user::{PooledUser, melu_user};
use super::{melu_error, melu_recommend_options, melu_recommendation, melu_status};
use crate::{Scratch, User, memory, threads};

/// Adapts and recommends for many users in one call: for programs whose calls into C are
/// expensive, and to let several threads work on one call.
///
/// `users` are `users_len` users, of one catalogue or of several. If `offsets` is NULL,
/// the users are not adapted. Otherwise `offsets` are `users_len` + 1 numbers from 0 to
/// `ratings_len` that never fall: user `u` is adapted to the items and ratings from
/// `offsets[u]` to `offsets[u + 1]`, like by `melu_user_adapt`.
///
/// `best` has a capacity of `users_len` times `best_capacity`: the recommendations of
/// user `u` begin at `u` times `best_capacity`, like those of `melu_user_recommend`, with
/// the same `options` for all. `best_lens` are `users_len` numbers, all of which are
/// written.
///
/// Statuses: those of the two functions. After a failure, `error->user` and the message
/// name the first user that failed. The users before it are done; for that user and those
/// after it, `best_lens` is 0. With one thread, the users after it are unchanged; with
/// more, some may be adapted already.
///
/// Threads: with `offsets`, one at a time for each of the users. With `options->threads`
/// above 1, the threads take one user after another; users that are adapted must differ.
/// Threads beyond the number of users share the users' catalogues, like in
/// `melu_user_recommend`. Cost: that of the two functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_recommend_batch(
    users: *const *mut melu_user,
    users_len: usize,
    offsets: *const usize,
    items: *const u32,
    ratings: *const f32,
    ratings_len: usize,
    options: *const melu_recommend_options,
    best: *mut melu_recommendation,
    best_capacity: usize,
    best_lens: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for `users_len` elements to write at `best_lens`, or NULL; an
        // `AtomicUsize` lies in memory as a `usize` does.
        let lens = unsafe { slice_mut(best_lens.cast::<AtomicUsize>(), users_len, "best_lens") }?;
        let lens = &*lens;
        // SAFETY: the header asks for `users_len` elements at `users`, or NULL; a `Shared` is
        // the pointer in it.
        let users = unsafe { slice(users.cast::<Shared<melu_user>>(), users_len, "users") }?;
        // SAFETY: the header asks for `ratings_len` elements at `items`, or NULL.
        let items = unsafe { slice(items, ratings_len, "items") }?;
        // SAFETY: the header asks for `ratings_len` elements at `ratings`, or NULL.
        let ratings = unsafe { slice(ratings, ratings_len, "ratings") }?;
        let offsets = match offsets.is_null() {
            true => None,
            // SAFETY: the header asks for `users_len` + 1 elements at `offsets`, or NULL.
            false => Some(unsafe { check_offsets(offsets, users_len, ratings_len) }?),
        };
        // SAFETY: the header asks for options at `options`, with their lists, or NULL.
        let given = unsafe { read_options(options) }?;
        let threads = given.threads;
        let capacity_of_all = users_len.checked_mul(best_capacity).ok_or_else(|| {
            let problem = format!("best: {users_len} times {best_capacity} is too many");
            Failure::new(melu_status::InvalidArgument, problem)
        })?;
        if capacity_of_all > 0 && best.is_null() {
            let problem = format!("best is NULL; {capacity_of_all} elements are expected");
            return Err(Failure::new(melu_status::InvalidArgument, problem));
        }
        let threads_of_users = threads.min(users_len).max(1);
        let threads_of_each = threads / threads_of_users;
        if threads_of_users > 1 && offsets.is_some() {
            check_distinct(users)?;
        }
        let best = Shared(best);
        let serve = |place: usize| {
            let recommend = |user: &User, scratch: &mut Scratch| {
                let capacity = best_capacity.min(user.catalog().len());
                let best = best.get().wrapping_add(place * best_capacity);
                // SAFETY: the header asks for `users_len` times `best_capacity` elements to
                // write at `best`. This user's are a part of them that ends before the next
                // user's, and `in_turn` gives each place to one thread alone.
                let best = unsafe { recommendations(best, capacity) }?;
                let found = recommend(user, &given, threads_of_each, best, scratch)?;
                lens[place].store(found, Ordering::Relaxed);
                Ok(())
            };
            let user = users[place].get();
            let Some(offsets) = offsets else {
                // SAFETY: the header asks for live handles in `users`, unchanged meanwhile, or
                // NULL; without `offsets` this call changes none either.
                let user = unsafe { melu_user::shared(user, "user") }?;
                return user.with(|PooledUser { user, pool }| {
                    pool.with(|scratch| recommend(user, scratch))
                });
            };
            let answers = offsets[place]..offsets[place + 1];
            let (items, ratings) = (&items[answers.clone()], &ratings[answers]);
            // SAFETY: the header asks for live handles in `users`, used by nobody else, or NULL.
            // `in_turn` gives each place to one thread, and if there are several,
            // `check_distinct` found each user in one place alone.
            let user = unsafe { melu_user::exclusive(user, "user") }?;
            user.with(|PooledUser { user, pool }| {
                pool.with(|scratch| {
                    let adapted = user.adapt(items, ratings, scratch);
                    adapted.map_err(Failure::of("items"))?;
                    recommend(user, scratch)
                })
            })
        };
        let mut each = Vec::new();
        // Of no size: nothing is allocated.
        each.resize(threads_of_users, ());
        let serve = |place: usize, (): &mut ()| catch(|| serve(place));
        threads::in_turn(&mut each, 0..users_len, serve).map_err(|(place, failure)| {
            lens[place..].iter().for_each(|len| len.store(0, Ordering::Relaxed));
            failure.of_user(place)
        })
    })
}

/// A pointer that several threads copy.
#[repr(transparent)]
struct Shared<T>(*mut T);

// SAFETY: to copy an address is no access. Each block that uses the pointer says why no other
// thread is in its way.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The pointer. A closure that took the field itself would not be `Sync`.
    fn get(&self) -> *mut T {
        self.0
    }
}

/// Refuses a list that has a user twice: two threads could use that user at once.
fn check_distinct(users: &[Shared<melu_user>]) -> Result<(), Failure> {
    let mut places = memory::reserved(users.len())?;
    let pointers = users.iter().map(Shared::get).zip(0usize..);
    places.extend(pointers.filter(|(user, _)| !user.is_null()));
    places.sort_unstable();
    let twice = places.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    match twice.map(|pair| (pair[1].1, pair[0].1)).min() {
        None => Ok(()),
        Some((place, before)) => {
            let problem = format!("it is users[{before}] again; threads can share no user");
            Err(Failure::new(melu_status::InvalidArgument, problem).of_user(place))
        }
    }
}

/// The users' offsets into the ratings, if they fit them.
///
/// # Safety
/// `offsets` is NULL or points to `users_len` + 1 numbers, not changed during `'a`.
unsafe fn check_offsets<'a>(
    offsets: *const usize,
    users_len: usize,
    ratings_len: usize,
) -> Result<&'a [usize], Failure> {
    // SAFETY: the caller promises `users_len` + 1 elements; any bits are a `usize`.
    let offsets = unsafe { slice(offsets, users_len.saturating_add(1), "offsets") }?;
    let falls = offsets.windows(2).position(|ends| ends[0] > ends[1]);
    let problem = match (falls, offsets.first(), offsets.last()) {
        (Some(place), _, _) => format!("offsets[{place}] is above the one after it"),
        (None, Some(&first), _) if first != 0 => format!("offsets[0] is {first}; 0 is expected"),
        (None, _, Some(&last)) if last != ratings_len => {
            format!("offsets[{users_len}] is {last}; ratings_len, {ratings_len}, is expected")
        }
        _ => return Ok(offsets),
    };
    Err(Failure::new(melu_status::InvalidArgument, problem))
}
