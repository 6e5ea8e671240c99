//! Each function of the C ABI, and what Rust has besides, while memory runs out: of the
//! allocations of 1 KB or more the first fails, then the second, and so on until the call
//! makes no more of them; and then with all after it failing too.
//!
//! The call says that there is no memory, what it was given is as before, and nothing leaks.
//! Each function has a process of its own: one that ends the process is told from the others.

#![cfg(feature = "capi")]

#[path = "../c/mod.rs"]
mod c;
mod cases;
#[path = "../common/mod.rs"]
mod common;
mod world;

use std::env;
use std::fmt::Write;

use cases::{CASES, Outcome};
use common::allocations::{Watching, failing, in_use};
use common::this_test;
use world::{File, MODELS, World};

#[global_allocator]
static WATCHING: Watching = Watching;

/// What the process of one function is told: the model, the function, whether all after the
/// first failure fail, and the first allocation to fail.
const TOLD: &str = "MELU_OUT_OF_MEMORY";

/// All that ends the process: serde_json's buffer for texts with escapes, as long as the
/// configurations of the models here. See SECURITY.md.
const REST: &str = "memory allocation of 1024 bytes failed";

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
                    let mut process = this_test("one_function");
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
                    if !(case.starts_with("melu_model_open") && why.starts_with(REST)) {
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
    assert!(ended <= 20, "{ended}");
}
