//! Output for people: lines on standard output, tables, progress on standard error.

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Result, bail};
use comfy_table::{CellAlignment, presets};
use indicatif::ProgressStyle;
use melu::data::Dataset;
use melu::model::file;
use melu::{Model, printable};
use serde::Serialize;

/// A model; if it is something else, the message says what.
pub fn model(path: &Path) -> Result<Model> {
    if path.join("dataset.toml").is_file() {
        bail!(
            "{0} is a data folder; a weight file is expected, such as melu train {0} -o MODEL \
             writes",
            path.display()
        );
    }
    if path.is_dir() {
        bail!("{} is a folder; a weight file is expected, as melu train writes it", path.display());
    }
    Model::open(path).or_else(|error| match looks_like(path) {
        Some(kind) => bail!(
            "{} is {kind}; a weight file is expected, as melu train writes it",
            path.display()
        ),
        None => Err(error.into()),
    })
}

/// What a file that is no weight file seems to be.
fn looks_like(path: &Path) -> Option<&'static str> {
    let mut start = Vec::new();
    file::open_regular("open", path).ok()?.take(512).read_to_end(&mut start).ok()?;
    let text = match std::str::from_utf8(&start) {
        Ok(text) => text,
        // The last character may be cut.
        Err(error) if start.len() - error.valid_up_to() < 4 => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) if start.starts_with(&[0x1f, 0x8b]) => return Some("a compressed file"),
        Err(_) => return None,
    };
    let first = text.lines().next().unwrap_or_default();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        _ if text.is_empty() => Some("empty"),
        _ if text.contains('\0') => None,
        "toml" => Some("a settings file"),
        "csv" | "tsv" | "dat" => Some("a table"),
        _ if [',', ';', '\t', '|'].iter().any(|c| first.matches(*c).count() > 1) => Some("a table"),
        _ => Some("a text file"),
    }
}

/// The name of the data.
pub fn name(dataset: &Dataset) -> String {
    match dataset.inside {
        None => printable(&dataset.name).into_owned(),
        Some(_) => format!("inside the training part of {}", printable(&dataset.name)),
    }
}

/// Prints a line or some on standard output; nothing in it commands the terminal.
pub fn print(line: impl Display) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", lines(&line.to_string()))?)
}

/// Text whose line breaks are its own.
fn lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Prints a value as one line of JSON on standard output.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", serde_json::to_string(value)?)?)
}

/// Whether printing failed because the reader has closed the output.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints a line about what is being done on standard error.
pub fn note(line: impl Display) {
    // If the message cannot be printed, nothing else can be done.
    let _ = writeln!(io::stderr().lock(), "{}", lines(&line.to_string()));
}

/// A table for people.
pub struct TextTable(comfy_table::Table);

impl TextTable {
    /// Adds a row; control characters and line breaks of its cells are shown escaped.
    pub fn add_row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.0.add_row(cells.into_iter().map(|cell| printable(cell.as_ref()).into_owned()));
    }
}

/// A table with a header; `right` says which columns hold numbers.
pub fn table(header: &[&str], right: impl Fn(usize) -> bool) -> TextTable {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for (index, column) in table.column_iter_mut().enumerate() {
        if right(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    TextTable(table)
}

/// Prints a table on standard output, and an empty line after it.
pub fn print_table(table: &TextTable) -> Result<()> {
    print(format_args!("{}\n", table.0.trim_fmt()))
}

/// A progress bar on standard error, shown if that is a terminal, and cleared when dropped.
pub struct ProgressBar(indicatif::ProgressBar);

impl ProgressBar {
    /// A bar that begins empty.
    pub fn new(work: &'static str) -> Self {
        let bar = indicatif::ProgressBar::new(0);
        let style =
            ProgressStyle::with_template("{prefix} {wide_bar} {percent}% {msg}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(work);
        Self(bar)
    }

    /// Shows that `done` of `of` are done.
    pub fn set(&mut self, done: usize, of: usize, message: impl Into<String>) {
        self.0.set_length(of as u64);
        self.0.set_message(message.into());
        self.0.set_position(done as u64);
    }

    /// Prints a line on standard error, above the bar.
    pub fn note(&self, line: impl Display) {
        self.0.suspend(|| note(line));
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A duration for people.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
    }
}
