//! A service under load: 32 threads serve, save, load and hold users, while others open new models,
//! put them in the place of the shared one, and close that. Every answer is that of one thread.
//!
//! `MELU_SWAPS_SECONDS` makes it last so long, and print what was done.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::collections::VecDeque;
use std::ffi::c_void;
use std::io::Write;
use std::path::PathBuf;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Barrier, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use c::handles::{NOTHING, bits, named, ok, text};
use common::choosing::with_ratings;
use common::files::{sample, sample_with_vectors};
use melu::ffi::*;
use melu::model::file;

const SERVERS: usize = 32;
const SWAPPERS: usize = 2;
/// Rounds of each server, and the least number of swaps of each swapper, without a time.
const ROUNDS: usize = 30;
const SWAPS: usize = 20;
/// People who come to each model.
const VISITORS: usize = 12;
/// Users that a server holds on to, while their models are closed.
const HELD: usize = 5;

/// A handle on its way to other threads.
struct Shared<T>(*mut T);

// SAFETY: the header's rules on threads allow what is done with them here, and nothing else is
// done.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

/// All that a user answers.
#[derive(Clone, Debug, PartialEq)]
struct Answers {
    best: Vec<[u32; 4]>,
    scores: Vec<u32>,
    saved: Vec<u8>,
}

/// What is known of each model beforehand, by one thread alone.
struct Version {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Of each visitor.
    answers: Vec<Answers>,
    /// Of each visitor whom each version saved.
    loaded: Vec<Vec<Answers>>,
}

struct World {
    versions: Vec<Version>,
    calls: AtomicUsize,
    released: AtomicUsize,
    _folder: tempfile::TempDir,
}

/// A model that is open, its catalogue, and which of the versions it is.
struct Open {
    version: usize,
    model: Shared<melu_model>,
    catalog: Shared<melu_catalog>,
}

impl Open {
    /// Frees both, in either order.
    fn close(self, model_first: bool) {
        // SAFETY: nobody takes them any more; users keep what they need.
        unsafe {
            if model_first {
                melu_model_free(self.model.0);
            }
            melu_catalog_free(self.catalog.0);
            if !model_first {
                melu_model_free(self.model.0);
            }
        }
    }
}

/// A user, and what it must answer.
struct Guest<'a> {
    user: Shared<melu_user>,
    expected: &'a Answers,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        // SAFETY: whoever drops it was alone with it.
        unsafe { melu_user_free(self.user.0) };
    }
}

unsafe extern "C" fn release(released: *mut c_void) {
    // SAFETY: it is the world's counter, which outlives all models.
    unsafe { &*released.cast::<AtomicUsize>() }.fetch_add(1, Relaxed);
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let contents = [sample(), sample_with_vectors(), with_ratings(400), with_ratings(290)];
        let versions = contents.iter().enumerate().map(|(number, contents)| {
            let path = folder.path().join(format!("{number}.melu"));
            file::write(&path, contents, None).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            Version { path, bytes, answers: Vec::new(), loaded: Vec::new() }
        });
        let mut world = Self {
            versions: versions.collect(),
            calls: AtomicUsize::new(0),
            released: AtomicUsize::new(0),
            _folder: folder,
        };
        for version in 0..world.versions.len() {
            let open = world.open(version, 0);
            world.versions[version].answers = (0..VISITORS)
                .map(|visitor| {
                    let user = world.user(&open, visitor);
                    let answers = world.answers(user.0, visitor);
                    // SAFETY: it is not used any more.
                    unsafe { melu_user_free(user.0) };
                    answers
                })
                .collect();
            open.close(true);
        }
        for version in 0..world.versions.len() {
            let open = world.open(version, 0);
            world.versions[version].loaded = world
                .versions
                .iter()
                .map(|from| {
                    let load = |(visitor, answers): (usize, &Answers)| {
                        let user = world.load(&open, &answers.saved);
                        let answers = world.answers(user.0, visitor);
                        // SAFETY: it is not used any more.
                        unsafe { melu_user_free(user.0) };
                        answers
                    };
                    from.answers.iter().enumerate().map(load).collect()
                })
                .collect();
            open.close(false);
        }
        // A version that loads its own user answers as before, and they are not all alike.
        for (number, version) in world.versions.iter().enumerate() {
            assert_eq!(version.loaded[number], version.answers);
            assert_ne!(version.answers[0], version.answers[1]);
        }
        world
    }

    fn called(&self, calls: usize) {
        self.calls.fetch_add(calls, Relaxed);
    }

    /// Opens a version in one of four ways.
    fn open(&self, version: usize, way: usize) -> Open {
        let (mut model, mut catalog) = (null_mut(), null_mut());
        let Version { path, bytes, .. } = &self.versions[version];
        let path = text(path.to_str().unwrap());
        let counter = (&raw const self.released).cast_mut().cast();
        let options = melu_open_options {
            struct_size: size_of::<melu_open_options>(),
            max_memory: 0,
            copy: u32::from(way == 1),
            borrow: u32::from(way == 2),
            release: (way == 2).then_some(release),
            context: counter,
        };
        // SAFETY: file and bytes stay as they are for as long as the world.
        unsafe {
            if way < 2 {
                ok(|e| melu_model_open(path, &options, &mut model, e));
            } else {
                let (data, len) = (bytes.as_ptr().cast(), bytes.len());
                ok(|e| melu_model_open_bytes(data, len, &options, &mut model, e));
            }
            ok(|e| melu_model_catalog(model, &mut catalog, e));
        }
        self.called(2);
        Open { version, model: Shared(model), catalog: Shared(catalog) }
    }

    fn user(&self, open: &Open, visitor: usize) -> Shared<melu_user> {
        let mut profile = named("region", ["n", "e", "s"][visitor % 3]);
        if open.version > 1 {
            profile = melu_value {
                kind: MELU_VALUE_INDEX,
                index: visitor as u32 % 3,
                ..named("region", "")
            };
        }
        let (catalog, mut user) = (open.catalog.0, null_mut());
        // SAFETY: the catalogue is open.
        unsafe { ok(|e| melu_user_new(catalog, &profile, 1, &mut user, null_mut(), e)) };
        // SAFETY: as above.
        let count = unsafe { melu_catalog_len(catalog) };
        let items: Vec<u32> =
            (0..(visitor % 4 * 3).min(count)).map(|i| ((visitor + i * 7) % count) as u32).collect();
        let items: Vec<u32> = items
            .iter()
            .enumerate()
            .filter(|(place, item)| !items[..*place].contains(item))
            .map(|(_, item)| *item)
            .collect();
        let ratings: Vec<f32> = items.iter().map(|item| (item % 5 + 1) as f32).collect();
        let (list, numbers, len) = (items.as_ptr(), ratings.as_ptr(), items.len());
        // SAFETY: the user is of this thread alone, and the lists are as long as they say.
        unsafe { ok(|e| melu_user_adapt(user, list, numbers, len, e)) };
        self.called(3);
        Shared(user)
    }

    fn load(&self, open: &Open, saved: &[u8]) -> Shared<melu_user> {
        let (catalog, mut user) = (open.catalog.0, null_mut());
        let (bytes, len) = (saved.as_ptr(), saved.len());
        // SAFETY: the catalogue is open, and the bytes are there.
        unsafe { ok(|e| melu_user_load(catalog, bytes, len, &mut user, null_mut(), e)) };
        self.called(1);
        Shared(user)
    }

    /// All that a user answers; every third visitor's list is made by two threads.
    fn answers(&self, user: *const melu_user, visitor: usize) -> Answers {
        let options = melu_recommend_options {
            threads: if visitor.is_multiple_of(3) { 2 } else { 1 },
            new_items: visitor % 3,
            ..melu_recommend_options::default()
        };
        let (mut best, mut len) = ([NOTHING; 12], 0);
        let (mut scores, mut needed) = (vec![0.0; 400], 0);
        let (mut saved, mut saved_len) = (vec![0; 4096], 0);
        // SAFETY: nobody changes the user, and there is room for the answers.
        unsafe {
            let (out, capacity) = (best.as_mut_ptr(), best.len());
            ok(|e| melu_user_recommend(user, &options, out, capacity, &mut len, e));
            let (out, capacity) = (scores.as_mut_ptr(), scores.len());
            let none = std::ptr::null();
            ok(|e| melu_user_score(user, none, MELU_ALL_ITEMS, out, capacity, &mut needed, e));
            let (out, capacity) = (saved.as_mut_ptr(), saved.len());
            ok(|e| melu_user_save(user, out, capacity, &mut saved_len, e));
        }
        self.called(3);
        scores.truncate(needed);
        saved.truncate(saved_len);
        let scores = scores.iter().map(|score| score.to_bits()).collect();
        Answers { best: bits(&best[..len]), scores, saved }
    }
}

/// Says at the end of a thread, also after a panic, that it no longer runs.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One server's work: visitors come, go to another model, are held, and are handed to others.
fn serve<'a>(
    world: &'a World,
    current: &RwLock<Open>,
    pool: &Mutex<Vec<(Guest<'a>, usize)>>,
    server: usize,
    goes_on: impl Fn(usize) -> bool,
) -> usize {
    let mut held = VecDeque::new();
    let mut round = 0;
    while goes_on(round) {
        let visitor = (server * 5 + round) % VISITORS;
        // The lock is held while a user is made, and not while it is served.
        let open = current.read().unwrap();
        let version = &world.versions[open.version];
        let user = world.user(&open, visitor);
        drop(open);
        let guest = Guest { user, expected: &version.answers[visitor] };
        let answers = world.answers(guest.user.0, visitor);
        assert_eq!(answers, *guest.expected, "server {server}, round {round}");

        // The same person comes back, perhaps to another model.
        let from = world.versions.iter().position(|other| std::ptr::eq(other, version)).unwrap();
        let open = current.read().unwrap();
        let user = world.load(&open, &answers.saved);
        let expected = &world.versions[open.version].loaded[from][visitor];
        drop(open);
        let loaded = Guest { user, expected };
        assert_eq!(world.answers(loaded.user.0, visitor), *expected, "from version {from}");

        // One is kept, the other goes to whoever asks next.
        held.push_back((guest, visitor));
        if held.len() > HELD {
            let (old, visitor) = held.pop_front().unwrap();
            assert_eq!(world.answers(old.user.0, visitor), *old.expected, "held by {server}");
        }
        pool.lock().unwrap().push((loaded, visitor));
        let other = {
            let mut pool = pool.lock().unwrap();
            let place = (server * 31 + round) % pool.len();
            pool.swap_remove(place)
        };
        assert_eq!(world.answers(other.0.user.0, other.1), *other.0.expected, "from the pool");
        round += 1;
    }
    round
}

#[test]
fn servers_answer_as_one_thread_does_while_models_are_swapped() {
    let seconds = std::env::var("MELU_SWAPS_SECONDS").ok().map(|text| text.parse().unwrap());
    let world = World::new();
    let begin = Instant::now();
    let long = seconds.map(Duration::from_secs);
    let goes_on = |round| match long {
        Some(long) => begin.elapsed() < long,
        None => round < ROUNDS,
    };
    let current = RwLock::new(world.open(0, 0));
    let pool = Mutex::new(Vec::new());
    let start = Barrier::new(SERVERS + SWAPPERS);
    let running = AtomicUsize::new(SERVERS);
    let (rounds, swaps) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let borrowed = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (world, current, pool, start) = (&world, &current, &pool, &start);
        let (running, rounds, swaps, borrowed) = (&running, &rounds, &swaps, &borrowed);
        for server in 0..SERVERS {
            scope.spawn(move || {
                let _running = Running(running);
                start.wait();
                rounds.fetch_add(serve(world, current, pool, server, goes_on), Relaxed);
            });
        }
        for swapper in 0..SWAPPERS {
            scope.spawn(move || {
                start.wait();
                let mut swap = 0;
                while swap < SWAPS || running.load(Relaxed) > 0 {
                    let version = (swap * 3 + swapper + 1) % world.versions.len();
                    let way = (swap + swapper) % 4;
                    borrowed.fetch_add(usize::from(way == 2), Relaxed);
                    let new = world.open(version, way);
                    let old = std::mem::replace(&mut *current.write().unwrap(), new);
                    old.close(swap.is_multiple_of(2));
                    swap += 1;
                    thread::yield_now();
                }
                swaps.fetch_add(swap, Relaxed);
            });
        }
    });
    drop(pool);
    current.into_inner().unwrap().close(true);
    assert_eq!(world.released.load(Relaxed), borrowed.load(Relaxed), "all bytes are given back");
    if seconds.is_some() {
        let (rounds, swaps, calls) =
            (rounds.into_inner(), swaps.into_inner(), world.calls.load(Relaxed));
        let _ = writeln!(
            std::io::stderr(),
            "{SERVERS} threads: {rounds} rounds, {swaps} swaps and {calls} calls in {:.0} s",
            begin.elapsed().as_secs_f64()
        );
    }
}
