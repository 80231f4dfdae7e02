//! A runbook: the ordered steps that an operator takes, as data.
//!
//! A step is one operation on the control plane or on a server, or a wait on a gate; it has a timeout
//! and says what follows a failure. Operations are written as keys of the step (`create_snapshot = {…}`),
//! exactly one a step, so that an error in a file keeps its line and column (an internally tagged enum
//! loses them). Nothing in the engine knows a runbook by its name.

mod command;
mod dialect;
mod dms;
mod exactly_one;
mod host;
mod op;
mod operations;
mod wait;

pub use command::command;
pub(crate) use command::typed_on;
pub use dialect::Dialect;
pub(crate) use dialect::patch_of_8_0;
pub use dms::*;
pub use exactly_one::StepError;
pub(crate) use exactly_one::exactly_one;
pub use host::Host;
pub use op::Op;
pub use operations::*;
pub use wait::{Condition, Query, Until, Wait};

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
    /// Change `binlog retention hours` of a host.
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

impl Step {
    /// How long it may take before it has failed.
    pub fn limit(&self) -> Micros {
        self.timeout.unwrap_or(Micros::hours(24))
    }
}
