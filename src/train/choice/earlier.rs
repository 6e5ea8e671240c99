//! The part of an earlier model's head for choosing that a fit takes over.
//!
//! Settings are not searched anew, which is most of the work, and vectors begin where the
//! earlier model's are. The neighbours and everything in closed form are fitted anew.

use ndarray::Array2;

use super::fit::Chosen;
use crate::model::prior::Prior;
use crate::model::{BESIDES_VECTOR, ChoiceHead};
use crate::train::earlier::Earlier;
use crate::train::matching::FieldMatch;

/// Epochs of meta-training from earlier vectors, and sweeps of alternating least squares. On
/// MovieLens 1M, from a model of nine tenths of the users, 4 epochs made lists for new users
/// worth .4213 and 8 .4221, beside .4200 of a training from the beginning with 12.
pub const WARM_EPOCHS: usize = 4;
pub const WARM_SWEEPS: usize = 3;

/// An earlier model's head for choosing, in the order of the new items and fields.
#[derive(Clone, Debug)]
pub struct EarlierChoice {
    /// The settings.
    pub chosen: Chosen,
    pub head: ChoiceHead,
    /// `[items, width]`; zeros for an item that it did not have, or that nobody had chosen.
    pub vectors: Array2<f32>,
    /// The start of users, by the earlier model's fields.
    pub user_prior: Prior,
    /// The users' fields.
    pub user_fields: FieldMatch,
}

impl EarlierChoice {
    /// Of an earlier model; `None` if its settings were never compared, so that a search is
    /// due, or its rows have another width.
    pub fn of(earlier: &Earlier, user_fields: FieldMatch, row_width: usize) -> Option<Self> {
        let chosen = earlier.record.choice.filter(|chosen| chosen.validation_ndcg20.is_some())?;
        let contents = earlier.model.contents();
        let head = contents.config.choice.clone().filter(|head| head.row_width() == row_width)?;
        let table = contents.catalog.as_ref()?.choice.as_ref()?;
        let width = row_width - BESIDES_VECTOR;
        let mut vectors = Array2::zeros((earlier.items.len(), width));
        for (mut vector, place) in vectors.rows_mut().into_iter().zip(&earlier.items) {
            // The row of an item that nobody chose is what its content predicts.
            let Some(place) = place.filter(|place| table.raters[*place] > 0) else { continue };
            let row = &table.rows[place * row_width..][..width];
            vector.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        }
        let user_prior = contents.choice.as_ref()?.user.clone();
        Some(Self { chosen, head, vectors, user_prior, user_fields })
    }
}
