//! A user's own head, and its forward pass.

use std::sync::Arc;

use crate::kernels::Aligned;
use crate::memory;
use crate::model::network::{Inputs, LayerRows, Network, PackedNetwork};

/// A user's own head: the model's without the weights of the user's inputs, whose updates
/// are in the first layer's bias.
#[derive(Clone, Debug)]
pub struct OwnHead {
    /// The head's current parameters.
    numbers: Aligned,
    /// The parameters at the start of local updates; most users share them.
    start: Arc<Vec<f32>>,
    /// The start packed for the forward pass, or without layers if nothing reads it. Users
    /// share its weights.
    packed_start: PackedNetwork,
    /// Whether the head is at its start.
    at_start: bool,
    /// The user's part of the first layer's sums.
    user_sums: Vec<f32>,
    /// How fast the first layer's bias learns for all of the user's inputs: its learning rate
    /// in gradient steps, or its prior variance.
    bias_speed: f64,
}

/// A head for the forward pass, which several threads may take at once.
#[derive(Clone, Copy, Debug)]
pub enum Forward<'a> {
    /// A linear head's numbers, and the user's part of its output.
    Linear(&'a [f32], f32),
    /// A deep head's packed layers.
    Deep(&'a PackedNetwork),
}

impl Forward<'_> {
    /// The head's output for each row, for which there is room in `activations`; `network` is
    /// that of users' own heads.
    pub fn outputs<'a>(
        self,
        network: &Network,
        inputs: Inputs,
        activations: &'a mut LayerRows,
    ) -> &'a [f32] {
        match self {
            Self::Linear(numbers, user_sum) => {
                network.linear(numbers, user_sum, inputs, activations.output_mut(inputs.rows));
            }
            Self::Deep(packed) => network.forward(packed, inputs, activations),
        }
        activations.output(inputs.rows)
    }
}

impl OwnHead {
    /// A head at its start; `packed_start` is `start` packed, and has no layers if the head
    /// is linear and takes no gradient steps.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(
        start: Arc<Vec<f32>>,
        packed_start: PackedNetwork,
        user_sums: Vec<f32>,
        bias_speed: f64,
    ) -> memory::Result<Self> {
        let numbers = Aligned::copy(&start)?;
        Ok(Self { numbers, start, packed_start, at_start: true, user_sums, bias_speed })
    }

    /// The head's current parameters.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// The head's parameters, to be changed, and its start.
    pub fn change(&mut self) -> (&mut [f32], &[f32]) {
        self.at_start = false;
        (&mut self.numbers, &self.start)
    }

    /// The parameters at the start of local updates.
    pub fn start(&self) -> &[f32] {
        &self.start
    }

    /// The start packed for the forward pass.
    pub fn packed_start(&self) -> &PackedNetwork {
        &self.packed_start
    }

    /// The user's part of the first layer's sums.
    pub fn user_sums(&self) -> &[f32] {
        &self.user_sums
    }

    /// How fast the first layer's bias learns.
    pub fn bias_speed(&self) -> f64 {
        self.bias_speed
    }

    /// Returns to the start of local updates.
    pub fn reset(&mut self) {
        self.at_start = true;
        self.numbers.copy_from_slice(&self.start);
    }

    /// The head at its start, for the forward pass.
    pub fn start_forward(&self, network: &Network) -> Forward<'_> {
        self.forward_from(network, &self.start, &self.packed_start)
    }

    /// The current head, for the forward pass; `packed` holds it if it is deep and not at its
    /// start.
    pub fn forward<'a>(&'a self, network: &Network, packed: &'a PackedHead) -> Forward<'a> {
        let packed = if self.at_start { &self.packed_start } else { &packed.network };
        self.forward_from(network, &self.numbers, packed)
    }

    fn forward_from<'a>(
        &self,
        network: &Network,
        numbers: &'a [f32],
        packed: &'a PackedNetwork,
    ) -> Forward<'a> {
        match (network.is_linear(), self.user_sums.first()) {
            (true, Some(user_sum)) => Forward::Linear(numbers, *user_sum),
            _ => Forward::Deep(packed),
        }
    }
}

/// A deep head that is not at its start, packed for the forward pass.
#[derive(Clone, Debug)]
pub struct PackedHead {
    /// The packed layers; during gradient steps, those of the current step.
    pub network: PackedNetwork,
    /// The state of the user whose head it is; `None` during gradient steps.
    pub of: Option<u64>,
}

impl PackedHead {
    /// Memory for heads of these layers; none if `start` has no layers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(network: &Network, start: &PackedNetwork) -> memory::Result<Self> {
        let network = match start.is_empty() {
            true => PackedNetwork::default(),
            false => PackedNetwork::new(network)?,
        };
        Ok(Self { network, of: None })
    }

    /// Packs the head of a user in this state, unless it is linear, at its start, or packed
    /// already.
    pub fn pack(&mut self, network: &Network, head: &OwnHead, state: u64) {
        if network.is_linear() || head.at_start || self.of == Some(state) {
            return;
        }
        self.network.pack(network, &head.numbers, &head.user_sums);
        self.of = Some(state);
    }
}
