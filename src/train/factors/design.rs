//! From descriptions to the columns of a regression.

use std::ops::Range;

use crate::model::prior::Input;
use crate::model::schema::{Column, Entity, Field, FieldKind};
use crate::{Error, Result};

/// A value gets a row of weights of its own if its field's values occur this
/// often on average: rarer ones (people, places, names) would be learned by
/// heart.
const MIN_OCCURRENCES: usize = 10;

/// Two fields are looked at together up to this many combinations.
const MAX_PAIRS: usize = 256;

/// So many rows of weights a prior's tables have together at most, smaller
/// fields first: the regression solves a system of that size.
const MAX_ROWS: usize = 1000;

/// A row without a value takes a share of all its field's rows of weights; a
/// field for which this is more than so many shares in all is left out.
const MAX_IMPUTED: usize = 1 << 20;

/// So many fields are shared at most, those of fewer values first: each costs as
/// many columns as a vector is wide.
const MAX_SHARED: usize = 8;

/// A field is worth sharing if at least one row in this many has company.
const MIN_SHARING: usize = 10;

/// The fields and values of the users or the items of a data folder.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// Of users or items.
    pub entity: Entity,
    /// Their fields.
    pub fields: &'a [Field],
    /// The fields' values, by row of the data folder.
    pub columns: &'a [Column],
    /// How many rows there are, also where there is no field.
    pub rows: usize,
}

impl Description<'_> {
    /// Whether the columns are the fields'.
    pub(super) fn check(&self) -> Result<()> {
        let columns = self.fields.iter().zip(self.columns);
        let fit = |(field, column): (&Field, &Column)| {
            column.fits(field.is_numeric(), field.size) && column.len() == self.rows
        };
        if self.fields.len() != self.columns.len() || !columns.clone().all(fit) {
            let problem = format!("the {} columns do not fit the fields", self.entity);
            return Err(Error::argument("columns", problem));
        }
        Ok(())
    }
}

/// The inputs of a prior's terms, and the columns of its regression that are the
/// same in every round.
///
/// A missing value counts as the mean of its field, so that a term can be
/// centred: then "nothing" means "average".
#[derive(Debug)]
pub struct Design {
    /// Everything but [`Input::Shared`].
    pub inputs: Vec<Input>,
    /// The columns of each input.
    pub ranges: Vec<Range<usize>>,
    /// The fields that are shared.
    pub shared: Vec<usize>,
    /// The mean of each column over the rows that have the value; 0 for numbers,
    /// which are centred as they are.
    pub centres: Vec<f64>,
    /// For each row its columns that are not 0, in ascending order.
    pub rows: Vec<Vec<(usize, f64)>>,
}

impl Design {
    /// For regressions over `rows` of the data folder, with their `weights`.
    pub fn new(description: &Description, rows: &[usize], weights: &[f64]) -> Self {
        let (inputs, shared) = choose(description, rows);
        let (mut ranges, mut centres) = (Vec::new(), Vec::new());
        let mut sparse = vec![Vec::new(); rows.len()];
        for input in &inputs {
            let start = centres.len();
            // The inputs were made for these fields.
            let count = input.rows(description.fields).unwrap_or(0);
            ranges.push(start..start + count);
            let mut centre = vec![0.0; count];
            let mut present = 0.0;
            let mut missing = Vec::new();
            for (place, &row) in rows.iter().enumerate() {
                let entries: &mut Vec<(usize, f64)> = &mut sparse[place];
                let before = entries.len();
                input.shares(description.fields, description.columns, row, |column, share| {
                    entries.push((start + column, f64::from(share)));
                });
                entries[before..].sort_unstable_by_key(|(column, _)| *column);
                match entries.len() > before {
                    true => present += weights[place],
                    false => missing.push(place),
                }
                for (column, share) in &entries[before..] {
                    centre[column - start] += weights[place] * share;
                }
            }
            if matches!(input, Input::Number { .. }) {
                centre.fill(0.0);
            }
            centre.iter_mut().for_each(|sum| *sum /= f64::max(present, f64::MIN_POSITIVE));
            for place in missing {
                let means = centre.iter().enumerate().filter(|(_, mean)| **mean != 0.0);
                sparse[place].extend(means.map(|(column, mean)| (start + column, *mean)));
            }
            centres.extend(centre);
        }
        Self { inputs, ranges, shared, centres, rows: sparse }
    }
}

/// Chooses the inputs: tables for fields of few values, and pairs of them (users);
/// numbers; and the fields of many values that are shared (items).
fn choose(description: &Description, rows: &[usize]) -> (Vec<Input>, Vec<usize>) {
    let Description { entity, fields, columns, .. } = *description;
    let occurrences =
        |field: usize| rows.iter().map(|&row| columns[field].row(row).len()).sum::<usize>();
    let mut budget = MAX_ROWS;
    let mut categorical: Vec<usize> =
        (0..fields.len()).filter(|&field| !fields[field].is_numeric()).collect();
    categorical.sort_by_key(|&field| fields[field].size);
    let (mut tables, mut shared) = (Vec::new(), Vec::new());
    for field in categorical {
        let size = fields[field].size;
        let missing = rows.iter().filter(|&&row| columns[field].is_missing(row)).count();
        let is_often_seen = occurrences(field) >= MIN_OCCURRENCES.saturating_mul(size);
        if size <= budget && is_often_seen && missing.saturating_mul(size) <= MAX_IMPUTED {
            budget -= size;
            tables.push(field);
        } else if entity == Entity::Item && has_company(&columns[field], fields[field].size, rows) {
            shared.push(field);
        }
    }
    tables.sort_unstable();
    shared.truncate(MAX_SHARED);
    shared.sort_unstable();
    let mut inputs: Vec<Input> = tables.iter().map(|&field| Input::Values { field }).collect();
    for field in 0..fields.len() {
        if let FieldKind::Numeric(scale) = fields[field].kind {
            let numbers = rows.iter().filter_map(|&row| columns[field].number(row));
            let numbers = numbers.map(|number| scale.standardise(number));
            let (lowest, highest) =
                numbers.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
            if lowest < highest {
                inputs.push(Input::Number { field, lowest, highest });
            }
        }
    }
    if entity == Entity::User {
        tables.retain(|&field| fields[field].kind == FieldKind::One);
        for (place, &first) in tables.iter().enumerate() {
            for &second in &tables[place + 1..] {
                let size = fields[first].size.saturating_mul(fields[second].size);
                let enough = rows.len() >= MIN_OCCURRENCES.saturating_mul(size);
                if size <= MAX_PAIRS.min(budget) && enough {
                    budget -= size;
                    inputs.push(Input::Pair { fields: [first, second] });
                }
            }
        }
    }
    (inputs, shared)
}

/// Whether enough of the rows share a value with another.
fn has_company(column: &Column, size: usize, rows: &[usize]) -> bool {
    let mut counts = vec![0u32; size];
    rows.iter().flat_map(|&row| column.row(row)).for_each(|&value| counts[value as usize] += 1);
    let shares = |row: &&usize| column.row(**row).iter().any(|&value| counts[value as usize] > 1);
    rows.iter().filter(shares).count() * MIN_SHARING >= rows.len().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schema::ColumnBuilder;

    /// A field's size, and the value of each row.
    type Values<'a> = (usize, &'a dyn Fn(usize) -> Option<usize>);

    fn column(rows: usize, values: impl Fn(usize) -> Option<usize>) -> Column {
        let mut builder = ColumnBuilder::new(false);
        for row in 0..rows {
            values(row).into_iter().for_each(|value| builder.push_value(value as u32));
            builder.end_row(None);
        }
        builder.finish()
    }

    fn chosen(entity: Entity, rows: usize, described: &[Values]) -> (Vec<Input>, Vec<usize>) {
        let fields: Vec<Field> = described
            .iter()
            .map(|(size, _)| Field {
                name: "x".into(),
                kind: FieldKind::One,
                size: *size,
                embedded: true,
            })
            .collect();
        let columns: Vec<Column> =
            described.iter().map(|(_, values)| column(rows, values)).collect();
        let description = Description { entity, fields: &fields, columns: &columns, rows };
        description.check().unwrap();
        let all: Vec<usize> = (0..rows).collect();
        let design = Design::new(&description, &all, &vec![1.0; rows]);
        assert_eq!(design.rows.len(), rows);
        (design.inputs, design.shared)
    }

    #[test]
    fn rare_values_are_shared_and_not_learned_by_heart() {
        const ROWS: usize = 50_000;
        let often = |row: usize| Some(row % 100);
        let rare = |row: usize| Some(row % 25_000);
        let unique = |row: usize| Some(row);
        let seldom = |row: usize| (row < 20_000).then_some(row % 1000);
        let fields: [Values; 4] =
            [(100, &often), (25_000, &rare), (50_000, &unique), (1000, &seldom)];
        let tables = vec![Input::Values { field: 0 }];
        // What is mostly missing would cost too much in a table.
        assert_eq!(chosen(Entity::Item, ROWS, &fields), (tables.clone(), vec![1, 3]));
        assert_eq!(chosen(Entity::User, ROWS, &fields), (tables, vec![]));
    }

    #[test]
    fn pairs_are_looked_at_where_there_are_enough_users() {
        let (a, b) = (|row: usize| Some(row % 2), |row: usize| Some(row / 2 % 10));
        let fields: [Values; 2] = [(2, &a), (10, &b)];
        let alone = vec![Input::Values { field: 0 }, Input::Values { field: 1 }];
        let together = [&alone[..], &[Input::Pair { fields: [0, 1] }]].concat();
        assert_eq!(chosen(Entity::User, 199, &fields).0, alone);
        assert_eq!(chosen(Entity::User, 200, &fields).0, together);
        assert_eq!(chosen(Entity::Item, 200, &fields).0, alone);
    }
}
