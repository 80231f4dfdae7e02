//! Writers beside the application, and single transactions out of the ordinary.

use crate::support::*;
use cutover::sim::outcome::Verdict;

#[test]
fn a_cron_job_is_refused_by_a_fence_on_the_server_and_stranded_without_one() {
    let fault = "[[fault]]\nat = \"5s\"\nlasts = \"5m\"\ncron = { every = \"500ms\" }";
    let before = undisturbed(&[]);
    let after = safe(&[], fault);
    assert!(after.commits.ok > before.commits.ok + 50, "it writes");
    assert!(
        after.commits.fail > before.commits.fail + 20,
        "and is refused"
    );
    let naive = |faults| rehearse("naive-no-fence", &["clients.max_lifetime=5s"], faults).outcome;
    let stranded = naive(fault);
    assert!(violates(&stranded, "P9"), "{:#?}", violations(&stranded));
    assert!(stranded.lost_writes > naive("").lost_writes + 20);
    assert!(stranded.faults[0].breaks.is_some());
}

#[test]
fn a_privileged_writer_goes_through_the_fence_and_is_caught() {
    let fault = "[[fault]]\nat = \"5s\"\nlasts = \"5m\"\nprivileged_writer = { every = \"500ms\" }";
    let after = outcome("snapshot-binlog-gtid", &[], fault);
    assert!(
        violates(&after, "P8") && violates(&after, "P1"),
        "{:#?}",
        violations(&after)
    );
    assert!(
        after.faults[0]
            .breaks
            .is_some_and(|a| a.contains("CONNECTION_ADMIN"))
    );
}

#[test]
fn a_stray_writer_on_the_target_is_caught() {
    let fault = "[[fault]]\non = { event = \"restored\" }\nlasts = \"1m\"\nstray_writer = { every = \"2s\" }";
    let after = outcome("snapshot-binlog-gtid", &[], fault);
    assert_ne!(after.verdict, Verdict::Safe);
    assert!(told(&after, "the applier has stopped") || !violations(&after).is_empty());
    assert!(after.faults[0].breaks.is_some_and(|a| a.contains("target")));
}

#[test]
fn a_transaction_that_is_open_at_the_fence_is_refused_at_its_commit() {
    let fault =
        "[[fault]]\non = { event = \"fence-asked\" }\nlasts = \"20s\"\nlong_transaction = {}";
    let before = undisturbed(&[]);
    let after = safe(&[], fault);
    assert!(reached(&after, "open-at-fence") && reached(&after, "commit-refused-by-fence"));
    let (Some(before), Some(after)) = (before.downtime_ms, after.downtime_ms) else {
        panic!("both cut over");
    };
    assert!(
        after > before + 10_000,
        "the runbook waits for it: {before}, {after}"
    );
}

#[test]
fn a_transaction_that_is_open_as_the_snapshot_is_cut_comes_with_the_binlog() {
    let fault = "[[fault]]\nat = \"9s\"\nlasts = \"20s\"\nlong_transaction = {}";
    let after = safe(&[], fault);
    assert_eq!(after.lost_writes, 0);
    // The client that a fault brings comes after the application's four.
    let run = rehearse("snapshot-binlog-gtid", &[], fault);
    let trace = run.trace();
    let own = trace
        .lines()
        .find(|l| l.starts_with("operation") && l.contains("client: 4"));
    assert!(own.is_some_and(|l| l.contains("told: Ok")), "{own:?}");
}

#[test]
fn a_huge_transaction_arrives_whole() {
    let fault = "[[fault]]\nat = \"70s\"\nhuge_transaction = { rows = 3000 }";
    let sets = ["control_plane.restore_fixed=100s"];
    let run = rehearse("snapshot-binlog-gtid", &sets, fault);
    assert_eq!(
        run.outcome.verdict,
        Verdict::Safe,
        "{:#?}",
        violations(&run.outcome)
    );
    let lines = |host| {
        let dumps = run.dump(host);
        let lines = dumps.iter().find(|d| d.table == "shop.order_lines");
        lines.map_or(0, |d| d.jsonl.lines().count())
    };
    let before = rehearse("snapshot-binlog-gtid", &sets, "");
    let without = before.dump(cutover::sim::runbook::Host::Target);
    let without = without.iter().find(|d| d.table == "shop.order_lines");
    assert!(
        lines(cutover::sim::runbook::Host::Target)
            > without.map_or(0, |d| d.jsonl.lines().count()) + 2_000
    );
}
