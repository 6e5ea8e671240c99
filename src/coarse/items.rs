//! What the coarse pass keeps of a catalogue, for all of its users.

use super::norm::{WIDEST, length_of};
use crate::inputs::Rows;
use crate::item_rows::ItemRows;
use crate::kernels::{TILE_EDGE, TiledItems, Tiles, round_to_bfloat};
use crate::{Error, Model, Result};

/// The catalogue's rows in bfloat16.
#[derive(Debug)]
pub struct CoarseItems {
    /// What computes the pass.
    pub tiles: Tiles,
    pub rows: TiledItems,
    /// The length of each coarse row, with room for whole tiles.
    pub lengths: Vec<f32>,
    /// The length of what rounding took from it.
    pub lost: Vec<f32>,
    /// A pass over fewer items does not pay.
    pub fewest: usize,
}

/// A pass pays from so many items on,
const FEWEST: usize = 1_024;

/// and from so many for each output of the head's widest layer: its spectral norms are new
/// for each adapted head, and take as long as scoring some items for each.
const FEWEST_FOR_EACH_OUTPUT: usize = 16;

impl CoarseItems {
    /// Of so many items; `None` for a model whose head has no layer before the last, or too
    /// wide a one.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(
        tiles: Tiles,
        model: &Model,
        items: usize,
        exact: &ItemRows,
    ) -> Result<Option<Self>> {
        let head = model.user_head_network();
        let fits = head.layers().iter().all(|layer| layer.inputs.max(layer.outputs) <= WIDEST);
        if head.is_linear() || !fits {
            return Ok(None);
        }
        let width = head.item_width();
        let refuse = || {
            let bytes = items.saturating_mul(2 * width.next_multiple_of(TILE_EDGE) + 8);
            Error::out_of_memory::<u8>("the catalogue's coarse rows", bytes)
        };
        let mut rows = TiledItems::zeros(items, width).map_err(refuse())?;
        let (mut lengths, mut lost) = (Vec::new(), Vec::new());
        for numbers in [&mut lengths, &mut lost] {
            let whole = items.next_multiple_of(TILE_EDGE);
            numbers.try_reserve_exact(whole).map_err(refuse())?;
            numbers.resize(whole, 0.0);
        }
        let mut buffer = vec![0.0; width];
        for item in 0..items {
            let row = exact.get(Rows::From(item, 1), &mut buffer);
            rows.round_into(item, row);
            lengths[item] = length(row.iter().map(|number| round_to_bfloat(*number)));
            lost[item] = length(row.iter().map(|number| number - round_to_bfloat(*number)));
        }
        let hidden = head.layers().iter().map(|layer| layer.outputs).max().unwrap_or(0);
        let fewest = FEWEST.max(FEWEST_FOR_EACH_OUTPUT * hidden);
        Ok(Some(Self { tiles, rows, lengths, lost, fewest }))
    }
}

/// At least the length of a row, if it is bounded.
fn length(row: impl Iterator<Item = f32>) -> f32 {
    length_of(row.map(|number| f64::from(number).powi(2)).sum::<f64>() as f32)
}
