//! Runbook files.

use crate::{
    LoadError,
    catalogue::{self, Listed},
    check,
    document::Document,
    files,
    kind::Kind,
    serde_message::{clip, nearest},
};
use cutover_sim::runbook::{Promises, Runbook, Step};
use serde::Deserialize;
use std::path::Path;

/// The version of the runbook file's format.
pub const RUNBOOK_SCHEMA: &str = "1.0";

/// A runbook with its format's version: the top level of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunbookFile {
    #[serde(rename = "schema")]
    _schema: String,
    name: String,
    about: String,
    /// It is there to show a mistake: `compare` leaves it out unless it is asked for.
    #[serde(default)]
    naive: bool,
    /// Where the list has it, the smaller first; behind those, by its name, when absent.
    place: Option<u32>,
    #[serde(default)]
    promises: Promises,
    #[serde(rename = "step", default)]
    steps: Vec<Step>,
    #[serde(default)]
    abort: Vec<Step>,
    #[serde(default)]
    stay: Vec<Step>,
}

/// Loads a runbook: a built-in by its name, or a file by its path.
///
/// # Errors
/// [`LoadError`] when there is none of that name, or when something is wrong with it.
pub fn load_runbook(name_or_path: &str) -> Result<Runbook, LoadError> {
    load_runbook_near(name_or_path, Path::new(""))
}

/// As [`load_runbook`], with paths that start at a folder.
pub(crate) fn load_runbook_near(name_or_path: &str, folder: &Path) -> Result<Runbook, LoadError> {
    if let Some(file) = catalogue::find(catalogue::RUNBOOKS, name_or_path) {
        return parse_runbook(file.name, file.text);
    }
    let path = folder.join(name_or_path);
    if files::looks_like_a_path(name_or_path) || path.exists() {
        return read(&files::read_text(&path)?);
    }
    Err(unknown("strategy", name_or_path, catalogue::RUNBOOKS))
}

/// Reads a runbook from its text; `name` is for messages.
///
/// # Errors
/// [`LoadError`] with the place of what is wrong.
pub fn parse_runbook(name: &str, text: &str) -> Result<Runbook, LoadError> {
    read(&Document::new(name, text))
}

/// What `list` shows of a runbook file, and its place among the others.
pub(crate) fn list(name: &str, text: &str) -> Result<(Option<u32>, Listed), LoadError> {
    let (runbook, marked) = read_marked(&Document::new(name, text))?;
    let listed = Listed {
        name: runbook.name,
        about: runbook.about,
        naive: marked.naive,
    };
    Ok((marked.place, listed))
}

/// What a runbook's file says that is no part of the runbook.
struct Marked {
    naive: bool,
    place: Option<u32>,
}

fn read(document: &Document) -> Result<Runbook, LoadError> {
    Ok(read_marked(document)?.0)
}

fn read_marked(document: &Document) -> Result<(Runbook, Marked), LoadError> {
    document.check_head(Kind::Runbook, RUNBOOK_SCHEMA)?;
    let file: RunbookFile = document.read()?;
    let runbook = Runbook {
        name: file.name,
        about: file.about,
        promises: file.promises,
        steps: file.steps,
        abort: file.abort,
        stay: file.stay,
    };
    check::runbook(&runbook).map_err(|problem| document.problem(&problem))?;
    let (naive, place) = (file.naive, file.place);
    Ok((runbook, Marked { naive, place }))
}

/// There is no built-in of that name, and no file.
pub(crate) fn unknown(what: &str, name: &str, known: &'static [catalogue::Builtin]) -> LoadError {
    let names: Vec<&str> = known.iter().map(|file| file.name).collect();
    let did_you_mean = match nearest(name, names.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    LoadError::new(
        clip(name),
        format!("there is no {what} of this name, and no file{did_you_mean}"),
    )
    .help(format!("built in: {}; or name a file", names.join(", ")))
}
