//! An error in the caller's memory.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::melu_status;
use crate::Error;
use crate::memory::NoMemory;

/// Size of an error's message, its final NUL included.
pub const MELU_ERROR_MESSAGE_SIZE: usize = 496;

/// In the place of a user: the error is about none of a batch's users.
pub const MELU_NO_USER: u32 = 4_294_967_295;

/// An error: its status and its message, in a struct of the caller's, which need not be
/// initialised.
///
/// Owner: the caller. Threads: whoever may use the struct. Cost: nothing unless a call
/// fails; it holds no memory and needs no freeing.
///
/// Every function that takes one writes it, whether it fails or not.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct melu_error {
    /// The status that the function returned.
    pub status: melu_status,
    /// The user of a batch that it is about: an index in `users`. Otherwise, and after
    /// success, `MELU_NO_USER`.
    pub user: u32,
    /// Length in bytes of the whole message. If it is not below the size of `message`,
    /// the message is cut.
    pub length: usize,
    /// The message: names the argument, file, field, index and value concerned. UTF-8,
    /// ends with NUL, and is empty after success.
    pub message: [c_char; MELU_ERROR_MESSAGE_SIZE],
}

/// The reason why a function fails, from which a `melu_error` is written.
#[derive(Debug)]
pub struct Failure {
    pub status: melu_status,
    /// A user's index in a batch, or [`MELU_NO_USER`].
    pub user: u32,
    pub message: String,
}

impl Failure {
    pub fn new(status: melu_status, message: impl Into<String>) -> Self {
        Self { status, user: MELU_NO_USER, message: message.into() }
    }

    /// Makes the core's errors failures about an argument, for `map_err`.
    pub fn of(argument: &'static str) -> impl Fn(Error) -> Self {
        move |error| {
            let argument = match &error {
                // Of the two lists of `adapt`, this error is about one.
                Error::Rating { .. } if argument == "items" => "ratings",
                _ => argument,
            };
            let message = match &error {
                Error::Argument { problem, .. } => format!("{argument}: {problem}"),
                // It names its list itself.
                Error::ItemIndex { .. } => error.to_string(),
                error => format!("{argument}: {error}"),
            };
            Self::new(melu_status::from(&error), message)
        }
    }

    /// The same failure, about one user of a batch.
    pub fn of_user(self, place: usize) -> Self {
        let user = u32::try_from(place).unwrap_or(MELU_NO_USER);
        Self { user, message: format!("users[{place}]: {}", self.message), ..self }
    }
}

impl From<NoMemory> for Failure {
    fn from(error: NoMemory) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(melu_status::from(&error), error.to_string())
    }
}

impl melu_error {
    /// The caller's struct, which need not be initialised; `None` for NULL.
    ///
    /// # Safety
    /// `error` is NULL or points to an aligned struct, which may be written and which
    /// nobody else uses during `'a`.
    pub(super) unsafe fn destination<'a>(error: *mut Self) -> Option<&'a mut MaybeUninit<Self>> {
        // SAFETY: the caller promises a struct that is not shared; any bytes are a
        // `MaybeUninit`.
        unsafe { error.cast::<MaybeUninit<Self>>().as_mut() }
    }

    /// Writes an outcome; the message is cut between characters if it is too long, and
    /// nothing is written behind its NUL.
    pub(super) fn write(error: &mut MaybeUninit<Self>, outcome: &Failure) {
        let Failure { status, user, message } = outcome;
        let error = error.as_mut_ptr();
        let mut cut = message.len().min(MELU_ERROR_MESSAGE_SIZE - 1);
        while !message.is_char_boundary(cut) {
            cut -= 1;
        }
        // SAFETY: `error` comes from an exclusive reference, so its fields may be written;
        // none is read or borrowed, as they need not be initialised. The message and its
        // NUL fit: `cut` is below the size of `message` by the lines above.
        unsafe {
            (&raw mut (*error).status).write(*status);
            (&raw mut (*error).user).write(*user);
            (&raw mut (*error).length).write(message.len());
            let bytes = (&raw mut (*error).message).cast::<u8>();
            bytes.copy_from_nonoverlapping(message.as_ptr(), cut);
            bytes.add(cut).write(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut error = MaybeUninit::<melu_error>::zeroed();
        for len in [0, 1, 247, 248, 300] {
            let message = "ä".repeat(len);
            let failure = Failure { user: 7, ..Failure::new(melu_status::Io, message) };
            melu_error::write(&mut error, &failure);
            // SAFETY: all was zero before, which is a value of each field, and `write` only
            // writes values of the fields' types.
            let error = unsafe { error.assume_init_ref() };
            assert_eq!((error.status, error.user), (melu_status::Io, 7));
            assert_eq!(error.length, 2 * len);
            let bytes: Vec<u8> =
                error.message.iter().map(|&c| c as u8).take_while(|&byte| byte != 0).collect();
            assert_eq!(std::str::from_utf8(&bytes).unwrap(), "ä".repeat(len.min(247)));
        }
    }
}
