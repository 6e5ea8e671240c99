//! Fully connected layers with ReLU: a model's head, and its body.
//!
//! A network's parameters are one flat slice, its tensors one after another:
//! `head.0.weight`, `head.0.bias`, `head.1.weight` and so on, each as
//! `torch.nn.Linear` has it. One layer's output is a dense matrix with a row
//! for each rating. All rows of a batch belong to one user, whose half of the
//! first layer is therefore computed once.

use std::ops::Range;

use crate::kernels::{
    Matrix, MatrixMut, add_to_rows, dot, gemm, relu, relu_mask, sum_of_squares, sum_rows,
};

/// The layers of a network, and where its tensors lie in the flat slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    kind: Kind,
    item_width: usize,
    user_width: usize,
    layers: Vec<Layer>,
}

/// What a network's last layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One number: how much the user likes the item.
    Head,
    /// Features for the head, through ReLU as every layer's output.
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

/// A user's ratings as a network sees them: one row an item, and the user.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The items' part of each row, [rows, item width], dense.
    pub items: &'a [f32],
    /// The user's part, the same in each row, [user width].
    pub user: &'a [f32],
    /// What is added to the output of each row; empty for nothing.
    pub offsets: &'a [f32],
    /// How many rows.
    pub rows: usize,
}

impl<'a> Inputs<'a> {
    /// All of one row: the item's part, then the user's.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &'a f32> + use<'a> {
        let width = self.items.len() / self.rows;
        self.items[row * width..][..width].iter().chain(self.user)
    }
}

/// A dense matrix [rows, layer outputs] for each layer.
///
/// Holds the layers' outputs (after ReLU but for the last), or the loss's
/// derivatives by the layers' sums.
#[derive(Clone, Debug, Default)]
pub struct LayerRows(Vec<Vec<f32>>);

impl Network {
    /// A head: hidden layers of these widths, and one output.
    ///
    /// # Errors
    /// If the input or a hidden layer has no width, or the sizes overflow.
    pub fn head(item_width: usize, user_width: usize, hidden: &[usize]) -> Result<Self, String> {
        if hidden.contains(&0) {
            return Err(format!("hidden is {hidden:?}; each width must be above 0"));
        }
        Self::new(Kind::Head, item_width, user_width, hidden.iter().chain([&1]))
    }

    /// A body: layers of these widths, of which the last one's outputs are the
    /// head's inputs.
    ///
    /// # Errors
    /// If the input or a layer has no width, or the sizes overflow.
    pub fn body(item_width: usize, user_width: usize, widths: &[usize]) -> Result<Self, String> {
        if widths.contains(&0) {
            return Err(format!("body is {widths:?}; each width must be above 0"));
        }
        Self::new(Kind::Body, item_width, user_width, widths.iter())
    }

    fn new<'a>(
        kind: Kind,
        item_width: usize,
        user_width: usize,
        widths: impl Iterator<Item = &'a usize>,
    ) -> Result<Self, String> {
        let mut inputs = item_width.checked_add(user_width).ok_or("embedding_dim is too large")?;
        if inputs == 0 {
            return Err("embedding_dim or the number of fields is 0; the head has no input".into());
        }
        let mut layers = Vec::new();
        let mut end = 0usize;
        for &outputs in widths {
            let start = end;
            let middle = inputs.checked_mul(outputs).and_then(|size| size.checked_add(start));
            let middle = middle.ok_or("the layers' sizes are too large")?;
            end = middle.checked_add(outputs).ok_or("the layers' sizes are too large")?;
            layers.push(Layer { inputs, outputs, weight: start..middle, bias: middle..end });
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

    /// How many tensors: a weight and a bias a layer.
    pub fn tensors(&self) -> usize {
        2 * self.layers.len()
    }

    /// `head.0.weight`, `head.0.bias`, `head.1.weight` and so on; a body's begin
    /// with `body`.
    pub fn tensor_name(&self, tensor: usize) -> String {
        let network = match self.kind {
            Kind::Head => "head",
            Kind::Body => "body",
        };
        let part = if tensor.is_multiple_of(2) { "weight" } else { "bias" };
        format!("{network}.{}.{part}", tensor / 2)
    }

    /// Whether a layer's outputs pass through ReLU.
    pub(crate) fn is_rectified(&self, layer: usize) -> bool {
        self.kind == Kind::Body || layer + 1 < self.layers.len()
    }

    /// Where each tensor lies in the flat slice.
    pub fn tensor_ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.layers.iter().flat_map(|layer| [layer.weight.clone(), layer.bias.clone()])
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
        for (unit, sum) in sums.iter_mut().take(width).enumerate() {
            let start = unit * first.inputs + self.item_width;
            *sum = dot(&weight[start..start + self.user_width], inputs.user);
        }
        for row in 1..inputs.rows {
            sums.copy_within(..width, row * width);
        }
        let sums = MatrixMut::dense(sums, inputs.rows, width);
        gemm(items, self.item_part(weight).transposed(), 1.0, sums);
    }

    /// Computes every layer's output.
    pub fn forward(&self, parameters: &[f32], inputs: Inputs, activations: &mut LayerRows) {
        let rows = inputs.rows;
        activations.resize(self, rows);
        for (l, layer) in self.layers.iter().enumerate() {
            let (before, sums) = activations.split(l);
            let sums = &mut sums[..rows * layer.outputs];
            match before {
                None => self.first_layer(parameters, inputs, sums),
                Some(previous) => gemm(
                    Matrix::dense(previous, rows, layer.inputs),
                    layer.weights(parameters).transposed(),
                    0.0,
                    MatrixMut::dense(sums, rows, layer.outputs),
                ),
            }
            add_to_rows(sums, &parameters[layer.bias.clone()]);
            if self.is_rectified(l) {
                relu(sums);
            }
        }
        for (sum, offset) in activations.output_mut(rows).iter_mut().zip(inputs.offsets) {
            *sum += offset;
        }
    }

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
                0.0,
                MatrixMut::dense(previous, rows, layer.inputs),
            );
            relu_mask(previous, &activations.0[l - 1]);
        }
    }

    /// `gradient += ` the gradient by the parameters, summed over rows.
    pub fn add_gradient(
        &self,
        inputs: Inputs,
        activations: &LayerRows,
        deltas: &LayerRows,
        gradient: &mut [f32],
    ) {
        self.add_first_gradient(inputs, &deltas.0[0], gradient);
        self.add_outer_products(activations, deltas, inputs.rows, gradient);
        for (layer, deltas) in self.layers.iter().zip(&deltas.0) {
            let bias = &mut gradient[layer.bias.clone()];
            sum_rows(bias, &deltas[..inputs.rows * layer.outputs]);
        }
    }

    /// The part of the gradient that is the first layer's weight.
    fn add_first_gradient(&self, inputs: Inputs, delta: &[f32], gradient: &mut [f32]) {
        let first = &self.layers[0];
        let rows = inputs.rows;
        let weight = &mut gradient[first.weight.clone()];
        let deltas = Matrix::dense(delta, rows, first.outputs);
        gemm(
            deltas.transposed(),
            Matrix::dense(inputs.items, rows, self.item_width),
            1.0,
            MatrixMut::new(weight, first.outputs, self.item_width, first.inputs),
        );
        for (unit, weight) in weight.chunks_exact_mut(first.inputs).enumerate() {
            let sum: f32 = (0..rows).map(|row| delta[row * first.outputs + unit]).sum();
            for (weight, user) in weight[self.item_width..].iter_mut().zip(inputs.user) {
                *weight += sum * user;
            }
        }
    }

    /// `gradient += deltas^T activations` for the weights of all layers but the first.
    pub fn add_outer_products(
        &self,
        activations: &LayerRows,
        deltas: &LayerRows,
        rows: usize,
        gradient: &mut [f32],
    ) {
        for (l, layer) in self.layers.iter().enumerate().skip(1) {
            gemm(
                Matrix::dense(&deltas.0[l], rows, layer.outputs).transposed(),
                Matrix::dense(&activations.0[l - 1], rows, layer.inputs),
                1.0,
                MatrixMut::dense(&mut gradient[layer.weight.clone()], layer.outputs, layer.inputs),
            );
        }
    }

    /// `items += ` the gradient by the items' embeddings, [rows, item width],
    /// and `user += ` by the user's, summed over rows.
    ///
    /// `parameters` may be a direction, as in [`Network::first_layer`].
    pub fn add_input_gradient(
        &self,
        parameters: &[f32],
        deltas: &LayerRows,
        rows: usize,
        items: &mut [f32],
        user: &mut [f32],
    ) {
        let first = &self.layers[0];
        let weight = &parameters[first.weight.clone()];
        let deltas = &deltas.0[0][..rows * first.outputs];
        gemm(
            Matrix::dense(deltas, rows, first.outputs),
            self.item_part(weight),
            1.0,
            MatrixMut::dense(items, rows, self.item_width),
        );
        let width = self.user_width;
        let mut sums = vec![0.0; first.outputs];
        sum_rows(&mut sums, deltas);
        gemm(
            Matrix::dense(&sums, 1, first.outputs),
            self.user_part(weight),
            1.0,
            MatrixMut::dense(user, 1, width),
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
        let user = sum_of_squares(inputs.user);
        for (row, norm) in norms.iter_mut().enumerate().take(inputs.rows) {
            *norm = 0.0;
            let items = &inputs.items[row * self.item_width..][..self.item_width];
            let mut input = sum_of_squares(items) + user;
            for (l, layer) in self.layers.iter().enumerate() {
                let delta = &deltas.0[l][row * layer.outputs..][..layer.outputs];
                *norm += sum_of_squares(delta) * (input + 1.0);
                input = sum_of_squares(&activations.0[l][row * layer.outputs..][..layer.outputs]);
            }
        }
    }
}

impl Layer {
    /// The weight among `parameters`, as a matrix [outputs, inputs].
    pub fn weights<'a>(&self, parameters: &'a [f32]) -> Matrix<'a> {
        Matrix::dense(&parameters[self.weight.clone()], self.outputs, self.inputs)
    }
}

impl LayerRows {
    /// Room for `rows` rows of each layer of `shape`.
    pub fn new(shape: &Network, rows: usize) -> Self {
        let mut layers = Self::default();
        layers.resize(shape, rows);
        layers
    }

    /// Makes room for `rows` rows of each layer; nothing where there is enough.
    pub fn resize(&mut self, shape: &Network, rows: usize) {
        self.0.resize(shape.layers.len(), Vec::new());
        for (matrix, layer) in self.0.iter_mut().zip(&shape.layers) {
            if matrix.len() < rows * layer.outputs {
                matrix.resize(rows * layer.outputs, 0.0);
            }
        }
    }

    /// A layer's matrix; only the rows in use mean anything.
    pub fn layer(&self, layer: usize) -> &[f32] {
        &self.0[layer]
    }

    /// So many numbers of the last layer's matrix; none of no layer.
    pub fn last(&self, len: usize) -> &[f32] {
        self.0.last().map_or(&[], |matrix| &matrix[..len])
    }

    /// A layer's matrix, to be written.
    pub fn layer_mut(&mut self, layer: usize) -> &mut [f32] {
        &mut self.0[layer]
    }

    /// The matrix before a layer's, if there is one, and the layer's, to be written.
    pub fn split(&mut self, layer: usize) -> (Option<&[f32]>, &mut [f32]) {
        let (before, after) = self.0.split_at_mut(layer);
        (before.last().map(Vec::as_slice), &mut after[0])
    }

    /// The matrix before a layer's, to be written, and the layer's; `layer` is
    /// not the first.
    pub fn split_mut(&mut self, layer: usize) -> (&mut [f32], &[f32]) {
        let (before, after) = self.0.split_at_mut(layer);
        (&mut before[layer - 1], &after[0])
    }

    /// The last layer's column: the head's output, or the loss's derivative by it.
    pub fn output(&self, rows: usize) -> &[f32] {
        self.last(rows)
    }

    /// The last layer's column, to be written.
    pub fn output_mut(&mut self, rows: usize) -> &mut [f32] {
        self.0.last_mut().map_or(&mut [], |column| &mut column[..rows])
    }
}
