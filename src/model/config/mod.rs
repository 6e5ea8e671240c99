//! The model's configuration: `melu.config` in the weight file.

mod choice;
mod json;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::memory;
use crate::model::loss::{Loss, Output};
use crate::model::medians::Medians;
use crate::model::network::Network;
use crate::model::schema::{Entity, Field};
use crate::model::{ChoiceHead, Problem};

/// The most local steps: more are considered a mistake.
const MAX_STEPS: usize = 1_000;

/// The widest head in closed form: its memory grows with the square of its
/// width, and its time with the cube.
const MAX_RIDGE_WIDTH: usize = 1_024;

/// The number of inputs that accompany an item's vector: its bias, whether it was rated and
/// by how many people, and its variance.
pub const VECTOR_NUMBERS: usize = 4;

/// Everything about a model that is not a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The fields that describe an item, in the order of the head's inputs.
    pub item_fields: Vec<Field>,
    /// The fields that describe a user, in the order of the head's inputs.
    pub user_fields: Vec<Field>,
    /// Width of every field's embedding.
    pub embedding_dim: usize,
    /// Width of the items' vectors; 0 for a model without vectors.
    pub factors: usize,
    /// Widths of the layers of the body, which makes features from an item's description;
    /// empty for a model without a body, and for one without vectors.
    pub body: Vec<usize>,
    /// Widths of the head's hidden layers; with vectors, it has none.
    pub hidden: Vec<usize>,
    /// The loss, and the conversion between the head's units and ratings.
    pub output: Output,
    /// How the head adapts to a user.
    pub local: Local,
    /// From predicted ratings to medians; `None` if the predicted rating serves as its
    /// median.
    pub medians: Option<Medians>,
    /// The data type of catalogues, unless a program chooses another.
    pub catalog: DataType,
    /// The head for choosing, where there is one.
    pub choice: Option<ChoiceHead>,
}

/// The data type in which a catalogue keeps its items' features.
///
/// Computation is always in f32. f16 takes half the memory, and moves
/// scores by about a thousandth of their standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataType {
    /// 4 bytes a number, as computed: `f32`.
    #[default]
    #[serde(rename = "f32")]
    F32,
    /// 2 bytes a number, rounded to 11 binary digits, up to 65504: `f16`.
    #[serde(rename = "f16")]
    F16,
}

impl DataType {
    /// Its name in the weight file.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

impl FromStr for DataType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err(format!("catalog is \"{name}\"; f32 or f16 is expected")),
        }
    }
}

/// How the head adapts to a support set.
#[derive(Clone, Debug, PartialEq)]
pub enum Local {
    /// By gradient steps.
    Gradient(GradientSteps),
    /// In closed form, a head of one layer.
    Ridge(Ridge),
}

/// Gradient steps on the mean loss of the support set.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientSteps {
    /// How many steps.
    pub steps: usize,
    /// The learning rate of each head tensor, in their order.
    pub rates: Vec<f32>,
    /// The strength with which each step pulls back to the head's start, as a number of
    /// ratings; 0 for none.
    pub pull: f32,
}

/// Ridge regression: the posterior mean of a linear head whose weights are independent and
/// normal around its start, with the standard deviations of the tensor `head.scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge {
    /// Variance of a rating around the best head's output, in the head's units.
    pub noise: f32,
    /// The factor of an item's own variance before it is added to the noise.
    pub item_variance: f32,
    /// The factor of the standard deviations of ratings, so that their intervals hold the
    /// promised share of ratings.
    pub calibration: f32,
}

impl Config {
    /// The fields of items or of users.
    pub fn fields(&self, entity: Entity) -> &[Field] {
        match entity {
            Entity::Item => &self.item_fields,
            Entity::User => &self.user_fields,
        }
    }

    /// Whether ratings are predicted: a model that was trained without ratings has only a
    /// head for choosing, and its head for ratings has no inputs.
    pub fn has_ratings(&self) -> bool {
        self.feature_width() != Some(0) || self.user_width() != Some(0)
    }

    /// The configuration of a model without ratings.
    pub fn without_ratings(
        item_fields: Vec<Field>,
        user_fields: Vec<Field>,
        choice: Option<ChoiceHead>,
        catalog: DataType,
    ) -> Self {
        let unread = |mut fields: Vec<Field>| {
            fields.iter_mut().for_each(|field| field.embedded = false);
            fields
        };
        Self {
            item_fields: unread(item_fields),
            user_fields: unread(user_fields),
            embedding_dim: 0,
            factors: 0,
            body: Vec::new(),
            hidden: Vec::new(),
            output: Output { loss: Loss::Mse, scale: 1.0, offset: 0.0, range: None },
            local: Local::Ridge(Ridge { noise: 1.0, item_variance: 0.0, calibration: 1.0 }),
            medians: None,
            catalog,
            choice,
        }
    }

    /// Width of an item's description, the input of the body or of the head of a model
    /// without vectors: the inputs from the item's vector, then the embeddings of its fields.
    /// `None` if it overflows.
    pub fn item_width(&self) -> Option<usize> {
        let vector = match self.factors {
            0 => 0,
            factors => factors.checked_add(VECTOR_NUMBERS)?,
        };
        self.embedded_width(Entity::Item)?.checked_add(vector)
    }

    /// Width of an item's features, the inputs of the head that a catalogue keeps: the
    /// vector, then the body's output; without vectors, the item's description. `None` if it
    /// overflows.
    pub fn feature_width(&self) -> Option<usize> {
        match self.factors {
            0 => self.item_width(),
            factors => factors.checked_add(self.body.last().copied().unwrap_or(0)),
        }
    }

    /// Width of a user's description for the head: the embeddings of the user's fields.
    /// `None` if it overflows.
    pub fn user_width(&self) -> Option<usize> {
        self.embedded_width(Entity::User)
    }

    fn embedded_width(&self, entity: Entity) -> Option<usize> {
        let embedded = self.fields(entity).iter().filter(|field| field.embedded);
        embedded.count().checked_mul(self.embedding_dim)
    }

    /// The body's layers and the places of its tensors; `None` for a model without a body.
    ///
    /// # Errors
    /// If it has no input, a width is 0, or the sizes overflow: in words; or without memory.
    pub fn body_network(&self) -> Result<Option<Network>, Problem> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let items = self.item_width().ok_or(TOO_WIDE)?;
        Network::body(items, &self.body).map(Some)
    }

    /// The head's layers and the places of its tensors.
    ///
    /// # Errors
    /// If hidden layers have no input, a width is 0, or the sizes overflow: in words; or without
    /// memory.
    pub fn head_network(&self) -> Result<Network, Problem> {
        let (items, users) = self.feature_width().zip(self.user_width()).ok_or(TOO_WIDE)?;
        Network::head(items, users, &self.hidden)
    }

    /// Checks that all its numbers can be used.
    ///
    /// # Errors
    /// Names the key and value that cannot be used, in words; or that there is no memory.
    pub fn check(&self) -> Result<(), Problem> {
        check_fields(Entity::Item, &self.item_fields)?;
        check_fields(Entity::User, &self.user_fields)?;
        if let Some(choice) = &self.choice {
            choice.check().map_err(|problem| format!("choice: {problem}"))?;
        }
        let head = self.head_network()?;
        // A model without ratings has a head that nothing reads: see `Config::without_ratings`.
        let is_unused = self.choice.is_some() && matches!(self.local, Local::Ridge(_));
        if !self.has_ratings() && !is_unused {
            return Err(NO_INPUT.into());
        }
        self.body_network()?;
        self.check_vectors()?;
        let Output { loss, scale, offset, range } = self.output;
        if !(scale.is_finite() && scale > 0.0) {
            let problem = format!("output.scale is {scale}; a number above 0 is expected");
            return Err(problem.into());
        }
        if !offset.is_finite() {
            let problem = format!("output.offset is {offset}; a finite number is expected");
            return Err(problem.into());
        }
        if loss == Loss::Bce && ((scale, offset) != (1.0, 0.0) || range.is_some()) {
            return Err(format!(
                "output is scale {scale}, offset {offset}; with the loss \"bce\", 1 and 0 are \
                 expected, and no range"
            )
            .into());
        }
        if let Some([lowest, highest]) = range
            && !(lowest.is_finite() && highest.is_finite() && lowest < highest)
        {
            return Err(format!(
                "output.range is {lowest} to {highest}; finite numbers are expected, the smaller \
                 one first"
            )
            .into());
        }
        match &self.local {
            Local::Gradient(steps) => steps.check(&head)?,
            Local::Ridge(ridge) => ridge.check(&head)?,
        }
        Ok(())
    }

    /// Checks that head, body and fields fit a model with vectors, or one without.
    fn check_vectors(&self) -> Result<(), String> {
        if self.factors == 0 {
            return match self.body.is_empty() {
                true => Ok(()),
                false => Err("a body is given; factors are expected".into()),
            };
        }
        if !self.hidden.is_empty() {
            return Err("factors are given; a head without hidden layers is expected".into());
        }
        let read_by_body = |entity| entity == Entity::Item && !self.body.is_empty();
        for entity in [Entity::Item, Entity::User] {
            let embedded = self.fields(entity).iter().find(|field| field.embedded);
            if let Some(field) = embedded.filter(|_| !read_by_body(entity)) {
                return Err(format!(
                    "{entity} field \"{}\" has an embedding that nothing reads: with factors, \
                     only a body does, of items",
                    field.name
                ));
            }
        }
        Ok(())
    }
}

/// The message for a head for ratings that has nothing to predict them from.
const NO_INPUT: &str = "embedding_dim or the number of fields is 0; the head has no input";

/// The message for widths whose sum overflows.
const TOO_WIDE: &str = "embedding_dim, factors or body is too large";

fn check_fields(entity: Entity, fields: &[Field]) -> Result<(), Problem> {
    let mut names = memory::collected(fields.iter().map(|field| field.name.as_str()))?;
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1] && !pair[0].is_empty()) {
        return Err(format!("{entity} field \"{}\" occurs twice", pair[0]).into());
    }
    for (place, field) in fields.iter().enumerate() {
        let name = &field.name;
        let refuse = |problem: String| Err(format!("{entity} field \"{name}\" {problem}").into());
        if name.is_empty() {
            return Err(format!("{entity} field {place} has no name").into());
        }
        if entity == Entity::Item && (name == "ids" || name == "titles") {
            return refuse("has a name that the catalogue keeps for itself".into());
        }
        field.check().or_else(refuse)?;
    }
    Ok(())
}

impl GradientSteps {
    fn check(&self, head: &Network) -> Result<(), String> {
        let &Self { steps, ref rates, pull } = self;
        if steps > MAX_STEPS {
            return Err(format!("local.steps is {steps}; at most {MAX_STEPS} are expected"));
        }
        if rates.len() != head.tensors() {
            return Err(format!(
                "local.rate has {} numbers for {} head tensors",
                rates.len(),
                head.tensors()
            ));
        }
        not_negative("local.pull", pull)?;
        rates.iter().try_for_each(|rate| not_negative("local.rate", *rate))
    }
}

impl Ridge {
    fn check(&self, head: &Network) -> Result<(), String> {
        if head.layers().len() != 1 {
            return Err("local.solver is ridge; a head without hidden layers is expected".into());
        }
        if head.parameters() > MAX_RIDGE_WIDTH {
            return Err(format!(
                "local.solver is ridge for a head of {} numbers; at most {MAX_RIDGE_WIDTH} are expected",
                head.parameters()
            ));
        }
        if self.noise <= 0.0 {
            return Err(format!("local.noise is {}; a number above 0 is expected", self.noise));
        }
        not_negative("local.noise", self.noise)?;
        not_negative("local.calibration", self.calibration)?;
        not_negative("local.item_variance", self.item_variance)
    }
}

fn not_negative(key: &str, number: f32) -> Result<(), String> {
    match number.is_finite() && number >= 0.0 {
        true => Ok(()),
        false => Err(format!("{key} is {number}; 0 or more is expected")),
    }
}
