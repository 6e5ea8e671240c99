//! A matrix for each layer.

use super::Network;
use crate::memory;

/// A dense matrix [rows, layer outputs] for each layer.
///
/// It holds the layers' outputs (after ReLU except for the last), or the loss's derivatives
/// by the layers' sums.
#[derive(Clone, Debug, Default)]
pub struct LayerRows(Vec<Vec<f32>>);

impl LayerRows {
    /// Memory for `rows` rows of each layer of `shape`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(shape: &Network, rows: usize) -> memory::Result<Self> {
        let mut layers = Self::default();
        layers.reserve(shape, rows)?;
        Ok(layers)
    }

    /// Grows to `rows` rows of each layer; does nothing if there are enough.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); no row is lost.
    pub fn reserve(&mut self, shape: &Network, rows: usize) -> memory::Result<()> {
        let layers = shape.layers();
        let more = layers.len().saturating_sub(self.0.len());
        memory::reserve(&mut self.0, more)?;
        self.0.resize(layers.len(), Vec::new());
        for (matrix, layer) in self.0.iter_mut().zip(layers) {
            let size = rows.saturating_mul(layer.outputs);
            if matrix.len() < size {
                memory::reserve(matrix, size - matrix.len())?;
                matrix.resize(size, 0.0);
            }
        }
        Ok(())
    }

    /// A layer's matrix; only the rows in use mean anything.
    pub fn layer(&self, layer: usize) -> &[f32] {
        &self.0[layer]
    }

    /// The first numbers of the last layer's matrix; none without layers.
    pub fn last(&self, len: usize) -> &[f32] {
        self.0.last().map_or(&[], |matrix| &matrix[..len])
    }

    /// A layer's matrix, to be written.
    pub fn layer_mut(&mut self, layer: usize) -> &mut [f32] {
        &mut self.0[layer]
    }

    /// Copies all of another's numbers.
    pub fn copy_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }

    /// The matrix before a layer's, if there is one, and the layer's, to be written.
    pub fn split(&mut self, layer: usize) -> (Option<&[f32]>, &mut [f32]) {
        let (before, after) = self.0.split_at_mut(layer);
        (before.last().map(Vec::as_slice), &mut after[0])
    }

    /// The matrix before a layer's, to be written, and the layer's; `layer` is
    /// not the first.
    pub fn split_mut(&mut self, layer: usize) -> (&mut [f32], &[f32]) {
        let (before, after) = self.0.split_at_mut(layer);
        (&mut before[layer - 1], &after[0])
    }

    /// The last layer's column: the head's output, or the loss's derivative by it.
    pub fn output(&self, rows: usize) -> &[f32] {
        self.last(rows)
    }

    /// The last layer's column, to be written.
    pub fn output_mut(&mut self, rows: usize) -> &mut [f32] {
        self.0.last_mut().map_or(&mut [], |column| &mut column[..rows])
    }
}
