//! Item-kNN: predictions from the user's ratings of similar items.

use rayon::prelude::*;

use super::baselines::Baselines;
use super::heavy_users::bounded;
use super::nearest::nearest;
use crate::data::{Dataset, Rated, Scenario, UserRatings};

/// The number of common raters by which a similarity is shrunk.
const SHRINKAGE: f64 = 100.0;

/// How many of an item's neighbours are stored: enough to contain some that the user rated,
/// and few enough for any catalogue.
const REMEMBERED: usize = 1000;

/// How many of the neighbours that the user rated count.
const NEAREST: usize = 40;

/// The damping of the neighbours' similarities: few or distant neighbours say little.
const DAMPING: f64 = 0.5;

/// Similarities between items, learned from the training part's ratings (Sarwar et al. 2001;
/// Koren 2008): correlations of the ratings' differences to
/// [`Baselines::item_mean_user_bias`], over the users who rated both.
///
/// At most 2,500 ratings of one user count, drawn at random, and each item keeps its 1,000
/// most similar ones. So both time and memory grow in proportion to the ratings: at most 2,500
/// steps for each rating, and 8 KB for each item.
#[derive(Clone, Debug)]
pub struct ItemKnn {
    /// For each item, by ascending index, those that are similar to it.
    neighbours: Vec<Vec<(u32, f32)>>,
}

/// Sums over the users who rated two items, of the ratings' differences to their expected
/// values.
#[derive(Clone, Copy, Default)]
struct Common {
    users: f64,
    products: f64,
    squares: f64,
    other_squares: f64,
}

impl Common {
    fn similarity(&self) -> f64 {
        let correlation = self.products / (self.squares * self.other_squares).sqrt();
        correlation * self.users / (self.users + SHRINKAGE)
    }
}

impl ItemKnn {
    /// From a data folder's training part, on the threads of the current pool.
    pub fn new(dataset: &Dataset, baselines: &Baselines) -> Self {
        let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
        let mut raters: Vec<Vec<(usize, f64)>> = vec![Vec::new(); dataset.items.len()];
        let surprises =
            |group: &UserRatings| bounded(group.user.into(), baselines.surprises(&group.ratings));
        let users: Vec<Vec<(u32, f64)>> = groups.iter().map(surprises).collect();
        for (user, surprises) in users.iter().enumerate() {
            for &(item, surprise) in surprises {
                raters[item as usize].push((user, surprise));
            }
        }
        let neighbours = |(sums, touched): &mut (Vec<Common>, Vec<u32>), item: usize| {
            for &(user, surprise) in &raters[item] {
                for &(other, of_other) in &users[user] {
                    let common = &mut sums[other as usize];
                    if common.users == 0.0 {
                        touched.push(other);
                    }
                    common.users += 1.0;
                    common.products += surprise * of_other;
                    common.squares += surprise * surprise;
                    common.other_squares += of_other * of_other;
                }
            }
            let similar = touched.drain(..).filter_map(|other| {
                let similarity = std::mem::take(&mut sums[other as usize]).similarity() as f32;
                (similarity > 0.0 && other as usize != item).then_some((other, similarity))
            });
            nearest(similar.collect(), REMEMBERED, |&(_, similarity)| similarity.into())
        };
        let nothing = || (vec![Common::default(); raters.len()], Vec::new());
        let items = (0..raters.len()).into_par_iter();
        Self { neighbours: items.map_init(nothing, neighbours).collect() }
    }

    /// Predicts a user's ratings of `items` into `out`: [`Baselines::item_mean_user_bias`],
    /// plus the differences of the user's ratings of the nearest neighbours to its
    /// predictions of those.
    ///
    /// # Panics
    /// If `out` is shorter than `items`.
    pub fn predict(
        &self,
        baselines: &Baselines,
        support: &[Rated],
        items: &[u32],
        out: &mut [f32],
    ) {
        let surprises = baselines.surprises(support);
        let mut near: Vec<(f32, f64)> = Vec::new();
        baselines.item_means_user_bias(support, items, out);
        for (&item, out) in items.iter().zip(out) {
            let similar = self.neighbours.get(item as usize).map_or(&[][..], Vec::as_slice);
            near.clear();
            near.extend(surprises.iter().filter_map(|&(other, surprise)| {
                let place = similar.binary_search_by_key(&other, |&(other, _)| other).ok()?;
                Some((similar[place].1, surprise))
            }));
            // Stable, so that the first given count among equally similar ones.
            near.sort_by(|a, b| b.0.total_cmp(&a.0));
            near.truncate(NEAREST);
            let (weighted, weights) = near.iter().fold((0.0, 0.0), |sums, &(weight, surprise)| {
                let weight = f64::from(weight);
                (sums.0 + weight * surprise, sums.1 + weight)
            });
            *out = (f64::from(*out) + weighted / (weights + DAMPING)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{SynthOptions, World, tasks};

    /// The same from the definition: every pair of items by itself.
    fn plain(dataset: &Dataset, support: &[Rated], item: u32) -> f64 {
        let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
        let baselines = Baselines::new(dataset);
        let above = |ratings: &[Rated], item: u32| {
            let rated = ratings.iter().find(|rated| rated.item == item)?;
            let expected = f64::from(baselines.item_mean_user_bias(ratings, item));
            Some(f64::from(rated.value) - expected)
        };
        let similarity = |a: u32, b: u32| {
            let both: Vec<(f64, f64)> = groups
                .iter()
                .filter_map(|group| Some((above(&group.ratings, a)?, above(&group.ratings, b)?)))
                .collect();
            let products: f64 = both.iter().map(|(x, y)| x * y).sum();
            let squares: f64 = both.iter().map(|(x, _)| x * x).sum();
            let other_squares: f64 = both.iter().map(|(_, y)| y * y).sum();
            let users = both.len() as f64;
            products / (squares * other_squares).sqrt() * users / (users + SHRINKAGE)
        };
        let mut near: Vec<(f64, f64)> = support
            .iter()
            .map(|rated| (similarity(item, rated.item), above(support, rated.item).unwrap()))
            .filter(|(similarity, _)| *similarity > 0.0)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.truncate(NEAREST);
        let weighted: f64 = near.iter().map(|(weight, above)| weight * above).sum();
        let weights: f64 = near.iter().map(|(weight, _)| weight).sum();
        f64::from(baselines.item_mean_user_bias(support, item)) + weighted / (weights + DAMPING)
    }

    fn small_world() -> Dataset {
        let options =
            SynthOptions { users: 60, items: 40, ratings_per_user: 22, ..Default::default() };
        World::generate(&options).unwrap().dataset().unwrap()
    }

    #[test]
    fn neighbours_agree_with_the_definition() {
        let dataset = small_world();
        let baselines = Baselines::new(&dataset);
        let knn = ItemKnn::new(&dataset, &baselines);
        let mut compared = 0;
        for scenario in Scenario::ALL {
            for task in tasks(&dataset.scenario(scenario), &dataset.rules, 0, 0) {
                let items: Vec<u32> = task.query.iter().map(|rated| rated.item).collect();
                let mut predictions = vec![0.0; items.len()];
                knn.predict(&baselines, &task.support, &items, &mut predictions);
                for (&item, prediction) in items.iter().zip(predictions) {
                    let expected = plain(&dataset, &task.support, item);
                    assert!((f64::from(prediction) - expected).abs() < 1e-5, "{scenario:?}");
                    compared += 1;
                }
            }
        }
        assert!(compared > 100, "{compared}");
    }

    #[test]
    fn given_nothing_it_is_the_items_mean() {
        let dataset = small_world();
        let baselines = Baselines::new(&dataset);
        let knn = ItemKnn::new(&dataset, &baselines);
        let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
        let mut predictions = vec![0.0; items.len()];
        knn.predict(&baselines, &[], &items, &mut predictions);
        for (&item, prediction) in items.iter().zip(predictions) {
            assert_eq!(prediction, baselines.item_mean_user_bias(&[], item));
        }
    }
}
