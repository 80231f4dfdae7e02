//! A row that is written on the source behind the fence and waited for on the target: a gate for a DMS task and for a
//! replica; and a fence that leaves the operator in.

use cutover::{
    scenarios::{load_runbook, load_scenario, parse_runbook},
    sim::{
        outcome::{Finding, Outcome, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::run,
        runbook::{Host, Op, Role, Runbook, Step, Until},
        units::Micros,
    },
};

const SENTINEL: &str = "dms-full-load-cdc-sentinel";
/// The stream stalls when the clients are kept out, for longer than the rest of the migration takes.
const STALL: &str = r#"fault=[{on={event="fence-asked"},lasts="60s",stall={link="replication"}}]"#;

fn plan(runbook: &Runbook, seed: u64, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(seed, Some(runbook))
}

fn outcome(runbook: &Runbook, seed: u64, sets: &[&str]) -> Outcome {
    let run = run(&plan(runbook, seed, sets), None);
    run.expect("a plan that can be run").outcome
}

fn violates(outcome: &Outcome, id: &str) -> bool {
    let of_id = outcome.properties.iter().find(|p| p.id == id);
    of_id.is_some_and(|p| matches!(p.finding, Finding::Violated { .. }))
}

fn told(outcome: &Outcome, words: &str) -> bool {
    outcome.story.iter().any(|line| line.what.contains(words))
}

/// What `cutover check` says of something.
fn checked(name: &str, runbook: &Runbook) -> (Status, String) {
    let mut findings = check(&plan(runbook, 1, &[]), None).into_iter();
    let finding = findings.find(|f| f.check.name == name);
    let look = finding.unwrap_or_else(|| panic!("{name}")).look;
    (look.status, look.reason)
}

fn place(runbook: &Runbook, is: impl Fn(&Op<'_>) -> bool) -> usize {
    let found = runbook
        .steps
        .iter()
        .position(|s| s.op().is_ok_and(|op| is(&op)));
    found.expect("the step")
}

fn writes_sentinel(op: &Op<'_>) -> bool {
    matches!(op, Op::RunSql(o) if o.sql.contains("said = 'fenced'"))
}

/// The steps of the page on runbooks, as they stand there.
fn steps_of_the_page() -> Vec<Step> {
    let page = include_str!("../docs/runbooks.md");
    let (_, section) = page.split_once("## A sentinel").expect("the section");
    let (_, rest) = section.split_once("```toml\n").expect("its example");
    let (steps, _) = rest.split_once("```").expect("its end");
    // There must be a target for them.
    let head = "schema = \"1.0\"\nname = \"page\"\nabout = \"x\"\n[[step]]\nsay = \"x\"\ncreate_cluster = {}\n";
    let runbook = parse_runbook("page", &format!("{head}{steps}"));
    runbook.unwrap_or_else(|error| panic!("{error}")).steps[1..].to_vec()
}

/// Native replication with the page's fence and gate instead of its own.
fn replicated() -> Runbook {
    let mut runbook = load_runbook("snapshot-binlog-gtid").expect("a built-in runbook");
    let dms = load_runbook(SENTINEL).expect("a built-in runbook");
    let fence = place(
        &runbook,
        |op| matches!(op, Op::SetReadOnly(o) if o.on == Host::Source),
    );
    let gate = runbook
        .steps
        .iter()
        .position(|s| s.role == Some(Role::Gate));
    runbook
        .steps
        .splice(fence..=gate.expect("a gate"), steps_of_the_page());
    let made = dms.steps.iter().filter(|s| {
        let sql = s.run_sql.as_ref().map_or("", |o| &o.sql);
        sql.starts_with("CREATE") || sql.starts_with("INSERT")
    });
    runbook.steps.splice(0..0, made.cloned());
    let admits = dms.abort.iter().filter(|s| s.admit_clients.is_some());
    runbook.abort = admits.cloned().collect();
    runbook
}

#[test]
fn a_sentinel_waits_for_everything_before_it_with_dms_and_with_a_replica() {
    let dms = load_runbook(SENTINEL).expect("a built-in runbook");
    for (name, runbook) in [("dms", dms), ("replica", replicated())] {
        assert_eq!(checked("gate", &runbook).0, Status::Pass, "{name}");
        for seed in 1..=3 {
            let outcome = outcome(&runbook, seed, &[STALL]);
            let properties = &outcome.properties;
            assert_eq!(
                outcome.verdict,
                Verdict::Safe,
                "{name} {seed}: {properties:?}"
            );
            assert!(
                told(&outcome, "it holds, after"),
                "{name} {seed}: it waited"
            );
        }
    }
}

#[test]
fn a_row_that_is_there_from_before_is_no_sentinel() {
    for mut runbook in [
        load_runbook(SENTINEL).expect("a built-in runbook"),
        replicated(),
    ] {
        for step in &mut runbook.steps {
            let wait = step.wait.as_mut().and_then(|wait| wait.until.row.as_mut());
            if let Some(query) = wait {
                query.sql = query.sql.replace("'fenced'", "'loaded'");
            }
        }
        // Validation would wait for what the gate has let through.
        runbook.steps.retain(|s| {
            let dms = s.wait.as_ref().and_then(|w| w.until.dms.as_ref());
            dms.is_none_or(|dms| dms.validated.is_none())
        });
        let (status, reason) = checked("gate", &runbook);
        assert_eq!(status, Status::Fail);
        assert!(reason.contains("before the fence"), "{reason}");
        // While the call is under way that is to keep the clients out.
        let closes = 1 + place(&runbook, |op| matches!(op, Op::AdmitClients(_)));
        let stall = format!(
            "fault=[{{on={{event=\"step-begins\",nth={closes}}},lasts=\"90s\",stall={{link=\"replication\"}}}}]"
        );
        let outcome = outcome(&runbook, 1, &[&stall]);
        assert!(violates(&outcome, "P10"), "{:?}", outcome.properties);
    }
}

#[test]
fn read_only_keeps_the_sentinel_out_as_well() {
    let mut runbook = load_runbook(SENTINEL).expect("a built-in runbook");
    let sentinel = place(&runbook, writes_sentinel);
    let step = runbook.steps.remove(sentinel);
    let until = |op: &Op<'_>| matches!(op, Op::Wait(o) if o.until.kind() == Ok(Until::ReadOnly(Host::Source)));
    let read_only = place(&runbook, until);
    runbook.steps.insert(read_only + 1, step);
    let (status, reason) = checked("gate", &runbook);
    assert_eq!(status, Status::Fail);
    assert!(reason.contains("1290"), "{reason}");
    let outcome = outcome(&runbook, 1, &[]);
    assert_eq!(
        outcome.verdict,
        Verdict::Aborted,
        "{:?}",
        outcome.properties
    );
    assert!(told(&outcome, "error 1290"));
}

#[test]
fn a_sentinel_before_its_fence_or_of_another_task_is_told_without_a_run() {
    for (runbook, words) in [
        ("sentinel-before-the-fence", "before the fence"),
        (
            "sentinel-of-another-task",
            "the DMS task orders carries no table",
        ),
    ] {
        let path = format!("scenarios/hazards/{runbook}.runbook.toml");
        let (status, reason) = checked("gate", &load_runbook(&path).expect("a runbook"));
        assert_eq!(status, Status::Fail, "{runbook}");
        assert!(reason.contains(words), "{reason}");
    }
    let both = load_runbook("scenarios/hazards/sentinel-of-another-task.remedy.runbook.toml");
    assert_eq!(checked("gate", &both.expect("a runbook")).0, Status::Pass);
}

#[test]
fn a_security_group_keeps_out_who_comes_and_not_who_is_there() {
    let mut runbook = load_runbook(SENTINEL).expect("a built-in runbook");
    assert_eq!(checked("fence-effective", &runbook).0, Status::Pass);
    runbook.steps.retain(|s| s.kill_connections.is_none());
    let (status, reason) = checked("fence-effective", &runbook);
    assert_eq!(status, Status::Fail, "{reason}");
    let outcome = outcome(&runbook, 1, &["source.parameter_delay=10s"]);
    assert!(violates(&outcome, "P8"), "{:?}", outcome.properties);
}

#[test]
fn a_gate_that_never_opens_gives_the_source_back_to_clients_that_were_kept_out() {
    let mut runbook = load_runbook(SENTINEL).expect("a built-in runbook");
    let sentinel = place(&runbook, writes_sentinel);
    runbook.steps.remove(sentinel);
    for step in runbook
        .steps
        .iter_mut()
        .filter(|s| s.role == Some(Role::Gate))
    {
        step.timeout = Some(Micros::secs(10));
    }
    let given_back = outcome(&runbook, 1, &[]);
    assert_eq!(
        given_back.verdict,
        Verdict::Aborted,
        "{:?}",
        given_back.properties
    );
    runbook.abort.retain(|s| s.admit_clients.is_none());
    assert_eq!(checked("way-back", &runbook).0, Status::Fail);
    let kept = outcome(&runbook, 1, &[]);
    assert!(violates(&kept, "P18"), "{:?}", kept.properties);
}
