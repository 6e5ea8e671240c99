//! Checkpoints, changed, with and without a right checksum.

use std::fs;
use std::ops::ControlFlow;
use std::sync::{LazyLock, Mutex, PoisonError};

use melu::data::Dataset;
use melu::train::{TrainOptions, Trainer};

use super::{Numbers, edits};

struct World {
    /// One for all inputs, as a checkpoint replaces whatever a trainer had. One for each took
    /// most of the time, and its thread could still be starting when the input was done: what
    /// the sanitizer allocates for a thread was then reported as a leak.
    trainer: Mutex<Trainer>,
    checkpoint: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let mut ratings = String::from("user,item,rating\n");
    for user in 0..12 {
        for item in 0..8 {
            if (user + item) % 3 != 0 {
                ratings += &format!("u{user},i{item},{}\n", 1 + (user * item) % 5);
            }
        }
    }
    fs::write(folder.path().join("ratings.csv"), ratings).expect("it can be written");
    let items: String = (0..8).map(|item| format!("i{item},{}\n", item % 3)).collect();
    fs::write(folder.path().join("items.csv"), format!("item,genre\n{items}"))
        .expect("it can be written");
    let settings = r#"
        name = "small"
        [ratings]
        file = "ratings.csv"
        user = "user"
        item = "item"
        value = "rating"
        [items]
        file = "items.csv"
        id = "item"
        [[items.fields]]
        name = "genre"
        [tasks]
        min_ratings = 3
        query = 1
    "#;
    fs::write(folder.path().join("dataset.toml"), settings).expect("it can be written");
    let dataset = Dataset::open(folder.path()).expect("it is whole");
    let options = TrainOptions { epochs: 2, ..TrainOptions::paper() };
    let mut trainer = Trainer::new(&dataset, &options, 1).expect("it can be trained");
    trainer.run(|_| ControlFlow::Break(())).expect("it begins");
    let path = folder.path().join("checkpoint");
    trainer.save(&path).expect("it can be written");
    let checkpoint = fs::read(path).expect("it was written");
    World { trainer: Mutex::new(trainer), checkpoint }
});

pub fn run(data: &[u8]) {
    let World { trainer, checkpoint } = &*WORLD;
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = folder.path().join("checkpoint");
    fs::write(&path, edits::edit(checkpoint, &mut Numbers(data))).expect("it can be written");
    let mut trainer = trainer.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = trainer.resume(&path);
}
