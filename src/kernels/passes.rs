//! Passes over vectors and the rows of matrices.
//!
//! Loops whose elements do not depend on each other are left to the compiler,
//! which has no other order to choose; a sum's order is written out.

use super::level::Level;
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

pass! {
    /// The sum of the squares.
    fn sum_of_squares<'a>(simd, vector: &'a [f32]) -> f32 {
        dot_of(simd, vector, vector)
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
            if count == lanes {
                let (left, right) = (simd.load(left.add(place)), simd.load(right.add(place)));
                *sum = simd.multiply_add(left, right, *sum);
            } else if count > 0 {
                let left = simd.load_first(left.add(place), count);
                *sum = simd.multiply_add(left, simd.load_first(right.add(place), count), *sum);
            }
            place += count;
        }
    }
    simd.sum(simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3])))
}

pass! {
    /// `target += scale * source`, element by element.
    fn add_scaled<'a>(_simd, target: &'a mut [f32], scale: f32, source: &'a [f32]) -> () {
        for (target, source) in target.iter_mut().zip(source) {
            *target += scale * source;
        }
    }
}

pass! {
    /// `target *= scale`, element by element.
    fn scale_by<'a>(_simd, target: &'a mut [f32], scale: f32) -> () {
        for target in target {
            *target *= scale;
        }
    }
}

pass! {
    /// `target -= share * (target - towards)`, element by element.
    fn pull_towards<'a>(_simd, target: &'a mut [f32], share: f32, towards: &'a [f32]) -> () {
        for (target, towards) in target.iter_mut().zip(towards) {
            *target -= share * (*target - towards);
        }
    }
}

pass! {
    #[cfg(feature = "train")]
    /// Adds `scale * row` to each row of a dense matrix.
    fn add_to_rows<'a>(_simd, matrix: &'a mut [f32], scale: f32, row: &'a [f32]) -> () {
        for target in matrix.chunks_exact_mut(row.len().max(1)) {
            for (target, row) in target.iter_mut().zip(row) {
                *target += scale * row;
            }
        }
    }
}

pass! {
    /// `sum += scale * ` the sum of the rows of a dense matrix.
    fn add_scaled_rows<'a>(_simd, sum: &'a mut [f32], scale: f32, matrix: &'a [f32]) -> () {
        for row in matrix.chunks_exact(sum.len().max(1)) {
            for (sum, row) in sum.iter_mut().zip(row) {
                *sum += scale * row;
            }
        }
    }
}

pass! {
    /// Sets what is not above 0 to 0.
    fn rectify<'a>(_simd, vector: &'a mut [f32]) -> () {
        for element in vector {
            *element = if *element > 0.0 { *element } else { 0.0 };
        }
    }
}

pass! {
    /// Sets `target` to 0 wherever `activation` is not above 0.
    fn relu_mask<'a>(_simd, target: &'a mut [f32], activation: &'a [f32]) -> () {
        for (target, activation) in target.iter_mut().zip(activation) {
            *target = if *activation > 0.0 { *target } else { 0.0 };
        }
    }
}

pass! {
    /// Whether no number is infinite or not a number.
    fn are_finite<'a>(_simd, vector: &'a [f32]) -> bool {
        // Without a way out in the middle, so that it is done many at a time.
        let mut finite = true;
        for element in vector {
            finite &= element.is_finite();
        }
        finite
    }
}

pass! {
    /// Copies so many columns of the first rows of a matrix into another: as many rows
    /// as the other has. Rows lie so many numbers apart in both.
    fn copy_columns<'a>(
        simd, columns: usize, from: &'a [f32], from_stride: usize, to: &'a mut [f32], to_stride: usize
    ) -> () {
        let rows = from.chunks(from_stride.max(1)).zip(to.chunks_mut(to_stride.max(1)));
        for (from, to) in rows {
            let (from, to) = (&from[..columns], &mut to[..columns]);
            if columns < S::LANES {
                to.copy_from_slice(from);
                continue;
            }
            // The last vector ends where the row does, and may begin in the one before.
            let last = columns - S::LANES;
            let mut place = 0;
            loop {
                // SAFETY: both rows hold `columns` numbers, and `place` is at most a
                // vector before their end.
                unsafe { simd.store(to.as_mut_ptr().add(place), simd.load(from.as_ptr().add(place))) };
                if place == last {
                    break;
                }
                place = last.min(place + S::LANES);
            }
        }
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
