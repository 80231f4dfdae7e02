//! The applier: a coordinator that reads the relay log, and workers.

use super::{Config, Range, Replica, ThreadError, checksum};
use crate::{
    apply::{ApplyError, ApplyErrorKind, DdlEvent, Direct, RowWork, Sink, Walker, table_of},
    arena::Arena,
    binlog::{
        decode::TableMap,
        group::{Group, GroupKind, Groups},
        log::LogPos,
    },
    database::{Change, Database, TableId},
    schema::TableDef,
    server::Server,
    table::RowKey,
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

/// What applying costs, in µs.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// A transaction, its rows aside.
    pub transaction_us: u64,
    /// A row.
    pub row_us: u64,
    /// A page that is touched for the first time since the restore.
    pub first_touch_us: u64,
}

/// A group at a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applying {
    /// Where it is.
    pub range: Range,
    sequence: u64,
    timestamp_s: u32,
    /// When the worker is done with it, in µs.
    done_us: u64,
    /// When it commits.
    pub commit_us: u64,
}

/// Rows per page of a volume, for counting first touches.
const ROWS_PER_PAGE: u64 = 128;

#[derive(Debug)]
pub(super) struct Applier {
    config: Config,
    pub(super) running: bool,
    pub(super) exec: LogPos,
    pub(super) exec_file: String,
    pub(super) last_error: Option<ThreadError>,
    pub(super) applying_timestamp_s: Option<u32>,
    /// In the order of the relay log.
    in_flight: VecDeque<Applying>,
    last_commit_us: u64,
    warm: BTreeSet<(TableId, u64)>,
    walker: Walker,
    counter: Walker,
    direct: Direct,
}

impl Applier {
    pub(super) fn new(config: Config, exec_file: String, pos: u64) -> Self {
        Self {
            config,
            running: false,
            exec: LogPos { file: 0, pos },
            exec_file,
            last_error: None,
            applying_timestamp_s: None,
            in_flight: VecDeque::new(),
            last_commit_us: 0,
            warm: BTreeSet::new(),
            walker: Walker::default(),
            counter: Walker::default(),
            direct: Direct::default(),
        }
    }

    pub(super) fn start(&mut self) {
        self.running = true;
        self.last_error = None;
    }

    /// What workers had not committed goes back to the relay log.
    pub(super) fn stop(&mut self, relay: &mut VecDeque<Range>) {
        self.running = false;
        for applying in self.in_flight.drain(..).rev() {
            relay.push_front(applying.range);
        }
        self.applying_timestamp_s = None;
    }

    pub(super) fn connected(&mut self, file: &str, at: LogPos) {
        if self.exec.file == 0 {
            self.exec = at;
            self.exec_file = file.to_string();
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    fn workers(&self) -> usize {
        self.config.workers.max(1) as usize
    }

    /// When a group that may follow `last_committed` can start.
    fn may_start_us(&self, now: u64, file: u64, last_committed: u64, alone: bool) -> u64 {
        let depends =
            |a: &&Applying| alone || a.range.at.file != file || a.sequence <= last_committed;
        self.in_flight
            .iter()
            .filter(depends)
            .map(|a| a.commit_us)
            .max()
            .unwrap_or(0)
            .max(now)
    }
}

impl Replica {
    /// When the applier has something to do next, in µs.
    pub fn next_due(&self) -> Option<u64> {
        if !self.applier.running {
            return None;
        }
        let commit = self.applier.in_flight.iter().map(|a| a.commit_us).min();
        // A position alone waits until the workers are done.
        let ready = self
            .relay
            .front()
            .is_some_and(|r| !r.span.is_empty() || self.applier.is_idle());
        let free = ready && self.applier.in_flight.len() < self.applier.workers();
        if free { Some(0) } else { commit }
    }

    /// Hands what is in the relay log to free workers and commits what is due at `now`. `source` is read
    /// for the bytes alone. `applied` hears of every commit: where the group ended, and its changes.
    pub fn step(
        &mut self,
        arena: &mut Arena,
        now: u64,
        server: &mut Server,
        source: &Server,
        costs: Costs,
        mut applied: impl FnMut(LogPos, u64, &[Change], &Arena),
    ) {
        if !self.applier.running {
            return;
        }
        self.dispatch(arena, now, server, source, costs);
        while let Some(index) = self.due(now) {
            let applying = self.applier.in_flight[index];
            match self.commit(arena, server, source, &applying) {
                Ok(()) => {
                    let end = applying.range.end();
                    applied(end, applying.commit_us, &self.applier.direct.changes, arena);
                    self.applier.in_flight.remove(index);
                    self.advance(end, source);
                }
                Err(error) => {
                    self.stopped_by(&error, &applying, source);
                    return;
                }
            }
            self.dispatch(arena, now, server, source, costs);
        }
    }

    fn due(&self, now: u64) -> Option<usize> {
        let in_flight = &self.applier.in_flight;
        let first = (0..in_flight.len()).min_by_key(|&i| (in_flight[i].commit_us, i))?;
        (in_flight[first].commit_us <= now).then_some(first)
    }

    /// The low-water mark: the end of the last group before the first that is not done.
    fn advance(&mut self, end: LogPos, source: &Server) {
        let mark = match self.applier.in_flight.front() {
            Some(front) => front.range.at,
            None => end,
        };
        if mark > self.applier.exec {
            if mark.file != self.applier.exec.file
                && let Some(name) = source.binlog.as_ref().map(|b| b.name(mark.file))
            {
                self.applier.exec_file = name;
            }
            self.applier.exec = mark;
        }
        self.applier.applying_timestamp_s = self.applier.in_flight.front().map(|a| a.timestamp_s);
    }

    fn dispatch(
        &mut self,
        arena: &mut Arena,
        now: u64,
        server: &Server,
        source: &Server,
        costs: Costs,
    ) {
        while self.applier.in_flight.len() < self.applier.workers() {
            let Some(range) = self.relay.front().copied() else {
                return;
            };
            let Some(binlog) = source.binlog.as_ref() else {
                return;
            };
            if range.span.is_empty() {
                if !self.applier.in_flight.is_empty() {
                    return;
                }
                self.relay.pop_front();
                self.advance(range.at, source);
                continue;
            }
            let group = match Groups::new(binlog.bytes(range.span), range.at.pos, checksum(binlog))
                .next()
            {
                Some(Ok(group)) => group,
                // What is left of the range holds no group: heads of files and the like.
                None => {
                    self.relay.pop_front();
                    continue;
                }
                Some(Err(error)) => {
                    self.applier.running = false;
                    self.applier.last_error = Some(ThreadError {
                        errno: 13_121,
                        text: format!("Relay log read failure: {error}"),
                    });
                    return;
                }
            };
            let alone = group.kind == GroupKind::Ddl;
            let cost = self.cost(arena, server, &group, costs);
            let (last_committed, sequence) = group
                .gtid
                .as_ref()
                .map_or((0, 0), |g| (g.last_committed, g.sequence_number));
            let start = self.applier.may_start_us(
                now,
                range.at.file,
                last_committed,
                alone || sequence == 0,
            );
            let done_us = start + cost;
            let commit_us = if self.applier.config.preserve_commit_order {
                done_us.max(self.applier.last_commit_us)
            } else {
                done_us
            };
            self.applier.last_commit_us = commit_us;
            let taken = range.part(group.start, group.end);
            if self.applier.in_flight.is_empty() {
                self.applier.applying_timestamp_s = Some(group.timestamp_s);
            }
            self.applier.in_flight.push_back(Applying {
                range: taken,
                sequence,
                timestamp_s: group.timestamp_s,
                done_us,
                commit_us,
            });
            match self.relay.front_mut() {
                Some(front) if group.end < front.end().pos => *front = front.from(group.end),
                _ => {
                    self.relay.pop_front();
                }
            }
            if alone {
                return;
            }
        }
    }

    fn cost(&mut self, arena: &mut Arena, server: &Server, group: &Group<'_>, costs: Costs) -> u64 {
        let applier = &mut self.applier;
        let mut counter = Counter {
            database: &server.database,
            warm: &mut applier.warm,
            rows: 0,
            cold: 0,
            lazy: costs.first_touch_us > 0,
        };
        // An error is met again, and told, when the group is applied.
        let _ = applier.counter.walk(arena, &mut counter, group);
        costs.transaction_us + counter.rows * costs.row_us + counter.cold * costs.first_touch_us
    }

    fn commit(
        &mut self,
        arena: &mut Arena,
        server: &mut Server,
        source: &Server,
        applying: &Applying,
    ) -> Result<(), ApplyError> {
        let Some(binlog) = source.binlog.as_ref() else {
            return Ok(());
        };
        let Range { at, span } = applying.range;
        // The group was read when it was handed to the worker.
        let Some(Ok(group)) = Groups::new(binlog.bytes(span), at.pos, checksum(binlog)).next()
        else {
            return Ok(());
        };
        server.apply_replicated(
            arena,
            applying.commit_us,
            &mut self.applier.walker,
            &mut self.applier.direct,
            &group,
        )
    }

    fn stopped_by(&mut self, error: &ApplyError, applying: &Applying, source: &Server) {
        let end = applying.range.end();
        let file = source
            .binlog
            .as_ref()
            .map(|b| b.name(end.file))
            .unwrap_or_default();
        let errno = error.kind.code().map_or(13_121, u32::from);
        let text = format!(
            "Coordinator stopped because there were error(s) in the worker(s): {} ; the event's source log {file}, end_log_pos {}",
            error.kind, end.pos
        );
        self.applier.stop(&mut self.relay);
        self.applier.last_error = Some(ThreadError { errno, text });
    }
}

/// Counts rows, and pages that nobody has touched yet.
struct Counter<'a> {
    database: &'a Database,
    warm: &'a mut BTreeSet<(TableId, u64)>,
    rows: u64,
    cold: u64,
    lazy: bool,
}

impl Sink for Counter<'_> {
    fn table(
        &mut self,
        _: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        table_of(self.database, map)
    }

    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        self.rows += 1;
        if self.lazy
            && let Some(before) = &work.before
            && let Ok(RowKey(key)) = self.database.find(arena, work.table, before)
            && self.warm.insert((work.table, key / ROWS_PER_PAGE))
        {
            self.cold += 1;
        }
        Ok(())
    }

    fn ddl(&mut self, _: &mut Arena, _: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        Ok(())
    }

    fn xa_prepared(&mut self, _: &str) {}

    fn xa_decided(&mut self, _: &mut Arena, _: &str, _: bool) -> Result<(), ApplyErrorKind> {
        Ok(())
    }
}
