//! Go, and the package as it is when it is released.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{project, run};

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

/// The package's module path.
pub fn module() -> String {
    let text = fs::read_to_string(project("bindings/go/go.mod")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("module ")).unwrap().to_string()
}

/// Releases the package below a folder: a repository that stands for the public one has
/// it with the library that is installed in `prefix`, and this version's tag.
pub fn release(folder: &Path, prefix: &Path) -> Release {
    let repository = folder.join("repository");
    fs::create_dir_all(repository.join("bindings")).unwrap();
    run(Command::new("cp").arg("-a").arg(project("bindings/go")).arg(repository.join("bindings")));
    run(Command::new(repository.join("bindings/go/vendor.sh")).arg("--prefix").arg(prefix));
    let tag = concat!("bindings/go/v", env!("CARGO_PKG_VERSION"));
    let identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com"];
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all", "--force"],
        &["commit", "--quiet", "--message", "Release"],
        &["tag", tag],
    ] {
        let mut git = Command::new("git");
        run(git.current_dir(&repository).args(identity).args(arguments));
    }
    let release = Release { folder: folder.to_path_buf() };
    // As a proxy does it: from the repository, by the tag.
    let module = module();
    let (public, _) = module.split_once("/bindings/").unwrap();
    let mut download = release.go(&["mod", "download"]);
    download
        .current_dir(folder)
        .arg(format!("{module}@v{}", env!("CARGO_PKG_VERSION")))
        .env("GOPROXY", "direct")
        .env("GOMODCACHE", folder.join("proxy"))
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", format!("url.file://{}.insteadOf", repository.display()))
        .env("GIT_CONFIG_VALUE_0", format!("https://{public}"));
    run(&mut download);
    release
}

/// A released package, and where to get it.
pub struct Release {
    folder: PathBuf,
}

impl Release {
    /// The `go` of somebody who has never heard of the package, and has no pkg-config.
    pub fn go(&self, arguments: &[&str]) -> Command {
        let mut go = Command::new("go");
        for (name, value) in self.environment() {
            go.env(name, value);
        }
        go.args(arguments);
        go
    }

    /// What stands for the public proxy, and keeps what it gives out of the user's cache.
    pub fn environment(&self) -> [(&'static str, String); 7] {
        [
            ("GOPROXY", format!("file://{}", self.folder.join("proxy/cache/download").display())),
            ("GOMODCACHE", self.folder.join("modules").display().to_string()),
            // Go keeps what it knows of a version of a module, which here is made anew.
            ("GODEBUG", "goindex=0".into()),
            ("GOSUMDB", "off".into()),
            ("GOTOOLCHAIN", "local".into()),
            ("GOFLAGS", "-modcacherw -buildvcs=false".into()),
            ("PKG_CONFIG", "/nonexistent/pkg-config".into()),
        ]
    }
}
