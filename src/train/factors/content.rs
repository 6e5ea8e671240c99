//! Priors learned from what is believed about users or items.

use std::borrow::Cow;
use std::sync::OnceLock;

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, aview1, s};

use super::design::{Description, Design};
use super::regression::{Coefficients, Regression};
use crate::model::prior::{Input, Prior, Term};
use crate::model::schema::FieldKind;

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
    /// The rows' leverages where no field is shared, so that they do not depend on the vectors:
    /// with hundreds of columns they take most of a fit's time.
    leverages: OnceLock<Vec<f64>>,
}

/// A fitted regression.
#[derive(Clone, Debug)]
pub struct Fitted {
    coefficients: Coefficients,
    /// For each shared field and value, the sum of the vectors of the rows that
    /// have it, each times its confidence: [size, D].
    sums: Vec<Array2<f64>>,
    /// The prediction for each row from the others, [rows, D].
    pub predictions: Array2<f64>,
}

/// An affine map: x becomes `offset + x matrix`.
pub struct Affine {
    /// [W]
    pub offset: Array1<f64>,
    /// [D, W]
    pub matrix: Array2<f64>,
}

impl Affine {
    /// The map that changes nothing.
    pub fn identity(width: usize) -> Self {
        Self { offset: Array1::zeros(width), matrix: Array2::eye(width) }
    }

    pub fn map(&self, x: ArrayView1<f64>) -> Array1<f64> {
        x.dot(&self.matrix) + &self.offset
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
        let leverages = OnceLock::new();
        Self { description, rows, weights, confidences, penalty, design, leverages }
    }

    /// The inputs of its terms that have weights of their own.
    pub fn inputs(&self) -> &[Input] {
        &self.design.inputs
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

    /// Fits the regression to vectors, [rows, D]; `None` if it cannot be solved.
    ///
    /// Runs on the threads of the current pool, with the same result for any number of them.
    pub fn fit(&self, vectors: ArrayView2<f64>) -> Option<Fitted> {
        let width = vectors.ncols();
        let mut rows = Cow::Borrowed(&self.design.rows);
        let shared = self.design.shared.iter().enumerate();
        let sums = shared
            .map(|(index, &field)| {
                let first = self.first_shared_column(index, width);
                self.share(field, vectors, first, rows.to_mut())
            })
            .collect();
        let columns = self.first_shared_column(self.design.shared.len(), width);
        let mut regression = Regression::new(columns, width);
        for ((row, vector), weight) in rows.iter().zip(vectors.rows()).zip(&self.weights) {
            regression.add(row, vector, *weight);
        }
        let solution = regression.solve(self.penalty)?;
        let leverages = || solution.leverages(&rows, &self.weights);
        let leverages = match self.design.shared.is_empty() {
            true => Cow::Borrowed(self.leverages.get_or_init(leverages)),
            false => Cow::Owned(leverages()),
        };
        let mut predictions = Array2::zeros(vectors.dim());
        predictions
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(vectors.axis_iter(Axis(0)))
            .zip(rows.par_iter().zip(&*leverages))
            .for_each(|((out, vector), (row, leverage))| {
                solution.coefficients.predict_without(row, vector, *leverage, out);
            });
        Some(Fitted { coefficients: solution.coefficients, sums, predictions })
    }

    /// Where the columns of a shared field begin: one for each number of a
    /// vector, and one for how much is known.
    fn first_shared_column(&self, index: usize, width: usize) -> usize {
        self.design.centres.len() + index * (width + 1)
    }

    /// Adds to each row the mean of the others' vectors that share a value of the field
    /// with it, from column `first` on; returns each value's sum of vectors.
    fn share(
        &self,
        field: usize,
        vectors: ArrayView2<f64>,
        first: usize,
        rows: &mut [Vec<(usize, f64)>],
    ) -> Array2<f64> {
        let width = vectors.ncols();
        let confidences = self.confidence_sums(field);
        let mut sums = Array2::zeros((confidences.len(), width));
        let each = || vectors.rows().into_iter().zip(&self.confidences).enumerate();
        for (place, (vector, confidence)) in each() {
            for &value in self.values(field, place) {
                sums.row_mut(value as usize).scaled_add(*confidence, &vector);
            }
        }
        for (place, (vector, confidence)) in each() {
            let values = self.values(field, place);
            if values.is_empty() {
                continue;
            }
            let mut sum = Array1::zeros(width);
            let mut known = 0.0;
            for &value in values {
                sum += &sums.row(value as usize);
                // A row's own vector must not predict itself.
                sum.scaled_add(-confidence, &vector);
                known += confidences[value as usize] - confidence;
            }
            let known = 1.0 + known.max(0.0);
            let means = sum.iter().enumerate().map(|(i, sum)| (first + i, sum / known));
            rows[place].extend(means.chain([(first + width, known.ln())]));
        }
        sums
    }

    /// The fitted regression as a prior of mapped vectors. Each table is centred: a
    /// missing value adds nothing, and means the average.
    pub fn prior(&self, fitted: &Fitted, map: &Affine) -> Result<Prior, String> {
        let Fitted { coefficients, sums, .. } = fitted;
        let width = coefficients.intercept.len();
        let mut intercept = coefficients.intercept.clone();
        let mut terms = Vec::new();
        for (input, range) in self.design.inputs.iter().zip(&self.design.ranges) {
            let mut rows = coefficients.weights.slice(s![range.clone(), ..]).to_owned();
            let average = aview1(&self.design.centres[range.clone()]).dot(&rows);
            intercept += &average;
            // Of a sum of rows, only the last is there just once.
            let first = if self.is_sum(input) { rows.nrows().saturating_sub(1) } else { 0 };
            let mut centred = rows.slice_mut(s![first.., ..]);
            centred -= &average;
            let weights = single(rows.dot(&map.matrix)).into();
            terms.push(Term { input: input.clone(), weights });
        }
        for (index, (&field, sums)) in self.design.shared.iter().zip(sums).enumerate() {
            let start = self.first_shared_column(index, width);
            let slopes = coefficients.weights.slice(s![start..start + width, ..]);
            let mut weights = single(sums.dot(&slopes).dot(&map.matrix));
            let known = coefficients.weights.row(start + width);
            weights.extend(single(known.dot(&map.matrix)));
            let confidences = single(self.confidence_sums(field)).into();
            terms.push(Term {
                input: Input::Shared { field, confidences },
                weights: weights.into(),
            });
        }
        let intercept = single(map.map(intercept.view()));
        Prior::new(self.description.fields, intercept.into(), terms)
    }
}

/// Numbers in f32, row by row.
fn single(numbers: impl IntoIterator<Item = f64>) -> Vec<f32> {
    numbers.into_iter().map(|number| number as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schema::{Column, ColumnBuilder, Entity, Field};

    fn field(name: &str, kind: FieldKind, size: usize) -> Field {
        Field { name: name.into(), kind, size, embedded: true }
    }

    /// A column of a categorical field.
    fn column(rows: usize, values: impl Fn(usize) -> Vec<u32>) -> Column {
        let mut builder = ColumnBuilder::new(false);
        for row in 0..rows {
            values(row).into_iter().for_each(|value| builder.push_value(value));
            builder.end_row(None);
        }
        builder.finish()
    }

    /// Numbers in [-1, 1).
    fn number(place: usize) -> f64 {
        (place * 7919 % 1000) as f64 / 500.0 - 1.0
    }

    #[test]
    fn a_prior_predicts_what_the_regression_did() {
        const ROWS: usize = 300;
        let fields = [
            field("one", FieldKind::One, 3),
            field("many", FieldKind::Multi, 4),
            field("other", FieldKind::One, 2),
            field(
                "number",
                FieldKind::Numeric(crate::model::schema::NumberScale::new(5.0, 2.0)),
                2,
            ),
            field("rare", FieldKind::One, 200),
        ];
        let missing = |row: usize, every: usize| row.is_multiple_of(every);
        let numbers =
            (0..ROWS).map(|row| if missing(row, 11) { f32::NAN } else { (row % 9) as f32 });
        let columns = [
            column(ROWS, |row| if missing(row, 4) { vec![] } else { vec![(row % 3) as u32] }),
            column(ROWS, |row| (0..4).rev().filter(|v| (row >> v) % 3 == 1).collect()),
            column(ROWS, |row| if missing(row, 7) { vec![] } else { vec![(row / 3 % 2) as u32] }),
            Column::Numbers(numbers.collect()),
            column(ROWS, |row| vec![(row % 200) as u32]),
        ];
        let description =
            Description { entity: Entity::User, fields: &fields, columns: &columns, rows: ROWS };
        let rows: Vec<usize> = (0..ROWS).filter(|row| row % 13 != 0).collect();
        let weights = rows.iter().map(|row| 1.0 + (row % 5) as f64).collect();
        let vectors = Array2::from_shape_fn((rows.len(), 2), |(i, j)| number(2 * i + j));
        let content = Content::new(description, &rows, weights, vec![1.0; rows.len()], 3.0);
        assert_eq!(
            content.design.inputs,
            [
                Input::Values { field: 0 },
                Input::Values { field: 1 },
                Input::Values { field: 2 },
                Input::Number { field: 3, lowest: -2.5, highest: 1.5 },
                Input::Pair { fields: [0, 2] },
            ]
        );
        let fitted = content.fit(vectors.view()).unwrap();
        let prior = content.prior(&fitted, &Affine::identity(2)).unwrap();
        let mut totals = [0.0; 2];
        for (place, &row) in rows.iter().enumerate() {
            let (mut found, mut expected) = ([0.0; 2], Array1::zeros(2));
            prior.write_row(&fields, &columns, row, &mut found);
            fitted.coefficients.predict(&content.design.rows[place], expected.view_mut());
            for (found, expected) in found.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "row {row}");
            }
            let weight = 1.0 + (row % 5) as f64;
            totals = [totals[0] + weight, totals[1] + weight * expected[0]];
        }
        // Nothing known means the average.
        let gap = f64::from(prior.intercept()[0]) - totals[1] / totals[0];
        assert!(gap.abs() < 0.05, "{gap}");
    }

    #[test]
    fn what_others_share_tells_of_a_new_row_and_not_of_itself() {
        const ROWS: usize = 40;
        // Each value is shared by two rows, which have the same vector.
        let fields = [field("maker", FieldKind::One, 20)];
        let columns = [column(ROWS + 1, |row| vec![(row / 2 % 20) as u32])];
        let description = Description {
            entity: Entity::Item,
            fields: &fields,
            columns: &columns,
            rows: ROWS + 1,
        };
        let rows: Vec<usize> = (0..ROWS).collect();
        let vectors =
            Array2::from_shape_fn((ROWS, 2), |(row, column)| number(row / 2 + 50 * column));
        let content = Content::new(description, &rows, vec![1.0; ROWS], vec![0.5; ROWS], 1e-9);
        assert!(content.design.inputs.is_empty());
        let fitted = content.fit(vectors.view()).unwrap();
        // The one other has a third of the weight: .5 / (1 + .5).
        for (vector, predicted) in vectors.iter().zip(&fitted.predictions) {
            assert!((vector - predicted).abs() < 1e-6, "{vector} {predicted}");
        }
        // A new row has two to learn from, .5 each: half the sum, times 3.
        let prior = content.prior(&fitted, &Affine::identity(2)).unwrap();
        let mut found = [0.0; 2];
        prior.write_row(&fields, &columns, ROWS, &mut found);
        let slope = fitted.coefficients.weights.row(2);
        let more = (2.0f64).ln();
        for ((found, vector), slope) in found.iter().zip(&vectors).zip(slope) {
            let intercept = &fitted.coefficients.intercept;
            assert!(intercept.iter().all(|i| i.abs() < 1e-3), "{intercept:?}");
            let expected = 1.5 * vector + slope * more;
            assert!((f64::from(*found) - expected).abs() < 1e-3, "{found} {expected}");
        }
    }
}
