//! From interactions to a head for choosing: settings are chosen by lists for users who
//! are held back, and the head is then fitted to all.

use std::collections::HashMap;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::earlier::{EarlierChoice, WARM_EPOCHS, WARM_SWEEPS};
use super::item_factors::{FactorSettings, ItemFactors};
use super::lists::{Case, cases, is_better};
use super::meta::{MetaOptions, TRIAL_EPOCHS};
use super::neighbours::{CoCounts, Neighbours};
use super::new_items::{OffsetTrial, item_prior, offset};
use super::part::{Part, Trial};
use super::rating_weight::{RatingTrial, exposure};
use super::search::{Free, MixSettings, Mixture, nearest, search};
use crate::data::{Feedback, Task, UserRatings, ranking_tasks};
use crate::model::prior::Prior;
use crate::model::{BESIDES_VECTOR, ChoiceHead};
use crate::random::{Purpose, generator};
use crate::train::factors::Description;
use crate::{Error, Result};

/// Penalties that neighbours are tried with.
const PENALTIES: [f64; 3] = [30.0, 100.0, 500.0];

/// The share of the users who are held back to choose by, and how many at most. With a tenth
/// of them, and each once, what was chosen on MovieLens 1M differed by seed by .005.
const HELD_BACK: f64 = 0.2;
const MAX_HELD_BACK: usize = 600;

/// Where there are fewer tasks, each user makes another, up to so many: with one answer it
/// matters much which one it is.
const ENOUGH_TASKS: usize = 1000;
const MAX_DRAWS: u64 = 4;

/// The places in [`ANSWERS`](super::ANSWERS) whose mean decides, and those that the offset
/// of new items is chosen by.
const JUDGED: [usize; 6] = [1, 2, 3, 4, 5, 6];
const JUDGED_NEW: [usize; 2] = [3, 6];

/// The place at which it is measured how scores rise with popularity.
const JUDGED_EXPOSURE: [usize; 1] = [4];

/// Absence and penalty are compared on at most so many interactions, of users drawn at random.
/// Both count by users and items, so that the best are the same for more of the users; on
/// MovieLens 1M all are within.
const COMPARED: usize = 1_200_000;

/// Sweeps of alternating least squares while settings are compared, and at the end.
const FEW_SWEEPS: usize = 4;
const SWEEPS: usize = 8;

/// The data that a head for choosing is fitted to.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceData<'a> {
    /// Users and what they chose.
    pub groups: &'a [UserRatings],
    /// The items' fields and values.
    pub items: Description<'a>,
    /// The users' fields and values.
    pub users: Description<'a>,
    /// Whether interactions have values, and which are liked.
    pub feedback: Feedback,
    /// Users, by their rows in the data folder in ascending order, who are held back before
    /// others: those from whom predicted ratings have not learned.
    pub unseen: &'a [u32],
}

/// How a head for choosing is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChoiceOptions {
    /// Numbers of an item's row: its vector, and two more.
    pub row_width: usize,
    /// The same seed and data give the same head, for any number of threads.
    pub seed: u64,
}

impl Default for ChoiceOptions {
    fn default() -> Self {
        Self { row_width: 64, seed: 0 }
    }
}

/// The stage of a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// Items are made vectors with other settings, for the so many-th time.
    Vectors(usize),
    /// Neighbours are solved for.
    Neighbours,
    /// Mixes of vectors and neighbours are compared.
    Mixture,
    /// Vectors are meta-trained.
    Meta {
        /// The epoch that is done, counted from 1.
        epoch: usize,
        /// Of how many.
        of: usize,
        /// Its mean loss.
        loss: f64,
    },
    /// The settings are chosen, and all is fitted to all users.
    Whole,
}

/// The settings that were chosen, and how good they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// The weight of each pair of a user and an item as not chosen.
    pub absence: f64,
    /// The regularisation of alternating least squares.
    pub penalty: f64,
    /// The penalty of the neighbours.
    pub neighbour_penalty: f64,
    /// How vectors and neighbours are mixed.
    pub mix: MixSettings,
    /// The numbers of the solver that meta-training ended with: the ridge, the weight of all
    /// that was not chosen, the slope of the precision by answers, and the scale; `None` if
    /// the vectors are not meta-trained.
    pub meta_trained: Option<[f64; 4]>,
    /// Mean nDCG@20 of the users held back from the search that found the settings, over
    /// numbers of answers from 1 to all; `None` where nobody had enough interactions. If the
    /// training started from an earlier model, the search was one for that model.
    pub validation_ndcg20: Option<f64>,
    /// The same of the vectors and neighbours before meta-training.
    pub closed_form_ndcg20: Option<f64>,
}

/// A head for choosing with all that it scores.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The head.
    pub head: ChoiceHead,
    /// `[items, row width]`; zeros for an item that nobody chose.
    pub rows: Vec<f32>,
    /// How many users chose each item.
    pub raters: Vec<u32>,
    /// The items' neighbours.
    pub neighbours: Neighbours,
    /// Where users start.
    pub user_prior: Prior,
    /// Predicts the bias, and then the vector, of an item that nobody chose from its content.
    pub item_prior: Prior,
    /// The settings that were chosen.
    pub chosen: Chosen,
    /// Decides the weight of predicted ratings; `None` where nobody had enough
    /// interactions.
    pub rating_trial: Option<RatingTrial>,
}

/// The settings that a search ended with.
struct Settled {
    absence: f64,
    penalty: f64,
    mix: Mixture,
    meta: bool,
    starts_by_vector: bool,
    new_items: f32,
    exposure: f32,
    validation: [Option<f64>; 2],
    rating_trial: Option<RatingTrial>,
}

impl ChoiceData<'_> {
    /// Fits a head, on the threads of the current pool. `observe` is told what is being
    /// done; an error of it stops the work and is returned.
    ///
    /// # Errors
    /// [`Error::Argument`] if no user has two interactions or the rows are too narrow, and
    /// those of `observe`.
    pub fn fit(
        &self,
        options: &ChoiceOptions,
        observe: impl FnMut(Stage) -> Result<()>,
    ) -> Result<Fit> {
        self.fit_from(options, None, observe)
    }

    /// The same with the settings and from the vectors of an earlier head, if there is one.
    pub(super) fn fit_from(
        &self,
        options: &ChoiceOptions,
        earlier: Option<&EarlierChoice>,
        mut observe: impl FnMut(Stage) -> Result<()>,
    ) -> Result<Fit> {
        let &ChoiceOptions { row_width, seed } = options;
        let width = row_width.saturating_sub(BESIDES_VECTOR);
        if width == 0 {
            let problem = format!("it is {row_width}; at least {} is expected", BESIDES_VECTOR + 1);
            return Err(Error::argument("row_width", problem));
        }
        if self.groups.iter().all(|group| group.ratings.len() < 2) {
            let problem = "no existing user has two of existing items; there is nothing to learn \
                           from";
            return Err(Error::argument("interactions", problem));
        }
        let settled = match earlier {
            Some(earlier) => Settled::earlier(earlier),
            None => self.search(options, &mut observe)?,
        };
        observe(Stage::Whole)?;
        let whole = Part::new(self, self.groups.iter());
        let Settled { absence, penalty, .. } = settled;
        let settings = FactorSettings { width, absence, penalty, sweeps: SWEEPS, seed };
        let factors = match earlier {
            Some(EarlierChoice { vectors, .. }) => {
                // Of vectors that are meta-trained, only those of new items are fitted so.
                let sweeps = if settled.meta { 1 } else { WARM_SWEEPS };
                let settings = FactorSettings { sweeps, ..settings };
                ItemFactors::from_vectors(&whole.interactions, &settings, vectors.clone())
            }
            None => ItemFactors::fit(&whole.interactions, &settings),
        };
        let neighbour_penalty = PENALTIES[settled.mix.penalty()];
        let counts = CoCounts::new(&whole.interactions);
        let neighbours = Neighbours::fit(&counts, &[neighbour_penalty]).pop();
        drop(counts);
        let low_rank = match settled.meta {
            false => whole.closed_form(&factors),
            true => {
                let (begin, epochs) = match earlier {
                    Some(earlier) => (whole.begin_from(&factors, earlier), WARM_EPOCHS),
                    None => (whole.begin(&factors), MetaOptions::default().epochs),
                };
                let options = MetaOptions { seed, epochs, ..MetaOptions::default() };
                whole.meta(begin, &options, |epoch, of, loss| {
                    observe(Stage::Meta { epoch, of, loss })
                })?
            }
        };
        let known: Vec<usize> =
            (0..whole.bias.len()).filter(|&item| whole.bias[item].is_finite()).collect();
        let Settled { absence, penalty, starts_by_vector, new_items, exposure, .. } = settled;
        let validation = settled.validation;
        let meta_trained = low_rank.scalars();
        Ok(Fit {
            head: ChoiceHead {
                starts_by_vector,
                new_items,
                exposure,
                rating: earlier.map_or(0.0, |earlier| earlier.head.rating),
                ..low_rank.head(&whole, settled.mix)
            },
            item_prior: item_prior(&whole, self.items, &low_rank.rows.numbers, width, &known),
            rows: low_rank.rows.numbers,
            raters: (0..whole.bias.len())
                .map(|item| whole.interactions.raters(item) as u32)
                .collect(),
            neighbours: neighbours.unwrap_or_else(Neighbours::none),
            chosen: Chosen {
                absence,
                penalty,
                neighbour_penalty,
                mix: settled.mix.settings(),
                meta_trained,
                closed_form_ndcg20: validation[0],
                validation_ndcg20: validation[1],
            },
            user_prior: low_rank.user_prior,
            rating_trial: settled.rating_trial,
        })
    }

    /// Settings by lists for users who are held back.
    fn search(
        &self,
        options: &ChoiceOptions,
        observe: &mut impl FnMut(Stage) -> Result<()>,
    ) -> Result<Settled> {
        let (held_back, others) = self.hold_back(options.seed);
        let mut tasks = Vec::new();
        for draw in 0..MAX_DRAWS {
            if tasks.len() < ENOUGH_TASKS {
                tasks.extend(ranking_tasks(&held_back, options.seed, draw));
            }
        }
        let judged = |places: &[usize]| cases(&tasks, self.feedback, places);
        match judged(&[0]) {
            none if none.is_empty() => Ok(Settled::unjudged()),
            unanswered => {
                let part = Part::new(self, others.iter().copied());
                let is_unseen = |task: &&Task| self.unseen.binary_search(&task.user).is_ok();
                let search = MixtureSearch {
                    some: self.some(&others, options.seed),
                    part,
                    items: self.items,
                    options,
                    judged: judged(&JUDGED),
                    unanswered,
                    new: judged(&JUDGED_NEW),
                    exposed: judged(&JUDGED_EXPOSURE),
                    unseen: tasks.iter().filter(is_unseen).cloned().collect(),
                };
                search.settle(observe)
            }
        }
    }

    /// A part of these users, if they have too many interactions to compare settings on all.
    fn some<'b>(&'b self, users: &[&'b UserRatings], seed: u64) -> Option<Part<'b>> {
        if users.iter().map(|group| group.ratings.len()).sum::<usize>() <= COMPARED {
            return None;
        }
        let mut order: Vec<usize> = (0..users.len()).collect();
        order.shuffle(&mut generator(seed, Purpose::ChoiceValidation, 2, 0));
        let mut left = COMPARED;
        let fits = |place: &usize| {
            let rest = left.checked_sub(users[*place].ratings.len());
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        let mut order: Vec<usize> = order.into_iter().take_while(fits).collect();
        order.sort_unstable();
        Some(Part::new(self, order.iter().map(|&place| users[place])))
    }

    fn hold_back(&self, seed: u64) -> (Vec<UserRatings>, Vec<&UserRatings>) {
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.shuffle(&mut generator(seed, Purpose::ChoiceValidation, 0, 0));
        let count = (HELD_BACK * self.groups.len() as f64).round() as usize;
        // Stable, so that both parts stay in their random order.
        order.sort_by_key(|&place| self.unseen.binary_search(&self.groups[place].user).is_err());
        order.truncate(count.min(MAX_HELD_BACK));
        order.sort_unstable();
        let held_back = order.iter().map(|&place| self.groups[place].clone()).collect();
        let others = self.groups.iter().enumerate();
        let others = others.filter(|(place, _)| order.binary_search(place).is_err());
        (held_back, others.map(|(_, group)| group).collect())
    }
}

impl Settled {
    /// The settings where nobody has enough interactions to compare any.
    fn unjudged() -> Self {
        Self {
            absence: 0.1,
            penalty: 0.01,
            mix: Mixture::STARTS[0],
            meta: false,
            starts_by_vector: false,
            new_items: 0.0,
            exposure: 0.0,
            validation: [None, None],
            rating_trial: None,
        }
    }

    /// Those of an earlier head.
    fn earlier(EarlierChoice { chosen, head, .. }: &EarlierChoice) -> Self {
        let penalty = nearest(&PENALTIES, chosen.neighbour_penalty);
        Self {
            absence: chosen.absence,
            penalty: chosen.penalty,
            mix: Mixture::nearest(penalty, &chosen.mix),
            meta: chosen.meta_trained.is_some(),
            starts_by_vector: head.starts_by_vector,
            new_items: head.new_items,
            exposure: head.exposure,
            validation: [chosen.closed_form_ndcg20, chosen.validation_ndcg20],
            rating_trial: None,
        }
    }
}

/// The search for settings on a part of the users, by cases of the others.
struct MixtureSearch<'a> {
    part: Part<'a>,
    /// Of so many users only some, on whom absence and penalty are compared.
    some: Option<Part<'a>>,
    items: Description<'a>,
    options: &'a ChoiceOptions,
    /// The cases whose lists decide most settings.
    judged: Vec<Case>,
    /// Those without answers, which decide where users start.
    unanswered: Vec<Case>,
    /// Those that decide the offset of new items.
    new: Vec<Case>,
    /// Those by which it is measured how scores rise with popularity.
    exposed: Vec<Case>,
    /// Tasks of users from whom predicted ratings have not learned.
    unseen: Vec<Task>,
}

impl MixtureSearch<'_> {
    fn settle(&self, observe: &mut impl FnMut(Stage) -> Result<()>) -> Result<Settled> {
        let Self { part, options, judged, unanswered, .. } = self;
        let (width, seed) = (options.row_width - BESIDES_VECTOR, options.seed);
        let (absence, penalty) = self.best_factors(width, observe)?;
        let settings = FactorSettings { width, absence, penalty, sweeps: SWEEPS, seed };
        let factors = ItemFactors::fit(&part.interactions, &settings);
        observe(Stage::Neighbours)?;
        let neighbours = Neighbours::fit(&CoCounts::new(&part.interactions), &PENALTIES);
        observe(Stage::Mixture)?;
        let closed_form = part.closed_form(&factors);
        let mut trial = Trial::new(part, &closed_form, judged);
        let (mix, closed) = search(&Mixture::STARTS, Free::All(PENALTIES.len()), |mix| {
            trial.worth(mix, &neighbours[mix.penalty()])
        });
        // A short trial tells whether it is worth it, and how much neighbours add to it.
        let short = MetaOptions { seed, epochs: TRIAL_EPOCHS, ..MetaOptions::default() };
        let trained = part.meta(part.begin(&factors), &short, |epoch, of, loss| {
            observe(Stage::Meta { epoch, of, loss })
        })?;
        observe(Stage::Mixture)?;
        let mut trial = Trial::new(part, &trained, judged);
        let (trained_mix, trained_worth) =
            search(&[mix], Free::Neighbours(PENALTIES.len()), |mix| {
                trial.worth(mix, &neighbours[mix.penalty()])
            });
        let meta = trained_worth > closed;
        let (mix, low_rank) = if meta { (trained_mix, trained) } else { (mix, closed_form) };
        let neighbours = &neighbours[mix.penalty()];
        let [popular, by_vector] = [false, true].map(|starts_by_vector| {
            let head = ChoiceHead { starts_by_vector, ..low_rank.head(part, mix) };
            part.lists(&low_rank, &head, neighbours).gains(unanswered)
        });
        let head = low_rank.head(part, mix);
        let exposure = exposure(&part.lists(&low_rank, &head, neighbours), &self.exposed);
        let trial = OffsetTrial { part, items: self.items, low_rank: &low_rank, mix, neighbours };
        let new_items = offset(&trial, &self.new, seed);
        Ok(Settled {
            absence,
            penalty,
            mix,
            meta,
            starts_by_vector: is_better(&by_vector, &popular),
            new_items,
            exposure,
            validation: [Some(closed), Some(trained_worth.max(closed))],
            rating_trial: Some(RatingTrial {
                head,
                unit: low_rank.unit(),
                rows: low_rank.rows,
                excluded: part.unknown.clone(),
                neighbours: neighbours.clone(),
                starts: low_rank.starts,
                tasks: self.unseen.clone(),
            }),
        })
    }

    /// The absence and penalty of alternating least squares that make the best lists, as far
    /// as steps by a factor of 3 lead there. Vectors that vanish are worth nothing; if those
    /// that the search begins with do, it begins with a smaller penalty.
    fn best_factors(
        &self,
        width: usize,
        observe: &mut impl FnMut(Stage) -> Result<()>,
    ) -> Result<(f64, f64)> {
        let numbers = |place: [i32; 2]| (0.1 * 3f64.powi(place[0]), 0.01 * 3f64.powi(place[1]));
        let none = Neighbours::none();
        let part = self.some.as_ref().unwrap_or(&self.part);
        let mut known = HashMap::new();
        let mut worth = |place: [i32; 2]| -> Result<f64> {
            if let Some(worth) = known.get(&place) {
                return Ok(*worth);
            }
            observe(Stage::Vectors(known.len() + 1))?;
            let (absence, penalty) = numbers(place);
            let seed = self.options.seed;
            let settings = FactorSettings { width, absence, penalty, sweeps: FEW_SWEEPS, seed };
            let factors = ItemFactors::fit(&part.interactions, &settings);
            if factors.have_vanished() {
                known.insert(place, f64::NEG_INFINITY);
                return Ok(f64::NEG_INFINITY);
            }
            let low_rank = part.closed_form(&factors);
            let mut trial = Trial::new(part, &low_rank, &self.judged);
            let worth = Mixture::STARTS.map(|mix| trial.worth(mix.alone(), &none));
            let worth = worth[0].max(worth[1]);
            known.insert(place, worth);
            Ok(worth)
        };
        let mut best = ([0, 0], worth([0, 0])?);
        while best.1 == f64::NEG_INFINITY && best.0[1] > -MAX_STEPS {
            let next = [0, best.0[1] - 1];
            best = (next, worth(next)?);
        }
        loop {
            let before = best.0;
            for [more_absence, more_penalty] in [[-1, 0], [1, 0], [0, -1], [0, 1]] {
                loop {
                    let next = [best.0[0] + more_absence, best.0[1] + more_penalty];
                    if next.iter().any(|place: &i32| place.abs() > MAX_STEPS) {
                        break;
                    }
                    let found = worth(next)?;
                    if found <= best.1 {
                        break;
                    }
                    best = (next, found);
                }
            }
            if best.0 == before {
                return Ok(numbers(best.0));
            }
        }
    }
}

/// How many steps absence and penalty may go from where the search begins.
const MAX_STEPS: i32 = 3;
