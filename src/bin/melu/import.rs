//! `melu import`: data folders from other people's files.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use melu::data::import_movielens;

use crate::terminal::print;

/// Make a data folder from files in another format.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    format: Format,
}

#[derive(Subcommand)]
enum Format {
    /// MovieLens 1M (movies.dat, users.dat, ratings.dat) or 100K (u.item,
    /// u.user, u.data).
    Movielens {
        /// The folder that holds MovieLens' files.
        #[arg(value_name = "SRC")]
        source: PathBuf,
        /// The data folder to make: new, or empty.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let Format::Movielens { source, folder } = &arguments.format;
    let report = import_movielens(source, folder)?;
    print(format_args!(
        "{}: {} users, {} items ({} of unknown year) and {} ratings are in {}",
        report.name,
        report.users,
        report.items,
        report.items_without_year,
        report.ratings,
        folder.display()
    ))
}
