//! Training, in a thread of its own.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};

use melu::train::choice::Stage;
use melu::train::{Outcome, Progress, TrainOptions, Trainer};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use serde_json::Value as Json;

use crate::dataset::Dataset;
use crate::errors::{raise, refuse};
use crate::model::Model;
use crate::signals::BETWEEN_LOOKS;

/// Trains a model. `options` is a JSON object of those that differ from the recipe's.
///
/// `observe` is called with a dictionary after each stage, batch and epoch. Returns the model,
/// and the exception that ended the training early, if one did: then the model is what was best
/// until then, or `None`.
#[pyfunction]
#[pyo3(signature = (dataset, recipe, options, threads, start_from = None, observe = None))]
pub fn train<'py>(
    py: Python<'py>,
    dataset: &Bound<'py, Dataset>,
    recipe: &str,
    options: &str,
    threads: usize,
    start_from: Option<&Bound<'py, Model>>,
    observe: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Option<Model>, Option<Bound<'py, PyAny>>)> {
    let dataset = &dataset.get().dataset;
    let earlier = start_from.map(|earlier| &earlier.get().model);
    let options = self::options(recipe, options, earlier)?;
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel::<Progress>();
    let (stop, options) = (&stop, &options);
    let work = move || -> melu::Result<Option<melu::Model>> {
        let mut trainer = match earlier {
            Some(earlier) => Trainer::warm(dataset, options, threads, earlier)?,
            None => Trainer::new(dataset, options, threads)?,
        };
        let mut has_lists = !options.choice;
        let outcome = trainer.run(|progress| {
            has_lists |= matches!(progress, Progress::Chosen { .. });
            // Nobody listens any more if the caller's thread failed.
            let _ = sender.send(progress);
            match stop.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        drop(sender);
        if outcome == Outcome::Stopped && !has_lists {
            return Ok(None);
        }
        melu::Model::from_contents(trainer.finish()?).map(Some)
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(work);
        let mut ended: Option<PyErr> = None;
        let receiver = std::sync::Mutex::new(receiver);
        loop {
            let next = py.detach(|| {
                let receiver = receiver.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                receiver.recv_timeout(BETWEEN_LOOKS)
            });
            let looked = py.check_signals().and_then(|()| match (&next, observe) {
                (Ok(progress), Some(observe)) if ended.is_none() => {
                    observe.call1((event(py, progress, options.epochs)?,)).map(|_| ())
                }
                _ => Ok(()),
            });
            if let Err(error) = looked {
                stop.store(true, Ordering::Relaxed);
                ended.get_or_insert(error);
            }
            if matches!(next, Err(RecvTimeoutError::Disconnected)) {
                break;
            }
        }
        let model = py.detach(|| thread.join());
        let model = model.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let model = model.map_err(raise)?.map(Model::new);
        Ok((model, ended.map(|error| error.into_value(py).into_bound(py).into_any())))
    })
}

/// The recipe's options, or an earlier model's, with changes.
fn options(recipe: &str, changes: &str, earlier: Option<&melu::Model>) -> PyResult<TrainOptions> {
    let usual = match (earlier, recipe) {
        (Some(earlier), _) => TrainOptions::warm(earlier).map_err(raise)?,
        (None, "default") => TrainOptions::default(),
        (None, "paper") => TrainOptions::paper(),
        (None, other) => {
            let problem = format!("it is \"{other}\"; \"default\" or \"paper\" is expected");
            return Err(refuse("recipe", &problem));
        }
    };
    let failed = |error: serde_json::Error| refuse("options", &error.to_string());
    let mut options = serde_json::to_value(usual).map_err(failed)?;
    let changes: Json = serde_json::from_str(changes).map_err(failed)?;
    let (Some(all), Json::Object(changes)) = (options.as_object_mut(), changes) else {
        return Err(refuse("options", "they are no dictionary"));
    };
    for (name, value) in changes {
        if !all.contains_key(&name) {
            let names: Vec<&str> = all.keys().map(|name| &**name).collect();
            let problem =
                format!("there is no option \"{name}\"; the options are: {}", names.join(", "));
            return Err(refuse("options", &problem));
        }
        let written = value.to_string();
        let usual = all.insert(name.clone(), value);
        // One at a time, so that the message names the option.
        if let Err(error) = serde_json::from_value::<TrainOptions>(Json::Object(all.clone())) {
            let usual = usual.unwrap_or_default();
            let problem = format!("it is {written}: {error}; usually it is {usual}");
            return Err(refuse(&name, &problem));
        }
    }
    serde_json::from_value(options).map_err(failed)
}

/// The progress as a dictionary.
fn event<'py>(py: Python<'py>, progress: &Progress, epochs: usize) -> PyResult<Bound<'py, PyDict>> {
    let event = PyDict::new(py);
    let set = |name: &str, value: Json| -> PyResult<()> {
        let json = PyModule::import(py, "json")?;
        event.set_item(name, json.call_method1("loads", (value.to_string(),))?)
    };
    match *progress {
        Progress::Choice(stage) => {
            set("stage", "lists".into())?;
            let (step, done) = match stage {
                Stage::Vectors(attempt) => ("vectors", attempt),
                Stage::Neighbours => ("neighbours", 8),
                Stage::Mixture => ("mixture", 10),
                Stage::Whole => ("all users", 14),
                Stage::Meta { epoch, .. } => ("meta-training", 14 + epoch),
            };
            set("step", step.into())?;
            set("done", done.into())?;
            // An estimate: how many settings are tried is not known in advance.
            set("of", 26.into())?;
            if let Stage::Meta { epoch, loss, .. } = stage {
                set("epoch", epoch.into())?;
                set("loss", loss.into())?;
            }
        }
        Progress::Chosen { validation_ndcg20 } => {
            set("stage", "chosen".into())?;
            set("validation_ndcg20", validation_ndcg20.into())?;
        }
        Progress::Batch { epoch, tasks, of, loss } => {
            set("stage", "ratings".into())?;
            set("epoch", epoch.into())?;
            set("done", ((epoch as usize - 1) * of + tasks).into())?;
            set("of", (of * epochs).into())?;
            set("loss", loss.into())?;
        }
        Progress::Epoch { epoch, tasks, loss, validation_mae, best } => {
            set("stage", "epoch".into())?;
            set("epoch", epoch.into())?;
            set("tasks", tasks.into())?;
            set("loss", loss.into())?;
            set("validation_mae", validation_mae.into())?;
            set("best", best.into())?;
        }
    }
    Ok(event)
}
