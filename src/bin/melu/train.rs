//! `melu train`: from a data folder to a weight file.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use melu::Model;
use melu::model::config::DataType;
use melu::model::loss::Loss;
use melu::train::choice::Stage;
use melu::train::{DerivativeOrder, Outcome, Progress, Solver, TrainOptions, Trainer};
use serde_json::json;

use crate::folder::Reading;
use crate::output::{remove_if_there, try_output, write_or_keep};
use crate::terminal::{self, duration, is_broken_pipe, note, print_json};

/// The number of the progress bar's steps while training for lists: an estimate, since the
/// number of settings to try is not known in advance.
const STAGES: usize = 26;

/// The time between checkpoints: the work that may be lost if the machine stops.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(10);

/// Train a model on a data folder.
///
/// While it trains, melu keeps MODEL.checkpoint beside MODEL. Ctrl-C leaves it there, and
/// --resume continues from it to the same result.
#[derive(Args)]
pub struct Arguments {
    /// The data folder: a dataset.toml and its CSV files.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// The weight file to write.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// Start from this earlier model of fewer or other interactions, with its recipe and
    /// settings: a fraction of the work. Items, fields and values are known again by their ids
    /// and names.
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["recipe", "loss", "solver", "order"])]
    from: Option<PathBuf>,
    /// Where the settings come from.
    #[arg(long, value_enum, default_value_t = Recipe::Default)]
    recipe: Recipe,
    /// The loss of predictions: mse or smooth-l1 for ratings, bce for clicks (0 and 1)
    /// [default: the recipe's].
    #[arg(long, value_enum)]
    loss: Option<LossName>,
    /// How the head adapts [default: the recipe's].
    #[arg(long, value_enum)]
    solver: Option<SolverArgument>,
    /// Whether the gradient passes through the local update.
    #[arg(long, value_enum, default_value_t = OrderName::Second)]
    order: OrderName,
    /// At most this many passes over the tasks [default: the recipe's, and a third of them with
    /// --from].
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// The data type of catalogues in memory: f16 takes half the memory of f32, and moves
    /// scores by about a thousandth of their standard deviation.
    #[arg(long, value_enum, default_value_t = CatalogName::F32)]
    catalog: CatalogName,
    /// Train only inside the training part, with new users and new items drawn from it. The
    /// model is for choosing settings with `melu eval --inside`, not for use.
    #[arg(long)]
    inside: bool,
    /// The same seed and data give the same file on the same kind of processor.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many threads; 0 for as many as there are processors.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Continue from MODEL.checkpoint.
    #[arg(long)]
    resume: bool,
    /// Print one JSON object per epoch, each on a line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Recipe {
    /// Item vectors with a prior from their content, and a head that adapts in
    /// closed form or by a few gradient steps.
    Default,
    /// As published (Lee et al. 2019).
    Paper,
}

#[derive(Clone, Copy, ValueEnum)]
enum LossName {
    Mse,
    SmoothL1,
    Bce,
}

#[derive(Clone, Copy, ValueEnum)]
enum SolverArgument {
    Gradient,
    Ridge,
}

#[derive(Clone, Copy, ValueEnum)]
enum OrderName {
    First,
    Second,
}

#[derive(Clone, Copy, ValueEnum)]
enum CatalogName {
    F32,
    F16,
}

impl Arguments {
    /// The options, which are the earlier model's if there is one.
    fn options(&self, earlier: Option<&Model>) -> Result<TrainOptions> {
        let options = match earlier {
            Some(earlier) => TrainOptions::warm(earlier)?,
            None => self.recipe(),
        };
        Ok(TrainOptions {
            epochs: self.epochs.unwrap_or(options.epochs),
            catalog: match self.catalog {
                CatalogName::F32 => DataType::F32,
                CatalogName::F16 => DataType::F16,
            },
            seed: self.seed,
            ..options
        })
    }

    fn recipe(&self) -> TrainOptions {
        let recipe = match self.recipe {
            Recipe::Default => TrainOptions::default(),
            Recipe::Paper => TrainOptions::paper(),
        };
        TrainOptions {
            loss: match self.loss {
                None => recipe.loss,
                Some(LossName::Mse) => Some(Loss::Mse),
                Some(LossName::SmoothL1) => Some(Loss::SmoothL1),
                Some(LossName::Bce) => Some(Loss::Bce),
            },
            solver: match self.solver {
                None => recipe.solver,
                Some(SolverArgument::Gradient) => Solver::Gradient,
                Some(SolverArgument::Ridge) => Solver::Ridge,
            },
            order: match self.order {
                OrderName::First => DerivativeOrder::First,
                OrderName::Second => DerivativeOrder::Second,
            },
            ..recipe
        }
    }

    fn checkpoint(&self) -> PathBuf {
        let mut path = OsString::from(&self.output);
        path.push(".checkpoint");
        path.into()
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let checkpoint = arguments.checkpoint();
    let earlier = arguments.from.as_deref().map(terminal::model).transpose()?;
    let options = arguments.options(earlier.as_ref())?;
    try_output(&arguments.output, "-o")?;
    if !arguments.resume && checkpoint.exists() {
        bail!(
            "{} exists, from an interrupted training: continue with --resume, or delete it",
            checkpoint.display()
        );
    }
    let begin = Instant::now();
    let dataset = arguments.reading.open(&arguments.folder, arguments.inside)?;
    note(format_args!(
        "{}: {} users, {} items, {} {}, read in {}",
        terminal::name(&dataset),
        dataset.users.len(),
        dataset.items.len(),
        dataset.interactions(),
        dataset.feedback.noun(),
        duration(begin.elapsed().as_secs_f64())
    ));
    dataset.notes().iter().for_each(note);
    let mut trainer = match &earlier {
        Some(earlier) => Trainer::warm(&dataset, &options, arguments.threads, earlier)?,
        None => Trainer::new(&dataset, &options, arguments.threads)?,
    };
    if arguments.resume {
        trainer.resume(&checkpoint)?;
    }
    if trainer.tasks() > 0 {
        note(format_args!(
            "{} tasks an epoch, {} users held back for validation",
            trainer.tasks(),
            trainer.validation_users()
        ));
    }

    let stop = stop_on_signal()?;
    if train(arguments, &options, &mut trainer, &checkpoint, &stop)? == Outcome::Stopped {
        if trainer.tasks() == 0 {
            bail!("stopped; nothing was written");
        }
        write_or_keep(&checkpoint, |path| trainer.save(path))?;
        bail!("stopped; the same command with --resume continues from {}", checkpoint.display());
    }
    let model = Model::from_contents(trainer.finish()?)?;
    write_or_keep(&arguments.output, |path| model.save(path))?;
    remove_if_there(&checkpoint)?;
    note(format_args!(
        "wrote {} after {}",
        arguments.output.display(),
        duration(begin.elapsed().as_secs_f64())
    ));
    Ok(())
}

/// Set at the first Ctrl-C or termination; the second ends the program at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = stop.clone();
    ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

fn train(
    arguments: &Arguments,
    options: &TrainOptions,
    trainer: &mut Trainer,
    checkpoint: &Path,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let mut bar = terminal::ProgressBar::new("training");
    let mut trouble = Ok(());
    let mut epoch_begin = Instant::now();
    // The tasks that the epoch had already seen when this run began: 0 except after resuming.
    let mut skipped: Option<usize> = None;
    let mut validation = String::new();
    let mut ndcg20 = None;
    loop {
        let run_begin = Instant::now();
        let outcome = trainer.run(|progress| {
            let seconds = epoch_begin.elapsed().as_secs_f64();
            match progress {
                Progress::Choice(stage) => {
                    let (done, of, message) = stage_of(stage);
                    bar.set(done, of, message);
                    epoch_begin = Instant::now();
                }
                Progress::Chosen { validation_ndcg20 } => {
                    ndcg20 = validation_ndcg20;
                    if let Some(worth) = ndcg20 {
                        bar.note(format_args!("lists: nDCG@20 {worth:.4} for held-back users"));
                    }
                    epoch_begin = Instant::now();
                }
                Progress::Batch { epoch, tasks, of, loss } => {
                    let skipped = *skipped.get_or_insert(tasks.saturating_sub(options.batch));
                    let speed = (tasks - skipped) as f64 / seconds;
                    let done = (epoch as usize - 1) * of + tasks;
                    let message = format!(
                        "epoch {epoch}, loss {loss:.4}{validation}, {speed:.0} tasks a second"
                    );
                    bar.set(done, of * options.epochs, message);
                }
                Progress::Epoch { epoch, tasks, loss, validation_mae, best } => {
                    let speed = (tasks - skipped.unwrap_or(0)) as f64 / seconds;
                    if let Some(mae) = validation_mae {
                        validation = format!(", validation error {mae:.4}");
                    }
                    let worse = validation_mae.is_some() && !best;
                    // The trainer's rule, by which it keeps an epoch's weights.
                    let mark = if worse { ", not kept: over 0.2 % above the least" } else { "" };
                    bar.note(format_args!(
                        "epoch {epoch}: loss {loss:.4}{validation}{mark}, {speed:.0} tasks a second"
                    ));
                    if arguments.json {
                        let line = json!({
                            "epoch": epoch,
                            "loss": loss,
                            "validation_mae": validation_mae,
                            "validation_ndcg20": ndcg20,
                            "tasks_per_second": speed,
                        });
                        // If the reader of the output leaves, the training continues.
                        trouble = print_json(&line).or_else(|error| {
                            if is_broken_pipe(&error) { Ok(()) } else { Err(error) }
                        });
                    }
                    (epoch_begin, skipped) = (Instant::now(), Some(0));
                }
            }
            // The training for lists is not interrupted, since a checkpoint does not hold its
            // state.
            let held = matches!(progress, Progress::Batch { .. } | Progress::Epoch { .. });
            let pause = held && run_begin.elapsed() >= BETWEEN_CHECKPOINTS;
            if trouble.is_err() || pause || stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        std::mem::replace(&mut trouble, Ok(()))?;
        if outcome == Outcome::Finished || stop.load(Ordering::Relaxed) {
            return Ok(outcome);
        }
        // A training that takes hours does not end because its disk is full for a while.
        if let Err(error) = trainer.save(checkpoint) {
            bar.note(format_args!("{error}; the training goes on without a checkpoint"));
        }
    }
}

/// How much is done, of how much, and the stage in words.
fn stage_of(stage: Stage) -> (usize, usize, String) {
    match stage {
        Stage::Vectors(attempt) => (attempt, STAGES, format!("vectors, with settings {attempt}")),
        Stage::Neighbours => (8, STAGES, "neighbours".into()),
        Stage::Mixture => (10, STAGES, "mixes of vectors and neighbours".into()),
        Stage::Whole => (14, STAGES, "vectors of all users".into()),
        Stage::Meta { epoch, of, .. } => {
            (14 + epoch, STAGES, format!("meta-training of the vectors, {epoch} of {of}"))
        }
    }
}
