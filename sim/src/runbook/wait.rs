//! Waits, and the conditions that they poll.

use super::{
    DmsCondition, Host, Nothing, StepError, exactly_one,
    host::{is_target, target},
};
use crate::units::Micros;
use serde::{Deserialize, Serialize};

/// A wait: polls a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// The condition.
    pub until: Condition,
    /// Pause between two polls; 1 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Micros>,
    /// Consecutive polls that must agree; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<u32>,
    /// Whose replication is looked at, where the condition is about replication.
    #[serde(default = "target", skip_serializing_if = "is_target")]
    pub on: Host,
    /// So many times what replication has stopped at is left out, and it is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_errors: Option<u32>,
}

/// What a wait waits for. Exactly one key is set ([`Condition::kind`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// `Replica_IO_Running` and `Replica_SQL_Running` are both `Yes`; fails at once when a thread stopped with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_running: Option<Nothing>,
    /// `Seconds_Behind_Source` is at most this. NULL does not count; nothing else is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_behind_source: Option<u64>,
    /// Both threads run and `Seconds_Behind_Source` is at most this; fails at once when a thread stopped with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up: Option<u64>,
    /// The replica applied up to these noted coordinates; fails at once when a replication thread stopped with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// `@@global.read_only` of the host is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<Host>,
    /// `@@global.read_only` of the host is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writable: Option<Host>,
    /// `@@global.event_scheduler` of the host is ON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_scheduler_on: Option<Host>,
    /// `@@global.event_scheduler` of the host is OFF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_scheduler_off: Option<Host>,
    /// `information_schema.innodb_trx` of the host is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_open_transactions: Option<Host>,
    /// The snapshot with this identifier is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_available: Option<String>,
    /// The source stands where these noted coordinates say: nothing was written since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_unchanged_since: Option<String>,
    /// The source's binlog has nothing behind these noted coordinates but what RDS writes itself; fails where the files are
    /// purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_writes_since: Option<String>,
    /// A SELECT finds a row; fails at once when the server cannot carry it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Query>,
    /// Something of a DMS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dms: Option<DmsCondition>,
}

/// [`Condition`], after it was checked that exactly one key is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until<'a> {
    /// See [`Condition::replication_running`].
    ReplicationRunning,
    /// See [`Condition::seconds_behind_source`].
    SecondsBehindSource(u64),
    /// See [`Condition::caught_up`].
    CaughtUp(u64),
    /// See [`Condition::applied`].
    Applied(&'a str),
    /// See [`Condition::read_only`].
    ReadOnly(Host),
    /// See [`Condition::writable`].
    Writable(Host),
    /// See [`Condition::event_scheduler_on`] and [`Condition::event_scheduler_off`].
    EventScheduler(Host, bool),
    /// See [`Condition::no_open_transactions`].
    NoOpenTransactions(Host),
    /// See [`Condition::snapshot_available`].
    SnapshotAvailable(&'a str),
    /// See [`Condition::source_unchanged_since`].
    SourceUnchangedSince(&'a str),
    /// See [`Condition::no_writes_since`].
    NoWritesSince(&'a str),
    /// See [`Condition::row`].
    Row(&'a Query),
    /// See [`Condition::dms`].
    Dms(&'a DmsCondition),
}

impl Until<'_> {
    /// Whether it looks at the status of a replica.
    pub fn is_of_replication(&self) -> bool {
        matches!(
            self,
            Self::ReplicationRunning
                | Self::SecondsBehindSource(_)
                | Self::CaughtUp(_)
                | Self::Applied(_)
        )
    }
}

/// A look for a row: `SELECT … FROM … WHERE …` of one table, with conditions of equality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Where.
    pub on: Host,
    /// Its text; a table without a schema is in `shop`.
    pub sql: String,
}

impl Condition {
    /// The one condition.
    pub fn kind(&self) -> Result<Until<'_>, StepError> {
        exactly_one(
            [
                self.replication_running
                    .as_ref()
                    .map(|_| ("replication_running", Until::ReplicationRunning)),
                self.seconds_behind_source
                    .map(|s| ("seconds_behind_source", Until::SecondsBehindSource(s))),
                self.caught_up.map(|s| ("caught_up", Until::CaughtUp(s))),
                self.applied
                    .as_deref()
                    .map(|n| ("applied", Until::Applied(n))),
                self.read_only.map(|h| ("read_only", Until::ReadOnly(h))),
                self.writable.map(|h| ("writable", Until::Writable(h))),
                self.event_scheduler_on
                    .map(|h| ("event_scheduler_on", Until::EventScheduler(h, true))),
                self.event_scheduler_off
                    .map(|h| ("event_scheduler_off", Until::EventScheduler(h, false))),
                self.no_open_transactions
                    .map(|h| ("no_open_transactions", Until::NoOpenTransactions(h))),
                self.snapshot_available
                    .as_deref()
                    .map(|n| ("snapshot_available", Until::SnapshotAvailable(n))),
                self.source_unchanged_since
                    .as_deref()
                    .map(|n| ("source_unchanged_since", Until::SourceUnchangedSince(n))),
                self.no_writes_since
                    .as_deref()
                    .map(|n| ("no_writes_since", Until::NoWritesSince(n))),
                self.row.as_ref().map(|o| ("row", Until::Row(o))),
                self.dms.as_ref().map(|o| ("dms", Until::Dms(o))),
            ],
            "replication_running, seconds_behind_source, caught_up, applied, read_only, writable, event_scheduler_on, event_scheduler_off, no_open_transactions, snapshot_available, source_unchanged_since, no_writes_since, row, dms",
        )
    }
}
