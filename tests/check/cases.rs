//! Every check has a case that passes, one that does not, and a row in the reference; what it is sure of comes true.

use crate::plans::*;
use cutover::sim::{
    outcome::Verdict,
    preconditions::{CATALOGUE, Status},
    run::run,
};
use std::collections::BTreeSet;

const POSITION: &str = "snapshot-binlog-position";
const DMS: &str = "dms-full-load-cdc";
const FREEZE: &str = "snapshot-freeze";
const LATENCY: &str = "scenarios/hazards/dms-latency-gate.runbook.toml";
const CANARY: &str = "scenarios/hazards/half-of-the-fleet-first.runbook.toml";
const OPENED: &str = "scenarios/hazards/source-opened-again.runbook.toml";
const NOT_AWAITED: &str = "scenarios/hazards/fence-not-awaited.runbook.toml";
const NO_WAY_BACK: &str = "scenarios/hazards/snapshot-before-the-fence.runbook.toml";
const SLOW_RESTORE: &str = "scenarios/hazards/restore-longer-than-its-step.runbook.toml";
const CLOSED: &str = "scenarios/hazards/stray-writer.remedy.runbook.toml";
const SKIPPED: &str = "scenarios/hazards/skipped-errors.runbook.toml";
const ROW_LOCK: &str = "scenarios/hazards/fence-behind-a-row-lock.runbook.toml";
const COMPARED: &str = "scenarios/hazards/heartbeat-behind-the-freeze.runbook.toml";
const ONE_SIDE: &str = "scenarios/hazards/event-on-both-sides.remedy.runbook.toml";
const MADE_MEANWHILE: &str = "scenarios/hazards/event-created-meanwhile.runbook.toml";
const BEHIND_A_DOOR: &str = "scenarios/hazards/event-behind-a-closed-door.runbook.toml";
const CONVERTED: &str = "scenarios/hazards/collation-takes-two-for-one.runbook.toml";
const PURGED: &str = "scenarios/hazards/way-back-purged.runbook.toml";
const RAISED: &str = "scenarios/hazards/auto-increment-rewound.remedy.runbook.toml";
const OLD: &str = "source.engine_version=5.7.44";
const AURORA_2: &str = "target.engine_version=5.7.mysql_aurora.2.11.3";
const EVENT: &str = r#"workload.event=[{name="job",every="2s"}]"#;
const MYISAM: &str = r#"workload.table=[{name="s",engine="myisam"}]"#;
const TRIGGER: &str = r#"workload.table=[{name="s",trigger=true}]"#;
const CODES: &str = r#"workload.table=[{name="s",collation="utf8mb4_bin"}]"#;
const LOB: &str = r#"workload.table=[{name="s",lob="40KiB"}]"#;
const HAZARD: &str = r#"fault=[{at="1m",retention_lost={}}]"#;
const ROTATED: &str = r#"fault=[{at="1m",password_changed={}}]"#;
const LEFT_OUT: &str = r#"target.replicate={do_table=["shop.orders","shop.customers"]}"#;
const HARMLESS: &str = r#"fault=[{at="1m",reset={link="replication"}}]"#;

/// A check, a case where it passes, a case where it does not, and what it says then; whether that is certain.
type Case = (
    &'static str,
    (&'static str, &'static [&'static str]),
    (&'static str, &'static [&'static str]),
    Status,
    bool,
);

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("binlog-retention", (GTID, &[]), ("snapshot-binlog-gtid-no-retention", &[]), Status::Fail, true),
    ("gtid-mode", (GTID, &[]), (GTID, &["source.gtid_mode=false"]), Status::Fail, true),
    ("gtid-mode", ("wizard-read-replica", &[]), ("wizard-read-replica", &["source.gtid_mode=false"]), Status::Fail, false),
    ("gtid-mode", (COMPARED, &[]), (COMPARED, &["source.gtid_mode=false"]), Status::Warn, false),
    ("start-coordinate", (POSITION, &[]), ("naive-show-master-status", &[]), Status::Fail, true),
    ("durability", (GTID, &[]), (GTID, &["source.sync_binlog=0"]), Status::Warn, false),
    ("binlog-checksum", (GTID, &[]), (GTID, &["source.binlog_checksum=none"]), Status::Warn, false),
    ("relay-log", (POSITION, &[]), (POSITION, &["target.relay_log_recovery=false"]), Status::Warn, false),
    ("crash-safe-engines", (GTID, &[]), (GTID, &[MYISAM]), Status::Fail, true),
    ("primary-keys", (GTID, &[]), (GTID, &[KEYLESS]), Status::Warn, false),
    ("replication-errors", (GTID, &[]), (SKIPPED, &[]), Status::Fail, false),
    ("apply-rate", (GTID, &[]), (GTID, &["target.apply_transaction=1s", "clock.limit=10m"]), Status::Fail, true),
    ("apply-rate", (GTID, &["target.engine_version=5.7.mysql_aurora.2.12.1", "target.replica_parallel_workers=4"]), (GTID, &[AURORA_2, "target.replica_parallel_workers=4"]), Status::Warn, false),
    ("snapshot-io", (GTID, &[]), (GTID, &["source.multi_az=false"]), Status::Warn, false),
    ("dms-errors", (DMS, &[]), ("naive-dms-defaults", &[]), Status::Fail, false),
    ("dms-row-image", (DMS, &[]), (DMS, &["source.binlog_row_image=minimal"]), Status::Fail, true),
    ("dms-row-image", (LATENCY, &[]), (LATENCY, &["source.binlog_row_image=noblob"]), Status::Fail, true),
    ("dms-triggers", (DMS, &[TRIGGER]), ("naive-dms-defaults", &[TRIGGER]), Status::Fail, true),
    ("dms-lobs", (DMS, &[]), (DMS, &[LOB]), Status::Fail, false),
    ("dms-keys", (DMS, &[]), (DMS, &[KEYLESS]), Status::Fail, false),
    ("collations", (DMS, &[CODES]), (CONVERTED, &[CODES]), Status::Fail, false),
    ("dms-batch-apply", (DMS, &[]), ("scenarios/hazards/dms-batch-apply.runbook.toml", &[]), Status::Warn, false),
    ("fence", (GTID, &[]), ("naive-no-fence", &[]), Status::Fail, true),
    ("fence-effective", (GTID, &[]), (NOT_AWAITED, &["source.parameter_delay=30s"]), Status::Fail, true),
    ("snapshot-behind-fence", (FREEZE, &[]), ("snapshot-only", &[]), Status::Fail, true),
    ("gate", (GTID, &[]), ("naive-lag-gate", &[]), Status::Fail, false),
    ("gate", ("wizard-read-replica", &[]), ("naive-wizard-promote-early", &[]), Status::Fail, false),
    ("gate", ("wizard-read-replica-rollback", &[]), ("naive-wizard-lag-gate", &[]), Status::Fail, false),
    ("apply-rate", ("dms-full-load-cdc-rollback", &[]), ("dms-full-load-cdc-rollback", &["target.apply_transaction=1s"]), Status::Fail, false),
    ("apply-rate", ("wizard-read-replica", &[]), ("wizard-read-replica", &["target.apply_transaction=1s", "clock.limit=10m"]), Status::Fail, true),
    ("privileged-writers", (GTID, &[]), (GTID, &["clients.privileged=4"]), Status::Fail, true),
    ("fence-effective", (GTID, &[]), (ROW_LOCK, &[]), Status::Warn, false),
    ("own-writes", (FREEZE, &[]), (COMPARED, &[]), Status::Fail, true),
    ("own-writes", (FREEZE, &[]), (COMPARED, &["source.binlog_upload_every=5m"]), Status::Warn, false),
    ("replication-filters", (GTID, &[r#"target.replicate={wild_do_table=["shop.%"]}"#]), (GTID, &[LEFT_OUT]), Status::Fail, false),
    ("replication-filters", (GTID, &[r#"target.replicate={wild_do_table=["shop.%"]}"#]), (GTID, &[r#"target.replicate={do_db=["shop"]}"#]), Status::Warn, false),
    ("replication-filters", (GTID, &[r#"target.replicate={wild_ignore_table=["jobs.%"]}"#]), (GTID, &[r#"target.replicate={ignore_table=["shop.Orders"]}"#]), Status::Warn, false),
    ("replication-filters", (GTID, &[EVENT, r#"target.replicate={wild_do_table=["shop.%"]}"#]), (GTID, &[EVENT, r#"target.replicate={ignore_table=["shop.job_runs"]}"#]), Status::Fail, false),
    ("accounts", (DMS, &[]), (GTID, &[]), Status::Warn, false),
    ("accounts", (FREEZE, &[]), ("naive-wizard-promote-early", &[ROTATED]), Status::Fail, false),
    ("auto-increment", (RAISED, &[OLD]), (FREEZE, &[OLD]), Status::Fail, false),
    ("auto-increment", (RAISED, &[OLD, AURORA_2]), (GTID, &[OLD, AURORA_2]), Status::Warn, false),
    ("auto-increment", (DMS, &[]), ("naive-dms-defaults", &[]), Status::Warn, false),
    ("events", (ONE_SIDE, &[EVENT]), (GTID, &[EVENT]), Status::Fail, false),
    ("events", (ONE_SIDE, &[EVENT]), (DMS, &[EVENT]), Status::Fail, false),
    ("events", (ONE_SIDE, &[EVENT]), (MADE_MEANWHILE, &[EVENT]), Status::Fail, false),
    ("events", (FREEZE, &[EVENT]), (BEHIND_A_DOOR, &[EVENT]), Status::Fail, false),
    ("source-stays-fenced", (GTID, &[]), (OPENED, &[]), Status::Fail, false),
    ("way-back", (GTID, &[]), (NO_WAY_BACK, &[]), Status::Fail, false),
    ("replicated-back", (GTID_AND_BACK, &[]), ("naive-rollback-without-replication", &[]), Status::Fail, false),
    ("retention-back", (GTID_AND_BACK, &[]), ("naive-rollback-late-coordinates", &[]), Status::Warn, false),
    ("retention-back", ("naive-rollback-late-coordinates", &["target.binlog_retention=24h"]), (PURGED, &["target.binlog_retention=1h"]), Status::Warn, false),
    ("step-timeouts", (GTID, &[]), (SLOW_RESTORE, &["control_plane.restore_fixed=30h", "workload.rate_per_s=0.2", "clock.limit=4d"]), Status::Fail, true),
    ("time-limit", (GTID, &[]), (GTID, &["clock.limit=1m"]), Status::Fail, true),
    ("time-limit", (DMS, &[]), (DMS, &["clock.limit=2m"]), Status::Fail, true),
    ("promised-downtime", (GTID, &[]), (GTID, &["control_plane.dns_change=10m"]), Status::Fail, true),
    ("name-resolution", (GTID, &[]), (GTID, &["clients.resolver=forever", "workload.after_cutover=10m"]), Status::Fail, true),
    ("pools", (GTID, &[]), (GTID, &["clients.drop_on_read_only=false"]), Status::Fail, false),
    ("pools", (GTID, &[]), ("wizard-read-replica", &["clients.drop_on_read_only=false", "clients.max_lifetime=5m"]), Status::Fail, false),
    ("pools", (GTID, &[]), ("wizard-read-replica", &["clients.drop_on_read_only=false", "clients.max_lifetime=2m"]), Status::Warn, false),
    ("retries", (GTID, &[]), (GTID, &["clients.retry=blind"]), Status::Warn, false),
    ("share", (CANARY_BEHIND, &[]), (CANARY, &[]), Status::Fail, true),
    ("target-closed", (CLOSED, &[]), (GTID, &[]), Status::Warn, false),
    ("set-read-only", (CLOSED, &[]), (CLOSED, &["target.engine_version=8.0.mysql_aurora.3.05.2"]), Status::Fail, false),
    ("set-read-only", (CLOSED, &["target.engine_version=8.0.mysql_aurora.3.06.0"]), (CLOSED, &["target.engine_version=5.7.mysql_aurora.2.11.3"]), Status::Fail, false),
    ("version", (GTID, &["source.engine_version=8.0.28"]), (GTID, &["source.engine_version=9.1.0"]), Status::Fail, false),
    ("version", ("wizard-read-replica", &["source.engine_version=8.0.28"]), ("wizard-read-replica", &["source.engine_version=9.1.0"]), Status::Fail, false),
    ("version", (GTID, &["source.engine_version=5.7.44", "target.engine_version=5.7.mysql_aurora.2.11.4"]), (GTID, &["target.engine_version=5.7.mysql_aurora.2.11.4"]), Status::Fail, false),
    ("version", (GTID, &["source.engine_version=8.0.28"]), (GTID, &["target.engine_version=8.0.mysql_aurora.3.99.0"]), Status::Warn, false),
    ("faults", (GTID, &[HARMLESS]), (GTID, &[HAZARD]), Status::Warn, false),
];

#[test]
fn every_check_has_a_case_that_passes_and_one_that_does_not() {
    // These are tried with steps that no built-in has: in one_check.rs, and in tests/check_steps/.
    let mut tried = BTreeSet::from([
        "statements",
        "failure-behind-cutover",
        "takes-writes",
        "fenced-back",
        "gated-back",
        "waits",
        "constraints",
    ]);
    for (name, good, bad, status, certain) in CASES {
        tried.insert(name);
        let passes = finding(name, &plan(good.0, good.1)).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(
            passes.look.status,
            Status::Pass,
            "{name}: {:?}",
            passes.look
        );
        let fails = finding(name, &plan(bad.0, bad.1)).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(fails.look.status, *status, "{name}: {:?}", fails.look);
        assert_eq!(fails.look.certain, *certain, "{name}: {:?}", fails.look);
        assert!(
            !fails.look.statement.is_empty(),
            "{name} names no statement"
        );
    }
    let all: BTreeSet<&str> = CATALOGUE.iter().map(|check| check.name).collect();
    assert_eq!(tried, all, "each check has its case");
}

#[test]
fn no_run_is_safe_where_a_check_is_certain_of_it() {
    let mut confirmed = 0;
    for (name, _, bad, _, certain) in CASES {
        if *certain {
            let plan = plan(bad.0, bad.1);
            let verdict = run(&plan, None).expect("it can be run").outcome.verdict;
            assert_ne!(
                verdict,
                Verdict::Safe,
                "{name} is certain, and the run is safe"
            );
            confirmed += 1;
        }
    }
    assert!(confirmed > 10, "{confirmed}");
}

#[test]
fn the_reference_has_every_check_with_its_codes_and_source() {
    let page = include_str!("../../docs/check.md");
    for check in CATALOGUE {
        let row = format!(
            "| `{}` | {} | {} | {} |",
            check.name, check.asks, check.codes, check.source
        );
        assert!(page.contains(&row), "docs/check.md has no row\n{row}");
    }
}
