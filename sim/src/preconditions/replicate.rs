//! Is every table that the source writes to applied on the target?

use super::{Look, scene::Scene};
use crate::{
    environment::Replicate,
    runbook::{Host, Op},
    workload::orders::{SCHEMA_NAME, TABLES},
    workload_spec::{Does, Kind, Workload},
};
use cutover_model::{
    apply::filter::Rules,
    ddl::{self, Context, Version},
    dml,
};

/// A table, and whether somebody writes to it.
struct Known {
    name: String,
    written: bool,
}

/// Filters leave out rows and statements that count as applied: no position, no GTID set and no lag shows it.
pub(super) fn filters(scene: &Scene<'_>) -> Option<Look> {
    scene.replicates()?;
    let replicate = &scene.plan.environment.target.replicate;
    if replicate.is_empty() {
        return None;
    }
    let rules = replicate.rules();
    let statement = "SELECT * FROM performance_schema.replication_applier_filters;  -- on the target; and the cluster \
                     parameter group's replicate-… are to be empty";
    let typed = scene.steps.iter().find_map(|timed| match timed.op {
        Op::RunSql(o) if o.on == Host::Source && !takes(&rules, &o.sql) => Some(timed.step),
        _ => None,
    });
    if let Some(step) = typed {
        let reason = format!(
            "replication filters leave out what \"{}\" does: it counts as applied, and is not there",
            step.say
        );
        return Look::fail(reason, statement);
    }
    let known = match (scene.plan.workload.kind, scene.recording) {
        (Kind::Orders, _) => of_orders(&scene.plan.workload),
        (Kind::Binlog, Some(recording)) => {
            let names = recording.declarations().map(|def| def.full_name());
            let known = names.map(|name| Known {
                name,
                written: true,
            });
            known.collect()
        }
        (Kind::Binlog, None) => {
            return Look::warn("the recording's tables were not looked at", statement);
        }
    };
    of_tables(replicate, &rules, &known, statement)
}

fn of_tables(
    replicate: &Replicate,
    rules: &Rules,
    known: &[Known],
    statement: &str,
) -> Option<Look> {
    let left_out = known.iter().filter(|table| {
        let parts = table.name.split_once('.');
        parts.is_some_and(|(schema, name)| !rules.takes_rows(schema, name))
    });
    let (written, idle): (Vec<&Known>, Vec<&Known>) = left_out.partition(|table| table.written);
    let named = |tables: &[&Known]| {
        let names: Vec<&str> = tables.iter().map(|table| &*table.name).collect();
        names.join(", ")
    };
    if !written.is_empty() {
        let reason = format!(
            "replication filters leave out {}: the changes count as applied, and are not there",
            named(&written)
        );
        return Look::fail(reason, statement);
    }
    if !idle.is_empty() {
        let reason = format!(
            "replication filters leave out {}, which nothing of this traffic writes to",
            named(&idle)
        );
        return Look::warn(reason, statement);
    }
    if !replicate.do_db.is_empty() || !replicate.ignore_db.is_empty() {
        return Look::warn(
            "the replication filters leave out no table that is known here; statements are judged by their default schema, \
             whatever they change",
            statement,
        );
    }
    let names = replicate.do_table.iter().chain(&replicate.ignore_table);
    let unknown = |name: &&String| known.iter().all(|table| table.name != **name);
    if let Some(name) = names.clone().find(unknown) {
        return Look::warn(
            format!(
                "a replication filter names `{name}`, and no table that is known here is called so"
            ),
            statement,
        );
    }
    Look::pass(
        "the replication filters leave out no table that is known here",
        statement,
    )
}

/// The tables of the orders workload: the shop's, those beside it, and the one that its events write to.
fn of_orders(workload: &Workload) -> Vec<Known> {
    let does = |kinds: &[Does]| match workload.transactions.is_empty() {
        true => kinds.iter().any(|kind| workload.mix.weight_of(*kind) > 0),
        false => workload
            .transactions
            .iter()
            .any(|t| kinds.contains(&t.does)),
    };
    let of_orders = [
        Does::Place,
        Does::Pay,
        Does::Cancel,
        Does::Draft,
        Does::Amend,
    ];
    let shop = TABLES.into_iter().map(|name| {
        let written = match name {
            "orders" => does(&of_orders),
            "order_lines" => does(&[Does::Place]),
            _ => does(&[Does::Place, Does::Transfer]),
        };
        (name.to_string(), written)
    });
    let of_sides = [Does::Place, Does::Pay, Does::Draft, Does::Amend];
    let sides = workload.tables.iter();
    let sides = sides.map(|side| (side.name.clone(), does(&of_sides)));
    let runs = (!workload.events.is_empty()).then(|| ("job_runs".to_string(), true));
    shop.chain(sides)
        .chain(runs)
        .map(|(name, written)| Known {
            name: format!("{SCHEMA_NAME}.{name}"),
            written,
        })
        .collect()
}

/// Whether what the operator types on the source is applied on the target.
fn takes(rules: &Rules, sql: &str) -> bool {
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    if dml::is_dml(sql) {
        let changed = dml::parse(sql, &context);
        return changed.map_or(true, |dml| {
            let table = dml.table();
            rules.takes_rows(&table.schema, &table.name)
        });
    }
    let statement = ddl::parse(sql, &context);
    statement.map_or(true, |statement| {
        rules.takes_statement(SCHEMA_NAME, &statement)
    })
}
