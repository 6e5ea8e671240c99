//! What training computes, beside other libraries: meta-gradients and evidence norms, which
//! the C interface does not offer.
//!
//! `run.py` starts this program, and asks for one work after another on standard input:
//!
//! ```text
//! gradient STEPS SECONDS RESULT     meta-gradients of all tasks, by second order
//! evidence SECONDS RESULT           gradient norms of all of the users' ratings
//! ```
//!
//! The answer is a line with the nanoseconds of each run, one thread; the numbers of the last
//! one go to the file RESULT, as 32-bit floats.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, stdin};
use std::time::{Duration, Instant};

use bytemuck::{Pod, cast_slice, pod_read_unaligned};
use melu::model::config::Local;
use melu::model::network::Inputs;
use melu::model::schema::Value;
use melu::train::{DerivativeOrder, HeadTask, MetaGradient};
use melu::user::adapt::Set;
use melu::{Model, Scratch, User};
use safetensors::SafeTensors;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(inputs)) = (arguments.next(), arguments.next()) else {
        return Err("usage: peers_training MODEL INPUTS".into());
    };
    let model = Model::open(model)?;
    let inputs = std::fs::read(inputs)?;
    let inputs = SafeTensors::deserialize(&inputs)?;
    let mut tasks = Tasks::read(&model, &inputs)?;
    let mut people = People::read(&model, &inputs)?;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["gradient", steps, seconds, result] => {
                let steps = steps.parse()?;
                report(seconds, result, || tasks.gradient(steps))?;
            }
            ["evidence", seconds, result] => report(seconds, result, || people.norms())?,
            _ => return Err(format!("{line:?} is not a work").into()),
        }
    }
    Ok(())
}

/// Runs a work again and again, and tells how long each run took.
fn report(seconds: &str, result: &str, mut work: impl FnMut() -> Result<Vec<f32>>) -> Result<()> {
    let least = Duration::from_secs_f64(seconds.parse()?);
    let begin = Instant::now();
    let mut times = Vec::new();
    let mut last = Vec::new();
    while times.is_empty() || begin.elapsed() < least {
        let start = Instant::now();
        last = black_box(work()?);
        times.push(start.elapsed().as_nanos().to_string());
    }
    std::fs::write(result, cast_slice::<f32, u8>(&last))?;
    println!("{}", times.join(" "));
    Ok(())
}

fn numbers<T: Pod>(inputs: &SafeTensors, name: &str) -> Result<Vec<T>> {
    let numbers = inputs.tensor(name)?.data().chunks_exact(size_of::<T>());
    Ok(numbers.map(pod_read_unaligned).collect())
}

/// Tasks of one shape, with their rows as the head sees them.
struct Tasks<'a> {
    model: &'a Model,
    support: Vec<f32>,
    support_ratings: Vec<f32>,
    query: Vec<f32>,
    query_ratings: Vec<f32>,
    user: Vec<f32>,
    scratch: MetaGradient,
}

impl<'a> Tasks<'a> {
    fn read(model: &'a Model, inputs: &SafeTensors) -> Result<Self> {
        let numbers = |name| numbers(inputs, name);
        Ok(Self {
            model,
            support: numbers("support")?,
            support_ratings: numbers("support_ratings")?,
            query: numbers("query")?,
            query_ratings: numbers("query_ratings")?,
            user: numbers("user")?,
            scratch: MetaGradient::default(),
        })
    }

    /// The sum of the losses and of the gradients by the head; then those by each task's
    /// support rows, query rows and user.
    fn gradient(&mut self, steps: usize) -> Result<Vec<f32>> {
        let Self { model, support, support_ratings, query, query_ratings, user, scratch } = self;
        let (network, config) = (model.head_network(), model.config());
        let Local::Gradient(local) = &config.local else {
            return Err("the model does not adapt by gradient steps".into());
        };
        let mut local = local.clone();
        local.steps = steps;
        let user_width = network.user_width();
        let count = user.len() / user_width;
        let (support_rows, query_rows) =
            (support_ratings.len() / count, query_ratings.len() / count);
        let mut loss = 0.0;
        let mut head = vec![0.0; network.parameters()];
        let mut by_support = Vec::with_capacity(support.len());
        let mut by_query = Vec::with_capacity(query.len());
        let mut by_user = Vec::with_capacity(user.len());
        for (task, user) in user.chunks_exact(user_width).enumerate() {
            let support = part(support, support_ratings, task, support_rows, user);
            let query = part(query, query_ratings, task, query_rows, user);
            let (output, at) = (&config.output, model.head());
            let task = HeadTask { network, output, head: at, support, query };
            scratch.compute(task, &local, DerivativeOrder::Second);
            loss += scratch.loss;
            head.iter_mut().zip(&scratch.head).for_each(|(sum, by)| *sum += by);
            by_support.extend_from_slice(&scratch.support_items);
            by_query.extend_from_slice(&scratch.query_items);
            by_user.extend_from_slice(&scratch.user);
        }
        Ok([vec![loss], head, by_support, by_query, by_user].concat())
    }
}

/// One task's support or query set.
fn part<'a>(
    items: &'a [f32],
    targets: &'a [f32],
    task: usize,
    rows: usize,
    user: &'a [f32],
) -> Set<'a> {
    let width = items.len() / targets.len();
    let items = &items[task * rows * width..][..rows * width];
    let targets = &targets[task * rows..][..rows];
    Set { inputs: Inputs { items, user, offsets: &[], rows }, targets, item_variances: &[] }
}

/// Users, and items that each of them rated.
struct People {
    users: Vec<User>,
    scratch: Scratch,
    items: Vec<u32>,
    ratings: Vec<f32>,
}

impl People {
    fn read(model: &Model, inputs: &SafeTensors) -> Result<Self> {
        let catalog = model.catalog()?.ok_or("the model has no catalogue")?;
        let fields = &model.config().user_fields;
        let profiles: Vec<u32> = numbers(inputs, "profiles")?;
        let users = profiles.chunks_exact(fields.len()).map(|values| {
            let values = fields.iter().zip(values);
            let profile: Vec<(&str, Value)> =
                values.map(|(field, value)| (field.name.as_str(), Value::Index(*value))).collect();
            User::new(&catalog, &profile)
        });
        Ok(Self {
            users: users.collect::<melu::Result<_>>()?,
            scratch: Scratch::new(&catalog)?,
            items: numbers(inputs, "items")?,
            ratings: numbers(inputs, "ratings")?,
        })
    }

    fn norms(&mut self) -> Result<Vec<f32>> {
        let mut norms = vec![0.0; self.items.len()];
        let each = self.items.len() / self.users.len();
        let (items, ratings) = (self.items.chunks(each), self.ratings.chunks(each));
        for (user, ((items, ratings), norms)) in
            self.users.iter().zip(items.zip(ratings).zip(norms.chunks_mut(each)))
        {
            user.gradient_norms(items, ratings, norms, &mut self.scratch)?;
        }
        Ok(norms)
    }
}
