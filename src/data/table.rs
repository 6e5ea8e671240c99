//! The users or the items of a data folder.

use std::collections::HashMap;

use super::faults::{Fault, Faults, LeftOut, Reason};
use super::format::ColumnName;
use super::rows::{Rows, shown};
use super::settings::{FieldSettings, TableKind, TableSettings};
use crate::Result;
use crate::model::schema::{Column, ColumnBuilder, Strings, Vocabulary};

/// All users, or all items: one row each, in the order of the file.
///
/// Without such a file, they are those that occur in the ratings or interactions, in the
/// order of their ids' bytes, without titles and fields.
///
/// May be used from any number of threads at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    ids: Strings,
    index: HashMap<Box<[u8]>, u32>,
    titles: Option<Strings>,
    fields: Vec<TableField>,
}

/// One attribute of all users, or of all items.
#[derive(Clone, Debug, PartialEq)]
pub struct TableField {
    /// The column's name.
    pub name: String,
    /// The kind of its cells.
    pub kind: TableKind,
    /// The cells, one for each row; indices are into `vocabulary`.
    pub column: Column,
    /// All values that the file has, sorted; `None` for a numeric field.
    pub vocabulary: Option<Vocabulary>,
}

impl Table {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The rows' ids, which are unique and not empty.
    pub fn ids(&self) -> &Strings {
        &self.ids
    }

    /// The rows' titles, if the folder names a column of them; a missing title is empty.
    pub fn titles(&self) -> Option<&Strings> {
        self.titles.as_ref()
    }

    /// The fields, in the order of `dataset.toml`.
    pub fn fields(&self) -> &[TableField] {
        &self.fields
    }

    /// The row with this id.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.find_bytes(id.as_bytes())
    }

    /// A table with only ids, which are unique.
    pub(super) fn of_ids<'a>(ids: impl Iterator<Item = &'a str> + Clone) -> Self {
        let index = (0..).zip(ids.clone()).map(|(row, id)| (Box::from(id.as_bytes()), row));
        Self { index: index.collect(), ids: ids.collect(), titles: None, fields: Vec::new() }
    }

    /// Some of the rows, in the given order, each at most once; vocabularies hold only these
    /// rows' values.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        fn pick<'a>(all: &'a Strings, rows: &'a [usize]) -> impl Iterator<Item = &'a str> + Clone {
            rows.iter().filter_map(|&row| all.get(row))
        }
        Self {
            titles: self.titles.as_ref().map(|titles| pick(titles, rows).collect()),
            fields: self.fields.iter().map(|field| field.select(rows)).collect(),
            ..Self::of_ids(pick(&self.ids, rows))
        }
    }

    pub(super) fn find_bytes(&self, id: &[u8]) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// Reads a table without its broken rows.
    ///
    /// `numbers` is a column to read beside it, which need not be a field.
    pub(super) fn read(
        mut rows: impl Rows,
        settings: &TableSettings,
        numbers: Option<&ColumnName>,
        faults: &mut Faults,
    ) -> Result<TableRead> {
        let id_column = rows.text_column(&settings.id)?;
        let title_column =
            settings.title.as_ref().map(|name| rows.text_column(name)).transpose()?;
        let number_column = numbers.map(|name| rows.column(name)).transpose()?;
        let mut fields = settings
            .fields
            .0
            .iter()
            .map(|field| FieldReader::new(&mut rows, field))
            .collect::<Result<Vec<_>>>()?;

        let mut ids: Vec<String> = Vec::new();
        let mut titles = Vec::new();
        let mut index = HashMap::new();
        let mut numbers = Vec::new();
        let mut left_out = LeftOut::new();
        let already_broken = faults.count();
        while let Some(row) = rows.next()? {
            // All cells are looked at before anything is kept.
            let read = row.and_then(|()| {
                rows.id(id_column)?;
                let id = rows.text(id_column)?;
                let fault =
                    |reason, problem| Err(Fault { reason, column: Some(id_column), problem });
                if id.is_empty() {
                    return fault(Reason::EmptyId, "\"\" is empty; an id is expected".into());
                }
                if index.contains_key(id.as_bytes()) {
                    let problem = format!(
                        "\"{}\" is also the id of an earlier row; each row needs its own",
                        shown(id.as_bytes())
                    );
                    return fault(Reason::RepeatedId, problem);
                }
                let title = title_column.map(|column| rows.text(column)).transpose()?;
                let number = number_column.map(|column| rows.number(column)).transpose()?;
                fields.iter().try_for_each(|field| field.check_cell(&rows))?;
                Ok((id, title, number))
            });
            let (id, title, number) = match read {
                Ok(row) => row,
                Err(fault) => {
                    let id = rows.cell(id_column);
                    if !id.is_empty() && !index.contains_key(id) {
                        left_out.insert(id.into());
                    }
                    faults.add(&rows, fault);
                    continue;
                }
            };
            let place = u32::try_from(ids.len())
                .map_err(|_| rows.whole("has more than 4294967295 rows, the most there can be"))?;
            index.insert(Box::from(id.as_bytes()), place);
            // A row that was broken elsewhere may come again, and whole.
            left_out.remove(id.as_bytes());
            ids.push(id.into());
            if let Some(title) = title {
                let is_missing = rows.format().is_missing(title.as_bytes());
                titles.push(if is_missing { String::new() } else { title.to_owned() });
            }
            numbers.extend(number);
            for field in &mut fields {
                field.read_cell(&rows);
            }
        }
        if ids.is_empty() {
            if faults.count() > already_broken {
                return Err(std::mem::take(faults).error(0));
            }
            return Err(rows.none("row"));
        }
        let table = Self {
            ids: ids.into_iter().collect(),
            index,
            titles: title_column.map(|_| titles.into_iter().collect()),
            fields: fields.into_iter().map(FieldReader::finish).collect(),
        };
        Ok(TableRead { table, numbers, left_out })
    }
}

/// A table as it was read.
pub(super) struct TableRead {
    pub table: Table,
    /// Each row's number in the column that was asked for, if one was.
    pub numbers: Vec<Option<f64>>,
    /// The ids of its broken rows.
    pub left_out: LeftOut,
}

impl TableField {
    fn select(&self, rows: &[usize]) -> Self {
        let values = || rows.iter().flat_map(|&row| self.column.row(row));
        let vocabulary = self
            .vocabulary
            .as_ref()
            .map(|all| Vocabulary::from_unsorted(values().filter_map(|&value| all.name(value))));
        let mut renamed = Vec::new();
        if let (Some(all), Some(vocabulary)) = (&self.vocabulary, &vocabulary) {
            renamed = all.names().iter().map(|name| vocabulary.find(name)).collect();
        }
        let mut column = ColumnBuilder::new(vocabulary.is_none());
        for &row in rows {
            let values = self.column.row(row).iter();
            values.filter_map(|&v| renamed[v as usize]).for_each(|v| column.push_value(v));
            column.end_row(self.column.number(row));
        }
        Self { name: self.name.clone(), kind: self.kind, column: column.finish(), vocabulary }
    }
}

/// Collects one field's cells, row by row.
struct FieldReader<'a> {
    settings: &'a FieldSettings,
    place: usize,
    column: ColumnBuilder,
    /// Values in the order of their occurrence, and the number of each.
    seen: HashMap<Box<str>, u32>,
    /// How many rows there are so far.
    rows: usize,
    /// The last row with each value, from 1, so that one that a row repeats counts once.
    last_row: Vec<usize>,
}

impl<'a> FieldReader<'a> {
    fn new(rows: &mut impl Rows, settings: &'a FieldSettings) -> Result<Self> {
        let column = settings.column();
        Ok(Self {
            settings,
            place: match settings.kind {
                TableKind::Numeric => rows.column(&column)?,
                TableKind::One | TableKind::Multi => rows.text_column(&column)?,
            },
            column: ColumnBuilder::new(settings.kind == TableKind::Numeric),
            seen: HashMap::new(),
            rows: 0,
            last_row: Vec::new(),
        })
    }

    fn check_cell(&self, rows: &impl Rows) -> Result<(), Fault> {
        match self.settings.kind {
            TableKind::Numeric => rows.number::<f32>(self.place).map(|_| ()),
            TableKind::One => rows.text(self.place).map(|_| ()),
            TableKind::Multi => rows.check_values(self.place),
        }
    }

    /// Takes the row's cell, which is as [`FieldReader::check_cell`] expects.
    fn read_cell(&mut self, rows: &impl Rows) {
        let mut number = None;
        self.rows += 1;
        let format = rows.format();
        match self.settings.kind {
            TableKind::Numeric => number = rows.number(self.place).unwrap_or_default(),
            TableKind::One => {
                let text = rows.text(self.place).unwrap_or_default();
                if !format.is_missing(text.as_bytes()) {
                    self.push(text);
                }
            }
            TableKind::Multi => rows.each_value(self.place, |value| {
                if !format.is_missing(value.as_bytes()) {
                    self.push(value);
                }
            }),
        }
        self.column.end_row(number);
    }

    fn push(&mut self, value: &str) {
        let number = match self.seen.get(value) {
            Some(&number) => number,
            None => {
                let number = self.seen.len() as u32;
                self.seen.insert(value.into(), number);
                self.last_row.push(0);
                number
            }
        };
        let last_row = &mut self.last_row[number as usize];
        if *last_row < self.rows {
            *last_row = self.rows;
            self.column.push_value(number);
        }
    }

    fn finish(self) -> TableField {
        let (column, vocabulary) = match self.column {
            ColumnBuilder::Values { offsets, mut values } => {
                let vocabulary = Vocabulary::from_unsorted(self.seen.keys().map(|name| &**name));
                let mut sorted = vec![0; self.seen.len()];
                for (name, &number) in &self.seen {
                    // Every key is in the vocabulary that was made of the keys.
                    sorted[number as usize] = vocabulary.find(name).unwrap_or_default();
                }
                for value in &mut values {
                    *value = sorted[*value as usize];
                }
                (ColumnBuilder::Values { offsets, values }.finish(), Some(vocabulary))
            }
            numbers => (numbers.finish(), None),
        };
        TableField {
            name: self.settings.name.clone(),
            kind: self.settings.kind,
            column,
            vocabulary,
        }
    }
}
