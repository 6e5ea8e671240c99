//! The fields of a model's users and items, for forms and imports.

use super::arguments::{self, output, write_sized};
use super::call::call;
use super::error::Failure;
use super::handle::Handle;
use super::model::melu_model;
use super::{melu_error, melu_status, melu_str};
use crate::Model;
use crate::model::schema::{Entity, Field, FieldKind};

/// Fields that describe items.
pub const MELU_ENTITY_ITEM: u32 = 0;
/// Fields that describe users.
pub const MELU_ENTITY_USER: u32 = 1;

/// A field takes one value of a vocabulary.
pub const MELU_FIELD_ONE: u32 = 0;
/// A field takes any number of values of a vocabulary.
pub const MELU_FIELD_MULTI: u32 = 1;
/// A field takes a number.
pub const MELU_FIELD_NUMERIC: u32 = 2;

/// A field of a model's users or items.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_field {
    /// `sizeof(melu_field)`, set by the caller.
    pub struct_size: usize,
    /// Its name; it lives as long as the model's handle.
    pub name: melu_str,
    /// `MELU_FIELD_ONE`, which is 0, `MELU_FIELD_MULTI` or `MELU_FIELD_NUMERIC`.
    pub kind: u32,
    /// Not 0: the values have names, see `melu_model_field_value`. 0: they are given by
    /// index, or the field is numeric.
    pub named: u32,
    /// The number of values; 0 of a numeric field.
    pub values: usize,
    /// The least number in training; not a number (NaN) if it is unknown, and of fields
    /// that are not numeric. Numbers beyond it are read as it.
    pub lowest: f32,
    /// The greatest number in training, likewise.
    pub highest: f32,
}

impl arguments::SizedStruct for melu_field {
    const NAME: &'static str = "melu_field";
}

/// Describes a field: the one at `index` among those of the items or of the users.
///
/// `entity` is `MELU_ENTITY_ITEM` or `MELU_ENTITY_USER`; `melu_model_info` gives the
/// numbers of fields. `field->struct_size` is set by the caller, and the other members are
/// written.
///
/// Statuses: `INVALID_ARGUMENT`, `NOT_FOUND` for an index that is not below the number of
/// fields. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_field(
    model: *const melu_model,
    entity: u32,
    index: usize,
    field: *mut melu_field,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a live handle at `model`, unchanged meanwhile, or NULL.
        let model = unsafe { melu_model::shared(model, "model") }?;
        model.with(|model| {
            let (entity, found) = find(model, entity, index)?;
            let range = match found.kind {
                FieldKind::Numeric(scale) => scale.range,
                FieldKind::One | FieldKind::Multi => None,
            };
            let [lowest, highest] = range.unwrap_or([f32::NAN; 2]);
            let vocabulary = &model.contents().vocabularies(entity)[index];
            let value = melu_field {
                struct_size: size_of::<melu_field>(),
                name: melu_str::new(&found.name),
                kind: match found.kind {
                    FieldKind::One => MELU_FIELD_ONE,
                    FieldKind::Multi => MELU_FIELD_MULTI,
                    FieldKind::Numeric(_) => MELU_FIELD_NUMERIC,
                },
                named: u32::from(vocabulary.is_some()),
                values: if found.is_numeric() { 0 } else { found.size },
                lowest,
                highest,
            };
            // SAFETY: the header asks for a struct to write at `field`, as long as its
            // `struct_size` says, or NULL.
            unsafe { write_sized(field, value) }
        })
    })
}

/// The name of a field's value; values are in the ascending order of their names' bytes.
///
/// `*name` is written; it lives as long as the model's handle.
///
/// Statuses: `INVALID_ARGUMENT`, `NOT_FOUND` for an index that is not below the number of
/// fields or of values, `NOT_AVAILABLE` for a field whose values have no names. Threads:
/// any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_model_field_value(
    model: *const melu_model,
    entity: u32,
    index: usize,
    value: usize,
    name: *mut melu_str,
    error: *mut melu_error,
) -> melu_status {
    // SAFETY: the header asks for a `melu_error` to write at `error`, or NULL.
    let error = unsafe { melu_error::destination(error) };
    call(error, || {
        // SAFETY: the header asks for a `melu_str` to write at `name`, or NULL.
        let out = unsafe { output(name, "name") }?;
        // SAFETY: the header asks for a live handle at `model`, unchanged meanwhile, or NULL.
        let model = unsafe { melu_model::shared(model, "model") }?;
        model.with(|model| {
            let (entity, field) = find(model, entity, index)?;
            let vocabulary = model.contents().vocabularies(entity)[index].as_ref();
            let names = vocabulary.ok_or_else(|| {
                let problem = format!("the values of \"{}\" have no names", field.name);
                Failure::new(melu_status::NotAvailable, problem)
            })?;
            *out = melu_str::new(names.names().get(value).ok_or_else(|| {
                let (name, size) = (&field.name, field.size);
                let problem = format!("value: \"{name}\" has {size} values, and none at {value}");
                Failure::new(melu_status::NotFound, problem)
            })?);
            Ok(())
        })
    })
}

fn find(model: &Model, entity: u32, index: usize) -> Result<(Entity, &Field), Failure> {
    let entity = match entity {
        MELU_ENTITY_ITEM => Entity::Item,
        MELU_ENTITY_USER => Entity::User,
        other => {
            let problem =
                format!("entity is {other}; MELU_ENTITY_ITEM or MELU_ENTITY_USER is expected");
            return Err(Failure::new(melu_status::InvalidArgument, problem));
        }
    };
    let fields = model.config().fields(entity);
    let field = fields.get(index).ok_or_else(|| {
        let problem =
            format!("index: the {entity}s have {} fields, and none at {index}", fields.len());
        Failure::new(melu_status::NotFound, problem)
    })?;
    Ok((entity, field))
}
