//! A user's vector for choosing, in closed form.

use crate::catalog::blocks::{BLOCK, Rows};
use crate::kernels::{Matrix, cholesky, products_of_rows};
use crate::model::ChoiceHead;
use crate::model::file::ChoiceItems;
use crate::model::schema::Column;
use crate::{Catalog, Error, Result};

/// Room to solve for one user's vector after another in; nothing is allocated after it
/// was made.
#[derive(Clone, Debug)]
pub struct VectorSolver {
    /// 1 over the root of the prior precision, `[width]`.
    scale: Vec<f64>,
    /// Where the user starts, `[width]`.
    start: Vec<f64>,
    /// The answers' rows in units of `scale`, [BLOCK, width].
    rows: Vec<f64>,
    residuals: Vec<f64>,
    factor: Vec<f64>,
    mean: Vec<f64>,
}

impl VectorSolver {
    /// For vectors of so many numbers.
    pub fn new(width: usize) -> Self {
        let size = width.max(BLOCK);
        Self {
            scale: vec![0.0; width],
            start: vec![0.0; width],
            rows: vec![0.0; BLOCK * width],
            residuals: vec![0.0; BLOCK],
            factor: vec![0.0; size * size],
            mean: vec![0.0; width],
        }
    }

    /// Writes the vector of a user who starts at `start` and gave these answers: items'
    /// places among `rows`, [items, row width], and targets.
    ///
    /// `false` if the numbers are beyond what floats can hold.
    pub fn solve(
        &mut self,
        head: &ChoiceHead,
        start: &[f32],
        rows: &[f32],
        answers: impl ExactSizeIterator<Item = (u32, f32)>,
        out: &mut [f32],
    ) -> bool {
        let (width, stride, count) = (head.width(), head.row_width(), answers.len());
        let share = f64::from(head.start_share(count));
        for (scale, precision) in self.scale.iter_mut().zip(head.precisions(count)) {
            *scale = 1.0 / precision.sqrt();
        }
        for (to, start) in self.start.iter_mut().zip(start) {
            *to = share * f64::from(*start);
        }
        self.mean.fill(0.0);
        let few = count < width && count <= BLOCK;
        let size = if few { count } else { width };
        self.factor[..size * size].fill(0.0);
        let mut filled = 0;
        for (item, target) in answers {
            let vector = &rows[item as usize * stride..][..width];
            let row = &mut self.rows[filled * width..][..width];
            let mut said = 0.0;
            let numbers = vector.iter().zip(&self.scale).zip(&self.start);
            for (element, ((number, scale), start)) in row.iter_mut().zip(numbers) {
                let number = f64::from(*number);
                said += number * start;
                *element = number * scale;
            }
            self.residuals[filled] = f64::from(target) - said;
            filled += 1;
            if filled == BLOCK && !few {
                self.take_block(filled);
                filled = 0;
            }
        }
        let solved = match few {
            true => self.solve_among_rows(count),
            false => {
                self.take_block(filled);
                self.solve_by_factor()
            }
        };
        let numbers = self.start.iter().zip(self.scale.iter().zip(&self.mean));
        for (out, (start, (scale, mean))) in out.iter_mut().zip(numbers) {
            *out = (start + scale * mean) as f32;
        }
        solved && out.iter().all(|number| number.is_finite())
    }

    /// Writes the covariance of a user's vector with answers on these items, by their places
    /// among `rows`, [width, width]; `work` is room for as much. All is 0 if the numbers are
    /// beyond what floats can hold.
    fn covariance(
        &mut self,
        head: &ChoiceHead,
        rows: &[f32],
        answered: &[u32],
        work: &mut [f64],
        covariance: &mut [f64],
    ) {
        let (width, stride) = (head.width(), head.row_width());
        work.fill(0.0);
        let diagonal = work.iter_mut().step_by(width + 1);
        for (element, precision) in diagonal.zip(head.precisions(answered.len())) {
            *element = precision;
        }
        for answered in answered.chunks(BLOCK) {
            for (item, row) in answered.iter().zip(self.rows.chunks_exact_mut(width)) {
                let vector = &rows[*item as usize * stride..][..width];
                row.iter_mut().zip(vector).for_each(|(to, number)| *to = f64::from(*number));
            }
            cholesky::add_squares(work, width, &self.rows[..answered.len() * width]);
        }
        if !cholesky::factorise(work, width) {
            covariance.fill(0.0);
            return;
        }
        cholesky::invert(work, width, covariance);
        cholesky::mirror_up(covariance, width);
    }

    fn take_block(&mut self, rows: usize) {
        let width = self.mean.len();
        let some = &self.rows[..rows * width];
        cholesky::add_squares(&mut self.factor[..width * width], width, some);
        cholesky::add_weighted_rows(&mut self.mean, &self.residuals[..rows], some);
    }

    fn solve_by_factor(&mut self) -> bool {
        let width = self.mean.len();
        let factor = &mut self.factor[..width * width];
        factor.iter_mut().step_by(width + 1).for_each(|element| *element += 1.0);
        let solved = cholesky::factorise(factor, width);
        if solved {
            cholesky::solve(factor, width, &mut self.mean);
        }
        solved
    }

    fn solve_among_rows(&mut self, count: usize) -> bool {
        if count == 0 {
            return true;
        }
        let width = self.mean.len();
        let products = &mut self.factor[..count * count];
        let rows = &self.rows[..count * width];
        cholesky::products(rows, width, products);
        products.iter_mut().step_by(count + 1).for_each(|element| *element += 1.0);
        let solved = cholesky::factorise(products, count);
        if solved {
            cholesky::solve(products, count, &mut self.residuals[..count]);
            cholesky::add_weighted_rows(&mut self.mean, &self.residuals[..count], rows);
        }
        solved
    }
}

/// A user's vector for choosing.
///
/// Nothing is allocated after it was made, up to as many answers as there is room for.
#[derive(Clone, Debug)]
pub struct ChoiceUser {
    /// Where the user starts, `[width]`.
    start: Vec<f32>,
    /// What rows are multiplied by, `[row width]`.
    vector: Vec<f32>,
    /// The same with another exposure, while a list is made.
    exposed: Vec<f32>,
    solver: VectorSolver,
    /// What the neighbours of the answers add to items' scores, by item in ascending
    /// order.
    sums: Vec<(u32, f32)>,
}

impl ChoiceUser {
    /// A user who gave no answers; `None` for a model without a head for choosing.
    pub fn new(catalog: &Catalog, columns: &[Column], row: usize) -> Option<Self> {
        let model = catalog.model();
        let (head, priors) = (model.choice()?, model.contents().choice.as_ref()?);
        let mut start = vec![0.0; head.width()];
        priors.user.write_row(&model.config().user_fields, columns, row, &mut start);
        let mut user = Self {
            vector: vec![0.0; head.row_width()],
            exposed: vec![0.0; head.row_width()],
            solver: VectorSolver::new(head.width()),
            sums: Vec::new(),
            start,
        };
        user.reset(head);
        Some(user)
    }

    /// Makes room for so many answers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn reserve(&mut self, answers: usize, items: &ChoiceItems) -> Result<()> {
        let size = answers.saturating_mul(items.neighbours_each());
        let more = size.saturating_sub(self.sums.len());
        let refuse = Error::out_of_memory::<(u32, f32)>("what a user's neighbours add", size);
        self.sums.try_reserve_exact(more).map_err(refuse)
    }

    /// Forgets the answers.
    pub fn reset(&mut self, head: &ChoiceHead) {
        let share = head.start_share(0);
        for (number, start) in self.vector.iter_mut().zip(&self.start) {
            *number = share * start;
        }
        head.finish(&mut self.vector, 0);
        self.sums.clear();
    }

    /// Takes over these answers; `false` if the numbers are beyond what floats can hold.
    pub fn adapt(
        &mut self,
        head: &ChoiceHead,
        items: &ChoiceItems,
        answered: &[u32],
        values: &[f32],
    ) -> bool {
        let answers = || answered.iter().copied().zip(values.iter().copied());
        let targets = answers().map(|(item, value)| (item, head.targets.at(value)));
        let vector = &mut self.vector[..head.width()];
        if !self.solver.solve(head, &self.start, &items.rows, targets, vector) {
            return false;
        }
        head.finish(&mut self.vector, answered.len());
        self.sums.clear();
        let share = head.neighbour_share(answered.len());
        if share != 0.0 {
            for (item, value) in answers() {
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
        let mut numbers = self.vector.iter().chain(self.sums.iter().map(|(_, sum)| sum));
        numbers.all(|number| number.is_finite())
    }

    /// Writes the covariance of the vector, before [`ChoiceHead::finish`], with answers on
    /// these items, `[width, width]`, in units of an answer's variance; `work` is room for as
    /// much. All is 0 if the numbers are beyond what floats can hold.
    pub fn covariance(
        &mut self,
        head: &ChoiceHead,
        items: &ChoiceItems,
        answered: &[u32],
        work: &mut [f64],
        covariance: &mut [f64],
    ) {
        self.solver.covariance(head, &items.rows, answered, work, covariance);
    }

    /// What rows are multiplied by, `[row width]`.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// The items that neighbours of the answers add to or take from, in ascending order.
    pub fn neighbours(&self) -> impl Iterator<Item = u32> {
        self.sums.iter().filter(|(_, sum)| *sum != 0.0).map(|(item, _)| *item)
    }

    /// What scores the items of the user's catalogue, with an exposure of 1 as it was trained;
    /// `None` if they are ordered by predicted rating.
    pub fn scoring<'a>(
        &'a mut self,
        catalog: &'a Catalog,
        exposure: f32,
    ) -> Option<ChoiceScoring<'a>> {
        let (head, items) = (catalog.model().choice()?, catalog.choice()?);
        self.exposed.copy_from_slice(&self.vector);
        self.exposed[head.width()] -= (1.0 - exposure) * head.exposure;
        Some(ChoiceScoring { head, items, vector: &self.exposed, sums: &self.sums })
    }
}

/// What decides the scores for choosing, but for predicted ratings: several threads may
/// read it at once.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceScoring<'a> {
    /// The head.
    pub head: &'a ChoiceHead,
    /// What it sees of the items.
    pub items: &'a ChoiceItems,
    vector: &'a [f32],
    sums: &'a [(u32, f32)],
}

impl ChoiceScoring<'_> {
    /// Scores some rows, all of which are in the catalogue, without predicted ratings.
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

    /// What a predicted rating adds to a score.
    pub fn of_rating(&self, rating: f32) -> f32 {
        let [lowest, highest] = self.head.rating_range;
        self.head.rating * rating.max(lowest).min(highest)
    }

    /// The most that any predicted rating may add.
    pub fn most_of_rating(&self) -> f32 {
        let [lowest, highest] = self.head.rating_range;
        self.of_rating(lowest).max(self.of_rating(highest))
    }
}
