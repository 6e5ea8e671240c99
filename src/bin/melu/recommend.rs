//! `melu recommend`: one user, from the command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use melu::schema::Value;
use melu::{Catalog, Filter, Model, Recommendation, User};
use serde_json::json;

use crate::terminal::{self, note, print_json, print_table};

/// Recommend items to one user.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// What is known of the user, as `gender=F`; again for more fields, and for
    /// more values of a multi-valued one.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair)]
    user: Vec<(String, String)>,
    /// What the user said of an item, as `260=5`; again for more items.
    #[arg(long, value_name = "ID=RATING", value_parser = rating)]
    rate: Vec<(String, f32)>,
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

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("FIELD=VALUE is expected, as in gender=F")?;
    Ok((name.into(), value.into()))
}

/// An id may hold an `=`; a rating does not.
fn rating(text: &str) -> Result<(String, f32), String> {
    let (id, rating) = text.rsplit_once('=').ok_or("ID=RATING is expected, as in 260=5")?;
    let rating = rating.parse().map_err(|_| format!("\"{rating}\" is not a number"))?;
    Ok((id.into(), rating))
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = Model::open(&arguments.model)?;
    let catalog = model.catalog()?.context("the model has no catalogue to recommend from")?;
    let profile = profile(&model, &arguments.user)?;
    let mut user = User::new(&catalog, &profile)?;
    if user.unknown_values() > 0 {
        note(format_args!(
            "{} of the user's values are unknown to the model and left out",
            user.unknown_values()
        ));
    }
    let rated = find(&catalog, arguments.rate.iter().map(|(id, _)| id))?;
    let ratings: Vec<f32> = arguments.rate.iter().map(|(_, rating)| *rating).collect();
    let leave_out = find(&catalog, &arguments.leave_out)?;
    user.adapt(&rated, &ratings)?;
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

/// Values by name, or by index where the model has no names for a field's values.
fn profile<'a>(model: &Model, given: &'a [(String, String)]) -> Result<Vec<(&'a str, Value<'a>)>> {
    let contents = model.contents();
    let value = |(name, value): &'a (String, String)| {
        let fields = contents.config.user_fields.iter().zip(&contents.user_vocabularies);
        let by_index = fields
            .into_iter()
            .any(|(field, names)| field.name == *name && names.is_none() && !field.is_numeric());
        let value = if by_index {
            let index = value.parse().with_context(|| {
                format!(
                    "user field \"{name}\": the model has no names for its values; an index is \
                     expected, not \"{value}\""
                )
            });
            Value::Index(index?)
        } else {
            Value::Name(value)
        };
        Ok((name.as_str(), value))
    };
    given.iter().map(value).collect()
}

fn find<'a>(catalog: &Catalog, ids: impl IntoIterator<Item = &'a String>) -> Result<Vec<u32>> {
    let find = |id: &String| {
        catalog.find(id).with_context(|| format!("there is no item \"{id}\" in the catalogue"))
    };
    ids.into_iter().map(find).collect()
}
