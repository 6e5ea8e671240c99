//! Data folders from MovieLens' own files.

use std::collections::HashMap;
use std::path::Path;

use super::{ImportReport, each_line, movielens_csv};
use crate::data::rows::shown;
use crate::data::settings::TaskRules;
use crate::data::write::NewFolder;
use crate::{Error, Result};

/// Makes a data folder, `target`, from the files of any release of MovieLens in `source`.
///
/// 100K is known by `u.item`, `u.user` and `u.data`, 1M by `movies.dat`, `users.dat` and
/// `ratings.dat`, 10M by the same without users, and all later ones by `movies.csv` and
/// `ratings.csv`. A fifth of the users count as new, and the movies of the last years: since
/// 1998 in 1M, since 1997 in 100K, and in the others about a seventh of all movies.
///
/// # Errors
/// [`Error::Argument`] if `source` holds the files of none, or `target` is
/// neither new nor empty. [`Error::Data`] for a line that is not in MovieLens' format.
/// [`Error::Io`] if the operating system refuses. None of them leaves a `target` behind.
pub fn import_movielens(source: &Path, target: &Path) -> Result<ImportReport> {
    let has = |file: &str| source.join(file).is_file();
    match EDITIONS.iter().find(|edition| edition.files().all(has)) {
        Some(edition) => edition.import(source, target),
        None if movielens_csv::FILES.into_iter().all(has) => movielens_csv::import(source, target),
        None => {
            let mut files: Vec<String> = EDITIONS
                .iter()
                .map(|edition| edition.files().collect::<Vec<_>>().join(", "))
                .collect();
            files.push(movielens_csv::FILES.join(", "));
            let files = files.join("; or ");
            let problem = format!("{} must contain {files}", source.display());
            Err(Error::argument("source", problem))
        }
    }
}

/// A format in which MovieLens was published.
#[derive(Clone, Copy)]
struct Edition {
    name: &'static str,
    users: Option<UserFile>,
    items: &'static str,
    ratings: &'static str,
    /// The separator between the cells of a rating.
    rating_separator: &'static str,
    /// A movie's line, as a row of `items.csv`.
    item: fn(&str) -> Parsed<4>,
    /// Whether the files are in Latin-1, not in UTF-8.
    latin: bool,
    /// The first year whose movies count as new; by the share of movies if it is not fixed.
    new_since: Option<u32>,
}

/// The file that describes users.
#[derive(Clone, Copy)]
struct UserFile {
    name: &'static str,
    /// A user's line, as a row of `users.csv`.
    user: fn(&str) -> Parsed<5>,
    /// In 1M, ages are brackets, named by their lower ends.
    age_kind: &'static str,
}

/// A row, or a description of the expected line.
type Parsed<const N: usize> = Result<[String; N], String>;

/// 1M comes before 10M, whose files it has too.
const EDITIONS: [Edition; 3] = [
    Edition {
        name: "MovieLens 1M",
        users: Some(UserFile { name: "users.dat", user: user_1m, age_kind: "one" }),
        items: "movies.dat",
        ratings: "ratings.dat",
        rating_separator: "::",
        item: item_1m,
        latin: true,
        new_since: Some(1998),
    },
    Edition {
        name: "MovieLens 10M",
        users: None,
        items: "movies.dat",
        ratings: "ratings.dat",
        rating_separator: "::",
        item: item_1m,
        latin: false,
        new_since: None,
    },
    Edition {
        name: "MovieLens 100K",
        users: Some(UserFile { name: "u.user", user: user_100k, age_kind: "numeric" }),
        items: "u.item",
        ratings: "u.data",
        rating_separator: "\t",
        item: item_100k,
        latin: true,
        new_since: Some(1997),
    },
];

/// The columns of the files that are written.
pub(super) const ITEM_COLUMNS: [&str; 4] = ["movie_id", "title", "year", "genres"];
pub(super) const RATING_COLUMNS: [&str; 4] = ["user_id", "movie_id", "rating", "timestamp"];

impl Edition {
    fn files(&self) -> impl Iterator<Item = &'static str> {
        self.users.map(|users| users.name).into_iter().chain([self.items, self.ratings])
    }

    fn import(&self, source: &Path, target: &Path) -> Result<ImportReport> {
        let folder = NewFolder::create(target)?;
        let mut users = Ids::new();
        if let Some(file) = &self.users {
            let header = ["user_id", "gender", "age", "occupation", "zip"];
            let mut out = folder.csv("users.csv", &header)?;
            each_line(&source.join(file.name), self.latin, |line| {
                let row = (file.user)(line)?;
                note_id(&mut users, &row[0])?;
                Ok(out.row(&row))
            })?;
            out.finish()?;
        }

        let mut items = Ids::new();
        let mut years = Vec::new();
        let mut out = folder.csv("items.csv", &ITEM_COLUMNS)?;
        each_line(&source.join(self.items), self.latin, |line| {
            let mut row = (self.item)(line)?;
            note_id(&mut items, &row[0])?;
            if row[3] == NO_GENRES {
                row[3].clear();
            }
            years.push(row[2].parse().ok());
            Ok(out.row(&row))
        })?;
        out.finish()?;

        let mut ratings = 0;
        let mut out = folder.csv("ratings.csv", &RATING_COLUMNS)?;
        each_line(&source.join(self.ratings), self.latin, |line| {
            let row = self.rating(line, &users, &items)?;
            *users.entry(row[0].into()).or_default() += 1;
            ratings += 1;
            Ok(out.row(row))
        })?;
        out.finish()?;

        let new_since = self.new_since.or_else(|| new_since(&years));
        let age_kind = self.users.map(|users| users.age_kind);
        let rules = TaskRules::fitting(users.values().copied());
        folder.text("dataset.toml", &settings(self.name, age_kind, new_since, rules))?;
        folder.finish()?;
        Ok(ImportReport {
            name: self.name.into(),
            users: users.len(),
            items: items.len(),
            ratings,
            items_without_year: years.iter().filter(|year| year.is_none()).count(),
            bad_rows: Vec::new(),
        })
    }

    /// A rating's line, as a row of `ratings.csv`.
    fn rating<'a>(&self, line: &'a str, users: &Ids, items: &Ids) -> Result<[&'a str; 4], String> {
        let [user, item, value, time] = cells(line, self.rating_separator)
            .ok_or("user, movie, rating and time are expected")?;
        if let Some(file) = self.users.filter(|_| !users.contains_key(user)) {
            return Err(format!("user {user} is not in {}", file.name));
        }
        if !items.contains_key(item) {
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
}

/// Users or items, and the number of ratings of each.
pub(super) type Ids = HashMap<String, usize>;

/// What MovieLens writes for a movie without genres.
pub(super) const NO_GENRES: &str = "(no genres listed)";

/// The year from which about a seventh of the movies are new.
pub(super) fn new_since(years: &[Option<u32>]) -> Option<u32> {
    let mut known: Vec<u32> = years.iter().flatten().copied().collect();
    known.sort_unstable();
    let since = *known.get(known.len() - known.len() / 7)?;
    // All movies of one year are not all new.
    (known.first() < Some(&since)).then_some(since)
}

/// A folder's `dataset.toml`.
pub(super) fn settings(
    name: &str,
    age_kind: Option<&str>,
    new_since: Option<u32>,
    rules: TaskRules,
) -> String {
    let users = age_kind.map(|kind| {
        format!(
            r#"[users]
file = "users.csv"
id = "user_id"

[[users.fields]]
name = "gender"
[[users.fields]]
name = "age"
kind = "{kind}"
[[users.fields]]
name = "occupation"
[[users.fields]]
name = "zip"

"#
        )
    });
    let users = users.unwrap_or_default();
    let new_items = new_since
        .map(|year| format!("new_items = {{ column = \"year\", from = {year} }}\n"))
        .unwrap_or_default();
    let TaskRules { min_ratings, max_ratings, query } = rules;
    format!(
        r#"# A data set folder: this file, and the CSV files that it names.
name = "{name}"

{users}[items]
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
# A title may be a word such as "None".
missing = []

[split]
new_users = {{ fraction = 0.2, seed = 0 }}
{new_items}
[tasks]
min_ratings = {min_ratings}
max_ratings = {max_ratings}
query = {query}
"#
    )
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
pub(super) fn title_and_year(text: &str) -> (String, String) {
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
pub(super) fn note_id(ids: &mut Ids, id: &str) -> Result<(), String> {
    if id.is_empty() || ids.insert(id.into(), 0).is_some() {
        return Err(format!("id \"{}\" is empty or was on an earlier line", shown(id.as_bytes())));
    }
    Ok(())
}
