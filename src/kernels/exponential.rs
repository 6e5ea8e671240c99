//! Exponentials of single-precision numbers, many at a time.
//!
//! Each is computed separately, by multiplications and additions that are rounded one by one,
//! so that a number has the same exponential on all levels.

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, Simd};

/// The logarithm of the smallest normal number; the exponentials of lower numbers are 0.
const LOWEST: f32 = -87.0;

/// A number of this size has no bits after the point: a number added to it is rounded to the
/// nearest whole number, which is then in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;

/// The logarithm of 2 in two parts, the first of which has so few bits that its multiples
/// are exact.
const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];

/// The exponential of a number of at most 80, with a relative error below 2e-7; 0 below
/// [`LOWEST`].
///
/// A power of 2, times a polynomial of the remainder, which lies within half of the logarithm
/// of 2: the first omitted term is below 1e-8.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    let rounded = x * std::f32::consts::LOG2_E + ROUNDING;
    let whole = rounded - ROUNDING;
    let left = (x - whole * LN_2[0]) - whole * LN_2[1];
    let mut sum = 1.0 / 5040.0;
    for factorial in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        sum = sum * left + 1.0 / factorial;
    }
    let exponent = rounded.to_bits().wrapping_sub(ROUNDING.to_bits()).wrapping_add(127);
    let power = f32::from_bits(exponent << 23);
    if x < LOWEST { 0.0 } else { sum * power }
}

pass! {
    /// Of each column of a dense matrix, finds the largest number; replaces each number by
    /// the exponential of its difference from that, with a relative error below 2e-7, or by
    /// 0 where that is below 1e-37; and sums each column.
    ///
    /// A column of nothing but minus infinities becomes 0, and its largest number is that of
    /// all finite numbers which is the lowest.
    fn exponentials_of_columns<'a>(
        _simd, matrix: &'a mut [f32], largest: &'a mut [f32], sums: &'a mut [f32]
    ) -> () {
        let columns = largest.len();
        assert!(sums.len() == columns, "there must be a sum for each column");
        largest.fill(f32::MIN);
        sums.fill(0.0);
        for row in matrix.chunks_exact(columns.max(1)) {
            for (largest, number) in largest.iter_mut().zip(row) {
                *largest = if *number > *largest { *number } else { *largest };
            }
        }
        for row in matrix.chunks_exact_mut(columns.max(1)) {
            for (number, (largest, sum)) in row.iter_mut().zip(largest.iter().zip(&mut *sums)) {
                *number = exponential(*number - *largest);
                *sum += *number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As far as a level computes it, and not the compiler beforehand.
    fn exponentials(numbers: &[f32]) -> Vec<f32> {
        // A row of zeros makes the largest number of each column 0.
        let mut matrix = [&vec![0.0; numbers.len()], numbers].concat();
        let (mut largest, mut sums) = (vec![0.0; numbers.len()], vec![0.0; numbers.len()]);
        exponentials_of_columns(&mut matrix, &mut largest, &mut sums);
        matrix.split_off(numbers.len())
    }

    #[test]
    fn a_grid_of_numbers_is_within_the_error_that_is_promised() {
        let numbers: Vec<f32> = (0..=870_000).map(|step| step as f32 * -1e-4).collect();
        let mut worst: f64 = 0.0;
        for (x, found) in numbers.iter().zip(exponentials(&numbers)) {
            let expected = f64::from(*x).exp();
            worst = worst.max((f64::from(found) / expected - 1.0).abs());
        }
        assert!(worst < 2e-7, "{worst:e}");
        println!("the worst relative error is {worst:.2e}");
    }

    #[test]
    fn what_is_beyond_floats_is_0_and_what_is_no_number_stays_none() {
        let numbers = [0.0, -0.0, -87.1, -1e30, f32::NEG_INFINITY, f32::MIN_POSITIVE];
        assert_eq!(exponentials(&numbers), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert!(exponentials(&[f32::NAN])[0].is_nan());
        assert!(exponentials(&[f32::INFINITY])[0].is_nan());
        assert!(exponentials(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn columns_are_summed_below_their_largest_number(
            columns in 1usize..70,
            rows in 0usize..9,
            numbers in prop::collection::vec(
                prop_oneof![9 => -90f32..90.0, 1 => Just(f32::NEG_INFINITY)], 70 * 9,
            ),
        ) {
            let numbers = &numbers[..rows * columns];
            let mut matrix = numbers.to_vec();
            let (mut largest, mut sums) = (vec![9.0; columns], vec![9.0; columns]);
            exponentials_of_columns(&mut matrix, &mut largest, &mut sums);
            for column in 0..columns {
                let of = |all: &[f32]| -> Vec<f32> {
                    all.iter().skip(column).step_by(columns).copied().collect()
                };
                let most = of(numbers).into_iter().fold(f32::MIN, f32::max);
                prop_assert_eq!(largest[column], most);
                let mut sum = 0.0;
                for (x, found) in of(numbers).into_iter().zip(of(&matrix)) {
                    let expected = f64::from(x - most).exp();
                    prop_assert!((f64::from(found) - expected).abs() <= 2e-7 * expected + 1e-37);
                    sum += expected;
                }
                prop_assert!((f64::from(sums[column]) - sum).abs() <= 1e-6 * sum);
            }
        }
    }
}
