//! What a phone pays for a model of 4,000 items: private memory, users, and no thread.
//!
//! A process of its own opens the file, so that nothing else is counted.

#![cfg(all(feature = "train", target_os = "linux"))]

mod common;

use std::fs;
use std::ops::ControlFlow;

use common::allocations::{Watching, allocations, bytes_of};
use common::this_test;
use melu::data::{SynthOptions, World};
use melu::model::schema::Value;
use melu::train::{TrainOptions, Trainer};
use melu::{Model, QuestionOptions, Questions, RecommendOptions, Recommendation, Scratch, User};

#[global_allocator]
static WATCHING: Watching = Watching;

const ITEMS: usize = 4_000;
const FILE: &str = "MELU_TEST_FILE";
const USERS: usize = 500;

/// Bytes of memory that this process wrote to, and that no other one shares.
fn private() -> Option<isize> {
    let maps = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = maps.lines().find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    let kilobytes: isize = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn answer(user: &mut User, scratch: &mut Scratch, best: &mut Vec<Recommendation>) {
    let items: Vec<u32> = (0..20).map(|place| place * 199).collect();
    user.adapt(&items, &[4.0; 20], scratch).unwrap();
    user.recommend(20, &RecommendOptions::default(), best, scratch).unwrap();
}

/// Not a test by itself: what the one below runs, and reads.
#[test]
#[ignore = "measures itself for another test"]
fn open_and_recommend() {
    let path = std::env::var_os(FILE).unwrap();
    let (threads_before, private_before) = (threads(), private());
    let ((catalog, mut scratch), opened) = bytes_of(|| {
        let catalog = Model::open(&path).unwrap().catalog().unwrap().unwrap();
        let scratch = Scratch::new(&catalog).unwrap();
        (catalog, scratch)
    });
    assert_eq!(catalog.len(), ITEMS);
    let mut best = Vec::with_capacity(20);
    let mut user = User::new(&catalog, &[("age", Value::Name("25-34"))]).unwrap();
    answer(&mut user, &mut scratch, &mut best);
    let touched = private().zip(private_before).map(|(after, before)| after - before);
    let mut questions = Questions::new(&catalog).unwrap();
    user.next_question(&mut questions, QuestionOptions::default()).unwrap().unwrap();

    let (users, bytes) = bytes_of(|| {
        let mut users = Vec::with_capacity(USERS);
        for _ in 0..USERS {
            let mut user = User::new(&catalog, &[("age", Value::Name("25-34"))]).unwrap();
            answer(&mut user, &mut scratch, &mut best);
            users.push(user);
        }
        users
    });
    let items = [7; 1];
    let again = allocations(|| {
        user.adapt(&items, &[4.0], &mut scratch).unwrap();
        user.recommend(20, &RecommendOptions::default(), &mut best, &mut scratch).unwrap();
    });
    println!("opened {opened}");
    println!("touched {}", touched.unwrap_or(0));
    println!("user {}", bytes / users.len() as isize);
    println!("threads {}", threads() as isize - threads_before as isize);
    println!("allocations {again}");
}

#[test]
fn a_model_of_4000_items_costs_under_a_megabyte_and_no_thread() {
    let world =
        SynthOptions { users: 300, items: ITEMS, ratings_per_user: 40, ..Default::default() };
    let dataset = World::generate(&world).unwrap().dataset().unwrap();
    let options = TrainOptions { epochs: 1, ..TrainOptions::default() };
    let mut trainer = Trainer::new(&dataset, &options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    Model::from_contents(trainer.finish().unwrap()).unwrap().save(&path).unwrap();
    let size = fs::metadata(&path).unwrap().len();

    let output = this_test("open_and_recommend").env(FILE, &path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let number = |name: &str| -> i64 {
        let found = said.lines().find_map(|line| {
            line.rsplit_once(' ').filter(|(words, _)| words.ends_with(name)).map(|(_, last)| last)
        });
        found.unwrap_or_else(|| panic!("no {name} in {said}")).parse().unwrap()
    };
    println!("a file of {size} bytes: {said}");
    // The limit would be nothing worth, if it were that of the file.
    assert!(size > 1 << 20, "{size}");
    assert!(number("opened") < 1 << 20, "{said}");
    assert!(number("touched") < 1 << 20, "{said}");
    assert!(number("user") < 4096, "{said}");
    assert_eq!(number("threads"), 0, "{said}");
    assert_eq!(number("allocations"), 0, "{said}");
}
