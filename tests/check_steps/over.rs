//! The way over: fence, gate, and a server that takes the application's writes.

use crate::changes::*;
use cutover::{
    scenarios::load_runbook,
    sim::{
        outcome::Verdict,
        preconditions::{Status, check},
        runbook::{
            AdmitClients, Condition, CoordinatesFrom, Host, Nothing, OnFailure, Query, Repoint,
            Role, Runbook, Step,
        },
        units::Micros,
    },
};
use std::process::Command;

#[test]
fn a_fence_that_is_lifted_before_the_name_moves_is_none() {
    let before = |steps: &mut Vec<Step>, is: &dyn Fn(&Step) -> bool, pause: u64| {
        let at = place(steps, is);
        steps.splice(at..at, [lifts_read_only(Host::Source), pauses(pause)]);
    };
    let note = notes("fence");
    for (is, minutes) in [
        (&repoints(Host::Target) as &dyn Fn(&Step) -> bool, 2),
        (&|step: &Step| step.stop_replication.is_some(), 1),
        (&note, 1),
    ] {
        let runbook = changed(GTID, |steps| before(steps, is, minutes));
        for name in ["fence", "source-stays-fenced"] {
            says(
                &runbook,
                &[],
                name,
                Status::Fail,
                "lets writes into the source again",
            );
        }
        fails(&runbook, "gate", "no fence stands");
        let lost = outcome(&plan(&runbook, 1, &[])).lost_writes;
        assert!(lost > 100, "{lost}");
    }
    // While nothing carries them any more.
    let late = changed(GTID, |steps| before(steps, &repoints(Host::Target), 2));
    surely_fails(&late, &[], "fence", "lets writes in");
    let again = changed(GTID, |steps| {
        let asks = steps[place(steps, sets_read_only(Host::Source, true))].clone();
        let at = place(steps, sets_read_only(Host::Source, true));
        steps.splice(at..at, [asks, lifts_read_only(Host::Source)]);
    });
    passes(&again, "fence", "told to be read-only");
    passes(&again, "gate", "behind the fence");
}

#[test]
fn of_two_fences_the_one_that_is_left_counts() {
    let admits = Step {
        admit_clients: Some(AdmitClients {
            on: Host::Source,
            value: true,
        }),
        ..step("Let clients in")
    };
    let opened = |without: &dyn Fn(&Step) -> bool| {
        changed(SENTINEL, |steps| {
            steps.retain(|step| !without(step));
            let at = place(steps, repoints(Host::Target));
            steps.insert(at, admits.clone());
        })
    };
    // It is read-only by then.
    let handed_over = opened(&|_| false);
    passes(&handed_over, "gate", "written behind the fence");
    passes(&handed_over, "source-stays-fenced", "behind the cutover");
    assert_eq!(outcome(&plan(&handed_over, 1, &[])).verdict, Verdict::Safe);
    let open = opened(&|step| {
        sets_read_only(Host::Source, true)(step) || waits_read_only(Host::Source)(step)
    });
    fails(
        &open,
        "source-stays-fenced",
        "lets writes into the source again",
    );
    fails(&open, "gate", "before the fence");
}

#[test]
fn a_fence_is_one_from_the_step_on_that_waits_for_it() {
    let goes_on = changed(GTID, |steps| {
        let at = place(steps, waits_read_only(Host::Source));
        steps[at].on_failure = OnFailure::Continue;
    });
    fails(&goes_on, "fence-effective", "goes on when it fails");
    let asks = changed(GTID, |steps| {
        steps.iter_mut().for_each(|step| {
            step.role = step.role.filter(|role| *role != Role::Fence);
        });
        let at = place(steps, sets_read_only(Host::Source, true));
        steps[at].role = Some(Role::Fence);
    });
    fails(&asks, "fence-effective", "has the role of fence");
    let slow = ["source.parameter_delay=30s"];
    surely_fails(&asks, &slow, "fence-effective", "has the role of fence");
    assert!(violated(&outcome(&plan(&asks, 1, &slow))).contains(&"P8"));
}

#[test]
fn what_is_prepared_goes_through_a_fence_that_is_not_waited_for_on_the_source() {
    let elsewhere = changed(GTID, |steps| {
        let at = place(steps, waits_drained(Host::Source));
        let wait = steps[at].wait.as_mut().expect("a wait");
        wait.until.no_open_transactions = Some(Host::Target);
    });
    let without = changed(GTID, |steps| {
        let at = place(steps, waits_drained(Host::Source));
        steps.remove(at);
    });
    passes(
        &load_runbook(GTID).unwrap(),
        "fence-effective",
        "nothing is open",
    );
    for (runbook, words) in [
        (elsewhere, "another server"),
        (without, "no step waits until"),
    ] {
        says(&runbook, &[], "fence-effective", Status::Warn, words);
        says(&runbook, &[XA], "fence-effective", Status::Fail, words);
    }
}

#[test]
fn a_gate_waits_on_the_target_for_what_the_source_had_and_stops_when_it_fails() {
    let gated = |change: &dyn Fn(&mut Step)| {
        changed(GTID, |steps| {
            let at = place(steps, is_gate);
            change(&mut steps[at]);
        })
    };
    let until = |until: Condition| {
        gated(&move |step| step.wait.as_mut().expect("a wait").until = until.clone())
    };
    let own = changed(GTID, |steps| {
        let at = place(steps, notes("fence"));
        let noted = steps[at].read_coordinates.as_mut().expect("a note");
        noted.from = CoordinatesFrom::TargetGtidExecuted;
    });
    fails(&own, "gate", "the target has itself");
    assert!(violated(&outcome(&plan(&own, 1, &[STALL]))).contains(&"P1"));
    let goes_on = gated(&|step| {
        step.on_failure = OnFailure::Continue;
        step.timeout = Some(Micros::secs(1));
    });
    fails(&goes_on, "gate", "goes on when it fails");
    assert!(violated(&outcome(&plan(&goes_on, 1, &[STALL]))).contains(&"P1"));
    let unchanged = until(Condition {
        source_unchanged_since: Some("fence".into()),
        ..Condition::default()
    });
    fails(&unchanged, "gate", "the source alone");
    let runs = until(Condition {
        replication_running: Some(Nothing {}),
        ..Condition::default()
    });
    fails(&runs, "gate", "how far it is");
    let lag = until(Condition {
        seconds_behind_source: Some(0),
        ..Condition::default()
    });
    fails(&lag, "gate", "looks at the lag");
    let elsewhere = gated(&|step| step.wait.as_mut().expect("a wait").on = Host::Source);
    fails(&elsewhere, "gate", "not at the target");
}

#[test]
fn a_dms_task_is_waited_for_by_its_checkpoint() {
    const DMS: &str = "dms-full-load-cdc";
    passes(&load_runbook(DMS).unwrap(), "gate", "behind the fence");
    let latency = "scenarios/hazards/dms-latency-gate.runbook.toml";
    fails(&load_runbook(latency).unwrap(), "gate", "latency");
    let none = changed(DMS, |steps| steps.retain(|step| !is_gate(step)));
    fails(&none, "gate", "no step has the role of gate");
    let early = changed(DMS, |steps| {
        let note = steps.remove(place(steps, notes("fence")));
        let at = place(steps, sets_read_only(Host::Source, true));
        steps.insert(at, note);
    });
    fails(&early, "gate", "before the source is fenced");
    let early = changed("dms-full-load", |steps| {
        let load = place(steps, |step| step.create_dms_task.is_some());
        let load: Vec<Step> = steps.drain(load..load + 2).collect();
        let at = place(steps, sets_read_only(Host::Source, true));
        steps.splice(at..at, load);
    });
    fails(
        &early,
        "snapshot-behind-fence",
        "before the source is fenced",
    );
}

#[test]
fn the_newest_snapshot_is_one_that_the_runbook_has_taken() {
    const FROZEN: &str = "wizard-migrate-snapshot-frozen";
    passes(
        &load_runbook(FROZEN).unwrap(),
        "snapshot-behind-fence",
        "takes no writes",
    );
    let none = changed(FROZEN, |steps| {
        steps.retain(|step| step.create_snapshot.is_none())
    });
    fails(&none, "snapshot-behind-fence", "an automated one");
    assert!(violated(&outcome(&plan(&none, 1, &[]))).contains(&"P1"));
}

#[test]
fn what_the_tables_are_made_without_is_added() {
    passes(
        &load_runbook("dms-full-load").unwrap(),
        "constraints",
        "is added",
    );
    let never = changed("dms-full-load", |steps| {
        steps.retain(|step| step.add_constraints.is_none())
    });
    fails(&never, "constraints", "leaves foreign keys");
    assert!(violated(&outcome(&plan(&never, 1, &[]))).contains(&"P12"));
}

#[test]
fn the_application_arrives_at_a_server_that_takes_its_writes() {
    passes(
        &load_runbook(CLOSED).unwrap(),
        "takes-writes",
        "open to the application",
    );
    let shut = changed(CLOSED, |steps| {
        steps.retain(|step| !sets_read_only(Host::Target, false)(step));
    });
    fails(&shut, "takes-writes", "closes the target");
    let patient = ["workload.after_cutover=10m"];
    surely_fails(&shut, &patient, "takes-writes", "closes the target");
    let stays = changed(GTID, |steps| {
        let at = place(steps, repoints(Host::Target));
        steps[at].repoint = Some(Repoint {
            to: Host::Source,
            restart_clients: false,
            share: None,
        });
    });
    surely_fails(&stays, &[], "takes-writes", "no step points");
    let shut = changed(BACK, |steps| {
        let lifts = sets_read_only(Host::Source, false);
        steps.retain(|step| !lifts(step) && until(step).is_none_or(|u| u.writable.is_none()));
    });
    fails(&shut, "takes-writes", "fences the source");
}

#[test]
fn a_step_that_fails_behind_the_cutover_leaves_one_server_to_the_application() {
    let smoke_test = || {
        waits(Condition {
            row: Some(Query {
                on: Host::Target,
                sql: "SELECT 1 FROM orders WHERE id = 999999999".into(),
            }),
            ..Condition::default()
        })
    };
    let behind = |on_failure| {
        changed(GTID, |steps| {
            steps.push(Step {
                on_failure,
                ..smoke_test()
            });
        })
    };
    let aborts = behind(OnFailure::Abort);
    fails(&aborts, "failure-behind-cutover", "without [[stay]]");
    assert!(violated(&outcome(&plan(&aborts, 1, &[]))).contains(&"P18"));
    let goes_on = behind(OnFailure::Continue);
    passes(&goes_on, "failure-behind-cutover", "no step");
    assert_eq!(outcome(&plan(&goes_on, 1, &[])).verdict, Verdict::Safe);
    let mut stays = load_runbook(BACK).unwrap();
    passes(&stays, "failure-behind-cutover", "goes on taking writes");
    let at = place(&stays.steps, repoints(Host::Source));
    stays.steps[at].on_failure = OnFailure::Abort;
    fails(&stays, "failure-behind-cutover", "takes writes by then");
    stays.stay = vec![lifts_read_only(Host::Source)];
    fails(&stays, "failure-behind-cutover", "opens the target again");
    stays.stay.clear();
    fails(&stays, "failure-behind-cutover", "without [[stay]]");
}

#[test]
fn a_target_that_follows_is_closed_until_the_gate() {
    passes(
        &load_runbook(CLOSED).unwrap(),
        "target-closed",
        "begins to follow",
    );
    let early = changed(CLOSED, |steps| {
        let opens = steps.remove(place(steps, sets_read_only(Host::Target, false)));
        let at = place(steps, is_gate);
        steps.insert(at, opens);
    });
    says(
        &early,
        &[],
        "target-closed",
        Status::Warn,
        "opens the target before",
    );
    let written = changed(CLOSED, |steps| {
        let at = place(steps, |step| {
            until(step).is_some_and(|u| u.caught_up.is_some())
        });
        steps.insert(
            at,
            types(Host::Target, "CREATE TABLE smoke (id INT PRIMARY KEY)"),
        );
    });
    fails(&written, "target-closed", "before it is opened");
}

#[test]
fn nobody_waits_for_what_nothing_brings_about() {
    passes(&load_runbook(BACK).unwrap(), "waits", "brings about");
    let early = changed(GTID, |steps| {
        let at = place(steps, waits_read_only(Host::Source));
        steps.swap(at - 1, at);
    });
    surely_fails(
        &early,
        &[],
        "waits",
        "nothing has made the source read-only",
    );
    let stopped = changed(GTID, |steps| {
        let stop = steps.remove(place(steps, |step| step.stop_replication.is_some()));
        let at = place(steps, |step| {
            until(step).is_some_and(|u| u.caught_up.is_some())
        });
        steps.insert(at, stop);
    });
    says(&stopped, &[], "waits", Status::Fail, "does not replicate");
    let idle = changed("dms-full-load-cdc", |steps| {
        let resume = place(steps, |step| {
            step.dms_task
                .as_ref()
                .is_some_and(|o| o.action == cutover::sim::runbook::TaskAction::Resume)
        });
        steps.remove(resume);
    });
    says(&idle, &[], "waits", Status::Fail, "stops by itself");
    let gated = changed("dms-full-load-cdc", |steps| {
        let resumes = |step: &Step| {
            let acts = step.dms_task.as_ref();
            acts.is_some_and(|o| o.action == cutover::sim::runbook::TaskAction::Resume)
        };
        let at = place(steps, resumes);
        // The resume, and the wait until the task has caught up.
        steps.drain(at..at + 2);
    });
    surely_fails(&gated, &[], "waits", "stops before `fence` is noted");
}

#[test]
fn the_downtime_lasts_until_the_target_is_writable() {
    let lasting = changed(CLOSED, |steps| {
        for step in steps.iter_mut() {
            if let Some(o) = step.set_read_only.as_mut().filter(|o| o.on == Host::Target) {
                o.lasting = true;
            }
        }
    });
    let slow = ["source.parameter_delay=6m", "workload.after_cutover=10m"];
    let writable = "the target's being writable";
    surely_fails(&lasting, &slow, "promised-downtime", writable);
    says(
        &lasting,
        &[],
        "promised-downtime",
        Status::Pass,
        "writable it is 3s",
    );
    let gtid = load_runbook(GTID).unwrap();
    let ttl = ["names.ttl=1h"];
    for name in ["promised-downtime", "name-resolution"] {
        says(&gtid, &ttl, name, Status::Warn, "1h");
    }
}

fn cutover(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(arguments)
        .output()
        .expect("the command runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_tables_of_a_recording_are_looked_at() {
    let look = |recording: &str, strategy: &str| {
        let workload = format!("binlog:tests/captures/{recording}");
        let check = ["check", "orders-small", "--workload", &workload];
        let text = cutover(&[&check[..], &["--strategy", strategy]].concat());
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let misc = look("misc-mysql97", GTID);
    assert!(!misc.contains("every table has a primary key"), "{misc}");
    assert!(misc.contains("without a primary key"), "{misc}");
    let dms = look("misc-mysql97", "dms-full-load-cdc");
    assert!(dms.contains("FAIL dms-keys"), "{dms}");
    let recorded = plan(
        &load_runbook(GTID).unwrap(),
        1,
        &[
            "workload.kind=binlog",
            "workload.paths=[\"tests/captures/misc-mysql97\"]",
        ],
    );
    for f in check(&recorded, None) {
        if ["primary-keys", "crash-safe-engines"].contains(&f.check.name) {
            assert_eq!(f.look.status, Status::Warn, "{:?}", f.look);
        }
    }
}

#[test]
fn what_may_yet_come_is_not_called_in_vain() {
    // A wait that is tried again has more time than its timeout.
    for on_failure in [OnFailure::Insist, OnFailure::Retry] {
        let runbook = changed(GTID, |steps| {
            let at = place(steps, waits_read_only(Host::Source));
            steps[at].timeout = Some(Micros::secs(2));
            steps[at].on_failure = on_failure;
        });
        let words = "and has failed after 2s";
        let sure = says(&runbook, &[], "step-timeouts", Status::Fail, words);
        assert!(!sure, "{on_failure:?}");
    }
    // Until the parameter arrives, the source is writable.
    let runbook = changed(GTID, |steps| {
        let asked = place(steps, sets_read_only(Host::Source, true));
        let writable = Condition {
            writable: Some(Host::Source),
            ..Condition::default()
        };
        steps.insert(asked + 1, waits(writable));
    });
    passes(&runbook, "waits", "something brings about");
    assert_eq!(outcome(&plan(&runbook, 1, &[])).verdict, Verdict::Safe);
}

#[test]
fn a_target_that_is_closed_behind_the_cutover_is_closed() {
    let runbook = changed(GTID, |steps| {
        let mut closes = lifts_read_only(Host::Target);
        closes.set_read_only.as_mut().expect("its operation").value = true;
        steps.push(closes);
    });
    fails(&runbook, "takes-writes", "no step opens it again");
}

#[test]
fn a_target_that_is_not_there_when_its_step_is_over_is_missed() {
    let heedless = changed(GTID, |steps| {
        let at = place(steps, |step| step.restore_snapshot.is_some());
        steps[at].on_failure = OnFailure::Continue;
    });
    passes(&heedless, "step-timeouts", "more time than it takes");
    let hasty = changed(GTID, |steps| {
        let at = place(steps, |step| step.restore_snapshot.is_some());
        steps[at].on_failure = OnFailure::Continue;
        steps[at].timeout = Some(Micros::secs(3));
    });
    fails(&hasty, "step-timeouts", "goes on without a target");
}

#[test]
fn a_statement_is_typed_where_its_schema_is() {
    let without = |on_failure: OnFailure| {
        changed(SENTINEL, |steps| {
            let creates = |step: &Step, what: &str| {
                step.run_sql
                    .as_ref()
                    .is_some_and(|o| o.sql.starts_with(what))
            };
            steps.remove(place(steps, |step| creates(step, "CREATE DATABASE")));
            let at = place(steps, |step| creates(step, "CREATE TABLE"));
            steps[at].on_failure = on_failure;
        })
    };
    let twice = |runbook: &Runbook| {
        let words = "when it is done twice";
        says(runbook, &[], "statements", Status::Warn, words);
    };
    twice(&changed(SENTINEL, |_| {}));
    for on_failure in [OnFailure::Abort, OnFailure::Retry, OnFailure::Insist] {
        surely_fails(&without(on_failure), &[], "statements", "1049");
    }
    // What may fail need not be possible.
    twice(&without(OnFailure::Continue));
}

#[test]
fn a_sentinel_that_nobody_has_inserted_is_updated_in_vain() {
    let inserts = |step: &Step| {
        let sql = step.run_sql.as_ref().map(|o| o.sql.as_str());
        sql.is_some_and(|sql| sql.starts_with("INSERT"))
    };
    let runbook = changed(SENTINEL, |steps| steps.retain(|step| !inserts(step)));
    fails(&runbook, "gate", "no step has inserted one");
    assert_ne!(outcome(&plan(&runbook, 1, &[])).verdict, Verdict::Safe);
}

#[test]
fn tables_that_dms_makes_itself_lack_what_nobody_adds() {
    let made = |step: &Step| step.create_schema.is_some();
    let completed = |step: &Step| made(step) || step.add_constraints.is_some();
    let by_dms = changed("dms-full-load-cdc", |steps| {
        steps.retain(|step| !made(step))
    });
    passes(&by_dms, "constraints", "added before the name moves");
    let bare = changed("dms-full-load-cdc", |steps| {
        steps.retain(|step| !completed(step))
    });
    fails(&bare, "constraints", "has DMS make the tables");
    assert_ne!(outcome(&plan(&bare, 1, &[])).verdict, Verdict::Safe);
}
