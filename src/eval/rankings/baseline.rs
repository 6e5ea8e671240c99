//! The common parts of simple recommenders.

use std::sync::Arc;

use super::choices::{Choice, Choices, Counted};

/// A simple recommender, fitted to some users' interactions.
pub trait Baseline: Send + Sync {
    /// Scores all items of the data folder for a user who made these choices, best highest.
    /// If it knows nothing, scores are equal; then the more popular item comes first.
    fn score(&self, answers: &[Choice], scores: &mut [f32]);

    /// Whether it can score items that nobody in training chose.
    fn knows_new_items(&self) -> bool {
        false
    }

    /// Its settings, for people to read.
    fn settings(&self) -> String;
}

/// A baseline that takes long to fit, and can then be mixed with popularity at no cost.
pub trait Mixed: Baseline + Sized + 'static {
    /// The same baseline with this weight times the logarithm of each item's popularity added
    /// to its score.
    fn with_popularity(&self, weight: f32) -> Self;
}

/// The contribution of popularity to scores.
#[derive(Clone, Debug)]
pub struct Popularity {
    logarithms: Arc<Vec<f32>>,
    pub weight: f32,
}

impl Popularity {
    /// Nothing, as yet.
    pub fn new(choices: &Choices, counted: Counted) -> Self {
        let counts = choices.counts(counted).into_iter();
        let logarithms = counts.map(|count| (count as f32).ln_1p()).collect();
        Self { logarithms: Arc::new(logarithms), weight: 0.0 }
    }

    /// With another weight.
    pub fn weighted(&self, weight: f32) -> Self {
        Self { weight, ..self.clone() }
    }

    /// Adds it to the scores of all items.
    pub fn add(&self, scores: &mut [f32]) {
        for (score, logarithm) in scores.iter_mut().zip(&*self.logarithms) {
            *score += self.weight * logarithm;
        }
    }
}
