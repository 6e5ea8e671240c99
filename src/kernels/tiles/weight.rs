//! Weights as tiles read them.

use crate::kernels::Matrix;
use crate::kernels::bfloat::{TILE_EDGE, Tile, round_to_bfloat, upper_half};

/// A layer's weight in bfloat16, row by row, padded with zeros to whole tiles.
#[derive(Clone, Debug)]
pub struct TileWeight {
    tiles: Vec<Tile>,
    inputs: usize,
    outputs: usize,
}

impl TileWeight {
    /// Zeros for at least so many inputs and outputs.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        let (inputs, outputs) =
            (inputs.next_multiple_of(TILE_EDGE), outputs.next_multiple_of(TILE_EDGE));
        let tiles = inputs * outputs / Tile::ZERO.0.len();
        Self { tiles: vec![Tile::ZERO; tiles], inputs, outputs }
    }

    /// How many inputs there is room for.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many outputs there is room for.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Takes over a weight [outputs, inputs], always of the same shape, rounded.
    pub fn pack(&mut self, weight: Matrix) {
        let mut places = self.tiles.iter_mut().flat_map(|tile| tile.0.chunks_exact_mut(TILE_EDGE));
        for output in weight.row_slices() {
            for inputs in output.chunks(TILE_EDGE) {
                let place = places.next().unwrap_or_default();
                for (place, input) in place.iter_mut().zip(inputs) {
                    *place = upper_half(round_to_bfloat(*input));
                }
            }
        }
    }

    /// The inputs of an output, a multiple of [`TILE_EDGE`], which are followed by those of the
    /// next.
    #[inline(always)]
    pub(super) fn row(&self, output: usize) -> *const u16 {
        self.tiles[output * self.inputs / Tile::ZERO.0.len()..].as_ptr().cast()
    }
}
