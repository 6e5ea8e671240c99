//! The record of its training in a weight file.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::choice::Chosen;
use super::earlier::{Ancestor, Earlier, new_users};
use super::options::TrainOptions;
use super::validation::{Judged, RatingMethod};
use crate::Model;
use crate::data::Dataset;

/// The results of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The mean query loss of its tasks, in the head's units.
    pub loss: f32,
    /// The error on the users held back, as
    /// [`Progress::Epoch`](super::Progress::Epoch) has it.
    pub validation_mae: Option<f32>,
}

/// How a model was trained: the weight file's `melu.training`.
///
/// The same training has the same record, so that it makes the same file: there is
/// nothing about when and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The version of melu that trained it.
    pub version: String,
    /// The options: [`TrainOptions`](super::TrainOptions) as that version
    /// had them.
    pub options: Value,
    /// The seed of the split made inside a data folder's training part, if it
    /// was trained on that. See [`Dataset::inside`](crate::data::Dataset::inside).
    #[serde(default)]
    pub inside: Option<u64>,
    /// Names the users whom the split left out as new: a hash of their ids.
    pub new_users: String,
    /// The model that the training started from; `None` if it began from nothing.
    pub started_from: Option<Ancestor>,
    /// The time from which on it saw nothing, if the data were split by time. See
    /// [`Boundary::seconds`](crate::data::Boundary::seconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// The epoch, counted from 1, whose weights these are.
    pub epoch: u64,
    /// The error of those weights on the users held back.
    pub validation_mae: Option<f32>,
    /// How the network and the factor model alone did on users and items held back, where
    /// both could be had: the one with the least errors is the model. Not judged anew where
    /// the training started from an earlier model.
    #[serde(default)]
    pub judged: Option<Judged>,
    /// What predicts ratings, where there are any.
    pub rating_method: Option<RatingMethod>,
    /// The settings of the head for choosing, where there is one.
    #[serde(default)]
    pub choice: Option<Chosen>,
    /// All epochs, in their order.
    #[serde(default)]
    pub history: Vec<Epoch>,
}

impl TrainingRecord {
    /// The record of a training that has not begun, from the beginning or from an earlier
    /// model.
    pub(super) fn begin(
        dataset: &Dataset,
        options: &TrainOptions,
        earlier: Option<&Earlier>,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            options: json!(options),
            inside: dataset.inside,
            new_users: new_users(dataset),
            started_from: earlier.map(|earlier| earlier.ancestor.clone()),
            after: dataset.boundary().map(|boundary| boundary.seconds),
            epoch: 0,
            validation_mae: None,
            judged: None,
            rating_method: None,
            choice: None,
            history: Vec::new(),
        }
    }

    /// Reads it from a model's weight file; `None` of weights made elsewhere.
    pub fn of(model: &Model) -> Option<Self> {
        serde_json::from_str(model.contents().training.as_ref()?).ok()
    }
}
