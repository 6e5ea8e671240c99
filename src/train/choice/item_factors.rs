//! Items as vectors, by alternating least squares over all that was chosen and, with
//! a smaller weight, all that was not (iALS: Hu, Koren and Volinsky 2008; in the form
//! and with the regularisation of Rendle et al. 2022).

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::interactions::Interactions;
use crate::kernels::cholesky;
use crate::random::{Purpose, generator};

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
    /// What every pair of a user and an item counts as not chosen, beside the 1 of a
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
    pub vectors: Vec<f32>,
    /// `[users, width]`.
    pub users: Vec<f32>,
    /// The sum of the items' outer products, `[width, width]`, upper triangle.
    pub gram: Vec<f64>,
}

impl ItemFactors {
    /// Fits vectors to interactions: `sum over chosen pairs of (1 - u.v)^2 + absence *
    /// sum over all pairs of (u.v)^2 + penalty * sum over users and items of (absence *
    /// others + interactions) * |vector|^2` is made small, by turns.
    pub fn fit(interactions: &Interactions, settings: &FactorSettings) -> Self {
        let width = settings.width;
        let mut rng = generator(settings.seed, Purpose::ItemFactors, 0, 0);
        let scale = 1.0 / (width as f32).sqrt();
        let vectors = (0..interactions.items() * width)
            .map(|_| {
                let number: f32 = StandardNormal.sample(&mut rng);
                scale * number
            })
            .collect();
        let users = vec![0.0; interactions.users() * width];
        let mut factors = Self { settings: *settings, vectors, users, gram: Vec::new() };
        for (item, vector) in factors.vectors.chunks_exact_mut(width).enumerate() {
            if interactions.raters(item) == 0 {
                vector.fill(0.0);
            }
        }
        factors.sweep(interactions, settings.sweeps);
        factors
    }

    /// So many more sweeps, over these interactions.
    pub fn sweep(&mut self, interactions: &Interactions, sweeps: usize) {
        let settings = &self.settings;
        self.users.resize(interactions.users() * settings.width, 0.0);
        for _ in 0..sweeps {
            let gram = gram(&self.vectors, settings.width);
            let side = Side::new(settings, &self.vectors, &gram);
            side.solve_all(&mut self.users, |user| {
                interactions.of_user(user).iter().map(|rated| rated.item)
            });
            let gram = self::gram(&self.users, settings.width);
            let side = Side::new(settings, &self.users, &gram);
            side.solve_all(&mut self.vectors, |item| interactions.of_item(item).iter().copied());
        }
        self.gram = gram(&self.vectors, settings.width);
    }

    /// Whether the regularisation is so strong that all vectors go to zero. Rounding leaves
    /// something of the order of popularity, by which lists of few items can look good: but
    /// such users do not move by answers, and squares of such scores are zero to others.
    pub fn have_vanished(&self) -> bool {
        let longest = |vectors: &[f32]| {
            let squares = vectors
                .chunks_exact(self.settings.width)
                .map(|vector| vector.iter().map(|number| number * number).sum::<f32>());
            squares.fold(0.0, f32::max).sqrt()
        };
        longest(&self.vectors) * longest(&self.users) < VANISHED
    }

    /// The vector of a user who chose these items, `[width]`.
    pub fn fold_in(&self, items: &[u32]) -> Vec<f32> {
        let width = self.settings.width;
        let mut vector = vec![0.0; width];
        let side = Side::new(&self.settings, &self.vectors, &self.gram);
        side.solve(&mut Room::new(width), items.iter().copied(), &mut vector);
        vector
    }
}

/// What the vectors of one side are solved from.
struct Side<'a> {
    settings: &'a FactorSettings,
    /// The other side's vectors.
    from: &'a [f32],
    gram: &'a [f64],
    /// How many of the other side have a vector.
    others: f64,
}

/// Room to solve for one vector after another in.
struct Room {
    matrix: Vec<f64>,
    right: Vec<f64>,
    rows: Vec<f64>,
}

impl Room {
    fn new(width: usize) -> Self {
        Self { matrix: vec![0.0; width * width], right: vec![0.0; width], rows: Vec::new() }
    }
}

impl<'a> Side<'a> {
    fn new(settings: &'a FactorSettings, from: &'a [f32], gram: &'a [f64]) -> Self {
        let has_vector = |row: &&[f32]| row.iter().any(|number| *number != 0.0);
        let others = from.chunks_exact(settings.width).filter(has_vector).count() as f64;
        Self { settings, from, gram, others }
    }

    fn solve_all<I: Iterator<Item = u32>>(
        &self,
        to: &mut [f32],
        chosen: impl Fn(usize) -> I + Sync,
    ) {
        let width = self.settings.width;
        to.par_chunks_exact_mut(width).enumerate().for_each_init(
            || Room::new(width),
            |room, (row, to)| self.solve(room, chosen(row), to),
        );
    }

    fn solve(&self, room: &mut Room, chosen: impl Iterator<Item = u32>, to: &mut [f32]) {
        let &FactorSettings { width, absence, penalty, .. } = self.settings;
        let Room { matrix, right, rows } = room;
        for (element, gram) in matrix.iter_mut().zip(self.gram) {
            *element = absence * gram;
        }
        right.fill(0.0);
        rows.clear();
        let mut count = 0;
        for other in chosen {
            let vector = &self.from[other as usize * width..][..width];
            let begin = rows.len();
            rows.extend(vector.iter().map(|number| f64::from(*number)));
            right.iter_mut().zip(&rows[begin..]).for_each(|(sum, number)| *sum += number);
            count += 1;
            if rows.len() == BLOCK * width {
                cholesky::add_squares(matrix, width, rows);
                rows.clear();
            }
        }
        if count == 0 {
            to.fill(0.0);
            return;
        }
        cholesky::add_squares(matrix, width, rows);
        let ridge = penalty * (absence * self.others + f64::from(count));
        matrix.iter_mut().step_by(width + 1).for_each(|element| *element += ridge);
        if cholesky::factorise(matrix, width) {
            cholesky::solve(matrix, width, right);
            to.iter_mut().zip(&*right).for_each(|(to, number)| *to = *number as f32);
        }
    }
}

/// The sum of the rows' outer products, `[width, width]`, upper triangle.
pub fn gram(rows: &[f32], width: usize) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = rows
        .par_chunks(256 * width)
        .map(|rows| {
            let wide: Vec<f64> = rows.iter().map(|number| f64::from(*number)).collect();
            let mut part = vec![0.0; width * width];
            cholesky::add_squares(&mut part, width, &wide);
            part
        })
        .collect();
    // In their order, so that the sum does not depend on the number of threads.
    let mut sum = vec![0.0; width * width];
    for part in parts {
        sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
    }
    sum
}
