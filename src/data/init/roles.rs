//! The roles of files and columns, by their names and values.

use super::look::{ColumnLook, Look};

/// Names that people give to users.
const USERS: [&str; 17] = [
    "user", "customer", "client", "member", "visitor", "listener", "person", "people", "account",
    "buyer", "reader", "viewer", "reviewer", "player", "uid", "shopper", "session",
];

/// Names that people give to items.
const ITEMS: [&str; 20] = [
    "item", "product", "sku", "asin", "movie", "film", "book", "artist", "song", "track",
    "article", "game", "isbn", "listing", "content", "show", "video", "recipe", "course", "anime",
];

const TIMES: [&str; 6] = ["time", "date", "when", "created", "ts", "at"];

const RATINGS: [&str; 8] =
    ["rating", "stars", "score", "overall", "grade", "value", "mark", "opinion"];

const STRENGTHS: [&str; 9] =
    ["plays", "playcount", "count", "quantity", "qty", "listens", "weight", "strength", "times"];

const TITLES: [&str; 4] = ["title", "name", "label", "caption"];

/// Whether a name is one of these words, or has one in it as a word of its own or at one of its
/// ends.
fn is_one(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    let parts = name.split(|c: char| !c.is_alphanumeric());
    let is_word = |part: &str, word: &str| {
        part == word
            || part.strip_suffix('s') == Some(word)
            || (word.len() > 3 && (part.starts_with(word) || part.ends_with(word)))
    };
    parts.into_iter().any(|part| words.iter().any(|word| is_word(part, word)))
}

/// Whether a word is usual in the names of columns.
pub fn is_usual(name: &str) -> bool {
    let lists: [&[&str]; 6] = [&USERS, &ITEMS, &TIMES, &RATINGS, &STRENGTHS, &TITLES];
    let id = name.to_lowercase();
    id == "id" || id.ends_with("_id") || lists.iter().any(|words| is_one(name, words))
}

pub fn is_title(name: &str) -> bool {
    is_one(name, &TITLES)
}

/// A column of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColumnPlace {
    pub file: usize,
    pub column: usize,
}

/// The roles of the files.
pub struct Roles {
    pub log: usize,
    /// The log's columns.
    pub user: usize,
    pub item: usize,
    pub value: Option<usize>,
    pub time: Option<usize>,
    /// Whether the value is a rating; it is a strength otherwise.
    pub rated: bool,
    /// The tables' columns of ids.
    pub users: Option<ColumnPlace>,
    pub items: Option<ColumnPlace>,
}

impl Roles {
    /// The roles that fit best; `None` if no file has two columns that may be ids.
    pub fn of(looks: &[Look]) -> Option<Self> {
        let mut best: Option<(f64, [ColumnPlace; 2], [Option<ColumnPlace>; 2])> = None;
        for (file, look) in looks.iter().enumerate() {
            for user in 0..look.columns.len() {
                for item in (0..look.columns.len()).filter(|&item| item != user) {
                    let places = [user, item].map(|column| ColumnPlace { file, column });
                    let tables = places.map(|place| table(looks, place));
                    let score = score(looks, places, tables);
                    if score.is_some_and(|s| best.is_none_or(|(most, ..)| s > most)) {
                        best = Some((score?, places, tables));
                    }
                }
            }
        }
        let (_, [user, item], [users, items]) = best?;
        // One file cannot describe both.
        let items = items.filter(|items| users.is_none_or(|users| users.file != items.file));
        let log = looks.get(user.file)?;
        let (user, item, file) = (user.column, item.column, user.file);
        let mut roles =
            Self { log: file, user, item, value: None, time: None, rated: false, users, items };
        let others = || {
            let columns = log.columns.iter().enumerate();
            columns.filter(move |(column, _)| *column != user && *column != item)
        };
        let named = |words: &'static [&str]| {
            move |(_, column): &(usize, &ColumnLook)| is_one(&column.name, words)
        };
        let times = || {
            others().filter(|(_, column)| {
                let is_named = column.is_numeric() && is_one(&column.name, &TIMES);
                is_named || column.is_time() || column.dates > column.filled / 2
            })
        };
        let time = times().find(named(&TIMES)).or(times().next()).map(|(column, _)| column);
        roles.time = time;
        let values = || {
            others().filter(move |(place, column)| {
                let most = 10 * column.numbers >= 9 * column.filled && column.filled > 0;
                most && Some(*place) != time && column.values.len() > 1
            })
        };
        let positive = |(_, column): &(usize, &ColumnLook)| column.least > 0.0;
        let few = |(_, column): &(usize, &ColumnLook)| column.values.len() <= 101;
        let rating = values().find(named(&RATINGS)).filter(few);
        let strength = values().filter(positive).find(named(&STRENGTHS));
        // Without names, what is left and has few values is a rating, and counts are strengths.
        let headless =
            |pick: &(usize, &ColumnLook)| pick.1.name.is_empty() && values().count() == 1;
        let guess = values().find(headless);
        (roles.value, roles.rated) = match (rating, strength, guess) {
            (Some((column, _)), ..) => (Some(column), true),
            (None, Some((column, _)), _) => (Some(column), false),
            (None, None, Some(pick)) if pick.1.values.len() <= 21 && pick.1.greatest <= 100.0 => {
                (Some(pick.0), true)
            }
            (None, None, Some(pick)) if positive(&pick) => (Some(pick.0), false),
            _ => (None, false),
        };
        Some(roles)
    }
}

/// The column of ids of a table that knows nearly all values of a column.
fn table(looks: &[Look], place: ColumnPlace) -> Option<ColumnPlace> {
    let column = column(looks, place)?;
    let mut best: Option<(f64, ColumnPlace)> = None;
    for (file, look) in looks.iter().enumerate().filter(|(file, _)| *file != place.file) {
        for (key, ids) in look.columns.iter().enumerate() {
            // A few ids may be repeated by mistake.
            if 20 * ids.values.len() < 19 * look.rows {
                continue;
            }
            let known = column.values.iter().filter(|(value, _)| ids.values.contains_key(*value));
            let share = known.map(|(_, count)| count).sum::<usize>() as f64 / column.filled as f64;
            let same_name = !ids.name.is_empty() && ids.name == column.name;
            let score = share + if same_name { 0.5 } else { 0.0 };
            if share >= 0.8 && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, ColumnPlace { file, column: key }));
            }
        }
    }
    best.map(|(_, place)| place)
}

fn column(looks: &[Look], place: ColumnPlace) -> Option<&ColumnLook> {
    looks.get(place.file)?.columns.get(place.column)
}

/// How well two columns are the log's users and items.
fn score(
    looks: &[Look],
    places: [ColumnPlace; 2],
    tables: [Option<ColumnPlace>; 2],
) -> Option<f64> {
    let look = looks.get(places[0].file)?;
    let mut score = 0.5 * (look.rows as f64).log10();
    for (which, (place, table)) in places.iter().zip(tables).enumerate() {
        let column = column(looks, *place)?;
        let (own, other): (&[&str], &[&str]) =
            if which == 0 { (&USERS, &ITEMS) } else { (&ITEMS, &USERS) };
        let speaks = |name: &str| match (is_one(name, own), is_one(name, other)) {
            (true, false) => 1.0,
            (false, true) => -1.0,
            _ => 0.0,
        };
        score += 3.0 * speaks(&column.name);
        if let Some(table) = table.and_then(|table| looks.get(table.file)) {
            score += 3.0 + 2.0 * speaks(&table.file);
        }
        let is_id = column.name.to_lowercase().ends_with("id");
        score += if is_id { 1.0 } else { 0.0 };
        // Ids of events, times and amounts are no ids of users or items.
        if column.is_key(look.rows) && look.rows > 1 {
            score -= 4.0;
        }
        if column.is_time() || column.sample.iter().any(|number| number.fract() != 0.0) {
            score -= 6.0;
        }
        if is_one(&column.name, &RATINGS) || is_one(&column.name, &TIMES) || is_title(&column.name)
        {
            score -= 2.0;
        }
        if column.filled * 10 < look.rows * 9 || column.values.len() < 2 {
            return None;
        }
        score += if place.column == which { 0.5 } else { 0.0 };
    }
    Some(score)
}
