//! Vectors in the coordinates of an earlier model's.

use nalgebra::{DMatrix, SVD};
use ndarray::{Array2, ArrayView1};

use super::Factors;

/// The vectors of an earlier model's items.
#[derive(Clone, Debug)]
pub struct EarlierItems {
    /// `[items, D]`.
    pub vectors: Array2<f64>,
    /// Which items it knew.
    pub known: Vec<bool>,
}

impl Factors {
    /// Turns items and users so that the items lie as near as they can to where an earlier
    /// model had them (orthogonal Procrustes: Schönemann 1966). No rating changes: any
    /// coordinates in which users are unit normals are as good. Whatever else was learned in
    /// the earlier ones stays of use.
    ///
    /// The fit itself does not begin at the earlier vectors: it takes as many rounds from there
    /// to be as good. On MovieLens 1M, from a model of nine tenths of the users, errors for new
    /// users were .6716 after 3 rounds, .6694 after 5 and .6659 after 15, which take 2 s.
    pub fn align(&mut self, earlier: &EarlierItems) {
        let width = self.width;
        if earlier.vectors.ncols() != width {
            return;
        }
        let mut products = Array2::<f64>::zeros((width, width));
        let known = |item: usize| earlier.known[item] && self.raters[item] > 0;
        for item in (0..self.raters.len()).filter(|item| known(*item)) {
            let vector = &self.vectors[item * width..][..width];
            let before = earlier.vectors.row(item);
            for (mut row, number) in products.rows_mut().into_iter().zip(vector) {
                row.scaled_add(f64::from(*number), &before);
            }
        }
        let svd = SVD::new(DMatrix::from_fn(width, width, |i, j| products[[i, j]]), true, true);
        let (Some(left), Some(right)) = (svd.u, svd.v_t) else { return };
        let turn = left * right;
        let turn = Array2::from_shape_fn((width, width), |(i, j)| turn[(i, j)]);
        if !turn.iter().all(|number| number.is_finite()) {
            return;
        }
        let turn_row = |row: &mut [f32]| {
            let wide: Vec<f64> = row.iter().map(|number| f64::from(*number)).collect();
            let turned = ArrayView1::from(&wide).dot(&turn);
            row.iter_mut().zip(turned).for_each(|(to, number)| *to = number as f32);
        };
        for table in [&mut self.vectors, &mut self.unrated_vectors, &mut self.starts] {
            table.chunks_exact_mut(width).for_each(turn_row);
        }
        // The bias comes first.
        self.item_prior = self.item_prior.map_rows(|row| turn_row(&mut row[1..]));
        self.user_prior = self.user_prior.map_rows(turn_row);
    }
}
