//! Many users in one call: catalogues so large that users are served side by side.

mod common;

use common::choosing::{positive_only, with_ratings};
use melu::{
    Answers, Batch, Catalog, Error, Filter, Model, Order, RecommendOptions, Recommendation,
    Scratch, User,
};
use proptest::prelude::*;

/// More than are searched in one step, and no whole number of blocks.
const ITEMS: usize = 9_003;

fn catalogs() -> [Catalog; 2] {
    [with_ratings(ITEMS), positive_only(ITEMS)]
        .map(|contents| Model::from_contents(contents).unwrap().catalog().unwrap().unwrap())
}

fn exactly(list: &[Recommendation]) -> Vec<(u32, [u32; 3])> {
    let bits =
        |found: &Recommendation| [found.score, found.rating, found.deviation].map(f32::to_bits);
    list.iter().map(|found| (found.item, bits(found))).collect()
}

/// Different options, with those of ratings last.
fn options<'a>(filter: Filter<'a>, items: &'a [u32]) -> [RecommendOptions<'a>; 6] {
    let rest = RecommendOptions::default();
    [
        rest,
        RecommendOptions { leave_out: items, exposure: 0.0, ..rest },
        RecommendOptions { min_raters: 3, keep_rated: true, ..rest },
        RecommendOptions { new_items: 7, filter: Some(filter), ..rest },
        RecommendOptions { among: Some(items), add_neighbours: true, ..rest },
        RecommendOptions { order: Order::Rating, ..rest },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn users_side_by_side_are_served_as_alone(
        answers in prop::collection::vec(
            prop::collection::btree_map(0..ITEMS as u32, (1u8..6).prop_map(f32::from), 0..30),
            0..35,
        ),
        items in prop::collection::vec(0..ITEMS as u32, 0..200),
        threads in 1usize..6,
        k in prop::sample::select(vec![0, 1, 20, 300]),
    ) {
        for catalog in catalogs() {
            let ratings = catalog.model().has_ratings();
            let answers: Vec<(Vec<u32>, Vec<f32>)> = answers
                .iter()
                .map(|answers| answers.iter().map(|(i, r)| (i, if ratings { *r } else { 1.0 })).unzip())
                .collect();
            let answers: Vec<Answers> =
                answers.iter().map(|(items, ratings)| Answers { items, ratings }).collect();
            let mut users = vec![User::new(&catalog, &[]).unwrap(); answers.len()];
            let mut batch = Batch::new(&catalog, threads).unwrap();
            let (mut lists, mut alone) = (Vec::new(), Vec::new());
            let mut scratch = Scratch::new(&catalog).unwrap();
            let is_odd = |item: u32| item % 2 == 1;
            let all = options(Filter(&is_odd), &items);
            for (turn, options) in all[..if ratings { 6 } else { 5 }].iter().enumerate() {
                match turn {
                    0 => batch.adapt_and_recommend(&mut users, &answers, k, options, &mut lists),
                    _ => batch.recommend(&users, k, options, &mut lists),
                }
                .unwrap();
                prop_assert_eq!(lists.len(), users.len());
                for (user, list) in users.iter().zip(&lists) {
                    user.recommend(k, options, &mut alone, &mut scratch).unwrap();
                    prop_assert_eq!(exactly(list), exactly(&alone));
                }
            }
        }
    }
}

#[test]
fn a_user_of_another_catalogue_is_named() {
    let [catalog, other] = catalogs();
    let mut batch = Batch::new(&catalog, 1).unwrap();
    let mut users = vec![User::new(&catalog, &[]).unwrap(); 20];
    let mut lists = Vec::new();
    for place in [19, 11, 8, 7, 0] {
        users[place] = User::new(&other, &[]).unwrap();
        let error = batch.recommend(&users, 3, &RecommendOptions::default(), &mut lists);
        assert!(
            matches!(&error, Err(Error::OfUser { user, .. }) if *user == place),
            "{place}: {error:?}"
        );
        assert!(lists.is_empty());
    }
}
