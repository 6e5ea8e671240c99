//! Training by the gradient of lists: what is shown of a user, and Adam.

use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::gradient::{KnotPlace, ListGradient, MetaParameters, MetaTask, list_gradient};
use crate::data::Rated;
use crate::kernels::are_finite;
use crate::random::{Purpose, generator};
use crate::train::adam::{Moments, Step};
use crate::{Error, Result};

/// Passes over the users, and those of a trial.
const EPOCHS: usize = 12;
pub const TRIAL_EPOCHS: usize = 4;

/// An epoch scores at most so many pairs of a user and an item, and takes a random part of
/// the users where all would have more: a pair costs some 15 ns of a core, so that 16
/// epochs cost at most 45 s of it. All 6,040 users and 3,706 items of MovieLens 1M are 22
/// million pairs; with 100,000 items an epoch has 1,700 users, and 12 have 324 steps of 64
/// users, in which the scalars, the starts and the vectors of popular items settle.
const EPOCH_PAIRS: usize = 170_000_000;

/// Numbers that are updated together.
const UPDATED: usize = 1 << 14;

/// The share of a user's interactions that are held back to be found, at least one.
const HELD_BACK: f64 = 0.2;

/// Users with fewer interactions are not trained on: too little is left to show.
const MIN_INTERACTIONS: usize = 5;

/// How the vectors are meta-trained.
#[derive(Clone, Copy, Debug)]
pub struct MetaOptions {
    /// Passes over the users; of many users and items over a part of them.
    pub epochs: usize,
    /// Users a step.
    pub batch: usize,
    /// Adam's rates at the beginning: of vectors, of starts, of scalars and targets. They
    /// fall to 0 along a cosine.
    pub rates: [f32; 3],
    /// The same seed gives the same training.
    pub seed: u64,
}

impl Default for MetaOptions {
    fn default() -> Self {
        Self { epochs: EPOCHS, batch: 64, rates: [1e-3, 5e-3, 2e-2], seed: 0 }
    }
}

/// Draws what is shown of a user's interactions and what is to be found: a fifth is held
/// back; of the rest nothing is shown in one of ten steps, all in three, and a number
/// that is log-uniform in between in the others.
fn draw_task(
    rated: &[Rated],
    profile: &[(u32, f32)],
    knots: &[f32],
    is_liked: impl Fn(f32) -> bool,
    rng: &mut impl rand::Rng,
) -> MetaTask {
    let mut order = rated.to_vec();
    order.shuffle(rng);
    let held_back = ((HELD_BACK * order.len() as f64) as usize).max(1);
    let most = order.len().saturating_sub(held_back);
    let count = match rng.random::<f64>() {
        x if x < 0.1 => 0,
        x if x < 0.4 => most,
        _ => (most as f64).powf(rng.random::<f64>()).round() as usize,
    };
    let count = count.min(most);
    let place = |rated: &Rated| (rated.item, KnotPlace::of(knots, rated.value));
    MetaTask {
        profile: profile.to_vec(),
        answers: order[..count].iter().map(place).collect(),
        liked: order[count..].iter().filter(|r| is_liked(r.value)).map(|r| r.item).collect(),
    }
}

/// How many of the users an epoch takes.
fn users_an_epoch(users: usize, items: usize, batch: usize) -> usize {
    users.min((EPOCH_PAIRS / items.max(1)).max(batch))
}

/// Numbers and their moments, in parts that are updated side by side.
struct ChunkedMoments(Vec<Moments>);

impl ChunkedMoments {
    fn new(len: usize) -> Self {
        let parts = (0..len).step_by(UPDATED);
        Self(parts.map(|first| Moments::new(UPDATED.min(len - first))).collect())
    }

    fn update(&mut self, step: Step, numbers: &mut [f32], gradient: &[f32]) {
        let parts = numbers.par_chunks_mut(UPDATED).zip(gradient.par_chunks(UPDATED));
        parts
            .zip(&mut self.0)
            .for_each(|((numbers, gradient), moments)| moments.update(step, numbers, gradient));
    }
}

/// A user's interactions, and the rows of `start` that the profile takes shares of.
pub type MetaUser<'a> = (&'a [Rated], &'a [(u32, f32)]);

/// The data that vectors are meta-trained on.
pub struct MetaData<'a> {
    /// Each item's bias; minus infinity for one that is no candidate.
    pub bias: &'a [f32],
    /// The values between which targets are on a line, ascending.
    pub knots: &'a [f32],
    /// The users' interactions, each with its profile as [`MetaTask`] has it.
    pub users: &'a [MetaUser<'a>],
    /// Whether an interaction with this value is liked.
    pub is_liked: &'a (dyn Fn(f32) -> bool + Sync),
}

/// Trains the parameters, whose targets are those at the data's knots. `observe` is told of each epoch its number,
/// counted from 1, how many there are and its mean loss of a user, and may stop.
///
/// Runs on the threads of the current pool, with the same result for any number of them.
///
/// # Errors
/// [`Error::Diverged`] if a loss or a vector is not finite, and those of `observe`.
pub fn meta_train(
    parameters: &mut MetaParameters,
    data: &MetaData,
    options: &MetaOptions,
    mut observe: impl FnMut(usize, usize, f64) -> Result<()>,
) -> Result<()> {
    let &MetaOptions { epochs, batch, rates, seed } = options;
    let &MetaData { bias, knots, users, is_liked } = data;
    let mut order: Vec<usize> =
        (0..users.len()).filter(|&user| users[user].0.len() >= MIN_INTERACTIONS).collect();
    let an_epoch = users_an_epoch(order.len(), bias.len(), batch);
    let steps = epochs * an_epoch.div_ceil(batch);
    let MetaParameters { vectors, start, targets, scalars, .. } = &*parameters;
    let lens = [vectors.len(), start.len(), targets.len(), scalars.len()];
    let mut adam = lens.map(ChunkedMoments::new);
    let mut done = 0;
    for epoch in 0..epochs {
        let at = |user| generator(seed, Purpose::ChoiceTasks, epoch as u64, user);
        order.shuffle(&mut at(u64::MAX));
        let mut loss = 0.0;
        for batch in order[..an_epoch].chunks(batch) {
            let tasks: Vec<MetaTask> = batch
                .par_iter()
                .map(|&user| {
                    let (rated, profile) = users[user];
                    draw_task(rated, profile, knots, is_liked, &mut at(user as u64))
                })
                .collect();
            let ListGradient { loss: more, by } = list_gradient(parameters, bias, &tasks);
            loss += more;
            done += 1;
            let share = done as f64 / steps as f64;
            let fall = ((1.0 + (std::f64::consts::PI * share).cos()) / 2.0) as f32;
            let [vectors, starts, scalars] = rates.map(|rate| Step::new(rate * fall, done));
            adam[0].update(vectors, &mut parameters.vectors, &by.vectors);
            adam[1].update(starts, &mut parameters.start, &by.start);
            adam[2].update(scalars, &mut parameters.targets, &by.targets);
            adam[3].update(scalars, &mut parameters.scalars, &by.scalars);
        }
        // The last step's numbers have no loss of their own.
        if !loss.is_finite() || !are_finite(&parameters.vectors) {
            let problem = format!("the loss of epoch {} is {loss}", epoch + 1);
            return Err(Error::Diverged { work: "the training for lists", problem });
        }
        observe(epoch + 1, epochs, loss / an_epoch.max(1) as f64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user who likes what has an even row.
    fn rated(count: u32) -> Vec<Rated> {
        (0..count).map(|item| Rated { item, value: (1 + item % 2) as f32 }).collect()
    }

    fn tasks(count: u32, draws: u64) -> Vec<MetaTask> {
        let (rated, profile) = (rated(count), [(3, 0.5)]);
        let draw = |draw| {
            let mut rng = generator(0, Purpose::ChoiceTasks, 0, draw);
            draw_task(&rated, &profile, &[1.0, 2.0], |value| value == 1.0, &mut rng)
        };
        (0..draws).map(draw).collect()
    }

    #[test]
    fn a_task_shows_some_and_hides_a_fifth_and_more() {
        let tasks = tasks(51, 4000);
        let shown: Vec<usize> = tasks.iter().map(|task| task.answers.len()).collect();
        let share = |is: &dyn Fn(usize) -> bool| {
            shown.iter().filter(|&&shown| is(shown)).count() as f64 / shown.len() as f64
        };
        let near = |found: f64, expected: f64| (found - expected).abs() < 0.03;
        // A number that is log-uniform up to 41 is rounded to 41 in 0.3 % of the cases, and is
        // below 5.5 in 46 %.
        assert!(near(share(&|shown| shown == 0), 0.1), "{}", share(&|shown| shown == 0));
        assert!(near(share(&|shown| shown == 41), 0.302), "{}", share(&|shown| shown == 41));
        assert!(near(share(&|shown| (1..=5).contains(&shown)), 0.6 * 0.459));
        assert!(shown.iter().all(|shown| *shown <= 41));
        for task in tasks {
            assert_eq!(task.profile, [(3, 0.5)]);
            let mut seen: Vec<u32> = task.answers.iter().map(|answer| answer.0).collect();
            for (item, place) in &task.answers {
                assert_eq!(*place, KnotPlace { knot: item % 2, upper: 0.0 });
            }
            let hidden: Vec<u32> = (0..51).filter(|item| !seen.contains(item)).collect();
            let mut liked = task.liked.clone();
            liked.sort_unstable();
            assert!(liked.iter().eq(hidden.iter().filter(|item| *item % 2 == 0)));
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), task.answers.len());
        }
    }

    #[test]
    fn of_one_interaction_none_is_shown() {
        assert!(tasks(1, 50).iter().all(|task| task.answers.is_empty() && task.liked == [0]));
        assert!(tasks(0, 50).iter().all(|task| task.answers.is_empty() && task.liked.is_empty()));
    }

    #[test]
    fn a_large_catalogue_takes_a_part_of_the_users() {
        let large = |users| users_an_epoch(users, EPOCH_PAIRS / 900, 64);
        assert_eq!([0, 20, 900, 901, 100_000].map(large), [0, 20, 900, 900, 900]);
        // One step at least, and no division by a catalogue of nothing.
        assert_eq!(users_an_epoch(1000, EPOCH_PAIRS, 64), 64);
        assert_eq!(users_an_epoch(7, 0, 64), 7);
    }

    #[test]
    fn a_loss_that_is_no_number_stops_the_training() {
        let (rated, zeros) = (rated(6), vec![0.0; 6]);
        let mut parameters = MetaParameters {
            width: 1,
            vectors: vec![f32::NAN; 6],
            start: vec![0.0],
            targets: vec![1.0, 1.0],
            scalars: [0.0; 4],
        };
        let options = MetaOptions::default();
        let users: &[MetaUser] = &[(&rated, &[])];
        let observe = |_, _, _| Ok(());
        let data = MetaData { bias: &zeros, knots: &[1.0, 2.0], users, is_liked: &|_| true };
        let error = meta_train(&mut parameters, &data, &options, observe).unwrap_err().to_string();
        assert!(error.contains("epoch 1"), "{error}");
    }
}
