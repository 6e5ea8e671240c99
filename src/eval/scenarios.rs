//! The four scenarios: existing and new users, existing and new items.

use std::ops::ControlFlow;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::baselines::Baselines;
use super::item_knn::ItemKnn;
use super::measured::some_of;
use super::predictions::PredictedTask;
use super::results::{Coverage, Evaluation, FEW_USERS, Given, Predictor, ScenarioResult};
use super::sums::{Query, ScenarioTotals, SumTable, Sums, Within};
use crate::data::{
    Dataset, Feedback, Rated, Scenario, Table, Task, TaskRules, UserRatings, items_and_ratings,
    tasks,
};
use crate::model::file::CatalogTable;
use crate::model::loss::Loss;
use crate::model::schema::{Column, Entity};
use crate::train::{FactorOptions, Factors, TrainingRecord};
use crate::{Catalog, Error, Model, Result, Scratch, User};

/// The largest number of users of a scenario who are measured, drawn at random.
const MAX_MEASURED: usize = 5000;

/// Options of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalOptions {
    /// The scenarios, in this order.
    pub scenarios: Vec<Scenario>,
    /// How many times each user's ratings are split anew into support and query set.
    pub draws: usize,
    /// The same seed gives the same draws.
    pub seed: u64,
    /// How many threads, 0 for as many as there are processors.
    pub threads: usize,
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self { scenarios: Scenario::ALL.to_vec(), draws: 10, seed: 0, threads: 0 }
    }
}

/// Evaluates a model on a data folder, by the same calls as any program that uses it.
/// `progress` gets the number of users whose tasks are done, and of all; while none is done,
/// the baselines are fitted. It may break off: it is called between the baselines, and after each
/// 256 users. Of data that are split by time, nothing is drawn at random: the
/// tasks are those of [`Dataset::tasks_by_time`], and there is one draw. Positive-only data have
/// no ratings to predict, so there are no scenarios; see
/// [`evaluate_rankings`](super::evaluate_rankings).
///
/// # Errors
/// [`Error::Argument`] if the model was trained inside the training part and the
/// data folder is not that part, or vice versa, or if it was trained without the data folder's
/// split by time or by a later one: the model would have seen the ratings to predict.
/// [`Error::UnknownField`] and others if the data folder lacks a field of the model;
/// [`Error::Diverged`] if a local update diverges; [`Error::Stopped`] if `progress` breaks off.
pub fn evaluate(
    model: &Model,
    dataset: &Dataset,
    options: &EvalOptions,
    progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Evaluation> {
    evaluate_each(model, dataset, options, progress, None)
}

/// The same as [`evaluate`]; `record` gets each task with its predictions, for example to
/// write them by [`PredictionsWriter`](super::PredictionsWriter), in an order that does not
/// depend on the number of threads.
///
/// # Errors
/// Those of [`evaluate`], and those of `record`.
pub fn evaluate_and_record(
    model: &Model,
    dataset: &Dataset,
    options: &EvalOptions,
    progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    mut record: impl FnMut(&PredictedTask) -> Result<()>,
) -> Result<Evaluation> {
    evaluate_each(model, dataset, options, progress, Some(&mut record))
}

/// What gets each task with its predictions.
type Record<'a> = dyn FnMut(&PredictedTask) -> Result<()> + 'a;

fn evaluate_each(
    model: &Model,
    dataset: &Dataset,
    options: &EvalOptions,
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    mut record: Option<&mut Record>,
) -> Result<Evaluation> {
    if options.draws == 0 {
        return Err(Error::argument("draws", "it is 0; at least 1 is expected"));
    }
    let training = TrainingRecord::of(model);
    check_inside(training.as_ref(), dataset)?;
    if dataset.feedback == Feedback::PositiveOnly {
        return Ok(Evaluation { inside: dataset.inside, scenarios: Vec::new() });
    }
    let pool = ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
    let seed = training.and_then(|training| training.options["seed"].as_u64());
    let seed = seed.unwrap_or(options.seed);
    let plans: Vec<Plan> = options
        .scenarios
        .iter()
        .map(|&scenario| Plan::new(dataset, scenario, options, seed))
        .collect();
    let all = plans.iter().map(|plan| plan.draws * plan.users).sum();
    let fitting = || unless_stopped(progress(0, all));
    let context = ScenarioContext::new(model, dataset, &pool, options.threads, fitting)?;
    let mut done = 0;
    let mut scenarios = Vec::new();
    for plan in plans {
        let Plan { scenario, draws, users, seen_in_training, .. } = plan;
        let mut totals = ScenarioTotals::new(context.baselines.are_clicks());
        for draw in 0..draws {
            let tasks = plan.tasks(&dataset.rules, draw as u64);
            totals.begin_draw();
            let scratch = Scratch::new(&context.catalog)?;
            let first = done;
            for some in tasks.chunks(256) {
                let results = context.tasks(&pool, some, &scratch, record.is_some())?;
                // In the tasks' order, whatever the number of threads.
                for (result, task) in results.into_iter().zip(some) {
                    totals.add(done - first, result.table, &result.within, task.query.len());
                    done += 1;
                    if let Some(record) = &mut record {
                        let (task, predictions) = (task.clone(), result.predictions);
                        record(&PredictedTask { scenario, draw, task, predictions })?;
                    }
                }
                unless_stopped(progress(done, all))?;
            }
        }
        scenarios.push(ScenarioResult {
            scenario,
            users,
            few_users: users < FEW_USERS,
            draws,
            seen_in_training,
            // Without users, errors would look like a perfect predictor's.
            rows: if users == 0 { Vec::new() } else { totals.rows() },
            coverage: totals.coverage(),
        });
    }
    Ok(Evaluation { inside: dataset.inside, scenarios })
}

/// How one scenario is measured.
struct Plan {
    scenario: Scenario,
    users: usize,
    draws: usize,
    seed: u64,
    seen_in_training: bool,
    parts: Parts,
}

/// How users' ratings are cut into known ones and ones to predict.
enum Parts {
    /// At random, by draw.
    Drawn(Vec<UserRatings>),
    /// By time: each draw would be the same.
    Dated(Vec<Task>),
}

impl Plan {
    /// `trained` is the seed of the training.
    fn new(dataset: &Dataset, scenario: Scenario, options: &EvalOptions, trained: u64) -> Self {
        if let Some(tasks) = dataset.tasks_by_time(scenario) {
            let tasks = some_of(tasks, MAX_MEASURED, options.seed, 3);
            let (users, parts) = (tasks.len(), Parts::Dated(tasks));
            return Self { scenario, users, draws: 1, seed: 0, seen_in_training: false, parts };
        }
        let mut groups = dataset.scenario(scenario);
        groups.retain(|group| group.ratings.len() >= dataset.rules.min_ratings);
        let groups = some_of(groups, MAX_MEASURED, options.seed, 3);
        let seen_in_training = scenario == Scenario::ExistingUsersExistingItems;
        // Ratings that training saw are split once, as in training.
        let (draws, seed) = match seen_in_training {
            true => (1, trained),
            false => (options.draws, options.seed),
        };
        let users = groups.len();
        Self { scenario, users, draws, seed, seen_in_training, parts: Parts::Drawn(groups) }
    }

    fn tasks(&self, rules: &TaskRules, draw: u64) -> Vec<Task> {
        match &self.parts {
            Parts::Drawn(groups) => tasks(groups, rules, self.seed, draw),
            Parts::Dated(tasks) => tasks.clone(),
        }
    }
}

/// Checks that a model was trained on the part of the data on which it is measured. Models
/// without a record of their training pass.
pub(super) fn check_inside(training: Option<&TrainingRecord>, dataset: &Dataset) -> Result<()> {
    let refuse = |problem: &str| Err(Error::argument("model", problem));
    let Some(training) = training else { return Ok(()) };
    match (training.inside, dataset.inside) {
        (None, Some(_)) => {
            return refuse(
                "it was trained on the whole training part, so it has seen the ratings to predict \
             inside it; train a model inside it to measure there",
            );
        }
        (Some(_), None) => {
            return refuse(
                "it was trained inside the training part, to choose settings there; measure it \
             there, or train a model on the whole training part",
            );
        }
        (Some(trained), Some(measured)) if trained != measured => {
            return refuse("it was trained on another split inside the training part");
        }
        _ => {}
    }
    match (training.after, dataset.boundary()) {
        (None, Some(boundary)) => refuse(&format!(
            "it was trained on data without a split by time, so it may have seen what it is to \
             predict; train a model on this data folder, which is split at {boundary}"
        )),
        (Some(trained), Some(boundary)) if trained > boundary.seconds => refuse(&format!(
            "it was trained on data that are split later than at {boundary}, so it has seen what \
             it is to predict; train a model on this data folder"
        )),
        (Some(_), None) => refuse(
            "it was trained on data that are split by time, and this data folder is not: it may \
             have seen what it is to predict; add its [split] after to dataset.toml, or train a \
             model on this data folder",
        ),
        _ => Ok(()),
    }
}

/// A catalogue of all the data folder's items, and its users' columns, in its order.
pub(super) fn everybody(model: &Model, dataset: &Dataset) -> Result<(Catalog, Vec<Column>)> {
    let contents = model.contents();
    let encode = |entity: Entity, table: &Table| {
        table.encode(entity, contents.config.fields(entity), contents.vocabularies(entity))
    };
    let items = encode(Entity::Item, &dataset.items)?;
    let users = encode(Entity::User, &dataset.users)?;
    let ids = dataset.items.ids().clone();
    let table =
        CatalogTable { ids, titles: None, columns: items.columns, vectors: None, choice: None };
    Ok((Catalog::from_table(model, table)?, users.columns))
}

/// An error where a caller's progress breaks off.
pub(super) fn unless_stopped(progress: ControlFlow<()>) -> Result<()> {
    match progress {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped),
    }
}

/// Known ratings as answers to a model. It refuses those that lie beyond its scale, so a service
/// would go on without them, and so does the evaluation.
pub(super) fn accepted_answers(model: &Model, known: &[Rated]) -> (Vec<u32>, Vec<f32>) {
    let output = &model.config().output;
    let known = known.iter().filter(|rated| output.is_on_scale(rated.value));
    known.map(|rated| (rated.item, rated.value)).unzip()
}

/// One user's figures.
struct Measured {
    table: SumTable,
    within: Within,
    /// See [`PredictedTask::predictions`]; empty unless they are recorded.
    predictions: Vec<Vec<f32>>,
}

/// The data that all tasks share.
struct ScenarioContext {
    catalog: Catalog,
    user_columns: Vec<Column>,
    baselines: Baselines,
    item_knn: ItemKnn,
    factors: Factors,
    /// Whether the model has standard deviations, in the ratings' unit.
    deviations: bool,
}

impl ScenarioContext {
    fn new(
        model: &Model,
        dataset: &Dataset,
        pool: &ThreadPool,
        threads: usize,
        mut fitting: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        fitting()?;
        let contents = model.contents();
        let (catalog, user_columns) = everybody(model, dataset)?;
        let baselines = Baselines::new(dataset);
        fitting()?;
        let item_knn = pool.install(|| ItemKnn::new(dataset, &baselines));
        fitting()?;
        Ok(Self {
            catalog,
            user_columns,
            item_knn,
            factors: Factors::fit(dataset, &FactorOptions::default(), threads)?,
            baselines,
            deviations: model.has_deviations() && contents.config.output.loss != Loss::Bce,
        })
    }

    /// Measures some tasks.
    fn tasks(
        &self,
        pool: &ThreadPool,
        tasks: &[Task],
        scratch: &Scratch,
        record: bool,
    ) -> Result<Vec<Measured>> {
        pool.install(|| {
            let tasks = tasks
                .par_iter()
                .map_with(scratch.clone(), |scratch, task| self.task(task, scratch, record));
            tasks.collect()
        })
    }

    fn task(&self, task: &Task, scratch: &mut Scratch, record: bool) -> Result<Measured> {
        let mut user = User::from_columns(&self.catalog, &self.user_columns, task.user as usize)?;
        let (items, ratings) = items_and_ratings(&task.query);
        let query = Query::new(ratings, &self.baselines);
        let mut unadapted = vec![0.0; items.len()];
        user.predict(&items, &mut unadapted, scratch)?;
        let mut predictions = vec![0.0; items.len()];
        let mut table = Vec::with_capacity(Given::ALL.len() * Predictor::ALL.len());
        let (mut within, mut recorded) = (Vec::new(), Vec::new());
        for given in Given::ALL {
            let support = given.of(&task.support);
            for predictor in Predictor::ALL {
                match predictor {
                    Predictor::Melu => {
                        let (items_given, ratings_given) =
                            accepted_answers(self.catalog.model(), support);
                        user.adapt(&items_given, &ratings_given, scratch)?;
                        user.predict(&items, &mut predictions, scratch)?;
                        if self.deviations {
                            within.push(within_intervals(&user, &items, &query.ratings, scratch)?);
                        }
                    }
                    Predictor::MeluMedian => {
                        user.predict_median(&items, &mut predictions, scratch)?;
                    }
                    Predictor::MeluUnadapted => predictions.copy_from_slice(&unadapted),
                    Predictor::Factors => {
                        self.factors.predict(task.user, support, &items, &mut predictions)?;
                    }
                    Predictor::ItemKnn => {
                        self.item_knn.predict(&self.baselines, support, &items, &mut predictions);
                    }
                    Predictor::ItemMeanUserBias => {
                        self.baselines.item_means_user_bias(support, &items, &mut predictions);
                    }
                    Predictor::UserMean => predictions.fill(self.baselines.user_mean(support)),
                    Predictor::GlobalMean => predictions.fill(self.baselines.global_mean()),
                    Predictor::GlobalMedian => predictions.fill(self.baselines.global_median()),
                }
                let clipped = self.clip(predictor, &mut predictions);
                table.push(Sums::new(&predictions, clipped, &query));
                if record {
                    recorded.push(predictions.clone());
                }
            }
        }
        Ok(Measured { table, within, predictions: recorded })
    }

    /// Clips predictions to the scale. Returns how many lay beyond it: the model's own are
    /// clipped already, and then lie on an end.
    fn clip(&self, predictor: Predictor, predictions: &mut [f32]) -> usize {
        let is_models =
            matches!(predictor, Predictor::Melu | Predictor::MeluMedian | Predictor::MeluUnadapted);
        let mut clipped = 0;
        for prediction in predictions {
            let within = self.baselines.clip(*prediction);
            let was_clipped = match is_models {
                true => self.baselines.is_end(within),
                false => within != *prediction,
            };
            clipped += usize::from(was_clipped);
            *prediction = within;
        }
        clipped
    }
}

/// How many ratings lie within each level's interval around their score; neither is clipped.
fn within_intervals(
    user: &User,
    items: &[u32],
    ratings: &[f32],
    scratch: &mut Scratch,
) -> Result<[u64; Coverage::LEVELS.len()]> {
    let (mut scores, mut deviations) = (vec![0.0; items.len()], vec![0.0; items.len()]);
    user.predict_with_deviations(items, &mut scores, &mut deviations, scratch)?;
    let distances = || scores.iter().zip(ratings).map(|(score, rating)| (rating - score).abs());
    Ok(Coverage::LEVELS.map(|(_, quantile)| {
        let within =
            distances().zip(&deviations).filter(|(d, deviation)| *d <= quantile * **deviation);
        within.count() as u64
    }))
}
