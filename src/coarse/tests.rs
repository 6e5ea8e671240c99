use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::config::{Config, Precision};
use crate::data::{SynthOptions, World};
use crate::file::Contents;
use crate::kernels::Tiles;
use crate::loss::Loss;
use crate::schema::Value;
use crate::train::{TrainOptions, Trainer};
use crate::{Catalog, Model, NewItem, RecommendOptions, Recommendation, User};

const ITEMS: usize = 2_500;

/// The processor's tiles, or emulated ones.
fn tiles() -> Tiles {
    Tiles::available().unwrap_or_else(Tiles::emulated)
}

struct Random(u64);

impl Random {
    /// In [-1, 1).
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.unit() + 1.0) / 2.0 * count as f32) as usize % count
    }
}

/// A model of two fields without vectors, with random weights.
fn deep(embedding_dim: usize, hidden: &[usize], loss: &str, scale: f32, seed: u64) -> Model {
    let offset = if loss == "bce" { 0.0 } else { 3.0 };
    let config = format!(
        r#"{{"item_fields": [{{"name": "kind", "kind": "one", "size": {ITEMS}}},
                             {{"name": "year", "kind": "one", "size": 90}}],
            "user_fields": [{{"name": "region", "kind": "one", "size": 3}}],
            "embedding_dim": {embedding_dim}, "hidden": {hidden:?}, "loss": "{loss}",
            "output": {{"scale": 1.0, "offset": {offset:.1}}},
            "local": {{"steps": 2, "rate": 0.01}}}}"#
    );
    let config = Config::from_json(&config).unwrap();
    let mut random = Random(seed);
    let mut table = |rows: usize, scale: f32| -> Vec<f32> {
        (0..rows * embedding_dim).map(|_| scale * random.unit()).collect()
    };
    let item_embeddings = vec![table(ITEMS, scale).into(), table(90, scale).into()];
    let user_embeddings = vec![table(3, 1.0).into()];
    let network = config.head_network().unwrap();
    let mut head = Vec::new();
    for layer in network.layers() {
        let size = (3.0 / layer.inputs as f32).sqrt();
        head.extend((0..layer.inputs * layer.outputs).map(|_| size * random.unit()));
        head.extend((0..layer.outputs).map(|_| 0.1 * random.unit()));
    }
    let contents = Contents {
        item_embeddings,
        user_embeddings,
        body: Vec::new(),
        head,
        head_scale: Vec::new(),
        item_prior: None,
        user_prior: None,
        choice: None,
        item_vocabularies: vec![None; 2],
        user_vocabularies: vec![None],
        catalog: None,
        evidence: None,
        familiarity: None,
        training: None,
        config,
    };
    Model::from_contents(contents).unwrap()
}

/// Items of such a model, of which some are alike.
fn items_of(model: &Model, seed: u64) -> Catalog {
    let mut random = Random(seed);
    let values: Vec<[(&str, Value); 2]> = (0..ITEMS)
        .map(|_| {
            let (kind, year) = (random.below(ITEMS), random.below(9));
            [("kind", Value::Index(kind as u32)), ("year", Value::Index(year as u32))]
        })
        .collect();
    let ids: Vec<String> = (0..ITEMS).map(|item| item.to_string()).collect();
    let items = ids.iter().zip(&values).map(|(id, values)| NewItem { id, values });
    Catalog::new(model, &items.collect::<Vec<_>>()).unwrap()
}

/// A trained model of made-up ratings, and its items with copies that nobody rated.
fn trained(options: &TrainOptions) -> Catalog {
    let world = SynthOptions { users: 150, items: 200, ..SynthOptions::default() };
    let dataset = World::generate(&world).unwrap().dataset().unwrap();
    let mut trainer = Trainer::new(&dataset, options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    let model = Model::from_contents(trainer.finish().unwrap()).unwrap();
    let mut random = Random(1);
    let fields: Vec<_> =
        model.config().item_fields.iter().filter(|field| !field.is_numeric()).collect();
    let ids: Vec<String> = (0..ITEMS).map(|item| format!("new {item}")).collect();
    let mut values_of_one = || -> Vec<(&str, Value)> {
        let mut value = |size| Value::Index(random.below(size) as u32);
        fields.iter().map(|field| (&field.name[..], value(field.size))).collect()
    };
    let values: Vec<_> = ids.iter().map(|_| values_of_one()).collect();
    let items: Vec<NewItem> =
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, values }).collect();
    model.catalog().unwrap().unwrap().extend(&items).unwrap()
}

/// A user with so many ratings that mean nothing.
fn user(catalog: &Catalog, ratings: usize, seed: u64) -> User {
    let mut random = Random(seed);
    let mut user = User::new(catalog, &[]).unwrap();
    let items: Vec<u32> = (0..ratings).map(|_| random.below(catalog.len()) as u32).collect();
    let clicks = catalog.model().config().output.loss == Loss::Bce;
    let ratings: Vec<f32> = (items.iter())
        .map(|_| match clicks {
            true => random.below(2) as f32,
            false => 1.0 + random.below(5) as f32,
        })
        .collect();
    user.adapt(&items, &ratings).unwrap();
    user
}

fn bits(best: &[Recommendation]) -> Vec<(u32, u32)> {
    best.iter().map(|found| (found.item, found.score.to_bits())).collect()
}

/// A copy of a catalogue that knows of no other, with a coarse pass.
fn prepared(catalog: &Catalog) -> Catalog {
    let table = catalog.table().clone();
    let copy = Catalog::from_table(catalog.model(), table).unwrap();
    let copy = copy.convert(catalog.precision()).unwrap();
    assert!(copy.prepare_for(tiles()).unwrap() && copy.coarse().is_some());
    copy
}

/// Compares all that users are recommended with and without a coarse pass, and says which
/// share of the items it left to be scored for the best 20.
fn same(catalog: &Catalog, seeds: u64) -> f64 {
    let with = prepared(catalog);
    assert!(catalog.coarse().is_none());
    let mut left = 0.0;
    for seed in 0..seeds {
        let ratings = [0, 3, 20, 130][seed as usize % 4];
        let (mut exact, mut coarse) = (user(catalog, ratings, seed), user(&with, ratings, seed));
        let leave_out: Vec<u32> = (0..seed as u32 * 7).map(|item| item * 5 % 997).collect();
        let options = RecommendOptions {
            leave_out: &leave_out,
            keep_rated: seed % 2 == 0,
            ..RecommendOptions::default()
        };
        let mut best = [Vec::new(), Vec::new()];
        for count in [1, 20, 150] {
            for (user, best) in [&mut exact, &mut coarse].into_iter().zip(&mut best) {
                user.recommend(count, &options, best).unwrap();
            }
            assert_eq!(bits(&best[0]), bits(&best[1]), "seed {seed}, best {count}");
            for threads in [2, 5] {
                let mut by_threads = best[0].clone();
                by_threads.fill(Recommendation::new(0, 0.0));
                coarse.recommend_by_threads(threads, &options, &mut by_threads).unwrap();
                assert_eq!(bits(&best[0]), bits(&by_threads), "{threads} threads");
            }
        }
        // No score is above its bound, and few bounds reach the twentieth score.
        let mut scores = vec![0.0; catalog.len()];
        exact.score_all(&mut scores).unwrap();
        let items = with.coarse().unwrap();
        let upper_scores = coarse.coarse.as_mut().unwrap();
        let mut upper = Vec::new();
        for start in (0..catalog.len()).step_by(super::COARSE_BLOCK) {
            let rows = start..catalog.len().min(start + super::COARSE_BLOCK);
            upper.extend_from_slice(upper_scores.upper_scores(&with, items, rows));
        }
        for (item, (score, upper)) in scores.iter().zip(&upper).enumerate() {
            assert!(score <= upper, "item {item}: {score} {upper}");
        }
        scores.sort_by(|a, b| b.total_cmp(a));
        let reaching = upper.iter().filter(|upper| **upper >= scores[19]).count();
        left += reaching as f64 / catalog.len() as f64 / seeds as f64;
    }
    left
}

#[test]
fn the_best_are_the_same_for_deep_heads() {
    for (seed, (dim, hidden, loss)) in [
        (32, &[64, 64][..], "mse"),
        (64, &[64, 64], "mse"),
        (19, &[70, 33], "smooth_l1"),
        (5, &[16], "mse"),
        (16, &[48, 40, 48], "bce"),
        (8, &[100], "bce"),
    ]
    .into_iter()
    .enumerate()
    {
        let model = deep(dim, hidden, loss, 1.0, seed as u64);
        let left = same(&items_of(&model, seed as u64), 6);
        println!("{dim}, {hidden:?}, {loss}: {left:.4} are left");
        assert!(left < 0.2, "{left}");
    }
}

#[test]
fn so_they_are_for_trained_models() {
    let paper = TrainOptions { epochs: 3, ..TrainOptions::paper() };
    let left = same(&trained(&paper), 6);
    println!("{left:.4} are left");
    let half = TrainOptions { catalog: Precision::Half, ..paper };
    same(&trained(&half), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Up to numbers whose squares, or whose very sums, no float can hold, and down to such
    /// as tiles take for zeros.
    #[test]
    fn so_they_are_for_numbers_of_any_size(exponent in -140f32..127.0, seed in 0u64..1000) {
        let model = deep(8, &[20, 9], "mse", exponent.exp2(), seed);
        let catalog = items_of(&model, seed);
        let with = prepared(&catalog);
        let [mut exact, mut coarse] = [&catalog, &with].map(|catalog| {
            User::new(catalog, &[]).unwrap()
        });
        let mut best = [Vec::new(), Vec::new()];
        exact.recommend(30, &RecommendOptions::default(), &mut best[0]).unwrap();
        coarse.recommend(30, &RecommendOptions::default(), &mut best[1]).unwrap();
        prop_assert_eq!(bits(&best[0]), bits(&best[1]));
    }
}

/// Sums of tiles that overflow on the way where those of single precision do not, or the
/// other way about: then nothing is known of an item.
#[test]
fn sums_that_overflow_bound_nothing() {
    let config = format!(
        r#"{{"item_fields": [{{"name": "kind", "kind": "one", "size": {ITEMS}}}],
            "user_fields": [], "embedding_dim": 6, "hidden": [2], "loss": "mse",
            "output": {{"scale": 1.0, "offset": 0.0}}, "local": {{"steps": 1, "rate": 0.01}}}}"#
    );
    let large = 126f32.exp2();
    for (weight, best) in [
        ([3.0, -3.0, 3.0, -3.0, 1.0, 0.0], [1.0; 6]),
        ([3.0, 3.0, -3.0, -3.0, 1.0, 0.0], [1.0; 6]),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 0.0], [0.5, 0.5, -0.5, 1.0, 0.0, 0.0]),
    ] {
        let mut items = vec![0.0; 6 * ITEMS];
        items[4] = 0.5 * large;
        items[6 * 999..6 * 1000].copy_from_slice(&best.map(|number| number * large));
        let mut head = weight.to_vec();
        head.extend([0.0; 6 + 2]);
        head.extend([1.0, 0.0, 0.0]);
        let contents = Contents {
            config: Config::from_json(&config).unwrap(),
            item_embeddings: vec![items.into()],
            user_embeddings: Vec::new(),
            choice: None,
            item_vocabularies: vec![None],
            user_vocabularies: Vec::new(),
            head,
            ..deep(6, &[2], "mse", 1.0, 0).contents().clone()
        };
        let model = Model::from_contents(contents).unwrap();
        let ids: Vec<String> = (0..ITEMS).map(|item| item.to_string()).collect();
        let values: Vec<_> = (0..ITEMS).map(|item| [("kind", Value::Index(item as u32))]).collect();
        let items = ids.iter().zip(&values).map(|(id, values)| NewItem { id, values });
        let catalog = Catalog::new(&model, &items.collect::<Vec<_>>()).unwrap();
        let mut best = [Vec::new(), Vec::new()];
        for (catalog, best) in [&catalog, &prepared(&catalog)].into_iter().zip(&mut best) {
            let mut user = User::new(catalog, &[]).unwrap();
            user.recommend(1, &RecommendOptions::default(), best).unwrap();
        }
        assert_eq!(best[0][0].item, 999, "{weight:?}");
        assert_eq!(bits(&best[0]), bits(&best[1]), "{weight:?}");
    }
}

#[test]
fn what_is_made_of_a_prepared_catalogue_is_prepared() {
    let catalog = items_of(&deep(8, &[16], "mse", 1.0, 3), 3);
    assert!(catalog.coarse().is_none());
    catalog.prepare_for(tiles()).unwrap();
    assert!(catalog.clone().coarse().is_some());
    let values = [("kind", Value::Index(7)), ("year", Value::Index(1))];
    let extended = catalog.extend(&[NewItem { id: "one more", values: &values }]).unwrap();
    let items = extended.coarse().unwrap();
    assert_eq!(items.rows.items(), (ITEMS + 1).next_multiple_of(32));
    assert!(catalog.convert(Precision::Half).unwrap().coarse().is_some());
    // A head of one layer has nothing to be coarse about.
    let flat = items_of(&deep(8, &[], "mse", 1.0, 3), 3);
    assert!(!flat.prepare_for(tiles()).unwrap() && flat.coarse().is_none());
    assert!(!flat.prepare_coarse_pass().unwrap());
}
