//! The example service in Go: its own tests, with the race detector and the library that comes
//! with the Go package.

#![cfg(feature = "train")]

mod c;
mod common;

use std::process::Command;

use c::go::have_go;
use c::{have, have_package, missing, project, run};

/// `go` in the service's folder, and what its builds are tagged with; `None` after saying what
/// is missing.
fn ready() -> Option<String> {
    // The package brings along no other library.
    if !have_go() || !have("cc") || !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return None;
    }
    let modules = go(&["mod", "download"]).output().unwrap();
    if !modules.status.success() {
        missing(&format!("a proxy of Go modules, or what the service requires of it, {modules:?}"));
        return None;
    }
    // An installed SQLite is linked in no time; the driver's own copy compiles for a minute.
    let installed = have_package("sqlite3");
    Some(format!("melu_vendored{}", if installed { ",libsqlite3" } else { "" }))
}

fn go(arguments: &[&str]) -> Command {
    let mut go = Command::new("go");
    go.current_dir(project("bindings/go/examples/service")).args(arguments);
    go.env("GOFLAGS", "-buildvcs=false").env_remove("MELU_MODEL");
    go
}

#[test]
fn the_service_is_vetted_and_its_modules_are_those_it_needs() {
    let Some(tags) = ready() else { return };
    run(&mut go(&["vet", "-tags", &tags, "./..."]));
    run(&mut go(&["mod", "tidy", "-diff"]));
    if have("staticcheck") {
        let mut staticcheck = Command::new("staticcheck");
        staticcheck.current_dir(project("bindings/go/examples/service"));
        run(staticcheck.args(["-tags", &tags, "./..."]));
    }
}

#[test]
fn the_service_passes_its_tests_with_the_race_detector() {
    let Some(tags) = ready() else { return };
    print!("{}", run(&mut go(&["test", "-race", "-v", "-count=1", "-tags", &tags, "./..."])));
}
