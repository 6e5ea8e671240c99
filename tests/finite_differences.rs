//! The meta-gradient against central differences of the adapted query loss, in
//! double precision, on random small configurations.

#![cfg(feature = "train")]

mod common;

use common::Cell;
use common::{Tensors, adapt, embed, kink_distance, mean_loss, predict, shares, unit};
use melu::model::config::{Config, DataType, GradientSteps, Local};
use melu::model::loss::{Loss, Output};
use melu::model::network::Inputs;
use melu::model::schema::{Field, FieldKind, NumberScale};
use melu::train::{DerivativeOrder, HeadTask, MetaGradient};
use melu::user::adapt::Set;
use proptest::prelude::*;

/// A random task of a random small model.
#[derive(Clone, Debug)]
struct Case {
    config: Config,
    seed: u64,
    support: Vec<Vec<Cell>>,
    query: Vec<Vec<Cell>>,
    profile: Vec<Cell>,
}

fn fields(kinds: &[u8], prefix: &str) -> Vec<Field> {
    let field = |(index, kind): (usize, &u8)| {
        let (kind, size) = match kind {
            0 => (FieldKind::One, 3),
            1 => (FieldKind::Multi, 4),
            _ => (FieldKind::Numeric(NumberScale::new(1.5, 2.0)), 2),
        };
        Field { name: format!("{prefix}{index}"), kind, size, embedded: true }
    };
    kinds.iter().enumerate().map(field).collect()
}

/// A row of cells, drawn by a hash; a fifth of them missing.
fn row(fields: &[Field], seed: u64, row: u64) -> Vec<Cell> {
    let cell = |(index, field): (usize, &Field)| {
        let draw = |i: u64| (unit(seed, 500 + row, 10 * index as u64 + i) + 1.0) / 2.0;
        let missing = draw(0) < 0.2;
        match field.kind {
            FieldKind::Numeric(_) => Cell::Number((!missing).then_some((4.0 * draw(1)) as f32)),
            _ if missing => Cell::Values(Vec::new()),
            FieldKind::One => Cell::Values(vec![(draw(1) * field.size as f64) as u32]),
            FieldKind::Multi => {
                let some = (0..field.size as u32).filter(|value| draw(2 + u64::from(*value)) < 0.5);
                Cell::Values(some.collect())
            }
        }
    };
    fields.iter().enumerate().map(cell).collect()
}

prop_compose! {
    fn cases()(
        item_kinds in prop::collection::vec(0u8..3, 1..4),
        user_kinds in prop::collection::vec(0u8..3, 0..3),
        embedding_dim in 1usize..5,
        hidden in prop::collection::vec(1usize..6, 0..4),
        loss in prop::sample::select(vec![Loss::Mse, Loss::SmoothL1, Loss::Bce]),
        pull in prop::sample::select(vec![0.0f32, 0.5, 3.0]),
        steps in 0usize..5,
        support in 1u64..7,
        query in 1u64..5,
        rate in 0.01f32..0.3,
        seed: u64,
    ) -> Case {
        let mut config = Config {
            item_fields: fields(&item_kinds, "i"),
            user_fields: fields(&user_kinds, "u"),
            embedding_dim,
            factors: 0,
            body: Vec::new(),
            hidden,
            output: Output { loss, scale: 1.0, offset: 0.0, range: None },
            local: Local::Gradient(GradientSteps { steps, rates: Vec::new(), pull }),
            medians: None,
        catalog: DataType::F32,
            choice: None,
        };
        let tensors = config.head_network().unwrap().tensors();
        let rates = (0..tensors).map(|t| rate * (1.0 + 0.3 * t as f32)).collect();
        config.local = Local::Gradient(GradientSteps { steps, rates, pull });
        Case {
            seed,
            support: (0..support).map(|r| row(&config.item_fields, seed, r)).collect(),
            query: (0..query).map(|r| row(&config.item_fields, seed, 100 + r)).collect(),
            profile: row(&config.user_fields, seed, 200),
            config,
        }
    }
}

impl Case {
    fn target(&self, set: u64, row: usize) -> f64 {
        let draw = unit(self.seed, 900 + set, row as u64);
        match self.config.output.loss {
            Loss::Bce => f64::from(u8::from(draw > 0.0)),
            Loss::Mse | Loss::SmoothL1 => f64::from((2.0 * draw) as f32),
        }
    }

    fn targets(&self, set: u64, rows: &[Vec<Cell>]) -> Vec<f64> {
        (0..rows.len()).map(|row| self.target(set, row)).collect()
    }

    fn inputs(&self, tensors: &Tensors, rows: &[Vec<Cell>]) -> Vec<Vec<f64>> {
        let (items, users) = tensors.tables.split_at(tensors.item_tables);
        let dim = self.config.embedding_dim;
        let user = embed(&self.config.user_fields, users, dim, &self.profile);
        let item = |cells: &Vec<Cell>| embed(&self.config.item_fields, items, dim, cells);
        rows.iter().map(|cells| [item(cells), user.clone()].concat()).collect()
    }

    fn local(&self) -> &GradientSteps {
        match &self.config.local {
            Local::Gradient(local) => local,
            Local::Ridge(_) => panic!("all cases take gradient steps"),
        }
    }

    /// The query loss at the adapted head, and how near any ReLU or loss is to
    /// its kink.
    fn query_loss(&self, tensors: &Tensors, rates: &[f64], pull: f64) -> (f64, f64) {
        let (loss, steps) = (self.config.output.loss, self.local().steps);
        let (support, query) =
            (self.inputs(tensors, &self.support), self.inputs(tensors, &self.query));
        let targets = self.targets(0, &self.support);
        let query_targets = self.targets(1, &self.query);
        let kink = |head: &[Vec<f64>], rows: &[Vec<f64>], targets: &[f64]| {
            let of_loss = |(row, target): (&Vec<f64>, &f64)| match loss {
                Loss::SmoothL1 => ((predict(head, row) - target).abs() - 1.0).abs(),
                Loss::Mse | Loss::Bce => f64::INFINITY,
            };
            rows.iter().zip(targets).map(of_loss).fold(kink_distance(head, rows), f64::min)
        };
        let mut head = tensors.head.clone();
        let mut nearest = kink(&head, &support, &targets);
        for steps in 1..=steps {
            head = adapt(loss, &tensors.head, &support, &targets, steps, rates, pull);
            nearest = nearest.min(kink(&head, &support, &targets));
        }
        nearest = nearest.min(kink(&head, &query, &query_targets));
        (mean_loss(loss, &head, &query, &query_targets), nearest)
    }
}

fn compare(what: &str, found: &[f64], expected: &[f64]) -> Result<(), TestCaseError> {
    let error = distance(found, expected);
    prop_assert!(
        error <= 1e-4 * norm(expected) + 1e-6,
        "{what}: {found:?} instead of {expected:?}"
    );
    Ok(())
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn distance(found: &[f64], expected: &[f64]) -> f64 {
    found.iter().zip(expected).map(|(f, e)| (f - e).powi(2)).sum::<f64>().sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn second_order_gradients_agree(case in cases()) {
        let config = &case.config;
        let tensors = Tensors::generate(config, case.seed, |_| 0.8);
        let local = case.local();
        let rates: Vec<f64> = local.rates.iter().map(|r| f64::from(*r)).collect();
        let pull = f64::from(local.pull);
        // Where a ReLU is about to open or close there is no derivative.
        prop_assume!(case.query_loss(&tensors, &rates, pull).1 > 1e-3);

        let h = 1e-5;
        let central = |plus: f64, minus: f64| (plus - minus) / (2.0 * h);
        let differences_at = |at: &Tensors, pick: &dyn Fn(&mut Tensors) -> &mut Vec<f64>| {
            let mut moved = at.clone();
            (0..pick(&mut moved).len()).map(|i| {
                let here = pick(&mut moved)[i];
                pick(&mut moved)[i] = here + h;
                let plus = case.query_loss(&moved, &rates, pull).0;
                pick(&mut moved)[i] = here - h;
                let minus = case.query_loss(&moved, &rates, pull).0;
                pick(&mut moved)[i] = here;
                central(plus, minus)
            }).collect::<Vec<f64>>()
        };
        let differences = |pick: &dyn Fn(&mut Tensors) -> &mut Vec<f64>| differences_at(&tensors, pick);
        // Where the weights' own rounding to f32 moves the answer by a part of the
        // tolerance, f32 cannot tell it.
        let mut nudged = tensors.clone();
        for (t, tensor) in nudged.tables.iter_mut().chain(&mut nudged.head).enumerate() {
            for (i, number) in tensor.iter_mut().enumerate() {
                *number *= 1.0 + 6e-8 * unit(case.seed, 950 + t as u64, i as u64).signum();
            }
        }
        let mut by_head = Vec::new();
        for t in 0..tensors.head.len() {
            let expected = differences(&|tensors| &mut tensors.head[t]);
            let moved = differences_at(&nudged, &|tensors| &mut tensors.head[t]);
            prop_assume!(distance(&moved, &expected) <= 2e-5 * norm(&expected) + 2e-7);
            by_head.push(expected);
        }

        let single = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let shape = config.head_network().unwrap();
        let dim = config.embedding_dim;
        let (item_tables, user_tables) = tensors.tables.split_at(tensors.item_tables);
        let items = |rows: &[Vec<Cell>]| -> Vec<f32> {
            rows.iter()
                .flat_map(|cells| single(&embed(&config.item_fields, item_tables, dim, cells)))
                .collect()
        };
        let user = single(&embed(&config.user_fields, user_tables, dim, &case.profile));
        let (support, query) = (items(&case.support), items(&case.query));
        let support_targets = single(&case.targets(0, &case.support));
        let query_targets = single(&case.targets(1, &case.query));
        let set = |items, targets| Set {
            inputs: Inputs { items, user: &user, offsets: &[], rows: <[f32]>::len(targets) },
            targets,
            item_variances: &[],
        };
        let head: Vec<f32> = tensors.head.iter().flat_map(|tensor| single(tensor)).collect();
        let mut gradient = MetaGradient::default();
        gradient.compute(
            HeadTask {
                network: &shape,
                output: &config.output,
                head: &head,
                support: set(&support, &support_targets),
                query: set(&query, &query_targets),
            },
            local,
            DerivativeOrder::Second,
        );
        let double = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();

        for (t, range) in shape.tensor_ranges().enumerate() {
            compare(&format!("head tensor {t}"), &double(&gradient.head[range]), &by_head[t])?;
        }
        let expected: Vec<f64> = (0..rates.len()).map(|t| {
            let loss = |change: f64| {
                let mut rates = rates.clone();
                rates[t] += change;
                case.query_loss(&tensors, &rates, pull).0
            };
            central(loss(h), loss(-h))
        }).collect();
        compare("rates", &double(&gradient.rates), &expected)?;
        if pull > 0.0 {
            let loss = |change: f64| case.query_loss(&tensors, &rates, pull + change).0;
            let found = f64::from(gradient.pull);
            // It is the difference of two sums, of which the first is that of the
            // rates: where they cancel, f32 keeps their size's error.
            let ratings = case.support.len() as f64;
            let sum: f64 = expected.iter().zip(&rates).map(|(by, rate)| (by * rate).abs()).sum();
            let size = sum / (ratings + pull);
            let slope = central(loss(h), loss(-h));
            prop_assert!(
                (found - slope).abs() <= 1e-4 * slope.abs().max(size) + 1e-6,
                "pull: {} instead of {slope}, of parts of {size}", found
            );
        }
        for t in 0..tensors.tables.len() {
            let mut found = vec![0.0; tensors.tables[t].len()];
            let mut scatter = |field: &Field, cell: &Cell, part: &[f32]| {
                for (row, share) in shares(field, cell) {
                    for (found, g) in found[row * dim..].iter_mut().zip(part) {
                        *found += share * f64::from(*g);
                    }
                }
            };
            if let Some(field) = config.item_fields.get(t) {
                let sets =
                    [(&case.support, &gradient.support_items), (&case.query, &gradient.query_items)];
                for (rows, gradient) in sets {
                    for (cells, part) in rows.iter().zip(gradient.chunks(shape.item_width())) {
                        scatter(field, &cells[t], &part[t * dim..][..dim]);
                    }
                }
            } else {
                let t = t - tensors.item_tables;
                scatter(&config.user_fields[t], &case.profile[t], &gradient.user[t * dim..][..dim]);
            }
            let expected = differences(&|tensors| &mut tensors.tables[t]);
            compare(&format!("table {t}"), &found, &expected)?;
        }
    }
}
