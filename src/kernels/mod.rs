//! The arithmetic that everything else waits for.
//!
//! Nothing above this room knows how a product is computed, so that faster
//! kernels need no change elsewhere.

#[cfg_attr(not(feature = "train"), allow(dead_code, reason = "only training inverts"))]
pub mod cholesky;
mod gemm;
mod passes;

pub use gemm::{Matrix, MatrixMut, gemm};
pub use passes::{
    add_scaled, add_to_rows, dot, gather_rows, relu, relu_mask, sum_of_squares, sum_rows,
};
