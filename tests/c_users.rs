//! The C functions of users: what they do, and every wrong call that C allows.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::ptr::{null, null_mut};

use c::handles::{Handles, NOTHING, bits, dangling, fails, handles, named, ok, text, usable};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::melu_status::*;
use melu::ffi::*;
use melu::{Model, RecommendOptions, Recommendation, Scratch, User};

#[test]
fn users_have_a_profile() {
    let handles = handles();
    let (mut user, mut unknown) = (dangling(), 99);
    // SAFETY: the pointers are as the header asks.
    unsafe {
        let mut make = |profile: &[melu_value], unknown: *mut usize, e| {
            let (values, len) = (profile.as_ptr(), profile.len());
            let status = melu_user_new(handles.catalog, values, len, &mut user, unknown, e);
            assert_eq!(status == Ok, !user.is_null());
            melu_user_free(user);
            status
        };
        ok(|e| make(&[named("region", "e")], &mut unknown, e));
        assert_eq!(unknown, 0);
        ok(|e| make(&[named("region", "nowhere")], &mut unknown, e));
        assert_eq!(unknown, 1);
        ok(|e| make(&[], null_mut(), e));
        fails(
            UnknownField,
            "profile: there is no user field \"genres\"; the fields are: region",
            |e| make(&[named("genres", "war")], null_mut(), e),
        );
        fails(FieldValue, "more than one", |e| {
            make(&[named("region", "e"), named("region", "n")], null_mut(), e)
        });
        fails(InvalidArgument, "profile[0].kind", |e| {
            make(&[melu_value { kind: u32::MAX, ..named("region", "e") }], null_mut(), e)
        });
        let broken = melu_str { data: b"\xc3".as_ptr().cast(), len: 1 };
        fails(InvalidUtf8, "profile[0].name", |e| {
            make(&[melu_value { name: broken, ..named("region", "") }], null_mut(), e)
        });
        fails(InvalidArgument, "profile", |e| {
            melu_user_new(handles.catalog, null(), 1, &mut user, null_mut(), e)
        });
        fails(InvalidArgument, "catalog", |e| {
            melu_user_new(null(), null(), 0, &mut user, null_mut(), e)
        });
        fails(InvalidArgument, "user", |e| {
            melu_user_new(handles.catalog, null(), 0, null_mut(), null_mut(), e)
        });
    }
}

#[test]
fn users_adapt_score_and_recommend_as_in_rust() {
    for contents in [sample(), sample_with_vectors()] {
        let handles = Handles::new(&bytes(&contents));
        let model = Model::from_contents(contents).unwrap();
        let mut user = User::new(&model.catalog().unwrap().unwrap(), &[]).unwrap();
        // Duplicates count twice.
        for (items, ratings) in [(&[2, 0, 2][..], &[4.5, 1.0, 3.0][..]), (&[], &[]), (&[1], &[5.0])]
        {
            user.adapt(items, ratings, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
            let (i, r, len) = (items.as_ptr(), ratings.as_ptr(), items.len());
            // SAFETY: the lists are as long as they say.
            unsafe { ok(|e| melu_user_adapt(handles.user, i, r, len, e)) };
            let mut expected = vec![0.0; 3];
            user.score_all(&mut expected, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
            assert_eq!(handles.scores(), expected);

            let (mut best, mut len) = ([NOTHING; 5], 99);
            let mut rust = Vec::new();
            user.recommend(
                5,
                &RecommendOptions::default(),
                &mut rust,
                &mut Scratch::new(user.catalog()).unwrap(),
            )
            .unwrap();
            // SAFETY: as above.
            unsafe {
                ok(|e| {
                    melu_user_recommend(handles.user, null(), best.as_mut_ptr(), 5, &mut len, e)
                });
            }
            let of_rust = |b: &Recommendation| {
                let numbers = [b.score, b.rating, b.deviation].map(f32::to_bits);
                [b.item, numbers[0], numbers[1], numbers[2]]
            };
            assert_eq!(bits(&best[..len]), rust.iter().map(of_rust).collect::<Vec<_>>());
        }
        if model.has_deviations() {
            let (mut scores, mut deviations) = ([0.0; 3], [0.0; 3]);
            let (mut expected, mut expected_deviations) = ([0.0; 3], [0.0; 3]);
            user.predict_with_deviations(
                &[0, 1, 2],
                &mut expected,
                &mut expected_deviations,
                &mut Scratch::new(user.catalog()).unwrap(),
            )
            .unwrap();
            for (items, len) in [(null(), MELU_ALL_ITEMS), ([0, 1, 2].as_ptr(), 3)] {
                // SAFETY: as above.
                unsafe {
                    let (s, d) = (scores.as_mut_ptr(), deviations.as_mut_ptr());
                    ok(|e| melu_user_predict(handles.user, items, len, s, d, 3, null_mut(), e));
                }
                assert_eq!((scores, deviations), (expected, expected_deviations));
            }
        }
    }
}

#[test]
fn deviations_of_more_than_a_block_of_items() {
    let handles = Handles::new(&bytes(&sample_with_vectors()));
    let ids: Vec<String> = (0..150).map(|index| format!("new {index}")).collect();
    let studio = |index: usize| melu_value {
        kind: MELU_VALUE_INDEX,
        index: index as u32 % 3,
        ..named("studio", "")
    };
    let values: Vec<[melu_value; 1]> = (0..150).map(|index| [studio(index)]).collect();
    let items: Vec<melu_item> = ids
        .iter()
        .zip(&values)
        .map(|(id, values)| melu_item {
            id: text(id),
            values: values.as_ptr(),
            values_len: 1,
            title: text(""),
        })
        .collect();
    let (mut catalog, mut user) = (null_mut(), null_mut());
    let lists = || (vec![0.0f32; 153], vec![0.0f32; 153]);
    let ((mut scores, mut deviations), (mut listed, mut listed_deviations)) = (lists(), lists());
    let all: Vec<u32> = (0..153).collect();
    // SAFETY: the pointers are as the header asks.
    unsafe {
        ok(|e| {
            let (items, len) = (items.as_ptr(), items.len());
            melu_catalog_extend(handles.catalog, items, len, &mut catalog, null_mut(), e)
        });
        ok(|e| melu_user_new(catalog, null(), 0, &mut user, null_mut(), e));
        ok(|e| melu_user_adapt(user, [7, 80].as_ptr(), [1.0, 5.0].as_ptr(), 2, e));
        let (s, d) = (scores.as_mut_ptr(), deviations.as_mut_ptr());
        ok(|e| melu_user_predict(user, null(), MELU_ALL_ITEMS, s, d, 153, null_mut(), e));
        let (s, d) = (listed.as_mut_ptr(), listed_deviations.as_mut_ptr());
        ok(|e| melu_user_predict(user, all.as_ptr(), 153, s, d, 153, null_mut(), e));
        melu_user_free(user);
        melu_catalog_free(catalog);
    }
    assert_eq!((&scores, &deviations), (&listed, &listed_deviations));
    assert!(deviations.iter().all(|deviation| *deviation > 0.0));
    // Items of one content have one score, in whichever block they are.
    assert_eq!((scores[3], deviations[3]), (scores[150], deviations[150]));
}

#[test]
fn wrong_ratings_are_refused() {
    let handles = handles();
    let adapt = |items: &[u32], ratings: &[f32], status, words: &str| {
        // SAFETY: the lists are as long as they say.
        unsafe {
            fails(status, words, |e| {
                melu_user_adapt(handles.user, items.as_ptr(), ratings.as_ptr(), items.len(), e)
            });
        }
        usable(&handles);
    };
    adapt(&[0, 3], &[1.0, 1.0], ItemIndex, "items: item index 3 at position 1");
    adapt(&[u32::MAX], &[1.0], ItemIndex, "4294967295");
    adapt(&[0, 1], &[1.0, f32::NAN], Rating, "ratings: rating NaN at position 1");
    adapt(&[0], &[f32::INFINITY], Rating, "ratings: rating inf");
    adapt(&[0], &[-f32::INFINITY], Rating, "ratings");
    adapt(&[0, 1], &[3e38, -3e38], Diverged, "not finite");
    // SAFETY: no list is read.
    unsafe {
        fails(InvalidArgument, "items", |e| {
            melu_user_adapt(handles.user, null(), [1.0].as_ptr(), 1, e)
        });
        fails(InvalidArgument, "ratings", |e| {
            melu_user_adapt(handles.user, [1].as_ptr(), null(), 1, e)
        });
        fails(InvalidArgument, "items", |e| {
            melu_user_adapt(handles.user, dangling(), dangling(), usize::MAX / 4 + 1, e)
        });
        let askew = std::ptr::without_provenance(65);
        fails(InvalidArgument, "address", |e| {
            melu_user_adapt(handles.user, askew, [1.0].as_ptr(), 1, e)
        });
        fails(InvalidArgument, "user", |e| melu_user_adapt(null_mut(), null(), null(), 0, e));
        fails(InvalidArgument, "user", |e| melu_user_reset(null_mut(), e));
        ok(|e| melu_user_adapt(handles.user, null(), null(), 0, e));
    }
    usable(&handles);
}

#[test]
fn wrong_scoring_is_refused_and_the_need_is_told() {
    let handles = handles();
    let (mut numbers, mut needed) = ([9.0; 3], 99);
    let out = numbers.as_mut_ptr();
    type Call = unsafe extern "C" fn(
        *const melu_user,
        *const u32,
        usize,
        *mut f32,
        usize,
        *mut usize,
        *mut melu_error,
    ) -> melu_status;
    /// Predicts without deviations, so that it is called as scoring is.
    unsafe extern "C" fn predict(
        user: *const melu_user,
        items: *const u32,
        items_len: usize,
        ratings: *mut f32,
        capacity: usize,
        needed: *mut usize,
        error: *mut melu_error,
    ) -> melu_status {
        let none = null_mut();
        // SAFETY: as the caller says.
        unsafe { melu_user_predict(user, items, items_len, ratings, none, capacity, needed, error) }
    }
    let user = handles.user;
    for (call, name) in [(melu_user_score as Call, "scores"), (predict as Call, "ratings")] {
        // SAFETY: the lists are as long as they say.
        unsafe {
            let items = [0, 1, 2].as_ptr();
            for (items, len) in [(items, 3), (null(), MELU_ALL_ITEMS)] {
                needed = 99;
                fails(Capacity, &format!("{name}: the capacity is 2; 3"), |e| {
                    call(user, items, len, out, 2, &mut needed, e)
                });
                assert_eq!(needed, 3);
                fails(Capacity, name, |e| call(user, items, len, null_mut(), 0, &mut needed, e));
                fails(InvalidArgument, name, |e| {
                    call(user, items, len, null_mut(), 3, &mut needed, e)
                });
            }
            fails(ItemIndex, "items: item index 3 at position 1", |e| {
                call(user, [0, 3].as_ptr(), 2, out, 3, &mut needed, e)
            });
            fails(InvalidArgument, "items", |e| call(user, null(), 2, out, 3, &mut needed, e));
            fails(InvalidArgument, "user", |e| call(null_mut(), items, 3, out, 3, &mut needed, e));
            ok(|e| call(user, null(), 0, null_mut(), 0, &mut needed, e));
            assert_eq!(needed, 0);
        }
    }
    // SAFETY: as above.
    unsafe {
        let deviations = [0.0; 3].as_mut_ptr();
        fails(NotAvailable, "deviations", |e| {
            melu_user_predict(user, null(), MELU_ALL_ITEMS, out, deviations, 3, &mut needed, e)
        });
    }
    assert_eq!(numbers, [9.0; 3], "no number was written");
    usable(&handles);
}

#[test]
fn recommendations_leave_out_what_they_should() {
    let handles = handles();
    let none = NOTHING;
    let recommend = |leave_out: &[u32], keep_rated, capacity| {
        let options = melu_recommend_options {
            leave_out: leave_out.as_ptr(),
            leave_out_len: leave_out.len(),
            keep_rated,
            ..melu_recommend_options::default()
        };
        let (mut best, mut len) = ([none; 5], 99);
        // SAFETY: there is room for more than the capacity.
        unsafe {
            ok(|e| {
                melu_user_recommend(
                    handles.user,
                    &options,
                    best.as_mut_ptr(),
                    capacity,
                    &mut len,
                    e,
                )
            });
        }
        assert!(best[capacity..].iter().all(|best| *best == none), "nothing is written beyond");
        let mut items: Vec<u32> = best[..len].iter().map(|best| best.item).collect();
        assert!(best[..len].is_sorted_by(|a, b| a.score >= b.score));
        items.sort_unstable();
        items
    };
    // SAFETY: the lists are as long as they say.
    unsafe { ok(|e| melu_user_adapt(handles.user, [1].as_ptr(), [5.0].as_ptr(), 1, e)) };
    assert_eq!(recommend(&[], 0, 5), [0, 2]);
    assert_eq!(recommend(&[], 1, 5), [0, 1, 2]);
    assert_eq!(recommend(&[0, 0], 2, 5), [1, 2]);
    assert!(recommend(&[0, 2], 0, 5).is_empty());
    assert_eq!(recommend(&[2], 1, 1).len(), 1);
    assert!(recommend(&[], 1, 0).is_empty());

    let options = |leave_out, leave_out_len| melu_recommend_options {
        leave_out,
        leave_out_len,
        ..melu_recommend_options::default()
    };
    let mut best = [none; 3];
    let out = best.as_mut_ptr();
    let mut len = 99;
    // SAFETY: the lists are as long as they say.
    unsafe {
        let beyond = options([3].as_ptr(), 1);
        fails(ItemIndex, "leave_out: item index 3", |e| {
            melu_user_recommend(handles.user, &beyond, out, 3, &mut len, e)
        });
        assert_eq!(len, 0);
        fails(InvalidArgument, "leave_out", |e| {
            melu_user_recommend(handles.user, &options(null(), 1), out, 3, &mut len, e)
        });
        fails(InvalidArgument, "best", |e| {
            melu_user_recommend(handles.user, null(), null_mut(), 1, &mut len, e)
        });
        fails(InvalidArgument, "best_len", |e| {
            melu_user_recommend(handles.user, null(), out, 3, null_mut(), e)
        });
        fails(InvalidArgument, "user", |e| {
            melu_user_recommend(null_mut(), null(), out, 3, &mut len, e)
        });
    }
    usable(&handles);
}

#[test]
fn a_batch_is_each_user_by_themselves() {
    let several = [handles(), Handles::new(&bytes(&sample_with_vectors())), handles()];
    let users: Vec<*mut melu_user> = several.iter().map(|handles| handles.user).collect();
    let none = NOTHING;
    let (items, ratings) = ([0, 1, 2], [5.0, 1.0, 4.0]);
    let offsets = [0, 2, 2, 3];
    let (mut best, mut lens) = ([none; 6], [99; 3]);
    let batch = |offsets: *const usize, ratings_len, best: *mut _, lens: *mut usize, e| {
        // SAFETY: the lists are as long as they say.
        unsafe {
            melu_recommend_batch(
                users.as_ptr(),
                3,
                offsets,
                items.as_ptr(),
                ratings.as_ptr(),
                ratings_len,
                null(),
                best,
                2,
                lens,
                e,
            )
        }
    };
    for offsets in [offsets.as_ptr(), null()] {
        (best, lens) = ([none; 6], [99; 3]);
        let (out, out_lens) = (best.as_mut_ptr(), lens.as_mut_ptr());
        ok(|e| batch(offsets, if offsets.is_null() { 0 } else { 3 }, out, out_lens, e));
        assert_eq!(lens, [1, 2, 2]);
        for (user, handles) in several.iter().enumerate() {
            let (mut alone, mut len) = ([none; 2], 0);
            // SAFETY: as above.
            unsafe {
                ok(|e| {
                    melu_user_recommend(handles.user, null(), alone.as_mut_ptr(), 2, &mut len, e)
                });
            }
            assert_eq!(len, lens[user]);
            assert_eq!(bits(&alone[..len]), bits(&best[2 * user..][..len]));
        }
    }

    // New pointers: the lists were read by their names since.
    let (out, out_lens) = (best.as_mut_ptr(), lens.as_mut_ptr());
    let wrong = |offsets: &[usize], status, words: &str| {
        fails(status, words, |e| batch(offsets.as_ptr(), 3, out, out_lens, e));
    };
    wrong(&[1, 2, 2, 3], InvalidArgument, "offsets[0]");
    wrong(&[0, 2, 1, 3], InvalidArgument, "offsets[1]");
    wrong(&[0, 2, 2, 4], InvalidArgument, "offsets[3]");
    wrong(&[0, 2, 2, 2], InvalidArgument, "offsets[3]");
    fails(InvalidArgument, "best", |e| batch(null(), 0, null_mut(), out_lens, e));
    fails(InvalidArgument, "best_lens", |e| batch(null(), 0, out, null_mut(), e));
    // SAFETY: as above.
    unsafe {
        // The second user is wrong: the first is done, and the third is not.
        let holes = [users[0], null_mut(), users[2]];
        lens = [99; 3];
        fails(InvalidArgument, "users[1]: user is NULL", |e| {
            melu_recommend_batch(
                holes.as_ptr(),
                3,
                null(),
                null(),
                null(),
                0,
                null(),
                out,
                2,
                out_lens,
                e,
            )
        });
        assert_eq!(lens, [1, 0, 0]);
        let beyond = [0, 3, 1];
        fails(ItemIndex, "users[1]: items: item index 3", |e| {
            melu_recommend_batch(
                users.as_ptr(),
                3,
                [0, 1, 2, 3].as_ptr(),
                beyond.as_ptr(),
                ratings.as_ptr(),
                3,
                null(),
                out,
                2,
                out_lens,
                e,
            )
        });
        fails(InvalidArgument, "too many", |e| {
            melu_recommend_batch(
                users.as_ptr(),
                3,
                null(),
                null(),
                null(),
                0,
                null(),
                out,
                usize::MAX,
                out_lens,
                e,
            )
        });
        fails(InvalidArgument, "users", |e| {
            melu_recommend_batch(null(), 3, null(), null(), null(), 0, null(), out, 2, out_lens, e)
        });
        ok(|e| {
            melu_recommend_batch(
                null(),
                0,
                null(),
                null(),
                null(),
                0,
                null(),
                null_mut(),
                2,
                null_mut(),
                e,
            )
        });
    }
    several.iter().take(1).for_each(usable);
}

#[test]
fn saved_users_come_back() {
    let handles = handles();
    let other = Handles::new(&bytes(&sample_with_vectors()));
    let mut report = melu_load_report {
        struct_size: size_of::<melu_load_report>(),
        adapted_anew: 99,
        missing_items: 99,
        unknown_values: 99,
    };
    let mut loaded = null_mut();
    let mut len = 99;
    // SAFETY: the lists are as long as they say.
    unsafe {
        ok(|e| melu_user_adapt(handles.user, [2, 0].as_ptr(), [1.0, 5.0].as_ptr(), 2, e));
        fails(Capacity, "bytes: the capacity is 0", |e| {
            melu_user_save(handles.user, null_mut(), 0, &mut len, e)
        });
        let mut saved = vec![0u8; len + 1];
        fails(Capacity, "bytes", |e| {
            melu_user_save(handles.user, saved.as_mut_ptr(), len - 1, &mut len, e)
        });
        ok(|e| melu_user_save(handles.user, saved.as_mut_ptr(), saved.len(), &mut len, e));
        assert_eq!(len + 1, saved.len());
        fails(InvalidArgument, "bytes", |e| {
            melu_user_save(handles.user, null_mut(), len, &mut len, e)
        });
        fails(InvalidArgument, "bytes_len", |e| {
            melu_user_save(handles.user, saved.as_mut_ptr(), saved.len(), null_mut(), e)
        });
        fails(InvalidArgument, "user", |e| melu_user_save(null(), null_mut(), 0, &mut 0, e));

        // Into the same model: the same bits.
        let data = saved.as_ptr();
        ok(|e| melu_user_load(handles.catalog, data, len, &mut loaded, &mut report, e));
        let same = Handles { model: null_mut(), catalog: null_mut(), user: loaded };
        let mut scores = [0.0; 3];
        let out = scores.as_mut_ptr();
        ok(|e| melu_user_score(same.user, null(), MELU_ALL_ITEMS, out, 3, null_mut(), e));
        assert_eq!(scores.to_vec(), handles.scores());
        assert_eq!((report.adapted_anew, report.missing_items, report.unknown_values), (0, 0, 0));
        // Into a handle of another model: adapted anew.
        ok(|e| melu_user_load(other.catalog, data, len, &mut loaded, &mut report, e));
        melu_user_free(loaded);
        assert_eq!((report.adapted_anew, report.missing_items), (1, 0));
        // Into a catalogue that lacks an item.
        let mut smaller = null_mut();
        let item = melu_item { id: text("three"), values: null(), values_len: 0, title: text("") };
        ok(|e| melu_catalog_new(handles.model, &item, 1, &mut smaller, null_mut(), e));
        ok(|e| melu_user_load(smaller, data, len, &mut loaded, &mut report, e));
        assert_eq!((report.adapted_anew, report.missing_items), (0, 1));
        melu_user_free(loaded);
        melu_catalog_free(smaller);

        ok(|e| melu_user_load(handles.catalog, data, len, &mut loaded, null_mut(), e));
        melu_user_free(loaded);
        fails(SavedUser, "bytes", |e| {
            melu_user_load(handles.catalog, data, len - 1, &mut loaded, &mut report, e)
        });
        assert!(loaded.is_null());
        fails(SavedUser, "bytes", |e| {
            melu_user_load(handles.catalog, null(), 0, &mut loaded, null_mut(), e)
        });
        fails(InvalidArgument, "bytes", |e| {
            melu_user_load(handles.catalog, null(), 9, &mut loaded, null_mut(), e)
        });
        fails(InvalidArgument, "catalog", |e| {
            melu_user_load(null(), data, len, &mut loaded, null_mut(), e)
        });
        fails(InvalidArgument, "user", |e| {
            melu_user_load(handles.catalog, data, len, null_mut(), null_mut(), e)
        });
        report.struct_size = 8;
        fails(InvalidArgument, "melu_load_report", |e| {
            melu_user_load(handles.catalog, data, len, &mut loaded, &mut report, e)
        });
        assert!(loaded.is_null());
    }
    usable(&handles);
}
