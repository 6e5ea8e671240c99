//! How ratings are cut into scenarios, and users into support and query sets.

#![cfg(feature = "train")]

use std::slice;

use melu::data::{Dataset, Rated, Scenario, Task, TaskRules, UserRatings, ranking_tasks, tasks};
use proptest::prelude::*;

fn user(user: u32, count: usize) -> UserRatings {
    let rated = |item| Rated { item: item as u32 * 3, value: item as f32 / 2.0 };
    UserRatings { user, ratings: (0..count).map(rated).collect() }
}

/// Both sets together, by item. The users here rated each item once, so that
/// this is all of a user's ratings only if the sets share none.
fn union(task: &Task) -> Vec<Rated> {
    let mut all = [&task.support[..], &task.query].concat();
    all.sort_by_key(|rated| rated.item);
    all
}

proptest! {
    #[test]
    fn tasks_are_sound(
        counts in prop::collection::vec(0..30usize, 1..12),
        query in 1..8usize,
        more in 1..8usize,
        span in 0..20usize,
        seed: u64,
        draw: u64,
    ) {
        let users: Vec<_> = (0..).zip(counts).map(|(id, count)| user(id * 7, count)).collect();
        let min_ratings = query + more;
        let rules = TaskRules { min_ratings, max_ratings: min_ratings + span, query };
        let admitted: Vec<_> =
            users.iter().filter(|user| user.ratings.len() >= min_ratings).collect();
        let drawn = tasks(&users, &rules, seed, draw);
        prop_assert_eq!(drawn.len(), admitted.len());
        for (task, user) in drawn.iter().zip(admitted) {
            prop_assert_eq!(task.user, user.user);
            prop_assert_eq!(task.query.len(), query);
            let drawn = union(task);
            prop_assert_eq!(drawn.len(), user.ratings.len().min(min_ratings + span));
            prop_assert!(drawn.windows(2).all(|pair| pair[0].item < pair[1].item));
            prop_assert!(drawn.iter().all(|rated| user.ratings.contains(rated)));
            // Alone, a user gets the same task.
            prop_assert_eq!(&tasks(slice::from_ref(user), &rules, seed, draw)[0], task);
        }
        prop_assert_eq!(tasks(&users, &rules, seed, draw), drawn);
    }

    #[test]
    fn a_list_is_to_find_a_fifth(
        counts in prop::collection::vec(0..60usize, 1..12),
        seed: u64,
        draw: u64,
    ) {
        let users: Vec<_> = (0..).zip(counts).map(|(id, count)| user(id * 7, count)).collect();
        let admitted: Vec<_> = users.iter().filter(|user| user.ratings.len() >= 20).collect();
        let drawn = ranking_tasks(&users, seed, draw);
        prop_assert_eq!(drawn.len(), admitted.len());
        for (task, user) in drawn.iter().zip(admitted) {
            prop_assert_eq!(task.user, user.user);
            prop_assert_eq!(task.query.len(), user.ratings.len() / 5);
            prop_assert_eq!(&*union(task), &*user.ratings);
            // Alone, a user gets the same task.
            prop_assert_eq!(&ranking_tasks(slice::from_ref(user), seed, draw)[0], task);
        }
    }

    #[test]
    fn a_query_set_is_no_larger_than_the_user(count in 0..30usize, query in 0..40usize, seed: u64) {
        use rand::SeedableRng;
        let user = user(3, count);
        let task = user.draw(query, &mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
        prop_assert_eq!(task.query.len(), query.min(count));
        prop_assert_eq!(&*union(&task), &*user.ratings);
    }
}

#[test]
fn every_rating_is_as_likely_to_be_drawn() {
    let user = user(5, 8);
    let rules = TaskRules { min_ratings: 3, max_ratings: 100, query: 2 };
    let (mut asked, mut given_first) = ([0; 8], [0; 8]);
    let draws = 8000;
    for draw in 0..draws {
        let task = &tasks(slice::from_ref(&user), &rules, 1, draw)[0];
        for rated in &task.query {
            asked[rated.item as usize / 3] += 1;
        }
        given_first[task.support[0].item as usize / 3] += 1;
    }
    // Five standard deviations of a binomial count.
    let near = |count: i32, share: f64| {
        let mean = draws as f64 * share;
        (f64::from(count) - mean).abs() < 5.0 * (mean * (1.0 - share)).sqrt()
    };
    assert!(asked.iter().all(|&count| near(count, 0.25)), "{asked:?}");
    assert!(given_first.iter().all(|&count| near(count, 0.125)), "{given_first:?}");
}

#[test]
fn of_many_ratings_each_is_as_likely_to_be_drawn() {
    let user = user(5, 40);
    let rules = TaskRules { min_ratings: 3, max_ratings: 10, query: 2 };
    let (mut drawn, draws) = ([0; 40], 8000);
    for draw in 0..draws {
        for rated in union(&tasks(slice::from_ref(&user), &rules, 1, draw)[0]) {
            drawn[rated.item as usize / 3] += 1;
        }
    }
    // Five standard deviations of a binomial count.
    let (mean, share) = (draws as f64 / 4.0, 0.25_f64);
    let most = 5.0 * (mean * (1.0 - share)).sqrt();
    assert!(drawn.iter().all(|&count| (f64::from(count) - mean).abs() < most), "{drawn:?}");
}

#[test]
fn scenarios_share_out_all_ratings() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        (
            "dataset.toml",
            "name = \"x\"\n[users]\nfile = \"users.csv\"\nid = \"id\"\n\
             [items]\nfile = \"items.csv\"\nid = \"id\"\n\
             [ratings]\nfile = \"ratings.csv\"\nuser = \"u\"\nitem = \"i\"\nvalue = \"r\"\n\
             [split]\nnew_users = { file = \"new\" }\nnew_items = { file = \"new\" }\n",
        ),
        ("users.csv", "id\n0\n1\n2\n3\n"),
        ("items.csv", "id\n0\n1\n2\n3\n"),
        ("new", "3\n1\n"),
        ("ratings.csv", "u,i,r\n2,3,1\n2,2,2\n0,2,3\n0,0,4\n3,1,5\n3,0,6\n1,0,7\n"),
    ] {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let dataset = Dataset::open(folder.path()).unwrap();
    let read = |scenario| -> Vec<(u32, Vec<(u32, f32)>)> {
        let rated = |rated: &Rated| (rated.item, rated.value);
        let groups = dataset.scenario(scenario).into_iter();
        groups.map(|user| (user.user, user.ratings.iter().map(rated).collect())).collect()
    };
    assert_eq!(
        Scenario::ALL.map(read),
        [
            vec![(0, vec![(0, 4.0), (2, 3.0)]), (2, vec![(2, 2.0)])],
            vec![(1, vec![(0, 7.0)]), (3, vec![(0, 6.0)])],
            vec![(2, vec![(3, 1.0)])],
            vec![(3, vec![(1, 5.0)])],
        ]
    );
    assert_eq!(
        Scenario::ALL.map(Scenario::name),
        ["existing_users_existing_items", "new_users", "new_items", "new_users_new_items"]
    );
}
