//! RDS's own writes into the source, and who takes them for a client's.

use cutover::{
    model::binlog::group::{GroupKind, Groups},
    scenarios::{load_runbook, load_scenario},
    sim::{
        faults::{Harm, Occasion, On, PrivilegedWriter, SourceCrash},
        outcome::{Finding, Outcome, Verdict},
        plan::Plan,
        run::{Run, run},
        runbook::CoordinatesFrom,
        units::Micros,
    },
};

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
}

#[test]
fn who_reads_the_binlog_on_from_a_position_or_a_gtid_set_does_not() {
    let mut plan = plan("snapshot-freeze", &[]);
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Safe);
    let mut steps = plan.runbook.steps.iter_mut();
    let note = steps.find_map(|step| step.read_coordinates.as_mut());
    note.expect("a note").from = CoordinatesFrom::SourceGtidExecuted;
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Safe);
}

#[test]
fn and_finds_what_somebody_with_connection_admin_has_written() {
    let mut plan = plan("snapshot-freeze", &[]);
    let writes = Harm::PrivilegedWriter(PrivilegedWriter {
        every: Micros::secs(2),
    });
    let mut fault = writes.into_fault();
    fault.lasts = Some(Micros::secs(20));
    fault.on = Some(On {
        event: Occasion::FencePassed,
        nth: 1,
        after: Micros::secs(5),
    });
    plan.faults = vec![fault];
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
fn a_crash_in_the_middle_of_it_loses_nothing_of_anybodys() {
    // The second rotation is behind the fence.
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
        let outcome = rehearse(&plan).outcome;
        let violated = outcome
            .properties
            .iter()
            .find(|p| matches!(p.finding, Finding::Violated { .. }));
        assert_eq!(violated.map(|p| p.id), None, "after {after_us} us");
        assert_eq!(outcome.verdict, Verdict::Safe, "after {after_us} us");
    }
}
