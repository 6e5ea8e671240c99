//! `melu eval`: how good a model is on a data folder.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use melu::Model;
use melu::data::{Dataset, Scenario};
use melu::eval::{EvalOptions, Given, Predictor, Row, ScenarioResult, evaluate};

use crate::terminal::{self, print, print_json, print_table};

/// Measure a model in the four scenarios, beside simple predictors.
///
/// Existing and new users, existing and new items; by the number of ratings
/// that are given. Errors are means over users, then over draws, of predictions
/// clipped to the rating scale and not rounded. nDCG has linear gain: an item's
/// gain is its rating.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The data folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many times each user's ratings are cut anew into given ones and ones
    /// to predict.
    #[arg(long, value_name = "N", default_value_t = 5)]
    draws: usize,
    /// The same seed gives the same draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many threads; 0 for as many as there are processors.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = Model::open(&arguments.model)?;
    let dataset = Dataset::open(&arguments.folder)?;
    let &Arguments { draws, seed, threads, .. } = arguments;
    let options = EvalOptions { draws, seed, threads, ..EvalOptions::default() };
    let mut bar = terminal::Progress::new("evaluating");
    let evaluation = evaluate(&model, &dataset, &options, |done, of| bar.set(done, of, "tasks"))?;
    drop(bar);
    if arguments.json {
        return print_json(&evaluation);
    }
    print("Mean absolute error by number of ratings given, lower is better:\n")?;
    for result in &evaluation.scenarios {
        print(heading(result))?;
        if result.users == 0 {
            print("  (nobody has enough ratings here: see [split] and [tasks] in dataset.toml)\n")?;
        } else {
            print_table(&errors_by_given(result, ""))?;
        }
    }
    print("With all ratings given (± standard deviation over the draws):\n")?;
    for result in evaluation.scenarios.iter().filter(|result| result.users > 0) {
        print(heading(result))?;
        print_table(&with_all(result))?;
    }
    Ok(())
}

fn heading(result: &ScenarioResult) -> String {
    let name = match result.scenario {
        Scenario::ExistingUsersExistingItems => "Existing users, existing items",
        Scenario::NewUsers => "New users, existing items",
        Scenario::NewItems => "Existing users, new items",
        Scenario::NewUsersNewItems => "New users, new items",
    };
    let draws = match result.draws {
        1 => "1 draw".to_owned(),
        draws => format!("{draws} draws"),
    };
    let seen = if result.seen_in_training {
        "; the training tasks' own query sets, as in the paper: training saw these ratings"
    } else {
        ""
    };
    format!("{name} ({} users, {draws}{seen})", result.users)
}

/// A predictor's name in tables.
fn name(predictor: Predictor) -> &'static str {
    match predictor {
        Predictor::Melu => "melu",
        Predictor::MeluUnadapted => "melu, not adapted",
        Predictor::ItemMeanUserBias => "item mean + user bias",
        Predictor::UserMean => "mean of the user's",
        Predictor::GlobalMean => "mean of all ratings",
    }
}

/// One predictor's errors, by number of ratings given.
fn rows(result: &ScenarioResult, predictor: Predictor) -> impl Iterator<Item = &Row> {
    result.rows.iter().filter(move |row| row.predictor == predictor)
}

/// A table with a row for each predictor, the model last, under this heading.
pub fn errors_by_given(result: &ScenarioResult, heading: &str) -> comfy_table::Table {
    let given = Given::ALL.map(|given| match given {
        Given::First(count) => count.to_string(),
        Given::All => "all".into(),
    });
    let header: Vec<&str> = [heading].into_iter().chain(given.iter().map(String::as_str)).collect();
    let mut table = terminal::table(&header, |column| column > 0);
    for predictor in Predictor::ALL.into_iter().rev() {
        let cells = rows(result, predictor).map(|row| format!("{:.3}", row.mae));
        table.add_row([name(predictor).to_owned()].into_iter().chain(cells));
    }
    table
}

fn with_all(result: &ScenarioResult) -> comfy_table::Table {
    let header = ["", "MAE", "", "RMSE", "nDCG@1", "nDCG@3", "nDCG@5"];
    let mut table = terminal::table(&header, |column| column > 0);
    for predictor in Predictor::ALL.into_iter().rev() {
        for row in rows(result, predictor).filter(|row| row.given == Given::All) {
            table.add_row([
                name(predictor).to_owned(),
                format!("{:.3}", row.mae),
                format!("± {:.3}", row.mae_sd),
                format!("{:.3}", row.rmse),
                format!("{:.3}", row.ndcg1),
                format!("{:.3}", row.ndcg3),
                format!("{:.3}", row.ndcg5),
            ]);
        }
    }
    table
}
