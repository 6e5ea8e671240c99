//! Weighted ridge regression with a free intercept.

use ndarray::{Array1, Array2, ArrayView1, ArrayViewMut1};
use rayon::prelude::*;

use crate::train::dense::Cholesky;

/// Without an example that alone decides its prediction, none could be made.
const MAX_LEVERAGE: f64 = 0.9;

/// An example's columns that are not 0, in ascending order, with their numbers.
pub type SparseRow = [(usize, f64)];

/// The sums that a regression of `outputs` numbers on `columns` numbers needs.
pub struct Regression {
    weight: f64,
    /// [columns]
    sum: Array1<f64>,
    /// [outputs]
    target_sum: Array1<f64>,
    /// [columns, columns], upper triangle.
    gram: Array2<f64>,
    /// [columns, outputs]
    cross: Array2<f64>,
}

/// A regression that is solved.
pub struct Solution {
    pub coefficients: Coefficients,
    /// One over the weight of all examples.
    share: f64,
    /// [columns]
    means: Array1<f64>,
    /// Of the centred and penalised gram matrix.
    factor: Cholesky,
}

/// The intercept and the weights that a regression found.
#[derive(Clone, Debug)]
pub struct Coefficients {
    /// [outputs]
    pub intercept: Array1<f64>,
    /// [columns, outputs]
    pub weights: Array2<f64>,
}

impl Regression {
    pub fn new(columns: usize, outputs: usize) -> Self {
        Self {
            weight: 0.0,
            sum: Array1::zeros(columns),
            target_sum: Array1::zeros(outputs),
            gram: Array2::zeros((columns, columns)),
            cross: Array2::zeros((columns, outputs)),
        }
    }

    /// Adds an example.
    pub fn add(&mut self, row: &SparseRow, target: ArrayView1<f64>, weight: f64) {
        self.weight += weight;
        self.target_sum.scaled_add(weight, &target);
        for (place, &(column, number)) in row.iter().enumerate() {
            let scaled = weight * number;
            self.sum[column] += scaled;
            let mut products = self.gram.row_mut(column);
            for &(other, number) in &row[place..] {
                products[other] += scaled * number;
            }
            self.cross.row_mut(column).scaled_add(scaled, &target);
        }
    }

    /// Minimises the weighted squared error plus `penalty` times the squared
    /// coefficients, without the intercept. `None` if that cannot be solved.
    pub fn solve(self, penalty: f64) -> Option<Solution> {
        let Self { weight, sum, target_sum, mut gram, cross: mut weights } = self;
        let share = if weight > 0.0 { 1.0 / weight } else { 0.0 };
        let means = sum * share;
        for (mean, (mut products, mut cross)) in
            means.iter().zip(gram.rows_mut().into_iter().zip(weights.rows_mut()))
        {
            products.scaled_add(-mean * weight, &means);
            cross.scaled_add(-mean, &target_sum);
        }
        gram.diag_mut().iter_mut().for_each(|element| *element += penalty);
        let factor = Cholesky::new(gram)?;
        weights.columns_mut().into_iter().for_each(|column| factor.solve(column));
        let intercept = target_sum * share - means.dot(&weights);
        let coefficients = Coefficients { intercept, weights };
        Some(Solution { coefficients, share, means, factor })
    }
}

impl Solution {
    /// How much of its own target each example's prediction takes up. It depends on the rows
    /// and weights alone, and not on targets.
    pub fn leverages<R: AsRef<SparseRow> + Sync>(&self, rows: &[R], weights: &[f64]) -> Vec<f64> {
        let leverage = |(row, weight): (&R, &f64)| self.leverage(row.as_ref(), *weight);
        rows.par_iter().zip(weights).map(leverage).collect()
    }

    fn leverage(&self, row: &SparseRow, weight: f64) -> f64 {
        let mut away = -&self.means;
        row.iter().for_each(|&(column, number)| away[column] += number);
        self.factor.solve_lower(away.view_mut());
        weight * (self.share + away.dot(&away))
    }
}

impl Coefficients {
    /// Writes the prediction for one of the examples, of such a leverage, had it not been
    /// there: its residual grows by its leverage (Hastie, Tibshirani and Friedman 2009,
    /// section 7.10).
    pub fn predict_without(
        &self,
        row: &SparseRow,
        target: ArrayView1<f64>,
        leverage: f64,
        mut out: ArrayViewMut1<f64>,
    ) {
        self.predict(row, out.view_mut());
        let leverage = leverage.min(MAX_LEVERAGE);
        out.zip_mut_with(&target, |out, target| {
            *out = (*out - leverage * target) / (1.0 - leverage);
        });
    }

    /// Writes the prediction for an example.
    pub fn predict(&self, row: &SparseRow, mut out: ArrayViewMut1<f64>) {
        out.assign(&self.intercept);
        for &(column, number) in row {
            out.scaled_add(number, &self.weights.row(column));
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::aview1;
    use proptest::prelude::*;

    use super::*;

    type Example = (Vec<(usize, f64)>, Vec<f64>, f64);

    /// The sum that the regression minimises.
    fn cost(found: &Coefficients, examples: &[Example], penalty: f64) -> f64 {
        let mut cost = penalty * found.weights.iter().map(|w| w * w).sum::<f64>();
        for (row, target, weight) in examples {
            let mut predicted = Array1::zeros(target.len());
            found.predict(row, predicted.view_mut());
            cost +=
                weight * predicted.iter().zip(target).map(|(p, t)| (p - t) * (p - t)).sum::<f64>();
        }
        cost
    }

    fn solved(examples: &[Example], penalty: f64) -> Solution {
        let mut regression = Regression::new(6, 2);
        for (row, target, weight) in examples {
            regression.add(row, aview1(target), *weight);
        }
        regression.solve(penalty).unwrap()
    }

    fn examples(least: usize) -> impl Strategy<Value = Vec<Example>> {
        let example = (
            prop::collection::btree_map(0usize..6, -2.0..2.0, 0..5),
            prop::collection::vec(-3.0..3.0, 2),
            0.1..2.0,
        )
            .prop_map(|(row, target, weight)| (row.into_iter().collect(), target, weight));
        prop::collection::vec(example, least..20)
    }

    proptest! {
        #[test]
        fn no_other_coefficients_cost_less(
            examples in examples(1),
            penalty in 0.1..5.0,
        ) {
            let found = solved(&examples, penalty).coefficients;
            let least = cost(&found, &examples, penalty);
            for place in 0..14 {
                for step in [-1e-3, 1e-3] {
                    let mut other = found.clone();
                    match place {
                        0..2 => other.intercept[place] += step,
                        _ => other.weights[[(place - 2) / 2, place % 2]] += step,
                    }
                    prop_assert!(cost(&other, &examples, penalty) > least, "{place} {step}");
                }
            }
        }

        #[test]
        fn the_prediction_without_an_example_is_that_of_the_others(
            examples in examples(2),
            penalty in 0.1..5.0,
        ) {
            let all = solved(&examples, penalty);
            let total: f64 = examples.iter().map(|(_, _, weight)| weight).sum();
            for place in 0..examples.len() {
                let mut others = examples.clone();
                let (row, target, weight) = others.remove(place);
                // One that weighs nearly all is left out of this.
                prop_assume!(all.leverage(&row, weight) < MAX_LEVERAGE && weight < 0.8 * total);
                let (mut expected, mut found) = (Array1::zeros(2), Array1::zeros(2));
                solved(&others, penalty).coefficients.predict(&row, expected.view_mut());
                let leverage = all.leverages(&[row.as_slice()], &[weight])[0];
                let target = aview1(&target);
                all.coefficients.predict_without(&row, target, leverage, found.view_mut());
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-8, "{place}: {found} {expected}");
                }
            }
        }
    }
}
