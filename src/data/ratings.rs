//! The ratings or interactions of a data folder.

use std::collections::HashMap;
use std::path::Path;

use super::faults::{Fault, Faults, LeftOut, Reason};
use super::format::ColumnName;
use super::rows::{Rows, shown, whole_file};
use super::settings::{LogKind, LogSettings};
use super::table::Table;
use super::times::{Clock, Time};
use crate::model::schema::Entity;
use crate::{Error, Result};

/// One user's rating or choice of one item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// The user's row.
    pub user: u32,
    /// The item's row.
    pub item: u32,
    /// The rating, which is finite. For an interaction its strength, such as a number of
    /// plays, which is above 0; 1 without a strength.
    pub value: f32,
}

/// A row of the log, and its time in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DatedRating {
    pub rating: Rating,
    pub time: f64,
}

/// All rows of a log, in the order of the file.
pub(super) struct DatedLog {
    pub rows: Vec<DatedRating>,
    pub repeats: Repeats,
    pub clock: Clock,
}

/// The interactions of users with items.
pub(super) struct Log {
    pub users: Table,
    pub items: Table,
    /// Sorted by user and then item; each pair occurs once.
    pub ratings: Vec<Rating>,
    /// How many rows there were.
    pub rows: usize,
    /// All of them with their times, if these were to be kept.
    pub dated: Option<DatedLog>,
}

/// What counts of several rows of the same user and item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// The latest rating; at the same time, or without times, the last in the file.
    Latest,
    /// One interaction.
    Once,
    /// One interaction, as strong as all of them together.
    Sum,
}

/// The table of users or items, if there is one, and the ids of its broken rows.
pub(super) type Known = (Option<Table>, LeftOut);

/// Reads ratings or interactions of `users` and `items`, or of all that occur if there is no
/// such table, without broken rows and those of users or items that are left out.
///
/// See [`Repeats`] for several rows of the same user and item.
pub(super) fn read_log(
    mut rows: impl Rows,
    settings: &LogSettings,
    [users, items]: [Known; 2],
    keep_times: bool,
    faults: &mut Faults,
) -> Result<Log> {
    let columns = Columns {
        user: rows.text_column(&settings.user)?,
        item: rows.text_column(&settings.item)?,
        value: optional(&mut rows, &settings.value)?,
        time: optional(&mut rows, &settings.time)?,
        kind: settings.kind,
    };
    let (mut users, mut items) = (Ids::new(Entity::User, users), Ids::new(Entity::Item, items));
    let mut ratings = Vec::new();
    let mut times: Vec<Time> = Vec::new();
    while let Some(row) = rows.next()? {
        let read = row.and_then(|()| {
            let (value, time) = columns.value_and_time(&rows)?;
            // Both are looked up before either is numbered.
            let found = (users.find(&rows, columns.user)?, items.find(&rows, columns.item)?);
            Ok((found, value, time))
        });
        match read {
            Ok(((Found::Row(user), Found::Row(item)), value, time)) => {
                let (user, item) = (users.number(user)?, items.number(item)?);
                ratings.push(Rating { user, item, value });
                times.extend(time);
            }
            Ok(_) => faults.orphans += 1,
            Err(fault) => faults.add(&rows, fault),
        }
    }
    if ratings.is_empty() {
        if faults.count() > 0 {
            return Err(std::mem::take(faults).error(0));
        }
        return Err(rows.none(match settings.kind {
            LogKind::Ratings { .. } => "rating",
            LogKind::Interactions => "interaction",
        }));
    }
    let repeats = match (settings.kind, columns.value) {
        (LogKind::Ratings { .. }, _) => Repeats::Latest,
        (LogKind::Interactions, None) => Repeats::Once,
        (LogKind::Interactions, Some(_)) => Repeats::Sum,
    };
    let clock = Clock::of(&times);
    let times: Vec<f64> = times.into_iter().map(|time| clock.seconds(time)).collect();
    let count = ratings.len();
    let (users, user_rows) = users.finish();
    let (items, item_rows) = items.finish();
    for rating in &mut ratings {
        let moved = |rows: &Option<Vec<u32>>, row: u32| match rows {
            Some(rows) => rows.get(row as usize).copied().unwrap_or(row),
            None => row,
        };
        (rating.user, rating.item) =
            (moved(&user_rows, rating.user), moved(&item_rows, rating.item));
    }
    let dated = keep_times.then(|| {
        let rows = ratings.iter().zip(&times);
        let rows = rows.map(|(&rating, &time)| DatedRating { rating, time });
        DatedLog { rows: rows.collect(), repeats, clock }
    });
    let ratings = match repeats {
        Repeats::Latest => latest(ratings, &times),
        Repeats::Once => added(ratings, |_| 1.0),
        Repeats::Sum => {
            added(ratings, |alike| alike.iter().map(|rating| f64::from(rating.value)).sum())
        }
    };
    check_finite(rows.path(), &ratings, &users, &items)?;
    Ok(Log { users, items, ratings, rows: count, dated })
}

/// The latest rating of each user and item.
fn latest(mut ratings: Vec<Rating>, times: &[f64]) -> Vec<Rating> {
    if !times.is_empty() {
        let mut order: Vec<usize> = (0..ratings.len()).collect();
        order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        ratings = order.into_iter().map(|place| ratings[place]).collect();
    }
    // Both sorts are stable, so that the rating that counts is the last of its kind.
    ratings.sort_by_key(|rating| (rating.user, rating.item));
    ratings.dedup_by(|later, kept| {
        let same = (later.user, later.item) == (kept.user, kept.item);
        if same {
            *kept = *later;
        }
        same
    });
    ratings.shrink_to_fit();
    ratings
}

/// One interaction of each user and item, as strong as all of them together.
fn added(mut ratings: Vec<Rating>, strength: impl Fn(&[Rating]) -> f64) -> Vec<Rating> {
    // By value too, so that the order of the rows does not show in a sum's last digits.
    ratings.sort_unstable_by(|a, b| {
        (a.user, a.item).cmp(&(b.user, b.item)).then(a.value.total_cmp(&b.value))
    });
    let alike = ratings.chunk_by(|a, b| (a.user, a.item) == (b.user, b.item));
    alike
        .filter_map(|alike| Some(Rating { value: strength(alike) as f32, ..*alike.first()? }))
        .collect()
}

/// Refuses strengths whose sum overflows.
fn check_finite(path: &Path, ratings: &[Rating], users: &Table, items: &Table) -> Result<()> {
    let Some(large) = ratings.iter().find(|rating| !rating.value.is_finite()) else {
        return Ok(());
    };
    let id = |table: &Table, row: u32| {
        shown(table.ids().get(row as usize).unwrap_or_default().as_bytes())
    };
    let problem = format!(
        "the strengths of user \"{}\" and item \"{}\" add up to more than {:e}, the largest possible number",
        id(users, large.user),
        id(items, large.item),
        f32::MAX
    );
    Err(whole_file(path, problem))
}

fn optional(rows: &mut impl Rows, name: &Option<ColumnName>) -> Result<Option<usize>> {
    name.as_ref().map(|name| rows.column(name)).transpose()
}

/// The places of the columns.
struct Columns {
    user: usize,
    item: usize,
    value: Option<usize>,
    time: Option<usize>,
    kind: LogKind,
}

impl Columns {
    fn value_and_time(&self, rows: &impl Rows) -> Result<(f32, Option<Time>), Fault> {
        let value = match (self.value, self.kind) {
            (None, _) => 1.0,
            (Some(column), LogKind::Ratings { .. }) => rows.value(column, "such as 3.5")?,
            (Some(column), LogKind::Interactions) => {
                let strength = rows.value(column, "above 0")?;
                if strength <= 0.0 {
                    let problem = format!(
                        "\"{}\" is not a strength above 0; leave out items that were not chosen",
                        rows.shown(column)
                    );
                    let reason = Reason::Strength;
                    return Err(Fault { reason, column: Some(column), problem });
                }
                strength
            }
        };
        Ok((value, self.time.map(|column| rows.time(column)).transpose()?))
    }
}

/// The entity whose ids a column holds.
enum Ids {
    /// The rows of a table.
    Listed { entity: Entity, table: Box<Table>, left_out: LeftOut },
    /// Numbered in the order of their first occurrence.
    Found(HashMap<Box<str>, u32>),
}

/// What a cell's id stands for.
enum Found<'a> {
    Row(Id<'a>),
    /// A row of the table that is left out because it is broken.
    LeftOut,
}

/// An id that has a number, or is to get one.
enum Id<'a> {
    Known(u32),
    New(&'a str),
}

impl Ids {
    fn new(entity: Entity, (table, left_out): Known) -> Self {
        match table {
            Some(table) => Self::Listed { entity, table: Box::new(table), left_out },
            None => Self::Found(HashMap::new()),
        }
    }

    /// What a cell's id stands for.
    fn find<'a>(&self, rows: &'a impl Rows, column: usize) -> Result<Found<'a>, Fault> {
        match self {
            Self::Listed { entity, table, left_out } => {
                let id = rows.id(column)?;
                match table.find_bytes(id) {
                    Some(row) => Ok(Found::Row(Id::Known(row))),
                    None if left_out.contains(id) => Ok(Found::LeftOut),
                    None => {
                        let reason = match entity {
                            Entity::User => Reason::UnknownUser,
                            Entity::Item => Reason::UnknownItem,
                        };
                        let problem = format!("\"{}\" is not an id of the {entity}s", shown(id));
                        Err(Fault { reason, column: Some(column), problem })
                    }
                }
            }
            Self::Found(numbers) => {
                rows.id(column)?;
                let id = rows.text(column)?;
                if id.is_empty() {
                    let problem = "\"\" is empty; an id is expected".into();
                    let reason = Reason::EmptyId;
                    return Err(Fault { reason, column: Some(column), problem });
                }
                let known = numbers.get(id).copied();
                Ok(Found::Row(known.map_or(Id::New(id), Id::Known)))
            }
        }
    }

    /// The number of an id.
    fn number(&mut self, id: Id<'_>) -> Result<u32> {
        match (id, self) {
            (Id::Known(number), _) => Ok(number),
            (Id::New(id), Self::Found(numbers)) => {
                let number = u32::try_from(numbers.len()).map_err(|_| {
                    Error::argument("ids", "there are more than 4294967295, the most possible")
                })?;
                numbers.insert(id.into(), number);
                Ok(number)
            }
            // Rows of a table are all known.
            (Id::New(_), Self::Listed { .. }) => Err(Error::argument("ids", "one is not listed")),
        }
    }

    /// The table, and the row in it for each number that [`Ids::row`] gave, if they differ.
    fn finish(self) -> (Table, Option<Vec<u32>>) {
        match self {
            Self::Listed { table, .. } => (*table, None),
            Self::Found(numbers) => {
                let mut found: Vec<(&str, u32)> =
                    numbers.iter().map(|(id, &number)| (&**id, number)).collect();
                found.sort_unstable();
                let mut rows = vec![0; found.len()];
                for (row, &(_, number)) in (0..).zip(&found) {
                    rows[number as usize] = row;
                }
                (Table::of_ids(found.iter().map(|(id, _)| *id)), Some(rows))
            }
        }
    }
}
