//! Many users in one call.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::arguments::{slice, slice_mut};
use super::call::{call, catch};
use super::error::Failure;
use super::handle::{Bomb, Borrowed, Handle};
use super::recommendation::{GivenOptions, read_options, recommendations, with_options};
use super::user::{PooledUser, melu_user};
use super::{melu_error, melu_recommend_options, melu_recommendation, melu_status};
use crate::user::recommend::{Request, Requests, TOGETHER, recommend_together, side_by_side};
use crate::{Recommendation, Scratch, User, memory, threads};

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
/// after it, `best_lens` is 0. Some of those after it may be adapted already.
///
/// Threads: with `offsets`, one at a time for each of the users. With `options->threads`
/// above 1, the threads take users in turn; users that are adapted must differ.
/// Threads beyond the number of users share the users' catalogues, like in
/// `melu_user_recommend`. Cost: that of the two functions.
/// In catalogues of more than 1,000 items, eight users' lists are made side by side, which
/// takes less time.
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
        if threads_of_users > 1 && offsets.is_some() {
            check_distinct(users)?;
        }
        let batch = Batch {
            users,
            answers: offsets.map(|offsets| (offsets, items, ratings)),
            given,
            threads_of_each: threads / threads_of_users,
            best: Shared(best),
            best_capacity,
            lens,
        };
        // Few users are shared among all threads.
        let together = users_len.div_ceil(threads_of_users).clamp(1, batch.side_by_side());
        let groups = (0..users_len).step_by(together);
        let groups = groups.map(|first| first..users_len.min(first + together));
        let mut each = Vec::new();
        // Of no size: nothing is allocated.
        each.resize(threads_of_users, ());
        let served = threads::in_turn(&mut each, groups, |users, ()| batch.serve(users));
        served.map_err(|(_, (place, failure))| {
            lens[place..].iter().for_each(|len| len.store(0, Ordering::Relaxed));
            failure.of_user(place)
        })
    })
}

/// The arguments of a call, which were checked but for the users and what is done with them.
struct Batch<'a> {
    users: &'a [Shared<melu_user>],
    /// The offsets, items and ratings, if users are adapted.
    answers: Option<(&'a [usize], &'a [u32], &'a [f32])>,
    given: GivenOptions<'a>,
    threads_of_each: usize,
    best: Shared<melu_recommendation>,
    best_capacity: usize,
    lens: &'a [AtomicUsize],
}

/// A place among the users, and why that user could not be served.
type Failed = (usize, Failure);

impl<'a> Batch<'a> {
    /// How many users may be served side by side, as far as the first one tells.
    fn side_by_side(&self) -> usize {
        let Some(user) = self.users.first() else { return 1 };
        // SAFETY: the header asks for live handles in `users`, or NULL, and no thread uses them
        // yet.
        let user = unsafe { melu_user::shared(user.get(), "user") };
        let together = user.and_then(|user| {
            user.with(|PooledUser { pool, .. }| Ok(side_by_side(pool, &self.given.options)))
        });
        together.unwrap_or(1)
    }

    /// Serves some users, which no other thread uses if users are adapted.
    ///
    /// # Errors
    /// The first that failed; the ones before it are done.
    fn serve(&self, mut places: Range<usize>) -> Result<(), Failed> {
        let together = self.are_alike(&places);
        while !places.is_empty() {
            let end = if together { places.end } else { places.start + 1 };
            let mut served = Ok(places.end);
            let outcome = catch(|| {
                served = self.serve_group(places.start..end)?;
                Ok(())
            });
            outcome.map_err(|failure| (places.start, failure))?;
            places.start = served?;
        }
        Ok(())
    }

    /// Whether all users are there and of one catalogue, and none is there twice, so that all can
    /// be adapted before lists are made.
    fn are_alike(&self, places: &Range<usize>) -> bool {
        let pointers = &self.users[places.clone()];
        let is_new = |place: usize| {
            let pointer = pointers[place].get();
            pointers[..place].iter().all(|before| before.get() != pointer)
        };
        let pool = |place: usize| self.user(place)?.with(|user| Ok(&user.pool));
        let Ok(first) = pool(places.start) else { return false };
        let is_alike = |place: usize| pool(place).is_ok_and(|pool| pool.is(first));
        (self.answers.is_none() || (1..pointers.len()).all(is_new)) && places.clone().all(is_alike)
    }

    /// Serves users that are alike, or only the first of them for which there is memory. Returns
    /// where the rest begins.
    fn serve_group(&self, places: Range<usize>) -> Result<Result<usize, Failed>, Failure> {
        let pool = self.user(places.start)?.with(|user| Ok(user.pool.clone()))?;
        let served = pool.with_several(places.len(), |scratches| {
            let end = places.start + scratches.iter().flatten().count();
            let mut work = (places.start..end).zip(scratches.iter_mut().flatten());
            // Each scratch still holds what was computed of its user when the list is made.
            let adapted = work.try_for_each(|(place, scratch)| {
                self.adapt(place, scratch).map_err(|failure| (place, failure))
            });
            let adapted_end = adapted.as_ref().err().map_or(end, |(place, _)| *place);
            let adapted_places = places.start..adapted_end;
            let mut held = [const { None }; TOGETHER];
            for (held, place) in held.iter_mut().zip(adapted_places.clone()) {
                *held = self.user(place).ok().and_then(|user| user.hold().ok());
            }
            let served = self.recommend(adapted_places, &held, scratches);
            for held in held.iter_mut().take(adapted_end - places.start) {
                held.take().into_iter().for_each(|(_, bomb)| bomb.defuse());
            }
            served.and(adapted).map(|()| end)
        });
        Ok(served?)
    }

    /// Adapts a user, whom no other thread uses, if users are adapted.
    fn adapt(&self, place: usize, scratch: &mut Scratch) -> Result<(), Failure> {
        let Some((offsets, items, ratings)) = self.answers else { return Ok(()) };
        let answers = offsets[place]..offsets[place + 1];
        // SAFETY: the header asks for live handles in `users`, used by nobody else, or NULL.
        // `in_turn` gives each place to one thread, and if there are several,
        // `check_distinct` found each user in one place alone.
        let user = unsafe { melu_user::exclusive(self.users[place].get(), "user") }?;
        user.with(|PooledUser { user, .. }| {
            let adapted = user.adapt(&items[answers.clone()], &ratings[answers], scratch);
            adapted.map_err(Failure::of("items"))
        })
    }

    /// Makes the lists of users of one catalogue, with a scratch for each.
    fn recommend(
        &self,
        places: Range<usize>,
        held: &[Option<(&PooledUser, Bomb)>; TOGETHER],
        scratches: &mut [Option<Box<Scratch>>; TOGETHER],
    ) -> Result<(), Failed> {
        let users = || held.iter().flatten().map(|(PooledUser { user, .. }, _)| user);
        let Some(first) = users().next() else { return Ok(()) };
        let failed = |failure| (places.start, failure);
        let mut requests: Requests = [const { None }; TOGETHER];
        let work = places.clone().zip(users().zip(scratches.iter_mut().flatten()));
        for (request, (place, (user, scratch))) in requests.iter_mut().zip(work) {
            let best = self.list(place, user).map_err(|failure| (place, failure))?;
            *request = Some(Request { user, best, scratch, found: 0 });
        }
        let served = with_options(first, &self.given, |options| {
            Ok(recommend_together(&mut requests[..places.len()], self.threads_of_each, options))
        });
        let served = served.map_err(failed)?;
        let end = served.as_ref().err().map_or(places.len(), |(place, _)| *place);
        for (len, request) in self.lens[places.clone()].iter().zip(requests[..end].iter().flatten())
        {
            len.store(request.found, Ordering::Relaxed);
        }
        served.map_err(|(place, error)| (places.start + place, error.into()))
    }

    /// A user whose list is made.
    fn user(&self, place: usize) -> Result<Borrowed<'_, &PooledUser>, Failure> {
        // SAFETY: the header asks for live handles in `users`, unchanged meanwhile, or NULL. If
        // this call adapts users, no other thread uses this one: see `adapt`.
        unsafe { melu_user::shared(self.users[place].get(), "user") }
    }

    /// Where a user's recommendations are written.
    fn list(&self, place: usize, user: &User) -> Result<&'a mut [Recommendation], Failure> {
        let capacity = self.best_capacity.min(user.catalog().len());
        let best = self.best.get().wrapping_add(place * self.best_capacity);
        // SAFETY: the header asks for `users_len` times `best_capacity` elements to write at
        // `best`. This user's are a part of them that ends before the next user's, and `in_turn`
        // gives each place to one thread alone, which asks once.
        unsafe { recommendations(best, capacity) }
    }
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
