//! What a run may hold in memory: the traffic ends with it, and the run says so.

use cutover::{
    scenarios::load_scenario,
    sim::{
        outcome::{Outcome, Verdict},
        run::{Run, run},
        runbook::Host,
    },
};

const FULL: &str = "workload.max_binlogs";

fn rehearse(sets: &[&str]) -> Run {
    let busy = [
        "strategy=snapshot-binlog-gtid",
        "workload.rate_per_s=400",
        "source.max_binlog_size=64KiB",
    ];
    let sets: Vec<String> = busy.iter().chain(sets).map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).expect("a valid scenario");
    run(&scenario.plan(1, None), None).expect("a plan that can be run")
}

fn tells(outcome: &Outcome) -> bool {
    outcome.notes.iter().any(|note| note.contains(FULL))
}

#[test]
fn the_traffic_ends_when_the_binlogs_are_full_and_a_cutover_that_nobody_met_is_unknown() {
    let all = rehearse(&[]);
    assert_eq!(all.outcome.verdict, Verdict::Safe);
    assert!(!tells(&all.outcome));
    let cut = rehearse(&["workload.max_binlogs=2MiB"]);
    assert_eq!(cut.outcome.verdict, Verdict::Unknown);
    assert!(tells(&cut.outcome), "{:?}", cut.outcome.notes);
    assert!(cut.outcome.commits.ok < all.outcome.commits.ok / 2);
    let [of_all, of_cut] = [&all, &cut].map(|run| -> usize {
        let files = run.binlog_files();
        files.iter().map(|(_, bytes)| bytes.len()).sum()
    });
    assert!(of_cut < 2 << 20 && 2 << 20 < of_all, "{of_cut} {of_all}");
    assert_eq!(cut.dump(Host::Source), cut.dump(Host::Target));
}
