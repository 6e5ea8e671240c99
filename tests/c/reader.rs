//! A reader's machine: a home, a copy of the project, compilers, and the Go package as it is
//! when it is released.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::go::{Release, release};
use super::{project, run};

pub struct Reader<'a> {
    pub folder: &'a Path,
    release: Release,
}

impl<'a> Reader<'a> {
    /// In a folder that is not there yet; the library is installed in `prefix`.
    pub fn new(folder: &'a Path, prefix: &Path) -> Self {
        let melu = folder.join("melu");
        fs::create_dir_all(&melu).unwrap();
        for entry in fs::read_dir(project("")).unwrap() {
            let entry = entry.unwrap();
            if !["target", ".git"].iter().any(|name| entry.file_name() == *name) {
                run(Command::new("cp").arg("-a").arg(entry.path()).arg(&melu));
            }
        }
        fs::create_dir_all(folder.join("home")).unwrap();
        // No line may need pkg-config.
        let tools = folder.join("tools");
        fs::create_dir(&tools).unwrap();
        fs::write(tools.join("pkg-config"), "#!/bin/sh\necho 'not here' >&2\nexit 127\n").unwrap();
        run(Command::new("chmod").arg("+x").arg(tools.join("pkg-config")));
        Self { folder, release: release(&folder.join("released"), prefix) }
    }

    /// Bash with lines to run in the project's folder.
    pub fn bash(&self, lines: &str) -> Command {
        let home = self.folder.join("home");
        // Tools look in the home for what was already built and downloaded.
        let cargo = std::env::var_os("CARGO_HOME")
            .map_or_else(|| std::env::home_dir().unwrap().join(".cargo"), PathBuf::from);
        let rustup = std::env::var_os("RUSTUP_HOME")
            .map_or_else(|| std::env::home_dir().unwrap().join(".rustup"), PathBuf::from);
        let go_cache = run(Command::new("go").args(["env", "GOCACHE"]));
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(
            [self.folder.join("tools"), home.join("installed/bin")]
                .into_iter()
                .chain(std::env::split_paths(&path)),
        );
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", lines])
            .current_dir(self.folder.join("melu"))
            .env("HOME", &home)
            .env("PATH", path.unwrap())
            .env("CARGO_HOME", cargo)
            .env("RUSTUP_HOME", rustup)
            .env("CARGO_INSTALL_ROOT", home.join("installed"))
            .env("CARGO_TARGET_DIR", self.folder.with_extension("built"))
            .env("CARGO_NET_OFFLINE", "true")
            .env("GOCACHE", go_cache.trim())
            .envs(self.release.environment())
            .env_remove("PKG_CONFIG_PATH")
            .env_remove("LD_LIBRARY_PATH");
        bash
    }

    /// What lines print that must succeed.
    pub fn run(&self, lines: &str) -> String {
        run(&mut self.bash(lines))
    }
}
