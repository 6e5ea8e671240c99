//! Training and measuring by the command line.

#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn melu(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_melu"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = melu(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn inside_the_training_part_and_outside_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let size = ["--users", "100", "--items", "80", "--ratings-per-user", "30"];
    succeeds(folder, &[&["synth", "world"], &size[..]].concat());
    succeeds(folder, &["train", "world", "-o", "inside.melu", "--inside", "--epochs", "1"]);
    let eval = ["eval", "inside.melu", "world", "--draws", "2", "--inside"];
    let json = succeeds(folder, &[&eval[..], &["--json", "--report", "report.html"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["inside"], 0);
    assert_eq!(json["rankings"][0]["name"], "new_users");
    assert_eq!(json["baselines"].as_array().unwrap().len(), 5);
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("inside the training part"));

    let printed = succeeds(folder, &eval);
    for part in [
        "New users, among known items",
        "EASE",
        "most popular",
        "recall@20",
        "factor model alone",
        "New users, existing items",
        "RMSE",
        "Coverage",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let without = succeeds(folder, &[&eval[..], &["--list-draws", "0"]].concat());
    assert!(!without.contains("nDCG@20") && without.contains("MAE"));
    let refused = melu(folder, &eval[..eval.len() - 1]);
    assert_eq!(refused.status.code(), Some(1));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("inside the training part"), "{message}");
}

#[test]
fn training_starts_from_an_earlier_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let size = ["--users", "100", "--items", "80", "--ratings-per-user", "30"];
    succeeds(folder, &[&["synth", "world"], &size[..]].concat());
    succeeds(folder, &["train", "world", "-o", "old.melu", "--epochs", "2"]);
    let from = ["train", "world", "-o", "new.melu", "--from", "old.melu"];
    succeeds(folder, &from);
    let printed = succeeds(folder, &["inspect", "new.melu"]);
    assert!(printed.contains("from the model "), "{printed}");
    // The recipe is the earlier model's.
    let refused = melu(folder, &[&from[..], &["--recipe", "paper"]].concat());
    assert_eq!(refused.status.code(), Some(2));
    let refused = melu(folder, &[&from[..], &["--inside"]].concat());
    assert_eq!(refused.status.code(), Some(1));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("earlier model") && message.contains("split inside it"), "{message}");

    // Other new users are a reason for doubt, which measuring reports.
    let settings = fs::read_to_string(folder.join("world/dataset.toml")).unwrap();
    let same = melu(folder, &["eval", "new.melu", "world", "--draws", "1", "--list-draws", "0"]);
    assert!(!String::from_utf8(same.stderr).unwrap().contains("left out other new users"));
    let first = fs::read_to_string(folder.join("world/users.csv")).unwrap();
    let id = first.lines().nth(1).and_then(|line| line.split(',').next()).unwrap().to_owned();
    fs::write(folder.join("world/other.txt"), id + "\n").unwrap();
    let line = settings.lines().find(|line| line.starts_with("new_users")).unwrap();
    let others = settings.replace(line, "new_users = { file = \"other.txt\" }");
    fs::write(folder.join("world/dataset.toml"), others).unwrap();
    succeeds(folder, &from);
    let doubted = melu(folder, &["eval", "new.melu", "world", "--draws", "1", "--list-draws", "0"]);
    let message = String::from_utf8(doubted.stderr).unwrap();
    assert!(message.contains("left out other new users"), "{message}");
}

#[test]
fn a_split_by_time_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut log = String::from("u,i,when\n");
    for user in 0..40 {
        for place in 0..30 {
            let item = (user * 7 + place * 17) % 60;
            let day = if user < 20 { place + 1 } else { place / 10 + 29 };
            log.push_str(&format!(
                "u{user},i{item},2021-{:02}-{:02}\n",
                1 + day / 29,
                1 + day % 28
            ));
        }
    }
    fs::write(folder.join("log.csv"), log).unwrap();
    let settings = "name = \"x\"\n[interactions]\nfile = \"log.csv\"\nuser = \"u\"\nitem = \"i\"\n\
                    time = \"when\"\n[split]\nafter = \"2021-01-25\"\n";
    fs::write(folder.join("dataset.toml"), settings).unwrap();
    succeeds(folder, &["train", ".", "-o", "model.melu"]);
    let output = melu(folder, &["eval", "model.melu", ".", "--report", "report.html"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{notes}");
    assert!(notes.contains("before 2021-01-25T00:00:00Z"), "{notes}");
    assert!(notes.contains("20 users and"), "{notes}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("Existing users, among known items (20 users, 1 draw"), "{printed}");
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    for part in ["split at 2021-01-25T00:00:00Z", "known by what they chose before the split"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Without the split, the model saw what is measured.
    fs::write(folder.join("dataset.toml"), settings.replace("after = \"2021-01-25\"\n", ""))
        .unwrap();
    let refused = melu(folder, &["eval", "model.melu", "."]);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(message.contains("split by time"), "{message}");
}
