//! Who knows what, from who rated what.

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
/// What each kind knows is learned from all users, and how many people are of
/// each kind from those with as many ratings as tasks have: new people have
/// rated less than others. The same `seed` and ratings give the same kinds.
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
    let mut mixture = Mixture {
        shares: vec![1.0 / kinds as f64; kinds],
        known: popularity
            .iter()
            .flat_map(|&share| vec![share; kinds])
            .map(|share| bounded(share * rng.random_range(0.5..1.5)))
            .collect(),
    };
    let mut of_tasks = vec![0.0; kinds];
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

struct Mixture {
    /// [kinds].
    shares: Vec<f64>,
    /// [items, kinds].
    known: Vec<f64>,
}

impl Mixture {
    /// One round, in which what the ratings say of a user's kind counts `trust`;
    /// returns how many of the users with as many ratings as tasks have are of
    /// each kind.
    fn round(
        &mut self,
        users: &[UserRatings],
        popularity: &[f64],
        rules: &TaskRules,
        trust: f64,
    ) -> Vec<f64> {
        let Self { shares, known } = self;
        let kinds = shares.len();
        let mut nobody: Vec<f64> = shares.iter().map(|share| share.ln()).collect();
        let mut odds = known.clone();
        for row in odds.chunks_exact_mut(kinds) {
            for (odds, nobody) in row.iter_mut().zip(&mut nobody) {
                let unknown = (-*odds).ln_1p();
                *nobody += unknown;
                *odds = odds.ln() - unknown;
            }
        }
        let mut counts = vec![0.0; kinds];
        let mut of_tasks = vec![0.0; kinds];
        let sums = &mut *known;
        sums.fill(0.0);
        for user in users {
            let mut chances = nobody.clone();
            for rated in &user.ratings {
                let odds = &odds[rated.item as usize * kinds..][..kinds];
                chances.iter_mut().zip(odds).for_each(|(chance, odds)| *chance += odds);
            }
            let largest = chances.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            chances.iter_mut().for_each(|chance| *chance = (trust * (*chance - largest)).exp());
            let sum: f64 = chances.iter().sum();
            chances.iter_mut().for_each(|chance| *chance /= sum);
            for rated in &user.ratings {
                let sums = &mut sums[rated.item as usize * kinds..][..kinds];
                sums.iter_mut().zip(&chances).for_each(|(sum, chance)| *sum += chance);
            }
            counts.iter_mut().zip(&chances).for_each(|(count, chance)| *count += chance);
            if (rules.min_ratings..=rules.max_ratings).contains(&user.ratings.len()) {
                of_tasks.iter_mut().zip(&chances).for_each(|(count, chance)| *count += chance);
            }
        }
        for (sums, popularity) in sums.chunks_exact_mut(kinds).zip(popularity) {
            for (sum, count) in sums.iter_mut().zip(&counts) {
                *sum = bounded((*sum + DAMPING * popularity) / (count + DAMPING));
            }
        }
        for (share, count) in shares.iter_mut().zip(&counts) {
            *share = (count + 0.1) / (users.len() as f64 + 0.1 * kinds as f64);
        }
        of_tasks
    }
}

fn bounded(probability: f64) -> f64 {
    probability.clamp(MIN_CHANCE, MAX_CHANCE)
}
