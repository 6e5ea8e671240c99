//! Recommends from a weight file to somebody new:
//!
//! ```sh
//! cargo run --release --example recommend -- world.melu i7=5 i12=1.5
//! ```

use std::error::Error;

use melu::{Model, RecommendOptions, Scratch, User};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: recommend MODEL [ID=RATING ...]")?;
    let catalog = Model::open(path)?.catalog()?.ok_or("the weight file has no items")?;
    let (mut items, mut ratings) = (Vec::new(), Vec::new());
    for argument in arguments {
        let (id, rating) = argument.rsplit_once('=').ok_or("an answer is ID=RATING")?;
        items.push(catalog.find(id).ok_or_else(|| format!("there is no item \"{id}\""))?);
        ratings.push(rating.parse()?);
    }
    // A service keeps the catalogue for all users, a scratch for each thread, and a user as
    // long as they are there.
    let mut scratch = Scratch::new(&catalog)?;
    let mut user = User::new(&catalog, &[])?;
    user.adapt(&items, &ratings, &mut scratch)?;
    let mut best = Vec::new();
    user.recommend(10, &RecommendOptions::default(), &mut best, &mut scratch)?;
    for found in best {
        let id = catalog.id(found.item).unwrap_or_default();
        let title = catalog.title(found.item).unwrap_or(id);
        println!("{title}: {:.3}", found.score);
    }
    Ok(())
}
