//! Names and pools: clients that stay where they were.

use crate::support::*;
use cutover::sim::{
    history::Told,
    outcome::{Outcome, Verdict},
    run::Run,
    runbook::Host,
};

/// Attempts of clients to write to the source after the application was pointed at the target.
fn late(run: &Run) -> usize {
    let trace = run.trace();
    let moved = trace
        .lines()
        .find_map(|l| {
            l.split("repointed: Some(")
                .nth(1)?
                .split(')')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .expect("it was repointed");
    let operations = trace.lines().filter(|l| l.starts_with("operation"));
    let on_source = operations.filter(|l| l.contains(&format!("host: {:?}", Host::Source)));
    let failed = on_source.filter(|l| l.contains(&format!("told: {:?}", Told::Fail)));
    let at = |l: &&str| {
        l.split("invoked: ")
            .nth(1)?
            .split(',')
            .next()?
            .parse::<u64>()
            .ok()
    };
    failed
        .filter_map(|l| at(&l))
        .filter(|at| *at > moved + 10_000_000)
        .count()
}

const KINDS: [&str; 3] = [
    "stale_dns = { percent = 50 }",
    "cached_forever = { percent = 50 }",
    "pinned_pool = { percent = 50 }",
];

#[test]
fn clients_that_do_not_follow_the_name_are_refused_by_a_fenced_source() {
    let undisturbed = rehearse("snapshot-binlog-gtid", &[], "");
    assert_eq!(
        late(&undisturbed),
        0,
        "10 s later everybody has found the target"
    );
    for kind in KINDS {
        let fault = format!("[[fault]]\nat = \"5s\"\nlasts = \"5m\"\n{kind}");
        let run = rehearse("snapshot-binlog-gtid", &[], &fault);
        assert_eq!(run.outcome.verdict, Verdict::Safe, "{kind}");
        assert!(run.outcome.faults[0].breaks.is_none(), "{kind}");
        assert!(late(&run) > 20, "{kind}: {}", late(&run));
    }
}

#[test]
fn they_write_to_the_source_where_no_fence_refuses_them_and_the_assumption_is_named() {
    let last_on_source = |outcome: &Outcome| outcome.lost_writes;
    // A pool's connections are replaced soon enough for the name to matter.
    let sets = ["clients.max_lifetime=5s"];
    let undisturbed = rehearse("naive-no-fence", &sets, "").outcome;
    for kind in KINDS {
        let fault = format!("[[fault]]\nat = \"5s\"\nlasts = \"5m\"\n{kind}");
        let after = outcome("naive-no-fence", &sets, &fault);
        assert!(violates(&after, "P9"), "{kind}: {:#?}", violations(&after));
        assert!(
            last_on_source(&after) > last_on_source(&undisturbed) + 50,
            "{kind}"
        );
        assert!(
            after.faults[0].breaks.is_some_and(|a| a.contains("follow")),
            "{kind}"
        );
    }
}

#[test]
fn a_client_follows_again_when_the_fault_has_healed() {
    for kind in KINDS {
        let fault = format!("[[fault]]\nat = \"5s\"\nlasts = \"100s\"\n{kind}");
        let run = rehearse(
            "snapshot-binlog-gtid",
            &["workload.after_cutover=2m"],
            &fault,
        );
        let stays = format!("[[fault]]\nat = \"5s\"\nlasts = \"10m\"\n{kind}");
        let staying = rehearse(
            "snapshot-binlog-gtid",
            &["workload.after_cutover=2m"],
            &stays,
        );
        assert!(
            late(&run) * 2 < late(&staying),
            "{kind}: {}, {}",
            late(&run),
            late(&staying)
        );
    }
}

#[test]
fn clients_that_try_again_blindly_place_an_order_twice_and_that_is_a_hazard() {
    let reset = "[[fault]]\non = { event = \"source-publishes\", nth = 151 }\nreset = { link = \"clients-source\" }";
    let blind = format!(
        "[[fault]]\nat = \"1s\"\nlasts = \"2m\"\nblind_retry = {{ percent = 100 }}\n{reset}"
    );
    let before = safe(&[], reset);
    assert!(reached(&before, "unknown-had-succeeded") && !reached(&before, "retry-after-success"));
    let after = outcome("snapshot-binlog-gtid", &[], &blind);
    assert!(reached(&after, "retry-after-success"), "{:?}", after.probes);
    assert!(
        after.duplicate_writes > 0 && violates(&after, "P4"),
        "{:#?}",
        violations(&after)
    );
    assert!(after.faults[0].breaks.is_some());
}
