//! A service's month in one go: a million users come, rate 20 films, and get the best
//! 20 of 3,706 by the default recipe, on one thread. It tells the processor's time and the memory
//! as it goes.
//!
//! ```sh
//! cargo bench --all-features --bench million_users               # half a minute
//! cargo bench --all-features --bench million_users -- 100000     # fewer users
//! ```
//!
//! The goal is 16 seconds of a core that does 118 Gflop/s, and memory that does not grow.

mod common;

use std::fs::read_to_string;
use std::time::{Duration, Instant};

use common::models;
use melu::{RecommendOptions, kernel_peak};

const RATINGS: u32 = 20;
const BEST: usize = 20;

fn main() {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let users: u32 = if common::measure::measuring() { number.unwrap_or(1_000_000) } else { 10 };
    let catalog = models::films();
    let films = catalog.len() as u32;
    let mut scratch = models::scratch(&catalog);
    let (mut items, mut ratings) = (Vec::new(), Vec::new());
    let mut best = Vec::with_capacity(BEST);
    let mut recommended = 0;
    let mut peak = 0.0f64;
    let (begin, begun) = (Instant::now(), Used::now());
    println!("    users   seconds  core-seconds  users/s  memory");
    for number in 0..users {
        // Each is somebody else, and leaves nothing behind.
        let mut user = models::user(&catalog, number);
        items.clear();
        ratings.clear();
        for place in 0..RATINGS {
            items.push((number.wrapping_mul(7919) + place * 181) % films);
            ratings.push((number.wrapping_add(place) % 5) as f32 + 1.0);
        }
        user.adapt(&items, &ratings, &mut scratch).expect("the ratings fit");
        user.recommend(BEST, &RecommendOptions::default(), &mut best, &mut scratch)
            .expect("nothing is left out");
        recommended += best.len();
        let done = number + 1;
        if done % (users / 10).max(1) == 0 {
            peak = peak.max(kernel_peak(Duration::from_millis(40)));
            let (elapsed, used) = (begin.elapsed().as_secs_f64(), Used::now());
            let core = used.seconds - begun.seconds;
            println!(
                "{done:9} {elapsed:9.2} {core:13.2} {:8.0} {:4.0} MB",
                f64::from(done) / elapsed,
                used.megabytes,
            );
        }
    }
    assert_eq!(recommended, users as usize * BEST);
    let core = Used::now().seconds - begun.seconds;
    let allowed = 16.0 * f64::from(users) / 1e6 * 118e9 / peak;
    println!("peak {:.1} Gflop/s; goal {allowed:.2} core-seconds, found {core:.2}", peak / 1e9);
}

/// What this process has used, as Linux tells; elsewhere not a number.
struct Used {
    seconds: f64,
    megabytes: f64,
}

impl Used {
    fn now() -> Self {
        let first = |path: &str, place: usize| -> f64 {
            let text = read_to_string(path).unwrap_or_default();
            let word = text.split_whitespace().nth(place);
            word.and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
        };
        Self {
            seconds: first("/proc/self/schedstat", 0) / 1e9,
            megabytes: first("/proc/self/statm", 1) * 4096.0 / 1e6,
        }
    }
}
