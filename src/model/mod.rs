//! An opened weight file.

pub mod buffer;
mod choice;
pub mod config;
pub mod embedding;
pub mod familiarity;
pub mod file;
pub(crate) mod json;
pub mod loss;
pub mod medians;
pub mod network;
pub mod prior;
mod problem;
pub mod schema;

pub(crate) use choice::write_new_row;
pub use choice::{BESIDES_VECTOR, ChoiceHead, Curve};
pub use problem::Problem;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::kernels::check_choice;
use crate::model::buffer::{Buffer, SharedBytes};
use crate::model::config::{Config, DataType, Local};
use crate::model::embedding::mean_row;
use crate::model::file::{ChoicePriors, Contents, EvidenceTable, ItemPrior, Prepared};
use crate::model::network::{Network, PackedNetwork};
use crate::model::schema::{Entity, Field};
use crate::{Error, Result, memory};

/// A meta-trained model: embeddings, and the head that every new user starts from.
///
/// Cloning is cheap: clones share one model, and everything made from it keeps it alive. May
/// be used from any number of threads at once.
#[derive(Clone, Debug)]
pub struct Model(Arc<Opened>);

/// How a weight file is opened.
///
/// ```no_run
/// use melu::{Model, OpenOptions};
///
/// // A file that others may change in place, on a machine with little memory.
/// let options = OpenOptions { copy: true, max_memory: 64 << 20 };
/// let model = Model::open_with("world.melu", &options)?;
/// # Ok::<(), melu::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// Reads the file into memory instead of mapping it. Then it may be truncated or changed in
    /// place, and processes share none of it.
    pub copy: bool,
    /// The most bytes that a catalogue of the model may compute, and the most that a
    /// [`Scratch`](crate::Scratch) may take: a small file can describe items by very many numbers.
    /// A catalogue or scratch that would take more is refused with [`Error::MemoryLimit`]. A
    /// catalogue that the file has computed already, as melu's own files do, takes none. 1 GiB
    /// unless it is set.
    pub max_memory: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { copy: false, max_memory: 1 << 30 }
    }
}

#[derive(Debug)]
struct Opened {
    contents: Box<[Contents; 1]>,
    /// See [`OpenOptions::max_memory`].
    max_memory: usize,
    /// What the weight file's own catalogue computes, if the file has it.
    prepared: Option<Prepared>,
    body: Option<Network>,
    head: Network,
    /// The layers of every user's own head: see [`Network::without_user`].
    user_head: Network,
    user_start: Arc<Vec<f32>>,
    /// The prior standard deviations of own heads, with the ridge solver.
    user_head_scale: Vec<f32>,
    /// For somebody who adds nothing to the first layer's sums; without layers where own
    /// heads need not be packed: see [`OwnHead::new`](crate::user::adapt::OwnHead::new).
    packed_start: PackedNetwork,
    item_means: Vec<Vec<f32>>,
    user_means: Vec<Vec<f32>>,
    /// With a catalogue in f32.
    fingerprint: OnceLock<u64>,
}

impl Model {
    /// Maps and checks a weight file.
    ///
    /// While the model lives, the file may be deleted, or replaced by renaming another over
    /// it, but it must not be changed in place.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be mapped or is no regular file, [`Error::WeightFile`] if it
    /// breaks the format, and [`Error::OutOfMemory`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &OpenOptions::default())
    }

    /// [`Model::open`] with options.
    ///
    /// # Errors
    /// Those of [`Model::open`], and [`Error::OutOfMemory`] for a copy.
    pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let bytes = if options.copy { file::read_into_memory(path) } else { file::map(path) };
        Self::from_file(bytes?, &path.display().to_string(), options.max_memory)
    }

    /// Opens a weight file's bytes.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if they break the format, and [`Error::OutOfMemory`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::from_shared(Arc::new(bytes))
    }

    /// Opens a weight file's bytes without copying them.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if they break the format, and [`Error::OutOfMemory`].
    pub fn from_shared(bytes: SharedBytes) -> Result<Self> {
        Self::from_shared_with(bytes, &OpenOptions::default())
    }

    /// [`Model::from_shared`] with options; [`OpenOptions::copy`] has no effect here.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if they break the format.
    pub fn from_shared_with(bytes: SharedBytes, options: &OpenOptions) -> Result<Self> {
        Self::from_file(bytes, "memory", options.max_memory)
    }

    fn from_file(bytes: SharedBytes, origin: &str, max_memory: usize) -> Result<Self> {
        let (contents, prepared) = file::read(bytes, origin)?;
        Self::new(contents, prepared, max_memory)
    }

    /// A model that was never in a file, without a limit on memory.
    ///
    /// # Errors
    /// [`Error::Argument`] if the parts do not fit each other.
    pub fn from_contents(contents: Contents) -> Result<Self> {
        if let Some(catalog) = &contents.catalog {
            let refuse = |problem: String| Error::argument("contents", problem);
            catalog.check(&contents.config).map_err(refuse)?;
        }
        Self::new(contents, None, usize::MAX)
    }

    /// The catalogue's table was checked.
    fn new(contents: Contents, prepared: Option<Prepared>, max_memory: usize) -> Result<Self> {
        check_choice().map_err(|(variable, problem)| Error::argument(variable, problem))?;
        let refuse = |problem: String| Error::argument("contents", problem);
        let problem = |problem: Problem| problem.error(refuse);
        contents.config.check().map_err(problem)?;
        let body = contents.config.body_network().map_err(problem)?;
        let head = contents.config.head_network().map_err(problem)?;
        let width = contents.config.embedding_dim;
        let means = |entity: Entity| {
            let fields = contents.config.fields(entity);
            let weights = contents.embeddings(entity);
            let fit = fields.iter().zip(weights).all(|(field, weight)| {
                let size = if field.embedded { field.size.checked_mul(width) } else { Some(0) };
                size == Some(weight.len())
            });
            if !fit || weights.len() != fields.len() {
                return Err(refuse(format!("the {entity} embeddings do not fit the fields")));
            }
            let vocabularies = contents.vocabularies(entity);
            let fit = fields.iter().zip(vocabularies).all(|(field, names)| {
                names.as_ref().is_none_or(|names| !field.is_numeric() && names.len() == field.size)
            });
            if !fit || vocabularies.len() != fields.len() {
                return Err(refuse(format!("the {entity} vocabularies do not fit the fields")));
            }
            let mean = |(field, weight): (&Field, &Buffer<f32>)| match field.embedded {
                true => mean_row(weight, width),
                false => Ok(Vec::new()),
            };
            Ok(memory::try_collected(fields.iter().zip(weights).map(mean))?)
        };
        let (item_means, user_means) = (means(Entity::Item)?, means(Entity::User)?);
        if contents.head.len() != head.parameters() {
            return Err(refuse("the head does not fit the configuration".into()));
        }
        if contents.body.len() != body.as_ref().map_or(0, Network::parameters) {
            return Err(refuse("the body does not fit the configuration".into()));
        }
        let scales = match contents.config.local {
            Local::Gradient(_) => 0,
            Local::Ridge(_) => head.parameters(),
        };
        let usable = |scale: &f32| *scale >= 0.0 && scale.is_finite();
        if contents.head_scale.len() != scales || !contents.head_scale.iter().all(usable) {
            return Err(refuse("the head's scale does not fit the configuration".into()));
        }
        check_priors(&contents).map_err(refuse)?;
        check_choice_priors(&contents).map_err(refuse)?;
        if let Some(evidence) = &contents.evidence {
            let items = contents.catalog.as_ref().map_or(0, |catalog| catalog.ids.len());
            evidence.check(items).map_err(refuse)?;
        }
        if let Some(familiarity) = &contents.familiarity {
            let items = contents.catalog.as_ref().map_or(0, |catalog| catalog.ids.len());
            if familiarity.items() != items {
                return Err(refuse("the familiarity table does not fit the catalogue: they have different numbers of items".into()));
            }
        }
        let user_head = head.without_user()?;
        let user_start = Arc::new(head.parameters_without_user(&contents.head)?);
        let user_head_scale = match contents.config.local {
            Local::Ridge(_) => head.parameters_without_user(&contents.head_scale)?,
            Local::Gradient(_) => Vec::new(),
        };
        let packed_start = match contents.config.local {
            Local::Ridge(_) => PackedNetwork::default(),
            Local::Gradient(_) => {
                let nobody = memory::zeros(user_head.layers()[0].outputs)?;
                PackedNetwork::of(&user_head, &user_start, &nobody)?
            }
        };
        Ok(Self(Arc::new(Opened {
            body,
            head,
            user_head,
            user_start,
            user_head_scale,
            packed_start,
            item_means,
            user_means,
            fingerprint: OnceLock::new(),
            contents: memory::boxed(contents)?,
            max_memory,
            prepared,
        })))
    }

    /// Fields, sizes, loss and local update.
    pub fn config(&self) -> &Config {
        &self.contents().config
    }

    /// The contents of the weight file.
    pub fn contents(&self) -> &Contents {
        let [contents] = &*self.0.contents;
        contents
    }

    /// Refuses what takes so many bytes, or `None` for more than can be counted, if they are
    /// more than [`OpenOptions::max_memory`].
    pub(crate) fn check_memory(&self, work: &'static str, bytes: Option<usize>) -> Result<()> {
        let (bytes, limit) = (bytes.unwrap_or(usize::MAX), self.0.max_memory);
        if bytes > limit { Err(Error::MemoryLimit { work, bytes, limit }) } else { Ok(()) }
    }

    /// What the weight file's own catalogue computes, if the file has it.
    pub(crate) fn prepared(&self) -> Option<&Prepared> {
        self.0.prepared.as_ref()
    }

    /// A number that identifies this model: a hash of everything that scores depend on.
    ///
    /// The first call reads the whole model.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint_in(self.config().catalog)
    }

    /// The same number for a catalogue of this data type, whatever the model's own is.
    pub(crate) fn fingerprint_in(&self, data_type: DataType) -> u64 {
        let single = self.0.fingerprint.get_or_init(|| file::fingerprint(self.contents()));
        file::fingerprint_in(*single, data_type)
    }

    /// Whether the model has standard deviations of ratings; with the ridge solver it does.
    pub fn has_deviations(&self) -> bool {
        self.has_ratings() && matches!(self.config().local, Local::Ridge(_))
    }

    /// Whether the model predicts ratings; a model trained on positive-only data does not.
    pub fn has_ratings(&self) -> bool {
        self.config().has_ratings()
    }

    /// The head for choosing; `None` for a model that orders by predicted rating.
    pub fn choice(&self) -> Option<&ChoiceHead> {
        self.config().choice.as_ref()
    }

    /// Whether it can choose questions: see [`User::next_question`](crate::User::next_question).
    pub fn has_questions(&self) -> bool {
        self.choice().is_some() || self.has_deviations()
    }

    /// The body's layers; `None` for a model without a body.
    pub fn body_network(&self) -> Option<&Network> {
        self.0.body.as_ref()
    }

    /// The body's parameters.
    pub fn body(&self) -> &[f32] {
        &self.contents().body
    }

    /// The head's layers.
    pub fn head_network(&self) -> &Network {
        &self.0.head
    }

    /// The head that every new user starts from.
    pub fn head(&self) -> &[f32] {
        &self.contents().head
    }

    /// The layers of every user's own head.
    pub(crate) fn user_head_network(&self) -> &Network {
        &self.0.user_head
    }

    /// [`Model::head`] as a user's own head.
    pub(crate) fn user_start(&self) -> &Arc<Vec<f32>> {
        &self.0.user_start
    }

    /// The prior standard deviations of users' own heads, with the ridge solver; the bias's
    /// is without what describes the user.
    pub(crate) fn user_head_scale(&self) -> &[f32] {
        &self.0.user_head_scale
    }

    /// The start of somebody who adds nothing to the first layer's sums as the way forward
    /// reads it; without layers where own heads need not be packed.
    pub(crate) fn packed_start(&self) -> &PackedNetwork {
        &self.0.packed_start
    }

    /// A user's own head as the way forward reads it, with the user's part of the first
    /// layer's sums; from the model's own start, its memory is shared by all users.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn pack_start(
        &self,
        start: &Arc<Vec<f32>>,
        sums: &[f32],
    ) -> memory::Result<PackedNetwork> {
        let network = self.user_head_network();
        match Arc::ptr_eq(start, self.user_start()) || self.0.packed_start.is_empty() {
            true => self.0.packed_start.shared(network, start, sums),
            false => PackedNetwork::of(network, start, sums),
        }
    }

    /// The evidence candidates among the weight file's own items, best first;
    /// `None` if it has none.
    pub fn evidence(&self) -> Option<&EvidenceTable> {
        self.contents().evidence.as_ref()
    }

    /// The mean of the rows of each field's embedding.
    pub(crate) fn means(&self, entity: Entity) -> &[Vec<f32>] {
        match entity {
            Entity::Item => &self.0.item_means,
            Entity::User => &self.0.user_means,
        }
    }
}

/// Checks that the head for choosing has its priors and items.
fn check_choice_priors(contents: &Contents) -> Result<(), String> {
    let Config { choice, item_fields, user_fields, .. } = &contents.config;
    match (choice, &contents.choice) {
        (None, None) => Ok(()),
        (Some(head), Some(ChoicePriors { user, item }))
            if user.width() == head.width() && item.width() == head.width() + 1 =>
        {
            user.check(user_fields)?;
            item.check(item_fields)
        }
        _ => Err("the priors of the head for choosing do not fit the configuration".into()),
    }
}

/// Checks that the priors exist and fit the configuration.
fn check_priors(contents: &Contents) -> Result<(), String> {
    let Config { factors, item_fields, user_fields, .. } = &contents.config;
    match &contents.item_prior {
        None if *factors > 0 => return Err("items have vectors; an item prior is expected".into()),
        None => {}
        Some(_) if *factors == 0 => {
            return Err("items have no vectors, but there is an item prior".into());
        }
        Some(ItemPrior { prior, variance }) => {
            if prior.width() != factors + 1 || !(*variance >= 0.0 && variance.is_finite()) {
                return Err("the item prior does not fit the configuration".into());
            }
            prior.check(item_fields)?;
        }
    }
    match &contents.user_prior {
        Some(prior) if *factors == 0 || prior.width() != contents.head.len() => {
            Err("the user prior does not fit the configuration".into())
        }
        Some(prior) => prior.check(user_fields),
        None => Ok(()),
    }
}
