//! A safetensors file whose tensors are asked for one by one.

use std::collections::BTreeMap;
use std::ops::Range;

use safetensors::{Dtype, SafeTensors};

use super::tensor::Element;
use crate::buffer::{Buffer, SharedBytes};
use crate::{Error, Result};

/// A file's tensors, each to be taken once with the type and shape expected.
#[derive(Debug)]
pub struct RawFile<'a> {
    origin: &'a str,
    bytes: Bytes,
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
}

struct Bytes(SharedBytes);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", (*self.0).as_ref().len())
    }
}

#[derive(Debug)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl<'a> RawFile<'a> {
    /// Checks the header. `origin` is what messages call the file.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if this is no whole safetensors file.
    pub fn new(bytes: SharedBytes, origin: &'a str) -> Result<Self> {
        let (header, parsed) = SafeTensors::read_metadata((*bytes).as_ref())
            .map_err(|error| refuse(origin, "header", format!("no safetensors file: {error}")))?;
        // The header's length stands before it, in eight bytes.
        let start = 8 + header;
        // One by one: `collect` would bring a sort of its own into small libraries.
        let (mut tensors, mut metadata) = (BTreeMap::new(), BTreeMap::new());
        for (name, info) in parsed.tensors() {
            let range = start + info.data_offsets.0..start + info.data_offsets.1;
            tensors.insert(name, Tensor { dtype: info.dtype, shape: info.shape.clone(), range });
        }
        for (key, value) in parsed.metadata().iter().flatten() {
            metadata.insert(key.clone(), value.clone());
        }
        Ok(Self { origin, bytes: Bytes(bytes), metadata, tensors })
    }

    /// An error about one of this file's tensors or metadata keys.
    pub fn refuse(&self, element: &str, problem: impl Into<String>) -> Error {
        refuse(self.origin, element, problem)
    }

    /// A metadata value.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Whether a tensor is there and was not taken.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor of exactly this shape.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if it is not there or is another.
    pub fn take<T: Element>(&mut self, name: &str, shape: &[usize]) -> Result<Buffer<T>> {
        let found = self.tensors.get(name).map(|tensor| tensor.shape.clone());
        if let Some(found) = found.filter(|found| found != shape) {
            let problem = format!("its shape is {found:?}; {shape:?} is expected");
            return Err(self.refuse(name, problem));
        }
        self.take_any(name)
    }

    /// A list of any length.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if it is not there or is no list of this type.
    pub fn take_list<T: Element>(&mut self, name: &str) -> Result<Buffer<T>> {
        let found = self.tensors.get(name).map(|tensor| tensor.shape.clone());
        if let Some(found) = found.filter(|found| found.len() != 1) {
            let problem = format!("its shape is {found:?}; one dimension is expected");
            return Err(self.refuse(name, problem));
        }
        self.take_any(name)
    }

    fn take_any<T: Element>(&mut self, name: &str) -> Result<Buffer<T>> {
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(self.refuse(name, "the tensor is missing"));
        };
        if tensor.dtype != T::DTYPE {
            let problem = format!("its type is {:?}; {:?} is expected", tensor.dtype, T::DTYPE);
            return Err(self.refuse(name, problem));
        }
        Buffer::from_shared(&self.bytes.0, tensor.range)
            .ok_or_else(|| self.refuse(name, "it does not lie inside the file"))
    }

    /// Refuses what nobody asked for, so that nothing is silently ignored.
    ///
    /// # Errors
    /// [`Error::WeightFile`] naming a tensor that is left.
    pub fn finish(self) -> Result<()> {
        match self.tensors.first_key_value() {
            Some((name, _)) => Err(self.refuse(name, "the model has no use for this tensor")),
            None => Ok(()),
        }
    }
}

fn refuse(origin: &str, element: &str, problem: impl Into<String>) -> Error {
    Error::WeightFile { origin: origin.into(), element: element.into(), problem: problem.into() }
}
