//! A bound on what one user costs.

use rand::seq::index::sample;

use crate::random::{Purpose, generator};

/// How many of one user's interactions count towards similarities between items.
///
/// A user with n interactions speaks for n² pairs of items. With this bound, all users'
/// pairs are at most 2,500 times as many as their interactions, so that neither time nor
/// memory is quadratic in the largest user. Nobody in MovieLens 1M reaches it: the greatest
/// user has 2,314.
pub const MAX_OF_ONE_USER: usize = 2500;

/// The user's interactions, or, if there are more than [`MAX_OF_ONE_USER`], a random sample
/// of as many, in their order. The same user has the same sample.
pub fn bounded<T: Copy>(user: u64, interactions: Vec<T>) -> Vec<T> {
    if interactions.len() <= MAX_OF_ONE_USER {
        return interactions;
    }
    let mut rng = generator(0, Purpose::HeavyUsers, user, 0);
    let mut places = sample(&mut rng, interactions.len(), MAX_OF_ONE_USER).into_vec();
    places.sort_unstable();
    places.into_iter().map(|place| interactions[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_heavy_users_are_sampled() {
        let light: Vec<u32> = (0..MAX_OF_ONE_USER as u32).collect();
        assert_eq!(bounded(3, light.clone()), light);
        let heavy: Vec<u32> = (0..60_000).collect();
        let kept = bounded(3, heavy.clone());
        assert_eq!(kept.len(), MAX_OF_ONE_USER);
        assert!(kept.is_sorted_by(|a, b| a < b));
        assert_eq!(kept, bounded(3, heavy.clone()));
        assert_ne!(kept, bounded(4, heavy));
        // From the whole of it.
        assert!(kept[0] < 1000 && kept[MAX_OF_ONE_USER - 1] > 59_000);
    }
}
