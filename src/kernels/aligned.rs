//! Numbers in their own memory, aligned for every level's vectors.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::memory;

/// Numbers that begin with a cache line, so that no aligned vector of them crosses two lines.
#[derive(Clone, Debug)]
pub struct Aligned<T = f32> {
    lines: Vec<CacheLine>,
    len: usize,
    numbers: PhantomData<T>,
}

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct CacheLine([u8; 64]);

/// A type of numbers that may have any bits, and fill a cache line without gaps.
pub trait Number: Copy {}

impl Number for f32 {}
impl Number for f64 {}

impl<T: Number> Aligned<T> {
    /// Zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn zeros(len: usize) -> memory::Result<Self> {
        let lines = len.div_ceil(size_of::<CacheLine>() / size_of::<T>());
        let lines = memory::filled(CacheLine([0; 64]), lines)?;
        Ok(Self { lines, len, numbers: PhantomData })
    }

    /// A copy of numbers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn copy(numbers: &[T]) -> memory::Result<Self> {
        let mut aligned = Self::zeros(numbers.len())?;
        aligned.copy_from_slice(numbers);
        Ok(aligned)
    }
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), len: 0, numbers: PhantomData }
    }
}

impl<T: Number> Deref for Aligned<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the lines are bytes without padding, aligned for any number, whose bits may
        // be any; they hold at least `len` numbers.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Number> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the lines are bytes without padding, aligned for any number, whose bits may
        // be any; they hold at least `len` numbers, and are borrowed mutably as long as these.
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
            let mut aligned = Aligned::copy(&numbers).unwrap();
            assert_eq!((&aligned[..], aligned.as_ptr().align_offset(64)), (&numbers[..], 0));
            aligned.iter_mut().for_each(|number| *number += 1.0);
            assert_eq!(aligned.clone().iter().sum::<f32>(), (count * (count + 1) / 2) as f32);
            let doubles: Vec<f64> = numbers.into_iter().map(f64::from).collect();
            let aligned = Aligned::copy(&doubles).unwrap();
            assert_eq!((&aligned[..], aligned.as_ptr().align_offset(64)), (&doubles[..], 0));
        }
    }
}
