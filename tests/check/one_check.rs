//! One check at a time: what it says between its case that passes and the one that does not.

use crate::plans::*;
use cutover::sim::{
    outcome::Verdict,
    preconditions::Status,
    run::run,
    runbook::{Condition, CoordinatesFrom, Host},
};

const CONVERTS: &str = "scenarios/hazards/table-without-a-key.remedy.runbook.toml";

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
