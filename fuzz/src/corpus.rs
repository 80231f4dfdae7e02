//! Inputs to start from: the captures of real servers, and the files of the catalogue.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder of the repository.
pub fn packaged(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder)
}

/// All files below a folder whose name passes, by path; none where there is no such folder.
///
/// # Panics
/// When a file that is there cannot be read.
pub fn files(folder: &Path, wanted: impl Fn(&str) -> bool + Copy) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry of the folder").path())
        .collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path, wanted));
        } else if path
            .file_name()
            .is_some_and(|name| wanted(&name.to_string_lossy()))
        {
            found.push(fs::read(&path).expect("a file of the repository"));
        }
    }
    found
}

/// Real binlog files.
pub(crate) fn binlogs() -> Vec<Vec<u8>> {
    files(&packaged("tests/captures"), |name| {
        name.starts_with("binlog.0")
    })
}

/// Files of the captures with this ending.
pub(crate) fn of_captures(ending: &'static str) -> Vec<Vec<u8>> {
    files(&packaged("tests/captures"), |name| name.ends_with(ending))
}

/// The TOML examples of a page of the documentation.
pub(crate) fn examples(page: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(packaged("docs").join(page)).expect("a page");
    text.split("```toml\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0.into()))
        .collect()
}
