//! Parameters laid out for the way forward.

use super::{Layer, Network};
use crate::kernels::{Packed, Start, add_scaled_rows};

/// A network's parameters as the way forward reads them, for one user.
#[derive(Clone, Debug, Default)]
pub struct PackedNetwork(Vec<PackedLayer>);

#[derive(Clone, Debug)]
pub struct PackedLayer {
    /// The first layer's holds the items' part alone.
    pub weight: Packed,
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

    pub(super) fn layers(&self) -> &[PackedLayer] {
        &self.0
    }

    fn make_room(&mut self, network: &Network) {
        if self.0.is_empty() {
            let inputs = |l: usize, layer: &Layer| match l {
                0 => network.item_width,
                _ => layer.inputs,
            };
            self.0.extend(network.layers.iter().enumerate().map(|(l, layer)| PackedLayer {
                weight: Packed::new(inputs(l, layer), layer.outputs),
                bias: vec![0.0; layer.outputs],
            }));
        }
    }

    /// Takes over the parameters of a network, always of the same one, for a
    /// user; allocates nothing but the first time.
    pub fn pack(&mut self, network: &Network, parameters: &[f32], user: &[f32]) {
        self.make_room(network);
        for (l, (layer, packed)) in network.layers.iter().zip(&mut self.0).enumerate() {
            let bias = &parameters[layer.bias.clone()];
            if l == 0 {
                let weight = &parameters[layer.weight.clone()];
                packed.weight.pack(network.item_part(weight).transposed());
                network.user_sums(weight, user, Start::Zero, &mut packed.bias);
                add_scaled_rows(&mut packed.bias, 1.0, bias);
            } else {
                packed.weight.pack(layer.weights(parameters).transposed());
                packed.bias.copy_from_slice(bias);
            }
        }
    }
}
