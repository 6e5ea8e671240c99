//! Catalogues that change while the model stays.

mod common;

use std::sync::{Arc, RwLock};
use std::thread;

use common::choosing::{positive_only, with_ratings};
use common::estimator::Case;
use common::files::{sample, sample_with_vectors};
use melu::model::schema::{FieldKind, Value};
use melu::{Catalog, Error, Model, NewItem, User};

const GENRES: [&[(&str, Value)]; 3] = [
    &[("genres", Value::Name("war")), ("genres", Value::Name("comedy"))],
    &[("genres", Value::Name("unheard of")), ("year", Value::Number(2003.0))],
    &[],
];

fn bits(user: &mut User) -> Vec<u32> {
    let mut scores = vec![0.0; user.catalog().len()];
    user.score_all(&mut scores, &mut common::scratch(user)).unwrap();
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Items "new 0", "new 1" and so on.
fn extend(catalog: &Catalog, count: usize) -> Catalog {
    let start = catalog.len();
    let ids: Vec<String> = (start..start + count).map(|index| format!("new {index}")).collect();
    let items: Vec<NewItem> = ids
        .iter()
        .zip(start..)
        .map(|(id, index)| NewItem { id, title: None, values: GENRES[index % GENRES.len()] })
        .collect();
    catalog.extend(&items).unwrap()
}

#[test]
fn an_extended_catalogue_is_the_one_made_at_once() {
    let values: Vec<(String, &[(&str, Value)])> =
        (0..200).map(|item| (format!("{}", item * 7919 % 200), GENRES[item % 3])).collect();
    let items: Vec<NewItem> =
        values.iter().map(|(id, values)| NewItem { id, title: None, values }).collect();
    for contents in [sample(), sample_with_vectors()] {
        let model = Model::from_contents(contents).unwrap();
        let whole = Catalog::new(&model, &items).unwrap();
        let part = Catalog::new(&model, &items[..70]).unwrap();
        let extended =
            part.extend(&items[70..71]).unwrap().extend(&[]).unwrap().extend(&items[71..]).unwrap();
        assert_eq!(part.len(), 70);
        let (table, expected) = (extended.table(), whole.table());
        assert_eq!((&table.ids, &table.vectors), (&expected.ids, &expected.vectors));
        // Missing numbers are not equal to themselves.
        assert_eq!(format!("{:?}", table.columns), format!("{:?}", expected.columns));
        for (column, expected) in table.columns.iter().zip(&expected.columns) {
            for row in 0..items.len() {
                assert_eq!(column.row(row), expected.row(row));
                assert_eq!(column.number(row), expected.number(row));
            }
        }
        assert_eq!(extended.unknown_values(), whole.unknown_values());
        for (index, item) in items.iter().enumerate() {
            assert_eq!(extended.find(item.id), Some(index as u32));
        }
        let user = |catalog| {
            let mut user = User::new(catalog, &[("region", Value::Name("s"))]).unwrap();
            user.adapt(&[0, 69, 5], &[1.0, 5.0, 4.0], &mut common::scratch(&user)).unwrap();
            user
        };
        assert_eq!(bits(&mut user(&extended)), bits(&mut user(&whole)));
        assert_eq!(bits(&mut user(&part)), bits(&mut user(&whole))[..70]);
    }
}

/// The file's own items have their neighbours, in whatever order they come, and come back.
#[test]
fn the_files_items_find_their_neighbours_again() {
    for contents in [with_ratings(150), positive_only(150)] {
        let model = Model::from_contents(contents).unwrap();
        let whole = model.catalog().unwrap().unwrap();
        let genres = &whole.table().columns[0];
        let values: Vec<Vec<(&str, Value)>> = (0..whole.len())
            .map(|item| genres.row(item).iter().map(|&g| ("genres", Value::Index(g))).collect())
            .collect();
        let items: Vec<NewItem> = (0..)
            .zip(&values)
            .map(|(item, values)| NewItem { id: whole.id(item).unwrap(), title: None, values })
            .collect();
        let [given, liked] = [[7usize, 60, 90], [3, 5, 4]];
        let ratings = liked.map(|rating| if model.has_ratings() { rating as f32 } else { 1.0 });
        // By the ids of the whole catalogue.
        let scores = |catalog: &Catalog| {
            let mut user = User::new(catalog, &[]).unwrap();
            let place = |item: usize| catalog.find(items[item].id).unwrap();
            let given = given.map(place);
            user.adapt(&given, &ratings, &mut common::scratch(&user)).unwrap();
            let bits = bits(&mut user);
            (0..items.len()).map(|item| bits[place(item) as usize]).collect::<Vec<_>>()
        };
        let expected = scores(&whole);
        assert_eq!(scores(&Catalog::new(&model, &items).unwrap()), expected);
        let part = Catalog::new(&model, &items[..70]).unwrap();
        assert_eq!(scores(&part.extend(&items[70..]).unwrap()), expected);
        let fewer = whole.remove(&[3, 60]).unwrap();
        let again = fewer.extend(&[items[60], items[3]]).unwrap();
        assert_eq!(scores(&again), expected);
        let new = NewItem { id: "brand new", title: None, values: &[] };
        assert_eq!(scores(&again.extend(&[new]).unwrap()), expected);
    }
}

#[test]
fn the_files_own_catalogue_can_be_extended() {
    for contents in [sample(), sample_with_vectors()] {
        let model = Model::from_contents(contents).unwrap();
        let catalog = model.catalog().unwrap().unwrap();
        let extended = extend(&catalog, 4);
        assert_eq!(extended.len(), 7);
        assert_eq!(extended.id(2), Some("three"));
        assert_eq!(extended.title(2), Some("Die Dritte"));
        assert_eq!(extended.title(5), Some(""));
        assert_eq!(extended.id(5), Some("new 5"));
        let mut old = User::new(&catalog, &[]).unwrap();
        let mut new = User::new(&extended, &[]).unwrap();
        assert_eq!(bits(&mut old), bits(&mut new)[..3]);
    }
}

#[test]
fn every_kind_of_model_can_be_extended() {
    for case in Case::all() {
        let model = Model::from_contents(case.contents.clone()).unwrap();
        let Some(catalog) = model.catalog().unwrap() else { continue };
        let extended =
            catalog.extend(&[NewItem { id: "brand new", title: None, values: &[] }]).unwrap();
        let new =
            Catalog::new(&model, &[NewItem { id: "brand new", title: None, values: &[] }]).unwrap();
        let mut all = bits(&mut User::new(&extended, &[]).unwrap());
        assert_eq!(all.pop(), bits(&mut User::new(&new, &[]).unwrap()).pop());
        assert_eq!(all, bits(&mut User::new(&catalog, &[]).unwrap()));
    }
}

#[test]
fn an_id_that_is_there_is_refused() {
    let model = Model::from_contents(sample()).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let error = catalog.extend(&[NewItem { id: "two", title: None, values: &[] }]).unwrap_err();
    assert!(matches!(error, Error::Argument { argument: "items", .. }), "{error}");
    assert!(error.to_string().contains("\"two\""), "{error}");
}

/// A service swaps model and catalogue while others score with the old ones.
#[test]
fn catalogues_are_swapped_while_threads_score() {
    const SWAPS: usize = 200;
    let model = Model::from_contents(sample()).unwrap();
    let first = model.catalog().unwrap().unwrap();
    let expected = bits(&mut User::new(&extend(&first, SWAPS), &[]).unwrap());
    let current = Arc::new(RwLock::new(first));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut len = 0;
                while len < 3 + SWAPS {
                    let catalog = current.read().unwrap().clone();
                    assert!(catalog.len() >= len, "catalogues only grow");
                    len = catalog.len();
                    let mut user = User::new(&catalog, &[]).unwrap();
                    drop(catalog);
                    assert_eq!(bits(&mut user), expected[..len]);
                }
            });
        }
        for _ in 0..SWAPS {
            let old = current.read().unwrap().clone();
            *current.write().unwrap() = extend(&old, 1);
        }
    });
}

/// A sentinel for a missing year must not bring an item to the top of all lists.
#[test]
fn numbers_beyond_the_training_data_are_read_as_the_nearest_there() {
    for mut contents in [sample(), sample_with_vectors()] {
        for field in &mut contents.config.item_fields {
            if let FieldKind::Numeric(scale) = &mut field.kind {
                scale.range = Some([1970.0, 2010.0]);
            }
        }
        let model = Model::from_contents(contents).unwrap();
        let scores = |years: &[f32]| {
            let values: Vec<[(&str, Value); 1]> =
                years.iter().map(|year| [("year", Value::Number(*year))]).collect();
            let ids: Vec<String> = (0..years.len()).map(|index| index.to_string()).collect();
            let items =
                ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values });
            let catalog = Catalog::new(&model, &items.collect::<Vec<_>>()).unwrap();
            (bits(&mut User::new(&catalog, &[]).unwrap()), catalog.unknown_values())
        };
        let (expected, unknown) = scores(&[1970.0, 2010.0]);
        assert_eq!(unknown, 0);
        for (years, far) in
            [([1960.0, 2030.0], 0), ([0.0, 9999.0], 2), ([-1.0, 1.7e9], 2), ([-1.0, f32::MAX], 2)]
        {
            assert_eq!(scores(&years), (expected.clone(), far), "{years:?}");
        }
    }
}
