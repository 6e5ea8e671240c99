//! `melu ask`: the next best question for one user.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use melu::{QuestionOptions, Questions, Scratch, printable};
use serde_json::json;

use crate::person::{Person, find};
use crate::terminal::{self, print, print_json};

/// Choose the next question for one user, given their answers so far.
///
/// The question is about the item that is expected to be most informative: the user probably
/// knows it, and their answer makes it clearer which items belong in their list. Pass the
/// answer with --rate, or with --unknown if the user does not know the item, and ask again.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[command(flatten)]
    person: Person,
    /// An item that the user was asked about and did not know; may be repeated.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    unknown: Vec<String>,
    /// An item not to ask about; may be repeated.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    leave_out: Vec<String>,
    /// An item that the user knows; may be repeated. If given, only these items are asked
    /// about.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    known: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let model = terminal::model(&arguments.model)?;
    let catalog = model.catalog()?.context("the model has no catalogue to ask about")?;
    let user = arguments.person.user(&catalog, &mut Scratch::new(&catalog)?)?;
    let (unknown, leave_out) =
        (find(&catalog, &arguments.unknown)?, find(&catalog, &arguments.leave_out)?);
    let known = find(&catalog, &arguments.known)?;
    let options = QuestionOptions {
        unknown: &unknown,
        leave_out: &leave_out,
        known: (!known.is_empty()).then_some(&known),
    };
    let next = user.next_question(&mut Questions::new(&catalog)?, options)?;
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
    let id = printable(catalog.id(question.item).unwrap_or_default());
    let title = printable(catalog.title(question.item).unwrap_or_default());
    print(format_args!("{id}  {title}  (known with a chance of {:.0} %)", 100.0 * question.known))
}
