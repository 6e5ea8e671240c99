//! Bayesian linear regression in closed form, for one user after another.
//!
//! Weights are independent and normal around 0, in units of their prior standard deviations;
//! an answer is normal around the product of its row and the weights, in units of its own
//! standard deviation. With the rows `A`, the posterior precision is `A^T A + I` (ridge
//! regression; Bishop 2006, section 3.3). With fewer answers than weights, the mean is found
//! among the answers instead, as `A^T (A A^T + I)^-1` times the residuals (section 6.1), and
//! the precision is not needed for it.

use crate::catalog::blocks::BLOCK;
use crate::kernels::{Factor, Symmetric, add_weighted_rows, row_products};

/// The regression of one user at a time; only [`RidgeSolver::new`] allocates.
///
/// Call [`RidgeSolver::begin`], then for each block of answers [`RidgeSolver::rows_mut`] and
/// [`RidgeSolver::take`], then [`RidgeSolver::solve`].
#[derive(Clone, Debug)]
pub struct RidgeSolver {
    /// The answers' rows, [BLOCK, width]: all of them while `few`, else those of a block.
    rows: Vec<f64>,
    /// The difference of each answer from its prior mean.
    residuals: Vec<f64>,
    /// The number of rows taken.
    taken: usize,
    /// Whether the mean is found among the answers, as they are few.
    few: bool,
    /// The factor of the matrix that `factorised` names; until then the precision as far as
    /// answers were taken, unless they are few. Upper triangles of [width, width].
    matrix: Vec<f64>,
    factorised: Factorised,
    /// The posterior mean.
    mean: Vec<f64>,
    /// The row whose variance is computed.
    row: Vec<f64>,
    /// Its products with the answers' rows.
    products: Vec<f64>,
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
    pub fn new(width: usize) -> Self {
        let mut solver = Self {
            rows: vec![0.0; BLOCK * width],
            residuals: vec![0.0; BLOCK],
            taken: 0,
            few: true,
            matrix: vec![0.0; width * width],
            factorised: Factorised::None,
            mean: vec![0.0; width],
            row: vec![0.0; width],
            products: vec![0.0; BLOCK],
        };
        solver.begin(0);
        solver
    }

    /// Forgets the last user, and begins with one with so many answers.
    pub fn begin(&mut self, answers: usize) {
        let width = self.mean.len();
        self.taken = 0;
        self.factorised = Factorised::None;
        self.few = answers < width.min(BLOCK + 1);
        self.mean.fill(0.0);
        if !self.few {
            self.matrix.fill(0.0);
        }
    }

    /// The rows of the next block of answers, [BLOCK, width], and their residuals, to be
    /// written.
    pub fn rows_mut(&mut self) -> (&mut [f64], &mut [f64]) {
        (&mut self.rows, &mut self.residuals)
    }

    /// Adds the first `rows` rows of the block. All blocks but the last must be full.
    pub fn take(&mut self, rows: usize) {
        self.taken = if self.few { rows } else { self.taken + rows };
        if !self.few {
            let width = self.mean.len();
            let block = &self.rows[..rows * width];
            Symmetric::new(&mut self.matrix, width).add_squares(block);
            add_weighted_rows(&mut self.mean, &self.residuals[..rows], block);
        }
    }

    /// Finds the posterior mean. Returns `false` if the numbers exceed the range of floats.
    pub fn solve(&mut self) -> bool {
        if !self.few {
            let solved = self.factorise_precision();
            if solved {
                Factor::left_in(&self.matrix, self.mean.len()).solve(&mut self.mean);
            }
            return solved;
        }
        let (width, answers) = (self.mean.len(), self.taken);
        let rows = &self.rows[..answers * width];
        let mut products = Symmetric::new(&mut self.matrix[..answers * answers], answers);
        products.set_products(rows, width);
        products.add_identity();
        let Some(factor) = products.factorise() else { return false };
        self.factorised = Factorised::OfAnswers;
        factor.solve(&mut self.residuals[..answers]);
        add_weighted_rows(&mut self.mean, &self.residuals[..answers], rows);
        true
    }

    /// The posterior mean, in units of the prior standard deviations.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The posterior variance of the product of a row and the weights, after
    /// [`RidgeSolver::solve`]; NaN if the numbers exceed the range of floats.
    pub fn variance(&mut self, row: impl Iterator<Item = f64>) -> f64 {
        let (width, answers) = (self.mean.len(), self.taken);
        self.row.iter_mut().zip(row).for_each(|(to, element)| *to = element);
        // A row takes `answers * (width + answers / 2)` steps among the answers, and `width^2 /
        // 2` by the precision, whose factorisation costs as much as some 2 * width / 3 rows.
        // With few answers it does not pay, as callers ask for few rows at once.
        if self.factorised != Factorised::OfPrecision
            && 2 * answers > width
            && !self.factorise_precision()
        {
            return f64::NAN;
        }
        let sum_of_squares = |numbers: &[f64]| numbers.iter().map(|x| x * x).sum::<f64>();
        if self.factorised == Factorised::OfPrecision {
            Factor::left_in(&self.matrix, width).solve_lower(&mut self.row);
            return sum_of_squares(&self.row);
        }
        let products = &mut self.products[..answers];
        row_products(&self.rows[..answers * width], &self.row, products);
        Factor::left_in(&self.matrix[..answers * answers], answers).solve_lower(products);
        (sum_of_squares(&self.row) - sum_of_squares(products)).max(0.0)
    }

    /// Writes the posterior covariance, [width, width]; `work` is as large. It does not need
    /// [`RidgeSolver::solve`]. All is NaN if the numbers exceed the range of floats.
    pub fn covariance(&mut self, work: &mut [f64], covariance: &mut [f64]) {
        let width = self.mean.len();
        if self.factorised != Factorised::OfPrecision && !self.factorise_precision() {
            return covariance.fill(f64::NAN);
        }
        Factor::left_in(&self.matrix, width).invert(work, covariance);
    }

    /// Factorises the precision. With few answers it is first computed from their rows.
    fn factorise_precision(&mut self) -> bool {
        let width = self.mean.len();
        if self.few {
            self.matrix.fill(0.0);
        }
        let mut precision = Symmetric::new(&mut self.matrix, width);
        if self.few {
            precision.add_squares(&self.rows[..self.taken * width]);
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
