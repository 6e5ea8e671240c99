//! A data folder as a whole.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::feedback::Feedback;
use super::ratings::{Rating, read_ratings};
use super::rows::{Open, read_text};
use super::settings::{Newcomers, Settings, SplitSettings, TableSettings, TaskRules};
use super::split::new_rows;
use super::table::Table;
use crate::schema::Entity;
use crate::{Error, Result};

/// A data folder's content.
///
/// May be used from any number of threads at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What the data set is called.
    pub name: String,
    /// All users.
    pub users: Table,
    /// All items.
    pub items: Table,
    /// All ratings, sorted by user and then item; each pair occurs once.
    pub ratings: Vec<Rating>,
    /// What the ratings say of what users like.
    pub feedback: Feedback,
    /// For each user, whether training must not see it.
    pub new_users: Vec<bool>,
    /// For each item, whether training must not see it.
    pub new_items: Vec<bool>,
    /// Each user's number in the column that tells new users, if one does.
    pub(super) user_numbers: Vec<Option<f64>>,
    /// Each item's number in the column that tells new items, if one does.
    pub(super) item_numbers: Vec<Option<f64>>,
    /// Which users make a task.
    pub rules: TaskRules,
    /// Where this is the training part of a data folder, split anew: that
    /// split's seed. See [`Dataset::inside`].
    pub inside: Option<u64>,
    /// What was read, and what was left out.
    pub report: LoadReport,
}

/// What was read, and what was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// Rows of the ratings file.
    pub ratings_read: usize,
    /// Ratings that a later one, of the same item by the same user, replaced.
    pub duplicates_replaced: usize,
}

impl Dataset {
    /// Reads a data folder: its `dataset.toml` and all files named there.
    ///
    /// White space around a cell, a byte order mark and the kind of line ends
    /// do not matter. An empty cell of a field is a missing value.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read. [`Error::Data`] for one
    /// that breaks the format, with the line, column and value: keys unknown to
    /// `dataset.toml`, columns that are not there, rows of the wrong length, ids
    /// that are empty, repeated or unknown, and numbers that are not finite.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::read(folder, &|path| {
            let file = File::open(path).map_err(Error::io("read", path))?;
            Ok(Box::new(file) as Box<dyn Read>)
        })
    }

    /// The same with files that `open` provides.
    pub(super) fn read(folder: &Path, open: Open<'_>) -> Result<Self> {
        let path = folder.join("dataset.toml");
        let settings = Settings::parse(&path, &read_text(open, &path)?)?;
        let read_table = |entity, table: &TableSettings, newcomers: Option<&Newcomers>| {
            let numbers = match newcomers {
                Some(Newcomers::From { column, .. }) => Some(column.as_str()),
                _ => None,
            };
            let path = folder.join(&table.file);
            let separator = &settings.format.separator.0;
            let (table, numbers) = Table::read(open, path, table, separator, numbers)?;
            let new = new_rows(open, folder, entity, newcomers, &table, &numbers)?;
            Ok::<_, Error>((table, new, numbers))
        };
        let SplitSettings { new_users, new_items } = &settings.split;
        let (users, new_users, user_numbers) =
            read_table(Entity::User, &settings.users, new_users.as_ref())?;
        let (items, new_items, item_numbers) =
            read_table(Entity::Item, &settings.items, new_items.as_ref())?;
        let path = folder.join(&settings.ratings.file);
        let (ratings, ratings_read) = read_ratings(open, path, &settings.ratings, &users, &items)?;
        let report = LoadReport { ratings_read, duplicates_replaced: ratings_read - ratings.len() };
        Ok(Self {
            name: settings.name,
            users,
            items,
            feedback: Feedback::of(&ratings),
            ratings,
            new_users,
            new_items,
            user_numbers,
            item_numbers,
            rules: settings.tasks,
            inside: None,
            report,
        })
    }
}
