//! A look at one table: how it is written, and what its columns hold.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::path::Path;

use crate::data::format::{Format, usual_delimiter};
use crate::data::rows::{CsvRows, Rows};
use crate::data::source;
use crate::data::times::{self, Time};
use crate::{Error, Result};

/// So much of a file shows how it is written.
const HEAD: u64 = 1 << 16;

/// So many rows are looked at.
const ROWS: usize = 2_000_000;

/// Of so many numbers of a column it is judged whether they are skewed.
const NUMBERS: usize = 100_000;

/// The separators that values in a cell may have.
const SEPARATORS: [&str; 4] = ["|", ";", ",", "/"];

/// A file, as it looks.
pub struct Look {
    /// The file's name.
    pub file: String,
    pub format: Format,
    pub rows: usize,
    pub columns: Vec<ColumnLook>,
}

/// A column, as it looks.
#[derive(Default)]
pub struct ColumnLook {
    /// Its name in the header, or empty.
    pub name: String,
    /// How many cells have a value.
    pub filled: usize,
    /// The values, and how often each occurs.
    pub values: HashMap<Box<str>, usize>,
    /// How many cells are numbers.
    pub numbers: usize,
    /// How many cells are numbers only if a comma stands before their fraction.
    pub comma_numbers: usize,
    /// How many cells are dates.
    pub dates: usize,
    /// The first numbers.
    pub sample: Vec<f32>,
    pub least: f64,
    pub greatest: f64,
    /// For each of [`SEPARATORS`], how many cells contain it.
    separated: [usize; 4],
}

impl ColumnLook {
    /// Whether all values are numbers.
    pub fn is_numeric(&self) -> bool {
        self.filled > 0 && self.numbers == self.filled
    }

    /// Whether all values are times: dates, or large numbers that are not called ids.
    pub fn is_time(&self) -> bool {
        let is_id = self.name.to_lowercase().ends_with("id");
        let seconds = self.is_numeric() && self.greatest > 1e8 && !is_id;
        self.filled > 0 && (seconds || self.dates == self.filled)
    }

    /// Whether no value occurs twice, and none is missing.
    pub fn is_key(&self, rows: usize) -> bool {
        self.filled == rows && self.values.len() == rows
    }

    /// The separator of several values in a cell, if there are such cells and their parts
    /// occur in others too.
    pub fn separator(&self) -> Option<&'static str> {
        let (place, &cells) = self.separated.iter().enumerate().max_by_key(|(_, cells)| **cells)?;
        let separator = SEPARATORS[place];
        if 10 * cells < self.filled {
            return None;
        }
        let mut parts: HashMap<&str, usize> = HashMap::new();
        let mut all = 0;
        for (value, count) in &self.values {
            for part in value.split(separator).map(str::trim).filter(|part| !part.is_empty()) {
                *parts.entry(part).or_default() += count;
                all += count;
            }
        }
        (2 * parts.len() <= all && parts.len() < self.values.len()).then_some(separator)
    }

    fn see(&mut self, cell: &str, decimal: char) {
        self.filled += 1;
        match self.values.get_mut(cell) {
            Some(count) => *count += 1,
            None => _ = self.values.insert(cell.into(), 1),
        }
        for (count, separator) in self.separated.iter_mut().zip(SEPARATORS) {
            *count += usize::from(cell.contains(separator));
        }
        if let Some(number) = number(cell, decimal) {
            self.numbers += 1;
            (self.least, self.greatest) = (self.least.min(number), self.greatest.max(number));
            if self.sample.len() < NUMBERS {
                self.sample.push(number as f32);
            }
        } else if number(cell, ',').is_some() {
            self.comma_numbers += 1;
        } else if is_date(cell) {
            self.dates += 1;
        }
    }
}

/// A finite number.
fn number(cell: &str, decimal: char) -> Option<f64> {
    let parsed = match decimal {
        '.' => cell.parse::<f64>(),
        _ if cell.contains('.') => return None,
        _ => cell.replace(decimal, ".").parse::<f64>(),
    };
    parsed.ok().filter(|number| number.is_finite())
}

fn is_date(cell: &str) -> bool {
    matches!(times::parse(cell), Some(Time::Seconds(_)))
}

/// Looks at a file.
///
/// # Errors
/// As reading it; [`Error::Data`] if it is no table.
pub fn look(path: &Path, known_words: impl Fn(&str) -> bool) -> Result<Look> {
    let mut head = Vec::new();
    let open = source::open(path)?;
    open.take(HEAD).read_to_end(&mut head).map_err(Error::io("read", path))?;
    if head.len() as u64 == HEAD {
        // The last line may be cut.
        let end = head.iter().rposition(|&byte| byte == b'\n').map_or(head.len(), |end| end + 1);
        head.truncate(end);
    }
    let mut format = dialect(path, &head)?;
    format.header = has_header(path, &head, &format, known_words)?;
    let mut look = columns(path, &format, '.')?;
    let has_commas = |column: &ColumnLook| {
        column.comma_numbers > 0 && column.comma_numbers + column.numbers == column.filled
    };
    if format.delimiter != "," && look.columns.iter().any(has_commas) {
        format.decimal_comma = true;
        look = columns(path, &format, ',')?;
    }
    Ok(look)
}

/// The rows of the beginning.
fn beginning<T>(
    path: &Path,
    head: &[u8],
    format: &Format,
    take: impl FnOnce(CsvRows<'_>) -> Result<T>,
) -> Result<T> {
    let bytes = head.to_vec();
    let open = move |_: &Path| Ok(Box::new(Cursor::new(bytes.clone())) as Box<dyn Read>);
    take(CsvRows::open(&open, path.into(), format.clone())?)
}

/// The delimiter with the most cells among those that give all rows as many.
fn dialect(path: &Path, head: &[u8]) -> Result<Format> {
    let usual = usual_delimiter(&path.to_string_lossy());
    let mut best = (0.0, 0, Format::plain(usual, false, true));
    for delimiter in [usual, "\t", ";", "::", "|", ","] {
        for quotes in [delimiter.len() == 1, false] {
            let format = Format::plain(delimiter, false, quotes);
            let (width, sound, rows) = beginning(path, head, &format, |mut rows| {
                let (mut sound, mut count) = (0, 0);
                while let Some(row) = rows.next()? {
                    sound += usize::from(row.is_ok());
                    count += 1;
                }
                Ok((rows.width(), sound, count))
            })?;
            // A few broken rows do not matter.
            let share = (20.0 * sound as f64 / f64::from(rows.max(1))).round();
            if width > 1 && (share, width) > (best.0, best.1) {
                best = (share, width, format);
            }
        }
    }
    Ok(best.2)
}

/// Whether the first row has names: no numbers or dates, and above columns that have some, or
/// words that are usual in names.
fn has_header(
    path: &Path,
    head: &[u8],
    format: &Format,
    known_words: impl Fn(&str) -> bool,
) -> Result<bool> {
    beginning(path, head, format, |mut rows| {
        rows.next()?;
        let text =
            |rows: &CsvRows<'_>, column| String::from_utf8_lossy(rows.cell(column)).into_owned();
        let first: Vec<String> = (0..rows.width()).map(|column| text(&rows, column)).collect();
        let is_number = |cell: &str| {
            number(cell, '.').is_some() || number(cell, ',').is_some() || is_date(cell)
        };
        if first.iter().any(|cell| is_number(cell)) {
            return Ok(false);
        }
        // Ids may begin with such words too, and have digits.
        let is_name = |cell: &String| !cell.contains(|c: char| c.is_ascii_digit());
        if first.iter().any(|cell| is_name(cell) && known_words(cell)) {
            return Ok(true);
        }
        let (mut numbers, mut count) = (vec![0; first.len()], 0);
        while rows.next()?.is_some() {
            count += 1;
            for (column, numbers) in numbers.iter_mut().enumerate() {
                *numbers += usize::from(is_number(&text(&rows, column)));
            }
        }
        Ok(numbers.iter().any(|&numbers| numbers > count / 2))
    })
}

fn columns(path: &Path, format: &Format, decimal: char) -> Result<Look> {
    let mut rows = CsvRows::open(&source::open, path.into(), format.clone())?;
    let new = |column| ColumnLook {
        name: if format.header { rows.header_cell(column) } else { String::new() },
        least: f64::INFINITY,
        greatest: f64::NEG_INFINITY,
        ..ColumnLook::default()
    };
    let mut columns: Vec<ColumnLook> = (0..rows.width()).map(new).collect();
    let missing = Format { missing: Format::usual_missing(), ..format.clone() };
    let mut count = 0;
    while let Some(row) = rows.next()?.filter(|_| count < ROWS) {
        if row.is_err() {
            continue;
        }
        count += 1;
        for (place, column) in columns.iter_mut().enumerate() {
            match rows.text(place) {
                Ok(text) if !missing.is_missing(text.as_bytes()) => column.see(text, decimal),
                _ => {}
            }
        }
    }
    if count == 0 {
        return Err(rows.whole("has no rows"));
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Look { file, format: format.clone(), rows: count, columns })
}
