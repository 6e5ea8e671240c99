//! Evidence candidates from a data folder's training tasks.

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::training_set::raters;
use crate::data::{Dataset, Scenario, Task, items_and_ratings, tasks};
use crate::model::file::EvidenceTable;
use crate::model::schema::{Column, Entity};
use crate::{Catalog, Error, EvidenceRanking, Result, Scratch, User};

/// Ranks a catalogue's items by the gradient norms of the support sets of a
/// data folder's training tasks: for a model whose file has no evidence
/// candidates, or has some from other ratings.
///
/// The tasks are the published recipe's, cut by `seed`. Items of the folder
/// that the catalogue lacks do not count. `threads` is how many to use, 0 for
/// as many as there are processors; the result does not depend on it.
///
/// # Errors
/// [`Error::UnknownField`] and others if the folder's users lack what the
/// model asks for, [`Error::Argument`] if no user makes a task, and
/// [`Error::Rating`] for ratings that the model's loss cannot take.
pub fn rank_evidence(
    catalog: &Catalog,
    dataset: &Dataset,
    seed: u64,
    threads: usize,
) -> Result<EvidenceTable> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| Error::argument("threads", error.to_string()))?;
    let contents = catalog.model().contents();
    let (fields, names) = (&contents.config.user_fields, &contents.user_vocabularies);
    let users = dataset.users.encode(Entity::User, fields, names)?;
    let place: Vec<Option<u32>> = dataset.items.ids().iter().map(|id| catalog.find(id)).collect();
    let groups = dataset.scenario(Scenario::ExistingUsersExistingItems);
    let mut tasks = tasks(&groups, &dataset.rules, seed, 0);
    if tasks.is_empty() {
        let problem = "no existing user has enough ratings of existing items for a task; see \
                       [tasks] in dataset.toml";
        return Err(Error::argument("dataset", problem));
    }
    for task in &mut tasks {
        task.support.retain_mut(|rated| match place[rated.item as usize] {
            Some(item) => {
                rated.item = item;
                true
            }
            None => false,
        });
    }
    let mut known = vec![0; catalog.len()];
    for (item, count) in place.iter().zip(raters(&groups, dataset.items.len())) {
        if let Some(item) = item {
            known[*item as usize] = count;
        }
    }
    pool.install(|| rank(catalog, &users.columns, &tasks, &known))
}

/// The same for tasks in the catalogue's own terms. `raters` holds how many
/// users rated each item.
pub(super) fn rank(
    catalog: &Catalog,
    user_columns: &[Column],
    tasks: &[Task],
    raters: &[u32],
) -> Result<EvidenceTable> {
    let norms = |scratch: &mut Scratch, task: &Task| {
        let user = User::from_columns(catalog, user_columns, task.user as usize)?;
        let (items, ratings) = items_and_ratings(&task.support);
        let mut norms = vec![0.0; items.len()];
        user.gradient_norms(&items, &ratings, &mut norms, scratch)?;
        Ok((items, norms))
    };
    let scratch = Scratch::new(catalog)?;
    let norms = tasks.par_iter().map_with(scratch, norms).collect::<Result<Vec<_>>>()?;
    // In the tasks' order, whatever the number of threads.
    let mut ranking = EvidenceRanking::new(catalog.len())?;
    for (items, norms) in &norms {
        ranking.add(items, norms);
    }
    ranking.finish(raters)
}
