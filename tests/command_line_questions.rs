//! What to ask, by the command line.

#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use melu::{Catalog, Model, Question, QuestionOptions, Questions, Scratch, User, greedy_evidence};
use serde_json::{Value as Json, json};

fn melu(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_melu"));
    command.args(line.split(' ')).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn succeeds(folder: &Path, line: &str) -> String {
    let output = melu(folder, line);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "melu {line}: {message}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn json_of(folder: &Path, line: &str) -> Json {
    serde_json::from_str(&succeeds(folder, &format!("{line} --json"))).unwrap()
}

#[track_caller]
fn fails(folder: &Path, status: i32, line: &str) -> String {
    let output = melu(folder, line);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "melu {line}: {message}");
    assert!(output.stdout.is_empty(), "melu {line} prints on standard output");
    message
}

/// A world with a model that knows how sure it is, and one that does not.
fn prepare(folder: &Path) {
    succeeds(folder, "synth world --users 150 --items 60 --ratings-per-user 30");
    succeeds(folder, "train world -o model.melu --epochs 1");
    succeeds(folder, "train world -o paper.melu --epochs 1 --recipe paper");
}

/// A question as it is told: what the library says, with the item's id.
fn told(catalog: &Catalog, question: Question) -> Json {
    json!({
        "id": catalog.id(question.item),
        "title": catalog.title(question.item),
        "known": question.known,
        "reduction": question.reduction,
    })
}

/// The same as it is read, to the last bit.
fn read(value: &Json) -> Json {
    serde_json::from_str(&value.to_string()).unwrap()
}

#[test]
fn the_program_asks_what_the_library_asks() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let catalog = Model::open(folder.join("model.melu")).unwrap().catalog().unwrap().unwrap();
    let id = |item: u32| catalog.id(item).unwrap();
    let mut questions = Questions::new(&catalog).unwrap();

    let mut user = User::new(&catalog, &[]).unwrap();
    let first = user.next_question(&mut questions, QuestionOptions::default()).unwrap().unwrap();
    let found = json_of(folder, "ask model.melu");
    assert_eq!(found, json!({ "question": read(&told(&catalog, first)) }));
    let printed = succeeds(folder, "ask model.melu");
    assert!(printed.starts_with(&format!("{}  ", id(first.item))), "{printed}");

    user.adapt(&[first.item], &[4.5], &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let (unknown, leave_out) = ([3, 8], [7]);
    let options = QuestionOptions { unknown: &unknown, leave_out: &leave_out, known: None };
    let line = format!(
        "ask model.melu --rate {}=4.5 --unknown {} --unknown {} --leave-out {}",
        id(first.item),
        id(3),
        id(8),
        id(7)
    );
    let second = user.next_question(&mut questions, options).unwrap().unwrap();
    assert_eq!(json_of(folder, &line)["question"], read(&told(&catalog, second)));

    // Where everything was asked, nothing is left, which is no failure.
    let line = format!("ask model.melu --known {} --unknown {}", id(5), id(5));
    assert_eq!(json_of(folder, &line), json!({ "question": null }));
    assert_eq!(succeeds(folder, &line), "There is nothing left to ask.\n");

    for option in ["--rate unheard-of=3", "--unknown unheard-of", "--leave-out unheard-of"] {
        let message = fails(folder, 1, &format!("ask model.melu {option}"));
        assert!(message.contains("no item \"unheard-of\""), "{message}");
    }
    let message = fails(folder, 1, "ask paper.melu");
    assert!(message.contains("ridge solver"), "{message}");
}

#[test]
fn evidence_is_greedy_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let catalog = Model::open(folder.join("model.melu")).unwrap().catalog().unwrap().unwrap();
    let list = greedy_evidence(&catalog, 7).unwrap();
    let expected: Vec<Json> = list
        .iter()
        .map(|question| {
            let mut told = told(&catalog, *question);
            told["score"] = json!(question.worth() / list[0].worth());
            told
        })
        .collect();
    let greedy = json_of(folder, "evidence model.melu -k 7 --evidence greedy");
    assert_eq!(greedy, read(&json!({ "items": expected })));
    let printed = succeeds(folder, "evidence model.melu -k 7 --evidence greedy");
    assert!(list.iter().all(|question| printed.contains(catalog.id(question.item).unwrap())));

    let paper = json_of(folder, "evidence model.melu -k 7 --evidence paper");
    assert!(paper["items"][0]["gradient_norm"].is_number());
    let all = json_of(folder, "evidence model.melu -k 100000 --evidence greedy");
    assert!(all["items"].as_array().unwrap().len() <= catalog.len());

    assert!(json_of(folder, "evidence paper.melu")["items"][0]["gradient_norm"].is_number());
    let message = fails(folder, 1, "evidence paper.melu --evidence greedy");
    assert!(message.contains("ridge solver"), "{message}");
    let message = fails(folder, 1, "evidence model.melu --evidence greedy --data world");
    assert!(message.contains("--data"), "{message}");
}

#[test]
fn what_questions_are_worth_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let eval = "eval model.melu world --draws 1 --evidence";
    let found = json_of(folder, &format!("{eval} --report report.html"));
    let worlds = found["evidence"]["worlds"].as_array().unwrap();
    let names: Vec<&str> = worlds.iter().map(|world| world["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["know_what_they_rated", "know_all_asked"]);
    for world in worlds {
        assert_eq!(world["draws"], 1);
        let rows = world["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 5 * 6);
        for key in ["questions", "answers", "mae", "mae_difference", "mae_difference_se"] {
            assert!(rows.iter().all(|row| row[key].is_number()), "{key}");
        }
    }
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("<h2>The worth of questions</h2>"));
    let printed = succeeds(folder, eval);
    for part in ["most popular", "the paper's score", "greedy list", "next question", "answers"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert!(found["scenarios"].is_array());
    let plain = json_of(folder, "eval paper.melu world --draws 1 --evidence");
    let asked = |name: &str| {
        let rows = plain["evidence"]["worlds"][0]["rows"].as_array().unwrap();
        rows.iter().any(|row| row["interviewer"] == name)
    };
    assert!(asked("popular") && asked("paper") && !asked("greedy") && !asked("adaptive"));
}
