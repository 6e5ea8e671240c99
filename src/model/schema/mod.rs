//! Fields, the names of their values, and columns of values.

mod column;
mod encode;
mod field;
mod numbers;
mod strings;
mod vocabulary;

pub use column::{Column, ColumnBuilder};
pub(crate) use encode::builders;
pub use encode::encode_row;
pub use field::{Entity, Field, FieldKind, Value};
pub use numbers::NumberScale;
pub use strings::Strings;
pub(crate) use strings::check_count;
pub use vocabulary::Vocabulary;
