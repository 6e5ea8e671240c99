//! The chance that a person knows an item, given items that they knew and items that they did
//! not.
//!
//! A mixture of Bernoulli distributions (Bishop 2006, section 9.3.3): people are
//! of a few kinds, and within a kind, whether somebody knows one item says
//! nothing of the next. Each answer and each "don't know" tells which kind it is.

use crate::memory;
use crate::model::buffer::Buffer;

/// Probabilities are kept as square roots in this many parts, so that a byte
/// tells rare ones apart as well as frequent ones.
const PARTS: f32 = 255.0;

/// Kinds of people, and which items each kind knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Familiarity {
    /// Each kind's share of the people, `[kinds]`.
    shares: Buffer<f32>,
    /// `[items, kinds]`: the root of the probability, in 255ths.
    roots: Buffer<u8>,
}

impl Familiarity {
    /// Takes the kinds' shares, `[kinds]`, and the square roots of the probabilities that
    /// somebody of the kind knows an item, in 255ths, `[items, kinds]`.
    ///
    /// # Errors
    /// Says, in words, if there is no kind, if the sum of the shares is not 1, or if
    /// there is not one root for each item and kind.
    pub fn new(shares: Buffer<f32>, roots: Buffer<u8>) -> Result<Self, String> {
        let sum: f32 = shares.iter().sum();
        if !(shares.iter().all(|share| *share >= 0.0) && (sum - 1.0).abs() < 1e-3) {
            return Err(format!("the shares' sum is {sum}; 1 is expected"));
        }
        if !roots.len().is_multiple_of(shares.len()) {
            return Err(format!(
                "{} probabilities are not a multiple of the number of kinds",
                roots.len()
            ));
        }
        Ok(Self { shares, roots })
    }

    /// Takes probabilities instead of their roots, `[items, kinds]`.
    ///
    /// # Errors
    /// Those of [`Familiarity::new`].
    pub fn from_probabilities(shares: Vec<f32>, probabilities: &[f32]) -> Result<Self, String> {
        let root = |probability: &f32| (probability.sqrt() * PARTS).round() as u8;
        Self::new(shares.into(), probabilities.iter().map(root).collect())
    }

    /// Each kind's share of the people.
    pub fn shares(&self) -> &[f32] {
        &self.shares
    }

    /// `[items, kinds]`: see [`Familiarity::new`].
    pub fn roots(&self) -> &[u8] {
        &self.roots
    }

    /// How many kinds of people.
    pub fn kinds(&self) -> usize {
        self.shares.len()
    }

    /// How many items.
    pub fn items(&self) -> usize {
        self.roots.len() / self.kinds()
    }

    /// The same for other items, given each one's place here; nobody knows an item without
    /// one.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn select(
        &self,
        places: impl ExactSizeIterator<Item = Option<usize>>,
    ) -> memory::Result<Self> {
        let kinds = self.kinds();
        let size = places.len().saturating_mul(kinds);
        let mut roots = memory::reserved(size)?;
        for place in places {
            match place.and_then(|place| self.roots.get(place * kinds..(place + 1) * kinds)) {
                Some(row) => roots.extend_from_slice(row),
                None => roots.resize(roots.len() + kinds, 0),
            }
        }
        Ok(Self { shares: self.shares.clone(), roots: roots.into() })
    }

    /// The chance of each kind, `[kinds]`, for somebody who knows some items and does not
    /// know others; all are below [`Familiarity::items`].
    pub fn kinds_given(&self, known: &[u32], unknown: &[u32], kinds: &mut [f32]) {
        for (chance, share) in kinds.iter_mut().zip(self.shares.iter()) {
            *chance = share.max(f32::MIN_POSITIVE).ln();
        }
        for (items, is_known) in [(known, true), (unknown, false)] {
            for &item in items {
                let row = &self.roots[item as usize * kinds.len()..][..kinds.len()];
                for (chance, root) in kinds.iter_mut().zip(row) {
                    // Half a part from certainty, since nobody is certain.
                    let root = f32::from(*root).clamp(0.5, PARTS - 0.5) / PARTS;
                    let probability = root * root;
                    *chance += if is_known { probability.ln() } else { (-probability).ln_1p() };
                }
            }
        }
        let largest = kinds.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        kinds.iter_mut().for_each(|chance| *chance = (*chance - largest).exp());
        let sum: f32 = kinds.iter().sum();
        kinds.iter_mut().for_each(|chance| *chance /= sum);
    }

    /// The chance that somebody knows each item, `[items]`, given the chance of each kind in
    /// `kinds`.
    pub fn known(&self, kinds: &[f32], known: &mut [f32]) {
        for (known, row) in known.iter_mut().zip(self.roots.chunks_exact(kinds.len())) {
            let (parts, rest) = row.as_chunks::<8>();
            let (chances, rest_of_chances) = kinds.as_chunks::<8>();
            // Eight sums side by side, so that no addition waits for another.
            let mut sums = [0.0f32; 8];
            for (roots, chances) in parts.iter().zip(chances) {
                for lane in 0..8 {
                    let root = f32::from(roots[lane]);
                    sums[lane] += chances[lane] * root * root;
                }
            }
            let rest = rest.iter().zip(rest_of_chances);
            let rest: f32 = rest.map(|(root, chance)| chance * f32::from(*root).powi(2)).sum();
            *known = (sums.iter().sum::<f32>() + rest) / (PARTS * PARTS);
        }
    }
}
