//! The gradient of meta-training for lists in double precision: against central differences
//! of the loss, written as plain loops, on random cases; and against JAX's answers, made by
//! `tests/oracle/choice.py`.

#![cfg(feature = "train")]
#![allow(clippy::needless_range_loop, reason = "sums are written as their formulas are")]

mod common;

use common::golden::{Report, double, numbers, singles};
use common::{eliminate, unit};
use melu::train::choice::{KnotPlace, ListGradient, MetaParameters, MetaTask, list_gradient};
use proptest::prelude::*;
use serde_json::Value as Json;

/// All that the loss of a batch depends on.
#[derive(Clone, Debug)]
struct Case {
    width: usize,
    /// `[items, width]`.
    vectors: Vec<f64>,
    /// `[1 + profile rows, width]`.
    start: Vec<f64>,
    targets: Vec<f64>,
    /// Logarithms of the prior precision, the Gram matrix's weight without answers and what
    /// an answer adds to it, and the scale.
    scalars: Vec<f64>,
    knots: Vec<f32>,
    /// `None` for an item that is no candidate.
    bias: Vec<Option<f32>>,
    users: Vec<User>,
}

#[derive(Clone, Debug)]
struct User {
    profile: Vec<(usize, f32)>,
    answers: Vec<(usize, f32)>,
    liked: Vec<usize>,
}

/// How large a case is.
#[derive(Clone, Copy, Debug)]
struct Shape {
    width: usize,
    items: usize,
    users: usize,
    knots: usize,
    profile_rows: usize,
    /// Of ten answers so many lie between knots or beyond them.
    off_knots: u64,
}

/// Numbers that a seed decides, one after another.
struct Numbers {
    seed: u64,
    next: u64,
}

impl Numbers {
    /// In [-1, 1), and what f32 can hold.
    fn one(&mut self) -> f64 {
        self.next += 1;
        f64::from(unit(self.seed, 0, self.next) as f32)
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.one() + 1.0) / 2.0 * end as f64) as usize
    }

    fn some(&mut self, len: usize, scale: f64) -> Vec<f64> {
        (0..len).map(|_| f64::from((scale * self.one()) as f32)).collect()
    }

    /// Some of these, in random order.
    fn drawn(&mut self, mut from: Vec<usize>, count: usize) -> Vec<usize> {
        (0..count.min(from.len()))
            .map(|_| {
                let place = self.below(from.len());
                from.swap_remove(place)
            })
            .collect()
    }
}

impl Case {
    fn new(shape: Shape, seed: u64) -> Self {
        let Shape { width, items, users, knots, profile_rows, off_knots } = shape;
        let mut numbers = Numbers { seed, next: 0 };
        let mut first = -1.5f32;
        let knots: Vec<f32> = (0..knots)
            .map(|_| {
                first += 1.0 + numbers.one() as f32 / 2.0;
                first
            })
            .collect();
        let mut bias: Vec<Option<f32>> = (0..items)
            .map(|_| match numbers.below(6) {
                0 => None,
                _ => Some(numbers.one() as f32),
            })
            .collect();
        // Somebody is to be found at least.
        bias[0] = Some(0.25);
        let users = (0..users)
            .map(|_| {
                let candidates = (0..items).filter(|&item| bias[item].is_some()).collect();
                // Nobody answers all, or there is nothing left to find.
                let most = match numbers.below(4) {
                    0 => 0,
                    1 => 3.min(items),
                    _ => items,
                };
                let liked = 1 + numbers.below(3);
                let mut drawn = numbers.drawn(candidates, most.max(1) + liked);
                let liked = drawn.split_off(drawn.len().saturating_sub(liked).min(most));
                let answers = drawn.into_iter().map(|item| {
                    let knot = knots[numbers.below(knots.len())];
                    let off = numbers.below(10) < off_knots as usize;
                    (item, if off { knot + numbers.one() as f32 } else { knot })
                });
                let answers = answers.collect();
                let rows = numbers.below(profile_rows.min(3) + 1);
                let rows = numbers.drawn((1..=profile_rows).collect(), rows);
                let profile =
                    rows.into_iter().map(|row| (row, numbers.one().abs() as f32)).collect();
                User { profile, answers, liked }
            })
            .collect();
        Self {
            width,
            vectors: numbers.some(items * width, 0.8),
            start: numbers.some((1 + profile_rows) * width, 1.0),
            targets: numbers.some(knots.len(), 2.0),
            scalars: [numbers.some(1, 2.0), numbers.some(2, 1.5), numbers.some(1, 1.0)].concat(),
            knots,
            bias,
            users,
        }
    }

    fn vector(&self, item: usize) -> &[f64] {
        &self.vectors[item * self.width..][..self.width]
    }

    /// The target of a value: on a line between knots, constant beyond them.
    fn target(&self, value: f32) -> f64 {
        let (knots, targets) = (&self.knots, &self.targets);
        for (pair, ends) in knots.windows(2).zip(targets.windows(2)) {
            if pair[0] <= value && value <= pair[1] {
                let share = f64::from(value - pair[0]) / f64::from(pair[1] - pair[0]);
                return (1.0 - share) * ends[0] + share * ends[1];
            }
        }
        if value < knots[0] { targets[0] } else { targets[targets.len() - 1] }
    }

    fn loss_of(&self, user: &User) -> f64 {
        let (width, items) = (self.width, self.bias.len());
        let exp = |place: usize| self.scalars[place].exp();
        let weight = exp(1) + exp(2) * user.answers.len() as f64;
        let mut start = self.start[..width].to_vec();
        for &(row, share) in &user.profile {
            for i in 0..width {
                start[i] += f64::from(share) * self.start[row * width + i];
            }
        }
        let mut matrix = vec![vec![0.0; width]; width];
        let mut right = vec![0.0; width];
        for i in 0..width {
            matrix[i][i] += exp(0);
            for j in 0..width {
                for item in 0..items {
                    matrix[i][j] += weight * self.vector(item)[i] * self.vector(item)[j];
                }
            }
        }
        for &(item, value) in &user.answers {
            let vector = self.vector(item);
            let left = self.target(value) - dot(vector, &start);
            for i in 0..width {
                right[i] += left * vector[i];
                for j in 0..width {
                    matrix[i][j] += vector[i] * vector[j];
                }
            }
        }
        let moved = eliminate(matrix, right);
        let adapted: Vec<f64> =
            start.iter().zip(moved).map(|(start, moved)| start + moved).collect();
        let score = |item: usize| exp(3) * dot(self.vector(item), &adapted);
        let mut sum = 0.0;
        for item in 0..items {
            if let Some(bias) = self.bias[item]
                && user.answers.iter().all(|answer| answer.0 != item)
            {
                sum += (score(item) + f64::from(bias)).exp();
            }
        }
        let liked = user.liked.iter();
        liked.map(|&item| sum.ln() - score(item) - f64::from(self.bias[item].unwrap())).sum()
    }

    /// Of the users' losses, by the numbers in some places: the sum of their derivatives, and
    /// of the derivatives' absolute values.
    fn differences(&self, pick: Pick, places: &[usize]) -> Vec<[f64; 2]> {
        let h = 1e-5;
        let mut moved = self.clone();
        let mut losses = |place: usize, change: f64| -> Vec<f64> {
            let here = pick(&mut moved)[place];
            pick(&mut moved)[place] = here + change;
            let losses = moved.users.iter().map(|user| moved.loss_of(user)).collect();
            pick(&mut moved)[place] = here;
            losses
        };
        let mut by = |place: usize| {
            let (above, below) = (losses(place, h), losses(place, -h));
            let each = above.iter().zip(below).map(|(above, below)| (above - below) / (2.0 * h));
            each.fold([0.0; 2], |[sum, size], by| [sum + by, size + by.abs()])
        };
        places.iter().map(|&place| by(place)).collect()
    }

    fn library_gradient(&self) -> ListGradient {
        let parameters = MetaParameters {
            width: self.width,
            vectors: single(&self.vectors),
            start: single(&self.start),
            targets: single(&self.targets),
            scalars: single(&self.scalars).try_into().unwrap(),
        };
        let bias: Vec<f32> =
            self.bias.iter().map(|bias| bias.unwrap_or(f32::NEG_INFINITY)).collect();
        let tasks: Vec<MetaTask> = self
            .users
            .iter()
            .map(|user| MetaTask {
                profile: user.profile.iter().map(|&(row, share)| (row as u32, share)).collect(),
                answers: user
                    .answers
                    .iter()
                    .map(|&(item, value)| (item as u32, KnotPlace::of(&self.knots, value)))
                    .collect(),
                liked: user.liked.iter().map(|&item| item as u32).collect(),
            })
            .collect();
        list_gradient(&parameters, &bias, &tasks)
    }

    /// Compares all gradients, by at most so many numbers of each kind.
    fn check(&self, most: usize) -> Result<(), TestCaseError> {
        let ListGradient { loss, by } = self.library_gradient();
        let expected: f64 = self.users.iter().map(|user| self.loss_of(user)).sum();
        prop_assert!((loss - expected).abs() <= 1e-5 * (1.0 + expected), "{loss} {expected}");
        // A probability near 1 is 2^-24 from it or more, however near; times what a user's vector
        // holds, that is the least error of each user's part.
        let least = 1e-6 * self.users.len() as f64;
        let kinds: [(&str, Pick, &[f32]); 4] = [
            ("vectors", |case| &mut case.vectors, &by.vectors),
            ("start", |case| &mut case.start, &by.start),
            ("targets", |case| &mut case.targets, &by.targets),
            ("scalars", |case| &mut case.scalars, &by.scalars),
        ];
        for (what, pick, found) in kinds {
            prop_assert_eq!(found.len(), pick(&mut self.clone()).len());
            let step = found.len().div_ceil(most);
            // As many at either end, and no period of the width in between.
            let places: Vec<usize> =
                (0..found.len()).filter(|place| place * 7919 % step == 0).collect();
            let expected = self.differences(pick, &places);
            // The users' derivatives may cancel: the sum is as sure as its parts.
            let norm = expected.iter().map(|[_, size]| size * size).sum::<f64>().sqrt();
            let found: Vec<f64> = places.iter().map(|&place| found[place].into()).collect();
            let error: f64 =
                found.iter().zip(&expected).map(|(found, [by, _])| (found - by).powi(2)).sum();
            prop_assert!(
                error.sqrt() <= 1e-4 * norm + least,
                "{what}: {found:?} instead of {expected:?}"
            );
            if what == "scalars" || what == "targets" {
                for (found, [by, size]) in found.iter().zip(&expected) {
                    let error = (found - by).abs();
                    prop_assert!(error <= 1e-4 * size + least, "{what}: {found} instead of {by}");
                }
            }
        }
        Ok(())
    }
}

type Pick = fn(&mut Case) -> &mut Vec<f64>;

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|x| *x as f32).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

prop_compose! {
    fn shapes()(
        width in 1usize..9,
        items in 2usize..40,
        users in 1usize..7,
        knots in 1usize..6,
        profile_rows in 0usize..5,
        off_knots in 0u64..10,
    ) -> Shape {
        Shape { width, items, users, knots, profile_rows, off_knots }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn gradients_agree(shape in shapes(), seed: u64) {
        Case::new(shape, seed).check(usize::MAX)?;
    }
}

#[test]
fn the_gradient_of_what_is_nearly_certain_is_nearly_nothing() {
    let shape = Shape { width: 5, items: 2, users: 6, knots: 5, profile_rows: 1, off_knots: 0 };
    Case::new(shape, 8641728295579891155).check(usize::MAX).unwrap();
}

#[test]
fn gradients_of_many_users_and_items_agree() {
    // More than what is computed together, of users and of items.
    let shape = Shape { width: 3, items: 1100, users: 37, knots: 5, profile_rows: 9, off_knots: 5 };
    Case::new(shape, 1).check(60).unwrap();
    // A vector as wide as the trained ones, and fewer answers than that, as many and more.
    let shape = Shape { width: 62, items: 150, users: 8, ..shape };
    Case::new(shape, 2).check(30).unwrap();
}

#[test]
fn users_who_liked_nothing_and_no_users_have_no_gradient() {
    let shape = Shape { width: 4, items: 9, users: 2, knots: 2, profile_rows: 1, off_knots: 0 };
    let mut case = Case::new(shape, 3);
    case.users.iter_mut().for_each(|user| user.liked.clear());
    let nothing = |case: &Case| {
        let ListGradient { loss, by } = case.library_gradient();
        let mut numbers =
            [&by.vectors[..], &by.start, &by.targets, &by.scalars].concat().into_iter();
        assert!(loss == 0.0 && numbers.all(|number| number == 0.0));
    };
    nothing(&case);
    // Also where nothing is left to choose from.
    case.users[0].answers = (0..9).map(|item| (item, 1.0)).collect();
    nothing(&case);
    case.users.clear();
    nothing(&case);
}

/// A case of the golden file: the batch, and the automatic gradient of it.
fn check_golden(case: &Json) -> Report {
    let count = |key: &str| case[key].as_u64().unwrap() as usize;
    let (seed, width, answers) = (case["seed"].as_u64().unwrap(), count("width"), &case["answers"]);
    let list = |key: &str| case[key].as_array().unwrap();
    let pairs = |json: &Json| -> Vec<(u32, f32)> {
        let pair =
            |pair: &Json| (pair[0].as_u64().unwrap() as u32, pair[1].as_f64().unwrap() as f32);
        json.as_array().unwrap().iter().map(pair).collect()
    };
    let knots = singles(&case["knots"]);
    let bias: Vec<f32> = list("bias")
        .iter()
        .map(|bias| bias.as_f64().map_or(f32::NEG_INFINITY, |bias| bias as f32))
        .collect();
    let scales = numbers(&case["scales"]);
    let tensor = |t: usize, len: usize| -> Vec<f32> {
        (0..len).map(|i| (scales[t] * unit(seed, t as u64, i as u64)) as f32).collect()
    };
    let parameters = MetaParameters {
        width,
        vectors: tensor(0, bias.len() * width),
        start: tensor(1, (1 + count("profile_rows")) * width),
        targets: tensor(2, knots.len()),
        scalars: singles(&case["scalars"]).try_into().unwrap(),
    };
    let tasks: Vec<MetaTask> = list("users")
        .iter()
        .map(|user| MetaTask {
            profile: pairs(&user["profile"]),
            answers: pairs(&user["answers"])
                .into_iter()
                .map(|(item, value)| (item, KnotPlace::of(&knots, value)))
                .collect(),
            liked: numbers(&user["liked"]).into_iter().map(|item| item as u32).collect(),
        })
        .collect();
    let ListGradient { loss, by } = list_gradient(&parameters, &bias, &tasks);
    let mut report = Report::new(format!("case {seed}"));
    let expected = answers["loss"].as_f64().unwrap();
    report.check("loss", loss, expected, expected);
    report.vector("vectors", &double(&by.vectors), &answers["vectors"], seed, 0);
    report.vector("start", &double(&by.start), &answers["start"], seed, 1);
    report.list("targets", &double(&by.targets), &numbers(&answers["targets"]));
    for (found, expected) in by.scalars.iter().zip(numbers(&answers["scalars"])) {
        report.check("scalars", f64::from(*found), expected, expected.abs());
    }
    report
}

#[test]
fn agrees_with_automatic_differentiation() {
    let golden: Json = serde_json::from_str(include_str!("golden/choice.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 80);
    Report::finish(cases.iter().map(check_golden));
}
