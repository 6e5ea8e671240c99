//! Bayesian linear regression in closed form, for one user after another.
//!
//! Weights are independent and normal around 0, in units of their prior standard deviations;
//! an answer is normal around the product of its row and the weights, in units of its own
//! standard deviation. With the rows `A`, the posterior precision is `A^T A + I` (ridge
//! regression; Bishop 2006, section 3.3). With fewer answers than weights, the mean is found
//! among the answers instead, as `A^T (A A^T + I)^-1` times the residuals (section 6.1), and
//! the precision is not needed for it.

use crate::catalog::blocks::BLOCK;
use crate::kernels::{Aligned, Factor, Symmetric, add_weighted_rows, padded, products_between};
use crate::memory;

/// The most rows whose variances are computed at once.
pub const VARIANCES: usize = 32;

/// The regression of one user at a time; only [`RidgeSolver::new`] allocates.
///
/// Call [`RidgeSolver::begin`], then for each block of answers [`RidgeSolver::rows_mut`] and
/// [`RidgeSolver::take`], then [`RidgeSolver::solve`]. Rows are [`RidgeSolver::stride`]
/// numbers, with zeros after their own.
#[derive(Clone, Debug)]
pub struct RidgeSolver {
    width: usize,
    /// The answers' rows, [BLOCK, stride]: all of them while `few`, else those of a block.
    rows: Aligned<f64>,
    /// The difference of each answer from its prior mean.
    residuals: Aligned<f64>,
    /// The number of rows taken.
    taken: usize,
    /// Whether the mean is found among the answers, as they are few.
    few: bool,
    /// The factor of the matrix that `factorised` names; until then the precision as far as
    /// answers were taken, unless they are few. Upper triangles in rows of `stride` numbers.
    matrix: Aligned<f64>,
    factorised: Factorised,
    /// The posterior mean, and zeros up to `stride`.
    mean: Aligned<f64>,
    /// The rows whose variances are computed, [VARIANCES, stride].
    asked: Aligned<f64>,
    /// Their columns of the right sides, [most of answers and width, VARIANCES].
    columns: Aligned<f64>,
}

/// The matrix that was factorised last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factorised {
    None,
    /// `A A^T + I`, [taken, taken].
    OfAnswers,
    /// `A^T A + I`, [width, width].
    OfPrecision,
}

impl RidgeSolver {
    /// A solver for `width` weights.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(width: usize) -> memory::Result<Self> {
        let stride = padded(width);
        let mut solver = Self {
            width,
            rows: Aligned::zeros(BLOCK * stride)?,
            residuals: Aligned::zeros(BLOCK)?,
            taken: 0,
            few: true,
            matrix: Aligned::zeros(stride * stride)?,
            factorised: Factorised::None,
            mean: Aligned::zeros(stride)?,
            asked: Aligned::zeros(VARIANCES * stride)?,
            columns: Aligned::zeros(stride * VARIANCES)?,
        };
        solver.begin(0);
        Ok(solver)
    }

    /// The length of a row.
    pub fn stride(&self) -> usize {
        self.mean.len()
    }

    /// Forgets the last user, and begins with one with so many answers.
    pub fn begin(&mut self, answers: usize) {
        self.taken = 0;
        self.factorised = Factorised::None;
        self.few = answers < self.width.min(BLOCK + 1);
        self.mean.fill(0.0);
    }

    /// The rows of the next block of answers, [BLOCK, stride], and their residuals, to be
    /// written.
    pub fn rows_mut(&mut self) -> (&mut [f64], &mut [f64]) {
        (&mut self.rows, &mut self.residuals)
    }

    /// Adds the first `rows` rows of the block. All blocks but the last must be full.
    pub fn take(&mut self, rows: usize) {
        let is_first = self.taken == 0;
        self.taken = if self.few { rows } else { self.taken + rows };
        if !self.few {
            let stride = self.stride();
            let block = &self.rows[..rows * stride];
            let mut precision = Symmetric::in_padded(&mut self.matrix, self.width);
            match is_first {
                true => precision.set_squares(block),
                false => precision.add_squares(block),
            }
            add_weighted_rows(&mut self.mean, &self.residuals[..rows], block);
        }
    }

    /// Finds the posterior mean. Returns `false` if the numbers exceed the range of floats.
    pub fn solve(&mut self) -> bool {
        if !self.few {
            let solved = self.factorise_precision();
            if solved {
                Factor::left_in_padded(&self.matrix, self.width).solve(&mut self.mean);
            }
            return solved;
        }
        let (stride, answers) = (self.stride(), self.taken);
        let rows = &self.rows[..answers * stride];
        let mut products = Symmetric::in_padded(&mut self.matrix, answers);
        products.set_products(rows, stride);
        products.add_identity();
        let Some(factor) = products.factorise() else { return false };
        self.factorised = Factorised::OfAnswers;
        factor.solve(&mut self.residuals[..answers]);
        add_weighted_rows(&mut self.mean, &self.residuals[..answers], rows);
        true
    }

    /// The posterior mean, in units of the prior standard deviations.
    pub fn mean(&self) -> &[f64] {
        &self.mean[..self.width]
    }

    /// The rows for [`RidgeSolver::variances`], [VARIANCES, stride], to be written.
    pub fn asked_mut(&mut self) -> &mut [f64] {
        &mut self.asked
    }

    /// Writes the posterior variances of the products of the first rows of
    /// [`RidgeSolver::asked_mut`] and the weights, as many as there are, after
    /// [`RidgeSolver::solve`]; NaN if the numbers exceed the range of floats.
    pub fn variances(&mut self, variances: &mut [f64]) {
        let (width, stride, answers) = (self.width, self.stride(), self.taken);
        let count = variances.len();
        // A row takes `answers * (width + answers / 2)` steps among the answers, and `width^2 /
        // 2` by the precision, which takes `width^2 * (answers / 2 + width / 6)` before.
        let among = count * answers * (2 * width + answers);
        let by_precision = width * width * (count + answers + width / 3);
        if self.factorised != Factorised::OfPrecision
            && among > by_precision
            && !self.factorise_precision()
        {
            return variances.fill(f64::NAN);
        }
        let asked = &self.asked[..count * stride];
        // Whole vectors of columns.
        let columns = padded(count);
        let of_precision = self.factorised == Factorised::OfPrecision;
        let order = if of_precision { width } else { answers };
        let right = &mut self.columns[..order * columns];
        if of_precision {
            for (place, row) in asked.chunks_exact(stride).enumerate() {
                let column = right.iter_mut().skip(place).step_by(columns);
                column.zip(row).for_each(|(to, number)| *to = *number);
            }
        } else {
            products_between(&self.rows[..answers * stride], asked, stride, columns, right);
        }
        Factor::left_in_padded(&self.matrix, order).solve_lower_columns(right, columns);
        variances.fill(0.0);
        for row in right.chunks_exact(columns) {
            variances.iter_mut().zip(row).for_each(|(sum, number)| *sum += number * number);
        }
        if !of_precision {
            for (variance, row) in variances.iter_mut().zip(asked.chunks_exact(stride)) {
                // Eight sums side by side, so that none waits for the one before.
                let mut sums = [0.0; 8];
                for part in row.chunks_exact(8) {
                    sums.iter_mut().zip(part).for_each(|(sum, number)| *sum += number * number);
                }
                *variance = (sums.iter().sum::<f64>() - *variance).max(0.0);
            }
        }
    }

    /// Writes the posterior covariance, [width, width]; `work` is as large. It does not need
    /// [`RidgeSolver::solve`]. All is NaN if the numbers exceed the range of floats.
    pub fn covariance(&mut self, work: &mut [f64], covariance: &mut [f64]) {
        if self.factorised != Factorised::OfPrecision && !self.factorise_precision() {
            return covariance.fill(f64::NAN);
        }
        Factor::left_in_padded(&self.matrix, self.width).invert(work, covariance);
    }

    /// Factorises the precision. With few answers it is first computed from their rows.
    fn factorise_precision(&mut self) -> bool {
        let stride = self.stride();
        let mut precision = Symmetric::in_padded(&mut self.matrix, self.width);
        if self.few || self.taken == 0 {
            precision.set_squares(&self.rows[..self.taken * stride]);
        }
        precision.add_identity();
        let done = precision.factorise().is_some();
        self.factorised = if done { Factorised::OfPrecision } else { Factorised::None };
        if !done {
            // A later attempt must not succeed with what is left here.
            self.matrix.fill(f64::NAN);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows of `width` numbers, alike but for the share `apart`, with the number 1 for a deviation
    /// as large as the noise's.
    fn rows(count: usize, width: usize, size: f64, apart: f64, seed: u64) -> Vec<Vec<f64>> {
        let number = |row: usize, column: usize| {
            let place = seed.wrapping_add((row * 131 + column) as u64);
            (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / f64::from(1 << 23) - 1.0
        };
        let element = |row: usize, column: usize| {
            size * (number(1000, column) * (1.0 - apart) + number(row, column) * apart)
        };
        (0..count).map(|row| (0..width).map(|column| element(row, column)).collect()).collect()
    }

    fn dot(left: &[f64], right: &[f64]) -> f64 {
        left.iter().zip(right).map(|(a, b)| a * b).sum()
    }

    /// A row times the precision `A^T A + I`.
    fn by_precision(answers: &[Vec<f64>], row: &[f64]) -> Vec<f64> {
        let mut product = row.to_vec();
        for answer in answers {
            let share = dot(answer, row);
            product.iter_mut().zip(answer).for_each(|(sum, number)| *sum += share * number);
        }
        product
    }

    fn solved(answers: &[Vec<f64>], residuals: &[f64], width: usize) -> RidgeSolver {
        let mut solver = RidgeSolver::new(width).unwrap();
        let stride = solver.stride();
        // What another user left must not matter.
        solver.matrix.fill(f64::NAN);
        solver.begin(answers.len());
        for (answers, of_answers) in answers.chunks(BLOCK).zip(residuals.chunks(BLOCK)) {
            let (rows, residuals) = solver.rows_mut();
            for (row, answer) in rows.chunks_exact_mut(stride).zip(answers) {
                row[..width].copy_from_slice(answer);
            }
            residuals[..answers.len()].copy_from_slice(of_answers);
            solver.take(answers.len());
        }
        assert!(solver.solve());
        solver
    }

    fn variances(solver: &mut RidgeSolver, asked: &[Vec<f64>]) -> Vec<f64> {
        let (stride, width) = (solver.stride(), solver.width);
        for (row, asked) in solver.asked_mut().chunks_exact_mut(stride).zip(asked) {
            row[..width].copy_from_slice(asked);
        }
        let mut variances = vec![f64::NAN; asked.len()];
        solver.variances(&mut variances);
        variances
    }

    proptest! {
        /// Also with little noise, and with answers that hardly differ or not at all.
        #[test]
        fn the_mean_solves_the_normal_equations(
            count in 1usize..=130,
            width in 1usize..=70,
            size in prop::sample::select(vec![0.01, 1.0, 1e3]),
            apart in prop::sample::select(vec![0.0, 1e-6, 1.0]),
            seed: u64,
        ) {
            let answers = rows(count, width, size, apart, seed);
            let residuals = rows(1, count, 2.0, 1.0, !seed).remove(0);
            let solver = solved(&answers, &residuals, width);
            let found = by_precision(&answers, solver.mean());
            // No system is solved better than its matrix's numbers are rounded.
            let size: f64 = 1.0 + answers.iter().map(|row| dot(row, row)).sum::<f64>();
            for (column, found) in found.into_iter().enumerate() {
                let column: Vec<f64> = answers.iter().map(|row| row[column]).collect();
                let most: f64 = column.iter().map(|x| x.abs()).sum::<f64>() * 2.0;
                let expected = dot(&column, &residuals);
                let least = most * (1e-12 + 1e-15 * size);
                prop_assert!((found - expected).abs() <= least, "{found} {expected}");
            }
        }

        #[test]
        fn variances_are_those_of_the_inverse(
            count in 0usize..=130, width in 1usize..=70, asked in 1usize..=VARIANCES, seed: u64,
        ) {
            let answers = rows(count, width, 1.0, 1.0, seed);
            let mut solver = solved(&answers, &vec![0.5; count], width);
            let asked = rows(asked, width, 1.0, 1.0, !seed);
            let found = variances(&mut solver, &asked);
            let (mut work, mut covariance) = (vec![0.0; width * width], vec![0.0; width * width]);
            solver.covariance(&mut work, &mut covariance);
            for (row, found) in asked.iter().zip(&found) {
                let rows = covariance.chunks(width);
                let by_covariance: Vec<f64> = rows.map(|covariances| dot(covariances, row)).collect();
                // The oracle of the oracle: the precision takes it back.
                let back = by_precision(&answers, &by_covariance);
                prop_assert!(back.iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-9));
                let expected = dot(row, &by_covariance);
                prop_assert!((found - expected).abs() < 1e-10 * dot(row, row).max(1.0));
            }
            // By the precision, which is factorised now, as well.
            for (again, found) in variances(&mut solver, &asked).iter().zip(found) {
                prop_assert!((again - found).abs() < 1e-10 * width as f64);
            }
        }
    }
}
