//! Parameters laid out for the way forward.

use std::ops::Range;
use std::sync::Arc;

use super::Network;
use crate::kernels::{Packed, add_scaled};

/// A network's parameters as the way forward reads them, for one user.
#[derive(Clone, Debug, Default)]
pub struct PackedNetwork(Vec<PackedLayer>);

#[derive(Clone, Debug)]
pub struct PackedLayer {
    /// The first layer's holds the items' part alone, which is the same for all users.
    pub weight: Arc<Packed>,
    /// The first layer's holds the user's part of the sums as well.
    pub bias: Vec<f32>,
}

impl PackedNetwork {
    /// Room for a network's parameters.
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

    /// Whether there are no layers, nor room for any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn layers(&self) -> &[PackedLayer] {
        &self.0
    }

    /// Each layer's bias, of the first with the user's part of the sums.
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

    /// The same parameters for another user, with the same memory for all of them but
    /// the biases.
    pub fn shared(&self, network: &Network, parameters: &[f32], user_sums: &[f32]) -> Self {
        let mut shared = self.clone();
        if let Some(first) = shared.0.first_mut() {
            first.take_user(network, parameters, user_sums);
        }
        shared
    }

    /// Takes over the parameters of a network, always of the same one, for a
    /// user; allocates nothing but the first time, or where memory is shared.
    pub fn pack(&mut self, network: &Network, parameters: &[f32], user_sums: &[f32]) {
        self.make_room(network);
        self.pack_layers(0..network.layers.len(), network, parameters, user_sums);
    }

    /// [`PackedNetwork::pack`] for some of the layers; there is room already.
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
    /// Takes the user's part of the sums into the first layer's bias.
    fn take_user(&mut self, network: &Network, parameters: &[f32], user_sums: &[f32]) {
        let layer = &network.layers[0];
        self.bias.copy_from_slice(user_sums);
        add_scaled(&mut self.bias, 1.0, &parameters[layer.bias.clone()]);
    }
}
