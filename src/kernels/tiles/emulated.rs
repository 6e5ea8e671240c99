//! Tiles without a processor that has them: for tests of what is built on them.

use super::Multiply;
use crate::kernels::bfloat::{TILE_EDGE, from_upper_half};

/// Sums number by number.
pub struct Emulated;

impl Multiply for Emulated {
    unsafe fn multiply(
        &self,
        rows: *const u16,
        stride: usize,
        steps: usize,
        panel: *const u16,
        bias: *const f32,
        sums: *mut f32,
    ) {
        let half = TILE_EDGE / 2;
        for row in 0..TILE_EDGE {
            for column in 0..TILE_EDGE {
                // SAFETY: the caller vouches for the rows, the bias, the sums and the panel,
                // of which each step has two tiles of TILE_EDGE / 2 rows of TILE_EDGE.
                unsafe {
                    let mut sum = *bias.add(column);
                    for input in 0..steps * TILE_EDGE {
                        let (step, input_of_step) = (input / TILE_EDGE, input % TILE_EDGE);
                        let tile = 2 * step + column / half;
                        let place = input_of_step / 2 * TILE_EDGE + column % half * 2 + input % 2;
                        let left = from_upper_half(*rows.add(row * stride + input));
                        let right = from_upper_half(*panel.add(tile * half * TILE_EDGE + place));
                        sum += left * right;
                    }
                    *sums.add(row * TILE_EDGE + column) = sum;
                }
            }
        }
    }
}
