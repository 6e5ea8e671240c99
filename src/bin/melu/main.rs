//! The command line: see `melu --help`.

fn main() {}
