//! Who chose what, by user and by item.

use crate::data::{Rated, UserRatings};
use crate::train::by_item::ByItem;

/// The interactions that a head for choosing is fitted to, of users counted from 0
/// and items by their rows in the data folder.
#[derive(Clone, Debug)]
pub struct Interactions<'a> {
    /// Each user's.
    rated: Vec<&'a [Rated]>,
    by_item: ByItem,
}

impl<'a> Interactions<'a> {
    /// Of these users, with so many items.
    pub fn new(
        groups: impl IntoIterator<Item = &'a UserRatings, IntoIter: Clone>,
        items: usize,
    ) -> Self {
        let groups = groups.into_iter();
        let rated = groups.clone().map(|group| &*group.ratings).collect();
        Self { rated, by_item: ByItem::new(groups, items) }
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.rated.len()
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.by_item.items()
    }

    /// A user's interactions, by item in ascending order.
    pub fn of_user(&self, user: usize) -> &'a [Rated] {
        self.rated[user]
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
        self.rated.iter().map(|rated| rated.len()).sum()
    }
}
