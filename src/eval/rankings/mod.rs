//! The worth of lists from the whole catalogue, beside those of simple recommenders for the
//! same users.
//!
//! | table | whose lists | what is answered | candidates | what is to be found |
//! | --- | --- | --- | --- | --- |
//! | `new_users`, `known` | new users | known items | known items | a fifth held out |
//! | `new_users_new_items`, `new` | new users | known items | new items | all with new items |
//! | `new_users_new_items`, `all` | new users | known items | both | both of these |
//! | `new_items`, `new` | existing users | known items | new items | all with new items |
//! | `new_items`, `all` | existing users | known items | both | all with new items |
//!
//! A user has at least 20 interactions with known items: items that are not new, and that
//! somebody in training chose. A fifth of a new user's are held out at random; the answers
//! are the first n of the others, in random order. Training saw existing users' interactions
//! with known items, so lists need not find these.
//!
//! Of data that are split by time, existing users' lists should find all that they chose after
//! the boundary, also in a table `existing_users_existing_items`, `known`; the answers are what
//! they chose before. A new user's held-out fifth is the newest one, with the new items chosen
//! since. Answers are in order of time, the oldest first, and there is one draw.
//!
//! Answered items are never candidates. Items
//! to be found are relevant only if they were liked: see
//! [`Feedback::is_liked`](crate::data::Feedback::is_liked). Users without relevant items are
//! left out. Items of equal score are in random order, those of the baselines by falling
//! popularity.

mod baseline;
mod choices;
mod co_counts;
mod content;
mod ease;
mod fitted;
mod ials;
mod invert;
mod item_knn;
mod list;
mod popular;
mod results;
mod tasks;
#[cfg(test)]
mod testing;
mod totals;
mod trial;

use std::cmp::Reverse;
use std::ops::ControlFlow;

use rand::seq::SliceRandom;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use self::choices::{Choice, Choices, Counted};
use self::fitted::{FittedRanker, fit};
pub(super) use self::list::{ANSWERED, Candidates, List, RELEVANT};
pub use self::results::{Among, BaselineSettings, Ranker, Ranking, RankingEvaluation, RankingRow};
use self::tasks::Plan;
use self::totals::RankingTotals;
use super::results::{FEW_USERS, Given};
use super::scenarios::{accepted_answers, check_inside, everybody, unless_stopped};
use crate::data::{Dataset, Scenario, Task};
use crate::model::schema::Column;
use crate::random::{Purpose, generator};
use crate::train::TrainingRecord;
use crate::{Catalog, Error, Model, Result, Scratch, User};

/// How lists are evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct RankingOptions {
    /// How many times each user's interactions are split anew.
    pub draws: usize,
    /// The same seed gives the same draws.
    pub seed: u64,
    /// How many threads, 0 for as many as there are processors.
    pub threads: usize,
}

impl Default for RankingOptions {
    fn default() -> Self {
        Self { draws: 2, seed: 0, threads: 0 }
    }
}

/// Evaluates a model's lists on a data folder, by the same calls as any program that uses it.
/// `progress` gets the current work, the number of users whose lists are done, and the number
/// of all; while none is done, the baselines are fitted. It may break off: it is called before
/// each fit of a baseline, and after each 128 users.
///
/// # Errors
/// Those of [`evaluate`](super::evaluate).
pub fn evaluate_rankings(
    model: &Model,
    dataset: &Dataset,
    options: &RankingOptions,
    mut progress: impl FnMut(&'static str, usize, usize) -> ControlFlow<()> + Send,
) -> Result<RankingEvaluation> {
    let &RankingOptions { draws, seed, threads } = options;
    if draws == 0 {
        return Err(Error::argument("draws", "it is 0; at least 1 is expected"));
    }
    check_inside(TrainingRecord::of(model).as_ref(), dataset)?;
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
    let plans = [Plan::new_users(dataset, seed), Plan::existing_users(dataset, seed)];
    let all: usize = plans.iter().map(|plan| plan.draws(draws) * plan.tasks(seed, 0).len()).sum();
    let context = RankingContext::new(model, dataset, seed, &pool, |what| {
        unless_stopped(progress(what, 0, all))
    })?;
    let mut done = 0;
    let mut rankings = Vec::new();
    let workspace = context.workspace()?;
    for plan in plans {
        let draws = plan.draws(draws);
        let mut totals: Vec<RankingTotals> =
            plan.tables.iter().map(|(_, among)| context.totals(*among)).collect();
        for draw in 0..draws as u64 {
            let tasks = plan.tasks(seed, draw);
            totals.iter_mut().for_each(RankingTotals::begin_draw);
            for some in tasks.chunks(128) {
                let lists = pool.install(|| {
                    let lists = |work: &mut Workspace, task| context.task(&plan, task, work);
                    let some = some.par_iter().map_with(workspace.clone(), lists);
                    some.collect::<Result<Vec<_>>>()
                })?;
                // In the tasks' order, whatever the number of threads.
                for (lists, task) in lists.into_iter().zip(some) {
                    for (lists, totals) in lists.iter().zip(&mut totals) {
                        if let Some(lists) = lists {
                            totals.add(task.user, lists, &context.popularity, &dataset.new_items);
                        }
                    }
                }
                done += some.len();
                unless_stopped(progress("lists", done, all))?;
            }
        }
        for ((scenario, among), totals) in plan.tables.iter().zip(totals) {
            rankings.push(Ranking {
                scenario: *scenario,
                among: *among,
                users: totals.users(),
                few_users: totals.users() < FEW_USERS,
                draws,
                candidates: context.candidates(*among).at_random.len,
                rows: totals.rows(),
            });
        }
    }
    rankings.sort_by_key(|ranking| Scenario::ALL.iter().position(|s| *s == ranking.scenario));
    Ok(RankingEvaluation { rankings, baselines: context.settings })
}

/// The data that all tasks share.
struct RankingContext<'a> {
    dataset: &'a Dataset,
    catalog: Catalog,
    user_columns: Vec<Column>,
    baselines: Vec<FittedRanker>,
    settings: Vec<BaselineSettings>,
    /// For each item the share of training users who chose it.
    popularity: Vec<f64>,
    /// Candidates at random, as data folders may have popular items first: of equal
    /// scores the first comes first. For the baselines known ones by falling popularity.
    known: Orders,
    new: Orders,
    all: Orders,
}

/// Items that can be listed, in the orders in which those of equal scores come.
struct Orders {
    at_random: Candidates,
    by_popularity: Candidates,
}

/// The memory in which one thread computes.
#[derive(Clone)]
struct Workspace {
    scratch: Scratch,
    scores: Vec<f32>,
    marks: Vec<u8>,
}

impl<'a> RankingContext<'a> {
    fn new(
        model: &Model,
        dataset: &'a Dataset,
        seed: u64,
        pool: &ThreadPool,
        progress: impl FnMut(&'static str) -> Result<()> + Send,
    ) -> Result<Self> {
        let (catalog, user_columns) = everybody(model, dataset)?;
        let training = dataset.scenario(Scenario::ExistingUsersExistingItems);
        let items = dataset.items.len();
        let counts = Choices::new(training.iter(), dataset.feedback, items).counts(Counted::All);
        let mut rows: Vec<u32> = (0..items as u32).collect();
        rows.shuffle(&mut generator(seed, Purpose::Rankings, u64::MAX, 1));
        let is_new = |item: &u32| dataset.new_items.get(*item as usize) == Some(&true);
        let candidates = |is_one: &dyn Fn(&u32) -> bool| {
            let at_random: Vec<u32> = rows.iter().copied().filter(is_one).collect();
            let mut by_popularity = at_random.clone();
            by_popularity.sort_by_key(|item| Reverse(counts[*item as usize]));
            let [at_random, by_popularity] =
                [at_random, by_popularity].map(|ordered| Candidates::new(&ordered, items));
            Orders { at_random, by_popularity }
        };
        let is_known = |item: &u32| counts[*item as usize] > 0;
        let known = candidates(&is_known);
        let (baselines, settings) =
            pool.install(|| fit(dataset, &training, &known.by_popularity, progress))?;
        let share = |count: &u32| f64::from(*count) / training.len().max(1) as f64;
        Ok(Self {
            dataset,
            catalog,
            user_columns,
            baselines,
            settings,
            popularity: counts.iter().map(share).collect(),
            known,
            new: candidates(&is_new),
            all: candidates(&|item| is_known(item) || is_new(item)),
        })
    }

    fn candidates(&self, among: Among) -> &Orders {
        match among {
            Among::Known => &self.known,
            Among::New => &self.new,
            Among::All => &self.all,
        }
    }

    /// The rankers for these candidates: most baselines know nothing about new items.
    fn rankers(&self, among: Among) -> Vec<Ranker> {
        let baselines = self.baselines.iter().filter(|fitted| fitted.ranks(among));
        std::iter::once(Ranker::Melu).chain(baselines.map(|fitted| fitted.ranker)).collect()
    }

    fn totals(&self, among: Among) -> RankingTotals {
        let candidates = self.candidates(among).at_random.len;
        RankingTotals::new(&self.rankers(among), candidates, self.dataset.items.len())
    }

    fn workspace(&self) -> Result<Workspace> {
        let (scratch, items) = (Scratch::new(&self.catalog)?, self.dataset.items.len());
        Ok(Workspace { scratch, scores: vec![0.0; items], marks: vec![0; items] })
    }

    /// For each of the plan's tables, if the user has a relevant item there, the lists by
    /// number of answers and ranker.
    fn task(
        &self,
        plan: &Plan,
        task: &Task,
        workspace: &mut Workspace,
    ) -> Result<Vec<Option<Vec<List>>>> {
        let Workspace { scratch, scores, marks } = workspace;
        let feedback = self.dataset.feedback;
        let is_new = |item: u32| self.dataset.new_items.get(item as usize) == Some(&true);
        marks.fill(0);
        for rated in task.query.iter().filter(|rated| feedback.is_liked(rated.value)) {
            // Items that nobody in training chose are not candidates.
            let is_candidate = is_new(rated.item) || self.popularity[rated.item as usize] > 0.0;
            marks[rated.item as usize] = if is_candidate { RELEVANT } else { 0 };
        }
        let relevant = |new: bool| {
            let relevant = (0..).zip(marks.iter()).filter(|(_, mark)| **mark == RELEVANT);
            relevant.filter(|(item, _)| is_new(*item) == new).count()
        };
        let (known, new) = (relevant(false), relevant(true));
        let mut tables: Vec<Option<Vec<List>>> = plan
            .tables
            .iter()
            .map(|(_, among)| (if *among == Among::Known { known } else { new } > 0).then(Vec::new))
            .collect();
        let answers = Choice::all(&task.support, feedback);
        let mut user = User::from_columns(&self.catalog, &self.user_columns, task.user as usize)?;
        for given in Given::ALL {
            let known = given.of(&task.support);
            known.iter().for_each(|rated| marks[rated.item as usize] |= ANSWERED);
            let (items, ratings) = accepted_answers(self.catalog.model(), known);
            user.adapt(&items, &ratings, scratch)?;
            user.score_all(scores, scratch)?;
            for ((_, among), table) in plan.tables.iter().zip(&mut tables) {
                let Some(table) = table else { continue };
                table.extend(List::new(scores, &self.candidates(*among).at_random, marks));
            }
            for fitted in &self.baselines {
                fitted.of(given).score(given.of(&answers), scores);
                if !fitted.knows_new_items() {
                    for (score, is_new) in scores.iter_mut().zip(&self.dataset.new_items) {
                        *score = if *is_new { f32::NEG_INFINITY } else { *score };
                    }
                }
                for ((_, among), table) in plan.tables.iter().zip(&mut tables) {
                    let Some(table) = table.as_mut().filter(|_| fitted.ranks(*among)) else {
                        continue;
                    };
                    let candidates = &self.candidates(*among).by_popularity;
                    table.extend(List::new(scores, candidates, marks));
                }
            }
        }
        Ok(tables)
    }
}
