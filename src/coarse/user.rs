//! The coarse pass of one user.

use std::ops::Range;
use std::sync::Arc;

use super::items::CoarseItems;
use super::layer::{CoarseLayer, CoarseWeight, TINY};
use super::norm::{MARGIN, SpectralNorm, rounding_of_sum};
use crate::kernels::{After, Bfloats, Leading, TILE_EDGE, Tiles, coarse_layer, sum_of_squares};
use crate::loss::{Loss, Output};
use crate::network::PackedNetwork;
use crate::{Catalog, Error, Model, Result};

/// Items that are computed together: so many that setting up tiles costs little, and so few
/// that their outputs stay in the cache.
pub const COARSE_BLOCK: usize = 384;

/// One user's layers, and room for a block of items.
#[derive(Clone, Debug)]
pub struct CoarseUser {
    tiles: Tiles,
    /// The body's, and then those of the head before its last.
    layers: Vec<CoarseLayer>,
    /// How many of them are the body's.
    body: usize,
    /// The head's last layer, whose first numbers are for the items' vectors, where they have
    /// any: then it is the only one, and the rest is for the body's outputs.
    last: Vec<f32>,
    /// How many of its numbers are for them.
    leading: usize,
    last_bias: f32,
    /// The length of what `last` has for the vectors, and of the rest.
    lengths: [f32; 2],
    /// Whether the head is the user's as it stands.
    has_head: bool,
    norm: SpectralNorm,
    blocks: Blocks,
}

/// Room for a block of items.
#[derive(Clone, Debug)]
struct Blocks {
    /// The outputs of each layer but the last.
    outputs: Vec<Bfloats>,
    /// How far each item's coarse output may be from the exact one.
    errors: Vec<f32>,
    /// What rounding took of the coarse outputs' length, and what it left.
    lost: Vec<f32>,
    lengths: Vec<f32>,
    products: Vec<f32>,
    upper: Vec<f32>,
}

impl CoarseUser {
    /// A user whose body is packed, of a catalogue that has coarse items, without a head.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(model: &Model, items: &CoarseItems, body: &PackedNetwork) -> Result<Self> {
        let head = model.head_network();
        let mut layers: Vec<_> = items.body.iter().cloned().map(CoarseLayer::new).collect();
        for (layer, bias) in layers.iter_mut().zip(body.biases()) {
            layer.take_bias(bias);
        }
        let body = layers.len();
        let hidden = &head.layers()[..head.layers().len() - 1];
        for (l, layer) in hidden.iter().enumerate() {
            let inputs = if l == 0 { head.item_width() } else { layer.inputs };
            layers.push(CoarseLayer::new(Arc::new(CoarseWeight::zeros(inputs, layer.outputs))));
        }
        let widths = layers.iter().skip(1).map(|layer| layer.weight.tiles.inputs());
        let outputs = widths.map(|width| {
            let refuse = Error::out_of_memory::<u16>("a coarse block", COARSE_BLOCK * width);
            Bfloats::zeros(COARSE_BLOCK, width).map_err(refuse)
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
            layers,
            body,
            last: Vec::new(),
            leading: if body > 0 { model.config().factors } else { 0 },
            last_bias: 0.0,
            lengths: [0.0; 2],
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
        self.has_head = true;
        let network = model.head_network();
        let hidden = &mut self.layers[self.body..];
        for (l, (layer, bias)) in hidden.iter_mut().zip(packed.biases()).enumerate() {
            Arc::make_mut(&mut layer.weight).take(network.item_weight(l, head), &mut self.norm);
            layer.take_bias(bias);
        }
        let count = hidden.len();
        self.last.clear();
        self.last.extend(network.item_weight(count, head).row_slices().flatten());
        self.last_bias = packed.biases().flatten().last().copied().unwrap_or(0.0);
        let (leading, rest) = self.last.split_at(self.leading);
        self.lengths = [leading, rest].map(|part| MARGIN * sum_of_squares(part).sqrt() + TINY);
    }

    /// What no item's score is above, for a block's items from `first` on, at most
    /// [`COARSE_BLOCK`]; not a number where that cannot be told.
    pub fn upper_scores(
        &mut self,
        catalog: &Catalog,
        items: &CoarseItems,
        rows: Range<usize>,
    ) -> &[f32] {
        let count = rows.len();
        let whole = rows.start..rows.start + count.next_multiple_of(TILE_EDGE);
        let (item_lengths, item_lost) = (&items.lengths[whole.clone()], &items.lost[whole.clone()]);
        let Blocks { outputs, errors, lost, lengths, products, upper } = &mut self.blocks;
        let numbers = [&mut *errors, lost, lengths, products, upper];
        let [errors, lost, lengths, products, upper] =
            numbers.map(|numbers| &mut numbers[..whole.len()]);
        errors.fill(0.0);
        lost.copy_from_slice(item_lost);
        lengths.copy_from_slice(item_lengths);
        let (leading, rest) = self.last.split_at(self.leading);
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
                None => {
                    let of_items =
                        Leading { rows: &items.rows, first_row: whole.start, column: leading };
                    let leading = Some(of_items).filter(|of_items| !of_items.column.is_empty());
                    After::Product { column: rest, leading, products }
                }
            };
            let weight = &layer.weight.tiles;
            coarse_layer(self.tiles, inputs, rows, weight, &layer.bias, lengths, after);
            // They are squares as yet.
            for number in lengths.iter_mut().chain(&mut *lost) {
                *number = MARGIN * number.sqrt() + TINY;
            }
        }
        let [leading_length, rest_length] = self.lengths;
        let rounding = rounding_of_sum(self.last.len());
        let output = &catalog.model().config().output;
        let offsets = catalog.offsets();
        let offset = |row: usize| offsets.get(rows.start + row).copied().unwrap_or(0.0);
        for row in 0..count {
            let (error, length) = (errors[row], lengths[row]);
            // With what both heads' sums lose to rounding, and both additions after them.
            let mut above = rest_length * (error + 2.0 * rounding * (length + error));
            if self.leading > 0 {
                let (length, lost) = (item_lengths[row], item_lost[row]);
                above += leading_length * (lost + 2.0 * rounding * (length + lost));
            }
            let sum = products[row] + self.last_bias;
            let head = sum + offset(row);
            let magnitude = products[row].abs() + self.last_bias.abs() + offset(row).abs();
            above += rounding_of_sum(2) * magnitude;
            upper[row] = above_score(output, head + MARGIN * above);
        }
        &self.blocks.upper[..count]
    }
}

/// At least the score of any head's output up to this one.
fn above_score(output: &Output, head: f32) -> f32 {
    let score = output.score(head);
    match output.loss {
        // A product and a sum, which round in order.
        Loss::Mse | Loss::SmoothL1 => score,
        // Some operations, each of which may round to either side.
        Loss::Bce => score * 1.000_001,
    }
}
