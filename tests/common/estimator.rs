//! The cases of `golden/estimator.json`: whole models with vectors, priors and
//! body, and one task of each.

use melu::model::config::Config;
use melu::model::file::{CatalogTable, Contents, ItemPrior, ItemVectors};
use melu::model::prior::{Input, Prior, Term};
use melu::model::schema::{Column, ColumnBuilder, Entity, Field, FieldKind};
use serde_json::Value as Json;

use super::golden::{cells, indices, numbers, singles};
use super::{Cell, unit};

/// One model and one task.
pub struct Case {
    pub seed: u64,
    pub contents: Contents,
    /// All items; those below `known` are in the contents' catalogue.
    pub items: Vec<Vec<Cell>>,
    pub known: usize,
    pub profile: Vec<Cell>,
    pub support: Rated,
    pub query: Rated,
    pub answers: Json,
}

pub struct Rated {
    pub items: Vec<u32>,
    pub ratings: Vec<f32>,
}

impl Case {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let golden: Json = serde_json::from_str(include_str!("../golden/estimator.json")).unwrap();
        golden["cases"].as_array().unwrap().iter().map(Self::new).collect()
    }

    fn new(json: &Json) -> Self {
        let config = Config::from_json(&json["config"].to_string()).unwrap();
        let rated =
            |set: &Json| Rated { items: indices(&set["items"]), ratings: singles(&set["ratings"]) };
        let items = json["catalogue"].as_array().unwrap().iter();
        let items: Vec<Vec<Cell>> = items.map(|item| cells(&config.item_fields, item)).collect();
        let known = json["known"].as_u64().unwrap() as usize;
        Self {
            seed: json["seed"].as_u64().unwrap(),
            profile: cells(&config.user_fields, &json["profile"]),
            support: rated(&json["support"]),
            query: rated(&json["query"]),
            answers: json["answers"].clone(),
            contents: contents(json, config, &items[..known]),
            items,
            known,
        }
    }

    /// The fields that have embeddings, the items' and then the users'.
    pub fn tables(&self) -> impl Iterator<Item = &Field> {
        let Config { item_fields, user_fields, .. } = &self.contents.config;
        item_fields.iter().chain(user_fields).filter(|field| field.embedded)
    }
}

/// Rows of cells as the columns of their fields.
pub fn columns(fields: &[Field], rows: &[Vec<Cell>]) -> Vec<Column> {
    let column = |(place, field): (usize, &Field)| {
        let mut column = ColumnBuilder::new(field.is_numeric());
        for row in rows {
            let number = match &row[place] {
                Cell::Number(number) => *number,
                Cell::Values(values) => {
                    values.iter().for_each(|value| column.push_value(*value));
                    None
                }
            };
            column.end_row(number);
        }
        column.finish()
    };
    fields.iter().enumerate().map(column).collect()
}

/// Generates tensors in their order.
struct Generator {
    seed: u64,
    scales: Vec<f64>,
    tensor: usize,
}

impl Generator {
    fn next(&mut self, len: usize) -> Vec<f32> {
        let (t, scale) = (self.tensor as u64, self.scales[self.tensor]);
        self.tensor += 1;
        (0..len).map(|i| (scale * unit(self.seed, t, i as u64)) as f32).collect()
    }

    fn positive(&mut self, len: usize) -> Vec<f32> {
        self.next(len).into_iter().map(f32::abs).collect()
    }

    fn tables(&mut self, fields: &[Field], width: usize) -> Vec<Vec<f32>> {
        let table = |field: &Field| match field.embedded {
            true => self.next(field.size * width),
            false => Vec::new(),
        };
        fields.iter().map(table).collect()
    }

    fn prior(&mut self, fields: &[Field], terms: &Json, width: usize) -> Prior {
        let intercept = self.next(width);
        let place = |name: &Json| {
            fields.iter().position(|field| field.name == name.as_str().unwrap()).unwrap()
        };
        let number = |json: &Json| json.as_f64().unwrap() as f32;
        let term = |json: &Json| {
            let (kind, what) = json.as_object().unwrap().iter().next().unwrap();
            let size = |name: &Json| fields[place(name)].size;
            let (rows, input) = match kind.as_str() {
                "values" => {
                    let field = place(what);
                    let multi = usize::from(fields[field].kind == FieldKind::Multi);
                    (size(what) + multi, Input::Values { field })
                }
                "pair" => {
                    let (a, b) = (&what[0], &what[1]);
                    (size(a) * size(b), Input::Pair { fields: [place(a), place(b)] })
                }
                "number" => {
                    let (lowest, highest) = (number(&what["lowest"]), number(&what["highest"]));
                    (1, Input::Number { field: place(&what["field"]), lowest, highest })
                }
                "shared" => {
                    let weights = self.next((size(what) + 1) * width);
                    let confidences = self.positive(size(what)).into();
                    let input = Input::Shared { field: place(what), confidences };
                    return Term { input, weights: weights.into() };
                }
                other => panic!("a term of the kind {other}"),
            };
            Term { input, weights: self.next(rows * width).into() }
        };
        let terms = terms.as_array().unwrap().iter().map(term).collect();
        Prior::new(fields, intercept.into(), terms).unwrap()
    }
}

fn contents(json: &Json, config: Config, known: &[Vec<Cell>]) -> Contents {
    let (seed, scales) = (json["seed"].as_u64().unwrap(), numbers(&json["scales"]));
    let mut generator = Generator { seed, scales, tensor: 0 };
    let buffers = |tables: Vec<Vec<f32>>| tables.into_iter().map(Into::into).collect();
    let item_embeddings = generator.tables(&config.item_fields, config.embedding_dim);
    let user_embeddings = generator.tables(&config.user_fields, config.embedding_dim);
    let body = config.body_network().unwrap();
    let mut network = |network: &melu::model::network::Network| {
        network.tensor_ranges().flat_map(|range| generator.next(range.len())).collect()
    };
    let body = body.map_or(Vec::new(), |body| network(&body));
    let head: Vec<f32> = network(&config.head_network().unwrap());
    let head_scale = match config.local {
        melu::model::config::Local::Ridge(_) => generator.positive(head.len()),
        melu::model::config::Local::Gradient(_) => Vec::new(),
    };
    let (factors, priors) = (config.factors, &json["priors"]);
    let item_prior = priors.get("item").map(|item| ItemPrior {
        prior: generator.prior(config.fields(Entity::Item), &item["terms"], factors + 1),
        variance: item["variance"].as_f64().unwrap() as f32,
    });
    let user_prior = priors.get("user");
    let user_prior =
        user_prior.map(|terms| generator.prior(config.fields(Entity::User), terms, head.len()));
    let count = known.len();
    let catalog = (count > 0).then(|| CatalogTable {
        ids: (0..count).map(|item| item.to_string()).collect(),
        titles: None,
        columns: columns(&config.item_fields, known),
        choice: None,
        vectors: Some(ItemVectors {
            vectors: generator.next(count * factors).into(),
            bias: generator.next(count).into(),
            variance: generator.positive(count).into(),
            raters: generator.positive(count).into_iter().map(|raters| raters as u32).collect(),
        }),
    });
    assert_eq!(generator.tensor, generator.scales.len());
    Contents {
        item_embeddings: buffers(item_embeddings),
        user_embeddings: buffers(user_embeddings),
        body,
        head,
        head_scale,
        item_prior,
        user_prior,
        choice: None,
        item_vocabularies: vec![None; config.item_fields.len()],
        user_vocabularies: vec![None; config.user_fields.len()],
        catalog,
        evidence: None,
        familiarity: None,
        training: None,
        config,
    }
}
