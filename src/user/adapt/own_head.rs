//! A user's own head, and how it is read.

use std::sync::Arc;

use crate::kernels::Aligned;
use crate::model::network::{Inputs, LayerRows, Network, PackedNetwork};

/// A user's own head: the model's without weights for what describes the user, whose part
/// of the first layer counts in its bias.
#[derive(Clone, Debug)]
pub struct OwnHead {
    /// The head as it stands.
    numbers: Aligned,
    /// Where local updates start: most users share it.
    start: Arc<Vec<f32>>,
    /// The same for the way forward; without layers where nothing reads it. Users share its
    /// weights.
    packed_start: PackedNetwork,
    /// Whether the head stands where it starts.
    at_start: bool,
    /// The user's part of the first layer's sums.
    user_sums: Vec<f32>,
    /// How fast the first layer's bias learns for all that describes the user: by its rate
    /// in gradient steps, or by its variance before any rating.
    bias_speed: f64,
}

/// A head on the way forward, which several threads may go at once.
#[derive(Clone, Copy, Debug)]
pub enum Forward<'a> {
    /// A linear head's numbers, and the user's part of its output.
    Linear(&'a [f32], f32),
    /// The layers of a deep one.
    Deep(&'a PackedNetwork),
}

impl Forward<'_> {
    /// The head's output for each row; `network` is that of users' own heads.
    pub fn outputs<'a>(
        self,
        network: &Network,
        inputs: Inputs,
        activations: &'a mut LayerRows,
    ) -> &'a [f32] {
        match self {
            Self::Linear(numbers, user_sum) => {
                activations.resize(network, inputs.rows);
                network.linear(numbers, user_sum, inputs, activations.output_mut(inputs.rows));
            }
            Self::Deep(packed) => network.forward(packed, inputs, activations),
        }
        activations.output(inputs.rows)
    }
}

impl OwnHead {
    /// A head that starts at `start`, and is packed so, unless it is linear and takes no
    /// gradient steps.
    pub fn new(
        start: Arc<Vec<f32>>,
        packed_start: PackedNetwork,
        user_sums: Vec<f32>,
        bias_speed: f64,
    ) -> Self {
        let numbers = start.as_slice().into();
        Self { numbers, start, packed_start, at_start: true, user_sums, bias_speed }
    }

    /// The head as it stands.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// The head as it stands, to be changed, and where it starts.
    pub fn change(&mut self) -> (&mut [f32], &[f32]) {
        self.at_start = false;
        (&mut self.numbers, &self.start)
    }

    /// Where local updates start.
    pub fn start(&self) -> &[f32] {
        &self.start
    }

    /// The same as the way forward reads it.
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

    /// Goes back to where local updates start.
    pub fn reset(&mut self) {
        self.at_start = true;
        self.numbers.copy_from_slice(&self.start);
    }

    /// The head where it starts, on the way forward.
    pub fn start_forward(&self, network: &Network) -> Forward<'_> {
        self.forward_from(network, &self.start, &self.packed_start)
    }

    /// The head as it stands, on the way forward; a deep one that moved is packed in
    /// `packed`.
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

/// A deep head that moved, as the way forward reads it.
#[derive(Clone, Debug)]
pub struct PackedHead {
    /// The head; while it takes gradient steps, as it is at each.
    pub network: PackedNetwork,
    /// The state of the user whose head it is; none while it takes steps.
    pub of: Option<u64>,
}

impl PackedHead {
    /// For heads of these layers that are packed as `start` is.
    pub fn new(network: &Network, start: &PackedNetwork) -> Self {
        let network = match start.is_empty() {
            true => PackedNetwork::default(),
            false => PackedNetwork::new(network),
        };
        Self { network, of: None }
    }

    /// Packs the head of a user in this state, unless it is linear, packed, or where it
    /// starts.
    pub fn pack(&mut self, network: &Network, head: &OwnHead, state: u64) {
        if network.is_linear() || head.at_start || self.of == Some(state) {
            return;
        }
        self.network.pack(network, &head.numbers, &head.user_sums);
        self.of = Some(state);
    }
}
