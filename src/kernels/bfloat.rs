//! Numbers of bfloat16, the upper halves of those of single precision.

use std::collections::TryReserveError;

/// Rows and columns of tiles come in so many.
pub const TILE_EDGE: usize = 32;

/// The bfloat16 nearest to a number, of two equally near the even one. What is no number
/// stays none.
pub fn round_to_bfloat(number: f32) -> f32 {
    if number.is_nan() { number } else { round_one(number) }
}

/// The same of what is a number, by whole numbers alone.
#[inline(always)]
pub fn round_one(number: f32) -> f32 {
    let bits = number.to_bits();
    f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
}

/// The upper half of a number, all there is of one that was rounded.
#[inline(always)]
pub fn upper_half(rounded: f32) -> u16 {
    (rounded.to_bits() >> 16) as u16
}

/// The number that an upper half is.
#[inline(always)]
pub fn from_upper_half(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// A row-major matrix of bfloat16, with zeros up to whole tiles below it and beside it.
#[derive(Clone, Debug)]
pub struct Bfloats {
    lines: Vec<Line>,
    rows: usize,
    /// In lines.
    stride: usize,
}

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u16; TILE_EDGE]);

impl Bfloats {
    /// Zeros of at least this shape.
    pub fn zeros(rows: usize, columns: usize) -> Result<Self, TryReserveError> {
        let (rows, stride) = (rows.next_multiple_of(TILE_EDGE), columns.div_ceil(TILE_EDGE));
        let mut lines = Vec::new();
        lines.try_reserve_exact(rows.saturating_mul(stride))?;
        lines.resize(rows * stride, Line([0; TILE_EDGE]));
        Ok(Self { lines, rows, stride })
    }

    /// How many rows there are, padding and all: whole tiles.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are, padding and all: whole tiles.
    pub fn columns(&self) -> usize {
        self.stride * TILE_EDGE
    }

    /// Rounds numbers into a row, from its first column on.
    pub fn round_into(&mut self, row: usize, numbers: &[f32]) {
        let lines = &mut self.lines[row * self.stride..][..self.stride];
        for (line, numbers) in lines.iter_mut().zip(numbers.chunks(TILE_EDGE)) {
            for (half, number) in line.0.iter_mut().zip(numbers) {
                *half = upper_half(round_to_bfloat(*number));
            }
        }
    }

    /// Where a row begins: it is followed by the others, each of [`Bfloats::columns`].
    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> *const u16 {
        self.lines[row * self.stride..].as_ptr().cast()
    }

    /// [`Bfloats::row`], to be written.
    #[inline(always)]
    pub(super) fn row_mut(&mut self, row: usize) -> *mut u16 {
        self.lines[row * self.stride..].as_mut_ptr().cast()
    }
}
