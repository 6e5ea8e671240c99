//! An earlier model that a training starts from.

use serde::{Deserialize, Serialize};
use serde_json::json;
use xxhash_rust::xxh64::Xxh64;

use super::history::TrainingRecord;
use super::matching::FieldMatch;
use super::options::TrainOptions;
use super::validation::RatingMethod;
use crate::data::{Dataset, Feedback};
use crate::model::loss::Loss;
use crate::model::schema::{Entity, Field, Vocabulary};
use crate::{Error, Model, Result};

/// Options that shape a model: an earlier one must agree in them.
const SHAPE: [&str; 10] = [
    "embedding_dim",
    "embed_all",
    "factors",
    "body",
    "hidden",
    "choice",
    "numeric_fields",
    "loss",
    "normalise",
    "solver",
];

/// The model that a training started from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ancestor {
    /// Its [`Model::fingerprint`], in hexadecimal digits.
    pub fingerprint: String,
    /// The seed that it was trained with.
    pub seed: u64,
    /// How many trainings led to it: 1 if it was trained from the beginning.
    pub generation: u64,
    /// Whether its training and all before it left out the same new users as this one. If not,
    /// some of those who are new here may have been learned from there.
    pub same_new_users: bool,
}

/// An earlier model that fits a data folder and options.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// The model.
    pub model: Model,
    /// How it was trained.
    pub record: TrainingRecord,
    /// What the record of the training says of it.
    pub ancestor: Ancestor,
    /// The row in the model's catalogue of each item of the data folder.
    pub items: Vec<Option<usize>>,
}

impl Earlier {
    /// Matches a model with a data folder by the items' ids.
    ///
    /// # Errors
    /// [`Error::Argument`] if the model does not fit, or has learned from items that the data
    /// folder's split leaves out.
    pub fn new(model: &Model, dataset: &Dataset, options: &TrainOptions) -> Result<Self> {
        let record = record(model)?;
        let trained = &record.options;
        let asked = json!(options);
        if let Some(key) = SHAPE.into_iter().find(|key| trained[key] != asked[key]) {
            return refuse(format!(
                "it was trained with {key} {}, and {} is asked for; use the same, or train from \
                 the beginning",
                trained[key], asked[key]
            ));
        }
        if record.inside != dataset.inside {
            let (where_then, where_now) = match record.inside {
                Some(_) => ("inside the training part", "another part"),
                None => ("the whole training part", "a split inside it"),
            };
            return refuse(format!(
                "it was trained on {where_then}, and {where_now} is asked for, so that it may \
                 have seen what is to be predicted; start from a model of the same part"
            ));
        }
        if let Some(boundary) = dataset.boundary()
            && record.after.is_none_or(|after| after > boundary.seconds)
        {
            return refuse(
                "it may have seen interactions after the time at which [split] cuts these data; \
                 start from a model that was trained before that time, or from the beginning",
            );
        }
        let has_ratings = matches!(dataset.feedback, Feedback::Ratings { .. });
        if model.has_ratings() != has_ratings {
            let name = |ratings| if ratings { "ratings" } else { "positive-only data" };
            return refuse(format!(
                "it was trained on {}, and these are {}; train from the beginning",
                name(model.has_ratings()),
                name(has_ratings)
            ));
        }
        let Some(catalog) = &model.contents().catalog else {
            return refuse("it has no catalogue, by which items are known again");
        };
        let mut items = vec![None; dataset.items.len()];
        for (place, id) in catalog.ids.iter().enumerate() {
            if let Some(row) = dataset.items.find(id) {
                items[row as usize] = Some(place);
            }
        }
        let learned_from = |place: usize| {
            let ratings = catalog.vectors.as_ref().map_or(0, |vectors| vectors.raters[place]);
            let choices = catalog.choice.as_ref().map_or(0, |choice| choice.raters[place]);
            ratings.max(choices)
        };
        for (row, place) in items.iter().enumerate() {
            let is_new = dataset.new_items.get(row).copied().unwrap_or(false);
            let raters = place.map_or(0, learned_from);
            if is_new && raters > 0 {
                let id = dataset.items.ids().get(row).unwrap_or_default();
                return refuse(format!(
                    "it learned of the item \"{}\" from {raters} people, but [split] leaves that \
                     item out as new, and measures on it; choose new items by a file or a column \
                     of the table, so that those of old stay what they were, or train from the \
                     beginning",
                    crate::printable(id)
                ));
            }
        }
        let ancestor = Ancestor {
            fingerprint: format!("{:016x}", model.fingerprint()),
            seed: trained["seed"].as_u64().unwrap_or(0),
            generation: 1 + record.started_from.as_ref().map_or(0, |before| before.generation),
            same_new_users: record.new_users == new_users(dataset)
                && record.started_from.as_ref().is_none_or(|before| before.same_new_users),
        };
        Ok(Self { model: model.clone(), record, ancestor, items })
    }

    /// What predicts ratings.
    pub fn method(&self) -> Option<RatingMethod> {
        self.record.rating_method
    }

    /// Checks that ratings are of the same kind.
    ///
    /// # Errors
    /// [`Error::Argument`] for clicks after ratings, or ratings after clicks.
    pub fn check_loss(&self, loss: Loss) -> Result<()> {
        let clicks = |loss| loss == Loss::Bce;
        let before = self.model.config().output.loss;
        if clicks(before) == clicks(loss) {
            return Ok(());
        }
        let name = |loss| if clicks(loss) { "clicks, 0 and 1" } else { "ratings" };
        refuse(format!(
            "it was trained on {}, and these are {}; train from the beginning",
            name(before),
            name(loss)
        ))
    }

    /// Matches the fields of items or users by their names.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are others, or one is of another kind.
    pub fn match_fields(
        &self,
        entity: Entity,
        fields: &[Field],
        vocabularies: &[Option<Vocabulary>],
    ) -> Result<FieldMatch> {
        let contents = self.model.contents();
        let before = (contents.config.fields(entity), contents.vocabularies(entity));
        FieldMatch::new(before, (fields, vocabularies))
            .or_else(|problem| refuse(format!("its {entity}s {problem}; train from the beginning")))
    }
}

/// The record of a model's training.
pub fn record(model: &Model) -> Result<TrainingRecord> {
    match (&model.contents().training, TrainingRecord::of(model)) {
        (_, Some(record)) => Ok(record),
        (None, None) => refuse("it has no record of its training, and was made elsewhere"),
        (Some(_), None) => {
            refuse("its record of training is of another version of melu; train from the beginning")
        }
    }
}

/// Names the users who are new in a data folder: a hash of their ids, in hexadecimal digits.
pub fn new_users(dataset: &Dataset) -> String {
    let is_new = |row: usize| dataset.new_users.get(row).copied().unwrap_or(false);
    let ids = dataset.users.ids().iter().enumerate();
    let mut new: Vec<&str> = ids.filter(|(row, _)| is_new(*row)).map(|(_, id)| id).collect();
    new.sort_unstable();
    let mut hash = Xxh64::new(0);
    for id in new {
        hash.update(&(id.len() as u64).to_le_bytes());
        hash.update(id.as_bytes());
    }
    format!("{:016x}", hash.digest())
}

fn refuse<T>(problem: impl Into<String>) -> Result<T> {
    Err(Error::argument("earlier model", problem))
}
