use proptest::prelude::*;

use super::super::cases::LARGE;
use super::super::symmetric::Symmetric;
use super::*;

/// Numbers in [-1, 1), by a linear congruential generator.
pub fn numbers(count: usize, seed: u32) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// `B B^T + ridge I`, all of it.
fn definite(n: usize, ridge: f64, seed: u32) -> Vec<f64> {
    let b = numbers(n * n, seed);
    let element = |i: usize, j: usize| {
        let sum: f64 = (0..n).map(|k| b[i * n + k] * b[j * n + k]).sum();
        sum + if i == j { ridge } else { 0.0 }
    };
    (0..n * n).map(|place| element(place / n, place % n)).collect()
}

/// The same with NaN below the diagonal, which nobody may read.
fn upper(matrix: &[f64], n: usize) -> Vec<f64> {
    let mask = |place: usize| if place % n < place / n { f64::NAN } else { matrix[place] };
    (0..n * n).map(mask).collect()
}

/// Gaussian elimination with the largest pivot of each column.
fn eliminate(matrix: &[f64], right: &[f64], n: usize) -> Vec<f64> {
    let mut rows: Vec<Vec<f64>> =
        (0..n).map(|i| matrix[i * n..][..n].iter().copied().chain([right[i]]).collect()).collect();
    for k in 0..n {
        let best = (k..n).max_by(|&a, &b| rows[a][k].abs().total_cmp(&rows[b][k].abs()));
        rows.swap(k, best.unwrap());
        let pivot = rows[k].clone();
        for row in rows.iter_mut().skip(k + 1) {
            let scale = row[k] / pivot[k];
            row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= scale * p);
        }
    }
    let mut x = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| rows[i][j] * x[j]).sum();
        x[i] = (rows[i][n] - known) / rows[i][i];
    }
    x
}

proptest! {
    #[test]
    fn solves_what_elimination_solves(n in 0usize..=LARGE, ridge in 0.5f64..4.0, seed: u32) {
        let matrix = definite(n, ridge, seed);
        let right = numbers(n, !seed);
        let expected = eliminate(&matrix, &right, n);
        let mut factor = upper(&matrix, n);
        let factor = Symmetric::new(&mut factor, n).factorise();
        let mut x = right;
        factor.unwrap().solve(&mut x);
        for (x, expected) in x.iter().zip(expected) {
            prop_assert!((x - expected).abs() < 1e-9 * (1.0 + expected.abs()));
        }
    }

    #[test]
    fn the_factor_and_the_inverse_multiply_back(n in 0usize..=LARGE, seed: u32) {
        let matrix = definite(n, 1.0, seed);
        let mut factor = upper(&matrix, n);
        prop_assert!(factorise(&mut factor, n, n));
        for i in 0..n {
            for j in 0..=i {
                let product: f64 = (0..=j).map(|k| factor[k * n + i] * factor[k * n + j]).sum();
                prop_assert!((product - matrix[i * n + j]).abs() < 1e-9);
            }
        }
        let mut inverse = vec![f64::NAN; n * n];
        invert(&mut factor, n, &mut inverse);
        for i in 0..n {
            for j in 0..n {
                let product: f64 = (0..n).map(|k| matrix[i * n + k] * inverse[k * n + j]).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                prop_assert!((product - expected).abs() < 1e-8, "{product} {expected}");
            }
        }
    }

    #[test]
    fn squares_are_set_and_added_in_the_upper_triangle(
        n in 1usize..=LARGE, count in 0usize..=LARGE, gap in 0usize..9, seed: u32,
    ) {
        let stride = n + gap;
        let (first, second) = (numbers(count * stride, seed), numbers(3 * stride, !seed));
        let mut matrix = vec![f64::NAN; n * stride];
        add_squares(&mut matrix, n, stride, &first, true);
        add_squares(&mut matrix, n, stride, &second, false);
        for i in 0..n {
            for j in i..n {
                let rows = first.chunks(stride).chain(second.chunks(stride));
                let sum: f64 = rows.map(|row| row[i] * row[j]).sum();
                prop_assert!((matrix[i * stride + j] - sum).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn rows_that_lie_apart_are_factorised_alike(n in 1usize..=LARGE, gap in 0usize..9, seed: u32) {
        let (matrix, stride) = (definite(n, 1.0, seed), n + gap);
        let mut dense = upper(&matrix, n);
        prop_assert!(factorise(&mut dense, n, n));
        let mut apart = vec![f64::NAN; n * stride];
        for (to, from) in apart.chunks_mut(stride).zip(upper(&matrix, n).chunks(n)) {
            to[..n].copy_from_slice(from);
        }
        prop_assert!(factorise(&mut apart, n, stride));
        for i in 0..n {
            for j in i..n {
                prop_assert_eq!(dense[i * n + j].to_bits(), apart[i * stride + j].to_bits());
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused(
        n in 1usize..70, place in 0usize..70, seed: u32,
    ) {
        let place = place % n;
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut matrix = definite(n, 1.0, seed);
            matrix[place * n + place] = wrong;
            prop_assert!(!factorise(&mut matrix, n, n), "{wrong}");
        }
    }
}
