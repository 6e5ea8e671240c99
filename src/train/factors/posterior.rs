//! The posterior of one side, users or items, given the other.
//!
//! Both sides have vectors [bias, factors]. A user [a, w] meets an item [b, v]
//! in the rating b + a + v.w plus noise, so that either is linear in the other:
//! given normal beliefs about one side, those about the other are normal too,
//! by one small system of equations a row (variational Bayesian matrix
//! factorisation: Lim and Teh 2007; probabilistic matrix factorisation:
//! Salakhutdinov and Mnih 2008).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::adjacency::Adjacency;
use crate::kernels::{GATHERED, Symmetric, add_rows_at};
use crate::train::dense::Cholesky;

/// Rows whose sums are added up in order before they meet other rows' sums, so
/// that the result is the same for any number of threads.
const BLOCK: usize = 32;

/// So many records are read twice while they are in a core's cache.
const CACHED: usize = 256;

/// Normal beliefs about every user or every item.
#[derive(Clone, Debug)]
pub struct Beliefs {
    /// [rows, D]: the means, the bias first.
    pub means: Array2<f64>,
    /// [rows, stride]: all that the other side sums over its ratings. With z = [1, factors],
    /// the regressor of the other side, the mean of z z^T comes first, as the rows of its upper
    /// triangle one after another; its first row is the mean of z itself. The covariance of the
    /// bias with itself and with each factor follows. In single precision: with 24 factors,
    /// where they are read for each rating, they would be 2.8 KB in double precision.
    records: Vec<f32>,
}

/// A normal prior: each row has its own mean, and all the same covariance.
pub struct NormalPrior<'a> {
    /// [rows, D].
    pub means: ArrayView2<'a, f64>,
    /// [D, D].
    pub covariance: ArrayView2<'a, f64>,
}

/// Sums over the rows that an update solved for.
#[derive(Clone, Debug)]
pub struct Totals {
    /// The sum over rows of the covariances, [D, D].
    pub covariance: Array2<f64>,
    /// The sum over ratings of the expected squared error.
    pub squared_error: f64,
}

/// Where the numbers of a record are.
#[derive(Clone, Copy)]
struct Layout {
    width: usize,
    /// Of z z^T, and so where the bias's covariances begin.
    seconds: usize,
    /// The length of a record.
    stride: usize,
}

impl Layout {
    fn of(width: usize) -> Self {
        let seconds = width * (width + 1) / 2;
        Self { width, seconds, stride: (seconds + width).next_multiple_of(GATHERED) }
    }

    /// Writes the record of a belief; `covariance` is [D, D].
    fn write(self, mean: &[f64], covariance: &[f64], record: &mut [f32]) {
        let (seconds, rest) = record.split_at_mut(self.seconds);
        let mut seconds = seconds.iter_mut();
        for (i, row) in covariance.chunks_exact(self.width).enumerate() {
            for (j, second) in (i..self.width).zip(seconds.by_ref()) {
                // A 1 stands in place of the bias, and does not vary.
                let number = match (i, j) {
                    (0, 0) => 1.0,
                    (0, _) => mean[j],
                    _ => mean[i] * mean[j] + row[j],
                };
                *second = number as f32;
            }
        }
        let bias = covariance.iter().take(self.width);
        rest.iter_mut().zip(bias).for_each(|(to, number)| *to = *number as f32);
    }
}

impl Beliefs {
    /// Certain beliefs: these means, [rows, D], without covariance.
    pub fn certain(means: Array2<f64>) -> Self {
        let (rows, width) = means.dim();
        let (layout, none) = (Layout::of(width), vec![0.0; width * width]);
        let mut records = vec![0.0; rows * layout.stride];
        for (mean, record) in means.rows().into_iter().zip(records.chunks_exact_mut(layout.stride))
        {
            layout.write(&mean.to_vec(), &none, record);
        }
        Self { means, records }
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
        let layout = Layout::of(self.width());
        let record = &self.records[row * layout.stride..][..layout.stride];
        let (seconds, bias) = record.split_at(layout.seconds);
        // As the other side sees it.
        let mean: Vec<f64> = seconds[..layout.width].iter().map(|x| f64::from(*x)).collect();
        let mut covariance = Array2::zeros((layout.width, layout.width));
        for (place, number) in bias.iter().take(layout.width).enumerate() {
            covariance[[0, place]] = f64::from(*number);
            covariance[[place, 0]] = f64::from(*number);
        }
        let mut rest = seconds.iter().skip(layout.width);
        for i in 1..layout.width {
            for (j, second) in (i..layout.width).zip(rest.by_ref()) {
                let element = f64::from(*second) - mean[i] * mean[j];
                covariance[[i, j]] = element;
                covariance[[j, i]] = element;
            }
        }
        covariance
    }

    /// Replaces these beliefs by the posterior under the prior, the ratings in
    /// `adjacency`, a row each, and the beliefs about the `others`; `None` if a system
    /// cannot be solved.
    ///
    /// Runs on the threads of the current pool, with the same result for any number of them.
    pub fn update(
        &mut self,
        adjacency: &Adjacency,
        others: &Self,
        prior: &NormalPrior,
        noise: f64,
    ) -> Option<Totals> {
        let layout = Layout::of(others.width());
        let precision = Cholesky::new(prior.covariance.to_owned())?.inverse();
        let prior_moments = prior.means.dot(&precision);
        let biases = others.means.column(0).to_owned();
        let system = System { precision, prior_moments, adjacency, others, biases, noise, layout };
        let means = self.means.as_slice_mut()?.par_chunks_mut(BLOCK * layout.width);
        let records = self.records.par_chunks_mut(BLOCK * layout.stride);
        let totals: Vec<Option<Totals>> = means
            .zip(records)
            .enumerate()
            .map_init(
                || Scratch::new(layout),
                |scratch, (block, (means, records))| {
                    let mut totals = Totals::zero(layout.width);
                    let rows = means
                        .chunks_exact_mut(layout.width)
                        .zip(records.chunks_exact_mut(layout.stride));
                    for (row, (mean, record)) in (block * BLOCK..).zip(rows) {
                        system.solve(row, mean, scratch, &mut totals)?;
                        layout.write(mean, &scratch.covariance, record);
                    }
                    Some(totals)
                },
            )
            .collect();
        totals.into_iter().try_fold(Totals::zero(layout.width), |mut sum, totals| {
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

/// The ratings and priors from which each row's belief is solved.
struct System<'a> {
    /// The prior's precision, [D, D].
    precision: Array2<f64>,
    /// The prior's means times its precision, [rows, D].
    prior_moments: Array2<f64>,
    adjacency: &'a Adjacency,
    others: &'a Beliefs,
    /// The others' biases.
    biases: Array1<f64>,
    noise: f64,
    layout: Layout,
}

/// Memory to solve one row after another in.
struct Scratch {
    /// The sums of the others' records over a row's ratings, [stride].
    sums: Vec<f64>,
    /// The sum of the others' regressors times what they are to explain: the rating
    /// without the other's bias. [D], and what fills vectors.
    moment: Vec<f64>,
    /// What is to be explained of some of the ratings.
    lefts: Vec<f64>,
    /// [D, D] each.
    precision: Vec<f64>,
    work: Vec<f64>,
    covariance: Vec<f64>,
}

impl Scratch {
    fn new(layout: Layout) -> Self {
        let square = vec![0.0; layout.width * layout.width];
        Self {
            sums: vec![0.0; layout.stride],
            moment: vec![0.0; layout.width.next_multiple_of(GATHERED)],
            lefts: Vec::with_capacity(CACHED),
            precision: square.clone(),
            work: square.clone(),
            covariance: square,
        }
    }
}

impl System<'_> {
    /// Writes a row's mean, leaves its covariance in `scratch`, and adds to the totals.
    fn solve(
        &self,
        row: usize,
        mean: &mut [f64],
        scratch: &mut Scratch,
        totals: &mut Totals,
    ) -> Option<()> {
        let width = self.layout.width;
        let squares = self.sum(row, scratch);
        let Scratch { sums, moment, precision, work, covariance, .. } = scratch;
        let prior = self.precision.as_slice()?;
        precision.copy_from_slice(prior);
        let mut rest = sums.iter();
        for (i, elements) in precision.chunks_exact_mut(width).enumerate() {
            for (element, sum) in elements.iter_mut().skip(i).zip(rest.by_ref()) {
                *element += sum / self.noise;
            }
        }
        let factor = Symmetric::new(precision, width).factorise()?;
        let prior_moment = self.prior_moments.row(row);
        for ((mean, prior), moment) in mean.iter_mut().zip(prior_moment).zip(&*moment) {
            *mean = prior + moment / self.noise;
        }
        factor.solve(mean);
        factor.invert(work, covariance);
        let total = totals.covariance.iter_mut();
        total.zip(&*covariance).for_each(|(total, element)| *total += element);
        // The mean of (y - z.x)^2 over beliefs about both sides.
        let mut explained = 0.0;
        let mut rest = sums.iter();
        for (i, row) in covariance.chunks_exact(width).enumerate() {
            let pairs = row.iter().zip(&*mean).skip(i).zip(rest.by_ref());
            for (j, ((covariance, other), sum)) in pairs.enumerate() {
                let times = if j == 0 { 1.0 } else { 2.0 };
                explained += times * (mean[i] * other + covariance) * sum;
            }
        }
        let along = ArrayView1::from(&*mean).dot(&ArrayView1::from(&moment[..width]));
        totals.squared_error += squares - 2.0 * along + explained;
        Some(())
    }

    /// Sums over the ratings of a row; returns the sum of the mean squares of what is to be
    /// explained.
    fn sum(&self, row: usize, scratch: &mut Scratch) -> f64 {
        let Layout { width, seconds, stride } = self.layout;
        let Scratch { sums, moment, lefts, .. } = scratch;
        sums.fill(0.0);
        moment.fill(0.0);
        let (mut squares, mut sum) = (0.0, 0.0);
        let (others, values) = (self.adjacency.others(row), self.adjacency.values(row));
        for (others, values) in others.chunks(CACHED).zip(values.chunks(CACHED)) {
            lefts.clear();
            lefts.extend(others.iter().zip(values).map(|(&other, &value)| {
                let left = f64::from(value) - self.biases[other as usize];
                squares += left * left;
                sum += left;
                left
            }));
            add_rows_at(sums, &self.others.records, stride, others, None);
            add_rows_at(moment, &self.others.records, stride, others, Some(lefts));
        }
        let bias = &sums[seconds..][..width];
        moment.iter_mut().zip(bias).for_each(|(moment, bias)| *moment -= bias);
        // The regressor of the bias is 1.
        moment[0] = sum;
        squares + bias[0]
    }
}

#[cfg(test)]
mod tests;
