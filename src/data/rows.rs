//! CSV files and id lists, row by row, with errors that name the place.

use std::borrow::Cow;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::delimiter::{Replaced, STAND_IN};
use super::faults::{Fault, Reason};
use super::format::{ColumnName, Format};
use super::times::{self, Time};
use crate::{Error, Place, Result};

/// Opens the files of a data folder.
pub(super) type Open<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Read>>;

/// A table of a data set, one row at a time; cells without the white space around them.
pub(super) trait Rows {
    /// How its cells are written.
    fn format(&self) -> &Format;

    /// The file, or the table's name.
    fn path(&self) -> &Path;

    /// The place of this column.
    fn column(&self, name: &ColumnName) -> Result<usize>;

    /// The same of a column that is read by [`Rows::cell`] and [`Rows::text`].
    fn text_column(&mut self, name: &ColumnName) -> Result<usize> {
        self.column(name)
    }

    /// A column's name for messages.
    fn column_name(&self, column: usize) -> String;

    /// Moves to the next row, which may be broken; `None` after the last.
    fn next(&mut self) -> Result<Option<Result<(), Fault>>>;

    /// A cell of the row.
    fn cell(&self, column: usize) -> &[u8];

    /// A cell of the row as an id, which may be empty.
    fn id(&self, column: usize) -> Result<&[u8], Fault>;

    /// A cell of the row as text.
    fn text(&self, column: usize) -> Result<&str, Fault>;

    /// A cell of the row for messages.
    fn shown(&self, column: usize) -> String;

    /// Whether there is nothing in a cell of the row, not even a word for a missing value.
    fn is_empty(&self, column: usize) -> bool;

    /// The values in a cell of the row, which may be missing.
    fn each_value(&self, column: usize, take: impl FnMut(&str));

    /// Whether a cell of the row can hold several values.
    fn check_values(&self, column: usize) -> Result<(), Fault>;

    /// A cell of the row as a number, which may not be finite; `None` if it is missing, and
    /// `Some(None)` if it is none.
    fn parsed<F: Float>(&self, column: usize) -> Option<Option<F>>;

    /// A cell of the row as a time, which must be there.
    fn time(&self, column: usize) -> Result<Time, Fault>;

    /// The row's place.
    fn place(&self) -> Option<Place>;

    /// On how many lines the row is.
    fn lines_of_row(&self) -> usize {
        1
    }

    /// The refusal of a table without any of its kind of rows.
    fn none(&self, rows: &str) -> Error;

    /// A cell of the row as a finite number; `None` if it is missing.
    fn number<F: Float>(&self, column: usize) -> Result<Option<F>, Fault> {
        match self.parsed::<F>(column) {
            None => Ok(None),
            Some(Some(number)) if number.into().is_finite() => Ok(Some(number)),
            Some(_) => Err(self.no_number(column, Reason::Number)),
        }
    }

    /// A cell of the row as a finite number, which must be there.
    fn value(&self, column: usize, expected: &str) -> Result<f32, Fault> {
        if self.is_empty(column) {
            let problem = format!("\"\" is empty; a finite number {expected} is expected");
            return Err(Fault { reason: Reason::Value, column: Some(column), problem });
        }
        let number = self.number::<f32>(column).ok().flatten();
        number.ok_or_else(|| self.no_number(column, Reason::Value))
    }

    /// The fault of a cell that is not a finite number.
    fn no_number(&self, column: usize, reason: Reason) -> Fault {
        let such = if self.format().decimal_comma { "3,5" } else { "3.5" };
        let problem = format!("\"{}\" is not a finite number such as {such}", self.shown(column));
        Fault { reason, column: Some(column), problem }
    }

    /// A fault of the row as an error.
    fn error(&self, fault: Fault) -> Error {
        let column = fault.column.map(|column| self.column_name(column));
        let (file, place) = (self.path().to_owned(), self.place());
        Error::Data { file, place, column, problem: fault.problem }
    }

    /// An error about the table as a whole.
    fn whole(&self, problem: &str) -> Error {
        whole_file(self.path(), problem)
    }
}

/// A floating-point number that a cell can hold.
pub(super) trait Float: FromStr + Copy + Into<f64> {
    /// The nearest to this one.
    fn of(number: f64) -> Self;
    /// The nearest to an integer.
    fn of_integer(number: i128) -> Self;
}

impl Float for f32 {
    fn of(number: f64) -> Self {
        number as Self
    }

    fn of_integer(number: i128) -> Self {
        number as Self
    }
}

impl Float for f64 {
    fn of(number: f64) -> Self {
        number
    }

    fn of_integer(number: i128) -> Self {
        number as Self
    }
}

/// Text as a number, which may not be finite.
pub(super) fn parse_number<F: FromStr>(text: &str, format: &Format) -> Option<F> {
    if !format.decimal_comma {
        return text.parse().ok();
    }
    match text.contains('.') {
        true => None,
        false => text.replace(',', ".").parse().ok(),
    }
}

/// Text as a time, in a cell of this column.
pub(super) fn parse_time(cell: &[u8], column: usize, format: &Format) -> Result<Time, Fault> {
    let text = std::str::from_utf8(cell).ok();
    let number = text.and_then(|text| parse_number::<f64>(text, format));
    if let Some(number) = number.filter(|number| number.is_finite()) {
        return Ok(Time::Number(number));
    }
    let problem = match text.and_then(times::parse) {
        Some(time) => return Ok(time),
        None if cell.is_empty() => "\"\" is empty; a time is expected".into(),
        None => no_time(&shown(cell)),
    };
    Err(Fault { reason: Reason::Time, column: Some(column), problem })
}

/// Says what is expected instead of a cell that is no time.
pub(super) fn no_time(shown: &str) -> String {
    format!(
        "\"{shown}\" is not a finite number such as 1700000000, nor a time in ISO 8601 such \
         as 2020-01-02T03:04:05Z"
    )
}

/// Splits a text into the values of a cell that can hold several.
pub(super) fn split_values(text: &str, format: &Format, take: impl FnMut(&str)) {
    text.split(&*format.separator).map(str::trim).for_each(take);
}

/// A CSV file, one row at a time.
pub(super) struct CsvRows<'a> {
    open: Open<'a>,
    path: PathBuf,
    format: Format,
    reader: Reader<Box<dyn Read>>,
    /// The columns' names; their numbers without a header.
    header: Vec<String>,
    /// The columns in the order of their names: there may be as many fields.
    by_name: Vec<usize>,
    record: ByteRecord,
    /// Whether the record is a row that was read to count its cells.
    ahead: bool,
}

impl<'a> CsvRows<'a> {
    /// Opens a file and reads its header.
    pub fn open(open: Open<'a>, path: PathBuf, format: Format) -> Result<Self> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true) // the count of cells is checked here, with a better message
            .delimiter(match format.delimiter.as_bytes() {
                [one] => *one,
                _ => STAND_IN,
            })
            .quoting(format.quotes)
            .buffer_capacity(1 << 16)
            .from_reader(undelimited(open(&path)?, &format));
        let (header, by_name, record) = (Vec::new(), Vec::new(), ByteRecord::new());
        let ahead = !format.header;
        let mut rows = Self { open, path, format, reader, header, by_name, record, ahead };
        if !rows.read()? {
            return Err(rows.whole(match rows.format.header {
                true => "is empty; a header row is expected",
                false => "is empty; at least one row is expected",
            }));
        }
        let text = |cell: &[u8]| String::from_utf8_lossy(cell.trim_ascii()).into_owned();
        rows.header = match rows.format.header {
            true => rows.record.iter().map(text).collect(),
            false => (1..=rows.record.len()).map(|number| number.to_string()).collect(),
        };
        rows.by_name = (0..rows.header.len()).collect();
        rows.by_name.sort_unstable_by_key(|&place| &rows.header[place]);
        Ok(rows)
    }

    /// A column's name as it is written.
    pub fn header_cell(&self, column: usize) -> String {
        self.header.get(column).cloned().unwrap_or_default()
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.header.len()
    }

    /// What may be wrong if a column is not there.
    fn hint(&self) -> String {
        let [only] = &self.header[..] else {
            return match self.format.header {
                true => "; if the file has no header, set header = false in [format]".into(),
                false => String::new(),
            };
        };
        let first = match self.format.header {
            true => Cow::from(only),
            false => String::from_utf8_lossy(self.record.get(0).unwrap_or_default()),
        };
        let delimiter = ["\t", ";", "::", "|", ","].into_iter().find(|text| first.contains(text));
        delimiter.map_or_else(String::new, |delimiter| {
            format!(
                "; if \"{}\" separates its cells, set delimiter = \"{0}\" in [format]",
                delimiter.escape_debug()
            )
        })
    }

    fn read(&mut self) -> Result<bool> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => Error::io("read", &self.path)(source),
            other => self.whole(&format!("{other:?}")),
        })
    }

    /// The line on which the row begins. It is counted again in the file: the reader's own
    /// count is too low after empty lines and CRLF.
    fn line(&self) -> Option<u64> {
        let start = self.record.position()?.byte();
        let mut line = 1;
        let file = undelimited((self.open)(&self.path).ok()?, &self.format);
        let bytes = BufReader::new(file).bytes();
        for (place, byte) in (0..).zip(bytes) {
            match byte.ok()? {
                b'\n' => line += 1,
                b'\r' => {}
                _ if place >= start => return Some(line),
                _ => {}
            }
        }
        Some(line)
    }
}

impl Rows for CsvRows<'_> {
    fn format(&self) -> &Format {
        &self.format
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn column(&self, name: &ColumnName) -> Result<usize> {
        let error = |problem| {
            let (file, column) = (self.path.clone(), Some(shown(name.to_string().as_bytes())));
            Err(Error::Data { file, place: Some(Place::Line(1)), column, problem })
        };
        let name = match name {
            ColumnName::Number(number) => {
                let place = number.get() as usize - 1;
                return match place < self.header.len() {
                    true => Ok(place),
                    false => error(format!(
                        "there are {} columns; a number from 1 to {0} is expected{}",
                        self.header.len(),
                        self.hint()
                    )),
                };
            }
            ColumnName::Name(_) if !self.format.header => {
                return error(
                    "has no name, as [format] has header = false; a column's number from 1 is \
                     expected (of a field: column = NUMBER beside its name)"
                        .into(),
                );
            }
            ColumnName::Name(name) => name,
        };
        let before = self.by_name.partition_point(|&place| self.header[place] < *name);
        let places = self.by_name.iter().skip(before);
        let mut places = places.take_while(|&&place| self.header[place] == *name);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(*place),
            (Some(_), Some(_)) => {
                error("the header has this column twice; once is expected".into())
            }
            (None, _) => error(format!(
                "the header has no such column; its columns are: {}{}",
                shown(self.header.join(", ").as_bytes()),
                self.hint()
            )),
        }
    }

    fn column_name(&self, column: usize) -> String {
        shown(self.header.get(column).map(String::as_bytes).unwrap_or_default())
    }

    fn next(&mut self) -> Result<Option<Result<(), Fault>>> {
        if !std::mem::take(&mut self.ahead) && !self.read()? {
            return Ok(None);
        }
        let (cells, expected) = (self.record.len(), self.header.len());
        if cells == expected {
            return Ok(Some(Ok(())));
        }
        let row = self.record.iter().collect::<Vec<_>>().join(self.format.delimiter.as_bytes());
        let like = if self.format.header { "header" } else { "first row" };
        let problem = format!(
            "\"{}\" has {cells} cells; {expected} are expected, as in the {like}",
            shown(&row)
        );
        Ok(Some(Err(Fault { reason: Reason::Cells, column: None, problem })))
    }

    fn cell(&self, column: usize) -> &[u8] {
        self.record.get(column).unwrap_or_default().trim_ascii()
    }

    fn id(&self, column: usize) -> Result<&[u8], Fault> {
        Ok(self.cell(column))
    }

    fn text(&self, column: usize) -> Result<&str, Fault> {
        let cell = self.cell(column);
        std::str::from_utf8(cell).map_err(|_| Fault {
            reason: Reason::Encoding,
            column: Some(column),
            problem: format!("\"{}\" is not UTF-8", shown(cell)),
        })
    }

    fn shown(&self, column: usize) -> String {
        shown(self.cell(column))
    }

    fn is_empty(&self, column: usize) -> bool {
        self.cell(column).is_empty()
    }

    fn each_value(&self, column: usize, take: impl FnMut(&str)) {
        split_values(self.text(column).unwrap_or_default(), &self.format, take);
    }

    fn check_values(&self, column: usize) -> Result<(), Fault> {
        self.text(column).map(|_| ())
    }

    fn parsed<F: Float>(&self, column: usize) -> Option<Option<F>> {
        let cell = self.cell(column);
        let number = || parse_number(std::str::from_utf8(cell).ok()?, &self.format);
        (!self.format.is_missing(cell)).then(number)
    }

    fn time(&self, column: usize) -> Result<Time, Fault> {
        parse_time(self.cell(column), column, &self.format)
    }

    fn place(&self) -> Option<Place> {
        self.line().map(Place::Line)
    }

    fn lines_of_row(&self) -> usize {
        1 + self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count()
    }

    fn none(&self, rows: &str) -> Error {
        self.whole(&format!("has a header but no {rows}; at least one is expected"))
    }

    fn no_number(&self, column: usize, reason: Reason) -> Fault {
        let cell = self.cell(column);
        let such = if self.format.decimal_comma { "3,5" } else { "3.5" };
        let mut problem = format!("\"{}\" is not a finite number such as {such}", shown(cell));
        let other: Vec<u8> = cell.iter().map(|&b| if b == b',' { b'.' } else { b }).collect();
        let is_number = std::str::from_utf8(&other).is_ok_and(|text| text.parse::<f64>().is_ok());
        if !self.format.decimal_comma && other != cell && is_number {
            problem.push_str("; if commas stand before fractions, set decimal = \",\" in [format]");
        }
        Fault { reason, column: Some(column), problem }
    }
}

/// The file with delimiters of one byte.
fn undelimited(file: Box<dyn Read>, format: &Format) -> Box<dyn Read> {
    match format.delimiter.len() {
        1 => file,
        _ => Box::new(Replaced::new(file, &format.delimiter)),
    }
}

/// Reads a whole text file; a byte order mark is taken off.
pub(super) fn read_text(open: Open<'_>, path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(valid);
        Error::Data {
            file: path.to_owned(),
            place: Some(Place::Line(1 + before.filter(|&&byte| byte == b'\n').count() as u64)),
            column: None,
            problem: "is not UTF-8".into(),
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(Into::into).unwrap_or(text))
}

/// An error about a file as a whole.
pub(super) fn whole_file(path: &Path, problem: impl Into<String>) -> Error {
    Error::Data { file: path.to_owned(), place: None, column: None, problem: problem.into() }
}

/// A value for messages: on one line, and not too long.
pub(super) fn shown(value: &[u8]) -> String {
    const MAX_CHARACTERS: usize = 60;
    let text = String::from_utf8_lossy(value);
    let mut characters = text.chars();
    let mut shown: String =
        characters.by_ref().take(MAX_CHARACTERS).flat_map(char::escape_debug).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}
