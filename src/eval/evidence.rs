//! What questions are worth: new users are asked, as a program would ask them,
//! and the error on other ratings of theirs is measured.

use std::cmp::Reverse;

use rand::seq::SliceRandom;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde::Serialize;

use super::baselines::Baselines;
use super::interview::{Figures, Interview};
use super::scenarios::{check_inside, everybody};
use crate::data::{Dataset, Scenario, Task, tasks};
use crate::random::{Purpose, generator};
use crate::schema::Column;
use crate::train::TrainingRecord;
use crate::{Catalog, Error, Model, Questions, Result, greedy_evidence};

/// Numbers of questions after which the error is measured.
pub const QUESTIONS: [usize; 6] = [0, 5, 10, 20, 40, 50];

/// How long the greedy list is: long enough that in both worlds most users are
/// asked as many questions as are measured.
const GREEDY_LIST: usize = 500;

/// How questions are evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceOptions {
    /// How many times each user's ratings are cut anew into what the user knows
    /// and what is to be predicted.
    pub draws: usize,
    /// The same seed gives the same draws.
    pub seed: u64,
    /// How many threads, 0 for as many as there are processors.
    pub threads: usize,
}

impl Default for EvidenceOptions {
    fn default() -> Self {
        Self { draws: 3, seed: 0, threads: 0 }
    }
}

/// What new users know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// They know what is in their support sets, and pass on every other item.
    KnowWhatTheyRated,
    /// Only items of their support sets are asked about, all of which they know.
    KnowAllAsked,
}

impl World {
    /// Both.
    pub const ALL: [Self; 2] = [Self::KnowWhatTheyRated, Self::KnowAllAsked];

    /// For people to read.
    pub fn title(self) -> &'static str {
        match self {
            Self::KnowWhatTheyRated => "Users who know what they rated, and pass on the rest",
            Self::KnowAllAsked => "Users who know all that is asked: only what they rated",
        }
    }
}

/// Who chooses the questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interviewer {
    /// The items with the most raters come first.
    Popular,
    /// Any item that somebody rated, in an order drawn anew for each user.
    Random,
    /// The model's evidence candidates, by the paper's score.
    Paper,
    /// [`greedy_evidence`]: one list for all.
    Greedy,
    /// [`User::next_question`](crate::User::next_question): each question is chosen by the answers before it.
    Adaptive,
}

impl Interviewer {
    /// All of them; the first is what the others are compared with.
    pub const ALL: [Self; 5] =
        [Self::Popular, Self::Random, Self::Paper, Self::Greedy, Self::Adaptive];

    /// For people to read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Popular => "most popular",
            Self::Random => "random",
            Self::Paper => "the paper's score",
            Self::Greedy => "greedy list",
            Self::Adaptive => "next question",
        }
    }
}

/// What the questions of each interviewer are worth in both worlds.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceEvaluation {
    /// In [`World::ALL`]'s order.
    pub worlds: Vec<WorldResult>,
}

/// One world's results.
#[derive(Clone, Debug, Serialize)]
pub struct WorldResult {
    /// Which.
    #[serde(rename = "name")]
    pub world: World,
    /// How many new users are asked.
    pub users: usize,
    /// Cuts that the figures are means of.
    pub draws: usize,
    /// For each interviewer, each of [`QUESTIONS`].
    pub rows: Vec<EvidenceRow>,
}

impl WorldResult {
    /// Each interviewer's rows, by number of questions.
    pub fn interviewers(&self) -> impl Iterator<Item = &[EvidenceRow]> {
        self.rows.chunk_by(|a, b| a.interviewer == b.interviewer)
    }
}

/// One interviewer's figures after one number of questions: means over users,
/// each of whom counts by the mean over the draws. Predictions are clipped to the
/// range of the training ratings, and not rounded.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceRow {
    /// Who asks.
    pub interviewer: Interviewer,
    /// How many questions were asked, or fewer where no more were left.
    pub questions: usize,
    /// How many of them were answered.
    pub answers: f64,
    /// Mean absolute error on the query sets, which are never asked about.
    pub mae: f64,
    /// How far it lies above that of the most popular items.
    pub mae_difference: f64,
    /// The standard error of that, over the users.
    pub mae_difference_se: f64,
}

/// Interviews the new users of a data folder, and measures the error on what
/// they were not asked. `progress` is told how many interviews are done, of how
/// many.
///
/// A model that knows no [deviations](Model::has_deviations) has no greedy
/// list and no next question, and one without evidence candidates no list by the
/// paper's score: its rows are of the others alone.
///
/// # Errors
/// As [`evaluate`](super::evaluate).
pub fn evaluate_evidence(
    model: &Model,
    dataset: &Dataset,
    options: &EvidenceOptions,
    mut progress: impl FnMut(usize, usize),
) -> Result<EvidenceEvaluation> {
    if options.draws == 0 {
        return Err(Error::argument("draws", "it is 0; at least 1 is expected"));
    }
    check_inside(TrainingRecord::of(model).as_ref(), dataset)?;
    let pool = ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
    let interviews = Interviews::new(model, dataset)?;
    let groups = dataset.scenario(Scenario::NewUsers);
    let draws: Vec<Vec<Task>> = (0..options.draws as u64)
        .map(|draw| tasks(&groups, &dataset.rules, options.seed, draw))
        .collect();
    let users = draws.first().map_or(0, Vec::len);
    let all = World::ALL.len() * options.draws * users;
    let mut done = 0;
    let mut worlds = Vec::new();
    for world in World::ALL {
        let mut figures = vec![vec![Figures::default(); interviews.rows()]; users];
        for (draw, tasks) in draws.iter().enumerate() {
            let mut sums = figures.chunks_mut(64);
            for some in tasks.chunks(64) {
                let results = pool.install(|| {
                    let draw = draw as u64;
                    let ask = |questions: &mut Option<Questions>, task| {
                        interviews.ask(world, task, questions.as_mut(), options.seed, draw)
                    };
                    let init = || interviews.questions.clone();
                    some.par_iter().map_init(init, ask).collect::<Result<Vec<_>>>()
                })?;
                for (sums, results) in sums.next().into_iter().flatten().zip(&results) {
                    sums.iter_mut().zip(results).for_each(|(sum, result)| sum.add(result));
                }
                done += some.len();
                progress(done, all);
            }
        }
        let rows = interviews.summarise(&figures, options.draws);
        worlds.push(WorldResult { world, users, draws: options.draws, rows });
    }
    Ok(EvidenceEvaluation { worlds })
}

/// What all interviews share.
struct Interviews {
    catalog: Catalog,
    user_columns: Vec<Column>,
    baselines: Baselines,
    interviewers: Vec<Interviewer>,
    /// To be cloned for each thread; `None` for a model that cannot choose.
    questions: Option<Questions>,
    /// Each list, best first.
    popular: Vec<u32>,
    paper: Vec<u32>,
    greedy: Vec<u32>,
}

impl Interviews {
    fn new(model: &Model, dataset: &Dataset) -> Result<Self> {
        let contents = model.contents();
        let (catalog, user_columns) = everybody(model, dataset)?;

        let own = contents.catalog.as_ref().map(|table| &table.ids);
        let place = |item: &u32| catalog.find(own?.get(*item as usize)?);
        let paper = contents.evidence.as_ref().map(|evidence| &evidence.items[..]);
        let paper = paper.unwrap_or_default().iter().filter_map(place).collect();
        let knows_how_sure = model.has_deviations();
        let mut interviewers = Interviewer::ALL.to_vec();
        interviewers.retain(|interviewer| match interviewer {
            Interviewer::Greedy | Interviewer::Adaptive => knows_how_sure,
            Interviewer::Paper => contents.evidence.is_some(),
            Interviewer::Popular | Interviewer::Random => true,
        });
        let list =
            if knows_how_sure { greedy_evidence(&catalog, GREEDY_LIST)? } else { Vec::new() };
        let questions = knows_how_sure.then(|| Questions::new(&catalog)).transpose()?;
        Ok(Self {
            catalog,
            user_columns,
            baselines: Baselines::new(dataset),
            interviewers,
            questions,
            popular: most_popular(dataset),
            paper,
            greedy: list.iter().map(|question| question.item).collect(),
        })
    }

    fn rows(&self) -> usize {
        self.interviewers.len() * QUESTIONS.len()
    }

    /// All interviews of one user: figures for each interviewer and number of
    /// questions.
    fn ask(
        &self,
        world: World,
        task: &Task,
        mut questions: Option<&mut Questions>,
        seed: u64,
        draw: u64,
    ) -> Result<Vec<Figures>> {
        let mut figures = Vec::with_capacity(self.rows());
        for &interviewer in &self.interviewers {
            let mut interview =
                Interview::new(&self.catalog, &self.user_columns, &self.baselines, world, task)?;
            let mut shuffled = Vec::new();
            let list = match interviewer {
                Interviewer::Popular => &self.popular,
                Interviewer::Paper => &self.paper,
                Interviewer::Greedy => &self.greedy,
                Interviewer::Random => {
                    shuffled.clone_from(&self.popular);
                    let user = task.user.into();
                    shuffled.shuffle(&mut generator(seed, Purpose::Questions, draw, user));
                    &shuffled
                }
                Interviewer::Adaptive => {
                    if let Some(questions) = questions.as_deref_mut() {
                        interview.run_adaptive(questions, &mut figures)?;
                    }
                    continue;
                }
            };
            interview.run(list.iter().copied(), &mut figures)?;
        }
        Ok(figures)
    }

    fn summarise(&self, figures: &[Vec<Figures>], draws: usize) -> Vec<EvidenceRow> {
        let users = figures.len().max(1) as f64;
        let draws = draws as f64;
        let mean = |figure: &dyn Fn(&[Figures]) -> f64| {
            figures.iter().map(|of_user| figure(of_user)).sum::<f64>() / users / draws
        };
        let row = |index: usize| {
            let popular = index % QUESTIONS.len();
            let above = |of_user: &[Figures]| of_user[index].mae - of_user[popular].mae;
            let mae_difference = mean(&above);
            let squares = figures.iter().map(|of_user| {
                let difference = above(of_user) / draws - mae_difference;
                difference * difference
            });
            EvidenceRow {
                interviewer: self.interviewers[index / QUESTIONS.len()],
                questions: QUESTIONS[popular],
                answers: mean(&|of_user| of_user[index].answers),
                mae: mean(&|of_user| of_user[index].mae),
                mae_difference,
                mae_difference_se: (squares.sum::<f64>() / (users - 1.0).max(1.0) / users).sqrt(),
            }
        };
        (0..self.rows()).map(row).collect()
    }
}

/// The items that training's users rated, those with the most raters first.
fn most_popular(dataset: &Dataset) -> Vec<u32> {
    let mut raters = vec![0u32; dataset.items.len()];
    let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
    for rated in groups.iter().flat_map(|group| &group.ratings) {
        raters[rated.item as usize] += 1;
    }
    let rated = |item: &u32| raters[*item as usize] > 0;
    let mut popular: Vec<u32> = (0..).take(raters.len()).filter(rated).collect();
    popular.sort_by_key(|&item| Reverse(raters[item as usize]));
    popular
}
