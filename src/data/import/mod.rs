//! Data folders from other people's files.

mod amazon;
mod lastfm;
mod movielens;
mod movielens_csv;

use std::io::{BufRead, BufReader};
use std::path::Path;

pub use amazon::import_amazon;
pub use lastfm::import_lastfm;
pub use movielens::import_movielens;

use super::faults::BadRows;
use super::rows::shown;
use super::settings::TaskRules;
use super::source;
use crate::{Error, Place, Result};

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// The name of the data, such as `MovieLens 1M`.
    pub name: String,
    /// How many users there are.
    pub users: usize,
    /// How many items there are.
    pub items: usize,
    /// How many ratings, or rows of interactions, there are.
    pub ratings: usize,
    /// Movies whose year is not known; 0 for other data.
    pub items_without_year: usize,
    /// Broken rows that were left out.
    pub bad_rows: Vec<BadRows>,
}

impl ImportReport {
    /// Notes on what was left out, one sentence each, for people.
    pub fn notes(&self) -> Vec<String> {
        self.bad_rows.iter().map(BadRows::note).collect()
    }
}

/// The end of a `dataset.toml`: a fifth of the users are new, and tasks fit the users.
fn split_and_tasks(rules: Option<TaskRules>) -> String {
    let tasks = rules.map(|TaskRules { min_ratings, max_ratings, query }| {
        format!(
            "\n[tasks]\nmin_ratings = {min_ratings}\nmax_ratings = {max_ratings}\nquery = {query}\n"
        )
    });
    format!(
        "\n[format]\n# An id or a name may be a word such as \"None\".\nmissing = []\n\n\
         [split]\nnew_users = {{ fraction = 0.2, seed = 0 }}\n{}",
        tasks.unwrap_or_default()
    )
}

/// Passes each line that is not empty to `take`, which returns the problem with the line, or
/// the result of writing it.
fn each_line(
    path: &Path,
    latin: bool,
    mut take: impl FnMut(&str) -> Result<Result<()>, String>,
) -> Result<()> {
    let data_error = |line: Option<u64>, problem| Error::Data {
        file: path.into(),
        place: line.map(Place::Line),
        column: None,
        problem,
    };
    let mut file = BufReader::new(source::open(path)?);
    let (mut bytes, mut number, mut empty) = (Vec::new(), 0, true);
    loop {
        bytes.clear();
        if file.read_until(b'\n', &mut bytes).map_err(Error::io("read", path))? == 0 {
            break;
        }
        number += 1;
        let line = bytes.trim_ascii_end();
        if line.is_empty() {
            continue;
        }
        empty = false;
        let wrong = |line: &[u8], problem: &str| {
            data_error(Some(number), format!("\"{}\": {problem}", shown(line)))
        };
        let line = match latin {
            // Each byte is the character of the same number.
            true => line.iter().copied().map(char::from).collect(),
            false => match std::str::from_utf8(line) {
                Ok(text) => text.to_owned(),
                Err(_) => return Err(wrong(line, "is not UTF-8")),
            },
        };
        take(&line).map_err(|problem| wrong(line.as_bytes(), &problem))??;
    }
    if empty {
        return Err(data_error(None, "is empty; at least one line is expected".into()));
    }
    Ok(())
}
