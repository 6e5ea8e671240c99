//! The program as its users meet it: arguments in, files, output and exit
//! status out.

#![cfg(feature = "cli")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use melu::model::file::{self, Contents};
use melu::model::schema;
use melu::{Model, RecommendOptions, Scratch, User};
use serde_json::Value as Json;
use tempfile::TempDir;

/// Runs the program in a folder.
fn melu<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_melu"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

/// Standard output of a run that must succeed.
#[track_caller]
fn succeeds(folder: &Path, line: &str) -> String {
    let output = melu(folder, line.split(' '));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "melu {line}: {message}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one object on standard output of a run that must succeed.
#[track_caller]
fn json(folder: &Path, line: &str) -> Json {
    let output = succeeds(folder, line);
    assert_eq!(output.lines().count(), 1, "melu {line}");
    serde_json::from_str(&output).unwrap()
}

/// The message of a run that must fail with this status, and print nothing else.
#[track_caller]
fn fails(folder: &Path, status: i32, line: &str) -> String {
    let output = melu(folder, line.split(' '));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "melu {line}: {message}");
    assert!(output.stdout.is_empty(), "melu {line} prints on standard output");
    message
}

/// A folder with a small `world` and `paper.melu`, trained on it as published.
fn prepared() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        succeeds(folder.path(), "synth world --users 150 --items 80 --ratings-per-user 30");
        succeeds(folder.path(), "train world -o paper.melu --recipe paper --epochs 2");
        folder
    });
    folder.path()
}

/// A folder of one test's own, with the same in it.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world");
    fs::create_dir(&world).unwrap();
    for name in entries(&prepared().join("world")) {
        fs::copy(prepared().join("world").join(&name), world.join(&name)).unwrap();
    }
    fs::copy(prepared().join("paper.melu"), folder.path().join("paper.melu")).unwrap();
    folder
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn keys(object: &Json) -> Vec<&str> {
    // Sorted, as serde_json's map is.
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn numbers(object: &Json, names: &[&str]) -> bool {
    names.iter().all(|name| object[*name].as_f64().is_some_and(f64::is_finite))
}

#[test]
fn from_ratings_to_recommendations() {
    let folder = copy();
    let folder = folder.path();
    let lines = succeeds(folder, "train world -o new.melu --epochs 2 --seed 3 --json");
    let epochs: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(epochs.len(), 2);
    for (epoch, number) in epochs.iter().zip(1..) {
        assert_eq!(
            keys(epoch),
            ["epoch", "loss", "tasks_per_second", "validation_mae", "validation_ndcg20"]
        );
        assert_eq!(epoch["epoch"], number);
        assert!(numbers(epoch, &["loss", "tasks_per_second", "validation_mae"]));
    }
    assert_eq!(entries(folder), ["new.melu", "paper.melu", "world"]);

    let evaluation = json(folder, "eval new.melu world --draws 2 --json");
    assert_eq!(keys(&evaluation), ["baselines", "inside", "rankings", "scenarios"]);
    let scenarios = evaluation["scenarios"].as_array().unwrap();
    let names: Vec<_> = scenarios.iter().map(|scenario| scenario["name"].as_str()).collect();
    let expected =
        ["existing_users_existing_items", "new_users", "new_items", "new_users_new_items"];
    assert_eq!(names, expected.map(Some));
    for scenario in &scenarios[..2] {
        assert!(scenario["users"].as_u64() > Some(0));
        let rows = scenario["rows"].as_array().unwrap();
        for predictor in [
            "melu",
            "melu_median",
            "melu_unadapted",
            "item_mean_user_bias",
            "user_mean",
            "global_mean",
            "global_median",
            "item_knn",
            "factors",
        ] {
            let rows: Vec<_> = rows.iter().filter(|row| row["predictor"] == predictor).collect();
            let given: Vec<String> = rows.iter().map(|row| row["given"].to_string()).collect();
            assert_eq!(given, ["0", "1", "3", "5", "10", "20", "\"all\""]);
            for row in rows {
                assert!(numbers(row, &["mae", "mae_sd", "ndcg1", "ndcg3", "ndcg5", "rmse"]));
            }
        }
    }

    let evidence = json(folder, "evidence new.melu -k 3 --json");
    assert_eq!(keys(&evidence), ["items"]);
    let items = evidence["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    for item in items {
        assert_eq!(keys(item), ["gradient_norm", "id", "popularity", "score", "title"]);
        assert!(item["id"].is_string() && item["title"].is_string());
        assert!(numbers(item, &["gradient_norm", "popularity", "score"]));
    }
    let id = |place: usize| items[place]["id"].as_str().unwrap();

    let line = format!(
        "recommend new.melu --user age=25-34 --rate {}=5 --rate {}=0.5 --leave-out {} -k 4 \
         --json",
        id(0),
        id(1),
        id(2)
    );
    let recommended = json(folder, &line);
    assert_eq!(keys(&recommended), ["items"]);
    let found = recommended["items"].as_array().unwrap();
    assert_eq!(found.len(), 4);
    for item in found {
        assert_eq!(keys(item), ["deviation", "id", "rating", "score", "title"]);
        assert!(item["title"].is_string() && numbers(item, &["score", "rating", "deviation"]));
    }
    let model = Model::open(folder.join("new.melu")).unwrap();
    assert_eq!(found, &by_library(&model, &[(id(0), 5.0), (id(1), 0.5)], id(2), 4));

    succeeds(folder, "train world -o half.melu --epochs 1 --catalog f16");
    assert!(succeeds(folder, "inspect half.melu").contains("80 items, kept in f16"));
    assert_eq!(json(folder, "inspect half.melu --json")["config"]["catalog"], "f16");
    assert!(succeeds(folder, "verify half.melu").contains("half.melu is sound; 80 items"));
    let new = succeeds(folder, "inspect new.melu");
    for part in ["80 items, kept in f32", "vectors of 62 ", "ridge regression"] {
        assert!(new.contains(part), "{new}");
    }

    let inside = json(folder, "inspect new.melu --json");
    assert_eq!(keys(&inside), ["config", "evidence", "items", "parameters", "training"]);
    assert_eq!(inside["items"], 80);
    assert_eq!(inside["training"]["options"]["seed"], 3);
    assert!(succeeds(folder, "verify new.melu").contains("new.melu is sound; 80 items"));
    // The same for people.
    for line in [
        "eval new.melu world --draws 1",
        "evidence new.melu",
        "recommend new.melu",
        "inspect new.melu",
    ] {
        assert!(succeeds(folder, line).lines().count() > 5, "{line}");
    }
}

/// What the program must recommend to somebody of 25 to 34 years.
fn by_library(model: &Model, rated: &[(&str, f32)], leave_out: &str, k: usize) -> Vec<Json> {
    let catalog = model.catalog().unwrap().unwrap();
    let profile = [("age", schema::Value::Name("25-34"))];
    let mut user = User::new(&catalog, &profile).unwrap();
    assert_eq!(user.unknown_values(), 0);
    let (items, ratings): (Vec<u32>, Vec<f32>) =
        rated.iter().map(|(id, rating)| (catalog.find(id).unwrap(), *rating)).unzip();
    user.adapt(&items, &ratings, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let leave_out = [catalog.find(leave_out).unwrap()];
    let mut best = Vec::new();
    let options = RecommendOptions { leave_out: &leave_out, ..RecommendOptions::default() };
    user.recommend(k, &options, &mut best, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let item = |found: &melu::Recommendation| {
        let (id, title) = (catalog.id(found.item), catalog.title(found.item));
        let (mut rating, mut deviation) = ([0.0], [0.0]);
        user.predict_with_deviations(
            &[found.item],
            &mut rating,
            &mut deviation,
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap();
        let item = serde_json::json!({
            "id": id, "title": title, "score": found.score,
            "rating": rating[0], "deviation": deviation[0],
        });
        // As text and back, like what it is compared with.
        serde_json::from_str(&item.to_string()).unwrap()
    };
    best.iter().map(item).collect()
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    let folder = prepared();
    for (line, told) in [
        ("dance", "dance"),
        ("train", "<DIR>"),
        ("train world", "--output"),
        ("train world -o x --recipe cake", "cake"),
        ("train world -o x --epochs -1", "-1"),
        ("evidence paper.melu --seed 1", "--data"),
        ("evidence paper.melu -o other.melu", "--data"),
        ("recommend paper.melu --user gender", "FIELD=VALUE is expected"),
        ("recommend paper.melu --rate 1", "ID=RATING is expected"),
        ("recommend paper.melu --rate 1=good", "\"good\" is not a number"),
        ("recommend paper.melu --rate 1=", "\"\" is not a number"),
        ("recommend paper.melu -k many", "many"),
    ] {
        let message = fails(folder, 2, line);
        assert!(message.contains(told), "{line}: {message}");
    }
    assert_eq!(melu(folder, [""; 0]).status.code(), Some(2));
    for line in ["--help", "--version", "train --help", "import movielens --help"] {
        assert!(!succeeds(folder, line).is_empty());
    }
}

#[test]
fn failures_are_1_and_name_what_is_wrong() {
    let folder = copy();
    let folder = folder.path();
    fs::write(folder.join("text.melu"), "this is no model").unwrap();
    fs::write(folder.join("empty.melu"), "").unwrap();
    let before = entries(folder);
    let usual = json(folder, "evidence paper.melu -k 1 --json");
    let id = usual["items"][0]["id"].as_str().unwrap();
    let lines = [
        ("verify gone.melu", "gone.melu"),
        ("verify world", "world"),
        ("verify text.melu", "text.melu"),
        ("inspect empty.melu", "empty.melu"),
        ("eval paper.melu gone", "dataset.toml"),
        ("eval paper.melu world --draws 0", "draws"),
        ("evidence text.melu --data world -o new.melu", "text.melu"),
        ("recommend paper.melu --rate unheard-of=5", "no item \"unheard-of\""),
        ("recommend paper.melu --leave-out unheard-of", "no item \"unheard-of\""),
        ("recommend paper.melu --user shoe_size=43", "no user field \"shoe_size\""),
        ("recommend paper.melu --rate ID=nan", "NaN"),
        ("recommend paper.melu --rate ID=3e38", "from 0.5 to 5"),
        ("train world -o world", "world is a folder"),
        ("train world -o gone/new.melu", "no folder gone"),
        ("train world -o new.melu --epochs 0", "epochs"),
        ("train world -o new.melu --loss bce", "rating"),
        ("train world -o new.melu --resume", "new.melu.checkpoint"),
        ("train paper.melu -o new.melu", "dataset.toml"),
        ("synth world", "world"),
        ("synth new --users 0", "users"),
        ("import movielens world new", "world"),
    ];
    for (line, told) in lines {
        let message = fails(folder, 1, &line.replace("ID", id));
        assert!(message.starts_with("melu: ") || message.contains("\nmelu: "), "{message}");
        assert!(message.contains(told), "{line}: {message}");
        let last = message.trim_end().rsplit(": ").next().unwrap();
        assert_eq!(message.matches(last).count(), 1, "{line} says it twice: {message}");
        assert_eq!(entries(folder), before, "{line} leaves something behind");
    }
    // Nothing is wrong with a value that training has not seen, but it is told.
    let output = melu(folder, "recommend paper.melu --user age=900".split(' '));
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is unknown to the model"));
}

#[test]
fn users_with_one_rating_do_not_matter() {
    let folder = copy();
    let folder = folder.path();
    let append = |name: &str, line: &str| {
        let path = folder.join("world").join(name);
        fs::write(&path, fs::read_to_string(&path).unwrap() + line).unwrap();
    };
    append("users.csv", "once,,,\n");
    append("ratings.csv", "once,i1,4\n");
    for recipe in ["paper", "default"] {
        succeeds(folder, &format!("train world -o new.melu --recipe {recipe} --epochs 1"));
    }
    succeeds(folder, "eval new.melu world --draws 1");
    // Nor is there anything to learn from such users alone.
    fs::write(folder.join("world/ratings.csv"), "user_id,item_id,rating\nonce,i1,4\n").unwrap();
    let before = entries(folder);
    for line in ["train world -o other.melu", "evidence paper.melu --data world -o other.melu"] {
        let message = fails(folder, 1, line);
        assert!(message.contains("no existing user has"), "{message}");
        assert_eq!(entries(folder), before);
    }
}

#[test]
fn a_broken_data_folder_is_named_to_the_cell_and_nothing_is_written() {
    let folder = copy();
    let folder = folder.path();
    let path = folder.join("world").join("ratings.csv");
    let mut lines: Vec<String> =
        fs::read_to_string(&path).unwrap().lines().map(String::from).collect();
    let column = lines[0].rsplit(',').next().unwrap().to_owned();
    let cut = lines[41].rfind(',').unwrap();
    lines[41].replace_range(cut.., ",superb");
    fs::write(&path, lines.join("\n")).unwrap();
    let before = entries(folder);
    for line in [
        "train world -o new.melu",
        "eval paper.melu world",
        "evidence paper.melu --data world -o new.melu",
    ] {
        let message = fails(folder, 1, line);
        let place = format!("ratings.csv, line 42, column \"{column}\"");
        assert!(message.contains(&place) && message.contains("\"superb\""), "{message}");
        assert_eq!(entries(folder), before, "{line} leaves something behind");
    }
}

/// What a run that must succeed says on standard error.
#[track_caller]
fn told(folder: &Path, line: &str) -> String {
    let output = melu(folder, line.split(' '));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "melu {line}: {message}");
    message
}

#[test]
fn training_says_what_it_recognised() {
    let folder = copy();
    let folder = folder.path();
    let said = told(folder, "train world -o rated.melu --epochs 1");
    assert!(
        said.contains(" ratings, read in ") && said.contains("or more counts as liked"),
        "{said}"
    );

    // The same choices without ratings, and with one rating throughout.
    succeeds(folder, "synth log --users 150 --items 80 --ratings-per-user 30 --positive-only");
    let said = told(folder, "train log -o chosen.melu --epochs 1");
    assert!(said.contains(" interactions, read in ") && !said.contains("liked"), "{said}");
    let rated = fs::read_to_string(folder.join("world/ratings.csv")).unwrap();
    let ones = rated.lines().enumerate().map(|(line, row)| match line {
        0 => format!("{row}\n"),
        _ => format!("{},1\n", &row[..row.rfind(',').unwrap()]),
    });
    fs::write(folder.join("world/ratings.csv"), ones.collect::<String>()).unwrap();
    let said = told(folder, "train world -o ones.melu --epochs 1");
    assert!(said.contains(" interactions, read in "), "{said}");
    assert!(said.contains("all ratings are 1") && said.contains("positive-only"), "{said}");

    // And without any table of users and items.
    let pairs = fs::read_to_string(folder.join("log/interactions.csv")).unwrap();
    fs::create_dir(folder.join("bare")).unwrap();
    fs::write(folder.join("bare/log.csv"), &pairs).unwrap();
    let settings = "name = \"bare\"\n[interactions]\nfile = \"log.csv\"\nuser = \"user_id\"\n\
                    item = \"item_id\"\n[split]\nnew_users = { fraction = 0.2, seed = 0 }\n";
    fs::write(folder.join("bare/dataset.toml"), settings).unwrap();
    let said = told(folder, "train bare -o bare.melu --epochs 1");
    assert!(said.contains("150 users, "), "{said}");
    let id = pairs.lines().nth(1).unwrap().split(',').nth(1).unwrap();
    let list = json(folder, &format!("recommend bare.melu --rate {id}=1 -k 5 --json"));
    assert_eq!(list["items"].as_array().unwrap().len(), 5);
}

/// Starts a long training, and interrupts it after its first epoch.
#[cfg(unix)]
fn interrupt(folder: &Path, line: &str) -> Output {
    use std::io::{BufRead, BufReader};
    let mut training = command(folder, line.split(' '));
    let mut training = training.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(training.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("\"epoch\":1"), "{first}");
    let id = training.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    training.wait_with_output().unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_resumes_to_the_same_bytes() {
    let folder = copy();
    let folder = folder.path();
    // Long enough that the signal comes before the end on any machine, yet the
    // rest is quickly done.
    let options = "--recipe paper --epochs 60 --json";
    succeeds(folder, &format!("train world -o whole.melu {options}"));
    let line = format!("train world -o cut.melu {options}");
    let stopped = interrupt(folder, &line);
    let message = String::from_utf8(stopped.stderr).unwrap();
    assert_eq!(stopped.status.code(), Some(1), "{message}");
    assert!(message.contains("--resume"), "{message}");
    let left = ["cut.melu.checkpoint", "paper.melu", "whole.melu", "world"];
    assert_eq!(entries(folder), left);

    // Beginning anew would throw it away.
    let checkpoint = fs::read(folder.join(left[0])).unwrap();
    let message = fails(folder, 1, &line);
    assert!(message.contains(left[0]) && message.contains("--resume"), "{message}");
    // Other options would make it another training.
    let message = fails(folder, 1, &format!("{line} --seed 5 --resume"));
    assert!(message.contains("other data or options"), "{message}");
    assert_eq!(fs::read(folder.join(left[0])).unwrap(), checkpoint);
    assert_eq!(entries(folder), left);

    let rest = succeeds(folder, &format!("{line} --resume --threads 1"));
    assert!(rest.lines().count() < 60, "nothing was left to resume");
    assert_eq!(entries(folder), ["cut.melu", "paper.melu", "whole.melu", "world"]);
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(bytes("cut.melu") == bytes("whole.melu"));
}

/// The same model with less in its file.
fn strip(model: &Path, to: PathBuf, less: impl FnOnce(&mut Contents)) {
    let mut contents = Model::open(model).unwrap().contents().clone();
    less(&mut contents);
    file::write(&to, &contents, None).unwrap();
}

#[test]
fn evidence_is_computed_for_models_without_it() {
    let folder = copy();
    let folder = folder.path();
    let trained = folder.join("paper.melu");
    strip(&trained, folder.join("weights.melu"), |contents| {
        (contents.catalog, contents.evidence) = (None, None);
    });
    assert!(fails(folder, 1, "evidence weights.melu").contains("--data DIR"));
    assert!(fails(folder, 1, "recommend weights.melu").contains("no catalogue"));
    assert!(succeeds(folder, "verify weights.melu").contains("0 items"));

    // The published recipe holds nobody back, so that the training tasks are all.
    let stored = json(folder, "evidence paper.melu -k 1000 --json");
    assert!(stored["items"].as_array().unwrap().len() > 20);
    let anew = json(folder, "evidence paper.melu --data world -k 1000 --json");
    assert_eq!(stored, anew);
    let command = "evidence weights.melu --data world -o full.melu --threads 1 -k 1000 --json";
    assert_eq!(stored, json(folder, command));
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(read("full.melu") == read("paper.melu"), "not the file that training wrote");
    // Also over the model itself.
    json(folder, "evidence weights.melu --data world -o weights.melu --json");
    assert!(read("weights.melu") == read("paper.melu"));
}

#[test]
fn profiles_are_given_by_index_where_values_have_no_names() {
    let folder = copy();
    let folder = folder.path();
    strip(&folder.join("paper.melu"), folder.join("bare.melu"), |contents| {
        contents.user_vocabularies.fill(None);
    });
    let by_name = json(folder, "recommend paper.melu --user age=25-34 --json");
    let model = Model::open(folder.join("paper.melu")).unwrap();
    let fields = &model.config().user_fields;
    let field = fields.iter().position(|field| field.name == "age").unwrap();
    let names = model.contents().user_vocabularies[field].as_ref().unwrap();
    let index = names.names().iter().position(|name| name == "25-34").unwrap();
    let by_index = json(folder, &format!("recommend bare.melu --user age={index} --json"));
    assert_eq!(by_name, by_index);
    let message = fails(folder, 1, "recommend bare.melu --user age=25-34");
    assert!(message.contains("an index is expected, not \"25-34\""), "{message}");
    fails(folder, 1, "recommend bare.melu --user age=1000");
}

/// Runs the program with a standard output that nobody reads.
#[cfg(unix)]
fn unread(folder: &Path, line: &str) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command(folder, line.split(' ')).stdout(writer).output().unwrap()
}

#[cfg(unix)]
#[test]
fn a_reader_who_leaves_is_no_failure() {
    let folder = copy();
    let folder = folder.path();
    for line in [
        "evidence paper.melu",
        "recommend paper.melu --json",
        "inspect paper.melu",
        "train world -o read.melu --epochs 2 --json",
    ] {
        let output = unread(folder, line);
        assert_eq!(output.status.code(), Some(0), "{line}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!message.contains("ipe"), "{line}: {message}");
    }
    // The model that was asked for is there all the same.
    succeeds(folder, "verify read.melu");
}

#[test]
fn a_scenario_without_users_has_no_figures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(
        folder,
        "synth world --users 60 --items 50 --ratings-per-user 25 --new-users 0 --new-items 0",
    );
    succeeds(folder, "train world -o model.melu --recipe paper --epochs 1");
    let evaluation = json(folder, "eval model.melu world --draws 1 --json");
    for scenario in &evaluation["scenarios"].as_array().unwrap()[1..] {
        assert_eq!(scenario["users"], 0);
        assert_eq!(scenario["rows"], Json::Array(Vec::new()));
    }
    succeeds(folder, "eval model.melu world --draws 1");
}

/// The numbers of a table's row, by what the line begins with.
fn row(lines: &[&str], name: &str) -> Vec<f64> {
    let line = lines.iter().find_map(|line| line.trim().strip_prefix(name)).unwrap();
    line.split_whitespace().filter_map(|cell| cell.parse().ok()).collect()
}

#[test]
fn the_demo_shows_that_answers_pay() {
    let output = succeeds(prepared(), "demo");
    let lines: Vec<&str> = output.lines().collect();
    let tables: Vec<usize> =
        (0..lines.len()).filter(|&line| lines[line].contains("new people; answers:")).collect();
    assert_eq!(tables.len(), 2, "{output}");
    for (line, gain) in tables.into_iter().zip([0.5, 0.1]) {
        let table = &lines[line..line + 4];
        let [popular, melu, best] =
            ["most popular", "melu", "best possible"].map(|name| row(table, name));
        for row in [&popular, &melu, &best] {
            assert_eq!(row.len(), 4, "{output}");
        }
        for (place, melu) in melu.iter().enumerate().skip(1) {
            // A share of the way from the list that is the same for all to the best one.
            let way = (melu - popular[place]) / (best[place] - popular[place]);
            assert!(way > gain, "{way}: {output}");
        }
        assert!(melu[0] > popular[0] - 0.05 && melu[3] > melu[0], "{output}");
    }
}

#[test]
fn a_training_without_validation_keeps_each_epoch() {
    let folder = copy();
    let folder = folder.path();
    let line = "train world -o two.melu --recipe paper --epochs 2";
    let said = String::from_utf8(melu(folder, line.split(' ')).stderr).unwrap();
    assert!(said.contains("epoch 2: loss") && !said.contains("not kept"), "{said}");
}
