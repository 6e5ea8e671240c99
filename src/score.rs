//! Scores, and the best of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::adapt::BLOCK;
use crate::config::Local;
use crate::inputs::Rows;
use crate::{Error, Result, User};

/// An item and its score.
///
/// Ordered best first: by falling score, then by index. A score that is not a
/// number is worse than any other.
#[derive(Clone, Copy, Debug)]
pub struct Recommendation {
    /// The item's index in the catalogue.
    pub item: u32,
    /// Its score: a rating in the training data's unit, or a probability for
    /// a model of clicks.
    pub score: f32,
}

impl Ord for Recommendation {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |score: f32| if score.is_nan() { f32::NEG_INFINITY } else { score };
        // Adding 0 makes the two zeros one.
        let falling = (rank(other.score) + 0.0).total_cmp(&(rank(self.score) + 0.0));
        falling.then(self.item.cmp(&other.item))
    }
}

impl PartialOrd for Recommendation {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Recommendation {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Recommendation {}

/// Which items a recommendation leaves out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// These, in any order.
    pub leave_out: &'a [u32],
    /// What the user rated is left out too, unless this is set.
    pub keep_rated: bool,
}

impl User {
    /// Scores some items: `scores[i]` is that of `items[i]`.
    ///
    /// # Errors
    /// [`Error::ItemIndex`], and [`Error::Argument`] if the slices differ in
    /// length.
    pub fn score(&mut self, items: &[u32], scores: &mut [f32]) -> Result<()> {
        if items.len() != scores.len() {
            let problem = format!("there is room for {} of {} items", scores.len(), items.len());
            return Err(Error::argument("scores", problem));
        }
        self.catalog.check(items)?;
        for (items, scores) in items.chunks(BLOCK).zip(scores.chunks_mut(BLOCK)) {
            self.score_block(Rows::Listed(items), scores);
        }
        Ok(())
    }

    /// Scores the whole catalogue: `scores[i]` is that of item `i`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one score an item.
    pub fn score_all(&mut self, scores: &mut [f32]) -> Result<()> {
        let len = self.catalog.len();
        if scores.len() != len {
            let problem = format!("there is room for {} of {len} items", scores.len());
            return Err(Error::argument("scores", problem));
        }
        for (block, scores) in scores.chunks_mut(BLOCK).enumerate() {
            self.score_block(Rows::From(block * BLOCK, scores.len()), scores);
        }
        Ok(())
    }

    /// Scores some items, and says how far each rating may lie from its score:
    /// `deviations[i]` is the standard deviation of what the user would say of
    /// `items[i]`, in the score's unit. With clicks it is that of the
    /// probability.
    ///
    /// It counts how little is known of the user, how little of the item, and
    /// what nobody can know. See [`Model::has_deviations`](crate::Model::has_deviations).
    ///
    /// # Errors
    /// As [`User::score`], and [`Error::Argument`] if the model knows no
    /// deviations.
    pub fn score_with_deviations(
        &mut self,
        items: &[u32],
        scores: &mut [f32],
        deviations: &mut [f32],
    ) -> Result<()> {
        if items.len() != deviations.len() {
            let problem =
                format!("there is room for {} of {} items", deviations.len(), items.len());
            return Err(Error::argument("deviations", problem));
        }
        self.score(items, scores)?;
        let Self { catalog, embedding, inputs: buffers, posterior, .. } = self;
        let model = catalog.model();
        let (Local::Ridge(ridge), Some(posterior)) = (&model.config().local, posterior) else {
            let problem = "the model adapts by gradient steps, and does not know them";
            return Err(Error::argument("deviations", problem));
        };
        let scale = &model.contents().head_scale;
        let width = model.head_network().item_width();
        let output = &model.config().output;
        let blocks = items.chunks(BLOCK).zip(scores.chunks(BLOCK));
        for ((items, scores), deviations) in blocks.zip(deviations.chunks_mut(BLOCK)) {
            let (inputs, item_variances) = buffers.fill(catalog, embedding, Rows::Listed(items));
            let rows = scores.iter().zip(inputs.items.chunks_exact(width)).enumerate();
            for (deviation, (row, (score, features))) in deviations.iter_mut().zip(rows) {
                let of_item = item_variances.get(row).copied().unwrap_or(0.0);
                let known =
                    posterior.variance(scale, features) as f32 + ridge.item_variance * of_item;
                *deviation = ridge.calibration * output.deviation(*score, known, ridge.noise);
            }
        }
        Ok(())
    }

    /// The `k` best items of the catalogue, best first; of equal ones the one
    /// with the lower index first. Fewer if there are no more.
    ///
    /// What `best` held is replaced; nothing is allocated where its capacity
    /// is enough.
    ///
    /// # Errors
    /// [`Error::ItemIndex`] if an item to leave out is not in the catalogue.
    pub fn recommend(
        &mut self,
        k: usize,
        filter: Filter,
        best: &mut Vec<Recommendation>,
    ) -> Result<()> {
        self.catalog.check(filter.leave_out)?;
        self.left_out.clear();
        self.left_out.extend_from_slice(filter.leave_out);
        if !filter.keep_rated {
            self.left_out.extend_from_slice(&self.rated);
        }
        self.left_out.sort_unstable();

        let len = self.catalog.len();
        let k = k.min(len);
        best.clear();
        if k == 0 {
            return Ok(());
        }
        best.reserve(k);
        let mut worst_first = BinaryHeap::from(std::mem::take(best));
        let mut scores = [0.0; BLOCK];
        for start in (0..len).step_by(BLOCK) {
            let scores = &mut scores[..BLOCK.min(len - start)];
            self.score_block(Rows::From(start, scores.len()), scores);
            for (item, &score) in (start as u32..).zip(scores.iter()) {
                let candidate = Recommendation { item, score };
                let full = worst_first.len() == k;
                if full && worst_first.peek().is_some_and(|worst| candidate >= *worst) {
                    continue;
                }
                if self.left_out.binary_search(&item).is_ok() {
                    continue;
                }
                if full {
                    worst_first.pop();
                }
                worst_first.push(candidate);
            }
        }
        *best = worst_first.into_sorted_vec();
        Ok(())
    }

    /// Scores one block of items, all of which are in the catalogue.
    fn score_block(&mut self, rows: Rows, scores: &mut [f32]) {
        let model = self.catalog.model();
        let (inputs, _) = self.inputs.fill(&self.catalog, &self.embedding, rows);
        let activations = &mut self.workspace.activations;
        model.head_network().forward(&self.head, inputs, activations);
        let output = &model.config().output;
        for (score, head) in scores.iter_mut().zip(activations.output(inputs.rows)) {
            *score = output.score(*head);
        }
    }
}
