//! Reading data folders.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use melu::data::{Dataset, OpenOptions};

/// The seed of every split inside a training part: there is only one split, so that training
/// and evaluation agree.
const INSIDE: u64 = 0;

/// How a data folder is read.
#[derive(Args)]
pub struct Reading {
    /// Leave out up to N broken rows of the data folder's files, and say how many of each kind
    /// there are [default: `skip_bad_rows` in dataset.toml, or 0].
    #[arg(long, value_name = "N")]
    skip_bad_rows: Option<usize>,
}

impl Reading {
    /// A data folder, or the split inside its training part.
    pub fn open(&self, folder: &Path, inside: bool) -> Result<Dataset> {
        if folder.is_file() {
            bail!(
                "{} is a file; a data folder is expected, which holds a dataset.toml",
                folder.display()
            );
        }
        let options = OpenOptions { skip_bad_rows: self.skip_bad_rows };
        let dataset = Dataset::open_with(folder, &options)?;
        Ok(if inside { dataset.inside(INSIDE) } else { dataset })
    }
}
