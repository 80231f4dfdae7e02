//! What a scenario, a runbook or a plan must obey beyond its types.
//!
//! A bound is here either because MySQL or RDS has it, or because a run beyond it would explode; the
//! message says which.

mod environment;
mod explore;
mod faults;
mod mutants;
mod replicate;
mod runbook;
mod traffic;

pub(crate) use environment::environment;
pub(crate) use explore::exploring;
pub(crate) use faults::faults;
pub use mutants::check_mutants;
pub(crate) use mutants::mutants;
pub(crate) use runbook::runbook;
pub(crate) use traffic::{clock, expect, workload};

use crate::document::Part;
use cutover_sim::units::Micros;
use std::{fmt::Display, ops::RangeInclusive};

/// Something that is not allowed, and the path of the key that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub path: Vec<Part>,
    /// The path of another key that has its part in it, from the top of a scenario.
    pub rival: Vec<Part>,
    pub message: String,
    pub help: Option<String>,
}

impl Problem {
    pub fn new(path: Vec<Part>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path,
            rival: Vec::new(),
            message: message.into(),
            help: Some(help.into()),
        }
    }

    /// Names the other key that the problem is with.
    pub fn with(mut self, rival: &[&'static str]) -> Self {
        self.rival = keys(rival);
        self
    }

    /// The same problem in a table that holds the one it was found in.
    pub fn under(mut self, table: &'static str) -> Self {
        self.path.insert(0, Part::Key(table));
        self
    }
}

/// A path of keys.
pub(crate) fn keys(keys: &[&'static str]) -> Vec<Part> {
    keys.iter().map(|key| Part::Key(key)).collect()
}

/// That a value is within its bounds. `why` follows "because".
fn within<T: PartialOrd + Display>(
    path: &[&'static str],
    value: T,
    bounds: RangeInclusive<T>,
    why: &str,
) -> Result<(), Problem> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let key = path.last().copied().unwrap_or_default();
    Err(Problem::new(
        keys(path),
        format!(
            "`{key}` is {value}, and must be between {} and {}: {why}",
            bounds.start(),
            bounds.end()
        ),
        format!(
            "write a value between {} and {}",
            bounds.start(),
            bounds.end()
        ),
    ))
}

/// Durations that the model spends on every transaction, event or call.
const PER_EVENT: RangeInclusive<Micros> = Micros::ZERO..=Micros::hours(1);

/// An hour for one event is more than any run could wait for.
const PER_EVENT_WHY: &str = "a run spends it again and again";
