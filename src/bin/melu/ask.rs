//! `melu ask`: the next best question for one user.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use melu::{Asking, Model, Questions, Scratch};
use serde_json::json;

use crate::person::{Person, find};
use crate::terminal::{print, print_json};

/// Say what to ask one user next, given what they said so far.
///
/// The item that is expected to tell most: the user should know it, and what they say
/// of it should make surer which items come into their list. Give the answer with
/// --rate, or say with --unknown that there is none, and ask again.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    person: Person,
    /// An item that the user was asked about and did not know; again for more.
    #[arg(long, value_name = "ID")]
    unknown: Vec<String>,
    /// An item not to ask about; again for more.
    #[arg(long, value_name = "ID")]
    leave_out: Vec<String>,
    /// An item that the user is known to know; again for more. Only these are
    /// asked about.
    #[arg(long, value_name = "ID")]
    known: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = Model::open(&arguments.model)?;
    let catalog = model.catalog()?.context("the model has no catalogue to ask about")?;
    let user = arguments.person.user(&catalog, &mut Scratch::new(&catalog)?)?;
    let (unknown, leave_out) =
        (find(&catalog, &arguments.unknown)?, find(&catalog, &arguments.leave_out)?);
    let known = find(&catalog, &arguments.known)?;
    let asking = Asking {
        unknown: &unknown,
        leave_out: &leave_out,
        known: (!known.is_empty()).then_some(&known),
    };
    let next = user.next_question(&mut Questions::new(&catalog)?, asking)?;
    if arguments.json {
        let question = next.map(|question| {
            json!({
                "id": catalog.id(question.item),
                "title": catalog.title(question.item),
                "known": question.known,
                "reduction": question.reduction,
            })
        });
        return print_json(&json!({ "question": question }));
    }
    let Some(question) = next else { return print("There is nothing left to ask.") };
    let id = catalog.id(question.item).unwrap_or_default();
    let title = catalog.title(question.item).unwrap_or_default();
    print(format_args!("{id}  {title}  (known with a chance of {:.0} %)", 100.0 * question.known))
}
