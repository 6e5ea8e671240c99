//! Lists from the whole catalogue: against the definitions, and what is said of them.

#![cfg(feature = "train")]

use std::collections::HashSet;
use std::ops::ControlFlow;

use melu::data::{Dataset, Feedback, Scenario, SynthOptions, Task, World, ranking_tasks};
use melu::eval::{
    Among, EvalOptions, EvidenceOptions, Given, Ranker, Ranking, RankingEvaluation, RankingOptions,
    Report, evaluate, evaluate_evidence, evaluate_rankings,
};
use melu::model::schema::Entity;
use melu::train::{TrainOptions, Trainer};
use melu::{Error, Model, Result, Scratch, User};

fn world() -> Dataset {
    let options = SynthOptions {
        users: 160,
        items: 120,
        ratings_per_user: 40,
        new_users: 0.3,
        new_items: 0.2,
        ..Default::default()
    };
    World::generate(&options).unwrap().dataset().unwrap()
}

fn train(dataset: &Dataset) -> Model {
    let options = TrainOptions {
        embedding_dim: 3,
        factors: 4,
        body: vec![8],
        epochs: 2,
        ..TrainOptions::default()
    };
    let mut trainer = Trainer::new(dataset, &options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    Model::from_contents(trainer.finish().unwrap()).unwrap()
}

fn measure(model: &Model, dataset: &Dataset, threads: usize) -> RankingEvaluation {
    let options = RankingOptions { draws: 2, seed: 3, threads };
    evaluate_rankings(model, dataset, &options, |_, _, _| ControlFlow::Continue(())).unwrap()
}

fn table(evaluation: &RankingEvaluation, scenario: Scenario, among: Among) -> &Ranking {
    let mut rankings = evaluation.rankings.iter();
    rankings.find(|found| found.scenario == scenario && found.among == among).unwrap()
}

/// How many training users chose each item.
fn counts(dataset: &Dataset) -> (Vec<usize>, usize) {
    let training = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let mut counts = vec![0; dataset.items.len()];
    training.iter().flat_map(|user| &*user.ratings).for_each(|r| counts[r.item as usize] += 1);
    (counts, training.len())
}

/// Of a sorted list, whether each rank's item is relevant.
fn gain(relevant: impl Iterator<Item = bool>) -> f64 {
    (1..=20)
        .zip(relevant)
        .filter(|(_, is)| *is)
        .map(|(rank, _)| 1.0 / f64::from(1 + rank).log2())
        .sum()
}

#[test]
fn figures_agree_with_the_definitions() {
    let dataset = world();
    let model = train(&dataset);
    let found = measure(&model, &dataset, 0);
    let catalog = model.catalog().unwrap().unwrap();
    let own: Vec<u32> = (0..dataset.items.len())
        .map(|item| catalog.find(dataset.items.ids().get(item).unwrap()).unwrap())
        .collect();
    let contents = model.contents();
    let users = dataset.users.encode(
        Entity::User,
        &contents.config.user_fields,
        &contents.user_vocabularies,
    );
    let columns = users.unwrap().columns;
    let (counts, training) = counts(&dataset);
    let is_known = |item: u32| counts[item as usize] > 0;
    let is_new = |item: u32| dataset.new_items[item as usize];

    let known = dataset.scenario(Scenario::NewUsers);
    let new = dataset.scenario(Scenario::NewUsersNewItems);
    for (scenario, among) in [
        (Scenario::NewUsers, Among::Known),
        (Scenario::NewUsersNewItems, Among::New),
        (Scenario::NewUsersNewItems, Among::All),
    ] {
        let ranking = table(&found, scenario, among);
        let candidates: Vec<u32> = (0..dataset.items.len() as u32)
            .filter(|&item| match among {
                Among::Known => is_known(item),
                Among::New => is_new(item),
                Among::All => is_known(item) || is_new(item),
            })
            .collect();
        assert_eq!(ranking.candidates, candidates.len());
        for (given, size) in [(Given::First(0), 0), (Given::First(5), 5), (Given::All, 1000)] {
            // For each user, over draws: how many, nDCG, recall, hits, reciprocal ranks.
            let mut sums = vec![[0.0; 5]; dataset.users.len()];
            let (mut covered, mut popularity, mut of_new, mut places) = (0, 0.0, 0, 0);
            for draw in 0..2 {
                let mut listed = HashSet::new();
                for Task { user: row, support, query } in ranking_tasks(&known, 3, draw) {
                    let of_user = new.iter().find(|group| group.user == row);
                    let new = of_user.map(|group| &group.ratings[..]).unwrap_or_default();
                    let relevant: Vec<u32> = query
                        .iter()
                        .chain(new)
                        .filter(|r| dataset.feedback.is_liked(r.value))
                        .map(|r| r.item)
                        .filter(|item| candidates.contains(item))
                        .collect();
                    let has_new = relevant.iter().any(|item| is_new(*item));
                    if relevant.is_empty() || (among == Among::All && !has_new) {
                        continue;
                    }
                    let support = &support[..size.min(support.len())];
                    let (items, ratings): (Vec<u32>, Vec<f32>) =
                        support.iter().map(|r| (own[r.item as usize], r.value)).unzip();
                    let mut user = User::from_columns(&catalog, &columns, row as usize).unwrap();
                    user.adapt(&items, &ratings, &mut Scratch::new(user.catalog()).unwrap())
                        .unwrap();
                    let mut scores = vec![0.0; catalog.len()];
                    user.score_all(&mut scores, &mut Scratch::new(user.catalog()).unwrap())
                        .unwrap();
                    let mut order: Vec<u32> = candidates
                        .iter()
                        .copied()
                        .filter(|item| support.iter().all(|r| r.item != *item))
                        .collect();
                    let score = |item: &u32| scores[own[*item as usize] as usize];
                    order.sort_by(|a, b| score(b).total_cmp(&score(a)));
                    let is_relevant: Vec<bool> =
                        order.iter().map(|item| relevant.contains(item)).collect();
                    let ideal = gain(relevant.iter().map(|_| true));
                    let within = |k: usize| is_relevant.iter().take(k).filter(|is| **is).count();
                    let first = is_relevant.iter().position(|is| *is).unwrap();
                    let figures = [
                        1.0,
                        gain(is_relevant.iter().copied()) / ideal,
                        within(20) as f64 / relevant.len() as f64,
                        f64::from(u8::from(within(10) > 0)),
                        1.0 / (first + 1) as f64,
                    ];
                    let sums = &mut sums[row as usize];
                    sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
                    for &item in order.iter().take(20) {
                        listed.insert(item);
                        popularity += counts[item as usize] as f64 / training as f64;
                        of_new += usize::from(is_new(item));
                        places += 1;
                    }
                }
                covered += listed.len();
            }
            sums.retain(|sums| sums[0] > 0.0);
            assert_eq!(ranking.users, sums.len());
            assert!(ranking.users > 20);
            let mean = |which: usize| {
                sums.iter().map(|sums| sums[which] / sums[0]).sum::<f64>() / sums.len() as f64
            };
            let row = ranking.of(Ranker::Melu).find(|row| row.given == given).unwrap();
            for (figure, expected) in [
                (row.ndcg20, mean(1)),
                (row.recall20, mean(2)),
                (row.hit10, mean(3)),
                (row.mrr, mean(4)),
                (row.coverage, covered as f64 / (2 * candidates.len()) as f64),
                (row.popularity, popularity / places as f64),
                (row.new_items, of_new as f64 / places as f64),
            ] {
                assert!((figure - expected).abs() < 1e-9, "{among:?} {given}: {row:?} {expected}");
            }
        }
    }
}

#[test]
fn existing_users_are_asked_about_new_items_alone() {
    let dataset = world();
    let found = measure(&train(&dataset), &dataset, 0);
    let new = dataset.scenario(Scenario::NewItems);
    let known = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let asked = known.iter().filter(|user| {
        let of_user = new.iter().filter(|group| group.user == user.user);
        let mut liked = of_user.flat_map(|group| &*group.ratings).map(|rated| rated.value);
        user.ratings.len() >= 20 && liked.any(|value| dataset.feedback.is_liked(value))
    });
    let asked = asked.count();
    assert!(asked > 50);
    for among in [Among::New, Among::All] {
        assert_eq!(table(&found, Scenario::NewItems, among).users, asked);
    }
    // Who knows nothing of new items finds none.
    let all = table(&found, Scenario::NewItems, Among::All);
    for ranker in [Ranker::Ease, Ranker::Ials, Ranker::ItemKnn, Ranker::Popular] {
        // With all answers given some have less than 20 known items left.
        for row in all.of(ranker).filter(|row| row.given != Given::All) {
            assert!(row.ndcg20 == 0.0 && row.new_items == 0.0, "{row:?}");
        }
    }
    let alone = table(&found, Scenario::NewItems, Among::New);
    assert_eq!(alone.rankers(), [Ranker::Melu, Ranker::Content]);
    assert!(alone.rows.iter().all(|row| row.new_items == 1.0 && row.popularity == 0.0));
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let dataset = world();
    let model = train(&dataset);
    let json = |threads| serde_json::to_string(&measure(&model, &dataset, threads)).unwrap();
    assert_eq!(json(1), json(3));
}

#[test]
fn lists_are_better_than_random_ones() {
    let dataset = world();
    let found = measure(&train(&dataset), &dataset, 0);
    let ranking = table(&found, Scenario::NewUsers, Among::Known);
    let known = dataset.scenario(Scenario::NewUsers);
    // What a random order gains: each place is relevant with the same probability.
    let (mut random, mut users) = (0.0, 0.0);
    for task in ranking_tasks(&known, 3, 0) {
        let liked = task.query.iter().filter(|r| dataset.feedback.is_liked(r.value)).count();
        if liked > 0 {
            let share = liked as f64 / (ranking.candidates - task.support.len()) as f64;
            random += share * gain((0..20).map(|_| true)) / gain((0..liked).map(|_| true));
            users += 1.0;
        }
    }
    for ranker in ranking.rankers() {
        let all = ranking.of(ranker).find(|row| row.given == Given::All).unwrap();
        assert!(all.ndcg20 > 1.3 * random / users, "{ranker:?} {} {}", all.ndcg20, random / users);
    }
    for ranker in [Ranker::Ease, Ranker::Ials, Ranker::ItemKnn] {
        let rows: Vec<f64> = ranking.of(ranker).map(|row| row.ndcg20).collect();
        assert!(rows[6] > rows[0], "{ranker:?} learns nothing from answers: {rows:?}");
    }
}

#[test]
fn json_has_the_keys_that_programs_read() {
    let dataset = world();
    let found = serde_json::to_value(measure(&train(&dataset), &dataset, 0)).unwrap();
    let rankings = found["rankings"].as_array().unwrap();
    let names: Vec<(&str, &str)> = rankings
        .iter()
        .map(|ranking| (ranking["name"].as_str().unwrap(), ranking["among"].as_str().unwrap()))
        .collect();
    let expected = [
        ("new_users", "known"),
        ("new_items", "new"),
        ("new_items", "all"),
        ("new_users_new_items", "new"),
        ("new_users_new_items", "all"),
    ];
    assert_eq!(names, expected);
    for ranking in rankings {
        for key in ["users", "draws", "candidates"] {
            assert!(ranking[key].is_u64(), "{key}");
        }
        for row in ranking["rows"].as_array().unwrap() {
            assert!(row["given"] == "all" || row["given"].is_u64());
            for key in [
                "ndcg20",
                "ndcg20_difference",
                "ndcg20_difference_se",
                "recall20",
                "hit10",
                "mrr",
                "coverage",
                "popularity",
                "new_items",
            ] {
                assert!(row[key].is_number(), "{key}: {row}");
            }
        }
    }
    let rows = rankings[0]["rows"].as_array().unwrap();
    let predictors: HashSet<&str> =
        rows.iter().map(|row| row["predictor"].as_str().unwrap()).collect();
    assert_eq!(
        predictors,
        HashSet::from(["melu", "ease", "ials", "item_knn", "content", "popular"])
    );
    let baselines = found["baselines"].as_array().unwrap();
    assert_eq!(baselines.len(), 5);
    assert!(baselines.iter().all(|b| b["predictor"].is_string() && b["settings"].is_string()));
}

#[test]
fn positive_only_data_have_lists_alone() {
    let mut dataset = world();
    dataset.ratings.iter_mut().for_each(|rating| rating.value = 1.0);
    dataset.feedback = Feedback::PositiveOnly;
    let model = train(&dataset);
    let options = EvalOptions::default();
    let evaluation =
        evaluate(&model, &dataset, &options, |_, _| ControlFlow::Continue(())).unwrap();
    assert!(evaluation.scenarios.is_empty());
    let rankings = measure(&model, &dataset, 0);
    let ranking = table(&rankings, Scenario::NewUsers, Among::Known);
    let users = ranking_tasks(&dataset.scenario(Scenario::NewUsers), 3, 0).len();
    assert_eq!(ranking.users, users);
    let report = Report {
        model: &model,
        dataset: &dataset,
        options: &options,
        evaluation: &evaluation,
        rankings: Some(&rankings),
        sections: Vec::new(),
    };
    let page = report.html().unwrap();
    assert!(page.contains("<h2>Lists</h2>") && !page.contains("Error by number of"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let dataset = world();
    let model = train(&dataset);
    let refused = |dataset: &Dataset, draws, problem: &str| {
        let options = RankingOptions { draws, ..Default::default() };
        let error =
            evaluate_rankings(&model, dataset, &options, |_, _, _| ControlFlow::Continue(()))
                .unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    };
    refused(&dataset, 0, "draws");
    refused(&dataset.inside(0), 1, "whole training part");
}

#[test]
fn tables_without_users_are_named() {
    let mut dataset = world();
    dataset.new_items.fill(false);
    let model = train(&dataset);
    let rankings = measure(&model, &dataset, 0);
    for scenario in [Scenario::NewItems, Scenario::NewUsersNewItems] {
        for among in [Among::New, Among::All] {
            let ranking = table(&rankings, scenario, among);
            assert!(ranking.users == 0 && ranking.rows.is_empty());
        }
    }
    assert!(table(&rankings, Scenario::NewUsers, Among::Known).users > 0);
}

#[test]
fn evaluations_end_where_their_progress_breaks_off() {
    let dataset = &world();
    let model = &train(dataset);
    // Breaks off when it is called for the `stop`th time.
    let count = |stop: usize, calls: &mut usize| {
        *calls += 1;
        if *calls == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let lists = |stop: usize, calls: &mut usize| {
        let options = RankingOptions { draws: 1, seed: 0, threads: 1 };
        evaluate_rankings(model, dataset, &options, |_, _, _| count(stop, calls)).map(drop)
    };
    let ratings = |stop: usize, calls: &mut usize| {
        let options = EvalOptions { draws: 1, threads: 1, ..EvalOptions::default() };
        evaluate(model, dataset, &options, |_, _| count(stop, calls)).map(drop)
    };
    let questions = |stop: usize, calls: &mut usize| {
        let options = EvidenceOptions { draws: 2, seed: 0, threads: 1 };
        evaluate_evidence(model, dataset, &options, |_, _| count(stop, calls)).map(drop)
    };
    type Work<'a> = &'a dyn Fn(usize, &mut usize) -> Result<()>;
    for work in [&lists as Work, &ratings, &questions] {
        let mut all = 0;
        work(usize::MAX, &mut all).unwrap();
        assert!(all > 1);
        for stop in [1, all / 2, all] {
            let mut calls = 0;
            assert!(matches!(work(stop, &mut calls), Err(Error::Stopped)));
            assert_eq!(calls, stop);
        }
    }
}
