//! Items' features, computed from their vectors and fields.

use std::ops::Range;

use crate::Model;
use crate::catalog::blocks::BLOCK;
use crate::memory;
use crate::model::config::VECTOR_NUMBERS;
use crate::model::embedding::write_row;
use crate::model::file::{CatalogTable, ItemVectors};
use crate::model::network::{Inputs, LayerRows, Network, PackedNetwork};
use crate::model::schema::Entity;

/// Computes items' features, a block at a time. They do not depend on the user, so this is
/// done once, when a catalogue is made.
pub struct Features<'a> {
    model: &'a Model,
    table: &'a CatalogTable,
    /// The numbers of a description that come from the item's vector.
    vector_width: usize,
    /// The description of each item of a block: its vector's numbers and its fields'
    /// embeddings, [BLOCK, item width].
    described: Vec<f32>,
    body: Option<(&'a Network, PackedNetwork, LayerRows)>,
    /// The features, unless they are the description itself.
    features: Vec<f32>,
}

impl<'a> Features<'a> {
    /// For the items of a table, which must have vectors if the model needs them.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(model: &'a Model, table: &'a CatalogTable) -> memory::Result<Self> {
        let config = model.config();
        let body = |body: &'a Network| {
            let nobody = memory::zeros(body.layers()[0].outputs)?;
            let packed = PackedNetwork::of(body, model.body(), &nobody)?;
            Ok((body, packed, LayerRows::new(body, BLOCK)?))
        };
        let has_vectors = table.vectors.is_some();
        let width = config.item_width().unwrap_or(0);
        let features = if has_vectors { config.feature_width().unwrap_or(0) } else { 0 };
        Ok(Self {
            model,
            table,
            vector_width: if has_vectors { config.factors + VECTOR_NUMBERS } else { 0 },
            described: memory::zeros(BLOCK.saturating_mul(width))?,
            body: model.body_network().map(body).transpose()?,
            features: memory::zeros(BLOCK.saturating_mul(features))?,
        })
    }

    /// The features of at most [`BLOCK`] items.
    pub fn of(&mut self, items: Range<usize>) -> &[f32] {
        let Self { model, table, vector_width, described, body, features } = self;
        let (contents, means) = (model.contents(), model.means(Entity::Item));
        let fields = &contents.config.item_fields;
        let (count, width) = (items.len(), described.len() / BLOCK);
        for (item, row) in items.zip(described.chunks_exact_mut(width.max(1))) {
            let (vector, embedding) = row.split_at_mut(*vector_width);
            if let Some(vectors) = &table.vectors {
                vectors.write_row(item, vector);
            }
            let weights = &contents.item_embeddings;
            write_row(fields, &table.columns, item, weights, means, embedding);
        }
        let described = &described[..count * width];
        let factors = contents.config.factors;
        if factors == 0 {
            return described;
        }
        let stride = features.len() / BLOCK;
        let outputs = stride - factors;
        if let Some((body, packed, activations)) = body {
            let inputs = Inputs { items: described, user: &[], offsets: &[], rows: count };
            body.forward(packed, inputs, activations);
        }
        let made = match body {
            Some((.., activations)) => activations.last(count * outputs),
            None => &[],
        };
        write_features(factors, described, made, count, features);
        &features[..count * stride]
    }
}

/// Writes the features of items with vectors: the vector, with which `described` begins for
/// each item, and the body's outputs `made`.
pub fn write_features(
    factors: usize,
    described: &[f32],
    made: &[f32],
    items: usize,
    features: &mut [f32],
) {
    let (width, outputs) = (described.len() / items.max(1), made.len() / items.max(1));
    let rows = features.chunks_exact_mut(factors + outputs).take(items).enumerate();
    for (item, features) in rows {
        let (vector, of_body) = features.split_at_mut(factors);
        vector.copy_from_slice(&described[item * width..][..factors]);
        of_body.copy_from_slice(&made[item * outputs..][..outputs]);
    }
}

impl ItemVectors {
    /// Writes the part of an item's description that comes from its vector: the vector, and
    /// [`VECTOR_NUMBERS`] more: bias, whether the item has raters, how many, and variance,
    /// each scaled to about unit size.
    pub(crate) fn write_row(&self, item: usize, out: &mut [f32]) {
        let (vector, numbers) = out.split_at_mut(out.len() - VECTOR_NUMBERS);
        vector.copy_from_slice(&self.vectors[item * vector.len()..][..vector.len()]);
        let raters = self.raters[item] as f32;
        numbers.copy_from_slice(&[
            3.0 * self.bias[item],
            f32::from(u8::from(raters > 0.0)),
            raters.ln_1p() / 4.0 - 1.0,
            3.0 * self.variance[item],
        ]);
    }
}
