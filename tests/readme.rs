//! Runs the shell lines of README.md and of the pages on Rust, C, C++ and Go in docs/ exactly
//! as they are printed, in that order, in a copy of the project, for a reader who has
//! compilers, CMake, Go and Rust.

#![cfg(feature = "train")]

mod c;
mod common;
mod pages;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use c::go::have_go;
use c::reader::Reader;
use c::{have, installed};
use pages::{Block, WAYS, Way, blocks};

/// The pages, in the order in which their lines are run: C++ uses the library that C installs.
const PAGES: [&str; 5] = ["README.md", "docs/rust.md", "docs/c.md", "docs/cpp.md", "docs/go.md"];

/// The pages' blocks, and the sections that were run.
struct Sections {
    blocks: Vec<Block>,
    run: RefCell<Vec<String>>,
}

impl Sections {
    /// A section's shell lines; each block in another language is written to its file of `files`.
    fn script(&self, section: &str, files: &[(&str, &str)]) -> String {
        self.run.borrow_mut().push(section.into());
        let mut script = String::new();
        let mut files = files.iter();
        for block in self.blocks.iter().filter(|block| block.section == section) {
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
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn the_lines_work_as_they_stand() {
    if !["bash", "c++", "cmake", "git"].into_iter().all(have) || !have_go() {
        return;
    }
    let Some(prefix) = installed() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let _ = fs::remove_dir_all(&folder);
    let reader = Reader::new(&folder, prefix);
    let blocks = PAGES.into_iter().flat_map(blocks).collect();
    let pages = Sections { blocks, run: RefCell::default() };

    let demo = reader.run(&pages.script("See it work", &[]));
    assert!(demo.contains("best possible"));
    // The page's figures are those of this level: on others sums are rounded differently.
    if melu::kernel_name() == "avx512" {
        let of_demo = |block: &&Block| block.section == "See it work" && block.language == "text";
        let shown = pages.blocks.iter().filter(of_demo).flat_map(|block| block.text.lines());
        for line in shown.filter(|line| line.contains(|c: char| c.is_ascii_digit())) {
            assert!(demo.contains(line), "README.md has \"{line}\"; the demo prints\n{demo}");
        }
    }
    reader.run(&pages.script("The command line", &[]));
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
    check(&reader.run(&pages.script("melu from Rust", &[("rust", "src/main.rs")])));
    check(&reader.run(&pages.script("melu from C", &[])));
    let cpp = pages.script("melu from C++", &[("cpp", "app.cpp"), ("cmake", "CMakeLists.txt")]);
    check(&reader.run(&cpp));
    check(&reader.run(&pages.script("melu from Go", &[("go", "main.go")])));

    // Every language shows the same form, and the same list after it.
    let form = |language: &str, file: (&str, &str)| {
        let section = format!("Sign-up forms and services in {language}");
        reader.run(&pages.script(&section, &[file]))
    };
    let shown = form("Rust", ("rust", "src/bin/form.rs"));
    assert!(shown.starts_with("age: 18-24 25-34 "), "{shown}");
    assert_eq!(shown.lines().rev().take_while(|line| line.starts_with('i')).count(), 3, "{shown}");
    assert_eq!(form("C", ("c", "form.c")), shown);
    assert_eq!(form("C++", ("cpp", "form.cpp")), shown);
    assert_eq!(form("Go", ("go", "form/main.go")), shown);

    // The other ways to have the C++ program, where nothing that is installed can be found.
    let lists: Vec<&str> = pages
        .blocks
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

    let promised = WAYS.iter().filter(|(.., way)| *way == Way::Lines);
    let promised: BTreeSet<String> = promised.map(|(_, section, ..)| section.to_string()).collect();
    assert_eq!(pages.run.into_inner().into_iter().collect::<BTreeSet<_>>(), promised);
}
