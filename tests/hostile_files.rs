//! Weight files that try to use up time or memory: time grows with their length, and memory is
//! a small multiple of it.

#![cfg(feature = "train")]

mod c;
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::allocations::{Watching, most_bytes_of};
use common::{add_test, this_test};
use melu::{Error, Model, OpenOptions, RecommendOptions, Scratch, User};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// The bytes of an id.
const ID: usize = 8;

/// A safetensors file by hand: its metadata, and tensors of zeros but for offsets, which rise by
/// one, and for ids.
fn write(path: &Path, config: &str, priors: Option<Value>, tensors: &[(String, Vec<usize>)]) {
    let mut header = serde_json::Map::new();
    let mut metadata = json!({ "melu.format": "1", "melu.config": config });
    if let Some(priors) = priors {
        metadata["melu.priors"] = priors.to_string().into();
    }
    header.insert("__metadata__".into(), metadata);
    let mut data = Vec::new();
    for (name, shape) in tensors {
        let begin = data.len();
        let count: usize = shape.iter().product();
        let dtype = match name.rsplit('.').next() {
            Some("offsets") => "U64",
            Some("bytes" | "known") => "U8",
            Some("values" | "items") => "U32",
            _ => "F32",
        };
        match dtype {
            "U64" => {
                let step = if name == "catalog.ids.offsets" { ID } else { 1 };
                (0..count).for_each(|at| data.extend((step as u64 * at as u64).to_le_bytes()));
            }
            "U8" if name == "catalog.ids.bytes" => {
                (0..count / ID).for_each(|item| data.extend(format!("{item:0ID$x}").bytes()));
            }
            "U8" => data.resize(begin + count, 0),
            _ => data.resize(begin + 4 * count, 0),
        }
        let range = [begin, data.len()];
        header
            .insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": range }));
    }
    write_raw(path, &Value::Object(header).to_string(), &data);
}

fn write_raw(path: &Path, header: &str, data: &[u8]) {
    let mut header = header.as_bytes().to_vec();
    header.resize((header.len() + 8).next_multiple_of(64) - 8, b' ');
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length, &header[..], data].concat()).unwrap();
}

fn config(hidden: &[usize], item_fields: Value, others: Value) -> String {
    let mut config = json!({
        "item_fields": item_fields, "user_fields": [], "embedding_dim": 1, "hidden": hidden,
        "loss": "mse", "local": { "steps": 1, "rate": 0.1 },
    });
    for (key, value) in others.as_object().unwrap() {
        config[key] = value.clone();
    }
    config.to_string()
}

/// The kinds of files, each of which grows with a size.
const KINDS: [&str; 11] = [
    "values of a list",
    "keys of an object",
    "lists in a list",
    "tensors",
    "numbers of a shape",
    "keys of the metadata",
    "hidden layers",
    "rates of tensors",
    "fields",
    "terms of fields",
    "items",
];

fn write_kind(kind: &str, size: usize, path: &Path) {
    let one = json!([{ "name": "g", "kind": "one", "size": 1 }]);
    let head = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    let small =
        [head("item.g.weight", &[1, 1]), head("head.0.weight", &[1, 1]), head("head.0.bias", &[1])];
    let listed = |count: usize, each: &dyn Fn(usize) -> String| {
        (0..count).map(each).collect::<Vec<_>>().join(",")
    };
    match kind {
        "values of a list" => {
            let list = listed(size / 2, &|_| "0".into());
            write_raw(path, &format!("{{\"a\":[{list}]}}"), &[]);
        }
        "keys of an object" => {
            let keys = listed(size / 9, &|key| format!("\"{key:x}\":0"));
            write_raw(path, &format!("{{{keys}}}"), &[]);
        }
        "lists in a list" => {
            let list = listed(size / 3, &|_| "[]".into());
            write_raw(path, &format!("{{\"a\":[{list}]}}"), &[]);
        }
        "tensors" => {
            let tensors: Vec<_> =
                (0..size / 60).map(|place| head(&format!("{place}"), &[0])).collect();
            write(path, &config(&[], one, json!({})), None, &tensors);
        }
        "numbers of a shape" => {
            let shape = vec![0; size / 2];
            write(path, &config(&[], one, json!({})), None, &[("a".into(), shape)]);
        }
        "keys of the metadata" => {
            let keys = listed(size / 9, &|key| format!("\"{key:x}\":\"\""));
            write_raw(path, &format!("{{\"__metadata__\":{{{keys}}}}}"), &[]);
        }
        "hidden layers" => {
            write(path, &config(&vec![1; size / 2], one, json!({})), None, &small);
        }
        "rates of tensors" => {
            // The last of the layers' names, which a search from the first finds late.
            let layers = size / 60;
            let mut rates = serde_json::Map::new();
            for place in 0..layers / 2 {
                rates.insert(format!("head.{}.bias", layers - place), 0.into());
            }
            let local = json!({ "local": { "steps": 1, "rate": rates } });
            write(path, &config(&vec![1; layers], one, local), None, &small);
        }
        "fields" => {
            let field = |place: usize| json!({ "name": format!("{place}"), "kind": "one", "size": 1, "embedded": false });
            let fields = (0..size / 60).map(field).chain(one.as_array().unwrap().clone());
            write(path, &config(&[], fields.collect(), json!({})), None, &small);
        }
        "terms of fields" => {
            let count = size / 140;
            let field = |place: usize| json!({ "name": format!("{place}"), "kind": "one", "size": 1, "embedded": false });
            let number = json!(
                { "name": "last", "kind": "numeric", "mean": 0, "std": 1, "embedded": false }
            );
            let fields = (0..count).map(field).chain([number]).collect();
            let term = json!({ "number": { "field": "last", "lowest": 0, "highest": 1 } });
            let priors = json!({ "item": { "variance": 0, "terms": vec![term; count] } });
            let mut tensors = vec![
                head("head.0.weight", &[1, 5]),
                head("head.0.bias", &[1]),
                head("prior.item.intercept", &[2]),
            ];
            let weight = |place: usize| head(&format!("prior.item.{place}.weight"), &[1, 2]);
            tensors.extend((0..count).map(weight));
            write(path, &config(&[], fields, json!({ "factors": 1 })), Some(priors), &tensors);
        }
        "items" => {
            let items = size / (ID + 20);
            let mut tensors = small.to_vec();
            tensors.extend([
                head("catalog.g.offsets", &[items + 1]),
                head("catalog.g.values", &[items]),
                head("catalog.ids.offsets", &[items + 1]),
                head("catalog.ids.bytes", &[items * ID]),
            ]);
            write(path, &config(&[], one, json!({})), None, &tensors);
        }
        _ => unreachable!("{kind}"),
    }
}

/// Not a test by itself: the ones below run it. It opens a file, and says how much memory that
/// took at most.
#[test]
#[ignore = "the other tests run it"]
fn open_a_file() {
    let path = std::env::var_os("MELU_TEST_FILE").unwrap();
    let (opened, most) = most_bytes_of(|| Model::open(&path));
    println!("bytes {most}");
    println!("{}", opened.map_or_else(|error| error.to_string(), |_| "opened".into()));
}

fn number_after(text: &str, word: &str) -> Option<u64> {
    let rest = &text[text.find(word)? + word.len()..];
    rest.split_whitespace().next()?.replace(',', "").parse().ok()
}

#[test]
fn memory_is_a_small_multiple_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for kind in KINDS {
        write_kind(kind, 20_000_000, &path);
        let size = fs::metadata(&path).unwrap().len();
        let said = c::run(this_test("open_a_file").env("MELU_TEST_FILE", &path));
        let bytes = number_after(&said, "bytes").unwrap();
        // Values of a header may take 4 MB in any file.
        assert!(bytes <= 4 * size + (4 << 20), "{kind}: {bytes} bytes for {size}; {said}");
    }
}

/// Sizes that no tensor has to match, in files of a few hundred bytes.
#[test]
fn no_size_in_the_configuration_alone_takes_memory() {
    let choice = json!({
        "precision": [1], "precision_per_answer": [0], "scale": 1, "popularity": 1,
        "new_items": 0, "starts_by_vector": true, "neighbours": 0, "targets": [[0, 1]],
        "strengths": [[0, 1]], "exposure": 0,
    });
    let priors = json!({ "choice_item": [], "choice_user": [] });
    let with_vectors =
        json!({ "choice_item": [], "choice_user": [], "item": { "variance": 0, "terms": [] } });
    let tensor = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    let few = [("item", 2), ("user", 1)]
        .map(|(of, width)| tensor(&format!("prior.choice_{of}.intercept"), &[width]));
    let more = [tensor("head.0.weight", &[1, 1]), tensor("head.0.bias", &[1])];
    let more = [&few[..], &more, &[tensor("prior.item.intercept", &[2])]].concat();
    let unread = json!([{ "name": "g", "kind": "multi", "size": u32::MAX, "embedded": false }]);
    let ridge = json!({ "solver": "ridge", "noise": 1 });
    let gradient = json!({ "steps": 1, "rate": 0.1 });
    let (none, large) = (json!([]), 1_u64 << 40);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (hidden, fields, keys, outcome) in [
        // 36 MB for the head, and as much for its scale.
        (&[3_000, 3_000][..], &none, json!({ "local": gradient }), "no input"),
        (&[3_000, 3_000], &unread, json!({ "local": ridge }), "no input"),
        (&[], &none, json!({ "local": gradient }), "no input"),
        (&[], &unread, json!({ "local": ridge, "embedding_dim": large }), "no input"),
        (&[], &none, json!({ "local": ridge, "body": [large] }), "no input"),
        (&[], &none, json!({ "local": gradient, "factors": large }), "missing"),
        (&[], &none, json!({ "local": gradient, "factors": 1, "body": [large] }), "missing"),
        (
            &[],
            &unread,
            json!({ "local": gradient, "factors": 1, "embedding_dim": large }),
            "opened",
        ),
    ] {
        let (priors, tensors) = match outcome {
            "opened" => (&with_vectors, &more[..]),
            _ => (&priors, &few[..]),
        };
        let mut others = keys;
        others["choice"] = choice.clone();
        write(&path, &config(hidden, fields.clone(), others), Some(priors.clone()), tensors);
        let said = c::run(this_test("open_a_file").env("MELU_TEST_FILE", &path));
        let bytes = number_after(&said, "bytes").unwrap();
        assert!(bytes < 1 << 20 && said.contains(outcome), "{outcome}: {said}");
    }
}

#[test]
fn time_grows_with_the_file() {
    if !c::have("valgrind") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for kind in KINDS {
        // Below the sizes from which too many values are refused.
        let count = |size: usize| {
            write_kind(kind, size, &path);
            let out = folder.path().join("counts");
            let mut valgrind = Command::new("valgrind");
            valgrind
                .args(["--tool=callgrind", "--toggle-collect=*Model*from_file*"])
                .arg(format!("--callgrind-out-file={}", out.display()));
            c::run(add_test(&mut valgrind, "open_a_file").env("MELU_TEST_FILE", &path));
            number_after(&fs::read_to_string(&out).unwrap(), "totals:").unwrap()
        };
        // Where one list is looked up in another, that must not be lost in the rest.
        let size = if kind.contains(" of tensors") || kind.contains(" of fields") { 5 } else { 1 };
        let (once, twice) = (count(size * 60_000), count(size * 120_000));
        let growth = twice as f64 / once as f64;
        // n log n is 2.2 times as much.
        assert!(once > 10_000 && growth < 2.6, "{kind}: {once} and {twice}, {growth:.2} times");
    }
}

#[test]
fn wide_catalogues_and_scratches_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    // 30,000 items with vectors of 30,000 numbers, 7.2 GB, of half a megabyte.
    let (items, factors) = (30_000, 30_000);
    let field = json!([{ "name": "g", "kind": "one", "size": 1, "embedded": false }]);
    let others = json!({ "factors": factors });
    let ids: Vec<usize> = vec![items + 1];
    let tensors = [
        ("head.0.weight".to_owned(), vec![1, factors]),
        ("head.0.bias".to_owned(), vec![1]),
        ("prior.item.intercept".to_owned(), vec![factors + 1]),
        ("catalog.g.offsets".to_owned(), ids.clone()),
        ("catalog.g.values".to_owned(), vec![items]),
        ("catalog.ids.offsets".to_owned(), ids),
        ("catalog.ids.bytes".to_owned(), vec![items * ID]),
    ];
    let priors = json!({ "item": { "variance": 0, "terms": [] } });
    write(&path, &config(&[], field, others), Some(priors), &tensors);
    let refused = |result: Result<(), Error>, limit: usize| match result {
        Err(Error::MemoryLimit { bytes, limit: found, .. }) => {
            assert!(found == limit && bytes > limit, "{bytes} of {found}");
        }
        other => panic!("{other:?}"),
    };
    let model = Model::open(&path).unwrap();
    refused(model.catalog().map(drop), 1 << 30);

    write_kind("items", 10_000, &path);
    let open = |max_memory| {
        let options = OpenOptions { max_memory, ..OpenOptions::default() };
        Model::open_with(&path, &options).unwrap()
    };
    assert!(open(1 << 20).catalog().unwrap().is_some());
    refused(open(1_000).catalog().map(drop), 1_000);

    // A layer of many outputs takes little in the file, and a block of each in a scratch.
    let outputs = 2_000_000;
    let one = json!([{ "name": "g", "kind": "one", "size": 1 }]);
    let tensors = [
        ("item.g.weight", vec![1, 1]),
        ("head.0.weight", vec![outputs, 1]),
        ("head.0.bias", vec![outputs]),
        ("head.1.weight", vec![1, outputs]),
        ("head.1.bias", vec![1]),
        ("catalog.g.offsets", vec![2]),
        ("catalog.g.values", vec![1]),
        ("catalog.ids.offsets", vec![2]),
        ("catalog.ids.bytes", vec![ID]),
    ];
    let tensors = tensors.map(|(name, shape)| (name.to_owned(), shape));
    write(&path, &config(&[outputs], one, json!({})), None, &tensors);
    let catalog = Model::open(&path).unwrap().catalog().unwrap().unwrap();
    refused(Scratch::new(&catalog).map(drop), 1 << 30);
}

/// What a call computes in grows with a user's ratings, and is limited too: by gradient steps all
/// of them are rows at once, and in a large catalogue each has neighbours to be added up.
#[test]
fn scratches_for_many_ratings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let limit = 16 << 20;
    for contents in [common::files::sample(), common::choosing::positive_only(70_000)] {
        fs::write(&path, common::files::bytes(&contents)).unwrap();
        let options = OpenOptions { max_memory: limit, ..OpenOptions::default() };
        let catalog = Model::open_with(&path, &options).unwrap().catalog().unwrap().unwrap();
        let mut scratch = Scratch::new(&catalog).unwrap();
        let mut user = User::new(&catalog, &[]).unwrap();
        user.adapt(&[0; 1000], &[1.0; 1000], &mut scratch).unwrap();
        let many = 1_000_000;
        let (items, ratings) = (vec![1; many], vec![1.0; many]);
        let (adapted, most) = most_bytes_of(|| user.adapt(&items, &ratings, &mut scratch));
        let error = adapted.unwrap_err();
        assert!(matches!(error, Error::MemoryLimit { .. }), "{error}");
        assert!(most < limit as isize, "{most}");
        assert_eq!(user.rated(), [0; 1000]);
        let mut best = Vec::new();
        user.recommend(3, &RecommendOptions::default(), &mut best, &mut scratch).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
        for copy in [false, true] {
            let options = OpenOptions { copy, ..OpenOptions::default() };
            let problem = Model::open_with(path, &options).unwrap_err().to_string();
            assert!(problem.contains("a regular file is expected"), "{problem}");
        }
    }
}

#[test]
fn a_copy_may_be_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, common::files::bytes(&common::files::sample())).unwrap();
    let whole = Model::open(&path).unwrap().fingerprint();
    let options = OpenOptions { copy: true, ..OpenOptions::default() };
    let model = Model::open_with(&path, &options).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(model.fingerprint(), whole);
}
