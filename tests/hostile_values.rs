//! Weight files and saved users whose numbers are absurd, but finite: what a call gives is finite,
//! or the call says that it diverged.

#![cfg(feature = "train")]

mod common;

use common::choosing::{positive_only, with_ratings};
use common::files::{bytes, sample, sample_with_vectors, with_header};
use melu::model::medians::Medians;
use melu::{Error, Model, QuestionOptions, Questions, RecommendOptions, Scratch, User};
use serde_json::Value as Json;
use xxhash_rust::xxh64::xxh64;

const EXTREMES: [f32; 7] = [f32::MAX, f32::MIN, 1e30, -1e30, 1e19, f32::MIN_POSITIVE, 0.0];

/// What may be wrong with such numbers; all else is a defect.
fn is_expected(error: &Error) -> bool {
    matches!(
        error,
        Error::Diverged { .. }
            | Error::WeightFile { .. }
            | Error::SavedUser { .. }
            | Error::Rating { .. }
            // A field of numbers with an absurd scale cannot describe an item in f16.
            | Error::Argument { .. }
    )
}

/// The highest rating, or what stands for a choice.
fn highest(model: &Model) -> f32 {
    model.config().output.range.map_or(1.0, |[_, highest]| highest)
}

/// Calls everything, and returns how many calls there were.
fn use_all(bytes: Vec<u8>, what: &str) -> usize {
    let mut calls = 0;
    let mut finite = |result: Result<&[f32], Error>| {
        calls += 1;
        match result {
            Ok(numbers) => assert!(numbers.iter().all(|n| n.is_finite()), "{what}: {numbers:?}"),
            Err(error) => assert!(is_expected(&error), "{what}: {error}"),
        }
    };
    let model = match Model::from_bytes(bytes) {
        Ok(model) => model,
        Err(error) => {
            finite(Err(error));
            return calls;
        }
    };
    let catalog = match model.catalog() {
        Ok(catalog) => catalog.expect("the samples have items"),
        Err(error) => {
            finite(Err(error));
            return calls;
        }
    };
    let mut scratch = Scratch::new(&catalog).unwrap();
    let mut user = User::new(&catalog, &[]).unwrap();
    let items = catalog.len();
    let given: Vec<u32> = (0..items.min(3) as u32).collect();
    let values = vec![highest(&model); given.len()];
    let (mut scores, mut deviations) = (vec![0.0; items], vec![0.0; items]);
    let all: Vec<u32> = (0..items as u32).collect();
    for adapted in [false, true] {
        if adapted {
            let outcome = user.adapt(&given, &values, &mut scratch);
            finite(outcome.map(|()| &[][..]));
        }
        let outcome = user.score_all(&mut scores, &mut scratch);
        finite(outcome.map(|()| &scores[..]));
        if model.has_ratings() {
            let outcome = user.predict(&all, &mut scores, &mut scratch);
            finite(outcome.map(|()| &scores[..]));
        }
        if model.has_deviations() {
            let outcome =
                user.predict_with_deviations(&all, &mut scores, &mut deviations, &mut scratch);
            let numbers = [&scores[..], &deviations].concat();
            finite(outcome.map(|()| &numbers[..]));
        }
        for order in [melu::Order::Score, melu::Order::Rating] {
            let options = RecommendOptions { order, ..RecommendOptions::default() };
            let mut best = Vec::new();
            let outcome = user.recommend(items, &options, &mut best, &mut scratch);
            let numbers = best.iter().flat_map(|found| {
                let rating = model.has_ratings().then_some(found.rating);
                let deviation = model.has_deviations().then_some(found.deviation);
                [Some(found.score), rating, deviation].into_iter().flatten()
            });
            let numbers: Vec<f32> = numbers.collect();
            assert!(best.is_sorted(), "{what}: {best:?}");
            finite(outcome.map(|()| &numbers[..]));
        }
        if model.has_questions() {
            let mut questions = Questions::new(&catalog).unwrap();
            let options = QuestionOptions::default();
            let outcome = user.next_question(&mut questions, options);
            let numbers = match &outcome {
                Ok(Some(question)) => vec![question.known, question.reduction],
                _ => Vec::new(),
            };
            finite(outcome.map(|_| &numbers[..]));
        }
        let saved = user.save().unwrap();
        let outcome = User::load(&catalog, &saved, &mut scratch);
        finite(outcome.map(|_| &[][..]));
    }
    calls
}

#[test]
fn no_weight_leads_to_a_number_that_is_none() {
    let models = [sample(), sample_with_vectors(), with_ratings(40), positive_only(40)];
    let mut calls = 0;
    for (model, contents) in models.iter().enumerate() {
        let file = bytes(contents);
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&file).unwrap();
        let data = file.len() - metadata.data_len();
        for (name, tensor) in metadata.tensors() {
            let (begin, end) = tensor.data_offsets;
            if tensor.dtype != safetensors::Dtype::F32 || begin == end {
                continue;
            }
            for extreme in EXTREMES {
                for every in [1, 2, 7, end - begin] {
                    let mut changed = file.clone();
                    let numbers = changed[data + begin..data + end].chunks_exact_mut(4);
                    numbers
                        .step_by(every)
                        .for_each(|number| number.copy_from_slice(&extreme.to_le_bytes()));
                    calls += use_all(changed, &format!("model {model}, {name}, {extreme:e}"));
                }
            }
        }
    }
    assert!(calls > 10_000, "{calls}");
}

/// All numbers in JSON, by their places.
fn numbers(json: &Json, place: String, to: &mut Vec<String>) {
    match json {
        Json::Number(_) => to.push(place),
        Json::Array(list) => {
            let children = list.iter().enumerate();
            children.for_each(|(child, json)| numbers(json, format!("{place}/{child}"), to));
        }
        Json::Object(object) => {
            let children = object.iter();
            children.for_each(|(child, json)| numbers(json, format!("{place}/{child}"), to));
        }
        _ => {}
    }
}

#[test]
fn what_opens_can_be_saved_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.melu");
    let beyond = [1e39, -1e39, 1e-46, 1e300].into_iter();
    let numbers_to_try: Vec<f64> = EXTREMES.into_iter().map(f64::from).chain(beyond).collect();
    let (mut saved, mut refused) = (0, 0);
    for contents in [sample(), sample_with_vectors(), with_ratings(40), positive_only(40)] {
        let mut contents = contents;
        if contents.config.has_ratings() {
            contents.config.medians = Some(Medians::new(vec![2.5], vec![2.0, 3.0]).unwrap());
            contents.config.output.range = Some([1.0, 5.0]);
        }
        let file = bytes(&contents);
        for key in ["melu.config", "melu.priors"] {
            let mut json = Json::Null;
            with_header(&file, |header| {
                let text = header["__metadata__"][key].as_str();
                json = text.map_or(Json::Null, |text| serde_json::from_str(text).unwrap());
            });
            let mut places = Vec::new();
            numbers(&json, String::new(), &mut places);
            for (place, number) in
                places.iter().flat_map(|place| numbers_to_try.iter().map(move |n| (place, *n)))
            {
                let mut changed = json.clone();
                *changed.pointer_mut(place).unwrap() = number.into();
                let file = with_header(&file, |header| {
                    header["__metadata__"][key] = changed.to_string().into();
                });
                let what = format!("{key}{place}: {number:e}");
                let Ok(model) = Model::from_bytes(file) else {
                    refused += 1;
                    continue;
                };
                assert!(number.abs() <= f64::from(f32::MAX), "{what} is beyond f32");
                match model.save(&path) {
                    Ok(()) => {}
                    // Its catalogue cannot be computed.
                    Err(error) => {
                        assert!(model.catalog().is_err(), "{what}: {error}");
                        continue;
                    }
                }
                let again = Model::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(again.config(), model.config(), "{what}");
                assert_eq!(again.fingerprint(), model.fingerprint(), "{what}");
                saved += 1;
            }
        }
    }
    assert!(saved > 200 && refused > 200, "{saved} and {refused}");
}

#[test]
fn no_rating_leads_to_a_number_that_is_none() {
    for contents in [sample(), sample_with_vectors(), with_ratings(40)] {
        for with_range in [true, false] {
            let mut contents = contents.clone();
            if !with_range {
                contents.config.output.range = None;
            }
            let model = Model::from_contents(contents).unwrap();
            let catalog = model.catalog().unwrap().unwrap();
            let mut scratch = Scratch::new(&catalog).unwrap();
            let mut scores = vec![0.0; catalog.len()];
            for rating in EXTREMES.into_iter().chain([1e6, 1e9, 1e10, f32::NAN, f32::INFINITY]) {
                for count in [1, 5, 1_000] {
                    let mut user = User::new(&catalog, &[]).unwrap();
                    let items: Vec<u32> =
                        (0..count).map(|place| place * 7 % catalog.len() as u32).collect();
                    let sign = |place: usize| if place % 2 == 1 { -1.0 } else { 1.0 };
                    let values: Vec<f32> =
                        (0..count as usize).map(|place| sign(place) * rating).collect();
                    match user.adapt(&items, &values, &mut scratch) {
                        Ok(()) => {}
                        Err(error) => assert!(is_expected(&error), "{error}"),
                    }
                    match user.score_all(&mut scores, &mut scratch) {
                        Ok(()) => assert!(scores.iter().all(|score| score.is_finite())),
                        Err(Error::Diverged { .. }) => {}
                        Err(error) => panic!("{count} of {rating:e}: {error}"),
                    }
                }
            }
        }
    }
}

#[test]
fn no_saved_user_leads_to_a_number_that_is_none() {
    for contents in [sample(), sample_with_vectors(), with_ratings(40), positive_only(40)] {
        let model = Model::from_contents(contents).unwrap();
        let catalog = model.catalog().unwrap().unwrap();
        let mut scratch = Scratch::new(&catalog).unwrap();
        let mut user = User::new(&catalog, &[]).unwrap();
        user.adapt(&[0, 1], &[highest(&model); 2], &mut scratch).unwrap();
        let saved = user.save().unwrap();
        let mut scores = vec![0.0; catalog.len()];
        for place in 0..saved.len().saturating_sub(4) {
            for extreme in EXTREMES.into_iter().chain([f32::NAN, f32::INFINITY]) {
                let mut changed = saved.clone();
                changed[place..place + 4].copy_from_slice(&extreme.to_le_bytes());
                let end = changed.len() - 8;
                let checksum = xxh64(&changed[..end], 0);
                changed[end..].copy_from_slice(&checksum.to_le_bytes());
                let Ok(loaded) = User::load(&catalog, &changed, &mut scratch) else { continue };
                match loaded.user.score_all(&mut scores, &mut scratch) {
                    Ok(()) => assert!(scores.iter().all(|score| score.is_finite())),
                    Err(error) => assert!(is_expected(&error), "{error}"),
                }
                let mut best = Vec::new();
                let options = RecommendOptions::default();
                match loaded.user.recommend(5, &options, &mut best, &mut scratch) {
                    Ok(()) => assert!(best.iter().all(|found| found.score.is_finite())),
                    Err(error) => assert!(is_expected(&error), "{error}"),
                }
            }
        }
    }
}
