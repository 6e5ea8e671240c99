//! One user's recommendations: from the options to the list.

use std::sync::atomic::AtomicUsize;

use super::best::Found;
use super::search::{Bounds, CHUNK, Search, Seeker};
use super::{Order, RecommendOptions, Recommendation};
use crate::catalog::blocks::{BLOCK, InputBuffers};
use crate::memory;
use crate::model::network::LayerRows;
use crate::user::score::{Scoring, not_finite};
use crate::{Catalog, Model, Result, Scratch, User, threads};

/// One user's recommendations to be found.
pub(crate) struct Request<'a> {
    pub user: &'a User,
    /// The best items, at most as many as it holds.
    pub best: &'a mut [Recommendation],
    pub scratch: &'a mut Scratch,
    /// How many were found.
    pub found: usize,
}

impl Request<'_> {
    /// Makes ready to search; `None` if nothing can be found.
    pub(super) fn prepare<'a>(
        &'a mut self,
        options: &RecommendOptions<'a>,
    ) -> Result<Option<Prepared<'a>>> {
        let Request { user, best, scratch, .. } = self;
        options.check(user)?;
        scratch.check(&user.catalog)?;
        let most = best.len().min(user.catalog.len());
        if most == 0 {
            return Ok(None);
        }
        Prepared::new(user, options, &mut best[..most], scratch).map(Some)
    }

    /// Predicts the ratings of the items that were found.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a number that the model knows is not finite.
    pub(super) fn add_ratings(&mut self) -> Result<()> {
        let Request { user, best, scratch, found } = self;
        let (best, model) = (&mut best[..*found], user.model());
        user.add_ratings(best, scratch);
        let (ratings, deviations) = (model.has_ratings(), model.has_deviations());
        for &mut Recommendation { item, score, rating, deviation } in best {
            for (is_known, number) in [(true, score), (ratings, rating), (deviations, deviation)] {
                if is_known && !number.is_finite() {
                    return Err(not_finite(&user.catalog, item, number));
                }
            }
        }
        Ok(())
    }
}

/// A search that is ready to run.
pub(super) struct Prepared<'a> {
    search: Search<'a>,
    found: Found<'a>,
    inputs: &'a mut InputBuffers,
    activations: &'a mut LayerRows,
    bounds: &'a mut Bounds,
    /// The capacities of `found`.
    places: (usize, usize),
}

impl<'a> Prepared<'a> {
    /// At least one item is to be found.
    fn new(
        user: &'a User,
        options: &RecommendOptions<'a>,
        best: &'a mut [Recommendation],
        scratch: &'a mut Scratch,
    ) -> Result<Self> {
        let Scratch {
            inputs, workspace, packed, choice, left_out, new_items, rounded, bounds, ..
        } = scratch;
        let (catalog, kept) = (&user.catalog, options.new_items.min(best.len()));
        new_items.clear();
        memory::reserve(new_items, kept)?;
        new_items.resize(kept, Recommendation::new(0, 0.0));
        let choice = user.choice_scoring(options.exposure, choice)?;
        options.leave_out(&user.rated, choice, left_out);
        let choice = choice.filter(|_| options.order == Order::Score);
        if let Some(choice) = choice.filter(|_| options.among.is_none()) {
            rounded.set(choice.vector);
        }
        let search = Search {
            scoring: Scoring { catalog, head: user.forward(packed), choice },
            vector: rounded,
            raters: raters(catalog, options.min_raters, kept),
            min_raters: options.min_raters,
            left_out,
            filter: options.filter,
            among: options.among.map(<[u32]>::len),
            // A thread alone loses nothing by large steps.
            step: CHUNK,
            next: AtomicUsize::new(0),
        };
        let places = (best.len(), kept);
        let (found, activations) = (Found::new(best, new_items), &mut workspace.activations);
        Ok(Self { search, found, inputs, activations, bounds, places })
    }

    /// Searches by several threads, if there are items enough for them.
    pub(super) fn run(&mut self, threads: usize) {
        let Self { search, found, inputs, activations, bounds, places } = self;
        let catalog = search.scoring.catalog;
        let sought = search.among.unwrap_or(catalog.len()).div_ceil(BLOCK);
        let threads = threads.clamp(1, threads::MAX_THREADS).min(sought).max(1);
        if threads > 1 {
            // All steps are whole blocks.
            let share = (catalog.len() / (16 * threads)).next_multiple_of(BLOCK);
            search.step = share.clamp(BLOCK, 16 * BLOCK);
        }
        let (search, each) = (&*search, places.0 + places.1);
        let heaps = (threads - 1).saturating_mul(each);
        let heaps = memory::filled(Recommendation::new(0, 0.0), heaps);
        // A thread without memory is done without.
        let mut heaps = heaps.unwrap_or_default();
        let mut helpers = Vec::new();
        for heap in heaps.chunks_exact_mut(each) {
            let (best, new) = heap.split_at_mut(places.0);
            let made = HelperBuffers::new(catalog.model())
                .and_then(|buffers| memory::push(&mut helpers, (buffers, Found::new(best, new))));
            if made.is_err() {
                break;
            }
        }
        threads::share(
            &mut helpers,
            |(HelperBuffers { inputs, activations, bounds }, found)| {
                Seeker::new(search, (inputs, activations), bounds, found).run();
            },
            || Seeker::new(search, (inputs, activations), bounds, found).run(),
        );
        for (_, others) in &helpers {
            found.take(others);
        }
    }

    /// The number of items of the catalogue.
    pub(super) fn items(&self) -> usize {
        self.search.scoring.catalog.len()
    }

    /// The calling thread's part in the search.
    pub(super) fn seeker(&mut self) -> Seeker<'_, 'a> {
        let Self { search, found, inputs, activations, bounds, .. } = self;
        Seeker::new(search, (inputs, activations), bounds, found)
    }

    /// Sorts the items that were found, and returns how many there are.
    pub(super) fn finish(self) -> usize {
        let raters = self.search.raters;
        self.found.finish(|item| raters.is_some_and(|raters| raters[item as usize] == 0))
    }
}

/// What a thread beside the calling one searches with.
struct HelperBuffers {
    inputs: InputBuffers,
    activations: LayerRows,
    bounds: Bounds,
}

impl HelperBuffers {
    fn new(model: &Model) -> memory::Result<Self> {
        Ok(Self {
            inputs: InputBuffers::new(model)?,
            activations: LayerRows::new(model.user_head_network(), BLOCK)?,
            bounds: Bounds::new()?,
        })
    }
}

/// Each item's number of raters, if it matters and is known.
fn raters(catalog: &Catalog, min_raters: u32, new_items: usize) -> Option<&[u32]> {
    if min_raters == 0 && new_items == 0 { None } else { catalog.all_raters() }
}
