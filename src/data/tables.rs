//! Where the tables of a data set come from.

use std::path::{Path, PathBuf};

use super::format::Format;
use super::rows::{CsvRows, Open, Rows, read_text};
use crate::{Place, Result};

/// The tables that settings name.
pub(super) trait Tables {
    /// One of them, row by row.
    fn rows(&self, file: &str, format: Format) -> Result<impl Rows>;

    /// The ids that one of them lists, each with its place.
    fn ids(&self, file: &str) -> Result<Vec<(Place, String)>>;

    /// Its path, or its name.
    fn path(&self, file: &str) -> PathBuf;
}

/// The files of a data folder.
pub(super) struct Files<'a> {
    pub folder: &'a Path,
    pub open: Open<'a>,
}

impl Tables for Files<'_> {
    fn rows(&self, file: &str, format: Format) -> Result<impl Rows> {
        CsvRows::open(self.open, self.path(file), format)
    }

    fn ids(&self, file: &str) -> Result<Vec<(Place, String)>> {
        let text = read_text(self.open, &self.path(file))?;
        let lines = (1..).map(Place::Line).zip(text.lines().map(|id| id.trim().to_owned()));
        Ok(lines.filter(|(_, id)| !id.is_empty()).collect())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }
}
