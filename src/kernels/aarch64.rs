//! NEON.

use std::arch::aarch64::*;

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
