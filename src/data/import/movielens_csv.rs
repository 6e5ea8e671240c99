//! MovieLens 20M and all later releases, in CSV.

use std::path::Path;

use super::ImportReport;
use super::movielens::{
    ITEM_COLUMNS, Ids, NO_GENRES, RATING_COLUMNS, new_since, note_id, settings, title_and_year,
};
use crate::data::faults::{Fault, Reason};
use crate::data::format::{ColumnName, Format};
use crate::data::rows::{CsvRows, Rows, shown};
use crate::data::settings::TaskRules;
use crate::data::source;
use crate::data::write::NewFolder;
use crate::{Error, Result};

/// What such a release is known by.
pub const FILES: [&str; 2] = ["movies.csv", "ratings.csv"];

/// See [`import_movielens`](super::import_movielens).
pub fn import(source: &Path, target: &Path) -> Result<ImportReport> {
    let folder = NewFolder::create(target)?;
    let mut items = Ids::new();
    let mut years = Vec::new();
    let mut out = folder.csv("items.csv", &ITEM_COLUMNS)?;
    each_row(&source.join(FILES[0]), ["movieId", "title", "genres"], |[id, title, genres]| {
        note_id(&mut items, id).map_err(|problem| (0, problem))?;
        let (title, year) = title_and_year(title);
        years.push(year.parse().ok());
        let genres = if genres == NO_GENRES { "" } else { genres };
        Ok(out.row([id, &title, &year, genres]))
    })?;
    out.finish()?;

    let (mut users, mut ratings) = (Ids::new(), 0);
    let mut out = folder.csv("ratings.csv", &RATING_COLUMNS)?;
    let columns = ["userId", "movieId", "rating", "timestamp"];
    each_row(&source.join(FILES[1]), columns, |row| {
        let [user, item, value, time] = row;
        if user.is_empty() {
            return Err((0, "\"\" is empty; an id is expected".into()));
        }
        if !items.contains_key(item) {
            return Err((1, format!("movie {} is not in {}", shown(item.as_bytes()), FILES[0])));
        }
        if !value.parse::<f32>().is_ok_and(|value| (0.5..=5.0).contains(&value)) {
            let value = shown(value.as_bytes());
            return Err((2, format!("rating {value} is not a number from 0.5 to 5")));
        }
        if time.parse::<u64>().is_err() {
            let time = shown(time.as_bytes());
            return Err((3, format!("time {time} is not a count of seconds")));
        }
        *users.entry(user.into()).or_default() += 1;
        ratings += 1;
        Ok(out.row(row))
    })?;
    out.finish()?;

    let name = name(source);
    let rules = TaskRules::fitting(users.values().copied());
    folder.text("dataset.toml", &settings(&name, None, new_since(&years), rules))?;
    folder.finish()?;
    Ok(ImportReport {
        name,
        users: users.len(),
        items: items.len(),
        ratings,
        items_without_year: years.iter().filter(|year| year.is_none()).count(),
        bad_rows: Vec::new(),
    })
}

/// The release's name, by that of its folder, such as `ml-latest-small`.
fn name(source: &Path) -> String {
    let folder = source.canonicalize().ok();
    let folder = folder.as_deref().unwrap_or(source).file_name().and_then(|name| name.to_str());
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match folder.and_then(|name| name.strip_prefix("ml-")).filter(|name| name.chars().all(is_name))
    {
        Some(size) if size.ends_with('m') => format!("MovieLens {}", size.to_ascii_uppercase()),
        Some(release) => format!("MovieLens {release}"),
        None => "MovieLens".into(),
    }
}

/// Passes the named cells of each row to `take`, which returns the place of the wrong cell and
/// the problem with it, or the result of writing the row.
fn each_row<const N: usize>(
    path: &Path,
    names: [&str; N],
    mut take: impl FnMut([&str; N]) -> Result<Result<()>, (usize, String)>,
) -> Result<()> {
    let mut rows = CsvRows::open(&source::open, path.into(), Format::plain(",", true, true))?;
    let mut columns = [0; N];
    for (column, name) in columns.iter_mut().zip(names) {
        *column = rows.column(&ColumnName::Name(name.into()))?;
    }
    let mut count = 0_u64;
    while let Some(row) = rows.next()? {
        let mut cells = [""; N];
        let read = row.and_then(|()| {
            for (cell, column) in cells.iter_mut().zip(columns) {
                *cell = rows.text(column)?;
            }
            take(cells).map_err(|(place, problem)| Fault {
                reason: Reason::Value,
                column: columns.get(place).copied(),
                problem,
            })
        });
        read.map_err(|fault| rows.error(fault))??;
        count += 1;
    }
    match count {
        0 => Err(rows.whole("has a header but no row; at least one is expected")),
        _ => Ok::<_, Error>(()),
    }
}
