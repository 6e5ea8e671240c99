//! What the neighbours of a user's answers add to items' scores.

use crate::kernels::are_finite;
use crate::memory;
use crate::model::ChoiceHead;
use crate::model::file::ChoiceItems;

/// The most items of a catalogue for which there is a sum for each item. Adding 1,000 numbers up
/// then takes a microsecond; to sort them by item, as for more items, takes five or more.
const MAX_DENSE: usize = 65_536;

/// The sums of one user at a time.
#[derive(Clone, Debug)]
pub struct NeighbourSums {
    /// Each item's sum, or nothing for a catalogue of more than [`MAX_DENSE`] items.
    dense: Vec<f32>,
    /// The sums by item in ascending order, for such a catalogue.
    sparse: Vec<(u32, f32)>,
    /// What is added to them: the item in the upper half, and the number's bits in the lower.
    added: Vec<u64>,
    /// The state of the user whose answers these are.
    of: Option<u64>,
}

impl NeighbourSums {
    /// No sums, for a catalogue's items; capacity for the neighbours of so many answers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(items: &ChoiceItems, answers: usize) -> memory::Result<Self> {
        let count = items.raters.len();
        let dense = memory::zeros(if count <= MAX_DENSE { count } else { 0 })?;
        let mut sums = Self { dense, sparse: Vec::new(), added: Vec::new(), of: None };
        sums.reserve(answers, items)?;
        Ok(sums)
    }

    /// Reserves capacity for the neighbours of so many answers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn reserve(&mut self, answers: usize, items: &ChoiceItems) -> memory::Result<()> {
        if items.raters.len() <= MAX_DENSE {
            return Ok(());
        }
        let size = answers.saturating_mul(items.neighbours_each());
        let Self { sparse, added, .. } = self;
        let items = size.min(items.raters.len());
        memory::reserve(sparse, items.saturating_sub(sparse.len()))?;
        memory::reserve(added, size.saturating_sub(added.len()))
    }

    /// How many bytes [`NeighbourSums::reserve`] asks for.
    pub fn bytes(items: &ChoiceItems, answers: usize) -> usize {
        let count = items.raters.len();
        if count <= MAX_DENSE {
            return count * size_of::<f32>();
        }
        let size = answers.saturating_mul(items.neighbours_each());
        let sparse = size.min(count) * size_of::<(u32, f32)>();
        size.saturating_mul(size_of::<u64>()).saturating_add(sparse)
    }

    /// Computes the sums for a user in this state, unless they are there already. What is
    /// beyond floats counts as 0.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn add_up(
        &mut self,
        head: &ChoiceHead,
        items: &ChoiceItems,
        answers: impl ExactSizeIterator<Item = (u32, f32)>,
        state: u64,
    ) -> memory::Result<Sums<'_>> {
        if self.of != Some(state) {
            self.of = None;
            self.reserve(answers.len(), items)?;
            let share = head.neighbour_share(answers.len());
            let answers = answers.filter(|_| share != 0.0);
            let answers = answers.map(|(item, value)| (item, share * head.strengths.at(value)));
            match self.dense.is_empty() {
                false => self.add_dense(items, answers),
                true => self.add_sparse(items, answers),
            }
            self.of = Some(state);
        }
        Ok(match self.dense.is_empty() {
            false => Sums::Dense(&self.dense),
            true => Sums::Sparse(&self.sparse),
        })
    }

    fn add_dense(&mut self, items: &ChoiceItems, answers: impl Iterator<Item = (u32, f32)>) {
        self.dense.fill(0.0);
        for (item, strength) in answers {
            for (to, weight) in items.neighbours_of(item) {
                if let Some(sum) = self.dense.get_mut(to as usize) {
                    *sum += strength * weight;
                }
            }
        }
        // Only a file's absurd numbers come so far, and no score must be one of these.
        if !are_finite(&self.dense) {
            self.dense.iter_mut().for_each(|sum| *sum = finite(*sum));
        }
    }

    fn add_sparse(&mut self, items: &ChoiceItems, answers: impl Iterator<Item = (u32, f32)>) {
        let Self { sparse, added, .. } = self;
        added.clear();
        sparse.clear();
        let len = items.raters.len();
        for (item, strength) in answers {
            let neighbours = items.neighbours_of(item).filter(|(to, _)| (*to as usize) < len);
            added.extend(neighbours.map(|(to, weight)| {
                u64::from(to) << 32 | u64::from((strength * weight).to_bits())
            }));
        }
        // Equal items by their numbers' bits, so that their sum is always the same.
        added.sort_unstable();
        let item = |key: &u64| (key >> 32) as u32;
        for equal in added.chunk_by(|a, b| item(a) == item(b)) {
            let sum = equal.iter().map(|key| f32::from_bits(*key as u32)).sum();
            sparse.extend(equal.first().map(|key| (item(key), finite(sum))));
        }
    }
}

fn finite(sum: f32) -> f32 {
    if sum.is_finite() { sum } else { 0.0 }
}

/// What is added to items' scores.
#[derive(Clone, Copy, Debug)]
pub enum Sums<'a> {
    /// Each item's sum.
    Dense(&'a [f32]),
    /// The sums of some items, by item in ascending order.
    Sparse(&'a [(u32, f32)]),
}

impl<'a> Sums<'a> {
    /// The sum of an item of the catalogue.
    pub fn of(self, item: u32) -> f32 {
        match self {
            Self::Dense(sums) => sums[item as usize],
            Self::Sparse(sums) => match sums.binary_search_by_key(&item, |sum| sum.0) {
                Ok(place) => sums[place].1,
                Err(_) => 0.0,
            },
        }
    }

    /// Replaces the numbers of items from `first` on by `add` of them and their sums; numbers
    /// of other items may stay as they are, or be added to 0.
    pub fn add_to(self, first: usize, numbers: &mut [f32], add: impl Fn(f32, f32) -> f32) {
        match self {
            Self::Dense(sums) => {
                for (number, sum) in numbers.iter_mut().zip(&sums[first..]) {
                    *number = add(*number, *sum);
                }
            }
            Self::Sparse(sums) => {
                let begin = sums.partition_point(|sum| (sum.0 as usize) < first);
                for (item, sum) in &sums[begin..] {
                    match numbers.get_mut(*item as usize - first) {
                        Some(number) => *number = add(*number, *sum),
                        None => break,
                    }
                }
            }
        }
    }

    /// The items with a sum that is not 0, in ascending order.
    pub fn items(self) -> impl Iterator<Item = u32> + use<'a> {
        let (dense, sparse) = match self {
            Self::Dense(sums) => (sums, &[][..]),
            Self::Sparse(sums) => (&[][..], sums),
        };
        let dense = (0..).zip(dense.iter().copied());
        let sums = dense.chain(sparse.iter().copied());
        sums.filter(|(_, sum)| *sum != 0.0).map(|(item, _)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Curve;

    fn head() -> ChoiceHead {
        ChoiceHead {
            precision: vec![1.0],
            precision_per_answer: vec![0.0],
            half_start: 1.0,
            scale: 1.0,
            popularity: 1.0,
            new_items: 0.0,
            starts_by_vector: true,
            neighbours: 2.0,
            targets: Curve::constant(1.0),
            strengths: Curve(vec![[1.0, 0.5], [5.0, 2.0]]),
            exposure: 0.0,
            rating: 0.0,
            rating_range: [0.0, 0.0],
        }
    }

    #[test]
    fn small_and_large_catalogues_add_up_the_same() {
        const EACH: usize = 7;
        for items in [9, 500, MAX_DENSE, MAX_DENSE + 1, 3 * MAX_DENSE] {
            let list = |of: fn(usize) -> usize| (0..items * EACH).map(of);
            let choice = ChoiceItems {
                rows: vec![0.0; items * 3].into(),
                raters: vec![1; items].into(),
                neighbours: list(|place| place * 7_919 + place / 5)
                    .map(|to| (to % items) as u32)
                    .collect(),
                weights: list(|place| place * 31 % 17).map(|w| w as f32 / 8.0 - 1.0).collect(),
            };
            let answers: Vec<(u32, f32)> =
                (0..6).map(|place| (place * 5 % items as u32, (1 + place % 5) as f32)).collect();
            let (head, mut expected) = (head(), vec![0.0f64; items]);
            let share = f64::from(head.neighbour_share(answers.len()));
            for &(item, value) in &answers {
                for (to, weight) in choice.neighbours_of(item) {
                    let strength = f64::from(head.strengths.at(value));
                    expected[to as usize] += share * strength * f64::from(weight);
                }
            }
            let mut sums = NeighbourSums::new(&choice, 0).unwrap();
            for state in [1, 2] {
                let answers = answers.iter().copied();
                let found = sums.add_up(&head, &choice, answers, state).unwrap();
                let mut all = vec![1.0; items - 3];
                found.add_to(3, &mut all, |number, sum| number + sum);
                for (item, expected) in (0..).zip(&expected) {
                    assert!((f64::from(found.of(item)) - expected).abs() < 1e-5);
                    if item >= 3 {
                        assert_eq!(all[item as usize - 3], 1.0 + found.of(item));
                    }
                }
                let some: Vec<u32> =
                    (0..items as u32).filter(|item| found.of(*item) != 0.0).collect();
                assert!(found.items().eq(some));
            }
        }
    }
}
