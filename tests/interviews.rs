//! What questions are worth, by a plain simulation.

#![cfg(feature = "train")]

use std::ops::ControlFlow;

use melu::data::{Dataset, Scenario, SynthOptions, Task, World as SynthWorld, tasks};
use melu::eval::{
    EvidenceEvaluation, EvidenceOptions, Interviewer, QUESTIONS, World, evaluate_evidence,
};
use melu::schema::Column;
use melu::train::{TrainOptions, Trainer};
use melu::{Asking, Model, Questions, User, greedy_evidence};

fn world() -> (Dataset, Model) {
    let options = SynthOptions {
        users: 100,
        items: 80,
        ratings_per_user: 36,
        new_users: 0.3,
        ..Default::default()
    };
    let dataset = SynthWorld::generate(&options).unwrap().dataset().unwrap();
    let options = TrainOptions {
        embedding_dim: 3,
        factors: 4,
        body: vec![8],
        epochs: 2,
        ..TrainOptions::default()
    };
    let mut trainer = Trainer::new(&dataset, &options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    let model = Model::from_contents(trainer.finish().unwrap()).unwrap();
    (dataset, model)
}

fn measure(model: &Model, dataset: &Dataset, draws: usize, threads: usize) -> EvidenceEvaluation {
    let options = EvidenceOptions { draws, seed: 3, threads };
    evaluate_evidence(model, dataset, &options, |_, _| ()).unwrap()
}

/// One user's answers and error after so many of the questions that `next`
/// chooses, from those answered and those passed on.
fn interview(
    user: &mut User,
    task: &Task,
    range: (f32, f32),
    count: usize,
    mut next: impl FnMut(&mut User, &[u32]) -> Option<u32>,
) -> (f64, f64) {
    let (mut items, mut ratings, mut passed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let Some(item) = next(user, &[&items[..], &passed].concat()) else { break };
        match task.support.iter().find(|rated| rated.item == item) {
            Some(rated) => {
                items.push(item);
                ratings.push(rated.value);
            }
            None => passed.push(item),
        }
        user.adapt(&items, &ratings).unwrap();
    }
    let query: Vec<u32> = task.query.iter().map(|rated| rated.item).collect();
    let mut scores = vec![0.0; query.len()];
    user.predict(&query, &mut scores).unwrap();
    let errors = scores.iter().zip(&task.query);
    let errors = errors.map(|(s, r)| f64::from((s.clamp(range.0, range.1) - r.value).abs()));
    (items.len() as f64, errors.sum::<f64>() / query.len() as f64)
}

#[test]
fn figures_agree_with_a_plain_simulation() {
    let (dataset, model) = world();
    let draws = 2;
    let found = measure(&model, &dataset, draws, 0);
    let catalog = model.catalog().unwrap().unwrap();
    let training = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let values = || training.iter().flat_map(|user| &user.ratings).map(|rated| rated.value);
    let range = (values().fold(9.0, f32::min), values().fold(0.0, f32::max));
    let mut popular: Vec<(usize, u32)> = (0..dataset.items.len() as u32)
        .map(|item| {
            let rated = training.iter().flat_map(|user| &user.ratings);
            (rated.filter(|rated| rated.item == item).count(), item)
        })
        .filter(|(raters, _)| *raters > 0)
        .collect();
    popular.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let popular: Vec<u32> = popular.into_iter().map(|(_, item)| item).collect();
    let greedy: Vec<u32> =
        greedy_evidence(&catalog, 500).unwrap().iter().map(|question| question.item).collect();
    let paper = model.contents().evidence.as_ref().unwrap().items.to_vec();

    let fields = &model.config().user_fields;
    let vocabularies = &model.contents().user_vocabularies;
    let columns: Vec<Column> =
        dataset.users.encode(melu::schema::Entity::User, fields, vocabularies).unwrap().columns;
    let own = |item: &u32| catalog.find(dataset.items.ids().get(*item as usize).unwrap()).unwrap();
    assert!((0..dataset.items.len() as u32).all(|item| own(&item) == item), "ids in one order");

    let groups = dataset.scenario(Scenario::NewUsers);
    for (world, result) in World::ALL.into_iter().zip(&found.worlds) {
        assert_eq!((result.world, result.draws), (world, draws));
        let rows =
            |interviewer| result.rows.iter().filter(move |row| row.interviewer == interviewer);
        for (which, list) in [
            (Interviewer::Popular, Some(&popular)),
            (Interviewer::Paper, Some(&paper)),
            (Interviewer::Greedy, Some(&greedy)),
            (Interviewer::Adaptive, None),
        ] {
            for (row, base) in rows(which).zip(rows(Interviewer::Popular)) {
                if row.questions > 20 {
                    continue;
                }
                let (mut answers, mut errors) = (0.0, 0.0);
                let mut users = 0;
                for draw in 0..draws as u64 {
                    let tasks = tasks(&groups, &dataset.rules, 3, draw);
                    users = tasks.len();
                    for task in &tasks {
                        let mut user =
                            User::from_columns(&catalog, &columns, task.user as usize).unwrap();
                        let known: Vec<u32> = task.support.iter().map(|r| r.item).collect();
                        let query: Vec<u32> = task.query.iter().map(|r| r.item).collect();
                        let may = |item: &u32| match world {
                            World::KnowWhatTheyRated => !query.contains(item),
                            World::KnowAllAsked => known.contains(item),
                        };
                        let mut room = Questions::new(&catalog).unwrap();
                        let (n, error) =
                            interview(&mut user, task, range, row.questions, |user, asked| {
                                let mut left =
                                    (0..catalog.len() as u32).filter(|item| !asked.contains(item));
                                if let Some(list) = list {
                                    let mut list = list.iter().copied();
                                    return list.find(|item| !asked.contains(item) && may(item));
                                }
                                let passed: Vec<u32> = asked
                                    .iter()
                                    .copied()
                                    .filter(|item| !user.rated().contains(item))
                                    .collect();
                                let leave_out: Vec<u32> =
                                    left.by_ref().filter(|i| !may(i)).collect();
                                let known = (world == World::KnowAllAsked).then_some(&known[..]);
                                let asking =
                                    Asking { unknown: &passed, leave_out: &leave_out, known };
                                let next = user.next_question(&mut room, asking).unwrap();
                                next.map(|question| question.item)
                            });
                        answers += n;
                        errors += error;
                    }
                }
                let count = (draws * users) as f64;
                assert_eq!(result.users, users);
                assert!((row.answers - answers / count).abs() < 1e-9, "{row:?}");
                assert!((row.mae - errors / count).abs() < 1e-6, "{row:?} {}", errors / count);
                assert!((row.mae_difference - (row.mae - base.mae)).abs() < 1e-9);
                assert_eq!(row.mae_difference_se > 0.0, row.mae_difference != 0.0);
            }
        }
        let random: Vec<_> = rows(Interviewer::Random).collect();
        assert_eq!(random.len(), QUESTIONS.len());
        assert!(random.windows(2).all(|pair| pair[0].answers <= pair[1].answers));
    }
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let (dataset, model) = world();
    let json = |threads| serde_json::to_string(&measure(&model, &dataset, 1, threads)).unwrap();
    assert_eq!(json(1), json(3));
    let options = EvidenceOptions { draws: 0, ..Default::default() };
    assert!(evaluate_evidence(&model, &dataset, &options, |_, _| ()).is_err());
}
