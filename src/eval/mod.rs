//! The evaluation of models, beside simple predictors and recommenders on the same users.

mod baselines;
mod evidence;
mod heavy_users;
mod interview;
mod item_knn;
mod measured;
mod metrics;
mod nearest;
mod predictions;
mod rankings;
mod report;
mod results;
mod scenarios;
mod sums;

pub use baselines::Baselines;
pub use evidence::{
    EvidenceError, EvidenceEvaluation, EvidenceOptions, EvidenceRow, InterviewResult, Interviewees,
    Interviewer, QUESTIONS, evaluate_evidence,
};
pub use item_knn::ItemKnn;
pub use metrics::{area_under_curve, log_loss, mean_absolute_error, mean_squared_error, ndcg};
pub use predictions::{PredictedTask, PredictionsWriter};
pub use rankings::{
    Among, BaselineSettings, Ranker, Ranking, RankingEvaluation, RankingOptions, RankingRow,
    evaluate_rankings,
};
pub use report::{Report, Section};
pub use results::{Coverage, Evaluation, FEW_USERS, Given, Predictor, ScenarioResult, ScenarioRow};
pub use scenarios::{EvalOptions, evaluate, evaluate_and_record};
