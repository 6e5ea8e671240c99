//! Users held back inside training, to choose baselines' settings.

use rand::seq::index;
use rayon::prelude::*;

use super::baseline::Baseline;
use super::choices::{Choice, Choices};
use super::list::{ANSWERED, Candidates, List, RELEVANT};
use crate::data::{Dataset, UserRatings, ranking_tasks};
use crate::eval::Given;
use crate::eval::measured::some_of;
use crate::random::{Purpose, generator};

/// The share of the training users that are held back.
const HELD_BACK: f64 = 0.1;

/// The largest number of them.
const MAX_USERS: usize = 1000;

/// How often the interactions of each of them are split; once where there are as many users as
/// can be.
const DRAWS: u64 = 2;

/// Settings are compared with fits to at most so many interactions, of users drawn at random.
const FITTED: usize = 1_200_000;

/// The mean nDCG@20 for each number of answers.
pub type Worth = [f64; Given::ALL.len()];

/// The training users without the held-back ones, and the lists to make for these.
pub struct RankerTrial {
    /// The choices of the users that are not held back.
    pub choices: Choices,
    /// Items by falling popularity.
    candidates: Candidates,
    tasks: Vec<(Vec<Choice>, Vec<u32>)>,
}

impl RankerTrial {
    /// Holds back users of the training part.
    pub fn new(dataset: &Dataset, training: &[UserRatings], candidates: Candidates) -> Self {
        let count = ((training.len() as f64 * HELD_BACK) as usize).min(MAX_USERS);
        let mut rng = generator(0, Purpose::Validation, 1, 0);
        let mut is_held_back = vec![false; training.len()];
        index::sample(&mut rng, training.len(), count)
            .into_iter()
            .for_each(|user| is_held_back[user] = true);
        let of = |held_back: bool| {
            let users = training.iter().zip(&is_held_back);
            users.filter(move |(_, is)| **is == held_back).map(|(user, _)| user)
        };
        let held_back: Vec<UserRatings> = of(true).cloned().collect();
        let feedback = dataset.feedback;
        let draws = if count == MAX_USERS { 1 } else { DRAWS };
        let tasks = (0..draws).flat_map(|draw| ranking_tasks(&held_back, 0, draw)).map(|task| {
            let relevant = task.query.iter().filter(|rated| feedback.is_liked(rated.value));
            let relevant = relevant.map(|rated| rated.item).collect();
            (Choice::all(&task.support, feedback), relevant)
        });
        let mut others: Vec<&UserRatings> = of(false).collect();
        let all: usize = others.iter().map(|user| user.ratings.len()).sum();
        if all > FITTED {
            let most = (others.len() as f64 * FITTED as f64 / all as f64) as usize;
            others = some_of(others, most, 0, 4);
        }
        Self {
            choices: Choices::new(others.into_iter(), feedback, dataset.items.len()),
            candidates,
            tasks: tasks.collect(),
        }
    }

    /// The mean nDCG@20 over the users held back, for each number of answers.
    pub fn worth(&self, baseline: &dyn Baseline) -> Worth {
        let items = self.choices.items;
        let workspace = || (vec![0.0; items], vec![0u8; items]);
        let task = |(scores, marks): &mut (Vec<f32>, Vec<u8>), task: &(Vec<Choice>, Vec<u32>)| {
            let (answers, relevant) = task;
            marks.fill(0);
            relevant.iter().for_each(|&item| marks[item as usize] = RELEVANT);
            Given::ALL.map(|given| {
                let answers = given.of(answers);
                answers.iter().for_each(|answer| marks[answer.item as usize] |= ANSWERED);
                baseline.score(answers, scores);
                List::new(scores, &self.candidates, marks).map_or(0.0, |list| list.ndcg20)
            })
        };
        let users: Vec<Worth> = self.tasks.par_iter().map_init(workspace, task).collect();
        let mean = |given| users.iter().map(|worth| worth[given]).sum::<f64>();
        std::array::from_fn(|given| mean(given) / users.len().max(1) as f64)
    }
}
