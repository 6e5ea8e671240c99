//! A generated world: people and items, with known tastes.

mod items;
mod stars;
mod tastes;
mod words;

use std::io::{Cursor, Read, Write};
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, StandardNormal};

use self::items::{Item, ItemPopularity};
use self::stars::{expected_rating, rating};
use self::tastes::Tastes;
use self::words::{AGES, COUNTRIES, GENRES, OCCUPATIONS, REGIONS, STUDIOS};
use super::folder::{Dataset, OpenOptions};
use super::write::{CsvWriter, NewFolder};
use crate::random::{Purpose, generator};
use crate::{Error, Result};

/// Options of a generated world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SynthOptions {
    /// How many users; at least 1.
    pub users: usize,
    /// How many items; at least 1.
    pub items: usize,
    /// The mean number of items that a user chooses and rates; at least 1, at most `items`.
    /// Some users choose several times as many as others.
    pub ratings_per_user: usize,
    /// The standard deviation of users' ratings around their opinions, in stars, before
    /// rounding to half stars; finite, 0 or more.
    pub noise: f32,
    /// Whether the log has only choices, without ratings. The world and people's choices are
    /// the same.
    pub positive_only: bool,
    /// The share of users that count as new, 0 to 1.
    pub new_users: f32,
    /// The share of items that count as new, 0 to 1.
    pub new_items: f32,
    /// The same seed makes the same world.
    pub seed: u64,
}

impl Default for SynthOptions {
    fn default() -> Self {
        Self {
            users: 3000,
            items: 800,
            ratings_per_user: 40,
            noise: 0.5,
            positive_only: false,
            new_users: 0.2,
            new_items: 0.2,
            seed: 0,
        }
    }
}

impl SynthOptions {
    fn check(&self) -> Result<()> {
        let largest = u32::MAX as usize;
        for (name, number) in [("users", self.users), ("items", self.items)] {
            if !(1..=largest).contains(&number) {
                return Err(Error::argument(name, format!("{number} is not from 1 to {largest}")));
            }
        }
        if !(1..=self.items).contains(&self.ratings_per_user) {
            return Err(Error::argument(
                "ratings_per_user",
                format!(
                    "{} is not from 1 to {}, the number of items",
                    self.ratings_per_user, self.items
                ),
            ));
        }
        if !(self.noise.is_finite() && self.noise >= 0.0) {
            let problem = format!("{} is not a finite number of at least 0", self.noise);
            return Err(Error::argument("noise", problem));
        }
        for (name, share) in [("new_users", self.new_users), ("new_items", self.new_items)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::argument(name, format!("{share} is not from 0 to 1")));
            }
        }
        Ok(())
    }
}

/// Generated people and items, with their opinions, choices and ratings.
///
/// A user's opinion of an item depends on the item (its content, and a quality of its own),
/// on the user (a bias) and most of all on how well the item's content matches the user's
/// tastes. A profile reveals a little of these tastes, and answers reveal more. Which items a
/// user chooses and rates depends on the items' popularity, by which people come across them,
/// and on the user's opinion of them. So choices reveal tastes too. Users and items are
/// counted from 0, as in [`World::dataset`]. May be used from any number of threads at once.
pub struct World {
    options: SynthOptions,
    items: Vec<Item>,
    tastes: Tastes,
    /// For each user, the items chosen, in ascending order.
    chosen: Vec<Vec<u32>>,
}

impl World {
    /// Generates a world. Takes memory in proportion to users, items and ratings.
    ///
    /// # Errors
    /// [`Error::Argument`] for an option that is out of its range.
    pub fn generate(options: &SynthOptions) -> Result<Self> {
        options.check()?;
        let &SynthOptions { users, items: item_count, ratings_per_user, seed, .. } = options;
        let stream = |of: Stream, row: usize| -> ChaCha8Rng {
            generator(seed, Purpose::Synth, of as u64, row as u64)
        };
        let items = items::generate(item_count, &mut stream(Stream::Items, 0));
        let popularity = ItemPopularity::generate(item_count, &mut stream(Stream::Popularity, 0));
        let tastes = Tastes::generate(&items, users, &mut stream(Stream::Tastes, 0), |user| {
            stream(Stream::User, user)
        });
        // A log-normal number with mean 1.
        const SPREAD: f64 = 0.5;
        let activity = LogNormal::new(-SPREAD * SPREAD / 2.0, SPREAD)
            .map_err(|error| Error::argument("ratings_per_user", error.to_string()))?;
        let chosen = (0..users).map(|user| {
            let rng = &mut stream(Stream::Choices, user);
            let count = (ratings_per_user as f64 * activity.sample(rng)).round() as usize;
            let chance = |item| tastes.chance(user as u32, item);
            popularity.choose(count.clamp(1, item_count), chance, rng)
        });
        let chosen = chosen.collect();
        Ok(Self { options: *options, items, tastes, chosen })
    }

    /// The mean rating that the user would give the item, including the effects of rounding
    /// and of the ends of the scale. No prediction has a smaller expected squared error.
    ///
    /// NaN for a user or item that does not exist.
    pub fn expected(&self, user: u32, item: u32) -> f32 {
        match self.tastes.score(user, item) {
            Some(score) => expected_rating(score, self.options.noise.into()),
            None => f32::NAN,
        }
    }

    /// The user's answer about the item: half stars from 0.5 to 5, always the same. The
    /// ratings of [`World::dataset`] are such answers.
    ///
    /// NaN for a user or item that does not exist.
    pub fn answer(&self, user: u32, item: u32) -> f32 {
        let Some(score) = self.tastes.score(user, item) else { return f32::NAN };
        let mut rng = generator(self.options.seed, Purpose::Answers, user.into(), item.into());
        let noise: f64 = StandardNormal.sample(&mut rng);
        rating(score + f64::from(self.options.noise) * noise)
    }

    /// Writes a data folder, and `expected.csv` with [`World::expected`] for each choice.
    ///
    /// # Errors
    /// [`Error::Argument`] if the folder is neither new nor empty, and [`Error::Io`]
    /// if the operating system refuses. Neither leaves anything behind.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let new = NewFolder::create(folder)?;
        new.text("dataset.toml", &self.settings())?;
        for table in self.files() {
            let mut out = new.csv(table.file(), table.header())?;
            self.write_rows(table, &mut out)?;
            out.finish()?;
        }
        new.finish()
    }

    /// The data set that [`Dataset::open`] gives for the written folder.
    ///
    /// # Errors
    /// No known ones.
    pub fn dataset(&self) -> Result<Dataset> {
        Dataset::read(Path::new(""), &OpenOptions::default(), &|path| {
            let table = self.files().into_iter().find(|table| path == Path::new(table.file()));
            let bytes = match table {
                Some(table) => {
                    let mut out = CsvWriter::new(path.into(), Vec::new(), table.header())?;
                    self.write_rows(table, &mut out)?;
                    out.finish()?
                }
                None => self.settings().into_bytes(),
            };
            Ok(Box::new(Cursor::new(bytes)) as Box<dyn Read>)
        })
    }

    fn files(&self) -> [CsvTable; 4] {
        let log = match self.options.positive_only {
            false => CsvTable::Ratings,
            true => CsvTable::Interactions,
        };
        [CsvTable::Users, CsvTable::Items, log, CsvTable::Expected]
    }

    fn write_rows(&self, table: CsvTable, out: &mut CsvWriter<impl Write>) -> Result<()> {
        match table {
            CsvTable::Users => {
                for (user, profile) in self.tastes.profiles().iter().enumerate() {
                    out.row([
                        user_id(user).as_str(),
                        AGES[profile.age],
                        OCCUPATIONS[profile.occupation],
                        REGIONS[profile.region],
                    ])?;
                }
            }
            CsvTable::Items => {
                for (index, item) in self.items.iter().enumerate() {
                    let genres: Vec<&str> =
                        item.genres.iter().map(|&genre| GENRES[genre]).collect();
                    out.row([
                        item_id(index).as_str(),
                        &item.title,
                        &genres.join("|"),
                        STUDIOS[item.studio],
                        COUNTRIES[item.country],
                        &item.year.to_string(),
                    ])?;
                }
            }
            CsvTable::Ratings => self.write_choices(out, Some(Self::answer))?,
            CsvTable::Interactions => self.write_choices(out, None)?,
            CsvTable::Expected => self.write_choices(out, Some(Self::expected))?,
        }
        Ok(())
    }

    fn write_choices(
        &self,
        out: &mut CsvWriter<impl Write>,
        value: Option<fn(&Self, u32, u32) -> f32>,
    ) -> Result<()> {
        for (user, items) in (0..).zip(&self.chosen) {
            let id = user_id(user as usize);
            for &item in items {
                let value = value.map(|value| value(self, user, item).to_string());
                let pair = [id.clone(), item_id(item as usize)];
                out.row(pair.into_iter().chain(value))?;
            }
        }
        Ok(())
    }

    fn settings(&self) -> String {
        let SynthOptions { positive_only, new_users, new_items, seed, .. } = self.options;
        let log = match positive_only {
            false => {
                r#"[ratings]
file = "ratings.csv"
user = "user_id"
item = "item_id"
value = "rating""#
            }
            true => {
                r#"[interactions]
file = "interactions.csv"
user = "user_id"
item = "item_id""#
            }
        };
        // TOML's whole numbers end at 2^63.
        let split_seed = seed % (1 << 63);
        format!(
            r#"# A data set folder: this file, and the CSV files that it names. All of it is
# made up; expected.csv has the mean of what each user would say of what they chose,
# which is not named here because no predictor may see it.
name = "Made-up world {seed}"

[users]
file = "users.csv"
id = "user_id"

[[users.fields]]
name = "age"
[[users.fields]]
name = "occupation"
[[users.fields]]
name = "region"

[items]
file = "items.csv"
id = "item_id"
title = "title"

[[items.fields]]
name = "genres"
kind = "multi"
[[items.fields]]
name = "studio"
[[items.fields]]
name = "country"
[[items.fields]]
name = "year"
kind = "numeric"

{log}

[format]
separator = "|"

[split]
new_users = {{ fraction = {new_users:?}, seed = {split_seed} }}
new_items = {{ fraction = {new_items:?}, seed = {split_seed} }}

[tasks]
min_ratings = 13
max_ratings = 100
query = 10
"#
        )
    }
}

/// The uses of the streams of [`Purpose::Synth`].
#[derive(Clone, Copy)]
enum Stream {
    Items = 0,
    Popularity = 1,
    Tastes = 2,
    User = 3,
    Choices = 4,
}

/// The CSV files of a written world.
#[derive(Clone, Copy)]
enum CsvTable {
    Users,
    Items,
    Ratings,
    Interactions,
    Expected,
}

impl CsvTable {
    fn file(self) -> &'static str {
        match self {
            Self::Users => "users.csv",
            Self::Items => "items.csv",
            Self::Ratings => "ratings.csv",
            Self::Interactions => "interactions.csv",
            Self::Expected => "expected.csv",
        }
    }

    fn header(self) -> &'static [&'static str] {
        match self {
            Self::Users => &["user_id", "age", "occupation", "region"],
            Self::Items => &["item_id", "title", "genres", "studio", "country", "year"],
            Self::Ratings => &["user_id", "item_id", "rating"],
            Self::Interactions => &["user_id", "item_id"],
            Self::Expected => &["user_id", "item_id", "expected"],
        }
    }
}

fn user_id(user: usize) -> String {
    format!("u{}", user + 1)
}

fn item_id(item: usize) -> String {
    format!("i{}", item + 1)
}
