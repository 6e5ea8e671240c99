//! Items that can be scored.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::VECTOR_NUMBERS;
use crate::embedding::write_row;
use crate::familiarity::Familiarity;
use crate::file::{CatalogTable, ItemPrior, ItemVectors};
use crate::schema::{ColumnBuilder, Entity, Strings, Value, encode_row};
use crate::{Error, Model, Result};

const ROWS: &str = "the catalogue's rows";

/// Items with their embeddings, known by index from 0.
///
/// Cloning is cheap: clones share one catalogue, which keeps its model alive.
/// May be used from any number of threads at once.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    model: Model,
    table: CatalogTable,
    /// Item indices in the order of their ids, for [`Catalog::find`].
    by_id: Vec<u32>,
    /// What describes each item: see [`Catalog::rows`].
    rows: Vec<f32>,
    /// Who knows which of them, where the model can tell.
    familiarity: Option<Familiarity>,
    unknown_values: usize,
}

/// An item given by its field values: nobody need have rated it.
#[derive(Clone, Copy, Debug)]
pub struct NewItem<'a> {
    /// What programs call it; no two alike.
    pub id: &'a str,
    /// Its values by field name; a multi-valued field's name is repeated, and
    /// fields of which nothing is known are left out.
    pub values: &'a [(&'a str, Value<'a>)],
}

impl Catalog {
    /// Items given by their field values.
    ///
    /// # Errors
    /// [`Error::UnknownField`], [`Error::FieldValue`], and
    /// [`Error::Argument`] for an id that stands there twice.
    pub fn new(model: &Model, items: &[NewItem]) -> Result<Self> {
        let fields = &model.config().item_fields;
        let mut columns: Vec<ColumnBuilder> =
            fields.iter().map(|field| ColumnBuilder::new(field.is_numeric())).collect();
        let mut unknown_values = 0;
        let vocabularies = &model.contents().item_vocabularies;
        for item in items {
            unknown_values +=
                encode_row(Entity::Item, fields, vocabularies, item.values, &mut columns)?;
        }
        let table = CatalogTable {
            ids: items.iter().map(|item| item.id).collect(),
            titles: None,
            columns: columns.into_iter().map(ColumnBuilder::finish).collect(),
            vectors: None,
        };
        Self::build(model, table, unknown_values)
    }

    /// Items whose values were looked up before: the weight file's own, or a
    /// data folder's.
    ///
    /// # Errors
    /// [`Error::Argument`] if the columns do not fit the model's fields or an
    /// id stands there twice.
    pub fn from_table(model: &Model, table: CatalogTable) -> Result<Self> {
        Self::build(model, table, 0)
    }

    /// This catalogue's items, at their indices, and after them more.
    ///
    /// This catalogue stays as it is, and so do its users. Only the added items
    /// are embedded; the others' rows are copied.
    ///
    /// # Errors
    /// As [`Catalog::new`], also for an id that this catalogue has.
    pub fn extend(&self, items: &[NewItem]) -> Result<Self> {
        let added = Self::new(self.model(), items)?;
        let refuse = |problem: String| Error::argument("items", problem);
        if let Some(id) = added.table().ids.iter().find(|id| self.find(id).is_some()) {
            return Err(refuse(format!("the catalogue has an item with the id \"{id}\"")));
        }
        let (old, new) = (&*self.0, &*added.0);
        let start = old.by_id.len() as u32;
        if start.checked_add(new.by_id.len() as u32).is_none() {
            return Err(refuse("they are more than an index can count".into()));
        }
        let mut rows = Vec::new();
        let size = old.rows.len() + new.rows.len();
        rows.try_reserve_exact(size).map_err(Error::out_of_memory::<f32>(ROWS, size))?;
        rows.extend_from_slice(&old.rows);
        rows.extend_from_slice(&new.rows);
        let table = old.table.join(&new.table);
        let by_id = merge(&table.ids, &old.by_id, &new.by_id, start);
        Ok(Self(Arc::new(Inner {
            model: old.model.clone(),
            familiarity: familiarity(&old.model, &table),
            table,
            by_id,
            rows,
            unknown_values: old.unknown_values + new.unknown_values,
        })))
    }

    fn build(model: &Model, mut table: CatalogTable, unknown_values: usize) -> Result<Self> {
        let refuse = |problem: String| Error::argument("items", problem);
        let config = model.config();
        table.check(config).map_err(refuse)?;
        let ids = &table.ids;
        let items = u32::try_from(ids.len())
            .map_err(|_| refuse(format!("{} are more than an index can count", ids.len())))?;
        let id = |item: u32| ids.get(item as usize).unwrap_or_default();
        let mut by_id: Vec<u32> = (0..items).collect();
        by_id.sort_unstable_by_key(|&item| id(item));
        if let Some(pair) = by_id.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
            return Err(refuse(format!("the id \"{}\" stands there twice", id(pair[0]))));
        }
        // Both numbers may be large in a small file, but their product is memory.
        let width = config.item_width().unwrap_or(0);
        let size = ids.len().saturating_mul(width);
        let mut rows = Vec::new();
        rows.try_reserve_exact(size).map_err(Error::out_of_memory::<f32>(ROWS, size))?;
        rows.resize(size, 0.0);
        if table.vectors.is_none() {
            table.vectors = vectors(model, &table);
        }
        for (row, out) in rows.chunks_exact_mut(width.max(1)).enumerate() {
            let embedding = match &table.vectors {
                None => out,
                Some(vectors) => {
                    let (vector, embedding) = out.split_at_mut(config.factors + VECTOR_NUMBERS);
                    vectors.write_row(row, vector);
                    embedding
                }
            };
            let weights = &model.contents().item_embeddings;
            let means = model.means(Entity::Item);
            write_row(&config.item_fields, &table.columns, row, weights, means, embedding);
        }
        let (model, familiarity) = (model.clone(), familiarity(model, &table));
        Ok(Self(Arc::new(Inner { model, table, by_id, rows, familiarity, unknown_values })))
    }

    /// The model that the items were embedded with.
    pub fn model(&self) -> &Model {
        &self.0.model
    }

    /// The items by their field values.
    pub fn table(&self) -> &CatalogTable {
        &self.0.table
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.table.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item's index: a binary search.
    pub fn find(&self, id: &str) -> Option<u32> {
        let by_id = &self.0.by_id;
        by_id
            .binary_search_by(|&item| self.id(item).unwrap_or_default().cmp(id))
            .ok()
            .map(|place| by_id[place])
    }

    /// The item's id; `None` beyond the end.
    pub fn id(&self, item: u32) -> Option<&str> {
        self.0.table.ids.get(item as usize)
    }

    /// The item's title, where the catalogue has titles.
    pub fn title(&self, item: u32) -> Option<&str> {
        self.0.table.titles.as_ref()?.get(item as usize)
    }

    /// How many of the items' values the model's vocabularies lack.
    pub fn unknown_values(&self) -> usize {
        self.0.unknown_values
    }

    /// What describes each item to the body, or to the head of a model without
    /// one, [items, [`Config::item_width`](crate::config::Config::item_width)]:
    /// what its vector gives, then the embeddings of its fields.
    pub(crate) fn rows(&self) -> &[f32] {
        &self.0.rows
    }

    /// What is added to the head's output for each item; empty without vectors.
    pub(crate) fn offsets(&self) -> &[f32] {
        self.0.table.vectors.as_ref().map_or(&[], |vectors| &vectors.bias)
    }

    /// See [`ItemVectors::variance`]; empty without vectors.
    pub(crate) fn item_variances(&self) -> &[f32] {
        self.0.table.vectors.as_ref().map_or(&[], |vectors| &vectors.variance)
    }

    /// Who knows which of the items, where the model can tell.
    pub(crate) fn familiarity(&self) -> Option<&Familiarity> {
        self.0.familiarity.as_ref()
    }

    /// Writes the chance that a person of whom nothing is known knows each item.
    ///
    /// Where the model cannot tell, it is the item's number of raters, divided by
    /// the largest; without vectors all are 1, since nothing tells the items apart.
    pub(crate) fn popularity(&self, popularity: &mut [f32]) {
        match (&self.0.familiarity, &self.0.table.vectors) {
            (Some(familiarity), _) => familiarity.known(familiarity.shares(), popularity),
            (None, Some(ItemVectors { raters, .. })) => {
                let most = raters.iter().copied().max().unwrap_or(0).max(1);
                for (popularity, raters) in popularity.iter_mut().zip(raters.iter()) {
                    *popularity = (f64::from(*raters) / f64::from(most)) as f32;
                }
            }
            (None, None) => popularity.fill(1.0),
        }
    }

    /// Whether the other is this one, or a clone of it.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether all items are below the length.
    pub(crate) fn check(&self, items: &[u32]) -> Result<()> {
        let len = self.len();
        match items.iter().position(|&item| item as usize >= len) {
            Some(position) => Err(Error::ItemIndex { position, index: items[position], len }),
            None => Ok(()),
        }
    }
}

/// Two lists of items by their ids as one; those of the second begin at `start`.
fn merge(ids: &Strings, first: &[u32], second: &[u32], start: u32) -> Vec<u32> {
    let id = |item: u32| ids.get(item as usize);
    let mut merged = Vec::with_capacity(first.len() + second.len());
    let mut rest = first.iter().copied().peekable();
    for item in second.iter().map(|item| start + item) {
        while let Some(before) = rest.next_if(|&before| id(before) < id(item)) {
            merged.push(before);
        }
        merged.push(item);
    }
    merged.extend(rest);
    merged
}

/// The vectors of the items: the weight file's own of those that it has, and
/// what the content foretells of the others. `None` for a model without vectors.
fn vectors(model: &Model, table: &CatalogTable) -> Option<ItemVectors> {
    let ItemPrior { prior, variance } = model.contents().item_prior.as_ref()?;
    let (fields, factors) = (&model.config().item_fields, model.config().factors);
    let items = table.ids.len();
    let mut vectors = Vec::with_capacity(items * factors);
    let mut biases = Vec::with_capacity(items);
    let mut variances = vec![*variance; items];
    let mut raters = vec![0; items];
    let known = KnownItems::new(model);
    let mut row = vec![0.0; prior.width()];
    for (item, id) in table.ids.iter().enumerate() {
        if let Some((known, place)) = known.find(id) {
            vectors.extend_from_slice(&known.vectors[place * factors..][..factors]);
            biases.push(known.bias[place]);
            variances[item] = known.variance[place];
            raters[item] = known.raters[place];
            continue;
        }
        prior.write_row(fields, &table.columns, item, &mut row);
        let (bias, vector) = row.split_first()?;
        vectors.extend_from_slice(vector);
        biases.push(*bias);
    }
    Some(ItemVectors {
        vectors: vectors.into(),
        bias: biases.into(),
        variance: variances.into(),
        raters: raters.into(),
    })
}

/// Who knows which of the items: nobody knows those that the weight file lacks.
fn familiarity(model: &Model, table: &CatalogTable) -> Option<Familiarity> {
    let contents = model.contents();
    let (familiarity, own) = (contents.familiarity.as_ref()?, contents.catalog.as_ref()?);
    if table.ids == own.ids {
        return Some(familiarity.clone());
    }
    let places: HashMap<&str, usize> = own.ids.iter().zip(0..).collect();
    Some(familiarity.select(table.ids.iter().map(|id| places.get(id).copied())))
}

/// The weight file's own items, by id.
struct KnownItems<'a> {
    vectors: Option<&'a ItemVectors>,
    places: Vec<(&'a str, usize)>,
}

impl<'a> KnownItems<'a> {
    fn new(model: &'a Model) -> Self {
        let table = model.contents().catalog.as_ref();
        let vectors = table.and_then(|table| table.vectors.as_ref());
        let mut places: Vec<(&str, usize)> = match (table, vectors) {
            (Some(table), Some(_)) => table.ids.iter().zip(0..).collect(),
            _ => Vec::new(),
        };
        places.sort_unstable();
        Self { vectors, places }
    }

    fn find(&self, id: &str) -> Option<(&'a ItemVectors, usize)> {
        let place = self.places.binary_search_by_key(&id, |(id, _)| id).ok()?;
        Some((self.vectors?, self.places[place].1))
    }
}

impl ItemVectors {
    /// Writes what an item's vector gives to its row: the vector, and
    /// [`VECTOR_NUMBERS`] that say what else is known: bias, whether and by how
    /// many the item was rated, and variance, each brought to about unit size.
    pub(crate) fn write_row(&self, item: usize, out: &mut [f32]) {
        let (vector, numbers) = out.split_at_mut(out.len() - VECTOR_NUMBERS);
        vector.copy_from_slice(&self.vectors[item * vector.len()..][..vector.len()]);
        let raters = self.raters[item] as f32;
        numbers.copy_from_slice(&[
            3.0 * self.bias[item],
            f32::from(u8::from(raters > 0.0)),
            raters.ln_1p() / 4.0 - 1.0,
            3.0 * self.variance[item],
        ]);
    }
}
