//! The Swift package as far as it goes without a Swift compiler: clang, by which Swift reads C,
//! makes modules of the header, and the package says of C what the header says.

#![cfg(feature = "train")]

mod c;
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use c::{have, project, run};

fn package() -> PathBuf {
    project("bindings/swift")
}

/// A program that has nothing of melu but its module, in C or Objective-C.
fn import(language: &str) -> String {
    let import = match language {
        "c" => "#pragma clang module import CMelu",
        _ => "@import CMelu;",
    };
    format!(
        "{import}\n\
         int main(void) {{\n\
           melu_recommend_options options = {{0}};\n\
           options.struct_size = sizeof options;\n\
           melu_model *model = NULL;\n\
           melu_error error;\n\
           if (melu_model_open(melu_str_of(\"none\"), NULL, &model, &error) != MELU_STATUS_IO) return 1;\n\
           size_t all = MELU_ALL_ITEMS;\n\
           return (int)(all - SIZE_MAX);\n\
         }}\n"
    )
}

fn compile(folder: &Path, map: &Path, language: &str, headers: &[&Path]) -> Command {
    let source = folder.join(format!("import.{language}"));
    fs::write(&source, import(language)).unwrap();
    let mut clang = Command::new("clang");
    clang.args(["-fmodules", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
    clang.arg(format!("-fmodules-cache-path={}", folder.join("cache").display()));
    clang.arg(format!("-fmodule-map-file={}", map.display()));
    for headers in headers {
        clang.arg("-I").arg(headers);
    }
    clang.args(["-x", if language == "m" { "objective-c" } else { language }]).arg(source);
    clang
}

#[test]
fn clang_makes_modules_of_the_header() {
    if !have("clang") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // As an XCFramework has it, the header and its map lie side by side.
    let framework = folder.path().join("headers");
    fs::create_dir(&framework).unwrap();
    let map = framework.join("module.modulemap");
    fs::copy(package().join("xcframework/module.modulemap"), &map).unwrap();
    fs::copy(project("include/melu.h"), framework.join("melu.h")).unwrap();
    let installed = package().join("Sources/CMelu/module.modulemap");
    let include = project("include");
    for language in ["c", "m"] {
        run(&mut compile(folder.path(), &map, language, &[]));
        run(&mut compile(folder.path(), &installed, language, &[&include]));
    }
    // It is the map that brings the header.
    fs::write(&map, "module CMelu { }\n").unwrap();
    let output = compile(folder.path(), &map, "c", &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("melu_recommend_options"), "{said}");
}

/// All of the package's own Swift.
fn sources() -> String {
    let folder = fs::read_dir(package().join("Sources/Melu")).unwrap();
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The words that begin with a prefix.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with(prefix)).map(String::from).collect()
}

#[test]
fn the_package_names_what_the_header_has() {
    let (sources, header) = (sources(), fs::read_to_string(project("include/melu.h")).unwrap());
    let declared = words(&header, "melu_");
    let used = words(&sources, "melu_");
    assert!(used.is_subset(&declared), "{:?}", used.difference(&declared));
    // What the package has no need of.
    let functions: BTreeSet<String> = header
        .lines()
        .filter(|line| !line.starts_with("//") && line.contains('('))
        .flat_map(|line| words(line.split('(').next().unwrap(), "melu_"))
        .filter(|word| header.contains(&format!("{word}(")))
        .collect();
    let left_out: Vec<&str> =
        functions.iter().filter(|name| !used.contains(*name)).map(String::as_str).collect();
    let expected = ["melu_abi_version", "melu_status_str", "melu_str_of"];
    assert_eq!(left_out, expected);
    let constants = words(&sources, "MELU_");
    let declared = words(&header, "MELU_");
    assert!(constants.is_subset(&declared), "{:?}", constants.difference(&declared));
}

#[test]
fn every_status_has_its_number() {
    let sources = sources();
    let header = fs::read_to_string(project("include/melu.h")).unwrap();
    let mut count = 0;
    for line in header.lines().filter(|line| line.trim().starts_with("MELU_STATUS_")) {
        let (name, number) = line.trim().trim_end_matches(',').split_once(" = ").unwrap();
        if number == "0" {
            continue;
        }
        let name: String = name.trim_start_matches("MELU_STATUS_").replace('_', "").to_lowercase();
        let found = sources.lines().any(|line| {
            let line = line.trim().strip_prefix("case ").and_then(|rest| rest.split_once(" = "));
            line.is_some_and(|(case, given)| case.to_lowercase() == name && given == number)
        });
        assert!(found, "MeluError.Status lacks {name} = {number}");
        count += 1;
    }
    assert_eq!(count, 16);
}
