//! What to ask so that lists become better: against plain computations in double precision.

#![cfg(feature = "train")]

mod common;

use common::plain::{dot, inverse, quadratic};
use common::{choosing, unit};
use melu::model::ChoiceHead;
use melu::model::familiarity::Familiarity;
use melu::model::file::Contents;
use melu::{Catalog, Model, QuestionOptions, Questions, User, greedy_evidence};
use proptest::prelude::*;

const ITEMS: usize = 90;

fn catalog(contents: Contents) -> Catalog {
    Model::from_contents(contents).unwrap().catalog().unwrap().unwrap()
}

/// With three kinds of people.
fn with_familiarity(contents: Contents, seed: u64) -> Contents {
    let known: Vec<f32> = (0..3 * ITEMS as u64).map(|i| unit(seed, 9, i).abs() as f32).collect();
    let familiarity = Familiarity::from_probabilities(vec![0.5, 0.3, 0.2], &known).unwrap();
    Contents { familiarity: Some(familiarity), ..contents }
}

fn head(catalog: &Catalog) -> &ChoiceHead {
    catalog.model().choice().unwrap()
}

/// An item's vector.
fn vector(catalog: &Catalog, item: usize) -> Vec<f64> {
    let (rows, width) = catalog.item_vectors().unwrap();
    let row = &rows[item * width..][..head(catalog).width()];
    row.iter().map(|number| f64::from(*number)).collect()
}

/// How likely the user is to choose each item, by the scores without predicted ratings.
fn chances(user: &User) -> Vec<f64> {
    let catalog = user.catalog();
    let head = head(catalog);
    let (rows, width) = catalog.item_vectors().unwrap();
    let of_user = user.vector().unwrap();
    let product = |row: &[f32]| -> f64 {
        row.iter().zip(of_user).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let mut scores: Vec<f64> = rows.chunks(width).map(product).collect();
    let count = user.rated().len() as f64;
    let share = f64::from(head.neighbours) * count / (count + 10.0);
    let items = catalog.table().choice.as_ref().unwrap();
    for (item, value) in user.rated().iter().zip(user.ratings()) {
        for (other, weight) in items.neighbours_of(*item) {
            scores[other as usize] += share * f64::from(head.strengths.at(*value) * weight);
        }
    }
    let by_vector = head.starts_by_vector || count > 0.0;
    let unit = if by_vector && head.exposure > 0.0 { f64::from(head.exposure) } else { 1.0 };
    scores.iter().map(|score| (score / unit).exp()).collect()
}

fn covariance(catalog: &Catalog, answered: &[u32]) -> Vec<Vec<f64>> {
    let head = head(catalog);
    let mut precision = vec![vec![0.0; head.width()]; head.width()];
    for (i, line) in precision.iter_mut().enumerate() {
        line[i] = f64::from(head.precision[i])
            + answered.len() as f64 * f64::from(head.precision_per_answer[i]);
    }
    for item in answered {
        let row = vector(catalog, *item as usize);
        for (line, left) in precision.iter_mut().zip(&row) {
            line.iter_mut().zip(&row).for_each(|(x, right)| *x += left * right);
        }
    }
    inverse(precision)
}

/// By how much an answer on each item lowers the mean variance, by the variance itself
/// before and after.
fn reductions(catalog: &Catalog, covariance: &[Vec<f64>], chances: &[f64]) -> Vec<f64> {
    let rows: Vec<Vec<f64>> = (0..ITEMS).map(|item| vector(catalog, item)).collect();
    let sum: f64 = chances.iter().sum();
    let mean = |covariance: &[Vec<f64>]| -> f64 {
        rows.iter()
            .zip(chances)
            .map(|(row, chance)| chance / sum * quadratic(covariance, row))
            .sum()
    };
    let before = mean(covariance);
    let reduction = |row: &Vec<f64>| {
        let product: Vec<f64> = covariance.iter().map(|line| dot(line, row)).collect();
        let share = 1.0 / (1.0 + dot(&product, row));
        let mut after = covariance.to_vec();
        for (line, left) in after.iter_mut().zip(&product) {
            line.iter_mut().zip(&product).for_each(|(x, right)| *x -= share * left * right);
        }
        before - mean(&after)
    };
    rows.iter().map(reduction).collect()
}

/// The chance of each item to be known, as the catalogue's familiarity has it.
fn known(catalog: &Catalog, known: &[u32], unknown: &[u32]) -> Vec<f64> {
    let Some(familiarity) = &catalog.model().contents().familiarity else {
        let raters = (0..ITEMS as u32).map(|item| f64::from(catalog.raters(item).unwrap()));
        let most = raters.clone().fold(0.0, f64::max);
        return raters.map(|raters| raters / most).collect();
    };
    let mut kinds = vec![0.0; familiarity.kinds()];
    familiarity.kinds_given(known, unknown, &mut kinds);
    let mut known = vec![0.0; ITEMS];
    familiarity.known(&kinds, &mut known);
    known.into_iter().map(f64::from).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_next_question_is_the_best_by_plain_computation(
        seed in 0u64..1000,
        has_ratings: bool,
        has_familiarity: bool,
        starts_by_vector: bool,
        rises: bool,
        answered in prop::collection::vec(0u32..ITEMS as u32, 0..12),
        unknown in prop::collection::vec(0u32..ITEMS as u32, 0..12),
    ) {
        let mut contents =
            if has_ratings { choosing::with_ratings(ITEMS) } else { choosing::positive_only(ITEMS) };
        let choice = contents.config.choice.as_mut().unwrap();
        choice.starts_by_vector = starts_by_vector;
        choice.exposure = if rises { 0.5 } else { -0.5 };
        if has_familiarity {
            contents = with_familiarity(contents, seed);
        }
        let catalog = catalog(contents);
        let mut user = User::new(&catalog, &[]).unwrap();
        let value = |item: &u32| if has_ratings { 1.0 + f64::from(item % 5) as f32 } else { 1.0 };
        let values: Vec<f32> = answered.iter().map(value).collect();
        user.adapt(&answered, &values, &mut common::scratch(&user)).unwrap();
        let mut room = Questions::new(&catalog).unwrap();
        let options = QuestionOptions { unknown: &unknown, ..QuestionOptions::default() };
        let question = user.next_question(&mut room, options).unwrap().unwrap();
        prop_assert_eq!(user.next_question(&mut room, options).unwrap(), Some(question));

        let mut known = known(&catalog, &answered, &unknown);
        [&answered[..], &unknown].concat().iter().for_each(|item| known[*item as usize] = 0.0);
        let reductions = reductions(&catalog, &covariance(&catalog, &answered), &chances(&user));
        let worth = |item: usize| known[item] * known[item] * reductions[item];
        let best = (0..ITEMS).map(worth).fold(0.0, f64::max);
        let item = question.item as usize;
        // Of nearly equal ones rounding decides.
        prop_assert!(worth(item) > 0.999 * best, "{} {best}", worth(item));
        for (found, expected) in [(question.known, known[item]), (question.reduction, reductions[item])] {
            prop_assert!((f64::from(found) - expected).abs() < 1e-3 * expected, "{found} {expected}");
        }
    }
}

#[test]
fn the_greedy_list_goes_on_as_if_it_were_answered() {
    for contents in [choosing::with_ratings(ITEMS), choosing::positive_only(ITEMS)] {
        let catalog = catalog(with_familiarity(contents, 4));
        let user = User::new(&catalog, &[]).unwrap();
        let (known, chances) = (known(&catalog, &[], &[]), chances(&user));
        let mut covariance = covariance(&catalog, &[]);
        let mut left = known.clone();
        for question in greedy_evidence(&catalog, 8).unwrap() {
            let reductions = reductions(&catalog, &covariance, &chances);
            let worth = |item: usize| left[item] * left[item] * reductions[item];
            let best = (0..ITEMS).map(worth).fold(0.0, f64::max);
            let item = question.item as usize;
            assert!(worth(item) > 0.999 * best, "{} {best}", worth(item));
            left[item] = 0.0;
            let row = vector(&catalog, item);
            let product: Vec<f64> = covariance.iter().map(|line| dot(line, &row)).collect();
            let share = known[item] / (1.0 + dot(&product, &row));
            for (line, left) in covariance.iter_mut().zip(&product) {
                line.iter_mut().zip(&product).for_each(|(x, right)| *x -= share * left * right);
            }
        }
    }
}
