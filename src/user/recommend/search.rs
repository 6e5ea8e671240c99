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
use crate::user::choice::ROUNDING;
use crate::user::score::Scoring;

/// The items whose scores are bounded together, a multiple of [`BLOCK`] and of the rows that are
/// rounded together: what a thread keeps of them, 32 KB, stays in the cache. The first of them
/// show where the list may end.
pub(super) const CHUNK: usize = 42 * BLOCK;

/// Memory for the bounds of a chunk.
#[derive(Clone, Debug)]
pub struct Bounds {
    bounds: Vec<f32>,
    /// Where bounds are high.
    places: Vec<u32>,
    /// Items that wait to be scored as a block.
    listed: Vec<u32>,
}

impl Bounds {
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new() -> memory::Result<Self> {
        Ok(Self {
            bounds: memory::zeros(CHUNK)?,
            places: memory::zeros(CHUNK)?,
            listed: memory::zeros(BLOCK)?,
        })
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
    /// The length of the list of items, if these are given: few are not left out then.
    pub among: Option<usize>,
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
    /// The rows of a step that no thread has taken.
    fn take_step(&self) -> Option<Range<usize>> {
        let items = self.scoring.catalog.len();
        let begin = self.next.fetch_add(1, atomic::Ordering::Relaxed).saturating_mul(self.step);
        (begin < items).then(|| begin..items.min(begin + self.step))
    }

    /// Whether an item is new, unless it must not be recommended; the caller's filter is asked
    /// later.
    fn is_new(&self, item: u32) -> Option<bool> {
        let raters = self.raters.map(|raters| raters[item as usize]);
        let may_be =
            !self.left_out.contains(item) && raters.is_none_or(|raters| raters >= self.min_raters);
        may_be.then_some(raters == Some(0))
    }
}

/// A thread's part in a search.
pub(super) struct Seeker<'a, 'f> {
    bounds: &'a mut [f32],
    places: &'a mut [u32],
    scorer: Scorer<'a, 'f>,
}

impl<'a, 'f> Seeker<'a, 'f> {
    pub(super) fn new(
        search: &'a Search<'a>,
        (inputs, activations): (&'a mut InputBuffers, &'a mut LayerRows),
        bounds: &'a mut Bounds,
        found: &'a mut Found<'f>,
    ) -> Self {
        let Bounds { bounds, places, listed } = bounds;
        let scorer = Scorer { search, inputs, activations, found, listed, count: 0 };
        Self { bounds, places, scorer }
    }

    /// Takes steps until there are no more.
    pub(super) fn run(mut self) {
        let search = self.scorer.search;
        while let Some(rows) = search.take_step() {
            if search.among.is_some() {
                search.left_out.missing(rows).for_each(|item| self.scorer.list(item));
            } else if search.scoring.choice.is_some() {
                self.bound(rows.clone(), rows.start);
                self.choose(rows);
            } else {
                for start in rows.clone().step_by(BLOCK) {
                    self.scorer.score(Rows::From(start, BLOCK.min(rows.end - start)));
                }
            }
        }
        self.scorer.score_listed();
    }

    /// Bounds the scores by the head for choosing of rows of a step: of whole blocks of rounded
    /// rows. The step begins with the row `first`, and has at most [`CHUNK`] rows.
    pub(super) fn bound(&mut self, rows: Range<usize>, first: usize) {
        let Search { scoring: Scoring { catalog, choice, .. }, vector, .. } = self.scorer.search;
        let Some(choice) = choice else { return };
        let bounds = &mut self.bounds[rows.start - first..];
        let blocks = rows.start / ROUNDED_ROWS..rows.end.div_ceil(ROUNDED_ROWS);
        let bytes = block_bytes(choice.vector.len());
        let rounded = &catalog.rounded_rows()[blocks.start * bytes..][..blocks.len() * bytes];
        upper_bounds(rounded, vector, &mut bounds[..blocks.len() * ROUNDED_ROWS]);
    }

    /// Scores those rows of a step that may be among the best by their bounds.
    pub(super) fn choose(&mut self, rows: Range<usize>) {
        let Self { bounds, places, scorer } = self;
        let search = scorer.search;
        let Some(choice) = &search.scoring.choice else { return };
        let bounds = &mut bounds[..rows.len()];
        choice.raise_bounds(rows.start, bounds);
        // What the highest rating could add.
        let most = choice.most_of_rating();
        let item = |place: u32| rows.start as u32 + place;
        // What must not be recommended would take the place of what may.
        for item in search.left_out.present(rows.clone()) {
            bounds[item as usize - rows.start] = f32::NEG_INFINITY;
        }
        // Until the list is full, the best by their bounds come first, so that few others need be
        // looked at: with those that a slightly higher rating would bring among them, a tenth fewer
        // in all where ratings count much. One turn is enough, unless a filter refuses some.
        let likely = most.abs() / 16.0;
        let mut count = scorer.found.places();
        while !scorer.found.is_full() && count <= GROUPS {
            let threshold = reached_by(bounds, count) - likely;
            let first = places_not_below(bounds, threshold, places);
            for &place in &places[..first] {
                let bound = mem::replace(&mut bounds[place as usize], f32::NEG_INFINITY);
                if bound != f32::NEG_INFINITY && scorer.may_be(item(place), f32::INFINITY) {
                    scorer.list(item(place));
                }
            }
            scorer.score_listed();
            count = 4 * count.max(1);
        }
        let bar = scorer.found.bar();
        let lowest = bar - most - ROUNDING * (bar.abs() + most.abs());
        let rest = places_not_below(bounds, lowest, places);
        for &place in &places[..rest] {
            let bound = bounds[place as usize];
            let upper = bound + most + ROUNDING * (bound.abs() + most.abs());
            if bound != f32::NEG_INFINITY && scorer.may_be(item(place), upper) {
                scorer.list(item(place));
            }
        }
        scorer.score_listed();
    }
}

/// Scores items block by block, and keeps the best.
struct Scorer<'a, 'f> {
    search: &'a Search<'a>,
    inputs: &'a mut InputBuffers,
    activations: &'a mut LayerRows,
    found: &'a mut Found<'f>,
    /// The items that wait to be scored as a block, and their number.
    listed: &'a mut [u32],
    count: usize,
}

impl Scorer<'_, '_> {
    /// Adds an item to those that wait; a full block is scored.
    fn list(&mut self, item: u32) {
        self.listed[self.count] = item;
        self.count += 1;
        if self.count == BLOCK {
            self.score_listed();
        }
    }

    /// Scores the items that wait.
    fn score_listed(&mut self) {
        if self.count > 0 {
            let listed = mem::take(&mut self.listed);
            self.score(Rows::Listed(&listed[..self.count]));
            (self.listed, self.count) = (listed, 0);
        }
    }

    /// Scores a block of items, and offers them.
    fn score(&mut self, rows: Rows) {
        let mut scores = [0.0; BLOCK];
        let scores = &mut scores[..rows.len()];
        self.search.scoring.score_block(rows, self.inputs, self.activations, scores);
        for (place, &score) in scores.iter().enumerate() {
            if rank(score) >= self.found.bar() {
                self.offer(Recommendation::new(rows.row(place), score));
            }
        }
    }

    /// Offers an item, unless it must not be recommended.
    fn offer(&mut self, candidate: Recommendation) {
        let Some(is_new) = self.search.is_new(candidate.item) else { return };
        match self.search.filter {
            // Asked last: it may be slow.
            Some(Filter(may))
                if !(self.found.would_take(candidate, is_new) && may(candidate.item)) => {}
            _ => self.found.offer(candidate, is_new),
        }
    }

    /// Whether an item with this upper bound of its score may come into the list.
    fn may_be(&self, item: u32, upper: f32) -> bool {
        let is_new = self.search.is_new(item);
        is_new.is_some_and(|is_new| upper.is_nan() || self.found.may_take(upper, is_new))
    }
}
