//! Who knows what, from who rated what.

use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::by_item::ByItem;
use crate::data::{TaskRules, UserRatings};
use crate::kernels::{GATHERED, add_rows_at};
use crate::model::familiarity::Familiarity;
use crate::random::{Purpose, generator};

/// Kinds of people at most, and users that each should have at least.
const MAX_KINDS: usize = 64;
const USERS_OF_A_KIND: usize = 20;
const ROUNDS: usize = 40;
/// Rounds in which the kinds are made up only slowly, so that what they begin
/// with matters little (deterministic annealing; Ueda and Nakano 1998).
const SLOW_ROUNDS: usize = 10;
/// Users or items that are summed over together.
const BLOCK: usize = 128;
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
/// others. The same `seed` and ratings give the same kinds, for any number of threads of the
/// current pool.
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
    for rated in users.iter().flat_map(|user| &*user.ratings) {
        popularity[rated.item as usize] += 1.0 / users.len() as f64;
    }
    let mut rng = generator(seed, Purpose::Familiarity, 0, 0);
    let first = |item: usize, rng: &mut _| bounded(popularity[item] * draw(rng));
    let mut mixture = KindMixture {
        shares: vec![1.0 / kinds as f64; kinds],
        known: (0..items * kinds).map(|place| first(place / kinds, &mut rng)).collect(),
        stride: kinds.next_multiple_of(GATHERED),
        by_item: ByItem::new(users.iter(), items),
    };
    let mut of_tasks = Vec::new();
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

fn draw(rng: &mut impl Rng) -> f64 {
    rng.random_range(0.5..1.5)
}

struct KindMixture {
    /// [kinds].
    shares: Vec<f64>,
    /// [items, kinds].
    known: Vec<f64>,
    /// Kinds, and what fills vectors.
    stride: usize,
    by_item: ByItem,
}

/// Sums over some of the users, [kinds] each.
struct Counts {
    all: Vec<f64>,
    /// Those with as many ratings as tasks have.
    of_tasks: Vec<f64>,
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
    ) -> Vec<f64> {
        let Self { shares, known, stride, by_item } = self;
        let (kinds, stride) = (shares.len(), *stride);
        let mut odds = vec![0.0; popularity.len() * stride];
        let unknown: Vec<Vec<f64>> = known
            .par_chunks(BLOCK * kinds)
            .zip(odds.par_chunks_mut(BLOCK * stride))
            .map(|(known, odds)| {
                let mut sums = vec![0.0; kinds];
                for (known, odds) in known.chunks_exact(kinds).zip(odds.chunks_exact_mut(stride)) {
                    for ((known, odds), sum) in known.iter().zip(odds).zip(&mut sums) {
                        let unknown = (-known).ln_1p();
                        *sum += unknown;
                        *odds = (known.ln() - unknown) as f32;
                    }
                }
                sums
            })
            .collect();
        // In their order, so that the sum does not depend on the number of threads.
        let mut nobody: Vec<f64> = shares.iter().map(|share| share.ln()).collect();
        unknown.iter().for_each(|sums| add(&mut nobody, sums));
        // A user's chances, and then an item's sum of its users'.
        let mut chances = vec![0.0; users.len() * stride];
        let counts: Vec<Counts> = users
            .par_chunks(BLOCK)
            .zip(chances.par_chunks_mut(BLOCK * stride))
            .map(|(users, chances)| {
                let mut counts = Counts { all: vec![0.0; kinds], of_tasks: vec![0.0; kinds] };
                let (mut sums, mut items) = (vec![0.0; stride], Vec::new());
                for (user, out) in users.iter().zip(chances.chunks_exact_mut(stride)) {
                    items.clear();
                    items.extend(user.ratings.iter().map(|rated| rated.item));
                    sums[..kinds].copy_from_slice(&nobody);
                    add_rows_at(&mut sums, &odds, stride, &items, None);
                    let sums = &mut sums[..kinds];
                    let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    sums.iter_mut()
                        .for_each(|chance| *chance = (trust * (*chance - largest)).exp());
                    let sum: f64 = sums.iter().sum();
                    sums.iter_mut().for_each(|chance| *chance /= sum);
                    out.iter_mut().zip(&*sums).for_each(|(out, chance)| *out = *chance as f32);
                    add(&mut counts.all, sums);
                    if (rules.min_ratings..=rules.max_ratings).contains(&user.ratings.len()) {
                        add(&mut counts.of_tasks, sums);
                    }
                }
                counts
            })
            .collect();
        let mut sums = Counts { all: vec![0.0; kinds], of_tasks: vec![0.0; kinds] };
        for counts in counts {
            add(&mut sums.all, &counts.all);
            add(&mut sums.of_tasks, &counts.of_tasks);
        }
        let Counts { all: counts, of_tasks } = sums;
        known.par_chunks_mut(BLOCK * kinds).enumerate().for_each(|(block, known)| {
            let mut sums = vec![0.0; stride];
            for (item, known) in (block * BLOCK..).zip(known.chunks_exact_mut(kinds)) {
                sums.fill(0.0);
                add_rows_at(&mut sums, &chances, stride, by_item.of_item(item), None);
                for ((known, sum), count) in known.iter_mut().zip(&sums).zip(&counts) {
                    *known = bounded((sum + DAMPING * popularity[item]) / (count + DAMPING));
                }
            }
        });
        let all = users.len() as f64 + 0.1 * kinds as f64;
        shares.iter_mut().zip(&counts).for_each(|(share, count)| *share = (count + 0.1) / all);
        of_tasks
    }
}

fn add(sums: &mut [f64], numbers: &[f64]) {
    sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
}

fn bounded(probability: f64) -> f64 {
    probability.clamp(MIN_CHANCE, MAX_CHANCE)
}
