//! Items that can be scored.

use std::ptr;

use super::arguments::{optional_output, output, slice};
use super::call::call;
use super::error::Failure;
use super::handle::{Guarded, Handle, handle};
use super::model::{melu_model, unavailable};
use super::pool::Pool;
use super::value::values;
use super::{melu_error, melu_status, melu_str, melu_value};
use crate::memory;
use crate::model::config::DataType;
use crate::model::schema::Value;
use crate::{Catalog, NewItem};

/// Items with their embeddings, known by index from 0.
///
/// Owner: whoever made it; free it with `melu_catalog_free`. Lifetime: keeps its model
/// alive, and users keep it alive, so it may be freed before them. Threads: any number at
/// once; it never changes. Cost: one row of some hundred numbers an item, of 4 bytes each
/// or of 2: see `melu_catalog_convert`; those of a weight file's own items are in the
/// file, and shared. It also owns the scratch memory of calls: some 400 KB, and for each
/// item one bit, and 4 bytes if there are no more than 65,536, times the largest number of
/// calls that ran at once, up to 64.
#[derive(Debug)]
pub struct melu_catalog(Guarded<Pool>);

handle!(melu_catalog, Pool);

/// A catalogue keeps its rows in f32: 4 bytes a number.
pub const MELU_DATA_TYPE_F32: u32 = 0;
/// A catalogue keeps its rows in f16: 2 bytes a number.
pub const MELU_DATA_TYPE_F16: u32 = 1;

/// An item given by its field values; it needs no ratings.
///
/// Owner: the caller; it is read during the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_item {
    /// The program's own name for it, unique in the catalogue.
    pub id: melu_str,
    /// Its field values.
    pub values: *const melu_value,
    /// The number of values.
    pub values_len: usize,
    /// The name that people know it by; empty if it has none.
    pub title: melu_str,
}

/// Makes a catalogue of items given by their field values, in the weight file's
/// data type; `melu_catalog_convert` changes it.
///
/// `*catalog` is written, NULL after a failure. `*unknown_values` is written unless it is
/// NULL: the number of names that the model's vocabularies lack; they are left out.
///
/// Statuses: `INVALID_ARGUMENT`, also for an id that occurs twice and for an item whose
/// features exceed f16, `INVALID_UTF8`, `UNKNOWN_FIELD`, `FIELD_VALUE`,
/// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_new(
    model: *const melu_model,
    items: *const melu_item,
    items_len: usize,
    catalog: *mut *mut melu_catalog,
    unknown_values: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_catalog` to write at `catalog`, or NULL.
        let out = unsafe { output(catalog, "catalog") }?;
        // SAFETY: the header asks for a `usize` to write at `unknown_values`, or NULL.
        let unknown = unsafe { optional_output(unknown_values, "unknown_values") }?;
        // SAFETY: the header asks for `items_len` items at `items`, or NULL, and for texts and
        // values of the lengths that they give.
        let given = unsafe { GivenItems::read(items, items_len) }?;
        // SAFETY: the header asks for a live handle at `model`, unchanged meanwhile, or NULL.
        let model = unsafe { melu_model::shared(model, "model") }?;
        model.with(|model| {
            let made = given.refer(|items| Catalog::new(model, items))?;
            give(made, 0, out, unknown)
        })
    })
}

/// Makes a catalogue of another one's items, at their indices, followed by more items, in
/// the same data type.
///
/// The other catalogue does not change, and may be freed while its users live on; so a
/// service can swap the two. `*extended` is written, NULL after a failure. A user moves
/// to the new catalogue by `melu_user_save` and `melu_user_load`. `*unknown_values` is
/// written unless it is NULL: the number of the new items' names that the vocabularies
/// lack.
///
/// Statuses: those of `melu_catalog_new`. Threads: any. Cost: embeds the new items, and
/// copies the rows of the others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_extend(
    catalog: *const melu_catalog,
    items: *const melu_item,
    items_len: usize,
    extended: *mut *mut melu_catalog,
    unknown_values: *mut usize,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_catalog` to write at `extended`, or NULL.
        let out = unsafe { output(extended, "extended") }?;
        // SAFETY: the header asks for a `usize` to write at `unknown_values`, or NULL.
        let unknown = unsafe { optional_output(unknown_values, "unknown_values") }?;
        // SAFETY: the header asks for `items_len` items at `items`, or NULL, and for texts and
        // values of the lengths that they give.
        let given = unsafe { GivenItems::read(items, items_len) }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            let made = given.refer(|items| catalog.extend(items))?;
            give(made, catalog.unknown_values(), out, unknown)
        })
    })
}

/// Makes a catalogue of another one's items in another data type.
///
/// `data_type` is `MELU_DATA_TYPE_F16`, in which rows take half the memory and scores
/// change by about a thousandth of their spread, or `MELU_DATA_TYPE_F32`. The other
/// catalogue does not change, and may be freed while its users live on. `*converted` is
/// written, NULL after a failure. A user moves to the new catalogue by `melu_user_save`
/// and `melu_user_load`, which adapts them anew.
///
/// Statuses: `INVALID_ARGUMENT`, also for an item whose features exceed f16,
/// `OUT_OF_MEMORY`. Threads: any. Cost: embeds every item, or nothing if the data type is
/// the same: the two then share their rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_convert(
    catalog: *const melu_catalog,
    data_type: u32,
    converted: *mut *mut melu_catalog,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_catalog` to write at `converted`, or NULL.
        let out = unsafe { output(converted, "converted") }?;
        let data_type = match data_type {
            MELU_DATA_TYPE_F32 => DataType::F32,
            MELU_DATA_TYPE_F16 => DataType::F16,
            _ => {
                let problem = format!(
                    "data_type: {data_type} is no data type; MELU_DATA_TYPE_F32 or \
                     MELU_DATA_TYPE_F16 is expected"
                );
                return Err(Failure::new(melu_status::InvalidArgument, problem));
            }
        };
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            let made = catalog.convert(data_type).map_err(Failure::of("catalog"))?;
            *out = melu_catalog::into_raw(Pool::new(made)?)?;
            Ok(())
        })
    })
}

/// Makes a catalogue of another one's items without some of them, in the other's
/// data type: the items that stay keep their order, and move up.
///
/// `items` are `items_len` indices, in any order. The other catalogue stays as it is, and
/// may be freed while its users go on. `*smaller` is written, NULL after a failure. A user
/// moves to the new catalogue by `melu_user_save` and `melu_user_load`, and keeps ratings
/// of items that are gone.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `OUT_OF_MEMORY`. Threads: any. Cost: embeds
/// the items that stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_remove(
    catalog: *const melu_catalog,
    items: *const u32,
    items_len: usize,
    smaller: *mut *mut melu_catalog,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `*mut melu_catalog` to write at `smaller`, or NULL.
        let out = unsafe { output(smaller, "smaller") }?;
        // SAFETY: the header asks for `items_len` elements at `items`, or NULL.
        let items = unsafe { slice(items, items_len, "items") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            let made = catalog.remove(items).map_err(Failure::of("items"))?;
            *out = melu_catalog::into_raw(Pool::new(made)?)?;
            Ok(())
        })
    })
}

/// Frees a catalogue; does nothing if it is NULL. Nobody may use it meanwhile or after;
/// its users live on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_free(catalog: *mut melu_catalog) {
    // SAFETY: the header asks for a live handle at `catalog`, not used meanwhile or after, or NULL.
    unsafe { Handle::free(catalog) }
}

/// The number of items; 0 if `catalog` is NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_len(catalog: *const melu_catalog) -> usize {
    // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
    let catalog = unsafe { melu_catalog::shared(catalog, "catalog") };
    let len = catalog.and_then(|catalog| catalog.with(|catalog| Ok(catalog.len())));
    len.unwrap_or(0)
}

/// The index of the item with an id.
///
/// `*item` is written.
///
/// Statuses: `INVALID_ARGUMENT`, `INVALID_UTF8`, `NOT_FOUND`. Threads: any. Cost: a
/// binary search.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_find(
    catalog: *const melu_catalog,
    id: melu_str,
    item: *mut u32,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `u32` to write at `item`, or NULL.
        let out = unsafe { output(item, "item") }?;
        // SAFETY: the header asks for `id.len` bytes at `id.data`, or NULL.
        let id = unsafe { id.text("id") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            *out = catalog.find(id).ok_or_else(|| {
                let problem = format!("id: the catalogue has no item \"{id}\"");
                Failure::new(melu_status::NotFound, problem)
            })?;
            Ok(())
        })
    })
}

/// The id of the item at an index.
///
/// `*id` is written; it lives as long as the catalogue's handle.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_id(
    catalog: *const melu_catalog,
    item: u32,
    id: *mut melu_str,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `melu_str` to write at `id`, or NULL.
        let out = unsafe { output(id, "id") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            *out = melu_str::new(catalog.id(item).ok_or_else(|| beyond(catalog, item))?);
            Ok(())
        })
    })
}

/// The title of the item at an index; empty if it has none.
///
/// `*title` is written; it lives as long as the catalogue's handle.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_title(
    catalog: *const melu_catalog,
    item: u32,
    title: *mut melu_str,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `melu_str` to write at `title`, or NULL.
        let out = unsafe { output(title, "title") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            catalog.id(item).ok_or_else(|| beyond(catalog, item))?;
            *out = melu_str::new(catalog.title(item).unwrap_or_default());
            Ok(())
        })
    })
}

/// The number of people who chose or rated an item in training; 0 for items that were new
/// then or later.
///
/// `*raters` is written.
///
/// Statuses: `INVALID_ARGUMENT`, `ITEM_INDEX`, `NOT_AVAILABLE` if the model does not have
/// these numbers. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_raters(
    catalog: *const melu_catalog,
    item: u32,
    raters: *mut u32,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `u32` to write at `raters`, or NULL.
        let out = unsafe { output(raters, "raters") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            catalog.id(item).ok_or_else(|| beyond(catalog, item))?;
            let raters = catalog.raters(item);
            *out = raters.ok_or_else(|| unavailable("it does not know its items' raters"))?;
            Ok(())
        })
    })
}

/// A view of vectors in memory: to be read, and not to be freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_vectors {
    /// The first number of the first vector; NULL if there is none.
    pub data: *const f32,
    /// The number of vectors.
    pub rows: usize,
    /// The length of a vector, in numbers.
    pub width: usize,
    /// The distance from the first number of a vector to the first of the next, in
    /// numbers.
    pub stride: usize,
}

/// The items as vectors, for a vector index or a database: one for each item, in the
/// catalogue's order.
///
/// The inner product of an item's vector and the user's, from `melu_user_vector`, is the
/// item's score, but for the parts from neighbours of the user's answers and from the
/// predicted rating. So an index by inner product finds candidates; `melu_user_score`
/// computes their scores, and `melu_user_recommend` orders them, given as `among` with
/// `add_neighbours`. The last two of a vector's numbers are the item's bias, which puts
/// popular items first, and 1 for an item that nobody chose in training.
///
/// `*vectors` is written; the vectors live as long as the catalogue's handle.
///
/// Statuses: `INVALID_ARGUMENT`, `NOT_AVAILABLE` for a model without a head for choosing.
/// Threads: any. Cost: none; nothing is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_catalog_item_vectors(
    catalog: *const melu_catalog,
    vectors: *mut melu_vectors,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `melu_vectors` to write at `vectors`, or NULL.
        let out = unsafe { output(vectors, "vectors") }?;
        // SAFETY: the header asks for a live handle at `catalog`, unchanged meanwhile, or NULL.
        let catalog = unsafe { melu_catalog::shared(catalog, "catalog") }?;
        catalog.with(|catalog| {
            let (numbers, width) = catalog.item_vectors().ok_or_else(no_vectors)?;
            let rows = catalog.len();
            let data = if rows == 0 { ptr::null() } else { numbers.as_ptr() };
            *out = melu_vectors { data, rows, width, stride: width };
            Ok(())
        })
    })
}

/// The failure of a model without vectors.
pub(super) fn no_vectors() -> Failure {
    unavailable("it has no head for choosing, and so no vectors")
}

fn beyond(catalog: &Catalog, item: u32) -> Failure {
    let problem =
        format!("item: index {item} is not below the catalogue's length {}", catalog.len());
    Failure::new(melu_status::ItemIndex, problem)
}

fn give(
    catalog: Catalog,
    known_before: usize,
    out: &mut *mut melu_catalog,
    unknown: Option<&mut usize>,
) -> Result<(), Failure> {
    let unknown_values = catalog.unknown_values() - known_before;
    *out = melu_catalog::into_raw(Pool::new(catalog)?)?;
    if let Some(unknown) = unknown {
        *unknown = unknown_values;
    }
    Ok(())
}

/// Items by their field values, as the core takes them.
struct GivenItems<'a>(Vec<GivenItem<'a>>);

struct GivenItem<'a> {
    id: &'a str,
    title: &'a str,
    values: Vec<(&'a str, Value<'a>)>,
}

impl<'a> GivenItems<'a> {
    /// # Safety
    /// `items` is NULL or points to `len` items, and each item's `id`, `title` and
    /// `values` to as many bytes and values as it says; none of them change during `'a`.
    unsafe fn read(items: *const melu_item, len: usize) -> Result<Self, Failure> {
        // SAFETY: the caller promises `len` items; numbers and pointers have no invalid bits.
        let items: &[melu_item] = unsafe { slice(items, len, "items") }?;
        let mut given = memory::reserved(len)?;
        for (place, item) in items.iter().enumerate() {
            // SAFETY: the caller promises `id.len` bytes at `id.data`.
            let id = unsafe { item.id.text(format_args!("items[{place}].id")) }?;
            let name = format_args!("items[{place}].values");
            // SAFETY: the caller promises `values_len` values at `values`, and their texts.
            let values = unsafe { values(item.values, item.values_len, name) }?;
            // SAFETY: the caller promises `title.len` bytes at `title.data`.
            let title = unsafe { item.title.text(format_args!("items[{place}].title")) }?;
            given.push(GivenItem { id, title, values });
        }
        Ok(Self(given))
    }

    fn refer(
        &self,
        make: impl FnOnce(&[NewItem]) -> crate::Result<Catalog>,
    ) -> Result<Catalog, Failure> {
        let items = self.0.iter().map(|GivenItem { id, title, values }| NewItem {
            id,
            title: (!title.is_empty()).then_some(title),
            values,
        });
        make(&memory::collected(items)?).map_err(Failure::of("items"))
    }
}
