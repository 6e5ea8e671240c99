//! Products of matrices, tile by tile.
//!
//! An element of a product is one sum, whose terms are added in the order of `k`, at any
//! place in a tile: its bits depend neither on the matrix's shape nor on the place of its
//! row. A product of one column is a dot product for each row instead, in an order that
//! depends on `k` alone.

use std::mem::MaybeUninit;

use super::level::Level;
use super::matrix::{Matrix, MatrixMut};
use super::pack::{Packed, pack_panel, vectors};
use super::passes::dot_of;
use super::simd::{Kernel, MAX_LANES, MAX_TILE_VECTORS, Simd};

/// Rows of a tile, and of one that is at most half as wide as it may be.
const TILE_ROWS: usize = 6;
const TALL_TILE_ROWS: usize = 8;

/// Rows of the smallest tile whose sums keep the processor busy.
const MIN_ROWS: usize = 4;

/// Rows of the fallback's tiles, beside those of one row.
const FALLBACK_TILE_ROWS: usize = 4;

/// How many rows of `b` are packed on the stack at once: 4 KB of them, as callers may have small
/// stacks. Sums are the same bits for any number.
const STACK_ROWS: usize = 16;

/// The number of terms, a cache line, after which the next rows of `a` are prefetched.
const PREFETCHED: usize = 16;

/// How many rows of `a` ahead they are.
const ROWS_AHEAD: usize = 24;

/// The values to which a product is added.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Zeros: the result's old values do not matter.
    Zero,
    /// The values that the result already holds.
    Kept,
    /// This row, in each row.
    Row(&'a [f32]),
    /// This matrix, whose rows have no gaps between their numbers.
    Matrix(Matrix<'a>),
}

/// `c = a * b`, added to `start`.
pub fn gemm(a: Matrix, b: Matrix, start: Start, c: MatrixMut) {
    multiply(Level::current(), a, Right::Matrix(b), start, false, c);
}

/// A layer: `c = a * b + bias`, with negative values set to 0 if `rectified`.
pub fn layer(a: Matrix, b: &Packed, bias: &[f32], rectified: bool, c: MatrixMut) {
    multiply(Level::current(), a, Right::Packed(b), Start::Row(bias), rectified, c);
}

/// The right factor.
#[derive(Clone, Copy, Debug)]
enum Right<'a> {
    Matrix(Matrix<'a>),
    /// Packed for the level that multiplies.
    Packed(&'a Packed),
}

fn multiply(level: Level, a: Matrix, b: Right, start: Start, rectified: bool, c: MatrixMut) {
    let (rows, columns) = match b {
        Right::Matrix(b) => (b.rows, b.columns),
        Right::Packed(b) => (b.rows(), b.columns()),
    };
    let start_fits = match start {
        Start::Zero | Start::Kept => true,
        Start::Row(row) => row.len() == c.columns,
        Start::Matrix(start) => {
            (start.rows, start.columns, start.column_stride) == (c.rows, c.columns, 1)
        }
    };
    assert!(
        a.rows == c.rows && columns == c.columns && a.columns == rows && start_fits,
        "the shapes of a product must agree"
    );
    if let Right::Packed(b) = b {
        assert!(b.level() == level, "a matrix must be packed for the level that multiplies");
        assert!(a.column_stride == 1, "a layer's inputs must lie row by row");
    }
    if c.rows > 0 && c.columns > 0 {
        level.run(Multiply { a, b, start, rectified, c });
    }
}

/// A product whose shapes agree and that is not empty.
struct Multiply<'a, 'b> {
    a: Matrix<'a>,
    b: Right<'a>,
    start: Start<'a>,
    rectified: bool,
    c: MatrixMut<'b>,
}

impl Kernel for Multiply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { a, b, start, rectified, c } = self;
        let (m, k, n) = (c.rows, a.columns, c.columns);
        let to = c.data.as_mut_ptr();
        let (start, start_row) = match start {
            Start::Zero => (std::ptr::null(), 0),
            Start::Kept => (to.cast_const(), c.row_stride),
            Start::Row(row) => (row.as_ptr(), 0),
            Start::Matrix(matrix) => (matrix.data.as_ptr(), matrix.row_stride),
        };
        let column = match b {
            Right::Packed(b) if n == 1 => Some(b.numbers()),
            Right::Matrix(b) if n == 1 && b.row_stride == 1 => Some(&b.data[..k]),
            _ => None,
        };
        if let (Some(column), 1) = (column, a.column_stride) {
            for row in 0..m {
                let left = if k == 0 { &[] } else { &a.data[row * a.row_stride..][..k] };
                let sum = dot_of(simd, left, column);
                // SAFETY: the view vouches for one number in each row of `c`, and
                // `start` for as much where it is not null.
                unsafe {
                    let start = match start.is_null() {
                        true => 0.0,
                        false => *start.add(row * start_row),
                    };
                    let sum = start + sum;
                    *to.add(row * c.row_stride) = if rectified { sum.max(0.0) } else { sum };
                }
            }
            return;
        }

        let lanes = S::LANES;
        let mut stack = Stack(MaybeUninit::uninit());
        let panel = lanes * S::TILE_VECTORS;
        for first in (0..n).step_by(panel) {
            let width = panel.min(n - first);
            let vectors = vectors::<S>(width);
            let padded = vectors * lanes;
            let mut done = 0;
            loop {
                // Rows `done..done + terms` of this panel's columns of `b`.
                let (from, stride, terms) = match b {
                    // SAFETY: a packed matrix holds its panels one after another,
                    // `k` rows each; those before this one are all of full width.
                    Right::Packed(b) => (unsafe { b.numbers().as_ptr().add(first * k) }, padded, k),
                    // Whole vectors can be read where they lie.
                    Right::Matrix(b) if b.column_stride == 1 && width == padded => {
                        (b.data.as_ptr().wrapping_add(first), b.row_stride, k)
                    }
                    Right::Matrix(b) => {
                        let terms = STACK_ROWS.min(k - done);
                        let to = stack.0.as_mut_ptr().cast::<f32>();
                        // SAFETY: at most STACK_ROWS rows of at most MAX_LANES *
                        // MAX_TILE_VECTORS numbers are written; rows and columns
                        // are the matrix's.
                        unsafe {
                            pack_panel(simd, b, done..done + terms, first..first + width, to)
                        };
                        (to.cast_const(), padded, terms)
                    }
                };
                let (start, start_row) = match done {
                    0 => (start, start_row),
                    _ => (to.cast_const(), c.row_stride),
                };
                let tile = Tile {
                    a: a.data.as_ptr().wrapping_add(done * a.column_stride),
                    a_row: a.row_stride,
                    a_column: a.column_stride,
                    terms,
                    b: from,
                    b_row: stride,
                    start: if start.is_null() { start } else { start.wrapping_add(first) },
                    start_row,
                    c: to.wrapping_add(first),
                    c_row: c.row_stride,
                    last: width - (vectors - 1) * lanes,
                    rectified: rectified && done + terms == k,
                };
                // SAFETY: the views vouch for `m` rows of `a` and `c` (and of
                // `start`, whose shape is `c`'s or one row with a stride of 0),
                // the panel for `terms` rows of whole vectors, and `vectors` is
                // what covers its columns, the last of them by `last`.
                unsafe {
                    match vectors {
                        1 => tile.all_rows::<S, 1>(simd, m),
                        2 => tile.all_rows::<S, 2>(simd, m),
                        3 => tile.all_rows::<S, 3>(simd, m),
                        _ => tile.all_rows::<S, 4>(simd, m),
                    }
                }
                done += terms;
                if done >= k {
                    break;
                }
            }
        }
    }
}

/// Memory for a panel of `b`.
#[repr(align(64))]
struct Stack(MaybeUninit<[f32; STACK_ROWS * MAX_LANES * MAX_TILE_VECTORS]>);

/// A panel of a product; `a`, `start` and `c` point to where it begins.
#[derive(Clone, Copy)]
struct Tile {
    a: *const f32,
    a_row: usize,
    a_column: usize,
    /// How many products an element sums.
    terms: usize,
    b: *const f32,
    b_row: usize,
    /// Null for zeros.
    start: *const f32,
    start_row: usize,
    c: *mut f32,
    c_row: usize,
    /// How many lanes of the last vector are columns of `c`.
    last: usize,
    rectified: bool,
}

impl Tile {
    /// # Safety
    /// That of [`Tile::rows`], for `rows` rows.
    #[inline(always)]
    unsafe fn all_rows<S: Simd, const VECTORS: usize>(mut self, simd: S, rows: usize) {
        if VECTORS > S::TILE_VECTORS {
            return;
        }
        let mut left = rows;
        // SAFETY: each call takes at most the rows that are left, and moves on
        // behind them.
        unsafe {
            if S::IS_FALLBACK {
                while left >= FALLBACK_TILE_ROWS {
                    self.rows::<S, FALLBACK_TILE_ROWS, VECTORS>(simd);
                    left -= FALLBACK_TILE_ROWS;
                }
                while left > 0 {
                    self.rows::<S, 1, VECTORS>(simd);
                    left -= 1;
                }
                return;
            }
            if 2 * VECTORS <= S::TILE_VECTORS {
                while left >= TALL_TILE_ROWS {
                    self.rows::<S, TALL_TILE_ROWS, VECTORS>(simd);
                    left -= TALL_TILE_ROWS;
                }
            }
            // Narrow tiles of fewer rows do not keep the processor busy. Where so few would be
            // left, these go first, so that two or three more are left at the end.
            let few = left > TILE_ROWS && (1..MIN_ROWS).contains(&(left % TILE_ROWS));
            if S::TILE_VECTORS <= 2 && few {
                self.rows::<S, MIN_ROWS, VECTORS>(simd);
                left -= MIN_ROWS;
            }
            while left >= TILE_ROWS {
                self.rows::<S, TILE_ROWS, VECTORS>(simd);
                left -= TILE_ROWS;
            }
            match left {
                5 => self.rows::<S, 5, VECTORS>(simd),
                4 => self.rows::<S, 4, VECTORS>(simd),
                3 => self.rows::<S, 3, VECTORS>(simd),
                2 => self.rows::<S, 2, VECTORS>(simd),
                1 => self.rows::<S, 1, VECTORS>(simd),
                _ => {}
            }
        }
    }

    /// Computes some rows, and moves on to those after them.
    ///
    /// # Safety
    /// `a` has `ROWS` rows of `terms` numbers, `b` has `terms` rows of `VECTORS`
    /// vectors, and `c` has `ROWS` rows of `VECTORS` vectors, the last one
    /// of `last` numbers; so has `start` if it is not null.
    #[inline(always)]
    unsafe fn rows<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S) {
        let Self { a, a_row, a_column, terms, b, b_row, start, start_row, c, c_row, .. } = *self;
        let Self { last, rectified, .. } = *self;
        let lanes = S::LANES;
        let mut sums = [[simd.splat(0.0); VECTORS]; ROWS];
        // SAFETY: all addresses are inside the rows and vectors that the caller
        // vouches for; those that are only prefetched may lie anywhere.
        unsafe {
            if !start.is_null() {
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        let from = start.add(row * start_row + vector * lanes);
                        let count = if vector + 1 == VECTORS { last } else { lanes };
                        *sum = simd.load_up_to(from, count);
                    }
                }
            }
            // With few terms nothing would arrive in time.
            let rows_asked_for = if terms < PREFETCHED { 0 } else { ROWS };
            let mut term = 0;
            while term < terms {
                let end = terms.min(term + PREFETCHED);
                for row in 0..rows_asked_for {
                    let ahead = (row + ROWS_AHEAD) * a_row + term * a_column;
                    simd.prefetch(a.wrapping_add(ahead));
                }
                while term < end {
                    let mut right = [simd.splat(0.0); VECTORS];
                    for (vector, right) in right.iter_mut().enumerate() {
                        *right = simd.load(b.add(term * b_row + vector * lanes));
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = simd.splat(*a.add(row * a_row + term * a_column));
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = simd.multiply_add(left, right, *sum);
                        }
                    }
                    term += 1;
                }
            }
            if rectified {
                for sum in sums.as_flattened_mut() {
                    *sum = simd.rectify(*sum);
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (vector, sum) in sums.into_iter().enumerate() {
                    let count = if vector + 1 == VECTORS { last } else { lanes };
                    simd.store_up_to(c.add(row * c_row + vector * lanes), sum, count);
                }
            }
        }
        self.a = a.wrapping_add(ROWS * a_row);
        self.c = c.wrapping_add(ROWS * c_row);
        if !start.is_null() {
            self.start = start.wrapping_add(ROWS * start_row);
        }
    }
}

#[cfg(test)]
mod tests;
