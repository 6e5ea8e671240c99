//! Meta-training: from a data folder's ratings to a model.
//!
//! Tasks are users. Each task's head adapts to its support set; the loss of
//! the adapted head on the query set then moves every parameter, the local
//! learning rates among them (MAML, Finn et al. 2017; MeLU, Lee et al. 2019,
//! algorithm 1).

mod adam;
mod batch;
mod buffers;
mod by_item;
mod calibration;
mod checkpoint;
pub mod choice;
pub(crate) mod dense;
mod drawing;
mod earlier;
mod earlier_ratings;
mod evidence;
mod factors;
mod familiarity;
mod head_task;
mod held_back;
mod history;
mod matching;
mod medians;
mod meta_gradient;
mod options;
mod parameters;
mod rating_trainer;
mod ridge_gradient;
mod task_gradient;
mod trainer;
mod training_set;
mod validation;
mod vectors;

pub use earlier::Ancestor;
pub use evidence::rank_evidence;
pub use factors::{Description, FactorOptions, Factors};
pub use familiarity::fit_familiarity;
pub use head_task::HeadTask;
pub use history::{Epoch, TrainingRecord};
pub use meta_gradient::{DerivativeOrder, MetaGradient};
pub use options::{Solver, TaskSource, TrainOptions};
pub use parameters::Parameters;
pub use ridge_gradient::RidgeGradient;
pub use trainer::{Outcome, Progress, Trainer};
pub use validation::{Errors, Judged, Judgement, RatingMethod};
