//! `melu verify`: whether a weight file is sound.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use melu::model::file;
use melu::{Scratch, User};
use serde_json::json;

use crate::terminal::{self, print, print_json};

/// Check that a weight file is sound.
///
/// This checks what opening a file checks, scores the catalogue, and compares all of the file
/// with the checksum in it, so that a single flipped bit is found, also in the catalogue's
/// tables, which opening does not read. A file of another writer may have no checksum.
///
/// With --json, the keys are `sound`, `items`, the number of items that can be scored, and
/// `checksum`, whether there is one; a file that is not sound is a failure, and a message on
/// standard error says why.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = terminal::model(&arguments.model)?;
    let origin = arguments.model.display();
    let checksum = file::verify(file::map(&arguments.model)?, &origin.to_string())?;
    let mut scored = 0;
    if let Some(catalog) = model.catalog()? {
        let mut scores = vec![0.0; catalog.len()];
        User::new(&catalog, &[])?.score_all(&mut scores, &mut Scratch::new(&catalog)?)?;
        if let Some(item) = scores.iter().position(|score| !score.is_finite()) {
            let id = melu::printable(catalog.id(item as u32).unwrap_or_default());
            bail!("{origin}: item \"{id}\" has no finite score");
        }
        scored = scores.len();
    }
    if arguments.json {
        return print_json(&json!({ "sound": true, "items": scored, "checksum": checksum }));
    }
    let less = if checksum { "" } else { "; it has no checksum to compare its contents with" };
    print(format_args!("{origin} is sound; {scored} items can be scored{less}"))
}
