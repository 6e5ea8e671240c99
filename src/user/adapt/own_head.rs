//! A user's own head, and how it learns.

use std::sync::Arc;

use crate::kernels::Aligned;
use crate::model::network::{Inputs, LayerRows, Network, PackedNetwork};

/// A user's own head: the model's without weights for what describes the user, whose part
/// of the first layer counts in its bias. Made once, so that nothing is allocated while
/// adapting or scoring.
#[derive(Clone, Debug)]
pub struct OwnHead {
    /// The head as it stands.
    pub(super) numbers: Aligned,
    /// Where local updates start: most users share it.
    pub(super) start: Arc<Vec<f32>>,
    /// The same for the way forward; without layers where nothing reads it.
    pub(super) packed_start: PackedNetwork,
    /// Room for the head as it stands, for the way forward.
    pub(super) packed_head: PackedNetwork,
    /// Where the head as it stands is packed.
    pub(super) packed: Packed,
    /// The user's part of the first layer's sums.
    pub(super) user_sums: Vec<f32>,
    /// How fast each tensor learns by gradient steps.
    pub(super) rates: Vec<f32>,
}

/// Which of the two packed heads is the head as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packed {
    /// The one where local updates start.
    Start,
    /// The other.
    Head,
    /// None of them.
    Nowhere,
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
    /// A head of these layers that starts at `start`, and is packed so, unless it is linear
    /// and takes no gradient steps, for which the `rates` are.
    pub fn new(
        network: &Network,
        start: Arc<Vec<f32>>,
        packed_start: PackedNetwork,
        user_sums: Vec<f32>,
        rates: Vec<f32>,
    ) -> Self {
        Self {
            numbers: start.as_slice().into(),
            start,
            packed_head: match packed_start.is_empty() {
                true => PackedNetwork::default(),
                false => PackedNetwork::new(network),
            },
            packed_start,
            packed: Packed::Start,
            user_sums,
            rates,
        }
    }

    /// The head as it stands.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// Where local updates start.
    pub fn start(&self) -> &[f32] {
        &self.start
    }

    /// The same on the way forward.
    pub fn start_forward(&self, network: &Network) -> Forward<'_> {
        self.forward_from(network, &self.start, &self.packed_start)
    }

    /// Goes back to where local updates start.
    pub fn reset(&mut self) {
        self.packed = Packed::Start;
        self.numbers.copy_from_slice(&self.start);
    }

    /// Takes over other numbers.
    pub fn take(&mut self, numbers: &[f32]) {
        self.packed = Packed::Nowhere;
        self.numbers.copy_from_slice(numbers);
    }

    /// Packs the head as it stands, if it is deep and not packed.
    pub fn pack(&mut self, network: &Network) {
        if self.packed == Packed::Nowhere && !network.is_linear() {
            self.packed_head.pack(network, &self.numbers, &self.user_sums);
            self.packed = Packed::Head;
        }
    }

    /// The head as it stands on the way forward, once it is packed.
    pub fn forward(&self, network: &Network) -> Forward<'_> {
        let packed = match self.packed {
            Packed::Start => &self.packed_start,
            Packed::Head | Packed::Nowhere => &self.packed_head,
        };
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
