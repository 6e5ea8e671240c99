//! Scores of items, predicted ratings and their deviations.

use crate::catalog::blocks::{BLOCK, InputBuffers, Rows};
use crate::model::file::ItemRows;
use crate::model::network::LayerRows;
use crate::user::ChoiceScoring;
use crate::user::adapt::{Forward, PackedHead};
use crate::{Catalog, Error, Result, Scratch, User};

impl User {
    /// Scores items: `scores[i]` is the score of `items[i]`, by which recommendations are
    /// ordered. It measures how likely the user is to choose the item and to like it, in a
    /// unit of its own. For a model without a head for choosing it is the predicted
    /// rating before it is clipped to the scale.
    ///
    /// # Errors
    /// [`Error::ItemIndex`]; [`Error::Argument`] if the slices differ in length, or for a
    /// scratch of another catalogue; [`Error::Diverged`] if a score is not finite, as with a
    /// damaged weight file; and [`Error::OutOfMemory`].
    pub fn score(&self, items: &[u32], scores: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        self.catalog.check(items)?;
        check_length("scores", items.len(), scores.len())?;
        let blocks = items.chunks(BLOCK).map(Rows::Listed);
        self.score_blocks(blocks, scores, scratch)
    }

    /// Scores the whole catalogue: `scores[i]` is the score of item `i`; see [`User::score`].
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one score for each item, or for a scratch of another
    /// catalogue; [`Error::Diverged`] and [`Error::OutOfMemory`] like [`User::score`].
    pub fn score_all(&self, scores: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        let len = self.catalog.len();
        check_length("scores", len, scores.len())?;
        let starts = (0..len).step_by(BLOCK);
        let blocks = starts.map(|start| Rows::From(start, BLOCK.min(len - start)));
        self.score_blocks(blocks, scores, scratch)
    }

    /// Predicts ratings: `ratings[i]` is what the user would rate `items[i]` if they tried
    /// it, in the training data's unit, or with clicks a probability. Predictions are
    /// clipped to the model's scale: see [`Output::range`](crate::model::loss::Output::range).
    ///
    /// # Errors
    /// [`Error::ItemIndex`], and [`Error::Argument`] if the slices differ in
    /// length, the model was trained without ratings, or the scratch is of another catalogue;
    /// [`Error::Diverged`] if a rating is not a number, as with a damaged weight file.
    pub fn predict(&self, items: &[u32], ratings: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        self.catalog.check(items)?;
        check_length("ratings", items.len(), ratings.len())?;
        scratch.check(&self.catalog)?;
        if !self.model().has_ratings() {
            let problem = "it was trained without ratings, and predicts none";
            return Err(Error::argument("model", problem));
        }
        self.predict_listed(items, ratings, scratch);
        match ratings.iter().position(|rating| !rating.is_finite()) {
            Some(place) => Err(not_finite(&self.catalog, items[place], ratings[place])),
            None => Ok(()),
        }
    }

    /// Predicts the medians of the ratings that the user might give: they minimise the mean
    /// absolute error, and [`User::predict`] the mean squared error. If ratings are on a
    /// grid, so are the medians.
    ///
    /// For a model without medians, and with clicks, they are the predicted ratings.
    ///
    /// # Errors
    /// Those of [`User::predict`].
    pub fn predict_median(
        &self,
        items: &[u32],
        ratings: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        self.predict(items, ratings, scratch)?;
        if let Some(medians) = &self.model().config().medians {
            ratings.iter_mut().for_each(|rating| *rating = medians.of(*rating));
        }
        Ok(())
    }

    /// Predicts ratings with their deviations: `deviations[i]` is the standard deviation of
    /// the user's rating of `items[i]` around the prediction, in the ratings' unit. With
    /// clicks it is that of the probability.
    ///
    /// It takes in the uncertainty about the user and about the item, and the noise of
    /// ratings. See [`Model::has_deviations`](crate::Model::has_deviations).
    ///
    /// # Errors
    /// Those of [`User::predict`], and [`Error::Argument`] if the model knows no
    /// deviations.
    pub fn predict_with_deviations(
        &self,
        items: &[u32],
        ratings: &mut [f32],
        deviations: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        check_length("deviations", items.len(), deviations.len())?;
        self.predict(items, ratings, scratch)?;
        if !self.model().has_deviations() {
            let problem = "the model adapts by gradient steps, and does not know them";
            return Err(Error::argument("deviations", problem));
        }
        self.deviate_listed(items, ratings, deviations, scratch);
        match deviations.iter().position(|deviation| !deviation.is_finite()) {
            Some(place) => Err(not_finite(&self.catalog, items[place], deviations[place])),
            None => Ok(()),
        }
    }

    /// Writes the deviations of predicted ratings of items in the catalogue; NaN for a model
    /// that knows none.
    pub(super) fn deviate_listed(
        &self,
        items: &[u32],
        ratings: &[f32],
        deviations: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let Scratch { inputs, workspace, local, .. } = scratch;
        let Some(posterior) = self.posterior(local, inputs, workspace) else {
            return deviations.fill(f32::NAN);
        };
        let (model, ridge) = (self.catalog.model(), *posterior.settings());
        let output = &model.config().output;
        let blocks = items.chunks(BLOCK).zip(ratings.chunks(BLOCK));
        for ((items, ratings), deviations) in blocks.zip(deviations.chunks_mut(BLOCK)) {
            let (inputs, item_variances) = inputs.fill(&self.catalog, Rows::Listed(items));
            let mut variances = [0.0; BLOCK];
            let variances = &mut variances[..items.len()];
            posterior.variances(inputs.items, variances);
            let outputs = deviations.iter_mut().zip(ratings).zip(&*variances);
            for (row, ((deviation, rating), variance)) in outputs.enumerate() {
                let of_item = item_variances.get(row).copied().unwrap_or(0.0);
                let known = *variance as f32 + ridge.item_variance * of_item;
                *deviation = ridge.calibration * output.deviation(*rating, known, ridge.noise);
            }
        }
    }

    /// Predicts ratings of items in the catalogue, clipped to the model's scale.
    pub(super) fn predict_listed(&self, items: &[u32], ratings: &mut [f32], scratch: &mut Scratch) {
        let Scratch { inputs, workspace, packed, .. } = scratch;
        let scoring = Scoring { catalog: &self.catalog, head: self.forward(packed), choice: None };
        for (items, ratings) in items.chunks(BLOCK).zip(ratings.chunks_mut(BLOCK)) {
            let rows = Rows::Listed(items);
            scoring.predict_block(rows, inputs, &mut workspace.activations, ratings);
        }
        let output = &self.model().config().output;
        ratings.iter_mut().for_each(|rating| *rating = output.clip(*rating));
    }

    /// Scores blocks of items in the catalogue.
    fn score_blocks<'a>(
        &self,
        blocks: impl Iterator<Item = Rows<'a>>,
        scores: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        scratch.check(&self.catalog)?;
        let Scratch { inputs, workspace, packed, choice, .. } = scratch;
        let choice = self.choice_scoring(1.0, choice)?;
        let scoring = Scoring { catalog: &self.catalog, head: self.forward(packed), choice };
        for (rows, scores) in blocks.zip(scores.chunks_mut(BLOCK)) {
            scoring.score_block(rows, inputs, &mut workspace.activations, scores);
            if let Some(place) = scores.iter().position(|score| !score.is_finite()) {
                return Err(not_finite(&self.catalog, rows.row(place), scores[place]));
            }
        }
        Ok(())
    }

    /// The head for ratings, ready for the forward pass.
    pub(super) fn forward<'a>(&'a self, packed: &'a mut PackedHead) -> Forward<'a> {
        let network = self.model().user_head_network();
        packed.pack(network, &self.own_head, self.state);
        self.own_head.forward(network, packed)
    }
}

/// The error of an item whose score or rating is not a finite number.
pub(super) fn not_finite(catalog: &Catalog, item: u32, number: f32) -> Error {
    let id = catalog.id(item).unwrap_or_default();
    let problem = format!(
        "item \"{id}\" has the score, rating or deviation {number}; the weight file may be damaged: \
         `melu verify` tells"
    );
    Error::Diverged { work: "scoring", problem }
}

/// Refuses an output that has not one element for each item.
pub(super) fn check_length(argument: &'static str, items: usize, len: usize) -> Result<()> {
    if len == items {
        return Ok(());
    }
    Err(Error::argument(
        argument,
        format!("its length is {len}; {items}, one an item, is expected"),
    ))
}

/// All that a user's scores depend on; several threads may read it at once.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    pub catalog: &'a Catalog,
    /// The user's own head for ratings.
    pub head: Forward<'a>,
    /// The user's scoring by the head for choosing; without it, scores are predicted ratings.
    pub choice: Option<ChoiceScoring<'a>>,
}

impl Scoring<'_> {
    /// Scores one block of items in the catalogue.
    pub fn score_block(
        &self,
        rows: Rows,
        inputs: &mut InputBuffers,
        activations: &mut LayerRows,
        scores: &mut [f32],
    ) {
        let Some(choice) = self.choice else {
            return self.predict_block(rows, inputs, activations, scores);
        };
        if choice.head.rating == 0.0 {
            return choice.score(rows, scores);
        }
        let mut ratings = [0.0; BLOCK];
        let ratings = &mut ratings[..scores.len()];
        self.predict_block(rows, inputs, activations, ratings);
        choice.score(rows, scores);
        for (score, rating) in scores.iter_mut().zip(ratings) {
            *score += choice.of_rating(*rating);
        }
    }

    /// Predicts the ratings of one block of items.
    pub fn predict_block(
        &self,
        rows: Rows,
        inputs: &mut InputBuffers,
        activations: &mut LayerRows,
        ratings: &mut [f32],
    ) {
        let model = self.catalog.model();
        let (network, output) = (model.user_head_network(), &model.config().output);
        if let (Rows::Listed(items), Forward::Linear(numbers, user_sum), ItemRows::F32(all)) =
            (rows, self.head, self.catalog.rows())
        {
            // The rows are multiplied where they lie.
            network.linear_listed(numbers, user_sum, all, items, ratings);
            let offsets = self.catalog.offsets();
            for (rating, &item) in ratings.iter_mut().zip(items) {
                *rating += offsets.get(item as usize).unwrap_or(&0.0);
            }
            return output.scores(ratings);
        }
        let (inputs, _) = inputs.fill(self.catalog, rows);
        let heads = self.head.outputs(network, inputs, activations);
        ratings.copy_from_slice(heads);
        output.scores(ratings);
    }
}
