//! Full-batch gradient steps on the head (Lee et al. 2019, algorithm 1, line 6).

use super::set::{BLOCK, Set};
use crate::config::GradientSteps;
use crate::kernels::pull_towards;
use crate::loss::Output;
use crate::network::{Begin, LayerRows, Network, PackedNetwork};

/// Room for rows and packed heads; made once, so that nothing is allocated while
/// adapting or scoring but for more than [`BLOCK`] ratings.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Every layer's output.
    pub activations: LayerRows,
    /// The loss's derivatives by every layer's sums.
    pub deltas: LayerRows,
    /// The head where the user's local updates start.
    pub start: PackedNetwork,
    /// Room for the head as it stands; only its owner knows whether it does.
    pub head: PackedNetwork,
}

impl Workspace {
    /// Room for heads of these layers, which start here for this user.
    pub fn new(network: &Network, start: &[f32], user: &[f32]) -> Self {
        let mut packed = PackedNetwork::new(network);
        packed.pack(network, start, user);
        Self {
            activations: LayerRows::new(network, BLOCK),
            deltas: LayerRows::new(network, BLOCK),
            head: packed.clone(),
            start: packed,
        }
    }
}

/// Takes `local.steps` steps from `start` on, and leaves the adapted head in
/// `head`.
///
/// A step is `parameter -= rate * gradient` of the mean loss over the support
/// set, for all of the head at once. With a pull, that step counts `n / (n +
/// pull)` for `n` ratings, and the way back to the start the rest. An empty
/// support set changes nothing. `workspace` was made for this start and user.
pub fn local_update(
    network: &Network,
    output: &Output,
    local: &GradientSteps,
    support: Set,
    start: &[f32],
    head: &mut [f32],
    workspace: &mut Workspace,
) {
    let Set { inputs, targets, .. } = support;
    if inputs.rows == 0 || local.steps == 0 {
        head.copy_from_slice(start);
        return;
    }
    let Workspace { activations, deltas, start: packed_start, head: packed_head } = workspace;
    deltas.resize(network, inputs.rows);
    let share = 1.0 / inputs.rows as f32;
    let (step_share, back) = local.shares(inputs.rows);
    for step in 0..local.steps {
        let (packed, now) = match step {
            0 => (&*packed_start, start),
            _ => {
                packed_head.pack(network, head, inputs.user);
                (&*packed_head, &*head)
            }
        };
        network.forward(packed, inputs, activations);
        let heads = activations.output(inputs.rows);
        let derivatives = deltas.output_mut(inputs.rows);
        for ((derivative, head), target) in derivatives.iter_mut().zip(heads).zip(targets) {
            *derivative = share * output.loss.derivative(*head, *target);
        }
        network.backward(now, activations, inputs.rows, deltas);
        // The first step need not copy the start: it goes on from there.
        let begin = if step == 0 { Begin::At(start) } else { Begin::Kept };
        if step > 0 && back > 0.0 {
            pull_towards(head, back, start);
        }
        network.step(inputs, activations, deltas, step_share, &local.rates, begin, head);
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
