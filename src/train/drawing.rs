//! Tasks as they occur in use, drawn anew.

use rand::{Rng, RngExt};

use crate::data::{Rated, Task, TaskRules, UserRatings};
use crate::random::{Purpose, generator};

/// At most this many ratings of one user are known in a task drawn anew: more
/// than people give, and one prolific user does not outweigh many others.
const MAX_SUPPORT: usize = 60;

/// Leaves a support set of a size as they occur in use.
pub fn cut_support(support: &mut Vec<Rated>, rng: &mut impl Rng) {
    support.truncate(MAX_SUPPORT);
    if rng.random_bool(0.5) {
        // Log-uniform from 0 to all of them.
        let size = ((support.len() + 1) as f64).powf(rng.random::<f64>()) - 1.0;
        support.truncate(size.round() as usize);
    }
}

/// How many of so many ratings are asked.
pub fn query_size(ratings: usize) -> usize {
    (ratings / 3).clamp(5, 20).min(ratings)
}

/// A task of each user with enough ratings, as tasks occur in use: new people
/// have given few ratings or many.
pub fn draw_anew(users: &[UserRatings], rules: &TaskRules, seed: u64, draw: u64) -> Vec<Task> {
    let enough = |user: &&UserRatings| user.ratings.len() >= rules.min_ratings;
    let draw = |user: &UserRatings| {
        let mut rng = generator(seed, Purpose::Tasks, draw, user.user.into());
        let mut task = user.draw(query_size(user.ratings.len()), &mut rng);
        cut_support(&mut task.support, &mut rng);
        task
    };
    users.iter().filter(enough).map(draw).collect()
}
