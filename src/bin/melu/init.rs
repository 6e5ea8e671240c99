//! `melu init`: a dataset.toml for CSV files.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use melu::data::init_folder;
use serde_json::json;

use crate::terminal::{note, print, print_json};

/// Look at the CSV files in a folder and write a dataset.toml with guesses.
///
/// It guesses which file is the log of ratings or interactions, which files describe users and
/// items, how they are written, and what their columns are. Comments in it say what was left
/// out and why.
#[derive(Args)]
pub struct Arguments {
    /// The folder with the CSV files, which may be compressed.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write over a dataset.toml.
    #[arg(long)]
    force: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let report = init_folder(&arguments.folder, arguments.force)?;
    report.notes.iter().for_each(note);
    let file = arguments.folder.join("dataset.toml");
    if arguments.json {
        return print_json(&json!({ "file": file, "notes": report.notes }));
    }
    print(format_args!("{} was written", file.display()))
}
