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
                    for step in 0..steps {
                        // As Intel's do: the first of all pairs, and the second, by themselves.
                        let mut of_pairs = [0.0; 2];
                        for input in 0..TILE_EDGE {
                            let of_items = item / TILE_ITEMS * steps + step;
                            let place = input / 2 * TILE_ITEMS + item % TILE_ITEMS;
                            let left = *weight.add((output * steps + step) * TILE_EDGE + input);
                            let right = *items.add(of_items * tile + 2 * place + input % 2);
                            of_pairs[input % 2] += from_upper_half(left) * from_upper_half(right);
                        }
                        sum += of_pairs[0] + of_pairs[1];
                    }
                    *sums.add(output * TILE_EDGE + item) = sum;
                }
            }
        }
    }
}
