//! Many users in one call.

use super::arguments::{slice, slice_mut};
use super::call::call;
use super::error::Failure;
use super::handle::Handle;
use super::recommendation::{filter, recommendations};
use super::user::melu_user;
use super::{melu_error, melu_recommend_options, melu_recommendation, melu_status};

/// Adapts and recommends for many users in one call, one after another: for programs
/// whose calls into C are dear.
///
/// `users` are `users_len` users, of one catalogue or of several. With `offsets` NULL
/// they keep what they are adapted to. Else `offsets` are `users_len` + 1 numbers, from 0
/// to `ratings_len` and never falling: user `u` is adapted to the items and ratings from
/// `offsets[u]` to `offsets[u + 1]`, as `melu_user_adapt` does.
///
/// `best` has room for `users_len` times `best_capacity`: those of user `u` begin at `u`
/// times `best_capacity`, as `melu_user_recommend` writes them, with the same `options`
/// for all. `best_lens` are `users_len` numbers, all of which are written.
///
/// Statuses: those of the two functions. The first failure ends the call, and its message
/// names the user; the users before are done, and `best_lens` is 0 from that user on.
/// Threads: one at a time for each of the users. Cost: that of the two functions; nothing
/// is allocated.
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
    // SAFETY: as `crate::ffi` asks of the caller.
    unsafe {
        call(error, || {
            let lens = slice_mut(best_lens, users_len, "best_lens")?;
            let users = slice(users, users_len, "users")?;
            let items = slice(items, ratings_len, "items")?;
            let ratings = slice(ratings, ratings_len, "ratings")?;
            let offsets = match offsets.is_null() {
                true => None,
                false => Some(check_offsets(offsets, users_len, ratings_len)?),
            };
            let filter = filter(options)?;
            let room = users_len.checked_mul(best_capacity).ok_or_else(|| {
                let problem = format!("best: {users_len} times {best_capacity} is too many");
                Failure::new(melu_status::InvalidArgument, problem)
            })?;
            if room > 0 && best.is_null() {
                let problem = format!("best is NULL; room for {room} elements is expected");
                return Err(Failure::new(melu_status::InvalidArgument, problem));
            }
            for (place, (&user, len)) in users.iter().zip(lens).enumerate() {
                let done = melu_user::with_mut(user, "user", |user| {
                    if let Some(offsets) = offsets {
                        let range = offsets[place]..offsets[place + 1];
                        user.adapt(&items[range.clone()], &ratings[range])
                            .map_err(Failure::of("items"))?;
                    }
                    let capacity = best_capacity.min(user.catalog().len());
                    let best = recommendations(best.wrapping_add(place * best_capacity), capacity)?;
                    *len = user.recommend_into(filter, best).map_err(Failure::of("leave_out"))?;
                    Ok(())
                });
                done.map_err(|failure| failure.inside(format_args!("users[{place}]")))?;
            }
            Ok(())
        })
    }
}

/// # Safety
/// `offsets` points to `users_len` + 1 numbers, which may be read for `'a`.
unsafe fn check_offsets<'a>(
    offsets: *const usize,
    users_len: usize,
    ratings_len: usize,
) -> Result<&'a [usize], Failure> {
    // SAFETY: the caller says so.
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
