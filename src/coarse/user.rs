//! The coarse pass of one user.

use std::ops::Range;
use std::sync::Arc;

use super::items::CoarseItems;
use super::layer::{CoarseLayer, CoarseWeight};
use super::norm::{MARGIN, SpectralNorm, length_of, rounding_of_sum};
use crate::kernels::{After, TILE_EDGE, TiledItems, Tiles, coarse_layer, sum_of_squares};
use crate::loss::{Loss, Output};
use crate::network::{Layer, PackedNetwork};
use crate::{Catalog, Error, Model, Result};

/// Items that are computed together: so many that setting up tiles costs little, and so few
/// that their outputs stay in the cache.
pub const COARSE_BLOCK: usize = 384;

/// One user's layers, and room for a block of items.
#[derive(Clone, Debug)]
pub struct CoarseUser {
    tiles: Tiles,
    /// The head's before its last.
    layers: Vec<CoarseLayer>,
    /// What the last has for the outputs of the layer before, padded as they are.
    last: Vec<f32>,
    last_bias: f32,
    /// The length of `last`.
    last_length: f32,
    /// Whether the head is the user's as it stands.
    has_head: bool,
    norm: SpectralNorm,
    blocks: Blocks,
}

/// Room for a block of items.
#[derive(Clone, Debug)]
struct Blocks {
    /// The outputs of each layer but the last.
    outputs: Vec<TiledItems>,
    /// How far each item's coarse output may be from the exact one.
    errors: Vec<f32>,
    /// What rounding took of the coarse outputs' length, and what it left.
    lost: Vec<f32>,
    lengths: Vec<f32>,
    products: Vec<f32>,
    upper: Vec<f32>,
}

impl CoarseUser {
    /// A user of a catalogue that has coarse items, without a head.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(model: &Model, items: &CoarseItems) -> Result<Self> {
        let head = model.user_head_network();
        let hidden = &head.layers()[..head.layers().len() - 1];
        let layer = |(l, layer): (usize, &Layer)| {
            let inputs = head.item_inputs(l);
            CoarseLayer::new(Arc::new(CoarseWeight::zeros(inputs, layer.outputs)))
        };
        let layers: Vec<_> = hidden.iter().enumerate().map(layer).collect();
        let widths = layers.iter().skip(1).map(|layer| layer.weight.tiles.inputs());
        let outputs = widths.map(|width| {
            let refuse = Error::out_of_memory::<u16>("a coarse block", COARSE_BLOCK * width);
            TiledItems::zeros(COARSE_BLOCK, width).map_err(refuse)
        });
        let outputs = outputs.collect::<Result<_>>()?;
        let numbers = vec![0.0; COARSE_BLOCK];
        let blocks = Blocks {
            outputs,
            errors: numbers.clone(),
            lost: numbers.clone(),
            lengths: numbers.clone(),
            products: numbers.clone(),
            upper: numbers,
        };
        Ok(Self {
            tiles: items.tiles,
            // There is a layer before the last, whose outputs are padded.
            last: vec![0.0; layers.last().map_or(0, |layer| layer.weight.tiles.outputs())],
            layers,
            last_bias: 0.0,
            last_length: 0.0,
            has_head: false,
            norm: SpectralNorm::default(),
            blocks,
        })
    }

    /// Has the head taken over anew before the next pass.
    pub fn forget_head(&mut self) {
        self.has_head = false;
    }

    /// Takes over the user's head, if it is not there; `packed` is the same.
    pub fn take_head(&mut self, model: &Model, head: &[f32], packed: &PackedNetwork) {
        if self.has_head {
            return;
        }
        let network = model.user_head_network();
        for (l, (layer, bias)) in self.layers.iter_mut().zip(packed.biases()).enumerate() {
            Arc::make_mut(&mut layer.weight).take(network.item_weight(l, head), &mut self.norm);
            layer.take_bias(bias);
        }
        let last = network.item_weight(self.layers.len(), head).row_slices().next();
        let last: &[f32] = last.unwrap_or_default();
        self.last[..last.len()].copy_from_slice(last);
        self.last_bias = packed.biases().last().and_then(<[f32]>::first).copied().unwrap_or(0.0);
        self.last_length = length_of(sum_of_squares(last));
        self.has_head = true;
    }

    /// What the scores of some items are not above, at most [`COARSE_BLOCK`] of them, of which
    /// the first is a multiple of [`TILE_EDGE`]; infinite, or no number, where it cannot be told.
    pub fn upper_scores(
        &mut self,
        catalog: &Catalog,
        items: &CoarseItems,
        rows: Range<usize>,
    ) -> &[f32] {
        let count = rows.len();
        let whole = rows.start..rows.start + count.next_multiple_of(TILE_EDGE);
        let Blocks { outputs, errors, lost, lengths, products, upper } = &mut self.blocks;
        let numbers = [&mut *errors, lost, lengths, products, upper];
        let [errors, lost, lengths, products, upper] =
            numbers.map(|numbers| &mut numbers[..whole.len()]);
        errors.fill(0.0);
        lost.copy_from_slice(&items.lost[whole.clone()]);
        lengths.copy_from_slice(&items.lengths[whole]);
        for (l, layer) in self.layers.iter().enumerate() {
            for ((error, lost), length) in errors.iter_mut().zip(&*lost).zip(&*lengths) {
                *error = layer.error(*error, *lost, *length);
            }
            let (before, after) = outputs.split_at_mut(l);
            let (inputs, rows) = match before.last() {
                None => (&items.rows, rows.clone()),
                Some(before) => (before, 0..count),
            };
            let after = match after.first_mut() {
                Some(to) => After::Rounded { to, lost },
                None => After::Product { column: &self.last, products },
            };
            let weight = &layer.weight.tiles;
            coarse_layer(self.tiles, inputs, rows, weight, &layer.bias, lengths, after);
            // They are squares as yet; after the last layer, what is lost is of no more use.
            for squares in [&mut *lengths, lost] {
                squares.iter_mut().for_each(|square| *square = length_of(*square));
            }
        }
        // What the last layer makes of the errors, and what its sum may lose to rounding: once
        // in either precision.
        let (last_length, bias) = (self.last_length, self.last_bias);
        let rounding = 2.0 * rounding_of_sum(self.last.len());
        // And the additions after it.
        let adding = rounding_of_sum(2);
        let of_outputs = products.iter().zip(&*errors).zip(&*lengths);
        for (upper, ((product, error), length)) in upper.iter_mut().zip(of_outputs) {
            let sum = last_length * (error + rounding * (length + error));
            let above = sum + adding * (product.abs() + bias.abs());
            *upper = product + bias + MARGIN * above;
        }
        let upper = &mut self.blocks.upper[..count];
        above_scores(&catalog.model().config().output, upper);
        upper
    }
}

/// Replaces heads' outputs by what is at least the score of any that is not above them.
fn above_scores(output: &Output, heads: &mut [f32]) {
    heads.iter_mut().for_each(|head| *head = output.score(*head));
    match output.loss {
        // A product and a sum, which round in order.
        Loss::Mse | Loss::SmoothL1 => {}
        // Some operations, each of which may round to either side.
        Loss::Bce => heads.iter_mut().for_each(|score| *score *= 1.000_001),
    }
}
