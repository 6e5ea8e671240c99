//! The text of a guessed `dataset.toml`.

use std::fmt::Write;
use std::path::Path;

use super::look::{ColumnLook, Look};
use super::roles::{ColumnPlace, Roles, is_title};
use crate::data::folder::Dataset;
use crate::data::format::{Format, usual_delimiter};
use crate::data::settings::TaskRules;
use crate::model::schema::NumberScale;

/// Whole numbers with at most so many values may be codes.
const CODES: usize = 10;

/// What is written.
pub struct Description<'a> {
    name: String,
    looks: &'a [Look],
    roles: &'a Roles,
    unread: Vec<(String, String)>,
    /// Broken rows, and what they are.
    broken: (usize, Vec<String>),
    pub rules: Option<TaskRules>,
}

/// A field, or the reason why a column is none.
enum Guess {
    One,
    Multi(&'static str),
    Numeric { skewed: bool },
    LeftOut(String),
}

impl<'a> Description<'a> {
    pub fn new(
        folder: &Path,
        looks: &'a [Look],
        roles: &'a Roles,
        unread: Vec<(String, String)>,
    ) -> Self {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, looks, roles, unread, broken: (0, Vec::new()), rules: None }
    }

    /// Lets the folder be read without the rows that are broken now.
    pub fn bad_rows(&mut self, dataset: &Dataset) {
        let report = &dataset.report;
        let notes = dataset.notes().into_iter().take(report.bad_rows.len()).collect();
        self.broken = (report.bad_rows.iter().map(|kind| kind.rows).sum(), notes);
    }

    /// The guesses in short.
    pub fn notes(&self) -> Vec<String> {
        let (log, roles) = (&self.looks[self.roles.log], self.roles);
        let column = |place: usize| reference(log, place);
        let kind = if roles.rated { "ratings" } else { "interactions" };
        let mut notes = vec![format!(
            "{} has the {kind}: users in column {}, items in column {}",
            log.file,
            column(roles.user),
            column(roles.item)
        )];
        for (what, place) in [("users", roles.users), ("items", roles.items)] {
            notes.extend(
                place.map(|place| format!("{} describes {what}", self.looks[place.file].file)),
            );
        }
        notes.push("the comments in dataset.toml say what else was guessed: read them".into());
        notes
    }

    /// The whole text.
    pub fn settings(&self) -> String {
        let mut text = String::from(
            "# Guessed by the looks of the files: read it before you trust it. docs/data.md has\n\
             # all keys.\n",
        );
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "name = {}", quoted(&self.name))?;
        self.write_table(text, "users", self.roles.users)?;
        self.write_table(text, "items", self.roles.items)?;
        self.write_log(text)?;
        let (count, notes) = &self.broken;
        if *count > 0 {
            writeln!(text, "\n[format]\n# Rows that are broken, and left out:")?;
            notes.iter().try_for_each(|note| comment(text, note))?;
            writeln!(text, "skip_bad_rows = {count}")?;
        }
        writeln!(text, "\n# A fifth of the users is kept for `melu eval`.\n[split]")?;
        writeln!(text, "new_users = {{ fraction = 0.2, seed = 0 }}")?;
        let described = self.roles.items.is_some_and(|place| self.has_fields(place));
        if described {
            writeln!(text, "# And a tenth of the items, which their fields describe.")?;
            writeln!(text, "new_items = {{ fraction = 0.1, seed = 0 }}")?;
        }
        if self.roles.time.is_some() {
            let why = "Or by time, instead: the newest fifth of the log is kept, so that nothing \
                       is learned from what came later.";
            comment(text, why)?;
            writeln!(text, "# after = {{ fraction = 0.2 }}")?;
        }
        if let Some(TaskRules { min_ratings, max_ratings, query }) =
            self.rules.filter(|_| self.roles.rated)
        {
            writeln!(text, "\n# By how many ratings users have.\n[tasks]")?;
            writeln!(text, "min_ratings = {min_ratings}\nmax_ratings = {max_ratings}")?;
            writeln!(text, "query = {query}")?;
        }
        writeln!(text)?;
        let others = self.looks.iter().enumerate().filter(|(file, _)| !self.is_used(*file));
        for (_, look) in others {
            comment(text, &format!("{} was left out: it has neither users nor items", look.file))?;
        }
        for (file, problem) in &self.unread {
            comment(text, &format!("{file} was left out: it {problem}"))?;
        }
        Ok(())
    }

    fn is_used(&self, file: usize) -> bool {
        let tables = [self.roles.users, self.roles.items];
        file == self.roles.log || tables.iter().flatten().any(|place| place.file == file)
    }

    fn has_fields(&self, place: ColumnPlace) -> bool {
        let look = &self.looks[place.file];
        let title = title(look, place.column);
        look.columns.iter().enumerate().any(|(column, found)| {
            let other = column != place.column && Some(column) != title;
            other && !matches!(guess(look, found), Guess::LeftOut(_))
        })
    }

    fn write_table(
        &self,
        text: &mut String,
        name: &str,
        place: Option<ColumnPlace>,
    ) -> std::fmt::Result {
        let Some(ColumnPlace { file, column: id }) = place else {
            let found = "those that occur in the log";
            return writeln!(text, "\n# No file describes {name}: they are {found}.");
        };
        let look = &self.looks[file];
        writeln!(text, "\n[{name}]\nfile = {}", quoted(&look.file))?;
        writeln!(text, "id = {}", reference(look, id))?;
        let title = title(look, id).filter(|_| name == "items");
        if let Some(title) = title {
            writeln!(text, "title = {}", reference(look, title))?;
        }
        let columns = look.columns.iter().enumerate();
        let guesses: Vec<(usize, Guess)> = columns
            .filter(|(place, _)| *place != id && Some(*place) != title)
            .map(|(place, column)| (place, guess(look, column)))
            .collect();
        // A file has one separator: the one of most columns, the first of equals.
        let count = |separator: &str| {
            let same =
                |guess: &&(usize, Guess)| matches!(guess.1, Guess::Multi(s) if s == separator);
            guesses.iter().filter(same).count()
        };
        let separators = guesses.iter().rev().filter_map(|(_, guess)| match guess {
            Guess::Multi(separator) => Some(*separator),
            _ => None,
        });
        let separator = separators.max_by_key(|separator| count(separator));
        write_format(text, look, separator)?;
        for (place, guess) in guesses {
            let column = &look.columns[place];
            let shown = reference(look, place);
            let kind = match guess {
                Guess::LeftOut(reason) => {
                    comment(text, &format!("Column {shown} was left out: {reason}."))?;
                    continue;
                }
                Guess::Multi(own) if Some(own) != separator => {
                    let why = format!("its values are separated by \"{own}\", others' otherwise");
                    comment(text, &format!("Column {shown} was left out: {why}."))?;
                    continue;
                }
                Guess::One => None,
                Guess::Multi(_) => Some("multi"),
                Guess::Numeric { .. } => Some("numeric"),
            };
            if let Guess::Numeric { skewed: true } = guess {
                comment(text, "Skewed: it is read by its logarithm.")?;
            }
            writeln!(text, "[[{name}.fields]]")?;
            if shown == quoted(&column.name) {
                writeln!(text, "name = {shown}")?;
            } else {
                writeln!(text, "name = \"column {shown}\"\ncolumn = {shown}")?;
            }
            if let Some(kind) = kind {
                writeln!(text, "kind = \"{kind}\"")?;
            }
        }
        Ok(())
    }

    fn write_log(&self, text: &mut String) -> std::fmt::Result {
        let (roles, look) = (self.roles, &self.looks[self.roles.log]);
        let table = if roles.rated { "ratings" } else { "interactions" };
        writeln!(text)?;
        if !roles.rated {
            comment(
                text,
                "Each row says that a user chose an item; what was not chosen is unknown.",
            )?;
        }
        writeln!(text, "[{table}]\nfile = {}", quoted(&look.file))?;
        for (key, place) in [
            ("user", Some(roles.user)),
            ("item", Some(roles.item)),
            ("value", roles.value),
            ("time", roles.time),
        ] {
            if let Some(place) = place {
                writeln!(text, "{key} = {}", reference(look, place))?;
            }
        }
        write_format(text, look, None)?;
        let used = [Some(roles.user), Some(roles.item), roles.value, roles.time];
        for (place, column) in look.columns.iter().enumerate() {
            if used.contains(&Some(place)) {
                continue;
            }
            let same = if column.values.len() < 2 { ": it is always the same" } else { "" };
            comment(text, &format!("Column {} was left out{same}.", reference(look, place)))?;
        }
        Ok(())
    }
}

/// How a column is named in `dataset.toml`.
fn reference(look: &Look, place: usize) -> String {
    let name = &look.columns[place].name;
    let same = look.columns.iter().filter(|column| column.name == *name).count();
    match name.is_empty() || same > 1 || name.contains('\u{fffd}') {
        true => (place + 1).to_string(),
        false => quoted(name),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A comment on one line.
fn comment(text: &mut String, words: &str) -> std::fmt::Result {
    let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    writeln!(text, "# {words}")
}

/// What differs from the usual format.
fn write_format(text: &mut String, look: &Look, separator: Option<&str>) -> std::fmt::Result {
    let Format { delimiter, header, quotes, decimal_comma, .. } = &look.format;
    let mut keys = Vec::new();
    if delimiter != usual_delimiter(&look.file) {
        keys.push(format!("delimiter = {}", quoted(delimiter)));
    }
    if !header {
        keys.push("header = false".into());
    }
    if !quotes && delimiter.len() == 1 {
        keys.push("quotes = false".into());
    }
    if *decimal_comma {
        keys.push("decimal = \",\"".into());
    }
    if let Some(separator) = separator.filter(|separator| *separator != "|") {
        keys.push(format!("separator = {}", quoted(separator)));
    }
    match keys.is_empty() {
        true => Ok(()),
        false => writeln!(text, "format = {{ {} }}", keys.join(", ")),
    }
}

/// The column of titles.
fn title(look: &Look, id: usize) -> Option<usize> {
    let mut columns = look.columns.iter().enumerate().filter(|(place, column)| {
        *place != id && !column.is_numeric() && 2 * column.values.len() > column.filled
    });
    let headless = !look.format.header;
    let named = columns.clone().find(|(_, column)| is_title(&column.name));
    // Without names, the first texts of which nearly each is another.
    let texts = |(_, column): &(usize, &ColumnLook)| {
        headless && column.numbers == 0 && 10 * column.values.len() > 9 * look.rows
    };
    named.or_else(|| columns.find(texts)).map(|(place, _)| place)
}

fn guess(look: &Look, column: &ColumnLook) -> Guess {
    let left_out = |why: &str| Guess::LeftOut(why.into());
    if column.filled == 0 {
        return left_out("it is empty");
    }
    let values = column.values.len();
    if values == 1 && column.filled == look.rows {
        return left_out("it is always the same");
    }
    if column.dates == column.filled {
        return left_out("dates are no field; a year may be one");
    }
    if column.is_numeric() {
        let whole = column.sample.iter().all(|number| number.fract() == 0.0);
        if whole && values <= CODES && 2 * values < look.rows {
            return Guess::One;
        }
        if whole && column.is_key(look.rows) && look.rows > CODES {
            return left_out("each row has another whole number, like an id");
        }
        let skewed = NumberScale::of(&column.sample).log_unit.is_some();
        return Guess::Numeric { skewed };
    }
    if let Some(separator) = column.separator() {
        return Guess::Multi(separator);
    }
    if 10 * column.numbers > 9 * column.filled {
        return Guess::LeftOut(format!(
            "{} of its {} cells are numbers, the others are none",
            column.numbers, column.filled
        ));
    }
    if 2 * values > column.filled && column.filled > CODES {
        return left_out("nearly each row has another value");
    }
    Guess::One
}
