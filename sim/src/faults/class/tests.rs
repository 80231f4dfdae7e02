use super::*;
use crate::{
    environment::Environment,
    faults::*,
    plan::{Clock, Expect, PLAN_SCHEMA, Streams},
    runbook::{
        AdmitClients, Condition, OnHost, Promises, Runbook, SetExternalSource, SetReadOnly, Wait,
    },
    workload_spec::Workload,
};

/// A plan whose runbook is these steps, with a promised downtime of five minutes.
fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        schema: PLAN_SCHEMA.into(),
        scenario: String::new(),
        seed: 0,
        recorded: None,
        mutants: Default::default(),
        clock: Clock::default(),
        streams: Streams::default(),
        expect: Expect::default(),
        environment: Environment::default(),
        workload: Workload::default(),
        faults: Vec::new(),
        runbook: Runbook {
            name: "made".into(),
            about: String::new(),
            promises: Promises {
                downtime: Some(Micros::mins(5)),
                ..Promises::default()
            },
            steps,
            abort: Vec::new(),
            stay: Vec::new(),
        },
    }
}

fn fence() -> Step {
    Step {
        set_read_only: Some(SetReadOnly {
            on: Host::Source,
            value: true,
            lasting: false,
        }),
        ..Step::default()
    }
}

fn gate(until: Condition) -> Step {
    Step {
        role: Some(Role::Gate),
        wait: Some(Wait {
            until,
            every: None,
            polls: None,
            on: Host::Target,
            skip_errors: None,
        }),
        ..Step::default()
    }
}

fn is_hazard(harm: Harm, lasts: Micros, plan: &Plan) -> bool {
    let fault = Fault {
        lasts: Some(lasts),
        ..harm.into_fault()
    };
    matches!(class(&fault, plan), Some(Class::Hazard(_)))
}

#[test]
fn what_a_fence_on_the_server_stops_is_a_hazard_without_one() {
    let (fenced, open) = (plan(vec![fence()]), plan(Vec::new()));
    let minute = Micros::mins(1);
    for harm in [
        Harm::Cron(Cron { every: minute }),
        Harm::StaleDns(StaleDns { percent: 50 }),
        Harm::CachedForever(CachedForever { percent: 50 }),
        Harm::PinnedPool(PinnedPool { percent: 50 }),
        Harm::LongTransaction(LongTransaction {
            writes: Held::Draft,
        }),
    ] {
        assert!(!is_hazard(harm.clone(), minute, &fenced), "{harm:?}");
        assert!(is_hazard(harm.clone(), minute, &open), "{harm:?}");
    }
    let privileged = Harm::PrivilegedWriter(PrivilegedWriter { every: minute });
    assert!(is_hazard(privileged, minute, &fenced));
}

#[test]
fn to_configure_replication_by_position_again_is_a_hazard_and_by_gtid_is_none() {
    let again = Harm::StepAgain(StepAgain { step: 1 });
    for (at, hazard) in [(Some("cut".to_string()), true), (None, false)] {
        let configures = Step {
            set_external_source: Some(SetExternalSource {
                auto_position: at.is_none(),
                at,
                on: Host::Target,
            }),
            ..Step::default()
        };
        assert_eq!(
            is_hazard(again.clone(), Micros::ZERO, &plan(vec![configures])),
            hazard
        );
    }
}

#[test]
fn a_prepared_transaction_is_a_hazard_where_nobody_waits_for_it() {
    let xa = Harm::XaTransaction(XaTransaction {});
    let waits = gate(Condition {
        no_open_transactions: Some(Host::Source),
        ..Condition::default()
    });
    let minute = Micros::mins(1);
    assert!(!is_hazard(
        xa.clone(),
        minute,
        &plan(vec![fence(), waits.clone()])
    ));
    assert!(is_hazard(xa.clone(), minute, &plan(vec![fence()])));
    assert!(is_hazard(xa, minute, &plan(vec![waits])));
}

#[test]
fn clocks_that_disagree_are_a_hazard_for_a_gate_that_looks_at_the_lag() {
    let skew = Harm::ClockSkew(ClockSkew {
        host: Host::Source,
        ahead: Micros::secs(30),
    });
    let by_gtid = gate(Condition {
        applied: Some("fence".into()),
        ..Condition::default()
    });
    let by_lag = gate(Condition {
        seconds_behind_source: Some(0),
        ..Condition::default()
    });
    assert!(!is_hazard(
        skew.clone(),
        Micros::mins(1),
        &plan(vec![fence(), by_gtid])
    ));
    assert!(is_hazard(
        skew,
        Micros::mins(1),
        &plan(vec![fence(), by_lag])
    ));
}

#[test]
fn to_fence_the_source_again_is_a_hazard_and_to_do_another_step_again_is_none() {
    let plan = plan(vec![Step::default(), fence()]);
    let again = |step| Harm::StepAgain(StepAgain { step });
    assert!(!is_hazard(again(1), Micros::ZERO, &plan));
    assert!(is_hazard(again(2), Micros::ZERO, &plan));
    assert!(!is_hazard(again(9), Micros::ZERO, &plan));
}

#[test]
fn a_step_that_was_taken_back_since_is_a_hazard_to_repeat() {
    let to = |to| Step {
        repoint: Some(crate::runbook::Repoint {
            to,
            restart_clients: false,
            share: None,
        }),
        ..Step::default()
    };
    let again = |step| Harm::StepAgain(StepAgain { step });
    let there_and_back = plan(vec![to(Host::Target), to(Host::Source)]);
    assert!(is_hazard(again(1), Micros::ZERO, &there_and_back));
    assert!(!is_hazard(again(2), Micros::ZERO, &there_and_back));
    let there = plan(vec![to(Host::Target)]);
    assert!(!is_hazard(again(1), Micros::ZERO, &there));
}

#[test]
fn a_source_that_lets_no_client_in_is_fenced_once_those_that_were_there_are_killed() {
    let admits = |value| Step {
        admit_clients: Some(AdmitClients {
            on: Host::Source,
            value,
        }),
        ..Step::default()
    };
    let kills = Step {
        kill_connections: Some(OnHost { on: Host::Source }),
        ..Step::default()
    };
    let cron = |plan: &Plan| {
        let every = Micros::secs(1);
        is_hazard(Harm::Cron(Cron { every }), Micros::mins(1), plan)
    };
    assert!(!cron(&plan(vec![admits(false), kills.clone()])));
    assert!(cron(&plan(vec![admits(false)])), "who is there stays");
    assert!(cron(&plan(vec![kills, admits(false)])), "too early");
    let again = |plan: &Plan| is_hazard(Harm::StepAgain(StepAgain { step: 1 }), Micros::ZERO, plan);
    assert!(
        again(&plan(vec![admits(false)])),
        "it may have been given up"
    );
    assert!(
        again(&plan(vec![admits(true), admits(false)])),
        "taken back"
    );
}

#[test]
fn an_alter_table_behind_the_fence_is_stopped_by_read_only_and_not_by_a_door() {
    let fault = Harm::Ddl(Ddl { add: Added::Column }).into_fault();
    let door = Step {
        admit_clients: Some(AdmitClients {
            on: Host::Source,
            value: false,
        }),
        ..Step::default()
    };
    let of = |steps| class(&fault, &plan(steps));
    assert_eq!(of(vec![fence()]), Some(Class::Contract));
    assert_eq!(of(vec![door.clone(), fence()]), Some(Class::Contract));
    assert!(matches!(of(vec![door]), Some(Class::Hazard(_))));
}
