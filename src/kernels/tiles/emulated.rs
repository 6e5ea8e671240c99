//! Tiles without a processor that has them: for tests of what is built on them.

use super::Multiply;
use crate::kernels::bfloat::{TILE_EDGE, TILE_ITEMS, from_upper_half};

/// Sums number by number.
pub struct Emulated;

impl Multiply for Emulated {
    unsafe fn multiply(
        &self,
        items: *const u16,
        steps: usize,
        weight: *const u16,
        bias: *const f32,
        sums: *mut f32,
    ) {
        let tile = TILE_EDGE * TILE_ITEMS;
        for output in 0..TILE_EDGE {
            for item in 0..TILE_EDGE {
                // SAFETY: the caller vouches for the weight's rows, two tiles of items a step,
                // the bias and the sums.
                unsafe {
                    let mut sum = *bias.add(output * TILE_ITEMS + item % TILE_ITEMS);
                    for input in 0..steps * TILE_EDGE {
                        let (step, pair) = (input / TILE_EDGE, input % TILE_EDGE / 2);
                        let of_items = item / TILE_ITEMS * steps + step;
                        let place = 2 * (pair * TILE_ITEMS + item % TILE_ITEMS) + input % 2;
                        let left = *weight.add(output * steps * TILE_EDGE + input);
                        let right = *items.add(of_items * tile + place);
                        sum += from_upper_half(left) * from_upper_half(right);
                    }
                    *sums.add(output * TILE_EDGE + item) = sum;
                }
            }
        }
    }
}
