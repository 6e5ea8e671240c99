//! A training as a whole: the head for choosing, and the head for ratings where there are
//! ratings.

use std::ops::ControlFlow;
use std::path::Path;

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::json;

use super::choice::{ChoiceSet, Fit, Stage};
use super::history::TrainingRecord;
use super::options::TrainOptions;
use super::rating_trainer::RatingTrainer;
use crate::data::{Dataset, Feedback};
use crate::model::config::Config;
use crate::model::file::{CatalogTable, Contents};
use crate::model::schema::Entity;
use crate::{Error, Result};

/// The progress of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// The head for choosing is being fitted.
    Choice(Stage),
    /// It is fitted.
    Chosen {
        /// The mean nDCG@20 of lists for users held back, over numbers of answers from 1 to
        /// all; `None` where nobody has enough interactions.
        validation_ndcg20: Option<f64>,
    },
    /// A batch is done.
    Batch {
        /// The epoch, counted from 1.
        epoch: u64,
        /// Tasks of it that are done.
        tasks: usize,
        /// Tasks that it has.
        of: usize,
        /// The mean query loss over the epoch so far, in the head's units.
        loss: f32,
    },
    /// An epoch is done.
    Epoch {
        /// The epoch, counted from 1.
        epoch: u64,
        /// Tasks that it had.
        tasks: usize,
        /// The mean query loss, in the head's units.
        loss: f32,
        /// The mean absolute error of adapted heads on the users held back, in
        /// rating units, counting items as they are and as if nobody had rated
        /// them in the shares that tasks have; `None` where nobody is held back.
        validation_mae: Option<f32>,
        /// Whether it is the best epoch so far.
        best: bool,
    },
}

/// How a run of [`Trainer::run`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// The observer asked to stop: [`Trainer::save`] keeps what was done.
    Stopped,
}

/// A training, from its data to its model.
#[derive(Debug)]
pub struct Trainer {
    options: TrainOptions,
    pool: ThreadPool,
    /// `None` where recommendations are ordered by predicted rating.
    choice: Option<ChoiceSet>,
    fit: Option<Fit>,
    /// `None` for data without ratings.
    ratings: Option<RatingTrainer>,
    /// The seed of the split inside the training part, if the data are that.
    inside: Option<u64>,
    /// The time at which the data are split, if they are.
    after: Option<f64>,
}

impl Trainer {
    /// A training from the beginning. `threads` is how many to use, 0 for as
    /// many as there are processors.
    ///
    /// # Errors
    /// [`Error::Argument`] for options that cannot be or data that has no
    /// tasks, [`Error::Rating`] for ratings that the loss cannot take.
    pub fn new(dataset: &Dataset, options: &TrainOptions, threads: usize) -> Result<Self> {
        let ratings = match dataset.feedback {
            Feedback::Ratings { .. } => Some(RatingTrainer::new(dataset, options, threads)?),
            Feedback::PositiveOnly if options.choice => None,
            Feedback::PositiveOnly => {
                let problem = "there are no ratings that differ, and nothing else to train on: \
                               the published recipe predicts ratings alone";
                return Err(Error::argument("ratings", problem));
            }
        };
        Self::of_parts(dataset, options, threads, ratings)
    }

    /// A training from where [`Trainer::save`] left it, to the same bytes as
    /// if it had never stopped.
    ///
    /// # Errors
    /// As [`Trainer::new`]; [`Error::Io`] and [`Error::WeightFile`] if
    /// `checkpoint` cannot be read or is of other data or options.
    pub fn resume(
        dataset: &Dataset,
        options: &TrainOptions,
        threads: usize,
        checkpoint: &Path,
    ) -> Result<Self> {
        if dataset.feedback == Feedback::PositiveOnly {
            let problem = "a training without ratings has none, and begins anew";
            return Err(Error::argument("checkpoint", problem));
        }
        let ratings = RatingTrainer::resume(dataset, options, threads, checkpoint)?;
        Self::of_parts(dataset, options, threads, Some(ratings))
    }

    fn of_parts(
        dataset: &Dataset,
        options: &TrainOptions,
        threads: usize,
        ratings: Option<RatingTrainer>,
    ) -> Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
        let unseen = ratings.as_ref().map(RatingTrainer::held_back).unwrap_or_default();
        let choice = match options.choice {
            true => Some(ChoiceSet::new(dataset, options, unseen)?),
            false => None,
        };
        let (options, inside) = (options.clone(), dataset.inside);
        let after = dataset.boundary().map(|boundary| boundary.seconds);
        Ok(Self { options, pool, choice, fit: None, ratings, inside, after })
    }

    /// Writes a checkpoint, atomically. It holds the head for ratings; the head for choosing
    /// is fitted anew when the training is resumed. Without ratings nothing is written.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, checkpoint: &Path) -> Result<()> {
        self.ratings.as_ref().map_or(Ok(()), |ratings| ratings.save(checkpoint))
    }

    /// How many tasks an epoch has; 0 without ratings.
    pub fn tasks(&self) -> usize {
        self.ratings.as_ref().map_or(0, RatingTrainer::tasks)
    }

    /// How many users are held back to measure each epoch on; 0 without ratings.
    pub fn validation_users(&self) -> usize {
        self.ratings.as_ref().map_or(0, RatingTrainer::validation_users)
    }

    /// Trains until all is done or `observe`, which is called after each stage, batch
    /// and epoch, asks to stop. Another run goes on from there.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss is no longer a number.
    pub fn run(
        &mut self,
        mut observe: impl FnMut(Progress) -> ControlFlow<()> + Send,
    ) -> Result<Outcome> {
        if let (Some(choice), None) = (&self.choice, &self.fit) {
            let mut stopped = false;
            let fit = self.pool.install(|| {
                choice.fit(|stage| match observe(Progress::Choice(stage)) {
                    ControlFlow::Continue(()) => Ok(()),
                    ControlFlow::Break(()) => {
                        stopped = true;
                        Err(Error::argument("observe", "it asked to stop"))
                    }
                })
            });
            if stopped {
                return Ok(Outcome::Stopped);
            }
            let fit = fit?;
            let validation_ndcg20 = fit.chosen.validation_ndcg20;
            self.fit = Some(fit);
            if observe(Progress::Chosen { validation_ndcg20 }).is_break() {
                return Ok(Outcome::Stopped);
            }
        }
        match &mut self.ratings {
            Some(ratings) => ratings.run(observe),
            None => Ok(Outcome::Finished),
        }
    }

    /// The model: the best epoch's weights, the head for choosing, and the evidence
    /// candidates.
    ///
    /// # Errors
    /// [`Error::Argument`] if [`Trainer::run`] did not come as far as that.
    pub fn finish(self) -> Result<Contents> {
        let Self { options, pool, choice, fit, ratings, inside, after } = self;
        let mut contents = match ratings {
            Some(ratings) => ratings.finish()?,
            None => {
                let record = TrainingRecord {
                    version: env!("CARGO_PKG_VERSION").into(),
                    options: json!(options),
                    inside,
                    after,
                    epoch: 0,
                    validation_mae: None,
                    judged: None,
                    choice: None,
                    history: Vec::new(),
                };
                let choice = choice.as_ref();
                let choice =
                    choice.ok_or_else(|| Error::argument("options", "nothing to train"))?;
                choice.without_ratings(&options, json!(record).to_string())
            }
        };
        match (choice, fit) {
            (Some(choice), Some(fit)) => pool.install(|| choice.add_to(&mut contents, fit))?,
            (Some(_), None) => {
                return Err(Error::argument("training", "it was stopped before its end"));
            }
            (None, _) => {}
        }
        Ok(contents)
    }
}

impl ChoiceSet {
    /// A model of these users and items that predicts no ratings, as yet without its head
    /// for choosing.
    fn without_ratings(&self, options: &TrainOptions, training: String) -> Contents {
        let config = Config::without_ratings(
            self.fields(Entity::Item).to_vec(),
            self.fields(Entity::User).to_vec(),
            None,
            options.catalog,
        );
        let empty = |fields: &[crate::model::schema::Field]| vec![Vec::new().into(); fields.len()];
        Contents {
            item_embeddings: empty(&config.item_fields),
            user_embeddings: empty(&config.user_fields),
            body: Vec::new(),
            head: vec![0.0],
            head_scale: vec![0.0],
            item_prior: None,
            user_prior: None,
            choice: None,
            item_vocabularies: self.vocabularies(Entity::Item).to_vec(),
            user_vocabularies: self.vocabularies(Entity::User).to_vec(),
            catalog: Some(CatalogTable { vectors: None, choice: None, ..self.catalog().clone() }),
            evidence: None,
            familiarity: None,
            training: Some(training),
            config,
        }
    }
}
