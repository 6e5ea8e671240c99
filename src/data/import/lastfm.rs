//! Data folders from logs of what people listened to, in the formats of Last.fm's.

use std::collections::HashSet;
use std::path::Path;

use super::amazon::name;
use super::{ImportReport, split_and_tasks};
use crate::Result;
use crate::data::faults::{Fault, Faults, Reason};
use crate::data::format::Format;
use crate::data::rows::{CsvRows, Rows, shown};
use crate::data::source;
use crate::data::times::{self, Time};
use crate::data::write::NewFolder;

/// The places of what a row says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    /// Whether the first row is a header.
    header: bool,
    artist: usize,
    /// The artist's name, which stands for an empty id.
    name: usize,
    /// The number of plays; each row is one play without it.
    plays: Option<usize>,
    time: Option<usize>,
}

/// Makes a data folder, `target`, from a log of what people listened to.
///
/// Cells are separated by tabs, with or without a header: user, artist's id, artist's name and
/// number of plays; user, artist and number of plays; or one row a play: user, time, artist's
/// id, artist's name, and whatever follows, such as the track; or user, time and artist.
/// Artists are the items. The file may be compressed.
///
/// Up to `skip_bad_rows` broken rows are left out and reported.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) if `target` is neither new nor empty. [`Error::Data`](crate::Error::Data) if the file is of
/// none of these formats, or has more broken rows. [`Error::Io`](crate::Error::Io) if the operating system
/// refuses. None of them leaves a `target` behind.
pub fn import_lastfm(source: &Path, target: &Path, skip_bad_rows: usize) -> Result<ImportReport> {
    let folder = NewFolder::create(target)?;
    let layout = layout(source)?;
    let mut rows = open(source, layout.header)?;
    let cells = if layout.time.is_some() { 4 } else { 3 };
    let header = ["user_id", "artist_id", "plays", "time"];
    let mut log = folder.csv("plays.csv", &header[..cells])?;
    let mut items = folder.csv("artists.csv", &["artist_id", "name"])?;
    let (mut users, mut artists) = (HashSet::new(), HashSet::new());
    let (mut faults, mut count) = (Faults::default(), 0);
    while let Some(row) = rows.next()? {
        match row.and_then(|()| layout.read(&rows)) {
            Ok([user, artist, name, plays, time]) => {
                if !users.contains(user) {
                    users.insert(user.to_owned());
                }
                if !artists.contains(artist) {
                    artists.insert(artist.to_owned());
                    items.row([artist, name])?;
                }
                count += 1;
                log.row([user, artist, plays, time].into_iter().take(cells))?;
            }
            Err(fault) => faults.add(&rows, fault),
        }
    }
    log.finish()?;
    items.finish()?;
    if count == 0 {
        return Err(match faults.count() {
            0 => rows.whole("has no row but a header; at least one is expected"),
            _ => faults.error(skip_bad_rows),
        });
    }
    let bad_rows = faults.within(skip_bad_rows)?;
    let name = name(source);
    let time = if layout.time.is_some() { "time = \"time\"\n" } else { "" };
    let settings = format!(
        "name = {}\n\n[items]\nfile = \"artists.csv\"\nid = \"artist_id\"\ntitle = \"name\"\n\n\
         # Plays of the same user and artist add up.\n\
         [interactions]\nfile = \"plays.csv\"\nuser = \"user_id\"\nitem = \"artist_id\"\n\
         value = \"plays\"\n{time}{}",
        toml::Value::from(name.as_str()),
        split_and_tasks(None)
    );
    folder.text("dataset.toml", &settings)?;
    folder.finish()?;
    let (users, items) = (users.len(), artists.len());
    Ok(ImportReport { name, users, items, ratings: count, items_without_year: 0, bad_rows })
}

/// Quotes in names of artists mean nothing.
fn open(path: &Path, header: bool) -> Result<CsvRows<'static>> {
    CsvRows::open(&source::open, path.into(), Format::plain("\t", header, false))
}

/// Which of the formats it is: the first or the second row shows it.
fn layout(path: &Path) -> Result<Layout> {
    let mut rows = open(path, false)?;
    for header in [false, true] {
        if rows.next()?.is_none() {
            break;
        }
        let found = Layout::of(&rows, header);
        if let Some(layout) = found {
            return Ok(layout);
        }
    }
    Err(rows.whole(
        "is in none of these formats, with tabs between cells: user, artist's id, artist's name, \
         number of plays; user, artist, number of plays; user, time, artist's id, artist's name; \
         user, time, artist",
    ))
}

impl Layout {
    fn of(rows: &CsvRows<'_>, header: bool) -> Option<Self> {
        let text = |column| rows.text(column).unwrap_or_default();
        let is_number = |column| text(column).parse::<f64>().is_ok();
        // Seconds of this century, so that an artist's number is not taken for a time.
        let is_time = |column| match text(column).parse::<f64>() {
            Ok(number) => number > 9e8 && rows.width() > 3 && !is_number(rows.width() - 1),
            Err(_) => matches!(times::parse(text(column)), Some(Time::Seconds(_))),
        };
        let layout = |artist, name, plays, time| Some(Self { header, artist, name, plays, time });
        match rows.width() {
            3 if is_time(1) => layout(2, 2, None, Some(1)),
            4.. if is_time(1) => layout(2, 3, None, Some(1)),
            3 if is_number(2) => layout(1, 1, Some(2), None),
            4 if is_number(3) => layout(1, 2, Some(3), None),
            _ => None,
        }
    }

    /// The user, the artist's id and name, the plays and the time.
    fn read<'a>(&self, rows: &'a CsvRows<'_>) -> Result<[&'a str; 5], Fault> {
        let id = |columns: [usize; 2]| {
            for column in columns {
                match rows.text(column)? {
                    "" => {}
                    id => return Ok(id),
                }
            }
            let problem = "\"\" is empty; an id is expected".into();
            Err(Fault { reason: Reason::EmptyId, column: columns.first().copied(), problem })
        };
        let plays = match self.plays {
            None => "1",
            Some(column) => {
                if rows.value(column, "above 0")? <= 0.0 {
                    let problem = format!("\"{}\" is not above 0", shown(rows.cell(column)));
                    return Err(Fault { reason: Reason::Strength, column: Some(column), problem });
                }
                rows.text(column)?
            }
        };
        let time = match self.time {
            None => "",
            Some(column) => {
                rows.time(column)?;
                rows.text(column)?
            }
        };
        Ok([id([0; 2])?, id([self.artist, self.name])?, rows.text(self.name)?, plays, time])
    }
}
