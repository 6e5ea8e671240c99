//! Full-batch gradient steps on the head (Lee et al. 2019, algorithm 1, line 6).

use super::set::{BLOCK, Set};
use crate::config::GradientSteps;
use crate::kernels::add_scaled;
use crate::loss::Output;
use crate::network::{LayerRows, Network};

/// Room for a block of rows and a gradient; made once, so that nothing is
/// allocated while adapting or scoring.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Every layer's output.
    pub activations: LayerRows,
    /// The loss's derivatives by every layer's sums.
    pub deltas: LayerRows,
    /// The gradient by the head's parameters.
    gradient: Vec<f32>,
}

impl Workspace {
    /// Room for heads of these layers.
    pub fn new(network: &Network) -> Self {
        Self {
            activations: LayerRows::new(network, BLOCK),
            deltas: LayerRows::new(network, BLOCK),
            gradient: vec![0.0; network.parameters()],
        }
    }
}

/// Takes `local.steps` steps from `start` on, and leaves the adapted head in
/// `head`.
///
/// A step is `parameter -= rate * gradient` of the mean loss over the support
/// set, for all of the head at once. With a pull, that step counts `n / (n +
/// pull)` for `n` ratings, and the way back to the start the rest. An empty
/// support set changes nothing.
pub fn local_update(
    network: &Network,
    output: &Output,
    local: &GradientSteps,
    support: Set,
    start: &[f32],
    head: &mut [f32],
    workspace: &mut Workspace,
) {
    head.copy_from_slice(start);
    if support.inputs.rows == 0 {
        return;
    }
    let Workspace { activations, deltas, gradient } = workspace;
    let share = 1.0 / support.inputs.rows as f32;
    let (step, back) = local.shares(support.inputs.rows);
    for _ in 0..local.steps {
        gradient.fill(0.0);
        for Set { inputs, targets, .. } in support.blocks() {
            network.forward(head, inputs, activations);
            let heads = activations.output(inputs.rows);
            let derivatives = deltas.output_mut(inputs.rows);
            for ((derivative, head), target) in derivatives.iter_mut().zip(heads).zip(targets) {
                *derivative = share * output.loss.derivative(*head, *target);
            }
            network.backward(head, activations, inputs.rows, deltas);
            network.add_gradient(inputs, activations, deltas, gradient);
        }
        if back > 0.0 {
            for (parameter, start) in head.iter_mut().zip(start) {
                *parameter -= back * (*parameter - start);
            }
        }
        for (tensor, rate) in network.tensor_ranges().zip(&local.rates) {
            add_scaled(&mut head[tensor.clone()], -step * rate, &gradient[tensor]);
        }
    }
}

impl GradientSteps {
    /// What a gradient step and the way back to the start count, with so many
    /// ratings.
    pub(crate) fn shares(&self, ratings: usize) -> (f32, f32) {
        let ratings = ratings as f32;
        (ratings / (ratings + self.pull), self.pull / (ratings + self.pull))
    }
}
