//! Who knows what, from who rated what.

use ndarray::{Array1, Array2, Zip};
use rand::RngExt;

use crate::data::{TaskRules, UserRatings};
use crate::model::familiarity::Familiarity;
use crate::random::{Purpose, generator};

/// Kinds of people at most, and users that each should have at least.
const MAX_KINDS: usize = 64;
const USERS_OF_A_KIND: usize = 20;
const ROUNDS: usize = 40;
/// Rounds in which the kinds are made up only slowly, so that what they begin
/// with matters little (deterministic annealing; Ueda and Nakano 1998).
const SLOW_ROUNDS: usize = 10;
/// As many users as all users count for in each kind.
const DAMPING: f64 = 1.0;
/// Nobody is surely known or unknown to all of a kind.
const MIN_CHANCE: f64 = 1e-5;
const MAX_CHANCE: f64 = 0.99;

/// Fits kinds of people to who rated what, by expectation maximisation (Bishop
/// 2006, section 9.3.3); `None` without users.
///
/// All users teach which items each kind knows, and those with as many ratings as
/// tasks have how many people are of each kind: new people have rated less than
/// others. The same `seed` and ratings give the same kinds.
pub fn fit_familiarity(
    users: &[UserRatings],
    items: usize,
    rules: &TaskRules,
    seed: u64,
) -> Option<Familiarity> {
    if users.is_empty() || items == 0 {
        return None;
    }
    let kinds = (users.len() / USERS_OF_A_KIND).clamp(1, MAX_KINDS);
    let mut popularity = vec![0.0; items];
    for rated in users.iter().flat_map(|user| &user.ratings) {
        popularity[rated.item as usize] += 1.0 / users.len() as f64;
    }
    let mut rng = generator(seed, Purpose::Familiarity, 0, 0);
    let mut mixture = KindMixture {
        shares: Array1::from_elem(kinds, 1.0 / kinds as f64),
        known: Array2::from_shape_fn((items, kinds), |(item, _)| {
            bounded(popularity[item] * rng.random_range(0.5..1.5))
        }),
    };
    let mut of_tasks = Array1::zeros(kinds);
    for round in 0..ROUNDS {
        let trust = ((round + 1) as f64 / (SLOW_ROUNDS + 1) as f64).min(1.0);
        of_tasks = mixture.round(users, &popularity, rules, trust);
    }
    // As if each kind had half a user more, so that none is impossible.
    let sum: f64 = of_tasks.iter().map(|count| count + 0.5).sum();
    let shares = of_tasks.iter().map(|count| ((count + 0.5) / sum) as f32).collect();
    let known: Vec<f32> = mixture.known.iter().map(|known| *known as f32).collect();
    Familiarity::from_probabilities(shares, &known).ok()
}

struct KindMixture {
    /// [kinds].
    shares: Array1<f64>,
    /// [items, kinds].
    known: Array2<f64>,
}

impl KindMixture {
    /// One round, in which the evidence of the ratings for a user's kind counts `trust`;
    /// returns how many of the users with as many ratings as tasks have are of
    /// each kind.
    fn round(
        &mut self,
        users: &[UserRatings],
        popularity: &[f64],
        rules: &TaskRules,
        trust: f64,
    ) -> Array1<f64> {
        let Self { shares, known } = self;
        let mut nobody = shares.mapv(f64::ln);
        let mut odds = known.clone();
        for row in odds.rows_mut() {
            Zip::from(row).and(&mut nobody).for_each(|odds, nobody| {
                let unknown = (-*odds).ln_1p();
                *nobody += unknown;
                *odds = odds.ln() - unknown;
            });
        }
        let mut counts = Array1::zeros(shares.len());
        let mut of_tasks = Array1::zeros(shares.len());
        let sums = known;
        sums.fill(0.0);
        for user in users {
            let mut chances = nobody.clone();
            for rated in &user.ratings {
                chances += &odds.row(rated.item as usize);
            }
            let largest = chances.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            chances.mapv_inplace(|chance| (trust * (chance - largest)).exp());
            chances /= chances.sum();
            for rated in &user.ratings {
                let mut sums = sums.row_mut(rated.item as usize);
                sums += &chances;
            }
            counts += &chances;
            if (rules.min_ratings..=rules.max_ratings).contains(&user.ratings.len()) {
                of_tasks += &chances;
            }
        }
        for (sums, popularity) in sums.rows_mut().into_iter().zip(popularity) {
            Zip::from(sums).and(&counts).for_each(|sum, count| {
                *sum = bounded((*sum + DAMPING * popularity) / (count + DAMPING));
            });
        }
        let all = users.len() as f64 + 0.1 * shares.len() as f64;
        shares.zip_mut_with(&counts, |share, count| *share = (count + 0.1) / all);
        of_tasks
    }
}

fn bounded(probability: f64) -> f64 {
    probability.clamp(MIN_CHANCE, MAX_CHANCE)
}
