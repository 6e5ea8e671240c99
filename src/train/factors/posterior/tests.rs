//! Updates against normal equations summed over points.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::data::{Rated, UserRatings};
use crate::train::factors::adjacency::StandardRatings;
use ndarray::{Axis, Zip, s};

const WIDTH: usize = 4;

/// Covariances are kept in single precision, with means that lie between -10 and 10.
const ROUNDED: f64 = 1e-6;

/// [rows, WIDTH]
fn numbers(rng: &mut impl Rng, rows: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((rows, WIDTH), || rng.random_range(-1.0..1.0))
}

/// B B^T + I.
fn definite(rng: &mut impl Rng) -> Array2<f64> {
    let b = numbers(rng, WIDTH);
    b.dot(&b.t()) + Array2::<f64>::eye(WIDTH)
}

/// Solves by Gauss's elimination; the matrix is well enough conditioned.
fn eliminate(mut matrix: Array2<f64>, mut right: Array2<f64>) -> Array2<f64> {
    for k in 0..WIDTH {
        let (row, known) = (matrix.row(k).to_owned(), right.row(k).to_owned());
        for i in (0..WIDTH).filter(|&i| i != k) {
            let scale = matrix[[i, k]] / row[k];
            matrix.row_mut(i).scaled_add(-scale, &row);
            right.row_mut(i).scaled_add(-scale, &known);
        }
    }
    for (mut row, pivot) in right.rows_mut().into_iter().zip(matrix.diag()) {
        row /= *pivot;
    }
    right
}

fn inverse(matrix: &Array2<f64>) -> Array2<f64> {
    eliminate(matrix.clone(), Array2::eye(WIDTH))
}

/// Numbers of which squares are exact in single precision too.
fn short_numbers(rng: &mut impl Rng, rows: usize) -> Array2<f64> {
    numbers(rng, rows).mapv(|number| (64.0 * number).round() / 64.0)
}

/// Equally likely points with this mean and covariance.
fn points(mean: ArrayView1<f64>, covariance: &Array2<f64>) -> Vec<Array1<f64>> {
    // A certain row has no spread.
    let upper = Cholesky::new(covariance.clone())
        .map_or_else(|| Array2::zeros((WIDTH, WIDTH)), |factor| factor.upper());
    let away = |sign: f64| upper.rows().into_iter().map(move |row| sign * &row).collect::<Vec<_>>();
    let size = (WIDTH as f64).sqrt();
    [away(-size), away(size)].concat().into_iter().map(|away| &mean + &away).collect()
}

/// The points of a row's beliefs as the other side sees them: its factors, and not its bias,
/// in single precision.
fn seen(beliefs: &Beliefs, row: usize) -> Vec<Array1<f64>> {
    let mut mean = beliefs.means.row(row).to_owned();
    mean.slice_mut(s![1..]).mapv_inplace(|number| f64::from(number as f32));
    points(mean.view(), &beliefs.covariance(row))
}

fn ratings(rng: &mut impl Rng) -> StandardRatings {
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
    StandardRatings::new(&groups, 9).unwrap()
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
    let precision = inverse(&prior.covariance.to_owned());
    let mut squared_error = 0.0;
    let mut covariances = Array2::zeros((WIDTH, WIDTH));
    for row in 0..adjacency.len() {
        let mut matrix = precision.clone();
        let mut right = precision.dot(&prior.means.row(row));
        for (other, rating) in adjacency.row(row) {
            let points = seen(others, other);
            for point in &points {
                let mut z = point.clone();
                z[0] = 1.0;
                let weight = 1.0 / (points.len() as f64 * noise);
                Zip::indexed(&mut matrix).for_each(|(i, j), sum| *sum += weight * z[i] * z[j]);
                right.scaled_add(weight * (rating - point[0]), &z);
            }
        }
        let mean = eliminate(matrix.clone(), right.insert_axis(Axis(1)));
        let covariance = inverse(&matrix);
        covariances += &covariance;
        let apart = &mean.column(0) - &beliefs.means.row(row);
        assert!(apart.iter().all(|x| x.abs() < 1e-9), "mean of row {row}");
        let apart = &covariance - &beliefs.covariance(row);
        assert!(apart.iter().all(|x| x.abs() < ROUNDED), "row {row}");
        let mine = points(mean.column(0), &covariance);
        for (other, rating) in adjacency.row(row) {
            let theirs = seen(others, other);
            for (x, y) in mine.iter().flat_map(|x| theirs.iter().map(move |y| (x, y))) {
                let error = rating - x[0] - y[0] - x.slice(s![1..]).dot(&y.slice(s![1..]));
                squared_error += error * error / (mine.len() * theirs.len()) as f64;
            }
        }
    }
    assert!((squared_error - totals.squared_error).abs() < 1e-8 * squared_error);
    assert!((covariances - totals.covariance).iter().all(|x| x.abs() < 1e-8));
}

#[test]
fn updates_are_the_normal_equations() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let ratings = ratings(&mut rng);
    let mut items = Beliefs::certain(short_numbers(&mut rng, 9));
    let mut users = Beliefs::certain(short_numbers(&mut rng, 70));
    for noise in [0.7, 0.2] {
        let (means, covariance) = (numbers(&mut rng, 70), definite(&mut rng));
        let prior = NormalPrior { means: means.view(), covariance: covariance.view() };
        check(&mut users, &ratings.by_user, &items, &prior, noise);
        let (means, covariance) = (numbers(&mut rng, 9), definite(&mut rng));
        let prior = NormalPrior { means: means.view(), covariance: covariance.view() };
        check(&mut items, &ratings.by_item, &users, &prior, noise);
    }
}

#[test]
fn a_covariance_that_is_none_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let ratings = ratings(&mut rng);
    let items = Beliefs::certain(short_numbers(&mut rng, 9));
    let means = Array2::zeros((70, WIDTH));
    let mut users = Beliefs::certain(means.clone());
    let covariance = Array2::zeros((WIDTH, WIDTH));
    let prior = NormalPrior { means: means.view(), covariance: covariance.view() };
    assert!(users.update(&ratings.by_user, &items, &prior, 0.5).is_none());
}
