//! A split made inside the training part.

#![cfg(feature = "train")]

use std::collections::HashSet;

use melu::data::{Dataset, Scenario, SynthOptions, Table, World};
use melu::model::schema::Strings;
use proptest::prelude::*;

fn world(seed: u64, new_users: f32, new_items: f32) -> Dataset {
    let options = SynthOptions {
        users: 90,
        items: 60,
        ratings_per_user: 15,
        new_users,
        new_items,
        seed,
        ..Default::default()
    };
    World::generate(&options).unwrap().dataset().unwrap()
}

fn ids(ids: &Strings, rows: impl Iterator<Item = usize>) -> HashSet<String> {
    rows.map(|row| ids.get(row).unwrap().to_owned()).collect()
}

fn existing(ids: &Strings, new: &[bool]) -> HashSet<String> {
    self::ids(ids, (0..new.len()).filter(|&row| !new[row]))
}

/// All that is known of one row, by name.
fn row(table: &Table, id: &str) -> Vec<(String, Vec<String>, Option<f32>)> {
    let row = table.find(id).unwrap() as usize;
    let fields = table.fields().iter().map(|field| {
        let name = |&value: &u32| field.vocabulary.as_ref().unwrap().name(value).unwrap().into();
        let values = field.column.row(row).iter().map(name).collect();
        (field.name.clone(), values, field.column.number(row))
    });
    fields.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_inside_is_the_training_part(
        world_seed in 0u64..20,
        seed: u64,
        new_users in 0f32..0.6,
        new_items in 0f32..0.6,
    ) {
        let outside = world(world_seed, new_users, new_items);
        let inside = outside.inside(seed);
        prop_assert_eq!(&inside, &outside.inside(seed));
        let (users, items) = (inside.users.ids(), inside.items.ids());
        prop_assert_eq!(
            ids(users, 0..users.len()), existing(outside.users.ids(), &outside.new_users));
        prop_assert_eq!(
            ids(items, 0..items.len()), existing(outside.items.ids(), &outside.new_items));
        for (small, large) in
            [(&inside.users, &outside.users), (&inside.items, &outside.items)]
        {
            for id in small.ids().iter() {
                prop_assert_eq!(row(small, id), row(large, id));
            }
            // Every name that is left is somebody's.
            for field in small.fields().iter().filter(|field| field.vocabulary.is_some()) {
                let used: HashSet<u32> =
                    (0..small.len()).flat_map(|row| field.column.row(row)).copied().collect();
                prop_assert_eq!(used.len(), field.vocabulary.as_ref().unwrap().len());
            }
        }
        let named = |dataset: &Dataset, scenarios: &[Scenario]| {
            let mut all = Vec::new();
            for scenario in scenarios {
                for group in dataset.scenario(*scenario) {
                    let user = dataset.users.ids().get(group.user as usize).unwrap().to_owned();
                    for rated in &*group.ratings {
                        let item = dataset.items.ids().get(rated.item as usize).unwrap().to_owned();
                        all.push((user.clone(), item, rated.value.to_bits()));
                    }
                }
            }
            all.sort();
            all
        };
        prop_assert_eq!(
            named(&inside, &Scenario::ALL),
            named(&outside, &[Scenario::ExistingUsersExistingItems])
        );
        let share = |new: &[bool]| new.iter().filter(|new| **new).count() as f64 / new.len() as f64;
        let near = |inside: &[bool], outside: &[bool]| {
            (share(inside) - share(outside)).abs() <= 0.5 / inside.len() as f64 + 1e-9
        };
        prop_assert!(near(&inside.new_users, &outside.new_users));
        prop_assert!(near(&inside.new_items, &outside.new_items));
    }
}

/// 50 items with a year each, of which those from 8 on are new.
fn by_year(year: impl Fn(usize) -> String) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    write(
        "dataset.toml",
        "name = \"x\"\n[users]\nfile = \"users.csv\"\nid = \"id\"\n\
         [items]\nfile = \"items.csv\"\nid = \"id\"\n\
         [ratings]\nfile = \"ratings.csv\"\nuser = \"u\"\nitem = \"i\"\nvalue = \"r\"\n\
         [split]\nnew_items = { column = \"year\", from = 8 }\n",
    );
    write("users.csv", "id\n0\n1\n2\n");
    let items: String = (0..50).map(|row| format!("{row},{}\n", year(row))).collect();
    write("items.csv", &format!("id,year\n{items}"));
    write("ratings.csv", "u,i,r\n0,0,1\n1,17,2\n2,19,3\n");
    Dataset::open(folder.path()).unwrap()
}

#[test]
fn a_column_decides_inside_as_it_does_outside() {
    // Years 0 to 9 in turn; the first item has none.
    let outside = by_year(|row| if row == 0 { String::new() } else { (row % 10).to_string() });
    assert_eq!(outside.new_items.iter().filter(|new| **new).count(), 10);
    let inside = outside.inside(3);
    // A fifth of 40 is 8; two years of 5 items are nearest to that.
    let new = ids(inside.items.ids(), (0..40).filter(|&row| inside.new_items[row]));
    let expected = (0..50).filter(|row| [6, 7].contains(&(row % 10)));
    assert_eq!(new, expected.map(|row| row.to_string()).collect());
    assert!(inside.new_users.iter().all(|new| !new));
    assert_eq!(inside.ratings.len(), 2);
    let again = inside.inside(3);
    assert_eq!(again.items.len(), 30);
    assert!(again.items.find("5").is_some_and(|row| again.new_items[row as usize]));
}

#[test]
fn a_column_that_tells_nothing_apart_leaves_it_to_chance() {
    let outside = by_year(|row| if row < 40 { "1".into() } else { "9".into() });
    let draw = |seed| {
        let inside = outside.inside(seed);
        assert_eq!(inside.new_items.len(), 40);
        assert_eq!(inside.new_items.iter().filter(|new| **new).count(), 8);
        inside.new_items
    };
    assert_eq!(draw(0), draw(0));
    assert_ne!(draw(0), draw(1));
}
