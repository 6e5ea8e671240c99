//! `melu import`: data folders from other people's files.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use melu::data::{ImportReport, import_amazon, import_lastfm, import_movielens};

use crate::terminal::{note, print};

/// Make a data folder from files in another format.
///
/// For other CSV files, see `melu init`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    format: Format,
}

#[derive(Subcommand)]
enum Format {
    /// Any release of MovieLens: 100K (u.item, u.user, u.data), 1M (movies.dat, users.dat,
    /// ratings.dat), 10M (movies.dat, ratings.dat), or 20M and later ones, small and large
    /// (movies.csv, ratings.csv).
    Movielens {
        /// The folder that holds MovieLens' files.
        #[arg(value_name = "SRC")]
        source: PathBuf,
        /// The data folder to make: new, or empty.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// A shop's ratings, as Amazon's are published: CSV with user, item, rating and time, or
    /// lines of JSON with reviewerID or user_id, asin or parent_asin, overall or rating, and
    /// unixReviewTime or timestamp. The file may be compressed.
    Amazon(Log),
    /// A log of what people listened to, as Last.fm's: with tabs between user, artist's id,
    /// artist's name and plays; or user, artist and plays; or, one row a play, user, time,
    /// artist's id, artist's name and more; or user, time and artist. The file may be
    /// compressed.
    Lastfm(Log),
}

#[derive(Args)]
struct Log {
    /// The file.
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// The data folder to make: new, or empty.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Leave out up to N broken rows, and say how many of each kind there are.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_bad_rows: usize,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.format {
        Format::Movielens { source, folder } => {
            let report = import_movielens(source, folder)?;
            let unknown = report.items_without_year;
            print_report(&report, folder, &format!(" ({unknown} of unknown year)"))
        }
        Format::Amazon(Log { source, folder, skip_bad_rows }) => {
            print_report(&import_amazon(source, folder, *skip_bad_rows)?, folder, "")
        }
        Format::Lastfm(Log { source, folder, skip_bad_rows }) => {
            print_report(&import_lastfm(source, folder, *skip_bad_rows)?, folder, "")
        }
    }
}

fn print_report(report: &ImportReport, folder: &Path, about_items: &str) -> Result<()> {
    report.notes().iter().for_each(note);
    print(format_args!(
        "{}: {} users, {} items{about_items} and {} ratings are in {}",
        report.name,
        report.users,
        report.items,
        report.ratings,
        folder.display()
    ))
}
