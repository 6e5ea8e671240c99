//! The best of what was offered, in heaps of fixed capacity.

use super::{Recommendation, rank};

/// The best of all items, and the best of those that nobody chose.
pub(super) struct Found<'a> {
    all: Best<'a>,
    /// No more than the places reserved for them.
    new: Best<'a>,
}

impl<'a> Found<'a> {
    pub(super) fn new(all: &'a mut [Recommendation], new: &'a mut [Recommendation]) -> Self {
        Self { all: Best::new(all), new: Best::new(new) }
    }

    /// The lowest [`rank`] that need be offered.
    pub(super) fn bar(&self) -> f32 {
        self.all.bar.min(self.new.bar)
    }

    /// Whether as many items were found as can be.
    pub(super) fn is_full(&self) -> bool {
        self.all.found == self.all.heap.len()
    }

    /// How many items can be found.
    pub(super) fn places(&self) -> usize {
        self.all.heap.len()
    }

    /// Whether an item whose [`rank`] is at most `upper` need be offered.
    pub(super) fn may_take(&self, upper: f32, is_new: bool) -> bool {
        upper >= self.all.bar || is_new && upper >= self.new.bar
    }

    /// Whether there is a free place for an item, or a worse one.
    pub(super) fn would_take(&self, candidate: Recommendation, is_new: bool) -> bool {
        self.all.would_take(candidate) || is_new && self.new.would_take(candidate)
    }

    /// Takes an item up, if it is one of the best.
    pub(super) fn offer(&mut self, candidate: Recommendation, is_new: bool) {
        if is_new {
            self.new.offer(candidate);
        }
        self.all.offer(candidate);
    }

    /// Adds the items that another thread found.
    pub(super) fn take(&mut self, others: &Found) {
        let Found { all, new } = others;
        all.heap[..all.found].iter().for_each(|found| self.all.offer(*found));
        new.heap[..new.found].iter().for_each(|found| self.new.offer(*found));
    }

    /// Sorts them, and returns how many there are; new items replace the last of the others
    /// in the places reserved for them.
    pub(super) fn finish(self, is_new: impl Fn(u32) -> bool) -> usize {
        let Self { all, new } = self;
        let (best, count) = all.finish();
        let (new, places) = new.finish();
        let best = &mut best[..count];
        if places == 0 {
            return count;
        }
        let there = best.iter().filter(|found| is_new(found.item)).count();
        // New items that are in the list already are the best of all new ones.
        let (mut place, missing) = (count, places.saturating_sub(there));
        for candidate in new[..places].iter().skip(there).take(missing).rev() {
            while place > 0 && is_new(best[place - 1].item) {
                place -= 1;
            }
            let Some(last) = place.checked_sub(1) else { break };
            best[last] = *candidate;
            place = last;
        }
        best.sort_unstable();
        count
    }
}

/// The best of the items offered, in a heap of fixed capacity.
struct Best<'a> {
    /// Once it is full, a heap with the worst item on top.
    heap: &'a mut [Recommendation],
    found: usize,
    /// The lowest [`rank`] that need be offered.
    bar: f32,
}

impl<'a> Best<'a> {
    /// An empty heap. With a capacity of 0, no item need be offered.
    fn new(heap: &'a mut [Recommendation]) -> Self {
        let bar = if heap.is_empty() { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { heap, found: 0, bar }
    }

    /// Whether there is a free place, or a worse one.
    fn would_take(&self, candidate: Recommendation) -> bool {
        self.found < self.heap.len() || self.heap.first().is_some_and(|worst| candidate < *worst)
    }

    fn offer(&mut self, candidate: Recommendation) {
        if !self.would_take(candidate) {
            return;
        }
        if self.found == self.heap.len() {
            self.heap[0] = candidate;
            sift_down(self.heap, 0);
        } else {
            self.heap[self.found] = candidate;
            self.found += 1;
            if self.found < self.heap.len() {
                return;
            }
            heapify(self.heap);
        }
        self.bar = rank(self.heap[0].score);
    }

    /// Sorts them, and returns them with their number.
    fn finish(self) -> (&'a mut [Recommendation], usize) {
        self.heap[..self.found].sort_unstable();
        (self.heap, self.found)
    }
}

/// Makes a heap with the worst item on top.
fn heapify(best: &mut [Recommendation]) {
    (0..best.len() / 2).rev().for_each(|parent| sift_down(best, parent));
}

/// Moves an element down to its place; both its children are heaps.
fn sift_down(heap: &mut [Recommendation], mut parent: usize) {
    let moved = heap[parent];
    // Each place is computed once: they take more time than the moves.
    let own = moved.place();
    loop {
        let first = 2 * parent + 1;
        let Some(mut worst) = heap.get(first).map(Recommendation::place) else { break };
        let mut child = first;
        if let Some(second) = heap.get(first + 1).map(Recommendation::place)
            && second > worst
        {
            (child, worst) = (first + 1, second);
        }
        if worst <= own {
            break;
        }
        heap[parent] = heap[child];
        parent = child;
    }
    heap[parent] = moved;
}
