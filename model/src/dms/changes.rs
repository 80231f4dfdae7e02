//! Captured changes: kept in the order of the binlog, cached while tables are loaded and applied to each table when
//! that is done, then transaction by transaction, or in batches.
//!
//! One session applies. What is applied costs the transaction and its bytes, and is committed when that time is over.

use super::{
    TableState,
    batch::Net,
    task::{Costs, Effect, Ends, Status, StopReason, Task},
};
use crate::{
    apply::{ApplyErrorKind, Sink},
    arena::Arena,
    binlog::{
        group::{GroupKind, Groups},
        log::{Binlog, LogPos},
    },
    database::TableId,
    dms::Lobs,
    mutant::Mutant,
    replica::{Range, checksum},
    server::Server,
};
use std::collections::BTreeSet;

/// A transaction that was captured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Captured {
    /// Where it is; without bytes: a position that the source has told.
    pub(super) range: Range,
    /// When its first statement started, in seconds since 1970.
    pub(super) timestamp_s: u32,
}

/// What the session is applying.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// A cached transaction, to one table: its place among the tables.
    Cached(usize, Captured),
    /// A transaction.
    Transaction(Captured),
    /// So many of them together.
    Batch(usize),
}

/// And until when, in µs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Working {
    work: Work,
    pub(super) commit_us: u64,
}

/// Bytes of a binlog that are taken for a row when the time is worked out that it takes to apply it.
const BYTES_A_ROW: usize = 128;

impl Task {
    /// A message of the binlog stream has arrived: whole transactions, or a position alone.
    pub fn receive(&mut self, now: u64, range: Range, source: &Server) {
        self.read = Some(range.end());
        self.received_to = self.received_to.max(self.read);
        if range.span.is_empty() {
            self.captured.push_back(Captured {
                range,
                timestamp_s: 0,
            });
        } else if let Some(binlog) = source.binlog.as_ref() {
            let bytes = binlog.bytes(range.span);
            let groups = Groups::trusted(bytes, range.at.pos, checksum(binlog)).begun_anywhere();
            for group in groups.map_while(Result::ok) {
                // What RDS writes itself is in no task's scope.
                if group.kind != GroupKind::Internal {
                    self.meter.heard = true;
                    self.meter.last_s = group.timestamp_s;
                }
                self.captured.push_back(Captured {
                    range: range.part(group.start, group.end),
                    timestamp_s: group.timestamp_s,
                });
            }
        }
        if self.mutants.has(Mutant::CaptureIsCheckpoint) {
            self.applied_to = self.applied_to.max(range.end());
            self.save(now);
        }
    }

    /// Whether every table has come to where the others are.
    pub(super) fn is_following(&self) -> bool {
        self.tables.iter().all(|table| table.is_settled())
    }

    /// Whether cached changes wait until the task is resumed.
    fn keeps_cached(&self) -> bool {
        self.settings.stop_before_cached && !self.resumed && !self.is_following()
    }

    /// When the session has something to do, in µs.
    pub(super) fn apply_due(&self) -> Option<u64> {
        if self.keeps_cached() {
            return self
                .tables
                .iter()
                .all(|table| table.is_ready())
                .then_some(0);
        }
        if let Some(working) = &self.working {
            return Some(working.commit_us);
        }
        self.next_work().map(|(at, _)| at)
    }

    /// What comes next, and from when on.
    fn next_work(&self) -> Option<(u64, Work)> {
        if self.is_following() {
            let first = *self.captured.front()?;
            return Some(match self.settings.batch {
                true => (self.batch_due_us, Work::Batch(self.captured.len())),
                false => (0, Work::Transaction(first)),
            });
        }
        let loaded = self.tables.iter().enumerate();
        let loaded = loaded.filter(|(_, table)| table.state == TableState::Loaded);
        let mut cached = loaded.filter_map(|(index, table)| {
            let from = table.applied_to.max(table.captured_from);
            let next = self.captured.partition_point(|c| c.range.end() <= from);
            Some((0, Work::Cached(index, *self.captured.get(next)?)))
        });
        cached.next()
    }

    /// Whether every table that is not taken out is loaded, and nothing that was captured waits for it.
    fn cache_is_empty(&self) -> bool {
        // What the SELECTs may have seen already must have come by: after that a change that meets a conflict is wrong.
        let overlap = self.tables.iter().map(|table| table.overlap_to).max();
        self.tables.iter().all(|table| table.is_ready())
            && self.next_work().is_none()
            && self.read >= overlap
    }

    /// Commits what is due, and takes up what comes next.
    pub(super) fn step_changes(
        &mut self,
        arena: &mut Arena,
        now: u64,
        ends: &mut Ends<'_>,
        costs: &Costs,
        effects: &mut Vec<Effect>,
    ) {
        if self.keeps_cached() {
            if self.tables.iter().all(|table| table.is_ready()) {
                self.stop_as(now, StopReason::CachedChangesNotApplied, effects);
            }
            return;
        }
        loop {
            self.cached_is_applied(now, effects);
            if self.status != Status::Running {
                return;
            }
            if let Some(working) = self.working {
                if working.commit_us > now {
                    return;
                }
                if !ends.target_up {
                    let again = now + super::load::AGAIN_US;
                    self.working = Some(Working {
                        commit_us: again,
                        ..working
                    });
                    return;
                }
                self.working = None;
                self.commit(arena, working, ends, effects);
                continue;
            }
            let Some((at, work)) = self.next_work().filter(|(at, _)| *at <= now) else {
                return;
            };
            let ready = now.max(at);
            let us = match work {
                Work::Transaction(captured) => self.cost_us(&captured, costs),
                // It comes once for each table.
                Work::Cached(_, captured) => {
                    self.cost_us(&captured, costs) / self.tables.len().max(1) as u64
                }
                Work::Batch(count) => {
                    let changes = self.captured.iter().take(count);
                    let rows: u64 = changes.map(|c| rows_in(c) * costs.row_us).sum();
                    costs.transaction_us * self.tables.len() as u64 + rows / 8
                }
            };
            self.working = Some(Working {
                work,
                commit_us: ready + us,
            });
        }
    }

    fn cost_us(&self, captured: &Captured, costs: &Costs) -> u64 {
        match captured.range.span.is_empty() {
            true => 0,
            false => costs.transaction_us + rows_in(captured) * costs.row_us,
        }
    }

    /// The end of the phase in which each table has its own place in the stream.
    fn cached_is_applied(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.is_following() || !self.cache_is_empty() || self.working.is_some() {
            return;
        }
        let loaded = |table: &&mut super::TableTask| table.state == TableState::Loaded;
        for table in self.tables.iter_mut().filter(loaded) {
            table.state = TableState::Done;
        }
        // Everything that was captured is applied to every table.
        self.applied_to = match self.captured.back() {
            Some(last) => last.range.end(),
            None => self.first_needed().unwrap_or_default(),
        };
        self.captured.clear();
        self.save(now);
        effects.push(Effect::CachedApplied);
        if self.settings.stop_after_cached {
            self.stop_as(now, StopReason::CachedChangesApplied, effects);
        }
    }

    fn commit(
        &mut self,
        arena: &mut Arena,
        working: Working,
        ends: &mut Ends<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let at = working.commit_us;
        match working.work {
            Work::Cached(index, captured) => {
                let only = self.tables[index].table;
                self.apply_one(arena, at, &captured, BTreeSet::from([only]), ends, effects);
                self.tables[index].applied_to = captured.range.end();
            }
            Work::Transaction(captured) => {
                let tables = self.followed();
                self.apply_one(arena, at, &captured, tables, ends, effects);
                if self.status == Status::Running {
                    self.captured.pop_front();
                    self.applied_to = captured.range.end();
                }
            }
            Work::Batch(count) => {
                self.apply_batch(arena, at, count, ends, effects);
                self.batch_due_us = at + self.settings.batch_every_us;
            }
        }
        if self.settings.recovery_table || self.saved_us + self.settings.checkpoint_every_us <= at {
            self.save(at);
        }
    }

    fn followed(&self) -> BTreeSet<TableId> {
        let followed = self.tables.iter().filter(|t| t.state == TableState::Done);
        followed.map(|table| table.table).collect()
    }

    fn apply_one(
        &mut self,
        arena: &mut Arena,
        at: u64,
        captured: &Captured,
        tables: BTreeSet<TableId>,
        ends: &mut Ends<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(binlog) = ends.source.binlog.as_ref() else {
            return;
        };
        let manners = self.settings.manners(!self.is_following(), self.mutants);
        let lookup = self.lookup(arena, ends.source);
        let target = &mut *ends.target;
        let mut walked = Ok(());
        {
            let (walker, client) = (&mut self.walker, &mut self.client);
            let version = target.config.ddl_version;
            let source = &ends.source.database;
            let database = &mut target.database;
            let mut sink = client.on(
                database,
                source,
                lookup.as_ref(),
                &manners,
                &tables,
                version,
            );
            for group in groups(binlog, captured) {
                walked = walker.walk(arena, &mut sink, &group);
            }
        }
        if let Err(error) = walked {
            self.client.roll_back(arena, &mut target.database);
            return self.fail(error.kind, effects);
        }
        target.log_written(arena, at, &self.client.changes);
        let written = std::mem::take(&mut self.client.written);
        effects.push(Effect::Written {
            end: captured.range.end(),
            at,
            written,
        });
        self.take_out(effects);
    }

    /// Tables that a policy has taken out.
    pub(super) fn take_out(&mut self, effects: &mut Vec<Effect>) {
        for (table, error) in std::mem::take(&mut self.client.suspended) {
            if let Some(index) = self.tables.iter().position(|t| t.table == table) {
                self.suspend(index, &error, effects);
            }
        }
    }

    /// Where LOBs are looked up, when they are.
    fn lookup(&self, arena: &mut Arena, source: &Server) -> Option<crate::database::Database> {
        let looks_up = self.settings.lobs == Lobs::Full;
        looks_up.then(|| source.read_view(arena))
    }

    fn apply_batch(
        &mut self,
        arena: &mut Arena,
        at: u64,
        count: usize,
        ends: &mut Ends<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(binlog) = ends.source.binlog.as_ref() else {
            return;
        };
        let count = count.min(self.captured.len());
        let mut batch: Vec<Captured> = self.captured.iter().take(count).copied().collect();
        let end = batch.last().map_or(self.applied_to, |c| c.range.end());
        if self.mutants.has(Mutant::BatchOutOfOrder) {
            batch.reverse();
        }
        let manners = self.settings.manners(false, self.mutants);
        let tables = self.followed();
        let version = ends.target.config.ddl_version;
        let mut net = Net::new(&ends.source.database);
        for captured in &batch {
            net.behind(captured.range.end());
            for group in groups(binlog, captured) {
                if let Err(error) = self.walker.walk(arena, &mut net, &group) {
                    return self.fail(error.kind, effects);
                }
            }
        }
        let net = net.done();
        let target = &mut *ends.target;
        let source = &ends.source.database;
        let mut sink = self.client.on(
            &mut target.database,
            source,
            None,
            &manners,
            &tables,
            version,
        );
        let applied = net.apply(arena, &mut |arena, work| sink.row(arena, work));
        if let Err(error) = applied {
            self.client.roll_back(arena, &mut target.database);
            return self.fail(error, effects);
        }
        target.log_written(arena, at, &self.client.changes);
        let written = std::mem::take(&mut self.client.written);
        for (end, written) in net.by_transaction(&written) {
            effects.push(Effect::Written { end, at, written });
        }
        self.take_out(effects);
        self.captured.drain(..count);
        self.applied_to = end;
    }

    /// The task stops at an error.
    pub(super) fn fail(&mut self, error: ApplyErrorKind, effects: &mut Vec<Effect>) {
        self.status = Status::Failed(error.to_string());
        effects.push(Effect::Failed(error.to_string()));
        self.forget();
    }

    /// The timestamp of the first transaction that waits to be committed.
    pub(super) fn waiting_s(&self) -> Option<u32> {
        let waiting = self.captured.iter().find(|c| !c.range.span.is_empty());
        waiting.map(|captured| captured.timestamp_s)
    }

    /// From where on the stream is needed: the first change that some table has not got.
    pub(super) fn first_needed(&self) -> Option<LogPos> {
        if self.is_following() {
            return Some(self.applied_to);
        }
        let begun = self.tables.iter().filter(|t| t.captured_from.file > 0);
        let open = begun.filter(|t| !matches!(t.state, TableState::Suspended(_)));
        open.map(|t| t.applied_to.max(t.captured_from)).min()
    }
}

fn rows_in(captured: &Captured) -> u64 {
    (captured.range.span.length() / BYTES_A_ROW) as u64 + 1
}

/// The transaction, or nothing where there is a position alone.
fn groups<'a>(
    binlog: &'a Binlog,
    captured: &Captured,
) -> impl Iterator<Item = crate::binlog::group::Group<'a>> + use<'a> {
    let Range { at, span } = captured.range;
    let bytes = binlog.bytes(span);
    let groups = Groups::trusted(bytes, at.pos, checksum(binlog)).begun_anywhere();
    groups.map_while(Result::ok)
}
