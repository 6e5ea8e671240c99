//! A network as one user has it.
//!
//! What describes a user is the same in all of their rows, so that its part of the
//! first layer's sums counts as a bias does. The user's own network has no weights for
//! it: the first layer's bias takes what both learn.

use super::{Layer, Network};

impl Network {
    /// The same layers without the user's part.
    pub(crate) fn without_user(&self) -> Self {
        let mut network = Self { user_width: 0, ..self.clone() };
        let first = self.layers[0].outputs * self.user_width;
        for (l, Layer { inputs, weight, bias, .. }) in network.layers.iter_mut().enumerate() {
            match l {
                0 => *inputs = self.item_width,
                _ => weight.start -= first,
            }
            weight.end -= first;
            *bias = bias.start - first..bias.end - first;
        }
        network
    }

    /// Those of the parameters that are left without the user's part.
    pub(crate) fn parameters_without_user(&self, parameters: &[f32]) -> Vec<f32> {
        let mut own = Vec::with_capacity(parameters.len());
        for row in self.item_weight(0, parameters).row_slices() {
            own.extend_from_slice(row);
        }
        own.extend_from_slice(&parameters[self.layers[0].weight.end..]);
        own
    }

    /// The user's part of the first layer's sums, which the bias is added to.
    pub(crate) fn sums_of_user(&self, parameters: &[f32], user: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.layers[0].outputs];
        self.user_sums(&parameters[self.layers[0].weight.clone()], user, &mut sums);
        sums
    }

    /// The network's parameters from the user's own, which were learned from
    /// `own_start` on, and in whose place are `start`.
    ///
    /// What the bias took for the user's part goes back to where it came from: of the
    /// `total` speed at which it learned, each parameter has its own times its input.
    pub(crate) fn parameters_with_user(
        &self,
        own: &[f32],
        own_start: &[f32],
        start: &[f32],
        user: &[f32],
        total: f32,
        speed: impl Fn(usize) -> f32,
    ) -> Vec<f32> {
        if self.user_width == 0 {
            return own.to_vec();
        }
        let first = &self.layers[0];
        let own_bias = first.outputs * self.item_width;
        let mut parameters = start.to_vec();
        parameters[first.bias.start..].copy_from_slice(&own[own_bias..]);
        for unit in 0..first.outputs {
            let row = &mut parameters[unit * first.inputs..][..first.inputs];
            let (items, _) = row.split_at_mut(self.item_width);
            items.copy_from_slice(&own[unit * self.item_width..][..self.item_width]);
            if total > 0.0 {
                let from = f64::from(own_start[own_bias + unit]);
                let share = (f64::from(own[own_bias + unit]) - from) / f64::from(total);
                let weights = unit * first.inputs + self.item_width;
                for (place, input) in (weights..).zip(user) {
                    let change = share * f64::from(speed(place)) * f64::from(*input);
                    parameters[place] += change as f32;
                }
                let bias = first.bias.start + unit;
                parameters[bias] = (from + share * f64::from(speed(bias))) as f32;
            }
        }
        parameters
    }
}
