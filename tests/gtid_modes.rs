//! `gtid_mode` of source and target: what is refused where they differ, by whom, and what `check` says of it.

use cutover::{
    scenarios::{load_runbook, load_scenario},
    sim::{
        outcome::{Outcome, Verdict},
        plan::Plan,
        preconditions::{Look, Status, check},
        run::run,
        runbook::OnFailure,
    },
};

const GTID: &str = "snapshot-binlog-gtid";
const POSITION: &str = "snapshot-binlog-position";

fn plan(strategy: &str, source: bool, target: Option<bool>) -> Plan {
    let mut sets = vec![format!("source.gtid_mode={source}")];
    sets.extend(target.map(|target| format!("target.gtid_mode={target}")));
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(&runbook))
}

fn outcome(plan: &Plan) -> Outcome {
    run(plan, None).expect("a plan that can be run").outcome
}

fn look(plan: &Plan) -> Option<Look> {
    let found = check(plan, None);
    let found = found.into_iter().find(|f| f.check.name == "gtid-mode");
    found.map(|f| f.look)
}

/// Why it was called off.
fn why(outcome: &Outcome) -> &str {
    let lines = outcome.story.iter().map(|line| line.what.as_str());
    let mut why = lines.filter_map(|what| what.strip_prefix("cannot go on: "));
    why.next().unwrap_or_default()
}

#[test]
fn the_target_has_the_mode_of_the_source_unless_something_else_is_said() {
    for (strategy, gtids) in [(GTID, true), (POSITION, true), (POSITION, false)] {
        let silent = outcome(&plan(strategy, gtids, None));
        assert_eq!(silent.verdict, Verdict::Safe, "{strategy}, {gtids}");
        let said = outcome(&plan(strategy, gtids, Some(gtids)));
        assert_eq!(said.fingerprint, silent.fingerprint);
        assert_eq!(said.verdict, Verdict::Safe);
    }
}

#[test]
fn auto_position_is_not_to_be_configured_on_a_target_without_gtids() {
    for source in [false, true] {
        let plan = plan(GTID, source, Some(false));
        let outcome = outcome(&plan);
        assert_eq!(outcome.verdict, Verdict::Aborted);
        assert!(why(&outcome).contains("error 1777"), "{}", why(&outcome));
        let look = look(&plan).expect("it is asked");
        assert_eq!((look.status, look.certain), (Status::Fail, true));
        assert!(look.reason.contains("1777"), "{look:?}");
    }
}

#[test]
fn auto_position_may_fail_where_a_position_is_the_way_out() {
    let mut plan = plan(POSITION, false, None);
    let steps = &mut plan.runbook.steps;
    let at = steps
        .iter()
        .position(|step| step.set_external_source.is_some());
    let at = at.expect("it replicates");
    let mut first = steps[at].clone();
    let o = first.set_external_source.as_mut().expect("just found");
    (o.at, o.auto_position) = (None, true);
    first.on_failure = OnFailure::Continue;
    steps.insert(at, first);
    let look = look(&plan).expect("it is asked");
    assert_eq!((look.status, look.certain), (Status::Fail, false));
    assert_eq!(outcome(&plan).verdict, Verdict::Safe);
}

#[test]
fn the_way_back_needs_the_same_mode_as_well() {
    let plan = plan("dms-full-load-cdc-rollback", true, Some(false));
    let look = look(&plan).expect("the source is to replicate");
    assert_eq!(look.status, Status::Fail);
    assert!(look.reason.contains("13117"), "{look:?}");
    assert_ne!(outcome(&plan).verdict, Verdict::Safe);
}

#[test]
fn a_receiver_stops_where_one_server_has_gtids_and_the_other_none() {
    for (strategy, source) in [(POSITION, true), (POSITION, false), (GTID, false)] {
        let plan = plan(strategy, source, Some(!source));
        let outcome = outcome(&plan);
        assert_eq!(outcome.verdict, Verdict::Aborted, "{strategy}, {source}");
        assert!(why(&outcome).contains("13117"), "{}", why(&outcome));
        let look = look(&plan).expect("it is asked");
        assert_eq!(look.status, Status::Fail);
        assert!(look.reason.contains("13117"), "{look:?}");
    }
    assert!(
        look(&plan(POSITION, false, Some(false))).is_none(),
        "nothing asks for GTIDs"
    );
}
