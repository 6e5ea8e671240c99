//! The simple recommenders, fitted to the training part.

use std::sync::Arc;

use super::baseline::{Baseline, Mixed};
use super::choices::{Choices, Counted};
use super::co_counts::CommonUsers;
use super::content::{ContentRanker, Descriptions};
use super::ease::{Ease, Gram, MAX_SIZE};
use super::ials::{Fitting, Ials};
use super::item_knn::{ItemKnnRanker, Similarity};
use super::list::Candidates;
use super::popular::Popular;
use super::results::{Among, BaselineSettings, Ranker};
use super::trial::{RankerTrial, Worth};
use crate::Result;
use crate::data::{Dataset, Table, UserRatings};
use crate::eval::Given;

/// Item-kNN's settings to choose from: powers of the answered item's count and of the scored
/// one's; the shrinkage of similarities matters less.
const OF_ANSWERS: [f32; 2] = [0.5, 1.0];
const OF_SCORED: [f32; 4] = [0.3, 0.4, 0.5, 0.6];
const SHRINKAGE: f32 = 20.0;

/// EASE's penalties to choose from.
const PENALTIES: [f64; 4] = [1000.0, 100.0, 300.0, 3000.0];

/// iALS's settings to choose from, and its sweeps; half as many are made inside training.
const FITTINGS: [Fitting; 6] = [
    Fitting { absence: 0.3, penalty: 0.01 },
    Fitting { absence: 0.1, penalty: 0.01 },
    Fitting { absence: 0.1, penalty: 0.03 },
    Fitting { absence: 0.3, penalty: 0.003 },
    Fitting { absence: 1.0, penalty: 0.003 },
    Fitting { absence: 0.03, penalty: 0.03 },
];
const SWEEPS: usize = 8;

/// Of more interactions than this, what is counted is chosen first, with the first of the other
/// settings, and these after it, which halves the trials; and iALS is fitted once, with the settings
/// that are best on average over numbers of answers: a fit takes a second or two for each million.
const MANY: usize = 3_000_000;

/// Weights of popularity to choose from, for both of these.
const POPULARITIES: [f32; 3] = [0.0, 0.02, 0.05];

/// Weights of a description's popularity to choose from; never 0, since without answers there
/// is nothing else.
const CONTENT_POPULARITIES: [f32; 4] = [0.1, 0.3, 1.0, 3.0];

/// A simple recommender for each number of answers, with the settings that are best there for
/// users held back inside training: more than a service would do, so that the comparison is
/// fair to it.
pub struct FittedRanker {
    pub ranker: Ranker,
    by_given: [Arc<dyn Baseline>; Given::ALL.len()],
}

impl FittedRanker {
    /// The recommender for this number of answers.
    pub fn of(&self, given: Given) -> &dyn Baseline {
        let place = Given::ALL.iter().position(|other| *other == given).unwrap_or(0);
        &*self.by_given[place]
    }

    /// Whether it can score new items.
    pub fn knows_new_items(&self) -> bool {
        self.by_given.iter().all(|baseline| baseline.knows_new_items())
    }

    /// Whether it makes lists of these candidates.
    pub fn ranks(&self, among: Among) -> bool {
        among != Among::New || self.knows_new_items()
    }

    /// Fits each of the chosen settings once.
    fn new<S: Copy + PartialEq, B: Baseline + 'static>(
        ranker: Ranker,
        chosen: [S; Given::ALL.len()],
        mut fit: impl FnMut(S) -> Result<Option<B>>,
    ) -> Result<Option<Self>> {
        let mut fitted: Vec<(S, Arc<dyn Baseline>)> = Vec::new();
        for setting in chosen {
            if fitted.iter().all(|(other, _)| *other != setting) {
                let Some(baseline) = fit(setting)? else { return Ok(None) };
                fitted.push((setting, Arc::new(baseline)));
            }
        }
        let of = |setting: S| {
            let found = fitted.iter().find(|(other, _)| *other == setting);
            found.unwrap_or(&fitted[0]).1.clone()
        };
        Ok(Some(Self { ranker, by_given: chosen.map(of) }))
    }

    /// Its settings, each with the numbers of answers that it is for.
    fn settings(&self) -> BaselineSettings {
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        for (given, baseline) in Given::ALL.iter().zip(&self.by_given) {
            let settings = baseline.settings();
            match found.iter_mut().find(|(other, _)| *other == settings) {
                Some((_, givens)) => givens.push(given.to_string()),
                None => found.push((settings, vec![given.to_string()])),
            }
        }
        let settings = match &found[..] {
            [(settings, _)] => settings.clone(),
            _ => {
                let parts: Vec<String> = found
                    .iter()
                    .map(|(settings, givens)| format!("{settings} (given {})", givens.join(", ")))
                    .collect();
                parts.join("; ")
            }
        };
        BaselineSettings { predictor: self.ranker, settings }
    }
}

/// What is called before each fit.
type Look<'a> = &'a mut dyn FnMut() -> Result<()>;

/// All recommenders, in the order of [`Ranker::ALL`], and their settings.
///
/// Fits on the threads of the current pool; `known` are the items that somebody in training
/// chose, by falling popularity. `progress` gets the current work, before each fit, and may end it
/// with an error.
pub fn fit(
    dataset: &Dataset,
    training: &[UserRatings],
    known: &Candidates,
    mut progress: impl FnMut(&'static str) -> Result<()>,
) -> Result<(Vec<FittedRanker>, Vec<BaselineSettings>)> {
    let kinds = Counted::kinds(dataset.feedback);
    let trial = RankerTrial::new(dataset, training, known.clone());
    let choices = Choices::new(training.iter(), dataset.feedback, dataset.items.len());
    let mut fitted = Vec::new();
    let mut settings = Vec::new();

    match fit_ease(&trial, &choices, kinds, &mut || progress("fitting EASE"))? {
        Some(ease) => fitted.push(ease),
        None => settings.push(BaselineSettings {
            predictor: Ranker::Ease,
            settings: format!(
                "left out: it inverts a matrix of all items or of all users, at most {MAX_SIZE} \
                 of either; there are {} and {}",
                known.len,
                training.len()
            ),
        }),
    }
    fitted.extend(fit_ials(&trial, &choices, kinds, &mut || progress("fitting iALS"))?);
    let look: Look = &mut || progress("fitting item-kNN");
    fitted.extend(fit_item_knn(&trial, &choices, kinds, look)?);
    fitted.extend(fit_content(&trial, &choices, kinds, &dataset.items, look)?);
    fitted.extend(fit_popular(&trial, &choices, kinds, look)?);
    settings.extend(fitted.iter().map(FittedRanker::settings));
    Ok((fitted, settings))
}

/// The worth of settings, each of which is what is counted and others. Where time is `short`, what
/// is counted is chosen with the first of the others, and these with the best of that.
fn tried<K: Copy, S: Copy, T>(
    kinds: &[K],
    others: &[S],
    short: bool,
    mut worths: impl FnMut((K, S)) -> Result<Option<Vec<(T, Worth)>>>,
) -> Result<Option<Vec<(T, Worth)>>> {
    let mut found = Vec::new();
    if !short {
        for setting in pairs(kinds.iter().copied(), others) {
            let Some(some) = worths(setting)? else { return Ok(None) };
            found.extend(some);
        }
        return Ok(Some(found));
    }
    let (Some((first, rest)), Some(kind)) = (others.split_first(), kinds.first()) else {
        return Ok(None);
    };
    let mut best = (f64::NEG_INFINITY, *kind);
    for &kind in kinds {
        let Some(some) = worths((kind, *first))? else { return Ok(None) };
        let most =
            some.iter().map(|(_, worth)| worth.iter().sum()).fold(f64::NEG_INFINITY, f64::max);
        if most > best.0 {
            best = (most, kind);
        }
        found.extend(some);
    }
    for &other in rest {
        let Some(some) = worths((best.1, other))? else { return Ok(None) };
        found.extend(some);
    }
    Ok(Some(found))
}

/// Fits a recommender with each of some settings, and mixes it with each weight of
/// popularity: `inside` fits it without the held-back users, `whole` to all users; where time is
/// `short`, only once.
#[expect(clippy::too_many_arguments, reason = "they are what differs between recommenders")]
fn fit_mixed<K: Copy + PartialEq, S: Copy + PartialEq, B: Mixed>(
    ranker: Ranker,
    trial: &RankerTrial,
    kinds: &[K],
    others: &[S],
    weights: &[f32],
    inside: impl Fn((K, S)) -> Option<B>,
    whole: impl Fn((K, S)) -> Option<B>,
    short: bool,
    look: Look,
) -> Result<Option<FittedRanker>> {
    let found = tried(kinds, others, short, |setting| {
        look()?;
        let Some(baseline) = inside(setting) else { return Ok(None) };
        let worths = weights.iter().map(|&weight| {
            look()?;
            Ok(((setting, weight), trial.worth(&baseline.with_popularity(weight))))
        });
        worths.collect::<Result<_>>().map(Some)
    })?;
    let choose = if short { choose_one } else { choose };
    let Some(chosen) = found.and_then(|found| choose(&found)) else { return Ok(None) };
    let mut fitted: Vec<((K, S), B)> = Vec::new();
    FittedRanker::new(ranker, chosen, |(setting, weight)| {
        if fitted.iter().all(|(other, _)| *other != setting) {
            look()?;
            let Some(baseline) = whole(setting) else { return Ok(None) };
            fitted.push((setting, baseline));
        }
        let found = fitted.iter().find(|(other, _)| *other == setting);
        Ok(found.map(|(_, baseline)| baseline.with_popularity(weight)))
    })
}

/// EASE, if the matrix to invert is not too large.
fn fit_ease(
    trial: &RankerTrial,
    choices: &Choices,
    kinds: &[Counted],
    look: Look,
) -> Result<Option<FittedRanker>> {
    let mut grams = |choices: &Choices| -> Result<Option<Vec<Gram>>> {
        look()?;
        Ok(kinds.iter().map(|counted| Gram::new(choices, *counted)).collect())
    };
    let (Some(inside), Some(whole)) = (grams(&trial.choices)?, grams(choices)?) else {
        return Ok(None);
    };
    fit_mixed(
        Ranker::Ease,
        trial,
        &Vec::from_iter(0..kinds.len()),
        &PENALTIES,
        &POPULARITIES,
        |(kind, penalty)| Ease::new(&inside[kind], penalty),
        |(kind, penalty)| Ease::new(&whole[kind], penalty),
        false,
        look,
    )
}

fn fit_ials(
    trial: &RankerTrial,
    choices: &Choices,
    kinds: &[Counted],
    look: Look,
) -> Result<Option<FittedRanker>> {
    fit_mixed(
        Ranker::Ials,
        trial,
        kinds,
        &FITTINGS,
        &POPULARITIES,
        |(counted, fitting)| Some(Ials::new(&trial.choices, counted, fitting, SWEEPS / 2)),
        |(counted, fitting)| Some(Ials::new(choices, counted, fitting, SWEEPS)),
        are_many(choices),
        look,
    )
}

fn fit_content(
    trial: &RankerTrial,
    choices: &Choices,
    kinds: &[Counted],
    items: &Table,
    look: Look,
) -> Result<Option<FittedRanker>> {
    let Some(descriptions) = Descriptions::new(items) else { return Ok(None) };
    let descriptions = Arc::new(descriptions);
    fit_mixed(
        Ranker::Content,
        trial,
        kinds,
        &[()],
        &CONTENT_POPULARITIES,
        |(counted, ())| Some(ContentRanker::new(&descriptions, &trial.choices, counted)),
        |(counted, ())| Some(ContentRanker::new(&descriptions, choices, counted)),
        false,
        look,
    )
}

fn fit_item_knn(
    trial: &RankerTrial,
    choices: &Choices,
    kinds: &[Counted],
    look: Look,
) -> Result<Option<FittedRanker>> {
    let similarity =
        |(of_answer, of_scored)| Similarity { of_answer, of_scored, shrinkage: SHRINKAGE };
    let similarities: Vec<Similarity> =
        pairs(OF_ANSWERS, &OF_SCORED).into_iter().map(similarity).collect();
    let counted = Vec::from_iter(0..kinds.len());
    let count = |choices: &Choices, look: Look| -> Result<Vec<Arc<CommonUsers>>> {
        look()?;
        Ok(kinds.iter().map(|counted| Arc::new(CommonUsers::new(choices, *counted))).collect())
    };
    let found = {
        let inside = count(&trial.choices, look)?;
        tried(&counted, &similarities, are_many(choices), |setting| {
            look()?;
            let knn = ItemKnnRanker::new(&inside[setting.0], setting.1);
            Ok(Some(vec![(setting, trial.worth(&knn))]))
        })?
    };
    let Some(chosen) = found.and_then(|found| choose(&found)) else { return Ok(None) };
    let whole = count(choices, look)?;
    FittedRanker::new(Ranker::ItemKnn, chosen, |(kind, similarity)| {
        look()?;
        Ok(Some(ItemKnnRanker::new(&whole[kind], similarity)))
    })
}

fn fit_popular(
    trial: &RankerTrial,
    choices: &Choices,
    kinds: &[Counted],
    look: Look,
) -> Result<Option<FittedRanker>> {
    let worth = |&counted: &Counted| (counted, trial.worth(&Popular::new(&trial.choices, counted)));
    let found: Vec<_> = kinds.iter().map(worth).collect();
    let Some(chosen) = choose(&found) else { return Ok(None) };
    FittedRanker::new(Ranker::Popular, chosen, |counted| {
        look()?;
        Ok(Some(Popular::new(choices, counted)))
    })
}

/// Whether there are so many interactions that time is short.
fn are_many(choices: &Choices) -> bool {
    choices.users.iter().map(Vec::len).sum::<usize>() > MANY
}

/// All pairs of the first and the others.
fn pairs<A: Copy, B: Copy>(first: impl IntoIterator<Item = A>, others: &[B]) -> Vec<(A, B)> {
    first.into_iter().flat_map(|first| others.iter().map(move |other| (first, *other))).collect()
}

/// The best settings for each number of answers, the first of equal ones; `None` without
/// settings.
fn choose<S: Copy>(found: &[(S, Worth)]) -> Option<[S; Given::ALL.len()]> {
    let (first, _) = found.first()?;
    let mut chosen = [*first; Given::ALL.len()];
    for (given, chosen) in chosen.iter_mut().enumerate() {
        let mut most = f64::NEG_INFINITY;
        for (setting, worth) in found {
            if worth[given] > most {
                (most, *chosen) = (worth[given], *setting);
            }
        }
    }
    Some(chosen)
}

/// The best settings on average over numbers of answers, for each of them.
fn choose_one<S: Copy>(found: &[(S, Worth)]) -> Option<[S; Given::ALL.len()]> {
    let sum = |worth: &Worth| worth.iter().sum::<f64>();
    let mut best = found.first()?;
    for other in found {
        if sum(&other.1) > sum(&best.1) {
            best = other;
        }
    }
    Some([best.0; Given::ALL.len()])
}
