//! Files as bytes in memory, read when touched.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

use crate::model::buffer::SharedBytes;
use crate::{Error, Result};

/// Maps a file, or reads it where it cannot be mapped: a pipe, or one on a file system that
/// refuses mappings, as some network and container file systems do.
///
/// The file must not be truncated or overwritten in place while it is mapped:
/// the operating system kills a process that touches a page that is gone.
/// Renaming another file over it, as melu's own writer does, is safe.
///
/// # Errors
/// [`Error::Io`] if it cannot be opened, or neither mapped nor read.
pub fn map(path: &Path) -> Result<SharedBytes> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    if file.metadata().is_ok_and(|file| file.is_file()) {
        // SAFETY: the mapping is only read. Another process that changes the file in place
        // could break it, which the documentation above forbids; every byte pattern is valid
        // for the `u8` it is read as, and numbers made of the bytes are checked after reading.
        if let Ok(mapping) = unsafe { Mmap::map(&file) } {
            return Ok(Arc::new(mapping));
        }
        // SAFETY: as with the mapping above, which is shared with other processes; this one
        // is private, and allowed by more file systems.
        if let Ok(mapping) = unsafe { MmapOptions::new().map_copy_read_only(&file) } {
            return Ok(Arc::new(mapping));
        }
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(Arc::new(bytes))
}
