//! Adam (Kingma and Ba 2015), whole or row by row.

use crate::kernels::add_scaled;

const DECAY: f32 = 0.9;
const SQUARE_DECAY: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// The moments of one tensor's gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Moving mean of the gradient.
    pub mean: Vec<f32>,
    /// Moving mean of its square.
    pub square: Vec<f32>,
}

/// One update's step size, corrected for moments that began at 0.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    rate: f32,
    square_correction: f32,
}

impl Step {
    /// The `count`th update, counted from 1.
    pub fn new(learning_rate: f32, count: u64) -> Self {
        let correction = |decay: f32| 1.0 - f64::from(decay).powf(count as f64);
        Self {
            rate: (f64::from(learning_rate) / correction(DECAY)) as f32,
            square_correction: (1.0 / correction(SQUARE_DECAY).sqrt()) as f32,
        }
    }
}

impl Moments {
    /// Of a tensor of `len` numbers.
    pub fn new(len: usize) -> Self {
        Self { mean: vec![0.0; len], square: vec![0.0; len] }
    }

    /// Updates a whole tensor.
    pub fn update(&mut self, step: Step, parameters: &mut [f32], gradient: &[f32]) {
        update(step, parameters, gradient, &mut self.mean, &mut self.square);
    }
}

fn update(
    step: Step,
    parameters: &mut [f32],
    gradient: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    let moments = mean.iter_mut().zip(square);
    for ((parameter, gradient), (mean, square)) in parameters.iter_mut().zip(gradient).zip(moments)
    {
        *mean += (1.0 - DECAY) * (gradient - *mean);
        *square += (1.0 - SQUARE_DECAY) * (gradient * gradient - *square);
        *parameter -= step.rate * *mean / (square.sqrt() * step.square_correction + EPSILON);
    }
}

/// The gradient of one embedding over a batch.
///
/// Rows that a batch does not touch keep their moments and stay where they
/// are, and cost nothing: the semantics of PyTorch's `SparseAdam` and
/// TensorFlow's `LazyAdam`.
#[derive(Clone, Debug)]
pub struct EmbeddingUpdate {
    width: usize,
    gradient: Vec<f32>,
    touched: Vec<u32>,
    is_touched: Vec<bool>,
    /// The gradient that all rows get, for rows of missing values: see [`EmbeddingUpdate::add_to_all`].
    common: Vec<f32>,
    has_common: bool,
}

impl EmbeddingUpdate {
    /// Of an embedding of `rows` rows.
    pub fn new(rows: usize, width: usize) -> Self {
        Self {
            width,
            gradient: vec![0.0; rows * width],
            touched: Vec::new(),
            is_touched: vec![false; rows],
            common: vec![0.0; width],
            has_common: false,
        }
    }

    /// Adds `scale * gradient` to one row's gradient.
    pub fn add(&mut self, row: u32, scale: f32, gradient: &[f32]) {
        let index = row as usize;
        if !std::mem::replace(&mut self.is_touched[index], true) {
            self.touched.push(row);
        }
        add_scaled(&mut self.gradient[index * self.width..][..self.width], scale, gradient);
    }

    /// Adds `scale * gradient` to every row's gradient: a batch with a missing
    /// value touches all rows, whose mean stands in for it.
    pub fn add_to_all(&mut self, scale: f32, gradient: &[f32]) {
        self.has_common = true;
        add_scaled(&mut self.common, scale, gradient);
    }

    /// The batch's gradient so far.
    #[cfg(test)]
    pub fn gradient(&self) -> Vec<f32> {
        let common = self.common.iter().cycle();
        self.gradient.iter().zip(common).map(|(own, common)| own + common).collect()
    }

    /// Applies the batch's gradient, and forgets it.
    pub fn apply(&mut self, step: Step, moments: &mut Moments, embedding: &mut [f32]) {
        if std::mem::take(&mut self.has_common) {
            let mut common = std::mem::take(&mut self.common);
            for row in 0..self.is_touched.len() as u32 {
                self.add(row, 1.0, &common);
            }
            common.fill(0.0);
            self.common = common;
        }
        for row in self.touched.drain(..) {
            let range = row as usize * self.width..(row as usize + 1) * self.width;
            let gradient = &mut self.gradient[range.clone()];
            let (mean, square) =
                (&mut moments.mean[range.clone()], &mut moments.square[range.clone()]);
            update(step, &mut embedding[range], gradient, mean, square);
            gradient.fill(0.0);
            self.is_touched[row as usize] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adam as its paper has it, in double precision.
    fn reference(parameters: &mut [f64], gradients: &[Vec<f32>], learning_rate: f64) {
        let mut moments = vec![(0.0, 0.0); parameters.len()];
        for (count, gradient) in (1..).zip(gradients) {
            for ((parameter, (mean, square)), g) in
                parameters.iter_mut().zip(&mut moments).zip(gradient)
            {
                let g = f64::from(*g);
                *mean = 0.9 * *mean + 0.1 * g;
                *square = 0.999 * *square + 0.001 * g * g;
                let corrected = *mean / (1.0 - 0.9f64.powi(count));
                let root = (*square / (1.0 - 0.999f64.powi(count))).sqrt();
                *parameter -= learning_rate * corrected / (root + 1e-8);
            }
        }
    }

    fn gradients(len: usize) -> Vec<Vec<f32>> {
        let number = |update: usize, index: usize| ((update * 7 + index * 3) as f32 * 0.7).sin();
        (0..20).map(|update| (0..len).map(|index| number(update, index)).collect()).collect()
    }

    #[test]
    fn agrees_with_the_paper() {
        let gradients = gradients(5);
        let (mut parameters, mut expected) = ([0.5f32; 5], [0.5f64; 5]);
        let mut moments = Moments::new(5);
        for (count, gradient) in (1..).zip(&gradients) {
            moments.update(Step::new(0.01, count), &mut parameters, gradient);
        }
        reference(&mut expected, &gradients, 0.01);
        for (found, expected) in parameters.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn rows_touched_each_time_are_as_if_updated_whole_and_others_stay() {
        let gradients = gradients(6);
        let (mut whole, mut rows) = (vec![0.5f32; 6], vec![0.5f32; 9]);
        let (mut whole_moments, mut row_moments) = (Moments::new(6), Moments::new(9));
        let mut update = EmbeddingUpdate::new(3, 3);
        for (count, gradient) in (1..).zip(&gradients) {
            let step = Step::new(0.01, count);
            whole_moments.update(step, &mut whole, gradient);
            // In two parts, and rows 0 and 2 only.
            for part in [0.25, 0.75] {
                update.add(2, part, &gradient[3..]);
                update.add(0, part, &gradient[..3]);
            }
            update.apply(step, &mut row_moments, &mut rows);
        }
        for (found, expected) in rows[..3].iter().chain(&rows[6..]).zip(&whole) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert_eq!(rows[3..6], [0.5; 3]);
    }

    #[test]
    fn a_missing_value_moves_every_row() {
        let (mut rows, mut moments) = (vec![0.0f32; 6], Moments::new(6));
        let mut update = EmbeddingUpdate::new(3, 2);
        update.add_to_all(1.0 / 3.0, &[1.0, -1.0]);
        update.apply(Step::new(0.1, 1), &mut moments, &mut rows);
        for row in rows.chunks(2) {
            assert!((row[0] + 0.1).abs() < 1e-6 && (row[1] - 0.1).abs() < 1e-6);
        }
        // Nothing is left for the next batch.
        let before = rows.clone();
        update.apply(Step::new(0.1, 2), &mut moments, &mut rows);
        assert_eq!(rows, before);
    }
}
