//! Makes up a data folder, trains on it, and writes the weight file:
//!
//! ```sh
//! cargo run --release --features train --example train -- world.melu
//! ```

use std::error::Error;
use std::ops::ControlFlow;

use melu::Model;
use melu::data::{SynthOptions, World};
use melu::train::{Progress, TrainOptions, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: train MODEL")?;
    // One's own data: `Dataset::open(folder)`, with the folder that docs/data.md describes.
    let dataset = World::generate(&SynthOptions::default())?.dataset()?;
    let mut trainer = Trainer::new(&dataset, &TrainOptions::default(), 0)?;
    trainer.run(|progress| {
        if let Progress::Epoch { epoch, loss, .. } = progress {
            println!("epoch {epoch}: loss {loss:.4}");
        }
        ControlFlow::Continue(())
    })?;
    Model::from_contents(trainer.finish()?)?.save(path)?;
    Ok(())
}
