//! Data folders from MovieLens' own files.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::rows::shown;
use super::write::NewFolder;
use crate::{Error, Result};

/// The result of [`import_movielens`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// `MovieLens 1M` or `MovieLens 100K`.
    pub name: &'static str,
    /// Users.
    pub users: usize,
    /// Movies.
    pub items: usize,
    /// Ratings.
    pub ratings: usize,
    /// Movies whose year is not known.
    pub items_without_year: usize,
}

/// Makes a data folder, `target`, from the files of MovieLens 1M or 100K in
/// `source`.
///
/// 1M is known by `movies.dat`, `users.dat` and `ratings.dat`, 100K by `u.item`,
/// `u.user` and `u.data`. A fifth of the users count as new, and the movies of
/// the last years: since 1998 in 1M, since 1997 in 100K.
///
/// # Errors
/// [`Error::Argument`] if `source` holds the files of neither, or `target` is
/// neither new nor empty. [`Error::Data`] for a line that is not in MovieLens' format.
/// [`Error::Io`] if the operating system refuses. None of them leaves a `target` behind.
pub fn import_movielens(source: &Path, target: &Path) -> Result<ImportReport> {
    let edition = EDITIONS
        .iter()
        .find(|edition| edition.files().iter().all(|file| source.join(file).is_file()))
        .ok_or_else(|| {
            let [one, other] = EDITIONS.map(|edition| edition.files().join(", "));
            Error::argument(
                "source",
                format!("{} must contain {one}, or {other}", source.display()),
            )
        })?;
    let folder = NewFolder::create(target)?;

    let mut users = HashSet::new();
    let mut out = folder.csv("users.csv", &["user_id", "gender", "age", "occupation", "zip"])?;
    each_line(&source.join(edition.users), |line| {
        let row = (edition.user)(line)?;
        note_id(&mut users, &row[0])?;
        Ok(out.row(&row))
    })?;
    out.finish()?;

    let mut items = HashSet::new();
    let mut items_without_year = 0;
    let mut out = folder.csv("items.csv", &["movie_id", "title", "year", "genres"])?;
    each_line(&source.join(edition.items), |line| {
        let row = (edition.item)(line)?;
        note_id(&mut items, &row[0])?;
        items_without_year += usize::from(row[2].is_empty());
        Ok(out.row(&row))
    })?;
    out.finish()?;

    let mut ratings = 0;
    let mut out = folder.csv("ratings.csv", &["user_id", "movie_id", "rating", "timestamp"])?;
    each_line(&source.join(edition.ratings), |line| {
        let row = edition.rating(line, &users, &items)?;
        ratings += 1;
        Ok(out.row(row))
    })?;
    out.finish()?;

    folder.text("dataset.toml", &edition.settings())?;
    folder.finish()?;
    Ok(ImportReport {
        name: edition.name,
        users: users.len(),
        items: items.len(),
        ratings,
        items_without_year,
    })
}

/// A format in which MovieLens was published.
#[derive(Clone, Copy)]
struct Edition {
    name: &'static str,
    users: &'static str,
    items: &'static str,
    ratings: &'static str,
    /// The separator between the cells of a rating.
    rating_separator: &'static str,
    /// A user's line, as a row of `users.csv`.
    user: fn(&str) -> Parsed<5>,
    /// A movie's line, as a row of `items.csv`.
    item: fn(&str) -> Parsed<4>,
    /// In 1M, ages are brackets, named by their lower ends.
    age_kind: &'static str,
    /// The first year whose movies count as new.
    new_since: u32,
}

/// A row, or a description of the expected line.
type Parsed<const N: usize> = Result<[String; N], String>;

const EDITIONS: [Edition; 2] = [
    Edition {
        name: "MovieLens 1M",
        users: "users.dat",
        items: "movies.dat",
        ratings: "ratings.dat",
        rating_separator: "::",
        user: user_1m,
        item: item_1m,
        age_kind: "one",
        new_since: 1998,
    },
    Edition {
        name: "MovieLens 100K",
        users: "u.user",
        items: "u.item",
        ratings: "u.data",
        rating_separator: "\t",
        user: user_100k,
        item: item_100k,
        age_kind: "numeric",
        new_since: 1997,
    },
];

impl Edition {
    fn files(&self) -> [&'static str; 3] {
        [self.users, self.items, self.ratings]
    }

    /// A rating's line, as a row of `ratings.csv`.
    fn rating<'a>(
        &self,
        line: &'a str,
        users: &HashSet<String>,
        items: &HashSet<String>,
    ) -> Result<[&'a str; 4], String> {
        let [user, item, value, time] = cells(line, self.rating_separator)
            .ok_or("user, movie, rating and time are expected")?;
        if !users.contains(user) {
            return Err(format!("user {user} is not in {}", self.users));
        }
        if !items.contains(item) {
            return Err(format!("movie {item} is not in {}", self.items));
        }
        if !value.parse::<f32>().is_ok_and(|value| (0.5..=5.0).contains(&value)) {
            return Err(format!("rating {value} is not a number from 0.5 to 5"));
        }
        if time.parse::<u64>().is_err() {
            return Err(format!("time {time} is not a count of seconds"));
        }
        Ok([user, item, value, time])
    }

    fn settings(&self) -> String {
        let Self { name, age_kind, new_since, .. } = self;
        format!(
            r#"# A data set folder: this file, and the CSV files that it names.
name = "{name}"

[users]
file = "users.csv"
id = "user_id"

[[users.fields]]
name = "gender"
[[users.fields]]
name = "age"
kind = "{age_kind}"
[[users.fields]]
name = "occupation"
[[users.fields]]
name = "zip"

[items]
file = "items.csv"
id = "movie_id"
title = "title"

[[items.fields]]
name = "year"
kind = "numeric"
[[items.fields]]
name = "genres"
kind = "multi"

[ratings]
file = "ratings.csv"
user = "user_id"
item = "movie_id"
value = "rating"
time = "timestamp"

[format]
separator = "|"

[split]
new_users = {{ fraction = 0.2, seed = 0 }}
new_items = {{ column = "year", from = {new_since} }}

[tasks]
min_ratings = 13
max_ratings = 100
query = 10
"#
        )
    }
}

/// `id::gender::age::occupation::zip`.
fn user_1m(line: &str) -> Parsed<5> {
    let cells: [&str; 5] =
        cells(line, "::").ok_or("id, gender, age, occupation and zip code are expected")?;
    Ok(cells.map(Into::into))
}

/// `id::title (year)::genre|genre`.
fn item_1m(line: &str) -> Parsed<4> {
    // A title may hold anything; the cells around it may not.
    let cells = line.split_once("::");
    let cells = cells.and_then(|(id, rest)| Some((id, rest.rsplit_once("::")?)));
    let (id, (title, genres)) = cells.ok_or("id, title and genres are expected")?;
    let (title, year) = title_and_year(title);
    Ok([id.into(), title, year, genres.into()])
}

/// `id|age|gender|occupation|zip`.
fn user_100k(line: &str) -> Parsed<5> {
    let [id, age, gender, occupation, zip] =
        cells(line, "|").ok_or("id, age, gender, occupation and zip code are expected")?;
    if age.parse::<u8>().is_err() {
        return Err(format!("age {age} is not a number of years"));
    }
    Ok([id, gender, age, occupation, zip].map(Into::into))
}

/// `id|title (year)|release|video release|address`, then a 0 or 1 for each genre.
fn item_100k(line: &str) -> Parsed<4> {
    /// The first flag says that the genre is not known.
    const GENRES: [&str; 18] = [
        "Action",
        "Adventure",
        "Animation",
        "Children's",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Fantasy",
        "Film-Noir",
        "Horror",
        "Musical",
        "Mystery",
        "Romance",
        "Sci-Fi",
        "Thriller",
        "War",
        "Western",
    ];
    let [id, title, released, _, _, unknown, flags @ ..] = cells::<24>(line, "|")
        .ok_or("id, title, two dates, an address and 19 flags are expected")?;
    let mut genres = Vec::new();
    if let Some(flag) = [unknown].iter().chain(&flags).find(|flag| !["0", "1"].contains(flag)) {
        return Err(format!("genre flag {flag} is neither 0 nor 1"));
    }
    for (genre, flag) in GENRES.iter().zip(flags) {
        if flag == "1" {
            genres.push(*genre);
        }
    }
    let (title, mut year) = title_and_year(title);
    if year.is_empty() {
        // As 01-Jan-1995.
        year = released.rsplit('-').next().filter(|year| is_year(year)).unwrap_or("").into();
    }
    Ok([id.into(), title, year, genres.join("|")])
}

/// The line's cells, if there are exactly `N`.
fn cells<'a, const N: usize>(line: &'a str, separator: &str) -> Option<[&'a str; N]> {
    line.split(separator).collect::<Vec<_>>().try_into().ok()
}

/// `Title (1995)` in its two parts. The year is empty if there is none.
fn title_and_year(text: &str) -> (String, String) {
    for (start, _) in text.rmatch_indices('(') {
        let (before, rest) = text.split_at(start);
        let year = rest.get(1..5).filter(|year| is_year(year));
        if let (Some(year), Some(after)) = (year, rest.get(5..).and_then(|s| s.strip_prefix(')'))) {
            let title = [before.trim(), after.trim()].join(" ");
            return (title.trim().into(), year.into());
        }
    }
    (text.trim().into(), String::new())
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Remembers an id; an id may occur only once.
fn note_id(ids: &mut HashSet<String>, id: &str) -> Result<(), String> {
    if id.is_empty() || !ids.insert(id.into()) {
        return Err(format!("id \"{}\" is empty or was on an earlier line", shown(id.as_bytes())));
    }
    Ok(())
}

/// Passes each line that is not empty to `take`, which returns the problem with the line, or
/// the result of writing it.
fn each_line(path: &Path, mut take: impl FnMut(&str) -> Result<Result<()>, String>) -> Result<()> {
    let data_error = |line, problem| Error::Data { file: path.into(), line, column: None, problem };
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let mut empty = true;
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            continue;
        }
        empty = false;
        // Latin-1: each byte is the character of the same number.
        let line: String = line.iter().copied().map(char::from).collect();
        take(&line).map_err(|problem| {
            data_error(Some(number), format!("\"{}\": {problem}", shown(line.as_bytes())))
        })??;
    }
    if empty {
        return Err(data_error(None, "is empty; at least one line is expected".into()));
    }
    Ok(())
}
