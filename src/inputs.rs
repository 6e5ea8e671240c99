//! From a user and some items to the head's inputs.

use crate::adapt::{BLOCK, Set};
use crate::kernels::{MatrixMut, copy_columns, gather_rows};
use crate::network::{Inputs, LayerRows, PackedNetwork};
use crate::{Catalog, Model};

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
    /// The body's layers' outputs.
    activations: LayerRows,
    /// What the head sees of each item, [BLOCK, its item width].
    features: Vec<f32>,
}

impl InputBuffers {
    /// Room for a model's users.
    pub fn new(model: &Model) -> Self {
        let head_width = model.head_network().item_width();
        let (item_width, activations) = match model.body_network() {
            None => (head_width, LayerRows::default()),
            Some(body) => (body.item_width(), LayerRows::new(body, BLOCK)),
        };
        let features = if model.body_network().is_some() { BLOCK * head_width } else { 0 };
        Self {
            items: vec![0.0; BLOCK * item_width],
            offsets: vec![0.0; BLOCK],
            item_variances: vec![0.0; BLOCK],
            activations,
            features: vec![0.0; features],
        }
    }

    /// The inputs of a user's own head of at most [`BLOCK`] rows, and their items'
    /// variances; `packed_body` is the body for that user.
    pub fn fill<'a>(
        &'a mut self,
        catalog: &'a Catalog,
        packed_body: &PackedNetwork,
        rows: Rows,
    ) -> (Inputs<'a>, &'a [f32]) {
        let model = catalog.model();
        let count = rows.len();
        let Self { items, offsets, item_variances, activations, features } = self;
        let width = items.len() / BLOCK;
        let items = catalog.rows().get(rows, &mut items[..count * width]);
        let offsets = numbers(catalog.offsets(), rows, offsets);
        let item_variances = numbers(catalog.item_variances(), rows, item_variances);
        let inputs = match model.body_network() {
            None => Inputs { items, user: &[], offsets, rows: count },
            Some(body) => {
                // What describes the user is packed with the body.
                let inputs = Inputs { items, user: &[], offsets: &[], rows: count };
                let (factors, outputs) = (model.config().factors, body.output_width());
                let stride = factors + outputs;
                let features = &mut features[..count * stride];
                let part = features.get_mut(factors..).unwrap_or_default();
                let part = MatrixMut::new(part, count, outputs, stride);
                body.forward_into(packed_body, inputs, activations, part);
                // After the body, which asks for the rows ahead.
                if factors > 0 {
                    copy_columns(factors, items, width, features, stride);
                }
                Inputs { items: features, user: &[], offsets, rows: count }
            }
        };
        (inputs, item_variances)
    }

    /// The same of at most [`BLOCK`] items with a rating for each; `targets` is room for
    /// the ratings in the head's units.
    pub fn fill_rated<'a>(
        &'a mut self,
        catalog: &'a Catalog,
        packed_body: &PackedNetwork,
        items: &[u32],
        ratings: &[f32],
        targets: &'a mut [f32; BLOCK],
    ) -> Set<'a> {
        let output = &catalog.model().config().output;
        let targets = &mut targets[..items.len()];
        for (target, rating) in targets.iter_mut().zip(ratings) {
            *target = output.target(*rating);
        }
        let (inputs, item_variances) = self.fill(catalog, packed_body, Rows::Listed(items));
        Set { inputs, targets, item_variances }
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
