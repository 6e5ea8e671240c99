//! A data folder as a whole.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::feedback::Feedback;
use super::ratings::{Log, Rating, read_log};
use super::rows::{Open, read_text, whole_file};
use super::settings::{LogKind, Newcomers, Settings, SplitSettings, TableSettings, TaskRules};
use super::split::new_rows;
use super::table::Table;
use crate::model::schema::Entity;
use crate::{Error, Result};

/// A data folder's content.
///
/// May be used from any number of threads at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The name of the data set.
    pub name: String,
    /// All users.
    pub users: Table,
    /// All items.
    pub items: Table,
    /// All ratings or interactions, sorted by user and then item; each pair occurs once.
    pub ratings: Vec<Rating>,
    /// How they show what users like.
    pub feedback: Feedback,
    /// For each user, whether training must not see it.
    pub new_users: Vec<bool>,
    /// For each item, whether training must not see it.
    pub new_items: Vec<bool>,
    /// Each user's number in the column that decides which users are new, if there is one.
    pub(super) user_numbers: Vec<Option<f64>>,
    /// Each item's number in the column that decides which items are new, if there is one.
    pub(super) item_numbers: Vec<Option<f64>>,
    /// Which users make a task.
    pub rules: TaskRules,
    /// The seed of the split, if this is the training part of a data folder, split anew. See
    /// [`Dataset::inside`].
    pub inside: Option<u64>,
    /// How much was read, and how much was left out.
    pub report: LoadReport,
}

/// How much was read, and how much was left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadReport {
    /// Rows of the file of ratings or interactions.
    pub rows_read: usize,
    /// Rows with the same user and item as another row. A later rating replaces an earlier
    /// one; strengths of interactions add up.
    pub duplicates: usize,
    /// The value of all ratings, if they have only one. They are then treated as
    /// positive-only interactions, and [`Rating::value`] is 1.
    pub alike: Option<f32>,
}

impl Dataset {
    /// Reads a data folder: its `dataset.toml` and all files named there.
    ///
    /// White space around a cell, a byte order mark and the kind of line ending do not
    /// matter. An empty cell of a field is a missing value.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read. [`Error::Data`] for one
    /// that breaks the format, with the line, column and value: keys unknown to
    /// `dataset.toml`, columns that are not there, rows of the wrong length, ids
    /// that are empty, repeated or unknown, numbers that are not finite, strengths
    /// that are not above 0, and a `liked` that is not within the ratings.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::read(folder, &|path| {
            let file = File::open(path).map_err(Error::io("read", path))?;
            Ok(Box::new(file) as Box<dyn Read>)
        })
    }

    /// Reads a data folder from files that `open` provides.
    pub(super) fn read(folder: &Path, open: Open<'_>) -> Result<Self> {
        let settings_path = folder.join("dataset.toml");
        let settings = Settings::parse(&settings_path, &read_text(open, &settings_path)?)?;
        let read_table = |table: &Option<TableSettings>, newcomers: &Option<Newcomers>| {
            let Some(table) = table else { return Ok((None, Vec::new())) };
            let numbers = match newcomers {
                Some(Newcomers::From { column, .. }) => Some(column.as_str()),
                _ => None,
            };
            let path = folder.join(&table.file);
            let separator = &settings.format.separator.0;
            let (table, numbers) = Table::read(open, path, table, separator, numbers)?;
            Ok::<_, Error>((Some(table), numbers))
        };
        let SplitSettings { new_users, new_items } = &settings.split;
        let (users, user_numbers) = read_table(&settings.users, new_users)?;
        let (items, item_numbers) = read_table(&settings.items, new_items)?;
        let path = folder.join(&settings.log.file);
        let Log { users, items, mut ratings, rows } =
            read_log(open, path, &settings.log, users, items)?;
        let new_users =
            new_rows(open, folder, Entity::User, new_users.as_ref(), &users, &user_numbers)?;
        let new_items =
            new_rows(open, folder, Entity::Item, new_items.as_ref(), &items, &item_numbers)?;

        let mut report =
            LoadReport { rows_read: rows, duplicates: rows - ratings.len(), alike: None };
        let feedback = match settings.log.kind {
            LogKind::Interactions => Feedback::PositiveOnly,
            LogKind::Ratings { liked } => {
                let seen = |rating: &Rating| {
                    !new_users[rating.user as usize] && !new_items[rating.item as usize]
                };
                let feedback = Feedback::of(&ratings, seen, liked);
                let feedback = feedback.map_err(|problem| whole_file(&settings_path, problem))?;
                if feedback == Feedback::PositiveOnly {
                    report.alike = ratings.first().map(|rating| rating.value);
                    ratings.iter_mut().for_each(|rating| rating.value = 1.0);
                }
                feedback
            }
        };
        Ok(Self {
            name: settings.name,
            users,
            items,
            ratings,
            feedback,
            new_users,
            new_items,
            user_numbers,
            item_numbers,
            rules: settings.tasks,
            inside: None,
            report,
        })
    }

    /// Notes on the interactions, one sentence each, for people: how they were understood,
    /// and what was left out.
    pub fn notes(&self) -> Vec<String> {
        let LoadReport { duplicates, alike, .. } = self.report;
        let mut notes = Vec::new();
        match (self.feedback, alike) {
            (Feedback::Ratings { liked }, _) => {
                notes.push(format!("a rating of {liked} or more counts as liked"));
            }
            (Feedback::PositiveOnly, Some(value)) => notes.push(format!(
                "all ratings are {value}: they are treated as positive-only interactions, which \
                 say what was chosen and nothing about what was not"
            )),
            (Feedback::PositiveOnly, None) => {}
        }
        match self.feedback {
            _ if duplicates == 0 => {}
            Feedback::PositiveOnly if alike.is_none() => notes.push(format!(
                "{duplicates} interactions repeat earlier ones of the same user and item, and \
                 count as one together with them"
            )),
            _ => notes
                .push(format!("{duplicates} ratings were replaced by later ones of the same item")),
        }
        notes
    }
}
