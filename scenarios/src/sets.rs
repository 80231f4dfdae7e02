//! `--set KEY=VALUE`: one key of a scenario, laid over the file.
//!
//! KEY=VALUE is read as a line of TOML. A value that is none, or that fits only as a text (`24h`, `8.0`),
//! is taken as a text, so that nobody has to quote quotes for the shell.

use crate::{
    LoadError,
    check::Problem,
    document::{Document, Part},
    known_keys,
    scenario::ScenarioFile,
};
use toml::{Table, Value};

/// One `--set`.
#[derive(Debug)]
pub(crate) struct Set {
    /// `KEY=VALUE` as it was given.
    pub document: Document,
    /// The same as TOML.
    pub table: Table,
    /// Where the value begins, when it is a text without quotes.
    bare_at: Option<usize>,
}

/// What `--set` is called in messages.
const NAME: &str = "--set";

impl Set {
    /// Reads one `--set`, and checks that its key exists and that the value has its type.
    pub fn read(text: &str) -> Result<Self, LoadError> {
        let document = Document::new(NAME, text);
        let Some((key, value)) = text.split_once('=') else {
            return Err(LoadError::new(NAME, "this is not KEY=VALUE")
                .at(&document.text, 0..text.len())
                .help("write for example `--set workload.clients=20`".to_string()));
        };
        if text.contains(['\n', '\r']) {
            return Err(LoadError::new(NAME, "more than one line")
                .at(&document.text, 0..text.len())
                .help("write a `--set` for each key".to_string()));
        }
        let quoted = format!("{key}={}", Value::String(value.trim().into()));
        let value_at = key.len() + 1;
        let error = match fits(&document) {
            Ok(table) => {
                return Ok(Self {
                    document,
                    table,
                    bare_at: None,
                });
            }
            Err(error) => error,
        };
        let error = match fits(&Document::new(NAME, &quoted)) {
            Ok(table) => {
                return Ok(Self {
                    document,
                    table,
                    bare_at: Some(value_at),
                });
            }
            // Of the two errors, that of the text as it is, if it was TOML at all or was meant to be.
            Err(_) if looks_like_toml(text, value) => error,
            Err(error) => back(&error, &document, value_at),
        };
        let name = key.rsplit('.').next().unwrap_or_default().trim();
        match known_keys::elsewhere(name) {
            Some(elsewhere) if !known_keys::is_known(key.trim()) => Err(error.help(elsewhere)),
            _ => Err(error),
        }
    }

    /// A problem that this `--set` has its part in: as its key, or as the key that it is with.
    pub fn problem(&self, problem: &Problem) -> LoadError {
        let error = self.document.problem(problem);
        let span = match self.bare_at {
            Some(at) => Some(at..self.document.text.len()),
            None => self
                .document
                .locate(&problem.path)
                .filter(|_| self.says(&problem.path))
                .or_else(|| self.document.locate(&problem.rival))
                .map(|(span, _)| span),
        };
        match span {
            Some(span) => error.at(&self.document.text, span),
            None => error,
        }
    }

    /// Lays this over a scenario.
    pub fn apply(&self, scenario: &mut Table) {
        merge(scenario, &self.table);
    }

    /// Whether this `--set` says the path, or something that it lies in.
    pub fn says(&self, path: &[Part]) -> bool {
        let mut table = &self.table;
        for part in path {
            match part {
                Part::Key(key) => match table.get(*key) {
                    Some(Value::Table(inner)) => table = inner,
                    Some(_) => return true,
                    None => return false,
                },
                Part::Index(_) => return true,
            }
        }
        true
    }
}

/// The text as a scenario of which everything else is left out.
fn fits(document: &Document) -> Result<Table, LoadError> {
    document.read::<ScenarioFile>()?;
    document.read::<Table>()
}

fn looks_like_toml(text: &str, value: &str) -> bool {
    let value = value.trim();
    let is_number = |c: char| c.is_ascii_digit() || "+-_.".contains(c);
    value.starts_with(['[', '{', '"', '\''])
        || (!value.is_empty() && value.chars().all(is_number))
        || text.parse::<Table>().is_ok()
}

/// The error for the quoted text, at its place in the text as it was given.
fn back(error: &LoadError, document: &Document, value_at: usize) -> LoadError {
    let whole = 0..document.text.len();
    let span = match error.span() {
        Some(span) if span.start >= value_at => value_at..whole.end,
        Some(span) => span,
        None => whole,
    };
    LoadError::new(NAME, error.message())
        .at(&document.text, span)
        .help(error.help_text().map(str::to_string))
}

fn merge(into: &mut Table, from: &Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}
