//! What every simple recommender does.

use super::choices::Choice;

/// A simple recommender, fitted to some users' interactions.
pub trait Baseline: Send + Sync {
    /// Scores all items of the data folder for a user who made these choices, best
    /// highest. Where it has nothing to say, scores are equal: then the more popular
    /// item comes first.
    fn score(&self, answers: &[Choice], scores: &mut [f32]);

    /// Its settings, for people to read.
    fn settings(&self) -> String;
}
