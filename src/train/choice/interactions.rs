//! Who chose what, by user and by item.

use crate::data::{Rated, UserRatings};
use crate::train::by_item::ByItem;

/// The interactions that a head for choosing is fitted to, of users counted from 0
/// and items by their rows in the data folder.
#[derive(Clone, Debug)]
pub struct Interactions {
    /// Where each user's begin, and at the end where the last end.
    starts: Vec<usize>,
    rated: Vec<Rated>,
    by_item: ByItem,
}

impl Interactions {
    /// Of these users, with so many items.
    pub fn new<'a>(
        groups: impl IntoIterator<Item = &'a UserRatings, IntoIter: Clone>,
        items: usize,
    ) -> Self {
        let groups = groups.into_iter();
        let count = groups.clone().map(|group| group.ratings.len()).sum();
        let (mut starts, mut rated) = (vec![0], Vec::with_capacity(count));
        for group in groups.clone() {
            rated.extend_from_slice(&group.ratings);
            starts.push(rated.len());
        }
        Self { starts, rated, by_item: ByItem::new(groups, items) }
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.by_item.items()
    }

    /// A user's interactions, by item in ascending order.
    pub fn of_user(&self, user: usize) -> &[Rated] {
        &self.rated[self.starts[user]..self.starts[user + 1]]
    }

    /// Who chose an item, in ascending order.
    pub fn of_item(&self, item: usize) -> &[u32] {
        self.by_item.of_item(item)
    }

    /// How many users chose an item.
    pub fn raters(&self, item: usize) -> usize {
        self.by_item.raters(item)
    }

    /// How many interactions there are.
    pub fn count(&self) -> usize {
        self.rated.len()
    }
}
