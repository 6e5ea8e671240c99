//! Errors of the library as exceptions of `melu._errors`.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// An exception class of `melu._errors` with this message.
pub fn raised(class: &str, message: &str) -> PyErr {
    Python::attach(|py| {
        let make = || {
            let class = py.import("melu._errors")?.getattr(class)?;
            class.call1((PyString::new(py, message),))
        };
        match make() {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    })
}

/// A library's error as an exception with its status.
pub fn raise(error: melu::Error) -> PyErr {
    raised(class(&error), &error.to_string())
}

/// The refusal of an argument.
pub fn refuse(argument: &str, problem: &str) -> PyErr {
    raised("ArgumentError", &format!("{argument}: {problem}"))
}

fn class(error: &melu::Error) -> &'static str {
    use melu::Error;

    match error {
        Error::Io { .. } => "FileError",
        Error::Data { .. } => "DataError",
        Error::WeightFile { .. } => "WeightFileError",
        Error::UnknownField { .. } => "UnknownFieldError",
        Error::FieldValue { .. } => "FieldValueError",
        Error::ItemIndex { .. } => "ItemIndexError",
        Error::Rating { .. } => "RatingError",
        Error::SavedUser { .. } => "SavedUserError",
        Error::OutOfMemory { .. } => "OutOfMemoryError",
        Error::MemoryLimit { .. } => "MemoryLimitError",
        Error::Diverged { .. } => "DivergedError",
        Error::OfUser { error, .. } => class(error),
        _ => "ArgumentError",
    }
}
