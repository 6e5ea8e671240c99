//! Every call of a model that was opened.

use std::sync::Arc;

use melu::{
    Catalog, Error, Model, NewItem, OpenOptions, QuestionOptions, Questions, RecommendOptions,
    Scratch, User, greedy_evidence,
};

/// A limit that a fuzzer's memory allows.
const OPTIONS: OpenOptions = OpenOptions { copy: false, max_memory: 64 << 20 };

/// Opens a file; what can be opened must be usable.
pub fn open(bytes: Vec<u8>) -> Option<Model> {
    let model = Model::from_shared_with(Arc::new(bytes), &OPTIONS).ok()?;
    let _ = model.fingerprint();
    if let Ok(Some(catalog)) = model.catalog() {
        use_catalog(&catalog);
    }
    let items = ["a", "b"].map(|id| NewItem { id, title: None, values: &[] });
    if let Ok(catalog) = Catalog::new(&model, &items) {
        use_catalog(&catalog);
        let more = NewItem { id: "c", title: Some("C"), values: &[] };
        if let Ok(more) = catalog.extend(&[more]) {
            assert_eq!(more.len(), 3);
        }
    }
    Some(model)
}

/// Finite, or a call said that it is not.
fn finite(result: Result<(), Error>, numbers: &[f32]) {
    let is_finite = numbers.iter().all(|number| number.is_finite());
    assert!(result.is_err() || is_finite, "{numbers:?}");
}

pub fn use_catalog(catalog: &Catalog) {
    let (Ok(mut user), Ok(mut scratch)) = (User::new(catalog, &[]), Scratch::new(catalog)) else {
        return;
    };
    let items: Vec<u32> = (0..catalog.len().min(100) as u32).collect();
    let mut scores = vec![0.0; items.len()];
    let range = catalog.model().config().output.range;
    let ratings = vec![range.map_or(1.0, |range| range[1]); items.len()];
    for adapted in [false, true] {
        if adapted {
            let _ = user.adapt(&items, &ratings, &mut scratch);
        }
        finite(user.score(&items, &mut scores, &mut scratch), &scores);
        finite(user.predict(&items, &mut scores, &mut scratch), &scores);
        let mut deviations = scores.clone();
        let predicted =
            user.predict_with_deviations(&items, &mut scores, &mut deviations, &mut scratch);
        finite(predicted, &deviations);
        let options = RecommendOptions { keep_rated: true, ..RecommendOptions::default() };
        let mut best = Vec::new();
        let listed = user.recommend(5, &options, &mut best, &mut scratch);
        let listed_scores: Vec<f32> = best.iter().map(|found| found.score).collect();
        finite(listed, &listed_scores);
        assert!(best.is_sorted());
        let _ = user.gradient_norms(&items, &ratings, &mut scores, &mut scratch);
        let saved = user.save().expect("there is memory");
        let _ = User::load(catalog, &saved, &mut scratch);
    }
    if let Ok(mut questions) = Questions::new(catalog)
        && let Ok(Some(question)) = user.next_question(&mut questions, QuestionOptions::default())
    {
        assert!((question.item as usize) < catalog.len() && question.reduction.is_finite());
    }
    if catalog.len() < 100 {
        let _ = greedy_evidence(catalog, 3);
    }
    for &item in &items {
        let id = catalog.id(item).expect("it is in the catalogue");
        assert_eq!(catalog.find(id), Some(item));
        let _ = catalog.title(item);
    }
}
