//! What the ratings say of one side, users or items, given the other.
//!
//! Both sides have vectors [bias, factors]. A user [a, w] meets an item [b, v]
//! in the rating b + a + v.w plus noise, so that either is linear in the other:
//! given normal beliefs about one side, those about the other are normal too,
//! by one small system of equations a row (variational Bayesian matrix
//! factorisation: Lim and Teh 2007; probabilistic matrix factorisation:
//! Salakhutdinov and Mnih 2008).

use rayon::prelude::*;

use super::adjacency::Adjacency;
use crate::kernels::cholesky;

/// Rows whose sums are added up in order before they meet other rows' sums, so
/// that the result is the same for any number of threads.
const BLOCK: usize = 32;

/// A symmetric matrix as the rows of its lower triangle, one after another.
pub fn packed_len(width: usize) -> usize {
    width * (width + 1) / 2
}

/// Normal beliefs about every user or every item.
#[derive(Clone, Debug)]
pub struct Beliefs {
    /// D: the bias and the factors.
    pub width: usize,
    /// [rows, D]: the means, the bias first.
    pub means: Vec<f64>,
    /// [rows, D]: the covariance of the bias with itself and with each factor.
    pub bias_covariances: Vec<f64>,
    /// [rows, packed D]: with z = [1, factors], the mean of z z^T. The regressor
    /// of the other side, and its uncertainty, in one.
    pub seconds: Vec<f64>,
}

/// A normal prior: each row has its own mean, and all the same covariance.
pub struct NormalPrior<'a> {
    /// [rows, D].
    pub means: &'a [f64],
    /// [D, D], of which the lower triangle counts.
    pub covariance: &'a [f64],
}

/// What an update tells beside the beliefs.
#[derive(Clone, Debug)]
pub struct Totals {
    /// The sum over rows of the covariances, [D, D], lower triangle.
    pub covariance: Vec<f64>,
    /// The sum over ratings of the expected squared error.
    pub squared_error: f64,
}

impl Beliefs {
    /// Certain beliefs: these means, without covariance.
    pub fn certain(width: usize, means: Vec<f64>) -> Self {
        let rows = means.len() / width;
        let mut beliefs = Self {
            width,
            bias_covariances: vec![0.0; means.len()],
            seconds: vec![0.0; rows * packed_len(width)],
            means,
        };
        let seconds = beliefs.seconds.chunks_exact_mut(packed_len(width));
        for (mean, second) in beliefs.means.chunks_exact(width).zip(seconds) {
            write_second(mean, &[], second);
        }
        beliefs
    }

    pub fn len(&self) -> usize {
        self.means.len() / self.width
    }

    pub fn mean(&self, row: usize) -> &[f64] {
        &self.means[row * self.width..][..self.width]
    }

    fn second(&self, row: usize) -> &[f64] {
        &self.seconds[row * packed_len(self.width)..][..packed_len(self.width)]
    }

    /// The covariance of a row, [D, D], lower triangle.
    pub fn covariance(&self, row: usize) -> Vec<f64> {
        let width = self.width;
        let mean = self.mean(row);
        let mut covariance = vec![0.0; width * width];
        let mut seconds = self.second(row).iter();
        for i in 0..width {
            for j in 0..=i {
                let second = seconds.next().unwrap_or(&0.0);
                covariance[i * width + j] = match j {
                    0 => self.bias_covariances[row * width + i],
                    _ => second - mean[i] * mean[j],
                };
            }
        }
        covariance
    }

    /// Replaces these beliefs by what the prior, the ratings in `adjacency`, a
    /// row each, and the beliefs about the `others` say; `None` if a system
    /// cannot be solved.
    pub fn update(
        &mut self,
        adjacency: &Adjacency,
        others: &Self,
        prior: &NormalPrior,
        noise: f64,
    ) -> Option<Totals> {
        let width = self.width;
        let mut precision = vec![0.0; width * width];
        let mut factor = prior.covariance.to_vec();
        cholesky::mirror_up(&mut factor, width);
        if !cholesky::factorise(&mut factor, width) {
            return None;
        }
        cholesky::invert(&mut factor, width, &mut precision);
        cholesky::mirror_up(&mut precision, width);
        let blocks = (
            self.means.par_chunks_mut(BLOCK * width),
            self.bias_covariances.par_chunks_mut(BLOCK * width),
            self.seconds.par_chunks_mut(BLOCK * packed_len(width)),
        );
        let totals: Vec<Option<Totals>> = blocks
            .into_par_iter()
            .enumerate()
            .map(|(block, (means, bias_covariances, seconds))| {
                let mut solver = Solver::new(&precision, others, noise);
                let rows = means
                    .chunks_exact_mut(width)
                    .zip(bias_covariances.chunks_exact_mut(width))
                    .zip(seconds.chunks_exact_mut(packed_len(width)));
                for (row, ((mean, bias_covariance), second)) in (block * BLOCK..).zip(rows) {
                    let prior_mean = &prior.means[row * width..][..width];
                    solver.solve(adjacency, row, prior_mean, mean)?;
                    for (i, element) in bias_covariance.iter_mut().enumerate() {
                        *element = solver.covariance[i * width];
                    }
                    write_second(mean, &solver.covariance, second);
                }
                Some(solver.totals)
            })
            .collect();
        let zero = Totals { covariance: vec![0.0; width * width], squared_error: 0.0 };
        totals.into_iter().try_fold(zero, |mut sum, totals| {
            let totals = totals?;
            add(&mut sum.covariance, &totals.covariance);
            sum.squared_error += totals.squared_error;
            Some(sum)
        })
    }
}

/// Writes the second moment of [1, factors]; an empty covariance is none.
fn write_second(mean: &[f64], covariance: &[f64], second: &mut [f64]) {
    let width = mean.len();
    let mut rest = second;
    for i in 0..width {
        let (row, after) = rest.split_at_mut(i + 1);
        let z = |i: usize| if i == 0 { 1.0 } else { mean[i] };
        for (j, element) in row.iter_mut().enumerate() {
            let spread =
                if j == 0 { 0.0 } else { covariance.get(i * width + j).map_or(0.0, |c| *c) };
            *element = z(i) * z(j) + spread;
        }
        rest = after;
    }
}

pub fn add(target: &mut [f64], source: &[f64]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target += source;
    }
}

pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Solves row after row, in memory of its own.
struct Solver<'a> {
    /// The prior's precision, [D, D], all of it.
    precision: &'a [f64],
    others: &'a Beliefs,
    noise: f64,
    /// The sum of the others' second moments, packed.
    gram: Vec<f64>,
    /// The sum of the others' regressors times what they are to explain.
    moment: Vec<f64>,
    factor: Vec<f64>,
    covariance: Vec<f64>,
    totals: Totals,
}

impl<'a> Solver<'a> {
    fn new(precision: &'a [f64], others: &'a Beliefs, noise: f64) -> Self {
        let square = vec![0.0; precision.len()];
        let width = others.width;
        Self {
            precision,
            others,
            noise,
            gram: vec![0.0; packed_len(width)],
            moment: vec![0.0; width],
            factor: square.clone(),
            covariance: square.clone(),
            totals: Totals { covariance: square, squared_error: 0.0 },
        }
    }

    /// Writes a row's mean, and leaves its covariance in `self`.
    fn solve(
        &mut self,
        adjacency: &Adjacency,
        row: usize,
        prior: &[f64],
        mean: &mut [f64],
    ) -> Option<()> {
        let width = self.others.width;
        let squares = self.accumulate(adjacency, row);
        let mut packed = self.gram.iter();
        let systems = self.precision.chunks_exact(width).zip(self.factor.chunks_exact_mut(width));
        for (i, ((precision, factor), mean)) in systems.zip(&mut *mean).enumerate() {
            *mean = self.moment[i] / self.noise + dot(precision, prior);
            for (factor, precision) in factor[..=i].iter_mut().zip(precision) {
                *factor = packed.next().unwrap_or(&0.0) / self.noise + precision;
            }
        }
        cholesky::mirror_up(&mut self.factor, width);
        if !cholesky::factorise(&mut self.factor, width) {
            return None;
        }
        cholesky::solve(&self.factor, width, mean);
        cholesky::invert(&mut self.factor, width, &mut self.covariance);
        add(&mut self.totals.covariance, &self.covariance);
        // The mean of (y - z.x)^2 over beliefs about both sides.
        let mut explained = 0.0;
        let mut packed = self.gram.iter();
        for i in 0..width {
            for j in 0..=i {
                let second = mean[i] * mean[j] + self.covariance[i * width + j];
                let times = if i == j { 1.0 } else { 2.0 };
                explained += times * second * packed.next().unwrap_or(&0.0);
            }
        }
        self.totals.squared_error += squares - 2.0 * dot(mean, &self.moment) + explained;
        Some(())
    }

    /// Adds up what a row's others say; returns the sum of the mean squares of
    /// what is to be explained: the rating without the other's bias.
    fn accumulate(&mut self, adjacency: &Adjacency, row: usize) -> f64 {
        let width = self.others.width;
        self.gram.fill(0.0);
        self.moment.fill(0.0);
        let mut squares = 0.0;
        for (other, rating) in adjacency.row(row) {
            let mean = self.others.mean(other);
            let bias = &self.others.bias_covariances[other * width..][..width];
            let left = rating - mean[0];
            add(&mut self.gram, self.others.second(other));
            self.moment[0] += left;
            for i in 1..width {
                self.moment[i] += mean[i] * left - bias[i];
            }
            squares += left * left + bias[0];
        }
        squares
    }
}

#[cfg(test)]
mod tests;
