//! Numbers that every binding and every platform must give: `tests/golden/everywhere.json`.
//!
//! The file is JSON. `tolerance` is the share by which numbers may differ: a number is right if
//! `|found - expected| <= tolerance * (1 + |expected|)`. Texts, indices and their order must be
//! equal; the test below asks that no order hangs on less than ten times the tolerance.
//!
//! Each of `models` has
//!
//! | | |
//! | --- | --- |
//! | `file` | a weight file, from the repository's root |
//! | `items` | the length of its own catalogue |
//! | `choice`, `ratings`, `deviations` | whether it has a head for choosing, predicts ratings, and gives their deviations |
//! | `vector_width` | the length of a user's vector; 0 without a head for choosing |
//! | `ids`, `titles` | of the items; an item without a title has an empty one |
//! | `users` | see below |
//!
//! and each of its users, of the file's own catalogue:
//!
//! | | |
//! | --- | --- |
//! | `profile` | each value: `field`, and one of `name`, `index` and `number` |
//! | `answers` | pairs of an item and a rating, in the order in which the user is adapted to them |
//! | `unknown` | items that they were asked about and do not know |
//! | `count` | how many recommendations to ask for |
//! | `options` | for recommending, named as in `melu_recommend_options`; those left out are 0 or false, `order` is `"rating"` or left out, and `only_even` is a filter that lets items with an even index pass |
//! | `scores` | of all items |
//! | `predicted`, `predicted_deviations` | the ratings of all items and their deviations; left out where the model gives none |
//! | `vector` | the user's; left out without a head for choosing |
//! | `best` | recommendations, best first: `item`, `score`, and where there are such, `rating` and `deviation` |
//! | `question` | the next question: `item`, `known`, `reduction`; null if no item is left |
//! | `saved` | the saved user in hexadecimal: loaded, they have the same numbers |
//!
//! To add a user, write what comes before `scores` into the file, and run the test: it fails, and
//! says where it wrote the file anew and how to take that.

mod common;

use std::fs;
use std::path::Path;

use common::this_test;
use melu::model::schema::Value;
use melu::{
    Catalog, Filter, Model, Order, QuestionOptions, Questions, RecommendOptions, Scratch, User,
    kernel_name, kernel_names,
};
use serde::{Deserialize, Serialize};

const GOLDEN: &str = "tests/golden/everywhere.json";

#[derive(Serialize, Deserialize)]
struct Golden {
    tolerance: f64,
    models: Vec<OneModel>,
}

#[derive(Serialize, Deserialize)]
struct OneModel {
    file: String,
    #[serde(flatten)]
    about: About,
    users: Vec<OneUser>,
}

#[derive(PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct About {
    items: usize,
    choice: bool,
    ratings: bool,
    deviations: bool,
    vector_width: usize,
    ids: Vec<String>,
    titles: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct OneUser {
    #[serde(flatten)]
    given: Given,
    #[serde(flatten)]
    answers: Expected,
}

#[derive(Clone, Serialize, Deserialize)]
struct Given {
    profile: Vec<ProfileValue>,
    answers: Vec<(u32, f32)>,
    unknown: Vec<u32>,
    count: usize,
    options: Options,
}

#[derive(Clone, Serialize, Deserialize)]
struct ProfileValue {
    field: String,
    #[serde(flatten)]
    value: OneValue,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OneValue {
    Name(String),
    Index(u32),
    Number(f32),
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leave_out: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    among: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "is_default")]
    new_items: usize,
    #[serde(skip_serializing_if = "is_default")]
    add_neighbours: bool,
    #[serde(skip_serializing_if = "is_default")]
    keep_rated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<ByRating>,
    #[serde(skip_serializing_if = "is_default")]
    min_raters: u32,
    #[serde(skip_serializing_if = "is_default")]
    popularity_discount: f32,
    #[serde(skip_serializing_if = "is_default")]
    only_even: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByRating {
    Rating,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Expected {
    scores: Vec<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted_deviations: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vec<f32>>,
    best: Vec<Found>,
    question: Option<Asked>,
    saved: String,
}

#[derive(Serialize, Deserialize)]
struct Found {
    item: u32,
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deviation: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct Asked {
    item: u32,
    known: f32,
    reduction: f32,
}

fn about(model: &Model, catalog: &Catalog) -> About {
    let items = 0..catalog.len() as u32;
    About {
        items: catalog.len(),
        choice: model.config().choice.is_some(),
        ratings: model.has_ratings(),
        deviations: model.has_deviations(),
        vector_width: catalog.item_vectors().map_or(0, |(_, width)| width),
        ids: items.clone().map(|item| catalog.id(item).unwrap().to_string()).collect(),
        titles: items.map(|item| catalog.title(item).unwrap_or_default().into()).collect(),
    }
}

/// The answers of this process's level of instructions.
fn answers(catalog: &Catalog, given: &Given) -> Expected {
    let profile: Vec<(&str, Value)> = given
        .profile
        .iter()
        .map(|ProfileValue { field, value }| {
            let value = match value {
                OneValue::Name(name) => Value::Name(name),
                OneValue::Index(index) => Value::Index(*index),
                OneValue::Number(number) => Value::Number(*number),
            };
            (field.as_str(), value)
        })
        .collect();
    let mut scratch = Scratch::new(catalog).unwrap();
    let mut user = User::new(catalog, &profile).unwrap();
    let (items, ratings): (Vec<u32>, Vec<f32>) = given.answers.iter().copied().unzip();
    user.adapt(&items, &ratings, &mut scratch).unwrap();
    let expected = numbers(&user, given, &mut scratch);

    let loaded = User::load(catalog, &user.save().unwrap(), &mut scratch).unwrap();
    assert!(!loaded.adapted_anew && loaded.missing_items == 0);
    assert_eq!(numbers(&loaded.user, given, &mut scratch).scores, expected.scores);
    expected
}

fn numbers(user: &User, given: &Given, scratch: &mut Scratch) -> Expected {
    let (model, catalog) = (user.model(), user.catalog());
    let all: Vec<u32> = (0..catalog.len() as u32).collect();
    let blank = || vec![0.0; all.len()];
    let mut scores = blank();
    user.score_all(&mut scores, scratch).unwrap();
    let (mut predicted, mut deviations) = (None, None);
    if model.has_deviations() {
        let (ratings, deviations) = (predicted.insert(blank()), deviations.insert(blank()));
        user.predict_with_deviations(&all, ratings, deviations, scratch).unwrap();
    } else if model.has_ratings() {
        user.predict(&all, predicted.insert(blank()), scratch).unwrap();
    }
    let even = |item: u32| item.is_multiple_of(2);
    let Options { leave_out, among, order, only_even, .. } = &given.options;
    let options = RecommendOptions {
        among: among.as_deref(),
        add_neighbours: given.options.add_neighbours,
        leave_out,
        filter: only_even.then_some(Filter(&even)),
        keep_rated: given.options.keep_rated,
        order: if order.is_some() { Order::Rating } else { Order::Score },
        exposure: 1.0 - given.options.popularity_discount,
        min_raters: given.options.min_raters,
        new_items: given.options.new_items,
    };
    let mut best = Vec::new();
    user.recommend(given.count, &options, &mut best, scratch).unwrap();
    let number = |number: f32| (!number.is_nan()).then_some(number);
    let best = best.iter().map(|found| Found {
        item: found.item,
        score: found.score,
        rating: number(found.rating),
        deviation: number(found.deviation),
    });
    let options = QuestionOptions { unknown: &given.unknown, ..QuestionOptions::default() };
    let mut questions = Questions::new(catalog).unwrap();
    let question = user.next_question(&mut questions, options).unwrap();
    Expected {
        scores,
        predicted,
        predicted_deviations: deviations,
        vector: user.vector().map(<[f32]>::to_vec),
        best: best.collect(),
        question: question.map(|asked| Asked {
            item: asked.item,
            known: asked.known,
            reduction: asked.reduction,
        }),
        saved: user.save().unwrap().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

struct Comparison {
    tolerance: f64,
    differences: Vec<String>,
}

impl Comparison {
    fn allowed(&self, expected: f32) -> f64 {
        self.tolerance * (1.0 + f64::from(expected.abs()))
    }

    fn lists(&mut self, what: &str, found: Option<&[f32]>, expected: Option<&[f32]>) {
        let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
        if found.len() != expected.len() {
            return self.differences.push(format!("{what}: {found:?}, not {expected:?}"));
        }
        for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = f64::from((found - expected).abs());
            if error.is_nan() || error > self.allowed(*expected) {
                self.differences.push(format!("{what} {place}: {found}, not {expected}"));
            }
        }
    }

    fn users(&mut self, what: &str, found: &Expected, expected: &Expected) {
        self.lists(&format!("{what} score"), Some(&found.scores), Some(&expected.scores));
        let (ratings, others) = (found.predicted.as_deref(), expected.predicted.as_deref());
        self.lists(&format!("{what} rating"), ratings, others);
        let deviations = found.predicted_deviations.as_deref();
        let others = expected.predicted_deviations.as_deref();
        self.lists(&format!("{what} deviation"), deviations, others);
        let (vector, other) = (found.vector.as_deref(), expected.vector.as_deref());
        self.lists(&format!("{what} vector"), vector, other);
        let flat = |best: &[Found]| -> Vec<f32> {
            best.iter()
                .flat_map(|found| {
                    let Found { item, score, rating, deviation } = found;
                    [Some(*item as f32), Some(*score), *rating, *deviation]
                })
                .flatten()
                .collect()
        };
        let (best, others) = (flat(&found.best), flat(&expected.best));
        self.lists(&format!("{what} best"), Some(&best), Some(&others));
        let flat = |question: &Option<Asked>| -> Vec<f32> {
            let asked = question.iter();
            asked.flat_map(|asked| [asked.item as f32, asked.known, asked.reduction]).collect()
        };
        let (question, other) = (flat(&found.question), flat(&expected.question));
        self.lists(&format!("{what} question"), Some(&question), Some(&other));
        // The saved head differs by rounding, as all numbers do.
        if found.saved.len() != expected.saved.len() {
            self.differences.push(format!("{what}: it is saved in another form"));
        }
        for pair in expected.best.windows(2) {
            let apart = f64::from(pair[0].score - pair[1].score);
            if apart.abs() < 10.0 * self.allowed(pair[0].score) {
                self.differences.push(format!("{what}: the order hangs on rounding"));
            }
        }
    }
}

#[test]
fn numbers_are_the_same_everywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = fs::read_to_string(root.join(GOLDEN)).unwrap();
    let golden: Golden = serde_json::from_str(&golden).unwrap();
    let mut comparison = Comparison { tolerance: golden.tolerance, differences: Vec::new() };
    let mut models = Vec::new();
    for OneModel { file, about: described, users } in &golden.models {
        let model = Model::open(root.join(file)).unwrap();
        let catalog = model.catalog().unwrap().unwrap();
        let about = about(&model, &catalog);
        if about != *described {
            comparison.differences.push(format!("{file}: {about:?}, not {described:?}"));
        }
        let mut made = Vec::new();
        for (place, user) in users.iter().enumerate() {
            let answers = answers(&catalog, &user.given);
            comparison.users(&format!("{file} user {place}"), &answers, &user.answers);
            if !user.answers.saved.is_empty() {
                let mut scratch = Scratch::new(&catalog).unwrap();
                let saved = bytes(&user.answers.saved);
                let loaded = User::load(&catalog, &saved, &mut scratch).unwrap();
                assert!(!loaded.adapted_anew, "{file}: another fingerprint");
                let numbers = numbers(&loaded.user, &user.given, &mut scratch);
                let what = format!("{file} user {place} loaded");
                comparison.users(&what, &numbers, &user.answers);
            }
            made.push(OneUser { given: user.given.clone(), answers });
        }
        models.push(OneModel { file: file.clone(), about, users: made });
    }
    if comparison.differences.is_empty() {
        return;
    }
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("everywhere.json");
    let golden = Golden { tolerance: golden.tolerance, models };
    fs::write(&made, serde_json::to_string_pretty(&golden).unwrap() + "\n").unwrap();
    panic!(
        "with {}:\n{}\nif that is meant: cp {} {GOLDEN}",
        kernel_name(),
        comparison.differences.join("\n"),
        made.display()
    );
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A process has one level; so each one that this processor has gets a process of its own.
#[test]
fn numbers_are_the_same_with_all_instructions() {
    for kernel in kernel_names() {
        let mut test = this_test("numbers_are_the_same_everywhere");
        test.env("MELU_KERNEL", kernel);
        let output = test.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
