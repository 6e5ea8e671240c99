//! The training loop of the head for ratings.

use std::ops::ControlFlow;
use std::path::Path;

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::json;

use super::batch::Batch;
use super::calibration::calibration;
use super::checkpoint::{State, TrainingPlace};
use super::earlier::{Ancestor, Earlier};
use super::evidence::rank;
use super::history::{Epoch, TrainingRecord};
use super::medians::fit_medians;
use super::options::TrainOptions;
use super::trainer::{Outcome, Progress};
use super::training_set::TrainingSet;
use super::validation::{Errors, Judged, Judgement, RatingMethod, predict_all};
use crate::data::{Dataset, Feedback, Rating, TableField, TaskRules, UserRatings};
use crate::model::config::Local;
use crate::model::file::{Contents, Hash};
use crate::model::loss::Loss;
use crate::model::medians::Medians;
use crate::{Catalog, Error, Model, Result};

/// An epoch whose error is at most so many times the least so far counts as the
/// best: on a few users held back, less than that is chance, and later weights
/// have settled more.
const NO_WORSE: f32 = 1.002;

/// A training of the head for ratings, from its data to its model.
#[derive(Debug)]
pub struct RatingTrainer {
    options: TrainOptions,
    set: TrainingSet,
    state: State,
    pool: ThreadPool,
    /// The record of this training, before it began.
    record: TrainingRecord,
    /// What predicts ratings, where an earlier model says it.
    method: Option<RatingMethod>,
    fingerprint: String,
}

impl RatingTrainer {
    /// A training from the beginning, or from an earlier model. `threads` is how many to
    /// use, 0 for as many as there are processors.
    ///
    /// # Errors
    /// [`Error::Argument`] for options that cannot be, data that has no tasks, or a model that
    /// does not fit; [`Error::Rating`] for ratings that the loss cannot take.
    pub fn new(
        dataset: &Dataset,
        groups: Vec<UserRatings>,
        options: &TrainOptions,
        threads: usize,
        earlier: Option<&Earlier>,
        record: TrainingRecord,
    ) -> Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
        let set = pool.install(|| TrainingSet::new(dataset, groups, options, earlier))?;
        let state = State::new(&set, options.seed, earlier)?;
        let fingerprint = fingerprint(dataset, options, record.started_from.as_ref());
        Ok(Self {
            options: options.clone(),
            set,
            state,
            pool,
            record,
            method: earlier.and_then(Earlier::method),
            fingerprint,
        })
    }

    /// Goes on where [`RatingTrainer::save`] left the same training, to the same bytes as if
    /// it had never stopped.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::WeightFile`] if `checkpoint` cannot be read or is of another
    /// training.
    pub fn resume(&mut self, checkpoint: &Path) -> Result<()> {
        self.state = State::read(checkpoint, &self.fingerprint, &self.state.parameters)?;
        Ok(())
    }

    /// Writes a checkpoint, atomically.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, checkpoint: &Path) -> Result<()> {
        self.state.write(checkpoint, &self.fingerprint)
    }

    /// How many tasks an epoch has.
    pub fn tasks(&self) -> usize {
        self.set.tasks(&self.options, 0).len()
    }

    /// How many users are held back to measure each epoch on.
    pub fn validation_users(&self) -> usize {
        self.set.validation.len()
    }

    /// Trains until all is done or `observe`, which is called after each batch
    /// and epoch, asks to stop.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss is no longer a number.
    pub fn run(&mut self, mut observe: impl FnMut(Progress) -> ControlFlow<()>) -> Result<Outcome> {
        let mut batch = Batch::new(&self.set, self.options.batch, &self.state.parameters);
        while !self.is_finished() {
            let epoch = self.state.place.epoch + 1;
            let tasks = self.set.tasks(&self.options, self.state.place.epoch);
            while self.state.place.tasks < tasks.len() {
                let rest = &tasks[self.state.place.tasks..];
                let some = &rest[..self.options.batch.min(rest.len())];
                let rate = self.learning_rate(tasks.len());
                let (set, options, state) = (&self.set, &self.options, &mut self.state);
                let sum = self.pool.install(|| {
                    let (parameters, optimiser) = (&mut state.parameters, &mut state.optimiser);
                    batch.update(set, options, rate, some, parameters, optimiser)
                });
                if !sum.is_finite() {
                    let problem = format!(
                        "the loss of epoch {epoch} is {sum}; lower the learning rate or the \
                         local rate"
                    );
                    return Err(Error::Diverged { work: "training", problem });
                }
                let place = &mut self.state.place;
                place.tasks += some.len();
                place.loss_sum += sum;
                let loss = (place.loss_sum / place.tasks as f64) as f32;
                let progress = Progress::Batch { epoch, tasks: place.tasks, of: tasks.len(), loss };
                if observe(progress).is_break() {
                    return Ok(Outcome::Stopped);
                }
            }
            let progress = self.end_epoch()?;
            if observe(progress).is_break() && !self.is_finished() {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    }

    /// The model: the best epoch's weights, or what errs less for users and items that are
    /// held back, with the evidence candidates. A network that errs more than the factor model
    /// alone by squared errors is trained by these too, before that is decided.
    ///
    /// # Errors
    /// As [`Model::from_contents`](crate::Model::from_contents) and [`RatingTrainer::run`].
    pub fn finish(mut self) -> Result<Contents> {
        let (mut contents, judged, method) = self.choose()?;
        let place = &self.state.place;
        let training = TrainingRecord {
            epoch: place.best.map_or(place.epoch, |(_, epoch)| epoch),
            validation_mae: place.best.map(|(error, _)| error),
            judged,
            rating_method: Some(method),
            history: place.history.clone(),
            ..self.record.clone()
        };
        contents.training = Some(json!(training).to_string());
        let catalog = catalog(contents.clone())?;
        let TrainingSet { user_columns, raters, validation, .. } = &self.set;
        // Made for the moment: of 10 million ratings they take 100 MB.
        let fixed_tasks = self.set.fixed_tasks(&self.options);
        let evidence = self.pool.install(|| rank(&catalog, user_columns, &fixed_tasks, raters))?;
        if let Local::Ridge(ridge) = &mut contents.config.local {
            let tasks = if validation.is_empty() { &fixed_tasks } else { validation };
            ridge.calibration = self.pool.install(|| calibration(&catalog, user_columns, tasks))?;
        }
        contents.config.medians = self.medians(&contents)?;
        contents.evidence = Some(evidence);
        if matches!(contents.config.local, Local::Ridge(_)) {
            contents.familiarity = self.pool.install(|| self.set.familiarity(self.options.seed));
        }
        Ok(contents)
    }

    /// The best epoch's model.
    fn network(&self) -> Contents {
        self.set.contents(self.state.best.as_ref().unwrap_or(&self.state.parameters))
    }

    /// The network, or what errs less for users and items that are held back; the state is
    /// what it came from. After an earlier model it is what that had.
    fn choose(&mut self) -> Result<(Contents, Option<Judged>, RatingMethod)> {
        let network = self.network();
        let factors = self.set.closed_form()?;
        let factors = match (self.method, factors) {
            (Some(RatingMethod::Factors), Some(factors)) => {
                return Ok((factors, None, RatingMethod::Factors));
            }
            (Some(method), _) => return Ok((network, None, method)),
            (None, None) => return Ok((network, None, RatingMethod::Network)),
            (None, _) if self.set.validation.is_empty() => {
                return Ok((network, None, RatingMethod::Network));
            }
            (None, Some(factors)) => factors,
        };
        let mut judged = Judged {
            network: self.judge(&network)?,
            factors: self.judge(&factors)?,
            squares: None,
        };
        let by_default =
            self.options.loss.is_none() && network.config.output.loss == Loss::SmoothL1;
        let mut squares = None;
        // Whoever stopped a training before its end does not wait for another one.
        if by_default && self.is_finished() && judged.network.has_greater_squares(&judged.factors) {
            let before = self.state.clone();
            // One that diverges is left out.
            squares = self.by_squares().ok();
            judged.squares = squares.as_ref().map(|(_, judgement)| *judgement);
            if judged.best() != RatingMethod::Squares {
                self.state = before;
            }
        }
        let best = judged.best();
        let contents = match (best, squares) {
            (RatingMethod::Factors, _) => factors,
            (RatingMethod::Squares, Some((squares, _))) => squares,
            _ => network,
        };
        Ok((contents, Some(judged), best))
    }

    /// The network, trained anew by squared errors. The state is that of this training.
    fn by_squares(&mut self) -> Result<(Contents, Judgement)> {
        self.set.config.output.loss = Loss::Mse;
        self.state = State::new(&self.set, self.options.seed, None)?;
        self.run(|_| ControlFlow::Continue(()))?;
        let contents = self.network();
        let judgement = self.judge(&contents)?;
        Ok((contents, judgement))
    }

    /// The medians that go with a model's predicted ratings, by users and items that are held
    /// back.
    fn medians(&self, contents: &Contents) -> Result<Option<Medians>> {
        let TrainingSet { cold_validation, user_columns, .. } = &self.set;
        if contents.config.output.loss == Loss::Bce {
            return Ok(None);
        }
        let known = self.set.validation_draws(self.options.seed);
        let cold = self.set.as_if_unrated(contents).filter(|_| !cold_validation.is_empty());
        let mut users = Vec::new();
        for (contents, tasks) in [(Some(contents.clone()), &known), (cold, cold_validation)] {
            let Some(catalog) = contents.map(catalog).transpose()? else { continue };
            users.extend(self.pool.install(|| predict_all(&catalog, user_columns, tasks))?);
        }
        Ok(fit_medians(&users))
    }

    /// The users who are held back, by their rows in ascending order.
    pub fn held_back(&self) -> Vec<u32> {
        let mut users: Vec<u32> = self.set.validation.iter().map(|task| task.user).collect();
        users.sort_unstable();
        users
    }

    /// A network that an earlier model did without is not trained.
    fn is_finished(&self) -> bool {
        if self.method == Some(RatingMethod::Factors) {
            return true;
        }
        self.state.place.epoch >= self.options.epochs as u64
    }

    /// Adam's learning rate where training stands, in an epoch of `tasks` tasks.
    fn learning_rate(&self, tasks: usize) -> f32 {
        let TrainingPlace { epoch, tasks: done, .. } = self.state.place;
        if !self.options.cosine {
            return self.options.learning_rate;
        }
        let share = (epoch as f64 + done as f64 / tasks as f64) / self.options.epochs as f64;
        let fall = (1.0 + (std::f64::consts::PI * share.min(1.0)).cos()) / 2.0;
        (f64::from(self.options.learning_rate) * fall) as f32
    }

    fn end_epoch(&mut self) -> Result<Progress> {
        let validation_mae = self.validate()?;
        let place = &mut self.state.place;
        let loss = (place.loss_sum / place.tasks.max(1) as f64) as f32;
        let tasks = std::mem::take(&mut place.tasks);
        place.loss_sum = 0.0;
        place.epoch += 1;
        let errors = place.history.iter().filter_map(|epoch| epoch.validation_mae);
        let least = errors.fold(f32::INFINITY, f32::min);
        let best = validation_mae.filter(|mae| *mae <= NO_WORSE * least);
        if let Some(mae) = best {
            place.best = Some((mae, place.epoch));
            self.state.best = Some(self.state.parameters.clone());
        }
        self.state.place.history.push(Epoch { loss, validation_mae });
        let epoch = self.state.place.epoch;
        Ok(Progress::Epoch { epoch, tasks, loss, validation_mae, best: best.is_some() })
    }

    /// The error on the users held back.
    fn validate(&self) -> Result<Option<f32>> {
        if self.set.validation.is_empty() {
            return Ok(None);
        }
        let Judgement { known, cold } = self.judge(&self.set.contents(&self.state.parameters))?;
        let share = if cold.is_some() { self.options.cold_tasks } else { 0.0 };
        let cold = cold.map_or(0.0, |cold| cold.mae);
        Ok(Some(((1.0 - share) * known.mae + share * cold) as f32))
    }

    /// How far a model is off for users and items that are held back.
    fn judge(&self, contents: &Contents) -> Result<Judgement> {
        let TrainingSet { validation, cold_validation, user_columns, .. } = &self.set;
        let cold = match cold_validation.is_empty() {
            true => None,
            false => self.set.as_if_unrated(contents).map(catalog).transpose()?,
        };
        let known = catalog(contents.clone())?;
        self.pool.install(|| {
            let errors = |catalog, tasks| Errors::of(catalog, user_columns, tasks);
            let cold = cold.as_ref().map(|cold| errors(cold, cold_validation)).transpose()?;
            Ok(Judgement { known: errors(&known, validation)?, cold })
        })
    }
}

pub fn catalog(contents: Contents) -> Result<Catalog> {
    let catalog = Model::from_contents(contents)?.catalog()?;
    catalog.ok_or_else(|| Error::argument("model", "it has no catalogue"))
}

/// Names the data, options and earlier model that a checkpoint is good for.
fn fingerprint(
    dataset: &Dataset,
    options: &TrainOptions,
    started_from: Option<&Ancestor>,
) -> String {
    let mut hash = Hash::new();
    for table in [&dataset.users, &dataset.items] {
        hash.strings(table.ids());
        if let Some(titles) = hash.optional(&table.titles()) {
            hash.strings(titles);
        }
        hash.number(table.fields().len());
        for TableField { name, kind, column, vocabulary } in table.fields() {
            hash.bytes(name.as_bytes());
            hash.bytes(kind.name().as_bytes());
            hash.column(column);
            if let Some(vocabulary) = hash.optional(vocabulary) {
                hash.strings(vocabulary.names());
            }
        }
    }
    hash.number(dataset.ratings.len());
    for &Rating { user, item, value } in &dataset.ratings {
        hash.list(&[user, item, value.to_bits()]);
    }
    for rows in [&dataset.new_users, &dataset.new_items] {
        let rows: Vec<u8> = rows.iter().map(|&is_new| is_new.into()).collect();
        hash.bytes(&rows);
    }
    if let Feedback::Ratings { liked } = dataset.feedback {
        hash.list(&[liked]);
    }
    let TaskRules { min_ratings, max_ratings, query } = dataset.rules;
    hash.list(&[min_ratings, max_ratings, query].map(|count| count as u64));
    let data = format!("{:016x}", hash.finish());
    json!({ "data": data, "options": options, "started_from": started_from }).to_string()
}
