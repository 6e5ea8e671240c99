//! Tells one model from another.

use xxhash_rust::xxh64::Xxh64;

use super::write::tensors;
use super::{Contents, priors};

/// A hash of all that scores depend on: configuration, priors and tensors, but
/// not what is asked, what people call the items, or how the model was made.
/// Where tensors lie in a file does not matter: they are taken in the order of
/// the configuration.
pub fn fingerprint(contents: &Contents) -> u64 {
    let mut hash = Xxh64::new(0);
    let mut update = |bytes: &[u8]| {
        // With its length before it, no text can pass for two.
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    update(contents.config.to_json().as_bytes());
    update(priors::metadata(contents).map_or(String::new(), |(_, priors)| priors).as_bytes());
    let mut tensors = tensors(contents);
    let others = ["evidence.", "familiarity.", "catalog.titles."];
    tensors.retain(|tensor| !others.iter().any(|other| tensor.name.starts_with(other)));
    for tensor in tensors {
        update(tensor.name.as_bytes());
        tensor.shape.iter().for_each(|size| update(&(*size as u64).to_le_bytes()));
        update(tensor.bytes);
    }
    hash.digest()
}
