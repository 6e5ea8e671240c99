//! The documents keep what they promise: blocks of code are run or say why not, the tutorial
//! works as it stands, links lead somewhere, and figures agree.

#![cfg(feature = "cli")]

mod c;
mod common;
mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use c::go::have_go;
use c::reader::Reader;
use c::{STRICT, have, installed, project, run};
use pages::{Block, WAYS, Way, blocks, documents, page, prose};

#[test]
fn every_block_of_code_is_run_or_excepted() {
    let mut found = BTreeSet::new();
    for block in documents().iter().flat_map(|page| blocks(page)) {
        let entry = WAYS.iter().find(|(page, section, languages, _)| {
            (*page, *section) == (&block.page, &block.section)
                && languages.contains(&block.language.as_str())
        });
        let Some((page, section, _, way)) = entry else {
            let Block { page, section, language, .. } = block;
            panic!("{page}, \"{section}\": nobody runs its {language}, see tests/pages/mod.rs")
        };
        if let Way::Test(test) = way {
            let test = test.split(',').next().unwrap();
            assert!(project(test).exists(), "{page}, \"{section}\": there is no {test}");
        }
        found.insert((page.to_string(), section.to_string(), block.language));
    }
    for (page, section, languages, _) in WAYS {
        for language in *languages {
            let listed = (page.to_string(), section.to_string(), language.to_string());
            assert!(found.contains(&listed), "tests/pages/mod.rs has {listed:?}, and no page has");
        }
    }
}

/// What a heading is called in a link: as GitHub does it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(path: &str) -> Vec<String> {
    let text = prose(path);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches(['#', ' ']))).collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let others = ["ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "RELEASING", "SECURITY"];
    let bindings =
        ["go", "js", "kotlin", "python", "swift"].map(|name| format!("bindings/{name}/README"));
    let folders = ["benches/peers/README", "tests/oracle/README", "fuzz/README"];
    let others = others.into_iter().chain(folders).map(String::from).chain(bindings);
    let others = others.map(|name| format!("{name}.md"));
    let mut links = 0;
    for from in documents().into_iter().chain(others) {
        let text = prose(&from);
        for (begin, _) in text.match_indices("](") {
            let link = text[begin + 2..].split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            links += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let beside = Path::new(&from).parent().unwrap().join(file);
            let target = if file.is_empty() { PathBuf::from(&from) } else { beside };
            assert!(project("").join(&target).exists(), "{from}: there is no {link}");
            if !heading.is_empty() {
                let known = anchors(target.to_str().unwrap());
                assert!(known.iter().any(|known| known == heading), "{from}: {link}: {known:?}");
            }
        }
    }
    assert!(links > 50, "{links}");
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let readme = prose("README.md");
    for page in documents().iter().filter(|page| page.starts_with("docs/")) {
        assert!(readme.contains(&format!("]({page})")), "README.md does not link {page}");
    }
    let lines = page("README.md").lines().count();
    assert!(lines <= 150, "README.md has {lines} lines");
}

/// Measured numbers: those with two decimals and more, as `.664`.
fn figures(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let words = words.map(|word| word.trim_end_matches('.').trim_start_matches('0'));
    let decimals = |word: &&str| word.split_once('.').is_some_and(|(_, after)| after.len() >= 2);
    words.filter(decimals).filter(|word| word.matches('.').count() == 1).map(Into::into).collect()
}

#[test]
fn the_readme_says_what_accuracy_says() {
    let known = figures(&prose("docs/accuracy.md"));
    let readme = prose("README.md");
    let measured = readme.split("\n## Where it runs").next().unwrap();
    // The oldest Rust is no figure.
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    let quoted: Vec<String> = figures(measured).into_iter().filter(|n| n != oldest).collect();
    assert!(!quoted.is_empty());
    for figure in quoted {
        assert!(known.contains(&figure), "README.md has {figure}, and docs/accuracy.md does not");
    }
}

#[test]
fn the_fragments_are_right() {
    let example = fs::read_to_string(project("bindings/go/examples/stateless/main.go")).unwrap();
    for block in blocks("docs/tutorial.md").iter().filter(|block| block.language == "go") {
        assert!(example.contains(&block.text), "the service has another {}", block.text);
    }

    if !have("cc") {
        return;
    }
    let pages = blocks("docs/c.md");
    let calls = pages.iter().find(|block| block.language == "c").unwrap();
    let program = format!(
        "#include <melu.h>\nvoid calls(void);\nvoid calls(void) {{\n\
         melu_error error;\nmelu_model *model;\nmelu_catalog *catalog;\nmelu_user *user;\n\
         melu_questions *questions;\nmelu_question question;\nmelu_recommendation best[10];\n\
         size_t count;\n{}}}\n",
        calls.text
    );
    let mut compiler = Command::new("cc");
    compiler.args(STRICT).args(["-std=c99", "-fsyntax-only", "-x", "c", "-", "-I"]);
    let mut compiler = compiler.arg(project("include")).stdin(Stdio::piped()).spawn().unwrap();
    compiler.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    assert!(compiler.wait().unwrap().success(), "{program}");
}

/// Whether a line of the page is what was printed; `…` stands for anything.
fn is_printed(line: &str, printed: &str) -> bool {
    let mut parts = line.split('…');
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap()) else { return false };
    let mut last = "";
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        (rest, last) = (&rest[place + part.len()..], part);
    }
    rest.is_empty() || (line.contains('…') && last.is_empty())
}

/// Finds a page's lines in what was printed, in their order. A line `…` stands for any number of
/// lines, as do the beginning and the end.
fn compare(shown: &str, printed: &str) {
    let mut rest = printed.lines();
    let mut anywhere = true;
    for line in shown.lines() {
        if line == "…" {
            anywhere = true;
            continue;
        }
        let found = if anywhere {
            rest.any(|printed| is_printed(line, printed))
        } else {
            rest.next().is_some_and(|printed| is_printed(line, printed))
        };
        assert!(found, "the page has\n{line}\nwhere this is printed:\n{printed}");
        anywhere = false;
    }
}

#[test]
fn lines_that_differ_are_seen() {
    assert!(is_printed("a … c", "a b c") && !is_printed("a … c", "a b cd"));
    assert!(is_printed("a …", "a b c") && !is_printed("a b", "a b c") && !is_printed("b", "a b"));
    assert!(is_printed("… b", "a b") && is_printed("", "") && !is_printed("", "a"));
    compare("a\n…\nc", "0\na\nb\nc\nd\n");
    for wrong in ["a\nc", "c\n…\na", "e"] {
        assert!(std::panic::catch_unwind(|| compare(wrong, "a\nb\nc\n")).is_err(), "{wrong}");
    }
}

#[test]
fn the_tutorial_works_as_it_stands() {
    let tools = ["bash", "cc", "curl", "git", "python3"];
    if !tools.into_iter().all(have) || !have_go() {
        return;
    }
    let Some(prefix) = installed() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    let _ = fs::remove_dir_all(&folder);
    let reader = Reader::new(&folder, prefix);
    // The program that a reader installs.
    let programs = folder.join("home/installed/bin");
    fs::create_dir_all(&programs).unwrap();
    run(Command::new("ln").arg("-s").arg(env!("CARGO_BIN_EXE_melu")).arg(&programs));

    // One shell runs all blocks; a line of its own ends what each prints. The service must not
    // outlive a block that fails, and its port must be free.
    let free = TcpListener::bind("localhost:0").unwrap().local_addr().unwrap().port();
    let shown: Vec<Block> = blocks("docs/tutorial.md");
    let lines = shown.iter().filter(|block| block.language == "sh");
    let lines: String = lines.map(|block| format!("{}printf '\\n\\f\\n'\n", block.text)).collect();
    let lines = lines.replace("8080", &free.to_string());
    let trap = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nexec 2>&1\n";
    let mut bash = reader.bash(&format!("{trap}{lines}"));
    let mut bash = bash.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = String::new();
    bash.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(bash.wait().unwrap().success(), "{printed}");
    let printed = printed.replace(&free.to_string(), "8080");
    fs::write(folder.join("printed"), &printed).unwrap();

    // Other levels of instructions round sums differently.
    let exactly = melu::kernel_name() == "avx512";
    let mut outputs = printed.split("\n\x0c\n");
    let mut output = "";
    for block in &shown {
        match block.language.as_str() {
            "sh" => output = outputs.next().unwrap(),
            "text" if exactly => compare(&block.text, output),
            _ => {}
        }
    }
}
