//! The package for JavaScript: its module is built, and its own tests run in Node, the page's in
//! Chromium, and those of the kernels in Node as a host of WASI.

#![cfg(feature = "cli")]

mod c;
mod common;
mod pages;

use std::fs;
use std::path::Path;
use std::process::Command;

use c::{have, missing, project, run};
use pages::blocks;

/// Whether Node and npm are here, and Rust's own library for a target.
fn ready(target: &str) -> bool {
    if !have("npm") {
        return false;
    }
    let version = run(Command::new("node").args(["--print", "process.versions.node"]));
    let mut parts = version.trim().split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (parts.next(), parts.next()) < (Some(20), Some(16)) {
        missing("Node 20.16 or later");
        return false;
    }
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]));
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(target).exists() {
        missing(&format!("Rust's own library for {target}"));
        return false;
    }
    true
}

fn npm(script: &str) -> String {
    let mut npm = Command::new("npm");
    run(npm.args(["run", "--silent", script]).current_dir(project("bindings/js")))
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn the_package_and_the_page_pass_their_tests() {
    if !ready("wasm32-unknown-unknown") {
        return;
    }
    let folder = project("bindings/js");
    run(&mut Command::new(folder.join("build.sh")));
    let printed = npm("test");
    print!("{printed}");
    the_documented_program_recommends();
    let mut build = Command::new(folder.join("demo/build.sh"));
    run(build.env("MELU", env!("CARGO_BIN_EXE_melu")));
    let chromium = std::env::var("CHROMIUM").unwrap_or("/usr/bin/chromium".into());
    if have(&chromium) {
        print!("{}", npm("test:page"));
    }
}

/// docs/javascript.md, in a folder that stands for the project's, with another world.
fn the_documented_program_recommends() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let melu = |arguments: &str| {
        let mut melu = Command::new(env!("CARGO_BIN_EXE_melu"));
        run(melu.args(arguments.split(' ')).current_dir(&folder))
    };
    melu("synth world --users 300 --items 100");
    melu("train world -o world.melu --epochs 1");

    // The first lines build the package, which is done, and go to the program's folder.
    let app = folder.join("app-js");
    let mut lines = String::from("set -e\n");
    let mut programs = ["app.mjs", "page.mjs"].into_iter();
    for block in blocks("docs/javascript.md") {
        if block.language == "sh" {
            let built = |line: &&str| !line.starts_with("rustup") && !line.starts_with("bindings");
            block.text.lines().filter(built).for_each(|line| lines += &format!("{line}\n"));
        } else {
            let program = app.join(programs.next().unwrap());
            lines += &format!("cat >{} <<'END'\n{}END\n", program.display(), block.text);
        }
    }
    let lines = lines.replace("../bindings/js", project("bindings/js").to_str().unwrap());
    let printed = run(Command::new("bash").args(["-c", &lines]).current_dir(&folder));
    let best = melu("recommend world.melu --user age=25-34 --rate i7=5 --rate i12=1.5 -k 5 --json");
    let best: serde_json::Value = serde_json::from_str(&best).unwrap();
    let best: Vec<&str> =
        best["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    let found = printed.lines().filter(|line| line.starts_with('i'));
    let found: Vec<&str> = found.map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(found, best, "{printed}");
    run(Command::new("node").arg("--check").arg(folder.join("app-js/page.mjs")));
}

/// The kernels with the vectors of WebAssembly, and the numbers that are the same everywhere.
#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn the_kernels_pass_their_tests_in_webassembly() {
    let target = "wasm32-wasip1";
    if !ready(target) {
        return;
    }
    let host = project("bindings/js/test/wasi.mjs");
    for tests in [&["--lib", "kernels::"][..], &["--test", "everywhere", "everywhere"]] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["test", "--quiet", "--no-default-features", "--target", target])
            .arg("--target-dir")
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasi"))
            .args(tests)
            .current_dir(project("."))
            .env("RUSTFLAGS", "-Ctarget-feature=+simd128")
            .env(
                "CARGO_TARGET_WASM32_WASIP1_RUNNER",
                format!("node --no-warnings {}", host.display()),
            );
        let printed = run(&mut cargo);
        assert!(
            printed.contains("test result: ok.") && !printed.contains(" 0 passed"),
            "{printed}"
        );
    }
}

#[test]
fn the_package_is_of_this_version_and_has_the_licences() {
    let package = fs::read_to_string(project("bindings/js/package.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let own = fs::read(project("bindings/js").join(name)).unwrap();
        assert_eq!(own, fs::read(project(name)).unwrap());
    }
}
