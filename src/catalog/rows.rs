//! The catalogue's rows in f32 or f16.

use crate::catalog::blocks::Rows;
use crate::kernels::{gather_rows, narrow, prefer_large_pages, widen, widen_rows};
use crate::model::config::DataType;
use crate::{Error, Result};

/// Each item's features, [items,
/// [`Config::feature_width`](crate::model::config::Config::feature_width)].
#[derive(Debug)]
pub enum ItemRows {
    /// Four bytes a number.
    F32(Vec<f32>),
    /// Two bytes a number: the bits of the halves nearest to the numbers.
    F16(Vec<u16>),
}

impl ItemRows {
    /// No rows.
    pub fn new(data_type: DataType) -> Self {
        match data_type {
            DataType::F32 => Self::F32(Vec::new()),
            DataType::F16 => Self::F16(Vec::new()),
        }
    }

    /// The data_type of the numbers.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::F32(_) => DataType::F32,
            Self::F16(_) => DataType::F16,
        }
    }

    /// A copy with capacity for so many more numbers.
    pub fn copy_with_capacity(&self, numbers: usize) -> Result<Self> {
        Ok(match self {
            Self::F32(rows) => Self::F32(longer(rows, numbers)?),
            Self::F16(rows) => Self::F16(longer(rows, numbers)?),
        })
    }

    /// Adds a row. Fails with the first of its numbers that exceeds the data_type's range,
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

    /// Some rows in f32, either in place or copied to `buffer`, whose length is
    /// the rows' number times their width.
    pub fn get<'a>(&'a self, rows: Rows, buffer: &'a mut [f32]) -> &'a [f32] {
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

fn longer<T: Copy>(rows: &[T], more: usize) -> Result<Vec<T>> {
    let size = rows.len().saturating_add(more);
    let mut longer = Vec::new();
    let refuse = Error::out_of_memory::<T>("the catalogue's rows", size);
    longer.try_reserve_exact(size).map_err(refuse)?;
    prefer_large_pages(longer.spare_capacity_mut());
    longer.extend_from_slice(rows);
    Ok(longer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes of the heap the rows take.
    fn bytes(rows: &ItemRows) -> usize {
        match rows {
            ItemRows::F32(rows) => size_of_val(&rows[..]) + 4 * (rows.capacity() - rows.len()),
            ItemRows::F16(rows) => size_of_val(&rows[..]) + 2 * (rows.capacity() - rows.len()),
        }
    }

    #[test]
    fn rows_come_back_and_halves_take_half_the_memory() {
        let row = |item: usize| [item as f32, -0.5, 1.0 / (1 + item) as f32];
        for (data_type, size, error) in [(DataType::F32, 4, 0.0), (DataType::F16, 2, 1.0 / 2048.0)]
        {
            let mut rows = ItemRows::new(data_type).copy_with_capacity(30).unwrap();
            (0..10).for_each(|item| rows.push(&row(item)).unwrap());
            let mut rows = rows.copy_with_capacity(15).unwrap();
            (10..15).for_each(|item| rows.push(&row(item)).unwrap());
            assert_eq!(rows.data_type(), data_type);
            assert_eq!(bytes(&rows), 45 * size);
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
        let mut rows = ItemRows::new(DataType::F16);
        assert_eq!(rows.push(&[1.0, -65_520.0, 1e9]), Err(-65_520.0));
    }
}
