//! The operator: lost between two steps and in the middle of one, steps done twice, waits that are cut short.

use crate::support::*;
use cutover::sim::outcome::Verdict;

fn crash(when: &str) -> String {
    format!("[[fault]]\non = {{ {when} }}\nlasts = \"40s\"\noperator_crash = {{}}")
}

/// How often the operator was about a step, by words of it.
fn begun(outcome: &cutover::sim::outcome::Outcome, step: &str) -> usize {
    let lines = outcome.story.iter().filter(|l| l.who == "operator");
    lines.filter(|l| l.what.contains(step)).count()
}

#[test]
fn an_operator_who_is_lost_between_two_steps_goes_on_with_the_next_one() {
    let before = undisturbed(&[]);
    let after = safe(&[], &crash("event = \"fence-passed\""));
    assert!(reached(&after, "operator-back-before-gate"));
    assert!(told(&after, "the last step that was begun was done"));
    for step in [
        "Wait until the server itself is read-only",
        "No transaction may be open",
    ] {
        assert_eq!(begun(&after, step), 1, "{step}");
    }
    let (Some(before), Some(after)) = (before.downtime_ms, after.downtime_ms) else {
        panic!("both cut over");
    };
    assert!(
        (before + 30_000..before + 50_000).contains(&after),
        "{before}, {after}"
    );
}

#[test]
fn a_step_that_was_under_way_is_begun_again_and_found_done() {
    for (nth, step, found) in [
        (
            1,
            "Take a snapshot",
            "there is a snapshot migration-1 already",
        ),
        (
            2,
            "Restore the snapshot",
            "the cluster target is being created",
        ),
        (
            4,
            "Point the application",
            "the name has the new address already",
        ),
    ] {
        let when = format!("event = \"call-takes-effect\", nth = {nth}");
        let after = safe(&[], &crash(&when));
        assert!(told(&after, "nobody wrote down that it was done"), "{step}");
        assert!(told(&after, found), "{step}");
        assert_eq!(begun(&after, step), 2, "{step}");
    }
}

#[test]
fn coordinates_that_were_noted_survive_and_what_was_not_written_down_is_read_again() {
    // The eleventh step reads the fence's GTIDs: once it is done, they are in the journal.
    let after = safe(&[], &crash("event = \"step-ends\", nth = 11"));
    assert_eq!(begun(&after, "notes fence"), 1);
    let during = safe(
        &[],
        &crash("event = \"step-begins\", nth = 11, after = \"1ms\""),
    );
    assert_eq!(begun(&during, "Note, behind the fence"), 2);
    assert_eq!(begun(&during, "notes fence"), 1);
}

#[test]
fn every_step_survives_the_loss_of_the_operator_at_its_beginning_and_in_its_middle() {
    for nth in 1..=15 {
        for after in ["0ms", "7ms", "400ms", "9s"] {
            let when = format!("event = \"step-begins\", nth = {nth}, after = \"{after}\"");
            for strategy in ["snapshot-binlog-gtid", "snapshot-binlog-position"] {
                let run = rehearse(strategy, &[], &crash(&when)).outcome;
                assert_eq!(
                    run.verdict,
                    Verdict::Safe,
                    "{strategy}, {when}: {:#?}",
                    violations(&run)
                );
            }
        }
    }
}

#[test]
fn an_operator_who_is_lost_on_the_way_back_gives_the_source_back_all_the_same() {
    // What is written until the fence is up does not arrive within the gate's hour.
    let cut = "[[fault]]\non = { event = \"fence-asked\" }\nlasts = \"2h\"\npartition = { link = \"replication\" }";
    let sets = ["clock.limit=6h"];
    let aborted = outcome("snapshot-binlog-gtid", &sets, cut);
    assert_eq!(
        aborted.verdict,
        Verdict::Aborted,
        "{:#?}",
        violations(&aborted)
    );
    let steps = aborted
        .story
        .iter()
        .filter(|l| l.who == "operator" && !l.commands.is_empty());
    let way_back = steps.count();
    let lost = format!(
        "{cut}\n{}",
        crash(&format!("event = \"step-begins\", nth = {way_back}"))
    );
    let after = outcome("snapshot-binlog-gtid", &sets, &lost);
    assert_eq!(after.verdict, Verdict::Aborted);
    assert!(told(&after, "is back, and reads the journal"));
    assert_eq!(begun(&after, "Give the source back"), 2);
}

#[test]
fn a_step_that_somebody_does_again_changes_nothing_that_matters() {
    let mut repeated = 0;
    for step in 1..=15 {
        for event in ["replication-starts", "gate-passed", "first-write-on-target"] {
            let fault = format!(
                "[[fault]]\non = {{ event = \"{event}\" }}\nstep_again = {{ step = {step} }}"
            );
            let after = outcome("snapshot-binlog-gtid", &[], &fault);
            assert!(
                matches!(after.verdict, Verdict::Safe | Verdict::Aborted),
                "step {step} again at {event}: {:?} {:#?}",
                after.verdict,
                violations(&after)
            );
            repeated += usize::from(reached(&after, "step-repeated"));
        }
    }
    assert!(repeated > 10, "{repeated}");
    let snapshot = outcome(
        "snapshot-binlog-gtid",
        &[],
        "[[fault]]\non = { event = \"restored\" }\nstep_again = { step = 2 }",
    );
    assert!(told(&snapshot, "is refused: DBSnapshotAlreadyExists"));
}

#[test]
fn who_does_not_wait_for_the_gate_strands_writes_and_the_assumption_is_named() {
    // Applying is so slow that the gate has to wait.
    let slow = "[[fault]]\non = { event = \"fence-asked\" }\nlasts = \"2m\"\nslow_apply = { times = 2000 }";
    let early = format!("{slow}\n[[fault]]\non = {{ event = \"gate-polled\" }}\nacts_early = {{}}");
    assert_eq!(
        outcome("snapshot-binlog-gtid", &[], slow).verdict,
        Verdict::Safe
    );
    let after = outcome("snapshot-binlog-gtid", &[], &early);
    assert!(
        violates(&after, "P1") && violates(&after, "P10"),
        "{:#?}",
        violations(&after)
    );
    assert!(
        after.faults[1]
            .breaks
            .is_some_and(|a| a.contains("waits until"))
    );
}
