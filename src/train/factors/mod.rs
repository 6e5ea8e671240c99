//! The factor model: items and users as vectors, each with a prior.
//!
//! An item is its content plus what its raters taught us; a user is a profile
//! plus what the answers tell. Both are normal beliefs around a mean that is
//! predicted from the description, so that an item nobody has rated *is* its
//! prior, and so is a user who has not answered yet. All of it is fitted in
//! closed form, in turn (Bayesian matrix factorisation with side information:
//! Salakhutdinov and Mnih 2008; Agarwal and Chen 2009; Porteous et al. 2010).

mod adjacency;
mod align;
mod content;
mod design;
mod factor_options;
mod posterior;
mod predict;
mod regression;
mod rounds;
mod whiten;

pub(super) use align::EarlierItems;
pub(crate) use content::{Affine, Content};
pub use design::Description;
pub use factor_options::FactorOptions;

use ndarray::Array2;
use rayon::ThreadPoolBuilder;

use self::adjacency::StandardRatings;
use self::rounds::{FactorFit, task_users};
use self::whiten::{Whitening, uncertainty};
use crate::data::{Dataset, Scenario, TaskRules, UserRatings};
use crate::model::prior::Prior;
use crate::model::schema::Entity;
use crate::{Error, Result};

/// A fitted factor model, of all users and items of a data folder.
///
/// A user with weights `u`, normal with unit covariance around the start that
/// the profile predicts, rates an item with `mean + scale * (bias + vector.u)`,
/// and noise of variance `scale^2 * (noise + uncertainty)`.
///
/// May be used from any number of threads at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// D, the width of an item's vector: the factors, and one for the user's bias.
    pub width: usize,
    /// The mean of the training ratings.
    pub mean: f32,
    /// Their standard deviation. Biases, vectors and variances are in this unit.
    pub scale: f32,
    /// The least and the greatest training rating.
    pub range: (f32, f32),
    /// The variance of a user's rating of an item that is fully known.
    pub noise: f32,
    /// Each item's vector, `[items, D]`.
    pub vectors: Vec<f32>,
    /// Each item's bias, `[items]`.
    pub biases: Vec<f32>,
    /// The part of a rating's variance that comes from not knowing the item any better,
    /// on average over users, `[items]`.
    pub uncertainties: Vec<f32>,
    /// How many training ratings each item has, `[items]`.
    pub raters: Vec<u32>,
    /// Each item's vector as if nobody had rated it, `[items, D]`: its
    /// own ratings play no part in it, not even by way of the prior.
    pub unrated_vectors: Vec<f32>,
    /// The same of its bias, `[items]`.
    pub unrated_biases: Vec<f32>,
    /// From an item's content to its bias and vector: D + 1 numbers, the bias
    /// first.
    pub item_prior: Prior,
    /// The uncertainty of an item that nobody has rated.
    pub unrated_uncertainty: f32,
    /// From a user's profile to the weights that the user starts from: D numbers.
    pub user_prior: Prior,
    /// Where each user starts, `[users, D]`.
    pub starts: Vec<f32>,
}

impl Factors {
    /// Fits the factors of a data folder to its training part: existing users'
    /// ratings of existing items. New users and items get what their priors say.
    ///
    /// `threads` is how many to use, 0 for as many as there are processors.
    ///
    /// # Errors
    /// [`Error::Argument`] for an option out of its range, or a data folder
    /// without ratings in its training part; [`Error::Diverged`] if numbers grow
    /// beyond what a float can hold.
    pub fn fit(dataset: &Dataset, options: &FactorOptions, threads: usize) -> Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
        let is_new = |new: &[bool], row: usize| new.get(row).copied().unwrap_or(false);
        let (item_fields, item_vocabularies) =
            dataset.items.training_fields(|row| !is_new(&dataset.new_items, row));
        let (user_fields, user_vocabularies) =
            dataset.users.training_fields(|row| !is_new(&dataset.new_users, row));
        let items = dataset.items.encode(Entity::Item, &item_fields, &item_vocabularies)?;
        let users = dataset.users.encode(Entity::User, &user_fields, &user_vocabularies)?;
        let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
        let describe =
            |entity, fields, columns, rows| Description { entity, fields, columns, rows };
        pool.install(|| {
            Self::of_ratings(
                &groups,
                describe(Entity::Item, &item_fields, &items.columns, dataset.items.len()),
                describe(Entity::User, &user_fields, &users.columns, dataset.users.len()),
                &dataset.rules,
                options,
            )
        })
    }

    /// Fits the factors to ratings of described items by described users, whose
    /// rows are those of the descriptions, on the threads of the current pool.
    ///
    /// # Errors
    /// As [`Factors::fit`].
    pub fn of_ratings(
        groups: &[UserRatings],
        items: Description,
        users: Description,
        rules: &TaskRules,
        options: &FactorOptions,
    ) -> Result<Self> {
        options.check()?;
        items.check()?;
        users.check()?;
        for rated in groups.iter().flat_map(|group| &*group.ratings).enumerate() {
            let (position, index) = (rated.0, rated.1.item);
            if index as usize >= items.rows {
                return Err(Error::ItemIndex { list: "items", position, index, len: items.rows });
            }
        }
        if let Some(group) = groups.iter().find(|group| group.user as usize >= users.rows) {
            let problem = format!("user {} is not below {}", group.user, users.rows);
            return Err(Error::argument("ratings", problem));
        }
        let ratings = StandardRatings::new(groups, items.rows)?;
        let task_users = task_users(&ratings, rules);
        let task_rows: Vec<usize> = task_users.iter().map(|&user| ratings.users[user]).collect();
        rounds::fit(&ratings, &task_users, &task_rows, items, users, options)
            .and_then(|fit| Self::whitened(&ratings, fit, items, users))
            .ok_or_else(|| Error::Diverged {
                work: "the factor model",
                problem:
                    "a system of equations has no finite solution; are the ratings of one scale?"
                        .into(),
            })
    }

    fn whitened(
        ratings: &StandardRatings,
        fit: FactorFit,
        items: Description,
        users: Description,
    ) -> Option<Self> {
        let width = fit.items.width();
        let whitening = Whitening::new(fit.user_prior.covariance.clone())?;
        let item_map = whitening.items();
        let item_prior = fit.item_prior.content.prior(&fit.item_prior.fitted, &item_map).ok()?;
        let user_prior =
            fit.user_prior.content.prior(&fit.user_prior.fitted, &whitening.users()).ok()?;
        let second = second_moment(&fit);
        let unrated = uncertainty(fit.item_prior.covariance.view(), second.view()) as f32;
        let mut factors = Self {
            width,
            mean: ratings.mean as f32,
            scale: ratings.scale as f32,
            range: ratings.range,
            noise: fit.noise as f32,
            vectors: vec![0.0; items.rows * width],
            biases: vec![0.0; items.rows],
            uncertainties: vec![unrated; items.rows],
            raters: vec![0; items.rows],
            unrated_vectors: Vec::new(),
            unrated_biases: Vec::new(),
            item_prior,
            unrated_uncertainty: unrated,
            user_prior,
            starts: vec![0.0; users.rows * width],
        };
        let mut predicted = vec![0.0; width + 1];
        for item in 0..items.rows {
            factors.item_prior.write_row(items.fields, items.columns, item, &mut predicted);
            factors.set(item, predicted.iter().copied());
        }
        for (&item, predicted) in ratings.items.iter().zip(fit.item_prior.fitted.predictions.rows())
        {
            factors.set(item, item_map.map(predicted).iter().map(|number| *number as f32));
        }
        factors.unrated_vectors.clone_from(&factors.vectors);
        factors.unrated_biases.clone_from(&factors.biases);
        for (index, &item) in ratings.items.iter().enumerate() {
            let known = item_map.map(fit.items.means.row(index));
            factors.set(item, known.iter().map(|number| *number as f32));
            let covariance = fit.items.covariance(index);
            factors.uncertainties[item] = uncertainty(covariance.view(), second.view()) as f32;
            factors.raters[item] = ratings.by_item.degree(index) as u32;
        }
        for (user, start) in factors.starts.chunks_exact_mut(width).enumerate() {
            factors.user_prior.write_row(users.fields, users.columns, user, start);
        }
        let mut numbers = factors.vectors.iter().chain(&factors.biases).chain(&factors.starts);
        numbers.all(|number| number.is_finite()).then_some(factors)
    }

    /// Takes up an item's bias and vector.
    fn set(&mut self, item: usize, mut numbers: impl Iterator<Item = f32>) {
        self.biases[item] = numbers.next().unwrap_or(0.0);
        let vector = &mut self.vectors[item * self.width..][..self.width];
        vector.iter_mut().zip(numbers).for_each(|(element, number)| *element = number);
    }
}

/// The mean of z z^T over users without answers, z = [1, factors]: [D, D].
fn second_moment(fit: &FactorFit) -> Array2<f64> {
    let mut z = fit.user_prior.fitted.predictions.clone();
    z.column_mut(0).fill(1.0);
    // The 1 does not vary.
    let mut spread = fit.user_prior.covariance.clone();
    spread.row_mut(0).fill(0.0);
    spread.column_mut(0).fill(0.0);
    z.t().dot(&z) / z.nrows() as f64 + spread
}
