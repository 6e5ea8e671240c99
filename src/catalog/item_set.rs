//! A set of a catalogue's items.

use std::iter;
use std::ops::Range;

use crate::memory;

/// A set with a bit for each item; only [`ItemSet::new`] allocates.
#[derive(Clone, Debug)]
pub struct ItemSet(Vec<u64>);

impl ItemSet {
    /// An empty set for a catalogue of `items` items.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(items: usize) -> memory::Result<Self> {
        memory::zeros(items.div_ceil(64)).map(Self)
    }

    /// Removes all items.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Inserts all items.
    pub fn fill(&mut self) {
        self.0.fill(u64::MAX);
    }

    /// Inserts an item, which must be in the catalogue.
    pub fn insert(&mut self, item: u32) {
        self.0[item as usize / 64] |= 1 << (item % 64);
    }

    /// Removes an item, which must be in the catalogue.
    pub fn remove(&mut self, item: u32) {
        self.0[item as usize / 64] &= !(1 << (item % 64));
    }

    /// The items of a range that are in the set, in ascending order; the range must be in the
    /// catalogue.
    pub fn present(&self, range: Range<usize>) -> impl Iterator<Item = u32> {
        self.selected(range, 0)
    }

    /// The items of a range that are not in the set, in ascending order; the range must be in
    /// the catalogue.
    pub fn missing(&self, range: Range<usize>) -> impl Iterator<Item = u32> {
        self.selected(range, u64::MAX)
    }

    /// The items of a range whose bits are set once those in `flip` are turned.
    fn selected(&self, range: Range<usize>, flip: u64) -> impl Iterator<Item = u32> {
        let words = range.start / 64..range.end.div_ceil(64);
        words.flat_map(move |word| {
            let begin = word * 64;
            let from = range.start.saturating_sub(begin);
            let beyond = (begin + 64).saturating_sub(range.end);
            let mut bits = (self.0[word] ^ flip) & (u64::MAX << from) & (u64::MAX >> beyond);
            iter::from_fn(move || {
                let place = bits.trailing_zeros();
                let item = (bits != 0).then(|| begin as u32 + place);
                bits &= bits.wrapping_sub(1);
                item
            })
        })
    }

    /// Whether the set contains an item, which must be in the catalogue.
    pub fn contains(&self, item: u32) -> bool {
        self.0[item as usize / 64] >> (item % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_what_was_not_put_in() {
        let mut set = ItemSet::new(300).unwrap();
        let put_in = |item: u32| item % 7 == 3 || (60..70).contains(&item);
        (0..300).filter(|item| put_in(*item)).for_each(|item| set.insert(item));
        for range in [0..300, 0..0, 10..10, 63..65, 64..128, 1..299, 128..300] {
            let items = || range.clone().map(|item| item as u32);
            let (present, missing) = (set.present(range.clone()), set.missing(range.clone()));
            assert!(present.eq(items().filter(|item| put_in(*item))), "{range:?}");
            assert!(missing.eq(items().filter(|item| !put_in(*item))), "{range:?}");
        }
        set.fill();
        assert_eq!(set.missing(0..300).next(), None);
        for item in [299, 0, 64, 64] {
            set.remove(item);
        }
        assert!(set.missing(0..300).eq([0, 64, 299]));
        set.clear();
        assert_eq!(set.missing(0..300).count(), 300);
    }
}
