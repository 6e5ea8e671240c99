//! The items of a generated world: what they are, and who comes across them.

use std::collections::HashSet;

use rand::seq::{SliceRandom, index};
use rand::{Rng, RngExt};
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Exp1};

use super::words::{COUNTRIES, GENRES, STUDIOS, titles};

/// What an item is made of; indices are into the lists of names.
pub(super) struct Item {
    pub title: String,
    /// One to three that differ.
    pub genres: Vec<usize>,
    pub studio: usize,
    pub country: usize,
    pub year: i32,
}

/// Makes up items.
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

/// How likely people come across each item: few items are known to nearly
/// everyone, and most to few.
pub(super) struct Popularity {
    weights: Vec<f64>,
    /// `None` if there is no item.
    draw: Option<WeightedAliasIndex<f64>>,
}

impl Popularity {
    pub fn generate(count: usize, rng: &mut impl Rng) -> Self {
        let mut weights: Vec<f64> = (0..count).map(|rank| (rank as f64 + 2.0).powf(-0.8)).collect();
        weights.shuffle(rng);
        let draw = WeightedAliasIndex::new(weights.clone()).ok();
        Self { weights, draw }
    }

    /// `count` items that differ, in ascending order: each in turn is drawn by
    /// popularity among those that are left.
    pub fn draw(&self, count: usize, rng: &mut impl Rng) -> Vec<u32> {
        let mut items = match &self.draw {
            // Repetitions are drawn and dropped where they are few ...
            Some(draw) if count < self.weights.len() / 8 => {
                let mut items = HashSet::with_capacity(count);
                while items.len() < count {
                    items.insert(draw.sample(rng) as u32);
                }
                items.into_iter().collect()
            }
            // ... and else a number is drawn for each item, which comes to the same.
            _ => {
                let weight = |item: usize| self.weights.get(item).copied().unwrap_or_default();
                index::sample_weighted(rng, self.weights.len(), weight, count)
                    .map(|items| items.into_iter().map(|item| item as u32).collect())
                    .unwrap_or_else(|_| Vec::new())
            }
        };
        items.sort_unstable();
        items
    }
}
