//! The posterior of a linear head, in closed form.

use super::own_head::OwnHead;
use super::ridge::{RidgeSolver, VARIANCES};
use super::set::Set;
use crate::catalog::blocks::BLOCK;
use crate::kernels::{are_finite, padded, widen_scaled};
use crate::memory;
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
    /// The same in double precision, and zeros up to the length of the solver's rows.
    wide_scale: Vec<f64>,
    solver: RidgeSolver,
}

impl Posterior {
    /// For heads with these prior standard deviations; the bias's is set by
    /// [`Posterior::begin`].
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(settings: Ridge, scale: &[f32]) -> memory::Result<Self> {
        let mut wide_scale = memory::zeros(padded(scale.len()))?;
        wide_scale.iter_mut().zip(scale).for_each(|(wide, scale)| *wide = f64::from(*scale));
        let solver = RidgeSolver::new(scale.len())?;
        Ok(Self { settings, scale: memory::copy(scale)?, wide_scale, solver })
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
            self.wide_scale[self.scale.len() - 1] = f64::from(*bias);
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
        let mut roots = [0.0; BLOCK];
        let (_, residuals) = self.solver.rows_mut();
        let answers = predictions.iter().zip(targets).zip(&mut roots).zip(residuals);
        for (row, (((prediction, target), root), to)) in answers.enumerate() {
            let (residual, variance) = output.loss.working_residual(*prediction, *target);
            let item_variance = item_variances.get(row).copied().unwrap_or(0.0);
            let variance = self.settings.rating_variance(variance, item_variance);
            *root = 1.0 / f64::from(variance).sqrt();
            *to = *root * f64::from(residual);
        }
        let (rows, _) = self.solver.rows_mut();
        write_rows(inputs.items, &roots[..inputs.rows], &self.wide_scale, self.scale.len(), rows);
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

    /// Writes the variances of the head's outputs for items, in its own units; `features` are
    /// the items' rows, without gaps, one number narrower than the head.
    pub fn variances(&mut self, features: &[f32], variances: &mut [f64]) {
        let width = self.scale.len();
        for (place, variances) in variances.chunks_mut(VARIANCES).enumerate() {
            let features = &features[place * VARIANCES * (width - 1)..];
            let roots = &[1.0; VARIANCES][..variances.len()];
            write_rows(features, roots, &self.wide_scale, width, self.solver.asked_mut());
            self.solver.variances(variances);
        }
    }

    /// Writes the covariance in units of [`Posterior::scale`], [width, width]; `work` is as
    /// large.
    pub fn covariance(&mut self, work: &mut [f64], covariance: &mut [f64]) {
        self.solver.covariance(work, covariance);
    }
}

/// Writes rows for the solver: each item's features and a 1, times the scales and the item's
/// root. `features` are one narrower than the rows are wide.
fn write_rows(features: &[f32], roots: &[f64], scale: &[f64], width: usize, rows: &mut [f64]) {
    let of_item = features.chunks_exact((width - 1).max(1));
    // A model's head may have a bias alone.
    let of_item = of_item.chain(std::iter::repeat(&[][..]));
    widen_scaled(of_item.zip(roots.iter().copied()), scale, &[], rows, |_, _| ());
    let biases = rows.iter_mut().skip(width - 1).step_by(scale.len());
    biases.zip(roots).for_each(|(bias, root)| *bias = root * scale[width - 1]);
}

impl Ridge {
    /// The variance of a rating around the best head's output: the noise, by the loss's own
    /// variance, and a part of its item's.
    pub(crate) fn rating_variance(&self, of_loss: f32, of_item: f32) -> f32 {
        self.noise * of_loss + self.item_variance * of_item
    }
}
