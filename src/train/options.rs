//! The options of a training.

use serde::{Deserialize, Serialize};

use super::earlier::record;
use super::meta_gradient::DerivativeOrder;
use crate::model::config::DataType;
use crate::model::loss::Loss;
use crate::{Error, Model, Result};

/// A network that starts from an earlier one is trained for this part of the epochs.
const WARM_SHARE: usize = 3;

/// How tasks are made of the training users' ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskSource {
    /// As published: users within the data folder's `[tasks]` rules, each cut
    /// once into support and query set.
    Fixed,
    /// All users with enough ratings; support and query set drawn anew each
    /// epoch, support sets of all sizes.
    DrawnAnew,
}

/// How a head adapts to a support set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// By gradient steps, as MeLU does.
    Gradient,
    /// By ridge regression: a linear head, in closed form.
    Ridge,
}

/// How a model is trained. [`TrainOptions::default`] and
/// [`TrainOptions::paper`] are the starting points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// Width of every field's embedding.
    pub embedding_dim: usize,
    /// Whether fields of many values that are rarely seen have an embedding too.
    pub embed_all: bool,
    /// Factors of the model that gives items their vectors; 0 for no vectors.
    pub factors: usize,
    /// Widths of the body's layers; empty for none.
    pub body: Vec<usize>,
    /// Widths of the head's hidden layers.
    pub hidden: Vec<usize>,
    /// Whether there is a head for choosing, by which recommendations are ordered; else they
    /// are ordered by predicted rating.
    pub choice: bool,
    /// Whether numeric fields are used.
    pub numeric_fields: bool,
    /// The loss of a prediction; `None` for [`Loss::Bce`] where all ratings are 0
    /// or 1, and [`Loss::SmoothL1`] elsewhere.
    pub loss: Option<Loss>,
    /// Whether the head works in standard deviations from the mean rating instead of ratings as
    /// they are. With clicks this makes no difference.
    pub normalise: bool,
    /// How the head adapts.
    pub solver: Solver,
    /// Steps of the local update, by gradient.
    pub local_steps: usize,
    /// The local learning rate to begin with, in the head's units; `None` for 0.1 with squared
    /// error, which grows steeper without limit, and 0.7 with the other losses.
    pub local_rate: Option<f32>,
    /// The pull back to the start to begin with, in ratings; at 0 there is none,
    /// and none is learned.
    pub local_pull: f32,
    /// Whether the solver's numbers are learned with the weights: each head
    /// tensor's local rate and the pull, or the head's scale and what an item's
    /// variance counts.
    pub learn_solver: bool,
    /// Whether the gradient passes through the local update.
    pub order: DerivativeOrder,
    /// How tasks are made.
    pub tasks: TaskSource,
    /// The share of tasks in which every item is described as if nobody had
    /// rated it; for items with vectors.
    pub cold_tasks: f64,
    /// The share of items that are described in this way in the other tasks.
    pub cold_items: f64,
    /// At most this many passes over the tasks.
    pub epochs: usize,
    /// Tasks in a global update.
    pub batch: usize,
    /// Adam's learning rate.
    pub learning_rate: f32,
    /// Whether the learning rate falls to 0 over the epochs, along a cosine.
    pub cosine: bool,
    /// A task whose gradient is longer than this, over the head and the
    /// embeddings that it sees, is shortened to it: local updates that overshoot
    /// would otherwise drown the others. `None` leaves all as they are.
    pub longest_gradient: Option<f32>,
    /// Share of the training users held back, on whom each epoch is measured; a tenth of the items
    /// is held back with them, where items have vectors. The best epoch's weights are kept, or the
    /// latest's of several that are equal (within .2 %); the network is kept only if it errs less
    /// than the factor model alone. At 0, all users are trained on, and the last epoch's weights
    /// are kept.
    pub validation: f32,
    /// The data type that the model's catalogues are kept in; validation measures them so.
    pub catalog: DataType,
    /// The same seed and data give the same model, for any number of threads.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            embedding_dim: 8,
            embed_all: false,
            factors: 24,
            body: vec![32],
            hidden: Vec::new(),
            choice: true,
            numeric_fields: true,
            loss: None,
            normalise: true,
            solver: Solver::Ridge,
            local_steps: 16,
            local_rate: None,
            local_pull: 5.0,
            learn_solver: true,
            order: DerivativeOrder::Second,
            tasks: TaskSource::DrawnAnew,
            cold_tasks: 0.5,
            cold_items: 0.03,
            epochs: 8,
            batch: 32,
            learning_rate: 2e-3,
            cosine: true,
            longest_gradient: Some(5.0),
            validation: 0.05,
            catalog: DataType::F32,
            seed: 0,
        }
    }
}

impl TrainOptions {
    /// The published recipe (Lee et al. 2019, section 4).
    pub fn paper() -> Self {
        Self {
            embedding_dim: 32,
            embed_all: true,
            factors: 0,
            body: Vec::new(),
            hidden: vec![64, 64],
            choice: false,
            numeric_fields: false,
            loss: Some(Loss::Mse),
            normalise: false,
            solver: Solver::Gradient,
            local_steps: 1,
            local_rate: Some(5e-6),
            local_pull: 0.0,
            learn_solver: false,
            tasks: TaskSource::Fixed,
            cold_tasks: 0.0,
            cold_items: 0.0,
            epochs: 25,
            learning_rate: 5e-5,
            cosine: false,
            longest_gradient: None,
            validation: 0.0,
            ..Self::default()
        }
    }

    /// The options that an earlier model was trained with, for a training that starts from it
    /// ([`Trainer::warm`](super::Trainer::warm)): with a third of the epochs, unless it
    /// started from another itself. The seed and data type may be changed.
    ///
    /// # Errors
    /// [`Error::Argument`] if the model does not say how it was trained, or another version of
    /// melu trained it.
    pub fn warm(earlier: &Model) -> Result<Self> {
        let record = record(earlier)?;
        let options: Self = serde_json::from_value(record.options).map_err(|error| {
            let problem = format!(
                "its options are of melu {}: {error}; train from the beginning",
                record.version
            );
            Error::argument("earlier model", problem)
        })?;
        let epochs = match record.started_from {
            Some(_) => options.epochs,
            None => options.epochs.div_ceil(WARM_SHARE),
        };
        Ok(Self { epochs, ..options })
    }

    /// [`TrainOptions::local_rate`] with a loss.
    pub(super) fn local_rate_with(&self, loss: Loss) -> f32 {
        self.local_rate.unwrap_or(if loss == Loss::Mse { 0.1 } else { 0.7 })
    }

    pub(super) fn check(&self) -> Result<()> {
        let positive = |argument, number: usize| match number {
            0 => Err(Error::argument(argument, "it is 0; at least 1 is expected")),
            _ => Ok(()),
        };
        positive("embedding_dim", self.embedding_dim)?;
        positive("epochs", self.epochs)?;
        positive("batch", self.batch)?;
        let rates = [("learning_rate", Some(self.learning_rate)), ("local_rate", self.local_rate)];
        for (argument, rate) in rates {
            let Some(rate) = rate else { continue };
            if !(rate.is_finite() && rate > 0.0) {
                let problem = format!("it is {rate}; a number above 0 is expected");
                return Err(Error::argument(argument, problem));
            }
        }
        if !(self.local_pull.is_finite() && self.local_pull >= 0.0) {
            let problem = format!("it is {}; 0 or more is expected", self.local_pull);
            return Err(Error::argument("local_pull", problem));
        }
        for (argument, share) in [("cold_tasks", self.cold_tasks), ("cold_items", self.cold_items)]
        {
            if !(0.0..=1.0).contains(&share) {
                let problem = format!("it is {share}; 0 to 1 is expected");
                return Err(Error::argument(argument, problem));
            }
        }
        if !(0.0..=0.5).contains(&self.validation) {
            let problem = format!("it is {}; 0 to 0.5 is expected", self.validation);
            return Err(Error::argument("validation", problem));
        }
        Ok(())
    }
}
