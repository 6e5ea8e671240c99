//! How good a model's scores are, beside simple predictors on the same ratings.

mod baselines;
mod metrics;
mod scenarios;

pub use baselines::Baselines;
pub use metrics::{mean_absolute_error, mean_squared_error, ndcg};
pub use scenarios::{EvalOptions, Evaluation, Given, Predictor, Row, ScenarioResult, evaluate};
