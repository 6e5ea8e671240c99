//! `melu import`: data folders from other people's files.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use melu::data::{ImportReport, import_amazon, import_lastfm, import_movielens};
use serde_json::json;

use crate::terminal::{note, print, print_json};

/// Make a data folder from files in another format.
///
/// For other CSV files, see `melu init`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    format: Source,
    /// Print one JSON object.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Source {
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
        Source::Movielens { source, folder } => {
            let report = import_movielens(source, folder)?;
            let unknown = report.items_without_year;
            arguments.print(&report, folder, &format!(" ({unknown} of unknown year)"))
        }
        Source::Amazon(Log { source, folder, skip_bad_rows }) => {
            arguments.print(&import_amazon(source, folder, *skip_bad_rows)?, folder, "")
        }
        Source::Lastfm(Log { source, folder, skip_bad_rows }) => {
            arguments.print(&import_lastfm(source, folder, *skip_bad_rows)?, folder, "")
        }
    }
}

impl Arguments {
    fn print(&self, report: &ImportReport, folder: &Path, about_items: &str) -> Result<()> {
        report.notes().iter().for_each(note);
        let ImportReport { name, users, items, ratings, .. } = report;
        if self.json {
            return print_json(&json!({
                "name": name,
                "folder": folder,
                "users": users,
                "items": items,
                "ratings": ratings,
                "notes": report.notes(),
            }));
        }
        print(format_args!(
            "{name}: {users} users, {items} items{about_items} and {ratings} ratings are in {}",
            folder.display()
        ))
    }
}
