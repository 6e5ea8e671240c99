//! The ratings of one user, one by one.

use std::mem::MaybeUninit;

use super::arguments::{optional_output, output, slice, slice_mut};
use super::call::call;
use super::error::Failure;
use super::handle::Handle;
use super::user::{PooledUser, check_capacity, melu_user};
use super::value::{MELU_VALUE_INDEX, MELU_VALUE_NAME, MELU_VALUE_NUMBER, melu_value};
use super::{melu_error, melu_status, melu_str};
use crate::Scratch;
use crate::model::schema::Value;

/// Adds a rating, or changes the one that the user gave of the item before, and adapts the
/// user to all of their ratings.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `RATING`, `OUT_OF_MEMORY`: the user is
/// unchanged. `DIVERGED`: the user is reset. Threads: one at a time. Cost: that of
/// `melu_user_adapt` with all ratings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_rate(
    user: *mut melu_user,
    item: u32,
    rating: f32,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a live handle at `user`, used by nobody else, or NULL.
        let user = unsafe { melu_user::exclusive(user, "user") }?;
        user.with(|PooledUser { user, pool }| {
            let rate = |scratch: &mut Scratch| user.rate(item, rating, scratch);
            pool.with(rate).map_err(Failure::of("item"))
        })
    })
}

/// Withdraws the user's rating of an item, and adapts the user to the others.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `NOT_FOUND` if the user did not rate the
/// item, `OUT_OF_MEMORY`: the user is unchanged. `DIVERGED`: the user is reset. Threads:
/// one at a time. Cost: that of `melu_user_adapt` with the other ratings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_withdraw(
    user: *mut melu_user,
    item: u32,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a live handle at `user`, used by nobody else, or NULL.
        let user = unsafe { melu_user::exclusive(user, "user") }?;
        user.with(|PooledUser { user, pool }| {
            let withdraw = |scratch: &mut Scratch| user.withdraw(item, scratch);
            match pool.with(withdraw).map_err(Failure::of("item"))? {
                true => Ok(()),
                false => {
                    let problem = format!("item: the user has no rating of item {item}");
                    Err(Failure::new(melu_status::NotFound, problem))
                }
            }
        })
    })
}

/// The ratings that the user is adapted to: `ratings[i]` is that of `items[i]`.
///
/// Both lists hold up to `capacity` elements. `*needed` is written: the number of ratings.
/// With a capacity of 0 both lists may be NULL, and the status `CAPACITY` comes with the
/// capacity that is needed.
///
/// Statuses: `INVALID_ARGUMENT`, `CAPACITY`: nothing is written to the lists. Threads: any
/// number at once, while nobody changes the user. Cost: copies them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_ratings(
    user: *const melu_user,
    items: *mut u32,
    ratings: *mut f32,
    capacity: usize,
    needed: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `usize` to write at `needed`, or NULL.
        let needed = unsafe { output(needed, "needed") }?;
        // SAFETY: the header asks for a live handle at `user`, unchanged meanwhile, or NULL.
        let user = unsafe { melu_user::shared(user, "user") }?;
        user.with(|PooledUser { user, .. }| {
            let count = user.rated().len();
            *needed = count;
            check_capacity("ratings", capacity, count)?;
            // `slice_mut` writes zeros, so the second list is checked before the first is taken.
            // SAFETY: the header asks for memory of `capacity` elements at `ratings`, or NULL;
            // `count` is no more, and a `MaybeUninit` need not be initialised.
            unsafe { slice(ratings.cast::<MaybeUninit<f32>>(), count, "ratings") }?;
            // SAFETY: the header asks for `capacity` elements to write at `items`, or NULL;
            // `count` is no more.
            unsafe { slice_mut(items, count, "items") }?.copy_from_slice(user.rated());
            // SAFETY: the header asks for `capacity` elements to write at `ratings`, or NULL;
            // `count` is no more.
            unsafe { slice_mut(ratings, count, "ratings") }?.copy_from_slice(user.ratings());
            Ok(())
        })
    })
}

/// The values of the user's profile that the model does not know, in the order in which
/// they were given: names that its vocabularies lack, and numbers far beyond those of the
/// training data.
///
/// `values` holds up to `capacity` elements, whose texts live as long as the user's
/// handle. `*needed` is written unless it is NULL: the number of values.
///
/// Statuses: `INVALID_ARGUMENT`, `CAPACITY`, `OUT_OF_MEMORY`: nothing is written to the
/// list. Threads: any number at once, while nobody changes the user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_unknown_profile(
    user: *const melu_user,
    values: *mut melu_value,
    capacity: usize,
    needed: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `usize` to write at `needed`, or NULL.
        let needed = unsafe { optional_output(needed, "needed") }?;
        // SAFETY: the header asks for a live handle at `user`, unchanged meanwhile, or NULL.
        let user = unsafe { melu_user::shared(user, "user") }?;
        user.with(|PooledUser { user, .. }| {
            let unknown = user.unknown_profile()?;
            if let Some(needed) = needed {
                *needed = unknown.len();
            }
            check_capacity("values", capacity, unknown.len())?;
            // SAFETY: the header asks for `capacity` elements to write at `values`, or NULL;
            // there are no more.
            let values = unsafe { slice_mut(values, unknown.len(), "values") }?;
            for (out, (field, value)) in values.iter_mut().zip(unknown) {
                out.field = melu_str::new(field);
                match value {
                    Value::Name(name) => {
                        (out.kind, out.name) = (MELU_VALUE_NAME, melu_str::new(name));
                    }
                    Value::Index(index) => (out.kind, out.index) = (MELU_VALUE_INDEX, index),
                    Value::Number(number) => (out.kind, out.number) = (MELU_VALUE_NUMBER, number),
                }
            }
            Ok(())
        })
    })
}
