//! Right factors of products, laid out for the tiles that read them.

use std::ops::Range;

use super::aligned::Aligned;
use super::level::Level;
use super::matrix::Matrix;
use super::simd::{Kernel, MAX_LANES, Simd, TRANSPOSED};
use crate::memory;

/// A right factor that many products use, in panels as wide as a tile: each has
/// all rows, one after another, padded with zeros to whole vectors.
///
/// A single column is not padded.
#[derive(Clone, Debug)]
pub struct Packed {
    level: Level,
    rows: usize,
    columns: usize,
    numbers: Aligned,
}

impl Packed {
    /// A matrix [rows, columns] of zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(rows: usize, columns: usize) -> memory::Result<Self> {
        Self::for_level(Level::current(), rows, columns)
    }

    pub(super) fn for_level(level: Level, rows: usize, columns: usize) -> memory::Result<Self> {
        let numbers = match columns {
            1 => rows,
            _ => rows.saturating_mul(columns.next_multiple_of(MAX_LANES)),
        };
        Ok(Self { level, rows, columns, numbers: Aligned::zeros(numbers)? })
    }

    /// Copies a matrix of the same shape.
    pub fn pack(&mut self, matrix: Matrix) {
        assert!(
            (matrix.rows, matrix.columns) == (self.rows, self.columns),
            "a matrix must have the shape that room was made for"
        );
        self.level.run(Pack { matrix, to: self });
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Everything, padding and all.
    #[inline(always)]
    pub(super) fn numbers(&self) -> &[f32] {
        &self.numbers
    }
}

struct Pack<'a> {
    matrix: Matrix<'a>,
    to: &'a mut Packed,
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { matrix, to } = self;
        let (rows, columns) = (matrix.rows, matrix.columns);
        let numbers = to.numbers.as_mut_ptr();
        if columns == 1 {
            for row in 0..rows {
                // SAFETY: there is room for a number a row.
                unsafe { *numbers.add(row) = matrix.data[row * matrix.row_stride] };
            }
            return;
        }
        let panel = S::LANES * S::TILE_VECTORS;
        for first in (0..columns).step_by(panel) {
            let width = panel.min(columns - first);
            // SAFETY: the panels before this one are full, so that it begins at
            // `first * rows`, and the room is for all columns, padded to
            // MAX_LANES, which LANES divides.
            unsafe {
                let to = numbers.add(first * rows);
                pack_panel(simd, matrix, 0..rows, first..first + width, to);
            }
        }
    }
}

/// The number of vectors that cover `columns` columns.
#[inline(always)]
pub fn vectors<S: Simd>(columns: usize) -> usize {
    columns.div_ceil(S::LANES)
}

/// Writes some rows of some columns one after another, each padded with zeros
/// to whole vectors.
///
/// # Safety
/// There is room for them at `to`, and the rows and columns are the matrix's.
#[inline(always)]
pub unsafe fn pack_panel<S: Simd>(
    simd: S,
    matrix: Matrix,
    rows: Range<usize>,
    columns: Range<usize>,
    to: *mut f32,
) {
    let Matrix { row_stride, column_stride, .. } = matrix;
    let padded = vectors::<S>(columns.len()) * S::LANES;
    let (height, width) = (rows.len(), columns.len());
    if height == 0 || width == 0 {
        return;
    }
    let from =
        matrix.data.as_ptr().wrapping_add(rows.start * row_stride + columns.start * column_stride);
    // SAFETY: an element (row, column) of the panel lies inside the matrix for
    // `row < height` and `column < width`, and inside the room for `column <
    // padded`, which both loops and the squares of the transpose keep to.
    unsafe {
        // The part that squares can transpose.
        let (mut squares_down, mut squares_across) = (0, 0);
        if row_stride == 1 {
            squares_down = height - height % TRANSPOSED;
            squares_across = width - width % TRANSPOSED;
            for column in (0..squares_across).step_by(TRANSPOSED) {
                for row in (0..squares_down).step_by(TRANSPOSED) {
                    let from = from.add(row + column * column_stride);
                    simd.transpose(from, column_stride, to.add(row * padded + column), padded);
                }
            }
        }
        for row in 0..height {
            let to = to.add(row * padded);
            let from = from.add(row * row_stride);
            let first = if row < squares_down { squares_across } else { 0 };
            if column_stride == 1 {
                std::ptr::copy_nonoverlapping(from, to, width);
            } else {
                for column in first..width {
                    *to.add(column) = *from.add(column * column_stride);
                }
            }
            for column in width..padded {
                *to.add(column) = 0.0;
            }
        }
    }
}
