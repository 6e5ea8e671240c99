//! The ratings or interactions of a data folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::rows::{CsvRows, Open, shown, whole_file};
use super::settings::{LogKind, LogSettings};
use super::table::Table;
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

/// The interactions of users with items.
pub(super) struct Log {
    pub users: Table,
    pub items: Table,
    /// Sorted by user and then item; each pair occurs once.
    pub ratings: Vec<Rating>,
    /// How many rows there were.
    pub rows: usize,
}

/// Reads ratings or interactions of `users` and `items`, or of all that occur if there is no
/// such table.
///
/// If a user rated an item more than once, the latest rating counts; at the same time, or
/// without times, the last in the file. Strengths of interactions add up; without strengths,
/// one interaction counts.
pub(super) fn read_log(
    open: Open<'_>,
    path: PathBuf,
    settings: &LogSettings,
    users: Option<Table>,
    items: Option<Table>,
) -> Result<Log> {
    let mut rows = CsvRows::open(open, path.clone())?;
    let column = |name: &Option<String>| name.as_deref().map(|name| rows.column(name)).transpose();
    let user_column = rows.column(&settings.user)?;
    let item_column = rows.column(&settings.item)?;
    let value_column = column(&settings.value)?;
    let time_column = column(&settings.time)?;

    let (mut users, mut items) = (Ids::new(Entity::User, users), Ids::new(Entity::Item, items));
    let missing = |rows: &CsvRows<'_>, column, expected| {
        let problem = format!("\"\" is empty; a finite number {expected} is expected");
        rows.error(Some(column), problem)
    };
    let mut ratings = Vec::new();
    let mut times: Vec<f64> = Vec::new();
    while rows.next()? {
        let user = users.row(&rows, user_column)?;
        let item = items.row(&rows, item_column)?;
        let value = match (value_column, settings.kind) {
            (None, _) => 1.0,
            (Some(column), LogKind::Ratings { .. }) => {
                rows.number(column)?.ok_or_else(|| missing(&rows, column, "such as 3.5"))?
            }
            (Some(column), LogKind::Interactions) => {
                let strength: f32 =
                    rows.number(column)?.ok_or_else(|| missing(&rows, column, "above 0"))?;
                if strength <= 0.0 {
                    let problem = format!(
                        "\"{}\" is not a strength above 0; leave out items that were not chosen",
                        shown(rows.cell(column))
                    );
                    return Err(rows.error(Some(column), problem));
                }
                strength
            }
        };
        if let Some(column) = time_column {
            times.push(rows.number(column)?.ok_or_else(|| missing(&rows, column, "such as 3.5"))?);
        }
        ratings.push(Rating { user, item, value });
    }
    if ratings.is_empty() {
        return Err(rows.whole(match settings.kind {
            LogKind::Ratings { .. } => "has a header but no rating; at least one is expected",
            LogKind::Interactions => "has a header but no interaction; at least one is expected",
        }));
    }
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
    let ratings = match (settings.kind, value_column) {
        (LogKind::Ratings { .. }, _) => latest(ratings, &times),
        (LogKind::Interactions, None) => added(ratings, |_| 1.0),
        (LogKind::Interactions, Some(_)) => {
            added(ratings, |alike| alike.iter().map(|rating| f64::from(rating.value)).sum())
        }
    };
    check_finite(&path, &ratings, &users, &items)?;
    Ok(Log { users, items, ratings, rows: count })
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

/// The entity whose ids a column holds.
enum Ids {
    /// The rows of a table.
    Listed(Entity, Table),
    /// Numbered in the order of their first occurrence.
    Found(HashMap<Box<str>, u32>),
}

impl Ids {
    fn new(entity: Entity, table: Option<Table>) -> Self {
        match table {
            Some(table) => Self::Listed(entity, table),
            None => Self::Found(HashMap::new()),
        }
    }

    /// The number of a cell's id.
    fn row(&mut self, rows: &CsvRows<'_>, column: usize) -> Result<u32> {
        match self {
            Self::Listed(entity, table) => {
                let id = rows.cell(column);
                table.find_bytes(id).ok_or_else(|| {
                    let problem = format!("\"{}\" is not an id of the {entity}s file", shown(id));
                    rows.error(Some(column), problem)
                })
            }
            Self::Found(numbers) => {
                let id = rows.text(column)?;
                if id.is_empty() {
                    return Err(rows.error(Some(column), "\"\" is empty; an id is expected"));
                }
                if let Some(&number) = numbers.get(id) {
                    return Ok(number);
                }
                let number = u32::try_from(numbers.len()).map_err(|_| too_many(rows, column))?;
                numbers.insert(id.into(), number);
                Ok(number)
            }
        }
    }

    /// The table, and the row in it for each number that [`Ids::row`] gave, if they differ.
    fn finish(self) -> (Table, Option<Vec<u32>>) {
        match self {
            Self::Listed(_, table) => (table, None),
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

fn too_many(rows: &CsvRows<'_>, column: usize) -> Error {
    rows.error(Some(column), "has more than 4294967295 ids, the largest possible number")
}
