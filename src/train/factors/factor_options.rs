//! The options of a factor model.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a factor model is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorOptions {
    /// How many factors an item and a user have beside the bias; 1 to 128.
    pub factors: usize,
    /// How often users, items and priors are fitted in turn; 3 at the least.
    pub rounds: usize,
    /// The same seed and data give the same factors, for any number of threads.
    pub seed: u64,
}

impl Default for FactorOptions {
    fn default() -> Self {
        Self { factors: 24, rounds: 15, seed: 0 }
    }
}

impl FactorOptions {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=128).contains(&self.factors) {
            let problem = format!("it is {}; 1 to 128 is expected", self.factors);
            return Err(Error::argument("factors", problem));
        }
        if self.rounds < 3 {
            let problem = format!("it is {}; at least 3 is expected", self.rounds);
            return Err(Error::argument("rounds", problem));
        }
        Ok(())
    }
}
