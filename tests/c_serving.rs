//! The C functions that forms and services need: fields and their values, single ratings,
//! titles, catalogues without some items, and filters; and every wrong call that C allows.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::collections::HashSet;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::Mutex;

use c::handles::{
    Handles, NOTHING, bits, dangling, fails, handles, named, ok, rust_user, string, text, usable,
};
use common::choosing::with_ratings;
use common::files::{bytes, names, sample, sample_with_vectors};
use common::{Tensors, scratch};
use melu::ffi::melu_status::*;
use melu::ffi::*;
use melu::model::config::Config;
use melu::model::file::Contents;
use melu::model::schema::{Entity, FieldKind, Value};
use melu::{Filter, Model, RecommendOptions, User};

/// A model whose users give an age between 10 and 90, and a region.
fn with_age() -> Contents {
    let config = r#"{
        "item_fields": [{"name": "genres", "kind": "multi", "size": 4}],
        "user_fields": [{"name": "region", "kind": "one", "size": 3},
                        {"name": "age", "kind": "numeric", "mean": 40, "std": 15,
                         "range": [10, 90]}],
        "embedding_dim": 3, "hidden": [4], "loss": "mse",
        "output": {"scale": 1.5, "offset": 3.0},
        "local": {"steps": 1, "rate": 0.05}
    }"#;
    let config = Config::from_json(config).unwrap();
    let contents = Tensors::generate(&config, 11, |_| 0.5).contents(&config);
    let catalog = sample().catalog.unwrap();
    let columns = vec![catalog.columns[0].clone()];
    let catalog = Some(melu::model::file::CatalogTable { columns, ..catalog });
    let user_vocabularies = vec![names(&["north", "south", "west"]), None];
    Contents { user_vocabularies, catalog, ..contents }
}

/// A field before it is written.
fn empty_field() -> melu_field {
    melu_field {
        struct_size: size_of::<melu_field>(),
        name: text("unwritten"),
        kind: 9,
        named: 9,
        values: 9,
        lowest: 9.0,
        highest: 9.0,
    }
}

#[test]
fn a_form_is_made_of_the_fields_and_their_values() {
    for contents in [sample(), sample_with_vectors(), with_age()] {
        let handles = Handles::new(&bytes(&contents));
        for (number, entity) in [(MELU_ENTITY_ITEM, Entity::Item), (MELU_ENTITY_USER, Entity::User)]
        {
            let fields = contents.config.fields(entity);
            for (index, expected) in fields.iter().enumerate() {
                let mut field = empty_field();
                // SAFETY: the pointers are as the header asks.
                unsafe { ok(|e| melu_model_field(handles.model, number, index, &mut field, e)) };
                assert_eq!(string(field.name), &*expected.name);
                let (kind, size, range) = match expected.kind {
                    FieldKind::One => (MELU_FIELD_ONE, expected.size, None),
                    FieldKind::Multi => (MELU_FIELD_MULTI, expected.size, None),
                    FieldKind::Numeric(scale) => (MELU_FIELD_NUMERIC, 0, scale.range),
                };
                assert_eq!((field.kind, field.values), (kind, size));
                match range {
                    Some(range) => assert_eq!([field.lowest, field.highest], range),
                    None => assert!(field.lowest.is_nan() && field.highest.is_nan()),
                }
                let vocabulary = match entity {
                    Entity::Item => &contents.item_vocabularies[index],
                    Entity::User => &contents.user_vocabularies[index],
                };
                assert_eq!(field.named, u32::from(vocabulary.is_some()));
                let mut name = text("unwritten");
                let mut value = |place, e| {
                    // SAFETY: as above.
                    unsafe {
                        melu_model_field_value(handles.model, number, index, place, &mut name, e)
                    }
                };
                let Some(vocabulary) = vocabulary else {
                    let problem = format!("the values of \"{}\" have no names", expected.name);
                    fails(NotAvailable, &problem, |e| value(0, e));
                    continue;
                };
                fails(NotFound, "values, and none at", |e| value(expected.size, e));
                let mut found = Vec::new();
                for place in 0..expected.size {
                    let mut name = text("unwritten");
                    // SAFETY: as above.
                    unsafe {
                        ok(|e| {
                            let model = handles.model;
                            melu_model_field_value(model, number, index, place, &mut name, e)
                        });
                    }
                    found.push(string(name));
                }
                assert!(found.is_sorted());
                assert!(
                    found.iter().enumerate().all(|(place, name)| {
                        vocabulary.names().get(place) == Some(name.as_str())
                    })
                );
            }
        }
    }
    // A range that the model knows.
    let handles = Handles::new(&bytes(&with_age()));
    let mut field = empty_field();
    // SAFETY: the pointers are as the header asks.
    unsafe { ok(|e| melu_model_field(handles.model, MELU_ENTITY_USER, 1, &mut field, e)) };
    assert_eq!((field.lowest, field.highest), (10.0, 90.0));
}

#[test]
fn wrong_fields_are_refused() {
    let handles = handles();
    let mut field = empty_field();
    let mut name = text("");
    let model = handles.model;
    // SAFETY: the pointers are as the header asks, or NULL.
    unsafe {
        fails(NotFound, "index: the users have 1 fields, and none at 1", |e| {
            melu_model_field(model, MELU_ENTITY_USER, 1, &mut field, e)
        });
        fails(NotFound, "index: the items have 3 fields, and none at 3", |e| {
            melu_model_field_value(model, MELU_ENTITY_ITEM, 3, 0, &mut name, e)
        });
        fails(NotFound, "none at", |e| {
            melu_model_field(model, MELU_ENTITY_ITEM, usize::MAX, &mut field, e)
        });
        fails(InvalidArgument, "entity is 2; MELU_ENTITY_ITEM or MELU_ENTITY_USER", |e| {
            melu_model_field(model, 2, 0, &mut field, e)
        });
        fails(InvalidArgument, "entity is 7", |e| {
            melu_model_field_value(model, 7, 0, 0, &mut name, e)
        });
        fails(NotFound, "value: \"region\" has 5 values, and none at 5", |e| {
            melu_model_field_value(model, MELU_ENTITY_USER, 0, 5, &mut name, e)
        });
        fails(InvalidArgument, "melu_field is NULL", |e| {
            melu_model_field(model, MELU_ENTITY_ITEM, 0, null_mut(), e)
        });
        field.struct_size = 8;
        fails(InvalidArgument, "struct_size is 8; sizeof(melu_field)", |e| {
            melu_model_field(model, MELU_ENTITY_ITEM, 0, &mut field, e)
        });
        fails(InvalidArgument, "name is NULL", |e| {
            melu_model_field_value(model, MELU_ENTITY_ITEM, 0, 0, null_mut(), e)
        });
        fails(InvalidArgument, "model", |e| {
            melu_model_field(null(), MELU_ENTITY_ITEM, 0, &mut field, e)
        });
        fails(InvalidArgument, "model", |e| {
            melu_model_field_value(null(), MELU_ENTITY_ITEM, 0, 0, &mut name, e)
        });
    }
    usable(&handles);
}

/// What a user rated, as C tells it.
fn rated(user: *const melu_user) -> (Vec<u32>, Vec<f32>) {
    let mut needed = 99;
    // SAFETY: the user is live, and the lists are as long as they say.
    unsafe {
        let mut error = std::mem::zeroed();
        let none = (null_mut(), null_mut());
        let status = melu_user_ratings(user, none.0, none.1, 0, &mut needed, &mut error);
        assert_eq!(status, if needed == 0 { Ok } else { Capacity });
        let (mut items, mut ratings) = (vec![9; needed + 1], vec![9.0; needed + 1]);
        let (i, r) = (items.as_mut_ptr(), ratings.as_mut_ptr());
        ok(|e| melu_user_ratings(user, i, r, needed + 1, &mut needed, e));
        assert_eq!((items.pop(), ratings.pop()), (Some(9), Some(9.0)), "nothing beyond is written");
        (items, ratings)
    }
}

#[test]
fn ratings_are_added_changed_and_withdrawn_as_in_rust() {
    for contents in [sample(), sample_with_vectors(), with_ratings(150)] {
        let handles = Handles::new(&bytes(&contents));
        let model = Model::from_contents(contents).unwrap();
        let mut user = User::new(&model.catalog().unwrap().unwrap(), &[]).unwrap();
        let mut scratch = scratch(&user);
        assert_eq!(rated(handles.user), (vec![], vec![]));
        for (item, rating) in
            [(2, Some(4.5)), (0, Some(1.0)), (2, Some(2.0)), (2, None), (1, Some(5.0)), (0, None)]
        {
            // SAFETY: the user is live.
            unsafe {
                match rating {
                    Some(rating) => {
                        ok(|e| melu_user_rate(handles.user, item, rating, e));
                        user.rate(item, rating, &mut scratch).unwrap();
                    }
                    None => {
                        ok(|e| melu_user_withdraw(handles.user, item, e));
                        assert!(user.withdraw(item, &mut scratch).unwrap());
                    }
                }
            }
            assert_eq!(rated(handles.user), (user.rated().to_vec(), user.ratings().to_vec()));
            let mut expected = vec![0.0; user.catalog().len()];
            user.score_all(&mut expected, &mut scratch).unwrap();
            assert_eq!(handles.scores(), expected);
            // One by one is as good as all at once.
            let mut anew = User::new(user.catalog(), &[]).unwrap();
            anew.adapt(user.rated(), user.ratings(), &mut scratch).unwrap();
            anew.score_all(&mut expected, &mut scratch).unwrap();
            assert_eq!(handles.scores(), expected);
        }
        assert_eq!(rated(handles.user), (vec![1], vec![5.0]));
    }
}

#[test]
fn wrong_single_ratings_are_refused() {
    let handles = handles();
    let user = handles.user;
    // SAFETY: the pointers are as the header asks, or NULL.
    unsafe {
        ok(|e| melu_user_rate(user, 1, 4.0, e));
        ok(|e| melu_user_rate(user, 0, 2.0, e));
        let before = handles.scores();
        fails(ItemIndex, "item index 3", |e| melu_user_rate(user, 3, 1.0, e));
        fails(ItemIndex, "item index 3", |e| melu_user_withdraw(user, 3, e));
        fails(Rating, "rating NaN", |e| melu_user_rate(user, 0, f32::NAN, e));
        fails(Rating, "rating inf", |e| melu_user_rate(user, 0, f32::INFINITY, e));
        fails(NotFound, "item: the user has no rating of item 2", |e| {
            melu_user_withdraw(user, 2, e)
        });
        fails(InvalidArgument, "user", |e| melu_user_rate(null_mut(), 0, 1.0, e));
        fails(InvalidArgument, "user", |e| melu_user_withdraw(null_mut(), 0, e));
        assert_eq!(rated(user), (vec![1, 0], vec![4.0, 2.0]));
        assert_eq!(handles.scores(), before, "the user is unchanged");

        let (mut items, mut ratings, mut needed) = ([9; 2], [9.0; 2], 99);
        let (i, r) = (items.as_mut_ptr(), ratings.as_mut_ptr());
        fails(Capacity, "ratings: the capacity is 1; 2", |e| {
            melu_user_ratings(user, i, r, 1, &mut needed, e)
        });
        assert_eq!((needed, items, ratings), (2, [9; 2], [9.0; 2]));
        fails(InvalidArgument, "items is NULL", |e| {
            melu_user_ratings(user, null_mut(), r, 2, &mut needed, e)
        });
        fails(InvalidArgument, "ratings is NULL", |e| {
            melu_user_ratings(user, i, null_mut(), 2, &mut needed, e)
        });
        fails(InvalidArgument, "ratings is at an address", |e| {
            melu_user_ratings(user, i, r.byte_add(1), 2, &mut needed, e)
        });
        fails(InvalidArgument, "needed is NULL", |e| {
            melu_user_ratings(user, i, r, 2, null_mut(), e)
        });
        fails(InvalidArgument, "user", |e| melu_user_ratings(null(), i, r, 2, &mut needed, e));
        assert_eq!((items, ratings), ([9; 2], [9.0; 2]), "nothing is written");

        fails(Diverged, "not finite", |e| melu_user_rate(user, 2, 3e38, e));
        assert_eq!(rated(user), (vec![], vec![]), "the user is reset");
    }
    usable(&handles);
}

#[test]
fn unknown_values_of_a_profile_are_listed() {
    let handles = Handles::new(&bytes(&with_age()));
    let age = |number| melu_value { kind: MELU_VALUE_NUMBER, number, ..named("age", "") };
    let profile = [age(1e6), named("region", "moon")];
    let (mut user, mut unknown, mut needed) = (null_mut(), 99, 99);
    let mut values = [melu_value { index: 7, ..named("unwritten", "") }; 3];
    let out = values.as_mut_ptr();
    // SAFETY: the lists are as long as they say.
    unsafe {
        ok(|e| melu_user_new(handles.catalog, profile.as_ptr(), 2, &mut user, &mut unknown, e));
        assert_eq!(unknown, 2);
        fails(Capacity, "values: the capacity is 1; 2", |e| {
            melu_user_unknown_profile(user, out, 1, &mut needed, e)
        });
        assert_eq!((needed, string(values[0].field)), (2, "unwritten".into()));
        fails(Capacity, "values", |e| {
            melu_user_unknown_profile(user, null_mut(), 0, null_mut(), e)
        });
        fails(InvalidArgument, "values is NULL", |e| {
            melu_user_unknown_profile(user, null_mut(), 2, &mut needed, e)
        });
        fails(InvalidArgument, "user", |e| {
            melu_user_unknown_profile(null(), out, 3, &mut needed, e)
        });
        ok(|e| melu_user_unknown_profile(user, out, 3, &mut needed, e));
        assert_eq!(needed, 2);
        let [first, second, third] = values;
        assert_eq!((string(first.field), first.kind, first.number), ("age".into(), 2, 1e6));
        assert_eq!((string(second.field), second.kind), ("region".into(), MELU_VALUE_NAME));
        assert_eq!(string(second.name), "moon");
        assert_eq!(string(third.field), "unwritten");
        // The texts are the user's, and stay when the profile's are gone.
        let value = Value::Name("moon");
        let rust = Model::from_contents(with_age()).unwrap().catalog().unwrap().unwrap();
        let rust = User::new(&rust, &[("region", value)]).unwrap();
        assert_eq!(rust.unknown_profile().unwrap(), [("region", value)]);
        melu_user_free(user);

        ok(|e| melu_user_unknown_profile(handles.user, null_mut(), 0, &mut needed, e));
        assert_eq!(needed, 0);
    }
}

/// The ids and titles of a catalogue's items.
fn known_as(catalog: *const melu_catalog) -> Vec<(String, String)> {
    // SAFETY: the catalogue is live.
    let one = |item| unsafe {
        let (mut id, mut title) = (text(""), text(""));
        ok(|e| melu_catalog_id(catalog, item, &mut id, e));
        ok(|e| melu_catalog_title(catalog, item, &mut title, e));
        (string(id), string(title))
    };
    // SAFETY: as above.
    (0..unsafe { melu_catalog_len(catalog) } as u32).map(one).collect()
}

#[test]
fn new_items_have_titles_and_old_ones_go() {
    let handles = handles();
    let item =
        |id, title| melu_item { id: text(id), values: null(), values_len: 0, title: text(title) };
    let items = [item("four", "The Fourth"), item("five", "")];
    let (mut more, mut fewer) = (null_mut(), null_mut());
    let (mut moved, mut len) = (null_mut(), 0);
    // SAFETY: the pointers are as the header asks.
    unsafe {
        ok(|e| melu_catalog_extend(handles.catalog, items.as_ptr(), 2, &mut more, null_mut(), e));
        let pair = |id: &str, title: &str| (id.to_string(), title.to_string());
        let all = [
            pair("one", "The First"),
            pair("two", ""),
            pair("three", "Die Dritte"),
            pair("four", "The Fourth"),
            pair("five", ""),
        ];
        assert_eq!(known_as(more), all);
        // In any order, and one twice.
        ok(|e| melu_catalog_remove(more, [4, 1, 4].as_ptr(), 3, &mut fewer, e));
        assert_eq!(known_as(fewer), [all[0].clone(), all[2].clone(), all[3].clone()]);
        assert_eq!(known_as(more), all, "the other catalogue stays");

        // A user moves there, and keeps what they said of an item that is gone.
        ok(|e| melu_user_adapt(handles.user, [1, 2].as_ptr(), [5.0, 2.0].as_ptr(), 2, e));
        let mut saved = vec![0; 4096];
        let (room, capacity) = (saved.as_mut_ptr(), saved.len());
        ok(|e| melu_user_save(handles.user, room, capacity, &mut len, e));
        let mut report = std::mem::zeroed::<melu_load_report>();
        report.struct_size = size_of::<melu_load_report>();
        ok(|e| melu_user_load(fewer, saved.as_ptr(), len, &mut moved, &mut report, e));
        assert_eq!(report.missing_items, 1);
        let mut scores = [0.0; 3];
        let out = scores.as_mut_ptr();
        ok(|e| melu_user_score(moved, null(), MELU_ALL_ITEMS, out, 3, null_mut(), e));
        let here = handles.scores();
        assert_eq!(scores[..2], [here[0], here[2]]);
        assert_eq!(rated(moved), (vec![1], vec![2.0]));

        // The same as in Rust.
        let rust = rust_user().catalog().remove(&[1]).unwrap();
        melu_catalog_free(fewer);
        ok(|e| melu_catalog_remove(handles.catalog, &1, 1, &mut fewer, e));
        let ids: Vec<&str> = (0..rust.len() as u32).map(|item| rust.id(item).unwrap()).collect();
        assert_eq!(known_as(fewer).iter().map(|(id, _)| id).collect::<Vec<_>>(), ids);
        melu_catalog_free(fewer);

        // Nothing, and all.
        ok(|e| melu_catalog_remove(handles.catalog, null(), 0, &mut fewer, e));
        assert_eq!(known_as(fewer), known_as(handles.catalog));
        melu_catalog_free(fewer);
        ok(|e| melu_catalog_remove(handles.catalog, [0, 1, 2].as_ptr(), 3, &mut fewer, e));
        assert_eq!(melu_catalog_len(fewer), 0);
        melu_catalog_free(fewer);

        // Wrong calls.
        fewer = dangling();
        fails(ItemIndex, "items: item index 3 at position 1", |e| {
            melu_catalog_remove(handles.catalog, [0, 3].as_ptr(), 2, &mut fewer, e)
        });
        assert!(fewer.is_null());
        fails(InvalidArgument, "items is NULL", |e| {
            melu_catalog_remove(handles.catalog, null(), 1, &mut fewer, e)
        });
        fails(InvalidArgument, "smaller is NULL", |e| {
            melu_catalog_remove(handles.catalog, null(), 0, null_mut(), e)
        });
        fails(InvalidArgument, "catalog", |e| {
            melu_catalog_remove(null(), null(), 0, &mut fewer, e)
        });
        let broken = melu_str { data: b"\xc3".as_ptr().cast(), len: 1 };
        let untitled = melu_item { title: broken, ..item("six", "") };
        fails(InvalidUtf8, "items[0].title", |e| {
            melu_catalog_extend(handles.catalog, &untitled, 1, &mut fewer, null_mut(), e)
        });
        melu_user_free(moved);
        melu_catalog_free(more);
    }
    usable(&handles);
}

/// The items that a filter was asked about, and those that it stops.
struct Asked {
    items: Mutex<Vec<u32>>,
    stops: fn(u32) -> bool,
}

unsafe extern "C" fn may(item: u32, context: *mut c_void) -> i32 {
    // SAFETY: the tests give an `Asked`, which outlives the call.
    let asked = unsafe { &*context.cast::<Asked>() };
    asked.items.lock().unwrap().push(item);
    // Whatever is not 0 lets pass.
    if (asked.stops)(item) { 0 } else { -7 }
}

const STOPS: [fn(u32) -> bool; 4] =
    [|_| false, |item| item % 2 == 0, |item| item % 7 != 3, |_| true];

#[test]
fn filters_stop_items_for_any_number_of_threads_and_in_batches() {
    let contents = with_ratings(700);
    let handles = Handles::new(&bytes(&contents));
    let model = Model::from_contents(contents).unwrap();
    let mut user = User::new(&model.catalog().unwrap().unwrap(), &[]).unwrap();
    let mut scratch = scratch(&user);
    let (items, ratings) = ([3, 7, 12], [5.0, 1.0, 4.0]);
    user.adapt(&items, &ratings, &mut scratch).unwrap();
    let among: Vec<u32> = (0..700).filter(|item| item % 3 > 0).collect();
    for (stops, some) in STOPS.into_iter().flat_map(|stops| [(stops, false), (stops, true)]) {
        let lets_pass = |item| !stops(item);
        let given = RecommendOptions {
            filter: Some(Filter(&lets_pass)),
            among: some.then_some(&among),
            ..RecommendOptions::default()
        };
        let mut expected = Vec::new();
        user.recommend(20, &given, &mut expected, &mut scratch).unwrap();
        assert!(expected.iter().all(|found| lets_pass(found.item)));
        let expected: Vec<[u32; 4]> = expected
            .iter()
            .map(|b| [b.item, b.score.to_bits(), b.rating.to_bits(), b.deviation.to_bits()])
            .collect();
        for threads in [0, 1, 2, 7] {
            let asked = Asked { items: Mutex::new(Vec::new()), stops };
            let options = melu_recommend_options {
                threads,
                among: if some { among.as_ptr() } else { null() },
                among_len: if some { among.len() } else { 0 },
                filter: Some(may),
                filter_context: (&raw const asked).cast_mut().cast(),
                ..melu_recommend_options::default()
            };
            let (mut best, mut len) = ([NOTHING; 20], 99);
            // SAFETY: the lists are as long as they say.
            unsafe {
                ok(|e| melu_user_adapt(handles.user, items.as_ptr(), ratings.as_ptr(), 3, e));
                let out = best.as_mut_ptr();
                ok(|e| melu_user_recommend(handles.user, &options, out, 20, &mut len, e));
            }
            assert_eq!(bits(&best[..len]), expected, "{threads} threads");
            let seen = asked.items.lock().unwrap().split_off(0);
            assert!(seen.iter().all(|item| !items.contains(item)), "rated items are left out");
            assert!(!some || seen.iter().all(|item| item % 3 > 0));
            let seen: HashSet<u32> = seen.into_iter().collect();
            assert!(best[..len].iter().all(|found| seen.contains(&found.item)));

            // Three users, of whom one is without answers.
            let others = [Handles::new(&bytes(&with_ratings(700))), self::handles()];
            let users = [handles.user, others[0].user, others[1].user];
            let whole = melu_recommend_options { among: null(), among_len: 0, ..options };
            let (mut all, mut lens) = ([NOTHING; 60], [99; 3]);
            // SAFETY: as above.
            unsafe {
                ok(|e| {
                    let (out, out_lens) = (all.as_mut_ptr(), lens.as_mut_ptr());
                    let none = (null(), null());
                    let users = users.as_ptr();
                    let batch = melu_recommend_batch;
                    batch(users, 3, null(), none.0, none.1, 0, &whole, out, 20, out_lens, e)
                });
                for (place, user) in users.into_iter().enumerate() {
                    let (mut alone, mut len) = ([NOTHING; 20], 99);
                    let out = alone.as_mut_ptr();
                    ok(|e| melu_user_recommend(user, &whole, out, 20, &mut len, e));
                    assert_eq!(lens[place], len);
                    assert_eq!(bits(&all[20 * place..][..len]), bits(&alone[..len]));
                    assert!(alone[..len].iter().all(|found| lets_pass(found.item)));
                }
            }
        }
    }
}

#[test]
fn a_filter_is_asked_about_candidates_only() {
    let handles = Handles::new(&bytes(&with_ratings(5000)));
    let asked = Asked { items: Mutex::new(Vec::new()), stops: |item| item % 4 == 1 };
    let options = melu_recommend_options {
        filter: Some(may),
        filter_context: (&raw const asked).cast_mut().cast(),
        ..melu_recommend_options::default()
    };
    let (mut best, mut len) = ([NOTHING; 20], 99);
    // SAFETY: there is room for as many as the capacity says.
    unsafe {
        let out = best.as_mut_ptr();
        ok(|e| melu_user_recommend(handles.user, &options, out, 20, &mut len, e));
    }
    assert_eq!(len, 20);
    let count = asked.items.lock().unwrap().len();
    assert!((20..1000).contains(&count), "asked {count} times of 5000 items");
    // A context without a filter is not looked at.
    let options = melu_recommend_options { filter: None, ..options };
    // SAFETY: as above.
    unsafe {
        let out = best.as_mut_ptr();
        ok(|e| melu_user_recommend(handles.user, &options, out, 20, &mut len, e));
    }
    assert_eq!(asked.items.lock().unwrap().len(), count);
}
