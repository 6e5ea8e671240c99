//! Tables and columns that come by Arrow's C stream interface.

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, RecordBatchReader};
use arrow_schema::{DataType, TimeUnit};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::column::{Column, Stored, Texts};
use crate::errors::refuse;

/// The columns of a table with `__arrow_c_stream__`, by name.
pub fn read(argument: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Column)>> {
    let capsule = object.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast::<PyCapsule>()?;
    let stream = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
    // SAFETY: a capsule of this name holds a stream, by the interface; it is moved out, and an
    // empty one stays, which the capsule's destructor leaves alone.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr().cast()) };
    let failed = |error: arrow_schema::ArrowError| refuse(argument, &error.to_string());
    let reader = RecordBatchStreamReader::try_new(stream).map_err(failed)?;
    let schema = reader.schema();
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.fields().len()];
    for batch in reader {
        for (chunks, chunk) in columns.iter_mut().zip(batch.map_err(failed)?.columns()) {
            chunks.push(chunk.clone());
        }
    }
    let mut read = Vec::new();
    for (field, chunks) in schema.fields().iter().zip(columns) {
        let column = column(field.data_type(), &chunks).ok_or_else(|| {
            let problem = format!(
                "column \"{}\" has the type {}; texts, integers, numbers, truth values, times, or \
                 lists or categories of them are expected",
                field.name(),
                field.data_type()
            );
            refuse(argument, &problem)
        })?;
        read.push((field.name().clone(), column));
    }
    Ok(read)
}

/// Integers and numbers of this type, converted.
macro_rules! primitive {
    ($chunks:expr, $type:ty, $stored:ident, $convert:expr) => {{
        let mut cells = Vec::new();
        for chunk in $chunks {
            cells.extend(chunk.as_primitive::<$type>().values().iter().map($convert));
        }
        Stored::$stored(cells)
    }};
}

/// A column from its chunks; `None` for a type that no column can have.
fn column(data_type: &DataType, chunks: &[ArrayRef]) -> Option<Column> {
    let mut missing: Vec<bool> = Vec::new();
    for chunk in chunks {
        match chunk.logical_nulls() {
            Some(nulls) => missing.extend(nulls.iter().map(|is_there| !is_there)),
            None => missing.resize(missing.len() + chunk.len(), false),
        }
    }
    let cells = match data_type {
        DataType::Null => return Some(Column::new(Stored::Nothing, missing)),
        DataType::Int8 => primitive!(chunks, Int8Type, Integers, |&x| i64::from(x)),
        DataType::Int16 => primitive!(chunks, Int16Type, Integers, |&x| i64::from(x)),
        DataType::Int32 => primitive!(chunks, Int32Type, Integers, |&x| i64::from(x)),
        DataType::Int64 => primitive!(chunks, Int64Type, Integers, |&x| x),
        DataType::UInt8 => primitive!(chunks, UInt8Type, Unsigned, |&x| u64::from(x)),
        DataType::UInt16 => primitive!(chunks, UInt16Type, Unsigned, |&x| u64::from(x)),
        DataType::UInt32 => primitive!(chunks, UInt32Type, Unsigned, |&x| u64::from(x)),
        DataType::UInt64 => primitive!(chunks, UInt64Type, Unsigned, |&x| x),
        DataType::Float16 => primitive!(chunks, Float16Type, Numbers, |&x| x.to_f64()),
        DataType::Float32 => primitive!(chunks, Float32Type, Numbers, |&x| f64::from(x)),
        DataType::Float64 => primitive!(chunks, Float64Type, Numbers, |&x| x),
        DataType::Date32 => primitive!(chunks, Date32Type, Seconds, |&x| f64::from(x) * 86_400.0),
        DataType::Date64 => primitive!(chunks, Date64Type, Seconds, |&x| x as f64 / 1e3),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => primitive!(chunks, TimestampSecondType, Seconds, |&x| x as f64),
            TimeUnit::Millisecond => {
                primitive!(chunks, TimestampMillisecondType, Seconds, |&x| x as f64 / 1e3)
            }
            TimeUnit::Microsecond => {
                primitive!(chunks, TimestampMicrosecondType, Seconds, |&x| x as f64 / 1e6)
            }
            TimeUnit::Nanosecond => {
                primitive!(chunks, TimestampNanosecondType, Seconds, |&x| x as f64 / 1e9)
            }
        },
        DataType::Boolean => texts(chunks, |chunk, push| {
            chunk.as_boolean().iter().for_each(|value| {
                push(value.map_or("", |value| if value { "true" } else { "false" }));
            });
        }),
        DataType::Utf8 => texts(chunks, |chunk, push| {
            chunk.as_string::<i32>().iter().for_each(|text| push(text.unwrap_or_default()));
        }),
        DataType::LargeUtf8 => texts(chunks, |chunk, push| {
            chunk.as_string::<i64>().iter().for_each(|text| push(text.unwrap_or_default()));
        }),
        DataType::Utf8View => texts(chunks, |chunk, push| {
            chunk.as_string_view().iter().for_each(|text| push(text.unwrap_or_default()));
        }),
        DataType::Dictionary(_, values) => return categories(values, chunks, missing),
        DataType::List(field) => lists(field.data_type(), chunks, &missing, |chunk| {
            let list = chunk.as_list::<i32>();
            let offsets = list.value_offsets().iter().map(|&offset| offset as usize).collect();
            (list.values().clone(), offsets)
        })?,
        DataType::LargeList(field) => lists(field.data_type(), chunks, &missing, |chunk| {
            let list = chunk.as_list::<i64>();
            let offsets = list.value_offsets().iter().map(|&offset| offset as usize).collect();
            (list.values().clone(), offsets)
        })?,
        _ => return None,
    };
    Some(Column::new(cells, missing))
}

fn texts(chunks: &[ArrayRef], each: impl Fn(&ArrayRef, &mut dyn FnMut(&str))) -> Stored {
    let mut texts = Texts::default();
    for chunk in chunks {
        each(chunk, &mut |text| texts.push(text));
    }
    Stored::Texts(texts)
}

/// Categories, whose values are texts or integers.
fn categories(values: &DataType, chunks: &[ArrayRef], missing: Vec<bool>) -> Option<Column> {
    use melu::data::{Cell, Cells};

    let mut texts = Texts::default();
    let mut integers = Vec::new();
    for chunk in chunks {
        let dictionary = chunk.as_any_dictionary();
        let names = column(values, std::slice::from_ref(dictionary.values()))?;
        // Where there are no categories, all cells are missing, and `normalized_keys` panics.
        let keys = match names.len() {
            0 => vec![0; chunk.len()],
            _ => dictionary.normalized_keys(),
        };
        for (row, key) in keys.into_iter().enumerate() {
            let is_there = chunk.is_valid(row) && key < names.len();
            match if is_there { names.cell(key) } else { Cell::Missing } {
                Cell::Text(text) => texts.push(text),
                Cell::Integer(number) => integers.push(i64::try_from(number).ok()?),
                Cell::Missing => match names.kind() {
                    "integer" => integers.push(0),
                    _ => texts.push(""),
                },
                _ => return None,
            }
        }
    }
    let is_integer = matches!(values, DataType::Int8 | DataType::Int16 | DataType::Int32)
        || matches!(values, DataType::Int64 | DataType::UInt8 | DataType::UInt16)
        || matches!(values, DataType::UInt32 | DataType::UInt64);
    let cells = if is_integer { Stored::Integers(integers) } else { Stored::Texts(texts) };
    Some(Column::new(cells, missing))
}

/// Lists, whose values and offsets `parts` has.
fn lists(
    values: &DataType,
    chunks: &[ArrayRef],
    missing: &[bool],
    parts: impl Fn(&ArrayRef) -> (ArrayRef, Vec<usize>),
) -> Option<Stored> {
    let mut ends = Vec::new();
    let mut all = Vec::new();
    let mut end = 0;
    for chunk in chunks {
        let (values, offsets) = parts(chunk);
        for pair in offsets.windows(2) {
            // What lies beneath a missing list does not count.
            let is_missing = missing.get(ends.len()).copied().unwrap_or(false);
            let length = if is_missing { 0 } else { pair[1] - pair[0] };
            if length > 0 {
                all.push(values.slice(pair[0], length));
            }
            end += length;
            ends.push(end);
        }
    }
    let values = Box::new(column(values, &all)?);
    Some(Stored::Lists { ends, values })
}
