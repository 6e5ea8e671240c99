//! Items by blocks: which rows, and the head's inputs of them.

use crate::kernels::gather_rows;
use crate::model::network::Inputs;
use crate::{Catalog, Model};

/// Rows that are computed together: a support set or catalogue of any size
/// passes through the same few buffers, block by block.
pub const BLOCK: usize = 96;

/// Which rows of the catalogue.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// So many from this one on.
    From(usize, usize),
    /// These, all of which are in the catalogue.
    Listed(&'a [u32]),
}

impl Rows<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::From(_, count) => *count,
            Self::Listed(rows) => rows.len(),
        }
    }

    /// The catalogue's row at a place among them.
    pub fn row(&self, place: usize) -> u32 {
        match self {
            Self::From(first, _) => (first + place) as u32,
            Self::Listed(rows) => rows[place],
        }
    }
}

/// Room for the head's inputs of a block of items; made once, so that nothing
/// is allocated while adapting or scoring.
#[derive(Clone, Debug)]
pub struct InputBuffers {
    /// The items' rows, [BLOCK, item width], unless they are used where they lie.
    items: Vec<f32>,
    offsets: Vec<f32>,
    item_variances: Vec<f32>,
}

impl InputBuffers {
    /// Room for a model's users.
    pub fn new(model: &Model) -> Self {
        Self {
            items: vec![0.0; BLOCK * model.head_network().item_width()],
            offsets: vec![0.0; BLOCK],
            item_variances: vec![0.0; BLOCK],
        }
    }

    /// The inputs of a user's own head of at most [`BLOCK`] rows, and their items'
    /// variances.
    pub fn fill<'a>(&'a mut self, catalog: &'a Catalog, rows: Rows) -> (Inputs<'a>, &'a [f32]) {
        let count = rows.len();
        let Self { items, offsets, item_variances } = self;
        let width = items.len() / BLOCK;
        let items = catalog.rows().get(rows, &mut items[..count * width]);
        let offsets = numbers(catalog.offsets(), rows, offsets);
        let item_variances = numbers(catalog.item_variances(), rows, item_variances);
        // What describes the user counts in the own head's bias.
        (Inputs { items, user: &[], offsets, rows: count }, item_variances)
    }
}

/// One number for each row, from one for each item; none of an empty list.
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
