//! What an ALTER TABLE takes: on the source beside the clients or instead of them, on the target before anything else is
//! applied, and for who waits for it.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        faults::{Added, Ddl, Fault, Harm, Occasion, On, TargetCrash},
        outcome::{Outcome, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::run,
        runbook::{Host, RunSql, Runbook, Step},
        units::Micros,
    },
};

const GTID: &str = "snapshot-binlog-gtid";
const DMS: &str = "dms-full-load-cdc";
/// A hundred thousand orders, and 100 µs for a row: ten seconds for the table `orders`.
const ROWS: &str = "workload.existing_rows=100000";
const SOURCE: &str = "source.alter_row=100us";
const TARGET: &str = "target.alter_row=300us";
const INDEX: &str = "ALTER TABLE orders ADD INDEX by_customer (customer_id)";
const COPY: &str = "ALTER TABLE sessions ENGINE=InnoDB";
const MYISAM: &str = r#"workload.table=[{name="sessions",engine="myisam"}]"#;
const COLUMN: &str = "ALTER TABLE orders ADD COLUMN note VARCHAR(40) NULL";

fn plan(runbook: &Runbook, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(runbook))
}

fn outcome(plan: &Plan) -> Outcome {
    run(plan, None).expect("a plan that can be run").outcome
}

/// A built-in's runbook in which a statement is typed before the step that says this.
fn typed_before(strategy: &str, say: &str, on: Host, sql: &str) -> Runbook {
    let mut runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    let at = runbook.steps.iter().position(|s| s.say.starts_with(say));
    let typed = Step {
        say: "Change the table".into(),
        run_sql: Some(RunSql {
            on,
            sql: sql.into(),
        }),
        ..Step::default()
    };
    runbook.steps.insert(at.expect("such a step"), typed);
    runbook
}

/// How many seconds the step that says this took: until the operator says the next thing but what the step itself tells.
fn took_s(outcome: &Outcome, runbook: &Runbook, say: &str) -> u64 {
    let at = |say: &str| {
        let line = outcome.story.iter().find(|line| line.what.starts_with(say));
        line.unwrap_or_else(|| panic!("{say}: {:#?}", outcome.story))
            .at
            .0
    };
    let number = runbook.steps.iter().position(|s| s.say.starts_with(say));
    let next = &runbook.steps[number.expect("such a step") + 1];
    (at(&next.say) - at(say)) / 1_000_000
}

/// What `cutover check` says of something.
fn checked(plan: &Plan, name: &str) -> (Status, bool, String) {
    let mut findings = check(plan, None).into_iter();
    let finding = findings.find(|f| f.check.name == name);
    let look = finding.unwrap_or_else(|| panic!("{name}")).look;
    (look.status, look.certain, look.reason)
}

#[test]
fn an_index_is_built_beside_clients_that_write() {
    let runbook = typed_before(GTID, "Take a snapshot", Host::Source, INDEX);
    let plan = plan(&runbook, &[ROWS, SOURCE]);
    let outcome = outcome(&plan);
    assert_eq!(took_s(&outcome, &runbook, "Change the table"), 10);
    assert_eq!(outcome.verdict, Verdict::Safe);
    assert!(
        outcome.longest_stall_ms < 8_000,
        "{}",
        outcome.longest_stall_ms
    );
}

#[test]
fn nobody_writes_while_a_table_is_copied() {
    let runbook = typed_before(GTID, "Take a snapshot", Host::Source, COPY);
    let outcome = outcome(&plan(&runbook, &[ROWS, SOURCE, MYISAM]));
    assert_eq!(took_s(&outcome, &runbook, "Change the table"), 10);
    assert!(
        outcome.longest_stall_ms >= 9_900,
        "{}",
        outcome.longest_stall_ms
    );
    assert_eq!(outcome.verdict, Verdict::Safe);
}

#[test]
fn a_column_at_the_end_takes_no_time_from_8_0_12_on_and_a_rebuild_before() {
    let runbook = typed_before(GTID, "Take a snapshot", Host::Source, COLUMN);
    for (version, takes) in [("8.0.36", 0), ("5.7.44", 10)] {
        let set = format!("source.engine_version={version}");
        let plan = plan(&runbook, &[ROWS, SOURCE, &set]);
        let took = took_s(&outcome(&plan), &runbook, "Change the table");
        assert_eq!(took, takes, "{version}");
    }
}

#[test]
fn nothing_behind_it_is_applied_meanwhile_and_the_gate_waits() {
    let runbook = typed_before(GTID, "Stop writes on the source", Host::Source, INDEX);
    let plain = load_runbook(GTID).unwrap_or_else(|error| panic!("{error}"));
    let gate = "The target must have applied all of it";
    let waited = |runbook: &Runbook| {
        let outcome = outcome(&plan(runbook, &[ROWS, SOURCE, TARGET]));
        assert_eq!(outcome.verdict, Verdict::Safe);
        took_s(&outcome, runbook, gate)
    };
    // The target's own 30 s, of which the fence's few have passed.
    let (with, without) = (waited(&runbook), waited(&plain));
    assert!(with >= 20 && without <= 1, "{with} {without}");
}

#[test]
fn the_lag_grows_while_it_is_applied() {
    let mut runbook = typed_before(GTID, "Catch up", Host::Source, INDEX);
    let at = runbook
        .steps
        .iter()
        .position(|s| s.say.starts_with("Catch up"));
    let caught_up = &mut runbook.steps[at.expect("such a step")];
    // One poll, which 0 at its beginning would satisfy.
    if let Some(wait) = caught_up.wait.as_mut() {
        (wait.every, wait.polls) = (Some(Micros::secs(1)), Some(5));
    }
    let outcome = outcome(&plan(&runbook, &[ROWS, SOURCE, TARGET]));
    let took = took_s(&outcome, &runbook, "Catch up");
    assert!((30..60).contains(&took), "{took}");
}

#[test]
fn a_fence_waits_for_one_that_is_under_way() {
    let plain = load_runbook(GTID).unwrap_or_else(|error| panic!("{error}"));
    let mut plan = plan(&plain, &[ROWS, "source.alter_row=300us"]);
    let on = On {
        event: Occasion::FenceAsked,
        nth: 1,
        after: Micros::secs(1),
    };
    plan.faults = vec![Fault {
        on: Some(on),
        ..Harm::Ddl(Ddl { add: Added::Index }).into_fault()
    }];
    let outcome = outcome(&plan);
    let told = |words: &str| {
        let line = outcome.story.iter().find(|line| line.what.contains(words));
        line.unwrap_or_else(|| panic!("{words}")).at.0
    };
    let (began, ended) = (told("goes through the rows"), told("has altered the table"));
    assert_eq!((ended - began) / 1_000_000, 30);
    assert!(told("is read-only now") >= ended);
    assert_eq!(outcome.verdict, Verdict::Safe);
}

#[test]
fn constraints_are_added_in_the_time_that_the_loaded_rows_take() {
    let runbook = load_runbook(DMS).unwrap_or_else(|error| panic!("{error}"));
    let say = "Add foreign keys and indexes";
    // Two lines an order: a copy for the foreign key, and its index.
    let sets = [ROWS, "target.alter_row=100us"];
    let outcome = outcome(&plan(&runbook, &sets));
    let took = took_s(&outcome, &runbook, say);
    assert!((40..42).contains(&took), "{took}");
    let short = |runbook: &Runbook, timeout: u64| {
        let mut runbook = runbook.clone();
        let at = runbook.steps.iter().position(|s| s.say.starts_with(say));
        runbook.steps[at.expect("such a step")].timeout = Some(Micros::secs(timeout));
        plan(&runbook, &sets)
    };
    let (status, certain, reason) = checked(&short(&runbook, 39), "step-timeouts");
    assert_eq!((status, certain), (Status::Fail, true), "{reason}");
    assert_eq!(outcome_of(&short(&runbook, 39)), Verdict::Aborted);
    assert_eq!(
        checked(&short(&runbook, 60), "step-timeouts").0,
        Status::Pass
    );
}

fn outcome_of(plan: &Plan) -> Verdict {
    outcome(plan).verdict
}

#[test]
fn what_is_typed_on_the_target_takes_its_own_time_there() {
    let runbook = typed_before(GTID, "Point the application", Host::Target, INDEX);
    let outcome = outcome(&plan(&runbook, &[ROWS, TARGET]));
    assert_eq!(took_s(&outcome, &runbook, "Change the table"), 30);
}

#[test]
fn the_downtime_counts_what_is_typed_behind_the_fence_and_what_the_gate_waits_for() {
    let promised = |runbook: Runbook| {
        let mut runbook = runbook;
        runbook.promises.downtime = Some(Micros::secs(25));
        runbook
    };
    let sets = [ROWS, SOURCE, TARGET];
    let behind = promised(typed_before(GTID, "Stop replication", Host::Target, INDEX));
    let before = promised(typed_before(
        GTID,
        "Stop writes on the source",
        Host::Source,
        INDEX,
    ));
    let early = promised(typed_before(GTID, "Take a snapshot", Host::Source, INDEX));
    for runbook in [&behind, &before] {
        let (status, certain, reason) = checked(&plan(runbook, &sets), "promised-downtime");
        assert_eq!((status, certain), (Status::Fail, true), "{reason}");
        assert_eq!(outcome_of(&plan(runbook, &sets)), Verdict::Violated);
    }
    let (status, _, reason) = checked(&plan(&early, &sets), "promised-downtime");
    assert_eq!(status, Status::Pass, "{reason}");
    assert_eq!(outcome_of(&plan(&early, &sets)), Verdict::Safe);
}

#[test]
fn the_check_warns_of_one_that_holds_the_applier_up() {
    let late = typed_before(GTID, "Stop writes on the source", Host::Source, INDEX);
    let early = typed_before(GTID, "Take a snapshot", Host::Source, INDEX);
    let sets = [ROWS, TARGET];
    let (status, _, reason) = checked(&plan(&late, &sets), "apply-rate");
    assert!(
        reason.contains("holds the applier up for about 30s"),
        "{reason}"
    );
    assert_eq!(status, Status::Warn);
    assert_eq!(checked(&plan(&early, &sets), "apply-rate").0, Status::Pass);
}

#[test]
fn who_calls_off_during_an_alter_is_called_off_however_long_that_goes_on() {
    let mut runbook = typed_before(GTID, "Take a snapshot", Host::Source, INDEX);
    let typed = runbook.steps.iter_mut().find(|s| s.run_sql.is_some());
    typed.expect("such a step").timeout = Some(Micros::secs(5));
    // An hour and more, which is beyond what a run gives its end.
    let outcome = outcome(&plan(&runbook, &[ROWS, "source.alter_row=40ms"]));
    assert_eq!(outcome.verdict, Verdict::Aborted, "{:#?}", outcome.story);
}

#[test]
fn a_target_that_is_lost_takes_its_constraints_back() {
    let runbook = load_runbook(DMS).unwrap_or_else(|error| panic!("{error}"));
    let step = runbook.steps.iter().find(|s| s.add_constraints.is_some());
    let step = &step.expect("such a step").say;
    let plain = plan(&runbook, &[ROWS, TARGET]);
    let began = outcome(&plain);
    let line = began
        .story
        .iter()
        .find(|line| line.what.starts_with(&**step));
    let at = line.unwrap_or_else(|| panic!("{step}")).at.0 - plain.clock.start.0;
    let mut lost = plain.clone();
    lost.faults = vec![Fault {
        at: Some(Micros(at + 10_000_000)),
        lasts: Some(Micros::secs(5)),
        ..Harm::TargetCrash(TargetCrash {}).into_fault()
    }];
    let outcome = outcome(&lost);
    let told = outcome
        .story
        .iter()
        .any(|line| line.what.contains("error 2013"));
    assert!(told, "{:#?}", outcome.story);
}
