//! `melu inspect` and `melu verify`: the contents of a weight file, and their validity.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use melu::Model;
use melu::model::ChoiceHead;
use melu::model::config::{Config, GradientSteps, Local, Ridge};
use melu::model::file::Contents;
use melu::model::network::Network;
use melu::model::schema::{Entity, FieldKind, NumberScale};
use serde_json::{Value, json};

use crate::terminal::{self, print, print_json, print_table};

/// Show the contents of a weight file.
#[derive(Args)]
pub struct InspectArguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Check that a weight file is sound.
///
/// This checks every name, type, shape, offset, index and number, and scores the catalogue.
#[derive(Args)]
pub struct VerifyArguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
}

pub fn verify(arguments: &VerifyArguments) -> Result<()> {
    // Opening checks everything that can be checked without computing.
    let model = Model::open(&arguments.model)?;
    let mut scored = 0;
    if let Some(catalog) = model.catalog()? {
        let mut scores = vec![0.0; catalog.len()];
        let mut scratch = melu::Scratch::new(&catalog)?;
        melu::User::new(&catalog, &[])?.score_all(&mut scores, &mut scratch)?;
        if let Some(item) = scores.iter().position(|score| !score.is_finite()) {
            let id = catalog.id(item as u32).unwrap_or_default();
            anyhow::bail!("{}: item \"{id}\" has no finite score", arguments.model.display());
        }
        scored = scores.len();
    }
    print(format_args!("{} is sound; {scored} items can be scored", arguments.model.display()))
}

pub fn inspect(arguments: &InspectArguments) -> Result<()> {
    let model = Model::open(&arguments.model)?;
    let contents = model.contents();
    if arguments.json {
        return print_json(&as_json(&model)?);
    }
    let config = model.config();
    let size = std::fs::metadata(&arguments.model).map_or(0, |metadata| metadata.len());
    print(format_args!("{} ({:.1} MB)\n", arguments.model.display(), size as f64 / 1e6))?;
    print_table(&fields(contents))?;
    if let Some(choice) = &config.choice {
        lists(contents, choice)?;
    }
    if config.has_ratings() {
        ratings(&model)?;
    }
    let count = |count: Option<usize>| count.map_or("none".into(), |count| count.to_string());
    let items = contents.catalog.as_ref().map(|catalog| catalog.ids.len());
    let precision = config.catalog.name();
    print(format_args!("catalogue   {} items, kept in {precision}", count(items)))?;
    let candidates = contents.evidence.as_ref().map(|evidence| evidence.items.len());
    print(format_args!("evidence    {} candidates", count(candidates)))?;
    match &contents.training {
        Some(training) => print(format_args!("training    {training}")),
        None => Ok(()),
    }
}

/// How a list is ordered.
fn lists(contents: &Contents, head: &ChoiceHead) -> Result<()> {
    let kept = contents.catalog.as_ref().and_then(|table| table.choice.as_ref());
    let kept = kept.map_or(0, |items| items.neighbours_each());
    let start = if head.starts_by_vector { "by the profile" } else { "by popularity" };
    print(format_args!(
        "lists       vectors of {} numbers, {kept} neighbours an item (with the factor {}); without \
         answers {start}",
        head.width(),
        head.neighbours
    ))?;
    if head.rating > 0.0 {
        print(format_args!(
            "            each unit of a predicted rating adds {} to the score",
            head.rating
        ))?;
    }
    if head.new_items > 0.0 {
        print(format_args!("            new items get {} added to their scores", head.new_items))?;
    }
    Ok(())
}

/// How a rating is predicted.
fn ratings(model: &Model) -> Result<()> {
    let (config, head) = (model.config(), model.head_network());
    print(format_args!("embedding   {} wide", config.embedding_dim))?;
    if config.factors > 0 {
        print(format_args!("vectors     {} wide", config.factors))?;
    }
    if let Some(body) = model.body_network() {
        print(format_args!("body        {}", widths(body)))?;
    }
    print(format_args!("head        {}", widths(head)))?;
    print(format_args!(
        "output      {} loss, score = {} + {} * head",
        loss(config),
        config.output.offset,
        config.output.scale
    ))?;
    match &config.local {
        Local::Gradient(GradientSteps { steps, rates, pull }) => {
            print(format_args!(
                "adapts by   {steps} gradient steps, pulled to the start as by {pull} ratings"
            ))?;
            for (tensor, rate) in rates.iter().enumerate() {
                print(format_args!("            {} at rate {rate}", head.tensor_name(tensor)))?;
            }
        }
        Local::Ridge(Ridge { noise, item_variance, .. }) => print(format_args!(
            "adapts by   ridge regression, noise variance {noise} + {item_variance} of the item's"
        ))?,
    }
    Ok(())
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

fn fields(contents: &Contents) -> comfy_table::Table {
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
