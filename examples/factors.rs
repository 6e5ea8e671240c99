//! How well the factor model alone predicts, in closed form:
//!
//! ```text
//! cargo run --release --example factors -- DIR          a split made inside the training part
//! cargo run --release --example factors -- DIR --test   the data folder's own split
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use melu::data::{Dataset, Scenario, tasks};
use melu::eval::{mean_absolute_error, ndcg};
use melu::train::{FactorOptions, Factors};

const DRAWS: u64 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        return Err("a data folder is expected".into());
    };
    let mut dataset = Dataset::open(Path::new(folder))?;
    if !arguments.iter().any(|argument| argument == "--test") {
        dataset = dataset.inside(0);
    }
    let start = Instant::now();
    let factors = Factors::fit(&dataset, &FactorOptions::default(), 0)?;
    println!("fitted in {:.2} s, noise {:.3}", start.elapsed().as_secs_f64(), factors.noise);
    println!(
        "{:<30} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "mean absolute error with", "users", "0", "1", "5", "20", "all", "nDCG@3"
    );
    for scenario in &Scenario::ALL[1..] {
        let groups = dataset.scenario(*scenario);
        let mut sums = [0.0; 6];
        let mut count = 0.0;
        for draw in 0..DRAWS {
            for task in tasks(&groups, &dataset.rules, 0, draw) {
                let items: Vec<u32> = task.query.iter().map(|rated| rated.item).collect();
                let ratings: Vec<f32> = task.query.iter().map(|rated| rated.value).collect();
                let mut predictions = vec![0.0; items.len()];
                for (given, sum) in [0, 1, 5, 20, usize::MAX].into_iter().zip(&mut sums) {
                    let support = &task.support[..given.min(task.support.len())];
                    factors.predict(task.user, support, &items, &mut predictions)?;
                    *sum += mean_absolute_error(&predictions, &ratings);
                }
                sums[5] += ndcg(&predictions, &ratings, 3).unwrap_or(0.0);
                count += 1.0;
            }
        }
        let users = count / DRAWS as f64;
        let figures = sums.map(|sum| format!("{:8.4}", sum / f64::max(count, 1.0)));
        println!("{:<30} {users:>6} {}", scenario.name(), figures.join(" "));
    }
    Ok(())
}
