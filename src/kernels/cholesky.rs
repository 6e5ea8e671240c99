//! Symmetric positive definite systems by Cholesky's factors, in double
//! precision and in place.
//!
//! A matrix is `n * n` numbers, row-major and without gaps. Only its lower
//! triangle is read; what stands above it does not matter. All inner loops run
//! along rows, so that they vectorise, and those that take the time have a fixed
//! number of steps, so that a compiler need not guess.

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, Simd};

/// The dot product of two slices of one length.
#[inline(always)]
fn dot<S: Simd>(simd: S, left: &[f64], right: &[f64]) -> f64 {
    // Eight sums side by side: the order is fixed, and no addition waits for
    // the one before.
    let mut sums = [0.0; 8];
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..8 {
            sums[lane] = simd.multiply_add_double(left[lane], right[lane], sums[lane]);
        }
    }
    for (sum, (left, right)) in sums.iter_mut().zip(left_rest.iter().zip(right_rest)) {
        *sum = simd.multiply_add_double(*left, *right, *sum);
    }
    let four = [sums[0] + sums[4], sums[1] + sums[5], sums[2] + sums[6], sums[3] + sums[7]];
    (four[0] + four[2]) + (four[1] + four[3])
}

/// `target += scale * source`, element by element, inside a kernel.
#[inline(always)]
fn add_multiple<S: Simd>(simd: S, target: &mut [f64], scale: f64, source: &[f64]) {
    let (target, target_rest) = target.as_chunks_mut::<COLUMNS>();
    let (source, source_rest) = source.as_chunks::<COLUMNS>();
    for (target, source) in target.iter_mut().zip(source) {
        // All is read before anything is written, which could be one memory for all that
        // a compiler knows.
        let mut sums = *target;
        for lane in 0..COLUMNS {
            sums[lane] = simd.multiply_add_double(scale, source[lane], sums[lane]);
        }
        *target = sums;
    }
    for (target, source) in target_rest.iter_mut().zip(source_rest) {
        *target = simd.multiply_add_double(scale, *source, *target);
    }
}

/// A tile: so many rows and columns, whose sums are kept side by side.
const ROWS: usize = 4;
const COLUMNS: usize = 8;

/// `sums[i][j] = ` the sum over the rows of a dense matrix of their elements in `row + i`
/// and `column + j` multiplied; there are so many columns.
#[inline(always)]
fn tile_of_squares<S: Simd>(
    simd: S,
    rows: &[f64],
    n: usize,
    row: usize,
    column: usize,
) -> [[f64; COLUMNS]; ROWS] {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for numbers in rows.chunks_exact(n) {
        let left = numbers[row..].first_chunk::<ROWS>();
        let right = numbers[column..].first_chunk::<COLUMNS>();
        if let (Some(left), Some(right)) = (left, right) {
            for i in 0..ROWS {
                for j in 0..COLUMNS {
                    sums[i][j] = simd.multiply_add_double(left[i], right[j], sums[i][j]);
                }
            }
        }
    }
    sums
}

pass! {
    /// `target += ` the sum of the rows of a dense matrix, each times its weight.
    fn add_weighted_rows<'a>(
        simd, target: &'a mut [f64], weights: &'a [f64], rows: &'a [f64]
    ) -> () {
        for (row, weight) in rows.chunks_exact(target.len().max(1)).zip(weights) {
            add_multiple(simd, target, *weight, row);
        }
    }
}

pass! {
    /// `matrix = rows rows^T`, in its lower triangle; `rows` are of `width` numbers, one
    /// after another.
    fn products<'a>(simd, rows: &'a [f64], width: usize, matrix: &'a mut [f64]) -> () {
        let width = width.max(1);
        let count = rows.len() / width;
        for (i, (row, products)) in
            rows.chunks_exact(width).zip(matrix.chunks_exact_mut(count.max(1))).enumerate()
        {
            for (product, other) in products[..=i].iter_mut().zip(rows.chunks_exact(width)) {
                *product = dot(simd, row, other);
            }
        }
    }
}

pass! {
    /// `matrix += rows^T rows`, in its lower triangle; `rows` are of `n` numbers,
    /// one after another.
    fn add_squares<'a>(simd, matrix: &'a mut [f64], n: usize, rows: &'a [f64]) -> () {
        if n < COLUMNS {
            for row in rows.chunks_exact(n.max(1)) {
                for (i, (sums, scale)) in matrix.chunks_exact_mut(n).zip(row).enumerate() {
                    add_multiple(simd, &mut sums[..=i], *scale, &row[..=i]);
                }
            }
            return;
        }
        for i in (0..n).step_by(ROWS) {
            for j in (0..n.min(i + ROWS)).step_by(COLUMNS) {
                // The last tiles begin earlier, and what was added before is left out.
                let (row, column) = (i.min(n - ROWS), j.min(n - COLUMNS));
                let sums = tile_of_squares(simd, rows, n, row, column);
                for (i, sums) in (row..).zip(sums).skip(i - row) {
                    let to = matrix[i * n + column..].iter_mut().zip(sums);
                    to.skip(j - column).for_each(|(to, sum)| *to += sum);
                }
            }
        }
    }
}

pass! {
    /// Replaces a matrix by the factor L of `L L^T`, in its lower triangle; the
    /// rest of it is room to compute in.
    ///
    /// `false` if the matrix is not positive definite, or not finite; what is left
    /// in it then is of no use.
    #[must_use]
    fn factorise<'a>(simd, matrix: &'a mut [f64], n: usize) -> bool {
        // Rows of `L^T` are computed, and lie above the diagonal: their elements do not
        // wait for each other, as those of a row of L would.
        let mut k = 0;
        while k < n {
            let rows = ROWS.min(n - k);
            let (above, rest) = matrix.split_at_mut(k * n);
            // What is right of the diagonal is what is below it.
            for column in k..n {
                let below = (column - k) * n + k;
                for row in 0..rows.min(column - k) {
                    rest[row * n + column] = rest[below + row];
                }
            }
            subtract_squares(simd, above, n, k, &mut rest[..rows * n]);
            for row in 0..rows {
                let (earlier, now) = rest[..rows * n].split_at_mut(row * n);
                let (now, diagonal) = (&mut now[..n], k + row);
                for earlier in earlier.chunks_exact(n) {
                    add_multiple(simd, &mut now[diagonal..], -earlier[diagonal], &earlier[diagonal..]);
                }
                // A comparison that NaN fails too.
                let square = now[diagonal];
                if !(square > 0.0 && square.is_finite()) {
                    return false;
                }
                let pivot = square.sqrt();
                let share = 1.0 / pivot;
                now[diagonal] = pivot;
                now[diagonal + 1..].iter_mut().for_each(|element| *element *= share);
            }
            for column in k..n {
                for row in 0..rows.min(column - k) {
                    rest[(column - k) * n + k + row] = rest[row * n + column];
                }
            }
            k += rows;
        }
        true
    }
}

/// Subtracts from some rows of `L^T`, of which row `k` is the first, what the rows above
/// them say, from the diagonal on.
#[inline(always)]
fn subtract_squares<S: Simd>(simd: S, above: &[f64], n: usize, k: usize, rows: &mut [f64]) {
    if rows.len() < ROWS * n || n < COLUMNS {
        for (row, diagonal) in rows.chunks_exact_mut(n).zip(k..) {
            for earlier in above.chunks_exact(n) {
                add_multiple(simd, &mut row[diagonal..], -earlier[diagonal], &earlier[diagonal..]);
            }
        }
        return;
    }
    for column in (k..n).step_by(COLUMNS) {
        // As in `add_squares`.
        let first = column.min(n - COLUMNS);
        let sums = tile_of_squares(simd, above, n, k, first);
        for ((row, sums), diagonal) in rows.chunks_exact_mut(n).zip(sums).zip(k..) {
            let to = row[first..].iter_mut().zip(sums);
            to.skip(column.max(diagonal) - first).for_each(|(to, sum)| *to -= sum);
        }
    }
}

pass! {
    /// Replaces the right side of `L x = b` by x, given the factor L.
    fn solve_lower<'a>(simd, factor: &'a [f64], n: usize, x: &'a mut [f64]) -> () {
        for (i, row) in factor.chunks_exact(n.max(1)).enumerate() {
            x[i] = (x[i] - dot(simd, &row[..i], &x[..i])) / row[i];
        }
    }
}

pass! {
    /// Replaces the right side of `L^T x = b` by x, given the factor L.
    fn solve_upper<'a>(simd, factor: &'a [f64], n: usize, x: &'a mut [f64]) -> () {
        for (i, row) in factor.chunks_exact(n.max(1)).enumerate().rev() {
            let (before, x) = x.split_at_mut(i);
            x[0] /= row[i];
            add_multiple(simd, before, -x[0], &row[..i]);
        }
    }
}

/// Replaces the right side of `A x = b` by x, given A's factor.
pub fn solve(factor: &[f64], n: usize, x: &mut [f64]) {
    solve_lower(factor, n, x);
    solve_upper(factor, n, x);
}

pass! {
    /// Writes the lower triangle of A's inverse into `inverse`, and replaces A's
    /// factor L by its own inverse.
    fn invert<'a>(simd, factor: &'a mut [f64], n: usize, inverse: &'a mut [f64]) -> () {
        for i in 0..n {
            let (above, row) = factor.split_at_mut(i * n);
            let row = &mut row[..=i];
            // Elements from `k` on are still the factor's when their turn comes.
            for (k, other) in above.chunks_exact(n).enumerate() {
                let scale = std::mem::take(&mut row[k]);
                add_multiple(simd, &mut row[..=k], scale, &other[..=k]);
            }
            let pivot = 1.0 / row[i];
            row[..i].iter_mut().for_each(|element| *element *= -pivot);
            row[i] = pivot;
        }
        inverse.fill(0.0);
        for (k, row) in factor.chunks_exact(n.max(1)).enumerate() {
            for i in 0..=k {
                add_multiple(simd, &mut inverse[i * n..=i * n + i], row[i], &row[..=i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers in [-1, 1), by a linear congruential generator.
    fn numbers(count: usize, seed: u32) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// `B B^T + ridge I`, all of it.
    fn definite(n: usize, ridge: f64, seed: u32) -> Vec<f64> {
        let b = numbers(n * n, seed);
        let element = |i: usize, j: usize| {
            let sum: f64 = (0..n).map(|k| b[i * n + k] * b[j * n + k]).sum();
            sum + if i == j { ridge } else { 0.0 }
        };
        (0..n * n).map(|place| element(place / n, place % n)).collect()
    }

    /// The same with NaN above the diagonal, which nobody may read.
    fn lower(matrix: &[f64], n: usize) -> Vec<f64> {
        let mask = |place: usize| if place % n > place / n { f64::NAN } else { matrix[place] };
        (0..n * n).map(mask).collect()
    }

    /// Gaussian elimination with the largest pivot of each column.
    fn eliminate(matrix: &[f64], right: &[f64], n: usize) -> Vec<f64> {
        let mut rows: Vec<Vec<f64>> = (0..n)
            .map(|i| matrix[i * n..][..n].iter().copied().chain([right[i]]).collect())
            .collect();
        for k in 0..n {
            let best = (k..n).max_by(|&a, &b| rows[a][k].abs().total_cmp(&rows[b][k].abs()));
            rows.swap(k, best.unwrap());
            let pivot = rows[k].clone();
            for row in rows.iter_mut().skip(k + 1) {
                let scale = row[k] / pivot[k];
                row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= scale * p);
            }
        }
        let mut x = vec![0.0; n];
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|j| rows[i][j] * x[j]).sum();
            x[i] = (rows[i][n] - known) / rows[i][i];
        }
        x
    }

    proptest! {
        #[test]
        fn solves_what_elimination_solves(n in 0usize..40, ridge in 0.5f64..4.0, seed: u32) {
            let matrix = definite(n, ridge, seed);
            let right = numbers(n, !seed);
            let expected = eliminate(&matrix, &right, n);
            let mut factor = lower(&matrix, n);
            prop_assert!(factorise(&mut factor, n));
            let mut x = right;
            solve(&factor, n, &mut x);
            for (x, expected) in x.iter().zip(expected) {
                prop_assert!((x - expected).abs() < 1e-9 * (1.0 + expected.abs()));
            }
        }

        #[test]
        fn the_factor_and_the_inverse_multiply_back(n in 0usize..40, seed: u32) {
            let matrix = definite(n, 1.0, seed);
            let mut factor = lower(&matrix, n);
            prop_assert!(factorise(&mut factor, n));
            for i in 0..n {
                for j in 0..=i {
                    let product: f64 = (0..=j).map(|k| factor[i * n + k] * factor[j * n + k]).sum();
                    prop_assert!((product - matrix[i * n + j]).abs() < 1e-9);
                }
            }
            let mut inverse = vec![f64::NAN; n * n];
            invert(&mut factor, n, &mut inverse);
            for i in 0..n {
                for j in 0..n {
                    let element = |k: usize| inverse[j.max(k) * n + j.min(k)];
                    let product: f64 = (0..n).map(|k| matrix[i * n + k] * element(k)).sum();
                    let expected = if i == j { 1.0 } else { 0.0 };
                    prop_assert!((product - expected).abs() < 1e-8, "{product} {expected}");
                }
            }
        }

        #[test]
        fn squares_are_added_to_the_lower_triangle(n in 1usize..40, count in 0usize..12, seed: u32) {
            let rows = numbers(count * n, seed);
            let begun = numbers(n * n, !seed);
            let mut matrix = lower(&begun, n);
            add_squares(&mut matrix, n, &rows);
            for i in 0..n {
                for j in 0..=i {
                    let sum: f64 = rows.chunks(n).map(|row| row[i] * row[j]).sum();
                    prop_assert!((matrix[i * n + j] - begun[i * n + j] - sum).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn what_is_not_positive_definite_is_refused(
            n in 1usize..30, place in 0usize..30, seed: u32,
        ) {
            let place = place % n;
            for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
                let mut matrix = definite(n, 1.0, seed);
                matrix[place * n + place] = wrong;
                prop_assert!(!factorise(&mut matrix, n), "{wrong}");
            }
        }
    }
}
