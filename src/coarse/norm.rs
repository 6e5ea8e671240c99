//! How much longer a matrix can make a vector.

use crate::kernels::{Matrix, MatrixMut, Start, gemm, scale_by, sum_of_squares};

/// What one operation of single precision may be wrong by, of its result.
const ROUNDING: f32 = f32::EPSILON / 2.0;

/// What bounds themselves may lose to rounding: as much as sums of some 16,000 numbers do,
/// which [`WIDEST`] keeps them below.
pub const MARGIN: f32 = 1.001;

/// No layer has more inputs or outputs.
pub const WIDEST: usize = 8_192;

/// A length below this, and infinity for others: where lengths are below it, no sum of
/// products overflows in either precision, in whatever order.
pub fn bounded(length: f32) -> f32 {
    if length < 1e18 { length } else { f32::INFINITY }
}

/// More than the length of what is lost of numbers so small that their squares vanish, or that
/// tiles take for zeros.
pub const TINY: f32 = 1e-18;

/// At least the length of what these are the squares of, summed, if it is [`bounded`].
pub fn length_of(squares: f32) -> f32 {
    bounded(MARGIN * squares.sqrt() + TINY)
}

/// What a sum of so many products of single precision may be wrong by, in any order, of the
/// sum of the products' magnitudes. Some terms more may have come to it.
pub fn rounding_of_sum(terms: usize) -> f32 {
    MARGIN * (terms + 16) as f32 * ROUNDING
}

/// The length of rows as one vector (a matrix's Frobenius norm), or somewhat more, if it is
/// [`bounded`].
pub fn length<'a>(rows: impl Iterator<Item = &'a [f32]>) -> f32 {
    let squares = rows.map(|row| f64::from(sum_of_squares(row)));
    bounded(MARGIN * squares.sum::<f64>().sqrt() as f32)
}

/// Bounds of spectral norms: no vector's length grows by more when it is multiplied.
///
/// `s(A)^2 = s(A A^T)`, and a norm is at most its matrix's length. Squared three times, the
/// largest of what the matrix does outgrows the rest, so that the length of the last square
/// says little more than it. What each square loses to rounding is added. Squares are
/// symmetric to the bit, as each element's terms are added in their order.
#[derive(Debug, Default)]
pub struct SpectralNorm {
    matrix: Vec<f32>,
    squares: [Vec<f32>; 3],
}

/// It is room alone, of which a clone makes its own.
impl Clone for SpectralNorm {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl SpectralNorm {
    /// At least the spectral norm of what becomes of a matrix's numbers; infinite where it
    /// cannot be told.
    pub fn bound(&mut self, matrix: Matrix, number: impl Fn(f32) -> f32) -> f32 {
        self.matrix.clear();
        for row in matrix.row_slices() {
            self.matrix.extend(row.iter().map(|of_matrix| number(*of_matrix)));
        }
        let columns = matrix.columns();
        let rows = self.matrix.len() / columns.max(1);
        let size = length(self.matrix.chunks(columns.max(1)));
        if size == 0.0 {
            return 0.0;
        }
        // Of length 1, what is squared neither overflows nor vanishes.
        scale_by(&mut self.matrix, 1.0 / size);
        let edge = rows.min(columns);
        let [first, second, third] = &mut self.squares;
        for square in [&mut *first, second, third] {
            square.resize(edge * edge, 0.0);
        }
        let whole = Matrix::dense(&self.matrix, rows, columns);
        let whole = if rows <= columns { whole } else { whole.transposed() };
        let product = |left: Matrix, right: Matrix, to: &mut [f32]| {
            gemm(left, right, Start::Zero, MatrixMut::dense(to, edge, edge));
        };
        product(whole, whole.transposed(), first);
        product(Matrix::dense(first, edge, edge), Matrix::dense(first, edge, edge), second);
        product(Matrix::dense(second, edge, edge), Matrix::dense(second, edge, edge), third);
        let length = |matrix: &[f32]| length(matrix.chunks(edge));
        let lost = rounding_of_sum(edge);
        let of_second = (length(third) + lost * length(second).powi(2)).sqrt();
        let of_first = (of_second + lost * length(first).powi(2)).sqrt();
        let bound = (of_first + MARGIN * rounding_of_sum(rows.max(columns))).sqrt();
        let bound = MARGIN * size * bound;
        if bound.is_nan() { f32::INFINITY } else { bound }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By many steps of power iteration in double precision: what it can at least do.
    fn reached(matrix: &[f32], rows: usize, columns: usize) -> f64 {
        let mut vector: Vec<f64> = (0..columns).map(|i| 1.0 + (i as f64).sin()).collect();
        let mut norm = 0.0;
        for _ in 0..500 {
            let size = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            if size == 0.0 {
                return 0.0;
            }
            vector.iter_mut().for_each(|x| *x /= size);
            let product: Vec<f64> = (0..rows)
                .map(|row| {
                    let row = &matrix[row * columns..][..columns];
                    row.iter().zip(&vector).map(|(a, x)| f64::from(*a) * x).sum()
                })
                .collect();
            norm = product.iter().map(|x| x * x).sum::<f64>().sqrt();
            for (column, x) in vector.iter_mut().enumerate() {
                *x = (0..rows)
                    .map(|row| f64::from(matrix[row * columns + column]) * product[row])
                    .sum();
            }
        }
        norm
    }

    proptest! {
        #[test]
        fn no_vector_grows_by_more_and_some_by_nearly_as_much(
            rows in 1usize..40,
            columns in 1usize..70,
            seed: u32,
            spread in -30f32..30.0,
            rank in 1usize..40,
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            let left: Vec<f32> = (0..rows * rank).map(|_| next()).collect();
            let right: Vec<f32> = (0..rank * columns).map(|_| next() * spread.exp2()).collect();
            let mut matrix = vec![0.0; rows * columns];
            for row in 0..rows {
                for column in 0..columns {
                    for k in 0..rank {
                        matrix[row * columns + column] +=
                            left[row * rank + k] * right[k * columns + column];
                    }
                }
            }
            let bound = SpectralNorm::default().bound(Matrix::dense(&matrix, rows, columns), |number| number);
            let reached = reached(&matrix, rows, columns);
            prop_assert!(f64::from(bound) >= reached * (1.0 - 1e-12), "{bound} {reached}");
            // At worst all singular values are alike: edge^(1/16).
            let edge = rows.min(columns).min(rank) as f64;
            prop_assert!(f64::from(bound) <= 1.01 * edge.powf(1.0 / 16.0) * reached.max(1e-30));
        }
    }

    #[test]
    fn what_has_no_norm_is_unbounded_and_nothing_is_zero() {
        let mut norm = SpectralNorm::default();
        for odd in [f32::NAN, f32::INFINITY, f32::MAX, 2e18] {
            let matrix = [1.0, odd, 0.0, 2.0];
            assert_eq!(norm.bound(Matrix::dense(&matrix, 2, 2), |number| number), f32::INFINITY);
        }
        assert_eq!(norm.bound(Matrix::dense(&[1.0; 6], 2, 3), |_| 0.0), 0.0);
        assert_eq!(norm.bound(Matrix::dense(&[], 0, 3), |number| number), 0.0);
    }
}
