//! Users' choices in training.

use crate::data::{Feedback, Rated, UserRatings};

/// A user's interaction with an item, for recommenders of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The item's row in the data folder.
    pub item: u32,
    /// Whether the user liked it; with positive-only data, always.
    pub liked: bool,
}

impl Choice {
    /// The choices in these interactions.
    pub fn all(rated: &[Rated], feedback: Feedback) -> Vec<Self> {
        let choice =
            |rated: &Rated| Self { item: rated.item, liked: feedback.is_liked(rated.value) };
        rated.iter().map(choice).collect()
    }
}

/// Which interactions count: a setting of most simple recommenders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// All of them: even a disliked item says something, since it was chosen.
    All,
    /// Those that were liked.
    Liked,
}

impl Counted {
    /// Whether it is one of them.
    pub fn counts(self, choice: &Choice) -> bool {
        self == Self::All || choice.liked
    }

    /// The kinds that apply to this feedback.
    pub fn kinds(feedback: Feedback) -> &'static [Self] {
        match feedback {
            Feedback::Ratings { .. } => &[Self::All, Self::Liked],
            Feedback::PositiveOnly => &[Self::All],
        }
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::All => "all interactions",
            Self::Liked => "liked ones",
        })
    }
}

/// Users' interactions.
#[derive(Clone, Debug)]
pub struct Choices {
    /// How many items the data folder has, chosen or not.
    pub items: usize,
    /// Each user's, by item in ascending order.
    pub users: Vec<Vec<Choice>>,
}

impl Choices {
    /// Those of some users, in a data folder of so many items.
    pub fn new<'a>(
        groups: impl Iterator<Item = &'a UserRatings>,
        feedback: Feedback,
        items: usize,
    ) -> Self {
        let users = groups.map(|group| Choice::all(&group.ratings, feedback)).collect();
        Self { items, users }
    }

    /// Users' items and items' users.
    pub fn lists(&self, counted: Counted) -> Lists {
        let counted = |user: &Vec<Choice>| {
            let counted = user.iter().filter(|choice| counted.counts(choice));
            counted.map(|choice| choice.item).collect()
        };
        let by_user: Vec<Vec<u32>> = self.users.iter().map(counted).collect();
        let mut by_item = vec![Vec::new(); self.items];
        for (user, items) in (0..).zip(&by_user) {
            items.iter().for_each(|&item| by_item[item as usize].push(user));
        }
        Lists { by_user, by_item }
    }

    /// How many users chose each item of the data folder.
    pub fn counts(&self, counted: Counted) -> Vec<u32> {
        let mut counts = vec![0; self.items];
        for choice in self.users.iter().flatten().filter(|choice| counted.counts(choice)) {
            counts[choice.item as usize] += 1;
        }
        counts
    }
}

/// Users' items and items' users.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Each user's items, in ascending order.
    pub by_user: Vec<Vec<u32>>,
    /// Each item's users, in ascending order.
    pub by_item: Vec<Vec<u32>>,
}
