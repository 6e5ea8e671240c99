//! The gradient of the query loss through the local update, derived by hand.
//!
//! With `g_k` the support loss's gradient by the head at step `k`, the local
//! update is `head_{k+1} = head_k - rate * g_k`. Let `v` be the query loss's
//! gradient by the last head. Going back through a step,
//!
//! - a tensor's rate gets `-<v, g_k>` over that tensor;
//! - with `w = rate * v`, the support embeddings get `-d<g_k, w>/d embeddings`;
//! - `v` becomes `v - H_k w`, where `H_k` is the support loss's Hessian.
//!
//! With a pull, a step is `head_{k+1} = head_k - (1 - c) rate * g_k - c (head_k -
//! head_0)`: the rate counts `1 - c`, and of `v` the part `c` goes straight to
//! the start.
//!
//! The last two are one derivative of the whole gradient computation along the
//! direction `w` (Pearlmutter 1994): a forward and a backward pass in which
//! every quantity carries its rate of change. No Hessian is ever formed, and
//! the cost is that of two ordinary gradients. It is taken along `-w`, so that
//! all of it is added. First order leaves both out (FOMAML).

use serde::{Deserialize, Serialize};

use super::buffers::zero;
use super::head_task::HeadTask;
use crate::kernels::{
    Matrix, MatrixMut, Start, add_scaled, add_to_rows, dot, gemm, pull_towards, relu_mask, scale_by,
};
use crate::memory::or_end;
use crate::model::config::GradientSteps;
use crate::model::loss::Output;
use crate::model::network::{Begin, LayerRows, Network, PackedNetwork};
use crate::user::adapt::Set;

/// Whether the gradient passes through the local update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivativeOrder {
    /// It does not: the local update's gradients count as constants (FOMAML).
    First,
    /// It does, exactly (MAML).
    Second,
}

/// One task's gradients, and memory to compute them in.
///
/// Reuse one for many tasks: its buffers stay.
#[derive(Clone, Debug, Default)]
pub struct MetaGradient {
    /// The mean query loss at the adapted head.
    pub loss: f32,
    /// By the head's parameters.
    pub head: Vec<f32>,
    /// By the learning rate of each head tensor.
    pub rates: Vec<f32>,
    /// By the pull.
    pub pull: f32,
    /// By the item embeddings of the support set, [rows, item width].
    pub support_items: Vec<f32>,
    /// By the item embeddings of the query set, [rows, item width].
    pub query_items: Vec<f32>,
    /// By the user's embedding, through both sets.
    pub user: Vec<f32>,
    /// The part that goes straight to the start, past the local steps.
    start: Vec<f32>,
    /// The rates as a step applies them.
    effective_rates: Vec<f32>,
    steps: Vec<LocalStep>,
    query: LocalStep,
    tangents: Tangents,
}

/// The numbers that one step's gradient was computed from.
#[derive(Clone, Debug, Default)]
struct LocalStep {
    /// Empty for the first step, which starts from the model's own.
    head: Vec<f32>,
    /// The user's part of the first layer's sums.
    user_sums: Vec<f32>,
    packed: PackedNetwork,
    activations: LayerRows,
    deltas: LayerRows,
    /// The deltas of each layer times minus the rate of its weight.
    scaled: LayerRows,
}

/// Rates of change along `-w`.
#[derive(Clone, Debug, Default)]
struct Tangents {
    /// Each tensor's `<v, g>`, where `v` is carried back and `g` the gradient.
    products: Vec<f32>,
    activations: LayerRows,
    deltas: LayerRows,
}

impl LocalStep {
    /// Runs the head forward and the mean loss's derivatives back; returns the loss.
    fn run(&mut self, network: &Network, output: &Output, head: &[f32], set: Set) -> f32 {
        let rows = set.inputs.rows;
        self.user_sums.resize(network.layers()[0].outputs, 0.0);
        network.sums_of_user(head, set.inputs.user, &mut self.user_sums);
        if self.packed.is_empty() {
            self.packed = or_end(PackedNetwork::new(network));
        }
        or_end(self.activations.reserve(network, rows));
        or_end(self.deltas.reserve(network, rows));
        self.packed.pack(network, head, &self.user_sums);
        network.forward(&self.packed, set.inputs, &mut self.activations);
        let share = 1.0 / rows.max(1) as f32;
        let heads = self.activations.output(rows);
        let derivatives = self.deltas.output_mut(rows);
        let mut loss = 0.0;
        for ((derivative, head), target) in derivatives.iter_mut().zip(heads).zip(set.targets) {
            *derivative = share * output.loss.derivative(*head, *target);
            loss += share * output.loss.value(*head, *target);
        }
        network.backward(head, &self.activations, rows, &mut self.deltas);
        loss
    }
}

impl MetaGradient {
    /// Computes one task's gradients; all of the public fields are replaced.
    ///
    /// `local` is the local update of the task's head. With an empty support set there is
    /// none; with an empty query set all gradients are 0.
    pub fn compute(&mut self, task: HeadTask, local: &GradientSteps, order: DerivativeOrder) {
        let HeadTask { network, output, head, support, query } = task;
        let steps = if support.inputs.rows == 0 { 0 } else { local.steps };
        self.steps.resize_with(steps.max(self.steps.len()), LocalStep::default);
        zero(&mut self.rates, network.tensors());
        zero(&mut self.support_items, support.inputs.rows * network.item_width());
        zero(&mut self.query_items, query.inputs.rows * network.item_width());
        zero(&mut self.user, network.user_width());
        self.head.resize(network.parameters(), 0.0);
        self.pull = 0.0;
        let (step_share, back) = local.shares(support.inputs.rows.max(1));
        if back > 0.0 {
            zero(&mut self.start, network.parameters());
        }
        self.effective_rates.clear();
        self.effective_rates.extend(local.rates.iter().map(|rate| step_share * rate));

        self.query.head.resize(network.parameters(), 0.0);
        for place in 0..steps {
            // The head at this step lies in it, and the next one's in the next.
            let (now, after) = self.steps.split_at_mut(place + 1);
            let step = &mut now[place];
            let next = match after.first_mut() {
                Some(next) if place + 1 < steps => &mut next.head,
                _ => &mut self.query.head,
            };
            next.resize(network.parameters(), 0.0);
            let now = std::mem::take(&mut step.head);
            let at = if place == 0 { head } else { &*now };
            step.run(network, output, at, support);
            let begin = if place > 0 && back > 0.0 {
                next.copy_from_slice(at);
                pull_towards(next, back, head);
                Begin::Kept
            } else {
                Begin::At(at)
            };
            let LocalStep { activations, deltas, scaled, .. } = step;
            scaled.copy_from(deltas);
            let (inputs, rates) = (support.inputs, &local.rates);
            let layers = 0..network.layers().len();
            network.step(layers, inputs, activations, scaled, step_share, rates, begin, next);
            step.head = now;
        }

        let adapted = std::mem::take(&mut self.query.head);
        let at = if steps == 0 { head } else { &*adapted };
        self.loss = self.query.run(network, output, at, query);
        let LocalStep { activations, deltas, .. } = &self.query;
        network.gradient(query.inputs, activations, deltas, Begin::Zero, &mut self.head);
        let rows = query.inputs.rows;
        network.add_input_gradient(at, deltas, rows, &mut self.query_items, &mut self.user);
        self.query.head = adapted;

        for (place, step) in self.steps[..steps].iter().enumerate().rev() {
            let at = if place == 0 { head } else { &*step.head };
            self.tangents.forward(network, step, at, support, &self.head, &self.effective_rates);
            let products = &self.tangents.products;
            add_scaled(&mut self.rates, -step_share, products);
            if back > 0.0 {
                let moved = |(v, (now, start)): (&f32, (&f32, &f32))| v * (now - start);
                let way = self.head.iter().zip(at.iter().zip(head)).map(moved);
                let by_back = dot(products, &local.rates) - way.sum::<f32>();
                // The derivative of pull / (n + pull).
                self.pull += by_back * step_share / (support.inputs.rows as f32 + local.pull);
                add_scaled(&mut self.start, back, &self.head);
            }
            if order == DerivativeOrder::Second {
                self.tangents.backward(network, output, step, at, support, &self.head);
                let Tangents { deltas, .. } = &self.tangents;
                let rows = support.inputs.rows;
                let (items, user) = (&mut self.support_items, &mut self.user);
                network.add_input_gradient(at, deltas, rows, items, user);
                network.add_input_gradient(&self.head, &step.scaled, rows, items, user);
            }
            if back > 0.0 {
                scale_by(&mut self.head, step_share);
            }
            if order == DerivativeOrder::Second {
                let Tangents { activations, deltas, .. } = &self.tangents;
                let inputs = support.inputs;
                network.gradient(inputs, &step.activations, deltas, Begin::Kept, &mut self.head);
                network.add_outer_products(activations, &step.deltas, inputs.rows, &mut self.head);
            }
        }
        if back > 0.0 {
            add_scaled(&mut self.head, 1.0, &self.start);
        }
    }
}

impl Tangents {
    /// The outputs' rates of change when the head moves along `-w`.
    ///
    /// On the way, `<v, g>` of each tensor falls out: a weight's is the sum
    /// over rows of `delta . (v input)`.
    fn forward(
        &mut self,
        network: &Network,
        step: &LocalStep,
        head: &[f32],
        support: Set,
        v: &[f32],
        rates: &[f32],
    ) {
        self.products.clear();
        let rows = support.inputs.rows;
        or_end(self.activations.reserve(network, rows));
        or_end(self.deltas.reserve(network, rows));
        for (l, layer) in network.layers().iter().enumerate() {
            let size = rows * layer.outputs;
            let (before, sums) = self.activations.split(l);
            let sums = &mut sums[..size];
            if l == 0 {
                network.first_layer(v, support.inputs, sums);
            } else {
                let inputs = step.activations.layer(l - 1);
                gemm(
                    Matrix::dense(inputs, rows, layer.inputs),
                    layer.weights(v).transposed(),
                    Start::Zero,
                    MatrixMut::dense(sums, rows, layer.outputs),
                );
            }
            let deltas = &step.deltas.layer(l)[..size];
            self.products.push(dot(deltas, sums));
            let bias = &v[layer.bias.clone()];
            let rows_of = deltas.chunks_exact(layer.outputs);
            self.products.push(rows_of.map(|row| dot(row, bias)).sum());

            scale_by(sums, -rates[2 * l]);
            add_to_rows(sums, -rates[2 * l + 1], bias);
            if let Some(previous) = before {
                gemm(
                    Matrix::dense(previous, rows, layer.inputs),
                    layer.weights(head).transposed(),
                    Start::Kept,
                    MatrixMut::dense(sums, rows, layer.outputs),
                );
            }
            if l + 1 < network.layers().len() {
                relu_mask(sums, step.activations.layer(l));
            }
        }
    }

    /// The deltas' rates of change, from those of the outputs.
    fn backward(
        &mut self,
        network: &Network,
        output: &Output,
        step: &LocalStep,
        head: &[f32],
        support: Set,
        v: &[f32],
    ) {
        let rows = support.inputs.rows;
        let share = 1.0 / rows as f32;
        let heads = step.activations.output(rows).iter().zip(support.targets);
        let changes = self.activations.output(rows);
        for ((delta, (head, target)), change) in
            self.deltas.output_mut(rows).iter_mut().zip(heads).zip(changes)
        {
            *delta = share * output.loss.second_derivative(*head, *target) * change;
        }
        for (l, layer) in network.layers().iter().enumerate().skip(1).rev() {
            let (previous, deltas) = self.deltas.split_mut(l);
            let previous = &mut previous[..rows * layer.inputs];
            gemm(
                Matrix::dense(deltas, rows, layer.outputs),
                layer.weights(head),
                Start::Zero,
                MatrixMut::dense(previous, rows, layer.inputs),
            );
            gemm(
                Matrix::dense(step.scaled.layer(l), rows, layer.outputs),
                layer.weights(v),
                Start::Kept,
                MatrixMut::dense(previous, rows, layer.inputs),
            );
            relu_mask(previous, step.activations.layer(l - 1));
        }
    }
}
