//! One user: a profile, ratings, and the head adapted to them.

pub mod adapt;
pub(crate) mod batch;
mod choice;
mod neighbours;
mod profile;
pub mod questions;
pub(crate) mod recommend;
pub(crate) mod saved;
mod score;
mod scratch;

pub use choice::{ChoiceScoring, VectorSolver};
pub use scratch::Scratch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::catalog::blocks::{BLOCK, InputBuffers};
use crate::kernels::add_scaled;
use crate::memory;
use crate::model::config::Local;
use crate::model::embedding::write_row;
use crate::model::schema::{Column, ColumnBuilder, Entity, Value, builders, encode_row};
use crate::user::adapt::{OwnHead, Posterior, Workspace};
use crate::user::choice::ChoiceUser;
use crate::user::profile::{Profile, Use, each_use};
use crate::user::scratch::{LocalSolver, rated_set};
use crate::{Catalog, Error, Model, Result};

/// The capacity of a new user's lists of ratings.
const FIRST_RATINGS: usize = 64;

/// A user of one catalogue, whose head adapts to their ratings.
///
/// A user holds a profile, ratings and the adapted head, some 3 KB with the default recipe.
/// Calls compute in a [`Scratch`] of the caller's. With one that has served as many ratings
/// before, [`User::adapt`] allocates nothing for up to 64 ratings, or as many as the user
/// had before; [`User::score`] and [`User::recommend_into`] never allocate. A user keeps its
/// catalogue alive, and may be read from any number of threads at once.
#[derive(Clone, Debug)]
pub struct User {
    catalog: Catalog,
    profile: Profile,
    /// The user's part of the head's input; empty with item vectors.
    embedding: Vec<f32>,
    unknown_values: usize,
    rated: Vec<u32>,
    ratings: Vec<f32>,
    /// Ratings of items that the catalogue lacks, from when the user was loaded.
    absent: Vec<(Box<str>, f32)>,
    /// Whether the head was adapted without those.
    lacks_absent: bool,
    own_head: OwnHead,
    /// The vector for choosing, where the model has a head for it.
    choice: Option<ChoiceUser>,
    /// A number of this user as adapted now, which no other user and no other state has: by
    /// it a scratch recognises its last user. Clones share it until they change.
    state: u64,
}

/// A state that no user was in before.
fn new_state() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl User {
    /// A user with a profile: values by field name, in any order. Leave out fields whose value is
    /// not known; a field that the model does not have is an error.
    ///
    /// # Errors
    /// [`Error::UnknownField`], [`Error::FieldValue`], and [`Error::OutOfMemory`].
    pub fn new(catalog: &Catalog, profile: &[(&str, Value)]) -> Result<Self> {
        let contents = catalog.model().contents();
        let fields = &contents.config.user_fields;
        let mut columns = builders(fields)?;
        let unknown_values =
            encode_row(Entity::User, fields, &contents.user_vocabularies, profile, &mut columns)?;
        let columns = columns.into_iter().map(ColumnBuilder::finish);
        let columns = memory::collected(columns)?;
        let user = Self::from_columns(catalog, &columns, 0)?;
        Ok(Self { unknown_values, profile: Profile::new(profile)?, ..user })
    }

    /// A user whose values are encoded already: a row of a data folder's users, with one
    /// column for each of the model's user fields.
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
        let mut embedding = memory::zeros(model.config().user_width().unwrap_or(0))?;
        let means = model.means(Entity::User);
        write_row(fields, columns, row, &contents.user_embeddings, means, &mut embedding);
        let mut start = model.user_start().clone();
        if let Some(prior) = &contents.user_prior {
            let mut moved = memory::zeros(prior.width())?;
            prior.write_row(fields, columns, row, &mut moved);
            let mut own = memory::copy(&start)?;
            add_scaled(&mut own, 1.0, &moved);
            start = Arc::new(own);
        }
        let full = model.head_network();
        let mut sums = memory::zeros(full.layers()[0].outputs)?;
        full.sums_of_user(model.head(), &embedding, &mut sums);
        let packed = model.pack_start(&start, &sums)?;
        let bias_speed = full.speed_of_bias(0, &embedding, speed(model));
        Ok(Self {
            profile: Profile::of_row(fields, &contents.user_vocabularies, columns, row)?,
            catalog: catalog.clone(),
            unknown_values: 0,
            rated: memory::reserved(FIRST_RATINGS)?,
            ratings: memory::reserved(FIRST_RATINGS)?,
            absent: Vec::new(),
            lacks_absent: false,
            own_head: OwnHead::new(start, packed, sums, bias_speed)?,
            choice: ChoiceUser::new(catalog, columns, row)?,
            embedding,
            state: new_state(),
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

    /// The head in its current state, in the order of [`Model::head`].
    ///
    /// The user's own inputs are the same for all items, so a user keeps what their weights
    /// learn in the first layer's bias. Here it is moved back to the weights, as exactly as
    /// floats tell two biases apart.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn head(&self) -> Result<Vec<f32>> {
        let (model, own) = (self.model(), &self.own_head);
        let head = model.head_network().parameters_with_user(
            own.numbers(),
            own.start(),
            model.head(),
            &self.embedding,
            speed(model),
        );
        Ok(head?)
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

    /// How many of the profile's values the model does not know: those of
    /// [`User::unknown_profile`].
    pub fn unknown_values(&self) -> usize {
        self.unknown_values
    }

    /// The profile's values that the model does not know, each with its field: names that its
    /// vocabularies lack, and numbers far beyond those of the training data. Of a user that
    /// another model saved, also what this model has no use for.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn unknown_profile(&self) -> Result<Vec<(&str, Value<'_>)>> {
        let mut unknown = Vec::new();
        let values = self.profile.values();
        each_use(self.model(), values, |name, value, of_value| match of_value {
            Use::Known => Ok(()),
            _ => memory::push(&mut unknown, (name, value)),
        })?;
        Ok(unknown)
    }

    /// Adapts the head to these ratings, from its start; they replace all ratings before.
    ///
    /// Ratings are in the training data's unit; with clicks, 0 or 1. For a model of positive-only
    /// data, every listed item was chosen, and its rating is the strength of that choice, or 1. An
    /// item that is listed twice counts twice.
    ///
    /// # Errors
    /// [`Error::Argument`] if the slices differ in length, or for a scratch of another
    /// catalogue, [`Error::ItemIndex`], [`Error::Rating`], and [`Error::OutOfMemory`]: the
    /// user is unchanged. [`Error::Diverged`] if the learning rate is too large for these
    /// ratings: the user is reset.
    pub fn adapt(&mut self, items: &[u32], ratings: &[f32], scratch: &mut Scratch) -> Result<()> {
        self.check("items", items, ratings)?;
        scratch.check(&self.catalog)?;
        scratch.reserve(items.len())?;
        self.reserve(items.len().saturating_sub(self.rated.len()))?;
        self.forget_ratings();
        self.adapt_to(items, ratings, scratch)?;
        self.rated.extend_from_slice(items);
        self.ratings.extend_from_slice(ratings);
        Ok(())
    }

    /// Adds a rating to those that the head is adapted to, or changes the one that the user
    /// gave of this item before, and adapts the head to all of them.
    ///
    /// # Errors
    /// Those of [`User::adapt`].
    pub fn rate(&mut self, item: u32, rating: f32, scratch: &mut Scratch) -> Result<()> {
        self.check("item", &[item], &[rating])?;
        scratch.check(&self.catalog)?;
        scratch.reserve(self.rated.len() + 1)?;
        self.reserve(1)?;
        self.change_ratings(scratch, |items, ratings| {
            match items.iter().rposition(|&rated| rated == item) {
                Some(place) => ratings[place] = rating,
                None => {
                    items.push(item);
                    ratings.push(rating);
                }
            }
        })
    }

    /// Takes back the user's rating of an item, and adapts the head to the other ratings. Returns
    /// whether there was such a rating.
    ///
    /// # Errors
    /// Those of [`User::adapt`].
    pub fn withdraw(&mut self, item: u32, scratch: &mut Scratch) -> Result<bool> {
        self.catalog.check("item", &[item])?;
        scratch.check(&self.catalog)?;
        scratch.reserve(self.rated.len())?;
        if !self.rated.contains(&item) {
            return Ok(false);
        }
        self.change_ratings(scratch, |items, ratings| {
            let mut stays = items.iter().map(|&rated| rated != item);
            ratings.retain(|_| stays.next().unwrap_or(true));
            items.retain(|&rated| rated != item);
        })?;
        Ok(true)
    }

    /// Changes the lists of ratings, for which there is memory, and adapts to them. Ratings of
    /// items that the catalogue lacks stay.
    fn change_ratings(
        &mut self,
        scratch: &mut Scratch,
        change: impl FnOnce(&mut Vec<u32>, &mut Vec<f32>),
    ) -> Result<()> {
        let (mut items, mut ratings, mut absent) = (
            std::mem::take(&mut self.rated),
            std::mem::take(&mut self.ratings),
            std::mem::take(&mut self.absent),
        );
        change(&mut items, &mut ratings);
        self.state = new_state();
        let adapted = self.adapt_to(&items, &ratings, scratch);
        if adapted.is_err() {
            items.clear();
            ratings.clear();
            absent.clear();
        }
        self.lacks_absent = !absent.is_empty();
        (self.rated, self.ratings, self.absent) = (items, ratings, absent);
        adapted
    }

    fn reserve(&mut self, more: usize) -> memory::Result<()> {
        memory::grow(&mut self.rated, more)?;
        memory::grow(&mut self.ratings, more)
    }

    /// Adapts to ratings that were checked, whose places are reserved; the user is reset if
    /// the numbers are beyond what floats can hold.
    fn adapt_to(&mut self, items: &[u32], ratings: &[f32], scratch: &mut Scratch) -> Result<()> {
        if self.adapt_choice(items, ratings, &mut scratch.choice)
            && self.adapt_head(items, ratings, scratch)
        {
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

    /// Adapts the head for ratings, and returns whether it is finite.
    fn adapt_head(&mut self, items: &[u32], ratings: &[f32], scratch: &mut Scratch) -> bool {
        if !self.model().has_ratings() {
            return true;
        }
        let Self { catalog, own_head, .. } = self;
        let Scratch { inputs, workspace, packed, local, .. } = scratch;
        let network = catalog.model().user_head_network();
        match local {
            LocalSolver::Ridge { posterior, of } => {
                *of = None;
                let solved = own_head.solve(catalog, items, ratings, posterior, inputs, workspace);
                *of = solved.then_some(self.state);
                solved && posterior.write(own_head)
            }
            LocalSolver::Gradient(solver) => {
                let output = &catalog.model().config().output;
                let mut targets = [0.0; BLOCK];
                solver.support.clear();
                if items.len() <= BLOCK {
                    let set = rated_set(inputs, catalog, items, ratings, &mut targets);
                    return solver.adapt(network, output, Some(set), own_head, packed, workspace);
                }
                for (items, ratings) in items.chunks(BLOCK).zip(ratings.chunks(BLOCK)) {
                    solver.support.extend(rated_set(inputs, catalog, items, ratings, &mut targets));
                }
                solver.adapt(network, output, None, own_head, packed, workspace)
            }
        }
    }

    /// The posterior of the user's head for ratings, computed anew unless the scratch holds
    /// it already; `None` with gradient steps.
    fn posterior<'a>(
        &self,
        local: &'a mut LocalSolver,
        inputs: &mut InputBuffers,
        workspace: &mut Workspace,
    ) -> Option<&'a mut Posterior> {
        let LocalSolver::Ridge { posterior, of } = local else { return None };
        if *of != Some(self.state) {
            let Self { catalog, rated, ratings, .. } = self;
            // This cannot fail: it was solved before, when the user adapted.
            self.own_head.solve(catalog, rated, ratings, posterior, inputs, workspace);
            *of = Some(self.state);
        }
        Some(posterior)
    }

    /// Forgets the ratings, and returns the head to its start.
    pub fn reset(&mut self) {
        self.forget_ratings();
        self.own_head.reset();
        if let (Some(choice), Some(head)) = (&mut self.choice, self.catalog.model().choice()) {
            choice.reset(head);
        }
    }

    /// The user's vector, for inner products with the rows of [`Catalog::item_vectors`], which are
    /// as long; `None` for a model that orders by predicted rating.
    pub fn vector(&self) -> Option<&[f32]> {
        self.choice.as_ref().map(ChoiceUser::vector)
    }

    /// The items that the user is adapted to, each with its rating.
    fn answers(&self) -> impl ExactSizeIterator<Item = (u32, f32)> + Clone {
        self.rated.iter().copied().zip(self.ratings.iter().copied())
    }

    fn forget_ratings(&mut self) {
        self.rated.clear();
        self.ratings.clear();
        self.absent.clear();
        self.lacks_absent = false;
        self.state = new_state();
    }

    /// Refuses items of a list, an argument, with ratings that the user cannot have.
    pub(crate) fn check(&self, list: &'static str, items: &[u32], ratings: &[f32]) -> Result<()> {
        if items.len() != ratings.len() {
            let problem = format!("there are {} for {} items", ratings.len(), items.len());
            return Err(Error::argument("ratings", problem));
        }
        self.catalog.check(list, items)?;
        let output = &self.model().config().output;
        for (position, &value) in ratings.iter().enumerate() {
            output.check(value).map_err(|problem| Error::Rating { position, value, problem })?;
        }
        Ok(())
    }
}

/// How fast each of the head's parameters learns: its learning rate, or its prior variance.
/// With rates, of the first layer's parameters alone.
fn speed(model: &Model) -> impl Fn(usize) -> f64 + use<'_> {
    let bias = model.head_network().layers()[0].bias.start;
    move |place| match &model.config().local {
        Local::Gradient(steps) => steps.rates[usize::from(place >= bias)].into(),
        // In double precision, which holds the square of any float.
        Local::Ridge(_) => f64::from(model.contents().head_scale[place]).powi(2),
    }
}
