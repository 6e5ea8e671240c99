//! Data folders from shops' ratings: user, item, rating and time, in CSV or in lines of JSON.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ImportReport, split_and_tasks};
use crate::data::faults::{Fault, Faults, Reason};
use crate::data::format::{ColumnName, Format};
use crate::data::rows::{CsvRows, Rows, shown};
use crate::data::settings::TaskRules;
use crate::data::source;
use crate::data::write::{CsvWriter, NewFolder};
use crate::{Error, Place, Result};

/// The names of the user, the item, the rating and the time, the preferred ones first.
const NAMES: [&[&str]; 4] = [
    &["reviewerID", "user_id"],
    &["parent_asin", "asin"],
    &["overall", "rating"],
    &["unixReviewTime", "timestamp"],
];

/// So many rows show which column has the items.
const SAMPLE: usize = 1000;

/// Makes a data folder, `target`, from a file of ratings as Amazon's are published.
///
/// That is CSV with or without a header, of user, item, rating and time, or lines of JSON with
/// `reviewerID` or `user_id`, `asin` or `parent_asin`, `overall` or `rating`, and
/// `unixReviewTime` or `timestamp`; either may be compressed. Without a header, items come
/// first if all ids of the first column, and not all of the second, have the 10 characters of
/// an item's id.
///
/// Up to `skip_bad_rows` broken rows are left out and reported.
///
/// # Errors
/// [`Error::Argument`] if `target` is neither new nor empty. [`Error::Data`] if there are more
/// broken rows. [`Error::Io`] if the operating system refuses. None of them leaves a `target`
/// behind.
pub fn import_amazon(source: &Path, target: &Path, skip_bad_rows: usize) -> Result<ImportReport> {
    let folder = NewFolder::create(target)?;
    let header = ["user_id", "item_id", "rating", "timestamp"];
    let mut ratings = RatingsFile {
        out: folder.csv("ratings.csv", &header)?,
        users: HashMap::new(),
        items: HashSet::new(),
        count: 0,
    };
    let mut faults = Faults::default();
    match first_byte(source)? {
        Some(b'{') => ratings.read_json(source, &mut faults)?,
        _ => ratings.read_csv(source, &mut faults)?,
    }
    let RatingsFile { out, users, items, count } = ratings;
    out.finish()?;
    if count == 0 {
        return Err(match faults.count() {
            0 => Error::argument("source", format!("{} has no rating", source.display())),
            _ => faults.error(skip_bad_rows),
        });
    }
    let bad_rows = faults.within(skip_bad_rows)?;
    let name = name(source);
    let rules = TaskRules::fitting(users.values().copied());
    let settings = format!(
        "name = {}\n\n[ratings]\nfile = \"ratings.csv\"\nuser = \"user_id\"\n\
         item = \"item_id\"\nvalue = \"rating\"\ntime = \"timestamp\"\n{}",
        toml::Value::from(name.as_str()),
        split_and_tasks(Some(rules))
    );
    folder.text("dataset.toml", &settings)?;
    folder.finish()?;
    let (users, items) = (users.len(), items.len());
    Ok(ImportReport { name, users, items, ratings: count, items_without_year: 0, bad_rows })
}

/// The file's name up to the first point.
pub(super) fn name(source: &Path) -> String {
    let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.split('.').next() {
        Some(stem) if !stem.is_empty() => stem.to_owned(),
        _ => name,
    }
}

/// The first byte that is no white space, or begins no byte order mark.
fn first_byte(path: &Path) -> Result<Option<u8>> {
    let mut line = Vec::new();
    let mut file = BufReader::new(source::open(path)?);
    while file.read_until(b'\n', &mut line).map_err(Error::io("read", path))? > 0 {
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
        if let Some(first) = text.trim_ascii().first() {
            return Ok(Some(*first));
        }
        line.clear();
    }
    Ok(None)
}

/// The ratings that are being written.
struct RatingsFile {
    out: CsvWriter<std::fs::File>,
    /// How many each user has.
    users: HashMap<String, usize>,
    items: HashSet<String>,
    count: usize,
}

impl RatingsFile {
    fn add(&mut self, user: &str, item: &str, value: &str, time: &str) -> Result<()> {
        match self.users.get_mut(user) {
            Some(count) => *count += 1,
            None => _ = self.users.insert(user.into(), 1),
        }
        if !self.items.contains(item) {
            self.items.insert(item.into());
        }
        self.count += 1;
        self.out.row([user, item, value, time])
    }

    fn read_csv(&mut self, path: &Path, faults: &mut Faults) -> Result<()> {
        let (mut rows, [user, item, value, time]) = open_csv(path)?;
        while let Some(row) = rows.next()? {
            let read = row.and_then(|()| {
                let id = |column| match rows.text(column)? {
                    "" => Err(Fault {
                        reason: Reason::EmptyId,
                        column: Some(column),
                        problem: "\"\" is empty; an id is expected".into(),
                    }),
                    id => Ok(id),
                };
                rows.value(value, "such as 5")?;
                rows.time(time)?;
                Ok([id(user)?, id(item)?, rows.text(value)?, rows.text(time)?])
            });
            match read {
                Ok([user, item, value, time]) => self.add(user, item, value, time)?,
                Err(fault) => faults.add(&rows, fault),
            }
        }
        Ok(())
    }

    fn read_json(&mut self, path: &Path, faults: &mut Faults) -> Result<()> {
        let mut file = BufReader::new(source::open(path)?);
        let (mut bytes, mut line) = (Vec::new(), 0);
        loop {
            bytes.clear();
            if file.read_until(b'\n', &mut bytes).map_err(Error::io("read", path))? == 0 {
                return Ok(());
            }
            line += 1;
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii();
            if text.is_empty() {
                continue;
            }
            match review(text) {
                Ok([user, item, value, time]) => self.add(&user, &item, &value, &time)?,
                Err((reason, column, problem)) => {
                    let column = column.map(Into::into);
                    faults.add_at(reason, path, 1, problem, || (Some(Place::Line(line)), column));
                }
            }
        }
    }
}

/// A CSV file, and the places of the user, the item, the rating and the time.
fn open_csv(path: &Path) -> Result<(CsvRows<'static>, [usize; 4])> {
    let open = |header| {
        let delimiter = crate::data::format::usual_delimiter(&path.to_string_lossy());
        CsvRows::open(&source::open, PathBuf::from(path), Format::plain(delimiter, header, true))
    };
    let named = open(true)?;
    let by_name = NAMES.map(|names| {
        names.iter().find_map(|name| named.column(&ColumnName::Name((*name).into())).ok())
    });
    if let [Some(user), Some(item), Some(value), Some(time)] = by_name {
        return Ok((named, [user, item, value, time]));
    }
    let mut rows = open(false)?;
    let (mut lengths, mut seen) = ([true; 2], 0);
    while let Some(row) = rows.next()?.filter(|_| seen < SAMPLE) {
        if row.is_ok() {
            for (all, column) in lengths.iter_mut().zip(0..) {
                *all &= rows.cell(column).len() == 10;
            }
        }
        seen += 1;
    }
    let rows = open(false)?;
    if rows.width() != 4 {
        return Err(rows.whole(
            "is not of four columns: user, item, rating and time are expected, without a header \
             or with the names user_id, parent_asin or asin, rating, timestamp",
        ));
    }
    let (user, item) = if lengths == [true, false] { (1, 0) } else { (0, 1) };
    Ok((rows, [user, item, 2, 3]))
}

/// The cells of a line of JSON, or the problem with it.
fn review(text: &[u8]) -> Result<[String; 4], (Reason, Option<&'static str>, String)> {
    let line: Value = serde_json::from_slice(text).map_err(|error| {
        let problem = format!("\"{}\" is not an object in JSON: {error}", shown(text));
        (Reason::Value, None, problem)
    })?;
    let mut cells = [const { String::new() }; 4];
    let reasons = [Reason::EmptyId, Reason::EmptyId, Reason::Value, Reason::Time];
    for (place, (cell, names)) in cells.iter_mut().zip(NAMES).enumerate() {
        let reason = reasons[place];
        let found = names.iter().find_map(|&name| {
            let value = line.get(name)?;
            (!value.is_null()).then_some((name, value))
        });
        let Some((name, value)) = found else {
            let problem = format!("\"{}\" has no {}", shown(text), names.join(" and no "));
            return Err((reason, None, problem));
        };
        *cell = match value {
            Value::String(text) => text.trim().into(),
            other => other.to_string(),
        };
        let is_right = match place {
            0 | 1 => !cell.is_empty(),
            _ => cell.parse::<f64>().is_ok_and(f64::is_finite),
        };
        if !is_right {
            let expected = if place < 2 { "an id" } else { "a finite number" };
            let problem = format!("\"{}\" is not {expected}", shown(cell.as_bytes()));
            return Err((reason, Some(name), problem));
        }
    }
    Ok(cells)
}
