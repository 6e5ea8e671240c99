//! Passes over vectors and the rows of matrices.
//!
//! They are written in vectors, so that their speed and order of summation do not depend on
//! the compiler's treatment of loops.

use super::level::Level;
use super::matrix::Matrix;
use super::simd::{Kernel, Simd};

/// Makes a function of a body that is compiled for each level.
macro_rules! pass {
    (
        $(#[$meta:meta])*
        fn $name:ident<$life:lifetime>($simd:ident, $($argument:ident: $kind:ty),*) -> $output:ty
        $body:block
    ) => {
        $(#[$meta])*
        pub fn $name<$life>($($argument: $kind),*) -> $output {
            struct Pass<$life>($($kind),*);
            impl<$life> Kernel for Pass<$life> {
                type Output = $output;

                #[inline(always)]
                fn run<S: Simd>(self, $simd: S) -> $output {
                    let Self($($argument),*) = self;
                    $body
                }
            }
            Level::current().run(Pass($($argument),*))
        }
    };
}
pub(super) use pass;

pass! {
    /// The dot product of two slices of one length.
    fn dot<'a>(simd, left: &'a [f32], right: &'a [f32]) -> f32 {
        dot_of(simd, left, right)
    }
}

/// The sum of the squares.
pub fn sum_of_squares(vector: &[f32]) -> f32 {
    dot(vector, vector)
}

pass! {
    /// The sum of the squares of each row, for as many rows as `out` holds.
    fn squares_of_rows<'a>(simd, rows: Matrix<'a>, squares: &'a mut [f32]) -> () {
        for (row, sum) in rows.row_slices().zip(squares) {
            *sum = dot_of(simd, row, row);
        }
    }
}

/// The dot product of two slices of one length, inside a kernel.
#[inline(always)]
pub fn dot_of<S: Simd>(simd: S, left: &[f32], right: &[f32]) -> f32 {
    assert!(left.len() == right.len(), "the factors of a dot product must be of one length");
    // Four sums side by side: no addition waits for the one before.
    let mut sums = [simd.splat(0.0); 4];
    let (lanes, len) = (S::LANES, left.len());
    let (left, right) = (left.as_ptr(), right.as_ptr());
    let mut place = 0;
    // SAFETY: both slices hold `len` numbers, and every load ends at or before
    // that: `place` and the lanes after it are compared with it.
    unsafe {
        while place + 4 * lanes <= len {
            for (part, sum) in sums.iter_mut().enumerate() {
                let from = place + part * lanes;
                *sum =
                    simd.multiply_add(simd.load(left.add(from)), simd.load(right.add(from)), *sum);
            }
            place += 4 * lanes;
        }
        for sum in &mut sums {
            let count = lanes.min(len - place);
            if count > 0 {
                let left = simd.load_up_to(left.add(place), count);
                *sum = simd.multiply_add(left, simd.load_up_to(right.add(place), count), *sum);
            }
            place += count;
        }
    }
    simd.sum(simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3])))
}

/// Replaces each element of `target` by `compute` of it and of the same element of `source`,
/// up to the shorter one's end.
#[inline(always)]
fn update<S: Simd>(
    simd: S,
    target: &mut [f32],
    source: &[f32],
    compute: impl Fn(S::Vector, S::Vector) -> S::Vector,
) {
    let len = target.len().min(source.len());
    let (to, from) = (target.as_mut_ptr(), source.as_ptr());
    for place in (0..len).step_by(S::LANES) {
        let count = S::LANES.min(len - place);
        // SAFETY: both slices hold `count` numbers from `place` on.
        unsafe {
            let (to, from) = (to.add(place), from.add(place));
            let computed = compute(simd.load_up_to(to, count), simd.load_up_to(from, count));
            simd.store_up_to(to, computed, count);
        }
    }
}

/// Replaces each element by `compute` of it.
#[inline(always)]
fn update_each<S: Simd>(simd: S, target: &mut [f32], compute: impl Fn(S::Vector) -> S::Vector) {
    for target in target.chunks_mut(S::LANES) {
        let count = target.len();
        // SAFETY: the chunk holds `count` numbers, at most LANES.
        unsafe {
            let computed = compute(simd.load_up_to(target.as_ptr(), count));
            simd.store_up_to(target.as_mut_ptr(), computed, count);
        }
    }
}

pass! {
    /// `target += scale * source`, element by element.
    fn add_scaled<'a>(simd, target: &'a mut [f32], scale: f32, source: &'a [f32]) -> () {
        let scale = simd.splat(scale);
        update(simd, target, source, |target, source| simd.multiply_add(scale, source, target));
    }
}

pass! {
    /// `target *= scale`, element by element.
    fn scale_by<'a>(simd, target: &'a mut [f32], scale: f32) -> () {
        let scale = simd.splat(scale);
        update_each(simd, target, |target| simd.multiply(scale, target));
    }
}

pass! {
    /// `target -= share * (target - towards)`, element by element.
    fn pull_towards<'a>(simd, target: &'a mut [f32], share: f32, towards: &'a [f32]) -> () {
        let (there, back) = (simd.splat(share), simd.splat(-share));
        update(simd, target, towards, |target, towards| {
            simd.multiply_add(there, towards, simd.multiply_add(back, target, target))
        });
    }
}

pass! {
    #[cfg(feature = "train")]
    /// Adds `scale * row` to each row of a dense matrix.
    fn add_to_rows<'a>(simd, matrix: &'a mut [f32], scale: f32, row: &'a [f32]) -> () {
        let scale = simd.splat(scale);
        for target in matrix.chunks_exact_mut(row.len().max(1)) {
            update(simd, target, row, |target, row| simd.multiply_add(scale, row, target));
        }
    }
}

pass! {
    /// `sum += scale * ` the sum of the rows of a matrix, which lie without gaps.
    fn add_scaled_rows<'a>(simd, sum: &'a mut [f32], scale: f32, matrix: Matrix<'a>) -> () {
        assert!(
            sum.len() == matrix.columns && matrix.column_stride == 1,
            "rows must be as long as their sum"
        );
        let (len, scale) = (sum.len(), simd.splat(scale));
        let (to, from) = (sum.as_mut_ptr(), matrix.data.as_ptr());
        for first in (0..len).step_by(S::LANES) {
            let count = S::LANES.min(len - first);
            // SAFETY: `sum` and each of the matrix's rows hold `count` numbers from `first`
            // on.
            unsafe {
                let to = to.add(first);
                let mut sum = simd.load_up_to(to, count);
                for row in 0..matrix.rows {
                    let numbers = from.add(row * matrix.row_stride + first);
                    sum = simd.multiply_add(scale, simd.load_up_to(numbers, count), sum);
                }
                simd.store_up_to(to, sum, count);
            }
        }
    }
}

pass! {
    /// Adds `sum_scale` times each row of a dense matrix to `sum`, and multiplies the matrix
    /// by `scale`; returns the sum of the squares that its elements had.
    fn sum_and_scale_rows<'a>(
        simd, matrix: &'a mut [f32], scale: f32, sum: &'a mut [f32], sum_scale: f32
    ) -> f32 {
        let (width, block) = (sum.len(), 4 * S::LANES);
        assert!(width > 0 && matrix.len() % width == 0, "rows must be as long as their sum");
        let rows = matrix.len() / width;
        let scales = [simd.splat(scale), simd.splat(sum_scale)];
        let (matrix, sum) = (matrix.as_mut_ptr(), sum.as_mut_ptr());
        let (mut squares, mut first) = (simd.splat(0.0), 0);
        while first < width {
            // SAFETY: each row and `sum` hold `width` numbers; as many as are taken from
            // `first` on, they have.
            unsafe {
                let (from, to) = (matrix.wrapping_add(first), sum.add(first));
                let more = if width - first >= block && !S::IS_FALLBACK {
                    first += block;
                    sum_and_scale_columns::<S, 4>(simd, from, (rows, width), to, S::LANES, scales)
                } else {
                    let count = S::LANES.min(width - first);
                    first += count;
                    sum_and_scale_columns::<S, 1>(simd, from, (rows, width), to, count, scales)
                };
                squares = simd.add(squares, more);
            }
        }
        simd.sum(squares)
    }
}

/// The same for some vectors of columns side by side, so that no sum waits for the one
/// before; `last` is how many lanes of the last vector are columns.
///
/// # Safety
/// `sum`, and `rows` rows that begin at `from` and lie `stride` numbers apart, hold all
/// lanes of the vectors, of the last one `last`.
#[inline(always)]
unsafe fn sum_and_scale_columns<S: Simd, const VECTORS: usize>(
    simd: S,
    from: *mut f32,
    (rows, stride): (usize, usize),
    sum: *mut f32,
    last: usize,
    [scale, sum_scale]: [S::Vector; 2],
) -> S::Vector {
    let count = |vector| if vector + 1 == VECTORS { last } else { S::LANES };
    let mut sums = [simd.splat(0.0); VECTORS];
    let mut squares = [simd.splat(0.0); VECTORS];
    // SAFETY: the caller vouches for so many numbers in `sum` and in each row.
    unsafe {
        for (vector, part) in sums.iter_mut().enumerate() {
            *part = simd.load_up_to(sum.add(vector * S::LANES), count(vector));
        }
        for row in 0..rows {
            for vector in 0..VECTORS {
                let place = from.add(row * stride + vector * S::LANES);
                let numbers = simd.load_up_to(place, count(vector));
                sums[vector] = simd.multiply_add(sum_scale, numbers, sums[vector]);
                squares[vector] = simd.multiply_add(numbers, numbers, squares[vector]);
                simd.store_up_to(place, simd.multiply(scale, numbers), count(vector));
            }
        }
        for (vector, part) in sums.into_iter().enumerate() {
            simd.store_up_to(sum.add(vector * S::LANES), part, count(vector));
        }
    }
    squares.into_iter().fold(simd.splat(0.0), |sum, part| simd.add(sum, part))
}

pass! {
    /// Sets numbers that are not above 0 to 0.
    fn rectify<'a>(simd, vector: &'a mut [f32]) -> () {
        update_each(simd, vector, |element| simd.rectify(element));
    }
}

pass! {
    /// Sets `target` to 0 wherever `activation` is not above 0.
    fn relu_mask<'a>(simd, target: &'a mut [f32], activation: &'a [f32]) -> () {
        update(simd, target, activation, |target, by| simd.keep_where_positive(target, by));
    }
}

pass! {
    /// Whether no number is infinite or not a number.
    fn are_finite<'a>(simd, vector: &'a [f32]) -> bool {
        // Infinity and NaN times 0 are NaN, and so is the sum then.
        let zero = simd.splat(0.0);
        // Side by side, as in `dot_of`.
        let mut sums = [zero; 4];
        let mut blocks = vector.chunks_exact(4 * S::LANES);
        for block in &mut blocks {
            for (part, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the block holds four vectors.
                let numbers = unsafe { simd.load(block.as_ptr().add(part * S::LANES)) };
                *sum = simd.multiply_add(numbers, zero, *sum);
            }
        }
        let rest = blocks.remainder();
        sums.into_iter().all(|sum| simd.sum(sum) == 0.0) && rest.iter().all(|x| x.is_finite())
    }
}

/// Copies some rows of a dense matrix, one after another, into `out`.
///
/// `out` holds a whole row for each index, and `matrix` has each such row.
pub fn gather_rows(matrix: &[f32], rows: &[u32], out: &mut [f32]) {
    let width = out.len() / rows.len().max(1);
    for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width.max(1))) {
        out.copy_from_slice(&matrix[row as usize * width..][..width]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two slices of one length, which begin anywhere in memory, and a scale.
    fn pairs() -> impl Strategy<Value = (Vec<(f32, f32)>, usize, f32)> {
        (prop::collection::vec((-9f32..9.0, -9f32..9.0), 0..150), 0usize..4, -3f32..3.0)
    }

    fn close(found: f32, expected: f64) -> bool {
        (f64::from(found) - expected).abs() <= 1e-5 * (1.0 + expected.abs())
    }

    proptest! {
        #[test]
        fn elements_are_computed_one_by_one((pairs, skip, scale) in pairs()) {
            let (targets, sources): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let skip = skip.min(targets.len());
            let sources = &sources[skip..];
            type Pass<'a> = &'a dyn Fn(&mut [f32]);
            type Expected<'a> = &'a dyn Fn(f64, f64) -> f64;
            let wide = f64::from(scale);
            let cases: [(Pass, Expected); 5] = [
                (&|t| add_scaled(t, scale, sources), &|t, s| t + wide * s),
                (&|t| scale_by(t, scale), &|t, _| t * wide),
                (&|t| pull_towards(t, scale, sources), &|t, s| t - wide * (t - s)),
                (&|t| rectify(t), &|t, _| t.max(0.0)),
                (&|t| relu_mask(t, sources), &|t, s| if s > 0.0 { t } else { 0.0 }),
            ];
            for (case, (pass, expected)) in cases.into_iter().enumerate() {
                let mut found = targets.clone();
                pass(&mut found[skip..]);
                prop_assert_eq!(&found[..skip], &targets[..skip], "{}", case);
                for ((found, target), source) in
                    found[skip..].iter().zip(&targets[skip..]).zip(sources)
                {
                    let expected = expected(f64::from(*target), f64::from(*source));
                    prop_assert!(close(*found, expected), "{case}: {found}, not {expected}");
                }
            }
        }

        #[test]
        fn rows_are_summed(rows in 0usize..9, columns in 1usize..150, gap in 0usize..5, scale in -3f32..3.0) {
            let stride = columns + gap;
            let number = |place: usize| ((place * 37 % 101) as f32 - 50.0) / 10.0;
            let matrix: Vec<f32> = (0..rows * stride).map(number).collect();
            let mut sum: Vec<f32> = (0..columns).map(number).collect();
            add_scaled_rows(&mut sum, scale, Matrix::new(&matrix, rows, columns, stride));
            for (column, found) in sum.into_iter().enumerate() {
                let rows = (0..rows).map(|row| f64::from(matrix[row * stride + column]));
                let expected = f64::from(number(column)) + f64::from(scale) * rows.sum::<f64>();
                prop_assert!(close(found, expected), "{found}, not {expected}");
            }
            let mut squares = [-1.0; 8];
            squares_of_rows(Matrix::new(&matrix, rows, columns, stride), &mut squares);
            for (row, found) in squares.into_iter().enumerate() {
                let numbers = matrix.get(row * stride..).unwrap_or_default().iter().take(columns);
                let expected: f64 = numbers.map(|x| f64::from(*x).powi(2)).sum();
                let expected = if row < rows { expected } else { -1.0 };
                prop_assert!(close(found, expected), "{found}, not {expected}");
            }
        }

        #[test]
        fn rows_are_summed_and_scaled_in_one_pass(
            rows in 0usize..9,
            columns in 1usize..150,
            skip in 0usize..5,
            [scale, sum_scale] in prop::array::uniform2(-3f32..3.0),
        ) {
            let number = |place: usize| ((place * 37 % 101) as f32 - 50.0) / 10.0;
            let mut matrix: Vec<f32> = (0..skip + rows * columns).map(number).collect();
            let mut sum: Vec<f32> = (0..columns).map(number).collect();
            let found = sum_and_scale_rows(&mut matrix[skip..], scale, &mut sum, sum_scale);
            let numbers = || (skip..skip + rows * columns).map(|place| f64::from(number(place)));
            let squares: f64 = numbers().map(|x| x * x).sum();
            prop_assert!(close(found, squares), "{found}, not {squares}");
            for (column, found) in sum.into_iter().enumerate() {
                let of_rows: f64 = numbers().skip(column).step_by(columns).sum();
                let expected = f64::from(number(column)) + f64::from(sum_scale) * of_rows;
                prop_assert!(close(found, expected), "{found}, not {expected}");
            }
            prop_assert!((0..skip).all(|place| matrix[place] == number(place)));
            for (found, number) in matrix[skip..].iter().zip(numbers()) {
                let expected = f64::from(scale) * number;
                prop_assert!(close(*found, expected), "{found}, not {expected}");
            }
        }

        #[test]
        fn one_number_that_is_none_is_found(len in 1usize..200, place: prop::sample::Index) {
            let mut numbers = vec![f32::MAX; len];
            prop_assert!(are_finite(&numbers));
            for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                numbers[place.index(len)] = wrong;
                prop_assert!(!are_finite(&numbers), "{wrong} at {}", place.index(len));
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_above_zero() {
        let (mut rectified, mut masked) = (vec![f32::NAN; 37], vec![1.0; 37]);
        rectify(&mut rectified);
        relu_mask(&mut masked, &[f32::NAN; 37]);
        assert_eq!((rectified, masked), (vec![0.0; 37], vec![0.0; 37]));
    }
}
