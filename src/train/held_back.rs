//! Which users and items are held back, to measure a training on.

use rand::seq::SliceRandom;

use super::drawing::{cut_support, query_size};
use super::options::TrainOptions;
use crate::data::{Rated, Task, TaskRules, UserRatings};
use crate::random::{Purpose, generator};

/// Cuts the training users into those held back for validation and the others.
pub fn hold_back(
    groups: Vec<UserRatings>,
    options: &TrainOptions,
    rules: &TaskRules,
) -> (Vec<UserRatings>, Vec<UserRatings>) {
    let sizes = rules.min_ratings..=rules.max_ratings;
    let is_task = |group: &UserRatings| sizes.contains(&group.ratings.len());
    let mut candidates: Vec<u32> =
        groups.iter().filter(|group| is_task(group)).map(|group| group.user).collect();
    candidates.shuffle(&mut generator(options.seed, Purpose::Validation, 0, 0));
    let count = (candidates.len() as f64 * f64::from(options.validation)).round() as usize;
    // One task at the least is left to train on.
    candidates.truncate(count.min(candidates.len().saturating_sub(1)));
    candidates.sort_unstable();
    groups.into_iter().partition(|group| candidates.binary_search(&group.user).is_ok())
}

/// The share of the items that are held back to measure on what is predicted of new ones:
/// what was trained on items as if nobody had rated them knows these items all the same.
const HELD_BACK_ITEMS: f64 = 0.1;

/// At most so many users tell.
const MAX_COLD_TASKS: usize = 1_000;

/// Which of the items that somebody rated are in no task that is trained on.
pub fn hold_items_back(raters: &[u32], options: &TrainOptions) -> Vec<bool> {
    let mut rated: Vec<usize> = (0..raters.len()).filter(|&item| raters[item] > 0).collect();
    rated.shuffle(&mut generator(options.seed, Purpose::Validation, 1, 0));
    rated.truncate((rated.len() as f64 * HELD_BACK_ITEMS) as usize);
    let mut held_back = vec![false; raters.len()];
    rated.into_iter().for_each(|item| held_back[item] = true);
    held_back
}

/// A task of each of some users, whose queries are items that are held back.
pub fn cold_tasks(
    users: &[UserRatings],
    held_back: &[bool],
    rules: &TaskRules,
    seed: u64,
) -> Vec<Task> {
    let task = |user: &UserRatings| {
        let mut rng = generator(seed, Purpose::Validation, 2, user.user.into());
        let mut task = user.draw(user.ratings.len(), &mut rng);
        let is_cold = |rated: &Rated| is_set(held_back, rated.item);
        (task.query, task.support) = task.query.into_iter().partition(is_cold);
        task.query.truncate(query_size(user.ratings.len()));
        cut_support(&mut task.support, &mut rng);
        (!task.query.is_empty()).then_some(task)
    };
    let enough = |user: &&UserRatings| user.ratings.len() >= rules.min_ratings;
    let mut tasks: Vec<Task> = users.iter().filter(enough).filter_map(task).collect();
    tasks.shuffle(&mut generator(seed, Purpose::Validation, 3, 0));
    tasks.truncate(MAX_COLD_TASKS);
    tasks
}

pub fn is_set(flags: &[bool], place: u32) -> bool {
    flags.get(place as usize).copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_held_back_and_supports_are_not() {
        let rated = |item| Rated { item, value: (item % 5) as f32 };
        let user = |user| UserRatings { user, ratings: (0..60).map(rated).collect() };
        let users: Vec<UserRatings> = (0..30).map(user).collect();
        let raters: Vec<u32> = (0..80).map(|item| if item < 60 { 30 } else { 0 }).collect();
        let held_back = hold_items_back(&raters, &TrainOptions::default());
        assert_eq!(held_back.iter().filter(|held_back| **held_back).count(), 6);
        assert!(!held_back[60..].contains(&true));
        let tasks = cold_tasks(&users, &held_back, &TaskRules::default(), 0);
        assert_eq!(tasks.len(), 30);
        for task in &tasks {
            assert_eq!(task.query.len(), 6);
            assert!(task.query.iter().all(|rated| is_set(&held_back, rated.item)));
            assert!(!task.support.iter().any(|rated| is_set(&held_back, rated.item)));
        }
        assert!(tasks.iter().any(|task| task.support.is_empty()));
        assert!(tasks.iter().any(|task| task.support.len() == 54));
    }
}
