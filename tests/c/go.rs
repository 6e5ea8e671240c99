//! Go.

use std::process::Command;

/// Whether there is a Go that can build the package; if not, says what is skipped, or
/// fails where nothing may be.
pub fn have_go() -> bool {
    let version = Command::new("go").arg("version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let minor = version.as_deref().ok().and_then(|version| {
        version.split_once("go1.")?.1.split(['.', ' ', 'r']).next()?.parse::<u32>().ok()
    });
    if minor.is_some_and(|minor| minor >= 24) {
        return true;
    }
    let missing = format!("Go 1.24 or later is not here: {version:?}");
    assert!(std::env::var_os("MELU_REQUIRE_ALL").is_none(), "{missing}");
    crate::common::skipped(&missing);
    false
}
