//! Files that commands write: tried before the work, and never lost after it.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use melu::model::file;

use crate::terminal::note;

/// How much is written to try a folder: an empty file fits on a full disk.
const TRIAL: usize = 64 << 10;

/// Refuses a path that cannot be written to, before the work begins, and says what to do.
/// `option` is the option that has it.
pub fn try_output(path: &Path, option: &str) -> Result<()> {
    if path.is_dir() {
        bail!("{} is a folder; a file's path is expected", path.display());
    }
    // Writing renames a new file to this path, which would replace a device.
    if path.exists() && !path.is_file() {
        bail!("{} is not an ordinary file; {option} needs one, or a new one", path.display());
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        bail!("there is no folder {}; make it, or choose another with {option}", folder.display());
    }
    let mut trial = tempfile::Builder::new();
    trial.prefix(".melu-");
    let tried = trial.tempfile_in(folder).and_then(|mut trial| {
        trial.write_all(&[0; TRIAL])?;
        trial.as_file().sync_data()
    });
    tried.map_err(file::without_path).with_context(|| {
        format!(
            "nothing can be written in the folder {}, so nothing was begun; choose another with \
             {option}, or make room and allow writing there",
            folder.display()
        )
    })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes what took long to compute. If that fails, it is written to a temporary folder, the
/// folder where the program runs, or the home folder, or where the user says if there is
/// somebody at the terminal; the error then says where it is.
///
/// # Errors
/// If it could not be written to `path`.
pub fn write_or_keep(path: &Path, write: impl Fn(&Path) -> melu::Result<()>) -> Result<()> {
    let Err(error) = write(path) else { return Ok(()) };
    let home = std::env::home_dir().into_iter();
    let folders = [std::env::temp_dir(), PathBuf::from(".")].into_iter().chain(home);
    for folder in folders {
        if let Some(kept) = keep(&folder, path, &write) {
            bail!("{error}\nIt was written to {} instead: nothing is lost.", kept.display());
        }
    }
    note(format_args!("melu: {error}; nor could it be written to a temporary folder"));
    while io::stdin().is_terminal() {
        note("Another path to write it to (an empty line gives up):");
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        match write(Path::new(line.trim())) {
            Ok(()) => bail!("{error}\nIt was written to {} instead.", line.trim()),
            Err(error) => note(format_args!("melu: {error}")),
        }
    }
    Err(error.into())
}

/// Writes to a new folder in this one, under the file's own name.
fn keep(folder: &Path, path: &Path, write: &impl Fn(&Path) -> melu::Result<()>) -> Option<PathBuf> {
    let kept = tempfile::Builder::new().prefix("melu-").tempdir_in(folder).ok()?;
    let file = kept.path().join(path.file_name()?);
    write(&file).ok()?;
    let _ = kept.keep();
    Some(file)
}

/// Removes a file that may not be there.
pub fn remove_if_there(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}
