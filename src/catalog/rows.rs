//! The catalogue's rows in f32 or f16.

use crate::Result;
use crate::catalog::blocks::Rows;
use crate::kernels::{gather_rows, narrow, prefer_large_pages, widen, widen_rows};
use crate::memory;
use crate::model::config::DataType;
use crate::model::file::ItemRows;

/// Rows of features to which others are added.
#[derive(Debug)]
pub enum RowsBuilder {
    F32(Vec<f32>),
    F16(Vec<u16>),
}

impl RowsBuilder {
    /// No rows, with capacity for so many numbers.
    pub fn new(data_type: DataType, numbers: usize) -> memory::Result<Self> {
        Ok(match data_type {
            DataType::F32 => Self::F32(longer(&[], numbers)?),
            DataType::F16 => Self::F16(longer(&[], numbers)?),
        })
    }

    /// A copy of rows with capacity for so many more numbers.
    pub fn copy_of(rows: &ItemRows, numbers: usize) -> memory::Result<Self> {
        Ok(match rows {
            ItemRows::F32(rows) => Self::F32(longer(rows, numbers)?),
            ItemRows::F16(rows) => Self::F16(longer(rows, numbers)?),
        })
    }

    /// Adds a row. Fails with the first of its numbers that exceeds the data type's range,
    /// and then leaves the rows unusable.
    pub fn push(&mut self, row: &[f32]) -> Result<(), f32> {
        match self {
            Self::F32(rows) => rows.extend_from_slice(row),
            Self::F16(rows) => {
                for &number in row {
                    rows.push(narrow(number).ok_or(number)?);
                }
            }
        }
        Ok(())
    }

    /// The rows.
    pub fn finish(self) -> ItemRows {
        match self {
            Self::F32(rows) => ItemRows::F32(rows.into()),
            Self::F16(rows) => ItemRows::F16(rows.into()),
        }
    }
}

impl ItemRows {
    /// Some rows in f32, either in place or copied to `buffer`, whose length is
    /// the rows' number times their width.
    pub(crate) fn get<'a>(&'a self, rows: Rows, buffer: &'a mut [f32]) -> &'a [f32] {
        let width = buffer.len() / rows.len().max(1);
        match (self, rows) {
            (Self::F32(all), Rows::From(first, count)) => {
                return &all[first * width..][..count * width];
            }
            (Self::F32(all), Rows::Listed(rows)) => gather_rows(all, rows, buffer),
            (Self::F16(all), Rows::From(first, count)) => {
                widen(&all[first * width..][..count * width], buffer);
            }
            (Self::F16(all), Rows::Listed(rows)) => widen_rows(all, rows, buffer),
        }
        buffer
    }
}

fn longer<T: Copy>(rows: &[T], more: usize) -> memory::Result<Vec<T>> {
    let mut longer = memory::reserved(rows.len().saturating_add(more))?;
    prefer_large_pages(longer.spare_capacity_mut());
    longer.extend_from_slice(rows);
    Ok(longer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_halves_take_half_the_memory() {
        let row = |item: usize| [item as f32, -0.5, 1.0 / (1 + item) as f32];
        for (data_type, size, error) in [(DataType::F32, 4, 0.0), (DataType::F16, 2, 1.0 / 2048.0)]
        {
            let mut rows = RowsBuilder::new(data_type, 30).unwrap();
            (0..10).for_each(|item| rows.push(&row(item)).unwrap());
            let mut rows = RowsBuilder::copy_of(&rows.finish(), 15).unwrap();
            (10..15).for_each(|item| rows.push(&row(item)).unwrap());
            let bytes = match &rows {
                RowsBuilder::F32(rows) => 4 * rows.capacity(),
                RowsBuilder::F16(rows) => 2 * rows.capacity(),
            };
            assert_eq!(bytes, 45 * size);
            let rows = rows.finish();
            assert_eq!(rows.data_type(), data_type);
            let mut buffer = [f32::NAN; 9];
            for (asked, items) in
                [(Rows::From(9, 3), [9, 10, 11]), (Rows::Listed(&[14, 0, 14]), [14, 0, 14])]
            {
                let found = rows.get(asked, &mut buffer);
                for (found, expected) in found.iter().zip(items.iter().flat_map(|i| row(*i))) {
                    assert!((found - expected).abs() <= error * expected.abs());
                }
                assert_eq!(found.len(), 9);
            }
            assert!(rows.get(Rows::Listed(&[]), &mut []).is_empty());
        }
        let mut rows = RowsBuilder::new(DataType::F16, 3).unwrap();
        assert_eq!(rows.push(&[1.0, -65_520.0, 1e9]), Err(-65_520.0));
    }
}
