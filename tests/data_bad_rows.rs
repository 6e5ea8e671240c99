//! Broken rows: counted by reason, and left out if so many may be.

#![cfg(feature = "train")]

use std::fs;

use melu::data::{Dataset, OpenOptions};
use melu::{Place, Result};
use tempfile::TempDir;

const SETTINGS: &str = r#"name = "t"
[users]
file = "users.csv"
id = "id"
[items]
file = "items.csv"
id = "id"
[[items.fields]]
name = "year"
kind = "numeric"
[ratings]
file = "log.csv"
user = "user"
item = "item"
value = "value"
time = "when"
"#;
const USERS: &str = "id\nu1\nu2\n";
const ITEMS: &str = "id,year\na,1990\nb,\nc,2001\n";
const LOG: &str = "user,item,value,when\nu1,a,4,1\nu1,b,2,2\nu2,a,1,3\n";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
            .with("dataset.toml", SETTINGS)
            .with("users.csv", USERS)
            .with("items.csv", ITEMS)
            .with("log.csv", LOG)
    }

    fn with(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.path().join(file), content).unwrap();
        self
    }

    fn open(&self, skip_bad_rows: Option<usize>) -> Result<Dataset> {
        Dataset::open_with(self.0.path(), &OpenOptions { skip_bad_rows })
    }

    #[track_caller]
    fn skipping(&self, count: usize) -> Dataset {
        let dataset = self.open(Some(count)).unwrap_or_else(|error| panic!("{error}"));
        let left_out: usize = dataset.report.bad_rows.iter().map(|kind| kind.rows).sum();
        assert_eq!(left_out, count, "{:?}", dataset.report.bad_rows);
        // One fewer is too few.
        if count > 0 {
            self.open(Some(count - 1)).unwrap_err();
            self.open(None).unwrap_err();
        }
        dataset
    }

    #[track_caller]
    fn refusal(&self) -> String {
        let message = self.open(None).unwrap_err().to_string();
        message.replace(&format!("{}{}", self.0.path().display(), std::path::MAIN_SEPARATOR), "")
    }
}

#[test]
fn broken_rows_of_each_kind_are_left_out() {
    let sound = Folder::new().skipping(0);
    assert!(sound.report.bad_rows.is_empty() && sound.report.orphans == 0);
    for (file, row, reason, line, column, value) in [
        ("users.csv", &b"u3,u4"[..], "another number of cells", 4, None, "\"u3,u4\""),
        ("users.csv", b"\"\"", "an empty id", 4, Some("id"), "\"\""),
        ("users.csv", b"u1", "the id of an earlier row", 4, Some("id"), "\"u1\""),
        ("users.csv", b"u\xff", "not in UTF-8", 4, Some("id"), "\"u\u{fffd}\""),
        ("items.csv", b"d,19x0", "a number that is none", 5, Some("year"), "\"19x0\""),
        ("log.csv", b"u1,c,4", "another number of cells", 5, None, "\"u1,c,4\""),
        ("log.csv", b"u9,c,4,1", "an unknown user", 5, Some("user"), "\"u9\""),
        ("log.csv", b"u1,z,4,1", "an unknown item", 5, Some("item"), "\"z\""),
        ("log.csv", b",c,4,1", "an unknown user", 5, Some("user"), "\"\""),
        ("log.csv", b"u1,c,good,1", "a value that is none", 5, Some("value"), "\"good\""),
        ("log.csv", b"u1,c,,1", "a value that is none", 5, Some("value"), "\"\""),
        ("log.csv", b"u1,c,4,noon", "a time that is none", 5, Some("when"), "\"noon\""),
    ] {
        let text = match file {
            "users.csv" => USERS,
            "items.csv" => ITEMS,
            _ => LOG,
        };
        let folder = Folder::new().with(file, [text.as_bytes(), row, b"\n"].concat());
        let dataset = folder.skipping(1);
        assert_eq!((&dataset.ratings, &dataset.users), (&sound.ratings, &sound.users), "{file}");
        assert_eq!(dataset.items.ids(), sound.items.ids());
        assert_eq!(dataset.report.rows_read, 3);
        let [kind] = &dataset.report.bad_rows[..] else { panic!() };
        assert_eq!((kind.place, kind.column.as_deref()), (Some(Place::Line(line)), column));
        assert!(kind.file.ends_with(file) && kind.reason.ends_with(reason), "{kind:?}");
        assert!(kind.problem.contains(value), "{kind:?}");
        let note = &dataset.notes()[0];
        assert!(
            note.starts_with("1 row ") && note.contains(&format!("{reason} was left out")),
            "{note}"
        );
        assert!(note.contains(&format!("{file}, line {line}")) && note.contains(value), "{note}");
        let message = folder.refusal();
        assert!(message.starts_with(&format!("{file}, line {line}")), "{message}");
        assert!(message.contains(value), "{message}");
        assert!(
            message.ends_with("--skip-bad-rows 1") && !message.contains("rows are"),
            "{message}"
        );
    }
}

#[test]
fn strengths_that_are_none_are_left_out() {
    let settings = SETTINGS.replace("[ratings]", "[interactions]");
    let log = format!("{LOG}u1,c,0,1\nu1,c,-2,1\nu1,c,many,1\n");
    let dataset = Folder::new().with("dataset.toml", settings).with("log.csv", log).skipping(3);
    let kinds: Vec<_> =
        dataset.report.bad_rows.iter().map(|k| (k.reason, k.rows, k.place)).collect();
    let expected = [
        ("with a strength that is not above 0", 2, Some(Place::Line(5))),
        ("with a value that is none", 1, Some(Place::Line(7))),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn all_kinds_are_counted_at_once() {
    let folder = Folder::new()
        .with("users.csv", format!("{USERS}u1\nu2\n"))
        .with("log.csv", format!("{LOG}u1,z,4,1\n\nu7,a,4,1\nu1,c,x,1\nu1,y,4,1\nu1,x,4,1\n"));
    let message = folder.refusal();
    assert!(message.starts_with("users.csv, line 4, column \"id\": \"u1\" is also"), "{message}");
    for told in [
        "7 rows are broken",
        "2 with the id of an earlier row in users.csv",
        "3 of an unknown item (first: log.csv, line 5, column \"item\": \"z\"",
        "1 of an unknown user (first: log.csv, line 7, column \"user\": \"u7\"",
        "1 with a value that is none (first: log.csv, line 8",
        "`skip_bad_rows = 7` in [format] or --skip-bad-rows 7",
    ] {
        assert!(message.contains(told), "\"{told}\" is missing from: {message}");
    }
    let some = folder.open(Some(3)).unwrap_err().to_string();
    assert!(some.ends_with("--skip-bad-rows 7, instead of 3"), "{some}");
    let dataset = folder.skipping(7);
    assert_eq!(dataset.ratings, Folder::new().skipping(0).ratings);
    assert_eq!(dataset.notes().iter().filter(|note| note.contains("left out")).count(), 4);
}

#[test]
fn the_folder_may_say_how_many() {
    let log = format!("{LOG}u1,z,4,1\nu1,y,4,1\n");
    let allow = |count| format!("{SETTINGS}[format]\nskip_bad_rows = {count}\n");
    let folder = Folder::new().with("log.csv", log).with("dataset.toml", allow(2));
    assert_eq!(folder.open(None).unwrap().report.bad_rows[0].rows, 2);
    folder.open(Some(1)).unwrap_err();
    let folder = folder.with("dataset.toml", allow(1));
    folder.open(None).unwrap_err();
    folder.open(Some(2)).unwrap();
}

#[test]
fn what_hangs_on_a_broken_row_goes_with_it() {
    // One broken item takes its ratings along, and its place among the new ones.
    let folder = Folder::new()
        .with("items.csv", ITEMS.replace("b,", "b,soon"))
        .with("new.txt", "b\nc\n")
        .with("dataset.toml", format!("{SETTINGS}[split]\nnew_items = {{ file = \"new.txt\" }}\n"));
    let dataset = folder.skipping(1);
    assert_eq!((dataset.report.orphans, dataset.ratings.len(), dataset.items.len()), (1, 2, 2));
    assert_eq!(dataset.new_items, [false, true]);
    assert!(dataset.notes().iter().any(|note| note.starts_with("1 ratings of users or items")));
    let folder = folder.with("new.txt", "b\nc\nq\n");
    let dataset = folder.skipping(2);
    assert_eq!(dataset.report.bad_rows[1].place, Some(Place::Line(3)));
    // It may come again, and whole.
    let items = format!("{}b,1999\n", ITEMS.replace("b,", "b,soon"));
    let dataset = Folder::new().with("items.csv", items).skipping(1);
    assert_eq!((dataset.report.orphans, dataset.ratings.len(), dataset.items.len()), (0, 3, 3));
}

#[test]
fn nothing_is_left_out_unseen() {
    // A quote that is not closed takes the lines after it along: they all count.
    let log = format!("{LOG}u1,\"c,4,1\nu2,b,3,1\nu2,c,2,1\n");
    let folder = Folder::new().with("log.csv", log);
    folder.open(Some(1)).unwrap_err();
    // Rows without any sound one are no data.
    let folder = Folder::new().with("log.csv", "user,item,value,when\nu1,z,4,1\nu8,a,4,1\n");
    let message = folder.open(Some(9)).unwrap_err().to_string();
    assert!(message.contains("2 rows are broken"), "{message}");
    let folder = Folder::new().with("users.csv", "id\n\"\"\n");
    assert!(folder.open(Some(9)).unwrap_err().to_string().contains("\"\" is empty"));
}

/// Counting lines anew for each would read some 10^11 bytes.
#[test]
fn lines_are_not_counted_for_each_broken_row() {
    let log = format!("{LOG}{}", "u1,z,4,1\n".repeat(300_000));
    let dataset = Folder::new().with("log.csv", log).skipping(300_000);
    assert_eq!(dataset.report.bad_rows[0].place, Some(Place::Line(5)));
}
