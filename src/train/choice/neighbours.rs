//! For each item, the others that its being chosen makes more likely: what few dimensions
//! cannot hold.
//!
//! Each item is predicted from those that it is chosen with most, by ridge regression
//! among them alone: EASE (Steck 2019) looks at all items at once, which takes the
//! square of their number in memory and its cube in time; this is linear in it.

use ndarray::{Array1, Array2, ArrayViewMut1, s};
use rayon::prelude::*;

use super::interactions::Interactions;
use crate::train::dense::Cholesky;

/// So many items each one is predicted from.
const CANDIDATES: usize = 150;

/// How strongly a co-count is damped that candidates are chosen by.
const DAMPING: f64 = 10.0;

/// So many neighbours an item keeps.
pub const KEPT: usize = 50;

/// So many steps of a pass over counts take as long as looking up one of them.
const LOOKUP: usize = 4;

/// Of so many counts one has its place in an index; fewer have none.
const INDEXED: usize = 8;

/// So many items are solved for before what is not to be kept is dropped.
const CHUNK: usize = 2048;

/// Items' neighbours, as many for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// Neighbours an item.
    pub kept: usize,
    /// `[items, kept]`: an item's neighbours. Where it has fewer, itself.
    pub items: Vec<u32>,
    /// `[items, kept]`: how much; 0 where it has fewer.
    pub weights: Vec<f32>,
}

/// How often each two items were chosen by the same users.
///
/// Memory grows with the pairs of items that any user chose both of, at most 8 bytes a pair
/// and mostly 2, and by 1.2 KB an item.
#[derive(Debug)]
pub struct CoCounts {
    counts: Vec<u32>,
    /// Those that each item is predicted from, ascending, and how often it was chosen with
    /// them.
    candidates: Vec<Vec<(u32, u32)>>,
    rows: Vec<Row>,
}

/// How often an item was chosen with each of those that come after it.
#[derive(Debug)]
enum Row {
    /// Those that it was chosen with, and how often.
    Few(Few),
    /// All: takes no more memory where a quarter of them are not 0, and is looked up without a
    /// search.
    Narrow(Vec<u16>),
    /// All, where one is too large for that.
    Wide(Vec<u32>),
}

/// The others that an item was chosen with, ascending, and how often.
#[derive(Debug)]
struct Few {
    counts: Vec<(u32, u32)>,
    /// Where those begin whose number, shifted, is 0, 1 and so on, and the end; empty for few
    /// counts. A binary search through all took half of the time of 100,000 items.
    begins: Vec<u32>,
    shift: u32,
}

impl Few {
    fn new(counts: Vec<(u32, u32)>, items: usize) -> Self {
        let (mut begins, mut shift) = (Vec::new(), 0);
        if let Some(parts) = (counts.len() / INDEXED).checked_sub(1) {
            while items >> shift > parts {
                shift += 1;
            }
            let mut place = 0;
            for part in 0..=items >> shift {
                begins.push(place as u32);
                place +=
                    counts[place..].partition_point(|(other, _)| (other >> shift) as usize == part);
            }
            begins.push(place as u32);
        }
        Self { counts, begins, shift }
    }

    /// Where an item is among the counts.
    fn find(&self, item: u32) -> std::result::Result<usize, usize> {
        let part = (item >> self.shift) as usize;
        let (begin, end) = match self.begins.get(part..part + 2) {
            Some(part) => (part[0] as usize, part[1] as usize),
            None => (0, self.counts.len()),
        };
        let found = self.counts[begin..end].binary_search_by_key(&item, |count| count.0);
        found.map(|place| begin + place).map_err(|place| begin + place)
    }
}

impl Row {
    /// Of an item, from the counts of all; `others` are those that are not 0, ascending.
    fn new(counts: &[u32], others: &[u32], item: usize) -> Self {
        let others = &others[others.partition_point(|other| *other as usize <= item)..];
        let after = &counts[item + 1..];
        if 4 * others.len() <= after.len() {
            let few = others.iter().map(|&other| (other, counts[other as usize]));
            return Self::Few(Few::new(few.collect(), counts.len()));
        }
        match after.iter().map(|count| u16::try_from(*count)).collect() {
            Ok(narrow) => Self::Narrow(narrow),
            Err(_) => Self::Wide(after.to_vec()),
        }
    }

    /// Writes how often the item, which comes before them, was chosen with each of some
    /// ascending items from the `first` on; `places` has their places, counted from 1, and 0
    /// for all others.
    fn write(
        &self,
        item: u32,
        items: &[u32],
        first: usize,
        places: &[u32],
        mut out: ArrayViewMut1<f64>,
    ) {
        let Some(&least) = items.get(first) else { return };
        let wanted = &items[first..];
        let mut rest = out.slice_mut(s![first..]);
        let place = |other: u32| (other - item - 1) as usize;
        match self {
            Self::Narrow(row) => rest
                .iter_mut()
                .zip(wanted)
                .for_each(|(out, other)| *out = f64::from(row[place(*other)])),
            Self::Wide(row) => rest
                .iter_mut()
                .zip(wanted)
                .for_each(|(out, other)| *out = f64::from(row[place(*other)])),
            Self::Few(row) => {
                let begin = row.find(least).unwrap_or_else(|place| place);
                let counts = &row.counts[begin..];
                if LOOKUP * wanted.len() < counts.len() {
                    for (out, item) in rest.iter_mut().zip(wanted) {
                        *out = row.find(*item).map_or(0.0, |place| f64::from(row.counts[place].1));
                    }
                    return;
                }
                rest.fill(0.0);
                for &(other, count) in counts {
                    if let Some(place) = (places[other as usize] as usize).checked_sub(1) {
                        out[place] = f64::from(count);
                    }
                }
            }
        }
    }
}

impl CoCounts {
    /// Counts them, on the threads of the current pool.
    pub fn new(interactions: &Interactions) -> Self {
        let items = interactions.items();
        let counts: Vec<u32> = (0..items).map(|item| interactions.raters(item) as u32).collect();
        let count = |(together, others, found): &mut (Vec<u32>, Vec<u32>, _), item: usize| {
            others.clear();
            for &user in interactions.of_item(item) {
                for rated in interactions.of_user(user as usize) {
                    let count = &mut together[rated.item as usize];
                    if *count == 0 {
                        others.push(rated.item);
                    }
                    *count += 1;
                }
            }
            others.sort_unstable();
            let candidates = candidates(item, &counts, together, others, found);
            let row = Row::new(together, others, item);
            others.iter().for_each(|&other| together[other as usize] = 0);
            (candidates, row)
        };
        let scratch = || (vec![0; items], Vec::new(), Vec::new());
        let (candidates, rows) = (0..items).into_par_iter().map_init(scratch, count).unzip();
        Self { counts, candidates, rows }
    }
}

/// The items that one is predicted from, ascending, and how often it was chosen `together` with
/// them; `others` are those that it was chosen with, and `found` is memory.
fn candidates(
    item: usize,
    counts: &[u32],
    together: &[u32],
    others: &[u32],
    found: &mut Vec<(f64, u32)>,
) -> Vec<(u32, u32)> {
    let count = |item: usize| f64::from(counts[item]);
    found.clear();
    for &other in others.iter().filter(|other| **other as usize != item) {
        let damped = (count(item) * count(other as usize)).sqrt() + DAMPING;
        found.push((f64::from(together[other as usize]) / damped, other));
    }
    let order = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if found.len() > CANDIDATES {
        found.select_nth_unstable_by(CANDIDATES, order);
        found.truncate(CANDIDATES);
    }
    let candidates = found.iter().map(|&(_, other)| (other, together[other as usize]));
    let mut candidates: Vec<(u32, u32)> = candidates.collect();
    candidates.sort_unstable();
    candidates
}

impl Neighbours {
    /// No item has any.
    pub fn none() -> Self {
        Self { kept: 0, items: Vec::new(), weights: Vec::new() }
    }

    /// Solves for the neighbours with each of some penalties.
    pub fn fit(counts: &CoCounts, penalties: &[f64]) -> Vec<Self> {
        let items = counts.counts.len();
        let mut kept: Vec<Vec<Vec<(u32, f32)>>> = vec![vec![Vec::new(); items]; penalties.len()];
        let all: Vec<usize> = (0..items).collect();
        for chunk in all.chunks(CHUNK) {
            let solved: Vec<Vec<Vec<(u32, f32)>>> = chunk
                .par_iter()
                .map_init(|| vec![0; items], |places, &item| solve(counts, item, penalties, places))
                .collect();
            for (item, by_penalty) in chunk.iter().zip(solved) {
                for (kept, sources) in kept.iter_mut().zip(by_penalty) {
                    for (source, weight) in sources {
                        kept[source as usize].push((*item as u32, weight));
                    }
                }
            }
            kept.par_iter_mut().flatten().for_each(keep_largest);
        }
        kept.into_iter().map(Self::of_rows).collect()
    }

    fn of_rows(rows: Vec<Vec<(u32, f32)>>) -> Self {
        let kept = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut neighbours = Self { kept, items: Vec::new(), weights: Vec::new() };
        for (item, mut row) in rows.into_iter().enumerate() {
            row.sort_unstable_by_key(|neighbour| neighbour.0);
            row.resize(kept, (item as u32, 0.0));
            neighbours.items.extend(row.iter().map(|neighbour| neighbour.0));
            neighbours.weights.extend(row.iter().map(|neighbour| neighbour.1));
        }
        neighbours
    }

    /// The same with weights of 0 for the items that `is_left_out`.
    pub fn without(&self, is_left_out: &[bool]) -> Self {
        let weights = self
            .items
            .iter()
            .zip(&self.weights)
            .map(|(&item, &weight)| if is_left_out[item as usize] { 0.0 } else { weight });
        Self { weights: weights.collect(), ..self.clone() }
    }

    /// An item's neighbours and weights.
    pub fn row(&self, item: usize) -> impl Iterator<Item = (u32, f32)> {
        let row = item * self.kept..(item + 1) * self.kept;
        self.items[row.clone()].iter().copied().zip(self.weights[row].iter().copied())
    }
}

fn keep_largest(row: &mut Vec<(u32, f32)>) {
    if row.len() > KEPT {
        let order =
            |a: &(u32, f32), b: &(u32, f32)| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0));
        row.select_nth_unstable_by(KEPT, order);
        row.truncate(KEPT);
    }
}

/// The weight of each of the item's candidates, for each penalty. `places` has a 0 for each
/// item, before and after.
fn solve(
    counts: &CoCounts,
    item: usize,
    penalties: &[f64],
    places: &mut [u32],
) -> Vec<Vec<(u32, f32)>> {
    let (candidates, together): (Vec<u32>, Vec<u32>) =
        counts.candidates[item].iter().copied().unzip();
    let n = candidates.len();
    for (place, candidate) in (1..).zip(&candidates) {
        places[*candidate as usize] = place;
    }
    // Co-counts of the candidates, upper triangle.
    let mut gram = Array2::zeros((n, n));
    for (place, (&source, mut row)) in candidates.iter().zip(gram.rows_mut()).enumerate() {
        let counted = &counts.rows[source as usize];
        counted.write(source, &candidates, place + 1, places, row.view_mut());
        row[place] = f64::from(counts.counts[source as usize]);
    }
    candidates.iter().for_each(|candidate| places[*candidate as usize] = 0);
    // Co-counts of the candidates and the item.
    let together: Array1<f64> = together.into_iter().map(f64::from).collect();
    let solved = penalties.iter().map(|penalty| {
        let mut matrix = gram.clone();
        matrix.diag_mut().iter_mut().for_each(|element| *element += penalty);
        let Some(factor) = Cholesky::new(matrix) else { return Vec::new() };
        let mut weights = together.clone();
        factor.solve(weights.view_mut());
        let weights = weights.iter().map(|weight| *weight as f32);
        candidates.iter().copied().zip(weights).collect()
    });
    solved.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Rated, UserRatings};

    fn groups(chosen: &[Vec<u32>]) -> Vec<UserRatings> {
        let rated = |&item: &u32| Rated { item, value: 1.0 };
        let group = |(user, items): (u32, &Vec<u32>)| UserRatings {
            user,
            ratings: items.iter().map(rated).collect(),
        };
        (0..).zip(chosen).map(group).collect()
    }

    proptest! {
        #[test]
        fn pairs_are_counted_user_by_user(
            items in 1u32..40,
            chosen in prop::collection::vec(
                prop::sample::subsequence((0u32..40).collect::<Vec<_>>(), 0..20), 0..20,
            ),
            wanted in prop::sample::subsequence((0u32..40).collect::<Vec<_>>(), 0..40),
        ) {
            let within = |all: Vec<u32>| all.into_iter().filter(|item| *item < items).collect();
            let chosen: Vec<Vec<u32>> = chosen.into_iter().map(within).collect();
            let wanted: Vec<u32> = within(wanted);
            let counts = CoCounts::new(&Interactions::new(&groups(&chosen), items as usize));
            let together = |first: u32, second: u32| {
                let both = |items: &&Vec<u32>| items.contains(&first) && items.contains(&second);
                chosen.iter().filter(both).count() as u32
            };
            let mut places = vec![0; items as usize];
            (1..).zip(&wanted).for_each(|(place, item)| places[*item as usize] = place);
            for item in 0..items {
                prop_assert_eq!(counts.counts[item as usize], together(item, item));
                let others = (0..items).filter(|other| *other != item);
                let others = others.map(|other| (other, together(item, other)));
                let expected: Vec<(u32, u32)> = others.filter(|count| count.1 > 0).collect();
                prop_assert_eq!(&counts.candidates[item as usize], &expected);
                for first in wanted.partition_point(|other| *other <= item)..wanted.len() {
                    let mut out = Array1::from_elem(wanted.len(), -1.0);
                    let row = &counts.rows[item as usize];
                    row.write(item, &wanted, first, &places, out.view_mut());
                    for (place, (&other, out)) in wanted.iter().zip(out).enumerate() {
                        let count = f64::from(together(item, other));
                        let known = if place < first { -1.0 } else { count };
                        prop_assert!(out == known, "{out} {known}");
                    }
                }
            }
        }
    }

    #[test]
    fn large_counts_have_room() {
        let chosen = vec![vec![0, 1, 2]; 70_000];
        let counts = CoCounts::new(&Interactions::new(&groups(&chosen), 3));
        assert!(matches!(&counts.rows[0], Row::Wide(row) if *row == [70_000; 2]));
        assert_eq!(counts.candidates[1], [(0, 70_000), (2, 70_000)]);
    }

    #[test]
    fn long_rows_are_searched_for_few_items() {
        let items = 5000;
        let chosen = [(0..items).step_by(5).collect(), vec![0, 1, 4998, 4999]];
        let counts = CoCounts::new(&Interactions::new(&groups(&chosen), items as usize));
        assert!(matches!(&counts.rows[0], Row::Few(row) if row.counts.len() == 1002));
        let wanted = [0, 1, 2, 3, 2000, 3000, 4998, 4999];
        let mut places = vec![0; items as usize];
        (1..).zip(wanted).for_each(|(place, item)| places[item as usize] = place);
        let mut out = Array1::from_elem(8, -1.0);
        counts.rows[0].write(0, &wanted, 1, &places, out.view_mut());
        assert_eq!(out.to_vec(), [-1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn nobody_has_no_neighbours() {
        let counts = CoCounts::new(&Interactions::new(&[], 3));
        let none = Neighbours::fit(&counts, &[1.0]).pop().unwrap();
        assert_eq!((none.kept, none.row(2).count()), (0, 0));
    }
}
