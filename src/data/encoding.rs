//! A table in the terms of a model: its fields, and indices into its vocabularies.

use super::settings::TableKind;
use super::table::{Table, TableField};
use crate::model::schema::{
    Column, ColumnBuilder, Entity, Field, FieldKind, NumberScale, Vocabulary,
};
use crate::{Error, Result};

/// A table's rows as a model's columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// A column for each of the model's fields, in the model's order.
    pub columns: Vec<Column>,
    /// For each of the model's fields, the number of the table's values that the model's
    /// vocabulary lacks; they are left out of the column.
    pub unknown_values: Vec<usize>,
}

impl Table {
    /// The fields of a model that is trained on the rows for which `rows` holds,
    /// and the names of their values; `None` for a numeric field.
    ///
    /// Vocabularies hold the values of those rows; mean and standard deviation
    /// are over the numbers of those rows (0 and 1 if there are none; a standard
    /// deviation of 0 becomes 1). A categorical field without any value in those
    /// rows is left out, since there is nothing to learn from it.
    pub fn training_fields(
        &self,
        rows: impl Fn(usize) -> bool,
    ) -> (Vec<Field>, Vec<Option<Vocabulary>>) {
        let rows: Vec<usize> = (0..self.len()).filter(|&row| rows(row)).collect();
        let mut fields = Vec::new();
        let mut vocabularies = Vec::new();
        for table_field in self.fields() {
            let name = table_field.name.clone();
            let column = &table_field.column;
            let kind = match (table_field.kind, &table_field.vocabulary) {
                (TableKind::One, Some(all)) => Ok((FieldKind::One, all)),
                (TableKind::Multi, Some(all)) => Ok((FieldKind::Multi, all)),
                _ => {
                    let numbers = rows.iter().filter_map(|&row| column.number(row));
                    let numbers: Vec<f32> = numbers.collect();
                    Err(FieldKind::Numeric(NumberScale::of(&numbers)))
                }
            };
            match kind {
                Err(numeric) => {
                    fields.push(Field { name, kind: numeric, size: 2, embedded: true });
                    vocabularies.push(None);
                }
                Ok((kind, all)) => {
                    let mut occurs = vec![false; all.len()];
                    for &value in rows.iter().flat_map(|&row| column.row(row)) {
                        occurs[value as usize] = true;
                    }
                    let names = all.names().iter().zip(occurs);
                    let names = names.filter_map(|(name, occurs)| occurs.then_some(name));
                    let vocabulary = Vocabulary::from_unsorted(names);
                    if !vocabulary.is_empty() {
                        fields.push(Field { name, kind, size: vocabulary.len(), embedded: true });
                        vocabularies.push(Some(vocabulary));
                    }
                }
            }
        }
        (fields, vocabularies)
    }

    /// All rows in the terms of a model with these `fields` and `vocabularies`,
    /// one for each field.
    ///
    /// `entity` is the entity that the table describes, for messages.
    ///
    /// # Errors
    /// [`Error::UnknownField`] if the table lacks a field of the model,
    /// [`Error::FieldValue`] if it is of another kind there, and
    /// [`Error::Argument`] if a categorical field has no vocabulary, or one that
    /// is not of the field's size.
    pub fn encode(
        &self,
        entity: Entity,
        fields: &[Field],
        vocabularies: &[Option<Vocabulary>],
    ) -> Result<Encoded> {
        let mut encoded = Encoded { columns: Vec::new(), unknown_values: Vec::new() };
        let mut by_name: Vec<&TableField> = self.fields().iter().collect();
        by_name.sort_unstable_by_key(|field| &field.name);
        for (index, field) in fields.iter().enumerate() {
            let found = by_name.binary_search_by_key(&&field.name, |field| &field.name);
            let found = found.ok().map(|place| by_name[place]);
            let table_field = self.field_like(entity, field, found)?;
            let Some(all) = &table_field.vocabulary else {
                encoded.columns.push(table_field.column.clone());
                encoded.unknown_values.push(0);
                continue;
            };
            let Some(vocabulary) = vocabularies.get(index).and_then(Option::as_ref) else {
                return Err(Error::argument(
                    "vocabularies",
                    format!(
                        "the model has no names for the values of the {entity} field \"{}\"; \
                         a model with vocabularies is expected",
                        field.name
                    ),
                ));
            };
            if vocabulary.len() != field.size {
                return Err(Error::argument(
                    "vocabularies",
                    format!(
                        "the {entity} field \"{}\" has {} names; {} are expected, the field's size",
                        field.name,
                        vocabulary.len(),
                        field.size
                    ),
                ));
            }
            let remap: Vec<Option<u32>> =
                all.names().iter().map(|name| vocabulary.find(name)).collect();
            let (column, unknown) = remapped(&table_field.column, &remap);
            encoded.columns.push(column);
            encoded.unknown_values.push(unknown);
        }
        Ok(encoded)
    }

    /// The table's field of the same name, if it was found and is of the same kind.
    fn field_like<'a>(
        &self,
        entity: Entity,
        field: &Field,
        found: Option<&'a TableField>,
    ) -> Result<&'a TableField> {
        let found = found.ok_or_else(|| Error::UnknownField {
            entity: entity.name(),
            name: field.name.clone(),
            known: self.fields().iter().map(|field| &*field.name).collect::<Vec<_>>().join(", "),
        })?;
        let expected = match field.kind {
            FieldKind::One => TableKind::One,
            FieldKind::Multi => TableKind::Multi,
            FieldKind::Numeric(_) => TableKind::Numeric,
        };
        if found.kind != expected {
            return Err(Error::FieldValue {
                entity: entity.name(),
                field: field.name.clone(),
                problem: format!(
                    "is \"{}\" in the data folder; \"{}\" is expected, as in the model",
                    found.kind.name(),
                    expected.name()
                ),
            });
        }
        Ok(found)
    }
}

/// The column in another vocabulary, and the number of values that that one lacks.
fn remapped(column: &Column, remap: &[Option<u32>]) -> (Column, usize) {
    let mut builder = ColumnBuilder::new(false);
    let mut unknown = 0;
    for row in 0..column.len() {
        for &value in column.row(row) {
            match remap.get(value as usize).copied().flatten() {
                Some(value) => builder.push_value(value),
                None => unknown += 1,
            }
        }
        builder.end_row(None);
    }
    (builder.finish(), unknown)
}
