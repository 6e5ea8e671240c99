//! A training as a whole: the head for choosing, and the head for ratings where there are
//! ratings.

use std::ops::ControlFlow;
use std::path::Path;

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::json;

use super::choice::{ChoiceSet, Fit, Stage};
use super::earlier::Earlier;
use super::history::TrainingRecord;
use super::options::TrainOptions;
use super::rating_trainer::RatingTrainer;
use crate::data::{Dataset, Feedback, Scenario};
use crate::model::config::Config;
use crate::model::file::{CatalogTable, Contents};
use crate::model::schema::Entity;
use crate::{Error, Model, Result};

/// The progress of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// The head for choosing is being fitted.
    Choice(Stage),
    /// It is fitted.
    Chosen {
        /// The mean nDCG@20 of lists for users held back, over numbers of answers from 1 to
        /// all; `None` where nobody has enough interactions, or the settings are those of an
        /// earlier model.
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
    /// The record of a training without ratings, which the head for choosing completes.
    record: TrainingRecord,
}

impl Trainer {
    /// A training from the beginning. `threads` is how many to use, 0 for as
    /// many as there are processors.
    ///
    /// # Errors
    /// [`Error::Argument`] for options that cannot be or data that has no
    /// tasks, [`Error::Rating`] for ratings that the loss cannot take.
    pub fn new(dataset: &Dataset, options: &TrainOptions, threads: usize) -> Result<Self> {
        Self::of(dataset, options, threads, None)
    }

    /// A training that starts from an earlier model of fewer or other interactions. It takes over
    /// that model's settings for lists and its way to predict ratings, instead of choosing them
    /// anew, and begins with its vectors and weights. Items, fields and values are recognised by
    /// their ids and names; new ones begin as they would otherwise. [`TrainOptions::warm`] returns
    /// the options.
    ///
    /// The same earlier model, data and seed give the same model, for any number of threads.
    ///
    /// # Errors
    /// Those of [`Trainer::new`]; [`Error::Argument`] if the model's options, fields or kind of
    /// interactions differ, or if it has learned from what the data leave out as new: the message
    /// says what differs.
    pub fn warm(
        dataset: &Dataset,
        options: &TrainOptions,
        threads: usize,
        earlier: &Model,
    ) -> Result<Self> {
        Self::of(dataset, options, threads, Some(Earlier::new(earlier, dataset, options)?))
    }

    fn of(
        dataset: &Dataset,
        options: &TrainOptions,
        threads: usize,
        earlier: Option<Earlier>,
    ) -> Result<Self> {
        let earlier = earlier.as_ref();
        let record = TrainingRecord::begin(dataset, options, earlier);
        // Both heads share the ratings: of 10 million they take 50 MB.
        let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
        let ratings = match dataset.feedback {
            Feedback::Ratings { .. } => {
                let (groups, record) = (groups.clone(), record.clone());
                Some(RatingTrainer::new(dataset, groups, options, threads, earlier, record)?)
            }
            Feedback::PositiveOnly if options.choice => None,
            Feedback::PositiveOnly => {
                let problem = "there are no ratings that differ, and nothing else to train on: \
                               the published recipe predicts ratings alone";
                return Err(Error::argument("ratings", problem));
            }
        };
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
        let unseen = ratings.as_ref().map(RatingTrainer::held_back).unwrap_or_default();
        let choice = match options.choice {
            true => Some(ChoiceSet::new(dataset, groups, options, unseen, earlier)?),
            false => None,
        };
        Ok(Self { options: options.clone(), pool, choice, fit: None, ratings, record })
    }

    /// Continues where [`Trainer::save`] left the same training, with the same bytes in the end as
    /// if it had never stopped.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::WeightFile`] if `checkpoint` cannot be read or is of other
    /// data or options, or from another earlier model; [`Error::Argument`] for data without
    /// ratings.
    pub fn resume(&mut self, checkpoint: &Path) -> Result<()> {
        match &mut self.ratings {
            Some(ratings) => ratings.resume(checkpoint),
            None => {
                let problem = "a training without ratings has none, and begins anew";
                Err(Error::argument("checkpoint", problem))
            }
        }
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
            let validation_ndcg20 = fit.chosen.validation_ndcg20.filter(|_| choice.searches());
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

    /// The model: the best epoch's weights, the head for choosing, and the evidence candidates. If
    /// the training was stopped after [`Progress::Chosen`], this is the best model up to then.
    ///
    /// # Errors
    /// [`Error::Argument`] if [`Trainer::run`] did not come that far.
    pub fn finish(self) -> Result<Contents> {
        let Self { options, pool, choice, fit, ratings, record } = self;
        let mut contents = match ratings {
            Some(ratings) => ratings.finish()?,
            None => {
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
