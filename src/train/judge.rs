//! How far predicted ratings are off, for users and items that are held back.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Task, items_and_ratings};
use crate::schema::Column;
use crate::{Catalog, Result, User};

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
    pub fn of(catalog: &Catalog, user_columns: &[Column], tasks: &[Task]) -> Result<Self> {
        let errors = |task: &Task| {
            let (ratings, predicted) = predict(catalog, user_columns, task)?;
            let errors = || predicted.iter().zip(&ratings).map(|(a, b)| f64::from((a - b).abs()));
            let count = ratings.len().max(1) as f64;
            let squares = errors().map(|error| error * error).sum::<f64>();
            Ok([errors().sum::<f64>() / count, squares / count])
        };
        let errors = tasks.par_iter().map(errors).collect::<Result<Vec<_>>>()?;
        let mean = |place: usize| {
            errors.iter().map(|errors| errors[place]).sum::<f64>() / errors.len().max(1) as f64
        };
        Ok(Self { mae: mean(0), rmse: mean(1).sqrt() })
    }
}

/// A task's query ratings, and those that are predicted from its support.
pub fn predict(
    catalog: &Catalog,
    user_columns: &[Column],
    task: &Task,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let mut user = User::from_columns(catalog, user_columns, task.user as usize)?;
    let (items, ratings) = items_and_ratings(&task.support);
    // A head that diverges is an error of the unadapted one: the rates are still being
    // learned.
    let _ = user.adapt(&items, &ratings);
    let (items, ratings) = items_and_ratings(&task.query);
    let mut predicted = vec![0.0; items.len()];
    user.predict(&items, &mut predicted)?;
    Ok((ratings, predicted))
}

/// The errors of one way to predict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// For users who are held back.
    pub known: Errors,
    /// With items that are held back, and all items as if nobody had rated them.
    pub cold: Option<Errors>,
}
