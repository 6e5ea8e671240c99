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
    let blocks = bytes.chunks_exact(codes + END);
    for (block, bounds) in blocks.zip(bounds.as_chunks_mut::<ROWS>().0) {
        let (codes, halves) = block.split_at(codes);
        let sums = _mm512_sub_epi32(sums(codes, &vector.high, &vector.low), of_zero);
        let bounds_here = bound.of(simd, _mm512_cvtepi32_ps(sums), halves, 0);
        // SAFETY: there are ROWS bounds, as many as lanes.
        unsafe { _mm512_storeu_ps(bounds.as_mut_ptr(), bounds_here) };
    }
}

/// The sums of a block's bytes.
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn sums(codes: &[u8], high: &[i8], low: &[i8]) -> __m512i {
    let codes = codes.as_chunks::<{ ROWS * GROUP }>().0;
    let (high, low) = (high.as_chunks::<GROUP>().0, low.as_chunks::<GROUP>().0);
    let zero = _mm512_setzero_si512();
    let (mut of_high, mut of_low) = ([zero; AT_ONCE], [zero; AT_ONCE]);
    let (fours, rest) = codes.as_chunks::<AT_ONCE>();
    let (high_fours, high_rest) = high.as_chunks::<AT_ONCE>();
    let (low_fours, low_rest) = low.as_chunks::<AT_ONCE>();
    // Not by closures or `map`, which are calls where all else is optimised for size.
    for ((codes, high), low) in fours.iter().zip(high_fours).zip(low_fours) {
        for (part, (codes, (high, low))) in codes.iter().zip(high.iter().zip(low)).enumerate() {
            // SAFETY: there are as many bytes as a vector has.
            let rows = unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) };
            let high = _mm512_set1_epi32(bytemuck::cast(*high));
            let low = _mm512_set1_epi32(bytemuck::cast(*low));
            of_high[part] = _mm512_dpbusd_epi32(of_high[part], rows, high);
            of_low[part] = _mm512_dpbusd_epi32(of_low[part], rows, low);
        }
    }
    for ((codes, high), low) in rest.iter().zip(high_rest).zip(low_rest) {
        // SAFETY: there are as many bytes as a vector has.
        let rows = unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) };
        let high = _mm512_set1_epi32(bytemuck::cast(*high));
        let low = _mm512_set1_epi32(bytemuck::cast(*low));
        of_high[0] = _mm512_dpbusd_epi32(of_high[0], rows, high);
        of_low[0] = _mm512_dpbusd_epi32(of_low[0], rows, low);
    }
    let [a, b, c, d] = of_high;
    let high = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
    let [a, b, c, d] = of_low;
    let low = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
    _mm512_add_epi32(_mm512_slli_epi32::<7>(high), low)
}
