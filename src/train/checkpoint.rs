//! A training that was interrupted, in a file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::adam::Moments;
use super::batch::Optimiser;
use super::earlier::Earlier;
use super::history::Epoch;
use super::parameters::Parameters;
use super::training_set::TrainingSet;
use crate::model::file::{self, RawFile, TensorData, map, write_tensors};
use crate::{Error, Result};

const KEY: &str = "melu.checkpoint";

/// Everything that the rest of a training depends on, besides data and options.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub parameters: Parameters,
    pub optimiser: Optimiser,
    pub place: TrainingPlace,
    /// The weights of the best epoch so far, where epochs are validated.
    pub best: Option<Parameters>,
}

/// How far training has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingPlace {
    /// Whole epochs.
    pub epoch: u64,
    /// Tasks done of the epoch after them.
    pub tasks: usize,
    /// The sum of those tasks' losses.
    pub loss_sum: f64,
    /// The best validation error, and the epoch (from 1) that reached it.
    pub best: Option<(f32, u64)>,
    /// Each whole epoch's outcome.
    pub history: Vec<Epoch>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    /// Data and options, by [`super::trainer`]'s fingerprint: another training's
    /// checkpoint is refused.
    fingerprint: String,
    updates: u64,
    place: TrainingPlace,
}

impl State {
    /// A training's beginning: at random, or at an earlier model.
    ///
    /// # Errors
    /// [`Error::Argument`] if the configuration's sizes are too large, or the earlier model
    /// has other fields.
    pub fn new(set: &TrainingSet, seed: u64, earlier: Option<&Earlier>) -> Result<Self> {
        let mut parameters = Parameters::random(&set.config, seed)?;
        set.begin(&mut parameters);
        if let Some(earlier) = earlier {
            set.begin_at(earlier, &mut parameters)?;
        }
        let optimiser = Optimiser::new(&parameters);
        Ok(Self { parameters, optimiser, place: TrainingPlace::default(), best: None })
    }

    /// Writes a checkpoint, atomically.
    pub fn write(&self, path: &Path, fingerprint: &str) -> Result<()> {
        let header = Header {
            fingerprint: fingerprint.into(),
            updates: self.optimiser.updates,
            place: self.place.clone(),
        };
        let header = serde_json::to_string(&header).unwrap_or_default();
        let mut tensors = Vec::new();
        push(&mut tensors, "parameters", &self.parameters);
        if let Some(best) = &self.best {
            push(&mut tensors, "best", best);
        }
        let Optimiser { embeddings, user_prior, body, head, solver, .. } = &self.optimiser;
        let rows = embeddings.iter().chain(user_prior);
        for (index, moments) in rows.chain([body, head, solver]).enumerate() {
            tensors.push(TensorData::list(format!("mean.{index}"), &moments.mean));
            tensors.push(TensorData::list(format!("square.{index}"), &moments.square));
        }
        let check = |bytes, origin: &str| file::verify(bytes, origin).map(drop);
        write_tensors(path, vec![(KEY, header)], tensors, check)
    }

    /// Reads a checkpoint of the training with this fingerprint, whose tensors
    /// have the sizes of `like`'s.
    pub fn read(path: &Path, fingerprint: &str, like: &Parameters) -> Result<Self> {
        let origin = path.display().to_string();
        let mut file = RawFile::new(map(path)?, &origin)?;
        let header = file.metadata(KEY);
        let header = header.ok_or_else(|| file.refuse(KEY, "missing; this is no checkpoint"))?;
        let header: Header =
            serde_json::from_str(header).map_err(|error| file.refuse(KEY, error.to_string()))?;
        if header.fingerprint != fingerprint {
            return Err(file.refuse(
                KEY,
                "it is of a training with other data or options, or from another model; train \
                 with the same ones, or delete it to begin anew",
            ));
        }
        // A flipped bit would lead to another model without a word.
        if !file::is_whole(&file)? {
            return Err(file.refuse(KEY, "it has no checksum; delete it to begin anew"));
        }
        let parameters = take(&mut file, "parameters", like)?;
        let best = match header.place.best {
            Some(_) => Some(take(&mut file, "best", like)?),
            None => None,
        };
        let lens = tensors(like).map(Vec::len);
        let moments = lens.enumerate().map(|(index, len)| {
            Ok(Moments {
                mean: file.take(&format!("mean.{index}"), &[len])?.to_vec(),
                square: file.take(&format!("square.{index}"), &[len])?.to_vec(),
            })
        });
        let mut moments = moments.collect::<Result<Vec<_>>>()?;
        let (Some(solver), Some(head), Some(body)) = (moments.pop(), moments.pop(), moments.pop())
        else {
            return Err(Error::argument("checkpoint", "it has no moments"));
        };
        file.finish()?;
        let updates = header.updates;
        let user_prior = moments.split_off(like.embeddings.len());
        let optimiser = Optimiser { updates, embeddings: moments, user_prior, body, head, solver };
        Ok(Self { parameters, optimiser, place: header.place, best })
    }
}

fn tensors(parameters: &Parameters) -> impl Iterator<Item = &Vec<f32>> {
    let Parameters { embeddings, user_prior, body, head, solver } = parameters;
    embeddings.iter().chain(user_prior).chain([body, head, solver])
}

fn push<'a>(tensors: &mut Vec<TensorData<'a>>, name: &str, parameters: &'a Parameters) {
    for (index, tensor) in self::tensors(parameters).enumerate() {
        tensors.push(TensorData::list(format!("{name}.{index}"), tensor));
    }
}

fn take(file: &mut RawFile, name: &str, like: &Parameters) -> Result<Parameters> {
    let mut index = 0;
    let mut next = |like: &Vec<f32>| {
        let tensor = file.take(&format!("{name}.{index}"), &[like.len()])?.to_vec();
        index += 1;
        Ok(tensor)
    };
    Ok(Parameters {
        embeddings: like.embeddings.iter().map(&mut next).collect::<Result<_>>()?,
        user_prior: like.user_prior.iter().map(&mut next).collect::<Result<_>>()?,
        body: next(&like.body)?,
        head: next(&like.head)?,
        solver: next(&like.solver)?,
    })
}
