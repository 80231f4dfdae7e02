//! A MySQL server as a pure state machine: sessions, transactions with row locks, commit in its real
//! stages, `read_only` with its exact reach, crash and recovery.
//!
//! Writes go to the tables in place, with undo kept by the transaction, as InnoDB does: other sessions
//! read the committed version through the owner's undo, rollback and recovery take the undo back. The
//! server takes the time with every call and never looks at a clock; what completes later (a lock that
//! is granted, a commit that is acknowledged) is an event that the caller takes with [`Server::events`].
//!
//! Facts: commit order as `MYSQL_BIN_LOG::ordered_commit` (sql/binlog.cc), `read_only` as
//! `ha_commit_trans` (sql/handler.cc) and `check_readonly` have it. Not modelled: gap locks, and the shared locks of
//! foreign keys that refer to columns without a unique key (InnoDB's extension).

mod commit;
mod config;
mod dml;
mod error;
mod fence;
mod journal;
mod locks;
mod read_view;
mod recovery;
mod redo;
mod replay;
mod replicated;
mod session;
mod statements;
#[cfg(test)]
mod tests;
mod xa;

pub use commit::{CommitNumber, Committed};
pub use config::{Config, Version};
pub use dml::{DmlError, Statement};
pub use error::ServerError;
pub use journal::{Journaled, Own};
pub use recovery::{Cut, Durability};
pub use replay::Replaying;
pub use replicated::Heading;
pub use session::{Privilege, SessionId};
pub use statements::{Locked, Manner};
pub use xa::Prepared;

use crate::{
    arena::Arena,
    binlog::log::Binlog,
    database::{Change, Database, LockId},
    gtid::GtidSet,
};
use commit::{Pipeline, Templates};
use fence::ReadOnly;
use locks::LockTable;
use recovery::Settled;
use redo::Redo;
use session::Sessions;
use std::collections::VecDeque;

/// What a statement came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Ok,
    /// The row is not there (an UPDATE or DELETE that matched nothing).
    NoRow,
    /// A lock is busy, or the server is closing for writes: [`Event::Resume`] says when to call again.
    Waiting,
    /// In the commit queue: [`Event::Committed`] or [`Event::Failed`] follows.
    Committing,
    /// Refused; the statement (for a deadlock: the transaction) is rolled back.
    Failed(ServerError),
}

/// What happened inside the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What the session waited for is free: execute the statement again.
    Resume(SessionId),
    /// The session's statement failed while it waited.
    Failed(SessionId, ServerError),
    /// The session's XA transaction is prepared: a transaction of the history, whose changes nobody sees yet.
    Prepared(SessionId, Committed),
    /// The session's transaction is committed in the engine and acknowledged.
    Committed(SessionId, Committed),
    /// The binlog has a new end for readers.
    Published,
    /// No statement is under way any more that `SET GLOBAL read_only = 1` waits for: [`Server::step`] lets it go on at this
    /// moment, for which no time was known ([`Server::next_due`]).
    StatementsEnded,
    /// `SET GLOBAL read_only = 1` has returned.
    ReadOnlyEffective,
}

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Parameters and identity.
    pub config: Config,
    /// The engine's tables, uncommitted changes included.
    pub database: Database,
    /// The binary log; none with `log_bin = OFF`.
    pub binlog: Option<Binlog>,
    /// `@@global.gtid_executed`.
    pub gtid_executed: GtidSet,
    /// `@@global.gtid_purged`.
    pub gtid_purged: GtidSet,
    /// What clients committed here, in order, for whoever asked for it by putting a list; a server keeps none.
    pub journal: Option<Vec<Journaled>>,
    /// The disk is full until this moment, in µs: a commit group waits for space before it writes to the binlog, as
    /// `my_write` does with MY_WAIT_IF_FULL (mysys/my_write.cc).
    pub full_until_us: u64,
    pub(crate) next_gno: u64,
    sessions: Sessions,
    locks: LockTable,
    pipeline: Pipeline,
    read_only: ReadOnly,
    /// The serial of the session that was opened last when `SET GLOBAL read_only = 1` came.
    last_session_before_fence: u32,
    /// Statements that have begun and wait for a metadata lock.
    waiting_for_metadata: u32,
    events: Vec<Event>,
    templates: Templates,
    settled: VecDeque<Settled>,
    redo: Redo,
    // Buffers that keep statements from allocating.
    plan: Vec<Change>,
    wanted: Vec<LockId>,
}

impl Server {
    /// A server over tables, as it is after start-up.
    pub fn new(
        config: Config,
        database: Database,
        binlog: Option<Binlog>,
        gtid_executed: GtidSet,
    ) -> Self {
        let next_gno = gtid_executed.next_free(config.uuid, None);
        let gtid_purged = binlog
            .as_ref()
            .map_or_else(|| gtid_executed.clone(), |b| b.purged().clone());
        Self {
            config,
            database,
            binlog,
            gtid_executed,
            gtid_purged,
            journal: None,
            full_until_us: 0,
            next_gno,
            sessions: Sessions::default(),
            locks: LockTable::default(),
            pipeline: Pipeline::default(),
            read_only: ReadOnly::default(),
            last_session_before_fence: 0,
            waiting_for_metadata: 0,
            events: Vec::new(),
            templates: Templates::default(),
            settled: VecDeque::new(),
            redo: Redo::default(),
            plan: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Takes what happened since the last call, in order.
    pub fn events(&mut self, into: &mut Vec<Event>) {
        match into.is_empty() {
            true => std::mem::swap(into, &mut self.events),
            false => into.append(&mut self.events),
        }
    }

    /// Whether [`Server::events`] has something.
    #[inline]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next moment at which something happens by itself, in µs.
    pub fn next_due(&self) -> Option<u64> {
        Some(self.due_us()).filter(|due| *due < u64::MAX)
    }

    /// As [`Server::next_due`]; `u64::MAX` when nothing does.
    #[inline]
    pub fn due_us(&self) -> u64 {
        self.pipeline.due_us().min(self.sessions.lock_timeout_us())
    }

    /// Whether [`Server::step`] has something to do at `now`.
    #[inline]
    pub fn is_due(&self, now: u64) -> bool {
        self.due_us() <= now || self.may_finish_fence()
    }

    /// Whether something has happened or can happen that waits for nothing.
    #[inline]
    pub fn is_restless(&self) -> bool {
        self.has_events() || self.may_finish_fence()
    }

    /// Does what is due at `now`.
    pub fn step(&mut self, arena: &mut Arena, now: u64) {
        self.expire_lock_waits(now);
        self.step_commits(arena, now);
        self.finish_fence();
    }

    /// Transactions that are open: `information_schema.innodb_trx`.
    pub fn open_transactions(&self) -> usize {
        self.sessions.open_transactions()
    }
}
