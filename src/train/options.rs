//! What can be chosen about a training.

use serde::{Deserialize, Serialize};

use super::meta_gradient::Order;
use crate::loss::Loss;
use crate::{Error, Result};

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

/// How a model is trained. [`TrainOptions::default`] and
/// [`TrainOptions::paper`] are the starting points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// Width of every field's embedding.
    pub embedding_dim: usize,
    /// Widths of the head's hidden layers.
    pub hidden: Vec<usize>,
    /// Whether numeric fields are used.
    pub numeric_fields: bool,
    /// [`Loss::Mse`] for ratings, [`Loss::Bce`] for clicks.
    pub loss: Loss,
    /// Whether the head works in standard deviations from the mean rating,
    /// instead of ratings as they are. With clicks it makes no difference.
    pub normalise: bool,
    /// Steps of the local update.
    pub local_steps: usize,
    /// The local learning rate to begin with, in the head's units.
    pub local_rate: f32,
    /// Whether each head tensor's local rate is learned with the weights.
    pub learn_rates: bool,
    /// Whether the gradient passes through the local update.
    pub order: Order,
    /// How tasks are made.
    pub tasks: TaskSource,
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
    /// Share of the training users held back, on whom each epoch is measured;
    /// the best epoch's weights are kept. At 0 the last epoch's are.
    pub validation: f32,
    /// Training stops after this many epochs without a better one.
    pub patience: usize,
    /// The same seed and data give the same model, for any number of threads.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            embedding_dim: 32,
            hidden: vec![64, 64],
            numeric_fields: true,
            loss: Loss::Mse,
            normalise: true,
            local_steps: 5,
            local_rate: 0.01,
            learn_rates: true,
            order: Order::Second,
            tasks: TaskSource::DrawnAnew,
            epochs: 30,
            batch: 32,
            learning_rate: 2e-3,
            cosine: true,
            longest_gradient: Some(5.0),
            validation: 0.1,
            patience: 10,
            seed: 0,
        }
    }
}

impl TrainOptions {
    /// The published recipe (Lee et al. 2019, section 4).
    pub fn paper() -> Self {
        Self {
            numeric_fields: false,
            normalise: false,
            local_steps: 1,
            local_rate: 5e-6,
            learn_rates: false,
            tasks: TaskSource::Fixed,
            epochs: 25,
            learning_rate: 5e-5,
            cosine: false,
            longest_gradient: None,
            validation: 0.0,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let positive = |argument, number: usize| match number {
            0 => Err(Error::argument(argument, "it is 0; at least 1 is expected")),
            _ => Ok(()),
        };
        positive("embedding_dim", self.embedding_dim)?;
        positive("epochs", self.epochs)?;
        positive("batch", self.batch)?;
        positive("patience", self.patience)?;
        for (argument, rate) in
            [("learning_rate", self.learning_rate), ("local_rate", self.local_rate)]
        {
            if !(rate.is_finite() && rate > 0.0) {
                let problem = format!("it is {rate}; a number above 0 is expected");
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
