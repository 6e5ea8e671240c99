//! Data sets from columns in memory.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::faults::{Fault, Reason};
use super::folder::{Dataset, OpenOptions};
use super::format::{ColumnName, Format};
use super::rows::{Float, Rows, no_time, parse_number, parse_time, shown, split_values};
use super::tables::Tables;
use super::times::Time;
use crate::{Error, Place, Result};

/// A cell of a column in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Missing,
    /// Text, read as in a data folder's files: as an id, a name, a number or a time, without
    /// the white space around it.
    Text(&'a str),
    /// An integer: an id, a number, a time, or a name in digits.
    Integer(i128),
    /// A number. NaN is missing.
    Number(f64),
    /// A time, in seconds since 1970.
    Seconds(f64),
    /// So many values, which [`Cells::value`] has.
    List(usize),
}

/// A column in memory.
pub trait Cells: Sync {
    /// The number of its cells.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cell of a row below [`Cells::len`].
    fn cell(&self, row: usize) -> Cell<'_>;

    /// A value of a row's [`Cell::List`], which is no list itself; its place is below the
    /// list's length.
    fn value(&self, row: usize, place: usize) -> Cell<'_> {
        let _ = (row, place);
        Cell::Missing
    }
}

/// A table in memory: columns of the same length, in any order.
#[derive(Clone)]
pub struct ColumnTable<'a> {
    /// Its name, by which the settings' `file` asks for it.
    pub name: &'a str,
    /// The columns, by different names.
    pub columns: Vec<(&'a str, &'a dyn Cells)>,
}

impl Dataset {
    /// A data set of tables in memory, the same as that of a data folder with the same cells.
    ///
    /// `settings` are as in `dataset.toml`; each `file` is the name of a table. A split's list
    /// of new users or items is the first column of the table that it names. Of the keys in
    /// `[format]`, only `separator`, `decimal`, `missing` and `skip_bad_rows` matter. Row
    /// indices in errors count from 0.
    ///
    /// ```
    /// use melu::data::{Cells, ColumnTable, Dataset, OpenOptions};
    ///
    /// let settings = r#"
    ///     name = "clicks"
    ///     [interactions]
    ///     file = "clicks"
    ///     user = "user"
    ///     item = "item"
    /// "#;
    /// let (users, items) = ([7_i64, 7, 9], ["tea", "milk", "tea"]);
    /// let columns: Vec<(&str, &dyn Cells)> = vec![("user", &users), ("item", &items)];
    /// let clicks = ColumnTable { name: "clicks", columns };
    /// let dataset = Dataset::from_columns(settings, &[clicks], &OpenOptions::default())?;
    /// assert_eq!((dataset.users.len(), dataset.items.len()), (2, 2));
    /// # Ok::<(), melu::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] as by [`Dataset::open`], with a row's index instead of its line; also
    /// for a table that is not there, columns of different lengths, ids that are fractions, and
    /// a list where one value is expected.
    pub fn from_columns(
        settings: &str,
        tables: &[ColumnTable<'_>],
        options: &OpenOptions,
    ) -> Result<Self> {
        Self::from_tables(Path::new("settings"), settings, &InMemory(tables), options)
    }
}

/// The tables in memory.
struct InMemory<'a>(&'a [ColumnTable<'a>]);

impl Tables for InMemory<'_> {
    fn rows(&self, name: &str, format: Format) -> Result<impl Rows> {
        let Some(table) = self.0.iter().find(|table| table.name == name) else {
            let names: Vec<&str> = self.0.iter().map(|table| table.name).collect();
            let problem = format!(
                "there is no such table; the tables are: {}",
                shown(names.join(", ").as_bytes())
            );
            return Err(error(name, None, None, problem));
        };
        ColumnRows::new(table, format)
    }

    fn ids(&self, name: &str) -> Result<Vec<(Place, String)>> {
        let mut rows = self.rows(name, Format::plain(",", true, true))?;
        // A column by its number.
        let column = rows.text_column(&ColumnName::Number(std::num::NonZeroU32::MIN))?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            let place = rows.place().unwrap_or(Place::Row(ids.len()));
            let id = row.and_then(|()| {
                rows.id(column)?;
                rows.text(column).map(str::to_owned)
            });
            let id = id.map_err(|fault| rows.error(fault))?;
            if !id.is_empty() {
                ids.push((place, id));
            }
        }
        Ok(ids)
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

fn error(table: &str, place: Option<Place>, column: Option<String>, problem: String) -> Error {
    Error::Data { file: table.into(), place, column, problem }
}

/// A table in memory, one row at a time.
struct ColumnRows<'a> {
    table: &'a ColumnTable<'a>,
    format: Format,
    /// The columns in the order of their names: there may be as many fields.
    by_name: Vec<usize>,
    len: usize,
    /// The row after the current one.
    next: usize,
    /// Whether the column is read as text.
    as_text: Vec<bool>,
    /// The row's numbers as text, for columns that are read so.
    texts: Vec<String>,
}

impl<'a> ColumnRows<'a> {
    fn new(table: &'a ColumnTable<'a>, format: Format) -> Result<Self> {
        let (first, len) =
            table.columns.first().map_or(("", 0), |(name, cells)| (name, cells.len()));
        let refuse = |name: &str, problem: String| {
            Err(error(table.name, None, Some(shown(name.as_bytes())), problem))
        };
        if let Some((name, cells)) = table.columns.iter().find(|(_, cells)| cells.len() != len) {
            let (rows, first) = (cells.len(), shown(first.as_bytes()));
            let problem = format!("has {rows} rows; {len} are expected, as in column \"{first}\"");
            return refuse(name, problem);
        }
        let name = |place: usize| table.columns[place].0;
        let mut by_name: Vec<usize> = (0..table.columns.len()).collect();
        by_name.sort_unstable_by_key(|&place| name(place));
        if let Some(pair) = by_name.windows(2).find(|pair| name(pair[0]) == name(pair[1])) {
            let problem = "the table has this column twice; once is expected";
            return refuse(name(pair[0]), problem.into());
        }
        let columns = table.columns.len();
        let (as_text, texts) = (vec![false; columns], vec![String::new(); columns]);
        Ok(Self { table, format, by_name, len, next: 0, as_text, texts })
    }

    fn at(&self, column: usize) -> Cell<'a> {
        match (self.table.columns.get(column), self.next.checked_sub(1)) {
            (Some((_, cells)), Some(row)) => match cells.cell(row) {
                Cell::Number(number) if number.is_nan() => Cell::Missing,
                Cell::Text(text) => Cell::Text(text.trim()),
                cell => cell,
            },
            _ => Cell::Missing,
        }
    }

    fn fault(&self, reason: Reason, column: usize, problem: &str) -> Fault {
        let problem = format!("\"{}\" {problem}", self.shown(column));
        Fault { reason, column: Some(column), problem }
    }
}

impl Rows for ColumnRows<'_> {
    fn format(&self) -> &Format {
        &self.format
    }

    fn path(&self) -> &Path {
        Path::new(self.table.name)
    }

    fn column(&self, name: &ColumnName) -> Result<usize> {
        let columns = &self.table.columns;
        let place = match name {
            ColumnName::Name(name) => {
                let found = self.by_name.binary_search_by_key(&&**name, |&place| columns[place].0);
                found.ok().map(|found| self.by_name[found])
            }
            ColumnName::Number(number) => {
                Some(number.get() as usize - 1).filter(|place| *place < columns.len())
            }
        };
        place.ok_or_else(|| {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let problem = format!(
                "the table has no such column; its columns are: {}",
                shown(names.join(", ").as_bytes())
            );
            let name = shown(name.to_string().as_bytes());
            error(self.table.name, None, Some(name), problem)
        })
    }

    fn text_column(&mut self, name: &ColumnName) -> Result<usize> {
        let column = self.column(name)?;
        self.as_text[column] = true;
        Ok(column)
    }

    fn column_name(&self, column: usize) -> String {
        shown(self.table.columns.get(column).map_or("", |(name, _)| name).as_bytes())
    }

    fn next(&mut self) -> Result<Option<Result<(), Fault>>> {
        if self.next == self.len {
            return Ok(None);
        }
        self.next += 1;
        for column in 0..self.texts.len() {
            if self.as_text[column] {
                let cell = self.at(column);
                self.texts[column].clear();
                write_number(cell, &mut self.texts[column]);
            }
        }
        Ok(Some(Ok(())))
    }

    fn cell(&self, column: usize) -> &[u8] {
        self.text(column).unwrap_or_default().as_bytes()
    }

    fn id(&self, column: usize) -> Result<&[u8], Fault> {
        match self.at(column) {
            // Beyond 2^53 different ids are the same number.
            Cell::Number(_) | Cell::Seconds(_) => {
                let problem = "is a floating-point number; an id is expected, a text or an integer";
                Err(self.fault(Reason::Kind, column, problem))
            }
            _ => self.text(column).map(str::as_bytes),
        }
    }

    fn text(&self, column: usize) -> Result<&str, Fault> {
        match self.at(column) {
            Cell::Missing => Ok(""),
            Cell::Text(text) => Ok(text),
            Cell::Integer(_) | Cell::Number(_) | Cell::Seconds(_) => Ok(&self.texts[column]),
            Cell::List(_) => {
                Err(self.fault(Reason::Kind, column, "is a list; one value is expected"))
            }
        }
    }

    fn shown(&self, column: usize) -> String {
        let mut text = String::new();
        match (self.at(column), self.table.columns.get(column)) {
            (Cell::Text(text), _) => return shown(text.as_bytes()),
            (Cell::List(values), Some((_, cells))) => {
                text.push('[');
                for place in 0..values.min(8) {
                    text.push_str(if place > 0 { ", " } else { "" });
                    match cells.value(self.next.saturating_sub(1), place) {
                        Cell::Text(value) => text.push_str(value),
                        value => write_number(value, &mut text),
                    }
                }
                text.push_str(if values > 8 { ", …]" } else { "]" });
            }
            (cell, _) => write_number(cell, &mut text),
        }
        shown(text.as_bytes())
    }

    fn is_empty(&self, column: usize) -> bool {
        matches!(self.at(column), Cell::Missing | Cell::Text(""))
    }

    fn each_value(&self, column: usize, mut take: impl FnMut(&str)) {
        let Cell::List(values) = self.at(column) else {
            return split_values(self.text(column).unwrap_or_default(), &self.format, take);
        };
        let Some((_, cells)) = self.table.columns.get(column) else { return };
        let mut number = String::new();
        for place in 0..values {
            match cells.value(self.next.saturating_sub(1), place) {
                Cell::Text(value) => take(value.trim()),
                value => {
                    number.clear();
                    write_number(value, &mut number);
                    take(&number);
                }
            }
        }
    }

    fn check_values(&self, _: usize) -> Result<(), Fault> {
        Ok(())
    }

    fn parsed<F: Float>(&self, column: usize) -> Option<Option<F>> {
        match self.at(column) {
            Cell::Missing => None,
            Cell::Text(text) => {
                let number = || parse_number(text, &self.format);
                (!self.format.is_missing(text.as_bytes())).then(number)
            }
            Cell::Integer(number) => Some(Some(F::of_integer(number))),
            Cell::Number(number) | Cell::Seconds(number) => Some(Some(F::of(number))),
            Cell::List(_) => Some(None),
        }
    }

    fn time(&self, column: usize) -> Result<Time, Fault> {
        let time = match self.at(column) {
            Cell::Missing => return parse_time(b"", column, &self.format),
            Cell::Text(text) => return parse_time(text.as_bytes(), column, &self.format),
            Cell::Integer(number) => Some(Time::Number(number as f64)),
            Cell::Number(number) => Some(Time::Number(number)),
            Cell::Seconds(seconds) => Some(Time::Seconds(seconds)),
            Cell::List(_) => None,
        };
        let is_finite = |time: &Time| match time {
            Time::Number(number) | Time::Seconds(number) => number.is_finite(),
        };
        time.filter(is_finite).ok_or_else(|| Fault {
            reason: Reason::Time,
            column: Some(column),
            problem: no_time(&self.shown(column)),
        })
    }

    fn place(&self) -> Option<Place> {
        self.next.checked_sub(1).map(Place::Row)
    }

    fn none(&self, rows: &str) -> Error {
        self.whole(&format!("has no {rows}; at least one is expected"))
    }
}

/// Appends a number in its shortest form.
fn write_number(cell: Cell<'_>, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = match cell {
        // Half the time of 128 bits.
        Cell::Integer(number) => match i64::try_from(number) {
            Ok(number) => write!(text, "{number}"),
            Err(_) => write!(text, "{number}"),
        },
        Cell::Number(number) | Cell::Seconds(number) if !number.is_nan() => {
            write!(text, "{number}")
        }
        _ => Ok(()),
    };
}

/// Columns of this type.
macro_rules! cells {
    ($($type:ty, $value:ident => $cell:expr;)*) => {$(
        impl Cells for [$type] {
            fn len(&self) -> usize {
                <[$type]>::len(self)
            }

            fn cell(&self, row: usize) -> Cell<'_> {
                let $value = &self[row];
                $cell
            }
        }

        impl Cells for Vec<$type> {
            fn len(&self) -> usize {
                self.as_slice().len()
            }

            fn cell(&self, row: usize) -> Cell<'_> {
                self.as_slice().cell(row)
            }
        }

        impl<const N: usize> Cells for [$type; N] {
            fn len(&self) -> usize {
                N
            }

            fn cell(&self, row: usize) -> Cell<'_> {
                self.as_slice().cell(row)
            }
        }
    )*};
}

cells! {
    &str, text => Cell::Text(text);
    String, text => Cell::Text(text);
    Option<String>, text => text.as_deref().map_or(Cell::Missing, Cell::Text);
    i32, number => Cell::Integer((*number).into());
    i64, number => Cell::Integer((*number).into());
    u32, number => Cell::Integer((*number).into());
    u64, number => Cell::Integer((*number).into());
    f32, number => Cell::Number((*number).into());
    f64, number => Cell::Number(*number);
}

impl Cells for Vec<Vec<String>> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        Cell::List(self[row].len())
    }

    fn value(&self, row: usize, place: usize) -> Cell<'_> {
        Cell::Text(&self[row][place])
    }
}
