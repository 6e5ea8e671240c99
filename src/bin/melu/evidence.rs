//! `melu evidence`: the items worth asking a new user about.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use melu::data::Dataset;
use melu::model::file::{CatalogTable, EvidenceTable};
use melu::model::schema::Entity;
use melu::train::rank_evidence;
use melu::{Catalog, Model, greedy_evidence};
use serde_json::json;

use crate::folder::Reading;
use crate::output::{try_output, write_or_keep};
use crate::person::count;
use crate::terminal::{self, note, print_json, print_table};

/// List the items worth asking every new user about.
///
/// By default these are the most popular items: measured on the lists that answers lead to, no
/// other fixed list is better. Questions that melu ask chooses one after another for a user are.
///
/// In the paper, an item's score is the product of how far its ratings move the head and how
/// many people know it, each as a share of the greatest value. Its list is far worse.
///
/// The greedy method chooses items one after another. Each is the item whose answer is expected
/// to clarify most which items belong in lists, given the answers about the items before it. An
/// item's score is its worth as a share of the first item's.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// How they are chosen. Not greedily if the model orders by predicted rating and has no
    /// standard deviations.
    #[arg(long = "evidence", value_name = "HOW", default_value = "popular")]
    method: Method,
    /// Recompute the paper's candidates from this data folder's training ratings.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// The seed for splitting the folder's tasks.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "data")]
    seed: u64,
    /// How many threads; 0 for as many as there are processors.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "data")]
    threads: usize,
    /// Write the model with the computed candidates to this file, which may be MODEL.
    #[arg(short, long, value_name = "FILE", requires = "data")]
    output: Option<PathBuf>,
    /// How many to list.
    #[arg(short = 'k', long, value_name = "N", default_value_t = 20, value_parser = count)]
    count: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// How evidence candidates are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// By the number of people who know them.
    Popular,
    /// By the paper's score.
    Paper,
    /// One after another, by the expected information of their answers.
    Greedy,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    arguments.output.as_deref().map_or(Ok(()), |path| try_output(path, "-o"))?;
    let model = terminal::model(&arguments.model)?;
    if arguments.method == Method::Greedy {
        if arguments.data.is_some() {
            bail!("--data is for the paper's evidence candidates");
        }
        let catalog = model.catalog()?.context("the model has no catalogue to choose from")?;
        return list_greedy(arguments, &catalog);
    }
    let (catalog, mut evidence) = match &arguments.data {
        None => stored(&model, arguments.method)?,
        Some(folder) => {
            let dataset = arguments.reading.open(folder, false)?;
            dataset.notes().iter().for_each(note);
            let catalog = catalog(&model, &dataset)?;
            let evidence = rank_evidence(&catalog, &dataset, arguments.seed, arguments.threads)?;
            if let Some(output) = &arguments.output {
                let mut contents = model.contents().clone();
                contents.catalog = Some(catalog.table().clone());
                contents.evidence = Some(evidence.clone());
                let model = Model::from_contents(contents)?;
                write_or_keep(output, |path| model.save(path))?;
                note(format_args!("wrote {}", output.display()));
            }
            (catalog, evidence)
        }
    };
    if arguments.method == Method::Popular {
        evidence = by_popularity(&evidence);
    }
    list(arguments, &catalog, &evidence)
}

/// The same items, with their popularity as their score.
fn by_popularity(evidence: &EvidenceTable) -> EvidenceTable {
    let EvidenceTable { items, gradient_norm, popularity, .. } = evidence;
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|&a, &b| popularity[b].total_cmp(&popularity[a]).then(items[a].cmp(&items[b])));
    let sorted = |numbers: &[f32]| order.iter().map(|&place| numbers[place]).collect();
    EvidenceTable {
        items: order.iter().map(|&place| items[place]).collect(),
        scores: sorted(popularity),
        gradient_norm: sorted(gradient_norm),
        popularity: sorted(popularity),
    }
}

/// All items that somebody knows, of a model that knows no gradient norms.
fn raters(catalog: &Catalog) -> Option<EvidenceTable> {
    let raters: Vec<u32> =
        (0..catalog.len() as u32).map(|item| catalog.raters(item)).collect::<Option<_>>()?;
    let most = raters.iter().copied().max().filter(|most| *most > 0)?;
    let known = raters.iter().zip(0u32..).filter(|(raters, _)| **raters > 0);
    let (popularity, items): (Vec<f32>, Vec<u32>) =
        known.map(|(raters, item)| (*raters as f32 / most as f32, item)).unzip();
    Some(EvidenceTable {
        gradient_norm: vec![f32::NAN; items.len()].into(),
        scores: popularity.clone().into(),
        popularity: popularity.into(),
        items: items.into(),
    })
}

fn stored(model: &Model, method: Method) -> Result<(Catalog, EvidenceTable)> {
    let catalog = model.catalog()?;
    let raters = |catalog| if method == Method::Popular { raters(catalog) } else { None };
    let evidence = model.evidence().cloned().or_else(|| raters(catalog.as_ref()?));
    let (Some(catalog), Some(evidence)) = (catalog, evidence) else {
        bail!("the model has no evidence candidates; --data DIR computes them from ratings");
    };
    Ok((catalog, evidence))
}

/// The model's own catalogue, or the folder's items for a model without one.
fn catalog(model: &Model, dataset: &Dataset) -> Result<Catalog> {
    if let Some(catalog) = model.catalog()? {
        return Ok(catalog);
    }
    let contents = model.contents();
    let fields = &contents.config.item_fields;
    let items = dataset.items.encode(Entity::Item, fields, &contents.item_vocabularies)?;
    let table = CatalogTable {
        ids: dataset.items.ids().clone(),
        titles: dataset.items.titles().cloned(),
        columns: items.columns,
        vectors: None,
        choice: None,
    };
    Ok(Catalog::from_table(model, table)?)
}

fn list(arguments: &Arguments, catalog: &Catalog, evidence: &EvidenceTable) -> Result<()> {
    let ranks = 0..arguments.count.min(evidence.items.len());
    if arguments.json {
        let items = ranks.map(|rank| {
            let item = evidence.items[rank];
            json!({
                "id": catalog.id(item),
                "title": catalog.title(item),
                "score": evidence.scores[rank],
                "gradient_norm": evidence.gradient_norm[rank],
                "popularity": evidence.popularity[rank],
            })
        });
        return print_json(&json!({ "items": items.collect::<Vec<_>>() }));
    }
    let header = ["", "id", "title", "score", "gradient norm", "popularity"];
    let mut table = terminal::table(&header, |column| !(1..=2).contains(&column));
    for rank in ranks {
        let item = evidence.items[rank];
        let id = catalog.id(item).context("an evidence candidate is not in the catalogue")?;
        table.add_row([
            (rank + 1).to_string(),
            id.to_owned(),
            catalog.title(item).unwrap_or_default().to_owned(),
            format!("{:.3}", evidence.scores[rank]),
            match evidence.gradient_norm[rank] {
                norm if norm.is_nan() => String::new(),
                norm => format!("{norm:.3}"),
            },
            format!("{:.3}", evidence.popularity[rank]),
        ]);
    }
    print_table(&table)
}

fn list_greedy(arguments: &Arguments, catalog: &Catalog) -> Result<()> {
    let questions = greedy_evidence(catalog, arguments.count)?;
    let first = questions.first().map_or(1.0, |first| first.worth());
    if arguments.json {
        let items = questions.iter().map(|question| {
            json!({
                "id": catalog.id(question.item),
                "title": catalog.title(question.item),
                "score": question.worth() / first,
                "reduction": question.reduction,
                "known": question.known,
            })
        });
        return print_json(&json!({ "items": items.collect::<Vec<_>>() }));
    }
    let header = ["", "id", "title", "score", "reduction", "known"];
    let mut table = terminal::table(&header, |column| !(1..=2).contains(&column));
    for (rank, question) in questions.iter().enumerate() {
        table.add_row([
            (rank + 1).to_string(),
            catalog.id(question.item).unwrap_or_default().to_owned(),
            catalog.title(question.item).unwrap_or_default().to_owned(),
            format!("{:.3}", question.worth() / first),
            format!("{:.4}", question.reduction),
            format!("{:.3}", question.known),
        ]);
    }
    print_table(&table)
}
