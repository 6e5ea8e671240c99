//! Runs the shell lines of README.md and of the pages on Rust, C, C++ and Go in docs/ exactly
//! as they are printed, in that order, in a copy of the project, for a reader who has
//! compilers, CMake, Go and Rust.

#![cfg(feature = "train")]

mod c;
mod common;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use c::go::{Release, have_go, release};
use c::{have, installed, project, run};

/// The pages, in the order in which their lines are run: C++ uses the library that C installs.
const PAGES: [&str; 5] = ["README.md", "docs/rust.md", "docs/c.md", "docs/cpp.md", "docs/go.md"];

/// The sections whose lines are run. The lines of "Run the tests" run this test.
const RUN: [&str; 10] = [
    "See it work",
    "The command line",
    "melu from Rust",
    "Sign-up forms and services in Rust",
    "melu from C",
    "Sign-up forms and services in C",
    "melu from C++",
    "Sign-up forms and services in C++",
    "melu from Go",
    "Sign-up forms and services in Go",
];
const NOT_RUN: [&str; 1] = ["Run the tests"];

/// A block of code: the section that it is in, its language, its text.
struct Block {
    section: String,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut section = String::new();
    let mut blocks = Vec::new();
    let text = PAGES.map(|page| fs::read_to_string(project(page)).unwrap()).concat();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code = lines.by_ref().take_while(|line| *line != "```");
            let text = code.map(|line| format!("{line}\n")).collect();
            blocks.push(Block { section: section.clone(), language: language.into(), text });
        } else if line.starts_with('#') {
            section = line.trim_start_matches(['#', ' ']).into();
        }
    }
    blocks
}

/// The reader's folder: a home, a copy of the project, and what tools need to work there.
struct Reader<'a> {
    folder: &'a Path,
    release: Release,
}

impl<'a> Reader<'a> {
    fn new(folder: &'a Path, prefix: &Path) -> Self {
        let melu = folder.join("melu");
        fs::create_dir_all(&melu).unwrap();
        for entry in fs::read_dir(project("")).unwrap() {
            let entry = entry.unwrap();
            if !["target", ".git"].iter().any(|name| entry.file_name() == *name) {
                run(Command::new("cp").arg("-a").arg(entry.path()).arg(&melu));
            }
        }
        fs::create_dir_all(folder.join("home")).unwrap();
        // No line may need pkg-config.
        let tools = folder.join("tools");
        fs::create_dir(&tools).unwrap();
        fs::write(tools.join("pkg-config"), "#!/bin/sh\necho 'not here' >&2\nexit 127\n").unwrap();
        run(Command::new("chmod").arg("+x").arg(tools.join("pkg-config")));
        Self { folder, release: release(&folder.join("released"), prefix) }
    }

    /// What bash prints of a section's lines.
    fn run(&self, lines: &str) -> String {
        let home = self.folder.join("home");
        // Tools look in the home for what was already built and downloaded.
        let cargo = std::env::var_os("CARGO_HOME")
            .map_or_else(|| std::env::home_dir().unwrap().join(".cargo"), PathBuf::from);
        let rustup = std::env::var_os("RUSTUP_HOME")
            .map_or_else(|| std::env::home_dir().unwrap().join(".rustup"), PathBuf::from);
        let go_cache = run(Command::new("go").args(["env", "GOCACHE"]));
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(
            [self.folder.join("tools"), home.join("installed/bin")]
                .into_iter()
                .chain(std::env::split_paths(&path)),
        );
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", lines])
            .current_dir(self.folder.join("melu"))
            .env("HOME", &home)
            .env("PATH", path.unwrap())
            .env("CARGO_HOME", cargo)
            .env("RUSTUP_HOME", rustup)
            .env("CARGO_INSTALL_ROOT", home.join("installed"))
            .env("CARGO_TARGET_DIR", self.folder.with_extension("built"))
            .env("CARGO_NET_OFFLINE", "true")
            .env("GOCACHE", go_cache.trim())
            .envs(self.release.environment())
            .env_remove("PKG_CONFIG_PATH")
            .env_remove("LD_LIBRARY_PATH");
        run(&mut bash)
    }
}

/// A section's shell lines; each block in another language is written to its file of `files`.
fn script(blocks: &[Block], section: &str, files: &[(&str, &str)]) -> String {
    let mut script = String::new();
    let mut files = files.iter();
    for block in blocks.iter().filter(|block| block.section == section) {
        if block.language == "sh" {
            script += &block.text;
        } else if let Some((language, path)) = files.next() {
            assert_eq!(block.language, *language, "{section}");
            writeln!(script, "cat >{path} <<'END OF FILE'\n{}END OF FILE", block.text).unwrap();
        }
    }
    assert_eq!(files.len(), 0, "{section}");
    script
}

/// Items and scores from the last lines of what a program printed.
fn recommended(said: &str, count: usize) -> Vec<(String, f64)> {
    let lines: Vec<&str> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(count)..].iter().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let score = words.last().unwrap().parse().unwrap_or_else(|error| panic!("{said}: {error}"));
        (words[0].to_string(), score)
    });
    last.collect()
}

#[test]
fn every_section_with_lines_is_run_or_excepted() {
    let mut sections: Vec<String> = blocks()
        .into_iter()
        .filter(|block| block.language == "sh")
        .map(|block| block.section)
        .collect();
    sections.dedup();
    let mut expected: Vec<&str> = RUN.into_iter().chain(NOT_RUN).collect();
    expected.sort_by_key(|name| sections.iter().position(|section| section == name));
    assert_eq!(sections, expected);
}

#[test]
fn the_lines_work_as_they_stand() {
    if !["bash", "c++", "cmake", "git"].into_iter().all(have) || !have_go() {
        return;
    }
    let Some(prefix) = installed() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let _ = fs::remove_dir_all(&folder);
    let reader = Reader::new(&folder, prefix);
    let blocks = blocks();

    let demo = reader.run(&script(&blocks, "See it work", &[]));
    assert!(demo.contains("best possible"));
    // The page's figures are those of this level: on others sums are rounded differently.
    if melu::kernel_name() == "avx512" {
        let of_demo = |block: &&Block| block.section == "See it work" && block.language == "text";
        let shown = blocks.iter().filter(of_demo).flat_map(|block| block.text.lines());
        for line in shown.filter(|line| line.contains(|c: char| c.is_ascii_digit())) {
            assert!(demo.contains(line), "README.md has \"{line}\"; the demo prints\n{demo}");
        }
    }
    reader.run(&script(&blocks, "The command line", &[]));
    let best = "melu recommend world.melu --user age=25-34 --rate i7=5 --rate i12=1.5 -k 5 --json";
    let best: serde_json::Value = serde_json::from_str(&reader.run(best)).unwrap();
    let best = best["items"].as_array().unwrap();
    assert_eq!(best.len(), 5);
    let check = |said: &str| {
        let found = recommended(said, best.len());
        assert_eq!(found.len(), best.len(), "{said}");
        for ((id, score), expected) in found.iter().zip(best) {
            assert_eq!(id, expected["id"].as_str().unwrap(), "{said}");
            // One of them prints three decimals.
            let distance = (score - expected["score"].as_f64().unwrap()).abs();
            assert!(distance <= 0.000_51, "{said}: {expected}");
        }
    };
    check(&reader.run(&script(&blocks, "melu from Rust", &[("rust", "src/main.rs")])));
    check(&reader.run(&script(&blocks, "melu from C", &[])));
    let cpp = script(&blocks, "melu from C++", &[("cpp", "app.cpp"), ("cmake", "CMakeLists.txt")]);
    check(&reader.run(&cpp));
    check(&reader.run(&script(&blocks, "melu from Go", &[("go", "main.go")])));

    // Every language shows the same form, and the same list after it.
    let form = |language: &str, file: (&str, &str)| {
        let section = format!("Sign-up forms and services in {language}");
        reader.run(&script(&blocks, &section, &[file]))
    };
    let shown = form("Rust", ("rust", "src/bin/form.rs"));
    assert!(shown.starts_with("age: 18-24 25-34 "), "{shown}");
    assert_eq!(shown.lines().rev().take_while(|line| line.starts_with('i')).count(), 3, "{shown}");
    assert_eq!(form("C", ("c", "form.c")), shown);
    assert_eq!(form("C++", ("cpp", "form.cpp")), shown);
    assert_eq!(form("Go", ("go", "form/main.go")), shown);

    // The other ways to have the C++ program, where nothing that is installed can be found.
    let lists: Vec<&str> = blocks
        .iter()
        .filter(|block| block.section == "melu from C++" && block.language == "cmake")
        .map(|block| block.text.as_str())
        .collect();
    let found = "find_package(melu REQUIRED)\n";
    assert!(lists[0].contains(found), "{}", lists[0]);
    let melu = reader.folder.join("melu");
    let fetch = lists[1].replace("/where/melu/is", melu.to_str().unwrap());
    let add = "add_subdirectory(bindings/cpp melu)\n".to_string();
    for (name, way) in [("fetch", fetch), ("add", add)] {
        fs::write(melu.join("CMakeLists.txt"), lists[0].replace(found, &way)).unwrap();
        let lines = format!("cmake -B {name} && cmake --build {name} && {name}/app");
        check(&reader.run(&format!("rm -rf \"$HOME/.local\"\n{lines}\n")));
    }
}
