//! The best items for one user.

use std::ffi::c_void;
use std::ptr;

use super::arguments::{self, options, output, slice, slice_mut};
use super::call::call;
use super::error::Failure;
use super::handle::Handle;
use super::model::unavailable;
use super::user::{PooledUser, melu_user};
use super::{melu_error, melu_status};
use crate::user::recommend::{EXPECTED_EXPOSURE, is_exposure};
use crate::{Filter, Order, RecommendOptions, Recommendation, Scratch, User, threads};

/// An item with its score and its predicted rating.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct melu_recommendation {
    /// The item's index in the user's catalogue.
    pub item: u32,
    /// The score, by which items are ordered: how likely the user is to choose the item
    /// and to like it, in a unit of its own. In the order of ratings, the predicted
    /// rating.
    pub score: f32,
    /// The predicted rating, in the training data's unit, or with clicks a probability.
    /// NaN for a model that was trained without ratings.
    pub rating: f32,
    /// The rating's standard deviation; NaN for a model that gives none.
    pub deviation: f32,
}

/// Recommendations are ordered by score: how likely the user is to choose the item and to
/// like it.
pub const MELU_ORDER_SCORE: u32 = 0;
/// Recommendations are ordered by predicted rating.
pub const MELU_ORDER_RATING: u32 = 1;

/// Options for recommending: which items, in what order, and with how many threads.
///
/// Zeroed but for its size, it means the same as NULL: the best of the catalogue by
/// score, without the items that the user rated. Owner: the caller; it is read during the
/// call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_recommend_options {
    /// `sizeof(melu_recommend_options)`.
    pub struct_size: usize,
    /// Items to leave out, in any order; may be NULL if there are none.
    pub leave_out: *const u32,
    /// The number of items to leave out.
    pub leave_out_len: usize,
    /// The only items to recommend, in any order, such as the results of a search or of a
    /// vector index; an item that is listed twice counts once. NULL: all items of the
    /// catalogue.
    pub among: *const u32,
    /// The number of items in `among`. 0 is none, unless `among` is NULL.
    pub among_len: usize,
    /// The least number of places for items that nobody chose in training, if there are
    /// as many: the best of them replace the last of the others. A call with more of them
    /// than any before may allocate memory for them.
    pub new_items: usize,
    /// Not 0: adds the neighbours of the user's answers to `among`. An index of
    /// `melu_catalog_item_vectors` does not find them all.
    pub add_neighbours: u32,
    /// Not 0: items that the user rated may be recommended. 0: they are left out too.
    pub keep_rated: u32,
    /// `MELU_ORDER_SCORE`, which is 0, or `MELU_ORDER_RATING`.
    pub order: u32,
    /// Leaves out items with fewer raters in training. It has no effect if the model does
    /// not know its items' raters.
    pub min_raters: u32,
    /// How much less an item's popularity counts than in training: 0, as trained; 1, not
    /// at all; below 0, more. It changes scores, and has no effect in the order of
    /// predicted ratings or without a head for choosing. At most some million, positive or
    /// negative.
    pub popularity_discount: f32,
    /// The number of threads, with the calling one; 0 means 1, and no call has more than
    /// 256, nor more than one for each 96 items of each user's catalogue or of `among`.
    /// The result is the same for any number, to the last bit.
    pub threads: u32,
    /// Not NULL: decides, by a result that is not 0, whether an item may be recommended.
    /// It is called for items that would come into the list otherwise, some hundred times
    /// for a list of 20, by all threads that compute, and must return without an exception
    /// or a jump.
    pub filter: Option<unsafe extern "C" fn(item: u32, context: *mut c_void) -> i32>,
    /// Passed to `filter`.
    pub filter_context: *mut c_void,
}

impl Default for melu_recommend_options {
    /// The options that NULL means.
    fn default() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            leave_out: ptr::null(),
            leave_out_len: 0,
            among: ptr::null(),
            among_len: 0,
            new_items: 0,
            add_neighbours: 0,
            keep_rated: 0,
            order: MELU_ORDER_SCORE,
            min_raters: 0,
            popularity_discount: 0.0,
            threads: 0,
            filter: None,
            filter_context: ptr::null_mut(),
        }
    }
}

impl arguments::SizedStruct for melu_recommend_options {
    const NAME: &'static str = "melu_recommend_options";
}

/// The best items of the user's catalogue or of a list, best first, up to
/// `best_capacity`; of equal ones the one with the lower index first.
///
/// `options` may be NULL: the items that the user rated are left out. `*best_len` is
/// written: the number of elements written to `best`, less than its capacity only if
/// there are no more items; 0 after a failure.
///
/// Statuses: `INVALID_ARGUMENT`, also for an unknown order and a discount beyond its
/// range, `ITEM_INDEX`, `NOT_AVAILABLE` for an order by ratings with a model that
/// predicts none, `DIVERGED` for a score that is not finite, as with a damaged weight
/// file, `OUT_OF_MEMORY`. Threads: any number at once, while nobody changes the user.
/// With `options->threads` above 1, others work beside the calling one, and end with the
/// call; threads that the system does not start are left out. Cost: scores the catalogue,
/// or the list, and predicts the ratings of the items found. Once the catalogue has a
/// scratch for each call that computes at the same time, memory is allocated only for
/// more new items than before and for threads: each beyond the calling one takes some 50
/// microseconds to start, some hundred kilobytes, and a list of `best_capacity`
/// recommendations.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_recommend(
    user: *const melu_user,
    options: *const melu_recommend_options,
    best: *mut melu_recommendation,
    best_capacity: usize,
    best_len: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `usize` to write at `best_len`, or NULL.
        let len = unsafe { output(best_len, "best_len") }?;
        // SAFETY: the header asks for options at `options`, with their lists, or NULL.
        let given = unsafe { read_options(options) }?;
        // SAFETY: the header asks for a live handle at `user`, unchanged meanwhile, or NULL.
        let user = unsafe { melu_user::shared(user, "user") }?;
        user.with(|PooledUser { user, pool }| {
            // More places than there are items need not be touched.
            let capacity = best_capacity.min(user.catalog().len());
            // SAFETY: the header asks for `best_capacity` elements to write at `best`, or NULL;
            // `capacity` is no more.
            let best = unsafe { recommendations(best, capacity) }?;
            *len = pool.with(|scratch| recommend(user, &given, given.threads, best, scratch))?;
            Ok(())
        })
    })
}

/// The options as the core takes them.
#[derive(Clone, Copy)]
pub(super) struct GivenOptions<'a> {
    /// All but the filter.
    pub options: RecommendOptions<'a>,
    filter: Option<CFilter>,
    /// The number of threads, at least 1.
    pub threads: usize,
}

/// A filter of the caller's.
#[derive(Clone, Copy)]
struct CFilter {
    call: unsafe extern "C" fn(item: u32, context: *mut c_void) -> i32,
    context: *mut c_void,
}

// SAFETY: `context` is only passed to `call`, which any thread may call, as the header says.
unsafe impl Send for CFilter {}
// SAFETY: as above; nothing else is done with a shared one.
unsafe impl Sync for CFilter {}

impl CFilter {
    fn lets_pass(&self, item: u32) -> bool {
        // SAFETY: the header asks for a function that may be called with `context` by any
        // thread during the call, and that returns.
        unsafe { (self.call)(item, self.context) != 0 }
    }
}

/// Reads the options.
///
/// # Safety
/// `given` is NULL or points to a struct of the size that it begins with. Each list in it is
/// NULL or has as many elements as the count behind it says, not changed during `'a`.
pub(super) unsafe fn read_options<'a>(
    given: *const melu_recommend_options,
) -> Result<GivenOptions<'a>, Failure> {
    // SAFETY: the caller promises such a struct, or NULL; pointers and numbers have no invalid
    // bits.
    let given = unsafe { options(given) }?.unwrap_or_default();
    let refuse = |problem: String| Failure::new(melu_status::InvalidArgument, problem);
    let all = given.among.is_null() && given.among_len == 0;
    // SAFETY: the caller promises `leave_out_len` elements at `leave_out`, or NULL.
    let leave_out = unsafe { slice(given.leave_out, given.leave_out_len, "leave_out") }?;
    // SAFETY: the caller promises `among_len` elements at `among`, or NULL.
    let among = unsafe { slice(given.among, given.among_len, "among") }?;
    let order = match given.order {
        MELU_ORDER_SCORE => Order::Score,
        MELU_ORDER_RATING => Order::Rating,
        order => {
            let expected = "MELU_ORDER_SCORE or MELU_ORDER_RATING is expected";
            return Err(refuse(format!("order: {order} is no order; {expected}")));
        }
    };
    let discount = given.popularity_discount;
    let exposure = 1.0 - discount;
    if !is_exposure(exposure) {
        let problem = format!("popularity_discount is {discount}; {EXPECTED_EXPOSURE} is expected");
        return Err(refuse(problem));
    }
    let options = RecommendOptions {
        among: (!all).then_some(among),
        add_neighbours: given.add_neighbours != 0,
        leave_out,
        filter: None,
        keep_rated: given.keep_rated != 0,
        order,
        exposure,
        min_raters: given.min_raters,
        new_items: given.new_items,
    };
    let context = given.filter_context;
    Ok(GivenOptions {
        options,
        filter: given.filter.map(|call| CFilter { call, context }),
        threads: given.threads.clamp(1, threads::MAX_THREADS as u32) as usize,
    })
}

/// Writes the best items for a user, and returns their number.
pub(super) fn recommend(
    user: &User,
    given: &GivenOptions,
    threads: usize,
    best: &mut [Recommendation],
    scratch: &mut Scratch,
) -> Result<usize, Failure> {
    with_options(user, given, |options| {
        Ok(user.recommend_by_threads(threads, options, best, scratch)?)
    })
}

/// Runs `work` with the options, if they fit a user.
pub(super) fn with_options<R>(
    user: &User,
    given: &GivenOptions,
    work: impl FnOnce(&RecommendOptions) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let GivenOptions { options, filter, .. } = given;
    if options.order == Order::Rating && !user.model().has_ratings() {
        return Err(unavailable("it predicts no ratings to order by"));
    }
    let lets_pass = |item| filter.is_none_or(|filter| filter.lets_pass(item));
    let filter = filter.is_some().then_some(Filter(&lets_pass));
    work(&RecommendOptions { filter, ..*options })
}

/// A list of recommendations to write, zeroed.
///
/// # Safety
/// `best` is NULL or points to memory for `len` elements, which nobody else uses during `'a`.
pub(super) unsafe fn recommendations<'a>(
    best: *mut melu_recommendation,
    len: usize,
) -> Result<&'a mut [Recommendation], Failure> {
    // SAFETY: the caller promises `len` elements of the C type, which the assertions below find
    // laid out as the core's; all zeros are one.
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
    assert!(
        std::mem::offset_of!(melu_recommendation, rating)
            == std::mem::offset_of!(Recommendation, rating)
    );
    assert!(
        std::mem::offset_of!(melu_recommendation, deviation)
            == std::mem::offset_of!(Recommendation, deviation)
    );
};
