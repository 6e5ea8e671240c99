//! What a weight file holds.

use crate::buffer::Buffer;
use crate::config::Config;
use crate::familiarity::Familiarity;
use crate::prior::Prior;
use crate::schema::{Column, Entity, Strings, Vocabulary};

/// Everything in a weight file.
#[derive(Clone, Debug)]
pub struct Contents {
    /// `melu.config`.
    pub config: Config,
    /// Each item field's embedding, [size, embedding_dim].
    pub item_embeddings: Vec<Buffer<f32>>,
    /// Each user field's embedding, [size, embedding_dim].
    pub user_embeddings: Vec<Buffer<f32>>,
    /// The body's tensors, one after another: see [`crate::network`]; empty for
    /// a model without a body.
    pub body: Vec<f32>,
    /// The head's tensors, one after another.
    pub head: Vec<f32>,
    /// With the ridge solver, the standard deviation of each of the head's
    /// numbers between users; empty with another.
    pub head_scale: Vec<f32>,
    /// What gives an item without ratings its vector; needed by a model with
    /// item vectors.
    pub item_prior: Option<ItemPrior>,
    /// What is added to where the head starts, by the profile: as wide as the head has
    /// numbers.
    pub user_prior: Option<Prior>,
    /// The names of each item field's values, where the file has them.
    pub item_vocabularies: Vec<Option<Vocabulary>>,
    /// The names of each user field's values, where the file has them.
    pub user_vocabularies: Vec<Option<Vocabulary>>,
    /// The items, where the file has them.
    pub catalog: Option<CatalogTable>,
    /// The evidence candidates, where the file has them.
    pub evidence: Option<EvidenceTable>,
    /// Who knows which of the items, where the file has it.
    pub familiarity: Option<Familiarity>,
    /// `melu.training`: how the model was made, a JSON object. For people;
    /// nothing is computed from it.
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
    /// What programs call each item; no two alike.
    pub ids: Strings,
    /// What people call each item.
    pub titles: Option<Strings>,
    /// The items' values, one column a field.
    pub columns: Vec<Column>,
    /// The items' vectors; those of a model with vectors are computed from the
    /// items' values where they are left out.
    pub vectors: Option<ItemVectors>,
}

impl CatalogTable {
    /// Whether it can be a catalogue of such a model.
    ///
    /// # Errors
    /// What does not fit, in words.
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
            return Err("there is not one title an item".into());
        }
        match &self.vectors {
            Some(vectors) if !vectors.fit(config.factors, items) => {
                Err("the vectors do not fit the model".into())
            }
            _ => Ok(()),
        }
    }
}

impl CatalogTable {
    /// These items, and then those of another table of the same model; their
    /// titles are empty where only these have titles.
    pub(crate) fn join(&self, others: &Self) -> Self {
        let titles = self.titles.as_ref().map(|titles| match &others.titles {
            Some(more) => titles.join(more),
            None => titles.join(&others.ids.iter().map(|_| "").collect()),
        });
        let columns = self.columns.iter().zip(&others.columns);
        let vectors = self.vectors.as_ref().zip(others.vectors.as_ref());
        Self {
            ids: self.ids.join(&others.ids),
            titles,
            columns: columns.map(|(column, more)| column.join(more)).collect(),
            vectors: vectors.map(|(vectors, more)| ItemVectors {
                vectors: [&*vectors.vectors, &*more.vectors].concat().into(),
                bias: [&*vectors.bias, &*more.bias].concat().into(),
                variance: [&*vectors.variance, &*more.variance].concat().into(),
                raters: [&*vectors.raters, &*more.raters].concat().into(),
            }),
        }
    }
}

/// What is known of items, each as a vector: from their raters, from their
/// content, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemVectors {
    /// `[items, factors]`.
    pub vectors: Buffer<f32>,
    /// What is added to the head's output, `[items]`.
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

/// What an item is before anybody rated it.
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
    /// What they are ranked by.
    pub scores: Buffer<f32>,
    /// Mean gradient norm, divided by the largest.
    pub gradient_norm: Buffer<f32>,
    /// Number of raters, divided by the largest.
    pub popularity: Buffer<f32>,
}

impl EvidenceTable {
    /// Whether it can be that of a catalogue of so many items.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self, items: usize) -> Result<(), String> {
        let Self { items: candidates, scores, gradient_norm, popularity } = self;
        if [scores.len(), gradient_norm.len(), popularity.len()] != [candidates.len(); 3] {
            return Err("the evidence's lists are not of one length".into());
        }
        match candidates.iter().all(|&item| (item as usize) < items) {
            true => Ok(()),
            false => Err("an evidence candidate is not in the catalogue".into()),
        }
    }
}
