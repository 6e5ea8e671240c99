//! A checksum of a weight file's contents.

use xxhash_rust::xxh64::Xxh64;

use super::{RawFile, TensorData};
use crate::Result;
use crate::model::buffer::SharedBytes;

/// The metadata key.
pub(super) const KEY: &str = "melu.checksum";

/// Checks a file's contents against the checksum in its metadata, which opening does not: it
/// reads all of the file. Says whether there is a checksum; files of other writers need none.
/// `origin` is the file's name in messages.
///
/// # Errors
/// [`crate::Error::WeightFile`] if the contents have changed since the checksum was computed,
/// or if this is not a whole safetensors file.
pub fn verify(bytes: SharedBytes, origin: &str) -> Result<bool> {
    is_whole(&RawFile::new(bytes, origin)?)
}

/// [`verify`] for a file of which nothing was taken yet.
///
/// # Errors
/// Those of [`verify`], but for a file that is no safetensors file.
pub fn is_whole(file: &RawFile) -> Result<bool> {
    let Some(written) = file.metadata(KEY) else {
        // The key itself may have changed.
        let is_one = |value: &str| value.len() == 16 && u64::from_str_radix(value, 16).is_ok();
        return match file.all_metadata().find(|(_, value)| is_one(value)) {
            Some((key, _)) => Err(file.refuse(key, format!("unknown; {KEY} is expected"))),
            None => Ok(false),
        };
    };
    let found = checksum(file.all_metadata(), file.all_tensors());
    if found == written {
        return Ok(true);
    }
    let problem = format!(
        "it is {written}, but that of the contents is {found}: the file was damaged or changed \
         after it was written; restore or train it again"
    );
    Err(file.refuse(KEY, problem))
}

/// The checksum of what is to be written.
pub(super) fn of_parts(metadata: &[(&str, String)], tensors: &[TensorData]) -> String {
    let mut metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, &**value)).collect();
    metadata.sort_unstable();
    let mut sorted: Vec<&TensorData> = tensors.iter().collect();
    sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let tensors = sorted
        .into_iter()
        .map(|tensor| (&*tensor.name, tensor.dtype, &*tensor.shape, tensor.bytes));
    checksum(metadata.into_iter(), tensors)
}

/// Of metadata and tensors, each sorted by name.
fn checksum<'a>(
    metadata: impl Iterator<Item = (&'a str, &'a str)>,
    tensors: impl Iterator<Item = (&'a str, &'a str, &'a [usize], &'a [u8])>,
) -> String {
    let mut hash = Xxh64::new(0);
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for (key, value) in metadata.filter(|(key, _)| *key != KEY) {
        part(key.as_bytes());
        part(value.as_bytes());
    }
    for (name, dtype, shape, bytes) in tensors {
        part(name.as_bytes());
        part(dtype.as_bytes());
        let shape: Vec<u8> = shape.iter().flat_map(|count| (*count as u64).to_le_bytes()).collect();
        part(&shape);
        part(bytes);
    }
    format!("{:016x}", hash.digest())
}
