//! Compilers and other tools for the tests of the C library, and an installed one.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod go;
#[cfg(feature = "capi")]
pub mod handles;
pub mod reader;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Whether a program is here; if not, says what is skipped, or fails where nothing
/// may be.
pub fn have(tool: &str) -> bool {
    if Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    missing(tool);
    false
}

/// Says what is not here, so that a test is skipped, or fails where nothing may be missing.
pub fn missing(tool: &str) {
    let missing = format!("{tool} is not here");
    assert!(std::env::var_os("MELU_REQUIRE_ALL").is_none(), "{missing}");
    crate::common::skipped(&missing);
}

/// Whether pkg-config knows a package; if not, says what is skipped, as `have` does.
pub fn have_package(package: &str) -> bool {
    if !have("pkg-config") {
        return false;
    }
    if Command::new("pkg-config").args(["--exists", package]).status().unwrap().success() {
        return true;
    }
    missing(package);
    false
}

/// Runs a command that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// A path below the project's folder.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Warnings that C and C++ have in common, as errors.
pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// A folder that the library is installed in, by `bindings/c/install.sh`; `None` after
/// saying what is missing for it.
pub fn installed() -> Option<&'static Path> {
    static PREFIX: OnceLock<Option<PathBuf>> = OnceLock::new();
    PREFIX.get_or_init(|| install("installed", &[])).as_deref()
}

/// The same, by `install.sh --small`.
pub fn installed_small() -> Option<&'static Path> {
    static PREFIX: OnceLock<Option<PathBuf>> = OnceLock::new();
    let install = || {
        let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]));
        if !Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library").exists() {
            missing("Rust's own library as source, the component rust-src,");
            return None;
        }
        install("small", &["--small"])
    };
    PREFIX.get_or_init(install).as_deref()
}

fn install(folder: &str, options: &[&str]) -> Option<PathBuf> {
    if !["cc", "ld", "objcopy", "nm", "ar"].into_iter().all(have) {
        return None;
    }
    let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = fs::remove_dir_all(&prefix);
    let mut install = Command::new(project("bindings/c/install.sh"));
    run(install.args(options).arg("--prefix").arg(&prefix));
    Some(prefix)
}
