//! The source: crashes, failovers, a bad volume, a binlog that goes.

use crate::support::*;
use cutover::sim::outcome::Verdict;

#[test]
fn a_crash_between_publish_and_commit_loses_nothing() {
    let fault = "[[fault]]\non = { event = \"source-publishes\", nth = 120 }\nlasts = \"15s\"\nsource_crash = {}";
    let after = safe(&[], fault);
    assert!(reached(&after, "crash-between-publish-and-commit"));
    assert!(after.commits.info > 0 && after.longest_stall_ms >= 15_000);
    assert!(told(&after, "serves again"));
    let by_position = outcome("snapshot-binlog-position", &[], fault);
    assert_eq!(
        by_position.verdict,
        Verdict::Safe,
        "{:#?}",
        violations(&by_position)
    );
}

#[test]
fn a_fenced_source_that_crashes_comes_back_fenced() {
    let fault = "[[fault]]\non = { event = \"fence-passed\" }\nlasts = \"5s\"\nsource_crash = {}";
    let after = safe(&[], fault);
    assert!(told(&after, "is read-only now"));
}

#[test]
fn a_source_that_was_given_back_while_it_was_down_takes_writes_again() {
    // The gate gives up while the source is down, and the way back changes the parameter group meanwhile.
    let faults = "[[fault]]\non = { event = \"fence-asked\" }\nlasts = \"90m\"\nstall = { link = \"replication\" }\n\
                  [[fault]]\non = { event = \"gate-polled\", after = \"59m\" }\nlasts = \"10m\"\nsource_crash = {}";
    let sets = ["clock.limit=6h", "workload.rate_per_s=2"];
    let after = outcome("snapshot-binlog-gtid", &sets, faults);
    assert_eq!(after.verdict, Verdict::Aborted, "{:#?}", after.story.last());
}

#[test]
fn a_failover_in_the_restore_is_survived_with_the_same_storage_and_caught_without() {
    let during = "on = { event = \"restore-begins\", after = \"5s\" }\nlasts = \"60s\"";
    let kept = safe(&[], &format!("[[fault]]\n{during}\nsource_failover = {{}}"));
    assert!(reached(&kept, "crash-in-restore"));
    let lost = outcome(
        "snapshot-binlog-gtid",
        &[],
        &format!("[[fault]]\n{during}\nasync_failover = {{ behind = \"2s\" }}"),
    );
    assert!(violates(&lost, "P1"), "{:#?}", violations(&lost));
    assert!(lost.faults[0].breaks.is_some(), "it is a hazard");
    let why = &violations(&lost)[0].1;
    assert!(why.contains("lost it"), "{why}");
}

#[test]
fn a_receiver_that_has_more_than_the_failed_over_source_is_refused() {
    let fault = "[[fault]]\non = { event = \"receiver-connects\", after = \"20s\" }\nlasts = \"5s\"\nasync_failover = { behind = \"3s\" }";
    let after = outcome("snapshot-binlog-gtid", &["target.connect_retry=5s"], fault);
    assert!(reached(&after, "handshake-too-new"), "{:?}", after.probes);
}

#[test]
fn a_source_without_durability_loses_what_it_acknowledged_and_that_is_a_hazard() {
    let sets = [
        "source.sync_binlog=0",
        "source.innodb_flush_log_at_trx_commit=0",
    ];
    let fault = "[[fault]]\nat = \"8500ms\"\nlasts = \"5s\"\nsource_failover = {}";
    let after = outcome("snapshot-binlog-gtid", &sets, fault);
    assert!(violates(&after, "P1"), "{:#?}", violations(&after));
    assert!(
        after.faults[0]
            .breaks
            .is_some_and(|a| a.contains("sync_binlog"))
    );
}

#[test]
fn a_slow_volume_slows_commits_down_and_a_full_one_holds_them_back() {
    let before = undisturbed(&[]);
    let slow = safe(
        &[],
        "[[fault]]\nat = \"2s\"\nlasts = \"60s\"\nslow_fsync = { times = 2000 }",
    );
    assert!(slow.commits.ok < before.commits.ok * 3 / 4);
    let full = safe(
        &[],
        "[[fault]]\nat = \"5s\"\nlasts = \"25s\"\ndisk_full = {}",
    );
    assert!(full.longest_stall_ms >= 24_000 && before.longest_stall_ms < 24_000);
}

#[test]
fn a_binlog_that_goes_too_early_is_a_hazard_and_ends_in_an_abort() {
    for kind in ["purge_binlogs = { keep = 1 }", "retention_lost = {}"] {
        let fault =
            format!("[[fault]]\non = {{ event = \"restore-begins\", after = \"20s\" }}\n{kind}");
        let after = outcome("snapshot-binlog-gtid", &[], &fault);
        assert_eq!(after.verdict, Verdict::Aborted, "{kind}");
        assert!(reached(&after, "handshake-purged"), "{kind}");
        assert!(after.faults[0].breaks.is_some());
    }
}

#[test]
fn a_rotation_storm_makes_many_files() {
    let fault = "[[fault]]\nat = \"15s\"\nlasts = \"60s\"\nrotation_storm = { every = \"200ms\" }";
    let run = rehearse("snapshot-binlog-position", &[], fault);
    assert_eq!(run.outcome.verdict, Verdict::Safe);
    assert!(run.binlog_files().len() > 200);
}
