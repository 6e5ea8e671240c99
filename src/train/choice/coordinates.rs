//! The coordinates that vectors are kept in: those in which the prior precision of a user
//! is diagonal for any number of answers, so that adapting is ridge regression.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::item_factors::gram;
use crate::train::factors::Affine;

/// RowTable that are turned together.
const ROWS: usize = 256;

/// An orthogonal change of coordinates, and the items' outer products in it.
#[derive(Clone, Debug)]
pub struct Coordinates {
    /// The sum of the items' squares along each axis, `[width]`.
    pub squares: Vec<f64>,
    /// `[width, width]`: each column is an axis.
    columns: Array2<f64>,
}

impl Coordinates {
    /// The axes of these items, `[items, width]`. Of numbers beyond what floats can hold there
    /// are none: squares are NaN, and all stays where it is.
    pub fn of(vectors: ArrayView2<f32>) -> Self {
        let gram = gram(vectors);
        let width = gram.ncols();
        // The iteration would never end.
        if !gram.iter().all(|element| element.is_finite()) {
            return Self { squares: vec![f64::NAN; width], columns: Array2::eye(width) };
        }
        let upper = |i: usize, j: usize| gram[[i.min(j), i.max(j)]];
        let eigen = SymmetricEigen::new(DMatrix::from_fn(width, width, upper));
        let axes = &eigen.eigenvectors;
        Self {
            // Rounding may leave an axis that nothing lies along a little below 0.
            squares: eigen.eigenvalues.iter().map(|square| square.max(0.0)).collect(),
            columns: Array2::from_shape_fn((width, width), |(i, j)| axes[(i, j)]),
        }
    }

    /// RowTable, `[rows, width]`, in these coordinates.
    pub fn turn(&self, rows: ArrayView2<f32>) -> Array2<f32> {
        let mut turned = Array2::zeros(rows.dim());
        turned
            .axis_chunks_iter_mut(Axis(0), ROWS)
            .into_par_iter()
            .zip(rows.axis_chunks_iter(Axis(0), ROWS))
            .for_each(|(mut turned, rows)| {
                let product = rows.mapv(f64::from).dot(&self.columns);
                turned.zip_mut_with(&product, |to, number| *to = *number as f32);
            });
        turned
    }

    /// The same as [`Coordinates::turn`], as a map.
    pub fn map(&self) -> Affine {
        Affine { offset: Array1::zeros(self.squares.len()), matrix: self.columns.clone() }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_are_kept_and_the_outer_products_become_diagonal(
            width in 1usize..20,
            rows in 0usize..60,
            numbers in prop::collection::vec(-2f32..2.0, 60 * 20),
        ) {
            let rows = ArrayView2::from_shape((rows, width), &numbers[..rows * width]).unwrap();
            let coordinates = Coordinates::of(rows);
            let turned = coordinates.turn(rows).mapv(f64::from);
            let rows = rows.mapv(f64::from);
            prop_assert_eq!(turned.dim(), rows.dim());
            let apart = rows.dot(&rows.t()) - turned.dot(&turned.t());
            prop_assert!(apart.iter().all(|apart| apart.abs() < 1e-5 * (1.0 + width as f64)));
            for (row, turned) in rows.rows().into_iter().zip(turned.rows()) {
                let apart = coordinates.map().map(row) - turned;
                prop_assert!(apart.iter().all(|apart| apart.abs() < 1e-5));
            }
            let size: f64 = coordinates.squares.iter().sum::<f64>() + 1e-9;
            for ((i, j), sum) in turned.t().dot(&turned).indexed_iter() {
                let expected = if i == j { coordinates.squares[i] } else { 0.0 };
                prop_assert!((sum - expected).abs() < 1e-6 * size, "{sum} {expected}");
            }
        }
    }

    #[test]
    fn nothing_at_all_has_axes_too() {
        let coordinates = Coordinates::of(Array2::zeros((2, 3)).view());
        assert_eq!(coordinates.squares, [0.0; 3]);
        let turned = coordinates.turn(arr2(&[[1.0, 2.0, 2.0]]).view());
        assert!((turned.iter().map(|x| x * x).sum::<f32>() - 9.0).abs() < 1e-5);
    }

    #[test]
    fn numbers_beyond_floats_stay_where_they_are() {
        let coordinates = Coordinates::of(arr2(&[[f32::NAN, 1.0], [2.0, f32::INFINITY]]).view());
        assert!(coordinates.squares.iter().all(|square| square.is_nan()));
        let row = arr2(&[[3.0, -4.0]]);
        assert_eq!(coordinates.turn(row.view()), row);
    }
}
