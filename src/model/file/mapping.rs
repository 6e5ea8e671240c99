//! Files as bytes in memory, read when touched.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::model::buffer::SharedBytes;
use crate::{Error, Result};

/// Maps a file.
///
/// The file must not be truncated or overwritten in place while it is mapped:
/// the operating system kills a process that touches a page that is gone.
/// Renaming another file over it, as melu's own writer does, is safe.
///
/// # Errors
/// [`Error::Io`] if it cannot be opened or mapped.
pub fn map(path: &Path) -> Result<SharedBytes> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    // SAFETY: the mapping is private and only read. What could break it is
    // another process changing the file in place, which the documentation
    // above forbids; every byte pattern is valid for the `u8` it is read as,
    // and what is derived from the bytes is checked after reading.
    let mapping = unsafe { Mmap::map(&file) }.map_err(Error::io("map", path))?;
    Ok(Arc::new(mapping))
}
