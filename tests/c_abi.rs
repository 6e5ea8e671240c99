//! The ABI, against a golden file: a difference is a change that programs notice.
//!
//! A line that is new may be added to `tests/golden/abi.txt`. One that changes or
//! goes is a new version of the ABI: `MELU_ABI_VERSION` rises.

#![cfg(all(feature = "capi", feature = "train"))]
// The sizes and offsets of the golden file are those of 64 bits.
#![cfg(target_pointer_width = "64")]

mod c;
mod common;

use std::fmt::Write;
use std::fs;
use std::process::Command;

use c::{STRICT, have, project, run};
use melu::ffi::*;

/// The golden file's lines that begin with one of these words.
fn golden(kinds: &[&str]) -> String {
    let golden = fs::read_to_string(project("tests/golden/abi.txt")).unwrap();
    let kept = golden.lines().filter(|line| kinds.contains(&line.split(' ').next().unwrap()));
    kept.map(|line| format!("{line}\n")).collect()
}

macro_rules! layout {
    ($($name:ident { $($field:ident),+ })+) => {{
        let mut text = String::new();
        $(
            writeln!(text, "size {} {}", stringify!($name), size_of::<$name>()).unwrap();
            $(
                let offset = std::mem::offset_of!($name, $field);
                writeln!(text, "member {}.{} {offset}", stringify!($name), stringify!($field)).unwrap();
            )+
        )+
        text
    }};
}

#[test]
fn rust_lays_structs_out_as_ever() {
    let text = layout! {
        melu_str { data, len }
        melu_error { status, user, length, message }
        melu_open_options { struct_size, max_memory, copy, borrow, release, context }
        melu_model_details {
            struct_size, fingerprint, user_fields, item_fields, items, evidence, head_parameters,
            vector_width, choice, ratings, clicks, deviations
        }
        melu_evidence { item, score, gradient_norm, popularity }
        melu_field { struct_size, name, kind, named, values, lowest, highest }
        melu_value { field, kind, index, name, number }
        melu_item { id, values, values_len, title }
        melu_vectors { data, rows, width, stride }
        melu_load_report { struct_size, adapted_anew, missing_items, unknown_values }
        melu_recommend_options {
            struct_size, leave_out, leave_out_len, among, among_len, new_items, add_neighbours,
            keep_rated, order, min_raters, popularity_discount, threads, filter,
            filter_context
        }
        melu_recommendation { item, score, rating, deviation }
        melu_question_options {
            struct_size, unknown, unknown_len, leave_out, leave_out_len, known, known_len
        }
        melu_question { item, known, reduction }
    };
    assert_eq!(text, golden(&["size", "member"]));
}

#[test]
fn c_lays_structs_out_as_ever_and_numbers_are_the_same() {
    let Some(compiler) = ["cc", "clang"].into_iter().find(|compiler| have(compiler)) else {
        return;
    };
    let expected = golden(&["size", "member", "number"]);
    let mut program = String::from("#include <melu.h>\n#include <stdio.h>\nint main(void) {\n");
    for line in expected.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = match words[0] {
            "size" => format!("sizeof({})", words[1]),
            "member" => format!("offsetof({})", words[1].replace('.', ", ")),
            _ => words[1].into(),
        };
        let printed = format!("{} {} %llu\\n", words[0], words[1]);
        writeln!(program, "  printf(\"{printed}\", (unsigned long long)({number}));").unwrap();
    }
    program.push_str("  return 0;\n}\n");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("abi.c"), program).unwrap();
    let mut compile = Command::new(compiler);
    compile.current_dir(&folder).args(STRICT).arg("-I").arg(project("include"));
    run(compile.args(["abi.c", "-o", "abi"]));
    assert_eq!(run(&mut Command::new(folder.path().join("abi"))), expected);
}

#[test]
fn the_golden_file_has_all_numbers_and_functions_of_the_header() {
    let header = fs::read_to_string(project("include/melu.h")).unwrap();
    let mut numbers: Vec<&str> = header
        .lines()
        .filter_map(|line| {
            let (name, rest) =
                line.trim().strip_prefix("#define ").unwrap_or(line.trim()).split_once(' ')?;
            let value = rest.trim_start_matches("= ").trim_end_matches(',');
            (name.starts_with("MELU_") && !value.is_empty() && !value.contains(' ')).then_some(name)
        })
        .collect();
    numbers.sort_unstable();
    let golden_numbers = golden(&["number"]);
    let mut expected: Vec<&str> =
        golden_numbers.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    expected.sort_unstable();
    assert_eq!(numbers, expected);

    // One line, however it is broken in the header.
    let comment = |line: &&str| ["//", "/*", " *"].iter().any(|mark| line.starts_with(mark));
    let code: Vec<&str> = header.lines().filter(|line| !comment(line)).collect();
    let code = code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let declarations = code.split(';').map(str::trim).filter_map(|statement| {
        let name = statement[..statement.find('(')?].rsplit([' ', '*']).next()?;
        (name.starts_with("melu_") && !statement.contains('{'))
            .then(|| format!("function {statement}\n"))
    });
    let mut declarations: Vec<String> = declarations.collect();
    declarations.sort_unstable();
    assert_eq!(declarations.concat(), golden(&["function"]));
}

/// A header's declarations, however they are broken into lines.
fn declarations(header: &str) -> String {
    let text = fs::read_to_string(project(header)).unwrap();
    let comment = |line: &&str| ["//", "/*", "*"].iter().any(|mark| line.starts_with(mark));
    let code = text.lines().map(str::trim).filter(|line| !comment(line));
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_library_that_comes_with_the_go_module_has_this_abi() {
    assert!(
        declarations("bindings/go/internal/native/melu.h") == declarations("include/melu.h"),
        "the ABI has changed since that library was made: run bindings/go/vendor.sh"
    );
}

#[test]
fn the_version_of_the_abi_is_the_same_everywhere() {
    let abi = melu_abi_version();
    assert_eq!(abi, MELU_ABI_VERSION);
    let manifest: toml::Table = fs::read_to_string(project("Cargo.toml")).unwrap().parse().unwrap();
    let version = manifest["package"]["metadata"]["capi"]["library"]["version"].as_str().unwrap();
    assert!(version.starts_with(&format!("{abi}.")));
}
