//! AVX-512.

use std::arch::x86_64::*;

use super::avx2::{sum, sum_bytes, sums, sums_of_four, transpose};
use crate::kernels::rounded::ROWS;
use crate::kernels::simd::Simd;

/// Sixteen numbers at once.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The processor has AVX-512F, AVX2 and FMA.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(())
    }
}

impl Simd for Avx512 {
    type Vector = __m512;
    type Double = __m512d;

    const LANES: usize = 16;
    const TILE_VECTORS: usize = 4;

    #[inline(always)]
    fn splat(self, number: f32) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe { _mm512_set1_ps(number) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn splat_double(self, number: f64) -> __m512d {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe { _mm512_set1_pd(number) }
    }

    #[inline(always)]
    fn multiply_add_double(self, a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }

    #[inline(always)]
    unsafe fn load_double(self, from: *const f64) -> __m512d {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // that so many numbers can be read.
        unsafe { _mm512_loadu_pd(from) }
    }

    #[inline(always)]
    unsafe fn store_double(self, to: *mut f64, vector: __m512d) {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // that so many numbers can be written.
        unsafe { _mm512_storeu_pd(to, vector) }
    }

    #[cfg(feature = "train")]
    #[inline(always)]
    unsafe fn load_widened(self, from: *const f32) -> __m512d {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller
        // vouches that so many numbers can be read.
        unsafe { _mm512_cvtps_pd(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn load_double_first(self, from: *const f64, count: usize) -> __m512d {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // for the lanes of the mask, and the others are not read.
        unsafe { _mm512_maskz_loadu_pd(first(count) as __mmask8, from) }
    }

    #[inline(always)]
    unsafe fn store_double_first(self, to: *mut f64, vector: __m512d, count: usize) {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // for the lanes of the mask, and the others are not written.
        unsafe { _mm512_mask_storeu_pd(to, first(count) as __mmask8, vector) }
    }

    #[inline(always)]
    unsafe fn widen_first(self, from: *const f32, count: usize) -> __m512d {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // for the lanes of the mask, and the others are not read.
        unsafe {
            _mm512_cvtps_pd(match count == Self::DOUBLES {
                true => _mm256_loadu_ps(from),
                false => _mm512_castps512_ps256(self.load_first(from, count)),
            })
        }
    }

    #[inline(always)]
    fn sums_of_four(self, [a, b, c, d]: [__m512d; 4]) -> [f64; 4] {
        // SAFETY: `self` is the proof that the processor has AVX-512F; AVX-512F implies
        // AVX2.
        unsafe {
            let (a, b) = (halves_of_doubles(a), halves_of_doubles(b));
            sums_of_four([a, b, halves_of_doubles(c), halves_of_doubles(d)])
        }
    }

    #[inline(always)]
    fn rectify(self, a: __m512) -> __m512 {
        // Of a NaN and another, the instruction takes the second.
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe { _mm512_max_ps(a, _mm512_setzero_ps()) }
    }

    #[inline(always)]
    fn keep_where_positive(self, a: __m512, by: __m512) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(by, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(above, a)
        }
    }

    #[inline(always)]
    fn not_below(self, a: __m512, b: __m512) -> u32 {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        u32::from(unsafe { _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(a, b) })
    }

    #[inline(always)]
    unsafe fn store_places(self, to: *mut u32, bits: u32, begin: u32) {
        // All lanes are written, at once: which bits are set, no branch could foretell.
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches that
        // so many numbers can be written.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let places = _mm512_add_epi32(lanes, _mm512_set1_epi32(begin as i32));
            let places = _mm512_maskz_compress_epi32(bits as __mmask16, places);
            _mm512_storeu_si512(to.cast(), places);
        }
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches that
        // so many numbers can be read.
        unsafe { _mm512_cvtepi32_ps(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn sum_bytes(self, bytes: *const u8, factors: &[i16], sums: &mut [i32; ROWS]) {
        // SAFETY: AVX-512F implies AVX2; the caller vouches for the bytes.
        unsafe { sum_bytes(bytes, factors, sums) }
    }

    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        // SAFETY: `self` is the proof that the processor has AVX-512F; AVX-512F implies
        // AVX2.
        unsafe { sum(halves(a)) }
    }

    #[inline(always)]
    fn sums(self, vectors: [__m512; 8]) -> [f32; 8] {
        // SAFETY: `self` is the proof that the processor has AVX-512F.
        unsafe {
            // Not by `map`, which is a call where all else is optimised for size.
            let [a, b, c, d, e, f, g, h] = vectors;
            let [a, b, c, d] = [halves(a), halves(b), halves(c), halves(d)];
            sums([a, b, c, d, halves(e), halves(f), halves(g), halves(h)])
        }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // that so many numbers can be read.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // that so many numbers can be read.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: __m512) {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // that so many numbers can be written.
        unsafe { _mm512_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // for the lanes of the mask, and the others are not read.
        unsafe { _mm512_maskz_loadu_ps(first(count), from) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: __m512, count: usize) {
        // SAFETY: `self` is the proof that the processor has AVX-512F; the caller vouches
        // for the lanes of the mask, and the others are not written.
        unsafe { _mm512_mask_storeu_ps(to, first(count), vector) }
    }

    #[inline(always)]
    fn prefetch(self, address: *const f32) {
        // SAFETY: `self` is the proof that the processor has AVX-512F; a prefetch reads
        // nothing that could fault.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }

    #[inline(always)]
    unsafe fn transpose(
        self,
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: AVX-512F implies AVX2; the caller vouches for the rest.
        unsafe { transpose(from, from_stride, to, to_stride) }
    }
}

/// A mask of the first `count` lanes, at most 16.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

/// The sum of a vector's halves.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
fn halves(a: __m512) -> __m256 {
    let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(a)));
    _mm256_add_ps(_mm512_castps512_ps256(a), high)
}

/// The sum of a vector's halves, in double precision.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
fn halves_of_doubles(a: __m512d) -> __m256d {
    _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd::<1>(a))
}
