//! A user's own head for the way forward, and how it learns.

use crate::network::{Network, PackedNetwork};

/// A user's own head as the way forward reads it; made once, so that nothing is allocated
/// while adapting or scoring.
#[derive(Clone, Debug)]
pub struct OwnHead {
    /// Where the user's local updates start.
    pub start: PackedNetwork,
    /// Room for the head as it stands.
    pub(super) head: PackedNetwork,
    /// Where the head as it stands is packed: for its owner to say.
    pub packed: PackedHead,
    /// The user's part of the first layer's sums.
    pub(super) user_sums: Vec<f32>,
    /// How fast each tensor learns by gradient steps.
    pub(super) rates: Vec<f32>,
}

/// Which of the two packed heads is the user's as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedHead {
    /// The one where local updates start.
    Start,
    /// The other.
    Head,
    /// None of them.
    Nowhere,
}

impl OwnHead {
    /// A head of these layers that starts here; `rates` are for gradient steps.
    pub fn new(
        network: &Network,
        start: PackedNetwork,
        user_sums: Vec<f32>,
        rates: Vec<f32>,
    ) -> Self {
        let head = PackedNetwork::new(network);
        Self { start, head, packed: PackedHead::Start, user_sums, rates }
    }

    /// How fast each tensor learns by gradient steps.
    pub fn rates(&self) -> &[f32] {
        &self.rates
    }

    /// Packs the head as it stands, if it is not packed.
    pub fn pack(&mut self, network: &Network, head: &[f32]) {
        if self.packed == PackedHead::Nowhere {
            self.head.pack(network, head, &self.user_sums);
            self.packed = PackedHead::Head;
        }
    }

    /// The head as it stands, which is packed.
    pub fn as_packed(&self) -> &PackedNetwork {
        match self.packed {
            PackedHead::Start => &self.start,
            PackedHead::Head | PackedHead::Nowhere => &self.head,
        }
    }
}
