//! Who rated or chose each item.

use crate::data::{Rated, UserRatings};

/// The users of each item, counted from 0 in the order of their groups.
#[derive(Clone, Debug)]
pub struct ByItem {
    /// Where each item's users begin, and at the end where the last end.
    starts: Vec<usize>,
    users: Vec<u32>,
}

impl ByItem {
    /// Of these users, with so many items.
    pub fn new<'a>(groups: impl Iterator<Item = &'a UserRatings> + Clone, items: usize) -> Self {
        let mut starts = vec![0; items + 1];
        let each = |rated: &Rated| rated.item as usize;
        groups.clone().flat_map(|g| &*g.ratings).for_each(|rated| starts[each(rated) + 1] += 1);
        for item in 0..items {
            starts[item + 1] += starts[item];
        }
        let mut next = starts.clone();
        let mut users = vec![0; starts[items]];
        for (user, group) in (0..).zip(groups) {
            for rated in &*group.ratings {
                let place = &mut next[each(rated)];
                users[*place] = user;
                *place += 1;
            }
        }
        Self { starts, users }
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.starts.len() - 1
    }

    /// Who has an item, in ascending order.
    pub fn of_item(&self, item: usize) -> &[u32] {
        &self.users[self.starts[item]..self.starts[item + 1]]
    }

    /// How many users have an item.
    pub fn raters(&self, item: usize) -> usize {
        self.starts[item + 1] - self.starts[item]
    }
}
