//! The traffic: bursts, DDL in mid-flight, clocks that disagree.

use crate::support::*;
use cutover::sim::{outcome::Verdict, runbook::Host};

#[test]
fn a_burst_is_so_many_times_the_traffic() {
    let before = undisturbed(&[]);
    let after = safe(
        &[],
        "[[fault]]\nat = \"20s\"\nlasts = \"20s\"\nburst = { times = 10 }",
    );
    // 20 a second for 20 s, ten times as many.
    let more = after.commits.ok - before.commits.ok;
    assert!((2_000..4_000).contains(&more), "{more}");
}

#[test]
fn a_column_or_an_index_that_is_added_in_mid_flight_arrives_and_so_does_every_write() {
    for (add, column) in [("column", true), ("index", false)] {
        for when in [
            "at = \"5s\"",
            "on = { event = \"restore-begins\", after = \"5s\" }",
            "on = { event = \"receiver-connects\", after = \"2s\" }",
        ] {
            let fault = format!("[[fault]]\n{when}\nddl = {{ add = \"{add}\" }}");
            for strategy in ["snapshot-binlog-gtid", "snapshot-binlog-position"] {
                let run = rehearse(strategy, &[], &fault);
                let outcome = &run.outcome;
                assert_eq!(
                    outcome.verdict,
                    Verdict::Safe,
                    "{strategy}, {when}: {:#?}",
                    violations(outcome)
                );
                assert!(told(outcome, "has altered the table"), "{strategy}, {when}");
                let dump = run.dump(Host::Target);
                let orders = dump
                    .iter()
                    .find(|d| d.table == "shop.orders")
                    .expect("the table");
                let names = orders.jsonl.lines().next().unwrap_or_default();
                assert_eq!(names.contains("note"), column, "{names}");
            }
        }
    }
}

#[test]
fn ddl_waits_for_open_transactions_and_the_others_wait_for_it() {
    let long = "[[fault]]\nat = \"5s\"\nlasts = \"10s\"\nlong_transaction = {}";
    let both = format!("{long}\n[[fault]]\nat = \"6s\"\nddl = {{ add = \"index\" }}");
    let after = safe(&["clock.runbook_after=30s"], &both);
    assert!(reached(&after, "statement-waited-for-ddl"));
    assert!(
        after.longest_stall_ms >= 8_900,
        "{}",
        after.longest_stall_ms
    );
    assert!(told(&after, "has altered the table"));
}

#[test]
fn a_statement_behind_the_fence_is_refused() {
    let fault = "[[fault]]\non = { event = \"fence-passed\" }\nddl = { add = \"column\" }";
    let after = safe(&[], fault);
    assert!(told(&after, "refuses ALTER TABLE") && !told(&after, "has altered"));
}

/// Applying is so slow that the target is late for minutes.
const LATE: &str = "[[fault]]\non = { event = \"replication-starts\" }\nlasts = \"10m\"\nslow_apply = { times = 100 }";

#[test]
fn a_clock_that_jumps_deceives_a_gate_on_the_lag_and_no_gate_on_gtids() {
    let jumps = format!(
        "{LATE}\n[[fault]]\non = {{ event = \"receiver-connects\", after = \"100ms\" }}\nlasts = \"10m\"\nclock_skew = {{ host = \"source\", ahead = \"60s\" }}"
    );
    let told_the_truth = outcome("naive-lag-gate", &[], LATE);
    let deceived = outcome("naive-lag-gate", &[], &jumps);
    assert!(
        deceived.lost_writes > 5 * told_the_truth.lost_writes,
        "{}, {}",
        deceived.lost_writes,
        told_the_truth.lost_writes
    );
    assert!(deceived.final_lag_ms > Some(20_000) && told_the_truth.final_lag_ms < Some(2_000));
    assert!(
        deceived.faults[1]
            .breaks
            .is_some_and(|a| a.contains("clocks"))
    );
    let by_gtid = outcome("snapshot-binlog-gtid", &[], &jumps);
    assert_eq!(
        by_gtid.verdict,
        Verdict::Safe,
        "{:#?}",
        violations(&by_gtid)
    );
    assert!(by_gtid.faults[1].breaks.is_none());
}

#[test]
fn a_receiver_that_connects_makes_up_for_clocks_that_disagree() {
    let apart = format!(
        "{LATE}\n[[fault]]\nat = \"1s\"\nlasts = \"20m\"\nclock_skew = {{ host = \"source\", ahead = \"60s\" }}"
    );
    let before = outcome("naive-lag-gate", &[], LATE);
    let after = outcome("naive-lag-gate", &[], &apart);
    // Another event in the run, and a poll may fall on the other side of a second.
    assert!(
        after.lost_writes < 2 * before.lost_writes && after.final_lag_ms < Some(2_000),
        "{}, {}",
        after.lost_writes,
        before.lost_writes
    );
}
