//! Sample weight files, and what is done to them.

use std::fs;

use melu::model::config::Config;
use melu::model::familiarity::Familiarity;
use melu::model::file::{self, CatalogTable, Contents, EvidenceTable, ItemPrior, ItemVectors};
use melu::model::prior::{Input, Prior, Term};
use melu::model::schema::{Column, Entity, Strings, Value, Vocabulary};
use melu::{
    Catalog, Error, Model, NewItem, QuestionOptions, Questions, Scratch, User, greedy_evidence,
};
use serde_json::Value as Json;

use super::{Tensors, unit};

const CONFIG: &str = r#"{
    "item_fields": [{"name": "genres", "kind": "multi", "size": 4},
                    {"name": "studio", "kind": "one", "size": 3},
                    {"name": "year", "kind": "numeric", "mean": 1990, "std": 10}],
    "user_fields": [{"name": "region", "kind": "one", "size": 5}],
    "embedding_dim": 5, "hidden": [7, 3], "loss": "mse",
    "output": {"scale": 1.5, "offset": 3.0},
    "local": {"steps": 2, "rate": 0.05}
}"#;

pub fn names(names: &[&str]) -> Option<Vocabulary> {
    Some(Vocabulary::from_unsorted(names.iter().copied()))
}

/// A model as the paper has it, with all else that a file can hold.
pub fn sample() -> Contents {
    let config = Config::from_json(CONFIG).unwrap();
    let contents = Tensors::generate(&config, 7, |_| 0.5).contents(&config);
    Contents {
        choice: None,
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
            choice: None,
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

const CONFIG_WITH_VECTORS: &str = r#"{
    "item_fields": [{"name": "genres", "kind": "multi", "size": 4},
                    {"name": "studio", "kind": "one", "size": 3, "embedded": false},
                    {"name": "year", "kind": "numeric", "mean": 1990, "std": 10},
                    {"name": "label", "kind": "one", "size": 2}],
    "user_fields": [{"name": "region", "kind": "one", "size": 5, "embedded": false},
                    {"name": "age", "kind": "one", "size": 2, "embedded": false}],
    "embedding_dim": 5, "factors": 3, "body": [6, 4], "hidden": [], "loss": "smooth_l1",
    "output": {"scale": 1.5, "offset": 3.0},
    "local": {"solver": "ridge", "noise": 0.75, "item_variance": 0.5}
}"#;

/// A model with vectors, both priors, and a body before a head in closed form.
pub fn sample_with_vectors() -> Contents {
    let config = Config::from_json(CONFIG_WITH_VECTORS).unwrap();
    let numbers = |tensor: u64, len: usize| -> Vec<f32> {
        (0..len as u64).map(|i| unit(11, tensor, i) as f32).collect()
    };
    let positive =
        |tensor, len| -> Vec<f32> { numbers(tensor, len).iter().map(|x| x.abs()).collect() };
    let term = |tensor, len, input| Term { input, weights: numbers(tensor, len).into() };
    let item_terms = vec![
        term(20, 5 * 4, Input::Values { field: 0 }),
        term(21, 6 * 4, Input::Pair { fields: [1, 3] }),
        term(22, 4, Input::Number { field: 2, lowest: -2.0, highest: 1.5 }),
        term(23, 5 * 4, Input::Shared { field: 0, confidences: positive(24, 4).into() }),
    ];
    let user_terms = vec![
        term(30, 5 * 8, Input::Values { field: 0 }),
        term(31, 10 * 8, Input::Pair { fields: [0, 1] }),
    ];
    let prior = |fields, tensor, width, terms| {
        Prior::new(fields, numbers(tensor, width).into(), terms).unwrap()
    };
    let plain = sample();
    let table = plain.catalog.as_ref().unwrap();
    let labels = Column::values(vec![0, 1, 1, 2].into(), vec![1, 0].into(), 2).unwrap();
    Contents {
        item_embeddings: vec![
            numbers(1, 4 * 5).into(),
            Vec::new().into(),
            numbers(2, 2 * 5).into(),
            numbers(3, 2 * 5).into(),
        ],
        user_embeddings: vec![Vec::new().into(); 2],
        body: numbers(5, config.body_network().unwrap().unwrap().parameters()),
        head: numbers(6, 8),
        head_scale: positive(7, 8),
        item_prior: Some(ItemPrior {
            prior: prior(&config.item_fields, 8, 4, item_terms),
            variance: 0.25,
        }),
        user_prior: Some(prior(&config.user_fields, 9, 8, user_terms)),
        choice: None,
        item_vocabularies: [plain.item_vocabularies.clone(), vec![None]].concat(),
        user_vocabularies: [plain.user_vocabularies.clone(), vec![None]].concat(),
        catalog: Some(CatalogTable {
            columns: [table.columns.clone(), vec![labels]].concat(),
            choice: None,
            vectors: Some(ItemVectors {
                vectors: numbers(10, 3 * 3).into(),
                bias: numbers(11, 3).into(),
                variance: positive(12, 3).into(),
                raters: vec![0, 7, 400].into(),
            }),
            ..table.clone()
        }),
        familiarity: Some(
            Familiarity::new(vec![0.25, 0.75].into(), vec![0, 255, 90, 7, 128, 200].into())
                .unwrap(),
        ),
        config,
        ..plain
    }
}

/// The file that a model is written to.
pub fn bytes(contents: &Contents) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    file::write(&path, contents, None).unwrap();
    fs::read(path).unwrap()
}

/// Everything that a program can ask of a model, so that nothing is left unread.
pub fn use_all(model: &Model) {
    let catalog = model.catalog();
    if let Ok(Some(catalog)) = catalog {
        use_catalog(&catalog);
    }
    let (mut values, mut profile) = (Vec::new(), Vec::new());
    for (entity, values) in [(Entity::Item, &mut values), (Entity::User, &mut profile)] {
        for field in model.config().fields(entity) {
            let value = if field.is_numeric() { Value::Number(3.0) } else { Value::Index(0) };
            values.push((field.name.as_str(), value));
        }
    }
    let item = |id, values| NewItem { id, title: None, values };
    let items = [item("one", &values), item("new", &values), item("unknown", &[])];
    let catalog = Catalog::new(model, &items).unwrap();
    use_catalog(&catalog);
    let user = User::new(&catalog, &profile).unwrap();
    let mut scores = [0.0; 3];
    if is_fine(user.score_all(&mut scores, &mut Scratch::new(&catalog).unwrap())) {
        assert!(scores.iter().all(|score| score.is_finite()));
    }
}

/// Whether scores were computed; false numbers may make them too large, which is refused.
fn is_fine(scored: melu::Result<()>) -> bool {
    match scored {
        Ok(()) => true,
        Err(melu::Error::Diverged { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn use_catalog(catalog: &Catalog) {
    let mut user = User::new(catalog, &[]).unwrap();
    let mut scratch = Scratch::new(catalog).unwrap();
    let items: Vec<u32> = (0..catalog.len() as u32).collect();
    let mut scores = vec![0.0; items.len()];
    if is_fine(user.score_all(&mut scores, &mut scratch)) {
        assert!(scores.iter().all(|score| score.is_finite()));
    }
    let ratings = vec![1.0; items.len()];
    let _ = user.adapt(&items, &ratings, &mut scratch);
    user.gradient_norms(&items, &ratings, &mut scores, &mut scratch).unwrap();
    is_fine(user.recommend(2, &Default::default(), &mut Vec::new(), &mut scratch));
    user.reset();
    if let Ok(mut questions) = Questions::new(catalog) {
        is_fine(user.next_question(&mut questions, QuestionOptions::default()).map(drop));
    }
    let _ = greedy_evidence(catalog, 3);
    for &item in &items {
        assert_eq!(catalog.find(catalog.id(item).unwrap()), Some(item));
        let _ = catalog.title(item);
    }
}

/// Rebuilds a file after a change to its header's JSON.
pub fn with_header(bytes: &[u8], change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Json = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    change(&mut header);
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes(), &header[..], &bytes[8 + len..]].concat()
}

/// Why a file is refused, which it must be.
pub fn refused(bytes: Vec<u8>) -> String {
    match Model::from_bytes(bytes) {
        Err(error @ Error::WeightFile { .. }) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}
