//! The worth of questions: new users are asked as a program would ask them, and the lists for
//! them and the errors on their other ratings are measured.
//!
//! Users, their held-out interactions, and lists are those of
//! [`evaluate_rankings`](super::evaluate_rankings) for new users and known items. Held-out
//! items are those that users come to know later: users pass on them, and lists may contain
//! them. Answered items are no longer candidates.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use rand::seq::SliceRandom;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde::Serialize;

use super::baselines::Baselines;
use super::interview::{Interview, InterviewFigures, Interviewed};
use super::rankings::Candidates;
use super::results::FEW_USERS;
use super::scenarios::{check_inside, everybody, unless_stopped};
use super::sums::mean_and_error;
use crate::data::{Dataset, Feedback, Scenario, Task, ranking_tasks};
use crate::model::schema::Column;
use crate::random::{Purpose, generator};
use crate::train::TrainingRecord;
use crate::{Catalog, Error, Model, Questions, Result, Scratch, greedy_evidence};

/// The numbers of questions after which lists and errors are measured.
pub const QUESTIONS: [usize; 6] = [0, 5, 10, 20, 40, 50];

/// The length of the greedy list: long enough that most users, of both kinds, are asked all
/// questions.
const GREEDY_LIST: usize = 500;

/// Options of the evaluation of questions.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceOptions {
    /// How many times each user's interactions are split anew into known items and items to
    /// find and predict.
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

/// The items that new users know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interviewees {
    /// They know the items of their support sets, and pass on every other item.
    KnowWhatTheyRated,
    /// Only items of their support sets are asked about, all of which they know.
    KnowAllAsked,
}

impl Interviewees {
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

/// A way of choosing questions.
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
    /// [`User::next_question`](crate::User::next_question): each question depends on the
    /// answers before it.
    Adaptive,
}

impl Interviewer {
    /// All of them; the others are compared with the first.
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

/// The worth of each interviewer's questions, for both kinds of user.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceEvaluation {
    /// In [`Interviewees::ALL`]'s order.
    pub worlds: Vec<InterviewResult>,
}

/// The results for one kind of user.
#[derive(Clone, Debug, Serialize)]
pub struct InterviewResult {
    /// The kind of user.
    #[serde(rename = "name")]
    pub world: Interviewees,
    /// How many new users are asked.
    pub users: usize,
    /// Whether these are fewer than [`FEW_USERS`].
    pub few_users: bool,
    /// The number of draws, over which the figures are means.
    pub draws: usize,
    /// A row for each interviewer and each of [`QUESTIONS`].
    pub rows: Vec<EvidenceRow>,
}

impl InterviewResult {
    /// Each interviewer's rows, by number of questions.
    pub fn interviewers(&self) -> impl Iterator<Item = &[EvidenceRow]> {
        self.rows.chunk_by(|a, b| a.interviewer == b.interviewer)
    }
}

/// One interviewer's figures after one number of questions: means over users,
/// each of whom counts by the mean over the draws.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceRow {
    /// The interviewer.
    pub interviewer: Interviewer,
    /// How many questions were asked, or fewer where no more were left.
    pub questions: usize,
    /// How many of them were answered.
    pub answers: f64,
    /// nDCG of the best 20 of the whole catalogue without the answered items.
    pub ndcg20: f64,
    /// Its difference to that of the most popular items.
    pub ndcg20_difference: f64,
    /// The standard error of the difference, over the users.
    pub ndcg20_difference_se: f64,
    /// The error of predicted ratings, if the model predicts them.
    #[serde(flatten)]
    pub error: Option<EvidenceError>,
}

/// The error on held-out items. Predictions are clipped to the range of the training ratings,
/// and not rounded.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EvidenceError {
    /// Mean absolute error.
    pub mae: f64,
    /// Its difference to that of the most popular items.
    pub mae_difference: f64,
    /// The standard error of the difference, over the users.
    pub mae_difference_se: f64,
}

/// Interviews the new users of a data folder, and measures lists and the error on held-out
/// items. `progress` gets the number of interviews that are done, and of all, and may break off.
///
/// A model that [cannot choose questions](Model::has_questions) has no greedy list and no
/// next question, and one without evidence candidates has no list by the paper's score. These
/// rows are left out.
///
/// # Errors
/// Those of [`evaluate`](super::evaluate).
pub fn evaluate_evidence(
    model: &Model,
    dataset: &Dataset,
    options: &EvidenceOptions,
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<EvidenceEvaluation> {
    if options.draws == 0 {
        return Err(Error::argument("draws", "it is 0; at least 1 is expected"));
    }
    check_inside(TrainingRecord::of(model).as_ref(), dataset)?;
    let pool = ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
    let interviews = Interviews::new(model, dataset, options.seed)?;
    // For each thread a copy; no questions of a model that cannot choose them.
    let workspace = (Scratch::new(&interviews.catalog)?, interviews.questions()?);
    let draws = draws(dataset, options);
    let users = draws.first().map_or(0, Vec::len);
    let all = Interviewees::ALL.len() * draws.len() * users;
    let mut done = 0;
    let mut worlds = Vec::new();
    for world in Interviewees::ALL {
        let mut figures = vec![vec![InterviewFigures::default(); interviews.rows()]; users];
        for (draw, tasks) in draws.iter().enumerate() {
            let mut sums = figures.chunks_mut(64);
            for some in tasks.chunks(64) {
                let results = pool.install(|| {
                    let draw = draw as u64;
                    let ask = |workspace: &mut (Scratch, Option<Questions>), task| {
                        interviews.ask(world, task, workspace, options.seed, draw)
                    };
                    some.par_iter().map_with(workspace.clone(), ask).collect::<Result<Vec<_>>>()
                })?;
                for (sums, results) in sums.next().into_iter().flatten().zip(&results) {
                    sums.iter_mut().zip(results).for_each(|(sum, result)| sum.add(result));
                }
                done += some.len();
                unless_stopped(progress(done, all))?;
            }
        }
        let rows = interviews.summarise(&figures, draws.len());
        let few_users = users < FEW_USERS;
        worlds.push(InterviewResult { world, users, few_users, draws: draws.len(), rows });
    }
    Ok(EvidenceEvaluation { worlds })
}

/// Each draw's tasks: new users with enough interactions with known items. By time there is
/// one draw.
fn draws(dataset: &Dataset, options: &EvidenceOptions) -> Vec<Vec<Task>> {
    if let Some(mut tasks) = dataset.ranking_tasks_by_time(true) {
        let is_new = |item: u32| dataset.new_items.get(item as usize) == Some(&true);
        tasks.iter_mut().for_each(|task| task.query.retain(|rated| !is_new(rated.item)));
        return vec![tasks];
    }
    let groups = dataset.scenario(Scenario::NewUsers);
    (0..options.draws as u64).map(|draw| ranking_tasks(&groups, options.seed, draw)).collect()
}

/// The data that all interviews share.
struct Interviews {
    catalog: Catalog,
    user_columns: Vec<Column>,
    baselines: Baselines,
    interviewers: Vec<Interviewer>,
    /// Whether the model can choose questions.
    can_choose: bool,
    feedback: Feedback,
    predicts: bool,
    /// Items that can be listed, those of equal score in random order.
    candidates: Candidates,
    /// Each list, best first.
    popular: Vec<u32>,
    paper: Vec<u32>,
    greedy: Vec<u32>,
}

impl Interviews {
    fn new(model: &Model, dataset: &Dataset, seed: u64) -> Result<Self> {
        let contents = model.contents();
        let (catalog, user_columns) = everybody(model, dataset)?;

        let own = contents.catalog.as_ref().map(|table| &table.ids);
        let place = |item: &u32| catalog.find(own?.get(*item as usize)?);
        let paper = contents.evidence.as_ref().map(|evidence| &evidence.items[..]);
        let paper = paper.unwrap_or_default().iter().filter_map(place).collect();
        let can_choose = model.has_questions();
        let mut interviewers = Interviewer::ALL.to_vec();
        interviewers.retain(|interviewer| match interviewer {
            Interviewer::Greedy | Interviewer::Adaptive => can_choose,
            Interviewer::Paper => contents.evidence.is_some(),
            Interviewer::Popular | Interviewer::Random => true,
        });
        let list = if can_choose { greedy_evidence(&catalog, GREEDY_LIST)? } else { Vec::new() };
        let popular = most_popular(dataset);
        let mut candidates = popular.clone();
        candidates.shuffle(&mut generator(seed, Purpose::Questions, u64::MAX, u64::MAX));
        Ok(Self {
            catalog,
            user_columns,
            baselines: Baselines::new(dataset),
            interviewers,
            can_choose,
            feedback: dataset.feedback,
            predicts: model.has_ratings(),
            candidates: Candidates::new(&candidates, dataset.items.len()),
            popular,
            paper,
            greedy: list.iter().map(|question| question.item).collect(),
        })
    }

    fn questions(&self) -> Result<Option<Questions>> {
        self.can_choose.then(|| Questions::new(&self.catalog)).transpose()
    }

    fn rows(&self) -> usize {
        self.interviewers.len() * QUESTIONS.len()
    }

    /// All interviews of one user: figures for each interviewer and number of
    /// questions.
    fn ask(
        &self,
        world: Interviewees,
        task: &Task,
        (scratch, questions): &mut (Scratch, Option<Questions>),
        seed: u64,
        draw: u64,
    ) -> Result<Vec<InterviewFigures>> {
        let mut figures = Vec::with_capacity(self.rows());
        let shared = Interviewed {
            catalog: &self.catalog,
            user_columns: &self.user_columns,
            baselines: &self.baselines,
            candidates: &self.candidates,
            is_liked: &|value| self.feedback.is_liked(value),
        };
        for &interviewer in &self.interviewers {
            let mut interview = Interview::new(&shared, world, task, scratch)?;
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
                    if let Some(questions) = questions {
                        interview.run_adaptive(questions, &mut figures)?;
                    }
                    continue;
                }
            };
            interview.run(list.iter().copied(), &mut figures)?;
        }
        Ok(figures)
    }

    fn summarise(&self, figures: &[Vec<InterviewFigures>], draws: usize) -> Vec<EvidenceRow> {
        let draws = draws as f64;
        let row = |index: usize| {
            let popular = index % QUESTIONS.len();
            // Each user's figure minus that of the most popular items.
            let compare = |figure: &dyn Fn(&InterviewFigures) -> Option<f64>| {
                let of_all = |index: usize| {
                    figures.iter().filter_map(move |of_user| figure(&of_user[index]))
                };
                let found: Vec<f64> = of_all(index).collect();
                let less: Vec<f64> =
                    of_all(index).zip(of_all(popular)).map(|(one, other)| one - other).collect();
                (mean_and_error(&found).0, mean_and_error(&less))
            };
            let (ndcg20, (ndcg20_difference, ndcg20_difference_se)) =
                compare(&|of_user| (of_user.lists > 0.0).then(|| of_user.ndcg20 / of_user.lists));
            let (mae, (mae_difference, mae_difference_se)) =
                compare(&|of_user| Some(of_user.mae / draws));
            let (answers, _) = compare(&|of_user| Some(of_user.answers / draws));
            let error = EvidenceError { mae, mae_difference, mae_difference_se };
            EvidenceRow {
                interviewer: self.interviewers[index / QUESTIONS.len()],
                questions: QUESTIONS[popular],
                answers,
                ndcg20,
                ndcg20_difference,
                ndcg20_difference_se,
                error: self.predicts.then_some(error),
            }
        };
        (0..self.rows()).map(row).collect()
    }
}

/// The items that training users rated, those with the most raters first.
fn most_popular(dataset: &Dataset) -> Vec<u32> {
    let mut raters = vec![0u32; dataset.items.len()];
    let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
    for rated in groups.iter().flat_map(|group| &*group.ratings) {
        raters[rated.item as usize] += 1;
    }
    let rated = |item: &u32| raters[*item as usize] > 0;
    let mut popular: Vec<u32> = (0..).take(raters.len()).filter(rated).collect();
    popular.sort_by_key(|&item| Reverse(raters[item as usize]));
    popular
}
