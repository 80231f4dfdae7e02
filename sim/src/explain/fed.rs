//! Where a row was lost that a tool was to carry: not in its table when that was read, not captured, not applied, or
//! left out by an error policy.

use super::span;
use crate::{
    evidence::{Evidence, FedTable, MissingRow},
    history::Commit,
    outcome::Stage,
};

/// The first stage that does not have a row of a commit, and why.
pub(super) fn cause(
    e: &Evidence<'_>,
    number: u32,
    commit: &Commit,
    row: &MissingRow,
) -> (Stage, String) {
    let tables = e.fed.as_ref().map_or(&[][..], |fed| &fed.tables);
    let Some(table) = tables.iter().find(|t| t.table == row.table) else {
        let because = "One of its rows is in a table that no task was told to migrate.";
        return (Stage::Copied, because.into());
    };
    let name = &table.name;
    let mut tried = e
        .history
        .fed
        .rows
        .iter()
        .filter(|r| (r.commit, r.table, r.row) == (number, row.table, row.row));
    if let Some((at, refused)) = tried.find_map(|r| Some((r.at, r.refused?))) {
        return (Stage::Accepted, refused_by(e, name, at, refused));
    }
    if let Some((at, why)) = &table.suspended {
        let because = format!(
            "The task took {name} out at {}: {why}. It goes on with the other tables, and its status is `running`.",
            e.clock(*at)
        );
        return (Stage::Accepted, because);
    }
    let Some(read) = e.history.fed.read_of(row.table) else {
        return match table.captured_from {
            Some(_) => captured(e, table, commit),
            None => (
                Stage::Copied,
                format!("{name} was never loaded, and nothing captures its changes."),
            ),
        };
    };
    if number < read.visible && read.upto.is_some_and(|upto| row.row > upto) {
        let because = format!(
            "The task took the end of its connection to the source for the end of the rows of {name}, and ended \
             successfully: the rows behind the one with key {} are not there.",
            read.upto.unwrap_or_default()
        );
        return (Stage::Copied, because);
    }
    if table.captured_from.is_none() {
        let because = format!(
            "{name} had been read at {}, {} earlier, and a task that loads only captures no changes.",
            e.clock(read.at),
            span(commit.at.saturating_sub(read.at))
        );
        return (Stage::Copied, because);
    }
    captured(e, table, commit)
}

fn refused_by(e: &Evidence<'_>, name: &str, at: u64, refused: u32) -> String {
    let refusal = e.history.fed.refusals.get(refused as usize);
    let error = refusal.map_or("", |r| r.error.as_str());
    let left = match refusal.is_some_and(|r| r.logged) {
        true => "it is in awsdms_apply_exceptions on the target, and nowhere else",
        false => "nothing says so",
    };
    format!(
        "The target refused the row of {name} at {}: {error}. By its error policy the task left the record out and went \
         on: {left}.",
        e.clock(at)
    )
}

fn captured(e: &Evidence<'_>, table: &FedTable, commit: &Commit) -> (Stage, String) {
    let (name, end) = (&table.name, commit.end);
    let from = table.captured_from.unwrap_or_default();
    if end <= from {
        let because = format!(
            "Changes of {name} were captured from {} on, behind it, and the rows that were read do not have it.",
            e.position(from)
        );
        return (Stage::Captured, because);
    }
    let stopped = match table.stopped {
        Some(at) => format!("when the task stopped at {}", e.clock(at)),
        None => "at the end of the run".into(),
    };
    match table.received_to.filter(|to| *to >= end) {
        Some(_) => (
            Stage::Applied,
            format!(
                "The task had captured it and not applied it {stopped}.{}",
                gate(e, commit)
            ),
        ),
        None => {
            let far = match table.received_to {
                Some(to) => format!(": the stream had come to {}", e.position(to)),
                None => String::new(),
            };
            (
                Stage::Captured,
                format!(
                    "The task had not captured it {stopped}{far}.{}",
                    gate(e, commit)
                ),
            )
        }
    }
}

/// What the gate saw when it let through, if it did.
fn gate(e: &Evidence<'_>, commit: &Commit) -> String {
    match e.marks.gate {
        Some(gate) if gate < commit.at => format!(
            " The gate had let through at {}, {} before it was committed.",
            e.clock(gate),
            span(commit.at - gate)
        ),
        Some(gate) => format!(" The gate let through without it at {}.", e.clock(gate)),
        None => String::new(),
    }
}
