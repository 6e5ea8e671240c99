//! Checked views of matrices.

/// A matrix that is read: a slice, its shape, and the strides of rows and columns.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

/// A row-major matrix that is written.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
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

    /// A matrix of one column.
    pub fn column(data: &'a [f32]) -> Self {
        Self::dense(data, 1, data.len()).transposed()
    }

    /// How many columns it has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows of a row-major matrix.
    pub fn row_slices(self) -> impl Iterator<Item = &'a [f32]> + Clone {
        assert!(self.column_stride == 1, "a row must be one slice");
        (0..self.rows).map(move |row| match self.columns {
            0 => &[],
            columns => &self.data[row * self.row_stride..][..columns],
        })
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
