//! A room of the house uses what stands below it, and never what stands above: see
//! ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the lowest on. What is in no folder is below all others.
const ROOMS: [&str; 10] =
    ["", "kernels", "model", "catalog", "user", "ffi", "data", "train", "eval", "bin"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Without comments, and without the tests at the end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The first names of all paths that begin with `crate::` (or `melu::`, in the program).
fn used(code: &str, root: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (place, _) in code.match_indices(root) {
        let is_whole = !code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &code[place + root.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            if is_whole {
                names.insert(rest[..end.unwrap_or(rest.len())].to_owned());
            }
            continue;
        };
        let (mut depth, mut name) = (0, String::new());
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => names.extend([std::mem::take(&mut name)]),
                _ if depth == 0 => name.push(c),
                _ => {}
            }
        }
        names.insert(name);
    }
    let first = |name: String| {
        let name = name.trim().split([':', ' ']).next().unwrap_or_default();
        name.to_owned()
    };
    names.into_iter().map(first).filter(|name| !name.is_empty()).collect()
}

/// The rooms that names at the crate's root come from.
fn exported(library: &str) -> BTreeMap<String, String> {
    let mut rooms = BTreeMap::new();
    for part in code(library).split("pub use ").skip(1) {
        let path = part.split(';').next().unwrap_or_default();
        let room = path.split("::").next().unwrap_or_default().trim();
        let names = path.rsplit("::").next().unwrap_or_default();
        for name in names.trim_matches(['{', '}', ' ', '\n']).split(',') {
            rooms.insert(name.trim().to_owned(), room.to_owned());
        }
    }
    rooms
}

fn rank(name: &str) -> usize {
    ROOMS.iter().position(|room| *room == name).unwrap_or(0)
}

#[test]
fn no_room_uses_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let exported = exported(&fs::read_to_string(root.join("lib.rs")).unwrap());
    assert_eq!(exported["Recommendation"], "user");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 100, "{}", files.len());
    let (mut wrong, mut arrows) = (Vec::new(), BTreeSet::new());
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let from = match path.components().count() {
            1 => "",
            _ => path.components().next().unwrap().as_os_str().to_str().unwrap(),
        };
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if path == Path::new("lib.rs") || is_test {
            continue;
        }
        assert!(from.is_empty() || rank(from) > 0, "{from} is not in the floor plan");
        let code = code(&fs::read_to_string(&file).unwrap());
        for name in used(&code, if from == "bin" { "melu::" } else { "crate::" }) {
            let to = exported.get(&name).unwrap_or(&name);
            if rank(to) > rank(from) {
                wrong.push(format!("{}: {name} is of {to}", path.display()));
            }
            if rank(to) != rank(from) {
                arrows.insert((rank(from), rank(to)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // So that a change of syntax does not make the test see nothing.
    assert!(arrows.len() > 20, "{arrows:?}");
}

#[test]
fn paths_are_found_in_all_their_forms() {
    let text = "use crate::{Error, user::{a, b}, model as m};\n// crate::hidden\n\
                fn f(x: crate::data::Y) {}\n#[cfg(test)]\nmod tests { use crate::eval; }";
    let found: Vec<String> = used(&code(text), "crate::").into_iter().collect();
    assert_eq!(found, ["Error", "data", "model", "user"]);
}

/// What allocates without a way to refuse it, of the standard library.
const UNREFUSED: [&str; 12] = [
    "with_capacity(",
    ".to_vec()",
    ".collect()",
    ".collect::<",
    ".concat()",
    "from_iter(",
    "make_mut(",
    ".sort()",
    ".sort_by(",
    ".sort_by_key(",
    "Box::new(",
    "clone_from(",
];

/// Files of the embeddable library where it may stand, and why.
const MAY_END_THE_PROCESS: [(&str, &str); 17] = [
    ("ffi/call.rs", "a hook without fields takes no memory"),
    ("kernels/level.rs", "four names"),
    ("kernels/pages.rs", "in its tests"),
    ("model/buffer.rs", "for training"),
    ("model/config", "for writing, and for training"),
    ("model/familiarity.rs", "for training"),
    ("model/file/checksum.rs", "for writing, and for `melu verify`"),
    ("model/file/priors.rs", "for writing"),
    ("model/file/tensor.rs", "for writing"),
    ("model/file/write.rs", "for writing"),
    ("model/json.rs", "a message"),
    ("model/network", "for training; a head that a user shares is copied by nobody else"),
    ("model/prior", "for training"),
    ("model/schema/encode.rs", "a message"),
    ("model/schema/numbers.rs", "for training"),
    ("model/schema/vocabulary.rs", "for training"),
    ("user/batch.rs", "an error"),
];

/// `vec![value; count]`, but not a list of written elements.
fn has_filled_list(line: &str) -> bool {
    line.split("vec![").skip(1).any(|list| list.split(']').next().unwrap_or_default().contains(';'))
}

/// All that grows with a file or an argument is allocated by `memory`, so that a program does not
/// end where there is none: tests/out_of_memory.
#[test]
fn the_embeddable_library_allocates_what_may_be_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let above = ["data", "train", "eval", "bin", "lib.rs", "random.rs", "printable.rs"];
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if is_test || above.iter().any(|above| path.starts_with(above)) {
            continue;
        }
        for line in code(&fs::read_to_string(&file).unwrap()).lines() {
            let found = UNREFUSED.iter().find(|way| line.contains(**way)).copied();
            let Some(way) = found.or(has_filled_list(line).then_some("vec![")) else { continue };
            match MAY_END_THE_PROCESS.iter().find(|(of, _)| path.starts_with(of)) {
                Some((of, _)) => _ = used.insert(*of),
                None => wrong.push(format!("{}: {way}: {}", path.display(), line.trim())),
            }
        }
    }
    assert!(wrong.is_empty(), "src/memory.rs has what may be refused:\n{}", wrong.join("\n"));
    let unused = MAY_END_THE_PROCESS.iter().filter(|(of, _)| !used.contains(of));
    let unused: Vec<_> = unused.collect();
    assert!(unused.is_empty(), "nothing stands there any more: {unused:?}");
}
