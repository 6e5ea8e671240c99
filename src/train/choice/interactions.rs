//! Who chose what, by user and by item.

use crate::data::{Rated, UserRatings};

/// The interactions that a head for choosing is fitted to, of users counted from 0
/// and items by their rows in the data folder.
#[derive(Clone, Debug)]
pub struct Interactions {
    /// Where each user's begin, and at the end where the last end.
    starts: Vec<usize>,
    rated: Vec<Rated>,
    /// The same by item: users, in ascending order.
    item_starts: Vec<usize>,
    users: Vec<u32>,
}

impl Interactions {
    /// Of these users, with so many items.
    pub fn new<'a>(groups: impl IntoIterator<Item = &'a UserRatings>, items: usize) -> Self {
        let (mut starts, mut rated) = (vec![0], Vec::new());
        for group in groups {
            rated.extend_from_slice(&group.ratings);
            starts.push(rated.len());
        }
        let mut item_starts = vec![0; items + 1];
        rated.iter().for_each(|rated: &Rated| item_starts[rated.item as usize + 1] += 1);
        for item in 0..items {
            item_starts[item + 1] += item_starts[item];
        }
        let mut next = item_starts.clone();
        let mut users = vec![0; rated.len()];
        for user in 0..starts.len() - 1 {
            for rated in &rated[starts[user]..starts[user + 1]] {
                let place = &mut next[rated.item as usize];
                users[*place] = user as u32;
                *place += 1;
            }
        }
        Self { starts, rated, item_starts, users }
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.item_starts.len() - 1
    }

    /// A user's interactions, by item in ascending order.
    pub fn of_user(&self, user: usize) -> &[Rated] {
        &self.rated[self.starts[user]..self.starts[user + 1]]
    }

    /// Who chose an item, in ascending order.
    pub fn of_item(&self, item: usize) -> &[u32] {
        &self.users[self.item_starts[item]..self.item_starts[item + 1]]
    }

    /// How many users chose an item.
    pub fn raters(&self, item: usize) -> usize {
        self.item_starts[item + 1] - self.item_starts[item]
    }

    /// How many interactions there are.
    pub fn count(&self) -> usize {
        self.rated.len()
    }
}
