//! `melu recommend`: one user, from the command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use melu::{Order, RecommendOptions, Scratch};
use serde_json::json;

use crate::person::{Person, count, find};
use crate::terminal::{self, print_json, print_table};

/// Recommend items to one user.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    person: Person,
    /// An item to leave out; may be repeated.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    leave_out: Vec<String>,
    /// Do not leave out items that the user rated.
    #[arg(long)]
    keep_rated: bool,
    /// The order of the list: by how likely the user is to choose the item and to like it, or
    /// by the predicted rating.
    #[arg(long, value_enum, default_value_t = By::Score)]
    by: By,
    /// The weight of an item's popularity: 1 as trained, 0 none.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, allow_negative_numbers = true)]
    exposure: f32,
    /// Leave out items with fewer raters in training than this.
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_raters: u32,
    /// The number of places reserved for items that nobody chose in training.
    #[arg(long, value_name = "N", default_value_t = 0)]
    new_items: usize,
    /// How many items to recommend.
    #[arg(short = 'k', long, value_name = "N", default_value_t = 10, value_parser = count)]
    count: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Score,
    Rating,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = terminal::model(&arguments.model)?;
    let catalog = model.catalog()?.context("the model has no catalogue to recommend from")?;
    let mut scratch = Scratch::new(&catalog)?;
    let user = arguments.person.user(&catalog, &mut scratch)?;
    let leave_out = find(&catalog, &arguments.leave_out)?;
    let options = RecommendOptions {
        leave_out: &leave_out,
        keep_rated: arguments.keep_rated,
        order: match arguments.by {
            By::Score => Order::Score,
            By::Rating => Order::Rating,
        },
        exposure: arguments.exposure,
        min_raters: arguments.min_raters,
        new_items: arguments.new_items,
        ..RecommendOptions::default()
    };
    let mut best = Vec::new();
    user.recommend(arguments.count, &options, &mut best, &mut scratch)?;

    let known = |number: f32| (!number.is_nan()).then_some(number);
    if arguments.json {
        let items = best.iter().map(|found| {
            json!({
                "id": catalog.id(found.item),
                "title": catalog.title(found.item),
                "score": found.score,
                "rating": known(found.rating),
                "deviation": known(found.deviation),
            })
        });
        return print_json(&json!({ "items": items.collect::<Vec<_>>() }));
    }
    let header = ["", "id", "title", "score", "rating", ""];
    let mut table = terminal::table(&header, |column| !(1..=2).contains(&column));
    for (rank, found) in best.iter().enumerate() {
        table.add_row([
            (rank + 1).to_string(),
            catalog.id(found.item).unwrap_or_default().to_owned(),
            catalog.title(found.item).unwrap_or_default().to_owned(),
            format!("{:.3}", found.score),
            known(found.rating).map_or(String::new(), |rating| format!("{rating:.2}")),
            known(found.deviation).map_or(String::new(), |deviation| format!("± {deviation:.2}")),
        ]);
    }
    print_table(&table)
}
