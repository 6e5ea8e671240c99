//! The model in double precision, written as plainly as can be, and generated
//! weights: what the tests compare the library with.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod allocations;
pub mod choosing;
pub mod estimator;
pub mod files;
pub mod golden;
pub mod plain;

use std::io::Write;
use std::process::Command;

use melu::model::buffer::Buffer;
use melu::model::config::Config;
use melu::model::file::Contents;
use melu::model::loss::Loss;
use melu::model::schema::{Field, FieldKind, NumberScale};
use melu::{Scratch, User};

/// A scratch that served nobody.
pub fn scratch(user: &User) -> Scratch {
    Scratch::new(user.catalog()).unwrap()
}

/// One test of this program in a process of its own, also if it is ignored otherwise; by the
/// emulator where one runs it.
pub fn this_test(name: &str) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match std::env::var_os("MELU_EMULATOR") {
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(["--exact", name, "--include-ignored", "--nocapture", "--test-threads=1"]);
    command
}

/// [`this_test`] as the last arguments of another program, which runs it.
pub fn add_test<'a>(command: &'a mut Command, name: &str) -> &'a mut Command {
    let test = this_test(name);
    command.arg(test.get_program()).args(test.get_args())
}

/// Says that a test is skipped: past the harness, which would keep it to itself.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// One field's value of one item or user.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Values(Vec<u32>),
    Number(Option<f32>),
}

/// SplitMix64's finaliser after one step.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Element `i` of generated tensor `t`, in [-1, 1).
pub fn unit(seed: u64, t: u64, i: u64) -> f64 {
    let bits = mix(mix(mix(seed).wrapping_add(t)).wrapping_add(i)) >> 11;
    bits as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
}

/// All of a model's tensors: item tables, user tables, head tensors.
#[derive(Clone, Debug)]
pub struct Tensors {
    pub item_tables: usize,
    pub tables: Vec<Vec<f64>>,
    pub head: Vec<Vec<f64>>,
}

impl Tensors {
    /// Generated, and rounded to single precision.
    pub fn generate(config: &Config, seed: u64, scale: impl Fn(usize) -> f64) -> Self {
        let tensor = |t: usize, len: usize| {
            (0..len)
                .map(|i| f64::from((scale(t) * unit(seed, t as u64, i as u64)) as f32))
                .collect()
        };
        let fields = config.item_fields.iter().chain(&config.user_fields);
        let tables: Vec<Vec<f64>> =
            fields.enumerate().map(|(t, f)| tensor(t, f.size * config.embedding_dim)).collect();
        let shape = config.head_network().unwrap();
        let head = shape.tensor_ranges().enumerate();
        let head = head.map(|(t, range)| tensor(tables.len() + t, range.len())).collect();
        Self { item_tables: config.item_fields.len(), tables, head }
    }

    /// The library's own form.
    pub fn contents(&self, config: &Config) -> Contents {
        let single = |v: &Vec<f64>| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let tables = |part: &[Vec<f64>]| part.iter().map(|t| Buffer::from(single(t))).collect();
        let (items, users) = self.tables.split_at(self.item_tables);
        Contents {
            config: config.clone(),
            item_embeddings: tables(items),
            user_embeddings: tables(users),
            body: Vec::new(),
            head: self.head.iter().flat_map(single).collect(),
            head_scale: Vec::new(),
            item_prior: None,
            user_prior: None,
            choice: None,
            item_vocabularies: vec![None; config.item_fields.len()],
            user_vocabularies: vec![None; config.user_fields.len()],
            catalog: None,
            evidence: None,
            familiarity: None,
            training: None,
        }
    }
}

/// The weight of each row of a field's table in the embedding of a cell.
pub fn shares(field: &Field, cell: &Cell) -> Vec<(usize, f64)> {
    match (field.kind, cell) {
        (FieldKind::Numeric(scale), Cell::Number(Some(number))) => {
            let NumberScale { mean, std, .. } = scale;
            vec![(0, (f64::from(*number) - f64::from(mean)) / f64::from(std)), (1, 1.0)]
        }
        (FieldKind::Numeric(_), _) => vec![(1, 1.0)],
        (_, Cell::Values(values)) if !values.is_empty() => {
            values.iter().map(|&v| (v as usize, 1.0 / values.len() as f64)).collect()
        }
        _ => (0..field.size).map(|row| (row, 1.0 / field.size as f64)).collect(),
    }
}

/// The embedding of an item or user: its fields' embeddings, one after another.
pub fn embed(fields: &[Field], tables: &[Vec<f64>], dim: usize, cells: &[Cell]) -> Vec<f64> {
    let mut out = Vec::new();
    for ((field, table), cell) in fields.iter().zip(tables).zip(cells) {
        let mut part = vec![0.0; dim];
        for (row, share) in shares(field, cell) {
            for (out, weight) in part.iter_mut().zip(&table[row * dim..]) {
                *out += share * weight;
            }
        }
        out.extend(part);
    }
    out
}

fn loss(kind: Loss, head: f64, target: f64) -> f64 {
    match kind {
        Loss::Mse => (head - target).powi(2),
        Loss::SmoothL1 => match (head - target).abs() {
            error if error < 1.0 => 0.5 * error * error,
            error => error - 0.5,
        },
        Loss::Bce => {
            // 1 less a probability of nearly 1 would leave differences of the loss few digits.
            target * (-head).exp().ln_1p() + (1.0 - target) * head.exp().ln_1p()
        }
    }
}

fn slope(kind: Loss, head: f64, target: f64) -> f64 {
    match kind {
        Loss::Mse => 2.0 * (head - target),
        Loss::SmoothL1 => (head - target).clamp(-1.0, 1.0),
        Loss::Bce => 1.0 / (1.0 + (-head).exp()) - target,
    }
}

/// Every layer's output for one input.
fn layers(head: &[Vec<f64>], x: &[f64]) -> Vec<Vec<f64>> {
    let mut outputs = vec![x.to_vec()];
    for k in 0..head.len() / 2 {
        let (weight, bias) = (&head[2 * k], &head[2 * k + 1]);
        let input = outputs.last().unwrap();
        let sums = (0..bias.len()).map(|o| {
            bias[o] + (0..input.len()).map(|i| weight[o * input.len() + i] * input[i]).sum::<f64>()
        });
        let last = k + 1 == head.len() / 2;
        let sums: Vec<f64> = sums.collect();
        outputs.push(if last { sums } else { sums.iter().map(|s| s.max(0.0)).collect() });
    }
    outputs
}

/// The head's output for one input.
pub fn predict(head: &[Vec<f64>], x: &[f64]) -> f64 {
    layers(head, x).last().unwrap()[0]
}

/// How near a hidden unit of any row comes to the kink of its ReLU.
pub fn kink_distance(head: &[Vec<f64>], rows: &[Vec<f64>]) -> f64 {
    let mut nearest = f64::INFINITY;
    for row in rows {
        let outputs = layers(head, row);
        for k in 0..head.len() / 2 - 1 {
            let input = &outputs[k];
            let (weight, bias) = (&head[2 * k], &head[2 * k + 1]);
            for o in 0..bias.len() {
                let sum: f64 =
                    (0..input.len()).map(|i| weight[o * input.len() + i] * input[i]).sum();
                nearest = nearest.min((sum + bias[o]).abs());
            }
        }
    }
    nearest
}

/// The mean loss over some rows.
pub fn mean_loss(kind: Loss, head: &[Vec<f64>], rows: &[Vec<f64>], targets: &[f64]) -> f64 {
    let losses = rows.iter().zip(targets).map(|(x, t)| loss(kind, predict(head, x), *t));
    losses.sum::<f64>() / rows.len() as f64
}

/// The head after the local update.
pub fn adapt(
    kind: Loss,
    head: &[Vec<f64>],
    rows: &[Vec<f64>],
    targets: &[f64],
    steps: usize,
    rates: &[f64],
    pull: f64,
) -> Vec<Vec<f64>> {
    let start = head;
    let mut head = head.to_vec();
    let back = pull / (rows.len() as f64 + pull);
    for _ in 0..steps {
        let mut gradient: Vec<Vec<f64>> = head.iter().map(|t| vec![0.0; t.len()]).collect();
        for (x, target) in rows.iter().zip(targets) {
            let outputs = layers(&head, x);
            let prediction = outputs.last().unwrap()[0];
            let mut delta = vec![slope(kind, prediction, *target) / rows.len() as f64];
            for k in (0..head.len() / 2).rev() {
                let input = &outputs[k];
                let mut before = vec![0.0; input.len()];
                for o in 0..delta.len() {
                    gradient[2 * k + 1][o] += delta[o];
                    for i in 0..input.len() {
                        gradient[2 * k][o * input.len() + i] += delta[o] * input[i];
                        before[i] += delta[o] * head[2 * k][o * input.len() + i];
                    }
                }
                let open = |(b, a): (f64, &f64)| if *a > 0.0 { b } else { 0.0 };
                delta = before.into_iter().zip(input).map(open).collect();
            }
        }
        let tensors = head.iter_mut().zip(start).zip(gradient.iter().zip(rates));
        for ((tensor, start), (gradient, rate)) in tensors {
            for ((p, start), g) in tensor.iter_mut().zip(start).zip(gradient) {
                *p -= (1.0 - back) * rate * g + back * (*p - start);
            }
        }
    }
    head
}

/// The solution of a positive definite system, by Gauss's elimination.
pub fn eliminate(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let n = right.len();
    for k in 0..n {
        let pivot = matrix[k].clone();
        for i in k + 1..n {
            let share = matrix[i][k] / pivot[k];
            matrix[i].iter_mut().zip(&pivot).for_each(|(x, p)| *x -= share * p);
            right[i] -= share * right[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| matrix[k][j] * right[j]).sum();
        right[k] = (right[k] - known) / matrix[k][k];
    }
    right
}
