//! Profiles and items' values: dictionaries of fields.

use melu::model::schema::{Field, Value, Vocabulary};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use crate::errors::refuse;

/// A value of a field.
#[derive(Clone)]
pub enum OwnedValue {
    Name(String),
    Index(u32),
    Number(f32),
}

/// The values of a profile or of an item, each with its field.
#[derive(Clone, Default)]
pub struct Values(Vec<(String, OwnedValue)>);

impl Values {
    /// The values of a dictionary; `None` values are left out, and those of a list are many.
    pub fn read(
        fields: &[Field],
        vocabularies: &[Option<Vocabulary>],
        values: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let mut read = Vec::new();
        // A copy: what a value does to be read may change the dictionary, as other threads may.
        for (name, value) in values.copy()? {
            let name: String = name.extract()?;
            let place = fields.iter().position(|field| field.name == name);
            let kind = FieldKind {
                is_numeric: place.is_some_and(|place| fields[place].is_numeric()),
                has_names: place
                    .is_none_or(|place| vocabularies.get(place).is_some_and(Option::is_some)),
            };
            let single = value.is_instance_of::<PyString>() || value.try_iter().is_err();
            if single {
                read.extend(kind.value(&name, &value)?.map(|value| (name, value)));
                continue;
            }
            for value in value.try_iter()? {
                read.extend(kind.value(&name, &value?)?.map(|value| (name.clone(), value)));
            }
        }
        Ok(Self(read))
    }

    /// As the library takes them.
    pub fn borrowed(&self) -> Vec<(&str, Value<'_>)> {
        self.0
            .iter()
            .map(|(name, value)| {
                let value = match value {
                    OwnedValue::Name(text) => Value::Name(text),
                    OwnedValue::Index(index) => Value::Index(*index),
                    OwnedValue::Number(number) => Value::Number(*number),
                };
                (&**name, value)
            })
            .collect()
    }
}

#[derive(Clone, Copy)]
struct FieldKind {
    is_numeric: bool,
    has_names: bool,
}

impl FieldKind {
    fn value(self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<OwnedValue>> {
        if value.is_none() {
            return Ok(None);
        }
        if let Ok(text) = value.extract::<String>() {
            return Ok(Some(OwnedValue::Name(text)));
        }
        if value.is_instance_of::<PyBool>() {
            return Ok(Some(OwnedValue::Name(value.str()?.to_string().to_lowercase())));
        }
        let is_number = value.is_instance_of::<PyInt>()
            || value.is_instance_of::<PyFloat>()
            || value.hasattr("__float__")?;
        if !is_number {
            let kind = value.get_type().name()?.to_string();
            let problem = format!(
                "field \"{name}\" has a {kind}; a text, a number, or a list of them is expected"
            );
            return Err(refuse("profile", &problem));
        }
        if self.is_numeric {
            let number: f64 = value.extract()?;
            return Ok((!number.is_nan()).then_some(OwnedValue::Number(number as f32)));
        }
        match value.extract::<i64>() {
            Ok(index) if !self.has_names => match u32::try_from(index) {
                Ok(index) => Ok(Some(OwnedValue::Index(index))),
                Err(_) => {
                    Err(refuse("profile", &format!("field \"{name}\" has the index {index}")))
                }
            },
            Ok(number) => Ok(Some(OwnedValue::Name(number.to_string()))),
            Err(_) => {
                let number: f64 = value.extract()?;
                Ok((!number.is_nan()).then(|| OwnedValue::Name(number.to_string())))
            }
        }
    }
}
