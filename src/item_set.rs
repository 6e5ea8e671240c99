//! A set of a catalogue's items.

use crate::{Error, Result};

/// A bit for each item; made once, so that nothing is allocated later.
#[derive(Clone, Debug)]
pub struct ItemSet(Vec<u64>);

impl ItemSet {
    /// An empty set of a catalogue of so many items.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(items: usize) -> Result<Self> {
        let words = items.div_ceil(64);
        let mut bits = Vec::new();
        bits.try_reserve_exact(words)
            .map_err(Error::out_of_memory::<u64>("a user's set of items", words))?;
        bits.resize(words, 0);
        Ok(Self(bits))
    }

    /// Takes all items out.
    pub fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Puts an item in, which must be of the catalogue.
    pub fn insert(&mut self, item: u32) {
        self.0[item as usize / 64] |= 1 << (item % 64);
    }

    /// Whether the item, which must be of the catalogue, is in.
    pub fn contains(&self, item: u32) -> bool {
        self.0[item as usize / 64] >> (item % 64) & 1 == 1
    }
}
