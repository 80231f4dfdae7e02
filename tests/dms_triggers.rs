//! A trigger of the source, and a DMS task: it carries rows and no triggers, and its INSERTs fire those that there are.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        outcome::{Finding, Outcome, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::run,
        runbook::{OnFailure, Runbook, Step},
    },
};

const STRATEGIES: [&str; 4] = [
    "dms-full-load",
    "dms-full-load-cdc",
    "dms-full-load-cdc-sentinel",
    "dms-full-load-cdc-rollback",
];

fn plan(runbook: &Runbook) -> Plan {
    let sets = [r#"workload.table=[{name="audit_log",trigger=true}]"#.to_string()];
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(3, Some(runbook))
}

fn outcome(runbook: &Runbook) -> Outcome {
    run(&plan(runbook), None)
        .expect("a plan that can be run")
        .outcome
}

/// What `cutover check` says of the triggers, and whether it is certain.
fn checked(runbook: &Runbook) -> (Status, bool) {
    let mut findings = check(&plan(runbook), None).into_iter();
    let finding = findings.find(|f| f.check.name == "dms-triggers");
    let look = finding.expect("it is looked at").look;
    (look.status, look.certain)
}

fn of(strategy: &str) -> Runbook {
    load_runbook(strategy).expect("a built-in runbook")
}

/// The strategy without its step that creates the triggers, and the step.
fn without(strategy: &str) -> (Runbook, Step) {
    let mut runbook = of(strategy);
    let at = runbook
        .steps
        .iter()
        .position(|s| s.create_triggers.is_some());
    let step = runbook.steps.remove(at.expect("it creates them"));
    (runbook, step)
}

#[test]
fn the_strategies_create_them_when_the_task_is_over() {
    for strategy in STRATEGIES {
        let runbook = of(strategy);
        assert_eq!(checked(&runbook), (Status::Pass, false), "{strategy}");
        assert_eq!(outcome(&runbook).verdict, Verdict::Safe, "{strategy}");
    }
}

#[test]
fn a_target_without_them_is_not_what_the_source_is() {
    for strategy in STRATEGIES {
        let (runbook, _) = without(strategy);
        assert_eq!(checked(&runbook), (Status::Fail, true), "{strategy}");
        let outcome = outcome(&runbook);
        let p12 = outcome.properties.iter().find(|p| p.id == "P12").unwrap();
        let Finding::Violated { first, .. } = &p12.finding else {
            panic!("{strategy}: {p12:?}");
        };
        // Who has gone back is on the source, which has it.
        let lacks = match strategy {
            "dms-full-load-cdc-rollback" => "alone on the source",
            _ => "not on the target",
        };
        let trigger = "the trigger of shop.orders that writes to shop.audit_log is";
        assert_eq!(*first, format!("{trigger} {lacks}"), "{strategy}");
    }
}

#[test]
fn a_task_fires_those_that_were_created_before_it() {
    let (mut runbook, step) = without("dms-full-load-cdc");
    let made = runbook.steps.iter().position(|s| s.create_schema.is_some());
    runbook
        .steps
        .insert(made.expect("it makes the tables") + 1, step);
    assert_eq!(checked(&runbook), (Status::Fail, false));
    // The row that the trigger wrote on the source finds the one that it wrote here.
    let outcome = outcome(&runbook);
    assert_eq!(outcome.verdict, Verdict::Aborted);
    let story = outcome.story.iter();
    let stopped = |what: &str| {
        what.contains("has failed: Duplicate entry") && what.contains("audit_log.PRIMARY")
    };
    assert!(
        story.clone().any(|line| stopped(&line.what)),
        "{:?}",
        outcome.story
    );
}

#[test]
fn a_wait_that_goes_on_when_it_fails_does_not_end_a_task() {
    let (mut runbook, step) = without("dms-full-load");
    let waits = |step: &Step| {
        let until = step.wait.as_ref().and_then(|wait| wait.until.dms.as_ref());
        until.is_some_and(|dms| dms.stopped.is_some())
    };
    let stopped = runbook.steps.iter().position(waits).expect("it waits");
    runbook.steps.insert(stopped + 1, step);
    assert_eq!(checked(&runbook).0, Status::Pass);
    runbook.steps[stopped].on_failure = OnFailure::Continue;
    assert_eq!(checked(&runbook), (Status::Fail, false));
}
