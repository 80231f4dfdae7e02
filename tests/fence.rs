//! What `SET GLOBAL read_only` waits for, and who waits behind it.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        faults::{Added, Ddl, Fault, Harm, Held, LongTransaction, Occasion, On, SourceCrash},
        outcome::{Finding, Outcome, Verdict},
        plan::Plan,
        probes::Probe,
        run::run,
        runbook::{Host, RunSql},
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

/// What fires so many seconds after the fence is asked for.
fn behind_the_fence(lasts: Option<u64>, after: u64, harm: Harm) -> Fault {
    let on = On {
        event: Occasion::FenceAsked,
        nth: 1,
        after: Micros::secs(after),
    };
    Fault {
        on: Some(on),
        lasts: lasts.map(Micros::secs),
        ..harm.into_fault()
    }
}

fn open(writes: Held) -> Harm {
    Harm::LongTransaction(LongTransaction { writes })
}

fn alters(add: Added) -> Harm {
    Harm::Ddl(Ddl { add })
}

#[test]
fn it_waits_until_who_waits_for_a_row_has_timed_out() {
    for timeout in ["20s", "50s"] {
        let set = format!("source.lock_wait_timeout={timeout}");
        let plan = plan(HAZARD, Some("snapshot-binlog-gtid"), &[&set]);
        let outcome = outcome(&plan);
        let waited = waited(&outcome).expect("it waits");
        let timeout = plan.environment.source.lock_wait_timeout;
        // Who waits longest began after the row was locked, at most the parameter's three seconds before the SET.
        let least = timeout.0 - 3_500_000;
        assert!(
            (least..=timeout.0).contains(&waited.0),
            "{waited} of {timeout}"
        );
        assert!(reached(&outcome));
        assert_eq!(outcome.verdict, Verdict::Safe);
    }
}

#[test]
fn a_transaction_whose_rows_nobody_wants_is_not_waited_for() {
    let mut plan = plan("orders-small", Some("snapshot-binlog-gtid"), &[]);
    plan.faults = vec![behind_the_fence(Some(60), 0, open(Held::Draft))];
    let outcome = outcome(&plan);
    assert!(!reached(&outcome));
    let asked = at(&outcome, "Stop writes on the source").expect("it is asked for");
    let stands = at(&outcome, "is read-only now").expect("it comes");
    assert!(
        stands - asked < 5_000_000,
        "as soon as the parameter is there"
    );
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

#[test]
fn it_waits_for_an_alter_table_and_for_what_that_waits_for() {
    let mut plan = plan("orders-small", Some("snapshot-binlog-gtid"), &[]);
    plan.faults = vec![
        behind_the_fence(Some(60), 0, open(Held::Draft)),
        behind_the_fence(None, 1, alters(Added::Column)),
    ];
    let outcome = outcome(&plan);
    let waited = waited(&outcome).expect("it waits");
    assert!((55_000_000..60_000_000).contains(&waited.0), "{waited}");
    let altered = at(&outcome, "has altered the table").expect("it has its lock in the end");
    assert!(altered <= at(&outcome, "is read-only now").unwrap_or_default());
    assert_eq!(outcome.verdict, Verdict::Safe);
}

#[test]
fn an_alter_table_that_comes_behind_the_set_holds_nobody_up() {
    for seed in 1..=8 {
        let scenario = load_scenario(HAZARD, &[]).unwrap_or_else(|error| panic!("{error}"));
        let runbook = load_runbook("snapshot-binlog-gtid").unwrap_or_else(|e| panic!("{e}"));
        let mut plan = scenario.plan(seed, Some(&runbook));
        plan.faults[0].lasts = Some(Micros::secs(20));
        plan.faults
            .push(behind_the_fence(None, 6, alters(Added::Column)));
        let outcome = outcome(&plan);
        let waited = waited(&outcome).expect("it waits, and not for ever");
        // The row's owner commits then, and one behind it may still wait for another.
        assert!(waited.0 < 51_000_000, "seed {seed}: {waited}");
        let refused = at(&outcome, "refuses ALTER TABLE orders ADD COLUMN");
        assert!(refused >= at(&outcome, "is read-only now"), "seed {seed}");
        assert_eq!(outcome.verdict, Verdict::Safe, "seed {seed}");
    }
}

#[test]
fn an_alter_table_that_waited_behind_a_set_begins_when_that_is_withdrawn() {
    let mut plan = plan("orders-small", Some("snapshot-binlog-gtid"), &[]);
    let remedy = load_runbook("scenarios/hazards/fence-behind-a-row-lock.remedy.runbook.toml");
    let remedy = remedy.unwrap_or_else(|e| panic!("{e}"));
    let pause = remedy.steps.iter().find(|s| s.pause.is_some()).cloned();
    let pause = pause.expect("it has one");
    let steps = &mut plan.runbook.steps;
    let fence = steps.iter().position(|s| s.set_read_only.is_some());
    let fence = fence.expect("it fences");
    let mut lifts = steps[fence].clone();
    if let Some(o) = &mut lifts.set_read_only {
        o.value = false;
    }
    let again = [steps[fence].clone(), pause.clone(), lifts, pause];
    steps.splice(fence..fence, again);
    plan.faults = vec![
        behind_the_fence(Some(60), 0, open(Held::Draft)),
        behind_the_fence(None, 1, alters(Added::Index)),
        behind_the_fence(None, 4, alters(Added::Column)),
    ];
    let outcome = outcome(&plan);
    let waits = outcome.story.iter().map(|l| l.what.as_str());
    let waits: Vec<&str> = waits.filter_map(|w| w.strip_prefix(WAITS)).collect();
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert!(waits[0].starts_with(" a statement"), "{waits:?}");
    assert!(waits[1].starts_with(" 2 statements"), "{waits:?}");
    let altered = outcome.story.iter();
    let altered = altered.filter(|l| l.what == "has altered the table");
    assert_eq!(altered.count(), 2);
    assert_eq!(outcome.verdict, Verdict::Safe);
}

#[test]
fn what_an_operator_types_waits_for_a_row_no_longer_than_the_servers_timeout() {
    let sets = [
        "source.lock_wait_timeout=5s",
        "workload.clients=2",
        "workload.rate_per_s=1",
    ];
    let mut plan = plan(HAZARD, Some("snapshot-binlog-gtid"), &sets);
    let steps = &mut plan.runbook.steps;
    let fence = steps.iter().position(|s| s.set_read_only.is_some());
    let fence = fence.expect("it fences");
    let mut types = steps[fence].clone();
    types.set_read_only = None;
    types.say = "Touch a customer".into();
    steps.insert(fence, types);
    let begins = On {
        event: Occasion::StepBegins,
        nth: fence as u32,
        after: Micros::ZERO,
    };
    plan.faults[0].on = Some(begins);
    // One of the shop's customers is the one whose row is kept locked for two minutes.
    let waits = (1..=50).filter(|customer| {
        plan.runbook.steps[fence].run_sql = Some(RunSql {
            on: Host::Source,
            sql: format!("UPDATE customers SET version = version + 1 WHERE id = {customer}"),
        });
        let outcome = outcome(&plan);
        let typed = at(&outcome, "Touch a customer").expect("it is typed");
        let mut behind = outcome.story.iter().filter(|l| l.at.0 >= typed);
        let answer = behind.find(|l| l.what.contains("error 1205") || l.what == "1 row affected");
        let answer = answer.expect("it is answered");
        let took = Micros(answer.at.0 - typed);
        assert!(took < Micros(5_500_000), "customer {customer}: {took}");
        answer.what.contains("error 1205")
    });
    assert_eq!(waits.count(), 1);
}

#[test]
fn a_crash_ends_the_set_and_what_it_waits_for() {
    let mut plan = plan("orders-small", Some("snapshot-binlog-gtid"), &[]);
    plan.faults = vec![
        behind_the_fence(Some(300), 0, open(Held::Draft)),
        behind_the_fence(None, 1, alters(Added::Column)),
        behind_the_fence(Some(20), 10, Harm::SourceCrash(SourceCrash {})),
    ];
    let outcome = outcome(&plan);
    let waits = at(&outcome, WAITS).expect("it waits");
    let stands = at(&outcome, "is read-only now").expect("the parameter group says so");
    assert!(stands - waits < 60_000_000, "{}", Micros(stands - waits));
    assert_eq!(outcome.verdict, Verdict::Safe);
}
