//! A stopwatch that knows what the processor could do: beside criterion's own
//! figures it says what share of the peak the best run had, and whether that is
//! enough.
//!
//! Other programs disturb. The peak is measured just before and just after, in
//! the same process; times are compared by the best run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use melu::{kernel_name, kernel_peak};

/// Goals in units of time are for a core that does so many operations a second;
/// for another one they are stretched.
const REFERENCE_PEAK: f64 = 217e9;

/// How long the peak is measured, before and after each benchmark.
const PEAK_TIME: Duration = Duration::from_millis(40);

/// What is asked of a benchmark.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// None: it is there to compare with.
    Comparison,
    /// At least this share of the peak.
    ShareOfPeak(f64),
    /// At most so many microseconds a run, where the peak is [`REFERENCE_PEAK`].
    Microseconds(f64),
    /// At least so many elements a second, where the peak is [`REFERENCE_PEAK`].
    PerSecond(f64),
}

/// One run of a benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// How many items, users, tasks or pairs it gets through.
    pub elements: usize,
    /// Multiplications and additions that it cannot do without; 0 where others bind.
    pub operations: f64,
    /// What is asked of it.
    pub goal: Goal,
}

impl Goal {
    /// How long a run may take, in seconds.
    fn allowed(self, work: &Work, peak: f64) -> Option<f64> {
        let stretched = REFERENCE_PEAK / peak;
        match self {
            Self::Comparison => None,
            Self::ShareOfPeak(share) => Some(work.operations / (share * peak)),
            Self::Microseconds(time) => Some(time * 1e-6 * stretched),
            Self::PerSecond(rate) => Some(work.elements as f64 / rate * stretched),
        }
    }
}

/// Criterion with a short patience: a benchmark takes about two seconds.
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(20)
        .nresamples(10_000)
        .configure_from_args()
}

/// Whether this is to measure: `cargo test --all-features --benches` only tries whether all of it
/// runs.
pub fn measuring() -> bool {
    let has = |argument: &str| std::env::args().any(|given| given == argument);
    has("--bench") && !has("--test")
}

/// This size, or a small one where nothing is measured.
pub fn sized(size: u32) -> u32 {
    if measuring() { size } else { size.min(300) }
}

/// Measures what `prepare` returns, which is called only if the command line asks
/// for this benchmark. Returns the seconds of the best run.
pub fn measure<R: FnMut()>(
    group: &mut BenchmarkGroup<WallTime>,
    name: impl Into<String>,
    work: Work,
    prepare: impl FnOnce() -> R,
) -> Option<f64> {
    let prepare = || (prepare(), || {});
    measure_beside(group, name, work, prepare).map(|(best, _)| best)
}

/// Measures the first routine that `prepare` returns, and in turn with it the
/// second one, so that what disturbs one disturbs the other too. Returns the seconds
/// of the best run of each.
pub fn measure_beside<R: FnMut(), S: FnMut()>(
    group: &mut BenchmarkGroup<WallTime>,
    name: impl Into<String>,
    work: Work,
    prepare: impl FnOnce() -> (R, S),
) -> Option<(f64, f64)> {
    let mut prepare = Some(prepare);
    let mut routines = None;
    let mut best = (f64::INFINITY, f64::INFINITY);
    let mut peak = 0.0f64;
    group.throughput(Throughput::Elements(work.elements as u64));
    group.bench_function(name.into(), |bencher| {
        if let Some(prepare) = prepare.take() {
            routines = Some(prepare());
            peak = if measuring() { kernel_peak(PEAK_TIME) } else { 0.0 };
        }
        let Some((routine, beside)) = &mut routines else { return };
        bencher.iter_custom(|runs| {
            let time = timed(runs, routine);
            best.0 = best.0.min(time.as_secs_f64() / runs as f64);
            best.1 = best.1.min(timed(runs, beside).as_secs_f64() / runs as f64);
            time
        });
    });
    if !measuring() || routines.is_none() {
        return None;
    }
    report(&work, best.0, peak.max(kernel_peak(PEAK_TIME)));
    Some(best)
}

fn timed(runs: u64, routine: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..runs {
        routine();
    }
    black_box(start.elapsed())
}

fn report(work: &Work, best: f64, peak: f64) {
    let reached = work.operations / best;
    let goal = match work.goal.allowed(work, peak) {
        None => String::new(),
        Some(allowed) => {
            let verdict = if best <= allowed { "met" } else { "MISSED" };
            format!("; goal {}: {verdict}", duration(allowed))
        }
    };
    let share = match work.operations {
        0.0 => String::new(),
        _ => format!(
            " {:.0} % of the {} peak ({:.1} of {:.1} Gflop/s),",
            100.0 * reached / peak,
            kernel_name(),
            reached / 1e9,
            peak / 1e9
        ),
    };
    println!(
        "{:24}best:   {},{share} {:.4} M elem/s{goal}",
        "",
        duration(best),
        work.elements as f64 / best / 1e6,
    );
}

/// Says how much longer one thing takes than another.
pub fn compare(name: &str, found: Option<f64>, beside: Option<f64>) {
    if let (Some(found), Some(beside)) = (found, beside) {
        println!("{:24}{name} takes {:.2} times as long", "", found / beside);
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 1e-2 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds >= 1e-3 => format!("{:.3} ms", seconds * 1e3),
        _ => format!("{:.2} us", seconds * 1e6),
    }
}
