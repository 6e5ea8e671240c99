//! A user who is being interviewed.

use super::baselines::Baselines;
use super::evidence::{Interviewees, QUESTIONS};
use super::metrics::mean_absolute_error;
use super::rankings::{ANSWERED, Candidates, List, RELEVANT};
use crate::data::{Rated, Task};
use crate::model::schema::Column;
use crate::{Catalog, QuestionOptions, Questions, Result, Scratch, User};

/// One interview's figures after one number of questions, or their sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct InterviewFigures {
    pub answers: f64,
    /// 0 where there are no ratings.
    pub mae: f64,
    pub ndcg20: f64,
    /// The number of lists in the sum `ndcg20`: none if there is no relevant item.
    pub lists: f64,
}

impl InterviewFigures {
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.mae += other.mae;
        self.ndcg20 += other.ndcg20;
        self.lists += other.lists;
    }
}

/// The data that all interviews share.
pub struct Interviewed<'a> {
    pub catalog: &'a Catalog,
    pub user_columns: &'a [Column],
    pub baselines: &'a Baselines,
    /// Items that can be listed; of those with equal scores the first comes first.
    pub candidates: &'a Candidates,
    /// Whether the user likes an item with this value.
    pub is_liked: &'a (dyn Fn(f32) -> bool + Sync),
}

/// A user who is being interviewed.
pub struct Interview<'a> {
    shared: &'a Interviewed<'a>,
    world: Interviewees,
    user: User,
    scratch: &'a mut Scratch,
    support: &'a [Rated],
    /// The support set's items.
    known: Vec<u32>,
    query: Vec<u32>,
    ratings: Vec<f32>,
    predicted: Vec<f32>,
    scores: Vec<f32>,
    /// The items that a list must not contain, and those that it should find.
    marks: Vec<u8>,
    answered: (Vec<u32>, Vec<f32>),
    unknown: Vec<u32>,
}

impl<'a> Interview<'a> {
    /// Begins an interview with a task's user, of whom only the profile is known.
    pub fn new(
        shared: &'a Interviewed<'a>,
        world: Interviewees,
        task: &'a Task,
        scratch: &'a mut Scratch,
    ) -> Result<Self> {
        let &Interviewed { catalog, user_columns, is_liked, .. } = shared;
        let mut marks = vec![0; catalog.len()];
        for rated in task.query.iter().filter(|rated| is_liked(rated.value)) {
            marks[rated.item as usize] = RELEVANT;
        }
        Ok(Self {
            shared,
            world,
            user: User::from_columns(catalog, user_columns, task.user as usize)?,
            scratch,
            support: &task.support,
            known: task.support.iter().map(|rated| rated.item).collect(),
            query: task.query.iter().map(|rated| rated.item).collect(),
            ratings: task.query.iter().map(|rated| rated.value).collect(),
            predicted: vec![0.0; task.query.len()],
            scores: vec![0.0; catalog.len()],
            marks,
            answered: (Vec::new(), Vec::new()),
            unknown: Vec::new(),
        })
    }

    /// Asks about a list's items that may be asked about.
    pub fn run(
        &mut self,
        mut list: impl Iterator<Item = u32>,
        figures: &mut Vec<InterviewFigures>,
    ) -> Result<()> {
        self.interview(figures, |interview| {
            Ok(list.find(|item| match interview.world {
                Interviewees::KnowWhatTheyRated => true,
                Interviewees::KnowAllAsked => interview.known.contains(item),
            }))
        })
    }

    /// Asks the model's next questions.
    pub fn run_adaptive(
        &mut self,
        questions: &mut Questions,
        figures: &mut Vec<InterviewFigures>,
    ) -> Result<()> {
        self.interview(figures, |interview| {
            let Self { user, world, unknown, known, .. } = interview;
            let known = (*world == Interviewees::KnowAllAsked).then_some(&known[..]);
            let options = QuestionOptions { unknown, known, ..QuestionOptions::default() };
            let next = user.next_question(questions, options)?;
            Ok(next.map(|question| question.item))
        })
    }

    /// Asks until no question is left or enough were asked, and measures in between.
    fn interview(
        &mut self,
        figures: &mut Vec<InterviewFigures>,
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
        let output = &self.user.model().config().output;
        let accepted = |rated: &&Rated| rated.item == item && output.is_on_scale(rated.value);
        match self.support.iter().find(accepted) {
            Some(rated) => {
                self.answered.0.push(item);
                self.answered.1.push(rated.value);
                self.marks[item as usize] |= ANSWERED;
                self.user.adapt(&self.answered.0, &self.answered.1, self.scratch)
            }
            None => {
                self.unknown.push(item);
                Ok(())
            }
        }
    }

    fn measure(&mut self) -> Result<InterviewFigures> {
        let mut figures = InterviewFigures {
            answers: self.answered.0.len() as f64,
            ..InterviewFigures::default()
        };
        if self.user.model().has_ratings() {
            self.user.predict(&self.query, &mut self.predicted, self.scratch)?;
            let clip = |rating: &mut f32| *rating = self.shared.baselines.clip(*rating);
            self.predicted.iter_mut().for_each(clip);
            figures.mae = mean_absolute_error(&self.predicted, &self.ratings);
        }
        self.user.score_all(&mut self.scores, self.scratch)?;
        if let Some(list) = List::new(&self.scores, self.shared.candidates, &self.marks) {
            (figures.ndcg20, figures.lists) = (list.ndcg20, 1.0);
        }
        Ok(figures)
    }
}
