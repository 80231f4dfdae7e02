//! What survives: a cut through the server's storage, and recovery from it.
//!
//! A volume snapshot and a crash are the same thing seen twice: what had reached the storage stays, the
//! rest is gone. A transaction whose commit is in the durable redo log is committed, whatever the binlog
//! says. One that is only prepared there is decided by the binlog: committed (acknowledged or not) when its
//! events are whole in it, else rolled back. Any other never was. Source: `MYSQL_BIN_LOG::recover`, facts on
//! `ordered_commit`. So with `sync_binlog = 1` and `innodb_flush_log_at_trx_commit = 1`: acknowledged ⊆
//! durable binlog ⊆ recovered engine. With `sync_binlog ≠ 1` the engine may have more than the binlog, with
//! `innodb_flush_log_at_trx_commit ≠ 1` less.
//!
//! The redo log becomes durable once a second, by a DDL statement (`trx_flush_log_if_needed`), and with
//! `innodb_flush_log_at_trx_commit = 1` at every group's prepare, which takes the commits before it along.

use super::{Committed, Server};
use crate::{
    arena::Arena,
    binlog::log::LogPos,
    database::{Change, Database},
    ddl as sql,
    gtid::{Gtid, GtidSet},
};

/// What a cut keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The operating system goes on (`kill -9`): everything that was written to files.
    Process,
    /// The host is lost, or the volume is cut: only what was synced.
    Volume,
}

/// The storage at an instant, recovered.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The tables after recovery.
    pub database: Database,
    /// Where the binlog ends: the coordinates of the tables, true ones where every commit is durable in both logs.
    pub end: LogPos,
    /// The file's name at `end`.
    pub file_name: String,
    /// The GTIDs in the binlog up to there and before; from 8.0.17 on those of the tables as well.
    pub gtid_executed: GtidSet,
    /// How many transactions of the server's history are in it.
    pub commits: u64,
}

impl Server {
    /// Cuts through the storage at `now`. Costs what is in flight, whatever the tables hold.
    pub fn cut(&self, arena: &mut Arena, now: u64, durability: Durability) -> Cut {
        let mut database = self.database.clone();
        let end = match (&self.binlog, durability) {
            (Some(binlog), Durability::Volume) => binlog.synced(),
            (Some(binlog), Durability::Process) => binlog.end(),
            (None, _) => LogPos::default(),
        };
        let mut gtid_executed = self.gtid_executed.clone();
        let numbered = self
            .pipeline
            .group
            .iter()
            .filter(|m| m.sequence > 0)
            .count() as u64;
        let mut commits = self.pipeline.next_number() - numbered;
        for (id, session) in self.sessions.iter() {
            let member = self
                .pipeline
                .group
                .iter()
                .find(|m| m.session == id && m.sequence > 0);
            let logged = member.filter(|m| self.binlog.is_some() && m.done.end <= end);
            if let Some(member) = logged {
                self.count_in(&mut gtid_executed, member.done.gno);
            }
            match logged.filter(|_| self.prepare_is_durable(durability)) {
                Some(_) => {
                    commits += 1;
                    if let Some(ddl) = &session.ddl {
                        // Checked against this catalogue before it was queued.
                        let _ = sql::apply(&mut database, arena, &ddl.statement);
                    }
                }
                None => session
                    .changes
                    .iter()
                    .rev()
                    .for_each(|l| database.undo(arena, &l.change)),
            }
        }
        for settled in self.settled.iter().rev() {
            let survives = self.survives(settled, end, now, durability);
            if !survives {
                settled
                    .changes
                    .iter()
                    .rev()
                    .for_each(|change| database.undo(arena, change));
                commits -= 1;
            }
            let known = survives && self.config.version.persists_gtids();
            if settled.done.end > end && !known {
                gtid_executed =
                    gtid_executed.subtract(&single(Gtid::new(self.config.uuid, settled.done.gno)));
            }
        }
        let file_name = self
            .binlog
            .as_ref()
            .map(|b| b.name(end.file))
            .unwrap_or_default();
        Cut {
            database,
            end,
            file_name,
            gtid_executed,
            commits,
        }
    }

    /// Loses everything that was not durable and recovers, as `mysqld` does when it is started again.
    /// All connections are gone. Returns what was kept.
    pub fn crash(&mut self, arena: &mut Arena, now: u64, durability: Durability) -> Cut {
        let cut = self.cut(arena, now, durability);
        self.database = cut.database.clone();
        if !self.config.version.persists_auto_increment() {
            self.database.forget_auto_increments(arena);
        }
        self.gtid_executed = cut.gtid_executed.clone();
        self.next_gno = self.gtid_executed.next_free(self.config.uuid, None);
        if let Some(binlog) = self.binlog.as_mut() {
            binlog.truncate_to(cut.end);
            binlog.restart(self.config.epoch_us + now);
        }
        self.sessions.clear();
        self.locks.clear();
        self.settled.clear();
        self.redo_flushed_at = None;
        self.events.clear();
        self.pipeline.crash(cut.commits);
        self.read_only = super::fence::ReadOnly::Off;
        cut
    }

    /// Whether recovery finds an engine-committed transaction: its commit in the redo log, or its prepare there
    /// and its events in the binlog.
    fn survives(&self, settled: &Settled, end: LogPos, now: u64, durability: Durability) -> bool {
        let last_second = now / 1_000_000 * 1_000_000;
        let commit_is_durable = settled.at < last_second
            || self
                .redo_flushed_at
                .is_some_and(|flushed| settled.at <= flushed);
        commit_is_durable || (self.prepare_is_durable(durability) && settled.done.end <= end)
    }

    fn prepare_is_durable(&self, durability: Durability) -> bool {
        matches!(
            (self.config.flush_log_at_commit, durability),
            (1, _) | (2, Durability::Process)
        )
    }

    /// Remembers how to undo a commit that a crash could still take from the engine or from the binlog.
    pub(super) fn settle(&mut self, at: u64, done: Committed, changes: Vec<Change>) {
        let end = self.binlog.as_ref().map(|b| b.synced()).unwrap_or_default();
        while self
            .settled
            .front()
            .is_some_and(|s| s.done.end <= end && self.survives(s, end, at, Durability::Volume))
        {
            self.settled.pop_front();
        }
        self.settled.push_back(Settled { at, done, changes });
    }

    /// Whether a crash can take an acknowledged commit.
    pub(super) fn risks_acknowledged(&self) -> bool {
        self.config.flush_log_at_commit != 1
            || (self.config.sync_binlog != 1 && self.binlog.is_some())
    }

    fn count_in(&self, set: &mut GtidSet, gno: u64) {
        if gno > 0 {
            set.add(Gtid::new(self.config.uuid, gno));
        }
    }
}

fn single(gtid: Gtid) -> GtidSet {
    let mut set = GtidSet::new();
    set.add(gtid);
    set
}

/// A committed transaction that a crash could still take.
#[derive(Debug)]
pub(super) struct Settled {
    at: u64,
    done: Committed,
    changes: Vec<Change>,
}
