//! How far ratings really lie from their scores, against a model's standard deviations.

use rayon::prelude::*;

use crate::data::{Task, items_and_ratings};
use crate::model::loss::Loss;
use crate::model::schema::Column;
use crate::{Catalog, Result, Scratch, User};

/// The share of ratings that an interval of [`QUANTILE`] standard deviations to
/// either side is to hold.
const SHARE: f64 = 0.8;

/// The normal distribution's.
const QUANTILE: f32 = 1.281_551_6;

/// The factor of a model's standard deviations with which 80 % of
/// these tasks' queries lie within the intervals that are to hold 80 %.
///
/// 1 for a model that knows no deviations, for clicks, whose probabilities
/// nobody sees, and without tasks.
pub fn calibration(catalog: &Catalog, user_columns: &[Column], tasks: &[Task]) -> Result<f32> {
    let model = catalog.model();
    if !model.has_deviations() || model.config().output.loss == Loss::Bce {
        return Ok(1.0);
    }
    let ratios = |scratch: &mut Scratch, task: &Task| {
        let mut user = User::from_columns(catalog, user_columns, task.user as usize)?;
        let (items, ratings) = items_and_ratings(&task.support);
        user.adapt(&items, &ratings, scratch)?;
        let items: Vec<u32> = task.query.iter().map(|rated| rated.item).collect();
        let (mut scores, mut deviations) = (vec![0.0; items.len()], vec![0.0; items.len()]);
        user.predict_with_deviations(&items, &mut scores, &mut deviations, scratch)?;
        let queries = task.query.iter().zip(scores.iter().zip(&deviations));
        let ratio =
            queries.map(|(rated, (score, deviation))| (rated.value - score).abs() / deviation);
        Ok(ratio.collect::<Vec<f32>>())
    };
    let scratch = Scratch::new(catalog)?;
    let ratios = tasks.par_iter().map_with(scratch, ratios).collect::<Result<Vec<_>>>()?;
    let mut ratios = ratios.concat();
    ratios.sort_unstable_by(f32::total_cmp);
    let place = (SHARE * ratios.len() as f64) as usize;
    let ratio = ratios.get(place).copied().unwrap_or(QUANTILE);
    Ok(if ratio.is_finite() && ratio > 0.0 { ratio / QUANTILE } else { 1.0 })
}
