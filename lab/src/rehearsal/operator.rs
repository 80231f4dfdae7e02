//! The operator in front of real servers: every operation of a runbook, in SQL.
//!
//! What the cloud does is played: a snapshot is a consistent read of all rows with its coordinates, a restore writes
//! them into a fresh server, the parameter group delivers `read_only` late, and RDS rotates its binlog and purges what
//! no retention holds. All of it takes the plan's durations, divided by the speed.

use super::{
    LabError,
    clients::Shared,
    clock::Clock,
    servers::{Server, Servers},
    shop::{self, Rows},
};
use cutover_model::{binlog::log::LogPos, gtid::GtidSet, replica::ThreadError};
use cutover_sim::{
    environment::Retention,
    evidence::SnapshotFacts,
    operator::{Ended, Noted},
    plan::Plan,
    runbook::{CoordinatesFrom, Host, OnFailure, Op, Role, SetExternalSource, Step, Until},
    units::Micros,
    world::Marks,
};
use mysql::{Conn, Row, prelude::Queryable};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// The source's binlog files are named so, as on RDS.
pub const BASE: &str = "mysql-bin-changelog";
/// How often a step whose `on_failure` is `retry` is tried in all.
const ATTEMPTS: u32 = 3;
/// Of steps that only the model has.
const NO_DMS: &str =
    "the lab has two servers and no replication instance: it does not rehearse AWS DMS";
/// Pause between two polls when a wait says nothing.
const POLL: Micros = Micros::secs(1);
/// However fast the clock goes, servers are not asked more often than this.
const POLL_AT_LEAST_MS: u64 = 20;
/// A wait of the runbook may take so long in real time.
const REAL_LIMIT_US: u64 = 60_000_000;

/// A snapshot: rows, and where the source stood.
#[derive(Debug)]
struct Snapshot {
    rows: Vec<Rows>,
    file: String,
    pos: u64,
    gtids: GtidSet,
    at: u64,
    available: u64,
}

/// Why a step failed.
#[derive(Debug)]
enum Failure {
    /// As a person would read it.
    Step(String),
    /// The lab itself cannot go on.
    Lab(LabError),
}

impl From<mysql::Error> for Failure {
    fn from(error: mysql::Error) -> Self {
        Self::Step(error.to_string())
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        Self::Lab(error)
    }
}

fn failed<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Step(text.into()))
}

/// What a replica says of itself.
struct Status {
    io: String,
    sql: String,
    lag: Option<u64>,
    error: Option<String>,
    io_error: Option<ThreadError>,
    sql_error: Option<ThreadError>,
    applied: (String, u64),
    received: (String, u64),
    executed: GtidSet,
}

/// The operator.
pub struct Operator<'a> {
    plan: &'a Plan,
    clock: Clock,
    shared: &'a Shared,
    servers: &'a Servers,
    stop: &'a (dyn Fn() -> bool + Sync),
    source: &'a Server,
    at_source: Conn,
    /// The target, once restored.
    pub target: Option<(Server, Conn)>,
    snapshots: BTreeMap<String, Snapshot>,
    /// The snapshot that the target was restored from.
    restored: Option<String>,
    noted: BTreeMap<String, Noted>,
    retained: bool,
    next_upload: u64,
    read_only_due: Option<(u64, bool)>,
    /// Binlog files of the source that may be purged are copied here first.
    kept: PathBuf,
    /// Moments.
    pub marks: Marks,
    /// What was done, and when.
    pub story: Vec<(u64, String)>,
}

impl<'a> Operator<'a> {
    /// In front of a source.
    pub fn new(
        plan: &'a Plan,
        clock: Clock,
        shared: &'a Shared,
        servers: &'a Servers,
        source: &'a Server,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self, LabError> {
        let kept = servers.folder().join("kept");
        fs::create_dir_all(&kept).map_err(|source| LabError::Folder { source })?;
        Ok(Self {
            plan,
            clock,
            shared,
            servers,
            stop,
            source,
            at_source: source.connect("root")?,
            target: None,
            snapshots: BTreeMap::new(),
            restored: None,
            noted: BTreeMap::new(),
            retained: plan.environment.source.binlog_retention != Retention::None,
            next_upload: plan.environment.source.binlog_upload_every.0,
            read_only_due: None,
            kept,
            marks: Marks::default(),
            story: Vec::new(),
        })
    }

    /// Carries out the runbook.
    ///
    /// # Errors
    /// What makes the lab itself useless; what goes wrong in a step is the outcome.
    pub fn carry_out(&mut self) -> Result<Ended, LabError> {
        self.rest(self.plan.clock.runbook_after)?;
        let plan = self.plan;
        for step in &plan.runbook.steps {
            if let Err(why) = self.take(step)? {
                self.tell(format!("cannot go on: {why}"));
                for step in &plan.runbook.abort {
                    if let Err(why) = self.take(step)? {
                        self.tell(format!("the way back fails as well: {why}"));
                        return Ok(Ended::Stuck);
                    }
                }
                return Ok(Ended::Aborted);
            }
        }
        Ok(Ended::Finished)
    }

    fn tell(&mut self, what: String) {
        self.story.push((self.clock.now_us(), what));
    }

    /// One step; the inner error is a step that failed for good.
    fn take(&mut self, step: &Step) -> Result<Result<(), String>, LabError> {
        let attempts = match step.on_failure {
            OnFailure::Retry => ATTEMPTS,
            _ => 1,
        };
        let mut result = Ok(());
        for _ in 0..attempts {
            self.tell(step.say.clone());
            result = match self.carry(step) {
                Ok(()) => Ok(()),
                Err(Failure::Step(why)) => Err(why),
                Err(Failure::Lab(error)) => return Err(error),
            };
            if result.is_ok() {
                break;
            }
        }
        if let (Err(why), OnFailure::Continue) = (&result, step.on_failure) {
            self.tell(format!("goes on all the same: {why}"));
            result = Ok(());
        }
        let now = self.clock.now_us();
        match step.role.filter(|_| result.is_ok()) {
            Some(Role::Fence) => self.marks.fence = Some(now),
            Some(Role::Gate) => self.marks.gate = Some(now),
            None => {}
        }
        Ok(result)
    }

    fn carry(&mut self, step: &Step) -> Result<(), Failure> {
        let op = match step.op() {
            Ok(op) => op,
            Err(error) => return failed(error.to_string()),
        };
        match op {
            Op::SetBinlogRetention(_) => self.retained = true,
            Op::CreateSnapshot(o) => self.create_snapshot(&o.id, o.wait)?,
            Op::RestoreSnapshot(o) => self.restore_snapshot(&o.id)?,
            Op::ReadCoordinates(o) => {
                let noted = self.read_coordinates(o.from)?;
                self.tell(format!("notes {} = {}", o.name, noted.text()));
                self.noted.insert(o.name.clone(), noted);
            }
            Op::SetExternalSource(SetExternalSource {
                on: Host::Source | Host::Replica,
                ..
            })
            | Op::StartReplication(Host::Source | Host::Replica)
            | Op::StopReplication(Host::Source | Host::Replica)
            | Op::ResetExternalSource(Host::Source | Host::Replica)
            | Op::MigrateLatestSnapshot
            | Op::CreateAuroraReplica
            | Op::CreateReadReplica
            | Op::PromoteCluster
            | Op::EnableBinlog => {
                return failed(
                    "the lab's two servers cannot do this: it is the cloud's, or the way back",
                );
            }
            Op::SetExternalSource(o) => self.set_external_source(o.at.as_deref())?,
            Op::StartReplication(Host::Target) => {
                self.at_target()?.query_drop("START REPLICA")?;
                self.marks.replication.started = Some(self.clock.now_us());
                self.marks.replication.stopped = None;
            }
            Op::Wait(wait) => {
                let timeout = step.timeout.unwrap_or(Micros::hours(24));
                let until = match wait.until.kind() {
                    Ok(until) => until,
                    Err(error) => return failed(error.to_string()),
                };
                let polls = wait.polls.unwrap_or(1).max(1);
                self.wait(until, wait.every.unwrap_or(POLL), polls, timeout)?;
            }
            Op::SetReadOnly(o) => self.set_read_only(o.on, o.value)?,
            Op::KillConnections(host) => self.kill_connections(host)?,
            Op::StopReplication(Host::Target) => self.stop_replication()?,
            Op::ResetExternalSource(Host::Target) => {
                self.stop_replication()?;
                self.at_target()?.query_drop("RESET REPLICA ALL")?;
                self.marks.reset = Some(self.clock.now_us());
            }
            Op::RaiseAutoIncrement(o) => {
                let target = self.at_target()?;
                for rows in shop::read(target)? {
                    let (table, next) = rows.counter();
                    let next = next + o.gap;
                    target
                        .query_drop(format!("ALTER TABLE shop.{table} AUTO_INCREMENT = {next}"))?;
                }
            }
            Op::CreateCluster
            | Op::CreateSchema(_)
            | Op::AddConstraints(_)
            | Op::CreateDmsTask(_)
            | Op::DmsTask(_) => return failed(NO_DMS),
            Op::RunSql(o) => {
                let connection = match o.on {
                    Host::Source => &mut self.at_source,
                    Host::Target | Host::Replica => self.at_target()?,
                };
                connection.query_drop(&o.sql)?;
            }
            Op::Repoint(o) if o.share.is_some() => {
                return failed("here all clients go by one name: a share of them cannot be moved");
            }
            Op::Repoint(o) => {
                self.api_call()?;
                let now = self.clock.now_us();
                if o.to == Host::Target {
                    self.at_target()?;
                    self.marks.repointed = Some(now);
                }
                self.shared.repoint(o.to, now);
                let control = self.plan.environment.control_plane.clone();
                self.rest(control.dns_change)?;
                if o.restart_clients {
                    // All at once: every connection breaks, and with it what it was about.
                    self.shared.restart();
                    self.kill_connections(Host::Source)?;
                    self.rest(self.plan.environment.clients.rolling_restart)?;
                }
            }
            Op::Pause(o) => self.rest(o.length)?,
        }
        Ok(())
    }

    /// Lets time pass, and the cloud do its work.
    fn rest(&mut self, length: Micros) -> Result<(), LabError> {
        let until = self.clock.now_us() + length.0;
        loop {
            self.cloud()?;
            let left = until.saturating_sub(self.clock.now_us());
            if left == 0 {
                return Ok(());
            }
            let step = self
                .clock
                .of(self.clock.began_us() + POLL_AT_LEAST_MS * 1_000);
            self.clock.sleep(Micros(left.min(step)));
        }
    }

    /// After the runbook: lets time pass.
    ///
    /// # Errors
    /// Ctrl-C, or a server that does not answer.
    pub fn idle(&mut self, length: Micros) -> Result<(), LabError> {
        self.rest(length)
    }

    /// What is due of the parameter group and of RDS.
    fn cloud(&mut self) -> Result<(), LabError> {
        if (self.stop)() {
            return Err(LabError::Interrupted);
        }
        let now = self.clock.now_us();
        if let Some((_, value)) = self.read_only_due.filter(|(due, _)| *due <= now) {
            self.read_only_due = None;
            self.at_source
                .query_drop(format!("SET GLOBAL read_only = {}", u8::from(value)))?;
            let now = self.clock.now_us();
            if value {
                self.marks.source_read_only.get_or_insert(now);
            } else if self.marks.fence.is_some() {
                self.marks.fence_lifted = Some(now);
            }
            self.tell(format!("read_only is {value} on the source"));
        }
        if now >= self.next_upload {
            self.next_upload = now + self.plan.environment.source.binlog_upload_every.0;
            self.upload()?;
        }
        Ok(())
    }

    /// RDS rotates the binlog, uploads what is closed, and purges what no retention holds.
    fn upload(&mut self) -> Result<(), LabError> {
        self.at_source.query_drop("FLUSH BINARY LOGS")?;
        self.keep()?;
        if self.retained {
            return Ok(());
        }
        let before = self.files()?;
        let Some(current) = before.last() else {
            return Ok(());
        };
        self.at_source
            .query_drop(format!("PURGE BINARY LOGS TO '{current}'"))?;
        let after = self.files()?;
        // A file that the target still needs: of its snapshot, or later; nobody reads it yet.
        let needed = self.snapshots.values().map(|s| s.file.clone()).min();
        let unread = self.marks.replication.started.is_none();
        for name in before.iter().filter(|name| !after.contains(name)) {
            if unread && needed.as_ref().is_some_and(|needed| name >= needed) {
                self.marks.purged_unread.push(name.clone());
            }
        }
        Ok(())
    }

    /// The source's binlog files.
    fn files(&mut self) -> Result<Vec<String>, LabError> {
        let rows: Vec<Row> = self.at_source.query("SHOW BINARY LOGS")?;
        Ok(rows
            .iter()
            .filter_map(|row| row.get::<String, _>(0))
            .collect())
    }

    /// Copies the files that are there: what is purged is evidence, too.
    ///
    /// # Errors
    /// The system's.
    pub fn keep(&mut self) -> Result<PathBuf, LabError> {
        for name in self.files()? {
            fs::copy(self.source.data.join(&name), self.kept.join(&name))
                .map_err(|source| LabError::Folder { source })?;
        }
        Ok(self.kept.clone())
    }

    fn api_call(&mut self) -> Result<(), LabError> {
        self.rest(self.plan.environment.control_plane.api_call)
    }

    /// A time per TiB, for this environment's volume.
    fn for_data(&self, per_tib: Micros) -> Micros {
        let bytes = self.plan.environment.source.data_size.0;
        Micros(((u128::from(per_tib.0) * u128::from(bytes)) >> 40) as u64)
    }

    fn create_snapshot(&mut self, id: &str, wait: bool) -> Result<(), Failure> {
        let control = self.plan.environment.control_plane.clone();
        self.api_call()?;
        self.rest(control.snapshot_start)?;
        let mut reader = self.source.connect("root")?;
        // Nobody commits between the two: the view is that of the position.
        self.at_source.query_drop("FLUSH TABLES WITH READ LOCK")?;
        reader.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT")?;
        let (file, pos) = self.source_position()?;
        let gtids = self.source_gtids()?;
        let at = self.clock.now_us();
        self.at_source.query_drop("UNLOCK TABLES")?;
        let rows = shop::read(&mut reader)?;
        let copying = Micros(control.snapshot_fixed.0 + self.for_data(control.snapshot_per_tib).0);
        let snapshot = Snapshot {
            rows,
            file,
            pos,
            gtids,
            at,
            available: at + copying.0,
        };
        self.snapshots.insert(id.to_string(), snapshot);
        if wait {
            self.rest(copying)?;
        }
        Ok(())
    }

    fn restore_snapshot(&mut self, id: &str) -> Result<(), Failure> {
        let control = self.plan.environment.control_plane.clone();
        self.api_call()?;
        if !self.is_available(id)? {
            return failed(format!("snapshot {id} is not available yet"));
        }
        let mut options = super::options(2, "aurora", self.plan);
        options.push("--skip-replica-start".into());
        let target = self.servers.start("target", &options)?;
        let mut at_target = target.connect("root")?;
        at_target.query_drop("SET sql_log_bin = 0")?;
        shop::create(&mut at_target)?;
        super::accounts(&mut at_target)?;
        if let Some(snapshot) = self.snapshots.get(id) {
            shop::write(&mut at_target, &snapshot.rows)?;
            if self.plan.environment.source.gtid_mode {
                at_target.query_drop(format!("SET GLOBAL gtid_purged = '{}'", snapshot.gtids))?;
            }
            self.marks.snapshot = Some(snapshot.at);
        }
        self.restored = Some(id.to_string());
        self.shared.target(target.port);
        self.target = Some((target, at_target));
        self.rest(control.restore_fixed)?;
        self.rest(self.for_data(control.restore_per_tib))?;
        self.rest(control.create_instance)?;
        Ok(())
    }

    fn is_available(&self, id: &str) -> Result<bool, Failure> {
        match self.snapshots.get(id) {
            Some(snapshot) => Ok(self.clock.now_us() >= snapshot.available),
            None => failed(format!("there is no snapshot {id}")),
        }
    }

    fn source_position(&mut self) -> Result<(String, u64), Failure> {
        let row: Option<Row> = self.at_source.query_first("SHOW BINARY LOG STATUS")?;
        match row.and_then(|row| Some((row.get(0)?, row.get(1)?))) {
            Some(found) => Ok(found),
            None => failed("the source has no binlog"),
        }
    }

    fn source_gtids(&mut self) -> Result<GtidSet, Failure> {
        gtids(
            self.at_source
                .query_first("SELECT @@global.gtid_executed")?,
        )
    }

    fn read_coordinates(&mut self, from: CoordinatesFrom) -> Result<Noted, Failure> {
        Ok(match from {
            CoordinatesFrom::SourcePosition => {
                let (file, pos) = self.source_position()?;
                Noted::Position { file, pos }
            }
            CoordinatesFrom::SourceGtidExecuted => Noted::Gtids(self.source_gtids()?),
            CoordinatesFrom::TargetPosition
            | CoordinatesFrom::TargetGtidExecuted
            | CoordinatesFrom::ReplicaPosition => {
                return failed("the lab does not read coordinates there");
            }
            CoordinatesFrom::RecoveryEvent => {
                let restored = self.restored.as_ref().and_then(|id| self.snapshots.get(id));
                match restored {
                    Some(snapshot) => Noted::Position {
                        file: snapshot.file.clone(),
                        pos: snapshot.pos,
                    },
                    None => return failed("no instance was restored yet"),
                }
            }
        })
    }

    fn at_target(&mut self) -> Result<&mut Conn, Failure> {
        match &mut self.target {
            Some((_, connection)) => Ok(connection),
            None => failed("there is no target yet"),
        }
    }

    fn set_external_source(&mut self, at: Option<&str>) -> Result<(), Failure> {
        let place = match at {
            None => "SOURCE_AUTO_POSITION = 1".to_string(),
            Some(name) => match self.noted.get(name) {
                Some(Noted::Position { file, pos }) => {
                    self.marks.replication.from = log_pos(file, *pos);
                    format!(
                        "SOURCE_LOG_FILE = '{file}', SOURCE_LOG_POS = {pos}, SOURCE_AUTO_POSITION = 0"
                    )
                }
                _ => return failed(format!("no position was noted as `{name}`")),
            },
        };
        let port = self.source.port;
        self.at_target()?.query_drop(format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port}, SOURCE_USER = 'repl', \
             SOURCE_PASSWORD = '', SOURCE_SSL = 0, SOURCE_CONNECT_RETRY = 1, {place}"
        ))?;
        self.marks.replication.configured = Some(self.clock.now_us());
        Ok(())
    }

    fn stop_replication(&mut self) -> Result<(), Failure> {
        if let Some(status) = self.status()? {
            self.marks.replication.received_to = log_pos(&status.received.0, status.received.1);
            self.marks.replication.sent_to = self.marks.replication.received_to;
            let now = self.clock.now_us();
            let replication = &mut self.marks.replication;
            replication.refused = status.io_error.map(|e| (now, e));
            replication.failed = status.sql_error.map(|e| (now, e));
            replication.stopped.get_or_insert(now);
        }
        self.at_target()?.query_drop("STOP REPLICA")?;
        Ok(())
    }

    /// Notes how replication stands, where nothing has stopped it.
    ///
    /// # Errors
    /// A server that does not answer.
    pub fn note_replication(&mut self) -> Result<(), LabError> {
        let stands = self.marks.replication.clone();
        if self.target.is_none() || stands.started.is_none() || stands.stopped.is_some() {
            return Ok(());
        }
        if let Ok(Some(status)) = self.status() {
            let now = self.clock.now_us();
            let replication = &mut self.marks.replication;
            replication.received_to = log_pos(&status.received.0, status.received.1);
            self.marks.replication.sent_to = self.marks.replication.received_to;
            self.marks.replication.refused = status.io_error.map(|e| (now, e));
            self.marks.replication.failed = status.sql_error.map(|e| (now, e));
        }
        Ok(())
    }

    fn status(&mut self) -> Result<Option<Status>, Failure> {
        let row: Option<Row> = self.at_target()?.query_first("SHOW REPLICA STATUS")?;
        let Some(row) = row else { return Ok(None) };
        let text = |name: &str| -> String {
            row.get::<Option<String>, _>(name)
                .flatten()
                .unwrap_or_default()
        };
        let number = |name: &str| text(name).parse::<u64>().ok();
        let error = |errno: &str, name: &str| {
            let errno = number(errno).filter(|n| *n != 0)?;
            Some(ThreadError {
                errno: errno as u32,
                text: text(name),
            })
        };
        let io_error = error("Last_IO_Errno", "Last_IO_Error");
        let sql_error = error("Last_SQL_Errno", "Last_SQL_Error");
        let first = sql_error.as_ref().or(io_error.as_ref());
        Ok(Some(Status {
            io: text("Replica_IO_Running"),
            sql: text("Replica_SQL_Running"),
            lag: number("Seconds_Behind_Source"),
            error: first.map(|e| format!("{} ({})", e.text, e.errno)),
            io_error,
            sql_error,
            applied: (
                text("Relay_Source_Log_File"),
                number("Exec_Source_Log_Pos").unwrap_or(0),
            ),
            received: (
                text("Source_Log_File"),
                number("Read_Source_Log_Pos").unwrap_or(0),
            ),
            executed: gtids(Some(text("Executed_Gtid_Set")))?,
        }))
    }

    fn kill_connections(&mut self, host: Host) -> Result<(), Failure> {
        let connection = match host {
            Host::Source => &mut self.at_source,
            Host::Target | Host::Replica => self.at_target()?,
        };
        let ids: Vec<u64> = connection.query(
            "SELECT id FROM performance_schema.processlist WHERE user IN ('app', 'admin')",
        )?;
        for id in ids {
            // It may have gone by itself.
            let _ = connection.query_drop(format!("KILL {id}"));
        }
        Ok(())
    }

    fn set_read_only(&mut self, on: Host, value: bool) -> Result<(), Failure> {
        match on {
            Host::Source => {
                self.api_call()?;
                let delay = self.plan.environment.source.parameter_delay.0;
                self.read_only_due = Some((self.clock.now_us() + delay, value));
            }
            Host::Target | Host::Replica => {
                let value = u8::from(value);
                self.at_target()?
                    .query_drop(format!("SET GLOBAL read_only = {value}"))?;
            }
        }
        Ok(())
    }

    fn wait(
        &mut self,
        until: Until<'_>,
        every: Micros,
        polls: u32,
        timeout: Micros,
    ) -> Result<(), Failure> {
        let started = self.clock.now_us();
        // A timeout of days is hours here, and one of seconds is too short for a real server: a wait has a minute of
        // real time, whatever the runbook gives it.
        let limit = started + self.clock.of(self.clock.began_us() + REAL_LIMIT_US);
        let mut agreed = 0;
        loop {
            agreed = if self.holds(until)? { agreed + 1 } else { 0 };
            if agreed >= polls {
                return Ok(());
            }
            if self.clock.now_us() > limit {
                return failed(format!("it did not come to an end within {timeout}"));
            }
            let least = self
                .clock
                .of(self.clock.began_us() + POLL_AT_LEAST_MS * 1_000);
            self.rest(Micros(every.0.max(least)))?;
        }
    }

    /// Looks once.
    fn holds(&mut self, until: Until<'_>) -> Result<bool, Failure> {
        match until {
            Until::ReplicationRunning => {
                let status = self.running()?;
                Ok(status.io == "Yes" && status.sql == "Yes")
            }
            Until::SecondsBehindSource(most) => {
                let status = self.status()?;
                Ok(status.and_then(|s| s.lag).is_some_and(|lag| lag <= most))
            }
            Until::CaughtUp(most) => {
                let status = self.running()?;
                let runs = status.io == "Yes" && status.sql == "Yes";
                Ok(runs && status.lag.is_some_and(|lag| lag <= most))
            }
            Until::Applied(name) => {
                let status = self.running()?;
                match self.noted.get(name) {
                    Some(Noted::Position { file, pos }) => {
                        Ok(status.applied >= (file.clone(), *pos))
                    }
                    Some(Noted::Gtids(set)) => Ok(set.is_subset_of(&status.executed)),
                    None => failed(format!("nothing was noted as `{name}`")),
                }
            }
            Until::ReadOnly(host) => {
                let connection = match host {
                    Host::Source => &mut self.at_source,
                    Host::Target | Host::Replica => self.at_target()?,
                };
                let value: Option<u8> = connection.query_first("SELECT @@global.read_only")?;
                Ok(value == Some(1))
            }
            Until::Writable(_) => failed("the lab does not wait for this"),
            Until::NoOpenTransactions(host) => {
                let connection = match host {
                    Host::Source => &mut self.at_source,
                    Host::Target | Host::Replica => self.at_target()?,
                };
                let open: Option<u64> =
                    connection.query_first("SELECT COUNT(*) FROM information_schema.innodb_trx")?;
                Ok(open == Some(0))
            }
            Until::SnapshotAvailable(id) => self.is_available(id),
            Until::Dms(_) => failed(NO_DMS),
            Until::SourceUnchangedSince(name) => {
                let noted = self.noted.get(name).cloned();
                let same = match noted {
                    Some(Noted::Gtids(set)) => self.source_gtids()? == set,
                    Some(Noted::Position { file, pos }) => self.source_position()? == (file, pos),
                    None => return failed(format!("nothing was noted as `{name}`")),
                };
                if same {
                    Ok(true)
                } else {
                    failed(format!(
                        "the source was written to since `{name}` was noted"
                    ))
                }
            }
        }
    }

    /// The replica's status; a thread that stopped with an error is a failure.
    fn running(&mut self) -> Result<Status, Failure> {
        let status = self.status()?;
        let connected = status.as_ref().is_some_and(|s| s.io == "Yes");
        if connected && self.marks.replication.from.is_none() {
            // By GTID, it reads from where the snapshot ends.
            self.marks.replication.from = self.snapshot().map(|(facts, _)| facts.end);
        }
        match status {
            None => failed("no external source was configured"),
            Some(Status {
                error: Some(error), ..
            }) => failed(error),
            Some(status) => Ok(status),
        }
    }

    /// The snapshot that the target was restored from, as the checks know it; how many commits are in it is read off
    /// the binlog.
    pub fn snapshot(&self) -> Option<(SnapshotFacts, GtidSet)> {
        let snapshot = self.snapshots.get(self.restored.as_ref()?)?;
        let facts = SnapshotFacts {
            at: snapshot.at,
            commits: 0,
            end: log_pos(&snapshot.file, snapshot.pos)?,
        };
        Some((facts, snapshot.gtids.clone()))
    }

    /// Whether the source is read-only.
    ///
    /// # Errors
    /// A server that does not answer.
    pub fn source_is_read_only(&mut self) -> Result<bool, LabError> {
        let value: Option<u8> = self.at_source.query_first("SELECT @@global.read_only")?;
        Ok(value == Some(1))
    }
}

fn gtids(text: Option<String>) -> Result<GtidSet, Failure> {
    let text = text.unwrap_or_default().replace(['\n', ' '], "");
    text.parse()
        .or_else(|error| failed(format!("a GTID set that cannot be read: {error}")))
}

/// `mysql-bin-changelog.000214` and a position.
fn log_pos(file: &str, pos: u64) -> Option<LogPos> {
    let (_, number) = file.rsplit_once('.')?;
    Some(LogPos {
        file: number.parse().ok()?,
        pos,
    })
}
