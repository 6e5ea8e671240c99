//! From exports of other programs to a model and its evaluation, in three commands. All rows are
//! made up.

#![cfg(feature = "cli")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Numbers that look random enough for rows.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }

    /// Different items for a user who likes a fifth of them, by the user's taste.
    fn items(&mut self, user: u64, count: u64, of: u64) -> Vec<u64> {
        let mut items: Vec<u64> = (0..count)
            .map(|_| match self.below(4) {
                0 => self.below(of),
                _ => self.below(of / 5) * 5 + user % 5,
            })
            .collect();
        items.sort_unstable();
        items.dedup();
        items
    }
}

/// Runs a script beside its export; what it prints.
#[track_caller]
fn run(script: &str, folder: &Path) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exports").join(script);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.lines().filter(|line| line.contains("melu ") && !line.starts_with('#')).count() <= 3
    );
    let program = PathBuf::from(env!("CARGO_BIN_EXE_melu"));
    let folders = [program.parent().unwrap().to_owned()];
    let path_variable = std::env::var_os("PATH").unwrap();
    let all = folders.into_iter().chain(std::env::split_paths(&path_variable));
    let output = Command::new("sh")
        .arg(&path)
        .current_dir(folder)
        .env("PATH", std::env::join_paths(all).unwrap())
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {message}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("nDCG@20"), "{printed}");
    printed
}

#[test]
fn a_shops_events() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir(&shop).unwrap();
    let mut numbers = Numbers(1);
    let mut customers = String::from("customer_id;country;signed_up\n");
    let mut events = String::from("event_id;event_time;event_type;customer_id;product_id;price\n");
    for user in 0..150 {
        let country = ["NO", "CH", "NULL"][numbers.below(3) as usize];
        writeln!(customers, "c{user};{country};2019-01-{:02}", 1 + user % 28).unwrap();
        for item in numbers.items(user, 40, 100) {
            let (day, hour) = (1 + numbers.below(28), numbers.below(24));
            let event = events.len();
            let time = format!("2020-02-{day:02}T{hour:02}:00:00+01:00");
            writeln!(events, "{event};{time};purchase;c{user};p{item};{},99", 1 + item).unwrap();
        }
    }
    let mut products = String::from("product_id;name;category;tags;price\n");
    for item in 0..100_u64 {
        let tags = ["red,wool", "blue", "wool,cheap", "red,cheap"][numbers.below(4) as usize];
        let price = format!("{},50", 4_u64.pow((item % 12) as u32));
        writeln!(products, "p{item};Thing {item};kind {};{tags};{price}", item % 5).unwrap();
    }
    for (file, text) in
        [("customers.csv", customers), ("events.csv", events), ("products.csv", products)]
    {
        fs::write(shop.join(file), text).unwrap();
    }
    run("shop.sh", folder.path());
    let settings = fs::read_to_string(shop.join("dataset.toml")).unwrap();
    for told in ["[interactions]", "time = \"event_time\"", "title = \"name\"", "Skewed"] {
        assert!(settings.contains(told), "{told} is missing from {settings}");
    }
}

#[test]
fn movielens_latest_small() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("ml-latest-small");
    fs::create_dir(&source).unwrap();
    let mut numbers = Numbers(2);
    let mut ratings = String::from("userId,movieId,rating,timestamp\n");
    for user in 1..=150 {
        for item in numbers.items(user, 50, 100) {
            let stars = 1 + numbers.below(3) + if item % 5 == user % 5 { 2 } else { 0 };
            let half = if stars < 5 { numbers.below(2) * 5 } else { 0 };
            writeln!(
                ratings,
                "{user},{item},{stars}.{half},{}",
                1_500_000_000 + numbers.below(9999)
            )
            .unwrap();
        }
    }
    let mut movies = String::from("movieId,title,genres\n");
    for item in 0..100 {
        let genres = ["Drama|War", "Comedy", "(no genres listed)", "Drama"][item % 4];
        writeln!(movies, "{item},\"Film, The {item} ({})\",{genres}", 1970 + item % 50).unwrap();
    }
    fs::write(source.join("ratings.csv"), ratings).unwrap();
    fs::write(source.join("movies.csv"), movies).unwrap();
    let printed = run("movielens.sh", folder.path());
    assert!(printed.contains("MovieLens latest-small") && printed.contains("MAE"), "{printed}");
}

#[test]
fn a_log_of_plays() {
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(3);
    let mut plays = String::new();
    for user in 0..150 {
        for item in numbers.items(user, 40, 100) {
            // Some artists have no id, and some names begin with a quote.
            let id = if item % 7 == 0 { String::new() } else { format!("id-{item}") };
            writeln!(plays, "user{user}\t{id}\t\"Band {item}\t{}", 1 + numbers.below(900)).unwrap();
        }
    }
    fs::write(folder.path().join("plays.tsv"), plays).unwrap();
    run("plays.sh", folder.path());
}
