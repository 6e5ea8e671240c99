//! What the program says and writes: files tried before the work, text made safe, messages
//! that help.

#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

fn melu(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_melu"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// Standard output and standard error of a run that ends with this status.
#[track_caller]
fn runs(folder: &Path, status: i32, arguments: &[&str]) -> (String, String) {
    let output = melu(folder, arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "melu {arguments:?}: {error}");
    (String::from_utf8(output.stdout).unwrap(), error)
}

#[track_caller]
fn prints(folder: &Path, line: &str) -> String {
    runs(folder, 0, &line.split(' ').collect::<Vec<_>>()).0
}

#[track_caller]
fn fails(folder: &Path, line: &str) -> String {
    runs(folder, 1, &line.split(' ').collect::<Vec<_>>()).1
}

#[track_caller]
fn json(folder: &Path, line: &str) -> Json {
    serde_json::from_str(&prints(folder, &format!("{line} --json"))).unwrap()
}

/// A small world, and a model of it.
fn prepared() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    prints(folder.path(), "synth world --users 100 --items 60 --ratings-per-user 30");
    prints(folder.path(), "train world -o model.melu --recipe paper --epochs 1");
    folder
}

#[cfg(target_os = "linux")]
#[test]
fn output_is_tried_before_the_work() {
    let folder = prepared();
    let folder = folder.path();
    // Nobody, root included, can make a file there.
    for line in [
        "train world -o /proc/new.melu",
        "eval model.melu world --report /proc/report.html",
        "eval model.melu world --predictions /proc/predictions.csv",
        "evidence model.melu --data world -o /proc/new.melu",
    ] {
        let message = fails(folder, line);
        assert!(
            message.starts_with("melu: nothing can be written in the folder /proc"),
            "{message}"
        );
        let option = line.split(' ').find(|word| word.starts_with('-')).unwrap();
        let option = if option == "--data" { "-o" } else { option };
        assert!(message.contains(&format!("choose another with {option}")), "{message}");
        assert!(!message.contains(".melu-"), "{message} names a temporary file");
    }
    let message = fails(folder, "train world -o /dev/null");
    assert!(message.contains("/dev/null is not an ordinary file"), "{message}");
    let message = fails(folder, "synth /proc/world");
    assert!(!message.contains(".melu-"), "{message} names a temporary file");
}

#[cfg(unix)]
#[test]
fn a_model_that_cannot_be_written_is_kept_elsewhere() {
    use std::io::{BufRead, BufReader};
    let folder = prepared();
    let folder = folder.path();
    for name in ["out", "temporary"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let line = "train world -o out/new.melu --recipe paper --epochs 60 --json";
    let mut training = Command::new(env!("CARGO_BIN_EXE_melu"))
        .args(line.split(' '))
        .current_dir(folder)
        .env("TMPDIR", folder.join("temporary"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(training.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    // As when a disk is taken away.
    fs::remove_dir_all(folder.join("out")).unwrap();
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    let ended = training.wait_with_output().unwrap();
    let message = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{message}");
    let (_, kept) = message.split_once("It was written to ").expect(&message);
    let (kept, _) = kept.split_once(" instead").unwrap();
    assert!(Path::new(kept).starts_with(folder.join("temporary")), "{kept}");
    assert!(prints(folder, &format!("verify {kept}")).contains("is sound"));
}

/// A world whose ids and titles command a terminal.
fn hostile(folder: &Path) {
    prints(folder, "synth world --users 100 --items 60 --ratings-per-user 30");
    let change = |name: &str, change: &dyn Fn(&str) -> String| {
        let path = folder.join("world").join(name);
        fs::write(&path, change(&fs::read_to_string(&path).unwrap())).unwrap();
    };
    let id = "\"\u{1b}[31mred\nline\u{202e}\"";
    change("ratings.csv", &|text| text.replace(",i1,", &format!(",{id},")));
    change("items.csv", &|text| {
        let rows = text.lines().enumerate().map(|(line, row)| {
            let (first, rest) = row.split_once(',').unwrap();
            let (_, rest) = rest.split_once(',').unwrap();
            let title = "\u{1b}]0;owned\u{7} title";
            match first {
                _ if line == 0 => format!("{row}\n"),
                "i1" => format!("{id},{title} 1,{rest}\n"),
                _ => format!("{first},{title} {line},{rest}\n"),
            }
        });
        rows.collect()
    });
    prints(folder, "train world -o model.melu --epochs 1");
}

#[test]
fn nothing_in_ids_and_titles_reaches_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    hostile(folder);
    let id = "\u{1b}[31mred\nline\u{202e}";
    let rated = format!("{id}=5");
    for arguments in [
        &["recommend", "model.melu", "-k", "60", "--keep-rated", "--rate", &rated][..],
        &["ask", "model.melu", "--known", id],
        &["evidence", "model.melu", "-k", "60"],
        &["evidence", "model.melu", "-k", "60", "--evidence", "greedy"],
        &["inspect", "model.melu", "--find", "owned"],
        &["inspect", "model.melu", "--fields"],
        &["recommend", "model.melu", "--user", "age=\u{1b}[31m"],
        &["recommend", "model.melu", "--rate", "\u{1b}[31mred=5"],
    ] {
        let output = melu(folder, arguments);
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(hidden), "{arguments:?}: {text:?}");
            // A line break in an id does not break its row.
            assert!(text.lines().all(|line| !line.starts_with("line")), "{text}");
        }
    }
    let (listed, _) = runs(folder, 0, &["recommend", "model.melu", "-k", "60"]);
    assert!(listed.contains("\\u{1b}[31mred\\nline\\u{202e}"), "{listed}");
    assert!(listed.contains("\\u{1b}]0;owned\\u{7} title 1"), "{listed}");
    let items = json(folder, "recommend model.melu -k 60");
    let items = items["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["id"] == id), "JSON has them as they are");
}

#[test]
fn messages_help() {
    let folder = prepared();
    let folder = folder.path();
    fs::write(folder.join("some.csv"), "user,item\nu1,i1\n").unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    for (line, told) in [
        ("recommend world", "world is a data folder; a weight file is expected"),
        ("recommend empty", "empty is a folder; a weight file is expected"),
        ("recommend some.csv", "some.csv is a table; a weight file is expected"),
        ("verify world/dataset.toml", "world/dataset.toml is a settings file"),
        ("eval model.melu some.csv", "some.csv is a file; a data folder is expected"),
        ("recommend model.melu --rate i1x=5", "the nearest are \"i1"),
        ("ask model.melu --unknown I7", "there is no item \"I7\""),
    ] {
        let message = fails(folder, line);
        assert!(message.contains(told), "{line}: {message}");
    }
    // A title instead of an id.
    let item = json(folder, "recommend model.melu -k 1")["items"][0].clone();
    let (id, title) = (item["id"].as_str().unwrap(), item["title"].as_str().unwrap());
    let rated = format!("{}=5", title.to_uppercase());
    let (_, message) = runs(folder, 1, &["recommend", "model.melu", "--rate", &rated]);
    assert!(message.contains(&format!("the nearest are \"{id}\" ({title})")), "{message}");

    let (_, note) = runs(folder, 0, &["recommend", "model.melu", "--user", "age=900"]);
    assert!(note.contains("\"900\" is unknown") && note.contains("it knows \""), "{note}");
    for command in ["recommend", "evidence"] {
        let (_, message) = runs(folder, 2, &[command, "model.melu", "-k", "0"]);
        assert!(message.contains("at least 1 is expected"), "{message}");
    }
}

#[test]
fn ids_may_begin_with_a_hyphen() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prints(folder, "synth world --users 100 --items 60 --ratings-per-user 30");
    for (name, old, new) in [("ratings.csv", ",i1,", ",-1,"), ("items.csv", "\ni1,", "\n-1,")] {
        let path = folder.join("world").join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(old, new)).unwrap();
    }
    prints(folder, "train world -o model.melu --recipe paper --epochs 1");
    let rated = json(folder, "recommend model.melu --rate -1=5 -k 60");
    assert!(rated["items"].as_array().unwrap().iter().all(|item| item["id"] != "-1"));
    let left = json(folder, "recommend model.melu --leave-out -1 -k 60");
    assert_eq!(left["items"].as_array().unwrap().len(), 59);
}

#[test]
fn a_model_is_shown_to_people() {
    let folder = prepared();
    let folder = folder.path();
    let shown = prints(folder, "inspect model.melu");
    assert!(shown.lines().all(|line| line.chars().count() <= 120), "{shown}");
    for part in ["60 items", "age", "gradient steps", "epoch 1 of 1", "seed 0"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let fields = prints(folder, "inspect model.melu --fields");
    assert!(fields.contains("user field age: one of") && fields.contains("    25-34"), "{fields}");
    let fields = json(folder, "inspect model.melu --fields");
    let age = fields["fields"].as_array().unwrap().iter().find(|field| field["name"] == "age");
    let age = age.unwrap();
    assert!(age["entity"] == "user" && age["kind"] == "one" && age["values"].is_array());

    let item = json(folder, "recommend model.melu -k 1")["items"][0].clone();
    let (id, title) = (item["id"].as_str().unwrap(), item["title"].as_str().unwrap());
    let (found, _) = runs(folder, 0, &["inspect", "model.melu", "--find", &title.to_lowercase()]);
    assert!(found.contains(id) && found.contains(title), "{found}");
    let (found, _) = runs(folder, 0, &["inspect", "model.melu", "--find", title, "--json"]);
    let found: Json = serde_json::from_str(&found).unwrap();
    assert_eq!(
        (&found["items"][0]["id"], &found["items"][0]["title"]),
        (&item["id"], &item["title"])
    );
    assert!(prints(folder, "inspect model.melu --find qqq").contains("No title contains"));
}

#[test]
fn every_command_speaks_json() {
    let folder = prepared();
    let folder = folder.path();
    for command in [
        "demo",
        "synth",
        "train",
        "eval",
        "evidence",
        "ask",
        "recommend",
        "inspect",
        "verify",
        "bench",
    ] {
        assert!(prints(folder, &format!("{command} --help")).contains("--json"), "{command}");
    }
    let verified = json(folder, "verify model.melu");
    assert_eq!(verified, serde_json::json!({ "sound": true, "items": 60, "checksum": true }));
    let made = json(folder, "synth other --users 50 --items 40 --ratings-per-user 20");
    assert_eq!(made, serde_json::json!({ "folder": "other", "users": 50, "items": 40 }));
}

#[test]
fn a_flipped_bit_is_found() {
    let folder = prepared();
    let folder = folder.path();
    let mut bytes = fs::read(folder.join("model.melu")).unwrap();
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    fs::write(folder.join("bad.melu"), bytes).unwrap();
    let message = fails(folder, "verify bad.melu");
    assert!(message.contains("melu.checksum") && message.contains("damaged"), "{message}");
}

#[test]
fn an_epoch_that_is_not_kept_is_named_by_the_rule() {
    let folder = prepared();
    let folder = folder.path();
    let line = "train world -o new.melu --epochs 12 --json";
    let (lines, told) = runs(folder, 0, &line.split(' ').collect::<Vec<_>>());
    let mut least = f64::INFINITY;
    let epochs = told.lines().filter(|line| line.starts_with("epoch "));
    for (json, line) in lines.lines().zip(epochs) {
        let json: Json = serde_json::from_str(json).unwrap();
        let error = json["validation_mae"].as_f64().unwrap();
        assert_eq!(line.contains("not kept"), error > 1.002 * least, "{line}");
        least = least.min(error);
    }
    assert!(least.is_finite());
}

#[test]
fn predictions_and_few_users_are_told() {
    let folder = prepared();
    let folder = folder.path();
    let line = "eval model.melu world --draws 1 --predictions predictions.csv --report report.html";
    let shown = prints(folder, line);
    assert!(shown.contains("* fewer than 30 users: mostly chance"), "{shown}");
    let table = fs::read_to_string(folder.join("predictions.csv")).unwrap();
    let header = "scenario,draw,user,part,place,given,item,rating,melu,melu_median,";
    assert!(table.starts_with(header), "{}", table.lines().next().unwrap());
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("mostly chance"));
    let found = json(folder, "eval model.melu world --draws 1");
    for part in ["scenarios", "rankings"] {
        for result in found[part].as_array().unwrap() {
            assert_eq!(result["few_users"], result["users"].as_u64().unwrap() < 30, "{result}");
        }
    }
    prints(folder, "synth log --users 100 --items 60 --ratings-per-user 30 --positive-only");
    prints(folder, "train log -o log.melu");
    let message = fails(folder, "eval log.melu log --predictions predictions.csv");
    assert!(message.contains("no ratings"), "{message}");
}
