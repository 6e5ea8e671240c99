//! Files with a head for choosing that break the format, and what else opening refuses.

mod common;

use std::fs;

use common::choosing::{positive_only, with_ratings};
use common::files::{bytes, refused, sample_with_vectors, with_header};
use melu::model::Problem;
use melu::model::file::{self, ChoiceItems, Contents, RawFile};
use melu::{Error, Model, OpenOptions};
use serde_json::{Value as Json, json};

/// A file with another text in its metadata.
fn with_metadata(good: &[u8], key: &str, change: impl Fn(&mut Json)) -> Vec<u8> {
    with_header(good, |header| {
        let text = header["__metadata__"][key].as_str().unwrap();
        let mut json = serde_json::from_str(text).unwrap();
        change(&mut json);
        header["__metadata__"][key] = json.to_string().into();
    })
}

/// A change of the JSON in a file's metadata, and what the refusal must say.
type Case = (&'static dyn Fn(&mut Json), &'static str);

#[test]
fn priors_for_choosing_go_with_a_head_for_it() {
    let good = bytes(&with_ratings(20));
    let cases: [Case; 5] = [
        (
            &|priors| drop(priors.as_object_mut().unwrap().remove("choice_user")),
            "with choice, choice_user and choice_item are expected",
        ),
        (
            &|priors| drop(priors.as_object_mut().unwrap().remove("choice_item")),
            "with choice, choice_user and choice_item are expected",
        ),
        (
            &|priors| priors["choice_user"][0]["pair"] = json!(["region", "region"]),
            "a term without exactly one key",
        ),
        (&|priors| priors["choice_item"][0] = json!({}), "a term without exactly one key"),
        (&|priors| priors["choice_item"][0] = json!({"texts": "genres"}), "texts"),
    ];
    for (change, problem) in cases {
        let message = refused(with_metadata(&good, "melu.priors", change));
        assert!(message.contains(problem) && message.contains("melu.priors"), "{message}");
    }
    let without = with_metadata(&good, "melu.config", |config| {
        config.as_object_mut().unwrap().remove("choice");
    });
    let message = refused(without);
    assert!(message.contains("there is no choice, so no prior for it"), "{message}");
}

/// A file with other numbers in the place of some, in one tensor.
fn with_numbers(good: &[u8], name: &str, place: usize, numbers: &[u8]) -> Vec<u8> {
    let length = u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let header: Json = serde_json::from_slice(&good[8..8 + length]).unwrap();
    let begin = header[name]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut bytes = good.to_vec();
    bytes[8 + length + begin + place..][..numbers.len()].copy_from_slice(numbers);
    bytes
}

#[test]
fn neighbours_and_rows_of_items_are_checked() {
    let contents = positive_only(20);
    let good = bytes(&contents);
    // The last item is there, and none after it.
    let name = "catalog.neighbours.items";
    let beyond = with_numbers(&good, name, 4 * 7, &20u32.to_le_bytes());
    let message = refused(beyond);
    assert!(message.contains(name) && message.contains("item 20 at index 7"), "{message}");
    Model::from_bytes(with_numbers(&good, name, 4 * 7, &19u32.to_le_bytes())).unwrap();
    for name in ["catalog.choice.rows", "catalog.neighbours.weights"] {
        let message = refused(with_numbers(&good, name, 8, &f32::NAN.to_le_bytes()));
        assert!(message.contains(name) && message.contains("index 2"), "{message}");
    }
    // Without a second dimension there are no columns.
    let flat =
        with_header(&good, |header| header["catalog.neighbours.items"]["shape"] = json!([80]));
    assert!(refused(flat).contains("its shape is [80]"));
    let scalar = with_header(&good, |header| header["catalog.ids.bytes"]["shape"] = json!([]));
    assert!(refused(scalar).contains("one dimension is expected"));
}

#[test]
fn items_without_rows_get_them_from_their_content() {
    let mut contents = positive_only(20);
    contents.catalog.as_mut().unwrap().choice = None;
    let model = Model::from_bytes(bytes(&contents)).unwrap();
    assert!(model.contents().catalog.as_ref().unwrap().choice.is_none());
    assert_eq!(model.catalog().unwrap().unwrap().len(), 20);
}

#[test]
fn a_prepared_catalogue_must_be_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    Model::from_contents(positive_only(20)).unwrap().save(&path).unwrap();
    let renamed = |name: &str| {
        with_header(&fs::read(&path).unwrap(), |header| {
            let header = header.as_object_mut().unwrap();
            let tensor = header.remove(name).unwrap();
            header.insert(format!("{name}.old"), tensor);
        })
    };
    let message = refused(renamed("catalog.choice.rows"));
    assert!(message.contains("the catalogue lacks its items' vectors or rows"), "{message}");
    assert!(refused(renamed("catalog.rounded")).contains("catalog.rounded"));
    assert!(refused(renamed("catalog.features")).contains("catalog.features"));
}

#[test]
fn tables_for_choosing_that_do_not_fit_make_no_model() {
    let changed = |change: &dyn Fn(&mut ChoiceItems)| {
        let mut contents = positive_only(20);
        change(contents.catalog.as_mut().unwrap().choice.as_mut().unwrap());
        Model::from_contents(contents).unwrap_err().to_string()
    };
    let rows = "the rows for choosing do not fit the items";
    let neighbours = "items have different numbers of neighbours";
    assert!(changed(&|choice| choice.rows = choice.rows[1..].to_vec().into()).contains(rows));
    assert!(changed(&|choice| choice.raters = choice.raters[1..].to_vec().into()).contains(rows));
    let weights = |choice: &mut ChoiceItems| choice.weights = choice.weights[1..].to_vec().into();
    assert!(changed(&weights).contains(neighbours));
    let both = |choice: &mut ChoiceItems| {
        choice.weights = choice.weights[1..].to_vec().into();
        choice.neighbours = choice.neighbours[1..].to_vec().into();
    };
    assert!(changed(&both).contains(neighbours));
    let beyond = |choice: &mut ChoiceItems| choice.neighbours = vec![20; 80].into();
    assert!(changed(&beyond).contains("the neighbour 20 is not below 20"));
    let choice = positive_only(3).catalog.unwrap().choice;
    let mut other = sample_with_vectors();
    other.catalog.as_mut().unwrap().choice = choice;
    let message = Model::from_contents(other).unwrap_err().to_string();
    assert!(message.contains("the model has no head for choosing"), "{message}");
}

#[test]
fn whom_nobody_chose_is_new() {
    let contents = positive_only(20);
    let choice = contents.catalog.as_ref().unwrap().choice.as_ref().unwrap();
    for (item, raters) in choice.raters.iter().enumerate() {
        assert_eq!(choice.is_new(item as u32), *raters == 0);
        let neighbours: Vec<(u32, f32)> = choice.neighbours_of(item as u32).collect();
        assert_eq!(neighbours.len(), choice.neighbours_each());
        let first = item * choice.neighbours_each();
        assert_eq!(neighbours[0], (choice.neighbours[first], choice.weights[first]));
    }
}

#[test]
fn only_regular_files_are_opened_and_copies_may_be_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    file::write(&path, &Contents { evidence: None, ..sample_with_vectors() }, None).unwrap();
    let model = Model::open_with(&path, &OpenOptions { copy: true, ..OpenOptions::default() });
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(model.unwrap().catalog().unwrap().unwrap().len(), 3);
    for copy in [false, true] {
        let options = OpenOptions { copy, ..OpenOptions::default() };
        let error = Model::open_with(folder.path(), &options).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert!(error.to_string().contains("it is a folder; a regular file is expected"));
        let message = Model::open_with(&path, &options).unwrap_err().to_string();
        assert!(message.contains("shorter than 8 bytes"), "{message}");
    }
}

#[test]
fn a_raw_file_is_taken_tensor_by_tensor() {
    let bytes = bytes(&positive_only(20));
    let mut file = RawFile::new(std::sync::Arc::new(bytes), "here").unwrap();
    assert_eq!(
        (file.columns("catalog.neighbours.items"), file.columns("catalog.ids.bytes")),
        (4, 0)
    );
    assert_eq!(file.columns("nothing"), 0);
    assert!(file.has("catalog.choice.raters") && !file.has("nothing"));
    assert_eq!(file.take_list::<u32>("catalog.choice.raters").unwrap().len(), 20);
    assert!(!file.has("catalog.choice.raters"));
    let again = file.take_list::<u32>("catalog.choice.raters").unwrap_err().to_string();
    assert!(again.contains("the tensor is missing"), "{again}");
    let problem = file.refuse("it", Problem::from("wrong")).to_string();
    assert!(problem.contains("here") && problem.contains("it") && problem.contains("wrong"));
    let left = file.finish().unwrap_err().to_string();
    assert!(left.contains("the model does not use this tensor"), "{left}");
}

#[test]
fn offsets_that_run_backwards_are_refused() {
    let good = bytes(&positive_only(20));
    let name = "catalog.choice.raters";
    let backwards = with_header(&good, |header| {
        header[name]["data_offsets"].as_array_mut().unwrap().reverse();
    });
    let message = refused(backwards);
    assert!(message.contains(name) && message.contains("a range is expected"), "{message}");
}
