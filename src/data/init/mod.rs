//! A `dataset.toml` by the looks of a folder's files.

mod describe;
mod look;
mod roles;

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use describe::Description;
use look::{Look, look};
use roles::Roles;

use super::folder::{Dataset, OpenOptions};
use super::settings::TaskRules;
use super::source;
use super::tasks::Scenario;
use crate::{Error, Result};

/// The result of [`init_folder`].
#[derive(Clone, Debug, PartialEq)]
pub struct InitReport {
    /// The text of the `dataset.toml`.
    pub settings: String,
    /// The guesses, one sentence each, for people.
    pub notes: Vec<String>,
}

/// Looks at the tables in a folder and writes a `dataset.toml` with guesses: which file is the
/// log, which ones describe users and items, how they are written, and what their columns are.
///
/// Comments in it say what was guessed, and what was left out and why. The folder is read once
/// with it, so that what is written works.
///
/// # Errors
/// [`Error::Argument`] if there is a `dataset.toml`, unless `force`, and if no file looks like a
/// log. [`Error::Data`] and [`Error::Io`] as [`Dataset::open`], if the guesses do not work.
pub fn init_folder(folder: &Path, force: bool) -> Result<InitReport> {
    let path = folder.join("dataset.toml");
    if path.exists() && !force {
        let problem = format!("{} exists; --force writes over it", path.display());
        return Err(Error::argument("folder", problem));
    }
    let Seen { looks, unread } = looks(folder)?;
    let Some(roles) = Roles::of(&looks) else {
        let mut seen: Vec<String> = looks.into_iter().map(|look| look.file).collect();
        seen.extend(unread.into_iter().map(|(file, problem)| format!("{file}, which {problem}")));
        let seen = if seen.is_empty() { "no table".into() } else { seen.join("; ") };
        let problem = format!(
            "{} has no table that looks like a log, with a column of users' ids and one of \
             items' ids; it has {seen}",
            folder.display()
        );
        return Err(Error::argument("folder", problem));
    };
    let mut description = Description::new(folder, &looks, &roles, unread);
    // As it is, and then with what reading it shows.
    let read = |settings: &str| read_with(folder, &path, settings);
    let dataset = read(&description.settings())?;
    description.bad_rows(&dataset);
    description.rules = Some(rules(&dataset));
    let settings = description.settings();
    let dataset = read(&settings)?;
    fs::write(&path, &settings).map_err(Error::io("write", &path))?;
    let mut notes = description.notes();
    notes.extend(dataset.notes());
    Ok(InitReport { settings, notes })
}

/// The files of a folder by their names.
struct Seen {
    looks: Vec<Look>,
    /// Those that are no table, and why.
    unread: Vec<(String, String)>,
}

fn looks(folder: &Path) -> Result<Seen> {
    const EXTENSIONS: [&str; 7] = ["csv", "tsv", "tab", "txt", "dat", "psv", "data"];
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("read", folder))?.file_name();
        names.extend(name.into_string());
    }
    names.sort();
    let (mut looks, mut unread) = (Vec::new(), Vec::new());
    for name in names {
        let lower = name.to_lowercase();
        let plain = lower.strip_suffix(".gz").or(lower.strip_suffix(".zst")).unwrap_or(&lower);
        let is_table = plain.rsplit_once('.').is_some_and(|(_, end)| EXTENSIONS.contains(&end));
        let path = folder.join(&name);
        if !is_table || !path.is_file() || lower.contains("readme") {
            continue;
        }
        match look(&path, roles::is_usual) {
            Ok(found) => looks.push(found),
            Err(Error::Data { problem, .. }) => unread.push((name, problem)),
            Err(error) => return Err(error),
        }
    }
    Ok(Seen { looks, unread })
}

/// The folder as these settings have it, without broken rows.
fn read_with(folder: &Path, path: &Path, settings: &str) -> Result<Dataset> {
    let options = OpenOptions { skip_bad_rows: Some(usize::MAX) };
    Dataset::read(folder, &options, &|file| match file == path {
        true => Ok(Box::new(Cursor::new(settings.as_bytes().to_vec())) as Box<dyn Read>),
        false => source::open(file),
    })
}

/// Rules under which many users of the training part make a task.
fn rules(dataset: &Dataset) -> TaskRules {
    let users = dataset.scenario(Scenario::ExistingUsersExistingItems);
    TaskRules::fitting(users.iter().map(|user| user.ratings.len()))
}
