//! What a runbook takes for granted of its environment, checked without a run.
//!
//! Every check looks at the steps and the environment, never at a strategy's name, and says: *pass*, *warn* (it costs
//! something, or it is a limit that this plan does not reach) or *fail* (the runbook must not be used like this). A
//! fail that is *certain* claims more: that no run of the plan ends safe. A property test holds the claim against
//! runs (`tests/check/`).

mod accounts;
mod auto_increment;
mod binlog;
mod called_off;
mod clients;
mod cutover;
mod dms;
mod events;
mod fence;
mod fences;
mod gate;
mod own_writes;
mod replicate;
mod rollback;
mod rows;
mod scene;
mod sentinel;
mod tables;
mod waits;

pub use scene::Scene;

pub(crate) use accounts::password_may_change;
pub(crate) use tables::{EASY_LOAD, applier_load};

use crate::{
    plan::Plan,
    recording::Recording,
    units::{Bytes, Micros},
};
use serde::Serialize;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// What the runbook needs is there.
    Pass,
    /// It works, at a price or within a limit.
    Warn,
    /// It must not be used like this.
    Fail,
}

/// A check's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What it came to.
    pub status: Status,
    /// A fail without which no run would end otherwise than safe: every run is lost.
    pub certain: bool,
    /// Why.
    pub reason: String,
    /// A statement or command that verifies it on the real system, or mends it.
    pub statement: String,
}

impl Look {
    fn new(
        status: Status,
        reason: impl Into<String>,
        statement: impl Into<String>,
    ) -> Option<Self> {
        Some(Self {
            status,
            certain: false,
            reason: reason.into(),
            statement: statement.into(),
        })
    }

    fn pass(reason: impl Into<String>, statement: impl Into<String>) -> Option<Self> {
        Self::new(Status::Pass, reason, statement)
    }

    fn warn(reason: impl Into<String>, statement: impl Into<String>) -> Option<Self> {
        Self::new(Status::Warn, reason, statement)
    }

    fn fail(reason: impl Into<String>, statement: impl Into<String>) -> Option<Self> {
        Self::new(Status::Fail, reason, statement)
    }

    /// Claims that no run ends safe, where that holds.
    fn certain(look: Option<Self>, when: bool) -> Option<Self> {
        look.map(|look| Self {
            certain: when,
            ..look
        })
    }
}

/// A check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What it asks.
    pub asks: &'static str,
    /// What goes wrong without, by its code in the catalogue of failures.
    pub codes: &'static str,
    /// Where the fact comes from.
    pub source: &'static str,
    /// Looks; none when the runbook has nothing that asks for it.
    look: fn(&Scene<'_>) -> Option<Look>,
}

/// What a check says of a plan.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check.
    pub check: &'static Check,
    /// What it came to.
    pub look: Look,
}

/// All checks, in the order of a migration.
pub const CATALOGUE: &[Check] = &[
    Check {
        name: "binlog-retention",
        asks: "Are the binlog files of the snapshot's moment still there when the target asks for them?",
        codes: "BIN-01",
        source: "RDS user guide, mysql_rds_set_configuration",
        look: binlog::retention,
    },
    Check {
        name: "gtid-mode",
        asks: "Have source and target GTIDs, or neither; and both where one finds its start by them, or a gate waits for them?",
        codes: "BIN-14",
        source: "RDS user guide, mysql-replication-gtid",
        look: binlog::gtid_mode,
    },
    Check {
        name: "start-coordinate",
        asks: "Is the position where replication starts that of the snapshot?",
        codes: "SNAP-03, SNAP-04",
        source: "Aurora user guide, AuroraMySQL.Replication.MySQL",
        look: binlog::start_coordinate,
    },
    Check {
        name: "durability",
        asks: "Does the source keep every acknowledged commit when it crashes?",
        codes: "BIN-05, BIN-06",
        source: "sql/binlog.cc, MYSQL_BIN_LOG::ordered_commit",
        look: binlog::durability,
    },
    Check {
        name: "binlog-checksum",
        asks: "Is a damaged event noticed?",
        codes: "BIN-16",
        source: "MySQL manual, binlog_checksum",
        look: binlog::checksum,
    },
    Check {
        name: "relay-log",
        asks: "Does replication by position survive a crash of the target?",
        codes: "APP-14, APP-15",
        source: "MySQL manual, relay_log_recovery, replica_preserve_commit_order",
        look: binlog::relay_log,
    },
    Check {
        name: "crash-safe-engines",
        asks: "Is every table in an engine that a snapshot can be recovered from?",
        codes: "SNAP-10",
        source: "RDS user guide, CHAP_BestPractices",
        look: tables::engines,
    },
    Check {
        name: "primary-keys",
        asks: "Does every table have a primary key?",
        codes: "APP-19",
        source: "RDS user guide, CHAP_BestPractices; DMS user guide, CHAP_Troubleshooting",
        look: tables::primary_keys,
    },
    Check {
        name: "replication-errors",
        asks: "Does the migration stop at what the target cannot apply?",
        codes: "BIN-02, APP-10, APP-11",
        source: "MySQL manual, Skipping Transactions; RDS user guide, mysql-stored-proc-replicating: data loss",
        look: binlog::replication_errors,
    },
    Check {
        name: "apply-rate",
        asks: "Does the target apply faster than the source is written to?",
        codes: "APP-20",
        source: "Aurora user guide, AuroraMySQL.Replication.MySQL",
        look: tables::apply_rate,
    },
    Check {
        name: "snapshot-io",
        asks: "Does the snapshot stop the source's writes?",
        codes: "P17",
        source: "RDS user guide, USER_CreateSnapshot",
        look: tables::snapshot_io,
    },
    Check {
        name: "dms-errors",
        asks: "Does the DMS task stop at a row that it cannot write?",
        codes: "DMS-06",
        source: "DMS user guide, CHAP_Tasks.CustomizingTasks.TaskSettings.ErrorHandling",
        look: dms::errors,
    },
    Check {
        name: "dms-row-image",
        asks: "Has the source's binlog whole rows where DMS captures them?",
        codes: "BIN-10",
        source: "DMS user guide, CHAP_Source.MySQL: binlog_row_image; CHAP_Tasks.AssessmentReport.MySQL",
        look: dms::row_image,
    },
    Check {
        name: "dms-triggers",
        asks: "Has the target the source's triggers, and only behind a DMS task?",
        codes: "BIN-12",
        source: "DMS user guide, CHAP_BestPractices: indexes, triggers and referential integrity constraints",
        look: dms::triggers,
    },
    Check {
        name: "dms-lobs",
        asks: "Is every LOB carried whole?",
        codes: "DMS-03",
        source: "DMS user guide, CHAP_Tasks.LOBSupport",
        look: dms::lobs,
    },
    Check {
        name: "dms-keys",
        asks: "Has every table that DMS captures a primary key?",
        codes: "DMS-05, DMS-13",
        source: "DMS user guide, CHAP_Troubleshooting, CHAP_Validating",
        look: dms::keys,
    },
    Check {
        name: "collations",
        asks: "Does the target tell apart whatever the source tells apart?",
        codes: "APP-26",
        source: "MySQL manual, Collation Implementation Types; two keys that a collation takes for one: error 1062",
        look: dms::collations,
    },
    Check {
        name: "constraints",
        asks: "Does the target get the keys and constraints that its tables are made without?",
        codes: "DMS-09, P12",
        source: "DMS user guide: it migrates no secondary indexes and no foreign keys",
        look: dms::constraints,
    },
    Check {
        name: "dms-batch-apply",
        asks: "Are changes applied by transaction?",
        codes: "DMS-07",
        source: "DMS user guide, CHAP_Tasks.CustomizingTasks.TaskSettings.ChangeProcessingTuning",
        look: dms::batch_apply,
    },
    Check {
        name: "fence",
        asks: "Does the source refuse writes before the application is repointed?",
        codes: "CUT-05, CUT-14",
        source: "AWS whitepaper, Migrating databases to Amazon Aurora",
        look: fence::fence,
    },
    Check {
        name: "fence-effective",
        asks: "Is the server itself asked, and has it nothing open any more, before anything rests on the fence?",
        codes: "CUT-02, CUT-03, SNAP-12",
        source: "RDS user guide, parameter groups",
        look: fence::fence_effective,
    },
    Check {
        name: "snapshot-behind-fence",
        asks: "Is a snapshot or a load that nothing follows taken behind the fence?",
        codes: "SNAP-01, SNAP-12",
        source: "Aurora user guide, AuroraMySQL.Migrating.RDSMySQL.Import",
        look: fence::snapshot_behind_fence,
    },
    Check {
        name: "gate",
        asks: "Is it something of behind the fence, a position, a GTID set or a row, that says the target has everything?",
        codes: "APP-01, CUT-06, CUT-07, CUT-08",
        source: "sql/rpl_replica.cc, show_slave_status_send_data",
        look: gate::gate,
    },
    Check {
        name: "own-writes",
        asks: "Can a step that asks whether the source was written to tell RDS's own writes from a client's?",
        codes: "P22",
        source: "mysql.rds_heartbeat2 in RDS's binlogs: dba.stackexchange.com/q/59360, PeerDB-io/peerdb#4524",
        look: own_writes::own_writes,
    },
    Check {
        name: "replication-filters",
        asks: "Is every table that the source writes to applied on the target?",
        codes: "APP-23",
        source: "MySQL manual, How Servers Evaluate Replication Filtering Rules; measured on MySQL 9.7.4",
        look: replicate::filters,
    },
    Check {
        name: "privileged-writers",
        asks: "Does read_only stop every writer?",
        codes: "CUT-01",
        source: "Aurora user guide, Aurora.AuroraMySQL.Compare-v2-v3",
        look: clients::privileged,
    },
    Check {
        name: "events",
        asks: "Is each event of the event scheduler run by one server at a time, and by the one that serves in the end?",
        codes: "CUT-20, CUT-04",
        source: "MySQL manual, Replication of Invoked Features; measured on MySQL 9.7.4 and 5.6.24",
        look: events::events,
    },
    Check {
        name: "source-stays-fenced",
        asks: "Does the source stay fenced until the name moves, and from then on?",
        codes: "CUT-15",
        source: "facts on the way back: without reverse replication the target's writes are lost",
        look: fence::stays_fenced,
    },
    Check {
        name: "way-back",
        asks: "Does the runbook give the source back when it is called off?",
        codes: "CUT-13",
        source: "error 1290 for every client of a source that is left read-only",
        look: called_off::way_back,
    },
    Check {
        name: "failure-behind-cutover",
        asks: "When a step fails once the application is on the target, is there one server that takes its writes?",
        codes: "CUT-13, CUT-15, P18",
        source: "docs/runbooks.md, [[stay]]: without it the abort steps open the source",
        look: called_off::stands,
    },
    Check {
        name: "accounts",
        asks: "Has the target the application's account when the application comes, with the password of that moment?",
        codes: "SNAP-15, DMS-09",
        source: "Aurora user guide, AuroraMySQL.Replication.MySQL: passwords and accounts are not replicated",
        look: accounts::accounts,
    },
    Check {
        name: "auto-increment",
        asks: "Does the target count on from beyond every id that was ever given?",
        codes: "CUT-19",
        source: "MySQL manual, AUTO_INCREMENT Handling in InnoDB: counter initialization; WL#6204",
        look: auto_increment::counters,
    },
    Check {
        name: "takes-writes",
        asks: "Is the application pointed at the target, and does the server that it is pointed at take its writes?",
        codes: "P17, P22",
        source: "error 1290 for every client of a target that nobody opens",
        look: cutover::takes_writes,
    },
    Check {
        name: "replicated-back",
        asks: "When the application goes back, does the source have what the target took?",
        codes: "CUT-15, CUT-18",
        source: "MySQL manual, Switching Sources During Failover; a write is on the way back from the \
                 coordinate on, or nowhere",
        look: rollback::replicated_back,
    },
    Check {
        name: "retention-back",
        asks: "Are the target's binlog files still there when the source asks for them on the way back?",
        codes: "BIN-01",
        source: "Aurora user guide, mysql-stored-proc-configuring: binlog retention hours",
        look: rollback::retention_back,
    },
    Check {
        name: "fenced-back",
        asks: "When the application goes back, does the target take no writes any more?",
        codes: "CUT-02, CUT-03, CUT-16",
        source: "the way back is a migration: CUT-01 to CUT-07 hold there as well",
        look: rollback::fenced_back,
    },
    Check {
        name: "gated-back",
        asks: "Before the application goes back, is it waited until the source has what the target had behind its fence?",
        codes: "APP-01, CUT-07",
        source: "the way back is a migration: sql/rpl_replica.cc, show_slave_status_send_data",
        look: rollback::gated_back,
    },
    Check {
        name: "step-timeouts",
        asks: "Has every step the time that it takes?",
        codes: "CUT-12",
        source: "Aurora user guide, AuroraMySQL.Migrating.RDSMySQL.Replica: several hours per tebibyte",
        look: cutover::timeouts,
    },
    Check {
        name: "waits",
        asks: "Can what a step waits for come?",
        codes: "P22",
        source: "docs/runbooks.md, the conditions",
        look: waits::waits,
    },
    Check {
        name: "time-limit",
        asks: "Is the migration over before the scenario's limit?",
        codes: "P22",
        source: "this scenario's clock.limit",
        look: cutover::limit,
    },
    Check {
        name: "promised-downtime",
        asks: "Is the promised downtime possible?",
        codes: "P17",
        source: "this runbook's promises.downtime",
        look: cutover::downtime,
    },
    Check {
        name: "name-resolution",
        asks: "Do the clients look their database up again?",
        codes: "CLI-01",
        source: "AWS JDBC wrapper; JDK, networkaddress.cache.ttl",
        look: clients::resolution,
    },
    Check {
        name: "pools",
        asks: "Do the pools let go of connections to the old writer?",
        codes: "CLI-02",
        source: "AWS JDBC wrapper, failover plugin",
        look: clients::pools,
    },
    Check {
        name: "retries",
        asks: "Is a transaction of unknown outcome left alone?",
        codes: "CLI-04",
        source: "AWS JDBC wrapper: SQLSTATE 08007, Transaction Resolution Unknown",
        look: clients::retries,
    },
    Check {
        name: "share",
        asks: "Do no two parts of the application write to two servers?",
        codes: "CLI-07",
        source: "GitHub's incident of October 2018",
        look: clients::share,
    },
    Check {
        name: "statements",
        asks: "Can every statement be carried out, and typed twice?",
        codes: "P21",
        source: "an operator who comes back does the step again",
        look: cutover::statements,
    },
    Check {
        name: "target-closed",
        asks: "Can nobody write to the target before it is opened?",
        codes: "APP-22",
        source: "Aurora user guide, AuroraMySQL.Migrating.RDSMySQL.Replica",
        look: cutover::target_closed,
    },
    Check {
        name: "set-read-only",
        asks: "Has the target's version the procedure that makes it read-only?",
        codes: "APP-22, CUT-16",
        source: "Aurora MySQL release notes, version 3.06.0",
        look: cutover::set_read_only,
    },
    Check {
        name: "version",
        asks: "Can Aurora take the source's version over?",
        codes: "SNAP-14",
        source: "Aurora user guide, the compatible version in its own version's name",
        look: tables::version,
    },
    Check {
        name: "faults",
        asks: "Does the strategy promise to survive the scenario's faults?",
        codes: "docs/faults.md",
        source: "the kinds of faults and what they break",
        look: clients::faults,
    },
];

/// Checks a plan's runbook against its environment, without a run. The tables of a plan whose traffic is a recording are
/// the recording's: without one, nothing is said of them.
pub fn check(plan: &Plan, recording: Option<&Recording>) -> Vec<Finding> {
    let mut scene = Scene::of(plan);
    scene.recording = recording;
    let findings = CATALOGUE.iter().filter_map(|check| {
        let look = (check.look)(&scene)?;
        Some(Finding { check, look })
    });
    findings.collect()
}

/// How long the steps of a plan's runbook take at the least.
pub(crate) fn at_least(plan: &Plan) -> Micros {
    let steps = Scene::of(plan).steps;
    let ends = steps.first().zip(steps.last());
    ends.map_or(Micros::ZERO, |(first, last)| {
        Micros(last.ends - first.begins)
    })
}

/// About how many bytes of LOBs a run of a plan holds when it ends: those of a new row stand in the binlog and in the
/// table, those of a changed row three times more.
pub fn lobs_held(plan: &Plan) -> Bytes {
    let lobs: u64 = plan.workload.tables.iter().map(|table| table.lob.0).sum();
    let times = [
        plan.clock.runbook_after,
        at_least(plan),
        plan.workload.after_cutover,
    ];
    let seconds = times.map(|time| time.0 as f64 / 1e6).iter().sum::<f64>();
    let (orders, changes) = Scene::of(plan).orders_per_s();
    Bytes(((2.0 * orders + 3.0 * changes) * seconds * lobs as f64) as u64)
}
