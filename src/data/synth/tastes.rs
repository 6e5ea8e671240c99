//! The tastes of the people in a generated world.
//!
//! A score is the mean, plus the common opinion of the item, plus the user's bias, plus the
//! user's weights times the item's content. The weights follow in part from the user's
//! profile, and for the greater part they are the user's own.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::items::Item;
use super::words::{AGES, COUNTRIES, GENRES, OCCUPATIONS, REGIONS, STUDIOS};

/// The mean over all users and items. People choose what they like, so the mean of their
/// ratings is 0.9 higher.
const MEAN: f64 = 2.7;

// The variance of scores, 1.11 in all, of which choosing leaves three quarters: a
// quarter of it is main effects of items and users, and most of the rest can be known
// from a user's answers only.
const CONTENT: f64 = 0.09;
const QUALITY: f64 = 0.06;
const BIAS: f64 = 0.12;
const PROFILE_TASTE: f64 = 0.14;
const PERSONAL_TASTE: f64 = 0.70;

// How likely people are to choose an item that they come across: hardly ever if they would
// dislike it, and every other time if they would like it one and a half stars more than most
// items. Then ratings spread as MovieLens 1M's do, and lists from choices beat the most
// popular items by as much.
const MIN_CHANCE: f64 = 0.02;
const EVEN_CHANCE_AT: f64 = 1.5;
const STEEPNESS: f64 = 3.0;

/// Genres, then studios, countries, and the year.
const FEATURES: usize = GENRES.len() + STUDIOS.len() + COUNTRIES.len() + 1;
const STUDIO: usize = GENRES.len();
const COUNTRY: usize = STUDIO + STUDIOS.len();
const YEAR: usize = COUNTRY + COUNTRIES.len();

/// The number of traits in a person's tastes: people who like one thing tend to like certain
/// others.
const TRAITS: usize = 4;
/// The share of personal taste that follows from the traits.
const BY_TRAITS: f64 = 0.7;

/// A number for each feature: its amount in an item, or its worth to somebody.
type TasteFeatures = [f32; FEATURES];

/// A person's profile; indices are into the lists of names.
#[derive(Clone, Copy)]
pub(super) struct PersonProfile {
    pub age: usize,
    pub occupation: usize,
    pub region: usize,
}

/// Everybody's opinions of everything.
pub(super) struct Tastes {
    /// The mean of all items is subtracted, so that tastes do not add to the biases.
    contents: Vec<TasteFeatures>,
    main_effects: Vec<f64>,
    profiles: Vec<PersonProfile>,
    biases: Vec<f64>,
    weights: Vec<TasteFeatures>,
}

impl Tastes {
    /// Generates tastes; `stream(n)` is the `n`-th user's own randomness.
    pub fn generate<R: Rng>(
        items: &[Item],
        users: usize,
        rng: &mut impl Rng,
        stream: impl Fn(usize) -> R,
    ) -> Self {
        let contents = contents(items);
        let common = random_features(rng);
        let main_effects = scaled(contents.iter().map(|content| dot(content, &common)), CONTENT);
        let quality = scaled(contents.iter().map(|_| StandardNormal.sample(rng)), QUALITY);
        let main_effects = main_effects.iter().zip(quality).map(|(a, b)| a + b).collect();

        let traits: [TasteFeatures; TRAITS] = [(); TRAITS].map(|()| random_features(rng));
        let by_age = AGES.map(|_| random_features(rng));
        let by_occupation = OCCUPATIONS.map(|_| random_features(rng));
        let by_region = REGIONS.map(|_| random_features(rng));

        let mut profiles = Vec::with_capacity(users);
        let mut biases = Vec::with_capacity(users);
        let mut by_profile: Vec<TasteFeatures> = Vec::with_capacity(users);
        let mut personal: Vec<TasteFeatures> = Vec::with_capacity(users);
        for rng in (0..users).map(stream) {
            let rng = &mut { rng };
            let profile = PersonProfile {
                age: rng.random_range(0..AGES.len()),
                occupation: rng.random_range(0..OCCUPATIONS.len()),
                region: rng.random_range(0..REGIONS.len()),
            };
            profiles.push(profile);
            biases.push(StandardNormal.sample(rng));
            let groups = [
                &by_age[profile.age],
                &by_occupation[profile.occupation],
                &by_region[profile.region],
            ];
            by_profile.push(combined(groups.map(|group| (1.0, group))));
            let own = ((1.0 - BY_TRAITS).sqrt(), &random_features(rng));
            let strength = (BY_TRAITS / TRAITS as f64).sqrt();
            let strengths = traits.each_ref().map(|weights| {
                let normal: f64 = StandardNormal.sample(rng);
                (strength * normal, weights)
            });
            personal.push(combined(strengths.into_iter().chain([own])));
        }

        let profile_factor = factor(&by_profile, &contents, PROFILE_TASTE, rng);
        let personal_factor = factor(&personal, &contents, PERSONAL_TASTE, rng);
        for (personal, by_profile) in personal.iter_mut().zip(&by_profile) {
            *personal = combined([(personal_factor, &*personal), (profile_factor, by_profile)]);
        }
        let biases = scaled(biases.into_iter(), BIAS);
        Self { contents, main_effects, profiles, biases, weights: personal }
    }

    /// Each user's profile.
    pub fn profiles(&self) -> &[PersonProfile] {
        &self.profiles
    }

    /// How likely the user is to choose the item on coming across it, by the user's opinion
    /// of it relative to other items. Above 0; 0 if either does not exist.
    pub fn chance(&self, user: u32, item: u32) -> f64 {
        let Some(score) = self.score(user, item) else { return 0.0 };
        let bias = self.biases.get(user as usize).copied().unwrap_or_default();
        let odds_against = (-STEEPNESS * (score - MEAN - bias - EVEN_CHANCE_AT)).exp();
        MIN_CHANCE + (1.0 - MIN_CHANCE) / (1.0 + odds_against)
    }

    /// The user's opinion of the item, in stars; `None` if either does not exist.
    pub fn score(&self, user: u32, item: u32) -> Option<f64> {
        let (user, item) = (user as usize, item as usize);
        let taste = dot(self.contents.get(item)?, self.weights.get(user)?);
        Some(MEAN + self.main_effects.get(item)? + self.biases.get(user)? + taste)
    }
}

/// The items' contents minus their mean.
fn contents(items: &[Item]) -> Vec<TasteFeatures> {
    let mut contents: Vec<TasteFeatures> = items
        .iter()
        .map(|item| {
            let mut content = [0.0; FEATURES];
            for genre in &item.genres {
                content[*genre] = 1.0 / item.genres.len() as f32;
            }
            content[STUDIO + item.studio] = 0.4;
            content[COUNTRY + item.country] = 0.4;
            content[YEAR] = (item.year - 2006) as f32 / 40.0;
            content
        })
        .collect();
    for feature in 0..FEATURES {
        let sum: f64 = contents.iter().map(|content| f64::from(content[feature])).sum();
        let mean = (sum / contents.len() as f64) as f32;
        for content in &mut contents {
            content[feature] -= mean;
        }
    }
    contents
}

fn random_features(rng: &mut impl Rng) -> TasteFeatures {
    [(); FEATURES].map(|()| StandardNormal.sample(rng))
}

fn dot(a: &TasteFeatures, b: &TasteFeatures) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a * b)).sum()
}

/// The sum of all, each times its factor.
fn combined<'a>(parts: impl IntoIterator<Item = (f64, &'a TasteFeatures)>) -> TasteFeatures {
    let mut sum = [0.0; FEATURES];
    for (factor, part) in parts {
        for (sum, &number) in sum.iter_mut().zip(part) {
            *sum += factor as f32 * number;
        }
    }
    sum
}

/// The numbers minus their mean, scaled to this variance.
fn scaled(numbers: impl Iterator<Item = f64>, variance: f64) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    numbers.iter_mut().for_each(|number| *number -= mean);
    let squares = numbers.iter().map(|number| number * number).sum::<f64>();
    let factor = factor_to(variance, squares / numbers.len() as f64);
    numbers.iter_mut().for_each(|number| *number *= factor);
    numbers
}

/// The factor that gives tastes with these weights this variance over users and items.
fn factor(
    weights: &[TasteFeatures],
    contents: &[TasteFeatures],
    variance: f64,
    rng: &mut impl Rng,
) -> f64 {
    const PAIRS: usize = 20_000; // enough for a per cent
    let squares = (0..PAIRS).map(|_| {
        let user = &weights[rng.random_range(0..weights.len())];
        let item = &contents[rng.random_range(0..contents.len())];
        dot(user, item).powi(2)
    });
    factor_to(variance, squares.sum::<f64>() / PAIRS as f64)
}

/// The factor from one variance to another; 0 if the first is 0, as in a world of one item.
fn factor_to(variance: f64, present: f64) -> f64 {
    if present > 1e-12 { (variance / present).sqrt() } else { 0.0 }
}
