//! Symmetric positive definite systems by Cholesky's factors, in double
//! precision and in place.
//!
//! A matrix is `n * n` numbers, row-major and without gaps. Only its upper triangle is read;
//! the numbers below it do not matter, and may be overwritten. The loops that take time run
//! along rows, in vectors. The types for what callers hold are in [`symmetric`](super::symmetric).

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, MAX_LANES, Simd};

/// The dot product of two slices of one length.
#[inline(always)]
fn dot<S: Simd>(simd: S, left: &[f64], right: &[f64]) -> f64 {
    // Two sums side by side, so that additions wait less for the one before.
    let mut sums = [simd.splat_double(0.0); 2];
    let len = left.len().min(right.len());
    let whole = len - len % (2 * S::DOUBLES);
    for first in (0..whole).step_by(2 * S::DOUBLES) {
        for (part, sum) in sums.iter_mut().enumerate() {
            let place = first + part * S::DOUBLES;
            // SAFETY: both slices hold two vectors from `first` on.
            unsafe {
                let left = simd.load_double(left.as_ptr().add(place));
                *sum = simd.multiply_add_double(
                    left,
                    simd.load_double(right.as_ptr().add(place)),
                    *sum,
                );
            }
        }
    }
    let mut total = 0.0;
    for lane in lanes(simd, sums).into_iter().take(2 * S::DOUBLES) {
        total += lane;
    }
    for (left, right) in left[whole..len].iter().zip(&right[whole..len]) {
        total = simd.multiply_add_one(*left, *right, total);
    }
    total
}

/// Two vectors' numbers; zeros after them.
#[inline(always)]
fn lanes<S: Simd>(simd: S, vectors: [S::Double; 2]) -> [f64; MAX_LANES] {
    let mut lanes = [0.0; MAX_LANES];
    for (part, vector) in vectors.into_iter().enumerate() {
        // SAFETY: two vectors have LANES numbers, at most MAX_LANES.
        unsafe { simd.store_double(lanes.as_mut_ptr().add(part * S::DOUBLES), vector) };
    }
    lanes
}

/// `target += scale * source`, element by element, inside a kernel.
#[inline(always)]
fn add_multiple<S: Simd>(simd: S, target: &mut [f64], scale: f64, source: &[f64]) {
    let len = target.len().min(source.len());
    let whole = len - len % S::DOUBLES;
    let factor = simd.splat_double(scale);
    for place in (0..whole).step_by(S::DOUBLES) {
        // SAFETY: both slices hold a vector from `place` on.
        unsafe {
            let to = target.as_mut_ptr().add(place);
            let source = simd.load_double(source.as_ptr().add(place));
            simd.store_double(to, simd.multiply_add_double(factor, source, simd.load_double(to)));
        }
    }
    for (target, source) in target[whole..len].iter_mut().zip(&source[whole..len]) {
        *target = simd.multiply_add_one(scale, *source, *target);
    }
}

/// Rows of a tile of sums that are kept side by side; it is two vectors wide.
const ROWS: usize = 4;

/// Whether a matrix of this width has tiles.
const fn has_tiles<S: Simd>(n: usize) -> bool {
    n >= 2 * S::DOUBLES
}

/// Zeros, and as many ones: factors that leave out a tile's first columns.
const LEFT_OUT: [f64; 2 * MAX_LANES] = {
    let mut numbers = [0.0; 2 * MAX_LANES];
    let mut place = MAX_LANES;
    while place < numbers.len() {
        numbers[place] = 1.0;
        place += 1;
    }
    numbers
};

/// Adds to a tile, whose rows begin in `target` and whose columns are those from `column`
/// on, `scale` times the sums over the rows of a dense matrix, of `n` columns, of their
/// elements in `row + i` and in each of the columns multiplied, for each row `i` of the
/// tile. Of its rows and of its columns the first few are left out: columns by adding 0
/// times the sum, which changes only what is not read, or is beyond floats already.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a tile is all of these")]
fn add_tile<S: Simd>(
    simd: S,
    rows: &[f64],
    n: usize,
    row: usize,
    column: usize,
    scale: f64,
    [rows_out, columns_out]: [usize; 2],
    target: &mut [f64],
) {
    let width = 2 * S::DOUBLES;
    assert!(
        row + ROWS <= n && column + width <= n && columns_out < width && target.len() / ROWS >= n,
        "a tile must lie inside its matrix"
    );
    let mut sums = [[simd.splat_double(0.0); 2]; ROWS];
    for numbers in rows.chunks_exact(n) {
        // SAFETY: `numbers` are `n`, and what is read ends at or before that, as was asked
        // above.
        unsafe {
            let (left, right) = (numbers.as_ptr().add(row), numbers.as_ptr().add(column));
            let right = [simd.load_double(right), simd.load_double(right.add(S::DOUBLES))];
            for (i, sums) in sums.iter_mut().enumerate() {
                let left = simd.splat_double(*left.add(i));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = simd.multiply_add_double(left, right, *sum);
                }
            }
        }
    }
    let (scale, zero) = (simd.splat_double(scale), simd.splat_double(0.0));
    // SAFETY: LEFT_OUT has two vectors from there on, since fewer columns are left out than
    // their lanes, which are at most MAX_LANES; `target` has ROWS rows of `n` numbers, of
    // which the columns are a part.
    unsafe {
        let from = LEFT_OUT.as_ptr().add(MAX_LANES - columns_out);
        let scales = [
            simd.multiply_add_double(scale, simd.load_double(from), zero),
            simd.multiply_add_double(scale, simd.load_double(from.add(S::DOUBLES)), zero),
        ];
        // Only by places that are known beforehand, or the sums would not be in registers.
        for (i, sums) in sums.into_iter().enumerate() {
            if i < rows_out {
                continue;
            }
            for (part, (sum, scale)) in sums.into_iter().zip(scales).enumerate() {
                let to = target.as_mut_ptr().add(i * n + column + part * S::DOUBLES);
                let sum = simd.multiply_add_double(scale, sum, simd.load_double(to));
                simd.store_double(to, sum);
            }
        }
    }
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
    /// `products = rows vector`; `rows` are as long as the vector, one after another.
    fn row_products<'a>(
        simd, rows: &'a [f64], vector: &'a [f64], products: &'a mut [f64]
    ) -> () {
        for (product, row) in products.iter_mut().zip(rows.chunks_exact(vector.len().max(1))) {
            *product = dot(simd, row, vector);
        }
    }
}

pass! {
    /// `matrix = rows rows^T`, in its upper triangle; `rows` are of `width` numbers, one
    /// after another.
    fn products<'a>(simd, rows: &'a [f64], width: usize, matrix: &'a mut [f64]) -> () {
        let width = width.max(1);
        let count = rows.len() / width;
        for (i, (row, products)) in
            rows.chunks_exact(width).zip(matrix.chunks_exact_mut(count.max(1))).enumerate()
        {
            let others = rows[i * width..].chunks_exact(width);
            for (product, other) in products[i..].iter_mut().zip(others) {
                *product = dot(simd, row, other);
            }
        }
    }
}

pass! {
    /// `matrix += rows^T rows`, in its upper triangle; `rows` are of `n` numbers,
    /// one after another.
    fn add_squares<'a>(simd, matrix: &'a mut [f64], n: usize, rows: &'a [f64]) -> () {
        if !has_tiles::<S>(n) {
            for row in rows.chunks_exact(n.max(1)) {
                for (i, (sums, scale)) in matrix.chunks_exact_mut(n).zip(row).enumerate() {
                    add_multiple(simd, &mut sums[i..], *scale, &row[i..]);
                }
            }
            return;
        }
        let width = 2 * S::DOUBLES;
        for i in (0..n).step_by(ROWS) {
            for j in (i..n).step_by(width) {
                // The last tiles begin earlier, and what was added before is left out.
                let (row, column) = (i.min(n - ROWS), j.min(n - width));
                let left_out = [i - row, j - column];
                add_tile(simd, rows, n, row, column, 1.0, left_out, &mut matrix[row * n..]);
            }
        }
    }
}

pass! {
    /// Replaces a matrix by the factor U of `U^T U`, in its upper triangle.
    ///
    /// Returns `false` if the matrix is not positive definite, or not finite; its contents
    /// are then of no use.
    #[must_use]
    fn factorise<'a>(simd, matrix: &'a mut [f64], n: usize) -> bool {
        let mut k = 0;
        while k < n {
            let (above, rest) = matrix.split_at_mut(k * n);
            // Where the vectors begin that end with the rows and hold all that is right of
            // the block on the diagonal; at the first rows there may be no room for them.
            let begin = match n - k {
                left if has_tiles::<S>(n) && left >= ROWS => {
                    n.checked_sub((left - ROWS).next_multiple_of(S::DOUBLES))
                }
                _ => None,
            };
            let (rows, done) = match begin {
                Some(begin) => (ROWS, factorise_rows(simd, above, n, k, begin, rest)),
                None => (1, factorise_row(simd, above, n, k, &mut rest[..n])),
            };
            if !done {
                return false;
            }
            k += rows;
        }
        true
    }
}

/// The root of a pivot and its reciprocal, if it is above 0 and finite.
#[inline(always)]
fn root(square: f64) -> Option<(f64, f64)> {
    // A comparison that NaN fails too.
    if !(square > 0.0 && square.is_finite()) {
        return None;
    }
    let pivot = square.sqrt();
    Some((pivot, 1.0 / pivot))
}

/// Computes row `k` of the factor, given the rows above it.
#[inline(always)]
fn factorise_row<S: Simd>(simd: S, above: &[f64], n: usize, k: usize, row: &mut [f64]) -> bool {
    for earlier in above.chunks_exact(n) {
        add_multiple(simd, &mut row[k..], -earlier[k], &earlier[k..]);
    }
    let Some((pivot, share)) = root(row[k]) else { return false };
    row[k] = pivot;
    row[k + 1..].iter_mut().for_each(|element| *element *= share);
    true
}

/// Computes a tile's rows of the factor, from row `k` on, given the rows above them;
/// `rows` begins with them, and in vectors from column `begin` on they are computed.
#[inline(always)]
fn factorise_rows<S: Simd>(
    simd: S,
    above: &[f64],
    n: usize,
    k: usize,
    begin: usize,
    rows: &mut [f64],
) -> bool {
    let width = 2 * S::DOUBLES;
    for column in (k..n).step_by(width) {
        // As in `add_squares`.
        let first = column.min(n - width);
        add_tile(simd, above, n, k, first, -1.0, [0, column - first], rows);
    }
    // The block on the diagonal comes first, since everything else depends on it.
    let (mut block, mut shares) = ([[0.0; ROWS]; ROWS], [0.0; ROWS]);
    for (row, block) in rows.chunks_exact(n).zip(&mut block) {
        block.copy_from_slice(&row[k..k + ROWS]);
    }
    for i in 0..ROWS {
        let (earlier, now) = block.split_at_mut(i);
        let now = &mut now[0];
        for earlier in earlier {
            for j in i..ROWS {
                now[j] = simd.multiply_add_one(-earlier[i], earlier[j], now[j]);
            }
        }
        let Some((pivot, share)) = root(now[i]) else { return false };
        shares[i] = share;
        now[i] = pivot;
        now[i + 1..].iter_mut().for_each(|element| *element *= share);
    }
    // The columns to the right of it.
    assert!(
        rows.len() / ROWS >= n && begin <= n && (n - begin).is_multiple_of(S::DOUBLES),
        "the rows must be there, and vectors must end with them"
    );
    let zero = simd.splat_double(0.0);
    for column in (begin..n).step_by(S::DOUBLES) {
        let mut done = [zero; ROWS];
        for i in 0..ROWS {
            // SAFETY: there are ROWS rows of `n` numbers, and vectors from `begin` on end
            // with them, as was asked above.
            unsafe {
                let place = rows.as_mut_ptr().add(i * n + column);
                let mut now = simd.load_double(place);
                for (earlier, done) in block.iter().zip(done).take(i) {
                    now = simd.multiply_add_double(simd.splat_double(-earlier[i]), done, now);
                }
                done[i] = simd.multiply_add_double(now, simd.splat_double(shares[i]), zero);
                simd.store_double(place, done[i]);
            }
        }
    }
    // Last, for the first vectors may lie over it.
    for (row, block) in rows.chunks_exact_mut(n).zip(block) {
        row[k..k + ROWS].copy_from_slice(&block);
    }
    true
}

pass! {
    /// Replaces the right side of `U^T x = b` by x, given the factor U.
    fn solve_lower<'a>(simd, factor: &'a [f64], n: usize, x: &'a mut [f64]) -> () {
        for (i, row) in factor.chunks_exact(n.max(1)).enumerate() {
            x[i] /= row[i];
            let (now, after) = x[i..].split_at_mut(1);
            add_multiple(simd, after, -now[0], &row[i + 1..]);
        }
    }
}

pass! {
    /// Replaces the right side of `U x = b` by x, given the factor U.
    fn solve_upper<'a>(simd, factor: &'a [f64], n: usize, x: &'a mut [f64]) -> () {
        for (i, row) in factor.chunks_exact(n.max(1)).enumerate().rev() {
            x[i] = (x[i] - dot(simd, &row[i + 1..], &x[i + 1..])) / row[i];
        }
    }
}

/// Copies the lower triangle to the upper one.
fn mirror_up(matrix: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..i {
            matrix[j * n + i] = matrix[i * n + j];
        }
    }
}

/// Copies the upper triangle to the lower one.
fn mirror_down(matrix: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..i {
            matrix[i * n + j] = matrix[j * n + i];
        }
    }
}

pass! {
    /// Writes A's inverse, all of it, and below the diagonal of A's factor, and on it, the
    /// inverse of `U^T`.
    fn invert<'a>(simd, factor: &'a mut [f64], n: usize, inverse: &'a mut [f64]) -> () {
        mirror_down(factor, n);
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
        mirror_up(inverse, n);
    }
}

#[cfg(test)]
mod tests;
