//! The life of a task: it starts, loads, captures, stops, fails, and goes on from its checkpoint.
//!
//! What survives the replication instance is what was saved: which tables are loaded, and how far their changes are
//! applied. With the recovery table it is saved with every transaction on the target; otherwise every few seconds, and
//! what was applied since is applied again, which upserts bear and a table without a key does not [D
//! `CHAP_Task.CDC`, checkpoints; `TaskRecoveryTableEnabled`].

use super::{
    Latency, Mode, Settings, TableState, TableTask,
    changes::{Captured, Working},
    latency::Meter,
};
use crate::{
    apply::{Client, Walker, Written},
    arena::Arena,
    binlog::log::LogPos,
    database::{SqlError, TableId},
    mutant::Mutants,
    server::Server,
    table::RowKey,
};
use std::collections::VecDeque;

/// Both ends of a task, and whether they answer.
#[derive(Debug)]
pub struct Ends<'a> {
    /// Where it reads.
    pub source: &'a Server,
    /// Where it writes.
    pub target: &'a mut Server,
    /// The source answers.
    pub source_up: bool,
    /// The target answers.
    pub target_up: bool,
}

/// What things take, in µs.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// To either end and back.
    pub round_trip_us: u64,
    /// Loading a thousand rows of a table.
    pub load_1000_rows_us: u64,
    /// Applying a transaction, its rows aside.
    pub transaction_us: u64,
    /// Applying a row.
    pub row_us: u64,
    /// Pause between two samples of the metrics.
    pub metrics_every_us: u64,
}

impl Costs {
    pub(super) fn load_us(&self, rows: u64) -> u64 {
        let us = u128::from(rows) * u128::from(self.load_1000_rows_us) / 1_000;
        u64::try_from(us).unwrap_or(u64::MAX >> 1) + self.round_trip_us
    }
}

/// Why a task has stopped by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody stopped it.
    Asked,
    /// `FULL_LOAD_ONLY_FINISHED`.
    FullLoadFinished,
    /// `STOPPED_AFTER_CACHED_EVENTS`.
    CachedChangesApplied,
    /// `STOPPED_AFTER_FULL_LOAD`.
    CachedChangesNotApplied,
}

/// Where a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Created, or stopped before it ran.
    Ready,
    /// Runs.
    Running,
    /// Stopped, and may be resumed.
    Stopped(StopReason),
    /// Stopped by an error.
    Failed(String),
}

/// What happened in a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A table's changes are captured from here on, and its load begins.
    LoadBegins(TableId),
    /// A table's SELECT was sent: it sees the source as it is now.
    Read(TableId),
    /// A table is loaded, as far as the source answered.
    Loaded {
        /// The table.
        table: TableId,
        /// The last key that came, when the source's end of the connection was taken for the end of the rows.
        upto: Option<RowKey>,
        /// Rows whose LOBs were cut.
        truncated: u64,
        /// Rows that the target refused.
        refused: u64,
    },
    /// A table is taken out.
    Suspended(TableId, SqlError),
    /// Changes of the transaction that ends there in the source's binlog are committed on the target.
    Written {
        /// The end of the transaction.
        end: LogPos,
        /// When, in µs.
        at: u64,
        /// What became of each of its rows.
        written: Vec<Written>,
    },
    /// Every table has come to where the others are: from here on changes are applied as transactions.
    CachedApplied,
    /// The task has stopped by itself.
    Stopped(StopReason),
    /// The task has stopped at an error.
    Failed(String),
}

/// What was saved.
#[derive(Clone, Debug, Default)]
struct Saved {
    applied_to: LogPos,
    tables: Vec<(TableState, LogPos, LogPos)>,
}

/// A task.
#[derive(Debug)]
pub struct Task {
    /// Its settings.
    pub settings: Settings,
    /// Its tables, in the order in which they are loaded.
    pub tables: Vec<TableTask>,
    /// Where it is.
    pub status: Status,
    pub(super) mutants: Mutants,
    /// When it was started or resumed, in µs.
    pub(super) started_us: u64,
    /// No load begins before, in µs.
    pub(super) load_from_us: u64,
    /// Where the binlog is to be read from, until it is read.
    pub(super) wanted: Option<LogPos>,
    /// How far the binlog was received.
    pub(super) read: Option<LogPos>,
    /// How far it ever was.
    pub(super) received_to: Option<LogPos>,
    pub(super) captured: VecDeque<Captured>,
    pub(super) working: Option<Working>,
    /// Once all tables are at one place: how far changes are applied.
    pub(super) applied_to: LogPos,
    pub(super) batch_due_us: u64,
    /// It had stopped with cached changes that were not applied, and goes on with those.
    pub(super) resumed: bool,
    pub(super) meter: Meter,
    saved: Saved,
    pub(super) saved_us: u64,
    pub(super) client: Client,
    pub(super) walker: Walker,
}

impl Task {
    /// A task over tables: ids and names.
    pub fn new(
        settings: Settings,
        tables: impl IntoIterator<Item = (TableId, String)>,
        mutants: Mutants,
    ) -> Self {
        let state = match settings.mode {
            Mode::Cdc => TableState::Done,
            _ => TableState::Waiting,
        };
        let tables = tables.into_iter();
        Self {
            settings,
            tables: tables
                .map(|(id, name)| TableTask::new(id, name, state.clone()))
                .collect(),
            status: Status::Ready,
            mutants,
            started_us: 0,
            load_from_us: 0,
            wanted: None,
            read: None,
            received_to: None,
            captured: VecDeque::new(),
            working: None,
            applied_to: LogPos::default(),
            batch_due_us: 0,
            resumed: false,
            meter: Meter::default(),
            saved: Saved::default(),
            saved_us: 0,
            client: Client::default(),
            walker: Walker::default(),
        }
    }

    /// Starts, or goes on from what was saved. A task for changes alone starts at `from`.
    pub fn start(&mut self, now: u64, from: Option<LogPos>) {
        let fresh = self.status == Status::Ready && self.saved.tables.is_empty();
        self.resumed |= self.status == Status::Stopped(StopReason::CachedChangesNotApplied);
        self.status = Status::Running;
        (self.started_us, self.load_from_us) = (now, now);
        if let (true, Some(from)) = (fresh, from) {
            self.applied_to = from;
            self.save(now);
        }
        if !fresh {
            self.restore();
        } else if self.saved.tables.is_empty() {
            self.save(now);
        }
        self.wanted = match self.settings.mode {
            Mode::FullLoad => None,
            Mode::Cdc => Some(self.applied_to),
            Mode::FullLoadAndCdc => self.first_needed().filter(|at| at.file > 0),
        };
    }

    /// Stops, as asked. What is under way is not committed.
    pub fn stop(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if self.status == Status::Running {
            self.save(now);
            self.stop_as(now, StopReason::Asked, effects);
        }
    }

    /// Goes on at another place of the binlog, whatever lies between.
    pub fn start_from(&mut self, now: u64, from: LogPos) {
        self.forget();
        for table in &mut self.tables {
            table.applied_to = table.applied_to.max(from);
        }
        self.applied_to = from;
        self.save(now);
        self.start(now, None);
    }

    /// `reload-target`: all tables are loaded again.
    pub fn reload(&mut self, now: u64) {
        self.forget();
        for table in &mut self.tables {
            *table = TableTask::new(table.table, table.name.clone(), TableState::Waiting);
        }
        (self.saved, self.applied_to) = (Saved::default(), LogPos::default());
        (self.status, self.resumed) = (Status::Ready, false);
        self.start(now, None);
    }

    /// The instance has lost its memory: what was saved is left.
    pub fn crash(&mut self) {
        self.forget();
        self.restore();
    }

    /// Drops what is in memory alone.
    pub(super) fn forget(&mut self) {
        self.captured.clear();
        (self.working, self.read, self.wanted) = (None, None, None);
        self.tables.iter_mut().for_each(TableTask::forget_load);
    }

    fn restore(&mut self) {
        self.captured.clear();
        (self.working, self.read) = (None, None);
        self.applied_to = self.saved.applied_to;
        for (table, saved) in self.tables.iter_mut().zip(&self.saved.tables) {
            table.forget_load();
            (table.state, table.captured_from, table.applied_to) = saved.clone();
        }
    }

    /// Writes down where the task is.
    pub(super) fn save(&mut self, now: u64) {
        let state = |table: &TableTask| match table.state {
            TableState::Loading => (TableState::Waiting, LogPos::default(), LogPos::default()),
            _ => (table.state.clone(), table.captured_from, table.applied_to),
        };
        self.saved = Saved {
            applied_to: self.applied_to,
            tables: self.tables.iter().map(state).collect(),
        };
        self.saved_us = now;
    }

    pub(super) fn stop_as(&mut self, now: u64, why: StopReason, effects: &mut Vec<Effect>) {
        self.save(now);
        self.forget();
        self.status = Status::Stopped(why);
        effects.push(Effect::Stopped(why));
    }

    /// Capture has to begin there at the latest.
    pub(super) fn capture_from(&mut self, at: LogPos) {
        if self.read.is_none() {
            self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
        }
    }

    /// Where the binlog stream is to be asked for: where it was received to, or where it is needed from.
    pub fn wants_stream_from(&self) -> Option<LogPos> {
        let runs = self.status == Status::Running;
        self.read.or(self.wanted).filter(|_| runs)
    }

    /// The stream begins there.
    pub fn stream_begins(&mut self, at: LogPos) {
        self.read = Some(at);
    }

    /// The source refuses the stream for good.
    pub fn refused(&mut self, text: &str, effects: &mut Vec<Effect>) {
        self.forget();
        self.status = Status::Failed(text.to_string());
        effects.push(Effect::Failed(text.to_string()));
    }

    /// When something happens by itself, in µs.
    pub fn next_due(&self) -> Option<u64> {
        if self.status != Status::Running {
            return None;
        }
        let saves = self.applied_to > self.saved.applied_to && self.is_following();
        let saves = saves.then_some(self.saved_us + self.settings.checkpoint_every_us);
        let meter = (self.settings.mode != Mode::FullLoad).then_some(self.meter.due_us);
        let settled = self.tables.iter().all(TableTask::is_settled);
        let finishes = (self.settings.mode == Mode::FullLoad && settled).then_some(0);
        let due = [self.load_due(), self.apply_due(), saves, meter, finishes];
        due.into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub fn step(
        &mut self,
        arena: &mut Arena,
        now: u64,
        ends: &mut Ends<'_>,
        costs: &Costs,
        effects: &mut Vec<Effect>,
    ) {
        if self.status != Status::Running {
            return;
        }
        self.step_load(arena, now, ends, costs, effects);
        if self.settings.mode == Mode::FullLoad {
            if self.tables.iter().all(TableTask::is_settled) {
                self.stop_as(now, StopReason::FullLoadFinished, effects);
            }
            return;
        }
        self.step_changes(arena, now, ends, costs, effects);
        if self.saved_us + self.settings.checkpoint_every_us <= now {
            self.save(now);
        }
        if self.meter.due_us <= now {
            let now_s = (ends.source.config.epoch_us + now) / 1_000_000;
            let waiting = self.waiting_s();
            self.meter.sample(now_s, waiting);
            self.meter.due_us = now + costs.metrics_every_us.max(1_000_000);
        }
    }

    /// `RecoveryCheckpoint`: everything up to here is applied, to every table; none while tables are loaded.
    pub fn checkpoint(&self) -> Option<LogPos> {
        let following = self.is_following() && self.settings.mode != Mode::FullLoad;
        following.then_some(self.saved.applied_to)
    }

    /// What CloudWatch shows; none before the first sample.
    pub fn latency(&self) -> Option<Latency> {
        self.meter.shown
    }

    /// Whether every table is loaded and has its cached changes; fails for a table that was taken out.
    ///
    /// # Errors
    /// The table that was taken out, and why; or the error that the task has stopped at.
    pub fn is_loaded(&self) -> Result<bool, String> {
        if let Status::Failed(why) = &self.status {
            return Err(format!("the task has failed: {why}"));
        }
        for table in &self.tables {
            if let TableState::Suspended(why) = &table.state {
                return Err(format!("table {} is suspended: {why}", table.name));
            }
        }
        Ok(self.is_following())
    }

    /// How far the binlog was received, before the task stopped too.
    pub fn received_to(&self) -> Option<LogPos> {
        self.received_to
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.status != Status::Running
            || self.is_following()
                && self.working.is_none()
                && self.captured.iter().all(|c| c.range.span.is_empty())
    }
}
