//! `melu inspect`: the contents of a weight file.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use melu::model::ChoiceHead;
use melu::model::config::{Config, GradientSteps, Local, Ridge};
use melu::model::file::Contents;
use melu::model::network::Network;
use melu::model::schema::{Entity, FieldKind, NumberScale};
use melu::train::TrainingRecord;
use melu::{Model, printable};
use serde_json::{Value, json};

use crate::person::titled;
use crate::terminal::{self, TextTable, print, print_json, print_table};

/// How many items `--find` shows, and how many values of a field `--fields`, to people.
const SHOWN: usize = 50;

/// Show the contents of a weight file.
///
/// With --json, the keys are `config`, `parameters`, `items`, `evidence` and `training`; with
/// --fields `fields`, with --find `items`.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Show the fields of users and items and the values that the model knows, all of them with
    /// --json.
    #[arg(long, conflicts_with = "find")]
    fields: bool,
    /// Show the items whose titles contain this text, and their ids. Capital letters do not
    /// matter.
    #[arg(long, value_name = "TITLE", allow_hyphen_values = true)]
    find: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = terminal::model(&arguments.model)?;
    if let Some(text) = &arguments.find {
        return find(&model, text, arguments.json);
    }
    match (arguments.fields, arguments.json) {
        (true, true) => print_json(&json!({ "fields": fields_as_json(&model) })),
        (true, false) => field_values(&model),
        (false, true) => print_json(&as_json(&model)?),
        (false, false) => overview(arguments, &model),
    }
}

fn overview(arguments: &Arguments, model: &Model) -> Result<()> {
    let (contents, config) = (model.contents(), model.config());
    let size = std::fs::metadata(&arguments.model).map_or(0, |metadata| metadata.len());
    print(format_args!("{} ({:.1} MB)\n", arguments.model.display(), size as f64 / 1e6))?;
    print_table(&fields(contents))?;
    let mut table = terminal::table(&[], |_| false);
    let count = |count: Option<usize>| count.map_or("none".into(), |count| count.to_string());
    let items = contents.catalog.as_ref().map(|catalog| catalog.ids.len());
    let data_type = config.catalog.name();
    table.add_row(["catalogue", &format!("{} items, kept in {data_type}", count(items))]);
    let candidates = contents.evidence.as_ref().map(|evidence| evidence.items.len());
    table.add_row(["evidence", &format!("{} candidates", count(candidates))]);
    if let Some(choice) = &config.choice {
        lists(&mut table, contents, choice);
    }
    if config.has_ratings() {
        ratings(&mut table, model);
    }
    training(&mut table, model);
    print_table(&table)?;
    print(
        "--fields shows the fields' values, --find TITLE finds items, and --json shows everything",
    )
}

/// How a list is ordered.
fn lists(table: &mut TextTable, contents: &Contents, head: &ChoiceHead) {
    let kept = contents.catalog.as_ref().and_then(|table| table.choice.as_ref());
    let kept = kept.map_or(0, |items| items.neighbours_each());
    let start = if head.starts_by_vector { "by the profile" } else { "by popularity" };
    let vectors = format!("vectors of {} numbers; without answers {start}", head.width());
    table.add_row(["lists", &vectors]);
    let neighbours = format!("{kept} neighbours an item, with the factor {}", head.neighbours);
    table.add_row(["", &neighbours]);
    if head.rating > 0.0 {
        let rating = format!("each unit of a predicted rating adds {} to the score", head.rating);
        table.add_row(["", &rating]);
    }
    if head.new_items > 0.0 {
        let new = format!("new items get {} added to their scores", head.new_items);
        table.add_row(["", &new]);
    }
}

/// How a rating is predicted.
fn ratings(table: &mut TextTable, model: &Model) {
    let (config, head) = (model.config(), model.head_network());
    table.add_row(["embedding", &format!("{} wide", config.embedding_dim)]);
    if config.factors > 0 {
        table.add_row(["vectors", &format!("{} wide", config.factors)]);
    }
    if let Some(body) = model.body_network() {
        table.add_row(["body", &widths(body)]);
    }
    table.add_row(["head", &widths(head)]);
    let output = &config.output;
    let score = format!(
        "{} loss, score = {} + {} * head",
        loss(config).as_str().unwrap_or_default(),
        output.offset,
        output.scale
    );
    table.add_row(["output", &score]);
    match &config.local {
        Local::Gradient(GradientSteps { steps, rates, pull }) => {
            let steps = format!("{steps} gradient steps, pulled to the start as by {pull} ratings");
            table.add_row(["adapts by", &steps]);
            for (tensor, rate) in rates.iter().enumerate() {
                table.add_row(["", &format!("{} at rate {rate}", head.tensor_name(tensor))]);
            }
        }
        Local::Ridge(Ridge { noise, item_variance, .. }) => {
            let ridge =
                format!("ridge regression, noise variance {noise} + {item_variance} of the item's");
            table.add_row(["adapts by", &ridge]);
        }
    }
}

/// How the model was made, a line for each option.
fn training(table: &mut TextTable, model: &Model) {
    let Some(record) = TrainingRecord::of(model) else {
        let known = model.contents().training.is_some();
        table.add_row(["training", if known { "in other words: see --json" } else { "unknown" }]);
        return;
    };
    let inside = if record.inside.is_some() { ", inside the training part" } else { "" };
    table.add_row(["training", &format!("by melu {}{inside}", record.version)]);
    if let Some(before) = &record.started_from {
        let others = if before.same_new_users { "" } else { ", which left out other new users" };
        let generation = format!("from the model {}{others}", before.fingerprint);
        table.add_row(["", &generation]);
    }
    if !record.history.is_empty() {
        let error = record.validation_mae.map_or(String::new(), |mae| {
            format!(", mean absolute error {mae:.4} for the users held back")
        });
        let epochs = record.history.len();
        table.add_row(["", &format!("epoch {} of {epochs} kept{error}", record.epoch)]);
    }
    for (name, value) in record.options.as_object().into_iter().flatten() {
        let value = match value {
            Value::Null => "not set".into(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.add_row(["", &format!("{} {}", name.replace('_', " "), shortened(&value))]);
    }
}

/// At most as long as a line of a terminal takes beside a name.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn widths(network: &Network) -> String {
    let inputs = network.layers().iter().map(|layer| layer.inputs);
    let widths: Vec<String> =
        inputs.chain([network.output_width()]).map(|width| width.to_string()).collect();
    format!("{}, {} numbers", widths.join(" -> "), network.parameters())
}

fn loss(config: &Config) -> Value {
    json!(config.output.loss)
}

fn fields(contents: &Contents) -> TextTable {
    let mut table =
        terminal::table(&["field", "", "kind", "values", "named"], |column| column == 3);
    for entity in [Entity::Item, Entity::User] {
        let fields = contents.config.fields(entity);
        for (field, vocabulary) in fields.iter().zip(contents.vocabularies(entity)) {
            let (kind, values) = match field.kind {
                FieldKind::One => ("one", field.size.to_string()),
                FieldKind::Multi => ("multi", field.size.to_string()),
                FieldKind::Numeric(scale) => ("numeric", numbers(&scale)),
            };
            let named = if vocabulary.is_some() { "yes" } else { "no" };
            table.add_row([entity.name(), &field.name, kind, &values, named]);
        }
    }
    table
}

/// The range of a numeric field, and whether it is read by its logarithm.
fn numbers(scale: &NumberScale) -> String {
    let logarithm = if scale.log_unit.is_some() { ", by logarithm" } else { "" };
    match scale.range {
        Some([min, max]) => format!("{min} to {max}{logarithm}"),
        None => format!("{:.4} ± {:.4}{logarithm}", scale.mean, scale.std),
    }
}

/// Each field, and below it its values.
fn field_values(model: &Model) -> Result<()> {
    let contents = model.contents();
    for entity in [Entity::User, Entity::Item] {
        let fields = contents.config.fields(entity);
        for (field, vocabulary) in fields.iter().zip(contents.vocabularies(entity)) {
            let kind = match field.kind {
                FieldKind::One => "one of".into(),
                FieldKind::Multi => "any of".into(),
                FieldKind::Numeric(scale) => format!("a number, {}", numbers(&scale)),
            };
            print(format_args!("{entity} field {}: {kind}", printable(&field.name)))?;
            let Some(vocabulary) = vocabulary else {
                if !field.is_numeric() {
                    print(format_args!("    {} values without names: 0, 1, 2 …", field.size))?;
                }
                continue;
            };
            for name in vocabulary.names().iter().take(SHOWN) {
                print(format_args!("    {}", printable(name)))?;
            }
            if vocabulary.len() > SHOWN {
                print(format_args!("    and {} more: see --json", vocabulary.len() - SHOWN))?;
            }
        }
    }
    Ok(())
}

fn fields_as_json(model: &Model) -> Vec<Value> {
    let contents = model.contents();
    let of = |entity: Entity| {
        let fields = contents.config.fields(entity).iter().zip(contents.vocabularies(entity));
        fields.map(move |(field, vocabulary)| {
            let (kind, range) = match field.kind {
                FieldKind::One => ("one", None),
                FieldKind::Multi => ("multi", None),
                FieldKind::Numeric(scale) => ("numeric", scale.range),
            };
            json!({
                "entity": entity.name(),
                "name": field.name,
                "kind": kind,
                "size": (!field.is_numeric()).then_some(field.size),
                "range": range,
                "values": vocabulary.as_ref().map(|known| known.names().iter().collect::<Vec<_>>()),
            })
        })
    };
    [Entity::User, Entity::Item].into_iter().flat_map(of).collect()
}

fn find(model: &Model, text: &str, as_json: bool) -> Result<()> {
    let catalog = model.catalog()?.context("the model has no catalogue to find items in")?;
    let found = titled(&catalog, text);
    if as_json {
        let items = found
            .iter()
            .map(|item| json!({ "id": catalog.id(*item), "title": catalog.title(*item) }));
        return print_json(&json!({ "items": items.collect::<Vec<_>>() }));
    }
    if found.is_empty() {
        if model.contents().catalog.as_ref().is_some_and(|table| table.titles.is_none()) {
            bail!("the model's items have no titles");
        }
        return print(format_args!("No title contains \"{}\".", printable(text)));
    }
    let mut table = terminal::table(&["id", "title"], |_| false);
    for item in found.iter().take(SHOWN) {
        let title = catalog.title(*item).unwrap_or_default();
        table.add_row([catalog.id(*item).unwrap_or_default(), title]);
    }
    print_table(&table)?;
    match found.len() {
        ..=SHOWN => Ok(()),
        all => print(format_args!("{SHOWN} of {all}; --json shows all")),
    }
}

fn as_json(model: &Model) -> Result<Value> {
    let contents = model.contents();
    let config: Value =
        serde_json::from_str(&contents.config.to_json()).context("the configuration")?;
    let training = contents.training.as_deref().map(serde_json::from_str::<Value>);
    Ok(json!({
        "config": config,
        "parameters": model.head_network().parameters(),
        "items": contents.catalog.as_ref().map(|catalog| catalog.ids.len()),
        "evidence": contents.evidence.as_ref().map(|evidence| evidence.items.len()),
        "training": training.and_then(Result::ok),
    }))
}
