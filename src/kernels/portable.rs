//! The level that every processor has: plain arithmetic, four numbers at once.

use super::half::widen_one;
use super::simd::Simd;
use super::thresholds::is_not_below;

/// Plain code for any processor.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Simd for Portable {
    type Vector = [f32; 4];
    type Double = [f64; 2];

    const LANES: usize = 4;
    const TILE_VECTORS: usize = 1;
    const IS_FALLBACK: bool = true;

    #[inline(always)]
    fn splat(self, number: f32) -> [f32; 4] {
        [number; 4]
    }

    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
    }

    #[inline(always)]
    fn multiply(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]]
    }

    // Without an instruction for it, a sum that is rounded once is a call.
    #[inline(always)]
    fn multiply_add(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0] + c[0], a[1] * b[1] + c[1], a[2] * b[2] + c[2], a[3] * b[3] + c[3]]
    }

    #[inline(always)]
    fn multiply_add_one(self, a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }

    #[inline(always)]
    fn splat_double(self, number: f64) -> [f64; 2] {
        [number; 2]
    }

    #[inline(always)]
    fn multiply_add_double(self, a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> [f64; 2] {
        [a[0] * b[0] + c[0], a[1] * b[1] + c[1]]
    }

    #[inline(always)]
    unsafe fn load_double(self, from: *const f64) -> [f64; 2] {
        // SAFETY: the caller vouches for two numbers; an array of them may
        // begin wherever a number may.
        unsafe { from.cast::<[f64; 2]>().read() }
    }

    #[inline(always)]
    unsafe fn store_double(self, to: *mut f64, vector: [f64; 2]) {
        // SAFETY: the caller vouches that two numbers can be written.
        unsafe { to.cast::<[f64; 2]>().write(vector) }
    }

    #[inline(always)]
    fn rectify(self, a: [f32; 4]) -> [f32; 4] {
        [a[0].max(0.0), a[1].max(0.0), a[2].max(0.0), a[3].max(0.0)]
    }

    #[inline(always)]
    fn keep_where_positive(self, a: [f32; 4], by: [f32; 4]) -> [f32; 4] {
        let keep = |lane: usize| if by[lane] > 0.0 { a[lane] } else { 0.0 };
        [keep(0), keep(1), keep(2), keep(3)]
    }

    #[inline(always)]
    fn not_below(self, a: [f32; 4], b: [f32; 4]) -> u32 {
        let bit = |lane: usize| u32::from(is_not_below(a[lane], b[lane])) << lane;
        bit(0) | bit(1) | bit(2) | bit(3)
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> [f32; 4] {
        // SAFETY: the caller vouches for four numbers; an array of them may begin wherever a
        // number may.
        unsafe { from.cast::<[i32; 4]>().read() }.map(|number| number as f32)
    }

    #[inline(always)]
    fn sum(self, a: [f32; 4]) -> f32 {
        (a[0] + a[2]) + (a[1] + a[3])
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [f32; 4] {
        // SAFETY: the caller vouches for four numbers; an array of them may
        // begin wherever a number may.
        unsafe { from.cast::<[f32; 4]>().read() }
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> [f32; 4] {
        // SAFETY: the caller vouches for four halves, wherever they begin.
        widen(unsafe { from.cast::<[u16; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: [f32; 4]) {
        // SAFETY: the caller vouches that four numbers can be written.
        unsafe { to.cast::<[f32; 4]>().write(vector) }
    }
}

/// Apart, as small code matters more here.
#[inline(never)]
fn widen(halves: [u16; 4]) -> [f32; 4] {
    halves.map(widen_one)
}
