//! Validation takes its time: it begins when a task's tables are loaded, and what it has not come to is pending.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        faults::{Fault, Harm, TargetCrash},
        outcome::{Outcome, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::run,
        runbook::Runbook,
        units::Micros,
    },
};

const LOAD: &str = "dms-full-load";
const CDC: &str = "dms-full-load-cdc";
const SAY: &str = "Validation must have looked at every row";
/// 200 orders, 400 lines, 50 customers.
const ROWS: &str = "workload.existing_rows=200";

fn runbook(name: &str) -> Runbook {
    load_runbook(name).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(runbook: &Runbook, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(runbook))
}

fn outcome(plan: &Plan) -> Outcome {
    run(plan, None).expect("a plan that can be run").outcome
}

/// When a line of the story has these words, in s.
fn told_s(outcome: &Outcome, words: &str) -> u64 {
    let line = outcome.story.iter().rev().find(|l| l.what.contains(words));
    line.unwrap_or_else(|| panic!("{words}")).at.0 / 1_000_000
}

/// How many seconds the wait for validation took.
fn waited_s(outcome: &Outcome, runbook: &Runbook) -> u64 {
    let number = runbook.steps.iter().position(|s| s.say.starts_with(SAY));
    let next = &runbook.steps[number.expect("such a step") + 1];
    told_s(outcome, &next.say) - told_s(outcome, SAY)
}

/// What `cutover check` says of something.
fn checked(plan: &Plan, name: &str) -> (Status, bool, String) {
    let mut findings = check(plan, None).into_iter();
    let finding = findings.find(|f| f.check.name == name);
    let look = finding.unwrap_or_else(|| panic!("{name}")).look;
    (look.status, look.certain, look.reason)
}

#[test]
fn a_load_behind_the_fence_is_compared_before_the_application_moves() {
    let runbook = runbook(LOAD);
    for (rate, least) in [(10, 60), (100_000, 0)] {
        let set = format!("dms.validate_rate={rate}");
        let outcome = outcome(&plan(&runbook, &[ROWS, &set]));
        assert_eq!(outcome.verdict, Verdict::Safe, "{rate}");
        let loaded = told_s(&outcome, "has loaded");
        let next = told_s(&outcome, "Nothing may have been written");
        // From the load on, whatever the operator does in between; the operator looks every ten seconds.
        let rows = 650 + outcome.commits.ok * 3;
        let took = next - loaded;
        assert!(took >= least && took <= rows / rate + 45, "{rate}: {took}");
    }
}

#[test]
fn a_task_that_captures_compares_while_the_application_writes() {
    let runbook = runbook(CDC);
    let slow = outcome(&plan(&runbook, &[ROWS, "dms.validate_rate=20"]));
    let fast = outcome(&plan(&runbook, &[ROWS]));
    for outcome in [&slow, &fast] {
        assert_eq!(outcome.verdict, Verdict::Safe);
    }
    assert!(waited_s(&fast, &runbook) <= 11);
    // What was compared before the fence is not compared behind it.
    let since_loaded = told_s(&slow, "Stop the task") - told_s(&slow, "has loaded");
    let waited = waited_s(&slow, &runbook);
    assert!(
        waited > 11 && waited + 30 < since_loaded,
        "{waited} of {since_loaded}"
    );
}

#[test]
fn the_checks_count_it() {
    let short = |seconds: u64| {
        let mut runbook = runbook(CDC);
        runbook.promises.downtime = Some(Micros::secs(seconds));
        runbook
    };
    // More than five minutes from the load on, and most of it behind the fence.
    let sets = [ROWS, "dms.validate_rate=2"];
    let late = plan(&short(60), &sets);
    let (status, certain, reason) = checked(&late, "promised-downtime");
    assert_eq!((status, certain), (Status::Fail, true), "{reason}");
    assert_eq!(outcome(&late).verdict, Verdict::Violated);
    let (status, _, reason) = checked(&plan(&short(60), &[ROWS]), "promised-downtime");
    assert_eq!(status, Status::Pass, "{reason}");

    let mut impatient = runbook(LOAD);
    let wait = impatient.steps.iter_mut().find(|s| s.say.starts_with(SAY));
    wait.expect("such a step").timeout = Some(Micros::secs(30));
    let late = plan(&impatient, &[ROWS, "dms.validate_rate=5"]);
    let (status, certain, reason) = checked(&late, "step-timeouts");
    assert_eq!((status, certain), (Status::Fail, true), "{reason}");
    assert_eq!(outcome(&late).verdict, Verdict::Aborted);
    let (status, _, reason) = checked(&plan(&impatient, &[ROWS]), "step-timeouts");
    assert_eq!(status, Status::Pass, "{reason}");
}

#[test]
fn nothing_is_compared_while_a_server_is_away() {
    let runbook = runbook(CDC);
    let sets = [ROWS, "dms.validate_rate=20"];
    let (plain, mut lost) = (plan(&runbook, &sets), plan(&runbook, &sets));
    let fenced = told_s(&outcome(&plain), SAY) - plain.clock.start.0 / 1_000_000;
    lost.faults = vec![Fault {
        at: Some(Micros::secs(fenced + 2)),
        lasts: Some(Micros::mins(4)),
        ..Harm::TargetCrash(TargetCrash {}).into_fault()
    }];
    let [plain, lost] = [&plain, &lost].map(|plan| waited_s(&outcome(plan), &runbook));
    assert!(lost >= plain + 200, "{plain} {lost}");
}
