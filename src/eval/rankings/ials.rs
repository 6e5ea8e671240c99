//! iALS: matrix factorisation by alternating least squares, users folded in.

use super::baseline::Baseline;
use super::choices::{Choice, Choices, Counted};
use crate::data::{Rated, UserRatings};
use crate::kernels::dot;
use crate::train::choice::{FactorSettings, Interactions, ItemFactors};

/// Numbers a vector, and sweeps: as others are compared with it.
const WIDTH: usize = 64;
const SWEEPS: usize = 8;

/// Items as vectors, from what was chosen and, with a smaller weight, from all that was not
/// (Hu, Koren and Volinsky 2008); a new user's vector is solved for in the same way.
#[derive(Clone, Debug)]
pub struct Ials {
    counted: Counted,
    factors: ItemFactors,
}

impl Ials {
    /// From users' interactions, on the threads of the current pool: with a weight of all
    /// that was not chosen, and a penalty.
    pub fn new(choices: &Choices, counted: Counted, absence: f64, penalty: f64) -> Self {
        let user = |(user, choices): (u32, &Vec<Choice>)| UserRatings {
            user,
            ratings: choices
                .iter()
                .filter(|choice| counted.counts(choice))
                .map(|choice| Rated { item: choice.item, value: 1.0 })
                .collect(),
        };
        let users: Vec<UserRatings> = (0..).zip(&choices.users).map(user).collect();
        let interactions = Interactions::new(&users, choices.items);
        let settings = FactorSettings { width: WIDTH, absence, penalty, sweeps: SWEEPS, seed: 0 };
        Self { counted, factors: ItemFactors::fit(&interactions, &settings) }
    }
}

impl Baseline for Ials {
    fn score(&self, answers: &[Choice], scores: &mut [f32]) {
        let counted = answers.iter().filter(|choice| self.counted.counts(choice));
        let items: Vec<u32> = counted.map(|choice| choice.item).collect();
        let user = self.factors.fold_in(&items);
        let items = self.factors.vectors.chunks_exact(WIDTH);
        for (score, item) in scores.iter_mut().zip(items) {
            *score = dot(&user, item);
        }
    }

    fn settings(&self) -> String {
        let FactorSettings { width, absence, penalty, .. } = self.factors.settings;
        format!("{width} numbers, absence {absence}, penalty {penalty}, {}", self.counted)
    }
}
