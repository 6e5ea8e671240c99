//! The header: as it is generated, and good for every C and C++ compiler.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::fs;
use std::process::Command;

use c::{STRICT, have, project, run};

#[test]
fn the_committed_header_is_the_generated_one() {
    let Some(generated) = option_env!("MELU_HEADER") else {
        assert!(std::env::var_os("MELU_REQUIRE_ALL").is_none(), "the feature header is off");
        return common::skipped("the feature header is off");
    };
    let committed = project("include/melu.h");
    assert!(
        fs::read_to_string(&committed).unwrap() == fs::read_to_string(generated).unwrap(),
        "src/ffi or cbindgen.toml has changed: copy {generated} to {}",
        committed.display()
    );
}

#[test]
fn lines_are_not_longer_than_readers_like() {
    for (number, line) in fs::read_to_string(project("include/melu.h")).unwrap().lines().enumerate()
    {
        assert!(line.len() <= 90, "line {}: {line}", number + 1);
        assert!(!line.ends_with(' '), "line {} ends with a space", number + 1);
    }
}

/// What the header shows first can be copied.
#[test]
fn its_example_compiles() {
    if !have("cc") {
        return;
    }
    let header = fs::read_to_string(project("include/melu.h")).unwrap();
    let before = header.split(" * The rules").next().unwrap();
    let lines = before.lines().filter_map(|line| line.strip_prefix(" *     "));
    let begin = String::from("#include <melu.h>\nint main(void) {\n");
    let example = lines.fold(begin, |text, line| text + line + "\n");
    assert!(example.contains("melu_user_recommend"), "{example}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("example.c"), example + "return 0;\n}\n").unwrap();
    let mut compile = Command::new("cc");
    compile.current_dir(&folder).args(STRICT).args(["-std=c99", "-c", "example.c", "-I"]);
    run(compile.arg(project("include")));
}

/// Alone, twice in one file, and in two files of one program, with every warning.
#[test]
fn every_compiler_takes_it_alone_and_twice() {
    let folder = tempfile::tempdir().unwrap();
    let alone = "#include <melu.h>\n";
    let twice = "#include <melu.h>\n#include <melu.h>\n\
                 int other(void);\n\
                 int other(void) { return (int)melu_str_of(\"text\").len; }\n";
    let main = "#include <melu.h>\nint other(void);\n\
                int main(void) { return other() == 4 && melu_str_of(NULL).len == 0 ? 0 : 1; }\n";
    let languages = [
        ("c", ["gcc", "clang"], &["c99", "c11", "c17"][..]),
        ("c++", ["g++", "clang++"], &["c++11", "c++17", "c++20"]),
    ];
    for (language, compilers, standards) in languages {
        let compilers = compilers.into_iter().filter(|compiler| have(compiler));
        for (compiler, standard) in compilers.flat_map(|c| standards.iter().map(move |s| (c, s))) {
            let compile = || {
                let mut command = Command::new(compiler);
                command.current_dir(&folder).args(STRICT).args(["-x", language]);
                command.arg(format!("-std={standard}")).arg("-I").arg(project("include"));
                command
            };
            for (name, text) in [("alone", alone), ("twice", twice), ("main", main)] {
                fs::write(folder.path().join(name), text).unwrap();
            }
            run(compile().args(["-fsyntax-only", "alone"]));
            run(compile().args(["twice", "main", "-o", "program"]));
            run(&mut Command::new(folder.path().join("program")));
        }
    }
}
