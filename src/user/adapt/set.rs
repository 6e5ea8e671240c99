//! Rated items as inputs of a head.

use std::ops::Range;

use crate::catalog::blocks::BLOCK;
use crate::memory;
use crate::model::network::Inputs;

/// A support or query set, or a part of one.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// The inputs of the items and of the user.
    pub inputs: Inputs<'a>,
    /// The ratings in the head's units, one for each row.
    pub targets: &'a [f32],
    /// The variance that each item's uncertain vector adds to its rating, in
    /// the head's units; empty for models without vectors.
    pub item_variances: &'a [f32],
}

impl<'a> Set<'a> {
    /// The set in parts of at most `BLOCK` rows, in order.
    pub fn blocks(self) -> impl Iterator<Item = Self> {
        let rows = self.inputs.rows;
        (0..rows).step_by(BLOCK).map(move |start| self.part(start..rows.min(start + BLOCK)))
    }

    fn part(self, rows: Range<usize>) -> Self {
        let Inputs { items, user, offsets, rows: all } = self.inputs;
        let width = items.len() / all;
        Self {
            inputs: Inputs {
                items: &items[rows.start * width..rows.end * width],
                user,
                offsets: part(offsets, &rows),
                rows: rows.len(),
            },
            targets: &self.targets[rows.clone()],
            item_variances: part(self.item_variances, &rows),
        }
    }
}

/// The numbers of some rows; none of an empty list.
pub fn part<'a, T>(list: &'a [T], rows: &Range<usize>) -> &'a [T] {
    if list.is_empty() { list } else { &list[rows.clone()] }
}

/// A support set with its own memory.
#[derive(Clone, Debug, Default)]
pub struct SupportSet {
    items: Vec<f32>,
    offsets: Vec<f32>,
    targets: Vec<f32>,
    item_variances: Vec<f32>,
}

impl SupportSet {
    /// Forgets all rows, but keeps the memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.offsets.clear();
        self.targets.clear();
        self.item_variances.clear();
    }

    /// Reserves capacity for so many rows of this width in all; `vectors` says whether there
    /// are offsets and variances.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); no row is lost.
    pub fn reserve(&mut self, rows: usize, width: usize, vectors: bool) -> memory::Result<()> {
        let Self { items, offsets, targets, item_variances } = self;
        let size = rows.saturating_mul(width);
        let of_vectors = if vectors { rows } else { 0 };
        let lists =
            [(items, size), (targets, rows), (offsets, of_vectors), (item_variances, of_vectors)];
        for (list, len) in lists {
            let more = len.saturating_sub(list.len());
            memory::reserve(list, more)?;
        }
        Ok(())
    }

    /// Adds rows.
    pub fn extend(&mut self, set: Set) {
        self.items.extend_from_slice(set.inputs.items);
        self.offsets.extend_from_slice(set.inputs.offsets);
        self.targets.extend_from_slice(set.targets);
        self.item_variances.extend_from_slice(set.item_variances);
    }

    /// All rows.
    pub fn set(&self) -> Set<'_> {
        let (items, offsets, rows) = (&self.items, &self.offsets, self.targets.len());
        Set {
            inputs: Inputs { items, user: &[], offsets, rows },
            targets: &self.targets,
            item_variances: &self.item_variances,
        }
    }
}
