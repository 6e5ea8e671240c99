//! The best of a catalogue for a user.

use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicUsize};

use crate::adapt::{BLOCK, Forward};
use crate::coarse::{COARSE_BLOCK, CoarseItems, CoarseUser};
use crate::inputs::{InputBuffers, Rows};
use crate::item_set::ItemSet;
use crate::network::LayerRows;
use crate::score::Scoring;
use crate::{Result, User, threads};

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

/// A coarse pass pays where there are so many items for each that is asked for.
const COARSE_FROM_EACH: usize = 16;

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
    /// The `k` best items of the catalogue, best first; of equal ones the one
    /// with the lower index first. Fewer if there are no more.
    ///
    /// What `best` held is replaced; nothing is allocated where its capacity
    /// is enough.
    ///
    /// # Errors
    /// [`Error::ItemIndex`](crate::Error::ItemIndex) if an item to leave out is not
    /// in the catalogue.
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
    /// [`Error::ItemIndex`](crate::Error::ItemIndex) if an item to leave out is not
    /// in the catalogue.
    pub fn recommend_into(&mut self, filter: Filter, best: &mut [Recommendation]) -> Result<usize> {
        self.recommend_by_threads(1, filter, best)
    }

    /// [`User::recommend_into`], by so many threads: the calling one and others that
    /// end with the call, at most 256 and one for each 96 items. 0 is as good as 1.
    ///
    /// The result is the same for any number, to the last bit. Each thread beyond
    /// the first takes some 50 microseconds to start, a block's buffers, and as much room as
    /// `best` is long; one for which there is no memory, or that the system does not
    /// start, is done without.
    ///
    /// # Errors
    /// As [`User::recommend_into`].
    pub fn recommend_by_threads(
        &mut self,
        threads: usize,
        filter: Filter,
        best: &mut [Recommendation],
    ) -> Result<usize> {
        self.catalog.check(filter.leave_out)?;
        let items = self.catalog.len();
        let most = best.len().min(items);
        if most == 0 {
            return Ok(0);
        }
        let rated: &[u32] = if filter.keep_rated { &[] } else { &self.rated };
        self.left_out.clear();
        filter.leave_out.iter().chain(rated).for_each(|&item| self.left_out.insert(item));

        let Self { catalog, own_head, left_out, room, coarse, .. } = self;
        let model = catalog.model();
        own_head.pack(model.user_head_network());
        let head = own_head.forward(model.user_head_network());
        let (inputs, activations) = (&mut room.inputs, &mut room.workspace.activations);
        let pays = |of: &&CoarseItems| items >= of.fewest && items / most >= COARSE_FROM_EACH;
        let mut prepared = catalog.coarse().filter(pays);
        if let (Some(items), Forward::Deep(packed)) = (prepared, head) {
            if coarse.is_none() {
                *coarse = CoarseUser::new(model, items).ok();
            }
            match coarse {
                Some(coarse) => coarse.take_head(model, own_head.numbers(), packed),
                // Without memory it is done without.
                None => prepared = None,
            }
        }
        let blocks = items.div_ceil(BLOCK);
        let threads = threads.clamp(1, threads::MOST).min(blocks);
        let mut heaps = Vec::new();
        if heaps.try_reserve_exact((threads - 1).saturating_mul(most)).is_ok() {
            heaps.resize((threads - 1) * most, Recommendation { item: 0, score: 0.0 });
        }
        let together = if prepared.is_some() { COARSE_BLOCK / BLOCK } else { 1 };
        let search = Search {
            scoring: Scoring { catalog, head },
            left_out,
            coarse: prepared,
            step: (blocks / (16 * threads)).clamp(1, 16).next_multiple_of(together),
            next: AtomicUsize::new(0),
        };
        let network = model.user_head_network();
        let mut helpers: Vec<_> = heaps
            .chunks_exact_mut(most)
            .map(|heap| {
                let activations = LayerRows::new(network, BLOCK);
                let coarse = coarse.as_ref().filter(|_| prepared.is_some()).cloned();
                (inputs.clone(), activations, coarse, Best::new(heap))
            })
            .collect();
        let mut best = Best::new(&mut best[..most]);
        threads::share(
            &mut helpers,
            |(inputs, activations, coarse, best)| {
                search.run(inputs, activations, coarse.as_mut(), best);
            },
            || search.run(inputs, activations, coarse.as_mut(), &mut best),
        );
        for (_, _, _, others) in &helpers {
            others.room[..others.found].iter().for_each(|found| best.offer(*found));
        }
        Ok(best.finish())
    }
}

/// A pass over the catalogue, in which threads take one step after another.
struct Search<'a> {
    scoring: Scoring<'a>,
    left_out: &'a ItemSet,
    /// What a coarse pass needs, if there is to be one first.
    coarse: Option<&'a CoarseItems>,
    /// So many blocks are taken at once.
    step: usize,
    /// The first block that nobody has taken.
    next: AtomicUsize,
}

impl Search<'_> {
    /// Takes steps until there are no more.
    fn run(
        &self,
        inputs: &mut InputBuffers,
        activations: &mut LayerRows,
        coarse: Option<&mut CoarseUser>,
        best: &mut Best,
    ) {
        let items = self.scoring.catalog.len();
        let mut coarse = self.coarse.zip(coarse);
        // What the coarse pass left to be scored.
        let (mut listed, mut count) = ([0; BLOCK], 0);
        let mut scores = [0.0; BLOCK];
        let mut offer = |rows: Rows, best: &mut Best| {
            let scores = &mut scores[..rows.len()];
            self.scoring.score_block(rows, inputs, activations, scores);
            for (place, &score) in scores.iter().enumerate() {
                if rank(score) >= best.bar {
                    let item = rows.row(place);
                    if !self.left_out.contains(item) {
                        best.offer(Recommendation { item, score });
                    }
                }
            }
        };
        loop {
            let step = self.next.fetch_add(self.step, atomic::Ordering::Relaxed) * BLOCK;
            if step >= items {
                break;
            }
            let rows = step..items.min(step + self.step * BLOCK);
            let Some((coarse_items, coarse)) = &mut coarse else {
                for start in rows.clone().step_by(BLOCK) {
                    offer(Rows::From(start, BLOCK.min(rows.end - start)), best);
                }
                continue;
            };
            for start in rows.clone().step_by(COARSE_BLOCK) {
                let block = start..rows.end.min(start + COARSE_BLOCK);
                let catalog = self.scoring.catalog;
                let upper = coarse.upper_scores(catalog, coarse_items, block);
                for (item, &upper) in (start as u32..).zip(upper) {
                    let is_worse = upper.is_finite() && upper < best.bar;
                    if is_worse || self.left_out.contains(item) {
                        continue;
                    }
                    listed[count] = item;
                    count += 1;
                    if count == BLOCK {
                        offer(Rows::Listed(&listed), best);
                        count = 0;
                    }
                }
            }
        }
        if count > 0 {
            offer(Rows::Listed(&listed[..count]), best);
        }
    }
}

/// The best of what was offered, as many as there is room for.
struct Best<'a> {
    /// Once it is full, a heap with the worst on top.
    room: &'a mut [Recommendation],
    found: usize,
    /// What is below it in [`rank`] need not be offered.
    bar: f32,
}

impl<'a> Best<'a> {
    /// With room for at least one.
    fn new(room: &'a mut [Recommendation]) -> Self {
        Self { room, found: 0, bar: f32::NEG_INFINITY }
    }

    fn offer(&mut self, candidate: Recommendation) {
        if self.found == self.room.len() {
            if candidate >= self.room[0] {
                return;
            }
            self.room[0] = candidate;
            sift_down(self.room, 0);
        } else {
            self.room[self.found] = candidate;
            self.found += 1;
            if self.found < self.room.len() {
                return;
            }
            heapify(self.room);
        }
        self.bar = rank(self.room[0].score);
    }

    /// Puts them in order, and says how many there are.
    fn finish(self) -> usize {
        let full = self.found == self.room.len();
        let best = &mut self.room[..self.found];
        if !full {
            heapify(best);
        }
        // What is worst goes to the end, until the heap is used up.
        for last in (1..best.len()).rev() {
            best.swap(0, last);
            sift_down(&mut best[..last], 0);
        }
        self.found
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
