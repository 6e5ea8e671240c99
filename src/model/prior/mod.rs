//! Predictions from descriptions of users and items that have no ratings yet.
//!
//! A [`Prior`] predicts a vector from the values of a row's fields: an item's vector from its
//! content, or a user's start from the profile. It is linear, a sum of rows of weights, so
//! that reading it costs a few additions and the reasons for a prediction can be told apart.

mod input;

pub use input::Input;

use crate::model::buffer::Buffer;
use crate::model::schema::{Column, Field};

/// One part of a prior: its input and its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The part of a row that it reads.
    pub input: Input,
    /// [`Input::rows`] rows, each as wide as the prior.
    pub weights: Buffer<f32>,
}

/// Predicts a vector from a row's field values.
///
/// May be used from any number of threads at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    intercept: Buffer<f32>,
    terms: Vec<Term>,
}

impl Prior {
    /// Takes the `intercept`, which is as wide as the prior, and its terms.
    ///
    /// # Errors
    /// Says what does not fit these fields or each other, in words.
    pub fn new(fields: &[Field], intercept: Buffer<f32>, terms: Vec<Term>) -> Result<Self, String> {
        let prior = Self { intercept, terms };
        prior.check(fields)?;
        let weights = prior.terms.iter().flat_map(|term| &*term.weights);
        match prior.intercept.iter().chain(weights).all(|number| number.is_finite()) {
            true => Ok(prior),
            false => Err("a weight is not finite".into()),
        }
    }

    /// The intercept is the same for every row.
    pub fn constant(numbers: Vec<f32>) -> Self {
        Self { intercept: numbers.into(), terms: Vec::new() }
    }

    /// Checks that it can read rows of these fields.
    ///
    /// # Errors
    /// Says what does not fit, in words.
    pub fn check(&self, fields: &[Field]) -> Result<(), String> {
        let width = self.width();
        for (index, Term { input, weights }) in self.terms.iter().enumerate() {
            let rows = input.rows(fields).map_err(|why| format!("term {index}: {why}"))?;
            if rows.checked_mul(width) != Some(weights.len()) {
                return Err(format!(
                    "term {index}: {} weights; {rows} rows of {width} are expected",
                    weights.len()
                ));
            }
        }
        Ok(())
    }

    /// How many numbers it predicts.
    pub fn width(&self) -> usize {
        self.intercept.len()
    }

    /// Its prediction for an empty row, `[width]`.
    pub fn intercept(&self) -> &[f32] {
        &self.intercept
    }

    /// The terms, in the order in which they are summed.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The same prior in another unit: its predictions times `unit`.
    pub fn scaled(&self, unit: f32) -> Self {
        let scaled = |numbers: &Buffer<f32>| numbers.iter().map(|number| unit * number).collect();
        let term = |Term { input, weights }: &Term| Term {
            input: input.clone(),
            weights: scaled(weights),
        };
        Self { intercept: scaled(&self.intercept), terms: self.terms.iter().map(term).collect() }
    }

    /// The same prior after a linear map, which is given the intercept and each row of weights
    /// to change.
    #[cfg(feature = "train")]
    pub(crate) fn map_rows(&self, map: impl Fn(&mut [f32])) -> Self {
        let mapped = |numbers: &Buffer<f32>| {
            let mut numbers = numbers.to_vec();
            numbers.chunks_exact_mut(self.width().max(1)).for_each(&map);
            Buffer::from(numbers)
        };
        let term = |Term { input, weights }: &Term| Term {
            input: input.clone(),
            weights: mapped(weights),
        };
        Self { intercept: mapped(&self.intercept), terms: self.terms.iter().map(term).collect() }
    }

    /// A prior whose terms have the same inputs, with these weights and without an intercept.
    #[cfg(feature = "train")]
    pub(crate) fn with_weights(&self, width: usize, weights: &[Vec<f32>]) -> Self {
        let term = |(Term { input, .. }, weights): (&Term, &Vec<f32>)| Term {
            input: input.clone(),
            weights: weights.clone().into(),
        };
        let terms = self.terms.iter().zip(weights).map(term).collect();
        Self { intercept: vec![0.0; width].into(), terms }
    }

    /// Writes the prediction for one row of `columns` into `out`, `[width]`.
    ///
    /// `fields` are those it was made with, and `columns` theirs. Values that a
    /// field does not have add nothing.
    pub fn write_row(&self, fields: &[Field], columns: &[Column], row: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.intercept);
        for Term { input, weights } in &self.terms {
            input.add_shares(fields, columns, row, weights, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schema::{ColumnBuilder, FieldKind, NumberScale};

    fn fields() -> Vec<Field> {
        let field =
            |name: &str, kind, size| Field { name: name.into(), kind, size, embedded: true };
        vec![
            field("age", FieldKind::One, 2),
            field("job", FieldKind::One, 3),
            field("tags", FieldKind::Multi, 3),
            field("year", FieldKind::Numeric(NumberScale::new(10.0, 2.0)), 2),
        ]
    }

    type Row<'a> = (&'a [u32], &'a [u32], &'a [u32], Option<f32>);

    fn columns(rows: &[Row]) -> Vec<Column> {
        let mut builders: Vec<ColumnBuilder> =
            fields().iter().map(|field| ColumnBuilder::new(field.is_numeric())).collect();
        for (age, job, tags, year) in rows {
            for (builder, values) in builders.iter_mut().zip([age, job, tags]) {
                values.iter().for_each(|&value| builder.push_value(value));
                builder.end_row(None);
            }
            builders[3].end_row(*year);
        }
        builders.into_iter().map(ColumnBuilder::finish).collect()
    }

    fn term(input: Input, weights: &[f32]) -> Term {
        Term { input, weights: weights.to_vec().into() }
    }

    fn prior() -> Prior {
        let terms = vec![
            term(Input::Values { field: 2 }, &[1.0, 0.0, 3.0, 0.0, 8.0, 0.0, -2.0, 0.0]),
            term(
                Input::Pair { fields: [0, 1] },
                &[0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0, 5.0, 0.0, 6.0],
            ),
            term(Input::Number { field: 3, lowest: -1.0, highest: 2.0 }, &[10.0, 0.0]),
            term(
                Input::Shared { field: 2, confidences: vec![0.0, 1.0, 2.0].into() },
                &[0.0, 0.0, 0.0, 40.0, 0.0, 80.0, 100.0, 0.0],
            ),
        ];
        Prior::new(&fields(), vec![0.5, 0.25].into(), terms).unwrap()
    }

    #[test]
    fn sums_by_hand() {
        let columns = columns(&[
            (&[], &[], &[], None),
            (&[1], &[2], &[], Some(11.0)),
            (&[1], &[], &[0, 2], Some(99.0)),
            (&[], &[0], &[1, 2], Some(0.0)),
        ]);
        let log = |x: f32| 100.0 * x.ln();
        let expected = [
            [0.5, 0.25],
            [0.5 + 5.0, 0.25 + 6.0],
            [0.5 + 9.0 - 2.0 + 20.0 + log(3.0), 0.25 + 80.0 / 3.0],
            [0.5 + 11.0 - 2.0 - 10.0 + log(4.0), 0.25 + 120.0 / 4.0],
        ];
        for (row, expected) in expected.iter().enumerate() {
            let mut found = [f32::NAN; 2];
            prior().write_row(&fields(), &columns, row, &mut found);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4, "row {row}: {found} {expected}");
            }
        }
        // Neither a row beyond the end nor a missing column is read.
        let mut found = [f32::NAN; 2];
        prior().write_row(&fields(), &columns[..1], 9, &mut found);
        assert_eq!(found, [0.5, 0.25]);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let refused = |term: Term| Prior::new(&fields(), vec![0.0].into(), vec![term]).unwrap_err();
        refused(term(Input::Values { field: 4 }, &[]));
        refused(term(Input::Values { field: 0 }, &[1.0]));
        refused(term(Input::Values { field: 3 }, &[1.0, 1.0]));
        refused(term(Input::Values { field: 0 }, &[1.0, f32::NAN]));
        refused(term(Input::Pair { fields: [0, 2] }, &[0.0; 6]));
        refused(term(Input::Number { field: 3, lowest: 1.0, highest: 0.0 }, &[0.0]));
        refused(term(Input::Number { field: 0, lowest: 0.0, highest: 1.0 }, &[0.0]));
        let shared = |confidences: &[f32]| Input::Shared {
            field: 0,
            confidences: confidences.to_vec().into(),
        };
        refused(term(shared(&[1.0]), &[0.0; 3]));
        refused(term(shared(&[1.0, -1.0]), &[0.0; 3]));
        refused(term(shared(&[1.0, 1.0]), &[0.0; 2]));
    }
}
