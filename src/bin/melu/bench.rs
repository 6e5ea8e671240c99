//! `melu bench`: how fast a model is on this machine, and how fast it could be.

mod work;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use melu::{Catalog, RecommendOptions, Scratch, User, kernel_name, kernel_names, kernel_peak};
use serde_json::{Value as Json, json};

use self::work::{adapt_operations, item_operations, made_up, rated};
use crate::terminal::{self, print, print_json, print_table, table};

/// How long the machine's peak is measured, before and after everything else.
const PEAK_TIME: Duration = Duration::from_millis(100);

/// Fewer runs than this have no 99th percentile.
const MIN_RUNS: usize = 100;

/// How many items a recommendation has.
const RECOMMENDED: usize = 20;

/// Measure how long adapting, scoring and recommending take.
///
/// One thread computes, once with each set of instructions that the processor has. The peak is
/// that of fused multiplications and additions, measured in the same run. Other programs
/// disturb the measurement: close them, and trust shares more than times.
#[derive(Args)]
pub struct Arguments {
    /// The weight file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The size of a generated catalogue; may be repeated. Without it, the model's own
    /// catalogue and one of 100,000 items are measured.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..))]
    items: Vec<u32>,
    /// The number of ratings to adapt to; may be repeated.
    #[arg(
        long,
        value_name = "N",
        default_values_t = [5, 20],
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    ratings: Vec<u32>,
    /// The least time to measure each row, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, allow_negative_numbers = true)]
    seconds: f64,
    /// Measure only the best instructions, or those that MELU_KERNEL names.
    #[arg(long)]
    one_kernel: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if !(arguments.seconds.is_finite() && (0.0..=3600.0).contains(&arguments.seconds)) {
        bail!("--seconds is {}; 0 to 3600 is expected", arguments.seconds);
    }
    let mut report = measure(arguments)?;
    if !arguments.one_kernel {
        let others = kernel_names().into_iter().filter(|name| *name != kernel_name());
        let others: Result<Vec<Json>> = others.map(|name| measure_apart(arguments, name)).collect();
        report["others"] = others?.into();
    }
    if arguments.json {
        return print_json(&report);
    }
    for report in [&report].into_iter().chain(report["others"].as_array().into_iter().flatten()) {
        print_report(report)?;
    }
    Ok(())
}

/// Measures other instructions in a separate process, since a process chooses its instructions
/// once.
fn measure_apart(arguments: &Arguments, kernel: &str) -> Result<Json> {
    let mut command =
        Command::new(std::env::current_exe().context("cannot find the program's own path")?);
    command.arg("bench").arg(&arguments.model).args(["--json", "--one-kernel"]);
    command.args(["--seconds", &arguments.seconds.to_string()]);
    for (option, counts) in [("--items", &arguments.items), ("--ratings", &arguments.ratings)] {
        for count in counts {
            command.args([option, &count.to_string()]);
        }
    }
    command.env("MELU_KERNEL", kernel).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().context("cannot start the program again")?;
    if !output.status.success() {
        bail!("measuring {kernel} failed");
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn measure(arguments: &Arguments) -> Result<Json> {
    let model = terminal::model(&arguments.model)?;
    let mut peak = kernel_peak(PEAK_TIME);
    let catalogs: Vec<Catalog> = if arguments.items.is_empty() {
        let made_up = made_up(&model, 100_000)?;
        model.catalog()?.into_iter().chain([made_up]).collect()
    } else {
        arguments.items.iter().map(|count| made_up(&model, *count)).collect::<melu::Result<_>>()?
    };
    let least = Duration::from_secs_f64(arguments.seconds);
    let mut rows = Vec::new();
    for (place, catalog) in catalogs.iter().enumerate() {
        let items = catalog.len();
        let mut user = User::new(catalog, &[])?;
        let mut scratch = Scratch::new(catalog)?;
        // Adapting does not depend on the catalogue.
        let counts = if place == 0 { &*arguments.ratings } else { &[] };
        for count in counts.iter().map(|count| *count as usize) {
            let (rated, ratings) = rated(&model, items, count);
            let times = times(least, || user.adapt(&rated, &ratings, &mut scratch))?;
            rows.push(row(
                "adapt",
                json!({ "ratings": count }),
                times,
                adapt_operations(&model, count),
            ));
        }
        let operations = items as f64 * item_operations(&model);
        let mut scores = vec![0.0; items];
        let (rated, ratings) = rated(&model, items, 20);
        user.adapt(&rated, &ratings, &mut scratch)?;
        let score = times(least, || user.score_all(&mut scores, &mut scratch))?;
        rows.push(row("score", json!({ "items": items }), score, operations));
        let mut best = Vec::new();
        let recommend = times(least, || {
            user.recommend(RECOMMENDED, &RecommendOptions::default(), &mut best, &mut scratch)
        })?;
        let of = json!({ "items": items, "k": RECOMMENDED });
        rows.push(row("recommend", of, recommend, operations));
        let both = times(least, || {
            user.adapt(&rated, &ratings, &mut scratch)?;
            user.recommend(RECOMMENDED, &RecommendOptions::default(), &mut best, &mut scratch)
        })?;
        let of = json!({ "ratings": rated.len(), "items": items, "k": RECOMMENDED });
        let with_adapting = operations + adapt_operations(&model, rated.len());
        rows.push(row("adapt_and_recommend", of, both, with_adapting));
    }
    peak = peak.max(kernel_peak(PEAK_TIME));
    for row in &mut rows {
        let reached = row["gflops"].as_f64().unwrap_or(0.0) * 1e9;
        row["share_of_peak"] = (reached / peak).into();
    }
    Ok(json!({
        "kernel": kernel_name(),
        "threads": 1,
        "peak_gflops": peak / 1e9,
        "rows": rows,
    }))
}

/// How long each run takes, in microseconds, shortest first.
fn times(least: Duration, mut work: impl FnMut() -> melu::Result<()>) -> Result<Vec<f64>> {
    work()?;
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < MIN_RUNS || begin.elapsed() < least {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn row(work: &str, of: Json, times: Vec<f64>, operations: f64) -> Json {
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let median = at(0.5);
    let mut row = json!({
        "work": work,
        "best_us": at(0.0),
        "median_us": median,
        "p99_us": at(0.99),
        "gflops": operations / median / 1e3,
    });
    if let (Some(row), Json::Object(of)) = (row.as_object_mut(), of) {
        row.extend(of);
    }
    row
}

fn print_report(report: &Json) -> Result<()> {
    let text = |value: &Json| value.as_str().unwrap_or_default().replace('_', " ");
    let number = |value: &Json| value.as_f64().unwrap_or_default();
    print(format_args!(
        "{}, 1 thread; peak {:.0} Gflop/s",
        text(&report["kernel"]),
        number(&report["peak_gflops"])
    ))?;
    let mut rows = table(
        &["work", "ratings", "items", "median us", "p99 us", "items/s", "Gflop/s", "of the peak"],
        |column| column > 0,
    );
    for row in report["rows"].as_array().into_iter().flatten() {
        let count = |key: &str| row[key].as_u64().map_or(String::new(), |count| count.to_string());
        let median = number(&row["median_us"]);
        let items = row["items"].as_f64();
        rows.add_row([
            text(&row["work"]),
            count("ratings"),
            count("items"),
            format!("{median:.1}"),
            format!("{:.1}", number(&row["p99_us"])),
            items.map_or(String::new(), |items| format!("{:.2} M", items / median)),
            format!("{:.1}", number(&row["gflops"])),
            format!("{:.0} %", 100.0 * number(&row["share_of_peak"])),
        ]);
    }
    print_table(&rows)
}
