//! The pass over a catalogue that finds the best items.

use std::sync::atomic::{self, AtomicUsize};

use super::best::Found;
use super::{Filter, Recommendation, rank};
use crate::catalog::blocks::{BLOCK, InputBuffers, Rows};
use crate::catalog::item_set::ItemSet;
use crate::model::network::LayerRows;
use crate::user::score::Scoring;

/// A pass over the catalogue, which threads share step by step.
pub(super) struct Search<'a> {
    pub scoring: Scoring<'a>,
    pub left_out: &'a ItemSet,
    pub filter: Option<Filter<'a>>,
    /// Whether items are given as a list, so that few are not left out.
    pub is_listed: bool,
    /// Each item's number of raters, if it matters.
    pub raters: Option<&'a [u32]>,
    /// The smallest number of raters of an item that is found.
    pub min_raters: u32,
    /// The number of blocks that a thread takes at once.
    pub step: usize,
    /// The first step that no thread has taken.
    pub next: AtomicUsize,
}

impl Search<'_> {
    /// Takes steps until there are no more.
    pub(super) fn run(
        &self,
        inputs: &mut InputBuffers,
        activations: &mut LayerRows,
        found: &mut Found,
    ) {
        let items = self.scoring.catalog.len();
        let mut listed = Listed { items: [0; BLOCK], count: 0 };
        let mut scores = [0.0; BLOCK];
        let mut score = |rows: Rows, found: &mut Found| {
            let scores = &mut scores[..rows.len()];
            self.scoring.score_block(rows, inputs, activations, scores);
            for (place, &score) in scores.iter().enumerate() {
                if rank(score) >= found.bar() {
                    self.offer(Recommendation::new(rows.row(place), score), found);
                }
            }
        };
        loop {
            let step = self.next.fetch_add(self.step, atomic::Ordering::Relaxed) * BLOCK;
            if step >= items {
                break;
            }
            let rows = step..items.min(step + self.step * BLOCK);
            if self.is_listed {
                for item in self.left_out.missing(rows) {
                    listed.push(item, |items| score(items, found));
                }
                continue;
            }
            for start in rows.clone().step_by(BLOCK) {
                let block = Rows::From(start, BLOCK.min(rows.end - start));
                let Some(choice) = self.scoring.choice.filter(|choice| choice.head.rating != 0.0)
                else {
                    score(block, found);
                    continue;
                };
                // Ratings are predicted only for items that the highest rating could lift
                // into the list.
                let mut without = [0.0; BLOCK];
                let without = &mut without[..block.len()];
                choice.score(block, without);
                let most = choice.most_of_rating();
                for (place, &score_without) in without.iter().enumerate() {
                    let upper = score_without + most;
                    if rank(upper) >= found.bar() || upper.is_nan() {
                        listed.push(block.row(place), |items| score(items, found));
                    }
                }
            }
        }
        listed.finish(|items| score(items, found));
    }

    /// Offers an item, unless it must not be recommended.
    fn offer(&self, candidate: Recommendation, found: &mut Found) {
        if self.left_out.contains(candidate.item) {
            return;
        }
        let raters = self.raters.map(|raters| raters[candidate.item as usize]);
        if raters.is_some_and(|raters| raters < self.min_raters) {
            return;
        }
        let is_new = raters == Some(0);
        match self.filter {
            // Asked last: it may be slow.
            Some(Filter(may)) if !(found.would_take(candidate, is_new) && may(candidate.item)) => {}
            _ => found.offer(candidate, is_new),
        }
    }
}

/// Items that wait to be scored as a block.
struct Listed {
    items: [u32; BLOCK],
    count: usize,
}

impl Listed {
    /// Adds an item; a full block is scored.
    fn push(&mut self, item: u32, score: impl FnOnce(Rows)) {
        self.items[self.count] = item;
        self.count += 1;
        if self.count == BLOCK {
            self.finish(score);
        }
    }

    /// Scores the last items.
    fn finish(&mut self, score: impl FnOnce(Rows)) {
        if self.count > 0 {
            score(Rows::Listed(&self.items[..self.count]));
            self.count = 0;
        }
    }
}
