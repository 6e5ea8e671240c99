//! The posterior of one side, users or items, given the other.
//!
//! Both sides have vectors [bias, factors]. A user [a, w] meets an item [b, v]
//! in the rating b + a + v.w plus noise, so that either is linear in the other:
//! given normal beliefs about one side, those about the other are normal too,
//! by one small system of equations a row (variational Bayesian matrix
//! factorisation: Lim and Teh 2007; probabilistic matrix factorisation:
//! Salakhutdinov and Mnih 2008).

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis};

use super::adjacency::Adjacency;
use crate::train::dense::Cholesky;

/// Rows whose sums are added up in order before they meet other rows' sums, so
/// that the result is the same for any number of threads.
const BLOCK: usize = 32;

/// The numbers of a symmetric matrix as the rows of its upper triangle, one after another.
fn packed_len(width: usize) -> usize {
    width * (width + 1) / 2
}

/// Normal beliefs about every user or every item.
#[derive(Clone, Debug)]
pub struct Beliefs {
    /// [rows, D]: the means, the bias first.
    pub means: Array2<f64>,
    /// [rows, D]: the covariance of the bias with itself and with each factor.
    pub bias_covariances: Array2<f64>,
    /// [rows, packed D]: with z = [1, factors], the mean of z z^T. The regressor
    /// of the other side, and its uncertainty, in one.
    pub seconds: Array2<f64>,
}

/// A normal prior: each row has its own mean, and all the same covariance.
pub struct NormalPrior<'a> {
    /// [rows, D].
    pub means: ArrayView2<'a, f64>,
    /// [D, D].
    pub covariance: ArrayView2<'a, f64>,
}

/// MomentSums over the rows that an update solved for.
#[derive(Clone, Debug)]
pub struct Totals {
    /// The sum over rows of the covariances, [D, D].
    pub covariance: Array2<f64>,
    /// The sum over ratings of the expected squared error.
    pub squared_error: f64,
}

impl Beliefs {
    /// Certain beliefs: these means, [rows, D], without covariance.
    pub fn certain(means: Array2<f64>) -> Self {
        let (rows, width) = means.dim();
        let none = Array2::zeros((width, width));
        let mut seconds = Array2::zeros((rows, packed_len(width)));
        for (mean, second) in means.rows().into_iter().zip(seconds.rows_mut()) {
            write_second(mean, none.view(), second);
        }
        Self { bias_covariances: Array2::zeros(means.dim()), seconds, means }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.means.nrows()
    }

    /// D: the bias and the factors.
    pub fn width(&self) -> usize {
        self.means.ncols()
    }

    /// The covariance of a row, [D, D].
    pub fn covariance(&self, row: usize) -> Array2<f64> {
        let width = self.width();
        let (mean, bias) = (self.means.row(row), self.bias_covariances.row(row));
        let mut covariance = Array2::zeros((width, width));
        covariance.row_mut(0).assign(&bias);
        covariance.column_mut(0).assign(&bias);
        // The first row of the second moments is z itself.
        let second = self.seconds.row(row);
        let mut rest = second.iter().skip(width);
        for i in 1..width {
            for (j, second) in (i..width).zip(rest.by_ref()) {
                let element = second - mean[i] * mean[j];
                covariance[[i, j]] = element;
                covariance[[j, i]] = element;
            }
        }
        covariance
    }

    /// Replaces these beliefs by the posterior under the prior, the ratings in
    /// `adjacency`, a row each, and the beliefs about the `others`; `None` if a system
    /// cannot be solved.
    pub fn update(
        &mut self,
        adjacency: &Adjacency,
        others: &Self,
        prior: &NormalPrior,
        noise: f64,
    ) -> Option<Totals> {
        let precision = Cholesky::new(prior.covariance.to_owned())?.inverse();
        let prior_moments = prior.means.dot(&precision);
        let system =
            System { precision: precision.view(), prior_moments, adjacency, others, noise };
        let blocks = (
            self.means.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter(),
            self.bias_covariances.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter(),
            self.seconds.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter(),
        );
        let totals: Vec<Option<Totals>> = blocks
            .into_par_iter()
            .enumerate()
            .map(|(block, (mut means, mut bias_covariances, mut seconds))| {
                let mut totals = Totals::zero(others.width());
                let rows = means
                    .rows_mut()
                    .into_iter()
                    .zip(bias_covariances.rows_mut())
                    .zip(seconds.rows_mut());
                for (row, ((mut mean, mut bias_covariance), second)) in (block * BLOCK..).zip(rows)
                {
                    let covariance = system.solve(row, mean.view_mut(), &mut totals)?;
                    bias_covariance.assign(&covariance.row(0));
                    write_second(mean.view(), covariance.view(), second);
                }
                Some(totals)
            })
            .collect();
        totals.into_iter().try_fold(Totals::zero(others.width()), |mut sum, totals| {
            let totals = totals?;
            sum.covariance += &totals.covariance;
            sum.squared_error += totals.squared_error;
            Some(sum)
        })
    }
}

impl Totals {
    fn zero(width: usize) -> Self {
        Self { covariance: Array2::zeros((width, width)), squared_error: 0.0 }
    }
}

/// Writes the second moment of z = [1, factors], packed.
fn write_second(
    mean: ArrayView1<f64>,
    covariance: ArrayView2<f64>,
    mut second: ArrayViewMut1<f64>,
) {
    let mut rest = second.iter_mut();
    for (i, row) in covariance.rows().into_iter().enumerate() {
        for (j, element) in (i..mean.len()).zip(rest.by_ref()) {
            // A 1 stands in place of the bias, and does not vary.
            *element = match (i, j) {
                (0, 0) => 1.0,
                (0, _) => mean[j],
                _ => mean[i] * mean[j] + row[j],
            };
        }
    }
}

/// The ratings and priors from which each row's belief is solved.
struct System<'a> {
    /// The prior's precision, [D, D].
    precision: ArrayView2<'a, f64>,
    /// The prior's means times its precision, [rows, D].
    prior_moments: Array2<f64>,
    adjacency: &'a Adjacency,
    others: &'a Beliefs,
    noise: f64,
}

/// MomentSums over the ratings of a row.
struct MomentSums {
    /// The sum of the others' second moments, packed.
    gram: Array1<f64>,
    /// The sum of the others' regressors times what they are to explain: the rating
    /// without the other's bias.
    moment: Array1<f64>,
    /// The sum of the mean squares of what is to be explained.
    squares: f64,
}

impl System<'_> {
    /// Writes a row's mean, adds to the totals, and returns the row's covariance.
    fn solve(
        &self,
        row: usize,
        mut mean: ArrayViewMut1<f64>,
        totals: &mut Totals,
    ) -> Option<Array2<f64>> {
        let MomentSums { gram, moment, squares } = self.sums(row);
        let mut precision = self.precision.to_owned();
        let mut rest = gram.iter();
        for (i, mut elements) in precision.rows_mut().into_iter().enumerate() {
            for (element, sum) in elements.iter_mut().skip(i).zip(rest.by_ref()) {
                *element += sum / self.noise;
            }
        }
        let factor = Cholesky::new(precision)?;
        mean.assign(&self.prior_moments.row(row));
        mean.scaled_add(1.0 / self.noise, &moment);
        factor.solve(mean.view_mut());
        let covariance = factor.inverse();
        totals.covariance += &covariance;
        // The mean of (y - z.x)^2 over beliefs about both sides.
        let mut explained = 0.0;
        let mut rest = gram.iter();
        for (i, row) in covariance.rows().into_iter().enumerate() {
            let pairs = row.iter().zip(&mean).skip(i).zip(rest.by_ref());
            for (j, ((covariance, other), sum)) in pairs.enumerate() {
                let times = if j == 0 { 1.0 } else { 2.0 };
                explained += times * (mean[i] * other + covariance) * sum;
            }
        }
        totals.squared_error += squares - 2.0 * mean.dot(&moment) + explained;
        Some(covariance)
    }

    fn sums(&self, row: usize) -> MomentSums {
        let width = self.others.width();
        let mut gram = Array1::zeros(packed_len(width));
        let mut moment = Array1::zeros(width);
        let (mut squares, mut lefts) = (0.0, 0.0);
        for (other, rating) in self.adjacency.row(row) {
            let mean = self.others.means.row(other);
            let bias = self.others.bias_covariances.row(other);
            let left = rating - mean[0];
            gram += &self.others.seconds.row(other);
            moment.scaled_add(left, &mean);
            moment -= &bias;
            lefts += left;
            squares += left * left + bias[0];
        }
        // The regressor of the bias is 1.
        moment[0] = lefts;
        MomentSums { gram, moment, squares }
    }
}

#[cfg(test)]
mod tests;
