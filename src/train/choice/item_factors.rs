//! Items as vectors, by alternating least squares over all that was chosen and, with
//! a smaller weight, all that was not (iALS: Hu, Koren and Volinsky 2008; in the form
//! and with the regularisation of Rendle et al. 2022).

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, Axis};
use rand_distr::{Distribution, StandardNormal};

use super::interactions::Interactions;
use crate::kernels::Symmetric;
use crate::random::{Purpose, generator};
use crate::train::dense::add_squares;

/// So many vectors are widened to double precision at once.
const BLOCK: usize = 64;

/// Where no user and item can have a greater score, there is nothing but regularisation:
/// what was chosen scores between .1 and 1 in fits that say something.
const VANISHED: f32 = 1e-3;

/// How items become vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FactorSettings {
    /// Numbers a vector.
    pub width: usize,
    /// The weight of every pair of a user and an item as not chosen, beside the 1 of a
    /// pair that was.
    pub absence: f64,
    /// Regularisation, for each interaction and each `1 / absence` pairs.
    pub penalty: f64,
    /// How often users and items are fitted in turn.
    pub sweeps: usize,
    /// The same seed gives the same vectors.
    pub seed: u64,
}

/// Items, and the users that they were fitted with, as vectors.
#[derive(Clone, Debug)]
pub struct ItemFactors {
    /// How they were fitted.
    pub settings: FactorSettings,
    /// `[items, width]`; zeros for an item that nobody chose.
    pub vectors: Array2<f32>,
    /// `[users, width]`.
    pub users: Array2<f32>,
    /// The sum of the items' outer products, `[width, width]`, upper triangle.
    pub gram: Array2<f64>,
    /// How many items have a vector.
    known: f64,
}

impl ItemFactors {
    /// Fits vectors to interactions: `sum over chosen pairs of (1 - u.v)^2 + absence *
    /// sum over all pairs of (u.v)^2 + penalty * sum over users and items of (absence *
    /// others + interactions) * |vector|^2` is made small, by turns.
    pub fn fit(interactions: &Interactions, settings: &FactorSettings) -> Self {
        let width = settings.width;
        let mut rng = generator(settings.seed, Purpose::ItemFactors, 0, 0);
        let scale = 1.0 / (width as f32).sqrt();
        let shape = (interactions.items(), width);
        let vectors = Array2::from_shape_simple_fn(shape, || {
            let number: f32 = StandardNormal.sample(&mut rng);
            scale * number
        });
        Self::from_vectors(interactions, settings, vectors)
    }

    /// The same from these vectors of the items, `[items, width]`. A vector of zeros tells
    /// users nothing until it is fitted to them.
    pub fn from_vectors(
        interactions: &Interactions,
        settings: &FactorSettings,
        mut vectors: Array2<f32>,
    ) -> Self {
        for (item, mut vector) in vectors.rows_mut().into_iter().enumerate() {
            if interactions.raters(item) == 0 {
                vector.fill(0.0);
            }
        }
        let width = settings.width;
        let users = Array2::zeros((interactions.users(), width));
        let gram = gram(vectors.view());
        let mut factors = Self { settings: *settings, vectors, users, gram, known: 0.0 };
        factors.sweep(interactions, settings.sweeps);
        factors
    }

    /// So many more sweeps, over the interactions that the vectors were fitted to.
    pub fn sweep(&mut self, interactions: &Interactions, sweeps: usize) {
        let settings = &self.settings;
        for _ in 0..sweeps {
            let side = Side::new(settings, self.vectors.view(), self.gram.view());
            side.solve_all(&mut self.users, |user| {
                interactions.of_user(user).iter().map(|rated| rated.item)
            });
            let gram = gram(self.users.view());
            let side = Side::new(settings, self.users.view(), gram.view());
            side.solve_all(&mut self.vectors, |item| interactions.of_item(item).iter().copied());
            self.gram = self::gram(self.vectors.view());
        }
        self.known = not_zero(self.vectors.view());
    }

    /// Whether the regularisation is so strong that all vectors go to zero. Rounding leaves
    /// something of the order of popularity, by which lists of few items can look good: but
    /// such users do not move by answers, and squares of such scores are zero to others.
    pub fn have_vanished(&self) -> bool {
        let longest = |vectors: &Array2<f32>| {
            let squares = vectors.rows().into_iter().map(|vector| vector.dot(&vector));
            squares.fold(0.0, f32::max).sqrt()
        };
        longest(&self.vectors) * longest(&self.users) < VANISHED
    }

    /// The vector of a user who chose these items, `[width]`.
    pub fn fold_in(&self, items: &[u32]) -> Array1<f32> {
        let mut vector = Array1::zeros(self.settings.width);
        let (settings, from, gram) = (&self.settings, self.vectors.view(), self.gram.view());
        let side = Side { settings, from, gram, others: self.known };
        let mut scratch = SolveScratch::new(self.settings.width);
        side.solve(items.iter().copied(), vector.view_mut(), &mut scratch);
        vector
    }
}

/// The equations that the vectors of one side are solved from.
struct Side<'a> {
    settings: &'a FactorSettings,
    /// The other side's vectors.
    from: ArrayView2<'a, f32>,
    gram: ArrayView2<'a, f64>,
    /// How many of the other side have a vector.
    others: f64,
}

impl<'a> Side<'a> {
    fn new(
        settings: &'a FactorSettings,
        from: ArrayView2<'a, f32>,
        gram: ArrayView2<'a, f64>,
    ) -> Self {
        Self { settings, from, gram, others: not_zero(from) }
    }

    fn solve_all<I: Iterator<Item = u32>>(
        &self,
        to: &mut Array2<f32>,
        chosen: impl Fn(usize) -> I + Sync,
    ) {
        to.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each_init(
            || SolveScratch::new(self.settings.width),
            |scratch, (row, to)| self.solve(chosen(row), to, scratch),
        );
    }

    fn solve(
        &self,
        chosen: impl Iterator<Item = u32>,
        mut to: ArrayViewMut1<f32>,
        scratch: &mut SolveScratch,
    ) {
        let &FactorSettings { width, absence, penalty, .. } = self.settings;
        let SolveScratch { chosen: others, rows, matrix, right } = scratch;
        others.clear();
        others.extend(chosen);
        if others.is_empty() {
            to.fill(0.0);
            return;
        }
        let ridge = penalty * (absence * self.others + others.len() as f64);
        matrix.iter_mut().zip(self.gram).for_each(|(to, number)| *to = absence * number);
        matrix.iter_mut().step_by(width + 1).for_each(|element| *element += ridge);
        right.fill(0.0);
        let mut symmetric = Symmetric::new(matrix, width);
        for some in others.chunks(BLOCK) {
            for (row, other) in rows.chunks_exact_mut(width).zip(some) {
                let from = self.from.row(*other as usize);
                for ((wide, right), number) in row.iter_mut().zip(&mut *right).zip(from) {
                    *wide = f64::from(*number);
                    *right += *wide;
                }
            }
            symmetric.add_squares(&rows[..some.len() * width]);
        }
        if let Some(factor) = symmetric.factorise() {
            factor.solve(right);
            to.iter_mut().zip(right).for_each(|(to, number)| *to = *number as f32);
        }
    }
}

/// How many vectors are not zeros.
fn not_zero(vectors: ArrayView2<f32>) -> f64 {
    let rows = vectors.rows().into_iter();
    rows.filter(|row| row.iter().any(|number| *number != 0.0)).count() as f64
}

/// Memory to solve one row after another in.
struct SolveScratch {
    chosen: Vec<u32>,
    /// `[BLOCK, width]`.
    rows: Vec<f64>,
    /// `[width, width]`.
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl SolveScratch {
    fn new(width: usize) -> Self {
        Self {
            chosen: Vec::new(),
            rows: vec![0.0; BLOCK * width],
            matrix: vec![0.0; width * width],
            right: vec![0.0; width],
        }
    }
}

/// The sum of the rows' outer products, `[width, width]`, upper triangle.
pub fn gram(rows: ArrayView2<f32>) -> Array2<f64> {
    let width = rows.ncols();
    let parts: Vec<Array2<f64>> = rows
        .axis_chunks_iter(Axis(0), 256)
        .into_par_iter()
        .map(|rows| {
            let mut part = Array2::zeros((width, width));
            add_squares(&mut part, rows.mapv(f64::from).view());
            part
        })
        .collect();
    // In their order, so that the sum does not depend on the number of threads.
    parts.iter().fold(Array2::zeros((width, width)), |sum, part| sum + part)
}
