//! Waiting for a DMS task to catch up: a latency alone says nothing of a task that has failed.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        outcome::{Outcome, Verdict},
        run::run,
        runbook::{DmsCondition, Runbook},
    },
};

/// The binlog files that the task has still to read are purged when its first table is loaded: it fails.
const PURGED: &str = r#"fault=[{on={event="dms-table-loaded"},retention_lost={}}]"#;
const SECONDS: u64 = 5;

fn outcome(runbook: &Runbook, sets: &[&str]) -> Outcome {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&scenario.plan(1, Some(runbook)), None);
    run.expect("a plan that can be run").outcome
}

/// The strategy with `change` made to its wait for the task to catch up.
fn catching_up(change: impl Fn(&mut DmsCondition)) -> Runbook {
    let mut runbook = load_runbook("dms-full-load-cdc").expect("a built-in runbook");
    let waits = runbook.steps.iter_mut().filter_map(|s| s.wait.as_mut());
    let of_task = waits.filter_map(|wait| wait.until.dms.as_mut());
    let mut catch_up: Vec<_> = of_task.filter(|dms| dms.caught_up.is_some()).collect();
    let [one] = &mut catch_up[..] else {
        panic!("one step catches up: {catch_up:?}");
    };
    change(one);
    runbook
}

#[test]
fn a_task_that_has_failed_ends_the_wait_at_once() {
    let runbook = catching_up(|dms| dms.caught_up = Some(SECONDS));
    assert_eq!(outcome(&runbook, &[]).verdict, Verdict::Safe);
    let failed = outcome(&runbook, &[PURGED]);
    assert_eq!(failed.verdict, Verdict::Aborted);
    let gives_up = |what: &str| what.starts_with("cannot go on: the task move has failed");
    assert!(
        failed.story.iter().any(|line| gives_up(&line.what)),
        "{:?}",
        failed.story
    );
}

#[test]
fn a_latency_alone_waits_for_a_failed_task_for_as_long_as_it_may() {
    let runbook = catching_up(|dms| {
        dms.caught_up = None;
        dms.latency = Some(SECONDS);
    });
    assert_eq!(outcome(&runbook, &[]).verdict, Verdict::Safe);
    assert_eq!(outcome(&runbook, &[PURGED]).verdict, Verdict::NotLive);
}
