//! A person described on the command line.

use anyhow::{Context, Result};
use clap::Args;
use melu::model::schema::{FieldKind, NumberScale, Value};
use melu::{Catalog, Model, Scratch, User, printable};

use crate::terminal::note;

/// A person's profile and answers.
#[derive(Args)]
pub struct Person {
    /// A field of the user's profile, such as `gender=F`; repeat it for more fields, and for
    /// more values of a multi-valued field.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair, allow_hyphen_values = true)]
    user: Vec<(String, String)>,
    /// An item and the user's rating of it, such as `260=5`; repeat it for more items.
    #[arg(long, value_name = "ID=RATING", value_parser = rating, allow_hyphen_values = true)]
    rate: Vec<(String, f32)>,
}

impl Person {
    /// The person as a user of the catalogue, adapted to their answers.
    pub fn user(&self, catalog: &Catalog, scratch: &mut Scratch) -> Result<User> {
        let profile = profile(catalog.model(), &self.user)?;
        let mut user = User::new(catalog, &profile)?;
        note_unknown(&user)?;
        let rated = find(catalog, self.rate.iter().map(|(id, _)| id))?;
        let ratings: Vec<f32> = self.rate.iter().map(|(_, rating)| *rating).collect();
        user.adapt(&rated, &ratings, scratch)?;
        Ok(user)
    }
}

/// Says which of the profile's values the model does not know, and what it knows.
fn note_unknown(user: &User) -> melu::Result<()> {
    let contents = user.model().contents();
    for (name, value) in user.unknown_profile()? {
        let mut fields = contents.config.user_fields.iter().zip(&contents.user_vocabularies);
        let Some((field, vocabulary)) = fields.find(|(field, _)| field.name == name) else {
            continue;
        };
        match (value, vocabulary, field.kind) {
            (Value::Name(value), Some(known), _) => {
                let mut some: Vec<String> = known.names().iter().take(KNOWN).map(quoted).collect();
                some.extend((known.len() > KNOWN).then(|| format!("{} more", known.len() - KNOWN)));
                note(format_args!(
                    "user field \"{name}\": \"{}\" is unknown to the model and left out; it \
                     knows {}",
                    printable(value),
                    some.join(", ")
                ));
            }
            (_, _, FieldKind::Numeric(NumberScale { range: Some([min, max]), .. })) => {
                note(format_args!(
                    "user field \"{name}\": the number lies far outside of {min} to {max}, which \
                     the model knows, and is read as the nearest of these"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", printable(name))
}

/// How many of a field's known values a message names.
const KNOWN: usize = 10;

/// How many ids a message about an unknown id names.
const NEAREST: usize = 3;

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("FIELD=VALUE is expected, such as gender=F")?;
    Ok((name.into(), value.into()))
}

/// An id may hold an `=`; a rating does not.
fn rating(text: &str) -> Result<(String, f32), String> {
    let (id, rating) = text.rsplit_once('=').ok_or("ID=RATING is expected, such as 260=5")?;
    let rating = rating.parse().map_err(|_| format!("\"{rating}\" is not a number"))?;
    Ok((id.into(), rating))
}

/// Values by name, or by index if the model has no names for a field's values.
fn profile<'a>(model: &Model, given: &'a [(String, String)]) -> Result<Vec<(&'a str, Value<'a>)>> {
    let contents = model.contents();
    let value = |(name, value): &'a (String, String)| {
        let fields = contents.config.user_fields.iter().zip(&contents.user_vocabularies);
        let by_index = fields
            .into_iter()
            .any(|(field, names)| field.name == *name && names.is_none() && !field.is_numeric());
        let value = if by_index {
            let index = value.parse().with_context(|| {
                format!(
                    "user field \"{name}\": the model has no names for its values; an index is \
                     expected, not \"{value}\""
                )
            });
            Value::Index(index?)
        } else {
            Value::Name(value)
        };
        Ok((name.as_str(), value))
    };
    given.iter().map(value).collect()
}

/// The items with these ids.
pub fn find<'a>(catalog: &Catalog, ids: impl IntoIterator<Item = &'a String>) -> Result<Vec<u32>> {
    let find = |id: &String| catalog.find(id).with_context(|| unknown(catalog, id));
    ids.into_iter().map(find).collect()
}

/// Says that there is no such item, and which come nearest: those whose titles contain the
/// text, and then those with the most similar ids.
fn unknown(catalog: &Catalog, id: &str) -> String {
    let items = || (0..catalog.len() as u32).filter_map(|item| Some((item, catalog.id(item)?)));
    let mut nearest: Vec<u32> = titled(catalog, id).into_iter().take(NEAREST).collect();
    let mut similar: Vec<(f64, u32)> =
        items().map(|(item, other)| (strsim::jaro_winkler(id, other), item)).collect();
    similar.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    nearest.extend(similar.into_iter().map(|(_, item)| item).take(NEAREST));
    let mut seen = std::collections::HashSet::new();
    nearest.retain(|item| seen.insert(*item));
    let names = nearest.into_iter().take(NEAREST).map(|item| {
        let id = printable(catalog.id(item).unwrap_or_default());
        match catalog.title(item) {
            Some(title) => format!("\"{id}\" ({})", printable(title)),
            None => format!("\"{id}\""),
        }
    });
    format!(
        "there is no item \"{}\" in the catalogue; the nearest are {}; melu inspect MODEL --find \
         TITLE finds ids",
        printable(id),
        names.collect::<Vec<_>>().join(", ")
    )
}

/// The items whose titles contain a text, in capital letters or small, by their place in the
/// catalogue; those with exactly this title come first. None for an empty text.
pub fn titled(catalog: &Catalog, text: &str) -> Vec<u32> {
    let text = text.to_lowercase();
    let title = |item: u32| catalog.title(item).map(str::to_lowercase);
    let contains = |item: &u32| title(*item).is_some_and(|title| title.contains(&text));
    let items = 0..if text.is_empty() { 0 } else { catalog.len() as u32 };
    let mut found: Vec<u32> = items.filter(contains).collect();
    found.sort_by_key(|item| title(*item).is_none_or(|title| title != text));
    found
}

/// A number of items to list, of which there must be some.
pub fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is expected".into()),
        Ok(count) => Ok(count),
        Err(_) => Err("a whole number of at least 1 is expected".into()),
    }
}
