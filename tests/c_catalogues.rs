//! The C functions of the library, models and catalogues: what they do, and every wrong
//! call that C allows.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use c::handles::{
    Handles, NOTHING, dangling, fails, handles, named, ok, outcome, rust_user, string, text, usable,
};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::melu_status::*;
use melu::ffi::*;
use melu::model::config::DataType;
use melu::{Model, Scratch, User};

#[test]
fn the_library_tells_its_versions_and_statuses() {
    assert_eq!(string(melu_version()), env!("CARGO_PKG_VERSION"));
    assert_eq!(string(melu_kernel_name()), melu::kernel_name());
    assert_eq!(string(melu_status_str(0)), "ok");
    let mut words: Vec<String> = (0..17).map(|status| string(melu_status_str(status))).collect();
    words.sort();
    words.dedup();
    assert_eq!(words.len(), 17, "each status has words of its own");
    for status in [-1, 17, i32::MAX, i32::MIN] {
        assert_eq!(string(melu_status_str(status)), "unknown status");
    }
}

#[test]
fn errors_may_be_null() {
    let mut model = null_mut();
    // SAFETY: NULL is allowed for what is NULL here.
    unsafe {
        assert_eq!(melu_model_open(text("/no/such/file"), null(), &mut model, null_mut()), Io);
        melu_model_free(null_mut());
        melu_catalog_free(null_mut());
        melu_user_free(null_mut());
    }
    assert!(model.is_null());
}

#[test]
fn models_are_opened_from_files_and_bytes() {
    let file = bytes(&sample());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    std::fs::write(&path, &file).unwrap();
    let mut model = dangling();
    // SAFETY: the pointers are as the header asks.
    unsafe {
        fails(Io, "/no/such/file", |e| {
            melu_model_open(text("/no/such/file"), null(), &mut model, e)
        });
        assert!(model.is_null(), "a handle is NULL after a failure");
        fails(InvalidArgument, "model", |e| melu_model_open(text("x"), null(), null_mut(), e));
        let broken = melu_str { data: b"a\xffb".as_ptr().cast(), len: 3 };
        fails(InvalidUtf8, "path", |e| melu_model_open(broken, null(), &mut model, e));
        let none = melu_str { data: null(), len: 3 };
        fails(InvalidArgument, "path", |e| melu_model_open(none, null(), &mut model, e));
        let endless = melu_str { data: dangling(), len: usize::MAX };
        fails(InvalidArgument, "path", |e| melu_model_open(endless, null(), &mut model, e));
        let empty = melu_str { data: null(), len: 0 };
        assert_eq!(outcome(|e| melu_model_open(empty, null(), &mut model, e)).0, Io);

        ok(|e| melu_model_open(text(path.to_str().unwrap()), null(), &mut model, e));
        melu_model_free(model);

        let data = file.as_ptr().cast::<c_void>();
        let len = file.len();
        fails(InvalidArgument, "bytes", |e| {
            melu_model_open_bytes(null(), len, null(), &mut model, e)
        });
        fails(InvalidArgument, "model", |e| {
            melu_model_open_bytes(data, len, null(), null_mut(), e)
        });
        fails(WeightFile, "bytes", |e| melu_model_open_bytes(data, 100, null(), &mut model, e));
        fails(WeightFile, "bytes", |e| melu_model_open_bytes(null(), 0, null(), &mut model, e));
        assert!(model.is_null());
    }
}

#[test]
fn borrowed_bytes_are_given_back_once_after_the_last_handle() {
    static RELEASED: AtomicUsize = AtomicUsize::new(0);
    unsafe extern "C" fn release(context: *mut c_void) {
        assert_eq!(context as usize, 64);
        RELEASED.fetch_add(1, Ordering::Relaxed);
    }
    let file = bytes(&sample());
    let mut handles = Handles { model: null_mut(), catalog: null_mut(), user: null_mut() };
    let options = melu_open_options {
        struct_size: size_of::<melu_open_options>(),
        max_memory: 0,
        copy: 0,
        borrow: 1,
        release: Some(release),
        context: dangling(),
    };
    let data = file.as_ptr().cast::<c_void>();
    // SAFETY: the bytes live until the end.
    unsafe {
        let cut = file.len() - 1;
        fails(WeightFile, "bytes", |e| {
            melu_model_open_bytes(data, cut, &options, &mut handles.model, e)
        });
        assert_eq!(RELEASED.load(Ordering::Relaxed), 0, "after a failure they stay the caller's");
        ok(|e| melu_model_open_bytes(data, file.len(), &options, &mut handles.model, e));
        ok(|e| melu_model_catalog(handles.model, &mut handles.catalog, e));
        ok(|e| melu_user_new(handles.catalog, null(), 0, &mut handles.user, null_mut(), e));
        melu_model_free(handles.model);
        melu_catalog_free(handles.catalog);
        (handles.model, handles.catalog) = (null_mut(), null_mut());
        assert_eq!(RELEASED.load(Ordering::Relaxed), 0, "the user still reads them");
        ok(|e| melu_user_adapt(handles.user, [1].as_ptr(), [2.0].as_ptr(), 1, e));
    }
    drop(handles);
    assert_eq!(RELEASED.load(Ordering::Relaxed), 1);
}

#[test]
fn models_tell_what_they_are_like() {
    for contents in [sample(), sample_with_vectors()] {
        let handles = Handles::new(&bytes(&contents));
        let model = Model::from_contents(contents).unwrap();
        let mut details = melu_model_details {
            struct_size: size_of::<melu_model_details>(),
            fingerprint: 0,
            user_fields: 99,
            item_fields: 99,
            items: 99,
            evidence: 99,
            head_parameters: 99,
            vector_width: 99,
            choice: 99,
            ratings: 99,
            clicks: 99,
            deviations: 99,
        };
        // SAFETY: the pointers are as the header asks.
        unsafe { ok(|e| melu_model_info(handles.model, &mut details, e)) };
        assert_eq!(details.struct_size, size_of::<melu_model_details>());
        assert_eq!(details.fingerprint, model.fingerprint());
        assert_eq!(details.user_fields, model.config().user_fields.len());
        assert_eq!(details.item_fields, model.config().item_fields.len());
        assert_eq!((details.items, details.evidence), (3, 2));
        assert_eq!(details.head_parameters, model.head().len());
        assert_eq!((details.clicks, details.deviations), (0, u32::from(model.has_deviations())));
        // SAFETY: as above.
        unsafe {
            fails(InvalidArgument, "model", |e| melu_model_info(null(), &mut details, e));
            fails(InvalidArgument, "details", |e| melu_model_info(handles.model, null_mut(), e));
        }
    }
}

#[test]
fn structs_may_be_larger_and_not_smaller() {
    #[repr(C)]
    struct Larger<T> {
        known: T,
        later: [u64; 4],
    }
    let handles = handles();
    // SAFETY: the structs are as large as they say, and all zeros are one.
    unsafe {
        let mut details: Larger<melu_model_details> = std::mem::zeroed();
        details.later = [7; 4];
        for wrong in [0, 1, size_of::<melu_model_details>() - 1, 1 << 20, usize::MAX] {
            details.known.struct_size = wrong;
            fails(InvalidArgument, "struct_size", |e| {
                melu_model_info(handles.model, &mut details.known, e)
            });
            assert_eq!((details.known.items, details.later), (0, [7; 4]));
        }
        details.known.struct_size = size_of::<Larger<melu_model_details>>();
        ok(|e| melu_model_info(handles.model, (&raw mut details).cast(), e));
        assert_eq!((details.known.items, details.later), (3, [0; 4]));
        assert_eq!(details.known.struct_size, size_of::<Larger<melu_model_details>>());

        let mut options: Larger<melu_recommend_options> = std::mem::zeroed();
        let mut best = [NOTHING; 3];
        let mut len = 99;
        let mut recommend = |options: &Larger<melu_recommend_options>, e| {
            let options = (&raw const *options).cast();
            melu_user_recommend(handles.user, options, best.as_mut_ptr(), 3, &mut len, e)
        };
        for wrong in [0, 8, size_of::<melu_recommend_options>() - 1, 5000] {
            options.known.struct_size = wrong;
            fails(InvalidArgument, "melu_recommend_options", |e| recommend(&options, e));
        }
        options.known.struct_size = size_of::<Larger<melu_recommend_options>>();
        ok(|e| recommend(&options, e));
        options.later[3] = 1;
        fails(InvalidArgument, "does not know", |e| recommend(&options, e));

        let file = bytes(&sample());
        let mut options: melu_open_options = std::mem::zeroed();
        let mut model = null_mut();
        fails(InvalidArgument, "melu_open_options", |e| {
            melu_model_open_bytes(file.as_ptr().cast(), file.len(), &options, &mut model, e)
        });
        options.struct_size = size_of::<melu_open_options>();
        ok(|e| melu_model_open_bytes(file.as_ptr().cast(), file.len(), &options, &mut model, e));
        melu_model_free(model);
    }
    usable(&handles);
}

#[test]
fn evidence_is_best_first() {
    let handles = handles();
    let none = melu_evidence { item: 9, score: 9.0, gradient_norm: 9.0, popularity: 9.0 };
    let expected = [
        melu_evidence { item: 2, score: 1.0, gradient_norm: 1.0, popularity: 1.0 },
        melu_evidence { item: 0, score: 0.5, gradient_norm: 0.625, popularity: 0.75 },
    ];
    for capacity in 0..4 {
        let (mut best, mut len) = ([none; 4], 99);
        // SAFETY: there is room for more than the capacity.
        unsafe {
            ok(|e| melu_model_evidence(handles.model, best.as_mut_ptr(), capacity, &mut len, e));
        }
        assert_eq!(len, capacity.min(2));
        assert_eq!(best[..len], expected[..len]);
        assert!(best[len..].iter().all(|best| *best == none));
    }
    let without = melu::model::file::Contents { evidence: None, catalog: None, ..sample() };
    let file = bytes(&without);
    let (mut model, mut catalog, mut len) = (null_mut(), dangling(), 0);
    // SAFETY: the pointers are as the header asks.
    unsafe {
        fails(InvalidArgument, "best", |e| {
            melu_model_evidence(handles.model, null_mut(), 1, &mut len, e)
        });
        fails(InvalidArgument, "best_len", |e| {
            melu_model_evidence(handles.model, null_mut(), 0, null_mut(), e)
        });
        fails(InvalidArgument, "model", |e| {
            melu_model_evidence(null(), null_mut(), 0, &mut len, e)
        });
        ok(|e| melu_model_open_bytes(file.as_ptr().cast(), file.len(), null(), &mut model, e));
        fails(NotAvailable, "evidence", |e| melu_model_evidence(model, null_mut(), 0, &mut len, e));
        fails(NotAvailable, "items", |e| melu_model_catalog(model, &mut catalog, e));
        assert!(catalog.is_null());
        fails(InvalidArgument, "model", |e| melu_model_catalog(null(), &mut catalog, e));
        fails(InvalidArgument, "catalog", |e| melu_model_catalog(model, null_mut(), e));
        melu_model_free(model);
    }
}

#[test]
fn items_are_found_by_id_and_told_by_index() {
    let handles = handles();
    let (mut item, mut found) = (99, text(""));
    // SAFETY: the pointers are as the header asks.
    unsafe {
        assert_eq!(melu_catalog_len(handles.catalog), 3);
        assert_eq!(melu_catalog_len(null()), 0);
        ok(|e| melu_catalog_find(handles.catalog, text("three"), &mut item, e));
        assert_eq!(item, 2);
        fails(NotFound, "\"four\"", |e| {
            melu_catalog_find(handles.catalog, text("four"), &mut item, e)
        });
        fails(NotFound, "", |e| melu_catalog_find(handles.catalog, text(""), &mut item, e));
        let broken = melu_str { data: b"\xff".as_ptr().cast(), len: 1 };
        fails(InvalidUtf8, "id", |e| melu_catalog_find(handles.catalog, broken, &mut item, e));
        fails(InvalidArgument, "item", |e| {
            melu_catalog_find(handles.catalog, text("one"), null_mut(), e)
        });
        fails(InvalidArgument, "catalog", |e| melu_catalog_find(null(), text("one"), &mut item, e));
        for (tell, expected) in [
            (melu_catalog_id as unsafe extern "C" fn(_, _, _, _) -> _, "three"),
            (melu_catalog_title, "Die Dritte"),
        ] {
            ok(|e| tell(handles.catalog.cast_const(), 2, &raw mut found, e));
            assert_eq!(string(found), expected);
            for beyond in [3, u32::MAX] {
                fails(ItemIndex, "3", |e| tell(handles.catalog, beyond, &mut found, e));
            }
            fails(InvalidArgument, "catalog", |e| tell(null(), 0, &mut found, e));
            fails(InvalidArgument, "NULL", |e| tell(handles.catalog, 0, null_mut(), e));
        }
    }
}

#[test]
fn catalogues_are_converted() {
    let handles = handles();
    let model = Model::from_contents(sample()).unwrap();
    let catalog = model.catalog().unwrap().unwrap().convert(DataType::F16).unwrap();
    let mut expected = [0.0; 3];
    let mut scratch = Scratch::new(&catalog).unwrap();
    User::new(&catalog, &[]).unwrap().score_all(&mut expected, &mut scratch).unwrap();
    let (mut half, mut back) = (dangling(), null_mut());
    // SAFETY: the pointers are as the header asks.
    unsafe {
        for wrong in [2, 16, u32::MAX] {
            fails(InvalidArgument, "data_type", |e| {
                melu_catalog_convert(handles.catalog, wrong, &mut half, e)
            });
            assert!(half.is_null());
        }
        fails(InvalidArgument, "catalog", |e| {
            melu_catalog_convert(null(), MELU_DATA_TYPE_F16, &mut half, e)
        });
        fails(InvalidArgument, "converted", |e| {
            melu_catalog_convert(handles.catalog, MELU_DATA_TYPE_F16, null_mut(), e)
        });
        ok(|e| melu_catalog_convert(handles.catalog, MELU_DATA_TYPE_F16, &mut half, e));
        ok(|e| melu_catalog_convert(half, MELU_DATA_TYPE_F32, &mut back, e));
        for (catalog, expected) in [(half, expected), (back, rust_scores())] {
            let (mut user, mut scores) = (null_mut(), [0.0; 3]);
            ok(|e| melu_user_new(catalog, null(), 0, &mut user, null_mut(), e));
            melu_catalog_free(catalog);
            let room = scores.as_mut_ptr();
            ok(|e| melu_user_score(user, null(), MELU_ALL_ITEMS, room, 3, null_mut(), e));
            assert_eq!(scores, expected);
            melu_user_free(user);
        }
    }
    usable(&handles);
}

/// What the sample's user scores, in Rust.
fn rust_scores() -> [f32; 3] {
    let mut scores = [0.0; 3];
    let user = rust_user();
    user.score_all(&mut scores, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    scores
}

#[test]
fn catalogues_are_made_and_extended_by_field_values() {
    let handles = handles();
    let values = [
        named("genres", "war"),
        named("genres", "unheard of"),
        melu_value { kind: MELU_VALUE_INDEX, index: 1, ..named("studio", "") },
        melu_value { kind: MELU_VALUE_NUMBER, number: 1999.0, ..named("year", "") },
    ];
    let item = |id, values: &[melu_value]| melu_item {
        id: text(id),
        values: values.as_ptr(),
        values_len: values.len(),
        title: text(""),
    };
    let empty =
        melu_item { id: text("nothing known"), values: null(), values_len: 0, title: text("") };
    let items = [item("new", &values), empty];
    let (mut made, mut unknown) = (null_mut(), 99);
    // SAFETY: the pointers are as the header asks.
    unsafe {
        let make = |items: &[melu_item], made: *mut *mut melu_catalog, e| {
            melu_catalog_new(handles.model, items.as_ptr(), items.len(), made, null_mut(), e)
        };
        ok(|e| melu_catalog_new(handles.model, items.as_ptr(), 2, &mut made, &mut unknown, e));
        assert_eq!((melu_catalog_len(made), unknown), (2, 1));
        let mut title = text("x");
        ok(|e| melu_catalog_title(made, 0, &mut title, e));
        assert_eq!(title.len, 0);
        melu_catalog_free(made);
        ok(|e| melu_catalog_new(handles.model, null(), 0, &mut made, null_mut(), e));
        assert_eq!(melu_catalog_len(made), 0);
        melu_catalog_free(made);

        ok(|e| melu_catalog_extend(handles.catalog, items.as_ptr(), 2, &mut made, &mut unknown, e));
        assert_eq!((melu_catalog_len(made), melu_catalog_len(handles.catalog)), (5, 3));
        assert_eq!(unknown, 1);
        let mut twice = dangling();
        fails(InvalidArgument, "\"new\"", |e| {
            melu_catalog_extend(made, items.as_ptr(), 2, &mut twice, null_mut(), e)
        });
        assert!(twice.is_null());
        // Only the new items' names are counted.
        let more = [item("newer", &values)];
        ok(|e| melu_catalog_extend(made, more.as_ptr(), 1, &mut twice, &mut unknown, e));
        assert_eq!(unknown, 1);
        melu_catalog_free(twice);
        melu_catalog_free(made);

        fails(InvalidArgument, "\"new\"", |e| make(&[items[0], items[0]], &mut made, e));
        fails(InvalidArgument, "items[0].values", |e| {
            make(&[melu_item { values: null(), ..items[0] }], &mut made, e)
        });
        let broken = melu_str { data: b"a\xff".as_ptr().cast(), len: 2 };
        fails(InvalidUtf8, "items[1].id", |e| {
            make(&[items[0], melu_item { id: broken, ..items[1] }], &mut made, e)
        });
        let wrong = |value: melu_value, status, words: &str| {
            let pair = [values[0], value];
            let items = [items[1], item("wrong", &pair)];
            let mut made = dangling();
            fails(status, words, |e| make(&items, &mut made, e));
            assert!(made.is_null());
        };
        wrong(melu_value { field: broken, ..values[0] }, InvalidUtf8, "items[1].values[1].field");
        wrong(melu_value { name: broken, ..values[0] }, InvalidUtf8, "items[1].values[1].name");
        wrong(melu_value { kind: 3, ..values[0] }, InvalidArgument, "items[1].values[1].kind");
        wrong(named("genre", "war"), UnknownField, "items: there is no item field \"genre\"");
        wrong(melu_value { index: 3, ..values[2] }, FieldValue, "studio");
        wrong(melu_value { number: f32::NAN, ..values[3] }, FieldValue, "year");
        wrong(melu_value { number: f32::INFINITY, ..values[3] }, FieldValue, "year");
        wrong(named("year", "MCMXC"), FieldValue, "MCMXC");

        fails(InvalidArgument, "items", |e| {
            melu_catalog_new(handles.model, null(), 1, &mut made, null_mut(), e)
        });
        fails(InvalidArgument, "items", |e| {
            melu_catalog_new(handles.model, dangling(), usize::MAX, &mut made, null_mut(), e)
        });
        fails(InvalidArgument, "model", |e| {
            melu_catalog_new(null(), null(), 0, &mut made, null_mut(), e)
        });
        fails(InvalidArgument, "catalog", |e| {
            melu_catalog_new(handles.model, null(), 0, null_mut(), null_mut(), e)
        });
        fails(InvalidArgument, "extended", |e| {
            melu_catalog_extend(handles.catalog, null(), 0, null_mut(), null_mut(), e)
        });
        fails(InvalidArgument, "catalog", |e| {
            melu_catalog_extend(null(), null(), 0, &mut made, null_mut(), e)
        });
    }
    usable(&handles);
}
