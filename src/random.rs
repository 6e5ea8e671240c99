//! Streams of random numbers, each named by its purpose.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The purpose of a stream of random numbers.
///
/// The same seed gives the same numbers only as long as these numbers stay: never renumber
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[allow(dead_code, reason = "the list is fixed; rooms take their purpose as they are built")]
pub(crate) enum Purpose {
    /// The choice of new users and items.
    Split = 0,
    /// The split of a task's ratings into support and query set.
    Tasks = 1,
    /// The tastes, items and people of a generated world.
    Synth = 2,
    /// Answers of people in a generated world.
    Answers = 3,
    /// A model's weights before training.
    InitialWeights = 4,
    /// The order in which training sees the tasks.
    Order = 5,
    /// The choice of users held back to validate training.
    Validation = 6,
    /// The items' initial factors.
    Factors = 7,
    /// The choice of items that training treats as if nobody had rated them.
    ColdItems = 8,
    /// Initial values of the kinds of people who know different items.
    Familiarity = 9,
    /// Random questions in the comparison of questions.
    Questions = 10,
    /// The choice of a user's interactions that a list should find.
    Rankings = 11,
    /// The items' initial vectors for choosing.
    ItemFactors = 12,
    /// The choice of users held back to choose the settings of lists.
    ChoiceValidation = 13,
    /// The answers of a user that a step of the training for lists shows.
    ChoiceTasks = 14,
    /// The interactions that count of a user who has very many of them.
    HeavyUsers = 15,
}

/// The stream of `purpose`; `a` and `b` are its coordinates, for example the
/// epoch and the user.
///
/// The four numbers are the generator's whole key, so that no two streams are
/// the same and none depends on how much of another was used.
pub(crate) fn generator(seed: u64, purpose: Purpose, a: u64, b: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, number) in key.chunks_exact_mut(8).zip([seed, purpose as u64, a, b]) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::Rng;

    use super::*;

    #[test]
    fn each_coordinate_makes_a_stream_of_its_own() {
        let first = |seed, purpose, a, b| generator(seed, purpose, a, b).next_u64();
        let mut seen = HashSet::new();
        for seed in [0, 1, u64::MAX] {
            for purpose in [Purpose::Split, Purpose::Tasks, Purpose::Validation] {
                for a in [0, 1, 2] {
                    for b in [0, 1, 1 << 40] {
                        assert_eq!(first(seed, purpose, a, b), first(seed, purpose, a, b));
                        assert!(seen.insert(first(seed, purpose, a, b)));
                    }
                }
            }
        }
    }
}
