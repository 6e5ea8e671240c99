//! The rounds in which users, items and priors are fitted in turn.

use ndarray::{Array1, Array2, Axis, s};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::adjacency::{Adjacency, StandardRatings};
use super::content::{Content, Fitted};
use super::design::Description;
use super::factor_options::FactorOptions;
use super::posterior::{Beliefs, NormalPrior, Totals};
use crate::data::TaskRules;
use crate::random::{Purpose, generator};

/// Rounds of damped means that the biases begin with, and their damping.
const BIAS_ROUNDS: usize = 5;
const BIAS_DAMPING: f64 = 5.0;

/// Standard deviation of the items' factors at first.
const FIRST_FACTORS: f64 = 0.3;

/// Variances at first, in units of the ratings' variance: of the noise, of an
/// item's bias and factors, of a user's bias, of a user's factors.
const FIRST_NOISE: f64 = 0.6;
const FIRST_ITEM: f64 = 0.08;
const FIRST_BIAS: f64 = 0.16;
const FIRST_TASTE: f64 = 0.4;

/// The noise is at least this, in units of the ratings' variance: what people
/// say twice differs by more.
const MIN_NOISE: f64 = 0.16;

/// No direction's prior variance falls below this.
const MIN_VARIANCE: f64 = 1e-6;

/// From these rounds on, counted from 0, priors are fitted: before, the factors
/// mean nothing yet.
const FIRST_USER_PRIOR: usize = 1;
const FIRST_ITEM_PRIOR: usize = 2;

/// Rounds at the end in which only the users' prior is fitted, on users like
/// those it is for.
const LAST_ROUNDS: usize = 8;

/// Fewer such users tell less than all users do.
const MIN_USERS: usize = 50;

/// Ridge penalties, in examples.
const USER_PENALTY: f64 = 40.0;
const ITEM_PENALTY: f64 = 1.0;

/// An item with so many times the mean number of raters counts half in the
/// regression on content. Below that, an item counts by its raters: what people
/// rate is what they will ask about.
const HALF_WEIGHT: f64 = 20.0;

/// An item with so many raters counts half as what others share.
const HALF_CONFIDENCE: f64 = 10.0;

/// A prior's regression and the covariance around it.
pub struct FittedPrior<'a> {
    pub content: Content<'a>,
    pub fitted: Fitted,
    /// [D, D]
    pub covariance: Array2<f64>,
}

/// Beliefs, priors and noise after the last round.
pub struct FactorFit<'a> {
    pub items: Beliefs,
    pub item_prior: FittedPrior<'a>,
    pub user_prior: FittedPrior<'a>,
    pub noise: f64,
}

/// The rows of users that the last rounds are about.
pub fn task_users(ratings: &StandardRatings, rules: &TaskRules) -> Vec<usize> {
    let is_task = |user: &usize| {
        (rules.min_ratings..=rules.max_ratings).contains(&ratings.by_user.degree(*user))
    };
    let all = 0..ratings.users.len();
    let users: Vec<usize> = all.clone().filter(is_task).collect();
    if users.len() < MIN_USERS { all.collect() } else { users }
}

/// Fits everything; `task_rows` are the rows in the data folder of `task_users`.
/// `None` if a system of equations cannot be solved.
pub fn fit<'a>(
    ratings: &'a StandardRatings,
    task_users: &[usize],
    task_rows: &'a [usize],
    items: Description<'a>,
    users: Description<'a>,
    options: &FactorOptions,
) -> Option<FactorFit<'a>> {
    let width = options.factors + 1;
    let raters: Vec<f64> =
        (0..ratings.items.len()).map(|item| ratings.by_item.degree(item) as f64).collect();
    let mean_raters = raters.iter().sum::<f64>() / raters.len() as f64;
    let share = |half: f64| raters.iter().map(|raters| raters / (raters + half)).collect();
    let item_content = Content::new(
        items,
        &ratings.items,
        share(HALF_WEIGHT * mean_raters),
        share(HALF_CONFIDENCE),
        ITEM_PENALTY,
    );
    let user_content = |rows: &'a [usize]| {
        let equal = vec![1.0; rows.len()];
        Content::new(users, rows, equal.clone(), equal, USER_PENALTY)
    };

    let (item_biases, user_biases) = biases(ratings);
    let item_means = first_means(&item_biases, &ratings.items, width, options.seed);
    let mut item_beliefs = Beliefs::certain(item_means);
    let mut user_beliefs = Beliefs::certain(with_zeros(&user_biases, width));
    let mut user_prior =
        PriorState::new(user_content(&ratings.users), width, [FIRST_BIAS, FIRST_TASTE]);
    let mut item_prior = PriorState::new(item_content, width, [FIRST_ITEM; 2]);
    let mut noise = FIRST_NOISE;
    for round in 0..options.rounds {
        let totals =
            user_beliefs.update(&ratings.by_user, &item_beliefs, &user_prior.normal(), noise)?;
        if round >= FIRST_USER_PRIOR {
            user_prior.refit(&user_beliefs, &totals)?;
        }
        let totals =
            item_beliefs.update(&ratings.by_item, &user_beliefs, &item_prior.normal(), noise)?;
        noise = (totals.squared_error / ratings.by_item.connections() as f64).max(MIN_NOISE);
        if round >= FIRST_ITEM_PRIOR {
            item_prior.refit(&item_beliefs, &totals)?;
        }
    }

    let tasks: Adjacency = ratings.by_user.select(task_users);
    let mut task_prior = PriorState {
        means: user_prior.means.select(Axis(0), task_users),
        content: user_content(task_rows),
        ..user_prior
    };
    let mut task_beliefs = Beliefs::certain(task_prior.means.clone());
    for _ in 0..LAST_ROUNDS {
        let totals = task_beliefs.update(&tasks, &item_beliefs, &task_prior.normal(), noise)?;
        task_prior.refit(&task_beliefs, &totals)?;
    }
    // Options ask for enough rounds for both to have been fitted.
    let user_prior = task_prior.finish()?;
    Some(FactorFit { items: item_beliefs, item_prior: item_prior.finish()?, user_prior, noise })
}

/// A prior between the rounds.
struct PriorState<'a> {
    content: Content<'a>,
    fitted: Option<Fitted>,
    /// [rows, D]
    means: Array2<f64>,
    /// [D, D]
    covariance: Array2<f64>,
}

impl<'a> PriorState<'a> {
    /// With variances of the bias and of each factor.
    fn new(content: Content<'a>, width: usize, [bias, factor]: [f64; 2]) -> Self {
        let mut variances = Array1::from_elem(width, factor);
        variances[0] = bias;
        let means = Array2::zeros((content.len(), width));
        Self { content, fitted: None, means, covariance: Array2::from_diag(&variances) }
    }

    fn normal(&self) -> NormalPrior<'_> {
        NormalPrior { means: self.means.view(), covariance: self.covariance.view() }
    }

    /// Fits means and covariance to what is believed.
    fn refit(&mut self, beliefs: &Beliefs, totals: &Totals) -> Option<()> {
        let fitted = self.content.fit(beliefs.means.view())?;
        let away = &beliefs.means - &fitted.predictions;
        self.means.assign(&fitted.predictions);
        self.fitted = Some(fitted);
        self.covariance = (away.t().dot(&away) + &totals.covariance) / beliefs.len() as f64;
        self.covariance.diag_mut().iter_mut().for_each(|variance| *variance += MIN_VARIANCE);
        Some(())
    }

    fn finish(self) -> Option<FittedPrior<'a>> {
        let Self { content, covariance, fitted, .. } = self;
        Some(FittedPrior { content, covariance, fitted: fitted? })
    }
}

/// Damped means of what the other side leaves to explain, in turn.
fn biases(ratings: &StandardRatings) -> (Vec<f64>, Vec<f64>) {
    let mut items = vec![0.0; ratings.items.len()];
    let mut users = vec![0.0; ratings.users.len()];
    for _ in 0..BIAS_ROUNDS {
        items = damped_means(&ratings.by_item, &users);
        users = damped_means(&ratings.by_user, &items);
    }
    (items, users)
}

fn damped_means(adjacency: &Adjacency, others: &[f64]) -> Vec<f64> {
    let mean = |row: usize| {
        let sum: f64 = adjacency.row(row).map(|(other, rating)| rating - others[other]).sum();
        sum / (adjacency.degree(row) as f64 + BIAS_DAMPING)
    };
    (0..adjacency.len()).into_par_iter().map(mean).collect()
}

fn with_zeros(biases: &[f64], width: usize) -> Array2<f64> {
    let mut means = Array2::zeros((biases.len(), width));
    means.column_mut(0).iter_mut().zip(biases).for_each(|(mean, bias)| *mean = *bias);
    means
}

/// An item's first factors depend on the seed and its own row alone.
fn first_means(biases: &[f64], rows: &[usize], width: usize, seed: u64) -> Array2<f64> {
    let mut means = with_zeros(biases, width);
    for (mut mean, &row) in means.rows_mut().into_iter().zip(rows) {
        let mut rng = generator(seed, Purpose::Factors, row as u64, 0);
        for factor in mean.slice_mut(s![1..]) {
            let normal: f64 = StandardNormal.sample(&mut rng);
            *factor = FIRST_FACTORS * normal;
        }
    }
    means
}
