//! Generated worlds: the same on disk as in memory, and as noisy as they say.

#![cfg(feature = "train")]

use std::collections::HashSet;
use std::fs;

use melu::Error;
use melu::data::{
    Dataset, Feedback, Rated, Scenario, SynthOptions, TableField, World, ranking_tasks, tasks,
};

fn small() -> SynthOptions {
    SynthOptions { users: 300, items: 120, ratings_per_user: 25, seed: 7, ..Default::default() }
}

fn field<'a>(fields: &'a [TableField], name: &str) -> &'a TableField {
    fields.iter().find(|field| field.name == name).unwrap()
}

#[test]
fn a_written_world_is_the_same_as_in_memory() {
    for options in [
        small(),
        SynthOptions { users: 1, items: 1, ratings_per_user: 1, ..Default::default() },
        SynthOptions { users: 50, items: 9, ratings_per_user: 9, noise: 0.0, ..small() },
        SynthOptions { new_users: 0.0, new_items: 1.0, seed: u64::MAX, ..small() },
        SynthOptions { positive_only: true, ..small() },
    ] {
        let world = World::generate(&options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("world");
        world.write(&folder).unwrap();
        let dataset = Dataset::open(&folder).unwrap();
        assert_eq!(dataset, world.dataset().unwrap());

        assert_eq!((dataset.users.len(), dataset.items.len()), (options.users, options.items));
        for rating in &dataset.ratings {
            let said = match dataset.feedback {
                Feedback::Ratings { .. } => world.answer(rating.user, rating.item),
                // Asked for, or all that a single rating tells.
                Feedback::PositiveOnly => 1.0,
            };
            assert_eq!(rating.value, said);
        }
        // expected.csv goes along with the log.
        let mut expected = csv::Reader::from_path(folder.join("expected.csv")).unwrap();
        let mut rows = expected.records();
        for rating in &dataset.ratings {
            let row = rows.next().unwrap().unwrap();
            assert_eq!(dataset.users.find(&row[0]), Some(rating.user));
            assert_eq!(dataset.items.find(&row[1]), Some(rating.item));
            assert_eq!(row[2].parse(), Ok(world.expected(rating.user, rating.item)));
        }
        assert!(rows.next().is_none());

        let again = world.write(&folder).unwrap_err();
        assert!(matches!(again, Error::Argument { .. }), "{again}");
    }
}

#[test]
fn the_same_seed_makes_the_same_world() {
    let dataset = |options: &SynthOptions| World::generate(options).unwrap().dataset().unwrap();
    let first = dataset(&small());
    assert_eq!(first, dataset(&small()));
    let other = dataset(&SynthOptions { seed: 8, ..small() });
    assert_ne!(first.ratings, other.ratings);
    assert_ne!(first.items.titles(), other.items.titles());
    assert_ne!(first.new_users, other.new_users);
}

#[test]
fn a_world_is_shaped_as_asked() {
    let world = World::generate(&SynthOptions::default()).unwrap();
    let dataset = world.dataset().unwrap();
    assert_eq!((dataset.users.len(), dataset.items.len()), (3000, 800));
    assert_eq!(dataset.report.duplicates, 0);
    let mean = dataset.ratings.len() as f64 / 3000.0;
    assert!((mean - 40.0).abs() < 2.0, "{mean} ratings a user");
    for (new, expected) in [(&dataset.new_users, 600), (&dataset.new_items, 160)] {
        assert_eq!(new.iter().filter(|&&new| new).count(), expected);
    }
    for rating in &dataset.ratings {
        assert!((0.5..=5.0).contains(&rating.value) && (rating.value * 2.0).fract() == 0.0);
    }
    for scenario in Scenario::ALL {
        let tasks = tasks(&dataset.scenario(scenario), &dataset.rules, 0, 0).len();
        assert!(tasks >= 40, "{} has {tasks} tasks", scenario.name());
    }

    // A tenth of the items gets a good part of the ratings, and none too much.
    let mut raters = vec![0; 800];
    dataset.ratings.iter().for_each(|rating| raters[rating.item as usize] += 1);
    raters.sort_unstable_by(|a, b| b.cmp(a));
    let share = raters[..80].iter().sum::<usize>() as f64 / dataset.ratings.len() as f64;
    assert!((0.25..0.6).contains(&share), "{share}");
    assert!((1000..2000).contains(&raters[0]), "{}", raters[0]);
    assert!(raters[799] > 0 && raters[400] > 50, "{} and {}", raters[799], raters[400]);

    for (fields, name, values) in [
        (dataset.users.fields(), "age", 6),
        (dataset.users.fields(), "occupation", 12),
        (dataset.users.fields(), "region", 8),
        (dataset.items.fields(), "genres", 12),
        (dataset.items.fields(), "studio", 20),
        (dataset.items.fields(), "country", 8),
    ] {
        assert_eq!(field(fields, name).vocabulary.as_ref().unwrap().len(), values, "{name}");
    }
    let years = &field(dataset.items.fields(), "year").column;
    assert!((0..800).all(|item| (1950.0..=2024.0).contains(&years.number(item).unwrap())));
}

#[test]
fn titles_differ_in_large_worlds_too() {
    let options =
        SynthOptions { users: 10, items: 100_000, ratings_per_user: 5, ..Default::default() };
    let dataset = World::generate(&options).unwrap().dataset().unwrap();
    let titles = dataset.items.titles().unwrap();
    assert_eq!(titles.iter().collect::<HashSet<_>>().len(), 100_000);
    assert!(titles.iter().all(|title| (5..50).contains(&title.len())));
}

#[test]
fn ratings_are_calibrated_around_what_is_expected() {
    for (noise, seed) in [(0.0, 1), (0.2, 2), (0.5, 3), (1.5, 4)] {
        let world = World::generate(&SynthOptions { noise, seed, ..Default::default() }).unwrap();
        let ratings = world.dataset().unwrap().ratings;
        // Sums of the difference, its square, and one, by what was expected.
        let mut levels = [[0.0f64; 3]; 11];
        for rating in &ratings {
            let expected = world.expected(rating.user, rating.item);
            let difference = f64::from(rating.value - expected);
            let level = &mut levels[(expected * 2.0).round() as usize];
            level[0] += difference;
            level[1] += difference * difference;
            level[2] += 1.0;
        }
        let all = levels.iter().fold([0.0; 3], |all, level| [0, 1, 2].map(|i| all[i] + level[i]));
        for [sum, squares, count] in levels.into_iter().chain([all]) {
            // Four and a half standard errors of the sum.
            assert!(sum.abs() <= 4.5 * squares.sqrt(), "noise {noise}: {sum} over {count}");
        }
        let rmse = (all[1] / all[2]).sqrt();
        match noise {
            0.0 => assert_eq!(rmse, 0.0),
            // Where the ends are far, rounding adds the variance of a uniform half star.
            0.5 => assert!((0.45..0.53).contains(&rmse), "{rmse}"),
            _ => assert!(rmse > 0.15 && rmse < f64::from(noise) + 0.15, "{rmse}"),
        }
    }
}

#[test]
fn noise_is_of_the_deviation_that_is_asked_for() {
    // In the middle of the scale, the whole distribution is to be seen.
    let world = World::generate(&SynthOptions { noise: 0.4, ..Default::default() }).unwrap();
    let (mut squares, mut count) = (0.0, 0);
    for user in 0..1000 {
        for item in 0..100 {
            let expected = world.expected(user, item);
            if (2.4..3.1).contains(&expected) {
                squares += f64::from(world.answer(user, item) - expected).powi(2);
                count += 1;
            }
        }
    }
    let variance = squares / f64::from(count);
    let known = 0.4 * 0.4 + 0.5 * 0.5 / 12.0;
    assert!((variance / known - 1.0).abs() < 0.03, "{variance} against {known}, {count}");
}

#[test]
fn scores_spread_by_a_star() {
    // Without noise, an answer is the score but for rounding and the ends.
    let world = World::generate(&SynthOptions { noise: 0.0, ..Default::default() }).unwrap();
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for user in 0..3000 {
        for item in (user % 8..800).step_by(8) {
            let answer = f64::from(world.answer(user, item));
            sum += answer;
            squares += answer * answer;
            count += 1.0;
        }
    }
    let mean: f64 = sum / count;
    let deviation = (squares / count - mean * mean).sqrt();
    assert!((2.5..2.9).contains(&mean), "{mean}");
    assert!((0.95..1.15).contains(&deviation), "{deviation}");
}

/// Within items of like popularity, who likes more chooses more; within pairs that are
/// liked alike, the popular is chosen more.
#[test]
fn choices_depend_on_tastes_and_on_popularity() {
    let world = World::generate(&SynthOptions::default()).unwrap();
    let dataset = world.dataset().unwrap();
    let chosen: HashSet<(u32, u32)> =
        dataset.ratings.iter().map(|rating| (rating.user, rating.item)).collect();
    let mut raters = vec![0; 800];
    chosen.iter().for_each(|&(_, item)| raters[item as usize] += 1);
    let mut order: Vec<u32> = (0..800).collect();
    order.sort_by_key(|&item| raters[item as usize]);
    // Chosen, and all, by a quarter of the items and by how much more than usual the user
    // would like them, in steps of half a star.
    let mut counts = [[[0.0f64; 2]; 4]; 4];
    for user in 0..3000 {
        let expected: Vec<f32> = (0..800).map(|item| world.expected(user, item)).collect();
        let usual = expected.iter().sum::<f32>() / 800.0;
        for (place, &item) in order.iter().enumerate() {
            let step = ((expected[item as usize] - usual + 1.0) * 2.0).clamp(0.0, 3.0) as usize;
            let [of, all] = &mut counts[place / 200][step];
            *of += f64::from(u8::from(chosen.contains(&(user, item))));
            *all += 1.0;
        }
    }
    let shares = counts.map(|row| row.map(|[of, all]| of / all));
    for quarter in shares {
        assert!(quarter.is_sorted() && quarter[3] > 5.0 * quarter[0], "{shares:?}");
    }
    for step in 0..4 {
        let column = shares.map(|row| row[step]);
        assert!(column.is_sorted() && column[3] > 4.0 * column[0], "{shares:?}");
    }
    // So the mean of what is rated is above the mean of what there is.
    let rated: f32 = dataset.ratings.iter().map(|rating| rating.value).sum();
    let mean = rated / dataset.ratings.len() as f32;
    assert!((3.4..3.9).contains(&mean), "{mean}");
}

#[test]
fn a_positive_only_log_has_the_same_choices_of_the_same_people() {
    let worlds = [false, true]
        .map(|positive_only| World::generate(&SynthOptions { positive_only, ..small() }).unwrap());
    let [rated, chosen] = [&worlds[0], &worlds[1]].map(|world| world.dataset().unwrap());
    assert!(matches!(rated.feedback, Feedback::Ratings { .. }));
    assert_eq!((chosen.feedback, chosen.report.alike), (Feedback::PositiveOnly, None));
    assert_eq!((&chosen.users, &chosen.items), (&rated.users, &rated.items));
    assert_eq!((&chosen.new_users, &chosen.new_items), (&rated.new_users, &rated.new_items));
    assert_eq!(chosen.ratings.len(), rated.ratings.len());
    for (chosen, rated) in chosen.ratings.iter().zip(&rated.ratings) {
        assert_eq!((chosen.user, chosen.item, chosen.value), (rated.user, rated.item, 1.0));
    }
    for (user, item) in [(0, 0), (299, 119), (17, 3)] {
        assert_eq!(worlds[0].expected(user, item), worlds[1].expected(user, item));
    }
    // No file tells what is not in the log.
    let folder = tempfile::tempdir().unwrap();
    worlds[1].write(&folder.path().join("world")).unwrap();
    let mut files: Vec<_> = fs::read_dir(folder.path().join("world"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let expected = ["dataset.toml", "expected.csv", "interactions.csv", "items.csv", "users.csv"];
    assert_eq!(files, expected);
}

/// What a new user chose finds more of what they chose beside it than popularity does,
/// and better things in truth: else a list would have nothing to find.
#[test]
fn a_list_has_something_to_find() {
    let options = SynthOptions { positive_only: true, new_items: 0.0, ..Default::default() };
    let world = World::generate(&options).unwrap();
    let dataset = world.dataset().unwrap();
    let items = dataset.items.len();
    let mut together = vec![vec![0.0f64; items]; items];
    for user in dataset.scenario(Scenario::ExistingUsersExistingItems) {
        for a in &*user.ratings {
            user.ratings.iter().for_each(|b| together[a.item as usize][b.item as usize] += 1.0);
        }
    }
    let popular: Vec<f64> = (0..items).map(|item| together[item][item]).collect();
    let neighbours = |known: &[Rated]| -> Vec<f64> {
        let likeness = |a: usize, b: usize| together[a][b] / (popular[a] * popular[b]).powf(0.6);
        let sum = |item| known.iter().map(|rated| likeness(rated.item as usize, item)).sum();
        (0..items).map(sum).collect()
    };
    // Hits among the best 20, and what these are worth in truth.
    let mut found = [[0.0; 2]; 2];
    for task in ranking_tasks(&dataset.scenario(Scenario::NewUsers), 0, 0) {
        let known = &task.support[..task.support.len().min(20)];
        for (scores, found) in [popular.clone(), neighbours(known)].iter().zip(&mut found) {
            let mut list: Vec<u32> = (0..items as u32).collect();
            list.retain(|item| known.iter().all(|rated| rated.item != *item));
            list.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
            for &item in &list[..20] {
                found[0] += f64::from(u8::from(task.query.iter().any(|rated| rated.item == item)));
                found[1] += f64::from(world.expected(task.user, item));
            }
        }
    }
    let [hits, worth] = [0, 1].map(|what| found[1][what] / found[0][what]);
    println!("neighbours find {hits:.3} times as much, worth {worth:.3} times as much");
    assert!(hits > 1.1 && worth > 1.05, "{hits} {worth}");
}

#[test]
fn beyond_the_last_there_is_no_number() {
    let world = World::generate(&small()).unwrap();
    for (user, item) in [(300, 0), (0, 120), (u32::MAX, u32::MAX)] {
        assert!(world.expected(user, item).is_nan() && world.answer(user, item).is_nan());
    }
    assert!(!world.expected(299, 119).is_nan() && !world.answer(299, 119).is_nan());
}

#[test]
fn options_out_of_range_are_refused() {
    for (options, name, told) in [
        (SynthOptions { users: 0, ..small() }, "users", "0"),
        (SynthOptions { items: 0, ..small() }, "items", "0"),
        (SynthOptions { ratings_per_user: 0, ..small() }, "ratings_per_user", "0"),
        (SynthOptions { ratings_per_user: 121, ..small() }, "ratings_per_user", "121"),
        (SynthOptions { noise: -0.5, ..small() }, "noise", "-0.5"),
        (SynthOptions { noise: f32::NAN, ..small() }, "noise", "NaN"),
        (SynthOptions { noise: f32::INFINITY, ..small() }, "noise", "inf"),
        (SynthOptions { new_users: 1.5, ..small() }, "new_users", "1.5"),
        (SynthOptions { new_items: f32::NAN, ..small() }, "new_items", "NaN"),
    ] {
        let Err(error) = World::generate(&options) else { panic!("{name} {told}") };
        assert!(matches!(error, Error::Argument { argument, .. } if argument == name), "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let world = World::generate(&small()).unwrap();
    let error = world.write(&folder.path().join("file/world")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Solves a positive definite system in place.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for pivot in 0..n {
        for row in pivot + 1..n {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let (above, below) = matrix.split_at_mut(row);
            for (entry, above) in below[0].iter_mut().zip(&above[pivot]) {
                *entry -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

/// What a predictor with a user's answers gains over one that knows items and
/// profiles only: else there would be nothing to adapt to.
#[test]
fn answers_tell_more_than_profiles() {
    let options = SynthOptions { users: 4000, items: 300, ..Default::default() };
    let world = World::generate(&options).unwrap();
    let dataset = world.dataset().unwrap();
    let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let (known, asked) = groups.split_at(groups.len() - 500);
    let [genres, studio, country, year] = ["genres", "studio", "country", "year"]
        .map(|name| &field(dataset.items.fields(), name).column);

    // Without answers: the item's mean, and how each group of people differs from
    // it by genre; all from other people.
    let mut item_means = vec![(0.0, 0.0); 300];
    for rated in known.iter().flat_map(|user| &*user.ratings) {
        let (sum, count) = &mut item_means[rated.item as usize];
        *sum += f64::from(rated.value);
        *count += 1.0;
    }
    let item_mean = |item: u32| {
        let (sum, count) = item_means[item as usize];
        (sum + 3.7 * 5.0) / (count + 5.0)
    };
    let groups_of = |user: u32| -> Vec<u32> {
        let fields = dataset.users.fields().iter().enumerate();
        fields.map(|(f, field)| f as u32 * 20 + field.column.row(user as usize)[0]).collect()
    };
    let mut by_group = vec![(0.0, 0.0); 60 * 12];
    for user in known {
        for rated in &*user.ratings {
            let residual = f64::from(rated.value) - item_mean(rated.item);
            for group in groups_of(user.user) {
                for genre in genres.row(rated.item as usize) {
                    let (sum, count) = &mut by_group[(group * 12 + genre) as usize];
                    *sum += residual;
                    *count += 1.0;
                }
            }
        }
    }
    let unadapted = |user: u32, item: u32| {
        let row = genres.row(item as usize);
        let of_group = |group: u32| {
            let differences = row.iter().map(|genre| {
                let (sum, count) = by_group[(group * 12 + genre) as usize];
                sum / (count + 20.0)
            });
            differences.sum::<f64>() / row.len() as f64
        };
        item_mean(item) + groups_of(user).into_iter().map(of_group).sum::<f64>()
    };

    // With answers: what they leave over, carried on to items of like content.
    let alike = |a: u32, b: u32| {
        let (a, b) = (a as usize, b as usize);
        let shared = genres.row(a).iter().filter(|genre| genres.row(b).contains(genre)).count();
        let genres = shared as f64 / (genres.row(a).len() * genres.row(b).len()) as f64;
        let same = |column: &melu::model::schema::Column| {
            f64::from(u8::from(column.row(a) == column.row(b)))
        };
        let years = [a, b].map(|item| f64::from(year.number(item).unwrap() - 2006.0) / 40.0);
        let likeness = genres + 0.16 * (same(studio) + same(country)) + years[0] * years[1];
        0.12 + 0.5 * likeness
    };
    let (mut without, mut with, mut floor, mut count) = (0.0, 0.0, 0.0, 0.0);
    for task in tasks(asked, &dataset.rules, 0, 0) {
        let given: &[Rated] = &task.support[..task.support.len().min(15)];
        let left_over = |rated: &Rated| f64::from(rated.value) - unadapted(task.user, rated.item);
        let matrix = given.iter().enumerate().map(|(row, a)| {
            let entry = |(column, b): (usize, &Rated)| {
                alike(a.item, b.item) + if row == column { 0.3 } else { 0.0 }
            };
            given.iter().enumerate().map(entry).collect()
        });
        let weights = solve(matrix.collect(), given.iter().map(left_over).collect());
        for rated in &task.query {
            let carried = given.iter().zip(&weights).map(|(a, w)| w * alike(a.item, rated.item));
            let base = unadapted(task.user, rated.item);
            let truth = f64::from(rated.value);
            without += (truth - base).powi(2);
            with += (truth - base - carried.sum::<f64>()).powi(2);
            floor += (truth - f64::from(world.expected(task.user, rated.item))).powi(2);
            count += 1.0;
        }
    }
    let [without, with, floor] = [without, with, floor].map(|sum: f64| (sum / count).sqrt());
    println!("RMSE without answers {without:.3}, with 15 {with:.3}, at best {floor:.3}");
    assert!(with < 0.88 * without, "{with} against {without}");
    assert!(floor < 0.9 * with, "{floor} against {with}");
}
