//! The operator in front of real servers: every operation of a runbook, in SQL.

mod cloud;
mod gates;
mod prompt;
mod repairs;
mod replication;

use super::{
    LabError,
    clients::Shared,
    clock::Clock,
    fetched::Fetched,
    servers::{Server, Servers},
    shop,
};
use cloud::Snapshot;
use cutover_sim::{
    environment::Retention,
    operator::{Ended, Noted},
    plan::Plan,
    runbook::{Host, OnFailure, Op, Role, Step, Until},
    units::Micros,
    world::{Marks, types_an_event},
};
use gates::POLL_AT_LEAST_MS;
use mysql::{Conn, prelude::Queryable};
use std::collections::BTreeMap;

/// How often a step whose `on_failure` is `retry` is tried in all.
const ATTEMPTS: u32 = 3;
/// Why the lab does not carry out an operation; said before a server starts.
pub fn refused(op: &Op<'_>) -> Option<&'static str> {
    match op {
        Op::CreateCluster
        | Op::CreateSchema(_)
        | Op::AddConstraints(_)
        | Op::CreateTriggers
        | Op::CreateDmsTask(_)
        | Op::DmsTask(_) => {
            Some("there are two servers and no replication instance for a task of AWS DMS")
        }
        Op::MigrateLatestSnapshot
        | Op::CreateAuroraReplica
        | Op::PromoteCluster
        | Op::EnableBinlog => Some("what the cloud does by itself here is the snapshot alone"),
        Op::CreateReadReplica => Some(NO_REPLICA),
        Op::CopyUsers => {
            Some("the lab has accounts of its own on each server, with a password each")
        }
        Op::StartReplication(on) | Op::StopReplication(on) | Op::ResetExternalSource(on)
            if *on != Host::Target =>
        {
            Some(NO_WAY_BACK)
        }
        Op::SetExternalSource(o) if o.on != Host::Target => Some(NO_WAY_BACK),
        Op::Wait(o)
            if o.on != Host::Target && o.until.kind().is_ok_and(|u| u.is_of_replication()) =>
        {
            Some(NO_WAY_BACK)
        }
        Op::SetEventScheduler(_) => Some(NO_EVENTS),
        Op::Wait(o) if matches!(o.until.kind(), Ok(Until::EventScheduler(..))) => Some(NO_EVENTS),
        Op::RunSql(o) if types_an_event(&o.sql) => Some(NO_EVENTS),
        Op::Repoint(o) if o.share.is_some() => {
            Some("all clients go by one name, and a share of them cannot be moved")
        }
        _ => None,
    }
}

const NO_EVENTS: &str =
    "its servers run no events: their calendar is the machine's, not the rehearsal's";
const NO_REPLICA: &str = "there are two servers, and no read replica";
const NO_WAY_BACK: &str = "the target replicates from the source, nothing the other way";
/// `mysql.rds_start_replication` takes a second, and then says "Slave running normally". A second of the machine's, since a
/// server's threads take as long to start as at any speed: until the applier has read its first event, the lag is 0.
const START_US: u64 = 1_000_000;
/// A step that was refused all the same.
const NOT_HERE: &str = "the lab's two servers cannot do this";
/// Pause between two polls when a wait says nothing.
const POLL: Micros = Micros::secs(1);

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

/// The operator.
pub struct Operator<'a> {
    plan: &'a Plan,
    clock: Clock,
    shared: &'a Shared,
    servers: &'a Servers<'a>,
    stop: &'a (dyn Fn() -> bool + Sync),
    /// The source.
    pub source: &'a Server,
    /// A connection to the source.
    pub at_source: Conn,
    /// The target, once restored.
    pub target: Option<(Server, Conn)>,
    snapshots: BTreeMap<String, Snapshot>,
    /// The snapshot that the target was restored from.
    restored: Option<String>,
    noted: BTreeMap<String, Noted>,
    retained: bool,
    next_upload: u64,
    read_only_due: Option<(u64, bool)>,
    /// The source's binlog files, those that were purged among them.
    pub kept: Fetched,
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
        servers: &'a Servers<'a>,
        source: &'a Server,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self, LabError> {
        Ok(Self {
            plan,
            clock,
            shared,
            servers,
            stop,
            source,
            at_source: source.root.connect()?,
            target: None,
            snapshots: BTreeMap::new(),
            restored: None,
            noted: BTreeMap::new(),
            retained: plan.environment.source.binlog_retention != Retention::None,
            next_upload: plan.environment.source.binlog_upload_every.0,
            read_only_due: None,
            kept: Fetched::default(),
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
            // Nothing purges the target's files here.
            Op::SetBinlogRetention(o) => self.retained |= o.on == Host::Source,
            Op::CreateSnapshot(o) => self.create_snapshot(&o.id, o.wait)?,
            Op::RestoreSnapshot(o) => self.restore_snapshot(&o.id)?,
            Op::ReadCoordinates(o) => {
                let noted = self.read_coordinates(o.from)?;
                self.tell(format!("notes {} = {}", o.name, noted.text()));
                self.noted.insert(o.name.clone(), noted);
            }
            Op::SetExternalSource(o) => self.set_external_source(o.at.as_deref())?,
            Op::StartReplication(_) => {
                self.at_target()?.query_drop("START REPLICA")?;
                self.marks.replication.started = Some(self.clock.now_us());
                self.marks.replication.stopped = None;
                self.rest(Micros(self.clock.of(self.clock.began_us() + START_US)))?;
            }
            Op::Wait(wait) => {
                let timeout = step.timeout.unwrap_or(Micros::hours(24));
                let until = match wait.until.kind() {
                    Ok(until) => until,
                    Err(error) => return failed(error.to_string()),
                };
                self.wait(until, wait, timeout)?;
            }
            Op::SetReadOnly(o) => self.set_read_only(o.on, o.value)?,
            Op::KillConnections(host) => self.kill_connections(host)?,
            Op::StopReplication(_) => self.stop_replication()?,
            Op::ResetExternalSource(_) => {
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
            Op::RunSql(o) => self.run_sql(o)?,
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
            _ => return failed(NOT_HERE),
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

    fn at(&mut self, host: Host) -> Result<&mut Conn, Failure> {
        match host {
            Host::Source => Ok(&mut self.at_source),
            Host::Target => self.at_target(),
            Host::Replica => failed(NO_REPLICA),
        }
    }

    fn at_target(&mut self) -> Result<&mut Conn, Failure> {
        match &mut self.target {
            Some((_, connection)) => Ok(connection),
            None => failed("there is no target yet"),
        }
    }
}
