//! A sentinel as the gate: a row that is written on the source behind the fence, and waited for on the target.
//!
//! What carries changes in the source's order has carried all that came before the row when that is there. So it says
//! nothing of who takes another way: another DMS task, a table that is loaded later than the row's.

use super::{
    Look,
    fences::By,
    scene::{Scene, Timed},
};
use crate::{
    runbook::{CreateDmsTask, Host, Op, Query, RunSql, Until},
    workload::orders::SCHEMA_NAME,
};
use cutover_model::{
    ddl::{self, Context, Version},
    dml::{self, Assigned, Dml, Select, Value},
};

const STATEMENT: &str = "UPDATE … SET said = 'fenced' WHERE id = 1;  -- on the source, behind the fence; SELECT 1 FROM … \
                         WHERE id = 1 AND said = 'fenced';  -- on the target, until it finds the row";

fn context() -> Context {
    Context::new(SCHEMA_NAME, Version::V8_0)
}

/// Whether a statement writes a row.
pub(super) fn writes(sql: &str) -> bool {
    dml::is_dml(sql)
}

/// Whether a statement leaves a row in a table that has the values which a SELECT asks for.
fn makes(sql: &str, wanted: &Select) -> bool {
    let said = |column: &str, value: &Value| {
        let mut conditions = wanted.filter.iter();
        conditions.any(|(name, text)| name.eq_ignore_ascii_case(column) && text == value)
    };
    match dml::parse(sql, &context()) {
        Ok(Dml::Update { table, sets, .. }) => {
            let mut set = sets.iter().filter_map(|(column, to)| match to {
                Assigned::To(value) => Some((column, value)),
                Assigned::Plus(_) => None,
            });
            table == wanted.table && set.any(|(column, value)| said(column, value))
        }
        Ok(Dml::Insert { table, rows, .. }) => {
            let has = |row: &Vec<Value>| wanted.filter.iter().all(|(_, value)| row.contains(value));
            table == wanted.table && rows.iter().any(has)
        }
        _ => false,
    }
}

/// The row that a gate waits for on the target.
fn awaited<'p>(timed: &Timed<'p>) -> Option<&'p Query> {
    let Op::Wait(wait) = timed.op else {
        return None;
    };
    match wait.until.kind().ok()? {
        Until::Row(query) if query.on == Host::Target => Some(query),
        _ => None,
    }
}

/// A gate that is a row.
pub(super) fn gate(scene: &Scene<'_>, gate: &Timed<'_>) -> Option<Look> {
    let wanted = dml::parse_select(&awaited(gate)?.sql, &context()).ok()?;
    let writes = |timed: &&Timed<'_>| matches!(timed.op, Op::RunSql(RunSql { on: Host::Source, sql }) if makes(sql, &wanted));
    let mut written = scene.steps.iter().filter(writes);
    let Some(first) = written.next() else {
        return Look::fail(
            "no step writes the row that the gate waits for on the source: if it is there, it is from before",
            STATEMENT,
        );
    };
    let fence = scene.fence();
    let behind = fence.and_then(|fence| scene.drained(&fence).or(scene.awaited(&fence)));
    if behind.is_none_or(|behind| first.number < behind.number) {
        return Look::fail(
            format!(
                "\"{}\" writes the gate's row before the fence: what is committed behind it need not be there",
                first.step.say
            ),
            STATEMENT,
        );
    }
    if reads_only(scene, first) {
        return Look::fail(
            format!(
                "\"{}\" writes the gate's row while the source is read-only: the master user of RDS has no \
                 CONNECTION_ADMIN, and gets 1290 like everybody",
                first.step.say
            ),
            "SHOW GRANTS;  -- on the source; a fence that leaves the operator in: admit_clients, kill_connections",
        );
    }
    if updates_nothing(scene, first, &wanted) {
        return Look::fail(
            format!(
                "\"{}\" updates a row of a table that the runbook has made, and no step has inserted one by then: it finds \
                 nothing, and the gate waits in vain",
                first.step.say
            ),
            STATEMENT,
        );
    }
    by_other_ways(scene, &wanted)
}

/// Whether the table of the row is new, and has none by the time of the step that is to write it.
fn updates_nothing(scene: &Scene<'_>, writes: &Timed<'_>, wanted: &Select) -> bool {
    let context = context();
    let typed = scene.steps[..=writes.number].iter();
    let typed = typed.filter_map(|timed| match timed.op {
        Op::RunSql(o) if o.on == Host::Source => Some(o.sql.as_str()),
        _ => None,
    });
    let makes_table = |sql: &str| {
        let read = ddl::parse(sql, &context);
        matches!(read, Ok(ddl::Statement::CreateTable(table)) if table.name == wanted.table)
    };
    let inserts = |sql: &str| {
        let read = dml::parse(sql, &context);
        matches!(read, Ok(Dml::Insert { table, .. }) if table == wanted.table)
    };
    typed.clone().any(makes_table) && !typed.clone().any(inserts)
}

/// Whether the source is read-only at a step: it was asked to be, somebody has waited for it, and nobody has lifted it.
fn reads_only(scene: &Scene<'_>, at: &Timed<'_>) -> bool {
    let mut fences = scene.fences(Host::Source).into_iter();
    fences.any(|fence| {
        let arrived = scene.awaited(&fence);
        fence.by == By::ReadOnly
            && fence.stands_before(at)
            && arrived.is_some_and(|a| a.number < at.number)
    })
}

/// Whether some DMS task carries changes past the row, with no row of its own to wait for.
fn by_other_ways(scene: &Scene<'_>, wanted: &Select) -> Option<Look> {
    let tasks: Vec<&CreateDmsTask> = scene
        .steps
        .iter()
        .filter_map(|timed| match timed.op {
            Op::CreateDmsTask(o) => Some(o),
            _ => None,
        })
        .collect();
    let mut rows: Vec<String> = scene
        .steps
        .iter()
        .filter_map(awaited)
        .filter_map(|query| dml::parse_select(&query.sql, &context()).ok())
        .map(|select| select.table.to_string())
        .collect();
    rows.push(wanted.table.to_string());
    let carries = |task: &CreateDmsTask| {
        task.tables.is_empty() || task.tables.iter().any(|table| rows.contains(table))
    };
    match tasks.iter().find(|task| !carries(task)) {
        Some(task) => Look::fail(
            format!(
                "the DMS task {} carries no table with a row that is waited for: a sentinel says what its own task has \
                 applied",
                task.id
            ),
            STATEMENT,
        ),
        None => Look::pass(
            "the gate waits for a row that is written behind the fence",
            STATEMENT,
        ),
    }
}
