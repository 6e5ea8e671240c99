//! The model's configuration: `melu.config` in the weight file.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::head::HeadShape;
use crate::loss::{Loss, Output};
use crate::schema::{Entity, Field, FieldKind};

/// More local steps than this are taken for a mistake.
const MOST_STEPS: usize = 1_000;

/// Everything about a model that is not a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The fields that describe an item, in the order of the head's inputs.
    pub item_fields: Vec<Field>,
    /// The fields that describe a user, in the order of the head's inputs.
    pub user_fields: Vec<Field>,
    /// Width of every field's embedding.
    pub embedding_dim: usize,
    /// Widths of the head's hidden layers.
    pub hidden: Vec<usize>,
    /// Loss, and how the head's units meet the ratings'.
    pub output: Output,
    /// How the head adapts to a user.
    pub local: Local,
}

/// How the head adapts: gradient steps on the mean loss of the support set.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// How many steps.
    pub steps: usize,
    /// The learning rate of each head tensor, in their order.
    pub rates: Vec<f32>,
}

impl Config {
    /// The fields of items or of users.
    pub fn fields(&self, entity: Entity) -> &[Field] {
        match entity {
            Entity::Item => &self.item_fields,
            Entity::User => &self.user_fields,
        }
    }

    /// The head's layers and where its tensors lie.
    ///
    /// # Errors
    /// If there is no field, a width is 0, or the sizes overflow: in words.
    pub fn head_shape(&self) -> Result<HeadShape, String> {
        let width = |fields: &[Field]| {
            fields.len().checked_mul(self.embedding_dim).ok_or("embedding_dim is too large")
        };
        HeadShape::new(width(&self.item_fields)?, width(&self.user_fields)?, &self.hidden)
    }

    /// Reads what [`Config::to_json`] writes, and what people write by hand.
    ///
    /// # Errors
    /// The key that is unknown or missing, or the value that cannot be: in words.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let raw: RawConfig = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let config = Self {
            item_fields: check_fields(Entity::Item, raw.item_fields)?,
            user_fields: check_fields(Entity::User, raw.user_fields)?,
            embedding_dim: raw.embedding_dim,
            hidden: raw.hidden,
            output: Output { loss: raw.loss, scale: raw.output.scale, offset: raw.output.offset },
            local: Local { steps: raw.local.steps, rates: Vec::new() },
        };
        let rates = config.head_shape()?.rates(&raw.local.rate)?;
        let config = Self { local: Local { rates, ..config.local }, ..config };
        config.check()?;
        Ok(config)
    }

    /// As the weight file keeps it.
    pub fn to_json(&self) -> String {
        let rates = &self.local.rates;
        let rate = match rates.first() {
            Some(first) if rates.iter().all(|rate| rate == first) => RawRate::One(*first),
            _ => RawRate::PerTensor(
                rates
                    .iter()
                    .enumerate()
                    .map(|(t, rate)| (HeadShape::tensor_name(t), *rate))
                    .collect(),
            ),
        };
        let raw = RawConfig {
            item_fields: self.item_fields.iter().map(RawField::from).collect(),
            user_fields: self.user_fields.iter().map(RawField::from).collect(),
            embedding_dim: self.embedding_dim,
            hidden: self.hidden.clone(),
            loss: self.output.loss,
            output: RawOutput { scale: self.output.scale, offset: self.output.offset },
            local: RawLocal { solver: Solver::Gradient, steps: self.local.steps, rate },
        };
        serde_json::to_string(&raw).unwrap_or_default()
    }

    /// Whether all its numbers can be used.
    ///
    /// # Errors
    /// The key and value that cannot, in words.
    pub fn check(&self) -> Result<(), String> {
        let shape = self.head_shape()?;
        let Output { loss, scale, offset } = self.output;
        if !(scale.is_finite() && scale > 0.0) {
            return Err(format!("output.scale is {scale}; a number above 0 is expected"));
        }
        if !offset.is_finite() {
            return Err(format!("output.offset is {offset}; a finite number is expected"));
        }
        if loss == Loss::Bce && (scale, offset) != (1.0, 0.0) {
            return Err(format!(
                "output is scale {scale}, offset {offset}; with the loss \"bce\", 1 and 0 are expected"
            ));
        }
        if self.local.steps > MOST_STEPS {
            return Err(format!(
                "local.steps is {}; at most {MOST_STEPS} are expected",
                self.local.steps
            ));
        }
        if self.local.rates.len() != shape.tensors() {
            return Err(format!(
                "local.rate has {} numbers for {} head tensors",
                self.local.rates.len(),
                shape.tensors()
            ));
        }
        match self.local.rates.iter().find(|rate| !(rate.is_finite() && **rate >= 0.0)) {
            Some(rate) => Err(format!("local.rate is {rate}; 0 or more is expected")),
            None => Ok(()),
        }
    }
}

fn check_fields(entity: Entity, raw: Vec<RawField>) -> Result<Vec<Field>, String> {
    let mut fields: Vec<Field> = Vec::with_capacity(raw.len());
    for field in raw {
        let RawField { name, kind, size, mean, std } = field;
        let refuse = |problem: String| Err(format!("{entity} field \"{name}\" {problem}"));
        if name.is_empty() {
            return Err(format!("{entity} field {} has no name", fields.len()));
        }
        if fields.iter().any(|other| other.name == name) {
            return refuse("stands there twice".into());
        }
        if entity == Entity::Item && (name == "ids" || name == "titles") {
            return refuse("has a name that the catalogue keeps for itself".into());
        }
        let (kind, size) = match (kind, size, mean, std) {
            (RawKind::One, Some(size), None, None) => (FieldKind::One, size),
            (RawKind::Multi, Some(size), None, None) => (FieldKind::Multi, size),
            (RawKind::Numeric, None | Some(2), Some(mean), Some(std)) => {
                if !(mean.is_finite() && std.is_finite() && std > 0.0) {
                    return refuse(format!("has mean {mean} and std {std}; std must be above 0"));
                }
                (FieldKind::Numeric { mean, std }, 2)
            }
            (RawKind::Numeric, ..) => {
                return refuse(
                    "is numeric: it takes \"mean\" and \"std\", and no other size than 2".into(),
                );
            }
            _ => return refuse("needs a \"size\", and neither \"mean\" nor \"std\"".into()),
        };
        if size == 0 || u32::try_from(size).is_err() {
            return refuse(format!("has size {size}; 1 to 4294967295 is expected"));
        }
        fields.push(Field { name, kind, size });
    }
    Ok(fields)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    item_fields: Vec<RawField>,
    user_fields: Vec<RawField>,
    embedding_dim: usize,
    hidden: Vec<usize>,
    loss: Loss,
    #[serde(default)]
    output: RawOutput,
    local: RawLocal,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    name: String,
    kind: RawKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    std: Option<f32>,
}

impl From<&Field> for RawField {
    fn from(field: &Field) -> Self {
        let (kind, size, mean, std) = match field.kind {
            FieldKind::One => (RawKind::One, Some(field.size), None, None),
            FieldKind::Multi => (RawKind::Multi, Some(field.size), None, None),
            FieldKind::Numeric { mean, std } => (RawKind::Numeric, None, Some(mean), Some(std)),
        };
        Self { name: field.name.clone(), kind, size, mean, std }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    One,
    Multi,
    Numeric,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutput {
    scale: f32,
    offset: f32,
}

impl Default for RawOutput {
    fn default() -> Self {
        Self { scale: 1.0, offset: 0.0 }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLocal {
    #[serde(default)]
    solver: Solver,
    steps: usize,
    rate: RawRate,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Solver {
    #[default]
    Gradient,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RawRate {
    One(f32),
    PerTensor(BTreeMap<String, f32>),
}

impl HeadShape {
    fn rates(&self, raw: &RawRate) -> Result<Vec<f32>, String> {
        match raw {
            RawRate::One(rate) => Ok(vec![*rate; self.tensors()]),
            RawRate::PerTensor(rates) => {
                let names: Vec<String> = (0..self.tensors()).map(Self::tensor_name).collect();
                if let Some(unknown) = rates.keys().find(|key| !names.contains(key)) {
                    return Err(format!("local.rate names \"{unknown}\", which is no head tensor"));
                }
                let rate = |name: &String| {
                    rates.get(name).copied().ok_or(format!("local.rate lacks \"{name}\""))
                };
                names.iter().map(rate).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r#"{
        "item_fields": [{"name": "rate", "kind": "one", "size": 6},
                        {"name": "genres", "kind": "multi", "size": 25},
                        {"name": "year", "kind": "numeric", "mean": 1990.5, "std": 7.25}],
        "user_fields": [{"name": "gender", "kind": "one", "size": 2}],
        "embedding_dim": 32,
        "hidden": [64, 64],
        "loss": "mse",
        "output": {"scale": 1.0, "offset": 0.0},
        "local": {"solver": "gradient", "steps": 1, "rate": 5e-6}
    }"#;

    #[test]
    fn reads_and_writes_the_contract() {
        let config = Config::from_json(CONTRACT).unwrap();
        assert_eq!(config.item_fields.len(), 3);
        assert_eq!(config.item_fields[2].size, 2);
        assert_eq!(config.local.rates, [5e-6; 6]);
        assert_eq!(Config::from_json(&config.to_json()), Ok(config));
    }

    #[test]
    fn keeps_one_rate_per_tensor() {
        let rates = r#"{"head.0.weight": 0.01, "head.0.bias": 0.02, "head.1.weight": 0.03,
            "head.1.bias": 0.04, "head.2.weight": 0.05, "head.2.bias": 0.06}"#;
        let config = Config::from_json(&CONTRACT.replace("5e-6", rates)).unwrap();
        assert_eq!(config.local.rates, [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]);
        assert_eq!(Config::from_json(&config.to_json()), Ok(config));
    }

    #[test]
    fn refuses_what_it_does_not_know_and_names_it() {
        for (old, new, named) in [
            ("\"loss\"", "\"dropout\": 0.1, \"loss\"", "dropout"),
            ("\"kind\": \"one\", \"size\": 6", "\"kind\": \"one\"", "rate"),
            ("\"std\": 7.25", "\"std\": 0", "year"),
            ("\"gender\"", "\"\"", "user field 0"),
            ("\"genres\"", "\"rate\"", "rate"),
            ("\"genres\"", "\"ids\"", "ids"),
            ("\"gradient\"", "\"newton\"", "newton"),
            ("\"steps\": 1", "\"steps\": 1000000000", "steps"),
            ("5e-6", "-1", "rate"),
            ("5e-6", "1e300", "rate"),
            ("5e-6", "{\"head.0.weight\": 0.1}", "head.0.bias"),
            ("\"scale\": 1.0", "\"scale\": 0", "scale"),
            ("\"mse\"", "\"hinge\"", "hinge"),
            ("[64, 64]", "[64, 0]", "hidden"),
            ("\"embedding_dim\": 32", "\"embedding_dim\": 0", "embedding_dim"),
            ("\"embedding_dim\": 32", "\"embedding_dim\": 18446744073709551615", "embedding_dim"),
            ("[64, 64]", "[4294967296, 4294967296, 64]", "too large"),
        ] {
            assert!(CONTRACT.contains(old));
            let error = Config::from_json(&CONTRACT.replace(old, new)).unwrap_err();
            assert!(error.contains(named), "{named}: {error}");
        }
    }
}
