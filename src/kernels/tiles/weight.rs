//! Weights as tiles read them.

use crate::kernels::Matrix;
use crate::kernels::bfloat::{TILE_EDGE, round_to_bfloat, upper_half};

/// Columns of a tile of the right factor: half of a panel.
const TILE_COLUMNS: usize = TILE_EDGE / 2;

/// A layer's weight in bfloat16, padded with zeros to whole tiles.
///
/// In panels of [`TILE_EDGE`] outputs, each with a step for as many inputs, of two tiles:
/// the outputs' first and second half. A tile has a row for each pair of inputs, in which
/// every output has its pair.
#[derive(Clone, Debug)]
pub struct TileWeight {
    tiles: Vec<Tile>,
    inputs: usize,
    outputs: usize,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Tile([u16; TILE_EDGE * TILE_COLUMNS]);

impl TileWeight {
    /// Zeros for at least so many inputs and outputs.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        let (inputs, outputs) =
            (inputs.next_multiple_of(TILE_EDGE), outputs.next_multiple_of(TILE_EDGE));
        let tiles = 2 * (inputs / TILE_EDGE) * (outputs / TILE_EDGE);
        Self { tiles: vec![Tile([0; TILE_EDGE * TILE_COLUMNS]); tiles], inputs, outputs }
    }

    /// How many inputs there is room for: whole tiles.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many outputs there is room for: whole tiles.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Takes over a weight [outputs, inputs], always of the same shape, rounded.
    pub fn pack(&mut self, weight: Matrix) {
        let Matrix { data, rows, columns, row_stride, column_stride } = weight;
        assert!(
            rows <= self.outputs && columns <= self.inputs && column_stride == 1,
            "a weight must fit the room that was made for it"
        );
        for output in 0..rows {
            let tiles = &mut self.tiles[2 * (output / TILE_EDGE) * (self.inputs / TILE_EDGE)..];
            let half = output % TILE_EDGE / TILE_COLUMNS;
            let column = 2 * (output % TILE_COLUMNS);
            let inputs = &data[output * row_stride..][..columns];
            for (step, inputs) in tiles.chunks_exact_mut(2).zip(inputs.chunks(TILE_EDGE)) {
                let places = step[half].0.chunks_exact_mut(TILE_EDGE);
                for (pairs, pair) in places.zip(inputs.chunks(2)) {
                    for (place, input) in pairs[column..].iter_mut().zip(pair) {
                        *place = upper_half(round_to_bfloat(*input));
                    }
                }
            }
        }
    }

    /// The panel of the outputs from this one on, which begins a panel.
    #[inline(always)]
    pub(super) fn panel(&self, output: usize) -> *const u16 {
        self.tiles[2 * (output / TILE_EDGE) * (self.inputs / TILE_EDGE)..].as_ptr().cast()
    }
}
