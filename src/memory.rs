//! Memory that may be refused.
//!
//! A program must not end because one of its libraries found no memory. So all that grows with
//! a file or an argument is allocated here, and a test of the source looks for other ways.

use std::{fmt, result};

use crate::Error;

/// There is no memory for a list. Much smaller than an [`Error`], so that code which allocates
/// many lists stays small.
#[derive(Debug, PartialEq)]
pub struct NoMemory {
    bytes: usize,
}

/// What only the want of memory can prevent.
pub type Result<T> = result::Result<T, NoMemory>;

impl From<NoMemory> for Error {
    #[cold]
    #[inline(never)]
    fn from(NoMemory { bytes }: NoMemory) -> Self {
        Self::OutOfMemory { bytes }
    }
}

impl fmt::Display for NoMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "there is no memory for a list of {} bytes", self.bytes)
    }
}

/// Makes room for so many elements more, and for no others.
pub fn reserve<T>(list: &mut Vec<T>, more: usize) -> Result<()> {
    let len = list.len();
    list.try_reserve_exact(more).map_err(|_| refuse(size_of::<T>(), len, more))
}

/// An empty list with room for so many elements.
pub fn reserved<T>(len: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    reserve(&mut list, len)?;
    Ok(list)
}

/// A list of zeros, or of whatever else is a type's default.
pub fn zeros<T: Clone + Default>(len: usize) -> Result<Vec<T>> {
    filled(T::default(), len)
}

/// A list of one value over and over.
pub fn filled<T: Clone>(value: T, len: usize) -> Result<Vec<T>> {
    let mut list = reserved(len)?;
    list.resize(len, value);
    Ok(list)
}

/// A copy of two lists, one after the other; either may be empty.
pub fn joined<T: Copy>(first: &[T], second: &[T]) -> Result<Vec<T>> {
    let mut list = reserved(first.len().saturating_add(second.len()))?;
    list.extend_from_slice(first);
    list.extend_from_slice(second);
    Ok(list)
}

/// A copy of a list.
pub fn copy<T: Copy>(list: &[T]) -> Result<Vec<T>> {
    joined(list, &[])
}

/// A copy of a text.
pub fn text(text: &str) -> Result<Box<str>> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| refuse(1, 0, text.len()))?;
    copy.push_str(text);
    // No room is left over that would have to be given back.
    Ok(copy.into_boxed_str())
}

/// A thing in memory of its own. What is as small as a few hundred bytes needs none that can be
/// refused.
pub fn boxed<T>(thing: T) -> Result<Box<[T; 1]>> {
    let mut list = reserved(1)?;
    list.push(thing);
    // A list of one, without room for more, which therefore stays where it is.
    list.into_boxed_slice().try_into().map_err(|_| refuse(size_of::<T>(), 0, 1))
}

/// A list of what an iterator gives that knows its length.
pub fn collected<T>(elements: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut list = reserved(elements.len())?;
    list.extend(elements);
    Ok(list)
}

/// The same of elements that may fail, up to the first that does.
pub fn try_collected<T, E: From<NoMemory>>(
    elements: impl ExactSizeIterator<Item = result::Result<T, E>>,
) -> result::Result<Vec<T>, E> {
    let mut list = reserved(elements.len())?;
    for element in elements {
        list.push(element?);
    }
    Ok(list)
}

/// Adds an element to a list whose length nobody knows beforehand.
pub fn push<T>(list: &mut Vec<T>, element: T) -> Result<()> {
    grow(list, 1)?;
    list.push(element);
    Ok(())
}

/// Makes room for so many elements more, and for others that may follow.
pub fn grow<T>(list: &mut Vec<T>, more: usize) -> Result<()> {
    let len = list.len();
    list.try_reserve(more).map_err(|_| refuse(size_of::<T>(), len, more))
}

/// What was allocated. Without memory the process ends, as it does with the standard library's
/// collections: for training, which is no part of another program.
#[cfg(feature = "train")]
pub fn or_end<T>(allocated: Result<T>) -> T {
    allocated.unwrap_or_else(|_| std::alloc::handle_alloc_error(std::alloc::Layout::new::<u8>()))
}

/// The error of what was allocated by other means.
#[cfg(feature = "capi")]
pub fn no_memory(bytes: usize) -> NoMemory {
    NoMemory { bytes }
}

#[cold]
#[inline(never)]
fn refuse(size: usize, len: usize, more: usize) -> NoMemory {
    NoMemory { bytes: len.saturating_add(more).saturating_mul(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_memory_holds_is_an_error_that_names_it() {
        let error = zeros::<u64>(usize::MAX / 8).unwrap_err();
        assert!(error.bytes > usize::MAX / 2);
        assert!(filled(1u8, usize::MAX).is_err());
        let mut list = copy(&[1, 2]).unwrap();
        assert!(reserve(&mut list, usize::MAX).is_err());
        assert_eq!(list, [1, 2]);
    }

    #[test]
    fn lists_have_room_for_their_elements_and_no_others() {
        assert_eq!(joined(&[1, 2], &[3]).unwrap().capacity(), 3);
        assert_eq!(zeros::<f32>(5).unwrap(), [0.0; 5]);
        assert_eq!(&*text("Ärger").unwrap(), "Ärger");
        assert_eq!(*boxed(5).unwrap(), [5]);
        assert_eq!(collected((0..3).rev()).unwrap(), [2, 1, 0]);
        let third = |place| if place == 3 { Err(Error::argument("a", "b")) } else { Ok(place) };
        assert_eq!(try_collected((0..3).map(third)).unwrap(), [0, 1, 2]);
        assert!(try_collected((0..5).map(third)).is_err());
        let mut list = Vec::new();
        (0..9).for_each(|place| push(&mut list, place).unwrap());
        assert!(list.iter().copied().eq(0..9));
    }
}
