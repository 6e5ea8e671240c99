//! A user's vector for choosing, in closed form.

use crate::catalog::blocks::{BLOCK, Rows};
use crate::kernels::{
    Matrix, are_finite, padded, products_of_listed, products_of_rows, raise_bounds, widen_scaled,
};
use crate::memory;
use crate::model::ChoiceHead;
use crate::model::file::ChoiceItems;
use crate::model::schema::Column;
use crate::user::adapt::RidgeSolver;
use crate::user::neighbours::{NeighbourSums, Sums};
use crate::{Catalog, Result, User};

/// More than the share of a sum of two floats that rounding takes from it.
pub(super) const ROUNDING: f32 = 2.0 * f32::EPSILON;

/// Solves for one user's vector at a time; only [`VectorSolver::new`] allocates.
#[derive(Clone, Debug)]
pub struct VectorSolver {
    /// 1 over the root of the prior precision, `[width]`, and zeros up to the length of the
    /// solver's rows.
    scale: Vec<f64>,
    solver: RidgeSolver,
}

impl VectorSolver {
    /// A solver for vectors of `width` numbers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(width: usize) -> memory::Result<Self> {
        let scale = memory::zeros(padded(width))?;
        Ok(Self { scale, solver: RidgeSolver::new(width)? })
    }

    /// Writes the vector of a user with the prior mean `start` and these answers: indices of
    /// items in `rows`, [items, row width], and targets.
    ///
    /// Returns `false` if the numbers exceed the range of floats.
    pub fn solve(
        &mut self,
        head: &ChoiceHead,
        start: &[f32],
        rows: &[f32],
        answers: impl ExactSizeIterator<Item = (u32, f32)>,
        vector: &mut [f32],
    ) -> bool {
        let share = f64::from(head.start_share(answers.len()));
        self.take(head, start, share, rows, answers);
        let solved = self.solver.solve();
        let numbers = start.iter().zip(self.scale.iter().zip(self.solver.mean()));
        for (number, (start, (scale, mean))) in vector.iter_mut().zip(numbers) {
            *number = (share * f64::from(*start) + scale * mean) as f32;
        }
        solved && are_finite(vector)
    }

    /// Writes the covariance of a user's vector given answers on these items, which are
    /// indices in `rows`: [width, width], in units of an answer's variance; `work` is as
    /// large. All is 0 if the numbers exceed the range of floats.
    pub fn covariance(
        &mut self,
        head: &ChoiceHead,
        rows: &[f32],
        answered: &[u32],
        work: &mut [f64],
        covariance: &mut [f64],
    ) {
        self.take(head, &[], 0.0, rows, answered.iter().map(|&item| (item, 0.0)));
        self.solver.covariance(work, covariance);
        let rows = covariance.chunks_exact_mut(head.width()).zip(&self.scale);
        for (row, of_row) in rows {
            row.iter_mut().zip(&self.scale).for_each(|(element, scale)| *element *= of_row * scale);
        }
        if covariance.iter().any(|element| !element.is_finite()) {
            covariance.fill(0.0);
        }
    }

    /// Gives the answers to the solver, less their predictions from the prior mean: a share of
    /// the start, which may be empty.
    fn take(
        &mut self,
        head: &ChoiceHead,
        start: &[f32],
        share: f64,
        rows: &[f32],
        mut answers: impl ExactSizeIterator<Item = (u32, f32)>,
    ) {
        let (width, stride, count) = (head.width(), head.row_width(), answers.len());
        for (scale, precision) in self.scale.iter_mut().zip(head.precisions(count)) {
            *scale = 1.0 / precision.sqrt();
        }
        self.solver.begin(count);
        while answers.len() > 0 {
            let block = answers.len().min(BLOCK);
            let mut items = [0; BLOCK];
            let (_, residuals) = self.solver.rows_mut();
            let to = items.iter_mut().zip(residuals);
            for ((to, residual), (item, target)) in to.zip(answers.by_ref().take(block)) {
                (*to, *residual) = (item, f64::from(target));
            }
            let vectors = items[..block].iter();
            let vectors = vectors.map(|&item| (&rows[item as usize * stride..][..width], 1.0));
            let (to, residuals) = self.solver.rows_mut();
            widen_scaled(vectors, &self.scale, start, to, |place, product| {
                residuals[place] -= share * product;
            });
            self.solver.take(block);
        }
    }
}

/// A user's vector for choosing.
#[derive(Clone, Debug)]
pub struct ChoiceUser {
    /// The user's prior mean, `[width]`.
    start: Vec<f32>,
    /// The vector that rows are multiplied by, `[row width]`.
    vector: Vec<f32>,
}

/// The scratch memory for a user's vector and the scores that follow from it.
#[derive(Clone, Debug)]
pub struct ChoiceScratch {
    solver: VectorSolver,
    pub(super) neighbours: NeighbourSums,
    /// The user's vector with the exposure of the list that is being made.
    exposed: Vec<f32>,
}

impl ChoiceScratch {
    /// Scratch memory for a catalogue's users; `None` for a model without a head for
    /// choosing.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(catalog: &Catalog) -> memory::Result<Option<Self>> {
        let (Some(head), Some(items)) = (catalog.model().choice(), catalog.choice()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            solver: VectorSolver::new(head.width())?,
            neighbours: NeighbourSums::new(items, BLOCK)?,
            exposed: memory::zeros(head.row_width())?,
        }))
    }
}

impl ChoiceUser {
    /// A user without answers; `None` for a model without a head for choosing.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(catalog: &Catalog, columns: &[Column], row: usize) -> memory::Result<Option<Self>> {
        let model = catalog.model();
        let (Some(head), Some(priors)) = (model.choice(), &model.contents().choice) else {
            return Ok(None);
        };
        let mut start = memory::zeros(head.width())?;
        priors.user.write_row(&model.config().user_fields, columns, row, &mut start);
        let mut user = Self { vector: memory::zeros(head.row_width())?, start };
        user.reset(head);
        Ok(Some(user))
    }

    /// Forgets the answers.
    pub fn reset(&mut self, head: &ChoiceHead) {
        let share = head.start_share(0);
        for (number, start) in self.vector.iter_mut().zip(&self.start) {
            *number = share * start;
        }
        head.finish(&mut self.vector, 0);
    }

    /// The vector that rows are multiplied by, `[row width]`.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }
}

impl User {
    /// Adapts the vector for choosing, and returns whether it is finite.
    pub(super) fn adapt_choice(
        &mut self,
        answered: &[u32],
        values: &[f32],
        scratch: &mut Option<ChoiceScratch>,
    ) -> bool {
        let catalog = &self.catalog;
        let (Some(choice), Some(scratch), Some(head), Some(items)) =
            (&mut self.choice, scratch, catalog.model().choice(), catalog.choice())
        else {
            return true;
        };
        let answers = answered.iter().copied().zip(values.iter().copied());
        let targets = answers.map(|(item, value)| (item, head.targets.at(value)));
        let vector = &mut choice.vector[..head.width()];
        if !scratch.solver.solve(head, &choice.start, &items.rows, targets, vector) {
            return false;
        }
        head.finish(&mut choice.vector, answered.len());
        are_finite(&choice.vector)
    }

    /// The scoring of the user's catalogue by the head for choosing; an exposure of 1 is as
    /// trained. `None` if items are ordered by predicted rating.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) and
    /// [`Error::MemoryLimit`](crate::Error::MemoryLimit).
    pub(super) fn choice_scoring<'a>(
        &'a self,
        exposure: f32,
        scratch: &'a mut Option<ChoiceScratch>,
    ) -> Result<Option<ChoiceScoring<'a>>> {
        let (Some(choice), Some(scratch), Some(head), Some(items)) =
            (&self.choice, scratch, self.catalog.model().choice(), self.catalog.choice())
        else {
            return Ok(None);
        };
        let ChoiceScratch { neighbours, exposed, .. } = scratch;
        let bytes = NeighbourSums::bytes(items, self.rated.len());
        self.catalog.model().check_memory("a scratch", Some(bytes))?;
        let sums = neighbours.add_up(head, items, self.answers(), self.state)?;
        exposed.copy_from_slice(&choice.vector);
        exposed[head.width()] -= (1.0 - exposure) * head.exposure;
        Ok(Some(ChoiceScoring { head, items, vector: exposed, sums }))
    }

    /// Writes the covariance of the vector for choosing, before [`ChoiceHead::finish`]:
    /// `[width, width]`, in units of an answer's variance; `work` is as large. Returns
    /// whether there is one.
    pub(super) fn choice_covariance(
        &self,
        scratch: &mut Option<ChoiceScratch>,
        work: &mut [f64],
        covariance: &mut [f64],
    ) -> bool {
        let (Some(scratch), Some(head), Some(items)) =
            (scratch, self.catalog.model().choice(), self.catalog.choice())
        else {
            return false;
        };
        scratch.solver.covariance(head, &items.rows, &self.rated, work, covariance);
        true
    }
}

/// A user's scoring by the head for choosing, without predicted ratings; several threads
/// may read it at once.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceScoring<'a> {
    /// The head.
    pub head: &'a ChoiceHead,
    /// The items' rows and neighbours.
    pub items: &'a ChoiceItems,
    /// The vector that rows are multiplied by, `[row width]`.
    pub vector: &'a [f32],
    sums: Sums<'a>,
}

impl<'a> ChoiceScoring<'a> {
    /// The items that neighbours of the answers add to or take from, in ascending order.
    pub fn neighbours(self) -> impl Iterator<Item = u32> + use<'a> {
        self.sums.items()
    }

    /// Scores rows of the catalogue, without predicted ratings.
    pub fn score(&self, rows: Rows, scores: &mut [f32]) {
        let width = self.vector.len();
        match rows {
            Rows::From(first, count) => {
                let rows = &self.items.rows[first * width..][..count * width];
                products_of_rows(Matrix::dense(rows, count, width), self.vector, 0.0, scores);
                self.sums.add_to(first, scores, |score, sum| score + sum);
            }
            Rows::Listed(items) => {
                products_of_listed(&self.items.rows, items, self.vector, 0.0, scores);
                for (score, &item) in scores.iter_mut().zip(items) {
                    *score += self.sums.of(item);
                }
            }
        }
    }

    /// Raises upper bounds of items from `first` on by what neighbours add to these.
    pub fn raise_bounds(&self, first: usize, bounds: &mut [f32]) {
        // The sum is rounded to a float.
        match self.sums {
            Sums::Dense(sums) => raise_bounds(bounds, &sums[first..], ROUNDING),
            sparse => sparse.add_to(first, bounds, |bound, sum| {
                bound + (sum + ROUNDING * (bound.abs() + sum.abs()))
            }),
        }
    }

    /// The part of a score that comes from a predicted rating.
    pub fn of_rating(&self, rating: f32) -> f32 {
        let [lowest, highest] = self.head.rating_range;
        self.head.rating * rating.max(lowest).min(highest)
    }

    /// The largest part that can come from a predicted rating.
    pub fn most_of_rating(&self) -> f32 {
        let [lowest, highest] = self.head.rating_range;
        self.of_rating(lowest).max(self.of_rating(highest))
    }
}
