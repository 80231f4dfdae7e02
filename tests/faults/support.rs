//! A rehearsal in small with a schedule of faults.

use cutover::{
    scenarios::{load_runbook, parse_scenario},
    sim::{
        outcome::{Finding, Outcome, Verdict},
        run::{Run, run},
    },
};

/// `orders-small` with another strategy, and faults behind it.
pub fn rehearse(strategy: &str, sets: &[&str], faults: &str) -> Run {
    let text = include_str!("../../scenarios/scenarios/orders-small.toml");
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    let scenario = parse_scenario("orders-small", &format!("{text}\n{faults}"), &sets)
        .unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    let plan = scenario.plan(5, Some(&runbook));
    run(&plan, None).unwrap_or_else(|error| panic!("{error}"))
}

/// The outcome alone.
pub fn outcome(strategy: &str, sets: &[&str], faults: &str) -> Outcome {
    let outcome = rehearse(strategy, sets, faults).outcome;
    let scheduled = faults.matches("[[fault]]").count();
    assert_eq!(outcome.faults.len(), scheduled, "all of them fired");
    outcome
}

/// By GTID, which every contract fault leaves safe.
pub fn safe(sets: &[&str], faults: &str) -> Outcome {
    let outcome = outcome("snapshot-binlog-gtid", sets, faults);
    assert_eq!(
        outcome.verdict,
        Verdict::Safe,
        "{:#?}",
        violations(&outcome)
    );
    assert!(outcome.faults.iter().all(|f| f.breaks.is_none()));
    outcome
}

/// Without faults.
pub fn undisturbed(sets: &[&str]) -> Outcome {
    safe(sets, "")
}

pub fn violations(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let violated = |p: &cutover::sim::outcome::PropertyResult| match &p.finding {
        Finding::Violated { first, .. } => Some((p.id, first.clone())),
        _ => None,
    };
    outcome.properties.iter().filter_map(violated).collect()
}

pub fn violates(outcome: &Outcome, property: &str) -> bool {
    violations(outcome).iter().any(|(id, _)| *id == property)
}

pub fn reached(outcome: &Outcome, probe: &str) -> bool {
    outcome.probes.iter().any(|p| p.probe == probe)
}

pub fn told(outcome: &Outcome, words: &str) -> bool {
    outcome.story.iter().any(|line| line.what.contains(words))
}
