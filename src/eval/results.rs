//! The results of an evaluation.

use serde::{Serialize, Serializer};

use crate::data::Scenario;

/// Figures of fewer users than this are marked: the standard error of a mean of 30 is a fifth
/// of the users' spread, as large as most differences between predictors.
pub const FEW_USERS: usize = 30;

/// All scenarios' results.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The seed of the split inside the training part, if that was measured.
    /// See [`Dataset::inside`](crate::data::Dataset::inside).
    pub inside: Option<u64>,
    /// In [`Scenario::ALL`]'s order.
    pub scenarios: Vec<ScenarioResult>,
}

/// One scenario's results.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioResult {
    /// The scenario.
    #[serde(rename = "name", serialize_with = "scenario_name")]
    pub scenario: Scenario,
    /// How many users, one task each.
    pub users: usize,
    /// Whether there are fewer than [`FEW_USERS`]: then the figures are mostly chance.
    pub few_users: bool,
    /// The number of draws, over which the figures are means.
    pub draws: usize,
    /// Whether training saw these ratings: the scenario of existing users and
    /// items is measured on the training tasks' own query sets, as in the paper. Never so of data
    /// that are split by time.
    pub seen_in_training: bool,
    /// A row for each number of given ratings and each predictor.
    pub rows: Vec<ScenarioRow>,
    /// For each number of given ratings, each level of [`Coverage::LEVELS`]; empty if the
    /// model has no standard deviations, and for clicks.
    pub coverage: Vec<Coverage>,
}

impl ScenarioResult {
    /// One predictor's rows, by number of ratings given.
    pub fn of(&self, predictor: Predictor) -> impl Iterator<Item = &ScenarioRow> {
        self.rows.iter().filter(move |row| row.predictor == predictor)
    }
}

/// One predictor's errors with one number of given ratings.
///
/// All are means over users, then over draws. Predictions are clipped to the
/// range of the training ratings, and not rounded.
///
/// Differences are this predictor's figure minus melu's on the same draws: if that of the
/// mean absolute error is above 0, melu errs less. Each user's difference is the mean over
/// the draws, and the standard error is that of the mean over users. The draws use the same
/// users again, so the spread over draws says nothing about other users.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioRow {
    /// The predictor.
    pub predictor: Predictor,
    /// How many ratings of each user are known to the predictor.
    pub given: Given,
    /// Mean absolute error.
    pub mae: f64,
    /// Standard deviation of the mean absolute error over the draws; 0 with one draw.
    pub mae_sd: f64,
    /// The difference of the mean absolute error to melu's.
    pub mae_difference: f64,
    /// The standard error of the difference.
    pub mae_difference_se: f64,
    /// Root of the mean over users of the mean squared error.
    pub rmse: f64,
    /// The share of predictions that lay beyond the scale and were clipped to it.
    pub clipped: f64,
    /// See [`ndcg`](super::ndcg) and [`Baselines::gains`](super::Baselines::gains); users whose
    /// gains are all 0 do not count.
    pub ndcg1: f64,
    /// The nDCG of the best three.
    pub ndcg3: f64,
    /// Its difference to melu's, over the users who count.
    pub ndcg3_difference: f64,
    /// The standard error of the difference.
    pub ndcg3_difference_se: f64,
    /// The nDCG of the best five.
    pub ndcg5: f64,
    /// Of clicks, if all ratings are 0 or 1:
    /// [`area_under_curve`](super::area_under_curve) of each user who has both; the mean over
    /// these users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// The [`log_loss`](super::log_loss) of clicks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
}

/// The coverage of intervals from the model's standard deviations.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Coverage {
    /// How many ratings of each user are given.
    pub given: Given,
    /// The share that a normal distribution has within the interval around the score.
    pub level: f64,
    /// The share of the query ratings, of all users and draws, that lie in it.
    pub found: f64,
}

impl Coverage {
    /// The measured levels, and the half widths of their intervals in standard deviations.
    pub const LEVELS: [(f64, f32); 9] = [
        (0.1, 0.125_661_35),
        (0.2, 0.253_347_1),
        (0.3, 0.385_320_47),
        (0.4, 0.524_400_5),
        (0.5, 0.674_489_75),
        (0.6, 0.841_621_2),
        (0.7, 1.036_433_4),
        (0.8, 1.281_551_6),
        (0.9, 1.644_853_6),
    ];
}

/// The model and the simple predictors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictor {
    /// The model, adapted to the given ratings.
    Melu,
    /// The same model's medians: [`User::predict_median`](crate::User::predict_median).
    MeluMedian,
    /// The model's own head, whatever is given: the difference to `Melu` is the worth of
    /// adapting.
    MeluUnadapted,
    /// [`Factors::predict`](crate::train::Factors::predict): the factor model
    /// alone, fitted to the training part.
    Factors,
    /// [`ItemKnn::predict`](super::ItemKnn::predict).
    ItemKnn,
    /// [`Baselines::item_mean_user_bias`](super::Baselines::item_mean_user_bias).
    ItemMeanUserBias,
    /// [`Baselines::user_mean`](super::Baselines::user_mean).
    UserMean,
    /// [`Baselines::global_mean`](super::Baselines::global_mean).
    GlobalMean,
    /// [`Baselines::global_median`](super::Baselines::global_median).
    GlobalMedian,
}

impl Predictor {
    /// All of them, the model first.
    pub const ALL: [Self; 9] = [
        Self::Melu,
        Self::MeluMedian,
        Self::MeluUnadapted,
        Self::Factors,
        Self::ItemKnn,
        Self::ItemMeanUserBias,
        Self::UserMean,
        Self::GlobalMean,
        Self::GlobalMedian,
    ];

    /// Its name in JSON, and as a column of predictions.
    pub fn key(self) -> &'static str {
        match self {
            Self::Melu => "melu",
            Self::MeluMedian => "melu_median",
            Self::MeluUnadapted => "melu_unadapted",
            Self::Factors => "factors",
            Self::ItemKnn => "item_knn",
            Self::ItemMeanUserBias => "item_mean_user_bias",
            Self::UserMean => "user_mean",
            Self::GlobalMean => "global_mean",
            Self::GlobalMedian => "global_median",
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Melu => "melu",
            Self::MeluMedian => "melu, median",
            Self::MeluUnadapted => "melu, not adapted",
            Self::Factors => "factor model alone",
            Self::ItemKnn => "item-kNN",
            Self::ItemMeanUserBias => "item mean + user bias",
            Self::UserMean => "mean of the user's",
            Self::GlobalMean => "mean of all ratings",
            Self::GlobalMedian => "median of all ratings",
        }
    }
}

/// How many of a user's known ratings a predictor gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The first ones, or all if there are fewer.
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

    /// The first known ratings, in the order in which they are given.
    pub(super) fn of<T>(self, support: &[T]) -> &[T] {
        match self {
            Self::First(count) => &support[..count.min(support.len())],
            Self::All => support,
        }
    }
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::First(count) => count.fmt(f),
            Self::All => "all".fmt(f),
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

impl Serialize for Predictor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

fn scenario_name<S: Serializer>(scenario: &Scenario, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(scenario.name())
}
