//! The head in closed form: Bayesian linear regression around where it starts.
//!
//! A linear head's weights are independent and normal around the start, with
//! the standard deviations `scale`; a rating is normal around what the head
//! says, with the noise's variance and a part of its item's own. In units of
//! `scale`, with a row `a` for each rating, scaled by `scale` and divided by its
//! rating's standard deviation, the posterior precision is `A^T A + I` (ridge
//! regression; Bishop 2006, section 3.3). With fewer ratings than the head has
//! numbers the mean is found among the rows instead, as A^T (A A^T + I)^-1 times
//! the residuals (section 6.1), and the precision is not needed for it.

use super::own_head::{Forward, OwnHead, Packed};
use super::set::Set;
use crate::catalog::blocks::BLOCK;
use crate::kernels::cholesky;
use crate::model::config::Ridge;
use crate::model::loss::Output;
use crate::model::network::{LayerRows, Network};

/// What is known of a user's head: the posterior's precision, factorised.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// The prior's standard deviations, of each of the head's numbers.
    scale: Vec<f32>,
    /// The upper factor of the precision in units of `scale`, [width, width], once
    /// `rows_left_out` is 0.
    factor: Vec<f64>,
    /// How many of `rows` are yet to be brought into the factor.
    rows_left_out: usize,
    /// The posterior mean in units of `scale`, less the start.
    mean: Vec<f64>,
    /// Room for the rows of a block, [BLOCK, width].
    rows: Vec<f64>,
    /// Their residuals, in units of their ratings' standard deviations.
    residuals: Vec<f64>,
}

impl Posterior {
    /// Of a head of which nothing is known but where it starts, and how far from there
    /// each of its numbers may be: `scale`.
    pub fn new(scale: Vec<f32>) -> Self {
        let width = scale.len();
        let mut posterior = Self {
            scale,
            factor: vec![0.0; width * width],
            rows_left_out: 0,
            mean: vec![0.0; width],
            rows: vec![0.0; BLOCK * width],
            residuals: vec![0.0; BLOCK],
        };
        posterior.reset();
        posterior
    }

    /// The prior's standard deviations.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// Forgets what was known.
    pub fn reset(&mut self) {
        self.mean.fill(0.0);
        self.factor.fill(0.0);
        self.rows_left_out = 0;
        add_identity(&mut self.factor, self.mean.len());
    }

    /// Adapts the head, from where it starts on, to a support set; `network` is that of
    /// users' own heads.
    ///
    /// With clicks, one Newton step is taken from the start: each click counts
    /// as a rating of the logit that the linearised loss is least at.
    ///
    /// `false` if the numbers are beyond what floats can hold; the posterior is
    /// reset then.
    pub fn adapt(
        &mut self,
        network: &Network,
        output: &Output,
        ridge: &Ridge,
        support: Set,
        own: &mut OwnHead,
        activations: &mut LayerRows,
    ) -> bool {
        own.packed = Packed::Nowhere;
        let OwnHead { numbers: head, start, user_sums, .. } = own;
        let user_sum = user_sums.first().copied().unwrap_or(0.0);
        let (width, ratings) = (self.mean.len(), support.inputs.rows);
        let few = (1..width.min(BLOCK + 1)).contains(&ratings);
        self.mean.fill(0.0);
        self.factor.fill(0.0);
        self.rows_left_out = 0;
        for Set { inputs, targets, item_variances } in support.blocks() {
            let said = Forward::Linear(start, user_sum).outputs(network, inputs, activations);
            for (row, (said, target)) in said.iter().zip(targets).enumerate() {
                let (residual, variance) = output.loss.working_residual(*said, *target);
                let item_variance = item_variances.get(row).copied().unwrap_or(0.0);
                let variance = ridge.noise * variance + ridge.item_variance * item_variance;
                let precision = 1.0 / f64::from(variance).sqrt();
                let elements = &mut self.rows[row * width..][..width];
                inputs.write_scaled(row, precision, &self.scale, elements);
                self.residuals[row] = precision * f64::from(residual);
            }
            if !few {
                self.add_to_factor(inputs.rows);
                self.add_rows_to_mean(inputs.rows);
            }
        }
        let solved = match few {
            true => self.solve_among_rows(ratings),
            false => self.solve(),
        };
        if !solved {
            self.reset();
            return false;
        }
        for ((head, start), (scale, mean)) in
            head.iter_mut().zip(start.iter()).zip(self.scale.iter().zip(&self.mean))
        {
            *head = (f64::from(*start) + f64::from(*scale) * mean) as f32;
        }
        true
    }

    fn add_to_factor(&mut self, rows: usize) {
        let width = self.mean.len();
        cholesky::add_squares(&mut self.factor, width, &self.rows[..rows * width]);
    }

    /// `mean += A^T residuals`, for so many rows.
    fn add_rows_to_mean(&mut self, rows: usize) {
        cholesky::add_weighted_rows(&mut self.mean, &self.residuals[..rows], &self.rows);
    }

    /// The mean from `A^T residuals`, by the factor.
    fn solve(&mut self) -> bool {
        let width = self.mean.len();
        add_identity(&mut self.factor, width);
        let solved = cholesky::factorise(&mut self.factor, width);
        if solved {
            cholesky::solve(&self.factor, width, &mut self.mean);
        }
        solved
    }

    /// The mean, by the rows' products with each other; the factor is left for
    /// when it is asked for.
    fn solve_among_rows(&mut self, rows: usize) -> bool {
        let width = self.mean.len();
        let products = &mut self.factor[..rows * rows];
        cholesky::products(&self.rows[..rows * width], width, products);
        add_identity(products, rows);
        if !cholesky::factorise(products, rows) {
            return false;
        }
        cholesky::solve(products, rows, &mut self.residuals[..rows]);
        self.add_rows_to_mean(rows);
        self.rows_left_out = rows;
        true
    }

    /// Brings all rows into the factor.
    fn complete_factor(&mut self) {
        let rows = std::mem::take(&mut self.rows_left_out);
        if rows > 0 {
            let width = self.mean.len();
            self.factor.fill(0.0);
            self.add_to_factor(rows);
            add_identity(&mut self.factor, width);
            if !cholesky::factorise(&mut self.factor, width) {
                self.factor.fill(f64::NAN);
            }
        }
    }

    /// The variance of what the head says of an item, in its own units.
    ///
    /// `features` are the item's, one less than the head has numbers.
    pub fn variance(&mut self, features: &[f32]) -> f64 {
        self.complete_factor();
        let row = &mut self.rows[..self.mean.len()];
        for ((element, feature), scale) in
            row.iter_mut().zip(features.iter().chain([&1.0])).zip(&self.scale)
        {
            *element = f64::from(*scale) * f64::from(*feature);
        }
        cholesky::solve_lower(&self.factor, self.mean.len(), row);
        row.iter().map(|element| element * element).sum()
    }

    /// Writes the covariance in units of `scale`, [width, width]; `work` is room
    /// for as much.
    pub fn covariance(&mut self, work: &mut [f64], covariance: &mut [f64]) {
        self.complete_factor();
        let width = self.mean.len();
        work.copy_from_slice(&self.factor);
        cholesky::invert(work, width, covariance);
        cholesky::mirror_up(covariance, width);
    }
}

fn add_identity(matrix: &mut [f64], width: usize) {
    matrix.iter_mut().step_by(width + 1).for_each(|element| *element += 1.0);
}
