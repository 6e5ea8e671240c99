//! What to ask for predicted ratings: against plain computations in double precision.

mod common;

use common::plain::{dot, inverse, quadratic};
use common::unit;
use melu::model::config::Config;
use melu::model::familiarity::Familiarity;
use melu::model::file::{CatalogTable, Contents, ItemPrior, ItemVectors};
use melu::model::prior::Prior;
use melu::{
    Catalog, Error, Model, NewItem, Question, QuestionOptions, Questions, User, greedy_evidence,
};
use proptest::prelude::*;

const FACTORS: usize = 3;
/// What the body sees: the vector, and four numbers that say what else is known of the item.
const SEEN: usize = FACTORS + 4;
/// What it makes of that.
const MADE: usize = 5;
/// Vector, the body's output, and the bias.
const WIDTH: usize = FACTORS + MADE + 1;
const NOISE: f64 = 0.5;

/// A model whose head sees items' vectors and what a body makes of them.
struct Bench {
    seed: u64,
    contents: Contents,
    catalog: Catalog,
}

impl Bench {
    fn new(seed: u64, items: usize, familiarity: bool) -> Self {
        let json = r#"{"item_fields": [],
            "user_fields": [{"name": "region", "kind": "one", "size": 3, "embedded": false}],
            "embedding_dim": 2, "factors": 3, "body": [5], "hidden": [], "loss": "mse",
            "output": {"scale": 1.0, "offset": 0.0},
            "local": {"solver": "ridge", "noise": 0.5, "item_variance": 1.0}}"#;
        let numbers = |tensor: u64, len: usize| -> Vec<f32> {
            (0..len as u64).map(|i| unit(seed, tensor, i) as f32).collect()
        };
        let positive =
            |tensor, len| -> Vec<f32> { numbers(tensor, len).iter().map(|x| x.abs()).collect() };
        let prior = Prior::new(&[], vec![0.5; FACTORS + 1].into(), Vec::new()).unwrap();
        let contents = Contents {
            config: Config::from_json(json).unwrap(),
            item_embeddings: Vec::new(),
            user_embeddings: vec![Vec::new().into()],
            body: numbers(7, (SEEN + 1) * MADE),
            head: numbers(0, WIDTH),
            head_scale: positive(1, WIDTH),
            item_prior: Some(ItemPrior { prior, variance: 0.5 }),
            user_prior: None,
            choice: None,
            item_vocabularies: Vec::new(),
            user_vocabularies: vec![None],
            catalog: Some(CatalogTable {
                ids: (0..items).map(|item| item.to_string()).collect(),
                titles: None,
                columns: Vec::new(),
                choice: None,
                vectors: Some(ItemVectors {
                    vectors: numbers(2, items * FACTORS).into(),
                    bias: numbers(3, items).into(),
                    variance: positive(4, items).into(),
                    raters: positive(5, items).iter().map(|x| (90.0 * x) as u32).collect(),
                }),
            }),
            evidence: None,
            familiarity: familiarity.then(|| {
                let shares = vec![0.5, 0.25, 0.25];
                Familiarity::from_probabilities(shares, &positive(6, 3 * items)).unwrap()
            }),
            training: None,
        };
        let catalog = Model::from_contents(contents.clone()).unwrap().catalog().unwrap().unwrap();
        Self { seed, contents, catalog }
    }

    fn user(&self) -> User {
        User::new(&self.catalog, &[]).unwrap()
    }

    fn len(&self) -> usize {
        self.catalog.len()
    }

    fn vectors(&self) -> &ItemVectors {
        self.contents.catalog.as_ref().unwrap().vectors.as_ref().unwrap()
    }

    /// What the head sees of an item, and the variance of a rating of it.
    fn features(&self, item: usize) -> (Vec<f64>, f64) {
        let ItemVectors { vectors, bias, variance, raters } = self.vectors();
        let mut row: Vec<f64> =
            vectors[item * FACTORS..][..FACTORS].iter().copied().map(f64::from).collect();
        let known = f64::from(u8::from(raters[item] > 0));
        let log = f64::from(raters[item]).ln_1p() / 4.0 - 1.0;
        let variance = f64::from(variance[item]);
        let numbers = [3.0 * f64::from(bias[item]), known, log, 3.0 * variance];
        let seen = [&row[..], &numbers].concat();
        let (weights, biases) = self.contents.body.split_at(SEEN * MADE);
        for (weights, bias) in weights.chunks(SEEN).zip(biases) {
            let sum: f64 = weights.iter().zip(&seen).map(|(w, x)| f64::from(*w) * x).sum();
            row.push((sum + f64::from(*bias)).max(0.0));
        }
        row.push(1.0);
        (row, NOISE + variance)
    }

    /// The chance of each item to be known.
    fn known(&self, known: &[u32], unknown: &[u32]) -> Vec<f64> {
        let Some(familiarity) = &self.contents.familiarity else {
            let raters = &self.vectors().raters;
            let most = f64::from(*raters.iter().max().unwrap());
            return raters.iter().map(|raters| f64::from(*raters) / most).collect();
        };
        let root = |item: usize, kind: usize| f64::from(familiarity.roots()[item * 3 + kind]);
        let chance = |kind: usize| {
            let of = |item: &u32| (root(*item as usize, kind).clamp(0.5, 254.5) / 255.0).powi(2);
            f64::from(familiarity.shares()[kind])
                * known.iter().map(of).product::<f64>()
                * unknown.iter().map(|item| 1.0 - of(item)).product::<f64>()
        };
        let kinds: Vec<f64> = (0..3).map(chance).collect();
        let sum: f64 = kinds.iter().sum();
        let known = |item| {
            (0..3).map(|kind| kinds[kind] / sum * (root(item, kind) / 255.0).powi(2)).sum::<f64>()
        };
        (0..self.len()).map(known).collect()
    }

    /// The head's covariance after ratings of these items, each with a weight.
    fn covariance(&self, rated: &[(u32, f64)]) -> Vec<Vec<f64>> {
        let mut precision = vec![vec![0.0; WIDTH]; WIDTH];
        for (i, scale) in self.contents.head_scale.iter().enumerate() {
            precision[i][i] = f64::from(*scale).powi(-2);
        }
        for (item, weight) in rated {
            let (row, variance) = self.features(*item as usize);
            for i in 0..WIDTH {
                for j in 0..WIDTH {
                    precision[i][j] += weight * row[i] * row[j] / variance;
                }
            }
        }
        inverse(precision)
    }

    /// By how much a rating of each item lowers the mean variance: by the
    /// variance itself, before and after.
    fn reductions(&self, covariance: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
        let rows: Vec<(Vec<f64>, f64)> = (0..self.len()).map(|item| self.features(item)).collect();
        let sum: f64 = weights.iter().sum();
        let mean = |covariance: &[Vec<f64>]| {
            let all = rows.iter().zip(weights);
            all.map(|((row, _), weight)| weight / sum * quadratic(covariance, row)).sum::<f64>()
        };
        let before = mean(covariance);
        let reduction = |(row, variance): &(Vec<f64>, f64)| {
            let product: Vec<f64> = covariance.iter().map(|line| dot(line, row)).collect();
            let scale = 1.0 / (variance + dot(&product, row));
            let after: Vec<Vec<f64>> = (0..WIDTH)
                .map(|i| {
                    let line = |j: usize| covariance[i][j] - scale * product[i] * product[j];
                    (0..WIDTH).map(line).collect()
                })
                .collect();
            before - mean(&after)
        };
        rows.iter().map(reduction).collect()
    }
}

fn questions(catalog: &Catalog) -> Questions {
    Questions::new(catalog).unwrap()
}

/// Whether a question is the best of these, and its numbers are right.
fn check(question: Question, known: &[f64], reductions: &[f64]) {
    let worth = |item: usize| known[item] * known[item] * reductions[item];
    let best = (0..known.len()).map(worth).fold(0.0, f64::max);
    let item = question.item as usize;
    let close = |found: f32, expected: f64| {
        assert!((f64::from(found) - expected).abs() < 1e-3 * expected, "{found} {expected}");
    };
    close(question.known, known[item]);
    close(question.reduction, reductions[item]);
    // Of nearly equal ones rounding decides.
    assert!(worth(item) > 0.999 * best, "{} {best}", worth(item));
}

fn without(mut known: Vec<f64>, items: &[&[u32]]) -> Vec<f64> {
    items.concat().iter().for_each(|&item| known[item as usize] = 0.0);
    known
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_next_question_is_the_best_by_plain_computation(
        seed in 0u64..1000,
        familiarity: bool,
        rated in prop::collection::vec(0u32..150, 0..12),
        unknown in prop::collection::vec(0u32..150, 0..12),
        leave_out in prop::collection::vec(0u32..150, 0..5),
        own in prop::option::of(prop::collection::vec(0u32..150, 40)),
    ) {
        let bench = Bench::new(seed, 150, familiarity);
        let mut user = bench.user();
        user.adapt(&rated, &vec![1.0; rated.len()], &mut common::scratch(&user)).unwrap();
        let known = own.as_deref();
        let options = QuestionOptions { unknown: &unknown, leave_out: &leave_out, known };
        let mut room = questions(&bench.catalog);
        // Another user's questions leave nothing behind.
        let others = QuestionOptions { leave_out: &[3], ..options };
        bench.user().next_question(&mut room, others).unwrap();
        let question = user.next_question(&mut room, options).unwrap().unwrap();
        let again = user.next_question(&mut room, options).unwrap();
        prop_assert_eq!(again, Some(question), "asked again");

        let weights = bench.known(&rated, &unknown);
        let pairs: Vec<(u32, f64)> = rated.iter().map(|item| (*item, 1.0)).collect();
        let reductions = bench.reductions(&bench.covariance(&pairs), &weights);
        let known = match &own {
            None => weights,
            Some(own) => {
                (0..150).map(|item| f64::from(u8::from(own.contains(&item)))).collect()
            }
        };
        check(question, &without(known, &[&rated, &unknown, &leave_out]), &reductions);
    }
}

#[test]
fn deviations_are_those_of_plain_computation() {
    for (seed, rated) in [(1, &[][..]), (2, &[7]), (3, &[7, 11, 12, 7, 90, 4, 31, 8, 0, 63])] {
        let bench = Bench::new(seed, 100, false);
        let mut user = bench.user();
        user.adapt(rated, &vec![1.0; rated.len()], &mut common::scratch(&user)).unwrap();
        let items: Vec<u32> = (0..100).collect();
        let (mut scores, mut deviations) = ([0.0; 100], [0.0; 100]);
        user.predict_with_deviations(
            &items,
            &mut scores,
            &mut deviations,
            &mut common::scratch(&user),
        )
        .unwrap();
        let pairs: Vec<(u32, f64)> = rated.iter().map(|item| (*item, 1.0)).collect();
        let covariance = bench.covariance(&pairs);
        for (item, found) in deviations.into_iter().enumerate() {
            let (row, variance) = bench.features(item);
            let expected = (quadratic(&covariance, &row) + variance).sqrt();
            assert!(
                (f64::from(found) - expected).abs() < 1e-4 * expected,
                "{} ratings, item {item}: {found} {expected}",
                rated.len()
            );
        }
    }
}

#[test]
fn a_prior_may_be_as_good_as_flat() {
    let scores = |scale: f32| {
        let mut contents = Bench::new(1, 20, false).contents;
        // The bias's own, whose square no float may hold.
        contents.head_scale[WIDTH - 1] = scale;
        let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
        let mut user = User::new(&catalog, &[]).unwrap();
        let items: Vec<u32> = (0..18).collect();
        let ratings: Vec<f32> = items.iter().map(|item| (item * 7 % 5) as f32).collect();
        user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
        let (mut scores, mut deviations) = ([0.0; 20], [0.0; 20]);
        let items: Vec<u32> = (0..20).collect();
        user.predict_with_deviations(
            &items,
            &mut scores,
            &mut deviations,
            &mut common::scratch(&user),
        )
        .unwrap();
        [scores, deviations].concat()
    };
    for (found, expected) in scores(1e25).into_iter().zip(scores(1e4)) {
        assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
    }
}

/// Nothing describes an item: all of them are alike.
#[test]
fn items_without_a_description_can_be_asked_about() {
    let mut contents = Bench::new(1, 20, true).contents;
    let mut json: serde_json::Value = serde_json::from_str(&contents.config.to_json()).unwrap();
    json["factors"] = 0.into();
    json["body"] = serde_json::json!([]);
    json["user_fields"][0]["embedded"] = true.into();
    contents.user_embeddings = vec![vec![0.5, -0.25, 1.0, 0.75, -0.5, 0.25].into()];
    contents.body = Vec::new();
    contents.config = Config::from_json(&json.to_string()).unwrap();
    contents.item_prior = None;
    contents.catalog.as_mut().unwrap().vectors = None;
    (contents.head, contents.head_scale) = (vec![0.5; 3], vec![1.0; 3]);
    let catalog_of = |contents| {
        Model::from_contents(contents).unwrap().catalog().unwrap().expect("there are items")
    };
    let catalog = catalog_of(contents.clone());
    let mut user = User::new(&catalog, &[]).unwrap();
    let (mut scores, mut before, mut after) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    user.predict_with_deviations(&[3, 9], &mut scores, &mut before, &mut common::scratch(&user))
        .unwrap();
    user.adapt(&[3, 5], &[1.0, 2.0], &mut common::scratch(&user)).unwrap();
    user.predict_with_deviations(&[3, 9], &mut scores, &mut after, &mut common::scratch(&user))
        .unwrap();
    assert!(scores[0] == scores[1] && after[0] == after[1] && after[0] < before[0]);
    let question =
        user.next_question(&mut questions(&catalog), QuestionOptions::default()).unwrap();
    assert!(question.is_some_and(|question| question.reduction > 0.0));
    assert_eq!(greedy_evidence(&catalog, 3).unwrap().len(), 3);

    // By gradient steps what describes the user can learn as well.
    json["local"] = serde_json::json!({"steps": 100, "rate": 0.1});
    (contents.config, contents.head_scale) =
        (Config::from_json(&json.to_string()).unwrap(), Vec::new());
    let mut user = User::new(&catalog_of(contents), &[]).unwrap();
    user.adapt(&[3, 5], &[1.0, 2.0], &mut common::scratch(&user)).unwrap();
    user.score(&[3, 9], &mut scores, &mut common::scratch(&user)).unwrap();
    assert!(scores.iter().all(|score| (score - 1.5).abs() < 1e-4), "{scores:?}");
}

#[test]
fn the_greedy_list_is_the_best_by_plain_computation() {
    for seed in 0..8 {
        let bench = Bench::new(seed, 100, seed % 2 == 0);
        let list = greedy_evidence(&bench.catalog, 10).unwrap();
        assert_eq!(list.len(), 10);
        assert_eq!(list[..4], greedy_evidence(&bench.catalog, 4).unwrap(), "a beginning differs");
        let weights = bench.known(&[], &[]);
        let mut asked: Vec<u32> = Vec::new();
        let mut covariance = bench.covariance(&[]);
        for question in list {
            let reductions = bench.reductions(&covariance, &weights);
            check(question, &without(weights.clone(), &[&asked]), &reductions);
            asked.push(question.item);
            // As if it were answered with the chance that it is known.
            let (row, variance) = bench.features(question.item as usize);
            let product: Vec<f64> = covariance.iter().map(|line| dot(line, &row)).collect();
            let share = weights[question.item as usize] / (variance + dot(&product, &row));
            for (line, left) in covariance.iter_mut().zip(&product) {
                line.iter_mut().zip(&product).for_each(|(x, right)| *x -= share * left * right);
            }
        }
    }
}

#[test]
fn there_is_an_end_to_questions() {
    let bench = Bench::new(7, 70, true);
    let user = bench.user();
    let mut room = questions(&bench.catalog);
    let mut next = |options: QuestionOptions| user.next_question(&mut room, options);
    let mut unknown = Vec::new();
    while let Some(question) =
        next(QuestionOptions { unknown: &unknown, ..QuestionOptions::default() }).unwrap()
    {
        assert!(!unknown.contains(&question.item) && question.known > 0.0);
        unknown.push(question.item);
    }
    let nobody_knows = |item: &u32| {
        let roots = bench.contents.familiarity.as_ref().unwrap().roots();
        roots[*item as usize * 3..][..3].iter().all(|root| *root == 0)
    };
    assert_eq!(unknown.len() + (0..70).filter(nobody_knows).count(), 70);
    let none = QuestionOptions { known: Some(&[]), ..QuestionOptions::default() };
    assert_eq!(next(none).unwrap(), None);
    assert!(greedy_evidence(&bench.catalog, 1000).unwrap().len() <= 70);
    assert!(greedy_evidence(&bench.catalog, 0).unwrap().is_empty());
    for wrong in [
        QuestionOptions { unknown: &[70], ..QuestionOptions::default() },
        QuestionOptions { leave_out: &[3, 70], ..QuestionOptions::default() },
        QuestionOptions { known: Some(&[70]), ..QuestionOptions::default() },
    ] {
        assert!(matches!(next(wrong), Err(Error::ItemIndex { index: 70, .. })));
    }
    let other = bench.catalog.model().catalog().unwrap().unwrap();
    let refused = bench.user().next_question(&mut questions(&other), QuestionOptions::default());
    assert!(matches!(refused, Err(Error::Argument { argument: "questions", .. })));

    for familiarity in [true, false] {
        let bench = Bench::new(bench.seed, 70, familiarity);
        let model = bench.catalog.model();
        let new = [NewItem { id: "new", title: None, values: &[] }];
        for catalog in [Catalog::new(model, &[]).unwrap(), Catalog::new(model, &new).unwrap()] {
            let user = User::new(&catalog, &[]).unwrap();
            let next = user.next_question(&mut questions(&catalog), QuestionOptions::default());
            assert_eq!(next.unwrap(), None, "nobody knows it");
            assert!(greedy_evidence(&catalog, 5).unwrap().is_empty());
        }
        // An old item among new ones is known as it was.
        let items = [new[0], NewItem { id: "5", title: None, values: &[] }];
        let catalog = Catalog::new(model, &items).unwrap();
        let user = User::new(&catalog, &[]).unwrap();
        let question = user.next_question(&mut questions(&catalog), QuestionOptions::default());
        assert_eq!(question.unwrap().unwrap().item, 1);
    }
}

#[test]
fn a_model_that_does_not_know_how_sure_it_is_says_so() {
    let mut contents = Bench::new(1, 10, true).contents;
    let json = contents.config.to_json();
    let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
    json["local"] = serde_json::json!({"steps": 1, "rate": 0.1});
    contents.config = Config::from_json(&json.to_string()).unwrap();
    contents.head_scale = Vec::new();
    let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
    let error = Questions::new(&catalog).unwrap_err();
    assert!(matches!(error, Error::Argument { argument: "model", .. }), "{error}");
    assert!(greedy_evidence(&catalog, 3).is_err());
}
