//! The fuzz targets with what they found before, and with some thousand inputs at random. `fuzz/`
//! runs them for as long as anybody likes.

#![cfg(all(feature = "train", feature = "capi"))]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};

type Target = (&'static str, fn(&[u8]), usize);

/// The targets, each with a number of inputs that takes a few seconds.
const TARGETS: [Target; 6] = [
    ("weight_file", targets::weight_file::run, 3_000),
    ("configuration", targets::configuration::run, 0),
    ("saved_user", targets::saved_user::run, 10_000),
    ("data_folder", targets::data_folder::run, 300),
    ("checkpoint", targets::checkpoint::run, 300),
    ("abi", targets::abi::run, 3_000),
];

#[test]
fn what_was_found_is_mended() {
    let finds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/finds");
    for (name, run, _) in TARGETS {
        let Ok(entries) = fs::read_dir(finds.join(name)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            run(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn inputs_at_random_find_nothing() {
    for (_, run, count) in TARGETS {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        for _ in 0..count {
            let bytes: Vec<u8> =
                (0..random.random_range(0..200)).map(|_| random.random()).collect();
            run(&bytes);
        }
    }
}
