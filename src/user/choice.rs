//! A user's vector for choosing, in closed form.

use crate::catalog::blocks::{BLOCK, Rows};
use crate::kernels::{Matrix, are_finite, products_of_rows};
use crate::model::ChoiceHead;
use crate::model::file::ChoiceItems;
use crate::model::schema::Column;
use crate::user::adapt::RidgeSolver;
use crate::{Catalog, Error, Result, User};

/// Solves for one user's vector at a time; only [`VectorSolver::new`] allocates.
#[derive(Clone, Debug)]
pub struct VectorSolver {
    /// 1 over the root of the prior precision, `[width]`.
    scale: Vec<f64>,
    /// The user's prior mean, `[width]`.
    start: Vec<f64>,
    solver: RidgeSolver,
}

impl VectorSolver {
    /// A solver for vectors of `width` numbers.
    pub fn new(width: usize) -> Self {
        Self { scale: vec![0.0; width], start: vec![0.0; width], solver: RidgeSolver::new(width) }
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
        for (to, start) in self.start.iter_mut().zip(start) {
            *to = share * f64::from(*start);
        }
        self.take(head, rows, answers);
        let solved = self.solver.solve();
        let numbers = self.start.iter().zip(self.scale.iter().zip(self.solver.mean()));
        for (number, (start, (scale, mean))) in vector.iter_mut().zip(numbers) {
            *number = (start + scale * mean) as f32;
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
        self.take(head, rows, answered.iter().map(|&item| (item, 0.0)));
        self.solver.covariance(work, covariance);
        let rows = covariance.chunks_exact_mut(self.scale.len().max(1)).zip(&self.scale);
        for (row, of_row) in rows {
            row.iter_mut().zip(&self.scale).for_each(|(element, scale)| *element *= of_row * scale);
        }
        if covariance.iter().any(|element| !element.is_finite()) {
            covariance.fill(0.0);
        }
    }

    /// Gives the answers to the solver, less their predictions from the prior mean.
    fn take(
        &mut self,
        head: &ChoiceHead,
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
            let (to, residuals) = self.solver.rows_mut();
            let to = to.chunks_exact_mut(width).zip(residuals);
            for ((row, residual), (item, target)) in to.zip(answers.by_ref().take(block)) {
                let vector = &rows[item as usize * stride..][..width];
                let mut expected = 0.0;
                let numbers = vector.iter().zip(&self.scale).zip(&self.start);
                for (element, ((number, scale), start)) in row.iter_mut().zip(numbers) {
                    let number = f64::from(*number);
                    expected += number * start;
                    *element = number * scale;
                }
                *residual = f64::from(target) - expected;
            }
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
    /// The sums that neighbours of the answers add to items' scores, by item in ascending
    /// order.
    sums: Vec<(u32, f32)>,
    /// The state of the user whose answers these are.
    sums_of: Option<u64>,
    /// The user's vector with the exposure of the list that is being made.
    exposed: Vec<f32>,
}

impl ChoiceScratch {
    /// Scratch memory for a catalogue's users; `None` for a model without a head for
    /// choosing.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(catalog: &Catalog) -> Result<Option<Self>> {
        let (Some(head), Some(items)) = (catalog.model().choice(), catalog.choice()) else {
            return Ok(None);
        };
        let mut scratch = Self {
            solver: VectorSolver::new(head.width()),
            sums: Vec::new(),
            sums_of: None,
            exposed: vec![0.0; head.row_width()],
        };
        scratch.reserve(BLOCK, items)?;
        Ok(Some(scratch))
    }

    /// Reserves capacity for the sums of the neighbours of so many answers.
    pub(super) fn reserve(&mut self, answers: usize, items: &ChoiceItems) -> Result<()> {
        let size = answers.saturating_mul(items.neighbours_each());
        let more = size.saturating_sub(self.sums.len());
        let refuse = Error::out_of_memory::<(u32, f32)>("what a user's neighbours add", size);
        self.sums.try_reserve_exact(more).map_err(refuse)
    }

    /// Computes the sums for a user in this state, unless they are there already.
    fn add_up(
        &mut self,
        head: &ChoiceHead,
        items: &ChoiceItems,
        answers: impl ExactSizeIterator<Item = (u32, f32)>,
        state: u64,
    ) -> Result<()> {
        if self.sums_of == Some(state) {
            return Ok(());
        }
        self.sums_of = None;
        self.sums.clear();
        self.reserve(answers.len(), items)?;
        let share = head.neighbour_share(answers.len());
        if share != 0.0 {
            for (item, value) in answers {
                let strength = share * head.strengths.at(value);
                let added = items.neighbours_of(item).map(|(to, weight)| (to, strength * weight));
                self.sums.extend(added);
            }
            self.sums.sort_unstable_by_key(|sum| sum.0);
            self.sums.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
        }
        self.sums_of = Some(state);
        Ok(())
    }
}

impl ChoiceUser {
    /// A user without answers; `None` for a model without a head for choosing.
    pub fn new(catalog: &Catalog, columns: &[Column], row: usize) -> Option<Self> {
        let model = catalog.model();
        let (head, priors) = (model.choice()?, model.contents().choice.as_ref()?);
        let mut start = vec![0.0; head.width()];
        priors.user.write_row(&model.config().user_fields, columns, row, &mut start);
        let mut user = Self { vector: vec![0.0; head.row_width()], start };
        user.reset(head);
        Some(user)
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
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(super) fn adapt_choice(
        &mut self,
        answered: &[u32],
        values: &[f32],
        scratch: &mut Option<ChoiceScratch>,
    ) -> Result<bool> {
        let catalog = &self.catalog;
        let (Some(choice), Some(scratch), Some(head), Some(items)) =
            (&mut self.choice, scratch, catalog.model().choice(), catalog.choice())
        else {
            return Ok(true);
        };
        let answers = answered.iter().copied().zip(values.iter().copied());
        scratch.add_up(head, items, answers.clone(), self.state)?;
        let targets = answers.map(|(item, value)| (item, head.targets.at(value)));
        let vector = &mut choice.vector[..head.width()];
        if !scratch.solver.solve(head, &choice.start, &items.rows, targets, vector) {
            return Ok(false);
        }
        head.finish(&mut choice.vector, answered.len());
        let mut sums = scratch.sums.iter().map(|(_, sum)| sum);
        Ok(are_finite(&choice.vector) && sums.all(|sum| sum.is_finite()))
    }

    /// The scoring of the user's catalogue by the head for choosing; an exposure of 1 is as
    /// trained. `None` if items are ordered by predicted rating.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
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
        scratch.add_up(head, items, self.answers(), self.state)?;
        scratch.exposed.copy_from_slice(&choice.vector);
        scratch.exposed[head.width()] -= (1.0 - exposure) * head.exposure;
        Ok(Some(ChoiceScoring { head, items, vector: &scratch.exposed, sums: &scratch.sums }))
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
    vector: &'a [f32],
    sums: &'a [(u32, f32)],
}

impl<'a> ChoiceScoring<'a> {
    /// The items that neighbours of the answers add to or take from, in ascending order.
    pub fn neighbours(self) -> impl Iterator<Item = u32> + use<'a> {
        self.sums.iter().filter(|(_, sum)| *sum != 0.0).map(|(item, _)| *item)
    }

    /// Scores rows of the catalogue, without predicted ratings.
    pub fn score(&self, rows: Rows, scores: &mut [f32]) {
        let width = self.vector.len();
        match rows {
            Rows::From(first, count) => {
                let rows = &self.items.rows[first * width..][..count * width];
                products_of_rows(Matrix::dense(rows, count, width), self.vector, 0.0, scores);
                let begin = self.sums.partition_point(|sum| (sum.0 as usize) < first);
                for (item, sum) in &self.sums[begin..] {
                    match scores.get_mut(*item as usize - first) {
                        Some(score) => *score += sum,
                        None => break,
                    }
                }
            }
            Rows::Listed(items) => {
                for (score, &item) in scores.iter_mut().zip(items) {
                    let row = &self.items.rows[item as usize * width..][..width];
                    let row = Matrix::dense(row, 1, width);
                    products_of_rows(row, self.vector, 0.0, std::slice::from_mut(score));
                    if let Ok(place) = self.sums.binary_search_by_key(&item, |sum| sum.0) {
                        *score += self.sums[place].1;
                    }
                }
            }
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
