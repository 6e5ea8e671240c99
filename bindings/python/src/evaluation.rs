//! Evaluation.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use melu::eval::{EvalOptions, RankingOptions};
use pyo3::prelude::*;
use serde_json::json;

use crate::dataset::Dataset;
use crate::errors::{raise, refuse};
use crate::model::Model;
use crate::signals::interruptible;

/// A model's lists and predicted ratings on a data set, beside simple predictors, as the JSON
/// that `melu eval --json` prints. Ctrl-C ends it between two fits or some users.
#[pyfunction]
#[pyo3(signature = (model, dataset, *, draws = None, list_draws = None, seed = 0, threads = 0))]
pub fn evaluate(
    py: Python<'_>,
    model: &Bound<'_, Model>,
    dataset: &Bound<'_, Dataset>,
    draws: Option<usize>,
    list_draws: Option<usize>,
    seed: u64,
    threads: usize,
) -> PyResult<String> {
    let (model, dataset) = (&model.get().model, &dataset.get().dataset);
    let usual = EvalOptions::default();
    let options = EvalOptions { draws: draws.unwrap_or(usual.draws), seed, threads, ..usual };
    let list_draws = list_draws.unwrap_or(RankingOptions::default().draws);
    let stop = AtomicBool::new(false);
    let go_on = || match stop.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let found = interruptible(py, &stop, || {
        let rankings = match list_draws {
            0 => None,
            draws => {
                let options = RankingOptions { draws, seed, threads };
                Some(melu::eval::evaluate_rankings(model, dataset, &options, |_, _, _| go_on())?)
            }
        };
        let ratings = melu::eval::evaluate(model, dataset, &options, |_, _| go_on())?;
        Ok((rankings, ratings))
    })?;
    let (rankings, ratings) = found.map_err(raise)?;
    let failed = |error: serde_json::Error| refuse("evaluation", &error.to_string());
    let mut json = serde_json::to_value(ratings).map_err(failed)?;
    if let Some(rankings) = rankings {
        json["rankings"] = json!(rankings.rankings);
        json["baselines"] = json!(rankings.baselines);
    }
    Ok(json.to_string())
}
