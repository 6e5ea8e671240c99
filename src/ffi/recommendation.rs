//! The best items for one user.

use super::arguments::{self, options, output, slice, slice_mut};
use super::call::call;
use super::error::Failure;
use super::handle::Handle;
use super::user::melu_user;
use super::{melu_error, melu_status};
use crate::{Filter, Recommendation, threads};

/// An item and its score.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct melu_recommendation {
    /// The item's index in the user's catalogue.
    pub item: u32,
    /// Its score: a rating in the training data's unit, or a probability for a model of
    /// clicks.
    pub score: f32,
}

/// What a recommendation leaves out, and how many threads look for it.
///
/// Owner: the caller; it is read during the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_recommend_options {
    /// `sizeof(melu_recommend_options)`.
    pub struct_size: usize,
    /// Items that are left out, in any order; may be NULL if there are none.
    pub leave_out: *const u32,
    /// How many items are left out.
    pub leave_out_len: usize,
    /// Not 0: what the user rated may be recommended. 0: it is left out too.
    pub keep_rated: u32,
    /// How many threads compute, the calling one among them; 0 is as good as 1, and no
    /// call has more than 256, nor more than one for each 96 items of each user's
    /// catalogue. The result is the same for any number, to the last bit.
    pub threads: u32,
}

impl arguments::Sized for melu_recommend_options {
    const NAME: &'static str = "melu_recommend_options";
}

/// The best items of the user's catalogue, best first, as many as there is room for; of
/// equal ones the one with the lower index first.
///
/// `options` may be NULL: what the user rated is left out. `*best_len` is written: how
/// many there are in `best`, fewer than its capacity only if there are no more; 0 after
/// a failure.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`. Threads: one at a time for a user; as many
/// users at once as there are threads. With `options->threads` above 1, others work beside
/// the calling one, and end with the call; one that the system does not start is done
/// without. Cost: scores the catalogue. Nothing is allocated but for each thread beyond
/// the calling one, which takes some 50 microseconds to start, some hundred kilobytes, and
/// room for as many recommendations as there are to be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_recommend(
    user: *mut melu_user,
    options: *const melu_recommend_options,
    best: *mut melu_recommendation,
    best_capacity: usize,
    best_len: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: as `crate::ffi` asks of the caller.
    unsafe {
        call(error, || {
            let len = output(best_len, "best_len")?;
            let (filter, threads) = wishes(options)?;
            melu_user::with_mut(user, "user", |user| {
                // More room than there are items need not be touched.
                let capacity = best_capacity.min(user.catalog().len());
                let best = recommendations(best, capacity)?;
                *len = user
                    .recommend_by_threads(threads, filter, best)
                    .map_err(Failure::of("leave_out"))?;
                Ok(())
            })
        })
    }
}

/// What the options say: what to leave out, and how many threads there are to be.
///
/// # Safety
/// As [`options`] and [`slice`] ask.
pub(super) unsafe fn wishes<'a>(
    given: *const melu_recommend_options,
) -> Result<(Filter<'a>, usize), Failure> {
    // SAFETY: the caller says so.
    let given = unsafe { options(given) }?;
    let Some(given) = given else { return Ok((Filter::default(), 1)) };
    // SAFETY: the caller says so.
    let leave_out = unsafe { slice(given.leave_out, given.leave_out_len, "leave_out") }?;
    let filter = Filter { leave_out, keep_rated: given.keep_rated != 0 };
    Ok((filter, given.threads.clamp(1, threads::MOST as u32) as usize))
}

/// Room for recommendations.
///
/// # Safety
/// As [`slice_mut`] asks.
pub(super) unsafe fn recommendations<'a>(
    best: *mut melu_recommendation,
    len: usize,
) -> Result<&'a mut [Recommendation], Failure> {
    // The core's own type: `layout` says that they are laid out alike.
    // SAFETY: the caller says so.
    unsafe { slice_mut(best.cast::<Recommendation>(), len, "best") }
}

/// Both types have the same fields at the same places.
const _: () = {
    assert!(size_of::<melu_recommendation>() == size_of::<Recommendation>());
    assert!(align_of::<melu_recommendation>() == align_of::<Recommendation>());
    assert!(
        std::mem::offset_of!(melu_recommendation, item)
            == std::mem::offset_of!(Recommendation, item)
    );
    assert!(
        std::mem::offset_of!(melu_recommendation, score)
            == std::mem::offset_of!(Recommendation, score)
    );
};
