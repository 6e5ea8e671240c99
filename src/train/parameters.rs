//! All that meta-training learns.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal, Uniform};

use crate::config::Config;
use crate::head::HeadShape;
use crate::random::{Purpose, generator};
use crate::schema::{Field, FieldKind};
use crate::{Error, Result};

/// The numbers that training changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Each item field's embedding, then each user field's: [size, embedding_dim].
    pub embeddings: Vec<Vec<f32>>,
    /// The head's tensors, one after another.
    pub head: Vec<f32>,
    /// The logarithm of each head tensor's local learning rate, so that a rate
    /// stays above 0 whatever step is taken.
    pub log_rates: Vec<f32>,
}

impl Parameters {
    /// Random ones, drawn as PyTorch draws the layers that the authors use:
    /// one-valued fields from the standard normal distribution, all else
    /// uniformly within one over the root of the number of inputs. Rates are
    /// the configuration's.
    ///
    /// # Errors
    /// [`Error::Argument`] if the configuration's sizes are too large.
    pub fn random(config: &Config, seed: u64) -> Result<Self> {
        let shape = config.head_shape().map_err(|problem| Error::argument("hidden", problem))?;
        let fields = || config.item_fields.iter().chain(&config.user_fields);
        let embeddings = fields()
            .enumerate()
            .map(|(index, field)| embedding(field, config.embedding_dim, seed, index as u64));
        Ok(Self {
            embeddings: embeddings.collect(),
            head: head(&shape, seed, fields().count() as u64),
            log_rates: config.local.rates.iter().map(|rate| rate.ln()).collect(),
        })
    }

    /// Each head tensor's local learning rate.
    pub fn rates(&self) -> Vec<f32> {
        self.log_rates.iter().map(|rate| rate.exp()).collect()
    }
}

fn embedding(field: &Field, width: usize, seed: u64, index: u64) -> Vec<f32> {
    let mut generator = generator(seed, Purpose::InitialWeights, index, 0);
    let len = field.size * width;
    match field.kind {
        FieldKind::One => (0..len).map(|_| StandardNormal.sample(&mut generator)).collect(),
        FieldKind::Multi => uniform(field.size, len, &mut generator),
        FieldKind::Numeric { .. } => uniform(1, len, &mut generator),
    }
}

fn head(shape: &HeadShape, seed: u64, index: u64) -> Vec<f32> {
    let mut generator = generator(seed, Purpose::InitialWeights, index, 0);
    let mut head = Vec::with_capacity(shape.parameters());
    for layer in shape.layers() {
        let len = layer.weight.len() + layer.bias.len();
        head.extend(uniform(layer.inputs, len, &mut generator));
    }
    head
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
