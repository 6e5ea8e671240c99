//! EASE: each item as a sum of all others.

use std::sync::Arc;

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, Axis};

use super::baseline::{Baseline, Mixed, Popularity};
use super::choices::{Choice, Choices, Counted, Lists};
use super::invert::invert;

/// Where there are both more items and more users than this, the matrix that would have to
/// be inverted is too large: the cost grows with the third power, and 5,000 take 200 MB.
pub const MAX_SIZE: usize = 5000;

/// The matrix that EASE inverts for some users' interactions, but for the penalty.
pub struct Gram {
    counted: Counted,
    lists: Arc<Lists>,
    /// Items that somebody chose.
    items: Vec<u32>,
    /// For each two of them how many users chose both; or for each two users how many items
    /// both of them chose, where there are fewer users.
    both: Array2<f64>,
    of_users: bool,
    popularity: Popularity,
}

impl Gram {
    /// Counts, on the threads of the current pool. `None` where there are too many of both.
    pub fn new(choices: &Choices, counted: Counted) -> Option<Self> {
        let lists = choices.lists(counted);
        let chosen = (0..).zip(&lists.by_item).filter(|(_, users)| !users.is_empty());
        let items: Vec<u32> = chosen.map(|(item, _)| item).collect();
        let of_users = lists.by_user.len() < items.len();
        let size = items.len().min(lists.by_user.len());
        if size > MAX_SIZE {
            return None;
        }
        let mut both = Array2::zeros((size, size));
        let (by_user, by_item) = (&lists.by_user, &lists.by_item);
        let mut places = vec![0; choices.items];
        items.iter().enumerate().for_each(|(place, &item)| places[item as usize] = place);
        let rows = both.axis_iter_mut(Axis(0)).into_par_iter();
        rows.enumerate().for_each(|(place, mut row)| match of_users {
            true => by_user[place].iter().for_each(|&item| {
                by_item[item as usize].iter().for_each(|&user| row[user as usize] += 1.0);
            }),
            false => by_item[items[place] as usize].iter().for_each(|&user| {
                let items = &by_user[user as usize];
                items.iter().for_each(|&item| row[places[item as usize]] += 1.0);
            }),
        });
        let popularity = Popularity::new(choices, counted);
        Some(Self { counted, lists: Arc::new(lists), items, both, of_users, popularity })
    }
}

/// The weights of all items on all others, or what they follow from.
#[derive(Debug)]
enum Weights {
    /// `B`: a row for each item that was chosen, and for each item of the data folder its
    /// row.
    OfItems { items: Vec<u32>, places: Vec<Option<u32>>, rows: Array2<f32> },
    /// The inverse of `X X' + penalty I`, and for each item its diagonal `x' inverse x`,
    /// where x has a 1 for each user who chose it.
    OfUsers { lists: Arc<Lists>, inverse: Array2<f32>, diagonal: Vec<f32> },
}

/// Embarrassingly shallow autoencoders (Steck 2019): item-item weights B with a zero
/// diagonal that minimise `|X - X B|² + penalty |B|²`, X being who chose what; in closed
/// form `B_ij = -P_ij / P_jj`, P the inverse of `X'X + penalty I`.
///
/// Where there are fewer users than items, the inverse K of `X X' + penalty I` is the
/// smaller one, and gives the same: `B_ij = x_i' K x_j / (1 - x_j' K x_j)` (Woodbury).
#[derive(Clone, Debug)]
pub struct Ease {
    counted: Counted,
    penalty: f64,
    weights: Arc<Weights>,
    popularity: Popularity,
}

impl Ease {
    /// With a penalty on squared weights, in users, on the threads of the current pool.
    /// `None` if it is so small that there is no inverse.
    pub fn new(gram: &Gram, penalty: f64) -> Option<Self> {
        let Gram { lists, items, both, .. } = gram;
        let mut inverse = both.clone();
        inverse.diag_mut().iter_mut().for_each(|element| *element += penalty);
        if !invert(&mut inverse) {
            return None;
        }
        let weights = if gram.of_users {
            let of_item = |users: &Vec<u32>| {
                let others = |user: usize| users.iter().map(move |&other| (user, other as usize));
                users.iter().flat_map(|&user| others(user as usize)).map(|at| inverse[at]).sum()
            };
            let diagonal = lists.by_item.par_iter().map(of_item).map(|sum: f64| sum as f32);
            Weights::OfUsers {
                diagonal: diagonal.collect(),
                lists: lists.clone(),
                inverse: inverse.mapv(|number| number as f32),
            }
        } else {
            let mut places = vec![None; lists.by_item.len()];
            (0..).zip(items).for_each(|(place, item)| places[*item as usize] = Some(place));
            let diagonal = inverse.diag().to_owned();
            inverse /= &diagonal;
            let mut rows = inverse.mapv(|number| -number as f32);
            rows.diag_mut().fill(0.0);
            Weights::OfItems { items: items.clone(), places, rows }
        };
        let popularity = gram.popularity.clone();
        Some(Self { counted: gram.counted, penalty, weights: Arc::new(weights), popularity })
    }
}

impl Mixed for Ease {
    fn with_popularity(&self, weight: f32) -> Self {
        Self { popularity: self.popularity.weighted(weight), ..self.clone() }
    }
}

impl Baseline for Ease {
    fn score(&self, answers: &[Choice], scores: &mut [f32]) {
        scores.fill(0.0);
        self.popularity.add(scores);
        let answers = || answers.iter().filter(|choice| self.counted.counts(choice));
        if answers().next().is_none() {
            return;
        }
        match &*self.weights {
            Weights::OfItems { items, places, rows } => {
                let mut sums = Array1::zeros(items.len());
                for choice in answers() {
                    let Some(place) = places[choice.item as usize] else { continue };
                    sums += &rows.row(place as usize);
                }
                for (sum, &item) in sums.into_iter().zip(items) {
                    scores[item as usize] += sum;
                }
            }
            Weights::OfUsers { lists, inverse, diagonal } => {
                let mut shared = vec![0.0; lists.by_user.len()];
                for choice in answers() {
                    let users = &lists.by_item[choice.item as usize];
                    users.iter().for_each(|&user| shared[user as usize] += 1.0);
                }
                let mut sums = Array1::zeros(shared.len());
                for (row, &shared) in inverse.rows().into_iter().zip(&shared) {
                    if shared > 0.0 {
                        sums.scaled_add(shared, &row);
                    }
                }
                // An item is no neighbour of its own.
                let mut own = vec![0.0; diagonal.len()];
                answers().for_each(|choice| own[choice.item as usize] += 1.0);
                for (item, users) in lists.by_item.iter().enumerate() {
                    let sum: f32 = users.iter().map(|&user| sums[user as usize]).sum();
                    let others = sum - own[item] * diagonal[item];
                    scores[item] += others / (1.0 - diagonal[item]);
                }
            }
        }
    }

    fn settings(&self) -> String {
        let Self { penalty, popularity, counted, .. } = self;
        format!("penalty {penalty}, popularity's weight {}, {counted}", popularity.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::rankings::testing::some_choices;

    /// Scores of each item alone being answered: the rows of B.
    fn rows(ease: &Ease, items: usize) -> Vec<Vec<f32>> {
        let row = |item| {
            let mut scores = vec![f32::NAN; items];
            ease.score(&[Choice { item, liked: true }], &mut scores);
            scores
        };
        (0..items as u32).map(row).collect()
    }

    /// Whether B is where the gradient of `|X - X B|² + penalty |B|²` is zero but for the
    /// diagonal, which is itself zero: of a convex problem that is the one solution.
    fn check(choices: &Choices, counted: Counted, penalty: f64) {
        let items = choices.items;
        let gram = Gram::new(choices, counted).unwrap();
        let weights = rows(&Ease::new(&gram, penalty).unwrap(), items);
        let chose = |user: &[Choice], item: usize| {
            let mut chosen = user.iter().filter(|choice| counted.counts(choice));
            f64::from(u8::from(chosen.any(|choice| choice.item as usize == item)))
        };
        assert!(weights.iter().enumerate().all(|(item, row)| row[item].abs() < 1e-6));
        #[expect(clippy::needless_range_loop, reason = "it is an index of columns")]
        for column in 0..items {
            for row in (0..items).filter(|row| *row != column) {
                let mut gradient = penalty * f64::from(weights[row][column]);
                for user in &choices.users {
                    let others = (0..items).map(|i| chose(user, i) * f64::from(weights[i][column]));
                    let predicted: f64 = others.sum();
                    gradient += chose(user, row) * (predicted - chose(user, column));
                }
                assert!(gradient.abs() < 1e-4 * penalty.max(1.0), "{row} {column} {gradient}");
            }
        }
    }

    #[test]
    fn weights_are_the_ridge_problem_s_solution() {
        for counted in [Counted::All, Counted::Liked] {
            for penalty in [1.0, 30.0] {
                // With fewer items than users, and the other way about.
                check(&some_choices(40, 25), counted, penalty);
                check(&some_choices(15, 25), counted, penalty);
            }
        }
    }

    #[test]
    fn all_answers_add_up_and_popularity_is_added() {
        let choices = some_choices(15, 25);
        let gram = Gram::new(&choices, Counted::All).unwrap();
        let ease = Ease::new(&gram, 3.0).unwrap();
        let rows = rows(&ease, 25);
        let answers = &choices.users[2];
        let mut scores = vec![0.0; 25];
        ease.with_popularity(0.5).score(answers, &mut scores);
        let counts = choices.counts(Counted::All);
        for (item, score) in scores.into_iter().enumerate() {
            let sum: f32 = answers.iter().map(|answer| rows[answer.item as usize][item]).sum();
            let expected = sum + 0.5 * (counts[item] as f32 + 1.0).ln();
            assert!((score - expected).abs() < 1e-4, "{score} {expected}");
        }
    }

    #[test]
    fn too_many_of_both_are_refused() {
        let user = |item| vec![Choice { item, liked: true }];
        let users = |count: usize| (0..count as u32).map(user).collect();
        let count = MAX_SIZE + 1;
        assert!(Gram::new(&Choices { items: count, users: users(count) }, Counted::All).is_none());
    }
}
