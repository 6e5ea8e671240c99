//! The information in an answer: by how much it would lower the variance of scores, of the
//! items that matter.

use crate::catalog::blocks::{BLOCK, Rows};
use crate::kernels::{Matrix, MatrixMut, Start, dot, gemm, scale_by};
use crate::{Catalog, Error, Result, Scratch, User, memory};

/// The uncertainty of a user's head over the catalogue, with the memory to compute it in.
///
/// With S the head's covariance and M the mean of `phi phi^T` over the
/// catalogue's features, each item counting by how much it matters, the mean variance of
/// the head's outputs is the trace of `M S`. An answer on an item with the features `phi`
/// and noise of variance `v` lowers it by `phi^T S M S phi / (v + phi^T S phi)` (Bishop
/// 2006, section 3.3, with the Sherman-Morrison formula).
///
/// With a head for choosing, it is that head: features are items' vectors, and an item
/// matters by the chance that the user chooses it, a softmax of the scores. So questions
/// help to tell apart the items that could come into a list. Without one, it is the head
/// for ratings, and an item matters by the chance that the user knows it. All is in units
/// of the head's scale.
#[derive(Clone, Debug)]
pub struct Information {
    width: usize,
    /// How much each item matters, [items].
    weights: Vec<f32>,
    /// M, [width, width].
    moment: Vec<f32>,
    /// S, [width, width].
    covariance: Vec<f64>,
    /// S in floats.
    covariance_f32: Vec<f32>,
    /// S and S M S side by side, [width, 2 width].
    sides: Vec<f32>,
    /// A workspace, [width, width].
    work: Vec<f64>,
    /// M S, [width, width].
    product: Vec<f32>,
    /// Features of a block's items, [BLOCK, width], and their answers' variances.
    rows: Vec<f32>,
    noises: Vec<f32>,
    /// The rows times the sides, [BLOCK, 2 width].
    products: Vec<f32>,
    reductions: Vec<f32>,
    /// The trace of M S, the most by which an answer can lower it.
    pub uncertainty: f32,
}

impl Information {
    /// Memory for the users of a catalogue; [`Information::update`] fills it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model without a head for choosing that adapts by gradient
    /// steps, and [`Error::OutOfMemory`].
    pub fn new(catalog: &Catalog) -> Result<Self> {
        let model = catalog.model();
        let width = match model.choice() {
            Some(head) => head.width(),
            None if model.has_questions() => model.user_start().len(),
            None => {
                let problem = "it adapts by gradient steps and does not know how sure it is; one \
                               with a head for choosing or the ridge solver is expected";
                return Err(Error::argument("model", problem));
            }
        };
        let (square, zeros) = (width * width, memory::zeros::<f32>);
        Ok(Self {
            width,
            weights: zeros(catalog.len())?,
            moment: zeros(square)?,
            covariance: memory::zeros(square)?,
            covariance_f32: zeros(square)?,
            sides: zeros(2 * square)?,
            work: memory::zeros(square)?,
            product: zeros(square)?,
            rows: zeros(BLOCK * width)?,
            noises: zeros(BLOCK)?,
            products: zeros(2 * BLOCK * width)?,
            reductions: zeros(BLOCK)?,
            uncertainty: 0.0,
        })
    }

    /// Computes all for a user in their current state, who knows each item of the catalogue
    /// with the chance in `known`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and [`Error::MemoryLimit`].
    pub fn update(&mut self, user: &User, known: &[f32], scratch: &mut Scratch) -> Result<()> {
        let Self { width, weights, covariance, work, rows, noises, moment, .. } = self;
        let width = *width;
        if !user.write_chances(weights, scratch)? {
            weights.copy_from_slice(known);
        }
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        moment.fill(0.0);
        for (block, weights) in weights.chunks(BLOCK).enumerate() {
            let count =
                user.features(Rows::From(block * BLOCK, weights.len()), rows, noises, scratch);
            let rows = &mut rows[..count * width];
            for (row, weight) in rows.chunks_exact_mut(width).zip(weights) {
                let share = f64::from(*weight) / sum.max(f64::MIN_POSITIVE);
                scale_by(row, share.sqrt() as f32);
            }
            let rows = Matrix::dense(rows, count, width);
            gemm(rows.transposed(), rows, Start::Kept, MatrixMut::dense(moment, width, width));
        }
        user.write_covariance(work, covariance, scratch);
        self.covariance_changed();
        Ok(())
    }

    /// By how much an answer on each of at most [`BLOCK`] items would lower the mean
    /// variance.
    pub fn reductions(&mut self, user: &User, rows: Rows, scratch: &mut Scratch) -> &[f32] {
        let Self { width, sides, rows: features, noises, products, reductions, .. } = self;
        let width = *width;
        let count = user.features(rows, features, noises, scratch);
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

    /// Continues as if an item had been asked about, whose answer counts by the probability
    /// that the user knows it.
    pub fn expect(&mut self, user: &User, item: u32, probability: f32, scratch: &mut Scratch) {
        self.reductions(user, Rows::Listed(&[item]), scratch);
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
        let Self { width, moment, covariance, covariance_f32, sides, product, .. } = self;
        let width = *width;
        for (single, element) in covariance_f32.iter_mut().zip(covariance.iter()) {
            *single = *element as f32;
        }
        for (side, row) in sides.chunks_exact_mut(2 * width).zip(covariance_f32.chunks_exact(width))
        {
            side[..width].copy_from_slice(row);
        }
        let single = Matrix::dense(covariance_f32, width, width);
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
    /// Writes how likely the user is to choose each item, up to a factor. Returns `false` for
    /// a model without a head for choosing.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and [`Error::MemoryLimit`].
    fn write_chances(&self, chances: &mut [f32], scratch: &mut Scratch) -> Result<bool> {
        let Some(scoring) = self.choice_scoring(1.0, &mut scratch.choice)? else {
            return Ok(false);
        };
        let unit = scoring.head.unit(self.rated.len());
        for (block, scores) in chances.chunks_mut(BLOCK).enumerate() {
            scoring.score(Rows::From(block * BLOCK, scores.len()), scores);
        }
        let most = chances.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        chances.iter_mut().for_each(|score| *score = ((*score - most) / unit).exp());
        Ok(true)
    }

    /// Writes the covariance of the head's parameters, [width, width]; `work` is as large. If
    /// the numbers exceed the range of floats, all is 0, and no answer tells more.
    fn write_covariance(&self, work: &mut [f64], covariance: &mut [f64], scratch: &mut Scratch) {
        let Scratch { inputs, workspace, local, choice, .. } = scratch;
        if self.choice_covariance(choice, work, covariance) {
            return;
        }
        match self.posterior(local, inputs, workspace) {
            Some(posterior) => posterior.covariance(work, covariance),
            None => covariance.fill(0.0),
        }
        if covariance.iter().any(|element| !element.is_finite()) {
            covariance.fill(0.0);
        }
    }

    /// Writes the features of at most [`BLOCK`] items, in units of the head's scale, [BLOCK,
    /// the head's width], and the variance of an answer on each around the best head's
    /// prediction. Returns how many.
    fn features(
        &self,
        rows: Rows,
        features: &mut [f32],
        noises: &mut [f32],
        scratch: &mut Scratch,
    ) -> usize {
        if let (Some(head), Some(items)) = (self.catalog.model().choice(), self.catalog.choice()) {
            let (width, stride) = (head.width(), head.row_width());
            let mut filled = 0;
            let mut write = |item: usize| {
                let row = &mut features[filled * width..][..width];
                row.copy_from_slice(&items.rows[item * stride..][..width]);
                filled += 1;
            };
            match rows {
                Rows::From(first, count) => (first..first + count).for_each(&mut write),
                Rows::Listed(items) => items.iter().for_each(|&item| write(item as usize)),
            }
            noises.fill(1.0);
            return filled;
        }
        let Scratch { inputs, workspace, packed, local, .. } = scratch;
        let Some(posterior) = self.posterior(local, inputs, workspace) else { return 0 };
        let model = self.catalog.model();
        let (network, output) = (model.user_head_network(), model.config().output);
        let (inputs, item_variances) = inputs.fill(&self.catalog, rows);
        let activations = &mut workspace.activations;
        let predictions = self.forward(packed).outputs(network, inputs, activations);
        for (row, (noise, prediction)) in noises.iter_mut().zip(predictions).enumerate() {
            // A rating's variance does not depend on the rating.
            let (_, variance) = output.loss.working_residual(*prediction, *prediction);
            let item_variance = item_variances.get(row).copied().unwrap_or(0.0);
            *noise = posterior.settings().rating_variance(variance, item_variance);
        }
        let scale = posterior.scale();
        let last = scale.len() - 1;
        let rows = features.chunks_exact_mut(scale.len()).enumerate().take(predictions.len());
        for (row, features) in rows {
            let inputs = &inputs.items[row * last..][..last];
            for ((feature, input), scale) in features.iter_mut().zip(inputs).zip(scale) {
                *feature = scale * input;
            }
            // The bias is the weight of a feature that is always 1.
            features[last] = scale[last];
        }
        predictions.len()
    }
}
