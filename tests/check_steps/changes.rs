//! Built-in runbooks, changed, and what a check says of them.

use cutover::{
    scenarios::{check_made, load_runbook, load_scenario},
    sim::{
        outcome::{Finding, Outcome, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::run,
        runbook::{Condition, Host, Pause, Role, RunSql, Runbook, SetReadOnly, Step, Wait},
        units::Micros,
    },
};

pub const GTID: &str = "snapshot-binlog-gtid";
pub const SENTINEL: &str = "dms-full-load-cdc-sentinel";
pub const BACK: &str = "snapshot-binlog-gtid-rollback";
/// The target is read-only until the name moves.
pub const CLOSED: &str = "scenarios/hazards/stray-writer.remedy.runbook.toml";
pub const STALL: &str =
    r#"fault=[{on={event="fence-asked"},lasts="60s",stall={link="replication"}}]"#;
pub const XA: &str = r#"fault=[{on={event="fence-asked"},lasts="20s",xa_transaction={}}]"#;

pub fn plan(runbook: &Runbook, seed: u64, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(seed, Some(runbook))
}

pub fn outcome(plan: &Plan) -> Outcome {
    run(plan, None).expect("a plan that can be run").outcome
}

pub fn violated(outcome: &Outcome) -> Vec<&str> {
    let violated = outcome
        .properties
        .iter()
        .filter(|p| matches!(p.finding, Finding::Violated { .. }));
    violated.map(|p| p.id).collect()
}

/// A built-in's runbook, changed.
pub fn changed(strategy: &str, change: impl Fn(&mut Vec<Step>)) -> Runbook {
    let mut runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    change(&mut runbook.steps);
    runbook
}

pub fn place(steps: &[Step], is: impl Fn(&Step) -> bool) -> usize {
    steps.iter().position(is).expect("such a step")
}

pub fn step(say: &str) -> Step {
    Step {
        say: say.into(),
        ..Step::default()
    }
}

pub fn lifts_read_only(on: Host) -> Step {
    Step {
        set_read_only: Some(SetReadOnly {
            on,
            value: false,
            lasting: false,
        }),
        ..step("Let writes in")
    }
}

pub fn waits(until: Condition) -> Step {
    Step {
        timeout: Some(Micros::mins(1)),
        wait: Some(Wait {
            until,
            every: None,
            polls: None,
            on: Host::Target,
            skip_errors: None,
        }),
        ..step("Wait for it")
    }
}

pub fn pauses(minutes: u64) -> Step {
    Step {
        pause: Some(Pause {
            length: Micros::mins(minutes),
        }),
        ..step("Wait a while")
    }
}

pub fn types(on: Host, sql: &str) -> Step {
    Step {
        run_sql: Some(RunSql {
            on,
            sql: sql.into(),
        }),
        ..step("Type a statement")
    }
}

pub fn repoints(to: Host) -> impl Fn(&Step) -> bool {
    move |step| step.repoint.is_some_and(|o| o.to == to)
}

pub fn sets_read_only(on: Host, value: bool) -> impl Fn(&Step) -> bool {
    move |step| {
        step.set_read_only
            .is_some_and(|o| (o.on, o.value) == (on, value))
    }
}

pub fn waits_read_only(on: Host) -> impl Fn(&Step) -> bool {
    move |step| until(step).is_some_and(|u| u.read_only == Some(on))
}

pub fn waits_drained(on: Host) -> impl Fn(&Step) -> bool {
    move |step| until(step).is_some_and(|u| u.no_open_transactions == Some(on))
}

pub fn is_gate(step: &Step) -> bool {
    step.role == Some(Role::Gate)
}

pub fn notes(name: &str) -> impl Fn(&Step) -> bool {
    move |step| {
        step.read_coordinates
            .as_ref()
            .is_some_and(|o| o.name == name)
    }
}

pub fn until(step: &Step) -> Option<&Condition> {
    step.wait.as_ref().map(|wait| &wait.until)
}

/// What a check says of a runbook, in these words; where it is certain, a run bears it out.
#[track_caller]
pub fn says(runbook: &Runbook, sets: &[&str], name: &str, status: Status, words: &str) -> bool {
    let plan = plan(runbook, 1, sets);
    check_made(&plan).unwrap_or_else(|error| panic!("{error}"));
    let found = check(&plan, None)
        .into_iter()
        .find(|f| f.check.name == name);
    let look = found.unwrap_or_else(|| panic!("{name} says nothing")).look;
    assert_eq!(look.status, status, "{look:?}");
    assert!(look.reason.contains(words), "{look:?}");
    if look.certain {
        let outcome = outcome(&plan);
        assert_ne!(outcome.verdict, Verdict::Safe, "{look:?}");
    }
    look.certain
}

#[track_caller]
pub fn fails(runbook: &Runbook, name: &str, words: &str) {
    says(runbook, &[], name, Status::Fail, words);
}

#[track_caller]
pub fn surely_fails(runbook: &Runbook, sets: &[&str], name: &str, words: &str) {
    assert!(says(runbook, sets, name, Status::Fail, words), "certain");
}

#[track_caller]
pub fn passes(runbook: &Runbook, name: &str, words: &str) {
    says(runbook, &[], name, Status::Pass, words);
}
