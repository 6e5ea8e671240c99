//! Guesses of a `dataset.toml` by the looks of files.

#![cfg(feature = "train")]

use std::fmt::Write;
use std::fs;

use melu::data::{Dataset, Feedback, InitReport, TableKind, init_folder};
use tempfile::TempDir;

fn folder(files: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// What was guessed, and the folder as it is read by it.
#[track_caller]
fn guessed(files: &[(&str, String)]) -> (InitReport, Dataset) {
    let folder = folder(files);
    let report = init_folder(folder.path(), false).unwrap_or_else(|error| panic!("{error}"));
    let written = fs::read_to_string(folder.path().join("dataset.toml")).unwrap();
    assert_eq!(written, report.settings);
    let dataset = Dataset::open(folder.path());
    (report, dataset.unwrap_or_else(|error| panic!("{error}: {written}")))
}

#[track_caller]
fn has(report: &InitReport, told: &[&str]) {
    for told in told {
        assert!(report.settings.contains(told), "{told} is missing from {}", report.settings);
    }
}

fn users() -> String {
    let row = |user: u32| {
        format!("u{user},{},{}\n", ["Oslo", "Bern", "NA"][user as usize % 3], 20 + user % 25)
    };
    format!("user_id,city,age\n{}", (0..30).map(row).collect::<String>())
}

fn items() -> String {
    let mut text = String::from("item_id,title,genres,price,description,shop,added\n");
    for item in 0..40_u32 {
        let genres = ["war|drama", "drama", "comedy|war", "comedy"][item as usize % 4];
        let price = 2.5 * 4_f64.powi((item % 13) as i32);
        let text = &mut text;
        writeln!(
            text,
            "i{item},Title {item},{genres},{price},All about {item},ours,2020-01-0{}",
            1 + item % 9
        )
        .unwrap();
    }
    text
}

fn rows(mut row: impl FnMut(u32, u32) -> String) -> String {
    let pairs =
        (0..30).flat_map(|user| (0..16).map(move |step| (user, (user * 7 + step * 3) % 40)));
    pairs.map(|(user, item)| row(user, item)).collect()
}

fn ratings() -> String {
    let rows = rows(|user, item| {
        format!("u{user},i{item},{}.5,{}\n", (user + item) % 5, 90_000_000 + 13_000_000 * item)
    });
    format!("user_id,item_id,rating,timestamp\n{rows}")
}

#[test]
fn names_and_values_say_what_files_and_columns_are() {
    let files = [("people.csv", users()), ("films.csv", items()), ("log.csv", ratings())];
    let (report, dataset) = guessed(&files);
    has(
        &report,
        &[
            "[users]\nfile = \"people.csv\"\nid = \"user_id\"",
            "[items]\nfile = \"films.csv\"\nid = \"item_id\"\ntitle = \"title\"",
            "[ratings]\nfile = \"log.csv\"\nuser = \"user_id\"\nitem = \"item_id\"",
            "value = \"rating\"\ntime = \"timestamp\"",
            "# Or by time, instead: the newest fifth of the log is kept",
            "\n# after = { fraction = 0.2 }\n",
            "# Skewed: it is read by its logarithm.\n[[items.fields]]\nname = \"price\"",
            "Column \"description\" was left out: nearly each row has another value",
            "Column \"shop\" was left out: it is always the same",
            "Column \"added\" was left out: dates",
        ],
    );
    let kinds = |table: &melu::data::Table| -> Vec<(String, TableKind)> {
        table.fields().iter().map(|field| (field.name.clone(), field.kind)).collect()
    };
    let expected = [("city".into(), TableKind::One), ("age".into(), TableKind::Numeric)];
    assert_eq!(kinds(&dataset.users), expected);
    let expected = [("genres".into(), TableKind::Multi), ("price".into(), TableKind::Numeric)];
    assert_eq!(kinds(&dataset.items), expected);
    assert!(matches!(dataset.feedback, Feedback::Ratings { .. }));
    assert!(dataset.new_users.iter().any(|new| *new) && dataset.new_items.iter().any(|new| *new));
}

#[test]
fn dialects_are_found() {
    let headless = |text: String| text.split_once('\n').unwrap().1.to_owned();
    let plain = |text: &str| text.to_owned();
    let semicolons = |text: &str| text.replace(',', ";").replace('.', ",");
    for (change, told) in [
        (&plain as &dyn Fn(&str) -> String, None),
        (&semicolons, Some("format = { delimiter = \";\", decimal = \",\" }")),
        (&|text: &str| text.replace(',', "\t"), Some("delimiter = \"\\t\"")),
        (&|text: &str| text.replace('|', "+").replace(',', "::"), Some("delimiter = \"::\"")),
        (&|text: &str| text.replace('|', "/").replace(',', "|"), Some("separator = \"/\"")),
    ] {
        let files = [
            ("users.csv", change(&users())),
            ("items.csv", change(&items())),
            ("log.csv", change(&ratings())),
        ];
        let (report, dataset) = guessed(&files);
        has(&report, told.as_slice());
        let (_, expected) =
            guessed(&[("users.csv", users()), ("items.csv", items()), ("log.csv", ratings())]);
        assert_eq!(dataset.ratings, expected.ratings);
        assert_eq!(dataset.users, expected.users);
        assert_eq!(dataset.items.titles(), expected.items.titles());

        let without = files.map(|(file, text)| (file, headless(text)));
        let (report, dataset) = guessed(&without);
        has(&report, &["header = false", "user = 1\nitem = 2\nvalue = 3\ntime = 4"]);
        assert_eq!(dataset.ratings, expected.ratings);
        assert_eq!(dataset.items.titles(), expected.items.titles());
        assert_eq!(dataset.users.fields().len(), 2);
    }
}

#[test]
fn logs_without_ratings_or_tables_are_interactions() {
    let events = format!(
        "event_id;event_time;event_type;product;customer;price\n{}",
        rows(|user, item| format!(
            "e{user}x{item};2020-02-0{}T10:00:00;view;p{item};c{user};{item},99\n",
            1 + item % 9
        ))
    );
    let files = [("events.csv", events)];
    let (report, dataset) = guessed(&files);
    has(
        &report,
        &[
            "[interactions]",
            "user = \"customer\"\nitem = \"product\"\ntime = \"event_time\"",
            "No file describes users",
        ],
    );
    assert!(!report.settings.contains("value ="));
    // What the comment suggests works.
    let by_time = |line: &str| {
        let line = if line.starts_with("new_") { "" } else { line };
        line.strip_prefix("# after").map_or(line.to_owned(), |rest| format!("after{rest}"))
    };
    let settings: Vec<String> = report.settings.lines().map(by_time).collect();
    let folder = folder(&files);
    fs::write(folder.path().join("dataset.toml"), settings.join("\n")).unwrap();
    assert!(Dataset::open(folder.path()).unwrap().boundary().is_some());
    assert_eq!(
        (dataset.users.len(), dataset.items.len(), dataset.feedback),
        (30, 40, Feedback::PositiveOnly)
    );

    let plays = rows(|user, item| format!("u{user}\ta{item}\t{}\n", 1 + user * item));
    let (report, dataset) = guessed(&[("plays.tsv", plays)]);
    has(
        &report,
        &["[interactions]", "user = 1\nitem = 2\nvalue = 3", "format = { header = false }"],
    );
    assert_eq!(dataset.feedback, Feedback::PositiveOnly);

    let clicks = format!("user,item,click\n{}", rows(|user, item| format!("{user},{item},1\n")));
    let (report, _) = guessed(&[("clicks.csv", clicks)]);
    has(&report, &["[interactions]", "Column \"click\" was left out: it is always the same"]);
}

#[test]
fn broken_rows_and_other_files_do_not_stop_it() {
    let files = [
        ("users.csv", users()),
        ("items.csv", items()),
        ("log.csv", format!("{}u1,gone,4,1500000000\nu1,i1,bad,1500000000\n", ratings())),
        ("notes.txt", "Some words about all this,\nand no table.\n".into()),
        ("old.csv", String::new()),
        ("photo.png", "\u{1}\u{2}".into()),
    ];
    let (report, dataset) = guessed(&files);
    has(&report, &["skip_bad_rows = 2", "of an unknown item", "old.csv was left out: it is empty"]);
    assert_eq!(dataset.report.bad_rows.len(), 2);
    assert_eq!(dataset.ratings.len(), 480);
}

#[test]
fn nothing_is_written_over_without_force() {
    let folder = folder(&[("log.csv", ratings()), ("dataset.toml", "mine".into())]);
    let message = init_folder(folder.path(), false).unwrap_err().to_string();
    assert!(message.contains("--force"), "{message}");
    assert_eq!(fs::read_to_string(folder.path().join("dataset.toml")).unwrap(), "mine");
    init_folder(folder.path(), true).unwrap();
    Dataset::open(folder.path()).unwrap();
}

#[test]
fn folders_without_a_log_are_refused() {
    for files in [vec![], vec![("words.txt", String::from("a\nb\n"))]] {
        let folder = folder(&files);
        let message = init_folder(folder.path(), false).unwrap_err().to_string();
        assert!(message.contains("looks like a log"), "{message}");
        assert!(!folder.path().join("dataset.toml").exists());
    }
    init_folder(std::path::Path::new("not/there"), false).unwrap_err();
    let folder = folder(&[]);
    let wide: Vec<u8> = ratings().encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(folder.path().join("log.csv"), wide).unwrap();
    let message = init_folder(folder.path(), false).unwrap_err().to_string();
    assert!(message.contains("log.csv, which is encoded in UTF-16LE"), "{message}");
}
