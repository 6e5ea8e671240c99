//! One user: a profile, ratings, and the head adapted to them.

use crate::adapt::{Support, Workspace, local_update};
use crate::embedding::write_row;
use crate::schema::{Column, ColumnBuilder, Entity, Value, encode_row};
use crate::{Catalog, Error, Model, Result};

/// A user of one catalogue, whose head adapts to their ratings.
///
/// Owns its buffers, so that [`User::adapt`] and [`User::score`] allocate
/// nothing but a longer list of ratings; keeps its catalogue alive. May move
/// between threads, and is used by one at a time.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) catalog: Catalog,
    /// The second half of the head's input.
    pub(crate) embedding: Vec<f32>,
    unknown_values: usize,
    pub(crate) head: Vec<f32>,
    pub(crate) rated: Vec<u32>,
    ratings: Vec<f32>,
    pub(crate) workspace: Workspace,
    /// Items to leave out of a recommendation, sorted.
    pub(crate) left_out: Vec<u32>,
}

impl User {
    /// A user of whom a profile is known: values by field name, in any order;
    /// fields of which nothing is known are left out.
    ///
    /// # Errors
    /// [`Error::UnknownField`] and [`Error::FieldValue`].
    pub fn new(catalog: &Catalog, profile: &[(&str, Value)]) -> Result<Self> {
        let contents = catalog.model().contents();
        let fields = &contents.config.user_fields;
        let mut columns: Vec<ColumnBuilder> =
            fields.iter().map(|field| ColumnBuilder::new(field.is_numeric())).collect();
        let unknown_values =
            encode_row(Entity::User, fields, &contents.user_vocabularies, profile, &mut columns)?;
        let columns: Vec<Column> = columns.into_iter().map(ColumnBuilder::finish).collect();
        Ok(Self { unknown_values, ..Self::from_columns(catalog, &columns, 0)? })
    }

    /// A user whose values were looked up before: a row of a data folder's
    /// users, one column for each of the model's user fields.
    ///
    /// # Errors
    /// [`Error::Argument`] if the columns do not fit the model's fields or end
    /// before the row.
    pub fn from_columns(catalog: &Catalog, columns: &[Column], row: usize) -> Result<Self> {
        let model = catalog.model();
        let (contents, shape) = (model.contents(), model.head_shape());
        let fields = &contents.config.user_fields;
        let fit = columns.len() == fields.len()
            && fields.iter().zip(columns).all(|(field, column)| {
                row < column.len() && column.row_fits(row, field.is_numeric(), field.size)
            });
        if !fit {
            return Err(Error::argument("columns", "they do not fit the model's user fields"));
        }
        let mut embedding = vec![0.0; shape.user_width()];
        let means = model.means(Entity::User);
        write_row(fields, columns, row, &contents.user_embeddings, means, &mut embedding);
        Ok(Self {
            catalog: catalog.clone(),
            embedding,
            unknown_values: 0,
            head: model.head().to_vec(),
            rated: Vec::new(),
            ratings: Vec::new(),
            workspace: Workspace::new(shape),
            left_out: Vec::new(),
        })
    }

    /// The catalogue that item indices refer to.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The model that the user's head comes from.
    pub fn model(&self) -> &Model {
        self.catalog.model()
    }

    /// The head as it stands: the model's own, or the adapted one.
    pub fn head(&self) -> &[f32] {
        &self.head
    }

    /// The items that the head is adapted to.
    pub fn rated(&self) -> &[u32] {
        &self.rated
    }

    /// How many of the profile's values the model's vocabularies lack.
    pub fn unknown_values(&self) -> usize {
        self.unknown_values
    }

    /// Adapts the head to these ratings, from the model's own head on: what
    /// was adapted before is replaced.
    ///
    /// Ratings are in the training data's unit; with clicks, 0 or 1. An item
    /// that stands there twice counts twice.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one rating an item,
    /// [`Error::ItemIndex`], [`Error::Rating`]: the user is as before.
    /// [`Error::Diverged`] if the learning rate is too large for these
    /// ratings: the user is reset.
    pub fn adapt(&mut self, items: &[u32], ratings: &[f32]) -> Result<()> {
        self.check(items, ratings)?;
        self.reset();
        self.rated.extend_from_slice(items);
        self.ratings.extend_from_slice(ratings);
        let model = self.catalog.model();
        let config = model.config();
        let support = Support {
            embeddings: self.catalog.embeddings(),
            user: &self.embedding,
            items: &self.rated,
            ratings: &self.ratings,
        };
        local_update(
            model.head_shape(),
            &config.output,
            &config.local,
            &support,
            &mut self.head,
            &mut self.workspace,
        );
        if self.head.iter().all(|parameter| parameter.is_finite()) {
            return Ok(());
        }
        self.reset();
        let problem = "the head is not finite; lower the local learning rate or the ratings".into();
        Err(Error::Diverged { work: "the local update", problem })
    }

    /// Forgets the ratings: the head is the model's own again.
    pub fn reset(&mut self) {
        self.rated.clear();
        self.ratings.clear();
        self.head.copy_from_slice(self.catalog.model().head());
    }

    pub(crate) fn check(&self, items: &[u32], ratings: &[f32]) -> Result<()> {
        if items.len() != ratings.len() {
            let problem = format!("there are {} for {} items", ratings.len(), items.len());
            return Err(Error::argument("ratings", problem));
        }
        self.catalog.check(items)?;
        let output = &self.model().config().output;
        for (position, &value) in ratings.iter().enumerate() {
            output.check(value).map_err(|problem| Error::Rating { position, value, problem })?;
        }
        Ok(())
    }
}
