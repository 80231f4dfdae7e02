//! XA transactions: prepared before the snapshot, the fence, a failover, and committed behind it.

use crate::support::*;
use cutover::{
    scenarios::{load_runbook, parse_scenario},
    sim::{outcome::Verdict, run::run, runbook::Host},
};

/// A rehearsal with an XA transaction, and whether its order is on a host in the end. The client that a fault brings
/// comes after the application's four.
fn with_xa(strategy: &str, faults: &str) -> (cutover::sim::outcome::Outcome, bool, bool) {
    let run = rehearse(strategy, &[], faults);
    let trace = run.trace();
    let own = |line: &&str| line.starts_with("operation") && line.contains("client: 4");
    let own = trace.lines().find(own).unwrap_or_default().to_string();
    let acknowledged = own.contains("told: Ok");
    let dumps = run.dump(Host::Target);
    let orders = dumps.iter().find(|d| d.table == "shop.orders");
    // The fifth client's first request.
    let request = format!("\"{}\"", 5u64 << 40 | 1);
    let request_from_0 = format!("\"{}\"", 5u64 << 40);
    let on_target =
        orders.is_some_and(|d| d.jsonl.contains(&request) || d.jsonl.contains(&request_from_0));
    (run.outcome, acknowledged, on_target)
}

fn xa(when: &str, lasts: &str) -> String {
    format!("[[fault]]\n{when}\nlasts = \"{lasts}\"\nxa_transaction = {{}}\n")
}

#[test]
fn one_that_is_prepared_in_the_snapshot_is_committed_on_the_target_by_the_binlog() {
    for strategy in ["snapshot-binlog-gtid", "snapshot-binlog-position"] {
        for lasts in ["12s", "25s", "50s"] {
            let (outcome, acknowledged, on_target) = with_xa(strategy, &xa("at = \"8s\"", lasts));
            assert_eq!(
                outcome.verdict,
                Verdict::Safe,
                "{strategy}, {lasts}: {:#?}",
                violations(&outcome)
            );
            assert!(acknowledged && on_target, "{strategy}, {lasts}");
            assert!(outcome.faults[0].breaks.is_none());
        }
    }
}

#[test]
fn one_that_is_prepared_at_the_fence_is_waited_for_and_arrives() {
    let before = undisturbed(&[]);
    let fault = xa("on = { event = \"fence-asked\" }", "20s");
    for strategy in [
        "snapshot-binlog-gtid",
        "snapshot-binlog-position",
        "snapshot-freeze",
    ] {
        let (outcome, acknowledged, on_target) = with_xa(strategy, &fault);
        assert_eq!(
            outcome.verdict,
            Verdict::Safe,
            "{strategy}: {:#?}",
            violations(&outcome)
        );
        assert!(acknowledged && on_target, "{strategy}");
        assert!(reached(&outcome, "two-phases-behind-fence"), "{strategy}");
        assert!(!violates(&outcome, "P8"), "{strategy}");
        if strategy == "snapshot-binlog-gtid" {
            let (Some(before), Some(after)) = (before.downtime_ms, outcome.downtime_ms) else {
                panic!("both cut over");
            };
            // Its own commit is the last write on the source, so the downtime is from there.
            assert!(after < before + 5_000, "{before}, {after}");
            assert!(
                outcome.longest_stall_ms > 10_000,
                "{}",
                outcome.longest_stall_ms
            );
        }
    }
}

#[test]
fn one_that_nobody_waits_for_is_lost_and_named_as_the_assumption_that_broke() {
    let text = include_str!("../../scenarios/scenarios/orders-small.toml");
    let fault = xa("on = { event = \"fence-asked\" }", "20s");
    let scenario = parse_scenario("orders-small", &format!("{text}\n{fault}"), &[])
        .unwrap_or_else(|error| panic!("{error}"));
    let mut runbook =
        load_runbook("snapshot-binlog-gtid").unwrap_or_else(|error| panic!("{error}"));
    let waits = |step: &cutover::sim::runbook::Step| {
        step.wait
            .as_ref()
            .is_some_and(|w| w.until.no_open_transactions.is_some())
    };
    runbook.steps.retain(|step| !waits(step));
    let outcome = run(&scenario.plan(5, Some(&runbook)), None)
        .unwrap_or_else(|error| panic!("{error}"))
        .outcome;
    assert!(violates(&outcome, "P1"), "{:#?}", violations(&outcome));
    let broke = outcome.faults[0].breaks;
    assert!(
        broke.is_some_and(|a| a.contains("no transaction stays open")),
        "{broke:?}"
    );
}

#[test]
fn one_that_is_prepared_survives_the_crash_of_either_server() {
    for (harm, when) in [
        ("source_crash = {}", "\"snapshot-cut\", after = \"2s\""),
        ("source_failover = {}", "\"restore-begins\", after = \"1s\""),
        ("source_crash = {}", "\"fence-asked\", after = \"5s\""),
        ("target_crash = {}", "\"receiver-connects\", after = \"3s\""),
        (
            "aurora_failover = {}",
            "\"receiver-connects\", after = \"3s\"",
        ),
    ] {
        let crash = format!("[[fault]]\non = {{ event = {when} }}\nlasts = \"10s\"\n{harm}\n");
        for xa in [
            xa("at = \"8s\"", "80s"),
            xa("on = { event = \"fence-asked\" }", "30s"),
        ] {
            for strategy in ["snapshot-binlog-gtid", "snapshot-binlog-position"] {
                let (outcome, acknowledged, on_target) = with_xa(strategy, &format!("{xa}{crash}"));
                assert_eq!(
                    outcome.verdict,
                    Verdict::Safe,
                    "{strategy}, {harm} {when}, {xa}: {:#?}",
                    violations(&outcome)
                );
                assert!(acknowledged && on_target, "{strategy}, {harm} {when}, {xa}");
            }
        }
    }
}

#[test]
fn one_that_is_not_decided_in_time_calls_the_migration_off_and_loses_nothing() {
    let fault = xa("on = { event = \"fence-asked\" }", "20m");
    let (outcome, acknowledged, _) = with_xa("snapshot-binlog-gtid", &fault);
    assert_eq!(
        outcome.verdict,
        Verdict::Aborted,
        "{:#?}",
        violations(&outcome)
    );
    assert!(acknowledged);
}
