//! Turns a caller's values of a user or item into rows of columns.

#[cfg(doc)]
use super::NumberScale;
use super::{ColumnBuilder, Entity, Field, FieldKind, Value, Vocabulary};
use crate::model::json::Json;
use crate::{Error, Result, memory};

/// A column for each field, without rows.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn builders(fields: &[Field]) -> memory::Result<Vec<ColumnBuilder>> {
    memory::collected(fields.iter().map(|field| ColumnBuilder::new(field.is_numeric())))
}

/// Adds one row to each field's column from `values`: in any order, with a field's name
/// repeated for several values; fields without a value may be left out.
///
/// Returns how many values the model does not know: those that the vocabularies lack, which
/// are left out, and numbers that lie far beyond those of the training data, which are read as
/// the nearest of those (see [`NumberScale`]).
///
/// # Errors
/// [`Error::UnknownField`], [`Error::FieldValue`] and [`Error::OutOfMemory`]; nothing is added
/// then.
pub fn encode_row(
    entity: Entity,
    fields: &[Field],
    vocabularies: &[Option<Vocabulary>],
    values: &[(&str, Value)],
    columns: &mut [ColumnBuilder],
) -> Result<usize> {
    if let Some((unknown, _)) =
        values.iter().find(|(name, _)| !fields.iter().any(|field| field.name == *name))
    {
        let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        return Err(Error::UnknownField { entity: entity.name(), name: (*unknown).into(), known });
    }
    let rows = fields.iter().zip(vocabularies).map(|(field, vocabulary)| {
        let given = values.iter().filter(|(name, _)| *name == field.name).map(|(_, value)| *value);
        EncodedValue::new(entity, field, vocabulary.as_ref(), given)
    });
    let rows = memory::try_collected(rows)?;
    for (row, column) in rows.iter().zip(&mut *columns) {
        column.reserve_row(row.indices.len())?;
    }
    for (row, column) in rows.iter().zip(columns) {
        for &index in &row.indices {
            column.push_value(index);
        }
        column.end_row(row.number);
    }
    Ok(rows.iter().map(|row| row.unknown).sum())
}

#[derive(Default)]
struct EncodedValue {
    indices: Vec<u32>,
    number: Option<f32>,
    unknown: usize,
}

impl EncodedValue {
    fn new<'a>(
        entity: Entity,
        field: &Field,
        vocabulary: Option<&Vocabulary>,
        values: impl Iterator<Item = Value<'a>>,
    ) -> Result<Self> {
        let refuse = |problem: String| {
            Err(Error::FieldValue { entity: entity.name(), field: field.name.clone(), problem })
        };
        let mut row = Self::default();
        let mut given = 0;
        for value in values {
            given += 1;
            if given > 1 && field.kind != FieldKind::Multi {
                return refuse("more than one value is given; it takes one".into());
            }
            match (field.kind, value) {
                (FieldKind::Numeric(_), Value::Index(_)) => {
                    return refuse("it is numeric; a number is expected, not an index".into());
                }
                (FieldKind::Numeric(_), Value::Number(number)) => row.number = Some(number),
                (FieldKind::Numeric(_), Value::Name(name)) => match number(name) {
                    Some(number) => row.number = Some(number),
                    None => return refuse(format!("\"{name}\" is not a number")),
                },
                (_, Value::Number(number)) => {
                    return refuse(format!("it is not numeric; {number} cannot be its value"));
                }
                (_, Value::Index(index)) if (index as usize) < field.size => {
                    memory::push(&mut row.indices, index)?;
                }
                (_, Value::Index(index)) => {
                    return refuse(format!("index {index} is not below its size {}", field.size));
                }
                (_, Value::Name(name)) => match vocabulary {
                    None => {
                        return refuse(format!(
                            "the model has no names for its values; give an index instead of \"{name}\""
                        ));
                    }
                    Some(vocabulary) => match vocabulary.find(name) {
                        Some(index) => memory::push(&mut row.indices, index)?,
                        None => row.unknown += 1,
                    },
                },
            }
            if let (FieldKind::Numeric(scale), Some(number)) = (field.kind, row.number) {
                if !number.is_finite() {
                    return refuse(format!("{number} is not a finite number"));
                }
                row.unknown += usize::from(scale.is_far(number));
            }
        }
        row.indices.sort_unstable();
        row.indices.dedup();
        Ok(row)
    }
}

/// The number that a text is. Rust's own reader would make the embedded library 13 KB larger, so
/// the one of JSON reads it, once it has a digit on both sides of the point and no zeros before.
fn number(text: &str) -> Option<f32> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let is_digit = |character: char| character.is_ascii_digit();
    let end = digits.find(['e', 'E']).unwrap_or(digits.len());
    let (mantissa, exponent) = digits.split_at(end);
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !(whole.starts_with(is_digit) || decimals.starts_with(is_digit)) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let decimals = if decimals.is_empty() { "0" } else { decimals };
    match Json::parse(&format!("{sign}{whole}.{decimals}{exponent}")) {
        // It has decimals, and is no count. Beyond f32 it is infinite, as Rust reads it.
        Ok(Json::Number(number)) => Some(number as f32),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_those_that_rust_reads(text in "[-+]?[0-9]{0,4}[.]?[0-9]{0,4}([eE][-+]?[0-9]{0,2})?") {
            let expected: Option<f32> = text.parse().ok();
            match (number(&text), expected) {
                (Some(found), Some(expected)) => {
                    // By one rounding more, which is a whole step among the smallest numbers.
                    let allowed = f32::EPSILON * expected.abs() + f32::from_bits(1);
                    let is_right = found == expected || (found - expected).abs() <= allowed;
                    prop_assert!(is_right, "{text}: {found} instead of {expected}");
                }
                (found, expected) => prop_assert_eq!(found, expected, "{}", text),
            }
        }
    }

    #[test]
    fn numbers_are_read_from_texts() {
        for (text, expected) in [("1995", 1995.0), (" +3.5 ", 3.5), ("-2e3", -2000.0), ("0.1", 0.1)]
        {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for text in ["", " ", "inf", "nan", "1,5", "0x10", "true", "[1]", "1 2", "++1", "1e999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
