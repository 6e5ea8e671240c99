//! Each function of the C ABI, and what Rust has besides, while memory runs out: of the
//! allocations of 1 KB or more the first fails, then the second, and so on until the call
//! makes no more of them; and then with all after it failing too.
//!
//! The call says that there is no memory, what it was given is as before, and nothing leaks.
//! Each function has a process of its own: one that ends the process is told from the others.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::fmt::Write;
use std::process::Command;
use std::ptr::{null, null_mut};
use std::{env, fs};

use c::handles::{Handles, NOTHING, bits, named, ok, outcome, text};
use common::allocations::{Watching, fail_no_more, failing, in_use};
use common::choosing::{positive_only, with_ratings};
use common::files::{bytes, names, sample_with_vectors};
use common::{Tensors, unit};
use melu::ffi::*;
use melu::model::config::Config;
use melu::model::file::{CatalogTable, Contents};
use melu::model::schema::{Column, Strings, Value};
use melu::{
    Answers, Batch, Catalog, Error, EvidenceRanking, Model, NewItem, Questions, RecommendOptions,
    Scratch, User, greedy_evidence,
};

#[global_allocator]
static WATCHING: Watching = Watching;

const ITEMS: usize = 300;

const PAPER: &str = r#"{
    "item_fields": [{"name": "genres", "kind": "multi", "size": 40},
                    {"name": "year", "kind": "numeric", "mean": 1990, "std": 10}],
    "user_fields": [{"name": "region", "kind": "one", "size": 30}],
    "embedding_dim": 64, "hidden": [64, 32], "loss": "mse",
    "output": {"scale": 1.5, "offset": 3.0},
    "local": {"steps": 2, "rate": 0.01}
}"#;

/// A model of the paper's recipe, with names for its values.
fn paper() -> Contents {
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

type Make = fn() -> Contents;

const MODELS: [(&str, Make); 4] = [
    ("paper", paper),
    ("ratings", || with_ratings(ITEMS)),
    ("positive", || positive_only(ITEMS)),
    ("vectors", sample_with_vectors),
];

/// What the calls are given: made anew for each, so that nothing is there from the last one.
struct World<'a> {
    handles: Handles,
    file: &'a File,
    questions: *mut melu_questions,
    model: Model,
    catalog: Catalog,
    user: User,
}

/// A model in a file, as bytes, at an odd address, and what is made of it.
struct File {
    bytes: Vec<u8>,
    odd: Vec<u8>,
    path: String,
    /// With all that its catalogue computes.
    prepared: String,
    saved: Vec<u8>,
    /// Saved by a model with other items.
    elsewhere: Vec<u8>,
    items: usize,
    _folder: tempfile::TempDir,
}

impl File {
    fn new(contents: &Contents) -> Self {
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
    fn new(file: &'a File) -> Self {
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
    fn fresh(&self) -> Handles {
        Handles::new(&self.file.bytes)
    }

    /// All that is asked of the handles before and after.
    fn answers(&self) -> (Vec<u32>, Vec<[u32; 4]>) {
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

/// What became of a call.
#[derive(Debug, PartialEq)]
enum Outcome {
    Done,
    OutOfMemory,
    Other(String),
}

fn of_c(call: impl FnOnce(*mut melu_error) -> melu_status) -> Outcome {
    match outcome(call) {
        (melu_status::Ok, _) => Outcome::Done,
        (melu_status::OutOfMemory, message) => {
            assert!(message.contains("there is no memory for a list of"), "{message}");
            Outcome::OutOfMemory
        }
        (status, message) => Outcome::Other(format!("{status:?}: {message}")),
    }
}

fn of_rust<T>(result: melu::Result<T>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(Error::OutOfMemory { .. }) => Outcome::OutOfMemory,
        // One user of a batch.
        Err(Error::OfUser { error, .. }) => of_rust::<()>(Err(*error)),
        Err(error) => Outcome::Other(error.to_string()),
    }
}

/// What prepares a call, and the call.
type Case = fn(&World) -> Box<dyn FnOnce() -> Outcome>;

/// A call that makes a handle, which is freed; after a failure it is NULL.
macro_rules! makes {
    ($handle:ty, $free:ident, |$out:ident, $e:ident| $call:expr) => {{
        let mut made: *mut $handle = null_mut();
        let $out: *mut *mut $handle = &mut made;
        // SAFETY: the lists that are given are as long as they say, and nothing is freed before.
        let outcome = of_c(|$e| unsafe { $call });
        assert_eq!(made.is_null(), outcome != Outcome::Done);
        // SAFETY: it is not used again.
        unsafe { $free(made) };
        outcome
    }};
}

/// Items with values that the models know, or none.
struct Items {
    ids: Vec<String>,
    values: Vec<melu_value>,
}

impl Items {
    fn new(count: usize) -> Self {
        let ids = (0..count).map(|item| format!("a new item with the number {item}")).collect();
        let index =
            |index| melu_value { kind: MELU_VALUE_INDEX, index, ..named("genres", "unread") };
        Self { ids, values: vec![index(1), index(3)] }
    }

    fn list(&self) -> Vec<melu_item> {
        let item = |id: &String| melu_item {
            id: text(id),
            values: self.values.as_ptr(),
            values_len: self.values.len(),
            title: text(id),
        };
        self.ids.iter().map(item).collect()
    }
}

fn ratings(count: usize, items: usize) -> (Vec<u32>, Vec<f32>) {
    ((0..count).map(|place| (place % items) as u32).collect(), vec![1.0; count])
}

fn adapts(world: &World, count: usize) -> Box<dyn FnOnce() -> Outcome> {
    let (handles, (items, ratings)) = (world.fresh(), ratings(count, world.file.items));
    Box::new(move || {
        let handles = &handles;
        let before = || handles.scores();
        let outcome = of_c(|e| {
            // SAFETY: the lists are as long as they say.
            unsafe { melu_user_adapt(handles.user, items.as_ptr(), ratings.as_ptr(), count, e) }
        });
        if outcome == Outcome::OutOfMemory {
            fail_no_more();
            let scores = before();
            // SAFETY: the user is not freed.
            unsafe { ok(|e| melu_user_reset(handles.user, e)) };
            assert_eq!(scores, before(), "the user is unchanged");
        }
        outcome
    })
}

fn recommends(world: &World, threads: u32) -> Box<dyn FnOnce() -> Outcome> {
    let handles = world.fresh();
    let options =
        melu_recommend_options { threads, new_items: 100, ..melu_recommend_options::default() };
    let mut best = vec![NOTHING; 200];
    Box::new(move || {
        let handles = &handles;
        let mut len = 0;
        // SAFETY: there is room for so many.
        of_c(|e| unsafe {
            melu_user_recommend(handles.user, &options, best.as_mut_ptr(), 200, &mut len, e)
        })
    })
}

/// Each function that allocates, by its name.
const CASES: [(&str, Case); 35] = [
    ("melu_model_open", |world| {
        let path = world.file.path.clone();
        Box::new(move || {
            makes!(melu_model, melu_model_free, |out, e| melu_model_open(
                text(&path),
                null(),
                out,
                e
            ))
        })
    }),
    ("melu_model_open of a prepared file", |world| {
        let path = world.file.prepared.clone();
        Box::new(move || {
            makes!(melu_model, melu_model_free, |out, e| melu_model_open(
                text(&path),
                null(),
                out,
                e
            ))
        })
    }),
    ("melu_model_open of a copy", |world| {
        let (path, options) =
            (world.file.path.clone(), melu_open_options { copy: 1, ..no_options() });
        Box::new(move || {
            makes!(melu_model, melu_model_free, |out, e| melu_model_open(
                text(&path),
                &options,
                out,
                e
            ))
        })
    }),
    ("melu_model_open_bytes", |world| {
        let bytes = world.file.bytes.clone();
        Box::new(move || {
            makes!(melu_model, melu_model_free, |out, e| melu_model_open_bytes(
                bytes.as_ptr().cast(),
                bytes.len(),
                null(),
                out,
                e
            ))
        })
    }),
    ("melu_model_open_bytes at an odd address", |world| {
        let bytes = world.file.odd.clone();
        let options = melu_open_options { borrow: 1, ..no_options() };
        Box::new(move || {
            makes!(melu_model, melu_model_free, |out, e| melu_model_open_bytes(
                bytes[1..].as_ptr().cast(),
                bytes.len() - 1,
                &options,
                out,
                e
            ))
        })
    }),
    ("melu_model_catalog", |world| {
        let handles = world.fresh();
        Box::new(move || {
            let handles = &handles;
            makes!(melu_catalog, melu_catalog_free, |out, e| melu_model_catalog(
                handles.model,
                out,
                e
            ))
        })
    }),
    ("melu_catalog_new", |world| {
        let (model, items) = (world.handles.model, Items::new(150));
        let list = items.list();
        Box::new(move || {
            let _kept = &items;
            makes!(melu_catalog, melu_catalog_free, |out, e| melu_catalog_new(
                model,
                list.as_ptr(),
                list.len(),
                out,
                null_mut(),
                e
            ))
        })
    }),
    ("melu_catalog_extend", |world| {
        let (catalog, items) = (world.handles.catalog, Items::new(150));
        let list = items.list();
        Box::new(move || {
            let _kept = &items;
            makes!(melu_catalog, melu_catalog_free, |out, e| melu_catalog_extend(
                catalog,
                list.as_ptr(),
                list.len(),
                out,
                null_mut(),
                e
            ))
        })
    }),
    ("melu_catalog_convert", |world| {
        let catalog = world.handles.catalog;
        Box::new(move || {
            makes!(melu_catalog, melu_catalog_free, |out, e| melu_catalog_convert(
                catalog,
                MELU_DATA_TYPE_F16,
                out,
                e
            ))
        })
    }),
    ("melu_catalog_remove", |world| {
        let catalog = world.handles.catalog;
        Box::new(move || {
            makes!(melu_catalog, melu_catalog_free, |out, e| melu_catalog_remove(
                catalog,
                [0, 2].as_ptr(),
                2,
                out,
                e
            ))
        })
    }),
    ("melu_user_new", |world| {
        let catalog = world.handles.catalog;
        let index = melu_value { kind: MELU_VALUE_INDEX, index: 2, ..named("region", "unread") };
        Box::new(move || {
            makes!(melu_user, melu_user_free, |out, e| melu_user_new(
                catalog,
                &index,
                1,
                out,
                null_mut(),
                e
            ))
        })
    }),
    ("melu_user_load", |world| {
        let (handles, saved) = (world.fresh(), world.file.saved.clone());
        Box::new(move || {
            let handles = &handles;
            makes!(melu_user, melu_user_free, |out, e| melu_user_load(
                handles.catalog,
                saved.as_ptr(),
                saved.len(),
                out,
                null_mut(),
                e
            ))
        })
    }),
    ("melu_user_load from elsewhere", |world| {
        let (handles, saved) = (world.fresh(), world.file.elsewhere.clone());
        Box::new(move || {
            let handles = &handles;
            makes!(melu_user, melu_user_free, |out, e| melu_user_load(
                handles.catalog,
                saved.as_ptr(),
                saved.len(),
                out,
                null_mut(),
                e
            ))
        })
    }),
    ("melu_user_save", |world| {
        let (handles, saved) = (world.fresh(), world.file.saved.clone());
        let mut room = vec![0; saved.len()];
        let mut user = null_mut();
        // SAFETY: the list is as long as it says; the old user is not used again.
        let user = unsafe {
            let (saved, len) = (saved.as_ptr(), saved.len());
            ok(|e| melu_user_load(handles.catalog, saved, len, &mut user, null_mut(), e));
            user
        };
        let owned = Owned(user);
        Box::new(move || {
            let (owned, mut len) = (owned, 0);
            // SAFETY: there is room for so many bytes.
            let outcome = of_c(|e| unsafe {
                melu_user_save(owned.0, room.as_mut_ptr(), room.len(), &mut len, e)
            });
            assert!(outcome != Outcome::Done || room == saved);
            outcome
        })
    }),
    ("melu_user_adapt to 20 ratings", |world| adapts(world, 20)),
    ("melu_user_adapt to 90 ratings", |world| adapts(world, 90)),
    ("melu_user_adapt to 300 ratings", |world| adapts(world, 300)),
    ("melu_user_adapt to 3000 ratings", |world| adapts(world, 3000)),
    ("melu_user_rate", |world| {
        let handles = world.fresh();
        // SAFETY: the user is not freed.
        Box::new(move || {
            let handles = &handles;
            of_c(|e| unsafe { melu_user_rate(handles.user, 2, 1.0, e) })
        })
    }),
    ("melu_user_withdraw", |world| {
        let handles = world.fresh();
        // SAFETY: the user is not freed.
        Box::new(move || {
            let handles = &handles;
            match of_c(|e| unsafe { melu_user_withdraw(handles.user, 2, e) }) {
                // There was no such rating.
                Outcome::Other(_) => Outcome::Done,
                outcome => outcome,
            }
        })
    }),
    ("melu_user_unknown_profile", |world| {
        let mut user = null_mut();
        let values = vec![named("region", "nowhere"); 1];
        // SAFETY: the list is as long as it says. A model without names refuses the value.
        unsafe {
            let (catalog, list) = (world.handles.catalog, values.as_ptr());
            let _ = melu_user_new(catalog, list, 1, &mut user, null_mut(), null_mut());
        }
        let owned = Owned(user);
        Box::new(move || {
            let (owned, mut needed) = (owned, 0);
            if owned.0.is_null() {
                return Outcome::Done;
            }
            let mut room = [named("", "")];
            // SAFETY: there is room for one value.
            of_c(|e| unsafe {
                melu_user_unknown_profile(owned.0, room.as_mut_ptr(), 1, &mut needed, e)
            })
        })
    }),
    ("melu_user_score", |world| {
        let (handles, count) = (world.fresh(), world.file.items);
        let mut scores = vec![0.0; count];
        Box::new(move || {
            let handles = &handles;
            let (out, none) = (scores.as_mut_ptr(), null_mut());
            // SAFETY: there is room for all scores.
            of_c(|e| unsafe {
                melu_user_score(handles.user, null(), MELU_ALL_ITEMS, out, count, none, e)
            })
        })
    }),
    ("melu_user_predict", |world| {
        let (handles, count) = (world.fresh(), world.file.items);
        let (mut numbers, ratings) = (vec![0.0; count], world.model.has_ratings());
        Box::new(move || {
            let handles = &handles;
            let (out, none) = (numbers.as_mut_ptr(), null_mut());
            if !ratings {
                return Outcome::Done;
            }
            // SAFETY: there is room for all ratings.
            of_c(|e| unsafe {
                let all = MELU_ALL_ITEMS;
                melu_user_predict(handles.user, null(), all, out, none, count, null_mut(), e)
            })
        })
    }),
    ("melu_user_recommend", |world| recommends(world, 1)),
    ("melu_user_recommend by 3 threads", |world| recommends(world, 3)),
    ("melu_recommend_batch", |world| {
        let (handles, other) = (world.fresh(), world.fresh());
        let (items, ratings) = ratings(200, world.file.items);
        let mut best = vec![NOTHING; 40];
        let options = melu_recommend_options { threads: 2, ..melu_recommend_options::default() };
        Box::new(move || {
            let handles = &handles;
            let other = &other;
            let users = [handles.user, other.user];
            let (offsets, mut lens) = ([0, 100, 200], [0; 2]);
            // SAFETY: the lists are as long as they say.
            of_c(|e| unsafe {
                melu_recommend_batch(
                    users.as_ptr(),
                    2,
                    offsets.as_ptr(),
                    items.as_ptr(),
                    ratings.as_ptr(),
                    200,
                    &options,
                    best.as_mut_ptr(),
                    20,
                    lens.as_mut_ptr(),
                    e,
                )
            })
        })
    }),
    ("melu_questions_new", |world| {
        let (catalog, can_ask) = (world.handles.catalog, world.model.has_questions());
        Box::new(move || {
            if !can_ask {
                return Outcome::Done;
            }
            makes!(melu_questions, melu_questions_free, |out, e| melu_questions_new(
                catalog, out, e
            ))
        })
    }),
    ("melu_user_next_question", |world| {
        let (user, questions) = (world.handles.user, world.questions);
        Box::new(move || {
            if questions.is_null() {
                return Outcome::Done;
            }
            let mut question = melu_question { item: 0, known: 0.0, reduction: 0.0 };
            // SAFETY: the handles are not freed.
            let asked = of_c(|e| unsafe {
                melu_user_next_question(user, questions, null(), &mut question, e)
            });
            match asked {
                // Of three items none may be left.
                Outcome::Other(problem) if problem.starts_with("NotFound") => Outcome::Done,
                asked => asked,
            }
        })
    }),
    ("melu_model_info", |world| {
        let model = world.handles.model;
        Box::new(move || {
            // SAFETY: a struct of numbers may be zeros, and the model is not freed.
            unsafe {
                let mut details: melu_model_details = std::mem::zeroed();
                details.struct_size = size_of::<melu_model_details>();
                of_c(|e| melu_model_info(model, &mut details, e))
            }
        })
    }),
    ("Scratch::new and User::head", |world| {
        let (catalog, user) = (world.catalog.clone(), world.user.clone());
        Box::new(move || {
            of_rust(Scratch::new(&catalog).and_then(|scratch| Ok((scratch, user.head()?))))
        })
    }),
    ("Batch", |world| {
        let catalog = world.catalog.clone();
        let mut users = vec![world.user.clone(), world.user.clone()];
        let (items, ratings) = ratings(200, world.file.items);
        Box::new(move || {
            let answers = [Answers { items: &items, ratings: &ratings }; 2];
            let mut lists = Vec::new();
            of_rust(Batch::new(&catalog, 2).and_then(|mut batch| {
                batch.adapt(&mut users, &answers)?;
                batch.recommend(&users, 100, &RecommendOptions::default(), &mut lists)
            }))
        })
    }),
    ("Questions::new", |world| {
        let (catalog, can_ask) = (world.catalog.clone(), world.model.has_questions());
        Box::new(move || if can_ask { of_rust(Questions::new(&catalog)) } else { Outcome::Done })
    }),
    ("greedy_evidence", |world| {
        let (catalog, can_ask) = (world.catalog.clone(), world.model.has_questions());
        Box::new(
            move || {
                if can_ask { of_rust(greedy_evidence(&catalog, 200)) } else { Outcome::Done }
            },
        )
    }),
    ("EvidenceRanking", |_| {
        let (items, norms): (Vec<u32>, Vec<f32>) = ((0..400).collect(), vec![1.0; 400]);
        Box::new(move || {
            let raters = &items;
            of_rust(EvidenceRanking::new(400).and_then(|mut ranking| {
                ranking.add(&items, &norms);
                ranking.finish(raters)
            }))
        })
    }),
    ("User::new with a long profile", |world| {
        let catalog = world.catalog.clone();
        let long = "x".repeat(2000);
        let named = world.model.contents().user_vocabularies[0].is_some();
        Box::new(move || {
            let value = if named { Value::Name(&long) } else { Value::Index(1) };
            of_rust(User::new(&catalog, &[("region", value)]))
        })
    }),
];

fn no_options() -> melu_open_options {
    melu_open_options {
        struct_size: size_of::<melu_open_options>(),
        max_memory: 0,
        copy: 0,
        borrow: 0,
        release: None,
        context: null_mut(),
    }
}

struct Owned(*mut melu_user);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        unsafe { melu_user_free(self.0) };
    }
}

/// What the process of one function is told: the model, the function, whether all after the
/// first failure fail, and the first allocation to fail.
const TOLD: &str = "MELU_OUT_OF_MEMORY";

/// Fails one allocation after another, and prints the number of each before it does.
fn sweep(model: &str, case: &str, all_after: bool, first: usize) {
    let make = MODELS.iter().find(|(name, _)| *name == model).unwrap().1;
    let prepare = CASES.iter().find(|(name, _)| *name == case).unwrap().1;
    let file = File::new(&make());
    let expected = World::new(&file).answers();
    // What is made once, for good.
    assert_eq!(prepare(&World::new(&file))(), Outcome::Done, "{case} of {model}");
    for n in first.. {
        println!("{TOLD} {n}");
        let before = in_use();
        let world = World::new(&file);
        let (outcome, failed) = {
            let call = prepare(&world);
            failing(n, all_after, call)
        };
        let by_threads = case.contains("threads");
        match (&outcome, failed) {
            (Outcome::OutOfMemory, true) | (Outcome::Done, false) => {}
            // A thread is done without.
            (Outcome::Done, true) if by_threads => {}
            _ => panic!("{case} of {model}, allocation {n}: {outcome:?}, failed: {failed}"),
        }
        assert_eq!(world.answers(), expected, "{case} of {model}, allocation {n}");
        assert_eq!(prepare(&world)(), Outcome::Done, "{case} of {model} after {n}");
        drop(world);
        assert_eq!(in_use(), before, "{case} of {model}, allocation {n}: a leak");
        if !failed {
            return;
        }
    }
}

/// The processes of the test below.
#[test]
fn one_function() {
    let Ok(told) = env::var(TOLD) else { return };
    let told: Vec<&str> = told.split('|').collect();
    let [model, case, all_after, first] = told[..] else { panic!("{told:?}") };
    sweep(model, case, all_after == "all", first.parse().unwrap());
}

#[test]
fn every_allocation_of_a_kilobyte_may_fail() {
    if env::var_os(TOLD).is_some() {
        return;
    }
    let (mut failures, mut table) = (String::new(), String::new());
    let (mut failed, mut ended) = (0, 0);
    for (model, _) in MODELS {
        for (case, _) in CASES {
            for kind in ["one", "all"] {
                let mut first = 1;
                loop {
                    let told = format!("{model}|{case}|{kind}|{first}");
                    let this = env::current_exe().unwrap();
                    let mut process = Command::new(this);
                    process.args(["one_function", "--exact", "--nocapture"]);
                    process.env(TOLD, told).env("RUST_BACKTRACE", "0");
                    let output = process.output().unwrap();
                    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
                    let last = printed.rsplit(TOLD).next().unwrap_or_default();
                    let last = last.split_whitespace().next().and_then(|n| n.parse::<usize>().ok());
                    let last = last.unwrap_or(0);
                    if output.status.success() {
                        failed += last - first;
                        writeln!(table, "{model:10}{kind:5}{:5} {case}", last - 1).unwrap();
                        break;
                    }
                    let why = String::from_utf8_lossy(&output.stderr);
                    let why: Vec<&str> =
                        why.lines().filter(|line| !line.is_empty()).take(3).collect();
                    let why = why.join(" ");
                    // What serde_json reads, and what is read from it: see SECURITY.md.
                    let is_text = why.starts_with("memory allocation of");
                    if !(is_text && case.starts_with("melu_model_open")) {
                        writeln!(failures, "{model}, {case}, {kind}, {last}: {why}").unwrap();
                    }
                    ended += 1;
                    // A failed expectation would fail again.
                    if last == 0 || why.contains("panicked") {
                        break;
                    }
                    failed += last - first + 1;
                    first = last + 1;
                }
            }
        }
    }
    println!("{table}{failed} allocations failed; {ended} of opening ended the process");
    assert!(failures.is_empty(), "{failures}");
    assert!(failed > 1000, "{failed}");
}
