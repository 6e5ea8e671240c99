//! The items' vectors, and where users start, as training and the model use
//! them: in the head's units.

use super::factors::{Description, EarlierItems, FactorOptions, Factors};
use super::options::TrainOptions;
use crate::Result;
use crate::data::{TaskRules, UserRatings};
use crate::model::file::{ItemPrior, ItemVectors};
use crate::model::loss::{Loss, Output};
use crate::model::prior::{Input, Prior};
use crate::model::schema::Field;

/// A factor model's vectors of items and prior of users, in the head's units.
#[derive(Debug)]
pub struct TrainingVectors {
    /// Width of the items' vectors.
    pub factors: usize,
    /// The variance of a rating of an item that is fully known: of clicks, as a
    /// multiple of what the logistic curve makes it.
    pub noise: f32,
    /// The head's output where nothing else is known.
    pub intercept: f32,
    /// The items by their ratings and content.
    pub known: ItemVectors,
    /// The same items as if nobody had rated them.
    pub cold: ItemVectors,
    pub item_prior: ItemPrior,
    /// From a profile to the head's first weights, those of the vector.
    pub user_prior: Prior,
}

impl TrainingVectors {
    /// Fits a factor model to the training users' ratings, in the coordinates of an earlier
    /// one's items if there are any.
    ///
    /// # Errors
    /// As [`Factors::of_ratings`].
    pub fn fit(
        users_to_train: &[UserRatings],
        items: Description,
        users: Description,
        rules: &TaskRules,
        options: &TrainOptions,
        output: &Output,
        earlier: Option<&EarlierItems>,
    ) -> Result<Self> {
        // The same start for every seed: another one ends in another local optimum, which moved
        // errors by as much as all else together (MovieLens 1M: .001 for new users, .002 for new
        // items).
        let factors = FactorOptions { factors: options.factors, ..FactorOptions::default() };
        let mut factors = Factors::of_ratings(users_to_train, items, users, rules, &factors)?;
        earlier.into_iter().for_each(|earlier| factors.align(earlier));
        let mean = f64::from(factors.mean);
        // From the factors' unit, which is the ratings' standard deviation, to
        // the head's: a click moves the logit by as much as the logistic curve
        // is flat at the mean.
        let (unit, intercept) = match output.loss {
            Loss::Bce => {
                let odds = mean / (1.0 - mean);
                (1.0 / factors.scale, odds.ln().clamp(-10.0, 10.0) as f32)
            }
            Loss::Mse | Loss::SmoothL1 => {
                (factors.scale / output.scale, output.target(factors.mean))
            }
        };
        let scaled = |numbers: &[f32]| numbers.iter().map(|number| unit * number).collect();
        let item_variance = |variance: f32| unit * unit * variance;
        let count = factors.biases.len();
        Ok(Self {
            factors: factors.width,
            noise: match output.loss {
                Loss::Bce => factors.noise,
                Loss::Mse | Loss::SmoothL1 => unit * unit * factors.noise,
            },
            intercept,
            known: ItemVectors {
                vectors: scaled(&factors.vectors),
                bias: scaled(&factors.biases),
                variance: factors.uncertainties.iter().copied().map(item_variance).collect(),
                raters: factors.raters.into(),
            },
            cold: ItemVectors {
                vectors: scaled(&factors.unrated_vectors),
                bias: scaled(&factors.unrated_biases),
                variance: vec![item_variance(factors.unrated_uncertainty); count].into(),
                raters: vec![0; count].into(),
            },
            item_prior: ItemPrior {
                prior: factors.item_prior.scaled(unit),
                variance: item_variance(factors.unrated_uncertainty),
            },
            user_prior: factors.user_prior,
        })
    }
}

/// Which fields the body sees.
pub enum Embedded<'a> {
    All,
    None,
    /// Those that have weights of their own in a prior: values that are rarely seen
    /// would be learned by heart.
    Of(&'a Prior),
}

impl Embedded<'_> {
    /// Marks them.
    pub fn mark(&self, fields: &mut [Field]) {
        for (place, field) in fields.iter_mut().enumerate() {
            field.embedded = match self {
                Self::All => true,
                Self::None => false,
                Self::Of(prior) => prior.terms().iter().any(|term| match term.input {
                    Input::Values { field } | Input::Number { field, .. } => field == place,
                    Input::Pair { .. } | Input::Shared { .. } => false,
                }),
            };
        }
    }
}
