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
    /// The least and the greatest rating.
    range: (f32, f32),
}

impl Baselines {
    /// Fits to a data folder's training part.
    pub fn new(dataset: &Dataset) -> Self {
        let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
        let mut sums = vec![(0.0, 0.0); dataset.items.len()];
        let mut range = (f32::INFINITY, f32::NEG_INFINITY);
        for rated in groups.iter().flat_map(|group| &group.ratings) {
            let (sum, count) = &mut sums[rated.item as usize];
            *sum += f64::from(rated.value);
            *count += 1.0;
            range = (range.0.min(rated.value), range.1.max(rated.value));
        }
        let (sum, count) =
            sums.iter().fold((0.0, 0.0), |total, (sum, count)| (total.0 + sum, total.1 + count));
        let global_mean = if count > 0.0 { sum / count } else { 0.0 };
        let damped = |&(sum, count): &(f64, f64)| (sum + DAMPING * global_mean) / (count + DAMPING);
        Self { global_mean, item_means: sums.iter().map(damped).collect(), range }
    }

    /// The mean of all ratings, whoever the user.
    pub fn global_mean(&self) -> f32 {
        self.global_mean as f32
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
}
