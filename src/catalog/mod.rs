//! Items that can be scored.

pub(crate) mod blocks;
mod choice;
pub(crate) mod features;
pub(crate) mod item_set;
mod make;
mod rows;

use std::path::Path;
use std::sync::Arc;

use crate::memory;
use crate::model::config::DataType;
use crate::model::familiarity::Familiarity;
use crate::model::file::{self, CatalogTable, ChoiceItems, ItemRows, Prepared};
use crate::model::schema::{Strings, Value};
use crate::{Error, Model, Result};

/// Items with their features, known by index from 0.
///
/// Cloning is cheap: clones share one catalogue, which keeps its model alive. It may be used
/// from any number of threads at once.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<CatalogContents>);

#[derive(Debug)]
struct CatalogContents {
    model: Model,
    table: CatalogTable,
    prepared: Prepared,
    /// The chance that people know each item, if the model has it.
    familiarity: Option<Familiarity>,
    unknown_values: usize,
}

/// An item given by its field values; it needs no ratings.
#[derive(Clone, Copy, Debug)]
pub struct NewItem<'a> {
    /// The program's own name for it, unique in the catalogue.
    pub id: &'a str,
    /// What people call it; `None` if it has no title.
    pub title: Option<&'a str>,
    /// Its values by field name; a multi-valued field's name is repeated. Leave out fields whose
    /// value is not known; a field that the model does not have is an error.
    pub values: &'a [(&'a str, Value<'a>)],
}

impl Model {
    /// The weight file's own items, ready to be scored; `None` if it has none.
    ///
    /// Unless the weight file has them, this computes every item's features: make a catalogue
    /// once and share it.
    ///
    /// # Errors
    /// Those of [`Catalog::from_table`].
    pub fn catalog(&self) -> Result<Option<Catalog>> {
        let Some(table) = &self.contents().catalog else { return Ok(None) };
        let table = table.share()?;
        let Some(prepared) = self.prepared().cloned() else {
            return Catalog::from_table(self, table).map(Some);
        };
        let familiarity = self.contents().familiarity.clone();
        let inner = CatalogContents {
            model: self.clone(),
            table,
            prepared,
            familiarity,
            unknown_values: 0,
        };
        Ok(Some(Catalog::of(inner)))
    }

    /// Writes the weight file, with all that its catalogue computes, atomically: `path` always
    /// holds the whole old file or the whole new one.
    ///
    /// The file is read again before it takes the old one's place.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written to, [`Error::WeightFile`] if the file cannot
    /// be read again, as with numbers that are not finite, and those of [`Model::catalog`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let contents = self.contents();
        let catalog = match &contents.catalog {
            Some(table) if table.is_whole(self.config()) => self.catalog()?,
            _ => None,
        };
        let prepared = catalog.as_ref().map(|catalog| &catalog.0.prepared);
        file::write_and_read(path.as_ref(), contents, prepared)
    }
}

impl Catalog {
    fn of(contents: CatalogContents) -> Self {
        Self(Arc::new(contents))
    }

    /// The model that the items were embedded with.
    pub fn model(&self) -> &Model {
        &self.0.model
    }

    /// The items by their field values.
    pub fn table(&self) -> &CatalogTable {
        &self.0.table
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.0.table.ids.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index of the item with an id, by binary search.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.0.table.ids.find(&self.0.prepared.by_id, id)
    }

    /// An item's id; `None` beyond the end.
    pub fn id(&self, item: u32) -> Option<&str> {
        self.0.table.ids.get(item as usize)
    }

    /// An item's title; `None` beyond the end, or if the catalogue has no titles.
    pub fn title(&self, item: u32) -> Option<&str> {
        self.0.table.titles.as_ref()?.get(item as usize)
    }

    /// The number of items' values that the model's vocabularies lack; those of items that were
    /// removed since count too.
    pub fn unknown_values(&self) -> usize {
        self.0.unknown_values
    }

    /// The data type of the rows.
    pub fn data_type(&self) -> DataType {
        self.0.prepared.rows.data_type()
    }

    /// The fingerprint of the model and this catalogue's data type; see
    /// [`Model::fingerprint`].
    pub(crate) fn fingerprint(&self) -> u64 {
        self.model().fingerprint_in(self.data_type())
    }

    /// Each item's features.
    pub(crate) fn rows(&self) -> &ItemRows {
        &self.0.prepared.rows
    }

    /// The rows of [`Catalog::choice`] in 8 bits: see [`round_rows`].
    pub(crate) fn rounded_rows(&self) -> &[u8] {
        &self.0.prepared.rounded
    }

    /// The offset of the head's output for each item; empty without vectors.
    pub(crate) fn offsets(&self) -> &[f32] {
        self.0.table.vectors.as_ref().map_or(&[], |vectors| &vectors.bias)
    }

    /// Each item's [`ItemVectors::variance`]; empty without vectors.
    pub(crate) fn item_variances(&self) -> &[f32] {
        self.0.table.vectors.as_ref().map_or(&[], |vectors| &vectors.variance)
    }

    /// The items for the head for choosing; `None` for a model without one.
    pub(crate) fn choice(&self) -> Option<&ChoiceItems> {
        self.0.table.choice.as_ref()
    }

    /// The items as vectors: their rows, one after another, and the width of a row; `None`
    /// for a model that orders by predicted rating.
    ///
    /// The inner product of a row and [`User::vector`](crate::User::vector) is the item's score,
    /// except for the parts that come from neighbours of the user's answers and from the predicted
    /// rating. So an index of these rows finds candidates by inner product, and
    /// [`User::score`](crate::User::score) computes their scores. A row is the item's vector, its
    /// bias, and 1 if nobody chose it in training.
    pub fn item_vectors(&self) -> Option<(&[f32], usize)> {
        let width = self.model().choice()?.row_width();
        Some((&self.choice()?.rows, width))
    }

    /// The number of people who chose or rated an item in training; `None` beyond the end, or
    /// if the model does not have it.
    pub fn raters(&self, item: u32) -> Option<u32> {
        self.all_raters()?.get(item as usize).copied()
    }

    /// The number of raters of each item, if the model has it.
    pub(crate) fn all_raters(&self) -> Option<&[u32]> {
        let table = &self.0.table;
        match (&table.choice, &table.vectors) {
            (Some(choice), _) => Some(&choice.raters),
            (None, Some(vectors)) => Some(&vectors.raters),
            (None, None) => None,
        }
    }

    /// The chance that people know each item, if the model has it.
    pub(crate) fn familiarity(&self) -> Option<&Familiarity> {
        self.0.familiarity.as_ref()
    }

    /// Writes the chance that an unknown person knows each item.
    ///
    /// If the model does not have it, the item's number of raters, divided by the largest,
    /// takes its place; without these, all are 1.
    pub(crate) fn popularity(&self, popularity: &mut [f32]) {
        match (&self.0.familiarity, self.all_raters()) {
            (Some(familiarity), _) => familiarity.known(familiarity.shares(), popularity),
            (None, Some(raters)) => {
                let most = raters.iter().copied().max().unwrap_or(0).max(1);
                for (popularity, raters) in popularity.iter_mut().zip(raters.iter()) {
                    *popularity = (f64::from(*raters) / f64::from(most)) as f32;
                }
            }
            (None, None) => popularity.fill(1.0),
        }
    }

    /// Whether both are the same catalogue, or clones of it.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Refuses items of a list, an argument, that are not in the catalogue.
    pub(crate) fn check(&self, list: &'static str, items: &[u32]) -> Result<()> {
        let len = self.len();
        match items.iter().position(|&item| item as usize >= len) {
            Some(position) => Err(Error::ItemIndex { list, position, index: items[position], len }),
            None => Ok(()),
        }
    }
}

/// A look-up of an id's place in a list of different ids.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn places(own: &Strings) -> memory::Result<impl Fn(&str) -> Option<usize>> {
    let sorted = own.in_order()?;
    Ok(move |id: &str| Some(own.find(&sorted, id)? as usize))
}
