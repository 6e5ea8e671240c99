//! Counts instructions, which other programs do not disturb, and compares them with
//! what is committed in `instructions.toml`.
//!
//! ```sh
//! cargo bench --all-features --bench instructions                # compare
//! cargo bench --all-features --bench instructions -- --accept    # take what is counted now
//! ```
//!
//! The counts are callgrind's, of this program run again under it, with the levels that
//! any x86-64 server has: valgrind knows no AVX-512. Only what happens inside
//! [`counted`] is counted. Which `memcpy` the C library takes and what the compiler
//! makes of the code can differ a little; hence the margin. Saving and loading users is
//! left out: growing memory costs now more and now less.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::models;
use common::task::Task;
use common::work::rated;
use melu::train::DerivativeOrder;
use melu::{Model, RecommendOptions, kernel_name};

/// How far a count may be from the committed one.
const MARGIN: f64 = 0.03;

const LEVELS: [&str; 2] = ["avx2", "portable"];

/// Enough for some blocks and a rest.
const ITEMS: u32 = 1_000;

/// What tells the program that it runs under callgrind: the folder with its models.
const COUNT: &str = "--count";

/// By level and work.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if let [first, folder] = &arguments[..]
        && first == COUNT
    {
        count(Path::new(folder));
        return ExitCode::SUCCESS;
    }
    let filtered = arguments.iter().any(|argument| !argument.starts_with("--"));
    if !has("--bench") || has("--test") || filtered {
        return ExitCode::SUCCESS;
    }
    let required = std::env::var_os("MELU_REQUIRE_ALL").is_some();
    match check(has("--accept")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Skipped(why)) if !required => {
            eprintln!("skipped: {why}");
            ExitCode::SUCCESS
        }
        Err(Failure::Skipped(why) | Failure::Found(why)) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    /// Nothing can be counted here.
    Skipped(String),
    Found(String),
}

fn check(accept: bool) -> Result<(), Failure> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Err(Failure::Skipped("the counts are of x86-64 and Linux".into()));
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err(Failure::Skipped("valgrind is missing, which counts instructions".into()));
    }
    let folder = tempfile::tempdir().expect("a folder for models and counts");
    for (name, model) in [("paper", models::paper(1)), ("default", models::default_recipe())] {
        model.save(folder.path().join(name)).expect("it can be written to");
    }
    let mut found = Counts::new();
    for level in LEVELS {
        found.insert(level.into(), count_by_callgrind(level, folder.path())?);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml");
    if accept {
        let text = "# Instructions that callgrind counts: see instructions.rs.\n\n".to_owned()
            + &toml::to_string(&found).expect("counts are plain");
        fs::write(&path, text).expect("the committed counts can be written");
    }
    let text = fs::read_to_string(&path).expect("the counts are committed");
    let committed: Counts = toml::from_str(&text).expect("the committed counts can be read");
    compare(&found, &committed)
}

/// Runs this program under callgrind.
fn count_by_callgrind(level: &str, folder: &Path) -> Result<BTreeMap<String, u64>, Failure> {
    let out = folder.join(level);
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--toggle-collect=instructions::counted",
            "--dump-after=instructions::counted",
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("the program's own path"))
        .arg(COUNT)
        .arg(folder)
        .env("MELU_KERNEL", level)
        .output()
        .expect("valgrind was there");
    let said = String::from_utf8_lossy(&output.stdout);
    let mut lines = said.lines();
    if lines.next().is_some_and(|named| named != level) {
        return Err(Failure::Skipped(format!("valgrind has no {level} on this processor")));
    }
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Found(format!("{level} could not be counted:\n{said}{errors}")));
    }
    // A dump after each call, in their order.
    let count = |(place, name): (usize, &str)| {
        let dump = PathBuf::from(format!("{}.{}", out.display(), place + 1));
        let text = fs::read_to_string(&dump).expect("callgrind dumps after each call");
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        (name.to_owned(), total.and_then(|total| total.trim().parse().ok()).unwrap_or(0))
    };
    Ok(lines.enumerate().map(count).collect())
}

fn compare(found: &Counts, committed: &Counts) -> Result<(), Failure> {
    let (mut more, mut fewer) = (String::new(), String::new());
    for (level, found) in found {
        println!("{level}");
        let empty = BTreeMap::new();
        let committed = committed.get(level).unwrap_or(&empty);
        for (name, &count) in found {
            let Some(&expected) = committed.get(name) else {
                println!("    {name:40} {count:12}  not committed");
                let _ = writeln!(more, "    {level}, {name}: is not committed");
                continue;
            };
            let change = count as f64 / expected as f64 - 1.0;
            println!("    {name:40} {count:12} {:+7.2} %", 100.0 * change);
            let list = match change {
                _ if change > MARGIN => &mut more,
                _ if change < -MARGIN => &mut fewer,
                _ => continue,
            };
            let _ = writeln!(
                list,
                "    {level}, {name}: {count} instead of {expected}, {:+.1} %",
                100.0 * change
            );
        }
        for name in committed.keys().filter(|name| !found.contains_key(*name)) {
            let _ = writeln!(more, "    {level}, {name}: is committed, but not counted");
        }
    }
    const ACCEPT: &str = "    cargo bench --all-features --bench instructions -- --accept";
    if !fewer.is_empty() {
        println!("Fewer instructions than committed; keep it so:\n{fewer}\n{ACCEPT}\n");
    }
    if more.is_empty() {
        return Ok(());
    }
    Err(Failure::Found(format!(
        "More instructions than committed, by over {:.0} %:\n{more}\n\
         If that is meant, or another compiler made them, take the new counts:\n{ACCEPT}",
        100.0 * MARGIN
    )))
}

/// Callgrind counts from here to the end of the call.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

/// Does all the work that is counted, and prints its names in this order.
fn count(folder: &Path) {
    println!("{}", kernel_name());
    for recipe in ["paper", "default"] {
        let path = folder.join(recipe);
        let open = || Model::open(&path).expect("it was written");
        let run = |name: &str, work: &mut dyn FnMut()| {
            println!("{recipe}, {name}");
            // What happens once only is not what the work costs.
            work();
            counted(work);
        };
        run("open a file", &mut || drop(black_box(open())));
        let model = open();
        let catalog = models::catalog(&model, ITEMS);
        let items = catalog.len();
        let mut user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        for count in [5, 20, 80] {
            let (rated, ratings) = rated(&model, items, count);
            run(&format!("adapt {count} ratings"), &mut || {
                user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit");
            });
        }
        let mut scores = vec![0.0; items];
        run(&format!("score {ITEMS}"), &mut || {
            user.score_all(&mut scores, &mut scratch).expect("the scores fit");
        });
        let (listed, ratings) = rated(&model, items, 50);
        run("score 50 listed", &mut || {
            user.score(&listed, &mut scores[..50], &mut scratch).expect("the scores fit");
        });
        let mut best = Vec::with_capacity(20);
        let options = RecommendOptions::default();
        user.recommend(20, &options, &mut best, &mut scratch).expect("nothing is left out");
        // As users do, this one rated what would be best otherwise.
        let liked: Vec<u32> = best.iter().map(|found| found.item).collect();
        let highest = ratings.iter().copied().fold(f32::MIN, f32::max);
        user.adapt(&liked, &vec![highest; liked.len()], &mut scratch).expect("the ratings fit");
        run(&format!("best 20 of {ITEMS}"), &mut || {
            user.recommend(20, &options, &mut best, &mut scratch).expect("nothing is left out");
        });
        if recipe == "paper" {
            run("evidence norms of 50 pairs", &mut || {
                user.gradient_norms(&listed, &ratings, &mut scores[..50], &mut scratch)
                    .expect("they fit");
            });
            for steps in [1, 5] {
                let mut task = Task::new(steps, DerivativeOrder::Second, 30, 10);
                run(&format!("meta-gradient, {steps} steps"), &mut || task.compute());
            }
        }
    }
}
