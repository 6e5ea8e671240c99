//! One user while being asked.

use super::baselines::Baselines;
use super::evidence::{QUESTIONS, World};
use super::metrics::mean_absolute_error;
use crate::data::{Rated, Task};
use crate::schema::Column;
use crate::{Asking, Catalog, Questions, Result, User};

/// One interview's figures after one number of questions, or their sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub answers: f64,
    pub mae: f64,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.mae += other.mae;
    }
}

/// One user while being asked.
pub struct Interview<'a> {
    baselines: &'a Baselines,
    world: World,
    user: User,
    support: &'a [Rated],
    /// The support set's items.
    known: Vec<u32>,
    query: Vec<u32>,
    ratings: Vec<f32>,
    scores: Vec<f32>,
    answered: (Vec<u32>, Vec<f32>),
    unknown: Vec<u32>,
}

impl<'a> Interview<'a> {
    /// Of a task's user, of whom nothing is known yet but the profile.
    pub fn new(
        catalog: &Catalog,
        columns: &[Column],
        baselines: &'a Baselines,
        world: World,
        task: &'a Task,
    ) -> Result<Self> {
        Ok(Self {
            baselines,
            world,
            user: User::from_columns(catalog, columns, task.user as usize)?,
            support: &task.support,
            known: task.support.iter().map(|rated| rated.item).collect(),
            query: task.query.iter().map(|rated| rated.item).collect(),
            ratings: task.query.iter().map(|rated| rated.value).collect(),
            scores: vec![0.0; task.query.len()],
            answered: (Vec::new(), Vec::new()),
            unknown: Vec::new(),
        })
    }

    /// Asks a list's items, as far as they may be asked in this world.
    pub fn run(
        &mut self,
        mut list: impl Iterator<Item = u32>,
        figures: &mut Vec<Figures>,
    ) -> Result<()> {
        self.interview(figures, |interview| {
            Ok(list.find(|item| match interview.world {
                World::KnowWhatTheyRated => !interview.query.contains(item),
                World::KnowAllAsked => interview.known.contains(item),
            }))
        })
    }

    /// Asks what the model would ask next.
    pub fn run_adaptive(
        &mut self,
        questions: &mut Questions,
        figures: &mut Vec<Figures>,
    ) -> Result<()> {
        self.interview(figures, |interview| {
            let Self { user, world, unknown, query, known, .. } = interview;
            let known = (*world == World::KnowAllAsked).then_some(&known[..]);
            let next =
                user.next_question(questions, Asking { unknown, leave_out: query, known })?;
            Ok(next.map(|question| question.item))
        })
    }

    /// Asks until nothing is left or enough was asked, and measures in between.
    fn interview(
        &mut self,
        figures: &mut Vec<Figures>,
        mut next: impl FnMut(&mut Self) -> Result<Option<u32>>,
    ) -> Result<()> {
        let mut asked = 0;
        for questions in QUESTIONS {
            while asked < questions {
                let Some(item) = next(self)? else { break };
                self.answer(item)?;
                asked += 1;
            }
            figures.push(self.measure()?);
        }
        Ok(())
    }

    fn answer(&mut self, item: u32) -> Result<()> {
        match self.support.iter().find(|rated| rated.item == item) {
            Some(rated) => {
                self.answered.0.push(item);
                self.answered.1.push(rated.value);
                self.user.adapt(&self.answered.0, &self.answered.1)
            }
            None => {
                self.unknown.push(item);
                Ok(())
            }
        }
    }

    fn measure(&mut self) -> Result<Figures> {
        self.user.predict(&self.query, &mut self.scores)?;
        self.scores.iter_mut().for_each(|score| *score = self.baselines.clip(*score));
        let mae = mean_absolute_error(&self.scores, &self.ratings);
        Ok(Figures { answers: self.answered.0.len() as f64, mae })
    }
}
