//! An opened weight file.

use std::ffi::c_void;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::arguments::{self, output, slice, slice_mut, write_sized};
use super::call::call;
use super::catalog::melu_catalog;
use super::error::Failure;
use super::handle::{Guarded, Handle, handle};
use super::pool::Pool;
use super::{melu_error, melu_status, melu_str};
use crate::model::ChoiceHead;
use crate::model::loss::Loss;
use crate::{Model, OpenOptions, memory};

/// A meta-trained model: an opened weight file.
///
/// Owner: whoever opened it; free it with `melu_model_free`. Lifetime: catalogues and
/// users keep the parts that they need alive, so it may be freed before them. Threads:
/// any number at once. Cost: the weights are read in place, in the mapped file or in
/// memory.
#[derive(Debug)]
pub struct melu_model(Guarded<Model>);

handle!(melu_model, Model);

/// Options for opening a model. All 0 but `struct_size` is the same as NULL.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_open_options {
    /// `sizeof(melu_open_options)`.
    pub struct_size: usize,
    /// The most bytes that a catalogue of the model computes, and the most of what a call
    /// computes in: a small file can describe items by very many numbers. What would take
    /// more fails with `MEMORY_LIMIT`. A catalogue that the file has computed already, as
    /// melu's own files do, takes none. 0: 1 GiB.
    pub max_memory: usize,
    /// For `melu_model_open`. Not 0: the file is read into memory instead of mapped. Then it
    /// may be truncated or changed in place, and processes share none of it.
    pub copy: u32,
    /// For `melu_model_open_bytes`. Not 0: the bytes are used in place, and must stay there
    /// unchanged until the model and everything made from it is freed. Best aligned to 64
    /// bytes. 0: they are copied.
    pub borrow: u32,
    /// Called once when borrowed bytes are no longer needed, by whichever thread frees
    /// the last handle; it must not call back into the library, and must return without
    /// an exception or a jump. May be NULL. Not called if the model cannot be opened.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// The argument of `release`.
    pub context: *mut c_void,
}

impl arguments::SizedStruct for melu_open_options {
    const NAME: &'static str = "melu_open_options";
}

impl melu_open_options {
    /// In Rust.
    fn options(&self) -> OpenOptions {
        let default = OpenOptions::default().max_memory;
        let max_memory = if self.max_memory == 0 { default } else { self.max_memory };
        OpenOptions { copy: self.copy != 0, max_memory }
    }
}

/// A model's properties.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_model_details {
    /// `sizeof(melu_model_details)`, set by the caller.
    pub struct_size: usize,
    /// A number that identifies the model; saved users hold their model's.
    pub fingerprint: u64,
    /// The number of fields of a user.
    pub user_fields: usize,
    /// The number of fields of an item.
    pub item_fields: usize,
    /// The number of items in the weight file.
    pub items: usize,
    /// The number of evidence candidates in the weight file.
    pub evidence: usize,
    /// The number of parameters of the head for ratings, which adapts to a user; 0
    /// without one.
    pub head_parameters: usize,
    /// The width of the vectors of `melu_user_vector` and `melu_catalog_item_vectors`; 0
    /// without a head for choosing.
    pub vector_width: usize,
    /// Not 0: there is a head for choosing, and a score measures how likely a user is to
    /// choose an item and to like it. 0: a score is the predicted rating.
    pub choice: u32,
    /// Not 0: the model predicts ratings. 0: it was trained on positive-only data, that
    /// is, on people's choices without ratings.
    pub ratings: u32,
    /// Not 0: ratings are clicks, 0 or 1, and predictions are probabilities.
    pub clicks: u32,
    /// Not 0: the model gives the deviations of predicted ratings.
    pub deviations: u32,
}

impl arguments::SizedStruct for melu_model_details {
    const NAME: &'static str = "melu_model_details";
}

/// An evidence candidate: an item worth asking a new user about.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct melu_evidence {
    /// The item's index in the weight file's own catalogue.
    pub item: u32,
    /// The score by which candidates are ranked: the product of the next two.
    pub score: f32,
    /// How far a rating of the item moves the head, divided by the largest.
    pub gradient_norm: f32,
    /// The number of people who rated it, divided by the largest.
    pub popularity: f32,
}

/// Opens a weight file, and checks it.
///
/// Calls check the large tables of its items where they use them: a damaged one gives
/// `DIVERGED` or wrong scores, and no harm. `melu verify` reads all of a file.
///
/// The file is mapped, unless `options->copy` is set. It may be deleted, or replaced by
/// renaming another over it, but must not be changed in place while the model is in use:
/// the operating system kills a process that reads beyond the end of a truncated file.
///
/// `path` is UTF-8, and names a regular file. `options` may be NULL. `*model` is written,
/// NULL after a failure.
///
/// Statuses: `INVALID_ARGUMENT`, `INVALID_UTF8`, `IO`, `WEIGHT_FILE`, `OUT_OF_MEMORY`.
/// Threads: any. Cost: some ten milliseconds for a million items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_open(
    path: melu_str,
    options: *const melu_open_options,
    model: *mut *mut melu_model,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_model` to write at `model`, or NULL.
        let out = unsafe { output(model, "model") }?;
        // SAFETY: the header asks for `path.len` bytes at `path.data`, or NULL.
        let path = unsafe { path.text("path") }?;
        // SAFETY: the header asks for options at `options`, as long as their `struct_size`
        // says, or NULL.
        let options = unsafe { arguments::options(options) }?;
        let options = options.map(|given: melu_open_options| given.options());
        let opened = Model::open_with(Path::new(path), &options.unwrap_or_default())?;
        *out = melu_model::into_raw(opened)?;
        Ok(())
    })
}

/// Opens a weight file that lies in memory, and checks it like `melu_model_open`.
///
/// `options` may be NULL: the bytes are copied, and may be freed after the call.
/// `*model` is written, NULL after a failure; the bytes stay the caller's then.
///
/// Statuses: `INVALID_ARGUMENT`, `WEIGHT_FILE`, `OUT_OF_MEMORY`. Threads: any. Cost: reads
/// the bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_open_bytes(
    bytes: *const c_void,
    bytes_len: usize,
    options: *const melu_open_options,
    model: *mut *mut melu_model,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_model` to write at `model`, or NULL.
        let out = unsafe { output(model, "model") }?;
        // SAFETY: the header asks for `bytes_len` elements at `bytes`, or NULL.
        let bytes = unsafe { slice(bytes.cast::<u8>(), bytes_len, "bytes") }?;
        // SAFETY: the header asks for options at `options`, as long as their `struct_size`
        // says, or NULL.
        let options = unsafe { arguments::options(options) }?;
        let (opened, borrowed) = match options.filter(|options| options.borrow != 0) {
            None => {
                let options = options.map(|given: melu_open_options| given.options());
                let copy = Arc::new(memory::copy(bytes)?);
                (Model::from_shared_with(copy, &options.unwrap_or_default()), None)
            }
            Some(options) => {
                // SAFETY: the header asks who sets `borrow` to keep the bytes there, unchanged,
                // until the model and all that was made from it is freed.
                let borrowed = unsafe { borrow(bytes, options) };
                let opened = Model::from_shared_with(borrowed.clone(), &options.options());
                (opened, Some(borrowed))
            }
        };
        *out = melu_model::into_raw(opened.map_err(Failure::of("bytes"))?)?;
        if let Some(borrowed) = borrowed {
            borrowed.opened.store(true, Ordering::Relaxed);
        }
        Ok(())
    })
}

/// Frees a model; does nothing if it is NULL. Nobody may use it meanwhile or after.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_free(model: *mut melu_model) {
    // SAFETY: the header asks for a live handle at `model`, not used meanwhile or after, or NULL.
    unsafe { Handle::free(model) }
}

/// Writes a model's properties.
///
/// `details->struct_size` is set by the caller, and the other members are written.
///
/// Statuses: `INVALID_ARGUMENT`. Threads: any. Cost: the first call for a model reads
/// all of it, for the fingerprint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_info(
    model: *const melu_model,
    details: *mut melu_model_details,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a live handle at `model`, unchanged meanwhile, or NULL.
        let model = unsafe { melu_model::shared(model, "model") }?;
        model.with(|model| {
            let contents = model.contents();
            let config = &contents.config;
            let value = melu_model_details {
                struct_size: size_of::<melu_model_details>(),
                fingerprint: model.fingerprint(),
                user_fields: config.user_fields.len(),
                item_fields: config.item_fields.len(),
                items: contents.catalog.as_ref().map_or(0, |catalog| catalog.ids.len()),
                evidence: model.evidence().map_or(0, |evidence| evidence.items.len()),
                head_parameters: if model.has_ratings() { model.head().len() } else { 0 },
                vector_width: model.choice().map_or(0, ChoiceHead::row_width),
                choice: u32::from(model.choice().is_some()),
                ratings: u32::from(model.has_ratings()),
                clicks: u32::from(config.output.loss == Loss::Bce),
                deviations: u32::from(model.has_deviations()),
            };
            // SAFETY: the header asks for a struct to write at `details`, as long as its
            // `struct_size` says, or NULL.
            unsafe { write_sized(details, value) }
        })
    })
}

/// Makes a catalogue of the weight file's own items, in the file's data type.
///
/// `*catalog` is written, NULL after a failure.
///
/// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the file has no items,
/// `OUT_OF_MEMORY`. Threads: any. Cost: none for a file that melu wrote, whose tables it
/// shares; for another, embeds every item: make it once and share it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_catalog(
    model: *const melu_model,
    catalog: *mut *mut melu_catalog,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_catalog` to write at `catalog`, or NULL.
        let out = unsafe { output(catalog, "catalog") }?;
        // SAFETY: the header asks for a live handle at `model`, unchanged meanwhile, or NULL.
        let model = unsafe { melu_model::shared(model, "model") }?;
        model.with(|model| {
            let catalog = model.catalog().map_err(Failure::of("model"))?;
            let catalog = catalog.ok_or_else(|| unavailable("the weight file has no items"))?;
            *out = melu_catalog::into_raw(Pool::new(catalog)?)?;
            Ok(())
        })
    })
}

/// The best items to ask a new user about, best first: up to `best_capacity` of the
/// weight file's evidence candidates.
///
/// `*best_len` is written: the number of elements written to `best`. `melu_model_info`
/// gives the number of all candidates.
///
/// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the file has no evidence candidates.
/// Threads: any. Cost: copies them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_evidence(
    model: *const melu_model,
    best: *mut melu_evidence,
    best_capacity: usize,
    best_len: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `usize` to write at `best_len`, or NULL.
        let len = unsafe { output(best_len, "best_len") }?;
        // SAFETY: the header asks for a live handle at `model`, unchanged meanwhile, or NULL.
        let model = unsafe { melu_model::shared(model, "model") }?;
        model.with(|model| {
            let problem = "the weight file has no evidence candidates";
            let table = model.evidence().ok_or_else(|| unavailable(problem))?;
            let count = table.items.len().min(best_capacity);
            // SAFETY: the header asks for `best_capacity` elements to write at `best`, or NULL;
            // `count` is no more.
            let best = unsafe { slice_mut(best, count, "best") }?;
            for (place, out) in best.iter_mut().enumerate() {
                *out = melu_evidence {
                    item: table.items[place],
                    score: table.scores[place],
                    gradient_norm: table.gradient_norm[place],
                    popularity: table.popularity[place],
                };
            }
            *len = count;
            Ok(())
        })
    })
}

pub(super) fn unavailable(problem: &str) -> Failure {
    Failure::new(melu_status::NotAvailable, format!("model: {problem}"))
}

/// Bytes of the caller's, with the way to release them.
struct BorrowedBytes {
    bytes: &'static [u8],
    options: melu_open_options,
    /// Only a model that could be opened gives its bytes back.
    opened: AtomicBool,
}

// SAFETY: the bytes may be read by any thread; `context` is only passed to `release`, which any
// thread may call, as the header says.
unsafe impl Send for BorrowedBytes {}
// SAFETY: by a shared reference the bytes are read and `opened`, an atomic, is set; `context`
// is used by `drop` alone.
unsafe impl Sync for BorrowedBytes {}

impl AsRef<[u8]> for BorrowedBytes {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl Drop for BorrowedBytes {
    fn drop(&mut self) {
        if let Some(release) = self.options.release
            && *self.opened.get_mut()
        {
            // SAFETY: the header says that `release` is called once with `context`, by any
            // thread, when the bytes are no longer needed: now.
            unsafe { release(self.options.context) };
        }
    }
}

/// Bytes of the caller's, to be opened where they lie.
///
/// # Safety
/// The bytes stay where they are, unchanged, until the model and all that is made from it
/// are freed; `release` may be called once with `context` then, by any thread.
unsafe fn borrow(bytes: &[u8], options: melu_open_options) -> Arc<BorrowedBytes> {
    // SAFETY: pointer and length are a slice's; the caller promises that the bytes outlive
    // `BorrowedBytes`, which alone keeps this reference.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
    Arc::new(BorrowedBytes { bytes, options, opened: AtomicBool::new(false) })
}
