//! Rows rounded to 8 bits, and upper bounds of their products with a vector.
//!
//! A search reads all rows in 8 bits, a quarter of the memory, and only the few whose upper
//! bounds are high enough in f32. For a row `r`, its rounded form `s`, a vector `w` and its rounded
//! form `v`, the product `w.r` is at most `v.s + |w| |r - s| + |w - v| |s|` (Cauchy and Schwarz), so
//! that nothing is missed. One number `e`, at least `|r - s|` and `|s| / NORMS`, is kept for each
//! row: the last two terms are at most `(|w| + NORMS |w - v|) e`.
//!
//! Rows lie in blocks of [`ROWS`], column by column, so that a block's sums fill vectors without
//! horizontal sums. A block has, for each group of [`GROUP`] columns, the bytes of all rows,
//! [ROWS, GROUP], and then four lists of halves, [ROWS] each: the scale of the row's bytes, its
//! `e`, and the row's last [`LAST`] numbers. A byte `b` stands for `(b - 128) scale`.

#[cfg(target_arch = "x86_64")]
mod vnni;

use super::half::{narrow, widen_one};
use super::level::Level;
use super::simd::{Kernel, MAX_LANES, Simd};
use crate::memory;

/// The rows of a block.
pub const ROWS: usize = 16;

/// The columns of a group.
pub const GROUP: usize = 4;

/// The numbers at the end of a row that are kept in f16, as they are much larger than the
/// others or the same for nearly all rows.
const LAST: usize = 2;

/// The lists of halves at the end of a block.
const HALVES: usize = 2 + LAST;

/// The norm of a rounded row in units of the error that is kept for it is at most this: it is
/// what most rows of 62 numbers have, so that their own error is kept.
const NORMS: f64 = 150.0;

/// The largest factor in a [`RoundedVector`]. The sum of 1,024 products of it and a byte fits 32
/// bits once the bytes' zero, 128, is taken off, which is all that counts, as sums wrap around.
const MAX_FACTOR: f32 = 16_256.0;

/// The largest one where instructions multiply bytes by bytes.
#[cfg(target_arch = "x86_64")]
const MAX_BYTE: f32 = 127.0;

/// The byte that stands for 0.
const ZERO: i32 = 128;

/// A half beyond all numbers.
const INFINITE: u16 = 0x7c00;

/// The bytes of the lists at the end of a block.
const END: usize = ROWS * HALVES * size_of::<u16>();

/// The bytes of a block of rows of `width` numbers.
pub const fn block_bytes(width: usize) -> usize {
    ROWS * groups(width) * GROUP + END
}

/// The bytes of so many rows of `width` numbers; `None` if they are too many.
pub fn rounded_bytes(rows: usize, width: usize) -> Option<usize> {
    rows.div_ceil(ROWS).checked_mul(block_bytes(width))
}

/// The groups of columns of rows of `width` numbers.
const fn groups(width: usize) -> usize {
    width.saturating_sub(LAST).div_ceil(GROUP)
}

/// The share of the product of two norms that rounding to f32 may add to or take from a product
/// of rows of `width` numbers, or from its bound: each of some `width` additions is off by at
/// most 2^-24 of the sum of the absolute products.
fn rounding(width: usize) -> f64 {
    (width + 64) as f64 / f64::from(1 << 23)
}

/// Adds rows of `width` numbers, one after another, to the blocks in `bytes`, which has room for
/// them; the last block is filled up with rows of zeros.
pub fn round_rows(rows: &[f32], width: usize, bytes: &mut Vec<u8>) {
    let (block, groups) = (block_bytes(width), groups(width));
    for rows in rows.chunks(ROWS * width.max(1)) {
        let begin = bytes.len();
        bytes.resize(begin + block, 0);
        let (codes, halves) = bytes[begin..].split_at_mut(ROWS * groups * GROUP);
        codes.fill(ZERO as u8);
        for (place, row) in rows.chunks_exact(width.max(1)).enumerate() {
            let code = |column: usize| (column / GROUP * ROWS + place) * GROUP + column % GROUP;
            let numbers = round_row(row, |column, byte| codes[code(column)] = byte);
            for (list, half) in numbers.into_iter().enumerate() {
                let at = (list * ROWS + place) * size_of::<u16>();
                halves[at..at + size_of::<u16>()].copy_from_slice(&half.to_le_bytes());
            }
        }
    }
}

/// Rounds a row, and returns its halves.
fn round_row(row: &[f32], mut write: impl FnMut(usize, u8)) -> [u16; HALVES] {
    let (vector, last) = row.split_at(row.len().saturating_sub(LAST));
    let largest = vector.iter().fold(0.0f32, |most, number| most.max(number.abs()));
    let halves = [last.first(), last.get(1)].map(|number| narrow(*number.unwrap_or(&0.0)));
    let scale = narrow_up(largest / 127.0);
    let norm = row.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    let ([Some(first), Some(second)], true, true) = (halves, scale != INFINITE, norm.is_finite())
    else {
        // Beyond halves: its bound is infinite, and the row is always looked at.
        return [0, INFINITE, 0, 0];
    };
    let (step, mut changed, mut squares) = (widen_one(scale), 0.0, 0.0);
    for (column, number) in vector.iter().enumerate() {
        let steps = if step > 0.0 { number / step } else { 0.0 };
        let code = (steps + 0.5_f32.copysign(steps)) as i32;
        let rounded = f64::from(code) * f64::from(step);
        changed += (f64::from(*number) - rounded).powi(2);
        squares += rounded.powi(2);
        write(column, (code + ZERO) as u8);
    }
    for (number, half) in last.iter().zip([first, second]) {
        changed += f64::from(number - widen_one(half)).powi(2);
    }
    let error = changed.sqrt().max(squares.sqrt() / NORMS) + rounding(row.len()) * norm;
    [scale, narrow_up(error as f32), first, second]
}

/// The smallest half of at least this number, which is not below 0.
fn narrow_up(number: f32) -> u16 {
    match narrow(number) {
        Some(half) if widen_one(half) < number => half + 1,
        Some(half) => half,
        None => INFINITE,
    }
}

/// A vector by which rounded rows are multiplied, in whole numbers.
#[derive(Clone, Debug)]
pub struct RoundedVector {
    /// The vector in units of `scale`, in whole groups.
    factors: Vec<i16>,
    /// The same, if each fits a byte.
    bytes: Vec<i8>,
    scale: f32,
    /// The norm of the vector, and [`NORMS`] times that of what rounding changed: what a row's
    /// error is multiplied by.
    norms: f32,
    /// The last numbers.
    last: [f32; LAST],
    /// What the bytes' zero adds to a sum.
    of_zero: i32,
}

impl RoundedVector {
    /// For rows of `width` numbers; all zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(width: usize) -> memory::Result<Self> {
        let numbers = groups(width) * GROUP;
        Ok(Self {
            factors: memory::zeros(numbers)?,
            bytes: memory::zeros(numbers)?,
            scale: 0.0,
            norms: 0.0,
            last: [0.0; LAST],
            of_zero: 0,
        })
    }

    /// Takes another vector, as long as a row.
    pub fn set(&mut self, vector: &[f32]) {
        let (numbers, last) = vector.split_at(vector.len().saturating_sub(LAST));
        let largest = numbers.iter().fold(0.0f32, |most, number| most.max(number.abs()));
        self.scale = largest / max_factor();
        let (scale, mut changed, mut sum) = (f64::from(self.scale), 0.0, 0);
        let factors = self.factors.iter_mut().zip(&mut self.bytes);
        for (number, (factor, byte)) in numbers.iter().zip(factors) {
            let number = f64::from(*number);
            // Rounding to the nearest by a conversion: `round` is a call.
            let steps = if scale > 0.0 { number / scale } else { 0.0 };
            *factor = (steps + 0.5_f64.copysign(steps)) as i16;
            changed += (number - f64::from(*factor) * scale).powi(2);
            *byte = *factor as i8;
            sum += i32::from(*factor);
        }
        self.of_zero = ZERO.wrapping_mul(sum);
        let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        self.norms = (norm + NORMS * changed.sqrt()) as f32 * (1.0 + f32::EPSILON);
        self.last = [last.first(), last.get(1)].map(|number| *number.unwrap_or(&0.0));
    }
}

/// The largest factor for the instructions that this process uses.
fn max_factor() -> f32 {
    #[cfg(target_arch = "x86_64")]
    if vnni::available().is_some() {
        return MAX_BYTE;
    }
    MAX_FACTOR
}

/// Writes an upper bound of the product of each row with the vector: at least what the products
/// of kernels in f32 are. It is infinite, or NaN, for rows beyond halves.
///
/// `bounds` has a place for each row of the blocks in `bytes`, which fit the vector's width.
pub fn upper_bounds(bytes: &[u8], vector: &RoundedVector, bounds: &mut [f32]) {
    let work = UpperBounds { bytes, vector, bounds };
    #[cfg(target_arch = "x86_64")]
    if let Some(run) = vnni::available() {
        return run.upper_bounds(work);
    }
    Level::current().run(work);
}

struct UpperBounds<'a> {
    bytes: &'a [u8],
    vector: &'a RoundedVector,
    bounds: &'a mut [f32],
}

impl Kernel for UpperBounds<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { bytes, vector, bounds } = self;
        const { assert!(MAX_LANES <= ROWS && ROWS.is_multiple_of(MAX_LANES)) };
        let codes = ROWS * vector.factors.len();
        let bound = Bound::new(simd, vector);
        let blocks = bytes.chunks_exact(codes + END);
        for (block, bounds) in blocks.zip(bounds.as_chunks_mut::<ROWS>().0) {
            let (codes, halves) = block.split_at(codes);
            // The sums of the bytes as they are, without their zero.
            let mut sums = [vector.of_zero.wrapping_neg(); ROWS];
            // SAFETY: a block begins with ROWS bytes for each of the factors, which are whole
            // groups.
            unsafe { simd.sum_bytes(codes.as_ptr(), &vector.factors, &mut sums) };
            for place in (0..ROWS).step_by(S::LANES) {
                // SAFETY: LANES divides ROWS, so that there are as many sums and bounds from
                // `place` on.
                unsafe {
                    let sums = simd.integers(sums.as_ptr().add(place));
                    simd.store(bounds.as_mut_ptr().add(place), bound.of(simd, sums, halves, place));
                }
            }
        }
    }
}

/// What turns the sums of bytes into bounds.
#[derive(Clone, Copy, Debug)]
struct Bound<V> {
    scale: V,
    norms: V,
    last: [V; LAST],
}

impl<V: Copy> Bound<V> {
    #[inline(always)]
    fn new<S: Simd<Vector = V>>(simd: S, vector: &RoundedVector) -> Self {
        Self {
            scale: simd.splat(vector.scale),
            norms: simd.splat(vector.norms),
            last: [simd.splat(vector.last[0]), simd.splat(vector.last[1])],
        }
    }

    /// The bounds of the rows of a block from `place` on, which is a multiple of the lanes;
    /// `halves` are those at the end of the block.
    #[inline(always)]
    fn of<S: Simd<Vector = V>>(self, simd: S, sums: V, halves: &[u8], place: usize) -> V {
        let Self { scale, norms, last: [first, second] } = self;
        assert!(halves.len() == END && place + S::LANES <= ROWS, "a block ends with its halves");
        // SAFETY: there are four lists of ROWS halves, as was asked above, which may begin
        // anywhere.
        let list = |list: usize| unsafe {
            simd.load_halves(halves.as_ptr().add((list * ROWS + place) * size_of::<u16>()).cast())
        };
        let bound = simd.multiply_add(list(2), first, simd.multiply(list(3), second));
        let bound = simd.multiply_add(list(1), norms, bound);
        simd.multiply_add(list(0), simd.multiply(sums, scale), bound)
    }
}

#[cfg(test)]
mod tests;
