//! All that meta-training learns.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal, Uniform};

use crate::model::Problem;
use crate::model::config::{Config, GradientSteps, Local, Ridge};
use crate::model::network::Network;
use crate::model::schema::{Field, FieldKind};
use crate::random::{Purpose, generator};
use crate::{Error, Result};

/// How wide a linear head's prior is to begin with, for its weights of the
/// body's features, which mean nothing yet, and for its bias. The items' vectors
/// are made for weights that vary by 1.
const FEATURE_SCALE: f32 = 0.3;
const BIAS_SCALE: f32 = 0.1;

/// The numbers that training changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Each item field's embedding, then each user field's: [size,
    /// embedding_dim], empty for a field that is not embedded.
    pub embeddings: Vec<Vec<f32>>,
    /// The weights of each term of the users' prior: [rows, the head's numbers]; without
    /// item vectors there is none.
    pub user_prior: Vec<Vec<f32>>,
    /// The body's tensors, one after another.
    pub body: Vec<f32>,
    /// The head's tensors, one after another.
    pub head: Vec<f32>,
    /// The logarithms of the solver's numbers, so that each stays above 0
    /// whatever step is taken: with gradient steps, the rate of each head tensor
    /// and the pull; with ridge regression, the head's scale and the part that
    /// an item's variance counts.
    pub solver: Vec<f32>,
}

impl Parameters {
    /// Random ones, drawn as PyTorch draws the layers that the authors use:
    /// one-valued fields from the standard normal distribution, all else
    /// uniformly within one over the root of the number of inputs. A head that sees
    /// item vectors begins at 0, and the solver's numbers are the configuration's.
    ///
    /// # Errors
    /// [`Error::Argument`] if the configuration's sizes are too large.
    pub fn random(config: &Config, seed: u64) -> Result<Self> {
        let refuse = |problem: Problem| problem.error(|words| Error::argument("options", words));
        let body = config.body_network().map_err(refuse)?;
        let head = config.head_network().map_err(refuse)?;
        let fields = || config.item_fields.iter().chain(&config.user_fields);
        let embeddings = fields()
            .enumerate()
            .map(|(index, field)| embedding(field, config.embedding_dim, seed, index as u64));
        let after = fields().count() as u64;
        Ok(Self {
            embeddings: embeddings.collect(),
            solver: match &config.local {
                Local::Gradient(GradientSteps { rates, pull, .. }) => {
                    rates.iter().chain([pull]).map(|number| number.ln()).collect()
                }
                Local::Ridge(Ridge { item_variance, .. }) => {
                    let mut scale = vec![FEATURE_SCALE; head.parameters()];
                    scale[..config.factors].fill(1.0);
                    scale[head.parameters() - 1] = BIAS_SCALE;
                    scale.iter().chain([item_variance]).map(|number| number.ln()).collect()
                }
            },
            user_prior: Vec::new(),
            head: match config.factors {
                0 => random(&head, seed, after),
                _ => vec![0.0; head.parameters()],
            },
            body: body.map_or(Vec::new(), |body| random(&body, seed, after + 1)),
        })
    }

    /// How the head adapts, by the solver's numbers as they stand; `like` has
    /// the rest.
    pub fn local(&self, like: &Local) -> Local {
        let mut numbers: Vec<f32> = self.solver.iter().map(|number| number.exp()).collect();
        let last = numbers.pop().unwrap_or(0.0);
        match like {
            Local::Gradient(GradientSteps { steps, .. }) => {
                Local::Gradient(GradientSteps { steps: *steps, rates: numbers, pull: last })
            }
            Local::Ridge(ridge) => Local::Ridge(Ridge { item_variance: last, ..*ridge }),
        }
    }

    /// With ridge regression, the head's scale; with another solver nothing.
    pub fn head_scale(&self, like: &Local) -> Vec<f32> {
        match like {
            Local::Gradient(_) => Vec::new(),
            Local::Ridge(_) => {
                let scale = self.solver.iter().take(self.head.len());
                scale.map(|number| number.exp()).collect()
            }
        }
    }
}

fn embedding(field: &Field, width: usize, seed: u64, index: u64) -> Vec<f32> {
    let mut generator = generator(seed, Purpose::InitialWeights, index, 0);
    let len = field.size * width;
    match field.kind {
        _ if !field.embedded => Vec::new(),
        FieldKind::One => (0..len).map(|_| StandardNormal.sample(&mut generator)).collect(),
        FieldKind::Multi => uniform(field.size, len, &mut generator),
        FieldKind::Numeric(_) => uniform(1, len, &mut generator),
    }
}

fn random(network: &Network, seed: u64, index: u64) -> Vec<f32> {
    let mut generator = generator(seed, Purpose::InitialWeights, index, 0);
    let mut parameters = Vec::with_capacity(network.parameters());
    for layer in network.layers() {
        let len = layer.weight.len() + layer.bias.len();
        parameters.extend(uniform(layer.inputs, len, &mut generator));
    }
    parameters
}

/// Within one over the root of the number of inputs.
fn uniform(inputs: usize, len: usize, generator: &mut impl Rng) -> Vec<f32> {
    let bound = 1.0 / (inputs as f32).sqrt();
    // The bounds are finite and in order, which is all that can go wrong.
    Uniform::new_inclusive(-bound, bound).map_or_else(
        |_| vec![0.0; len],
        |uniform| (0..len).map(|_| uniform.sample(generator)).collect(),
    )
}
