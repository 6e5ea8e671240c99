//! What a function returns.

use crate::Error;

/// What became of a call: 0, or why it failed.
///
/// A number is never given to another meaning, and later versions may add more.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum melu_status {
    /// Done.
    Ok = 0,
    /// An argument cannot be: NULL where that is not allowed, a `struct_size` that is
    /// too small, a list that does not fit another one.
    InvalidArgument = 1,
    /// A string is not UTF-8.
    InvalidUtf8 = 2,
    /// An output has too little room; the length that would do was written.
    Capacity = 3,
    /// The operating system refused to open or read a file.
    Io = 4,
    /// The weight file breaks the format.
    WeightFile = 5,
    /// The model has no field of that name.
    UnknownField = 6,
    /// A field cannot have that value.
    FieldValue = 7,
    /// An item's index is beyond the end of the catalogue.
    ItemIndex = 8,
    /// A rating cannot be learned from: it is not finite, or not 0 or 1 for a model of
    /// clicks.
    Rating = 9,
    /// The ratings are so large that the adapted head is not finite; the user is reset.
    Diverged = 10,
    /// There is no such item, or nothing left to choose from.
    NotFound = 11,
    /// The model does not have what was asked for: a catalogue, evidence, ratings,
    /// deviations, vectors.
    NotAvailable = 12,
    /// The bytes are not a saved user, or not whole.
    SavedUser = 13,
    /// Memory ran out; nothing was changed.
    OutOfMemory = 14,
    /// The library failed in a way that it should not. The handles of that call refuse
    /// further use with this status, and can only be freed. Please report it.
    Panic = 15,
}

impl melu_status {
    /// All of them, by their numbers.
    pub(super) const ALL: [Self; 16] = [
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
    ];

    /// In a few words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::InvalidArgument => "invalid argument",
            Self::InvalidUtf8 => "a string is not UTF-8",
            Self::Capacity => "the output has too little room",
            Self::Io => "the file cannot be read",
            Self::WeightFile => "the weight file breaks the format",
            Self::UnknownField => "the model has no such field",
            Self::FieldValue => "the field cannot have this value",
            Self::ItemIndex => "the item index is beyond the catalogue",
            Self::Rating => "the rating cannot be learned from",
            Self::Diverged => "the ratings are too large to adapt to",
            Self::NotFound => "there is no such item",
            Self::NotAvailable => "the model does not have this",
            Self::SavedUser => "the bytes are not a saved user",
            Self::OutOfMemory => "out of memory",
            Self::Panic => "the library failed; the handle can only be freed",
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
            Error::Argument { .. } => Self::InvalidArgument,
            Error::SavedUser { .. } => Self::SavedUser,
            Error::OutOfMemory { .. } => Self::OutOfMemory,
            Error::Diverged { .. } => Self::Diverged,
        }
    }
}
