//! A server's parameters.

use crate::{gtid::Uuid, mutant::Mutants};

pub use crate::ddl::Version;

impl Version {
    /// MySQL 8.0, what RDS and Aurora 3 run.
    pub const V8_0: Self = Self(80_036);

    /// Foreign-key cascades are done above the engine and written to the binlog, the children first
    /// (measured on 9.7.4; 5.6.24 and 8.0 log the parent alone).
    pub fn logs_cascades(self) -> bool {
        self.at_least(90_600)
    }

    /// InnoDB saves each transaction's GTID in `mysql.gtid_executed` as it commits, with a binlog too
    /// (manual, "mysql.gtid_executed Table"); before, the table was written at a rotation.
    pub fn saves_gtids_with_commits(self) -> bool {
        self.at_least(80_017)
    }

    /// Collation id of what `CHARACTER SET utf8mb4` means without COLLATE: `utf8mb4_0900_ai_ci` from 8.0.1 on,
    /// `utf8mb4_general_ci` before. A QUERY event says it from 8.0.11 on; in one that does not, a replica takes it to be
    /// the older one (`Query_log_event::do_apply_event`).
    pub fn utf8mb4_collation(self) -> u16 {
        if self.at_least(80_001) { 255 } else { 45 }
    }

    /// XA PREPARE is a group of its own in the binlog, and what is prepared survives its session, from 5.7.7 on
    /// (WL#6860; measured on 9.7.4 and 5.6.24).
    pub fn logs_prepared(self) -> bool {
        self.at_least(50_707)
    }

    /// The counter of AUTO_INCREMENT survives a restart from 8.0 on (WL#6204); before, it was max + 1.
    pub fn persists_auto_increment(self) -> bool {
        self.at_least(80_000)
    }
}

/// Parameters and identity of a server. Times in µs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Version.
    pub version: Version,
    /// Whose defaults DDL is read with: a QUERY event carries the defaults of the server that it comes from.
    pub ddl_version: Version,
    /// `server_uuid`.
    pub uuid: Uuid,
    /// The calendar at time 0, in µs since 1970.
    pub epoch_us: u64,
    /// `gtid_mode = ON`.
    pub gtid_mode: bool,
    /// `sync_binlog`.
    pub sync_binlog: u32,
    /// `innodb_flush_log_at_trx_commit`.
    pub flush_log_at_commit: u8,
    /// `max_binlog_size` in bytes.
    pub max_binlog_size: u64,
    /// Writing a group.
    pub flush_us: u64,
    /// One fsync of the binlog.
    pub fsync_us: u64,
    /// The engine's commit of a group.
    pub engine_commit_us: u64,
    /// `innodb_lock_wait_timeout`.
    pub lock_wait_timeout_us: u64,
    /// Known bugs that are switched on.
    pub mutants: Mutants,
}
