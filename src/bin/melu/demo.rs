//! `melu demo`: the whole story on generated data.

mod questions;

use std::cmp::Reverse;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use melu::data::{Dataset, Rated, Scenario, SynthOptions, Task, World, ranking_tasks};
use melu::model::schema::{Column, Entity};
use melu::train::choice::Stage;
use melu::train::{Progress, TrainOptions, Trainer};
use melu::{Catalog, Model, RecommendOptions, Recommendation, Scratch, User};
use serde_json::json;

use crate::terminal::{self, duration, print, print_json, print_table};

/// The numbers of answers after which lists are shown.
const ANSWERS: [usize; 4] = [0, 3, 5, 10];

/// How many items are recommended.
const BEST: usize = 10;

/// Show melu at work in under a minute: generate a world whose tastes are known, train on it,
/// let new people answer, and recommend.
///
/// It does this first from ratings, and then from a log of the same world that only says what
/// was chosen.
#[derive(Args)]
pub struct Arguments {
    /// Another seed makes another world.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many threads; 0 for as many as there are processors.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Print one JSON object: for the world with ratings and the one without, the true worth of
    /// lists by number of answers, and of questions.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.json {
        return run_for_programs(arguments);
    }
    let begin = Instant::now();
    let options = SynthOptions { seed: arguments.seed, ..Default::default() };
    let world = World::generate(&options)?;
    let dataset = world.dataset()?;
    print(format_args!(
        "1. A world is generated: {} people, {} films, {} ratings. Only the generator\n   \
         knows what each person truly thinks of each film. A fifth of the people\n   \
         and of the films are kept from training.\n",
        dataset.users.len(),
        dataset.items.len(),
        dataset.ratings.len(),
    ))?;
    let model = train(arguments, &dataset)?;
    print(format_args!(
        "2. A model is trained on the others, in {}.\n",
        duration(begin.elapsed().as_secs_f64())
    ))?;
    let catalog = model.catalog()?.context("the trained model has no catalogue")?;
    let people = People::new(&world, &dataset, &catalog, arguments.seed)?;
    print("3. A new person comes, and rates some films that they know.\n")?;
    people.one()?;
    print(format_args!(
        "4. The same for everybody whom training never saw: what they truly think of\n   \
         the {BEST} films that are recommended to them, in stars:\n"
    ))?;
    people.worth()?;
    print(format_args!(
        "5. Instead of waiting for answers, melu asks: what people truly think of their lists\n   \
         after questions, which they pass on if they do not know the film:\n"
    ))?;
    people.questions()?;

    let world = World::generate(&SynthOptions { positive_only: true, ..options })?;
    let dataset = world.dataset()?;
    let again = Instant::now();
    let model = train(arguments, &dataset)?;
    print(format_args!(
        "6. The same world again, but nobody rates anything: the log has {} choices,\n   \
         and nothing about what was not chosen, or not liked. Trained in {}.\n   \
         What people truly think of their lists:\n",
        dataset.ratings.len(),
        duration(again.elapsed().as_secs_f64())
    ))?;
    let catalog = model.catalog()?.context("the trained model has no catalogue")?;
    People::new(&world, &dataset, &catalog, arguments.seed)?.worth()?;
    print(format_args!(
        "That took {}. To continue with files:\n\n   \
         melu synth world\n   \
         melu train world -o world.melu\n   \
         melu eval world.melu world\n   \
         melu recommend world.melu --rate ID=5 --rate ID=1",
        duration(begin.elapsed().as_secs_f64())
    ))
}

fn run_for_programs(arguments: &Arguments) -> Result<()> {
    let mut worlds = Vec::new();
    for positive_only in [false, true] {
        let options =
            SynthOptions { seed: arguments.seed, positive_only, ..SynthOptions::default() };
        let world = World::generate(&options)?;
        let dataset = world.dataset()?;
        let model = train(arguments, &dataset)?;
        let catalog = model.catalog()?.context("the trained model has no catalogue")?;
        let people = People::new(&world, &dataset, &catalog, arguments.seed)?;
        let [popular, melu, best] = people.means()?;
        worlds.push(json!({
            "positive_only": positive_only,
            "users": dataset.users.len(),
            "items": dataset.items.len(),
            "ratings": dataset.ratings.len(),
            "new_users": people.tasks.len(),
            "answers": ANSWERS,
            "popular": popular,
            "melu": melu,
            "best": best,
            "asking": if positive_only { None } else { Some(people.questions_as_json()?) },
        }));
    }
    print_json(&json!({ "seed": arguments.seed, "worlds": worlds }))
}

fn train(arguments: &Arguments, dataset: &Dataset) -> Result<Model> {
    let options = TrainOptions { seed: arguments.seed, ..TrainOptions::default() };
    let mut trainer = Trainer::new(dataset, &options, arguments.threads)?;
    let all = trainer.tasks() * options.epochs;
    let mut bar = terminal::ProgressBar::new("training");
    trainer.run(|progress| {
        match progress {
            Progress::Choice(Stage::Meta { epoch, of, .. }) => {
                bar.set(epoch, of, "vectors for lists");
            }
            Progress::Choice(_) => bar.set(0, 1, "settings for lists"),
            Progress::Batch { epoch, tasks, of, loss } => {
                let message = format!("predicted ratings: epoch {epoch}, loss {loss:.3}");
                bar.set((epoch as usize - 1) * of + tasks, all, message);
            }
            Progress::Chosen { .. } | Progress::Epoch { .. } => {}
        }
        std::ops::ControlFlow::Continue(())
    })?;
    drop(bar);
    Ok(Model::from_contents(trainer.finish()?)?)
}

/// New people, their answers, and their true opinions.
struct People<'a> {
    world: &'a World,
    dataset: &'a Dataset,
    catalog: &'a Catalog,
    columns: Vec<Column>,
    /// Each person's answers, in their order.
    tasks: Vec<Task>,
    /// All items, by falling popularity in training.
    popular: Vec<u32>,
}

impl<'a> People<'a> {
    fn new(
        world: &'a World,
        dataset: &'a Dataset,
        catalog: &'a Catalog,
        seed: u64,
    ) -> Result<Self> {
        let contents = catalog.model().contents();
        let fields = &contents.config.user_fields;
        let encoded = dataset.users.encode(Entity::User, fields, &contents.user_vocabularies)?;
        let mut tasks = ranking_tasks(&dataset.scenario(Scenario::NewUsers), seed, 0);
        let most = ANSWERS.into_iter().max().unwrap_or(0);
        tasks.retain(|task| task.support.len() >= most);
        let mut popular: Vec<u32> = (0..catalog.len() as u32).collect();
        popular.sort_by_key(|&item| Reverse(catalog.raters(item)));
        Ok(Self { world, dataset, catalog, columns: encoded.columns, tasks, popular })
    }

    fn user(&self, task: &Task) -> Result<User> {
        Ok(User::from_columns(self.catalog, &self.columns, task.user as usize)?)
    }

    /// One person's lists before and after the answers.
    fn one(&self) -> Result<()> {
        let task = self.tasks.first().context("the world has no new user")?;
        let mut user = self.user(task)?;
        let mut scratch = Scratch::new(self.catalog)?;
        let fields = self.dataset.users.fields().iter().map(|field| {
            let value = field.column.row(task.user as usize).first();
            let name = value.and_then(|&value| field.vocabulary.as_ref()?.name(value));
            format!("{} {}", field.name.replace('_', " "), name.unwrap_or("unknown"))
        });
        print(format_args!("   Known of them: {}.\n", fields.collect::<Vec<_>>().join(", ")))?;
        let (items, values) = split(&task.support[..BEST]);
        let options = RecommendOptions { leave_out: &items, ..RecommendOptions::default() };
        let mut lists = [Vec::new(), Vec::new()];
        user.recommend(BEST, &options, &mut lists[0], &mut scratch)?;
        let begin = Instant::now();
        user.adapt(&items, &values, &mut scratch)?;
        let time = begin.elapsed().as_secs_f64() * 1e6;
        user.recommend(BEST, &options, &mut lists[1], &mut scratch)?;
        let mut table = terminal::table(&["", "they say", "stars"], |column| column == 2);
        for (&item, value) in items.iter().zip(&values) {
            table.add_row([String::new(), self.title(item), format!("{value:.1}")]);
        }
        print_table(&table)?;
        print(format_args!("   melu takes {time:.0} microseconds to adapt to that.\n"))?;

        let header = ["", "list before", "in truth", "list after", "in truth"];
        let mut table = terminal::table(&header, |column| [0, 2, 4].contains(&column));
        for (rank, (before, after)) in lists[0].iter().zip(&lists[1]).enumerate() {
            let [before, after] = [before, after].map(|found| {
                let truth = self.world.expected(task.user, found.item);
                [self.title(found.item), format!("{truth:.2}")]
            });
            table.add_row([(rank + 1).to_string()].into_iter().chain(before).chain(after));
        }
        let [before, after] = lists.each_ref().map(|list| {
            let truth = self.truth(task, list.iter().map(|found| found.item));
            ["on average".into(), format!("{truth:.2}")]
        });
        table.add_row([String::new()].into_iter().chain(before).chain(after));
        print_table(&table)
    }

    /// The mean true worth of lists for all new people, by number of answers: of the most
    /// popular films, of melu's, and of the best possible.
    fn means(&self) -> Result<[[f64; ANSWERS.len()]; 3]> {
        let mut sums = [[0.0; ANSWERS.len()]; 3];
        let mut best = Vec::new();
        let mut scratch = Scratch::new(self.catalog)?;
        for task in &self.tasks {
            let mut user = self.user(task)?;
            let mut all: Vec<Recommendation> = (0..self.catalog.len() as u32)
                .map(|item| Recommendation::new(item, self.world.expected(task.user, item)))
                .collect();
            all.sort_unstable();
            for (place, answers) in ANSWERS.into_iter().enumerate() {
                let (items, values) = split(&task.support[..answers]);
                user.adapt(&items, &values, &mut scratch)?;
                user.recommend(BEST, &RecommendOptions::default(), &mut best, &mut scratch)?;
                let is_left = |item: &u32| !items.contains(item);
                let popular = self.popular.iter().copied().filter(is_left).take(BEST);
                let ideal = all.iter().map(|found| found.item).filter(is_left).take(BEST);
                sums[0][place] += self.truth(task, popular);
                sums[1][place] += self.truth(task, best.iter().map(|found| found.item));
                sums[2][place] += self.truth(task, ideal);
            }
        }
        let people = self.tasks.len().max(1) as f64;
        Ok(sums.map(|sums| sums.map(|sum| sum / people)))
    }

    /// Prints the true worth of lists for all new people, by number of answers.
    fn worth(&self) -> Result<()> {
        let heading = format!("{} new people; answers:", self.tasks.len());
        let header: Vec<String> =
            [heading].into_iter().chain(ANSWERS.map(|answers| answers.to_string())).collect();
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let mut table = terminal::table(&header, |column| column > 0);
        let names = ["most popular", "melu", "best possible"];
        for (name, means) in names.into_iter().zip(self.means()?) {
            let means = means.map(|mean| format!("{mean:.2}"));
            table.add_row([name.to_owned()].into_iter().chain(means));
        }
        print_table(&table)
    }

    /// The mean of somebody's true opinions of some films.
    fn truth(&self, task: &Task, items: impl Iterator<Item = u32>) -> f64 {
        let truths = items.map(|item| f64::from(self.world.expected(task.user, item)));
        let (sum, count) =
            truths.fold((0.0, 0.0), |(sum, count), truth| (sum + truth, count + 1.0));
        sum / f64::max(count, 1.0)
    }

    fn title(&self, item: u32) -> String {
        let catalog = self.catalog;
        catalog.title(item).or(catalog.id(item)).unwrap_or_default().to_owned()
    }
}

fn split(rated: &[Rated]) -> (Vec<u32>, Vec<f32>) {
    rated.iter().map(|rated| (rated.item, rated.value)).unzip()
}
