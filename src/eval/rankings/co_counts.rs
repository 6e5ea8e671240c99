//! How many users chose both of two items.

use rayon::prelude::*;

use super::choices::{Choices, Counted};
use crate::eval::heavy_users::bounded;
use crate::eval::nearest::nearest;

/// The number of pairs of items that are stored, in 256 MB: all pairs of up to 5,656 items,
/// or each item's most similar ones if there are more.
const REMEMBERED: usize = 32_000_000;

/// The number added to the root of the product of two items' counts, so that two rare items
/// with one common user do not count as the most similar ones.
const SHRINKAGE: f64 = 10.0;

/// For each item, the items that its users also chose, and the number of these users.
///
/// Of one user at most 2,500 choices count towards pairs, drawn at random, so that time is at
/// most 2,500 steps for each choice. Memory is at most 256 MB.
#[derive(Clone, Debug)]
pub struct CommonUsers {
    /// Which interactions are counted.
    pub counted: Counted,
    /// How many users chose each item.
    pub counts: Vec<u32>,
    /// For each item, by ascending index, others and how many users chose both; the
    /// item itself is not among them.
    pub rows: Vec<Vec<(u32, u32)>>,
}

impl CommonUsers {
    /// Counts, on the threads of the current pool.
    pub fn new(choices: &Choices, counted: Counted) -> Self {
        let counts = choices.counts(counted);
        let lists = choices.lists(counted);
        let by_user: Vec<Vec<u32>> =
            (0..).zip(lists.by_user).map(|(user, items)| bounded(user, items)).collect();
        let mut by_item = vec![Vec::new(); choices.items];
        for (user, items) in by_user.iter().enumerate() {
            items.iter().for_each(|&item| by_item[item as usize].push(user));
        }
        let most = REMEMBERED / counts.iter().filter(|count| **count > 0).count().max(1);
        let row = |(sums, touched): &mut (Vec<u32>, Vec<u32>), item: usize| {
            for &other in by_item[item].iter().flat_map(|&user: &usize| &by_user[user]) {
                let sum = &mut sums[other as usize];
                if *sum == 0 {
                    touched.push(other);
                }
                *sum += 1;
            }
            touched.sort_unstable();
            let mut row: Vec<(u32, u32)> = touched
                .drain(..)
                .map(|other| (other, std::mem::take(&mut sums[other as usize])))
                .filter(|(other, _)| *other as usize != item)
                .collect();
            if row.len() > most {
                let similarity = |&(other, both): &(u32, u32)| {
                    let product = f64::from(counts[item]) * f64::from(counts[other as usize]);
                    f64::from(both) / (product.sqrt() + SHRINKAGE)
                };
                row = nearest(row, most, similarity);
            }
            row
        };
        let rows = (0..choices.items).into_par_iter();
        let rows = rows.map_init(|| (vec![0; choices.items], Vec::new()), row).collect();
        Self { counted, counts, rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::heavy_users::MAX_OF_ONE_USER;
    use crate::eval::rankings::choices::Choice;

    #[test]
    fn pairs_are_bounded_for_a_user_who_chose_everything() {
        let items = 6000;
        let all = |step| (0..items).step_by(step).map(|item| Choice { item, liked: true });
        let users = vec![all(1).collect(), all(100).collect(), all(100).collect()];
        let choices = Choices { items: items as usize, users };
        let common = CommonUsers::new(&choices, Counted::All);
        assert_eq!((common.counts[0], common.counts[1]), (3, 1));
        let pairs: usize = common.rows.iter().map(Vec::len).sum();
        let most = MAX_OF_ONE_USER * (MAX_OF_ONE_USER - 1) + 60 * 59;
        assert!(MAX_OF_ONE_USER * (MAX_OF_ONE_USER - 1) <= pairs && pairs <= most, "{pairs}");
        // What lighter users share is counted in full, and both ways.
        let both = |a: usize, b: u32| {
            let place = common.rows[a].binary_search_by_key(&b, |(other, _)| *other);
            common.rows[a][place.unwrap()].1
        };
        for (a, b) in [(0, 100), (300, 5900)] {
            assert!(both(a, b as u32) >= 2 && both(a, b as u32) == both(b, a as u32));
        }
    }
}
