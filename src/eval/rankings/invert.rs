//! The inverse of a large symmetric positive definite matrix.

use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Axis, s};

use crate::train::dense::Cholesky;

/// The number of rows that are eliminated together.
const BLOCK: usize = 128;

/// Replaces a matrix by its inverse, by Gauss and Jordan's elimination of whole blocks, on
/// the threads of the current pool. A positive definite matrix needs no pivoting.
///
/// Returns `false` if it is not positive definite; its contents are then of no use.
#[must_use]
pub fn invert(matrix: &mut Array2<f64>) -> bool {
    let n = matrix.nrows();
    for from in (0..n).step_by(BLOCK) {
        let to = n.min(from + BLOCK);
        let Some(pivot) = inverse_of_block(matrix, from, to) else { return false };
        let mut rows = Array2::zeros((to - from, n));
        general_mat_mul(1.0, &pivot, &matrix.slice(s![from..to, ..]), 0.0, &mut rows);
        rows.slice_mut(s![.., from..to]).assign(&pivot);
        // Eliminates the pivot's columns from the other rows.
        let others = matrix.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter().enumerate();
        others.filter(|(block, _)| block * BLOCK != from).for_each(|(_, mut other)| {
            let factor = other.slice(s![.., from..to]).to_owned();
            other.slice_mut(s![.., from..to]).fill(0.0);
            general_mat_mul(-1.0, &factor, &rows, 1.0, &mut other);
        });
        matrix.slice_mut(s![from..to, ..]).assign(&rows);
    }
    true
}

/// The inverse of a block on the diagonal.
fn inverse_of_block(matrix: &Array2<f64>, from: usize, to: usize) -> Option<Array2<f64>> {
    let block = matrix.slice(s![from..to, from..to]).to_owned();
    Some(Cholesky::new(block)?.inverse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        for n in [1, 2, 127, 128, 129, 300] {
            let number =
                |i: usize, j: usize| ((i * 7919 + j * 104_729) % 1000) as f64 / 500.0 - 1.0;
            let root = Array2::from_shape_fn((n, n + 3), |(i, j)| number(i, j));
            let mut matrix = root.dot(&root.t());
            matrix.diag_mut().iter_mut().for_each(|element| *element += 0.5);
            let mut inverse = matrix.clone();
            assert!(invert(&mut inverse));
            let product = matrix.dot(&inverse);
            for ((i, j), found) in product.indexed_iter() {
                let expected = f64::from(u8::from(i == j));
                assert!((found - expected).abs() < 1e-9, "{n}: {i} {j} {found}");
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        let mut matrix = Array2::eye(200);
        matrix[[150, 150]] = -1.0;
        assert!(!invert(&mut matrix));
    }
}
