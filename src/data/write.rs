//! Data folders, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::model::file::without_path;
use crate::{Error, Result};

/// A folder that is being written: its files are in a temporary folder until
/// [`NewFolder::finish`], and are deleted without it.
pub(super) struct NewFolder {
    target: PathBuf,
    aside: TempDir,
}

impl NewFolder {
    /// Begins a folder that will be `target`, which must be empty or not exist.
    pub fn create(target: &Path) -> Result<Self> {
        let occupied =
            |problem: &str| Error::argument("target", format!("{} {problem}", target.display()));
        if target.join("dataset.toml").exists() {
            return Err(occupied("holds a dataset.toml already; another folder is expected"));
        }
        match fs::read_dir(target) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(occupied("is not empty; a new or empty folder is expected"));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", target)(error)),
        }
        // Beside the target, because a rename does not cross file systems.
        let parent = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let aside = tempfile::Builder::new()
            .prefix(".melu-")
            .tempdir_in(parent)
            .map_err(without_path)
            .map_err(Error::io("create a folder in", parent))?;
        let folder = Self { target: target.to_owned(), aside };
        // A folder in a folder, because the outer one is readable by its owner only.
        fs::create_dir(folder.inner()).map_err(Error::io("create", target))?;
        Ok(folder)
    }

    /// Begins a CSV file.
    pub fn csv(&self, name: &str, header: &[&str]) -> Result<CsvWriter<File>> {
        let path = self.target.join(name);
        let file = File::create(self.inner().join(name)).map_err(Error::io("write", &path))?;
        CsvWriter::new(path, file, header)
    }

    /// Writes a text file.
    pub fn text(&self, name: &str, text: &str) -> Result<()> {
        let written = fs::write(self.inner().join(name), text);
        written.map_err(Error::io("write", &self.target.join(name)))
    }

    /// Moves the folder to its place.
    pub fn finish(self) -> Result<()> {
        // Some systems do not rename a folder onto another, not even an empty one.
        match fs::remove_dir(&self.target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("replace", &self.target)(error));
            }
            _ => {}
        }
        fs::rename(self.inner(), &self.target).map_err(Error::io("create", &self.target))
    }

    fn inner(&self) -> PathBuf {
        self.aside.path().join("folder")
    }
}

/// A CSV file that is being written, with errors that name it.
pub(super) struct CsvWriter<W: Write> {
    path: PathBuf,
    writer: csv::Writer<W>,
}

impl<W: Write> CsvWriter<W> {
    /// Begins with the header.
    pub fn new(path: PathBuf, out: W, header: &[&str]) -> Result<Self> {
        let mut writer = Self { path, writer: csv::Writer::from_writer(out) };
        writer.row(header)?;
        Ok(writer)
    }

    /// Adds a row.
    pub fn row<T: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = T>) -> Result<()> {
        let written = self.writer.write_record(cells).map_err(io::Error::from);
        written.map_err(Error::io("write", &self.path))
    }

    /// Ends the file.
    pub fn finish(self) -> Result<W> {
        let ended = self.writer.into_inner().map_err(csv::IntoInnerError::into_error);
        ended.map_err(Error::io("write", &self.path))
    }
}
