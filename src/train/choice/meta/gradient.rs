//! The loss of lists and its gradient by all that makes the scores.
//!
//! With items' vectors `v` and biases `b`, a user who starts at `w` and gave `n` answers
//! `S` with targets `t`, and `G = sum over items of v v'`,
//!
//! ```text
//! A = sum over S of v v' + l I + (g + k n) G      h = A^-1 sum over S of (t - v.w) v
//! score = s v.(w + h) + b
//! ```
//!
//! The loss is minus the sum of the logarithms of the softmax over all items but `S`, of
//! the liked items that were held back. With `q` the derivative by the user's vector `w + h`,
//! and `d = A^-1 q`, what follows from the solver is
//!
//! ```text
//! by v in S:  (t - v.(w + h)) d - (v.d) (w + h)     by t:  v.d      by w:  q - sum over S of (v.d) v
//! by G:  -(g + k n) (d h' + h d')     by l:  -d.h     by g:  -d'G h     by k:  -n d'G h
//! ```

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;

use crate::kernels::{Matrix, MatrixMut, Start, add_scaled, exponentials_of_columns, gemm};
use crate::train::choice::item_factors::gram;
use crate::train::dense::{Cholesky, add_squares, add_weighted_rows, rows_of, solve};

/// Items whose scores are computed together: with a batch of users, what fits a core's cache.
const CHUNK: usize = 512;

/// The parameters of meta-training.
#[derive(Clone, Debug, PartialEq)]
pub struct MetaParameters {
    /// Numbers a vector.
    pub width: usize,
    /// `[items, width]`.
    pub vectors: Vec<f32>,
    /// Where a user starts, `[1 + profile rows, width]`: the first row counts for all.
    pub start: Vec<f32>,
    /// The target at each of the knots.
    pub targets: Vec<f32>,
    /// Logarithms of `l`, `g`, `k` and `s`.
    pub scalars: [f32; 4],
}

/// One user's step: the items shown, and those to be found.
#[derive(Clone, Debug, Default)]
pub struct MetaTask {
    /// Rows of `start` beside the first, and the shares taken of them.
    pub profile: Vec<(u32, f32)>,
    /// Items shown, each once, with their answers' place among the knots.
    pub answers: Vec<(u32, KnotPlace)>,
    /// Liked items that were held back: candidates, none of them shown.
    pub liked: Vec<u32>,
}

/// Between which knots a value lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KnotPlace {
    /// The lower knot; the next is the upper one.
    pub knot: u32,
    /// The upper one's share; the lower one has the rest.
    pub upper: f32,
}

impl KnotPlace {
    /// The place of a value among ascending knots.
    pub fn of(knots: &[f32], value: f32) -> Self {
        let after = knots.partition_point(|knot| *knot <= value);
        match (after.checked_sub(1), knots.get(after)) {
            (None, _) => Self { knot: 0, upper: 0.0 },
            (Some(knot), None) => Self { knot: knot as u32, upper: 0.0 },
            (Some(knot), Some(next)) => {
                let upper = (value - knots[knot]) / (next - knots[knot]);
                Self { knot: knot as u32, upper }
            }
        }
    }

    fn shares(self) -> [(usize, f64); 2] {
        let (knot, upper) = (self.knot as usize, f64::from(self.upper));
        // The upper one of the last knot is not there, and has no share.
        [(knot, 1.0 - upper), (knot + usize::from(upper > 0.0), upper)]
    }
}

/// The loss of a batch and its gradient.
#[derive(Clone, Debug)]
pub struct ListGradient {
    /// The sum over the batch's users.
    pub loss: f64,
    /// By each of the parameters.
    pub by: MetaParameters,
}

/// The scalars themselves.
#[derive(Clone, Copy)]
struct Scalars {
    ridge: f64,
    gram: f64,
    gram_per_answer: f64,
    scale: f64,
}

impl MetaParameters {
    fn scalars(&self) -> Scalars {
        let [ridge, gram, gram_per_answer, scale] =
            self.scalars.map(|number| f64::from(number).exp());
        Scalars { ridge, gram, gram_per_answer, scale }
    }

    fn vector(&self, item: u32) -> &[f32] {
        &self.vectors[item as usize * self.width..][..self.width]
    }
}

/// A user's vector, and the equations that it was solved from.
struct Solved {
    /// The answered items' vectors, `[answers, width]`.
    rows: Array2<f64>,
    /// The factor of the Gram matrix in A.
    weight: f64,
    /// A. `None` where its numbers are beyond what floats can hold: then nothing that
    /// follows is a number, the loss neither.
    factor: Option<Cholesky>,
    /// `h`.
    moved: Array1<f64>,
    /// `w + h`.
    vector: Array1<f64>,
    /// How far each answer's target lies above the prediction after adapting.
    left: Array1<f64>,
}

impl Solved {
    fn new(parameters: &MetaParameters, gram: ArrayView2<f64>, task: &MetaTask) -> Self {
        let MetaParameters { width, start, targets, .. } = parameters;
        let (width, scalars) = (*width, parameters.scalars());
        let mut vector = Array1::zeros(width);
        let start = rows_of(start, width);
        for (place, share) in starts(task) {
            vector.zip_mut_with(&start.row(place as usize), |sum, number| {
                *sum += share * f64::from(*number);
            });
        }
        let mut rows = Array2::zeros((task.answers.len(), width));
        let vectors = rows_of(&parameters.vectors, width);
        for (mut row, (item, _)) in rows.rows_mut().into_iter().zip(&task.answers) {
            row.zip_mut_with(&vectors.row(*item as usize), |wide, number| {
                *wide = f64::from(*number);
            });
        }
        let target = |place: KnotPlace| {
            let shares = place.shares().map(|(knot, share)| share * f64::from(targets[knot]));
            shares[0] + shares[1]
        };
        let target = task.answers.iter().map(|(_, place)| target(*place));
        let mut left = target.collect::<Array1<f64>>() - rows.dot(&vector);
        let weight = scalars.gram + scalars.gram_per_answer * task.answers.len() as f64;
        let mut matrix = weight * &gram;
        matrix.diag_mut().iter_mut().for_each(|element| *element += scalars.ridge);
        add_squares(&mut matrix, rows.view());
        let mut moved = Array1::zeros(width);
        add_weighted_rows(&mut moved, left.view(), rows.view());
        let factor = Cholesky::new(matrix);
        solve(factor.as_ref(), &mut moved);
        vector += &moved;
        left -= &rows.dot(&moved);
        Self { rows, weight, factor, moved, vector, left }
    }
}

/// The rows of `start` that a user starts from, and the shares taken of them.
fn starts(task: &MetaTask) -> impl Iterator<Item = (u32, f64)> {
    let others = task.profile.iter().map(|(place, share)| (*place, f64::from(*share)));
    [(0, 1.0)].into_iter().chain(others)
}

/// Derivatives that follow from the one by a user's vector.
struct Derived {
    /// `d`.
    dual: Vec<f32>,
    /// `-(g + k n) h`.
    moved: Vec<f32>,
    /// `w + h`.
    vector: Vec<f32>,
    /// Of each answer: the rest of the target after adapting, and `v.d`.
    answers: Vec<[f64; 2]>,
    by_start: Array1<f64>,
    by_scalars: [f64; 4],
}

impl Derived {
    fn new(solved: &Solved, scalars: Scalars, by_vector: Array1<f64>) -> Self {
        let Solved { rows, weight, factor, moved, vector, left } = solved;
        let mut dual = by_vector.clone();
        solve(factor.as_ref(), &mut dual);
        let along = rows.dot(&dual);
        let by_scale = by_vector.dot(vector);
        let mut by_start = by_vector;
        add_weighted_rows(&mut by_start, (-&along).view(), rows.view());
        // d'A h is the sum of (t - v.w) (v.d), of which the answers' and the ridge's parts are
        // known: what is left is the Gram matrix's.
        let by_ridge = scalars.ridge * dual.dot(moved);
        let by_gram = (left.dot(&along) - by_ridge) / weight;
        let by_slope = by_gram * left.len() as f64;
        Self {
            by_scalars: [
                -by_ridge,
                -by_gram * scalars.gram,
                -by_slope * scalars.gram_per_answer,
                by_scale,
            ],
            dual: dual.iter().map(single).collect(),
            moved: moved.iter().map(|number| (-weight * number) as f32).collect(),
            vector: vector.iter().map(single).collect(),
            answers: left.iter().zip(along).map(|(left, along)| [*left, along]).collect(),
            by_start,
        }
    }
}

/// A chunk of the items: each user's part of the softmax.
struct ChunkSums {
    /// The largest score.
    largest: Vec<f32>,
    /// The sum of the exponentials of scores less that.
    sums: Vec<f32>,
    /// The sum of the items' vectors, each times its exponential, `[users, width]`.
    vectors: Vec<f32>,
}

/// Computes the loss of a batch and its gradient; `bias` is that of each item, minus
/// infinity for one that is no candidate.
///
/// Runs on the threads of the current pool, with the same result for any number of them.
pub fn list_gradient(
    parameters: &MetaParameters,
    bias: &[f32],
    tasks: &[MetaTask],
) -> ListGradient {
    let MetaParameters { width, vectors, .. } = parameters;
    let (width, count, scalars) = (*width, tasks.len(), parameters.scalars());
    let mut by = MetaParameters {
        width,
        vectors: vec![0.0; vectors.len()],
        start: vec![0.0; parameters.start.len()],
        targets: vec![0.0; parameters.targets.len()],
        scalars: [0.0; 4],
    };
    if tasks.is_empty() {
        return ListGradient { loss: 0.0, by };
    }
    let gram = gram(rows_of(vectors, width));
    let solved: Vec<Solved> =
        tasks.par_iter().map(|task| Solved::new(parameters, gram.view(), task)).collect();
    let users: Vec<f32> = solved
        .iter()
        .flat_map(|solved| &solved.vector)
        .map(|number| (scalars.scale * number) as f32)
        .collect();

    // Of each item and user the exponential of the score, `[items, users]`: side by side the
    // users share what is read of the items.
    let mut shares = vec![0.0; bias.len() * count];
    let parts: Vec<ChunkSums> = shares
        .par_chunks_mut(CHUNK * count)
        .enumerate()
        .map(|(chunk, shares)| {
            let first = chunk * CHUNK;
            let rows = shares.len() / count;
            let bias = &bias[first..][..rows];
            let vectors = Matrix::dense(&vectors[first * width..], rows, width);
            for (shares, bias) in shares.chunks_exact_mut(count).zip(bias) {
                shares.fill(*bias);
            }
            let users = Matrix::dense(&users, count, width).transposed();
            gemm(vectors, users, Start::Kept, MatrixMut::dense(shares, rows, count));
            for (user, task) in tasks.iter().enumerate() {
                for &(item, _) in &task.answers {
                    if (first..first + rows).contains(&(item as usize)) {
                        shares[(item as usize - first) * count + user] = f32::NEG_INFINITY;
                    }
                }
            }
            let mut part = ChunkSums {
                largest: vec![0.0; count],
                sums: vec![0.0; count],
                vectors: vec![0.0; count * width],
            };
            exponentials_of_columns(shares, &mut part.largest, &mut part.sums);
            gemm(
                Matrix::dense(shares, rows, count).transposed(),
                vectors,
                Start::Zero,
                MatrixMut::dense(&mut part.vectors, count, width),
            );
            part
        })
        .collect();

    let liked: Vec<Liked> = (0..count)
        .into_par_iter()
        .map(|user| {
            let vector = &users[user * width..][..width];
            Liked::new(parameters, bias, &tasks[user], vector, &parts, user)
        })
        .collect();
    let derived: Vec<Derived> = solved
        .par_iter()
        .zip(&liked)
        .map(|(solved, liked)| Derived::new(solved, scalars, scalars.scale * &liked.by))
        .collect();
    drop(solved);

    let mut by_scalars = [0.0; 4];
    for ((task, derived), user) in tasks.iter().zip(&derived).zip(users.chunks_exact(width)) {
        for &item in &task.liked {
            add_scaled(&mut by.vectors[item as usize * width..][..width], -1.0, user);
        }
        for ((item, place), &[left, along]) in task.answers.iter().zip(&derived.answers) {
            let out = &mut by.vectors[*item as usize * width..][..width];
            add_scaled(out, left as f32, &derived.dual);
            add_scaled(out, -along as f32, &derived.vector);
            for (knot, share) in place.shares() {
                by.targets[knot] += (share * along) as f32;
            }
        }
        for (place, share) in starts(task) {
            let out = &mut by.start[place as usize * width..][..width];
            for (out, by) in out.iter_mut().zip(&derived.by_start) {
                *out += (share * by) as f32;
            }
        }
        by_scalars.iter_mut().zip(derived.by_scalars).for_each(|(sum, by)| *sum += by);
    }
    by.scalars = by_scalars.map(|number| number as f32);

    let by_gram = by_gram(&derived, width);
    by.vectors.par_chunks_mut(CHUNK * width).enumerate().for_each(|(chunk, out)| {
        let (first, rows) = (chunk * CHUNK, out.len() / width);
        let mut weighted = users.clone();
        for (user, liked) in weighted.chunks_exact_mut(width).zip(&liked) {
            user.iter_mut().for_each(|number| *number *= liked.weights[chunk]);
        }
        gemm(
            Matrix::dense(&shares[first * count..], rows, count),
            Matrix::dense(&weighted, count, width),
            Start::Kept,
            MatrixMut::dense(out, rows, width),
        );
        gemm(
            Matrix::dense(&vectors[first * width..], rows, width),
            Matrix::dense(&by_gram, width, width),
            Start::Kept,
            MatrixMut::dense(out, rows, width),
        );
    });
    ListGradient { loss: liked.iter().map(|liked| liked.loss).sum(), by }
}

/// A user's loss, and its derivatives by the scores.
struct Liked {
    loss: f64,
    /// The factors of each chunk's exponentials: how many liked items there are, divided by
    /// the sum of all exponentials.
    weights: Vec<f32>,
    /// The derivative by the user's vector, in the scores' unit.
    by: Array1<f64>,
}

impl Liked {
    fn new(
        parameters: &MetaParameters,
        bias: &[f32],
        task: &MetaTask,
        vector: &[f32],
        parts: &[ChunkSums],
        user: usize,
    ) -> Self {
        let width = vector.len();
        let mut liked =
            Self { loss: 0.0, weights: vec![0.0; parts.len()], by: Array1::zeros(width) };
        if task.liked.is_empty() {
            return liked;
        }
        let largest = parts.iter().map(|part| part.largest[user]).fold(f32::MIN, f32::max);
        let share = |part: &ChunkSums| f64::from(part.largest[user] - largest).exp();
        let sum: f64 = parts.iter().map(|part| share(part) * f64::from(part.sums[user])).sum();
        let count = task.liked.len() as f64;
        liked.loss = count * (sum.ln() + f64::from(largest));
        for (weight, part) in liked.weights.iter_mut().zip(parts) {
            *weight = (share(part) * count / sum) as f32;
            let vectors = &part.vectors[user * width..][..width];
            for (by, number) in liked.by.iter_mut().zip(vectors) {
                *by += f64::from(*weight * number);
            }
        }
        for &item in &task.liked {
            liked.loss -= f64::from(bias[item as usize]);
            let numbers = parameters.vector(item).iter().zip(vector);
            for (by, (number, user)) in liked.by.iter_mut().zip(numbers) {
                *by -= f64::from(*number);
                liked.loss -= f64::from(*number) * f64::from(*user);
            }
        }
        liked
    }
}

/// The derivative by the Gram matrix plus its transpose, `[width, width]`: times the items'
/// vectors, the part of their derivatives that comes by way of it.
fn by_gram(derived: &[Derived], width: usize) -> Vec<f32> {
    let all = |numbers: fn(&Derived) -> &Vec<f32>| -> Vec<f32> {
        derived.iter().flat_map(numbers).copied().collect()
    };
    let (dual, moved) = (all(|derived| &derived.dual), all(|derived| &derived.moved));
    let mut half = vec![0.0; width * width];
    gemm(
        Matrix::dense(&dual, derived.len(), width).transposed(),
        Matrix::dense(&moved, derived.len(), width),
        Start::Zero,
        MatrixMut::dense(&mut half, width, width),
    );
    let half = rows_of(&half, width);
    (&half + &half.t()).into_iter().collect()
}

fn single(number: &f64) -> f32 {
    *number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_knots_or_at_the_nearest() {
        let knots = [1.0, 2.0, 4.0];
        let place = |knot, upper| KnotPlace { knot, upper };
        for (value, expected) in [
            (-3.0, place(0, 0.0)),
            (1.0, place(0, 0.0)),
            (1.75, place(0, 0.75)),
            (2.0, place(1, 0.0)),
            (3.5, place(1, 0.75)),
            (4.0, place(2, 0.0)),
            (9.0, place(2, 0.0)),
        ] {
            assert_eq!(KnotPlace::of(&knots, value), expected, "{value}");
        }
        assert_eq!(place(1, 0.75).shares(), [(1, 0.25), (2, 0.75)]);
        assert_eq!(place(2, 0.0).shares(), [(2, 1.0), (2, 0.0)]);
    }

    #[test]
    fn what_floats_cannot_hold_has_no_loss() {
        let parameters = MetaParameters {
            width: 2,
            vectors: vec![f32::MAX; 6],
            start: vec![0.0; 2],
            targets: vec![1.0],
            scalars: [0.0; 4],
        };
        let place = KnotPlace::default();
        let task = MetaTask { answers: vec![(0, place)], liked: vec![1], ..MetaTask::default() };
        assert!(!list_gradient(&parameters, &[0.0; 3], &[task]).loss.is_finite());
    }
}
