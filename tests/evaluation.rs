//! Evaluation: against the definitions, and what it prints and writes.

#![cfg(feature = "train")]

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use melu::data::{Dataset, Scenario, SynthOptions, World, tasks};
use melu::eval::{
    Baselines, EvalOptions, Evaluation, Given, ItemKnn, PredictionsWriter, Predictor,
    RankingOptions, Report, ScenarioRow, Section, evaluate, evaluate_and_record, evaluate_rankings,
    mean_absolute_error, ndcg,
};
use melu::train::{FactorOptions, Factors, Solver, TrainOptions, Trainer, TrainingRecord};
use melu::{Catalog, Model, Scratch, User};

/// People with enough ratings for a task in each scenario.
fn small_world() -> Dataset {
    world(0.5)
}

fn world(new_items: f32) -> Dataset {
    let options = SynthOptions {
        users: 100,
        items: 80,
        ratings_per_user: 36,
        new_users: 0.3,
        new_items,
        ..Default::default()
    };
    World::generate(&options).unwrap().dataset().unwrap()
}

fn options() -> TrainOptions {
    TrainOptions {
        embedding_dim: 3,
        factors: 4,
        body: vec![8, 5],
        epochs: 2,
        ..TrainOptions::default()
    }
}

fn train(dataset: &Dataset, options: &TrainOptions) -> Model {
    let mut trainer = Trainer::new(dataset, options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    Model::from_contents(trainer.finish().unwrap()).unwrap()
}

fn measure(model: &Model, dataset: &Dataset, draws: usize, threads: usize) -> Evaluation {
    let options = EvalOptions { draws, seed: 3, threads, ..Default::default() };
    evaluate(model, dataset, &options, |_, _| ControlFlow::Continue(())).unwrap()
}

fn json(evaluation: &Evaluation) -> String {
    serde_json::to_string(evaluation).unwrap()
}

fn row(
    evaluation: &Evaluation,
    scenario: usize,
    predictor: Predictor,
    given: Given,
) -> &ScenarioRow {
    let mut rows = evaluation.scenarios[scenario].of(predictor);
    rows.find(|row| row.given == given).unwrap()
}

/// The mean, and the standard error of it, by hand.
fn mean_and_error(numbers: &[f64]) -> (f64, f64) {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

#[test]
fn medians_are_ratings_and_err_less_than_means() {
    let synth = SynthOptions { users: 400, items: 120, ratings_per_user: 30, ..Default::default() };
    let dataset = World::generate(&synth).unwrap().dataset().unwrap();
    let model = train(&dataset, &TrainOptions { choice: false, validation: 0.3, ..options() });
    let medians = model.config().medians.as_ref().unwrap();
    let half_stars: Vec<f32> = (1..=10).map(|half| half as f32 / 2.0).collect();
    assert!(medians.values().iter().all(|value| half_stars.contains(value)), "{medians:?}");

    let catalog = model.catalog().unwrap().unwrap();
    let mut user = User::new(&catalog, &[]).unwrap();
    user.adapt(&[3, 8], &[4.5, 1.0], &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let items: Vec<u32> = (0..catalog.len() as u32).collect();
    let (mut means, mut found) = (vec![0.0; items.len()], vec![0.0; items.len()]);
    user.predict(&items, &mut means, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    user.predict_median(&items, &mut found, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    for (mean, found) in means.iter().zip(&found) {
        let steps = medians.cuts().iter().filter(|cut| **cut <= *mean).count();
        assert_eq!(*found, medians.values()[steps]);
    }

    let evaluation = measure(&model, &dataset, 2, 0);
    let mae = |predictor| row(&evaluation, 1, predictor, Given::All).mae;
    let (mean, median) = (mae(Predictor::Melu), mae(Predictor::MeluMedian));
    assert!(median < mean, "{median} {mean}");
}

#[test]
fn figures_agree_with_the_definitions() {
    let dataset = small_world();
    let model = train(&dataset, &options());
    let draws = 2;
    let evaluation = measure(&model, &dataset, draws, 0);
    let catalog: Catalog = model.catalog().unwrap().unwrap();
    let contents = model.contents();
    let users = dataset
        .users
        .encode(
            melu::model::schema::Entity::User,
            &contents.config.user_fields,
            &contents.user_vocabularies,
        )
        .unwrap();
    let baselines = Baselines::new(&dataset);
    let knn = ItemKnn::new(&dataset, &baselines);
    let factors = Factors::fit(&dataset, &FactorOptions::default(), 0).unwrap();

    for (place, given, size) in [(1, Given::First(3), 3), (3, Given::All, usize::MAX)] {
        let groups = dataset.scenario(Scenario::ALL[place]);
        let count = tasks(&groups, &dataset.rules, 3, 0).len();
        // Each user's errors and gains, of melu, the factors and the neighbours.
        let mut errors = vec![[0.0; 3]; count];
        let mut gains = vec![[0.0; 3]; count];
        let (mut within, mut queries) = (0, 0);
        for draw in 0..draws {
            let tasks = tasks(&groups, &dataset.rules, 3, draw as u64);
            for (place, task) in tasks.into_iter().enumerate() {
                let support = &task.support[..size.min(task.support.len())];
                let (items, ratings): (Vec<u32>, Vec<f32>) =
                    task.query.iter().map(|rated| (rated.item, rated.value)).unzip();
                let mut user =
                    User::from_columns(&catalog, &users.columns, task.user as usize).unwrap();
                let (known, values): (Vec<u32>, Vec<f32>) =
                    support.iter().map(|rated| (rated.item, rated.value)).unzip();
                user.adapt(&known, &values, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
                let mut predictions = [(); 3].map(|()| vec![0.0; items.len()]);
                let mut deviations = vec![0.0; items.len()];
                user.predict_with_deviations(
                    &items,
                    &mut predictions[0],
                    &mut deviations,
                    &mut Scratch::new(user.catalog()).unwrap(),
                )
                .unwrap();
                for (i, deviation) in deviations.iter().enumerate() {
                    let far = (predictions[0][i] - ratings[i]).abs();
                    within += usize::from(far <= 1.281_551_6 * deviation);
                }
                queries += items.len();
                factors.predict(task.user, support, &items, &mut predictions[1]).unwrap();
                knn.predict(&baselines, support, &items, &mut predictions[2]);
                for (which, predictions) in predictions.iter_mut().enumerate() {
                    predictions.iter_mut().for_each(|p| *p = baselines.clip(*p));
                    let error = mean_absolute_error(predictions, &ratings);
                    errors[place][which] += error / draws as f64;
                    gains[place][which] +=
                        ndcg(predictions, &baselines.gains(&ratings), 3).unwrap() / draws as f64;
                }
            }
        }
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        for (which, predictor) in
            [Predictor::Melu, Predictor::Factors, Predictor::ItemKnn].into_iter().enumerate()
        {
            let row = row(&evaluation, place, predictor, given);
            let own: Vec<f64> = errors.iter().map(|errors| errors[which]).collect();
            near(row.mae, mean_and_error(&own).0);
            let more: Vec<f64> = errors.iter().map(|errors| errors[which] - errors[0]).collect();
            near(row.mae_difference, mean_and_error(&more).0);
            near(row.mae_difference_se, mean_and_error(&more).1);
            let gain: Vec<f64> = gains.iter().map(|gains| gains[which]).collect();
            near(row.ndcg3, mean_and_error(&gain).0);
            let more: Vec<f64> = gains.iter().map(|gains| gains[which] - gains[0]).collect();
            near(row.ndcg3_difference, mean_and_error(&more).0);
            near(row.ndcg3_difference_se, mean_and_error(&more).1);
        }
        let coverage = &evaluation.scenarios[place].coverage;
        let found = coverage.iter().find(|c| c.given == given && c.level == 0.8).unwrap().found;
        near(found, within as f64 / queries as f64);
    }
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let dataset = small_world();
    let model = train(&dataset, &options());
    let one = json(&measure(&model, &dataset, 2, 1));
    assert_eq!(one, json(&measure(&model, &dataset, 2, 3)));
}

#[test]
fn json_has_the_keys_that_programs_read() {
    let dataset = small_world();
    let model = train(&dataset, &options());
    let evaluation = measure(&model, &dataset, 2, 0);
    let json: serde_json::Value = serde_json::from_str(&json(&evaluation)).unwrap();
    assert!(json["inside"].is_null());
    let scenarios = json["scenarios"].as_array().unwrap();
    let names: Vec<&str> = scenarios.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, Scenario::ALL.map(Scenario::name));
    assert_eq!(scenarios[0]["draws"], 1);
    assert_eq!(scenarios[1]["draws"], 2);
    let rows = scenarios[1]["rows"].as_array().unwrap();
    let predictors: HashSet<&str> =
        rows.iter().map(|row| row["predictor"].as_str().unwrap()).collect();
    let expected = [
        "melu",
        "melu_median",
        "melu_unadapted",
        "factors",
        "item_knn",
        "item_mean_user_bias",
        "user_mean",
        "global_mean",
        "global_median",
    ];
    assert_eq!(predictors, HashSet::from(expected));
    for row in rows {
        assert!(row["given"] == "all" || row["given"].is_u64());
        for key in [
            "mae",
            "mae_sd",
            "mae_difference",
            "mae_difference_se",
            "rmse",
            "clipped",
            "ndcg1",
            "ndcg3",
            "ndcg3_difference",
            "ndcg3_difference_se",
            "ndcg5",
        ] {
            assert!(row[key].is_number(), "{key}: {row}");
        }
    }
    let coverage = scenarios[1]["coverage"].as_array().unwrap();
    assert_eq!(coverage.len(), 7 * 9);
    assert!(coverage.iter().all(|c| c["level"].is_number() && c["found"].is_number()));
}

/// As a service, which goes on after the refusal.
#[test]
fn known_ratings_beyond_the_scale_are_no_answers() {
    let mut dataset = small_world();
    let model = train(&dataset, &options());
    let new = dataset.new_users.iter().position(|new| *new).unwrap();
    let ratings = dataset.ratings.iter_mut().filter(|rating| rating.user as usize == new);
    ratings.for_each(|rating| rating.value = 50.0);
    let evaluation = measure(&model, &dataset, 1, 1);
    let rankings = RankingOptions { draws: 1, ..RankingOptions::default() };
    let lists = evaluate_rankings(&model, &dataset, &rankings, |_, _, _| ControlFlow::Continue(()))
        .unwrap();
    assert!(!lists.rankings.is_empty());
    // Their query set is beyond it, too, and predictions are not.
    let errors = row(&evaluation, 1, Predictor::Melu, Given::All);
    assert!(errors.mae > 1.0 && errors.mae.is_finite());
}

#[test]
fn models_are_measured_where_they_were_trained() {
    let whole = small_world();
    let inside = whole.inside(0);
    let refused = |model: &Model, dataset: &Dataset, problem: &str| {
        let error =
            evaluate(model, dataset, &EvalOptions::default(), |_, _| ControlFlow::Continue(()))
                .unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    };
    let model = train(&inside, &options());
    assert_eq!(measure(&model, &inside, 1, 0).inside, Some(0));
    refused(&model, &whole, "inside");
    refused(&model, &whole.inside(1), "another split");
    refused(&train(&whole, &options()), &inside, "whole training part");
    // Of weights that say nothing, nothing is known.
    let mut contents = model.contents().clone();
    contents.training = None;
    measure(&Model::from_contents(contents).unwrap(), &whole, 1, 0);
}

#[test]
fn a_weight_file_tells_its_training() {
    let dataset = small_world();
    let record = TrainingRecord::of(&train(&dataset, &options())).unwrap();
    assert_eq!(record.history.len(), 2);
    assert_eq!(record.inside, None);
    let best = record.history[record.epoch as usize - 1].validation_mae;
    assert_eq!(best, record.validation_mae);
    let errors: Vec<f32> = record.history.iter().filter_map(|epoch| epoch.validation_mae).collect();
    let as_good = |end: usize| errors[..end].iter().all(|error| errors[end] <= 1.002 * error);
    assert_eq!((0..errors.len()).rfind(|epoch| as_good(*epoch)), Some(record.epoch as usize - 1));
    assert_eq!(record.options["factors"], 4);
}

#[test]
fn clicks_and_gradient_steps_have_no_coverage() {
    let mut dataset = small_world();
    let steps = TrainOptions { solver: Solver::Gradient, ..options() };
    let evaluation = measure(&train(&dataset, &steps), &dataset, 1, 0);
    assert!(evaluation.scenarios.iter().all(|result| result.coverage.is_empty()));

    for rating in &mut dataset.ratings {
        rating.value = f32::from(u8::from(rating.value >= 3.5));
    }
    let model = train(&dataset, &options());
    let evaluation = measure(&model, &dataset, 1, 0);
    for result in &evaluation.scenarios {
        assert!(result.coverage.is_empty());
        assert!(result.rows.iter().all(|row| (0.0..=1.0).contains(&row.mae)));
        assert!(result.rows.iter().all(|row| row.log_loss.is_some_and(|loss| loss > 0.0)));
        // Whoever knows nothing of items orders them at random.
        for row in result.of(Predictor::GlobalMean) {
            assert_eq!(row.auc, Some(0.5));
        }
    }
    let area = |predictor| row(&evaluation, 1, predictor, Given::All).auc.unwrap();
    assert!(area(Predictor::Factors) > 0.6 && area(Predictor::Melu) > 0.5);
    let global = row(&evaluation, 1, Predictor::GlobalMean, Given::All).mae;
    for predictor in [Predictor::Factors, Predictor::ItemKnn] {
        let mae = row(&evaluation, 1, predictor, Given::All).mae;
        assert!(mae < global, "{predictor:?}: {mae} {global}");
    }
    well_formed(&page(&model, &dataset, &evaluation, Vec::new()));
}

#[test]
fn gains_are_a_share_on_a_scale_below_zero() {
    let mut dataset = small_world();
    for rating in &mut dataset.ratings {
        rating.value = 4.0 * rating.value - 12.0;
    }
    let evaluation = measure(&train(&dataset, &options()), &dataset, 1, 0);
    let rows = evaluation.scenarios.iter().flat_map(|result| &result.rows);
    for row in rows {
        for value in [row.ndcg1, row.ndcg3, row.ndcg5] {
            assert!((0.0..=1.0).contains(&value), "{row:?}");
        }
        assert!(row.auc.is_none() && row.log_loss.is_none());
    }
    // The same order has the same worth wherever the scale lies.
    let baselines = Baselines::new(&dataset);
    assert_eq!(baselines.gains(&[-10.0, 8.0, -20.0]), [0.0, 18.0, 0.0]);
    assert_eq!(Baselines::new(&small_world()).gains(&[0.5, 4.0]), [0.5, 4.0]);
}

#[test]
fn the_median_is_the_constant_with_the_least_absolute_error() {
    let dataset = small_world();
    let baselines = Baselines::new(&dataset);
    let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let ratings: Vec<f32> =
        groups.iter().flat_map(|group| &*group.ratings).map(|rated| rated.value).collect();
    let error = |constant: f32| mean_absolute_error(&vec![constant; ratings.len()], &ratings);
    let least = error(baselines.global_median());
    for half_stars in 1..=10 {
        assert!(least <= error(half_stars as f32 / 2.0));
    }
    assert!(least <= error(baselines.global_mean()));
}

/// A row of exported predictions, by column.
type Row = HashMap<String, String>;

/// MAE, nDCG@3 and the share at the ends of a scale that is 4.5 wide, of one predictor in one
/// scenario, with all ratings given, from the table alone.
fn recomputed(rows: &[Row], scenario: &str, predictor: &str, lowest: f64) -> [f64; 3] {
    let mut tasks: HashMap<(String, String), Vec<(f64, f64)>> = HashMap::new();
    for row in rows {
        if row["scenario"] == scenario && row["part"] == "query" && row["given"] == "all" {
            let task = tasks.entry((row["draw"].clone(), row["user"].clone())).or_default();
            task.push((row[predictor].parse().unwrap(), row["rating"].parse().unwrap()));
        }
    }
    let count = tasks.len() as f64;
    let [mut mae, mut ndcg, mut at_ends] = [0.0; 3];
    for mut task in tasks.into_values() {
        let is_end = |p: f64| p == lowest || p == lowest + 4.5;
        let ends = task.iter().filter(|(p, _)| is_end(*p)).count();
        at_ends += ends as f64 / task.len() as f64 / count;
        mae += task.iter().map(|(p, r)| (p - r).abs()).sum::<f64>() / task.len() as f64 / count;
        let worth = |task: &[(f64, f64)]| -> f64 {
            let places = task.iter().take(3).zip(2..);
            places.map(|((_, r), place)| (r - lowest) / f64::from(place).log2()).sum()
        };
        task.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = worth(&task);
        task.sort_by(|a, b| b.1.total_cmp(&a.1));
        ndcg += found / worth(&task) / count;
    }
    [mae, ndcg, at_ends]
}

#[test]
fn figures_can_be_computed_from_the_predictions() {
    let mut dataset = small_world();
    for rating in &mut dataset.ratings {
        rating.value -= 4.0;
    }
    let lowest = -3.5;
    let model = train(&dataset, &options());
    let options = EvalOptions { draws: 2, seed: 3, ..Default::default() };
    let mut table = Vec::new();
    let mut writer = PredictionsWriter::new(&mut table, &dataset).unwrap();
    let evaluation = evaluate_and_record(
        &model,
        &dataset,
        &options,
        |_, _| ControlFlow::Continue(()),
        |task| writer.write(task),
    )
    .unwrap();
    writer.finish().unwrap();
    assert_eq!(json(&evaluation), json(&measure(&model, &dataset, 2, 1)));

    let mut reader = csv::Reader::from_reader(&table[..]);
    let rows: Vec<Row> = reader.deserialize().map(Result::unwrap).collect();
    for scenario in &evaluation.scenarios {
        // Predictions of these hardly ever tie.
        for predictor in [Predictor::Melu, Predictor::Factors] {
            let name = scenario.scenario.name();
            let [mae, ndcg, clipped] = recomputed(&rows, name, predictor.key(), lowest);
            let row = scenario.of(predictor).find(|row| row.given == Given::All).unwrap();
            assert!((mae - row.mae).abs() < 1e-6, "{name}: {mae} {}", row.mae);
            assert!((ndcg - row.ndcg3).abs() < 1e-6, "{name}: {ndcg} {}", row.ndcg3);
            assert!((clipped - row.clipped).abs() < 1e-6, "{name}: {clipped} {}", row.clipped);
        }
    }
    // Each known rating once, with its place, and no prediction.
    let known: Vec<&Row> = rows.iter().filter(|row| row["part"] == "known").collect();
    assert!(known.iter().all(|row| row["given"].is_empty() && row["melu"].is_empty()));
    let user = &known[0]["user"];
    let same = known.iter().filter(|row| {
        &row["user"] == user && row["draw"] == "0" && row["scenario"] == known[0]["scenario"]
    });
    let places: Vec<usize> = same.map(|row| row["place"].parse().unwrap()).collect();
    assert_eq!(places, (1..=places.len()).collect::<Vec<_>>());
}

fn page(
    model: &Model,
    dataset: &Dataset,
    evaluation: &Evaluation,
    sections: Vec<Section>,
) -> String {
    let options = &EvalOptions { draws: 2, seed: 3, ..Default::default() };
    Report { model, dataset, options, evaluation, rankings: None, sections }.html().unwrap()
}

/// Each element is closed in its turn, and each attribute quoted.
fn well_formed(page: &str) {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    let mut open: Vec<&str> = Vec::new();
    while let Some(begin) = rest.find('<') {
        assert!(!rest[..begin].contains('>'), "{}", &rest[..begin]);
        let end = begin + rest[begin..].find('>').unwrap();
        let tag = &rest[begin + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split_ascii_whitespace().next().unwrap();
        if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
        if name == "style" {
            rest = &rest[rest.find("</style>").unwrap()..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_report_is_one_page_that_needs_no_other() {
    let mut dataset = small_world();
    dataset.name = "<b> & \"quotes\"".into();
    let model = train(&dataset, &options());
    let evaluation = measure(&model, &dataset, 2, 0);
    let section = Section { title: "Evidence & more".into(), body: "<p>Asked.</p>\n".into() };
    let page = page(&model, &dataset, &evaluation, vec![section]);
    well_formed(&page);
    assert!(page.contains("&lt;b&gt; &amp; &quot;quotes&quot;") && !page.contains("<b>"));
    assert!(page.contains("<h2>Evidence &amp; more</h2>\n<p>Asked.</p>"));
    assert!(evaluation.scenarios.iter().all(|result| result.users > 1));
    for scenario in Scenario::ALL {
        assert!(page.contains(&format!("<h3>{}</h3>", scenario.title())), "{scenario:?}");
    }
    for predictor in Predictor::ALL {
        assert!(page.contains(predictor.name()), "{predictor:?}");
    }
    // The first thing on the page is what it says.
    let verdict = page.find("<h2>Verdict</h2>").unwrap();
    assert!(page.find("<h2>").unwrap() == verdict && verdict < page.find("<svg").unwrap());
    assert!(page.contains("Predicted ratings, for ") && page.contains("instead of"));
    for heading in ["Calibration", "Training", "Figures", "Settings", "How it was measured"] {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    // Three of each scenario, two of the calibration, two of the training.
    assert_eq!(page.matches("<svg").count(), 16);
    assert!(!page.contains("NaN") && !page.contains("inf\""));
    // The only addresses are the names of SVG's own vocabulary.
    let addresses = page.matches("http").count();
    assert_eq!(addresses, page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    for outside in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn scenarios_without_users_are_named_in_a_report() {
    let dataset = world(0.0);
    let model = train(&dataset, &options());
    let evaluation = measure(&model, &dataset, 1, 0);
    assert_eq!(evaluation.scenarios[2].users, 0);
    let page = page(&model, &dataset, &evaluation, Vec::new());
    well_formed(&page);
    for scenario in Scenario::ALL {
        assert!(page.contains(scenario.title()), "{scenario:?}");
    }
    assert!(!page.contains("NaN"));
}
