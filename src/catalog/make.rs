//! How catalogues are made: from field values, and from other catalogues.

use super::blocks::BLOCK;
use super::features::Features;
use super::item_set::ItemSet;
use super::rows::RowsBuilder;
use super::{Catalog, CatalogContents, NewItem, choice, places};
use crate::kernels::{MAX_HALF, ROUNDED_ROWS, round_rows, rounded_bytes};
use crate::memory;
use crate::model::buffer::Buffer;
use crate::model::config::DataType;
use crate::model::familiarity::Familiarity;
use crate::model::file::{CatalogTable, ChoiceItems, ItemPrior, ItemRows, ItemVectors, Prepared};
use crate::model::schema::{ColumnBuilder, Entity, Strings, builders, encode_row};
use crate::{Error, Model, Result};

impl Catalog {
    /// Items given by their field values, in the data type of the model's
    /// [`Config::catalog`](crate::model::config::Config::catalog).
    ///
    /// # Errors
    /// [`Error::UnknownField`], [`Error::FieldValue`], and [`Error::Argument`] for an id that
    /// occurs twice, or an item that f16 cannot describe; [`Error::MemoryLimit`] and
    /// [`Error::OutOfMemory`].
    pub fn new(model: &Model, items: &[NewItem]) -> Result<Self> {
        let (table, unknown_values) = read(model, items)?;
        Self::build(model, table, model.config().catalog, unknown_values)
    }

    /// Items whose values are encoded already: the weight file's own, or a data folder's. In
    /// the data type of the model's
    /// [`Config::catalog`](crate::model::config::Config::catalog).
    ///
    /// # Errors
    /// [`Error::Argument`] if the columns do not fit the model's fields, an id occurs twice, or f16
    /// cannot describe an item; [`Error::MemoryLimit`] and [`Error::OutOfMemory`].
    pub fn from_table(model: &Model, table: CatalogTable) -> Result<Self> {
        Self::build(model, table, model.config().catalog, 0)
    }

    /// The same items in another data type. In f16 they take half the memory, and
    /// scores change by about a thousandth of their spread.
    ///
    /// This catalogue stays as it is. All items are embedded anew.
    ///
    /// # Errors
    /// [`Error::Argument`] if f16 cannot describe an item; [`Error::MemoryLimit`] and
    /// [`Error::OutOfMemory`].
    pub fn convert(&self, data_type: DataType) -> Result<Self> {
        if self.data_type() == data_type {
            return Ok(self.clone());
        }
        let table = self.table().share()?;
        Self::build(self.model(), table, data_type, self.unknown_values())
    }

    /// This catalogue's items, at their indices, followed by more, in the same data type.
    ///
    /// This catalogue stays as it is, and so do its users. Only the added items
    /// are embedded; the others' rows are copied.
    ///
    /// # Errors
    /// Those of [`Catalog::new`], also for an id that this catalogue has.
    pub fn extend(&self, items: &[NewItem]) -> Result<Self> {
        let old = &*self.0;
        let refuse = |problem: String| Error::argument("items", problem);
        let (table, unknown_values) = read(&old.model, items)?;
        if let Some(id) = table.ids.iter().find(|id| self.find(id).is_some()) {
            return Err(refuse(format!("the catalogue has an item with the id \"{id}\"")));
        }
        let start = self.len() as u32;
        if u32::try_from(items.len()).ok().and_then(|more| start.checked_add(more)).is_none() {
            return Err(refuse("they are more than an index can count".into()));
        }
        check_memory(&old.model, self.data_type(), self.len().saturating_add(items.len()))?;
        let size = items.len().saturating_mul(old.model.config().feature_width().unwrap_or(0));
        let rows = RowsBuilder::copy_of(&old.prepared.rows, size)?;
        let Added { table, by_id, rows } = Added::new(&old.model, table, rows)?;
        let mut table = old.table.join(&table)?;
        choice::join_neighbours(&old.model, &mut table, self.len())?;
        let prepared = Prepared {
            by_id: merge(&table.ids, &old.prepared.by_id, &by_id, start)?.into(),
            rows,
            rounded: rounded(&old.model, &table, &old.prepared.rounded, self.len())?,
        };
        let extended = Self::of(CatalogContents {
            model: old.model.clone(),
            familiarity: familiarity(&old.model, &table)?,
            table,
            prepared,
            unknown_values: old.unknown_values + unknown_values,
        });
        Ok(extended)
    }

    /// This catalogue without some of its items, in its data type; the others keep their order,
    /// and move up.
    ///
    /// This catalogue stays as it is, and so do its users; a user moves to the new one by
    /// [`User::save`](crate::User::save) and [`User::load`](crate::User::load). All items that
    /// stay are embedded anew.
    ///
    /// # Errors
    /// [`Error::ItemIndex`] if an item is not in the catalogue; [`Error::MemoryLimit`] and
    /// [`Error::OutOfMemory`].
    pub fn remove(&self, items: &[u32]) -> Result<Self> {
        self.check("items", items)?;
        let mut removed = ItemSet::new(self.len())?;
        items.iter().for_each(|&item| removed.insert(item));
        let kept = || removed.missing(0..self.len()).map(|item| item as usize);
        let mut places: Vec<usize> = memory::reserved(kept().count())?;
        places.extend(kept());
        let table = self.table();
        let select = |strings: &Strings| {
            Strings::collected(places.iter().map(|&item| strings.get(item).unwrap_or_default()))
        };
        let columns = table.columns.iter().map(|column| column.select(&places));
        // What the head sees of them comes from the weight file again, or from their content.
        let table = CatalogTable {
            ids: select(&table.ids)?,
            titles: table.titles.as_ref().map(select).transpose()?,
            columns: memory::try_collected(columns)?,
            vectors: None,
            choice: None,
        };
        Self::build(self.model(), table, self.data_type(), self.unknown_values())
    }

    fn build(
        model: &Model,
        table: CatalogTable,
        data_type: DataType,
        unknown_values: usize,
    ) -> Result<Self> {
        check_memory(model, data_type, table.ids.len())?;
        let width = model.config().feature_width().unwrap_or(0);
        let rows = RowsBuilder::new(data_type, table.ids.len().saturating_mul(width))?;
        let Added { table, by_id, rows } = Added::new(model, table, rows)?;
        let rounded = rounded(model, &table, &[], 0)?;
        let prepared = Prepared { by_id: by_id.into(), rows, rounded };
        let (model, familiarity) = (model.clone(), familiarity(model, &table)?);
        let inner = CatalogContents { model, table, prepared, familiarity, unknown_values };
        Ok(Self::of(inner))
    }
}

/// Refuses a catalogue of so many items if it takes more memory than the model's options allow:
/// for each item its features, its vector, its row for choosing with neighbours, and a place among
/// the ids.
fn check_memory(model: &Model, data_type: DataType, items: usize) -> Result<()> {
    let config = model.config();
    let feature = match data_type {
        DataType::F32 => size_of::<f32>(),
        DataType::F16 => size_of::<u16>(),
    };
    let own = model.contents().catalog.as_ref().and_then(|own| own.choice.as_ref());
    let neighbours = own.map_or(0, ChoiceItems::neighbours_each);
    let choice = model.choice().map_or(0, |head| 5 * head.row_width() + 8 * neighbours);
    // Sums of products of any two sizes fit.
    let product = |count: Option<usize>, size: usize| count.map(|c| c as u128 * size as u128);
    let each = product(config.feature_width(), feature)
        .zip(product(config.factors.checked_add(3), size_of::<f32>()))
        .map(|(features, vector)| features + vector + choice as u128 + 8);
    // With the buffers in which a block of items is described.
    let block = product(config.item_width(), BLOCK * size_of::<f32>());
    let all = each
        .zip(block)
        .and_then(|(each, block)| each.checked_mul(items as u128)?.checked_add(block));
    model.check_memory("the catalogue", all.and_then(|all| usize::try_from(all).ok()))
}

/// Encodes items given by their field values, and counts values that the vocabularies lack.
fn read(model: &Model, items: &[NewItem]) -> Result<(CatalogTable, usize)> {
    let fields = &model.config().item_fields;
    let mut columns = builders(fields)?;
    let mut unknown_values = 0;
    let vocabularies = &model.contents().item_vocabularies;
    for item in items {
        unknown_values +=
            encode_row(Entity::Item, fields, vocabularies, item.values, &mut columns)?;
    }
    let titles = items.iter().map(|item| item.title.unwrap_or_default());
    let have_titles = items.iter().any(|item| item.title.is_some());
    let table = CatalogTable {
        ids: Strings::collected(items.iter().map(|item| item.id))?,
        titles: have_titles.then(|| Strings::collected(titles)).transpose()?,
        columns: memory::collected(columns.into_iter().map(ColumnBuilder::finish))?,
        vectors: None,
        choice: None,
    };
    Ok((table, unknown_values))
}

/// The parts of a catalogue to which items were added.
struct Added {
    /// The added items.
    table: CatalogTable,
    /// Their indices in this table, in the order of their ids.
    by_id: Vec<u32>,
    /// The rows of the items before, followed by theirs.
    rows: ItemRows,
}

impl Added {
    fn new(model: &Model, mut table: CatalogTable, mut rows: RowsBuilder) -> Result<Self> {
        let refuse = |problem: String| Error::argument("items", problem);
        let config = model.config();
        table.check(config).map_err(refuse)?;
        let ids = &table.ids;
        let by_id = ids.sorted()?;
        let width = config.feature_width().unwrap_or(0);
        if table.vectors.is_none() {
            table.vectors = vectors(model, &table)?;
        }
        if table.choice.is_none() {
            table.choice = choice::items(model, &table)?;
        }
        let mut features = Features::new(model, &table)?;
        for first in (0..ids.len()).step_by(BLOCK) {
            let count = BLOCK.min(ids.len() - first);
            let block = features.of(first..first + count);
            for (item, row) in (first..).zip(block.chunks_exact(width.max(1))) {
                rows.push(row).map_err(|number| {
                    let id = ids.get(item).unwrap_or_default();
                    refuse(format!(
                        "item \"{id}\" has the feature {number}; f16 holds numbers up \
                         to {MAX_HALF}: keep the catalogue in f32"
                    ))
                })?;
            }
        }
        Ok(Self { table, by_id, rows: rows.finish() })
    }
}

/// The rows for choosing in 8 bits, given those of the first `items`.
fn rounded(
    model: &Model,
    table: &CatalogTable,
    first: &[u8],
    items: usize,
) -> memory::Result<Buffer<u8>> {
    let (Some(head), Some(choice)) = (model.choice(), &table.choice) else {
        return Ok(Vec::new().into());
    };
    let width = head.row_width();
    let size = rounded_bytes(table.ids.len(), width).unwrap_or(usize::MAX);
    let mut bytes = memory::reserved(size)?;
    // The last block may have been filled up.
    let whole = items / ROUNDED_ROWS * ROUNDED_ROWS;
    bytes.extend_from_slice(&first[..rounded_bytes(whole, width).unwrap_or(0)]);
    round_rows(&choice.rows[whole * width..], width, &mut bytes);
    Ok(bytes.into())
}

/// Merges two lists of items in the order of their ids; the second list's indices begin at
/// `start`.
fn merge(ids: &Strings, first: &[u32], second: &[u32], start: u32) -> memory::Result<Vec<u32>> {
    let id = |item: u32| ids.get(item as usize);
    let mut merged = memory::reserved(first.len() + second.len())?;
    let mut rest = first.iter().copied().peekable();
    for item in second.iter().map(|item| start + item) {
        while let Some(before) = rest.next_if(|&before| id(before) < id(item)) {
            merged.push(before);
        }
        merged.push(item);
    }
    merged.extend(rest);
    Ok(merged)
}

/// The items' vectors: from the weight file for its own items, and predicted from content
/// for others. `None` for a model without vectors.
fn vectors(model: &Model, table: &CatalogTable) -> memory::Result<Option<ItemVectors>> {
    let Some(ItemPrior { prior, variance }) = &model.contents().item_prior else {
        return Ok(None);
    };
    let (fields, factors) = (&model.config().item_fields, model.config().factors);
    let items = table.ids.len();
    let mut vectors = memory::reserved(items.saturating_mul(factors))?;
    let mut biases = memory::reserved(items)?;
    let mut variances = memory::filled(*variance, items)?;
    let mut raters = memory::zeros(items)?;
    let own = model.contents().catalog.as_ref();
    let own = own.and_then(|own| Some((own.vectors.as_ref()?, &own.ids)));
    let own = own.map(|(own, ids)| Ok((own, places(ids)?))).transpose()?;
    let mut row = memory::zeros(prior.width())?;
    for (item, id) in table.ids.iter().enumerate() {
        let known = own.as_ref().and_then(|(known, place)| Some((known, place(id)?)));
        if let Some((known, place)) = known {
            vectors.extend_from_slice(&known.vectors[place * factors..][..factors]);
            biases.push(known.bias[place]);
            variances[item] = known.variance[place];
            raters[item] = known.raters[place];
            continue;
        }
        prior.write_row(fields, &table.columns, item, &mut row);
        // A prior of items has a bias: see `check_priors`.
        let (bias, vector) = row.split_at(1);
        vectors.extend_from_slice(vector);
        biases.extend_from_slice(bias);
    }
    Ok(Some(ItemVectors {
        vectors: vectors.into(),
        bias: biases.into(),
        variance: variances.into(),
        raters: raters.into(),
    }))
}

/// The chance that people know each item: 0 for those that the weight file lacks.
fn familiarity(model: &Model, table: &CatalogTable) -> memory::Result<Option<Familiarity>> {
    let contents = model.contents();
    match (&contents.familiarity, &contents.catalog) {
        (Some(familiarity), Some(own)) if table.ids == own.ids => Ok(Some(familiarity.clone())),
        (Some(familiarity), Some(own)) => {
            familiarity.select(table.ids.iter().map(places(&own.ids)?)).map(Some)
        }
        _ => Ok(None),
    }
}
