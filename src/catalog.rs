//! Items that can be scored.

use std::sync::Arc;

use crate::embedding::write_row;
use crate::file::CatalogTable;
use crate::schema::{ColumnBuilder, Entity, Value, encode_row};
use crate::{Error, Model, Result};

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
    /// Item embeddings, [items, item width].
    embeddings: Vec<f32>,
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

    fn build(model: &Model, table: CatalogTable, unknown_values: usize) -> Result<Self> {
        let refuse = |problem: String| Error::argument("items", problem);
        let (ids, fields) = (&table.ids, &model.config().item_fields);
        let items = u32::try_from(ids.len())
            .map_err(|_| refuse(format!("{} are more than an index can count", ids.len())))?;
        let fit = table.columns.len() == fields.len()
            && fields.iter().zip(&table.columns).all(|(field, column)| {
                column.len() == ids.len() && column.fits(field.is_numeric(), field.size)
            });
        if !fit {
            return Err(refuse("the columns do not fit the model's fields".into()));
        }
        let id = |item: u32| ids.get(item as usize).unwrap_or_default();
        let mut by_id: Vec<u32> = (0..items).collect();
        by_id.sort_unstable_by_key(|&item| id(item));
        if let Some(pair) = by_id.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
            return Err(refuse(format!("the id \"{}\" stands there twice", id(pair[0]))));
        }
        let width = model.head_shape().item_width();
        let size = ids.len().checked_mul(width).ok_or_else(|| refuse("too many".into()))?;
        let mut embeddings = vec![0.0; size];
        for (row, out) in embeddings.chunks_exact_mut(width.max(1)).enumerate() {
            let weights = &model.contents().item_embeddings;
            write_row(fields, &table.columns, row, weights, model.means(Entity::Item), out);
        }
        let model = model.clone();
        Ok(Self(Arc::new(Inner { model, table, by_id, embeddings, unknown_values })))
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

    /// All items' embeddings, [items, item width].
    pub(crate) fn embeddings(&self) -> &[f32] {
        &self.0.embeddings
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
