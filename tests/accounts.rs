//! The application's account: who has it, and with which password.

use cutover::{
    model::binlog::{decode::Query, event::EventType, group::Groups},
    scenarios::{load_runbook, load_scenario},
    sim::{
        faults::{Class, Fault, Harm, Occasion, On, PasswordChanged, class},
        outcome::{Outcome, Verdict},
        plan::Plan,
        preconditions::{Status, check},
        run::{Run, run},
        runbook::{Host, Nothing, Step},
        units::Micros,
    },
};

const GTID: &str = "snapshot-binlog-gtid";
const DMS: &str = "dms-full-load-cdc";
const AURORA_2: [&str; 2] = [
    "source.engine_version=5.7.44",
    "target.engine_version=5.7.mysql_aurora.2.11.3",
];

fn plan(strategy: &str, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(&runbook))
}

fn rehearse(plan: &Plan) -> Run {
    run(plan, None).expect("a plan that can be run")
}

/// The password is changed so long after the first such occasion.
fn changed(plan: &mut Plan, event: Occasion, after: Micros) {
    let on = On {
        event,
        nth: 1,
        after,
    };
    plan.faults.push(Fault {
        on: Some(on),
        ..Harm::PasswordChanged(PasswordChanged {}).into_fault()
    });
}

/// Where a step of the runbook is, from 0 on.
fn place(plan: &Plan, is: impl Fn(&Step) -> bool) -> usize {
    plan.runbook.steps.iter().position(is).expect("a step")
}

fn copy_before(plan: &mut Plan, number: usize) {
    let copy = Step {
        say: "Copy the accounts".into(),
        copy_users: Some(Nothing {}),
        ..Step::default()
    };
    plan.runbook.steps.insert(number, copy);
}

fn repoints(step: &Step) -> bool {
    step.repoint.is_some_and(|o| o.to == Host::Target)
}

fn without_copies(plan: &mut Plan) {
    plan.runbook.steps.retain(|step| step.copy_users.is_none());
}

/// Lines of the story.
fn told(outcome: &Outcome, what: &str) -> usize {
    let lines = outcome.story.iter();
    lines.filter(|line| line.what.contains(what)).count()
}

/// What the check says, and whether that is certain; what it is certain of comes true.
fn says(plan: &Plan) -> (Status, bool) {
    let found = check(plan, None).into_iter();
    let mut looks = found.filter(|f| f.check.name == "accounts").map(|f| f.look);
    let look = looks.next().expect("it is asked");
    if look.certain {
        assert_ne!(rehearse(plan).outcome.verdict, Verdict::Safe, "{look:?}");
    }
    (look.status, look.certain)
}

fn is_contract(plan: &Plan) -> bool {
    class(&plan.faults[0], plan) == Some(Class::Contract)
}

/// The statements about passwords in the source's binlog, and in which schema they were typed.
fn statements(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    for (name, bytes) in run.binlog_files() {
        for group in Groups::of_file(&bytes).unwrap_or_else(|error| panic!("{name}: {error}")) {
            let group = group.expect("whole");
            let queries = group
                .events()
                .filter(|frame| frame.header.event_type == EventType::QUERY);
            let texts = queries.map(|frame| {
                let query = Query::decode(frame.body).expect("a statement");
                String::from_utf8_lossy(query.sql).into_owned()
            });
            found.extend(texts.filter(|sql| sql.contains("'app'@'%'")));
        }
    }
    found
}

#[test]
fn a_password_that_is_changed_while_the_target_follows_is_not_known_there() {
    let mut plan = plan(GTID, &["workload.after_cutover=6m"]);
    assert_eq!(says(&plan), (Status::Warn, false));
    changed(&mut plan, Occasion::Restored, Micros::secs(2));
    assert_eq!(says(&plan), (Status::Fail, false));
    assert!(!is_contract(&plan));
    let run = rehearse(&plan);
    let outcome = &run.outcome;
    assert_eq!(outcome.verdict, Verdict::Violated);
    assert_eq!(told(outcome, "1045"), 1, "once, and on the target");
    assert_eq!(outcome.lost_writes, 0);
    assert_eq!(statements(&run).len(), 1, "with a GTID like any other");
    // Nothing that a gate looks at tells it.
    let held = outcome
        .properties
        .iter()
        .filter(|p| ["P6", "P10", "P12", "P13"].contains(&p.id));
    for property in held {
        assert_eq!(
            property.finding,
            cutover::sim::outcome::Finding::Holds,
            "{}",
            property.id
        );
    }
}

#[test]
fn accounts_that_are_copied_behind_the_fence_are_right_and_earlier_ones_may_not_be() {
    for (behind, verdict) in [(true, Verdict::Safe), (false, Verdict::Violated)] {
        let mut plan = plan(GTID, &["workload.after_cutover=6m"]);
        changed(&mut plan, Occasion::ReplicationStarts, Micros::secs(2));
        let number = match behind {
            true => place(&plan, repoints),
            false => place(&plan, |step| step.start_replication.is_some()),
        };
        copy_before(&mut plan, number);
        let status = if behind { Status::Pass } else { Status::Fail };
        assert_eq!(says(&plan), (status, false));
        assert_eq!(is_contract(&plan), behind);
        assert_eq!(rehearse(&plan).outcome.verdict, verdict);
    }
}

#[test]
fn behind_the_fence_the_source_refuses_another_password() {
    for strategy in [GTID, "snapshot-freeze"] {
        let mut plan = plan(strategy, &["workload.after_cutover=6m"]);
        changed(&mut plan, Occasion::FencePassed, Micros::ZERO);
        let run = rehearse(&plan);
        assert_eq!(run.outcome.verdict, Verdict::Safe, "{strategy}");
        assert_eq!(told(&run.outcome, "which stays"), 1, "{strategy}");
        assert_eq!(statements(&run).len(), 0, "{strategy}");
    }
}

#[test]
fn a_snapshot_brings_the_accounts_as_they_are_when_it_is_cut() {
    let mut plan = plan("snapshot-freeze", &["workload.after_cutover=30s"]);
    assert_eq!(says(&plan), (Status::Pass, false));
    changed(&mut plan, Occasion::FenceAsked, Micros::ZERO);
    assert!(is_contract(&plan));
    let run = rehearse(&plan);
    assert_eq!(run.outcome.verdict, Verdict::Safe);
    assert_eq!(statements(&run).len(), 1);
    assert_eq!(told(&run.outcome, "1045"), 0);
}

#[test]
fn aurora_2_and_an_rds_read_replica_apply_what_is_replicated_to_them() {
    let mut plan = plan(
        GTID,
        &[&AURORA_2[..], &["workload.after_cutover=6m"]].concat(),
    );
    assert_eq!(says(&plan), (Status::Pass, false));
    changed(&mut plan, Occasion::Restored, Micros::secs(2));
    assert!(is_contract(&plan));
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Safe);

    let mut plan = self::plan("replica-binlog-position", &["workload.after_cutover=30s"]);
    let replica = place(&plan, |step| step.create_read_replica.is_some());
    let on = On {
        event: Occasion::StepEnds,
        nth: replica as u32 + 1,
        after: Micros::secs(1),
    };
    plan.faults.push(Fault {
        on: Some(on),
        ..Harm::PasswordChanged(PasswordChanged {}).into_fault()
    });
    let run = rehearse(&plan);
    assert_eq!(statements(&run).len(), 1);
    assert_eq!(
        run.outcome.verdict,
        Verdict::Safe,
        "the snapshot is the replica's"
    );
}

#[test]
fn who_is_connected_goes_on_and_who_connects_anew_has_the_new_password() {
    let sets = ["clients.max_lifetime=20s", "workload.after_cutover=30s"];
    let mut plan = plan(GTID, &sets);
    let before = rehearse(&plan).outcome.commits;
    changed(&mut plan, Occasion::SnapshotCut, Micros::secs(1));
    let restored = place(&plan, |step| step.restore_snapshot.is_some());
    plan.runbook.steps.truncate(restored + 1);
    let outcome = rehearse(&plan).outcome;
    assert_eq!(outcome.verdict, Verdict::Aborted, "nothing is cut over");
    assert_eq!(told(&outcome, "1045"), 0);
    assert!(outcome.commits.ok > 500 && before.ok > 500);
    assert_eq!(outcome.commits.fail, 0);
}

#[test]
fn a_cluster_that_is_created_empty_lets_nobody_in() {
    let mut plan = plan(DMS, &[]);
    assert_eq!(says(&plan), (Status::Pass, false));
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Safe);
    without_copies(&mut plan);
    assert_eq!(says(&plan), (Status::Fail, false));
    let outcome = rehearse(&plan).outcome;
    assert_eq!(
        outcome.verdict,
        Verdict::NotLive,
        "though the run ends within what is promised"
    );
    let why = outcome
        .notes
        .iter()
        .any(|note| note.contains("has no account for it"));
    assert!(why, "{:?}", outcome.notes);
    plan.workload.after_cutover = Micros::secs(660);
    assert_eq!(says(&plan), (Status::Fail, true));
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Violated);
    // Too late is not never.
    let number = place(&plan, repoints);
    copy_before(&mut plan, number + 1);
    assert_eq!(says(&plan), (Status::Fail, false));
    assert_eq!(rehearse(&plan).outcome.verdict, Verdict::Safe);
}

#[test]
fn the_way_back_carries_a_new_password_by_the_binlog() {
    let after_cutover = |strategy: &str| {
        let mut plan = plan(strategy, &["workload.after_cutover=30s"]);
        changed(&mut plan, Occasion::FirstWriteOnTarget, Micros::secs(2));
        let outcome = rehearse(&plan).outcome;
        assert_eq!(told(&outcome, "has another password"), 1, "{strategy}");
        (outcome.verdict, told(&outcome, "1045"), is_contract(&plan))
    };
    // A hazard while the target is filled from a snapshot, whenever it fires.
    let rollback = after_cutover("snapshot-binlog-gtid-rollback");
    assert_eq!(rollback, (Verdict::Safe, 0, false));
    let filled_by_dms = after_cutover("dms-full-load-cdc-rollback");
    assert_eq!(filled_by_dms, (Verdict::Safe, 0, true));
    let (_, refused, is_contract) = after_cutover("naive-rollback-without-replication");
    assert_eq!((refused, is_contract), (1, false), "nothing goes back");
}

#[test]
fn a_crash_of_the_server_delays_it() {
    let mut plan = plan(GTID, &["workload.after_cutover=30s"]);
    let number = place(&plan, repoints);
    copy_before(&mut plan, number);
    changed(&mut plan, Occasion::Restored, Micros::secs(1));
    let crash = cutover::sim::faults::SourceCrash {};
    plan.faults.push(Fault {
        on: plan.faults[0].on,
        lasts: Some(Micros::secs(8)),
        ..Harm::SourceCrash(crash).into_fault()
    });
    for crash_first in [false, true] {
        if crash_first {
            plan.faults.reverse();
        }
        let run = rehearse(&plan);
        assert_eq!(run.outcome.verdict, Verdict::Safe, "{crash_first}");
        assert_eq!(
            told(&run.outcome, "has another password"),
            1,
            "{crash_first}"
        );
        assert!(!statements(&run).is_empty());
    }
}

#[test]
fn the_statement_is_that_of_the_version() {
    let of = |version: &str, aurora: &str| {
        let sets = [
            format!("source.engine_version={version}"),
            format!("target.engine_version={aurora}"),
        ];
        let mut plan = plan("snapshot-freeze", &sets.each_ref().map(|set| set.as_str()));
        changed(&mut plan, Occasion::StepBegins, Micros::ZERO);
        statements(&rehearse(&plan)).pop().expect("one")
    };
    let v5_6 = of("5.6.24", "5.7.mysql_aurora.2.11.3");
    assert!(
        v5_6.starts_with("SET PASSWORD FOR 'app'@'%'='*") && v5_6.len() == 70,
        "{v5_6}"
    );
    let v8_0 = of("8.0.36", "8.0.mysql_aurora.3.08.0");
    let alters = "ALTER USER 'app'@'%' IDENTIFIED WITH";
    assert!(
        v8_0.starts_with(&format!("{alters} 'mysql_native_password' AS '*")),
        "{v8_0}"
    );
    let v8_4 = of("8.4.3", "8.0.mysql_aurora.3.08.0");
    assert!(
        v8_4.starts_with(&format!("{alters} 'caching_sha2_password' AS '$A$005$")),
        "{v8_4}"
    );
}
