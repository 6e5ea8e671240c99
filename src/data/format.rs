//! `[format]`: how a data folder's files are written.

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;

use serde::Deserialize;

/// The words for a missing value, unless a folder has its own.
const MISSING: [&str; 9] = ["NA", "N/A", "NULL", "null", "NaN", "nan", "None", "-", "\\N"];

/// A column by its name in the header, or by its number.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a column's name, or its number from 1, is expected")]
pub(super) enum ColumnName {
    Number(NonZeroU32),
    Name(String),
}

impl fmt::Display for ColumnName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Name(name) => name.fmt(out),
        }
    }
}

/// `[format]` of a folder, or `format` of one of its files, whose keys come first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormatSettings {
    separator: Option<Separator>,
    delimiter: Option<Delimiter>,
    header: Option<bool>,
    quotes: Option<bool>,
    decimal: Option<Decimal>,
    missing: Option<Vec<String>>,
    /// How many broken rows are left out; only of a folder.
    pub skip_bad_rows: Option<usize>,
}

/// The separator of values in a multi-valued cell; never empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Separator(String);

/// What stands between the cells of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Delimiter(String);

/// What stands before a number's fraction.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
enum Decimal {
    #[serde(rename = ".")]
    Point,
    #[serde(rename = ",")]
    Comma,
}

/// How one file is written.
#[derive(Clone, Debug)]
pub(super) struct Format {
    /// What separates the values of a `multi` cell.
    pub separator: String,
    /// What separates cells.
    pub delimiter: String,
    /// Whether the first row has the columns' names.
    pub header: bool,
    /// Whether double quotes hold cells with delimiters and line ends in them.
    pub quotes: bool,
    /// Whether a comma, not a point, stands before a number's fraction.
    pub decimal_comma: bool,
    /// The words for a missing value, sorted; the empty cell always is one.
    pub missing: Vec<String>,
}

impl FormatSettings {
    /// The format of `file`, whose own settings are `of_file`.
    pub fn of_file(&self, file: &str, of_file: &Self) -> Format {
        fn first<T: Clone>(own: &Option<T>, common: &Option<T>) -> Option<T> {
            own.as_ref().or(common.as_ref()).cloned()
        }
        let delimiter = first(&of_file.delimiter, &self.delimiter);
        let delimiter = delimiter.map_or_else(|| usual_delimiter(file).into(), |text| text.0);
        let missing = first(&of_file.missing, &self.missing);
        Format {
            separator: first(&of_file.separator, &self.separator)
                .map_or_else(|| "|".into(), |separator| separator.0),
            header: first(&of_file.header, &self.header).unwrap_or(true),
            // MovieLens' files have quotes in titles that mean nothing.
            quotes: first(&of_file.quotes, &self.quotes).unwrap_or(delimiter.len() == 1),
            decimal_comma: first(&of_file.decimal, &self.decimal) == Some(Decimal::Comma),
            missing: missing.map_or_else(Format::usual_missing, sorted),
            delimiter,
        }
    }
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort_unstable();
    words
}

/// The delimiter that a file's name speaks for.
pub(super) fn usual_delimiter(file: &str) -> &'static str {
    let name = file.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    let extension = Path::new(plain).extension().and_then(|extension| extension.to_str());
    match extension {
        Some("tsv" | "tab") => "\t",
        _ => ",",
    }
}

impl Format {
    /// A file with this delimiter, in which no word stands for a missing value.
    pub fn plain(delimiter: &str, header: bool, quotes: bool) -> Self {
        Self {
            separator: "|".into(),
            delimiter: delimiter.into(),
            header,
            quotes,
            decimal_comma: false,
            missing: Vec::new(),
        }
    }

    /// The words for a missing value of a folder that does not name them.
    pub fn usual_missing() -> Vec<String> {
        sorted(MISSING.map(String::from).to_vec())
    }

    /// Whether a cell, or one of the values in it, is missing.
    pub fn is_missing(&self, value: &[u8]) -> bool {
        let find = || self.missing.binary_search_by(|word| word.as_bytes().cmp(value));
        value.is_empty() || find().is_ok()
    }
}

impl TryFrom<String> for Separator {
    type Error = &'static str;

    fn try_from(separator: String) -> Result<Self, &'static str> {
        if separator.is_empty() {
            return Err("separator \"\" is empty; a text such as \"|\" is expected");
        }
        Ok(Self(separator))
    }
}

impl TryFrom<String> for Delimiter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let no = |c: char| matches!(c, '"' | '\n' | '\r');
        if text.is_empty() || text.contains(no) {
            return Err(format!(
                "delimiter \"{}\" cannot separate cells; a text such as \",\", \";\", \"\\t\", \
                 \"|\" or \"::\" is expected",
                text.escape_debug()
            ));
        }
        Ok(Self(text))
    }
}
