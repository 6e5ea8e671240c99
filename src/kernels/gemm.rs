//! General matrix multiplication on checked views.

/// A matrix that is read: a slice, its shape, and how far apart rows and
/// columns lie.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// A row-major matrix that is written.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

/// Whether a row-major matrix of this shape lies inside `len` numbers.
fn fits(len: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    let last = (rows - 1).checked_mul(row_stride).and_then(|start| start.checked_add(columns));
    columns <= row_stride && last.is_some_and(|end| end <= len)
}

impl<'a> Matrix<'a> {
    /// A row-major matrix whose rows begin `row_stride` numbers apart.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(fits(data.len(), rows, columns, row_stride), "a matrix must lie inside its slice");
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// A row-major matrix without gaps.
    pub fn dense(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, columns)
    }

    /// The transpose, without moving a number.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

impl<'a> MatrixMut<'a> {
    /// A row-major matrix whose rows begin `row_stride` numbers apart.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(fits(data.len(), rows, columns, row_stride), "a matrix must lie inside its slice");
        Self { data, rows, columns, row_stride }
    }

    /// A row-major matrix without gaps.
    pub fn dense(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, columns)
    }
}

/// `c = a * b + beta * c`; with `beta` 0, what `c` held does not matter.
///
/// The same shapes and numbers give the same bits on one machine.
pub fn gemm(a: Matrix, b: Matrix, beta: f32, c: MatrixMut) {
    assert!(
        a.rows == c.rows && b.columns == c.columns && a.columns == b.rows,
        "the shapes of a product must agree"
    );
    if c.rows == 0 || c.columns == 0 {
        return;
    }
    // SAFETY: every view was checked by `fits` when it was made (a transpose
    // swaps shape and strides together), the shapes agree by the assertion
    // above, and `c` is an exclusive borrow, so it overlaps neither `a` nor
    // `b`. Strides are below `isize::MAX` because slices are.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.columns,
            b.columns,
            1.0,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            beta,
            c.data.as_mut_ptr(),
            c.row_stride as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
            }
        }
        c
    }

    proptest! {
        #[test]
        fn agrees_with_three_loops(
            (m, k, n) in (0usize..40, 0usize..40, 0usize..40),
            gap in 0usize..5,
            transpose_a: bool,
            transpose_b: bool,
            beta in prop::sample::select(vec![0.0f32, 1.0]),
            seed: u32,
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            };
            let plain = |rows: usize, columns: usize, next: &mut dyn FnMut() -> f32| {
                (0..rows * columns).map(|_| next()).collect::<Vec<f32>>()
            };
            let (a, b) = (plain(m, k, &mut next), plain(k, n, &mut next));
            let c = plain(m, n, &mut next);
            // Lays a matrix out with gaps between its rows, transposed or not.
            let lay = |data: &[f32], rows: usize, columns: usize, transpose: bool| {
                let (outer, inner) = if transpose { (columns, rows) } else { (rows, columns) };
                let mut laid = vec![f32::NAN; outer * (inner + gap)];
                for i in 0..rows {
                    for j in 0..columns {
                        let (o, p) = if transpose { (j, i) } else { (i, j) };
                        laid[o * (inner + gap) + p] = data[i * columns + j];
                    }
                }
                laid
            };
            let (laid_a, laid_b) = (lay(&a, m, k, transpose_a), lay(&b, k, n, transpose_b));
            let mut laid_c = lay(&c, m, n, false);
            let view = |data, rows, columns, transpose: bool| if transpose {
                Matrix::new(data, columns, rows, rows + gap).transposed()
            } else {
                Matrix::new(data, rows, columns, columns + gap)
            };
            gemm(
                view(&laid_a, m, k, transpose_a),
                view(&laid_b, k, n, transpose_b),
                beta,
                MatrixMut::new(&mut laid_c, m, n, n + gap),
            );
            let double = |data: &[f32]| data.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let expected = naive(&double(&a), &double(&b), (m, k, n));
            for i in 0..m {
                for j in 0..n {
                    let expected = expected[i * n + j] + f64::from(beta * c[i * n + j]);
                    let found = f64::from(laid_c[i * (n + gap) + j]);
                    prop_assert!((found - expected).abs() <= 1e-5, "{found} {expected}");
                }
                for p in n..n + gap {
                    prop_assert!(laid_c[i * (n + gap) + p].is_nan(), "a gap was written");
                }
            }
        }
    }
}
