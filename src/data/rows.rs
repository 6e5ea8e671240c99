//! CSV files and id lists, row by row, with errors that name the place.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::{Error, Result};

/// Opens the files of a data folder.
pub(super) type Open<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Read>>;

/// A CSV file with a header, one row at a time; cells without the white space
/// around them.
pub(super) struct CsvRows<'a> {
    open: Open<'a>,
    path: PathBuf,
    reader: Reader<Box<dyn Read>>,
    header: Vec<String>,
    record: ByteRecord,
}

impl<'a> CsvRows<'a> {
    /// Opens a file and reads its header.
    pub fn open(open: Open<'a>, path: PathBuf) -> Result<Self> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true) // the count of cells is checked here, with a better message
            .buffer_capacity(1 << 16)
            .from_reader(open(&path)?);
        let mut rows = Self { open, path, reader, header: Vec::new(), record: ByteRecord::new() };
        if !rows.read()? {
            return Err(rows.whole("is empty; a header row is expected"));
        }
        rows.header = rows
            .record
            .iter()
            .map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned())
            .collect();
        Ok(rows)
    }

    /// The place of the column with this name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let mut places = (0..self.header.len()).filter(|&place| self.header[place] == name);
        let problem = match (places.next(), places.next()) {
            (Some(place), None) => return Ok(place),
            (Some(_), Some(_)) => "the header has this column twice; once is expected".into(),
            (None, _) => format!(
                "the header has no such column; its columns are: {}",
                shown(self.header.join(", ").as_bytes())
            ),
        };
        Err(Error::Data {
            file: self.path.clone(),
            line: Some(1),
            column: Some(name.into()),
            problem,
        })
    }

    /// Moves to the next row; `false` after the last.
    pub fn next(&mut self) -> Result<bool> {
        if !self.read()? {
            return Ok(false);
        }
        let (cells, expected) = (self.record.len(), self.header.len());
        if cells != expected {
            let row = self.record.iter().collect::<Vec<_>>().join(&b',');
            return Err(self.error(
                None,
                format!(
                    "\"{}\" has {cells} cells; {expected} are expected, as in the header",
                    shown(&row)
                ),
            ));
        }
        Ok(true)
    }

    /// A cell of the row.
    pub fn cell(&self, column: usize) -> &[u8] {
        self.record.get(column).unwrap_or_default().trim_ascii()
    }

    /// A cell of the row as text.
    pub fn text(&self, column: usize) -> Result<&str> {
        let cell = self.cell(column);
        std::str::from_utf8(cell)
            .map_err(|_| self.error(Some(column), format!("\"{}\" is not UTF-8", shown(cell))))
    }

    /// A cell of the row as a finite number; `None` if it is empty.
    pub fn number<F: FromStr + Copy + Into<f64>>(&self, column: usize) -> Result<Option<F>> {
        let cell = self.cell(column);
        if cell.is_empty() {
            return Ok(None);
        }
        let number = std::str::from_utf8(cell).ok().and_then(|text| text.parse::<F>().ok());
        match number {
            Some(number) if number.into().is_finite() => Ok(Some(number)),
            _ => Err(self.error(
                Some(column),
                format!("\"{}\" is not a finite number such as 3.5", shown(cell)),
            )),
        }
    }

    /// An error about the row, or about one of its cells.
    pub fn error(&self, column: Option<usize>, problem: impl Into<String>) -> Error {
        Error::Data {
            file: self.path.clone(),
            line: self.line(),
            column: column.and_then(|column| self.header.get(column).cloned()),
            problem: problem.into(),
        }
    }

    /// An error about the file as a whole.
    pub fn whole(&self, problem: &str) -> Error {
        whole_file(&self.path, problem)
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
        let bytes = BufReader::new((self.open)(&self.path).ok()?).bytes();
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
