//! Files as other programs write them: delimiters, headers, decimals, missing values, times,
//! compression and encodings.

#![cfg(feature = "train")]

use std::fs;
use std::io::Write;
use std::path::Path;

use melu::data::{Dataset, Table};
use tempfile::TempDir;

const SETTINGS: &str = r#"name = "t"
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
name = "price"
kind = "numeric"
[ratings]
file = "ratings.csv"
user = "user"
item = "item"
value = "stars"
time = "when"
"#;
const USERS: &str = "id,city\nu1,Oslo\nu2,\n";
const ITEMS: &str = "id,title,tags,price\na,Salt,x|y,1.5\nb,Moon,y,\n";
const RATINGS: &str =
    "user,item,stars,when\nu1,a,4.5,1700000000\nu1,b,2,1700000001\nu2,a,1,1700000002\n";

struct Folder(TempDir);

impl Folder {
    /// The same data, with what `write` makes of each file.
    fn new(format: &str, write: impl Fn(&str) -> Vec<u8>) -> Self {
        let folder =
            Self(tempfile::tempdir().unwrap()).with("dataset.toml", format!("{SETTINGS}{format}"));
        [("users.csv", USERS), ("items.csv", ITEMS), ("ratings.csv", RATINGS)]
            .into_iter()
            .fold(folder, |folder, (file, text)| folder.with(file, write(text)))
    }

    fn with(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.path().join(file), content).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn open(&self) -> Dataset {
        Dataset::open(self.path()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn refusal(&self) -> String {
        let message = Dataset::open(self.path()).unwrap_err().to_string();
        assert!(message.chars().all(|c| c == '\n' || !c.is_control()), "{message:?}");
        message
    }
}

fn plain() -> Dataset {
    Folder::new("", |text| text.into()).open()
}

/// All cells of a table by row.
fn cells(table: &Table) -> Vec<Vec<String>> {
    let row = |row: usize| {
        let title = table.titles().and_then(|titles| titles.get(row)).unwrap_or_default();
        let mut cells = vec![table.ids().get(row).unwrap().into(), title.into()];
        for (place, field) in table.fields().iter().enumerate() {
            cells.push(field.name.clone());
            match field.vocabulary {
                Some(_) => cells.extend(words(table, place, row)),
                None => cells.push(format!("{:?}", field.column.number(row))),
            }
        }
        cells
    };
    (0..table.len()).map(row).collect()
}

#[track_caller]
fn assert_same(one: &Dataset, other: &Dataset) {
    assert_eq!(one.ratings, other.ratings);
    assert_eq!(cells(&one.users), cells(&other.users));
    assert_eq!(cells(&one.items), cells(&other.items));
    assert_eq!((&one.new_users, &one.new_items), (&other.new_users, &other.new_items));
}

fn words(table: &Table, field: usize, row: usize) -> Vec<String> {
    let field = &table.fields()[field];
    let names = field.vocabulary.as_ref().unwrap();
    field.column.row(row).iter().map(|&value| names.name(value).unwrap().into()).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    compress_to_vec(text, CompressionLevel::Fastest)
}

#[test]
fn cells_are_separated_by_any_delimiter() {
    for delimiter in [";", "\t", "::", "^", "~|~", "||"] {
        let folder = Folder::new(
            &format!("[format]\ndelimiter = \"{}\"\n", delimiter.escape_debug()),
            |text| text.replace(',', delimiter).into(),
        );
        assert_same(&folder.open(), &plain());
    }
    let bars = Folder::new("[format]\ndelimiter = \"|\"\nseparator = \"+\"\n", |text| {
        text.replace('|', "+").replace(',', "|").into()
    });
    assert_same(&bars.open(), &plain());
}

#[test]
fn names_of_files_say_when_cells_are_separated_by_tabs() {
    let folder = Folder::new("", |text| text.into());
    let settings = SETTINGS.replace("users.csv", "users.tsv").replace("items.csv", "items.TAB.gz");
    let folder = folder
        .with("users.tsv", USERS.replace(',', "\t"))
        .with("items.TAB.gz", gzip(ITEMS.replace(',', "\t").as_bytes()))
        .with("dataset.toml", settings);
    assert_same(&folder.open(), &plain());
}

#[test]
fn each_file_may_have_a_format_of_its_own() {
    let settings = SETTINGS
        .replace("[[users", "format = { delimiter = \";\", header = false }\n[[users")
        .replace("id = \"id\"\nformat", "id = 1\nformat")
        .replace("name = \"city\"", "name = \"city\"\ncolumn = 2");
    let folder = Folder::new("", |text| text.into())
        .with("users.csv", "u1;Oslo\nu2;\n")
        .with("dataset.toml", &settings);
    assert_same(&folder.open(), &plain());
    let misplaced = settings.replace("header = false", "header = false, skip_bad_rows = 1");
    let message = folder.with("dataset.toml", misplaced).refusal();
    assert!(message.contains("skip_bad_rows") && message.contains("[format]"), "{message}");
}

#[test]
fn bad_delimiters_are_refused() {
    for delimiter in ["", "\\\"", "\\n", "a\\r"] {
        let folder =
            Folder::new(&format!("[format]\ndelimiter = \"{delimiter}\"\n"), |text| text.into());
        let message = folder.refusal();
        assert!(message.contains("dataset.toml, line 24: delimiter"), "{message}");
    }
}

#[test]
fn quotes_in_titles_mean_nothing_where_the_format_says_so() {
    let items = "id;title;tags;price\na;\"Salt\" and \"Moon;x|y;1.5\nb;Moon;y;\n";
    let format = "[format]\ndelimiter = \";\"\nquotes = false\n";
    let folder = Folder::new(format, |text| text.replace(',', ";").into()).with("items.csv", items);
    let titles = folder.open().items;
    assert_eq!(titles.titles().unwrap().get(0), Some("\"Salt\" and \"Moon"));
    // Where several bytes separate cells, they never have a meaning.
    let folder =
        Folder::new("[format]\ndelimiter = \"::\"\n", |text| text.replace(',', "::").into())
            .with("items.csv", items.replace(';', "::"));
    assert_eq!(folder.open().items.titles(), titles.titles());
}

#[test]
fn columns_may_be_given_by_number() {
    let numbers = SETTINGS
        .replace("id = \"id\"", "id = 1")
        .replace("title = \"title\"", "title = 2")
        .replace("name = \"city\"", "name = \"city\"\ncolumn = 2")
        .replace("name = \"tags\"", "name = \"tags\"\ncolumn = 3")
        .replace("name = \"price\"", "name = \"price\"\ncolumn = 4")
        .replace("user = \"user\"", "user = 1")
        .replace("item = \"item\"", "item = 2")
        .replace("value = \"stars\"", "value = 3")
        .replace("time = \"when\"", "time = 4");
    let split = "[split]\nnew_items = { column = 4, from = 1 }\n";
    let folder = Folder::new("", |text| text.into());
    let folder = folder.with("dataset.toml", format!("{numbers}{split}"));
    let dataset = folder.open();
    assert_eq!(dataset.ratings, plain().ratings);
    assert_eq!(dataset.new_items, [true, false]);

    let without = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    let headless = format!("{numbers}{split}[format]\nheader = false\n");
    let folder = folder
        .with("users.csv", without(USERS))
        .with("items.csv", format!("\n\n{}", without(ITEMS)))
        .with("ratings.csv", format!("\u{feff}{}", without(RATINGS)))
        .with("dataset.toml", &headless);
    assert_same(&folder.open(), &dataset);

    // Line 1 is a row like all others.
    let broken = folder.with("ratings.csv", "u1,a,x,1\nu1,b,2,2\n");
    let message = broken.refusal();
    assert!(message.contains("ratings.csv, line 1, column \"3\": \"x\""), "{message}");
    let broken = broken.with("ratings.csv", "u1,a,1,1\n\nu1,b,2\n");
    let message = broken.refusal();
    assert!(
        message.contains("line 3: \"u1,b,2\" has 3 cells; 4 are expected, as in the first row")
    );

    for (from, to, told) in [
        ("user = 1", "user = 9", "column \"9\": there are 4 columns"),
        ("user = 1", "user = 0", "a column's name, or its number from 1"),
        ("user = 1", "user = \"user\"", "column \"user\": has no name"),
        ("name = \"city\"\ncolumn = 2", "name = \"city\"", "column = NUMBER beside its name"),
    ] {
        let broken = Folder::new("", |text| without(text).into())
            .with("dataset.toml", headless.replace(from, to));
        let message = broken.refusal();
        assert!(message.contains(told), "{told} is missing from: {message}");
    }
}

#[test]
fn other_dialects_are_named_where_columns_are_missing() {
    for (delimiter, shown) in [(";", ";"), ("\t", "\\t"), ("|", "|"), ("::", "::")] {
        let message = Folder::new("", |text| text.replace(',', delimiter).into()).refusal();
        assert!(message.contains(&format!("set delimiter = \"{shown}\" in [format]")), "{message}");
    }
    let headless = Folder::new("", |text| text.split_once('\n').unwrap().1.into());
    let message = headless.refusal();
    assert!(message.contains("set header = false in [format]"), "{message}");
}

#[test]
fn fractions_may_follow_a_comma() {
    let format = "[format]\ndelimiter = \";\"\ndecimal = \",\"\n";
    let folder = Folder::new(format, |text| text.replace(',', ";").replace('.', ",").into());
    assert_same(&folder.open(), &plain());
    // Thousands look the same as fractions.
    for wrong in ["1.234,5", "4.5", "1,2,3", ","] {
        let folder =
            Folder::new(format, |text| text.replace(',', ";").replace("4.5", wrong).into());
        let message = folder.refusal();
        assert!(message.contains(&format!("\"{wrong}\" is not a finite number such as 3,5")));
    }
    let folder = Folder::new("[format]\ndelimiter = \";\"\n", |text| {
        text.replace(',', ";").replace('.', ",").into()
    });
    assert!(folder.refusal().contains("set decimal = \",\" in [format]"));
    let unknown = Folder::new("[format]\ndecimal = \"'\"\n", |text| text.into()).refusal();
    assert!(unknown.contains("dataset.toml, line 24"), "{unknown}");
}

#[test]
fn words_for_missing_values_are_no_values() {
    for word in ["NA", "N/A", "NULL", "null", "NaN", "nan", "None", "-", "\\N", ""] {
        let folder = Folder::new("", |text| text.into())
            .with("users.csv", format!("id,city\nu1,Oslo\nu2, {word} \n"))
            .with(
                "items.csv",
                format!("id,title,tags,price\na,{word},x|{word}|y,1.5\nb,Moon,{word},{word}\n"),
            );
        let dataset = folder.open();
        assert_eq!(dataset.users, plain().users, "{word}");
        assert_eq!(words(&dataset.items, 0, 0), ["x", "y"]);
        assert!(words(&dataset.items, 0, 1).is_empty());
        assert_eq!(dataset.items.fields()[1].column.number(1), None);
        assert_eq!(dataset.items.titles().unwrap().get(0), Some(""));
        // A rating must be there.
        let broken = folder.with("ratings.csv", format!("user,item,stars,when\nu1,a,{word},1\n"));
        assert!(broken.refusal().contains("ratings.csv, line 2, column \"stars\""));
    }
    let own = Folder::new("[format]\nmissing = [\"?\", \"(none)\"]\n", |text| text.into())
        .with("users.csv", "id,city\nu1,NA\nu2,?\n")
        .with("items.csv", "id,title,tags,price\na,None,(none),?\nb,?,-,\n");
    let dataset = own.open();
    assert_eq!(
        (words(&dataset.users, 0, 0), words(&dataset.users, 0, 1)),
        (vec!["NA".into()], vec![])
    );
    assert_eq!(
        (words(&dataset.items, 0, 0), words(&dataset.items, 0, 1)),
        (vec![], vec!["-".into()])
    );
    let titles: Vec<_> = dataset.items.titles().unwrap().iter().collect();
    assert_eq!(titles, ["None", ""]);
    // Ids are what they are.
    let namibia = Folder::new("", |text| text.replace("u1", "NA").into()).open();
    assert_eq!(namibia.users.find("NA"), Some(0));
}

#[test]
fn compressed_files_are_known_by_their_first_bytes() {
    for compress in [gzip, zstandard] {
        assert_same(&Folder::new("", |text| compress(text.as_bytes())).open(), &plain());
        // In several pieces, as parallel compressors write them.
        let pieces = |text: &str| {
            let (begin, end) = text.as_bytes().split_at(text.len() / 2);
            [compress(begin), compress(end)].concat()
        };
        assert_same(&Folder::new("", pieces).open(), &plain());
        let broken = RATINGS.replace("2,1700000001", "two,1");
        let folder =
            Folder::new("", |text| text.into()).with("ratings.csv", compress(broken.as_bytes()));
        assert!(folder.refusal().contains("ratings.csv, line 3, column \"stars\": \"two\""));
        let mut cut = compress(RATINGS.as_bytes());
        cut.truncate(cut.len() - 9);
        let message = Folder::new("", |text| text.into()).with("ratings.csv", cut).refusal();
        assert!(message.contains("cannot read") && message.contains("ratings.csv: "), "{message}");
    }
    // A frame with other data before the content.
    let mut skippable = vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let mut whole = zstandard(USERS.as_bytes());
    whole.append(&mut skippable);
    whole.extend(zstandard(b""));
    assert_same(&Folder::new("", |text| text.into()).with("users.csv", whole).open(), &plain());
}

#[test]
fn times_are_numbers_or_dates() {
    let latest = |rows: [&str; 2]| {
        let [early, late] = rows;
        let log = format!("user,item,stars,when\nu1,a,5,{late}\nu1,a,1,{early}\nu2,b,2,{early}\n");
        let dataset = Folder::new("", |text| text.into()).with("ratings.csv", log).open();
        dataset.ratings[0].value
    };
    for times in [
        ["1700000000", "1700000001"],
        ["1700000000.25", "1700000000.5"],
        ["1700000000123", "1700000000124"],
        ["1700000000123456", "1700000000123457"],
        ["-5", "3"],
        ["2020-01-02T03:04:05Z", "2020-01-02T03:04:06Z"],
        ["2020-01-02T03:04:05.123Z", "2020-01-02T03:04:05.124Z"],
        ["2020-01-02 03:04:05", "2020-01-02 03:04:06"],
        ["2019-12-31", "2020-01-01"],
        // An hour earlier than it looks.
        ["2020-01-02T03:30:00+01:00", "2020-01-02T03:00:00Z"],
        ["2020-01-02 03:30:00+0100", "2020-01-02 03:00:00 UTC"],
        ["2020-01-02T03:04", "2020-01-02T03:04:01"],
    ] {
        assert_eq!(latest(times), 5.0, "{times:?}");
    }
    for wrong in ["noon", "31/12/2020", "2020-02-30", "inf", "", "NA"] {
        let folder = Folder::new("", |text| text.replace("1700000001", wrong).into());
        let message = folder.refusal();
        assert!(message.contains("ratings.csv, line 3, column \"when\": \""), "{message}");
    }
}

#[test]
fn other_encodings_are_named() {
    let utf16 = |text: &str, mark: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("{mark}{text}").encode_utf16().flat_map(bytes).collect()
    };
    let (mark, none) = ("\u{feff}", "");
    for (content, told) in [
        (utf16(USERS, mark, u16::to_le_bytes), "UTF-16LE"),
        (utf16(USERS, mark, u16::to_be_bytes), "UTF-16BE"),
        (utf16(USERS, none, u16::to_le_bytes), "UTF-16LE"),
        (utf16(USERS, none, u16::to_be_bytes), "UTF-16BE"),
        (gzip(&utf16(USERS, mark, u16::to_le_bytes)), "UTF-16LE"),
        (b"PK\x03\x04\x14\0\x06\0".to_vec(), "a zip archive"),
        (b"PAR1\x15\x04\x15".to_vec(), "a Parquet file"),
        (vec![0; 100], "a binary file"),
    ] {
        for file in ["users.csv", "ratings.csv", "dataset.toml"] {
            let message = Folder::new("", |text| text.into()).with(file, &content).refusal();
            assert!(message.contains(&format!("{file}: is ")), "{message}");
            assert!(message.contains(told), "{told} is missing from: {message}");
            assert_eq!(
                message.contains(&format!("iconv -f {told} -t UTF-8")),
                told.contains("UTF")
            );
        }
    }
    // Latin-1 is not known by its first bytes.
    let latin =
        Folder::new("", |text| text.into()).with("users.csv", b"id,city\nu1,Z\xfcrich\nu2,\n");
    assert!(
        latin
            .refusal()
            .contains("users.csv, line 2, column \"city\": \"Z\u{fffd}rich\" is not UTF-8")
    );
}
