//! The data that the head for choosing is trained on, and its way into a model.

use rayon::prelude::*;

use super::earlier::EarlierChoice;
use super::fit::{ChoiceData, ChoiceOptions, Fit, Stage};
use super::lists::Case;
use crate::data::{Dataset, Feedback, TaskRules, UserRatings, items_and_ratings};
use crate::model::file::{CatalogTable, ChoiceItems, ChoicePriors, Contents};
use crate::model::schema::{Column, Entity, Field, Vocabulary};
use crate::model::write_new_row;
use crate::train::earlier::Earlier;
use crate::train::factors::Description;
use crate::train::fit_familiarity;
use crate::train::history::TrainingRecord;
use crate::train::options::TrainOptions;
use crate::train::rating_trainer::catalog;
use crate::{Result, Scratch, User};

/// The existing users' interactions with existing items, and what describes both.
#[derive(Debug)]
pub struct ChoiceSet {
    groups: Vec<UserRatings>,
    feedback: Feedback,
    item_fields: Vec<Field>,
    user_fields: Vec<Field>,
    item_vocabularies: Vec<Option<Vocabulary>>,
    user_vocabularies: Vec<Option<Vocabulary>>,
    user_columns: Vec<Column>,
    catalog: CatalogTable,
    users: usize,
    unseen: Vec<u32>,
    rules: TaskRules,
    options: ChoiceOptions,
    earlier: Option<EarlierChoice>,
}

impl ChoiceSet {
    /// Of a data folder's training part; `unseen` are the users, by their rows in ascending
    /// order, from whom predicted ratings do not learn.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if a field has more values than can be
    /// counted, or the earlier model has other fields.
    pub fn new(
        dataset: &Dataset,
        groups: Vec<UserRatings>,
        options: &TrainOptions,
        unseen: Vec<u32>,
        earlier: Option<&Earlier>,
    ) -> Result<Self> {
        let is_new = |new: &[bool], row: usize| new.get(row).copied().unwrap_or(false);
        let keep = |described: (Vec<Field>, Vec<Option<Vocabulary>>)| {
            let pairs = described.0.into_iter().zip(described.1);
            pairs.filter(|(field, _)| options.numeric_fields || !field.is_numeric()).unzip()
        };
        let existing_item = |row: usize| !is_new(&dataset.new_items, row);
        let existing_user = |row: usize| !is_new(&dataset.new_users, row);
        let (item_fields, item_vocabularies): (Vec<Field>, Vec<_>) =
            keep(dataset.items.training_fields(existing_item));
        let (user_fields, user_vocabularies): (Vec<Field>, Vec<_>) =
            keep(dataset.users.training_fields(existing_user));
        let items = dataset.items.encode(Entity::Item, &item_fields, &item_vocabularies)?;
        let users = dataset.users.encode(Entity::User, &user_fields, &user_vocabularies)?;
        let choice = ChoiceOptions { seed: options.seed, ..ChoiceOptions::default() };
        let earlier = match earlier {
            Some(earlier) => {
                earlier.match_fields(Entity::Item, &item_fields, &item_vocabularies)?;
                let user_fields =
                    earlier.match_fields(Entity::User, &user_fields, &user_vocabularies)?;
                EarlierChoice::of(earlier, user_fields, choice.row_width)
            }
            None => None,
        };
        Ok(Self {
            groups,
            feedback: dataset.feedback,
            item_fields,
            user_fields,
            item_vocabularies,
            user_vocabularies,
            user_columns: users.columns,
            catalog: CatalogTable {
                ids: dataset.items.ids().clone(),
                titles: dataset.items.titles().cloned(),
                columns: items.columns,
                vectors: None,
                choice: None,
            },
            users: dataset.users.len(),
            unseen,
            rules: dataset.rules,
            options: choice,
            earlier,
        })
    }

    /// Fits the head, on the threads of the current pool: see [`ChoiceData::fit`].
    ///
    /// # Errors
    /// Those of [`ChoiceData::fit`].
    pub fn fit(&self, observe: impl FnMut(Stage) -> Result<()>) -> Result<Fit> {
        let data = ChoiceData {
            groups: &self.groups,
            items: self.items(),
            users: Description {
                entity: Entity::User,
                fields: &self.user_fields,
                columns: &self.user_columns,
                rows: self.users,
            },
            feedback: self.feedback,
            unseen: &self.unseen,
        };
        data.fit_from(&self.options, self.earlier.as_ref(), observe)
    }

    /// Whether settings are searched, and not an earlier model's.
    pub fn searches(&self) -> bool {
        self.earlier.is_none()
    }

    fn items(&self) -> Description<'_> {
        Description {
            entity: Entity::Item,
            fields: &self.item_fields,
            columns: &self.catalog.columns,
            rows: self.catalog.ids.len(),
        }
    }

    /// The fields of items or of users.
    pub fn fields(&self, entity: Entity) -> &[Field] {
        match entity {
            Entity::Item => &self.item_fields,
            Entity::User => &self.user_fields,
        }
    }

    /// The names of their values.
    pub fn vocabularies(&self, entity: Entity) -> &[Option<Vocabulary>] {
        match entity {
            Entity::Item => &self.item_vocabularies,
            Entity::User => &self.user_vocabularies,
        }
    }

    /// All items.
    pub fn catalog(&self) -> &CatalogTable {
        &self.catalog
    }

    /// Adds the head to a model of the same items and fields, and chooses how much the
    /// model's predicted ratings count beside it.
    ///
    /// # Errors
    /// As [`Model::from_contents`](crate::Model::from_contents).
    pub fn add_to(&self, contents: &mut Contents, fit: Fit) -> Result<()> {
        let Fit {
            mut head,
            mut rows,
            raters,
            neighbours,
            user_prior,
            item_prior,
            chosen,
            rating_trial,
        } = fit;
        if let (Feedback::Ratings { .. }, Some(trial)) = (self.feedback, rating_trial) {
            let predicting = catalog(contents.clone())?;
            let range = self.range();
            let items: Vec<u32> = (0..predicting.len() as u32).collect();
            let scratch = Scratch::new(&predicting)?;
            let predict = |case: &Case, ratings: &mut [f32], scratch: &mut Scratch| {
                let user = case.user as usize;
                let mut user = User::from_columns(&predicting, &self.user_columns, user)?;
                let (answered, values) = items_and_ratings(&case.answers);
                user.adapt(&answered, &values, scratch)?;
                user.predict(&items, ratings, scratch)
            };
            head.rating = trial.rating_weight(self.feedback, range, scratch, predict)?;
        }
        head.rating_range = if head.rating == 0.0 { [0.0, 0.0] } else { self.range() };
        let (width, items) = (head.row_width(), self.items());
        let new = rows.par_chunks_exact_mut(width).zip(&raters).enumerate();
        new.filter(|(_, (_, raters))| **raters == 0).for_each(|(item, (row, _))| {
            write_new_row(&item_prior, items.fields, items.columns, item, row);
        });
        if let Some(table) = &mut contents.catalog {
            table.choice = Some(ChoiceItems {
                rows: rows.into(),
                raters: raters.into(),
                neighbours: neighbours.items.into(),
                weights: neighbours.weights.into(),
            });
        }
        // The head for ratings brings its own along.
        if contents.familiarity.is_none() && contents.catalog.is_some() {
            let items = self.catalog.ids.len();
            contents.familiarity =
                fit_familiarity(&self.groups, items, &self.rules, self.options.seed);
        }
        contents.config.choice = Some(head);
        contents.choice = Some(ChoicePriors { user: user_prior, item: item_prior });
        let record = contents.training.as_deref().map(serde_json::from_str::<TrainingRecord>);
        if let Some(Ok(record)) = record {
            let record = TrainingRecord { choice: Some(chosen), ..record };
            contents.training = serde_json::to_string(&record).ok();
        }
        Ok(())
    }

    /// The least and the greatest rating.
    fn range(&self) -> [f32; 2] {
        let values =
            || self.groups.iter().flat_map(|group| &*group.ratings).map(|rated| rated.value);
        [values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max)]
    }
}
