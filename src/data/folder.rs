//! A data folder as a whole.

use std::path::Path;

use super::by_time::Timeline;
use super::faults::{BadRows, Faults, LeftOut};
use super::feedback::Feedback;
use super::ratings::{Log, Rating, read_log};
use super::rows::{Open, read_text, whole_file};
use super::settings::{LogKind, Newcomers, Settings, SplitSettings, TableSettings, TaskRules};
use super::source;
use super::split::{Candidates, new_rows};
use super::table::{Table, TableRead};
use super::tables::{Files, Tables};
use crate::model::schema::Entity;
use crate::{Error, Result};

/// Users, items, and what users did with items: a data folder's content, or tables in memory.
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
    /// All ratings or interactions, sorted by user and then item; each pair occurs once. Of a
    /// split by time, only those from before it, which training sees: see
    /// [`Dataset::boundary`].
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
    /// The rows that a split by time divides, if there is one.
    pub(super) timeline: Option<Timeline>,
    /// Which users make a task.
    pub rules: TaskRules,
    /// The seed of the split, if this is the training part of a data folder, split anew. See
    /// [`Dataset::inside`].
    pub inside: Option<u64>,
    /// How much was read, and how much was left out.
    pub report: LoadReport,
}

/// How much was read, and how much was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadReport {
    /// Rows of ratings or interactions, without those that were left out.
    pub rows_read: usize,
    /// Rows with the same user and item as another row, on the same side of a split by time.
    /// A later rating replaces an earlier one; strengths of interactions add up.
    pub duplicates: usize,
    /// The value of all ratings, if they have only one; of a split by time, of those from before
    /// it. They are then treated as positive-only interactions, and [`Rating::value`] is 1.
    pub alike: Option<f32>,
    /// Broken rows that were left out, of all files, by file and reason.
    pub bad_rows: Vec<BadRows>,
    /// Ratings or interactions that were left out because the row of their user or item was.
    pub orphans: usize,
}

/// How a data folder is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// How many broken rows may be left out, of all files together; `None` for as many as
    /// `dataset.toml` allows, by default none.
    pub skip_bad_rows: Option<usize>,
}

impl Dataset {
    /// Reads a data folder: its `dataset.toml` and all files named there.
    ///
    /// White space around a cell, a byte order mark and the kind of line ending do not
    /// matter. An empty cell of a field is a missing value. Files may be compressed by gzip or
    /// Zstandard.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read. [`Error::Data`] for one
    /// that breaks the format, with the line, column and value: keys unknown to
    /// `dataset.toml`, columns that are not there, rows of the wrong length, ids
    /// that are empty, repeated or unknown, numbers that are not finite, strengths
    /// that are not above 0, and a `liked` that is not within the ratings. Of broken rows it
    /// has the number of each kind.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with(folder, &OpenOptions::default())
    }

    /// Reads a data folder as [`Dataset::open`] does, with options.
    ///
    /// # Errors
    /// As [`Dataset::open`], and not for as many broken rows as may be left out.
    pub fn open_with(folder: &Path, options: &OpenOptions) -> Result<Self> {
        Self::read(folder, options, &source::open)
    }

    /// Reads a data folder from files that `open` provides.
    pub(super) fn read(folder: &Path, options: &OpenOptions, open: Open<'_>) -> Result<Self> {
        let settings = folder.join("dataset.toml");
        let text = read_text(open, &settings)?;
        Self::from_tables(&settings, &text, &Files { folder, open }, options)
    }

    /// Makes a data set of tables, by the text of settings at a path.
    pub(super) fn from_tables(
        settings_path: &Path,
        settings: &str,
        tables: &impl Tables,
        options: &OpenOptions,
    ) -> Result<Self> {
        let settings = Settings::parse(settings_path, settings)?;
        let mut faults = Faults::default();
        let mut read_table = |table: &Option<TableSettings>, newcomers: &Option<Newcomers>| {
            let Some(table) = table else { return Ok((None, LeftOut::new(), Vec::new())) };
            let numbers = match newcomers {
                Some(Newcomers::From { column, .. }) => Some(column),
                _ => None,
            };
            let rows = tables.rows(&table.file, settings.format_of_table(table))?;
            let read = Table::read(rows, table, numbers, &mut faults)?;
            let TableRead { table, numbers, left_out } = read;
            Ok::<_, Error>((Some(table), left_out, numbers))
        };
        let SplitSettings { new_users, new_items, after } = &settings.split;
        let (users, users_out, user_numbers) = read_table(&settings.users, new_users)?;
        let (items, items_out, item_numbers) = read_table(&settings.items, new_items)?;
        let log = tables.rows(&settings.log.file, settings.format_of_log())?;
        let known = [(users, users_out.clone()), (items, items_out.clone())];
        let keep_times = after.is_some();
        let Log { users, items, mut ratings, rows, dated } =
            read_log(log, &settings.log, known, keep_times, &mut faults)?;
        let mut duplicates = rows - ratings.len();
        let mut new_of = |rule: &Option<_>, candidates: &Candidates<'_>| {
            new_rows(tables, rule.as_ref(), candidates, &mut faults)
        };
        let (table, numbers, left_out) = (&users, &user_numbers[..], &users_out);
        let candidates = Candidates { entity: Entity::User, table, numbers, left_out };
        let mut new_users = new_of(new_users, &candidates)?;
        let (table, numbers, left_out) = (&items, &item_numbers[..], &items_out);
        let candidates = Candidates { entity: Entity::Item, table, numbers, left_out };
        let mut new_items = new_of(new_items, &candidates)?;
        let allowed = options.skip_bad_rows.or(settings.format.skip_bad_rows).unwrap_or(0);
        let orphans = faults.orphans;
        let bad_rows = faults.within(allowed)?;
        let mut timeline = match dated.zip(after.as_ref()) {
            Some((log, after)) => Some(
                Timeline::new(log, after).map_err(|problem| whole_file(settings_path, problem))?,
            ),
            None => None,
        };
        if let Some(timeline) = &timeline {
            ratings = timeline.earlier();
            let ([earlier, later], repeated) = timeline.sides(items.len());
            duplicates = rows - earlier.interactions - later.interactions - repeated;
            [new_users, new_items] = timeline.new_rows(users.len(), items.len());
        }

        let mut report = LoadReport { rows_read: rows, duplicates, alike: None, bad_rows, orphans };
        let feedback = match settings.log.kind {
            LogKind::Interactions => Feedback::PositiveOnly,
            LogKind::Ratings { liked } => {
                let seen = |rating: &Rating| {
                    !new_users[rating.user as usize] && !new_items[rating.item as usize]
                };
                let feedback = Feedback::of(&ratings, seen, liked);
                let feedback = feedback.map_err(|problem| whole_file(settings_path, problem))?;
                if feedback == Feedback::PositiveOnly {
                    report.alike = ratings.first().map(|rating| rating.value);
                    ratings.iter_mut().for_each(|rating| rating.value = 1.0);
                    timeline.iter_mut().for_each(|timeline| timeline.set_values(1.0));
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
            timeline,
            rules: settings.tasks,
            inside: None,
            report,
        })
    }

    /// Notes on the interactions, one sentence each, for people: how they were understood,
    /// and what was left out.
    pub fn notes(&self) -> Vec<String> {
        let &LoadReport { duplicates, alike, ref bad_rows, orphans, .. } = &self.report;
        let mut notes: Vec<String> = bad_rows.iter().map(BadRows::note).collect();
        notes.extend(self.notes_on_time());
        if orphans > 0 {
            notes.push(format!(
                "{orphans} {} of users or items whose rows were left out were left out too",
                self.feedback.noun()
            ));
        }
        match (self.feedback, alike) {
            (Feedback::Ratings { liked }, _) => {
                notes.push(format!("a rating of {liked} or more counts as liked"));
            }
            (Feedback::PositiveOnly, Some(value)) => notes.push(format!(
                "all ratings{} are {value}: they are treated as positive-only interactions, which \
                 say what was chosen and nothing about what was not",
                if self.timeline.is_some() { " that training sees" } else { "" }
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
        if matches!(self.feedback, Feedback::Ratings { .. }) {
            notes.extend(self.notes_on_tasks());
        }
        notes
    }

    /// Which users have fewer or more ratings of existing items than make a task.
    fn notes_on_tasks(&self) -> Vec<String> {
        let TaskRules { min_ratings, max_ratings, query } = self.rules;
        let mut counts = vec![0_usize; self.users.len()];
        for rating in &self.ratings {
            let is_new = self.new_items.get(rating.item as usize).copied().unwrap_or(false);
            if let Some(count) = counts.get_mut(rating.user as usize).filter(|_| !is_new) {
                *count += 1;
            }
        }
        // Training sees nothing of the new users of a split by time.
        let existing = if self.timeline.is_some() { "existing " } else { "" };
        let mut new_users = self.new_users.iter();
        counts.retain(|_| new_users.next() != Some(&true) || existing.is_empty());
        let all = counts.len();
        let light = counts.iter().filter(|&&count| count < min_ratings).count();
        let heavy = counts.iter().filter(|&&count| count > max_ratings).count();
        let mut notes = Vec::new();
        if light > 0 {
            notes.push(format!(
                "{light} of {all} {existing}users have fewer than {min_ratings} ratings of existing items, \
                 too few to predict {query} of them (see [tasks]): training learns about items \
                 from such users too"
            ));
        }
        if heavy > 0 {
            notes.push(format!(
                "{heavy} of {all} {existing}users have more than {max_ratings} ratings of existing items: \
                 of theirs, {max_ratings} drawn at random make a task (see [tasks])"
            ));
        }
        notes
    }
}
