//! Weight files that cannot be mapped as usual.

#![cfg(target_os = "linux")]

mod c;
mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::files::{bytes, sample};
use melu::Model;

/// A file system that refuses what `refused` says: of `MAP_SHARED` or of all mappings.
fn shim(folder: &Path, refused: &str) -> std::path::PathBuf {
    let (source, library) = (folder.join("refuse.c"), folder.join("refuse.so"));
    let code = format!(
        r#"#define _GNU_SOURCE
           #include <dlfcn.h>
           #include <errno.h>
           #include <sys/mman.h>
           void *mmap(void *at, size_t size, int protection, int flags, int file, off_t from) {{
               static void *(*real)(void *, size_t, int, int, int, off_t);
               if (!real) real = dlsym(RTLD_NEXT, "mmap");
               if (file >= 0 && {refused}) {{ errno = ENODEV; return MAP_FAILED; }}
               return real(at, size, protection, flags, file, from);
           }}
           void *mmap64(void *at, size_t size, int protection, int flags, int file, off_t from) {{
               return mmap(at, size, protection, flags, file, from);
           }}"#
    );
    fs::write(&source, code).unwrap();
    let arguments: [&OsStr; 6] = [
        "-shared".as_ref(),
        "-fPIC".as_ref(),
        "-o".as_ref(),
        library.as_ref(),
        source.as_ref(),
        "-ldl".as_ref(),
    ];
    c::run(Command::new("cc").args(arguments));
    library
}

/// Not a test by itself: the ones below run it where mappings are refused.
#[test]
#[ignore = "files_are_opened_where_mappings_are_refused runs it"]
fn open_a_file() {
    let path = std::env::var_os("MELU_TEST_FILE").unwrap();
    let model = Model::open(&path).unwrap();
    assert_eq!(model.fingerprint(), Model::from_contents(sample()).unwrap().fingerprint());
}

#[test]
fn files_are_opened_where_mappings_are_refused() {
    if !c::have("cc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    fs::write(&path, bytes(&sample())).unwrap();
    for refused in ["(flags & MAP_SHARED)", "1"] {
        let library = shim(folder.path(), refused);
        let mut again = common::this_test("open_a_file");
        again.env("LD_PRELOAD", &library).env("MELU_TEST_FILE", &path);
        let said = c::run(&mut again);
        assert!(said.contains("1 passed"), "{refused}: {said}");
    }
}
