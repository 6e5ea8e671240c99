//! The reason for refusing a text.

use std::fmt;

use crate::Error;
use crate::memory::NoMemory;

/// What is wrong with a text, or with what it describes.
#[derive(Debug, PartialEq)]
pub enum Problem {
    /// In words that name the key and value, and say what is expected.
    Words(String),
    /// Nothing: there is no memory to read it.
    NoMemory(NoMemory),
}

impl Problem {
    /// The same problem, with its place before the words.
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Self::Words(words) => Self::Words(format!("{place}: {words}")),
            Self::NoMemory(_) => self,
        }
    }

    /// The error that `of_words` makes of the words.
    pub(crate) fn error(self, of_words: impl FnOnce(String) -> Error) -> Error {
        match self {
            Self::Words(words) => of_words(words),
            Self::NoMemory(why) => why.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => formatter.write_str(words),
            Self::NoMemory(why) => why.fmt(formatter),
        }
    }
}

impl std::error::Error for Problem {}

impl From<String> for Problem {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&str> for Problem {
    fn from(words: &str) -> Self {
        Self::Words(words.into())
    }
}

impl From<NoMemory> for Problem {
    fn from(why: NoMemory) -> Self {
        Self::NoMemory(why)
    }
}
