//! The four scenarios: existing and new users, existing and new items.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Serialize, Serializer};

use super::baselines::Baselines;
use super::metrics::{mean_absolute_error, mean_squared_error, ndcg};
use crate::data::{Dataset, Rated, Scenario, Task, UserRatings, tasks};
use crate::file::CatalogTable;
use crate::schema::{Column, Entity};
use crate::{Catalog, Error, Model, Result, User};

/// How a model is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalOptions {
    /// Which scenarios, in this order.
    pub scenarios: Vec<Scenario>,
    /// How many times each user's ratings are cut anew into support and query set.
    pub draws: usize,
    /// The same seed gives the same draws.
    pub seed: u64,
    /// How many threads, 0 for as many as there are processors.
    pub threads: usize,
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self { scenarios: Scenario::ALL.to_vec(), draws: 5, seed: 0, threads: 0 }
    }
}

/// All scenarios' results.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// In the order that was asked for.
    pub scenarios: Vec<ScenarioResult>,
}

/// One scenario's results.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioResult {
    /// Which.
    #[serde(rename = "name", serialize_with = "scenario_name")]
    pub scenario: Scenario,
    /// How many users, one task each.
    pub users: usize,
    /// Cuts that the figures are means of.
    pub draws: usize,
    /// Whether training saw these ratings: the scenario of existing users and
    /// items is measured on the training tasks' own query sets, as in the paper.
    pub seen_in_training: bool,
    /// For each number of given ratings, each predictor; empty without users.
    pub rows: Vec<Row>,
}

/// One predictor's errors with one number of given ratings.
///
/// All are means over users, then over draws. Predictions are clipped to the
/// range of the training ratings, and not rounded.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who predicts.
    pub predictor: Predictor,
    /// How many ratings of each user are known to the predictor.
    pub given: Given,
    /// Mean absolute error.
    pub mae: f64,
    /// Standard deviation of the mean absolute error over the draws; 0 of one.
    pub mae_sd: f64,
    /// Root of the mean over users of the mean squared error.
    pub rmse: f64,
    /// See [`ndcg`]; users who gave no rating above 0 do not count.
    pub ndcg1: f64,
    /// The same of the best three.
    pub ndcg3: f64,
    /// The same of the best five.
    pub ndcg5: f64,
}

/// Who predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Predictor {
    /// The model, adapted to the given ratings.
    Melu,
    /// The model's own head, whatever is given: what is left of `Melu` is what
    /// adapting is worth.
    MeluUnadapted,
    /// [`Baselines::item_mean_user_bias`].
    ItemMeanUserBias,
    /// [`Baselines::user_mean`].
    UserMean,
    /// [`Baselines::global_mean`].
    GlobalMean,
}

impl Predictor {
    /// All of them, the model first.
    pub const ALL: [Self; 5] =
        [Self::Melu, Self::MeluUnadapted, Self::ItemMeanUserBias, Self::UserMean, Self::GlobalMean];
}

/// How many of a user's known ratings a predictor gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The first so many, or all where there are fewer.
    First(usize),
    /// All of them.
    All,
}

impl Given {
    /// The numbers that are measured.
    pub const ALL: [Self; 7] = [
        Self::First(0),
        Self::First(1),
        Self::First(3),
        Self::First(5),
        Self::First(10),
        Self::First(20),
        Self::All,
    ];

    fn of(self, support: &[Rated]) -> &[Rated] {
        match self {
            Self::First(count) => &support[..count.min(support.len())],
            Self::All => support,
        }
    }
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::First(count) => serializer.serialize_u64(*count as u64),
            Self::All => serializer.serialize_str("all"),
        }
    }
}

fn scenario_name<S: Serializer>(scenario: &Scenario, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(scenario.name())
}

/// Evaluates a model on a data folder, by the same calls as any program that
/// uses it. `progress` is told how many users' tasks are done, of how many.
///
/// # Errors
/// [`Error::UnknownField`] and others if the data folder lacks what the model
/// asks for; [`Error::Diverged`] if a local update diverges.
pub fn evaluate(
    model: &Model,
    dataset: &Dataset,
    options: &EvalOptions,
    mut progress: impl FnMut(usize, usize),
) -> Result<Evaluation> {
    if options.draws == 0 {
        return Err(Error::argument("draws", "it is 0; at least 1 is expected"));
    }
    let pool = ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
    let bench = Bench::new(model, dataset)?;
    let seed = training_seed(model).unwrap_or(options.seed);
    let plan = |&scenario: &Scenario| {
        let groups = dataset.scenario(scenario);
        let seen = scenario == Scenario::ExistingUsersExistingItems;
        // What training saw is cut once, as training cut it.
        let (draws, seed) = if seen { (1, seed) } else { (options.draws, options.seed) };
        (scenario, groups, draws, seed)
    };
    let plans: Vec<_> = options.scenarios.iter().map(plan).collect();
    let count = |groups: &[UserRatings]| tasks(groups, &dataset.rules, 0, 0).len();
    let all = plans.iter().map(|(_, groups, draws, _)| draws * count(groups)).sum();
    let mut done = 0;
    let mut scenarios = Vec::new();
    for (scenario, groups, draws, seed) in plans {
        let mut errors = Vec::new();
        for draw in 0..draws {
            let tasks = tasks(&groups, &dataset.rules, seed, draw as u64);
            errors.push(bench.draw(&pool, &tasks, |count| progress(done + count, all))?);
            done += tasks.len();
        }
        scenarios.push(ScenarioResult {
            scenario,
            users: count(&groups),
            draws,
            seen_in_training: scenario == Scenario::ExistingUsersExistingItems,
            // Errors over nobody would look like a perfect predictor's.
            rows: if count(&groups) == 0 { Vec::new() } else { rows(&errors) },
        });
    }
    Ok(Evaluation { scenarios })
}

/// The seed that a model was trained with, if its file says so.
fn training_seed(model: &Model) -> Option<u64> {
    let training = model.contents().training.as_ref()?;
    let training: serde_json::Value = serde_json::from_str(training).ok()?;
    training["options"]["seed"].as_u64()
}

/// What all tasks share.
struct Bench {
    catalog: Catalog,
    user_columns: Vec<Column>,
    baselines: Baselines,
}

/// The error figures of one (given, predictor) pair, summed over users.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    users: f64,
    absolute: f64,
    squared: f64,
    /// For the best 1, 3 and 5: sum of the gains, and users who have one.
    ndcg: [(f64, f64); 3],
}

/// One [`Sums`] for each given number and predictor.
type Table = Vec<Sums>;

impl Bench {
    fn new(model: &Model, dataset: &Dataset) -> Result<Self> {
        let contents = model.contents();
        let encode = |entity: Entity, table: &crate::data::Table| {
            table.encode(entity, contents.config.fields(entity), contents.vocabularies(entity))
        };
        let items = encode(Entity::Item, &dataset.items)?;
        let users = encode(Entity::User, &dataset.users)?;
        let ids = dataset.items.ids().clone();
        let table = CatalogTable { ids, titles: None, columns: items.columns, vectors: None };
        Ok(Self {
            catalog: Catalog::from_table(model, table)?,
            user_columns: users.columns,
            baselines: Baselines::new(dataset),
        })
    }

    fn draw(
        &self,
        pool: &ThreadPool,
        tasks: &[Task],
        mut done: impl FnMut(usize),
    ) -> Result<Table> {
        let mut table = vec![Sums::default(); Given::ALL.len() * Predictor::ALL.len()];
        let mut count = 0;
        for some in tasks.chunks(256) {
            let results = pool.install(|| {
                some.par_iter().map(|task| self.task(task)).collect::<Result<Vec<Table>>>()
            })?;
            // In the tasks' order, whatever the number of threads.
            for result in results {
                table.iter_mut().zip(&result).for_each(|(sums, sum)| sums.add(sum));
            }
            count += some.len();
            done(count);
        }
        Ok(table)
    }

    fn task(&self, task: &Task) -> Result<Table> {
        let mut user = User::from_columns(&self.catalog, &self.user_columns, task.user as usize)?;
        let items: Vec<u32> = task.query.iter().map(|rated| rated.item).collect();
        let ratings: Vec<f32> = task.query.iter().map(|rated| rated.value).collect();
        let mut unadapted = vec![0.0; items.len()];
        user.score(&items, &mut unadapted)?;
        let mut predictions = vec![0.0; items.len()];
        let mut table = Vec::with_capacity(Given::ALL.len() * Predictor::ALL.len());
        for given in Given::ALL {
            let support = given.of(&task.support);
            for predictor in Predictor::ALL {
                match predictor {
                    Predictor::Melu => {
                        let (items_given, ratings_given): (Vec<u32>, Vec<f32>) =
                            support.iter().map(|rated| (rated.item, rated.value)).unzip();
                        user.adapt(&items_given, &ratings_given)?;
                        user.score(&items, &mut predictions)?;
                    }
                    Predictor::MeluUnadapted => predictions.copy_from_slice(&unadapted),
                    Predictor::ItemMeanUserBias => {
                        for (prediction, item) in predictions.iter_mut().zip(&items) {
                            *prediction = self.baselines.item_mean_user_bias(support, *item);
                        }
                    }
                    Predictor::UserMean => predictions.fill(self.baselines.user_mean(support)),
                    Predictor::GlobalMean => predictions.fill(self.baselines.global_mean()),
                }
                for prediction in &mut predictions {
                    *prediction = self.baselines.clip(*prediction);
                }
                table.push(Sums::new(&predictions, &ratings));
            }
        }
        Ok(table)
    }
}

impl Sums {
    fn new(predictions: &[f32], ratings: &[f32]) -> Self {
        Self {
            users: 1.0,
            absolute: mean_absolute_error(predictions, ratings),
            squared: mean_squared_error(predictions, ratings),
            ndcg: [1, 3, 5].map(|k| ndcg(predictions, ratings, k).map_or((0.0, 0.0), |x| (x, 1.0))),
        }
    }

    fn add(&mut self, other: &Self) {
        self.users += other.users;
        self.absolute += other.absolute;
        self.squared += other.squared;
        for (sum, other) in self.ndcg.iter_mut().zip(other.ndcg) {
            *sum = (sum.0 + other.0, sum.1 + other.1);
        }
    }
}

/// The means over the draws.
fn rows(draws: &[Table]) -> Vec<Row> {
    let keys = Given::ALL.iter().flat_map(|given| Predictor::ALL.map(|p| (*given, p)));
    let row = |(index, (given, predictor)): (usize, (Given, Predictor))| {
        let mean = |figure: &dyn Fn(&Sums) -> f64| {
            draws.iter().map(|table| figure(&table[index])).sum::<f64>() / draws.len() as f64
        };
        let absolute = |sums: &Sums| sums.absolute / sums.users.max(1.0);
        let mae = mean(&absolute);
        let variance = mean(&|sums| (absolute(sums) - mae).powi(2));
        let unbiased = draws.len() as f64 / (draws.len() as f64 - 1.0).max(1.0);
        let gain = |k: usize| mean(&|sums: &Sums| sums.ndcg[k].0 / sums.ndcg[k].1.max(1.0));
        Row {
            predictor,
            given,
            mae,
            mae_sd: (variance * unbiased).sqrt(),
            rmse: mean(&|sums| (sums.squared / sums.users.max(1.0)).sqrt()),
            ndcg1: gain(0),
            ndcg3: gain(1),
            ndcg5: gain(2),
        }
    };
    keys.enumerate().map(row).collect()
}
