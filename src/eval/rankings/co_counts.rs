//! How many users chose both of two items.

use rayon::prelude::*;

use super::choices::{Choices, Counted, Lists};

/// The number of pairs of items that are stored, in 256 MB: all pairs of up to 5,656 items,
/// or each item's most similar ones if there are more.
const REMEMBERED: usize = 32_000_000;

/// The number added to the root of the product of two items' counts, so that two rare items
/// with one common user do not count as the most similar ones.
const SHRINKAGE: f64 = 10.0;

/// For each item, the items that its users also chose, and the number of these users.
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
        let Lists { by_user, by_item } = choices.lists(counted);
        let counts: Vec<u32> = by_item.iter().map(|users| users.len() as u32).collect();
        let most = REMEMBERED / counts.iter().filter(|count| **count > 0).count().max(1);
        let row = |sums: &mut Vec<u32>, item: usize| {
            for &user in &by_item[item] {
                by_user[user as usize].iter().for_each(|&other| sums[other as usize] += 1);
            }
            sums[item] = 0;
            let mut row: Vec<(u32, u32)> = (0..)
                .zip(sums.iter_mut())
                .filter(|(_, sum)| **sum > 0)
                .map(|(other, sum)| (other, std::mem::take(sum)))
                .collect();
            if row.len() > most {
                let similarity = |&(other, both): &(u32, u32)| {
                    let product = f64::from(counts[item]) * f64::from(counts[other as usize]);
                    f64::from(both) / (product.sqrt() + SHRINKAGE)
                };
                row.sort_by(|a, b| similarity(b).total_cmp(&similarity(a)));
                row.truncate(most);
                row.sort_unstable_by_key(|&(other, _)| other);
                row.shrink_to_fit();
            }
            row
        };
        let rows = (0..choices.items).into_par_iter();
        let rows = rows.map_init(|| vec![0; choices.items], row).collect();
        Self { counted, counts, rows }
    }
}
