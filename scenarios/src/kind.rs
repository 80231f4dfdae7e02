//! What a file is: three kinds begin alike, and people give one where another is asked for.

use crate::{LoadError, document::Document};
use toml::de::DeTable;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scenario,
    Runbook,
    Plan,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Scenario, Kind::Runbook, Kind::Plan];

    fn name(self) -> &'static str {
        match self {
            Kind::Scenario => "a scenario",
            Kind::Runbook => "a runbook",
            Kind::Plan => "a plan",
        }
    }

    /// Keys of the top level that no other kind has.
    fn own_keys(self) -> &'static [&'static str] {
        match self {
            Kind::Scenario => &["strategy", "source", "target"],
            Kind::Runbook => &["step", "promises", "abort"],
            Kind::Plan => &["environment", "streams", "runbook"],
        }
    }

    fn use_of(self, file: &str) -> String {
        match self {
            Kind::Scenario => format!("`cutover run {file}` rehearses it"),
            Kind::Runbook => format!("`cutover run SCENARIO --strategy {file}` rehearses it"),
            Kind::Plan => format!("`cutover replay {file}` runs it again"),
        }
    }

    /// Checks that a text is no JSON, which only plans may be.
    pub fn check_form(self, document: &Document) -> Result<(), LoadError> {
        match document.text.trim_start().starts_with('{') {
            true if self != Kind::Plan => Err(LoadError::new(
                &document.name,
                format!(
                    "this is JSON, and {} is written in TOML: only plans are read as JSON",
                    self.name()
                ),
            )
            .at(&document.text, 0..0)
            .help(Kind::Plan.use_of(&document.name))),
            _ => Ok(()),
        }
    }

    /// Checks that the top level of a file is not of another kind: nothing of this one in it, and something of the other.
    pub fn check(self, document: &Document, table: &DeTable<'_>) -> Result<(), LoadError> {
        let place = |kind: Kind| {
            let mut keys = table.keys();
            keys.find(|key| kind.own_keys().contains(&key.get_ref().as_ref()))
        };
        let mut others = Kind::ALL.into_iter().filter(|kind| *kind != self);
        let found = others.find_map(|kind| Some((kind, place(kind)?.span())));
        match found {
            Some((kind, span)) if place(self).is_none() => Err(LoadError::new(
                &document.name,
                format!("this is {}, not {}", kind.name(), self.name()),
            )
            .at(&document.text, span)
            .help(kind.use_of(&document.name))),
            _ => Ok(()),
        }
    }
}
