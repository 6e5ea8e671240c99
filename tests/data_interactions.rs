//! What users did, as ratings or as positive-only interactions, and whose it is where
//! there are no tables.

#![cfg(feature = "train")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use melu::data::{Dataset, Feedback, Scenario};
use melu::model::schema::Strings;
use melu::{Error, Result};
use proptest::prelude::*;
use tempfile::TempDir;

/// What follows the name in a `dataset.toml`.
const RATINGS: &str =
    "[ratings]\nfile=\"log.csv\"\nuser=\"user\"\nitem=\"item\"\nvalue=\"stars\"\n";
const INTERACTIONS: &str = "[interactions]\nfile=\"log.csv\"\nuser=\"user\"\nitem=\"item\"\n";
const PLAYS: &str = "value=\"plays\"\n";
const TABLES: &str =
    "[users]\nfile=\"users.csv\"\nid=\"id\"\n[items]\nfile=\"items.csv\"\nid=\"id\"\n";

/// A folder with these settings, this log, and users and items that the settings may name.
fn folder(settings: &str, log: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    write("dataset.toml", &format!("name = \"log\"\n{settings}"));
    write("log.csv", log);
    write("users.csv", "id,age\nv,9\nu,8\nw,7\n");
    write("items.csv", "id,year\nb,1\na,2\nc,3\n");
    write("listed.txt", "v\n");
    folder
}

fn open(settings: &str, log: &str) -> Result<Dataset> {
    Dataset::open(folder(settings, log).path())
}

/// Checks that a folder is refused where and as it should be.
#[track_caller]
fn refused(settings: &str, log: &str, place: &str, told: &str) {
    let folder = folder(settings, log);
    let error = Dataset::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Data { .. }), "{error:?}");
    let own = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    let message = error.to_string().replace(&own, "");
    assert!(message.starts_with(&format!("{place}: ")), "{place} is not where: {message}");
    assert!(message.contains(told), "\"{told}\" is missing from: {message}");
}

fn ids(ids: &Strings) -> Vec<&str> {
    ids.iter().collect()
}

/// All interactions by name.
fn named(dataset: &Dataset) -> Vec<(&str, &str, f32)> {
    dataset
        .ratings
        .iter()
        .map(|rating| {
            let user = dataset.users.ids().get(rating.user as usize).unwrap();
            let item = dataset.items.ids().get(rating.item as usize).unwrap();
            (user, item, rating.value)
        })
        .collect()
}

#[test]
fn interactions_need_no_values_and_no_tables() {
    let dataset = open(INTERACTIONS, "user,item\nv,b\nu,b\nv,a\nv,b\n").unwrap();
    assert_eq!(dataset.feedback, Feedback::PositiveOnly);
    assert_eq!(
        (ids(dataset.users.ids()), ids(dataset.items.ids())),
        (vec!["u", "v"], vec!["a", "b"])
    );
    for table in [&dataset.users, &dataset.items] {
        assert!(table.fields().is_empty() && table.titles().is_none());
    }
    assert_eq!(named(&dataset), [("u", "b", 1.0), ("v", "a", 1.0), ("v", "b", 1.0)]);
    assert_eq!((dataset.users.find("v"), dataset.users.find("b")), (Some(1), None));
    let report = &dataset.report;
    assert_eq!((report.rows_read, report.duplicates, report.alike), (4, 1, None));
    let [note] = &dataset.notes()[..] else { panic!() };
    assert!(note.starts_with("1 interactions repeat earlier ones"), "{note}");
    assert_eq!(
        (&dataset.new_users[..], &dataset.new_items[..]),
        (&[false; 2][..], &[false; 2][..])
    );
}

#[test]
fn values_of_interactions_are_strengths_which_add_up() {
    let log = "user,item,plays,when\nv,b,2,9\nu,b,0.5,8\nv,b,40,7\n";
    for settings in [
        format!("{INTERACTIONS}{PLAYS}"),
        format!("{INTERACTIONS}{PLAYS}time=\"when\"\n"),
        format!("{INTERACTIONS}{PLAYS}{TABLES}"),
    ] {
        let dataset = open(&settings, log).unwrap();
        let mut found = named(&dataset);
        found.sort_by(|a, b| a.0.cmp(b.0));
        assert_eq!(found, [("u", "b", 0.5), ("v", "b", 42.0)]);
        assert_eq!(dataset.feedback, Feedback::PositiveOnly);
        // Each is a choice, however weak.
        assert!(dataset.ratings.iter().all(|rating| dataset.feedback.is_liked(rating.value)));
    }
    // The same strength throughout is one still.
    let dataset = open(&format!("{INTERACTIONS}{PLAYS}"), "user,item,plays\nv,b,3\nu,b,3\n");
    assert_eq!(named(&dataset.unwrap()), [("u", "b", 3.0), ("v", "b", 3.0)]);
}

#[test]
fn tables_keep_their_order_and_those_without_interactions() {
    let dataset = open(&format!("{INTERACTIONS}{TABLES}"), "user,item\nu,a\n").unwrap();
    assert_eq!(ids(dataset.users.ids()), ["v", "u", "w"]);
    assert_eq!(ids(dataset.items.ids()), ["b", "a", "c"]);
    let half = &TABLES[TABLES.find("[items]").unwrap()..];
    let dataset = open(&format!("{RATINGS}{half}"), "user,item,stars\nz,a,1\ny,c,2\n").unwrap();
    assert_eq!((ids(dataset.users.ids()), dataset.items.len()), (vec!["y", "z"], 3));
    assert_eq!(named(&dataset), [("y", "c", 2.0), ("z", "a", 1.0)]);
}

#[test]
fn ratings_that_are_all_alike_are_positive_only() {
    for (value, log) in [
        (1.0, "user,item,stars\nv,b,1\nu,b,1.0\nv,a,1\n"),
        (5.0, "user,item,stars\nv,b,2\nv,b,5\nu,b,5\nv,a,5\n"),
        (-2.5, "user,item,stars\nv,b,-2.5\nu,b,-2.5\nv,a,-2.5\n"),
    ] {
        let dataset = open(RATINGS, log).unwrap();
        assert_eq!((dataset.feedback, dataset.report.alike), (Feedback::PositiveOnly, Some(value)));
        assert_eq!(named(&dataset), [("u", "b", 1.0), ("v", "a", 1.0), ("v", "b", 1.0)]);
        let note = dataset.notes()[0].clone();
        assert!(note.starts_with(&format!("all ratings are {value}: ")), "{note}");
        assert!(note.contains("positive-only"), "{note}");
    }
    let dataset = open(RATINGS, "user,item,stars\nv,b,1\nu,b,0\n").unwrap();
    assert_eq!((dataset.feedback, dataset.report.alike), (Feedback::Ratings { liked: 0.75 }, None));
}

#[test]
fn what_is_liked_is_said_or_follows_from_what_training_sees() {
    let log = "user,item,stars\nv,b,1\nv,a,10\nu,b,2\nu,a,6\n";
    let liked = |more: &str| match open(&format!("{RATINGS}{more}"), log).unwrap().feedback {
        Feedback::Ratings { liked } => liked,
        other => panic!("{other:?}"),
    };
    assert_eq!(liked(""), 1.0 + 0.75 * 9.0);
    assert_eq!(liked("[split]\nnew_users = { file = \"listed.txt\" }\n"), 2.0 + 0.75 * 4.0);
    // Where training sees nothing, or one value, all are asked.
    assert_eq!(liked("[split]\nnew_users = { fraction = 1, seed = 0 }\n"), 7.75);
    for (said, value) in [("4", 4.0), ("1", 1.0), ("10.0", 10.0), ("6.5", 6.5)] {
        assert_eq!(liked(&format!("liked = {said}\n")), value);
    }
    let dataset = open(&format!("{RATINGS}liked = 6\n"), log).unwrap();
    assert_eq!(dataset.notes()[0], "a rating of 6 or more counts as liked");
    assert_eq!(dataset.inside(0).feedback, dataset.feedback);
    for (said, shown) in [("0.5", "0.5"), ("10.5", "10.5"), ("nan", "NaN"), ("inf", "inf")] {
        let told = format!("[ratings] liked = {shown} is not within the ratings");
        refused(&format!("{RATINGS}liked = {said}\n"), log, "dataset.toml", &told);
    }
    refused(
        &format!("{RATINGS}liked = 4\n"),
        "user,item,stars\nv,b,5\n",
        "dataset.toml",
        "from 5 to 5",
    );
}

#[test]
fn one_kind_of_table_is_expected() {
    let log = "user,item,stars\nv,b,1\n";
    let both = format!("{RATINGS}{INTERACTIONS}");
    refused(&both, log, "dataset.toml", "both [ratings] and [interactions]");
    refused(TABLES, log, "dataset.toml", "neither [ratings] nor [interactions]");
    for (settings, line, key) in [
        (format!("{INTERACTIONS}liked = 1\n"), 6, "liked"),
        (format!("{INTERACTIONS}values = \"plays\"\n"), 6, "values"),
        (format!("{RATINGS}like = 1\n"), 7, "like"),
        (format!("{RATINGS}liked = \"4\"\n"), 7, "4"),
        (INTERACTIONS.replace("user", "usr"), 4, "usr"),
        (INTERACTIONS.replace("interactions", "interaction"), 2, "interaction"),
        (INTERACTIONS.replace("item=", "#"), 2, "item"),
    ] {
        refused(&settings, log, &format!("dataset.toml, line {line}"), key);
    }
}

#[test]
fn broken_interactions_are_refused_with_their_place_and_value() {
    let plays = format!("{INTERACTIONS}{PLAYS}time=\"when\"\n");
    let listed = format!("{plays}{TABLES}");
    for (settings, row, column, told) in [
        (&plays, "u,b,0,1", "plays", "\"0\" is not a strength above 0"),
        (&plays, "u,b,-3,1", "plays", "\"-3\" is not a strength above 0"),
        (&plays, "u,b,1e-60,1", "plays", "\"1e-60\" is not a strength above 0"),
        (&plays, "u,b,,1", "plays", "\"\" is empty; a finite number above 0"),
        (&plays, "u,b,nan,1", "plays", "\"nan\" is not a finite number"),
        (&plays, "u,b,inf,1", "plays", "\"inf\" is not a finite number"),
        (&plays, "u,b,1e39,1", "plays", "\"1e39\" is not a finite number"),
        (&plays, "u,b,often,1", "plays", "\"often\" is not a finite number"),
        (&plays, "u,b,1,", "when", "\"\" is empty"),
        (&plays, "u,b,1,noon", "when", "\"noon\" is not a finite number"),
        (&plays, ",b,1,1", "user", "\"\" is empty; an id is expected"),
        (&plays, "u, ,1,1", "item", "\"\" is empty; an id is expected"),
        (&listed, "x,b,1,1", "user", "\"x\" is not an id of the users"),
        (&listed, "u,x,1,1", "item", "\"x\" is not an id of the items"),
    ] {
        let log = format!("user,item,plays,when\nv,b,1,1\n\n{row}\nv,a,1,1\n");
        refused(settings, &log, &format!("log.csv, line 4, column \"{column}\""), told);
    }
    let header = "user,item,plays,when\n";
    refused(&plays, header, "log.csv", "no interaction; at least one is expected");
    refused(&plays, &format!("{header}u,b,1\n"), "log.csv, line 2", "has 3 cells; 4");
    refused(
        &plays,
        "user,item,plays\nu,b,1\n",
        "log.csv, line 1, column \"when\"",
        "no such column",
    );
    let large = format!("{header}u,b,3e38,1\nu,b,3e38,2\n");
    refused(&plays, &large, "log.csv", "user \"u\" and item \"b\" add up to more than 3.4");
    let folder = folder(INTERACTIONS, "");
    fs::write(folder.path().join("log.csv"), b"user,item\nu,\xff\n").unwrap();
    let error = Dataset::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("line 2, column \"item\"") && error.contains("UTF-8"), "{error}");
}

#[test]
fn splits_do_without_tables_unless_they_name_a_column() {
    let log = "user,item\nv,b\nu,b\nw,a\nx,c\n";
    let new = |rule: &str| {
        let settings = format!("{INTERACTIONS}[split]\nnew_users = {rule}\n");
        open(&settings, log).unwrap().new_users
    };
    assert_eq!(new("{ file = \"listed.txt\" }"), [false, true, false, false]);
    assert_eq!(new("{ fraction = 0.5, seed = 3 }").iter().filter(|new| **new).count(), 2);
    for (key, table) in [("new_users", "users"), ("new_items", "items")] {
        let settings = format!("{INTERACTIONS}[split]\n{key} = {{ column = \"age\", from = 3 }}\n");
        let told = format!("{key} names the column \"age\" of a [{table}] table");
        refused(&settings, log, "dataset.toml", &told);
    }
    let settings = format!("{INTERACTIONS}[split]\nnew_items = {{ file = \"listed.txt\" }}\n");
    refused(&settings, log, "listed.txt, line 1", "\"v\" is not an id of the items");
}

proptest! {
    /// A folder without tables, read by melu and counted by hand.
    #[test]
    fn interactions_are_what_a_plain_count_finds(
        rows in prop::collection::vec(("[a-dé]{1,2}", "[x-z]{1,2}", 1u32..9), 1..60),
        weighted: bool,
        shuffled in any::<prop::sample::Index>(),
    ) {
        let log = |rows: &[(String, String, u32)]| -> String {
            let rows = rows.iter().map(|(user, item, plays)| format!("{user},{item},{plays}\n"));
            format!("user,item,plays\n{}", rows.collect::<String>())
        };
        let settings = format!(
            "{INTERACTIONS}{}[split]\nnew_users = {{ fraction = 0.3, seed = 1 }}\n\
             new_items = {{ fraction = 0.3, seed = 1 }}\n",
            if weighted { PLAYS } else { "" },
        );
        let dataset = open(&settings, &log(&rows)).unwrap();

        let mut expected: BTreeMap<(&str, &str), f32> = BTreeMap::new();
        for (user, item, plays) in &rows {
            let strength = expected.entry((user, item)).or_insert(0.0);
            *strength = if weighted { *strength + *plays as f32 } else { 1.0 };
        }
        let users: BTreeSet<&str> = rows.iter().map(|row| row.0.as_str()).collect();
        let items: BTreeSet<&str> = rows.iter().map(|row| row.1.as_str()).collect();
        prop_assert_eq!(ids(dataset.users.ids()), users.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(ids(dataset.items.ids()), items.iter().copied().collect::<Vec<_>>());
        let plain: Vec<_> = expected.iter().map(|(pair, value)| (pair.0, pair.1, *value)).collect();
        prop_assert_eq!(named(&dataset), plain);
        prop_assert_eq!(dataset.report.duplicates, rows.len() - expected.len());
        let total: usize = Scenario::ALL
            .iter()
            .flat_map(|scenario| dataset.scenario(*scenario))
            .map(|group| group.ratings.len())
            .sum();
        prop_assert_eq!(total, expected.len());

        // In which order the rows stand does not matter.
        let mut other = rows.clone();
        other.rotate_left(shuffled.index(rows.len()));
        other.reverse();
        prop_assert_eq!(open(&settings, &log(&other)).unwrap(), dataset);
    }
}

proptest! {
    /// Whatever a file holds, it is read or refused.
    #[test]
    fn no_log_does_harm(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&b"\n\r\",uvb1e-.=[]"[..])],
            0..100,
        ),
        file in prop::sample::select(vec!["dataset.toml", "log.csv", "listed.txt"]),
    ) {
        let settings =
            format!("{INTERACTIONS}{PLAYS}[split]\nnew_users = {{ file = \"listed.txt\" }}\n");
        let folder = folder(&settings, "user,item,plays\nv,b,1\nu,a,2\n");
        let path = folder.path().join(file);
        let content = [fs::read(&path).unwrap(), bytes].concat();
        fs::write(&path, content).unwrap();
        if let Ok(dataset) = Dataset::open(folder.path()) {
            prop_assert!(dataset.ratings.iter().all(|rating| rating.value > 0.0));
            prop_assert!(dataset.ratings.iter().all(|rating| rating.value.is_finite()));
            prop_assert_eq!(dataset.feedback, Feedback::PositiveOnly);
        }
    }
}

/// The data set of listens that lies beside MovieLens 1M.
#[test]
fn a_real_log_is_read_whole() {
    let beside = std::env::var_os("MELU_DATA").map(PathBuf::from);
    let folder = beside.as_deref().and_then(Path::parent).map(|folder| folder.join("lastfm"));
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        common::skipped("MELU_DATA does not name a folder with Last.fm's lastfm beside it");
        return;
    };
    let dataset = Dataset::open(&folder).unwrap();
    let text = fs::read_to_string(folder.join("interactions.csv")).unwrap();
    let pairs: BTreeSet<&str> = text.lines().skip(1).collect();
    let users: BTreeSet<&str> = pairs.iter().map(|pair| pair.split(',').next().unwrap()).collect();
    assert_eq!((dataset.users.len(), users.len()), (1892, 1892));
    assert_eq!((dataset.ratings.len(), dataset.report.duplicates), (pairs.len(), 0));
    assert_eq!(dataset.feedback, Feedback::PositiveOnly);
    assert_eq!(dataset.items.fields()[0].name, "tags");
}
