//! A DMS task that captures demands whole rows of the source's binlog (AWS DMS user guide, "Using a MySQL-compatible
//! database as a source": `binlog_row_image`).

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        outcome::{Outcome, Verdict},
        preconditions::{Status, check},
        run::run,
    },
};

const FAILED: &str =
    "binlog_row_image of the source is MINIMAL, and change data capture needs FULL";

/// What a rehearsal comes to, and what the check says of its row image.
fn rehearsed(strategy: &str, image: &str) -> (Outcome, Option<Status>) {
    let sets = [format!("source.binlog_row_image={image}")];
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).expect("a built-in runbook");
    let plan = scenario.plan(1, Some(&runbook));
    let looks = check(&plan, None);
    let look = looks.iter().find(|f| f.check.name == "dms-row-image");
    let outcome = run(&plan, None).expect("a plan that can be run").outcome;
    (outcome, look.map(|found| found.look.status))
}

#[test]
fn a_task_that_captures_fails_as_it_starts_without_whole_rows() {
    let (whole, look) = rehearsed("dms-full-load-cdc", "full");
    assert_eq!((whole.verdict, look), (Verdict::Safe, Some(Status::Pass)));
    for image in ["minimal", "noblob"] {
        let (outcome, look) = rehearsed("dms-full-load-cdc", image);
        assert_eq!(
            (outcome.verdict, look),
            (Verdict::Aborted, Some(Status::Fail)),
            "{image}"
        );
        let text = FAILED.replace("MINIMAL", &image.to_uppercase());
        let said: Vec<_> = outcome.story.iter().map(|l| (l.who, &*l.what)).collect();
        let by_task = |(who, what): &(_, &str)| *who != "operator" && what.contains(&text);
        assert!(said.iter().any(by_task), "{image}: {said:#?}");
        let gives_up = |(who, what): &(_, &str)| {
            *who == "operator" && what.starts_with("cannot go on") && what.contains(&text)
        };
        assert!(said.iter().any(gives_up), "{image}: {said:#?}");
        let begins = |(_, what): &(_, &str)| what.contains("begins to load");
        assert!(!said.iter().any(begins), "{image}: {said:#?}");
    }
}

#[test]
fn a_task_that_loads_only_reads_no_binlog() {
    for image in ["full", "minimal"] {
        let (outcome, look) = rehearsed("dms-full-load", image);
        assert_eq!((outcome.verdict, look), (Verdict::Safe, None), "{image}");
    }
}

#[test]
fn replication_takes_every_row_image() {
    for image in ["full", "minimal", "noblob"] {
        let (outcome, look) = rehearsed("snapshot-binlog-gtid", image);
        assert_eq!((outcome.verdict, look), (Verdict::Safe, None), "{image}");
    }
}
