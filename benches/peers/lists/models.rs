//! What the suite for lists measures with: a generated world, the default recipe's model of
//! it, the same with more items, and the speed of this processor.
//!
//! ```text
//! peers_models world FOLDER USERS ITEMS CHOICES [positive]    FOLDER/data, FOLDER/model.melu
//! peers_models enlarge MODEL ITEMS OUT [vector]               with so many items
//! peers_models peak                                           Gflop/s of the best kernel
//! ```
//!
//! CHOICES is how many items a user chooses and rates; with `positive`, nobody rates them.
//! Training with millions of items takes hours. So a large model repeats the items of a small
//! one, each time with other vectors, biases and neighbours. With `vector`, scores are the
//! product of two vectors alone, as any library of vectors has it: no neighbours, no predicted
//! ratings.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use melu::data::{Dataset, SynthOptions, World};
use melu::model::BESIDES_VECTOR;
use melu::model::buffer::Buffer;
use melu::model::file::{CatalogTable, ChoiceItems, Contents};
use melu::model::schema::{Column, Strings};
use melu::train::{TrainOptions, Trainer};
use melu::{Model, kernel_peak};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long the random part of a repeated item's vector is, as a share of the vector.
const MOVED: f32 = 0.3;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["world", folder, users, items, choices, ref kind @ ..] if kind.len() < 2 => {
            let options = SynthOptions {
                users: users.parse()?,
                items: items.parse()?,
                ratings_per_user: choices.parse()?,
                positive_only: kind == ["positive"],
                // All are there for training: figures of accuracy are not asked for.
                new_users: 0.0,
                new_items: 0.0,
                ..SynthOptions::default()
            };
            train(&options, Path::new(folder))
        }
        ["enlarge", model, items, out] => enlarge(model, items.parse()?, false, out),
        ["enlarge", model, items, out, "vector"] => enlarge(model, items.parse()?, true, out),
        ["peak"] => {
            println!("{}", kernel_peak(Duration::from_millis(200)) / 1e9);
            Ok(())
        }
        _ => Err("usage: peers_models world | enlarge | peak; see models.rs".into()),
    }
}

fn train(options: &SynthOptions, folder: &Path) -> Result<()> {
    let data = folder.join("data");
    if !data.exists() {
        World::generate(options)?.write(&data)?;
    }
    let dataset = Dataset::open(&data)?;
    // The speed of lists does not depend on how well the network predicts ratings.
    let options = TrainOptions { epochs: 1, ..TrainOptions::default() };
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let mut trainer = Trainer::new(&dataset, &options, threads)?;
    trainer.run(|_| ControlFlow::Continue(()))?;
    Model::from_contents(trainer.finish()?)?.save(folder.join("model.melu"))?;
    Ok(())
}

/// Writes a model with so many items, the first of which are the model's own.
fn enlarge(model: &str, items: usize, vector: bool, out: &str) -> Result<()> {
    let mut contents: Contents = Model::open(model)?.contents().clone();
    let table = contents.catalog.as_mut().ok_or("the model has no catalogue")?;
    repeat(table, items)?;
    contents.familiarity = None;
    if vector {
        let head = contents.config.choice.as_mut().ok_or("the model has no head for choosing")?;
        (head.neighbours, head.rating) = (0.0, 0.0);
        let choice = table.choice.as_mut().ok_or("the model has no rows for choosing")?;
        (choice.neighbours, choice.weights) = (Vec::new().into(), Vec::new().into());
    }
    Model::from_contents(contents)?.save(out)?;
    Ok(())
}

fn repeat(table: &mut CatalogTable, items: usize) -> Result<()> {
    let few = table.ids.len();
    if items < few {
        return Err(format!("the model has {few} items; at least as many are expected").into());
    }
    table.ids = (0..items).map(|item| format!("i{}", item + 1)).collect::<Strings>();
    table.titles = None;
    for column in &mut table.columns {
        *column = match &*column {
            Column::Numbers(numbers) => Column::Numbers(cycle(numbers, 1, items)),
            Column::Values { offsets, values } => {
                let (mut all, mut ends) = (Vec::new(), vec![0]);
                for item in (0..few).cycle().take(items) {
                    all.extend_from_slice(
                        &values[offsets[item] as usize..offsets[item + 1] as usize],
                    );
                    ends.push(all.len() as u64);
                }
                Column::Values { offsets: ends.into(), values: all.into() }
            }
        };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut random = move || -> f32 { StandardNormal.sample(&mut rng) };
    if let Some(vectors) = &mut table.vectors {
        let width = vectors.vectors.len() / few;
        vectors.vectors = moved(&vectors.vectors, width, width, items, &mut random);
        vectors.bias = cycle(&vectors.bias, 1, items);
        vectors.variance = cycle(&vectors.variance, 1, items);
        vectors.raters = cycle(&vectors.raters, 1, items);
    }
    if let Some(choice) = &mut table.choice {
        let width = choice.rows.len() / few;
        (choice.neighbours, choice.weights) = neighbours(choice, items);
        choice.rows = moved(&choice.rows, width, width - BESIDES_VECTOR, items, &mut random);
        choice.raters = cycle(&choice.raters, 1, items);
    }
    Ok(())
}

/// Each row again and again.
fn cycle<T: Copy>(rows: &[T], width: usize, items: usize) -> Buffer<T> {
    rows.iter().copied().cycle().take(items * width).collect()
}

/// Each row again and again, with the first numbers of those that are added moved.
fn moved(
    rows: &[f32],
    width: usize,
    vector: usize,
    items: usize,
    random: &mut impl FnMut() -> f32,
) -> Buffer<f32> {
    let mut all = Vec::with_capacity(items * width);
    for (item, row) in rows.chunks_exact(width).cycle().take(items).enumerate() {
        let begin = all.len();
        all.extend_from_slice(row);
        if item * width >= rows.len() {
            let square: f32 = row[..vector].iter().map(|number| number * number).sum();
            let step = MOVED * (square / vector as f32).sqrt();
            all[begin..begin + vector].iter_mut().for_each(|number| *number += step * random());
        }
    }
    all.into()
}

/// The same weights for all, and neighbours that are strewn over the whole catalogue.
fn neighbours(choice: &ChoiceItems, items: usize) -> (Buffer<u32>, Buffer<f32>) {
    let (few, each) = (choice.raters.len(), choice.neighbours_each());
    let repeats = items / few;
    // An item has a neighbour once; a multiple of the few keeps them apart.
    let strewn = |at: usize| (at.wrapping_mul(2_654_435_761) % repeats * few) as u32;
    let all = choice.neighbours.iter().cycle().take(items * each).enumerate();
    let all = all.map(|(at, neighbour)| neighbour + strewn(at)).collect();
    (all, cycle(&choice.weights, each, items))
}
