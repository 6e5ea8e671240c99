//! Numbers in their own memory, aligned for every level's vectors.

use std::ops::{Deref, DerefMut};

use super::simd::MAX_LANES;

/// Numbers that begin with a cache line, so that no aligned vector of them crosses two lines.
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    lines: Vec<CacheLine>,
    len: usize,
}

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct CacheLine([f32; MAX_LANES]);

impl Aligned {
    /// Zeros.
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![CacheLine([0.0; MAX_LANES]); len.div_ceil(MAX_LANES)], len }
    }
}

impl From<&[f32]> for Aligned {
    fn from(numbers: &[f32]) -> Self {
        let mut aligned = Self::zeros(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        // SAFETY: a line is sixteen numbers without padding, so that the lines are so
        // many numbers in a row, of which there are at least `len`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: a line is sixteen numbers without padding, so that the lines are at least
        // `len` numbers in a row; they are borrowed mutably as long as the numbers.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_count_begin_a_line() {
        for count in 0..70 {
            let numbers: Vec<f32> = (0..count).map(|number| number as f32).collect();
            let mut aligned = Aligned::from(&numbers[..]);
            assert_eq!((&aligned[..], aligned.as_ptr().align_offset(64)), (&numbers[..], 0));
            aligned.iter_mut().for_each(|number| *number += 1.0);
            assert_eq!(aligned.clone().iter().sum::<f32>(), (count * (count + 1) / 2) as f32);
        }
    }
}
