//! Broken rows: counted, left out if so many may be, and reported.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::rows::Rows;
use crate::{Error, Place, Result};

/// Why a row is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Cells,
    Encoding,
    EmptyId,
    RepeatedId,
    Kind,
    UnknownUser,
    UnknownItem,
    Number,
    Value,
    Strength,
    Time,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::Cells => "with another number of cells",
            Self::Encoding => "not in UTF-8",
            Self::EmptyId => "with an empty id",
            Self::RepeatedId => "with the id of an earlier row",
            Self::Kind => "with a value of another kind",
            Self::UnknownUser => "of an unknown user",
            Self::UnknownItem => "of an unknown item",
            Self::Number => "with a number that is none",
            Self::Value => "with a value that is none",
            Self::Strength => "with a strength that is not above 0",
            Self::Time => "with a time that is none",
        }
    }
}

/// The problem with one row.
#[derive(Debug)]
pub(super) struct Fault {
    pub reason: Reason,
    /// The place of the column, if one cell is wrong.
    pub column: Option<usize>,
    /// The value, and the expected one.
    pub problem: String,
}

/// Broken rows of one file or table that were left out for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRows {
    /// The file, or the table's name.
    pub file: PathBuf,
    /// Their kind, to be read after their number, such as `of an unknown item`.
    pub reason: &'static str,
    /// How many there are. A row of several lines with another number of cells counts once for
    /// each line, so that a quote that is not closed cannot hide many rows.
    pub rows: usize,
    /// The place of the first.
    pub place: Option<Place>,
    /// The name of the column with the problem, if it is in one column.
    pub column: Option<String>,
    /// The problem with the first, with its value and the expected one.
    pub problem: String,
}

/// All broken rows of a folder.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub kinds: Vec<(Reason, BadRows)>,
    /// Rows that are sound, and left out because their user or item is.
    pub orphans: usize,
}

/// The ids of rows that are left out of a table.
pub(super) type LeftOut = HashSet<Box<[u8]>>;

impl Faults {
    /// Notes that the row is broken. The line is counted for the first of each kind only.
    pub fn add(&mut self, rows: &impl Rows, fault: Fault) {
        let Fault { reason, column, problem } = fault;
        let lines = if reason == Reason::Cells { rows.lines_of_row() } else { 1 };
        self.add_at(reason, rows.path(), lines, problem, || {
            (rows.place(), column.map(|column| rows.column_name(column)))
        });
    }

    /// Notes a broken row of `lines` lines, whose `place` is asked for if it is the first of
    /// its kind.
    pub fn add_at(
        &mut self,
        reason: Reason,
        file: &Path,
        lines: usize,
        problem: String,
        place: impl FnOnce() -> (Option<Place>, Option<String>),
    ) {
        let known = |kind: &&mut (Reason, BadRows)| kind.0 == reason && kind.1.file == file;
        if let Some((_, kind)) = self.kinds.iter_mut().find(known) {
            kind.rows += lines;
            return;
        }
        let (place, column) = place();
        let (file, name) = (file.to_owned(), reason.name());
        let kind = BadRows { file, reason: name, rows: lines, place, column, problem };
        self.kinds.push((reason, kind));
    }

    /// How many rows are broken.
    pub fn count(&self) -> usize {
        self.kinds.iter().map(|(_, kind)| kind.rows).sum()
    }

    /// The broken rows, if they are no more than those that may be left out.
    ///
    /// # Errors
    /// [`Error::Data`] about the first of them, with the number of each kind.
    pub fn within(self, allowed: usize) -> Result<Vec<BadRows>> {
        match self.count() > allowed {
            true => Err(self.error(allowed)),
            false => Ok(self.kinds.into_iter().map(|(_, kind)| kind).collect()),
        }
    }

    /// The refusal of all rows.
    pub fn error(self, allowed: usize) -> Error {
        let count = self.count();
        let mut kinds = self.kinds.into_iter().map(|(_, kind)| kind);
        let Some(first) = kinds.next() else {
            return Error::argument("faults", "there are none");
        };
        let mut problem = first.problem;
        let others: Vec<BadRows> = kinds.collect();
        if count == 1 {
            problem.push_str(". Leave this row out by `skip_bad_rows = 1`");
        } else {
            problem.push_str(&format!(
                ". {count} rows are broken: {} {} in {}",
                first.rows,
                first.reason,
                name(&first.file)
            ));
            for kind in &others {
                let place = kind.place.map(|place| format!(", {place}")).unwrap_or_default();
                let column = kind.column.as_ref().map(|name| format!(", column \"{name}\""));
                problem.push_str(&format!(
                    "; {} {} (first: {}{place}{}: {})",
                    kind.rows,
                    kind.reason,
                    name(&kind.file),
                    column.unwrap_or_default(),
                    kind.problem
                ));
            }
            problem.push_str(&format!(". Leave them out by `skip_bad_rows = {count}`"));
        }
        // Tables in memory have neither a file of settings nor a command line.
        if !matches!(first.place, Some(Place::Row(_))) {
            problem.push_str(&format!(" in [format] or --skip-bad-rows {count}"));
        }
        if allowed > 0 {
            problem.push_str(&format!(", instead of {allowed}"));
        }
        Error::Data { file: first.file, place: first.place, column: first.column, problem }
    }
}

impl BadRows {
    /// A sentence for people.
    pub(super) fn note(&self) -> String {
        let Self { file, reason, rows, place, column, problem } = self;
        let (noun, were) = if *rows == 1 { ("row", "was") } else { ("rows", "were") };
        let place = place.map(|place| format!(", {place}")).unwrap_or_default();
        let column = column.as_ref().map(|name| format!(", column \"{name}\""));
        format!(
            "{rows} {noun} {reason} {were} left out; the first: {}{place}{}: {problem}",
            name(file),
            column.unwrap_or_default()
        )
    }
}

fn name(file: &Path) -> std::path::Display<'_> {
    file.file_name().map_or(file, Path::new).display()
}
