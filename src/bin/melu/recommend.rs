//! `melu recommend`: one user, from the command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use melu::{Filter, Model, Recommendation, User};
use serde_json::json;

use crate::person::{Person, find};
use crate::terminal::{self, print_json, print_table};

/// Recommend items to one user.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    person: Person,
    /// An item to leave out; again for more.
    #[arg(long, value_name = "ID")]
    leave_out: Vec<String>,
    /// Do not leave out what the user rated.
    #[arg(long)]
    keep_rated: bool,
    /// How many items to recommend.
    #[arg(short = 'k', long, value_name = "N", default_value_t = 10)]
    count: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = Model::open(&arguments.model)?;
    let catalog = model.catalog()?.context("the model has no catalogue to recommend from")?;
    let mut user = arguments.person.user(&catalog)?;
    let leave_out = find(&catalog, &arguments.leave_out)?;
    let filter = Filter { leave_out: &leave_out, keep_rated: arguments.keep_rated };
    let mut best = Vec::new();
    user.recommend(arguments.count, filter, &mut best)?;

    let deviations = deviations(&mut user, &best)?;
    let deviation = |rank: usize| deviations.as_ref().map(|deviations| deviations[rank]);
    if arguments.json {
        let items = best.iter().enumerate().map(|(rank, found)| {
            json!({
                "id": catalog.id(found.item),
                "title": catalog.title(found.item),
                "score": found.score,
                "deviation": deviation(rank),
            })
        });
        return print_json(&json!({ "items": items.collect::<Vec<_>>() }));
    }
    let header = ["", "id", "title", "score", ""];
    let mut table = terminal::table(&header, |column| !(1..=2).contains(&column));
    for (rank, found) in best.iter().enumerate() {
        table.add_row([
            (rank + 1).to_string(),
            catalog.id(found.item).unwrap_or_default().to_owned(),
            catalog.title(found.item).unwrap_or_default().to_owned(),
            format!("{:.3}", found.score),
            deviation(rank).map_or(String::new(), |deviation| format!("± {deviation:.2}")),
        ]);
    }
    print_table(&table)
}

/// How far each rating may lie from its score, where the model knows.
fn deviations(user: &mut User, best: &[Recommendation]) -> Result<Option<Vec<f32>>> {
    if !user.model().has_deviations() {
        return Ok(None);
    }
    let items: Vec<u32> = best.iter().map(|found| found.item).collect();
    let (mut scores, mut deviations) = (vec![0.0; items.len()], vec![0.0; items.len()]);
    user.score_with_deviations(&items, &mut scores, &mut deviations)?;
    Ok(Some(deviations))
}
