//! The applier: a coordinator that reads the relay log, and workers.

use super::{Config, Range, Replica, ThreadError, checksum, skip::Failed};
use crate::{
    apply::{
        ApplyError, Direct, Reading, Walker,
        filter::{LeftOut, Rules},
    },
    arena::Arena,
    binlog::{
        frame::Frames,
        group::{GroupKind, Groups},
        log::{Binlog, LogPos},
    },
    database::{Change, Database, TableId},
    mutant::Mutant,
    server::{Heading, Server, Version},
};
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use std::{collections::VecDeque, sync::Arc};

/// What applying costs, in µs.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// A transaction, its rows aside.
    pub transaction_us: u64,
    /// A row.
    pub row_us: u64,
    /// A page that is touched for the first time since the restore.
    pub first_touch_us: u64,
    /// A row that is looked at to find another: every row of a table that has no key, for each row that an event
    /// changes in it [D RDS `CHAP_BestPractices`].
    pub scan_row_us: u64,
    /// A row that a change of its table goes through ([`Effort`](crate::ddl::Effort)).
    pub alter_row_us: u64,
}

/// A group at a worker.
#[derive(Debug)]
struct Applying {
    /// Where it is.
    range: Range,
    sequence: u64,
    /// Nothing may start before it has committed: DDL.
    alone: bool,
    /// When it commits, in µs.
    commit_us: u64,
    work: Box<Work>,
}

/// Where a group is that was read, and in the order of its source.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u64,
    end: u64,
    /// 0 where there is no such number.
    last_committed: u64,
    sequence: u64,
    /// It is a statement that commits by itself.
    is_ddl: bool,
}

/// What a group does. One is kept and used again for every group.
#[derive(Debug, Default)]
struct Work {
    heading: Heading,
    reading: Reading,
}

/// Rows per page of a volume, for counting first touches.
const ROWS_PER_PAGE: u64 = 128;

#[derive(Debug)]
pub(super) struct Applier {
    config: Config,
    pub(super) running: bool,
    /// It stops as soon as what workers have in hand is committed, and hands out nothing more.
    stopping: bool,
    pub(super) exec: LogPos,
    pub(super) exec_file: String,
    /// The position before the last: what [`Mutant::PositionSavedApart`] goes back to.
    exec_before: LogPos,
    pub(super) last_error: Option<ThreadError>,
    /// What it stopped at: none where that is no group that can be read.
    pub(super) failed: Option<Failed>,
    pub(super) applying_timestamp_s: Option<u32>,
    /// In the order of the relay log.
    in_flight: VecDeque<Applying>,
    /// When the first of them commits, in µs.
    soonest_us: Option<u64>,
    last_commit_us: u64,
    /// The furthest end of a group that was applied: without commit order the last to commit may be an earlier one.
    furthest: LogPos,
    /// Pages that have been read since the restore.
    warm: IndexSet<(TableId, u64), FxBuildHasher>,
    walker: Walker,
    /// Used again for the groups that come.
    #[expect(
        clippy::vec_box,
        reason = "the boxes go to workers and back; what is in them stays where it is"
    )]
    spare: Vec<Box<Work>>,
    direct: Direct,
}

impl Applier {
    pub(super) fn new(config: Config, exec_file: String, pos: u64) -> Self {
        Self {
            config,
            running: false,
            stopping: false,
            exec: LogPos { file: 0, pos },
            exec_before: LogPos { file: 0, pos },
            exec_file,
            last_error: None,
            failed: None,
            applying_timestamp_s: None,
            in_flight: VecDeque::new(),
            soonest_us: None,
            last_commit_us: 0,
            furthest: LogPos::default(),
            warm: IndexSet::default(),
            walker: Walker::default(),
            spare: Vec::new(),
            direct: Direct::new(config.exec_mode, config.mutants),
        }
    }

    /// Leaves out what these say.
    pub(super) fn filter(&mut self, rules: Arc<Rules>) {
        self.walker = Walker::filtered(rules);
    }

    pub(super) fn start(&mut self) {
        self.running = true;
        self.last_error = None;
        self.failed = None;
    }

    /// Its threads end at once: what workers had not committed goes back to the relay log, and is missing there if they have
    /// committed what comes behind it.
    pub(super) fn end(&mut self, relay: &mut VecDeque<Range>) {
        self.running = false;
        self.stopping = false;
        self.give_back(relay, 0);
    }

    /// `STOP REPLICA` waits until no group is missing before one that is committed; gaps are left by a kill or an error alone
    /// (MySQL manual, "Replication and Transaction Inconsistencies"). How long that takes is not modelled: what is missing
    /// is due at `now`. What comes behind it goes back to the relay log.
    pub(super) fn stop(&mut self, now: u64, relay: &mut VecDeque<Range>) {
        let missing = self.in_flight.iter();
        let missing = missing.take_while(|a| a.range.at < self.furthest).count();
        if !self.running || missing == 0 {
            self.end(relay);
            return;
        }
        self.stopping = true;
        self.give_back(relay, missing);
        self.in_flight.iter_mut().for_each(|a| a.commit_us = now);
        self.soonest_us = Some(now);
    }

    /// What workers have in hand goes back to the relay log, but for the first groups.
    fn give_back(&mut self, relay: &mut VecDeque<Range>, kept: usize) {
        for applying in self.in_flight.drain(kept..).rev() {
            relay.push_front(applying.range);
        }
        if self.in_flight.is_empty() {
            self.soonest_us = None;
            self.applying_timestamp_s = None;
        }
    }

    /// An applier that was told to stop does when nothing is missing any more.
    fn stops_when_idle(&mut self) {
        if self.stopping && self.in_flight.is_empty() {
            self.stopping = false;
            self.running = false;
        }
    }

    /// With [`Mutant::PositionSavedApart`] the position of one transaction before, in the same file.
    pub(super) fn read_saved_position(&mut self) {
        if self.config.mutants.has(Mutant::PositionSavedApart)
            && self.exec_before.file == self.exec.file
        {
            self.exec = self.exec_before;
        }
    }

    /// Everything up to `at` counts as applied.
    pub(super) fn forget(&mut self, file: &str, at: LogPos) {
        self.in_flight.clear();
        self.soonest_us = None;
        self.exec = at;
        self.exec_file = file.to_string();
    }

    pub(super) fn connected(&mut self, file: &str, at: LogPos) {
        if self.exec.file == 0 {
            self.exec = at;
            self.exec_file = file.to_string();
        }
    }

    pub(super) fn cool(&mut self) {
        self.warm.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Takes a group from its worker.
    fn take(&mut self, index: usize) -> Option<Applying> {
        let taken = match index {
            0 => self.in_flight.pop_front(),
            _ => self.in_flight.remove(index),
        };
        self.soonest_us = match self.commits_in_order() {
            true => self.in_flight.front().map(|a| a.commit_us),
            false => self.in_flight.iter().map(|a| a.commit_us).min(),
        };
        taken
    }

    /// Whether no group commits before one that comes earlier in the relay log.
    fn commits_in_order(&self) -> bool {
        self.config.preserve_commit_order && !self.config.mutants.has(Mutant::CommitOrderIgnored)
    }

    /// What applying a group that has been read costs, in µs.
    fn cost(&mut self, database: &Database, reading: &mut Reading, costs: Costs) -> u64 {
        if self.config.mutants.has(Mutant::LastRowDropped) {
            reading.drop_last_of_several();
        }
        let mut cold = 0;
        let touched = reading.rows().filter(|_| costs.first_touch_us > 0);
        for (table, key) in touched {
            let Some(key) = key else {
                continue;
            };
            let page = (table, key.0 / ROWS_PER_PAGE);
            if !self.warm.contains(&page) && database.table(table).is_some_and(|t| t.contains(key))
            {
                self.warm.insert(page);
                cold += 1;
            }
        }
        let rows_of = |table: &TableId| database.table(*table).map_or(0, |t| t.len());
        let scanned: u64 = reading.sought().iter().map(rows_of).sum();
        costs.transaction_us
            + reading.count() * costs.row_us
            + cold * costs.first_touch_us
            + scanned * costs.scan_row_us
    }

    /// Gives a group to a worker, which commits it when it may.
    fn schedule(&mut self, now: u64, cost_us: u64, range: Range, place: &Place, work: Box<Work>) {
        let alone = place.is_ddl || place.sequence == 0;
        let start = self.may_start_us(now, range.at.file, place.last_committed, alone);
        let after_us = if self.commits_in_order() {
            self.last_commit_us
        } else {
            0
        };
        let commit_us = (start + cost_us).max(after_us);
        self.last_commit_us = commit_us;
        if self.in_flight.is_empty() {
            self.applying_timestamp_s = Some(work.heading.timestamp_s);
        }
        self.soonest_us = Some(self.soonest_us.map_or(commit_us, |at| at.min(commit_us)));
        self.in_flight.push_back(Applying {
            range: range.part(place.start, place.end),
            sequence: place.sequence,
            alone: place.is_ddl,
            commit_us,
            work,
        });
    }

    /// Whether a worker is free for the next group.
    #[inline]
    fn has_room(&self) -> bool {
        let workers = self.config.workers.max(1) as usize;
        !self.stopping
            && self.in_flight.len() < workers
            && self.in_flight.back().is_none_or(|a| !a.alone)
    }

    /// When a group that may follow `last_committed` can start.
    fn may_start_us(&self, now: u64, file: u64, last_committed: u64, alone: bool) -> u64 {
        let anew = !self.config.mutants.has(Mutant::ClockNotReset);
        let mut start = now;
        for a in &self.in_flight {
            if alone || anew && a.range.at.file != file || a.sequence <= last_committed {
                start = start.max(a.commit_us);
            }
        }
        start
    }
}

impl Replica {
    /// When the applier has something to do next, in µs.
    #[inline]
    pub fn next_due(&self) -> Option<u64> {
        if !self.applier.running {
            return None;
        }
        // A position alone waits until the workers are done.
        let ready = self
            .relay
            .front()
            .is_some_and(|r| !r.span.is_empty() || self.applier.is_idle());
        let free = ready && self.applier.has_room();
        if free {
            Some(0)
        } else {
            self.applier.soonest_us
        }
    }

    /// Hands what is in the relay log to free workers and commits what is due at `now`. `source` is read
    /// for the bytes alone. `applied` hears of every commit, not of what is skipped because its GTID is known:
    /// where the group ended, its changes, and what the channel's rules have left out of it.
    pub fn step(
        &mut self,
        arena: &mut Arena,
        now: u64,
        server: &mut Server,
        source: &Server,
        costs: Costs,
        mut applied: impl FnMut(LogPos, u64, &[Change], &LeftOut, &Arena),
    ) {
        if !self.applier.running {
            return;
        }
        self.dispatch(arena, now, server, source, costs);
        while let Some(index) = self.due(now) {
            let Some(applying) = self.applier.take(index) else {
                return;
            };
            let end = applying.range.end();
            match self.commit(arena, server, source, &applying) {
                Ok(took_effect) => {
                    let changes = &self.applier.direct.changes;
                    if took_effect {
                        let left_out = &applying.work.reading.left_out;
                        applied(end, applying.commit_us, changes, left_out, arena);
                    }
                    self.applier.spare.push(applying.work);
                    self.advance(end, source);
                }
                Err(error) => {
                    self.applier.failed = Some(Failed {
                        range: applying.range,
                        gtid: applying.work.heading.gtid,
                    });
                    self.applier.in_flight.insert(index, applying);
                    self.stopped_by(&error, end, server.config.version, source);
                    return;
                }
            }
            self.dispatch(arena, now, server, source, costs);
        }
        self.applier.stops_when_idle();
    }

    fn due(&self, now: u64) -> Option<usize> {
        let soonest = self.applier.soonest_us.filter(|at| *at <= now)?;
        let mut in_flight = self.applier.in_flight.iter();
        in_flight.position(|a| a.commit_us == soonest)
    }

    /// The low-water mark: the end of the last group before the first that is not done.
    pub(super) fn advance(&mut self, end: LogPos, source: &Server) {
        self.applier.furthest = self.applier.furthest.max(end);
        let mark = match self.applier.in_flight.front() {
            Some(front) => front.range.at,
            // What workers gave back when the applier stopped may lie before what others had committed.
            None => match self.relay.front() {
                Some(next) => next.at.min(self.applier.furthest),
                None => self.applier.furthest,
            },
        };
        if mark > self.applier.exec {
            if mark.file != self.applier.exec.file
                && let Some(name) = source.binlog.as_ref().map(|b| b.name(mark.file))
            {
                self.applier.exec_file = name;
            }
            self.applier.exec_before = std::mem::replace(&mut self.applier.exec, mark);
        }
        let front = self.applier.in_flight.front();
        self.applier.applying_timestamp_s = front.map(|a| a.work.heading.timestamp_s);
    }

    /// Hands groups to workers as long as one is free.
    #[inline]
    fn dispatch(
        &mut self,
        arena: &mut Arena,
        now: u64,
        server: &Server,
        source: &Server,
        costs: Costs,
    ) {
        while !self.relay.is_empty()
            && self.applier.has_room()
            && self.hand_out(arena, now, server, source, costs)
        {}
    }

    /// Hands the next group to a worker; false where nothing more can be handed out.
    fn hand_out(
        &mut self,
        arena: &mut Arena,
        now: u64,
        server: &Server,
        source: &Server,
        costs: Costs,
    ) -> bool {
        let (Some(&range), Some(binlog)) = (self.relay.front(), source.binlog.as_ref()) else {
            return false;
        };
        if range.span.is_empty() {
            return self.reach(range.at, source);
        }
        let frames = self.frames(binlog, range);
        let mut work = self.applier.spare.pop().unwrap_or_default();
        let (walker, reading) = (&mut self.applier.walker, &mut work.reading);
        let plain = walker.read_plain(arena, &server.database, frames.clone(), reading);
        let place = match plain {
            Some(plain) => {
                work.heading.be_of(&plain);
                Place {
                    start: plain.start,
                    end: plain.end,
                    last_committed: plain.gtid.last_committed,
                    sequence: plain.gtid.sequence_number,
                    is_ddl: false,
                }
            }
            None => match self.read_other(arena, server, frames, &mut work) {
                Ok(place) => place,
                Err(goes_on) => {
                    self.applier.spare.push(work);
                    return goes_on;
                }
            },
        };
        let mut cost = self
            .applier
            .cost(&server.database, &mut work.reading, costs);
        if place.is_ddl {
            // Nothing behind it is applied meanwhile: it is alone. What workers have in hand is not counted.
            cost += server.effort_of_group(&work.heading).us(costs.alter_row_us);
        }
        self.applier.schedule(now, cost, range, &place, work);
        self.pass(place.end);
        true
    }

    /// The events of a range of the relay log.
    #[inline]
    pub(super) fn frames<'b>(&self, binlog: &'b Binlog, range: Range) -> Frames<'b> {
        let frames = Frames::new(binlog.bytes(range.span), range.at.pos, checksum(binlog));
        // Only a copy of which a byte was changed on its way has checksums to look at.
        let trusted = binlog.is_as_written(range.span);
        match trusted || self.mutants.has(Mutant::ChecksumsNotVerified) {
            true => frames.trust(),
            false => frames,
        }
    }

    /// The relay log goes on behind a position of its first range.
    #[inline]
    pub(super) fn pass(&mut self, end: u64) {
        match self.relay.front_mut() {
            Some(front) if end < front.end().pos => *front = front.from(end),
            _ => {
                self.relay.pop_front();
            }
        }
    }

    /// A position without a group is next in the relay log: it is reached when the workers are done.
    #[cold]
    fn reach(&mut self, at: LogPos, source: &Server) -> bool {
        if !self.applier.is_idle() {
            return false;
        }
        self.relay.pop_front();
        self.advance(at, source);
        true
    }

    /// Reads a group that is not a plain one. Without one: whether the relay log goes on behind it.
    #[cold]
    fn read_other(
        &mut self,
        arena: &mut Arena,
        server: &Server,
        frames: Frames<'_>,
        work: &mut Work,
    ) -> Result<Place, bool> {
        let mut groups = Groups::of(frames).begun_anywhere();
        let (walker, reading) = (&mut self.applier.walker, &mut work.reading);
        match walker.read_any(arena, &server.database, &mut groups, reading) {
            Some(Ok(group)) => {
                work.heading = Heading::of(&group);
                if group.kind == GroupKind::Ddl {
                    reading.left_out.statement = walker.left_out_statement(&group);
                    if reading.left_out.statement.is_some() {
                        work.heading.leave_out_statement();
                    }
                }
                let clock = group.gtid.as_ref();
                let (last_committed, sequence) =
                    clock.map_or((0, 0), |g| (g.last_committed, g.sequence_number));
                Ok(Place {
                    start: group.start,
                    end: group.end,
                    last_committed,
                    sequence,
                    is_ddl: group.kind == GroupKind::Ddl,
                })
            }
            // What is left of the range holds no group: heads of files and the like.
            None => {
                self.relay.pop_front();
                Err(true)
            }
            Some(Err(error)) => {
                self.applier.running = false;
                self.applier.last_error = Some(ThreadError {
                    errno: 13_121,
                    text: format!("Relay log read failure: {error}"),
                });
                Err(false)
            }
        }
    }

    /// Applies and commits a group; false when its GTID was known and nothing was done.
    fn commit(
        &mut self,
        arena: &mut Arena,
        server: &mut Server,
        source: &Server,
        applying: &Applying,
    ) -> Result<bool, ApplyError> {
        let Some(binlog) = source.binlog.as_ref() else {
            return Ok(false);
        };
        let Range { at, span } = applying.range;
        let Applier { walker, direct, .. } = &mut self.applier;
        let Work { heading, reading } = &*applying.work;
        let (bytes, commit_us) = (binlog.bytes(span), applying.commit_us);
        // A client's DDL may have come between.
        if reading.is_whole() && reading.fits(&server.database) {
            return server.apply_replicated(arena, commit_us, direct, heading, |arena, sink| {
                reading.apply(arena, sink, bytes, &source.database)
            });
        }
        // It was read with its checksums when it was handed to the worker.
        let groups = Groups::trusted(bytes, at.pos, checksum(binlog));
        match groups.begun_anywhere().next() {
            Some(Ok(group)) => {
                server.apply_replicated(arena, commit_us, direct, heading, |arena, sink| {
                    walker.walk(arena, sink, &group)
                })
            }
            _ => Ok(false),
        }
    }

    fn stopped_by(&mut self, error: &ApplyError, end: LogPos, version: Version, source: &Server) {
        let file = source
            .binlog
            .as_ref()
            .map(|b| b.name(end.file))
            .unwrap_or_default();
        let errno = error.kind.applier_errno(version);
        let text = format!(
            "Coordinator stopped because there were error(s) in the worker(s): {} ; the event's source log {file}, end_log_pos {}",
            error.kind.applier_text(version),
            end.pos
        );
        self.applier.end(&mut self.relay);
        self.applier.last_error = Some(ThreadError { errno, text });
    }
}
