//! Files that the command writes: all of them or none, never a half-written one.
//!
//! A batch is first written beside its destinations under temporary names and then renamed, so that a full
//! disk or a Ctrl-C in between leaves the old files as they were. Folders that were made on the way stay. Names that come out of data (a table's name
//! in somebody's binlog) are made harmless first.

use crate::{
    failure::Failure,
    interrupt::{Held, Interrupt},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Files to be written together.
#[derive(Debug)]
pub struct Batch<'a> {
    staged: Vec<Staged>,
    interrupt: &'a Interrupt,
    _held: Held<'a>,
}

#[derive(Debug)]
struct Staged {
    temporary: PathBuf,
    destination: PathBuf,
}

impl<'a> Batch<'a> {
    /// An empty one, which Ctrl-C takes away.
    pub fn new(interrupt: &'a Interrupt) -> Self {
        Self {
            staged: Vec::new(),
            interrupt,
            _held: interrupt.hold(),
        }
    }

    /// Writes a file's bytes beside its destination, creating folders on the way. Something that is there and
    /// is no plain file (a pipe, `/dev/stdout`) is written to directly.
    ///
    /// # Errors
    /// [`Failure::Write`] names the path; [`Failure::Interrupted`] after Ctrl-C.
    pub fn stage(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let at = |source| Failure::write(path, source);
        self.go_on()?;
        if fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            let mut file = OpenOptions::new().write(true).open(path).map_err(at)?;
            return match file.write_all(bytes) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other.map_err(at),
            };
        }
        if fs::metadata(path).is_ok_and(|m| m.is_dir()) {
            return Err(at(io::ErrorKind::IsADirectory.into()));
        }
        // Through a symbolic link, the file that it names is replaced, not the link.
        let destination = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let folder = match destination.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&folder).map_err(at)?;
        let (mut file, temporary) = create_temporary(&folder, self.staged.len()).map_err(at)?;
        self.staged.push(Staged {
            temporary,
            destination,
        });
        file.write_all(bytes).map_err(at)?;
        file.sync_all().map_err(at)
    }

    /// Puts every staged file in its place.
    ///
    /// # Errors
    /// [`Failure::Write`] names the path; [`Failure::Interrupted`] after Ctrl-C, with nothing in its place.
    pub fn commit(mut self) -> Result<(), Failure> {
        self.go_on()?;
        for staged in &self.staged {
            fs::rename(&staged.temporary, &staged.destination)
                .map_err(|source| Failure::write(&staged.destination, source))?;
        }
        self.staged.clear();
        Ok(())
    }

    fn go_on(&self) -> Result<(), Failure> {
        if self.interrupt.asked() {
            Err(Failure::Interrupted)
        } else {
            Ok(())
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for staged in &self.staged {
            // Already renamed, or the disk is in trouble that has been reported.
            let _ = fs::remove_file(&staged.temporary);
        }
    }
}

/// `n` is a number that is likely to be free.
#[expect(
    clippy::disallowed_methods,
    reason = "the name of a file that is renamed before anybody sees it"
)]
fn create_temporary(folder: &Path, mut n: usize) -> io::Result<(File, PathBuf)> {
    loop {
        let path = folder.join(format!(".cutover-{}-{n}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < usize::MAX => n += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Creates a folder and makes sure that files can be written into it: before a long run, not after it.
///
/// # Errors
/// [`Failure::Write`] names the folder.
pub fn ready_folder(folder: &Path) -> Result<(), Failure> {
    let at = |source| Failure::write(folder, source);
    if fs::metadata(folder).is_ok_and(|there| !there.is_dir()) {
        return Err(at(io::ErrorKind::NotADirectory.into()));
    }
    fs::create_dir_all(folder).map_err(at)?;
    let (_, probe) = create_temporary(folder, 0).map_err(at)?;
    fs::remove_file(probe).map_err(at)
}

/// As [`ready_folder`], for the folder of a file; the file itself must not be a folder.
///
/// # Errors
/// [`Failure::Write`] names the file.
pub fn ready_file(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(Failure::write(path, io::ErrorKind::IsADirectory.into()));
        }
        Ok(there) if !there.is_file() => return Ok(()),
        _ => {}
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => ready_folder(folder),
        _ => ready_folder(Path::new(".")),
    }
}

/// Whether two folders that are there are one.
pub fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// A file's name from a name in the data: what a path would take for more than a name is percent-encoded.
pub fn harmless(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for (i, c) in name.chars().enumerate() {
        if matches!(c, '/' | '\\' | '%' | ':') || c.is_control() || (i == 0 && c == '.') {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                safe.push_str(&format!("%{byte:02X}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_batch_appears_as_a_whole_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::write(folder.path().join("old"), "old").unwrap();
        let interrupt = Interrupt::default();
        let mut batch = Batch::new(&interrupt);
        batch.stage(&folder.path().join("old"), b"new").unwrap();
        batch.stage(&deep.join("fresh"), b"fresh").unwrap();
        assert_eq!(fs::read(folder.path().join("old")).unwrap(), b"old");
        batch.commit().unwrap();
        assert_eq!(fs::read(folder.path().join("old")).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a", "old"]);
        assert_eq!(names(&deep), ["fresh"]);
    }

    #[test]
    fn a_batch_that_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "x").unwrap();
        let interrupt = Interrupt::default();
        let mut batch = Batch::new(&interrupt);
        batch.stage(&folder.path().join("one"), b"1").unwrap();
        let error = batch
            .stage(&folder.path().join("file/below"), b"2")
            .unwrap_err();
        assert!(
            matches!(&error, Failure::Write { path, .. } if path.ends_with("file/below")),
            "{error:?}"
        );
        drop(batch);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn after_ctrl_c_a_batch_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let (quiet, asked) = (Interrupt::default(), Interrupt::that_came());
        let mut batch = Batch::new(&quiet);
        batch.stage(&folder.path().join("one"), b"1").unwrap();
        batch.interrupt = &asked;
        assert!(matches!(batch.commit(), Err(Failure::Interrupted)));
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_folder_in_the_place_of_a_file_is_an_error_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ready_file(folder.path()).is_err());
        assert!(ready_file(&folder.path().join("new/plan.toml")).is_ok());
        assert!(names(&folder.path().join("new")).is_empty());
    }

    #[test]
    fn a_name_from_the_data_cannot_leave_its_folder() {
        assert_eq!(harmless("shop.orders"), "shop.orders");
        assert_eq!(harmless("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
        assert_eq!(harmless("a%2Fb"), "a%252Fb");
        assert_eq!(harmless("a\0b"), "a%00b");
    }
}
