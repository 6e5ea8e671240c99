//! Parameters laid out for computing outputs.

use std::ops::Range;
use std::sync::Arc;

use super::Network;
use crate::kernels::{Packed, add_scaled};
use crate::memory;

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
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(network: &Network) -> memory::Result<Self> {
        let layers = network.layers.iter().enumerate().map(|(l, layer)| {
            Ok(PackedLayer {
                weight: Arc::new(Packed::new(network.item_inputs(l), layer.outputs)?),
                bias: memory::zeros(layer.outputs)?,
            })
        });
        memory::try_collected(layers).map(Self)
    }

    /// A network's parameters, for a user.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn of(network: &Network, parameters: &[f32], user_sums: &[f32]) -> memory::Result<Self> {
        let mut packed = Self::new(network)?;
        packed.pack(network, parameters, user_sums);
        Ok(packed)
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

    /// The same parameters for another user, with shared memory for everything but the
    /// biases.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn shared(
        &self,
        network: &Network,
        parameters: &[f32],
        user_sums: &[f32],
    ) -> memory::Result<Self> {
        let layers = self.0.iter().map(|PackedLayer { weight, bias }| {
            Ok(PackedLayer { weight: weight.clone(), bias: memory::copy(bias)? })
        });
        let mut shared = Self(memory::try_collected(layers)?);
        if let Some(first) = shared.0.first_mut() {
            first.take_user(network, parameters, user_sums);
        }
        Ok(shared)
    }

    /// Copies the parameters of the network that memory was made for, for a user. Allocates
    /// only if memory is shared.
    pub fn pack(&mut self, network: &Network, parameters: &[f32], user_sums: &[f32]) {
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
