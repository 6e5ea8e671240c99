//! Results that a catalogue computes from its items, kept so that opening computes nothing.

use crate::model::buffer::Buffer;
use crate::model::config::DataType;

/// What a catalogue of the weight file's own items computes once: processes that open the file
/// share it, and read only the parts that they use.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Item indices in the order of the bytes of their ids.
    pub by_id: Buffer<u32>,
    /// The items' features.
    pub rows: ItemRows,
    /// The rows of the head for choosing in 8 bits, as the kernels read them: `rounded.rs` among
    /// them describes the layout. Empty for a model without such a head.
    pub rounded: Buffer<u8>,
}

/// Each item's features, [items,
/// [`Config::feature_width`](crate::model::config::Config::feature_width)].
#[derive(Clone, Debug)]
pub enum ItemRows {
    /// Four bytes a number.
    F32(Buffer<f32>),
    /// Two bytes a number: the bits of the halves nearest to the numbers.
    F16(Buffer<u16>),
}

impl ItemRows {
    /// The data type of the numbers.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::F32(_) => DataType::F32,
            Self::F16(_) => DataType::F16,
        }
    }
}
