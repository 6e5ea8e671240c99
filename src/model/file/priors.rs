//! Priors in a weight file: their terms' inputs in the metadata, their weights in tensors.

use serde::Serialize;

use super::read::floats;
use super::{ChoicePriors, Contents, ItemPrior, RawFile, TensorData};
use crate::model::Problem;
use crate::model::config::Config;
use crate::model::json::Json;
use crate::model::prior::{Input, Prior, Term};
use crate::model::schema::{Entity, Field};
use crate::{Result, memory};

const KEY: &str = "melu.priors";

#[derive(Default, Serialize)]
struct RawPriors {
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<RawItemPrior>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Vec<RawTerm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice_user: Option<Vec<RawTerm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice_item: Option<Vec<RawTerm>>,
}

#[derive(Serialize)]
struct RawItemPrior {
    variance: f32,
    terms: Vec<RawTerm>,
}

/// A term's input, with fields by name.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RawTerm {
    Values(String),
    Pair([String; 2]),
    Number { field: String, lowest: f32, highest: f32 },
    Shared(String),
}

impl RawPriors {
    fn parse(json: &str) -> Result<Self, Problem> {
        let mut json = Json::parse(json)?.object("it")?;
        let item = json.maybe("item", RawItemPrior::read)?;
        let user = json.maybe("user", RawTerm::list)?;
        let choice_user = json.maybe("choice_user", RawTerm::list)?;
        let choice_item = json.maybe("choice_item", RawTerm::list)?;
        json.finish()?;
        Ok(Self { item, user, choice_user, choice_item })
    }
}

impl RawItemPrior {
    fn read(json: Json, name: &str) -> Result<Self, Problem> {
        let mut json = json.object(name)?;
        let variance = json.need("variance")?.number("item.variance")?;
        let terms = RawTerm::list(json.need("terms")?, "item.terms")?;
        json.finish()?;
        Ok(Self { variance, terms })
    }
}

impl RawTerm {
    fn list(json: Json, name: &str) -> Result<Vec<Self>, Problem> {
        memory::try_collected(json.list(name)?.into_iter().map(|term| Self::read(term, name)))
    }

    /// An object with one key, the kind of term.
    fn read(json: Json, name: &str) -> Result<Self, Problem> {
        let mut pairs = json.object(name)?.into_pairs();
        let (Some((kind, value)), None) = (pairs.next(), pairs.next()) else {
            return Err(format!("{name} has a term without exactly one key").into());
        };
        match kind.as_str() {
            "values" => Ok(Self::Values(value.text(&kind)?)),
            "shared" => Ok(Self::Shared(value.text(&kind)?)),
            "pair" => {
                let fields = value.list(&kind)?.into_iter().map(|field| field.text(&kind));
                let fields = memory::try_collected(fields)?;
                let expected = |_| format!("a pair of {name} does not have two fields");
                Ok(Self::Pair(fields.try_into().map_err(expected)?))
            }
            "number" => {
                let mut json = value.object(&kind)?;
                let field = json.need("field")?.text("field")?;
                let lowest = json.need("lowest")?.number("lowest")?;
                let highest = json.need("highest")?.number("highest")?;
                json.finish()?;
                Ok(Self::Number { field, lowest, highest })
            }
            _ => Err(format!(
                "{name} has a term \"{kind}\"; values, pair, number or shared is expected"
            )
            .into()),
        }
    }

    fn new(input: &Input, fields: &[Field]) -> Self {
        let name = |place: &usize| fields[*place].name.clone();
        match input {
            Input::Values { field } => Self::Values(name(field)),
            Input::Pair { fields: [a, b] } => Self::Pair([name(a), name(b)]),
            Input::Number { field, lowest, highest } => {
                Self::Number { field: name(field), lowest: *lowest, highest: *highest }
            }
            Input::Shared { field, .. } => Self::Shared(name(field)),
        }
    }
}

/// The metadata of a model with priors.
pub fn metadata(contents: &Contents) -> Option<(&'static str, String)> {
    let terms = |prior: &Prior, entity| {
        let fields = contents.config.fields(entity);
        prior.terms().iter().map(|term| RawTerm::new(&term.input, fields)).collect()
    };
    let Contents { item_prior, user_prior, choice, .. } = contents;
    if item_prior.is_none() && user_prior.is_none() && choice.is_none() {
        return None;
    }
    let raw = RawPriors {
        item: item_prior.as_ref().map(|ItemPrior { prior, variance }| RawItemPrior {
            variance: *variance,
            terms: terms(prior, Entity::Item),
        }),
        user: user_prior.as_ref().map(|prior| terms(prior, Entity::User)),
        choice_user: choice.as_ref().map(|choice| terms(&choice.user, Entity::User)),
        choice_item: choice.as_ref().map(|choice| terms(&choice.item, Entity::Item)),
    };
    Some((KEY, serde_json::to_string(&raw).unwrap_or_default()))
}

/// The tensors of a prior.
pub fn push<'a>(tensors: &mut Vec<TensorData<'a>>, of: &str, prior: &'a Prior) {
    let width = prior.width();
    tensors.push(TensorData::list(format!("prior.{of}.intercept"), prior.intercept()));
    for (index, Term { input, weights }) in prior.terms().iter().enumerate() {
        let name = format!("prior.{of}.{index}.weight");
        tensors.push(TensorData::new(name, &[weights.len() / width.max(1), width], weights));
        if let Input::Shared { confidences, .. } = input {
            let name = format!("prior.{of}.{index}.confidence");
            tensors.push(TensorData::list(name, confidences));
        }
    }
}

/// The priors that a file has.
pub struct Priors {
    pub item: Option<ItemPrior>,
    pub user: Option<Prior>,
    pub choice: Option<ChoicePriors>,
}

/// The priors of a model whose head for ratings has this number of parameters.
pub fn read(file: &mut RawFile, config: &Config, head: usize) -> Result<Priors> {
    let raw = match file.metadata(KEY) {
        None => RawPriors::default(),
        Some(json) => RawPriors::parse(json).map_err(|error| file.refuse(KEY, error))?,
    };
    let problem = match (config.factors, &raw.item, &raw.user) {
        (0, None, None) | (1.., Some(_), _) => None,
        (0, ..) => Some("factors are 0; no prior is expected"),
        (1.., None, _) => Some("item is missing; with factors, an item prior is expected"),
    };
    if let Some(problem) = problem {
        return Err(file.refuse(KEY, problem));
    }
    let item = raw.item.map(|RawItemPrior { variance, terms }| {
        if !(variance.is_finite() && variance >= 0.0) {
            let problem = format!("item.variance is {variance}; 0 or more is expected");
            return Err(file.refuse(KEY, problem));
        }
        let width = config.factors.saturating_add(1);
        let prior = prior(file, ("item", &config.item_fields), terms, width)?;
        Ok(ItemPrior { prior, variance })
    });
    let item = item.transpose()?;
    let (item_fields, user_fields) = (&config.item_fields, &config.user_fields);
    let user = raw.user.map(|terms| prior(file, ("user", user_fields), terms, head)).transpose()?;
    let choice = match (&config.choice, raw.choice_user, raw.choice_item) {
        (None, None, None) => None,
        (Some(head), Some(of_user), Some(of_item)) => {
            let width = head.width();
            Some(ChoicePriors {
                user: prior(file, ("choice_user", user_fields), of_user, width)?,
                item: prior(file, ("choice_item", item_fields), of_item, width + 1)?,
            })
        }
        (None, ..) => {
            return Err(file.refuse(KEY, "there is no choice, so no prior for it is expected"));
        }
        (Some(_), ..) => {
            let problem = "with choice, choice_user and choice_item are expected";
            return Err(file.refuse(KEY, problem));
        }
    };
    Ok(Priors { item, user, choice })
}

fn prior(
    file: &mut RawFile,
    (of, fields): (&str, &[Field]),
    terms: Vec<RawTerm>,
    width: usize,
) -> Result<Prior> {
    let intercept = floats(file, &format!("prior.{of}.intercept"), &[width])?;
    // Sorted, as a file may have as many fields and terms as it likes.
    let mut by_name = memory::collected(0..fields.len())?;
    by_name.sort_unstable_by(|a, b| fields[*a].name.cmp(&fields[*b].name));
    let term = |(index, raw): (usize, RawTerm)| -> Result<Term> {
        let place = |file: &RawFile, name: &str| {
            let found = by_name.binary_search_by(|place| fields[*place].name.as_str().cmp(name));
            let problem = || format!("{of} term {index} names \"{name}\", which is not a field");
            found.map(|place| by_name[place]).map_err(|_| file.refuse(KEY, problem()))
        };
        let input = match raw {
            RawTerm::Values(name) => Input::Values { field: place(file, &name)? },
            RawTerm::Pair([a, b]) => Input::Pair { fields: [place(file, &a)?, place(file, &b)?] },
            RawTerm::Number { field, lowest, highest } => {
                Input::Number { field: place(file, &field)?, lowest, highest }
            }
            RawTerm::Shared(name) => {
                let field = place(file, &name)?;
                let name = format!("prior.{of}.{index}.confidence");
                let confidences = floats(file, &name, &[fields[field].size])?;
                Input::Shared { field, confidences }
            }
        };
        let refuse = |problem| file.refuse(&format!("{KEY} {of} term {index}"), problem);
        let rows = input.rows(fields).map_err(refuse)?;
        let weights = floats(file, &format!("prior.{of}.{index}.weight"), &[rows, width])?;
        Ok(Term { input, weights })
    };
    let terms = memory::try_collected(terms.into_iter().enumerate().map(term))?;
    Prior::new(fields, intercept, terms).map_err(|problem| file.refuse(KEY, problem))
}
