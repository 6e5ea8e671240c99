//! Which medians go with which predicted ratings.

use crate::model::medians::Medians;

/// So many places, at most, where a median may end and the next one begin.
const PLACES: usize = 64;

/// Fewer ratings than this between two places tell little of a median.
const MIN_PAIRS: usize = 30;

/// The rising staircase from predicted to given ratings with the least sum of absolute
/// errors, `None` if that is no less than the predicted ratings' own.
///
/// `users` have, for each rating, the predicted one, clipped to the scale, and the given one.
/// Whether the staircase is worth it is asked of users whom it was not fitted to.
pub fn fit_medians(users: &[Vec<[f32; 2]>]) -> Option<Medians> {
    let part = |odd: usize| users.iter().skip(odd).step_by(2).flatten().copied().collect();
    let parts: [Vec<[f32; 2]>; 2] = [part(0), part(1)];
    let (mut mean_error, mut median_error) = (0.0, 0.0);
    for (fitted, other) in [(&parts[0], &parts[1]), (&parts[1], &parts[0])] {
        let medians = staircase(fitted.clone())?;
        for [predicted, given] in other {
            mean_error += f64::from((predicted - given).abs());
            median_error += f64::from((medians.of(*predicted) - given).abs());
        }
    }
    if median_error < mean_error { staircase(parts.concat()) } else { None }
}

/// Isotonic regression by the absolute error: neighbours whose medians do not rise are
/// pooled (Robertson and Waltman 1968). `None` of nothing.
fn staircase(mut pairs: Vec<[f32; 2]>) -> Option<Medians> {
    pairs.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let size = pairs.len().div_ceil(PLACES).max(MIN_PAIRS);
    let mut steps: Vec<Stair> = Vec::new();
    let mut rest = &pairs[..];
    while !rest.is_empty() {
        // What is predicted alike stays together.
        let last = rest[size.min(rest.len()) - 1][0];
        let (some, others) = rest.split_at(rest.partition_point(|pair| pair[0] <= last));
        rest = others;
        let mut step = Stair::new(some);
        while let Some(before) = steps.pop_if(|before| before.median() >= step.median()) {
            step = before.with(step);
        }
        steps.push(step);
    }
    let cut = |pair: &[Stair]| (pair[0].highest + pair[1].lowest) / 2.0;
    let cuts = steps.windows(2).map(cut).collect();
    Medians::new(cuts, steps.iter().map(Stair::median).collect()).ok()
}

/// Some ratings that share a median.
struct Stair {
    /// The least and the greatest predicted rating.
    lowest: f32,
    highest: f32,
    /// The given ones, in ascending order.
    given: Vec<f32>,
}

impl Stair {
    /// Of pairs that ascend by what is predicted, at least one.
    fn new(pairs: &[[f32; 2]]) -> Self {
        let mut given: Vec<f32> = pairs.iter().map(|pair| pair[1]).collect();
        given.sort_unstable_by(f32::total_cmp);
        Self { lowest: pairs[0][0], highest: pairs[pairs.len() - 1][0], given }
    }

    /// The lower median: a rating that somebody gave.
    fn median(&self) -> f32 {
        self.given[(self.given.len() - 1) / 2]
    }

    fn with(mut self, after: Self) -> Self {
        self.given.extend_from_slice(&after.given);
        self.given.sort_unstable_by(f32::total_cmp);
        Self { highest: after.highest, ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(medians: &Medians, pairs: &[[f32; 2]]) -> f64 {
        pairs.iter().map(|pair| f64::from((medians.of(pair[0]) - pair[1]).abs())).sum()
    }

    proptest! {
        #[test]
        fn no_staircase_errs_less(
            // Each prediction so often that it is a step by itself.
            given in prop::collection::vec(prop::collection::vec(1u8..6, MIN_PAIRS), 1..8)
        ) {
            let pairs: Vec<[f32; 2]> = given.iter().enumerate().flat_map(|(place, given)| {
                given.iter().map(move |given| [place as f32, f32::from(*given)])
            }).collect();
            let found = staircase(pairs.clone()).unwrap();
            // By dynamic programming: the least error so far of a staircase that stands at
            // each value.
            let mut values: Vec<f32> = pairs.iter().map(|pair| pair[1]).collect();
            values.sort_by(f32::total_cmp);
            let mut best = vec![0.0f64; values.len()];
            for given in &given {
                let mut least = f64::INFINITY;
                for (best, value) in best.iter_mut().zip(&values) {
                    least = least.min(*best);
                    let errors = given.iter().map(|given| f64::from((value - f32::from(*given)).abs()));
                    *best = least + errors.sum::<f64>();
                }
            }
            let expected = best.into_iter().fold(f64::INFINITY, f64::min);
            prop_assert!((error(&found, &pairs) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_staircase_that_earns_nothing_is_left_out() {
        // Predicted as given, and the medians of neighbours are coarser.
        let exact = |user: u32| {
            let pair = |place: u32| [(user * 40 + place) as f32, (user * 40 + place) as f32];
            (0..40).map(pair).collect()
        };
        assert_eq!(fit_medians(&(0..10).map(exact).collect::<Vec<_>>()), None);
        assert_eq!(fit_medians(&[]), None);
        // Three of four give 4 where 3 is predicted.
        let skewed = |user: u32| {
            (0..40)
                .map(|place| {
                    [
                        3.0 + (user * 40 + place) as f32 * 1e-4,
                        if place % 4 == 0 { 1.0 } else { 4.0 },
                    ]
                })
                .collect()
        };
        let medians = fit_medians(&(0..10).map(skewed).collect::<Vec<_>>()).unwrap();
        assert_eq!((medians.cuts(), medians.values()), (&[][..], &[4.0][..]));
    }
}
