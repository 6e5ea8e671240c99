//! Weighted ridge regression with a free intercept.

use crate::kernels::cholesky;

/// Without an example that alone decides its prediction, none could be made.
const MAX_LEVERAGE: f64 = 0.9;

/// The sums that a regression of `outputs` numbers on `columns` numbers needs.
pub struct Ridge {
    columns: usize,
    outputs: usize,
    weight: f64,
    /// [columns]
    sum: Vec<f64>,
    /// [outputs]
    target_sum: Vec<f64>,
    /// [columns, columns], lower triangle.
    gram: Vec<f64>,
    /// [columns, outputs]
    cross: Vec<f64>,
}

/// A regression that is solved.
pub struct Solution {
    pub coefficients: Coefficients,
    /// One over the weight of all examples.
    share: f64,
    /// [columns]
    means: Vec<f64>,
    /// Cholesky's, of the centred and penalised gram matrix.
    factor: Vec<f64>,
}

/// What a regression found.
#[derive(Clone, Debug)]
pub struct Coefficients {
    /// [outputs]
    pub intercept: Vec<f64>,
    /// [columns, outputs]
    pub weights: Vec<f64>,
}

impl Ridge {
    pub fn new(columns: usize, outputs: usize) -> Self {
        Self {
            columns,
            outputs,
            weight: 0.0,
            sum: vec![0.0; columns],
            target_sum: vec![0.0; outputs],
            gram: vec![0.0; columns * columns],
            cross: vec![0.0; columns * outputs],
        }
    }

    /// Takes up an example: its columns that are not 0, in ascending order, with
    /// their numbers.
    pub fn add(&mut self, row: &[(usize, f64)], target: &[f64], weight: f64) {
        self.weight += weight;
        add_scaled(&mut self.target_sum, weight, target);
        for (place, &(column, number)) in row.iter().enumerate() {
            let scaled = weight * number;
            self.sum[column] += scaled;
            let gram = &mut self.gram[column * self.columns..][..self.columns];
            for &(other, number) in &row[..=place] {
                gram[other] += scaled * number;
            }
            add_scaled(&mut self.cross[column * self.outputs..][..self.outputs], scaled, target);
        }
    }

    /// Minimises the weighted squared error plus `penalty` times the squared
    /// coefficients, without the intercept. `None` if that cannot be solved.
    pub fn solve(mut self, penalty: f64) -> Option<Solution> {
        let (columns, outputs) = (self.columns, self.outputs);
        let share = if self.weight > 0.0 { 1.0 / self.weight } else { 0.0 };
        for i in 0..columns {
            let mean = self.sum[i] * share;
            add_scaled(&mut self.gram[i * columns..=i * columns + i], -mean, &self.sum[..=i]);
            self.gram[i * columns + i] += penalty;
            let cross = &mut self.cross[i * outputs..][..outputs];
            add_scaled(cross, -mean, &self.target_sum);
        }
        cholesky::mirror_up(&mut self.gram, columns);
        if !cholesky::factorise(&mut self.gram, columns) {
            return None;
        }
        let mut intercept: Vec<f64> = self.target_sum.iter().map(|sum| sum * share).collect();
        let mut weights = self.cross;
        let mut right = vec![0.0; columns];
        for output in 0..outputs {
            for (column, right) in right.iter_mut().enumerate() {
                *right = weights[column * outputs + output];
            }
            cholesky::solve(&self.gram, columns, &mut right);
            for (column, right) in right.iter().enumerate() {
                weights[column * outputs + output] = *right;
                intercept[output] -= right * self.sum[column] * share;
            }
        }
        let means = self.sum.iter().map(|sum| sum * share).collect();
        let coefficients = Coefficients { intercept, weights };
        Some(Solution { coefficients, share, means, factor: self.gram })
    }
}

impl Solution {
    /// Writes what would be predicted for one of the examples had it not been
    /// there: its residual grows by its leverage (Hastie, Tibshirani and Friedman
    /// 2009, section 7.10).
    pub fn predict_without(
        &self,
        row: &[(usize, f64)],
        target: &[f64],
        weight: f64,
        out: &mut [f64],
    ) {
        self.coefficients.predict(row, out);
        let leverage = self.leverage(row, weight).min(MAX_LEVERAGE);
        for (out, target) in out.iter_mut().zip(target) {
            *out = (*out - leverage * target) / (1.0 - leverage);
        }
    }

    /// How much of its own target an example's prediction takes up.
    fn leverage(&self, row: &[(usize, f64)], weight: f64) -> f64 {
        let mut away: Vec<f64> = self.means.iter().map(|mean| -mean).collect();
        row.iter().for_each(|&(column, number)| away[column] += number);
        cholesky::solve_lower(&self.factor, away.len(), &mut away);
        weight * (self.share + away.iter().map(|x| x * x).sum::<f64>())
    }
}

impl Coefficients {
    /// A row of coefficients, [outputs].
    pub fn row(&self, column: usize) -> &[f64] {
        &self.weights[column * self.intercept.len()..][..self.intercept.len()]
    }

    /// Writes what is predicted for an example.
    pub fn predict(&self, row: &[(usize, f64)], out: &mut [f64]) {
        out.copy_from_slice(&self.intercept);
        row.iter().for_each(|&(column, number)| add_scaled(out, number, self.row(column)));
    }
}

pub fn add_scaled(target: &mut [f64], scale: f64, source: &[f64]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target += scale * source;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Example = (Vec<(usize, f64)>, Vec<f64>, f64);

    /// What the regression is to make as small as possible.
    fn cost(found: &Coefficients, examples: &[Example], penalty: f64) -> f64 {
        let mut cost = penalty * found.weights.iter().map(|w| w * w).sum::<f64>();
        for (row, target, weight) in examples {
            let mut predicted = vec![0.0; target.len()];
            found.predict(row, &mut predicted);
            cost +=
                weight * predicted.iter().zip(target).map(|(p, t)| (p - t) * (p - t)).sum::<f64>();
        }
        cost
    }

    fn solved(examples: &[Example], penalty: f64) -> Solution {
        let mut ridge = Ridge::new(6, 2);
        examples.iter().for_each(|(row, target, weight)| ridge.add(row, target, *weight));
        ridge.solve(penalty).unwrap()
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
                        _ => other.weights[place - 2] += step,
                    }
                    prop_assert!(cost(&other, &examples, penalty) > least, "{place} {step}");
                }
            }
        }

        #[test]
        fn what_is_predicted_without_an_example_is_what_the_others_predict(
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
                let (mut expected, mut found) = ([0.0; 2], [0.0; 2]);
                solved(&others, penalty).coefficients.predict(&row, &mut expected);
                all.predict_without(&row, &target, weight, &mut found);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-8, "{place}: {found} {expected}");
                }
            }
        }
    }
}
