//! The next best question for one user.

use crate::catalog::blocks::{BLOCK, Rows};
use crate::user::questions::information::Information;
use crate::user::score::not_finite;
use crate::{Catalog, Error, Result, Scratch, User, memory};

/// Options for choosing a question: what is known of the user besides their ratings.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuestionOptions<'a> {
    /// Items that the user was asked about and did not know, in any order. They are not
    /// asked about again, and make similar items less likely to be known.
    pub unknown: &'a [u32],
    /// Items to leave out, in any order.
    pub leave_out: &'a [u32],
    /// The only items to ask about, if the caller knows that the user knows them: for
    /// example, the items that they bought.
    pub known: Option<&'a [u32]>,
}

/// An item worth asking about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// The item's index in the catalogue.
    pub item: u32,
    /// The chance that the user knows it.
    pub known: f32,
    /// By how much an answer would lower the mean variance of scores, weighted by the chance
    /// that the user chooses the item. For a model without a head for choosing: of predicted
    /// ratings, weighted by the chance that the user knows the item. In the head's units,
    /// squared.
    pub reduction: f32,
}

impl Question {
    /// The worth of the question: the expected reduction, multiplied once more by the chance
    /// of an answer.
    ///
    /// The expectation alone asks too early about rarely known items: it ignores that an
    /// answer also improves the questions after it.
    pub fn worth(&self) -> f32 {
        self.known * self.known * self.reduction
    }

    /// Whether it is worth more than another, or than no question.
    pub(crate) fn beats(&self, other: Option<Self>) -> bool {
        self.worth() > other.map_or(0.0, |other| other.worth())
    }
}

/// The workspace in which questions to users of one catalogue are chosen.
///
/// It holds the memory of [`User::next_question`], with a [`Scratch`], and nothing about a
/// user: one serves any number of users, one call at a time. It may move between threads.
///
/// ```no_run
/// use melu::{Model, QuestionOptions, Questions, Scratch, User};
///
/// # fn answer(_item: u32) -> Option<f32> { None }
/// # fn main() -> melu::Result<()> {
/// let catalog = Model::open("films.melu")?.catalog()?.expect("the file has its items");
/// let mut questions = Questions::new(&catalog)?;
/// let mut scratch = Scratch::new(&catalog)?;
/// let mut user = User::new(&catalog, &[])?;
/// let (mut items, mut ratings, mut unknown) = (vec![], vec![], vec![]);
/// for _ in 0..10 {
///     let options = QuestionOptions { unknown: &unknown, ..QuestionOptions::default() };
///     let Some(question) = user.next_question(&mut questions, options)? else { break };
///     match answer(question.item) {
///         Some(rating) => {
///             items.push(question.item);
///             ratings.push(rating);
///             user.adapt(&items, &ratings, &mut scratch)?;
///         }
///         None => unknown.push(question.item),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Questions {
    scratch: Scratch,
    information: Information,
    /// The chance that the user is of each kind, [kinds].
    kinds: Vec<f32>,
    /// The chance that the user knows each item; 0 for items to leave out.
    known: Vec<f32>,
}

impl Questions {
    /// A workspace for questions about a catalogue's items.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], and [`Error::Argument`] if the model has no head for choosing
    /// and adapts by gradient steps: it does not know how sure it is.
    pub fn new(catalog: &Catalog) -> Result<Self> {
        let kinds = catalog.familiarity().map_or(0, |familiarity| familiarity.kinds());
        Ok(Self {
            scratch: Scratch::new(catalog)?,
            information: Information::new(catalog)?,
            kinds: memory::zeros(kinds)?,
            known: memory::zeros(catalog.len())?,
        })
    }
}

impl User {
    /// The best item to ask about next: the one of the greatest [`Question::worth`], which
    /// weighs how likely the user is to know it, given the items that they rated and did not
    /// know, and by how much an answer would lower the variance of the scores that decide a
    /// list. Of equal ones the one with the lower index.
    ///
    /// `None` if no item is left that was not asked about and that anybody knows. Takes two
    /// passes over the catalogue.
    ///
    /// # Errors
    /// [`Error::Argument`] if `questions` are of another catalogue than the
    /// user's; [`Error::ItemIndex`], and [`Error::OutOfMemory`]; [`Error::Diverged`] if a number
    /// is not finite, as with a damaged weight file.
    pub fn next_question(
        &self,
        questions: &mut Questions,
        options: QuestionOptions,
    ) -> Result<Option<Question>> {
        let Questions { scratch, information, kinds, known } = questions;
        if scratch.check(&self.catalog).is_err() {
            return Err(Error::argument("questions", "they are of another catalogue"));
        }
        self.catalog.check("unknown", options.unknown)?;
        self.catalog.check("leave_out", options.leave_out)?;
        self.catalog.check("known", options.known.unwrap_or_default())?;
        match self.catalog.familiarity() {
            Some(familiarity) => {
                familiarity.kinds_given(&self.rated, options.unknown, kinds);
                familiarity.known(kinds, known);
            }
            None => self.catalog.popularity(known),
        }
        information.update(self, known, scratch)?;
        if !information.uncertainty.is_finite() {
            let problem = format!(
                "the variance of the scores is {}; the weight file may be damaged: `melu verify` \
                 tells",
                information.uncertainty
            );
            return Err(Error::Diverged { work: "choosing a question", problem });
        }
        if let Some(items) = options.known {
            known.fill(0.0);
            items.iter().for_each(|&item| known[item as usize] = 1.0);
        }
        for items in [&self.rated, options.unknown, options.leave_out] {
            items.iter().for_each(|&item| known[item as usize] = 0.0);
        }
        match best(information, self, known, scratch) {
            Some(Question { item, known, reduction })
                if !(known.is_finite() && reduction.is_finite()) =>
            {
                Err(not_finite(&self.catalog, item, reduction))
            }
            question => Ok(question),
        }
    }
}

/// The best question, given the chance that the user knows each item.
pub(crate) fn best(
    information: &mut Information,
    user: &User,
    known: &[f32],
    scratch: &mut Scratch,
) -> Option<Question> {
    let most = information.uncertainty;
    let mut best: Option<Question> = None;
    let mut block = [0; BLOCK];
    let mut count = 0;
    for (item, &chance) in (0u32..).zip(known) {
        // Items that nobody knows or that could not beat the best are passed over.
        if (Question { item, known: chance, reduction: most }).beats(best) {
            block[count] = item;
            count += 1;
        }
        if count < BLOCK && item as usize + 1 < known.len() {
            continue;
        }
        let items = &block[..std::mem::take(&mut count)];
        let reductions = information.reductions(user, Rows::Listed(items), scratch);
        for (&item, &reduction) in items.iter().zip(reductions) {
            let found = Question { item, known: known[item as usize], reduction };
            if found.beats(best) {
                best = Some(found);
            }
        }
    }
    best
}
