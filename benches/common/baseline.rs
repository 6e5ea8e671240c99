//! The paper's head as a Rust programmer would write it today, on a library's
//! product: what the benchmarks compare melu with.
//!
//! As in melu, the user's half of the first layer is in its bias, and nothing is
//! allocated in the loops. The passes between the products are plain Rust that the
//! compiler can vectorise.

use melu::model::network::{Layer, Network};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};

/// Rows that are computed together.
const BLOCK: usize = 256;

/// `c = alpha a b + beta c`, where `a` is [m, k], `b` [k, n], each with the strides
/// of its rows and columns, and `c` [m, n] has rows of this stride.
pub type Product = fn(
    sizes: (usize, usize, usize),
    alpha: f32,
    a: (&[f32], usize, usize),
    b: (&[f32], usize, usize),
    beta: f32,
    c: (&mut [f32], usize),
);

/// `matrixmultiply`'s product.
pub fn by_matrixmultiply(
    (m, k, n): (usize, usize, usize),
    alpha: f32,
    (a, a_row, a_column): (&[f32], usize, usize),
    (b, b_row, b_column): (&[f32], usize, usize),
    beta: f32,
    (c, c_row): (&mut [f32], usize),
) {
    let last = |(rows, row): (usize, usize), (columns, column): (usize, usize)| {
        rows.saturating_sub(1) * row + columns.saturating_sub(1) * column
    };
    assert!(m > 0 && k > 0 && n > 0);
    assert!(last((m, a_row), (k, a_column)) < a.len());
    assert!(last((k, b_row), (n, b_column)) < b.len());
    assert!(last((m, c_row), (n, 1)) < c.len() && c_row >= n);
    // SAFETY: the last element of each matrix, and so every one, is inside its
    // slice; no two elements of `c` are one.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            alpha,
            a.as_ptr(),
            a_row as isize,
            a_column as isize,
            b.as_ptr(),
            b_row as isize,
            b_column as isize,
            beta,
            c.as_mut_ptr(),
            c_row as isize,
            1,
        );
    }
}

/// `ndarray`'s product.
pub fn by_ndarray(
    (m, k, n): (usize, usize, usize),
    alpha: f32,
    (a, a_row, a_column): (&[f32], usize, usize),
    (b, b_row, b_column): (&[f32], usize, usize),
    beta: f32,
    (c, c_row): (&mut [f32], usize),
) {
    let a = ArrayView2::from_shape((m, k).strides((a_row, a_column)), a).expect("it fits");
    let b = ArrayView2::from_shape((k, n).strides((b_row, b_column)), b).expect("it fits");
    let mut c = ArrayViewMut2::from_shape((m, n).strides((c_row, 1)), c).expect("it fits");
    general_mat_mul(alpha, &a, &b, beta, &mut c);
}

/// A head with its user and its buffers.
pub struct Baseline {
    product: Product,
    network: Network,
    start: Vec<f32>,
    user: Vec<f32>,
    pub head: Vec<f32>,
    /// Each layer's biases, the first one's with the user's half.
    biases: Vec<Vec<f32>>,
    /// Each layer's outputs, [BLOCK, width].
    outputs: Vec<Vec<f32>>,
    deltas: Vec<Vec<f32>>,
}

impl Baseline {
    pub fn new(product: Product, network: &Network, start: &[f32], user: &[f32]) -> Self {
        let rows = |layer: &Layer| vec![0.0; BLOCK * layer.outputs];
        let mut baseline = Self {
            product,
            network: network.clone(),
            start: start.to_vec(),
            user: user.to_vec(),
            head: start.to_vec(),
            biases: network.layers().iter().map(|layer| vec![0.0; layer.outputs]).collect(),
            outputs: network.layers().iter().map(rows).collect(),
            deltas: network.layers().iter().map(rows).collect(),
        };
        baseline.fold();
        baseline
    }

    /// Computes the biases from the head.
    fn fold(&mut self) {
        for (layer, biases) in self.network.layers().iter().zip(&mut self.biases) {
            biases.copy_from_slice(&self.head[layer.bias.clone()]);
        }
        let first = &self.network.layers()[0];
        let rows = self.head[first.weight.clone()].chunks_exact(first.inputs);
        for (bias, row) in self.biases[0].iter_mut().zip(rows) {
            *bias += dot(&row[self.network.item_width()..], &self.user);
        }
    }

    /// The head's output for each of some items, [items, item width].
    pub fn score(&mut self, items: &[f32], scores: &mut [f32]) {
        let width = self.network.item_width();
        for (items, scores) in items.chunks(BLOCK * width).zip(scores.chunks_mut(BLOCK)) {
            self.forward(items, scores.len());
            for (score, output) in scores.iter_mut().zip(&self.outputs[self.outputs.len() - 1]) {
                *score = *output;
            }
        }
    }

    fn forward(&mut self, items: &[f32], rows: usize) {
        let last = self.network.layers().len() - 1;
        for (l, layer) in self.network.layers().iter().enumerate() {
            let (before, outputs) = self.outputs.split_at_mut(l);
            let (inputs, width) = match before.last() {
                None => (items, self.network.item_width()),
                Some(before) => (before.as_slice(), layer.inputs),
            };
            let outputs = &mut outputs[0][..rows * layer.outputs];
            let weight = &self.head[layer.weight.clone()];
            let biases = &self.biases[l];
            if l == last {
                for (output, row) in outputs.iter_mut().zip(inputs.chunks_exact(width)) {
                    *output = biases[0] + dot(weight, row);
                }
                continue;
            }
            let sizes = (rows, width, layer.outputs);
            let weight = (weight, 1, layer.inputs);
            (self.product)(sizes, 1.0, (inputs, width, 1), weight, 0.0, (outputs, layer.outputs));
            for row in outputs.chunks_exact_mut(layer.outputs) {
                for (output, bias) in row.iter_mut().zip(biases) {
                    *output = (*output + bias).max(0.0);
                }
            }
        }
    }

    /// Adapts the head, from its start, to at most [`BLOCK`] items, by steps of this
    /// rate on the mean squared error.
    pub fn adapt(&mut self, items: &[f32], targets: &[f32], steps: usize, rate: f32) {
        let rows = targets.len();
        assert!(rows <= BLOCK);
        self.head.copy_from_slice(&self.start);
        for _ in 0..steps {
            self.fold();
            self.forward(items, rows);
            self.backward(targets);
            self.step(items, rows, rate);
        }
        self.fold();
    }

    fn backward(&mut self, targets: &[f32]) {
        let rows = targets.len();
        let layers = self.network.layers();
        let last = layers.len() - 1;
        let share = 2.0 / rows as f32;
        for ((delta, output), target) in
            self.deltas[last].iter_mut().zip(&self.outputs[last]).zip(targets)
        {
            *delta = share * (output - target);
        }
        for (l, layer) in layers.iter().enumerate().skip(1).rev() {
            let (before, deltas) = self.deltas.split_at_mut(l);
            let before = &mut before[l - 1][..rows * layer.inputs];
            let weight = (&self.head[layer.weight.clone()], layer.inputs, 1);
            let sizes = (rows, layer.outputs, layer.inputs);
            let deltas = (deltas[0].as_slice(), layer.outputs, 1);
            (self.product)(sizes, 1.0, deltas, weight, 0.0, (before, layer.inputs));
            for (delta, output) in before.iter_mut().zip(&self.outputs[l - 1]) {
                *delta = if *output > 0.0 { *delta } else { 0.0 };
            }
        }
    }

    fn step(&mut self, items: &[f32], rows: usize, rate: f32) {
        for (l, layer) in self.network.layers().iter().enumerate() {
            let deltas = &self.deltas[l][..rows * layer.outputs];
            let (inputs, width) = match l {
                0 => (items, self.network.item_width()),
                _ => (self.outputs[l - 1].as_slice(), layer.inputs),
            };
            let sizes = (layer.outputs, rows, width);
            let weight = &mut self.head[layer.weight.clone()];
            let turned = (deltas, 1, layer.outputs);
            let weight_rows = (&mut *weight, layer.inputs);
            (self.product)(sizes, -rate, turned, (inputs, width, 1), 1.0, weight_rows);
            let sums = &mut self.biases[l];
            sums.fill(0.0);
            for row in deltas.chunks_exact(layer.outputs) {
                sums.iter_mut().zip(row).for_each(|(sum, delta)| *sum += delta);
            }
            if l == 0 {
                for (row, sum) in weight.chunks_exact_mut(layer.inputs).zip(&*sums) {
                    let user = row[width..].iter_mut().zip(&self.user);
                    user.for_each(|(weight, user)| *weight -= rate * sum * user);
                }
            }
            let biases = &mut self.head[layer.bias.clone()];
            biases.iter_mut().zip(sums).for_each(|(bias, sum)| *bias -= rate * *sum);
        }
    }
}

/// Sixteen sums side by side, which the compiler keeps in vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (a, b) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
