//! A person described on the command line.

use anyhow::{Context, Result};
use clap::Args;
use melu::model::schema::Value;
use melu::{Catalog, Model, Scratch, User};

use crate::terminal::note;

/// A person's profile and answers.
#[derive(Args)]
pub struct Person {
    /// A field of the user's profile, such as `gender=F`; repeat it for more fields, and for
    /// more values of a multi-valued field.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair)]
    user: Vec<(String, String)>,
    /// An item and the user's rating of it, such as `260=5`; repeat it for more items.
    #[arg(long, value_name = "ID=RATING", value_parser = rating)]
    rate: Vec<(String, f32)>,
}

impl Person {
    /// The person as a user of the catalogue, adapted to their answers.
    pub fn user(&self, catalog: &Catalog, scratch: &mut Scratch) -> Result<User> {
        let profile = profile(catalog.model(), &self.user)?;
        let mut user = User::new(catalog, &profile)?;
        if user.unknown_values() > 0 {
            note(format_args!(
                "the model does not know {} of the user's values; they are left out",
                user.unknown_values()
            ));
        }
        let rated = find(catalog, self.rate.iter().map(|(id, _)| id))?;
        let ratings: Vec<f32> = self.rate.iter().map(|(_, rating)| *rating).collect();
        user.adapt(&rated, &ratings, scratch)?;
        Ok(user)
    }
}

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
    let find = |id: &String| {
        catalog.find(id).with_context(|| format!("there is no item \"{id}\" in the catalogue"))
    };
    ids.into_iter().map(find).collect()
}
