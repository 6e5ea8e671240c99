//! A safetensors file whose tensors are taken one by one.

use std::ops::Range;

use super::tensor::Element;
use crate::model::Problem;
use crate::model::buffer::{Buffer, SharedBytes};
use crate::model::json::{Json, Object};
use crate::{Error, Result, memory};

/// The longest header that safetensors' own readers take.
const MAX_HEADER: usize = 100_000_000;

/// A file's tensors, each to be taken once with the type and shape expected.
#[derive(Debug)]
pub struct RawFile<'a> {
    origin: &'a str,
    bytes: FileBytes,
    /// Sorted by key.
    metadata: Vec<(String, String)>,
    /// Sorted by name.
    tensors: Vec<(String, Option<Tensor>)>,
}

struct FileBytes(SharedBytes);

impl std::fmt::Debug for FileBytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", (*self.0).as_ref().len())
    }
}

#[derive(Debug)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl Tensor {
    /// Data begins at `start`.
    fn read(mut json: Object, start: usize) -> Result<Self, Problem> {
        let dtype = json.need("dtype")?.text("dtype")?;
        let shape = json.need("shape")?.counts("shape")?;
        let offsets = json.need("data_offsets")?.counts("data_offsets")?;
        json.finish()?;
        let [begin, end] = offsets[..] else {
            return Err(format!("data_offsets are {offsets:?}; two are expected").into());
        };
        let place = |offset: usize| start.checked_add(offset);
        match (place(begin), place(end)) {
            (Some(begin), Some(end)) if begin <= end => {
                Ok(Self { dtype, shape, range: begin..end })
            }
            _ => Err(format!("data_offsets are {offsets:?}; a range is expected").into()),
        }
    }
}

impl<'a> RawFile<'a> {
    /// Checks the header. `origin` is the file's name in messages.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if this is not a whole safetensors file.
    pub fn new(bytes: SharedBytes, origin: &'a str) -> Result<Self> {
        let (metadata, tensors) = parse((*bytes).as_ref())
            .map_err(|problem| refuse(origin, "header", problem.at("not a safetensors file")))?;
        Ok(Self { origin, bytes: FileBytes(bytes), metadata, tensors })
    }

    /// An error about one of this file's tensors or metadata keys.
    pub fn refuse(&self, element: &str, problem: impl Into<Problem>) -> Error {
        refuse(self.origin, element, problem)
    }

    /// A metadata value.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        let found = self.metadata.iter().find(|(other, _)| other == key);
        found.map(|(_, value)| value.as_str())
    }

    /// All metadata, by key in ascending order.
    pub(super) fn all_metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Each tensor that was not taken yet, by name in ascending order: name, type, shape and
    /// bytes.
    pub(super) fn all_tensors(&self) -> impl Iterator<Item = (&str, &str, &[usize], &[u8])> {
        let bytes = (*self.bytes.0).as_ref();
        self.tensors.iter().filter_map(move |(name, tensor)| {
            let Tensor { dtype, shape, range } = tensor.as_ref()?;
            Some((name.as_str(), dtype.as_str(), shape.as_slice(), bytes.get(range.clone())?))
        })
    }

    /// Whether there is a tensor of this name that was not taken yet.
    pub fn has(&self, name: &str) -> bool {
        self.place(name).is_some_and(|place| self.tensors[place].1.is_some())
    }

    /// The number of columns of a tensor that was not taken yet; 0 if it is not a matrix.
    pub fn columns(&self, name: &str) -> usize {
        let tensor = self.place(name).and_then(|place| self.tensors[place].1.as_ref());
        match tensor.map(|tensor| tensor.shape.as_slice()) {
            Some([_, columns]) => *columns,
            _ => 0,
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.tensors.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()
    }

    /// A tensor of exactly this shape.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if it is missing or has another type or shape.
    pub fn take<T: Element>(&mut self, name: &str, shape: &[usize]) -> Result<Buffer<T>> {
        let range = self.take_range(name, (T::DTYPE, size_of::<T>()), Some(shape))?;
        self.buffer(name, range)
    }

    /// A list of any length.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if it is missing or not a list of this type.
    pub fn take_list<T: Element>(&mut self, name: &str) -> Result<Buffer<T>> {
        let range = self.take_range(name, (T::DTYPE, size_of::<T>()), None)?;
        self.buffer(name, range)
    }

    fn buffer<T: Element>(&self, name: &str, range: Range<usize>) -> Result<Buffer<T>> {
        Buffer::from_shared(&self.bytes.0, range)?
            .ok_or_else(|| self.refuse(name, "it does not lie inside the file"))
    }

    /// The bytes of a tensor of this type, size of elements and shape, or of a list of any
    /// length.
    fn take_range(
        &mut self,
        name: &str,
        (dtype, size): (&str, usize),
        shape: Option<&[usize]>,
    ) -> Result<Range<usize>> {
        let taken = self.place(name).and_then(|place| self.tensors[place].1.take());
        let Some(tensor) = taken else {
            return Err(self.refuse(name, "the tensor is missing"));
        };
        let found = &tensor.shape;
        if tensor.dtype != dtype {
            let problem = format!("its type is {}; {dtype} is expected", tensor.dtype);
            return Err(self.refuse(name, problem));
        }
        if let Some(shape) = shape.filter(|shape| shape != found) {
            let problem = format!("its shape is {found:?}; {shape:?} is expected");
            return Err(self.refuse(name, problem));
        }
        if shape.is_none() && found.len() != 1 {
            let problem = format!("its shape is {found:?}; one dimension is expected");
            return Err(self.refuse(name, problem));
        }
        let bytes = found.iter().try_fold(size, |bytes, count| bytes.checked_mul(*count));
        if bytes != Some(tensor.range.len()) {
            let problem =
                format!("its shape is {found:?}, but it has {} bytes", tensor.range.len());
            return Err(self.refuse(name, problem));
        }
        Ok(tensor.range)
    }

    /// Refuses tensors that were not taken, so that nothing is silently ignored.
    ///
    /// # Errors
    /// [`Error::WeightFile`] naming a tensor that is left.
    pub fn finish(self) -> Result<()> {
        match self.tensors.iter().find(|(_, tensor)| tensor.is_some()) {
            Some((name, _)) => Err(self.refuse(name, "the model does not use this tensor")),
            None => Ok(()),
        }
    }
}

type ParsedHeader = (Vec<(String, String)>, Vec<(String, Option<Tensor>)>);

/// The header's metadata and tensors, all of which lie in the file, side by side.
fn parse(bytes: &[u8]) -> Result<ParsedHeader, Problem> {
    let (length, rest) = bytes.split_first_chunk().ok_or("it is shorter than 8 bytes")?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_HEADER {
        let problem = format!("the header's length is {length}; at most {MAX_HEADER} is expected");
        return Err(problem.into());
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| {
        format!("the header's length is {length}, but only {} bytes follow", rest.len())
    })?;
    let header = std::str::from_utf8(header).map_err(|_| "the header is not UTF-8")?;
    let mut header = Json::parse(header)?.object("the header")?;

    let mut metadata = Vec::new();
    if let Some(pairs) = header.take("__metadata__") {
        for (key, value) in pairs.object("__metadata__")?.into_pairs() {
            let value = value.text(&key)?;
            memory::push(&mut metadata, (key, value))?;
        }
    }
    let start = bytes.len() - data.len();
    let mut tensors = Vec::new();
    for (name, json) in header.into_pairs() {
        let tensor = json.object("it").and_then(|json| Tensor::read(json, start));
        let tensor = tensor.map_err(|problem| problem.at(&format!("tensor \"{name}\"")))?;
        memory::push(&mut tensors, (name, Some(tensor)))?;
    }
    let mut ranges = memory::reserved(tensors.len())?;
    ranges.extend(tensors.iter().flat_map(|(_, tensor)| tensor).map(|tensor| tensor.range.clone()));
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let end = ranges.iter().try_fold(start, |end, range| (range.start == end).then_some(range.end));
    match end {
        None => Err("its tensors overlap, or have gaps between them".into()),
        Some(end) if end != bytes.len() => {
            let len = bytes.len();
            Err(format!("its tensors end at byte {end}, but the file at {len}").into())
        }
        Some(_) => Ok((metadata, tensors)),
    }
}

fn refuse(origin: &str, element: &str, problem: impl Into<Problem>) -> Error {
    problem.into().error(|problem| Error::WeightFile {
        origin: origin.into(),
        element: element.into(),
        problem,
    })
}
