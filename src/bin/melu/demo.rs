//! `melu demo`: the whole story on generated data.

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use melu::data::{Dataset, Scenario, SynthOptions, World, tasks};
use melu::eval::{EvalOptions, Given, ScenarioResult, evaluate, mean_absolute_error};
use melu::train::{Progress, TrainOptions, Trainer};
use melu::{Catalog, Filter, Model, Recommendation, User};

use crate::eval::errors_by_given;
use crate::terminal::{self, duration, print, print_table};

/// How many evidence candidates the new user is asked about.
const QUESTIONS: usize = 15;

/// How many items are recommended.
const BEST: usize = 10;

/// The whole story in under a minute: make up a world whose tastes are known,
/// train on it, ask a new user a few questions, and recommend.
#[derive(Args)]
pub struct Arguments {
    /// Another seed makes another world.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many threads; 0 for as many as there are processors.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let begin = Instant::now();
    let world = World::generate(&SynthOptions { seed: arguments.seed, ..Default::default() })?;
    let dataset = world.dataset()?;
    print(format_args!(
        "1. A world is made up: {} people, {} films, {} ratings. What each\n   \
         person thinks of each film is known to the generator and to nobody else.\n   \
         A fifth of the people and of the films are kept from training.\n",
        dataset.users.len(),
        dataset.items.len(),
        dataset.ratings.len(),
    ))?;

    let model = train(arguments, &dataset)?;
    let catalog = model.catalog()?.context("the trained model has no catalogue")?;
    let questions = ask(&model, &catalog)?;
    new_user(&world, &dataset, &catalog, &questions)?;
    errors(arguments, &world, &dataset, &model)?;
    worth(&world, &dataset, &catalog, &questions)?;
    print(format_args!(
        "That took {}. To go on with files:\n\n   \
         melu synth world\n   \
         melu train world -o world.melu\n   \
         melu eval world.melu world\n   \
         melu recommend world.melu --rate ID=5 --rate ID=1",
        duration(begin.elapsed().as_secs_f64())
    ))
}

fn train(arguments: &Arguments, dataset: &Dataset) -> Result<Model> {
    let options = TrainOptions { seed: arguments.seed, ..TrainOptions::default() };
    let mut trainer = Trainer::new(dataset, &options, arguments.threads)?;
    let begin = Instant::now();
    let all = trainer.tasks() * options.epochs;
    let mut bar = terminal::Progress::new("training");
    let (mut error, mut trained) = (None, 0);
    trainer.run(|_, progress| {
        match progress {
            Progress::Batch { epoch, tasks, of, loss } => {
                let speed = (trained + tasks) as f64 / begin.elapsed().as_secs_f64();
                let error = error.map_or(String::new(), |mae: f32| format!(", error {mae:.3}"));
                let message =
                    format!("epoch {epoch}, loss {loss:.3}{error}, {speed:.0} tasks a second");
                bar.set((epoch as usize - 1) * of + tasks, all, message);
            }
            Progress::Epoch { tasks, validation_mae, .. } => {
                trained += tasks;
                error = validation_mae;
            }
        }
        std::ops::ControlFlow::Continue(())
    })?;
    drop(bar);
    let contents = trainer.finish()?;
    print(format_args!(
        "2. A model is meta-trained: {trained} tasks in {}. Each adapts the head to\n   \
         some of a person's ratings, and learns from how well it predicts others.\n",
        duration(begin.elapsed().as_secs_f64())
    ))?;
    Ok(Model::from_contents(contents)?)
}

fn ask(model: &Model, catalog: &Catalog) -> Result<Vec<u32>> {
    let evidence = model.evidence().context("the trained model has no evidence candidates")?;
    let questions: Vec<u32> = evidence.items.iter().copied().take(QUESTIONS).collect();
    print("3. The evidence candidates: films that many know, and whose ratings say most.\n")?;
    let header = ["", "film", "score", "gradient norm", "popularity"];
    let mut table = terminal::table(&header, |column| column != 1);
    for (rank, &item) in questions.iter().enumerate() {
        table.add_row([
            (rank + 1).to_string(),
            title(catalog, item),
            format!("{:.3}", evidence.scores[rank]),
            format!("{:.3}", evidence.gradient_norm[rank]),
            format!("{:.3}", evidence.popularity[rank]),
        ]);
    }
    print_table(&table)?;
    Ok(questions)
}

/// One person whom training never saw: answers, and recommendations before
/// and after them.
fn new_user(world: &World, dataset: &Dataset, catalog: &Catalog, questions: &[u32]) -> Result<()> {
    let (row, mut user) =
        new_users(dataset, catalog)?.next().context("the world has no new user")?;
    let profile: Vec<String> = dataset
        .users
        .fields()
        .iter()
        .map(|field| {
            let value = field.column.row(row as usize).first();
            let name = value.and_then(|&value| field.vocabulary.as_ref()?.name(value));
            format!("{} {}", field.name.replace('_', " "), name.unwrap_or("unknown"))
        })
        .collect();
    print(format_args!(
        "4. Somebody new comes: {}.\n   Asked about these films, they say:\n",
        profile.join(", ")
    ))?;
    let answers: Vec<f32> = questions.iter().map(|&item| world.answer(row, item)).collect();
    let mut table = terminal::table(&["", "film", "answer"], |column| column == 2);
    for (&item, answer) in questions.iter().zip(&answers) {
        table.add_row([String::new(), title(catalog, item), format!("{answer:.1}")]);
    }
    print_table(&table)?;

    let filter = Filter { leave_out: questions, keep_rated: false };
    let mut best = Vec::new();
    for when in ["before", "after"] {
        if when == "after" {
            let begin = Instant::now();
            user.adapt(questions, &answers)?;
            let time = begin.elapsed().as_secs_f64() * 1e6;
            print(format_args!("   The head adapts to the answers, in {time:.0} microseconds.\n"))?;
        }
        user.recommend(BEST, filter, &mut best)?;
        let mut table = terminal::table(
            &["", &format!("recommended {when}"), "predicted", "in truth"],
            |column| column != 1,
        );
        for (rank, recommendation) in best.iter().enumerate() {
            table.add_row([
                (rank + 1).to_string(),
                title(catalog, recommendation.item),
                format!("{:.2}", recommendation.score),
                format!("{:.2}", world.expected(row, recommendation.item)),
            ]);
        }
        table.add_row([
            String::new(),
            "on average".into(),
            String::new(),
            format!("{:.2}", truth(world, row, &best)),
        ]);
        print_table(&table)?;
    }
    Ok(())
}

/// Errors on all new users, by how many of their ratings are known.
fn errors(arguments: &Arguments, world: &World, dataset: &Dataset, model: &Model) -> Result<()> {
    let shown = [
        (Scenario::NewUsers, "new people, known films"),
        (Scenario::NewUsersNewItems, "new people, new films"),
    ];
    let &Arguments { seed, threads, .. } = arguments;
    let scenarios = shown.map(|(scenario, _)| scenario).to_vec();
    let options = EvalOptions { scenarios, seed, threads, ..EvalOptions::default() };
    let mut bar = terminal::Progress::new("evaluating");
    let evaluation = evaluate(model, dataset, &options, |done, of| bar.set(done, of, "tasks"))?;
    drop(bar);
    print(
        "5. And all the others whom training never saw? The mean absolute error in\n   \
         stars, by how many of their ratings are known:\n",
    )?;
    for (result, (_, heading)) in evaluation.scenarios.iter().zip(shown) {
        if result.users == 0 {
            continue;
        }
        let mut table = errors_by_given(result, heading);
        let best = format!("{:.3}", best_reachable(world, dataset, result, seed));
        let cells = Given::ALL.map(|_| best.clone());
        table.add_row(["who knows the truth".to_owned()].into_iter().chain(cells));
        print_table(&table)?;
    }
    Ok(())
}

/// The error of the one who knows each person's true taste, on the same draws:
/// what is left is noise.
fn best_reachable(world: &World, dataset: &Dataset, result: &ScenarioResult, seed: u64) -> f64 {
    let groups = dataset.scenario(result.scenario);
    let mut errors = Vec::new();
    for draw in 0..result.draws as u64 {
        for task in tasks(&groups, &dataset.rules, seed, draw) {
            let (truth, ratings): (Vec<f32>, Vec<f32>) = task
                .query
                .iter()
                .map(|rated| (world.expected(task.user, rated.item), rated.value))
                .unzip();
            errors.push(mean_absolute_error(&truth, &ratings));
        }
    }
    errors.iter().sum::<f64>() / errors.len().max(1) as f64
}

/// What recommendations are worth to all new users, before and after the same
/// questions.
fn worth(world: &World, dataset: &Dataset, catalog: &Catalog, questions: &[u32]) -> Result<()> {
    let filter = Filter { leave_out: questions, keep_rated: false };
    let (mut before, mut after, mut ideal, mut count) = (0.0, 0.0, 0.0, 0.0);
    let mut best = Vec::new();
    for (row, mut user) in new_users(dataset, catalog)? {
        user.recommend(BEST, filter, &mut best)?;
        before += truth(world, row, &best);
        let answers: Vec<f32> = questions.iter().map(|&item| world.answer(row, item)).collect();
        user.adapt(questions, &answers)?;
        user.recommend(BEST, filter, &mut best)?;
        after += truth(world, row, &best);
        let items = (0..catalog.len() as u32).filter(|item| !questions.contains(item));
        let mut all: Vec<Recommendation> =
            items.map(|item| Recommendation { item, score: world.expected(row, item) }).collect();
        all.sort_unstable();
        all.truncate(BEST);
        ideal += truth(world, row, &all);
        count += 1.0;
    }
    print(format_args!(
        "6. What {BEST} recommendations are worth in truth, on average over all {count} new\n   \
         people: {:.2} stars before the {} questions, {:.2} after them. The best {BEST}\n   \
         films that there are for each would be {:.2}.\n",
        before / count,
        questions.len(),
        after / count,
        ideal / count
    ))
}

/// The mean true rating of what was recommended.
fn truth(world: &World, row: u32, best: &[Recommendation]) -> f64 {
    let truths =
        best.iter().map(|recommendation| f64::from(world.expected(row, recommendation.item)));
    truths.sum::<f64>() / best.len().max(1) as f64
}

fn new_users<'a>(
    dataset: &'a Dataset,
    catalog: &'a Catalog,
) -> Result<impl Iterator<Item = (u32, User)> + use<'a>> {
    let contents = catalog.model().contents();
    let fields = &contents.config.user_fields;
    let encoded =
        dataset.users.encode(melu::schema::Entity::User, fields, &contents.user_vocabularies)?;
    let rows = (0..dataset.users.len()).filter(|&row| dataset.new_users[row]);
    Ok(rows.filter_map(move |row| {
        Some((row as u32, User::from_columns(catalog, &encoded.columns, row).ok()?))
    }))
}

fn title(catalog: &Catalog, item: u32) -> String {
    catalog.title(item).or(catalog.id(item)).unwrap_or_default().to_owned()
}
