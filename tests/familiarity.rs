//! Who knows what: by hand, and found again in ratings.

#![cfg(feature = "train")]

use melu::data::{Rated, TaskRules, UserRatings};
use melu::model::familiarity::Familiarity;
use melu::train::fit_familiarity;

#[test]
fn who_knows_what_by_hand() {
    // Half of the people know the first two items, the others the last one.
    let probabilities = [0.64, 0.0, 0.64, 0.0, 0.04, 0.36];
    let familiarity = Familiarity::from_probabilities(vec![0.5, 0.5], &probabilities).unwrap();
    let (mut kinds, mut known) = ([0.0; 2], [0.0; 3]);
    let mut given = |yes: &[u32], no: &[u32]| {
        familiarity.kinds_given(yes, no, &mut kinds);
        familiarity.known(&kinds, &mut known);
        known
    };
    let close = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    let nothing = given(&[], &[]);
    assert!(close(nothing, [0.32, 0.32, 0.2]), "{nothing:?}");
    // Whoever does not know the first is of the first kind with .36 / 1.36.
    let passed = given(&[], &[0]);
    let first = 0.36 / 1.36;
    assert!((passed[1] - 0.64 * first).abs() < 1e-4, "{passed:?}");
    assert!(passed[1] < nothing[1] && passed[2] > nothing[2]);
    let answered = given(&[0], &[]);
    assert!((answered[1] - 0.64).abs() < 1e-4 && answered[2] < nothing[2], "{answered:?}");
    // Many answers do not overflow.
    assert!(given(&[0; 1000], &[2; 1000]).iter().all(|known| known.is_finite()));

    for (shares, roots) in [(vec![], vec![]), (vec![0.5], vec![1]), (vec![f32::NAN], vec![1])] {
        assert!(Familiarity::new(shares.into(), roots.into()).is_err());
    }
    assert!(Familiarity::new(vec![0.5, 0.5].into(), vec![1, 2, 3].into()).is_err());
    assert!(Familiarity::new(vec![1.5, -0.5].into(), vec![1, 2].into()).is_err());
}

/// The log-likelihood of who rated what, per user, by the plain formula.
fn likelihood(familiarity: &Familiarity, users: &[UserRatings]) -> f64 {
    let kinds = familiarity.kinds();
    let chance = |item: usize, kind: usize| {
        (f64::from(familiarity.roots()[item * kinds + kind]).clamp(0.5, 254.5) / 255.0).powi(2)
    };
    let user = |user: &UserRatings| {
        let of = |kind: usize| {
            let known = |item: usize| user.ratings.iter().any(|r| r.item as usize == item);
            let factor = |item: usize| match known(item) {
                true => chance(item, kind),
                false => 1.0 - chance(item, kind),
            };
            let product: f64 = (0..familiarity.items()).map(factor).product();
            f64::from(familiarity.shares()[kind]) * product
        };
        (0..kinds).map(of).sum::<f64>().ln()
    };
    users.iter().map(user).sum::<f64>() / users.len() as f64
}

/// What another round of expectation maximisation makes of each item's and kind's
/// chance, where all users together count as one more of each kind.
fn round(familiarity: &Familiarity, users: &[UserRatings]) -> Vec<(usize, usize, f64)> {
    let (kinds, items) = (familiarity.kinds(), familiarity.items());
    let knows =
        |user: &UserRatings, item: usize| user.ratings.iter().any(|r| r.item as usize == item);
    let chances: Vec<Vec<f64>> = users
        .iter()
        .map(|user| {
            let mut of: Vec<f64> = (0..kinds)
                .map(|kind| {
                    let factor = |item: usize| {
                        let root = f64::from(familiarity.roots()[item * kinds + kind]);
                        let chance = (root.clamp(0.5, 254.5) / 255.0).powi(2);
                        if knows(user, item) { chance } else { 1.0 - chance }
                    };
                    f64::from(familiarity.shares()[kind]) * (0..items).map(factor).product::<f64>()
                })
                .collect();
            let sum: f64 = of.iter().sum();
            of.iter_mut().for_each(|chance| *chance /= sum);
            of
        })
        .collect();
    let mut found = Vec::new();
    for item in 0..items {
        let raters = users.iter().filter(|user| knows(user, item)).count();
        let popularity = raters as f64 / users.len() as f64;
        for kind in 0..kinds {
            let count: f64 = chances.iter().map(|of| of[kind]).sum();
            // Kinds of a few people are still on their way.
            if count < 20.0 {
                continue;
            }
            let of = users.iter().zip(&chances).filter(|(user, _)| knows(user, item));
            let known: f64 = of.map(|(_, of)| of[kind]).sum();
            found.push((item, kind, (known + popularity) / (count + 1.0)));
        }
    }
    found
}

#[test]
fn kinds_of_people_are_found_again() {
    // Two kinds of people: each knows most of one half of the items, and no other.
    let (users, items) = (200u32, 40u32);
    let knows = |user: u32, item: u32| {
        let hash = user.wrapping_mul(0x9E37_79B9).wrapping_add(item.wrapping_mul(0x85EB_CA6B));
        user % 2 == item % 2 && (hash ^ hash >> 15).wrapping_mul(0x2C1B_3C6D) >> 16 & 3 > 0
    };
    let groups: Vec<UserRatings> = (0..users)
        .map(|user| UserRatings {
            user,
            ratings: (0..items)
                .filter(|&item| knows(user, item))
                .map(|item| Rated { item, value: 3.0 })
                .collect(),
        })
        .collect();
    let rules = TaskRules { min_ratings: 1, max_ratings: 1000, query: 1 };
    let fit = |seed| fit_familiarity(&groups, items as usize, &rules, seed).unwrap();
    let familiarity = fit(5);
    assert_eq!(familiarity, fit(5));
    assert_eq!((familiarity.kinds(), familiarity.items()), (10, 40));

    // One answer tells the half; another half's items are known to nobody then.
    let (mut kinds, mut known) = (vec![0.0; 10], vec![0.0; 40]);
    familiarity.kinds_given(&[2, 4], &[], &mut kinds);
    familiarity.known(&kinds, &mut known);
    for item in (6..items).step_by(2) {
        assert!(known[item as usize] > 0.4, "{item}: {}", known[item as usize]);
        assert!(known[item as usize + 1] < 0.05, "{item}: {}", known[item as usize + 1]);
    }
    // It says more of who rated what than one kind that knows all by their popularity.
    let popularity = |item: u32| {
        groups.iter().filter(|user| user.ratings.iter().any(|r| r.item == item)).count() as f32
            / users as f32
    };
    let plain: Vec<f32> = (0..items).map(popularity).collect();
    let plain = Familiarity::from_probabilities(vec![1.0], &plain).unwrap();
    let (found, plain) = (likelihood(&familiarity, &groups), likelihood(&plain, &groups));
    // The true kinds' entropy: 20 items of three in four each, and which half.
    let entropy = 20.0 * (0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln()) - 2f64.ln();
    assert!(found > plain + 8.0 && found > entropy - 1.5, "{found} {plain} {entropy}");

    // Another round, by the plain formulas, changes little.
    let again = round(&familiarity, &groups);
    assert!(again.len() >= 2 * items as usize);
    for (item, kind, expected) in again {
        let root = f64::from(familiarity.roots()[item * 10 + kind]) / 255.0;
        assert!((root * root - expected).abs() < 0.01, "{item} {kind}: {root} {expected}");
    }

    assert!(fit_familiarity(&[], 3, &rules, 0).is_none());
    assert!(fit_familiarity(&groups, 0, &rules, 0).is_none());
}
