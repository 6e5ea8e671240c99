//! The documents: their blocks of code, and how each is tested.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::Path;

/// How CI sees to it that a block of code is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// tests/readme.rs runs the section's shell lines, and builds its programs.
    Lines,
    /// tests/documents.rs runs the tutorial.
    Tutorial,
    /// tests/data_documentation.rs reads the data folders.
    Folders,
    /// The named test compiles it, reads it or compares it.
    Test(&'static str),
    /// Nobody runs it, for a reason.
    NotRun(&'static str),
}
use Way::{Folders, Lines, NotRun, Test, Tutorial};

const KOTLIN: Way = Test("tests/jvm_installed.rs, in folders of its own");

/// All blocks of code in README.md and docs/: page, section, languages. A block that none of
/// these names fails a test, and so does a name without a block.
pub const WAYS: &[(&str, &str, &[&str], Way)] = &[
    ("README.md", "See it work", &["sh"], Lines),
    ("README.md", "See it work", &["text"], Test("tests/readme.rs, with AVX-512")),
    ("README.md", "Run the tests", &["sh"], NotRun("this is what runs the tests")),
    ("README.md", "The command line", &["sh"], Lines),
    ("docs/rust.md", "melu from Rust", &["sh", "rust"], Lines),
    ("docs/rust.md", "Sign-up forms and services in Rust", &["sh", "rust"], Lines),
    ("docs/c.md", "melu from C", &["sh"], Lines),
    ("docs/c.md", "melu from C", &["c"], Test("tests/documents.rs")),
    ("docs/c.md", "Sign-up forms and services in C", &["sh", "c"], Lines),
    ("docs/cpp.md", "melu from C++", &["sh", "cpp", "cmake"], Lines),
    ("docs/cpp.md", "Sign-up forms and services in C++", &["sh", "cpp"], Lines),
    ("docs/go.md", "melu from Go", &["sh", "go"], Lines),
    ("docs/go.md", "Sign-up forms and services in Go", &["sh", "go"], Lines),
    ("docs/javascript.md", "melu from JavaScript", &["sh", "js"], Test("tests/js_installed.rs")),
    ("docs/kotlin.md", "melu from Kotlin and Java", &["sh", "xml", "kotlin", "java"], KOTLIN),
    ("docs/kotlin.md", "Sign-up forms and services in Kotlin", &["kotlin"], KOTLIN),
    ("docs/kotlin.md", "Many users at once in Kotlin", &["kotlin"], KOTLIN),
    ("docs/kotlin.md", "Android", &["kotlin"], NotRun("takes an app, and a device or an emulator")),
    (
        "docs/swift.md",
        "melu from Swift",
        &["swift"],
        NotRun("takes Swift: bindings/swift/README.md"),
    ),
    ("docs/python.md", "melu from Python", &["sh"], NotRun("builds the wheel, as the tests do")),
    ("docs/python.md", "melu from Python", &["python"], Test("tests/python_installed.rs")),
    ("docs/python.md", "Train in a notebook", &["python"], Test("tests/python_installed.rs")),
    ("docs/python.md", "Many users at once", &["python"], Test("tests/python_installed.rs")),
    (
        "docs/python.md",
        "A whole user base, by Spark or Ray",
        &["py"],
        Test("bindings/python/tests/test_engines.py"),
    ),
    (
        "docs/python.md",
        "A whole user base, by Spark or Ray",
        &["sh"],
        NotRun("takes a quarter of an hour"),
    ),
    ("docs/python.md", "Vector indexes", &["python"], Test("tests/python_installed.rs")),
    ("docs/tutorial.md", "Look at the files", &["sh", "text"], Tutorial),
    ("docs/tutorial.md", "Describe them", &["sh", "text"], Tutorial),
    ("docs/tutorial.md", "Train", &["sh", "text"], Tutorial),
    ("docs/tutorial.md", "Judge it", &["sh", "text"], Tutorial),
    ("docs/tutorial.md", "Try it", &["sh", "text"], Tutorial),
    ("docs/tutorial.md", "Serve it", &["sh", "text"], Tutorial),
    ("docs/tutorial.md", "Serve it", &["go"], Test("tests/documents.rs")),
    ("docs/tutorial.md", "What to log", &["sh", "text"], Tutorial),
    ("docs/tutorial.md", "Update the model", &["sh", "text"], Tutorial),
    ("docs/data.md", "The data folder", &["toml", "csv"], Folders),
    ("docs/data.md", "Positive-only data", &["toml", "csv"], Folders),
    ("docs/data.md", "Splits by time", &["toml"], Test("tests/data_by_time.rs")),
    ("docs/format.md", "Metadata", &["json"], Test("tests/weight_file_numpy.rs")),
    ("docs/format.md", "Writing one from Python", &["python"], Test("tests/weight_file_numpy.rs")),
    ("docs/serving.md", "Retraining", &["sh"], Test("tests/command_line_eval.rs")),
    ("docs/accuracy.md", "Lists", &["sh"], NotRun("takes MovieLens: docs/figures.py runs it")),
    (
        "docs/accuracy.md",
        "Predicted ratings",
        &["sh"],
        NotRun("takes MovieLens: docs/figures.py runs it"),
    ),
    ("docs/speed.md", "Training", &["sh"], NotRun("takes a quarter of an hour of a quiet machine")),
    ("docs/speed.md", "From other languages", &["sh"], NotRun("takes minutes of a quiet machine")),
];

/// A block of code.
pub struct Block {
    pub page: String,
    /// The heading above it.
    pub section: String,
    pub language: String,
    /// What the text is to be saved as, where the page says it.
    pub file: Option<String>,
    pub text: String,
}

/// A path below the project's folder.
fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A page's text.
pub fn page(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// README.md and the pages of docs/.
pub fn documents() -> Vec<String> {
    let docs = fs::read_dir(project("docs")).unwrap();
    let names = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> =
        names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    pages.push("README.md".into());
    pages.sort_unstable();
    pages
}

/// A page's blocks of code, in their order.
pub fn blocks(path: &str) -> Vec<Block> {
    let text = page(path);
    let mut section = String::new();
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(information) = line.strip_prefix("```") {
            let code = lines.by_ref().take_while(|line| *line != "```");
            let text = code.map(|line| format!("{line}\n")).collect();
            let mut words = information.split(' ').map(String::from);
            blocks.push(Block {
                page: path.into(),
                section: section.clone(),
                language: words.next().unwrap(),
                file: words.next(),
                text,
            });
        } else if line.starts_with('#') {
            section = line.trim_start_matches(['#', ' ']).into();
        }
    }
    blocks
}

/// The page's text without blocks of code and comments.
pub fn prose(path: &str) -> String {
    let mut inside = false;
    let text = page(path);
    let lines = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.map(|line| format!("{line}\n")).collect()
}
