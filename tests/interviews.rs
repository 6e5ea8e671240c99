//! What questions are worth, by a plain simulation.

#![cfg(feature = "train")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use melu::data::{Dataset, Scenario, SynthOptions, Task, World as SynthWorld, ranking_tasks};
use melu::eval::{
    EvidenceEvaluation, EvidenceOptions, Interviewees, Interviewer, QUESTIONS, evaluate_evidence,
};
use melu::model::schema::Column;
use melu::train::{TrainOptions, Trainer};
use melu::{Model, QuestionOptions, Questions, Scratch, User, greedy_evidence};

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
    evaluate_evidence(model, dataset, &options, |_, _| ControlFlow::Continue(())).unwrap()
}

/// Who is asked, and what is measured by.
struct Asked<'a> {
    dataset: &'a Dataset,
    task: &'a Task,
    candidates: &'a [u32],
    range: (f32, f32),
}

/// One user's answers, the least and the most that nDCG@20 may be if there is anything to
/// find, and the error, after so many of the questions that `next` chooses, from those
/// answered and those passed on.
fn interview(
    user: &mut User,
    asked: &Asked,
    count: usize,
    mut next: impl FnMut(&mut User, &[u32]) -> Option<u32>,
) -> (f64, Option<[f64; 2]>, f64) {
    let &Asked { dataset, task, candidates, range } = asked;
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
        user.adapt(&items, &ratings, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    }
    let query: Vec<u32> = task.query.iter().map(|rated| rated.item).collect();
    let mut scores = vec![0.0; query.len()];
    user.predict(&query, &mut scores, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let errors = scores.iter().zip(&task.query);
    let errors = errors.map(|(s, r)| f64::from((s.clamp(range.0, range.1) - r.value).abs()));
    let error = errors.sum::<f64>() / query.len() as f64;

    let liked = task.query.iter().filter(|rated| dataset.feedback.is_liked(rated.value));
    let liked: Vec<u32> = liked.map(|r| r.item).filter(|item| candidates.contains(item)).collect();
    let list: Vec<u32> = candidates.iter().copied().filter(|item| !items.contains(item)).collect();
    let mut scores = vec![0.0; list.len()];
    user.score(&list, &mut scores, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    // Where scores are equal, what is to be found may come last or first.
    let found = [false, true].map(|first| {
        let mut order: Vec<(f32, bool)> =
            list.iter().zip(&scores).map(|(item, score)| (*score, liked.contains(item))).collect();
        order.sort_by(|a, b| {
            b.0.total_cmp(&a.0).then((a.1 == first).cmp(&(b.1 == first)).reverse())
        });
        let best = order.iter().take(20).enumerate().filter(|(_, found)| found.1);
        best.map(|(rank, _)| gain(rank)).sum::<f64>()
    });
    let most: f64 = (0..liked.len().min(20)).map(gain).sum();
    (items.len() as f64, (most > 0.0).then(|| found.map(|found| found / most)), error)
}

#[test]
fn figures_agree_with_a_plain_simulation() {
    let (dataset, model) = world();
    let draws = 2;
    let found = measure(&model, &dataset, draws, 0);
    let catalog = model.catalog().unwrap().unwrap();
    let training = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let values = || training.iter().flat_map(|user| &*user.ratings).map(|rated| rated.value);
    let range = (values().fold(9.0, f32::min), values().fold(0.0, f32::max));
    let mut popular: Vec<(usize, u32)> = (0..dataset.items.len() as u32)
        .map(|item| {
            let rated = training.iter().flat_map(|user| &*user.ratings);
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
    let columns: Vec<Column> = dataset
        .users
        .encode(melu::model::schema::Entity::User, fields, vocabularies)
        .unwrap()
        .columns;
    let own = |item: &u32| catalog.find(dataset.items.ids().get(*item as usize).unwrap()).unwrap();
    assert!((0..dataset.items.len() as u32).all(|item| own(&item) == item), "ids in one order");

    let groups = dataset.scenario(Scenario::NewUsers);
    for (world, result) in Interviewees::ALL.into_iter().zip(&found.worlds) {
        assert_eq!((result.world, result.draws), (world, draws));
        let rows =
            |interviewer| result.rows.iter().filter(move |row| row.interviewer == interviewer);
        let mut tight = 0;
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
                // By user the sums of what lists are worth, and how many there are.
                let mut lists: BTreeMap<u32, ([f64; 2], f64)> = BTreeMap::new();
                let mut users = 0;
                for draw in 0..draws as u64 {
                    let tasks = ranking_tasks(&groups, 3, draw);
                    users = tasks.len();
                    for task in &tasks {
                        let mut user =
                            User::from_columns(&catalog, &columns, task.user as usize).unwrap();
                        let known: Vec<u32> = task.support.iter().map(|r| r.item).collect();
                        let may = |item: &u32| match world {
                            Interviewees::KnowWhatTheyRated => true,
                            Interviewees::KnowAllAsked => known.contains(item),
                        };
                        let mut room = Questions::new(&catalog).unwrap();
                        let asked = Asked { dataset: &dataset, task, candidates: &popular, range };
                        let (n, ndcg, error) =
                            interview(&mut user, &asked, row.questions, |user, asked| {
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
                                let known =
                                    (world == Interviewees::KnowAllAsked).then_some(&known[..]);
                                let options = QuestionOptions {
                                    unknown: &passed,
                                    leave_out: &leave_out,
                                    known,
                                };
                                let next = user.next_question(&mut room, options).unwrap();
                                next.map(|question| question.item)
                            });
                        answers += n;
                        errors += error;
                        if let Some(ndcg) = ndcg {
                            let (sums, count) = lists.entry(task.user).or_default();
                            sums.iter_mut().zip(ndcg).for_each(|(sum, ndcg)| *sum += ndcg);
                            *count += 1.0;
                        }
                    }
                }
                let count = (draws * users) as f64;
                assert_eq!(result.users, users);
                assert!((row.answers - answers / count).abs() < 1e-9, "{row:?}");
                let [least, most] = [0, 1].map(|side| {
                    let means = lists.values().map(|(sums, count)| sums[side] / count);
                    means.sum::<f64>() / lists.len() as f64
                });
                let within = least - 1e-9..=most + 1e-9;
                assert!(within.contains(&row.ndcg20), "{row:?} {least} {most}");
                tight += u32::from(most - least < 1e-9);
                assert!((row.ndcg20_difference - (row.ndcg20 - base.ndcg20)).abs() < 1e-9);
                assert_eq!(row.ndcg20_difference_se > 0.0, row.ndcg20_difference != 0.0);
                let (error, base) = (row.error.unwrap(), base.error.unwrap());
                assert!((error.mae - errors / count).abs() < 1e-6, "{row:?} {}", errors / count);
                assert!((error.mae_difference - (error.mae - base.mae)).abs() < 1e-9);
                assert_eq!(error.mae_difference_se > 0.0, error.mae_difference != 0.0);
            }
        }
        assert!(tight > 0, "answers leave no equal scores");
        let random: Vec<_> = rows(Interviewer::Random).collect();
        assert_eq!(random.len(), QUESTIONS.len());
        assert!(random.windows(2).all(|pair| pair[0].answers <= pair[1].answers));
    }
}

#[test]
fn a_log_of_what_was_chosen_has_lists_alone() {
    let options = SynthOptions {
        users: 100,
        items: 80,
        ratings_per_user: 36,
        new_users: 0.3,
        positive_only: true,
        ..Default::default()
    };
    let dataset = SynthWorld::generate(&options).unwrap().dataset().unwrap();
    let mut trainer = Trainer::new(&dataset, &TrainOptions::default(), 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    let model = Model::from_contents(trainer.finish().unwrap()).unwrap();
    let found = measure(&model, &dataset, 1, 0);
    let asks = |interviewer| {
        found.worlds.iter().all(|world| world.rows.iter().any(|row| row.interviewer == interviewer))
    };
    assert!(asks(Interviewer::Adaptive) && asks(Interviewer::Greedy) && asks(Interviewer::Random));
    assert!(model.contents().familiarity.is_some());
    for row in found.worlds.iter().flat_map(|world| &world.rows) {
        assert!(row.error.is_none() && row.ndcg20 > 0.0, "{row:?}");
        assert!(row.questions > 0 || row.ndcg20_difference == 0.0, "{row:?}");
    }
    let json = serde_json::to_value(&found).unwrap();
    assert!(json["worlds"][0]["rows"][0].get("mae").is_none());
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let (dataset, model) = world();
    let json = |threads| serde_json::to_string(&measure(&model, &dataset, 1, threads)).unwrap();
    assert_eq!(json(1), json(3));
    let options = EvidenceOptions { draws: 0, ..Default::default() };
    assert!(
        evaluate_evidence(&model, &dataset, &options, |_, _| ControlFlow::Continue(())).is_err()
    );
}
