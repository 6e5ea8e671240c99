//! Vectors, priors, body and both solvers, as a program uses them, against
//! double precision: JAX's answers to random configurations, made by
//! `tests/oracle/estimator.py`.

mod common;

use common::estimator::Case;
use common::golden::{Report, double, named, numbers};
use melu::{Catalog, Model, NewItem, User};

fn check(case: Case) -> Report {
    let Case { seed, contents, items, profile, support, query, answers, .. } = &case;
    let mut report = Report::new(format!("case {seed}"));
    let config = &contents.config;
    let model = Model::from_contents(contents.clone()).unwrap();
    let ids: Vec<String> = (0..items.len()).map(|item| item.to_string()).collect();
    let values: Vec<_> = items.iter().map(|item| named(&config.item_fields, item)).collect();
    let items: Vec<NewItem> =
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values }).collect();
    let catalog = Catalog::new(&model, &items).unwrap();
    let mut user = User::new(&catalog, &named(&config.user_fields, profile)).unwrap();
    let mut scores = vec![0.0; query.items.len()];
    user.score(&query.items, &mut scores, &mut common::scratch(&user)).unwrap();
    report.list("scores before", &double(&scores), &numbers(&answers["scores_before"]));
    user.adapt(&support.items, &support.ratings, &mut common::scratch(&user)).unwrap();
    user.score(&query.items, &mut scores, &mut common::scratch(&user)).unwrap();
    report.list("scores after", &double(&scores), &numbers(&answers["scores_after"]));
    let network = config.head_network().unwrap();
    let body = config.body_network().unwrap().map_or(0, |body| body.tensors());
    let first = case.tables().count() + body;
    for (t, range) in network.tensor_ranges().enumerate() {
        let head = double(&user.head().unwrap()[range]);
        report.vector("adapted head", &head, &answers["adapted_head"][t], *seed, first + t);
    }
    report
}

#[test]
fn agrees_with_automatic_differentiation() {
    let cases = Case::all();
    assert!(cases.len() >= 100);
    Report::finish(cases.into_iter().map(check));
}
