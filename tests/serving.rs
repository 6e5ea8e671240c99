//! What a service does with users and catalogues between recommendations: ratings that come
//! one by one and are withdrawn, items that are taken out, filters, and wrong scales.

mod common;

use std::sync::Mutex;

use common::files::{sample, sample_with_vectors};
use common::scratch;
use melu::model::schema::{ColumnBuilder, Value};
use melu::{
    Answers, Batch, Catalog, Error, Filter, Model, NewItem, RecommendOptions, Recommendation,
    Scratch, User,
};
use proptest::prelude::*;

/// A catalogue of so many items, of a model with and one without vectors.
fn catalogs(items: usize) -> Vec<Catalog> {
    [sample(), sample_with_vectors()].map(|contents| catalog(contents, items)).into()
}

fn catalog(contents: melu::model::file::Contents, items: usize) -> Catalog {
    let model = Model::from_contents(contents).unwrap();
    let genres = ["war", "comedy", "drama"];
    let values: Vec<[(&str, Value); 2]> = (0..items)
        .map(|item| {
            let year = Value::Number(1950.0 + (item * 37 % 60) as f32);
            [("genres", Value::Name(genres[item % 3])), ("year", year)]
        })
        .collect();
    let ids: Vec<String> = (0..items).map(|item| format!("id {item}")).collect();
    let titles: Vec<String> = (0..items).map(|item| format!("Title {item}")).collect();
    let items = ids.iter().zip(&titles).zip(&values);
    let items = items.map(|((id, title), values)| NewItem { id, title: Some(title), values });
    Catalog::new(&model, &items.collect::<Vec<_>>()).unwrap()
}

fn bits(user: &User) -> Vec<u32> {
    let mut scores = vec![0.0; user.catalog().len()];
    user.score_all(&mut scores, &mut scratch(user)).unwrap();
    scores.iter().map(|score| score.to_bits()).collect()
}

fn ratings(user: &User) -> Vec<(u32, f32)> {
    user.rated().iter().copied().zip(user.ratings().iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Ratings one by one lead where all at once do.
    #[test]
    fn ratings_may_come_and_go_one_by_one(
        steps in proptest::collection::vec((0u32..30, proptest::option::of(1u8..6)), 1..25)
    ) {
        for catalog in catalogs(30) {
            let mut user = User::new(&catalog, &[]).unwrap();
            let mut used = Scratch::new(&catalog).unwrap();
            let mut expected: Vec<(u32, f32)> = Vec::new();
            for &(item, stars) in &steps {
                let place = expected.iter().position(|rated| rated.0 == item);
                match (stars.map(f32::from), place) {
                    (Some(rating), Some(place)) => expected[place].1 = rating,
                    (Some(rating), None) => expected.push((item, rating)),
                    (None, Some(place)) => { expected.remove(place); }
                    (None, None) => {}
                }
                match stars {
                    Some(stars) => user.rate(item, stars.into(), &mut used).unwrap(),
                    None => prop_assert_eq!(user.withdraw(item, &mut used).unwrap(), place.is_some()),
                }
                prop_assert_eq!(&ratings(&user), &expected);
            }
            let mut at_once = User::new(&catalog, &[]).unwrap();
            let (items, stars): (Vec<u32>, Vec<f32>) = expected.into_iter().unzip();
            at_once.adapt(&items, &stars, &mut scratch(&at_once)).unwrap();
            prop_assert_eq!(bits(&user), bits(&at_once));
        }
    }
}

fn exactly(list: &[Recommendation]) -> Vec<(u32, [u32; 3])> {
    let bits =
        |found: &Recommendation| [found.score, found.rating, found.deviation].map(f32::to_bits);
    list.iter().map(|found| (found.item, bits(found))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_batch_serves_as_one_call_a_user_does(
        answers in proptest::collection::vec(
            proptest::collection::btree_map(0u32..30, (1u8..6).prop_map(f32::from), 0..12), 0..40
        ),
        threads in 0usize..5,
    ) {
        for catalog in catalogs(30) {
            let answers: Vec<(Vec<u32>, Vec<f32>)> =
                answers.iter().map(|answers| answers.iter().unzip()).collect();
            let answers: Vec<Answers> =
                answers.iter().map(|(items, ratings)| Answers { items, ratings }).collect();
            let mut users = vec![User::new(&catalog, &[]).unwrap(); answers.len()];
            let mut batch = Batch::new(&catalog, threads).unwrap();
            let mut lists = vec![vec![Recommendation::new(7, 7.0); 3]; 2];
            let options = RecommendOptions { leave_out: &[4, 9], ..RecommendOptions::default() };
            batch.adapt_and_recommend(&mut users, &answers, 10, &options, &mut lists).unwrap();
            let mut again = Vec::new();
            batch.recommend(&users, 10, &options, &mut again).unwrap();
            prop_assert!(lists.iter().map(|list| exactly(list)).eq(again.iter().map(|list| exactly(list))));
            prop_assert_eq!(lists.len(), users.len());
            let mut scratch = Scratch::new(&catalog).unwrap();
            for (Answers { items, ratings }, (batched, list)) in
                answers.iter().zip(users.iter().zip(&lists))
            {
                let mut user = User::new(&catalog, &[]).unwrap();
                user.adapt(items, ratings, &mut scratch).unwrap();
                prop_assert_eq!(bits(&user), bits(batched));
                let mut alone = Vec::new();
                user.recommend(10, &options, &mut alone, &mut scratch).unwrap();
                prop_assert_eq!(exactly(list), exactly(&alone));
            }
        }
    }
}

#[test]
fn a_batch_names_the_first_user_that_fails() {
    let catalog = catalog(sample(), 30);
    let mut batch = Batch::new(&catalog, 3).unwrap();
    let mut users = vec![User::new(&catalog, &[]).unwrap(); 9];
    let mut answers = vec![Answers { items: &[1], ratings: &[5.0] }; 9];
    answers[4].items = &[99];
    answers[7].ratings = &[f32::NAN];
    let (options, mut lists) = (RecommendOptions::default(), Vec::new());
    let error =
        batch.adapt_and_recommend(&mut users, &answers, 3, &options, &mut lists).unwrap_err();
    assert!(matches!(error, Error::OfUser { user: 4, .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "users[4]: items: item index 99 at position 0 is not below the catalogue's length 30"
    );
    for user in &users[..4] {
        assert_eq!(user.rated(), [1]);
    }
    assert!(users[4].rated().is_empty() && users[7].rated().is_empty());
    let error = batch.adapt_and_recommend(&mut users, &answers[..8], 3, &options, &mut lists);
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "answers: there are 8 for 9 users; one each is expected");

    let options = RecommendOptions { leave_out: &[30], ..RecommendOptions::default() };
    let error = batch.recommend(&users, 3, &options, &mut lists).unwrap_err();
    assert!(matches!(error, Error::OfUser { user: 0, .. }), "{error:?}");
    assert!(lists.is_empty());
}

#[test]
fn wrong_ratings_leave_the_user_as_before() {
    for catalog in catalogs(10) {
        let mut used = Scratch::new(&catalog).unwrap();
        let mut user = User::new(&catalog, &[]).unwrap();
        user.rate(3, 4.0, &mut used).unwrap();
        let before = bits(&user);
        assert!(matches!(user.rate(10, 4.0, &mut used), Err(Error::ItemIndex { .. })));
        assert!(matches!(user.withdraw(10, &mut used), Err(Error::ItemIndex { .. })));
        assert!(matches!(user.rate(3, f32::NAN, &mut used), Err(Error::Rating { .. })));
        assert_eq!((ratings(&user), bits(&user)), (vec![(3, 4.0)], before));
    }
}

/// The scale is the data's: an answer of 50 stars is a mistake of the program.
#[test]
fn ratings_of_another_scale_are_refused_and_predictions_stay_on_it() {
    for mut contents in [sample(), sample_with_vectors()] {
        contents.config.output.range = Some([0.5, 5.0]);
        let catalog = catalog(contents, 200);
        let mut used = Scratch::new(&catalog).unwrap();
        let mut user = User::new(&catalog, &[]).unwrap();
        for wrong in [50.0, 5.5, 0.0, -1.0, f32::MAX] {
            let error = user.adapt(&[2, 7], &[4.0, wrong], &mut used).unwrap_err();
            let told = error.to_string();
            assert!(matches!(error, Error::Rating { position: 1, .. }), "{told}");
            assert!(told.contains("0.5 to 5"), "{told}");
        }
        // A tenth of the scale's width is tolerated.
        user.adapt(&[2, 7], &[0.1, 5.4], &mut used).unwrap();
        let items: Vec<u32> = (0..200).collect();
        let mut best = Vec::new();
        let mut predicted = vec![0.0; 200];
        for rating in [0.5, 5.0] {
            user.adapt(&items, &[rating; 200], &mut used).unwrap();
            user.predict(&items, &mut predicted, &mut used).unwrap();
            assert!(predicted.iter().all(|rating| (0.5..=5.0).contains(rating)), "{predicted:?}");
            let options = RecommendOptions { keep_rated: true, ..RecommendOptions::default() };
            user.recommend(200, &options, &mut best, &mut used).unwrap();
            assert!(best.iter().all(|found| (0.5..=5.0).contains(&found.rating)));
        }
    }
}

#[test]
fn removed_items_are_gone_and_others_score_as_before() {
    for catalog in catalogs(40) {
        let smaller = catalog.remove(&[0, 7, 7, 39]).unwrap();
        assert_eq!((catalog.len(), smaller.len()), (40, 37));
        assert_eq!(smaller.find("id 7"), None);
        let mut scores = Vec::new();
        for catalog in [&catalog, &smaller] {
            let mut user = User::new(catalog, &[]).unwrap();
            let rated = ["id 3", "id 21"].map(|id| catalog.find(id).unwrap());
            user.adapt(&rated, &[5.0, 1.0], &mut scratch(&user)).unwrap();
            scores.push(bits(&user));
        }
        for item in 0..37 {
            let id = smaller.id(item).unwrap();
            let before = catalog.find(id).unwrap();
            assert_eq!(smaller.title(item), catalog.title(before));
            assert_eq!(scores[1][item as usize], scores[0][before as usize], "{id}");
        }
        assert!(catalog.remove(&(0..40).collect::<Vec<_>>()).unwrap().is_empty());
        assert!(matches!(catalog.remove(&[40]), Err(Error::ItemIndex { position: 0, .. })));
    }
}

#[test]
fn titles_come_with_new_items() {
    for catalog in catalogs(2) {
        assert_eq!(catalog.title(1), Some("Title 1"));
        let item = |id, title| NewItem { id, title, values: &[] };
        let more = catalog.extend(&[item("a", Some("A film")), item("b", None)]).unwrap();
        let titles = [0, 1, 2, 3].map(|item| more.title(item).unwrap());
        assert_eq!(titles, ["Title 0", "Title 1", "A film", ""]);
        let untitled = Catalog::new(catalog.model(), &[item("a", None)]).unwrap();
        assert_eq!(untitled.title(0), None);
        let more = untitled.extend(&[item("b", Some("B"))]).unwrap();
        assert_eq!([0, 1].map(|item| more.title(item).unwrap()), ["", "B"]);
    }
}

#[test]
fn a_filter_decides_and_is_asked_of_candidates_only() {
    for catalog in catalogs(1000) {
        let user = User::new(&catalog, &[]).unwrap();
        let mut used = Scratch::new(&catalog).unwrap();
        let refused: Vec<u32> = (0..1000).filter(|item| item % 3 == 1).collect();
        let mut expected = [Recommendation::new(0, 0.0); 20];
        let left_out = RecommendOptions { leave_out: &refused, ..RecommendOptions::default() };
        let count = user.recommend_into(&left_out, &mut expected, &mut used).unwrap();
        assert_eq!(count, 20);
        let asked = Mutex::new(Vec::new());
        let may = |item: u32| {
            asked.lock().unwrap().push(item);
            item % 3 != 1
        };
        let filtered =
            RecommendOptions { filter: Some(Filter(&may)), ..RecommendOptions::default() };
        for threads in [1, 4] {
            asked.lock().unwrap().clear();
            let mut found = expected;
            user.recommend_by_threads(threads, &filtered, &mut found, &mut used).unwrap();
            assert_eq!(found.map(|found| found.item), expected.map(|found| found.item));
            let asked = asked.lock().unwrap();
            assert!((20..900).contains(&asked.len()), "{} of 1000 were asked of", asked.len());
        }
        let nothing = |_: u32| false;
        let options = RecommendOptions { filter: Some(Filter(&nothing)), ..left_out };
        assert_eq!(user.recommend_into(&options, &mut expected, &mut used).unwrap(), 0);
    }
}

#[test]
fn unknown_values_of_a_profile_are_named() {
    let model = Model::from_contents(sample()).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let field = model.config().user_fields[0].name.clone();
    let user = User::new(&catalog, &[(&field, Value::Name("Atlantis"))]).unwrap();
    assert_eq!(user.unknown_profile().unwrap(), [(field.as_str(), Value::Name("Atlantis"))]);
    assert_eq!(user.unknown_values(), 1);
    let user = User::new(&catalog, &[(&field, Value::Index(0))]).unwrap();
    assert_eq!((user.unknown_profile().unwrap().len(), user.unknown_values()), (0, 0));
}

#[test]
fn columns_that_do_not_fit_make_no_user() {
    let model = Model::from_contents(sample()).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let mut builder = ColumnBuilder::new(false);
    builder.push_value(0);
    builder.end_row(None);
    let region = builder.finish();
    let mut numbers = ColumnBuilder::new(true);
    numbers.end_row(Some(1.0));
    let numbers = numbers.finish();
    assert!(User::from_columns(&catalog, std::slice::from_ref(&region), 0).is_ok());
    for (columns, row) in
        [(vec![], 0), (vec![region.clone(); 2], 0), (vec![region], 1), (vec![numbers], 0)]
    {
        let error = User::from_columns(&catalog, &columns, row).unwrap_err();
        assert!(matches!(error, Error::Argument { argument: "columns", .. }), "{error}");
    }
}
