//! The gradient of the query loss through ridge regression, derived by hand.
//!
//! With a row `a` for each support rating and its residual `e`, both divided by
//! the rating's standard deviation, the adapted weights are `w = K^-1 A^T e`,
//! where `K = A^T A + I`. Let `v` be the query loss's gradient by `w`, and `u =
//! K^-1 v`. Then
//!
//! - a residual gets `a.u`;
//! - a row gets `(e - a.w) u - (a.u) w`.
//!
//! All else is how rows and residuals come from features, scale, item variances
//! and the head where it starts.

use ndarray::{Array1, Array2};

use super::buffers::zero;
use super::dense::{Cholesky, add_squares, add_weighted_rows, rows_of, solve};
use super::head_task::HeadTask;
use crate::model::config::Ridge;
use crate::model::loss::Output;

/// One task's gradients, and memory to compute them in.
///
/// Reuse one for many tasks: its buffers stay.
#[derive(Clone, Debug, Default)]
pub struct RidgeGradient {
    /// The mean query loss at the adapted head.
    pub loss: f32,
    /// By the head where it starts.
    pub head: Vec<f32>,
    /// By the head's scale.
    pub scale: Vec<f32>,
    /// By the part that an item's variance counts.
    pub item_variance: f32,
    /// By the head's inputs in the support set, [rows, item width].
    pub support_items: Vec<f32>,
    /// By the head's inputs in the query set, [rows, item width].
    pub query_items: Vec<f32>,
    /// By the user's part of the head's inputs, through both sets.
    pub user: Vec<f32>,
    /// The user's part of the head's sums.
    user_sums: Vec<f32>,
    /// The head's prediction for each row.
    predictions: Vec<f32>,
    /// The support set's rows in units of `scale`, [rows, width].
    rows: Vec<f64>,
    ratings: Vec<SupportRating>,
    /// Of K. `None` where its numbers are beyond what floats can hold: then the loss is no
    /// number, nor is what follows.
    factor: Option<Cholesky>,
    /// The adapted weights less the start, in units of `scale`.
    weights: Array1<f64>,
    /// The sums of both sets for `head`, which may cancel.
    by_head: Array1<f64>,
    /// `v`, and then `u`.
    dual: Array1<f64>,
}

/// A support rating.
#[derive(Clone, Copy, Debug, Default)]
struct SupportRating {
    /// How far the target lies above the head's prediction.
    residual: f64,
    /// The residual's derivative by the head's prediction.
    residual_slope: f64,
    /// 1 over the standard deviation.
    precision: f64,
    /// The precision's derivative by the head's prediction.
    precision_slope: f64,
    /// The precision's derivative by the part that the item's variance counts.
    by_item_variance: f64,
}

impl RidgeGradient {
    /// Computes one task's gradients; all of the public fields are replaced.
    ///
    /// The task's network is of one layer, and `scale` how wide its head's prior is. With
    /// an empty support set there is no local update; with an empty query set all gradients
    /// are 0.
    pub fn compute(&mut self, task: HeadTask, ridge: &Ridge, scale: &[f32]) {
        let HeadTask { network, support, query, .. } = task;
        let width = network.parameters();
        self.by_head = Array1::zeros(width);
        zero(&mut self.scale, width);
        zero(&mut self.support_items, support.inputs.items.len());
        zero(&mut self.query_items, query.inputs.items.len());
        zero(&mut self.user, network.user_width());
        self.dual = Array1::zeros(width);
        self.item_variance = 0.0;
        self.solve(&task, ridge, scale);
        self.query(&task, scale);
        solve(self.factor.as_ref(), &mut self.dual);
        self.support(&task, scale);
        self.head.clear();
        self.head.extend(self.by_head.iter().map(|gradient| *gradient as f32));
    }

    /// Solves for the adapted weights.
    fn solve(&mut self, task: &HeadTask, ridge: &Ridge, scale: &[f32]) {
        let &HeadTask { network, output, head, support, .. } = task;
        let width = head.len();
        self.user_sums.resize(network.layers()[0].outputs, 0.0);
        network.sums_of_user(head, support.inputs.user, &mut self.user_sums);
        self.predictions.resize(support.inputs.rows, 0.0);
        network.linear(head, self.user_sums[0], support.inputs, &mut self.predictions);
        let predictions = self.predictions.iter().zip(support.targets).enumerate();
        self.ratings.clear();
        self.ratings.extend(predictions.map(|(row, (prediction, target))| {
            let item_variance = support.item_variances.get(row).copied().unwrap_or(0.0);
            SupportRating::new(output, ridge, *prediction, *target, item_variance)
        }));
        zero(&mut self.rows, self.ratings.len() * width);
        for (index, (row, rating)) in
            self.rows.chunks_exact_mut(width).zip(&self.ratings).enumerate()
        {
            support.inputs.write_scaled(index, rating.precision, scale, row);
        }
        let residuals = self.ratings.iter().map(|rating| rating.precision * rating.residual);
        let rows = rows_of(&self.rows, width);
        self.weights = Array1::zeros(width);
        add_weighted_rows(&mut self.weights, residuals.collect::<Array1<f64>>().view(), rows);
        let mut matrix = Array2::eye(width);
        add_squares(&mut matrix, rows);
        self.factor = Cholesky::new(matrix);
        solve(self.factor.as_ref(), &mut self.weights);
    }

    /// The query loss, and its gradients by what it sees directly.
    fn query(&mut self, task: &HeadTask, scale: &[f32]) {
        let &HeadTask { network, output, head, query, .. } = task;
        let (count, item_width) = (query.inputs.rows, network.item_width());
        let share = 1.0 / count.max(1) as f64;
        let adapted: Vec<f32> = (head.iter().zip(scale).zip(&self.weights))
            .map(|((start, scale), weight)| (f64::from(*start) + f64::from(*scale) * weight) as f32)
            .collect();
        network.sums_of_user(&adapted, query.inputs.user, &mut self.user_sums);
        self.predictions.resize(count, 0.0);
        network.linear(&adapted, self.user_sums[0], query.inputs, &mut self.predictions);
        let mut loss = 0.0;
        for (row, (prediction, target)) in self.predictions.iter().zip(query.targets).enumerate() {
            loss += share * f64::from(output.loss.value(*prediction, *target));
            let slope = share * f64::from(output.loss.derivative(*prediction, *target));
            for (i, feature) in query.inputs.row(row).chain([&1.0]).enumerate() {
                self.by_head[i] += slope * f64::from(*feature);
                self.dual[i] += slope * f64::from(*feature);
            }
            let items = self.query_items[row * item_width..][..item_width].iter_mut();
            for (gradient, weight) in items.chain(&mut self.user).zip(&adapted) {
                *gradient += (slope * f64::from(*weight)) as f32;
            }
        }
        self.loss = loss as f32;
        // By the head's numbers so far; by the weights it is in units of scale.
        for ((by, scale), (gradient, weight)) in
            self.dual.iter_mut().zip(scale).zip(self.scale.iter_mut().zip(&self.weights))
        {
            *gradient += (*by * weight) as f32;
            *by *= f64::from(*scale);
        }
    }

    /// The gradients by what the support set was made of.
    fn support(&mut self, task: &HeadTask, scale: &[f32]) {
        let &HeadTask { network, head, support, .. } = task;
        let item_width = network.item_width();
        let rows = rows_of(&self.rows, head.len());
        let (by_residuals, fitted) = (rows.dot(&self.dual), rows.dot(&self.weights));
        for (index, rating) in self.ratings.iter().enumerate() {
            let (by_residual, fitted) = (by_residuals[index], fitted[index]);
            let left = rating.precision * rating.residual - fitted;
            let mut by_precision = by_residual * rating.residual;
            let features = || support.inputs.row(index).chain([&1.0]);
            let items = index * item_width..(index + 1) * item_width;
            let mut gradients = self.support_items[items.clone()].iter_mut().chain(&mut self.user);
            for (i, feature) in features().enumerate() {
                let (scale, feature) = (f64::from(scale[i]), f64::from(*feature));
                let by_row = left * self.dual[i] - by_residual * self.weights[i];
                by_precision += by_row * scale * feature;
                self.scale[i] += (by_row * rating.precision * feature) as f32;
                if let Some(gradient) = gradients.next() {
                    *gradient += (by_row * rating.precision * scale) as f32;
                }
            }
            self.item_variance += (by_precision * rating.by_item_variance) as f32;
            // Both depend on the head's prediction where it starts.
            let by_prediction = by_residual * rating.precision * rating.residual_slope
                + by_precision * rating.precision_slope;
            for (gradient, feature) in self.by_head.iter_mut().zip(features()) {
                *gradient += by_prediction * f64::from(*feature);
            }
            let gradients = self.support_items[items].iter_mut().chain(&mut self.user);
            for (gradient, weight) in gradients.zip(head) {
                *gradient += (by_prediction * f64::from(*weight)) as f32;
            }
        }
    }
}

impl SupportRating {
    fn new(
        output: &Output,
        ridge: &Ridge,
        prediction: f32,
        target: f32,
        item_variance: f32,
    ) -> Self {
        let working = output.loss.working_residual(prediction, target);
        let slopes = output.loss.working_residual_slopes(prediction, target);
        let [residual, variance, residual_slope, variance_slope] =
            [working.0, working.1, slopes.0, slopes.1].map(f64::from);
        let [noise, share, item_variance] =
            [ridge.noise, ridge.item_variance, item_variance].map(f64::from);
        let precision = 1.0 / (noise * variance + share * item_variance).sqrt();
        // The derivative of x^(-1/2).
        let by_variance = -0.5 * precision.powi(3);
        Self {
            residual,
            residual_slope,
            precision,
            precision_slope: by_variance * noise * variance_slope,
            by_item_variance: by_variance * item_variance,
        }
    }
}
