//! The importer, on small files in MovieLens' formats. All people, films and
//! ratings here are made up.

#![cfg(feature = "train")]

use std::fs;
use std::path::{Path, PathBuf};

use melu::data::{Dataset, ImportReport, TableKind, import_movielens};
use melu::{Error, Place};
use tempfile::TempDir;

const USERS_1M: &str = "1::F::25::3::90210\n2::M::1::10::0\n5::M::56::0::12345-67\n";
const MOVIES_1M: &[u8] = b"7::Caf\xe9 \"Zenith\", The (1971)::Comedy|Drama\n\
    8::Ten::Steps (Down) (1999)::Action\n9::Untimely::Drama\n";
const RATINGS_1M: &str = "1::7::5::978300760\n1::8::3::978302109\n5::9::1::978301968\n";

const USERS_100K: &str = "1|24|M|technician|85711\n2|53|F|other|94043\n";
const MOVIES_100K: &str = "\
    1|Lighthouse (1995)|01-Jan-1995||http://example.org/?Lighthouse|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n\
    2|Sea Dogs II (1997) (V)|24-Feb-1998||http://example.org/|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|1\n\
    3|Tide|07-Mar-1996|||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n\
    4|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n";
const RATINGS_100K: &str = "1\t2\t3\t881250949\n2\t4\t4\t891717742\n";

struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.source()).unwrap();
        for (file, content) in files {
            folder.write(file, content);
        }
        folder
    }

    fn one_million() -> Self {
        Self::new(&[
            ("users.dat", USERS_1M.as_bytes()),
            ("movies.dat", MOVIES_1M),
            ("ratings.dat", RATINGS_1M.as_bytes()),
        ])
    }

    fn hundred_thousand() -> Self {
        Self::new(&[
            ("u.user", USERS_100K.as_bytes()),
            ("u.item", MOVIES_100K.as_bytes()),
            ("u.data", RATINGS_100K.as_bytes()),
        ])
    }

    fn source(&self) -> PathBuf {
        self.0.path().join("source")
    }

    fn target(&self) -> PathBuf {
        self.0.path().join("deep/target")
    }

    fn write(&self, file: &str, content: &[u8]) {
        fs::write(self.source().join(file), content).unwrap();
    }

    fn import(&self) -> melu::Result<ImportReport> {
        import_movielens(&self.source(), &self.target())
    }
}

/// What lies in a folder, temporary things included.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn one_million_becomes_a_folder() {
    let folder = Folder::one_million();
    let report = folder.import().unwrap();
    assert_eq!(
        report,
        ImportReport {
            name: "MovieLens 1M".into(),
            users: 3,
            items: 3,
            ratings: 3,
            items_without_year: 1,
            bad_rows: vec![],
        }
    );
    let files = ["dataset.toml", "items.csv", "ratings.csv", "users.csv"];
    assert_eq!(entries(&folder.target()), files);
    assert_eq!(entries(folder.target().parent().unwrap()), ["target"]);
    assert_eq!(
        fs::read_to_string(folder.target().join("items.csv")).unwrap(),
        "movie_id,title,year,genres\n7,\"Café \"\"Zenith\"\", The\",1971,Comedy|Drama\n\
         8,Ten::Steps (Down),1999,Action\n9,Untimely,,Drama\n"
    );
    assert_eq!(
        fs::read_to_string(folder.target().join("users.csv")).unwrap(),
        "user_id,gender,age,occupation,zip\n\
         1,F,25,3,90210\n2,M,1,10,0\n5,M,56,0,12345-67\n"
    );

    let dataset = Dataset::open(&folder.target()).unwrap();
    assert_eq!(dataset.name, "MovieLens 1M");
    assert_eq!(dataset.users.fields()[1].kind, TableKind::One);
    assert_eq!(dataset.new_items, [false, true, false]);
    assert_eq!(dataset.new_users.iter().filter(|&&new| new).count(), 1);
    let ratings: Vec<_> = dataset.ratings.iter().map(|r| (r.user, r.item, r.value)).collect();
    assert_eq!(ratings, [(0, 0, 5.0), (0, 1, 3.0), (2, 2, 1.0)]);
}

#[test]
fn a_hundred_thousand_becomes_a_folder() {
    let folder = Folder::hundred_thousand();
    fs::create_dir_all(folder.target()).unwrap();
    let report = folder.import().unwrap();
    assert_eq!((report.name.as_str(), report.items_without_year), ("MovieLens 100K", 1));
    assert_eq!(
        fs::read_to_string(folder.target().join("items.csv")).unwrap(),
        "movie_id,title,year,genres\n1,Lighthouse,1995,Animation|Children's|Comedy\n\
         2,Sea Dogs II (V),1997,Western\n3,Tide,1996,\n4,unknown,,\n"
    );
    assert_eq!(
        fs::read_to_string(folder.target().join("ratings.csv")).unwrap(),
        "user_id,movie_id,rating,timestamp\n1,2,3,881250949\n2,4,4,891717742\n"
    );
    let dataset = Dataset::open(&folder.target()).unwrap();
    let age = &dataset.users.fields()[1];
    assert_eq!((age.name.as_str(), age.column.number(1)), ("age", Some(53.0)));
    assert_eq!(dataset.new_items, [false, true, false, false]);
}

#[test]
fn broken_lines_are_refused_and_leave_nothing_behind() {
    let cases: &[(&str, &str, u64, &str)] = &[
        ("users.dat", "1::F::25::3::90210\n\n2::M::1::10\n", 3, "\"2::M::1::10\""),
        ("users.dat", "1::F::25::3::0\n1::M::1::10::0\n", 2, "\"1\" is empty or was on"),
        ("users.dat", "::F::25::3::0\n", 1, "\"\" is empty or was on"),
        ("movies.dat", "7::Alone\n", 1, "\"7::Alone\""),
        ("movies.dat", "7::A (1990)::Drama\r\n7::B (1990)::Drama\r\n", 2, "\"7\""),
        ("ratings.dat", "1::7::5::1\n1::8::3\n", 2, "\"1::8::3\""),
        ("ratings.dat", "1::7::5::1\n3::8::3::1\n", 2, "user 3 is not in users.dat"),
        ("ratings.dat", "1::77::5::1\n", 1, "movie 77 is not in movies.dat"),
        ("ratings.dat", "1::7::6::1\n", 1, "rating 6 is not"),
        ("ratings.dat", "1::7::nan::1\n", 1, "rating nan is not"),
        ("ratings.dat", "1::7::5::soon\n", 1, "time soon is not"),
        ("u.user", "1|young|M|technician|85711\n", 1, "age young is not"),
        ("u.user", "1|24|M|technician\n", 1, "\"1|24|M|technician\""),
        ("u.item", "1|Lighthouse (1995)|01-Jan-1995||x|0|0\n", 1, "19 flags"),
        ("u.item", "1|L (1995)|||x|0|0|0|2|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n", 1, "flag 2 is"),
        ("u.data", "1 2 3 881250949\n", 1, "\"1 2 3 881250949\""),
    ];
    for &(file, content, expected_line, told) in cases {
        let folder = match file.starts_with("u.") {
            true => Folder::hundred_thousand(),
            false => Folder::one_million(),
        };
        folder.write(file, content.as_bytes());
        let error = folder.import().unwrap_err();
        let message = error.to_string();
        assert!(message.contains(told), "\"{told}\" is missing from: {message}");
        let Error::Data { file: path, place, .. } = error else { panic!("{message}") };
        let expected = Some(Place::Line(expected_line));
        assert_eq!((path, place), (folder.source().join(file), expected), "{message}");
        assert!(entries(folder.target().parent().unwrap()).is_empty());
    }
    let folder = Folder::one_million();
    folder.write("ratings.dat", b"\n");
    let message = folder.import().unwrap_err().to_string();
    assert!(message.ends_with("ratings.dat: is empty; at least one line is expected"), "{message}");
}

#[test]
fn other_folders_are_not_taken_for_movielens() {
    let folder = Folder::one_million();
    fs::remove_file(folder.source().join("movies.dat")).unwrap();
    let message = folder.import().unwrap_err().to_string();
    assert!(message.contains("users.dat") && message.contains("u.data"), "{message}");
}

#[test]
fn nothing_is_written_over() {
    for (file, told) in [("dataset.toml", "holds a dataset.toml"), ("notes", "is not empty")] {
        let folder = Folder::one_million();
        fs::create_dir_all(folder.target()).unwrap();
        fs::write(folder.target().join(file), "mine").unwrap();
        let message = folder.import().unwrap_err().to_string();
        assert!(message.contains(told), "{message}");
        assert_eq!(entries(&folder.target()), [file]);
        assert_eq!(entries(folder.target().parent().unwrap()), ["target"]);
    }
}
