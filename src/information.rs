//! What an answer would tell of a user: by how much the ratings of the whole
//! catalogue would become surer.

use crate::adapt::BLOCK;
use crate::config::Local;
use crate::inputs::Rows;
use crate::kernels::{Matrix, MatrixMut, Start, dot, gemm, scale_by};
use crate::{Error, Model, Result, User};

/// A user's features of the catalogue, how unsure the head is of them, and room
/// to compute with both.
///
/// With S the head's covariance and M the mean of `phi phi^T` over the
/// catalogue's features, each item counting by the chance that it is known, the
/// mean variance of the head's scores is the trace of `M S`. A rating of an item
/// with the features `phi` and noise of variance `v` lowers it by `phi^T S M S
/// phi / (v + phi^T S phi)` (Bishop 2006, section 3.3, with the Sherman-Morrison
/// formula). All is in units of the head's scale.
#[derive(Clone, Debug)]
pub struct Information {
    width: usize,
    /// M, [width, width].
    moment: Vec<f32>,
    /// S, [width, width], in both precisions.
    covariance: Vec<f64>,
    single: Vec<f32>,
    /// S and S M S side by side, [width, 2 width].
    sides: Vec<f32>,
    /// Room for [width, width].
    work: Vec<f64>,
    product: Vec<f32>,
    /// Features of a block's items, [BLOCK, width], and their ratings' variances.
    rows: Vec<f32>,
    noises: Vec<f32>,
    /// The rows times the sides, [BLOCK, 2 width].
    products: Vec<f32>,
    reductions: Vec<f32>,
    /// The trace of M S: no answer can lower it by more.
    pub uncertainty: f32,
}

impl Information {
    /// Room for a model's users; [`Information::update`] fills it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model that adapts by gradient steps.
    pub fn new(model: &Model) -> Result<Self> {
        if !model.has_deviations() {
            let problem = "it adapts by gradient steps and does not know how sure it is; one with \
                           the ridge solver is expected";
            return Err(Error::argument("model", problem));
        }
        let width = model.user_start().len();
        Ok(Self {
            width,
            moment: vec![0.0; width * width],
            covariance: vec![0.0; width * width],
            single: vec![0.0; width * width],
            sides: vec![0.0; 2 * width * width],
            work: vec![0.0; width * width],
            product: vec![0.0; width * width],
            rows: vec![0.0; BLOCK * width],
            noises: vec![0.0; BLOCK],
            products: vec![0.0; 2 * BLOCK * width],
            reductions: vec![0.0; BLOCK],
            uncertainty: 0.0,
        })
    }

    /// Takes over what is known of the user by now, who knows each item of the
    /// catalogue with the chance in `known`.
    pub fn update(&mut self, user: &mut User, known: &[f32]) {
        let Self { width, covariance, work, rows, noises, moment, .. } = self;
        let width = *width;
        let sum: f64 = known.iter().copied().map(f64::from).sum();
        moment.fill(0.0);
        for (block, known) in known.chunks(BLOCK).enumerate() {
            let count = user.features(Rows::From(block * BLOCK, known.len()), rows, noises);
            let rows = &mut rows[..count * width];
            for (row, known) in rows.chunks_exact_mut(width).zip(known) {
                let share = f64::from(*known) / sum.max(f64::MIN_POSITIVE);
                scale_by(row, share.sqrt() as f32);
            }
            let rows = Matrix::dense(rows, count, width);
            gemm(rows.transposed(), rows, Start::Kept, MatrixMut::dense(moment, width, width));
        }
        match &mut user.posterior {
            Some(posterior) => posterior.covariance(work, covariance),
            None => covariance.fill(0.0),
        }
        self.covariance_changed();
    }

    /// By how much a rating of each of at most [`BLOCK`] items would lower the
    /// mean variance of the catalogue's scores.
    pub fn reductions(&mut self, user: &mut User, rows: Rows) -> &[f32] {
        let Self { width, sides, rows: features, noises, products, reductions, .. } = self;
        let width = *width;
        let count = user.features(rows, features, noises);
        let features = &features[..count * width];
        let products = &mut products[..2 * count * width];
        gemm(
            Matrix::dense(features, count, width),
            Matrix::dense(sides, width, 2 * width),
            Start::Zero,
            MatrixMut::dense(products, count, 2 * width),
        );
        let pairs = features.chunks_exact(width).zip(products.chunks_exact(2 * width));
        for ((reduction, noise), (features, products)) in
            reductions.iter_mut().zip(noises).zip(pairs)
        {
            let (covariances, effects) = products.split_at(width);
            *reduction = dot(features, effects) / (*noise + dot(features, covariances));
        }
        &reductions[..count]
    }

    /// Goes on as if an item had been asked about that is known with this
    /// probability: its rating counts by so much.
    pub fn expect(&mut self, user: &mut User, item: u32, probability: f32) {
        self.reductions(user, Rows::Listed(&[item]));
        let Self { width, covariance, rows, noises, products, .. } = self;
        let covariances = &products[..*width];
        let variance = noises[0] + dot(&rows[..*width], covariances);
        let share = f64::from(probability) / f64::from(variance);
        for (row, left) in covariance.chunks_exact_mut(*width).zip(covariances) {
            for (element, right) in row.iter_mut().zip(covariances) {
                *element -= share * f64::from(*left) * f64::from(*right);
            }
        }
        self.covariance_changed();
    }

    fn covariance_changed(&mut self) {
        let Self { width, moment, covariance, single, sides, product, .. } = self;
        let width = *width;
        for (single, element) in single.iter_mut().zip(covariance.iter()) {
            *single = *element as f32;
        }
        for (side, row) in sides.chunks_exact_mut(2 * width).zip(single.chunks_exact(width)) {
            side[..width].copy_from_slice(row);
        }
        let single = Matrix::dense(single, width, width);
        let moment = Matrix::dense(moment, width, width);
        gemm(moment, single, Start::Zero, MatrixMut::dense(product, width, width));
        self.uncertainty = product.iter().step_by(width + 1).sum();
        let product = Matrix::dense(product, width, width);
        gemm(
            single,
            product,
            Start::Zero,
            MatrixMut::new(&mut sides[width..], width, width, 2 * width),
        );
    }
}

impl User {
    /// Writes the features of at most [`BLOCK`] items, in units of the head's
    /// scale, [BLOCK, the head's width], and the variance of a rating of each
    /// around what the best head says; returns how many.
    fn features(&mut self, rows: Rows, features: &mut [f32], noises: &mut [f32]) -> usize {
        let Self { catalog, own_head, room, posterior, .. } = self;
        let model = catalog.model();
        let (network, output) = (model.user_head_network(), model.config().output);
        let (inputs, item_variances) = room.inputs.fill(catalog, rows);
        let activations = &mut room.workspace.activations;
        let said = own_head.forward(network).outputs(network, inputs, activations);
        let (Local::Ridge(ridge), Some(posterior)) = (&model.config().local, posterior) else {
            return 0;
        };
        for (row, (noise, said)) in noises.iter_mut().zip(said).enumerate() {
            // A rating's variance does not depend on the rating.
            let (_, variance) = output.loss.working_residual(*said, *said);
            let item_variance = item_variances.get(row).copied().unwrap_or(0.0);
            *noise = ridge.noise * variance + ridge.item_variance * item_variance;
        }
        let scale = posterior.scale();
        let last = scale.len() - 1;
        for (row, features) in features.chunks_exact_mut(scale.len()).enumerate().take(said.len()) {
            let inputs = &inputs.items[row * last..][..last];
            for ((feature, input), scale) in features.iter_mut().zip(inputs).zip(scale) {
                *feature = scale * input;
            }
            // The bias is the weight of a feature that is always 1.
            features[last] = scale[last];
        }
        said.len()
    }
}
