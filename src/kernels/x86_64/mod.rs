//! AVX-512, and AVX2 with FMA and F16C.
//!
//! The functions here are inlined into entry points that are compiled for the level. A value
//! of a level's type exists only if the processor has the level.

mod avx2;
mod avx512;

pub use avx2::Avx2;
pub use avx512::Avx512;
