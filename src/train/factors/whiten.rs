//! Coordinates in which what is not known of a user is a unit normal.
//!
//! With S = L L^T the covariance of a user [a, w] around the prior, the user is
//! m + L u with u ~ N(0, I), and what an item [b, v] adds to its bias is
//! [1, v].(m + L u) = v'.(L^-1 m + u), where v' = [1, v] L.

use ndarray::{Array1, Array2, ArrayView2, s};

use super::content::Affine;
use crate::train::dense::Cholesky;

/// The maps to whitened coordinates.
pub struct Whitening(Cholesky);

impl Whitening {
    /// Of a covariance of users, [D, D]; `None` if it is not positive definite.
    pub fn new(covariance: Array2<f64>) -> Option<Self> {
        Cholesky::new(covariance).map(Self)
    }

    /// From an item [b, v] to its bias and whitened vector [b, v'].
    pub fn items(&self) -> Affine {
        // L^T.
        let upper = self.0.upper();
        let width = upper.nrows();
        let mut offset = Array1::zeros(width + 1);
        offset.slice_mut(s![1..]).assign(&upper.column(0));
        let mut matrix = Array2::zeros((width, width + 1));
        matrix[[0, 0]] = 1.0;
        matrix.slice_mut(s![1.., 1..]).assign(&upper.t().slice(s![1.., ..]));
        Affine { offset, matrix }
    }

    /// From a user [a, w] to L^-1 [a, w].
    pub fn users(&self) -> Affine {
        let width = self.0.width();
        // Each row is a column of L^-1.
        let mut matrix = Array2::eye(width);
        matrix.rows_mut().into_iter().for_each(|row| self.0.solve_lower(row));
        Affine { offset: Array1::zeros(width), matrix }
    }
}

/// The variance of a rating for want of knowing an item [b, v] better: the mean of
/// [1, w] C [1, w]^T over users with these second moments of z = [1, w].
///
/// `covariance` and `second` are [D, D].
pub fn uncertainty(covariance: ArrayView2<f64>, second: ArrayView2<f64>) -> f64 {
    covariance.iter().zip(second).map(|(covariance, second)| covariance * second).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayView1, arr2, aview1};
    use proptest::prelude::*;

    use super::*;

    /// B B^T + 0.1 I.
    fn definite(b: &[f64], width: usize) -> Array2<f64> {
        let b = ArrayView2::from_shape((width, width), &b[..width * width]).unwrap();
        b.dot(&b.t()) + 0.1 * Array2::<f64>::eye(width)
    }

    proptest! {
        #[test]
        fn ratings_stay_the_same_and_users_become_unit_normals(
            width in 2usize..6,
            b in prop::collection::vec(-1.0..1.0, 36),
            item in prop::collection::vec(-1.0..1.0, 6),
            user in prop::collection::vec(-1.0..1.0, 6),
        ) {
            let covariance = definite(&b, width);
            let (item, user) = (aview1(&item[..width]), aview1(&user[..width]));
            let after = |vector: ArrayView1<f64>| vector.slice(s![1..]).to_owned();
            let whitening = Whitening::new(covariance.clone()).unwrap();
            let (mapped, start) = (whitening.items().map(item), whitening.users().map(user));
            let vector = after(mapped.view());
            let rating = item[0] + user[0] + after(item).dot(&after(user));
            prop_assert!((mapped[0] + vector.dot(&start) - rating).abs() < 1e-9);
            // The variance of a rating over users.
            let mut z = item.to_owned();
            z[0] = 1.0;
            prop_assert!((vector.dot(&vector) - z.dot(&covariance.dot(&z))).abs() < 1e-9);
        }

        #[test]
        fn uncertainty_is_a_mean_over_users(
            b in prop::collection::vec(-1.0..1.0, 9),
            users in prop::collection::vec((-1.0..1.0, -1.0..1.0), 1..8),
        ) {
            let covariance = definite(&b, 3);
            let mut second = Array2::zeros((3, 3));
            let mut expected = 0.0;
            for (first, other) in &users {
                let z = [1.0, *first, *other];
                for (i, j) in (0..9).map(|place| (place / 3, place % 3)) {
                    second[[i, j]] += z[i] * z[j] / users.len() as f64;
                    expected += z[i] * z[j] * covariance[[i, j]] / users.len() as f64;
                }
            }
            prop_assert!((uncertainty(covariance.view(), second.view()) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn a_covariance_that_is_none_is_refused() {
        assert!(Whitening::new(arr2(&[[1.0, 2.0], [2.0, 1.0]])).is_none());
    }
}
