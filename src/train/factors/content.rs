//! Priors learned from what is believed about users or items.

use super::design::{Description, Design};
use super::posterior::add;
use super::ridge::{Coefficients, Ridge, add_scaled};
use crate::prior::{Input, Prior, Term};
use crate::schema::FieldKind;

/// The regression of vectors, [rows, D], on descriptions.
#[derive(Debug)]
pub struct Content<'a> {
    description: Description<'a>,
    /// The rows of the data folder that it is fitted on.
    rows: &'a [usize],
    /// How much each row's vector counts.
    weights: Vec<f64>,
    /// How much each row tells of others that share a value with it.
    confidences: Vec<f64>,
    penalty: f64,
    design: Design,
}

/// What a regression found.
#[derive(Clone, Debug)]
pub struct Fitted {
    coefficients: Coefficients,
    /// For each shared field and value, the sum of the vectors of the rows that
    /// have it, each times its confidence: [size, D].
    sums: Vec<Vec<f64>>,
    /// What is predicted for each row, [rows, D].
    pub predictions: Vec<f64>,
}

/// An affine map: x becomes `offset + x matrix`.
pub struct Affine {
    /// [W]
    pub offset: Vec<f64>,
    /// [D, W]
    pub matrix: Vec<f64>,
}

impl Affine {
    /// Without the offset.
    fn linear(&self, x: &[f64]) -> Vec<f64> {
        let width = self.offset.len();
        let mut out = vec![0.0; width];
        for (x, row) in x.iter().zip(self.matrix.chunks_exact(width)) {
            add_scaled(&mut out, *x, row);
        }
        out
    }

    pub fn map(&self, x: &[f64]) -> Vec<f64> {
        let mut out = self.linear(x);
        add(&mut out, &self.offset);
        out
    }
}

impl<'a> Content<'a> {
    pub fn new(
        description: Description<'a>,
        rows: &'a [usize],
        weights: Vec<f64>,
        confidences: Vec<f64>,
        penalty: f64,
    ) -> Self {
        let design = Design::new(&description, rows, &weights);
        Self { description, rows, weights, confidences, penalty, design }
    }

    /// How many rows it is fitted on.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    fn values(&self, field: usize, place: usize) -> &'a [u32] {
        self.description.columns[field].row(self.rows[place])
    }

    /// Whether a row of the data folder may take several rows of weights.
    fn is_sum(&self, input: &Input) -> bool {
        match input {
            Input::Values { field } => self.description.fields[*field].kind == FieldKind::Multi,
            _ => false,
        }
    }

    /// For each value of a shared field, the sum of the confidences.
    fn confidence_sums(&self, field: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.description.fields[field].size];
        for (place, confidence) in self.confidences.iter().enumerate() {
            self.values(field, place).iter().for_each(|&v| sums[v as usize] += confidence);
        }
        sums
    }

    /// Fits the regression to vectors that are `width` wide; `None` if it cannot
    /// be solved.
    pub fn fit(&self, vectors: &[f64], width: usize) -> Option<Fitted> {
        let fixed = self.design.centres.len();
        let shared = &self.design.shared;
        let mut rows = self.design.rows.clone();
        let mut sums = Vec::new();
        for (index, &field) in shared.iter().enumerate() {
            let confidence_sums = self.confidence_sums(field);
            let mut sum = vec![0.0; confidence_sums.len() * width];
            let vectors = || vectors.chunks_exact(width).zip(&self.confidences).enumerate();
            for (place, (vector, confidence)) in vectors() {
                for &value in self.values(field, place) {
                    let sum = &mut sum[value as usize * width..][..width];
                    add_scaled(sum, *confidence, vector);
                }
            }
            // What the others say: a row's own vector must not predict itself.
            let mut mean = vec![0.0; width];
            for (place, (vector, confidence)) in vectors() {
                let values = self.values(field, place);
                if values.is_empty() {
                    continue;
                }
                mean.fill(0.0);
                let mut known = 0.0;
                for &value in values {
                    add(&mut mean, &sum[value as usize * width..][..width]);
                    add_scaled(&mut mean, -confidence, vector);
                    known += confidence_sums[value as usize] - confidence;
                }
                let known = 1.0 + known.max(0.0);
                let start = fixed + index * (width + 1);
                let means = mean.iter().enumerate().map(|(i, sum)| (start + i, sum / known));
                rows[place].extend(means.chain([(start + width, known.ln())]));
            }
            sums.push(sum);
        }
        let mut ridge = Ridge::new(fixed + shared.len() * (width + 1), width);
        for ((row, vector), weight) in
            rows.iter().zip(vectors.chunks_exact(width)).zip(&self.weights)
        {
            ridge.add(row, vector, *weight);
        }
        let coefficients = ridge.solve(self.penalty)?;
        let mut predictions = vec![0.0; vectors.len()];
        for (row, out) in rows.iter().zip(predictions.chunks_exact_mut(width)) {
            coefficients.predict(row, out);
        }
        Some(Fitted { coefficients, sums, predictions })
    }

    /// What was found as a prior of mapped vectors. Each table is centred: what
    /// is missing adds nothing, and means the average.
    pub fn prior(&self, fitted: &Fitted, map: &Affine) -> Result<Prior, String> {
        let Fitted { coefficients, sums, .. } = fitted;
        let width = coefficients.intercept.len();
        let mut intercept = coefficients.intercept.clone();
        let mut terms = Vec::new();
        for (input, range) in self.design.inputs.iter().zip(&self.design.ranges) {
            let mut average = vec![0.0; width];
            for column in range.clone() {
                let row = coefficients.row(column);
                add_scaled(&mut average, self.design.centres[column], row);
            }
            add(&mut intercept, &average);
            let weights = range.clone().flat_map(|column| {
                let mut row = coefficients.row(column).to_vec();
                // Of a sum of rows, only the last is there just once.
                if column + 1 == range.end || !self.is_sum(input) {
                    add_scaled(&mut row, -1.0, &average);
                }
                single(&map.linear(&row))
            });
            terms.push(Term { input: input.clone(), weights: weights.collect() });
        }
        for (index, (&field, sums)) in self.design.shared.iter().zip(sums).enumerate() {
            let start = self.design.centres.len() + index * (width + 1);
            let slopes = &coefficients.weights[start * width..][..width * width];
            let mut weights = Vec::new();
            for sum in sums.chunks_exact(width) {
                let mut row = vec![0.0; width];
                for (sum, slopes) in sum.iter().zip(slopes.chunks_exact(width)) {
                    add_scaled(&mut row, *sum, slopes);
                }
                weights.extend(single(&map.linear(&row)));
            }
            weights.extend(single(&map.linear(coefficients.row(start + width))));
            let confidences = single(&self.confidence_sums(field)).into();
            terms.push(Term {
                input: Input::Shared { field, confidences },
                weights: weights.into(),
            });
        }
        let intercept = single(&map.map(&intercept));
        Prior::new(self.description.fields, intercept.into(), terms)
    }
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|number| *number as f32).collect()
}
