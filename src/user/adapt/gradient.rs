//! Full-batch gradient steps on the head (Lee et al. 2019, algorithm 1, line 6).

use super::first_layer::FirstLayer;
use super::own_head::{OwnHead, PackedHead};
use super::set::{Set, SupportSet};
use crate::catalog::blocks::BLOCK;
use crate::kernels::{are_finite, pull_towards};
use crate::memory;
use crate::model::config::GradientSteps;
use crate::model::loss::Output;
use crate::model::network::{Begin, LayerRows, Network};

/// The solver by gradient steps, with its memory besides the layers' rows.
#[derive(Clone, Debug)]
pub struct GradientSolver {
    settings: GradientSteps,
    /// The first layer while several steps are taken.
    first_layer: FirstLayer,
    /// The support set, if it is larger than a block: each step takes all of it.
    pub support: SupportSet,
}

/// The memory of forward and backward passes through a head.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Every layer's output.
    pub activations: LayerRows,
    /// The loss's derivatives by every layer's sums.
    pub deltas: LayerRows,
}

impl Workspace {
    /// Memory for a block of rows and heads of these layers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(network: &Network) -> memory::Result<Self> {
        let rows = || LayerRows::new(network, BLOCK);
        Ok(Self { activations: rows()?, deltas: rows()? })
    }

    /// Reserves memory for so many rows.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn reserve(&mut self, network: &Network, rows: usize) -> memory::Result<()> {
        self.activations.reserve(network, rows)?;
        self.deltas.reserve(network, rows)
    }
}

impl GradientSolver {
    /// A solver for heads of these layers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(network: &Network, settings: &GradientSteps) -> memory::Result<Self> {
        let first_layer = match settings.steps {
            2.. => FirstLayer::new(network)?,
            _ => FirstLayer::default(),
        };
        let settings = GradientSteps { rates: memory::copy(&settings.rates)?, ..*settings };
        Ok(Self { settings, first_layer, support: SupportSet::default() })
    }

    /// Takes gradient steps from the head's start on `support`, or if that is `None`, on the
    /// solver's own set.
    ///
    /// A step is `parameter -= rate * gradient` of the mean loss over the support set, for
    /// all of the head at once. With a pull and `n` ratings, the step is weighted by `n / (n
    /// + pull)`, and the step back to the start by the rest. An empty support set changes
    /// nothing. `network` is that of users' own heads; the workspace has room for all rows.
    ///
    /// Returns `false` if the head exceeds the range of floats.
    pub fn adapt(
        &mut self,
        network: &Network,
        output: &Output,
        support: Option<Set>,
        own: &mut OwnHead,
        packed: &mut PackedHead,
        workspace: &mut Workspace,
    ) -> bool {
        let Self { settings, first_layer, support: own_support } = self;
        let Set { inputs, targets, .. } = support.unwrap_or_else(|| own_support.set());
        if inputs.rows == 0 || settings.steps == 0 {
            own.reset();
            return true;
        }
        packed.of = None;
        settings.rates[1] = own.bias_speed() as f32;
        let rows = inputs.rows;
        let Workspace { activations, deltas } = workspace;
        let share = 1.0 / rows as f32;
        let (step_share, back) = settings.shares(rows);
        // Whether the first layer's weights are written only at the end.
        let apart = FirstLayer::pays(network, rows, settings.steps);
        let layers = usize::from(apart)..network.layers().len();
        // The first of the parameters that every step writes.
        let stepped = if apart { network.layers()[0].bias.end } else { 0 };
        if apart {
            first_layer.begin(network, own.packed_start(), inputs);
        }
        let rates = &settings.rates;
        let mut finite = true;
        for step in 0..settings.steps {
            let (packed, now) = match step {
                0 => (own.packed_start(), own.start()),
                _ => {
                    let (head, user_sums) = (own.numbers(), own.user_sums());
                    packed.network.pack_layers(layers.clone(), network, head, user_sums);
                    (&packed.network, head)
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
            let (head, start) = own.change();
            // The first step reads the start itself instead of a copy.
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
        let (head, start) = own.change();
        if apart {
            finite &= first_layer.finish(network, inputs, start, head);
        }
        // Only if a step was so large that a number may have overflowed, all are checked.
        finite || are_finite(head)
    }
}

impl GradientSteps {
    /// The weights of a gradient step and of the step back to the start, with so many
    /// ratings.
    pub(crate) fn shares(&self, ratings: usize) -> (f32, f32) {
        let ratings = ratings as f32;
        (ratings / (ratings + self.pull), self.pull / (ratings + self.pull))
    }
}
