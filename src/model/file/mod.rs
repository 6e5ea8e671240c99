//! The weight file: a safetensors file that is mapped, checked once, and
//! written atomically.

#[cfg(target_endian = "big")]
compile_error!(
    "melu needs a little-endian processor: weight files are little-endian, and mapped as they are"
);

mod checksum;
mod contents;
mod fingerprint;
mod mapping;
mod prepared;
mod priors;
mod raw;
mod read;
mod tensor;
mod write;

pub use checksum::{is_whole, verify};
pub use contents::{
    CatalogTable, ChoiceItems, ChoicePriors, Contents, EvidenceTable, ItemPrior, ItemVectors,
};
#[cfg(feature = "train")]
pub(crate) use fingerprint::Hash;
pub(crate) use fingerprint::{fingerprint, fingerprint_in};
pub use mapping::{map, open_regular, read_into_memory};
pub use prepared::{ItemRows, Prepared};
pub use raw::RawFile;
pub use read::read;
pub use tensor::{Element, TensorData};
pub use write::{without_path, write, write_and_read, write_atomically, write_tensors};
