//! Text as C gives and takes it.

use std::ffi::c_char;
use std::fmt::Display;

use super::arguments::slice;
use super::error::Failure;
use super::melu_status;

/// UTF-8 text that need not end with NUL.
///
/// Owner: whoever made the text; a `melu_str` only points to it. An argument is read
/// during the call and not kept. A result lives as long as the handle that it comes from,
/// and one that comes from no handle for ever.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct melu_str {
    /// The first byte; may be NULL if `len` is 0.
    pub data: *const c_char,
    /// Length in bytes.
    pub len: usize,
}

impl melu_str {
    /// The text, which lives for as long as it is borrowed.
    pub(super) fn new(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), len: text.len() }
    }

    /// The text, if it is UTF-8.
    ///
    /// # Safety
    /// `data` is NULL or points to `len` bytes, which are not changed during `'a`.
    pub(super) unsafe fn text<'a>(self, name: impl Display + Copy) -> Result<&'a str, Failure> {
        // SAFETY: the caller promises `len` bytes at `data`; every byte is a `u8`.
        let bytes = unsafe { slice(self.data.cast::<u8>(), self.len, name) }?;
        std::str::from_utf8(bytes).map_err(|error| {
            let problem = format!("{name} is not UTF-8 from byte {} on", error.valid_up_to());
            Failure::new(melu_status::InvalidUtf8, problem)
        })
    }
}
