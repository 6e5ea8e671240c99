//! The posterior of a linear head, in closed form.

use super::own_head::OwnHead;
use super::ridge::RidgeSolver;
use super::set::Set;
use crate::kernels::are_finite;
use crate::model::config::Ridge;
use crate::model::loss::Output;
use crate::model::network::{LayerRows, Network};

/// The posterior of a user's linear head. A priori its weights are independent and normal
/// around its start; a rating is normal around the head's output, with the noise's variance
/// and a part of its item's own. It serves one user after another.
///
/// With clicks, one Newton step is taken from the start: each click counts as a rating, with
/// the logit that minimises the linearised loss.
#[derive(Clone, Debug)]
pub struct Posterior {
    settings: Ridge,
    /// The prior standard deviation of each of the head's parameters; the last is the bias's,
    /// which depends on the user.
    scale: Vec<f32>,
    solver: RidgeSolver,
}

impl Posterior {
    /// For heads with these prior standard deviations; the bias's is set by
    /// [`Posterior::begin`].
    pub fn new(settings: Ridge, scale: &[f32]) -> Self {
        Self { settings, scale: scale.to_vec(), solver: RidgeSolver::new(scale.len()) }
    }

    /// The variance of the noise, and the other settings of a rating's variance.
    pub fn settings(&self) -> &Ridge {
        &self.settings
    }

    /// The prior standard deviations.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// Forgets the last user, and begins with one with this prior variance of the bias and so
    /// many ratings.
    pub fn begin(&mut self, bias_variance: f64, ratings: usize) {
        if let Some(bias) = self.scale.last_mut() {
            *bias = bias_variance.sqrt() as f32;
        }
        self.solver.begin(ratings);
    }

    /// Adds the next block of the user's ratings; `network` is that of users' own heads.
    pub fn take(
        &mut self,
        network: &Network,
        output: &Output,
        set: Set,
        head: &OwnHead,
        activations: &mut LayerRows,
    ) {
        let Set { inputs, targets, item_variances } = set;
        let predictions = head.start_forward(network).outputs(network, inputs, activations);
        let width = self.scale.len();
        let (rows, residuals) = self.solver.rows_mut();
        for (row, (prediction, target)) in predictions.iter().zip(targets).enumerate() {
            let (residual, variance) = output.loss.working_residual(*prediction, *target);
            let item_variance = item_variances.get(row).copied().unwrap_or(0.0);
            let variance = self.settings.rating_variance(variance, item_variance);
            let root = 1.0 / f64::from(variance).sqrt();
            inputs.write_scaled(row, root, &self.scale, &mut rows[row * width..][..width]);
            residuals[row] = root * f64::from(residual);
        }
        self.solver.take(inputs.rows);
    }

    /// Finds the mean. Returns `false` if the numbers exceed the range of floats.
    pub fn solve(&mut self) -> bool {
        self.solver.solve()
    }

    /// Writes the mean into a head. Returns `false` if it exceeds the range of floats.
    pub fn write(&self, head: &mut OwnHead) -> bool {
        let (numbers, start) = head.change();
        let moved = self.scale.iter().zip(self.solver.mean());
        for ((number, start), (scale, mean)) in numbers.iter_mut().zip(start).zip(moved) {
            *number = (f64::from(*start) + f64::from(*scale) * mean) as f32;
        }
        are_finite(numbers)
    }

    /// The variance of the head's output for an item, in its own units. There is one feature
    /// less than the head has parameters.
    pub fn variance(&mut self, features: &[f32]) -> f64 {
        let row = features.iter().chain([&1.0]).zip(&self.scale);
        self.solver.variance(row.map(|(feature, scale)| f64::from(*scale) * f64::from(*feature)))
    }

    /// Writes the covariance in units of [`Posterior::scale`], [width, width]; `work` is as
    /// large.
    pub fn covariance(&mut self, work: &mut [f64], covariance: &mut [f64]) {
        self.solver.covariance(work, covariance);
    }
}

impl Ridge {
    /// The variance of a rating around the best head's output: the noise, by the loss's own
    /// variance, and a part of its item's.
    pub(crate) fn rating_variance(&self, of_loss: f32, of_item: f32) -> f32 {
        self.noise * of_loss + self.item_variance * of_item
    }
}
