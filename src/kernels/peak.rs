//! The processor's peak performance, to which all kernels are compared.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::level::Level;
use super::simd::{Kernel, Simd};

/// Sums that do not wait for each other: enough for two units of five cycles'
/// latency.
const SUMS: usize = 12;
const ROUNDS: usize = 2_000;

/// The greatest number of floating-point operations a second that one thread reached with the
/// instructions of [`kernel_name`](crate::kernel_name), measured for this long: fused
/// multiplications and additions of f32 that wait neither for memory nor for
/// each other.
///
/// The level `portable` has no fused instruction; there kernels whose multiplications need
/// not wait for additions exceed it.
pub fn kernel_peak(measured_for: Duration) -> f64 {
    let begin = Instant::now();
    let mut best = 0.0f64;
    loop {
        let start = Instant::now();
        let operations = Level::current().run(Multiplications);
        best = best.max(operations as f64 / start.elapsed().as_secs_f64());
        if begin.elapsed() >= measured_for {
            return best;
        }
    }
}

struct Multiplications;

impl Kernel for Multiplications {
    /// How many operations were done.
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let factor = simd.splat(black_box(0.999));
        let mut sums = [simd.splat(black_box(1.0)); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.multiply_add(*sum, factor, factor);
            }
        }
        let mut total = simd.splat(0.0);
        for sum in sums {
            total = simd.add(total, sum);
        }
        black_box(simd.sum(total));
        2 * S::LANES * SUMS * ROUNDS
    }
}
