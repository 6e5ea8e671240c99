//! Output for people: lines on standard output, tables, progress on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use melu::data::Dataset;
use serde::Serialize;

/// The seed of every split inside a training part: there is only one split, so that training
/// and evaluation agree.
const INSIDE: u64 = 0;

/// A data folder, or the split inside its training part.
pub fn open(folder: &Path, inside: bool) -> melu::Result<Dataset> {
    let dataset = Dataset::open(folder)?;
    Ok(if inside { dataset.inside(INSIDE) } else { dataset })
}

/// The name of the data.
pub fn name(dataset: &Dataset) -> String {
    match dataset.inside {
        None => dataset.name.clone(),
        Some(_) => format!("inside the training part of {}", dataset.name),
    }
}

/// Prints a line on standard output.
pub fn print(line: impl Display) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}

/// Prints a value as one line of JSON on standard output.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string(value)?)
}

/// Whether printing failed because the reader has closed the output.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints a line about what is being done on standard error.
pub fn note(line: impl Display) {
    // If the message cannot be printed, nothing else can be done.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A table with a header; `right` says which columns hold numbers.
pub fn table(header: &[&str], right: impl Fn(usize) -> bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for (index, column) in table.column_iter_mut().enumerate() {
        if right(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Prints a table on standard output, and an empty line after it.
pub fn print_table(table: &Table) -> Result<()> {
    print(format_args!("{}\n", table.trim_fmt()))
}

/// A progress bar on standard error, shown if that is a terminal, and cleared when dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar that begins empty.
    pub fn new(work: &'static str) -> Self {
        let bar = ProgressBar::new(0);
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

impl Drop for Progress {
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
