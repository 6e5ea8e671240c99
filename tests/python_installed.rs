//! The Python package, as its users have it: a wheel in a clean environment.

#![cfg(feature = "train")]

mod c;
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use c::{missing, project, run};
use melu::model::schema::Value;
use melu::{Filter, Model, Order, RecommendOptions, Scratch, User};
use serde_json::{Value as Json, json};

/// A Python with maturin and all that the tests use; `None` after saying what is missing.
fn python() -> Option<String> {
    let python = std::env::var("MELU_PYTHON").unwrap_or_else(|_| "python3".into());
    let needed = "import ensurepip, venv, maturin, numpy, pytest, hypothesis, mypy, pandas, polars, \
                  pyarrow, tqdm, matplotlib, faiss, usearch";
    let found = Command::new(&python).args(["-c", needed]).output();
    match found {
        Ok(found) if found.status.success() => Some(python),
        Ok(found) => {
            let said = String::from_utf8_lossy(&found.stderr);
            let last = said.lines().last().unwrap_or_default();
            missing(&format!(
                "{python} with bindings/python/tests/requirements.txt and venv ({last})"
            ));
            None
        }
        Err(error) => {
            missing(&format!("{python} ({error})"));
            None
        }
    }
}

/// The wheel, built with the profile of tests.
fn wheel(python: &str, below: &Path) -> PathBuf {
    let wheels = below.join("wheels");
    let _ = fs::remove_dir_all(&wheels);
    let mut build = Command::new(python);
    build
        .args(["-m", "maturin", "build", "--profile", "dev", "--locked", "--quiet", "--out"])
        .arg(&wheels)
        .arg("--manifest-path")
        .arg(project("bindings/python/Cargo.toml"))
        .env("CARGO_TARGET_DIR", below.join("target"))
        .env_remove("RUSTFLAGS");
    run(&mut build);
    let mut made = fs::read_dir(&wheels).unwrap().map(|entry| entry.unwrap().path());
    let wheel = made.next().unwrap();
    let name = wheel.file_name().unwrap().to_str().unwrap();
    let begin = format!("melu_recsys-{}-cp310-abi3-", env!("CARGO_PKG_VERSION"));
    assert!(name.starts_with(&begin) && made.next().is_none(), "{name}");
    wheel
}

/// The library's own numbers for the users of the golden file, as bits.
fn exact_numbers() -> Json {
    let golden = fs::read_to_string(project("tests/golden/everywhere.json")).unwrap();
    let golden: Json = serde_json::from_str(&golden).unwrap();
    let mut users = Vec::new();
    for model in golden["models"].as_array().unwrap() {
        let file = project(model["file"].as_str().unwrap());
        let catalog = Model::open(file).unwrap().catalog().unwrap().unwrap();
        let mut scratch = Scratch::new(&catalog).unwrap();
        for given in model["users"].as_array().unwrap() {
            let value = |value: &'_ Json| match (value["name"].as_str(), value["index"].as_u64()) {
                (Some(name), _) => Value::Name(Box::leak(Box::from(name))),
                (None, Some(index)) => Value::Index(index as u32),
                (None, None) => Value::Number(value["number"].as_f64().unwrap() as f32),
            };
            let profile = given["profile"].as_array().unwrap().iter();
            let profile: Vec<(&str, Value<'_>)> =
                profile.map(|of| (of["field"].as_str().unwrap(), value(of))).collect();
            let answers = given["answers"].as_array().unwrap();
            let items: Vec<u32> = answers.iter().map(|pair| index(&pair[0])).collect();
            let ratings: Vec<f32> =
                answers.iter().map(|pair| pair[1].as_f64().unwrap() as f32).collect();
            let mut user = User::new(&catalog, &profile).unwrap();
            user.adapt(&items, &ratings, &mut scratch).unwrap();
            let mut scores = vec![0.0; catalog.len()];
            user.score_all(&mut scores, &mut scratch).unwrap();
            let options = &given["options"];
            let indices = |name: &str| -> Option<Vec<u32>> {
                Some(options[name].as_array()?.iter().map(index).collect())
            };
            let (among, leave_out) = (indices("among"), indices("leave_out").unwrap_or_default());
            let number = |name: &str| options[name].as_f64().unwrap_or(0.0);
            let flag = |name: &str| options[name].as_bool().unwrap_or(false);
            let even = |item: u32| item.is_multiple_of(2);
            let options = RecommendOptions {
                among: among.as_deref(),
                add_neighbours: flag("add_neighbours"),
                leave_out: &leave_out,
                filter: flag("only_even").then_some(Filter(&even)),
                keep_rated: flag("keep_rated"),
                order: match options["order"].as_str() {
                    Some(_) => Order::Rating,
                    None => Order::Score,
                },
                exposure: (1.0 - number("popularity_discount")) as f32,
                min_raters: number("min_raters") as u32,
                new_items: number("new_items") as usize,
            };
            let mut best = Vec::new();
            let count = index(&given["count"]) as usize;
            user.recommend(count, &options, &mut best, &mut scratch).unwrap();
            let bits = |numbers: &mut dyn Iterator<Item = f32>| -> Vec<u32> {
                numbers.map(f32::to_bits).collect()
            };
            users.push(json!({
                "scores": bits(&mut scores.iter().copied()),
                "items": best.iter().map(|found| found.item).collect::<Vec<_>>(),
                "best": bits(&mut best.iter().map(|found| found.score)),
                "saved": user.save().unwrap().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            }));
        }
    }
    users.into()
}

fn index(json: &Json) -> u32 {
    json.as_u64().unwrap() as u32
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn the_wheel_passes_its_tests_in_a_clean_environment() {
    let Some(python) = python() else { return };
    let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    fs::create_dir_all(&below).unwrap();
    let wheel = wheel(&python, &below);
    let environment = below.join("environment");
    let _ = fs::remove_dir_all(&environment);
    run(Command::new(&python).args(["-m", "venv", "--without-pip"]).arg(&environment));
    let inside = environment.join("bin/python");
    // What the tests use comes from outside, and the package from the wheel alone.
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    install.arg("--python").arg(&inside).args(["install", "--no-deps", "--no-index"]);
    run(install.arg(&wheel));
    let paths =
        "import sys; print('\\n'.join(path for path in sys.path if path.endswith('packages')))";
    let paths = run(Command::new(&python).args(["-c", paths]));
    let packages =
        run(Command::new(&inside).args(["-c", "import site; print(site.getsitepackages()[0])"]));
    fs::write(Path::new(packages.trim()).join("outside.pth"), paths).unwrap();

    let exact = below.join("exact.json");
    fs::write(&exact, exact_numbers().to_string()).unwrap();
    let mut tests = Command::new(&inside);
    tests.args(["-m", "pytest", "-p", "no:cacheprovider", "--durations=5"]);
    tests.current_dir(project("bindings/python")).env("MELU_EXACT", &exact);
    tests.env("PYTHONDONTWRITEBYTECODE", "1").env("HYPOTHESIS_STORAGE_DIRECTORY", below.join("h"));
    println!("{}", run(&mut tests));
}

#[test]
fn the_licences_and_the_version_are_those_of_the_project() {
    let package = project("bindings/python");
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert_eq!(fs::read(package.join(name)).unwrap(), fs::read(project(name)).unwrap());
    }
    let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
    let version = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(manifest.contains(&version), "{manifest}");
}
