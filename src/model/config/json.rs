//! The configuration as JSON.

use serde::{Serialize, Serializer};

use super::choice::RawChoice;
use super::{Config, DataType, GradientSteps, Local, NO_INPUT, Ridge};
use crate::memory;
use crate::model::json::{Json, Object};
use crate::model::loss::{Loss, Output};
use crate::model::medians::Medians;
use crate::model::network::Network;
use crate::model::schema::{Entity, Field, FieldKind, NumberScale};
use crate::model::{ChoiceHead, Problem};

impl Config {
    /// Reads what [`Config::to_json`] writes, and what people write by hand.
    ///
    /// # Errors
    /// Names the unknown or missing key, or the impossible value, in words; or that there is
    /// no memory.
    pub fn from_json(json: &str) -> Result<Self, Problem> {
        let raw = RawConfig::read(Json::parse(json)?.object("it")?)?;
        let Some(raw_rating) = raw.rating else {
            let config = Self::without_ratings(
                fields(Entity::Item, raw.item_fields)?,
                fields(Entity::User, raw.user_fields)?,
                Some(raw.choice.ok_or("it has neither \"local\" nor \"choice\"")?),
                raw.catalog,
            );
            config.check()?;
            return Ok(config);
        };
        let config = Self {
            item_fields: fields(Entity::Item, raw.item_fields)?,
            user_fields: fields(Entity::User, raw.user_fields)?,
            embedding_dim: raw_rating.embedding_dim,
            factors: raw_rating.factors,
            body: raw_rating.body,
            hidden: raw_rating.hidden,
            output: Output {
                loss: raw_rating.loss,
                scale: raw_rating.output.scale,
                offset: raw_rating.output.offset,
                range: raw_rating.output.range,
            },
            // Kept until the head for which the rates are is known.
            local: Local::Ridge(Ridge { noise: 1.0, item_variance: 0.0, calibration: 1.0 }),
            medians: raw_rating.medians.map(RawMedians::into_medians).transpose()?,
            catalog: raw.catalog,
            choice: raw.choice,
        };
        if !config.has_ratings() {
            return Err(NO_INPUT.into());
        }
        let local = raw_rating.local.into_local(&config.head_network()?)?;
        let config = Self { local, ..config };
        config.check()?;
        Ok(config)
    }

    /// Writes the configuration for the weight file.
    pub fn to_json(&self) -> String {
        let raw = RawConfig {
            item_fields: self.item_fields.iter().map(RawField::from).collect(),
            user_fields: self.user_fields.iter().map(RawField::from).collect(),
            rating: self.has_ratings().then(|| RawRating {
                embedding_dim: self.embedding_dim,
                factors: self.factors,
                body: self.body.clone(),
                hidden: self.hidden.clone(),
                loss: self.output.loss,
                output: RawOutput::from(&self.output),
                local: RawLocal::from_local(&self.local, self.head_network().ok()),
                medians: self.medians.as_ref().map(RawMedians::from),
            }),
            catalog: self.catalog,
            choice: self.choice.clone(),
        };
        serde_json::to_string(&raw).unwrap_or_default()
    }
}

fn fields(entity: Entity, raw: Vec<RawField>) -> Result<Vec<Field>, Problem> {
    let field = |raw| {
        let RawField { name, kind, size, mean, std, range, log_unit, embedded } = raw;
        let is_plain = range.is_none() && log_unit.is_none();
        let refuse = |problem: &str| Err(format!("{entity} field \"{name}\" {problem}").into());
        let (kind, size) = match (kind, size, mean, std) {
            (RawKind::One, Some(size), None, None) if is_plain => (FieldKind::One, size),
            (RawKind::Multi, Some(size), None, None) if is_plain => (FieldKind::Multi, size),
            (RawKind::Numeric, None | Some(2), Some(mean), Some(std)) => {
                (FieldKind::Numeric(NumberScale { mean, std, range, log_unit }), 2)
            }
            (RawKind::Numeric, ..) => {
                return refuse(
                    "is numeric: it takes \"mean\" and \"std\", and no size other than 2",
                );
            }
            _ => {
                return refuse(
                    "needs a \"size\", and none of \"mean\", \"std\", \"range\" and \"log_unit\"",
                );
            }
        };
        Ok(Field { name, kind, size, embedded })
    };
    memory::try_collected(raw.into_iter().map(field))
}

#[derive(Serialize)]
struct RawConfig {
    item_fields: Vec<RawField>,
    user_fields: Vec<RawField>,
    #[serde(flatten)]
    rating: Option<RawRating>,
    #[serde(skip_serializing_if = "is_f32")]
    catalog: DataType,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_raw_choice")]
    choice: Option<ChoiceHead>,
}

/// The head for ratings.
#[derive(Serialize)]
struct RawRating {
    embedding_dim: usize,
    #[serde(skip_serializing_if = "is_zero")]
    factors: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    body: Vec<usize>,
    hidden: Vec<usize>,
    loss: Loss,
    output: RawOutput,
    local: RawLocal,
    #[serde(skip_serializing_if = "Option::is_none")]
    medians: Option<RawMedians>,
}

fn as_raw_choice<S: Serializer>(
    head: &Option<ChoiceHead>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    head.as_ref().map(RawChoice::from).serialize(serializer)
}

#[derive(Serialize)]
struct RawField {
    name: String,
    kind: RawKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<[f32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_unit: Option<f32>,
    #[serde(skip_serializing_if = "is_yes")]
    embedded: bool,
}

impl RawConfig {
    fn read(mut json: Object) -> Result<Self, Problem> {
        let fields = |json: Json, name: &str| {
            let read = |(place, field): (usize, Json)| {
                let field = field.object(name).and_then(RawField::read);
                field.map_err(|problem| problem.at(&format!("{name}, number {place}")))
            };
            memory::try_collected(json.list(name)?.into_iter().enumerate().map(read))
        };
        let local = json.maybe("local", Json::object)?;
        let read = Self {
            item_fields: fields(json.need("item_fields")?, "item_fields")?,
            user_fields: fields(json.need("user_fields")?, "user_fields")?,
            rating: local.map(|local| RawRating::read(&mut json, local)).transpose()?,
            catalog: match json.maybe("catalog", Json::text)? {
                None => DataType::F32,
                Some(name) => name.parse()?,
            },
            choice: json.maybe("choice", RawChoice::read)?,
        };
        json.finish()?;
        Ok(read)
    }
}

impl RawRating {
    fn read(json: &mut Object, local: Object) -> Result<Self, Problem> {
        let (scale, offset) = (1.0, 0.0);
        Ok(Self {
            embedding_dim: json.need("embedding_dim")?.count("embedding_dim")?,
            factors: json.maybe("factors", Json::count)?.unwrap_or(0),
            body: json.maybe("body", Json::counts)?.unwrap_or_default(),
            hidden: json.need("hidden")?.counts("hidden")?,
            loss: json.need("loss")?.text("loss")?.parse()?,
            output: json.maybe("output", RawOutput::read)?.unwrap_or(RawOutput {
                scale,
                offset,
                range: None,
            }),
            local: RawLocal::read(local).map_err(|problem| problem.at("local"))?,
            medians: json.maybe("medians", |json, name| {
                RawMedians::read(json, name).map_err(|problem| problem.at(name))
            })?,
        })
    }
}

impl RawField {
    fn read(mut json: Object) -> Result<Self, Problem> {
        let read = Self {
            name: json.need("name")?.text("name")?,
            kind: match json.need("kind")?.text("kind")?.as_str() {
                "one" => RawKind::One,
                "multi" => RawKind::Multi,
                "numeric" => RawKind::Numeric,
                other => {
                    let problem = format!("kind is \"{other}\"; one, multi or numeric is expected");
                    return Err(problem.into());
                }
            },
            size: json.maybe("size", Json::count)?,
            mean: json.maybe("mean", Json::number)?,
            std: json.maybe("std", Json::number)?,
            range: json.maybe("range", pair)?,
            log_unit: json.maybe("log_unit", Json::number)?,
            embedded: json.maybe("embedded", Json::flag)?.unwrap_or(true),
        };
        json.finish()?;
        Ok(read)
    }
}

/// A list of two numbers.
fn pair(json: Json, name: &str) -> Result<[f32; 2], Problem> {
    let numbers = json.numbers(name)?;
    Ok(numbers.try_into().map_err(|_| format!("{name} is not a list of two numbers"))?)
}

impl From<&Output> for RawOutput {
    fn from(output: &Output) -> Self {
        Self { scale: output.scale, offset: output.offset, range: output.range }
    }
}

impl RawOutput {
    fn read(json: Json, name: &str) -> Result<Self, Problem> {
        let mut json = json.object(name)?;
        let scale = json.need("scale")?.number("output.scale")?;
        let offset = json.need("offset")?.number("output.offset")?;
        let range = json.maybe("range", pair)?;
        json.finish()?;
        Ok(Self { scale, offset, range })
    }
}

impl RawMedians {
    fn read(json: Json, name: &str) -> Result<Self, Problem> {
        let mut json = json.object(name)?;
        let cuts = json.need("cuts")?.numbers("cuts")?;
        let values = json.need("values")?.numbers("values")?;
        json.finish()?;
        Ok(Self { cuts, values })
    }

    fn into_medians(self) -> Result<Medians, Problem> {
        let medians = Medians::new(self.cuts, self.values);
        Ok(medians.map_err(|problem| format!("medians: {problem}"))?)
    }
}

impl From<&Medians> for RawMedians {
    fn from(medians: &Medians) -> Self {
        Self { cuts: medians.cuts().to_vec(), values: medians.values().to_vec() }
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn is_f32(data_type: &DataType) -> bool {
    *data_type == DataType::F32
}

fn is_yes(flag: &bool) -> bool {
    *flag
}

impl From<&Field> for RawField {
    fn from(field: &Field) -> Self {
        let (kind, scale) = match field.kind {
            FieldKind::One => (RawKind::One, None),
            FieldKind::Multi => (RawKind::Multi, None),
            FieldKind::Numeric(scale) => (RawKind::Numeric, Some(scale)),
        };
        Self {
            name: field.name.clone(),
            kind,
            size: scale.is_none().then_some(field.size),
            mean: scale.map(|scale| scale.mean),
            std: scale.map(|scale| scale.std),
            range: scale.and_then(|scale| scale.range),
            log_unit: scale.and_then(|scale| scale.log_unit),
            embedded: field.embedded,
        }
    }
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    One,
    Multi,
    Numeric,
}

#[derive(Serialize)]
struct RawOutput {
    scale: f32,
    offset: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<[f32; 2]>,
}

#[derive(Serialize)]
struct RawMedians {
    cuts: Vec<f32>,
    values: Vec<f32>,
}

#[derive(Serialize)]
struct RawLocal {
    solver: SolverName,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<RawRate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_variance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<f32>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum SolverName {
    Gradient,
    Ridge,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RawRate {
    One(f32),
    /// By name in ascending order, when they were read.
    PerTensor(#[serde(serialize_with = "as_object")] Vec<(String, f32)>),
}

fn as_object<S: Serializer>(pairs: &[(String, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, rate)| (name, rate)))
}

impl RawLocal {
    fn read(mut json: Object) -> Result<Self, Problem> {
        let read = Self {
            solver: match json.maybe("solver", Json::text)?.as_deref() {
                None | Some("gradient") => SolverName::Gradient,
                Some("ridge") => SolverName::Ridge,
                Some(other) => {
                    let problem = format!("solver is \"{other}\"; gradient or ridge is expected");
                    return Err(problem.into());
                }
            },
            steps: json.maybe("steps", Json::count)?,
            rate: json.maybe("rate", RawRate::read)?,
            pull: json.maybe("pull", Json::number)?,
            noise: json.maybe("noise", Json::number)?,
            item_variance: json.maybe("item_variance", Json::number)?,
            calibration: json.maybe("calibration", Json::number)?,
        };
        json.finish()?;
        Ok(read)
    }

    fn into_local(self, head: &Network) -> Result<Local, Problem> {
        let Self { solver, steps, rate, pull, noise, item_variance, calibration } = self;
        let ridge = (noise, item_variance, calibration);
        match (solver, steps, rate, pull, ridge) {
            (SolverName::Gradient, Some(steps), Some(rate), pull, (None, None, None)) => {
                let rates = rate.per_tensor(head)?;
                Ok(Local::Gradient(GradientSteps { steps, rates, pull: pull.unwrap_or(0.0) }))
            }
            (SolverName::Ridge, None, None, None, (Some(noise), item_variance, calibration)) => {
                let item_variance = item_variance.unwrap_or(0.0);
                let calibration = calibration.unwrap_or(1.0);
                Ok(Local::Ridge(Ridge { noise, item_variance, calibration }))
            }
            (SolverName::Gradient, ..) => {
                Err("local takes \"steps\", \"rate\" and perhaps \"pull\" with the solver \
                     gradient, and nothing else"
                    .into())
            }
            (SolverName::Ridge, ..) => {
                Err("local takes \"noise\" and perhaps \"item_variance\" and \"calibration\" \
                     with the solver ridge, and nothing else"
                    .into())
            }
        }
    }

    fn from_local(local: &Local, head: Option<Network>) -> Self {
        let nothing = Self {
            solver: SolverName::Gradient,
            steps: None,
            rate: None,
            pull: None,
            noise: None,
            item_variance: None,
            calibration: None,
        };
        match local {
            Local::Gradient(GradientSteps { steps, rates, pull }) => Self {
                steps: Some(*steps),
                rate: head.map(|head| RawRate::new(rates, &head)),
                pull: (*pull > 0.0).then_some(*pull),
                ..nothing
            },
            Local::Ridge(Ridge { noise, item_variance, calibration }) => Self {
                solver: SolverName::Ridge,
                noise: Some(*noise),
                item_variance: Some(*item_variance),
                calibration: Some(*calibration),
                ..nothing
            },
        }
    }
}

impl RawRate {
    fn read(json: Json, name: &str) -> Result<Self, Problem> {
        let Json::Object(rates) = json else { return Ok(Self::One(json.number(name)?)) };
        let mut per_tensor = Vec::new();
        for (name, rate) in rates.into_pairs() {
            let rate = rate.number(&format!("local.rate of {name}"))?;
            memory::push(&mut per_tensor, (name, rate))?;
        }
        Ok(Self::PerTensor(per_tensor))
    }

    fn new(rates: &[f32], head: &Network) -> Self {
        match rates.first() {
            Some(first) if rates.iter().all(|rate| rate == first) => Self::One(*first),
            _ => {
                let named = rates.iter().enumerate();
                Self::PerTensor(named.map(|(t, rate)| (head.tensor_name(t), *rate)).collect())
            }
        }
    }

    fn per_tensor(&self, head: &Network) -> Result<Vec<f32>, Problem> {
        match self {
            Self::One(rate) => Ok(memory::filled(*rate, head.tensors())?),
            Self::PerTensor(rates) => {
                let place = |tensor| {
                    let name = head.tensor_name(tensor);
                    rates.binary_search_by(|(other, _)| other.cmp(&name)).ok()
                };
                let places = memory::collected((0..head.tensors()).map(place))?;
                let mut is_known = memory::filled(false, rates.len())?;
                places.iter().flatten().for_each(|place| is_known[*place] = true);
                if let Some(place) = is_known.iter().position(|is_known| !is_known) {
                    let unknown = &rates[place].0;
                    return Err(format!(
                        "local.rate names \"{unknown}\", which is not a head tensor"
                    )
                    .into());
                }
                let rate = |(tensor, place): (usize, &Option<usize>)| {
                    let lacks = || format!("local.rate lacks \"{}\"", head.tensor_name(tensor));
                    Ok(place.map(|place| rates[place].1).ok_or_else(lacks)?)
                };
                memory::try_collected(places.iter().enumerate().map(rate))
            }
        }
    }
}

#[cfg(test)]
mod tests;
