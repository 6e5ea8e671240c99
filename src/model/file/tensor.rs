//! Tensors as they are handed to the writer.

/// A tensor to be written.
#[derive(Clone, Debug)]
pub struct TensorData<'a> {
    pub(super) name: String,
    pub(super) dtype: &'static str,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: &'a [u8],
}

/// A type of number that a tensor can have.
pub trait Element: bytemuck::Pod {
    /// The type's name in safetensors.
    const DTYPE: &'static str;
}

impl Element for f32 {
    const DTYPE: &'static str = "F32";
}

impl Element for u32 {
    const DTYPE: &'static str = "U32";
}

impl Element for u64 {
    const DTYPE: &'static str = "U64";
}

impl Element for u8 {
    const DTYPE: &'static str = "U8";
}

/// The bits of halves.
impl Element for u16 {
    const DTYPE: &'static str = "F16";
}

impl<'a> TensorData<'a> {
    /// A tensor of this shape, row-major.
    pub fn new<T: Element>(name: impl Into<String>, shape: &[usize], numbers: &'a [T]) -> Self {
        let bytes = bytemuck::cast_slice(numbers);
        Self { name: name.into(), dtype: T::DTYPE, shape: shape.to_vec(), bytes }
    }

    /// A list.
    pub fn list<T: Element>(name: impl Into<String>, numbers: &'a [T]) -> Self {
        Self::new(name, &[numbers.len()], numbers)
    }
}
