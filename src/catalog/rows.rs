//! The catalogue's rows in single or half precision.

use crate::catalog::blocks::Rows;
use crate::kernels::{gather_rows, narrow, prefer_large_pages, widen, widen_rows};
use crate::model::config::Precision;
use crate::{Error, Result};

/// Each item's features, [items,
/// [`Config::feature_width`](crate::model::config::Config::feature_width)].
#[derive(Debug)]
pub enum ItemRows {
    /// Single precision.
    Single(Vec<f32>),
    /// Half precision: the bits of the halves nearest to the numbers.
    Half(Vec<u16>),
}

impl ItemRows {
    /// No rows.
    pub fn new(precision: Precision) -> Self {
        match precision {
            Precision::Single => Self::Single(Vec::new()),
            Precision::Half => Self::Half(Vec::new()),
        }
    }

    /// The precision of the numbers.
    pub fn precision(&self) -> Precision {
        match self {
            Self::Single(_) => Precision::Single,
            Self::Half(_) => Precision::Half,
        }
    }

    /// A copy with capacity for so many more numbers.
    pub fn copy_with_capacity(&self, numbers: usize) -> Result<Self> {
        Ok(match self {
            Self::Single(rows) => Self::Single(longer(rows, numbers)?),
            Self::Half(rows) => Self::Half(longer(rows, numbers)?),
        })
    }

    /// Adds a row. Fails with the first of its numbers that exceeds the precision's range,
    /// and then leaves the rows unusable.
    pub fn push(&mut self, row: &[f32]) -> Result<(), f32> {
        match self {
            Self::Single(rows) => rows.extend_from_slice(row),
            Self::Half(rows) => {
                for &number in row {
                    rows.push(narrow(number).ok_or(number)?);
                }
            }
        }
        Ok(())
    }

    /// Some rows in single precision, either in place or copied to `buffer`, whose length is
    /// the rows' number times their width.
    pub fn get<'a>(&'a self, rows: Rows, buffer: &'a mut [f32]) -> &'a [f32] {
        let width = buffer.len() / rows.len().max(1);
        match (self, rows) {
            (Self::Single(all), Rows::From(first, count)) => {
                return &all[first * width..][..count * width];
            }
            (Self::Single(all), Rows::Listed(rows)) => gather_rows(all, rows, buffer),
            (Self::Half(all), Rows::From(first, count)) => {
                widen(&all[first * width..][..count * width], buffer);
            }
            (Self::Half(all), Rows::Listed(rows)) => widen_rows(all, rows, buffer),
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
            ItemRows::Single(rows) => size_of_val(&rows[..]) + 4 * (rows.capacity() - rows.len()),
            ItemRows::Half(rows) => size_of_val(&rows[..]) + 2 * (rows.capacity() - rows.len()),
        }
    }

    #[test]
    fn rows_come_back_and_halves_take_half_the_memory() {
        let row = |item: usize| [item as f32, -0.5, 1.0 / (1 + item) as f32];
        for (precision, size, error) in
            [(Precision::Single, 4, 0.0), (Precision::Half, 2, 1.0 / 2048.0)]
        {
            let mut rows = ItemRows::new(precision).copy_with_capacity(30).unwrap();
            (0..10).for_each(|item| rows.push(&row(item)).unwrap());
            let mut rows = rows.copy_with_capacity(15).unwrap();
            (10..15).for_each(|item| rows.push(&row(item)).unwrap());
            assert_eq!(rows.precision(), precision);
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
        let mut rows = ItemRows::new(Precision::Half);
        assert_eq!(rows.push(&[1.0, -65_520.0, 1e9]), Err(-65_520.0));
    }
}
