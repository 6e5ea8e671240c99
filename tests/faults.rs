//! Writing a weight file where the disk is full, or the process is killed: there is always the
//! whole old file or the whole new one.

#![cfg(all(target_os = "linux", feature = "train"))]

mod c;
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::choosing::with_ratings;
use common::{add_test, this_test};
use melu::{Error, Model};

const ITEMS: usize = 2_000;

/// Not a test by itself: the ones below run it, to be interrupted.
#[test]
#[ignore = "the other tests run it"]
fn save_a_file() {
    let path = std::env::var_os("MELU_TEST_FILE").unwrap();
    let saved = Model::from_contents(with_ratings(ITEMS)).unwrap().save(&path);
    println!("{}", saved.map_or_else(|error| error.to_string(), |()| "saved".into()));
}

/// The folder's files, by name.
fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    Model::from_contents(with_ratings(ITEMS)).unwrap().save(&path).unwrap();
    let blocks = fs::metadata(&path).unwrap().len() / 1024;
    assert!(blocks > 100, "{blocks}");
    let old = with_ratings(7);
    Model::from_contents(old).unwrap().save(&path).unwrap();
    let before = fs::read(&path).unwrap();
    for at in [0, 1, 2, blocks / 3, blocks / 2, blocks - 1, blocks] {
        // A limit of the process instead of a disk of that size: writing fails in the same way.
        let mut shell = Command::new("bash");
        let limited = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
        shell.args(["-c", limited, "bash", &at.to_string()]);
        let said = c::run(add_test(&mut shell, "save_a_file").env("MELU_TEST_FILE", &path));
        assert!(said.contains("cannot write"), "{at} of {blocks} kilobytes: {said}");
        assert!(fs::read(&path).unwrap() == before, "{at} of {blocks} kilobytes");
        assert_eq!(files(folder.path()), ["model.melu"], "{at} of {blocks} kilobytes");
    }
}

#[test]
fn a_kill_leaves_a_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    let old = Model::from_contents(with_ratings(7)).unwrap();
    let new = Model::from_contents(with_ratings(ITEMS)).unwrap();
    let (mut stayed, mut changed) = (0, 0);
    for round in 0..40 {
        old.save(&path).unwrap();
        let mut program = this_test("save_a_file");
        program.env("MELU_TEST_FILE", &path);
        let mut child = program.stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(1_500 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = Model::open(&path).unwrap().fingerprint();
        stayed += usize::from(found == old.fingerprint());
        changed += usize::from(found == new.fingerprint());
        assert_eq!(stayed + changed, 1 + round as usize, "the file is neither the old nor the new");
    }
    assert!(stayed > 0);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let path = Path::new("/proc/model.melu");
    let error = Model::from_contents(with_ratings(7)).unwrap().save(path).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("/proc/model.melu"));
}
