//! A runbook: the ordered steps that an operator takes, as data.
//!
//! A step is one operation on the control plane or on a server, or a wait on a gate; it has a timeout
//! and says what follows a failure. Operations are written as keys of the step (`create_snapshot = {…}`),
//! exactly one a step, so that an error in a file keeps its line and column (an internally tagged enum
//! loses them). Nothing in the engine knows a runbook by its name.

mod command;
mod dialect;
mod dms;

pub use command::command;
pub(crate) use command::typed_on;
pub use dialect::Dialect;
pub use dms::*;

use crate::units::Micros;
use serde::{Deserialize, Serialize};

/// A named runbook, with what it promises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// The strategy's name.
    pub name: String,
    /// One or two sentences for `list` and the head of a story.
    pub about: String,
    /// What the strategy promises, hence what is checked.
    #[serde(default)]
    pub promises: Promises,
    /// The steps.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
    /// What the operator does when a step fails whose `on_failure` is `abort`: back to a writable source.
    #[serde(default, rename = "abort", skip_serializing_if = "Vec::is_empty")]
    pub abort: Vec<Step>,
    /// What the operator does instead once the application was pointed at the target: the migration stands, and what
    /// failed is the way back. Without any, it is the abort steps then as well.
    #[serde(default, rename = "stay", skip_serializing_if = "Vec::is_empty")]
    pub stay: Vec<Step>,
}

/// The strength in which a strategy promises prefix consistency before promotion (property P5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefixStrength {
    /// At any time the target equals the source after some commit.
    #[default]
    Prefix,
    /// Commits may be applied out of order, dependencies hold.
    DependencyClosed,
    /// Each row by itself follows the source.
    PerRow,
}

/// What a strategy promises.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Promises {
    /// Prefix consistency before promotion.
    pub prefix: PrefixStrength,
    /// Longest time without a writable database that the strategy is sold with; none: not promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Micros>,
}

/// What the checks need to know about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// After this step no write is to succeed on the source.
    Fence,
    /// After this step the target is to have every committed write of the source.
    Gate,
}

/// What follows a step that failed or timed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Run the abort steps; the run ends `aborted`.
    #[default]
    Abort,
    /// Try again, at most three times, then abort.
    Retry,
    /// Try again every 30 s until it works: a step in the middle of what cannot be taken back.
    Insist,
    /// Note it and go on: what a script without `set -e` does.
    Continue,
}

/// One step. Exactly one operation is set ([`Step::op`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the step is for, in a few words.
    pub say: String,
    /// What the checks take it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Give up after this long; 24 h when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Micros>,
    /// What follows a failure.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failure: OnFailure,
    /// Change `binlog retention hours` on the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_binlog_retention: Option<SetBinlogRetention>,
    /// Make an RDS read replica of the source; RDS starts its replication and keeps the binlog for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_read_replica: Option<Nothing>,
    /// Take a snapshot and wait until it is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_snapshot: Option<CreateSnapshot>,
    /// Restore a snapshot into a new Aurora cluster with a writer and wait until it is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_snapshot: Option<RestoreSnapshot>,
    /// The console's *Migrate latest snapshot*: restores the newest snapshot that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate_latest_snapshot: Option<Nothing>,
    /// The console's *Create Aurora read replica*: a private snapshot, restored, and replication that RDS manages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_aurora_replica: Option<Nothing>,
    /// Make the Aurora read replica a cluster of its own; ends when RDS says that it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_cluster: Option<Nothing>,
    /// Let the target write a binlog of its own: a cluster parameter, and a restart of its server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_binlog: Option<Nothing>,
    /// Note coordinates: a position or a GTID set, from one of the places where one can read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_coordinates: Option<ReadCoordinates>,
    /// Tell the target where to replicate from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_external_source: Option<SetExternalSource>,
    /// Start receiver and applier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_replication: Option<OnReplica>,
    /// Poll until a condition holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// Set `read_only`, through the parameter group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_read_only: Option<SetReadOnly>,
    /// Let clients in or keep them out, by the host's security group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admit_clients: Option<AdmitClients>,
    /// Run events or none, through the parameter group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_event_scheduler: Option<SetEventScheduler>,
    /// Kill client connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_connections: Option<OnHost>,
    /// Stop receiver and applier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_replication: Option<OnReplica>,
    /// Forget the external source; what was received and not applied is discarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_external_source: Option<OnReplica>,
    /// Raise AUTO_INCREMENT of every table on the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise_auto_increment: Option<RaiseAutoIncrement>,
    /// Point the application's name at a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repoint: Option<Repoint>,
    /// Type a statement on a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_sql: Option<RunSql>,
    /// Do nothing for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Create an empty Aurora cluster with a writer and wait until it is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_cluster: Option<Nothing>,
    /// Create the source's tables on the target, empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_schema: Option<CreateSchema>,
    /// Give the target's tables the keys and constraints that they lack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_constraints: Option<AddConstraints>,
    /// Create the source's triggers on the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_triggers: Option<Nothing>,
    /// Copy the source's accounts to the target, with their passwords as they are then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_users: Option<Nothing>,
    /// Create a DMS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_dms_task: Option<CreateDmsTask>,
    /// Start, stop, resume or reload a DMS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dms_task: Option<DmsTask>,
}

fn is_default(on_failure: &OnFailure) -> bool {
    *on_failure == OnFailure::default()
}

/// An operation without parameters: `start_replication = {}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A host of the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// The RDS instance.
    Source,
    /// The Aurora cluster's writer.
    Target,
    /// An RDS read replica of the source.
    Replica,
}

impl Host {
    /// All hosts, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Source, Self::Target, Self::Replica];

    /// The host that this one replicates from, when it does.
    pub fn replicates_from(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target | Self::Replica => Self::Source,
        }
    }

    /// As it is called in runbooks and stories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Replica => "replica",
        }
    }
}

/// The host that replicates: the target, unless something else is said.
fn target() -> Host {
    Host::Target
}

fn is_target(host: &Host) -> bool {
    *host == Host::Target
}

/// An operation on a host that replicates: the target, the source on the way back (`on = "source"`), or a read replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnReplica {
    /// Where.
    #[serde(default = "target", skip_serializing_if = "is_target")]
    pub on: Host,
}

/// `CALL mysql.rds_set_configuration('binlog retention hours', …)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetBinlogRetention {
    /// 1 to 168.
    pub hours: u32,
}

/// `aws rds create-db-snapshot`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateSnapshot {
    /// The snapshot's identifier.
    pub id: String,
    /// Wait until it is available; true when absent. A later step can wait for `snapshot_available`.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub wait: bool,
    /// Of which instance: the source, or its read replica.
    #[serde(default = "source", skip_serializing_if = "is_source")]
    pub of: Host,
}

fn source() -> Host {
    Host::Source
}

fn is_source(host: &Host) -> bool {
    *host == Host::Source
}

fn yes() -> bool {
    true
}

/// `aws rds restore-db-cluster-from-snapshot` and `create-db-instance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreSnapshot {
    /// The snapshot's identifier.
    pub id: String,
}

/// Where coordinates are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoordinatesFrom {
    /// `SHOW MASTER STATUS` on the source: where it is *now*.
    SourcePosition,
    /// `SELECT @@global.gtid_executed` on the source, now.
    SourceGtidExecuted,
    /// `SHOW MASTER STATUS` on the target: of its own binlog.
    TargetPosition,
    /// `SELECT @@global.gtid_executed` on the target, now.
    TargetGtidExecuted,
    /// `Relay_Master_Log_File` and `Exec_Master_Log_Pos` of the read replica: how far it has applied the source's binlog.
    ReplicaPosition,
    /// The restored instance's event "Binlog position from crash recovery is …".
    RecoveryEvent,
}

/// Notes coordinates under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadCoordinates {
    /// Where.
    pub from: CoordinatesFrom,
    /// The name that later steps use.
    #[serde(rename = "as")]
    pub name: String,
}

/// `mysql.rds_set_external_source…`, or `…master…` ([`Dialect`]): by position with `at`, by GTID without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetExternalSource {
    /// The name of noted coordinates (file and position).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// `…_with_auto_position`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_position: bool,
    /// Who replicates from the other: the target, or the source on the way back.
    #[serde(default = "target", skip_serializing_if = "is_target")]
    pub on: Host,
}

/// A wait: polls a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// The condition.
    pub until: Condition,
    /// Pause between two polls; 1 s when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Micros>,
    /// Consecutive polls that must agree; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<u32>,
    /// Whose replication is looked at, where the condition is about replication.
    #[serde(default = "target", skip_serializing_if = "is_target")]
    pub on: Host,
    /// So many times what replication has stopped at is left out, and it is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_errors: Option<u32>,
}

/// What a wait waits for. Exactly one key is set ([`Condition::kind`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// `Replica_IO_Running` and `Replica_SQL_Running` are both `Yes`; fails at once when a thread stopped with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_running: Option<Nothing>,
    /// `Seconds_Behind_Source` is at most this. NULL does not count; nothing else is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_behind_source: Option<u64>,
    /// Both threads run and `Seconds_Behind_Source` is at most this; fails at once when a thread stopped with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up: Option<u64>,
    /// The replica applied up to these noted coordinates; fails at once when a replication thread stopped with an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// `@@global.read_only` of the host is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<Host>,
    /// `@@global.read_only` of the host is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writable: Option<Host>,
    /// `@@global.event_scheduler` of the host is ON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_scheduler_on: Option<Host>,
    /// `@@global.event_scheduler` of the host is OFF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_scheduler_off: Option<Host>,
    /// `information_schema.innodb_trx` of the host is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_open_transactions: Option<Host>,
    /// The snapshot with this identifier is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_available: Option<String>,
    /// The source stands where these noted coordinates say: nothing was written since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_unchanged_since: Option<String>,
    /// The source's binlog has nothing behind these noted coordinates but what RDS writes itself; fails where the files are
    /// purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_writes_since: Option<String>,
    /// A SELECT finds a row; fails at once when the server cannot carry it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Query>,
    /// Something of a DMS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dms: Option<DmsCondition>,
}

/// [`Condition`], after it was checked that exactly one key is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until<'a> {
    /// See [`Condition::replication_running`].
    ReplicationRunning,
    /// See [`Condition::seconds_behind_source`].
    SecondsBehindSource(u64),
    /// See [`Condition::caught_up`].
    CaughtUp(u64),
    /// See [`Condition::applied`].
    Applied(&'a str),
    /// See [`Condition::read_only`].
    ReadOnly(Host),
    /// See [`Condition::writable`].
    Writable(Host),
    /// See [`Condition::event_scheduler_on`] and [`Condition::event_scheduler_off`].
    EventScheduler(Host, bool),
    /// See [`Condition::no_open_transactions`].
    NoOpenTransactions(Host),
    /// See [`Condition::snapshot_available`].
    SnapshotAvailable(&'a str),
    /// See [`Condition::source_unchanged_since`].
    SourceUnchangedSince(&'a str),
    /// See [`Condition::no_writes_since`].
    NoWritesSince(&'a str),
    /// See [`Condition::row`].
    Row(&'a Query),
    /// See [`Condition::dms`].
    Dms(&'a DmsCondition),
}

impl Until<'_> {
    /// Whether it looks at the status of a replica.
    pub fn is_of_replication(&self) -> bool {
        matches!(
            self,
            Self::ReplicationRunning
                | Self::SecondsBehindSource(_)
                | Self::CaughtUp(_)
                | Self::Applied(_)
        )
    }
}

/// `read_only` of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetReadOnly {
    /// Where.
    pub on: Host,
    /// The value.
    pub value: bool,
    /// On the target by the cluster's parameter group, so that it outlives a restart of the server, and arrives
    /// later; without it by `mysql.rds_set_read_only`. On the source there is the parameter group alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
}

/// `event_scheduler` of a host, by its parameter group; the server has it a while later, and a target that is made later
/// from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetEventScheduler {
    /// Where.
    pub on: Host,
    /// ON or OFF.
    pub value: bool,
}

/// Whether a host's security group lets clients in. It decides on new connections: those that there are stay [D EC2
/// `security-group-connection-tracking`]. Whoever replicates, the DMS instance and the operator have rules of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmitClients {
    /// Where.
    pub on: Host,
    /// Whether it does.
    pub value: bool,
}

/// An operation on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnHost {
    /// Where.
    pub on: Host,
}

/// `ALTER TABLE … AUTO_INCREMENT = current + gap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaiseAutoIncrement {
    /// Numbers to leave out.
    pub gap: u64,
}

/// The application's name, and whether its processes are restarted so that they look it up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repoint {
    /// The new host.
    pub to: Host,
    /// Restart the application, one instance after the other.
    #[serde(default)]
    pub restart_clients: bool,
    /// Only so many of a hundred clients: they are given the host's own address, and are restarted with it. A later
    /// `repoint` without it moves the name, and takes these back to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u32>,
}

/// A statement: INSERT, UPDATE, DELETE, or one that makes or changes a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSql {
    /// Where.
    pub on: Host,
    /// Its text; tables without a schema are in `shop`.
    pub sql: String,
}

/// A look for a row: `SELECT … FROM … WHERE …` of one table, with conditions of equality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Where.
    pub on: Host,
    /// Its text; a table without a schema is in `shop`.
    pub sql: String,
}

/// A pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// How long.
    #[serde(rename = "for")]
    pub length: Micros,
}

/// A step's operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op<'a> {
    /// See [`Step::set_binlog_retention`].
    SetBinlogRetention(&'a SetBinlogRetention),
    /// See [`Step::create_read_replica`].
    CreateReadReplica,
    /// See [`Step::create_snapshot`].
    CreateSnapshot(&'a CreateSnapshot),
    /// See [`Step::restore_snapshot`].
    RestoreSnapshot(&'a RestoreSnapshot),
    /// See [`Step::migrate_latest_snapshot`].
    MigrateLatestSnapshot,
    /// See [`Step::create_aurora_replica`].
    CreateAuroraReplica,
    /// See [`Step::promote_cluster`].
    PromoteCluster,
    /// See [`Step::enable_binlog`].
    EnableBinlog,
    /// See [`Step::read_coordinates`].
    ReadCoordinates(&'a ReadCoordinates),
    /// See [`Step::set_external_source`].
    SetExternalSource(&'a SetExternalSource),
    /// See [`Step::start_replication`].
    StartReplication(Host),
    /// See [`Step::wait`].
    Wait(&'a Wait),
    /// See [`Step::set_read_only`].
    SetReadOnly(&'a SetReadOnly),
    /// See [`Step::admit_clients`].
    AdmitClients(&'a AdmitClients),
    /// See [`Step::set_event_scheduler`].
    SetEventScheduler(&'a SetEventScheduler),
    /// See [`Step::kill_connections`].
    KillConnections(Host),
    /// See [`Step::stop_replication`].
    StopReplication(Host),
    /// See [`Step::reset_external_source`].
    ResetExternalSource(Host),
    /// See [`Step::raise_auto_increment`].
    RaiseAutoIncrement(&'a RaiseAutoIncrement),
    /// See [`Step::repoint`].
    Repoint(&'a Repoint),
    /// See [`Step::run_sql`].
    RunSql(&'a RunSql),
    /// See [`Step::pause`].
    Pause(&'a Pause),
    /// See [`Step::create_cluster`].
    CreateCluster,
    /// See [`Step::create_schema`].
    CreateSchema(&'a CreateSchema),
    /// See [`Step::add_constraints`].
    AddConstraints(&'a AddConstraints),
    /// See [`Step::create_triggers`].
    CreateTriggers,
    /// See [`Step::copy_users`].
    CopyUsers,
    /// See [`Step::create_dms_task`].
    CreateDmsTask(&'a CreateDmsTask),
    /// See [`Step::dms_task`].
    DmsTask(&'a DmsTask),
}

/// A step or condition that names no operation, or several.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// None.
    #[error("nothing to do: add one of {one_of}")]
    Nothing {
        /// The keys to choose from.
        one_of: &'static str,
    },
    /// More than one.
    #[error("`{first}` and `{second}` in one place: write a step for each")]
    Several {
        /// One key.
        first: &'static str,
        /// Another.
        second: &'static str,
    },
}

/// The one of several options that is set.
pub(crate) fn exactly_one<T>(
    options: impl IntoIterator<Item = Option<(&'static str, T)>>,
    one_of: &'static str,
) -> Result<T, StepError> {
    let mut found: Option<(&'static str, T)> = None;
    for (name, value) in options.into_iter().flatten() {
        match &found {
            None => found = Some((name, value)),
            Some((first, _)) => {
                return Err(StepError::Several {
                    first,
                    second: name,
                });
            }
        }
    }
    found
        .map(|(_, value)| value)
        .ok_or(StepError::Nothing { one_of })
}

impl Step {
    /// How long it may take before it has failed.
    pub fn limit(&self) -> Micros {
        self.timeout.unwrap_or(Micros::hours(24))
    }

    /// The one operation of the step.
    pub fn op(&self) -> Result<Op<'_>, StepError> {
        exactly_one(
            [
                self.set_binlog_retention
                    .as_ref()
                    .map(|o| ("set_binlog_retention", Op::SetBinlogRetention(o))),
                self.create_read_replica
                    .map(|_| ("create_read_replica", Op::CreateReadReplica)),
                self.create_snapshot
                    .as_ref()
                    .map(|o| ("create_snapshot", Op::CreateSnapshot(o))),
                self.restore_snapshot
                    .as_ref()
                    .map(|o| ("restore_snapshot", Op::RestoreSnapshot(o))),
                self.migrate_latest_snapshot
                    .map(|_| ("migrate_latest_snapshot", Op::MigrateLatestSnapshot)),
                self.create_aurora_replica
                    .map(|_| ("create_aurora_replica", Op::CreateAuroraReplica)),
                self.promote_cluster
                    .map(|_| ("promote_cluster", Op::PromoteCluster)),
                self.enable_binlog
                    .map(|_| ("enable_binlog", Op::EnableBinlog)),
                self.read_coordinates
                    .as_ref()
                    .map(|o| ("read_coordinates", Op::ReadCoordinates(o))),
                self.set_external_source
                    .as_ref()
                    .map(|o| ("set_external_source", Op::SetExternalSource(o))),
                self.start_replication
                    .as_ref()
                    .map(|o| ("start_replication", Op::StartReplication(o.on))),
                self.wait.as_ref().map(|o| ("wait", Op::Wait(o))),
                self.set_read_only
                    .as_ref()
                    .map(|o| ("set_read_only", Op::SetReadOnly(o))),
                self.admit_clients
                    .as_ref()
                    .map(|o| ("admit_clients", Op::AdmitClients(o))),
                self.set_event_scheduler
                    .as_ref()
                    .map(|o| ("set_event_scheduler", Op::SetEventScheduler(o))),
                self.kill_connections
                    .as_ref()
                    .map(|o| ("kill_connections", Op::KillConnections(o.on))),
                self.stop_replication
                    .as_ref()
                    .map(|o| ("stop_replication", Op::StopReplication(o.on))),
                self.reset_external_source
                    .as_ref()
                    .map(|o| ("reset_external_source", Op::ResetExternalSource(o.on))),
                self.raise_auto_increment
                    .as_ref()
                    .map(|o| ("raise_auto_increment", Op::RaiseAutoIncrement(o))),
                self.repoint.as_ref().map(|o| ("repoint", Op::Repoint(o))),
                self.run_sql.as_ref().map(|o| ("run_sql", Op::RunSql(o))),
                self.pause.as_ref().map(|o| ("pause", Op::Pause(o))),
                self.create_cluster
                    .as_ref()
                    .map(|_| ("create_cluster", Op::CreateCluster)),
                self.create_schema
                    .as_ref()
                    .map(|o| ("create_schema", Op::CreateSchema(o))),
                self.add_constraints
                    .as_ref()
                    .map(|o| ("add_constraints", Op::AddConstraints(o))),
                self.create_triggers
                    .as_ref()
                    .map(|_| ("create_triggers", Op::CreateTriggers)),
                self.copy_users
                    .as_ref()
                    .map(|_| ("copy_users", Op::CopyUsers)),
                self.create_dms_task
                    .as_ref()
                    .map(|o| ("create_dms_task", Op::CreateDmsTask(o))),
                self.dms_task.as_ref().map(|o| ("dms_task", Op::DmsTask(o))),
            ],
            "set_binlog_retention, create_read_replica, create_snapshot, restore_snapshot, migrate_latest_snapshot, create_aurora_replica, \
             promote_cluster, enable_binlog, read_coordinates, set_external_source, \
             start_replication, wait, set_read_only, admit_clients, set_event_scheduler, kill_connections, stop_replication, reset_external_source, \
             raise_auto_increment, repoint, run_sql, pause, create_cluster, create_schema, add_constraints, create_triggers, copy_users, create_dms_task, dms_task",
        )
    }
}

impl Condition {
    /// The one condition.
    pub fn kind(&self) -> Result<Until<'_>, StepError> {
        exactly_one(
            [
                self.replication_running
                    .as_ref()
                    .map(|_| ("replication_running", Until::ReplicationRunning)),
                self.seconds_behind_source
                    .map(|s| ("seconds_behind_source", Until::SecondsBehindSource(s))),
                self.caught_up.map(|s| ("caught_up", Until::CaughtUp(s))),
                self.applied
                    .as_deref()
                    .map(|n| ("applied", Until::Applied(n))),
                self.read_only.map(|h| ("read_only", Until::ReadOnly(h))),
                self.writable.map(|h| ("writable", Until::Writable(h))),
                self.event_scheduler_on
                    .map(|h| ("event_scheduler_on", Until::EventScheduler(h, true))),
                self.event_scheduler_off
                    .map(|h| ("event_scheduler_off", Until::EventScheduler(h, false))),
                self.no_open_transactions
                    .map(|h| ("no_open_transactions", Until::NoOpenTransactions(h))),
                self.snapshot_available
                    .as_deref()
                    .map(|n| ("snapshot_available", Until::SnapshotAvailable(n))),
                self.source_unchanged_since
                    .as_deref()
                    .map(|n| ("source_unchanged_since", Until::SourceUnchangedSince(n))),
                self.no_writes_since
                    .as_deref()
                    .map(|n| ("no_writes_since", Until::NoWritesSince(n))),
                self.row.as_ref().map(|o| ("row", Until::Row(o))),
                self.dms.as_ref().map(|o| ("dms", Until::Dms(o))),
            ],
            "replication_running, seconds_behind_source, caught_up, applied, read_only, writable, event_scheduler_on, event_scheduler_off, no_open_transactions, snapshot_available, source_unchanged_since, no_writes_since, row, dms",
        )
    }
}
