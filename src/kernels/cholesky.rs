//! Symmetric positive definite systems by Cholesky's factors, in double
//! precision and in place.
//!
//! A matrix is `n * n` numbers, row-major and without gaps. Only its lower
//! triangle is read; what stands above it does not matter. All inner loops run
//! along rows, so that they vectorise.

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, Simd};

/// The dot product of two slices of one length.
#[inline(always)]
fn dot(left: &[f64], right: &[f64]) -> f64 {
    // Eight sums side by side: the order is fixed, and no addition waits for
    // the one before.
    let mut sums = [0.0; 8];
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..8 {
            sums[lane] += left[lane] * right[lane];
        }
    }
    for (sum, (left, right)) in sums.iter_mut().zip(left_rest.iter().zip(right_rest)) {
        *sum += left * right;
    }
    let four = [sums[0] + sums[4], sums[1] + sums[5], sums[2] + sums[6], sums[3] + sums[7]];
    (four[0] + four[2]) + (four[1] + four[3])
}

/// `target += scale * source`, element by element, inside a kernel.
#[inline(always)]
fn add_multiple(target: &mut [f64], scale: f64, source: &[f64]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target += scale * source;
    }
}

pass! {
    /// `target += scale * source`, element by element.
    fn add_scaled<'a>(_simd, target: &'a mut [f64], scale: f64, source: &'a [f64]) -> () {
        add_multiple(target, scale, source);
    }
}

pass! {
    /// `matrix = rows rows^T`, in its lower triangle; `rows` are of `width` numbers, one
    /// after another.
    fn products<'a>(_simd, rows: &'a [f64], width: usize, matrix: &'a mut [f64]) -> () {
        let width = width.max(1);
        let count = rows.len() / width;
        for (i, (row, products)) in
            rows.chunks_exact(width).zip(matrix.chunks_exact_mut(count.max(1))).enumerate()
        {
            for (product, other) in products[..=i].iter_mut().zip(rows.chunks_exact(width)) {
                *product = dot(row, other);
            }
        }
    }
}

pass! {
    /// `matrix += rows^T rows`, in its lower triangle; `rows` are of `n` numbers,
    /// one after another.
    fn add_squares<'a>(_simd, matrix: &'a mut [f64], n: usize, rows: &'a [f64]) -> () {
        let n = n.max(1);
        let mut fours = rows.chunks_exact(4 * n);
        for four in &mut fours {
            let (a, rest) = four.split_at(n);
            let (b, rest) = rest.split_at(n);
            let (c, d) = rest.split_at(n);
            for (i, sums) in matrix.chunks_exact_mut(n).enumerate() {
                let [by_a, by_b, by_c, by_d] = [a[i], b[i], c[i], d[i]];
                let pairs = a[..=i].iter().zip(&b[..=i]).zip(c[..=i].iter().zip(&d[..=i]));
                for (sum, ((a, b), (c, d))) in sums[..=i].iter_mut().zip(pairs) {
                    *sum += (by_a * a + by_b * b) + (by_c * c + by_d * d);
                }
            }
        }
        for row in fours.remainder().chunks_exact(n) {
            for (i, (sums, scale)) in matrix.chunks_exact_mut(n).zip(row).enumerate() {
                add_multiple(&mut sums[..=i], *scale, &row[..=i]);
            }
        }
    }
}

/// So many columns of a row of the factor are summed side by side.
const COLUMNS: usize = 32;

pass! {
    /// Replaces a matrix by the factor L of `L L^T`, in its lower triangle; the
    /// rest of it is room to compute in.
    ///
    /// `false` if the matrix is not positive definite, or not finite; what is left
    /// in it then is of no use.
    #[must_use]
    fn factorise<'a>(_simd, matrix: &'a mut [f64], n: usize) -> bool {
        // Row `k` of `L^T` is computed at once, and lies above the diagonal: its
        // elements do not wait for each other, as those of a row of L would.
        for k in 0..n {
            let (above, rest) = matrix.split_at_mut(k * n);
            // What is right of the diagonal is what is below it.
            for column in k + 1..n {
                rest[column] = rest[(column - k) * n + k];
            }
            let row = &mut rest[..n];
            let mut end = n;
            // From the right in whole blocks; the first may begin before the
            // diagonal, where what it computes is left out.
            while end > k && end >= COLUMNS {
                subtract_block(above, n, k, end - COLUMNS, row);
                end -= COLUMNS;
            }
            if end > k {
                for earlier in above.chunks_exact(n) {
                    add_multiple(&mut row[k..end], -earlier[k], &earlier[k..end]);
                }
            }
            // A comparison that NaN fails too.
            let square = row[k];
            if !(square > 0.0 && square.is_finite()) {
                return false;
            }
            let pivot = square.sqrt();
            row[k] = pivot;
            let share = 1.0 / pivot;
            row[k + 1..].iter_mut().for_each(|element| *element *= share);
            for column in k + 1..n {
                rest[(column - k) * n + k] = rest[column];
            }
        }
        true
    }
}

/// Subtracts from a block of columns of row `k` what the rows above it say.
#[inline(always)]
fn subtract_block(above: &[f64], n: usize, k: usize, first: usize, row: &mut [f64]) {
    let mut sums = [0.0; COLUMNS];
    for earlier in above.chunks_exact(n) {
        let scale = earlier[k];
        if let Some((block, _)) = earlier[first..].split_first_chunk::<COLUMNS>() {
            for lane in 0..COLUMNS {
                sums[lane] += scale * block[lane];
            }
        }
    }
    let skipped = k.saturating_sub(first);
    for (element, sum) in row[first + skipped..].iter_mut().zip(&sums[skipped..]) {
        *element -= sum;
    }
}

pass! {
    /// Replaces the right side of `L x = b` by x, given the factor L.
    fn solve_lower<'a>(_simd, factor: &'a [f64], n: usize, x: &'a mut [f64]) -> () {
        for (i, row) in factor.chunks_exact(n.max(1)).enumerate() {
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
    }
}

pass! {
    /// Replaces the right side of `L^T x = b` by x, given the factor L.
    fn solve_upper<'a>(_simd, factor: &'a [f64], n: usize, x: &'a mut [f64]) -> () {
        for (i, row) in factor.chunks_exact(n.max(1)).enumerate().rev() {
            let (before, x) = x.split_at_mut(i);
            x[0] /= row[i];
            add_multiple(before, -x[0], &row[..i]);
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
    fn invert<'a>(_simd, factor: &'a mut [f64], n: usize, inverse: &'a mut [f64]) -> () {
        for i in 0..n {
            let (above, row) = factor.split_at_mut(i * n);
            let row = &mut row[..=i];
            // Elements from `k` on are still the factor's when their turn comes.
            for (k, other) in above.chunks_exact(n).enumerate() {
                let scale = std::mem::take(&mut row[k]);
                add_multiple(&mut row[..=k], scale, &other[..=k]);
            }
            let pivot = 1.0 / row[i];
            row[..i].iter_mut().for_each(|element| *element *= -pivot);
            row[i] = pivot;
        }
        inverse.fill(0.0);
        for (k, row) in factor.chunks_exact(n.max(1)).enumerate() {
            for i in 0..=k {
                add_multiple(&mut inverse[i * n..=i * n + i], row[i], &row[..=i]);
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
