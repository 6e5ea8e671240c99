//! The worth of one list.

/// The length of a list.
pub const LENGTH: usize = 20;

/// The length of the list in which a hit is counted.
const HIT: usize = 10;

/// The item is not a candidate: the user answered about it.
pub const ANSWERED: u8 = 1;
/// The item is one of those to find.
pub const RELEVANT: u8 = 2;

/// One list, and how good it is.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The best candidates, best first: 20, or all where there are fewer.
    pub best: Vec<u32>,
    /// Normalised discounted cumulative gain of the list: relevant items gain `1 / log2(1 +
    /// rank)`, divided by the greatest possible gain.
    pub ndcg20: f64,
    /// The share of the relevant items that are in the list.
    pub recall20: f64,
    /// 1 if one of the best ten is relevant, 0 otherwise.
    pub hit10: f64,
    /// 1 / the rank of the first relevant item among all candidates.
    pub reciprocal_rank: f64,
}

impl List {
    /// The list of the candidates with the best scores, if one of the candidates is relevant.
    /// Among candidates with equal scores the first comes first; NaN is worse than any other
    /// score.
    ///
    /// `marks` has [`ANSWERED`] and [`RELEVANT`] for each item that has a score.
    pub fn new(scores: &[f32], candidates: &[u32], marks: &[u8]) -> Option<Self> {
        let worth = |item: u32| {
            let score = scores[item as usize];
            if score.is_nan() { f32::NEG_INFINITY } else { score }
        };
        let is_relevant = |item: u32| marks[item as usize] & RELEVANT != 0;
        let left =
            || candidates.iter().copied().filter(|&item| marks[item as usize] & ANSWERED == 0);
        let mut best: Vec<u32> = Vec::with_capacity(LENGTH + 1);
        let mut least = f32::NEG_INFINITY;
        let mut relevant = 0;
        // The place of the best relevant one among those left, and its score.
        let mut first: Option<(usize, f32)> = None;
        for (place, item) in left().enumerate() {
            let score = worth(item);
            if is_relevant(item) {
                relevant += 1;
                if first.is_none_or(|(_, best)| score > best) {
                    first = Some((place, score));
                }
            }
            if best.len() < LENGTH || score > least {
                let rank = best.partition_point(|&other| worth(other) >= score);
                best.insert(rank, item);
                best.truncate(LENGTH);
                least = best.last().map_or(least, |&item| worth(item));
            }
        }
        let (place, score) = first?;
        let before = left().enumerate().filter(|&(other, item)| {
            let of_other = worth(item);
            of_other > score || (of_other == score && other < place)
        });
        let gain = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
        let found = || best.iter().enumerate().filter(|(_, item)| is_relevant(**item));
        let ideal: f64 = (0..relevant.min(LENGTH)).map(gain).sum();
        Some(Self {
            ndcg20: found().map(|(rank, _)| gain(rank)).sum::<f64>() / ideal,
            recall20: found().count() as f64 / relevant as f64,
            hit10: f64::from(u8::from(found().any(|(rank, _)| rank < HIT))),
            reciprocal_rank: 1.0 / (before.count() + 1) as f64,
            best,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same from the definitions: all candidates sorted, and no shortcuts.
    fn plain(scores: &[f32], candidates: &[u32], marks: &[u8]) -> Option<List> {
        let mut order: Vec<u32> =
            candidates.iter().copied().filter(|i| marks[*i as usize] & ANSWERED == 0).collect();
        // Stable, so that the first of equal ones stays the first.
        order.sort_by(|a, b| scores[*b as usize].partial_cmp(&scores[*a as usize]).unwrap());
        let is_relevant: Vec<bool> =
            order.iter().map(|item| marks[*item as usize] & RELEVANT != 0).collect();
        let relevant = is_relevant.iter().filter(|is| **is).count();
        let first = is_relevant.iter().position(|is| *is)?;
        let (mut gain, mut ideal, mut found, mut hit) = (0.0, 0.0, 0, 0.0);
        for rank in 1..=20 {
            let discount = 1.0 / (1.0 + rank as f64).log2();
            if rank <= relevant {
                ideal += discount;
            }
            if is_relevant.get(rank - 1) == Some(&true) {
                gain += discount;
                found += 1;
                if rank <= 10 {
                    hit = 1.0;
                }
            }
        }
        order.truncate(20);
        Some(List {
            best: order,
            ndcg20: gain / ideal,
            recall20: f64::from(found) / relevant as f64,
            hit10: hit,
            reciprocal_rank: 1.0 / (first + 1) as f64,
        })
    }

    proptest! {
        #[test]
        fn lists_agree_with_the_definitions(
            items in proptest::collection::vec((0u8..12, 0u8..10), 1..80),
            seed in any::<u64>(),
        ) {
            // Few different scores, so that many are equal.
            let scores: Vec<f32> = items.iter().map(|(score, _)| f32::from(*score) / 4.0).collect();
            let mark = |mark: u8| match mark {
                0 => ANSWERED,
                1 | 2 => RELEVANT,
                3 => ANSWERED | RELEVANT,
                _ => 0,
            };
            let marks: Vec<u8> = items.iter().map(|(_, kind)| mark(*kind)).collect();
            // Not all items are candidates, and they are in any order.
            let mut candidates: Vec<u32> =
                (0..items.len() as u32).filter(|item| (seed >> (item % 64)) & 3 != 0).collect();
            candidates.sort_by_key(|item| (u64::from(*item) + 1).wrapping_mul(seed | 1));
            let (found, expected) =
                (List::new(&scores, &candidates, &marks), plain(&scores, &candidates, &marks));
            prop_assert_eq!(found.is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (found, expected) {
                prop_assert_eq!(&found.best, &expected.best);
                prop_assert!((found.ndcg20 - expected.ndcg20).abs() < 1e-12);
                prop_assert_eq!(found.recall20, expected.recall20);
                prop_assert_eq!(found.hit10, expected.hit10);
                prop_assert_eq!(found.reciprocal_rank, expected.reciprocal_rank);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_worst() {
        let list = List::new(&[f32::NAN, 1.0, -1.0], &[0, 1, 2], &[RELEVANT, 0, 0]).unwrap();
        assert_eq!(list.best, [1, 2, 0]);
        assert_eq!(list.reciprocal_rank, 1.0 / 3.0);
        assert_eq!(list.ndcg20, 0.5);
    }
}
