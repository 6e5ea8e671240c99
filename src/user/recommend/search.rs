//! The pass over a catalogue that finds the best items.

use std::mem;
use std::ops::Range;
use std::sync::atomic::{self, AtomicUsize};

use super::best::Found;
use super::{Filter, Recommendation, rank};
use crate::catalog::blocks::{BLOCK, InputBuffers, Rows};
use crate::catalog::item_set::ItemSet;
use crate::kernels::{
    GROUPS, ROUNDED_ROWS, RoundedVector, block_bytes, places_not_below, reached_by, upper_bounds,
};
use crate::memory;
use crate::model::network::LayerRows;
use crate::user::choice::{ChoiceScoring, ROUNDING};
use crate::user::score::Scoring;

/// The items whose scores are bounded together, a multiple of [`BLOCK`] and of the rows that are
/// rounded together: what a thread keeps of them, 32 KB, stays in the cache. The first of them
/// show where the list may end.
pub(super) const CHUNK: usize = 42 * BLOCK;

/// Memory for the bounds of a chunk.
#[derive(Clone, Debug)]
pub struct Bounds {
    bounds: Vec<f32>,
    places: Vec<u32>,
}

impl Bounds {
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new() -> memory::Result<Self> {
        let (bounds, places) = (memory::zeros(CHUNK)?, memory::zeros(CHUNK)?);
        Ok(Self { bounds, places })
    }
}

/// A pass over the catalogue, which threads share step by step.
pub(super) struct Search<'a> {
    pub scoring: Scoring<'a>,
    /// The user's vector for choosing, by which rows in 8 bits are multiplied. Unused where
    /// items are given as a list, or ordered by predicted rating.
    pub vector: &'a RoundedVector,
    pub left_out: &'a ItemSet,
    pub filter: Option<Filter<'a>>,
    /// Whether items are given as a list, so that few are not left out.
    pub is_listed: bool,
    /// Each item's number of raters, if it matters.
    pub raters: Option<&'a [u32]>,
    /// The smallest number of raters of an item that is found.
    pub min_raters: u32,
    /// The number of items that a thread takes at once.
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
        bounds: &mut Bounds,
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
            let step = self.next.fetch_add(1, atomic::Ordering::Relaxed).saturating_mul(self.step);
            if step >= items {
                break;
            }
            let rows = step..items.min(step + self.step);
            if self.is_listed {
                for item in self.left_out.missing(rows) {
                    listed.push(item, |items| score(items, found));
                }
                continue;
            }
            match self.scoring.choice {
                Some(choice) => self.bound(choice, rows, bounds, found, |item, found| match item {
                    Some(item) => listed.push(item, |items| score(items, found)),
                    None => listed.finish(|items| score(items, found)),
                }),
                None => {
                    for start in rows.clone().step_by(BLOCK) {
                        score(Rows::From(start, BLOCK.min(rows.end - start)), found);
                    }
                }
            }
        }
        listed.finish(|items| score(items, found));
    }

    /// Calls `take` with each item that may be among the best by its bound, and with `None` when
    /// those before should be scored. At most [`CHUNK`] rows.
    fn bound(
        &self,
        choice: ChoiceScoring,
        rows: Range<usize>,
        buffers: &mut Bounds,
        found: &mut Found,
        mut take: impl FnMut(Option<u32>, &mut Found),
    ) {
        let Bounds { bounds, places } = buffers;
        let blocks = rows.start / ROUNDED_ROWS..rows.end.div_ceil(ROUNDED_ROWS);
        let bounds = &mut bounds[..blocks.len() * ROUNDED_ROWS];
        let block = block_bytes(choice.vector.len());
        let rounded =
            &self.scoring.catalog.rounded_rows()[blocks.start * block..][..blocks.len() * block];
        upper_bounds(rounded, self.vector, bounds);
        let bounds = &mut bounds[..rows.len()];
        choice.raise_bounds(rows.start, bounds);
        // What the highest rating could add.
        let most = choice.most_of_rating();
        let item = |place: u32| rows.start as u32 + place;
        // What must not be recommended would take the place of what may.
        for item in self.left_out.present(rows.clone()) {
            bounds[item as usize - rows.start] = f32::NEG_INFINITY;
        }
        // Until the list is full, the best by their bounds come first, so that few others need be
        // looked at. One turn is enough, unless a filter refuses some of them.
        let mut count = found.places();
        while !found.is_full() && count <= GROUPS {
            let threshold = reached_by(bounds, count);
            let first = places_not_below(bounds, threshold, places);
            for &place in &places[..first] {
                let bound = mem::replace(&mut bounds[place as usize], f32::NEG_INFINITY);
                if bound != f32::NEG_INFINITY && self.may_be(item(place), f32::INFINITY, found) {
                    take(Some(item(place)), found);
                }
            }
            take(None, found);
            count = 4 * count.max(1);
        }
        let bar = found.bar();
        let lowest = bar - most - ROUNDING * (bar.abs() + most.abs());
        let rest = places_not_below(bounds, lowest, places);
        for &place in &places[..rest] {
            let bound = bounds[place as usize];
            let upper = bound + most + ROUNDING * (bound.abs() + most.abs());
            if bound != f32::NEG_INFINITY && self.may_be(item(place), upper, found) {
                take(Some(item(place)), found);
            }
        }
        take(None, found);
    }

    /// Whether an item is new, unless it must not be recommended; the caller's filter is asked
    /// later.
    fn is_new(&self, item: u32) -> Option<bool> {
        let raters = self.raters.map(|raters| raters[item as usize]);
        let may_be =
            !self.left_out.contains(item) && raters.is_none_or(|raters| raters >= self.min_raters);
        may_be.then_some(raters == Some(0))
    }

    /// Whether an item with this upper bound of its score may come into the list.
    fn may_be(&self, item: u32, upper: f32, found: &Found) -> bool {
        let is_new = self.is_new(item);
        is_new.is_some_and(|is_new| upper.is_nan() || found.may_take(upper, is_new))
    }

    /// Offers an item, unless it must not be recommended.
    fn offer(&self, candidate: Recommendation, found: &mut Found) {
        let Some(is_new) = self.is_new(candidate.item) else { return };
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
