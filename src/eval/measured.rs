//! A bound on how many users an evaluation measures.

use rand::seq::index;

use crate::random::{Purpose, generator};

/// At most so many of the users, drawn at random, in their order: with some thousands the
/// standard errors are far below what matters, and more would only take longer. Each `place`
/// has draws of its own; 1 is taken.
pub fn some_of<T>(mut users: Vec<T>, most: usize, seed: u64, place: u64) -> Vec<T> {
    if users.len() > most {
        let mut rng = generator(seed, Purpose::Rankings, u64::MAX, place);
        let mut kept = vec![false; users.len()];
        index::sample(&mut rng, users.len(), most).into_iter().for_each(|place| kept[place] = true);
        let mut kept = kept.into_iter();
        users.retain(|_| kept.next() == Some(true));
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_left_in_their_order() {
        let users: Vec<u32> = (0..1000).collect();
        assert_eq!(some_of(users.clone(), 1000, 0, 0), users);
        let some = some_of(users.clone(), 300, 0, 0);
        assert!(some.len() == 300 && some.is_sorted());
        assert_ne!(some, some_of(users.clone(), 300, 0, 2));
        assert_eq!(some, some_of(users, 300, 0, 0));
    }
}
