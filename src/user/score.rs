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
        self.catalog.check("items", items)?;
        self.score_rows(Rows::Listed(items), scores, scratch)
    }

    /// Scores the whole catalogue: `scores[i]` is the score of item `i`; see [`User::score`].
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one score for each item, or for a scratch of another
    /// catalogue; [`Error::Diverged`] and [`Error::OutOfMemory`] like [`User::score`].
    pub fn score_all(&self, scores: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        self.score_rows(Rows::From(0, self.catalog.len()), scores, scratch)
    }

    /// [`User::score`] for rows of the catalogue.
    pub(crate) fn score_rows(
        &self,
        rows: Rows,
        scores: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        check_length("scores", rows.len(), scores.len())?;
        scratch.check(&self.catalog)?;
        let Scratch { inputs, workspace, packed, choice, .. } = scratch;
        let choice = self.choice_scoring(1.0, choice)?;
        let scoring = Scoring { catalog: &self.catalog, head: self.forward(packed), choice };
        for (rows, scores) in rows.blocks().zip(scores.chunks_mut(BLOCK)) {
            scoring.score_block(rows, inputs, &mut workspace.activations, scores);
            self.check_finite(rows, scores)?;
        }
        Ok(())
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
        self.catalog.check("items", items)?;
        self.predict_rows(Rows::Listed(items), ratings, None, scratch)
    }

    /// [`User::predict`], or with deviations [`User::predict_with_deviations`], for rows of the
    /// catalogue.
    pub(crate) fn predict_rows(
        &self,
        rows: Rows,
        ratings: &mut [f32],
        deviations: Option<&mut [f32]>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        check_length("ratings", rows.len(), ratings.len())?;
        scratch.check(&self.catalog)?;
        if !self.model().has_ratings() {
            let problem = "it was trained without ratings, and predicts none";
            return Err(Error::argument("model", problem));
        }
        if let Some(deviations) = &deviations {
            check_length("deviations", rows.len(), deviations.len())?;
            if !self.model().has_deviations() {
                let problem = "the model adapts by gradient steps, and does not know them";
                return Err(Error::argument("deviations", problem));
            }
        }
        self.write_ratings(rows, ratings, scratch);
        self.check_finite(rows, ratings)?;
        let Some(deviations) = deviations else { return Ok(()) };
        self.write_deviations(rows, ratings, deviations, scratch);
        self.check_finite(rows, deviations)
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
        self.catalog.check("items", items)?;
        self.predict_rows(Rows::Listed(items), ratings, Some(deviations), scratch)
    }

    /// Writes the deviations of predicted ratings of rows of the catalogue; NaN for a model
    /// that knows none.
    pub(super) fn write_deviations(
        &self,
        rows: Rows,
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
        let blocks = rows.blocks().zip(ratings.chunks(BLOCK));
        for ((rows, ratings), deviations) in blocks.zip(deviations.chunks_mut(BLOCK)) {
            let (inputs, item_variances) = inputs.fill(&self.catalog, rows);
            let mut variances = [0.0; BLOCK];
            let variances = &mut variances[..ratings.len()];
            posterior.variances(inputs.items, variances);
            let outputs = deviations.iter_mut().zip(ratings).zip(&*variances);
            for (row, ((deviation, rating), variance)) in outputs.enumerate() {
                let of_item = item_variances.get(row).copied().unwrap_or(0.0);
                let known = *variance as f32 + ridge.item_variance * of_item;
                *deviation = ridge.calibration * output.deviation(*rating, known, ridge.noise);
            }
        }
    }

    /// Predicts ratings of rows of the catalogue, clipped to the model's scale.
    pub(super) fn write_ratings(&self, rows: Rows, ratings: &mut [f32], scratch: &mut Scratch) {
        let Scratch { inputs, workspace, packed, .. } = scratch;
        let scoring = Scoring { catalog: &self.catalog, head: self.forward(packed), choice: None };
        for (rows, ratings) in rows.blocks().zip(ratings.chunks_mut(BLOCK)) {
            scoring.predict_block(rows, inputs, &mut workspace.activations, ratings);
        }
        let output = &self.model().config().output;
        ratings.iter_mut().for_each(|rating| *rating = output.clip(*rating));
    }

    /// Refuses numbers of rows that are not finite.
    fn check_finite(&self, rows: Rows, numbers: &[f32]) -> Result<()> {
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(place) => Err(not_finite(&self.catalog, rows.row(place), numbers[place])),
            None => Ok(()),
        }
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
