//! What tasks tell: a line of the story for what is rare, a record for every row.

use crate::{
    faults::Occasion,
    fed::{FedRow, Read},
    probes::Probe,
    world::{World, commit_that_ends},
};
use cutover_model::{
    apply::Written,
    binlog::log::LogPos,
    database::TableId,
    dms::{Effect, StopReason},
};

/// A table is loaded.
fn loaded(name: &str, truncated: u64, refused: u64) -> String {
    let mut text = format!("has loaded {name}");
    if truncated > 0 {
        text.push_str(&format!("; {truncated} of its LOBs are cut, says the log"));
    }
    if refused > 0 {
        text.push_str(&format!(
            "; the target refused {refused} rows, says the log"
        ));
    }
    text
}

/// A task has stopped by itself; nothing to tell where somebody stopped it.
fn stopped(why: StopReason) -> Option<&'static str> {
    match why {
        StopReason::Asked => None,
        StopReason::FullLoadFinished => Some("has stopped: the full load is finished"),
        StopReason::CachedChangesApplied => Some("has stopped: the cached changes are applied"),
        StopReason::CachedChangesNotApplied => {
            Some("has stopped: the full load is finished, the cached changes wait")
        }
    }
}

impl World {
    fn table_name(&self, table: TableId) -> String {
        let found = self.source.database.table(table);
        found.map_or_else(|| format!("#{}", table.0), |t| t.def().full_name())
    }

    /// A task says what happened: to the story, and to who keeps account of rows.
    pub(super) fn dms_tells(&mut self, index: usize, effect: Effect) {
        let now = self.now;
        let text = match effect {
            Effect::LoadBegins(table) => {
                self.occurs(Occasion::DmsLoadBegins);
                format!("begins to load {}", self.table_name(table))
            }
            Effect::Read(table) => {
                let visible = self.history.source.len() as u32;
                self.history
                    .fed
                    .reads
                    .push(Read::new(table.0, visible, now));
                return;
            }
            Effect::Loaded {
                table,
                upto,
                truncated,
                refused,
            } => {
                self.history.fed.loaded(table.0, now, upto.map(|key| key.0));
                self.dms.tasks[index].validates_from = Some(now);
                self.occurs(Occasion::DmsTableLoaded);
                if upto.is_some() {
                    self.probes.reach(Probe::LoadCutShort);
                }
                loaded(&self.table_name(table), truncated, refused)
            }
            Effect::Suspended(table, error) => {
                let why = format!("{error} ({})", error.code());
                self.dms.tasks[index]
                    .suspended
                    .push((table, now, why.clone()));
                format!("suspends {}: {why}", self.table_name(table))
            }
            Effect::Written { end, at, written } => {
                let first = self.history.fed.applied_somewhere(&written);
                self.feed(end, at, written);
                if first {
                    self.occurs(Occasion::TargetApplies);
                }
                return;
            }
            Effect::CachedApplied => {
                self.occurs(Occasion::DmsFollows);
                "has applied all cached changes: from here on it applies transactions".into()
            }
            Effect::Stopped(why) => {
                self.dms_ends(index);
                match stopped(why) {
                    Some(text) => text.into(),
                    None => return,
                }
            }
            Effect::Failed(why) => {
                self.dms_ends(index);
                self.probes.reach(Probe::DmsTaskFailed);
                format!("has failed: {why}")
            }
        };
        let id = self.dms.tasks[index].id.clone();
        self.tell("dms", format!("task {id} {text}"), Vec::new());
    }

    fn dms_ends(&mut self, index: usize) {
        let running = &mut self.dms.tasks[index];
        running.stopped_us = Some(self.now);
        running.close();
    }

    /// Rows of a transaction of the source are on the target, or were refused there.
    fn feed(&mut self, end: LogPos, at: u64, written: Vec<Written>) {
        let commit = match self.source.in_commit(end) {
            Some(number) => number.0 as u32,
            None => {
                let found = commit_that_ends(&self.history.source, end, usize::MAX);
                found.unwrap_or_else(|next| next) as u32
            }
        };
        for row in written {
            let refused = row.refused.map(|(error, logged)| {
                self.history
                    .fed
                    .refusal(format!("{error} ({})", error.code()), logged)
            });
            for key in row.rows.into_iter().flatten() {
                self.history.fed.rows.push(FedRow {
                    commit,
                    table: row.table.0,
                    row: key,
                    identified: row.identified,
                    at,
                    refused,
                });
            }
        }
    }
}
