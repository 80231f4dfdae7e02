//! Every key that a scenario can have, by its path: for the remedy of one that stands in the wrong table.

use cutover_sim::{
    environment::{Clients, Dms, Environment, Replicate, Retention, Source, Target},
    explore::Exploring,
    plan::{Clock, Expect},
    units::Micros,
    workload_spec::{Mix, Workload},
};
use serde::Serialize;
use toml::{Table, Value};

#[derive(Serialize)]
struct Everything {
    #[serde(flatten)]
    environment: Environment,
    clock: Clock,
    workload: Workload,
    expect: Expect,
    explore: Exploring,
}

/// A scenario's tables with every key in them and its default; keys without a default have some value.
fn everything() -> Table {
    let everything = Everything {
        environment: Environment {
            // Left out where it is as ever.
            dms: Dms {
                start: Micros::ZERO,
                ..Dms::default()
            },
            source: Source {
                event_scheduler: Some(true),
                alter_row: Micros::ZERO,
                ..Source::default()
            },
            target: Target {
                gtid_mode: Some(true),
                event_scheduler: Some(true),
                replica_parallel_workers: Some(4),
                replicate: Replicate {
                    do_db: vec!["".into()],
                    ignore_db: vec!["".into()],
                    do_table: vec!["".into()],
                    ignore_table: vec!["".into()],
                    wild_do_table: vec!["".into()],
                    wild_ignore_table: vec!["".into()],
                },
                alter_row: Micros::ZERO,
                binlog_retention: Retention::For(Micros::hours(1)),
                ..Target::default()
            },
            clients: Clients {
                autocommit: true,
                ..Clients::default()
            },
            ..Environment::default()
        },
        clock: Clock::default(),
        workload: Workload {
            first_order_after: Some(Micros::ZERO),
            paths: vec!["".into()],
            schema: Some("".into()),
            rate_by_hour: vec![1.0],
            mix: Mix {
                draft: 1,
                amend: 1,
                ..Mix::default()
            },
            ..Workload::default()
        },
        expect: Expect {
            verdict: Some(cutover_sim::outcome::Verdict::Safe),
            violates: vec!["P1".into()],
        },
        explore: Exploring::default(),
    };
    Table::try_from(everything).unwrap_or_default()
}

/// The paths of all keys with their values: `source.flush` and so on.
pub(crate) fn all() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    walk(&everything(), "", &mut found);
    found
}

fn walk(table: &Table, prefix: &str, found: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        match value {
            Value::Table(inner) => walk(inner, &format!("{path}."), found),
            _ => found.push((path, value.clone())),
        }
    }
}

/// Whether a key has this path.
pub(crate) fn is_known(path: &str) -> bool {
    all().iter().any(|(known, _)| known == path)
}

/// The paths of the keys that have this name, when it is in other tables than the one it stands in.
pub(crate) fn elsewhere(key: &str) -> Option<String> {
    let paths: Vec<String> = all()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.rsplit('.').next() == Some(key))
        .collect();
    (!paths.is_empty()).then(|| format!("`{key}` is known as {}", paths.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_table() {
        let known = elsewhere("binlog_retention");
        assert_eq!(
            known.as_deref(),
            Some("`binlog_retention` is known as source.binlog_retention, target.binlog_retention")
        );
        assert_eq!(elsewhere("colour"), None);
    }

    #[test]
    fn every_key_and_its_default_is_in_the_reference() {
        let reference = include_str!("../../docs/scenarios.md");
        let has_no_default = [
            "workload.first_order_after",
            "workload.paths",
            "workload.schema",
            "workload.rate_by_hour",
        ];
        for (path, value) in all() {
            let (table, key) = path.rsplit_once('.').unwrap();
            let (_, section) = reference
                .split_once(&format!("\n### `[{table}]`\n"))
                .unwrap_or_else(|| panic!("no section for [{table}]"));
            let section = section.split("\n### ").next().unwrap_or_default();
            let default = match value {
                _ if has_no_default.contains(&&*path)
                    || ["expect", "target.replicate"].contains(&table) =>
                {
                    "none".to_string()
                }
                _ if ["workload.mix.draft", "workload.mix.amend"].contains(&&*path) => {
                    "`0`".to_string()
                }
                _ if path == "clients.autocommit" => "`false`".to_string(),
                _ if path == "target.gtid_mode" => "the source's".to_string(),
                _ if path.ends_with(".alter_row") => "`\"5us\"`".to_string(),
                _ if path.ends_with(".event_scheduler") => "by the version".to_string(),
                _ if path == "target.replica_parallel_workers" => "by the version".to_string(),
                _ if path == "target.binlog_retention" => "`\"none\"`".to_string(),
                _ if path == "dms.start" => "`\"1m\"`".to_string(),
                _ if path == "workload.start_after" => "`0.3333333333333333`".to_string(),
                value => format!("`{value}`"),
            };
            let row = format!("\n| `{key}` | {default} | ");
            assert!(section.contains(&row), "[{table}] has no row{row}");
        }
    }
}
