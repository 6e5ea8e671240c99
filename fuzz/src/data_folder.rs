//! Data folders: settings and tables as text, divided by a byte that no text has.

use std::fs;

use melu::data::Dataset;

const NAMES: [&str; 4] = ["dataset.toml", "ratings.csv", "items.csv", "users.csv"];

pub fn run(data: &[u8]) {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    for (name, text) in NAMES.iter().zip(data.split(|byte| *byte == 0xff)) {
        fs::write(folder.path().join(name), text).expect("it can be written");
    }
    let _ = Dataset::open(folder.path());
}
