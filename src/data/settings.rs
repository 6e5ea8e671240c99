//! `dataset.toml`: the names of a data folder's files and columns, and its split.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::format::{ColumnName, Format, FormatSettings};
use super::rows::{shown, whole_file};
use super::times::{self, Time};
use crate::{Error, Place, Result};

/// The settings in `dataset.toml`.
#[derive(Debug)]
pub(super) struct Settings {
    pub name: String,
    pub users: Option<TableSettings>,
    pub items: Option<TableSettings>,
    pub log: LogSettings,
    pub format: FormatSettings,
    pub split: SplitSettings,
    pub tasks: TaskRules,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    name: String,
    users: Option<TableSettings>,
    items: Option<TableSettings>,
    ratings: Option<RatingLog>,
    interactions: Option<InteractionLog>,
    #[serde(default)]
    format: FormatSettings,
    #[serde(default)]
    split: SplitSettings,
    #[serde(default)]
    tasks: TaskRules,
}

/// `[users]` and `[items]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableSettings {
    pub file: String,
    pub id: ColumnName,
    pub title: Option<ColumnName>,
    #[serde(default)]
    pub fields: FieldList,
    #[serde(default)]
    format: FormatSettings,
}

/// The fields of one table, each name once.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Vec<FieldSettings>")]
pub(super) struct FieldList(pub Vec<FieldSettings>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldSettings {
    pub name: String,
    #[serde(default)]
    pub kind: TableKind,
    /// The column, if it is not the one with the field's name.
    column: Option<ColumnName>,
}

impl FieldSettings {
    /// The column of the field.
    pub fn column(&self) -> ColumnName {
        self.column.clone().unwrap_or_else(|| ColumnName::Name(self.name.clone()))
    }
}

/// The kind of a column's cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// One value.
    #[default]
    One,
    /// Any number of values, joined by the folder's separator.
    Multi,
    /// A number.
    Numeric,
}

impl TableKind {
    /// `one`, `multi` or `numeric`: its name in `dataset.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Multi => "multi",
            Self::Numeric => "numeric",
        }
    }
}

/// `[ratings]` or `[interactions]`.
#[derive(Debug)]
pub(super) struct LogSettings {
    pub kind: LogKind,
    pub file: String,
    pub user: ColumnName,
    pub item: ColumnName,
    /// Always present for ratings.
    pub value: Option<ColumnName>,
    pub time: Option<ColumnName>,
    format: FormatSettings,
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LogKind {
    /// Values on a scale; and which of them say that the user likes the item, if the
    /// folder says so.
    Ratings { liked: Option<f32> },
    /// Choices, and perhaps their strengths.
    Interactions,
}

impl LogKind {
    /// The name of the log's table in `dataset.toml`.
    fn table(self) -> &'static str {
        match self {
            Self::Ratings { .. } => "ratings",
            Self::Interactions => "interactions",
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "RatingKeys")]
struct RatingLog(LogSettings);

#[derive(Deserialize)]
#[serde(from = "InteractionKeys")]
struct InteractionLog(LogSettings);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RatingKeys {
    file: String,
    user: ColumnName,
    item: ColumnName,
    value: Option<ColumnName>,
    time: Option<ColumnName>,
    #[serde(default)]
    format: FormatSettings,
    liked: Option<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InteractionKeys {
    file: String,
    user: ColumnName,
    item: ColumnName,
    value: Option<ColumnName>,
    time: Option<ColumnName>,
    #[serde(default)]
    format: FormatSettings,
}

/// `[split]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitSettings {
    pub new_users: Option<Newcomers>,
    pub new_items: Option<Newcomers>,
    pub after: Option<After>,
}

/// Where a split by time begins.
#[derive(Debug, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) enum After {
    /// At this time; and how it was written.
    Time { time: Time, written: String },
    /// So that this share of the interactions lies at or after it.
    Fraction(f64),
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { written, .. } => f.write_str(written),
            Self::Fraction(fraction) => write!(f, "{{ fraction = {fraction} }}"),
        }
    }
}

/// The rule by which users or items are new.
#[derive(Debug, Deserialize)]
#[serde(try_from = "NewcomerKeys")]
pub(super) enum Newcomers {
    /// Those whose ids the file lists.
    Listed { file: String },
    /// Those with at least this number in the column.
    From { column: ColumnName, from: f64 },
    /// A random share of all, drawn by seed.
    Fraction { fraction: f64, seed: u64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewcomerKeys {
    file: Option<String>,
    column: Option<ColumnName>,
    from: Option<f64>,
    fraction: Option<f64>,
    seed: Option<u64>,
}

/// Which users make a task within a scenario, and how large its query set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TaskKeys")]
pub struct TaskRules {
    /// The fewest ratings of a task; more than `query`.
    pub min_ratings: usize,
    /// The most ratings of a task; at least `min_ratings`. Of a user with more, so many are
    /// drawn.
    pub max_ratings: usize,
    /// Ratings in the query set, at least one; the rest is the support set.
    pub query: usize,
}

impl Default for TaskRules {
    /// The paper's: 13 to 100 ratings, 10 of them to predict.
    fn default() -> Self {
        Self { min_ratings: 13, max_ratings: 100, query: 10 }
    }
}

impl TaskRules {
    /// Rules under which at least half of the users make a task, or a thousand of them; the
    /// paper's rules if those do. `counts` are the numbers of users' ratings.
    pub(super) fn fitting(counts: impl Iterator<Item = usize>) -> Self {
        const ENOUGH: usize = 1000;
        let counts: Vec<usize> = counts.filter(|&count| count > 0).collect();
        let rules = |(min_ratings, query)| Self { min_ratings, max_ratings: 100, query };
        let fits = |rules: &Self| {
            let tasks = counts.iter().filter(|&&count| count >= rules.min_ratings).count();
            tasks > 0 && tasks >= counts.len().div_ceil(2).min(ENOUGH)
        };
        [(13, 10), (8, 5), (5, 3), (3, 1)]
            .map(rules)
            .into_iter()
            .find(fits)
            .unwrap_or(rules((2, 1)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskKeys {
    min_ratings: Option<usize>,
    max_ratings: Option<usize>,
    query: Option<usize>,
}

impl TryFrom<RatingKeys> for RatingLog {
    type Error = &'static str;

    fn try_from(keys: RatingKeys) -> Result<Self, &'static str> {
        let RatingKeys { file, user, item, value, time, format, liked } = keys;
        if value.is_none() {
            return Err("[ratings] has no value; the column of the ratings is expected, or \
                        [interactions] where it is only known what was chosen");
        }
        let kind = LogKind::Ratings { liked };
        Ok(Self(LogSettings { kind, file, user, item, value, time, format }))
    }
}

impl From<InteractionKeys> for InteractionLog {
    fn from(keys: InteractionKeys) -> Self {
        let InteractionKeys { file, user, item, value, time, format } = keys;
        Self(LogSettings { kind: LogKind::Interactions, file, user, item, value, time, format })
    }
}

impl TryFrom<Vec<FieldSettings>> for FieldList {
    type Error = String;

    fn try_from(fields: Vec<FieldSettings>) -> Result<Self, String> {
        let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        names.sort_unstable();
        if names.first() == Some(&"") {
            return Err("a field's name is empty; a column's name is expected".into());
        }
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!(
                "field \"{}\" is listed twice; once is expected",
                pair[0].escape_debug()
            ));
        }
        Ok(Self(fields))
    }
}

impl TryFrom<NewcomerKeys> for Newcomers {
    type Error = String;

    fn try_from(keys: NewcomerKeys) -> Result<Self, String> {
        let NewcomerKeys { file, column, from, fraction, seed } = keys;
        match (file, column, from, fraction, seed) {
            (Some(file), None, None, None, None) => Ok(Self::Listed { file }),
            (None, Some(column), Some(from), None, None) if from.is_finite() => {
                Ok(Self::From { column, from })
            }
            (None, None, None, Some(fraction), Some(seed)) => {
                if !(0.0..=1.0).contains(&fraction) {
                    return Err(format!("fraction {fraction} is not within 0 to 1"));
                }
                Ok(Self::Fraction { fraction, seed })
            }
            _ => Err("exactly one of { file = \"…\" }, { column = \"…\", from = number } and \
                      { fraction = 0 to 1, seed = number } is expected"
                .into()),
        }
    }
}

impl TryFrom<toml::Value> for After {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let written = match &value {
            toml::Value::String(text) => format!("\"{}\"", shown(text.as_bytes())),
            value => shown(value.to_string().as_bytes()),
        };
        let number = |value: &toml::Value| match value {
            toml::Value::Integer(number) => Some(*number as f64),
            toml::Value::Float(number) => Some(*number),
            _ => None,
        };
        let time = match &value {
            toml::Value::String(text) => times::read(text.trim()),
            toml::Value::Datetime(date) => times::parse(&date.to_string()),
            toml::Value::Table(table) => {
                let fraction = table.get("fraction").filter(|_| table.len() == 1).and_then(number);
                return match fraction {
                    Some(fraction) if fraction > 0.0 && fraction < 1.0 => {
                        Ok(Self::Fraction(fraction))
                    }
                    Some(fraction) => Err(format!(
                        "after = {{ fraction = {fraction} }} leaves nothing on one side; a number \
                         between 0 and 1 is expected"
                    )),
                    None => Err(format!(
                        "after = {written} is not {{ fraction = number between 0 and 1 }}"
                    )),
                };
            }
            value => number(value).filter(|number| number.is_finite()).map(Time::Number),
        };
        match time {
            Some(time) => Ok(Self::Time { time, written }),
            None => Err(format!(
                "after = {written} is no time; a date such as \"2020-01-01\", a number in the unit \
                 of the log's times, or {{ fraction = 0 to 1 }} is expected"
            )),
        }
    }
}

impl TryFrom<TaskKeys> for TaskRules {
    type Error = String;

    fn try_from(keys: TaskKeys) -> Result<Self, String> {
        let usual = Self::default();
        let rules = Self {
            min_ratings: keys.min_ratings.unwrap_or(usual.min_ratings),
            max_ratings: keys.max_ratings.unwrap_or(usual.max_ratings),
            query: keys.query.unwrap_or(usual.query),
        };
        let Self { min_ratings, max_ratings, query } = rules;
        if query == 0 {
            return Err("query 0 leaves nothing to predict; at least 1 is expected".into());
        }
        if min_ratings <= query {
            return Err(format!(
                "min_ratings {min_ratings} leaves no support set; more than query, {query}, is expected"
            ));
        }
        if max_ratings < min_ratings {
            return Err(format!(
                "max_ratings {max_ratings} is less than min_ratings, {min_ratings}"
            ));
        }
        Ok(rules)
    }
}

impl Settings {
    /// Reads the text of the `dataset.toml` at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let keys: Keys = toml::from_str(text).map_err(|error| Error::Data {
            file: path.to_owned(),
            place: error
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|before| Place::Line(1 + before.matches('\n').count() as u64)),
            column: None,
            problem: error.message().into(),
        })?;
        let Keys { name, users, items, ratings, interactions, format, split, tasks } = keys;
        for (table, there, key, rule) in [
            ("users", users.is_some(), "new_users", &split.new_users),
            ("items", items.is_some(), "new_items", &split.new_items),
        ] {
            if let (false, Some(Newcomers::From { column, .. })) = (there, rule) {
                return Err(whole_file(
                    path,
                    format!(
                        "{key} names the column \"{}\" of a [{table}] table, but there is no such \
                         table; {{ file = \"…\" }} or {{ fraction = 0 to 1, seed = number }} is \
                         expected without one",
                        shown(column.to_string().as_bytes())
                    ),
                ));
            }
        }
        let log = match (ratings, interactions) {
            (Some(RatingLog(log)), None) | (None, Some(InteractionLog(log))) => log,
            (both, _) => {
                let problem = match both {
                    Some(_) => "has both [ratings] and [interactions]",
                    None => "has neither [ratings] nor [interactions]",
                };
                return Err(whole_file(
                    path,
                    format!(
                        "{problem}; one of them is expected: [ratings] for values on a scale, \
                         [interactions] if only choices are known"
                    ),
                ));
            }
        };
        if let Some(after) = &split.after {
            let both = [("new_users", &split.new_users), ("new_items", &split.new_items)];
            if let Some((key, _)) = both.into_iter().find(|(_, rule)| rule.is_some()) {
                let problem = format!(
                    "[split] has both after and {key}; after alone is expected, since it decides \
                     which users and items are new: those that first occur then"
                );
                return Err(whole_file(path, problem));
            }
            if log.time.is_none() {
                let table = log.kind.table();
                let problem = format!(
                    "[split] after = {after} needs times, but [{table}] has none; add time = \
                     \"…\" to [{table}], the name of the column of times"
                );
                return Err(whole_file(path, problem));
            }
        }
        let own = [&users, &items].into_iter().flatten().map(|table| &table.format);
        if own.chain([&log.format]).any(|format| format.skip_bad_rows.is_some()) {
            let problem = "skip_bad_rows is for all files together: it is expected in [format]";
            return Err(whole_file(path, problem));
        }
        Ok(Self { name, users, items, log, format, split, tasks })
    }

    /// How the file of a table is written.
    pub fn format_of_table(&self, table: &TableSettings) -> Format {
        self.format.of_file(&table.file, &table.format)
    }

    /// How the file of ratings or interactions is written.
    pub fn format_of_log(&self) -> Format {
        self.format.of_file(&self.log.file, &self.log.format)
    }
}
