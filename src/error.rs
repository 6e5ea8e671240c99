//! All errors, in one type.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// All errors of this crate.
///
/// Each message names the file, field, index and value concerned, and says what is expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open, read or write a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action that failed: `read`, `write`, `map` and so on.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A weight file breaks the format.
    #[error("{origin}: {element}: {problem}")]
    WeightFile {
        /// The file's path, or `memory` for a model opened from bytes.
        origin: String,
        /// The tensor, or the metadata key, that is wrong.
        element: String,
        /// The problem, and the expected content.
        problem: String,
    },
    /// A file of a data folder, or a table in memory, breaks the format.
    #[error("{}{}{}: {problem}", file.display(),
        place.map(|place| format!(", {place}")).unwrap_or_default(),
        column.as_ref().map(|column| format!(", column \"{column}\"")).unwrap_or_default())]
    Data {
        /// The file, or the table's name.
        file: PathBuf,
        /// The line or row, if the problem is in one.
        place: Option<Place>,
        /// The column's name, if the problem is in one column.
        column: Option<String>,
        /// The wrong value, and the expected one.
        problem: String,
    },
    /// A name that is not one of the model's or data folder's fields.
    #[error("there is no {entity} field \"{name}\"; the fields are: {known}")]
    UnknownField {
        /// `user` or `item`.
        entity: &'static str,
        /// The name that was asked for.
        name: String,
        /// The known names.
        known: String,
    },
    /// An impossible value of a field.
    #[error("{entity} field \"{field}\": {problem}")]
    FieldValue {
        /// `user` or `item`.
        entity: &'static str,
        /// The field.
        field: String,
        /// The wrong value, and the expected one.
        problem: String,
    },
    /// An index beyond the end of the catalogue.
    #[error(
        "{list}: item index {index} at position {position} is not below the catalogue's length \
         {len}"
    )]
    ItemIndex {
        /// The argument whose index it is.
        list: &'static str,
        /// Its position in the caller's list, counted from 0.
        position: usize,
        /// The index.
        index: u32,
        /// How many items there are.
        len: usize,
    },
    /// A rating that cannot be learned from.
    #[error("rating {value} at position {position}: {problem}")]
    Rating {
        /// Its position in the caller's list, counted from 0.
        position: usize,
        /// The rating.
        value: f32,
        /// The expected content.
        problem: String,
    },
    /// An argument that does not fit the others or the model.
    #[error("{argument}: {problem}")]
    Argument {
        /// The argument's name.
        argument: &'static str,
        /// The problem with it, and the expected value.
        problem: String,
    },
    /// Bytes that are not a saved user.
    #[error("saved user: {problem}")]
    SavedUser {
        /// The problem, and the expected state.
        problem: String,
    },
    /// Memory ran out. The call had no effect.
    #[error("there is no memory for a list of {bytes} bytes")]
    OutOfMemory {
        /// The size of the list.
        bytes: usize,
    },
    /// More memory would be taken than [`OpenOptions::max_memory`](crate::OpenOptions::max_memory)
    /// allows. The call had no effect.
    #[error(
        "{work} would take {bytes} bytes, more than max_memory, {limit}: open the model with a \
         higher limit, if you trust its file"
    )]
    MemoryLimit {
        /// The purpose of the memory.
        work: &'static str,
        /// The number of bytes that it would take.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// One user of a batch could not be served.
    #[error("users[{user}]: {error}")]
    OfUser {
        /// The user's place in the batch, counted from 0.
        user: usize,
        /// Why.
        #[source]
        error: Box<Error>,
    },
    /// The caller's progress broke off.
    #[error("it was stopped by its caller")]
    Stopped,
    /// Numbers grew beyond what a float can hold.
    #[error("{work} diverged: {problem}")]
    Diverged {
        /// The failed computation.
        work: &'static str,
        /// The problem, and how to solve it.
        problem: String,
    },
}

/// A place in a file or table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file, counted from 1.
    Line(u64),
    /// A row of a table in memory, counted from 0.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn argument(argument: &'static str, problem: impl Into<String>) -> Self {
        Self::Argument { argument, problem: problem.into() }
    }
}
