//! The inputs of a prior's terms.

use crate::kernels::add_scaled;
use crate::model::buffer::Buffer;
use crate::model::schema::{Column, Field, FieldKind};

/// The part of a user's or item's row that a term of a prior reads.
///
/// A row without the value adds nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A categorical field: the sum of its values' rows of weights, one for each value of the
    /// field. A field of many values has one more row at the end, taken once if there is any
    /// value: the number of values is informative too, but the lack of values should not be.
    Values {
        /// The field's place among the fields.
        field: usize,
    },
    /// A pair of fields of one value each: row `a * size_b + b` of weights.
    Pair {
        /// The fields' places among the fields.
        fields: [usize; 2],
    },
    /// A numeric field: one row of weights times the number in standard
    /// deviations from its mean, not below `lowest` nor above `highest`.
    Number {
        /// The field's place among the fields.
        field: usize,
        /// The least number that training saw, in standard deviations.
        lowest: f32,
        /// The greatest.
        highest: f32,
    },
    /// A field that the row shares with other rows: a row of weights for each value, summed
    /// over the values and divided by 1 + the sum of their confidences; and one last row
    /// times the logarithm of that.
    Shared {
        /// The field's place among the fields.
        field: usize,
        /// The confidence in each value, `[size]`.
        confidences: Buffer<f32>,
    },
}

impl Input {
    /// How many rows of weights it takes.
    ///
    /// # Errors
    /// Says why it does not fit these fields, in words.
    pub fn rows(&self, fields: &[Field]) -> Result<usize, String> {
        let field = |place: usize| {
            fields.get(place).ok_or_else(|| format!("there is no field {place} to read"))
        };
        let size = |place: usize, kinds: &[FieldKind]| {
            let field = field(place)?;
            match kinds.contains(&field.kind) {
                true => Ok(field.size),
                false => Err(format!("the field \"{}\" has another kind", field.name)),
            }
        };
        match self {
            Self::Values { field } => {
                let last = usize::from(fields.get(*field).is_some_and(is_multi));
                Ok(size(*field, &[FieldKind::One, FieldKind::Multi])? + last)
            }
            Self::Pair { fields: [a, b] } => {
                let (a, b) = (size(*a, &[FieldKind::One])?, size(*b, &[FieldKind::One])?);
                a.checked_mul(b).ok_or_else(|| format!("{a} times {b} values are too many"))
            }
            Self::Number { field: place, lowest, highest } => {
                let field = field(*place)?;
                let numbers = lowest.is_finite() && highest.is_finite() && lowest <= highest;
                match field.is_numeric() && numbers {
                    true => Ok(1),
                    false => {
                        Err(format!("\"{}\" has no numbers from {lowest} to {highest}", field.name))
                    }
                }
            }
            Self::Shared { field, confidences } => {
                let size = size(*field, &[FieldKind::One, FieldKind::Multi])?;
                if confidences.len() != size {
                    return Err(format!("{} confidences for {size} values", confidences.len()));
                }
                if confidences.iter().any(|confidence| !(0.0..f32::MAX).contains(confidence)) {
                    return Err("a confidence is not a finite number of at least 0".into());
                }
                Ok(size + 1)
            }
        }
    }

    /// Calls `each` with every row of weights of which `row` takes a share, in ascending
    /// order, and the share.
    pub fn shares(
        &self,
        fields: &[Field],
        columns: &[Column],
        row: usize,
        mut each: impl FnMut(usize, f32),
    ) {
        let values = |place: usize| columns.get(place).map_or(&[][..], |column| column.row(row));
        match self {
            Self::Values { field: place } => {
                let values = values(*place);
                values.iter().for_each(|&value| each(value as usize, 1.0));
                let field = &fields[*place];
                if is_multi(field) && !values.is_empty() {
                    each(field.size, 1.0);
                }
            }
            Self::Pair { fields: [a, b] } => {
                if let ([first, ..], [second, ..]) = (values(*a), values(*b)) {
                    each(*first as usize * fields[*b].size + *second as usize, 1.0);
                }
            }
            Self::Number { field, lowest, highest } => {
                let number = columns.get(*field).and_then(|column| column.number(row));
                if let (Some(number), FieldKind::Numeric(scale)) = (number, fields[*field].kind) {
                    each(0, scale.standardise(number).max(*lowest).min(*highest));
                }
            }
            Self::Shared { field, confidences } => {
                let values = values(*field);
                let known = |value: &u32| confidences.get(*value as usize).copied().unwrap_or(0.0);
                let confidence = 1.0 + values.iter().map(known).sum::<f32>();
                values.iter().for_each(|&value| each(value as usize, 1.0 / confidence));
                if !values.is_empty() {
                    each(confidences.len(), confidence.ln());
                }
            }
        }
    }

    /// Adds the weights' rows to `out`, which is one row wide, by the shares that `row` takes
    /// of them.
    pub(crate) fn add_shares(
        &self,
        fields: &[Field],
        columns: &[Column],
        row: usize,
        weights: &[f32],
        out: &mut [f32],
    ) {
        let width = out.len();
        self.shares(fields, columns, row, |row, share| {
            let start = row.saturating_mul(width);
            if let Some(weights) = weights.get(start..start.saturating_add(width)) {
                add_scaled(out, share, weights);
            }
        });
    }
}

fn is_multi(field: &Field) -> bool {
    field.kind == FieldKind::Multi
}
