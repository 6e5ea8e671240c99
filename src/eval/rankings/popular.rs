//! The most popular items.

use super::baseline::Baseline;
use super::choices::{Choice, Choices, Counted};

/// The same list for everybody: the items that the most users chose, or liked.
#[derive(Clone, Debug)]
pub struct Popular {
    counted: Counted,
    counts: Vec<f32>,
}

impl Popular {
    /// From users' interactions.
    pub fn new(choices: &Choices, counted: Counted) -> Self {
        let counts = choices.counts(counted).into_iter().map(|count| count as f32).collect();
        Self { counted, counts }
    }
}

impl Baseline for Popular {
    fn score(&self, _: &[Choice], scores: &mut [f32]) {
        scores.copy_from_slice(&self.counts);
    }

    fn settings(&self) -> String {
        format!("counts {}", self.counted)
    }
}
