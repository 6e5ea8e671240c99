//! The gradient through ridge regression against central differences of the
//! adapted query loss, in double precision, on random small cases.

#![cfg(feature = "train")]

mod common;

use common::{eliminate, mean_loss, predict, unit};
use melu::model::config::Ridge;
use melu::model::loss::{Loss, Output};
use melu::model::network::{Inputs, Network};
use melu::model::prior::{Input, Prior, Term};
use melu::model::schema::{Column, ColumnBuilder, Field, FieldKind, NumberScale};
use melu::train::{HeadTask, RidgeGradient};
use melu::user::adapt::Set;
use proptest::prelude::*;

/// The slope of the logistic curve below which it counts as no flatter.
const FLATTEST: f64 = 0.05;

/// All that the adapted query loss depends on.
#[derive(Clone, Debug)]
struct Case {
    loss: Loss,
    noise: f64,
    item_variance: Vec<f64>,
    head: Vec<f64>,
    /// What the profile adds to where the head starts: of each of three fields' terms, the
    /// weights, [rows, head].
    prior: [Vec<f64>; 3],
    profile: Profile,
    scale: Vec<f64>,
    user: Vec<f64>,
    support: Rows,
    query: Rows,
}

/// A value of three, values of four that others share, and a number.
#[derive(Clone, Debug)]
struct Profile {
    one: Option<u32>,
    many: Vec<u32>,
    number: Option<f32>,
}

/// How much is known through each of the shared values.
const CONFIDENCES: [f32; 4] = [0.5, 0.0, 2.0, 1.25];

#[derive(Clone, Debug)]
struct Rows {
    items: Vec<f64>,
    targets: Vec<f64>,
    offsets: Vec<f64>,
    variances: Vec<f64>,
}

prop_compose! {
    fn cases()(
        loss in prop::sample::select(vec![Loss::Mse, Loss::SmoothL1, Loss::Bce]),
        item_width in 1usize..7,
        user_width in 0usize..4,
        support in 0usize..16,
        query in 0usize..5,
        noise in 0.2f32..2.0,
        item_variance in 0.1f32..2.0,
        one in prop::option::of(0u32..3),
        many in prop::sample::subsequence(vec![0u32, 1, 2, 3], 0..=4),
        number in prop::option::of(-3f32..3.0),
        seed: u64,
    ) -> Case {
        let numbers = |tensor: u64, len: usize| -> Vec<f64> {
            (0..len as u64).map(|i| f64::from(unit(seed, tensor, i) as f32)).collect()
        };
        let rows = |tensor: u64, count: usize| Rows {
            items: numbers(tensor, count * item_width),
            targets: numbers(tensor + 1, count)
                .iter()
                .map(|x| if loss == Loss::Bce { f64::from(u8::from(*x > 0.0)) } else { 2.0 * x })
                .collect(),
            offsets: numbers(tensor + 2, count),
            variances: numbers(tensor + 3, count).iter().map(|x| x.abs()).collect(),
        };
        let width = item_width + user_width + 1;
        // Wide enough that some logits lie where the logistic curve is flat.
        let head = numbers(0, width).iter().map(|x| 4.0 * x).collect();
        Case {
            loss,
            noise: noise.into(),
            item_variance: vec![item_variance.into()],
            head,
            prior: [numbers(3, 3 * width), numbers(4, 5 * width), numbers(5, width)],
            profile: Profile { one, many, number },
            scale: numbers(1, width).iter().map(|x| 0.2 + x.abs()).map(|x| f64::from(x as f32)).collect(),
            user: numbers(2, user_width),
            support: rows(10, support),
            query: rows(20, query),
        }
    }
}

impl Case {
    fn rows(&self, rows: &Rows) -> Vec<Vec<f64>> {
        let width = self.head.len() - 1 - self.user.len();
        rows.items.chunks(width).map(|item| [item, &self.user].concat()).collect()
    }

    /// Where the head starts.
    fn start(&self) -> Vec<f64> {
        let mut start = self.head.clone();
        let mut add = |term: usize, row: usize, share: f64| {
            let weights = &self.prior[term][row * start.len()..][..self.head.len()];
            start.iter_mut().zip(weights).for_each(|(start, weight)| *start += share * weight);
        };
        let Profile { one, many, number } = &self.profile;
        if let Some(value) = one {
            add(0, *value as usize, 1.0);
        }
        let known: f64 = many.iter().map(|value| f64::from(CONFIDENCES[*value as usize])).sum();
        many.iter().for_each(|value| add(1, *value as usize, 1.0 / (1.0 + known)));
        if !many.is_empty() {
            add(1, 4, (1.0 + known).ln());
        }
        if let Some(number) = number {
            // In deviations of 2 from the mean .5, between -1 and 1.
            add(2, 0, ((f64::from(*number) - 0.5) / 2.0).clamp(-1.0, 1.0));
        }
        start
    }

    /// The same by the library, of which each term's weights are read.
    fn library_prior(&self) -> (Vec<Field>, Vec<Column>, Prior) {
        let field =
            |name: &str, kind, size| Field { name: name.into(), kind, size, embedded: false };
        let fields = vec![
            field("one", FieldKind::One, 3),
            field("many", FieldKind::Multi, 4),
            field("number", FieldKind::Numeric(NumberScale::new(0.5, 2.0)), 2),
        ];
        let Profile { one, many, number } = &self.profile;
        let mut columns: Vec<_> =
            fields.iter().map(|field| ColumnBuilder::new(field.is_numeric())).collect();
        one.iter().for_each(|value| columns[0].push_value(*value));
        many.iter().for_each(|value| columns[1].push_value(*value));
        columns.iter_mut().for_each(|column| column.end_row(*number));
        let inputs = [
            Input::Values { field: 0 },
            Input::Shared { field: 1, confidences: CONFIDENCES.to_vec().into() },
            Input::Number { field: 2, lowest: -1.0, highest: 1.0 },
        ];
        let terms = inputs.into_iter().zip(&self.prior);
        let terms = terms.map(|(input, weights)| Term { input, weights: single(weights).into() });
        let intercept = single(&self.head).into();
        let prior = Prior::new(&fields, intercept, terms.collect()).unwrap();
        (fields, columns.into_iter().map(ColumnBuilder::finish).collect(), prior)
    }

    /// The posterior mean: the least of squared errors over variances, plus
    /// squared moves over squared scales. Also how near a kink any row comes.
    fn adapted(&self) -> (Vec<f64>, f64) {
        let (width, start) = (self.head.len(), self.start());
        let (mut matrix, mut right) = (vec![vec![0.0; width]; width], vec![0.0; width]);
        for (i, scale) in self.scale.iter().enumerate() {
            matrix[i][i] = 1.0 / (scale * scale);
        }
        let mut nearest = f64::INFINITY;
        for (row, x) in self.rows(&self.support).iter().enumerate() {
            let x: Vec<f64> = x.iter().copied().chain([1.0]).collect();
            let said = dot(&x, &start) + self.support.offsets[row];
            let target = self.support.targets[row];
            let (error, spread) = match self.loss {
                Loss::Mse | Loss::SmoothL1 => (target - said, 1.0),
                Loss::Bce => {
                    let p = 1.0 / (1.0 + (-said).exp());
                    nearest = nearest.min((p * (1.0 - p) - FLATTEST).abs());
                    let slope = (p * (1.0 - p)).max(FLATTEST);
                    ((target - p) / slope, 1.0 / slope)
                }
            };
            let variance =
                self.noise * spread + self.item_variance[0] * self.support.variances[row];
            for i in 0..width {
                right[i] += x[i] * error / variance;
                for j in 0..width {
                    matrix[i][j] += x[i] * x[j] / variance;
                }
            }
        }
        let moved = eliminate(matrix, right);
        (start.iter().zip(moved).map(|(start, moved)| start + moved).collect(), nearest)
    }

    fn query_loss(&self) -> (f64, f64) {
        let (adapted, mut nearest) = self.adapted();
        if self.query.targets.is_empty() {
            return (0.0, nearest);
        }
        let (weights, bias) = adapted.split_at(adapted.len() - 1);
        let head = [weights.to_vec(), bias.to_vec()];
        let rows = self.rows(&self.query);
        // The offset is one more feature, of weight 1.
        let rows: Vec<Vec<f64>> =
            rows.iter().zip(&self.query.offsets).map(|(x, o)| [&x[..], &[*o]].concat()).collect();
        let head = [[&head[0][..], &[1.0]].concat(), head[1].clone()];
        if self.loss == Loss::SmoothL1 {
            for (x, target) in rows.iter().zip(&self.query.targets) {
                nearest = nearest.min(((predict(&head, x) - target).abs() - 1.0).abs());
            }
        }
        (mean_loss(self.loss, &head, &rows, &self.query.targets), nearest)
    }

    fn differences(&self, pick: fn(&mut Self) -> &mut Vec<f64>) -> Vec<f64> {
        let h = 1e-5;
        let mut moved = self.clone();
        let mut at = |place: usize, change: f64| {
            let here = pick(&mut moved)[place];
            pick(&mut moved)[place] = here + change;
            let loss = moved.query_loss().0;
            pick(&mut moved)[place] = here;
            loss
        };
        let len = pick(&mut self.clone()).len();
        (0..len).map(|place| (at(place, h) - at(place, -h)) / (2.0 * h)).collect()
    }
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|x| *x as f32).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn compare(what: &str, found: &[f32], expected: &[f64]) -> Result<(), TestCaseError> {
    compare_sums(what, found, expected, norm(expected))
}

/// Sums of which the parts are so large: a sum may be small because they cancel,
/// and is then no surer than they are.
fn compare_sums(
    what: &str,
    found: &[f32],
    expected: &[f64],
    norm: f64,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len(), "{}", what);
    let error = found.iter().zip(expected).map(|(f, e)| (f64::from(*f) - e).powi(2)).sum::<f64>();
    prop_assert!(error.sqrt() <= 1e-4 * norm + 1e-6, "{what}: {found:?} instead of {expected:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn gradients_agree(case in cases()) {
        let (loss, nearest) = case.query_loss();
        prop_assume!(nearest > 1e-3);
        // Of ratings that are met to a hair, floats leave no gradient to compare.
        prop_assume!(loss > 1e-3 || case.query.targets.is_empty());
        let sets = [&case.support, &case.query].map(|rows| {
            [&rows.items, &rows.targets, &rows.offsets, &rows.variances].map(|list| single(list))
        });
        let user = single(&case.user);
        let [support, query] = sets.each_ref().map(|[items, targets, offsets, item_variances]| Set {
            inputs: Inputs { items, user: &user, offsets, rows: targets.len() },
            targets,
            item_variances,
        });
        let item_width = case.head.len() - 1 - user.len();
        let network = Network::head(item_width, user.len(), &[]).unwrap();
        let output = Output { loss: case.loss, scale: 1.0, offset: 0.0, range: None };
        let ridge =
            Ridge {
                noise: case.noise as f32,
                item_variance: case.item_variance[0] as f32,
                calibration: 1.0,
            };
        let scale = single(&case.scale);
        let (fields, columns, prior) = case.library_prior();
        let mut head = vec![0.0; prior.width()];
        prior.write_row(&fields, &columns, 0, &mut head);
        let mut gradient = RidgeGradient::default();
        // Whatever was computed before must leave no trace.
        let (network, output, head) = (&network, &output, &head[..]);
        for support in [query, support] {
            let task = HeadTask { network, output, head, support, query };
            gradient.compute(task, &ridge, &scale);
        }

        compare("loss", &[gradient.loss], &[loss])?;
        compare("head", &gradient.head, &case.differences(|case| &mut case.head))?;
        // A term's row gets as much of the gradient as the head gets of the row.
        let picks: [fn(&mut Case) -> &mut Vec<f64>; 3] =
            [|case| &mut case.prior[0], |case| &mut case.prior[1], |case| &mut case.prior[2]];
        for (term, pick) in prior.terms().iter().zip(picks) {
            let mut by_term = vec![0.0; term.weights.len()];
            term.input.shares(&fields, &columns, 0, |row, share| {
                let by_row = &mut by_term[row * head.len()..][..head.len()];
                by_row.iter_mut().zip(&gradient.head).for_each(|(by, g)| *by += share * g);
            });
            compare("prior", &by_term, &case.differences(pick))?;
        }
        compare("scale", &gradient.scale, &case.differences(|case| &mut case.scale))?;
        let by_variance = case.differences(|case| &mut case.item_variance);
        let by_variances = case.differences(|case| &mut case.support.variances);
        let parts = by_variances.iter().zip(&case.support.variances);
        let parts: Vec<f64> = parts.map(|(by, v)| by * v / case.item_variance[0]).collect();
        compare_sums("item variance", &[gradient.item_variance], &by_variance, norm(&parts))?;
        let by_support = case.differences(|case| &mut case.support.items);
        compare("support", &gradient.support_items, &by_support)?;
        let by_query = case.differences(|case| &mut case.query.items);
        compare("query", &gradient.query_items, &by_query)?;
        // The user is in every row, as the items are in theirs.
        let rows = norm(&[by_support, by_query].concat());
        let by_user = case.differences(|case| &mut case.user);
        compare_sums("user", &gradient.user, &by_user, rows.max(norm(&by_user)))?;
    }
}
