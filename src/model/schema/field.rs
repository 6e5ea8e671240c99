//! The fields of users and items.

use std::fmt;

use super::NumberScale;

/// Whom a field describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A field of items.
    Item,
    /// A field of users.
    User,
}

impl Entity {
    /// `item` or `user`: its name in tensors and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::User => "user",
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One attribute of a user or an item, and its embedding's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, unique among the fields of its entity.
    pub name: String,
    /// The kind of its values.
    pub kind: FieldKind,
    /// Rows of its embedding: the number of values it can take, or 2 for a
    /// numeric field (slope and intercept).
    pub size: usize,
    /// Whether it has an embedding; if not, only a prior reads it.
    pub embedded: bool,
}

impl Field {
    /// Checks that its numbers can be used.
    ///
    /// # Errors
    /// Says what is wrong, in words that follow the field's name.
    pub fn check(&self) -> Result<(), String> {
        if let FieldKind::Numeric(scale) = self.kind {
            scale.check()?;
            if self.size != 2 {
                return Err(format!("is numeric and has size {}; 2 is expected", self.size));
            }
        }
        if self.size == 0 || u32::try_from(self.size).is_err() {
            return Err(format!("has size {}; 1 to 4294967295 is expected", self.size));
        }
        Ok(())
    }

    /// Whether its values are numbers.
    pub fn is_numeric(&self) -> bool {
        matches!(self.kind, FieldKind::Numeric(_))
    }
}

/// The kind of a field's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldKind {
    /// One value of a vocabulary: `gender`.
    One,
    /// Any number of values of a vocabulary: `genres`.
    Multi,
    /// A number: `year`.
    Numeric(NumberScale),
}

/// A field's value as a caller gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A name from the vocabulary, or a number written out.
    Name(&'a str),
    /// An index into the vocabulary, for models without names.
    Index(u32),
    /// A number, for numeric fields.
    Number(f32),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl From<u32> for Value<'_> {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl From<f32> for Value<'_> {
    fn from(number: f32) -> Self {
        Self::Number(number)
    }
}
