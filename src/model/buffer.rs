//! Numbers that are owned, or that lie in memory shared with others.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::AnyBitPattern;

use crate::memory;

/// Bytes that outlive every [`Buffer`] on them, such as a mapped file.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// An immutable slice of numbers: owned, or a view of [`SharedBytes`].
///
/// Cloning is cheap and copies no number. May be used from any number of
/// threads at once.
#[derive(Clone)]
pub struct Buffer<T>(Memory<T>);

#[derive(Clone)]
enum Memory<T> {
    Owned(Arc<Vec<T>>),
    /// The range is in bytes, and was checked to be aligned and whole.
    Shared(SharedBytes, Range<usize>),
}

impl<T: AnyBitPattern> Buffer<T> {
    /// The numbers in a range of bytes: a view if they are aligned for their type, or else a
    /// copy.
    ///
    /// `None` if the range is not inside the bytes or not a whole count of
    /// numbers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) for the copy.
    pub fn from_shared(bytes: &SharedBytes, range: Range<usize>) -> memory::Result<Option<Self>> {
        let slice = (**bytes).as_ref().get(range.clone());
        let Some(slice) = slice.filter(|slice| slice.len().is_multiple_of(size_of::<T>())) else {
            return Ok(None);
        };
        Ok(Some(Self(match bytemuck::try_cast_slice::<u8, T>(slice) {
            Ok(_) => Memory::Shared(bytes.clone(), range),
            Err(_) => {
                let numbers = slice.chunks_exact(size_of::<T>());
                let numbers = numbers.map(bytemuck::pod_read_unaligned);
                Memory::Owned(Arc::new(memory::collected(numbers)?))
            }
        })))
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self(Memory::Owned(Arc::new(numbers)))
    }
}

impl<T> FromIterator<T> for Buffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        Vec::from_iter(numbers).into()
    }
}

impl<T: AnyBitPattern> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Memory::Owned(numbers) => numbers,
            Memory::Shared(bytes, range) => {
                bytemuck::cast_slice(&(**bytes).as_ref()[range.clone()])
            }
        }
    }
}

impl<T: AnyBitPattern> AsRef<[T]> for Buffer<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: AnyBitPattern + PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: AnyBitPattern> fmt::Debug for Buffer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Buffer of {} numbers", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_bytes_are_viewed_and_askew_ones_copied() {
        let numbers: Vec<u32> = (0..8).collect();
        let shared: SharedBytes = Arc::new(bytemuck::cast_slice::<u32, u8>(&numbers).to_vec());
        let start = (*shared).as_ref().as_ptr().align_offset(align_of::<u32>());
        for offset in 0..8 {
            let range = start + offset..start + offset + 16;
            let buffer = Buffer::<u32>::from_shared(&shared, range.clone()).unwrap().unwrap();
            let bytes = &(*shared).as_ref()[range];
            let expected: Vec<u32> =
                bytes.chunks(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect();
            assert_eq!(&buffer[..], expected);
            assert_eq!(matches!(buffer.0, Memory::Shared(..)), offset % 4 == 0);
        }
    }

    #[test]
    fn ranges_that_do_not_fit_are_refused() {
        let shared: SharedBytes = Arc::new(vec![0u8; 16]);
        assert!(Buffer::<u32>::from_shared(&shared, 0..15).unwrap().is_none());
        assert!(Buffer::<u32>::from_shared(&shared, 0..20).unwrap().is_none());
        let beyond = usize::MAX - 3..usize::MAX;
        assert!(Buffer::<u32>::from_shared(&shared, beyond).unwrap().is_none());
    }
}
