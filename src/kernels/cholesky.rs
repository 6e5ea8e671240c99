//! Symmetric positive definite systems by Cholesky's factors, in double
//! precision and in place.
//!
//! A matrix is `n * n` numbers, row-major and without gaps. Only its upper triangle is read;
//! the numbers below it do not matter, and may be overwritten. The loops that take time run
//! along rows, in vectors. The types for what callers hold are in [`symmetric`](super::symmetric).

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, MAX_LANES, Simd};

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

/// Rows of a tile of sums that are kept side by side; it is at most two vectors wide.
const ROWS: usize = 4;

/// Whether a matrix of this width has tiles; where small code matters more, none has.
const fn has_tiles<S: Simd>(n: usize) -> bool {
    !S::IS_FALLBACK && n >= 2 * S::DOUBLES
}

/// Rows that are squared at once, which stay in the first cache: 16 KB with 64 numbers each.
const AT_ONCE: usize = 32;

pass! {
    /// `matrix += rows^T rows`, or `matrix = rows^T rows` if it `is_new`, in its upper triangle
    /// of `n` rows; these and `rows` lie `stride` numbers apart.
    fn add_squares<'a>(
        simd, matrix: &'a mut [f64], n: usize, stride: usize, rows: &'a [f64], is_new: bool
    ) -> () {
        if n == 0 {
            return;
        }
        assert!(
            stride >= n && matrix.len() >= (n - 1) * stride + n,
            "a matrix must have all its rows"
        );
        if is_new && rows.is_empty() {
            matrix.fill(0.0);
        }
        // Whole vectors, where there is room for them.
        let whole = n.next_multiple_of(S::DOUBLES);
        let fits = whole <= stride && matrix.len() >= (n - 1) * stride + whole;
        let columns = if fits { whole } else { n };
        for (place, rows) in rows.chunks(AT_ONCE * stride).enumerate() {
            let is_new = is_new && place == 0;
            let mut squares = Squares { matrix: &mut *matrix, stride, rows, is_new };
            let mut row = 0;
            while row < n {
                let height = if n - row >= ROWS && !S::IS_FALLBACK { ROWS } else { 1 };
                for column in (row - row % S::DOUBLES..columns).step_by(2 * S::DOUBLES) {
                    // SAFETY: rows up to `n` are there, and have `columns`, as was asked above.
                    unsafe {
                        match height == ROWS {
                            true => squares.add::<S, ROWS>(simd, row, column, columns),
                            false => squares.add::<S, 1>(simd, row, column, columns),
                        }
                    }
                }
                row += height;
            }
        }
    }
}

/// A matrix to which rows' squares are added, or which is set to them.
struct Squares<'a> {
    matrix: &'a mut [f64],
    stride: usize,
    rows: &'a [f64],
    is_new: bool,
}

impl Squares<'_> {
    /// Adds to a tile, from this row and column on, of two vectors or as many as there are.
    ///
    /// # Safety
    /// The matrix has these rows, and `columns`, as the rows have; `column` is below them.
    #[inline(always)]
    unsafe fn add<S: Simd, const HEIGHT: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        columns: usize,
    ) {
        let (lanes, left) = (S::DOUBLES, columns - column);
        // SAFETY: the caller vouches for the tile; its last vector is cut where columns end.
        unsafe {
            if left >= 2 * lanes {
                self.tile::<S, HEIGHT, 2>(simd, row, column, lanes);
            } else if left > lanes {
                self.tile::<S, HEIGHT, 2>(simd, row, column, left - lanes);
            } else if left == lanes {
                self.tile::<S, HEIGHT, 1>(simd, row, column, lanes);
            } else {
                self.tile::<S, HEIGHT, 1>(simd, row, column, left);
            }
        }
    }

    /// The same with so many vectors, of the last of which `last` lanes count.
    ///
    /// # Safety
    /// That of [`Squares::add`].
    #[inline(always)]
    unsafe fn tile<S: Simd, const HEIGHT: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        last: usize,
    ) {
        let (zero, one) = (simd.splat_double(0.0), simd.splat_double(1.0));
        let count = |vector: usize| if vector + 1 == VECTORS { last } else { S::DOUBLES };
        let mut sums = [[zero; VECTORS]; HEIGHT];
        // SAFETY: the caller vouches for all that is read and written.
        unsafe {
            for numbers in self.rows.chunks_exact(self.stride) {
                let from = numbers.as_ptr();
                let mut right = [zero; VECTORS];
                for (vector, right) in right.iter_mut().enumerate() {
                    let from = from.add(column + vector * S::DOUBLES);
                    *right = load_up_to(simd, from, count(vector));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let left = simd.splat_double(*from.add(row + i));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = simd.multiply_add_double(left, right, *sum);
                    }
                }
            }
            let to = self.matrix.as_mut_ptr().add(row * self.stride + column);
            for (i, sums) in sums.into_iter().enumerate() {
                for (vector, mut sum) in sums.into_iter().enumerate() {
                    let to = to.add(i * self.stride + vector * S::DOUBLES);
                    if !self.is_new {
                        let before = load_up_to(simd, to, count(vector));
                        sum = simd.multiply_add_double(one, sum, before);
                    }
                    store_up_to(simd, to, sum, count(vector));
                }
            }
        }
    }
}

pass! {
    /// Replaces a matrix by the factor U of `U^T U`, in its upper triangle; rows lie `stride`
    /// numbers apart.
    ///
    /// Returns `false` if the matrix is not positive definite, or not finite; its contents
    /// are then of no use.
    #[must_use]
    fn factorise<'a>(simd, matrix: &'a mut [f64], n: usize, stride: usize) -> bool {
        let mut k = 0;
        while k < n {
            let (above, rest) = matrix.split_at_mut(k * stride);
            let (rows, done) = match has_tiles::<S>(n) && n - k >= ROWS {
                true => (ROWS, factorise_rows(simd, above, [n, stride], k, rest)),
                false => (1, factorise_row(simd, above, stride, k, &mut rest[..n])),
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
fn factorise_row<S: Simd>(
    simd: S,
    above: &[f64],
    stride: usize,
    k: usize,
    row: &mut [f64],
) -> bool {
    for earlier in above.chunks_exact(stride) {
        add_multiple(simd, &mut row[k..], -earlier[k], &earlier[k..]);
    }
    let Some((pivot, share)) = root(row[k]) else { return false };
    row[k] = pivot;
    row[k + 1..].iter_mut().for_each(|element| *element *= share);
    true
}

/// Computes a tile's rows of the factor, from row `k` on, given the rows above them; `rows`
/// begins with them.
#[inline(always)]
fn factorise_rows<S: Simd>(
    simd: S,
    above: &[f64],
    [n, stride]: [usize; 2],
    k: usize,
    rows: &mut [f64],
) -> bool {
    assert!(
        k + ROWS <= n
            && n <= stride
            && above.len() == k * stride
            && rows.len() >= (ROWS - 1) * stride + n,
        "the rows must be there"
    );
    let block = Block { above: above.as_ptr(), rows: rows.as_mut_ptr(), stride, k };
    // SAFETY: there are `k` rows above and ROWS from `k` on, all with `n` columns.
    let done = unsafe {
        // As few vectors as hold the square: with two where one would do, small libraries had 10
        // KB more, and no measured speed.
        match S::DOUBLES >= ROWS {
            true => block.factorise::<S, 1>(simd, n),
            false => block.factorise::<S, 2>(simd, n),
        }
    };
    let Some(square) = done else { return false };
    for (i, row) in square.into_iter().enumerate() {
        rows[i * stride + k..][..ROWS].copy_from_slice(&row);
    }
    true
}

/// ROWS rows of a matrix that is being factorised, from row `k` on, below `k` rows of the
/// factor.
#[derive(Clone, Copy)]
struct Block {
    above: *const f64,
    rows: *mut f64,
    stride: usize,
    k: usize,
}

impl Block {
    /// Computes the factor's rows, but for the square on the diagonal, which is returned. It
    /// lies in the first columns' vectors.
    ///
    /// # Safety
    /// All rows can be read, and those from `k` on written, up to column `n`; at least ROWS
    /// columns are left.
    #[inline(always)]
    unsafe fn factorise<S: Simd, const VECTORS: usize>(
        self,
        simd: S,
        n: usize,
    ) -> Option<[[f64; ROWS]; ROWS]> {
        let lanes = S::DOUBLES;
        let last = |column: usize, vectors: usize| lanes.min(n - column - (vectors - 1) * lanes);
        // The square on the diagonal comes first, since everything else depends on it: sums
        // for other columns are computed while its roots and divisions wait for each other.
        // SAFETY: the caller vouches for `n` columns, and no vector's lanes go beyond.
        unsafe {
            // Here, and for a single vector, code of its own for whole vectors gained nothing.
            let first = self.sums_of::<S, VECTORS>(simd, self.k, last(self.k, VECTORS));
            let mut square = [[0.0; ROWS]; ROWS];
            for (row, vectors) in square.iter_mut().zip(&first) {
                let mut numbers = [0.0; 2 * MAX_LANES];
                for (vector, to) in vectors.iter().zip(numbers.chunks_exact_mut(lanes)) {
                    simd.store_double(to.as_mut_ptr(), *vector);
                }
                row.copy_from_slice(&numbers[..ROWS]);
            }
            let shares = factorise_square(simd, &mut square)?;
            self.finish(simd, self.k, last(self.k, VECTORS), first, &square, shares);
            let mut column = self.k + VECTORS * lanes;
            while column < n {
                if n - column > lanes {
                    let last = last(column, 2);
                    let sums = self.sums::<S, 2>(simd, column, last);
                    self.finish(simd, column, last, sums, &square, shares);
                } else {
                    let last = last(column, 1);
                    let sums = self.sums_of::<S, 1>(simd, column, last);
                    self.finish(simd, column, last, sums, &square, shares);
                }
                column += 2 * lanes;
            }
            Some(square)
        }
    }

    /// The matrix's elements less what the rows above take from them, in vectors from `column`
    /// on, `last` lanes of the last one.
    ///
    /// # Safety
    /// The rows have these columns.
    #[inline(always)]
    unsafe fn sums<S: Simd, const VECTORS: usize>(
        self,
        simd: S,
        column: usize,
        last: usize,
    ) -> [[S::Double; VECTORS]; ROWS] {
        // SAFETY: the caller vouches for all that is read.
        unsafe {
            match last == S::DOUBLES {
                true => self.sums_of::<S, VECTORS>(simd, column, S::DOUBLES),
                false => self.sums_of::<S, VECTORS>(simd, column, last),
            }
        }
    }

    /// # Safety
    /// That of [`Block::sums`].
    #[inline(always)]
    unsafe fn sums_of<S: Simd, const VECTORS: usize>(
        self,
        simd: S,
        column: usize,
        last: usize,
    ) -> [[S::Double; VECTORS]; ROWS] {
        let zero = simd.splat_double(0.0);
        let mut sums = [[zero; VECTORS]; ROWS];
        // SAFETY: the caller vouches for all that is read.
        unsafe {
            for row in 0..self.k {
                let row = self.above.add(row * self.stride);
                let mut right = [zero; VECTORS];
                for (vector, right) in right.iter_mut().enumerate() {
                    let from = row.add(column + vector * S::DOUBLES);
                    let count = if vector + 1 == VECTORS { last } else { S::DOUBLES };
                    *right = load_up_to(simd, from, count);
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let left = simd.splat_double(*row.add(self.k + i));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = simd.multiply_add_double(left, right, *sum);
                    }
                }
            }
            let minus = simd.splat_double(-1.0);
            for (i, sums) in sums.iter_mut().enumerate() {
                for (vector, sum) in sums.iter_mut().enumerate() {
                    let from = self.rows.add(i * self.stride + column + vector * S::DOUBLES);
                    let count = if vector + 1 == VECTORS { last } else { S::DOUBLES };
                    *sum = simd.multiply_add_double(minus, *sum, load_up_to(simd, from, count));
                }
            }
        }
        sums
    }

    /// Computes and stores these columns of the factor, given the square on the diagonal.
    ///
    /// # Safety
    /// The rows have these columns.
    #[inline(always)]
    unsafe fn finish<S: Simd, const VECTORS: usize>(
        self,
        simd: S,
        column: usize,
        last: usize,
        sums: [[S::Double; VECTORS]; ROWS],
        square: &[[f64; ROWS]; ROWS],
        shares: [f64; ROWS],
    ) {
        let zero = simd.splat_double(0.0);
        for vector in 0..VECTORS {
            let count = if vector + 1 == VECTORS { last } else { S::DOUBLES };
            let mut done = [zero; ROWS];
            for (i, sums) in sums.iter().enumerate() {
                let mut now = sums[vector];
                for (earlier, done) in square.iter().zip(done).take(i) {
                    now = simd.multiply_add_double(simd.splat_double(-earlier[i]), done, now);
                }
                done[i] = simd.multiply_add_double(now, simd.splat_double(shares[i]), zero);
                // SAFETY: the caller vouches for these columns.
                unsafe {
                    let to = self.rows.add(i * self.stride + column + vector * S::DOUBLES);
                    store_up_to(simd, to, done[i], count);
                }
            }
        }
    }
}

/// Factorises the square on the diagonal, and returns its pivots' reciprocals.
#[inline(always)]
fn factorise_square<S: Simd>(simd: S, square: &mut [[f64; ROWS]; ROWS]) -> Option<[f64; ROWS]> {
    // Rows first as they are before their pivots' roots divide them, for which only the next
    // row's pivot would wait: a root takes twice as long as the division that is left.
    let mut pivots = [0.0; ROWS];
    for i in 0..ROWS {
        let (done, later) = square.split_at_mut(i + 1);
        let now = &done[i];
        pivots[i] = now[i];
        let share = 1.0 / now[i];
        for (j, later) in later.iter_mut().enumerate() {
            let factor = -(now[i + 1 + j] * share);
            let after = later[i + 1 + j..].iter_mut().zip(&now[i + 1 + j..]);
            after.for_each(|(to, number)| *to = simd.multiply_add_one(factor, *number, *to));
        }
    }
    let mut shares = [0.0; ROWS];
    for (i, row) in square.iter_mut().enumerate() {
        let (pivot, share) = root(pivots[i])?;
        shares[i] = share;
        row[i] = pivot;
        row[i + 1..].iter_mut().for_each(|element| *element *= share);
    }
    Some(shares)
}

/// The first `count` numbers.
///
/// # Safety
/// So many can be read at `from`, at most a vector.
#[inline(always)]
unsafe fn load_up_to<S: Simd>(simd: S, from: *const f64, count: usize) -> S::Double {
    // SAFETY: the caller vouches for `count` numbers.
    unsafe {
        match count == S::DOUBLES {
            true => simd.load_double(from),
            false => simd.load_double_first(from, count),
        }
    }
}

/// Writes the first `count` lanes.
///
/// # Safety
/// So many numbers can be written at `to`, at most a vector.
#[inline(always)]
unsafe fn store_up_to<S: Simd>(simd: S, to: *mut f64, vector: S::Double, count: usize) {
    // SAFETY: the caller vouches for `count` numbers.
    unsafe {
        match count == S::DOUBLES {
            true => simd.store_double(to, vector),
            false => simd.store_double_first(to, vector, count),
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
pub(super) mod tests;
