//! What an operation is told: the tables that steps write behind its key. Those of DMS are in [`super::dms`].

#[cfg(doc)]
use super::Dialect;
use super::host::{Host, is_source, is_target, source, target};
use crate::units::Micros;
use serde::{Deserialize, Serialize};

/// An operation without parameters: `start_replication = {}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

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
    /// 1 to 168 on RDS, 1 to 2160 on Aurora MySQL.
    pub hours: u32,
    /// Whose.
    #[serde(default = "source", skip_serializing_if = "is_source")]
    pub on: Host,
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

/// A pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// How long.
    #[serde(rename = "for")]
    pub length: Micros,
}
