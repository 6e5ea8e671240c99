//! Imports of later releases of MovieLens, shops' ratings and logs of plays, on small files in
//! their formats. All users, items and rows here are made up.

#![cfg(feature = "train")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use melu::data::{Dataset, Feedback, ImportReport, import_amazon, import_lastfm, import_movielens};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.source()).unwrap();
        for (file, content) in files {
            fs::write(folder.source().join(file), content).unwrap();
        }
        folder
    }

    fn source(&self) -> PathBuf {
        self.0.path().join("ml-25m")
    }

    fn target(&self) -> PathBuf {
        self.0.path().join("target")
    }

    #[track_caller]
    fn open(&self) -> Dataset {
        Dataset::open(&self.target()).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Users and items by their ids, and the values.
fn named(dataset: &Dataset) -> Vec<(&str, &str, f32)> {
    dataset
        .ratings
        .iter()
        .map(|rating| {
            let user = dataset.users.ids().get(rating.user as usize).unwrap();
            (user, dataset.items.ids().get(rating.item as usize).unwrap(), rating.value)
        })
        .collect()
}

#[test]
fn releases_in_csv_become_folders() {
    let movies = "movieId,title,genres\n7,\"Zenith, The (1971)\",Comedy|Drama\n\
        8,\"\"\"Ten\"\" Steps (2001)\",(no genres listed)\n9,None,Drama\n";
    let ratings = "userId,movieId,rating,timestamp\n1,7,4.5,1500000000\n2,9,0.5,1500000001\n";
    let folder =
        Folder::new(&[("movies.csv", movies.as_bytes()), ("ratings.csv", ratings.as_bytes())]);
    let report = import_movielens(&folder.source(), &folder.target()).unwrap();
    let expected = ImportReport {
        name: "MovieLens 25M".into(),
        users: 2,
        items: 3,
        ratings: 2,
        items_without_year: 1,
        bad_rows: vec![],
    };
    assert_eq!(report, expected);
    let dataset = folder.open();
    assert_eq!(named(&dataset), [("1", "7", 4.5), ("2", "9", 0.5)]);
    let titles: Vec<_> = dataset.items.titles().unwrap().iter().collect();
    assert_eq!(titles, ["Zenith, The", "\"Ten\" Steps", "None"]);
    let [year, genres] = dataset.items.fields() else { panic!() };
    assert_eq!((year.column.number(0), year.column.number(2)), (Some(1971.0), None));
    assert_eq!([0, 1].map(|row| genres.column.row(row).len()), [2, 0]);

    for (file, from, to, told) in [
        (
            "ratings.csv",
            "2,9,0.5",
            "2,5,0.5",
            "line 3, column \"movieId\": movie 5 is not in movies",
        ),
        ("ratings.csv", "0.5", "9.5", "line 3, column \"rating\": rating 9.5 is not"),
        ("ratings.csv", "1500000001", "soon", "line 3, column \"timestamp\": time soon"),
        ("ratings.csv", "2,9,0.5", "2,9", "line 3: \"2,9,1500000001\" has 3 cells"),
        ("movies.csv", "\n9,", "\n7,", "line 4, column \"movieId\": id \"7\" is empty or was"),
        ("movies.csv", "genres", "kinds", "column \"genres\": the header has no such"),
    ] {
        let text = if file == "movies.csv" { movies } else { ratings };
        let folder =
            Folder::new(&[("movies.csv", movies.as_bytes()), ("ratings.csv", ratings.as_bytes())]);
        fs::write(folder.source().join(file), text.replace(from, to)).unwrap();
        let message = import_movielens(&folder.source(), &folder.target()).unwrap_err().to_string();
        assert!(message.contains(told), "\"{told}\" is missing from: {message}");
        assert!(!folder.target().exists());
    }
}

#[test]
fn ten_million_has_no_users() {
    let folder = Folder::new(&[
        (
            "movies.dat",
            "7::Café \"Zenith\" (1971)::Comedy|Drama\n8::Ten (2001)::(no genres listed)\n"
                .as_bytes(),
        ),
        ("ratings.dat", b"1::7::4.5::978300760\n3::8::3::978302109\n"),
    ]);
    let report = import_movielens(&folder.source(), &folder.target()).unwrap();
    assert_eq!((report.name.as_str(), report.users), ("MovieLens 10M", 2));
    let dataset = folder.open();
    assert_eq!(named(&dataset), [("1", "7", 4.5), ("3", "8", 3.0)]);
    assert_eq!(dataset.items.titles().unwrap().get(0), Some("Café \"Zenith\""));
    assert!(dataset.items.fields()[1].column.row(1).is_empty());
}

/// The ratings of a shop's file.
#[track_caller]
fn amazon(name: &str, content: &[u8]) -> Vec<(String, String, f32)> {
    let folder = Folder::new(&[(name, content)]);
    let report = import_amazon(&folder.source().join(name), &folder.target(), 0);
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.name, name.split('.').next().unwrap());
    let dataset = folder.open();
    let own = |(user, item, value): (&str, &str, f32)| (user.to_owned(), item.to_owned(), value);
    named(&dataset).into_iter().map(own).collect()
}

#[test]
fn shops_ratings_become_folders() {
    let expected = [
        ("A1XYZ".to_owned(), "B000000001".to_owned(), 5.0),
        ("A2XYZ".to_owned(), "B000000002".to_owned(), 1.0),
    ];
    let gzip = |text: &str| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap()
    };
    let plain = "A1XYZ,B000000001,5.0,1400000000\nA2XYZ,B000000002,1.0,1400000001\n";
    assert_eq!(amazon("ratings_Toys.csv", plain.as_bytes()), expected);
    assert_eq!(amazon("Toys.csv.gz", &gzip(plain)), expected);
    let items_first = "B000000001,A1XYZ,5.0,1400000000\nB000000002,A2XYZ,1.0,1400000001\n";
    assert_eq!(amazon("Toys.csv", items_first.as_bytes()), expected);
    let named = "user_id,parent_asin,rating,timestamp\n\
        A1XYZ,B000000001,5.0,1400000000123\nA2XYZ,B000000002,1.0,1400000001123\n";
    assert_eq!(amazon("Toys.csv", named.as_bytes()), expected);
    let reviews = r#"{"reviewerID": "A1XYZ", "asin": "B000000001", "overall": 5.0, "unixReviewTime": 1400000000, "reviewText": "a, b"}
{"reviewerID": "A2XYZ", "asin": "B000000002", "overall": 1, "unixReviewTime": 1400000001}
"#;
    assert_eq!(amazon("reviews_Toys_5.json", reviews.as_bytes()), expected);
    assert_eq!(amazon("reviews_Toys_5.json.gz", &gzip(reviews)), expected);
    let later = r#"
{"user_id": "A1XYZ", "asin": "B0000000XX", "parent_asin": "B000000001", "rating": 5.0, "timestamp": 1400000000123, "helpful": null}
{"user_id": "A2XYZ", "asin": "B0000000XY", "parent_asin": "B000000002", "rating": 1.0, "timestamp": 1400000001123}"#;
    assert_eq!(amazon("Toys.jsonl", later.as_bytes()), expected);
}

#[test]
fn broken_ratings_are_refused_or_left_out() {
    let sound = "A1,B000000001,5.0,1400000000\n";
    let review = "{\"user_id\": \"A1\", \"asin\": \"B1\", \"rating\": 5, \"timestamp\": 1}\n";
    for (file, line, told) in [
        ("x.csv", "A2,B000000002,good,1400000001", "line 2, column \"3\": \"good\""),
        ("x.csv", "A2,B000000002,4,soon", "line 2, column \"4\": \"soon\""),
        ("x.csv", ",B000000002,4,1400000001", "line 2, column \"1\": \"\" is empty"),
        ("x.csv", "A2,B000000002,4", "line 2: \"A2,B000000002,4\" has 3 cells"),
        (
            "x.json",
            "{\"user_id\": \"A1\"}",
            "line 2: \"{\\\"user_id\\\": \\\"A1\\\"}\" has no parent_asin",
        ),
        ("x.json", "{\"user_id\": ", "line 2: \"{\\\"user_id\\\":\" is not an object in JSON"),
        (
            "x.json",
            "{\"user_id\": \"A1\", \"asin\": \"B2\", \"rating\": \"x\", \"timestamp\": 1}",
            "line 2, column \"rating\": \"x\" is not a finite number",
        ),
    ] {
        let first = if file == "x.csv" { sound } else { review };
        let folder = Folder::new(&[(file, format!("{first}{line}\n").as_bytes())]);
        let import = |skip| import_amazon(&folder.source().join(file), &folder.target(), skip);
        let message = import(0).unwrap_err().to_string();
        assert!(message.contains(told), "\"{told}\" is missing from: {message}");
        assert!(!folder.target().exists());
        let report = import(1).unwrap();
        assert_eq!((report.ratings, report.bad_rows[0].rows, report.notes().len()), (1, 1, 1));
    }
    let folder = Folder::new(&[("x.csv", b"a,b,c\n1,2,3\n")]);
    let message = import_amazon(&folder.source().join("x.csv"), &folder.target(), 0).unwrap_err();
    assert!(message.to_string().contains("user, item, rating and time are expected"));
}

#[test]
fn logs_of_plays_become_folders() {
    let expected = [("u1", "a1", 12.0), ("u1", "a2", 3.0), ("u2", "a1", 5.0)];
    for (content, titles) in [
        ("u1\ta1\t\"Air\t12\nu1\ta2\tBow\t3\nu2\ta1\t\"Air\t5\n", ["\"Air", "Bow"]),
        (
            "user\tid\tname\tplays\nu1\ta1\t\"Air\t12\nu1\ta2\tBow\t3\nu2\ta1\t\"Air\t5\n",
            ["\"Air", "Bow"],
        ),
        ("u1\ta1\t12\nu1\ta2\t3\nu2\ta1\t5\n", ["a1", "a2"]),
        ("u1\t\ta1\t12\nu1\t\ta2\t3\nu2\t\ta1\t5\n", ["a1", "a2"]),
    ] {
        let folder = Folder::new(&[("plays.tsv", content.as_bytes())]);
        let report =
            import_lastfm(&folder.source().join("plays.tsv"), &folder.target(), 0).unwrap();
        assert_eq!((report.users, report.items, report.ratings), (2, 2, 3));
        let dataset = folder.open();
        assert_eq!(dataset.feedback, Feedback::PositiveOnly);
        assert_eq!(named(&dataset), expected);
        assert_eq!(dataset.items.titles().unwrap().iter().collect::<Vec<_>>(), titles);
    }
    // One row a play.
    for content in [
        "u1\t2009-05-04T23:08:57Z\ta1\tAir\tt1\tOne\nu1\t2009-05-04T23:12:00Z\ta1\tAir\t\tTwo\n",
        "u1\t1241478537\ta1\tAir\nu1\t1241478720\ta1\tAir\n",
        "userid\ttimestamp\tartist\nu1\t2009-05-04 23:08:57\ta1\nu1\t2009-05-04 23:12:00\ta1\n",
    ] {
        let folder = Folder::new(&[("plays.tsv", content.as_bytes())]);
        let report =
            import_lastfm(&folder.source().join("plays.tsv"), &folder.target(), 0).unwrap();
        assert_eq!((report.users, report.items, report.ratings), (1, 1, 2));
        assert_eq!(named(&folder.open()), [("u1", "a1", 2.0)]);
    }
    let folder = Folder::new(&[("plays.tsv", b"u1\ta1\tAir\t12\nu1\ta2\tBow\t0\nu1\ta2\n")]);
    let import = |skip| import_lastfm(&folder.source().join("plays.tsv"), &folder.target(), skip);
    let message = import(0).unwrap_err().to_string();
    assert!(message.contains("line 2, column \"4\": \"0\" is not above 0"), "{message}");
    assert_eq!(import(2).unwrap().bad_rows.len(), 2);
    let other = Folder::new(&[("plays.tsv", b"u1,a1,12\n")]);
    let message = import_lastfm(&other.source().join("plays.tsv"), &other.target(), 0).unwrap_err();
    assert!(message.to_string().contains("is in none of these formats"), "{message}");
}
