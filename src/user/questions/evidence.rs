//! Evidence candidates: the items worth asking a new user about (Lee et al.
//! 2019, section 3.3).

use crate::catalog::blocks::{BLOCK, Rows};
use crate::model::buffer::Buffer;
use crate::model::file::EvidenceTable;
use crate::model::network::Inputs;
use crate::user::adapt::Workspace;
use crate::user::score::check_length;
use crate::{Result, Scratch, User, memory};

impl User {
    /// How far one rating alone would move the head: for each pair of item and rating, the
    /// norm of the gradient of its loss by all of the head's tensors, at the head's start,
    /// divided by the loss.
    ///
    /// The user's own ratings do not matter. The norm of a rating that is predicted
    /// exactly is undefined: `norms` gets a NaN.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if the slices differ in length, or for a
    /// scratch of another catalogue; [`Error::ItemIndex`](crate::Error::ItemIndex), and
    /// [`Error::Rating`](crate::Error::Rating).
    pub fn gradient_norms(
        &self,
        items: &[u32],
        ratings: &[f32],
        norms: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        self.check("items", items, ratings)?;
        scratch.check(&self.catalog)?;
        check_length("norms", items.len(), norms.len())?;
        let Self { catalog, embedding, own_head, .. } = self;
        let Scratch { inputs: buffers, workspace, .. } = scratch;
        let model = catalog.model();
        let start = own_head.start();
        let (network, output) = (model.user_head_network(), model.config().output);
        // All of the head's tensors count, and the weights of the user's inputs too.
        let Workspace { activations, deltas } = workspace;
        let blocks = items.chunks(BLOCK).zip(ratings.chunks(BLOCK)).zip(norms.chunks_mut(BLOCK));
        for ((items, ratings), norms) in blocks {
            let (inputs, _) = buffers.fill(catalog, Rows::Listed(items));
            let heads = own_head.start_forward(network).outputs(network, inputs, activations);
            let derivatives = deltas.output_mut(inputs.rows);
            // The derivative of loss / |loss|, where |loss| is held constant.
            for ((derivative, head), rating) in derivatives.iter_mut().zip(heads).zip(ratings) {
                let target = output.target(*rating);
                let loss = output.loss.value(*head, target);
                *derivative = output.loss.derivative(*head, target) / loss;
            }
            network.backward(start, activations, inputs.rows, deltas);
            let inputs = Inputs { user: embedding, ..inputs };
            network.squared_gradient_norms(inputs, activations, deltas, norms);
            for norm in norms {
                *norm = if norm.is_finite() { norm.sqrt() } else { f32::NAN };
            }
        }
        Ok(())
    }
}

/// Gathers gradient norms from many users and ranks the items by them.
///
/// The order in which pairs are added matters to the last bit: add them in the
/// same order for the same result.
#[derive(Clone, Debug)]
pub struct EvidenceRanking {
    sums: Vec<f64>,
    pairs: Vec<u32>,
}

impl EvidenceRanking {
    /// An empty ranking for a catalogue of `items` items.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(items: usize) -> Result<Self> {
        Ok(Self { sums: memory::zeros(items)?, pairs: memory::zeros(items)? })
    }

    /// Adds one user's norms, from [`User::gradient_norms`]; NaNs and items beyond the
    /// catalogue do not count.
    pub fn add(&mut self, items: &[u32], norms: &[f32]) {
        for (&item, norm) in items.iter().zip(norms) {
            if let Some(sum) = self.sums.get_mut(item as usize).filter(|_| norm.is_finite()) {
                *sum += f64::from(*norm);
                self.pairs[item as usize] += 1;
            }
        }
    }

    /// The items with at least one norm, best first: ranked by mean norm, divided by the
    /// largest, times number of raters, divided by the largest. Of equal ones the one with
    /// the lower index comes first.
    ///
    /// `raters` holds how many users rated each item of the catalogue.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn finish(&self, raters: &[u32]) -> Result<EvidenceTable> {
        let mean = |item: usize| self.sums[item] / f64::from(self.pairs[item]);
        let ranked = (0..self.sums.len().min(raters.len())).filter(|&item| self.pairs[item] > 0);
        let mut items: Vec<usize> = memory::reserved(ranked.clone().count())?;
        items.extend(ranked);
        let largest = items.iter().map(|&item| mean(item)).fold(f64::MIN_POSITIVE, f64::max);
        let most = items.iter().map(|&item| raters[item]).max().unwrap_or(0).max(1);
        let norm = |item: usize| mean(item) / largest;
        let popularity = |item: usize| f64::from(raters[item]) / f64::from(most);
        let score = |item: usize| norm(item) * popularity(item);
        items.sort_unstable_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
        let numbers = |number: &dyn Fn(usize) -> f64| -> memory::Result<Buffer<f32>> {
            let numbers = items.iter().map(|&item| number(item) as f32);
            memory::collected(numbers).map(Buffer::from)
        };
        Ok(EvidenceTable {
            items: memory::collected(items.iter().map(|&item| item as u32))?.into(),
            scores: numbers(&score)?,
            gradient_norm: numbers(&norm)?,
            popularity: numbers(&popularity)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_mean_norm_times_popularity() {
        let mut ranking = EvidenceRanking::new(5).unwrap();
        ranking.add(&[0, 1, 2], &[2.0, 4.0, f32::NAN]);
        ranking.add(&[0, 4, 9], &[4.0, 1.0, 7.0]);
        let table = ranking.finish(&[10, 5, 100, 0, 2]).unwrap();
        // Means 3, 4, -, -, 1; raters 10, 5 and 2 of at most 10.
        assert_eq!(&table.items[..], [0, 1, 4]);
        assert_eq!(&table.scores[..], [0.75, 0.5, 0.05]);
        assert_eq!(&table.gradient_norm[..], [0.75, 1.0, 0.25]);
        assert_eq!(&table.popularity[..], [1.0, 0.5, 0.2]);
    }

    #[test]
    fn no_pair_gives_no_candidate() {
        assert!(EvidenceRanking::new(3).unwrap().finish(&[1, 1, 1]).unwrap().items.is_empty());
    }
}
