//! A user's field values, kept so that they can be saved.

use crate::Model;
use crate::model::schema::{Column, Entity, Field, FieldKind, Value, Vocabulary, encode_row};

/// Values by field name, as the caller gave them.
#[derive(Clone, Debug, Default)]
pub struct Profile(Vec<(Box<str>, OwnedValue)>);

#[derive(Clone, Debug)]
enum OwnedValue {
    Name(Box<str>),
    Index(u32),
    Number(f32),
}

impl Profile {
    /// A copy of these values.
    pub fn new(values: &[(&str, Value)]) -> Self {
        let owned = values.iter().map(|(field, value)| {
            let value = match *value {
                Value::Name(name) => OwnedValue::Name(name.into()),
                Value::Index(index) => OwnedValue::Index(index),
                Value::Number(number) => OwnedValue::Number(number),
            };
            ((*field).into(), value)
        });
        Self(owned.collect())
    }

    /// The values of one row of the fields' columns, by name where there are names.
    pub fn of_row(
        fields: &[Field],
        vocabularies: &[Option<Vocabulary>],
        columns: &[Column],
        row: usize,
    ) -> Self {
        let mut values = Vec::new();
        for ((field, vocabulary), column) in fields.iter().zip(vocabularies).zip(columns) {
            let number = column.number(row).map(Value::Number);
            let indices = column.row(row).iter().map(|&index| {
                let name = vocabulary.as_ref().and_then(|names| names.names().get(index as usize));
                name.map_or(Value::Index(index), Value::Name)
            });
            values.extend(indices.chain(number).map(|value| (field.name.as_str(), value)));
        }
        Self::new(&values)
    }

    /// The values, in the order in which they were given.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&str, Value<'_>)> {
        self.0.iter().map(|(field, value)| {
            let value = match value {
                OwnedValue::Name(name) => Value::Name(name),
                OwnedValue::Index(index) => Value::Index(*index),
                OwnedValue::Number(number) => Value::Number(*number),
            };
            (&**field, value)
        })
    }
}

/// How a model can use a value of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// As it is.
    Known,
    /// Not at all if it is a name, and as the nearest number that it knows otherwise.
    Unknown,
    /// It has no such field, or one of another kind, or has a value of it already.
    Refused,
}

/// The values of a profile, each with how a model can use it.
pub fn uses<'a>(
    model: &Model,
    values: impl IntoIterator<Item = (&'a str, Value<'a>)>,
) -> impl Iterator<Item = (&'a str, Value<'a>, Use)> {
    let fields = &model.config().user_fields;
    let vocabularies = &model.contents().user_vocabularies;
    let mut taken = vec![false; fields.len()];
    values.into_iter().map(move |(name, value)| {
        let Some(place) = fields.iter().position(|field| field.name == name) else {
            return (name, value, Use::Refused);
        };
        let (field, vocabulary) = (&fields[place..=place], &vocabularies[place..=place]);
        let again = field[0].kind != FieldKind::Multi && taken[place];
        let encoded = encode_row(Entity::User, field, vocabulary, &[(name, value)], &mut []);
        let of_value = match encoded {
            Ok(unknown) if !again => {
                taken[place] = true;
                if unknown > 0 { Use::Unknown } else { Use::Known }
            }
            _ => Use::Refused,
        };
        (name, value, of_value)
    })
}
