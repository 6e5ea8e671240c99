//! A user of a model: adapting, scoring, recommending, and wrong calls.

mod common;

use common::choosing::{positive_only, with_ratings};
use common::{Cell, Tensors, adapt, embed, predict};
use melu::model::config::Config;
use melu::model::schema::Value;
use melu::{
    Catalog, Error, Model, NewItem, Order, RecommendOptions, Recommendation, Scratch, User,
};
use proptest::prelude::*;

const ITEMS: usize = 150;

struct Bench {
    tensors: Tensors,
    config: Config,
    catalog: Catalog,
    items: Vec<Cell>,
}

/// Items of one field, more of them than fit a block.
fn bench() -> Bench {
    let json = r#"{
        "item_fields": [{"name": "genres", "kind": "multi", "size": 6}],
        "user_fields": [{"name": "region", "kind": "one", "size": 3}],
        "embedding_dim": 4, "hidden": [6, 5], "loss": "mse",
        "output": {"scale": 1.5, "offset": 3.0}, "local": {"steps": 3, "rate": 0.1}
    }"#;
    let config = Config::from_json(json).unwrap();
    let tensors = Tensors::generate(&config, 11, |_| 0.8);
    let model = Model::from_contents(tensors.contents(&config)).unwrap();
    // Only 63 differ: some scores are equal.
    let genres = |item: usize| (0..6).filter(move |genre| (item % 63 + 1) >> genre & 1 == 1);
    let items: Vec<Cell> =
        (0..ITEMS).map(|item| Cell::Values(genres(item).map(|g| g as u32).collect())).collect();
    let values: Vec<Vec<(&str, Value)>> = (0..ITEMS)
        .map(|item| genres(item).map(|g| ("genres", Value::Index(g as u32))).collect())
        .collect();
    let ids: Vec<String> = (0..ITEMS).map(|item| format!("id {item}")).collect();
    let new: Vec<NewItem> =
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values }).collect();
    let catalog = Catalog::new(&model, &new).unwrap();
    Bench { tensors, config, catalog, items }
}

impl Bench {
    fn user(&self) -> User {
        User::new(&self.catalog, &[("region", 1u32.into())]).unwrap()
    }

    /// All scores after these ratings, in double precision.
    fn expected(&self, rated: &[u32], ratings: &[f32]) -> Vec<f64> {
        let (items, users) = self.tensors.tables.split_at(1);
        let user = embed(&self.config.user_fields, users, 4, &[Cell::Values(vec![1])]);
        let input = |item: usize| {
            let cells = [self.items[item].clone()];
            [embed(&self.config.item_fields, items, 4, &cells), user.clone()].concat()
        };
        let support: Vec<Vec<f64>> = rated.iter().map(|item| input(*item as usize)).collect();
        let targets: Vec<f64> = ratings.iter().map(|r| (f64::from(*r) - 3.0) / 1.5).collect();
        let output = self.config.output;
        let head = match rated.is_empty() {
            true => self.tensors.head.clone(),
            false => adapt(
                output.loss,
                &self.tensors.head,
                &support,
                &targets,
                3,
                &[f64::from(0.1f32); 6],
                0.0,
            ),
        };
        (0..ITEMS).map(|item| 3.0 + 1.5 * predict(&head, &input(item))).collect()
    }
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn adapts_and_recommends_as_plain_loops_do(
        rated in prop::collection::vec((0u32..ITEMS as u32, 1u8..=5), 0..100),
        leave_out in prop::collection::vec(0u32..ITEMS as u32, 0..40),
        k in 0usize..200,
        keep_rated: bool,
    ) {
        let bench = bench();
        let (items, ratings): (Vec<u32>, Vec<f32>) =
            rated.iter().map(|(item, rating)| (*item, f32::from(*rating))).unzip();
        let mut user = bench.user();
        user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
        let mut scores = vec![0.0; ITEMS];
        user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
        for (found, expected) in scores.iter().zip(bench.expected(&items, &ratings)) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} {expected}");
        }

        // The same bits wherever an item stands in a list.
        let backwards: Vec<u32> = (0..ITEMS as u32).rev().collect();
        let mut listed = vec![0.0; ITEMS];
        user.score(&backwards, &mut listed, &mut common::scratch(&user)).unwrap();
        listed.reverse();
        prop_assert_eq!(bits(&listed), bits(&scores));

        let mut expected: Vec<Recommendation> = (0..ITEMS as u32)
            .filter(|item| !leave_out.contains(item) && (keep_rated || !items.contains(item)))
            .map(|item| Recommendation::new(item, scores[item as usize]))
            .collect();
        expected.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap().then(a.item.cmp(&b.item)));
        expected.truncate(k);
        let mut best = vec![Recommendation::new(0, 0.0)];
        let options =
            RecommendOptions { leave_out: &leave_out, keep_rated, ..RecommendOptions::default() };
        user.recommend(k, &options, &mut best, &mut common::scratch(&user)).unwrap();
        prop_assert_eq!(best, expected);
    }
}

/// Users of all kinds of models, and how many items there are.
fn users() -> Vec<User> {
    let choosing = [with_ratings(ITEMS), positive_only(ITEMS)].map(|contents| {
        let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
        User::new(&catalog, &[("region", 1u32.into())]).unwrap()
    });
    choosing.into_iter().chain([bench().user()]).collect()
}

/// Items, scores and what stands beside them, to the bit.
fn all_bits(best: &[Recommendation]) -> Vec<[u32; 4]> {
    let bits = |found: &Recommendation| {
        let numbers = [found.score, found.rating, found.deviation].map(f32::to_bits);
        [found.item, numbers[0], numbers[1], numbers[2]]
    };
    best.iter().map(bits).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    #[test]
    fn the_best_of_a_list_are_the_catalogues_best_that_it_has(
        rated in prop::collection::vec((0u32..ITEMS as u32, 1u8..=5), 0..30),
        among in prop::collection::vec(0u32..ITEMS as u32, 0..250),
        leave_out in prop::collection::vec(0u32..ITEMS as u32, 0..40),
        k in 0usize..200,
        exposure in -1.0f32..2.0,
        keep_rated: bool,
        by_rating: bool,
        threads in 1usize..4,
    ) {
        let (items, ratings): (Vec<u32>, Vec<f32>) =
            rated.iter().map(|(item, rating)| (*item, f32::from(*rating))).unzip();
        for mut user in users() {
            user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
            let order = if by_rating && user.model().has_ratings() { Order::Rating } else { Order::Score };
            let options = RecommendOptions {
                leave_out: &leave_out, keep_rated, order, exposure, min_raters: 2,
                ..RecommendOptions::default()
            };
            let mut expected = Vec::new();
            user.recommend(ITEMS, &options, &mut expected, &mut common::scratch(&user)).unwrap();
            expected.retain(|found| among.contains(&found.item));
            expected.truncate(k);
            let mut best = vec![Recommendation::new(0, 0.0); k];
            let listed = RecommendOptions { among: Some(&among), ..options };
            let count = user.recommend_by_threads(threads, &listed, &mut best, &mut common::scratch(&user)).unwrap();
            prop_assert_eq!(all_bits(&best[..count]), all_bits(&expected));
        }
    }

    /// Ratings are predicted only for items that the highest rating could lift into the list:
    /// none may be missed, however much a rating counts.
    #[test]
    fn lists_are_the_best_scores_whatever_a_predicted_rating_counts(
        rated in prop::collection::vec((0u32..ITEMS as u32, 1u8..=5), 0..30),
        weight in -3.0f32..3.0,
        k in 1usize..40,
    ) {
        let (items, ratings): (Vec<u32>, Vec<f32>) =
            rated.iter().map(|(item, rating)| (*item, f32::from(*rating))).unzip();
        let mut contents = with_ratings(ITEMS);
        contents.config.choice.as_mut().unwrap().rating = weight;
        let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
        let mut user = User::new(&catalog, &[("region", 1u32.into())]).unwrap();
        let mut scratch = common::scratch(&user);
        user.adapt(&items, &ratings, &mut scratch).unwrap();
        let mut scores = vec![0.0; ITEMS];
        user.score_all(&mut scores, &mut scratch).unwrap();
        let mut expected: Vec<Recommendation> = (0..ITEMS as u32)
            .filter(|item| !items.contains(item))
            .map(|item| Recommendation::new(item, scores[item as usize]))
            .collect();
        expected.sort();
        expected.truncate(k);
        let mut best = Vec::new();
        user.recommend(k, &RecommendOptions::default(), &mut best, &mut scratch).unwrap();
        prop_assert_eq!(best, expected);
    }

    /// What an index of vectors finds has the best in the order of the whole catalogue's.
    #[test]
    fn vectors_order_as_scores_do_but_for_neighbours_and_ratings(
        rated in prop::collection::vec((0u32..ITEMS as u32, 4u8..=5), 0..20),
        k in 1usize..30,
    ) {
        let (items, ratings): (Vec<u32>, Vec<f32>) =
            rated.iter().map(|(item, rating)| (*item, f32::from(*rating))).unzip();
        let mut user = users().swap_remove(1);
        user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
        let catalog = user.catalog().clone();
        let (rows, width) = catalog.item_vectors().unwrap();
        let vector = user.vector().unwrap();
        prop_assert_eq!(vector.len(), width);
        let product = |row: &[f32]| -> f64 {
            row.iter().zip(vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let products: Vec<f64> = rows.chunks_exact(width).map(product).collect();
        prop_assert_eq!(products.len(), ITEMS);
        let mut expected: Vec<f64> = products.clone();
        let table = catalog.table().choice.as_ref().unwrap();
        let share = catalog.model().choice().unwrap().neighbour_share(items.len());
        for item in &items {
            for (other, weight) in table.neighbours_of(*item) {
                expected[other as usize] += f64::from(share) * f64::from(weight);
            }
        }
        let mut scores = vec![0.0; ITEMS];
        user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
        for (found, expected) in scores.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} {expected}");
        }

        let mut best = Vec::new();
        user.recommend(k, &RecommendOptions::default(), &mut best, &mut common::scratch(&user)).unwrap();
        let mut ranked: Vec<u32> = (0..ITEMS as u32).collect();
        ranked.sort_by(|a, b| products[*b as usize].total_cmp(&products[*a as usize]));
        // As many more as the user has rated, and one for ties.
        let among = Some(&ranked[..ITEMS.min(k + items.len() + 1)]);
        let options = RecommendOptions { among, add_neighbours: true, ..RecommendOptions::default() };
        let mut found = Vec::new();
        user.recommend(k, &options, &mut found, &mut common::scratch(&user)).unwrap();
        prop_assert_eq!(all_bits(&found), all_bits(&best));
    }
}

#[test]
fn neighbours_are_added_where_they_are_wished() {
    let mut user = users().swap_remove(1);
    user.adapt(&[3], &[1.0], &mut common::scratch(&user)).unwrap();
    let catalog = user.catalog().clone();
    let table = catalog.table().choice.as_ref().unwrap();
    let mut expected: Vec<u32> = table.neighbours_of(3).map(|(item, _)| item).collect();
    expected.sort_unstable();
    let found = |user: &mut User, add_neighbours| {
        let options =
            RecommendOptions { among: Some(&[]), add_neighbours, ..RecommendOptions::default() };
        let mut best = Vec::new();
        user.recommend(ITEMS, &options, &mut best, &mut common::scratch(user)).unwrap();
        let mut items: Vec<u32> = best.iter().map(|found| found.item).collect();
        items.sort_unstable();
        items
    };
    assert_eq!(found(&mut user, true), expected);
    assert!(found(&mut user, false).is_empty());
    user.reset();
    assert!(found(&mut user, true).is_empty());
}

#[test]
fn adapting_replaces_and_resetting_forgets() {
    let bench = bench();
    let (mut user, mut fresh) = (bench.user(), bench.user());
    let mut before = vec![0.0; ITEMS];
    user.score_all(&mut before, &mut common::scratch(&user)).unwrap();
    user.adapt(&[1, 2, 3], &[5.0, 1.0, 2.0], &mut common::scratch(&user)).unwrap();
    user.adapt(&[7, 9], &[4.0, 2.0], &mut common::scratch(&user)).unwrap();
    fresh.adapt(&[7, 9], &[4.0, 2.0], &mut common::scratch(&fresh)).unwrap();
    assert_eq!(user.head().unwrap(), fresh.head().unwrap());
    assert_eq!(user.rated(), [7, 9]);
    let mut scores = vec![0.0; ITEMS];
    for forget in [&|user: &mut User| user.reset(), &|user: &mut User| {
        user.adapt(&[], &[], &mut common::scratch(user)).unwrap()
    }] as [&dyn Fn(&mut User); 2]
    {
        user.adapt(&[7, 9], &[4.0, 2.0], &mut common::scratch(&user)).unwrap();
        forget(&mut user);
        assert!(user.rated().is_empty());
        user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();
        assert_eq!(bits(&scores), bits(&before));
    }
}

#[test]
fn wrong_calls_are_refused_and_leave_the_user_as_before() {
    let bench = bench();
    let mut user = bench.user();
    user.adapt(&[7, 9], &[4.0, 2.0], &mut common::scratch(&user)).unwrap();
    let before = user.head().unwrap();
    for rating in [f32::NAN, f32::INFINITY, -f32::INFINITY] {
        let error = user.adapt(&[1, 2], &[3.0, rating], &mut common::scratch(&user)).unwrap_err();
        assert!(matches!(error, Error::Rating { position: 1, .. }), "{error}");
    }
    let error = user.adapt(&[1, 150], &[3.0, 3.0], &mut common::scratch(&user)).unwrap_err();
    assert!(
        matches!(error, Error::ItemIndex { list: "items", position: 1, index: 150, len: 150 }),
        "{error}"
    );
    assert!(matches!(
        user.adapt(&[1, 2], &[3.0], &mut common::scratch(&user)),
        Err(Error::Argument { argument: "ratings", .. })
    ));
    let mut short = [0.0; 3];
    assert!(matches!(
        user.score_all(&mut short, &mut common::scratch(&user)),
        Err(Error::Argument { argument: "scores", .. })
    ));
    assert!(user.score(&[1, 2], &mut short, &mut common::scratch(&user)).is_err());
    assert!(user.score(&[1, 2, u32::MAX], &mut short, &mut common::scratch(&user)).is_err());
    assert!(user.gradient_norms(&[1], &[3.0], &mut short, &mut common::scratch(&user)).is_err());
    for options in [
        RecommendOptions { leave_out: &[150], ..RecommendOptions::default() },
        RecommendOptions { among: Some(&[0, 150]), ..RecommendOptions::default() },
        RecommendOptions { exposure: f32::NAN, ..RecommendOptions::default() },
    ] {
        let mut best = vec![Recommendation::new(1, 1.0)];
        assert!(user.recommend(3, &options, &mut best, &mut common::scratch(&user)).is_err());
        assert!(best.is_empty());
    }
    assert_eq!(user.head().unwrap(), before);
    assert_eq!(user.rated(), [7, 9]);
}

/// For few ratings, whose first layer is carried as multiples of rows, and for more than a
/// block.
#[test]
fn a_head_is_finite_or_refused_however_large_the_ratings() {
    let bench = bench();
    let mut user = bench.user();
    let start = user.head().unwrap();
    let (mut adapted, mut refused) = (0, 0);
    for count in [1, 3, 12, 120] {
        let items: Vec<u32> = (0..count).collect();
        for exponent in 0..77 {
            let large = 10f32.powf(exponent as f32 / 2.0);
            let ratings: Vec<f32> =
                items.iter().map(|item| if item % 2 == 0 { large } else { -large }).collect();
            match user.adapt(&items, &ratings, &mut common::scratch(&user)) {
                Ok(()) => adapted += 1,
                Err(error) => {
                    assert!(matches!(error, Error::Diverged { .. }), "{error}");
                    assert_eq!(user.head().unwrap(), start, "{count} ratings of {large}");
                    refused += 1;
                }
            }
            let head = user.head().unwrap();
            let wrong = head.iter().find(|number| !number.is_finite());
            assert_eq!(wrong, None, "{count} ratings of {large}");
        }
    }
    assert!(adapted > 50 && refused > 50, "{adapted} {refused}");
}

#[test]
fn ratings_that_overflow_reset_the_user() {
    let bench = bench();
    let mut user = bench.user();
    let error = user.adapt(&[1, 2], &[3e38, -3e38], &mut common::scratch(&user)).unwrap_err();
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert_eq!(user.head().unwrap(), bench.catalog.model().head());
    user.adapt(&[1], &[3.0], &mut common::scratch(&user)).unwrap();
}

#[test]
fn wrong_profiles_and_items_are_refused_by_name() {
    let bench = bench();
    let refused = |profile: &[(&str, Value)], named: &str| {
        let error = User::new(&bench.catalog, profile).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    };
    refused(&[("regions", Value::Index(0))], "region");
    refused(&[("region", Value::Index(3))], "3");
    refused(&[("region", Value::Index(1)), ("region", Value::Index(2))], "more than one");
    refused(&[("region", Value::Number(1.0))], "numeric");
    refused(&[("region", Value::Name("north"))], "north");
    let item = |id| NewItem { id, title: None, values: &[] };
    let error = Catalog::new(bench.catalog.model(), &[item("a"), item("a")]).unwrap_err();
    assert!(error.to_string().contains("\"a\""), "{error}");
    let empty = Catalog::new(bench.catalog.model(), &[]).unwrap();
    let user = User::new(&empty, &[]).unwrap();
    let mut best = Vec::new();
    user.recommend(5, &RecommendOptions::default(), &mut best, &mut common::scratch(&user))
        .unwrap();
    assert!(best.is_empty());
}

#[test]
fn a_new_item_scores_as_an_old_one_of_the_same_values() {
    let bench = bench();
    let values = [("genres", Value::Index(0)), ("genres", Value::Index(2))];
    let new = [NewItem { id: "new", title: None, values: &values }];
    let catalog = Catalog::new(bench.catalog.model(), &new).unwrap();
    let mut score = [0.0];
    let mut scratch = Scratch::new(&catalog).unwrap();
    User::new(&catalog, &[]).unwrap().score(&[0], &mut score, &mut scratch).unwrap();
    let old = bench.items.iter().position(|item| *item == Cell::Values(vec![0, 2])).unwrap();
    let mut expected = [0.0];
    let mut scratch = Scratch::new(&bench.catalog).unwrap();
    let user = User::new(&bench.catalog, &[]).unwrap();
    user.score(&[old as u32], &mut expected, &mut scratch).unwrap();
    assert_eq!(score, expected);
}
