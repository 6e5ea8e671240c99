//! The weight of predicted ratings in a score, and the share of popularity in it.

use rayon::prelude::*;

use super::lists::{Case, JudgedLists, RowTable, cases, is_better, ndcg};
use super::neighbours::Neighbours;
use crate::data::{Feedback, Task};
use crate::model::ChoiceHead;
use crate::{Result, Scratch};

/// The places in [`ANSWERS`](super::ANSWERS) whose mean decides: all.
const JUDGED: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

/// The weights that a star is tried with beside a score, in the unit of scores, on a scale of
/// so many steps.
const WEIGHTS: [f32; 6] = [0.0, 0.1, 0.2, 0.35, 0.5, 1.0];
const STEPS: f32 = 4.0;

/// So many lists tell how scores rise with popularity.
const LISTS: usize = 100;

/// A fit to some of the users, and tasks of others.
#[derive(Clone, Debug)]
pub struct RatingTrial {
    pub(super) head: ChoiceHead,
    pub(super) rows: RowTable,
    pub(super) excluded: Vec<u32>,
    pub(super) neighbours: Neighbours,
    pub(super) starts: Vec<f32>,
    /// Of users from whom predicted ratings have not learned.
    pub(super) tasks: Vec<Task>,
    /// A large difference between scores.
    pub(super) unit: f32,
}

impl RatingTrial {
    /// The weight of a predicted rating beside a score: the least with which lists
    /// are worth as much as with the best, as far as these users can tell; 0 where there is
    /// nobody to tell by.
    ///
    /// The best of a few hundred users is chance where the weight hardly matters: on MovieLens
    /// 1M it was once a star for a point of the score, which took .009 from lists without
    /// answers and .003 from others.
    ///
    /// `predict` writes the predicted ratings of all items by the user of a case, after its
    /// answers. The ratings are from the first to the second of the range.
    ///
    /// # Errors
    /// Those of `predict`.
    pub fn rating_weight(
        &self,
        feedback: Feedback,
        [lowest, highest]: [f32; 2],
        scratch: Scratch,
        predict: impl Fn(&Case, &mut [f32], &mut Scratch) -> Result<()> + Sync,
    ) -> Result<f32> {
        let Self { head, rows, excluded, neighbours, starts, unit, .. } = self;
        let lists = JudgedLists { head, rows, excluded, neighbours, starts };
        let weights = WEIGHTS.map(|weight| weight * unit * STEPS / (highest - lowest));
        if !weights.iter().all(|weight| weight.is_finite()) {
            // Ratings that hardly differ tell nothing.
            return Ok(0.0);
        }
        let gains_of = |scratch: &mut Scratch, case: &Case| {
            let scores = lists.scores_of(case);
            let mut ratings = vec![0.0; scores.len()];
            predict(case, &mut ratings, scratch)?;
            let mut mixed = vec![0.0; scores.len()];
            Ok(weights.map(|weight| {
                for (mixed, (score, rating)) in mixed.iter_mut().zip(scores.iter().zip(&ratings)) {
                    *mixed = score + weight * rating.max(lowest).min(highest);
                }
                ndcg(&mixed, &case.relevant)
            }))
        };
        let cases = cases(&self.tasks, feedback, &JUDGED);
        let gains = cases.par_iter().map_with(scratch, gains_of).collect::<Result<Vec<_>>>()?;
        let sums = |place: usize| gains.iter().map(|gains| gains[place]).sum::<f64>();
        let best = (0..weights.len()).max_by(|a, b| sums(*a).total_cmp(&sums(*b)).then(b.cmp(a)));
        let of = |place: usize| gains.iter().map(|gains| gains[place]).collect::<Vec<f64>>();
        let best = of(best.unwrap_or(0));
        let is_as_good = |place: &usize| !is_better(&best, &of(*place));
        Ok((0..weights.len()).find(is_as_good).map_or(0.0, |place| weights[place]))
    }
}

/// By how much scores rise with items' biases, on average over some lists: the slope of
/// their regression.
pub fn exposure(lists: &JudgedLists, cases: &[Case]) -> f32 {
    let (width, stride) = (lists.head.width(), lists.head.row_width());
    let slope = |case: &Case| {
        let scores = lists.scores_of(case);
        let pairs = || {
            let biases = lists.rows.numbers.chunks_exact(stride).map(|row| f64::from(row[width]));
            let scores = scores.iter().map(|score| f64::from(*score));
            scores.zip(biases).filter(|(score, _)| score.is_finite())
        };
        let count = pairs().count().max(1) as f64;
        let mean = pairs().map(|(_, bias)| bias).sum::<f64>() / count;
        let along: f64 = pairs().map(|(score, bias)| score * (bias - mean)).sum();
        let squares: f64 = pairs().map(|(_, bias)| (bias - mean).powi(2)).sum();
        if squares > 0.0 { along / squares } else { 0.0 }
    };
    let some = &cases[..cases.len().min(LISTS)];
    let slopes: Vec<f64> = some.par_iter().map(slope).collect();
    (slopes.iter().sum::<f64>() / slopes.len().max(1) as f64) as f32
}
