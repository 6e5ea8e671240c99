//! The C functions as a state machine, beside a plain model of what each call should answer.

use std::collections::BTreeMap;
use std::ptr::{null, null_mut};
use std::sync::LazyLock;

use melu::ffi::*;

use super::{MODELS, Numbers};

const USERS: usize = 3;

/// A user and what is known of them.
struct Known {
    user: *mut melu_user,
    /// The ratings by item.
    ratings: BTreeMap<u32, f32>,
}

impl Known {
    /// Whether a rating is so far from all scales that scores may not be finite. A model that
    /// does not say its scale takes it.
    fn is_absurd(&self) -> bool {
        self.ratings.values().any(|rating| rating.abs() > 1e6)
    }
}

/// The samples' catalogues, opened once: it took half of the time of an execution. That they are
/// used again and again shows whether one leaves something behind for the next.
static CATALOGS: LazyLock<[Shared; MODELS.len()]> =
    LazyLock::new(|| MODELS.map(|file| Shared(open(file))));

struct Shared(*mut melu_catalog);

// SAFETY: any threads may use a catalogue at once, and nobody frees these.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// A file's catalogue, whose model is freed.
fn open(file: &[u8]) -> *mut melu_catalog {
    let (mut model, mut catalog) = (null_mut(), null_mut());
    // SAFETY: all pointers are to live values of the types that the header names, and lengths
    // are theirs; a handle is used by this thread alone, until it is freed.
    unsafe {
        let opened =
            melu_model_open_bytes(file.as_ptr().cast(), file.len(), null(), &mut model, null_mut());
        assert_eq!(opened, melu_status::Ok);
        assert_eq!(melu_model_catalog(model, &mut catalog, null_mut()), melu_status::Ok);
        melu_model_free(model);
    }
    catalog
}

pub fn run(data: &[u8]) {
    let mut numbers = Numbers(data);
    let which = numbers.below(MODELS.len());
    let catalog: *const melu_catalog = CATALOGS[which].0;
    let mut users: Vec<Known> = (0..USERS).map(|_| new(catalog)).collect();
    for _ in 0..64 {
        if numbers.is_empty() {
            break;
        }
        let who = numbers.below(USERS);
        step(which, &mut users[who], &mut numbers);
    }
    // Users with the same ratings have the same scores, whatever came before.
    for known in users.iter().filter(|known| !known.is_absurd()) {
        let fresh = new(catalog);
        let items: Vec<u32> = known.ratings.keys().copied().collect();
        let ratings: Vec<f32> = known.ratings.values().copied().collect();
        let (listed, given) = (items.as_ptr(), ratings.as_ptr());
        // SAFETY: as above.
        let status = unsafe { melu_user_adapt(fresh.user, listed, given, items.len(), null_mut()) };
        assert_eq!(status, melu_status::Ok);
        for (a, b) in scores(catalog, known.user).iter().zip(&scores(catalog, fresh.user)) {
            assert!((a - b).abs() <= 1e-3 * (1.0 + b.abs()), "{a} and {b}");
        }
        // SAFETY: as above.
        unsafe { melu_user_free(fresh.user) };
    }
    for known in users {
        // SAFETY: as above; nobody uses it again.
        unsafe { melu_user_free(known.user) };
    }
}

fn new(catalog: *const melu_catalog) -> Known {
    let mut user = null_mut();
    // SAFETY: a live catalogue, and no profile.
    let status = unsafe { melu_user_new(catalog, null(), 0, &mut user, null_mut(), null_mut()) };
    assert_eq!(status, melu_status::Ok);
    Known { user, ratings: BTreeMap::new() }
}

fn scores(catalog: *const melu_catalog, user: *const melu_user) -> Vec<f32> {
    // SAFETY: live handles, and as many places as are named.
    unsafe {
        let mut scores = vec![f32::NAN; melu_catalog_len(catalog)];
        let (list, len) = (scores.as_mut_ptr(), scores.len());
        let status =
            melu_user_score(user, null(), MELU_ALL_ITEMS, list, len, null_mut(), null_mut());
        assert_eq!(status, melu_status::Ok);
        assert!(scores.iter().all(|score| score.is_finite()));
        scores
    }
}

/// One call, and what should come of it.
fn step(which: usize, known: &mut Known, numbers: &mut Numbers) {
    let catalog: *const melu_catalog = CATALOGS[which].0;
    // SAFETY: a live handle.
    let len = unsafe { melu_catalog_len(catalog) };
    let item = numbers.below(len + 1) as u32;
    match numbers.byte() {
        // Rarely, as it takes as long as all other calls of an execution: the user goes over to
        // a catalogue of the file opened anew, and is left alone with it.
        252.. => {
            let anew = open(MODELS[which]);
            load_into(anew, known);
            // SAFETY: a live handle that nobody uses again; users keep what they need of it.
            unsafe { melu_catalog_free(anew) };
        }
        kind => call(kind % 6, catalog, known, item, numbers),
    }
}

/// One of the calls that take little time.
fn call(
    kind: u8,
    catalog: *const melu_catalog,
    known: &mut Known,
    item: u32,
    numbers: &mut Numbers,
) {
    // SAFETY: a live handle.
    let len = unsafe { melu_catalog_len(catalog) };
    let user = known.user;
    match kind {
        0 | 1 => {
            let rating = numbers.float();
            // SAFETY: a live handle.
            match unsafe { melu_user_rate(user, item, rating, null_mut()) } {
                melu_status::Ok => {
                    assert!(rating.is_finite() && (item as usize) < len);
                    known.ratings.insert(item, rating);
                }
                melu_status::ItemIndex => assert!(item as usize >= len),
                melu_status::Rating => {}
                melu_status::Diverged => known.ratings.clear(),
                other => panic!("{other:?}"),
            }
        }
        2 => {
            // SAFETY: a live handle.
            match unsafe { melu_user_withdraw(user, item, null_mut()) } {
                melu_status::Ok => assert!(known.ratings.remove(&item).is_some()),
                melu_status::ItemIndex => assert!(item as usize >= len),
                melu_status::NotFound => assert!(!known.ratings.contains_key(&item)),
                melu_status::Diverged => known.ratings.clear(),
                other => panic!("{other:?}"),
            }
        }
        3 => {
            // SAFETY: a live handle, and lists of these lengths.
            unsafe {
                let mut needed = 0;
                let (mut items, mut ratings) = (vec![0; len], vec![0.0; len]);
                let (to, values) = (items.as_mut_ptr(), ratings.as_mut_ptr());
                let status = melu_user_ratings(user, to, values, len, &mut needed, null_mut());
                assert_eq!(status, melu_status::Ok);
                let found: BTreeMap<u32, f32> =
                    items.into_iter().zip(ratings).take(needed).collect();
                assert_eq!(found, known.ratings);
            }
        }
        4 => {
            let count = numbers.below(len + 2);
            let nothing = melu_recommendation { item: 0, score: 0.0, rating: 0.0, deviation: 0.0 };
            let mut best = vec![nothing; count];
            let mut found = 0;
            let keep_rated = numbers.byte() % 2;
            let options = melu_recommend_options {
                keep_rated: keep_rated.into(),
                threads: numbers.byte().into(),
                ..melu_recommend_options::default()
            };
            // SAFETY: a live handle, and a list of this length.
            let status = unsafe {
                melu_user_recommend(
                    user,
                    &options,
                    best.as_mut_ptr(),
                    count,
                    &mut found,
                    null_mut(),
                )
            };
            if known.is_absurd() && status == melu_status::Diverged {
                return;
            }
            assert_eq!(status, melu_status::Ok);
            let rated = if keep_rated == 0 { known.ratings.len() } else { 0 };
            assert_eq!(found, count.min(len - rated));
            let best = &best[..found];
            assert!(best.windows(2).all(|pair| pair[0].score >= pair[1].score));
            let is_rated = |item: &u32| keep_rated == 0 && known.ratings.contains_key(item);
            assert!(!best.iter().any(|found| is_rated(&found.item)));
        }
        _ => load_into(catalog, known),
    }
}

/// Saves the user, and loads them with a catalogue.
fn load_into(catalog: *const melu_catalog, known: &mut Known) {
    let user = known.user;
    // SAFETY: live handles, and lists of these lengths; the old user is not used again.
    unsafe {
        let mut needed = 0;
        melu_user_save(user, null_mut(), 0, &mut needed, null_mut());
        let mut saved = vec![0; needed];
        let (to, mut loaded) = (saved.as_mut_ptr(), null_mut());
        let status = melu_user_save(user, to, needed, &mut needed, null_mut());
        assert_eq!(status, melu_status::Ok);
        let (from, len) = (saved.as_ptr(), saved.len());
        let status = melu_user_load(catalog, from, len, &mut loaded, null_mut(), null_mut());
        if known.is_absurd() && status == melu_status::Diverged {
            return;
        }
        assert_eq!(status, melu_status::Ok);
        melu_user_free(user);
        known.user = loaded;
    }
}
