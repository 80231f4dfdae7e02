//! Is the DMS task told to lose nothing?

use super::{
    Look,
    scene::{Scene, Timed},
    tables::{tables, without_key},
};
use crate::{
    runbook::{CreateDmsTask, Migrates, Op, Policy},
    units::Bytes,
    workload_spec::{Kind, SideTable, tells_case},
};
use cutover_model::{row::is_lob, schema::TableDef};

/// `LobMaxSize` when nobody says one [D].
const LOB_MAX_SIZE: Bytes = Bytes(32 << 10);

fn task<'p>(scene: &Scene<'p>) -> Option<&'p CreateDmsTask> {
    scene.steps.iter().find_map(|timed| match timed.op {
        Op::CreateDmsTask(o) => Some(o),
        _ => None,
    })
}

pub(super) fn errors(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    // A load inserts and does nothing else.
    let applies = task.migrates != Migrates::FullLoad;
    let policies = [
        ("ApplyErrorInsertPolicy", task.insert_errors, true),
        ("ApplyErrorUpdatePolicy", task.update_errors, applies),
        ("ApplyErrorDeletePolicy", task.delete_errors, applies),
        ("DataErrorPolicy", task.data_errors, true),
    ];
    let swallows = |policy| matches!(policy, Policy::IgnoreRecord | Policy::LogError);
    let swallowing: Vec<&str> = policies
        .iter()
        .filter(|(_, policy, counts)| *counts && swallows(*policy))
        .map(|(name, ..)| *name)
        .collect();
    let statement =
        "SELECT COUNT(*) FROM awsdms_control.awsdms_apply_exceptions;  -- on the target, 0";
    match swallowing.is_empty() {
        true => Look::pass("a row that cannot be written stops something", statement),
        false => Look::fail(
            format!(
                "{}: a row that cannot be written is noted at most, and the task goes on without it",
                swallowing.join(", ")
            ),
            statement,
        ),
    }
}

pub(super) fn lobs(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    let most = task.lob_max_size.unwrap_or(LOB_MAX_SIZE);
    let statement =
        "SELECT MAX(LENGTH(document)) FROM …;  -- on the source, below LobMaxSize; or FullLobMode";
    if task.full_lobs {
        return Look::pass(
            "the task carries LOBs of any length (FullLobMode)",
            statement,
        );
    }
    // How long a recording's are nobody has measured.
    let measured = scene.plan.workload.kind == Kind::Orders;
    match tables(scene, |t| t.lob > most, has_lobs) {
        Err(not_seen) => not_seen.look(statement),
        Ok(over) if over.is_empty() => {
            Look::pass("no LOB is longer than the task carries", statement)
        }
        Ok(over) if measured => Look::fail(
            format!(
                "{over}: LOBs longer than LobMaxSize, {most}: they are cut off, with a line in the log"
            ),
            statement,
        ),
        Ok(with) => Look::warn(
            format!(
                "{with} with LOBs: those longer than LobMaxSize, {most}, are cut off; how long they are was not looked at"
            ),
            statement,
        ),
    }
}

fn has_lobs(def: &TableDef) -> bool {
    def.columns.iter().any(|column| is_lob(&column.kind))
}

pub(super) fn keys(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    if task.migrates == Migrates::FullLoad {
        return None;
    }
    let statement = "awsdms_control.awsdms_validation_failures_v1, and the tables whose validation state is `No primary key`";
    match without_key(scene) {
        Err(not_seen) => not_seen.look(statement),
        Ok(without) if without.is_empty() => Look::pass("every table has a primary key", statement),
        Ok(without) => Look::fail(
            format!(
                "{without} without a primary key: what is captured while a table is loaded comes twice, and DMS \
                 validates no such table"
            ),
            statement,
        ),
    }
}

pub(super) fn batch_apply(scene: &Scene<'_>) -> Option<Look> {
    let task = task(scene)?;
    let statement = "BatchApplyEnabled = false before the gate";
    match task.batch_apply {
        false => Look::pass("changes are applied by transaction", statement),
        true => Look::warn(
            "changes are applied table by table, net by key: parent and child rows come apart until a batch is done",
            statement,
        ),
    }
}

pub(super) fn collations(scene: &Scene<'_>) -> Option<Look> {
    let converted = scene.steps.iter().find_map(|timed| match timed.op {
        Op::CreateSchema(o) => Some(o.collation.as_deref()),
        _ => None,
    })?;
    let statement = "SELECT table_name, column_name, collation_name FROM information_schema.columns WHERE collation_name \
                     IS NOT NULL;  -- the same on the source and on the target";
    let Some(collation) = converted else {
        return Look::pass("every text keeps its collation", statement);
    };
    let telling = match tables(scene, SideTable::tells_case, text_tells_case) {
        Err(not_seen) => return not_seen.look(statement),
        Ok(telling) => telling,
    };
    if tells_case(collation) || telling.is_empty() {
        return Look::warn(
            format!(
                "every text gets {collation}: what is equal there is not what was equal before, and unique keys may \
                 refuse rows (1062)"
            ),
            statement,
        );
    }
    Look::fail(
        format!(
            "{telling}: texts that differ in nothing but small and capital letters are one under {collation}, and where \
             they are unique the second is refused (1062)"
        ),
        statement,
    )
}

fn text_tells_case(def: &TableDef) -> bool {
    let mut collations = def.columns.iter().filter_map(|c| c.collation.as_ref());
    collations.any(|collation| tells_case(&collation.name))
}

/// Keys and constraints that the target's tables were made without come before anybody writes there.
pub(super) fn constraints(scene: &Scene<'_>) -> Option<Look> {
    let made = scene.first(|op| matches!(op, Op::CreateSchema(o) if o.without_constraints))?;
    let moves = scene.moves()?;
    let statement = "SHOW CREATE TABLE …;  -- the same on the source and on the target";
    let adds = |timed: &Timed<'_>| {
        matches!(timed.op, Op::AddConstraints(_)) && timed.number < moves.number && timed.decides()
    };
    match scene.behind(made).iter().any(adds) {
        true => Look::pass(
            "what the tables are made without is added before the name moves",
            statement,
        ),
        false => Look::fail(
            format!(
                "\"{}\" leaves foreign keys and indexes for later, and no step that must succeed adds them before the \
                 name moves",
                made.step.say
            ),
            statement,
        ),
    }
}
