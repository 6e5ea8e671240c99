//! The ratings of a data folder.

use std::path::PathBuf;

use super::rows::{Open, Rows, shown};
use super::settings::RatingSettings;
use super::table::Table;
use crate::Result;

/// What one user said of one item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// The user's row.
    pub user: u32,
    /// The item's row.
    pub item: u32,
    /// The rating; finite.
    pub value: f32,
}

/// Reads the ratings, sorted by user and then item, and how many rows there were.
///
/// Of ratings of the same item by the same user, the latest counts; of those of
/// the same time, and where there is no time, the last in the file.
pub(super) fn read_ratings(
    open: Open<'_>,
    path: PathBuf,
    settings: &RatingSettings,
    users: &Table,
    items: &Table,
) -> Result<(Vec<Rating>, usize)> {
    let mut rows = Rows::open(open, path)?;
    let user_column = rows.column(&settings.user)?;
    let item_column = rows.column(&settings.item)?;
    let value_column = rows.column(&settings.value)?;
    let time_column = settings.time.as_deref().map(|name| rows.column(name)).transpose()?;

    let row_of = |rows: &Rows<'_>, table: &Table, column, file_kind| {
        let id = rows.cell(column);
        table.find_bytes(id).ok_or_else(|| {
            let problem = format!("\"{}\" is not an id of the {file_kind} file", shown(id));
            rows.error(Some(column), problem)
        })
    };
    let missing = |rows: &Rows<'_>, column| {
        rows.error(Some(column), "\"\" is empty; a finite number such as 3.5 is expected")
    };
    let mut ratings = Vec::new();
    let mut times: Vec<f64> = Vec::new();
    while rows.next()? {
        let user = row_of(&rows, users, user_column, "users")?;
        let item = row_of(&rows, items, item_column, "items")?;
        let value = rows.number(value_column)?.ok_or_else(|| missing(&rows, value_column))?;
        if let Some(column) = time_column {
            times.push(rows.number(column)?.ok_or_else(|| missing(&rows, column))?);
        }
        ratings.push(Rating { user, item, value });
    }
    if ratings.is_empty() {
        return Err(rows.whole("has a header but no rating; at least one is expected"));
    }
    let read = ratings.len();

    if time_column.is_some() {
        let mut order: Vec<usize> = (0..read).collect();
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
    Ok((ratings, read))
}
