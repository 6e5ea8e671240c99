//! The users for whom lists are made, and the items that these should find.

use std::borrow::Cow;
use std::collections::HashMap;

use super::results::Among;
use crate::data::{Dataset, Rated, Scenario, Task, UserRatings, ranking_tasks};
use crate::eval::measured::some_of;

/// The largest number of existing users, drawn at random: enough for a standard error of some
/// .003, at no more cost than that of new users.
const MAX_EXISTING: usize = 1000;

/// The largest number of new users, likewise.
const MAX_NEW: usize = 1250;

/// Users of one kind, and the tables that are measured on them.
pub struct Plan {
    /// The tables that these users' lists make.
    pub tables: Vec<(Scenario, Among)>,
    users: Users,
}

enum Users {
    /// Whose interactions are cut at random.
    Drawn {
        /// Each user's interactions with known items.
        known: Vec<UserRatings>,
        /// Those with new items, by user.
        new: HashMap<u32, Vec<Rated>>,
        are_new: bool,
    },
    /// Whose interactions are cut by time.
    Dated(Vec<Task>),
}

impl Plan {
    /// New users' lists: of known items, of new ones, and of all.
    pub fn new_users(dataset: &Dataset, seed: u64) -> Self {
        let drawn = || Users::Drawn {
            known: some_of(dataset.scenario(Scenario::NewUsers), MAX_NEW, seed, 2),
            new: by_user(dataset.scenario(Scenario::NewUsersNewItems)),
            are_new: true,
        };
        Self {
            tables: vec![
                (Scenario::NewUsers, Among::Known),
                (Scenario::NewUsersNewItems, Among::New),
                (Scenario::NewUsersNewItems, Among::All),
            ],
            users: dataset
                .ranking_tasks_by_time(true)
                .map(|tasks| some_of(tasks, MAX_NEW, seed, 2))
                .map_or_else(drawn, Users::Dated),
        }
    }

    /// Existing users' lists: of new items, and of all; by time also of known items, of which
    /// training saw only the earlier choices.
    pub fn existing_users(dataset: &Dataset, seed: u64) -> Self {
        let mut tables = vec![(Scenario::NewItems, Among::New), (Scenario::NewItems, Among::All)];
        if let Some(tasks) = dataset.ranking_tasks_by_time(false) {
            tables.insert(0, (Scenario::ExistingUsersExistingItems, Among::Known));
            return Self { tables, users: Users::Dated(some_of(tasks, MAX_EXISTING, seed, 0)) };
        }
        let new = by_user(dataset.scenario(Scenario::NewItems));
        let mut known = dataset.scenario(Scenario::ExistingUsersExistingItems);
        known.retain(|group| new.contains_key(&group.user));
        Self {
            tables,
            users: Users::Drawn {
                known: some_of(known, MAX_EXISTING, seed, 0),
                new,
                are_new: false,
            },
        }
    }

    /// How many of these draws differ.
    pub fn draws(&self, draws: usize) -> usize {
        match self.users {
            Users::Drawn { .. } => draws,
            Users::Dated(_) => 1,
        }
    }

    /// One draw's tasks: the support set has the answers, in random order, and the query set
    /// the items that a list should find.
    ///
    /// A fifth of a new user's interactions with known items is held out, but none of an
    /// existing user's, since training saw all of them. All interactions with new items are
    /// held out. By time, see [`Dataset::ranking_tasks_by_time`].
    pub fn tasks(&self, seed: u64, draw: u64) -> Cow<'_, [Task]> {
        let (known, new, are_new) = match &self.users {
            Users::Drawn { known, new, are_new } => (known, new, *are_new),
            Users::Dated(tasks) => return tasks.into(),
        };
        let mut tasks = ranking_tasks(known, seed, draw);
        for task in &mut tasks {
            if !are_new {
                // Both parts of a random order: together they are one again.
                task.support.append(&mut task.query);
            }
            task.query.extend(new.get(&task.user).into_iter().flatten());
        }
        tasks.into()
    }
}

fn by_user(groups: Vec<UserRatings>) -> HashMap<u32, Vec<Rated>> {
    groups.into_iter().map(|group| (group.user, group.ratings.to_vec())).collect()
}
