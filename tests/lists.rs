//! Lists from the whole catalogue: scores against plain loops over what the model holds,
//! what a list may leave out and keep, and models without ratings.

#![cfg(feature = "train")]

mod common;

use std::ops::ControlFlow;
use std::sync::OnceLock;

use melu::data::{Dataset, Feedback, SynthOptions, World};
use melu::train::{TrainOptions, Trainer};
use melu::{Catalog, Error, Model, Order, RecommendOptions, Recommendation, Scratch, User};

fn train(positive_only: bool) -> (Dataset, Model) {
    let options = SynthOptions {
        users: 300,
        items: 150,
        ratings_per_user: 40,
        positive_only,
        ..SynthOptions::default()
    };
    let dataset = World::generate(&options).unwrap().dataset().unwrap();
    let options = TrainOptions { epochs: 2, ..TrainOptions::default() };
    let mut trainer = Trainer::new(&dataset, &options, 2).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    let model = Model::from_contents(trainer.finish().unwrap()).unwrap();
    (dataset, model)
}

/// A model of ratings, and one of the same choices without.
fn models() -> &'static [Model; 2] {
    static MODELS: OnceLock<[Model; 2]> = OnceLock::new();
    MODELS.get_or_init(|| [false, true].map(|positive_only| train(positive_only).1))
}

fn catalog(model: &Model) -> Catalog {
    model.catalog().unwrap().unwrap()
}

/// Known items, some of which a user answers, with values that the model takes.
fn answers(catalog: &Catalog, count: usize) -> (Vec<u32>, Vec<f32>) {
    let known = (0..catalog.len() as u32).filter(|&item| catalog.raters(item).unwrap() > 0);
    let items: Vec<u32> = known.step_by(3).take(count).collect();
    let values = (0..items.len()).map(|place| match catalog.model().has_ratings() {
        true => [5.0, 2.0, 4.0, 3.5][place % 4],
        false => 1.0,
    });
    let values = values.collect();
    (items, values)
}

/// The scores of all items by plain loops, from the user's vector and the weight file's
/// neighbours.
fn expected(user: &mut User) -> Vec<f64> {
    let catalog = user.catalog().clone();
    let head = catalog.model().choice().unwrap().clone();
    let (rows, width) = catalog.item_vectors().unwrap();
    let vector = user.vector().unwrap().to_vec();
    let product = |row: &[f32]| -> f64 {
        row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let mut scores: Vec<f64> = rows.chunks(width).map(product).collect();
    let items = catalog.table().choice.as_ref().unwrap();
    let (answered, values) = (user.rated().to_vec(), user.ratings().to_vec());
    let count = answered.len() as f64;
    let share = f64::from(head.neighbours) * count / (count + 10.0);
    for (item, value) in answered.iter().zip(values) {
        for (other, weight) in items.neighbours_of(*item) {
            scores[other as usize] += share * f64::from(head.strengths.at(value) * weight);
        }
    }
    if head.rating != 0.0 {
        let all: Vec<u32> = (0..scores.len() as u32).collect();
        let mut ratings = vec![0.0; all.len()];
        user.predict(&all, &mut ratings, &mut common::scratch(user)).unwrap();
        let [lowest, highest] = head.rating_range;
        for (score, rating) in scores.iter_mut().zip(ratings) {
            *score += f64::from(head.rating * rating.clamp(lowest, highest));
        }
    }
    scores
}

#[test]
fn scores_are_those_of_plain_loops() {
    for model in models() {
        let catalog = catalog(model);
        let mut user = User::new(&catalog, &[]).unwrap();
        for count in [0, 1, 5, 20, 45] {
            let (items, values) = answers(&catalog, count);
            user.adapt(&items, &values, &mut common::scratch(&user)).unwrap();
            let expected = expected(&mut user);
            let mut scores = vec![0.0; catalog.len()];
            user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
            let spread = expected.iter().fold(1e-3, |most: f64, score| most.max(score.abs()));
            for (score, expected) in scores.iter().zip(&expected) {
                let gap = (f64::from(*score) - expected).abs();
                assert!(gap < 1e-5 * spread, "{count} answers: {score} {expected}");
            }
            // The same bits one by one.
            let all: Vec<u32> = (0..catalog.len() as u32).collect();
            let mut listed = vec![0.0; catalog.len()];
            user.score(&all, &mut listed, &mut common::scratch(&user)).unwrap();
            assert_eq!(scores, listed);
        }
    }
}

/// The items of a list that is made of all scores.
fn sorted(scores: &[f32], is_left_out: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut items: Vec<Recommendation> = (0u32..)
        .zip(scores)
        .filter(|(item, _)| !is_left_out(*item))
        .map(|(item, score)| Recommendation::new(item, *score))
        .collect();
    items.sort();
    items.iter().map(|found| found.item).collect()
}

fn items(best: &[Recommendation]) -> Vec<u32> {
    best.iter().map(|found| found.item).collect()
}

#[test]
fn a_list_is_the_best_of_all_scores_for_any_number_of_threads() {
    for model in models() {
        let catalog = catalog(model);
        let mut user = User::new(&catalog, &[]).unwrap();
        for count in [0, 3, 20] {
            let (answered, values) = answers(&catalog, count);
            user.adapt(&answered, &values, &mut common::scratch(&user)).unwrap();
            let mut scores = vec![0.0; catalog.len()];
            user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
            let expected = sorted(&scores, |item| answered.contains(&item));
            for threads in 1..4 {
                let mut best = vec![Recommendation::new(0, 0.0); 20];
                let options = RecommendOptions::default();
                let found = user
                    .recommend_by_threads(threads, &options, &mut best, &mut common::scratch(&user))
                    .unwrap();
                assert_eq!(items(&best[..found]), expected[..20]);
                for found in &best {
                    assert_eq!(found.score, scores[found.item as usize]);
                    assert_eq!(found.rating.is_nan(), !model.has_ratings());
                    assert_eq!(found.deviation.is_nan(), !model.has_ratings());
                }
            }
        }
    }
}

#[test]
fn ratings_stand_beside_scores_and_may_order() {
    let model = &models()[0];
    let catalog = catalog(model);
    let mut user = User::new(&catalog, &[]).unwrap();
    let (answered, values) = answers(&catalog, 10);
    user.adapt(&answered, &values, &mut common::scratch(&user)).unwrap();
    let all: Vec<u32> = (0..catalog.len() as u32).collect();
    let (mut ratings, mut deviations) = (vec![0.0; all.len()], vec![0.0; all.len()]);
    user.predict_with_deviations(&all, &mut ratings, &mut deviations, &mut common::scratch(&user))
        .unwrap();
    for order in [Order::Score, Order::Rating] {
        let mut best = Vec::new();
        user.recommend(
            15,
            &RecommendOptions { order, ..Default::default() },
            &mut best,
            &mut common::scratch(&user),
        )
        .unwrap();
        for found in &best {
            assert_eq!(found.rating, ratings[found.item as usize]);
            assert_eq!(found.deviation, deviations[found.item as usize]);
        }
        if order == Order::Rating {
            let expected = sorted(&ratings, |item| answered.contains(&item));
            assert_eq!(items(&best), expected[..15]);
        }
    }
}

#[test]
fn scores_are_finite_however_large_the_weights_of_neighbours() {
    let mut contents = common::choosing::positive_only(50);
    let choice = contents.catalog.as_mut().and_then(|table| table.choice.as_mut()).unwrap();
    let signs = (0..choice.weights.len()).map(|place| if place % 7 < 3 { 3e38 } else { -3e38 });
    choice.weights = signs.collect::<Vec<f32>>().into();
    let catalog = catalog(&Model::from_contents(contents).unwrap());
    let mut scratch = Scratch::new(&catalog).unwrap();
    let mut user = User::new(&catalog, &[]).unwrap();
    let (rated, ratings): (Vec<u32>, Vec<f32>) = ((0..40).collect(), vec![1.0; 40]);
    user.adapt(&rated, &ratings, &mut scratch).unwrap();
    let mut scores = vec![f32::NAN; catalog.len()];
    user.score_all(&mut scores, &mut scratch).unwrap();
    assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
    assert!(scores.iter().any(|score| score.abs() > 1e38), "{scores:?}");
}

#[test]
fn a_list_may_ask_for_less_exposure_more_raters_and_new_items() {
    for model in models() {
        let catalog = catalog(model);
        let mut user = User::new(&catalog, &[]).unwrap();
        let (answered, values) = answers(&catalog, 10);
        user.adapt(&answered, &values, &mut common::scratch(&user)).unwrap();
        let raters = |item: u32| catalog.raters(item).unwrap();
        let list = |user: &mut User, options: &RecommendOptions| {
            let mut best = Vec::new();
            user.recommend(20, options, &mut best, &mut common::scratch(user)).unwrap();
            best
        };
        let mean = |best: &[Recommendation]| {
            best.iter().map(|found| f64::from(raters(found.item))).sum::<f64>() / best.len() as f64
        };
        let plain = list(&mut user, &RecommendOptions::default());
        let less = list(&mut user, &RecommendOptions { exposure: 0.0, ..Default::default() });
        assert!(mean(&less) < mean(&plain), "{} {}", mean(&less), mean(&plain));
        // The scores say by how much.
        let head = model.choice().unwrap();
        let (rows, width) = catalog.item_vectors().unwrap();
        let mut scores = vec![0.0; catalog.len()];
        user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
        for found in &less {
            let bias = rows[found.item as usize * width + width - 2];
            let expected = scores[found.item as usize] - head.exposure * bias;
            assert!((found.score - expected).abs() < 1e-4 * (1.0 + expected.abs()));
        }

        let median = {
            let mut all: Vec<u32> = (0..catalog.len() as u32).map(raters).collect();
            all.sort_unstable();
            all[all.len() / 2]
        };
        let known = RecommendOptions { min_raters: median, ..Default::default() };
        let expected = sorted(&scores, |item| answered.contains(&item) || raters(item) < median);
        assert_eq!(items(&list(&mut user, &known)), expected[..20]);

        for new_items in [1, 6, 20] {
            for threads in [1, 3] {
                let options = RecommendOptions { new_items, ..Default::default() };
                let mut best = vec![Recommendation::new(0, 0.0); 20];
                user.recommend_by_threads(
                    threads,
                    &options,
                    &mut best,
                    &mut common::scratch(&user),
                )
                .unwrap();
                let is_new = |item: &u32| raters(*item) == 0;
                let found = items(&best);
                let new: Vec<u32> = found.iter().copied().filter(is_new).collect();
                let best_new = sorted(&scores, |item| !is_new(&item));
                let available = best_new.len().min(new_items);
                assert!(new.len() >= available, "{new_items} of {available}: {new:?}");
                assert_eq!(new, best_new[..new.len()]);
                // What is not new is the best of it.
                let old: Vec<u32> = found.iter().copied().filter(|i| !is_new(i)).collect();
                let best_old = sorted(&scores, |item| is_new(&item) || answered.contains(&item));
                assert_eq!(old, best_old[..old.len()]);
                assert!(best.is_sorted());
            }
        }
        for exposure in [-1e6, 1e6] {
            let all = list(&mut user, &RecommendOptions { exposure, ..Default::default() });
            assert_eq!(all.len(), 20, "{exposure}");
        }
        let wrong = RecommendOptions { exposure: f32::NAN, ..Default::default() };
        let error =
            user.recommend(3, &wrong, &mut Vec::new(), &mut common::scratch(&user)).unwrap_err();
        assert!(error.to_string().contains("exposure"), "{error}");
    }
}

/// In a world with few interactions, lists by vectors that had vanished looked best.
#[test]
fn vectors_of_a_small_world_do_not_vanish() {
    for positive_only in [false, true] {
        let model = Model::from_contents(common::choosing::trained(positive_only)).unwrap();
        let catalog = catalog(&model);
        let (items, ratings) = answers(&catalog, 5);
        let mut user = User::new(&catalog, &[]).unwrap();
        let mut spread = || {
            let mut scores = vec![0.0; catalog.len()];
            user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
            let of = |pick: fn(f32, f32) -> f32| scores.iter().copied().reduce(pick).unwrap();
            let spread = of(f32::max) - of(f32::min);
            user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
            spread
        };
        let (before, after) = (spread(), spread());
        assert!(before > 1e-3 && after > 1e-3, "{positive_only}: {before}, {after}");
    }
}

#[test]
fn a_model_without_ratings_predicts_none() {
    let (dataset, _) = train(true);
    assert_eq!(dataset.feedback, Feedback::PositiveOnly);
    let model = &models()[1];
    assert!(!model.has_ratings() && !model.has_deviations());
    let user = User::new(&catalog(model), &[]).unwrap();
    let error = user.predict(&[0], &mut [0.0], &mut common::scratch(&user)).unwrap_err();
    assert!(error.to_string().contains("without ratings"), "{error}");
    let options = RecommendOptions { order: Order::Rating, ..Default::default() };
    let error =
        user.recommend(3, &options, &mut Vec::new(), &mut common::scratch(&user)).unwrap_err();
    assert!(matches!(error, Error::Argument { argument: "order", .. }), "{error}");
}

#[test]
fn a_weight_file_keeps_the_head_to_the_bit() {
    for model in models() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        model.save(&path).unwrap();
        let opened = Model::open(&path).unwrap();
        assert_eq!(opened.config(), model.config());
        assert_eq!(opened.fingerprint(), model.fingerprint());
        let scores = [model, &opened].map(|model| {
            let catalog = catalog(model);
            let mut user = User::new(&catalog, &[]).unwrap();
            let (items, values) = answers(&catalog, 7);
            user.adapt(&items, &values, &mut common::scratch(&user)).unwrap();
            let mut scores = vec![0.0; catalog.len()];
            user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
            let loaded =
                User::load(&catalog, &user.save().unwrap(), &mut Scratch::new(&catalog).unwrap())
                    .unwrap();
            assert!(!loaded.adapted_anew);
            assert_eq!(loaded.user.vector(), user.vector());
            scores
        });
        assert_eq!(scores[0], scores[1]);
    }
}

#[test]
fn a_catalogue_of_some_items_scores_them_alike() {
    for model in models() {
        let whole = catalog(model);
        let table = model.contents().catalog.as_ref().unwrap();
        // Every second item, without what the head for choosing sees of it.
        let kept: Vec<u32> = (0..whole.len() as u32).step_by(2).collect();
        let values: Vec<Vec<(&str, melu::model::schema::Value)>> = kept
            .iter()
            .map(|&item| {
                let fields = model.config().item_fields.iter().zip(&table.columns);
                let values = fields.flat_map(|(field, column)| {
                    let number =
                        column.number(item as usize).map(melu::model::schema::Value::Number);
                    let indices = column.row(item as usize).iter();
                    let indices = indices.map(|&index| melu::model::schema::Value::Index(index));
                    indices.chain(number).map(|value| (field.name.as_str(), value))
                });
                values.collect()
            })
            .collect();
        let new: Vec<melu::NewItem> = kept
            .iter()
            .zip(&values)
            .map(|(&item, values)| melu::NewItem {
                id: whole.id(item).unwrap(),
                title: None,
                values,
            })
            .collect();
        let part = Catalog::new(model, &new).unwrap();
        let (answered, values): (Vec<u32>, Vec<f32>) =
            (vec![2, 8, 20], vec![if model.has_ratings() { 4.0 } else { 1.0 }; 3]);
        let mut of_whole = User::new(&whole, &[]).unwrap();
        let mut of_part = User::new(&part, &[]).unwrap();
        of_whole.adapt(&answered, &values, &mut common::scratch(&of_whole)).unwrap();
        let here: Vec<u32> = answered.iter().map(|item| item / 2).collect();
        of_part.adapt(&here, &values, &mut common::scratch(&of_part)).unwrap();
        assert_eq!(of_whole.vector(), of_part.vector());
        let (mut expected, mut found) = (vec![0.0; kept.len()], vec![0.0; kept.len()]);
        of_whole.score(&kept, &mut expected, &mut common::scratch(&of_whole)).unwrap();
        of_part.score_all(&mut found, &mut common::scratch(&of_part)).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()));
        }
        // Added to, it keeps what it had, and the new ones are new.
        let more =
            part.extend(&[melu::NewItem { id: "brand new", title: None, values: &[] }]).unwrap();
        assert_eq!(more.raters(kept.len() as u32), Some(0));
        assert_eq!(
            more.item_vectors().unwrap().0[..found.len()],
            part.item_vectors().unwrap().0[..found.len()]
        );
    }
}
