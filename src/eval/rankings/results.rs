//! The results of an evaluation of lists.

use serde::{Serialize, Serializer};

use crate::data::Scenario;
use crate::eval::Given;

/// The worth of lists for new users and of new items.
#[derive(Clone, Debug, Serialize)]
pub struct RankingEvaluation {
    /// One table each.
    pub rankings: Vec<Ranking>,
    /// The baselines' settings, chosen on users held back inside training.
    pub baselines: Vec<BaselineSettings>,
}

/// A baseline and its settings.
#[derive(Clone, Debug, Serialize)]
pub struct BaselineSettings {
    /// The baseline.
    pub predictor: Ranker,
    /// Its settings, for people to read, or the reason why it is left out.
    pub settings: String,
}

/// The worth of lists for some users and items.
#[derive(Clone, Debug, Serialize)]
pub struct Ranking {
    /// Whether users, items or both are new.
    #[serde(rename = "name", serialize_with = "scenario_name")]
    pub scenario: Scenario,
    /// The candidates of the lists.
    pub among: Among,
    /// The number of users with a relevant item in at least one draw.
    pub users: usize,
    /// Whether these are fewer than [`FEW_USERS`](crate::eval::FEW_USERS).
    pub few_users: bool,
    /// The number of draws, over which the figures are means.
    pub draws: usize,
    /// The number of items that can be listed, including the answered ones.
    pub candidates: usize,
    /// A row for each number of answers and each ranker.
    pub rows: Vec<RankingRow>,
}

impl Ranking {
    /// One ranker's rows, by number of answers.
    pub fn of(&self, predictor: Ranker) -> impl Iterator<Item = &RankingRow> {
        self.rows.iter().filter(move |row| row.predictor == predictor)
    }

    /// The rankers of this table, the model first.
    pub fn rankers(&self) -> Vec<Ranker> {
        Ranker::ALL.into_iter().filter(|ranker| self.of(*ranker).next().is_some()).collect()
    }

    /// For people to read.
    pub fn title(&self) -> String {
        let among = match self.among {
            Among::Known => "among known items",
            Among::New => "among new items alone",
            Among::All => "among all items",
        };
        let users = match self.scenario {
            Scenario::NewUsers | Scenario::NewUsersNewItems => "New users",
            Scenario::NewItems | Scenario::ExistingUsersExistingItems => "Existing users",
        };
        format!("{users}, {among}")
    }
}

/// The candidates of lists. Items that the user answered about are never candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Among {
    /// Items that are not new, and that somebody in training chose.
    Known,
    /// New items, whether anybody chose them or not.
    New,
    /// Both.
    All,
}

/// The worth of one ranker's lists with one number of answers.
///
/// All are means over users, each of whom counts by the mean over the draws. The difference
/// is this ranker's figure minus melu's on the same draws: below 0, melu's lists are better.
/// Its standard error is that of the mean over users.
#[derive(Clone, Debug, Serialize)]
pub struct RankingRow {
    /// The ranker.
    pub predictor: Ranker,
    /// How many answers of each user are known.
    pub given: Given,
    /// Normalised discounted cumulative gain of the best 20.
    pub ndcg20: f64,
    /// Its difference to melu's.
    pub ndcg20_difference: f64,
    /// The standard error of the difference.
    pub ndcg20_difference_se: f64,
    /// The share of the relevant items that are among the best 20.
    pub recall20: f64,
    /// The share of users with a relevant item among the best 10.
    pub hit10: f64,
    /// The mean of 1 / the rank of the first relevant item.
    pub mrr: f64,
    /// The share of all candidates that are in anybody's best 20, as a mean over draws.
    pub coverage: f64,
    /// The mean share of training users who chose the listed items.
    pub popularity: f64,
    /// The share of the lists' places that new items have.
    pub new_items: f64,
}

/// The model and the simple recommenders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ranker {
    /// The model, adapted to the answers.
    Melu,
    /// Inverts a matrix of all items: Steck's EASE.
    Ease,
    /// Vectors by alternating least squares, into which the user is folded.
    Ials,
    /// Neighbours of the answered items, by cosine.
    ItemKnn,
    /// Items whose descriptions resemble those of the answered items and of popular items.
    Content,
    /// The same list for everybody.
    Popular,
}

impl Ranker {
    /// All of them, the model first.
    pub const ALL: [Self; 6] =
        [Self::Melu, Self::Ease, Self::Ials, Self::ItemKnn, Self::Content, Self::Popular];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Melu => "melu",
            Self::Ease => "EASE",
            Self::Ials => "iALS",
            Self::ItemKnn => "item-kNN",
            Self::Content => "content",
            Self::Popular => "most popular",
        }
    }
}

fn scenario_name<S: Serializer>(scenario: &Scenario, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(scenario.name())
}
