//! Items that nobody chose yet: vectors predicted from their content, and how they compete
//! with those that are known.

use ndarray::Array2;
use rand::seq::SliceRandom;

use super::lists::{Case, JudgedLists, RowTable};
use super::neighbours::Neighbours;
use super::part::{LowRank, Part};
use super::search::Mixture;
use crate::data::Rated;
use crate::model::prior::Prior;
use crate::model::{BESIDES_VECTOR, ChoiceHead, write_new_row};
use crate::random::{Purpose, generator};
use crate::train::factors::{Affine, Content, Description};

/// The regression of items on content: with so many raters an item counts half, and half
/// as what others share; and the penalty, in items.
const HALF_WEIGHT: f64 = 50.0;
const HALF_CONFIDENCE: f64 = 10.0;
const ITEM_PENALTY: f64 = 1.0;

/// The share of the known items that are taken for new to try offsets on.
const FOLD: f64 = 0.15;

/// Predicts an item's bias, and then its vector, from its content; learned from these items.
pub fn item_prior(
    part: &Part,
    items: Description,
    rows: &[f32],
    width: usize,
    known: &[usize],
) -> Prior {
    let share = |half: f64| {
        let raters = known.iter().map(|&item| part.interactions.raters(item) as f64);
        raters.map(|raters| raters / (raters + half)).collect::<Vec<f64>>()
    };
    let mut targets = Array2::zeros((known.len(), width + 1));
    for (mut target, &item) in targets.rows_mut().into_iter().zip(known) {
        let (vector, besides) = rows[item * (width + BESIDES_VECTOR)..].split_at(width);
        let numbers = besides[..1].iter().chain(vector);
        target.iter_mut().zip(numbers).for_each(|(to, number)| *to = f64::from(*number));
    }
    let (weights, confidences) = (share(HALF_WEIGHT), share(HALF_CONFIDENCE));
    let content = Content::new(items, known, weights, confidences, ITEM_PENALTY);
    let prior = content
        .fit(targets.view())
        .and_then(|fitted| content.prior(&fitted, &Affine::identity(width + 1)).ok());
    prior.unwrap_or_else(|| {
        // Nothing known of it: chosen as rarely as any item, and like none.
        let rarest = targets.column(0).iter().map(|bias| *bias as f32).fold(0.0, f32::min);
        Prior::constant([rarest].into_iter().chain(vec![0.0; width]).collect())
    })
}

/// The part of the worth of a list that counts as nothing: new items get as many places as
/// they can at that price.
const FREE: f64 = 0.002;

/// A fit to some of the users, with which offsets of new items are tried.
pub struct OffsetTrial<'a> {
    pub part: &'a Part<'a>,
    pub items: Description<'a>,
    pub low_rank: &'a LowRank,
    pub mix: Mixture,
    pub neighbours: &'a Neighbours,
}

/// The most that can be added to new items' scores without making lists from all items
/// worse: some known ones are taken for new.
pub fn offset(trial: &OffsetTrial, cases: &[Case], seed: u64) -> f32 {
    let &OffsetTrial { part, items, low_rank, mix, neighbours } = trial;
    let width = low_rank.width();
    let mut order: Vec<usize> =
        (0..part.bias.len()).filter(|&item| part.bias[item].is_finite()).collect();
    order.shuffle(&mut generator(seed, Purpose::ChoiceValidation, 1, 0));
    let fold = (FOLD * order.len() as f64) as usize;
    let mut known = order.split_off(fold);
    known.sort_unstable();
    let prior = item_prior(part, items, &low_rank.rows.numbers, width, &known);
    let stride = width + BESIDES_VECTOR;
    let mut rows = low_rank.rows.numbers.clone();
    let mut is_new = vec![false; part.bias.len()];
    for &item in &order {
        is_new[item] = true;
        write_new_row(
            &prior,
            items.fields,
            items.columns,
            item,
            &mut rows[item * stride..][..stride],
        );
    }
    let rows = RowTable::new(rows, stride);
    let is_known = |rated: &Rated| !is_new[rated.item as usize];
    let cases: Vec<Case> = cases
        .iter()
        .map(|case| Case {
            answers: case.answers.iter().copied().filter(is_known).collect(),
            ..case.clone()
        })
        .collect();
    let neighbours = neighbours.without(&is_new);
    let (mut best, mut chosen) = (f64::NEG_INFINITY, 0.0);
    for new_items in low_rank.offsets() {
        let head = ChoiceHead { new_items, ..low_rank.head(part, mix) };
        let lists = JudgedLists { rows: &rows, ..part.lists(low_rank, &head, &neighbours) };
        let gains = lists.gains(&cases);
        let worth = gains.iter().sum::<f64>() / gains.len() as f64;
        best = worth.max(best);
        if worth >= (1.0 - FREE) * best {
            chosen = new_items;
        }
    }
    chosen
}
