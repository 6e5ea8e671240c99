//! What the benchmarks share.

#![allow(dead_code, reason = "each benchmark uses its own part")]

pub mod baseline;
pub mod batch;
pub mod measure;
pub mod models;
pub mod task;
#[path = "../../src/bin/melu/bench/work.rs"]
pub mod work;

#[path = "../../tests/common/mod.rs"]
mod generated;
