//! Blocks of items: their rows, and the head's inputs for them.

use crate::kernels::gather_rows;
use crate::memory;
use crate::model::network::Inputs;
use crate::{Catalog, Model};

/// The number of rows that are computed together: a support set or catalogue of any size
/// passes through the same few buffers, block by block.
pub const BLOCK: usize = 96;

/// A selection of a catalogue's rows.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Consecutive rows: the first, and their number.
    From(usize, usize),
    /// A list of rows, all of which are in the catalogue.
    Listed(&'a [u32]),
}

impl<'a> Rows<'a> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::From(_, count) => *count,
            Self::Listed(rows) => rows.len(),
        }
    }

    /// The selection in parts of at most [`BLOCK`] rows, in order.
    pub fn blocks(self) -> impl Iterator<Item = Self> {
        let len = self.len();
        (0..len).step_by(BLOCK).map(move |start| {
            let end = len.min(start + BLOCK);
            match self {
                Self::From(first, _) => Self::From(first + start, end - start),
                Self::Listed(rows) => Rows::Listed::<'a>(&rows[start..end]),
            }
        })
    }

    /// The catalogue's row at a place in the selection.
    pub fn row(&self, place: usize) -> u32 {
        match self {
            Self::From(first, _) => (first + place) as u32,
            Self::Listed(rows) => rows[place],
        }
    }
}

/// Buffers for the head's inputs of a block of items; allocated once, so that adapting and
/// scoring allocate nothing.
#[derive(Clone, Debug)]
pub struct InputBuffers {
    /// The items' rows, [BLOCK, item width], unless they can be used in place.
    items: Vec<f32>,
    offsets: Vec<f32>,
    item_variances: Vec<f32>,
}

impl InputBuffers {
    /// Buffers for the heads of a model's users.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(model: &Model) -> memory::Result<Self> {
        Ok(Self {
            items: memory::zeros(BLOCK * model.head_network().item_width())?,
            offsets: memory::zeros(BLOCK)?,
            item_variances: memory::zeros(BLOCK)?,
        })
    }

    /// The inputs of a user's own head for at most [`BLOCK`] rows, and their items'
    /// variances.
    pub fn fill<'a>(&'a mut self, catalog: &'a Catalog, rows: Rows) -> (Inputs<'a>, &'a [f32]) {
        let count = rows.len();
        let Self { items, offsets, item_variances } = self;
        let width = items.len() / BLOCK;
        let items = catalog.rows().get(rows, &mut items[..count * width]);
        let offsets = numbers(catalog.offsets(), rows, offsets);
        let item_variances = numbers(catalog.item_variances(), rows, item_variances);
        // The user's inputs count in the own head's bias.
        (Inputs { items, user: &[], offsets, rows: count }, item_variances)
    }
}

/// The numbers of some rows, from a list of one number for each item or from an empty one.
fn numbers<'a>(list: &'a [f32], rows: Rows, buffer: &'a mut [f32]) -> &'a [f32] {
    match rows {
        _ if list.is_empty() => &[],
        Rows::From(first, count) => &list[first..first + count],
        Rows::Listed(rows) => {
            let buffer = &mut buffer[..rows.len()];
            gather_rows(list, rows, buffer);
            buffer
        }
    }
}
