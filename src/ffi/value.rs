//! A field's value as C gives it.

use std::fmt::Arguments;

use super::arguments::slice;
use super::error::Failure;
use super::{melu_status, melu_str};
use crate::memory;
use crate::model::schema::Value;

/// A value is a name from the model's vocabulary, or a number written out.
pub const MELU_VALUE_NAME: u32 = 0;
/// A value is an index into the vocabulary, for models without names.
pub const MELU_VALUE_INDEX: u32 = 1;
/// A value is a number, for numeric fields.
pub const MELU_VALUE_NUMBER: u32 = 2;

/// One value of one field of a user or an item.
///
/// A field with several values is given once for each. Leave out fields whose value is
/// not known: a field that the model lacks is an error, `UNKNOWN_FIELD`.
/// Owner: the caller; it is read during the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_value {
    /// The field's name.
    pub field: melu_str,
    /// The member that holds the value: `MELU_VALUE_NAME`, which is 0, `MELU_VALUE_INDEX`
    /// or `MELU_VALUE_NUMBER`.
    pub kind: u32,
    /// The value's index.
    pub index: u32,
    /// The value's name. Names that the vocabulary lacks are left out, and counted.
    pub name: melu_str,
    /// The value as a number.
    pub number: f32,
}

/// The values of a user or of one item.
///
/// # Safety
/// `values` is NULL or points to `len` values, and each value's `field` to as many bytes as
/// it says, and so its `name` if its kind is a name; none of them change during `'a`.
pub unsafe fn values<'a>(
    values: *const melu_value,
    len: usize,
    name: Arguments,
) -> Result<Vec<(&'a str, Value<'a>)>, Failure> {
    // SAFETY: the caller promises `len` values; numbers and pointers have no invalid bits.
    let values = unsafe { slice(values, len, name) }?;
    let mut named = memory::reserved(len)?;
    for (place, value) in values.iter().enumerate() {
        // SAFETY: the caller promises `field.len` bytes at `field.data`.
        let field = unsafe { value.field.text(format_args!("{name}[{place}].field")) }?;
        let value = match value.kind {
            MELU_VALUE_NAME => {
                // SAFETY: the caller promises `name.len` bytes at `name.data` for this kind.
                let name = unsafe { value.name.text(format_args!("{name}[{place}].name")) }?;
                Value::Name(name)
            }
            MELU_VALUE_INDEX => Value::Index(value.index),
            MELU_VALUE_NUMBER => Value::Number(value.number),
            kind => {
                let problem = format!("{name}[{place}].kind is {kind}; 0, 1 or 2 is expected");
                return Err(Failure::new(melu_status::InvalidArgument, problem));
            }
        };
        named.push((field, value));
    }
    Ok(named)
}
