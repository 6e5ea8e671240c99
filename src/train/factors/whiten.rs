//! Coordinates in which what is not known of a user is a unit normal.
//!
//! With S = L L^T the covariance of a user [a, w] around the prior, the user is
//! m + L u with u ~ N(0, I), and what an item [b, v] adds to its bias is
//! [1, v].(m + L u) = v'.(L^-1 m + u), where v' = [1, v] L.

use super::content::Affine;
use super::posterior::dot;
use crate::kernels::cholesky;

/// The maps to whitened coordinates.
pub struct Whitening {
    width: usize,
    /// L^T, [D, D], upper triangle.
    factor: Vec<f64>,
}

impl Whitening {
    /// Of a covariance of users, [D, D], lower triangle; `None` if it is not
    /// positive definite.
    pub fn new(covariance: &[f64], width: usize) -> Option<Self> {
        let mut factor = covariance.to_vec();
        cholesky::mirror_up(&mut factor, width);
        cholesky::factorise(&mut factor, width).then_some(Self { width, factor })
    }

    /// From an item [b, v] to its bias and whitened vector [b, v'].
    pub fn items(&self) -> Affine {
        let (width, out) = (self.width, self.width + 1);
        let mut offset = vec![0.0; out];
        offset[1] = self.factor[0];
        let mut matrix = vec![0.0; width * out];
        matrix[0] = 1.0;
        for i in 1..width {
            for j in 0..=i {
                matrix[i * out + 1 + j] = self.factor[j * width + i];
            }
        }
        Affine { offset, matrix }
    }

    /// From a user [a, w] to L^-1 [a, w].
    pub fn users(&self) -> Affine {
        let width = self.width;
        let mut inverse = self.factor.clone();
        cholesky::invert(&mut inverse, width, &mut vec![0.0; width * width]);
        let mut matrix = vec![0.0; width * width];
        for i in 0..width {
            for j in 0..=i {
                matrix[j * width + i] = inverse[i * width + j];
            }
        }
        Affine { offset: vec![0.0; width], matrix }
    }
}

/// What not knowing an item [b, v] adds to the variance of a rating: the mean of
/// [1, w] C [1, w]^T over users with these first and second moments of z = [1, w].
///
/// `covariance` and `second` are [D, D], of which the lower triangles count.
pub fn uncertainty(covariance: &[f64], second: &[f64], width: usize) -> f64 {
    let mut sum = 0.0;
    for i in 0..width {
        let (c, z) = (&covariance[i * width..], &second[i * width..]);
        sum += 2.0 * dot(&c[..i], &z[..i]) + c[i] * z[i];
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// B B^T + 0.1 I, all of it.
    fn definite(b: &[f64], width: usize) -> Vec<f64> {
        let element = |i: usize, j: usize| {
            let row = |i: usize| &b[i * width..][..width];
            dot(row(i), row(j)) + if i == j { 0.1 } else { 0.0 }
        };
        (0..width * width).map(|place| element(place / width, place % width)).collect()
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
            let (item, user) = (&item[..width], &user[..width]);
            let whitening = Whitening::new(&covariance, width).unwrap();
            let (mapped, start) = (whitening.items().map(item), whitening.users().map(user));
            let rating = item[0] + user[0] + dot(&item[1..], &user[1..]);
            prop_assert!((mapped[0] + dot(&mapped[1..], &start) - rating).abs() < 1e-9);
            // The variance of a rating over users.
            let z: Vec<f64> = [1.0].iter().chain(&item[1..]).copied().collect();
            let variance: f64 =
                (0..width).map(|i| z[i] * dot(&covariance[i * width..][..width], &z)).sum();
            prop_assert!((dot(&mapped[1..], &mapped[1..]) - variance).abs() < 1e-9);
        }

        #[test]
        fn uncertainty_is_a_mean_over_users(
            b in prop::collection::vec(-1.0..1.0, 9),
            users in prop::collection::vec((-1.0..1.0, -1.0..1.0), 1..8),
        ) {
            let covariance = definite(&b, 3);
            let mut second = vec![0.0; 9];
            let mut expected = 0.0;
            for (first, other) in &users {
                let z = [1.0, *first, *other];
                for (i, j) in (0..9).map(|place| (place / 3, place % 3)) {
                    second[i * 3 + j] += z[i] * z[j] / users.len() as f64;
                    expected += z[i] * z[j] * covariance[i * 3 + j] / users.len() as f64;
                }
            }
            prop_assert!((uncertainty(&covariance, &second, 3) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn a_covariance_that_is_none_is_refused() {
        assert!(Whitening::new(&[1.0, 0.0, 2.0, 1.0], 2).is_none());
    }
}
