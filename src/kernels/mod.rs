//! The arithmetic that everything else waits for.
//!
//! Nothing above this room knows how a product is computed, so that faster
//! kernels need no change elsewhere.

#[cfg_attr(not(feature = "train"), allow(dead_code, reason = "only training inverts"))]
pub mod cholesky;
mod gemm;
mod passes;

/// The instructions that products are computed with on this processor, as
/// matrixmultiply chooses them.
pub fn name() -> &'static str {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        if is_x86_feature_detected!("avx") {
            return "avx";
        }
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        return "neon";
    }
    "portable"
}

pub use gemm::{Matrix, MatrixMut, gemm};
pub use passes::{
    add_scaled, add_to_rows, dot, gather_rows, relu, relu_mask, sum_of_squares, sum_rows,
};
