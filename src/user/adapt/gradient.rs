//! Full-batch gradient steps on the head (Lee et al. 2019, algorithm 1, line 6).

use super::first_layer::FirstLayer;
use super::own_head::{OwnHead, Packed};
use super::set::Set;
use crate::catalog::blocks::BLOCK;
use crate::kernels::pull_towards;
use crate::model::config::{GradientSteps, Local};
use crate::model::loss::Output;
use crate::model::network::{Begin, LayerRows, Network};

/// Room for a support set's way through a head and back; made once, so that nothing is
/// allocated while adapting or scoring but for more than `BLOCK` ratings.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Every layer's output.
    pub activations: LayerRows,
    /// The loss's derivatives by every layer's sums.
    pub deltas: LayerRows,
    /// The first layer while several steps are taken.
    first_layer: FirstLayer,
}

impl Workspace {
    /// Room for heads of these layers.
    pub fn new(network: &Network, local: &Local) -> Self {
        let first_layer = match local {
            Local::Gradient(GradientSteps { steps: 2.., .. }) => FirstLayer::new(network),
            _ => FirstLayer::default(),
        };
        Self {
            activations: LayerRows::new(network, BLOCK),
            deltas: LayerRows::new(network, BLOCK),
            first_layer,
        }
    }
}

/// Takes `local.steps` steps from where the head starts on.
///
/// A step is `parameter -= rate * gradient` of the mean loss over the support
/// set, for all of the head at once. With a pull, that step counts `n / (n +
/// pull)` for `n` ratings, and the way back to the start the rest. An empty
/// support set changes nothing. `network` is that of users' own heads.
///
/// Says whether all of the head is known to be finite, because no step was so large
/// that it could be otherwise.
pub fn local_update(
    network: &Network,
    output: &Output,
    local: &GradientSteps,
    support: Set,
    own: &mut OwnHead,
    workspace: &mut Workspace,
) -> bool {
    let Set { inputs, targets, .. } = support;
    if inputs.rows == 0 || local.steps == 0 {
        own.reset();
        return true;
    }
    own.packed = Packed::Nowhere;
    let OwnHead { numbers: head, start, packed_start, packed_head, user_sums, rates, .. } = own;
    let (head, start): (&mut [f32], &[f32]) = (head, start);
    let rows = inputs.rows;
    let Workspace { activations, deltas, first_layer } = workspace;
    activations.resize(network, rows);
    deltas.resize(network, rows);
    let share = 1.0 / rows as f32;
    let (step_share, back) = local.shares(rows);
    // Whether the first layer is left for the end.
    let apart = FirstLayer::pays(network, rows, local.steps);
    let layers = usize::from(apart)..network.layers().len();
    // Where the parameters begin that every step writes.
    let stepped = if apart { network.layers()[0].bias.end } else { 0 };
    if apart {
        first_layer.begin(network, packed_start, inputs);
    }
    let mut finite = true;
    for step in 0..local.steps {
        let (packed, now) = match step {
            0 => (&*packed_start, start),
            _ => {
                packed_head.pack_layers(layers.clone(), network, head, user_sums);
                (&*packed_head, &*head)
            }
        };
        if apart {
            first_layer.forward(network, rows, activations);
        }
        network.forward_layers(layers.clone(), packed, inputs, activations);
        let heads = activations.output(rows);
        let derivatives = deltas.output_mut(rows);
        for ((derivative, head), target) in derivatives.iter_mut().zip(heads).zip(targets) {
            *derivative = share * output.loss.derivative(*head, *target);
        }
        network.backward(now, activations, rows, deltas);
        if apart {
            let deltas = &deltas.layer(0)[..rows * network.layers()[0].outputs];
            let rates = [step_share * rates[0], step_share * rates[1]];
            first_layer.step(rows, deltas, rates, back);
        }
        // The first step need not copy the start: it goes on from there.
        let begin = if step == 0 { Begin::At(start) } else { Begin::Kept };
        if step > 0 && back > 0.0 {
            pull_towards(&mut head[stepped..], back, &start[stepped..]);
        }
        finite &= network.step(
            layers.clone(),
            inputs,
            activations,
            deltas,
            step_share,
            rates,
            begin,
            head,
        );
    }
    if apart {
        finite &= first_layer.finish(network, inputs, start, head);
    }
    finite
}

impl GradientSteps {
    /// What a gradient step and the way back to the start count, with so many
    /// ratings.
    pub(crate) fn shares(&self, ratings: usize) -> (f32, f32) {
        let ratings = ratings as f32;
        (ratings / (ratings + self.pull), self.pull / (ratings + self.pull))
    }
}
