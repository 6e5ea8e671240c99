//! The first part of the page: what the figures say, in words.

use std::fmt::Write;

use super::escape;
use super::figures::BAND;
use crate::data::Scenario;
use crate::eval::{
    Among, Evaluation, FEW_USERS, Given, Predictor, Ranker, Ranking, RankingEvaluation,
    ScenarioResult, ScenarioRow,
};

/// The number of answers that the verdict is about: what a sign-up form asks.
const GIVEN: Given = Given::First(5);

/// One finding in words, as HTML.
struct Finding {
    /// Whether melu is better, worse, or neither clearly.
    better: Option<bool>,
    text: String,
}

/// The verdict, as HTML.
pub fn section(evaluation: &Evaluation, rankings: Option<&RankingEvaluation>) -> String {
    let mut body = String::from("<section class=\"verdict\">\n<h2>Verdict</h2>\n");
    // Existing users are of interest where training did not see what is measured.
    let kinds = [(Scenario::NewUsers, "new"), (Scenario::ExistingUsersExistingItems, "existing")];
    let lists = rankings.and_then(|rankings| {
        kinds.iter().find_map(|&(scenario, kind)| {
            let is_one = |ranking: &&Ranking| {
                let known = ranking.scenario == scenario && ranking.among == Among::Known;
                known && ranking.users > 0
            };
            Some((rankings.rankings.iter().find(is_one)?, kind))
        })
    });
    let ratings = kinds.iter().find_map(|&(scenario, kind)| {
        let is_one = |result: &&ScenarioResult| {
            result.scenario == scenario && result.users > 0 && !result.seen_in_training
        };
        Some((evaluation.scenarios.iter().find(is_one)?, kind))
    });
    if let Some((ranking, kind)) = lists {
        paragraph(
            &mut body,
            &format!("Lists, for {} {kind} users with {GIVEN} answers each:", ranking.users),
            &list_findings(ranking),
            ranking.few_users,
        );
    }
    if let Some((result, kind)) = ratings {
        paragraph(
            &mut body,
            &format!(
                "Predicted ratings, for {} {kind} users with {GIVEN} ratings each:",
                result.users
            ),
            &rating_findings(result),
            result.few_users,
        );
    }
    if lists.is_none() && ratings.is_none() {
        body.push_str("<p>No new user has enough interactions to say anything.</p>\n");
    }
    body.push_str(
        "<p class=\"quiet\">A difference counts as clear if it is more than two standard errors \
         over the users. ± is one standard error.</p>\n</section>\n",
    );
    body
}

fn paragraph(body: &mut String, heading: &str, findings: &[Finding], few_users: bool) {
    let _ = writeln!(body, "<h3>{}</h3>", escape(heading));
    if few_users {
        let _ = writeln!(
            body,
            "<p>There are fewer than {FEW_USERS} users: what follows is mostly chance.</p>"
        );
    }
    body.push_str("<ul>\n");
    for Finding { better, text } in findings {
        let (class, word) = match better {
            Some(true) => ("better", "Better"),
            Some(false) => ("worse", "Worse"),
            None => ("equal", "No clear difference"),
        };
        let link = if better.is_some() { "than" } else { "to" };
        let _ = writeln!(body, "<li><strong class=\"{class}\">{word}</strong> {link} {text}</li>");
    }
    body.push_str("</ul>\n");
}

/// Whether melu is clearly better by a difference in its favour.
fn clearly(gain: f64, error: f64) -> Option<bool> {
    (gain.abs() > BAND * error).then_some(gain > 0.0)
}

fn list_findings(ranking: &Ranking) -> Vec<Finding> {
    let rows = || ranking.rows.iter().filter(|row| row.given == GIVEN);
    let Some(melu) = rows().find(|row| row.predictor == Ranker::Melu) else { return Vec::new() };
    let popular = rows().find(|row| row.predictor == Ranker::Popular);
    let others = rows().filter(|row| ![Ranker::Melu, Ranker::Popular].contains(&row.predictor));
    let best = others.max_by(|a, b| a.ndcg20.total_cmp(&b.ndcg20));
    let finding = |(row, name): (&crate::eval::RankingRow, String)| {
        let gain = -row.ndcg20_difference;
        let share = match row.ndcg20 {
            0.0 => String::new(),
            other => format!(", {:+.0} %", 100.0 * gain / other),
        };
        Finding {
            better: clearly(gain, row.ndcg20_difference_se),
            text: format!(
                "{}: nDCG@20 is {:.4} instead of {:.4} ({gain:+.4} ± {:.4}{share})",
                escape(&name),
                melu.ndcg20,
                row.ndcg20,
                row.ndcg20_difference_se,
            ),
        }
    };
    let popular = popular.map(|row| (row, "the most popular items".to_owned()));
    let best = best
        .map(|row| (row, format!("{}, the best of the other recommenders", row.predictor.name())));
    popular.into_iter().chain(best).map(finding).collect()
}

fn rating_findings(result: &ScenarioResult) -> Vec<Finding> {
    let rows = || result.rows.iter().filter(|row| row.given == GIVEN);
    let Some(melu) = rows().find(|row| row.predictor == Predictor::Melu) else {
        return Vec::new();
    };
    let simple = [
        Predictor::ItemKnn,
        Predictor::ItemMeanUserBias,
        Predictor::UserMean,
        Predictor::GlobalMean,
        Predictor::GlobalMedian,
    ];
    let best =
        rows().filter(|row| simple.contains(&row.predictor)).min_by(|a, b| a.mae.total_cmp(&b.mae));
    let factors = rows().find(|row| row.predictor == Predictor::Factors);
    let finding = |(row, remark): (&ScenarioRow, &str)| Finding {
        better: clearly(row.mae_difference, row.mae_difference_se),
        text: format!(
            "{}{remark}: the mean absolute error is {:.4} instead of {:.4} ({:+.4} ± {:.4}), the \
             root mean squared error {:.4} instead of {:.4}",
            escape(row.predictor.name()),
            melu.mae,
            row.mae,
            -row.mae_difference,
            row.mae_difference_se,
            melu.rmse,
            row.rmse,
        ),
    };
    let best = best.map(|row| (row, ", the simple predictor with the smallest one"));
    best.into_iter().chain(factors.map(|row| (row, ""))).map(finding).collect()
}
