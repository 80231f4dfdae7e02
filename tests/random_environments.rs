//! Strategies in random environments: sound ones never break what they promise, naive ones are caught.

#[path = "random/mod.rs"]
mod random;
#[path = "random_environments/trial.rs"]
mod trial;

use cutover::sim::outcome::{Finding, Outcome, Verdict};
use random::{Rehearsal, recorded_rehearsals, rehearsals};
use trial::{runbook, try_all};

/// What a sound strategy must come to in every environment within the limits.
fn sound(outcome: &Outcome) -> Result<(), String> {
    let violated = outcome.properties.iter().filter_map(|p| match &p.finding {
        Finding::Violated { count, first } => Some(format!("{} ({count}): {first}", p.id)),
        _ => None,
    });
    let violated: Vec<String> = violated.collect();
    if outcome.verdict == Verdict::Safe && violated.is_empty() {
        return Ok(());
    }
    let last = outcome.story.iter().rev().find(|l| l.who == "operator");
    Err(format!(
        "{:?}, and was to be safe. {} The operator's last word: {}",
        outcome.verdict,
        violated.join("\n"),
        last.map_or("", |l| &l.what)
    ))
}

#[test]
fn replication_by_position_is_safe_in_every_environment() {
    let runbook = runbook("snapshot-binlog-position");
    try_all("position", rehearsals(), |r: &Rehearsal| r.plan(&runbook), sound);
}

#[test]
fn a_snapshot_behind_a_freeze_is_safe_in_every_environment() {
    let runbook = runbook("snapshot-freeze");
    try_all("freeze", rehearsals(), |r: &Rehearsal| r.plan(&runbook), sound);
}
#[test]
fn recordings() {
    for name in ["snapshot-binlog-position", "snapshot-freeze"] {
    let runbook = runbook(name);
    try_all(name, recorded_rehearsals(), |r: &Rehearsal| r.plan(&runbook), sound);
    }
}
