//! Weight files written by numpy as docs/format.md describes them: they load, and
//! score as plain numpy does.

mod common;
mod pages;

use std::fs;
use std::path::Path;
use std::process::Command;

use melu::model::config::Config;
use melu::model::schema::Value;
use melu::{Catalog, Model, NewItem, User};
use pages::blocks;
use serde_json::Value as Json;

/// A Python with numpy and safetensors, or `None` after saying what is skipped.
fn python() -> Option<String> {
    let python = std::env::var("MELU_PYTHON").unwrap_or_else(|_| "python3".into());
    let import = Command::new(&python).args(["-c", "import numpy, safetensors"]).output();
    if import.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let missing = format!("{python} with numpy and safetensors is not here (set MELU_PYTHON)");
    assert!(std::env::var_os("MELU_REQUIRE_ALL").is_none(), "{missing}");
    common::skipped(&missing);
    None
}

fn close(found: &[f32], expected: &Json) {
    let expected: Vec<f64> =
        expected.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            (f64::from(*found) - expected).abs() <= 1e-4 * expected.abs(),
            "{found} {expected}"
        );
    }
}

fn values<'a>(
    fields: &'a [melu::model::schema::Field],
    row: &'a Json,
) -> Vec<(&'a str, Value<'a>)> {
    let mut values = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        // By position for files without names, by name for files with them.
        let cell = row.get(index).or_else(|| row.get(&field.name)).unwrap_or(&Json::Null);
        let several = cell.as_array().cloned().unwrap_or_else(|| vec![cell.clone()]);
        for cell in several {
            let value = match &cell {
                Json::Null => continue,
                Json::String(_) => {
                    let strings = row[&field.name].as_array();
                    let strings =
                        strings.map_or(vec![&row[&field.name]], |all| all.iter().collect());
                    let name = strings.into_iter().find(|name| **name == cell).unwrap();
                    Value::Name(name.as_str().unwrap())
                }
                number if field.is_numeric() => Value::Number(number.as_f64().unwrap() as f32),
                number => Value::Index(number.as_u64().unwrap() as u32),
            };
            values.push((field.name.as_str(), value));
        }
    }
    values
}

fn check_users(catalog: &Catalog, users: &Json) {
    let users = users.as_array().unwrap();
    assert!(!users.is_empty());
    for expected in users {
        let fields = &catalog.model().config().user_fields;
        let mut user = User::new(catalog, &values(fields, &expected["profile"])).unwrap();
        let support = &expected["support"];
        let items: Vec<u32> = match support.get("ids") {
            Some(ids) => {
                let ids = ids.as_array().unwrap().iter();
                ids.map(|id| catalog.find(id.as_str().unwrap()).unwrap()).collect()
            }
            None => serde_json::from_value(support["items"].clone()).unwrap(),
        };
        let ratings: Vec<f32> = serde_json::from_value(support["ratings"].clone()).unwrap();
        let mut scores = vec![0.0; catalog.len()];
        user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
        close(&scores, &expected["scores_before"]);
        user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
        user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
        close(&scores, &expected["scores_after"]);
        user.reset();
        user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
        close(&scores, &expected["scores_before"]);
    }
}

#[test]
fn files_written_by_numpy_load_and_score() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/write_model.py");
    let status = Command::new(python).arg(script).arg(folder.path()).status().unwrap();
    assert!(status.success());
    let expected = fs::read_to_string(folder.path().join("expected.json")).unwrap();
    let expected: Json = serde_json::from_str(&expected).unwrap();

    let model = Model::open(folder.path().join("full.safetensors")).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let full = &expected["full"];
    for (item, id) in full["ids"].as_array().unwrap().iter().enumerate() {
        assert_eq!(catalog.id(item as u32), id.as_str());
        assert_eq!(catalog.title(item as u32), full["titles"][item].as_str());
        assert_eq!(catalog.find(id.as_str().unwrap()), Some(item as u32));
    }
    let evidence = model.evidence().unwrap();
    assert_eq!(serde_json::json!(&evidence.items[..]), full["evidence"]["items"]);
    assert_eq!(serde_json::json!(&evidence.scores[..]), full["evidence"]["scores"]);
    check_users(&catalog, &full["users"]);

    let model = Model::open(folder.path().join("weights_only.safetensors")).unwrap();
    assert!(model.catalog().unwrap().is_none() && model.evidence().is_none());
    let weights = &expected["weights_only"];
    let rows = weights["items"].as_array().unwrap();
    let ids: Vec<String> = (0..rows.len()).map(|row| format!("item {row}")).collect();
    let fields = &model.config().item_fields;
    let values: Vec<_> = rows.iter().map(|row| values(fields, row)).collect();
    let items: Vec<NewItem> =
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values }).collect();
    check_users(&Catalog::new(&model, &items).unwrap(), &weights["users"]);

    for name in ["vectors", "clicks"] {
        let model = Model::open(folder.path().join(format!("{name}.safetensors"))).unwrap();
        let expected = &expected[name];
        check_users(&model.catalog().unwrap().unwrap(), &expected["users"]);
        let fields = &model.config().item_fields;
        let rows = expected["new_items"].as_array().unwrap();
        let values: Vec<_> = rows.iter().map(|row| self::values(fields, row)).collect();
        let ids = expected["new_ids"].as_array().unwrap().iter().zip(&values);
        let items: Vec<NewItem> = ids
            .map(|(id, values)| NewItem { id: id.as_str().unwrap(), title: None, values })
            .collect();
        check_users(&Catalog::new(&model, &items).unwrap(), &expected["new_users"]);
    }
}

/// The blocks of this language in the page on the format.
fn documented(language: &str) -> Vec<String> {
    let blocks = blocks("docs/format.md").into_iter();
    blocks.filter(|block| block.language == language).map(|block| block.text).collect()
}

#[test]
fn the_documented_configuration_is_one() {
    let [config, priors] = &documented("json")[..] else { panic!("other examples") };
    let config = Config::from_json(config).unwrap();
    assert_eq!(Config::from_json(&config.to_json()), Ok(config));
    assert!(serde_json::from_str::<Json>(priors).is_ok_and(|priors| priors.is_object()));
}

#[test]
fn the_documented_program_writes_a_model() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = &documented("python")[0];
    let status = Command::new(python).args(["-c", program]).current_dir(&folder).status().unwrap();
    assert!(status.success());
    let model = Model::open(folder.path().join("model.safetensors")).unwrap();
    let item = |id, values| NewItem { id, title: None, values };
    let items = [item("a", &[("genre", Value::Name("drama"))]), item("b", &[])];
    let mut user = User::new(&Catalog::new(&model, &items).unwrap(), &[]).unwrap();
    let mut scores = [0.0; 2];
    user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
    user.adapt(&[0], &[scores[0] + 2.0], &mut common::scratch(&user)).unwrap();
    let before = scores[0];
    user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
    assert!(before < scores[0] && scores[0] < before + 2.0);
}
