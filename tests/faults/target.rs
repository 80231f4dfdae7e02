//! The target: what it receives, applies and remembers.

use crate::support::*;
use cutover::sim::outcome::Verdict;
use std::collections::BTreeMap;

const STRATEGIES: [&str; 2] = ["snapshot-binlog-gtid", "snapshot-binlog-position"];

fn safe_by_gtid_and_position(fault: &str) -> cutover::sim::outcome::Outcome {
    let outcomes = STRATEGIES.map(|strategy| {
        let after = outcome(strategy, &["target.connect_retry=5s"], fault);
        assert_eq!(
            after.verdict,
            Verdict::Safe,
            "{strategy} {:#?}",
            violations(&after)
        );
        after
    });
    let [by_gtid, _] = outcomes;
    by_gtid
}

#[test]
fn threads_that_die_are_started_again_and_go_on() {
    let receiver = safe_by_gtid_and_position(
        "[[fault]]\non = { event = \"binlog-received\", nth = 30 }\nlasts = \"20s\"\nreceiver_crash = {}",
    );
    assert!(told(&receiver, "the receiver is started again"));
    let applier = safe_by_gtid_and_position(
        "[[fault]]\non = { event = \"target-applies\", nth = 20 }\nlasts = \"20s\"\napplier_crash = {}",
    );
    assert!(told(&applier, "the applier is started again"));
    assert!(reached(&applier, "applier-died-at-work"));
}

#[test]
fn a_target_that_crashes_or_fails_over_goes_on_replicating() {
    for kind in ["target_crash", "aurora_failover"] {
        let after = safe_by_gtid_and_position(&format!(
            "[[fault]]\non = {{ event = \"target-applies\", nth = 20 }}\nlasts = \"10s\"\n{kind} = {{}}"
        ));
        assert!(reached(&after, "replication-resumed"), "{kind}");
    }
}

#[test]
fn a_target_that_crashes_behind_the_cutover_has_what_it_confirmed() {
    let after = safe(
        &[],
        "[[fault]]\non = { event = \"first-write-on-target\", after = \"3s\" }\nlasts = \"10s\"\ntarget_crash = {}",
    );
    assert!(after.longest_stall_ms >= 10_000);
}

#[test]
fn a_lost_relay_log_is_asked_for_again_unless_recovery_is_off() {
    let fault = "[[fault]]\non = { event = \"target-applies\", nth = 10 }\nrelay_log_loss = {}";
    let after = safe_by_gtid_and_position(fault);
    assert!(reached(&after, "relay-log-lost-unapplied"));
    let off = ["target.relay_log_recovery=false"];
    assert_eq!(
        outcome(STRATEGIES[0], &off, fault).verdict,
        Verdict::Safe,
        "by GTID the target knows what it lacks"
    );
    let by_position = outcome(STRATEGIES[1], &off, fault);
    assert_eq!(by_position.verdict, Verdict::Violated, "a hole");
    assert!(
        by_position.faults[0]
            .breaks
            .is_some_and(|a| a.contains("relay_log_recovery"))
    );
}

#[test]
fn a_slow_applier_and_cold_pages_make_the_target_late() {
    let before = undisturbed(&[]);
    let slow = safe(
        &[],
        "[[fault]]\non = { event = \"replication-starts\" }\nlasts = \"3m\"\nslow_apply = { times = 100 }",
    );
    assert!(slow.virtual_ms > before.virtual_ms);
    let sets = ["target.first_touch=3s", "target.replica_parallel_workers=1"];
    let fault =
        "[[fault]]\non = { event = \"replication-starts\", after = \"25s\" }\ncold_pages = {}";
    let (warm, cold) = (undisturbed(&sets), safe(&sets, fault));
    assert!(
        cold.virtual_ms > warm.virtual_ms,
        "{} {}",
        cold.virtual_ms,
        warm.virtual_ms
    );
}

#[test]
fn a_changed_byte_is_noticed_where_there_are_checksums() {
    let fault = |place: &str| {
        format!(
            "[[fault]]\non = {{ event = \"receiver-connects\", after = \"2s\" }}\ncorrupt_event = {{ place = \"{place}\", byte = 150, flip = 1 }}"
        )
    };
    let wire = outcome(STRATEGIES[0], &[], &fault("wire"));
    assert_eq!(wire.verdict, Verdict::Aborted);
    assert!(told(&wire, "(1743)") && reached(&wire, "corrupt-event-refused"));
    let relay_log = outcome(STRATEGIES[0], &[], &fault("relay-log"));
    assert_eq!(relay_log.verdict, Verdict::Aborted);
    assert!(told(&relay_log, "Relay log read failure"));
}

#[test]
fn a_changed_byte_without_checksums_is_a_hazard_that_is_caught() {
    let mut ends = BTreeMap::new();
    for byte in (20..540).step_by(13) {
        let fault = format!(
            "[[fault]]\non = {{ event = \"receiver-connects\", after = \"2s\" }}\ncorrupt_event = {{ place = \"wire\", byte = {byte}, flip = 1 }}"
        );
        let after = outcome(STRATEGIES[0], &["source.binlog_checksum=\"none\""], &fault);
        assert!(after.faults[0].breaks.is_some());
        *ends.entry(format!("{:?}", after.verdict)).or_insert(0) += 1;
    }
    assert!(
        ends["Aborted"] > 5,
        "most damage stops the applier: {ends:?}"
    );
    assert!(ends["Violated"] > 0, "some is silent, and seen: {ends:?}");
}
