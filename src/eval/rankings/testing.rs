//! Helpers for the tests of several recommenders.

use rand::RngExt as _;

use super::choices::{Choice, Choices};
use crate::random::{Purpose, generator};

/// Choices of so many users, of whom each chose a third of so many items.
pub fn some_choices(users: usize, items: usize) -> Choices {
    let user = |user| {
        let mut rng = generator(7, Purpose::Rankings, user as u64, 0);
        let chosen = (0..items as u32).filter(|_| rng.random_bool(0.3)).collect::<Vec<_>>();
        let choice = |item| Choice { item, liked: rng.random_bool(0.6) };
        chosen.into_iter().map(choice).collect()
    };
    Choices { items, users: (0..users).map(user).collect() }
}
