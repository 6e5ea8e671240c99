//! One user: a profile, ratings, and the head adapted to them.

use super::arguments::{self, optional_output, output, slice, slice_mut, write_sized};
use super::call::call;
use super::catalog::{melu_catalog, no_vectors};
use super::error::Failure;
use super::handle::{Guarded, Handle, handle};
use super::model::unavailable;
use super::pool::Pool;
use super::value::values;
use super::{melu_error, melu_status, melu_value};
use crate::catalog::blocks::Rows;
use crate::{Loaded, Scratch, User};

/// In the place of a count of items: all items of the catalogue, in their order.
/// (`cbindgen.toml` defines it for C.)
pub const MELU_ALL_ITEMS: usize = usize::MAX;

/// A user of one catalogue: a profile, ratings, and the head adapted to them.
///
/// Owner: whoever made it; free it with `melu_user_free`. Lifetime: keeps its catalogue
/// and model alive. Threads: functions that take it as const may run at once, in any
/// number; others alone. Different users are independent. Cost: profile, ratings and
/// head, some 3 KB with a model of the default recipe; the scratch memory of calls
/// belongs to the catalogue.
#[derive(Debug)]
pub struct melu_user(Guarded<PooledUser>);

handle!(melu_user, PooledUser);

/// A user, and the scratches of their catalogue.
#[derive(Debug)]
pub struct PooledUser {
    pub user: User,
    pub pool: Pool,
}

/// A report on a loaded user.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_load_report {
    /// `sizeof(melu_load_report)`, set by the caller.
    pub struct_size: usize,
    /// Not 0: the user was saved by another model, in a catalogue of another data type,
    /// or adapted in one that lacked items of theirs, and was adapted anew.
    pub adapted_anew: u32,
    /// The number of the user's ratings of items that the catalogue lacks. They are kept,
    /// and saved again, until the user is adapted or reset.
    pub missing_items: usize,
    /// The number of the profile's values that the model does not know.
    pub unknown_values: usize,
}

impl arguments::SizedStruct for melu_load_report {
    const NAME: &'static str = "melu_load_report";
}

/// Makes a user with a profile: values by field, in any order. Leave out fields whose
/// value is not known.
///
/// `*user` is written, NULL after a failure. `*unknown_values` is written unless it is
/// NULL: the number of names that the model's vocabularies lack, which are left out, and
/// of numbers far beyond the training data's, which count as the nearest one there.
///
/// Statuses: `INVALID_ARGUMENT`, `INVALID_UTF8`, `UNKNOWN_FIELD`, `FIELD_VALUE`,
/// `OUT_OF_MEMORY`. Threads: any. Cost: allocates the user's memory for up to 64 ratings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_new(
    catalog: *const melu_catalog,
    profile: *const melu_value,
    profile_len: usize,
    user: *mut *mut melu_user,
    unknown_values: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_user` to write at `user`, or NULL.
        let out = unsafe { output(user, "user") }?;
        // SAFETY: the header asks for a `usize` to write at `unknown_values`, or NULL.
        let unknown = unsafe { optional_output(unknown_values, "unknown_values") }?;
        // SAFETY: the header asks for `profile_len` values at `profile`, or NULL, and for texts
        // of the lengths that they give.
        let profile = unsafe { values(profile, profile_len, format_args!("profile")) }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            let user = User::new(catalog, &profile).map_err(Failure::of("profile"))?;
            let unknown_values = user.unknown_values();
            *out = melu_user::into_raw(PooledUser { user, pool: catalog.clone() })?;
            if let Some(unknown) = unknown {
                *unknown = unknown_values;
            }
            Ok(())
        })
    })
}

/// Frees a user; does nothing if it is NULL. Nobody may use it meanwhile or after.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_free(user: *mut melu_user) {
    // SAFETY: the header asks for a live handle at `user`, not used meanwhile or after, or NULL.
    unsafe { Handle::free(user) }
}

/// Adapts the user to all of their ratings, which replace the ratings before.
///
/// `ratings[i]` is the rating of `items[i]`, in the training data's unit; with clicks, 0
/// or 1. For a model of positive-only data, every item listed was chosen, and its rating
/// is the weight of that choice as in the training data, or 1. An item that is listed
/// twice counts twice. Without ratings it does the same as `melu_user_reset`.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `RATING`, `OUT_OF_MEMORY`: the user is
/// unchanged. `DIVERGED`: the user is reset. Threads: one at a time. Cost: microseconds.
/// Nothing is allocated for up to 64 ratings, or as many as the user had before, once the
/// catalogue has a scratch for each call that computes at the same time; a call with more
/// than 96 ratings may enlarge a scratch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_adapt(
    user: *mut melu_user,
    items: *const u32,
    ratings: *const f32,
    ratings_len: usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for `ratings_len` elements at `items`, or NULL.
        let items = unsafe { slice(items, ratings_len, "items") }?;
        // SAFETY: the header asks for `ratings_len` elements at `ratings`, or NULL.
        let ratings = unsafe { slice(ratings, ratings_len, "ratings") }?;
        // SAFETY: the header asks for a live handle at `user`, used by nobody else, or NULL.
        let user = unsafe { melu_user::exclusive(user, "user") }?;
        user.with(|PooledUser { user, pool }| {
            let adapt = |scratch: &mut Scratch| user.adapt(items, ratings, scratch);
            pool.with(adapt).map_err(Failure::of("items"))
        })
    })
}

/// Forgets the user's ratings, but not the profile.
///
/// Statuses: `INVALID_ARGUMENT`. Threads: one at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_reset(
    user: *mut melu_user,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a live handle at `user`, used by nobody else, or NULL.
        let user = unsafe { melu_user::exclusive(user, "user") }?;
        user.with(|PooledUser { user, .. }| {
            user.reset();
            Ok(())
        })
    })
}

/// Scores items: `scores[i]` is the score of `items[i]`, by which recommendations are
/// ordered.
///
/// A score measures how likely the user is to choose the item and to like it, in a unit
/// of its own: only scores of one user can be compared. For a model without a head for
/// choosing (`choice` of `melu_model_details`) it is the predicted rating.
///
/// If `items_len` is `MELU_ALL_ITEMS`, `items` is not read, and the whole catalogue is
/// scored. `scores` has a capacity of `capacity` numbers. `*needed` is written unless it
/// is NULL: the number of scores.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `CAPACITY`, `OUT_OF_MEMORY`; no score is
/// written then. `DIVERGED` for a score that is not finite, as with a damaged weight
/// file; what is written then is of no use. Threads: any number at once, while nobody
/// changes the user. Cost: nothing is allocated once the catalogue has a scratch for each
/// call that computes at the same time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_score(
    user: *const melu_user,
    items: *const u32,
    items_len: usize,
    scores: *mut f32,
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
        user.with(|PooledUser { user, pool }| {
            // SAFETY: the header asks for `items_len` elements at `items`, or NULL, unless that
            // is `MELU_ALL_ITEMS`.
            let rows = unsafe { rows(user, items, items_len, needed) }?;
            check_capacity("scores", capacity, rows.len())?;
            // SAFETY: the header asks for `capacity` elements to write at `scores`, or NULL;
            // the number of rows is no more, as was checked.
            let scores = unsafe { slice_mut(scores, rows.len(), "scores") }?;
            Ok(pool.with(|scratch| user.score_rows(rows, scores, scratch))?)
        })
    })
}

/// Predicts ratings: `ratings[i]` is what the user would rate `items[i]` if they tried
/// it, in the training data's unit, or with clicks a probability.
///
/// `deviations` may be NULL; otherwise `deviations[i]` is the standard deviation of the
/// user's rating of `items[i]` around the prediction. Both lists have a capacity of
/// `capacity` numbers. `items_len` may be `MELU_ALL_ITEMS`, and `*needed` is written,
/// like for `melu_user_score`.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `CAPACITY`, `OUT_OF_MEMORY`, and
/// `NOT_AVAILABLE` for a model that predicts no ratings, or gives no deviations if they
/// are asked for (`ratings` and `deviations` of `melu_model_details`); nothing is
/// predicted then. `DIVERGED` like for `melu_user_score`. Threads: any number at once,
/// while nobody changes the user. Cost: nothing is allocated once the catalogue has a
/// scratch for each call that computes at the same time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_predict(
    user: *const melu_user,
    items: *const u32,
    items_len: usize,
    ratings: *mut f32,
    deviations: *mut f32,
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
        user.with(|PooledUser { user, pool }| {
            // SAFETY: the header asks for `items_len` elements at `items`, or NULL, unless that
            // is `MELU_ALL_ITEMS`.
            let rows = unsafe { rows(user, items, items_len, needed) }?;
            if !user.model().has_ratings() {
                return Err(unavailable("it was trained without ratings, and predicts none"));
            }
            if !deviations.is_null() && !user.model().has_deviations() {
                return Err(unavailable("it knows no deviations; pass NULL for them"));
            }
            check_capacity("ratings", capacity, rows.len())?;
            // SAFETY: the header asks for `capacity` elements to write at `ratings`, or NULL;
            // the number of rows is no more, as was checked.
            let ratings = unsafe { slice_mut(ratings, rows.len(), "ratings") }?;
            let deviations = match deviations.is_null() {
                true => None,
                // SAFETY: the header asks for `capacity` elements to write at `deviations`, or
                // NULL; the number of rows is no more, as was checked.
                false => Some(unsafe { slice_mut(deviations, rows.len(), "deviations") }?),
            };
            Ok(pool.with(|scratch| user.predict_rows(rows, ratings, deviations, scratch))?)
        })
    })
}

/// The user as a vector, for inner products with those of `melu_catalog_item_vectors`.
///
/// It changes when the user is adapted or reset. `*needed` is written unless it is NULL:
/// the vector's length, which is the same as that of items' vectors.
///
/// Statuses: `INVALID_ARGUMENT`, `CAPACITY`, `NOT_AVAILABLE` for a model without a head
/// for choosing. Threads: any number at once, while nobody changes the user. Cost:
/// copies it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_vector(
    user: *const melu_user,
    vector: *mut f32,
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
            let numbers = user.vector().ok_or_else(no_vectors)?;
            if let Some(needed) = needed {
                *needed = numbers.len();
            }
            check_capacity("vector", capacity, numbers.len())?;
            // SAFETY: the header asks for `capacity` elements to write at `vector`, or NULL; as
            // many numbers are no more, as was checked.
            let vector = unsafe { slice_mut(vector, numbers.len(), "vector") }?;
            vector.copy_from_slice(numbers);
            Ok(())
        })
    })
}

/// Items of a user's catalogue, or all of it; their number is written to `needed`.
///
/// # Safety
/// Unless `len` is [`MELU_ALL_ITEMS`], `items` is NULL or points to `len` elements, which
/// are not changed during `'a`.
unsafe fn rows<'a>(
    user: &User,
    items: *const u32,
    len: usize,
    needed: Option<&mut usize>,
) -> Result<Rows<'a>, Failure> {
    let rows = match len {
        MELU_ALL_ITEMS => Rows::From(0, user.catalog().len()),
        // SAFETY: the caller promises `len` elements where not all items are meant.
        _ => Rows::Listed(unsafe { slice(items, len, "items") }?),
    };
    if let Some(needed) = needed {
        *needed = rows.len();
    }
    if let Rows::Listed(items) = rows {
        user.catalog().check("items", items)?;
    }
    Ok(rows)
}

/// Saves a user: profile, ratings by item id, and the adapted head, versioned and
/// checked.
///
/// `*bytes_len` is written: the number of bytes. With a capacity of 0, `bytes` may be
/// NULL, and the status is `CAPACITY`, with the required length in `*bytes_len`.
///
/// Statuses: `INVALID_ARGUMENT`, `CAPACITY`, `OUT_OF_MEMORY`: nothing is saved. Threads:
/// any number at once, while nobody changes the user. Cost: the first call for a model
/// reads all of it, for the fingerprint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_save(
    user: *const melu_user,
    bytes: *mut u8,
    bytes_capacity: usize,
    bytes_len: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `usize` to write at `bytes_len`, or NULL.
        let len = unsafe { output(bytes_len, "bytes_len") }?;
        // SAFETY: the header asks for a live handle at `user`, unchanged meanwhile, or NULL.
        let user = unsafe { melu_user::shared(user, "user") }?;
        user.with(|PooledUser { user, .. }| {
            let saved = user.save()?;
            *len = saved.len();
            check_capacity("bytes", bytes_capacity, saved.len())?;
            // SAFETY: the header asks for `bytes_capacity` bytes to write at `bytes`, or NULL; as
            // many as were saved are no more, as was checked.
            let bytes = unsafe { slice_mut(bytes, saved.len(), "bytes") }?;
            bytes.copy_from_slice(&saved);
            Ok(())
        })
    })
}

/// Loads a user into a catalogue of the model that saved them, or of another.
///
/// With the same model and data type, and all rated items in the catalogue, the user's
/// scores are the same bits as before. Otherwise the user is adapted anew from the
/// ratings. Ratings of missing items still count in predicted ratings of the same model
/// until another rating changes, but not in scores. `*user` is written, NULL after a
/// failure. `report` may be NULL; otherwise its `struct_size` is set by the caller, and
/// the other members are written.
///
/// Statuses: `INVALID_ARGUMENT`, `SAVED_USER`, `OUT_OF_MEMORY`; with another model,
/// `RATING` and `DIVERGED` if it cannot learn from the ratings. Threads: any. Cost: that
/// of `melu_user_new` and `melu_user_adapt`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_load(
    catalog: *const melu_catalog,
    bytes: *const u8,
    bytes_len: usize,
    user: *mut *mut melu_user,
    report: *mut melu_load_report,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_user` to write at `user`, or NULL.
        let out = unsafe { output(user, "user") }?;
        // SAFETY: the header asks for `bytes_len` elements at `bytes`, or NULL.
        let bytes = unsafe { slice(bytes, bytes_len, "bytes") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            let load = |scratch: &mut Scratch| User::load(catalog, bytes, scratch);
            let loaded = catalog.with(load).map_err(Failure::of("bytes"))?;
            let Loaded { user, adapted_anew, missing_items } = loaded;
            if !report.is_null() {
                let value = melu_load_report {
                    struct_size: size_of::<melu_load_report>(),
                    adapted_anew: u32::from(adapted_anew),
                    missing_items,
                    unknown_values: user.unknown_values(),
                };
                // SAFETY: the header asks for a struct to write at `report`, as long as its
                // `struct_size` says, or NULL.
                unsafe { write_sized(report, value) }?;
            }
            *out = melu_user::into_raw(PooledUser { user, pool: catalog.clone() })?;
            Ok(())
        })
    })
}

/// Refuses an output whose capacity is too small.
pub(super) fn check_capacity(name: &str, capacity: usize, needed: usize) -> Result<(), Failure> {
    if capacity >= needed {
        return Ok(());
    }
    let problem = format!("{name}: the capacity is {capacity}; {needed} elements are needed");
    Err(Failure::new(melu_status::Capacity, problem))
}
