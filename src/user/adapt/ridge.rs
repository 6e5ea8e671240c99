//! Bayesian linear regression in closed form, for one user after another.
//!
//! Weights are independent and normal around 0, in units of their prior standard deviations;
//! an answer is normal around the product of its row and the weights, in units of its own
//! standard deviation. With the rows `A`, the posterior precision is `A^T A + I` (ridge
//! regression; Bishop 2006, section 3.3). With fewer answers than weights, the mean is found
//! among the answers instead, as `A^T (A A^T + I)^-1` times the residuals (section 6.1), and
//! the precision is not needed for it.

use crate::catalog::blocks::BLOCK;
use crate::kernels::cholesky;

/// The regression of one user at a time. Nothing is allocated after it was made.
///
/// [`RidgeSolver::begin`], then for each block of answers [`RidgeSolver::rows_mut`] and
/// [`RidgeSolver::take`], then [`RidgeSolver::solve`].
#[derive(Clone, Debug)]
pub struct RidgeSolver {
    /// The answers' rows, [BLOCK, width]: all of them while `few`, else those of a block.
    rows: Vec<f64>,
    /// How far each answer lies from what is expected without any.
    residuals: Vec<f64>,
    /// How many rows were taken.
    taken: usize,
    /// Whether the answers are so few that the mean is found among them.
    few: bool,
    /// The matrix that `factor` says, in its upper triangle; [width, width].
    matrix: Vec<f64>,
    factor: Factor,
    /// The posterior mean.
    mean: Vec<f64>,
    /// A row whose variance is asked for, and its products with the answers' rows.
    row: Vec<f64>,
    products: Vec<f64>,
}

/// The matrix that was factorised last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factor {
    None,
    /// `A A^T + I`, [taken, taken].
    OfAnswers,
    /// `A^T A + I`, [width, width].
    OfPrecision,
}

impl RidgeSolver {
    /// A solver for so many weights.
    pub fn new(width: usize) -> Self {
        let mut solver = Self {
            rows: vec![0.0; BLOCK * width],
            residuals: vec![0.0; BLOCK],
            taken: 0,
            few: true,
            matrix: vec![0.0; width * width],
            factor: Factor::None,
            mean: vec![0.0; width],
            row: vec![0.0; width],
            products: vec![0.0; BLOCK],
        };
        solver.begin(0);
        solver
    }

    /// Forgets the last user, and begins with one who gave so many answers.
    pub fn begin(&mut self, answers: usize) {
        let width = self.mean.len();
        self.taken = 0;
        self.factor = Factor::None;
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

    /// Takes over so many rows that were written. The answers announced at the beginning
    /// fit one block, or all blocks but the last are full.
    pub fn take(&mut self, rows: usize) {
        self.taken = if self.few { rows } else { self.taken + rows };
        if !self.few {
            let width = self.mean.len();
            let block = &self.rows[..rows * width];
            cholesky::add_squares(&mut self.matrix, width, block);
            cholesky::add_weighted_rows(&mut self.mean, &self.residuals[..rows], block);
        }
    }

    /// Finds the posterior mean; `false` if the numbers are beyond what floats can hold.
    pub fn solve(&mut self) -> bool {
        if !self.few {
            let solved = self.factorise_precision();
            if solved {
                cholesky::solve(&self.matrix, self.mean.len(), &mut self.mean);
            }
            return solved;
        }
        let (width, answers) = (self.mean.len(), self.taken);
        let rows = &self.rows[..answers * width];
        let products = &mut self.matrix[..answers * answers];
        cholesky::products(rows, width, products);
        add_identity(products, answers);
        if !cholesky::factorise(products, answers) {
            return false;
        }
        self.factor = Factor::OfAnswers;
        cholesky::solve(products, answers, &mut self.residuals[..answers]);
        cholesky::add_weighted_rows(&mut self.mean, &self.residuals[..answers], rows);
        true
    }

    /// The posterior mean, in units of the prior standard deviations.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The posterior variance of the product of a row and the weights, once solved; NaN if
    /// the numbers are beyond what floats can hold.
    pub fn variance(&mut self, row: impl Iterator<Item = f64>) -> f64 {
        let (width, answers) = (self.mean.len(), self.taken);
        self.row.iter_mut().zip(row).for_each(|(to, element)| *to = element);
        // Among the answers a row takes `answers * (width + answers / 2)` steps, by the
        // precision `width^2 / 2` once it is factorised, which takes as many as some 2 * width
        // / 3 rows. So few rows are asked for at once that few answers need no precision.
        if self.factor != Factor::OfPrecision && 2 * answers > width && !self.factorise_precision()
        {
            return f64::NAN;
        }
        let sum_of_squares = |numbers: &[f64]| numbers.iter().map(|x| x * x).sum::<f64>();
        if self.factor == Factor::OfPrecision {
            cholesky::solve_lower(&self.matrix, width, &mut self.row);
            return sum_of_squares(&self.row);
        }
        let products = &mut self.products[..answers];
        cholesky::row_products(&self.rows[..answers * width], &self.row, products);
        cholesky::solve_lower(&self.matrix[..answers * answers], answers, products);
        (sum_of_squares(&self.row) - sum_of_squares(products)).max(0.0)
    }

    /// Writes the posterior covariance, [width, width]; `work` is as large. It need not be
    /// solved. All is NaN if the numbers are beyond what floats can hold.
    pub fn covariance(&mut self, work: &mut [f64], covariance: &mut [f64]) {
        let width = self.mean.len();
        if self.factor != Factor::OfPrecision && !self.factorise_precision() {
            return covariance.fill(f64::NAN);
        }
        work.copy_from_slice(&self.matrix);
        cholesky::invert(work, width, covariance);
        cholesky::mirror_up(covariance, width);
    }

    /// Factorises the precision: of few answers from their rows, of others once.
    fn factorise_precision(&mut self) -> bool {
        let width = self.mean.len();
        if self.few {
            self.matrix.fill(0.0);
            cholesky::add_squares(&mut self.matrix, width, &self.rows[..self.taken * width]);
        }
        add_identity(&mut self.matrix, width);
        let done = cholesky::factorise(&mut self.matrix, width);
        self.factor = if done { Factor::OfPrecision } else { Factor::None };
        if !done {
            // So that it is not found to be better the next time.
            self.matrix.fill(f64::NAN);
        }
        done
    }
}

fn add_identity(matrix: &mut [f64], width: usize) {
    matrix.iter_mut().step_by(width + 1).for_each(|element| *element += 1.0);
}
