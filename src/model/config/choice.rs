//! The head for choosing as JSON.

use serde::Serialize;

use crate::memory;
use crate::model::json::{Json, Object};
use crate::model::{ChoiceHead, Curve, Problem};

/// Its numbers as the weight file keeps them.
#[derive(Serialize)]
pub struct RawChoice {
    precision: Vec<f32>,
    precision_per_answer: Vec<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    half_start: Option<f32>,
    scale: f32,
    popularity: f32,
    new_items: f32,
    starts_by_vector: bool,
    neighbours: f32,
    targets: Vec<[f32; 2]>,
    strengths: Vec<[f32; 2]>,
    exposure: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_range: Option<[f32; 2]>,
}

impl RawChoice {
    /// Reads a head from JSON.
    pub fn read(json: Json, name: &str) -> Result<ChoiceHead, Problem> {
        let mut json = json.object(name)?;
        let head = Self::read_keys(&mut json).map_err(|problem| problem.at(name))?;
        json.finish()?;
        head.check().map_err(|problem| format!("{name}: {problem}"))?;
        Ok(head)
    }

    fn read_keys(json: &mut Object) -> Result<ChoiceHead, Problem> {
        let curve = |json: Json, name: &str| {
            let point = |point: Json| {
                let numbers = point.numbers(name)?;
                let expected = |_| format!("{name} has a point that is not two numbers");
                Ok::<_, Problem>(<[f32; 2]>::try_from(numbers).map_err(expected)?)
            };
            memory::try_collected(json.list(name)?.into_iter().map(point)).map(Curve)
        };
        let range = |json: Json, name: &str| {
            let expected = |_| format!("{name} is not two numbers");
            Ok(<[f32; 2]>::try_from(json.numbers(name)?).map_err(expected)?)
        };
        let mut number = |key: &str| json.need(key)?.number(key);
        let [scale, popularity, new_items] =
            [number("scale")?, number("popularity")?, number("new_items")?];
        let [neighbours, exposure] = [number("neighbours")?, number("exposure")?];
        Ok(ChoiceHead {
            precision: json.need("precision")?.numbers("precision")?,
            precision_per_answer: json
                .need("precision_per_answer")?
                .numbers("precision_per_answer")?,
            half_start: json.maybe("half_start", Json::number)?.unwrap_or(f32::INFINITY),
            scale,
            popularity,
            new_items,
            starts_by_vector: json.need("starts_by_vector")?.flag("starts_by_vector")?,
            neighbours,
            targets: curve(json.need("targets")?, "targets")?,
            strengths: curve(json.need("strengths")?, "strengths")?,
            exposure,
            rating: json.maybe("rating", Json::number)?.unwrap_or(0.0),
            rating_range: json.maybe("rating_range", range)?.unwrap_or([0.0, 0.0]),
        })
    }
}

impl From<&ChoiceHead> for RawChoice {
    fn from(head: &ChoiceHead) -> Self {
        Self {
            precision: head.precision.clone(),
            precision_per_answer: head.precision_per_answer.clone(),
            half_start: head.half_start.is_finite().then_some(head.half_start),
            scale: head.scale,
            popularity: head.popularity,
            new_items: head.new_items,
            starts_by_vector: head.starts_by_vector,
            neighbours: head.neighbours,
            targets: head.targets.0.clone(),
            strengths: head.strengths.0.clone(),
            exposure: head.exposure,
            rating: (head.rating != 0.0).then_some(head.rating),
            rating_range: (head.rating_range != [0.0, 0.0]).then_some(head.rating_range),
        }
    }
}
