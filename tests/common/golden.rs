//! Golden files of the oracles: their numbers, and how far the library's are off.

use melu::model::schema::{Field, Value};
use serde_json::Value as Json;

use super::{Cell, unit};

const TOLERANCE: f64 = 1e-4;

pub fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

pub fn singles(json: &Json) -> Vec<f32> {
    numbers(json).iter().map(|x| *x as f32).collect()
}

pub fn indices(json: &Json) -> Vec<u32> {
    json.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect()
}

pub fn cells(fields: &[Field], json: &Json) -> Vec<Cell> {
    let cell = |(field, json): (&Field, &Json)| match json {
        _ if field.is_numeric() => Cell::Number(json.as_f64().map(|x| x as f32)),
        Json::Array(_) => Cell::Values(indices(json)),
        Json::Null => Cell::Values(Vec::new()),
        value => Cell::Values(vec![value.as_u64().unwrap() as u32]),
    };
    fields.iter().zip(json.as_array().unwrap()).map(cell).collect()
}

pub fn named<'a>(fields: &'a [Field], cells: &[Cell]) -> Vec<(&'a str, Value<'static>)> {
    let mut values = Vec::new();
    for (field, cell) in fields.iter().zip(cells) {
        match cell {
            Cell::Values(all) => {
                values.extend(all.iter().map(|&v| (field.name.as_str(), Value::Index(v))));
            }
            Cell::Number(number) => {
                values.extend(number.map(|x| (field.name.as_str(), Value::Number(x))));
            }
        }
    }
    values
}

/// Collects what differs, so that one run shows all.
pub struct Report {
    case: String,
    worst: f64,
    failures: Vec<String>,
}

impl Report {
    /// Of one case.
    pub fn new(case: String) -> Self {
        Self { case, worst: 0.0, failures: Vec::new() }
    }

    /// Fails if any case does, after saying how far all of them are off.
    pub fn finish(reports: impl Iterator<Item = Self>) {
        let reports: Vec<Self> = reports.collect();
        let worst = reports.iter().map(|report| report.worst).fold(0.0, f64::max);
        println!("{} cases, the worst relative error is {worst:.1e}", reports.len());
        let failures: Vec<&String> = reports.iter().flat_map(|report| &report.failures).collect();
        let few: Vec<_> = failures.iter().take(20).collect();
        assert!(failures.is_empty(), "{} failures: {few:#?}", failures.len());
    }

    pub fn check(&mut self, what: &str, found: f64, expected: f64, size: f64) {
        let error = (found - expected).abs();
        // Below the smallest single-precision numbers nothing can be told.
        let relative = if error < 1e-30 { 0.0 } else { error / size };
        self.worst = self.worst.max(relative);
        if relative.is_nan() || relative > TOLERANCE {
            let case = &self.case;
            self.failures
                .push(format!("{case}: {what}: {found} instead of {expected}: {relative:e}"));
        }
    }

    /// A list whose error is measured against its own norm.
    pub fn list(&mut self, what: &str, found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len(), "{what}");
        let size = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (found, expected) in found.iter().zip(expected) {
            self.check(what, *found, *expected, size);
        }
    }

    /// A long vector by its norm and its projections on random vectors.
    pub fn vector(&mut self, what: &str, found: &[f64], answer: &Json, seed: u64, tensor: usize) {
        let norm = answer["norm"].as_f64().unwrap();
        let found_norm = found.iter().map(|x| x * x).sum::<f64>().sqrt();
        self.check(what, found_norm, norm, norm);
        for (p, expected) in numbers(&answer["projections"]).into_iter().enumerate() {
            let t = 1000 + 10 * tensor as u64 + p as u64;
            let dot = found.iter().enumerate().map(|(i, x)| x * unit(seed, t, i as u64)).sum();
            self.check(what, dot, expected, norm);
        }
        if let Some(values) = answer.get("values") {
            self.list(what, found, &numbers(values));
        }
    }
}

pub fn double(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}
