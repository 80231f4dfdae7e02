//! `cutover check`: every check has a case that passes and one that does not, and a fail that claims that no run is
//! safe is held against runs.

use cutover::{
    scenarios::{Listed, load_runbook, load_scenario, strategies},
    sim::{
        explore::{Bias, Choice, Swarm},
        outcome::Verdict,
        plan::Plan,
        preconditions::{CATALOGUE, Finding, Status, check},
        run::run,
        runbook::{Condition, CoordinatesFrom, Host},
        stream::Stream,
    },
};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// A plan of the small shop.
fn plan(strategy: &str, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(&runbook))
}

fn finding(name: &str, plan: &Plan) -> Option<Finding> {
    check(plan, None).into_iter().find(|f| f.check.name == name)
}

const GTID: &str = "snapshot-binlog-gtid";
const POSITION: &str = "snapshot-binlog-position";
const DMS: &str = "dms-full-load-cdc";
const FREEZE: &str = "snapshot-freeze";
const GTID_AND_BACK: &str = "snapshot-binlog-gtid-rollback";
const LATENCY: &str = "scenarios/hazards/dms-latency-gate.runbook.toml";
const CANARY: &str = "scenarios/hazards/half-of-the-fleet-first.runbook.toml";
const CANARY_BEHIND: &str = "scenarios/hazards/half-of-the-fleet-first.remedy.runbook.toml";
const OPENED: &str = "scenarios/hazards/source-opened-again.runbook.toml";
const NOT_AWAITED: &str = "scenarios/hazards/fence-not-awaited.runbook.toml";
const NO_WAY_BACK: &str = "scenarios/hazards/snapshot-before-the-fence.runbook.toml";
const SLOW_RESTORE: &str = "scenarios/hazards/restore-longer-than-its-step.runbook.toml";
const CLOSED: &str = "scenarios/hazards/stray-writer.remedy.runbook.toml";
const SKIPPED: &str = "scenarios/hazards/skipped-errors.runbook.toml";
const ROW_LOCK: &str = "scenarios/hazards/fence-behind-a-row-lock.runbook.toml";
const COMPARED: &str = "scenarios/hazards/heartbeat-behind-the-freeze.runbook.toml";
const CONVERTS: &str = "scenarios/hazards/table-without-a-key.remedy.runbook.toml";

const ONE_SIDE: &str = "scenarios/hazards/event-on-both-sides.remedy.runbook.toml";
const MADE_MEANWHILE: &str = "scenarios/hazards/event-created-meanwhile.runbook.toml";
const BEHIND_A_DOOR: &str = "scenarios/hazards/event-behind-a-closed-door.runbook.toml";

/// A check, a case where it passes, a case where it does not, and what it says then; whether that is certain.
type Case = (
    &'static str,
    (&'static str, &'static [&'static str]),
    (&'static str, &'static [&'static str]),
    Status,
    bool,
);

const EVENT: &str = r#"workload.event=[{name="job",every="2s"}]"#;
const MYISAM: &str = r#"workload.table=[{name="s",engine="myisam"}]"#;
const KEYLESS: &str = r#"workload.table=[{name="s",primary_key=false}]"#;
const TRIGGER: &str = r#"workload.table=[{name="s",trigger=true}]"#;
const CODES: &str = r#"workload.table=[{name="s",collation="utf8mb4_bin"}]"#;
const CONVERTED: &str = "scenarios/hazards/collation-takes-two-for-one.runbook.toml";
const LOB: &str = r#"workload.table=[{name="s",lob="40KiB"}]"#;
const HAZARD: &str = r#"fault=[{at="1m",retention_lost={}}]"#;
const ROTATED: &str = r#"fault=[{at="1m",password_changed={}}]"#;
const HARMLESS: &str = r#"fault=[{at="1m",reset={link="replication"}}]"#;

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
    ("apply-rate", ("wizard-read-replica", &[]), ("wizard-read-replica", &["target.apply_transaction=1s", "clock.limit=10m"]), Status::Fail, true),
    ("privileged-writers", (GTID, &[]), (GTID, &["clients.privileged=4"]), Status::Fail, true),
    ("fence-effective", (GTID, &[]), (ROW_LOCK, &[]), Status::Warn, false),
    ("own-writes", (FREEZE, &[]), (COMPARED, &[]), Status::Fail, true),
    ("own-writes", (FREEZE, &[]), (COMPARED, &["source.binlog_upload_every=5m"]), Status::Warn, false),
    ("accounts", (DMS, &[]), (GTID, &[]), Status::Warn, false),
    ("accounts", (FREEZE, &[]), ("naive-wizard-promote-early", &[ROTATED]), Status::Fail, false),
    ("events", (ONE_SIDE, &[EVENT]), (GTID, &[EVENT]), Status::Fail, false),
    ("events", (ONE_SIDE, &[EVENT]), (DMS, &[EVENT]), Status::Fail, false),
    ("events", (ONE_SIDE, &[EVENT]), (MADE_MEANWHILE, &[EVENT]), Status::Fail, false),
    ("events", (FREEZE, &[EVENT]), (BEHIND_A_DOOR, &[EVENT]), Status::Fail, false),
    ("source-stays-fenced", (GTID, &[]), (OPENED, &[]), Status::Fail, false),
    ("way-back", (GTID, &[]), (NO_WAY_BACK, &[]), Status::Fail, false),
    ("replicated-back", (GTID_AND_BACK, &[]), ("naive-rollback-without-replication", &[]), Status::Fail, false),
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
    ("faults", (GTID, &[HARMLESS]), (GTID, &[HAZARD]), Status::Warn, false),
];

#[test]
fn every_check_has_a_case_that_passes_and_one_that_does_not() {
    // These are tried with steps that no built-in has: here, and in tests/check_steps/.
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

/// In the environment that they are tried in, a strategy that calls itself naive, or that loses writes, is told why, and no
/// other is.
#[test]
fn a_strategy_has_something_to_mend_exactly_if_it_is_naive_or_loses_writes() {
    for Listed { name, naive, .. } in strategies() {
        let strategy = name.as_str();
        let looks = check(&plan(strategy, &[]), None);
        let of = |status| -> Vec<&Finding> {
            looks.iter().filter(|f| f.look.status == status).collect()
        };
        let (failed, warned) = (of(Status::Fail), of(Status::Warn));
        match naive {
            // With GTIDs a coordinate that is too early is only luck.
            true if strategy == "naive-early-coordinates" => {
                assert!(warned.iter().any(|f| f.check.name == "start-coordinate"));
            }
            true => assert!(!failed.is_empty(), "{strategy} passes"),
            false => {
                let verdict = run(&plan(strategy, &[]), None)
                    .expect("it can be run")
                    .outcome
                    .verdict;
                let safe = verdict == Verdict::Safe;
                assert_eq!(safe, failed.is_empty(), "{strategy}: {failed:#?}");
            }
        }
    }
}

#[test]
fn a_position_is_one_of_the_snapshot_in_the_binlog_of_the_source() {
    let look = |without: &[&str]| {
        let mut plan = plan("replica-binlog-position", &[]);
        plan.runbook
            .steps
            .retain(|step| !without.iter().any(|say| step.say.starts_with(say)));
        let look = finding("start-coordinate", &plan).expect("a position").look;
        (look.status, look.reason)
    };
    assert_eq!(look(&[]).0, Status::Pass, "{}", look(&[]).1);
    let goes_on = look(&["Stop its replication"]);
    assert!(goes_on.1.contains("goes on"), "{}", goes_on.1);
    assert_eq!(goes_on.0, Status::Fail);
    let mut of_source = plan("replica-binlog-position", &[]);
    for step in &mut of_source.runbook.steps {
        if let Some(snapshot) = &mut step.create_snapshot {
            snapshot.of = Host::Source;
        }
    }
    let look = finding("start-coordinate", &of_source)
        .expect("a position")
        .look;
    assert_eq!(look.status, Status::Fail);
    assert!(look.reason.contains("none of it"), "{}", look.reason);
    let of_target = plan("naive-coordinates-from-target", &[]);
    let look = finding("start-coordinate", &of_target)
        .expect("a position")
        .look;
    assert_eq!(look.status, Status::Fail);
    assert!(look.reason.contains("target's own"), "{}", look.reason);
}

/// RDS keeps what its own read replica has not read, and a way back by GTID is no start.
#[test]
fn what_some_runs_survive_is_not_certain() {
    let mut replica = plan(
        "replica-binlog-position",
        &["control_plane.restore_fixed=90m"],
    );
    replica
        .runbook
        .steps
        .retain(|s| s.set_binlog_retention.is_none());
    let look = finding("binlog-retention", &replica)
        .expect("it starts")
        .look;
    assert_eq!(
        (look.status, look.certain),
        (Status::Fail, false),
        "{look:?}"
    );
    let mut back = plan(
        "snapshot-binlog-position-rollback",
        &["source.gtid_mode=false"],
    );
    assert!(
        finding("gtid-mode", &back).is_none(),
        "nothing asks for them"
    );
    for step in &mut back.runbook.steps {
        if let Some(source) = &mut step.set_external_source
            && source.on == Host::Source
        {
            (source.at, source.auto_position) = (None, true);
        }
    }
    let look = finding("gtid-mode", &back).expect("the way back asks").look;
    assert_eq!(
        (look.status, look.certain),
        (Status::Fail, false),
        "{look:?}"
    );
    assert!(look.reason.contains("on the way back"), "{look:?}");
}

/// Whatever is waited for: a lag of an hour, or a place that was noted before, a slow applier comes to.
#[test]
fn an_applier_that_is_too_slow_holds_up_who_waits_until_little_is_left() {
    let slow = ["target.apply_transaction=1s"];
    let certain = |until: Option<Condition>| {
        let mut plan = plan(GTID, &slow);
        for step in &mut plan.runbook.steps {
            if let Some(wait) = step.wait.as_mut().filter(|w| w.until.caught_up.is_some())
                && let Some(until) = &until
            {
                wait.until = until.clone();
            }
        }
        finding("apply-rate", &plan)
            .expect("it replicates")
            .look
            .certain
    };
    assert!(certain(None));
    let lag = Condition {
        caught_up: Some(3_600),
        ..Condition::default()
    };
    assert!(!certain(Some(lag)));
}

#[test]
fn a_way_back_carries_what_the_target_took_from_its_first_write_on() {
    let look = |strategy| {
        let look = finding("replicated-back", &plan(strategy, &[]))?.look;
        Some((look.status, look.reason))
    };
    assert_eq!(look(GTID), None, "nobody goes back");
    for sound in [
        GTID_AND_BACK,
        "snapshot-binlog-position-rollback",
        "wizard-read-replica-rollback",
        "dms-full-load-cdc-rollback",
    ] {
        let (status, reason) = look(sound).expect("it goes back");
        assert_eq!(status, Status::Pass, "{sound}: {reason}");
    }
    let fails = |strategy, because: &str| {
        let (status, reason) = look(strategy).expect("it goes back");
        assert_eq!(status, Status::Fail, "{strategy}: {reason}");
        assert!(reason.contains(because), "{strategy}: {reason}");
    };
    fails("naive-rollback-without-replication", "nothing carries");
    fails("naive-rollback-late-coordinates", "never sent");
    let by_gtid = "scenarios/hazards/dms-way-back-by-gtid.runbook.toml";
    fails(by_gtid, "has already");
    let mut plan = plan("dms-full-load-cdc-rollback", &[]);
    for step in &mut plan.runbook.steps {
        if let Some(noted) = &mut step.read_coordinates {
            noted.from = CoordinatesFrom::SourcePosition;
        }
    }
    let look = finding("replicated-back", &plan)
        .expect("it goes back")
        .look;
    assert!(look.reason.contains("none of the target's"), "{look:?}");
}

#[test]
fn a_statement_that_adds_is_none_to_be_typed_twice() {
    let with = |sql: &str| {
        let mut plan = plan(CONVERTS, &[KEYLESS]);
        let typed = plan
            .runbook
            .steps
            .iter_mut()
            .find_map(|s| s.run_sql.as_mut());
        typed.expect("a statement").sql = sql.to_string();
        finding("statements", &plan).map(|f| f.look.status)
    };
    assert_eq!(with("DELETE FROM s WHERE order_id = 1"), Some(Status::Pass));
    assert_eq!(
        with("UPDATE orders SET total_cents = total_cents + 1 WHERE id = 1"),
        Some(Status::Warn)
    );
    assert_eq!(with("ALTER TABLE s ENGINE=InnoDB"), None, "no rows");
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
fn no_runbook_of_ours_calls_what_its_target_does_not_have() {
    let looks = runbooks(true, ".runbook.toml")
        .into_iter()
        .filter_map(|runbook| {
            let found = finding("set-read-only", &plan(&runbook, &[]))?;
            Some((runbook, found.look))
        });
    let mut callers = 0;
    for (runbook, look) in looks {
        assert_eq!(look.status, Status::Pass, "{runbook}: {look:?}");
        callers += 1;
    }
    assert!(callers > 3, "{callers}");
}

/// Keys of an environment with values that people have, good and bad.
#[rustfmt::skip]
const KEYS: &[(&str, &[&str])] = &[
    ("source.binlog_retention", &["none", "1h", "24h"]),
    ("source.gtid_mode", &["true", "true", "false"]),
    ("target.gtid_mode", &["true", "true", "false"]),
    ("source.parameter_delay", &["1s", "3s", "30s"]),
    ("source.multi_az", &["true", "false"]),
    ("source.binlog_row_image", &["full", "full", "minimal", "noblob"]),
    ("control_plane.restore_fixed", &["20s", "2m", "90m"]),
    ("control_plane.snapshot_start", &["0s", "5s", "30s"]),
    ("control_plane.dns_change", &["2s", "2s", "8m"]),
    ("clients.privileged", &["0", "0", "0", "1", "4"]),
    ("clients.resolver", &["ttl", "ttl", "forever"]),
    ("clients.drop_on_read_only", &["true", "false"]),
    ("clients.autocommit", &["true", "false"]),
    ("clients.max_lifetime", &["30s", "5m", "30m"]),
    ("names.ttl", &["1s", "5s", "1m"]),
    ("target.apply_transaction", &["400us", "20ms", "1s"]),
    ("target.replica_parallel_workers", &["1", "4"]),
    ("workload.rate_per_s", &["2", "10", "20"]),
    ("workload.after_cutover", &["10s", "30s", "4m"]),
    ("workload.table", &["[]", "[]", r#"[{name="s",engine="myisam"}]"#, r#"[{name="k",primary_key=false}]"#]),
    ("clock.limit", &["3h", "3h", "90s"]),
];

/// The built-in strategies, and the runbooks of hazards whose name ends so and whose steps name no table that the shop lacks;
/// `naive`: those too that call themselves so.
fn runbooks(naive: bool, ends: &str) -> Vec<String> {
    let listed = strategies().into_iter().filter(|l| naive || !l.naive);
    let folder = "scenarios/hazards";
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let files = files.expect("the folder").map(|file| file.expect("a file"));
    let wanted = files.filter(|file| {
        let text = fs::read_to_string(file.path()).expect("a text");
        file.file_name().to_string_lossy().ends_with(ends) && !text.contains("run_sql")
    });
    let mut hazards: Vec<String> = wanted
        .map(|file| format!("{folder}/{}", file.file_name().to_string_lossy()))
        .collect();
    hazards.sort_unstable();
    listed.map(|l| l.name).chain(hazards).collect()
}

fn pick<'a, T: ?Sized>(random: &mut Stream, of: &[&'a T]) -> &'a T {
    of[random.below(of.len() as u64) as usize]
}

/// An environment: one key of so many, but for one that is given, has another value than the scenario's.
fn draw(random: &mut Stream, of: u64, but: &str) -> Vec<String> {
    let mut sets = Vec::new();
    for (key, values) in KEYS.iter().filter(|(key, _)| *key != but) {
        if random.below(of) == 0 {
            sets.push(format!("{key}={}", pick(random, values)));
        }
    }
    sets
}

#[test]
fn in_random_environments_what_a_check_is_certain_of_comes_true() {
    let mut random = Stream::new(20_260_302);
    let (mut certain, mut checks) = (0, BTreeSet::new());
    let strategies = runbooks(true, ".runbook.toml");
    let strategies: Vec<&str> = strategies.iter().map(String::as_str).collect();
    for case in 0..400 {
        let strategy = pick(&mut random, &strategies);
        let sets = draw(&mut random, 4, "");
        let words: Vec<&str> = sets.iter().map(String::as_str).collect();
        let plan = plan(strategy, &words).of_seed(case);
        let sure: Vec<_> = check(&plan, None)
            .into_iter()
            .filter(|f| f.look.certain)
            .collect();
        if sure.is_empty() {
            continue;
        }
        certain += 1;
        checks.extend(sure.iter().map(|f| f.check.name));
        let verdict = run(&plan, None).expect("it can be run").outcome.verdict;
        let why: Vec<_> = sure
            .iter()
            .map(|f| (f.check.name, &f.look.reason))
            .collect();
        assert_ne!(
            verdict,
            Verdict::Safe,
            "{why:#?}\ncutover run orders-small --strategy {strategy} --seed {case} --set {}",
            sets.join(" --set ")
        );
    }
    assert!(
        certain > 40 && checks.len() > 8,
        "{certain} plans, {checks:?}"
    );
}

#[test]
fn a_limit_with_little_to_spare_is_doubtful() {
    let look = |limit| {
        let sets = [limit];
        let plan = plan(GTID, &sets);
        finding("time-limit", &plan)
            .expect("every plan has a limit")
            .look
            .status
    };
    assert_eq!(look("clock.limit=75s"), Status::Fail);
    assert_eq!(look("clock.limit=90s"), Status::Warn);
    assert_eq!(look("clock.limit=2m"), Status::Pass);
}

/// Clients with an address of their own are on the target before the name's change has come through.
#[test]
fn the_downtime_ends_with_the_first_clients_that_are_moved() {
    let slow_name = ["control_plane.dns_change=8m"];
    let moved = plan(CANARY_BEHIND, &slow_name);
    let look = finding("promised-downtime", &moved)
        .expect("a promise")
        .look;
    assert_eq!(look.status, Status::Pass, "{look:?}");
    let outcome = run(&moved, None).expect("it can be run").outcome;
    assert_eq!(outcome.verdict, Verdict::Safe);
    let all = plan(GTID, &slow_name);
    let look = finding("promised-downtime", &all).expect("a promise").look;
    assert_eq!(look.status, Status::Fail, "{look:?}");
}

#[test]
fn a_plan_without_a_fail_is_safe_as_long_as_nothing_goes_wrong() {
    let mut random = Stream::new(7);
    let mut clean = 0;
    let strategies = runbooks(false, ".remedy.runbook.toml");
    let strategies: Vec<&str> = strategies.iter().map(String::as_str).collect();
    for case in 0..150 {
        let strategy = pick(&mut random, &strategies);
        let mut sets = vec!["workload.after_cutover=3m".to_string()];
        sets.extend(draw(&mut random, 8, "workload.after_cutover"));
        let words: Vec<&str> = sets.iter().map(String::as_str).collect();
        let plan = plan(strategy, &words).of_seed(case);
        let looks = check(&plan, None);
        if looks.iter().any(|f| f.look.status == Status::Fail) {
            continue;
        }
        clean += 1;
        let outcome = run(&plan, None).expect("it can be run").outcome;
        // A limit that may not be enough, and an applier that may not keep up, are ones that a run may not end with.
        let may_not_end = looks.iter().any(|f| {
            f.look.status == Status::Warn && ["time-limit", "apply-rate"].contains(&f.check.name)
        });
        if may_not_end && outcome.verdict == Verdict::NotLive {
            continue;
        }
        assert_eq!(
            outcome.verdict,
            Verdict::Safe,
            "cutover run orders-small --strategy {strategy} --seed {case} --set {}",
            sets.join(" --set ")
        );
    }
    assert!(clean > 15, "{clean}");
}

/// The same environments under faults: what a strategy promises to survive it survives wherever no check fails.
#[test]
fn a_plan_without_a_fail_survives_what_its_strategy_promises_to_survive() {
    let mut random = Stream::new(11);
    let (mut clean, mut faults) = (0, 0);
    let strategies = runbooks(false, ".remedy.runbook.toml");
    let strategies: Vec<&str> = strategies.iter().map(String::as_str).collect();
    for case in 0..150 {
        let strategy = pick(&mut random, &strategies);
        let sets = draw(&mut random, 8, "");
        let words: Vec<&str> = sets.iter().map(String::as_str).collect();
        let base = plan(strategy, &words);
        if check(&base, None)
            .iter()
            .any(|f| f.look.status == Status::Fail)
        {
            continue;
        }
        clean += 1;
        let swarm = Swarm::new(&base, &Choice::Contract, 4);
        for seed in 0..4 {
            let plan = swarm.plan(4 * case + seed, &Bias::none());
            let outcome = run(&plan, None).expect("it can be run").outcome;
            faults += outcome.faults.len();
            assert_ne!(
                outcome.verdict,
                Verdict::Violated,
                "{strategy} with {sets:?}, seed {}: {:#?}",
                plan.seed,
                outcome.faults
            );
        }
    }
    assert!(clean > 50 && faults > 100, "{clean} plans, {faults} faults");
}

#[test]
fn the_reference_has_every_check_with_its_codes_and_source() {
    let page = include_str!("../docs/check.md");
    for check in CATALOGUE {
        let row = format!(
            "| `{}` | {} | {} | {} |",
            check.name, check.asks, check.codes, check.source
        );
        assert!(page.contains(&row), "docs/check.md has no row\n{row}");
    }
}

fn cutover(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(arguments)
        .output()
        .expect("the command runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), text)
}

#[test]
fn the_command_exits_with_1_on_a_fail_and_says_reason_and_statement() {
    assert_eq!(cutover(&["check", "orders-small"]).0, Some(0));
    let sets = [
        "--set",
        "source.binlog_retention=24h",
        "--set",
        "source.data_size=3TiB",
    ];
    let strategy = ["--strategy", "snapshot-binlog-gtid-no-retention"];
    let (status, text) = cutover(&[&["check", "orders"], &sets[..], &strategy[..]].concat());
    assert_eq!(status, Some(0), "{text}");
    let sets = [
        "--set",
        "source.binlog_retention=8h",
        "--set",
        "source.data_size=3TiB",
    ];
    let (status, text) = cutover(&[&["check", "orders"], &sets[..], &strategy[..]].concat());
    assert_eq!(status, Some(1), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "retention 8h < ",
        "error 1236",
        "CALL mysql.rds_set_configuration('binlog retention hours', ",
    ] {
        assert!(flat.contains(said), "{said}: {text}");
    }
    assert_eq!(cutover(&["check", "nowhere"]).0, Some(2));
}

#[test]
fn a_new_scenario_checks_and_runs_as_it_is_and_is_never_overwritten_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.toml");
    let path = file.to_str().unwrap();
    let new = |more: &[&str]| cutover(&[&["new", "our-shop", "--out", path], more].concat());
    assert_eq!(new(&[]).0, Some(0));
    assert_eq!(cutover(&["check", path]).0, Some(0));
    let faster = [
        "--set",
        "workload.rate_per_s=1",
        "--set",
        "workload.existing_rows=100",
    ];
    let (status, story) = cutover(&[&["run", path], &faster[..]].concat());
    assert_eq!(status, Some(0), "{story}");
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(new(&[]).0, Some(2), "it is there already");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(new(&["--force"]).0, Some(0));
    assert!(std::fs::read_to_string(&file).unwrap().contains("our-shop"));
    assert_eq!(cutover(&["new", "a b"]).0, Some(2));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing half-written is left");
}

#[test]
fn nothing_is_certain_of_a_remedy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/hazards");
    let files = fs::read_dir(folder).expect("the hazards");
    let paths = files.map(|file| file.expect("a file").path());
    let remedies = paths.filter(|path| path.to_string_lossy().ends_with(".remedy.toml"));
    let mut seen = 0;
    for path in remedies {
        let path = path.to_str().expect("UTF-8");
        let scenario = load_scenario(path, &[]).unwrap_or_else(|error| panic!("{error}"));
        for found in check(&scenario.plan(1, None), None) {
            assert!(!found.look.certain, "{path}: {:?}", found.look);
        }
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}
