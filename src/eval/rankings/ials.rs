//! iALS: vectors of users and items, by least squares over all pairs, chosen or not.

use std::sync::Arc;

use super::baseline::{Baseline, Mixed, Popularity};
use super::choices::{Choice, Choices, Counted};
use crate::data::{Rated, UserRatings};
use crate::kernels::{Matrix, products_of_rows};
use crate::train::choice::{FactorSettings, Interactions, ItemFactors};

/// Numbers in a vector.
const WIDTH: usize = 64;

/// Settings of [`Ials`] that fitting depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitting {
    /// The weight of a pair that was not chosen; a chosen pair has the weight 1.
    pub absence: f64,
    /// Regularisation.
    pub penalty: f64,
}

/// Implicit alternating least squares (Hu, Koren and Volinsky 2008; Rendle et al. 2022): a
/// user's vector is folded in by the items that they chose.
#[derive(Clone, Debug)]
pub struct Ials {
    counted: Counted,
    factors: Arc<ItemFactors>,
    popularity: Popularity,
}

impl Ials {
    /// Fits to users' interactions, users and items in turn `sweeps` times, on the threads of
    /// the current pool.
    pub fn new(choices: &Choices, counted: Counted, fitting: Fitting, sweeps: usize) -> Self {
        let Fitting { absence, penalty } = fitting;
        let rated = |choice: &Choice| Rated { item: choice.item, value: 1.0 };
        let user = |(user, choices): (u32, &Vec<Choice>)| {
            let counted = choices.iter().filter(|choice| counted.counts(choice));
            UserRatings { user, ratings: counted.map(rated).collect() }
        };
        let users: Vec<UserRatings> = (0..).zip(&choices.users).map(user).collect();
        let interactions = Interactions::new(&users, choices.items);
        let settings = FactorSettings { width: WIDTH, absence, penalty, sweeps, seed: 0 };
        Self {
            counted,
            factors: Arc::new(ItemFactors::fit(&interactions, &settings)),
            popularity: Popularity::new(choices, counted),
        }
    }
}

impl Mixed for Ials {
    fn with_popularity(&self, weight: f32) -> Self {
        Self { popularity: self.popularity.weighted(weight), ..self.clone() }
    }
}

impl Baseline for Ials {
    fn score(&self, answers: &[Choice], scores: &mut [f32]) {
        let answers = answers.iter().filter(|choice| self.counted.counts(choice));
        let items: Vec<u32> = answers.map(|choice| choice.item).collect();
        let user = self.factors.fold_in(&items);
        // Both lie in rows without gaps.
        let vectors = self.factors.vectors.as_slice().unwrap_or_default();
        let rows = Matrix::dense(vectors, scores.len(), WIDTH);
        products_of_rows(rows, user.as_slice().unwrap_or_default(), 0.0, scores);
        self.popularity.add(scores);
    }

    fn settings(&self) -> String {
        let FactorSettings { absence, penalty, .. } = self.factors.settings;
        format!(
            "{WIDTH} wide, absence {absence}, penalty {penalty}, popularity's weight {}, {}",
            self.popularity.weight, self.counted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::rankings::testing::some_choices;

    #[test]
    fn scores_are_products_with_the_folded_in_vector_and_popularity() {
        let choices = some_choices(40, 25);
        let fitting = Fitting { absence: 0.1, penalty: 0.03 };
        let ials = Ials::new(&choices, Counted::Liked, fitting, 2).with_popularity(0.5);
        let answers = &choices.users[3];
        let mut scores = vec![f32::NAN; 25];
        ials.score(answers, &mut scores);
        let liked: Vec<u32> =
            answers.iter().filter(|choice| choice.liked).map(|choice| choice.item).collect();
        let user = ials.factors.fold_in(&liked);
        let counts = choices.counts(Counted::Liked);
        for (item, score) in scores.into_iter().enumerate() {
            let vector = ials.factors.vectors.row(item);
            let product: f64 =
                vector.iter().zip(&user).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let expected = product + 0.5 * f64::from(counts[item] + 1).ln();
            assert!((f64::from(score) - expected).abs() < 1e-5, "{score} {expected}");
        }
    }
}
