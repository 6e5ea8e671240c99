//! The weight file: written and read back, attacked, and written by others.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::Tensors;
use melu::buffer::Buffer;
use melu::config::Config;
use melu::file::{self, CatalogTable, Contents, EvidenceTable};
use melu::schema::{Column, Strings, Value, Vocabulary};
use melu::{Catalog, Error, Model, NewItem, User};
use proptest::prelude::*;
use serde_json::Value as Json;

const CONFIG: &str = r#"{
    "item_fields": [{"name": "genres", "kind": "multi", "size": 4},
                    {"name": "studio", "kind": "one", "size": 3},
                    {"name": "year", "kind": "numeric", "mean": 1990, "std": 10}],
    "user_fields": [{"name": "region", "kind": "one", "size": 5}],
    "embedding_dim": 5, "hidden": [7, 3], "loss": "mse",
    "output": {"scale": 1.5, "offset": 3.0},
    "local": {"steps": 2, "rate": 0.05}
}"#;

fn names(names: &[&str]) -> Option<Vocabulary> {
    Some(Vocabulary::from_unsorted(names.iter().copied()))
}

fn sample() -> Contents {
    let config = Config::from_json(CONFIG).unwrap();
    let contents = Tensors::generate(&config, 7, |_| 0.5).contents(&config);
    Contents {
        item_vocabularies: vec![
            names(&["war", "drama", "comedy", "Ärger"]),
            names(&["a", "b", "c"]),
            None,
        ],
        user_vocabularies: vec![names(&["n", "e", "s", "w", "middle"])],
        catalog: Some(CatalogTable {
            ids: Strings::from_iter(["one", "two", "three"]),
            titles: Some(Strings::from_iter(["The First", "", "Die Dritte"])),
            columns: vec![
                Column::values(vec![0, 2, 2, 3].into(), vec![0, 3, 1].into(), 4).unwrap(),
                Column::values(vec![0, 1, 2, 2].into(), vec![2, 0].into(), 3).unwrap(),
                Column::Numbers(vec![1985.0, f32::NAN, 2001.0].into()),
            ],
            vectors: None,
        }),
        evidence: Some(EvidenceTable {
            items: vec![2, 0].into(),
            scores: vec![1.0, 0.5].into(),
            gradient_norm: vec![1.0, 0.625].into(),
            popularity: vec![1.0, 0.75].into(),
        }),
        training: Some("{}".into()),
        ..contents
    }
}

fn bytes(contents: &Contents) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    file::write(&path, contents).unwrap();
    fs::read(path).unwrap()
}

/// Everything that a program can ask of a model, so that nothing is left unread.
fn use_all(model: &Model) {
    let Ok(Some(catalog)) = model.catalog() else { return };
    let mut user = User::new(&catalog, &[]).unwrap();
    let items: Vec<u32> = (0..catalog.len() as u32).collect();
    let mut scores = vec![0.0; items.len()];
    user.score_all(&mut scores).unwrap();
    let ratings = vec![1.0; items.len()];
    let _ = user.adapt(&items, &ratings);
    user.recommend(2, Default::default(), &mut Vec::new()).unwrap();
    for &item in &items {
        assert_eq!(catalog.find(catalog.id(item).unwrap()), Some(item));
        let _ = catalog.title(item);
    }
}

#[test]
fn reads_what_it_writes() {
    let written = sample();
    let bytes = bytes(&written);
    let model = Model::from_bytes(bytes.clone()).unwrap();
    let read = model.contents();
    assert_eq!(read.config, written.config);
    assert_eq!(read.item_embeddings, written.item_embeddings);
    assert_eq!(read.user_embeddings, written.user_embeddings);
    assert_eq!(read.head, written.head);
    assert_eq!(read.item_vocabularies, written.item_vocabularies);
    assert_eq!(read.user_vocabularies, written.user_vocabularies);
    assert_eq!(read.evidence, written.evidence);
    assert_eq!(read.training, written.training);
    let (read, written) = (read.catalog.as_ref().unwrap(), written.catalog.as_ref().unwrap());
    assert_eq!((&read.ids, &read.titles), (&written.ids, &written.titles));
    assert_eq!(read.columns[..2], written.columns[..2]);
    assert!(read.columns[2].is_missing(1));
    assert_eq!(self::bytes(model.contents()), bytes, "writing again gives other bytes");
    use_all(&model);
}

#[test]
fn tensors_are_aligned() {
    let bytes = bytes(&sample());
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!((8 + header) % 64, 0);
    for (name, info) in metadata.tensors() {
        let (start, end) = info.data_offsets;
        let alignment = if (end - start) % 64 == 0 { 64 } else { info.dtype.bitsize() / 8 };
        assert_eq!((8 + header + start) % alignment, 0, "{name}");
    }
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    fs::write(&path, "old").unwrap();
    let failed = file::write_atomically(&path, |file| {
        file.write_all(b"half")?;
        Err(std::io::Error::other("disk full"))
    });
    assert!(failed.unwrap_err().to_string().contains("model.melu"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn a_mapped_model_outlives_its_replaced_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    file::write(&path, &sample()).unwrap();
    let model = Model::open(&path).unwrap();
    let other = Contents { evidence: None, ..sample() };
    file::write(&path, &other).unwrap();
    use_all(&model);
    assert!(model.evidence().is_some());
    assert!(Model::open(&path).unwrap().evidence().is_none());
}

/// Rebuilds a file after a change to its header's JSON.
fn with_header(bytes: &[u8], change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Json = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    change(&mut header);
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes(), &header[..], &bytes[8 + len..]].concat()
}

/// What is done to a file, and what the refusal must name.
type Case<'a, T> = (&'a dyn Fn(&mut T), &'a str);

fn refused(bytes: Vec<u8>) -> String {
    match Model::from_bytes(bytes) {
        Err(error @ Error::WeightFile { .. }) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn wrong_headers_are_refused_by_name() {
    let good = bytes(&sample());
    let changed = |change: &dyn Fn(&mut Json)| refused(with_header(&good, |h| change(h)));
    let cases: [Case<Json>; 8] = [
        (&|h| h["__metadata__"]["melu.format"] = "2".into(), "melu.format"),
        (&|h| h["__metadata__"]["melu.config"] = "{}".into(), "melu.config"),
        (&|h| drop(h.as_object_mut().unwrap().remove("__metadata__")), "melu.format"),
        (&|h| h["head.0.weight"]["shape"] = serde_json::json!([20, 7]), "head.0.weight"),
        (&|h| h["head.0.bias"]["dtype"] = "I32".into(), "head.0.bias"),
        (
            &|h| h["item.genres.weight"]["data_offsets"] = serde_json::json!([0, 1u64 << 62]),
            "header",
        ),
        (
            &|h| {
                let tensor = h.as_object_mut().unwrap().remove("user.region.weight").unwrap();
                h["user.other.weight"] = tensor;
            },
            "user.region.weight",
        ),
        (
            &|h| {
                let tensor = h.as_object_mut().unwrap().remove("evidence.scores").unwrap();
                h["evidence.score"] = tensor;
            },
            "evidence.scores",
        ),
    ];
    for (change, name) in cases {
        let message = changed(change);
        assert!(message.contains(name) && message.contains("memory"), "{name}: {message}");
    }
}

#[test]
fn wrong_numbers_are_refused_by_name() {
    let change = |change: &dyn Fn(&mut Contents)| {
        let mut contents = sample();
        change(&mut contents);
        refused(bytes(&contents))
    };
    fn catalog(contents: &mut Contents) -> &mut CatalogTable {
        contents.catalog.as_mut().unwrap()
    }
    let values = |offsets: &[u64], values: &[u32]| Column::Values {
        offsets: offsets.to_vec().into(),
        values: values.to_vec().into(),
    };
    let cases: [Case<Contents>; 11] = [
        (&|c| c.head[3] = f32::NAN, "head.0.weight"),
        (&|c| c.user_embeddings[0] = Buffer::from(vec![f32::INFINITY; 25]), "user.region.weight"),
        (&|c| catalog(c).columns[0] = values(&[0, 2, 1, 3], &[0, 3, 1]), "catalog.genres"),
        (&|c| catalog(c).columns[0] = values(&[0, 2, 2, 3], &[0, 4, 1]), "catalog.genres"),
        (&|c| catalog(c).columns[0] = values(&[0, 2, 2, 9], &[0, 3, 1]), "catalog.genres"),
        (&|c| catalog(c).columns[1] = values(&[0, 2, 3, 3], &[0, 1, 1]), "catalog.studio"),
        (
            &|c| catalog(c).columns[2] = Column::Numbers(vec![1.0, f32::INFINITY, 0.0].into()),
            "catalog.year",
        ),
        (&|c| catalog(c).ids = Strings::from_iter(["one", "two", "one"]), "catalog.ids"),
        (&|c| catalog(c).titles = Some(Strings::from_iter(["x"])), "catalog.titles"),
        (&|c| c.evidence.as_mut().unwrap().items = vec![0, 3].into(), "evidence.items"),
        (&|c| c.user_vocabularies = vec![names(&["x"])], "vocab.user.region"),
    ];
    for (make, name) in cases {
        let message = change(make);
        assert!(message.contains(name), "{name}: {message}");
    }
}

#[test]
fn parts_that_do_not_fit_each_other_are_refused() {
    let refuse = |contents: Contents| {
        assert!(matches!(Model::from_contents(contents), Err(Error::Argument { .. })));
    };
    refuse(Contents { head: vec![0.0; 3], ..sample() });
    refuse(Contents { item_embeddings: Vec::new(), ..sample() });
    refuse(Contents { user_vocabularies: Vec::new(), ..sample() });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// Whatever happened to a file, it is refused or can be used whole.
    #[test]
    fn damaged_files_do_no_harm(
        cut in prop::option::of(0usize..6000),
        edits in prop::collection::vec((0usize..6000, any::<u8>()), 0..4),
        extra in 0usize..9,
    ) {
        thread_local!(static GOOD: Vec<u8> = bytes(&sample()));
        let mut damaged = GOOD.with(Clone::clone);
        for (place, byte) in edits {
            let len = damaged.len();
            damaged[place % len] = byte;
        }
        if let Some(cut) = cut {
            damaged.truncate(cut);
        }
        damaged.resize(damaged.len() + extra, 0);
        if let Ok(model) = Model::from_bytes(damaged) {
            use_all(&model);
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Model::from_bytes(bytes).is_err());
    }
}

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

fn values<'a>(fields: &'a [melu::schema::Field], row: &'a Json) -> Vec<(&'a str, Value<'a>)> {
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
        user.score_all(&mut scores).unwrap();
        close(&scores, &expected["scores_before"]);
        user.adapt(&items, &ratings).unwrap();
        user.score_all(&mut scores).unwrap();
        close(&scores, &expected["scores_after"]);
        user.reset();
        user.score_all(&mut scores).unwrap();
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
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, values }).collect();
    check_users(&Catalog::new(&model, &items).unwrap(), &weights["users"]);
}
