//! What survives: a cut through the server's storage, and recovery from it.
//!
//! A volume snapshot and a crash are the same thing seen twice: what had reached the storage stays, the
//! rest is gone, and recovery decides each transaction by two logs:
//!
//! | redo log (see [`super::redo`]) | in the binlog | recovered as |
//! | --- | --- | --- |
//! | has its COMMIT | either | committed |
//! | has its PREPARE | yes | committed, acknowledged or not |
//! | has its PREPARE | no | rolled back |
//! | has neither | either | not there |
//!
//! Source: `MYSQL_BIN_LOG::recover`, `ordered_commit`. So with `sync_binlog = 1` and
//! `innodb_flush_log_at_trx_commit = 1`: acknowledged ⊆ durable binlog = recovered engine. Without the first
//! the binlog loses what the engine may keep and replicas may have; without the second the engine loses what
//! the binlog has. Each of the two logs keeps a beginning of what was written to it, in one order, so what is
//! recovered is always a beginning of the history.
//!
//! An XA transaction that is prepared stays so, whoever prepared it; the group of its COMMIT decides as any other.
//!
//! Not modelled: the counter of AUTO_INCREMENT is taken to be durable at once from 8.0 on, where a server may
//! repeat values whose redo records were lost.

use super::{
    Committed, Journaled, Own, Prepared, Server,
    commit::{Member, Stage},
    redo::{Record, Redo},
    session::{Logged, Session, SessionId, Xa},
};
use crate::{
    arena::Arena,
    binlog::log::LogPos,
    database::{Change, Database},
    ddl as sql,
    gtid::{Gtid, GtidSet},
    mutant::Mutant,
};
use std::sync::Arc;

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
    /// The true coordinates of the tables: behind the last transaction that is in them.
    pub end: LogPos,
    /// The file's name at `end`.
    pub file_name: String,
    /// `@@global.gtid_executed` after recovery: the GTIDs in the binlog, and, since 8.0.17, those that the
    /// engine has saved with its commits.
    pub gtid_executed: GtidSet,
    /// How many transactions of the server's history are in the tables: the first ones, but for those that an
    /// earlier crash took.
    pub commits: u64,
    /// Where the binlog ends: behind `end` where the engine has lost what the binlog has, before it where
    /// the binlog has.
    pub binlog_end: LogPos,
    /// How many transactions of the server's history the binlog has, purged ones included.
    pub logged: u64,
    /// XA transactions that are prepared and not decided; their changes are in the tables.
    pub prepared: Vec<Prepared>,
}

/// A transaction that is in the engine and that a crash could still take, from there or from the binlog.
#[derive(Debug)]
pub(super) struct Settled {
    start: LogPos,
    done: Committed,
    prepared: Record,
    committed: Record,
    /// How to undo it; dropped once the engine cannot lose it.
    changes: Vec<Change>,
}

/// What a cut leaves of the two logs.
#[derive(Clone, Copy, Debug)]
struct Storage {
    binlog_end: Option<LogPos>,
    now: u64,
    durability: Durability,
}

impl Storage {
    fn logs(&self, done: &Committed) -> bool {
        self.binlog_end.is_some_and(|end| done.end <= end)
    }

    fn keeps(&self, redo: &Redo, settled: &Settled) -> bool {
        let has = |record| redo.keeps(record, self.now, self.durability);
        has(settled.committed) || has(settled.prepared) && self.logs(&settled.done)
    }
}

/// Where tables and binlog part, gathered in the order of the history.
#[derive(Debug, Default)]
struct Parting {
    kept: u64,
    logged: u64,
    /// Behind the last transaction that the engine alone has.
    engine_alone: Option<LogPos>,
    /// Before the first that the binlog alone has.
    binlog_alone: Option<LogPos>,
}

impl Parting {
    fn count(&mut self, start: LogPos, end: LogPos, kept: bool, logged: bool) {
        self.kept += u64::from(kept);
        self.logged += u64::from(logged);
        match (kept, logged) {
            (true, false) => self.engine_alone = Some(end),
            (false, true) => self.binlog_alone = self.binlog_alone.or(Some(start)),
            _ => {}
        }
    }
}

impl Server {
    /// Cuts through the storage at `now`. Costs what is in flight and what a crash could take, whatever the
    /// tables hold.
    pub fn cut(&self, arena: &mut Arena, now: u64, durability: Durability) -> Cut {
        let binlog_end = self.binlog.as_ref().map(|binlog| match durability {
            Durability::Volume => binlog.synced(),
            Durability::Process => binlog.end(),
        });
        let storage = Storage {
            binlog_end,
            now,
            durability,
        };
        let mut parting = Parting::default();
        let gtid_executed = self.recovered_gtids(storage, &mut parting);
        let known = self.settled.len() as u64 + self.flushed().count() as u64;
        let before = self.pipeline.next_number() - known;
        let binlog_end = binlog_end.unwrap_or_default();
        let end = parting.binlog_alone.or(parting.engine_alone);
        let end = end.unwrap_or(binlog_end);
        let name = self.binlog.as_ref().map(|b| b.name(end.file));
        Cut {
            database: self.recovered_tables(arena, storage),
            end,
            file_name: name.unwrap_or_default(),
            gtid_executed,
            commits: before + parting.kept,
            binlog_end,
            logged: before + parting.logged,
            prepared: self.recovered_prepared(storage),
        }
    }

    /// Loses everything that was not durable and recovers, as `mysqld` does when it is started again.
    /// All connections are gone. Returns what was kept.
    pub fn crash(&mut self, arena: &mut Arena, now: u64, durability: Durability) -> Cut {
        let cut = self.cut(arena, now, durability);
        self.correct_journal(now, durability, &cut);
        self.start_from(arena, now, &cut);
        cut
    }

    /// Starts again from an earlier cut of this server's storage: a standby takes over that had come so far. What
    /// was committed since is gone, from the tables and from the binlog. Numbers of commits are not given twice.
    pub fn start_from(&mut self, arena: &mut Arena, now: u64, cut: &Cut) {
        let mutants = self.config.mutants;
        self.database = cut.database.clone();
        if !self.config.version.persists_auto_increment()
            || mutants.has(Mutant::AutoIncrementForgotten)
        {
            self.database.forget_auto_increments(arena);
        }
        self.gtid_executed = match mutants.has(Mutant::GtidHull) {
            true => hull(&cut.gtid_executed),
            false => cut.gtid_executed.clone(),
        };
        self.next_gno = self.gtid_executed.next_free(self.config.uuid, None);
        self.gtid_purged = self.gtid_executed.clone();
        if let Some(binlog) = self.binlog.as_mut() {
            binlog.truncate_to(cut.binlog_end);
            binlog.restart(self.config.epoch_us + now);
            // What is in no file counts as purged: `lost_gtids` in mysqld.cc.
            self.gtid_purged = self.gtid_executed.subtract(binlog.logged());
            self.gtid_purged.union_with(binlog.purged());
            if mutants.has(Mutant::GnoReusedAfterRestart)
                && let Some(last) = binlog.files().iter().rev().nth(1)
            {
                self.next_gno = last.previous().next_free(self.config.uuid, None);
            }
        }
        self.sessions.clear();
        self.locks.clear();
        self.settled.clear();
        self.redo = Redo::default();
        self.events.clear();
        self.pipeline.crash();
        self.read_only = super::fence::ReadOnly::Off;
        self.waiting_for_metadata = 0;
        for prepared in &cut.prepared {
            self.adopt(arena, prepared.clone());
        }
    }

    /// Transactions that have their number and whose commit nobody has heard of yet, in order: what a crash leaves
    /// to recovery to decide. With each the session that sent its COMMIT; none for an XA PREPARE.
    pub fn undecided(&self) -> impl Iterator<Item = (Option<SessionId>, Committed)> {
        self.flushed().map(|(member, session)| {
            let by = match &session.xa {
                Xa::Preparing(_) => None,
                Xa::Deciding(_, by) => Some(*by),
                Xa::No | Xa::Prepared(_) => Some(member.session),
            };
            (by, member.done)
        })
    }

    /// The group under way, as far as it is in the binlog's file or, without a binlog, numbered.
    fn flushed(&self) -> impl DoubleEndedIterator<Item = (&Member, &Session)> {
        let numbered = self.pipeline.group.iter().filter(|m| m.sequence > 0);
        numbered.filter_map(|m| Some((m, self.sessions.get(m.session)?)))
    }

    /// Whether a transaction is prepared whatever becomes of the group under way.
    fn stays_prepared(&self, session: &Session) -> bool {
        matches!(session.xa, Xa::Prepared(_) | Xa::Deciding(..))
            && self.config.version.logs_prepared()
    }

    /// The XA transactions that recovery leaves prepared.
    fn recovered_prepared(&self, storage: Storage) -> Vec<Prepared> {
        let mut all = Vec::new();
        for (id, session) in self.sessions.iter() {
            let mut flushed = self.flushed();
            let kept = flushed
                .find(|(member, _)| member.session == id)
                .is_some_and(|(member, session)| self.keeps_flushed(storage, member, session));
            let prepared = match &session.xa {
                Xa::Preparing(xid) if kept => Some(xid),
                Xa::Prepared(xid) => Some(xid),
                Xa::Deciding(xid, _) if !kept => Some(xid),
                _ => None,
            };
            if let Some(xid) = prepared.filter(|_| self.config.version.logs_prepared()) {
                all.push(Prepared {
                    xid: Arc::clone(xid),
                    changes: session.changes.iter().map(|l| l.change).collect(),
                });
            }
        }
        all
    }

    fn keeps_flushed(&self, storage: Storage, member: &Member, session: &Session) -> bool {
        let mutants = self.config.mutants;
        let decided = match self.binlog {
            Some(_) if mutants.has(Mutant::RecoveryDropsLogged) => false,
            Some(_) if mutants.has(Mutant::RecoveryCommitsUnlogged) => true,
            Some(_) => storage.logs(&member.done),
            // Without a binlog there is one record, the COMMIT, written after the wait for the redo log.
            None => self.pipeline.stage == Stage::Commit,
        };
        decided
            && self
                .redo
                .keeps(session.prepared, storage.now, storage.durability)
    }

    /// Whether recovery counts a transaction's GTID as executed.
    fn keeps_gtid(&self, kept: bool, logged: bool) -> bool {
        let saved = self.binlog.is_none() || self.config.version.saves_gtids_with_commits();
        logged || kept && saved
    }

    fn recovered_gtids(&self, storage: Storage, parting: &mut Parting) -> GtidSet {
        let mut executed = self.gtid_executed.clone();
        let mut lost = GtidSet::new();
        for settled in &self.settled {
            let (kept, logged) = (
                storage.keeps(&self.redo, settled),
                storage.logs(&settled.done),
            );
            parting.count(settled.start, settled.done.end, kept, logged);
            if !self.keeps_gtid(kept, logged) {
                lost.add(Gtid::new(self.config.uuid, settled.done.gno));
            }
        }
        for (member, session) in self.flushed() {
            let (kept, logged) = (
                self.keeps_flushed(storage, member, session),
                storage.logs(&member.done),
            );
            parting.count(member.start, member.done.end, kept, logged);
            if self.keeps_gtid(kept, logged) {
                executed.add(Gtid::new(self.config.uuid, member.done.gno));
            }
        }
        if lost.is_empty() {
            return executed;
        }
        executed.subtract(&lost)
    }

    fn recovered_tables(&self, arena: &mut Arena, storage: Storage) -> Database {
        let mut database = self.database.clone();
        let mutants = self.config.mutants;
        let mut undo = |arena: &mut Arena, changes: &[Logged]| {
            let changes = changes.iter().rev();
            changes.for_each(|l| database.undo(arena, &l.change));
        };
        for (id, session) in self.sessions.iter() {
            let open = !self.flushed().any(|(member, _)| member.session == id);
            if open && !self.stays_prepared(session) && !mutants.has(Mutant::RecoveryKeepsOpen) {
                undo(arena, &session.changes);
            }
        }
        for (member, session) in self.flushed().rev() {
            if !self.keeps_flushed(storage, member, session) {
                if !self.stays_prepared(session) {
                    undo(arena, &session.changes);
                }
            } else if mutants.has(Mutant::RecoveryTearsTransaction) {
                undo(arena, session.changes.get(..1).unwrap_or_default());
            }
        }
        for settled in self.settled.iter().rev() {
            if !storage.keeps(&self.redo, settled) {
                let changes = settled.changes.iter().rev();
                changes.for_each(|change| database.undo(arena, change));
            }
        }
        for (member, session) in self.flushed() {
            if let Some(statement) = session.text.as_ref().and_then(|text| text.ddl())
                && self.keeps_flushed(storage, member, session)
            {
                // Checked against this catalogue before it was queued.
                let by = session.changes_events_as();
                let _ = sql::apply_by(&mut database, arena, statement, by);
            }
        }
        database
    }

    /// The journal is of what clients committed: less what is lost, and what recovery commits for them.
    fn correct_journal(&mut self, now: u64, durability: Durability, cut: &Cut) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        let storage = Storage {
            binlog_end: self.binlog.as_ref().map(|_| cut.binlog_end),
            now,
            durability,
        };
        let lost = self
            .settled
            .iter()
            .filter(|s| !storage.keeps(&self.redo, s));
        let lost: usize = lost.map(|s| s.changes.len()).sum();
        journal.truncate(journal.len().saturating_sub(lost));
        for (member, session) in self.flushed() {
            let decided = !matches!(session.xa, Xa::Preparing(_));
            if decided && self.keeps_flushed(storage, member, session) {
                let end = member.done.end;
                let rows = session.changes.iter().map(|l| Own::Row(l.change));
                let statement = session.text.as_ref().and_then(|text| text.ddl().cloned());
                let own = rows.chain(statement.map(Own::Statement));
                journal.extend(own.map(|own| Journaled { own, end }));
            }
        }
        self.journal = Some(journal);
    }

    /// The engine commits a transaction: its record, and how to undo it where a crash could take it.
    pub(super) fn engine_commit(&mut self, at: u64, member: &Member) {
        let mut committed = self.redo.write(at);
        let Some(session) = self.sessions.get(member.session) else {
            return;
        };
        if self.binlog.is_none() {
            committed = session.prepared;
        }
        if session.text.is_some() || session.xa != Xa::No {
            self.redo.sync();
        }
        if !self.risks_acknowledged() {
            return;
        }
        let settled = Settled {
            start: member.start,
            done: member.done,
            prepared: session.prepared,
            committed,
            changes: match session.xa {
                Xa::No => session.changes.iter().map(|l| l.change).collect(),
                _ => Vec::new(),
            },
        };
        self.settled.push_back(settled);
        self.forget_settled(at);
    }

    /// Without a binlog the group's COMMIT records are what the flush is for.
    pub(super) fn flush_without_binlog(&mut self, at: u64) {
        for member in &self.pipeline.group {
            if let Some(session) = self.sessions.get_mut(member.session) {
                session.prepared = self.redo.write(at);
            }
        }
        self.redo.flush(self.config.flush_log_at_commit);
    }

    /// Drops what no crash can take any more.
    fn forget_settled(&mut self, now: u64) {
        let storage = Storage {
            binlog_end: self.binlog.as_ref().map(|b| b.synced()),
            now,
            durability: Durability::Volume,
        };
        let has_binlog = self.binlog.is_some();
        while let Some(first) = self.settled.front()
            && storage.keeps(&self.redo, first)
            && (storage.logs(&first.done) || !has_binlog)
        {
            self.settled.pop_front();
        }
        let redo = &self.redo;
        let engine_keeps = self.settled.iter_mut().rev();
        engine_keeps
            .skip_while(|s| !storage.keeps(redo, s))
            .take_while(|s| !s.changes.is_empty())
            .for_each(|s| s.changes = Vec::new());
    }

    /// Whether a crash can take an acknowledged commit.
    fn risks_acknowledged(&self) -> bool {
        self.config.flush_log_at_commit != 1
            || (self.config.sync_binlog != 1 && self.binlog.is_some())
    }
}

/// A set with its holes closed: a mutant's.
fn hull(set: &GtidSet) -> GtidSet {
    let mut hull = GtidSet::new();
    for (uuid, tag, interval) in set.intervals() {
        let last = set.last(uuid, tag).unwrap_or(interval.last);
        hull.add_range(uuid, tag, interval.first, last);
    }
    hull
}
