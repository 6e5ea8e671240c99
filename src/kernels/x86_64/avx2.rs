//! AVX2 with FMA and F16C.

use std::arch::x86_64::*;

use crate::kernels::rounded::{GROUP, ROWS};
use crate::kernels::simd::Simd;

/// Eight numbers at once.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The processor has AVX2, FMA and F16C.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(())
    }
}

/// For each set of four bits, the places of those that are set, a byte each from the lowest on. A
/// table for eight bits has 2 KB.
static PLACES: [i32; 16] = {
    let (mut table, mut bits) = ([0; 16], 0);
    while bits < 16 {
        let (mut place, mut found) = (0, 0);
        while place < 4 {
            if bits >> place & 1 == 1 {
                table[bits] |= place << (8 * found);
                found += 1;
            }
            place += 1;
        }
        bits += 1;
    }
    table
};

impl Simd for Avx2 {
    type Vector = __m256;
    type Double = __m256d;

    const LANES: usize = 8;
    const TILE_VECTORS: usize = 2;

    #[inline(always)]
    fn splat(self, number: f32) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_set1_ps(number) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn multiply(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn splat_double(self, number: f64) -> __m256d {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_set1_pd(number) }
    }

    #[inline(always)]
    fn multiply_add_double(self, a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }

    #[inline(always)]
    unsafe fn load_double(self, from: *const f64) -> __m256d {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches that so many numbers can be read.
        unsafe { _mm256_loadu_pd(from) }
    }

    #[inline(always)]
    unsafe fn store_double(self, to: *mut f64, vector: __m256d) {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches that so many numbers can be written.
        unsafe { _mm256_storeu_pd(to, vector) }
    }

    #[cfg(feature = "train")]
    #[inline(always)]
    unsafe fn load_widened(self, from: *const f32) -> __m256d {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches that so many numbers can be read.
        unsafe { _mm256_cvtps_pd(_mm_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn load_double_first(self, from: *const f64, count: usize) -> __m256d {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches for the lanes of the mask, and the others are not read.
        unsafe { _mm256_maskload_pd(from, first_of_four(count)) }
    }

    #[inline(always)]
    unsafe fn widen_first(self, from: *const f32, count: usize) -> __m256d {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches for the lanes of the mask, and the others are not read.
        unsafe {
            _mm256_cvtps_pd(match count == Self::DOUBLES {
                true => _mm_loadu_ps(from),
                false => _mm256_castps256_ps128(self.load_first(from, count)),
            })
        }
    }

    #[inline(always)]
    fn sums_of_four(self, vectors: [__m256d; 4]) -> [f64; 4] {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { sums_of_four(vectors) }
    }

    #[inline(always)]
    fn rectify(self, a: __m256) -> __m256 {
        // Of a NaN and another, the instruction takes the second.
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_max_ps(a, _mm256_setzero_ps()) }
    }

    #[inline(always)]
    fn keep_where_positive(self, a: __m256, by: __m256) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_and_ps(a, _mm256_cmp_ps::<_CMP_GT_OQ>(by, _mm256_setzero_ps())) }
    }

    #[inline(always)]
    fn not_below(self, a: __m256, b: __m256) -> u32 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(a, b)) as u32 }
    }

    #[inline(always)]
    unsafe fn store_places(self, to: *mut u32, bits: u32, begin: u32) {
        // Four lanes are written at once: which bits are set, no branch could foretell.
        let (low, high) = (bits & 15, bits >> 4 & 15);
        let halves =
            [(to, low, begin), (to.wrapping_add(low.count_ones() as usize), high, begin + 4)];
        for (to, bits, begin) in halves {
            // SAFETY: `self` is the proof that the processor has AVX2. The caller vouches that
            // eight numbers can be written, and the second four begin at most four behind the
            // first.
            unsafe {
                let places = _mm_cvtepu8_epi32(_mm_cvtsi32_si128(PLACES[bits as usize]));
                let places = _mm_add_epi32(places, _mm_set1_epi32(begin as i32));
                _mm_storeu_si128(to.cast(), places);
            }
        }
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches that so many numbers can be read.
        unsafe { _mm256_cvtepi32_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn sum_bytes(self, bytes: *const u8, factors: &[i16], sums: &mut [i32; ROWS]) {
        // SAFETY: `self` is the proof that the processor has AVX2; the caller vouches for the
        // bytes.
        unsafe { sum_bytes(bytes, factors, sums) }
    }

    #[inline(always)]
    fn sum(self, a: __m256) -> f32 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { sum(a) }
    }

    #[inline(always)]
    fn sums(self, vectors: [__m256; 8]) -> [f32; 8] {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C.
        unsafe { sums(vectors) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches that so many numbers can be read.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches that so many numbers can be read.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: __m256) {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches that so many numbers can be written.
        unsafe { _mm256_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m256 {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches for the lanes of the mask, and the others are not read.
        unsafe { _mm256_maskload_ps(from, first_of_eight(count)) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: __m256, count: usize) {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; the caller
        // vouches for the lanes of the mask, and the others are not written.
        unsafe { _mm256_maskstore_ps(to, first_of_eight(count), vector) }
    }

    #[inline(always)]
    fn prefetch(self, address: *const f32) {
        // SAFETY: `self` is the proof that the processor has AVX2, FMA and F16C; a prefetch
        // reads nothing that could fault.
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
        // SAFETY: `self` is the proof that the processor has AVX2; the caller
        // vouches for the rest.
        unsafe { transpose(from, from_stride, to, to_stride) }
    }
}

/// A mask of the first `count` lanes, at most 8.
#[inline]
#[target_feature(enable = "avx2")]
fn first_of_eight(count: usize) -> __m256i {
    let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), places)
}

/// A mask of the first `count` lanes, at most 4.
#[inline]
#[target_feature(enable = "avx2")]
fn first_of_four(count: usize) -> __m256i {
    _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3))
}

/// The sum of all lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum(a: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// The sums of eight vectors at once, with the same additions as in `sum`, side by side.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sums(of: [__m256; 8]) -> [f32; 8] {
    // The four sums of a vector's halves, of two vectors side by side.
    let fours = |i: usize| {
        let low = _mm256_permute2f128_ps::<0x20>(of[i], of[i + 4]);
        _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(of[i], of[i + 4]))
    };
    // The two sums that are left of each of four vectors.
    let twos = |i: usize| {
        let (a, b) = (_mm256_castps_pd(fours(i)), _mm256_castps_pd(fours(i + 1)));
        let (first, second) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        _mm256_add_ps(_mm256_castpd_ps(first), _mm256_castpd_ps(second))
    };
    let (a, b) = (twos(0), twos(2));
    let sums = _mm256_add_ps(_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xdd>(a, b));
    let mut out = [0.0; 8];
    // SAFETY: there is room for eight numbers.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sums) };
    out
}

/// The sums of all lanes of four vectors, side by side.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sums_of_four([a, b, c, d]: [__m256d; 4]) -> [f64; 4] {
    // Halves first, as everywhere: (0 + 2) + (1 + 3).
    let fold = |a: __m256d, b: __m256d| {
        let low = _mm256_permute2f128_pd::<0x20>(a, b);
        _mm256_add_pd(low, _mm256_permute2f128_pd::<0x31>(a, b))
    };
    // Of a and c, and of b and d: the two sums that are left of each.
    let (ac, bd) = (fold(a, c), fold(b, d));
    // a, b, c, d.
    let sums = _mm256_hadd_pd(ac, bd);
    let mut out = [0.0; 4];
    // SAFETY: there is room for four numbers.
    unsafe { _mm256_storeu_pd(out.as_mut_ptr(), sums) };
    out
}

/// Writes the transpose of 8 x 8 numbers.
///
/// # Safety
/// That of [`Simd::transpose`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // Rows i and i + 4 share a register, so that the remaining work stays within its halves:
    // a 4 x 4 transpose in each.
    let half = |row: usize, column: usize| {
        // SAFETY: the caller vouches for 8 rows of 8 numbers; `row` is below 4
        // and `column` 0 or 4, so that both loads lie in them.
        unsafe {
            let low = _mm_loadu_ps(from.add(row * from_stride + column));
            let high = _mm_loadu_ps(from.add((row + 4) * from_stride + column));
            _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
        }
    };
    for column in [0, 4] {
        let rows = [half(0, column), half(1, column), half(2, column), half(3, column)];
        let ab_low = _mm256_unpacklo_ps(rows[0], rows[1]);
        let ab_high = _mm256_unpackhi_ps(rows[0], rows[1]);
        let cd_low = _mm256_unpacklo_ps(rows[2], rows[3]);
        let cd_high = _mm256_unpackhi_ps(rows[2], rows[3]);
        let columns = [
            _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
            _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
            _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
            _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
        ];
        for (place, vector) in columns.into_iter().enumerate() {
            // SAFETY: the caller vouches for 8 rows of 8 numbers at `to`, and
            // `column + place` is below 8.
            unsafe { _mm256_storeu_ps(to.add((column + place) * to_stride), vector) };
        }
    }
}

/// See [`Simd::sum_bytes`].
///
/// # Safety
/// ROWS bytes for each factor can be read at `bytes`.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn sum_bytes(bytes: *const u8, factors: &[i16], sums: &mut [i32; ROWS]) {
    // Of four rows each, the sums of the first two columns of groups and of the last two, beside
    // each other.
    const PARTS: usize = ROWS / 4;
    let mut parts = [_mm256_setzero_si256(); PARTS];
    for (group, factors) in factors.as_chunks::<GROUP>().0.iter().enumerate() {
        let factors = _mm256_set1_epi64x(bytemuck::cast(*factors));
        for (place, part) in parts.iter_mut().enumerate() {
            // SAFETY: the caller vouches for ROWS x GROUP bytes for each group; these are four
            // rows of it.
            let rows =
                unsafe { _mm_loadu_si128(bytes.add((group * PARTS + place) * 4 * GROUP).cast()) };
            let products = _mm256_madd_epi16(_mm256_cvtepu8_epi16(rows), factors);
            *part = _mm256_add_epi32(*part, products);
        }
    }
    for (place, sums) in sums.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        // The additions go by halves of vectors: rows 0, 1, 4, 5, 2, 3, 6, 7.
        let pairs = _mm256_hadd_epi32(parts[2 * place], parts[2 * place + 1]);
        let in_order = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
        // SAFETY: there are eight sums.
        unsafe {
            let to = sums.as_mut_ptr().cast();
            _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), in_order));
        }
    }
}
