//! The statuses that functions return.

use crate::Error;

/// The outcome of a call: 0, or the reason why it failed.
///
/// A number is never given to another meaning, and later versions may add more.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum melu_status {
    /// Done.
    Ok = 0,
    /// An argument is invalid: NULL where that is not allowed, a `struct_size` that is
    /// too small, a list that does not match another one.
    InvalidArgument = 1,
    /// A string is not UTF-8.
    InvalidUtf8 = 2,
    /// The capacity of an output is too small; the required length was written.
    Capacity = 3,
    /// The operating system refused to open or read a file, or it is not a regular file.
    Io = 4,
    /// The weight file breaks the format.
    WeightFile = 5,
    /// The model has no field of that name.
    UnknownField = 6,
    /// A field cannot have that value.
    FieldValue = 7,
    /// An item's index is beyond the end of the catalogue.
    ItemIndex = 8,
    /// A rating is invalid: it is not finite; more than a tenth of the scale's width beyond
    /// the scale of the training data; or for a model of clicks neither 0 nor 1.
    Rating = 9,
    /// A result is not a finite number: ratings are too large to adapt to, and the user is
    /// reset; or a score is not, as with a damaged weight file.
    Diverged = 10,
    /// There is no such item, or no item is left to choose from.
    NotFound = 11,
    /// The model does not have this: a catalogue, evidence, ratings, deviations, vectors.
    NotAvailable = 12,
    /// The bytes are not a complete saved user.
    SavedUser = 13,
    /// Memory ran out; nothing was changed.
    OutOfMemory = 14,
    /// The library failed because of a defect of its own. The handles of that call refuse
    /// further use with this status, and can only be freed. Please report it.
    Panic = 15,
    /// It would take more memory than `max_memory` of `melu_open_options` allows; nothing
    /// was changed. Functions that make catalogues, adapt, score, recommend or ask return it
    /// as they return `OUT_OF_MEMORY`.
    MemoryLimit = 16,
}

impl melu_status {
    /// All statuses, by number.
    pub(super) const ALL: [Self; 17] = [
        Self::Ok,
        Self::InvalidArgument,
        Self::InvalidUtf8,
        Self::Capacity,
        Self::Io,
        Self::WeightFile,
        Self::UnknownField,
        Self::FieldValue,
        Self::ItemIndex,
        Self::Rating,
        Self::Diverged,
        Self::NotFound,
        Self::NotAvailable,
        Self::SavedUser,
        Self::OutOfMemory,
        Self::Panic,
        Self::MemoryLimit,
    ];

    /// The status in a few words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::InvalidArgument => "invalid argument",
            Self::InvalidUtf8 => "a string is not UTF-8",
            Self::Capacity => "the capacity of the output is too small",
            Self::Io => "the file cannot be read",
            Self::WeightFile => "the weight file breaks the format",
            Self::UnknownField => "the model has no such field",
            Self::FieldValue => "the field cannot have this value",
            Self::ItemIndex => "the item index is beyond the catalogue",
            Self::Rating => "the rating cannot be learned from",
            Self::Diverged => "a result is not a finite number",
            Self::NotFound => "there is no such item",
            Self::NotAvailable => "the model does not have this",
            Self::SavedUser => "the bytes are not a saved user",
            Self::OutOfMemory => "out of memory",
            Self::Panic => "the library failed; the handle can only be freed",
            Self::MemoryLimit => "it would take more memory than max_memory",
        }
    }
}

impl From<&Error> for melu_status {
    fn from(error: &Error) -> Self {
        match error {
            Error::Io { .. } | Error::Data { .. } => Self::Io,
            Error::WeightFile { .. } => Self::WeightFile,
            Error::UnknownField { .. } => Self::UnknownField,
            Error::FieldValue { .. } => Self::FieldValue,
            Error::ItemIndex { .. } => Self::ItemIndex,
            Error::Rating { .. } => Self::Rating,
            // Nothing of C's gets a progress to break off.
            Error::Argument { .. } | Error::Stopped => Self::InvalidArgument,
            Error::SavedUser { .. } => Self::SavedUser,
            Error::OutOfMemory { .. } => Self::OutOfMemory,
            Error::MemoryLimit { .. } => Self::MemoryLimit,
            Error::Diverged { .. } => Self::Diverged,
            Error::OfUser { error, .. } => Self::from(&**error),
        }
    }
}
