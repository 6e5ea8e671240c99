//! The split of ratings by scenario, and of users' ratings into support and query sets.

use std::sync::Arc;

use rand::Rng;
use rand::seq::SliceRandom;

use super::folder::Dataset;
use super::settings::TaskRules;
use crate::random::{Purpose, generator};

/// A part of the ratings, by whether users and items are new.
///
/// Training sees the first part only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Neither the users nor the items are new.
    ExistingUsersExistingItems,
    /// The users are new, the items are not.
    NewUsers,
    /// The items are new, the users are not.
    NewItems,
    /// Both are new.
    NewUsersNewItems,
}

impl Scenario {
    /// All four, beginning with that of training.
    pub const ALL: [Self; 4] =
        [Self::ExistingUsersExistingItems, Self::NewUsers, Self::NewItems, Self::NewUsersNewItems];

    /// The scenario's name in reports, as `new_users`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExistingUsersExistingItems => "existing_users_existing_items",
            Self::NewUsers => "new_users",
            Self::NewItems => "new_items",
            Self::NewUsersNewItems => "new_users_new_items",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::ExistingUsersExistingItems => "Existing users, existing items",
            Self::NewUsers => "New users, existing items",
            Self::NewItems => "Existing users, new items",
            Self::NewUsersNewItems => "New users, new items",
        }
    }

    /// Whether its users are new, and whether its items are.
    pub(super) fn is_new(self) -> (bool, bool) {
        match self {
            Self::ExistingUsersExistingItems => (false, false),
            Self::NewUsers => (true, false),
            Self::NewItems => (false, true),
            Self::NewUsersNewItems => (true, true),
        }
    }

    fn of(new_user: bool, new_item: bool) -> Self {
        match (new_user, new_item) {
            (false, false) => Self::ExistingUsersExistingItems,
            (true, false) => Self::NewUsers,
            (false, true) => Self::NewItems,
            (true, true) => Self::NewUsersNewItems,
        }
    }
}

/// One rating of a known user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rated {
    /// The item's row.
    pub item: u32,
    /// The rating.
    pub value: f32,
}

/// The same as lists, one rating an item.
pub(crate) fn items_and_ratings(rated: &[Rated]) -> (Vec<u32>, Vec<f32>) {
    rated.iter().map(|rated| (rated.item, rated.value)).unzip()
}

/// One user's ratings within one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRatings {
    /// The user's row.
    pub user: u32,
    /// The ratings, by item in ascending order; each item occurs once. Clones share them.
    pub ratings: Arc<[Rated]>,
}

/// One user's ratings, split into known ones and ones to predict.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The user's row.
    pub user: u32,
    /// The ratings that are known, in random order: its first ratings are a random smaller
    /// support set. With a split by time, in order of time.
    pub support: Vec<Rated>,
    /// The ratings to predict, in the same kind of order.
    pub query: Vec<Rated>,
}

impl Dataset {
    /// All users with at least one rating within the scenario, by row in
    /// ascending order.
    ///
    /// Of a split by time, only what came before it: nothing of new users and new items, whose
    /// ratings [`Dataset::tasks_by_time`] has.
    pub fn scenario(&self, scenario: Scenario) -> Vec<UserRatings> {
        let is_new = |rows: &[bool], row: u32| rows.get(row as usize).copied().unwrap_or(false);
        let mut groups: Vec<UserRatings> = Vec::new();
        for ratings in self.ratings.chunk_by(|a, b| a.user == b.user) {
            let Some(user) = ratings.first().map(|rating| rating.user) else { continue };
            let new_user = is_new(&self.new_users, user);
            let within = ratings.iter().filter(|rating| {
                Scenario::of(new_user, is_new(&self.new_items, rating.item)) == scenario
            });
            let ratings = within.map(|rating| Rated { item: rating.item, value: rating.value });
            let ratings: Arc<[Rated]> = ratings.collect();
            if !ratings.is_empty() {
                groups.push(UserRatings { user, ratings });
            }
        }
        groups
    }
}

impl UserRatings {
    /// Draws `query` ratings to predict, all if there are fewer; the rest is the
    /// support set.
    pub fn draw(&self, query: usize, rng: &mut impl Rng) -> Task {
        let mut query_set = self.ratings.to_vec();
        query_set.shuffle(rng);
        let support = query_set.split_off(query.min(query_set.len()));
        Task { user: self.user, support, query: query_set }
    }
}

/// A task for each user with enough ratings for the rules.
///
/// Of a user with more ratings than the rules allow, as many as they allow make the task, drawn
/// at random. Another `draw` splits the same ratings differently. A user's task depends on its
/// own ratings, the seed and the draw alone.
pub fn tasks(groups: &[UserRatings], rules: &TaskRules, seed: u64, draw: u64) -> Vec<Task> {
    groups
        .iter()
        .filter(|group| group.ratings.len() >= rules.min_ratings)
        .map(|group| {
            let mut rng = generator(seed, Purpose::Tasks, draw, group.user.into());
            let mut task = group.draw(rules.query, &mut rng);
            // They are in random order.
            task.support.truncate(rules.max_ratings.saturating_sub(rules.query));
            task
        })
        .collect()
}

/// The fewest interactions of a user on whom lists are measured.
pub(super) const MIN_TO_RANK: usize = 20;

/// A task for each user with at least 20 interactions, to measure lists: a random fifth of
/// them is the query set that lists should find, and the others are the support set.
///
/// As with [`tasks`], a user's task depends on its own ratings, the seed and the draw alone.
pub fn ranking_tasks(groups: &[UserRatings], seed: u64, draw: u64) -> Vec<Task> {
    groups
        .iter()
        .filter(|group| group.ratings.len() >= MIN_TO_RANK)
        .map(|group| {
            let mut rng = generator(seed, Purpose::Rankings, draw, group.user.into());
            group.draw(group.ratings.len() / 5, &mut rng)
        })
        .collect()
}
