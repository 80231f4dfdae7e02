//! A run: `plan → outcome`.

use crate::{outcome::Outcome, plan::Plan, recording::Recording, runbook::Host};

/// A finished run: what is told of it, and what can be written out.
#[derive(Debug)]
pub struct Run {
    /// What is told.
    pub outcome: Outcome,
}

/// Why a plan could not be run at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan's workload is a recording, and none was given.
    #[error("the workload is `binlog`, and no binlog files were given: set workload.paths")]
    NoRecording,
}

/// A table's rows as text: the first line names the columns, then one JSON array a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// `schema.table`.
    pub table: String,
    /// The `.jsonl` text.
    pub jsonl: String,
}

/// Runs a plan. The same plan gives the same run, in any process.
///
/// # Errors
/// [`RunError`] when the plan cannot be run at all; everything that goes wrong in the rehearsal itself
/// is the outcome.
pub fn run(plan: &Plan, recording: Option<&Recording>) -> Result<Run, RunError> {
    let _ = (plan, recording);
    Err(RunError::NoRecording)
}

impl Run {
    /// The tables of a host as they were at the end. Generated rows that nobody touched are left out.
    /// Empty when there is no such host.
    pub fn dump(&self, host: Host) -> Vec<Dump> {
        let _ = host;
        Vec::new()
    }

    /// The source's binlog files that are still there: name and bytes.
    pub fn binlog_files(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
}
