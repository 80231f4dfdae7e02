//! What `SET GLOBAL read_only` waits for, and who waits behind it.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        faults::{Added, Ddl, Fault, Harm, Held, LongTransaction, Occasion, On},
        outcome::{Finding, Outcome, Verdict},
        plan::Plan,
        probes::Probe,
        run::run,
        units::Micros,
    },
};

const HAZARD: &str = "scenarios/hazards/fence-behind-a-row-lock.toml";
const WAITS: &str = "has SET GLOBAL read_only = 1 wait for";

fn plan(scenario: &str, strategy: Option<&str>, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let scenario = load_scenario(scenario, &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = strategy.map(|name| load_runbook(name).unwrap_or_else(|e| panic!("{e}")));
    scenario.plan(1, runbook.as_ref())
}

fn outcome(plan: &Plan) -> Outcome {
    run(plan, None).expect("a plan that can be run").outcome
}

/// When a line that begins like this is told, in µs.
fn at(outcome: &Outcome, begins: &str) -> Option<u64> {
    let line = outcome.story.iter().find(|l| l.what.starts_with(begins));
    line.map(|line| line.at.0)
}

fn reached(outcome: &Outcome) -> bool {
    let name = Probe::FenceWaitedForStatement.name();
    outcome.probes.iter().any(|p| p.probe == name)
}

/// How long the SET waited.
fn waited(outcome: &Outcome) -> Option<Micros> {
    let from = at(outcome, WAITS)?;
    Some(Micros(at(outcome, "is read-only now")? - from))
}

#[test]
fn it_waits_for_the_lock_waits_timeout_when_the_owner_of_the_row_waits_as_well() {
    for timeout in ["5s", "20s"] {
        let set = format!("source.lock_wait_timeout={timeout}");
        let plan = plan(HAZARD, Some("snapshot-binlog-gtid"), &[&set]);
        let outcome = outcome(&plan);
        let waited = waited(&outcome).expect("it waits");
        let timeout = plan.environment.source.lock_wait_timeout;
        // Who waits longest began after the row was locked, seconds before the SET.
        let least = timeout.0.saturating_sub(4_000_000);
        assert!(
            (least..=timeout.0).contains(&waited.0),
            "{waited} of {timeout}"
        );
        assert!(reached(&outcome));
        assert_eq!(outcome.verdict, Verdict::Safe);
    }
}

#[test]
fn nothing_is_waited_for_where_nobody_wants_the_row() {
    let mut plan = plan(HAZARD, Some("snapshot-binlog-gtid"), &[]);
    plan.faults.clear();
    let outcome = outcome(&plan);
    assert!(!reached(&outcome));
    assert!(at(&outcome, "is read-only now").is_some());
}

#[test]
fn a_set_that_is_given_up_lets_the_writers_go_on() {
    let outcome = outcome(&plan(HAZARD, None, &[]));
    assert_eq!(outcome.verdict, Verdict::Aborted);
    assert!(at(&outcome, WAITS).is_some());
    assert!(at(&outcome, "is read-only now").is_none());
    let p18 = outcome.properties.iter().find(|p| p.id == "P18");
    assert_eq!(p18.map(|p| &p.finding), Some(&Finding::Holds));
}

/// A transaction that is open for a minute, and an ALTER TABLE that waits for it, as the fence is asked for.
fn behind_an_alter() -> Plan {
    let mut plan = plan("orders-small", Some("snapshot-binlog-gtid"), &[]);
    let fault = |lasts, after, harm: Harm| {
        let on = On {
            event: Occasion::FenceAsked,
            nth: 1,
            after: Micros::secs(after),
        };
        Fault {
            on: Some(on),
            lasts,
            ..harm.into_fault()
        }
    };
    let writes = Held::Draft;
    let open = Harm::LongTransaction(LongTransaction { writes });
    let alters = Harm::Ddl(Ddl { add: Added::Column });
    plan.faults = vec![
        fault(Some(Micros::secs(60)), 0, open),
        fault(None, 1, alters),
    ];
    plan
}

#[test]
fn it_waits_for_an_alter_table_and_for_what_that_waits_for() {
    let outcome = outcome(&behind_an_alter());
    let waited = waited(&outcome).expect("it waits");
    assert!((55_000_000..60_000_000).contains(&waited.0), "{waited}");
    let altered = at(&outcome, "has altered the table").expect("it has its lock in the end");
    assert!(altered <= at(&outcome, "is read-only now").unwrap_or_default());
    assert_eq!(outcome.verdict, Verdict::Safe);
}
