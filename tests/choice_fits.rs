//! Vectors, neighbours and users' vectors for choosing against plain computations in double
//! precision, and the same bytes for any number of threads.

#![cfg(feature = "train")]

mod common;

use common::{eliminate, unit};
use melu::data::{Rated, Scenario, SynthOptions, UserRatings, World};
use melu::model::schema::Entity;
use melu::model::{BESIDES_VECTOR, ChoiceHead, Curve};
use melu::train::Description;
use melu::train::choice::{
    ChoiceData, ChoiceOptions, CoCounts, FactorSettings, Interactions, ItemFactors, MetaData,
    MetaOptions, MetaParameters, MetaUser, Neighbours, gram, meta_train,
};
use melu::user::VectorSolver;
use proptest::prelude::*;

/// Users who chose items with a chance of `mean` divided by the item's rank.
fn groups(users: usize, items: usize, mean: f64, seed: u64) -> Vec<UserRatings> {
    let group = |user: usize| {
        let at = |what: u64, item: usize| unit(seed, what + user as u64, item as u64);
        let chosen =
            (0..items).filter(|&item| (at(0, item) + 1.0) / 2.0 * (1 + item) as f64 <= mean);
        let value = |item| 3.0 + (2.0 * at(1 << 40, item)).round() as f32;
        let rated = chosen.map(|item| Rated { item: item as u32, value: value(item) });
        UserRatings { user: user as u32, ratings: rated.collect() }
    };
    (0..users).map(group).collect()
}

fn items_by_user(groups: &[UserRatings]) -> Vec<Vec<usize>> {
    let items = |group: &UserRatings| group.ratings.iter().map(|r| r.item as usize).collect();
    groups.iter().map(items).collect()
}

fn users_by_item(groups: &[UserRatings], items: usize) -> Vec<Vec<usize>> {
    let chose = |user: &Vec<usize>, item| user.contains(&item);
    let by_user = items_by_user(groups);
    (0..items)
        .map(|item| (0..by_user.len()).filter(|&user| chose(&by_user[user], item)).collect())
        .collect()
}

fn double<'a>(numbers: impl IntoIterator<Item = &'a f32>) -> Vec<f64> {
    numbers.into_iter().map(|x| f64::from(*x)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Fails unless the numbers are as near as f32 brings them.
fn compare(what: &str, found: &[f32], expected: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len(), "{}", what);
    let apart: Vec<f64> = double(found).iter().zip(expected).map(|(f, e)| f - e).collect();
    prop_assert!(
        dot(&apart, &apart).sqrt() <= 1e-6 * dot(expected, expected).sqrt() + 1e-12,
        "{what}: {found:?} instead of {expected:?}"
    );
    Ok(())
}

/// The vector of somebody who chose some of the others, which are `[others, width]`, or
/// of an item that some of them chose.
fn least_squares(settings: &FactorSettings, others: &[f64], chosen: &[usize]) -> Vec<f64> {
    let FactorSettings { width, absence, penalty, .. } = *settings;
    if chosen.is_empty() {
        // The right side is 0, and so is the matrix where nobody chose anything.
        return vec![0.0; width];
    }
    let rows: Vec<&[f64]> = others.chunks(width).collect();
    // Whom nobody chose, or who chose nobody, is no other.
    let count = rows.iter().filter(|row| row.iter().any(|x| *x != 0.0)).count() as f64;
    let ridge = penalty * (absence * count + chosen.len() as f64);
    let matrix = (0..width).map(|i| {
        let element = |j: usize| {
            let all: f64 = rows.iter().map(|row| row[i] * row[j]).sum();
            let some: f64 = chosen.iter().map(|&other| rows[other][i] * rows[other][j]).sum();
            some + absence * all + if i == j { ridge } else { 0.0 }
        };
        (0..width).map(element).collect()
    });
    let right = (0..width).map(|i| chosen.iter().map(|&other| rows[other][i]).sum()).collect();
    eliminate(matrix.collect(), right)
}

/// What alternating least squares makes small.
fn objective(factors: &ItemFactors, by_user: &[Vec<usize>], by_item: &[Vec<usize>]) -> f64 {
    let FactorSettings { width, absence, penalty, .. } = factors.settings;
    let (users, items) = (double(&factors.users), double(&factors.vectors));
    let known = |side: &[Vec<usize>]| side.iter().filter(|chosen| !chosen.is_empty()).count();
    let mut sum = 0.0;
    for (user, chosen) in users.chunks(width).zip(by_user) {
        for (item, vector) in items.chunks(width).enumerate() {
            let product = dot(user, vector);
            let of_choice = if chosen.contains(&item) { (1.0 - product).powi(2) } else { 0.0 };
            sum += of_choice + absence * product * product;
        }
        let weight = absence * known(by_item) as f64 + chosen.len() as f64;
        sum += penalty * weight * dot(user, user);
    }
    for (vector, chosen) in items.chunks(width).zip(by_item) {
        let weight = absence * known(by_user) as f64 + chosen.len() as f64;
        sum += penalty * weight * dot(vector, vector);
    }
    sum
}

fn check_factors(
    groups: &[UserRatings],
    items: usize,
    settings: FactorSettings,
) -> Result<(), TestCaseError> {
    let interactions = Interactions::new(groups, items);
    let (by_user, by_item) = (items_by_user(groups), users_by_item(groups, items));
    let before = ItemFactors::fit(&interactions, &settings);
    let mut after = before.clone();
    after.sweep(&interactions, 1);
    let width = settings.width;
    let sides = [
        ("user", &after.users, &before.vectors, &by_user),
        ("item", &after.vectors, &after.users, &by_item),
    ];
    for (what, found, others, chosen) in sides {
        prop_assert_eq!(found.dim(), (chosen.len(), width));
        let others = double(others);
        for (found, chosen) in found.rows().into_iter().zip(chosen) {
            let expected = least_squares(&settings, &others, chosen);
            compare(what, &found.to_vec(), &expected)?;
        }
    }
    if settings.sweeps > 0 {
        let objectives = [&before, &after].map(|f| objective(f, &by_user, &by_item));
        prop_assert!(objectives[1] <= objectives[0] * (1.0 + 1e-6), "{objectives:?}");
    }
    for chosen in by_user.iter().take(3) {
        let listed: Vec<u32> = chosen.iter().map(|&item| item as u32).collect();
        let expected = least_squares(&settings, &double(&after.vectors), chosen);
        compare("fold in", &after.fold_in(&listed).to_vec(), &expected)?;
    }
    let (vectors, found) = (double(&after.vectors), gram(after.vectors.view()));
    for i in 0..width {
        for j in i..width {
            let sum: f64 = vectors.chunks(width).map(|row| row[i] * row[j]).sum();
            prop_assert!((found[[i, j]] - sum).abs() < 1e-9 * (1.0 + sum.abs()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn each_vector_is_best_given_the_others(
        (users, items, width) in (1usize..30, 1usize..40, 1usize..12),
        (mean, absence, penalty) in (0.3f64..6.0, 0.01f64..1.0, 0.003f64..0.3),
        sweeps in 0usize..4,
        seed: u64,
    ) {
        let groups = groups(users, items, mean, seed);
        check_factors(&groups, items, FactorSettings { width, absence, penalty, sweeps, seed })?;
    }
}

#[test]
fn where_nobody_chose_anything_all_vectors_are_0() {
    let settings = FactorSettings { width: 1, absence: 0.01, penalty: 0.003, sweeps: 0, seed: 7 };
    check_factors(&[UserRatings { user: 0, ratings: [].into() }], 1, settings).unwrap();
}

#[test]
fn each_vector_is_best_of_more_than_is_summed_at_once() {
    let settings = FactorSettings { width: 20, absence: 0.1, penalty: 0.01, sweeps: 2, seed: 3 };
    check_factors(&groups(330, 600, 40.0, 5), 600, settings).unwrap();
}

/// What each item speaks for, by penalty: for each source, items and weights.
fn plain_neighbours(groups: &[UserRatings], items: usize, penalty: f64) -> Vec<Vec<(u32, f64)>> {
    let mut together = vec![vec![0.0f64; items]; items];
    for chosen in items_by_user(groups) {
        for &first in &chosen {
            chosen.iter().for_each(|&second| together[first][second] += 1.0);
        }
    }
    let mut rows = vec![Vec::new(); items];
    for item in 0..items {
        let often = |other: usize| {
            together[item][other] / ((together[item][item] * together[other][other]).sqrt() + 10.0)
        };
        let mut candidates: Vec<usize> =
            (0..items).filter(|&other| other != item && together[item][other] > 0.0).collect();
        candidates.sort_by(|&a, &b| often(b).total_cmp(&often(a)).then(a.cmp(&b)));
        candidates.truncate(150);
        let matrix = candidates.iter().map(|&a| {
            let element = |&b: &usize| together[a][b] + if a == b { penalty } else { 0.0 };
            candidates.iter().map(element).collect()
        });
        let right = candidates.iter().map(|&other| together[item][other]).collect();
        let weights = eliminate(matrix.collect(), right);
        for (source, weight) in candidates.into_iter().zip(weights) {
            rows[source].push((item as u32, weight));
        }
    }
    rows
}

fn check_neighbours(
    groups: &[UserRatings],
    items: usize,
    penalties: &[f64],
) -> Result<(), TestCaseError> {
    let counts = CoCounts::new(&Interactions::new(groups, items));
    let fitted = Neighbours::fit(&counts, penalties);
    prop_assert_eq!(fitted.len(), penalties.len());
    for (neighbours, &penalty) in fitted.iter().zip(penalties) {
        let expected = plain_neighbours(groups, items, penalty);
        let longest = expected.iter().map(|row| row.len().min(50)).max().unwrap();
        prop_assert_eq!(neighbours.kept, longest);
        prop_assert_eq!(neighbours.items.len(), items * longest);
        for (item, mut expected) in expected.into_iter().enumerate() {
            let row: Vec<(u32, f32)> = neighbours.row(item).collect();
            let (found, rest) = row.split_at(expected.len().min(50));
            prop_assert!(rest.iter().all(|none| *none == (item as u32, 0.0)), "{rest:?}");
            prop_assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "{found:?}");
            let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * (1e-3 + a.abs());
            let mut least = f64::INFINITY;
            for (other, weight) in found {
                let place = expected.iter().position(|known| known.0 == *other);
                prop_assert!(place.is_some(), "{item} does not speak for {other}");
                let known = expected.swap_remove(place.unwrap()).1;
                prop_assert!(near(known, (*weight).into()), "{weight} instead of {known}");
                least = least.min(known.abs());
            }
            for (_, dropped) in expected {
                prop_assert!(dropped.abs() < least || near(dropped.abs(), least));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn neighbours_are_what_ridge_regression_finds(
        (users, items) in (1usize..60, 1usize..90),
        mean in 0.3f64..20.0,
        penalties in prop::collection::vec(1.0f64..500.0, 1..3),
        seed: u64,
    ) {
        check_neighbours(&groups(users, items, mean, seed), items, &penalties)?;
    }
}

#[test]
fn neighbours_of_more_items_than_are_looked_at_or_solved_for_at_once() {
    check_neighbours(&groups(80, 240, 90.0, 1), 240, &[30.0]).unwrap();
    check_neighbours(&groups(90, 2300, 8.0, 2), 2300, &[5.0, 100.0]).unwrap();
}

#[test]
fn items_that_are_left_out_are_not_spoken_for() {
    let counts = CoCounts::new(&Interactions::new(&groups(40, 20, 6.0, 1), 20));
    let all = Neighbours::fit(&counts, &[10.0]).pop().unwrap();
    let is_left_out: Vec<bool> = (0..20).map(|item| item % 3 == 0).collect();
    let rest = all.without(&is_left_out);
    for item in 0..20 {
        for ((other, weight), (same, left)) in all.row(item).zip(rest.row(item)) {
            let expected = if is_left_out[other as usize] { 0.0 } else { weight };
            assert_eq!((same, left), (other, expected));
        }
    }
}

fn head(precision: Vec<f32>, precision_per_answer: Vec<f32>, half_start: f32) -> ChoiceHead {
    ChoiceHead {
        precision,
        precision_per_answer,
        half_start,
        scale: 1.0,
        popularity: 0.0,
        new_items: 0.0,
        starts_by_vector: true,
        neighbours: 0.0,
        targets: Curve::constant(1.0),
        strengths: Curve::constant(1.0),
        exposure: 0.0,
        rating: 0.0,
        rating_range: [0.0, 0.0],
    }
}

/// Of one solver, users with so many answers, one after another.
fn check_users(
    width: usize,
    counts: &[usize],
    half_start: f32,
    seed: u64,
) -> Result<(), TestCaseError> {
    let items = 40;
    let numbers = |tensor: u64, len: usize| -> Vec<f32> {
        (0..len).map(|i| unit(seed, tensor, i as u64) as f32).collect()
    };
    let rows = numbers(0, items * (width + BESIDES_VECTOR));
    let precision = numbers(1, width).iter().map(|x| 0.05 + x.abs()).collect();
    let more = numbers(2, width).iter().map(|x| x.abs() / 20.0).collect();
    let head = head(precision, more, half_start);
    let mut solver = VectorSolver::new(width).unwrap();
    for (user, &count) in counts.iter().enumerate() {
        let at = 10 * (1 + user as u64);
        let start = numbers(at, width);
        // Some items more than once.
        let answers: Vec<(u32, f32)> = numbers(at + 1, count)
            .iter()
            .zip(numbers(at + 2, count))
            .map(|(item, target)| (((item + 1.0) / 2.0 * items as f32) as u32, 1.0 + target))
            .collect();
        let mut found = vec![f32::NAN; width];
        prop_assert!(solver.solve(&head, &start, &rows, answers.iter().copied(), &mut found));

        let (n, half) = (count as f64, f64::from(half_start));
        let share = if half_start.is_finite() { half / (half + n) } else { 1.0 };
        let first: Vec<f64> = double(&start).iter().map(|x| share * x).collect();
        let mut matrix = vec![vec![0.0; width]; width];
        for (i, row) in matrix.iter_mut().enumerate() {
            row[i] = f64::from(head.precision[i]) + n * f64::from(head.precision_per_answer[i]);
        }
        let mut right = vec![0.0; width];
        for (item, target) in answers {
            let vector = double(&rows[item as usize * (width + BESIDES_VECTOR)..][..width]);
            let left = f64::from(target) - dot(&vector, &first);
            for i in 0..width {
                right[i] += left * vector[i];
                (0..width).for_each(|j| matrix[i][j] += vector[i] * vector[j]);
            }
        }
        let moved = eliminate(matrix, right);
        let expected: Vec<f64> = first.iter().zip(moved).map(|(m, h)| m + h).collect();
        compare("user", &found, &expected)?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn users_vectors_solve_the_normal_equations(
        width in 1usize..70,
        counts in prop::collection::vec(
            prop_oneof![0usize..4, 0usize..80, 94usize..99, 190usize..195], 1..4,
        ),
        half_start in prop_oneof![Just(f32::INFINITY), 0.5f32..100.0],
        seed: u64,
    ) {
        check_users(width, &counts, half_start, seed)?;
    }
}

#[test]
fn users_vectors_of_each_number_of_answers() {
    for width in [1, 62, 128] {
        let counts = [0, 1, 2, 61, 62, 63, 95, 96, 97, 127, 128, 129, 500, 0, 3];
        for half_start in [f32::INFINITY, 10.0] {
            check_users(width, &counts, half_start, 7).unwrap();
        }
    }
}

/// What `work` finds with 1, 2 and 3 threads, which must be the same.
fn for_any_threads<T: PartialEq + Send>(what: &str, work: impl Fn() -> T + Sync) -> T {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&work)
    };
    let one = with(1);
    for threads in [2, 3] {
        assert!(with(threads) == one, "{what} differ with {threads} threads");
    }
    one
}

fn bits<'a>(numbers: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    numbers.into_iter().map(|number| number.to_bits()).collect()
}

#[test]
fn the_parts_are_the_same_for_any_number_of_threads() {
    let (users, items) = (300, 700);
    let groups = groups(users, items, 20.0, 9);
    let interactions = Interactions::new(&groups, items);
    let settings = FactorSettings { width: 9, absence: 0.1, penalty: 0.01, sweeps: 2, seed: 1 };
    let vectors = for_any_threads("vectors", || {
        let ItemFactors { vectors, users, .. } = ItemFactors::fit(&interactions, &settings);
        (bits(&vectors), bits(&users))
    });
    for_any_threads("neighbours", || {
        let counts = CoCounts::new(&interactions);
        let fitted = Neighbours::fit(&counts, &[10.0, 100.0]);
        fitted.into_iter().map(|all| (all.items, bits(&all.weights))).collect::<Vec<_>>()
    });
    let bias: Vec<f32> =
        (0..items).map(|item| (interactions.raters(item) as f32 / 1e4).ln()).collect();
    let profiles: Vec<Vec<(u32, f32)>> =
        (0..users as u32).map(|user| vec![(1 + user % 3, 0.5)]).collect();
    let users: Vec<MetaUser> = groups
        .iter()
        .zip(&profiles)
        .map(|(group, profile)| (&group.ratings[..], &profile[..]))
        .collect();
    let options = MetaOptions { epochs: 2, batch: 40, ..MetaOptions::default() };
    let trained = for_any_threads("meta-trained vectors", || {
        let mut parameters = MetaParameters {
            width: 9,
            vectors: vectors.0.iter().map(|bits| f32::from_bits(*bits)).collect(),
            start: vec![0.0; 4 * 9],
            targets: vec![1.0; 5],
            scalars: [0.0, -2.0, -4.0, 1.5],
        };
        let knots = [1.0, 2.0, 3.0, 4.0, 5.0];
        let mut losses = Vec::new();
        let observe = |_, _, loss: f64| {
            losses.push(loss.to_bits());
            Ok(())
        };
        let is_liked = &|value| value >= 3.0;
        let data = MetaData { bias: &bias, knots: &knots, users: &users, is_liked };
        meta_train(&mut parameters, &data, &options, observe).unwrap();
        let MetaParameters { vectors, start, targets, scalars, .. } = parameters;
        (bits(&vectors), bits(&start), bits(&targets), bits(&scalars), losses)
    });
    // And it did train.
    let losses: Vec<f64> = trained.4.iter().map(|bits| f64::from_bits(*bits)).collect();
    assert!(trained.0 != vectors.0 && losses[1] < losses[0], "{losses:?}");
}

#[test]
fn the_whole_is_the_same_for_any_number_of_threads() {
    let options =
        SynthOptions { users: 500, items: 150, ratings_per_user: 40, ..Default::default() };
    let dataset = World::generate(&options).unwrap().dataset().unwrap();
    let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let (item_fields, vocabularies) = dataset.items.training_fields(|row| !dataset.new_items[row]);
    let items = dataset.items.encode(Entity::Item, &item_fields, &vocabularies).unwrap();
    let (user_fields, vocabularies) = dataset.users.training_fields(|row| !dataset.new_users[row]);
    let users = dataset.users.encode(Entity::User, &user_fields, &vocabularies).unwrap();
    let data = ChoiceData {
        unseen: &[],
        groups: &groups,
        items: Description {
            entity: Entity::Item,
            fields: &item_fields,
            columns: &items.columns,
            rows: dataset.items.len(),
        },
        users: Description {
            entity: Entity::User,
            fields: &user_fields,
            columns: &users.columns,
            rows: dataset.users.len(),
        },
        feedback: dataset.feedback,
    };
    let fit = for_any_threads("heads", || {
        let mut stages = Vec::new();
        let fit = data
            .fit(&ChoiceOptions { row_width: 12, seed: 2 }, |stage| {
                stages.push(stage);
                Ok(())
            })
            .unwrap();
        let neighbours = (fit.neighbours.items, bits(&fit.neighbours.weights));
        let priors = (fit.user_prior, fit.item_prior);
        (stages, fit.head, bits(&fit.rows), fit.raters, neighbours, priors, fit.chosen)
    });
    assert!(fit.6.validation_ndcg20.is_some_and(|worth| worth > 0.0));
}
