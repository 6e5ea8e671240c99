//! An evaluation as one self-contained page.

mod chart;
mod evidence;
mod figures;
mod rankings;
mod tables;
mod verdict;

use std::fmt::Write;

use serde_json::{Value, json};

use super::{EvalOptions, Evaluation, FEW_USERS, RankingEvaluation, ScenarioResult};
use crate::data::{Dataset, TaskRules};
use crate::train::TrainingRecord;
use crate::{Model, Result};

/// How lists are measured.
const LISTS_AT_RANDOM: &str = "<p>Lists are measured on users with at least 20 interactions with known items: those that are \
     not new, and that somebody in training chose. A fifth of a new user's interactions is held \
     out at random. The others are in random order, and the first of them are given; each draw \
     splits them anew, in the same way for all recommenders. Lists should find the held-out items \
     that the user liked. Candidates are all known items except the given ones. Lists of new items \
     should find all new items that the user liked, and, among all items, new users' held-out \
     items as well. Training saw existing users' interactions with known items, so lists need not \
     find these; at most 1000 existing users and 1250 new ones are measured. Users with no relevant item are left \
     out.</p>\n";

/// The same if the data are split by time.
const LISTS_BY_TIME: &str = "<p>Lists are measured on users with at least 20 interactions with known items: those that are \
     not new, and that somebody in training chose. Existing users are known by what they chose \
     before the split, and lists should find what they liked from then on. Of a new user's \
     interactions with known items the newest fifth is held out: lists should find these items and \
     the new items since, if the user liked them. The others are given in order of time, the \
     oldest first; of fewer, the first are given. Nothing is drawn at random, except that at most \
     1000 existing users and 1250 new ones are measured. Candidates are all known items, all new items or both, \
     except the given ones. Users with no relevant item are left out.</p>\n";

/// The contents of a report.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The model that was evaluated.
    pub model: &'a Model,
    /// The data on which it was evaluated.
    pub dataset: &'a Dataset,
    /// The options of the evaluation.
    pub options: &'a EvalOptions,
    /// The results.
    pub evaluation: &'a Evaluation,
    /// The worth of lists, if it was measured.
    pub rankings: Option<&'a RankingEvaluation>,
    /// Further sections, after the calibration.
    pub sections: Vec<Section>,
}

/// A part of the page.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its heading, as plain text.
    pub title: String,
    /// The contents below the title, as HTML.
    pub body: String,
}

impl Report<'_> {
    /// The page.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if figures that are not
    /// finite are to be drawn.
    pub fn html(&self) -> Result<String> {
        let title = format!("melu on {}", self.dataset.name);
        let record = TrainingRecord::of(self.model);
        let mut sections = Vec::new();
        sections.extend(self.rankings.map(RankingEvaluation::section).transpose()?);
        let has_ratings = !self.evaluation.scenarios.is_empty();
        if has_ratings {
            sections.push(self.errors()?);
        }
        sections.extend(self.calibration()?);
        sections.extend(self.sections.iter().cloned());
        if let Some(record) = &record {
            sections.extend(training(record)?);
        }
        if has_ratings {
            sections.push(self.figures());
        }
        sections.extend([self.settings(record.as_ref()), self.method()]);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
            include_str!("style.css"),
            title = escape(&title),
        );
        let inside = match self.evaluation.inside {
            None => "",
            Some(_) => {
                " Measured on a split made inside the training part, to choose settings, not on \
                 the new users and items of the data folder."
            }
        };
        let by_time = self.dataset.boundary().map_or_else(String::new, |boundary| {
            format!(
                " The data are split at {boundary}: training saw what came before, and what came \
                 after is predicted."
            )
        });
        let Dataset { users, items, .. } = self.dataset;
        let _ = writeln!(
            page,
            "<p class=\"quiet\">{} users, {} items, {} ratings.{by_time}{inside}</p>",
            users.len(),
            items.len(),
            self.dataset.interactions(),
        );
        page.push_str(&verdict::section(self.evaluation, self.rankings));
        for Section { title, body } in sections {
            let title = escape(&title);
            let _ = writeln!(page, "<section>\n<h2>{title}</h2>\n{body}</section>");
        }
        page.push_str("</body>\n</html>\n");
        Ok(page)
    }

    /// The scenarios that have users.
    fn scenarios(&self) -> Vec<&ScenarioResult> {
        self.evaluation.scenarios.iter().filter(|result| result.users > 0).collect()
    }

    fn errors(&self) -> Result<Section> {
        let mut body = String::from(
            "<p>The average error of predicted ratings, by the number of a user's ratings that \
             are known. Lower is better. A plain mean may lie above the frame.</p>\n",
        );
        // The scenario that training saw says the least.
        let (seen, unseen): (Vec<&ScenarioResult>, _) =
            self.scenarios().into_iter().partition(|result| result.seen_in_training);
        for result in unseen.into_iter().chain(seen) {
            let errors = figure(
                "Mean absolute error; the band is the standard deviation over the draws",
                &figures::errors(result)?,
            );
            let squared = figure("Root mean squared error", &figures::squared_errors(result)?);
            let differences = figure(
                "Errors of the others minus melu's (the line at 0) on the same draws; the \
                 band is two standard errors to either side",
                &figures::differences(result)?,
            );
            let _ = writeln!(
                body,
                "<h3>{}</h3>\n<p class=\"quiet\">{}</p>\n<div \
                 class=\"figures\">\n{errors}{differences}{squared}</div>",
                escape(result.scenario.title()),
                escape(&circumstances(result)),
            );
        }
        for result in self.evaluation.scenarios.iter().filter(|result| result.users == 0) {
            let _ = writeln!(
                body,
                "<h3>{}</h3>\n<p class=\"quiet\">No user has enough ratings.</p>",
                escape(result.scenario.title())
            );
        }
        Ok(Section { title: "Error by number of ratings given".into(), body })
    }

    fn calibration(&self) -> Result<Option<Section>> {
        let mut scenarios = self.scenarios();
        scenarios.retain(|result| !result.coverage.is_empty());
        if scenarios.is_empty() {
            return Ok(None);
        }
        let body = format!(
            "<p>The model gives a standard deviation for each predicted rating. The thick lines \
             show how many ratings really lie within the intervals that follow from it; the thin \
             line shows how many should.</p>\n<div class=\"figures\">\n{}{}</div>\n{}",
            figure(
                "Share of ratings found within intervals of several levels, with all ratings \
                 given",
                &figures::calibration(&scenarios)?
            ),
            figure(
                "Share of ratings found within the 80 % interval",
                &figures::coverage(&scenarios)?
            ),
            tables::coverage(&scenarios),
        );
        Ok(Some(Section { title: "Calibration".into(), body }))
    }

    fn figures(&self) -> Section {
        let mut body = String::new();
        for result in self.scenarios() {
            let title = escape(result.scenario.title());
            let _ = writeln!(body, "<h3>{title}</h3>\n{}", tables::figures(result));
        }
        Section { title: "Figures".into(), body }
    }

    fn settings(&self, record: Option<&TrainingRecord>) -> Section {
        let config = serde_json::from_str(&self.model.config().to_json()).unwrap_or_default();
        let mut body = tables::settings("Model", &pairs(&config));
        match record {
            Some(record) => {
                let training = json!({
                    "melu": record.version,
                    "inside the training part": record.inside.is_some(),
                    "epoch kept": record.epoch,
                    "validation error": record.validation_mae,
                });
                body.push_str(&tables::settings("Training", &pairs(&training)));
                body.push_str(&tables::settings(
                    "Options of the training",
                    &pairs(&record.options),
                ));
            }
            None => body.push_str("<p>The weight file does not say how it was trained.</p>\n"),
        }
        Section { title: "Settings".into(), body }
    }

    fn method(&self) -> Section {
        let mut body = String::new();
        if self.rankings.is_some() {
            body.push_str(match self.dataset.boundary() {
                None => LISTS_AT_RANDOM,
                Some(_) => LISTS_BY_TIME,
            });
            body.push_str(
                "<p>nDCG@20 gains 1 / log2(1 + rank) for each item found, divided by the greatest \
                 possible gain. Coverage is the share of all candidates that appear in anybody's \
                 list, and popularity the mean share of training users who chose the listed \
                 items. Each user counts by the mean over the draws. The baselines' settings are \
                 chosen for each number of answers on users held back inside training. Items of \
                 equal score are in random order, the baselines' by popularity.</p>\n",
            );
        }
        if !self.evaluation.scenarios.is_empty() {
            body.push_str(&self.method_of_ratings());
        }
        Section { title: "How it was measured".into(), body }
    }

    fn method_of_ratings(&self) -> String {
        let TaskRules { min_ratings, max_ratings, query } = self.dataset.rules;
        let tasks = match self.dataset.boundary() {
            None => format!(
                "A task is one user within one scenario, with {min_ratings} to {max_ratings} \
                 ratings there. They are split at random into {query} to predict and the others, \
                 the first of which are given. Each of the {} draws (seed {}) splits them anew, in \
                 the same way for every predictor. Training saw existing users' ratings of \
                 existing items; that scenario is measured once, on the training tasks' own query \
                 sets.",
                self.options.draws, self.options.seed,
            ),
            Some(boundary) => format!(
                "A task is one user within one scenario, with at least {min_ratings} ratings. Of \
                 existing users, the ratings from before {boundary} are given, and those of the \
                 scenario's items from then on are to be predicted. Of new users, who all come \
                 later, the newest {query} ratings are to be predicted, and the others are given. \
                 Given ratings are in order of time, the oldest first; of fewer, the first are \
                 given. Nothing is drawn at random. Training saw nothing from {boundary} on.",
            ),
        };
        format!(
            "<p>{tasks}</p>\n\
             <p>All predictors know the training part, the user's profile and the given ratings. \
             The factor model is fitted to the training part and predicts in closed form. \
             Item-kNN starts from the item's damped mean and the user's bias, and adds the \
             deviations of the user's ratings of similar items from theirs; similarities are \
             shrunk correlations in the training part. Means are damped by 5 ratings.</p>\n\
             <p>A predicted rating is a mean, or close to one; melu's median is the median of the \
             same model.</p>\n\
             <p>Predictions are clipped to the range of the training ratings and not rounded. \
             Figures are means over users, then over draws. A difference is the mean over users \
             of each user's difference, which is the mean over the draws. Its standard error is \
             the standard deviation of the users' differences divided by the root of their \
             number. nDCG has linear gain, from the least rating on if that is below 0, and items \
             with equal scores share their gains. Of clicks, the area under the curve (AUC) is the \
             mean over the users who have both kinds, and the log loss is of predictions clipped \
             to 0.001 to 0.999. Item-kNN's similarities count at most 2,500 ratings of one user. \
             Coverage counts all query ratings, against intervals of a normal distribution around \
             the score.</p>\n",
        )
    }
}

/// The course of the training, if the weight file has it.
fn training(record: &TrainingRecord) -> Result<Option<Section>> {
    let history = &record.history;
    let curves = [
        ("Mean query loss of each epoch's tasks, in the head's units", "training loss", 2),
        ("Mean absolute error on held-back users, after each epoch", "validation error", 0),
    ];
    let mut body =
        String::from("<p>The upright line marks the epoch whose weights were kept.</p>\n");
    body.push_str("<div class=\"figures\">\n");
    for (caption, label, colour) in curves {
        let number = |epoch: &crate::train::Epoch| match colour {
            2 => Some(epoch.loss),
            _ => epoch.validation_mae,
        };
        if let Some(svg) = figures::training(history, record.epoch, label, colour, number)? {
            body.push_str(&figure(caption, &svg));
        }
    }
    body.push_str("</div>\n");
    let section = Section { title: "Training".into(), body };
    Ok((!history.is_empty()).then_some(section))
}

/// The numbers of users and draws, in words.
fn circumstances(result: &ScenarioResult) -> String {
    let draws = draws(result.draws);
    let seen = match result.seen_in_training {
        true => "; training saw these ratings, so this only shows how well it fits",
        false => "",
    };
    format!("{} users, {draws}{seen}.{}", result.users, few(result.few_users))
}

/// What the asterisk of figures means.
fn few(few_users: bool) -> String {
    match few_users {
        true => format!(" * Fewer than {FEW_USERS} users: mostly chance."),
        false => String::new(),
    }
}

fn draws(draws: usize) -> String {
    match draws {
        1 => "1 draw".to_owned(),
        draws => format!("{draws} draws"),
    }
}

/// A chart with its caption.
fn figure(caption: &str, svg: &str) -> String {
    let caption = escape(caption);
    let svg = svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{caption}\" "), 1);
    format!("<figure><figcaption>{caption}</figcaption>\n{svg}</figure>\n")
}

/// A JSON object's keys and values.
fn pairs(object: &Value) -> Vec<(String, Value)> {
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Text as HTML, also within an attribute.
fn escape(text: &str) -> String {
    crate::printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
