//! How far predicted ratings are off, for users and items that are held back.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Task, items_and_ratings};
use crate::model::schema::Column;
use crate::{Catalog, Result, Scratch, User};

/// Errors of predicted ratings, in rating units: means over users.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// The mean absolute error.
    pub mae: f64,
    /// The root of the mean squared error.
    pub rmse: f64,
}

impl Errors {
    /// Of these tasks' queries after adapting, by the same code as any program that uses the
    /// model.
    pub(super) fn of(catalog: &Catalog, user_columns: &[Column], tasks: &[Task]) -> Result<Self> {
        let errors = |scratch: &mut Scratch, task: &Task| {
            let (ratings, predicted) = predict(catalog, user_columns, task, scratch)?;
            let errors = || predicted.iter().zip(&ratings).map(|(a, b)| f64::from((a - b).abs()));
            let count = ratings.len().max(1) as f64;
            let squares = errors().map(|error| error * error).sum::<f64>();
            Ok([errors().sum::<f64>() / count, squares / count])
        };
        let scratch = Scratch::new(catalog)?;
        let errors = tasks.par_iter().map_with(scratch, errors).collect::<Result<Vec<_>>>()?;
        let mean = |place: usize| {
            errors.iter().map(|errors| errors[place]).sum::<f64>() / errors.len().max(1) as f64
        };
        Ok(Self { mae: mean(0), rmse: mean(1).sqrt() })
    }
}

/// A task's query ratings, and those that are predicted from its support.
fn predict(
    catalog: &Catalog,
    user_columns: &[Column],
    task: &Task,
    scratch: &mut Scratch,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let mut user = User::from_columns(catalog, user_columns, task.user as usize)?;
    let (items, ratings) = items_and_ratings(&task.support);
    // A head that diverges is an error of the unadapted one: the rates are still being
    // learned.
    let _ = user.adapt(&items, &ratings, scratch);
    let (items, ratings) = items_and_ratings(&task.query);
    let mut predicted = vec![0.0; items.len()];
    user.predict(&items, &mut predicted, scratch)?;
    Ok((ratings, predicted))
}

/// Each task's query ratings, the predicted ones first.
pub fn predict_all(
    catalog: &Catalog,
    user_columns: &[Column],
    tasks: &[Task],
) -> Result<Vec<Vec<[f32; 2]>>> {
    let pairs = |scratch: &mut Scratch, task: &Task| {
        let (ratings, predicted) = predict(catalog, user_columns, task, scratch)?;
        Ok(predicted.into_iter().zip(ratings).map(|(a, b)| [a, b]).collect())
    };
    tasks.par_iter().map_with(Scratch::new(catalog)?, pairs).collect()
}

/// The errors of one way to predict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// For users who are held back.
    pub known: Errors,
    /// With items that are held back, and all items as if nobody had rated them.
    pub cold: Option<Errors>,
}

impl Judgement {
    /// Whether a squared error, of known or of cold items, is greater than another's.
    pub(super) fn has_greater_squares(&self, other: &Self) -> bool {
        let mut cold = self.cold.iter().zip(&other.cold);
        self.known.rmse > other.known.rmse || cold.any(|(a, b)| a.rmse > b.rmse)
    }

    /// The mean of how much greater these errors are than another's, as logarithms of
    /// ratios.
    fn excess(&self, other: &Self) -> f64 {
        let ratios = |a: &Errors, b: &Errors| [a.mae / b.mae, a.rmse / b.rmse];
        let known = ratios(&self.known, &other.known);
        let cold = self.cold.iter().zip(&other.cold).flat_map(|(a, b)| ratios(a, b));
        let logarithms: Vec<f64> = known.into_iter().chain(cold).map(f64::ln).collect();
        logarithms.iter().sum::<f64>() / logarithms.len() as f64
    }
}

/// The errors that training chose the model by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The head for ratings with its network, meta-trained.
    pub network: Judgement,
    /// The factor model alone.
    pub factors: Judgement,
    /// The network by squared errors, if it was asked for.
    pub squares: Option<Judgement>,
}

/// What predicts ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatingMethod {
    /// The head for ratings with its network, meta-trained.
    Network,
    /// The factor model alone.
    Factors,
    /// The network by squared errors, which was not asked for.
    Squares,
}

impl Judged {
    /// That with the least errors, as the geometric mean of all that were measured; of equal
    /// ones the simplest.
    pub(super) fn best(&self) -> RatingMethod {
        let mut best = (RatingMethod::Factors, 0.0);
        let networks =
            [(RatingMethod::Network, Some(self.network)), (RatingMethod::Squares, self.squares)];
        for (which, judgement) in networks {
            if let Some(judgement) = judgement {
                let excess = judgement.excess(&self.factors);
                if excess < best.1 {
                    best = (which, excess);
                }
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement([mae, rmse]: [f64; 2], cold: Option<[f64; 2]>) -> Judgement {
        let cold = cold.map(|[mae, rmse]| Errors { mae, rmse });
        Judgement { known: Errors { mae, rmse }, cold }
    }

    #[test]
    fn the_least_errors_over_all_are_the_best() {
        let factors = judgement([1.0, 2.0], Some([1.0, 2.0]));
        let best = |network, squares| Judged { network, factors, squares }.best();
        // 1 % less absolute and 2 % more squared error.
        let smooth = judgement([0.99, 2.04], Some([0.99, 2.04]));
        assert_eq!(best(smooth, None), RatingMethod::Factors);
        assert_eq!(
            best(smooth, Some(judgement([1.0, 2.0], Some([0.99, 2.0])))),
            RatingMethod::Squares
        );
        assert_eq!(best(judgement([1.02, 2.0], Some([0.95, 2.0])), None), RatingMethod::Network);
        assert_eq!(best(factors, Some(factors)), RatingMethod::Factors);
        // Without cold items the known ones decide.
        let factors = judgement([1.0, 2.0], None);
        let network = judgement([0.99, 2.01], None);
        assert_eq!(Judged { network, factors, squares: None }.best(), RatingMethod::Network);
        assert!(network.has_greater_squares(&factors));
    }
}
