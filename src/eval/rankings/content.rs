//! Content: items whose descriptions resemble those of the answered items.

use std::sync::Arc;

use super::baseline::{Baseline, Mixed};
use super::choices::{Choice, Choices, Counted};
use crate::data::Table;

/// The number of items with which a value's mean popularity is pulled to the mean of all.
const DAMPING: f32 = 5.0;

/// How items are described: by the values of their categorical fields, weighted by how rare
/// these are (TF-IDF).
#[derive(Debug)]
pub struct Descriptions {
    /// Each item's values and their weights, whose squares add up to 1.
    items: Vec<Vec<(u32, f32)>>,
    values: usize,
}

impl Descriptions {
    /// Describes all items of a data folder; `None` if nothing describes them.
    pub fn new(table: &Table) -> Option<Self> {
        let mut items: Vec<Vec<(u32, f32)>> = vec![Vec::new(); table.len()];
        let mut values = 0;
        for field in table.fields() {
            let Some(vocabulary) = &field.vocabulary else { continue };
            for (row, item) in items.iter_mut().enumerate() {
                item.extend(field.column.row(row).iter().map(|value| (values + value, 0.0)));
            }
            values += vocabulary.len() as u32;
        }
        let mut counts = vec![0.0; values as usize];
        items.iter().flatten().for_each(|(value, _)| counts[*value as usize] += 1.0);
        for item in &mut items {
            for (value, weight) in item.iter_mut() {
                *weight = (table.len() as f32 / counts[*value as usize]).ln();
            }
            let length = item.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
            item.retain(|(_, weight)| *weight > 0.0);
            item.iter_mut().for_each(|(_, weight)| *weight /= length);
        }
        let some = items.iter().any(|item| !item.is_empty());
        some.then_some(Self { items, values: values as usize })
    }

    /// An item's popularity predicted from its description: the mean over its values of the
    /// damped mean logarithm of the number of users who chose another item with that value.
    fn popularity(&self, choices: &Choices) -> Vec<f32> {
        let counts = choices.counts(Counted::All);
        let known = || self.items.iter().zip(&counts).filter(|(_, count)| **count > 0);
        let logarithm = |count: u32| (count as f32).ln_1p();
        let number = known().count().max(1) as f32;
        let mean = known().map(|(_, count)| logarithm(*count)).sum::<f32>() / number;
        let mut sums = vec![(0.0, 0.0); self.values];
        for (item, count) in known() {
            for (value, _) in item {
                let (sum, items) = &mut sums[*value as usize];
                *sum += logarithm(*count);
                *items += 1.0;
            }
        }
        let predict = |(item, count): (&Vec<(u32, f32)>, &u32)| {
            if item.is_empty() {
                return mean;
            }
            let own = if *count > 0 { (logarithm(*count), 1.0) } else { (0.0, 0.0) };
            let of_value = |(value, _): &(u32, f32)| {
                let (sum, items) = sums[*value as usize];
                (sum - own.0 + DAMPING * mean) / (items - own.1 + DAMPING)
            };
            item.iter().map(of_value).sum::<f32>() / item.len() as f32
        };
        self.items.iter().zip(&counts).map(predict).collect()
    }
}

/// The sum over the user's choices of the cosine of both items' descriptions, and the
/// popularity predicted from the description. Simple methods can say no more about new items.
#[derive(Clone, Debug)]
pub struct ContentRanker {
    counted: Counted,
    descriptions: Arc<Descriptions>,
    popularity: Arc<Vec<f32>>,
    weight: f32,
}

impl ContentRanker {
    /// With popularities from users' interactions.
    pub fn new(descriptions: &Arc<Descriptions>, choices: &Choices, counted: Counted) -> Self {
        let popularity = Arc::new(descriptions.popularity(choices));
        Self { counted, descriptions: descriptions.clone(), popularity, weight: 1.0 }
    }
}

impl Mixed for ContentRanker {
    fn with_popularity(&self, weight: f32) -> Self {
        Self { weight, ..self.clone() }
    }
}

impl Baseline for ContentRanker {
    fn score(&self, answers: &[Choice], scores: &mut [f32]) {
        let Descriptions { items, values } = &*self.descriptions;
        let mut liked = vec![0.0; *values];
        for choice in answers.iter().filter(|choice| self.counted.counts(choice)) {
            for (value, weight) in &items[choice.item as usize] {
                liked[*value as usize] += weight;
            }
        }
        for ((score, item), popularity) in scores.iter_mut().zip(items).zip(&*self.popularity) {
            let alike = item.iter().map(|(value, weight)| weight * liked[*value as usize]);
            *score = alike.sum::<f32>() + self.weight * popularity;
        }
    }

    fn knows_new_items(&self) -> bool {
        true
    }

    fn settings(&self) -> String {
        format!("popularity's weight {}, {}", self.weight, self.counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::rankings::testing::some_choices;

    #[test]
    fn scores_agree_with_the_definition() {
        // Values 0 to 2 of one field; item 3 has none, and item 4 nobody chose.
        let items = [vec![0], vec![0, 1], vec![1, 2], vec![], vec![0, 2]];
        let count = [3.0, 2.0, 2.0f32];
        let rarity = |value: usize| (5.0 / count[value]).ln();
        let vector = |item: usize| -> Vec<f32> {
            let raw: Vec<f32> = (0..3)
                .map(|value| if items[item].contains(&value) { rarity(value) } else { 0.0 })
                .collect();
            let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt();
            raw.iter().map(|number| if length > 0.0 { number / length } else { 0.0 }).collect()
        };
        let weighted = |item: &Vec<usize>| {
            let place = items.iter().position(|other| other == item).unwrap();
            item.iter().map(|value| (*value as u32, vector(place)[*value])).collect()
        };
        let descriptions =
            Arc::new(Descriptions { items: items.iter().map(weighted).collect(), values: 3 });
        let mut choices = some_choices(30, 5);
        choices.users.iter_mut().for_each(|user| user.retain(|choice| choice.item != 4));
        let logarithms: Vec<f32> =
            choices.counts(Counted::All).iter().map(|count| (*count as f32).ln_1p()).collect();
        let mean = logarithms[..4].iter().sum::<f32>() / 4.0;
        let answers: Vec<Choice> =
            [0, 2].map(|item| Choice { item, liked: item == 2 }).into_iter().collect();
        for counted in [Counted::All, Counted::Liked] {
            let content = ContentRanker::new(&descriptions, &choices, counted).with_popularity(0.5);
            let mut scores = vec![f32::NAN; 5];
            content.score(&answers, &mut scores);
            for (item, score) in scores.into_iter().enumerate() {
                let alike = |other: usize| -> f32 {
                    vector(item).iter().zip(vector(other)).map(|(a, b)| a * b).sum()
                };
                let of_value = |value: &usize| {
                    let others = (0..4).filter(|i| *i != item && items[*i].contains(value));
                    let (sum, number) =
                        others.fold((0.0, 0.0), |(sum, n), i| (sum + logarithms[i], n + 1.0));
                    (sum + 5.0 * mean) / (number + 5.0)
                };
                let popularity = match items[item].len() {
                    0 => mean,
                    some => items[item].iter().map(of_value).sum::<f32>() / some as f32,
                };
                let liked = if counted == Counted::All { alike(0) + alike(2) } else { alike(2) };
                let expected = liked + 0.5 * popularity;
                assert!((score - expected).abs() < 1e-5, "{item}: {score} {expected}");
            }
        }
    }
}
