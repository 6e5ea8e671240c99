use proptest::prelude::*;

use super::super::cases::LARGE;
use super::super::cholesky::tests::numbers;
use super::*;

/// Rows that lie padded, with zeros after their numbers.
fn padded_rows(rows: usize, width: usize, seed: u32) -> Vec<f64> {
    let stride = padded(width);
    let mut padded = vec![0.0; rows * stride];
    let numbers = numbers(rows * width, seed);
    for (to, from) in padded.chunks_mut(stride).zip(numbers.chunks(width)) {
        to[..width].copy_from_slice(from);
    }
    padded
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

proptest! {
    #[test]
    fn rows_are_widened_and_multiplied_by_the_start(
        count in 0usize..20, width in 0usize..=LARGE, wider in 0usize..9, seed: u32,
    ) {
        let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|x| x as f32).collect::<Vec<_>>();
        let rows = narrow(numbers(count * width, seed));
        let start = narrow(numbers(width, seed ^ 1));
        let stride = padded(width + wider);
        let (scale, shares) = (numbers(stride, seed ^ 2), numbers(count, seed ^ 3));
        let row = |place: usize| &rows[place * width..][..width];
        for start in [&start[..], &[]] {
            let mut to = vec![f64::NAN; count * stride];
            let mut products = vec![f64::NAN; count];
            let of_row = (0..count).map(|place| (row(place), shares[place]));
            widen_scaled(of_row, &scale, start, &mut to, |place, product| products[place] = product);
            for place in 0..count {
                let wide: Vec<f64> = row(place).iter().map(|x| f64::from(*x)).collect();
                let product: f64 = wide.iter().zip(start).map(|(a, b)| a * f64::from(*b)).sum();
                prop_assert!(stride == 0 || (products[place] - product).abs() < 1e-12);
                for (column, found) in to[place * stride..][..stride].iter().enumerate() {
                    let number = wide.get(column).copied().unwrap_or(0.0);
                    let expected = number * scale[column] * shares[place];
                    prop_assert!((found - expected).abs() < 1e-15, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn rows_are_multiplied_with_each_other(
        count in 0usize..=LARGE, width in 1usize..=LARGE, seed: u32,
    ) {
        let (stride, columns) = (padded(width), padded(count));
        let rows = padded_rows(count, width, seed);
        let mut matrix = vec![f64::NAN; count * columns];
        products(&rows, stride, count, &mut matrix);
        let row = |place: usize| &rows[place * stride..][..stride];
        for i in 0..count {
            for j in i..count {
                let expected = dot(row(i), row(j));
                prop_assert!((matrix[i * columns + j] - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn rows_are_multiplied_with_others(
        count in 0usize..30, others in 0usize..30, width in 1usize..=LARGE, seed: u32,
    ) {
        let (stride, columns) = (padded(width), padded(others));
        let (left, right) = (padded_rows(count, width, seed), padded_rows(others, width, !seed));
        let mut out = vec![f64::NAN; count * columns];
        products_between(&left, &right, stride, columns, &mut out);
        for i in 0..count {
            for j in 0..others {
                let expected = dot(&left[i * stride..][..stride], &right[j * stride..][..stride]);
                prop_assert!((out[i * columns + j] - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn weighted_rows_are_summed(count in 0usize..=LARGE, width in 0usize..=LARGE, seed: u32) {
        let (rows, weights) = (numbers(count * width, seed), numbers(count, !seed));
        let begun = numbers(width, seed ^ 1);
        let mut sum = begun.clone();
        add_weighted_rows(&mut sum, &weights, &rows);
        for (column, found) in sum.into_iter().enumerate() {
            let of_rows = (0..count).map(|row| weights[row] * rows[row * width + column]);
            let expected = begun[column] + of_rows.sum::<f64>();
            prop_assert!((found - expected).abs() < 1e-12);
        }
    }
}
