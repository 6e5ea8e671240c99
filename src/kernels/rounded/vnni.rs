//! The bounds by AVX-512's instructions for products of bytes (VNNI), which multiply four
//! bytes each of sixteen rows at once.

use std::arch::x86_64::*;

use super::{Bound, END, GROUP, ROWS, UpperBounds};
use crate::kernels::level::Level;
use crate::kernels::x86_64::Avx512;

/// The groups that are summed side by side, so that no sum waits for the one before. Four blocks
/// side by side would do as well, but the processor's prefetching loses its way among them: a
/// million rows were read at 10 GB/s instead of 23.
const AT_ONCE: usize = 4;

/// The groups whose factors stay in registers: those of rows of 64 numbers, with their two last
/// ones. To load them anew for each block took a third of the time of rows in the cache.
const HELD: usize = 16;

/// The proof that the processor has these instructions, and that this process may use them.
#[derive(Clone, Copy, Debug)]
pub struct Vnni(());

/// The instructions, if the level of this process is AVX-512 and the processor has them.
pub fn available() -> Option<Vnni> {
    let has = Level::current().may_be_avx512() && is_x86_feature_detected!("avx512vnni");
    has.then_some(Vnni(()))
}

impl Vnni {
    /// See [`super::upper_bounds`].
    pub fn upper_bounds(self, work: UpperBounds) {
        // SAFETY: `self` is the proof that the processor has AVX-512F with VNNI.
        unsafe { upper_bounds(work) }
    }
}

#[target_feature(enable = "avx512f,avx512vnni,avx2,fma")]
fn upper_bounds(work: UpperBounds) {
    // SAFETY: AVX-512F, AVX2 and FMA are enabled here.
    let simd = unsafe { Avx512::new() };
    let UpperBounds { bytes, vector, bounds } = work;
    let codes = ROWS * vector.factors.len();
    let bound = Bound::new(simd, vector);
    let of_zero = _mm512_set1_epi32(vector.of_zero);
    let factors = vector.bytes.as_chunks::<GROUP>().0;
    let mut held = [_mm512_setzero_si512(); HELD];
    let (first, rest) = match factors.split_first_chunk::<HELD>() {
        Some((first, rest)) => (first.as_slice(), rest),
        None => (&[][..], factors),
    };
    // Not by closures or `map`, which are calls where all else is optimised for size.
    for (held, factors) in held.iter_mut().zip(first) {
        *held = _mm512_set1_epi32(bytemuck::cast(*factors));
    }
    let blocks = bytes.chunks_exact(codes + END);
    for (block, bounds) in blocks.zip(bounds.as_chunks_mut::<ROWS>().0) {
        let (codes, halves) = block.split_at(codes);
        let mut codes = codes.as_chunks().0;
        let mut sums = [_mm512_setzero_si512(); AT_ONCE];
        if !first.is_empty()
            && let Some((first, more)) = codes.split_first_chunk::<HELD>()
        {
            for (place, codes) in first.iter().enumerate() {
                let sum = &mut sums[place % AT_ONCE];
                *sum = _mm512_dpbusd_epi32(*sum, load(codes), held[place]);
            }
            codes = more;
        }
        for (codes, factors) in codes.chunks(AT_ONCE).zip(rest.chunks(AT_ONCE)) {
            for ((sum, codes), factors) in sums.iter_mut().zip(codes).zip(factors) {
                let factors = _mm512_set1_epi32(bytemuck::cast(*factors));
                *sum = _mm512_dpbusd_epi32(*sum, load(codes), factors);
            }
        }
        let [a, b, c, d] = sums;
        let sum = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
        let sums = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, of_zero));
        // SAFETY: there are ROWS bounds, as many as lanes.
        unsafe { _mm512_storeu_ps(bounds.as_mut_ptr(), bound.of(simd, sums, halves, 0)) };
    }
}

/// A group's bytes of all rows of a block.
#[target_feature(enable = "avx512f")]
#[inline]
fn load(codes: &[u8; ROWS * GROUP]) -> __m512i {
    // SAFETY: there are as many bytes as a vector has.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) }
}
