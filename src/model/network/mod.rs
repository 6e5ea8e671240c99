//! Fully connected layers with ReLU: a model's head, and its body.
//!
//! A network's parameters are one flat slice, its tensors one after another: `head.0.weight`,
//! `head.0.bias`, `head.1.weight` and so on, each laid out as in `torch.nn.Linear`. One
//! layer's output is a dense matrix with a row for each rating. All rows of a batch belong to
//! one user, whose half of the first layer is therefore computed once.

mod backward;
mod packed;
mod rows;
mod user;

use std::ops::Range;

use crate::kernels::{
    Matrix, MatrixMut, Start, gemm, layer as run_layer, products_of_listed, products_of_rows,
    sum_of_squares,
};

use crate::memory;
use crate::model::Problem;

pub(crate) use backward::Begin;
pub use packed::PackedNetwork;
pub use rows::LayerRows;

/// The layers of a network, and the places of its tensors in the flat slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    kind: LastLayer,
    item_width: usize,
    user_width: usize,
    layers: Vec<Layer>,
}

/// The kind of a network's last layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastLayer {
    /// One number: how much the user likes the item.
    Head,
    /// Features for the head, through ReLU like every layer's output.
    Body,
}

/// One fully connected layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Width of its input.
    pub inputs: usize,
    /// Width of its output.
    pub outputs: usize,
    /// Where its weight lies: [outputs, inputs], row-major.
    pub weight: Range<usize>,
    /// Where its bias lies: `[outputs]`.
    pub bias: Range<usize>,
}

/// A network's input for a user's ratings: one row for each item, and the user's part.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The items' part of each row, [rows, item width], without gaps.
    pub items: &'a [f32],
    /// The user's part, the same in each row, [user width].
    pub user: &'a [f32],
    /// The numbers added to the output of each row; empty for none.
    pub offsets: &'a [f32],
    /// How many rows.
    pub rows: usize,
}

impl<'a> Inputs<'a> {
    /// Writes `share * scale * feature` for each of a row's features, and last
    /// for the bias, the weight of a feature that is always 1.
    #[cfg(feature = "train")]
    pub(crate) fn write_scaled(&self, row: usize, share: f64, scale: &[f32], to: &mut [f64]) {
        let width = self.items.len() / self.rows;
        let parts = [&self.items[row * width..][..width], self.user, &[1.0]];
        let (mut scale, mut to) = (scale, to);
        for features in parts {
            let (now, after) = to.split_at_mut(features.len());
            let (scales, other_scales) = scale.split_at(features.len());
            for ((to, scale), feature) in now.iter_mut().zip(scales).zip(features) {
                *to = share * f64::from(*scale) * f64::from(*feature);
            }
            (scale, to) = (other_scales, after);
        }
    }

    /// The sum of the squares of all rows' features, and of a 1 in each.
    pub(crate) fn sum_of_squares(&self) -> f32 {
        let rows = self.rows as f32;
        sum_of_squares(self.items) + rows * (sum_of_squares(self.user) + 1.0)
    }

    /// One whole row: the item's part, then the user's.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &'a f32> + use<'a> {
        let width = self.items.len() / self.rows;
        self.items[row * width..][..width].iter().chain(self.user)
    }
}

impl Network {
    /// A head: hidden layers of these widths, and one output. Without an input it is a bias
    /// alone, the head of a model without ratings.
    ///
    /// # Errors
    /// If a hidden layer or its input has no width, or the sizes overflow.
    pub fn head(item_width: usize, user_width: usize, hidden: &[usize]) -> Result<Self, Problem> {
        if hidden.contains(&0) {
            return Err(format!("hidden is {hidden:?}; each width must be above 0").into());
        }
        // No tensor would have to be as large as such a network.
        if !hidden.is_empty() && item_width == 0 && user_width == 0 {
            return Err("hidden layers are given; the head has no input".into());
        }
        Self::new(LastLayer::Head, item_width, user_width, hidden.iter().chain([&1]))
    }

    /// A body: layers of these widths, of which the last one's outputs are features of
    /// an item.
    ///
    /// # Errors
    /// If the input or a layer has no width, or the sizes overflow.
    pub fn body(item_width: usize, widths: &[usize]) -> Result<Self, Problem> {
        if item_width == 0 || widths.contains(&0) {
            return Err(format!(
                "body is {widths:?} for {item_width} inputs; each width must be above 0"
            )
            .into());
        }
        Self::new(LastLayer::Body, item_width, 0, widths.iter())
    }

    fn new<'a>(
        kind: LastLayer,
        item_width: usize,
        user_width: usize,
        widths: impl Iterator<Item = &'a usize>,
    ) -> Result<Self, Problem> {
        let mut inputs = item_width.checked_add(user_width).ok_or("embedding_dim is too large")?;
        let mut layers = Vec::new();
        let mut end = 0usize;
        for &outputs in widths {
            let start = end;
            let middle = inputs.checked_mul(outputs).and_then(|size| size.checked_add(start));
            let middle = middle.ok_or("the layers' sizes are too large")?;
            end = middle.checked_add(outputs).ok_or("the layers' sizes are too large")?;
            let layer = Layer { inputs, outputs, weight: start..middle, bias: middle..end };
            memory::push(&mut layers, layer)?;
            inputs = outputs;
        }
        Ok(Self { kind, item_width, user_width, layers })
    }

    /// Width of the items' part of the input.
    pub fn item_width(&self) -> usize {
        self.item_width
    }

    /// Width of the user's part of the input.
    pub fn user_width(&self) -> usize {
        self.user_width
    }

    /// Width of the last layer: a head's is 1.
    pub fn output_width(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// How many numbers the network has.
    pub fn parameters(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.bias.end)
    }

    /// How many tensors: a weight and a bias for each layer.
    pub fn tensors(&self) -> usize {
        2 * self.layers.len()
    }

    /// `head.0.weight`, `head.0.bias`, `head.1.weight` and so on; a body's begin
    /// with `body`.
    pub fn tensor_name(&self, tensor: usize) -> String {
        let network = match self.kind {
            LastLayer::Head => "head",
            LastLayer::Body => "body",
        };
        let part = if tensor.is_multiple_of(2) { "weight" } else { "bias" };
        format!("{network}.{}.{part}", tensor / 2)
    }

    /// Whether a layer's outputs pass through ReLU.
    pub(crate) fn is_rectified(&self, layer: usize) -> bool {
        self.kind == LastLayer::Body || layer + 1 < self.layers.len()
    }

    /// Where each tensor lies in the flat slice.
    pub fn tensor_ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.layers.iter().flat_map(|layer| [layer.weight.clone(), layer.bias.clone()])
    }

    /// How many of a layer's inputs differ between items: in the first layer the items' part.
    pub(crate) fn item_inputs(&self, l: usize) -> usize {
        if l == 0 { self.item_width } else { self.layers[l].inputs }
    }

    /// A layer's weight, [outputs, inputs]; only the items' part of the first layer's.
    pub(crate) fn item_weight<'a>(&self, l: usize, parameters: &'a [f32]) -> Matrix<'a> {
        let layer = &self.layers[l];
        match l {
            0 => self.item_part(&parameters[layer.weight.clone()]),
            _ => layer.weights(parameters),
        }
    }

    fn item_part<'a>(&self, weight: &'a [f32]) -> Matrix<'a> {
        let first = &self.layers[0];
        Matrix::new(weight, first.outputs, self.item_width, first.inputs)
    }

    fn user_part<'a>(&self, weight: &'a [f32]) -> Matrix<'a> {
        let first = &self.layers[0];
        let start = self.item_width.min(weight.len());
        Matrix::new(&weight[start..], first.outputs, self.user_width, first.inputs)
    }

    /// `sums` = first layer's weight times each row's input, without bias.
    ///
    /// `parameters` need not be the network's own: a direction in its space
    /// gives the first layer's change along it.
    pub fn first_layer(&self, parameters: &[f32], inputs: Inputs, sums: &mut [f32]) {
        let first = &self.layers[0];
        let weight = &parameters[first.weight.clone()];
        let items = Matrix::dense(inputs.items, inputs.rows, self.item_width);
        // The user's part is the same for all rows: computed into the first
        // row, then spread, then added to by the items' part.
        let width = first.outputs;
        if let Some(sums) = sums.get_mut(..width) {
            self.user_sums(weight, inputs.user, sums);
        }
        for row in 1..inputs.rows {
            sums.copy_within(..width, row * width);
        }
        let sums = MatrixMut::dense(sums, inputs.rows, width);
        gemm(items, self.item_part(weight).transposed(), Start::Kept, sums);
    }

    /// The user's part of the first layer's sums.
    fn user_sums(&self, weight: &[f32], user: &[f32], sums: &mut [f32]) {
        let (weight, outputs) = (self.user_part(weight), sums.len());
        gemm(weight, Matrix::column(user), Start::Zero, MatrixMut::dense(sums, outputs, 1));
    }

    /// Computes every layer's output, for which there is room in `activations`.
    pub fn forward(&self, packed: &PackedNetwork, inputs: Inputs, activations: &mut LayerRows) {
        self.forward_layers(0..self.layers.len(), packed, inputs, activations);
    }

    /// Whether it is a head of one layer, whose output is a product of inputs and weights.
    pub(crate) fn is_linear(&self) -> bool {
        self.kind == LastLayer::Head && self.layers.len() == 1
    }

    /// Computes the output of a linear head for each row.
    ///
    /// `user_sum` is the user's part of it.
    pub(crate) fn linear(
        &self,
        parameters: &[f32],
        user_sum: f32,
        inputs: Inputs,
        outputs: &mut [f32],
    ) {
        debug_assert!(self.is_linear(), "only a linear head is a product");
        let weights = &parameters[..self.item_width];
        let bias = parameters[self.layers[0].bias.start] + user_sum;
        let items = Matrix::dense(inputs.items, inputs.rows, self.item_width);
        products_of_rows(items, weights, bias, outputs);
        for (output, offset) in outputs.iter_mut().zip(inputs.offsets) {
            *output += offset;
        }
    }

    /// The same as [`Network::linear`], without offsets, for some rows of all the items'.
    pub(crate) fn linear_listed(
        &self,
        parameters: &[f32],
        user_sum: f32,
        rows: &[f32],
        listed: &[u32],
        outputs: &mut [f32],
    ) {
        debug_assert!(self.is_linear(), "only a linear head is a product");
        let bias = parameters[self.layers[0].bias.start] + user_sum;
        products_of_listed(rows, listed, &parameters[..self.item_width], bias, outputs);
    }

    /// Computes the outputs of some layers, up to the last; `outputs` is large enough.
    pub(crate) fn forward_layers(
        &self,
        layers: Range<usize>,
        packed: &PackedNetwork,
        inputs: Inputs,
        activations: &mut LayerRows,
    ) {
        let rows = inputs.rows;
        for l in layers {
            let (before, sums) = activations.split(l);
            let before = match before {
                None => Matrix::dense(inputs.items, rows, self.item_width),
                Some(before) => Matrix::dense(before, rows, self.layers[l].inputs),
            };
            let sums = MatrixMut::dense(sums, rows, self.layers[l].outputs);
            let packed = &packed.layers()[l];
            run_layer(before, &packed.weight, &packed.bias, self.is_rectified(l), sums);
        }
        for (sum, offset) in activations.output_mut(rows).iter_mut().zip(inputs.offsets) {
            *sum += offset;
        }
    }

    /// Computes the first layer's sums, before they are rectified.
    pub(crate) fn first_sums(&self, packed: &PackedNetwork, inputs: Inputs, sums: &mut [f32]) {
        let (first, rows) = (&packed.layers()[0], inputs.rows);
        let items = Matrix::dense(inputs.items, rows, self.item_width);
        let sums = MatrixMut::dense(sums, rows, self.layers[0].outputs);
        run_layer(items, &first.weight, &first.bias, false, sums);
    }
}

impl Layer {
    /// The weight among `parameters`, as a matrix [outputs, inputs].
    pub fn weights<'a>(&self, parameters: &'a [f32]) -> Matrix<'a> {
        Matrix::dense(&parameters[self.weight.clone()], self.outputs, self.inputs)
    }
}
