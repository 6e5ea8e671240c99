//! The simple recommenders, fitted to the training part.

use std::sync::Arc;

use super::baseline::Baseline;
use super::choices::{Choices, Counted};
use super::co_counts::CoCounts;
use super::ease::{Ease, Gram, MOST};
use super::ials::Ials;
use super::item_knn::{ItemKnn, Similarity};
use super::popular::Popular;
use super::results::{BaselineSettings, Ranker};
use super::trial::{Trial, Worth};
use crate::data::{Dataset, UserRatings};
use crate::eval::Given;

/// Item-kNN's settings to choose from: powers of the answered item's count and of the scored
/// one's; what shrinks similarities makes less of a difference.
const OF_ANSWERS: [f32; 2] = [0.5, 1.0];
const OF_SCORED: [f32; 4] = [0.3, 0.4, 0.5, 0.6];
const SHRINKAGE: f32 = 20.0;

/// EASE's penalties and weights of popularity to choose from.
const PENALTIES: [f64; 4] = [1000.0, 100.0, 300.0, 3000.0];
const POPULARITIES: [f32; 3] = [0.0, 0.02, 0.05];

/// iALS' weights of what was not chosen to choose from; its penalty makes less of a difference.
const ABSENCES: [f64; 4] = [0.1, 0.03, 0.3, 1.0];
const IALS_PENALTY: f64 = 0.01;

/// A simple recommender for each number of answers, with the settings that are best there
/// for users held back inside training: more than a service would do, so that nobody can
/// say that it was set badly.
pub struct Fitted {
    pub ranker: Ranker,
    by_given: [Arc<dyn Baseline>; Given::ALL.len()],
}

impl Fitted {
    /// The one for so many answers.
    pub fn of(&self, given: Given) -> &dyn Baseline {
        let place = Given::ALL.iter().position(|other| *other == given).unwrap_or(0);
        &*self.by_given[place]
    }

    /// Fits each of the chosen settings once.
    fn new<S: Copy + PartialEq, B: Baseline + 'static>(
        ranker: Ranker,
        chosen: [S; Given::ALL.len()],
        mut fit: impl FnMut(S) -> Option<B>,
    ) -> Option<Self> {
        let mut fitted: Vec<(S, Arc<dyn Baseline>)> = Vec::new();
        for setting in chosen {
            if fitted.iter().all(|(other, _)| *other != setting) {
                fitted.push((setting, Arc::new(fit(setting)?)));
            }
        }
        let of = |setting: S| {
            let found = fitted.iter().find(|(other, _)| *other == setting);
            found.unwrap_or(&fitted[0]).1.clone()
        };
        Some(Self { ranker, by_given: chosen.map(of) })
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

/// All of them, in [`Ranker::ALL`]'s order, and how they were set.
///
/// Fits on the threads of the current pool; `known` are the items that somebody in training
/// chose, by falling popularity. `progress` is told what is fitted.
pub fn fit(
    dataset: &Dataset,
    training: &[UserRatings],
    known: &[u32],
    mut progress: impl FnMut(&'static str),
) -> (Vec<Fitted>, Vec<BaselineSettings>) {
    let kinds = Counted::kinds(dataset.feedback);
    let trial = Trial::new(dataset, training, known.to_vec());
    let choices = Choices::new(training.iter(), dataset.feedback, dataset.items.len());
    let mut fitted = Vec::new();
    let mut settings = Vec::new();

    progress("fitting EASE");
    match fit_ease(&trial, &choices, kinds) {
        Some(ease) => fitted.push(ease),
        None => settings.push(BaselineSettings {
            predictor: Ranker::Ease,
            settings: format!(
                "left out: it inverts a matrix of all items or of all users, which is for up to \
                 {MOST}; there are {} and {}",
                known.len(),
                training.len()
            ),
        }),
    }
    progress("fitting iALS");
    fitted.extend(fit_ials(&trial, &choices, kinds));
    progress("fitting item-kNN");
    fitted.extend(fit_item_knn(&trial, &choices, kinds));
    progress("fitting most popular");
    let worth = |counted| trial.worth(&Popular::new(&trial.choices, counted));
    fitted.extend(Trial::choose(kinds.iter().copied(), worth).and_then(|chosen| {
        Fitted::new(Ranker::Popular, chosen, |counted| Some(Popular::new(&choices, counted)))
    }));
    settings.extend(fitted.iter().map(Fitted::settings));
    (fitted, settings)
}

/// EASE, where the matrix to invert is not too large. An inverse for each penalty serves all
/// weights of popularity.
fn fit_ease(trial: &Trial, choices: &Choices, kinds: &[Counted]) -> Option<Fitted> {
    let grams = |choices: &Choices| -> Option<Vec<Gram>> {
        kinds.iter().map(|counted| Gram::new(choices, *counted)).collect()
    };
    let whole = grams(choices)?;
    let chosen = {
        let inside = grams(&trial.choices)?;
        let mut found: Vec<((usize, f64, f32), Worth)> = Vec::new();
        for (kind, gram) in inside.iter().enumerate() {
            for penalty in PENALTIES {
                let ease = Ease::new(gram, penalty)?;
                found.extend(POPULARITIES.map(|popularity| {
                    let worth = trial.worth(&ease.with_popularity(gram, popularity));
                    ((kind, penalty, popularity), worth)
                }));
            }
        }
        let mut worth = found.iter().map(|(_, worth)| *worth);
        Trial::choose(found.iter().map(|(setting, _)| *setting), |_| {
            worth.next().unwrap_or_default()
        })?
    };
    let mut inverted: Vec<((usize, f64), Ease)> = Vec::new();
    Fitted::new(Ranker::Ease, chosen, |(kind, penalty, popularity)| {
        let gram = &whole[kind];
        if inverted.iter().all(|(other, _)| *other != (kind, penalty)) {
            inverted.push(((kind, penalty), Ease::new(gram, penalty)?));
        }
        let (_, ease) = inverted.iter().find(|(other, _)| *other == (kind, penalty))?;
        Some(ease.with_popularity(gram, popularity))
    })
}

fn fit_ials(trial: &Trial, choices: &Choices, kinds: &[Counted]) -> Option<Fitted> {
    let settings = kinds.iter().flat_map(|kind| ABSENCES.map(|absence| (*kind, absence)));
    let fit = |choices: &Choices, (kind, absence)| Ials::new(choices, kind, absence, IALS_PENALTY);
    let chosen = Trial::choose(settings, |setting| trial.worth(&fit(&trial.choices, setting)))?;
    Fitted::new(Ranker::Ials, chosen, |setting| Some(fit(choices, setting)))
}

fn fit_item_knn(trial: &Trial, choices: &Choices, kinds: &[Counted]) -> Option<Fitted> {
    let similarities: Vec<Similarity> = OF_ANSWERS
        .into_iter()
        .flat_map(|of_answer| {
            let shrinkage = SHRINKAGE;
            OF_SCORED.map(|of_scored| Similarity { of_answer, of_scored, shrinkage })
        })
        .collect();
    let count = |choices: &Choices| -> Vec<Arc<CoCounts>> {
        kinds.iter().map(|counted| Arc::new(CoCounts::new(choices, *counted))).collect()
    };
    let chosen = {
        let inside = count(&trial.choices);
        let settings = (0..kinds.len())
            .flat_map(|kind| similarities.iter().map(move |similarity| (kind, *similarity)));
        Trial::choose(settings, |(kind, similarity)| {
            trial.worth(&ItemKnn::new(&inside[kind], similarity))
        })?
    };
    let whole = count(choices);
    Fitted::new(Ranker::ItemKnn, chosen, |(kind, similarity)| {
        Some(ItemKnn::new(&whole[kind], similarity))
    })
}
