//! What the coarse pass keeps of a catalogue, for all of its users.

use std::sync::Arc;

use super::layer::{CoarseWeight, TINY};
use super::norm::{MARGIN, SpectralNorm};
use crate::inputs::Rows;
use crate::item_rows::ItemRows;
use crate::kernels::{TILE_EDGE, TiledItems, Tiles, round_to_bfloat};
use crate::network::Network;
use crate::{Error, Model, Result};

/// The catalogue's rows in bfloat16, and the body's weights.
#[derive(Debug)]
pub struct CoarseItems {
    /// What computes the pass.
    pub tiles: Tiles,
    pub rows: TiledItems,
    /// The length of each coarse row, with room for whole tiles.
    pub lengths: Vec<f32>,
    /// The length of what rounding took from it.
    pub lost: Vec<f32>,
    pub body: Vec<Arc<CoarseWeight>>,
}

impl CoarseItems {
    /// Of so many items; `None` for a model that has no layer before the last.
    pub fn new(
        tiles: Tiles,
        model: &Model,
        items: usize,
        exact: &ItemRows,
    ) -> Result<Option<Self>> {
        let (body, head) = (model.body_network(), model.head_network());
        if body.is_none() && head.layers().len() < 2 {
            return Ok(None);
        }
        let width = body.unwrap_or(head).item_width();
        let size = items.saturating_mul(width);
        let rows = TiledItems::zeros(items, width)
            .map_err(Error::out_of_memory::<u16>("the catalogue's coarse rows", size))?;
        let whole = items.next_multiple_of(TILE_EDGE);
        let (mut lengths, mut lost) = (vec![0.0; whole], vec![0.0; whole]);
        let mut coarse = rows;
        let mut buffer = vec![0.0; width];
        for item in 0..items {
            let row = exact.get(Rows::From(item, 1), &mut buffer);
            coarse.round_into(item, row);
            lengths[item] = length(row.iter().map(|number| round_to_bfloat(*number)));
            lost[item] = length(row.iter().map(|number| number - round_to_bfloat(*number)));
        }
        let mut norm = SpectralNorm::default();
        let weights = |body: &Network| {
            let layers = 0..body.layers().len();
            layers.map(|l| weight(body, l, model.body(), &mut norm)).collect()
        };
        let body = body.map(weights).unwrap_or_default();
        Ok(Some(Self { tiles, rows: coarse, lengths, lost, body }))
    }
}

fn weight(
    network: &Network,
    l: usize,
    parameters: &[f32],
    norm: &mut SpectralNorm,
) -> Arc<CoarseWeight> {
    let exact = network.item_weight(l, parameters);
    let mut weight = CoarseWeight::zeros(exact.columns(), network.layers()[l].outputs);
    weight.take(exact, norm);
    Arc::new(weight)
}

/// At least the length of a row.
fn length(row: impl Iterator<Item = f32>) -> f32 {
    let squares: f64 = row.map(|number| f64::from(number).powi(2)).sum();
    MARGIN * squares.sqrt() as f32 + TINY
}
