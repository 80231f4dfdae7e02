//! The operator's environment: what is migrated, from where, over what, with which parameters.
//!
//! Every field has a default, so that a scenario file says only what differs; each default names its
//! basis. Sources: [D] vendor documentation, [S] server source, [K] knowledge that is not verified.

mod replicate;

pub use replicate::Replicate;

use crate::{
    runbook::{Dialect, Host},
    units::{Bytes, Micros},
};
use serde::{Deserialize, Serialize};

/// Everything around the workload and the runbook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Environment {
    /// The RDS MySQL instance.
    pub source: Source,
    /// The Aurora MySQL cluster.
    pub target: Target,
    /// Links between hosts.
    pub network: Network,
    /// The name that the application connects to.
    pub names: Names,
    /// The application's pools and drivers.
    pub clients: Clients,
    /// How long the cloud's control plane takes.
    pub control_plane: ControlPlane,
    /// The DMS replication instance.
    #[serde(skip_serializing_if = "Dms::is_usual")]
    pub dms: Dms,
}

/// Which columns a row event carries (`binlog_row_image`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowImage {
    /// All columns, before and after.
    #[default]
    Full,
    /// The key before, the changed columns after.
    Minimal,
    /// All columns but unchanged BLOBs and TEXTs.
    Noblob,
}

/// What TABLE_MAP says of the columns (`binlog_row_metadata`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowMetadata {
    /// Types and signedness.
    #[default]
    Minimal,
    /// Names, character sets, ENUM and SET members, the primary key as well.
    Full,
}

/// `binlog_checksum`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    /// CRC32 at the end of every event.
    #[default]
    Crc32,
    /// None.
    None,
}

/// How long RDS or Aurora keeps binlog files (`binlog retention hours`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// NULL, the default: on RDS a file goes as soon as RDS has uploaded it [D].
    #[default]
    None,
    /// At least this long.
    For(Micros),
}

impl Retention {
    /// Whether it is NULL.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Serialize for Retention {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => s.serialize_str("none"),
            Self::For(time) => time.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Read;
        impl serde::de::Visitor<'_> for Read {
            type Value = Retention;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"none\" or a duration in quotes, like \"24h\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Retention, E> {
                if text == "none" {
                    return Ok(Retention::None);
                }
                text.parse().map(Retention::For).map_err(|_| {
                    E::custom(format!(
                        "`{text}` is not a retention; write \"none\" or a duration like \"24h\""
                    ))
                })
            }
        }
        d.deserialize_any(Read)
    }
}

/// What a row takes that an ALTER TABLE goes through. Builds of an index and copies of narrow tables go at some 100,000 to
/// 500,000 rows a second, by their width and the instance [K]: to be measured on a copy.
const ALTER_ROW: Micros = Micros(5);

fn is_usual_alter_row(time: &Micros) -> bool {
    *time == ALTER_ROW
}

/// The RDS MySQL source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// MySQL version; 5.6, 5.7, 8.0, 8.4 and 9.x differ where the model says so.
    pub engine_version: String,
    /// A synchronous standby: a snapshot is cut from it without suspending I/O [D].
    pub multi_az: bool,
    /// Bytes on the volume. Snapshot and restore take time by it; it costs the rehearsal nothing.
    pub data_size: Bytes,
    /// `gtid_mode` (and `enforce_gtid_consistency`).
    pub gtid_mode: bool,
    /// `sync_binlog`: 0, 1 or every n-th group.
    pub sync_binlog: u32,
    /// `innodb_flush_log_at_trx_commit`: 0, 1 or 2.
    pub innodb_flush_log_at_trx_commit: u8,
    /// `binlog retention hours` as it is before the runbook starts.
    pub binlog_retention: Retention,
    /// RDS rotates the binlog and uploads it this often, for point-in-time restore: 5 minutes [D].
    pub binlog_upload_every: Micros,
    /// Behind each of these rotations RDS writes to its own table `mysql.rds_heartbeat2`: a transaction with a GTID.
    pub rds_heartbeat: bool,
    /// RDS takes an automated snapshot this often [D].
    pub backup_every: Micros,
    /// The last one is this old when the run begins: up to `backup_every`.
    pub last_backup: Micros,
    /// `max_binlog_size`; RDS: 128 MiB [K].
    pub max_binlog_size: Bytes,
    /// `binlog_row_image`. A DMS task captures with FULL alone [D].
    pub binlog_row_image: RowImage,
    /// `binlog_row_metadata`.
    pub binlog_row_metadata: RowMetadata,
    /// `binlog_checksum`.
    pub binlog_checksum: Checksum,
    /// Writing a commit group to the binlog and the redo log [K].
    pub flush: Micros,
    /// One fsync of the binlog on the volume [K].
    pub fsync: Micros,
    /// The engine's commit of a group [K].
    pub engine_commit: Micros,
    /// `innodb_lock_wait_timeout`: 50 s [S].
    pub lock_wait_timeout: Micros,
    /// A row that an ALTER TABLE goes through: 200,000 of them a second [K]. A plan that has the default does not name it.
    #[serde(skip_serializing_if = "is_usual_alter_row")]
    pub alter_row: Micros,
    /// `event_scheduler`; when it is not said, the default of the version: ON from 8.0.3 on [D].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_scheduler: Option<bool>,
    /// How long a changed parameter takes to reach the server from the parameter group [K].
    pub parameter_delay: Micros,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            engine_version: "8.0.36".into(),
            multi_az: true,
            data_size: Bytes(1 << 40),
            gtid_mode: true,
            sync_binlog: 1,
            innodb_flush_log_at_trx_commit: 1,
            binlog_retention: Retention::None,
            binlog_upload_every: Micros::mins(5),
            rds_heartbeat: true,
            backup_every: Micros::hours(24),
            last_backup: Micros::hours(7),
            max_binlog_size: Bytes(128 << 20),
            binlog_row_image: RowImage::Full,
            binlog_row_metadata: RowMetadata::Minimal,
            binlog_checksum: Checksum::Crc32,
            flush: Micros(60),
            fsync: Micros(900),
            engine_commit: Micros(40),
            lock_wait_timeout: Micros::secs(50),
            alter_row: ALTER_ROW,
            event_scheduler: None,
            parameter_delay: Micros::secs(20),
        }
    }
}

/// The Aurora MySQL target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// Aurora's version, as AWS writes it. With the source's, it decides about what is typed: the names of stored
    /// procedures and of SHOW statements; and about `mysql.rds_set_read_only` in `cutover check`.
    pub engine_version: String,
    /// `gtid_mode` of the cluster parameter group, ON or OFF; the source's when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtid_mode: Option<bool>,
    /// `event_scheduler` of the cluster parameter group, with which the cluster is made; when it is not said, the default of
    /// the version: ON in Aurora MySQL 3 [K].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_scheduler: Option<bool>,
    /// `replica_parallel_workers`; when it is not said, the default of the version: 4 from Aurora 3.04 on, a single applier
    /// before. 0 or 1 is a single applier [D].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_parallel_workers: Option<u32>,
    /// `replica_preserve_commit_order`: ON since 8.0.27 [S].
    pub replica_preserve_commit_order: bool,
    /// `relay_log_recovery`: after a crash the target asks again for what it had received and not applied. RDS and
    /// Aurora have it ON [K].
    pub relay_log_recovery: bool,
    /// `replica_net_timeout`: how long a silent connection counts as alive; 60 s [S].
    pub replica_net_timeout: Micros,
    /// `binlog_format` is ROW instead of Aurora's default OFF: the cluster writes a binlog of its own [D].
    pub binlog: bool,
    /// `binlog retention hours` of the cluster as it is made; NULL is Aurora's default: its files are cleaned up lazily [D]. A
    /// plan that has that does not name it.
    #[serde(skip_serializing_if = "Retention::is_none")]
    pub binlog_retention: Retention,
    /// Applying one transaction, rows aside [K].
    pub apply_transaction: Micros,
    /// Applying one row [K].
    pub apply_row: Micros,
    /// Looking at a row of a table without a key to find another: an applier looks at all of them for each row that an
    /// UPDATE or DELETE changes [D; the figure is K].
    pub scan_row: Micros,
    /// A row that an ALTER TABLE goes through, typed or applied: 200,000 of them a second [K]. A plan that has the default does
    /// not name it.
    #[serde(skip_serializing_if = "is_usual_alter_row")]
    pub alter_row: Micros,
    /// A page's first touch after the restore comes from S3 [D; the figure is K].
    pub first_touch: Micros,
    /// `source_connect_retry`: pause before a receiver whose connection broke tries again; 60 s [K].
    pub connect_retry: Micros,
    /// A client's commit on Aurora: quorum write of the log [K].
    pub commit: Micros,
    /// What its applier leaves out.
    #[serde(skip_serializing_if = "Replicate::is_empty")]
    pub replicate: Replicate,
}

impl Environment {
    /// Whether the event scheduler of a host runs when the host is made. It is ON by default since 8.0.3, which was before
    /// the first release of 8.0 (MySQL manual, `event_scheduler`). RDS's read replicas are read-only.
    pub fn runs_events(&self, host: Host) -> bool {
        let (said, version) = match host {
            Host::Source => (self.source.event_scheduler, &self.source.engine_version),
            Host::Target => (self.target.event_scheduler, &self.target.engine_version),
            Host::Replica => return false,
        };
        let major = version
            .split('.')
            .next()
            .and_then(|n| n.parse::<u32>().ok());
        said.unwrap_or(major.is_some_and(|major| major >= 8))
    }

    /// Whether a host that is made of the source's data counts on where the source's counters of AUTO_INCREMENT stood: from
    /// 8.0 on they are on the volume, before in memory alone (MySQL manual, "AUTO_INCREMENT Handling in InnoDB", counter
    /// initialization; WL#6204). The earlier of the two versions decides.
    pub fn restores_auto_increments(&self, host: Host) -> bool {
        let made_of = [Host::Source, host].map(|host| Dialect::of(host, self));
        made_of.iter().all(Dialect::persists_auto_increment)
    }

    /// How many workers of the target apply; 0 is one.
    pub fn parallel_workers(&self) -> u32 {
        let default = Dialect::of(Host::Target, self).parallel_workers();
        self.target.replica_parallel_workers.unwrap_or(default)
    }

    /// Whether workers may commit in another order than the source: a crash of the applier can leave transactions applied
    /// behind some that are not.
    pub fn commits_out_of_order(&self) -> bool {
        self.parallel_workers() > 1 && !self.target.replica_preserve_commit_order
    }

    /// What a row takes on a host that an ALTER TABLE goes through. A read replica of RDS is like its source.
    pub fn alter_row(&self, host: Host) -> Micros {
        match host {
            Host::Target => self.target.alter_row,
            Host::Source | Host::Replica => self.source.alter_row,
        }
    }

    /// Whether the target has `gtid_mode = ON`.
    pub fn target_has_gtids(&self) -> bool {
        self.target.gtid_mode.unwrap_or(self.source.gtid_mode)
    }
}

impl Default for Target {
    fn default() -> Self {
        Self {
            engine_version: "8.0.mysql_aurora.3.08.0".into(),
            gtid_mode: None,
            event_scheduler: None,
            replica_parallel_workers: None,
            replica_preserve_commit_order: true,
            relay_log_recovery: true,
            replica_net_timeout: Micros::secs(60),
            binlog: false,
            binlog_retention: Retention::None,
            apply_transaction: Micros(400),
            apply_row: Micros(40),
            scan_row: Micros(1),
            alter_row: ALTER_ROW,
            first_touch: Micros::ms(8),
            connect_retry: Micros::secs(60),
            commit: Micros::ms(2),
            replicate: Replicate::default(),
        }
    }
}

/// One link: TCP, ordered and reliable.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// One way.
    pub latency: Micros,
    /// Added to the latency at random, evenly between 0 and this; order is kept.
    pub jitter: Micros,
    /// Bytes per second.
    pub bandwidth: Bytes,
    /// The link stalls this often: nothing gets through for `stall_for`, and nothing is lost; 0 is never.
    pub stall_every: Micros,
    /// How long a stall lasts.
    pub stall_for: Micros,
    /// The link's connections are reset this often, what was on the wire is lost; 0 is never.
    pub reset_every: Micros,
}

impl Link {
    /// A moment, or the end of the stall that it falls into: the last part of every period is a stall.
    pub fn after_stall(&self, at_us: u64) -> u64 {
        if self.stall_every.0 == 0 {
            return at_us;
        }
        let into = at_us % self.stall_every.0;
        let begins = self.stall_every.0.saturating_sub(self.stall_for.0);
        if into < begins {
            at_us
        } else {
            at_us - into + self.stall_every.0
        }
    }

    /// How long `bytes` take to get onto the wire, in µs.
    pub fn wire_us(&self, bytes: u64) -> u64 {
        let bandwidth = self.bandwidth.0.max(1);
        // A division of 64 bits where that is enough, and that is nearly always, takes a quarter of the time; a
        // statement is faster than a microsecond as a rule, and then there is nothing to divide.
        match bytes.checked_mul(1_000_000) {
            Some(product) if product < bandwidth => 0,
            Some(product) => product / bandwidth,
            None => (u128::from(bytes) * 1_000_000 / u128::from(bandwidth)) as u64,
        }
    }

    /// Without stalls and resets; what a link of one's own starts from.
    const STEADY: Self = Self {
        latency: Micros::ZERO,
        jitter: Micros::ZERO,
        bandwidth: Bytes(1 << 30),
        stall_every: Micros::ZERO,
        stall_for: Micros::ZERO,
        reset_every: Micros::ZERO,
    };
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Micros(300),
            jitter: Micros(200),
            bandwidth: Bytes(1 << 30),
            ..Link::STEADY
        }
    }
}

/// The links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Application to source.
    pub clients_source: Link,
    /// Application to target.
    pub clients_target: Link,
    /// Source to target: the binlog stream.
    #[serde(deserialize_with = "ReplicationLink::deserialize")]
    pub replication: Link,
    /// Operator to servers, one way.
    pub operator_latency: Micros,
}

/// The link of the binlog stream as a file says it: what it leaves out has this link's defaults, not those of the others.
#[derive(Deserialize)]
#[serde(remote = "Link", default = "replication_link", deny_unknown_fields)]
struct ReplicationLink {
    latency: Micros,
    jitter: Micros,
    bandwidth: Bytes,
    stall_every: Micros,
    stall_for: Micros,
    reset_every: Micros,
}

fn replication_link() -> Link {
    Link {
        latency: Micros(500),
        jitter: Micros(300),
        bandwidth: Bytes(64 << 20),
        ..Link::STEADY
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            clients_source: Link::default(),
            clients_target: Link::default(),
            replication: replication_link(),
            operator_latency: Micros::ms(5),
        }
    }
}

/// The application's name for its database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    /// The record that the application connects to.
    pub record: String,
    /// Its TTL: 5 s in the zones of RDS and Aurora [D].
    pub ttl: Micros,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            record: "db.shop.internal".into(),
            ttl: Micros::secs(5),
        }
    }
}

/// How the application's resolver caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolver {
    /// For the record's TTL.
    #[default]
    Ttl,
    /// For ever, as a JVM with a security manager does [K].
    Forever,
}

/// What a driver does after a failed transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// Reports the failure and goes on with the next transaction.
    #[default]
    None,
    /// Tries again after a definite failure (1290, 1205, 1213, refused connection).
    Definite,
    /// Tries again also when the outcome is unknown: the connection broke after COMMIT was sent (CLI-04).
    Blind,
}

/// The application's connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clients {
    /// How names are cached.
    pub resolver: Resolver,
    /// A pooled connection is replaced after this long; HikariCP: 30 min [K].
    pub max_lifetime: Micros,
    /// The driver drops a connection that answered 1290, as cluster-aware drivers do [D JDBC].
    pub drop_on_read_only: bool,
    /// What follows a failed transaction.
    pub retry: Retry,
    /// A transaction of one statement goes out alone and commits by itself (`autocommit=1`, a server's and most drivers'
    /// default [D]): one round trip, and no open transaction between statement and COMMIT. Transactions of several
    /// statements are sent as ever; their BEGIN takes no round trip of its own. Plans that do without do not name it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub autocommit: bool,
    /// Pause before a retry and before a new attempt to connect; doubles up to 32 times it.
    pub backoff: Micros,
    /// How long a pool waits for a new connection; HikariCP: 30 s [K].
    pub connect_timeout: Micros,
    /// A connection over which nothing that was sent is acknowledged breaks after this long: 15 min with Linux'
    /// `tcp_retries2` [K].
    pub tcp_timeout: Micros,
    /// This many of the clients have CONNECTION_ADMIN, which `read_only` does not stop [S].
    pub privileged: u32,
    /// Restarting the whole application takes this long, one instance after the other.
    pub rolling_restart: Micros,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            resolver: Resolver::Ttl,
            max_lifetime: Micros::mins(30),
            drop_on_read_only: true,
            retry: Retry::None,
            autocommit: false,
            backoff: Micros::ms(50),
            connect_timeout: Micros::secs(30),
            tcp_timeout: Micros::mins(15),
            privileged: 0,
            rolling_restart: Micros::secs(10),
        }
    }
}

/// How long the control plane takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlPlane {
    /// One API call.
    pub api_call: Micros,
    /// From `create-db-snapshot` to the cut.
    pub snapshot_start: Micros,
    /// I/O suspension at the cut on Single-AZ; 0 on Multi-AZ [D].
    pub snapshot_suspends_io: Micros,
    /// From the cut to `available`, whatever the size.
    pub snapshot_fixed: Micros,
    /// And for each TiB of the volume.
    pub snapshot_per_tib: Micros,
    /// Restore and conversion into Aurora, whatever the size.
    pub restore_fixed: Micros,
    /// And for each TiB: "several hours per tebibyte" [D].
    pub restore_per_tib: Micros,
    /// `create-db-instance` of the cluster's writer.
    pub create_instance: Micros,
    /// From `promote-read-replica-db-cluster` to the event that says that it is done: about 90 s, measured by one
    /// operator [B].
    pub promote: Micros,
    /// A restart of the target's server for a parameter that needs one [K].
    pub reboot: Micros,
    /// A DNS change reaching the zone's servers.
    pub dns_change: Micros,
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self {
            api_call: Micros::ms(300),
            snapshot_start: Micros::ZERO,
            snapshot_suspends_io: Micros::secs(10),
            snapshot_fixed: Micros::mins(3),
            snapshot_per_tib: Micros::mins(20),
            restore_fixed: Micros::mins(12),
            restore_per_tib: Micros::hours(3),
            create_instance: Micros::mins(7),
            promote: Micros::secs(90),
            reboot: Micros::secs(30),
            dns_change: Micros::secs(2),
        }
    }
}

/// The DMS replication instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dms {
    /// Bytes per second of one table's load: 250 to 300 MiB/s were reached with 49 threads [D]; with 8, some 30 MiB/s
    /// each [K].
    pub load_rate: Bytes,
    /// Rows a second that validation compares, all tables of a task together: with its five threads and partitions of 10,000
    /// rows [D], each thread one of them a second [K].
    pub validate_rate: u64,
    /// Applying one transaction, rows aside [K].
    pub apply_transaction: Micros,
    /// Applying one row [K].
    pub apply_row: Micros,
    /// Pause before a connection that broke is tried again: `RecoverableErrorInterval`, 5 s [D].
    pub retry: Micros,
    /// Pause between two samples of CDCLatencySource and CDCLatencyTarget: 1 min [D].
    pub metrics_every: Micros,
    /// From `start-replication-task` to a running task [K].
    pub start: Micros,
}

impl Dms {
    /// Plans without DMS stay as they were.
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Dms {
    fn default() -> Self {
        Self {
            load_rate: Bytes(30 << 20),
            validate_rate: 50_000,
            apply_transaction: Micros(800),
            apply_row: Micros(80),
            retry: Micros::secs(5),
            metrics_every: Micros::mins(1),
            start: Micros::secs(60),
        }
    }
}

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);
}
