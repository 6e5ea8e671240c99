//! The best items of a catalogue for a user.

mod best;
mod request;
mod search;
mod together;

pub(crate) use request::Request;
pub(crate) use search::Bounds;
#[cfg(feature = "capi")]
pub(crate) use together::TOGETHER;
pub(crate) use together::{Requests, recommend_together, side_by_side};

use std::cmp::Ordering;
use std::fmt;

use crate::catalog::blocks::{BLOCK, Rows};
use crate::catalog::item_set::ItemSet;
use crate::kernels::rising;
use crate::memory;
use crate::user::ChoiceScoring;
use crate::{Error, Result, Scratch, User};

/// An item with its score and its predicted rating.
///
/// Ordered best first: by falling score, then by index. A score that is not a
/// number is worse than any other.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Recommendation {
    /// The item's index in the catalogue.
    pub item: u32,
    /// The score, by which items are ordered: see [`User::score`]. With [`Order::Rating`] it
    /// is the predicted rating.
    pub score: f32,
    /// The predicted rating: see [`User::predict`]. NaN for a model that was trained without
    /// ratings.
    pub rating: f32,
    /// The rating's standard deviation: see [`User::predict_with_deviations`]. NaN for a
    /// model that knows none.
    pub deviation: f32,
}

impl Recommendation {
    /// An item with this score, before its rating is predicted.
    pub const fn new(item: u32, score: f32) -> Self {
        Self { item, score, rating: f32::NAN, deviation: f32::NAN }
    }

    /// A number that is lower for a better one, so that a comparison is one of whole numbers: a
    /// heap makes hundreds of them for a list.
    fn place(&self) -> i64 {
        // Adding 0 makes -0 and 0 equal.
        let rising = rising(rank(self.score) + 0.0);
        (i64::from(!rising) << 32) | i64::from(self.item)
    }
}

/// The score as it is compared: NaN ranks last.
fn rank(score: f32) -> f32 {
    if score.is_nan() { f32::NEG_INFINITY } else { score }
}

impl Ord for Recommendation {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
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

/// What [`is_exposure`] expects, in words.
pub(crate) const EXPECTED_EXPOSURE: &str = "a number from -1000000 to 1000000";

/// Whether a number can weigh items' exposure: beyond, scores could exceed the range of floats.
pub(crate) fn is_exposure(number: f32) -> bool {
    number.abs() <= 1e6
}

/// The order of recommendations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By how likely the user is to choose the item and to like it: see [`User::score`].
    #[default]
    Score,
    /// By predicted rating: see [`User::predict`].
    Rating,
}

/// Decides which items may be recommended.
///
/// It is called only for items that would otherwise come into the list, some hundred times for a
/// list of 20, by all threads that make the list; so it can afford to look into a database or a
/// table of what is in stock.
///
/// ```
/// use melu::{Filter, RecommendOptions};
///
/// let stock = [3, 0, 7];
/// let in_stock = |item: u32| stock[item as usize] > 0;
/// let options =
///     RecommendOptions { filter: Some(Filter(&in_stock)), ..RecommendOptions::default() };
/// # assert!(options.filter.is_some_and(|filter| (filter.0)(2)));
/// ```
#[derive(Clone, Copy)]
pub struct Filter<'a>(
    /// Whether the item may be recommended.
    pub &'a (dyn Fn(u32) -> bool + Sync),
);

impl fmt::Debug for Filter<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Filter")
    }
}

/// Which items are recommended, and in what order.
#[derive(Clone, Copy, Debug)]
pub struct RecommendOptions<'a> {
    /// The only items to recommend, in any order, such as the results of a search or of an
    /// index of [`Catalog::item_vectors`](crate::Catalog::item_vectors); `None` for the whole
    /// catalogue. An item that is listed twice counts once.
    pub among: Option<&'a [u32]>,
    /// Adds the neighbours of the user's answers to `among`, since an index of vectors does not
    /// find them all. With them, the best of enough candidates are the best of the whole catalogue.
    pub add_neighbours: bool,
    /// Items to leave out, in any order.
    pub leave_out: &'a [u32],
    /// Lets only some of the other items into the list; `None` lets all.
    pub filter: Option<Filter<'a>>,
    /// Keeps items that the user rated; they are left out otherwise.
    pub keep_rated: bool,
    /// The order of the list.
    pub order: Order,
    /// The weight of an item's exposure, that is, of how often it was chosen: 1 as trained,
    /// 0 for none. A lower weight brings up less popular items. It changes the order by
    /// score alone. At most a million, positive or negative.
    pub exposure: f32,
    /// Leaves out items with fewer raters in training than this; has no effect if the model does
    /// not know its items' raters.
    pub min_raters: u32,
    /// The least number of places for items that nobody chose in training, if there are as
    /// many: the best of them replace the last of the others.
    pub new_items: usize,
}

impl Default for RecommendOptions<'_> {
    fn default() -> Self {
        Self {
            among: None,
            add_neighbours: false,
            leave_out: &[],
            filter: None,
            keep_rated: false,
            order: Order::Score,
            exposure: 1.0,
            min_raters: 0,
            new_items: 0,
        }
    }
}

impl RecommendOptions<'_> {
    fn check(&self, user: &User) -> Result<()> {
        if !is_exposure(self.exposure) {
            let problem = format!("it is {}; {EXPECTED_EXPOSURE} is expected", self.exposure);
            return Err(Error::argument("exposure", problem));
        }
        if self.order == Order::Rating && !user.model().has_ratings() {
            let problem = "it is by rating; the model was trained without ratings";
            return Err(Error::argument("order", problem));
        }
        user.catalog.check("among", self.among.unwrap_or_default())?;
        user.catalog.check("leave_out", self.leave_out)
    }

    /// Collects all items that must not be recommended to a user.
    fn leave_out(&self, rated: &[u32], choice: Option<ChoiceScoring>, left_out: &mut ItemSet) {
        match self.among {
            None => left_out.clear(),
            Some(among) => {
                left_out.fill();
                let neighbours = choice.filter(|_| self.add_neighbours);
                let neighbours = neighbours.into_iter().flat_map(ChoiceScoring::neighbours);
                among.iter().copied().chain(neighbours).for_each(|item| left_out.remove(item));
            }
        }
        let rated: &[u32] = if self.keep_rated { &[] } else { rated };
        self.leave_out.iter().chain(rated).for_each(|&item| left_out.insert(item));
    }
}

impl User {
    /// The `k` best items of the catalogue, or of a list, best first; of equal ones the one
    /// with the lower index first. Fewer if there are no more.
    ///
    /// The contents of `best` are replaced; nothing is allocated if its capacity is large
    /// enough.
    ///
    /// # Errors
    /// [`Error::ItemIndex`] if a listed item is not in the catalogue; [`Error::Argument`] for
    /// an exposure beyond its range, an order by ratings with a model that was trained
    /// without them, or a scratch of another catalogue; [`Error::Diverged`] if a score is not
    /// finite, as with a damaged weight file; [`Error::OutOfMemory`].
    pub fn recommend(
        &self,
        k: usize,
        options: &RecommendOptions,
        best: &mut Vec<Recommendation>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        make_room(best, k.min(self.catalog.len()))?;
        let found = self.recommend_into(options, best, scratch).inspect_err(|_| best.clear())?;
        best.truncate(found);
        Ok(())
    }

    /// Like [`User::recommend`], but writes into a slice, at most as many items as it holds.
    /// Returns how many it found; elements after them are not touched.
    ///
    /// # Errors
    /// Those of [`User::recommend`].
    pub fn recommend_into(
        &self,
        options: &RecommendOptions,
        best: &mut [Recommendation],
        scratch: &mut Scratch,
    ) -> Result<usize> {
        self.recommend_by_threads(1, options, best, scratch)
    }

    /// [`User::recommend_into`] with several threads: the calling one and others that end
    /// with the call, at most 256 and one for each 96 items of the catalogue or of the list.
    /// 0 means 1.
    ///
    /// The result is the same for any number, to the last bit. Each thread beyond the first
    /// takes some 50 microseconds to start, and the memory of a block's buffers and of a list
    /// as long as `best`. Threads that cannot be started, or for which memory is short, are
    /// left out.
    ///
    /// # Errors
    /// Those of [`User::recommend`].
    pub fn recommend_by_threads(
        &self,
        threads: usize,
        options: &RecommendOptions,
        best: &mut [Recommendation],
        scratch: &mut Scratch,
    ) -> Result<usize> {
        let mut request = Request { user: self, best, scratch, found: 0 };
        let Some(mut prepared) = request.prepare(options)? else { return Ok(0) };
        prepared.run(threads);
        request.found = prepared.finish();
        request.add_ratings()?;
        Ok(request.found)
    }

    /// Predicts the ratings of recommended items.
    fn add_ratings(&self, best: &mut [Recommendation], scratch: &mut Scratch) {
        if !self.model().has_ratings() {
            return;
        }
        let (mut items, mut ratings) = ([0; BLOCK], [0.0; BLOCK]);
        let mut deviations = [f32::NAN; BLOCK];
        for best in best.chunks_mut(BLOCK) {
            let count = best.len();
            items.iter_mut().zip(&*best).for_each(|(item, found)| *item = found.item);
            let (items, ratings) = (&items[..count], &mut ratings[..count]);
            self.write_ratings(Rows::Listed(items), ratings, scratch);
            self.write_deviations(Rows::Listed(items), ratings, &mut deviations[..count], scratch);
            for (found, (rating, deviation)) in best.iter_mut().zip(ratings.iter().zip(&deviations))
            {
                (found.rating, found.deviation) = (*rating, *deviation);
            }
        }
    }
}

/// Makes a list as long as this.
pub(crate) fn make_room(best: &mut Vec<Recommendation>, len: usize) -> memory::Result<()> {
    best.clear();
    memory::reserve(best, len)?;
    best.resize(len, Recommendation::new(0, 0.0));
    Ok(())
}
