//! A TOML text with its origin: typed values out of it, and the place of each key in it.

use crate::{
    LoadError,
    check::Problem,
    kind::Kind,
    serde_message::{self, Told, nearest},
};
use serde::de::DeserializeOwned;
use std::{ops::Range, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A text that somebody wrote, and what it is called in messages.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub name: String,
    pub text: Arc<str>,
}

/// One part of a key's path: `step`, then 2, then `wait`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Key(&'static str),
    Index(usize),
}

impl Document {
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// Reads the text as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        toml::from_str(&self.text).map_err(|error| self.refuse(&error))
    }

    fn refuse(&self, error: &toml::de::Error) -> LoadError {
        let span = error.span().unwrap_or(0..0);
        let there = self.text.get(span.clone()).unwrap_or_default();
        let Told { message, help } = match error.message() {
            "duplicate key" => Told::twice(there, self.text.get(..span.start).unwrap_or_default()),
            message => serde_message::retell(message),
        };
        LoadError::new(&self.name, message)
            .help(help)
            .at(&self.text, span)
    }

    /// What is wrong with a JSON text, at its place.
    pub fn refuse_json(&self, error: &serde_json::Error) -> LoadError {
        let text = error.to_string();
        let text = text
            .rsplit_once(" at line ")
            .map_or(&*text, |(said, _)| said);
        let Told { message, help } = serde_message::retell(text);
        let line_start: usize = self
            .text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let at = (line_start + error.column().saturating_sub(1)).min(self.text.len());
        let whole = |at: &usize| self.text.is_char_boundary(*at);
        let at = (0..=at).rev().find(whole).unwrap_or(0);
        LoadError::new(&self.name, message)
            .help(help)
            .at(&self.text, at..at)
    }

    /// Checks what a file is, and its `schema` key, before anything else is read: another kind and another major version have
    /// other keys.
    pub fn check_head(&self, kind: Kind, known: &'static str) -> Result<(), LoadError> {
        kind.check_form(self)?;
        let table = DeTable::parse(&self.text).map_err(|error| self.refuse(&error))?;
        kind.check(self, table.get_ref())?;
        let here = |message: String, span| {
            LoadError::new(&self.name, message)
                .at(&self.text, span)
                .help(format!("write `schema = \"{known}\"`"))
        };
        let Some((_, schema)) = table.get_ref().get_key_value("schema") else {
            let known_keys = ["schema"].into_iter();
            if let Some(key) = table
                .get_ref()
                .keys()
                .find(|key| nearest(key.get_ref(), known_keys.clone()).is_some())
            {
                return Err(here(
                    format!("unknown key `{}`; did you mean `schema`?", key.get_ref()),
                    key.span(),
                ));
            }
            return Err(LoadError::new(
                &self.name,
                "the key `schema` is missing: it says which version of the format this is",
            )
            .at(&self.text, 0..0)
            .help(format!("begin the file with `schema = \"{known}\"`")));
        };
        match schema.get_ref().as_str() {
            Some(text) if same_major(text, known) => Ok(()),
            Some(_) => Err(here(
                format!("this version of the format is not known; this cutover reads {known}"),
                schema.span(),
            )),
            None => Err(here(
                "a schema is a version in quotes, major and minor".into(),
                schema.span(),
            )),
        }
    }

    /// The error for a problem, at the deepest part of its path that the text has, or else at its beginning.
    pub fn problem(&self, problem: &Problem) -> LoadError {
        let error = LoadError::new(&self.name, problem.message.clone()).help(problem.help.clone());
        let (span, _) = self.locate(&problem.path).unwrap_or((0..0, 0));
        error.at(&self.text, span)
    }

    /// Where a path is, and how many of its parts the text has; none when it has not even the first.
    pub fn locate(&self, path: &[Part]) -> Option<(Range<usize>, usize)> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut found = None;
        let mut at: Option<&Spanned<DeValue<'_>>> = None;
        for (depth, part) in path.iter().enumerate() {
            let next = match part {
                Part::Key(key) => {
                    let table = match at {
                        None => Some(table.get_ref()),
                        Some(value) => value.get_ref().as_table(),
                    };
                    table
                        .and_then(|table| table.get_key_value(*key))
                        .map(|(key, value)| {
                            // The span of a table is its head or its braces: the key says more.
                            let span = if value.get_ref().is_table() || value.get_ref().is_array() {
                                key.span()
                            } else {
                                value.span()
                            };
                            (span, value)
                        })
                }
                Part::Index(index) => at
                    .and_then(|value| value.get_ref().as_array())
                    .and_then(|array| array.get(*index))
                    .map(|value| (value.span(), value)),
            };
            let Some((span, value)) = next else { break };
            found = Some((span, depth + 1));
            at = Some(value);
        }
        found
    }
}

/// A path as people write it: `runbook.steps[2].wait`.
pub(crate) fn dotted(path: &[Part]) -> String {
    let mut text = String::new();
    for part in path {
        match part {
            Part::Key(key) if text.is_empty() => text.push_str(key),
            Part::Key(key) => text.push_str(&format!(".{key}")),
            Part::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// Whether two versions of a format are the same but for what the minor one adds.
pub(crate) fn same_major(text: &str, known: &str) -> bool {
    match (version(text), version(known)) {
        (Some((major, _)), Some((known_major, _))) => major == known_major,
        _ => false,
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
