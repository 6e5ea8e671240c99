//! The contents of a weight file.

use bytemuck::AnyBitPattern;

use crate::Result;
use crate::memory;
use crate::model::buffer::Buffer;
use crate::model::config::Config;
use crate::model::familiarity::Familiarity;
use crate::model::prior::Prior;
use crate::model::schema::{Column, Entity, Strings, Vocabulary};

/// Everything in a weight file.
#[derive(Clone, Debug)]
pub struct Contents {
    /// `melu.config`.
    pub config: Config,
    /// Each item field's embedding, [size, embedding_dim].
    pub item_embeddings: Vec<Buffer<f32>>,
    /// Each user field's embedding, [size, embedding_dim].
    pub user_embeddings: Vec<Buffer<f32>>,
    /// The body's tensors, one after another: see [`crate::model::network`]; empty for
    /// a model without a body.
    pub body: Vec<f32>,
    /// The head's tensors, one after another.
    pub head: Vec<f32>,
    /// With the ridge solver, the standard deviation of each of the head's
    /// numbers between users; empty with another.
    pub head_scale: Vec<f32>,
    /// The prior that predicts the vector of an item without ratings; needed by a model with
    /// item vectors.
    pub item_prior: Option<ItemPrior>,
    /// The prior that moves the head's start by the profile; as wide as the number of the
    /// head's parameters.
    pub user_prior: Option<Prior>,
    /// The priors of the head for choosing; needed by a model that has one.
    pub choice: Option<ChoicePriors>,
    /// The names of each item field's values, if the file has them.
    pub item_vocabularies: Vec<Option<Vocabulary>>,
    /// The names of each user field's values, if the file has them.
    pub user_vocabularies: Vec<Option<Vocabulary>>,
    /// The items, if the file has them.
    pub catalog: Option<CatalogTable>,
    /// The evidence candidates, if the file has them.
    pub evidence: Option<EvidenceTable>,
    /// The chances that people know the items, if the file has them.
    pub familiarity: Option<Familiarity>,
    /// `melu.training`: how the model was made, a JSON object. No score depends on it; a
    /// training that starts from the model reads it.
    pub training: Option<String>,
}

impl Contents {
    /// Embeddings of the items' or users' fields.
    pub fn embeddings(&self, entity: Entity) -> &[Buffer<f32>] {
        match entity {
            Entity::Item => &self.item_embeddings,
            Entity::User => &self.user_embeddings,
        }
    }

    /// Vocabularies of the items' or users' fields.
    pub fn vocabularies(&self, entity: Entity) -> &[Option<Vocabulary>] {
        match entity {
            Entity::Item => &self.item_vocabularies,
            Entity::User => &self.user_vocabularies,
        }
    }
}

/// Items by their field values.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogTable {
    /// Each item's id for programs; ids are unique.
    pub ids: Strings,
    /// Each item's title for people.
    pub titles: Option<Strings>,
    /// The items' values, one column a field.
    pub columns: Vec<Column>,
    /// The items' vectors. If a model with vectors lacks them, they are computed from the
    /// items' values.
    pub vectors: Option<ItemVectors>,
    /// The items' data for the head for choosing. If a model with such a head lacks them,
    /// they are computed from the items' values.
    pub choice: Option<ChoiceItems>,
}

impl CatalogTable {
    /// Checks that the table can be a catalogue of such a model.
    ///
    /// # Errors
    /// Says what does not fit, in words.
    pub fn check(&self, config: &Config) -> Result<(), String> {
        let items = self.ids.len();
        let fit = self.columns.len() == config.item_fields.len()
            && config.item_fields.iter().zip(&self.columns).all(|(field, column)| {
                column.len() == items && column.fits(field.is_numeric(), field.size)
            });
        if !fit {
            return Err("the columns do not fit the model's fields".into());
        }
        if self.titles.as_ref().is_some_and(|titles| titles.len() != items) {
            return Err("there is not one title for each item".into());
        }
        if self.vectors.as_ref().is_some_and(|vectors| !vectors.fit(config.factors, items)) {
            return Err("the vectors do not fit the model".into());
        }
        match (&self.choice, &config.choice) {
            (None, _) => Ok(()),
            (Some(_), None) => Err("the model has no head for choosing".into()),
            (Some(choice), Some(head)) => choice.check(head.row_width(), items),
        }
    }
}

impl CatalogTable {
    /// Whether it has all that a catalogue of the model needs.
    pub(crate) fn is_whole(&self, config: &Config) -> bool {
        (config.factors == 0 || self.vectors.is_some())
            && (config.choice.is_none() || self.choice.is_some())
    }

    /// These items, followed by those of another table of the same model. Items without
    /// titles get empty ones if the others have titles.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn join(&self, others: &Self) -> memory::Result<Self> {
        let untitled = |ids: &Strings| Strings::collected(ids.iter().map(|_| ""));
        let titles = match (&self.titles, &others.titles) {
            (None, None) => None,
            (Some(titles), Some(more)) => Some(titles.join(more)?),
            (Some(titles), None) => Some(titles.join(&untitled(&others.ids)?)?),
            (None, Some(more)) => Some(untitled(&self.ids)?.join(more)?),
        };
        let columns = self.columns.iter().zip(&others.columns);
        let columns = columns.map(|(column, more)| column.join(more));
        let vectors = self.vectors.as_ref().zip(others.vectors.as_ref());
        let vectors = vectors.map(|(vectors, more)| {
            Ok(ItemVectors {
                vectors: join(&vectors.vectors, &more.vectors)?,
                bias: join(&vectors.bias, &more.bias)?,
                variance: join(&vectors.variance, &more.variance)?,
                raters: join(&vectors.raters, &more.raters)?,
            })
        });
        let choice = self.choice.as_ref().zip(others.choice.as_ref());
        Ok(Self {
            choice: choice.map(|(choice, more)| choice.join(more)).transpose()?,
            ids: self.ids.join(&others.ids)?,
            titles,
            columns: memory::try_collected(columns)?,
            vectors: vectors.transpose()?,
        })
    }

    /// The same items, which share the memory of these: a clone that may fail.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn share(&self) -> memory::Result<Self> {
        let Self { ids, titles, columns, vectors, choice } = self;
        Ok(Self {
            ids: ids.clone(),
            titles: titles.clone(),
            columns: memory::collected(columns.iter().cloned())?,
            vectors: vectors.clone(),
            choice: choice.clone(),
        })
    }
}

/// The items' vectors, learned from their raters, from their content, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemVectors {
    /// `[items, factors]`.
    pub vectors: Buffer<f32>,
    /// The numbers added to the head's output, `[items]`.
    pub bias: Buffer<f32>,
    /// The variance that the uncertain vector adds to a rating, in the head's
    /// units, `[items]`.
    pub variance: Buffer<f32>,
    /// How many people rated the item in training, `[items]`.
    pub raters: Buffer<u32>,
}

impl ItemVectors {
    fn fit(&self, factors: usize, items: usize) -> bool {
        let Self { vectors, bias, variance, raters } = self;
        factors > 0
            && items.checked_mul(factors) == Some(vectors.len())
            && [bias.len(), variance.len(), raters.len()] == [items; 3]
            && variance.iter().all(|variance| *variance >= 0.0)
    }
}

/// The items' data for the head for choosing.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceItems {
    /// Each item's row, `[items, row width]`: its vector, its bias, and 1 if nobody chose it
    /// yet.
    pub rows: Buffer<f32>,
    /// How many people chose the item in training, `[items]`.
    pub raters: Buffer<u32>,
    /// Each item's neighbours, the items that its choice speaks for, `[items, neighbours an
    /// item]`.
    pub neighbours: Buffer<u32>,
    /// The neighbours' weights, `[items, neighbours an item]`.
    pub weights: Buffer<f32>,
}

impl ChoiceItems {
    /// How many neighbours an item has.
    pub fn neighbours_each(&self) -> usize {
        self.neighbours.len() / self.raters.len().max(1)
    }

    /// An item's neighbours and their weights; the item is below the length. In a damaged file,
    /// which is mapped and checked by nobody, neighbours may lie beyond the catalogue's end: who
    /// uses them leaves those out.
    pub fn neighbours_of(&self, item: u32) -> impl Iterator<Item = (u32, f32)> {
        let each = self.neighbours_each();
        let row = item as usize * each..(item as usize + 1) * each;
        let (neighbours, weights) = (&self.neighbours[row.clone()], &self.weights[row]);
        neighbours.iter().copied().zip(weights.iter().copied())
    }

    /// Whether nobody chose it in training.
    pub fn is_new(&self, item: u32) -> bool {
        self.raters[item as usize] == 0
    }

    fn check(&self, row_width: usize, items: usize) -> Result<(), String> {
        let Self { rows, raters, neighbours, weights } = self;
        if items.checked_mul(row_width) != Some(rows.len()) || raters.len() != items {
            return Err("the rows for choosing do not fit the items".into());
        }
        if neighbours.len() != weights.len() || !neighbours.len().is_multiple_of(items.max(1)) {
            return Err("items have different numbers of neighbours".into());
        }
        match neighbours.iter().find(|&&item| item as usize >= items) {
            Some(item) => Err(format!("the neighbour {item} is not below {items}")),
            None => Ok(()),
        }
    }

    /// These items, followed by others; the neighbours of each are those of its part.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn join(&self, others: &Self) -> memory::Result<Self> {
        let (items, added) = (self.raters.len() as u32, others.raters.len());
        let (each, of_others) = (self.neighbours_each(), others.neighbours_each());
        let both = each.max(of_others);
        let size = (items as usize + added).saturating_mul(both);
        let mut neighbours = memory::reserved(size)?;
        let mut weights = memory::reserved(size)?;
        let mut push = |part: &Self, each: usize, begin: u32| {
            for item in 0..part.raters.len() {
                let row = item * each..(item + 1) * each;
                neighbours.extend(part.neighbours[row.clone()].iter().map(|other| begin + other));
                weights.extend_from_slice(&part.weights[row]);
                neighbours.resize(neighbours.len() + both - each, begin + item as u32);
                weights.resize(neighbours.len(), 0.0);
            }
        };
        push(self, each, 0);
        push(others, of_others, items);
        debug_assert!(neighbours.len() == size);
        Ok(Self {
            rows: join(&self.rows, &others.rows)?,
            raters: join(&self.raters, &others.raters)?,
            neighbours: neighbours.into(),
            weights: weights.into(),
        })
    }
}

/// The numbers of two tables, one after the other.
fn join<T: AnyBitPattern>(first: &[T], second: &[T]) -> memory::Result<Buffer<T>> {
    memory::joined(first, second).map(Buffer::from)
}

/// The priors of the head for choosing, for users and items before anybody chose.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoicePriors {
    /// Predicts the user's start from the profile.
    pub user: Prior,
    /// Predicts an item's bias, and then its vector, from its content.
    pub item: Prior,
}

/// The distribution of an item's vector before anybody rated it.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemPrior {
    /// Predicts the item's bias, and then its vector.
    pub prior: Prior,
    /// The variance that goes with it: see [`ItemVectors::variance`].
    pub variance: f32,
}

/// Evidence candidates, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceTable {
    /// Item indices.
    pub items: Buffer<u32>,
    /// The numbers that they are ranked by.
    pub scores: Buffer<f32>,
    /// Mean gradient norm, divided by the largest.
    pub gradient_norm: Buffer<f32>,
    /// Number of raters, divided by the largest.
    pub popularity: Buffer<f32>,
}

impl EvidenceTable {
    /// Checks that the evidence fits a catalogue of `items` items.
    ///
    /// # Errors
    /// Says what does not fit, in words.
    pub fn check(&self, items: usize) -> Result<(), String> {
        let Self { items: candidates, scores, gradient_norm, popularity } = self;
        if [scores.len(), gradient_norm.len(), popularity.len()] != [candidates.len(); 3] {
            return Err("the evidence's lists have different lengths".into());
        }
        match candidates.iter().all(|&item| (item as usize) < items) {
            true => Ok(()),
            false => Err("an evidence candidate is not in the catalogue".into()),
        }
    }
}
