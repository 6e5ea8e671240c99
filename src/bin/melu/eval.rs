//! `melu eval`: how good a model is on a data folder.

mod rankings;

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use melu::Model;
use melu::data::{Dataset, Feedback};
use melu::eval::{
    EvalOptions, Evaluation, EvidenceEvaluation, EvidenceOptions, EvidenceRow, FEW_USERS, Given,
    InterviewResult, Interviewer, PredictedTask, PredictionsWriter, Predictor, QUESTIONS,
    RankingEvaluation, RankingOptions, Report, ScenarioResult, ScenarioRow, evaluate,
    evaluate_and_record, evaluate_evidence, evaluate_rankings,
};
use melu::model::file;
use melu::train::TrainingRecord;

use crate::folder::Reading;
use crate::output::{try_output, write_or_keep};
use crate::terminal::{self, note, print, print_json, print_table};

/// Measure a model's lists and predicted ratings, beside simple predictors.
///
/// All predictors have the same information: the training part (existing users' interactions
/// with existing items), the profile, and the given answers.
///
/// LISTS. For each new user with at least 20 interactions with known items, a fifth of these is
/// held out. Of the others, in random order, the first 0, 1, 3 and so on are given. Candidates
/// are all items that anybody in training chose, except the given ones. Lists should find the
/// held-out items that the user liked: those rated highly, if there are ratings (see `liked` in
/// dataset.toml). Lists of new items are measured too, for new users and for up to 1000
/// existing ones. There the answers are known items, and lists should find all liked new items,
/// among the new items alone and among all items. Among all items, new users' lists should find
/// the held-out fifth as well.
///
/// nDCG@20 gains 1 / log2(1 + rank) for each item found, divided by the greatest possible gain.
/// recall@20 is the share of relevant items that are found, hit@10 the share of users with a
/// relevant item among the first ten, and MRR the mean of 1 / rank of the first relevant item.
/// Coverage is the share of all candidates that appear in anybody's list, and popularity the
/// mean share of training users who chose the listed items. Each user counts by the mean over
/// the draws.
///
/// The baselines' settings are chosen on users held back inside training, for each number of
/// answers separately. EASE inverts a matrix of all items or of all users, and is left out if
/// there are more than 5000 of both. Content uses the items' descriptions, and is the only
/// baseline that can list new items.
///
/// PREDICTED RATINGS, if the data have ratings: in four scenarios, for existing and new users,
/// and for existing and new items. Each user with at least `min_ratings` ratings there, see
/// [tasks] in dataset.toml, is a task; of a user with more than `max_ratings`, so many are drawn.
/// Their ratings are split at random into `query` ratings to predict and the others, the
/// first of which are given. Each draw splits them anew.
///
/// SPLIT BY TIME, if dataset.toml has `after` in [split]: training saw what came before that time.
/// Existing users are known by what they did before it, and lists and predicted ratings are of
/// what they did from then on, also of known items. Of new users the newest `query` ratings are to
/// be predicted, and the newest fifth of their interactions is to be found. Given answers are in
/// order of time, the oldest first. Nothing is drawn, so there is one draw.
///
/// A predicted rating is a mean, or close to one. `melu, median` is the same model's median,
/// for those who care about the absolute error.
///
/// MAE, RMSE and nDCG are means over users, then over draws. Predictions are clipped to the
/// rating scale and not rounded. The figure after MAE is its standard deviation over the draws.
/// This nDCG has linear gain: an item's gain is its rating, or, on a scale with negative
/// ratings, the rating's distance from the least one. Items with equal scores share their
/// gains. If all ratings are 0 or 1, they are taken for clicks: AUC is the mean over the users
/// who have both, and the log loss is of predictions clipped to 0.001 to 0.999.
///
/// The median of all ratings has the smallest MAE of all constants, and the mean the smallest
/// RMSE. Figures of fewer than 30 users are marked by an asterisk: they are mostly chance.
///
/// "more" is the difference of a predictor's figure to melu's on the same draws, with its
/// standard error: the standard deviation over users of their differences, each the mean over
/// the draws, divided by the root of the number of users. The draws use the same users again,
/// so their spread is not a standard error.
///
/// Coverage is the share of query ratings within the interval that should hold 80 % of them, if
/// the model has standard deviations.
///
/// The factor model is fitted to the training part. item-kNN adds correlations between items,
/// learned from training ratings, to the item's damped mean and the user's bias. At most 2,500
/// ratings of one user, drawn at random, count towards these.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The data folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// Measure inside the training part, with new users and new items drawn from it, to choose
    /// settings. The model must be trained there too, with `melu train --inside`.
    #[arg(long)]
    inside: bool,
    /// How many times each user's ratings are split anew into given ones and ones to predict; once
    /// if the data are split by time.
    #[arg(long, value_name = "N", default_value_t = EvalOptions::default().draws)]
    draws: usize,
    /// The same number for lists; 0 leaves lists out.
    #[arg(long, value_name = "N", default_value_t = RankingOptions::default().draws)]
    list_draws: usize,
    /// The same seed gives the same draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many threads; 0 for as many as there are processors.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Write all results to a page with plots, as one self-contained HTML file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write each task and each prediction to a CSV file, so that others can compute the
    /// figures of predicted ratings again. A row of `part` `known` is a known rating; `place`
    /// says when it is given. A row of `part` `query` is a rating to predict, with what each
    /// predictor made of it after `given` known ratings. `scenario`, `draw` and `user` say
    /// which task it is.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Also measure the worth of questions: new users' lists, and the error on held-out items,
    /// after each number of questions, for several ways of choosing them. Users and lists are
    /// those of LISTS. In one world users know what is not held out and pass on the rest; in
    /// the other they are asked only about items that they know. In JSON this is `evidence`:
    /// `worlds`, each with `name`, `users`, `draws` and `rows`. Rows have `interviewer`,
    /// `questions`, `answers`, `ndcg20`, its difference to the most popular,
    /// `ndcg20_difference`, and the standard error over users, `ndcg20_difference_se`; if
    /// ratings are predicted, the same for `mae`.
    #[arg(long)]
    evidence: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    for (path, option) in
        [(&arguments.report, "--report"), (&arguments.predictions, "--predictions")]
    {
        path.as_deref().map_or(Ok(()), |path| try_output(path, option))?;
    }
    let model = terminal::model(&arguments.model)?;
    let dataset = arguments.reading.open(&arguments.folder, arguments.inside)?;
    dataset.notes().iter().for_each(note);
    if arguments.predictions.is_some() && dataset.feedback == Feedback::PositiveOnly {
        bail!("--predictions writes predicted ratings, and these data have no ratings");
    }
    let path = arguments.model.display();
    match TrainingRecord::of(&model) {
        None => note(format_args!(
            "{path} does not say what it was trained on; it may have seen the ratings to predict \
             here"
        )),
        Some(TrainingRecord { started_from: Some(before), .. }) if !before.same_new_users => {
            note(format_args!(
                "{path} started from a model that left out other new users; it may have seen some \
                 of those here through that"
            ));
        }
        Some(_) => {}
    }
    let &Arguments { draws, seed, threads, .. } = arguments;
    let options = EvalOptions { draws, seed, threads, ..EvalOptions::default() };
    let rankings =
        (arguments.list_draws > 0).then(|| rank(arguments, &model, &dataset)).transpose()?;
    let evaluation = predict(arguments, &model, &dataset, &options)?;
    let evidence =
        arguments.evidence.then(|| interview(arguments, &model, &dataset)).transpose()?;
    if let Some(path) = &arguments.report {
        let (model, dataset, evaluation, options) = (&model, &dataset, &evaluation, &options);
        let sections =
            evidence.iter().map(EvidenceEvaluation::section).collect::<Result<_, _>>()?;
        let rankings = rankings.as_ref();
        let report = Report { model, dataset, options, evaluation, rankings, sections };
        let page = report.html()?;
        write_or_keep(path, |path| {
            file::write_atomically(path, |file| file.write_all(page.as_bytes()))
        })?;
        note(format_args!("wrote {}", path.display()));
    }
    if arguments.json {
        let mut found = serde_json::to_value(&evaluation)?;
        if let Some(rankings) = &rankings {
            found["rankings"] = serde_json::to_value(&rankings.rankings)?;
            found["baselines"] = serde_json::to_value(&rankings.baselines)?;
        }
        if let Some(evidence) = &evidence {
            found["evidence"] = serde_json::to_value(evidence)?;
        }
        return print_json(&found);
    }
    rankings.as_ref().map_or(Ok(()), rankings::print_rankings)?;
    print_all(&evaluation)?;
    evidence.map_or(Ok(()), |evidence| print_evidence(&evidence))
}

/// Measures predicted ratings, and writes the predictions if they are wanted.
fn predict(
    arguments: &Arguments,
    model: &Model,
    dataset: &Dataset,
    options: &EvalOptions,
) -> Result<Evaluation> {
    let mut bar = terminal::ProgressBar::new("evaluating");
    let progress = |done, of| {
        bar.set(done, of, if done == 0 { "fitting the baselines" } else { "tasks" });
        ControlFlow::Continue(())
    };
    let Some(path) = &arguments.predictions else {
        return Ok(evaluate(model, dataset, options, progress)?);
    };
    let mut found = None;
    let written = file::write_atomically(path, |file| {
        let write = || {
            let mut writer = PredictionsWriter::new(file, dataset)?;
            let record = |task: &PredictedTask| writer.write(task);
            let evaluation = evaluate_and_record(model, dataset, options, progress, record)?;
            writer.finish().map(|()| evaluation)
        };
        match found.insert(write()) {
            Ok(_) => Ok(()),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        }
    });
    drop(bar);
    // What went wrong in the evaluation is not the file's fault.
    let found = found.transpose()?;
    written?;
    note(format_args!("wrote {}", path.display()));
    found.context("nothing was measured")
}

fn rank(arguments: &Arguments, model: &Model, dataset: &Dataset) -> Result<RankingEvaluation> {
    let &Arguments { list_draws: draws, seed, threads, .. } = arguments;
    let options = RankingOptions { draws, seed, threads };
    let mut bar = terminal::ProgressBar::new("ranking");
    let progress = |what, done, of| {
        bar.set(done, of, what);
        ControlFlow::Continue(())
    };
    Ok(evaluate_rankings(model, dataset, &options, progress)?)
}

fn interview(
    arguments: &Arguments,
    model: &Model,
    dataset: &Dataset,
) -> Result<EvidenceEvaluation> {
    let &Arguments { draws, seed, threads, .. } = arguments;
    let options = EvidenceOptions { draws, seed, threads };
    let mut bar = terminal::ProgressBar::new("asking");
    let progress = |done, of| {
        bar.set(done, of, "users");
        ControlFlow::Continue(())
    };
    Ok(evaluate_evidence(model, dataset, &options, progress)?)
}

fn print_evidence(evaluation: &EvidenceEvaluation) -> Result<()> {
    print(
        "The worth of questions to new users, by number of questions. Below each figure is its\n\
         difference to that of the most popular (± standard error), and the number of answers:\n",
    )?;
    for result in &evaluation.worlds {
        let heading = result.world.title();
        print(format_args!("{heading} ({} users, {} draws)", result.users, result.draws))?;
        print_table(&by_questions(result, "nDCG@20", |row| {
            Some([row.ndcg20, row.ndcg20_difference, row.ndcg20_difference_se])
        }))?;
        if result.rows.iter().any(|row| row.error.is_some()) {
            print_table(&by_questions(result, "MAE on held-out items", |row| {
                row.error.map(|error| [error.mae, error.mae_difference, error.mae_difference_se])
            }))?;
        }
    }
    note_marks(evaluation.worlds.iter().any(|result| result.few_users))
}

/// A table of one figure, its difference to that of the most popular, and the standard error of
/// the difference.
fn by_questions(
    result: &InterviewResult,
    heading: &str,
    figures: impl Fn(&EvidenceRow) -> Option<[f64; 3]>,
) -> terminal::TextTable {
    let numbers: Vec<String> = QUESTIONS.iter().map(ToString::to_string).collect();
    let header: Vec<&str> = [heading].into_iter().chain(numbers.iter().map(|n| &**n)).collect();
    let mut table = terminal::table(&header, |column| column > 0);
    for rows in result.interviewers() {
        let line = |name: &str, cell: &dyn Fn(&EvidenceRow) -> String| {
            [name.to_owned()].into_iter().chain(rows.iter().map(cell)).collect::<Vec<_>>()
        };
        let figure = |row: &EvidenceRow, text: &dyn Fn([f64; 3]) -> String| {
            figures(row).map_or_else(String::new, text)
        };
        table.add_row(line(rows[0].interviewer.name(), &|row| {
            figure(row, &|[figure, ..]| marked(format!("{figure:.4}"), result.few_users))
        }));
        if rows[0].interviewer != Interviewer::Popular {
            table.add_row(line("", &|row| {
                figure(row, &|[_, difference, error]| format!("{difference:+.4} ± {error:.4}"))
            }));
        }
        table.add_row(line("", &|row| format!("{:.1} answers", row.answers)));
    }
    table
}

fn print_all(evaluation: &Evaluation) -> Result<()> {
    if evaluation.scenarios.is_empty() {
        return Ok(());
    }
    print(
        "Mean absolute error (MAE) and root mean squared error (RMSE) by number of ratings\n\
         given, lower is better:\n",
    )?;
    for result in &evaluation.scenarios {
        print(heading(result))?;
        if result.users == 0 {
            print("  (nobody has enough ratings here: see [split] and [tasks] in dataset.toml)\n")?;
        } else {
            print_table(&errors_by_given(result, "MAE"))?;
            print_table(&figures_by_given(result, "RMSE", |row| row.rmse))?;
        }
    }
    let scenarios = || evaluation.scenarios.iter().filter(|result| result.users > 0);
    print("With all ratings given:\n")?;
    for result in scenarios() {
        print(heading(result))?;
        print_table(&with_all(result))?;
    }
    if scenarios().any(|result| !result.coverage.is_empty()) {
        print("Coverage of the 80 % interval, in %, by number of ratings given:\n")?;
        print_table(&coverage(scenarios()))?;
    }
    note_marks(scenarios().any(|result| result.few_users))
}

fn heading(result: &ScenarioResult) -> String {
    let draws = match result.draws {
        1 => "1 draw".to_owned(),
        draws => format!("{draws} draws"),
    };
    let seen = if result.seen_in_training {
        "; the training tasks' own query sets, as in the paper: training saw these ratings"
    } else {
        ""
    };
    format!("{} ({} users, {draws}{seen})", result.scenario.title(), result.users)
}

/// A figure of these many users, marked if there are few of them.
fn marked(figure: String, few_users: bool) -> String {
    if few_users { format!("{figure}*") } else { figure }
}

/// What the marks say.
fn note_marks(few_users: bool) -> Result<()> {
    if few_users {
        print(format_args!("* fewer than {FEW_USERS} users: mostly chance\n"))?;
    }
    Ok(())
}

/// A table with a column for each number of ratings given.
fn by_given(heading: &str) -> terminal::TextTable {
    let given = Given::ALL.map(|given| given.to_string());
    let header: Vec<&str> = [heading].into_iter().chain(given.iter().map(String::as_str)).collect();
    terminal::table(&header, |column| column > 0)
}

/// A table with a row for each predictor, the model last, under this heading.
fn errors_by_given(result: &ScenarioResult, heading: &str) -> terminal::TextTable {
    figures_by_given(result, heading, |row| row.mae)
}

/// The same table with another figure of each row.
fn figures_by_given(
    result: &ScenarioResult,
    heading: &str,
    figure: impl Fn(&ScenarioRow) -> f64,
) -> terminal::TextTable {
    let mut table = by_given(heading);
    for predictor in Predictor::ALL.into_iter().rev() {
        let cells = result.of(predictor);
        let cells = cells.map(|row| marked(format!("{:.3}", figure(row)), result.few_users));
        table.add_row([predictor.name().to_owned()].into_iter().chain(cells));
    }
    table
}

fn with_all(result: &ScenarioResult) -> terminal::TextTable {
    let clicks = result.rows.iter().any(|row| row.log_loss.is_some());
    let mut header =
        vec!["", "MAE", "", "more", "", "RMSE", "clipped", "nDCG@1", "nDCG@3", "nDCG@5"];
    header.extend(["AUC", "log loss"].iter().filter(|_| clicks));
    let mut table = terminal::table(&header, |column| column > 0);
    for predictor in Predictor::ALL.into_iter().rev() {
        for row in result.of(predictor).filter(|row| row.given == Given::All) {
            let difference = |text: String| match predictor {
                Predictor::Melu => String::new(),
                _ => text,
            };
            let optional = |figure: Option<f64>| {
                figure
                    .map_or("–".into(), |figure| marked(format!("{figure:.3}"), result.few_users))
            };
            let marked = |figure: String| marked(figure, result.few_users);
            let mut cells = vec![
                predictor.name().to_owned(),
                marked(format!("{:.3}", row.mae)),
                format!("± {:.3}", row.mae_sd),
                difference(format!("{:+.4}", row.mae_difference)),
                difference(format!("± {:.4}", row.mae_difference_se)),
                marked(format!("{:.3}", row.rmse)),
                marked(format!("{:.1} %", 100.0 * row.clipped)),
                marked(format!("{:.3}", row.ndcg1)),
                marked(format!("{:.3}", row.ndcg3)),
                marked(format!("{:.3}", row.ndcg5)),
            ];
            if clicks {
                cells.extend([optional(row.auc), optional(row.log_loss)]);
            }
            table.add_row(cells);
        }
    }
    table
}

/// A table with a row for each scenario.
fn coverage<'a>(scenarios: impl Iterator<Item = &'a ScenarioResult>) -> terminal::TextTable {
    let mut table = by_given("");
    for result in scenarios {
        let found = result.coverage.iter().filter(|coverage| coverage.level == 0.8);
        let cell = |found: f64| marked(format!("{:.1}", 100.0 * found), result.few_users);
        let cells = found.map(|coverage| cell(coverage.found));
        table.add_row([result.scenario.title().to_owned()].into_iter().chain(cells));
    }
    table
}
