//! The reference says what the loader takes.

use cutover_scenarios::{parse_runbook, parse_scenario};
use cutover_sim::runbook::{
    AddConstraints, AdmitClients, Condition, CoordinatesFrom, CreateDmsTask, CreateSchema,
    CreateSnapshot, DmsCondition, DmsTask, Host, Migrates, Nothing, OnFailure, OnHost, OnReplica,
    Pause, Policy, Prep, Promises, Query, RaiseAutoIncrement, ReadCoordinates, Repoint,
    RestoreSnapshot, Role, RunSql, Runbook, SetBinlogRetention, SetEventScheduler,
    SetExternalSource, SetReadOnly, Step, TaskAction, Wait,
};
use cutover_sim::units::{Bytes, Micros};
use std::collections::BTreeSet;
use toml::Value;

const SCENARIOS: &str = include_str!("../../docs/scenarios.md");
const RUNBOOKS: &str = include_str!("../../docs/runbooks.md");

/// The example of a page.
fn example(page: &str) -> &str {
    let (_, rest) = page.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_examples_are_valid() {
    if let Err(error) = parse_scenario("docs/scenarios.md", example(SCENARIOS), &[]) {
        panic!("{error}");
    }
    if let Err(error) = parse_runbook("docs/runbooks.md", example(RUNBOOKS)) {
        panic!("{error}");
    }
}

/// A step with everything in it: no run could do it, and every key is in its text. Written without
/// `..Default`, so that a key that is added must be added here, and thereby to the reference.
fn everything() -> Step {
    Step {
        say: "x".into(),
        role: Some(Role::Fence),
        timeout: Some(Micros::secs(1)),
        on_failure: OnFailure::Retry,
        set_binlog_retention: Some(SetBinlogRetention {
            hours: 1,
            on: Host::Target,
        }),
        create_snapshot: Some(CreateSnapshot {
            id: "x".into(),
            // Waiting is the default, and left out.
            wait: false,
            of: Host::Replica,
        }),
        restore_snapshot: Some(RestoreSnapshot { id: "x".into() }),
        migrate_latest_snapshot: Some(Nothing {}),
        create_aurora_replica: Some(Nothing {}),
        create_read_replica: Some(Nothing {}),
        promote_cluster: Some(Nothing {}),
        enable_binlog: Some(Nothing {}),
        read_coordinates: Some(ReadCoordinates {
            from: CoordinatesFrom::RecoveryEvent,
            name: "x".into(),
        }),
        set_external_source: Some(SetExternalSource {
            at: Some("x".into()),
            auto_position: true,
            on: Host::Source,
        }),
        start_replication: Some(OnReplica { on: Host::Source }),
        wait: Some(Wait {
            until: Condition {
                replication_running: Some(Nothing {}),
                seconds_behind_source: Some(1),
                caught_up: Some(1),
                applied: Some("x".into()),
                read_only: Some(Host::Source),
                writable: Some(Host::Source),
                event_scheduler_on: Some(Host::Source),
                event_scheduler_off: Some(Host::Source),
                no_open_transactions: Some(Host::Source),
                snapshot_available: Some("x".into()),
                source_unchanged_since: Some("x".into()),
                no_writes_since: Some("x".into()),
                row: Some(Query {
                    on: Host::Source,
                    sql: "x".into(),
                }),
                dms: Some(DmsCondition {
                    task: "x".into(),
                    loaded: Some(Nothing {}),
                    stopped: Some(Nothing {}),
                    latency: Some(1),
                    caught_up: Some(1),
                    checkpoint: Some("x".into()),
                    validated: Some(Nothing {}),
                    nothing_mismatched: Some(Nothing {}),
                }),
            },
            every: Some(Micros::secs(1)),
            polls: Some(1),
            on: Host::Source,
            skip_errors: Some(1),
        }),
        set_read_only: Some(SetReadOnly {
            on: Host::Source,
            value: true,
            lasting: true,
        }),
        admit_clients: Some(AdmitClients {
            on: Host::Source,
            value: true,
        }),
        set_event_scheduler: Some(SetEventScheduler {
            on: Host::Source,
            value: true,
        }),
        kill_connections: Some(OnHost { on: Host::Source }),
        stop_replication: Some(OnReplica { on: Host::Source }),
        reset_external_source: Some(OnReplica { on: Host::Source }),
        raise_auto_increment: Some(RaiseAutoIncrement { gap: 1 }),
        repoint: Some(Repoint {
            to: Host::Target,
            restart_clients: true,
            share: Some(1),
        }),
        run_sql: Some(RunSql {
            on: Host::Source,
            sql: "x".into(),
        }),
        pause: Some(Pause {
            length: Micros::secs(1),
        }),
        create_cluster: Some(Nothing {}),
        create_schema: Some(CreateSchema {
            without_constraints: true,
            collation: Some("x".into()),
        }),
        add_constraints: Some(AddConstraints {
            delete_orphans: true,
        }),
        create_triggers: Some(Nothing {}),
        copy_users: Some(Nothing {}),
        create_dms_task: Some(CreateDmsTask {
            id: "x".into(),
            migrates: Migrates::Cdc,
            tables: vec!["x.x".into()],
            target_tables: Prep::DoNothing,
            insert_errors: Policy::StopTask,
            update_errors: Policy::StopTask,
            delete_errors: Policy::StopTask,
            data_errors: Policy::StopTask,
            foreign_key_checks: true,
            batch_apply: true,
            stop_after_cached_changes: true,
            stop_before_cached_changes: true,
            recovery_table: true,
            full_lobs: true,
            lob_max_size: Some(Bytes(1)),
            load_tables_at_once: Some(1),
            transaction_consistency_timeout: Some(Micros::secs(1)),
        }),
        dms_task: Some(DmsTask {
            id: "x".into(),
            action: TaskAction::Start,
            at: Some("x".into()),
        }),
    }
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_runbook_is_in_the_reference() {
    let runbook = Runbook {
        name: "x".into(),
        about: "x".into(),
        promises: Promises {
            prefix: Default::default(),
            downtime: Some(Micros::secs(1)),
        },
        steps: vec![everything()],
        abort: vec![everything()],
        stay: vec![everything()],
    };
    let mut found = BTreeSet::new();
    keys(&Value::try_from(runbook).unwrap(), &mut found);
    assert!(found.len() > 35, "{found:?}");
    for key in found {
        let written = [
            format!("`{key}`"),
            format!("`{key} = "),
            format!("`[{key}]`"),
            format!("`[[{key}]]`"),
        ];
        assert!(
            written.iter().any(|w| RUNBOOKS.contains(w)),
            "`{key}` is not in docs/runbooks.md"
        );
    }
}

#[test]
fn every_kind_of_fault_its_parameters_and_every_occasion_are_in_the_reference() {
    let reference = include_str!("../../docs/faults.md");
    for facts in cutover_sim::faults::CATALOGUE {
        let row = reference
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", facts.key)))
            .unwrap_or_else(|| panic!("no row for {}", facts.key));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let lasts = match facts.lasting {
            cutover_sim::faults::Lasting::Lasts => "yes",
            cutover_sim::faults::Lasting::Momentary => "no",
        };
        assert_eq!(cells[3], lasts, "{row}");
        let error = toml::from_str::<cutover_sim::faults::Fault>(&format!(
            "{} = {{ no_such_parameter = 1 }}",
            facts.key
        ))
        .unwrap_err();
        // `unknown field …, expected one of …` names the parameters, and for none `there are no fields`.
        for name in error.message().split('`').skip(3).step_by(2) {
            assert!(cells[2].contains(&format!("`{name}`")), "{name} in {row}");
        }
    }
    for (occasion, _) in cutover_sim::faults::Occasion::ALL {
        let name = serde_json::to_value(occasion).unwrap();
        let name = format!("`{}`", name.as_str().unwrap());
        let listed = reference.lines().filter(|line| line.starts_with("| `"));
        let mut cells = listed.filter_map(|line| line.split('|').nth(1));
        assert!(cells.any(|cell| cell.contains(&name)), "{name}");
    }
}
