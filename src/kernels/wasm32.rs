//! WebAssembly's vectors of 128 bits, for modules that are compiled with them: a host either has
//! them or does not load such a module.
//!
//! There is no instruction for a product and a sum rounded once, so both are rounded, as on the
//! portable level.

use std::arch::wasm32::*;

use super::rounded::{GROUP, ROWS};
use super::simd::Simd;

/// Four numbers at once.
#[derive(Clone, Copy, Debug)]
pub struct Simd128;

impl Simd for Simd128 {
    type Vector = v128;
    type Double = v128;

    const LANES: usize = 4;
    // Processors of hosts have 16 registers or 32.
    const TILE_VECTORS: usize = 2;

    #[inline(always)]
    fn splat(self, number: f32) -> v128 {
        f32x4_splat(number)
    }

    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn multiply(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn multiply_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    fn multiply_add_one(self, a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }

    #[inline(always)]
    fn splat_double(self, number: f64) -> v128 {
        f64x2_splat(number)
    }

    #[inline(always)]
    fn multiply_add_double(self, a: v128, b: v128, c: v128) -> v128 {
        f64x2_add(f64x2_mul(a, b), c)
    }

    #[inline(always)]
    unsafe fn load_double(self, from: *const f64) -> v128 {
        // SAFETY: the caller vouches for two numbers; the instruction takes any address.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_double(self, to: *mut f64, vector: v128) {
        // SAFETY: the caller vouches that two numbers can be written.
        unsafe { v128_store(to.cast(), vector) }
    }

    #[inline(always)]
    unsafe fn widen_first(self, from: *const f32, count: usize) -> v128 {
        // SAFETY: the caller vouches for `count` numbers, at most two.
        let numbers = unsafe {
            match count {
                0 => f32x4_splat(0.0),
                1 => v128_load32_zero(from.cast()),
                _ => v128_load64_zero(from.cast()),
            }
        };
        f64x2_promote_low_f32x4(numbers)
    }

    #[inline(always)]
    fn sums_of_four(self, vectors: [v128; 4]) -> [f64; 4] {
        vectors.map(|vector| f64x2_extract_lane::<0>(vector) + f64x2_extract_lane::<1>(vector))
    }

    #[inline(always)]
    fn rectify(self, a: v128) -> v128 {
        // The second number only where it is above the first, so never NaN.
        f32x4_pmax(f32x4_splat(0.0), a)
    }

    #[inline(always)]
    fn keep_where_positive(self, a: v128, by: v128) -> v128 {
        v128_and(a, f32x4_gt(by, f32x4_splat(0.0)))
    }

    #[inline(always)]
    fn not_below(self, a: v128, b: v128) -> u32 {
        u32::from(i32x4_bitmask(v128_not(f32x4_lt(a, b))))
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> v128 {
        // SAFETY: the caller vouches for four numbers.
        f32x4_convert_i32x4(unsafe { v128_load(from.cast()) })
    }

    #[inline(always)]
    unsafe fn sum_bytes(self, bytes: *const u8, factors: &[i16], sums: &mut [i32; ROWS]) {
        let mut parts = [i32x4_splat(0); ROWS / 2];
        for (group, factors) in factors.as_chunks::<GROUP>().0.iter().enumerate() {
            // SAFETY: a group has four factors.
            let factors = unsafe { v128_load64_splat(factors.as_ptr().cast()) };
            for (four, parts) in parts.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                // SAFETY: the caller vouches for ROWS x GROUP bytes for each group, of which 16
                // are four rows.
                let rows =
                    unsafe { v128_load(bytes.add((group * ROWS + four * 4) * GROUP).cast()) };
                // Two sums of each of two rows.
                let products = [u16x8_extend_low_u8x16(rows), u16x8_extend_high_u8x16(rows)]
                    .map(|rows| i32x4_dot_i16x8(rows, factors));
                parts[0] = i32x4_add(parts[0], products[0]);
                parts[1] = i32x4_add(parts[1], products[1]);
            }
        }
        for (sums, [a, b]) in sums.as_chunks_mut::<4>().0.iter_mut().zip(parts.as_chunks().0) {
            let halves = [i32x4_shuffle::<0, 2, 4, 6>(*a, *b), i32x4_shuffle::<1, 3, 5, 7>(*a, *b)];
            // SAFETY: there are four sums.
            unsafe {
                let before = v128_load(sums.as_ptr().cast());
                let after = i32x4_add(before, i32x4_add(halves[0], halves[1]));
                v128_store(sums.as_mut_ptr().cast(), after);
            }
        }
    }

    #[inline(always)]
    fn sum(self, a: v128) -> f32 {
        let pairs = f32x4_add(a, i32x4_shuffle::<2, 3, 0, 1>(a, a));
        f32x4_extract_lane::<0>(pairs) + f32x4_extract_lane::<1>(pairs)
    }

    #[inline(always)]
    fn sums(self, vectors: [v128; 8]) -> [f32; 8] {
        // Of two vectors: the first two numbers of each plus the other two.
        let pairs =
            |a, b| f32x4_add(i32x4_shuffle::<0, 1, 4, 5>(a, b), i32x4_shuffle::<2, 3, 6, 7>(a, b));
        let four =
            |a, b| f32x4_add(i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b));
        let [a, b, c, d, e, f, g, h] = vectors;
        let sums = [four(pairs(a, b), pairs(c, d)), four(pairs(e, f), pairs(g, h))];
        let mut numbers = [0.0; 8];
        for (sums, numbers) in sums.into_iter().zip(numbers.as_chunks_mut::<4>().0) {
            // SAFETY: there are four numbers.
            unsafe { v128_store(numbers.as_mut_ptr().cast(), sums) };
        }
        numbers
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> v128 {
        // SAFETY: the caller vouches for four numbers; the instruction takes any address.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: v128) {
        // SAFETY: the caller vouches that four numbers can be written.
        unsafe { v128_store(to.cast(), vector) }
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> v128 {
        // SAFETY: the caller vouches for four halves, wherever they begin.
        let halves = u32x4_extend_low_u16x8(unsafe { v128_load64_zero(from.cast()) });
        let magnitudes = i32x4_shl(v128_and(halves, u32x4_splat(0x7fff)), 13);
        // As a number, a half's exponent and mantissa are 2^-112 times what they stand for, also
        // below the normal ones.
        let numbers = f32x4_mul(magnitudes, f32x4_splat(f32::from_bits((127 + 112) << 23)));
        // Infinity and NaN, which is quiet as from other levels' instructions.
        let infinite = u32x4_ge(magnitudes, u32x4_splat(0x7c00 << 13));
        let none = u32x4_gt(magnitudes, u32x4_splat(0x7c00 << 13));
        let beyond = v128_or(
            v128_and(infinite, u32x4_splat(0x7f80_0000)),
            v128_and(none, u32x4_splat(0x0040_0000)),
        );
        let signs = i32x4_shl(v128_and(halves, u32x4_splat(0x8000)), 16);
        v128_or(v128_or(numbers, beyond), signs)
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> v128 {
        // SAFETY: the caller vouches for `count` numbers, at most four.
        unsafe {
            match count {
                0 => f32x4_splat(0.0),
                1 => v128_load32_zero(from.cast()),
                2 => v128_load64_zero(from.cast()),
                3 => v128_load32_lane::<2>(v128_load64_zero(from.cast()), from.add(2).cast()),
                _ => v128_load(from.cast()),
            }
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: v128, count: usize) {
        // SAFETY: the caller vouches that `count` numbers, at most four, can be written.
        unsafe {
            match count {
                0 => {}
                1 => v128_store32_lane::<0>(vector, to.cast()),
                2 => v128_store64_lane::<0>(vector, to.cast()),
                3 => {
                    v128_store64_lane::<0>(vector, to.cast());
                    v128_store32_lane::<2>(vector, to.add(2).cast());
                }
                _ => v128_store(to.cast(), vector),
            }
        }
    }
}
