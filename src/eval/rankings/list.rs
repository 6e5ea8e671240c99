//! The worth of one list.

use crate::kernels::{places_not_below, reached_by};

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

/// The items that can be listed.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// For each item of the catalogue its place among items of equal score, or [`NOWHERE`].
    places: Vec<u32>,
    /// How many can be listed.
    pub len: usize,
}

/// The place of an item that is no candidate.
const NOWHERE: u32 = u32::MAX;

impl Candidates {
    /// These of a catalogue's items; of equal scores the first of them comes first.
    pub fn new(ordered: &[u32], items: usize) -> Self {
        let mut places = vec![NOWHERE; items];
        (0..).zip(ordered).for_each(|(place, item)| places[*item as usize] = place);
        Self { places, len: ordered.len() }
    }
}

impl List {
    /// The list of the candidates with the best scores, if one of the candidates is relevant.
    /// NaN is worse than any other score.
    ///
    /// `marks` has [`ANSWERED`] and [`RELEVANT`] for each item that has a score.
    pub fn new(scores: &[f32], candidates: &Candidates, marks: &[u8]) -> Option<Self> {
        let places = &candidates.places[..];
        // What cannot be listed is below every score. Evaluations make a million lists, so that
        // all that looks at each item is a plain loop over lists: a tenth of the time of one
        // that goes through the candidates in their order and keeps the best.
        let mut worths = vec![f32::NEG_INFINITY; scores.len()];
        let of_items = scores.iter().zip(places).zip(marks);
        for (worth, ((score, place), mark)) in worths.iter_mut().zip(of_items) {
            let is_left = (*place != NOWHERE) & (mark & ANSWERED == 0);
            // Adding 0 makes -0 and 0 equal; NaN is above nothing.
            let is_number = *score > f32::NEG_INFINITY;
            *worth = if is_left & is_number { *score + 0.0 } else { f32::NEG_INFINITY };
        }
        let is_left = |item: usize| places[item] != NOWHERE && marks[item] & ANSWERED == 0;
        // Better ones first, of equal ones those that come first.
        let order = |a: &u32, b: &u32| {
            let (a, b) = (*a as usize, *b as usize);
            worths[b].total_cmp(&worths[a]).then(places[a].cmp(&places[b]))
        };
        let is_relevant = |item: u32| marks[item as usize] & RELEVANT != 0;
        let all = (0..scores.len() as u32).filter(|item| is_relevant(*item));
        let relevant: Vec<u32> = all.filter(|item| is_left(*item as usize)).collect();
        let first = *relevant.iter().min_by(|a, b| order(a, b))?;

        let mut best: Vec<u32> = vec![0; scores.len()];
        let least = reached_by(&worths, LENGTH);
        let reach = places_not_below(&worths, least, &mut best);
        best.truncate(reach);
        if least == f32::NEG_INFINITY {
            best.retain(|item| is_left(*item as usize));
        }
        // Many are equal where nothing is known.
        if best.len() > LENGTH {
            best.select_nth_unstable_by(LENGTH, order);
            best.truncate(LENGTH);
        }
        best.sort_unstable_by(order);

        let worth = worths[first as usize];
        let above = worths.iter().map(|other| u32::from(*other > worth)).sum::<u32>();
        let equal = worths.iter().map(|other| u32::from(*other == worth)).sum::<u32>();
        let is_before = |item: &u32| {
            worths[*item as usize] == worth
                && is_left(*item as usize)
                && order(item, &first).is_lt()
        };
        let items = if equal > 1 { 0..scores.len() as u32 } else { 0..0 };
        let before = above as usize + items.filter(is_before).count();
        let gain = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
        let found = || best.iter().enumerate().filter(|(_, item)| is_relevant(**item));
        let ideal: f64 = (0..relevant.len().min(LENGTH)).map(gain).sum();
        Some(Self {
            ndcg20: found().map(|(rank, _)| gain(rank)).sum::<f64>() / ideal,
            recall20: found().count() as f64 / relevant.len() as f64,
            hit10: f64::from(u8::from(found().any(|(rank, _)| rank < HIT))),
            reciprocal_rank: 1.0 / (before + 1) as f64,
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
            items in proptest::collection::vec((0u8..12, 0u8..10), 1..600),
            seed in any::<u64>(),
        ) {
            // Few different scores, so that many are equal.
            let score = |score: u8| if score == 11 { f32::NEG_INFINITY } else { f32::from(score) / 4.0 };
            let scores: Vec<f32> = items.iter().map(|(drawn, _)| score(*drawn)).collect();
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
            let found =
                List::new(&scores, &Candidates::new(&candidates, scores.len()), &marks);
            let expected = plain(&scores, &candidates, &marks);
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
        let candidates = Candidates::new(&[0, 1, 2], 3);
        let list = List::new(&[f32::NAN, 1.0, -1.0], &candidates, &[RELEVANT, 0, 0]).unwrap();
        assert_eq!(list.best, [1, 2, 0]);
        assert_eq!(list.reciprocal_rank, 1.0 / 3.0);
        assert_eq!(list.ndcg20, 0.5);
    }
}
