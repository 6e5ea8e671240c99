//! Files as bytes in memory, read when touched.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

use crate::model::buffer::SharedBytes;
use crate::{Error, Result, memory};

/// Maps a file, or reads it on a file system that refuses mappings, as some network and container
/// file systems do.
///
/// The file must not be truncated or overwritten in place while it is mapped:
/// the operating system kills a process that touches a page that is gone.
/// Renaming another file over it, as melu's own writer does, is safe.
///
/// # Errors
/// [`Error::Io`] if it is no regular file, cannot be opened, or neither mapped nor read; and
/// [`Error::OutOfMemory`].
pub fn map(path: &Path) -> Result<SharedBytes> {
    let file = open_regular("open", path)?;
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
    copy(file, path)
}

/// Reads a file into memory, so that it may be changed or truncated afterwards.
///
/// # Errors
/// [`Error::Io`] if it is no regular file, or cannot be opened or read; and
/// [`Error::OutOfMemory`].
pub fn read_into_memory(path: &Path) -> Result<SharedBytes> {
    copy(open_regular("open", path)?, path)
}

fn copy(file: File, path: &Path) -> Result<SharedBytes> {
    let size = file.metadata().map_err(Error::io("read", path))?.len();
    let len = usize::try_from(size).unwrap_or(usize::MAX);
    let mut bytes = memory::reserved(len)?;
    // No more than there was when memory was reserved.
    file.take(size).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(Arc::new(bytes))
}

/// Opens a regular file to `action` it, in words. A pipe would be waited for, and a device read
/// without an end.
///
/// # Errors
/// [`Error::Io`] if it is something else, or cannot be opened.
pub fn open_regular(action: &'static str, path: &Path) -> Result<File> {
    // Asked before it is opened, as opening a pipe waits for somebody who writes.
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            let kind = if found.is_dir() { "a folder" } else { "a pipe or device" };
            let problem = io::Error::new(
                ErrorKind::InvalidInput,
                format!("it is {kind}; a regular file is expected"),
            );
            Err(Error::io(action, path)(problem))
        }
        _ => File::open(path).map_err(Error::io(action, path)),
    }
}
