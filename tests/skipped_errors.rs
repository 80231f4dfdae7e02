//! Errors of replication that the operator skips: what is typed, what is missing afterwards, and where it ends.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        outcome::{Outcome, Stage, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::run,
        runbook::{Pause, Runbook},
        units::Micros,
    },
};

const AN_ORDER: &str = "scenarios/hazards/skipped-errors.runbook.toml";
const NEXT_FILE: &str = "scenarios/hazards/next-file-after-a-purge.runbook.toml";
const NO_GTIDS: &str = "source.gtid_mode=false";
/// Orders that nobody cancels or pays.
const PLACED: &str = "workload.mix={place=1,pay=0,transfer=0,cancel=0,read=0,rollback=0}";

fn runbook(name: &str) -> Runbook {
    load_runbook(name).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(runbook: &Runbook, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(runbook))
}

fn outcome(runbook: &Runbook, sets: &[&str]) -> Outcome {
    run(&plan(runbook, sets), None)
        .expect("a plan that can be run")
        .outcome
}

/// With at most so many errors skipped by each wait; none is not asked for.
fn at_most(runbook: &Runbook, errors: Option<u32>) -> Runbook {
    let mut runbook = runbook.clone();
    let waits = runbook
        .steps
        .iter_mut()
        .filter_map(|step| step.wait.as_mut());
    for wait in waits.filter(|wait| wait.skip_errors.is_some()) {
        wait.skip_errors = errors;
    }
    runbook
}

fn typed(outcome: &Outcome, procedure: &str) -> Vec<String> {
    let commands = outcome.story.iter().flat_map(|line| &line.commands);
    let with = commands.filter(|command| command.contains(procedure));
    with.cloned().collect()
}

/// Why the operator has called the migration off; nothing where that was not so.
fn called_off(outcome: &Outcome) -> &str {
    let lines = outcome.story.iter().map(|line| line.what.as_str());
    let mut why = lines.filter_map(|what| what.strip_prefix("cannot go on: "));
    why.next().unwrap_or_default()
}

#[test]
fn with_gtids_the_transaction_is_missing_that_has_the_skipped_gtid() {
    let outcome = outcome(&runbook(AN_ORDER), &[PLACED]);
    assert_eq!(outcome.verdict, Verdict::Violated);
    assert_eq!(outcome.lost_writes, 1);
    let lost = &outcome.explanations[0];
    assert_eq!(lost.stage, Stage::Applied);
    assert!(
        lost.because.contains("the operator skipped it"),
        "{}",
        lost.because
    );
    let gtid = lost.gtid.as_ref().expect("its GTID");
    let skips = outcome
        .story
        .iter()
        .find(|line| line.what.starts_with("skips"));
    let skip = format!("CALL mysql.rds_skip_transaction_with_gtid('{gtid}');");
    // RDS starts replication only where neither thread runs, and the receiver still does.
    let (stop, start) = (
        "CALL mysql.rds_stop_replication;",
        "CALL mysql.rds_start_replication;",
    );
    let commands = &skips.expect("it is told").commands;
    assert_eq!(*commands, [skip.as_str(), stop, start]);
}

#[test]
fn without_gtids_what_stopped_the_applier_is_skipped_by_the_counter() {
    let mut by_position = runbook("snapshot-binlog-position");
    let typed_order = runbook(AN_ORDER)
        .steps
        .into_iter()
        .find(|step| step.run_sql.is_some());
    by_position
        .steps
        .insert(3, typed_order.expect("an order to try the cluster with"));
    let caught_up = |until: &cutover::sim::runbook::Condition| until.caught_up.is_some();
    let stops = outcome(&by_position, &[PLACED, NO_GTIDS]);
    assert!(called_off(&stops).contains("1062"), "{stops:?}");
    let waits = by_position
        .steps
        .iter_mut()
        .filter_map(|step| step.wait.as_mut());
    for wait in waits.filter(|wait| caught_up(&wait.until)) {
        wait.skip_errors = Some(1);
    }
    let outcome = outcome(&by_position, &[PLACED, NO_GTIDS]);
    assert_eq!(
        typed(&outcome, "rds_skip"),
        ["CALL mysql.rds_skip_repl_error;"]
    );
    assert_eq!(outcome.lost_writes, 1);
    assert_eq!(outcome.explanations[0].stage, Stage::Applied);
}

#[test]
fn a_receiver_by_position_goes_on_with_the_next_file_that_there_is() {
    let outcome = outcome(&runbook(NEXT_FILE), &[PLACED]);
    assert_eq!(outcome.verdict, Verdict::Violated);
    assert!(outcome.lost_writes > 100, "{}", outcome.lost_writes);
    let first = &outcome.explanations[0];
    assert_eq!(first.stage, Stage::Sent);
    assert!(
        first.because.contains("go on with the next file"),
        "{}",
        first.because
    );
    let files = typed(&outcome, "rds_next_source_log");
    assert!(files.len() > 1, "{files:?}");
    assert_eq!(files[0], "CALL mysql.rds_next_source_log(215);");
    assert_eq!(files[1], "CALL mysql.rds_next_source_log(216);");
}

#[test]
fn a_source_of_every_version_refuses_for_good_and_the_next_file_is_read() {
    for version in ["5.7.44", "8.0.36", "8.4.3"] {
        let version = format!("source.engine_version={version}");
        let outcome = outcome(&runbook(NEXT_FILE), &[PLACED, &version]);
        let files = typed(&outcome, "rds_next_source_log");
        assert!(files.len() > 1, "{version}: {files:?}");
        assert_eq!(outcome.verdict, Verdict::Violated, "{version}");
    }
}

#[test]
fn what_the_runbook_has_stopped_is_not_started_by_a_wait() {
    let mut early = runbook("naive-early-coordinates");
    let at = early
        .steps
        .iter()
        .position(|step| step.start_replication.is_some())
        .expect("it starts replication");
    let mut stop = early.steps[at].clone();
    stop.stop_replication = stop.start_replication.take();
    stop.say = "And stop it again".into();
    let mut pause = stop.clone();
    pause.stop_replication = None;
    pause.pause = Some(Pause {
        length: Micros::mins(1),
    });
    early.steps.splice(at + 1..at + 1, [pause, stop]);
    let waits = early.steps.iter_mut().filter_map(|step| step.wait.as_mut());
    for wait in waits.filter(|wait| wait.until.kind().is_ok_and(|u| u.is_of_replication())) {
        wait.skip_errors = Some(1_000);
    }
    let plan = plan(&early, &[PLACED, NO_GTIDS]);
    let found = check(&plan, None);
    let waits = found
        .iter()
        .find(|f| f.check.name == "waits")
        .expect("it has waits");
    assert!(waits.look.certain, "{:?}", waits.look);
    let outcome = run(&plan, None).expect("a plan that can be run").outcome;
    assert_ne!(outcome.verdict, Verdict::Safe);
    let stopped = outcome
        .story
        .iter()
        .any(|l| l.what.contains("the applier has stopped"));
    assert!(stopped, "there was an error to skip: {:?}", outcome.story);
    assert_eq!(typed(&outcome, "rds_skip"), [""; 0]);
}

#[test]
fn by_gtid_a_purged_file_is_as_certain_a_loss_as_ever() {
    let look = |runbook: &Runbook| {
        let found = check(&plan(runbook, &[]), None);
        let found = found
            .into_iter()
            .find(|f| f.check.name == "binlog-retention");
        found.expect("it replicates").look
    };
    assert!(!look(&runbook(NEXT_FILE)).certain);
    let mut by_gtid = runbook("snapshot-binlog-gtid-no-retention");
    let waits = by_gtid
        .steps
        .iter_mut()
        .filter_map(|step| step.wait.as_mut());
    for wait in waits.filter(|wait| wait.until.kind().is_ok_and(|u| u.is_of_replication())) {
        wait.skip_errors = Some(1_000);
    }
    assert!(look(&by_gtid).certain);
}

#[test]
fn more_errors_than_are_skipped_call_the_migration_off() {
    let (none, one) = (
        at_most(&runbook(NEXT_FILE), None),
        at_most(&runbook(NEXT_FILE), Some(1)),
    );
    for (runbook, skipped) in [(none, 0), (one, 1)] {
        let outcome = outcome(&runbook, &[]);
        assert_eq!(outcome.verdict, Verdict::Aborted);
        assert_eq!(typed(&outcome, "rds_next_source_log").len(), skipped);
        let why = called_off(&outcome);
        assert!(why.contains("1236"), "{why}");
    }
}

#[test]
fn no_procedure_helps_a_receiver_by_gtid_and_none_a_damaged_event() {
    let skips = |name: &str| {
        let mut runbook = runbook(name);
        let waits = runbook
            .steps
            .iter_mut()
            .filter_map(|step| step.wait.as_mut());
        let of_replication = |wait: &&mut cutover::sim::runbook::Wait| {
            wait.until
                .kind()
                .is_ok_and(|until| until.is_of_replication())
        };
        for wait in waits.filter(of_replication) {
            wait.skip_errors = Some(1_000);
        }
        runbook
    };
    let purged = outcome(&skips("snapshot-binlog-gtid-no-retention"), &[]);
    assert_eq!(purged.verdict, Verdict::Aborted);
    let damage = r#"fault=[{on={event="receiver-connects"},corrupt_event={place="relay-log",byte=30,flip=4}}]"#;
    let damaged = outcome(&skips("snapshot-binlog-gtid"), &[damage]);
    assert_eq!(
        damaged.verdict,
        Verdict::Aborted,
        "{:?}",
        called_off(&damaged)
    );
    assert!(called_off(&purged).contains("1236"), "{purged:?}");
    assert!(called_off(&damaged).contains("13121"), "{damaged:?}");
    for outcome in [purged, damaged] {
        assert_eq!(typed(&outcome, "rds_skip"), [""; 0]);
        assert_eq!(typed(&outcome, "rds_next"), [""; 0]);
    }
}

#[test]
fn the_check_says_that_errors_are_skipped_and_is_no_more_certain_of_what_they_would_have_stopped() {
    let look = |runbook: &Runbook, name: &str| {
        let found = check(&plan(runbook, &[NO_GTIDS]), None);
        let found = found.into_iter().find(|f| f.check.name == name);
        found.expect(name).look
    };
    let mut early = runbook("naive-early-coordinates");
    assert_eq!(look(&early, "replication-errors").status, Status::Pass);
    assert!(look(&early, "start-coordinate").certain);
    let waits = early.steps.iter_mut().filter_map(|step| step.wait.as_mut());
    for wait in waits.filter(|wait| wait.until.caught_up.is_some()) {
        wait.skip_errors = Some(1_000);
    }
    assert_eq!(look(&early, "replication-errors").status, Status::Fail);
    let coordinate = look(&early, "start-coordinate");
    assert_eq!(coordinate.status, Status::Fail);
    assert!(!coordinate.certain, "it may be skipped through");
}
