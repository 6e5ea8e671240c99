//! How far ratings lie from their scores, as a model says and as they do.

#![cfg(feature = "train")]

use std::ops::ControlFlow;

use melu::data::{Scenario, SynthOptions, World, tasks};
use melu::model::schema::Entity;
use melu::train::{Solver, TrainOptions, Trainer};
use melu::{Error, Model, Scratch, User};

fn model(world: &World, options: &TrainOptions) -> Model {
    let dataset = world.dataset().unwrap();
    let mut trainer = Trainer::new(&dataset, options, 0).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    Model::from_contents(trainer.finish().unwrap()).unwrap()
}

#[test]
fn intervals_hold_what_they_promise_and_shrink_with_answers() {
    let options = SynthOptions { users: 1200, items: 300, ..Default::default() };
    let world = World::generate(&options).unwrap();
    let model = model(&world, &TrainOptions::default());
    assert!(model.has_deviations());
    let dataset = world.dataset().unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let contents = model.contents();
    let columns = dataset
        .users
        .encode(Entity::User, &contents.config.user_fields, &contents.user_vocabularies)
        .unwrap()
        .columns;
    let (mut inside, mut count, mut narrower) = (0, 0, 0);
    for task in tasks(&dataset.scenario(Scenario::NewUsers), &dataset.rules, 0, 0) {
        let mut user = User::from_columns(&catalog, &columns, task.user as usize).unwrap();
        let items: Vec<u32> = task.query.iter().map(|rated| rated.item).collect();
        let mut scores = vec![0.0; items.len()];
        let (mut before, mut after) = (scores.clone(), scores.clone());
        user.predict_with_deviations(
            &items,
            &mut scores,
            &mut before,
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap();
        let (rated, ratings): (Vec<u32>, Vec<f32>) =
            task.support.iter().map(|rated| (rated.item, rated.value)).unzip();
        user.adapt(&rated, &ratings, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
        let mut alone = scores.clone();
        user.predict(&items, &mut alone, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
        user.predict_with_deviations(
            &items,
            &mut scores,
            &mut after,
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap();
        assert_eq!(scores, alone);
        for (rated, (score, deviation)) in task.query.iter().zip(scores.iter().zip(&after)) {
            inside += usize::from((rated.value - score).abs() < 1.2816 * deviation);
            count += 1;
        }
        narrower += before.iter().zip(&after).filter(|(before, after)| after < before).count();
    }
    let share = inside as f64 / count as f64;
    assert!((0.75..0.85).contains(&share), "{share} of {count} are inside");
    assert_eq!(narrower, count, "an answer never makes less known");
}

#[test]
fn a_model_that_does_not_know_says_so() {
    let options = SynthOptions { users: 100, items: 60, ..Default::default() };
    let world = World::generate(&options).unwrap();
    let options = TrainOptions { solver: Solver::Gradient, epochs: 1, ..Default::default() };
    let model = model(&world, &options);
    assert!(!model.has_deviations());
    let user = User::new(&model.catalog().unwrap().unwrap(), &[]).unwrap();
    let (mut scores, mut deviations) = ([0.0], [0.0]);
    let error = user
        .predict_with_deviations(
            &[0],
            &mut scores,
            &mut deviations,
            &mut Scratch::new(user.catalog()).unwrap(),
        )
        .unwrap_err();
    assert!(matches!(error, Error::Argument { argument: "deviations", .. }), "{error}");
}
