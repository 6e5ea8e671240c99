//! The way back through the layers, and steps along the gradient.

use std::ops::Range;

use super::{Inputs, Layer, LayerRows, Network};
#[cfg(feature = "train")]
use crate::kernels::add_scaled_rows;
use crate::kernels::{
    Matrix, MatrixMut, Start, gemm, relu_mask, squares_of_rows, sum_and_scale_rows, sum_of_squares,
};

/// The values of parameters, or of a gradient, before a gradient is added.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Begin<'a> {
    #[cfg_attr(not(feature = "train"), allow(dead_code, reason = "only training needs it"))]
    Zero,
    /// The values that they already hold.
    Kept,
    /// These parameters.
    At(&'a [f32]),
}

impl Network {
    /// Carries the loss's derivatives back through the layers.
    ///
    /// `deltas` holds those by the last layer's sums in its last matrix; those
    /// by the other layers' sums are computed.
    pub fn backward(
        &self,
        parameters: &[f32],
        activations: &LayerRows,
        rows: usize,
        deltas: &mut LayerRows,
    ) {
        for (l, layer) in self.layers.iter().enumerate().skip(1).rev() {
            let (previous, deltas) = deltas.split_mut(l);
            let previous = &mut previous[..rows * layer.inputs];
            gemm(
                Matrix::dense(deltas, rows, layer.outputs),
                layer.weights(parameters),
                Start::Zero,
                MatrixMut::dense(previous, rows, layer.inputs),
            );
            relu_mask(previous, activations.layer(l - 1));
        }
    }

    /// The gradient by the parameters, summed over rows, added to where it
    /// begins.
    #[cfg(feature = "train")]
    pub(crate) fn gradient(
        &self,
        inputs: Inputs,
        activations: &LayerRows,
        deltas: &LayerRows,
        begin: Begin,
        gradient: &mut [f32],
    ) {
        for (l, layer) in self.layers.iter().enumerate() {
            let deltas = &deltas.layer(l)[..inputs.rows * layer.outputs];
            self.products(l, inputs, activations, deltas, begin, gradient);
            begin.copy(&layer.bias, gradient);
            let deltas = Matrix::dense(deltas, inputs.rows, layer.outputs);
            add_scaled_rows(&mut gradient[layer.bias.clone()], 1.0, deltas);
        }
    }

    /// A gradient step from where it begins: `parameters = begin - share * rate *
    /// gradient`, of some layers, with a rate for each tensor.
    ///
    /// Each layer's `deltas` are multiplied by minus its weight's rate and share.
    ///
    /// Says whether the parameters are known to be finite, if they were where it began.
    /// By the inequality of Cauchy and Schwarz no parameter changes by more than the norms
    /// of deltas and inputs multiplied. Where the product of their squares can be held by
    /// a float, its root is so small that the largest float stays what it is.
    #[expect(clippy::too_many_arguments, reason = "a step is all of these")]
    pub(crate) fn step(
        &self,
        layers: Range<usize>,
        inputs: Inputs,
        activations: &LayerRows,
        deltas: &mut LayerRows,
        share: f32,
        rates: &[f32],
        begin: Begin,
        parameters: &mut [f32],
    ) -> bool {
        let mut finite = true;
        for l in layers {
            let layer = &self.layers[l];
            let (weight_rate, bias_rate) = (share * rates[2 * l], share * rates[2 * l + 1]);
            let deltas = &mut deltas.layer_mut(l)[..inputs.rows * layer.outputs];
            begin.copy(&layer.bias, parameters);
            let bias = &mut parameters[layer.bias.clone()];
            let changes = sum_and_scale_rows(deltas, -weight_rate, bias, -bias_rate);
            let before = inputs.rows * layer.inputs;
            let squares = match l {
                0 => inputs.sum_of_squares(),
                _ => inputs.rows as f32 + sum_of_squares(&activations.layer(l - 1)[..before]),
            };
            let rates = weight_rate * weight_rate + bias_rate * bias_rate;
            finite &= (rates * changes * squares).is_finite();
            self.products(l, inputs, activations, deltas, begin, parameters);
        }
        finite
    }

    /// A layer's weight in `to` = where it begins + `deltas^T input`.
    fn products(
        &self,
        l: usize,
        inputs: Inputs,
        activations: &LayerRows,
        deltas: &[f32],
        begin: Begin,
        to: &mut [f32],
    ) {
        if l == 0 {
            return self.first_products(inputs, deltas, begin, to);
        }
        let layer = &self.layers[l];
        gemm(
            Matrix::dense(deltas, inputs.rows, layer.outputs).transposed(),
            Matrix::dense(activations.layer(l - 1), inputs.rows, layer.inputs),
            begin.start(layer, 0, layer.outputs, layer.inputs),
            MatrixMut::dense(&mut to[layer.weight.clone()], layer.outputs, layer.inputs),
        );
    }

    /// The first layer's weight in `to` = where it begins + `deltas^T input`.
    pub(crate) fn first_products(
        &self,
        inputs: Inputs,
        deltas: &[f32],
        begin: Begin,
        to: &mut [f32],
    ) {
        debug_assert!(cfg!(feature = "train") || self.user_width == 0, "only training has them");
        let layer = &self.layers[0];
        let (rows, outputs) = (inputs.rows, layer.outputs);
        let to = &mut to[layer.weight.clone()];
        gemm(
            Matrix::dense(deltas, rows, outputs).transposed(),
            Matrix::dense(inputs.items, rows, self.item_width),
            begin.start(layer, 0, outputs, self.item_width),
            MatrixMut::new(to, outputs, self.item_width, layer.inputs),
        );
        #[cfg(feature = "train")]
        self.user_products(inputs, deltas, begin, to);
    }

    /// The user's part of the same, which users' own heads do not have.
    #[cfg(feature = "train")]
    fn user_products(&self, inputs: Inputs, deltas: &[f32], begin: Begin, weight: &mut [f32]) {
        if self.user_width == 0 {
            return;
        }
        let layer = &self.layers[0];
        // All rows have the same user: their deltas are summed first, for some units at a
        // time, for which there is room.
        let mut sums = [0.0; 64];
        for first in (0..layer.outputs).step_by(sums.len()) {
            let count = sums.len().min(layer.outputs - first);
            let deltas = deltas.get(first..).unwrap_or_default();
            let sums = &mut sums[..count];
            sums.fill(0.0);
            add_scaled_rows(sums, 1.0, Matrix::new(deltas, inputs.rows, count, layer.outputs));
            let place = first * layer.inputs + self.item_width;
            gemm(
                Matrix::column(sums),
                Matrix::dense(inputs.user, 1, self.user_width),
                begin.start(layer, place, count, self.user_width),
                MatrixMut::new(&mut weight[place..], count, self.user_width, layer.inputs),
            );
        }
    }

    /// `gradient += deltas^T activations` for the weights of all layers but the first.
    #[cfg(feature = "train")]
    pub(crate) fn add_outer_products(
        &self,
        activations: &LayerRows,
        deltas: &LayerRows,
        rows: usize,
        gradient: &mut [f32],
    ) {
        for (l, layer) in self.layers.iter().enumerate().skip(1) {
            gemm(
                Matrix::dense(deltas.layer(l), rows, layer.outputs).transposed(),
                Matrix::dense(activations.layer(l - 1), rows, layer.inputs),
                Start::Kept,
                MatrixMut::dense(&mut gradient[layer.weight.clone()], layer.outputs, layer.inputs),
            );
        }
    }

    /// `items += ` the gradient by the items' embeddings, [rows, item width],
    /// and `user += ` by the user's, summed over rows.
    ///
    /// `parameters` may be a direction, as in [`Network::first_layer`].
    #[cfg(feature = "train")]
    pub(crate) fn add_input_gradient(
        &self,
        parameters: &[f32],
        deltas: &LayerRows,
        rows: usize,
        items: &mut [f32],
        user: &mut [f32],
    ) {
        let first = &self.layers[0];
        let weight = &parameters[first.weight.clone()];
        let deltas = &deltas.layer(0)[..rows * first.outputs];
        gemm(
            Matrix::dense(deltas, rows, first.outputs),
            self.item_part(weight),
            Start::Kept,
            MatrixMut::dense(items, rows, self.item_width),
        );
        if self.user_width == 0 {
            return;
        }
        let mut sums = vec![0.0; first.outputs];
        add_scaled_rows(&mut sums, 1.0, Matrix::dense(deltas, rows, first.outputs));
        gemm(
            Matrix::dense(&sums, 1, first.outputs),
            self.user_part(weight),
            Start::Kept,
            MatrixMut::dense(user, 1, self.user_width),
        );
    }

    /// The squared norm of the gradient of each row by itself, over all tensors
    /// together.
    ///
    /// A weight's gradient is the outer product of `delta` and input, whose
    /// norm is the product of theirs, so that no gradient is formed.
    pub fn squared_gradient_norms(
        &self,
        inputs: Inputs,
        activations: &LayerRows,
        deltas: &LayerRows,
        norms: &mut [f32],
    ) {
        // So many rows at once, that what is needed of each fits on the stack.
        const ROWS: usize = 32;
        let (mut squares, mut input_squares) = ([0.0; ROWS], [0.0; ROWS]);
        let user = sum_of_squares(inputs.user);
        let rows = inputs.rows.min(norms.len());
        for (block, norms) in norms[..rows].chunks_mut(ROWS).enumerate() {
            let (first, rows) = (block * ROWS, norms.len());
            let part = |matrix: &[f32], width: usize, squares: &mut [f32]| {
                let matrix = matrix.get(first * width..).unwrap_or_default();
                squares_of_rows(Matrix::dense(matrix, rows, width), squares);
            };
            part(inputs.items, self.item_width, &mut input_squares);
            input_squares.iter_mut().for_each(|squares| *squares += user);
            norms.fill(0.0);
            for (l, layer) in self.layers.iter().enumerate() {
                if l > 0 {
                    part(activations.layer(l - 1), layer.inputs, &mut input_squares);
                }
                part(deltas.layer(l), layer.outputs, &mut squares);
                for (norm, (delta, input)) in
                    norms.iter_mut().zip(squares.iter().zip(&input_squares))
                {
                    *norm += delta * (input + 1.0);
                }
            }
        }
    }
}

impl<'a> Begin<'a> {
    /// Some rows' columns of a layer's weight, from `place` on.
    fn start(self, layer: &Layer, place: usize, rows: usize, width: usize) -> Start<'a> {
        match self {
            Self::Zero => Start::Zero,
            Self::Kept => Start::Kept,
            Self::At(parameters) => {
                let from = &parameters[layer.weight.clone()][place..];
                Start::Matrix(Matrix::new(from, rows, width, layer.inputs))
            }
        }
    }

    fn copy(&self, range: &Range<usize>, to: &mut [f32]) {
        match self {
            Self::Zero => to[range.clone()].fill(0.0),
            Self::Kept => {}
            Self::At(parameters) => to[range.clone()].copy_from_slice(&parameters[range.clone()]),
        }
    }
}
