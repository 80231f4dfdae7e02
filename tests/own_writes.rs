//! RDS's own writes into the source, and who takes them for a client's.

use cutover::{
    model::binlog::group::{GroupKind, Groups},
    scenarios::{load_runbook, load_scenario},
    sim::{
        faults::{Fault, Harm, Occasion, On, PrivilegedWriter, SourceCrash, SourceFailover},
        outcome::{Finding, Outcome, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::{Run, run},
        runbook::{Condition, CoordinatesFrom, Host, SetBinlogRetention, Step},
        units::Micros,
    },
};
use std::collections::BTreeSet;

const COMPARED: &str = "scenarios/hazards/heartbeat-behind-the-freeze.runbook.toml";

fn plan(strategy: &str, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(&runbook))
}

fn rehearse(plan: &Plan) -> Run {
    run(plan, None).expect("a plan that can be run")
}

fn tells(outcome: &Outcome, what: &str) -> bool {
    outcome.story.iter().any(|line| line.what.contains(what))
}

/// What the transactions of each binlog file of the source are.
fn kinds(run: &Run) -> Vec<Vec<GroupKind>> {
    let files = run.binlog_files().into_iter();
    let kinds = files.map(|(name, bytes)| {
        let groups = Groups::of_file(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        groups.map(|group| group.expect("whole").kind).collect()
    });
    kinds.collect()
}

fn note(plan: &mut Plan) -> &mut CoordinatesFrom {
    let mut steps = plan.runbook.steps.iter_mut();
    let note = steps.find_map(|step| step.read_coordinates.as_mut());
    &mut note.expect("a note").from
}

/// What fires so long behind the fence.
fn behind_the_fence(lasts: Micros, after: Micros, harm: Harm) -> Fault {
    let on = On {
        event: Occasion::FencePassed,
        nth: 1,
        after,
    };
    Fault {
        on: Some(on),
        lasts: Some(lasts),
        ..harm.into_fault()
    }
}

/// What the check says, and whether that is certain.
fn says(plan: &Plan) -> (Status, bool) {
    let found = check(plan, None).into_iter();
    let look = found
        .filter(|f| f.check.name == "own-writes")
        .map(|f| f.look)
        .next();
    let look = look.expect("it is asked");
    let said = (look.status, look.certain);
    if look.certain {
        assert_ne!(rehearse(plan).outcome.verdict, Verdict::Safe, "{look:?}");
    }
    said
}

#[test]
fn behind_each_rotation_is_a_heartbeat_and_nowhere_else() {
    let run_with = |sets: &[&str]| rehearse(&plan("snapshot-binlog-gtid", sets));
    let run = run_with(&[]);
    assert_eq!(run.outcome.verdict, Verdict::Safe);
    let files = kinds(&run);
    assert!(files.len() > 3, "{}", files.len());
    for file in &files[1..] {
        assert_eq!(file.first(), Some(&GroupKind::Internal));
        let all = file.iter().filter(|kind| **kind == GroupKind::Internal);
        assert_eq!(all.count(), 1);
    }
    let without = kinds(&run_with(&["source.rds_heartbeat=false"]));
    assert!(!without.concat().contains(&GroupKind::Internal));
}

#[test]
fn a_gate_that_compares_gtids_takes_it_for_a_write() {
    let aborted = rehearse(&plan(COMPARED, &[])).outcome;
    assert_eq!(aborted.verdict, Verdict::Aborted);
    assert!(tells(&aborted, "the source was written to since `frozen`"));
    let without = plan(COMPARED, &["source.rds_heartbeat=false"]);
    assert_eq!(rehearse(&without).outcome.verdict, Verdict::Safe);
    // Sets that are empty are the same whatever is written.
    let blind = plan(COMPARED, &["source.gtid_mode=false"]);
    assert!(
        check(&blind, None)
            .iter()
            .all(|f| f.check.name != "own-writes")
    );
}

#[test]
fn who_reads_the_binlog_on_from_a_position_or_a_gtid_set_does_not() {
    let mut plan = plan("snapshot-freeze", &[]);
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Safe);
    *note(&mut plan) = CoordinatesFrom::SourceGtidExecuted;
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Safe);
}

#[test]
fn and_finds_what_somebody_with_connection_admin_has_written() {
    let mut plan = plan("snapshot-freeze", &[]);
    let writes = Harm::PrivilegedWriter(PrivilegedWriter {
        every: Micros::secs(2),
    });
    plan.faults = vec![behind_the_fence(Micros::secs(20), Micros::secs(5), writes)];
    let outcome = rehearse(&plan).outcome;
    assert_eq!(outcome.verdict, Verdict::Violated, "it is no sound fence");
    assert!(tells(
        &outcome,
        "the source was written to since `frozen` was noted: "
    ));
    assert!(!tells(&outcome, "Point the application at the target"));
}

#[test]
fn and_says_so_where_the_file_is_purged() {
    let mut plan = plan("snapshot-freeze", &[]);
    plan.runbook
        .steps
        .retain(|step| step.set_binlog_retention.is_none());
    let outcome = rehearse(&plan).outcome;
    assert_eq!(outcome.verdict, Verdict::Aborted);
    assert!(tells(
        &outcome,
        "is purged: whether anything was, nobody can tell"
    ));
}

#[test]
fn and_does_not_go_by_coordinates_that_the_source_has_lost() {
    for from in [
        CoordinatesFrom::SourcePosition,
        CoordinatesFrom::SourceGtidExecuted,
    ] {
        let mut plan = plan("snapshot-freeze", &["source.sync_binlog=0"]);
        *note(&mut plan) = from;
        let fails_over = Harm::SourceFailover(SourceFailover {});
        plan.faults = vec![behind_the_fence(
            Micros::secs(60),
            Micros::ms(50),
            fails_over,
        )];
        let outcome = rehearse(&plan).outcome;
        assert!(tells(
            &outcome,
            "of its last transactions: they were not durable"
        ));
        assert!(
            tells(&outcome, "the source does not have all of"),
            "{from:?}"
        );
        assert!(!tells(&outcome, "Point the application at the target"));
    }
}

#[test]
fn the_check_knows_what_is_purged_and_what_is_written() {
    let freeze = |sets: &[&str]| plan("snapshot-freeze", sets);
    let unkept = |sets: &[&str]| {
        let mut plan = freeze(sets);
        let steps = &mut plan.runbook.steps;
        steps.retain(|step| step.set_binlog_retention.is_none());
        plan
    };
    let by_gtid = |mut plan: Plan| {
        *note(&mut plan) = CoordinatesFrom::SourceGtidExecuted;
        plan
    };
    assert_eq!(says(&freeze(&[])), (Status::Pass, false));
    assert_eq!(says(&unkept(&[])), (Status::Fail, true));
    let rarely = "source.binlog_upload_every=5m";
    assert_eq!(says(&unkept(&[rarely])), (Status::Warn, false));
    // The file that a GTID set asks for is the one behind it.
    assert_eq!(says(&by_gtid(unkept(&[]))), (Status::Fail, true));
    let longer = "source.binlog_upload_every=16s";
    assert_eq!(says(&unkept(&[longer])), (Status::Fail, true));
    assert_eq!(says(&by_gtid(unkept(&[longer]))), (Status::Warn, false));
    let without = "source.rds_heartbeat=false";
    assert_eq!(says(&by_gtid(unkept(&[without]))), (Status::Pass, false));
    // A place in the source's binlog is one, whoever says it.
    let mut by_snapshot = unkept(&["source.gtid_mode=false", rarely]);
    let restored = by_snapshot
        .runbook
        .steps
        .iter()
        .position(|s| s.restore_snapshot.is_some());
    let noted = by_snapshot
        .runbook
        .steps
        .iter()
        .position(|s| s.read_coordinates.is_some());
    let (noted, restored) = (noted.expect("a note"), restored.expect("a restore"));
    let step = by_snapshot.runbook.steps.remove(noted);
    by_snapshot.runbook.steps.insert(restored, step);
    *note(&mut by_snapshot) = CoordinatesFrom::RecoveryEvent;
    assert_eq!(says(&by_snapshot), (Status::Warn, false));
    assert_eq!(rehearse(&by_snapshot).outcome.verdict, Verdict::Safe);
    // Of several steps that ask, the worst counts; so does a retention that is lowered later.
    let mut twice = freeze(&[]);
    let place = |plan: &Plan, is: fn(&Step) -> bool| {
        plan.runbook.steps.iter().position(is).expect("such a step")
    };
    let gate = place(&twice, |step| {
        step.wait
            .as_ref()
            .is_some_and(|w| w.until.no_writes_since.is_some())
    });
    let mut compares = twice.runbook.steps[gate].clone();
    compares.role = None;
    compares.wait.as_mut().expect("a wait").until = Condition {
        source_unchanged_since: Some("frozen".into()),
        ..Condition::default()
    };
    twice.runbook.steps.insert(gate, compares);
    assert_eq!(says(&twice), (Status::Fail, true));
    let mut lowered = freeze(&["control_plane.restore_fixed=3h", "clock.limit=5h"]);
    assert_eq!(says(&lowered), (Status::Pass, false));
    let restore = place(&lowered, |step| step.restore_snapshot.is_some());
    let lowers = Step {
        say: "Lower it".into(),
        set_binlog_retention: Some(SetBinlogRetention {
            hours: 1,
            on: Host::Source,
        }),
        ..Step::default()
    };
    lowered.runbook.steps.insert(restore, lowers);
    assert_eq!(says(&lowered), (Status::Fail, false));
    // While a snapshot suspends the source's I/O RDS writes nothing either.
    let compared = |sets: &[&str]| plan(COMPARED, sets);
    assert_eq!(says(&compared(&[])), (Status::Fail, true));
    assert_eq!(
        says(&compared(&["source.multi_az=false"])),
        (Status::Fail, false)
    );
    assert_eq!(says(&compared(&[rarely])), (Status::Warn, false));
}

#[test]
fn a_crash_in_the_middle_of_it_loses_nothing_of_anybodys() {
    // The second rotation is behind the fence.
    let mut without = BTreeSet::new();
    for after_us in [0, 100, 500, 900, 1_000, 1_020, 2_000] {
        let mut plan = plan("snapshot-freeze", &[]);
        let crash = Harm::SourceCrash(SourceCrash {});
        let mut fault = crash.into_fault();
        fault.lasts = Some(Micros::secs(5));
        fault.on = Some(On {
            event: Occasion::BinlogRotates,
            nth: 2,
            after: Micros(after_us),
        });
        plan.faults = vec![fault];
        let run = rehearse(&plan);
        // The file that the server begins when it is back, and with a heartbeat that is lost the one before.
        without.insert(kinds(&run).iter().filter(|file| file.is_empty()).count());
        let outcome = run.outcome;
        let violated = outcome
            .properties
            .iter()
            .find(|p| matches!(p.finding, Finding::Violated { .. }));
        assert_eq!(violated.map(|p| p.id), None, "after {after_us} us");
        assert_eq!(outcome.verdict, Verdict::Safe, "after {after_us} us");
    }
    assert_eq!(
        without,
        BTreeSet::from([1, 2]),
        "lost at times, kept at others"
    );
}
