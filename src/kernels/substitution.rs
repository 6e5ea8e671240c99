//! Triangular systems by Cholesky's factors: rows of U four at a time, so that no row waits for
//! the sums of the one before.
//!
//! A factor's rows lie `stride` numbers apart; what stands below its diagonal is not used.

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, Simd};

/// Rows that are solved for at once.
const ROWS: usize = 4;

/// The square on the diagonal of a factor, from row and column `i` on.
#[inline(always)]
fn square(factor: &[f64], stride: usize, i: usize) -> [[f64; ROWS]; ROWS] {
    let mut square = [[0.0; ROWS]; ROWS];
    for (place, row) in square.iter_mut().enumerate() {
        row.copy_from_slice(&factor[(i + place) * stride + i..][..ROWS]);
    }
    square
}

/// Refuses what is no factor of `n` rows with right sides, each `columns` numbers.
#[inline(always)]
fn check(factor: &[f64], n: usize, stride: usize, x: &[f64], columns: usize) {
    assert!(
        n == 0 || (stride >= n && factor.len() >= (n - 1) * stride + n && x.len() >= n * columns),
        "a factor must have all its rows, and as many right sides"
    );
}

/// The rows that are solved ROWS at a time; none where small code matters more.
const fn whole<S: Simd>(n: usize) -> usize {
    if S::IS_FALLBACK { 0 } else { n - n % ROWS }
}

pass! {
    /// Replaces the right side of `U^T x = b` by x, given the factor U.
    fn solve_lower<'a>(simd, factor: &'a [f64], n: usize, stride: usize, x: &'a mut [f64]) -> () {
        check(factor, n, stride, x, 1);
        let whole = whole::<S>(n);
        for i in (0..whole).step_by(ROWS) {
            let square = square(factor, stride, i);
            let mut solved = [0.0; ROWS];
            for place in 0..ROWS {
                let mut now = x[i + place];
                for (row, solved) in square.iter().zip(solved).take(place) {
                    now = simd.multiply_add_one(-row[place], solved, now);
                }
                // Divisions do not wait for sums.
                solved[place] = now * (1.0 / square[place][place]);
            }
            x[i..i + ROWS].copy_from_slice(&solved);
            let solved = solved.map(|solved| simd.splat_double(-solved));
            for column in (i + ROWS..n).step_by(S::DOUBLES) {
                let count = S::DOUBLES.min(n - column);
                // SAFETY: x, and each row, hold `count` numbers from `column` on, as was asked
                // above.
                unsafe {
                    let to = x.as_mut_ptr().add(column);
                    let row = factor.as_ptr().add(i * stride + column);
                    if count == S::DOUBLES {
                        let mut sum = simd.load_double(to);
                        for (place, solved) in solved.into_iter().enumerate() {
                            let row = simd.load_double(row.add(place * stride));
                            sum = simd.multiply_add_double(solved, row, sum);
                        }
                        simd.store_double(to, sum);
                    } else {
                        let mut sum = simd.load_double_first(to, count);
                        for (place, solved) in solved.into_iter().enumerate() {
                            let row = simd.load_double_first(row.add(place * stride), count);
                            sum = simd.multiply_add_double(solved, row, sum);
                        }
                        simd.store_double_first(to, sum, count);
                    }
                }
            }
        }
        for i in whole..n {
            let row = &factor[i * stride..][i..n];
            let (now, after) = x[i..n].split_at_mut(1);
            now[0] *= 1.0 / row[0];
            for (after, number) in after.iter_mut().zip(&row[1..]) {
                *after = simd.multiply_add_one(-number, now[0], *after);
            }
        }
    }
}

pass! {
    /// Replaces the right side of `U x = b` by x, given the factor U.
    fn solve_upper<'a>(simd, factor: &'a [f64], n: usize, stride: usize, x: &'a mut [f64]) -> () {
        check(factor, n, stride, x, 1);
        let whole = whole::<S>(n);
        for i in (whole..n).rev() {
            let row = &factor[i * stride..][i..n];
            let (now, after) = x[i..n].split_at_mut(1);
            for (after, number) in after.iter().zip(&row[1..]) {
                now[0] = simd.multiply_add_one(-number, *after, now[0]);
            }
            now[0] *= 1.0 / row[0];
        }
        for i in (0..whole).step_by(ROWS).rev() {
            let mut sums = [simd.splat_double(0.0); ROWS];
            for column in (i + ROWS..n).step_by(S::DOUBLES) {
                let count = S::DOUBLES.min(n - column);
                // SAFETY: x, and each row, hold `count` numbers from `column` on, as was asked
                // above.
                unsafe {
                    let from = x.as_ptr().add(column);
                    let row = factor.as_ptr().add(i * stride + column);
                    if count == S::DOUBLES {
                        let known = simd.load_double(from);
                        for (place, sum) in sums.iter_mut().enumerate() {
                            let row = simd.load_double(row.add(place * stride));
                            *sum = simd.multiply_add_double(row, known, *sum);
                        }
                    } else {
                        let known = simd.load_double_first(from, count);
                        for (place, sum) in sums.iter_mut().enumerate() {
                            let row = simd.load_double_first(row.add(place * stride), count);
                            *sum = simd.multiply_add_double(row, known, *sum);
                        }
                    }
                }
            }
            let sums = simd.sums_of_four(sums);
            let square = square(factor, stride, i);
            let mut solved = [0.0; ROWS];
            for place in (0..ROWS).rev() {
                let mut now = x[i + place] - sums[place];
                for (number, solved) in square[place].iter().zip(solved).skip(place + 1) {
                    now = simd.multiply_add_one(-number, solved, now);
                }
                solved[place] = now * (1.0 / square[place][place]);
            }
            x[i..i + ROWS].copy_from_slice(&solved);
        }
    }
}

pass! {
    /// Replaces each column of the right side of `U^T X = B` by that of X, given the factor U;
    /// rows of X are `columns` numbers, a multiple of eight.
    fn solve_lower_columns<'a>(
        simd, factor: &'a [f64], n: usize, stride: usize, x: &'a mut [f64], columns: usize
    ) -> () {
        check(factor, n, stride, x, columns);
        assert!(columns.is_multiple_of(8), "columns must be vectors");
        for i in 0..n {
            let share = simd.splat_double(1.0 / factor[i * stride + i]);
            let step = if S::IS_FALLBACK { S::DOUBLES } else { 2 * S::DOUBLES };
            for column in (0..columns).step_by(step) {
                // SAFETY: X has `n` rows of whole vectors, and there is an even number of them
                // on levels whose vectors are shorter than eight.
                unsafe {
                    if columns - column >= 2 * S::DOUBLES && !S::IS_FALLBACK {
                        solve_row::<S, 2>(simd, factor, [i, stride], x, [column, columns], share);
                    } else {
                        solve_row::<S, 1>(simd, factor, [i, stride], x, [column, columns], share);
                    }
                }
            }
        }
    }
}

/// Solves for some vectors of a row, given the rows above.
///
/// # Safety
/// X has these vectors in each row up to this one, and the factor these rows.
#[inline(always)]
unsafe fn solve_row<S: Simd, const VECTORS: usize>(
    simd: S,
    factor: &[f64],
    [i, stride]: [usize; 2],
    x: &mut [f64],
    [column, columns]: [usize; 2],
    share: S::Double,
) {
    let zero = simd.splat_double(0.0);
    // SAFETY: the caller vouches for these rows and vectors.
    unsafe {
        let to = x.as_mut_ptr().add(i * columns + column);
        let mut sums = [zero; VECTORS];
        for earlier in 0..i {
            let scale = simd.splat_double(*factor.as_ptr().add(earlier * stride + i));
            let from = x.as_ptr().add(earlier * columns + column);
            for (vector, sum) in sums.iter_mut().enumerate() {
                let numbers = simd.load_double(from.add(vector * S::DOUBLES));
                *sum = simd.multiply_add_double(scale, numbers, *sum);
            }
        }
        let minus = simd.splat_double(-1.0);
        for (vector, sum) in sums.into_iter().enumerate() {
            let to = to.add(vector * S::DOUBLES);
            let left = simd.multiply_add_double(minus, sum, simd.load_double(to));
            simd.store_double(to, simd.multiply_add_double(left, share, zero));
        }
    }
}

#[cfg(test)]
mod tests;
