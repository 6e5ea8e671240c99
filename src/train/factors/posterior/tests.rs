//! Updates against normal equations summed over points.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::data::{Rated, UserRatings};
use crate::train::factors::adjacency::Ratings;

const WIDTH: usize = 4;

fn numbers(rng: &mut impl Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// B B^T + I, lower and upper.
fn definite(rng: &mut impl Rng) -> Vec<f64> {
    let b = numbers(rng, WIDTH * WIDTH);
    let element = |(i, j): (usize, usize)| {
        let same = if i == j { 1.0 } else { 0.0 };
        same + (0..WIDTH).map(|k| b[i * WIDTH + k] * b[j * WIDTH + k]).sum::<f64>()
    };
    (0..WIDTH * WIDTH).map(|place| element((place / WIDTH, place % WIDTH))).collect()
}

/// Solves by Gauss's elimination; the matrix is well enough conditioned.
fn eliminate(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Vec<f64> {
    for k in 0..WIDTH {
        let pivot = matrix[k * WIDTH + k];
        for i in (0..WIDTH).filter(|&i| i != k) {
            let scale = matrix[i * WIDTH + k] / pivot;
            for j in 0..WIDTH {
                matrix[i * WIDTH + j] -= scale * matrix[k * WIDTH + j];
            }
            right[i] -= scale * right[k];
        }
    }
    (0..WIDTH).map(|i| right[i] / matrix[i * WIDTH + i]).collect()
}

fn inverse(matrix: &[f64]) -> Vec<f64> {
    let mut columns = vec![0.0; WIDTH * WIDTH];
    for j in 0..WIDTH {
        let mut unit = vec![0.0; WIDTH];
        unit[j] = 1.0;
        columns[j * WIDTH..][..WIDTH].copy_from_slice(&eliminate(matrix.to_vec(), unit));
    }
    columns
}

/// A row's beliefs as equally likely points with the same mean and covariance.
fn points(beliefs: &Beliefs, row: usize) -> Vec<Vec<f64>> {
    let mut factor = beliefs.covariance(row);
    cholesky::mirror_up(&mut factor, WIDTH);
    // A certain row has no spread.
    if !cholesky::factorise(&mut factor, WIDTH) {
        factor.fill(0.0);
    }
    let mut points = Vec::new();
    for k in 0..WIDTH {
        for sign in [-1.0, 1.0] {
            let away = |i: usize| if k <= i { factor[k * WIDTH + i] } else { 0.0 };
            let mean = beliefs.mean(row).iter().enumerate();
            points.push(mean.map(|(i, m)| m + sign * (WIDTH as f64).sqrt() * away(i)).collect());
        }
    }
    points
}

fn ratings(rng: &mut impl Rng) -> Ratings {
    let groups: Vec<UserRatings> = (0..70)
        .map(|user| UserRatings {
            user,
            ratings: (0..9)
                .filter_map(|item| {
                    let value = rng.random_range(1.0..5.0);
                    let is_rated = item == user % 9 || rng.random_bool(0.4);
                    is_rated.then_some(Rated { item, value })
                })
                .collect(),
        })
        .collect();
    Ratings::new(&groups, 9).unwrap()
}

/// Checks one update against normal equations summed over points.
fn check(
    beliefs: &mut Beliefs,
    adjacency: &Adjacency,
    others: &Beliefs,
    prior: &NormalPrior,
    noise: f64,
) {
    let totals = beliefs.update(adjacency, others, prior, noise).unwrap();
    let precision = inverse(prior.covariance);
    let mut squared_error = 0.0;
    let mut covariances = vec![0.0; WIDTH * WIDTH];
    for row in 0..adjacency.len() {
        let mut matrix = precision.clone();
        let prior_mean = &prior.means[row * WIDTH..][..WIDTH];
        let mut right: Vec<f64> =
            (0..WIDTH).map(|i| dot(&precision[i * WIDTH..][..WIDTH], prior_mean)).collect();
        for (other, rating) in adjacency.row(row) {
            let points = points(others, other);
            for point in &points {
                let z: Vec<f64> = [1.0].iter().chain(&point[1..]).copied().collect();
                let weight = 1.0 / (points.len() as f64 * noise);
                for i in 0..WIDTH {
                    for j in 0..WIDTH {
                        matrix[i * WIDTH + j] += weight * z[i] * z[j];
                    }
                    right[i] += weight * z[i] * (rating - point[0]);
                }
            }
        }
        let mean = eliminate(matrix.clone(), right);
        let covariance = inverse(&matrix);
        add(&mut covariances, &covariance);
        let found = beliefs.covariance(row);
        let means = mean.iter().zip(beliefs.mean(row));
        assert!(means.clone().all(|(a, b)| (a - b).abs() < 1e-9), "mean of row {row}");
        for (i, j) in (0..WIDTH).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let place = i * WIDTH + j;
            assert!((covariance[place] - found[place]).abs() < 1e-9, "row {row}");
        }
        let mine = points(beliefs, row);
        for (other, rating) in adjacency.row(row) {
            let theirs = points(others, other);
            for (x, y) in mine.iter().flat_map(|x| theirs.iter().map(move |y| (x, y))) {
                let error = rating - x[0] - y[0] - dot(&x[1..], &y[1..]);
                squared_error += error * error / (mine.len() * theirs.len()) as f64;
            }
        }
    }
    assert!((squared_error - totals.squared_error).abs() < 1e-8 * squared_error);
    for i in 0..WIDTH {
        for j in 0..=i {
            let place = i * WIDTH + j;
            assert!((covariances[place] - totals.covariance[place]).abs() < 1e-8);
        }
    }
}

#[test]
fn updates_are_the_normal_equations() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let ratings = ratings(&mut rng);
    let mut items = Beliefs::certain(WIDTH, numbers(&mut rng, 9 * WIDTH));
    let mut users = Beliefs::certain(WIDTH, numbers(&mut rng, 70 * WIDTH));
    for noise in [0.7, 0.2] {
        let (means, covariance) = (numbers(&mut rng, 70 * WIDTH), definite(&mut rng));
        let prior = NormalPrior { means: &means, covariance: &covariance };
        check(&mut users, &ratings.by_user, &items, &prior, noise);
        let (means, covariance) = (numbers(&mut rng, 9 * WIDTH), definite(&mut rng));
        let prior = NormalPrior { means: &means, covariance: &covariance };
        check(&mut items, &ratings.by_item, &users, &prior, noise);
    }
}

#[test]
fn a_covariance_that_is_none_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let ratings = ratings(&mut rng);
    let items = Beliefs::certain(WIDTH, numbers(&mut rng, 9 * WIDTH));
    let mut users = Beliefs::certain(WIDTH, vec![0.0; 70 * WIDTH]);
    let means = vec![0.0; 70 * WIDTH];
    let prior = NormalPrior { means: &means, covariance: &[0.0; WIDTH * WIDTH] };
    assert!(users.update(&ratings.by_user, &items, &prior, 0.5).is_none());
}
