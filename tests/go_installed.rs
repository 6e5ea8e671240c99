//! The Go package, as its users have it: linked with an installed library, and with the
//! archive that comes with the module.

#![cfg(feature = "train")]

mod c;
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use c::go::{have_go, module, release};
use c::{have, have_package, installed, project, run};
use common::choosing::{positive_only, with_ratings};
use common::files::{bytes, sample_with_vectors};

fn package() -> PathBuf {
    project("bindings/go")
}

fn with_library(program: &str, prefix: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(package())
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
        .env("LD_LIBRARY_PATH", prefix.join("lib"))
        .env("GOFLAGS", "-buildvcs=false");
    command
}

fn go(prefix: &Path, arguments: &[&str]) -> Command {
    let mut command = with_library("go", prefix);
    command.args(arguments);
    command
}

fn ready() -> Option<&'static Path> {
    if !have_go() || !have("pkg-config") {
        return None;
    }
    installed()
}

#[test]
fn the_models_of_the_go_tests_are_the_samples() {
    let models = [
        ("sample.melu", sample_with_vectors()),
        ("choosing.melu", with_ratings(40)),
        ("positive_only.melu", positive_only(40)),
    ];
    let mut others = Vec::new();
    for (name, contents) in models {
        let model = bytes(&contents);
        let path = package().join("testdata").join(name);
        if fs::read(&path).ok().as_ref() != Some(&model) {
            let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            fs::write(&made, model).unwrap();
            others.push(format!("cp {} {}", made.display(), path.display()));
        }
    }
    assert!(others.is_empty(), "the format has changed: {}", others.join(" && "));
}

#[test]
fn the_package_is_formatted_and_vetted() {
    let Some(prefix) = ready() else { return };
    assert_eq!(run(Command::new("gofmt").arg("-l").arg(package())), "");
    for tags in ["", "melu_collect"] {
        run(&mut go(prefix, &["vet", "-tags", tags, "./..."]));
        if have("staticcheck") {
            let mut staticcheck = with_library("staticcheck", prefix);
            run(staticcheck.args(["-tags", tags, "./..."]));
        }
    }
}

#[test]
fn go_tests_pass_with_the_installed_library() {
    let Some(prefix) = ready() else { return };
    run(go(prefix, &["test", "-count=1", "./..."]).env("GODEBUG", "cgocheck=1"));
}

#[test]
fn go_tests_pass_with_the_race_detector() {
    let Some(prefix) = ready() else { return };
    run(&mut go(prefix, &["test", "-race", "-count=1", "./..."]));
}

#[test]
fn go_tests_pass_when_all_pointers_are_checked() {
    let Some(prefix) = ready() else { return };
    run(go(prefix, &["test", "-count=1", "./..."]).env("GOEXPERIMENT", "cgocheck2"));
}

#[test]
fn go_tests_pass_when_garbage_is_collected_before_each_call() {
    let Some(prefix) = ready() else { return };
    run(&mut go(prefix, &["test", "-tags", "melu_collect", "-count=1", "./..."]));
}

#[test]
fn the_comparison_with_c_runs() {
    if ready().is_none()
        || !["cmake", "python3"].into_iter().all(have)
        || !have_package("benchmark")
    {
        return;
    }
    let mut compare = Command::new(project("bindings/compare.py"));
    compare.arg(package().join("testdata/sample.melu"));
    let said = run(compare.args(["--rounds", "1", "--seconds", "0.001", "--json"]));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let rows = said["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        for language in ["c_ns", "cpp_ns", "go_ns"] {
            assert!(row[language].as_f64().unwrap() > 0.0, "{row}");
        }
        // How many there are, Go's own tests count: a turn or two count what Go itself needs.
        assert!(row["go_allocations"].is_u64(), "{row}");
    }
}

/// A program below a folder that says the library's version and instructions.
fn program(folder: &Path) -> PathBuf {
    let program = folder.join("program");
    fs::create_dir(&program).unwrap();
    let main = format!(
        "package main\n\nimport (\n\t\"fmt\"\n\n\t\"{}\"\n)\n\n\
         func main() {{ fmt.Println(melu.Version(), melu.Kernel()) }}\n",
        module()
    );
    fs::write(program.join("main.go"), main).unwrap();
    program
}

/// What it says. The small library, which the package brings along, ends at AVX2.
fn said(small: bool) -> String {
    let kernel = match melu::kernel_name() {
        "avx512" if small => "avx2",
        kernel => kernel,
    };
    format!("{} {kernel}\n", env!("CARGO_PKG_VERSION"))
}

#[test]
fn a_release_can_be_got_vendored_and_linked_without_anything_installed() {
    let Some(prefix) = ready().filter(|_| have("git")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let release = release(folder.path(), prefix);
    let program = program(folder.path());
    let go = |arguments: &[&str]| run(release.go(arguments).current_dir(&program));
    go(&["mod", "init", "example.com/program"]);
    go(&["get", &module()]);
    // The package's own tests, from where the module was unpacked.
    go(&["test", "-tags", "melu_vendored", "-count=1", &module()]);
    assert_eq!(go(&["run", "-tags", "melu_vendored", "."]), said(false));
    go(&["mod", "vendor"]);
    assert_eq!(go(&["run", "-mod=vendor", "-tags", "melu_vendored", "."]), said(false));
}

#[test]
fn the_committed_library_is_whole_and_of_this_version() {
    let native = package().join("internal/native");
    let listed = run(Command::new("cut").args(["-c", "67-"]).arg(native.join("SHA256SUMS")));
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.extend(["SHA256SUMS", "native.go"]);
    listed.sort_unstable();
    let entries = fs::read_dir(&native).unwrap();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    found.sort_unstable();
    assert_eq!(found, listed);
    let mut check = Command::new("sha256sum");
    run(check.current_dir(&native).args(["--check", "--strict", "--quiet", "SHA256SUMS"]));

    if !have_go() || !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path());
    let (module, package) = (module(), package());
    let requires = format!(
        "module example.com/program\n\ngo 1.24\n\nrequire {module} v0.0.0\n\n\
         replace {module} => {}\n",
        package.display()
    );
    fs::write(program.join("go.mod"), requires).unwrap();
    let go = |arguments: &[&str]| {
        let mut go = Command::new("go");
        go.current_dir(&program)
            .env("PKG_CONFIG", "/nonexistent/pkg-config")
            .env("GOFLAGS", "-buildvcs=false");
        run(go.args(arguments))
    };
    assert_eq!(go(&["run", "-tags", "melu_vendored", "."]), said(true));
    go(&["test", "-tags", "melu_vendored", "-count=1", &module]);
}

/// Also where nobody turned it off: it is for every platform but the compiler's own.
#[test]
fn without_cgo_the_compiler_says_what_is_needed() {
    if !have_go() {
        return;
    }
    let other = if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" };
    for (name, value) in [("CGO_ENABLED", "0"), ("GOARCH", other)] {
        for tags in ["", "melu_vendored", "melu_vendored,melu_collect"] {
            let mut build = Command::new("go");
            build.current_dir(package()).args(["build", "-tags", tags, "."]);
            build.env("GOFLAGS", "-buildvcs=false").env_remove("CGO_ENABLED").env(name, value);
            let output = build.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success());
            for words in ["package melu needs cgo", "set CGO_ENABLED=1", "set CC to"] {
                assert!(said.contains(words), "{name}={value}, {tags}: {said}");
            }
            assert!(!said.contains("undefined"), "{said}");
        }
    }
}

#[test]
fn the_licences_are_those_of_the_project() {
    // Go takes nothing along from above a module's folder.
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert_eq!(fs::read(package().join(name)).unwrap(), fs::read(project(name)).unwrap());
    }
}
