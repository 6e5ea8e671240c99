//! A night's mailing: a million users who rated 20 films each get the best 20 of 3,706 by the
//! default recipe, on one thread, a thousand in a call. It tells the processor's time and the
//! memory as it goes.
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
use melu::{Answers, Batch, RecommendOptions, User, kernel_peak};

const RATINGS: usize = 20;
const BEST: usize = 20;
/// The users of a call.
const AT_ONCE: u32 = 1_000;

fn main() {
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let users: u32 = if common::measure::measuring() { number.unwrap_or(1_000_000) } else { 10 };
    let catalog = models::films();
    let films = catalog.len() as u32;
    let mut batch = Batch::new(&catalog, 1).expect("there is memory");
    let (options, mut lists) = (RecommendOptions::default(), Vec::new());
    let (mut items, mut ratings) = (Vec::new(), Vec::new());
    let mut recommended = 0;
    let mut peak = 0.0f64;
    let (begin, begun) = (Instant::now(), Used::now());
    println!("    users   seconds  core-seconds  users/s  memory");
    for first in (0..users).step_by(AT_ONCE as usize) {
        // Each is somebody else, and leaves nothing behind.
        let numbers = first..users.min(first + AT_ONCE);
        let mut served: Vec<User> =
            numbers.clone().map(|number| models::user(&catalog, number)).collect();
        items.clear();
        ratings.clear();
        for number in numbers {
            for place in 0..RATINGS as u32 {
                items.push((number.wrapping_mul(7919) + place * 181) % films);
                ratings.push((number.wrapping_add(place) % 5) as f32 + 1.0);
            }
        }
        let rated = items.chunks(RATINGS).zip(ratings.chunks(RATINGS));
        let answers: Vec<Answers> =
            rated.map(|(items, ratings)| Answers { items, ratings }).collect();
        batch
            .adapt_and_recommend(&mut served, &answers, BEST, &options, &mut lists)
            .expect("the ratings fit, and nothing is left out");
        recommended += lists.iter().map(Vec::len).sum::<usize>();
        let done = first + served.len() as u32;
        if done % (users / 10).max(1) < AT_ONCE.min(users) {
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
