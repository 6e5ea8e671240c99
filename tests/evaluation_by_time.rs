//! Training and evaluation with a split by time.

#![cfg(feature = "train")]

use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;

use melu::Model;
use melu::data::{Dataset, Feedback, Scenario};
use melu::eval::{
    Among, EvalOptions, EvidenceOptions, RankingOptions, Report, evaluate, evaluate_and_record,
    evaluate_evidence, evaluate_rankings,
};
use melu::train::{TrainOptions, Trainer, TrainingRecord, rank_evidence};

/// The boundary: half of the users begin after it, and some items are first rated then.
const AFTER: usize = 1_600_050_000;

/// A log of tastes in two halves of the catalogue; `later` changes the values from the boundary
/// on. Without values if these are left out.
fn log(later: impl Fn(usize) -> usize) -> String {
    let mut log = String::from("u,i,v,t\n");
    for user in 0..60_usize {
        let begin = if user < 40 { 20_000 } else { 55_000 } + 13 * user;
        for place in 0..30_usize {
            let time = 1_600_000_000 + begin + 1400 * place;
            let item = (user * 7 + place * 17) % if time < AFTER { 45 } else { 55 };
            let value = 1 + (user % 2 * (item % 2) * 3 + user * item % 3) % 5;
            let value = if time < AFTER { value } else { later(value) };
            writeln!(log, "u{user},i{item:02},{value},{time}").unwrap();
        }
    }
    log
}

fn open(log: &str, split: &str, rated: bool) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log.csv"), log).unwrap();
    let (table, value) =
        if rated { ("ratings", "value = \"v\"\n") } else { ("interactions", "value = \"v\"\n") };
    let settings = format!(
        "name = \"x\"\n[{table}]\nfile = \"log.csv\"\nuser = \"u\"\nitem = \"i\"\ntime = \"t\"\n\
         {value}[split]\n{split}\n[tasks]\nmin_ratings = 6\nquery = 3\n"
    );
    fs::write(folder.path().join("dataset.toml"), settings).unwrap();
    Dataset::open(folder.path()).unwrap()
}

fn options() -> TrainOptions {
    TrainOptions { factors: 3, body: Vec::new(), epochs: 1, ..TrainOptions::default() }
}

/// The weight file's bytes.
fn train(dataset: &Dataset) -> Vec<u8> {
    let mut trainer = Trainer::new(dataset, &options(), 1).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    Model::from_contents(trainer.finish().unwrap()).unwrap().save(&path).unwrap();
    fs::read(path).unwrap()
}

fn split() -> String {
    format!("after = {AFTER}")
}

#[test]
fn a_model_does_not_depend_on_later_values() {
    for rated in [true, false] {
        let first = open(&log(|value| value), &split(), rated);
        let changed = log(|value| 6 - value);
        let second = open(&changed, &split(), rated);
        assert_ne!(log(|value| value), changed);
        let bytes = train(&first);
        assert_eq!(bytes, train(&second));
        // Extremes beyond the scale too.
        let third = open(&log(|value| 100 * value), &split(), rated);
        assert_eq!(bytes, train(&third));
        // The same change without a split shows.
        let whole = |log: &str| train(&open(log, "", rated));
        assert_ne!(whole(&log(|value| value)), whole(&changed));
        // What `melu evidence --data` ranks.
        if rated {
            let model = Model::from_bytes(bytes).unwrap();
            let catalog = model.catalog().unwrap().unwrap();
            assert_eq!(
                rank_evidence(&catalog, &first, 0, 1).unwrap(),
                rank_evidence(&catalog, &second, 0, 1).unwrap()
            );
        }
    }
}

#[test]
fn predictions_are_of_what_came_later() {
    let dataset = open(&log(|value| value), &split(), true);
    assert_eq!(dataset.feedback.noun(), "ratings");
    let model = Model::from_bytes(train(&dataset)).unwrap();
    assert_eq!(TrainingRecord::of(&model).unwrap().after, Some(AFTER as f64));
    let options = EvalOptions { draws: 4, seed: 5, ..Default::default() };
    let mut tasks = Vec::new();
    let evaluation = evaluate_and_record(
        &model,
        &dataset,
        &options,
        |_, _| ControlFlow::Continue(()),
        |task| {
            assert_eq!(task.draw, 0);
            tasks.push((task.scenario, task.task.clone()));
            Ok(())
        },
    );
    let evaluation = evaluation.unwrap();
    let mut expected = Vec::new();
    for (result, scenario) in evaluation.scenarios.iter().zip(Scenario::ALL) {
        assert_eq!((result.scenario, result.draws, result.seen_in_training), (scenario, 1, false));
        let of_scenario = dataset.tasks_by_time(scenario).unwrap();
        assert_eq!(result.users, of_scenario.len());
        assert_eq!(result.rows.is_empty(), result.users == 0);
        expected.extend(of_scenario.into_iter().map(|task| (scenario, task)));
    }
    assert_eq!(tasks, expected);
    let users: Vec<usize> = evaluation.scenarios.iter().map(|result| result.users).collect();
    assert!(users[0] >= 30 && users[1] == 20 && users[2] > 10, "{users:?}");
    // Another seed draws nothing else.
    let again = EvalOptions { seed: 6, ..options.clone() };
    let again = evaluate(&model, &dataset, &again, |_, _| ControlFlow::Continue(())).unwrap();
    let json = |evaluation| serde_json::to_string(evaluation).unwrap();
    assert_eq!(json(&again), json(&evaluation));

    let (model, dataset, evaluation, options) = (&model, &dataset, &evaluation, &options);
    let sections = Vec::new();
    let report = Report { model, dataset, options, evaluation, rankings: None, sections };
    let page = report.html().unwrap();
    assert!(page.contains("split at 2020-09-14T02:20:00Z"), "{page}");
    assert!(!page.contains("split at random") && !page.contains("training saw these"), "{page}");
}

#[test]
fn lists_should_find_what_came_later() {
    for rated in [true, false] {
        let dataset = open(&log(|value| value), &split(), rated);
        assert_eq!(dataset.feedback == Feedback::PositiveOnly, !rated);
        let model = Model::from_bytes(train(&dataset)).unwrap();
        let options = RankingOptions { draws: 3, seed: 1, threads: 1 };
        let found =
            evaluate_rankings(&model, &dataset, &options, |_, _, _| ControlFlow::Continue(()))
                .unwrap();
        let tables: Vec<_> =
            found.rankings.iter().map(|table| (table.scenario, table.among)).collect();
        let both = Scenario::NewUsersNewItems;
        assert_eq!(
            tables,
            [
                (Scenario::ExistingUsersExistingItems, Among::Known),
                (Scenario::NewUsers, Among::Known),
                (Scenario::NewItems, Among::New),
                (Scenario::NewItems, Among::All),
                (both, Among::New),
                (both, Among::All),
            ]
        );
        for table in &found.rankings {
            let new_users = [Scenario::NewUsers, both].contains(&table.scenario);
            let tasks = dataset.ranking_tasks_by_time(new_users).unwrap();
            let new = |item: u32| dataset.new_items[item as usize];
            let has_relevant = |task: &&melu::data::Task| {
                task.query.iter().any(|rated| {
                    dataset.feedback.is_liked(rated.value)
                        && new(rated.item) != (table.among == Among::Known)
                })
            };
            assert_eq!(table.users, tasks.iter().filter(has_relevant).count(), "{table:?}");
            assert_eq!(table.draws, 1);
        }
        assert!(found.rankings[0].users > 10 && found.rankings[1].users > 5);
        let options = EvidenceOptions { draws: 3, seed: 1, threads: 1 };
        let asked = evaluate_evidence(&model, &dataset, &options, |_, _| ControlFlow::Continue(()))
            .unwrap();
        let users = dataset.ranking_tasks_by_time(true).unwrap().len();
        assert!(asked.worlds.iter().all(|world| (world.users, world.draws) == (users, 1)));
    }
}

#[test]
fn a_model_that_saw_the_future_is_refused() {
    let log = log(|value| value);
    let measure = |model: &Model, dataset: &Dataset| {
        let options = EvalOptions { draws: 1, ..Default::default() };
        evaluate(model, dataset, &options, |_, _| ControlFlow::Continue(()))
            .map_err(|error| error.to_string())
    };
    let model = |split: &str| Model::from_bytes(train(&open(&log, split, true))).unwrap();
    let dataset = open(&log, &split(), true);
    let (whole, later) = (model(""), model(&format!("after = {}", AFTER + 5000)));
    let earlier = model(&format!("after = {}", AFTER - 5000));
    let refused = |model: &Model, dataset: &Dataset, expected: &str| {
        let error = measure(model, dataset).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    refused(&whole, &dataset, "it was trained on data without a split by time");
    refused(&later, &dataset, "split later than at 2020-09-14T02:20:00Z");
    refused(&earlier, &open(&log, "", true), "this data folder is not");
    refused(&model(&split()), &dataset.inside(0), "on the whole training part");
    // An old model is measured honestly.
    measure(&earlier, &dataset).unwrap();
}

#[test]
fn a_training_starts_from_no_model_that_saw_what_is_to_be_predicted() {
    let log = log(|value| value);
    let earlier = |split: &str| Model::from_bytes(train(&open(&log, split, true))).unwrap();
    let whole = earlier("");
    let [sooner, later] = [-5_000_i64, 5_000].map(|seconds| {
        let after = AFTER as i64 + seconds;
        earlier(&format!("after = {after}"))
    });
    let dataset = open(&log, &split(), true);
    let start = |model: &Model| {
        let options = TrainOptions { epochs: 1, ..TrainOptions::warm(model).unwrap() };
        Trainer::warm(&dataset, &options, 1, model).map(|_| ())
    };
    for model in [&whole, &later] {
        let error = start(model).unwrap_err().to_string();
        assert!(error.contains("after the time"), "{error}");
    }
    start(&sooner).unwrap();
    start(&earlier(&split())).unwrap();
}
