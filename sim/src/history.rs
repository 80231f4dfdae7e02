//! The history: what clients asked for and what they were told.
//!
//! One small record for each client operation, updated in place; the commits of a server with where
//! they stand in its binlog. Everything that is said of a run is derived from these and from the final
//! states.

use crate::{fed::Fed, runbook::Host};
use cutover_model::binlog::log::LogPos;

/// What a client wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Place an order.
    Place,
    /// Pay an order.
    Pay,
    /// Move money between two customers.
    Transfer,
    /// Cancel an order.
    Cancel,
    /// Read an order.
    Read,
    /// Place an order and roll back.
    Rollback,
    /// A recorded transaction.
    Recorded,
    /// Save an order without lines.
    Draft,
    /// Change an order's total.
    Amend,
    /// A statement that the operator types.
    Statement,
}

/// What the client knows in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Told {
    /// Nothing yet.
    Pending,
    /// Acknowledged.
    Ok,
    /// Definitely not done.
    Fail,
    /// Unknown: the connection broke after COMMIT was sent.
    Info,
    /// Acknowledged, and there was nothing to change or nothing that should change (a read, a rollback,
    /// an order that was gone).
    Empty,
}

/// One operation of a client. An attempt that is retried is an operation of its own.
///
/// There are as many of these records as transactions: they are packed.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub struct Operation {
    /// Invocation, in µs.
    pub invoked: u64,
    /// Return, in µs; `u64::MAX` while pending.
    pub returned: u64,
    /// The order, the recorded transaction; the payer of a transfer.
    pub subject: u64,
    /// The commit's number on its host, when it committed; `u32::MAX` otherwise.
    pub commit: u32,
    /// The client.
    pub client: u16,
    /// What was wanted.
    pub kind: Kind,
    /// What was told.
    pub told: Told,
    /// Where.
    pub host: Host,
}

/// No commit.
pub const NO_COMMIT: u32 = u32::MAX;

/// Stands where a client's number does in what the operator types.
pub const OPERATOR: u16 = u16::MAX;

/// A commit of a server. Packed, as operations are.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub struct Commit {
    /// When the engine had it, in µs.
    pub at: u64,
    /// Where it ends in the binlog.
    pub end: LogPos,
    /// Number of its GTID; 0 without.
    pub gno: u64,
    /// The operation, `u32::MAX` for the server's own (DDL at the start).
    pub operation: u32,
}

/// Commits that the source lost when it crashed or failed over: those with numbers from `from` up to, not
/// including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The first.
    pub from: u32,
    /// Behind the last.
    pub to: u32,
    /// When it lost them, in µs.
    pub at: u64,
}

/// All operations and commits of a run.
#[derive(Debug, Default)]
pub struct History {
    /// In the order of invocation.
    pub operations: Vec<Operation>,
    /// The source's commits, by their number.
    pub source: Vec<Commit>,
    /// The target's own commits (clients'), by their number.
    pub target: Vec<Commit>,
    /// The source's commits in the order in which the target applied them.
    pub applied: Vec<Applied>,
    /// The target's own commits in the order in which the source applied them: the way back.
    pub applied_back: Vec<Applied>,
    /// The source's commits that are changes of tables, typed by the operator: no operation has them.
    pub altered: Vec<u32>,
    /// What the source has lost of its own commits.
    pub erased: Vec<Erased>,
    /// What tools have carried to the target row by row.
    pub fed: Fed,
}

/// Adds a record. The room of a short list is doubled, that of a long one grows by a sixteenth at a time: doubled, it
/// would be empty by half in a long run.
pub(crate) fn add<T>(records: &mut Vec<T>, record: T) {
    if records.len() == records.capacity() {
        let long = records.len() / 16;
        records.reserve_exact(records.len().clamp(1024, 4096).max(long));
    }
    records.push(record);
}

/// An application of a host's commit on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(4))]
pub struct Applied {
    /// The commit's number on the host that it comes from.
    pub commit: u32,
    /// When, in µs.
    pub at: u64,
}

impl History {
    /// The source's commits in the order in which they came to the target: as it applied them, or as tools have
    /// carried their rows.
    pub fn arrived(&self) -> &[Applied] {
        self.fed.arrived.as_deref().unwrap_or(&self.applied)
    }

    /// When the source lost a commit; none when it has it.
    pub fn erased_at(&self, commit: u32) -> Option<u64> {
        let erased = self
            .erased
            .iter()
            .find(|e| (e.from..e.to).contains(&commit));
        erased.map(|e| e.at)
    }

    /// A host's own commits.
    pub fn commits(&self, host: Host) -> &[Commit] {
        match host {
            Host::Source => &self.source,
            Host::Target => &self.target,
            // Nobody writes to it.
            Host::Replica => &[],
        }
    }
}
