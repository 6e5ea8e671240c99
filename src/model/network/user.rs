//! A network adapted to one user.
//!
//! A user's description is the same in all of their rows, so that its part of the first
//! layer's sums acts as a bias. The user's own network has no weights for it: the first
//! layer's bias learns for both.

use super::{Layer, Network};
use crate::memory;

impl Network {
    /// The same layers without the user's part.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn without_user(&self) -> memory::Result<Self> {
        let layers = memory::collected(self.layers.iter().cloned())?;
        let mut network = Self { user_width: 0, layers, ..*self };
        let first = self.layers[0].outputs * self.user_width;
        for (l, Layer { inputs, weight, bias, .. }) in network.layers.iter_mut().enumerate() {
            match l {
                0 => *inputs = self.item_width,
                _ => weight.start -= first,
            }
            weight.end -= first;
            *bias = bias.start - first..bias.end - first;
        }
        Ok(network)
    }

    /// The parameters without the user's part.
    pub(crate) fn parameters_without_user(&self, parameters: &[f32]) -> memory::Result<Vec<f32>> {
        let mut own = memory::reserved(parameters.len())?;
        for row in self.item_weight(0, parameters).row_slices() {
            own.extend_from_slice(row);
        }
        own.extend_from_slice(&parameters[self.layers[0].weight.end..]);
        Ok(own)
    }

    /// The user's part of the first layer's sums, to which the bias is added; `sums` has a
    /// place for each of the layer's outputs.
    pub(crate) fn sums_of_user(&self, parameters: &[f32], user: &[f32], sums: &mut [f32]) {
        self.user_sums(&parameters[self.layers[0].weight.clone()], user, sums);
    }

    /// The speed at which the bias of one of the first layer's units learns if it also learns
    /// for the user's part. `speed` is that of each of the network's own parameters: its
    /// rate, or its variance before any rating.
    ///
    /// A weight moves by its speed times its input, and its part of the sum by its input
    /// times that; the bias is the weight of an input that is always 1.
    pub(crate) fn speed_of_bias(
        &self,
        unit: usize,
        user: &[f32],
        speed: impl Fn(usize) -> f64,
    ) -> f64 {
        let mut total = speed(self.layers[0].bias.start + unit);
        for (place, input) in (self.user_weights(unit)..).zip(user) {
            total += speed(place) * f64::from(*input).powi(2);
        }
        total
    }

    /// Computes the network's parameters from the user's own ones. Learning started at
    /// `start` and, for the user's own parameters, at `own_start`.
    ///
    /// Each weight of the user's part moved by the share speed * input / total of the bias's
    /// movement: see [`Network::speed_of_bias`].
    pub(crate) fn parameters_with_user(
        &self,
        own: &[f32],
        own_start: &[f32],
        start: &[f32],
        user: &[f32],
        speed: impl Fn(usize) -> f64,
    ) -> memory::Result<Vec<f32>> {
        if self.user_width == 0 {
            return memory::copy(own);
        }
        let first = &self.layers[0];
        let own_bias = first.outputs * self.item_width;
        let mut parameters = memory::copy(start)?;
        parameters[first.bias.start..].copy_from_slice(&own[own_bias..]);
        for unit in 0..first.outputs {
            parameters[unit * first.inputs..][..self.item_width]
                .copy_from_slice(&own[unit * self.item_width..][..self.item_width]);
            let total = self.speed_of_bias(unit, user, &speed);
            if total > 0.0 {
                let (bias, from) = (first.bias.start + unit, f64::from(own_start[own_bias + unit]));
                let share = (f64::from(own[own_bias + unit]) - from) / total;
                parameters[bias] = (from + share * speed(bias)) as f32;
                for (place, input) in (self.user_weights(unit)..).zip(user) {
                    parameters[place] += (share * speed(place) * f64::from(*input)) as f32;
                }
            }
        }
        Ok(parameters)
    }

    /// The place of the weights of one of the first layer's units for the user's description.
    fn user_weights(&self, unit: usize) -> usize {
        unit * self.layers[0].inputs + self.item_width
    }
}
