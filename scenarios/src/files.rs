//! Reading files that people name: texts, and binlog files as they come.
//!
//! Every length is checked before anything of that length is kept. Only regular files are read: a pipe or
//! a device may never end.

use crate::{LoadError, document::Document};
use cutover_sim::{
    recording::NamedFile,
    workload_spec::{Kind, Workload},
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The longest scenario, runbook or plan that is read, in bytes.
pub const MAX_TEXT_BYTES: u64 = 4 << 20;

/// The most that one recording's files may hold together, in bytes: they are kept in memory.
pub const MAX_RECORDING_BYTES: u64 = 4 << 30;

/// What every binlog file begins with; an encrypted one begins with `fd`.
const BINLOG_MAGIC: [[u8; 4]; 2] = [[0xfe, b'b', b'i', b'n'], [0xfd, b'b', b'i', b'n']];

/// Reads a text file.
pub(crate) fn read_text(path: &Path) -> Result<Document, LoadError> {
    let name = path.display().to_string();
    let bytes = read_file(path, MAX_TEXT_BYTES)?.bytes;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Document::new(name, &text)),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).as_ref().into();
            Err(LoadError::new(name, "this is not UTF-8 text")
                .at(&text, good..good)
                .help("save the file in UTF-8".to_string()))
        }
    }
}

/// Reads a regular file of at most `limit` bytes.
fn read_file(path: &Path, limit: u64) -> Result<NamedFile, LoadError> {
    let name = path.display().to_string();
    let failed = |error: io::Error| io_error(&name, &error);
    let about = fs::metadata(path).map_err(failed)?;
    if about.is_dir() {
        return Err(LoadError::new(name, "this is a folder, not a file")
            .help("name a file in it".to_string()));
    }
    if !about.is_file() {
        return Err(
            LoadError::new(name, "this is not a regular file; it might never end")
                .help("copy its contents into a file first".to_string()),
        );
    }
    let too_long = |bytes: u64| {
        LoadError::new(
            name.clone(),
            format!("the file has {bytes} bytes; at most {limit} are read"),
        )
        .help(
            "is it the right file? Scenarios, runbooks, plans and schemas are short texts"
                .to_string(),
        )
    };
    if about.len() > limit {
        return Err(too_long(about.len()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // It may grow while it is read.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_long(bytes.len() as u64));
    }
    Ok(NamedFile { name, bytes })
}

fn io_error(name: &str, error: &io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::new(name, "there is no such file")
            .help("check the path; a relative one starts at the current folder".to_string()),
        io::ErrorKind::PermissionDenied => {
            LoadError::new(name, "this file must not be read by you")
                .help("check its permissions".to_string())
        }
        io::ErrorKind::NotADirectory => LoadError::new(
            name,
            "this is not a folder, or a part of the path is not one",
        )
        .help("check the path".to_string()),
        _ => LoadError::new(name, format!("reading failed: {error}"))
            .help("check the path and the disk".to_string()),
    }
}

/// Reads a file of declarations (CREATE TABLE).
///
/// # Errors
/// It cannot be read, or has more than [`MAX_TEXT_BYTES`].
pub fn read_schema(path: &Path) -> Result<NamedFile, LoadError> {
    read_file(path, MAX_TEXT_BYTES)
}

/// Reads the tables (`schema.table.jsonl`) of a folder, by name.
///
/// # Errors
/// A file or the folder that cannot be read, no table in it, or more than [`MAX_RECORDING_BYTES`].
pub fn read_tables(folder: &Path) -> Result<Vec<NamedFile>, LoadError> {
    let name = folder.display().to_string();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| io_error(&name, &error))? {
        let path = entry.map_err(|error| io_error(&name, &error))?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(LoadError::new(
            name,
            "no table in this folder: none of its files ends in .jsonl",
        )
        .help("name a folder with a file like shop.orders.jsonl for each table".to_string()));
    }
    paths.sort();
    let mut left = MAX_RECORDING_BYTES;
    let mut files = Vec::new();
    for path in &paths {
        take(path, &mut left, &mut files)?;
    }
    Ok(files)
}

/// Reads binlog files. A folder stands for the binlog files in it, by name; other files in it (an index,
/// a schema) are left out, and its subfolders are not entered.
///
/// # Errors
/// A path that cannot be read, a folder without a binlog file, or more than [`MAX_RECORDING_BYTES`].
pub fn read_binlogs(paths: &[PathBuf]) -> Result<Vec<NamedFile>, LoadError> {
    let mut files = Vec::new();
    let mut left = MAX_RECORDING_BYTES;
    for path in paths {
        if path.is_dir() {
            for file in binlogs_in(path)? {
                take(&file, &mut left, &mut files)?;
            }
        } else {
            take(path, &mut left, &mut files)?;
        }
    }
    Ok(files)
}

fn take(path: &Path, left: &mut u64, files: &mut Vec<NamedFile>) -> Result<(), LoadError> {
    let length = fs::metadata(path).map_or(0, |about| about.len());
    if length > *left {
        return Err(LoadError::new(
            path.display().to_string(),
            format!("with this file there are more than {MAX_RECORDING_BYTES} bytes, which are kept in memory"),
        )
        .help("name fewer files, or a folder with fewer".to_string()));
    }
    let file = read_file(path, *left)?;
    *left -= file.bytes.len() as u64;
    files.push(file);
    Ok(())
}

/// The files of a folder that begin as binlog files do, by name.
fn binlogs_in(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let name = folder.display().to_string();
    let mut found = Vec::new();
    let mut others = 0;
    for entry in fs::read_dir(folder).map_err(|error| io_error(&name, &error))? {
        let path = entry.map_err(|error| io_error(&name, &error))?.path();
        if path.is_file() && is_binlog(&path)? {
            found.push(path);
        } else {
            others += 1;
        }
    }
    if found.is_empty() {
        return Err(LoadError::new(
            name,
            format!("no binlog file in this folder: none of its {others} entries begins with fe 62 69 6e"),
        )
        .help("name the folder that holds files like binlog.000001".to_string()));
    }
    // By the name's length before its number: after binlog.999999 comes binlog.1000000.
    found.sort_by_cached_key(|path| {
        let stem = path.file_stem().map(OsStr::to_os_string);
        (stem, path.as_os_str().len(), path.clone())
    });
    Ok(found)
}

fn is_binlog(path: &Path) -> Result<bool, LoadError> {
    let failed = |error: io::Error| io_error(&path.display().to_string(), &error);
    let mut head = Vec::with_capacity(4);
    let file = File::open(path).map_err(failed)?;
    file.take(4).read_to_end(&mut head).map_err(failed)?;
    Ok(BINLOG_MAGIC.iter().any(|magic| *magic == head[..]))
}

/// The files of a recording, as [`cutover_sim::recording::Recording::load`] takes them.
#[derive(Clone, Debug)]
pub struct RecordingFiles {
    /// The binlog files.
    pub binlogs: Vec<NamedFile>,
    /// Declarations of tables, when the workload names them.
    pub schema: Option<NamedFile>,
}

/// The files that a workload names; none when it is no recording.
///
/// # Errors
/// As [`read_binlogs`].
pub fn recording_files(workload: &Workload) -> Result<Option<RecordingFiles>, LoadError> {
    if workload.kind != Kind::Binlog {
        return Ok(None);
    }
    let binlogs = read_binlogs(&workload.paths)?;
    let schema = match &workload.schema {
        Some(path) => Some(read_schema(path)?),
        None => None,
    };
    Ok(Some(RecordingFiles { binlogs, schema }))
}

/// Whether somebody who wrote this meant a path rather than a built-in's name.
pub(crate) fn looks_like_a_path(text: &str) -> bool {
    text.contains(['/', '\\']) || text.ends_with(".toml")
}
