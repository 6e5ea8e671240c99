//! One task's gradient by all that training learns, against automatic
//! differentiation: `tests/oracle/estimator.py`.

#[path = "../../../tests/common/mod.rs"]
mod common;

use common::estimator::{Case, columns};
use common::golden::{Report, double, numbers};

use super::*;
use crate::data::Rated;
use crate::model::config::Local;
use crate::model::file::{Contents, ItemPrior, ItemVectors};
use crate::train::DerivativeOrder;
use crate::train::vectors::TrainingVectors;

/// The vectors that training has of the same items. The users' prior is as wide as the head
/// already, which nothing but its terms' inputs is read of.
fn vectors(case: &Case, items: &[Column]) -> Option<TrainingVectors> {
    let Contents { config, item_prior, user_prior, catalog, .. } = &case.contents;
    let ItemPrior { prior, variance } = item_prior.as_ref()?;
    let (count, factors) = (case.items.len(), config.factors);
    let (mut biases, mut foretold) = (Vec::new(), Vec::new());
    let mut row = vec![0.0; factors + 1];
    for item in 0..count {
        prior.write_row(&config.item_fields, items, item, &mut row);
        biases.push(row[0]);
        foretold.extend_from_slice(&row[1..]);
    }
    let cold = ItemVectors {
        vectors: foretold.into(),
        bias: biases.into(),
        variance: vec![*variance; count].into(),
        raters: vec![0; count].into(),
    };
    Some(TrainingVectors {
        factors,
        noise: f32::NAN,
        intercept: f32::NAN,
        known: catalog.as_ref().and_then(|table| table.vectors.clone()).unwrap_or(cold.clone()),
        cold,
        item_prior: item_prior.clone()?,
        user_prior: user_prior.clone().unwrap_or(prior.clone().with_weights(0, &[])),
    })
}

fn check(case: &Case) -> Report {
    let Case { seed, contents, answers, .. } = case;
    let config = &contents.config;
    let mut report = Report::new(format!("case {seed}"));
    let item_columns = columns(&config.item_fields, &case.items);
    let user_columns = columns(&config.user_fields, std::slice::from_ref(&case.profile));
    let vectors = vectors(case, &item_columns);
    let set = TrainingSet::of_parts(config, item_columns, user_columns, vectors);
    let tables = contents.item_embeddings.iter().chain(&contents.user_embeddings);
    let terms = contents.user_prior.iter().flat_map(|prior| prior.terms());
    let mut head = contents.head.clone();
    if let Some(prior) = &contents.user_prior {
        add_scaled(&mut head, 1.0, prior.intercept());
    }
    let parameters = Parameters {
        embeddings: tables.map(|table| table.to_vec()).collect(),
        user_prior: terms.map(|term| term.weights.to_vec()).collect(),
        body: contents.body.clone(),
        // Training has no intercept of the prior beside the head's own numbers.
        head,
        solver: Vec::new(),
    };
    let rated = |set: &common::estimator::Rated| -> Vec<Rated> {
        let pairs = set.items.iter().zip(&set.ratings);
        pairs.map(|(&item, &value)| Rated { item, value }).collect()
    };
    let task = Task { user: 0, support: rated(&case.support), query: rated(&case.query) };
    let cold = |rated: &[Rated]| rated.iter().map(|r| r.item as usize >= case.known).collect();
    let rows = TaskRows { support: cold(&task.support), query: cold(&task.query) };
    let means = set.means(&parameters.embeddings, std::iter::once(&task));
    let shared = BatchContext {
        set: &set,
        order: DerivativeOrder::Second,
        parameters: &parameters,
        local: &config.local,
        head_scale: &contents.head_scale,
        means: &means,
    };
    // Whatever was computed before must leave no trace.
    let (mut gradient, mut scratch) = (TaskGradient::default(), GradientScratch::default());
    gradient.compute(shared, &task, &rows, &mut scratch);
    gradient.compute(shared, &task, &rows, &mut scratch);

    let loss = answers["query_loss"].as_f64().unwrap();
    report.check("query loss", f64::from(gradient.loss), loss, loss);
    let mut found: Vec<(String, Vec<f32>)> = Vec::new();
    for (index, field) in set.fields().enumerate().filter(|(_, field)| field.embedded) {
        let mut update = EmbeddingUpdate::new(field.size, config.embedding_dim);
        let mut scatter = Scatter { set: &set, update: &mut update, field, index, share: 1.0 };
        let tasks = [(task.clone(), rows.clone())];
        scatter.add_all(&tasks, std::slice::from_ref(&gradient));
        found.push((format!("table {}", field.name), update.gradient()));
    }
    let networks = [(set.body.as_ref(), &gradient.body), (Some(&set.head), &gradient.head)];
    for (network, gradient) in networks {
        for (t, range) in network.iter().flat_map(|n| n.tensor_ranges().enumerate()) {
            let name = network.map(|network| network.tensor_name(t)).unwrap();
            found.push((name, gradient[range].to_vec()));
        }
    }
    let solver = numbers(&answers["solver"]);
    let (scale_or_rates, last) = gradient.solver.split_at(gradient.solver.len() - 1);
    match &config.local {
        Local::Ridge(_) => {
            found.push(("head.scale".into(), scale_or_rates.to_vec()));
            report.list("item variance", &double(last), &solver);
        }
        Local::Gradient(local) => {
            let (rates, pull) = solver.split_at(solver.len() - 1);
            report.list("rates", &double(scale_or_rates), rates);
            // A pull of 0 is none, and stays none.
            if local.pull > 0.0 {
                report.list("pull", &double(last), pull);
            }
        }
    }
    for (index, (term, weights)) in set.user_terms().iter().zip(&parameters.user_prior).enumerate()
    {
        let width = parameters.head.len();
        let mut update = EmbeddingUpdate::new(weights.len() / width, width);
        let tasks = [(task.clone(), rows.clone())];
        scatter_start(&set, term, &tasks, std::slice::from_ref(&gradient), 1.0, &mut update);
        found.push((format!("user term {index}"), update.gradient()));
    }
    let expected = answers["gradients"].as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    for (t, ((name, gradient), expected)) in found.iter().zip(expected).enumerate() {
        report.vector(name, &double(gradient), expected, *seed, t);
    }
    report
}

#[test]
fn gradients_agree_with_automatic_differentiation() {
    Report::finish(Case::all().iter().map(check));
}
