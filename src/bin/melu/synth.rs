//! `melu synth`: a generated data folder.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use melu::data::{SynthOptions, World};
use serde_json::json;

use crate::terminal::{print, print_json};

/// Generate a data folder of people whose tastes are known.
///
/// People come across items by popularity, and choose what they like. In addition to the data
/// folder's own files, expected.csv holds each person's true opinion of the items that they
/// chose: no prediction has a smaller squared error.
#[derive(Args)]
pub struct Arguments {
    /// The data folder to make: new, or empty.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many users.
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().users)]
    users: usize,
    /// How many items.
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().items)]
    items: usize,
    /// How many items a user chooses and rates on average.
    #[arg(long, value_name = "N", default_value_t = SynthOptions::default().ratings_per_user)]
    ratings_per_user: usize,
    /// Standard deviation of users' ratings around their opinions, in stars.
    #[arg(long, value_name = "STARS", default_value_t = SynthOptions::default().noise)]
    noise: f32,
    /// Record only what people chose, not how they rated it.
    #[arg(long)]
    positive_only: bool,
    /// The share of users who count as new.
    #[arg(long, value_name = "SHARE", default_value_t = SynthOptions::default().new_users)]
    new_users: f32,
    /// The share of items that count as new.
    #[arg(long, value_name = "SHARE", default_value_t = SynthOptions::default().new_items)]
    new_items: f32,
    /// The same seed makes the same world.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print one JSON object: `folder`, `users`, `items`.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let &Arguments { ref folder, users, items, ratings_per_user, noise, positive_only, .. } =
        arguments;
    let &Arguments { new_users, new_items, seed, .. } = arguments;
    let options = SynthOptions {
        users,
        items,
        ratings_per_user,
        noise,
        positive_only,
        new_users,
        new_items,
        seed,
    };
    World::generate(&options)?.write(folder)?;
    if arguments.json {
        let folder = folder.display().to_string();
        return print_json(&json!({ "folder": folder, "users": users, "items": items }));
    }
    print(format_args!("{users} users and {items} items are in {}", folder.display()))
}
