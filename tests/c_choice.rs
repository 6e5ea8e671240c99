//! The C functions of models with a head for choosing: scores beside predicted ratings, lists
//! of a list, and vectors for others.

#![cfg(all(feature = "capi", feature = "train"))]

mod c;
mod common;

use std::ptr::{null, null_mut};
use std::thread;

use c::handles::{Handles, NOTHING, bits, dangling, fails, handles, ok};
use common::choosing::{positive_only, trained, with_ratings};
use common::files::{bytes, sample, sample_with_vectors};
use melu::ffi::melu_status::*;
use melu::ffi::*;
use melu::model::file::Contents;
use melu::{Model, Order, RecommendOptions, Recommendation, Scratch, User};

const ITEMS: usize = 150;

/// Handles of a model, and the same in Rust, both adapted.
fn both(contents: Contents) -> (Handles, User) {
    let handles = Handles::new(&bytes(&contents));
    let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
    let mut user = User::new(&catalog, &[]).unwrap();
    let (items, ratings) = ([3, 77, 120, 3], [5.0, 1.0, 4.0, 2.0]);
    user.adapt(&items, &ratings, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    // SAFETY: the lists are as long as they say.
    unsafe { ok(|e| melu_user_adapt(handles.user, items.as_ptr(), ratings.as_ptr(), 4, e)) };
    (handles, user)
}

/// What Rust found, as [`bits`] has it.
fn rust_bits(best: &[Recommendation]) -> Vec<[u32; 4]> {
    let bits =
        |b: &Recommendation| [b.item, b.score.to_bits(), b.rating.to_bits(), b.deviation.to_bits()];
    best.iter().map(bits).collect()
}

fn recommend(
    user: *mut melu_user,
    options: *const melu_recommend_options,
    capacity: usize,
) -> Vec<[u32; 4]> {
    let (mut best, mut len) = (vec![NOTHING; capacity], 99);
    let out = best.as_mut_ptr();
    // SAFETY: there is room for so many.
    unsafe { ok(|e| melu_user_recommend(user, options, out, capacity, &mut len, e)) };
    bits(&best[..len])
}

fn details(handles: &Handles) -> melu_model_details {
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
    details
}

#[test]
fn models_say_which_heads_they_have() {
    for (contents, choice, ratings, deviations) in [
        (sample(), 0, 1, 0),
        (sample_with_vectors(), 0, 1, 1),
        (with_ratings(ITEMS), 1, 1, 1),
        (positive_only(ITEMS), 1, 0, 0),
    ] {
        let width = contents.config.choice.as_ref().map_or(0, |head| head.row_width());
        let parameters = if ratings == 1 { contents.head.len() } else { 0 };
        let found = details(&Handles::new(&bytes(&contents)));
        assert_eq!((found.choice, found.ratings, found.deviations), (choice, ratings, deviations));
        assert_eq!((found.vector_width, found.head_parameters), (width, parameters));
    }
}

#[test]
fn scores_and_ratings_are_those_of_rust() {
    for contents in [with_ratings(ITEMS), positive_only(ITEMS)] {
        let (handles, user) = both(contents);
        let mut expected = vec![0.0; ITEMS];
        user.score_all(&mut expected, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
        assert_eq!(handles.scores(), expected);
        let mut best = Vec::new();
        user.recommend(
            20,
            &RecommendOptions::default(),
            &mut best,
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap();
        assert_eq!(recommend(handles.user, null(), 20), rust_bits(&best));

        let (mut ratings, mut deviations, mut needed) = ([9.0; ITEMS], [9.0; ITEMS], 99);
        let (r, d) = (ratings.as_mut_ptr(), deviations.as_mut_ptr());
        let all = MELU_ALL_ITEMS;
        if !user.model().has_ratings() {
            assert!(best.iter().all(|found| found.rating.is_nan() && found.deviation.is_nan()));
            // SAFETY: there is room for all.
            unsafe {
                for d in [d, null_mut()] {
                    fails(NotAvailable, "model: it was trained without ratings", |e| {
                        melu_user_predict(handles.user, null(), all, r, d, ITEMS, &mut needed, e)
                    });
                }
            }
            assert_eq!(needed, ITEMS);
            assert_eq!((ratings, deviations), ([9.0; ITEMS], [9.0; ITEMS]));
            continue;
        }
        let items: Vec<u32> = (0..ITEMS as u32).collect();
        let (mut rated, mut deviated) = ([0.0; ITEMS], [0.0; ITEMS]);
        user.predict_with_deviations(
            &items,
            &mut rated,
            &mut deviated,
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap();
        // SAFETY: there is room for all.
        unsafe {
            ok(|e| melu_user_predict(handles.user, null(), all, r, d, ITEMS, &mut needed, e));
        }
        assert_eq!((needed, ratings, deviations), (ITEMS, rated, deviated));
        for found in &best {
            let item = found.item as usize;
            assert_eq!((found.rating, found.deviation), (rated[item], deviated[item]));
        }
    }
}

/// All that can be wished, as C says it and as Rust does.
fn wishes<'a>(
    leave_out: &'a [u32],
    among: &'a [u32],
    ratings: bool,
) -> Vec<(melu_recommend_options, RecommendOptions<'a>)> {
    let (c, rust) = (melu_recommend_options::default(), RecommendOptions::default());
    let listed = melu_recommend_options { among: among.as_ptr(), among_len: among.len(), ..c };
    let mut wishes = vec![
        (
            melu_recommend_options {
                leave_out: leave_out.as_ptr(),
                leave_out_len: leave_out.len(),
                ..c
            },
            RecommendOptions { leave_out, ..rust },
        ),
        (listed, RecommendOptions { among: Some(among), ..rust }),
        (
            melu_recommend_options { add_neighbours: 1, keep_rated: 7, ..listed },
            RecommendOptions { among: Some(among), add_neighbours: true, keep_rated: true, ..rust },
        ),
        (
            melu_recommend_options { popularity_discount: 1.0, ..c },
            RecommendOptions { exposure: 0.0, ..rust },
        ),
        (
            melu_recommend_options { popularity_discount: -0.5, min_raters: 5, ..c },
            RecommendOptions { exposure: 1.5, min_raters: 5, ..rust },
        ),
        (melu_recommend_options { new_items: 12, ..c }, RecommendOptions { new_items: 12, ..rust }),
        // Not NULL, and empty: nothing.
        (
            melu_recommend_options { among_len: 0, ..listed },
            RecommendOptions { among: Some(&[]), ..rust },
        ),
    ];
    if ratings {
        wishes.push((
            melu_recommend_options { order: MELU_ORDER_RATING, ..c },
            RecommendOptions { order: Order::Rating, ..rust },
        ));
    }
    wishes
}

#[test]
fn options_mean_what_they_mean_in_rust() {
    let among = [140, 7, 9, 7, 77, 20, 21];
    for contents in [with_ratings(ITEMS), positive_only(ITEMS)] {
        let (handles, user) = both(contents);
        let zeroed = melu_recommend_options::default();
        let plain = recommend(handles.user, null(), 30);
        let leave_out = [plain[2][0], plain[0][0], 99, plain[0][0]];
        assert_eq!(recommend(handles.user, &zeroed, 30), plain);
        for (c, rust) in wishes(&leave_out, &among, user.model().has_ratings()) {
            let mut best = Vec::new();
            user.recommend(30, &rust, &mut best, &mut Scratch::new(user.catalog()).unwrap())
                .unwrap();
            for threads in [0, 2] {
                let c = melu_recommend_options { threads, ..c };
                let found = recommend(handles.user, &c, 30);
                assert_eq!(found, rust_bits(&best), "{c:?}");
                assert_ne!(found, plain, "{c:?}");
            }
        }
    }
}

#[test]
fn wrong_options_are_refused() {
    let handles = Handles::new(&bytes(&positive_only(ITEMS)));
    let plain = melu_recommend_options::default();
    for (options, status, words) in [
        (melu_recommend_options { order: 2, ..plain }, InvalidArgument, "order: 2 is no order"),
        (melu_recommend_options { order: MELU_ORDER_RATING, ..plain }, NotAvailable, "model: "),
        (
            melu_recommend_options { popularity_discount: f32::NAN, ..plain },
            InvalidArgument,
            "popularity_discount is NaN",
        ),
        (
            melu_recommend_options { popularity_discount: f32::NEG_INFINITY, ..plain },
            InvalidArgument,
            "popularity_discount is -inf",
        ),
        (
            melu_recommend_options { popularity_discount: -3e38, ..plain },
            InvalidArgument,
            "popularity_discount is -3",
        ),
        (melu_recommend_options { among_len: 1, ..plain }, InvalidArgument, "among is NULL"),
        (
            melu_recommend_options { among: [1, 150].as_ptr(), among_len: 2, ..plain },
            ItemIndex,
            "among: item index 150 at position 1",
        ),
        (
            melu_recommend_options { leave_out: [150].as_ptr(), leave_out_len: 1, ..plain },
            ItemIndex,
            "leave_out: item index 150",
        ),
        (
            melu_recommend_options { struct_size: 32, ..plain },
            InvalidArgument,
            "melu_recommend_options: struct_size is 32",
        ),
    ] {
        let (mut best, mut len) = ([NOTHING; 3], 99);
        let out = best.as_mut_ptr();
        // SAFETY: the lists are as long as they say.
        unsafe {
            fails(status, words, |e| {
                melu_user_recommend(handles.user, &options, out, 3, &mut len, e)
            });
            assert_eq!(len, 0);
            len = 99;
            let users = [handles.user];
            fails(status, words, |e| {
                let (users, none, lens) = (users.as_ptr(), null(), &mut len);
                melu_recommend_batch(users, 1, none, null(), null(), 0, &options, out, 3, lens, e)
            });
            assert_eq!(len, 0);
        }
    }
    assert_eq!(recommend(handles.user, null(), 3).len(), 3);
}

#[test]
fn a_batch_has_the_same_options_for_all() {
    let several = [with_ratings(ITEMS), positive_only(ITEMS), with_ratings(ITEMS)];
    let several = several.map(|contents| both(contents).0);
    let users: Vec<*mut melu_user> = several.iter().map(|handles| handles.user).collect();
    let (leave_out, among) = ([1, 2, 3, 99], [140, 7, 9, 7, 77, 20, 21]);
    for (options, _) in wishes(&leave_out, &among, false) {
        for threads in [1, 2, 9] {
            let options = melu_recommend_options { threads, ..options };
            let (mut best, mut lens) = ([NOTHING; 3 * 20], [99; 3]);
            let (out, lens_out) = (best.as_mut_ptr(), lens.as_mut_ptr());
            // SAFETY: the lists are as long as they say.
            unsafe {
                ok(|e| {
                    let (users, items, ratings) = (users.as_ptr(), null(), null());
                    melu_recommend_batch(
                        users,
                        3,
                        null(),
                        items,
                        ratings,
                        0,
                        &options,
                        out,
                        20,
                        lens_out,
                        e,
                    )
                });
            }
            for (place, user) in users.iter().enumerate() {
                let found = bits(&best[20 * place..][..lens[place]]);
                assert_eq!(found, recommend(*user, &options, 20));
            }
        }
    }
}

/// A catalogue's vectors as they lie.
///
/// # Safety
/// The catalogue is not freed during `'a`.
unsafe fn item_vectors<'a>(catalog: *const melu_catalog) -> (&'a [f32], melu_vectors) {
    let mut vectors = melu_vectors { data: dangling(), rows: 99, width: 99, stride: 99 };
    // SAFETY: the pointers are as the header asks, and the library gave the view.
    unsafe {
        ok(|e| melu_catalog_item_vectors(catalog, &mut vectors, e));
        let melu_vectors { data, rows, width, stride } = vectors;
        assert!(stride >= width);
        (std::slice::from_raw_parts(data, rows.saturating_sub(1) * stride + width), vectors)
    }
}

fn user_vector(user: *const melu_user) -> Vec<f32> {
    let mut needed = 99;
    // SAFETY: there is room for what is written.
    unsafe {
        fails(Capacity, "vector: the capacity is 0", |e| {
            melu_user_vector(user, null_mut(), 0, &mut needed, e)
        });
        let mut vector = vec![9.0; needed + 1];
        let out = vector.as_mut_ptr();
        fails(Capacity, "vector", |e| melu_user_vector(user, out, needed - 1, null_mut(), e));
        assert_eq!(vector, vec![9.0; needed + 1]);
        ok(|e| melu_user_vector(user, out, needed + 1, null_mut(), e));
        assert_eq!(vector.pop(), Some(9.0), "nothing is written beyond");
        vector
    }
}

#[test]
fn vectors_are_those_of_rust_and_their_products_are_scores() {
    for contents in [with_ratings(ITEMS), positive_only(ITEMS)] {
        let (handles, mut user) = both(contents);
        // SAFETY: the catalogue is freed at the end.
        let (numbers, view) = unsafe { item_vectors(handles.catalog) };
        let (expected, width) = user.catalog().item_vectors().unwrap();
        assert_eq!((view.rows, view.width), (ITEMS, width));
        for (row, expected) in numbers.chunks(view.stride).zip(expected.chunks(width)) {
            assert_eq!(&row[..width], expected);
        }
        assert_eq!(user_vector(handles.user), user.vector().unwrap());

        // Without answers no neighbours speak; and a predicted rating counts by its weight.
        user.reset();
        // SAFETY: the user is not freed.
        unsafe { ok(|e| melu_user_reset(handles.user, e)) };
        let vector = user_vector(handles.user);
        assert_eq!(vector, user.vector().unwrap());
        let (mut ratings, weight) = (vec![0.0; ITEMS], user.model().choice().unwrap().rating);
        if user.model().has_ratings() {
            let items: Vec<u32> = (0..ITEMS as u32).collect();
            user.predict(&items, &mut ratings, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
        }
        let rows = numbers.chunks(view.stride).zip(handles.scores().into_iter().zip(ratings));
        for (row, (score, rating)) in rows {
            let terms = row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let of_rating = f64::from(weight) * f64::from(rating.clamp(1.0, 5.0));
            assert!((f64::from(score) - terms.sum::<f64>() - of_rating).abs() < 1e-5);
        }
    }
}

#[test]
fn vectors_and_raters_are_refused_where_there_are_none() {
    let handles = handles();
    let (mut vectors, mut raters) =
        (melu_vectors { data: dangling(), rows: 9, width: 9, stride: 9 }, 99);
    // SAFETY: the pointers are as the header asks.
    unsafe {
        fails(NotAvailable, "model: it has no head for choosing", |e| {
            melu_catalog_item_vectors(handles.catalog, &mut vectors, e)
        });
        assert!(vectors.data.is_null() && vectors.rows == 0);
        fails(NotAvailable, "model: it has no head for choosing", |e| {
            melu_user_vector(handles.user, [0.0; 64].as_mut_ptr(), 64, null_mut(), e)
        });
        fails(NotAvailable, "model: ", |e| melu_catalog_raters(handles.catalog, 0, &mut raters, e));
        assert_eq!(raters, 0);
        fails(InvalidArgument, "catalog", |e| melu_catalog_item_vectors(null(), &mut vectors, e));
        fails(InvalidArgument, "vectors", |e| {
            melu_catalog_item_vectors(handles.catalog, null_mut(), e)
        });
        fails(InvalidArgument, "user", |e| melu_user_vector(null(), null_mut(), 0, null_mut(), e));
        fails(InvalidArgument, "catalog", |e| melu_catalog_raters(null(), 0, &mut raters, e));
        fails(InvalidArgument, "raters", |e| {
            melu_catalog_raters(handles.catalog, 0, null_mut(), e)
        });
    }

    let choosing = Handles::new(&bytes(&positive_only(ITEMS)));
    // SAFETY: as above.
    unsafe {
        fails(InvalidArgument, "vector is NULL", |e| {
            melu_user_vector(choosing.user, null_mut(), 64, null_mut(), e)
        });
        let mut empty = null_mut();
        ok(|e| melu_catalog_new(choosing.model, null(), 0, &mut empty, null_mut(), e));
        ok(|e| melu_catalog_item_vectors(empty, &mut vectors, e));
        melu_catalog_free(empty);
    }
    assert!(vectors.data.is_null() && vectors.rows == 0 && vectors.width > 0);
}

#[test]
fn items_know_how_many_chose_them() {
    for (contents, expected) in [
        (sample_with_vectors(), vec![0, 7, 400]),
        (positive_only(10), vec![1, 2, 3, 4, 5, 6, 7, 8, 0, 10]),
    ] {
        let handles = Handles::new(&bytes(&contents));
        let mut raters = 99;
        // SAFETY: the pointers are as the header asks.
        unsafe {
            for (item, expected) in expected.iter().enumerate() {
                ok(|e| melu_catalog_raters(handles.catalog, item as u32, &mut raters, e));
                assert_eq!(raters, *expected);
            }
            fails(ItemIndex, &format!("item: index {}", expected.len()), |e| {
                melu_catalog_raters(handles.catalog, expected.len() as u32, &mut raters, e)
            });
            assert_eq!(raters, 0);
            // An item that was added is new.
            let item = melu_item {
                id: c::handles::text("new"),
                values: null(),
                values_len: 0,
                title: c::handles::text(""),
            };
            let mut more = null_mut();
            ok(|e| melu_catalog_extend(handles.catalog, &item, 1, &mut more, null_mut(), e));
            ok(|e| melu_catalog_raters(more, expected.len() as u32, &mut raters, e));
            assert_eq!(raters, 0);
            melu_catalog_free(more);
        }
    }
}

/// A view of a catalogue, and a user that nobody changes, are read by any number of threads.
#[test]
fn vectors_are_read_by_any_number_of_threads() {
    let handles = Handles::new(&bytes(&positive_only(ITEMS)));
    let (catalog, user) = (handles.catalog as usize, handles.user as usize);
    let read = || {
        // SAFETY: nobody changes or frees them meanwhile.
        let (numbers, _) = unsafe { item_vectors(catalog as *const melu_catalog) };
        (numbers.to_vec(), user_vector(user as *const melu_user))
    };
    let expected = read();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(read(), expected)));
        }
    });
}

/// What a trainer made, rather than what a test made up.
#[test]
fn trained_models_recommend_by_vectors_and_neighbours() {
    for without_ratings in [false, true] {
        let contents = trained(without_ratings);
        let items = contents.catalog.as_ref().unwrap().ids.len();
        let (handles, user) = both(contents);
        let found = details(&handles);
        assert_eq!((found.choice, found.ratings), (1, u32::from(!without_ratings)));
        let mut expected = vec![0.0; items];
        user.score_all(&mut expected, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
        assert_eq!(handles.scores(), expected);

        // What an index would find, with the neighbours: the same best, in the same order.
        // SAFETY: the catalogue is freed at the end.
        let (numbers, view) = unsafe { item_vectors(handles.catalog) };
        let vector = user_vector(handles.user);
        let product = |row: &[f32]| -> f64 {
            row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let products: Vec<f64> = numbers.chunks(view.stride).map(product).collect();
        let mut ranked: Vec<u32> = (0..items as u32).collect();
        ranked.sort_by(|a, b| products[*b as usize].total_cmp(&products[*a as usize]));
        let options = melu_recommend_options {
            among: ranked.as_ptr(),
            among_len: 60,
            add_neighbours: 1,
            ..melu_recommend_options::default()
        };
        let best = recommend(handles.user, null(), 10);
        assert_eq!(recommend(handles.user, &options, 10), best);
        assert_eq!(best.len(), 10);
    }
}
