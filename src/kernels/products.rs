//! Rows times one vector: a linear head's outputs for many items.

use super::level::Level;
use super::matrix::Matrix;
use super::simd::{Kernel, Simd};

/// The number of rows that are multiplied side by side, so that no sum waits for the one
/// before.
const AT_ONCE: usize = 8;

/// The number of rows ahead that are prefetched, a cache line at a time.
const AHEAD: usize = 16;
const LINE: usize = 16;

/// Writes the product of each row with `weights`, plus `bias`.
///
/// All rows are summed in the same order: a row has the same bits at any place. There is a
/// product for each row, and a weight for each column.
pub fn products_of_rows(rows: Matrix, weights: &[f32], bias: f32, products: &mut [f32]) {
    Level::current().run(Products { rows, listed: None, weights, bias, products });
}

/// The same of some rows of a dense matrix: the product of each row with `weights`, plus `bias`.
///
/// A row has the same bits as in [`products_of_rows`]. `rows` has a whole row, as long as the
/// weights, for each of `listed`.
pub fn products_of_listed(
    rows: &[f32],
    listed: &[u32],
    weights: &[f32],
    bias: f32,
    products: &mut [f32],
) {
    let width = weights.len();
    // Rows without numbers need no memory.
    let count = rows.len().checked_div(width).unwrap_or(usize::MAX);
    let rows = Matrix::dense(rows, count, width);
    Level::current().run(Products { rows, listed: Some(listed), weights, bias, products });
}

struct Products<'a> {
    rows: Matrix<'a>,
    /// The rows to multiply, or else all.
    listed: Option<&'a [u32]>,
    weights: &'a [f32],
    bias: f32,
    products: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { rows, listed, weights, bias, products } = self;
        let count = listed.map_or(rows.rows, <[u32]>::len);
        assert!(
            (count, rows.columns, rows.column_stride) == (products.len(), weights.len(), 1),
            "there must be a weight for each column, and a product for each row"
        );
        let is_there = |row: &u32| (*row as usize) < rows.rows;
        assert!(listed.is_none_or(|listed| listed.iter().all(is_there)), "a row must be there");
        let (from, stride) = (rows.data.as_ptr(), rows.row_stride);
        for (place, products) in products.chunks_mut(AT_ONCE).enumerate() {
            let first = place * AT_ONCE;
            // The last rows are filled up with the last of them. Not by functions of arrays, which
            // are calls where all else is optimised for size.
            let mut begins = [from; AT_ONCE];
            match listed {
                None => {
                    let ahead = from.wrapping_add((first + AHEAD) * stride);
                    // The rows after these may lie beyond the last: prefetching reads nothing.
                    for line in (0..AT_ONCE * stride).step_by(LINE) {
                        simd.prefetch(ahead.wrapping_add(line));
                    }
                    let mut begin = from.wrapping_add(first * stride);
                    let last = from.wrapping_add((count - 1) * stride);
                    for to in &mut begins {
                        *to = begin;
                        begin = last.min(begin.wrapping_add(stride));
                    }
                }
                Some(listed) => {
                    for row in listed.iter().skip(first + AT_ONCE).take(AT_ONCE) {
                        let ahead = from.wrapping_add(*row as usize * stride);
                        for line in (0..stride).step_by(LINE) {
                            simd.prefetch(ahead.wrapping_add(line));
                        }
                    }
                    for (place, to) in (first..).zip(&mut begins) {
                        *to = from.wrapping_add(listed[place.min(count - 1)] as usize * stride);
                    }
                }
            }
            // SAFETY: each of these is where one of the matrix's rows begins, as long as the
            // weights: listed ones were asked for above.
            let sums = unsafe { at_once(simd, begins, weights) };
            for (product, sum) in products.iter_mut().zip(simd.sums(sums)) {
                *product = sum + bias;
            }
        }
    }
}

/// The products of rows, given where they begin, in as many parts as a vector has lanes.
///
/// # Safety
/// As many numbers as there are weights can be read from where each row begins.
#[inline(always)]
unsafe fn at_once<S: Simd>(
    simd: S,
    rows: [*const f32; AT_ONCE],
    weights: &[f32],
) -> [S::Vector; AT_ONCE] {
    let mut sums = [simd.splat(0.0); AT_ONCE];
    let rest = weights.len() % S::LANES;
    let whole = weights.len() - rest;
    // SAFETY: the weights hold LANES numbers from each place on, and `rest` after those; the
    // caller vouches for as many of each row.
    unsafe {
        for place in (0..whole).step_by(S::LANES) {
            let weights = simd.load(weights.as_ptr().add(place));
            for (row, sum) in rows.iter().zip(&mut sums) {
                let numbers = simd.load(row.add(place));
                *sum = simd.multiply_add(numbers, weights, *sum);
            }
        }
        if rest > 0 {
            let weights = simd.load_first(weights.as_ptr().add(whole), rest);
            for (row, sum) in rows.iter().zip(&mut sums) {
                let numbers = simd.load_first(row.add(whole), rest);
                *sum = simd.multiply_add(numbers, weights, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_multiplied_alike_wherever_they_stand(
            rows in 0usize..30,
            columns in 0usize..150,
            gap in 0usize..5,
            bias in -3f32..3.0,
        ) {
            let stride = columns + gap;
            let number = |place: usize| ((place * 37 % 101) as f32 - 50.0) / 10.0;
            let numbers: Vec<f32> = (0..rows * stride).map(number).collect();
            let weights: Vec<f32> = (0..columns).map(|place| number(place + 7)).collect();
            for level in Level::available() {
                let products = |first: usize, count: usize| {
                    let rows = Matrix::new(&numbers[first * stride..], count, columns, stride);
                    let mut products = vec![f32::NAN; count];
                    let (weights, products_of) = (&weights, &mut products);
                    level.run(Products { rows, listed: None, weights, bias, products: products_of });
                    products
                };
                for (row, found) in products(0, rows).into_iter().enumerate() {
                    let row_numbers = numbers[row * stride..].iter().zip(&weights);
                    let exact: f64 = row_numbers.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let error = (f64::from(found) - exact - f64::from(bias)).abs();
                    // No product is above 25, and a float has 24 binary digits.
                    let most = 1e-6 * (4.0 + 25.0 * columns as f64);
                    prop_assert!(error <= most, "{found}, not {exact} + {bias}");
                    prop_assert_eq!(products(row, 1)[0].to_bits(), found.to_bits());
                }
                if gap == 0 {
                    let listed: Vec<u32> =
                        (0..2 * rows as u32).map(|place| place * 7 % rows as u32).collect();
                    let mut some = vec![f32::NAN; listed.len()];
                    let (rows_of, weights, products_of) = (&numbers, &weights, &mut some);
                    level.run(Products {
                        rows: Matrix::dense(rows_of, rows, columns),
                        listed: Some(&listed), weights, bias, products: products_of,
                    });
                    let all = products(0, rows);
                    for (found, row) in some.iter().zip(&listed) {
                        prop_assert_eq!(found.to_bits(), all[*row as usize].to_bits());
                    }
                }
            }
        }
    }
}
