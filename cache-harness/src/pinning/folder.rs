//! Pinning a file or folder of the project.

use std::path::{Path, PathBuf};

use super::clash::clash;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Found};
use crate::model::FilePath;
use crate::pins::PinnedFile;

/// What other programs leave in a folder, and no model has.
const NOT_OF_THE_MODEL: [&str; 2] = [".git", ".DS_Store"];

/// The file at `path`, or every file below it, sorted.
///
/// A symbolic link inside a folder is followed if it stays inside: the project would otherwise pin what it does
/// not hold.
pub(crate) fn pin_path(path: &Path) -> Result<Vec<PinnedFile>> {
    let root = path.canonicalize().map_err(Error::io("pin", path))?;
    if !root.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| refused(path, NOT_UTF8))?;
        let name = name.parse::<FilePath>().map_err(|error| refused(path, error.to_string()))?;
        return Ok(vec![pinned(path, name)?]);
    }
    let mut walk = Walk { open: vec![root.clone()], root, files: Vec::new() };
    walk.enter(path, "")?;
    let mut files = walk.files;
    if files.is_empty() {
        return Err(refused(path, "it holds no file"));
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let reason = clash(files.iter().map(|file| &file.path));
    reason.map_or(Ok(files), |reason| Err(refused(path, reason)))
}

const NOT_UTF8: &str = "its name is not UTF-8";

struct Walk {
    /// The model's folder, without symbolic links.
    root: PathBuf,
    /// The folders that lead to the current one, without symbolic links.
    open: Vec<PathBuf>,
    files: Vec<PinnedFile>,
}

impl Walk {
    fn enter(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for path in fs::list(folder)? {
            let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| refused(&path, NOT_UTF8))?;
            if NOT_OF_THE_MODEL.contains(&name) {
                continue;
            }
            let relative = format!("{prefix}{name}");
            let real = path.canonicalize().map_err(Error::io("pin", &path))?;
            if !real.starts_with(&self.root) {
                return Err(refused(&path, format!("it leads out of the model's folder, to `{}`", real.display())));
            }
            if !real.is_dir() {
                let name = relative.parse::<FilePath>().map_err(|error| refused(&path, error.to_string()))?;
                self.files.push(pinned(&path, name)?);
                continue;
            }
            if self.open.contains(&real) {
                return Err(refused(&path, format!("it leads in a circle, to `{}`", real.display())));
            }
            self.open.push(real);
            self.enter(&path, &format!("{relative}/"))?;
            self.open.pop();
        }
        Ok(())
    }
}

fn pinned(file: &Path, path: FilePath) -> Result<PinnedFile> {
    // Looked at first: opening a pipe would wait for its writer.
    let Found::File(_) = fs::look_through(file)? else {
        return Err(refused(file, "it is no regular file"));
    };
    let opened = fs::open_through(file).map_err(Error::io("read", file))?;
    let (sha256, size) = Sha256Digest::of_reader(opened).map_err(Error::io("read", file))?;
    Ok(PinnedFile { path, size: Some(size), sha256, etag: None })
}

fn refused(path: &Path, reason: impl Into<String>) -> Error {
    Error::io("pin", path)(std::io::Error::other(reason.into()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make the folders they pin")]

    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;

    use super::*;

    /// The paths and sizes pinned in a folder that `make` filled; or what is wrong, with the folder as `~`.
    fn pin(make: impl FnOnce(&Path)) -> Result<Vec<(String, u64)>, String> {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("model");
        create_dir_all(&folder).unwrap();
        make(&folder);
        let told = |error: Error| error.to_string().replace(home.path().canonicalize().unwrap().to_str().unwrap(), "~");
        let pinned = pin_path(&folder.canonicalize().unwrap()).map_err(told)?;
        Ok(pinned.into_iter().map(|file| (file.path.to_string(), file.size.unwrap())).collect())
    }

    #[test]
    fn every_file_of_a_folder_is_pinned_in_order_and_what_others_leave_is_not() {
        let found = pin(|folder| {
            create_dir_all(folder.join("onnx")).unwrap();
            create_dir_all(folder.join(".git")).unwrap();
            for (name, text) in
                [("b", "12"), ("a", "1"), ("onnx/m", "123"), (".hidden", ""), (".git/x", ""), (".DS_Store", "")]
            {
                write(folder.join(name), text).unwrap();
            }
            symlink("../b", folder.join("onnx/link")).unwrap();
            symlink("onnx", folder.join("alias")).unwrap();
        });
        let expected =
            [(".hidden", 0), ("a", 1), ("alias/link", 2), ("alias/m", 3), ("b", 2), ("onnx/link", 2), ("onnx/m", 3)];
        assert_eq!(found.unwrap(), expected.map(|(path, size)| (path.to_owned(), size)));
    }

    #[test]
    fn what_cannot_be_pinned_is_named() {
        let told = |make: fn(&Path)| pin(make).unwrap_err();
        assert_eq!(told(|_| {}), "could not pin `~/model`: it holds no file");
        assert_eq!(
            told(|folder| symlink("..", folder.join("x")).unwrap()),
            "could not pin `~/model/x`: it leads out of the model's folder, to `~`"
        );
        assert_eq!(
            told(|folder| symlink(".", folder.join("x")).unwrap()),
            "could not pin `~/model/x`: it leads in a circle, to `~/model`"
        );
        assert_eq!(
            told(|folder| write(folder.join("a:b"), "").unwrap()),
            "could not pin `~/model/a:b`: `a:b` has a `:`"
        );
        assert!(told(|folder| symlink("none", folder.join("x")).unwrap()).starts_with("could not pin `~/model/x`: "));
        assert_eq!(
            told(|folder| drop(std::os::unix::net::UnixListener::bind(folder.join("s")).unwrap())),
            "could not pin `~/model/s`: it is no regular file"
        );
    }
}
