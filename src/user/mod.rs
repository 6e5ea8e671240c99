//! One user: a profile, ratings, and the head adapted to them.

pub mod adapt;
mod choice;
mod profile;
pub mod questions;
pub(crate) mod recommend;
mod room;
pub(crate) mod saved;
mod score;

pub use choice::{ChoiceScoring, ChoiceUser, VectorSolver};

use std::sync::Arc;

use crate::catalog::blocks::BLOCK;
use crate::catalog::item_set::ItemSet;
use crate::kernels::{add_scaled, are_finite};
use crate::model::config::Local;
use crate::model::embedding::write_row;
use crate::model::schema::{Column, ColumnBuilder, Entity, Value, encode_row};
use crate::user::adapt::{OwnHead, Posterior, SupportSet, local_update};
use crate::user::profile::Profile;
use crate::user::room::{Room, rated_set};
use crate::{Catalog, Error, Model, Recommendation, Result};

/// A user of one catalogue, whose head adapts to their ratings.
///
/// Owns its buffers, so that [`User::adapt`], [`User::score`] and
/// [`User::recommend_into`] allocate nothing, up to as many ratings as there is
/// room for: see [`User::reserve`]. Keeps its catalogue alive. May move between
/// threads, and is used by one at a time.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) catalog: Catalog,
    pub(crate) profile: Profile,
    /// The user's part of the head's input; empty with item vectors.
    pub(crate) embedding: Vec<f32>,
    pub(crate) unknown_values: usize,
    pub(crate) rated: Vec<u32>,
    ratings: Vec<f32>,
    /// Ratings that the user was loaded with, of items that the catalogue lacks.
    pub(crate) absent: Vec<(Box<str>, f32)>,
    /// Ratings that are more than a block.
    support: SupportSet,
    /// How sure the head is, with the ridge solver.
    pub(crate) posterior: Option<Posterior>,
    pub(crate) own_head: OwnHead,
    /// The vector for choosing, where the model has a head for it.
    pub(crate) choice: Option<ChoiceUser>,
    pub(crate) room: Room,
    /// Items to leave out of a recommendation.
    pub(crate) left_out: ItemSet,
    /// Room for new items that have places kept for them.
    pub(crate) new_room: Vec<Recommendation>,
}

impl User {
    /// A user of whom a profile is known: values by field name, in any order;
    /// fields of which nothing is known are left out.
    ///
    /// # Errors
    /// [`Error::UnknownField`], [`Error::FieldValue`], and [`Error::OutOfMemory`].
    pub fn new(catalog: &Catalog, profile: &[(&str, Value)]) -> Result<Self> {
        let contents = catalog.model().contents();
        let fields = &contents.config.user_fields;
        let mut columns: Vec<ColumnBuilder> =
            fields.iter().map(|field| ColumnBuilder::new(field.is_numeric())).collect();
        let unknown_values =
            encode_row(Entity::User, fields, &contents.user_vocabularies, profile, &mut columns)?;
        let columns: Vec<Column> = columns.into_iter().map(ColumnBuilder::finish).collect();
        let user = Self::from_columns(catalog, &columns, 0)?;
        Ok(Self { unknown_values, profile: Profile::new(profile), ..user })
    }

    /// A user whose values were looked up before: a row of a data folder's
    /// users, one column for each of the model's user fields.
    ///
    /// # Errors
    /// [`Error::Argument`] if the columns do not fit the model's fields or end
    /// before the row, and [`Error::OutOfMemory`].
    pub fn from_columns(catalog: &Catalog, columns: &[Column], row: usize) -> Result<Self> {
        let model = catalog.model();
        let contents = model.contents();
        let fields = &contents.config.user_fields;
        let fit = columns.len() == fields.len()
            && fields.iter().zip(columns).all(|(field, column)| {
                row < column.len() && column.row_fits(row, field.is_numeric(), field.size)
            });
        if !fit {
            return Err(Error::argument("columns", "they do not fit the model's user fields"));
        }
        let mut embedding = vec![0.0; model.config().user_width().unwrap_or(0)];
        let means = model.means(Entity::User);
        write_row(fields, columns, row, &contents.user_embeddings, means, &mut embedding);
        let mut start = model.user_start().clone();
        if let Some(prior) = &contents.user_prior {
            let mut moved = vec![0.0; prior.width()];
            prior.write_row(fields, columns, row, &mut moved);
            add_scaled(Arc::make_mut(&mut start).as_mut_slice(), 1.0, &moved);
        }
        let (full, network) = (model.head_network(), model.user_head_network());
        let mut sums = Vec::new();
        full.sums_of_user(model.head(), &embedding, &mut sums);
        let packed = model.packed_start(&start, &sums);
        let total = full.speed_of_bias(0, &embedding, speed(model));
        let (rates, posterior) = match &model.config().local {
            Local::Gradient(steps) => {
                let mut rates = steps.rates.clone();
                rates[1] = total as f32;
                (rates, None)
            }
            Local::Ridge(_) => {
                let mut scale = full.parameters_without_user(&contents.head_scale);
                if let Some(bias) = scale.last_mut() {
                    *bias = total.sqrt() as f32;
                }
                (Vec::new(), Some(Posterior::new(scale)))
            }
        };
        let mut user = Self {
            profile: Profile::of_row(fields, &contents.user_vocabularies, columns, row),
            catalog: catalog.clone(),
            unknown_values: 0,
            rated: Vec::new(),
            ratings: Vec::new(),
            absent: Vec::new(),
            support: SupportSet::default(),
            posterior,
            own_head: OwnHead::new(network, start, packed, sums, rates),
            choice: ChoiceUser::new(catalog, columns, row),
            room: Room::new(model),
            embedding,
            left_out: ItemSet::new(catalog.len())?,
            new_room: Vec::new(),
        };
        user.reserve(BLOCK)?;
        Ok(user)
    }

    /// Makes room, so that [`User::adapt`] allocates nothing for up to so many
    /// ratings.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; the user is as before.
    pub fn reserve(&mut self, ratings: usize) -> Result<()> {
        let lists = Error::out_of_memory::<[f32; 2]>("a user's ratings", ratings);
        let more = ratings.saturating_sub(self.rated.len());
        self.rated
            .try_reserve_exact(more)
            .and_then(|()| self.ratings.try_reserve_exact(more))
            .map_err(lists)?;
        if let (Some(choice), Some(items)) = (&mut self.choice, self.catalog.choice()) {
            choice.reserve(ratings, items)?;
        }
        let model = self.catalog.model();
        let (network, config) = (model.user_head_network(), model.config());
        if ratings > BLOCK && model.has_ratings() {
            self.support.reserve(ratings, network.item_width(), config.factors > 0)?;
        }
        // Ridge regression takes its rows in blocks.
        if let Local::Gradient(_) = config.local {
            self.room.workspace.activations.resize(network, ratings);
            self.room.workspace.deltas.resize(network, ratings);
        }
        Ok(())
    }

    /// The catalogue that item indices refer to.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The model that the user's head comes from.
    pub fn model(&self) -> &Model {
        self.catalog.model()
    }

    /// The head as it stands, where it started or adapted, as [`Model::head`] has it.
    ///
    /// What describes the user is the same for all items, and a user keeps what its
    /// weights learn in the first layer's bias; here it is with the weights again, as
    /// exactly as a float tells two biases apart.
    pub fn head(&self) -> Vec<f32> {
        let (model, own) = (self.model(), &self.own_head);
        model.head_network().parameters_with_user(
            own.numbers(),
            own.start(),
            model.head(),
            &self.embedding,
            speed(model),
        )
    }

    /// The items that the head is adapted to.
    pub fn rated(&self) -> &[u32] {
        &self.rated
    }

    /// The ratings that the head is adapted to, one for each of
    /// [`User::rated`].
    pub fn ratings(&self) -> &[f32] {
        &self.ratings
    }

    /// How many of the profile's values the model's vocabularies lack.
    pub fn unknown_values(&self) -> usize {
        self.unknown_values
    }

    /// Adapts the head to these ratings, from where it started: what was adapted
    /// before is replaced.
    ///
    /// Ratings are in the training data's unit; with clicks, 0 or 1. An item
    /// that is listed twice counts twice.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is not one rating an item,
    /// [`Error::ItemIndex`], [`Error::Rating`], and [`Error::OutOfMemory`] for
    /// more ratings than there is room for: the user is as before.
    /// [`Error::Diverged`] if the learning rate is too large for these
    /// ratings: the user is reset.
    pub fn adapt(&mut self, items: &[u32], ratings: &[f32]) -> Result<()> {
        self.check(items, ratings)?;
        self.reserve(items.len())?;
        self.forget_ratings();
        if self.adapt_choice(items, ratings) && self.adapt_head(items, ratings) {
            self.rated.extend_from_slice(items);
            self.ratings.extend_from_slice(ratings);
            return Ok(());
        }
        self.reset();
        let problem = match self.model().config().local {
            Local::Gradient(_) => {
                "the head is not finite; lower the local learning rate or the ratings"
            }
            Local::Ridge(_) => "the head is not finite; lower the ratings",
        };
        let problem = problem.into();
        Err(Error::Diverged { work: "the local update", problem })
    }

    /// Adapts the vector for choosing; whether it is finite.
    fn adapt_choice(&mut self, items: &[u32], values: &[f32]) -> bool {
        let catalog = &self.catalog;
        match (&mut self.choice, catalog.model().choice(), catalog.choice()) {
            (Some(choice), Some(head), Some(rows)) => choice.adapt(head, rows, items, values),
            _ => true,
        }
    }

    /// Adapts the head for ratings; whether it is finite.
    fn adapt_head(&mut self, items: &[u32], ratings: &[f32]) -> bool {
        if !self.model().has_ratings() {
            return true;
        }
        let Self { catalog, support, posterior, own_head, .. } = self;
        let Room { inputs: buffers, workspace } = &mut self.room;
        let model = catalog.model();
        let (network, config) = (model.user_head_network(), model.config());
        let mut targets = [0.0; BLOCK];
        let set = if items.len() <= BLOCK {
            rated_set(buffers, catalog, items, ratings, &mut targets)
        } else {
            for (items, ratings) in items.chunks(BLOCK).zip(ratings.chunks(BLOCK)) {
                support.extend(rated_set(buffers, catalog, items, ratings, &mut targets));
            }
            support.set()
        };
        match (&config.local, posterior) {
            (Local::Ridge(ridge), Some(posterior)) => {
                let activations = &mut workspace.activations;
                posterior.adapt(network, &config.output, ridge, set, own_head, activations)
                    && are_finite(own_head.numbers())
            }
            (Local::Gradient(steps), _) => {
                local_update(network, &config.output, steps, set, own_head, workspace)
                    || are_finite(own_head.numbers())
            }
            (Local::Ridge(_), None) => false,
        }
    }

    /// Forgets the ratings: the head is where it started.
    pub fn reset(&mut self) {
        self.forget_ratings();
        self.own_head.reset();
        if let Some(posterior) = &mut self.posterior {
            posterior.reset();
        }
        if let (Some(choice), Some(head)) = (&mut self.choice, self.catalog.model().choice()) {
            choice.reset(head);
        }
    }

    /// The user's vector: what the rows of [`Catalog::item_vectors`] are multiplied by, and
    /// as long; `None` for a model that orders by predicted rating.
    pub fn vector(&self) -> Option<&[f32]> {
        self.choice.as_ref().map(ChoiceUser::vector)
    }

    fn forget_ratings(&mut self) {
        self.rated.clear();
        self.ratings.clear();
        self.absent.clear();
        self.support.clear();
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

/// How fast each of the head's parameters learns: by its rate, or by its variance before
/// any rating. Of the first layer's alone, where there are rates.
fn speed(model: &Model) -> impl Fn(usize) -> f64 + use<'_> {
    let bias = model.head_network().layers()[0].bias.start;
    move |place| match &model.config().local {
        Local::Gradient(steps) => steps.rates[usize::from(place >= bias)].into(),
        // In double precision, which holds the square of any float.
        Local::Ridge(_) => f64::from(model.contents().head_scale[place]).powi(2),
    }
}
