//! Plain loops over matrices, in double precision.

/// The sum of the products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `row matrix row`.
pub fn quadratic(matrix: &[Vec<f64>], row: &[f64]) -> f64 {
    matrix.iter().zip(row).map(|(line, x)| x * dot(line, row)).sum()
}

/// A matrix's inverse, by Gauss and Jordan; what is positive definite needs no other pivots.
pub fn inverse(mut matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = matrix.len();
    for (i, row) in matrix.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for k in 0..n {
        let pivot = matrix[k][k];
        matrix[k].iter_mut().for_each(|x| *x /= pivot);
        let line = matrix[k].clone();
        for row in matrix.iter_mut().enumerate().filter(|(i, _)| *i != k).map(|(_, row)| row) {
            let scale = row[k];
            row.iter_mut().zip(&line).for_each(|(x, y)| *x -= scale * y);
        }
    }
    matrix.into_iter().map(|row| row[n..].to_vec()).collect()
}
