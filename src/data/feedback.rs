//! What an interaction says.

use super::ratings::Rating;

/// Where between the least and the greatest rating liking begins, unless a data
/// folder says so itself: at 4 of 1 to 5 stars, and at 1 of 0 and 1.
const LIKED_FROM: f32 = 0.75;

/// What the interactions of a data folder say of what users like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feedback {
    /// Each has a value on a scale.
    Ratings {
        /// The least value that counts as liked.
        liked: f32,
    },
    /// They have no values that tell what is liked from what is not: each one is a
    /// choice, and what was not chosen is not written down.
    PositiveOnly,
}

impl Feedback {
    /// What these ratings say: nothing but that they are there, where all are alike.
    pub(super) fn of(ratings: &[Rating]) -> Self {
        let values = || ratings.iter().map(|rating| rating.value);
        let lowest = values().fold(f32::INFINITY, f32::min);
        let highest = values().fold(f32::NEG_INFINITY, f32::max);
        match lowest < highest {
            true => Self::Ratings { liked: lowest + LIKED_FROM * (highest - lowest) },
            false => Self::PositiveOnly,
        }
    }

    /// Whether a rating of this value says that the user likes the item.
    pub fn is_liked(self, value: f32) -> bool {
        match self {
            Self::Ratings { liked } => value >= liked,
            Self::PositiveOnly => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32]) -> Feedback {
        let rating = |&value| Rating { user: 0, item: 0, value };
        Feedback::of(&values.iter().map(rating).collect::<Vec<_>>())
    }

    #[test]
    fn liking_begins_at_three_quarters_of_the_scale() {
        for (values, liked, not_liked) in [
            (&[1.0, 3.0, 5.0][..], 4.0, 3.5),
            (&[0.5, 5.0], 4.0, 3.5),
            (&[0.0, 1.0], 1.0, 0.5),
            (&[-10.0, 10.0], 5.0, 4.75),
        ] {
            assert!(of(values).is_liked(liked) && !of(values).is_liked(not_liked));
        }
    }

    #[test]
    fn ratings_that_are_all_alike_say_nothing_but_that_they_are_there() {
        for values in [&[1.0, 1.0][..], &[5.0]] {
            assert_eq!(of(values), Feedback::PositiveOnly);
            assert!(of(values).is_liked(values[0]));
        }
    }
}
