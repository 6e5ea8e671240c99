//! Buffers that are filled anew for each task.

/// Makes `vector` `len` zeros.
pub fn zero<T: Clone + Default>(vector: &mut Vec<T>, len: usize) {
    vector.clear();
    vector.resize(len, T::default());
}
