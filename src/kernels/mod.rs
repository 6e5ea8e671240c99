//! The arithmetic that takes most of the time.
//!
//! A kernel is written once, generic over [`simd::Simd`], and compiled for each level of
//! instructions; [`level::Level`] chooses one. No other module knows how a product is
//! computed. Nothing here allocates except [`Aligned`], [`Packed::new`] and
//! [`RoundedVector::new`].
//!
//! On one level the same numbers give the same bits, at any place of a row among others;
//! between levels sums differ by rounding.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod aligned;
#[cfg(test)]
mod cases;
mod cholesky;
#[cfg(feature = "train")]
mod exponential;
#[cfg(feature = "train")]
mod gathered;
mod gemm;
mod half;
mod level;
mod matrix;
mod pack;
mod pages;
mod passes;
#[cfg(feature = "cli")]
mod peak;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable;
mod products;
mod regression;
mod rounded;
mod simd;
mod substitution;
mod symmetric;
mod thresholds;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm32;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub use aligned::Aligned;
#[cfg(feature = "train")]
pub use exponential::exponentials_of_columns;
#[cfg(feature = "train")]
pub use gathered::{GATHERED, add_rows_at};
pub use gemm::{Start, gemm, layer};
pub use half::{MAX_HALF, narrow, widen, widen_rows};
pub use level::{check_choice, kernel_name, kernel_names};
pub use matrix::{Matrix, MatrixMut};
pub use pack::Packed;
pub use pages::prefer_large_pages;
#[cfg(feature = "train")]
pub use passes::add_to_rows;
pub use passes::{
    add_scaled, add_scaled_rows, are_finite, dot, gather_rows, pull_towards, rectify, relu_mask,
    scale_by, squares_of_rows, sum_and_scale_rows, sum_of_squares,
};
#[cfg(feature = "cli")]
pub use peak::kernel_peak;
pub use products::{products_of_listed, products_of_rows};
pub use regression::{add_weighted_rows, padded, products_between, widen_scaled};
pub use rounded::{
    ROWS as ROUNDED_ROWS, RoundedVector, block_bytes, round_rows, rounded_bytes, upper_bounds,
};
pub use symmetric::{Factor, Symmetric};
pub use thresholds::{GROUPS, places_not_below, raise_bounds, reached_by, rising};
