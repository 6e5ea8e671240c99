//! A user's field values, kept so that they can be saved.

use crate::memory;
use crate::model::schema::{Column, Entity, Field, FieldKind, Value, Vocabulary, encode_row};
use crate::{Error, Model, Result};

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
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(values: &[(&str, Value)]) -> memory::Result<Self> {
        let owned = values.iter().map(|(field, value)| {
            let value = match *value {
                Value::Name(name) => OwnedValue::Name(memory::text(name)?),
                Value::Index(index) => OwnedValue::Index(index),
                Value::Number(number) => OwnedValue::Number(number),
            };
            Ok((memory::text(field)?, value))
        });
        memory::try_collected(owned).map(Self)
    }

    /// The values of one row of the fields' columns, by name where there are names.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn of_row(
        fields: &[Field],
        vocabularies: &[Option<Vocabulary>],
        columns: &[Column],
        row: usize,
    ) -> memory::Result<Self> {
        let mut values = Vec::new();
        for ((field, vocabulary), column) in fields.iter().zip(vocabularies).zip(columns) {
            let number = column.number(row).map(Value::Number);
            let indices = column.row(row).iter().map(|&index| {
                let name = vocabulary.as_ref().and_then(|names| names.names().get(index as usize));
                name.map_or(Value::Index(index), Value::Name)
            });
            for value in indices.chain(number) {
                memory::push(&mut values, (field.name.as_str(), value))?;
            }
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

/// Gives each of a profile's values to `take`, with how a model can use it.
///
/// # Errors
/// Those of `take`, and [`Error::OutOfMemory`].
pub fn each_use<'a>(
    model: &Model,
    values: impl IntoIterator<Item = (&'a str, Value<'a>)>,
    mut take: impl FnMut(&'a str, Value<'a>, Use) -> memory::Result<()>,
) -> Result<()> {
    let fields = &model.config().user_fields;
    let vocabularies = &model.contents().user_vocabularies;
    let mut taken: Vec<u32> = memory::zeros(fields.len())?;
    for (name, value) in values {
        let place = fields.iter().position(|field| field.name == name);
        let of_value = match place {
            Some(place) if fields[place].kind == FieldKind::Multi || taken[place] == 0 => {
                let (field, vocabulary) = (&fields[place..=place], &vocabularies[place..=place]);
                match encode_row(Entity::User, field, vocabulary, &[(name, value)], &mut []) {
                    Ok(unknown) => {
                        taken[place] = 1;
                        if unknown > 0 { Use::Unknown } else { Use::Known }
                    }
                    Err(error @ Error::OutOfMemory { .. }) => return Err(error),
                    Err(_) => Use::Refused,
                }
            }
            _ => Use::Refused,
        };
        take(name, value, of_value)?;
    }
    Ok(())
}
