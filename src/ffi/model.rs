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
use crate::Model;
use crate::model::ChoiceHead;
use crate::model::loss::Loss;

/// A meta-trained model: an opened weight file.
///
/// Owner: whoever opened it; free it with `melu_model_free`. Lifetime: catalogues and
/// users keep what they need of it alive, so it may be freed before them. Threads: any
/// number at once. Cost: the weights are read where they lie, in the mapped file or in
/// memory.
#[derive(Debug)]
pub struct melu_model(Guarded<Model>);

handle!(melu_model, Model);

/// What bytes that are opened as a model may be used for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_bytes_options {
    /// `sizeof(melu_bytes_options)`.
    pub struct_size: usize,
    /// Not 0: the bytes are used where they lie, and must stay there unchanged until
    /// the model and all that was made from it is freed. Best aligned to 64 bytes. 0:
    /// they are copied.
    pub borrow: u32,
    /// Called once when borrowed bytes are no longer needed, by whichever thread frees
    /// the last handle; it must not call back into the library. May be NULL. Not called
    /// if the model cannot be opened.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Given to `release`.
    pub context: *mut c_void,
}

impl arguments::SizedStruct for melu_bytes_options {
    const NAME: &'static str = "melu_bytes_options";
}

/// What a model is like.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_model_details {
    /// `sizeof(melu_model_details)`, set by the caller.
    pub struct_size: usize,
    /// Tells the model from others: a saved user knows its model by it.
    pub fingerprint: u64,
    /// How many fields describe a user.
    pub user_fields: usize,
    /// How many fields describe an item.
    pub item_fields: usize,
    /// How many items the weight file has.
    pub items: usize,
    /// How many evidence candidates the weight file has.
    pub evidence: usize,
    /// How many numbers the head for ratings has, which adapts to a user; 0 without one.
    pub head_parameters: usize,
    /// How many numbers the vectors of users and items have that `melu_user_vector` and
    /// `melu_catalog_item_vectors` give; 0 without a head for choosing.
    pub vector_width: usize,
    /// Not 0: there is a head for choosing, and scores tell how likely a user is to choose
    /// an item and to like it. 0: a score is the predicted rating.
    pub choice: u32,
    /// Not 0: the model predicts ratings. 0: it was trained on positive-only data, which
    /// tell what people chose, and nothing else.
    pub ratings: u32,
    /// Not 0: ratings are clicks, 0 or 1, and predicted ones are probabilities.
    pub clicks: u32,
    /// Not 0: the model knows how far a rating may lie from the predicted one.
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
    /// What candidates are ranked by, best first: the product of the next two.
    pub score: f32,
    /// How far a rating of it moves the head, divided by the largest.
    pub gradient_norm: f32,
    /// How many people rated it, divided by the largest.
    pub popularity: f32,
}

/// Opens a weight file, and checks all of it.
///
/// The file is mapped. It may be deleted, or replaced by renaming another over it, but
/// must not be changed in place while the model is in use: the operating system kills a
/// process that reads what was cut off.
///
/// `path` is UTF-8. `*model` is written, NULL after a failure.
///
/// Statuses: `INVALID_UTF8`, `IO`, `WEIGHT_FILE`. Threads: any. Cost: reads the file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_open(
    path: melu_str,
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
        *out = melu_model::into_raw(Model::open(Path::new(path))?);
        Ok(())
    })
}

/// Opens a weight file that lies in memory, and checks all of it.
///
/// `options` may be NULL: the bytes are copied, and may be freed after the call.
/// `*model` is written, NULL after a failure; the bytes stay the caller's then.
///
/// Statuses: `INVALID_ARGUMENT`, `WEIGHT_FILE`, `OUT_OF_MEMORY` for the copy. Threads:
/// any. Cost: reads the bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_open_bytes(
    bytes: *const c_void,
    bytes_len: usize,
    options: *const melu_bytes_options,
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
        let opened = match options.filter(|options| options.borrow != 0) {
            None => {
                let mut copy = Vec::new();
                copy.try_reserve_exact(bytes_len).map_err(|_| {
                    let problem = format!("there is no memory for a copy of {bytes_len} bytes");
                    Failure::new(melu_status::OutOfMemory, problem)
                })?;
                copy.extend_from_slice(bytes);
                Model::from_bytes(copy)
            }
            // SAFETY: the header asks who sets `borrow` to keep the bytes there, unchanged, until
            // the model and all that was made from it is freed.
            Some(options) => unsafe { open_borrowed(bytes, options) },
        };
        *out = melu_model::into_raw(opened.map_err(Failure::of("bytes"))?);
        Ok(())
    })
}

/// Frees a model; nothing if it is NULL. Nobody may use it meanwhile or after.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_free(model: *mut melu_model) {
    // SAFETY: the header asks for a live handle at `model`, not used meanwhile or after, or NULL.
    unsafe { Handle::free(model) }
}

/// Says what a model is like.
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

/// Makes a catalogue of the weight file's own items, in the precision that it says.
///
/// `*catalog` is written, NULL after a failure.
///
/// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` if the file has no items,
/// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item; make it once and share it.
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
            *out = melu_catalog::into_raw(Pool::new(catalog));
            Ok(())
        })
    })
}

/// The items that a new user is best asked about, best first: as many of the weight
/// file's evidence candidates as there is room for.
///
/// `*best_len` is written: how many there are in `best`. `melu_model_info` says how many
/// there are in all.
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

/// Bytes of the caller's, and how to give them back.
struct Borrowed {
    bytes: &'static [u8],
    options: melu_bytes_options,
    /// Only a model that could be opened gives its bytes back.
    opened: AtomicBool,
}

// SAFETY: the bytes may be read by any thread; `context` is only passed to `release`, which any
// thread may call, as the header says.
unsafe impl Send for Borrowed {}
// SAFETY: by a shared reference the bytes are read and `opened`, an atomic, is set; `context`
// is used by `drop` alone.
unsafe impl Sync for Borrowed {}

impl AsRef<[u8]> for Borrowed {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl Drop for Borrowed {
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

/// Opens bytes where they lie.
///
/// # Safety
/// The bytes stay where they are, unchanged, until the model and all that is made from it
/// are freed; `release` may be called once with `context` then, by any thread.
unsafe fn open_borrowed(bytes: &[u8], options: melu_bytes_options) -> crate::Result<Model> {
    // SAFETY: pointer and length are a slice's; the caller promises that the bytes outlive
    // `Borrowed`, which alone keeps this reference.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
    let borrowed = Arc::new(Borrowed { bytes, options, opened: AtomicBool::new(false) });
    let model = Model::from_shared(borrowed.clone())?;
    borrowed.opened.store(true, Ordering::Relaxed);
    Ok(model)
}
