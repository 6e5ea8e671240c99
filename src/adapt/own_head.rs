//! A user's own head, and how it learns.

use std::sync::Arc;

use crate::kernels::Aligned;
use crate::network::{Network, PackedNetwork};

/// A user's own head: the model's without weights for what describes the user, whose part
/// of the first layer counts in its bias. Made once, so that nothing is allocated while
/// adapting or scoring.
#[derive(Clone, Debug)]
pub struct OwnHead {
    /// The head as it stands.
    pub(super) numbers: Aligned,
    /// Where local updates start: most users share it.
    pub(super) start: Arc<Vec<f32>>,
    /// The same for the way forward.
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

impl OwnHead {
    /// A head of these layers that starts at `start`, and is packed so; `rates` are for
    /// gradient steps.
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
            packed_start,
            packed_head: PackedNetwork::new(network),
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

    /// The same for the way forward.
    pub fn packed_start(&self) -> &PackedNetwork {
        &self.packed_start
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

    /// Packs the head as it stands, if it is not packed.
    pub fn pack(&mut self, network: &Network) {
        if self.packed == Packed::Nowhere {
            self.packed_head.pack(network, &self.numbers, &self.user_sums);
            self.packed = Packed::Head;
        }
    }

    /// The head as it stands for the way forward, once it is packed.
    pub fn as_packed(&self) -> &PackedNetwork {
        match self.packed {
            Packed::Start => &self.packed_start,
            Packed::Head | Packed::Nowhere => &self.packed_head,
        }
    }
}
