//! The meaning of an interaction.

use super::ratings::Rating;

/// The place between the least and the greatest rating at which liking begins, unless a data
/// folder sets it: 4 on a scale of 1 to 5 stars, and 1 on a scale of 0 and 1.
const LIKED_FROM: f32 = 0.75;

/// How the interactions of a data folder show what users like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feedback {
    /// Each has a value on a scale.
    Ratings {
        /// The least value that counts as liked.
        liked: f32,
    },
    /// They have no values that distinguish liked items from others: each one is a choice,
    /// and items that were not chosen are not recorded. Values, if there are any, are
    /// strengths, such as a number of plays.
    PositiveOnly,
}

impl Feedback {
    /// The feedback in these ratings. If all have the same value, they are positive-only.
    ///
    /// `liked` is the least value that counts as liked, if the folder says so. Otherwise it
    /// follows from the ratings that training sees, those for which `seen` holds, or from all
    /// ratings if those are alike.
    ///
    /// # Errors
    /// Says, in words, that `liked` is not within the ratings.
    pub(super) fn of(
        ratings: &[Rating],
        seen: impl Fn(&Rating) -> bool,
        liked: Option<f32>,
    ) -> Result<Self, String> {
        let (lowest, highest) = range(ratings.iter());
        if let Some(liked) = liked.filter(|liked| !(lowest..=highest).contains(liked)) {
            return Err(format!(
                "[ratings] liked = {liked} is not within the ratings, which are from {lowest} \
                 to {highest}"
            ));
        }
        if lowest >= highest {
            return Ok(Self::PositiveOnly);
        }
        let liked = liked.unwrap_or_else(|| {
            let (low, high) = range(ratings.iter().filter(|rating| seen(rating)));
            let (low, high) = if low < high { (low, high) } else { (lowest, highest) };
            low + LIKED_FROM * (high - low)
        });
        Ok(Self::Ratings { liked })
    }

    /// The name of the interactions: `ratings` or `interactions`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Ratings { .. } => "ratings",
            Self::PositiveOnly => "interactions",
        }
    }

    /// Whether the user likes an item with a rating of this value.
    pub fn is_liked(self, value: f32) -> bool {
        match self {
            Self::Ratings { liked } => value >= liked,
            Self::PositiveOnly => true,
        }
    }
}

/// The lowest and the highest value.
fn range<'a>(ratings: impl Iterator<Item = &'a Rating>) -> (f32, f32) {
    ratings.fold((f32::INFINITY, f32::NEG_INFINITY), |(lowest, highest), rating| {
        (lowest.min(rating.value), highest.max(rating.value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32]) -> Feedback {
        let rating = |&value| Rating { user: 0, item: 0, value };
        let ratings: Vec<_> = values.iter().map(rating).collect();
        Feedback::of(&ratings, |_| true, None).unwrap()
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
