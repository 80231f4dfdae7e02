//! The console's wizards and the way back, as strategies.

use cutover::{
    scenarios::{Scenario, load_runbook, load_scenario},
    sim::{
        outcome::{Outcome, Stage, Verdict},
        plan::Plan,
        run::run,
        runbook::{CoordinatesFrom, Host, Op, RunSql, Runbook, Step},
    },
};

/// Nothing is changed that may be missing: what is lost shows no error.
const APPEND: &str =
    "workload.mix={place=80,pay=0,transfer=0,cancel=0,read=20,rollback=0,draft=0,amend=0}";

fn plan(strategy: &str, sets: &[&str]) -> Plan {
    let mut all = vec![format!("strategy={strategy}")];
    all.extend(sets.iter().map(ToString::to_string));
    let scenario: Scenario = load_scenario("orders-small", &all).expect("a valid scenario");
    scenario.plan(1, None)
}

fn outcome(plan: &Plan) -> Outcome {
    run(plan, None).expect("a plan that can be run").outcome
}

fn told(outcome: &Outcome, words: &str) -> bool {
    outcome.story.iter().any(|line| line.what.contains(words))
}

fn violates(outcome: &Outcome, id: &str) -> bool {
    let of_id = outcome.properties.iter().find(|p| p.id == id);
    of_id.is_some_and(|p| matches!(p.finding, cutover::sim::outcome::Finding::Violated { .. }))
}

#[test]
fn a_rehearsed_rollback_carries_everything_back_with_gtids_and_without() {
    for (strategy, sets) in [
        ("snapshot-binlog-gtid-rollback", &[][..]),
        ("snapshot-binlog-position-rollback", &[]),
        (
            "snapshot-binlog-position-rollback",
            &["source.gtid_mode=false"],
        ),
        ("wizard-read-replica-rollback", &[]),
        ("dms-full-load-cdc-rollback", &[]),
        ("dms-full-load-cdc-rollback", &["source.gtid_mode=false"]),
    ] {
        let outcome = outcome(&plan(strategy, sets));
        assert_eq!(outcome.verdict, Verdict::Safe, "{strategy} {sets:?}");
        let back = outcome.way_back;
        assert!(back.taken && back.loses == 0, "{strategy}: {back:?}");
        assert_eq!(outcome.diverged_rows, Some(0), "{strategy}");
        assert!(
            told(&outcome, "first write back on the source"),
            "{strategy}"
        );
    }
}

/// A strategy up to where the application works on the target, while the source follows it.
fn not_gone_back(strategy: &str) -> Runbook {
    let mut runbook = load_runbook(strategy).expect("a built-in runbook");
    let over = runbook.steps.iter().position(|step| step.repoint.is_some());
    let pause = over.expect("it goes over") + 1;
    assert!(runbook.steps[pause].pause.is_some(), "{strategy}");
    runbook.steps.truncate(pause + 1);
    runbook
}

#[test]
fn a_way_back_that_is_not_gone_leaves_both_alike_also_where_nothing_identifies_rows() {
    let sets = [r#"workload.table=[{name="audit",primary_key=false}]"#];
    for strategy in [
        "snapshot-binlog-gtid-rollback",
        "snapshot-binlog-position-rollback",
        "wizard-read-replica-rollback",
    ] {
        let runbook = not_gone_back(strategy);
        for seed in 0..8 {
            let scenario = load_scenario("orders-small", &sets.map(String::from));
            let plan = scenario
                .expect("a valid scenario")
                .plan(seed, Some(&runbook));
            let outcome = outcome(&plan);
            assert_eq!(outcome.verdict, Verdict::Safe, "{strategy} {seed}");
            assert_eq!(outcome.diverged_rows, Some(0), "{strategy} {seed}");
            let back = outcome.way_back;
            assert!(!back.taken && back.loses == 0, "{strategy}: {back:?}");
        }
    }
}

#[test]
fn without_a_rollback_the_way_back_loses_what_the_target_took() {
    let outcome = outcome(&plan("snapshot-binlog-gtid", &[]));
    assert_eq!(outcome.verdict, Verdict::Safe);
    let back = outcome.way_back;
    assert!(!back.taken && back.loses > 100, "{back:?}");
    assert!(back.free_for_ms.is_some_and(|ms| ms < 60_000), "{back:?}");
}

#[test]
fn a_rollback_that_nobody_prepared_loses_just_that_and_says_why() {
    let outcome = outcome(&plan("naive-rollback-without-replication", &[]));
    assert!(violates(&outcome, "P1") && violates(&outcome, "P19"));
    assert_eq!(outcome.lost_writes, outcome.way_back.loses);
    let why = &outcome.explanations[0];
    assert_eq!(why.stage, Stage::Visible);
    assert!(
        why.because
            .contains("nothing carries writes in that direction"),
        "{why:?}"
    );
}

#[test]
fn a_coordinate_of_the_way_back_that_is_read_late_loses_what_came_before_it() {
    let outcome = outcome(&plan("naive-rollback-late-coordinates", &[APPEND]));
    assert!(
        violates(&outcome, "P1") && violates(&outcome, "P19"),
        "{:?}",
        outcome.properties
    );
    let why = &outcome.explanations[0].because;
    assert!(why.contains("told to start behind this write"), "{why}");
}

/// Reads the coordinate of the way back as soon as the target has a binlog: long before the gate.
fn read_early(runbook: &mut Runbook) {
    let position = |wanted: &dyn Fn(&Op<'_>) -> bool, runbook: &Runbook| {
        let mut steps = runbook.steps.iter();
        steps
            .position(|s| s.op().is_ok_and(|op| wanted(&op)))
            .expect("the step")
    };
    let reads = |op: &Op<'_>| matches!(op, Op::ReadCoordinates(o) if o.from == CoordinatesFrom::TargetPosition);
    let read = position(&reads, runbook);
    let step = runbook.steps.remove(read);
    let enabled = position(&|op| matches!(op, Op::EnableBinlog), runbook);
    runbook.steps.insert(enabled + 1, step);
}

#[test]
fn a_coordinate_of_the_way_back_that_is_read_early_costs_nothing_a_server_leaves_its_own_out() {
    for gtids in ["source.gtid_mode=true", "source.gtid_mode=false"] {
        let mut plan = plan("snapshot-binlog-position-rollback", &[gtids]);
        read_early(&mut plan.runbook);
        let outcome = outcome(&plan);
        assert_eq!(
            outcome.verdict,
            Verdict::Safe,
            "{gtids}: {:?}",
            outcome.properties
        );
        assert!(outcome.way_back.taken, "{gtids}");
    }
}

#[test]
fn a_table_that_is_made_on_the_target_comes_back_and_is_no_commit_of_a_client() {
    let mut plan = plan("snapshot-binlog-gtid-rollback", &[]);
    let steps = &mut plan.runbook.steps;
    let opened = steps.iter().position(|s| s.pause.is_some());
    let step = Step {
        say: "A table of the operator's own".into(),
        run_sql: Some(RunSql {
            on: Host::Target,
            sql: "CREATE TABLE notes (id INT PRIMARY KEY)".into(),
        }),
        ..Step::default()
    };
    steps.insert(1 + opened.expect("the pause"), step);
    let outcome = outcome(&plan);
    assert_eq!(outcome.verdict, Verdict::Safe, "{:?}", outcome.properties);
    assert!(outcome.way_back.taken && told(&outcome, "the statement is carried out"));
}

#[test]
fn a_way_back_that_fails_leaves_the_migration_standing() {
    let mut plan = plan("snapshot-binlog-gtid-rollback", &[]);
    for step in &mut plan.runbook.steps {
        let goes_back = step.wait.as_ref().is_some_and(|w| w.on == Host::Source);
        if goes_back
            && step
                .wait
                .as_ref()
                .is_some_and(|w| w.until.applied.is_some())
        {
            step.timeout = Some(cutover::sim::units::Micros::ms(1));
        }
    }
    let outcome = outcome(&plan);
    assert!(told(
        &outcome,
        "gives the way back up: the migration stands"
    ));
    assert_eq!(outcome.verdict, Verdict::Safe, "{:?}", outcome.properties);
    assert!(!outcome.way_back.taken);
}

#[test]
fn the_wizard_takes_last_nights_snapshot_unless_there_is_a_newer_one() {
    let lost = outcome(&plan("wizard-migrate-snapshot", &[]));
    assert!(violates(&lost, "P1"));
    assert!(
        told(&lost, "offers the newest snapshot there is: rds:source-"),
        "{:?}",
        lost.story
    );
    assert!(told(&lost, "7h 10s old"), "{:?}", lost.story);
    let sound = outcome(&plan("wizard-migrate-snapshot-frozen", &[]));
    assert_eq!(sound.verdict, Verdict::Safe);
    assert!(told(
        &sound,
        "offers the newest snapshot there is: migration-1"
    ));
}

#[test]
fn rds_keeps_the_binlog_for_the_replica_that_it_looks_after() {
    // Nobody sets a retention, and RDS uploads several files while the cluster is being made.
    let managed = outcome(&plan("wizard-read-replica", &[]));
    assert_eq!(managed.verdict, Verdict::Safe, "{:?}", managed.properties);
    let runbook = load_runbook("snapshot-binlog-gtid-no-retention").expect("a built-in");
    let mut by_hand = plan("wizard-read-replica", &[]);
    by_hand.runbook = runbook;
    assert_eq!(outcome(&by_hand).verdict, Verdict::Aborted);
}

#[test]
fn without_gtids_the_wizard_falls_back_to_the_position_of_its_snapshot() {
    // The gate by GTID then has nothing to wait for: it is the position that is noted.
    let mut plan = plan("wizard-read-replica", &["source.gtid_mode=false"]);
    for step in &mut plan.runbook.steps {
        if let Some(read) = step.read_coordinates.as_mut() {
            read.from = CoordinatesFrom::SourcePosition;
        }
    }
    let outcome = outcome(&plan);
    assert_eq!(outcome.verdict, Verdict::Safe, "{:?}", outcome.properties);
}

#[test]
fn what_the_wizards_replica_had_not_applied_at_its_promotion_is_lost() {
    let slow = [
        "target.apply_transaction=48ms",
        "target.replica_parallel_workers=1",
        APPEND,
    ];
    let early = outcome(&plan("naive-wizard-promote-early", &slow));
    assert!(violates(&early, "P1") && violates(&early, "P6"));
    let drained = outcome(&plan("wizard-read-replica", &slow));
    assert_eq!(drained.verdict, Verdict::Safe, "{:?}", drained.properties);
}

#[test]
fn a_restored_clusters_own_binlog_is_no_place_to_read_coordinates() {
    let outcome = outcome(&plan("naive-coordinates-from-target", &[APPEND]));
    assert!(
        violates(&outcome, "P1") && violates(&outcome, "P10"),
        "{:?}",
        outcome.properties
    );
}

#[test]
fn a_stopped_read_replica_knows_its_coordinate_and_its_copys_own_event_does_not() {
    for gtids in ["source.gtid_mode=true", "source.gtid_mode=false"] {
        let sound = plan("replica-binlog-position", &[gtids, APPEND]);
        let outcome = outcome(&sound);
        assert_eq!(
            outcome.verdict,
            Verdict::Safe,
            "{gtids}: {:?}",
            outcome.properties
        );
    }
    // The restored copy's recovery event is of the replica's own binlog.
    let mut wrong = plan("replica-binlog-position", &["source.gtid_mode=false"]);
    let reads = |op: &Op<'_>| matches!(op, Op::ReadCoordinates(o) if o.from == CoordinatesFrom::ReplicaPosition);
    let steps = &mut wrong.runbook.steps;
    let at = steps
        .iter()
        .position(|s| s.op().is_ok_and(|op| reads(&op)))
        .expect("the step");
    let mut read = steps.remove(at);
    if let Some(coordinates) = read.read_coordinates.as_mut() {
        coordinates.from = CoordinatesFrom::RecoveryEvent;
    }
    let restored = steps
        .iter()
        .position(|s| s.restore_snapshot.is_some())
        .expect("the step");
    steps.insert(restored + 1, read);
    let outcome = outcome(&wrong);
    assert_eq!(
        outcome.verdict,
        Verdict::Aborted,
        "{:?}",
        outcome.properties
    );
}

#[test]
fn a_read_replica_that_goes_on_while_its_snapshot_is_taken_gives_a_wrong_coordinate() {
    let mut moving = plan(
        "replica-binlog-position",
        &["source.gtid_mode=false", APPEND],
    );
    moving
        .runbook
        .steps
        .retain(|s| s.stop_replication.is_none_or(|o| o.on != Host::Replica));
    let outcome = outcome(&moving);
    assert_ne!(outcome.verdict, Verdict::Safe);
}

/// A half of the clients goes over and comes back, and the name never moves.
#[test]
fn a_canary_that_comes_back_is_a_way_back() {
    let mut plan = plan("snapshot-binlog-gtid-rollback", &[]);
    let over = |step: &&mut Step| step.repoint.is_some_and(|o| o.to == Host::Target);
    let step = plan.runbook.steps.iter_mut().find(over).expect("a repoint");
    if let Some(repoint) = &mut step.repoint {
        repoint.share = Some(50);
    }
    let carried = outcome(&plan);
    assert_eq!(carried.verdict, Verdict::Safe, "{:?}", carried.properties);
    assert!(carried.way_back.taken && carried.downtime_ms.is_some());

    // Nothing is replicated back.
    let to_source = |step: &Step| match step.op() {
        Ok(Op::StartReplication(on)) => on == Host::Source,
        Ok(Op::Wait(wait)) => wait.on == Host::Source,
        _ => false,
    };
    plan.runbook.steps.retain(|step| !to_source(step));
    let lost = outcome(&plan);
    assert!(violates(&lost, "P1") && violates(&lost, "P19"));
    assert_eq!(lost.serving, Host::Source);
    let because = &lost.explanations[0].because;
    assert!(
        because.contains("the application was pointed back"),
        "{because}"
    );
}

#[test]
fn a_way_back_needs_the_targets_binlog_as_long_as_the_source_does_not_read_it() {
    let purges = "purges mysql-bin-changelog";
    let plan_of = |name: &str, sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let path = format!("scenarios/hazards/{name}.toml");
        let scenario: Scenario = load_scenario(&path, &sets).expect("a valid scenario");
        scenario.plan(1, None)
    };
    let purged = outcome(&plan_of("way-back-purged", &[]));
    assert!(told(&purged, purges) && told(&purged, "1236"));
    assert!(purged.lost_writes > 100, "{}", purged.lost_writes);
    for (name, sets) in [
        ("way-back-purged.remedy", &[][..]),
        ("way-back-purged", &["target.binlog_retention=1h"]),
        // No file ends in a minute.
        ("way-back-purged", &["source.max_binlog_size=128MiB"]),
    ] {
        let kept = outcome(&plan_of(name, sets));
        assert_eq!(kept.verdict, Verdict::Safe, "{name} {sets:?}");
        assert!(kept.way_back.taken, "{name} {sets:?}");
    }
}

#[test]
fn a_source_that_reads_the_targets_binlog_keeps_it_there_and_one_that_is_away_does_not() {
    let strategy = "snapshot-binlog-gtid-rollback";
    let small = [
        "source.max_binlog_size=32KiB",
        "source.binlog_upload_every=5s",
    ];
    let away =
        r#"fault=[{on={event="first-write-on-target",after="5s"},lasts="20s",source_crash={}}]"#;
    let with = |kept: bool, fault: &[&str]| {
        let mut runbook = load_runbook(strategy).expect("a built-in runbook");
        let keeps = |step: &Step| {
            let set = step.set_binlog_retention;
            set.is_some_and(|o| o.on == Host::Target)
        };
        assert!(runbook.steps.iter().any(keeps));
        runbook.steps.retain(|step| kept || !keeps(step));
        let sets: Vec<String> = small.iter().chain(fault).map(ToString::to_string).collect();
        let scenario = load_scenario("orders-small", &sets).expect("a valid scenario");
        outcome(&scenario.plan(1, Some(&runbook)))
    };
    for (kept, fault) in [(true, &[][..]), (false, &[]), (true, &[away])] {
        let outcome = with(kept, fault);
        assert_eq!(outcome.verdict, Verdict::Safe, "{kept} {fault:?}");
        assert!(outcome.way_back.taken, "{kept} {fault:?}");
    }
    let refused = with(false, &[away]);
    assert!(told(&refused, "which the source has not read"));
    assert!(told(&refused, "gives the way back up") && !refused.way_back.taken);
}
