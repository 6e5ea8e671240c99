//! The command line: see `melu --help`.

mod ask;
mod bench;
mod demo;
mod eval;
mod evidence;
mod folder;
mod import;
mod init;
mod inspect;
mod output;
mod person;
mod recommend;
mod synth;
mod terminal;
mod train;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Recommendations for people nobody knows yet.
///
/// melu trains a model on many people's choices or ratings. The model adapts to a new person
/// from a handful of answers.
///
/// Every command prints JSON with --json.
///
/// The exit status is 0, 1 for a failure, 2 for wrong usage. Messages go to standard error,
/// results to standard output.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Init(init::Arguments),
    Import(import::Arguments),
    Synth(synth::Arguments),
    Train(train::Arguments),
    Eval(eval::Arguments),
    Evidence(evidence::Arguments),
    Ask(ask::Arguments),
    Recommend(recommend::Arguments),
    Inspect(inspect::Arguments),
    Verify(verify::Arguments),
    Bench(bench::Arguments),
}

impl Command {
    fn run(&self) -> Result<()> {
        match self {
            Self::Demo(arguments) => demo::run(arguments),
            Self::Init(arguments) => init::run(arguments),
            Self::Import(arguments) => import::run(arguments),
            Self::Synth(arguments) => synth::run(arguments),
            Self::Train(arguments) => train::run(arguments),
            Self::Eval(arguments) => eval::run(arguments),
            Self::Evidence(arguments) => evidence::run(arguments),
            Self::Ask(arguments) => ask::run(arguments),
            Self::Recommend(arguments) => recommend::run(arguments),
            Self::Inspect(arguments) => inspect::run(arguments),
            Self::Verify(arguments) => verify::run(arguments),
            Self::Bench(arguments) => bench::run(arguments),
        }
    }
}

fn main() -> ExitCode {
    match CommandLine::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it: `melu evidence MODEL | head`.
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::note(format_args!("melu: {}", message(&error)));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes; a cause is left out if the error's own message ends with it.
fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.ends_with(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}
