//! Scores of items, and how far ratings may lie from them.

use crate::adapt::{BLOCK, Forward};
use crate::config::Local;
use crate::inputs::{InputBuffers, Rows};
use crate::network::LayerRows;
use crate::{Catalog, Error, Result, User};

impl User {
    /// Scores some items: `scores[i]` is that of `items[i]`.
    ///
    /// # Errors
    /// [`Error::ItemIndex`], and [`Error::Argument`] if the slices differ in
    /// length.
    pub fn score(&mut self, items: &[u32], scores: &mut [f32]) -> Result<()> {
        if items.len() != scores.len() {
            let problem = format!("there is room for {} of {} items", scores.len(), items.len());
            return Err(Error::argument("scores", problem));
        }
        self.catalog.check(items)?;
        for (items, scores) in items.chunks(BLOCK).zip(scores.chunks_mut(BLOCK)) {
            self.score_block(Rows::Listed(items), scores);
        }
        Ok(())
    }

    /// Scores the whole catalogue: `scores[i]` is that of item `i`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one score an item.
    pub fn score_all(&mut self, scores: &mut [f32]) -> Result<()> {
        let len = self.catalog.len();
        if scores.len() != len {
            let problem = format!("there is room for {} of {len} items", scores.len());
            return Err(Error::argument("scores", problem));
        }
        for (block, scores) in scores.chunks_mut(BLOCK).enumerate() {
            self.score_block(Rows::From(block * BLOCK, scores.len()), scores);
        }
        Ok(())
    }

    /// Scores some items, and says how far each rating may lie from its score:
    /// `deviations[i]` is the standard deviation of what the user would say of
    /// `items[i]`, in the score's unit. With clicks it is that of the
    /// probability.
    ///
    /// It counts how little is known of the user, how little of the item, and
    /// what nobody can know. See [`Model::has_deviations`](crate::Model::has_deviations).
    ///
    /// # Errors
    /// As [`User::score`], and [`Error::Argument`] if the model knows no
    /// deviations.
    pub fn score_with_deviations(
        &mut self,
        items: &[u32],
        scores: &mut [f32],
        deviations: &mut [f32],
    ) -> Result<()> {
        if items.len() != deviations.len() {
            let problem =
                format!("there is room for {} of {} items", deviations.len(), items.len());
            return Err(Error::argument("deviations", problem));
        }
        self.score(items, scores)?;
        let Self { catalog, room, posterior, .. } = self;
        let model = catalog.model();
        let (Local::Ridge(ridge), Some(posterior)) = (&model.config().local, posterior) else {
            let problem = "the model adapts by gradient steps, and does not know them";
            return Err(Error::argument("deviations", problem));
        };
        let width = model.user_head_network().item_width();
        let output = &model.config().output;
        let blocks = items.chunks(BLOCK).zip(scores.chunks(BLOCK));
        for ((items, scores), deviations) in blocks.zip(deviations.chunks_mut(BLOCK)) {
            let (inputs, item_variances) = room.inputs.fill(catalog, Rows::Listed(items));
            for (row, (deviation, score)) in deviations.iter_mut().zip(scores).enumerate() {
                let features = &inputs.items[row * width..][..width];
                let of_item = item_variances.get(row).copied().unwrap_or(0.0);
                let known = posterior.variance(features) as f32 + ridge.item_variance * of_item;
                *deviation = ridge.calibration * output.deviation(*score, known, ridge.noise);
            }
        }
        Ok(())
    }

    /// Scores one block of items, all of which are in the catalogue.
    fn score_block(&mut self, rows: Rows, scores: &mut [f32]) {
        let Self { catalog, own_head, room, .. } = self;
        let network = catalog.model().user_head_network();
        own_head.pack(network);
        let activations = &mut room.workspace.activations;
        let scoring = Scoring { catalog, head: own_head.forward(network) };
        scoring.score_block(rows, &mut room.inputs, activations, scores);
    }
}

/// What decides the scores: several threads may read it at once.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    pub catalog: &'a Catalog,
    /// The user's own head as it stands.
    pub head: Forward<'a>,
}

impl Scoring<'_> {
    /// Scores one block of items, all of which are in the catalogue, in buffers of
    /// this user.
    pub fn score_block(
        &self,
        rows: Rows,
        inputs: &mut InputBuffers,
        activations: &mut LayerRows,
        scores: &mut [f32],
    ) {
        let model = self.catalog.model();
        let (inputs, _) = inputs.fill(self.catalog, rows);
        let heads = self.head.outputs(model.user_head_network(), inputs, activations);
        let output = &model.config().output;
        for (score, head) in scores.iter_mut().zip(heads) {
            *score = output.score(*head);
        }
    }
}
