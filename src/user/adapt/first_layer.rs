//! The first layer while a local update takes several steps.
//!
//! Every step adds multiples of the support set's rows to the first layer's
//! weights: W = W0 + C^T X. Its sums are therefore those at the start plus
//! (X X^T) C, so that with few ratings neither the weights nor their product
//! with X, two thirds of a step's work, is computed again before the end.

use crate::catalog::blocks::BLOCK;
use crate::kernels::{
    Matrix, MatrixMut, Start, add_scaled, add_scaled_rows, gemm, rectify, scale_by, sum_of_squares,
};
use crate::memory;
use crate::model::network::{Begin, Inputs, LayerRows, Network, PackedNetwork};

/// The first layer's updates, in terms of the support set's rows.
#[derive(Clone, Debug, Default)]
pub struct FirstLayer {
    /// Products of the rows with each other, and a 1 for the bias, [rows, rows + 1].
    products: Vec<f32>,
    /// The sums at the start, [rows, outputs].
    start: Vec<f32>,
    /// C: the coefficients of each row, and the update of the bias, [rows + 1, outputs].
    coefficients: Vec<f32>,
}

impl FirstLayer {
    /// Memory for support sets of up to [`BLOCK`] rows.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(network: &Network) -> memory::Result<Self> {
        let outputs = network.layers()[0].outputs;
        Ok(Self {
            products: memory::zeros(BLOCK * (BLOCK + 1))?,
            start: memory::zeros(BLOCK * outputs)?,
            coefficients: memory::zeros((BLOCK + 1) * outputs)?,
        })
    }

    /// Whether this is less work than the layer itself: the products of rows with
    /// rows instead of those of rows with weights, of which there are two a step.
    pub fn pays(network: &Network, rows: usize, steps: usize) -> bool {
        steps > 1 && rows <= BLOCK && rows < 2 * network.item_width()
    }

    /// Begins at the start of the user's local updates.
    pub fn begin(&mut self, network: &Network, start: &PackedNetwork, inputs: Inputs) {
        let (rows, width) = (inputs.rows, inputs.rows + 1);
        let items = Matrix::dense(inputs.items, rows, network.item_width());
        let products = &mut self.products[..rows * width];
        gemm(items, items.transposed(), Start::Zero, MatrixMut::new(products, rows, rows, width));
        products.iter_mut().skip(rows).step_by(width).for_each(|product| *product = 1.0);
        let outputs = network.layers()[0].outputs;
        network.first_sums(start, inputs, &mut self.start[..rows * outputs]);
        self.coefficients[..width * outputs].fill(0.0);
    }

    /// Computes the layer's outputs.
    pub fn forward(&self, network: &Network, rows: usize, activations: &mut LayerRows) {
        let (outputs, width) = (network.layers()[0].outputs, rows + 1);
        let sums = &mut activations.layer_mut(0)[..rows * outputs];
        gemm(
            Matrix::dense(&self.products, rows, width),
            Matrix::dense(&self.coefficients, width, outputs),
            Start::Matrix(Matrix::dense(&self.start, rows, outputs)),
            MatrixMut::dense(sums, rows, outputs),
        );
        if network.is_rectified(0) {
            rectify(sums);
        }
    }

    /// Moves by the share `back` towards the start, and then takes a gradient step: `deltas`
    /// are the loss's derivatives by the layer's sums, and `rates` the learning rates of
    /// weights and bias.
    pub fn step(&mut self, rows: usize, deltas: &[f32], rates: [f32; 2], back: f32) {
        let outputs = deltas.len() / rows;
        let coefficients = &mut self.coefficients[..(rows + 1) * outputs];
        if back > 0.0 {
            scale_by(coefficients, 1.0 - back);
        }
        let (weights, bias) = coefficients.split_at_mut(rows * outputs);
        let [weight_rate, bias_rate] = rates;
        add_scaled(weights, -weight_rate, deltas);
        add_scaled_rows(bias, -bias_rate, Matrix::dense(deltas, rows, outputs));
    }

    /// Writes the layer's weights and bias into `head`. Returns whether they are known to be
    /// finite, like [`Network::step`].
    pub fn finish(
        &self,
        network: &Network,
        inputs: Inputs,
        start: &[f32],
        head: &mut [f32],
    ) -> bool {
        let outputs = network.layers()[0].outputs;
        let (weights, bias) = self.coefficients.split_at(inputs.rows * outputs);
        network.first_products(inputs, weights, Begin::At(start), head);
        let range = network.layers()[0].bias.clone();
        head[range.clone()].copy_from_slice(&start[range.clone()]);
        add_scaled(&mut head[range], 1.0, &bias[..outputs]);
        let coefficients = sum_of_squares(&self.coefficients[..(inputs.rows + 1) * outputs]);
        (coefficients * inputs.sum_of_squares()).is_finite()
    }
}
