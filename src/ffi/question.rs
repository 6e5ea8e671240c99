//! The next best question for one user.

use super::arguments::{self, output, slice};
use super::call::call;
use super::catalog::melu_catalog;
use super::error::Failure;
use super::handle::{Guarded, Handle, handle};
use super::model::unavailable;
use super::user::{PooledUser, melu_user};
use super::{melu_error, melu_status};
use crate::{QuestionOptions, Questions};

/// The workspace in which questions to users of one catalogue are chosen; it holds
/// nothing about a user.
///
/// Owner: whoever made it; free it with `melu_questions_free`. Lifetime: keeps its
/// catalogue alive. Threads: one at a time. It serves any number of users; make one for
/// each thread. Cost: a scratch of its own, two floats an item, and a few matrices as
/// wide as the head.
#[derive(Debug)]
pub struct melu_questions(Guarded<Questions>);

handle!(melu_questions, Questions);

/// Options for choosing a question: what is known of the user besides their ratings.
///
/// Owner: the caller; it is read during the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_question_options {
    /// `sizeof(melu_question_options)`.
    pub struct_size: usize,
    /// Items that the user was asked about and did not know, in any order. They are not
    /// asked about again, and make similar items less likely to be known.
    pub unknown: *const u32,
    /// The number of items that the user did not know.
    pub unknown_len: usize,
    /// Items to leave out, in any order.
    pub leave_out: *const u32,
    /// The number of items to leave out.
    pub leave_out_len: usize,
    /// The only items to ask about, if the program knows that the user knows them. NULL:
    /// any item.
    pub known: *const u32,
    /// The number of items that the user is known to know.
    pub known_len: usize,
}

impl arguments::SizedStruct for melu_question_options {
    const NAME: &'static str = "melu_question_options";
}

/// An item worth asking about.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct melu_question {
    /// The item's index in the user's catalogue.
    pub item: u32,
    /// The chance that the user knows it.
    pub known: f32,
    /// By how much an answer would lower the mean variance of scores, weighted by the
    /// chance that the user chooses the item. For a model that orders by predicted
    /// rating: of predicted ratings, weighted by the chance that the user knows the item.
    /// In the head's units, squared.
    pub reduction: f32,
}

/// Prepares questions about a catalogue's items.
///
/// `*questions` is written, NULL after a failure.
///
/// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the model orders by predicted rating
/// and gives no deviations (`deviations` of `melu_model_details`), `OUT_OF_MEMORY`.
/// Threads: any. Cost: allocates all memory for choosing questions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_questions_new(
    catalog: *const melu_catalog,
    questions: *mut *mut melu_questions,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_questions` to write at `questions`, or NULL.
        let out = unsafe { output(questions, "questions") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            if !catalog.model().has_questions() {
                return Err(unavailable("it does not know how sure it is of a user"));
            }
            let made = Questions::new(catalog).map_err(Failure::of("catalog"))?;
            *out = melu_questions::into_raw(made)?;
            Ok(())
        })
    })
}

/// Frees the workspace of questions; does nothing if it is NULL. Nobody may use it
/// meanwhile or after.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_questions_free(questions: *mut melu_questions) {
    // SAFETY: the header asks for a live handle at `questions`, not used meanwhile or after, or
    // NULL.
    unsafe { Handle::free(questions) }
}

/// The best item to ask the user about next, given their ratings.
///
/// `options` may be NULL: nothing is known besides the ratings. `*question` is written.
///
/// Statuses: `INVALID_ARGUMENT`, also for questions of another catalogue than the user's,
/// `ITEM_INDEX`, `NOT_FOUND` if no item is left to ask about, `OUT_OF_MEMORY`, `DIVERGED`.
/// Threads: one at a time for the questions; nobody may change the user meanwhile. Cost:
/// two passes over the catalogue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_user_next_question(
    user: *const melu_user,
    questions: *mut melu_questions,
    options: *const melu_question_options,
    question: *mut melu_question,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `melu_question` to write at `question`, or NULL.
        let out = unsafe { output(question, "question") }?;
        // SAFETY: the header asks for options at `options`, with their lists, or NULL.
        let options = unsafe { read_options(options) }?;
        // SAFETY: the header asks for a live handle at `user`, unchanged meanwhile, or NULL.
        let user = unsafe { melu_user::shared(user, "user") }?;
        user.with(|PooledUser { user, .. }| {
            // SAFETY: the header asks for a live handle at `questions`, used by nobody else, or
            // NULL.
            let questions = unsafe { melu_questions::exclusive(questions, "questions") }?;
            questions.with(|questions| {
                let next = user.next_question(questions, options);
                let next = next.map_err(Failure::of("questions"))?.ok_or_else(|| {
                    let problem = "there is no item left to ask about";
                    Failure::new(melu_status::NotFound, problem)
                })?;
                *out =
                    melu_question { item: next.item, known: next.known, reduction: next.reduction };
                Ok(())
            })
        })
    })
}

/// The options as the core takes them.
///
/// # Safety
/// `given` is NULL or points to a struct of the size that it begins with. Each list in it is
/// NULL or has as many elements as the count behind it says, not changed during `'a`.
unsafe fn read_options<'a>(
    given: *const melu_question_options,
) -> Result<QuestionOptions<'a>, Failure> {
    // SAFETY: the caller promises such a struct, or NULL; pointers and integers have no invalid
    // bits.
    let given = unsafe { arguments::options(given) }?;
    let Some(given) = given else { return Ok(QuestionOptions::default()) };
    // SAFETY: the caller promises `unknown_len` elements at `unknown`, or NULL.
    let unknown = unsafe { slice(given.unknown, given.unknown_len, "unknown") }?;
    // SAFETY: the caller promises `leave_out_len` elements at `leave_out`, or NULL.
    let leave_out = unsafe { slice(given.leave_out, given.leave_out_len, "leave_out") }?;
    // SAFETY: the caller promises `known_len` elements at `known`, or NULL.
    let known = unsafe { slice(given.known, given.known_len, "known") }?;
    let any_item = given.known.is_null();
    Ok(QuestionOptions { unknown, leave_out, known: (!any_item).then_some(known) })
}
