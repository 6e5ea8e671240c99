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
use crate::{Error, Result};

/// Opens the files of a data folder.
pub(super) type Open<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Read>>;

/// A CSV file, one row at a time; cells without the white space around them.
pub(super) struct CsvRows<'a> {
    open: Open<'a>,
    path: PathBuf,
    format: Format,
    reader: Reader<Box<dyn Read>>,
    /// The columns' names; their numbers without a header.
    header: Vec<String>,
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
        let (header, record, ahead) = (Vec::new(), ByteRecord::new(), !format.header);
        let mut rows = Self { open, path, format, reader, header, record, ahead };
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
        Ok(rows)
    }

    /// How the file is written.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// A column's name as it is written.
    pub fn header_cell(&self, column: usize) -> String {
        self.header.get(column).cloned().unwrap_or_default()
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.header.len()
    }

    /// The place of this column.
    pub fn column(&self, name: &ColumnName) -> Result<usize> {
        let error = |problem| {
            let (file, column) = (self.path.clone(), Some(shown(name.to_string().as_bytes())));
            Err(Error::Data { file, line: Some(1), column, problem })
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
        let mut places = (0..self.header.len()).filter(|&place| self.header[place] == *name);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
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

    /// Moves to the next row, which may be broken; `None` after the last.
    pub fn next(&mut self) -> Result<Option<Result<(), Fault>>> {
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

    /// A cell of the row.
    pub fn cell(&self, column: usize) -> &[u8] {
        self.record.get(column).unwrap_or_default().trim_ascii()
    }

    /// A cell of the row as text.
    pub fn text(&self, column: usize) -> Result<&str, Fault> {
        let cell = self.cell(column);
        std::str::from_utf8(cell).map_err(|_| Fault {
            reason: Reason::Encoding,
            column: Some(column),
            problem: format!("\"{}\" is not UTF-8", shown(cell)),
        })
    }

    /// A cell of the row as a finite number; `None` if it is missing.
    pub fn number<F: FromStr + Copy + Into<f64>>(&self, column: usize) -> Result<Option<F>, Fault> {
        let cell = self.cell(column);
        if self.format.is_missing(cell) {
            return Ok(None);
        }
        match self.parse::<F>(cell) {
            Some(number) if number.into().is_finite() => Ok(Some(number)),
            _ => Err(self.no_number(column, Reason::Number)),
        }
    }

    /// A cell of the row as a finite number, which must be there.
    pub fn value(&self, column: usize, expected: &str) -> Result<f32, Fault> {
        if self.cell(column).is_empty() {
            let problem = format!("\"\" is empty; a finite number {expected} is expected");
            return Err(Fault { reason: Reason::Value, column: Some(column), problem });
        }
        let number = self.number::<f32>(column).ok().flatten();
        number.ok_or_else(|| self.no_number(column, Reason::Value))
    }

    /// A cell of the row as a time, which must be there.
    pub fn time(&self, column: usize) -> Result<Time, Fault> {
        let cell = self.cell(column);
        if let Some(number) = self.parse::<f64>(cell).filter(|number| number.is_finite()) {
            return Ok(Time::Number(number));
        }
        let problem = match std::str::from_utf8(cell).ok().and_then(times::parse) {
            Some(time) => return Ok(time),
            None if cell.is_empty() => "\"\" is empty; a time is expected".into(),
            None => format!(
                "\"{}\" is not a finite number such as 1700000000, nor a time in ISO 8601 such \
                 as 2020-01-02T03:04:05Z",
                shown(cell)
            ),
        };
        Err(Fault { reason: Reason::Time, column: Some(column), problem })
    }

    fn parse<F: FromStr>(&self, cell: &[u8]) -> Option<F> {
        let text = std::str::from_utf8(cell).ok()?;
        if !self.format.decimal_comma {
            return text.parse().ok();
        }
        match text.contains('.') {
            true => None,
            false => text.replace(',', ".").parse().ok(),
        }
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

    /// A fault as an error.
    pub fn error(&self, fault: Fault) -> Error {
        let column = fault.column.map(|column| self.column_name(column));
        let (file, line) = (self.path.clone(), self.line());
        Error::Data { file, line, column, problem: fault.problem }
    }

    /// An error about the file as a whole.
    pub fn whole(&self, problem: &str) -> Error {
        whole_file(&self.path, problem)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A column's name for messages.
    pub fn column_name(&self, column: usize) -> String {
        shown(self.header.get(column).map(String::as_bytes).unwrap_or_default())
    }

    fn read(&mut self) -> Result<bool> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => Error::io("read", &self.path)(source),
            other => self.whole(&format!("{other:?}")),
        })
    }

    /// On how many lines the row is.
    pub fn lines_of_row(&self) -> usize {
        1 + self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count()
    }

    /// The line on which the row begins. It is counted again in the file: the reader's own
    /// count is too low after empty lines and CRLF.
    pub fn line(&self) -> Option<u64> {
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
            line: Some(1 + before.filter(|&&byte| byte == b'\n').count() as u64),
            column: None,
            problem: "is not UTF-8".into(),
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(Into::into).unwrap_or(text))
}

/// An error about a file as a whole.
pub(super) fn whole_file(path: &Path, problem: impl Into<String>) -> Error {
    Error::Data { file: path.to_owned(), line: None, column: None, problem: problem.into() }
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
