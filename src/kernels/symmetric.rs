//! Symmetric matrices in double precision, and their Cholesky factors.
//!
//! Both are rows of numbers, without gaps or [`padded`], of which only the upper
//! triangle counts: what stands below the diagonal means nothing, and a type says which of the
//! two a square of numbers is. The types borrow the numbers, so that callers decide where
//! these live; nothing here allocates. A slice that does not have all the rows panics, so
//! callers take both from one place.

use super::regression::{self, padded};
use super::{cholesky, substitution};

/// A symmetric matrix, by its upper triangle.
#[derive(Debug)]
pub struct Symmetric<'a> {
    numbers: &'a mut [f64],
    order: usize,
    /// The distance of two rows.
    stride: usize,
}

impl<'a> Symmetric<'a> {
    /// The matrix whose upper triangle these numbers have, in rows without gaps.
    #[cfg(any(feature = "train", test))]
    pub fn new(numbers: &'a mut [f64], order: usize) -> Self {
        assert!(numbers.len() == order * order, "a matrix must be square");
        Self { numbers, order, stride: order }
    }

    /// The matrix whose upper triangle the first of these numbers have, in [`padded`] rows.
    pub fn in_padded(numbers: &'a mut [f64], order: usize) -> Self {
        let stride = padded(order);
        Self { numbers: &mut numbers[..order * stride], order, stride }
    }

    /// Adds `rows^T rows`; rows are as long as the matrix's.
    pub fn add_squares(&mut self, rows: &[f64]) {
        cholesky::add_squares(self.numbers, self.order, self.stride, rows, false);
    }

    /// Becomes `rows^T rows`; rows are as long as the matrix's.
    pub fn set_squares(&mut self, rows: &[f64]) {
        cholesky::add_squares(self.numbers, self.order, self.stride, rows, true);
    }

    /// Becomes `rows rows^T`, for as many rows as the matrix has; they lie `stride` numbers
    /// apart, and both they and those of the matrix are padded.
    pub fn set_products(&mut self, rows: &[f64], stride: usize) {
        assert!(self.stride == padded(self.order), "rows must be padded");
        regression::products(rows, stride, self.order, self.numbers);
    }

    /// Adds 1 to each number on the diagonal.
    pub fn add_identity(&mut self) {
        let diagonal = self.numbers.iter_mut().step_by(self.stride + 1).take(self.order);
        diagonal.for_each(|element| *element += 1.0);
    }

    /// Replaces the matrix by its factor. `None` if it is not positive definite, or not
    /// finite; its numbers are then of no use.
    pub fn factorise(self) -> Option<Factor<'a>> {
        let Self { numbers, order, stride } = self;
        let done = cholesky::factorise(numbers, order, stride);
        done.then_some(Factor { numbers, order, stride })
    }
}

/// The upper triangular U with `U^T U = A`, of a symmetric positive definite matrix A.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a> {
    numbers: &'a [f64],
    order: usize,
    stride: usize,
}

impl<'a> Factor<'a> {
    /// The factor that [`Symmetric::factorise`] left in these numbers, in rows without gaps.
    #[cfg(feature = "train")]
    pub fn left_in(numbers: &'a [f64], order: usize) -> Self {
        assert!(numbers.len() == order * order, "a factor must be square");
        Self { numbers, order, stride: order }
    }

    /// The factor that [`Symmetric::factorise`] left in the first of these numbers, in padded
    /// rows.
    pub fn left_in_padded(numbers: &'a [f64], order: usize) -> Self {
        let stride = padded(order);
        Self { numbers: &numbers[..order * stride], order, stride }
    }

    /// Replaces the right side of `A x = b` by x.
    pub fn solve(self, x: &mut [f64]) {
        self.solve_lower(x);
        substitution::solve_upper(self.numbers, self.order, self.stride, x);
    }

    /// Replaces the right side of `U^T x = b` by x.
    pub fn solve_lower(self, x: &mut [f64]) {
        substitution::solve_lower(self.numbers, self.order, self.stride, x);
    }

    /// Replaces each column of the right side of `U^T X = B`, of which rows are `columns`
    /// numbers, padded.
    pub fn solve_lower_columns(self, x: &mut [f64], columns: usize) {
        substitution::solve_lower_columns(self.numbers, self.order, self.stride, x, columns);
    }

    /// Writes the inverse of A, all of it, in rows without gaps; `work` and `inverse` are as
    /// large.
    pub fn invert(self, work: &mut [f64], inverse: &mut [f64]) {
        let rows = self.numbers.chunks_exact(self.stride.max(1));
        for (to, row) in work.chunks_exact_mut(self.order.max(1)).zip(rows) {
            to.copy_from_slice(&row[..self.order]);
        }
        cholesky::invert(work, self.order, inverse);
    }
}
