//! Scores, and the best of them.

use std::cmp::Ordering;

use crate::adapt::BLOCK;
use crate::config::Local;
use crate::inputs::Rows;
use crate::{Error, Result, User};

/// An item and its score.
///
/// Ordered best first: by falling score, then by index. A score that is not a
/// number is worse than any other.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Recommendation {
    /// The item's index in the catalogue.
    pub item: u32,
    /// Its score: a rating in the training data's unit, or a probability for
    /// a model of clicks.
    pub score: f32,
}

/// What a score is worth: what is not a number is worth least.
fn rank(score: f32) -> f32 {
    if score.is_nan() { f32::NEG_INFINITY } else { score }
}

impl Ord for Recommendation {
    fn cmp(&self, other: &Self) -> Ordering {
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
        best.clear();
        best.resize(k.min(self.catalog.len()), Recommendation { item: 0, score: 0.0 });
        let found = self.recommend_into(filter, best).inspect_err(|_| best.clear())?;
        best.truncate(found);
        Ok(())
    }

    /// [`User::recommend`] into a slice, as many as there is room for. Returns how
    /// many it found; what comes after them is not touched.
    ///
    /// # Errors
    /// [`Error::ItemIndex`] if an item to leave out is not in the catalogue.
    pub fn recommend_into(&mut self, filter: Filter, best: &mut [Recommendation]) -> Result<usize> {
        self.catalog.check(filter.leave_out)?;
        let rated: &[u32] = if filter.keep_rated { &[] } else { &self.rated };
        self.left_out.clear();
        filter.leave_out.iter().chain(rated).for_each(|&item| self.left_out.insert(item));

        let len = self.catalog.len();
        let k = best.len().min(len);
        let best = &mut best[..k];
        let mut found = 0;
        // What a score must be above to count, once there are `k`.
        let mut bar = f32::NEG_INFINITY;
        let mut scores = [0.0; BLOCK];
        for start in (0..if k == 0 { 0 } else { len }).step_by(BLOCK) {
            let scores = &mut scores[..BLOCK.min(len - start)];
            self.score_block(Rows::From(start, scores.len()), scores);
            for (item, &score) in (start as u32..).zip(scores.iter()) {
                let full = found == k;
                // Of equal ones the first counts, and it was here before.
                if full && rank(score) <= bar || self.left_out.contains(item) {
                    continue;
                }
                let candidate = Recommendation { item, score };
                // Once it is full, `best` is a heap with the worst on top.
                if full {
                    best[0] = candidate;
                    sift_down(best, 0);
                } else {
                    best[found] = candidate;
                    found += 1;
                    if found < k {
                        continue;
                    }
                    heapify(best);
                }
                bar = rank(best[0].score);
            }
        }
        let best = &mut best[..found];
        if found < k {
            heapify(best);
        }
        // What is worst goes to the end, until the heap is used up.
        for last in (1..found).rev() {
            best.swap(0, last);
            sift_down(&mut best[..last], 0);
        }
        Ok(found)
    }

    /// Scores one block of items, all of which are in the catalogue.
    fn score_block(&mut self, rows: Rows, scores: &mut [f32]) {
        self.pack_head();
        let model = self.catalog.model();
        let (inputs, _) = self.inputs.fill(&self.catalog, &self.embedding, rows);
        let (head, activations) = self.workspace.packed_head();
        model.head_network().forward(head, inputs, activations);
        let output = &model.config().output;
        for (score, head) in scores.iter_mut().zip(activations.output(inputs.rows)) {
            *score = output.score(*head);
        }
    }
}

/// Puts the worst on top, and so on below.
fn heapify(best: &mut [Recommendation]) {
    (0..best.len() / 2).rev().for_each(|parent| sift_down(best, parent));
}

/// Lets an element of a heap, whose children are heaps, sink to its place.
fn sift_down(heap: &mut [Recommendation], mut parent: usize) {
    while let Some(child) =
        (2 * parent + 1..heap.len().min(2 * parent + 3)).max_by_key(|&child| heap[child])
        && heap[child] > heap[parent]
    {
        heap.swap(child, parent);
        parent = child;
    }
}
