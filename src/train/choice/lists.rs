//! The worth of a head for choosing: lists for users whom it was not fitted to.

use rayon::prelude::*;

use super::neighbours::Neighbours;
use crate::data::{Feedback, Rated, Task};
use crate::kernels::{Matrix, MatrixMut, Packed, layer};
use crate::memory::or_end;
use crate::model::ChoiceHead;
use crate::user::VectorSolver;

/// Numbers of answers that lists are measured at; the last means all.
pub const ANSWERS: [usize; 7] = [0, 1, 3, 5, 10, 20, usize::MAX];

/// Lists are as long as this.
const LIST: usize = 20;

/// So many lists are made at once.
const BATCH: usize = 48;

/// A user with some answers given, and what a list is to find.
#[derive(Clone, Debug)]
pub struct Case {
    /// The user's row in the data folder.
    pub user: u32,
    /// The place in [`ANSWERS`] of how many answers are given.
    pub given: usize,
    /// The answers given.
    pub answers: Vec<Rated>,
    /// Items, ascending.
    pub relevant: Vec<u32>,
}

/// Cases of these tasks at some places in [`ANSWERS`].
pub fn cases(tasks: &[Task], feedback: Feedback, places: &[usize]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &given in places {
        for task in tasks {
            let liked = task.query.iter().filter(|rated| feedback.is_liked(rated.value));
            let mut relevant: Vec<u32> = liked.map(|rated| rated.item).collect();
            if relevant.is_empty() {
                continue;
            }
            relevant.sort_unstable();
            let count = task.support.len().min(ANSWERS[given]);
            let answers = task.support[..count].to_vec();
            cases.push(Case { user: task.user, given, answers, relevant });
        }
    }
    cases
}

/// Items' rows, and the same laid out for products, of which a search makes some hundred
/// thousand: to lay them out for each batch of users took a fifth of its time.
#[derive(Clone, Debug)]
pub struct RowTable {
    /// `[items, row width]`.
    pub numbers: Vec<f32>,
    packed: Packed,
    zeros: Vec<f32>,
}

impl RowTable {
    pub fn new(numbers: Vec<f32>, row_width: usize) -> Self {
        let items = numbers.len() / row_width;
        let mut packed = or_end(Packed::new(row_width, items));
        packed.pack(Matrix::dense(&numbers, items, row_width).transposed());
        Self { numbers, packed, zeros: vec![0.0; items] }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.zeros.len()
    }
}

/// All that lists are made of.
#[derive(Clone, Copy, Debug)]
pub struct JudgedLists<'a> {
    /// The head.
    pub head: &'a ChoiceHead,
    /// The items.
    pub rows: &'a RowTable,
    /// Items that are no candidates.
    pub excluded: &'a [u32],
    /// The items' neighbours.
    pub neighbours: &'a Neighbours,
    /// Where each user starts, `[users, width]`, by row of the data folder.
    pub starts: &'a [f32],
}

impl JudgedLists<'_> {
    /// The nDCG@20 of each case.
    pub fn gains(&self, cases: &[Case]) -> Vec<f64> {
        self.gains_of(cases, &self.users(cases))
    }

    /// The same with users' vectors as [`users`](JudgedLists::users) has them.
    fn gains_of(&self, cases: &[Case], users: &[f32]) -> Vec<f64> {
        let batches = cases.par_chunks(BATCH).zip(users.par_chunks(BATCH * self.head.width()));
        let gains: Vec<Vec<f64>> = batches
            .map(|(cases, users)| {
                let scores = self.scores(cases, users);
                let each = cases.iter().zip(scores.chunks_exact(scores.len() / cases.len()));
                each.map(|(case, scores)| ndcg(scores, &case.relevant)).collect()
            })
            .collect();
        gains.concat()
    }

    /// The mean nDCG@20 of the cases at each of [`ANSWERS`]; NaN where there is none.
    pub fn ndcg(&self, cases: &[Case], users: &[f32]) -> [f64; ANSWERS.len()] {
        let mut sums = [(0.0, 0.0); ANSWERS.len()];
        for (case, gain) in cases.iter().zip(self.gains_of(cases, users)) {
            let sum = &mut sums[case.given];
            *sum = (sum.0 + gain, sum.1 + 1.0);
        }
        sums.map(|(sum, count)| sum / count)
    }

    /// The users' vectors after their answers, `[cases, width]`. Of the head's numbers they
    /// depend on targets, precisions and the start alone.
    pub fn users(&self, cases: &[Case]) -> Vec<f32> {
        let width = self.head.width();
        let mut users = vec![0.0; cases.len() * width];
        users.par_chunks_exact_mut(width).zip(cases).for_each_init(
            || or_end(VectorSolver::new(width)),
            |solver, (out, case)| {
                let start = &self.starts[case.user as usize * width..][..width];
                let target = |rated: &Rated| (rated.item, self.head.targets.at(rated.value));
                let answers = case.answers.iter().map(target);
                solver.solve(self.head, start, &self.rows.numbers, answers, out);
            },
        );
        users
    }

    /// The scores of all items for each case, `[cases, items]`, with the users' vectors; minus
    /// infinity for those that were answered and for those that are no candidates.
    fn scores(&self, cases: &[Case], vectors: &[f32]) -> Vec<f32> {
        let (width, stride) = (self.head.width(), self.head.row_width());
        let items = self.rows.len();
        let mut users = vec![0.0; cases.len() * stride];
        let rows = users.chunks_exact_mut(stride).zip(vectors.chunks_exact(width));
        for (case, (row, vector)) in cases.iter().zip(rows) {
            row[..width].copy_from_slice(vector);
            self.head.finish(row, case.answers.len());
        }
        let mut scores = vec![0.0; cases.len() * items];
        layer(
            Matrix::dense(&users, cases.len(), stride),
            &self.rows.packed,
            &self.rows.zeros,
            false,
            MatrixMut::dense(&mut scores, cases.len(), items),
        );
        for (case, scores) in cases.iter().zip(scores.chunks_exact_mut(items)) {
            self.add_neighbours(case, scores);
            let answered = case.answers.iter().map(|rated| &rated.item);
            answered.chain(self.excluded).for_each(|&item| {
                scores[item as usize] = f32::NEG_INFINITY;
            });
        }
        scores
    }

    /// The scores of all items for a case.
    pub fn scores_of(&self, case: &Case) -> Vec<f32> {
        let case = std::slice::from_ref(case);
        self.scores(case, &self.users(case))
    }

    fn add_neighbours(&self, case: &Case, scores: &mut [f32]) {
        let share = self.head.neighbour_share(case.answers.len());
        if share == 0.0 {
            return;
        }
        for rated in &case.answers {
            let strength = share * self.head.strengths.at(rated.value);
            for (item, weight) in self.neighbours.row(rated.item as usize) {
                scores[item as usize] += strength * weight;
            }
        }
    }
}

/// Whether the first gains are greater than the second, case by case, by more than the
/// standard error of their difference.
pub fn is_better(first: &[f64], second: &[f64]) -> bool {
    let count = first.len().max(2) as f64;
    let differences = || first.iter().zip(second).map(|(first, second)| first - second);
    let mean = differences().sum::<f64>() / count;
    let squares: f64 = differences().map(|difference| (difference - mean).powi(2)).sum();
    mean > (squares / (count - 1.0) / count).sqrt()
}

/// nDCG@20 of the list that these scores make: each relevant item at place `p`, from 1
/// on, gains `1 / log2(1 + p)`, divided by what the best list would gain. An item with
/// minus infinity is not in the list.
pub fn ndcg(scores: &[f32], relevant: &[u32]) -> f64 {
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(LIST + 1);
    let mut bar = f32::NEG_INFINITY;
    for (item, &score) in (0u32..).zip(scores) {
        if score > bar {
            let place = best.partition_point(|other| other.0 >= score);
            best.insert(place, (score, item));
            best.truncate(LIST);
            if best.len() == LIST {
                bar = best[LIST - 1].0;
            }
        }
    }
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let is_hit = |found: &(f32, u32)| relevant.binary_search(&found.1).is_ok();
    let hits = best.iter().enumerate().filter(|(_, found)| is_hit(found));
    let found: f64 = hits.map(|(place, _)| gain(place)).sum();
    let ideal: f64 = (0..relevant.len().min(LIST)).map(gain).sum();
    found / ideal
}
