//! The items of a generated world: their content and popularity.

use std::collections::HashSet;

use rand::seq::{SliceRandom, index};
use rand::{Rng, RngExt};
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Exp1};

use super::words::{COUNTRIES, GENRES, STUDIOS, titles};

/// An item's content; indices are into the lists of names.
pub(super) struct Item {
    pub title: String,
    /// One to three different ones.
    pub genres: Vec<usize>,
    pub studio: usize,
    pub country: usize,
    pub year: i32,
}

/// Generates items.
pub(super) fn generate(count: usize, rng: &mut impl Rng) -> Vec<Item> {
    let homes = STUDIOS.map(|_| rng.random_range(0..COUNTRIES.len()));
    let titles = titles(count, rng);
    let mut item = |title| {
        // The larger of few draws, so that some genres and studios are common.
        let genre_count = *[1, 2, 2, 3].get(rng.random_range(0..4)).unwrap_or(&1);
        let studio = rng.random_range(0..STUDIOS.len()).max(rng.random_range(0..STUDIOS.len()));
        let home = homes.get(studio).copied().unwrap_or_default();
        let abroad = rng.random_range(0..COUNTRIES.len());
        let age: f64 = Exp1.sample(rng);
        Item {
            title,
            genres: index::sample(rng, GENRES.len(), genre_count).into_vec(),
            studio,
            country: if rng.random_bool(0.7) { home } else { abroad },
            year: 2024 - (age * 18.0).min(74.0) as i32,
        }
    };
    titles.into_iter().map(&mut item).collect()
}

/// How likely people are to come across each item: few items are known to nearly everyone,
/// and most to few people.
pub(super) struct ItemPopularity {
    weights: Vec<f64>,
    /// `None` if there is no item.
    draw: Option<WeightedAliasIndex<f64>>,
}

impl ItemPopularity {
    pub fn generate(count: usize, rng: &mut impl Rng) -> Self {
        let mut weights: Vec<f64> = (0..count).map(|rank| (rank as f64 + 2.0).powf(-0.8)).collect();
        weights.shuffle(rng);
        let draw = WeightedAliasIndex::new(weights.clone()).ok();
        Self { weights, draw }
    }

    /// `count` different items that somebody chooses, in ascending order. They come across
    /// items by popularity, and choose each with its `chance`.
    pub fn choose(
        &self,
        count: usize,
        chance: impl Fn(u32) -> f64,
        rng: &mut impl Rng,
    ) -> Vec<u32> {
        let mut items = match &self.draw {
            // If repetitions are few, they are drawn and dropped ...
            Some(draw) if count < self.weights.len() / 8 => {
                let mut items = HashSet::with_capacity(count);
                while items.len() < count {
                    let item = draw.sample(rng) as u32;
                    if rng.random_bool(chance(item)) {
                        items.insert(item);
                    }
                }
                items.into_iter().collect()
            }
            // ... and otherwise a number is drawn for each item, which is equivalent.
            _ => {
                let weight = |item: usize| {
                    self.weights.get(item).copied().unwrap_or_default() * chance(item as u32)
                };
                index::sample_weighted(rng, self.weights.len(), weight, count)
                    .map(|items| items.into_iter().map(|item| item as u32).collect())
                    .unwrap_or_else(|_| Vec::new())
            }
        };
        items.sort_unstable();
        items
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Of 100 items a few are drawn by trial, and many by weight: both as a plain draw
    /// without replacement would, of which the first two items' chances are known.
    #[test]
    fn items_are_chosen_by_popularity_times_chance() {
        let popularity = ItemPopularity::generate(100, &mut ChaCha8Rng::seed_from_u64(1));
        let chance = |item: u32| 0.02 + f64::from(item % 7) / 8.0;
        let share = |item: usize| popularity.weights[item] * chance(item as u32);
        let whole: f64 = (0..100).map(share).sum();
        for count in [1, 2, 20] {
            let rng = &mut ChaCha8Rng::seed_from_u64(2);
            let draws = 20_000;
            let mut often = [0; 100];
            for _ in 0..draws {
                let items = popularity.choose(count, chance, rng);
                assert!(items.len() == count && items.is_sorted_by(|a, b| a < b));
                items.iter().for_each(|&item| often[item as usize] += 1);
            }
            // First, or second after each other one; of more, by plain draws.
            let first = |item| share(item) / whole;
            let plain = plain_draws(&(0..100).map(share).collect::<Vec<_>>(), count, draws);
            for (item, often) in often.into_iter().enumerate() {
                let second = (0..100).filter(|&other| other != item);
                let second =
                    second.map(|other| first(other) * share(item) / (whole - share(other)));
                let (expected, variance) = match count {
                    1 => (first(item), 1.0),
                    2 => (first(item) + second.sum::<f64>(), 1.0),
                    _ => (f64::from(plain[item]) / draws as f64, 2.0),
                };
                let deviation = (variance * expected * (1.0 - expected) * draws as f64).sqrt();
                let difference = f64::from(often) - expected * draws as f64;
                assert!(difference.abs() < 5.0 * deviation, "{count}: {item} {often} {expected}");
            }
        }
    }

    /// How often each is among `count` that are drawn in turn by weight, of those left.
    fn plain_draws(weights: &[f64], count: usize, draws: usize) -> Vec<u32> {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let mut often = vec![0; weights.len()];
        for _ in 0..draws {
            let mut left = weights.to_vec();
            for _ in 0..count {
                let mut point = rng.random_range(0.0..left.iter().sum::<f64>());
                let passed = |weight: &f64| {
                    point -= weight;
                    point < 0.0
                };
                if let Some(item) = left.iter().position(passed) {
                    (left[item], often[item]) = (0.0, often[item] + 1);
                }
            }
        }
        often
    }
}
