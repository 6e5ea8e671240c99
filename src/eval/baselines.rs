//! Predictors that need no model.

use crate::data::{Dataset, Rated, Scenario};

/// The number of ratings with which a mean is pulled towards its prior.
const DAMPING: f64 = 5.0;

/// Means of the ratings that training sees: existing users, existing items.
#[derive(Clone, Debug)]
pub struct Baselines {
    global_mean: f64,
    /// Damped towards the global mean; an item without ratings has exactly that.
    item_means: Vec<f64>,
    global_median: f32,
    /// The least and the greatest rating.
    range: (f32, f32),
    /// Whether all ratings of the data folder are 0 or 1.
    clicks: bool,
}

impl Baselines {
    /// Fits to a data folder's training part.
    pub fn new(dataset: &Dataset) -> Self {
        let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
        let mut sums = vec![(0.0, 0.0); dataset.items.len()];
        let mut range = (f32::INFINITY, f32::NEG_INFINITY);
        let mut values = Vec::new();
        for rated in groups.iter().flat_map(|group| &*group.ratings) {
            let (sum, count) = &mut sums[rated.item as usize];
            *sum += f64::from(rated.value);
            *count += 1.0;
            values.push(rated.value);
            range = (range.0.min(rated.value), range.1.max(rated.value));
        }
        let (sum, count) =
            sums.iter().fold((0.0, 0.0), |total, (sum, count)| (total.0 + sum, total.1 + count));
        let global_mean = if count > 0.0 { sum / count } else { 0.0 };
        let damped = |&(sum, count): &(f64, f64)| (sum + DAMPING * global_mean) / (count + DAMPING);
        Self {
            global_mean,
            item_means: sums.iter().map(damped).collect(),
            global_median: median(&mut values),
            range,
            clicks: dataset.all_values().all(|value| [0.0, 1.0].contains(&value)),
        }
    }

    /// The mean of all ratings, whoever the user.
    pub fn global_mean(&self) -> f32 {
        self.global_mean as f32
    }

    /// The median of all ratings, whoever the user: no other constant has a smaller mean
    /// absolute error. Of an even number of ratings it is the lower of the middle two, so that
    /// it is a rating; 0 without ratings.
    pub fn global_median(&self) -> f32 {
        self.global_median
    }

    /// The mean of the user's ratings; the global mean for a user without ratings.
    pub fn user_mean(&self, support: &[Rated]) -> f32 {
        if support.is_empty() {
            return self.global_mean();
        }
        let sum: f64 = support.iter().map(|rated| f64::from(rated.value)).sum();
        (sum / support.len() as f64) as f32
    }

    /// An item's damped mean, plus the damped mean difference of the user's ratings to the
    /// damped means of their items.
    ///
    /// Takes time for each of the user's ratings.
    pub fn item_mean_user_bias(&self, support: &[Rated], item: u32) -> f32 {
        (self.item_mean(item) + self.user_bias(support)) as f32
    }

    /// Each rating's item, and the rating's difference to [`Baselines::item_mean_user_bias`]
    /// of all of them.
    pub(super) fn surprises(&self, support: &[Rated]) -> Vec<(u32, f64)> {
        let bias = self.user_bias(support);
        let surprise = |rated: &Rated| f64::from(rated.value) - self.item_mean(rated.item) - bias;
        support.iter().map(|rated| (rated.item, surprise(rated))).collect()
    }

    /// [`Baselines::item_mean_user_bias`] of several items, into `out`.
    pub(super) fn item_means_user_bias(&self, support: &[Rated], items: &[u32], out: &mut [f32]) {
        let bias = self.user_bias(support);
        for (out, item) in out.iter_mut().zip(items) {
            *out = (self.item_mean(*item) + bias) as f32;
        }
    }

    fn item_mean(&self, item: u32) -> f64 {
        self.item_means.get(item as usize).copied().unwrap_or(self.global_mean)
    }

    fn user_bias(&self, support: &[Rated]) -> f64 {
        let above = support.iter().map(|rated| f64::from(rated.value) - self.item_mean(rated.item));
        above.sum::<f64>() / (support.len() as f64 + DAMPING)
    }

    /// A prediction within the range of the ratings.
    pub fn clip(&self, prediction: f32) -> f32 {
        prediction.max(self.range.0).min(self.range.1)
    }

    /// Whether this is the least or the greatest rating.
    pub(super) fn is_end(&self, prediction: f32) -> bool {
        prediction == self.range.0 || prediction == self.range.1
    }

    /// Whether the ratings are clicks: all are 0 or 1.
    pub fn are_clicks(&self) -> bool {
        self.clicks
    }

    /// The gains of ratings for [`ndcg`](super::ndcg): the ratings themselves, or, if the
    /// training ratings' least is below 0, the distances from it. Never below 0.
    pub fn gains(&self, ratings: &[f32]) -> Vec<f32> {
        let zero = self.range.0.min(0.0);
        ratings.iter().map(|rating| (rating - zero).max(0.0)).collect()
    }
}

/// The lower of the middle two of an even number; 0 without numbers.
fn median(numbers: &mut [f32]) -> f32 {
    let middle = numbers.len().saturating_sub(1) / 2;
    match numbers.is_empty() {
        true => 0.0,
        false => *numbers.select_nth_unstable_by(middle, f32::total_cmp).1,
    }
}
