//! The vector instructions that kernels use: a kernel is written once, for any [`Simd`], and
//! compiled for each level.

use super::half::widen_one;
use super::rounded::{GROUP, ROWS};

/// One level's vector instructions.
///
/// A value of the type proves that the processor has them, so that only functions with
/// pointers are unsafe. All functions are inlined into a kernel's entry point, which is
/// compiled for the level.
pub trait Simd: Copy {
    /// A vector of single-precision numbers.
    type Vector: Copy;

    /// A vector of half as many numbers in double precision.
    type Double: Copy;

    /// How many numbers a vector holds: at most [`MAX_LANES`].
    const LANES: usize;

    /// How many numbers in double precision it holds.
    const DOUBLES: usize = Self::LANES / 2;

    /// The width of a product's tile in vectors, at most [`MAX_TILE_VECTORS`]: with six rows,
    /// its sums fill the registers.
    const TILE_VECTORS: usize;

    /// Whether other levels compute on nearly all machines, so that small code matters more
    /// than speed.
    const IS_FALLBACK: bool = false;

    /// The same number in each lane.
    fn splat(self, number: f32) -> Self::Vector;

    /// `a + b`.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `a * b`.
    fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `a * b + c`, rounded once on every level but the portable one and WebAssembly's.
    fn multiply_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;

    /// `a * b + c` of single numbers in double precision, as [`Simd::multiply_add`]: for the
    /// rest of a row.
    #[inline(always)]
    fn multiply_add_one(self, a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }

    /// The same number in double precision in each lane.
    fn splat_double(self, number: f64) -> Self::Double;

    /// `a * b + c` in double precision, as [`Simd::multiply_add`].
    fn multiply_add_double(self, a: Self::Double, b: Self::Double, c: Self::Double)
    -> Self::Double;

    /// # Safety
    /// [`Simd::DOUBLES`] numbers can be read at `from`.
    unsafe fn load_double(self, from: *const f64) -> Self::Double;

    /// # Safety
    /// [`Simd::DOUBLES`] numbers can be written at `to`.
    unsafe fn store_double(self, to: *mut f64, vector: Self::Double);

    /// The first `count` numbers, and 0 in the lanes after them.
    ///
    /// # Safety
    /// `count` is at most [`Simd::DOUBLES`], and so many numbers can be read at `from`.
    #[inline(always)]
    unsafe fn load_double_first(self, from: *const f64, count: usize) -> Self::Double {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: `count` is at most DOUBLES, which is below MAX_LANES; the caller vouches
        // for `from`.
        unsafe {
            for (lane, number) in lanes.iter_mut().enumerate().take(count) {
                *number = *from.add(lane);
            }
            self.load_double(lanes.as_ptr())
        }
    }

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// `count` is at most [`Simd::DOUBLES`], and so many numbers can be written at `to`.
    #[inline(always)]
    unsafe fn store_double_first(self, to: *mut f64, vector: Self::Double, count: usize) {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: DOUBLES is below MAX_LANES; the caller vouches for `to` and that `count`
        // is at most DOUBLES.
        unsafe {
            self.store_double(lanes.as_mut_ptr(), vector);
            for (lane, number) in lanes.iter().enumerate().take(count) {
                *to.add(lane) = *number;
            }
        }
    }

    /// The first `count` numbers of single precision, and 0 in the lanes after them.
    ///
    /// # Safety
    /// `count` is at most [`Simd::DOUBLES`], and so many numbers can be read at `from`.
    #[inline(always)]
    unsafe fn widen_first(self, from: *const f32, count: usize) -> Self::Double {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: `count` is at most DOUBLES, which is below MAX_LANES; the caller vouches
        // for `from`.
        unsafe {
            for (lane, number) in lanes.iter_mut().enumerate().take(count) {
                *number = f64::from(*from.add(lane));
            }
            self.load_double(lanes.as_ptr())
        }
    }

    /// The sums of all lanes of each of four vectors, each in the same order.
    #[inline(always)]
    fn sums_of_four(self, vectors: [Self::Double; 4]) -> [f64; 4] {
        vectors.map(|vector| {
            let mut lanes = [0.0; MAX_LANES];
            // SAFETY: there are MAX_LANES lanes, more than DOUBLES.
            unsafe { self.store_double(lanes.as_mut_ptr(), vector) };
            let mut count = Self::DOUBLES;
            while count > 1 {
                count /= 2;
                for lane in 0..count {
                    lanes[lane] += lanes[lane + count];
                }
            }
            lanes[0]
        })
    }

    /// [`Simd::DOUBLES`] single numbers in double precision.
    ///
    /// # Safety
    /// So many can be read at `from`.
    #[cfg(feature = "train")]
    #[inline(always)]
    unsafe fn load_widened(self, from: *const f32) -> Self::Double {
        // SAFETY: the caller vouches for DOUBLES numbers.
        unsafe { self.widen_first(from, Self::DOUBLES) }
    }

    /// The larger of each element and 0; 0 for NaN.
    fn rectify(self, a: Self::Vector) -> Self::Vector;

    /// `a` where `by` is above 0, and 0 elsewhere.
    fn keep_where_positive(self, a: Self::Vector, by: Self::Vector) -> Self::Vector;

    /// A bit for each element of `a` that is not below that of `b`, from the lowest bit on; NaN
    /// is not below.
    fn not_below(self, a: Self::Vector, b: Self::Vector) -> u32;

    /// Writes the place of each bit that is set, from the lowest on, plus `begin`.
    ///
    /// # Safety
    /// No bit is set from [`Simd::LANES`] on, and so many numbers can be written at `to`. Those
    /// after the last place mean nothing.
    #[inline(always)]
    unsafe fn store_places(self, to: *mut u32, mut bits: u32, begin: u32) {
        let mut found = 0;
        while bits != 0 {
            // SAFETY: there are no more bits than LANES.
            unsafe { *to.add(found) = begin + bits.trailing_zeros() };
            found += 1;
            bits &= bits - 1;
        }
    }

    /// The sum of all lanes.
    fn sum(self, a: Self::Vector) -> f32;

    /// The sums of all lanes of each of eight vectors, each the same as [`Simd::sum`].
    #[inline(always)]
    fn sums(self, vectors: [Self::Vector; 8]) -> [f32; 8] {
        vectors.map(|vector| self.sum(vector))
    }

    /// # Safety
    /// [`Simd::LANES`] numbers can be read at `from`.
    unsafe fn load(self, from: *const f32) -> Self::Vector;

    /// # Safety
    /// [`Simd::LANES`] numbers can be written at `to`.
    unsafe fn store(self, to: *mut f32, vector: Self::Vector);

    /// [`Simd::LANES`] numbers of f16.
    ///
    /// # Safety
    /// So many can be read at `from`, which need not be aligned.
    #[inline(always)]
    unsafe fn load_halves(self, from: *const u16) -> Self::Vector {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: the caller vouches for LANES halves, and LANES is at most
        // MAX_LANES.
        unsafe {
            for (lane, number) in lanes.iter_mut().enumerate().take(Self::LANES) {
                *number = widen_one(from.add(lane).read_unaligned());
            }
            self.load(lanes.as_ptr())
        }
    }

    /// [`Simd::LANES`] whole numbers.
    ///
    /// # Safety
    /// So many can be read at `from`.
    unsafe fn integers(self, from: *const i32) -> Self::Vector;

    /// Adds to each of [`ROWS`] sums the products of its row's bytes and the factors, which are
    /// whole groups of [`GROUP`]. For each group `bytes` has [ROWS, GROUP]. Sums wrap around.
    ///
    /// # Safety
    /// [`ROWS`] bytes for each factor can be read at `bytes`.
    #[inline(always)]
    unsafe fn sum_bytes(self, bytes: *const u8, factors: &[i16], sums: &mut [i32; ROWS]) {
        for (group, factors) in factors.as_chunks::<GROUP>().0.iter().enumerate() {
            // SAFETY: the caller vouches for as many bytes for each group.
            let rows = unsafe { *bytes.add(group * ROWS * GROUP).cast::<[[u8; GROUP]; ROWS]>() };
            for (sum, row) in sums.iter_mut().zip(rows) {
                for (byte, factor) in row.iter().zip(factors) {
                    *sum = sum.wrapping_add(i32::from(*byte) * i32::from(*factor));
                }
            }
        }
    }

    /// `count` numbers, and 0 in the lanes after them.
    ///
    /// # Safety
    /// `count` is at most [`Simd::LANES`], and so many numbers can be read at
    /// `from`.
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::Vector {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: `count` is at most LANES, which is at most MAX_LANES; the
        // caller vouches for `from`.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            self.load(lanes.as_ptr())
        }
    }

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// `count` is at most [`Simd::LANES`], and so many numbers can be written
    /// at `to`.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, vector: Self::Vector, count: usize) {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: there are MAX_LANES lanes, at least LANES; the caller vouches for `to` and
        // that `count` is at most LANES.
        unsafe {
            self.store(lanes.as_mut_ptr(), vector);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }

    /// [`Simd::load_first`], which is slower than [`Simd::load`], only where it is needed.
    ///
    /// # Safety
    /// That of [`Simd::load_first`].
    #[inline(always)]
    unsafe fn load_up_to(self, from: *const f32, count: usize) -> Self::Vector {
        // SAFETY: the caller vouches for `count` numbers.
        unsafe { if count == Self::LANES { self.load(from) } else { self.load_first(from, count) } }
    }

    /// [`Simd::store_first`], which is slower than [`Simd::store`], only where it is needed.
    ///
    /// # Safety
    /// That of [`Simd::store_first`].
    #[inline(always)]
    unsafe fn store_up_to(self, to: *mut f32, vector: Self::Vector, count: usize) {
        // SAFETY: the caller vouches for `count` numbers.
        unsafe {
            match count == Self::LANES {
                true => self.store(to, vector),
                false => self.store_first(to, vector, count),
            }
        }
    }

    /// Asks for the cache line of an address, which may lie anywhere.
    #[inline(always)]
    fn prefetch(self, _address: *const f32) {}

    /// Writes the transpose of [`TRANSPOSED`] x [`TRANSPOSED`] numbers; rows
    /// lie `from_stride` and `to_stride` numbers apart.
    ///
    /// # Safety
    /// So many rows of so many numbers can be read at `from` and written at
    /// `to`.
    #[inline(always)]
    unsafe fn transpose(
        self,
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        for i in 0..TRANSPOSED {
            for j in 0..TRANSPOSED {
                // SAFETY: both are below TRANSPOSED.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) };
            }
        }
    }
}

/// The widest vector of any level.
pub const MAX_LANES: usize = 16;

/// The widest tile of any level.
pub const MAX_TILE_VECTORS: usize = 4;

/// The edge of the square that [`Simd::transpose`] transposes.
pub const TRANSPOSED: usize = 8;

/// Work that can be compiled for each level.
pub trait Kernel {
    /// The type of its result.
    type Output;

    /// Does the work. Implementations are `#[inline(always)]`; otherwise they would not be
    /// compiled for the level.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
