//! Models, their files, and what calls are given.

use std::fs;
use std::ptr::{null, null_mut};

use melu::ffi::*;
use melu::model::config::Config;
use melu::model::file::{CatalogTable, Contents};
use melu::model::schema::{Column, Strings};
use melu::{Catalog, Model, NewItem, Scratch, User};

use crate::c::handles::{Handles, NOTHING, bits, ok};
use crate::common::choosing::{positive_only, with_ratings};
use crate::common::files::{bytes, names, sample_with_vectors};
use crate::common::{Tensors, unit};

pub const ITEMS: usize = 300;

pub const PAPER: &str = r#"{
    "item_fields": [{"name": "genres", "kind": "multi", "size": 40},
                    {"name": "year", "kind": "numeric", "mean": 1990, "std": 10}],
    "user_fields": [{"name": "region", "kind": "one", "size": 30}],
    "embedding_dim": 64, "hidden": [64, 32], "loss": "mse",
    "output": {"scale": 1.5, "offset": 3.0},
    "local": {"steps": 2, "rate": 0.01}
}"#;

/// A model of the paper's recipe, with names for its values.
pub fn paper() -> Contents {
    let config = Config::from_json(PAPER).unwrap();
    let contents = Tensors::generate(&config, 7, |_| 0.1).contents(&config);
    let of = |count: usize| (0..count).map(|value| format!("value {value:03}")).collect::<Vec<_>>();
    let names = |count| names(&of(count).iter().map(String::as_str).collect::<Vec<_>>());
    let offsets: Vec<u64> = (0..=ITEMS as u64).map(|item| 2 * item).collect();
    let values: Vec<u32> = (0..ITEMS as u32).flat_map(|item| [item % 19, 20 + item % 17]).collect();
    let years = (0..ITEMS as u64).map(|item| 1990.0 + 20.0 * unit(5, 0, item) as f32);
    let ids: Vec<String> = (0..ITEMS).map(|item| format!("item {item}")).collect();
    Contents {
        item_vocabularies: vec![names(40), None],
        user_vocabularies: vec![names(30)],
        catalog: Some(CatalogTable {
            titles: Some(ids.iter().map(|id| format!("The {id}")).collect::<Strings>()),
            ids: ids.iter().collect(),
            columns: vec![
                Column::values(offsets.into(), values.into(), 40).unwrap(),
                Column::Numbers(years.collect::<Vec<f32>>().into()),
            ],
            vectors: None,
            choice: None,
        }),
        evidence: None,
        familiarity: None,
        ..contents
    }
}

pub type Make = fn() -> Contents;

pub const MODELS: [(&str, Make); 4] = [
    ("paper", paper),
    ("ratings", || with_ratings(ITEMS)),
    ("positive", || positive_only(ITEMS)),
    ("vectors", sample_with_vectors),
];

/// What the calls are given: made anew for each, so that nothing is there from the last one.
pub struct World<'a> {
    pub handles: Handles,
    pub file: &'a File,
    pub questions: *mut melu_questions,
    pub model: Model,
    pub catalog: Catalog,
    pub user: User,
}

/// A model in a file, as bytes, at an odd address, and what is made of it.
pub struct File {
    pub bytes: Vec<u8>,
    pub odd: Vec<u8>,
    pub path: String,
    /// With all that its catalogue computes.
    pub prepared: String,
    pub saved: Vec<u8>,
    /// Saved by a model with other items.
    pub elsewhere: Vec<u8>,
    pub items: usize,
    _folder: tempfile::TempDir,
}

impl File {
    pub fn new(contents: &Contents) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (plain, prepared) = (path("plain.melu"), path("prepared.melu"));
        let bytes = bytes(contents);
        fs::write(&plain, &bytes).unwrap();
        let model = Model::open(&plain).unwrap();
        model.save(&prepared).unwrap();
        let save = |catalog: &Catalog| {
            let items: Vec<u32> = (0..catalog.len().min(200) as u32).collect();
            let mut user = User::new(catalog, &[]).unwrap();
            let ratings = vec![1.0; items.len()];
            user.adapt(&items, &ratings, &mut Scratch::new(catalog).unwrap()).unwrap();
            user.save().unwrap()
        };
        let catalog = model.catalog().unwrap().unwrap();
        let longer: Vec<String> = (0..200).map(|item| format!("elsewhere {item}")).collect();
        let other: Vec<NewItem> =
            longer.iter().map(|id| NewItem { id, title: None, values: &[] }).collect();
        let odd = [&[0], &bytes[..]].concat();
        let others = Model::from_contents(Contents {
            catalog: None,
            evidence: None,
            familiarity: None,
            ..contents.clone()
        })
        .unwrap();
        Self {
            saved: save(&catalog),
            elsewhere: save(&Catalog::new(&others, &other).unwrap()),
            items: catalog.len(),
            odd,
            bytes,
            path: plain,
            prepared,
            _folder: folder,
        }
    }
}

impl<'a> World<'a> {
    pub fn new(file: &'a File) -> Self {
        let handles = Handles::new(&file.bytes);
        let mut questions = null_mut();
        // SAFETY: the catalogue is not freed.
        let _ = unsafe { melu_questions_new(handles.catalog, &mut questions, null_mut()) };
        let model = Model::from_bytes(file.bytes.clone()).unwrap();
        let catalog = model.catalog().unwrap().unwrap();
        let user = User::new(&catalog, &[]).unwrap();
        // SAFETY: the lists are as long as they say.
        unsafe {
            let (items, ratings) = ([0, 1], [1.0, 1.0]);
            ok(|e| melu_user_adapt(handles.user, items.as_ptr(), ratings.as_ptr(), 2, e));
        }
        Self { handles, file, questions, model, catalog, user }
    }

    /// A user whose catalogue has no scratch yet.
    pub fn fresh(&self) -> Handles {
        Handles::new(&self.file.bytes)
    }

    /// All that is asked of the handles before and after.
    pub fn answers(&self) -> (Vec<u32>, Vec<[u32; 4]>) {
        let scores = self.handles.scores().iter().map(|score| score.to_bits()).collect();
        let (mut best, mut len) = (vec![NOTHING; 20], 0);
        // SAFETY: there is room for so many.
        unsafe {
            let (user, out) = (self.handles.user, best.as_mut_ptr());
            ok(|e| melu_user_recommend(user, null(), out, 20, &mut len, e));
        }
        (scores, bits(&best))
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        // SAFETY: they are not used again.
        unsafe { melu_questions_free(self.questions) };
    }
}
