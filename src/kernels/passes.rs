//! Passes over vectors and the rows of matrices.

/// The dot product of two slices of one length.
pub fn dot(left: &[f32], right: &[f32]) -> f32 {
    // Eight sums side by side, so that the order is fixed and the additions
    // need not wait for each other.
    let mut sums = [0.0f32; 8];
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..8 {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f32>() + rest
}

/// The sum of the squares.
pub fn sum_of_squares(vector: &[f32]) -> f32 {
    dot(vector, vector)
}

/// `target += source`, element by element.
fn add(target: &mut [f32], source: &[f32]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target += source;
    }
}

/// `target += scale * source`, element by element.
pub fn add_scaled(target: &mut [f32], scale: f32, source: &[f32]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target += scale * source;
    }
}

/// Adds `row` to each row of a dense matrix.
pub fn add_to_rows(matrix: &mut [f32], row: &[f32]) {
    for target in matrix.chunks_exact_mut(row.len()) {
        add(target, row);
    }
}

/// `sum += ` the sum of the rows of a dense matrix.
pub fn sum_rows(sum: &mut [f32], matrix: &[f32]) {
    for row in matrix.chunks_exact(sum.len()) {
        add(sum, row);
    }
}

/// The larger of each element and 0.
pub fn relu(vector: &mut [f32]) {
    for element in vector {
        *element = element.max(0.0);
    }
}

/// Sets `target` to 0 wherever `activation` is not above 0.
pub fn relu_mask(target: &mut [f32], activation: &[f32]) {
    for (target, activation) in target.iter_mut().zip(activation) {
        *target = if *activation > 0.0 { *target } else { 0.0 };
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
