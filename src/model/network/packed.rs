//! Parameters laid out for computing outputs.

use std::ops::Range;
use std::sync::Arc;

use super::Network;
use crate::kernels::{Packed, add_scaled};

/// A network's parameters in the layout for computing outputs, for one user.
#[derive(Clone, Debug, Default)]
pub struct PackedNetwork(Vec<PackedLayer>);

#[derive(Clone, Debug)]
pub struct PackedLayer {
    /// The first layer's weight has only the items' part, which is the same for all users.
    pub weight: Arc<Packed>,
    /// The first layer's bias also has the user's part of the sums.
    pub bias: Vec<f32>,
}

impl PackedNetwork {
    /// Memory for a network's parameters.
    pub fn new(network: &Network) -> Self {
        let mut packed = Self::default();
        packed.make_room(network);
        packed
    }

    /// A network's parameters, for a user.
    pub fn of(network: &Network, parameters: &[f32], user_sums: &[f32]) -> Self {
        let mut packed = Self::new(network);
        packed.pack(network, parameters, user_sums);
        packed
    }

    /// Whether there are no layers, nor memory for any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn layers(&self) -> &[PackedLayer] {
        &self.0
    }

    /// Each layer's bias; the first has the user's part of the sums added.
    pub fn biases(&self) -> impl Iterator<Item = &[f32]> {
        self.0.iter().map(|layer| &layer.bias[..])
    }

    fn make_room(&mut self, network: &Network) {
        if self.0.is_empty() {
            self.0.extend(network.layers.iter().enumerate().map(|(l, layer)| PackedLayer {
                weight: Arc::new(Packed::new(network.item_inputs(l), layer.outputs)),
                bias: vec![0.0; layer.outputs],
            }));
        }
    }

    /// The same parameters for another user, with shared memory for everything but the
    /// biases.
    pub fn shared(&self, network: &Network, parameters: &[f32], user_sums: &[f32]) -> Self {
        let mut shared = self.clone();
        if let Some(first) = shared.0.first_mut() {
            first.take_user(network, parameters, user_sums);
        }
        shared
    }

    /// Copies the parameters of a network, always the same one, for a user. Allocates only
    /// the first time, or if memory is shared.
    pub fn pack(&mut self, network: &Network, parameters: &[f32], user_sums: &[f32]) {
        self.make_room(network);
        self.pack_layers(0..network.layers.len(), network, parameters, user_sums);
    }

    /// [`PackedNetwork::pack`] for some of the layers, whose memory exists already.
    pub fn pack_layers(
        &mut self,
        layers: Range<usize>,
        network: &Network,
        parameters: &[f32],
        user_sums: &[f32],
    ) {
        for l in layers {
            let (layer, packed) = (&network.layers[l], &mut self.0[l]);
            let weight = network.item_weight(l, parameters);
            Arc::make_mut(&mut packed.weight).pack(weight.transposed());
            match l {
                0 => packed.take_user(network, parameters, user_sums),
                _ => packed.bias.copy_from_slice(&parameters[layer.bias.clone()]),
            }
        }
    }
}

impl PackedLayer {
    /// Adds the user's part of the sums to the first layer's bias.
    fn take_user(&mut self, network: &Network, parameters: &[f32], user_sums: &[f32]) {
        let layer = &network.layers[0];
        self.bias.copy_from_slice(user_sums);
        add_scaled(&mut self.bias, 1.0, &parameters[layer.bias.clone()]);
    }
}
