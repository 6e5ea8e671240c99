//! The coordinates that vectors are kept in: those in which the prior precision of a user
//! is diagonal for any number of answers, so that adapting is ridge regression.

use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;

use super::item_factors::gram;
use crate::kernels::cholesky;
use crate::train::factors::Affine;

/// Rows that are turned together.
const ROWS: usize = 256;

/// An orthogonal change of coordinates, and what the items' outer products become in it.
#[derive(Clone, Debug)]
pub struct Coordinates {
    /// The sum of the items' squares along each axis, `[width]`.
    pub squares: Vec<f64>,
    /// `[width, width]`: each column is an axis.
    columns: Vec<f64>,
}

impl Coordinates {
    /// The axes of these items, `[items, width]`. Of numbers beyond what floats can hold there
    /// are none: squares are NaN, and all stays where it is.
    pub fn of(vectors: &[f32], width: usize) -> Self {
        let gram = gram(vectors, width);
        let places = || (0..width * width).map(|place| (place / width, place % width));
        // The iteration would never end.
        let Some(eigen) = gram.iter().all(|element| element.is_finite()).then(|| {
            let element = |i: usize, j: usize| gram[i.min(j) * width + i.max(j)];
            SymmetricEigen::new(DMatrix::from_fn(width, width, element))
        }) else {
            let one: Vec<f64> = places().map(|(i, j)| f64::from(u8::from(i == j))).collect();
            return Self { squares: vec![f64::NAN; width], columns: one };
        };
        let axes = &eigen.eigenvectors;
        Self {
            // Rounding may leave an axis that nothing lies along a little below 0.
            squares: eigen.eigenvalues.iter().map(|square| square.max(0.0)).collect(),
            columns: places().map(|(i, j)| axes[(i, j)]).collect(),
        }
    }

    /// Rows, `[rows, width]`, in these coordinates.
    pub fn turn(&self, rows: &[f32]) -> Vec<f32> {
        let width = self.squares.len();
        let mut turned = vec![0.0; rows.len()];
        let block = ROWS * width;
        turned.par_chunks_mut(block).zip(rows.par_chunks(block)).for_each(|(turned, rows)| {
            let mut row = vec![0.0; width];
            let mut sums = vec![0.0; width];
            for (from, to) in rows.chunks_exact(width).zip(turned.chunks_exact_mut(width)) {
                row.iter_mut().zip(from).for_each(|(wide, number)| *wide = f64::from(*number));
                sums.fill(0.0);
                cholesky::add_weighted_rows(&mut sums, &row, &self.columns);
                to.iter_mut().zip(&sums).for_each(|(to, sum)| *to = *sum as f32);
            }
        });
        turned
    }

    /// The same as [`Coordinates::turn`], as a map.
    pub fn map(&self) -> Affine {
        Affine { offset: vec![0.0; self.squares.len()], matrix: self.columns.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_are_kept_and_the_outer_products_become_diagonal(
            width in 1usize..20,
            rows in 0usize..60,
            numbers in prop::collection::vec(-2f32..2.0, 60 * 20),
        ) {
            let rows = &numbers[..rows * width];
            let coordinates = Coordinates::of(rows, width);
            let turned = coordinates.turn(rows);
            prop_assert_eq!(turned.len(), rows.len());
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let size: f64 = coordinates.squares.iter().sum::<f64>() + 1e-9;
            for (row, turned_row) in rows.chunks(width).zip(turned.chunks(width)) {
                for (other, turned_other) in rows.chunks(width).zip(turned.chunks(width)) {
                    let apart = dot(row, other) - dot(turned_row, turned_other);
                    prop_assert!(apart.abs() < 1e-5 * (1.0 + width as f64));
                }
                let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
                for (mapped, turned) in coordinates.map().map(&row).iter().zip(turned_row) {
                    prop_assert!((mapped - f64::from(*turned)).abs() < 1e-5);
                }
            }
            for i in 0..width {
                for j in 0..width {
                    let column = |place| turned.iter().skip(place).step_by(width);
                    let sum: f64 =
                        column(i).zip(column(j)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let expected = if i == j { coordinates.squares[i] } else { 0.0 };
                    prop_assert!((sum - expected).abs() < 1e-6 * size, "{sum} {expected}");
                }
            }
        }
    }

    #[test]
    fn nothing_at_all_has_axes_too() {
        let coordinates = Coordinates::of(&[0.0; 6], 3);
        assert_eq!(coordinates.squares, [0.0; 3]);
        let turned = coordinates.turn(&[1.0, 2.0, 2.0]);
        assert!((turned.iter().map(|x| x * x).sum::<f32>() - 9.0).abs() < 1e-5);
    }

    #[test]
    fn numbers_beyond_floats_stay_where_they_are() {
        let coordinates = Coordinates::of(&[f32::NAN, 1.0, 2.0, f32::INFINITY], 2);
        assert!(coordinates.squares.iter().all(|square| square.is_nan()));
        assert_eq!(coordinates.turn(&[3.0, -4.0]), [3.0, -4.0]);
    }
}
