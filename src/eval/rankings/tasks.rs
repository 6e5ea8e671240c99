//! The users for whom lists are made, and the items that these should find.

use std::collections::HashMap;

use rand::seq::index;

use super::results::Among;
use crate::data::{Dataset, Rated, Scenario, Task, UserRatings, ranking_tasks};
use crate::random::{Purpose, generator};

/// The largest number of existing users, drawn at random: enough for a standard error of some
/// .003, at no more cost than that of new users.
const MAX_EXISTING: usize = 1000;

/// Users of one kind, and the tables that are measured on them.
pub struct Plan {
    /// The tables that these users' lists make.
    pub tables: Vec<(Scenario, Among)>,
    /// Each user's interactions with known items.
    known: Vec<UserRatings>,
    /// Those with new items, by user.
    new: HashMap<u32, Vec<Rated>>,
    are_new: bool,
}

impl Plan {
    /// New users' lists: of known items, of new ones, and of all.
    pub fn new_users(dataset: &Dataset) -> Self {
        Self {
            tables: vec![
                (Scenario::NewUsers, Among::Known),
                (Scenario::NewUsersNewItems, Among::New),
                (Scenario::NewUsersNewItems, Among::All),
            ],
            known: dataset.scenario(Scenario::NewUsers),
            new: by_user(dataset.scenario(Scenario::NewUsersNewItems)),
            are_new: true,
        }
    }

    /// Existing users' lists: of new items, and of all.
    pub fn existing_users(dataset: &Dataset, seed: u64) -> Self {
        let new = by_user(dataset.scenario(Scenario::NewItems));
        let mut known = dataset.scenario(Scenario::ExistingUsersExistingItems);
        known.retain(|group| new.contains_key(&group.user));
        if known.len() > MAX_EXISTING {
            let mut rng = generator(seed, Purpose::Rankings, u64::MAX, 0);
            let mut kept = index::sample(&mut rng, known.len(), MAX_EXISTING).into_vec();
            kept.sort_unstable();
            known = kept.into_iter().map(|place| known[place].clone()).collect();
        }
        let tables = vec![(Scenario::NewItems, Among::New), (Scenario::NewItems, Among::All)];
        Self { tables, known, new, are_new: false }
    }

    /// One draw's tasks: the support set has the answers, in random order, and the query set
    /// the items that a list should find.
    ///
    /// A fifth of a new user's interactions with known items is held out, but none of an
    /// existing user's, since training saw all of them. All interactions with new items are
    /// held out.
    pub fn tasks(&self, seed: u64, draw: u64) -> Vec<Task> {
        let mut tasks = ranking_tasks(&self.known, seed, draw);
        for task in &mut tasks {
            if !self.are_new {
                // Both parts of a random order: together they are one again.
                task.support.append(&mut task.query);
            }
            task.query.extend(self.new.get(&task.user).into_iter().flatten());
        }
        tasks
    }
}

fn by_user(groups: Vec<UserRatings>) -> HashMap<u32, Vec<Rated>> {
    groups.into_iter().map(|group| (group.user, group.ratings)).collect()
}
