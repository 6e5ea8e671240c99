//! Symmetric matrices in double precision, and their Cholesky factors.
//!
//! Both are `order * order` numbers, row-major and without gaps, of which only the upper
//! triangle counts: what stands below the diagonal means nothing, and a type says which of the
//! two a square of numbers is. The types borrow the numbers, so that callers decide where
//! these live; nothing here allocates. A slice that does not have `order * order` numbers
//! panics, so callers take both from one place.

use super::cholesky;

/// A symmetric matrix, by its upper triangle.
#[derive(Debug)]
pub struct Symmetric<'a> {
    numbers: &'a mut [f64],
    order: usize,
}

impl<'a> Symmetric<'a> {
    /// The matrix whose upper triangle these numbers have.
    pub fn new(numbers: &'a mut [f64], order: usize) -> Self {
        assert!(numbers.len() == order * order, "a matrix must be square");
        Self { numbers, order }
    }

    /// Adds `rows^T rows`; `rows` are as wide as the matrix, one after another.
    pub fn add_squares(&mut self, rows: &[f64]) {
        cholesky::add_squares(self.numbers, self.order, rows);
    }

    /// Becomes `rows rows^T`, for as many rows, of `width` numbers, as the matrix has.
    pub fn set_products(&mut self, rows: &[f64], width: usize) {
        assert!(rows.len() == self.order * width, "there must be a row for each of the matrix");
        cholesky::products(rows, width, self.numbers);
    }

    /// Adds 1 to each number on the diagonal.
    pub fn add_identity(&mut self) {
        self.numbers.iter_mut().step_by(self.order + 1).for_each(|element| *element += 1.0);
    }

    /// Replaces the matrix by its factor. `None` if it is not positive definite, or not
    /// finite; its numbers are then of no use.
    pub fn factorise(self) -> Option<Factor<'a>> {
        let Self { numbers, order } = self;
        cholesky::factorise(numbers, order).then_some(Factor { numbers, order })
    }
}

/// The upper triangular U with `U^T U = A`, of a symmetric positive definite matrix A.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a> {
    numbers: &'a [f64],
    order: usize,
}

impl<'a> Factor<'a> {
    /// The factor that [`Symmetric::factorise`] left in these numbers.
    pub fn left_in(numbers: &'a [f64], order: usize) -> Self {
        assert!(numbers.len() == order * order, "a factor must be square");
        Self { numbers, order }
    }

    /// Replaces the right side of `A x = b` by x.
    pub fn solve(self, x: &mut [f64]) {
        self.solve_lower(x);
        cholesky::solve_upper(self.numbers, self.order, x);
    }

    /// Replaces the right side of `U^T x = b` by x.
    pub fn solve_lower(self, x: &mut [f64]) {
        cholesky::solve_lower(self.numbers, self.order, x);
    }

    /// Writes the inverse of A, all of it; `work` and `inverse` are as large as the factor.
    pub fn invert(self, work: &mut [f64], inverse: &mut [f64]) {
        work.copy_from_slice(self.numbers);
        cholesky::invert(work, self.order, inverse);
    }
}
