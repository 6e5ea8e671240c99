//! Embeddings of a field's values: mixes of the rows of its table.

use crate::kernels::add_scaled;
use crate::memory;
use crate::model::schema::{Column, Field, FieldKind};

/// Which rows of a field's embedding make up one user's or item's part of the
/// head's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix<'a> {
    /// The mean of these rows.
    MeanOf(&'a [u32]),
    /// The mean of all rows: the value is missing or unknown.
    MeanOfAll,
    /// Row 0 times this number, plus row 1.
    Line(f32),
}

impl<'a> Mix<'a> {
    /// The mix for one row of a field's column.
    pub fn new(field: &Field, column: &'a Column, row: usize) -> Self {
        match field.kind {
            FieldKind::Numeric(scale) => {
                Self::Line(column.number(row).map_or(0.0, |number| scale.standardise(number)))
            }
            FieldKind::One | FieldKind::Multi => match column.row(row) {
                [] => Self::MeanOfAll,
                values => Self::MeanOf(values),
            },
        }
    }

    /// Writes the mix of an embedding's rows into `out`, which is one row wide.
    ///
    /// `mean` is the mean of all rows, from [`mean_row`].
    pub fn write(self, weight: &[f32], mean: &[f32], out: &mut [f32]) {
        let width = out.len();
        let row = |index: usize| &weight[index * width..][..width];
        match self {
            Self::MeanOf(&[value]) => out.copy_from_slice(row(value as usize)),
            Self::MeanOf(values) => {
                out.fill(0.0);
                let share = 1.0 / values.len() as f32;
                for &value in values {
                    add_scaled(out, share, row(value as usize));
                }
            }
            Self::MeanOfAll => out.copy_from_slice(mean),
            Self::Line(number) => {
                out.copy_from_slice(row(1));
                add_scaled(out, number, row(0));
            }
        }
    }
}

/// The mean of an embedding's rows, summed in double precision.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn mean_row(weight: &[f32], width: usize) -> memory::Result<Vec<f32>> {
    let mut sums = memory::zeros::<f64>(width)?;
    for row in weight.chunks_exact(width.max(1)) {
        for (sum, element) in sums.iter_mut().zip(row) {
            *sum += f64::from(*element);
        }
    }
    let rows = (weight.len() / width.max(1)).max(1) as f64;
    memory::collected(sums.iter().map(|sum| (sum / rows) as f32))
}

/// Writes one user's or item's embedding: the mixes of the fields that are
/// embedded, one after another.
///
/// `weights` and `means` hold each field's embedding and mean row.
pub fn write_row<W: AsRef<[f32]>>(
    fields: &[Field],
    columns: &[Column],
    row: usize,
    weights: &[W],
    means: &[Vec<f32>],
    out: &mut [f32],
) {
    let width = out.len() / fields.iter().filter(|field| field.embedded).count().max(1);
    let embedded = fields.iter().zip(columns).zip(weights).zip(means);
    let embedded = embedded.filter(|(((field, _), _), _)| field.embedded);
    for ((((field, column), weight), mean), part) in
        embedded.zip(out.chunks_exact_mut(width.max(1)))
    {
        Mix::new(field, column, row).write(weight.as_ref(), mean, part);
    }
}
