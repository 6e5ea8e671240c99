//! The functions that allocate, and how each is called.

use std::ptr::{null, null_mut};

use melu::ffi::*;
use melu::model::schema::Value;
use melu::{
    Answers, Batch, Error, EvidenceRanking, Questions, RecommendOptions, Scratch, User,
    greedy_evidence,
};

use crate::c::handles::{NOTHING, named, ok, outcome, text};
use crate::common::allocations::fail_no_more;
use crate::world::World;

/// What became of a call.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Done,
    OutOfMemory,
    Other(String),
}

pub fn of_c(call: impl FnOnce(*mut melu_error) -> melu_status) -> Outcome {
    match outcome(call) {
        (melu_status::Ok, _) => Outcome::Done,
        (melu_status::OutOfMemory, message) => {
            assert!(message.contains("there is no memory for a list of"), "{message}");
            Outcome::OutOfMemory
        }
        (status, message) => Outcome::Other(format!("{status:?}: {message}")),
    }
}

pub fn of_rust<T>(result: melu::Result<T>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(Error::OutOfMemory { .. }) => Outcome::OutOfMemory,
        // One user of a batch.
        Err(Error::OfUser { error, .. }) => of_rust::<()>(Err(*error)),
        Err(error) => Outcome::Other(error.to_string()),
    }
}

/// What prepares a call, and the call.
pub type Case = fn(&World) -> Box<dyn FnOnce() -> Outcome>;

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
pub struct Items {
    ids: Vec<String>,
    values: Vec<melu_value>,
}

impl Items {
    pub fn new(count: usize) -> Self {
        let ids = (0..count).map(|item| format!("a new item with the number {item}")).collect();
        let index =
            |index| melu_value { kind: MELU_VALUE_INDEX, index, ..named("genres", "unread") };
        Self { ids, values: vec![index(1), index(3)] }
    }

    pub fn list(&self) -> Vec<melu_item> {
        let item = |id: &String| melu_item {
            id: text(id),
            values: self.values.as_ptr(),
            values_len: self.values.len(),
            title: text(id),
        };
        self.ids.iter().map(item).collect()
    }
}

pub fn ratings(count: usize, items: usize) -> (Vec<u32>, Vec<f32>) {
    ((0..count).map(|place| (place % items) as u32).collect(), vec![1.0; count])
}

pub fn adapts(world: &World, count: usize) -> Box<dyn FnOnce() -> Outcome> {
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

pub fn recommends(world: &World, threads: u32) -> Box<dyn FnOnce() -> Outcome> {
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
pub const CASES: [(&str, Case); 35] = [
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
        Box::new(move || {
            let handles = &handles;
            // SAFETY: the user is not freed.
            of_c(|e| unsafe { melu_user_rate(handles.user, 2, 1.0, e) })
        })
    }),
    ("melu_user_withdraw", |world| {
        let handles = world.fresh();
        Box::new(move || {
            let handles = &handles;
            // SAFETY: the user is not freed.
            match of_c(|e| unsafe { melu_user_withdraw(handles.user, 2, e) }) {
                // There was no such rating.
                Outcome::Other(_) => Outcome::Done,
                outcome => outcome,
            }
        })
    }),
    ("melu_user_unknown_profile", |world| {
        let mut user = null_mut();
        let values = [named("region", "nowhere")];
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
                let options = RecommendOptions::default();
                batch.adapt_and_recommend(&mut users, &answers, 100, &options, &mut lists)
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

pub fn no_options() -> melu_open_options {
    melu_open_options {
        struct_size: size_of::<melu_open_options>(),
        max_memory: 0,
        copy: 0,
        borrow: 0,
        release: None,
        context: null_mut(),
    }
}

pub struct Owned(*mut melu_user);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        unsafe { melu_user_free(self.0) };
    }
}
