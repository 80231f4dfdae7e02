//! DMS tasks in the world: what the operator can do to them and see of them, their binlog streams, and what they tell.
//!
//! A task is a state machine of the model ([`cutover_model::dms::Task`]); here are its connections, the source's dump
//! thread for it, and what becomes of it when hosts, links and its own instance fail.

mod stream;
mod tells;

use super::{Due, NO_TARGET, World, link::Link};
use crate::{
    environment::RowImage,
    evidence::FedTable,
    probes::Probe,
    runbook::{CreateDmsTask, Host, TaskAction},
    units::Micros,
};
use cutover_model::{
    binlog::log::LogPos,
    database::TableId,
    dms::{Costs, Effect, Ends, Lobs, Mode, Report, Status, Task, Validation},
    replica::{Range, dump::DumpThread},
};
use std::collections::VecDeque;

/// What is due for a task's binlog stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// The connection attempt reaches the source.
    Connect,
    /// Binlog bytes arrive.
    Deliver,
    /// The link has room for more.
    Pump,
    /// The task's process is started again.
    Restart,
}

/// A task, and its connection to the source.
#[derive(Debug)]
pub(super) struct Running {
    id: String,
    pub(super) task: Task,
    link: Link,
    dump: Option<DumpThread>,
    wire: VecDeque<Range>,
    connection: u32,
    connecting: bool,
    pump_due: bool,
    /// Its process is not there before, in µs.
    down_until: u64,
    validation: Validation,
    /// From when on rows are compared, in µs, times aside in which the task stood: its last table is loaded.
    validates_from: Option<u64>,
    /// It compares nothing before, in µs: a server of the two, or its own process, is not there.
    blind_until: u64,
    /// Why tables are out, and since when in µs.
    pub(super) suspended: Vec<(TableId, u64, String)>,
    pub(super) stopped_us: Option<u64>,
    /// It is deleted: what it did is remembered.
    deleted: bool,
}

impl Running {
    fn close(&mut self) {
        self.connection += 1;
        self.dump = None;
        self.wire.clear();
        self.pump_due = false;
        self.connecting = false;
    }

    /// It is started after it has stood, and goes on to compare rows too.
    fn goes_on(&mut self, now: u64) {
        let stood = self.stopped_us.take().map_or(0, |stopped| now - stopped);
        if let Some(from) = self.validates_from.as_mut() {
            *from += stood;
        }
    }

    /// It compares nothing until then.
    pub(super) fn is_blind_until(&mut self, now: u64, back: u64) {
        let from = now.max(self.blind_until);
        self.blind_until = self.blind_until.max(back);
        if let Some(validates) = self.validates_from.as_mut() {
            *validates += back.saturating_sub(from);
        }
    }

    /// How long rows have been compared, in µs. A task that only loads has stopped when it has, and goes on to compare.
    fn validates_for(&self, now: u64) -> u64 {
        let stands = self
            .stopped_us
            .filter(|_| self.task.settings.mode != Mode::FullLoad);
        let until = stands.unwrap_or(now);
        self.validates_from
            .map_or(0, |from| until.saturating_sub(from))
    }

    fn is_due(&self, now: u64) -> bool {
        self.down_until <= now && self.task.next_due().is_some_and(|due| due <= now)
    }
}

/// All tasks.
#[derive(Debug, Default)]
pub(super) struct Dms {
    pub(super) tasks: Vec<Running>,
    effects: Vec<Effect>,
}

impl Dms {
    /// When some task has something to do, in µs.
    pub(super) fn next_due(&self) -> Option<u64> {
        let due = |t: &Running| Some(t.task.next_due()?.max(t.down_until));
        self.tasks.iter().filter_map(due).min()
    }

    /// Which file of the source is being read: purge stops there.
    pub(super) fn file_in_use(&self) -> Option<u64> {
        let files = self
            .tasks
            .iter()
            .filter_map(|t| Some(t.dump.as_ref()?.at.file));
        files.min()
    }

    /// When the instances of the tasks serve again, in µs.
    pub(super) fn back_at(&self) -> impl Iterator<Item = u64> {
        self.tasks.iter().map(|task| task.down_until)
    }

    /// Nothing is under way, as far as it does not come from outside.
    pub(super) fn is_quiet(&self, now: u64) -> bool {
        let quiet = |t: &Running| {
            t.wire.is_empty() && !t.pump_due && t.task.is_idle() && t.down_until <= now
        };
        self.tasks.iter().all(quiet)
    }
}

impl World {
    /// `aws dms create-replication-task`.
    ///
    /// # Errors
    /// There is one of this name, or the source has no such table.
    pub fn create_dms_task(&mut self, o: &CreateDmsTask) -> Result<(), String> {
        if self.has_dms_task(&o.id) {
            return Err(format!(
                "ResourceAlreadyExistsFault: there is a task {} already",
                o.id
            ));
        }
        self.server(Host::Target).ok_or(NO_TARGET)?;
        let database = &self.source.database;
        let all = database.tables().map(|(id, t)| (id, t.def().full_name()));
        let mut tables: Vec<_> = all
            .filter(|(_, name)| o.tables.is_empty() || o.tables.contains(name))
            .collect();
        let missing = o
            .tables
            .iter()
            .find(|n| tables.iter().all(|(_, t)| t != *n));
        if let Some(missing) = missing {
            return Err(format!("no table was found for the mapping {missing}"));
        }
        tables.sort_by_key(|(id, _)| *id);
        let task = Task::new(o.settings(), tables, self.mutants);
        self.dms.tasks.push(Running {
            id: o.id.clone(),
            task,
            link: Link::new(&self.environment.network.replication),
            dump: None,
            wire: VecDeque::new(),
            connection: 0,
            connecting: false,
            pump_due: false,
            down_until: 0,
            validation: Validation::default(),
            validates_from: None,
            blind_until: 0,
            suspended: Vec::new(),
            stopped_us: None,
            deleted: false,
        });
        Ok(())
    }

    /// Whether there is a task of this name.
    pub fn has_dms_task(&self, id: &str) -> bool {
        self.dms_index(id).is_ok()
    }

    /// Whether a task is running.
    pub fn dms_is_under_way(&self, id: &str) -> bool {
        let running = |t: &Running| t.id == id && t.task.status == Status::Running;
        self.dms.tasks.iter().any(running)
    }

    fn dms_index(&self, id: &str) -> Result<usize, String> {
        let mut tasks = self.dms.tasks.iter();
        let found = tasks.position(|t| t.id == id && !t.deleted);
        found.ok_or_else(|| format!("ResourceNotFoundFault: there is no task {id}"))
    }

    /// `start-replication-task`, `stop-replication-task`. `at`: where a task for changes alone begins; none: where the
    /// source's binlog ends.
    ///
    /// # Errors
    /// There is no such task, it is in the wrong state, or the source has no such binlog file.
    pub fn dms_task(
        &mut self,
        id: &str,
        action: TaskAction,
        at: Option<(String, u64)>,
    ) -> Result<(), String> {
        let index = self.dms_index(id)?;
        let now = self.now;
        let from = match at {
            None => self.source_end(),
            Some((file, pos)) => {
                let binlog = self.source.binlog.as_ref();
                let number = binlog.and_then(|binlog| binlog.number(&file));
                let file = number.ok_or(format!(
                    "InvalidParameterValueException: the source has no binlog file {file}"
                ))?;
                LogPos { file, pos }
            }
        };
        let running = &mut self.dms.tasks[index];
        let runs = running.task.status == Status::Running;
        match (action, runs) {
            (TaskAction::Stop, _) => {
                let mut effects = Vec::new();
                running.task.stop(now, &mut effects);
                running.stopped_us.get_or_insert(now);
                running.close();
            }
            (_, true) => {
                return Err(format!("InvalidResourceStateFault: task {id} is running"));
            }
            (TaskAction::Delete, _) => running.deleted = true,
            (TaskAction::Start, _) if running.task.status != Status::Ready => {
                return Err(format!(
                    "InvalidResourceStateFault: task {id} was started before; resume it or reload its tables"
                ));
            }
            (TaskAction::Resume, _) if running.task.status == Status::Ready => {
                return Err(format!(
                    "InvalidResourceStateFault: task {id} was never started"
                ));
            }
            (TaskAction::Start | TaskAction::Resume, _) => {
                let cdc = running.task.settings.mode == Mode::Cdc;
                running.task.start(now, cdc.then_some(from));
                running.goes_on(now);
                if cdc {
                    // What was there before is compared first [D].
                    running.validates_from.get_or_insert(now);
                }
            }
            (TaskAction::Reload, _) => {
                running.task.reload(now);
                running.goes_on(now);
                running.validates_from = None;
            }
            (TaskAction::StartFromNow, _) => {
                running.task.start_from(now, from);
                running.goes_on(now);
            }
        }
        if !matches!(action, TaskAction::Stop | TaskAction::Delete) {
            self.dms_demands_whole_rows(index);
        }
        self.dms_streams();
        Ok(())
    }

    /// A task that captures demands `binlog_row_image = FULL` of its source [D]. That it fails as it starts, and this
    /// text, are assumptions.
    fn dms_demands_whole_rows(&mut self, index: usize) {
        let image = match self.environment.source.binlog_row_image {
            RowImage::Full => return,
            RowImage::Minimal => "MINIMAL",
            RowImage::Noblob => "NOBLOB",
        };
        if self.dms.tasks[index].task.settings.mode != Mode::FullLoad {
            let text = format!(
                "binlog_row_image of the source is {image}, and change data capture needs FULL"
            );
            self.with_task(index, |task, _, _, _, effects| task.refused(&text, effects));
        }
    }

    fn source_end(&self) -> LogPos {
        let binlog = self.source.binlog.as_ref();
        binlog.map(|b| b.published()).unwrap_or_default()
    }

    /// Whether every table of a task is loaded and has its cached changes.
    ///
    /// # Errors
    /// There is no such task, it has failed, or a table is suspended.
    pub fn dms_is_loaded(&self, id: &str) -> Result<bool, String> {
        self.dms.tasks[self.dms_index(id)?].task.is_loaded()
    }

    /// Whether a task has stopped.
    ///
    /// # Errors
    /// There is no such task, or it has failed.
    pub fn dms_has_stopped(&self, id: &str) -> Result<bool, String> {
        match &self.dms.tasks[self.dms_index(id)?].task.status {
            Status::Failed(why) => Err(format!("the task {id} has failed: {why}")),
            Status::Stopped(_) => Ok(true),
            Status::Ready | Status::Running => Ok(false),
        }
    }

    /// Whether both latencies that CloudWatch shows of a task are at most so many seconds; before its first sample none
    /// is.
    ///
    /// # Errors
    /// There is no such task.
    pub fn dms_latency_is_within(&self, id: &str, most_s: u64) -> Result<bool, String> {
        let shown = self.dms.tasks[self.dms_index(id)?].task.latency();
        Ok(shown.is_some_and(|l| l.source_s <= most_s && l.target_s <= most_s))
    }

    /// A task's checkpoint; none while tables are loaded.
    ///
    /// # Errors
    /// There is no such task, or it has failed.
    pub fn dms_checkpoint(&self, id: &str) -> Result<Option<(String, u64)>, String> {
        let task = &self.dms.tasks[self.dms_index(id)?].task;
        if let Status::Failed(why) = &task.status {
            return Err(format!("the task {id} has failed: {why}"));
        }
        let binlog = self.source.binlog.as_ref();
        let at = task.checkpoint().zip(binlog);
        Ok(at.map(|(at, binlog)| (binlog.name(at.file), at.pos)))
    }

    /// What validation finds now.
    ///
    /// # Errors
    /// There is no such task, or no target.
    pub fn dms_validation(&mut self, id: &str) -> Result<Report, String> {
        let index = self.dms_index(id)?;
        let source = self.source.read_view(&mut self.arena);
        let target = self.target.as_ref().ok_or(NO_TARGET)?;
        let running = &mut self.dms.tasks[index];
        let tables: Vec<TableId> = running.task.tables.iter().map(|t| t.table).collect();
        let lobs = match running.task.settings.lobs {
            Lobs::Full => None,
            Lobs::Limited(bytes) => Some(bytes),
        };
        let target = &target.server.database;
        let (arena, now) = (&mut self.arena, self.now);
        let us = u128::from(running.validates_for(now));
        let rows = us * u128::from(self.environment.dms.validate_rate) / 1_000_000;
        let compared = u64::try_from(rows).unwrap_or(u64::MAX);
        Ok(running
            .validation
            .look(arena, now, &source, target, &tables, lobs, compared))
    }

    /// What loading, and applying, costs now.
    fn dms_costs(&self) -> Costs {
        let dms = &self.environment.dms;
        let rows: u64 = self.source.database.tables().map(|(_, t)| t.len()).sum();
        let bytes =
            u128::from(self.environment.source.data_size.0) * 1_000 / u128::from(rows.max(1));
        let us = bytes * 1_000_000 / u128::from(dms.load_rate.0.max(1));
        Costs {
            round_trip_us: 2 * self.environment.network.replication.latency.0,
            load_1000_rows_us: u64::try_from(us).unwrap_or(u64::MAX >> 20),
            transaction_us: dms.apply_transaction.0,
            row_us: dms.apply_row.0,
            metrics_every_us: dms.metrics_every.0,
        }
    }

    /// Lets every task do what is due.
    pub(super) fn step_dms(&mut self) {
        for index in 0..self.dms.tasks.len() {
            if self.dms.tasks[index].is_due(self.now) {
                let costs = self.dms_costs();
                self.with_task(index, |task, arena, now, ends, effects| {
                    task.step(arena, now, ends, &costs, effects);
                });
            }
        }
        self.dms_streams();
    }

    /// Has a task do something, and hears what came of it.
    fn with_task(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Task, &mut cutover_model::Arena, u64, &mut Ends<'_>, &mut Vec<Effect>),
    ) {
        let (source_up, target_up) = (self.is_up(Host::Source), self.is_up(Host::Target));
        let Some(target) = self.target.as_mut() else {
            return;
        };
        let mut ends = Ends {
            source: &self.source,
            target: &mut target.server,
            source_up,
            target_up,
        };
        let mut effects = std::mem::take(&mut self.dms.effects);
        let task = &mut self.dms.tasks[index].task;
        act(task, &mut self.arena, self.now, &mut ends, &mut effects);
        for effect in effects.drain(..) {
            self.dms_tells(index, effect);
        }
        self.dms.effects = effects;
    }

    /// Tasks lose their memory, and are started again after `outage`: the first one, or all of the instance.
    pub(super) fn dms_crashes(&mut self, all: bool, outage: Micros) {
        let count = match all {
            true => self.dms.tasks.len(),
            false => self.dms.tasks.len().min(1),
        };
        for index in 0..count {
            let running = &mut self.dms.tasks[index];
            if running.task.status != Status::Running {
                continue;
            }
            if !running.task.is_idle() {
                self.probes.reach(Probe::DmsCrashedAtWork);
            }
            running.task.crash();
            running.task.start(self.now + outage.0, None);
            running.close();
            running.down_until = self.now + outage.0;
            running.is_blind_until(self.now, self.now + outage.0);
            let back = running.down_until;
            self.agenda
                .push(back, Due::Dms(index as u8, Tell::Restart, 0));
        }
    }

    /// What the tasks did with their tables.
    pub(crate) fn fed_tables(&self) -> Vec<FedTable> {
        let mut tables = Vec::new();
        for running in &self.dms.tasks {
            let task = &running.task;
            let captures = task.settings.mode != Mode::FullLoad;
            for table in &task.tables {
                let out = running.suspended.iter().find(|(t, ..)| *t == table.table);
                tables.push(FedTable {
                    table: table.table.0,
                    name: table.name.clone(),
                    captured_from: captures.then_some(table.captured_from),
                    received_to: task.received_to(),
                    suspended: out.map(|(_, at, why)| (*at, why.clone())),
                    stopped: running.stopped_us,
                });
            }
        }
        tables
    }

    /// Whether tools that copy and apply rows feed the target.
    pub fn is_fed_by_rows(&self) -> bool {
        !self.dms.tasks.is_empty()
    }
}
