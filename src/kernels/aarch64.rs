//! NEON.

use std::arch::aarch64::*;

use super::rounded::{GROUP, ROWS};
use super::simd::Simd;

/// Four numbers at once.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

impl Neon {
    /// # Safety
    /// The processor has NEON.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(())
    }
}

impl Simd for Neon {
    type Vector = float32x4_t;
    type Double = float64x2_t;

    const LANES: usize = 4;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, number: f32) -> float32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vdupq_n_f32(number) }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn multiply(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn multiply_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn splat_double(self, number: f64) -> float64x2_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vdupq_n_f64(number) }
    }

    #[inline(always)]
    fn multiply_add_double(self, a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vfmaq_f64(c, a, b) }
    }

    #[inline(always)]
    unsafe fn load_double(self, from: *const f64) -> float64x2_t {
        // SAFETY: `self` is the proof that the processor has NEON; the caller vouches that
        // so many numbers can be read.
        unsafe { vld1q_f64(from) }
    }

    #[inline(always)]
    unsafe fn store_double(self, to: *mut f64, vector: float64x2_t) {
        // SAFETY: `self` is the proof that the processor has NEON; the caller vouches that
        // so many numbers can be read.
        unsafe { vst1q_f64(to, vector) }
    }

    #[inline(always)]
    fn sums_of_four(self, vectors: [float64x2_t; 4]) -> [f64; 4] {
        // SAFETY: `self` is the proof that the processor has NEON.
        vectors.map(|vector| unsafe { vaddvq_f64(vector) })
    }

    #[inline(always)]
    fn rectify(self, a: float32x4_t) -> float32x4_t {
        // Of a NaN and a number, the instruction takes the number.
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vmaxnmq_f32(a, vdupq_n_f32(0.0)) }
    }

    #[inline(always)]
    fn keep_where_positive(self, a: float32x4_t, by: float32x4_t) -> float32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vbslq_f32(vcgtq_f32(by, vdupq_n_f32(0.0)), a, vdupq_n_f32(0.0)) }
    }

    #[inline(always)]
    fn not_below(self, a: float32x4_t, b: float32x4_t) -> u32 {
        const BITS: [u32; 4] = [1, 2, 4, 8];
        // SAFETY: `self` is the proof that the processor has NEON; there are four bits to read.
        unsafe {
            let not_below = vmvnq_u32(vcltq_f32(a, b));
            vaddvq_u32(vandq_u32(not_below, vld1q_u32(BITS.as_ptr())))
        }
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> float32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON; the caller vouches that so
        // many numbers can be read.
        unsafe { vcvtq_f32_s32(vld1q_s32(from)) }
    }

    #[inline(always)]
    unsafe fn sum_bytes(self, bytes: *const u8, factors: &[i16], sums: &mut [i32; ROWS]) {
        // SAFETY: `self` is the proof that the processor has NEON; the caller vouches for ROWS x
        // GROUP bytes for each group of factors, which are GROUP numbers. Sixteen bytes are four
        // rows of a group.
        unsafe {
            let mut parts = [vdupq_n_s32(0); ROWS];
            for (group, factors) in factors.as_chunks::<GROUP>().0.iter().enumerate() {
                let factors = vld1_s16(factors.as_ptr());
                let from = bytes.add(group * ROWS * GROUP);
                for four in 0..ROWS / 4 {
                    let rows = vld1q_u8(from.add(four * 4 * GROUP));
                    let halves = [vmovl_u8(vget_low_u8(rows)), vmovl_u8(vget_high_u8(rows))];
                    for (half, rows) in halves.into_iter().enumerate() {
                        let rows = vreinterpretq_s16_u16(rows);
                        let part = &mut parts[four * 4 + half * 2..][..2];
                        part[0] = vmlal_s16(part[0], vget_low_s16(rows), factors);
                        part[1] = vmlal_s16(part[1], vget_high_s16(rows), factors);
                    }
                }
            }
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = sum.wrapping_add(vaddvq_s32(part));
            }
        }
    }

    #[inline(always)]
    fn sum(self, a: float32x4_t) -> f32 {
        // SAFETY: `self` is the proof that the processor has NEON.
        unsafe { vaddvq_f32(a) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        // SAFETY: `self` is the proof that the processor has NEON; the caller vouches that
        // so many numbers can be read.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: float32x4_t) {
        // SAFETY: `self` is the proof that the processor has NEON; the caller vouches that
        // so many numbers can be read.
        unsafe { vst1q_f32(to, vector) }
    }
}
