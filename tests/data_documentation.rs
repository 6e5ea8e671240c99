//! docs/data.md: its folders are read as it says, and it has all keys.

#![cfg(feature = "train")]

mod pages;

use std::fs;
use std::path::Path;

use melu::data::{Dataset, Feedback};
use pages::{blocks, page};
use tempfile::TempDir;

/// The page's folders: each begins with a `dataset.toml`.
fn folders() -> Vec<TempDir> {
    let mut folders: Vec<TempDir> = Vec::new();
    for block in blocks("docs/data.md") {
        let Some(file) = block.file else { continue };
        if file == "dataset.toml" {
            folders.push(tempfile::tempdir().unwrap());
        }
        fs::write(folders.last().unwrap().path().join(file), block.text).unwrap();
    }
    folders
}

fn named(dataset: &Dataset) -> Vec<(&str, &str, f32)> {
    let ratings = dataset.ratings.iter().map(|rating| {
        let user = dataset.users.ids().get(rating.user as usize).unwrap();
        (user, dataset.items.ids().get(rating.item as usize).unwrap(), rating.value)
    });
    ratings.collect()
}

#[test]
fn the_folders_are_read_as_the_page_says() {
    let folders = folders();
    let [club, listens] = &folders[..] else { panic!("{} folders", folders.len()) };
    let club = Dataset::open(club.path()).unwrap();
    assert_eq!(club.feedback, Feedback::Ratings { liked: 4.0 });
    assert_eq!(named(&club), [("ann", "salt", 4.5), ("ben", "salt", 5.0), ("ben", "moon", 2.0)]);
    assert_eq!(club.new_items, [false, true]);
    assert_eq!((club.users.fields().len(), club.items.fields().len()), (1, 2));
    assert_eq!(club.items.titles().unwrap().get(0), Some("Salt, and Water"));

    let listens = Dataset::open(listens.path()).unwrap();
    assert_eq!(listens.feedback, Feedback::PositiveOnly);
    assert_eq!(named(&listens), [("u1", "Air", 12.0), ("u2", "Air", 7.0)]);
    // The defaults that the page names, which the first folder writes out.
    assert_eq!(listens.rules, club.rules);
}

/// The keys that a reader knows, by its own message about one that it does not.
fn known(folder: &Path, settings: &str) -> Vec<String> {
    fs::write(folder.join("dataset.toml"), settings).unwrap();
    let message = Dataset::open(folder).unwrap_err().to_string();
    assert!(message.contains("`unheard-of`"), "{message}");
    let known: Vec<String> = message.split('`').skip(3).step_by(2).map(Into::into).collect();
    assert!(!known.is_empty(), "{message}");
    known
}

#[test]
fn all_keys_are_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = page("docs/data.md");
    let table = page.split("| --- | --- |").nth(1).unwrap().split("\n\n").next().unwrap();
    for key in known(folder.path(), "unheard-of = 1\n") {
        let listed = [format!("`{key}`"), format!("`[{key}]`")];
        assert!(listed.iter().any(|listed| table.contains(listed)), "{key}");
    }
    for section in ["users", "items", "ratings", "interactions", "format", "split", "tasks"] {
        let begin = table.find(&format!("`[{section}]`")).unwrap();
        let end = table[begin..].match_indices("\n| `").next().map(|(place, _)| begin + place);
        let rows = &table[begin..end.unwrap_or(table.len())];
        for key in known(folder.path(), &format!("name = \"x\"\n[{section}]\nunheard-of = 1\n")) {
            assert!(rows.contains(&format!("`{key}`")), "[{section}] {key} is not in: {rows}");
        }
    }
}
