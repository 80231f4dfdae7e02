//! The control plane: slow, throttled, failing, and silent about what it has done.

use crate::support::*;
use cutover::sim::outcome::Verdict;

#[test]
fn a_slow_control_plane_takes_longer_and_loses_nothing() {
    let before = undisturbed(&[]);
    let after = safe(
        &[],
        "[[fault]]\nat = \"1s\"\nlasts = \"2m\"\ncontrol_plane_slow = { times = 5 }",
    );
    // Snapshot and restore take 40 s; five times as long is 160 s more.
    assert!(after.virtual_ms >= before.virtual_ms + 155_000);
}

#[test]
fn a_throttled_call_is_tried_again_until_it_is_accepted() {
    let fault = |lasts: &str| {
        format!("[[fault]]\nat = \"9s\"\nlasts = \"{lasts}\"\ncontrol_plane_throttles = {{}}")
    };
    let before = undisturbed(&[]);
    let after = safe(&[], &fault("25s"));
    assert!(after.virtual_ms >= before.virtual_ms + 24_000);
    assert!(!told(&after, "Rate exceeded (reached"));
    // The CLI gives up after about two minutes.
    let given_up = outcome("snapshot-binlog-gtid", &[], &fault("5m"));
    assert_eq!(given_up.verdict, Verdict::Aborted);
    assert!(told(&given_up, "Rate exceeded (reached max retries: 9)"));
}

#[test]
fn a_refused_call_aborts_and_the_source_is_given_back_as_soon_as_the_control_plane_answers() {
    // The name cannot be changed, nor can the parameter group, for five minutes.
    let fault =
        "[[fault]]\non = { event = \"gate-passed\" }\nlasts = \"5m\"\ncontrol_plane_fails = {}";
    let after = outcome("snapshot-binlog-gtid", &[], fault);
    assert_eq!(after.verdict, Verdict::Aborted, "{:#?}", violations(&after));
    assert!(told(&after, "InvalidDBInstanceState"));
    assert!(told(&after, "the source must be given back"));
    assert!(told(&after, "accepts writes again"));
    assert!(
        after.longest_stall_ms > 290_000,
        "{}",
        after.longest_stall_ms
    );
}

#[test]
fn a_call_whose_answer_is_lost_is_looked_after_and_not_done_twice() {
    for (event, found) in [
        (
            "step-begins\", nth = 2",
            "there is a snapshot migration-1 already",
        ),
        (
            "step-begins\", nth = 3",
            "the cluster target is being created",
        ),
        ("gate-passed", "the name has the new address already"),
    ] {
        let event = match event.contains("nth") {
            true => format!("event = \"{event}"),
            false => format!("event = \"{event}\""),
        };
        let fault = format!("[[fault]]\non = {{ {event} }}\nanswer_lost = {{}}");
        let after = safe(&["target.replica_net_timeout=60s"], &fault);
        assert!(
            reached(&after, "answer-lost") && reached(&after, "found-done"),
            "{event}"
        );
        assert!(told(&after, found), "{event}");
    }
}

#[test]
fn a_fence_whose_answer_is_lost_is_asked_for_again() {
    let fault = "[[fault]]\non = { event = \"step-begins\", nth = 8 }\nanswer_lost = {}";
    let after = safe(&[], fault);
    assert!(reached(&after, "answer-lost") && !reached(&after, "found-done"));
    let fences = after
        .story
        .iter()
        .filter(|l| l.what.contains("Stop writes on the source"));
    assert_eq!(fences.count(), 2);
}
