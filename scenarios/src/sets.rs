//! `--set KEY=VALUE`: one key of a scenario, laid over the file.
//!
//! KEY=VALUE is read as a line of TOML. A value that is none, or that fits only as a text (`24h`, `8.0`),
//! is taken as a text, so that nobody has to quote quotes for the shell.

use crate::{
    LoadError,
    document::{Document, Part},
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
        let as_it_is = fits(&document);
        let error = match as_it_is {
            Ok(table) => return Ok(Self { document, table }),
            Err(error) => error,
        };
        let as_text = Document::new(NAME, &quoted);
        match fits(&as_text) {
            Ok(table) => Ok(Self { document, table }),
            // Of the two errors, that of the text as it is, if it was TOML at all or was meant to be.
            Err(_) if looks_like_toml(text, value) => Err(error),
            Err(error) => Err(back(&error, &document, key.len() + 1)),
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
    value.trim_start().starts_with(['[', '{', '"', '\'']) || text.parse::<Table>().is_ok()
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
