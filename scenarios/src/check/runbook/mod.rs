//! What a runbook must obey: a step's operation must be possible after the steps before it.
//!
//! What is refused here could not work in any run (a snapshot restored that nobody took). What works and
//! is wrong (a gate before the fence) is for the rehearsal to show.

mod coordinates;
mod dms;
mod hosts;
mod step;
mod waits;

use super::{Problem, keys};
use crate::document::Part;
use coordinates::Noted;
use cutover_sim::runbook::{Host, Runbook, Step, StepError};
use std::collections::{BTreeMap, BTreeSet};

const MOST_STEPS: usize = 1_000;

/// Checks a runbook.
pub(crate) fn runbook(runbook: &Runbook) -> Result<(), Problem> {
    let name_fits = (1..=64).contains(&runbook.name.len())
        && runbook
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !name_fits {
        return Err(Problem::new(
            keys(&["name"]),
            "a runbook's name has 1 to 64 letters, digits, `-`, `_` or `.`",
            "write a name like `name = \"my-runbook\"`",
        ));
    }
    if runbook.steps.is_empty() {
        return Err(Problem::new(
            keys(&["step"]),
            "the runbook has no step",
            "begin a step with a line `[[step]]`",
        ));
    }
    let mut steps = Before::default();
    all(&mut steps, "step", &runbook.steps)?;
    // Of the two lists at most one is carried out.
    let any = steps.after_any_step();
    all(&mut any.clone(), "abort", &runbook.abort)?;
    all(&mut any.clone(), "stay", &runbook.stay)
}

/// Checks the steps of a list, one after the other.
fn all<'a>(before: &mut Before<'a>, list: &'static str, steps: &'a [Step]) -> Result<(), Problem> {
    if steps.len() > MOST_STEPS {
        return Err(Problem::new(
            keys(&[list]),
            format!("{} steps; at most {MOST_STEPS} are allowed", steps.len()),
            "nobody executes a runbook of that length by hand: split it",
        ));
    }
    for (index, step) in steps.iter().enumerate() {
        before.then(step, list != "step").map_err(|mut problem| {
            problem
                .path
                .splice(0..0, [Part::Key(list), Part::Index(index)]);
            problem
        })?;
    }
    Ok(())
}

/// Whether AWS takes a name for a snapshot or a DMS task (ReplicationTaskIdentifier, DBSnapshotIdentifier).
fn is_identifier(id: &str) -> bool {
    (1..=255).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !id.ends_with('-')
        && !id.contains("--")
}

/// What the steps before the one at hand have done.
#[derive(Clone, Default)]
struct Before<'a> {
    snapshots: BTreeSet<&'a str>,
    restored: bool,
    has_replica: bool,
    /// The DMS tasks that there are now, and those that there were.
    tasks: BTreeMap<&'a str, Task>,
    were_tasks: BTreeMap<&'a str, Task>,
    /// RDS looks after the target's replication, or did.
    managed: bool,
    was_managed: bool,
    /// Where an external source is configured now, and where one was.
    configured: BTreeSet<Host>,
    was_configured: BTreeSet<Host>,
    /// Where replication was started.
    started: BTreeSet<Host>,
    was_started: BTreeSet<Host>,
    noted: BTreeMap<&'a str, Noted>,
    /// Those of them that are places in the target's binlog.
    of_target: BTreeSet<&'a str>,
    fence: bool,
    gate: bool,
}

/// A DMS task.
#[derive(Clone, Copy, Default)]
struct Task {
    started: bool,
    /// It migrates changes alone.
    captures_only: bool,
}

impl<'a> Before<'a> {
    /// As it is for a list that may follow any step: what one of them did may be the case.
    fn after_any_step(&self) -> Self {
        Self {
            configured: self.was_configured.clone(),
            started: self.was_started.clone(),
            tasks: self.were_tasks.clone(),
            managed: self.was_managed,
            ..self.clone()
        }
    }
}

/// The first few names; none when there are none.
fn join<'s>(names: impl IntoIterator<Item = &'s &'s str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().take(10).copied().collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// A step or a condition without a key that says what to do, or with two.
fn several(error: StepError, path: &[&'static str]) -> Problem {
    let mut at = keys(path);
    let what = if path.is_empty() { "step" } else { "condition" };
    match error {
        StepError::Nothing { one_of } => Problem::new(
            at,
            format!("a {what} without anything to do"),
            format!("add one of {one_of}"),
        ),
        StepError::Several { first, second } => {
            at.push(Part::Key(second));
            let help = if path.is_empty() {
                "write a step for each"
            } else {
                "write a step with a wait for each"
            };
            Problem::new(at, format!("`{first}` and `{second}` in one {what}"), help)
        }
    }
}
