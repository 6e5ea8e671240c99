//! The library against automatic differentiation in double precision: JAX's
//! answers to 252 random configurations, made by `tests/oracle/autodiff.py`.

#![cfg(feature = "train")]

mod common;

use common::golden::{Report, cells, double, indices, named, numbers, singles};
use common::{Cell, Tensors, embed, shares};
use melu::model::config::{Config, Local};
use melu::model::network::Inputs;
use melu::model::schema::Field;
use melu::train::{DerivativeOrder, HeadTask, MetaGradient};
use melu::user::adapt::Set;
use melu::{Catalog, Model, NewItem, User};
use serde_json::Value as Json;

fn check_case(case: &Json) -> Report {
    let config = Config::from_json(&case["config"].to_string()).unwrap();
    let seed = case["seed"].as_u64().unwrap();
    let mut report = Report::new(format!("case {seed}"));
    let scales = numbers(&case["scales"]);
    let tensors = Tensors::generate(&config, seed, |t| scales[t]);
    let answers = &case["answers"];

    let items: Vec<Vec<Cell>> = case["catalogue"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| cells(&config.item_fields, item))
        .collect();
    let profile = cells(&config.user_fields, &case["profile"]);
    let rated = |set: &Json| (indices(&set["items"]), singles(&set["ratings"]));
    let (support, support_ratings) = rated(&case["support"]);
    let (query, query_ratings) = rated(&case["query"]);

    // As a program uses it.
    let model = Model::from_contents(tensors.contents(&config)).unwrap();
    let ids: Vec<String> = (0..items.len()).map(|i| i.to_string()).collect();
    let values: Vec<_> = items.iter().map(|item| named(&config.item_fields, item)).collect();
    let new_items: Vec<NewItem> =
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values }).collect();
    let catalog = Catalog::new(&model, &new_items).unwrap();
    let mut user = User::new(&catalog, &named(&config.user_fields, &profile)).unwrap();
    let mut scores = vec![0.0; query.len()];
    user.score(&query, &mut scores, &mut common::scratch(&user)).unwrap();
    report.list("scores before", &double(&scores), &numbers(&answers["scores_before"]));
    let mut norms = vec![0.0; support.len()];
    user.gradient_norms(&support, &support_ratings, &mut norms, &mut common::scratch(&user))
        .unwrap();
    for (found, expected) in norms.iter().zip(numbers(&answers["evidence"])) {
        report.check("evidence", f64::from(*found), expected, expected);
    }
    user.adapt(&support, &support_ratings, &mut common::scratch(&user)).unwrap();
    user.score(&query, &mut scores, &mut common::scratch(&user)).unwrap();
    report.list("scores after", &double(&scores), &numbers(&answers["scores_after"]));
    let tables = tensors.tables.len();
    let shape = config.head_network().unwrap();
    for (t, range) in shape.tensor_ranges().enumerate() {
        let head = double(&user.head().unwrap()[range]);
        report.vector("adapted head", &head, &answers["adapted_head"][t], seed, tables + t);
    }

    // As training uses it.
    let (item_tables, user_tables) = tensors.tables.split_at(tensors.item_tables);
    let dim = config.embedding_dim;
    let single = |v: Vec<f64>| v.into_iter().map(|x| x as f32);
    let gather = |set: &[u32]| -> Vec<f32> {
        let embed = |i: &u32| embed(&config.item_fields, item_tables, dim, &items[*i as usize]);
        set.iter().flat_map(|i| single(embed(i))).collect()
    };
    let user: Vec<f32> = single(embed(&config.user_fields, user_tables, dim, &profile)).collect();
    let targets = |ratings: &[f32]| -> Vec<f32> {
        ratings.iter().map(|rating| config.output.target(*rating)).collect()
    };
    let (support_items, query_items) = (gather(&support), gather(&query));
    let (support_targets, query_targets) = (targets(&support_ratings), targets(&query_ratings));
    let set = |items, targets| Set {
        inputs: Inputs { items, user: &user, offsets: &[], rows: <[f32]>::len(targets) },
        targets,
        item_variances: &[],
    };
    let Local::Gradient(local) = &config.local else { panic!("gradient steps are expected") };
    let mut gradient = MetaGradient::default();
    for (order, name) in
        [(DerivativeOrder::Second, "second_order"), (DerivativeOrder::First, "first_order")]
    {
        gradient.compute(
            HeadTask {
                network: &shape,
                output: &config.output,
                head: model.head(),
                support: set(&support_items, &support_targets),
                query: set(&query_items, &query_targets),
            },
            local,
            order,
        );
        let expected = &answers[name];
        let query_loss = answers["query_loss"].as_f64().unwrap();
        report.check("query loss", f64::from(gradient.loss), query_loss, query_loss);
        report.list(
            &format!("{name} rates"),
            &double(&gradient.rates),
            &numbers(&expected["rates"]),
        );
        for (t, range) in shape.tensor_ranges().enumerate() {
            let found = double(&gradient.head[range]);
            let what = format!("{name} head tensor {t}");
            report.vector(&what, &found, &expected["head"][t], seed, tables + t);
        }
        let width = shape.item_width();
        for (t, table) in tensors.tables.iter().enumerate() {
            let mut found = vec![0.0; table.len()];
            let mut scatter = |field: &Field, cell: &Cell, part: &[f32]| {
                for (row, share) in shares(field, cell) {
                    for (found, g) in found[row * dim..].iter_mut().zip(part) {
                        *found += share * f64::from(*g);
                    }
                }
            };
            match config.item_fields.get(t) {
                Some(field) => {
                    for (set, gradient) in
                        [(&support, &gradient.support_items), (&query, &gradient.query_items)]
                    {
                        for (item, row) in set.iter().zip(gradient.chunks(width)) {
                            scatter(field, &items[*item as usize][t], &row[t * dim..][..dim]);
                        }
                    }
                }
                None => {
                    let t = t - tensors.item_tables;
                    scatter(&config.user_fields[t], &profile[t], &gradient.user[t * dim..][..dim]);
                }
            }
            report.vector(&format!("{name} table {t}"), &found, &expected["tables"][t], seed, t);
        }
    }
    report
}

#[test]
fn agrees_with_automatic_differentiation() {
    let golden: Json = serde_json::from_str(include_str!("golden/autodiff.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 200);
    Report::finish(cases.iter().map(check_case));
}

/// The sizes that the library promises are really among the cases.
#[test]
fn cases_reach_every_bound() {
    let golden: Json = serde_json::from_str(include_str!("golden/autodiff.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let range = |size: &dyn Fn(&Json) -> Vec<usize>| {
        let sizes = || cases.iter().flat_map(size);
        (sizes().min().unwrap(), sizes().max().unwrap())
    };
    let len = |json: &Json| json.as_array().unwrap().len();
    let number = |json: &Json| json.as_u64().unwrap() as usize;
    let fields =
        |case: &Json| len(&case["config"]["item_fields"]) + len(&case["config"]["user_fields"]);
    assert_eq!(range(&|case| vec![fields(case)]), (1, 32));
    assert_eq!(range(&|case| vec![number(&case["config"]["embedding_dim"])]), (1, 256));
    assert_eq!(range(&|case| vec![len(&case["config"]["hidden"])]), (0, 4));
    let widths =
        |case: &Json| case["config"]["hidden"].as_array().unwrap().iter().map(number).collect();
    assert_eq!(range(&widths), (1, 512));
    assert_eq!(range(&|case| vec![len(&case["support"]["items"])]), (1, 1000));
    assert_eq!(range(&|case| vec![number(&case["config"]["local"]["steps"])]), (0, 100));
    for loss in ["mse", "bce"] {
        for one_rate in [true, false] {
            let fits = |config: &Json| {
                config["loss"] == loss && config["local"]["rate"].is_number() == one_rate
            };
            assert!(cases.iter().any(|case| fits(&case["config"])), "{loss}, {one_rate}");
        }
    }
}

/// As wide and as deep as can be, all at once, against the plain loops.
#[test]
fn the_widest_and_deepest_head_adapts() {
    let side = |name: &str| -> Vec<Json> {
        (0..16)
            .map(|i| serde_json::json!({ "name": format!("{name}{i}"), "kind": "one", "size": 3 }))
            .collect()
    };
    let config = serde_json::json!({
        "item_fields": side("i"), "user_fields": side("u"), "embedding_dim": 256,
        "hidden": [512, 512, 512, 512], "loss": "mse", "output": { "scale": 1.5, "offset": 3.0 },
        "local": { "steps": 2, "rate": 1e-3 },
    });
    let config = Config::from_json(&config.to_string()).unwrap();
    let shape = config.head_network().unwrap();
    // Weights whose products neither grow nor vanish from layer to layer.
    let tables = 32;
    let scale = |t: usize| match t.checked_sub(tables) {
        None => 1.0,
        Some(t) if t % 2 == 0 => (6.0 / shape.layers()[t / 2].inputs as f64).sqrt(),
        Some(_) => 0.1,
    };
    let tensors = Tensors::generate(&config, 11, scale);
    let model = Model::from_contents(tensors.contents(&config)).unwrap();
    let cells = |row: u32| -> Vec<Cell> {
        (0..16).map(|i| Cell::Values(vec![(row + i * row) % 3])).collect()
    };
    let items: Vec<Vec<Cell>> = (0..3).map(cells).collect();
    let profile = cells(1);
    let values: Vec<_> = items.iter().map(|item| named(&config.item_fields, item)).collect();
    let new_items: Vec<NewItem> = ["a", "b", "c"]
        .iter()
        .zip(&values)
        .map(|(id, values)| NewItem { id, title: None, values })
        .collect();
    let catalog = Catalog::new(&model, &new_items).unwrap();
    let mut user = User::new(&catalog, &named(&config.user_fields, &profile)).unwrap();
    let (rated, ratings) = ([0, 1], [4.5, 2.0]);
    user.adapt(&rated, &ratings, &mut common::scratch(&user)).unwrap();
    let mut scores = [0.0; 3];
    user.score_all(&mut scores, &mut common::scratch(&user)).unwrap();

    let (item_tables, user_tables) = tensors.tables.split_at(16);
    let about = embed(&config.user_fields, user_tables, 256, &profile);
    let row = |item: &Vec<Cell>| {
        [embed(&config.item_fields, item_tables, 256, item), about.clone()].concat()
    };
    let rows: Vec<Vec<f64>> = items.iter().map(row).collect();
    let targets = ratings.map(|rating| f64::from(config.output.target(rating)));
    let (loss, rates) = (config.output.loss, [f64::from(1e-3f32); 10]);
    let head = common::adapt(loss, &tensors.head, &rows[..2], &targets, 2, &rates, 0.0);
    let mut report = Report::new("widest".into());
    let expected: Vec<f64> =
        rows.iter().map(|row| 3.0 + 1.5 * common::predict(&head, row)).collect();
    let before: Vec<f64> =
        rows.iter().map(|row| 3.0 + 1.5 * common::predict(&tensors.head, row)).collect();
    assert!(
        (before[0] - expected[0]).abs() > 0.01,
        "the update moves nothing: {before:?}, {expected:?}"
    );
    report.list("scores", &double(&scores), &expected);
    for (t, range) in shape.tensor_ranges().enumerate() {
        report.list(&format!("head tensor {t}"), &double(&user.head().unwrap()[range]), &head[t]);
    }
    Report::finish([report].into_iter());
}
