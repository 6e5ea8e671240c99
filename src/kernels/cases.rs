//! How many random cases the tests try, and how large.

use proptest::prelude::ProptestConfig;

/// So many cases, or PROPTEST_CASES if that is set; fewer by an emulator, which takes some fifty
/// times as long for each.
pub fn cases(count: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        default.cases
    } else if std::env::var_os("MELU_EMULATOR").is_some() {
        (count / 15).max(1)
    } else {
        count
    };
    ProptestConfig { cases, ..default }
}

/// The largest sizes of matrices whose products take time by their third power; Miri takes some
/// thousand times as long for each.
pub const LARGE: usize = if cfg!(miri) { 33 } else { 130 };
