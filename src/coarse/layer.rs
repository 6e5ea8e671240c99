//! A rectified layer in bfloat16, and how far it may be from the exact one.

use std::sync::Arc;

use super::norm::{MARGIN, SpectralNorm, TINY, bounded, length, rounding_of_sum};
use crate::kernels::{Aligned, Matrix, TILE_ITEMS, TileWeight, round_to_bfloat};

/// A layer's weight, and what it can make of a difference between two inputs.
#[derive(Clone, Debug)]
pub struct CoarseWeight {
    pub tiles: TileWeight,
    /// What the difference grows by.
    growth: f32,
    /// What the weight's rounding adds for each unit of the coarse input's length.
    of_inputs: f32,
    /// What rounding to single precision adds for each unit of the bias's length.
    of_bias: f32,
}

/// One layer for one user.
#[derive(Clone, Debug)]
pub struct CoarseLayer {
    pub weight: Arc<CoarseWeight>,
    /// As tiles read it: each output's for so many items, with room for whole tiles.
    pub bias: Aligned,
    constant: f32,
}

impl CoarseWeight {
    /// Room for a weight [outputs, inputs].
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        let tiles = TileWeight::zeros(inputs, outputs);
        Self { tiles, growth: 0.0, of_inputs: 0.0, of_bias: 0.0 }
    }

    /// Takes over a weight, always of the same shape.
    ///
    /// Between an exact output and a coarse one lie, in length: what the weight makes of the
    /// inputs' difference (its spectral norm), what its rounding makes of the coarse inputs
    /// (the difference's spectral norm), and what both sums lose to rounding (by the weight's
    /// length). ReLU brings nothing further apart.
    pub fn take(&mut self, weight: Matrix, norm: &mut SpectralNorm) {
        self.tiles.pack(weight);
        let rounding = rounding_of_sum(weight.columns());
        let sums = rounding * length(weight.row_slices());
        let growth = norm.bound(weight, |number| number);
        let lost = norm.bound(weight, |number| number - round_to_bfloat(number));
        self.growth = MARGIN * (growth + sums) + TINY;
        self.of_inputs = MARGIN * (lost + 2.1 * sums) + TINY;
        self.of_bias = 2.1 * rounding;
    }
}

impl CoarseLayer {
    pub fn new(weight: Arc<CoarseWeight>) -> Self {
        let bias = Aligned::zeros(TILE_ITEMS * weight.tiles.outputs());
        Self { weight, bias, constant: 0.0 }
    }

    /// Takes over the bias; after the weight.
    pub fn take_bias(&mut self, bias: &[f32]) {
        for (places, bias) in self.bias.chunks_exact_mut(TILE_ITEMS).zip(bias) {
            places.fill(*bias);
        }
        self.constant = self.weight.of_bias * length([bias].into_iter()) + TINY;
    }

    /// How far an output of the coarse layer may be from the exact one's, in length, if the
    /// inputs are no further apart than `error`, and rounding took `lost` from those of the
    /// coarse layer, which left `inputs` of their length. Infinite where it cannot be told.
    #[inline(always)]
    pub fn error(&self, error: f32, lost: f32, inputs: f32) -> f32 {
        let CoarseWeight { growth, of_inputs, .. } = *self.weight;
        bounded(growth * (error + lost) + of_inputs * inputs + self.constant)
    }
}
