//! Data folders: what is read, and how broken ones are refused.

#![cfg(feature = "train")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use melu::data::{Dataset, TableKind};
use melu::model::schema::{Entity, Field, FieldKind, NumberScale, Vocabulary};
use melu::{Error, Result};
use proptest::prelude::*;
use tempfile::TempDir;

const SETTINGS: &str = r#"name = "tiny"
[users]
file = "users.csv"
id = "id"
[[users.fields]]
name = "city"
[items]
file = "items.csv"
id = "id"
title = "title"
[[items.fields]]
name = "tags"
kind = "multi"
[[items.fields]]
name = "year"
kind = "numeric"
[ratings]
file = "ratings.csv"
user = "user"
item = "item"
value = "stars"
[format]
separator = "|"
[split]
new_users = { file = "new_users.txt" }
new_items = { column = "year", from = 2000 }
[tasks]
min_ratings = 2
max_ratings = 3
query = 1
"#;
const USERS: &str = "id,city,age\nu1,Oslo,30\nu2,,40\nu3,Bern,50\n";
const ITEMS: &str = "id,title,tags,year\n\
    a,\"Salt, and Water\",x|y,1990\n\
    b,\"The \"\"Second\"\"\",y | y||z,\n\
    c,,,2001.5\n";
const RATINGS: &str = "user,item,stars\nu2,b,3.5\nu1,a,4\nu1,c,2\nu2,a,1\n";
const LISTED: &str = "{ file = \"new_users.txt\" }";

/// A folder that lasts as long as this does.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
            .with("dataset.toml", SETTINGS)
            .with("users.csv", USERS)
            .with("items.csv", ITEMS)
            .with("ratings.csv", RATINGS)
            .with("new_users.txt", "u3\n")
    }

    fn with(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.path().join(file), content).unwrap();
        self
    }

    #[track_caller]
    fn settings(self, from: &str, to: &str) -> Self {
        assert!(SETTINGS.contains(from));
        self.with("dataset.toml", SETTINGS.replace(from, to))
    }

    fn timed(self) -> Self {
        self.settings("value = \"stars\"", "value = \"stars\"\ntime = \"when\"")
    }

    fn open(&self) -> Result<Dataset> {
        Dataset::open(self.0.path())
    }

    /// The message that the folder is refused with, its own path taken off.
    #[track_caller]
    fn refusal(&self) -> String {
        let error = self.open().unwrap_err();
        assert!(matches!(error, Error::Data { .. } | Error::Io { .. }), "{error:?}");
        let place = format!("{}{}", self.0.path().display(), std::path::MAIN_SEPARATOR);
        error.to_string().replace(&place, "")
    }
}

/// Checks that the message begins with the place, and what else it tells.
#[track_caller]
fn assert_refused(folder: Folder, place: &str, told: &str) {
    let message = folder.refusal();
    assert!(message.starts_with(&format!("{place}: ")), "{place} is not where: {message}");
    assert!(message.contains(told), "\"{told}\" is missing from: {message}");
}

fn assert_tiny(dataset: &Dataset) {
    assert_eq!(dataset.name, "tiny");
    assert_eq!(dataset.users.ids().iter().collect::<Vec<_>>(), ["u1", "u2", "u3"]);
    assert_eq!(dataset.users.find("u2"), Some(1));
    assert_eq!(dataset.users.find("u4"), None);
    assert!(dataset.users.titles().is_none());
    let titles = dataset.items.titles().unwrap();
    assert_eq!(titles.iter().collect::<Vec<_>>(), ["Salt, and Water", "The \"Second\"", ""]);

    let [city] = dataset.users.fields() else { panic!() };
    assert_eq!((city.name.as_str(), city.kind), ("city", TableKind::One));
    let names = city.vocabulary.as_ref().unwrap();
    assert_eq!(names.names().iter().collect::<Vec<_>>(), ["Bern", "Oslo"]);
    assert_eq!([0, 1, 2].map(|row| city.column.row(row).to_vec()), [vec![1], vec![], vec![0]]);

    let [tags, year] = dataset.items.fields() else { panic!() };
    assert_eq!(tags.vocabulary.as_ref().unwrap().names().iter().collect::<String>(), "xyz");
    let rows = [0, 1, 2].map(|row| tags.column.row(row).to_vec());
    assert_eq!(rows, [vec![0, 1], vec![1, 2], vec![]]);
    assert!(year.vocabulary.is_none());
    let rows = [0, 1, 2].map(|row| year.column.number(row));
    assert_eq!(rows, [Some(1990.0), None, Some(2001.5)]);

    let ratings: Vec<_> =
        dataset.ratings.iter().map(|rating| (rating.user, rating.item, rating.value)).collect();
    assert_eq!(ratings, [(0, 0, 4.0), (0, 2, 2.0), (1, 0, 1.0), (1, 1, 3.5)]);
    assert_eq!(dataset.new_users, [false, false, true]);
    assert_eq!(dataset.new_items, [false, false, true]);
    let rules = dataset.rules;
    assert_eq!((rules.min_ratings, rules.max_ratings, rules.query), (2, 3, 1));
    assert_eq!((dataset.report.rows_read, dataset.report.duplicates), (4, 0));
}

#[test]
fn reads_a_folder() {
    assert_tiny(&Folder::new().open().unwrap());
}

#[test]
fn byte_order_marks_line_ends_and_white_space_do_not_matter() {
    let disguise = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n").trim_end());
    let folder = Folder::new()
        .with("dataset.toml", disguise(SETTINGS))
        .with("users.csv", disguise(USERS).replace("city", " city "))
        .with("items.csv", disguise(ITEMS).replace("a,\"Salt", "\" a \",\"Salt"))
        .with("ratings.csv", disguise(RATINGS).replace("u1,a,4", " u1 ,a , 4 "))
        .with("new_users.txt", "\u{feff}\r\n  u3 \r\n\r\n");
    assert_tiny(&folder.open().unwrap());
}

#[test]
fn much_may_be_left_out() {
    let folder = Folder::new()
        .with(
            "dataset.toml",
            "name = \"bare\"\n[users]\nfile = \"users.csv\"\nid = \"id\"\n\
             [items]\nfile = \"items.csv\"\nid = \"id\"\n[ratings]\nfile = \"ratings.csv\"\n\
             user = \"user\"\nitem = \"item\"\nvalue = \"stars\"\n",
        )
        .with("users.csv", "id\n1\n")
        .with("items.csv", "id\n2\n3\n")
        .with("ratings.csv", "stars,item,user\n-7e2,2,1\n0,3,1\n");
    let dataset = folder.open().unwrap();
    assert!(dataset.users.fields().is_empty() && dataset.items.fields().is_empty());
    assert_eq!((&dataset.new_users[..], &dataset.new_items[..]), (&[false][..], &[false; 2][..]));
    let rules = dataset.rules;
    assert_eq!((rules.min_ratings, rules.max_ratings, rules.query), (13, 100, 10));
    assert_eq!(dataset.ratings[0].value, -700.0);
    assert_eq!(dataset.users.training_fields(|_| true), (vec![], vec![]));
}

#[test]
fn keys_of_the_settings_are_checked() {
    for (from, to, line, told) in [
        ("name = \"tiny\"", "name = 5", 1, "5"),
        ("title = \"title\"", "titel = \"title\"", 10, "titel"),
        ("kind = \"multi\"", "kind = \"many\"", 13, "many"),
        ("kind = \"multi\"", "kind = ", 13, ""),
        ("name = \"year\"", "name = \"tags\"", 11, "\"tags\" is listed twice"),
        ("name = \"year\"", "name = \"\"", 11, "name is empty"),
        ("value = \"stars\"", "", 17, "[ratings] has no value; the column of the ratings"),
        ("separator = \"|\"", "separator = \"\"", 23, "is empty"),
        (LISTED, "{ file = \"x\", seed = 1 }", 25, "exactly one of"),
        (LISTED, "{}", 25, "exactly one of"),
        (LISTED, "{ fraction = 0.5 }", 25, "exactly one of"),
        (LISTED, "{ lines = \"x\" }", 25, "lines"),
        (LISTED, "{ fraction = 1.5, seed = 1 }", 25, "1.5 is not within 0 to 1"),
        (LISTED, "{ fraction = nan, seed = 1 }", 25, "NaN is not within 0 to 1"),
        ("from = 2000", "from = inf", 26, "exactly one of"),
        ("from = 2000", "from = \"2000\"", 26, "2000"),
        ("query = 1", "query = 0", 27, "query 0"),
        ("query = 1", "query = 2", 27, "min_ratings 2"),
        ("max_ratings = 3", "max_ratings = 1", 27, "max_ratings 1"),
        ("query = 1", "query = -1", 30, "-1"),
    ] {
        let place = format!("dataset.toml, line {line}");
        assert_refused(Folder::new().settings(from, to), &place, told);
    }
    let latin = Folder::new().with("dataset.toml", b"name = \"x\"\n# \xff");
    assert_refused(latin, "dataset.toml, line 2", "UTF-8");
}

#[test]
fn files_and_columns_must_be_there() {
    for file in ["dataset.toml", "users.csv", "items.csv", "ratings.csv", "new_users.txt"] {
        let folder = Folder::new();
        fs::remove_file(folder.0.path().join(file)).unwrap();
        assert!(folder.refusal().starts_with(&format!("cannot read {file}: ")));
    }
    for (file, content, columns) in [
        ("users.csv", USERS, &["id", "city"][..]),
        ("items.csv", ITEMS, &["id", "title", "tags", "year"]),
        ("ratings.csv", RATINGS, &["user", "item", "stars"]),
    ] {
        for column in columns {
            let place = format!("{file}, line 1, column \"{column}\"");
            let missing = Folder::new().with(file, content.replacen(column, "other", 1));
            assert_refused(missing, &place, "no such column; its columns are: ");
            let twice = content.replace('\n', ",\n").replacen(",\n", &format!(",{column}\n"), 1);
            assert_refused(Folder::new().with(file, twice), &place, "twice");
        }
    }
    let cut = Folder::new().settings("column = \"year\"", "column = \"decade\"");
    assert_refused(cut, "items.csv, line 1, column \"decade\"", "no such column");
    let time = Folder::new().timed();
    assert_refused(time, "ratings.csv, line 1, column \"when\"", "no such column");
}

#[test]
fn empty_files_are_refused() {
    for (file, content) in [("users.csv", USERS), ("items.csv", ITEMS), ("ratings.csv", RATINGS)] {
        for nothing in ["", "\n\r\n\n", "\u{feff}"] {
            assert_refused(Folder::new().with(file, nothing), file, "is empty");
        }
        let header = content.lines().next().unwrap();
        assert_refused(Folder::new().with(file, header), file, "has a header but no r");
    }
}

#[test]
fn broken_rows_are_refused_with_their_place_and_value() {
    // Each with empty lines and a cell of two lines before the broken row.
    let users = "id,city,age\n\nu1,\"Os\nlo\",30\n\n\n";
    let items = "id,title,tags,year\n\na,\"Salt\nand Water\",x,1990\n\n\nb,,,\n";
    let ratings = "user,item,stars\n\n\n\nu1,\"a\",4\nu2,a,1\n";
    let long = format!("u1,{},1", "y".repeat(1000));
    for (file, before, row, place, told) in [
        ("users.csv", users, "u2", "line 7", "\"u2\" has 1 cells; 3"),
        ("users.csv", users, "u2,Rome,30,40", "line 7", "\"u2,Rome,30,40\" has 4 cells; 3"),
        ("users.csv", users, ",Rome,30", "line 7, column \"id\"", "\"\" is empty"),
        ("users.csv", users, "\" \",Rome,30", "line 7, column \"id\"", "\"\" is empty"),
        (
            "users.csv",
            users,
            "u1,Rome,30",
            "line 7, column \"id\"",
            "\"u1\" is also the id of an earlier",
        ),
        ("items.csv", items, "c,,,19x0", "line 8, column \"year\"", "\"19x0\" is not a finite"),
        ("items.csv", items, "c,,,inf", "line 8, column \"year\"", "\"inf\" is not a finite"),
        ("items.csv", items, "c,,,1e99", "line 8, column \"year\"", "\"1e99\" is not a finite"),
        ("items.csv", items, "c,\"open,,", "line 8", "\"c,open,,\" has 2 cells; 4"),
        (
            "ratings.csv",
            ratings,
            "u9,a,1",
            "line 7, column \"user\"",
            "\"u9\" is not an id of the users",
        ),
        (
            "ratings.csv",
            ratings,
            ",a,1",
            "line 7, column \"user\"",
            "\"\" is not an id of the users",
        ),
        (
            "ratings.csv",
            ratings,
            "u1,A,1",
            "line 7, column \"item\"",
            "\"A\" is not an id of the items",
        ),
        ("ratings.csv", ratings, "u1,b,", "line 7, column \"stars\"", "\"\" is empty"),
        ("ratings.csv", ratings, "u1,b,nan", "line 7, column \"stars\"", "\"nan\" is not a finite"),
        (
            "ratings.csv",
            ratings,
            "u1,b,good",
            "line 7, column \"stars\"",
            "\"good\" is not a finite",
        ),
        ("ratings.csv", ratings, "u1,b", "line 7", "\"u1,b\" has 2 cells; 3"),
        ("ratings.csv", ratings, &long, "line 7, column \"item\"", "yyy…\" is not an id"),
        ("new_users.txt", "u1\n\nu2\n", "u7", "line 4", "\"u7\" is not an id of the users"),
    ] {
        let place = format!("{file}, {place}");
        let after = if row.contains("open") { "" } else { "\nu1,,\n" };
        let content = format!("{before}{row}{after}");
        assert_refused(Folder::new().with(file, &content), &place, told);
        let content = format!("\u{feff}{}", content.replace('\n', "\r\n"));
        assert_refused(Folder::new().with(file, &content), &place, told);
    }
    let latin = Folder::new().with("users.csv", b"id,city,age\nu1,Z\xfcrich,3\n");
    assert_refused(latin, "users.csv, line 2, column \"city\"", "\"Z\u{fffd}rich\" is not UTF-8");
}

#[test]
fn of_repeated_ratings_the_last_counts() {
    let rows = "user,item,stars,when\n\
        u1,a,1,30\nu2,a,5,7\nu1,a,2,50\nu1,a,3,40\nu1,a,4,50\nu1,a,4.5,20\nu2,a,3,6.5\n";
    let both = |folder: Folder| {
        let dataset = folder.open().unwrap();
        assert_eq!((dataset.report.rows_read, dataset.report.duplicates), (7, 5));
        dataset.ratings.iter().map(|rating| rating.value).collect::<Vec<_>>()
    };
    assert_eq!(both(Folder::new().with("ratings.csv", rows)), [4.5, 3.0]);
    assert_eq!(both(Folder::new().with("ratings.csv", rows).timed()), [4.0, 5.0]);
    for (time, told) in [("", "\"\" is empty"), ("noon", "\"noon\" is not a finite number")] {
        let folder = Folder::new().with("ratings.csv", format!("{rows}u2,b,1,{time}\n")).timed();
        assert_refused(folder, "ratings.csv, line 9, column \"when\"", told);
    }
}

#[test]
fn newcomers_by_number_need_no_field_and_by_share_a_seed() {
    let folder = |rule: &str| {
        let users: String = (0..100).map(|user| format!("u{user},,{}\n", user * 10)).collect();
        Folder::new()
            .settings(LISTED, rule)
            .with("users.csv", format!("id,city,age\n{users}zed,,\n"))
    };
    let by_age = folder("{ column = \"age\", from = 975.5 }").open().unwrap().new_users;
    assert_eq!((0..101).filter(|&user| by_age[user]).collect::<Vec<_>>(), [98, 99]);
    assert_refused(
        folder("{ column = \"id\", from = 1 }"),
        "users.csv, line 2, column \"id\"",
        "\"u0\" is not a finite number",
    );

    let drawn = |share: &str, seed: u64| {
        folder(&format!("{{ fraction = {share}, seed = {seed} }}")).open().unwrap().new_users
    };
    let count = |new: Vec<bool>| new.into_iter().filter(|&new| new).count();
    assert_eq!(["0", "0.2", "1"].map(|share| count(drawn(share, 1))), [0, 20, 101]);
    assert_eq!(drawn("0.2", 1), drawn("0.2", 1));
    assert_ne!(drawn("0.2", 1), drawn("0.2", 2));
}

#[test]
fn training_fields_know_the_rows_of_training_only() {
    let items = Folder::new().open().unwrap().items;
    let (fields, vocabularies) = items.training_fields(|row| row != 0);
    let [tags, year] = &fields[..] else { panic!() };
    assert_eq!((tags.name.as_str(), tags.kind, tags.size), ("tags", FieldKind::Multi, 2));
    assert_eq!(vocabularies[0].as_ref().unwrap().names().iter().collect::<String>(), "yz");
    let scale = |mean, std, range| {
        FieldKind::Numeric(NumberScale { range: Some(range), ..NumberScale::new(mean, std) })
    };
    assert_eq!((year.kind, year.size), (scale(2001.5, 1.0, [2001.5, 2001.5]), 2));
    assert!(vocabularies[1].is_none());

    let encoded = items.encode(Entity::Item, &fields, &vocabularies).unwrap();
    let rows = [0, 1, 2].map(|row| encoded.columns[0].row(row).to_vec());
    assert_eq!(rows, [vec![0], vec![0, 1], vec![]]);
    assert_eq!(encoded.columns[1].number(2), Some(2001.5));
    assert_eq!(encoded.unknown_values, [1, 0]);

    let (fields, _) = items.training_fields(|row| row == 2);
    assert_eq!(fields.len(), 1, "no such row has tags");
    let (fields, _) = items.training_fields(|row| row == 1);
    assert_eq!(fields[1].kind, FieldKind::Numeric(NumberScale::new(0.0, 1.0)));
    let (fields, _) = items.training_fields(|_| true);
    assert_eq!(fields[1].kind, scale(1995.75, 5.75, [1990.0, 2001.5]));
}

#[test]
fn tables_that_do_not_fit_the_model_are_refused() {
    let users = Folder::new().open().unwrap().users;
    let names = || Some(Vocabulary::from_unsorted(["Bern", "Rome"]));
    let refusal = |name: &str, kind, size, vocabularies: &[Option<Vocabulary>]| {
        let field = Field { name: name.into(), kind, size, embedded: true };
        users.encode(Entity::User, &[field], vocabularies).unwrap_err()
    };
    let error = refusal("town", FieldKind::One, 2, &[names()]);
    assert!(matches!(error, Error::UnknownField { entity: "user", .. }), "{error}");
    assert!(error.to_string().contains("\"town\"") && error.to_string().contains("city"));
    let error = refusal("city", FieldKind::Multi, 2, &[names()]);
    assert!(matches!(error, Error::FieldValue { entity: "user", .. }), "{error}");
    assert!(error.to_string().contains("\"one\"") && error.to_string().contains("\"multi\""));
    for missing in [&[][..], &[None]] {
        let error = refusal("city", FieldKind::One, 2, missing);
        assert!(matches!(error, Error::Argument { .. }), "{error}");
        assert!(error.to_string().contains("no names"), "{error}");
    }
    let error = refusal("city", FieldKind::One, 3, &[names()]);
    assert!(matches!(error, Error::Argument { .. }), "{error}");
}

proptest! {
    /// Any cells come back as a plain reading of them, in the table's own
    /// vocabulary and in a model's.
    #[test]
    fn tables_hold_what_was_written(
        cells in prop::collection::vec(
            (".{0,12}", prop::collection::vec("[a-e ]{0,2}", 0..5), any::<bool>()),
            1..20,
        ),
    ) {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(["id", "title", "tags", "year"]).unwrap();
        for (row, (title, tags, _)) in cells.iter().enumerate() {
            out.write_record([&row.to_string(), title, &tags.join("|"), ""]).unwrap();
        }
        let folder = Folder::new()
            .with("items.csv", out.into_inner().unwrap())
            .with("ratings.csv", "user,item,stars\nu1,0,1\n");
        let items = folder.open().unwrap().items;
        let (fields, vocabularies) = items.training_fields(|row| cells[row].2);
        let encoded = items.encode(Entity::Item, &fields, &vocabularies).unwrap();

        let plain = |tags: &[String]| {
            let mut row: Vec<String> = Vec::new();
            for tag in tags.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()) {
                if !row.iter().any(|other| other == tag) {
                    row.push(tag.into());
                }
            }
            row
        };
        let taught: HashSet<String> =
            cells.iter().filter(|cell| cell.2).flat_map(|cell| plain(&cell.1)).collect();
        let read = |vocabulary: &Vocabulary, values: &[u32]| -> Vec<String> {
            values.iter().map(|&value| vocabulary.name(value).unwrap().into()).collect()
        };
        let tags = &items.fields()[0];
        let mut unknown = 0;
        for (row, (title, written, _)) in cells.iter().enumerate() {
            // One of the words for a missing title.
            let title = if title.trim_ascii() == "-" { "" } else { title.trim_ascii() };
            prop_assert_eq!(items.titles().unwrap().get(row).unwrap(), title);
            let mut expected = plain(written);
            let all = tags.vocabulary.as_ref().unwrap();
            prop_assert_eq!(&read(all, tags.column.row(row)), &expected);
            let before = expected.len();
            expected.retain(|tag| taught.contains(tag));
            unknown += before - expected.len();
            if let Some(known) = &vocabularies[0] {
                prop_assert_eq!(read(known, encoded.columns[0].row(row)), expected);
            }
        }
        prop_assert_eq!(fields.len(), if taught.is_empty() { 1 } else { 2 });
        if !taught.is_empty() {
            prop_assert_eq!(encoded.unknown_values[0], unknown);
        }
    }

    /// Whatever a file holds, it is read or refused.
    #[test]
    fn no_file_does_harm(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&b"\n\r\",u1a|.=[]{}"[..])],
            0..100,
        ),
        file in prop::sample::select(
            vec!["dataset.toml", "users.csv", "items.csv", "ratings.csv", "new_users.txt"],
        ),
        whole: bool,
    ) {
        let folder = Folder::new();
        let mut content = fs::read(folder.0.path().join(file)).unwrap();
        if whole {
            content.clear();
        }
        content.extend(bytes);
        let _ = folder.with(file, content).open();
    }
}

#[test]
fn the_split_of_the_paper_has_its_sizes() {
    use melu::data::{Scenario, tasks};
    let Some(folder) = std::env::var_os("MELU_DATA").map(PathBuf::from) else {
        common::skipped("MELU_DATA does not name the folder of MovieLens 1M");
        return;
    };
    let dataset = Dataset::open(&folder).unwrap();
    assert_eq!(dataset.report.rows_read, 1_000_209);
    assert_eq!(dataset.report.duplicates, 4);
    let sizes = Scenario::ALL.map(|scenario| {
        let groups = dataset.scenario(scenario);
        let ratings: usize = groups.iter().map(|group| group.ratings.len()).sum();
        let most = dataset.rules.max_ratings;
        let light: Vec<_> = groups.into_iter().filter(|user| user.ratings.len() <= most).collect();
        (ratings, tasks(&light, &dataset.rules, 0, 0).len())
    });
    // All four duplicates are of existing users and items. The paper leaves out users with more
    // than 100 ratings.
    let expected = [(640_448 - 4, 2653), (163_702, 668), (157_456, 2863), (38_603, 723)];
    assert_eq!(sizes, expected);
}
