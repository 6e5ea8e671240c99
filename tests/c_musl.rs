//! One archive for glibc and musl, and an installation that is whole or not there.

#![cfg(all(feature = "capi", target_os = "linux", target_arch = "x86_64"))]

mod c;
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use c::{have, installed, missing, project, run};
use common::files::{bytes, sample_with_vectors};

const PROGRAM: &str = r#"
#include "melu.h"
int printf(const char *, ...);
int main(int count, char **arguments) {
  melu_error error;
  melu_model *model;
  melu_catalog *catalog;
  if (count != 2 || melu_model_open(melu_str_of(arguments[1]), NULL, &model, &error)) return 1;
  if (melu_model_catalog(model, &catalog, &error)) return 2;
  printf("%zu", melu_catalog_len(catalog));
  melu_catalog_free(catalog);
  melu_model_free(model);
  return 0;
}
"#;

/// musl's libraries, which rustup brings along with Rust's target.
fn musl() -> Option<PathBuf> {
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]));
    let target = "lib/rustlib/x86_64-unknown-linux-musl/lib/self-contained";
    let folder = Path::new(sysroot.trim()).join(target);
    if !folder.is_dir() {
        missing("the target x86_64-unknown-linux-musl");
        return None;
    }
    Some(folder)
}

/// The one in the Go package, and the one that is installed now.
fn archives() -> Vec<PathBuf> {
    let vendored = project("bindings/go/internal/native/libmelu_linux_amd64.a");
    installed().map(|prefix| prefix.join("lib/libmelu.a")).into_iter().chain([vendored]).collect()
}

#[test]
fn archives_link_with_musl() {
    let Some(musl) = musl().filter(|_| have("cc")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (model, program) = (folder.path().join("model.melu"), folder.path().join("program"));
    fs::write(&model, bytes(&sample_with_vectors())).unwrap();
    fs::write(folder.path().join("program.c"), PROGRAM).unwrap();
    for archive in archives() {
        let mut compiler = Command::new("cc");
        compiler.current_dir(&folder).args(["-static", "-nostdlib", "-o", "program", "-I"]);
        compiler.arg(project("include")).args([musl.join("crt1.o"), musl.join("crti.o")]);
        compiler.arg("program.c").arg(&archive).args(["-L"]).arg(&musl);
        compiler.args(["-lunwind", "-lc", "-lgcc"]).arg(musl.join("crtn.o"));
        run(&mut compiler);
        assert_eq!(run(Command::new(&program).arg(&model)), "3", "{}", archive.display());
    }
}

#[test]
fn an_installation_that_fails_leaves_nothing() {
    if installed().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    let mut install = Command::new(project("bindings/c/install.sh"));
    install.env("CARGO_BUILD_TARGET", "no-such-target").arg("--prefix").arg(&prefix);
    let output = install.output().unwrap();
    assert!(!output.status.success() && !output.stderr.is_empty());
    assert!(!prefix.exists());
}
