//! The charts of a report.

use std::ops::Range;

use super::chart::{Axis, Chart, Line};
use crate::Result;
use crate::data::Scenario;
use crate::eval::{
    Coverage, EvidenceRow, Given, InterviewResult, Interviewer, Predictor, QUESTIONS,
    ScenarioResult, ScenarioRow,
};
use crate::train::Epoch;

/// Standard errors on either side of a difference that its band shows.
pub const BAND: f64 = 2.0;

/// A range around some numbers, with a margin.
pub fn around(numbers: impl Iterator<Item = f64>) -> Range<f64> {
    let numbers = numbers.filter(|number| number.is_finite());
    let (low, high) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| {
        (low.min(number), high.max(number))
    });
    if low > high {
        return 0.0..1.0;
    }
    let air = (0.06 * (high - low)).max(1e-3 * high.abs()).max(1e-6);
    low - air..high + air
}

/// Numbers of answers, as an axis.
pub fn given() -> Axis {
    Axis::Names(Given::ALL.iter().map(Given::to_string).collect())
}

/// A line for each of the predictors, through a number of each row and with a
/// band around it.
fn predictors(
    result: &ScenarioResult,
    predictors: &[Predictor],
    figure: impl Fn(&ScenarioRow) -> (f64, f64),
) -> Vec<Line> {
    let line = |predictor: &Predictor| Line {
        label: predictor.name().into(),
        colour: Predictor::ALL.iter().position(|other| other == predictor).unwrap_or(0),
        strong: *predictor == Predictor::Melu,
        points: result
            .of(*predictor)
            .enumerate()
            .map(|(x, row)| (x as f64, figure(row).0, figure(row).1))
            .collect(),
    };
    predictors.iter().map(line).collect()
}

/// A range for all predictors that learn from ratings of items; the plain means may lie above
/// it.
fn frame(lines: &[Line]) -> Range<f64> {
    let plain =
        [Predictor::UserMean, Predictor::GlobalMean, Predictor::GlobalMedian].map(Predictor::name);
    let framed = lines.iter().filter(|line| !plain.contains(&line.label.as_str()));
    around(framed.flat_map(|line| &line.points).flat_map(|(_, y, band)| [y - band, y + band]))
}

/// Mean absolute error by number of ratings given.
pub fn errors(result: &ScenarioResult) -> Result<String> {
    let lines = predictors(result, &Predictor::ALL, |row| (row.mae, row.mae_sd));
    let y = frame(&lines);
    let x_label = "ratings given".into();
    Chart { x: given(), x_label, y, decimals: 2, lines, guides: Vec::new() }.svg()
}

/// Root mean squared error by number of ratings given.
pub fn squared_errors(result: &ScenarioResult) -> Result<String> {
    let lines = predictors(result, &Predictor::ALL, |row| (row.rmse, 0.0));
    let y = frame(&lines);
    let x_label = "ratings given".into();
    Chart { x: given(), x_label, y, decimals: 2, lines, guides: Vec::new() }.svg()
}

/// The differences of the others' errors to melu's.
pub fn differences(result: &ScenarioResult) -> Result<String> {
    let others = &Predictor::ALL[1..];
    let lines =
        predictors(result, others, |row| (row.mae_difference, BAND * row.mae_difference_se));
    let y = frame(&lines);
    let y = y.start.min(-0.05 * y.end)..y.end;
    let last = Given::ALL.len() as f64 - 0.75;
    let guides = vec![[(-0.25, 0.0), (last, 0.0)]];
    Chart { x: given(), x_label: "ratings given".into(), y, decimals: 2, lines, guides }.svg()
}

/// Each scenario's coverage, at the place that `place` gives.
fn coverages(results: &[&ScenarioResult], place: impl Fn(&Coverage) -> Option<f64>) -> Vec<Line> {
    let line = |(colour, result): (usize, &&ScenarioResult)| Line {
        label: match result.scenario {
            Scenario::ExistingUsersExistingItems => "neither is new".into(),
            Scenario::NewUsers => "new users".into(),
            Scenario::NewItems => "new items".into(),
            Scenario::NewUsersNewItems => "both are new".into(),
        },
        // Keeps melu's two blues apart.
        colour: [0, 2, 3, 5][colour % 4],
        strong: false,
        points: result.coverage.iter().filter_map(|c| Some((place(c)?, c.found, 0.0))).collect(),
    };
    results.iter().enumerate().map(line).collect()
}

/// Found against expected coverage, with all ratings given.
pub fn calibration(results: &[&ScenarioResult]) -> Result<String> {
    let lines = coverages(results, |c| (c.given == Given::All).then_some(c.level));
    let x = Axis::Numbers { range: 0.0..1.0, decimals: 1 };
    let guides = vec![[(0.0, 0.0), (1.0, 1.0)]];
    let x_label = "share expected within the interval".into();
    Chart { x, x_label, y: 0.0..1.0, decimals: 1, lines, guides }.svg()
}

/// Coverage of the 80 % interval by number of ratings given.
pub fn coverage(results: &[&ScenarioResult]) -> Result<String> {
    let place = |given| Given::ALL.iter().position(|other| *other == given);
    let level = 0.8;
    let lines = coverages(results, |c| {
        (c.level == level).then(|| place(c.given)).flatten().map(|place| place as f64)
    });
    let found = lines.iter().flat_map(|line| &line.points).map(|(_, found, _)| *found);
    let y = around(found.chain([level - 0.1, level + 0.1]));
    let guides = vec![[(-0.25, level), (Given::ALL.len() as f64 - 0.75, level)]];
    Chart { x: given(), x_label: "ratings given".into(), y, decimals: 2, lines, guides }.svg()
}

/// A line for each interviewer except the first `without`, through a number of each row and
/// with a band around it.
fn interviewers(
    result: &InterviewResult,
    without: usize,
    figure: impl Fn(&EvidenceRow) -> Option<(f64, f64)>,
) -> Vec<Line> {
    let line = |rows: &[EvidenceRow]| {
        let place = |row: &EvidenceRow| QUESTIONS.iter().position(|other| *other == row.questions);
        let asks = rows[0].interviewer;
        Line {
            label: asks.name().into(),
            colour: match asks {
                Interviewer::Adaptive => 0,
                Interviewer::Greedy => 3,
                Interviewer::Popular => 2,
                Interviewer::Paper => 5,
                Interviewer::Random => 6,
            },
            strong: asks == Interviewer::Adaptive,
            points: rows
                .iter()
                .filter_map(|row| Some((place(row)? as f64, figure(row)?)))
                .map(|(place, (figure, band))| (place, figure, band))
                .collect(),
        }
    };
    let mut lines: Vec<Line> = result.interviewers().skip(without).map(line).collect();
    // The most important comes first, which is the last interviewer.
    lines.reverse();
    lines
}

/// A chart by number of questions.
fn by_questions(lines: Vec<Line>, guides: Vec<[(f64, f64); 2]>) -> Result<String> {
    let seen = lines.iter().flat_map(|line| &line.points).flat_map(|(_, y, b)| [y - b, y + b]);
    let y = around(seen.chain(guides.iter().flatten().map(|(_, y)| *y)));
    let x = Axis::Names(QUESTIONS.iter().map(ToString::to_string).collect());
    Chart { x, x_label: "questions".into(), y, decimals: 3, lines, guides }.svg()
}

/// nDCG@20 by number of questions.
pub fn interview_lists(result: &InterviewResult) -> Result<String> {
    by_questions(interviewers(result, 0, |row| Some((row.ndcg20, 0.0))), Vec::new())
}

/// The differences of nDCG@20 to asking about the most popular items.
pub fn interview_list_differences(result: &InterviewResult) -> Result<String> {
    let difference =
        |row: &EvidenceRow| Some((row.ndcg20_difference, BAND * row.ndcg20_difference_se));
    by_questions(interviewers(result, 1, difference), vec![NO_DIFFERENCE])
}

/// Mean absolute error by number of questions.
pub fn interview_errors(result: &InterviewResult) -> Result<String> {
    let error = |row: &EvidenceRow| Some((row.error?.mae, 0.0));
    by_questions(interviewers(result, 0, error), Vec::new())
}

/// The differences of errors to asking about the most popular items.
pub fn interview_error_differences(result: &InterviewResult) -> Result<String> {
    let difference = |row: &EvidenceRow| {
        row.error.map(|error| (error.mae_difference, BAND * error.mae_difference_se))
    };
    by_questions(interviewers(result, 1, difference), vec![NO_DIFFERENCE])
}

/// A guide through all numbers of questions.
const NO_DIFFERENCE: [(f64, f64); 2] = [(-0.25, 0.0), (QUESTIONS.len() as f64 - 0.75, 0.0)];

/// The course of a training: one number for each epoch, if there are any. The epoch whose
/// weights were kept is marked by a guide.
pub fn training(
    history: &[Epoch],
    best: u64,
    label: &str,
    colour: usize,
    number: impl Fn(&Epoch) -> Option<f32>,
) -> Result<Option<String>> {
    let point = |(epoch, of): (usize, &Epoch)| Some((epoch as f64, f64::from(number(of)?), 0.0));
    let points: Vec<_> = (1..).zip(history).filter_map(point).collect();
    if points.is_empty() {
        return Ok(None);
    }
    let y = around(points.iter().map(|(_, y, _)| *y));
    let end = points.len() as f64;
    let chart = Chart {
        x: Axis::Numbers { range: 0.5..end + 0.5, decimals: 0 },
        x_label: "epoch".into(),
        guides: vec![[(best as f64, y.start), (best as f64, y.end)]],
        y,
        decimals: 4,
        lines: vec![Line { label: label.into(), colour, strong: true, points }],
    };
    chart.svg().map(Some)
}
