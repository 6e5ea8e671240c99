use proptest::prelude::*;

use super::super::cases::LARGE;
use super::super::cholesky::tests::numbers;
use super::*;

/// A factor in rows that lie so far apart, with NaN where it may not be read.
fn factor(n: usize, stride: usize, seed: u32) -> Vec<f64> {
    let numbers = numbers(n * n, seed);
    let mut factor = vec![f64::NAN; n * stride];
    for i in 0..n {
        for j in i..n {
            let number = numbers[i * n + j] / n as f64;
            factor[i * stride + j] = if i == j { 1.0 + number.abs() } else { number };
        }
    }
    factor
}

proptest! {
    #[test]
    fn what_is_solved_multiplies_back(n in 0usize..=LARGE, gap in 0usize..9, seed: u32) {
        let stride = n + gap;
        let factor = factor(n, stride, seed);
        let right = numbers(n, !seed);
        let (mut lower, mut upper) = (right.clone(), right.clone());
        solve_lower(&factor, n, stride, &mut lower);
        solve_upper(&factor, n, stride, &mut upper);
        for i in 0..n {
            let row: f64 = (i..n).map(|j| factor[i * stride + j] * upper[j]).sum();
            let column: f64 = (0..=i).map(|j| factor[j * stride + i] * lower[j]).sum();
            prop_assert!((row - right[i]).abs() < 1e-12 && (column - right[i]).abs() < 1e-12);
        }
    }

    #[test]
    fn columns_are_solved_as_one_by_one(
        n in 0usize..=LARGE, vectors in 0usize..5, gap in 0usize..9, seed: u32,
    ) {
        let (stride, columns) = (n + gap, 8 * vectors);
        let factor = factor(n, stride, seed);
        let right = numbers(n * columns, !seed);
        let mut x = right.clone();
        solve_lower_columns(&factor, n, stride, &mut x, columns);
        for column in 0..columns {
            let mut one: Vec<f64> = right.iter().skip(column).step_by(columns).copied().collect();
            solve_lower(&factor, n, stride, &mut one);
            for (found, expected) in x.iter().skip(column).step_by(columns).zip(one) {
                prop_assert!((found - expected).abs() < 1e-12 * (1.0 + expected.abs()));
            }
        }
    }
}
