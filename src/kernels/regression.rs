//! The rows of a user's regression in double precision: made of single precision, multiplied
//! with each other, and added up.
//!
//! Rows lie [`padded`] numbers apart, with zeros after their own, so that they are whole
//! vectors of every level, and begin with a cache line where their memory does.

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, Simd};

/// The distance of rows of so many numbers: a multiple of a cache line's eight.
pub const fn padded(width: usize) -> usize {
    width.next_multiple_of(8)
}

/// Rows that are multiplied with others at once.
const ROWS: usize = 4;

/// Widens rows: each number of a row is multiplied by its scale and by the row's share. Calls
/// `done` with each row's place, and with the product of the row as it came and `start`.
///
/// `scale`, and each of the rows in `to`, are [`padded`]; what a row lacks to that becomes 0.
/// No row is longer than `scale`, nor than `start`, unless this is empty: products are 0 then.
pub fn widen_scaled<'a>(
    rows: impl Iterator<Item = (&'a [f32], f64)>,
    scale: &[f64],
    start: &[f32],
    to: &mut [f64],
    done: impl FnMut(usize, f64),
) {
    Level::current().run(Widen { rows, scale, start, to, done });
}

struct Widen<'a, R, D> {
    rows: R,
    scale: &'a [f64],
    start: &'a [f32],
    to: &'a mut [f64],
    done: D,
}

impl<'a, R: Iterator<Item = (&'a [f32], f64)>, D: FnMut(usize, f64)> Kernel for Widen<'_, R, D> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { rows, scale, start, to, mut done } = self;
        let stride = scale.len();
        assert!(stride.is_multiple_of(8), "rows must be whole vectors");
        let zero = simd.splat_double(0.0);
        let to = to.chunks_exact_mut(stride.max(1));
        for ((place, (row, share)), to) in rows.enumerate().zip(to) {
            assert!(
                row.len() <= stride && (start.is_empty() || row.len() <= start.len()),
                "a row must have scales and a start"
            );
            let share = simd.splat_double(share);
            // Two sums in turn, so that none waits for the one before.
            let mut sums = [zero; 2];
            let (lanes, len) = (S::DOUBLES, row.len());
            let mut first = 0;
            // SAFETY: the row and the start hold `count` numbers from `first` on, and the scales
            // and `to` whole vectors, as was asked above.
            unsafe {
                while first + 2 * lanes <= len {
                    for (part, sum) in sums.iter_mut().enumerate() {
                        let place = first + part * lanes;
                        *sum =
                            widen_part(simd, [row, start], [place, lanes], scale, share, to, *sum);
                    }
                    first += 2 * lanes;
                }
                while first < len {
                    let count = lanes.min(len - first);
                    let part = [first, count];
                    sums[0] = widen_part(simd, [row, start], part, scale, share, to, sums[0]);
                    first += lanes;
                }
                for first in (first..stride).step_by(lanes) {
                    simd.store_double(to.as_mut_ptr().add(first), zero);
                }
            }
            let [sum, other] = sums;
            let [sum, other, ..] = simd.sums_of_four([sum, other, zero, zero]);
            done(place, sum + other);
        }
    }
}

/// Widens and scales some of a row's numbers, at most a vector, and adds their products with
/// the start.
///
/// # Safety
/// The row holds `count` numbers from `first` on, at most a vector, and so does the start unless
/// it is empty; `scale` and `to` hold a vector.
#[inline(always)]
unsafe fn widen_part<S: Simd>(
    simd: S,
    [row, start]: [&[f32]; 2],
    [first, count]: [usize; 2],
    scale: &[f64],
    share: S::Double,
    to: &mut [f64],
    sum: S::Double,
) -> S::Double {
    let zero = simd.splat_double(0.0);
    // SAFETY: the caller vouches for all that is read and written here.
    unsafe {
        let numbers = simd.widen_first(row.as_ptr().add(first), count);
        let scale = simd.load_double(scale.as_ptr().add(first));
        let scale = simd.multiply_add_double(scale, share, zero);
        let scaled = simd.multiply_add_double(numbers, scale, zero);
        simd.store_double(to.as_mut_ptr().add(first), scaled);
        if start.is_empty() {
            return sum;
        }
        simd.multiply_add_double(numbers, simd.widen_first(start.as_ptr().add(first), count), sum)
    }
}

/// The products of some rows with four others; all are `stride` numbers, whole vectors.
///
/// # Safety
/// So many numbers can be read from where each row begins.
#[inline(always)]
unsafe fn products_of<S: Simd, const LEFT: usize>(
    simd: S,
    left: [*const f64; LEFT],
    right: [*const f64; 4],
    stride: usize,
) -> [[f64; 4]; LEFT] {
    let mut sums = [[simd.splat_double(0.0); 4]; LEFT];
    for place in (0..stride).step_by(S::DOUBLES) {
        // SAFETY: the caller vouches for whole vectors up to `stride`.
        unsafe {
            let [a, b, c, d] = right;
            let right = [
                simd.load_double(a.add(place)),
                simd.load_double(b.add(place)),
                simd.load_double(c.add(place)),
                simd.load_double(d.add(place)),
            ];
            for (left, sums) in left.into_iter().zip(&mut sums) {
                let left = simd.load_double(left.add(place));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = simd.multiply_add_double(left, right, *sum);
                }
            }
        }
    }
    let mut products = [[0.0; 4]; LEFT];
    for (products, sums) in products.iter_mut().zip(sums) {
        *products = simd.sums_of_four(sums);
    }
    products
}

pass! {
    /// `matrix = rows rows^T`, in its upper triangle, of the first `count` rows; rows lie
    /// `stride` numbers apart, and those of the matrix [`padded`].
    ///
    /// Numbers below the diagonal, and after the columns, mean nothing.
    fn products<'a>(
        simd, rows: &'a [f64], stride: usize, count: usize, matrix: &'a mut [f64]
    ) -> () {
        let columns = padded(count);
        assert!(
            stride.is_multiple_of(8)
                && rows.len() >= count * stride
                && matrix.len() >= count * columns,
            "rows must be whole vectors, and the matrix must have a row for each"
        );
        // A row from `begin` on, or the last of all.
        let row = |place: usize| rows.as_ptr().wrapping_add(place.min(count - 1) * stride);
        let rows_from = |begin: usize| [row(begin), row(begin + 1), row(begin + 2), row(begin + 3)];
        if S::IS_FALLBACK {
            // Small code matters more: row by row.
            for i in 0..count {
                for j in (i..count).step_by(ROWS) {
                    // SAFETY: all of these rows are there, as was asked above.
                    let [products] =
                        unsafe { products_of(simd, [row(i)], rows_from(j), stride) };
                    let room = ROWS.min(columns - j);
                    matrix[i * columns + j..][..room].copy_from_slice(&products[..room]);
                }
            }
            return;
        }
        let whole = count - count % ROWS;
        for i in (0..whole).step_by(ROWS) {
            for j in (i..whole).step_by(ROWS) {
                let right = rows_from(j);
                let mut place = i * columns + j;
                // SAFETY: all of these rows are there, as was asked above.
                let products = unsafe {
                    let [a, b, c, d] = rows_from(i);
                    // Eight sums side by side wait for none, and fit the registers of each level.
                    let [first, second] = products_of(simd, [a, b], right, stride);
                    let [third, fourth] = products_of(simd, [c, d], right, stride);
                    [first, second, third, fourth]
                };
                for products in products {
                    matrix[place..place + ROWS].copy_from_slice(&products);
                    place += columns;
                }
            }
        }
        for i in whole..count {
            for j in (0..whole).step_by(ROWS) {
                // SAFETY: all of these rows are there, as was asked above.
                let [products] = unsafe { products_of(simd, [row(i)], rows_from(j), stride) };
                for (place, product) in products.into_iter().enumerate() {
                    matrix[(j + place) * columns + i] = product;
                }
            }
            // SAFETY: all of these rows are there, as was asked above.
            let [products] = unsafe { products_of(simd, [row(i)], rows_from(whole), stride) };
            matrix[i * columns + whole..][..ROWS].copy_from_slice(&products);
        }
    }
}

pass! {
    /// `out = left right^T`, for rows that lie `stride` numbers apart; those of `out` are
    /// `columns` numbers, padded, and have room for a product with each row on the right.
    fn products_between<'a>(
        simd,
        left: &'a [f64],
        right: &'a [f64],
        stride: usize,
        columns: usize,
        out: &'a mut [f64]
    ) -> () {
        let stride_or_1 = stride.max(1);
        let [rows, others] = [left.len() / stride_or_1, right.len() / stride_or_1];
        assert!(
            stride.is_multiple_of(8)
                && columns.is_multiple_of(8)
                && others <= columns
                && out.len() >= rows * columns,
            "rows must be whole vectors, and there must be a product for each pair"
        );
        let other = |place: usize| right.as_ptr().wrapping_add(place.min(others - 1) * stride);
        let row = |place: usize| left.as_ptr().wrapping_add(place.min(rows - 1) * stride);
        let step = if S::IS_FALLBACK { 1 } else { 2 };
        for i in (0..rows).step_by(step) {
            for j in (0..others).step_by(ROWS) {
                let right = [other(j), other(j + 1), other(j + 2), other(j + 3)];
                if S::IS_FALLBACK {
                    // SAFETY: all of these rows are there: those beyond are the last again.
                    let [products] = unsafe { products_of(simd, [row(i)], right, stride) };
                    out[i * columns + j..][..ROWS].copy_from_slice(&products);
                    continue;
                }
                // SAFETY: all of these rows are there: those beyond are the last again.
                let products = unsafe { products_of(simd, [row(i), row(i + 1)], right, stride) };
                for (i, products) in (i..rows).zip(products) {
                    out[i * columns + j..][..ROWS].copy_from_slice(&products);
                }
            }
        }
    }
}

pass! {
    /// `target += ` the sum of the rows of a dense matrix, each times its weight.
    fn add_weighted_rows<'a>(
        simd, target: &'a mut [f64], weights: &'a [f64], rows: &'a [f64]
    ) -> () {
        const VECTORS: usize = 4;
        let width = target.len();
        assert!(rows.len() >= weights.len() * width, "there must be a row for each weight");
        for first in (0..width).step_by(VECTORS * S::DOUBLES) {
            let count = |vector: usize| {
                S::DOUBLES.min((width - first).saturating_sub(vector * S::DOUBLES))
            };
            let place = |vector: usize| first + vector * S::DOUBLES;
            // SAFETY: `count` is what the target, and each row, hold from a vector's place on.
            unsafe {
                if count(VECTORS - 1) == S::DOUBLES {
                    let mut sums = [simd.splat_double(0.0); VECTORS];
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = simd.load_double(target.as_ptr().add(place(vector)));
                    }
                    for (row, weight) in weights.iter().enumerate() {
                        let weight = simd.splat_double(*weight);
                        let row = rows.as_ptr().add(row * width);
                        for (vector, sum) in sums.iter_mut().enumerate() {
                            let numbers = simd.load_double(row.add(place(vector)));
                            *sum = simd.multiply_add_double(weight, numbers, *sum);
                        }
                    }
                    for (vector, sum) in sums.into_iter().enumerate() {
                        simd.store_double(target.as_mut_ptr().add(place(vector)), sum);
                    }
                    continue;
                }
                for vector in (0..VECTORS).take_while(|vector| count(*vector) > 0) {
                    let (place, count) = (place(vector), count(vector));
                    let mut sum = simd.load_double_first(target.as_ptr().add(place), count);
                    for (row, weight) in weights.iter().enumerate() {
                        let row = rows.as_ptr().add(row * width + place);
                        let numbers = simd.load_double_first(row, count);
                        sum = simd.multiply_add_double(simd.splat_double(*weight), numbers, sum);
                    }
                    simd.store_double_first(target.as_mut_ptr().add(place), sum, count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
