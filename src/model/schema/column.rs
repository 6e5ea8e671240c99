//! One field's values for many users or items.

use super::strings::check_offsets;
use crate::Result;
use crate::memory;
use crate::model::buffer::Buffer;

/// One field's values, a row for each user or item.
///
/// May be used from any number of threads at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Indices into the field's vocabulary, any number a row.
    Values {
        /// The beginning of each row in `values`, and the end of the last.
        offsets: Buffer<u64>,
        /// All rows' indices, one after another.
        values: Buffer<u32>,
    },
    /// One number a row; not a number (NaN) where it is missing.
    Numbers(Buffer<f32>),
}

impl Column {
    /// Of a categorical field with `size` values.
    ///
    /// # Errors
    /// Says what is wrong with the offsets or indices, in words.
    pub fn values(offsets: Buffer<u64>, values: Buffer<u32>, size: usize) -> Result<Self, String> {
        check_offsets(&offsets, values.len())?;
        if let Some(index) = values.iter().position(|&value| value as usize >= size) {
            return Err(format!(
                "value {} at index {index} is not below {size}, the field's size",
                values[index]
            ));
        }
        Ok(Self::Values { offsets, values })
    }

    /// Whether this can be the column of such a field.
    pub(crate) fn fits(&self, numeric: bool, size: usize) -> bool {
        match self {
            Self::Values { values, .. } => {
                !numeric && values.iter().all(|&value| (value as usize) < size)
            }
            Self::Numbers(_) => numeric,
        }
    }

    /// Whether a row can belong to such a field.
    pub(crate) fn row_fits(&self, row: usize, numeric: bool, size: usize) -> bool {
        match self {
            Self::Values { .. } => !numeric && self.row(row).iter().all(|&v| (v as usize) < size),
            Self::Numbers(_) => numeric,
        }
    }

    /// These rows, followed by those of another column of the same field.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn join(&self, others: &Self) -> memory::Result<Self> {
        Ok(match (self, others) {
            (Self::Values { offsets, values }, Self::Values { offsets: ends, values: more }) => {
                let end = values.len() as u64;
                let ends = ends.get(1..).unwrap_or_default();
                let mut joined = memory::joined(offsets, ends)?;
                joined[offsets.len()..].iter_mut().for_each(|offset| *offset += end);
                let values = memory::joined(values, more)?;
                Self::Values { offsets: joined.into(), values: values.into() }
            }
            (Self::Numbers(numbers), Self::Numbers(more)) => {
                Self::Numbers(memory::joined(numbers, more)?.into())
            }
            // Columns of one field are of one kind: `CatalogTable::check`.
            _ => self.clone(),
        })
    }

    /// Some of the rows, in the order of `rows`; those beyond the end are missing values.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn select(&self, rows: &[usize]) -> memory::Result<Self> {
        let mut builder = ColumnBuilder::new(matches!(self, Self::Numbers(_)));
        for &row in rows {
            builder.reserve_row(self.row(row).len())?;
            self.row(row).iter().for_each(|&value| builder.push_value(value));
            builder.end_row(self.number(row));
        }
        Ok(builder.finish())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Values { offsets, .. } => offsets.len().saturating_sub(1),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A row's indices; none for a column of numbers or beyond the end.
    pub fn row(&self, row: usize) -> &[u32] {
        match self {
            Self::Values { offsets, values } => match offsets.get(row..row.saturating_add(2)) {
                Some(ends) => values.get(ends[0] as usize..ends[1] as usize).unwrap_or(&[]),
                None => &[],
            },
            Self::Numbers(_) => &[],
        }
    }

    /// A row's number; `None` where it is missing, and for a column of indices.
    pub fn number(&self, row: usize) -> Option<f32> {
        match self {
            Self::Numbers(numbers) => numbers.get(row).copied().filter(|number| !number.is_nan()),
            Self::Values { .. } => None,
        }
    }

    /// Whether a row has no value.
    pub fn is_missing(&self, row: usize) -> bool {
        self.row(row).is_empty() && self.number(row).is_none()
    }
}

/// Builds a [`Column`] row by row.
#[derive(Clone, Debug)]
pub enum ColumnBuilder {
    /// For a categorical field.
    Values {
        /// See [`Column::Values`].
        offsets: Vec<u64>,
        /// See [`Column::Values`].
        values: Vec<u32>,
    },
    /// For a numeric field.
    Numbers(Vec<f32>),
}

impl ColumnBuilder {
    /// An empty column of numbers, or of indices.
    pub fn new(numeric: bool) -> Self {
        if numeric {
            Self::Numbers(Vec::new())
        } else {
            Self::Values { offsets: vec![0], values: Vec::new() }
        }
    }

    /// Makes room for a row of so many indices.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn reserve_row(&mut self, indices: usize) -> memory::Result<()> {
        match self {
            Self::Values { offsets, values } => {
                memory::grow(offsets, 1)?;
                memory::grow(values, indices)
            }
            Self::Numbers(numbers) => memory::grow(numbers, 1),
        }
    }

    /// Adds an index to the row that is being built; nothing for numbers.
    pub fn push_value(&mut self, value: u32) {
        if let Self::Values { values, .. } = self {
            values.push(value);
        }
    }

    /// Ends the row: a column of numbers takes `number`, missing if `None`.
    pub fn end_row(&mut self, number: Option<f32>) {
        match self {
            Self::Values { offsets, values } => offsets.push(values.len() as u64),
            Self::Numbers(numbers) => numbers.push(number.unwrap_or(f32::NAN)),
        }
    }

    /// The column.
    pub fn finish(self) -> Column {
        match self {
            Self::Values { offsets, values } => {
                Column::Values { offsets: offsets.into(), values: values.into() }
            }
            Self::Numbers(numbers) => Column::Numbers(numbers.into()),
        }
    }
}
