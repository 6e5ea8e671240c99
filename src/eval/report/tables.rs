//! A report's tables, as HTML.

use std::fmt::Write;

use serde_json::Value;

use super::escape;
use crate::eval::{
    EvidenceRow, Given, InterviewResult, Interviewer, Predictor, QUESTIONS, ScenarioResult,
    ScenarioRow,
};

/// A table with a header; each row's cells are HTML already.
pub fn table(
    class: &str,
    caption: &str,
    header: &[String],
    rows: &[(bool, Vec<String>)],
) -> String {
    let mut html = format!("<div class=\"scroll\"><table class=\"{class}\">\n");
    if !caption.is_empty() {
        let _ = writeln!(html, "<caption>{}</caption>", escape(caption));
    }
    if !header.is_empty() {
        let cells: String =
            header.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
        let _ = writeln!(html, "<thead><tr>{cells}</tr></thead>");
    }
    html.push_str("<tbody>\n");
    for (strong, cells) in rows {
        let class = if *strong { " class=\"melu\"" } else { "" };
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(html, "<tr{class}>{cells}</tr>");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// A figure of few users has an asterisk.
pub fn marked(figure: String, few_users: bool) -> String {
    if few_users && !figure.is_empty() { format!("{figure}*") } else { figure }
}

/// Each predictor's row of cells.
fn predictors(
    result: &ScenarioResult,
    cells: impl Fn(&[&ScenarioRow]) -> Vec<String>,
) -> Vec<(bool, Vec<String>)> {
    let row = |predictor: Predictor| {
        let rows: Vec<&ScenarioRow> = result.of(predictor).collect();
        let name = escape(predictor.name());
        let cells = cells(&rows).into_iter().map(|cell| marked(cell, result.few_users));
        (predictor == Predictor::Melu, [name].into_iter().chain(cells).collect())
    };
    Predictor::ALL.into_iter().map(row).collect()
}

/// A difference and its standard error; empty for melu itself.
fn difference(row: &ScenarioRow, (difference, error): (f64, f64)) -> String {
    match row.predictor {
        Predictor::Melu => String::new(),
        _ => format!("{difference:+.4} <small>± {error:.4}</small>"),
    }
}

/// One scenario's figures: errors and differences by number of ratings given,
/// and all figures with all given.
pub fn figures(result: &ScenarioResult) -> String {
    let given: Vec<String> =
        std::iter::once(String::new()).chain(Given::ALL.iter().map(Given::to_string)).collect();
    let errors = predictors(result, |rows| {
        let cell = |row: &&ScenarioRow| match result.draws {
            1 => format!("{:.4}", row.mae),
            _ => format!("{:.4} <small>± {:.4}</small>", row.mae, row.mae_sd),
        };
        rows.iter().map(cell).collect()
    });
    let squared =
        predictors(result, |rows| rows.iter().map(|row| format!("{:.4}", row.rmse)).collect());
    let differences = predictors(result, |rows| {
        let cell =
            |row: &&ScenarioRow| difference(row, (row.mae_difference, row.mae_difference_se));
        rows.iter().map(cell).collect()
    });
    let all = predictors(result, |rows| {
        let Some(row) = rows.iter().find(|row| row.given == Given::All) else { return Vec::new() };
        vec![
            format!("{:.4}", row.rmse),
            format!("{:.1} %", 100.0 * row.clipped),
            format!("{:.4}", row.ndcg1),
            format!("{:.4}", row.ndcg3),
            difference(row, (row.ndcg3_difference, row.ndcg3_difference_se)),
            format!("{:.4}", row.ndcg5),
        ]
        .into_iter()
        .chain(row.log_loss.map(|_| row.auc.map_or("–".into(), |auc| format!("{auc:.4}"))))
        .chain(row.log_loss.map(|loss| format!("{loss:.4}")))
        .collect()
    });
    let mut header = vec!["", "RMSE", "clipped", "nDCG@1", "nDCG@3", "more than melu", "nDCG@5"];
    if result.rows.iter().any(|row| row.log_loss.is_some()) {
        header.extend(["AUC", "log loss"]);
    }
    let header: Vec<String> = header.into_iter().map(String::from).collect();
    [
        table(
            "",
            "Mean absolute error, ± standard deviation over the draws, by number of ratings given",
            &given,
            &errors,
        ),
        table("", "The same minus melu's, ± standard error over users", &given, &differences),
        table("", "Root mean squared error, by number of ratings given", &given, &squared),
        table("", "With all ratings given", &header, &all),
    ]
    .concat()
}

/// Coverage of each scenario's 80 % interval.
pub fn coverage(results: &[&ScenarioResult]) -> String {
    let header: Vec<String> =
        std::iter::once(String::new()).chain(Given::ALL.iter().map(Given::to_string)).collect();
    let row = |result: &&ScenarioResult| {
        let found = result.coverage.iter().filter(|coverage| coverage.level == 0.8);
        let cells = found
            .map(|coverage| marked(format!("{:.1} %", 100.0 * coverage.found), result.few_users));
        let cells = std::iter::once(escape(result.scenario.title())).chain(cells);
        (false, cells.collect())
    };
    let rows: Vec<_> = results.iter().map(row).collect();
    table("", "Coverage of the 80 % interval, by number of ratings given", &header, &rows)
}

/// The worth of lists after the questions of each interviewer, by the number of questions.
pub fn interview_lists(result: &InterviewResult) -> String {
    interviews(result, "nDCG@20 by number of questions", |row| {
        Some([row.ndcg20, row.ndcg20_difference, row.ndcg20_difference_se])
    })
}

/// The error after the questions of each interviewer, by the number of questions.
pub fn interview_errors(result: &InterviewResult) -> String {
    interviews(result, "Mean absolute error by number of questions", |row| {
        row.error.map(|error| [error.mae, error.mae_difference, error.mae_difference_se])
    })
}

fn interviews(
    result: &InterviewResult,
    caption: &str,
    figures: impl Fn(&EvidenceRow) -> Option<[f64; 3]>,
) -> String {
    let numbers = QUESTIONS.iter().map(ToString::to_string);
    let header: Vec<String> = std::iter::once(String::new()).chain(numbers).collect();
    let mut rows = Vec::new();
    for of_one in result.interviewers() {
        let asks = of_one[0].interviewer;
        let cells = of_one.iter().map(|row| {
            let Some([figure, difference, error]) = figures(row) else { return String::new() };
            let difference = match asks {
                Interviewer::Popular => String::new(),
                _ => format!("<br/><small>{difference:+.4} ± {error:.4}</small>"),
            };
            let figure = marked(format!("{figure:.4}"), result.few_users);
            format!("{figure}{difference}<br/><small>{:.1} answers</small>", row.answers)
        });
        let cells = std::iter::once(escape(asks.name())).chain(cells).collect();
        rows.push((asks == Interviewer::Adaptive, cells));
    }
    table("", caption, &header, &rows)
}

/// Names and values.
pub fn settings(caption: &str, settings: &[(String, Value)]) -> String {
    let row = |(name, value): &(String, Value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null => "–".into(),
            other => other.to_string(),
        };
        (false, vec![escape(&name.replace('_', " ")), escape(&value)])
    };
    let rows: Vec<_> = settings.iter().map(row).collect();
    table("settings", caption, &[], &rows)
}
