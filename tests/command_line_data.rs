//! What the program says of a data folder that it reads: broken rows, and users of few or many
//! ratings.

#![cfg(feature = "cli")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A folder of 20 users with 5 ratings, 60 with 15, and 10 with 40.
fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut log = String::from("user,item,stars\n");
    for user in 0..90_u32 {
        let count = [5, 15, 15, 15, 15, 15, 15, 5, 40][user as usize % 9];
        for step in 0..count {
            let item = (user * 7 + step * (1 + user % 3)) % 61;
            writeln!(log, "u{user},i{item},{}", 1 + (user + item * item) % 5).unwrap();
        }
    }
    let settings = "name = \"shop\"\n[items]\nfile = \"items.csv\"\nid = \"id\"\n[[items.fields]]\nname = \"kind\"\n[ratings]\n\
        file = \"log.csv\"\nuser = \"user\"\nitem = \"item\"\nvalue = \"stars\"\n\
        [tasks]\nmin_ratings = 8\nmax_ratings = 30\nquery = 3\n";
    let items: String = (0..61).map(|item| format!("i{item},{}\n", item % 4)).collect();
    fs::write(folder.path().join("items.csv"), format!("id,kind\n{items}")).unwrap();
    fs::write(folder.path().join("log.csv"), log).unwrap();
    fs::write(folder.path().join("dataset.toml"), settings).unwrap();
    folder
}

/// The exit status, and what is printed on standard error.
fn melu(folder: &Path, line: &str) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_melu"));
    let output = command.args(line.split(' ')).current_dir(folder).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn no_user_is_dropped_silently() {
    let folder = shop();
    let train = "train . -o m.melu --recipe paper --epochs 1";
    for line in [train, "eval m.melu . --draws 1 --list-draws 0"] {
        let (status, told) = melu(folder.path(), line);
        assert_eq!(status, 0, "{told}");
        assert!(told.contains("20 of 90 users have fewer than 8 ratings"), "{told}");
        assert!(told.contains("10 of 90 users have more than 30 ratings"), "{told}");
    }
    // Those of many ratings are trained on, all but those held back to validate.
    let (_, told) = melu(folder.path(), &format!("{train} --seed 1"));
    let words = told.split_once(" tasks an epoch, ").unwrap();
    let tasks: usize = words.0.rsplit('\n').next().unwrap().parse().unwrap();
    let held_back: usize = words.1.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(tasks + held_back, 70, "{told}");
}

#[test]
fn broken_rows_are_left_out_by_choice() {
    let folder = shop();
    let mut log = fs::read_to_string(folder.path().join("log.csv")).unwrap();
    log.push_str("u1,gone,5\nu2,gone too,4\nu3,i1,good\n");
    fs::write(folder.path().join("log.csv"), log).unwrap();
    let train = "train . -o m.melu --recipe paper --epochs 1";
    let eval = "eval m.melu . --draws 1 --list-draws 0";
    let (status, told) = melu(folder.path(), train);
    assert_eq!(status, 1);
    for words in ["3 rows are broken", "\"gone\"", "\"good\"", "--skip-bad-rows 3"] {
        assert!(told.contains(words), "{words} is missing from: {told}");
    }
    for line in [train, eval, "evidence m.melu --data ."] {
        let (status, told) = melu(folder.path(), &format!("{line} --skip-bad-rows 3"));
        assert_eq!(status, 0, "{told}");
        assert!(told.contains("2 rows of an unknown item were left out"), "{told}");
        assert!(told.contains("1 row with a value that is none was left out"), "{told}");
        assert_eq!(melu(folder.path(), &format!("{line} --skip-bad-rows 2")).0, 1);
    }
}

#[test]
fn programs_read_what_init_and_import_did() {
    let folder = tempfile::tempdir().unwrap();
    let json = |line: &str| -> serde_json::Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_melu"));
        let output = command.args(line.split(' ')).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let row =
        |user: u32| format!("u{user},i{},{}.0,{}\n", user % 3, 1 + user % 5, 1_600_000_000 + user);
    fs::write(folder.path().join("shop.csv"), (0..30).map(row).collect::<String>()).unwrap();
    let found = json("import amazon shop.csv shop --json");
    assert_eq!(
        (&found["users"], &found["items"], &found["ratings"]),
        (&30.into(), &3.into(), &30.into())
    );
    assert_eq!(found["folder"], "shop");

    fs::create_dir(folder.path().join("own")).unwrap();
    let rows: String =
        (0..30).map(|user| format!("u{user},i{},{}\n", user % 3, 1 + user % 5)).collect();
    fs::write(folder.path().join("own/log.csv"), format!("user_id,item_id,rating\n{rows}"))
        .unwrap();
    let found = json("init own --json");
    assert_eq!(found["file"], "own/dataset.toml");
    assert!(found["notes"].is_array());
}
